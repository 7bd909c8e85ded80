/* SPDX-License-Identifier: MIT
 *
 * io/request.c - a system service's request: decode, send, wait, finish
 *
 * A request waits if its file is synchronous (FO_SYNCHRONOUS_IO, whose requests also take turns by
 * the file's lock) or the service always does. Its issuer finishes it. The thread's IoSlot names
 * it meanwhile, so that it can be cancelled; no lock and no event is touched when the driver
 * completes it in its dispatch routine. An asynchronous request moves from the slot to its
 * thread's list when its dispatch routine returned STATUS_PENDING before it was completed, or to
 * the file's list if the file has a completion port: such requests survive their thread.
 *
 * Locks    see io/iop.h. Order in a canceller: slot first, then lists, as requests move.
 * Source   WDK reference, ntifs.h NtReadFile, NtDeviceIoControlFile, NtCreateFile.
 */
#include "io/iop.h"

/* ---- the file object's lock ---- */

NTSTATUS
IopLockFile(PFILE_OBJECT File, KPROCESSOR_MODE Mode)
{
    ULONG free = 0;
    NTSTATUS status = STATUS_SUCCESS;

    if (__builtin_expect(__atomic_compare_exchange_n(&File->Busy, &free, 1, FALSE, __ATOMIC_ACQUIRE,
                                                     __ATOMIC_RELAXED),
                         1)) {
        return STATUS_SUCCESS;
    }
    __atomic_add_fetch(&File->Waiters, 1, __ATOMIC_SEQ_CST);
    while (__atomic_exchange_n(&File->Busy, 1, __ATOMIC_SEQ_CST) != 0) {
        BOOLEAN alertable = (IopFlagsOf(File) & FO_ALERTABLE_IO) != 0;

        status = KeWaitForSingleObject(&File->Lock, Executive, Mode, alertable, NULL);
        if (status != STATUS_SUCCESS) {
            break;
        }
    }
    __atomic_sub_fetch(&File->Waiters, 1, __ATOMIC_SEQ_CST);
    if (status != STATUS_SUCCESS && __atomic_load_n(&File->Busy, __ATOMIC_SEQ_CST) == 0) {
        /* The wake-up may have been meant for us: pass it on. */
        KeSetEvent(&File->Lock, IO_NO_INCREMENT, FALSE);
    }
    return status;
}

VOID
IopUnlockFile(PFILE_OBJECT File)
{
    __atomic_exchange_n(&File->Busy, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&File->Waiters, __ATOMIC_SEQ_CST) != 0) {
        KeSetEvent(&File->Lock, IO_NO_INCREMENT, FALSE);
    }
}

/* ---- decode ---- */

static NTSTATUS
IopReferenceEvent(IOP_REQUEST *Request, HANDLE Event)
{
    PVOID object;
    NTSTATUS status = ObReferenceObjectByHandle(Event, EVENT_MODIFY_STATE, *ExEventObjectType,
                                                Request->Mode, &object, NULL);

    if (NT_SUCCESS(status)) {
        Request->Event = object;
        KeClearEvent(object);
    }
    return status;
}

static NTSTATUS
IopCompleteDecode(IOP_REQUEST *Request, HANDLE Event, PVOID ApcContext, BOOLEAN AlwaysWait)
{
    PFILE_OBJECT file = Request->File;
    NTSTATUS status;

    if (Request->Apc != NULL && IopPortOf(file) != NULL) {
        return STATUS_INVALID_PARAMETER; /* one of the two is told */
    }
    if (Request->Apc != NULL && (IopFlagsOf(file) & FO_SYNCHRONOUS_IO)) {
        return STATUS_NOT_SUPPORTED;
    }
    if (IopFlagsOf(file) & FO_SYNCHRONOUS_IO) {
        status = IopLockFile(file, Request->Mode);
        if (status != STATUS_SUCCESS) {
            return status;
        }
        Request->FileLocked = TRUE;
        Request->Synchronous = TRUE;
    } else {
        Request->Synchronous = AlwaysWait;
        Request->ApcContext = ApcContext;
    }
    if (Event != NULL) {
        status = IopReferenceEvent(Request, Event);
        if (!NT_SUCCESS(status)) {
            if (Request->FileLocked) {
                IopUnlockFile(file);
            }
            return status;
        }
    }
    Request->Device = IoGetRelatedDeviceObject(file);
    return STATUS_SUCCESS;
}

