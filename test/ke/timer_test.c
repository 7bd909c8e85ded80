/* SPDX-License-Identifier: MIT
 *
 * test/ke/timer_test.c - timers and the clocks
 */
#include "ke_test.h"

#undef KeQuerySystemTime
#undef KeQueryInterruptTime
#undef KeQueryTickCount
VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER CurrentTime);
ULONGLONG NTAPI KeQueryInterruptTime(VOID);
VOID NTAPI KeQueryTickCount(PLARGE_INTEGER CurrentCount);

static LONG Expirations;

static VOID NTAPI
CountExpiration(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    __atomic_fetch_add(&Expirations, 1, __ATOMIC_SEQ_CST);
}

/* Setting an armed timer reports it, and only the new due time counts. */
NT_TEST(KeTimer, SetWhileArmedReplacesDueTime)
{
    static const struct {
        LONGLONG First;
        LONGLONG Second;
        BOOLEAN SignaledAt20;
    } rows[] = {
        {10, 50, FALSE}, /* postponed */
        {50, 10, TRUE},  /* brought forward */
        {10, 20, TRUE},  /* due exactly now counts as expired */
    };

    NT_FOR_EACH (row, rows) {
        KTIMER timer;
        KeInitializeTimerEx(&timer, NotificationTimer);
        NT_EXPECT_EQ(KeSetTimer(&timer, RelativeMs(row->First), NULL), FALSE);
        NT_EXPECT_EQ(KeSetTimer(&timer, RelativeMs(row->Second), NULL), TRUE);
        SimAdvance(MS_NS(20));
        NT_EXPECT_EQ(KeReadStateTimer(&timer), row->SignaledAt20);
        NT_EXPECT_EQ(KeCancelTimer(&timer), !row->SignaledAt20);
    }
}

NT_TEST(KeTimer, WaiterIsReleasedAtTheDueTime)
{
    KTIMER timer;
    ULONG64 start = HalpMonotonicTime();

    KeInitializeTimer(&timer);
    KeSetTimer(&timer, RelativeMs(15), NULL);
    NT_EXPECT_STATUS(WaitFor(&timer, NULL), STATUS_SUCCESS);
    NT_EXPECT_TRUE(HalpMonotonicTime() - start >= MS_NS(15));
    NT_EXPECT_TRUE(HalpMonotonicTime() - start <= MS_NS(15) + 100);
    NT_EXPECT_TRUE(Poll(&timer));
}

NT_TEST(KeTimer, SynchronizationTimerIsTakenByOneWait)
{
    KTIMER timer;

    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeSetTimer(&timer, RelativeMs(1), NULL);
    NT_EXPECT_STATUS(WaitFor(&timer, NULL), STATUS_SUCCESS);
    NT_EXPECT_FALSE(Poll(&timer));
}

NT_TEST(KeTimer, PastDueTimeSignalsAndRunsTheDpcAtOnce)
{
    KTIMER timer;
    KDPC dpc;
    LARGE_INTEGER due = {.QuadPart = 1};

    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, CountExpiration, NULL);
    NT_EXPECT_EQ(KeSetTimer(&timer, due, &dpc), FALSE);
    NT_EXPECT_EQ(Expirations, 1);
    NT_EXPECT_TRUE(KeReadStateTimer(&timer));
}

NT_TEST(KeTimer, AbsoluteTimerFollowsTheSystemTime)
{
    KTIMER timer;
    LARGE_INTEGER due;
    ULONG64 start = HalpMonotonicTime();

    KeInitializeTimer(&timer);
    due.QuadPart = (LONGLONG)HalpSystemTime() + MS_TICKS(3500);
    KeSetTimer(&timer, due, NULL);
    NT_EXPECT_STATUS(WaitFor(&timer, NULL), STATUS_SUCCESS);
    NT_EXPECT_TRUE((LONGLONG)HalpSystemTime() >= due.QuadPart);
    NT_EXPECT_TRUE(HalpMonotonicTime() - start <= MS_NS(3500) + 1000);
}

