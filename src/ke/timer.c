/* SPDX-License-Identifier: MIT
 *
 * ke/timer.c - timers and the clock thread that expires them
 *
 * Armed timers are in one of two treaps: relative ones by interrupt time, absolute ones by system
 * time. A treap is a binary search tree by (due time, address) that is at the same time a heap by
 * a hash of the address, which keeps it balanced on average. TimerListEntry holds the left and
 * the right child: no parent is needed, since a timer is found again by its key.
 *
 * Invariants  C1  Header.Inserted iff the timer is in a treap; DueTime does not change while it is.
 *             C2  A timer's DPC is queued in the same hold of KiDispatcherLock that takes it out:
 *                 after KeCancelTimer says FALSE, KeFlushQueuedDpcs waits for that DPC.
 *             C3  KiClockTarget <= every due time, or the clock thread is about to look again.
 *             C4  A timer with a tolerance is armed for the next multiple of a common interval that
 *                 is no longer than it; EncodedTolerableDelay is 1 + that interval's index, 0
 *                 without one, and Processor the 100 ns units that this put off the expiry.
 * Locks       KiDispatcherLock guards the treaps and KiClockTarget
 * Differs     due times are kept to the host clock's grain, not to a tick of 15.6 ms
 * Source      WDK reference, wdm.h KeSetTimer, KeSetTimerEx, KeSetCoalescableTimer, KeCancelTimer
 */
#include "ke/ki.h"

/* While absolute timers are armed the system time is read at least so often, in ns. */
#define KI_SYSTEM_TIME_CHECK 1000000000ull
#define KI_EXPIRE_BATCH 32
#define KI_NEAR 0x100000
/* In KTIMER.Period, which is in ms: the rest of it is in units of 100 ns. */
#define KI_FINE_PERIOD 0x80000000u

/* C4: tolerant timers expire together at multiples of these, in ms. */
static const ULONG KiCoalescing[] = {1000, 500, 250, 100, 50};

static PKTIMER
    KiRelativeTimers NT_GUARDED_BY(KiDispatcherLock); /* root, DueTime: KiInterruptTime */
static PKTIMER KiAbsoluteTimers NT_GUARDED_BY(KiDispatcherLock); /* root, DueTime: system time */
/* HalpMonotonicTime until which the clock thread sleeps. */
static ULONG64 KiClockTarget NT_GUARDED_BY(KiDispatcherLock);
static KI_SYSTEM_THREAD KiClockThreadBlock;
static uint32_t KiClockWord; /* atomic: the clock thread parks here; counts requests */
static uint32_t KiClockStop; /* atomic */

/* ---- the treap ---- */

#define KI_LEFT(timer) (*(PKTIMER *)&(timer)->TimerListEntry.Flink)
#define KI_RIGHT(timer) (*(PKTIMER *)&(timer)->TimerListEntry.Blink)

static inline ULONG64
KiTimerHash(const KTIMER *Timer)
{
    ULONG64 value = (ULONG64)(ULONG_PTR)Timer * 0x9E3779B97F4A7C15ull;
    return (value ^ (value >> 29)) * 0xBF58476D1CE4E5B9ull;
}

static inline BOOLEAN
KiTimerBefore(const KTIMER *A, const KTIMER *B)
{
    if (A->DueTime.QuadPart != B->DueTime.QuadPart) {
        return A->DueTime.QuadPart < B->DueTime.QuadPart;
    }
    return (ULONG_PTR)A < (ULONG_PTR)B;
}

