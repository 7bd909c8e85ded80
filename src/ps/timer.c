/* SPDX-License-Identifier: MIT
 *
 * ps/timer.c - timers behind handles: NtCreateTimer and its kind, for waitable timers of clients
 *
 * The object is a KTIMER that can be waited for. A timer that was set with an APC routine belongs
 * to the thread that set it: when it expires its DPC queues the APC there, and it is cancelled when
 * that thread ends, which leaves its state as it is.
 *
 * Invariants  TM1  Owner is referenced, and the timer is on Owner->TimerList, iff it was set with
 * an APC routine and is not cancelled since. PspTimerLock. TM2  a queued APC references its timer:
 * from the DPC that queues it to the routine that takes it, runs it down or withdraws it. TM3  set,
 * cancel and the end of a thread take turns by Turn; they stop the timer, its DPC and its APC
 * before they go on, so that nothing of an earlier setting comes late. Locks       Turn (an event;
 * may block), then PspTimerLock (spin), then the dispatcher's. Source      WDK reference,
 * nf-wdm-zwcreatetimer, -zwsettimer, -zwcanceltimer, -zwopentimer; SDK reference, SetWaitableTimer.
 */
#include "ps/psp.h"

#define PSP_TIMER_QUERY 1u  /* TIMER_QUERY_STATE */
#define PSP_TIMER_MODIFY 2u /* TIMER_MODIFY_STATE */
#define PSP_TIMER_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 3u)

typedef struct PSP_TIMER {
    KTIMER Timer;
    KEVENT Turn; /* signaled: free; TM3 */
    KDPC Dpc;
    KAPC Apc;
    PETHREAD Owner;       /* TM1 */
    LIST_ENTRY OwnerLink; /* on Owner->TimerList */
    PKNORMAL_ROUTINE Routine;
    PVOID Context;
} PSP_TIMER;

static POBJECT_TYPE PspTimerType;
static KSPIN_LOCK PspTimerLock;

/* ---- the APC ---- */

static VOID NTAPI
PspRunDownTimerApc(PKAPC Apc)
{
    ObDereferenceObject(CONTAINING_RECORD(Apc, PSP_TIMER, Apc)); /* TM2 */
}

static VOID NTAPI
PspTakeTimerApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                PVOID *SystemArgument1, PVOID *SystemArgument2)
{
    PspRunDownTimerApc(Apc);
}

/* The arguments are the low and the high half of the time at which it expired. */
static VOID NTAPI
PspTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PSP_TIMER *timer = Context;

    KeAcquireSpinLockAtDpcLevel(&PspTimerLock);
    if (timer->Owner != NULL && !timer->Apc.Inserted) {
        ObReferenceObject(timer); /* TM2; TM1 tells that it is not being deleted */
        KiInitializeUserApc(&timer->Apc, &timer->Owner->Tcb, PspTakeTimerApc, PspRunDownTimerApc,
                            timer->Routine, timer->Context);
        if (!KiQueueUserApc(&timer->Apc, Argument1, Argument2)) {
            ObDereferenceObject(timer);
        }
    }
    KeReleaseSpinLockFromDpcLevel(&PspTimerLock);
}

/* ---- setting and stopping; the caller has the turn ---- */

static VOID
PspTakeTurn(PSP_TIMER *Timer)
{
    KeWaitForSingleObject(&Timer->Turn, Executive, KernelMode, FALSE, NULL);
}

static VOID
PspEndTurn(PSP_TIMER *Timer)
{
    KeSetEvent(&Timer->Turn, IO_NO_INCREMENT, FALSE);
}

/* The owner, whose reference is the caller's now, or NULL. */
static PETHREAD
PspDisownTimer(PSP_TIMER *Timer)
{
    PETHREAD owner;
    KIRQL irql;

    KeAcquireSpinLock(&PspTimerLock, &irql);
    owner = Timer->Owner;
    if (owner != NULL) {
        RemoveEntryList(&Timer->OwnerLink);
        Timer->Owner = NULL;
    }
    KeReleaseSpinLock(&PspTimerLock, irql);
    return owner;
}

