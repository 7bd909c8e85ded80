/* SPDX-License-Identifier: MIT
 *
 * state_test.c - what drivers ask about IRPs, threads and files, the cancel spin lock, names for
 * devices and events, and how a device is attached
 */
#include "io_test.h"

extern POBJECT_TYPE *IoCompletionObjectType; /* in no header of the DDK */

void
NtTestSetUp(void)
{
    IoTestStart();
    IoTestAddPlainDevice(0);
}

void
NtTestTearDown(void)
{
    IoDeleteDevice(IoTestDevice);
    IoTestStop();
}

/* ---- is it synchronous? ---- */

static NTSTATUS NTAPI
TellSynchronous(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IoTestComplete(Irp, STATUS_SUCCESS, IoIsOperationSynchronous(Irp));
}

typedef enum REQUEST {
    Read,
    BufferedControl,
    DirectControl,
    BufferedFsControl,
    NeitherFsControl,
    QueryInformation
} REQUEST;

#define CODE(method) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, (method), FILE_ANY_ACCESS)

static ULONG_PTR
SendRequest(HANDLE Handle, REQUEST Request)
{
    IO_STATUS_BLOCK iosb = {.Information = 77};
    UCHAR buffer[64] __attribute__((aligned(8)));
    LARGE_INTEGER zero = {.QuadPart = 0};
    NTSTATUS status;

    switch (Request) {
    case Read:
        status = USER_MODE(
            NtReadFile(Handle, NULL, NULL, NULL, &iosb, buffer, sizeof(buffer), &zero, NULL));
        break;
    case BufferedControl:
    case DirectControl:
        status = USER_MODE(NtDeviceIoControlFile(
            Handle, NULL, NULL, NULL, &iosb,
            CODE(Request == BufferedControl ? METHOD_BUFFERED : METHOD_OUT_DIRECT), NULL, 0, buffer,
            sizeof(buffer)));
        break;
    case BufferedFsControl:
    case NeitherFsControl:
        status = USER_MODE(
            NtFsControlFile(Handle, NULL, NULL, NULL, &iosb,
                            CODE(Request == BufferedFsControl ? METHOD_BUFFERED : METHOD_NEITHER),
                            NULL, 0, buffer, sizeof(buffer)));
        break;
    default:
        status = USER_MODE(
            NtQueryInformationFile(Handle, &iosb, buffer, sizeof(buffer), FileStandardInformation));
        break;
    }
    NT_EXPECT_STATUS(status, STATUS_SUCCESS);
    return iosb.Information;
}

NT_TEST(Synchronous, IsAQuestionOfFileServiceAndMethod)
{
    static const struct {
        REQUEST Request;
        BOOLEAN OnAsynchronousFile;
    } rows[] = {
        {Read, FALSE},
        {BufferedControl, TRUE},
        {DirectControl, FALSE},
        {BufferedFsControl, TRUE},
        {NeitherFsControl, FALSE},
        {QueryInformation, TRUE},
    };
    static const UCHAR majors[] = {IRP_MJ_READ, IRP_MJ_DEVICE_CONTROL, IRP_MJ_FILE_SYSTEM_CONTROL,
                                   IRP_MJ_QUERY_INFORMATION};
    HANDLE synchronous;
    HANDLE asynchronous;

    NT_FOR_EACH (major, majors) {
        IoTestDriver->MajorFunction[*major] = TellSynchronous;
    }
    synchronous = IoTestOpen(SYNC_OPTIONS);
    asynchronous = IoTestOpen(0);
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_EQ(SendRequest(synchronous, row->Request), TRUE);
        NT_EXPECT_EQ(SendRequest(asynchronous, row->Request), row->OnAsynchronousFile);
    }
    IoTestClose(synchronous);
    IoTestClose(asynchronous);
}