static VOID
KiInsertTreap(PKTIMER *Root, PKTIMER Timer)
{
    ULONG64 hash = KiTimerHash(Timer);
    PKTIMER *link = Root;
    PKTIMER rest;
    PKTIMER *less = &KI_LEFT(Timer);
    PKTIMER *more = &KI_RIGHT(Timer);

    while (*link != NULL && KiTimerHash(*link) >= hash) {
        link = KiTimerBefore(Timer, *link) ? &KI_LEFT(*link) : &KI_RIGHT(*link);
    }
    /* Timer takes the place of the rest, which is split into what is less and what is more. */
    rest = *link;
    *link = Timer;
    while (rest != NULL) {
        if (KiTimerBefore(rest, Timer)) {
            *less = rest;
            less = &KI_RIGHT(rest);
            rest = *less;
        } else {
            *more = rest;
            more = &KI_LEFT(rest);
            rest = *more;
        }
    }
    *less = NULL;
    *more = NULL;
}

static VOID
KiRemoveTreap(PKTIMER *Root, PKTIMER Timer)
{
    PKTIMER *link = Root;
    PKTIMER left = KI_LEFT(Timer);
    PKTIMER right = KI_RIGHT(Timer);

    while (*link != Timer) {
        NT_ASSERT_INTERNAL(*link != NULL);
        link = KiTimerBefore(Timer, *link) ? &KI_LEFT(*link) : &KI_RIGHT(*link);
    }
    /* The two subtrees are joined in its place. */
    while (left != NULL && right != NULL) {
        if (KiTimerHash(left) >= KiTimerHash(right)) {
            *link = left;
            link = &KI_RIGHT(left);
            left = *link;
        } else {
            *link = right;
            link = &KI_LEFT(right);
            right = *link;
        }
    }
    *link = left != NULL ? left : right;
}

static PKTIMER
KiFirstTimer(PKTIMER Root)
{
    while (Root != NULL && KI_LEFT(Root) != NULL) {
        Root = KI_LEFT(Root);
    }
    return Root;
}

static inline BOOLEAN
KiIsTimerIn(const KTIMER *Timer, ULONG_PTR Base, SIZE_T Size)
{
    return (ULONG_PTR)Timer - Base < Size || (ULONG_PTR)Timer->Dpc - Base < Size ||
           (Timer->Dpc != NULL && (ULONG_PTR)Timer->Dpc->DeferredRoutine - Base < Size);
}

/* The next timer of the range after *Skip others; *Skip goes down by those that were passed. */
static PKTIMER
KiFindInTreap(PKTIMER Root, ULONG_PTR Base, SIZE_T Size, ULONG *Skip)
{
    PKTIMER found;

    while (Root != NULL) {
        if (KiIsTimerIn(Root, Base, Size)) {
            if (*Skip == 0) {
                return Root;
            }
            --*Skip;
        }
        found = KiFindInTreap(KI_LEFT(Root), Base, Size, Skip);
        if (found != NULL) {
            return found;
        }
        Root = KI_RIGHT(Root);
    }
    return NULL;
}

/* ---- arming and expiring; the lock is held ---- */

static inline PKTIMER *
KiTimerRoot(const KTIMER *Timer)
{
    return Timer->Header.Absolute ? &KiAbsoluteTimers : &KiRelativeTimers;
}

__attribute__((no_sanitize_address)) BOOLEAN
KiIsTimerArmed(const KTIMER *Timer)
{
    PKTIMER at;

    if ((Timer->Header.Type != TimerNotificationObject &&
         Timer->Header.Type != TimerSynchronizationObject) ||
        !Timer->Header.Inserted) {
        return FALSE;
    }
    at = *KiTimerRoot(Timer);
    while (at != NULL && at != Timer) {
        at = KiTimerBefore(Timer, at) ? KI_LEFT(at) : KI_RIGHT(at);
    }
    return at != NULL;
}

static VOID
KiWakeClock(VOID)
{
    __atomic_fetch_add(&KiClockWord, 1, __ATOMIC_SEQ_CST);
    HalpWakeAddress(&KiClockWord, 1);
}

