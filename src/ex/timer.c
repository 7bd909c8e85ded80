/* SPDX-License-Identifier: MIT
 *
 * ex/timer.c - EX_TIMER: timers that the system allocates
 *
 * An EX_TIMER begins with its KTIMER, so it can be waited for. Deleting one disables it first, so
 * that a callback in progress cannot set it again, and frees it when no callback can come any more:
 * at once if the caller waits for that, else on a worker thread.
 *
 * Invariants  T1  State only goes up. A timer that is not EXP_TIMER_LIVE is not set again, but by a
 *                 call that found it live: hence the flush before the last cancel.
 *             T2  LastExpiry says who frees a timer that was deleted while set, without Cancel: the
 *                 DPC that takes it from WANTED to TAKEN, or ExDeleteTimer with WANTED to GONE.
 * Differs     tolerances and wake hints do nothing
 * Source      WDK reference, wdm.h ExAllocateTimer, ExSetTimer, ExCancelTimer, ExDeleteTimer;
 *             "Deleting a System-Allocated Timer Object" (2017-06-16)
 */
#include "ex/ex.h"

#define EXP_TAG_TIMER 0x6D695445u /* 'ETim' */
#define EXP_SHORTEST_PERIOD 10000 /* the shortest tick: a timer expires once a tick at most */
#define EXP_TIMER_ATTRIBUTES \
    (EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE | (ULONG)EX_TIMER_NOTIFICATION)
#define EXP_TIMER_EXCLUSIVE (EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE)
#define EXP_BUGCHECK_TIMER 0xC7

typedef enum EXP_TIMER_STATE {
    EXP_TIMER_LIVE,
    EXP_TIMER_DISABLED,
    EXP_TIMER_FREED
} EXP_TIMER_STATE;

typedef enum EXP_LAST_EXPIRY {
    EXP_LAST_NONE,
    EXP_LAST_WANTED, /* the next expiry is the last one and frees the timer */
    EXP_LAST_TAKEN,  /* it has come: no callback after it */
    EXP_LAST_GONE    /* it had come before it was wanted: its callback may still run */
} EXP_LAST_EXPIRY;

struct _EX_TIMER {
    KTIMER Timer;
    KDPC Dpc;
    PEXT_CALLBACK Callback;
    PVOID Context;
    PEXT_DELETE_CALLBACK DeleteCallback;
    PVOID DeleteContext;
    WORK_QUEUE_ITEM Item;
    PKEVENT Done; /* set when it is gone, or NULL */
    BOOLEAN HighResolution;
    LONG State;      /* atomic: EXP_TIMER_STATE, T1 */
    LONG LastExpiry; /* atomic: EXP_LAST_EXPIRY, T2 */
};

/* Nobody who finds its state can set it any more. */
static VOID NTAPI
ExpFreeTimer(PVOID Parameter)
{
    PEX_TIMER timer = Parameter;
    PEXT_DELETE_CALLBACK callback = timer->DeleteCallback;
    PVOID context = timer->DeleteContext;
    PKEVENT done = timer->Done;

    /* A callback that found it live may be setting it this moment (T1). */
    KeFlushQueuedDpcs();
    KeCancelTimer(&timer->Timer);
    KeFlushQueuedDpcs();
    __atomic_store_n(&timer->State, EXP_TIMER_FREED, __ATOMIC_RELAXED);
    ExFreePoolWithTag(timer, EXP_TAG_TIMER);
    if (callback != NULL) {
        callback(context);
    }
    if (done != NULL) {
        KeSetEvent(done, 0, FALSE);
    }
}

static VOID
ExpQueueFreeTimer(PEX_TIMER Timer)
{
    ExInitializeWorkItem(&Timer->Item, ExpFreeTimer, Timer);
    ExQueueWorkItem(&Timer->Item, CriticalWorkQueue);
}

static BOOLEAN
ExpMoveLastExpiry(PEX_TIMER Timer, LONG To)
{
    LONG from = EXP_LAST_WANTED;

    return __atomic_compare_exchange_n(&Timer->LastExpiry, &from, To, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static VOID NTAPI
ExpTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PEX_TIMER timer = Context;
    BOOLEAN last = ExpMoveLastExpiry(timer, EXP_LAST_TAKEN);

    if (last) {
        KeCancelTimer(&timer->Timer);
    } else if (__atomic_load_n(&timer->LastExpiry, __ATOMIC_SEQ_CST) == EXP_LAST_TAKEN) {
        return;
    }
    if (timer->Callback != NULL) {
        timer->Callback(timer, timer->Context);
    }
    if (last) {
        ExpQueueFreeTimer(timer);
    }
}

/* TRUE: it may be used. Of one that is gone only a bugcheck is left, if its memory still tells. */
static BOOLEAN
ExpCheckTimer(PEX_TIMER Timer, const char *Function)
{
    LONG state = __atomic_load_n(&Timer->State, __ATOMIC_RELAXED);

    if (state != EXP_TIMER_LIVE && state != EXP_TIMER_DISABLED) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)Timer, 0, 0,
                         "%s on timer %p, which ExDeleteTimer has deleted.", Function,
                         (void *)Timer);
    }
    return state == EXP_TIMER_LIVE;
}

#pragma GCC visibility push(default)

/*
 * ExAllocateTimer - a timer that is not set yet
 *
 * Returns  NULL: no memory, or unknown attributes
 * Errors   EX_TIMER_HIGH_RESOLUTION with EX_TIMER_NO_WAKE is a bugcheck
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-exallocatetimer
 */