NT_TEST(Synchronous, PagingRequestsSayItThemselves)
{
    static const struct {
        ULONG Flags;
        BOOLEAN IsSynchronous;
    } rows[] = {
        {IRP_PAGING_IO, FALSE},
        {IRP_PAGING_IO | IRP_SYNCHRONOUS_API, FALSE},
        {IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO, TRUE},
        {IRP_SYNCHRONOUS_API, TRUE},
        {0, TRUE}, /* the file is */
    };
    HANDLE handle = IoTestOpen(SYNC_OPTIONS);
    PIRP irp = IoAllocateIrp(1, FALSE);

    IoSetNextIrpStackLocation(irp);
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_READ;
    IoGetCurrentIrpStackLocation(irp)->FileObject = IoTestFile(handle);
    NT_FOR_EACH (row, rows) {
        irp->Flags = row->Flags;
        NT_EXPECT_EQ(IoIsOperationSynchronous(irp), row->IsSynchronous);
    }
    irp->Flags = 0;
    IoGetCurrentIrpStackLocation(irp)->FileObject = NULL;
    NT_EXPECT_FALSE(IoIsOperationSynchronous(irp));
    IoSkipCurrentIrpStackLocation(irp);
    IoFreeIrp(irp);
    IoTestClose(handle);
}

/* ---- threads, sessions, stacks, access ---- */

static VOID NTAPI
TellSystemThread(PVOID Context)
{
    *(PBOOLEAN)Context = IoIsSystemThread(PsGetCurrentThread());
}

NT_TEST(Threads, SystemThreadsAreThoseOfTheKernel)
{
    OBJECT_ATTRIBUTES attributes;
    BOOLEAN isSystem = FALSE;
    HANDLE handle;

    NT_EXPECT_FALSE(IoIsSystemThread(PsGetCurrentThread())); /* a client's */
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(IoCreateSystemThread(IoTestDevice, &handle, THREAD_ALL_ACCESS, &attributes,
                                          NULL, NULL, TellSystemThread, &isSystem),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_TRUE(isSystem);
    ZwClose(handle);
}

/* The routine's return ends the thread: it need not call PsTerminateSystemThread. */
NT_TEST(Threads, WithoutMemoryNoThreadAndNoReference)
{
    LONG before = ObpPointerCount(IoTestDevice);
    BOOLEAN isSystem;
    HANDLE handle;

    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoCreateSystemThread(IoTestDevice, &handle, THREAD_ALL_ACCESS, NULL, NULL,
                                          NULL, TellSystemThread, &isSystem),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(ObpPointerCount(IoTestDevice), before);
}

NT_TEST(Threads, SessionIsThatOfTheRequestsProcess)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    ULONG session = 77;

    NT_EXPECT_STATUS(IoGetRequestorSessionId(irp, &session), STATUS_UNSUCCESSFUL);
    NT_EXPECT_EQ(session, (ULONG)-1);
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    NT_EXPECT_STATUS(IoGetRequestorSessionId(irp, &session), STATUS_SUCCESS);
    NT_EXPECT_EQ(session, 0);
    irp->Tail.Overlay.Thread = NULL;
    IoFreeIrp(irp);
}

NT_TEST(Threads, InitialStackIsItsUpperEnd)
{
    ULONG_PTR low;
    ULONG_PTR high;

    IoGetStackLimits(&low, &high);
    NT_EXPECT_EQ(IoGetInitialStack(), high);
    NT_EXPECT_TRUE((PUCHAR)&low < (PUCHAR)IoGetInitialStack());
}

NT_TEST(Files, GenericAccessIsMappedAsTheHeadersSay)
{
    PGENERIC_MAPPING mapping = IoGetFileObjectGenericMapping();
    ACCESS_MASK access = GENERIC_READ | GENERIC_EXECUTE;

    NT_EXPECT_EQ(mapping->GenericRead, FILE_GENERIC_READ);
    NT_EXPECT_EQ(mapping->GenericWrite, FILE_GENERIC_WRITE);
    NT_EXPECT_EQ(mapping->GenericExecute, FILE_GENERIC_EXECUTE);
    NT_EXPECT_EQ(mapping->GenericAll, FILE_ALL_ACCESS);
    RtlMapGenericMask(&access, mapping);
    NT_EXPECT_EQ(access, FILE_GENERIC_READ | FILE_GENERIC_EXECUTE);
}

