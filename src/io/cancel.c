/* SPDX-License-Identifier: MIT
 *
 * io/cancel.c - cancelling IRPs: by drivers, by the cancel services, at a thread's end
 *
 * A canceller that is not the IRP's owner finds it through a thread's slot or a list, takes a
 * reference under that lock (I2), leaves the lock and calls IopCancelIrp. The IRP may be completed
 * meanwhile: then cancelling it does nothing.
 *
 * Locks    IopCancelLock is NT's cancel spin lock; a cancel routine is called with it held and
 *          releases it. Others: see io/iop.h.
 * Source   WDK reference, wdm.h IoCancelIrp, IoSetCancelRoutine; CancelIo, CancelIoEx,
 *          CancelSynchronousIo of the SDK.
 */
#include "io/iop.h"

KSPIN_LOCK IopCancelLock;

/* What a canceller looks for. */
typedef struct IOP_CANCEL_SCOPE {
    PFILE_OBJECT File;     /* NULL: any */
    PETHREAD Thread;       /* NULL: all of the current process */
    PIO_STATUS_BLOCK Iosb; /* NULL: any */
    BOOLEAN SynchronousOnly;
    BOOLEAN Found; /* result: something matched, cancelled before or not */
} IOP_CANCEL_SCOPE;

/*
 * Drivers read Irp->Cancel without a lock once their exchange of the cancel routine is done. The
 * protocol orders that, or does not care; ThreadSanitizer cannot know.
 */
static __attribute__((noinline, no_sanitize("thread"))) VOID
IopMarkCanceled(PIRP Irp)
{
    Irp->Cancel = TRUE;
}

static __attribute__((noinline, no_sanitize("thread"))) BOOLEAN
IopIsCanceled(PIRP Irp)
{
    return Irp->Cancel;
}

BOOLEAN
IopCancelIrp(PIRP Irp, ULONG_PTR Caller)
{
    PDRIVER_CANCEL routine;
    IOP_IRP *header;
    KIRQL irql;

    KeAcquireSpinLock(&IopCancelLock, &irql);
    IopMarkCanceled(Irp);
    routine = IoSetCancelRoutine(Irp, NULL);
    if (routine == NULL) {
        KeReleaseSpinLock(&IopCancelLock, irql);
        return FALSE;
    }
    /* The cancel routine owns the IRP now. */
    header = IopIrpHeader(Irp);
    if (Irp->CurrentLocation > Irp->StackCount + 1 ||
        (header != NULL && IopIrpState(header) >= IopIrpCompleted)) {
        IopIrpBugCheck(CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)routine, Irp,
                       "an IRP with a cancel routine is completed already");
    }
    if (header != NULL) {
        IopRecordIrp(header, IopEventCanceled, Caller, (ULONG_PTR)routine, 0);
    }
    Irp->CancelIrql = irql;
    routine(Irp->Tail.Overlay.CurrentStackLocation->DeviceObject, Irp);
    if (KiCurrentIrql() != irql) {
        KiBugCheckDetail(IOP_BUGCHECK_IO, IOP_C9_IRQL_CHANGED, (ULONG_PTR)routine, irql,
                         KiCurrentIrql(),
                         "a cancel routine was called at IRQL %u and returned at IRQL %u: it must "
                         "call IoReleaseCancelSpinLock(Irp->CancelIrql)",
                         irql, KiCurrentIrql());
    }
    return TRUE;
}

/* ---- finding IRPs ---- */