/* The monotonic time at which the clock thread has to look at a timer with this due time. */
static ULONG64
KiDueMonotonic(const KTIMER *Timer)
{
    ULONG64 due = Timer->DueTime.QuadPart;
    ULONG64 now;
    ULONG64 system;

    if (!Timer->Header.Absolute) {
        return due >= HALP_NEVER / KI_HUNDRED_NS ? HALP_NEVER : due * KI_HUNDRED_NS;
    }
    now = HalpMonotonicTime();
    system = HalpSystemTime();
    if (due <= system) {
        return now;
    }
    if (due - system > KI_SYSTEM_TIME_CHECK / KI_HUNDRED_NS) {
        return now + KI_SYSTEM_TIME_CHECK;
    }
    return now + (due - system) * KI_HUNDRED_NS;
}

/* C4: moves DueTime to where other timers expire, too. */
static VOID
KiCoalesce(PKTIMER Timer)
{
    ULONG64 interval;
    ULONG64 late;

    Timer->Processor = 0;
    if (Timer->Header.EncodedTolerableDelay == 0) {
        return;
    }
    interval = (ULONG64)KiCoalescing[Timer->Header.EncodedTolerableDelay - 1] * 10000;
    late = (interval - Timer->DueTime.QuadPart % interval) % interval;
    if (Timer->DueTime.QuadPart <= MAXLONGLONG - late) {
        Timer->DueTime.QuadPart += late;
        Timer->Processor = (ULONG)late;
    }
}

static VOID
KiArmTimer(PKTIMER Timer)
{
    ULONG64 due;

    KiCoalesce(Timer);
    due = KiDueMonotonic(Timer);
    Timer->Header.Inserted = 1;
    KiMarkBusy(Timer, 1);
    KiInsertTreap(KiTimerRoot(Timer), Timer);
    if (due < KiClockTarget) {
        KiClockTarget = due; /* C3 */
        KiWakeClock();
    }
}

static BOOLEAN
KiDisarmTimer(PKTIMER Timer)
{
    if (!Timer->Header.Inserted) {
        return FALSE;
    }
    KiRemoveTreap(KiTimerRoot(Timer), Timer);
    KiMarkBusy(Timer, -1);
    Timer->Header.Inserted = 0;
    return TRUE;
}

static VOID
KiRearmPeriodic(PKTIMER Timer, ULONG64 Due)
{
    ULONG64 now = KiInterruptTime();
    ULONG64 period = (Timer->Period & KI_FINE_PERIOD) != 0 ? Timer->Period & ~KI_FINE_PERIOD
                                                           : (ULONG64)Timer->Period * 10000;

    /* Missed periods are skipped, not made up for. */
    Timer->Header.Absolute = 0;
    Timer->DueTime.QuadPart = Due + period > now ? Due + period : now + period;
    KiArmTimer(Timer);
}

/* The timer, out of the treap, is due. Thread is at DISPATCH_LEVEL. */
static VOID
KiSignalTimer(KTHREAD *Thread, PKTIMER Timer)
{
    ULONG64 due = Timer->Header.Absolute ? KiInterruptTime() : Timer->DueTime.QuadPart;
    PKDPC dpc = Timer->Dpc;

    due -= Timer->Processor; /* a period begins when it should have, so that none adds up */
    KiSetState(&Timer->Header, 1);
    KiTestWaiters(&Timer->Header);
    if (Timer->Period != 0) {
        KiRearmPeriodic(Timer, due);
    }
    if (dpc != NULL) {
        LARGE_INTEGER now;
        now.QuadPart = (LONGLONG)HalpSystemTime();
        KiQueueDpc(Thread, dpc, (PVOID)(ULONG_PTR)now.LowPart,
                   (PVOID)(ULONG_PTR)(ULONG)now.HighPart);
    }
}

static inline BOOLEAN
KiLooksArmed(const KTIMER *Timer)
{
    return Timer->Header.Inserted == 1 && (Timer->Header.Type == TimerNotificationObject ||
                                           Timer->Header.Type == TimerSynchronizationObject);
}

