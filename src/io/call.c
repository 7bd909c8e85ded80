/* SPDX-License-Identifier: MIT
 *
 * io/call.c - sending an IRP to a driver, and its way back up
 *
 * IofCompleteRequest walks the stack locations upwards. At each it takes the pending bit into
 * Irp->PendingReturned and calls the completion routine that the driver above put there, or
 * carries the bit on itself. STATUS_MORE_PROCESSING_REQUIRED stops the walk: the IRP is that
 * driver's again. Above the last location the I/O manager finishes by the IRP's kind.
 *
 * Source   WDK reference, wdm.h IoCallDriver, IoCompleteRequest, IoMarkIrpPending,
 *          IoSetCompletionRoutine; 0xC4 and 0xC9 as Driver Verifier documents them, always on.
 */
#include "io/iop.h"

static VOID
IopCheckCall(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    if (KiCurrentIrql() > DISPATCH_LEVEL) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_CALL_IRQL, KiCurrentIrql(), Irp,
                       "IoCallDriver above DISPATCH_LEVEL");
    }
    if (Irp == NULL || Irp->Type != IO_TYPE_IRP) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_CALL_NOT_IRP, (ULONG_PTR)Irp, Irp,
                       "IoCallDriver with something that is not an IRP");
    }
    if (DeviceObject == NULL || DeviceObject->Type != IO_TYPE_DEVICE) {
        IopIrpBugCheck(IOP_BUGCHECK_IO,
                       DeviceObject == NULL ? IOP_C9_NULL_DEVICE : IOP_C9_CALL_BAD_DEVICE,
                       (ULONG_PTR)DeviceObject, Irp, "IoCallDriver without a device object");
    }
    if (__atomic_load_n(&Irp->CancelRoutine, __ATOMIC_RELAXED) != NULL) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_FORWARD_CANCELABLE, (ULONG_PTR)Irp, Irp,
                       "IoCallDriver with a cancel routine set: clear it with "
                       "IoSetCancelRoutine(Irp, NULL) before the IRP is passed on");
    }
}

/* Irp may be gone: the driver's side effects on the thread only. */
static VOID
IopCheckDispatchReturn(PKTHREAD Thread, KIRQL Irql, LONG ApcDisable, PDRIVER_DISPATCH Dispatch)
{
    if (Thread->Irql != Irql) {
        KiBugCheckDetail(IOP_BUGCHECK_IO, IOP_C9_IRQL_CHANGED, (ULONG_PTR)Dispatch, Irql,
                         Thread->Irql,
                         "a dispatch routine was entered at IRQL %u and returned at IRQL %u; look "
                         "for a spin lock that a path does not release",
                         Irql, Thread->Irql);
    }
    if (Thread->KernelApcDisable + Thread->SpecialApcDisable != ApcDisable) {
        KiBugCheckDetail(IOP_BUGCHECK_VERIFIER, IOP_C4_APC_DISABLE, (ULONG_PTR)Dispatch,
                         (ULONG)ApcDisable,
                         (ULONG)(Thread->KernelApcDisable + Thread->SpecialApcDisable),
                         "a dispatch routine entered a critical region that it did not leave, or "
                         "the other way round");
    }
}

