/* SPDX-License-Identifier: MIT
 *
 * port_test.c - completion ports: binding, delivery, order, and what is left in them
 */
#include "io_test.h"

#define PORT_ACCESS 0x1F0003

static PIRP Pended[8];
static ULONG PendedCount;
static NTSTATUS Answer;
static BOOLEAN AtOnce;

void
NtTestSetUp(void)
{
    IoTestStart();
}

void
NtTestTearDown(void)
{
    IoTestStop();
}

static NTSTATUS NTAPI
Pend(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    if (AtOnce) {
        return IoTestComplete(Irp, Answer, 7);
    }
    IoMarkIrpPending(Irp);
    Pended[PendedCount++] = Irp;
    return STATUS_PENDING;
}

static HANDLE
OpenDevice(ULONG Options)
{
    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Pend;
    return IoTestOpen(Options);
}

static HANDLE
CreatePort(VOID)
{
    HANDLE port = NULL;

    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&port, PORT_ACCESS, NULL, 0)), STATUS_SUCCESS);
    return port;
}

static NTSTATUS
Bind(HANDLE File, HANDLE Port, ULONG_PTR Key)
{
    FILE_COMPLETION_INFORMATION information = {.Port = Port, .Key = (PVOID)Key};
    IO_STATUS_BLOCK iosb;

    return USER_MODE(NtSetInformationFile(File, &iosb, &information, sizeof(information),
                                          FileCompletionInformation));
}

typedef struct PACKET {
    PVOID Key;
    PVOID Context;
    IO_STATUS_BLOCK Iosb;
} PACKET;

static NTSTATUS
Take(HANDLE Port, PACKET *Packet)
{
    LARGE_INTEGER now = {.QuadPart = 0};

    return USER_MODE(
        NtRemoveIoCompletion(Port, &Packet->Key, &Packet->Context, &Packet->Iosb, &now));
}

#define SEND(file, iosb, context)                                                               \
    USER_MODE(NtDeviceIoControlFile((file), NULL, NULL, (PVOID)(ULONG_PTR)(context), (iosb), 0, \
                                    NULL, 0, NULL, 0))

NT_TEST(Port, PostedPacketsComeInOrder)
{
    HANDLE port = CreatePort();
    PACKET packet;
    ULONG_PTR i;

    NT_EXPECT_STATUS(Take(port, &packet), STATUS_TIMEOUT);
    for (i = 1; i <= 3; ++i) {
        NT_EXPECT_STATUS(
            USER_MODE(NtSetIoCompletion(port, (PVOID)i, (PVOID)(i * 10), STATUS_WAIT_2, i * 100)),
            STATUS_SUCCESS);
    }
    for (i = 1; i <= 3; ++i) {
        NT_EXPECT_STATUS(Take(port, &packet), STATUS_SUCCESS);
        NT_EXPECT_EQ(packet.Key, i);
        NT_EXPECT_EQ(packet.Context, i * 10);
        NT_EXPECT_STATUS(packet.Iosb.Status, STATUS_WAIT_2);
        NT_EXPECT_EQ(packet.Iosb.Information, i * 100);
    }
    NT_EXPECT_STATUS(Take(port, &packet), STATUS_TIMEOUT);
    IoTestClose(port);
}