static DECLSPEC_NORETURN VOID
KiReportOverwrittenTimer(const KTIMER *Timer)
{
    char found[300];

    KiDescribeObject(Timer, found, sizeof(found));
    KiBugCheckDetail(TIMER_OR_DPC_INVALID, 0, (ULONG_PTR)Timer, 0, 0,
                     "The KTIMER %p was armed and not cancelled, and its memory was written over: "
                     "a variable of a function that has returned, or memory in another use by now. "
                     "There lies %s",
                     (const void *)Timer, found);
}

/* Takes out and signals what is due; FALSE if it stopped with more to do. */
static BOOLEAN
KiExpireBatch(KTHREAD *Thread, PKTIMER *Root, ULONG64 Now)
{
    for (ULONG i = 0; i < KI_EXPIRE_BATCH; i++) {
        PKTIMER timer = KiFirstTimer(*Root);
        if (timer == NULL || timer->DueTime.QuadPart > Now) {
            return TRUE;
        }
        if (__builtin_expect(!KiLooksArmed(timer), 0)) {
            KiReportOverwrittenTimer(timer);
        }
        KiDisarmTimer(timer);
        KiSignalTimer(Thread, timer);
    }
    return FALSE;
}

static VOID
KiExpireTimers(KTHREAD *Thread)
{
    BOOLEAN done;

    do {
        KiEnterDispatch(Thread, DISPATCH_LEVEL);
        KiLockDispatcher(Thread);
        done = KiExpireBatch(Thread, &KiRelativeTimers, KiInterruptTime());
        done &= KiExpireBatch(Thread, &KiAbsoluteTimers, HalpSystemTime());
        KiUnlockDispatcher(Thread);
        KiLeaveDispatch(Thread, PASSIVE_LEVEL);
    } while (!done);
}

static ULONG64
KiChooseClockTarget(VOID)
{
    PKTIMER timers[] = {KiFirstTimer(KiRelativeTimers), KiFirstTimer(KiAbsoluteTimers)};
    ULONG64 target = HALP_NEVER;

    NT_FOR_EACH (timer, timers) {
        if (*timer != NULL && KiDueMonotonic(*timer) < target) {
            target = KiDueMonotonic(*timer);
        }
    }
    return target;
}

static VOID
KiClockThread(PVOID Context)
{
    KTHREAD *thread = KiGetCurrentThread();

    for (;;) {
        uint32_t word = __atomic_load_n(&KiClockWord, __ATOMIC_SEQ_CST);
        ULONG64 target;
        if (__atomic_load_n(&KiClockStop, __ATOMIC_SEQ_CST) != 0) {
            return;
        }
        KiLockDispatcher(thread);
        target = KiChooseClockTarget();
        KiClockTarget = target;
        KiUnlockDispatcher(thread);
        if (HalpMonotonicTime() < target) {
            HalpWaitAddress(&KiClockWord, word, target);
        }
        if (target != HALP_NEVER && HalpMonotonicTime() >= target) {
            KiExpireTimers(thread);
        }
    }
}

VOID
KiStartClock(VOID)
{
    KiRelativeTimers = NULL;
    KiAbsoluteTimers = NULL;
    KiClockTarget = 0; /* nothing is earlier: the thread looks once before it sleeps */
    __atomic_store_n(&KiClockStop, 0, __ATOMIC_SEQ_CST);
    KiStartSystemThread(&KiClockThreadBlock, "clock", KiClockThread, NULL);
}

VOID
KiStopClock(VOID)
{
    __atomic_store_n(&KiClockStop, 1, __ATOMIC_SEQ_CST);
    KiWakeClock();
    KiJoinSystemThread(&KiClockThreadBlock);
    /* Those of a driver that stays loaded are in memory that goes with the process. */
    KiRelativeTimers = NULL;
    KiAbsoluteTimers = NULL;
}

ULONG
KiCountTimersInRange(ULONG_PTR Base, SIZE_T Size)
{
    KI_BUSY_OBJECT found;
    ULONG count = 0;

    while (KiFindTimerInRange(Base, Size, count, &found)) {
        count++;
    }
    return count;
}

