/* SPDX-License-Identifier: MIT
 *
 * test/ke/spinlock_test.c - spin locks; a processor for each thread, so that several can wait
 */
#define KE_TEST_PROCESSORS 6
#include "ke_test.h"

NT_TEST(KeSpinLock, AcquireRaisesAndReleaseGoesBack)
{
    KSPIN_LOCK lock;
    KIRQL old;

    KeInitializeSpinLock(&lock);
    NT_EXPECT_TRUE(KeTestSpinLock(&lock));
    KeAcquireSpinLock(&lock, &old);
    NT_EXPECT_EQ(old, PASSIVE_LEVEL);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NT_EXPECT_FALSE(KeTestSpinLock(&lock));
    KeReleaseSpinLock(&lock, old);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_TRUE(KeTestSpinLock(&lock));
}

NT_TEST(KeSpinLock, AcquiringTwiceIsABugcheck)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;

    KeAcquireSpinLock(&lock, &old);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_ALREADY_OWNED, KeAcquireSpinLockAtDpcLevel(&lock));
}

NT_TEST(KeSpinLock, ReleasingAFreeLockIsABugcheck)
{
    KSPIN_LOCK lock = 0;

    KiRaiseIrql(DISPATCH_LEVEL);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_NOT_OWNED, KeReleaseSpinLockFromDpcLevel(&lock));
}

NT_TEST(KeSpinLock, AcquireAtDpcLevelBelowItIsABugcheck)
{
    KSPIN_LOCK lock = 0;

    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION, KeAcquireSpinLockAtDpcLevel(&lock));
}

NT_TEST(KeSpinLock, AcquireAboveDispatchLevelIsABugcheck)
{
    KSPIN_LOCK lock = 0;

    KiRaiseIrql(12);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, KeAcquireSpinLockRaiseToDpc(&lock));
}

NT_TEST(KeSpinLock, GarbageIsNotALock)
{
    KSPIN_LOCK lock = 0xDEADBEEC;
    KIRQL old;

    NT_EXPECT_BUGCHECK(SPIN_LOCK_INIT_FAILURE, KeAcquireSpinLock(&lock, &old));
}

#define ROUNDS 8

static KSPIN_LOCK SharedLock;
static ULONG Inside;
static ULONG Counter;

static void
CountUnderLock(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL old;
        KeAcquireSpinLock(&SharedLock, &old);
        NT_EXPECT_EQ(Inside++, 0);
        HalpYield();
        NT_EXPECT_EQ(--Inside, 0);
        Counter++;
        KeReleaseSpinLock(&SharedLock, old);
    }
}

static void
CountUnderQueuedLock(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KLOCK_QUEUE_HANDLE handle;
        KeAcquireInStackQueuedSpinLock(&SharedLock, &handle);
        NT_EXPECT_EQ(Inside++, 0);
        HalpYield();
        NT_EXPECT_EQ(--Inside, 0);
        Counter++;
        KeReleaseInStackQueuedSpinLock(&handle);
    }
}

static void
CountUnderTriedLock(void *Context)
{
    ULONG done = 0;

    while (done < ROUNDS) {
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        if (KeTryToAcquireSpinLockAtDpcLevel(&SharedLock)) {
            NT_EXPECT_EQ(Inside++, 0);
            HalpYield();
            NT_EXPECT_EQ(--Inside, 0);
            Counter++;
            done++;
            KeReleaseSpinLockFromDpcLevel(&SharedLock);
        }
        KeLowerIrql(old);
        HalpYield();
    }
}

static void
RunCounters(void (*First)(void *), void (*Second)(void *))
{
    TEST_THREAD threads[4];

    for (ULONG i = 0; i < 4; i++) {
        StartThread(&threads[i], i % 2 == 0 ? First : Second, NULL);
    }
    for (ULONG i = 0; i < 4; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Counter, 4 * ROUNDS);
    NT_EXPECT_EQ(SharedLock, 0);
}

NT_TEST_SEEDS(KeSpinLock, OneThreadAtATimeHoldsIt, 200)
{
    RunCounters(CountUnderLock, CountUnderLock);
}

NT_TEST_SEEDS(KeSpinLock, OneThreadAtATimeHoldsAQueuedOne, 20)
{
    RunCounters(CountUnderQueuedLock, CountUnderQueuedLock);
}

NT_TEST_SEEDS(KeSpinLock, TryingAndWaitingExcludeEachOther, 20)
{
    RunCounters(CountUnderLock, CountUnderTriedLock);
}

/* ---- taken at DISPATCH_LEVEL, and for DPCs that may be threaded ---- */