static VOID
PspStopTimer(PSP_TIMER *Timer)
{
    PETHREAD owner = PspDisownTimer(Timer);

    KeCancelTimer(&Timer->Timer);
    if (owner == NULL) {
        return;
    }
    KeRemoveQueueDpc(&Timer->Dpc);
    KeFlushQueuedDpcs();
    if (KiWithdrawUserApc(&Timer->Apc)) {
        ObDereferenceObject(Timer); /* TM2; the caller has a reference of its own */
    }
    ObDereferenceObject(owner);
}

static VOID
PspOwnTimer(PSP_TIMER *Timer, PETHREAD Thread)
{
    KIRQL irql;

    KeAcquireSpinLock(&PspTimerLock, &irql);
    Timer->Owner = Thread;
    ObReferenceObject(Thread);
    InsertTailList(&Thread->TimerList, &Timer->OwnerLink);
    KeReleaseSpinLock(&PspTimerLock, irql);
}

/* Object type procedure: no handle, no reference, so no APC is queued (TM2) and nobody sets it. */
static VOID
PspDeleteTimer(PVOID Object)
{
    PSP_TIMER *timer = Object;
    PETHREAD owner = PspDisownTimer(timer);

    KeCancelTimer(&timer->Timer);
    if (owner != NULL) {
        KeRemoveQueueDpc(&timer->Dpc);
        KeFlushQueuedDpcs();
        ObDereferenceObject(owner);
    }
}

/* The first timer of the thread's, referenced; NULL: it has none. */
static PSP_TIMER *
PspFirstTimer(PETHREAD Thread)
{
    PSP_TIMER *timer = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&PspTimerLock, &irql);
    if (!IsListEmpty(&Thread->TimerList)) {
        timer = CONTAINING_RECORD(Thread->TimerList.Flink, PSP_TIMER, OwnerLink);
        if (!ObReferenceObjectSafe(timer)) {
            timer = NULL; /* being deleted, by another thread, which takes it off the list */
        }
    }
    KeReleaseSpinLock(&PspTimerLock, irql);
    return timer;
}

static BOOLEAN
PspHasTimers(PETHREAD Thread)
{
    BOOLEAN has;
    KIRQL irql;

    KeAcquireSpinLock(&PspTimerLock, &irql);
    has = !IsListEmpty(&Thread->TimerList);
    KeReleaseSpinLock(&PspTimerLock, irql);
    return has;
}

VOID
PspCancelThreadTimers(PETHREAD Thread)
{
    while (PspHasTimers(Thread)) {
        PSP_TIMER *timer = PspFirstTimer(Thread);

        if (timer == NULL) {
            HalpYield();
            continue;
        }
        PspTakeTurn(timer);
        if (timer->Owner == Thread) {
            PspStopTimer(timer);
        }
        PspEndTurn(timer);
        ObDereferenceObject(timer);
    }
}

NTSTATUS
PspCreateTimerType(VOID)
{
    static const OBP_TYPE_OPS ops = {
        .Name = L"Timer",
        .ValidAccess = PSP_TIMER_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | PSP_TIMER_QUERY,
                    STANDARD_RIGHTS_WRITE | PSP_TIMER_MODIFY, STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
                    PSP_TIMER_ALL_ACCESS},
        .Waitable = TRUE,
        .Delete = PspDeleteTimer,
    };

    KeInitializeSpinLock(&PspTimerLock);
    return ObpCreateType(&ops, &PspTimerType);
}

static NTSTATUS
PspReferenceTimer(HANDLE Handle, ACCESS_MASK Access, PSP_TIMER **Timer)
{
    return ObReferenceObjectByHandle(Handle, Access, PspTimerType, ExGetPreviousMode(),
                                     (PVOID *)Timer, NULL);
}