NT_TEST(KeTimer, PeriodicTimerExpiresOncePerPeriodUntilCancelled)
{
    KTIMER timer;
    KDPC dpc;

    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeInitializeDpc(&dpc, CountExpiration, NULL);
    KeSetTimerEx(&timer, RelativeMs(5), 10, &dpc);
    SimAdvance(MS_NS(46));
    NT_EXPECT_EQ(Expirations, 5);
    NT_EXPECT_EQ(KiCountTimersInRange((ULONG_PTR)&timer, sizeof(timer)), 1);
    NT_EXPECT_EQ(KeCancelTimer(&timer), TRUE);
    SimAdvance(MS_NS(50));
    NT_EXPECT_EQ(Expirations, 5);
    NT_EXPECT_EQ(KiCountTimersInRange((ULONG_PTR)&timer, sizeof(timer)), 0);
}

NT_TEST(KeTimer, UninitializedTimerIsABugcheck)
{
    KTIMER timer;

    memset(&timer, 0, sizeof(timer));
    NT_EXPECT_BUGCHECK(TIMER_OR_DPC_INVALID, KeSetTimer(&timer, RelativeMs(1), NULL));
}

/* Many timers, set in a mixed order, some cancelled: the others expire in order of due time. */
#define MANY 300

static KTIMER Many[MANY];
static KDPC ManyDpcs[MANY];
static LONGLONG LastDue;

static VOID NTAPI
CheckOrder(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LONGLONG due = (LONGLONG)(ULONG_PTR)Context;

    NT_EXPECT_TRUE(due >= LastDue);
    NT_EXPECT_TRUE(HalpMonotonicTime() >= MS_NS(due));
    LastDue = due;
    Expirations++;
}

NT_TEST(KeTimer, ManyTimersExpireInOrder)
{
    ULONG state = 12345;
    LONG expected = 0;

    for (ULONG i = 0; i < MANY; i++) {
        LONGLONG due;
        state = state * 1664525 + 1013904223;
        due = (state >> 16) % 1000 + 1;
        KeInitializeTimer(&Many[i]);
        KeInitializeDpc(&ManyDpcs[i], CheckOrder, (PVOID)(ULONG_PTR)due);
        KeSetTimer(&Many[i], RelativeMs(due), &ManyDpcs[i]);
    }
    NT_EXPECT_EQ(KiCountTimersInRange((ULONG_PTR)Many, sizeof(Many)), MANY);
    for (ULONG i = 0; i < MANY; i++) {
        if (i % 3 == 0) {
            NT_EXPECT_EQ(KeCancelTimer(&Many[i]), TRUE);
        } else {
            expected++;
        }
    }
    SimAdvance(MS_NS(1001));
    NT_EXPECT_EQ(Expirations, expected);
    NT_EXPECT_EQ(KiCountTimersInRange(0, MAXULONG_PTR), 0);
}

static VOID NTAPI
ExpireSlowly(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    for (ULONG i = 0; i < 30; i++) {
        HalpYield();
    }
    BUMP(Expirations);
}

/* Cancel against expiry: TRUE means no DPC; after FALSE and a flush the DPC has run. */
NT_TEST_SEEDS(KeTimer, CancelAndExpiryAtOneInstantAgree, 300)
{
    KTIMER timer;
    KDPC dpc;
    LARGE_INTEGER delay = RelativeMs(10);
    BOOLEAN cancelled;

    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, ExpireSlowly, NULL);
    KeSetTimer(&timer, delay, &dpc);
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    cancelled = KeCancelTimer(&timer);
    KeFlushQueuedDpcs();
    NT_EXPECT_EQ(__atomic_load_n(&Expirations, __ATOMIC_SEQ_CST), cancelled ? 0 : 1);
    SimAdvance(MS_NS(20));
    NT_EXPECT_EQ(Expirations, cancelled ? 0 : 1);
}

/* Threads set and cancel one timer: nothing is lost in the tree. */
static KTIMER Fought;

static void
SetAndCancel(void *Context)
{
    for (ULONG i = 0; i < 10; i++) {
        KeSetTimer(&Fought, RelativeMs(1 + i % 3), NULL);
        HalpYield();
        KeCancelTimer(&Fought);
    }
}