static void
CountAtDpcLevel(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL old = KfRaiseIrql(i % 2 == 0 ? DISPATCH_LEVEL : 12);
        KIRQL inside = KeGetCurrentIrql();

        KeAcquireSpinLockAtDpcLevel(&SharedLock);
        NT_EXPECT_EQ(Inside++, 0);
        HalpYield();
        NT_EXPECT_EQ(KeGetCurrentIrql(), inside);
        NT_EXPECT_EQ(--Inside, 0);
        Counter++;
        KeReleaseSpinLockFromDpcLevel(&SharedLock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), inside);
        KeLowerIrql(old);
    }
}

/* Every other round from DISPATCH_LEVEL: the routines leave the IRQL as they found it. */
static void
CountForDpc(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL old = KfRaiseIrql(i % 2 == 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL);
        KIRQL outside = KeGetCurrentIrql();
        KIRQL inside = KeAcquireSpinLockForDpc(&SharedLock);

        NT_EXPECT_EQ(inside, outside);
        NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        NT_EXPECT_EQ(Inside++, 0);
        HalpYield();
        NT_EXPECT_EQ(--Inside, 0);
        Counter++;
        KeReleaseSpinLockForDpc(&SharedLock, inside);
        NT_EXPECT_EQ(KeGetCurrentIrql(), outside);
        KeLowerIrql(old);
    }
}

static void
CountQueuedAtDpcLevel(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL old = KfRaiseIrql(i % 2 == 0 ? DISPATCH_LEVEL : 12);
        KIRQL inside = KeGetCurrentIrql();
        KLOCK_QUEUE_HANDLE handle;

        KeAcquireInStackQueuedSpinLockAtDpcLevel(&SharedLock, &handle);
        NT_EXPECT_EQ(Inside++, 0);
        HalpYield();
        NT_EXPECT_EQ(KeGetCurrentIrql(), inside);
        NT_EXPECT_EQ(--Inside, 0);
        Counter++;
        KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
        NT_EXPECT_EQ(KeGetCurrentIrql(), inside);
        KeLowerIrql(old);
    }
}

static void
CountQueuedForDpc(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL old = KfRaiseIrql(i % 2 == 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL);
        KIRQL outside = KeGetCurrentIrql();
        KLOCK_QUEUE_HANDLE handle;

        KeAcquireInStackQueuedSpinLockForDpc(&SharedLock, &handle);
        NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        NT_EXPECT_EQ(Inside++, 0);
        HalpYield();
        NT_EXPECT_EQ(--Inside, 0);
        Counter++;
        KeReleaseInStackQueuedSpinLockForDpc(&handle);
        NT_EXPECT_EQ(KeGetCurrentIrql(), outside);
        KeLowerIrql(old);
    }
}

NT_TEST_SEEDS(KeSpinLock, AtDpcLevelExcludesOthers, 60)
{
    RunCounters(CountUnderLock, CountAtDpcLevel);
}

NT_TEST_SEEDS(KeSpinLock, ForDpcExcludesOthers, 60)
{
    RunCounters(CountForDpc, CountAtDpcLevel);
}

NT_TEST_SEEDS(KeQueuedLock, AtDpcLevelExcludesOthers, 100)
{
    RunCounters(CountUnderQueuedLock, CountQueuedAtDpcLevel);
}

NT_TEST_SEEDS(KeQueuedLock, ForDpcExcludesOthers, 100)
{
    RunCounters(CountQueuedForDpc, CountQueuedAtDpcLevel);
}

/* Not allowed on Windows; here it works. */
NT_TEST_SEEDS(KeQueuedLock, PlainAndQueuedWaitersOfOneLockAllGetIt, 200)
{
    RunCounters(CountUnderLock, CountUnderQueuedLock);
}

/* ---- queued locks are first come, first served ---- */

#define IN_LINE 5

static TEST_THREAD Line[IN_LINE];
static ULONG Served[IN_LINE];
static ULONG ServedCount;

static void
StandInLine(void *Context)
{
    KLOCK_QUEUE_HANDLE handle;
    ULONG self = (ULONG)(ULONG_PTR)Context;
    KIRQL old;

    switch (self % 3) {
    case 0:
        KeAcquireInStackQueuedSpinLock(&SharedLock, &handle);
        Served[ServedCount++] = self;
        KeReleaseInStackQueuedSpinLock(&handle);
        break;
    case 1:
        KeAcquireInStackQueuedSpinLockForDpc(&SharedLock, &handle);
        Served[ServedCount++] = self;
        KeReleaseInStackQueuedSpinLockForDpc(&handle);
        break;
    default:
        old = KfRaiseIrql(DISPATCH_LEVEL);
        KeAcquireInStackQueuedSpinLockAtDpcLevel(&SharedLock, &handle);
        Served[ServedCount++] = self;
        KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
        KeLowerIrql(old);
        break;
    }
}

static BOOLEAN
IsInLine(ULONG Index)
{
    return __atomic_load_n(&Line[Index].Tcb.WantedLock, __ATOMIC_SEQ_CST) == &SharedLock;
}

