/* SPDX-License-Identifier: MIT
 *
 * test/ke/dispatcher_test.c - events, semaphores, mutexes, and waiting for them
 */
#include "ke_test.h"

NT_TEST(KeEvent, NotificationEventStaysSignaled)
{
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    NT_EXPECT_FALSE(Poll(&event));
    NT_EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 0);
    NT_EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 1);
    NT_EXPECT_TRUE(Poll(&event));
    NT_EXPECT_TRUE(Poll(&event));
    NT_EXPECT_EQ(KeResetEvent(&event), 1);
    NT_EXPECT_FALSE(Poll(&event));
}

NT_TEST(KeEvent, ClearingTakesTheSignalAway)
{
    KEVENT event;
    LARGE_INTEGER now = {.QuadPart = 0};

    for (EVENT_TYPE type = NotificationEvent; type <= SynchronizationEvent; type++) {
        KeInitializeEvent(&event, type, TRUE);
        KeClearEvent(&event);
        NT_EXPECT_EQ(KeReadStateEvent(&event), 0);
        NT_EXPECT_STATUS(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &now),
                         STATUS_TIMEOUT);
        NT_EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 0);
        NT_EXPECT_STATUS(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &now),
                         STATUS_SUCCESS);
    }
}

NT_TEST(KeEvent, SynchronizationEventIsTakenByOneWait)
{
    KEVENT event;

    KeInitializeEvent(&event, SynchronizationEvent, TRUE);
    NT_EXPECT_EQ(KeReadStateEvent(&event), 1);
    NT_EXPECT_TRUE(Poll(&event));
    NT_EXPECT_FALSE(Poll(&event));
}

NT_TEST(KeEvent, WaitingOnUninitializedMemoryIsABugcheck)
{
    KEVENT event;

    memset(&event, 0, sizeof(event));
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, Poll(&event));
}

NT_TEST(KeEvent, TypesAreNotMixedUp)
{
    KSEMAPHORE semaphore;

    KeInitializeSemaphore(&semaphore, 0, 1);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KeSetEvent((PRKEVENT)&semaphore, 0, FALSE));
}

static ULONG Released;

static void
WaitOnce(void *Context)
{
    NT_EXPECT_STATUS(WaitFor(Context, NULL), STATUS_SUCCESS);
    BUMP(Released);
}

static void
ReleaseThree(EVENT_TYPE Type, ULONG ExpectedAfterOneSet)
{
    KEVENT event;
    TEST_THREAD threads[3];

    KeInitializeEvent(&event, Type, FALSE);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], WaitOnce, &event);
    }
    SimRunUntilIdle();
    NT_EXPECT_EQ(READ(Released), 0);
    KeSetEvent(&event, 0, FALSE);
    SimRunUntilIdle();
    NT_EXPECT_EQ(READ(Released), ExpectedAfterOneSet);
    while (READ(Released) < 3) {
        KeSetEvent(&event, 0, FALSE);
        SimRunUntilIdle();
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
}

NT_TEST_SEEDS(KeEvent, SetReleasesAllWaitersOfANotificationEvent, 10)
{
    ReleaseThree(NotificationEvent, 3);
}

NT_TEST_SEEDS(KeEvent, SetReleasesOneWaiterOfASynchronizationEvent, 10)
{
    ReleaseThree(SynchronizationEvent, 1);
}

