/* SPDX-License-Identifier: MIT
 *
 * test/ke/irql_test.c - IRQL and virtual processors
 */
#include "ke_test.h"

#define THREADS 5
#define ROUNDS 6

NT_TEST(KeIrql, RaiseReturnsOldLevelAndLowerGoesBack)
{
    KIRQL old;

    KeRaiseIrql(APC_LEVEL, &old);
    NT_EXPECT_EQ(old, PASSIVE_LEVEL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    NT_EXPECT_EQ(old, APC_LEVEL);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

NT_TEST(KeIrql, RaisingToSynchAndToDpcLevelReturnsTheOldLevel)
{
    NT_EXPECT_EQ(KeRaiseIrqlToDpcLevel(), PASSIVE_LEVEL);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NT_EXPECT_EQ(KeRaiseIrqlToSynchLevel(), DISPATCH_LEVEL);
    NT_EXPECT_EQ(KeGetCurrentIrql(), 12); /* AMD64's SYNCH_LEVEL */
    KeLowerIrql(PASSIVE_LEVEL);
    NT_EXPECT_EQ(KeRaiseIrqlToSynchLevel(), PASSIVE_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
}

NT_TEST(KeIrql, ProcessorIsHeldExactlyFromDispatchLevelUp)
{
    KTHREAD *thread = KiGetCurrentThread();
    KIRQL old;

    KeRaiseIrql(APC_LEVEL, &old);
    NT_EXPECT_EQ(thread->Prcb, NULL);
    KeRaiseIrql(12, &old);
    NT_EXPECT_EQ(thread->Prcb->Owner, thread);
    KeLowerIrql(DISPATCH_LEVEL);
    NT_EXPECT_EQ(thread->Prcb->Owner, thread);
    KeLowerIrql(APC_LEVEL);
    NT_EXPECT_EQ(thread->Prcb, NULL);
    KeLowerIrql(PASSIVE_LEVEL);
}

NT_TEST(KeIrql, RaisingToALowerLevelIsABugcheck)
{
    KiRaiseIrql(DISPATCH_LEVEL);
    NT_EXPECT_BUGCHECK(IRQL_NOT_GREATER_OR_EQUAL, KiRaiseIrql(APC_LEVEL));
}

NT_TEST(KeIrql, LoweringToAHigherLevelIsABugcheck)
{
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, KiLowerIrql(DISPATCH_LEVEL));
}

NT_TEST(KeIrql, LoweringWithASpinLockHeldIsABugcheck)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;

    KeAcquireSpinLock(&lock, &old);
    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION, KeLowerIrql(PASSIVE_LEVEL));
}

NT_TEST(KeIrql, UnknownProcessorBlockFieldIsABugcheck)
{
    NT_EXPECT_EQ(KeGetCurrentThread(), KiGetCurrentThread());
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KiReadGsQword(0x20));
}

/* More threads than processors: each raises, checks that it is alone on its processor, lowers. */
static ULONG OnProcessor[KE_TEST_PROCESSORS];
static ULONG Rounds;

static void
RaiseAndLower(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        ULONG number = KeGetCurrentProcessorNumberEx(NULL);
        NT_EXPECT_EQ(OnProcessor[number]++, 0);
        HalpYield();
        NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), number);
        NT_EXPECT_EQ(--OnProcessor[number], 0);
        KeLowerIrql(old);
        __atomic_fetch_add(&Rounds, 1, __ATOMIC_RELAXED);
    }
}

NT_TEST_SEEDS(KeIrql, ThreadsAtDispatchLevelNeverShareAProcessor, 100)
{
    TEST_THREAD threads[THREADS];

    for (ULONG i = 0; i < THREADS; i++) {
        StartThread(&threads[i], RaiseAndLower, NULL);
    }
    for (ULONG i = 0; i < THREADS; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Rounds, THREADS * ROUNDS);
}

/* A thread that may use one processor only gets it, though others are freed more often. */
static void
RaiseOnLast(void *Context)
{
    KeSetSystemAffinityThread((KAFFINITY)1 << (KE_TEST_PROCESSORS - 1));
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), KE_TEST_PROCESSORS - 1);
        KeLowerIrql(old);
    }
    KeRevertToUserAffinityThread();
}

NT_TEST_SEEDS(KeIrql, AffinityIsKeptWhileProcessorsAreShort, 60)
{
    TEST_THREAD threads[THREADS];

    for (ULONG i = 0; i < THREADS; i++) {
        StartThread(&threads[i], i < 2 ? RaiseOnLast : RaiseAndLower, NULL);
    }
    for (ULONG i = 0; i < THREADS; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Rounds, (THREADS - 2) * ROUNDS);
}

/*
 * Both processors are held; one thread waits for processor 1, another for any. Processor 0 is given
 * back: the thread that can use it gets it, whichever was woken.
 */
