/* SPDX-License-Identifier: MIT
 *
 * helper_test.c - start-I/O queues, IoTimer, work items, remove locks, share access, error log
 */
#include "io_test.h"

#define SECOND 1000000000ull

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

/* ---- start I/O ---- */

static PIRP Started[8];
static ULONG StartedCount;
static ULONG Nesting;
static ULONG DeepestNesting;
static BOOLEAN FinishAtOnce; /* StartIo completes and starts the next itself */
static BOOLEAN WithCancel;
static ULONG *SortKey;

static VOID NTAPI
CancelStart(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    BOOLEAN current = DeviceObject->CurrentIrp == Irp;

    if (current) {
        DeviceObject->CurrentIrp = NULL;
    } else {
        KeRemoveEntryDeviceQueue(&DeviceObject->DeviceQueue, &Irp->Tail.Overlay.DeviceQueueEntry);
    }
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    IoTestComplete(Irp, STATUS_CANCELLED, 0);
}

static VOID NTAPI
StartIo(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NT_EXPECT_EQ(DeviceObject->CurrentIrp, Irp);
    if (++Nesting > DeepestNesting) {
        DeepestNesting = Nesting;
    }
    Started[StartedCount++] = Irp;
    if (FinishAtOnce) {
        IoTestComplete(Irp, STATUS_SUCCESS, 0);
        IoStartNextPacket(DeviceObject, FALSE);
    }
    --Nesting;
}

static NTSTATUS NTAPI
QueueToStartIo(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoMarkIrpPending(Irp);
    IoStartPacket(DeviceObject, Irp, SortKey, WithCancel ? CancelStart : NULL);
    return STATUS_PENDING;
}

static HANDLE
OpenStartIo(VOID)
{
    IoTestAddPlainDevice(0);
    IoTestDriver->DriverStartIo = StartIo;
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = QueueToStartIo;
    return IoTestOpen(0);
}

#define SEND(handle, iosb) \
    USER_MODE(NtDeviceIoControlFile((handle), NULL, NULL, NULL, (iosb), 0, NULL, 0, NULL, 0))

static VOID
FinishCurrent(VOID)
{
    PIRP irp = IoTestDevice->CurrentIrp;
    KIRQL irql;

    IoSetCancelRoutine(irp, NULL);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    IoStartNextPacket(IoTestDevice, WithCancel);
    KeLowerIrql(irql);
}

static VOID
CloseStartIo(HANDLE Handle)
{
    IoTestClose(Handle);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(StartIo, OneAtATimeInOrder)
{
    HANDLE handle = OpenStartIo();
    IO_STATUS_BLOCK iosb[3];
    ULONG i;

    for (i = 0; i < 3; ++i) {
        NT_EXPECT_STATUS(SEND(handle, &iosb[i]), STATUS_PENDING);
    }
    NT_EXPECT_EQ(StartedCount, 1);
    for (i = 0; i < 3; ++i) {
        NT_EXPECT_EQ(StartedCount, i + 1);
        NT_EXPECT_EQ(Started[i]->UserIosb, &iosb[i]);
        FinishCurrent();
    }
    NT_EXPECT_EQ(IoTestDevice->CurrentIrp, NULL);
    NT_EXPECT_FALSE(IoTestDevice->DeviceQueue.Busy);
    CloseStartIo(handle);
}

NT_TEST(StartIo, KeysSort)
{
    static const ULONG keys[] = {0, 30, 10, 20, 10};
    static const ULONG order[] = {0, 2, 4, 3, 1};
    HANDLE handle = OpenStartIo();
    IO_STATUS_BLOCK iosb[5];
    ULONG key;
    ULONG i;

    SortKey = &key;
    for (i = 0; i < 5; ++i) {
        key = keys[i];
        SEND(handle, &iosb[i]);
    }
    for (i = 0; i < 5; ++i) {
        NT_EXPECT_EQ(Started[i]->UserIosb, &iosb[order[i]]);
        FinishCurrent();
    }
    CloseStartIo(handle);
}

NT_TEST(StartIo, QueuedAndCurrentCanBeCancelled)
{
    HANDLE handle;
    IO_STATUS_BLOCK iosb[2];
    IO_STATUS_BLOCK result;

    WithCancel = TRUE;
    handle = OpenStartIo();
    SEND(handle, &iosb[0]);
    SEND(handle, &iosb[1]);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[1], &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb[1].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[0], &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb[0].Status, STATUS_CANCELLED);
    CloseStartIo(handle);
}