NT_TEST_SEEDS(KeTimer, SettingAndCancellingFromThreadsLeavesNothing, 30)
{
    TEST_THREAD threads[3];

    KeInitializeTimer(&Fought);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], SetAndCancel, NULL);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    KeCancelTimer(&Fought);
    NT_EXPECT_EQ(KiCountTimersInRange(0, MAXULONG_PTR), 0);
}

NT_TEST(KeTime, ClocksMoveTogether)
{
    LARGE_INTEGER before;
    LARGE_INTEGER after;
    LARGE_INTEGER frequency;
    LONGLONG counter;
    ULONGLONG interrupt = KeQueryInterruptTime();

    KeQuerySystemTime(&before);
    counter = KeQueryPerformanceCounter(&frequency).QuadPart;
    SimAdvance(MS_NS(250));
    KeQuerySystemTime(&after);
    NT_EXPECT_EQ(after.QuadPart - before.QuadPart, MS_TICKS(250));
    NT_EXPECT_EQ(KeQueryInterruptTime() - interrupt, MS_TICKS(250));
    NT_EXPECT_EQ(KeQueryPerformanceCounter(NULL).QuadPart - counter, frequency.QuadPart / 4);
    KeQueryTickCount(&after);
    NT_EXPECT_EQ(after.QuadPart, KeQueryInterruptTime() / KeQueryTimeIncrement());
}

NT_TEST(KeTime, StallEndsOnASimulatedClock)
{
    ULONG64 start = HalpMonotonicTime();

    KeStallExecutionProcessor(50);
    NT_EXPECT_EQ(HalpMonotonicTime(), start);
}

/* ---- timers with a tolerance ---- */

static ULONG64 ExpiredAt[8];

static VOID NTAPI
NoteTime(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    if ((ULONG)Expirations < ARRAYSIZE(ExpiredAt)) {
        ExpiredAt[Expirations++] = HalpMonotonicTime();
    }
}

/* Never before the due time, and later by no more than is tolerated. */
NT_TEST(KeCoalescableTimer, ExpiresWithinItsTolerance)
{
    static const struct {
        ULONG Due;
        ULONG Tolerance;
    } rows[] = {{7, 0},    {7, 1},     {7, 49},     {7, 50},     {50, 50},     {51, 50},
                {99, 100}, {101, 100}, {333, 1000}, {333, 5000}, {1001, 1000}, {61, MAXULONG}};

    SimAdvance(MS_NS(3));
    NT_FOR_EACH (row, rows) {
        ULONG64 start = HalpMonotonicTime();
        ULONG64 late;
        KTIMER timer;

        KeInitializeTimer(&timer);
        NT_EXPECT_FALSE(
            KeSetCoalescableTimer(&timer, RelativeMs(row->Due), 0, row->Tolerance, NULL));
        NT_EXPECT_STATUS(WaitFor(&timer, NULL), STATUS_SUCCESS);
        NT_EXPECT_TRUE(HalpMonotonicTime() >= start + MS_NS(row->Due));
        late = HalpMonotonicTime() - start - MS_NS(row->Due);
        NT_EXPECT_TRUE(late <= (ULONG64)row->Tolerance * 1000000 + 100);
    }
}

/* Timers that are due at different times wake the machine once. */
NT_TEST(KeCoalescableTimer, TolerantTimersExpireTogether)
{
    static const ULONG dues[] = {57, 61, 83, 98};
    KTIMER timers[ARRAYSIZE(dues)];
    KDPC dpcs[ARRAYSIZE(dues)];

    for (ULONG i = 0; i < ARRAYSIZE(dues); i++) {
        KeInitializeTimer(&timers[i]);
        KeInitializeDpc(&dpcs[i], NoteTime, NULL);
        KeSetCoalescableTimer(&timers[i], RelativeMs(dues[i]), 0, 50, &dpcs[i]);
    }
    SimAdvance(MS_NS(150));
    NT_EXPECT_EQ(Expirations, ARRAYSIZE(dues));
    for (ULONG i = 1; i < ARRAYSIZE(dues); i++) {
        NT_EXPECT_EQ(ExpiredAt[i], ExpiredAt[0]);
    }
}

