/* SPDX-License-Identifier: MIT
 *
 * csq_test.c - cancel-safe queues: every IRP leaves the queue once, whoever comes first
 */
#include "io_test.h"

typedef struct CSQ_DEVICE {
    IO_CSQ Csq;
    LIST_ENTRY List;
    KSPIN_LOCK Lock;
    LONG Canceled;
    LONG Removed;
    BOOLEAN Refuse; /* the insert routine says no */
} CSQ_DEVICE;

static CSQ_DEVICE Queue;
static IO_CSQ_IRP_CONTEXT Contexts[4];
static BOOLEAN UseContexts;
static LONG Inserted;

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

static CSQ_DEVICE *
Device(PIO_CSQ Csq)
{
    return CONTAINING_RECORD(Csq, CSQ_DEVICE, Csq);
}

static VOID NTAPI
CsqInsert(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList(&Device(Csq)->List, &Irp->Tail.Overlay.ListEntry);
}

static NTSTATUS NTAPI
CsqInsertEx(PIO_CSQ Csq, PIRP Irp, PVOID InsertContext)
{
    if (Device(Csq)->Refuse) {
        return STATUS_DEVICE_BUSY;
    }
    if (InsertContext != NULL) {
        InsertHeadList(&Device(Csq)->List, &Irp->Tail.Overlay.ListEntry);
    } else {
        InsertTailList(&Device(Csq)->List, &Irp->Tail.Overlay.ListEntry);
    }
    return STATUS_SUCCESS;
}

static VOID NTAPI
CsqRemove(PIO_CSQ Csq, PIRP Irp)
{
    (void)Csq;
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

/* PeekContext: a file object, or NULL for any. */
static PIRP NTAPI
CsqPeek(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PLIST_ENTRY head = &Device(Csq)->List;
    PLIST_ENTRY entry = Irp != NULL ? Irp->Tail.Overlay.ListEntry.Flink : head->Flink;

    for (; entry != head; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        if (PeekContext == NULL || IoGetCurrentIrpStackLocation(irp)->FileObject == PeekContext) {
            return irp;
        }
    }
    return NULL;
}

static VOID NTAPI
CsqAcquire(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&Device(Csq)->Lock, Irql);
}

static VOID NTAPI
CsqRelease(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&Device(Csq)->Lock, Irql);
}

static VOID NTAPI
CsqCanceled(PIO_CSQ Csq, PIRP Irp)
{
    NT_EXPECT_EQ(Irp->CancelRoutine, NULL);
    InterlockedIncrement(&Device(Csq)->Canceled);
    IoTestComplete(Irp, STATUS_CANCELLED, 0);
}

static NTSTATUS NTAPI
CsqDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    LONG index = InterlockedIncrement(&Inserted) - 1;
    NTSTATUS status;

    (void)DeviceObject;
    if (Queue.Csq.Type != IO_TYPE_CSQ_EX) {
        IoCsqInsertIrp(&Queue.Csq, Irp, UseContexts ? &Contexts[index] : NULL);
        SimSchedulingPoint();
        return STATUS_PENDING;
    }
    status = IoCsqInsertIrpEx(&Queue.Csq, Irp, NULL, NULL);
    if (!NT_SUCCESS(status)) {
        return IoTestComplete(Irp, status, 0);
    }
    return STATUS_PENDING;
}

static HANDLE
OpenCsq(BOOLEAN Extended)
{
    InitializeListHead(&Queue.List);
    KeInitializeSpinLock(&Queue.Lock);
    if (Extended) {
        NT_EXPECT_STATUS(IoCsqInitializeEx(&Queue.Csq, CsqInsertEx, CsqRemove, CsqPeek, CsqAcquire,
                                           CsqRelease, CsqCanceled),
                         STATUS_SUCCESS);
    } else {
        NT_EXPECT_STATUS(IoCsqInitialize(&Queue.Csq, CsqInsert, CsqRemove, CsqPeek, CsqAcquire,
                                         CsqRelease, CsqCanceled),
                         STATUS_SUCCESS);
    }
    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = CsqDispatch;
    return IoTestOpen(0);
}

static VOID
CloseCsq(HANDLE Handle)
{
    IoTestClose(Handle);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    NT_EXPECT_TRUE(IsListEmpty(&Queue.List));
    IoDeleteDevice(IoTestDevice);
}

#define SEND(handle, iosb) \
    USER_MODE(NtDeviceIoControlFile((handle), NULL, NULL, NULL, (iosb), 0, NULL, 0, NULL, 0))

NT_TEST(Csq, RemovesInOrderAndByFile)
{
    HANDLE handle = OpenCsq(FALSE);
    HANDLE other = IoTestOpen(0);
    IO_STATUS_BLOCK iosb[3];
    PIRP irp;

    NT_EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, NULL), NULL);
    SEND(handle, &iosb[0]);
    SEND(other, &iosb[1]);
    SEND(handle, &iosb[2]);
    irp = IoCsqRemoveNextIrp(&Queue.Csq, IoTestFile(other));
    NT_EXPECT_EQ(irp->UserIosb, &iosb[1]);
    NT_EXPECT_EQ(irp->CancelRoutine, NULL);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    NT_EXPECT_EQ(IoCsqRemoveNextIrp(&Queue.Csq, IoTestFile(other)), NULL);
    irp = IoCsqRemoveNextIrp(&Queue.Csq, NULL);
    NT_EXPECT_EQ(irp->UserIosb, &iosb[0]);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    irp = IoCsqRemoveNextIrp(&Queue.Csq, NULL);
    NT_EXPECT_EQ(irp->UserIosb, &iosb[2]);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    IoTestClose(other);
    CloseCsq(handle);
}