/* Once it has been dequeued, a request of a device with this attribute cannot be cancelled. */
NT_TEST(StartIo, NonCancelableIsOutOfReachOnceItIsStarted)
{
    static const BOOLEAN rows[] = {FALSE, TRUE};

    WithCancel = TRUE;
    NT_FOR_EACH (nonCancelable, rows) {
        HANDLE handle = OpenStartIo();
        IO_STATUS_BLOCK iosb[3] = {{.Status = STATUS_PENDING}, {.Status = STATUS_PENDING}};
        IO_STATUS_BLOCK result;

        IoSetStartIoAttributes(IoTestDevice, FALSE, *nonCancelable);
        StartedCount = 0;
        for (ULONG i = 0; i < 3; ++i) {
            NT_EXPECT_STATUS(SEND(handle, &iosb[i]), STATUS_PENDING);
        }
        NT_EXPECT_EQ(Started[0]->CancelRoutine == NULL, *nonCancelable);
        FinishCurrent(); /* the second is started from the queue */
        NT_EXPECT_EQ(Started[1]->CancelRoutine == NULL, *nonCancelable);
        NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[1], &result)), STATUS_SUCCESS);
        NT_EXPECT_STATUS(iosb[1].Status, *nonCancelable ? STATUS_PENDING : STATUS_CANCELLED);
        if (*nonCancelable) {
            NT_EXPECT_TRUE(Started[1]->Cancel); /* the driver may look */
            FinishCurrent();
            NT_EXPECT_STATUS(iosb[1].Status, STATUS_SUCCESS);
        }
        /* One that waits can be cancelled all the same. */
        if (!*nonCancelable) {
            NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[2], &result)),
                             STATUS_SUCCESS);
            NT_EXPECT_STATUS(iosb[2].Status, STATUS_CANCELLED);
        } else {
            NT_EXPECT_EQ(StartedCount, 3);
            NT_EXPECT_STATUS(SEND(handle, &iosb[0]), STATUS_PENDING);
            NT_EXPECT_STATUS(USER_MODE(NtCancelIoFileEx(handle, &iosb[0], &result)),
                             STATUS_SUCCESS);
            NT_EXPECT_STATUS(iosb[0].Status, STATUS_CANCELLED);
            FinishCurrent();
        }
        CloseStartIo(handle);
    }
}

/* The first whose key is not below; without one, the first; without any, nothing happens. */
NT_TEST(StartIo, NextPacketIsChosenByKey)
{
    static const ULONG keys[] = {0, 10, 20, 30};
    static const struct {
        ULONG Key;
        ULONG Started;
    } rows[] = {{15, 2}, {31, 1}, {0, 3}};

    for (ULONG cancelable = 0; cancelable < 2; ++cancelable) {
        IO_STATUS_BLOCK iosb[4];
        HANDLE handle;
        ULONG count = 1;
        ULONG key;
        KIRQL irql;

        WithCancel = cancelable != 0;
        SortKey = &key;
        StartedCount = 0;
        handle = OpenStartIo();
        for (ULONG i = 0; i < 4; ++i) {
            key = keys[i];
            NT_EXPECT_STATUS(SEND(handle, &iosb[i]), STATUS_PENDING);
        }
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        NT_FOR_EACH (row, rows) {
            IoSetCancelRoutine(IoTestDevice->CurrentIrp, NULL);
            IoTestComplete(IoTestDevice->CurrentIrp, STATUS_SUCCESS, 0);
            IoStartNextPacketByKey(IoTestDevice, WithCancel, row->Key);
            NT_EXPECT_EQ(StartedCount, ++count);
            NT_EXPECT_EQ(Started[count - 1]->UserIosb, &iosb[row->Started]);
        }
        IoSetCancelRoutine(IoTestDevice->CurrentIrp, NULL);
        IoTestComplete(IoTestDevice->CurrentIrp, STATUS_SUCCESS, 0);
        IoStartNextPacketByKey(IoTestDevice, WithCancel, 0);
        KeLowerIrql(irql);
        NT_EXPECT_EQ(StartedCount, 4);
        NT_EXPECT_EQ(IoTestDevice->CurrentIrp, NULL);
        NT_EXPECT_FALSE(IoTestDevice->DeviceQueue.Busy);
        CloseStartIo(handle);
    }
}