NT_TEST(KeCoalescableTimer, AbsoluteTimerExpiresWithinItsTolerance)
{
    KTIMER timer;
    LARGE_INTEGER due;

    KeInitializeTimer(&timer);
    due.QuadPart = (LONGLONG)HalpSystemTime() + MS_TICKS(1234);
    KeSetCoalescableTimer(&timer, due, 0, 250, NULL);
    NT_EXPECT_STATUS(WaitFor(&timer, NULL), STATUS_SUCCESS);
    NT_EXPECT_TRUE((LONGLONG)HalpSystemTime() >= due.QuadPart);
    NT_EXPECT_TRUE((LONGLONG)HalpSystemTime() <= due.QuadPart + MS_TICKS(250) + 10);
}

/* Each interval keeps to the tolerance, and what one is longer the others are not, too. */
NT_TEST(KeCoalescableTimer, PeriodsKeepToTheirToleranceAndDoNotAddUp)
{
    static const struct {
        ULONG Period;
        ULONG Tolerance;
    } rows[] = {{60, 50}, {130, 100}, {70, 0}, {500, 100}};

    NT_FOR_EACH (row, rows) {
        ULONG64 start = HalpMonotonicTime();
        KTIMER timer;
        KDPC dpc;

        Expirations = 0;
        KeInitializeTimer(&timer);
        KeInitializeDpc(&dpc, NoteTime, NULL);
        KeSetCoalescableTimer(&timer, RelativeMs(row->Period), row->Period, row->Tolerance, &dpc);
        SimAdvance(MS_NS(10 * row->Period + 2 * row->Tolerance));
        NT_EXPECT_TRUE(KeCancelTimer(&timer));
        NT_EXPECT_EQ(Expirations, ARRAYSIZE(ExpiredAt));
        for (ULONG i = 0; i < ARRAYSIZE(ExpiredAt); i++) {
            ULONG64 due = start + MS_NS((i + 1) * row->Period);
            ULONG64 interval = ExpiredAt[i] - (i == 0 ? start : ExpiredAt[i - 1]);

            NT_EXPECT_TRUE(ExpiredAt[i] >= due);
            NT_EXPECT_TRUE(ExpiredAt[i] <= due + MS_NS(row->Tolerance) + 100);
            NT_EXPECT_TRUE(interval + 100 >= MS_NS(row->Period - row->Tolerance));
            NT_EXPECT_TRUE(interval <= MS_NS(row->Period + row->Tolerance) + 100);
        }
    }
}

NT_TEST(KeCoalescableTimer, PastDueTimeExpiresAtOnceAndTheNextSettingIsToldOfTheOneBefore)
{
    KTIMER timer;
    KDPC dpc;
    LARGE_INTEGER past = {.QuadPart = 1};

    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeInitializeDpc(&dpc, CountExpiration, NULL);
    NT_EXPECT_FALSE(KeSetCoalescableTimer(&timer, past, 0, 100, &dpc));
    NT_EXPECT_EQ(Expirations, 1);
    NT_EXPECT_TRUE(KeReadStateTimer(&timer));
    NT_EXPECT_FALSE(KeSetCoalescableTimer(&timer, RelativeMs(60), 0, 100, &dpc));
    NT_EXPECT_FALSE(KeReadStateTimer(&timer));
    NT_EXPECT_TRUE(KeSetCoalescableTimer(&timer, RelativeMs(500), 0, 100, &dpc));
    SimAdvance(MS_NS(400));
    NT_EXPECT_EQ(Expirations, 1);
    /* The tolerance goes with the setting. */
    NT_EXPECT_TRUE(KeSetTimer(&timer, RelativeMs(7), &dpc));
    SimAdvance(MS_NS(7) + 100);
    NT_EXPECT_EQ(Expirations, 2);
}

NT_TEST(KeCoalescableTimer, UninitializedTimerIsABugcheck)
{
    KTIMER timer;

    memset(&timer, 0, sizeof(timer));
    NT_EXPECT_BUGCHECK(TIMER_OR_DPC_INVALID,
                       KeSetCoalescableTimer(&timer, RelativeMs(1), 0, 50, NULL));
}