NT_TEST_SEEDS(KeEvent, PulseReleasesWhoWaitsAndLeavesItReset, 10)
{
    KEVENT event;
    TEST_THREAD threads[2];

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    for (ULONG i = 0; i < 2; i++) {
        StartThread(&threads[i], WaitOnce, &event);
    }
    SimRunUntilIdle();
    NT_EXPECT_EQ(KePulseEvent(&event, 0, FALSE), 0);
    NT_EXPECT_EQ(KeReadStateEvent(&event), 0);
    for (ULONG i = 0; i < 2; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(READ(Released), 2);
}

/* Ping-pong: no set is lost between a check and a park. */
static KEVENT Ping;
static KEVENT Pong;

static void
AnswerPings(void *Context)
{
    for (ULONG i = 0; i < 30; i++) {
        NT_EXPECT_STATUS(WaitFor(&Ping, NULL), STATUS_SUCCESS);
        KeSetEvent(&Pong, 0, FALSE);
    }
}

NT_TEST_SEEDS(KeEvent, NoSetIsLostBetweenTwoThreads, 60)
{
    TEST_THREAD thread;

    KeInitializeEvent(&Ping, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Pong, SynchronizationEvent, FALSE);
    StartThread(&thread, AnswerPings, NULL);
    for (ULONG i = 0; i < 30; i++) {
        KeSetEvent(&Ping, 0, FALSE);
        NT_EXPECT_STATUS(WaitFor(&Pong, NULL), STATUS_SUCCESS);
    }
    JoinThread(&thread);
}

/* ---- time-outs ---- */

NT_TEST(KeWait, TimesOutAfterTheTimeGiven)
{
    KEVENT event;
    LARGE_INTEGER timeout = RelativeMs(20);
    ULONG64 start = HalpMonotonicTime();

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(WaitFor(&event, &timeout), STATUS_TIMEOUT);
    NT_EXPECT_EQ(HalpMonotonicTime() - start, MS_NS(20));
    NT_EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead));
}

NT_TEST(KeWait, AbsoluteTimeoutIsASystemTime)
{
    KEVENT event;
    LARGE_INTEGER timeout;
    ULONG64 start = HalpMonotonicTime();

    timeout.QuadPart = (LONGLONG)HalpSystemTime() + MS_TICKS(30);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(WaitFor(&event, &timeout), STATUS_TIMEOUT);
    NT_EXPECT_TRUE(HalpMonotonicTime() - start >= MS_NS(30) - 100);
    NT_EXPECT_TRUE(HalpMonotonicTime() - start <= MS_NS(30));
}

NT_TEST(KeWait, DelayTakesTheTimeGiven)
{
    LARGE_INTEGER delay = RelativeMs(7);
    ULONG64 start = HalpMonotonicTime();

    NT_EXPECT_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &delay), STATUS_SUCCESS);
    NT_EXPECT_EQ(HalpMonotonicTime() - start, MS_NS(7));
}

/* A set races with the time-out: the event is either taken or still there, never both or none. */
static KEVENT Contested;

static void
SetAtTenMs(void *Context)
{
    LARGE_INTEGER delay = RelativeMs(10);
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    KeSetEvent(&Contested, 0, FALSE);
}

NT_TEST_SEEDS(KeWait, SetAndTimeoutAtOneInstantLoseNothing, 60)
{
    TEST_THREAD thread;
    LARGE_INTEGER timeout = RelativeMs(10);
    NTSTATUS status;

    KeInitializeEvent(&Contested, SynchronizationEvent, FALSE);
    StartThread(&thread, SetAtTenMs, NULL);
    status = WaitFor(&Contested, &timeout);
    JoinThread(&thread);
    NT_EXPECT_EQ(KeReadStateEvent(&Contested), status == STATUS_SUCCESS ? 0 : 1);
}

NT_TEST(KeWait, BlockingAtDispatchLevelIsABugcheck)
{
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KiRaiseIrql(DISPATCH_LEVEL);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, WaitFor(&event, NULL));
}

NT_TEST(KeWait, PollingAtDispatchLevelIsAllowed)
{
    KEVENT event;
    KIRQL old;

    KeInitializeEvent(&event, SynchronizationEvent, TRUE);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    NT_EXPECT_TRUE(Poll(&event));
    NT_EXPECT_FALSE(Poll(&event));
    KeLowerIrql(old);
}

/* ---- alerts ---- */

static NTSTATUS AlertStatus;

static void
WaitAlertably(void *Context)
{
    AlertStatus = KeWaitForSingleObject(Context, Executive, KernelMode, TRUE, NULL);
}

NT_TEST_SEEDS(KeWait, AlertEndsAnAlertableWaitBeforeOrDuringIt, 20)
{
    KEVENT event;
    TEST_THREAD thread;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    StartThread(&thread, WaitAlertably, &event);
    KiAlertThread(&thread.Tcb);
    JoinThread(&thread);
    NT_EXPECT_STATUS(AlertStatus, STATUS_ALERTED);
}