NT_TEST(StartIo, DeferredStartDoesNotNest)
{
    static const BOOLEAN deferred[] = {FALSE, TRUE};

    NT_FOR_EACH (defer, deferred) {
        HANDLE handle = OpenStartIo();
        IO_STATUS_BLOCK iosb[4];
        ULONG i;

        IoSetStartIoAttributes(IoTestDevice, *defer, FALSE);
        StartedCount = DeepestNesting = 0;
        FinishAtOnce = FALSE;
        for (i = 0; i < 4; ++i) {
            SEND(handle, &iosb[i]);
        }
        FinishAtOnce = TRUE;
        FinishCurrent();
        NT_EXPECT_EQ(StartedCount, 4);
        NT_EXPECT_EQ(DeepestNesting, *defer ? 1 : 3);
        NT_EXPECT_EQ(IopIrpsInUse(), 0);
        CloseStartIo(handle);
    }
}

NT_TEST(DeviceQueue, BusyUntilEmptied)
{
    KDEVICE_QUEUE queue;
    KDEVICE_QUEUE_ENTRY entry[3];
    KIRQL irql;

    KeInitializeDeviceQueue(&queue);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_FALSE(KeInsertDeviceQueue(&queue, &entry[0]));
    NT_EXPECT_FALSE(entry[0].Inserted);
    NT_EXPECT_TRUE(KeInsertByKeyDeviceQueue(&queue, &entry[1], 5));
    NT_EXPECT_TRUE(KeInsertByKeyDeviceQueue(&queue, &entry[2], 3));
    NT_EXPECT_TRUE(KeRemoveEntryDeviceQueue(&queue, &entry[1]));
    NT_EXPECT_FALSE(KeRemoveEntryDeviceQueue(&queue, &entry[1]));
    NT_EXPECT_EQ(KeRemoveByKeyDeviceQueue(&queue, 4), &entry[2]); /* none above: the first */
    NT_EXPECT_EQ(KeRemoveByKeyDeviceQueueIfBusy(&queue, 0), NULL);
    NT_EXPECT_FALSE(queue.Busy);
    NT_EXPECT_EQ(KeRemoveByKeyDeviceQueueIfBusy(&queue, 0), NULL);
    NT_EXPECT_FALSE(KeInsertDeviceQueue(&queue, &entry[0]));
    KeLowerIrql(irql);
}

/* First in, first out; the removal that finds nothing makes the queue not busy. */
NT_TEST(DeviceQueue, HeadIsRemovedUntilNothingIsLeft)
{
    KDEVICE_QUEUE queue;
    KDEVICE_QUEUE_ENTRY busy;
    KDEVICE_QUEUE_ENTRY entry[3];
    KIRQL irql;

    KeInitializeDeviceQueue(&queue);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_FALSE(KeInsertDeviceQueue(&queue, &busy));
    for (ULONG i = 0; i < 3; ++i) {
        NT_EXPECT_TRUE(KeInsertDeviceQueue(&queue, &entry[i]));
    }
    for (ULONG i = 0; i < 3; ++i) {
        NT_EXPECT_EQ(KeRemoveDeviceQueue(&queue), &entry[i]);
        NT_EXPECT_FALSE(entry[i].Inserted);
        NT_EXPECT_TRUE(queue.Busy);
    }
    NT_EXPECT_EQ(KeRemoveDeviceQueue(&queue), NULL);
    NT_EXPECT_FALSE(queue.Busy);
    NT_EXPECT_FALSE(KeInsertDeviceQueue(&queue, &entry[0]));
    KeLowerIrql(irql);
}

