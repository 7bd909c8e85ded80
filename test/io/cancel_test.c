/* SPDX-License-Identifier: MIT
 *
 * cancel_test.c - cancelling: the race with completion, the cancel services, the end of a thread
 */
#include "io_test.h"

/* A driver that keeps requests in a list under a spin lock, as the WDK's samples do by hand. */
static KSPIN_LOCK QueueLock;
static LIST_ENTRY Queue;
static LONG Canceled;
static LONG Completed;
static LONG Queued; /* requests that reached the driver */

void
NtTestSetUp(void)
{
    IoTestStart();
    KeInitializeSpinLock(&QueueLock);
    InitializeListHead(&Queue);
}

void
NtTestTearDown(void)
{
    IoTestStop();
}

static VOID NTAPI
CancelQueued(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KIRQL irql;

    NT_EXPECT_EQ(DeviceObject, IoTestDevice);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&QueueLock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&QueueLock, irql);
    InterlockedIncrement(&Canceled);
    IoTestComplete(Irp, STATUS_CANCELLED, 0);
}

static NTSTATUS NTAPI
QueueIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KIRQL irql;

    (void)DeviceObject;
    KeAcquireSpinLock(&QueueLock, &irql);
    IoMarkIrpPending(Irp);
    InsertTailList(&Queue, &Irp->Tail.Overlay.ListEntry);
    IoSetCancelRoutine(Irp, CancelQueued);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        KeReleaseSpinLock(&QueueLock, irql);
        InterlockedIncrement(&Canceled);
        IoTestComplete(Irp, STATUS_CANCELLED, 0);
        return STATUS_PENDING;
    }
    KeReleaseSpinLock(&QueueLock, irql);
    InterlockedIncrement(&Queued);
    SimSchedulingPoint();
    return STATUS_PENDING;
}

/* FALSE: nothing to complete, or it is being cancelled. */
static BOOLEAN
CompleteOne(VOID)
{
    PIRP irp = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&QueueLock, &irql);
    if (!IsListEmpty(&Queue)) {
        irp = CONTAINING_RECORD(Queue.Flink, IRP, Tail.Overlay.ListEntry);
        if (IoSetCancelRoutine(irp, NULL) != NULL) {
            RemoveEntryList(&irp->Tail.Overlay.ListEntry);
        } else {
            irp = NULL;
        }
    }
    KeReleaseSpinLock(&QueueLock, irql);
    if (irp == NULL) {
        return FALSE;
    }
    InterlockedIncrement(&Completed);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    return TRUE;
}

static HANDLE
OpenQueue(ULONG Options)
{
    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = QueueIrp;
    return IoTestOpen(Options);
}

static VOID
CloseQueue(HANDLE Handle)
{
    IoTestClose(Handle);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoDeleteDevice(IoTestDevice);
}

#define SEND(handle, event, iosb) \
    USER_MODE(NtDeviceIoControlFile((handle), (event), NULL, NULL, (iosb), 0, NULL, 0, NULL, 0))

/* ---- IoCancelIrp ---- */

NT_TEST(Cancel, RoutineIsCalledOnce)
{
    HANDLE handle = OpenQueue(0);
    IO_STATUS_BLOCK iosb;
    PIRP irp;

    NT_EXPECT_STATUS(SEND(handle, NULL, &iosb), STATUS_PENDING);
    irp = CONTAINING_RECORD(Queue.Flink, IRP, Tail.Overlay.ListEntry);
    NT_EXPECT_TRUE(IoCancelIrp(irp));
    NT_EXPECT_STATUS(iosb.Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(IoTestPoll(handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(Canceled, 1);
    CloseQueue(handle);
}

static VOID NTAPI
KeepLock(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    (void)Irp;
}

NT_TEST(Cancel, RoutineThatKeepsTheLockIsABugCheck)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    IoSetNextIrpStackLocation(irp);
    IoSetCancelRoutine(irp, KeepLock);
    NT_EXPECT_BUGCHECK(0xC9, IoCancelIrp(irp));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x05);
}

NT_TEST(Cancel, WithoutRoutineOnlyMarks)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    NT_EXPECT_FALSE(IoCancelIrp(irp));
    NT_EXPECT_TRUE(irp->Cancel);
    IoFreeIrp(irp);
}

