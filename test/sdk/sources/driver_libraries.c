/* What drivers include for the libraries that they link; compiled as C and as C++, here and, with
 * NTBOX_PACKAGE, against the package's headers alone. */
#include <ntifs.h>
#include <ntddk.h>
#include <wsk.h>
#include <aux_klib.h>

C_ASSERT(sizeof(SOCKADDR_IN) == 16);
C_ASSERT(sizeof(SOCKADDR_IN6) == 28);
C_ASSERT(sizeof(SOCKADDR_STORAGE) == 128);
C_ASSERT(sizeof(WSK_BUF) == 24);
C_ASSERT(sizeof(WSK_REGISTRATION) == 24);
C_ASSERT(FIELD_OFFSET(WSK_PROVIDER_STREAM_DISPATCH, WskListen) == 40);
C_ASSERT(sizeof(WSK_PROVIDER_STREAM_DISPATCH) == 120);
C_ASSERT(sizeof(WSK_PROVIDER_DATAGRAM_DISPATCH) == 64);
C_ASSERT(FIELD_OFFSET(WSK_DATAGRAM_INDICATION, RemoteAddress) == 48);
C_ASSERT(sizeof(AUX_MODULE_EXTENDED_INFO) == 272);
C_ASSERT(sizeof(KBUGCHECK_DATA) == 40);
C_ASSERT(SO_WSK_EVENT_CALLBACK == 0x4002);
C_ASSERT((ULONG)SIO_WSK_QUERY_INSPECT_ID == 0x4f000005);
#ifndef NTBOX_PACKAGE
C_ASSERT(XSTATE_MASK_LEGACY == 3 && XSTATE_MASK_GSSE == 4);
#endif

static NTSTATUS NTAPI
OnReceive(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION Data, SIZE_T Indicated, SIZE_T *Accepted)
{
    return Data == NULL ? STATUS_SUCCESS : STATUS_PENDING;
}

static NTSTATUS NTAPI
OnAccept(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR Remote, PWSK_SOCKET Socket,
         PVOID *SocketContext, const WSK_CLIENT_CONNECTION_DISPATCH **Dispatch)
{
    static const WSK_CLIENT_CONNECTION_DISPATCH dispatch = {OnReceive, NULL, NULL};

    *Dispatch = &dispatch;
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_DISPATCH Client = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static const WSK_CLIENT_LISTEN_DISPATCH Listen = {OnAccept, NULL, NULL};
static WSK_REGISTRATION Registration;

/* As C sources name the functions of all sockets, and as C++ sources do. */
NTSTATUS
Close(PWSK_SOCKET Socket, PIRP Irp)
{
    const WSK_PROVIDER_LISTEN_DISPATCH *dispatch =
        (const WSK_PROVIDER_LISTEN_DISPATCH *)Socket->Dispatch;

    if (dispatch->WskCloseSocket != dispatch->Basic.WskCloseSocket) {
        return STATUS_UNSUCCESSFUL;
    }
    return dispatch->Basic.WskCloseSocket(Socket, Irp);
}

NTSTATUS
Open(PIRP Irp)
{
    WSK_CLIENT_NPI client = {NULL, &Client};
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_ACCEPT};
    WSK_PROVIDER_NPI provider;
    NTSTATUS status = WskRegister(&client, &Registration);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = WskCaptureProviderNPI(&Registration, WSK_INFINITE_WAIT, &provider);
    if (NT_SUCCESS(status)) {
        (void)provider.Dispatch->WskControlClient(provider.Client, WSK_SET_STATIC_EVENT_CALLBACKS,
                                                  sizeof(control), &control, 0, NULL, NULL, NULL);
        status = provider.Dispatch->WskSocket(provider.Client, AF_INET6, SOCK_STREAM, IPPROTO_TCP,
                                              WSK_FLAG_LISTEN_SOCKET, NULL, &Listen, NULL, NULL,
                                              NULL, Irp);
        WskReleaseProviderNPI(&Registration);
    }
    WskDeregister(&Registration);
    return status;
}

ULONG
CountModules(VOID)
{
    ULONG size = 0;

    if (!NT_SUCCESS(AuxKlibInitialize()) ||
        !NT_SUCCESS(AuxKlibQueryModuleInformation(&size, sizeof(AUX_MODULE_BASIC_INFO), NULL))) {
        return 0;
    }
    return size / sizeof(AUX_MODULE_BASIC_INFO);
}

/* Declared by the headers, there as stubs. */
BOOLEAN
IsAudited(HANDLE Handle)
{
    BOOLEAN generate = FALSE;

    return NT_SUCCESS(ObQueryObjectAuditingByHandle(Handle, &generate)) && generate;
}