static void
WaitInUserMode(void *Context)
{
    AlertStatus = KeWaitForSingleObject(Context, UserRequest, UserMode, FALSE, NULL);
}

NT_TEST(KeWait, AlertEndsAUserModeWaitWithUserApc)
{
    KEVENT event;
    TEST_THREAD thread;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    StartThread(&thread, WaitInUserMode, &event);
    SimRunUntilIdle();
    KiAlertThread(&thread.Tcb);
    JoinThread(&thread);
    NT_EXPECT_STATUS(AlertStatus, STATUS_USER_APC);
}

/* ---- Wait = TRUE ---- */

NT_TEST(KeWait, SetWithWaitIsFollowedByAWait)
{
    KEVENT event;

    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    NT_EXPECT_EQ(KeSetEvent(&event, 0, TRUE), 0);
    NT_EXPECT_STATUS(WaitFor(&event, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(KeReadStateEvent(&event), 0);
}

NT_TEST(KeWait, SetWithWaitFollowedByAnythingElseIsABugcheck)
{
    KEVENT event;

    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    KeSetEvent(&event, 0, TRUE);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_ALREADY_OWNED, KeResetEvent(&event));
}

/* ---- several objects ---- */

NT_TEST(KeWaitMultiple, AnyGivesTheIndexOfTheFirstSignaledObject)
{
    KEVENT events[3];
    PVOID objects[] = {&events[0], &events[1], &events[2]};

    for (ULONG i = 0; i < 3; i++) {
        KeInitializeEvent(&events[i], SynchronizationEvent, i > 0);
    }
    NT_EXPECT_STATUS(
        KeWaitForMultipleObjects(3, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL),
        STATUS_WAIT_1);
    NT_EXPECT_EQ(KeReadStateEvent(&events[1]), 0);
    NT_EXPECT_EQ(KeReadStateEvent(&events[2]), 1);
}

NT_TEST(KeWaitMultiple, MoreThanThreeNeedAWaitBlockArray)
{
    KEVENT events[4];
    PVOID objects[] = {&events[0], &events[1], &events[2], &events[3]};
    KWAIT_BLOCK blocks[4];

    for (ULONG i = 0; i < 4; i++) {
        KeInitializeEvent(&events[i], SynchronizationEvent, i == 3);
    }
    NT_EXPECT_STATUS(
        KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, NULL, blocks),
        STATUS_WAIT_3);
    NT_EXPECT_BUGCHECK(
        MAXIMUM_WAIT_OBJECTS_EXCEEDED,
        KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL));
}

NT_TEST(KeWaitMultiple, TimeoutLeavesNoWaitBlockBehind)
{
    KEVENT events[2];
    PVOID objects[] = {&events[0], &events[1]};
    LARGE_INTEGER timeout = RelativeMs(5);

    KeInitializeEvent(&events[0], SynchronizationEvent, FALSE);
    KeInitializeEvent(&events[1], SynchronizationEvent, TRUE);
    NT_EXPECT_STATUS(
        KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, &timeout, NULL),
        STATUS_TIMEOUT);
    NT_EXPECT_EQ(KeReadStateEvent(&events[1]), 1);
    NT_EXPECT_TRUE(IsListEmpty(&events[0].Header.WaitListHead));
    NT_EXPECT_TRUE(IsListEmpty(&events[1].Header.WaitListHead));
}

/* Philosophers: each waits for both of its forks at once. One that took one fork and waited for
 * the other would bring the machine to a deadlock, which hal/sim reports. */
static KEVENT Forks[3];
static LONG ForkUsers[3];
static ULONG Meals;