static ULONG Holds;
static ULONG MayRelease;
static ULONG GotOne;

static void
HoldFirst(void *Context)
{
    KIRQL old;

    KeSetSystemAffinityThread(1);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    BUMP(Holds);
    while (READ(MayRelease) == 0) {
        HalpYield();
    }
    KeLowerIrql(old);
}

static void
TakeAny(void *Context)
{
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    BUMP(GotOne);
    KeLowerIrql(old);
}

static void
TakeSecond(void *Context)
{
    KIRQL old;

    KeSetSystemAffinityThread(2);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    KeLowerIrql(old);
}

NT_TEST_SEEDS(KeIrql, FreedProcessorReachesAWaiterThatCanUseIt, 40)
{
    TEST_THREAD threads[3];
    KIRQL old;

    StartThread(&threads[0], HoldFirst, NULL);
    while (READ(Holds) == 0) {
        HalpYield();
    }
    KeSetSystemAffinityThread(2);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    StartThread(&threads[1], TakeSecond, NULL);
    StartThread(&threads[2], TakeAny, NULL);
    for (ULONG i = 0; i < 200; i++) {
        HalpYield();
    }
    BUMP(MayRelease);
    for (ULONG i = 0; i < 2000 && READ(GotOne) == 0; i++) {
        HalpYield();
    }
    NT_EXPECT_EQ(READ(GotOne), 1);
    KeLowerIrql(old);
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    KeRevertToUserAffinityThread();
}

/* The processor that the thread takes when it raises the IRQL. */
static ULONG
ProcessorTaken(VOID)
{
    ULONG number;
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    number = KeGetCurrentProcessorNumberEx(NULL);
    KeLowerIrql(old);
    return number;
}

NT_TEST(KeAffinity, RevertingWithAMaskGoesBackToIt)
{
    KAFFINITY last = (KAFFINITY)1 << (KE_TEST_PROCESSORS - 1);

    NT_EXPECT_EQ(KeSetSystemAffinityThreadEx(1), 0);
    NT_EXPECT_EQ(ProcessorTaken(), 0);
    NT_EXPECT_EQ(KeSetSystemAffinityThreadEx(last), 1);
    NT_EXPECT_EQ(ProcessorTaken(), KE_TEST_PROCESSORS - 1);
    KeRevertToUserAffinityThreadEx(1);
    NT_EXPECT_EQ(ProcessorTaken(), 0);
    KeRevertToUserAffinityThreadEx(0);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 0);
}

NT_TEST(KeAffinity, RevertingToAMaskThatIsNotValidDoesNothing)
{
    KAFFINITY missing = (KAFFINITY)1 << KE_TEST_PROCESSORS;
    GROUP_AFFINITY group = {.Mask = 2, .Group = 1};

    /* Nothing was set: nothing is reverted. */
    KeRevertToUserAffinityThreadEx(2);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 0);
    KeSetSystemAffinityThreadEx(1);
    KeRevertToUserAffinityThreadEx(missing);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 1);
    KeRevertToUserAffinityThreadEx(missing | 2);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 1);
    KeRevertToUserGroupAffinityThread(&group);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 1);
    group.Group = 0;
    KeRevertToUserGroupAffinityThread(&group);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 2);
    KeRevertToUserAffinityThread();
}

/* Processor 0 is taken by another thread; after reverting, this one may have the other. */
NT_TEST_SEEDS(KeAffinity, RevertedThreadMayRunOnAnyProcessor, 10)
{
    TEST_THREAD thread;

    KeSetSystemAffinityThread(1);
    NT_EXPECT_EQ(ProcessorTaken(), 0);
    KeRevertToUserAffinityThread();
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 0);
    StartThread(&thread, HoldFirst, NULL);
    while (READ(Holds) == 0) {
        HalpYield();
    }
    NT_EXPECT_EQ(ProcessorTaken(), 1);
    BUMP(MayRelease);
    JoinThread(&thread);
}

NT_TEST(KeProcessor, CountsAndNumbersAgree)
{
    PROCESSOR_NUMBER number;
    KAFFINITY active;

    NT_EXPECT_EQ(KeQueryActiveProcessorCount(&active), KE_TEST_PROCESSORS);
    NT_EXPECT_EQ(active, ((KAFFINITY)1 << KE_TEST_PROCESSORS) - 1);
    NT_EXPECT_EQ(KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS), KE_TEST_PROCESSORS);
    NT_EXPECT_STATUS(KeGetProcessorNumberFromIndex(1, &number), STATUS_SUCCESS);
    NT_EXPECT_EQ(KeGetProcessorIndexFromNumber(&number), 1);
    NT_EXPECT_STATUS(KeGetProcessorNumberFromIndex(KE_TEST_PROCESSORS, &number),
                     STATUS_INVALID_PARAMETER);
}