NTSTATUS
IopCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp, ULONG_PTR Caller)
{
    PKTHREAD thread = KiGetCurrentThread();
    PIO_STACK_LOCATION location;
    PDRIVER_DISPATCH dispatch;
    IOP_IRP *header;
    PIRP outer;
    NTSTATUS status;
    KIRQL irql = thread->Irql;
    LONG apcDisable = thread->KernelApcDisable + thread->SpecialApcDisable;

    IopCheckCall(DeviceObject, Irp);
    header = IopIrpHeader(Irp);
    if (header != NULL && IopIrpState(header) != IopIrpOwned && IopIrpState(header) != IopIrpSent &&
        IopIrpState(header) != IopIrpReturned) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_CALL_NOT_IRP, (ULONG_PTR)Irp, Irp,
                       "IoCallDriver with an IRP that is completed or free");
    }
    if (--Irp->CurrentLocation <= 0) {
        IopIrpBugCheck(NO_MORE_IRP_STACK_LOCATIONS, (ULONG_PTR)Irp, 0, Irp,
                       "IoCallDriver, but the IRP has no stack location left: its StackSize was "
                       "less than the target device's");
    }
    location = --Irp->Tail.Overlay.CurrentStackLocation;
    location->DeviceObject = DeviceObject;
    dispatch = DeviceObject->DriverObject->MajorFunction[location->MajorFunction];
    if (header != NULL) {
        IopRecordIrp(header, IopEventCalled, Caller, (ULONG_PTR)DeviceObject,
                     location->MajorFunction);
        IopSetIrpState(header, IopIrpSent);
    }
    outer = thread->CurrentIrp;
    thread->CurrentIrp = Irp;
    status = dispatch(DeviceObject, Irp);
    thread->CurrentIrp = outer;
    if (__builtin_expect(thread->Irql != irql ||
                             thread->KernelApcDisable + thread->SpecialApcDisable != apcDisable,
                         0)) {
        IopCheckDispatchReturn(thread, irql, apcDisable, dispatch);
    }
    if (__builtin_expect(thread->StackTimers, 0)) {
        KiCheckStackTimers(thread, __builtin_frame_address(0), "The dispatch routine",
                           (ULONG_PTR)dispatch);
    }
    return status;
}

static VOID
IopCheckCompletion(PIRP Irp, IOP_IRP *Header)
{
    if (Irp->CurrentLocation > Irp->StackCount + 1 ||
        (Header != NULL &&
         (IopIrpState(Header) == IopIrpFree || IopIrpState(Header) >= IopIrpCompleted))) {
        IopIrpBugCheck(MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, __LINE__, Irp,
                       "IoCompleteRequest on an IRP that is completed already");
    }
    if (Header != NULL && IopIrpState(Header) == IopIrpOwned) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_NEVER_SENT, (ULONG_PTR)Irp, Irp,
                       "IoCompleteRequest on an IRP that was never sent to a driver");
    }
    if (Irp->IoStatus.Status == STATUS_PENDING || Irp->IoStatus.Status == (NTSTATUS)-1) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_STATUS_PENDING, (ULONG)Irp->IoStatus.Status, Irp,
                       "IoCompleteRequest while IoStatus.Status is STATUS_PENDING or -1");
    }
    if (__atomic_load_n(&Irp->CancelRoutine, __ATOMIC_RELAXED) != NULL) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_CANCEL_ROUTINE,
                       (ULONG_PTR)__atomic_load_n(&Irp->CancelRoutine, __ATOMIC_RELAXED), Irp,
                       "IoCompleteRequest with a cancel routine still set: clear it with "
                       "IoSetCancelRoutine(Irp, NULL), and let a cancel routine that has begun "
                       "complete the IRP");
    }
}

static inline VOID
IopClearLocation(PIO_STACK_LOCATION Location)
{
    Location->MinorFunction = 0;
    Location->Flags = 0;
    Location->Control = 0;
    RtlZeroMemory(&Location->Parameters, sizeof(Location->Parameters));
    Location->FileObject = NULL;
}