/*
 * NtCreateTimer - a timer object, not set
 *
 * Errors   STATUS_INVALID_PARAMETER_4 (Type); STATUS_OBJECT_NAME_EXISTS (success: opened, with
 *          OBJ_OPENIF); the name's, STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
NtCreateTimer(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, TIMER_TYPE Type)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    OBP_ATTRIBUTES captured;
    PSP_TIMER *timer;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (Type != NotificationTimer && Type != SynchronizationTimer) {
        return STATUS_INVALID_PARAMETER_4;
    }
    status = mode == KernelMode ? STATUS_SUCCESS : MiProbeUser(Handle, sizeof(*Handle), 1, TRUE);
    if (NT_SUCCESS(status)) {
        status = ObpCaptureAttributes(Attributes, mode, &captured);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCreateObject(PspTimerType, sizeof(*timer), (PVOID *)&timer);
    if (NT_SUCCESS(status)) {
        KeInitializeTimerEx(&timer->Timer, Type);
        KeInitializeEvent(&timer->Turn, SynchronizationEvent, TRUE);
        KeInitializeDpc(&timer->Dpc, PspTimerDpc, timer);
        status = ObpPublishObject(timer, &captured, Access, mode, Handle);
    }
    ObpReleaseAttributes(&captured);
    return status;
}

NTSTATUS NTAPI
NtOpenTimer(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    return ObpOpenService(Handle, Access, Attributes, PspTimerType);
}

/*
 * NtSetTimer - sets a timer, in place of any earlier setting; its state becomes not signaled
 *
 * DueTime   as KeSetTimer's
 * Apc       called on the calling thread, in an alertable wait of it: (Context, low, high half of
 *           the time); NULL: none
 * Resume    wake-up of the machine: not done, see below
 * Period    milliseconds; 0: once
 * Previous  optional: the state before
 *
 * Returns  STATUS_SUCCESS; STATUS_TIMER_RESUME_IGNORED: success, Resume has no effect
 * Errors   STATUS_INVALID_PARAMETER_6 (Period < 0), STATUS_NOT_SUPPORTED (an APC routine of a
 * kernel caller), the handle's, STATUS_ACCESS_VIOLATION IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
NtSetTimer(HANDLE Handle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE Apc, PVOID Context,
           BOOLEAN Resume, LONG Period, PBOOLEAN Previous)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER due;
    PSP_TIMER *timer;
    NTSTATUS status;
    BOOLEAN state;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = MiCopyFromUser(&due, DueTime, sizeof(due), mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (Period < 0) {
        return STATUS_INVALID_PARAMETER_6;
    }
    if (Apc != NULL && mode == KernelMode) {
        return STATUS_NOT_SUPPORTED;
    }
    status = PspReferenceTimer(Handle, PSP_TIMER_MODIFY, &timer);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    PspTakeTurn(timer);
    PspStopTimer(timer);
    state = KeReadStateTimer(&timer->Timer);
    timer->Routine = (PKNORMAL_ROUTINE)(ULONG_PTR)Apc;
    timer->Context = Context;
    if (Apc != NULL) {
        PspOwnTimer(timer, (PETHREAD)KiGetCurrentThread());
    }
    KeSetTimerEx(&timer->Timer, due, Period, Apc != NULL ? &timer->Dpc : NULL);
    PspEndTurn(timer);
    ObDereferenceObject(timer);
    if (Previous != NULL) {
        status = MiCopyToUser(Previous, &state, sizeof(state), mode);
    }
    return NT_SUCCESS(status) && Resume ? STATUS_TIMER_RESUME_IGNORED : status;
}

/* NtCancelTimer - it expires no more, its APC is withdrawn; its state stays, and is told */
NTSTATUS NTAPI
NtCancelTimer(HANDLE Handle, PBOOLEAN CurrentState)
{
    PSP_TIMER *timer;
    NTSTATUS status;
    BOOLEAN state;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = PspReferenceTimer(Handle, PSP_TIMER_MODIFY, &timer);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    PspTakeTurn(timer);
    PspStopTimer(timer);
    state = KeReadStateTimer(&timer->Timer);
    PspEndTurn(timer);
    ObDereferenceObject(timer);
    return CurrentState != NULL
               ? MiCopyToUser(CurrentState, &state, sizeof(state), ExGetPreviousMode())
               : STATUS_SUCCESS;
}