/* ---- NtCancelIoFileEx ---- */

NT_TEST(CancelEx, OneAllNone)
{
    HANDLE handle = OpenQueue(0);
    HANDLE other = IoTestOpen(0);
    IO_STATUS_BLOCK iosb[4];
    IO_STATUS_BLOCK result;
    ULONG i;

    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, NULL, &result)), STATUS_NOT_FOUND);
    for (i = 0; i < 4; ++i) {
        iosb[i].Status = STATUS_WAIT_1;
        NT_EXPECT_STATUS(SEND(i == 3 ? other : handle, NULL, &iosb[i]), STATUS_PENDING);
    }
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[1], &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(result.Status, STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb[1].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(iosb[0].Status, STATUS_WAIT_1);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[1], &result)), STATUS_NOT_FOUND);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[3], &result)), STATUS_NOT_FOUND);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, NULL, &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb[0].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(iosb[2].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(iosb[3].Status, STATUS_WAIT_1);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(other, NULL, &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, NULL, NULL)), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(NULL, NULL, &result)), STATUS_INVALID_HANDLE);
    IoTestClose(other);
    CloseQueue(handle);
}

static VOID
CancelEverything(PVOID Context)
{
    IO_STATUS_BLOCK result;

    (VOID) USER_MODE(NtCancelIoFileEx(Context, NULL, &result));
}

static VOID
CompleteEverything(PVOID Context)
{
    ULONG i;

    (void)Context;
    for (i = 0; i < 4; ++i) {
        CompleteOne();
        HalpYield();
    }
}

/* Send, cancel and complete at the same time: each request ends once, and whole. */
NT_TEST_SEEDS(CancelEx, RacesWithSendAndCompletion, 200)
{
    HANDLE handle = OpenQueue(0);
    HANDLE events[3];
    IO_STATUS_BLOCK iosb[3];
    IO_TEST_THREAD canceller;
    IO_TEST_THREAD completer;
    IO_STATUS_BLOCK result;
    ULONG i;

    IoTestRun(&canceller, CancelEverything, handle);
    IoTestRun(&completer, CompleteEverything, NULL);
    for (i = 0; i < 3; ++i) {
        events[i] = IoTestEvent(NotificationEvent);
        iosb[i].Status = STATUS_WAIT_1;
        NT_EXPECT_STATUS(SEND(handle, events[i], &iosb[i]), STATUS_PENDING);
    }
    IoTestJoin(&completer);
    IoTestJoin(&canceller);
    (VOID) USER_MODE(NtCancelIoFileEx(handle, NULL, &result));
    for (i = 0; i < 3; ++i) {
        NT_EXPECT_STATUS(USER_MODE(NtWaitForSingleObject(events[i], FALSE, NULL)), STATUS_SUCCESS);
        NT_EXPECT_TRUE(iosb[i].Status == STATUS_SUCCESS || iosb[i].Status == STATUS_CANCELLED);
        IoTestClose(events[i]);
    }
    NT_EXPECT_EQ(Canceled + Completed, 3);
    NT_EXPECT_TRUE(IsListEmpty(&Queue));
    CloseQueue(handle);
}

/* ---- NtCancelIoFile ---- */

static IO_STATUS_BLOCK OthersIosb;

static VOID
SendFromOtherThread(PVOID Context)
{
    IO_STATUS_BLOCK result;

    NT_EXPECT_STATUS(SEND(Context, NULL, &OthersIosb), STATUS_PENDING);
    while (!__atomic_load_n(&Completed, __ATOMIC_ACQUIRE)) {
        HalpYield();
    }
    NT_EXPECT_STATUS(OthersIosb.Status, STATUS_WAIT_1);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFile(Context, &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OthersIosb.Status, STATUS_CANCELLED);
}

