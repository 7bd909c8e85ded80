/* SPDX-License-Identifier: MIT
 *
 * ex/timer.c - EX_TIMER: timers that the system allocates
 *
 * An EX_TIMER begins with its KTIMER, so it can be waited for. Deleting one waits for a callback in
 * progress: at once if the caller asks for that, else on a worker thread.
 *
 * Invariants  T1  Deleted is set once; a deleted timer is not set again.
 * Differs     periods are rounded up to whole milliseconds; tolerances and wake hints do nothing
 * Source      WDK reference, wdm.h ExAllocateTimer, ExSetTimer, ExCancelTimer, ExDeleteTimer
 */
#include "ex/ex.h"

#define EXP_TAG_TIMER 0x6D695445u /* 'ETim' */
#define EXP_TICKS_PER_MS 10000
#define EXP_TIMER_ATTRIBUTES \
    (EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE | (ULONG)EX_TIMER_NOTIFICATION)
#define EXP_TIMER_EXCLUSIVE (EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE)
#define EXP_BUGCHECK_TIMER 0xC7

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
    BOOLEAN Deleted; /* atomic, T1 */
};

static VOID NTAPI
ExpTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PEX_TIMER timer = Context;

    timer->Callback(timer, timer->Context);
}

/* Nobody can set it any more. */
static VOID NTAPI
ExpFreeTimer(PVOID Parameter)
{
    PEX_TIMER timer = Parameter;
    PEXT_DELETE_CALLBACK callback = timer->DeleteCallback;
    PVOID context = timer->DeleteContext;
    PKEVENT done = timer->Done;

    KeCancelTimer(&timer->Timer);
    KeFlushQueuedDpcs();
    ExFreePoolWithTag(timer, EXP_TAG_TIMER);
    if (callback != NULL) {
        callback(context);
    }
    if (done != NULL) {
        KeSetEvent(done, 0, FALSE);
    }
}

static VOID
ExpCheckTimer(PEX_TIMER Timer, const char *Function)
{
    if (__atomic_load_n(&Timer->Deleted, __ATOMIC_RELAXED)) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)Timer, 0, 0,
                         "%s on timer %p, which ExDeleteTimer has deleted.", Function,
                         (void *)Timer);
    }
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
 * period   100 ns units, rounded up to milliseconds; 0: once
 *
 * Returns  TRUE: it was set already
 * Errors   other times are a bugcheck
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-exsettimer
 */
BOOLEAN NTAPI
ExSetTimer(PEX_TIMER timer, LONGLONG due, LONGLONG period, EXT_SET_PARAMETERS *params)
{
    NT_ENTER(ExSetTimer);
    LARGE_INTEGER time = {.QuadPart = due};
    LONGLONG milliseconds = (period + EXP_TICKS_PER_MS - 1) / EXP_TICKS_PER_MS;

    ExpCheckTimer(timer, "ExSetTimer");
    if (period < 0 || milliseconds > MAXLONG) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)timer, (ULONG_PTR)period, 0,
                         "ExSetTimer with a period that is negative or above 24 days.");
    }
    if (timer->HighResolution && due >= 0) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)timer, (ULONG_PTR)due, NT_CALLER(),
                         "ExSetTimer of a high-resolution timer to an absolute time: it takes "
                         "relative (negative) ones only.");
    }
    return KeSetTimerEx(&timer->Timer, time, (LONG)milliseconds,
                        timer->Callback != NULL ? &timer->Dpc : NULL);
}

BOOLEAN NTAPI
ExCancelTimer(PEX_TIMER timer, PEXT_CANCEL_PARAMETERS params)
{
    NT_ENTER(ExCancelTimer);
    ExpCheckTimer(timer, "ExCancelTimer");
    return KeCancelTimer(&timer->Timer);
}

/* Wait: IRQL <= APC_LEVEL, with Cancel. TRUE: a set timer was cancelled. */
BOOLEAN NTAPI
ExDeleteTimer(PEX_TIMER timer, BOOLEAN cancel, BOOLEAN wait, PEXT_DELETE_PARAMETERS params)
{
    NT_ENTER(ExDeleteTimer);
    BOOLEAN cancelled = FALSE;
    KEVENT done;

    NT_IRQL_MAX((KIRQL)(wait ? APC_LEVEL : DISPATCH_LEVEL));
    if (__atomic_exchange_n(&timer->Deleted, TRUE, __ATOMIC_RELAXED) || (wait && !cancel)) {
        KiBugCheckDetail(EXP_BUGCHECK_TIMER, 0, (ULONG_PTR)timer, 0, 0,
                         "ExDeleteTimer on timer %p for the second time, or to wait without to "
                         "cancel.",
                         (void *)timer);
    }
    if (cancel) {
        cancelled = KeCancelTimer(&timer->Timer);
    } else if (KeReadStateTimer(&timer->Timer) == 0 && timer->Timer.Header.Inserted) {
        KiUnimplementedExport("ExDeleteTimer of a set timer without Cancel");
    }
    if (params != NULL) {
        timer->DeleteCallback = params->DeleteCallback;
        timer->DeleteContext = params->DeleteContext;
    }
    if (wait && KiCurrentIrql() == PASSIVE_LEVEL) {
        ExpFreeTimer(timer);
        return cancelled;
    }
    if (wait) {
        KeInitializeEvent(&done, NotificationEvent, FALSE);
        timer->Done = &done;
    }
    ExInitializeWorkItem(&timer->Item, ExpFreeTimer, timer);
    ExQueueWorkItem(&timer->Item, CriticalWorkQueue);
    if (wait) {
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
    }
    return cancelled;
}

#pragma GCC visibility pop
