/* SPDX-License-Identifier: MIT
 *
 * memory_test.c - every allocation of an open and of a request fails once, and nothing is lost
 */
#include "io_test.h"

extern BOOLEAN IopIrpCacheDisabled;

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
Echo(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    return IoTestComplete(
        Irp, STATUS_SUCCESS,
        IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.OutputBufferLength);
}

typedef NTSTATUS STEP(PVOID Context);

/*
 * Runs Step with the first, second, ... allocation failing, until it succeeds unhindered. Each
 * failure must be told as one, and leave pool, IRPs and objects as they were.
 */
static ULONG
Sweep(STEP *Step, PVOID Context)
{
    ULONG failures = 0;
    ULONG n;

    IopIrpCacheDisabled = TRUE;
    for (n = 1; n < 200; ++n) {
        ULONG64 blocks = IoTestPoolBlocks();
        LONG objects = ObpObjectsInUse(NULL);
        NTSTATUS status;

        SimSetFaultPlan(NULL, n);
        status = Step(Context);
        if (SimFaultPoints() < n) {
            SimSetFaultPlan(NULL, 0);
            NT_EXPECT_STATUS(status, STATUS_SUCCESS);
            break;
        }
        SimSetFaultPlan(NULL, 0);
        ObpRunDeferredDeletes();
        NT_EXPECT_TRUE(status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_SUCCESS);
        failures += status == STATUS_INSUFFICIENT_RESOURCES;
        NT_EXPECT_EQ(IoTestPoolBlocks(), blocks);
        NT_EXPECT_EQ(ObpObjectsInUse(NULL), objects);
        NT_EXPECT_EQ(IopIrpsInUse(), 0);
        NT_EXPECT_EQ(MiLockedMdlCount(), 0);
    }
    NT_EXPECT_TRUE(n < 200);
    return failures;
}

static NTSTATUS
OpenAndClose(PVOID Context)
{
    UNICODE_STRING name = US(DEVICE_NAME L"\\some\\tail");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    UCHAR ea[16] = {0};
    HANDLE handle;
    NTSTATUS status;

    (void)Context;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = USER_MODE(NtCreateFile(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 0,
                                    FILE_OPEN, 0, ea, sizeof(ea)));
    if (NT_SUCCESS(status)) {
        IoTestClose(handle);
    }
    return status;
}

NT_TEST(Memory, OpenSurvivesEveryFailure)
{
    ULONG failures;

    IoTestAddPlainDevice(0);
    IoTestClose(IoTestOpen(0)); /* what is made once is made */
    failures = Sweep(OpenAndClose, NULL);
    NT_EXPECT_TRUE(failures >= 4);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
    IoDeleteDevice(IoTestDevice);
}

typedef struct REQUEST {
    HANDLE Handle;
    ULONG Code;
    ULONG Length;
} REQUEST;

static NTSTATUS
SendControl(PVOID Context)
{
    static UCHAR buffer[4096];
    REQUEST *request = Context;
    IO_STATUS_BLOCK iosb;

    return USER_MODE(NtDeviceIoControlFile(request->Handle, NULL, NULL, NULL, &iosb, request->Code,
                                           buffer, request->Length, buffer, request->Length));
}

NT_TEST(Memory, ControlSurvivesEveryFailure)
{
    static const ULONG methods[] = {METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_OUT_DIRECT,
                                    METHOD_NEITHER};
    static const ULONG lengths[] = {0, 4, 4096};
    static const ULONG options[] = {0, SYNC_OPTIONS};

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Echo;
    NT_FOR_EACH (option, options) {
        REQUEST request = {.Handle = IoTestOpen(*option)};

        NT_FOR_EACH (method, methods) {
            NT_FOR_EACH (length, lengths) {
                ULONG failures;

                request.Code = CTL_CODE(0x22, 1, *method, FILE_ANY_ACCESS);
                request.Length = *length;
                failures = Sweep(SendControl, &request);
                NT_EXPECT_TRUE(failures >= 1);
                NT_EXPECT_TRUE(*length != 4096 || *method == METHOD_NEITHER || failures >= 2);
            }
        }
        IoTestClose(request.Handle);
    }
    IoDeleteDevice(IoTestDevice);
}