NT_TEST_SEEDS(CancelFile, CancelsTheCallingThreadsOnly, 10)
{
    HANDLE handle = OpenQueue(0);
    IO_TEST_THREAD thread;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};
    IO_STATUS_BLOCK result;

    OthersIosb.Status = STATUS_WAIT_1;
    IoTestRun(&thread, SendFromOtherThread, handle);
    while (__atomic_load_n(&Queued, __ATOMIC_ACQUIRE) == 0) {
        HalpYield();
    }
    NT_EXPECT_STATUS(SEND(handle, NULL, &iosb), STATUS_PENDING);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFile(handle, &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(result.Status, STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_CANCELLED);
    __atomic_store_n(&Completed, 1, __ATOMIC_RELEASE);
    IoTestJoin(&thread);
    CloseQueue(handle);
}

/* ---- NtCancelSynchronousIoFile ---- */

static HANDLE WaiterThread;
static NTSTATUS WaiterStatus;

static VOID
WaitSynchronously(PVOID Context)
{
    IO_STATUS_BLOCK iosb;

    WaiterStatus = SEND(Context, NULL, &iosb);
}

typedef struct SYNCHRONOUS_WAITER {
    IO_TEST_THREAD Thread;
    HANDLE File;
    HANDLE Handle; /* of the thread, opened by itself */
} SYNCHRONOUS_WAITER;

static VOID
RunWaiter(PVOID Context)
{
    SYNCHRONOUS_WAITER *waiter = Context;
    HANDLE handle;

    NT_EXPECT_STATUS(ObOpenObjectByPointer(PsGetCurrentThread(), 0, NULL, THREAD_ALL_ACCESS,
                                           *PsThreadType, KernelMode, &handle),
                     STATUS_SUCCESS);
    __atomic_store_n(&waiter->Handle, handle, __ATOMIC_RELEASE);
    WaitSynchronously(waiter->File);
}

static HANDLE
StartWaiter(SYNCHRONOUS_WAITER *Waiter, HANDLE File)
{
    HANDLE handle;

    Waiter->File = File;
    Waiter->Handle = NULL;
    IoTestRun(&Waiter->Thread, RunWaiter, Waiter);
    while ((handle = __atomic_load_n(&Waiter->Handle, __ATOMIC_ACQUIRE)) == NULL) {
        HalpYield();
    }
    return handle;
}

NT_TEST_SEEDS(CancelSynchronous, EndsAnothersWait, 100)
{
    HANDLE handle = OpenQueue(SYNC_OPTIONS);
    SYNCHRONOUS_WAITER waiter;
    IO_STATUS_BLOCK result;
    NTSTATUS status;

    WaiterThread = StartWaiter(&waiter, handle);
    /* The request may not be under way yet. */
    do {
        status = USER_MODE(NtCancelSynchronousIoFile(WaiterThread, NULL, &result));
        NT_EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_NOT_FOUND);
        HalpYield();
    } while (status == STATUS_NOT_FOUND);
    IoTestJoin(&waiter.Thread);
    NT_EXPECT_STATUS(WaiterStatus, STATUS_CANCELLED);
    NT_EXPECT_EQ(Canceled, 1);
    NT_EXPECT_STATUS(USER_MODE(NtCancelSynchronousIoFile(WaiterThread, NULL, &result)),
                     STATUS_NOT_FOUND);
    IoTestClose(WaiterThread);
    CloseQueue(handle);
}

/* A driver that waits in its dispatch routine can be reached, too. */
static KEVENT DispatchEvent;

static VOID NTAPI
WakeDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeSetEvent(&DispatchEvent, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS NTAPI
WaitInDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    IoSetCancelRoutine(Irp, WakeDispatch);
    if (!Irp->Cancel || IoSetCancelRoutine(Irp, NULL) == NULL) {
        KeWaitForSingleObject(&DispatchEvent, Executive, KernelMode, FALSE, NULL);
    }
    return IoTestComplete(Irp, STATUS_CANCELLED, 0);
}