NT_TEST(Files, CompletionPortsHaveATypeOfTheirOwn)
{
    HANDLE event = IoTestEvent(NotificationEvent);
    HANDLE handle;
    PVOID port = NULL;

    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&handle, GENERIC_ALL, NULL, 0)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(handle, 0, *IoCompletionObjectType, UserMode, &port, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(ObGetObjectType(port), *IoCompletionObjectType);
    ObDereferenceObject(port);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, UserMode, &port, NULL),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(event, 0, *IoCompletionObjectType, UserMode, &port, NULL),
        STATUS_OBJECT_TYPE_MISMATCH);
    IoTestClose(handle);
    IoTestClose(event);
}

/* ---- the cancel spin lock ---- */

static LONG Inside;
static LONG Entered;

static VOID
EnterCancelLock(PVOID Context)
{
    for (ULONG i = 0; i < 5; ++i) {
        KIRQL irql = 9;

        IoAcquireCancelSpinLock(&irql);
        NT_EXPECT_EQ(irql, PASSIVE_LEVEL);
        NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        NT_EXPECT_EQ(++Inside, 1);
        SimSchedulingPoint();
        ++Entered;
        --Inside;
        IoReleaseCancelSpinLock(irql);
        NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    }
}

NT_TEST_SEEDS(CancelLock, LetsOneInAndKeepsTheIrql, 50)
{
    IO_TEST_THREAD threads[3];
    KIRQL outer;
    KIRQL irql;

    NT_FOR_EACH (thread, threads) {
        IoTestRun(thread, EnterCancelLock, NULL);
    }
    NT_FOR_EACH (thread, threads) {
        IoTestJoin(thread);
    }
    NT_EXPECT_EQ(Entered, 15);
    KeRaiseIrql(DISPATCH_LEVEL, &outer);
    IoAcquireCancelSpinLock(&irql);
    NT_EXPECT_EQ(irql, DISPATCH_LEVEL);
    IoReleaseCancelSpinLock(irql);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(outer);
}

static BOOLEAN RoutineCalled;

static VOID NTAPI
NoteCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    RoutineCalled = TRUE;
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NT_EXPECT_TRUE(Irp->Cancel);
    IoReleaseCancelSpinLock(Irp->CancelIrql); /* held: a release without it would be reported */
}

static VOID
CancelIt(PVOID Context)
{
    NT_EXPECT_TRUE(IoCancelIrp(Context));
}

/* While a driver has it, no request becomes cancelled. */
NT_TEST_SEEDS(CancelLock, KeepsRequestsFromBeingCancelled, 50)
{
    IO_TEST_THREAD canceller;
    PIRP irp = IoAllocateIrp(1, FALSE);
    KIRQL irql;

    IoSetNextIrpStackLocation(irp);
    IoSetCancelRoutine(irp, NoteCancel);
    IoAcquireCancelSpinLock(&irql);
    IoTestRun(&canceller, CancelIt, irp);
    for (ULONG i = 0; i < 20; ++i) {
        SimSchedulingPoint();
        NT_EXPECT_FALSE(RoutineCalled);
    }
    IoReleaseCancelSpinLock(irql);
    IoTestJoin(&canceller);
    NT_EXPECT_TRUE(RoutineCalled);
    IoSkipCurrentIrpStackLocation(irp);
    IoFreeIrp(irp);
}

/* ---- names ---- */