static void
Dine(void *Context)
{
    ULONG seat = (ULONG)(ULONG_PTR)Context;
    ULONG other = (seat + 1) % 3;
    PVOID objects[] = {&Forks[seat], &Forks[other]};

    for (ULONG i = 0; i < 10; i++) {
        NT_EXPECT_STATUS(
            KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL),
            STATUS_WAIT_0);
        NT_EXPECT_EQ(ForkUsers[seat]++, 0);
        NT_EXPECT_EQ(ForkUsers[other]++, 0);
        HalpYield();
        NT_EXPECT_EQ(--ForkUsers[seat], 0);
        NT_EXPECT_EQ(--ForkUsers[other], 0);
        BUMP(Meals);
        KeSetEvent(&Forks[seat], 0, FALSE);
        KeSetEvent(&Forks[other], 0, FALSE);
    }
}

NT_TEST_SEEDS(KeWaitMultiple, AllTakesAllOrNone, 60)
{
    TEST_THREAD threads[3];

    for (ULONG i = 0; i < 3; i++) {
        KeInitializeEvent(&Forks[i], SynchronizationEvent, TRUE);
    }
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], Dine, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Meals, 30);
}

static NTSTATUS AnyStatus;
static KEVENT AnyEvents[2];

static void
WaitForAny(void *Context)
{
    PVOID objects[] = {&AnyEvents[0], &AnyEvents[1]};
    AnyStatus =
        KeWaitForMultipleObjects(2, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
}

NT_TEST_SEEDS(KeWaitMultiple, AnyTakesExactlyOne, 40)
{
    TEST_THREAD thread;

    KeInitializeEvent(&AnyEvents[0], SynchronizationEvent, FALSE);
    KeInitializeEvent(&AnyEvents[1], SynchronizationEvent, FALSE);
    StartThread(&thread, WaitForAny, NULL);
    KeSetEvent(&AnyEvents[1], 0, FALSE);
    KeSetEvent(&AnyEvents[0], 0, FALSE);
    JoinThread(&thread);
    NT_EXPECT_EQ(AnyEvents[0].Header.SignalState + AnyEvents[1].Header.SignalState, 1);
    NT_EXPECT_EQ(AnyEvents[AnyStatus].Header.SignalState, 0);
}

/* ---- semaphores ---- */

static ULONG_PTR RaisedStatus;
static void *RaisePoint[5];

static __attribute__((noreturn)) VOID
CatchRaise(NTSTATUS Status)
{
    RaisedStatus = (ULONG)Status;
    __builtin_longjmp(RaisePoint, 1);
}

#define EXPECT_RAISE(status, ...)                \
    do {                                         \
        KiRegisterRaise(CatchRaise);             \
        RaisedStatus = 0;                        \
        if (__builtin_setjmp(RaisePoint) == 0) { \
            __VA_ARGS__;                         \
        }                                        \
        NT_EXPECT_STATUS(RaisedStatus, status);  \
    } while (0)

NT_TEST(KeSemaphore, CountsDownByWaitsAndUpByReleases)
{
    KSEMAPHORE semaphore;

    KeInitializeSemaphore(&semaphore, 1, 3);
    NT_EXPECT_TRUE(Poll(&semaphore));
    NT_EXPECT_FALSE(Poll(&semaphore));
    NT_EXPECT_EQ(KeReleaseSemaphore(&semaphore, 0, 2, FALSE), 0);
    NT_EXPECT_EQ(KeReadStateSemaphore(&semaphore), 2);
}

NT_TEST(KeSemaphore, PassingTheLimitRaisesAndChangesNothing)
{
    KSEMAPHORE semaphore;

    KeInitializeSemaphore(&semaphore, 1, 2);
    EXPECT_RAISE(STATUS_SEMAPHORE_LIMIT_EXCEEDED, KeReleaseSemaphore(&semaphore, 0, 2, FALSE));
    NT_EXPECT_EQ(KeReadStateSemaphore(&semaphore), 1);
}

NT_TEST(KeSemaphore, UnhandledRaiseIsABugcheck)
{
    KSEMAPHORE semaphore;

    KeInitializeSemaphore(&semaphore, 1, 1);
    NT_EXPECT_BUGCHECK(KMODE_EXCEPTION_NOT_HANDLED, KeReleaseSemaphore(&semaphore, 0, 1, FALSE));
}

NT_TEST_SEEDS(KeSemaphore, ReleaseOfTwoReleasesTwoWaiters, 10)
{
    KSEMAPHORE semaphore;
    TEST_THREAD threads[3];

    KeInitializeSemaphore(&semaphore, 0, 3);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], WaitOnce, &semaphore);
    }
    SimRunUntilIdle();
    KeReleaseSemaphore(&semaphore, 0, 2, FALSE);
    SimRunUntilIdle();
    NT_EXPECT_EQ(READ(Released), 2);
    KeReleaseSemaphore(&semaphore, 0, 1, FALSE);
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
}