NT_TEST_SEEDS(CancelSynchronous, ReachesARequestInItsDispatchRoutine, 20)
{
    static const ULONG options[] = {SYNC_OPTIONS, 0};

    KeInitializeEvent(&DispatchEvent, SynchronizationEvent, FALSE);
    NT_FOR_EACH (option, options) {
        HANDLE handle = OpenQueue(*option);
        SYNCHRONOUS_WAITER waiter;
        IO_STATUS_BLOCK result;
        NTSTATUS status;

        IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = WaitInDispatch;
        WaiterThread = StartWaiter(&waiter, handle);
        do {
            status = *option != 0
                         ? USER_MODE(NtCancelSynchronousIoFile(WaiterThread, NULL, &result))
                         : USER_MODE(NtCancelIoFileEx(handle, NULL, &result));
            HalpYield();
        } while (status == STATUS_NOT_FOUND);
        IoTestJoin(&waiter.Thread);
        NT_EXPECT_STATUS(WaiterStatus, STATUS_CANCELLED);
        WaiterStatus = 0;
        IoTestClose(WaiterThread);
        CloseQueue(handle);
    }
}

/* ---- the end of a thread, of a handle, of the process ---- */

static VOID
SendAndEnd(PVOID Context)
{
    NT_EXPECT_STATUS(SEND(Context, NULL, &OthersIosb), STATUS_PENDING);
}

NT_TEST_SEEDS(Rundown, ThreadsEndCancelsItsRequests, 20)
{
    HANDLE handle = OpenQueue(0);
    IO_TEST_THREAD thread;

    OthersIosb.Status = STATUS_WAIT_1;
    IoTestRun(&thread, SendAndEnd, handle);
    IoTestJoin(&thread);
    NT_EXPECT_EQ(Canceled, 1);
    NT_EXPECT_STATUS(OthersIosb.Status, STATUS_CANCELLED);
    CloseQueue(handle);
}

static NTSTATUS NTAPI
QueueUncancelable(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    IoMarkIrpPending(Irp);
    InsertTailList(&Queue, &Irp->Tail.Overlay.ListEntry);
    return STATUS_PENDING;
}

/* A request that its driver does not give back is reported and left behind, not waited for. */
NT_TEST(Rundown, RequestThatDoesNotComeBackIsGivenUp)
{
    HANDLE handle = OpenQueue(0);
    IO_TEST_THREAD thread;
    PIRP irp;

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = QueueUncancelable;
    OthersIosb.Status = STATUS_WAIT_1;
    SimTakeLog();
    IoTestRun(&thread, SendAndEnd, handle);
    IoTestJoin(&thread);
    NT_EXPECT_CONTAINS(SimTakeLog(), "IRP_MJ_DEVICE_CONTROL");
    NT_EXPECT_EQ(IopIrpsInUse(), 1);
    irp = CONTAINING_RECORD(Queue.Flink, IRP, Tail.Overlay.ListEntry);
    NT_EXPECT_TRUE(irp->Cancel);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    NT_EXPECT_STATUS(OthersIosb.Status, STATUS_WAIT_1);
    CloseQueue(handle);
}

/* Closing a handle cancels nothing by itself: the driver's CLEANUP does. */
static NTSTATUS NTAPI
CleanupCompletes(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    while (CompleteOne()) {
    }
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

NT_TEST(Rundown, CleanupEndsPendedRequests)
{
    HANDLE handle = OpenQueue(0);
    HANDLE copy;
    HANDLE event = IoTestEvent(NotificationEvent);
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};

    IoTestDriver->MajorFunction[IRP_MJ_CLEANUP] = CleanupCompletes;
    NT_EXPECT_STATUS(USER_MODE(NtDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(),
                                                 &copy, 0, 0, DUPLICATE_SAME_ACCESS)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(SEND(handle, event, &iosb), STATUS_PENDING);
    IoTestClose(handle);
    NT_EXPECT_STATUS(iosb.Status, STATUS_WAIT_1);
    IoTestClose(copy);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestPoll(event), STATUS_SUCCESS);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(event);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST_SEEDS(Rundown, ProcessesEndCancelsAndCloses, 20)
{
    HANDLE handle = OpenQueue(0);
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(SEND(handle, NULL, &iosb), STATUS_PENDING);
    PspRundownProcess(PspClientProcess);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
    IoDeleteDevice(IoTestDevice);
}