static IOP_IRP *
IopLockSlot(PETHREAD Thread)
{
    for (;;) {
        ULONG_PTR slot = __atomic_load_n(&Thread->IoSlot, __ATOMIC_ACQUIRE);

        if (slot == 0) {
            return NULL;
        }
        if (!(slot & 1) && __atomic_compare_exchange_n(&Thread->IoSlot, &slot, slot | 1, FALSE,
                                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            return (IOP_IRP *)slot;
        }
        HalpPause();
    }
}

static VOID
IopUnlockSlot(PETHREAD Thread, IOP_IRP *Header)
{
    __atomic_store_n(&Thread->IoSlot, (ULONG_PTR)Header, __ATOMIC_RELEASE);
}

/* TRUE: take it. The IRP's slot or list is locked. */
static BOOLEAN
IopMatches(IOP_CANCEL_SCOPE *Scope, IOP_IRP *Header)
{
    PIRP irp = &Header->Irp;

    if (__atomic_load_n(&Header->Handoff, __ATOMIC_ACQUIRE) == IopDone ||
        (Scope->Thread != NULL && Header->Issuer != Scope->Thread) ||
        (Scope->File != NULL &&
         (Header->Kind != IopIrpService || irp->Tail.Overlay.OriginalFileObject != Scope->File)) ||
        (Scope->Iosb != NULL && irp->UserIosb != Scope->Iosb) ||
        (Scope->SynchronousOnly && !Header->Synchronous)) {
        return FALSE;
    }
    Scope->Found = TRUE;
    return !IopIsCanceled(irp);
}

static IOP_IRP *
IopFindInSlot(IOP_CANCEL_SCOPE *Scope, PETHREAD Thread)
{
    IOP_IRP *top = IopLockSlot(Thread);
    IOP_IRP *header;

    if (top == NULL) {
        return NULL;
    }
    for (header = top; header != NULL; header = header->Outer) {
        if (IopMatches(Scope, header)) {
            IopHoldIrp(header);
            break;
        }
    }
    IopUnlockSlot(Thread, top);
    return header;
}

static IOP_IRP *
IopFindInList(IOP_CANCEL_SCOPE *Scope, PKSPIN_LOCK Lock, PLIST_ENTRY List)
{
    IOP_IRP *found = NULL;
    PLIST_ENTRY entry;
    KIRQL irql;

    KeAcquireSpinLock(Lock, &irql);
    for (entry = List->Flink; entry != List; entry = entry->Flink) {
        IOP_IRP *header =
            CONTAINING_RECORD(CONTAINING_RECORD(entry, IRP, ThreadListEntry), IOP_IRP, Irp);

        if (IopMatches(Scope, header)) {
            IopHoldIrp(header);
            found = header;
            break;
        }
    }
    KeReleaseSpinLock(Lock, irql);
    return found;
}

static IOP_IRP *
IopFindInThread(IOP_CANCEL_SCOPE *Scope, PETHREAD Thread)
{
    IOP_IRP *header = IopFindInSlot(Scope, Thread);

    if (header == NULL && !Scope->SynchronousOnly) {
        header = IopFindInList(Scope, &Thread->IrpListLock, &Thread->IrpList);
    }
    return header;
}

/* The next matching IRP that is not cancelled yet, held; or NULL. */
static IOP_IRP *
IopFindIrp(IOP_CANCEL_SCOPE *Scope)
{
    PEPROCESS process = PsGetCurrentProcess();
    IOP_IRP *header = NULL;
    PLIST_ENTRY entry;
    KIRQL irql;

    if (Scope->Thread != NULL) {
        header = IopFindInThread(Scope, Scope->Thread);
    } else {
        KeAcquireSpinLock(&process->ThreadListLock, &irql);
        for (entry = process->ThreadList.Flink; entry != &process->ThreadList && header == NULL;
             entry = entry->Flink) {
            header = IopFindInThread(Scope, CONTAINING_RECORD(entry, ETHREAD, ThreadListEntry));
        }
        KeReleaseSpinLock(&process->ThreadListLock, irql);
    }
    if (header == NULL && Scope->File != NULL && !Scope->SynchronousOnly) {
        header = IopFindInList(Scope, &Scope->File->IrpListLock, &Scope->File->IrpList);
    }
    return header;
}

/* Cancels all that matches. TRUE: something did. */
static BOOLEAN
IopCancelScope(IOP_CANCEL_SCOPE *Scope, ULONG_PTR Caller)
{
    IOP_IRP *header;

    Scope->Found = FALSE;
    while ((header = IopFindIrp(Scope)) != NULL) {
        IopCancelIrp(&header->Irp, Caller);
        IopReleaseIrp(header);
    }
    return Scope->Found;
}

/* ---- thread rundown ---- */

static VOID
IopReportThreadIrps(PETHREAD Thread)
{
    char text[1024];
    PLIST_ENTRY entry;
    KIRQL irql;

    KeAcquireSpinLock(&Thread->IrpListLock, &irql);
    for (entry = Thread->IrpList.Flink; entry != &Thread->IrpList; entry = entry->Flink) {
        IopDescribeIrp(CONTAINING_RECORD(entry, IRP, ThreadListEntry), text, sizeof(text));
        IopLog("thread %p ends, but a cancelled request was not completed within %u s; it is "
               "given up: %s",
               (void *)Thread, (unsigned)(IOP_RUNDOWN_REPORT / 10000000), text);
    }
    KeReleaseSpinLock(&Thread->IrpListLock, irql);
}

/* What is left on the list no longer belongs to the thread. */
static VOID
IopOrphanThreadIrps(PETHREAD Thread)
{
    PLIST_ENTRY entry;
    PLIST_ENTRY next;
    KIRQL irql;

    KeAcquireSpinLock(&Thread->IrpListLock, &irql);
    for (entry = Thread->IrpList.Flink; entry != &Thread->IrpList; entry = next) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, ThreadListEntry);
        IOP_IRP *header = CONTAINING_RECORD(irp, IOP_IRP, Irp);
        ULONG expected = IopListed;

        next = entry->Flink;
        if (__atomic_compare_exchange_n(&header->Handoff, &expected, IopOrphaned, FALSE,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            RemoveEntryList(entry);
            InitializeListHead(entry);
            irp->Tail.Overlay.Thread = NULL;
        }
    }
    KeReleaseSpinLock(&Thread->IrpListLock, irql);
}

