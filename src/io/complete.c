/* SPDX-License-Identifier: MIT
 *
 * io/complete.c - the end of a request: what its issuer gets to see
 *
 * Order, so that whoever sees a later step sees the earlier ones: data copied back, status block,
 * file object's status, caller's event, file object's event, completion packet; then references
 * are dropped. A synchronous request is finished by its issuer, who need not be told; any other
 * by the thread that completed it.
 *
 * What an error leaves out (NT's rule): a request that failed in its dispatch routine without
 * having been pended touches neither status block, nor event, nor port: its status was returned.
 *
 * Source   WDK reference, "I/O Status Blocks", wdm.h ZwReadFile; FILE_SKIP_COMPLETION_PORT_ON_
 *          SUCCESS and FILE_SKIP_SET_EVENT_ON_HANDLE as SetFileCompletionNotificationModes says.
 */
#include "io/iop.h"

#define IOP_BUFFER_GUARD 0x6472617547664269ull

static inline VOID
IopSetGuard(IOP_IRP *Header)
{
    ULONG64 guard = IOP_BUFFER_GUARD;

    memcpy((PUCHAR)IopInlineBuffer(Header) + Header->InlineLength, &guard, sizeof(guard));
}

static inline VOID
IopCheckGuard(IOP_IRP *Header)
{
    ULONG64 guard;

    memcpy(&guard, (PUCHAR)IopInlineBuffer(Header) + Header->InlineLength, sizeof(guard));
    if (__builtin_expect(guard != IOP_BUFFER_GUARD, 0)) {
        IopIrpBugCheck(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)IopInlineBuffer(Header),
                       Header->InlineLength, &Header->Irp,
                       "a driver wrote beyond the end of Irp->AssociatedIrp.SystemBuffer");
    }
}

NTSTATUS
IopChargeBuffer(IOP_IRP *Header, SIZE_T Length)
{
    NTSTATUS status = STATUS_SUCCESS;

    if (Header->Client != NULL && Length > IOP_INLINE_BUFFER) {
        status = MiChargeClient(Header->Client, MiQuotaMemory, Length);
        Header->BufferCharge = NT_SUCCESS(status) ? Length : 0;
    }
    return status;
}

/* The charge may be there without a buffer: none was to be had. */
static VOID
IopReturnBufferCharge(IOP_IRP *Header)
{
    if (Header->BufferCharge != 0) {
        MiReturnCharge(Header->Client, MiQuotaMemory, Header->BufferCharge);
        Header->BufferCharge = 0;
    }
}

BOOLEAN
IopAllocateSystemBuffer(IOP_IRP *Header, SIZE_T Length)
{
    Header->Irp.Flags |= IRP_BUFFERED_IO;
    /* The buffer of an IopIrpAsyncFsd is the driver's to free. */
    if (Length <= IOP_INLINE_BUFFER && Header->HasInline && Header->Kind != IopIrpAsyncFsd) {
        Header->InlineLength = (USHORT)Length;
        Header->Irp.AssociatedIrp.SystemBuffer = IopInlineBuffer(Header);
        IopSetGuard(Header);
        return TRUE;
    }
    Header->Irp.AssociatedIrp.SystemBuffer =
        ExpAllocatePool(NonPagedPoolNx, Length, IOP_TAG_BUFFER, NT_CALLER());
    if (Header->Irp.AssociatedIrp.SystemBuffer == NULL) {
        return FALSE;
    }
    Header->Irp.Flags |= IRP_DEALLOCATE_BUFFER;
    return TRUE;
}