/* The first entry with a key not below the one given; without one, the first of all. */
NT_TEST(DeviceQueue, KeysChooseTheNextEntry)
{
    static const struct {
        ULONG Key;
        ULONG Entry;
    } rows[] = {{11, 2}, {10, 0}, {31, 1}, {0, 3}};
    static const ULONG keys[] = {10, 5, 20, 30};

    for (ULONG ifBusy = 0; ifBusy < 2; ++ifBusy) {
        KDEVICE_QUEUE queue;
        KDEVICE_QUEUE_ENTRY busy;
        KDEVICE_QUEUE_ENTRY entry[4];
        KIRQL irql;

        KeInitializeDeviceQueue(&queue);
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        NT_EXPECT_FALSE(KeInsertDeviceQueue(&queue, &busy));
        for (ULONG i = 0; i < 4; ++i) {
            NT_EXPECT_TRUE(KeInsertByKeyDeviceQueue(&queue, &entry[i], keys[i]));
        }
        NT_FOR_EACH (row, rows) {
            PKDEVICE_QUEUE_ENTRY next = ifBusy ? KeRemoveByKeyDeviceQueueIfBusy(&queue, row->Key)
                                               : KeRemoveByKeyDeviceQueue(&queue, row->Key);

            NT_EXPECT_EQ(next, &entry[row->Entry]);
            NT_EXPECT_FALSE(entry[row->Entry].Inserted);
            NT_EXPECT_TRUE(queue.Busy);
        }
        NT_EXPECT_EQ(ifBusy ? KeRemoveByKeyDeviceQueueIfBusy(&queue, 0)
                            : KeRemoveByKeyDeviceQueue(&queue, 0),
                     NULL);
        NT_EXPECT_FALSE(queue.Busy);
        KeLowerIrql(irql);
    }
}

/* ---- timers ---- */

static LONG Ticks[2];

static VOID NTAPI
Tick(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    (void)DeviceObject;
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    InterlockedIncrement((PLONG)Context);
}

NT_TEST(IoTimer, OnceASecondWhileStarted)
{
    PDEVICE_OBJECT device[2];
    ULONG i;

    for (i = 0; i < 2; ++i) {
        device[i] = IoTestAddDevice(NULL, 0, 0);
        NT_EXPECT_STATUS(IoInitializeTimer(device[i], Tick, &Ticks[i]), STATUS_SUCCESS);
    }
    SimAdvance(3 * SECOND);
    NT_EXPECT_EQ(Ticks[0] + Ticks[1], 0);
    IoStartTimer(device[0]);
    SimAdvance(5 * SECOND + SECOND / 2);
    NT_EXPECT_EQ(Ticks[0], 5);
    IoStartTimer(device[1]);
    IoStopTimer(device[0]);
    SimAdvance(3 * SECOND);
    NT_EXPECT_EQ(Ticks[0], 5);
    NT_EXPECT_EQ(Ticks[1], 3);
    IoStopTimer(device[1]);
    IoStopTimer(device[1]);
    IoStartTimer(device[0]);
    SimAdvance(2 * SECOND + SECOND / 2);
    NT_EXPECT_EQ(Ticks[0], 7);
    IoDeleteDevice(device[0]); /* while started */
    SimAdvance(3 * SECOND);
    NT_EXPECT_EQ(Ticks[0], 7);
    IoDeleteDevice(device[1]);
}

NT_TEST(IoTimer, InitialisedTwiceIsABugCheck)
{
    PDEVICE_OBJECT device = IoTestAddDevice(NULL, 0, 0);

    IoInitializeTimer(device, Tick, &Ticks[0]);
    NT_EXPECT_BUGCHECK(0xC9, IoInitializeTimer(device, Tick, &Ticks[0]));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x0A);
}

/* ---- work items ---- */

static ULONG WorkRuns;
static PVOID WorkContext;
static PDEVICE_OBJECT WorkDevice;

static VOID NTAPI
Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    ++WorkRuns;
    WorkDevice = DeviceObject;
    WorkContext = Context;
}

static VOID NTAPI
WorkAndFree(PVOID IoObject, PVOID Context, PIO_WORKITEM Item)
{
    NT_EXPECT_EQ(IoObject, IoTestDevice);
    ++WorkRuns;
    if (Context != NULL) {
        IoQueueWorkItemEx(Item, WorkAndFree, DelayedWorkQueue, NULL);
        return;
    }
    IoFreeWorkItem(Item);
}