NT_TEST(Port, CompletedRequestsArriveWithKeyAndContext)
{
    HANDLE file = OpenDevice(0);
    HANDLE port = CreatePort();
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};
    PACKET packet;

    NT_EXPECT_STATUS(Bind(file, port, 0xABC), STATUS_SUCCESS);
    NT_EXPECT_STATUS(SEND(file, &iosb, 0x77), STATUS_PENDING);
    NT_EXPECT_STATUS(Take(port, &packet), STATUS_TIMEOUT);
    IoTestComplete(Pended[0], STATUS_BUFFER_OVERFLOW, 5);
    NT_EXPECT_STATUS(Take(port, &packet), STATUS_SUCCESS);
    NT_EXPECT_EQ(packet.Key, 0xABC);
    NT_EXPECT_EQ(packet.Context, 0x77);
    NT_EXPECT_STATUS(packet.Iosb.Status, STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(packet.Iosb.Information, 5);
    NT_EXPECT_STATUS(iosb.Status, STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(file);
    IoTestClose(port);
    IoDeleteDevice(IoTestDevice);
}

/* Completed in its dispatch routine: a packet, unless the file says otherwise, or it failed. */
NT_TEST(Port, RequestsCompletedAtOnce)
{
    static const struct {
        ULONG Modes;
        NTSTATUS Answer;
        ULONG_PTR Context;
        BOOLEAN Arrives;
    } rows[] = {
        {0, STATUS_SUCCESS, 1, TRUE},
        {0, STATUS_BUFFER_OVERFLOW, 1, TRUE},
        {0, STATUS_UNSUCCESSFUL, 1, FALSE},
        {0, STATUS_SUCCESS, 0, FALSE}, /* no context: no packet wanted */
        {FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, STATUS_SUCCESS, 1, FALSE},
    };

    AtOnce = TRUE;
    NT_FOR_EACH (row, rows) {
        HANDLE file = OpenDevice(0);
        HANDLE port = CreatePort();
        FILE_IO_COMPLETION_NOTIFICATION_INFORMATION modes = {row->Modes};
        IO_STATUS_BLOCK iosb;
        PACKET packet;

        NT_EXPECT_STATUS(Bind(file, port, 1), STATUS_SUCCESS);
        NT_EXPECT_STATUS(USER_MODE(NtSetInformationFile(file, &iosb, &modes, sizeof(modes),
                                                        FileIoCompletionNotificationInformation)),
                         STATUS_SUCCESS);
        Answer = row->Answer;
        NT_EXPECT_STATUS(SEND(file, &iosb, row->Context), row->Answer);
        NT_EXPECT_STATUS(Take(port, &packet), row->Arrives ? STATUS_SUCCESS : STATUS_TIMEOUT);
        IoTestClose(file);
        IoTestClose(port);
        IoDeleteDevice(IoTestDevice);
    }
}

NT_TEST(Port, NotificationModes)
{
    HANDLE file = OpenDevice(0);
    FILE_IO_COMPLETION_NOTIFICATION_INFORMATION modes = {FILE_SKIP_SET_EVENT_ON_HANDLE};
    IO_STATUS_BLOCK iosb;

    AtOnce = TRUE;
    NT_EXPECT_STATUS(USER_MODE(NtSetInformationFile(file, &iosb, &modes, sizeof(modes),
                                                    FileIoCompletionNotificationInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(SEND(file, &iosb, 0), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestPoll(file), STATUS_TIMEOUT);
    modes.Flags = 0xFF;
    NT_EXPECT_STATUS(USER_MODE(NtSetInformationFile(file, &iosb, &modes, sizeof(modes),
                                                    FileIoCompletionNotificationInformation)),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(file, &iosb, &modes, sizeof(modes),
                                                      FileIoCompletionNotificationInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(modes.Flags, FILE_SKIP_SET_EVENT_ON_HANDLE);
    IoTestClose(file);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Port, BindingIsForOneAndForAsynchronousFiles)
{
    HANDLE file = OpenDevice(0);
    HANDLE port = CreatePort();
    HANDLE synchronous;

    NT_EXPECT_STATUS(Bind(file, file, 1), STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(Bind(file, NULL, 1), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(Bind(file, port, 1), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Bind(file, port, 1), STATUS_INVALID_PARAMETER);
    synchronous = IoTestOpen(SYNC_OPTIONS);
    NT_EXPECT_STATUS(Bind(synchronous, port, 1), STATUS_INVALID_PARAMETER);
    IoTestClose(synchronous);
    IoTestClose(file);
    IoTestClose(port);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Port, NameIsSharedAndTaken)
{
    UNICODE_STRING name = US(L"\\BaseNamedObjects\\Port");
    UNICODE_STRING other = US(L"\\BaseNamedObjects\\Event");
    UNICODE_STRING nowhere = US(L"\\NoFolder\\Port");
    LARGE_INTEGER now = {.QuadPart = 0};
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    PVOID key = NULL;
    PVOID context;
    HANDLE event;
    HANDLE port[2];

    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&port[0], PORT_ACCESS, &attributes, 0)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&port[1], PORT_ACCESS, &attributes, 0)),
                     STATUS_OBJECT_NAME_COLLISION);
    attributes.Attributes |= OBJ_OPENIF;
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&port[1], PORT_ACCESS, &attributes, 0)),
                     STATUS_OBJECT_NAME_EXISTS);
    NT_EXPECT_STATUS(USER_MODE(NtSetIoCompletion(port[0], (PVOID)7, NULL, STATUS_SUCCESS, 0)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtRemoveIoCompletion(port[1], &key, &context, &iosb, &now)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(key, 7);
    attributes.ObjectName = &other;
    NT_EXPECT_STATUS(
        USER_MODE(NtCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE)),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&key, PORT_ACCESS, &attributes, 0)),
                     STATUS_OBJECT_TYPE_MISMATCH);
    attributes.ObjectName = &nowhere;
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&key, PORT_ACCESS, &attributes, 0)),
                     STATUS_OBJECT_PATH_NOT_FOUND);
    IoTestClose(event);
    IoTestClose(port[0]);
    IoTestClose(port[1]);
    attributes.ObjectName = &name;
    attributes.Attributes = OBJ_CASE_INSENSITIVE; /* the name went with the last handle */
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&port[0], PORT_ACCESS, &attributes, 0)),
                     STATUS_SUCCESS);
    IoTestClose(port[0]);
}