NTSTATUS
IopLockUserBuffer(IOP_IRP *Header, PVOID Buffer, ULONG Length, LOCK_OPERATION Operation,
                  KPROCESSOR_MODE Mode)
{
    /* As small as it can be, unlike IoAllocateMdl's: no driver builds another one in it. */
    PMDL mdl = Length > MAXULONG - PAGE_SIZE ? NULL : MmCreateMdl(NULL, Buffer, Length);
    NTSTATUS status;

    if (mdl == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiProbeAndLockMdl(mdl, Mode, Operation);
    if (!NT_SUCCESS(status)) {
        IoFreeMdl(mdl);
        return status;
    }
    Header->Irp.MdlAddress = mdl;
    return STATUS_SUCCESS;
}

static VOID
IopReleaseMdls(PIRP Irp)
{
    PMDL mdl = Irp->MdlAddress;

    Irp->MdlAddress = NULL;
    while (mdl != NULL) {
        PMDL next = mdl->Next;

        if (mdl->MdlFlags & MDL_PAGES_LOCKED) {
            MmUnlockPages(mdl);
        }
        IoFreeMdl(mdl);
        mdl = next;
    }
}

/* How many bytes of the system buffer go back; never more than the caller has room for. */
static SIZE_T
IopCopyBackLength(IOP_IRP *Header)
{
    PIRP irp = &Header->Irp;

    if (irp->IoStatus.Information > Header->OutputLength) {
        IopLog("IRP %p: IoStatus.Information is %llu, but the caller's buffer has %u bytes; only "
               "these are copied (DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x312 on Windows)",
               (void *)irp, (unsigned long long)irp->IoStatus.Information, Header->OutputLength);
        irp->IoStatus.Information = Header->OutputLength;
    }
    return irp->IoStatus.Information;
}

NTSTATUS
IopViewUserBuffer(IOP_IRP *Header, PVOID *Buffer, ULONG Length)
{
    MI_CLIENT_VIEW **view = Header->Views[0] == NULL ? &Header->Views[0] : &Header->Views[1];

    if (Header->Client == NULL || *Buffer == NULL || Length == 0 ||
        MiIsSharedRange(Header->Client, *Buffer, Length)) {
        return STATUS_SUCCESS;
    }
    return MiCreateClientView(Header->Client, *Buffer, Length, view, Buffer);
}

/* What the driver did to the caller's own buffers, in whatever way it failed or succeeded. */
static VOID
IopReleaseViews(IOP_IRP *Header, BOOLEAN WriteBack)
{
    for (ULONG i = 0; i < 2; i++) {
        if (Header->Views[i] != NULL) {
            MiDeleteClientView(Header->Views[i], WriteBack);
            Header->Views[i] = NULL;
        }
    }
}

VOID
IopReleaseBuffers(IOP_IRP *Header, BOOLEAN CopyBack)
{
    PIRP irp = &Header->Irp;

    if (irp->MdlAddress != NULL) {
        IopReleaseMdls(irp); /* one over a view is written back to the view */
    }
    if (Header->Client != NULL) {
        IopReleaseViews(Header, CopyBack);
        IopReturnBufferCharge(Header);
    }
    if (!(irp->Flags & IRP_BUFFERED_IO)) {
        return;
    }
    if (Header->InlineLength != 0) {
        IopCheckGuard(Header);
    }
    if (CopyBack && (irp->Flags & IRP_INPUT_OPERATION) && !NT_ERROR(irp->IoStatus.Status) &&
        irp->IoStatus.Status != STATUS_VERIFY_REQUIRED) {
        SIZE_T length = IopCopyBackLength(Header);

        if (length != 0) {
            NTSTATUS status = MiCopyToUser(irp->UserBuffer, irp->AssociatedIrp.SystemBuffer, length,
                                           irp->RequestorMode);

            if (!NT_SUCCESS(status)) {
                irp->IoStatus.Status = status;
                irp->IoStatus.Information = 0;
            }
        }
    }
    if (irp->Flags & IRP_DEALLOCATE_BUFFER) {
        ExFreePoolWithTag(irp->AssociatedIrp.SystemBuffer, IOP_TAG_BUFFER);
    }
    irp->Flags &= ~(ULONG)(IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER);
}

/* Queues the IRP itself: posting cannot fail. The completion's reference goes along. */
static VOID
IopPostPacket(IOP_IRP *Header, PIO_COMPLETION_CONTEXT Completion)
{
    PIRP irp = &Header->Irp;

    irp->Tail.CompletionKey = Completion->Key;
    irp->Tail.Overlay.PacketType = 0;
    IopSetIrpState(Header, IopIrpPacket);
    KeInsertQueue(Completion->Port, &irp->Tail.Overlay.ListEntry);
}

/* KAPC routines: the IRP was the APC. */
static VOID NTAPI
IopRunDownApc(PKAPC Apc)
{
    IopReleaseIrp(CONTAINING_RECORD(CONTAINING_RECORD(Apc, IRP, Tail.Apc), IOP_IRP, Irp));
}

static VOID NTAPI
IopTakeApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *SystemArgument1,
           PVOID *SystemArgument2)
{
    IopRunDownApc(Apc);
}