NT_TEST_SEEDS(WorkItem, RunsAndPinsItsDevice, 10)
{
    PIO_WORKITEM item;
    LONG references;

    IoTestAddPlainDevice(0);
    references = ObpPointerCount(IoTestDevice);
    item = IoAllocateWorkItem(IoTestDevice);
    IoQueueWorkItem(item, Work, DelayedWorkQueue, &WorkRuns);
    ExpFlushWorkItems();
    NT_EXPECT_EQ(WorkRuns, 1);
    NT_EXPECT_EQ(WorkDevice, IoTestDevice);
    NT_EXPECT_EQ(WorkContext, &WorkRuns);
    NT_EXPECT_EQ(ObpPointerCount(IoTestDevice), references);
    /* Its routine may queue it again, and free it. */
    IoQueueWorkItemEx(item, WorkAndFree, CriticalWorkQueue, item);
    ExpFlushWorkItems();
    ExpFlushWorkItems();
    NT_EXPECT_EQ(WorkRuns, 3);
    IoDeleteDevice(IoTestDevice);
}

/* Neither a device deleted meanwhile nor its memory goes before the routine has run. */
NT_TEST(WorkItem, DeviceOutlivesItsDeletion)
{
    PDEVICE_OBJECT device = IoTestAddDevice(NULL, 0, 0);
    PIO_WORKITEM item = IoAllocateWorkItem(device);

    IoQueueWorkItem(item, Work, DelayedWorkQueue, NULL);
    IoDeleteDevice(device);
    ExpFlushWorkItems();
    NT_EXPECT_EQ(WorkRuns, 1);
    IoFreeWorkItem(item);
}

NT_TEST(WorkItem, InCallersMemory)
{
    PIO_WORKITEM item = ExAllocatePoolWithTag(NonPagedPool, IoSizeofWorkItem(), 1);

    IoInitializeWorkItem(IoTestDriver, item);
    IoQueueWorkItem(item, Work, DelayedWorkQueue, NULL);
    ExpFlushWorkItems();
    NT_EXPECT_EQ(WorkDevice, (PDEVICE_OBJECT)IoTestDriver);
    IoUninitializeWorkItem(item);
    ExFreePoolWithTag(item, 1);
}

NT_TEST(WorkItem, QueuedTwiceIsABugCheck)
{
    PDEVICE_OBJECT device = IoTestAddDevice(NULL, 0, 0);
    PIO_WORKITEM item = IoAllocateWorkItem(device);

    NT_EXPECT_BUGCHECK(WORKER_INVALID, IoQueueWorkItem(item, Work, DelayedWorkQueue, NULL);
                       IoQueueWorkItem(item, Work, DelayedWorkQueue, NULL));
}

NT_TEST(WorkItem, FreedWhileQueuedIsABugCheck)
{
    PDEVICE_OBJECT device = IoTestAddDevice(NULL, 0, 0);
    PIO_WORKITEM item = IoAllocateWorkItem(device);

    NT_EXPECT_BUGCHECK(WORKER_INVALID, IoQueueWorkItem(item, Work, DelayedWorkQueue, NULL);
                       IoFreeWorkItem(item));
}

/* ---- remove locks ---- */

static IO_REMOVE_LOCK RemoveLock;
static LONG Holders;
static BOOLEAN Removed;

NT_TEST(RemoveLock, RefusesAfterRemoval)
{
    IoInitializeRemoveLock(&RemoveLock, 1, 0, 0);
    NT_EXPECT_STATUS(IoAcquireRemoveLock(&RemoveLock, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoAcquireRemoveLock(&RemoveLock, NULL), STATUS_SUCCESS);
    IoReleaseRemoveLock(&RemoveLock, NULL);
    IoReleaseRemoveLockAndWait(&RemoveLock, NULL);
    NT_EXPECT_STATUS(IoAcquireRemoveLock(&RemoveLock, NULL), STATUS_DELETE_PENDING);
}

static VOID
UseDevice(PVOID Context)
{
    ULONG i;

    (void)Context;
    for (i = 0; i < 5; ++i) {
        if (IoAcquireRemoveLock(&RemoveLock, NULL) != STATUS_SUCCESS) {
            return;
        }
        InterlockedIncrement(&Holders);
        NT_EXPECT_FALSE(__atomic_load_n(&Removed, __ATOMIC_SEQ_CST));
        HalpYield();
        InterlockedDecrement(&Holders);
        IoReleaseRemoveLock(&RemoveLock, NULL);
        HalpYield();
    }
}

NT_TEST_SEEDS(RemoveLock, WaitsForAllHolders, 200)
{
    IO_TEST_THREAD threads[2];

    IoInitializeRemoveLock(&RemoveLock, 1, 0, 0);
    NT_FOR_EACH (thread, threads) {
        IoTestRun(thread, UseDevice, NULL);
    }
    HalpYield();
    NT_EXPECT_STATUS(IoAcquireRemoveLock(&RemoveLock, NULL), STATUS_SUCCESS);
    IoReleaseRemoveLockAndWait(&RemoveLock, NULL);
    NT_EXPECT_EQ(__atomic_load_n(&Holders, __ATOMIC_SEQ_CST), 0);
    __atomic_store_n(&Removed, TRUE, __ATOMIC_SEQ_CST);
    NT_FOR_EACH (thread, threads) {
        IoTestJoin(thread);
    }
}

NT_TEST(RemoveLock, ReleasedTooOftenIsABugCheck)
{
    IoInitializeRemoveLock(&RemoveLock, 1, 0, 0);
    NT_EXPECT_BUGCHECK(0xC4, IoReleaseRemoveLock(&RemoveLock, NULL);
                       IoReleaseRemoveLock(&RemoveLock, NULL));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD6);
}