NT_TEST(Port, BadPointers)
{
    HANDLE port = CreatePort();
    PVOID bad = (PVOID)(ULONG_PTR)0x10000;
    OBJECT_ATTRIBUTES attributes;
    LARGE_INTEGER now = {.QuadPart = 0};
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    PVOID value;

    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(bad, PORT_ACCESS, NULL, 0)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&handle, PORT_ACCESS, bad, 0)),
                     STATUS_ACCESS_VIOLATION);
    InitializeObjectAttributes(&attributes, bad, 0, NULL, NULL);
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&handle, PORT_ACCESS, &attributes, 0)),
                     STATUS_ACCESS_VIOLATION);
    attributes.Length = 3;
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&handle, PORT_ACCESS, &attributes, 0)),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(USER_MODE(NtRemoveIoCompletion(port, bad, &value, &iosb, &now)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(USER_MODE(NtRemoveIoCompletion(port, &value, bad, &iosb, &now)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(USER_MODE(NtRemoveIoCompletion(port, &value, &value, bad, &now)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(USER_MODE(NtRemoveIoCompletion(port, &value, &value, &iosb, bad)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(USER_MODE(NtSetIoCompletion(NULL, NULL, NULL, 0, 0)), STATUS_INVALID_HANDLE);
    IoTestClose(port);
}

/* What nobody took goes with the port: packets of both kinds. */
NT_TEST(Port, LeftoversAreFreedWithThePort)
{
    HANDLE file = OpenDevice(0);
    HANDLE port = CreatePort();
    IO_STATUS_BLOCK iosb;
    ULONG i;

    Bind(file, port, 1);
    for (i = 0; i < 3; ++i) {
        NT_EXPECT_STATUS(SEND(file, &iosb, 1), STATUS_PENDING);
        IoTestComplete(Pended[i], STATUS_SUCCESS, 0);
        USER_MODE(NtSetIoCompletion(port, NULL, NULL, 0, 0));
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 3);
    IoTestClose(file);
    IoTestClose(port);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoDeleteDevice(IoTestDevice);
}

/* Requests to a file with a port are the file's, not the thread's: they outlive it. */
static IO_STATUS_BLOCK OthersIosb;

static VOID
SendAndEnd(PVOID Context)
{
    NT_EXPECT_STATUS(SEND(Context, &OthersIosb, 5), STATUS_PENDING);
}

NT_TEST_SEEDS(Port, RequestsOutliveTheirThread, 20)
{
    HANDLE file = OpenDevice(0);
    HANDLE port = CreatePort();
    IO_TEST_THREAD thread;
    IO_STATUS_BLOCK result;
    PACKET packet;

    Bind(file, port, 1);
    IoTestRun(&thread, SendAndEnd, file);
    IoTestJoin(&thread);
    NT_EXPECT_EQ(IopIrpsInUse(), 1);
    NT_EXPECT_FALSE(Pended[0]->Cancel);
    /* CancelIoEx finds it by its file. */
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(file, &OthersIosb, &result)), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Pended[0]->Cancel);
    IoTestComplete(Pended[0], STATUS_CANCELLED, 0);
    NT_EXPECT_STATUS(Take(port, &packet), STATUS_SUCCESS);
    NT_EXPECT_STATUS(packet.Iosb.Status, STATUS_CANCELLED);
    IoTestClose(file);
    IoTestClose(port);
    IoDeleteDevice(IoTestDevice);
}

/* ---- many threads ---- */

static LONG Taken;

static VOID
TakeFour(PVOID Context)
{
    ULONG i;

    for (i = 0; i < 4; ++i) {
        PACKET packet;

        NT_EXPECT_STATUS(USER_MODE(NtRemoveIoCompletion(Context, &packet.Key, &packet.Context,
                                                        &packet.Iosb, NULL)),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(packet.Iosb.Status, STATUS_SUCCESS);
        NT_EXPECT_EQ(packet.Key, 9);
        InterlockedIncrement(&Taken);
    }
}

NT_TEST_SEEDS(Port, ManyConsumersTakeEachPacketOnce, 50)
{
    HANDLE file = OpenDevice(0);
    HANDLE port = CreatePort();
    IO_TEST_THREAD threads[2];
    IO_STATUS_BLOCK iosb[8];
    ULONG i;

    Bind(file, port, 9);
    NT_FOR_EACH (thread, threads) {
        IoTestRun(thread, TakeFour, port);
    }
    for (i = 0; i < 8; ++i) {
        NT_EXPECT_STATUS(SEND(file, &iosb[i], &iosb[i]), STATUS_PENDING);
        HalpYield();
    }
    for (i = 0; i < 8; ++i) {
        IoTestComplete(Pended[i], STATUS_SUCCESS, i);
        HalpYield();
    }
    NT_FOR_EACH (thread, threads) {
        IoTestJoin(thread);
    }
    NT_EXPECT_EQ(Taken, 8);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(file);
    IoTestClose(port);
    IoDeleteDevice(IoTestDevice);
}