/*
 * The issuing thread is told by its APC routine: (context, status block, 0). The IRP's tail becomes
 * the APC, as on Windows, so that telling cannot fail. FALSE: the thread is ending.
 */
static BOOLEAN
IopQueueCompletionApc(IOP_IRP *Header, PVOID ApcContext)
{
    PIRP irp = &Header->Irp;
    PIO_APC_ROUTINE routine = irp->Overlay.AsynchronousParameters.UserApcRoutine;

    IopSetIrpState(Header, IopIrpPacket);
    KiInitializeUserApc(&irp->Tail.Apc, &Header->Issuer->Tcb, IopTakeApc, IopRunDownApc,
                        (PKNORMAL_ROUTINE)(ULONG_PTR)routine, ApcContext);
    if (KiQueueUserApc(&irp->Tail.Apc, irp->UserIosb, NULL)) {
        return TRUE;
    }
    IopSetIrpState(Header, IopIrpCompleted);
    return FALSE;
}

BOOLEAN
IopDeliverCompletion(IOP_IRP *Header, BOOLEAN Wanted)
{
    PIRP irp = &Header->Irp;
    PFILE_OBJECT file = irp->Tail.Overlay.OriginalFileObject;
    PIO_COMPLETION_CONTEXT completion = IopPortOf(file);
    PKEVENT event = irp->UserEvent;
    PVOID apcContext = irp->Overlay.AsynchronousParameters.UserApcContext;
    BOOLEAN pended = irp->PendingReturned;
    BOOLEAN posted = FALSE;

    if (!Wanted || (NT_ERROR(irp->IoStatus.Status) && !pended)) {
        if (event != NULL) {
            ObDereferenceObject(event);
        }
        ObDereferenceObject(file);
        return FALSE;
    }
    /* A caller that has unmapped its status block meanwhile loses only the block. */
    (VOID) MiCopyToUser(irp->UserIosb, &irp->IoStatus, sizeof(irp->IoStatus), irp->RequestorMode);
    if (Header->Client != NULL) {
        MiFlushWindow(); /* whoever hears of it may be another thread of the client's */
    }
    __atomic_store_n(&file->FinalStatus, irp->IoStatus.Status, __ATOMIC_RELAXED);
    if (event != NULL) {
        KeSetEvent(event, IO_NO_INCREMENT, FALSE);
        ObDereferenceObject(event);
    } else if (!(IopFlagsOf(file) & FO_SKIP_SET_EVENT)) {
        KeSetEvent(&file->Event, IO_NO_INCREMENT, FALSE);
    }
    if (completion != NULL && apcContext != NULL &&
        (pended || !(IopFlagsOf(file) & FO_SKIP_COMPLETION_PORT))) {
        IopPostPacket(Header, completion); /* whoever takes it may have freed it already */
        posted = TRUE;
    } else if (irp->Overlay.AsynchronousParameters.UserApcRoutine != NULL) {
        posted = IopQueueCompletionApc(Header, apcContext);
    }
    ObDereferenceObject(file);
    return posted;
}