/* ---- mutexes ---- */

NT_TEST(KeMutex, OwnerTakesItAgainAndReleasesAsOften)
{
    KMUTEX mutex;

    KeInitializeMutex(&mutex, 0);
    NT_EXPECT_TRUE(Poll(&mutex));
    NT_EXPECT_TRUE(KeAreApcsDisabled());
    NT_EXPECT_TRUE(Poll(&mutex));
    NT_EXPECT_EQ(KeReleaseMutex(&mutex, FALSE), -1);
    NT_EXPECT_EQ(KeReadStateMutex(&mutex), 0);
    NT_EXPECT_EQ(KeReleaseMutex(&mutex, FALSE), 0);
    NT_EXPECT_EQ(KeReadStateMutex(&mutex), 1);
    NT_EXPECT_FALSE(KeAreApcsDisabled());
}

NT_TEST(KeMutex, ReleasingWhatIsNotOwnedRaises)
{
    KMUTEX mutex;

    KeInitializeMutex(&mutex, 0);
    EXPECT_RAISE(STATUS_MUTANT_NOT_OWNED, KeReleaseMutex(&mutex, FALSE));
}

static ULONG MutexUsers;

static void
UseMutex(void *Context)
{
    for (ULONG i = 0; i < 10; i++) {
        NT_EXPECT_STATUS(WaitFor(Context, NULL), STATUS_SUCCESS);
        NT_EXPECT_EQ(MutexUsers++, 0);
        HalpYield();
        NT_EXPECT_EQ(--MutexUsers, 0);
        KeReleaseMutex(Context, FALSE);
    }
}

NT_TEST_SEEDS(KeMutex, OneThreadAtATimeOwnsIt, 40)
{
    KMUTEX mutex;
    TEST_THREAD threads[3];

    KeInitializeMutex(&mutex, 0);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], UseMutex, &mutex);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(KeReadStateMutex(&mutex), 1);
}

static void
TakeAndEnd(void *Context)
{
    NT_EXPECT_STATUS(WaitFor(Context, NULL), STATUS_SUCCESS);
}

NT_TEST_SEEDS(KeMutex, MutantOfAnEndedThreadIsAbandonedOnce, 10)
{
    KMUTANT mutant;
    TEST_THREAD thread;

    KeInitializeMutant(&mutant, FALSE);
    StartThread(&thread, TakeAndEnd, &mutant);
    NT_EXPECT_STATUS(WaitFor(&thread.Tcb, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(WaitFor(&mutant, NULL), STATUS_ABANDONED);
    KeReleaseMutant(&mutant, 0, FALSE, FALSE);
    NT_EXPECT_STATUS(WaitFor(&mutant, NULL), STATUS_SUCCESS);
    KeReleaseMutant(&mutant, 0, FALSE, FALSE);
    JoinThread(&thread);
}

NT_TEST(KeMutex, EndingWithAKernelMutexIsABugcheck)
{
    KMUTEX mutex;

    KeInitializeMutex(&mutex, 0);
    WaitFor(&mutex, NULL);
    NT_EXPECT_BUGCHECK(THREAD_TERMINATE_HELD_MUTEX, KiTerminateThread(KiGetCurrentThread()));
}

NT_TEST_SEEDS(KeGuardedMutex, OneThreadAtATimeOwnsIt, 20)
{
    KGUARDED_MUTEX mutex;

    KeInitializeGuardedMutex(&mutex);
    KeAcquireGuardedMutex(&mutex);
    NT_EXPECT_TRUE(KeAreAllApcsDisabled());
    NT_EXPECT_FALSE(KeTryToAcquireGuardedMutex(&mutex));
    KeReleaseGuardedMutex(&mutex);
    NT_EXPECT_FALSE(KeAreAllApcsDisabled());
    NT_EXPECT_TRUE(KeTryToAcquireGuardedMutex(&mutex));
    NT_EXPECT_BUGCHECK(MUTEX_ALREADY_OWNED, KeAcquireGuardedMutex(&mutex));
}

static KGUARDED_MUTEX SharedGuarded;

static void
UseGuarded(void *Context)
{
    for (ULONG i = 0; i < 10; i++) {
        KeAcquireGuardedMutex(&SharedGuarded);
        NT_EXPECT_EQ(MutexUsers++, 0);
        HalpYield();
        NT_EXPECT_EQ(--MutexUsers, 0);
        KeReleaseGuardedMutex(&SharedGuarded);
    }
}

NT_TEST_SEEDS(KeGuardedMutex, ContendersTakeTurns, 40)
{
    TEST_THREAD threads[3];

    KeInitializeGuardedMutex(&SharedGuarded);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], UseGuarded, NULL);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(SharedGuarded.Count, 1);
}

