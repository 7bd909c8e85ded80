/* SPDX-License-Identifier: MIT
 *
 * test/ke/spinlock_test.c - spin locks; a processor for each thread, so that several can wait
 */
#define KE_TEST_PROCESSORS 4
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