/* IoBuildSynchronousFsdRequest, IoBuildDeviceIoControlRequest. */
static VOID
IopFinishThreaded(IOP_IRP *Header)
{
    PIRP irp = &Header->Irp;
    ULONG before = __atomic_exchange_n(&Header->Handoff, IopDone, __ATOMIC_ACQ_REL);
    BOOLEAN wanted = IopUnlistIrp(Header, before);

    IopReleaseBuffers(Header, wanted);
    if (wanted && (!NT_ERROR(irp->IoStatus.Status) || irp->PendingReturned)) {
        *irp->UserIosb = irp->IoStatus;
        if (irp->UserEvent != NULL) {
            KeSetEvent(irp->UserEvent, IO_NO_INCREMENT, FALSE);
        }
    }
    IopReleaseIrp(Header);
}

static VOID
IopFinishAssociated(IOP_IRP *Header)
{
    PIRP master = Header->Irp.AssociatedIrp.MasterIrp;

    IopReleaseMdls(&Header->Irp);
    IopReleaseIrp(Header);
    if (InterlockedDecrement(&master->AssociatedIrp.IrpCount) == 0) {
        IofCompleteRequest(master, IO_NO_INCREMENT);
    }
}

/* The rest of an asynchronous one: Handoff is IopDone, and was Header->Before. */
static VOID
IopFinishAsynchronous(IOP_IRP *Header)
{
    MI_CLIENT *client = Header->Client;
    PETHREAD issuer = NULL;
    BOOLEAN wanted;

    if (Header->Irp.Overlay.AsynchronousParameters.UserApcRoutine != NULL) {
        issuer = Header->Issuer; /* referenced when it was sent */
    }
    wanted = IopUnlistIrp(Header, Header->Before);
    IopReleaseBuffers(Header, wanted);
    if (!IopDeliverCompletion(Header, wanted)) {
        IopReleaseIrp(Header);
    }
    if (issuer != NULL) {
        ObDereferenceObject(issuer);
    }
    if (client != NULL) {
        MiEndClientRequest(client);
    }
}

/* On the pump of the client whose request it was. */
static VOID
IopFinishForClient(MI_CLIENT_WORK *Work)
{
    IopFinishAsynchronous(CONTAINING_RECORD(Work, IOP_IRP, Work));
}

/* A system service's: hand it to the issuer, or finish it here. */
static VOID
IopFinishService(IOP_IRP *Header)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    ULONG before;

    if (Header->Synchronous) {
        /* The issuer's own thread, inside its dispatch routine: nobody else reads Handoff. */
        if (Header->Issuer == thread &&
            __atomic_load_n(&Header->Handoff, __ATOMIC_RELAXED) == IopDispatching) {
            __atomic_store_n(&Header->Handoff, IopDone, __ATOMIC_RELAXED);
            return;
        }
        before = __atomic_exchange_n(&Header->Handoff, IopDone, __ATOMIC_ACQ_REL);
        if (before == IopWaiting) {
            /* From here on the issuer owns the IRP; KeSetEvent lets go of Event before it runs. */
            KeSetEvent(&Header->Event, IO_NO_INCREMENT, FALSE);
        }
        return;
    }
    before = __atomic_exchange_n(&Header->Handoff, IopDone, __ATOMIC_ACQ_REL);
    if (before == IopListed && !Header->Irp.PendingReturned) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_PENDING_NOT_MARKED, (ULONG_PTR)&Header->Irp,
                       &Header->Irp,
                       "a dispatch routine returned STATUS_PENDING without IoMarkIrpPending");
    }
    Header->Before = before;
    if (Header->Client != NULL && !MiCanTouchClient(Header->Client)) {
        Header->Work.Routine = IopFinishForClient;
        MiQueueClientWork(Header->Client, &Header->Work);
        return;
    }
    IopFinishAsynchronous(Header);
}

VOID
IopFinishIrp(IOP_IRP *Header)
{
    IopSetIrpState(Header, IopIrpCompleted);
    switch (Header->Kind) {
    case IopIrpThreaded:
        IopFinishThreaded(Header);
        break;
    case IopIrpAssociated:
        IopFinishAssociated(Header);
        break;
    default:
        IopFinishService(Header);
        break;
    }
}