NT_TEST(Csq, ContextFindsItsIrpOnce)
{
    HANDLE handle;
    IO_STATUS_BLOCK iosb[2];
    IO_STATUS_BLOCK result;
    PIRP irp;

    UseContexts = TRUE;
    handle = OpenCsq(FALSE);
    SEND(handle, &iosb[0]);
    SEND(handle, &iosb[1]);
    irp = IoCsqRemoveIrp(&Queue.Csq, &Contexts[1]);
    NT_EXPECT_EQ(irp->UserIosb, &iosb[1]);
    NT_EXPECT_EQ(Contexts[1].Irp, NULL);
    NT_EXPECT_EQ(IoCsqRemoveIrp(&Queue.Csq, &Contexts[1]), NULL);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    USER_MODE(NtCancelIoFileEx(handle, NULL, &result));
    NT_EXPECT_STATUS(iosb[0].Status, STATUS_CANCELLED);
    NT_EXPECT_EQ(Queue.Canceled, 1);
    NT_EXPECT_EQ(Contexts[0].Irp, NULL);
    NT_EXPECT_EQ(IoCsqRemoveIrp(&Queue.Csq, &Contexts[0]), NULL);
    CloseCsq(handle);
}

/* A refused insert leaves the IRP as it was: not pended, completed by the dispatch routine. */
NT_TEST(Csq, InsertMayRefuse)
{
    HANDLE handle = OpenCsq(TRUE);
    IO_STATUS_BLOCK iosb;

    Queue.Refuse = TRUE;
    NT_EXPECT_STATUS(SEND(handle, &iosb), STATUS_DEVICE_BUSY);
    Queue.Refuse = FALSE;
    NT_EXPECT_STATUS(SEND(handle, &iosb), STATUS_PENDING);
    IoTestComplete(IoCsqRemoveNextIrp(&Queue.Csq, NULL), STATUS_SUCCESS, 0);
    CloseCsq(handle);
}

/* Cancelled before it was queued: CsqCompleteCanceledIrp is called from the insert. */
static NTSTATUS NTAPI
CancelThenInsert(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    NT_EXPECT_FALSE(IoCancelIrp(Irp));
    return CsqDispatch(DeviceObject, Irp);
}

NT_TEST(Csq, InsertOfACancelledIrp)
{
    HANDLE handle = OpenCsq(FALSE);
    IO_STATUS_BLOCK iosb;

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = CancelThenInsert;
    NT_EXPECT_STATUS(SEND(handle, &iosb), STATUS_PENDING);
    NT_EXPECT_EQ(Queue.Canceled, 1);
    NT_EXPECT_STATUS(iosb.Status, STATUS_CANCELLED);
    CloseCsq(handle);
}

/* ---- races ---- */

static HANDLE RaceFile;

static VOID
CancelSome(PVOID Context)
{
    ULONG i;

    (void)Context;
    for (i = 0; i < 3; ++i) {
        IO_STATUS_BLOCK result;

        (VOID) USER_MODE(NtCancelIoFileEx(RaceFile, NULL, &result));
        HalpYield();
    }
}

static VOID
RemoveSome(PVOID Context)
{
    ULONG i;

    for (i = 0; i < 4; ++i) {
        PIRP irp = Context != NULL ? IoCsqRemoveIrp(&Queue.Csq, &Contexts[i])
                                   : IoCsqRemoveNextIrp(&Queue.Csq, NULL);

        if (irp != NULL) {
            InterlockedIncrement(&Queue.Removed);
            IoTestComplete(irp, STATUS_SUCCESS, 0);
        }
        HalpYield();
    }
}

static VOID
RaceOnce(BOOLEAN ByContext)
{
    IO_STATUS_BLOCK iosb[4];
    IO_STATUS_BLOCK result;
    IO_TEST_THREAD canceller;
    IO_TEST_THREAD remover;
    ULONG i;

    UseContexts = ByContext;
    RaceFile = OpenCsq(FALSE);
    IoTestRun(&canceller, CancelSome, NULL);
    IoTestRun(&remover, RemoveSome, ByContext ? &Queue : NULL);
    for (i = 0; i < 4; ++i) {
        iosb[i].Status = STATUS_WAIT_1;
        NT_EXPECT_STATUS(SEND(RaceFile, &iosb[i]), STATUS_PENDING);
    }
    IoTestJoin(&remover);
    IoTestJoin(&canceller);
    (VOID) USER_MODE(NtCancelIoFileEx(RaceFile, NULL, &result));
    NT_EXPECT_EQ(Queue.Canceled + Queue.Removed, 4);
    NT_FOR_EACH (block, iosb) {
        NT_EXPECT_NE(block->Status, STATUS_WAIT_1);
    }
    CloseCsq(RaceFile);
}

NT_TEST_SEEDS(CsqRace, InsertCancelRemoveNext, 300)
{
    RaceOnce(FALSE);
}

NT_TEST_SEEDS(CsqRace, InsertCancelRemoveByContext, 300)
{
    RaceOnce(TRUE);
}