static BOOLEAN
IopThreadIsIdle(PETHREAD Thread)
{
    BOOLEAN empty;
    KIRQL irql;

    if (Thread != (PETHREAD)KiGetCurrentThread() &&
        __atomic_load_n(&Thread->IoSlot, __ATOMIC_ACQUIRE) != 0) {
        return FALSE;
    }
    KeAcquireSpinLock(&Thread->IrpListLock, &irql);
    empty = IsListEmpty(&Thread->IrpList);
    KeReleaseSpinLock(&Thread->IrpListLock, irql);
    return empty;
}

VOID
IopCancelThread(PETHREAD Thread)
{
    IOP_CANCEL_SCOPE scope = {.Thread = Thread};

    IopCancelScope(&scope, NT_CALLER());
}

VOID
IopRundownThread(PETHREAD Thread)
{
    IOP_CANCEL_SCOPE scope = {.Thread = Thread};
    LARGE_INTEGER interval;
    LONGLONG waited = 0;

    interval.QuadPart = -10000; /* 1 ms */
    while (!IopThreadIsIdle(Thread)) {
        /* Again in each round: a thread that is not the current one may send more. */
        IopCancelScope(&scope, NT_CALLER());
        if (IopThreadIsIdle(Thread)) {
            break;
        }
        if (waited >= IOP_RUNDOWN_REPORT) {
            IopReportThreadIrps(Thread);
            IopOrphanThreadIrps(Thread);
            if (__atomic_load_n(&Thread->IoSlot, __ATOMIC_ACQUIRE) != 0 &&
                Thread != (PETHREAD)KiGetCurrentThread()) {
                IopLog("thread %p does not return from a driver after its request was cancelled",
                       (void *)Thread);
            }
            break;
        }
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
        waited -= interval.QuadPart;
    }
    if (Thread == (PETHREAD)KiGetCurrentThread()) {
        IopCloseIrpCache(&Thread->Tcb);
        IopReleaseThreadObject(Thread);
    }
}

/* ---- services ---- */

static NTSTATUS
IopAnswerCancel(PIO_STATUS_BLOCK Iosb, NTSTATUS Status, KPROCESSOR_MODE Mode)
{
    IO_STATUS_BLOCK result = {.Status = Status, .Information = 0};
    NTSTATUS copied = MiCopyToUser(Iosb, &result, sizeof(result), Mode);

    return NT_SUCCESS(copied) ? Status : copied;
}

#pragma GCC visibility push(default)

/*
 * IoCancelIrp - marks an IRP cancelled and calls its cancel routine, if it has one
 *
 * Returns  TRUE if a cancel routine was called
 * Errors   CANCEL_STATE_IN_COMPLETED_IRP; a cancel routine that keeps the cancel spin lock:
 *          DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x05
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-iocancelirp
 */
BOOLEAN NTAPI
IoCancelIrp(PIRP Irp)
{
    NT_ENTER(IoCancelIrp);
    return IopCancelIrp(Irp, NT_CALLER());
}

