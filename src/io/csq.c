/* SPDX-License-Identifier: MIT
 *
 * io/csq.c - cancel-safe queues: the cancel race decided once, for every driver
 *
 * Whoever exchanges a queued IRP's cancel routine for NULL owns the IRP: a remover, the inserter
 * that finds it cancelled already, or IoCancelIrp, whose cancel routine (ours) takes it off the
 * queue and gives it to CsqCompleteCanceledIrp. The queue's lock is the driver's.
 *
 * Invariants  Q1  DriverContext[3] of a queued IRP is its IO_CSQ_IRP_CONTEXT, or the IO_CSQ; the
 *                 two are told apart by Type.
 *             Q2  IO_CSQ_IRP_CONTEXT.Irp is NULL once the IRP has left the queue.
 * Source      WDK reference, wdm.h IoCsqInitialize, IoCsqInsertIrpEx, IoCsqRemoveIrp,
 *             IoCsqRemoveNextIrp, "Cancel-Safe IRP Queues".
 */
#include "io/iop.h"

/* The queue's lock is held. Q2. */
static VOID
IopCsqForget(PIRP Irp)
{
    PIO_CSQ_IRP_CONTEXT context = Irp->Tail.Overlay.DriverContext[3];

    if (context != NULL && context->Type == IO_TYPE_CSQ_IRP_CONTEXT) {
        context->Irp = NULL;
    }
    Irp->Tail.Overlay.DriverContext[3] = NULL;
}

static VOID NTAPI
IopCsqCancelRoutine(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_CSQ_IRP_CONTEXT context;
    PIO_CSQ csq;
    KIRQL irql;

    (void)DeviceObject;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    /* Stays until someone owns the IRP, and that is us. */
    context = Irp->Tail.Overlay.DriverContext[3];
    csq = context->Type == IO_TYPE_CSQ_IRP_CONTEXT ? context->Csq : (PIO_CSQ)context;
    csq->CsqAcquireLock(csq, &irql);
    csq->CsqRemoveIrp(csq, Irp);
    IopCsqForget(Irp);
    csq->CsqReleaseLock(csq, irql);
    csq->CsqCompleteCanceledIrp(csq, Irp);
}

static VOID
IopCsqSetUp(PIO_CSQ Csq, ULONG Type, PIO_CSQ_REMOVE_IRP RemoveIrp,
            PIO_CSQ_PEEK_NEXT_IRP PeekNextIrp, PIO_CSQ_ACQUIRE_LOCK AcquireLock,
            PIO_CSQ_RELEASE_LOCK ReleaseLock, PIO_CSQ_COMPLETE_CANCELED_IRP CompleteCanceledIrp)
{
    Csq->Type = Type;
    Csq->CsqRemoveIrp = RemoveIrp;
    Csq->CsqPeekNextIrp = PeekNextIrp;
    Csq->CsqAcquireLock = AcquireLock;
    Csq->CsqReleaseLock = ReleaseLock;
    Csq->CsqCompleteCanceledIrp = CompleteCanceledIrp;
    Csq->ReservePointer = NULL;
}

#pragma GCC visibility push(default)

/* Fills in the queue's routines. Any IRQL. Source: WDK reference, nf-wdm-iocsqinitialize */
NTSTATUS NTAPI
IoCsqInitialize(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    IopCsqSetUp(Csq, IO_TYPE_CSQ, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
                CsqCompleteCanceledIrp);
    Csq->CsqInsertIrp = CsqInsertIrp;
    return STATUS_SUCCESS;
}

/* The same with an insert routine that may refuse. Source: nf-wdm-iocsqinitializeex */
NTSTATUS NTAPI
IoCsqInitializeEx(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP_EX CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                  PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                  PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                  PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    IopCsqSetUp(Csq, IO_TYPE_CSQ_EX, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
                CsqCompleteCanceledIrp);
    Csq->CsqInsertIrp = (PIO_CSQ_INSERT_IRP)(PVOID)CsqInsertIrp;
    return STATUS_SUCCESS;
}