NT_TEST(KeRegion, LeavingACriticalRegionThatWasNotEnteredIsABugcheck)
{
    KeEnterCriticalRegion();
    NT_EXPECT_TRUE(KeAreApcsDisabled());
    NT_EXPECT_FALSE(KeAreAllApcsDisabled());
    KeLeaveCriticalRegion();
    NT_EXPECT_BUGCHECK(APC_INDEX_MISMATCH, KeLeaveCriticalRegion());
}

NT_TEST(KeThread, EndingInACriticalRegionIsABugcheck)
{
    KeEnterCriticalRegion();
    NT_EXPECT_BUGCHECK(KERNEL_APC_PENDING_DURING_EXIT, KiTerminateThread(KiGetCurrentThread()));
}

/* ---- queues ---- */

static KQUEUE Queue;
static LONG Served;
static LONG Serving;
static LONG MostServing;

static void
ServeQueue(void *Context)
{
    for (;;) {
        PLIST_ENTRY entry = KeRemoveQueue(&Queue, KernelMode, NULL);
        LONG now;
        if (entry == (PLIST_ENTRY)(LONG_PTR)STATUS_ABANDONED) {
            return;
        }
        now = BUMP(Serving) + 1;
        if (now > READ(MostServing)) {
            __atomic_store_n(&MostServing, now, __ATOMIC_SEQ_CST);
        }
        HalpYield();
        __atomic_fetch_sub(&Serving, 1, __ATOMIC_SEQ_CST);
        BUMP(Served);
    }
}

NT_TEST_SEEDS(KeQueue, EntriesAreServedOnceByNoMoreThreadsThanAllowed, 40)
{
    TEST_THREAD threads[4];
    LIST_ENTRY entries[12];

    KeInitializeQueue(&Queue, 2);
    for (ULONG i = 0; i < 4; i++) {
        StartThread(&threads[i], ServeQueue, NULL);
    }
    for (ULONG i = 0; i < 12; i++) {
        KeInsertQueue(&Queue, &entries[i]);
    }
    SimRunUntilIdle();
    NT_EXPECT_EQ(READ(Served), 12);
    NT_EXPECT_TRUE(READ(MostServing) <= 2);
    NT_EXPECT_EQ(KeRundownQueue(&Queue), NULL);
    for (ULONG i = 0; i < 4; i++) {
        JoinThread(&threads[i]);
    }
}

NT_TEST(KeQueue, RemoveTimesOutAndRundownReturnsWhatIsLeft)
{
    LIST_ENTRY entries[2];
    LARGE_INTEGER timeout = RelativeMs(3);

    KeInitializeQueue(&Queue, 1);
    NT_EXPECT_EQ(KeRemoveQueue(&Queue, KernelMode, &timeout), (LONG_PTR)STATUS_TIMEOUT);
    NT_EXPECT_EQ(KeInsertQueue(&Queue, &entries[0]), 0);
    NT_EXPECT_EQ(KeInsertHeadQueue(&Queue, &entries[1]), 1);
    NT_EXPECT_EQ(KeReadStateQueue(&Queue), 2);
    NT_EXPECT_EQ(KeRemoveQueue(&Queue, KernelMode, NULL), &entries[1]);
    NT_EXPECT_EQ(KeRundownQueue(&Queue), &entries[0]);
    NT_EXPECT_EQ(entries[0].Flink, &entries[0]);
}