static inline BOOLEAN
IopWantsCompletion(PIRP Irp, UCHAR Control)
{
    if (Irp->Cancel && (Control & SL_INVOKE_ON_CANCEL)) {
        return TRUE;
    }
    return (Control &
            (NT_SUCCESS(Irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR)) != 0;
}

/* FALSE: the routine keeps the IRP, which must not be touched any more. */
static BOOLEAN
IopCallCompletionRoutine(PIRP Irp, IOP_IRP *Header, PIO_STACK_LOCATION Location)
{
    PIO_COMPLETION_ROUTINE routine = Location->CompletionRoutine;
    PVOID context = Location->Context;
    BOOLEAN isTop = Irp->CurrentLocation == Irp->StackCount + 1;
    PDEVICE_OBJECT device = isTop ? NULL : Irp->Tail.Overlay.CurrentStackLocation->DeviceObject;
    BOOLEAN pending = Irp->PendingReturned;
    KIRQL irql = KiCurrentIrql();
    NTSTATUS status;

    IopClearLocation(Location);
    if (Header != NULL) {
        IopRecordIrp(Header, IopEventKept, (ULONG_PTR)routine, 0, 0);
        IopSetIrpState(Header, IopIrpReturned);
    }
    status = routine(device, Irp, context);
    if (KiCurrentIrql() != irql) {
        KiBugCheckDetail(IOP_BUGCHECK_VERIFIER, IOP_C4_COMPLETION_IRQL, (ULONG_PTR)routine, irql,
                         KiCurrentIrql(),
                         "a completion routine was entered at IRQL %u and returned at IRQL %u",
                         irql, KiCurrentIrql());
    }
    if (status == STATUS_MORE_PROCESSING_REQUIRED) {
        return FALSE;
    }
    if (Header != NULL) {
        if (IopIrpState(Header) != IopIrpReturned) {
            IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_FREE_IN_USE, (ULONG_PTR)routine, Irp,
                           "a completion routine freed, reused or completed the IRP and did not "
                           "return STATUS_MORE_PROCESSING_REQUIRED");
        }
        --Header->HistoryCount; /* it did not keep the IRP */
        IopSetIrpState(Header, IopIrpSent);
    }
    if (pending && !isTop &&
        !(Irp->Tail.Overlay.CurrentStackLocation->Control & SL_PENDING_RETURNED)) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_PENDING_NOT_PROPAGATED, (ULONG_PTR)routine, Irp,
                       "a completion routine saw Irp->PendingReturned and did not call "
                       "IoMarkIrpPending");
    }
    return TRUE;
}

/* FALSE: stopped by STATUS_MORE_PROCESSING_REQUIRED. */
static BOOLEAN
IopWalkCompletion(PIRP Irp, IOP_IRP *Header)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);

    for (;;) {
        UCHAR control;

        ++Irp->CurrentLocation;
        ++Irp->Tail.Overlay.CurrentStackLocation;
        if (Irp->CurrentLocation > Irp->StackCount + 1) {
            /* The walk began above the top: a creator's routine resumed what it had kept. */
            --Irp->CurrentLocation;
            --Irp->Tail.Overlay.CurrentStackLocation;
            return TRUE;
        }
        control = location->Control;
        Irp->PendingReturned = (control & SL_PENDING_RETURNED) != 0;
        if (location->CompletionRoutine != NULL && IopWantsCompletion(Irp, control)) {
            if (!IopCallCompletionRoutine(Irp, Header, location)) {
                return FALSE;
            }
        } else {
            if (Irp->PendingReturned && Irp->CurrentLocation <= Irp->StackCount) {
                IoMarkIrpPending(Irp);
            }
            IopClearLocation(location);
        }
        if (Irp->CurrentLocation == Irp->StackCount + 1) {
            return TRUE;
        }
        ++location;
    }
}

#pragma GCC visibility push(default)

/*
 * IofCallDriver - hands an IRP to the driver of a device; IoCallDriver
 *
 * Returns  what the dispatch routine returned. With STATUS_PENDING, or a completion routine that
 *          frees it, the IRP may be gone.
 * Errors   NO_MORE_IRP_STACK_LOCATIONS; DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x03 (no IRP, or a
 *          completed one), 0x04/0x204 (no device), 0x05 (IRQL changed), 0x10 (IRQL too high),
 *          0x203 (cancel routine set); DRIVER_VERIFIER_DETECTED_VIOLATION 0xC5 (APC disable count)
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-iofcalldriver
 */
NTSTATUS FASTCALL
IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IopCallDriver(DeviceObject, Irp, NT_CALLER());
}

/*
 * IofCompleteRequest - the driver is done with the IRP; IoCompleteRequest
 *
 * PriorityBoost  ignored: the host's scheduler decides
 *
 * Errors   MULTIPLE_IRP_COMPLETE_REQUESTS with the IRP's history;
 *          DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x06 (STATUS_PENDING), 0x07 (cancel routine set),
 *          0x0E (IRQL), 0x228 (pending bit lost), 0x239 (never sent), 0x80000001 (nobody frees it)
 * IRQL     <= DISPATCH_LEVEL. Completion routines run at the caller's IRQL.
 * Differs  the last part (copying to the caller, IOSB, event, port) of asynchronous requests runs
 *          in the completing thread, not by an APC in the requesting one
 * Source   WDK reference, nf-wdm-iofcompleterequest
 */