BOOLEAN
KiFindTimerInRange(ULONG_PTR Base, SIZE_T Size, ULONG Skip, KI_BUSY_OBJECT *Found)
{
    KTHREAD *thread = KiGetCurrentThread();
    PKTIMER timer;

    KiLockDispatcher(thread);
    timer = KiFindInTreap(KiRelativeTimers, Base, Size, &Skip);
    if (timer == NULL) {
        timer = KiFindInTreap(KiAbsoluteTimers, Base, Size, &Skip);
    }
    if (timer != NULL) {
        Found->Kind = KiBusyTimer;
        Found->Object = timer;
        Found->Routine = timer->Dpc != NULL ? (ULONG_PTR)timer->Dpc->DeferredRoutine : 0;
    }
    KiUnlockDispatcher(thread);
    return timer != NULL;
}

static VOID
KiCheckTimer(const KTIMER *Timer, const char *Function)
{
    if (__builtin_expect(Timer->Header.Type != TimerNotificationObject &&
                             Timer->Header.Type != TimerSynchronizationObject,
                         0)) {
        KiReportWrongObject(TIMER_OR_DPC_INVALID, 0, (ULONG_PTR)Timer, Timer, Function, "KTIMER",
                            "KeInitializeTimer or KeInitializeTimerEx");
    }
}

static BOOLEAN
KiSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, UCHAR Tolerance, PKDPC Dpc)
{
    KTHREAD *thread = KiGetCurrentThread();
    KIRQL old = KiRaiseIrql(DISPATCH_LEVEL);
    ULONG64 now;
    BOOLEAN armed;

    /* Memory so shortly above this frame is the stack: for KiCheckStackTimers. */
    if (__builtin_expect((ULONG_PTR)Timer - (ULONG_PTR)__builtin_frame_address(0) < KI_NEAR, 0)) {
        thread->StackTimers = TRUE;
    }
    KiLockDispatcher(thread);
    armed = KiDisarmTimer(Timer);
    KiSetState(&Timer->Header, 0);
    Timer->Header.Absolute = DueTime.QuadPart >= 0;
    Timer->Header.EncodedTolerableDelay = Tolerance;
    Timer->Header.Coalescable = Tolerance != 0;
    Timer->Processor = 0;
    Timer->Dpc = Dpc;
    Timer->Period = Period;
    if (Timer->Header.Absolute) {
        now = HalpSystemTime();
        Timer->DueTime.QuadPart = (ULONG64)DueTime.QuadPart;
    } else {
        now = KiInterruptTime();
        Timer->DueTime.QuadPart = now + (ULONG64)-DueTime.QuadPart;
        if (HalpMonotonicTime() % KI_HUNDRED_NS != 0) {
            Timer->DueTime.QuadPart++; /* never early */
        }
    }
    if (Timer->DueTime.QuadPart <= now) {
        KiSignalTimer(thread, Timer);
    } else {
        KiArmTimer(Timer);
    }
    KiUnlockDispatcher(thread);
    KiLowerIrql(old);
    return armed;
}

static BOOLEAN
KiSetCheckedTimer(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, UCHAR Tolerance, PKDPC Dpc)
{
    KiCheckTimer(Timer, "KeSetTimer");
    if (Dpc != NULL && Dpc->Type != DpcObject && Dpc->Type != ThreadedDpcObject) {
        KiReportWrongObject(TIMER_OR_DPC_INVALID, 1, (ULONG_PTR)Dpc, Dpc, "KeSetTimer", "KDPC",
                            "KeInitializeDpc");
    }
    return KiSetTimer(Timer, DueTime, Period > 0 ? (ULONG)Period : 0, Tolerance, Dpc);
}

BOOLEAN
KiSetFineTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, PKDPC Dpc)
{
    NT_ASSERT_INTERNAL((Period & KI_FINE_PERIOD) == 0);
    return KiSetTimer(Timer, DueTime, Period != 0 ? Period | KI_FINE_PERIOD : 0, 0, Dpc);
}