NT_TEST(KeQueue, AfterRundownEveryWaitIsAbandonedUntilItIsInitializedAgain)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    LIST_ENTRY entry;
    PLIST_ENTRY taken[2];

    KeInitializeQueue(&Queue, 1);
    NT_EXPECT_EQ(KeRundownQueue(&Queue), NULL);
    NT_EXPECT_EQ(KeRemoveQueue(&Queue, KernelMode, NULL), (LONG_PTR)STATUS_ABANDONED);
    NT_EXPECT_EQ(KeRemoveQueue(&Queue, KernelMode, &now), (LONG_PTR)STATUS_ABANDONED);
    NT_EXPECT_EQ(KeRemoveQueueEx(&Queue, KernelMode, FALSE, NULL, taken, 2), STATUS_ABANDONED);
    NT_EXPECT_EQ(KiGetCurrentThread()->Queue, NULL);
    KeInitializeQueue(&Queue, 1);
    KeInsertQueue(&Queue, &entry);
    NT_EXPECT_EQ(KeRemoveQueueEx(&Queue, KernelMode, FALSE, NULL, taken, 2), 1);
    NT_EXPECT_EQ(taken[0], &entry);
    NT_EXPECT_EQ(KeRundownQueue(&Queue), NULL);
}

NT_TEST(KeQueue, SeveralEntriesAreTakenAtOnce)
{
    LIST_ENTRY entries[3];
    PLIST_ENTRY taken[2];
    LARGE_INTEGER timeout = RelativeMs(3);

    KeInitializeQueue(&Queue, 1);
    for (ULONG i = 0; i < 3; i++) {
        KeInsertQueue(&Queue, &entries[i]);
    }
    NT_EXPECT_EQ(KeRemoveQueueEx(&Queue, KernelMode, FALSE, NULL, taken, 2), 2);
    NT_EXPECT_EQ(taken[0], &entries[0]);
    NT_EXPECT_EQ(taken[1], &entries[1]);
    NT_EXPECT_EQ(KeRemoveQueueEx(&Queue, KernelMode, FALSE, NULL, taken, 2), 1);
    NT_EXPECT_EQ(taken[0], &entries[2]);
    NT_EXPECT_EQ(KeRemoveQueueEx(&Queue, KernelMode, FALSE, &timeout, taken, 2), STATUS_TIMEOUT);
    NT_EXPECT_EQ(KeRundownQueue(&Queue), NULL);
}

/* A worker that blocks elsewhere lets another one start. */
static KEVENT WorkerGate;

static void
BlockInWork(void *Context)
{
    PLIST_ENTRY entry = KeRemoveQueue(&Queue, KernelMode, NULL);

    NT_EXPECT_NE(entry, (LONG_PTR)STATUS_ABANDONED);
    BUMP(Served);
    NT_EXPECT_STATUS(WaitFor(&WorkerGate, NULL), STATUS_SUCCESS);
}

NT_TEST_SEEDS(KeQueue, ABlockedWorkerDoesNotCount, 20)
{
    TEST_THREAD threads[2];
    LIST_ENTRY entries[2];

    KeInitializeQueue(&Queue, 1);
    KeInitializeEvent(&WorkerGate, NotificationEvent, FALSE);
    for (ULONG i = 0; i < 2; i++) {
        StartThread(&threads[i], BlockInWork, NULL);
        KeInsertQueue(&Queue, &entries[i]);
    }
    SimRunUntilIdle();
    NT_EXPECT_EQ(READ(Served), 2);
    KeSetEvent(&WorkerGate, 0, FALSE);
    for (ULONG i = 0; i < 2; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Queue.CurrentCount, 0);
}