VOID FASTCALL
IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    IOP_IRP *header;

    (void)PriorityBoost;
    if (KiCurrentIrql() > DISPATCH_LEVEL) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_COMPLETE_IRQL, KiCurrentIrql(), Irp,
                       "IoCompleteRequest above DISPATCH_LEVEL");
    }
    if (Irp == NULL || Irp->Type != IO_TYPE_IRP) {
        IopIrpBugCheck(MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, __LINE__, Irp,
                       "IoCompleteRequest on something that is not an IRP (any more)");
    }
    header = IopIrpHeader(Irp);
    IopCheckCompletion(Irp, header);
    if (header != NULL) {
        IopRecordIrp(header, IopEventCompleted, NT_CALLER(), (ULONG)Irp->IoStatus.Status, 0);
    }
    if (!IopWalkCompletion(Irp, header)) {
        return;
    }
    if (header == NULL || header->Kind == IopIrpAllocated || header->Kind == IopIrpAsyncFsd) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_NO_COMPLETION_ROUTINE, (ULONG_PTR)Irp, Irp,
                       "an IRP of the driver's own was completed, and no completion routine kept "
                       "it: return STATUS_MORE_PROCESSING_REQUIRED and free it there");
    }
    IopFinishIrp(header);
}

/*
 * IoSetCompletionRoutineEx - IoSetCompletionRoutine that pins the driver
 *
 * DeviceObject  of the caller's driver: referenced until the routine has returned
 *
 * Returns  STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-iosetcompletionroutineex
 */
typedef struct IOP_UNLOAD_SAFE_COMPLETION {
    PDEVICE_OBJECT DeviceObject;
    PIO_COMPLETION_ROUTINE Routine;
    PVOID Context;
} IOP_UNLOAD_SAFE_COMPLETION;

static NTSTATUS NTAPI
IopUnloadSafeCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    IOP_UNLOAD_SAFE_COMPLETION *pinned = Context;
    PDEVICE_OBJECT device = pinned->DeviceObject;
    PIO_COMPLETION_ROUTINE routine = pinned->Routine;
    PVOID context = pinned->Context;
    NTSTATUS status;

    ExFreePoolWithTag(pinned, IOP_TAG_CONTEXT);
    status = routine(DeviceObject, Irp, context);
    ObDereferenceObject(device);
    return status;
}

NTSTATUS NTAPI
IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                         PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                         BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)
{
    NT_ENTER(IoSetCompletionRoutineEx);
    IOP_UNLOAD_SAFE_COMPLETION *pinned;

    pinned = ExpAllocatePool(NonPagedPoolNx, sizeof(*pinned), IOP_TAG_CONTEXT, NT_CALLER());
    if (pinned == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObReferenceObject(DeviceObject);
    pinned->DeviceObject = DeviceObject;
    pinned->Routine = CompletionRoutine;
    pinned->Context = Context;
    IoSetCompletionRoutine(Irp, IopUnloadSafeCompletion, pinned, InvokeOnSuccess, InvokeOnError,
                           InvokeOnCancel);
    return STATUS_SUCCESS;
}

/*
 * IoForwardIrpSynchronously - sends the IRP down and waits until the driver below is done
 *
 * Returns  TRUE; the caller then reads Irp->IoStatus and completes the IRP. FALSE: no location.
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-ioforwardirpsynchronously
 */
static NTSTATUS NTAPI
IopForwardCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    (void)DeviceObject;
    (void)Irp;
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

BOOLEAN NTAPI
IoForwardIrpSynchronously(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    NT_ENTER(IoForwardIrpSynchronously);
    KEVENT event;

    if (Irp->CurrentLocation <= 1) {
        return FALSE;
    }
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, IopForwardCompletion, &event, TRUE, TRUE, TRUE);
    if (IopCallDriver(DeviceObject, Irp, NT_CALLER()) == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
    return TRUE;
}

#pragma GCC visibility pop