/*
 * IoCsqInsertIrpEx - queues an IRP and marks it pending
 *
 * Context        optional: lets IoCsqRemoveIrp find the IRP; stays valid while it is queued
 * InsertContext  for the queue's own insert routine
 *
 * Returns  STATUS_SUCCESS, or what CsqInsertIrpEx refused with: then the IRP is not pended.
 *          An IRP that is cancelled already goes to CsqCompleteCanceledIrp before this returns.
 * IRQL     <= DISPATCH_LEVEL. Calls the driver with the queue's lock held.
 * Source   WDK reference, nf-wdm-iocsqinsertirpex
 */
NTSTATUS NTAPI
IoCsqInsertIrpEx(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context, PVOID InsertContext)
{
    NT_ENTER(IoCsqInsertIrpEx);
    NTSTATUS status = STATUS_SUCCESS;
    BOOLEAN canceled;
    KIRQL irql;

    Csq->CsqAcquireLock(Csq, &irql);
    if (Context != NULL) {
        Context->Type = IO_TYPE_CSQ_IRP_CONTEXT;
        Context->Irp = Irp;
        Context->Csq = Csq;
        Irp->Tail.Overlay.DriverContext[3] = Context;
    } else {
        Irp->Tail.Overlay.DriverContext[3] = Csq;
    }
    if (Csq->Type == IO_TYPE_CSQ_EX) {
        status = ((PIO_CSQ_INSERT_IRP_EX)(PVOID)Csq->CsqInsertIrp)(Csq, Irp, InsertContext);
        if (!NT_SUCCESS(status)) {
            IopCsqForget(Irp);
            Csq->CsqReleaseLock(Csq, irql);
            return status;
        }
    } else {
        Csq->CsqInsertIrp(Csq, Irp);
    }
    IoMarkIrpPending(Irp);
    (VOID) IoSetCancelRoutine(Irp, IopCsqCancelRoutine);
    /* Cancelled before the routine was set, and not yet by the routine: it is ours again. */
    canceled = Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL;
    if (canceled) {
        Csq->CsqRemoveIrp(Csq, Irp);
        IopCsqForget(Irp);
    }
    Csq->CsqReleaseLock(Csq, irql);
    if (canceled) {
        Csq->CsqCompleteCanceledIrp(Csq, Irp);
    }
    return status;
}

/* IoCsqInsertIrpEx without an insert context. Source: nf-wdm-iocsqinsertirp */
VOID NTAPI
IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)
{
    NT_ENTER(IoCsqInsertIrp);
    (VOID) IoCsqInsertIrpEx(Csq, Irp, Context, NULL);
}

/*
 * IoCsqRemoveNextIrp - the next IRP that matches PeekContext and is not being cancelled
 *
 * Returns  NULL: none; else the IRP is the caller's, without cancel routine
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-iocsqremovenextirp
 */
PIRP NTAPI
IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)
{
    NT_ENTER(IoCsqRemoveNextIrp);
    PIRP irp = NULL;
    KIRQL irql;

    Csq->CsqAcquireLock(Csq, &irql);
    while ((irp = Csq->CsqPeekNextIrp(Csq, irp, PeekContext)) != NULL) {
        if (IoSetCancelRoutine(irp, NULL) != NULL) {
            Csq->CsqRemoveIrp(Csq, irp);
            IopCsqForget(irp);
            break;
        }
    }
    Csq->CsqReleaseLock(Csq, irql);
    return irp;
}

/*
 * IoCsqRemoveIrp - the IRP that was inserted with this context
 *
 * Returns  NULL: it has left the queue, or is being cancelled
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-iocsqremoveirp
 */
PIRP NTAPI
IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)
{
    NT_ENTER(IoCsqRemoveIrp);
    PIRP irp;
    KIRQL irql;

    Csq->CsqAcquireLock(Csq, &irql);
    irp = Context->Irp;
    if (irp != NULL) {
        if (IoSetCancelRoutine(irp, NULL) != NULL) {
            Csq->CsqRemoveIrp(Csq, irp);
            IopCsqForget(irp);
        } else {
            irp = NULL;
        }
    }
    Csq->CsqReleaseLock(Csq, irql);
    return irp;
}

#pragma GCC visibility pop