NTSTATUS
IopBeginRequest(IOP_REQUEST *Request, HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc,
                PVOID ApcContext, PIO_STATUS_BLOCK Iosb, BOOLEAN AlwaysWait)
{
    PVOID file;
    NTSTATUS status;

    RtlZeroMemory(Request, sizeof(*Request));
    Request->Mode = KiGetCurrentThread()->PreviousMode;
    Request->Iosb = Iosb;
    if (Request->Mode != KernelMode) {
        status = MiProbeUser(Iosb, sizeof(*Iosb), 1, TRUE);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    if (Apc != NULL && Request->Mode == KernelMode) {
        return STATUS_NOT_SUPPORTED;
    }
    Request->Apc = Apc;
    status = ObpReferenceFileHandle(Handle, Request->Mode, IopFileType, &Request->Granted, &file);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Request->File = file;
    status = IopCompleteDecode(Request, Event, ApcContext, AlwaysWait);
    if (status != STATUS_SUCCESS) {
        ObDereferenceObject(file);
    }
    return status;
}

VOID
IopEndRequest(IOP_REQUEST *Request)
{
    if (Request->Event != NULL) {
        ObDereferenceObject(Request->Event);
    }
    if (Request->FileLocked) {
        IopUnlockFile(Request->File);
    }
    ObDereferenceObject(Request->File);
}

IOP_IRP *
IopAllocateRequestIrp(IOP_REQUEST *Request, UCHAR Major, BOOLEAN Buffered, ULONG_PTR Caller)
{
    CCHAR stackSize = Request->Device->StackSize;
    IOP_IRP *header = Buffered || Request->Synchronous
                          ? IopAllocateIrp(stackSize, IopIrpService, Caller)
                          : IopAllocateSmallIrp(stackSize, IopIrpService, Caller);
    PIO_STACK_LOCATION location;
    PIRP irp;

    if (header == NULL) {
        return NULL;
    }
    header->Granted = Request->Granted;
    if (Request->Mode != KernelMode) {
        header->Client = MiCurrentClient();
        if (!NT_SUCCESS(MiChargeClient(header->Client, MiQuotaRequests, 1))) {
            header->Client = NULL;
            IopReleaseIrp(header);
            return NULL;
        }
    }
    irp = &header->Irp;
    irp->RequestorMode = Request->Mode;
    irp->UserIosb = Request->Iosb;
    irp->UserEvent = Request->Event;
    irp->Overlay.AsynchronousParameters.UserApcRoutine = Request->Apc;
    irp->Overlay.AsynchronousParameters.UserApcContext = Request->ApcContext;
    irp->Tail.Overlay.Thread = (PETHREAD)KiGetCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = Request->File;
    location = IoGetNextIrpStackLocation(irp);
    location->MajorFunction = Major;
    location->FileObject = Request->File;
    return header;
}

VOID
IopDiscardIrp(IOP_IRP *Header)
{
    IopReleaseBuffers(Header, FALSE);
    IopReleaseIrp(Header);
}

/* ---- the slot and the lists ---- */

static inline VOID
IopSetIssuer(IOP_IRP *Header, PETHREAD Thread)
{
    Header->Issuer = Thread;
    __atomic_store_n(&Header->ProcessId, HandleToULong(Thread->Cid.UniqueProcess),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&Header->ThreadId, HandleToULong(Thread->Cid.UniqueThread), __ATOMIC_RELAXED);
}

/* Before it may be completed by others and forgotten: the caller still holds it. */
static inline VOID
IopSetPended(IOP_IRP *Header)
{
    __atomic_store_n(&Header->Since, HalpMonotonicTime(), __ATOMIC_RELAXED);
}

static VOID
IopEnterSlot(PETHREAD Thread, IOP_IRP *Header)
{
    ULONG_PTR slot = __atomic_load_n(&Thread->IoSlot, __ATOMIC_RELAXED);

    IopSetIssuer(Header, Thread);
    if (slot == 0) {
        /* Nobody locks an empty slot. */
        __atomic_store_n(&Thread->IoSlot, (ULONG_PTR)Header, __ATOMIC_RELEASE);
        return;
    }
    Header->Outer = (IOP_IRP *)(slot & ~(ULONG_PTR)1);
    for (;;) {
        slot = (ULONG_PTR)Header->Outer;
        if (__atomic_compare_exchange_n(&Thread->IoSlot, &slot, (ULONG_PTR)Header, FALSE,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            return;
        }
        HalpPause(); /* a canceller reads the chain */
    }
}

static VOID
IopLeaveSlot(PETHREAD Thread, IOP_IRP *Header)
{
    for (;;) {
        ULONG_PTR slot = (ULONG_PTR)Header;

        if (__builtin_expect(__atomic_compare_exchange_n(&Thread->IoSlot, &slot,
                                                         (ULONG_PTR)Header->Outer, FALSE,
                                                         __ATOMIC_ACQ_REL, __ATOMIC_RELAXED),
                             1)) {
            return;
        }
        NT_ASSERT_INTERNAL((slot & ~(ULONG_PTR)1) == (ULONG_PTR)Header);
        HalpPause();
    }
}

/* FALSE: it was completed before it could be listed. */
static BOOLEAN
IopListIrp(PETHREAD Thread, IOP_IRP *Header)
{
    PFILE_OBJECT file = Header->Irp.Tail.Overlay.OriginalFileObject;
    BOOLEAN onFile = Header->OnFileList;
    PKSPIN_LOCK lock = onFile ? &file->IrpListLock : &Thread->IrpListLock;
    PLIST_ENTRY list = onFile ? &file->IrpList : &Thread->IrpList;
    ULONG expected = IopDispatching;
    BOOLEAN listed;
    KIRQL irql;

    KeAcquireSpinLock(lock, &irql);
    listed = __atomic_compare_exchange_n(&Header->Handoff, &expected, IopListed, FALSE,
                                         __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    if (listed) {
        InsertTailList(list, &Header->Irp.ThreadListEntry);
        if (onFile) {
            ObReferenceObject(Thread); /* it may end before the request does */
        }
    }
    KeReleaseSpinLock(lock, irql);
    return listed;
}

VOID
IopListThreadedIrp(IOP_IRP *Header)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    KIRQL irql;

    IopSetIssuer(Header, thread);
    IopSetPended(Header);
    __atomic_store_n(&Header->Handoff, IopListed, __ATOMIC_RELAXED);
    KeAcquireSpinLock(&thread->IrpListLock, &irql);
    InsertTailList(&thread->IrpList, &Header->Irp.ThreadListEntry);
    KeReleaseSpinLock(&thread->IrpListLock, irql);
}

BOOLEAN
IopUnlistIrp(IOP_IRP *Header, ULONG Before)
{
    PETHREAD thread = Header->Issuer;
    PFILE_OBJECT file = Header->Irp.Tail.Overlay.OriginalFileObject;
    PKSPIN_LOCK lock = Header->OnFileList ? &file->IrpListLock : &thread->IrpListLock;
    BOOLEAN onFile = Header->OnFileList;
    KIRQL irql;

    if (Before != IopListed) {
        return Before != IopOrphaned;
    }
    KeAcquireSpinLock(lock, &irql);
    RemoveEntryList(&Header->Irp.ThreadListEntry);
    InitializeListHead(&Header->Irp.ThreadListEntry);
    KeReleaseSpinLock(lock, irql);
    if (onFile) {
        ObDereferenceObject(thread);
    }
    return TRUE;
}

/* ---- send, wait, finish ---- */

static DECLSPEC_NORETURN VOID
IopBadDispatch(IOP_IRP *Header, ULONG SubCode, NTSTATUS Status)
{
    const char *text;

    switch (SubCode) {
    case IOP_C9_PENDING_NOT_MARKED:
        text = "a dispatch routine returned STATUS_PENDING without IoMarkIrpPending";
        break;
    case IOP_C9_MARKED_NOT_PENDING:
        text = "a dispatch routine called IoMarkIrpPending and did not return STATUS_PENDING";
        break;
    default:
        text = "a dispatch routine returned neither STATUS_PENDING nor with the IRP completed";
        break;
    }
    IopIrpBugCheck(IOP_BUGCHECK_IO, SubCode, (ULONG)Status, &Header->Irp, text);
}

/*
 * The dispatch routine has returned Status; Done: the IRP is completed, so that its fields may be
 * read. Bugchecks on what Windows answers with a hang or a double completion.
 */
static inline VOID
IopCheckDispatchStatus(IOP_IRP *Header, NTSTATUS Status, BOOLEAN Done)
{
    if (Status == STATUS_PENDING) {
        if (Done && !Header->Irp.PendingReturned) {
            IopBadDispatch(Header, IOP_C9_PENDING_NOT_MARKED, Status);
        }
    } else if (!Done) {
        IopBadDispatch(Header, IOP_C9_NOT_HANDLED, Status);
    } else if (Header->Irp.PendingReturned) {
        IopBadDispatch(Header, IOP_C9_MARKED_NOT_PENDING, Status);
    }
}

static inline BOOLEAN
IopIsDone(IOP_IRP *Header)
{
    return __atomic_load_n(&Header->Handoff, __ATOMIC_ACQUIRE) == IopDone;
}

/* Waits until the IRP is completed. An alerted wait cancels it, then waits on. */
static VOID
IopAwaitIrp(IOP_IRP *Header, PFILE_OBJECT File, KPROCESSOR_MODE Mode)
{
    ULONG expected = IopDispatching;
    BOOLEAN alertable = FALSE;

    if (File != NULL && (IopFlagsOf(File) & FO_SYNCHRONOUS_IO)) {
        alertable = (IopFlagsOf(File) & FO_ALERTABLE_IO) != 0;
        KeClearEvent(&File->Event);
    }
    KeInitializeEvent(&Header->Event, NotificationEvent, FALSE);
    if (!__atomic_compare_exchange_n(&Header->Handoff, &expected, IopWaiting, FALSE,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return;
    }
    if (KeWaitForSingleObject(&Header->Event, Executive, Mode, alertable, NULL) != STATUS_SUCCESS) {
        IopCancelIrp(&Header->Irp, NT_CALLER());
        KeWaitForSingleObject(&Header->Event, Executive, KernelMode, FALSE, NULL);
    }
}

/* Sends the IRP and returns once it is completed; the caller owns it then. */
static NTSTATUS
IopSendSynchronous(IOP_IRP *Header, PDEVICE_OBJECT Device, PFILE_OBJECT File, KPROCESSOR_MODE Mode,
                   ULONG_PTR Caller)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    NTSTATUS status;

    Header->Synchronous = TRUE;
    IopEnterSlot(thread, Header);
    status = IopCallDriver(Device, &Header->Irp, Caller);
    if (status == STATUS_PENDING) {
        if (!IopIsDone(Header)) {
            IopSetPended(Header);
            IopAwaitIrp(Header, File, Mode);
        }
        IopCheckDispatchStatus(Header, STATUS_PENDING, TRUE);
        status = Header->Irp.IoStatus.Status;
    } else {
        IopCheckDispatchStatus(Header, status, IopIsDone(Header));
    }
    IopLeaveSlot(thread, Header);
    return status;
}

/* The synchronous part of IopDeliverCompletion: the caller itself is told by the return. */
static NTSTATUS
IopFinishSynchronous(IOP_REQUEST *Request, IOP_IRP *Header, NTSTATUS Status)
{
    PIRP irp = &Header->Irp;
    PFILE_OBJECT file = Request->File;
    NTSTATUS before = irp->IoStatus.Status;

    IopReleaseBuffers(Header, TRUE);
    if (irp->IoStatus.Status != before) {
        Status = irp->IoStatus.Status; /* copying back failed */
    }
    if (!NT_ERROR(irp->IoStatus.Status) || !Request->FileLocked) {
        NTSTATUS copied =
            MiCopyToUser(Request->Iosb, &irp->IoStatus, sizeof(irp->IoStatus), Request->Mode);

        if (!NT_SUCCESS(copied)) {
            Status = copied;
        }
        if (Header->Client != NULL && Request->Event != NULL) {
            MiFlushWindow();
        }
        if (Request->Event != NULL) {
            KeSetEvent(Request->Event, IO_NO_INCREMENT, FALSE);
        }
    }
    if (Request->FileLocked) {
        file->FinalStatus = irp->IoStatus.Status;
        if (!KeReadStateEvent(&file->Event)) {
            KeSetEvent(&file->Event, IO_NO_INCREMENT, FALSE);
        }
    }
    IopReleaseIrp(Header);
    IopEndRequest(Request);
    return Status;
}

static NTSTATUS
IopSendAsynchronous(IOP_REQUEST *Request, IOP_IRP *Header, ULONG_PTR Caller)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    PFILE_OBJECT file = Request->File;
    BOOLEAN onFile = IopPortOf(file) != NULL;
    NTSTATUS status;

    if (KeReadStateEvent(&file->Event)) {
        KeClearEvent(&file->Event);
    }
    Header->OnFileList = onFile;
    if (Header->Client != NULL) {
        MiBeginClientRequest(Header->Client);
    }
    if (onFile) {
        ObReferenceObject(file); /* its list is looked at when it may be completed and closed */
    }
    /* One for us, until the slot is left; one for the completion. It drops file and event, too. */
    __atomic_store_n(&Header->References, 2, __ATOMIC_RELAXED);
    if (Request->Apc != NULL) {
        ObReferenceObject(thread); /* for the APC; the completion drops it */
    }
    IopEnterSlot(thread, Header);
    status = IopCallDriver(Request->Device, &Header->Irp, Caller);
    if (status == STATUS_PENDING) {
        IopSetPended(Header);
        IopCheckDispatchStatus(Header, status, !IopListIrp(thread, Header));
    } else {
        IopCheckDispatchStatus(Header, status, IopIsDone(Header));
    }
    IopLeaveSlot(thread, Header);
    IopReleaseIrp(Header);
    if (onFile) {
        ObDereferenceObject(file);
    }
    return status;
}

NTSTATUS
IopIssueRequest(IOP_REQUEST *Request, IOP_IRP *Header, ULONG_PTR Caller)
{
    NTSTATUS status;

    if (!Request->Synchronous) {
        return IopSendAsynchronous(Request, Header, Caller);
    }
    Header->Irp.Flags |= IRP_SYNCHRONOUS_API;
    status = IopSendSynchronous(Header, Request->Device, Request->File, Request->Mode, Caller);
    return IopFinishSynchronous(Request, Header, status);
}

NTSTATUS
IopSendAndWait(IOP_IRP *Header, PDEVICE_OBJECT Device, PIO_STATUS_BLOCK Iosb)
{
    NTSTATUS status;

    Header->Irp.Flags |= IRP_SYNCHRONOUS_API;
    Header->Irp.Tail.Overlay.Thread = (PETHREAD)KiGetCurrentThread();
    status = IopSendSynchronous(Header, Device, NULL, KernelMode, NT_CALLER());
    IopReleaseBuffers(Header, FALSE);
    if (Iosb != NULL) {
        *Iosb = Header->Irp.IoStatus;
    }
    IopReleaseIrp(Header);
    return status;
}