BOOLEAN
KiIsTimerPending(const KTIMER *Timer)
{
    KTHREAD *thread = KiGetCurrentThread();
    KIRQL old = KiRaiseIrql(DISPATCH_LEVEL);
    BOOLEAN pending;

    KiLockDispatcher(thread);
    pending = Timer->Header.Inserted != 0;
    KiUnlockDispatcher(thread);
    KiLowerIrql(old);
    return pending;
}

#pragma GCC visibility push(default)

VOID NTAPI
KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    NT_ENTER(KeInitializeTimerEx);
    Timer->Header.Lock = 0;
    Timer->Header.Type =
        Type == SynchronizationTimer ? TimerSynchronizationObject : TimerNotificationObject;
    KiSetState(&Timer->Header, 0);
    InitializeListHead(&Timer->Header.WaitListHead);
    Timer->DueTime.QuadPart = 0;
    Timer->Dpc = NULL;
    Timer->Processor = 0;
    Timer->Period = 0;
}

VOID NTAPI
KeInitializeTimer(PKTIMER Timer)
{
    NT_ENTER(KeInitializeTimer);
    KeInitializeTimerEx(Timer, NotificationTimer);
}

/*
 * KeSetTimerEx - arm a timer, replacing any earlier setting
 *
 * Timer    initialised by KeInitializeTimer[Ex]; stays allocated while armed
 * DueTime  100 ns units. Negative: relative to now, unmoved by clock changes.
 *          Otherwise: absolute system time, follows clock changes.
 * Period   ms; 0: once
 * Dpc      optional; queued on expiry; the caller keeps ownership
 *
 * Returns  TRUE if the timer was armed (it is re-armed), else FALSE
 * Errors   TIMER_OR_DPC_INVALID for an uninitialised Timer or Dpc
 * IRQL     <= DISPATCH_LEVEL. Never blocks.
 */
BOOLEAN NTAPI
KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    NT_ENTER(KeSetTimerEx);
    return KiSetCheckedTimer(Timer, DueTime, Period, 0, Dpc);
}

BOOLEAN NTAPI
KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    NT_ENTER(KeSetTimer);
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

/*
 * KeSetCoalescableTimer - KeSetTimerEx for a timer that need not be exact
 *
 * TolerableDelay  ms by which it may expire late, to expire together with others; a period may be
 *                 that much longer or shorter. Below 50 ms it is exact.
 *
 * Returns, errors, IRQL  as KeSetTimerEx
 * Source   WDK reference, nf-wdm-kesetcoalescabletimer
 */
BOOLEAN NTAPI
KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay,
                      PKDPC Dpc)
{
    NT_ENTER(KeSetCoalescableTimer);
    UCHAR index = 0;

    while (index < ARRAYSIZE(KiCoalescing) && KiCoalescing[index] > TolerableDelay) {
        index++;
    }
    return KiSetCheckedTimer(Timer, DueTime, (LONG)Period,
                             index < ARRAYSIZE(KiCoalescing) ? index + 1 : 0, Dpc);
}

/* TRUE if the timer was armed. FALSE: its DPC may be queued or running. IRQL <= DISPATCH_LEVEL. */
BOOLEAN NTAPI
KeCancelTimer(PKTIMER Timer)
{
    NT_ENTER(KeCancelTimer);
    KTHREAD *thread = KiGetCurrentThread();
    BOOLEAN armed;

    KiCheckTimer(Timer, "KeCancelTimer");
    KiLockDispatcher(thread);
    armed = KiDisarmTimer(Timer);
    KiUnlockDispatcher(thread);
    return armed;
}

BOOLEAN NTAPI
KeReadStateTimer(PKTIMER Timer)
{
    NT_ENTER(KeReadStateTimer);
    KiCheckTimer(Timer, "KeReadStateTimer");
    return KiReadState(&Timer->Header) != 0;
}

#pragma GCC visibility pop