static NTSTATUS
CreateAndDelete(PVOID Context)
{
    UNICODE_STRING name = US(L"\\Device\\Sweep");
    UNICODE_STRING link = US(L"\\DosDevices\\Sweep");
    PDEVICE_OBJECT device;
    NTSTATUS status;

    (void)Context;
    status = IoCreateDevice(IoTestDriver, 100, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateSymbolicLink(&link, &name);
    if (NT_SUCCESS(status)) {
        status = IoDeleteSymbolicLink(&link); /* may need memory, and leaves the link then */
        if (!NT_SUCCESS(status)) {
            NT_EXPECT_STATUS(IoDeleteSymbolicLink(&link), STATUS_SUCCESS);
        }
    }
    IoDeleteDevice(device);
    return status;
}

NT_TEST(Memory, DeviceAndLinkSurviveEveryFailure)
{
    NT_EXPECT_TRUE(Sweep(CreateAndDelete, NULL) >= 5);
}

static NTSTATUS
UsePort(PVOID Context)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    IO_STATUS_BLOCK iosb;
    HANDLE port;
    PVOID key;
    NTSTATUS status;

    (void)Context;
    status = USER_MODE(NtCreateIoCompletion(&port, 0x1F0003, NULL, 0));
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = USER_MODE(NtSetIoCompletion(port, NULL, NULL, 0, 0));
    if (NT_SUCCESS(status)) {
        NT_EXPECT_STATUS(USER_MODE(NtRemoveIoCompletion(port, &key, &key, &iosb, &now)),
                         STATUS_SUCCESS);
    }
    IoTestClose(port);
    return status;
}

NT_TEST(Memory, PortSurvivesEveryFailure)
{
    NT_EXPECT_STATUS(UsePort(NULL), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Sweep(UsePort, NULL) >= 2);
}

static NTSTATUS
BuildRequests(PVOID Context)
{
    PDEVICE_OBJECT device = Context;
    UCHAR *buffer = ExAllocatePoolWithTag(NonPagedPool, 4096, 1);
    IO_STATUS_BLOCK iosb;
    KEVENT event;
    PIRP irp;

    if (buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    irp = IoBuildDeviceIoControlRequest(CTL_CODE(0x22, 1, METHOD_OUT_DIRECT, 0), device, buffer,
                                        4096, buffer, 4096, FALSE, &event, &iosb);
    if (irp != NULL) {
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        IoCallDriver(device, irp);
    }
    ExFreePoolWithTag(buffer, 1);
    return irp != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NT_TEST(Memory, BuiltRequestsSurviveEveryFailure)
{
    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Echo;
    NT_EXPECT_TRUE(Sweep(BuildRequests, IoTestDevice) >= 4);
    IoDeleteDevice(IoTestDevice);
}

/* Requests leave nothing behind: the same pool blocks after a thousand as after one. */
NT_TEST(Memory, SteadyStateHoldsNoMemory)
{
    REQUEST request;
    ULONG64 blocks;
    ULONG i;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Echo;
    request.Handle = IoTestOpen(SYNC_OPTIONS);
    request.Code = CTL_CODE(0x22, 1, METHOD_BUFFERED, FILE_ANY_ACCESS);
    request.Length = 4;
    NT_EXPECT_STATUS(SendControl(&request), STATUS_SUCCESS);
    blocks = IoTestPoolBlocks();
    for (i = 0; i < 1000; ++i) {
        NT_EXPECT_STATUS(SendControl(&request), STATUS_SUCCESS);
    }
    NT_EXPECT_EQ(IoTestPoolBlocks(), blocks);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(request.Handle);
    IoDeleteDevice(IoTestDevice);
}