NT_TEST_SEEDS(KeQueuedLock, WaitersAreServedInTheOrderInWhichTheyCame, 60)
{
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&SharedLock, &handle);
    for (ULONG i = 0; i < IN_LINE; i++) {
        StartThread(&Line[i], StandInLine, (PVOID)(ULONG_PTR)i);
        while (!IsInLine(i)) {
            HalpYield();
        }
    }
    NT_EXPECT_EQ(ServedCount, 0);
    KeReleaseInStackQueuedSpinLock(&handle);
    for (ULONG i = 0; i < IN_LINE; i++) {
        JoinThread(&Line[i]);
        NT_EXPECT_EQ(Served[i], i);
    }
    NT_EXPECT_EQ(SharedLock, 0);
}

/*
 * Whoever stands in line is passed at most once by each other thread: by one that was before it.
 * The locks of two lines, which share a list or not as their addresses will have it.
 */
static KSPIN_LOCK LineLocks[2 * 64];
static ULONG AllThere;
static ULONG Passed[IN_LINE][IN_LINE]; /* guarded by the lock of their line */

static void
ComeAgain(void *Context)
{
    ULONG self = (ULONG)(ULONG_PTR)Context;
    KSPIN_LOCK *lock = &LineLocks[self % 2 * 64];

    while (READ(AllThere) == 0) {
        HalpYield();
    }
    for (ULONG i = 0; i < ROUNDS; i++) {
        KLOCK_QUEUE_HANDLE handle;

        KeAcquireInStackQueuedSpinLock(lock, &handle);
        if (self % 2 != 0) {
            Counter++; /* of one line only: its lock guards it */
        }
        for (ULONG other = self % 2; other < IN_LINE; other += 2) {
            Passed[other][self] = 0;
            Passed[self][other] +=
                __atomic_load_n(&Line[other].Tcb.WantedLock, __ATOMIC_SEQ_CST) == lock;
            NT_EXPECT_TRUE(Passed[self][other] <= 1);
        }
        HalpYield();
        KeReleaseInStackQueuedSpinLock(&handle);
    }
}

NT_TEST_SEEDS(KeQueuedLock, NobodyInLineIsOvertaken, 200)
{
    for (ULONG i = 0; i < IN_LINE; i++) {
        StartThread(&Line[i], ComeAgain, (PVOID)(ULONG_PTR)i);
    }
    BUMP(AllThere);
    for (ULONG i = 0; i < IN_LINE; i++) {
        JoinThread(&Line[i]);
    }
    NT_EXPECT_EQ(Counter, IN_LINE / 2 * ROUNDS);
    NT_EXPECT_EQ(LineLocks[0] | LineLocks[64], 0);
}

/* ---- misuse of queued locks ---- */

NT_TEST(KeQueuedLock, AcquiringTwiceIsABugcheck)
{
    KLOCK_QUEUE_HANDLE first;
    KLOCK_QUEUE_HANDLE second;

    KeAcquireInStackQueuedSpinLock(&SharedLock, &first);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_ALREADY_OWNED,
                       KeAcquireInStackQueuedSpinLockAtDpcLevel(&SharedLock, &second));
}

NT_TEST(KeQueuedLock, ReleasingTwiceIsABugcheck)
{
    KLOCK_QUEUE_HANDLE handle;

    KeRaiseIrqlToDpcLevel();
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&SharedLock, &handle);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_NOT_OWNED, KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle));
}

NT_TEST(KeQueuedLock, GarbageIsNotALock)
{
    KLOCK_QUEUE_HANDLE handle;
    KSPIN_LOCK lock = 0xDEADBEEC;

    NT_EXPECT_BUGCHECK(SPIN_LOCK_INIT_FAILURE, KeAcquireInStackQueuedSpinLock(&lock, &handle));
}

static void
TakeSecondThenFirstQueued(void *Context)
{
    KLOCK_QUEUE_HANDLE outer;
    KLOCK_QUEUE_HANDLE inner;

    KeAcquireInStackQueuedSpinLock(&LineLocks[1], &outer);
    while (KeTestSpinLock(&LineLocks[0])) {
        HalpYield();
    }
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&LineLocks[0], &inner);
    NT_FAIL("both threads have both locks");
}

NT_TEST_SEEDS(KeQueuedLock, OppositeOrderIsFoundAsADeadlock, 30)
{
    KLOCK_QUEUE_HANDLE outer;
    KLOCK_QUEUE_HANDLE inner;
    TEST_THREAD thread;

    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION, {
        StartThread(&thread, TakeSecondThenFirstQueued, NULL);
        KeAcquireInStackQueuedSpinLock(&LineLocks[0], &outer);
        while (KeTestSpinLock(&LineLocks[1])) {
            HalpYield();
        }
        KeAcquireInStackQueuedSpinLockAtDpcLevel(&LineLocks[1], &inner);
    });
}