NT_TEST(Names, SynchronizationEventIsSharedSignalledAndLetsOneThrough)
{
    UNICODE_STRING name = US(L"\\BaseNamedObjects\\IoTestEvent");
    UNICODE_STRING bad = US(L"no path");
    LARGE_INTEGER now = {.QuadPart = 0};
    HANDLE handle[2];
    PKEVENT event = IoCreateSynchronizationEvent(&name, &handle[0]);

    NT_EXPECT_NE(event, NULL);
    NT_EXPECT_EQ(event->Header.Type, EventSynchronizationObject);
    NT_EXPECT_EQ(IoCreateSynchronizationEvent(&name, &handle[1]), event);
    NT_EXPECT_STATUS(KeWaitForSingleObject(event, Executive, KernelMode, FALSE, &now),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(KeWaitForSingleObject(event, Executive, KernelMode, FALSE, &now),
                     STATUS_TIMEOUT);
    NT_EXPECT_STATUS(ZwClose(handle[1]), STATUS_SUCCESS);
    NT_EXPECT_EQ(KeSetEvent(event, IO_NO_INCREMENT, FALSE), 0);
    /* A kernel handle: user mode cannot close it. */
    NT_EXPECT_STATUS(USER_MODE(NtClose(handle[0])), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwClose(handle[0]), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoCreateSynchronizationEvent(&bad, &handle[0]), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(IoCreateSynchronizationEvent(&name, &handle[0]), NULL);
    SimSetFaultPlan(NULL, 0);
}

NT_TEST(Names, UnprotectedLinkLeadsToItsDeviceUntilDeleted)
{
    UNICODE_STRING link = US(L"\\DosDevices\\IoTestLink");
    UNICODE_STRING device = US(DEVICE_NAME);
    UNICODE_STRING empty = {0};
    UNICODE_STRING nowhere = US(L"\\NoFolder\\IoTestLink");
    HANDLE handle;

    NT_EXPECT_STATUS(IoCreateUnprotectedSymbolicLink(&link, &device), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestTryOpen(L"\\??\\IoTestLink", GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoTestFile(handle)->DeviceObject, IoTestDevice);
    IoTestClose(handle);
    NT_EXPECT_STATUS(IoCreateUnprotectedSymbolicLink(&link, &device), STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&link), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestTryOpen(L"\\??\\IoTestLink", GENERIC_READ, 0, &handle),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(IoCreateUnprotectedSymbolicLink(&empty, &device), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoCreateUnprotectedSymbolicLink(&link, &empty), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoCreateUnprotectedSymbolicLink(&nowhere, &device),
                     STATUS_OBJECT_PATH_NOT_FOUND);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoCreateUnprotectedSymbolicLink(&link, &device),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
}

/* ---- attaching ---- */

NT_TEST(Attach, ByPointerGoesOnTopOfTheStack)
{
    PDEVICE_OBJECT middle = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT top = IoTestAddDevice(NULL, 0, 0);

    NT_EXPECT_STATUS(IoAttachDeviceByPointer(middle, IoTestDevice), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoAttachDeviceByPointer(top, IoTestDevice), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoTestDevice->AttachedDevice, middle);
    NT_EXPECT_EQ(middle->AttachedDevice, top);
    NT_EXPECT_EQ(top->StackSize, 3);
    IoDetachDevice(middle);
    IoDetachDevice(IoTestDevice);
    IoDeleteDevice(top);
    IoDeleteDevice(middle);
}

NT_TEST(Attach, ByPointerNeedsATargetThatIsReadyAndStays)
{
    PDEVICE_OBJECT source = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT target = IoTestAddDevice(L"\\Device\\IoTarget", 0, DO_DEVICE_INITIALIZING);
    HANDLE handle;

    target->Flags |= DO_DEVICE_INITIALIZING;
    NT_EXPECT_STATUS(IoAttachDeviceByPointer(source, target), STATUS_NO_SUCH_DEVICE);
    target->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    NT_EXPECT_STATUS(IoTestTryOpen(L"\\Device\\IoTarget", GENERIC_READ, 0, &handle),
                     STATUS_SUCCESS);
    IoDeleteDevice(target); /* still open */
    NT_EXPECT_STATUS(IoAttachDeviceByPointer(source, target), STATUS_NO_SUCH_DEVICE);
    NT_EXPECT_EQ(target->AttachedDevice, NULL);
    IoTestClose(handle);
    IoDeleteDevice(source);
}