/* IRQL <= DISPATCH_LEVEL; raises to it. Source: WDK reference, nf-wdm-ioacquirecancelspinlock */
VOID NTAPI
IoAcquireCancelSpinLock(PKIRQL Irql)
{
    NT_ENTER(IoAcquireCancelSpinLock);
    KeAcquireSpinLock(&IopCancelLock, Irql);
}

/* IRQL DISPATCH_LEVEL; in a cancel routine, Irql is Irp->CancelIrql. */
VOID NTAPI
IoReleaseCancelSpinLock(KIRQL Irql)
{
    NT_ENTER(IoReleaseCancelSpinLock);
    KeReleaseSpinLock(&IopCancelLock, Irql);
}

/*
 * NtCancelIoFile - cancels what the calling thread has outstanding on a file, and waits for it
 *
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, ntifs.h ZwCancelIoFile; SDK CancelIo
 */
NTSTATUS NTAPI
NtCancelIoFile(HANDLE Handle, PIO_STATUS_BLOCK Iosb)
{
    NT_ENTER(NtCancelIoFile);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    IOP_CANCEL_SCOPE scope = {.Thread = (PETHREAD)KiGetCurrentThread()};
    LARGE_INTEGER interval;
    ACCESS_MASK granted;
    PVOID file;
    NTSTATUS status;

    status = mode != KernelMode ? MiProbeUser(Iosb, sizeof(*Iosb), 1, TRUE) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpReferenceFileHandle(Handle, mode, IopFileType, &granted, &file);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    scope.File = file;
    interval.QuadPart = -10000;
    /* Most are completed by being cancelled; the others are waited for. */
    if (IopCancelScope(&scope, NT_CALLER())) {
        while (IopCancelScope(&scope, NT_CALLER())) {
            KeDelayExecutionThread(KernelMode, FALSE, &interval);
        }
    }
    ObDereferenceObject(file);
    return IopAnswerCancel(Iosb, STATUS_SUCCESS, mode);
}

/*
 * NtCancelIoFileEx - cancels what the process has outstanding on a file; does not wait
 *
 * Request  the status block of the one request meant, or NULL: all
 *
 * Returns  STATUS_NOT_FOUND if there is none
 * IRQL     PASSIVE_LEVEL
 * Source   SDK reference, CancelIoEx
 */
NTSTATUS NTAPI
NtCancelIoFileEx(HANDLE Handle, PIO_STATUS_BLOCK Request, PIO_STATUS_BLOCK Iosb)
{
    NT_ENTER(NtCancelIoFileEx);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    IOP_CANCEL_SCOPE scope = {.Iosb = Request};
    ACCESS_MASK granted;
    BOOLEAN found;
    PVOID file;
    NTSTATUS status;

    status = mode != KernelMode ? MiProbeUser(Iosb, sizeof(*Iosb), 1, TRUE) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpReferenceFileHandle(Handle, mode, IopFileType, &granted, &file);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    scope.File = file;
    found = IopCancelScope(&scope, NT_CALLER());
    ObDereferenceObject(file);
    return IopAnswerCancel(Iosb, found ? STATUS_SUCCESS : STATUS_NOT_FOUND, mode);
}

/*
 * NtCancelSynchronousIoFile - cancels the request that another thread is waiting for
 *
 * Request  its status block, or NULL: any
 *
 * Returns  STATUS_NOT_FOUND if the thread waits for none
 * IRQL     PASSIVE_LEVEL
 * Source   SDK reference, CancelSynchronousIo
 */
NTSTATUS NTAPI
NtCancelSynchronousIoFile(HANDLE Thread, PIO_STATUS_BLOCK Request, PIO_STATUS_BLOCK Iosb)
{
    NT_ENTER(NtCancelSynchronousIoFile);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    IOP_CANCEL_SCOPE scope = {.Iosb = Request, .SynchronousOnly = TRUE};
    BOOLEAN found;
    PVOID thread;
    NTSTATUS status;

    status = mode != KernelMode ? MiProbeUser(Iosb, sizeof(*Iosb), 1, TRUE) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status =
        ObReferenceObjectByHandle(Thread, THREAD_TERMINATE, *PsThreadType, mode, &thread, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    scope.Thread = thread;
    found = IopCancelScope(&scope, NT_CALLER());
    ObDereferenceObject(thread);
    return IopAnswerCancel(Iosb, found ? STATUS_SUCCESS : STATUS_NOT_FOUND, mode);
}

#pragma GCC visibility pop