/* ---- share access ---- */

NT_TEST(ShareAccess, Table)
{
    static const struct {
        ACCESS_MASK FirstAccess;
        ULONG FirstShare;
        ACCESS_MASK SecondAccess;
        ULONG SecondShare;
        NTSTATUS Status;
    } rows[] = {
        {FILE_READ_DATA, 0, FILE_READ_DATA, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {FILE_READ_DATA, FILE_SHARE_READ, FILE_READ_DATA, FILE_SHARE_READ, STATUS_SUCCESS},
        {FILE_READ_DATA, FILE_SHARE_READ, FILE_READ_DATA, 0, STATUS_SHARING_VIOLATION},
        {FILE_READ_DATA, FILE_SHARE_READ, FILE_WRITE_DATA, 7, STATUS_SHARING_VIOLATION},
        {FILE_READ_DATA, 7, FILE_APPEND_DATA, FILE_SHARE_READ, STATUS_SUCCESS},
        {FILE_WRITE_DATA, 7, FILE_READ_DATA, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {DELETE, 7, FILE_READ_DATA, FILE_SHARE_READ, STATUS_SHARING_VIOLATION},
        {FILE_READ_DATA, FILE_SHARE_READ, DELETE, 7, STATUS_SHARING_VIOLATION},
        {FILE_READ_DATA, 0, FILE_READ_ATTRIBUTES, 0, STATUS_SUCCESS}, /* does not count */
    };

    NT_FOR_EACH (row, rows) {
        FILE_OBJECT first = {0};
        FILE_OBJECT second = {0};
        SHARE_ACCESS share;

        IoSetShareAccess(row->FirstAccess, row->FirstShare, &first, &share);
        NT_EXPECT_EQ(share.OpenCount, 1);
        NT_EXPECT_STATUS(
            IoCheckShareAccess(row->SecondAccess, row->SecondShare, &second, &share, TRUE),
            row->Status);
        if (NT_SUCCESS(row->Status)) {
            IoRemoveShareAccess(&second, &share);
        }
        NT_EXPECT_EQ(share.OpenCount, 1);
        IoRemoveShareAccess(&first, &share);
        NT_EXPECT_EQ(share.OpenCount + share.Readers + share.Writers + share.Deleters +
                         share.SharedRead + share.SharedWrite + share.SharedDelete,
                     0);
    }
}

/* Checked without being counted, then counted: the same as both at once. */
NT_TEST(ShareAccess, CheckThenUpdateCountsOnce)
{
    static const struct {
        ACCESS_MASK Access;
        ULONG Share;
        ULONG Open; /* 1: it counts */
    } rows[] = {
        {FILE_READ_DATA, FILE_SHARE_READ, 1},
        {FILE_WRITE_DATA | DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, 1},
        {FILE_READ_ATTRIBUTES, 0, 0},
    };

    NT_FOR_EACH (row, rows) {
        FILE_OBJECT file = {0};
        FILE_OBJECT other = {0};
        SHARE_ACCESS twoSteps = {0};
        SHARE_ACCESS oneStep = {0};

        NT_EXPECT_STATUS(IoCheckShareAccess(row->Access, row->Share, &file, &twoSteps, FALSE),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(twoSteps.OpenCount, 0);
        IoUpdateShareAccess(&file, &twoSteps);
        NT_EXPECT_EQ(twoSteps.OpenCount, row->Open);
        NT_EXPECT_STATUS(IoCheckShareAccess(row->Access, row->Share, &other, &oneStep, TRUE),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(memcmp(&twoSteps, &oneStep, sizeof(oneStep)), 0);
        IoRemoveShareAccess(&file, &twoSteps);
        NT_EXPECT_EQ(twoSteps.OpenCount, 0);
    }
}

/* ---- the rest ---- */

NT_TEST(ErrorLog, EntryBecomesALine)
{
    PDEVICE_OBJECT device = IoTestAddDevice(NULL, 0, 0);
    LONG references = ObpPointerCount(device);
    PIO_ERROR_LOG_PACKET packet;

    NT_EXPECT_EQ(IoAllocateErrorLogEntry(device, 4), NULL);
    NT_EXPECT_EQ(IoAllocateErrorLogEntry(device, 255), NULL);
    packet = IoAllocateErrorLogEntry(device, sizeof(*packet) + 8);
    packet->ErrorCode = (NTSTATUS)0xC0041234;
    packet->FinalStatus = STATUS_DEVICE_BUSY;
    SimTakeLog();
    IoWriteErrorLogEntry(packet);
    NT_EXPECT_CONTAINS(SimTakeLog(), "\\Driver\\IoTest: code 0xc0041234");
    packet = IoAllocateErrorLogEntry(device, sizeof(*packet));
    IoFreeErrorLogEntry(packet);
    NT_EXPECT_EQ(ObpPointerCount(device), references);
    IoDeleteDevice(device);
}

NT_TEST(Misc, CurrentThingsAreTheCallers)
{
    ULONG_PTR low;
    ULONG_PTR high;
    PIRP irp = IoAllocateIrp(1, FALSE);

    NT_EXPECT_EQ(IoGetCurrentProcess(), PspClientProcess);
    NT_EXPECT_EQ(IoThreadToProcess(PsGetCurrentThread()), PspClientProcess);
    NT_EXPECT_EQ(IoGetRequestorProcess(irp), NULL);
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    NT_EXPECT_EQ(IoGetRequestorProcess(irp), PspClientProcess);
    NT_EXPECT_EQ(IoGetRequestorProcessId(irp), (ULONG)(ULONG_PTR)PsGetProcessId(PspClientProcess));
    NT_EXPECT_FALSE(IoIs32bitProcess(irp));
    NT_EXPECT_EQ(IoGetTopLevelIrp(), NULL);
    IoSetTopLevelIrp(irp);
    NT_EXPECT_EQ(IoGetTopLevelIrp(), irp);
    IoSetTopLevelIrp(NULL);
    IoGetStackLimits(&low, &high);
    NT_EXPECT_TRUE(low < (ULONG_PTR)&irp && (ULONG_PTR)&irp < high);
    NT_EXPECT_TRUE(IoGetRemainingStackSize() < high - low);
    NT_EXPECT_TRUE(IoWithinStackLimits((ULONG_PTR)&irp, sizeof(irp)));
    NT_EXPECT_FALSE(IoWithinStackLimits((ULONG_PTR)&Ticks, sizeof(Ticks)));
    NT_EXPECT_FALSE(IoWithinStackLimits((ULONG_PTR)&irp, high - low));
    NT_EXPECT_TRUE(IoIsWdmVersionAvailable(1, 0x20));
    NT_EXPECT_TRUE(IoIsWdmVersionAvailable(6, 0));
    NT_EXPECT_FALSE(IoIsWdmVersionAvailable(7, 0));
    IoFreeIrp(irp);
}

NT_TEST(Misc, NamedEventsAreShared)
{
    UNICODE_STRING root = US(L"\\IoTestEvent");
    HANDLE handle[2];
    PKEVENT event = IoCreateNotificationEvent(&root, &handle[0]);

    NT_EXPECT_NE(event, NULL);
    NT_EXPECT_NE(KeReadStateEvent(event), 0);
    NT_EXPECT_EQ(IoCreateNotificationEvent(&root, &handle[1]), event);
    ZwClose(handle[0]);
    ZwClose(handle[1]);
}