PEX_TIMER NTAPI
ExAllocateTimer(PEXT_CALLBACK callback, void *context, ULONG attr)
{
    NT_ENTER(ExAllocateTimer);
    BOOLEAN notification = (attr & (ULONG)EX_TIMER_NOTIFICATION) != 0;
    PEX_TIMER timer;

    if ((attr & EXP_TIMER_EXCLUSIVE) == EXP_TIMER_EXCLUSIVE) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, attr, 0, NT_CALLER(),
                         "ExAllocateTimer with EX_TIMER_HIGH_RESOLUTION and EX_TIMER_NO_WAKE: a "
                         "timer is one or the other.");
    }
    if ((attr & ~EXP_TIMER_ATTRIBUTES) != 0) {
        return NULL;
    }
    timer = ExpAllocatePool(NonPagedPoolNx, sizeof(*timer), EXP_TAG_TIMER, NT_CALLER());
    if (timer == NULL) {
        return NULL;
    }
    memset(timer, 0, sizeof(*timer));
    KeInitializeTimerEx(&timer->Timer, notification ? NotificationTimer : SynchronizationTimer);
    KeInitializeDpc(&timer->Dpc, ExpTimerDpc, timer);
    timer->Callback = callback;
    timer->Context = context;
    timer->HighResolution = (attr & EX_TIMER_HIGH_RESOLUTION) != 0;
    return timer;
}

/*
 * ExSetTimer - set the timer, and cancel what it was set to
 *
 * due      100 ns units, negative for relative; must be so for a high-resolution timer
 * period   100 ns units, up to MAXLONG; below 1 ms it counts as that; 0: once
 *
 * Returns  TRUE: it was set already; FALSE also when ExDeleteTimer has disabled it
 * Errors   other times are a bugcheck
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-exsettimer
 */
BOOLEAN NTAPI
ExSetTimer(PEX_TIMER timer, LONGLONG due, LONGLONG period, EXT_SET_PARAMETERS *params)
{
    NT_ENTER(ExSetTimer);
    LARGE_INTEGER time = {.QuadPart = due};

    if (!ExpCheckTimer(timer, "ExSetTimer")) {
        return FALSE;
    }
    if (period < 0 || period > MAXLONG) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)timer, (ULONG_PTR)period, 0,
                         "ExSetTimer with a period that is negative or above MAXLONG: it is in "
                         "units of 100 ns.");
    }
    if (timer->HighResolution && due >= 0) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)timer, (ULONG_PTR)due, NT_CALLER(),
                         "ExSetTimer of a high-resolution timer to an absolute time: it takes "
                         "relative (negative) ones only.");
    }
    if (period != 0 && period < EXP_SHORTEST_PERIOD) {
        period = EXP_SHORTEST_PERIOD;
    }
    return KiSetFineTimer(&timer->Timer, time, (ULONG)period, &timer->Dpc);
}

/* TRUE: it was set. FALSE also when ExDeleteTimer has disabled it. IRQL <= DISPATCH_LEVEL. */
BOOLEAN NTAPI
ExCancelTimer(PEX_TIMER timer, PEXT_CANCEL_PARAMETERS params)
{
    NT_ENTER(ExCancelTimer);
    return ExpCheckTimer(timer, "ExCancelTimer") && KeCancelTimer(&timer->Timer);
}

/* It is disabled. FALSE: it is not set, so that nothing frees it later. */
static BOOLEAN
ExpLeaveToExpiry(PEX_TIMER Timer)
{
    __atomic_store_n(&Timer->LastExpiry, EXP_LAST_WANTED, __ATOMIC_SEQ_CST);
    /* What is still set now expires later, and its DPC finds what was just stored. */
    return KiIsTimerPending(&Timer->Timer) || !ExpMoveLastExpiry(Timer, EXP_LAST_GONE);
}

/*
 * ExDeleteTimer - disables the timer, and frees it when it has expired or was cancelled
 *
 * cancel   FALSE: a timer that is set expires once more, then it is freed
 * wait     until it is freed and the delete callback has run; with cancel only
 * params   the delete callback; it runs once when the timer is freed
 *
 * Returns  TRUE: a set timer was cancelled. FALSE also for a timer that was deleted before
 * Errors   wait without cancel is a bugcheck
 * IRQL     <= APC_LEVEL with wait, else <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-exdeletetimer; "Deleting a System-Allocated Timer Object"
 */
BOOLEAN NTAPI
ExDeleteTimer(PEX_TIMER timer, BOOLEAN cancel, BOOLEAN wait, PEXT_DELETE_PARAMETERS params)
{
    NT_ENTER(ExDeleteTimer);
    LONG live = EXP_TIMER_LIVE;
    BOOLEAN cancelled = FALSE;
    KEVENT done;

    NT_IRQL_MAX((KIRQL)(wait ? APC_LEVEL : DISPATCH_LEVEL));
    if (wait && !cancel) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)timer, 0, 0,
                         "ExDeleteTimer on timer %p is to wait without to cancel.", (void *)timer);
    }
    if (!ExpCheckTimer(timer, "ExDeleteTimer") ||
        !__atomic_compare_exchange_n(&timer->State, &live, EXP_TIMER_DISABLED, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        return FALSE;
    }
    if (params != NULL) {
        timer->DeleteCallback = params->DeleteCallback;
        timer->DeleteContext = params->DeleteContext;
    }
    if (cancel) {
        cancelled = KeCancelTimer(&timer->Timer);
    } else if (ExpLeaveToExpiry(timer)) {
        return FALSE;
    }
    if (wait && KiCurrentIrql() == PASSIVE_LEVEL) {
        ExpFreeTimer(timer);
        return cancelled;
    }
    if (wait) {
        KeInitializeEvent(&done, NotificationEvent, FALSE);
        timer->Done = &done;
    }
    ExpQueueFreeTimer(timer);
    if (wait) {
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
    }
    return cancelled;
}

#pragma GCC visibility pop
