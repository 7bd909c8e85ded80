/* SPDX-License-Identifier: MIT
 *
 * test/ex/lock_test.c - reader/writer spin locks from DPC level, push locks by their own names,
 *                       resources that are initialised again
 */
#include "ex_test.h"

VOID FASTCALL ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID FASTCALL ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID FASTCALL ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID FASTCALL ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN FASTCALL ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN FASTCALL ExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);

void
NtTestSetUp(void)
{
    ExTestStart();
}

void
NtTestTearDown(void)
{
    ExTestStop();
}

/* ---- what a lock guards: not atomic, so that ThreadSanitizer checks the lock as well ---- */

static LONG Writers;
static LONG Readers;
static ULONG64 Guarded;
static ULONG Written;

static void
Write(void)
{
    NT_EXPECT_EQ(__atomic_add_fetch(&Writers, 1, __ATOMIC_RELAXED), 1);
    NT_EXPECT_EQ(__atomic_load_n(&Readers, __ATOMIC_RELAXED), 0);
    Guarded++;
    SimSchedulingPoint();
    __atomic_sub_fetch(&Writers, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&Written, 1, __ATOMIC_RELAXED);
}

static void
Read(void)
{
    ULONG64 seen = Guarded;

    __atomic_add_fetch(&Readers, 1, __ATOMIC_RELAXED);
    NT_EXPECT_EQ(__atomic_load_n(&Writers, __ATOMIC_RELAXED), 0);
    SimSchedulingPoint();
    NT_EXPECT_EQ(Guarded, seen);
    __atomic_sub_fetch(&Readers, 1, __ATOMIC_RELAXED);
}

static void
RunThreads(void (*Routine)(void *), ULONG Count)
{
    static TEST_THREAD threads[4];

    Writers = 0;
    Readers = 0;
    Guarded = 0;
    Written = 0;
    for (ULONG i = 0; i < Count; i++) {
        StartThread(&threads[i], Routine, (void *)(ULONG_PTR)(i + NtTestSeed()));
    }
    for (ULONG i = 0; i < Count; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Guarded, Written);
}

/* ---- reader/writer spin locks ---- */

static EX_SPIN_LOCK SpinLock;

/* The forms that leave the IRQL alone exclude each other, and the forms that raise it. */
static void
SpinAtSomeLevel(void *Context)
{
    ULONG state = (ULONG)(ULONG_PTR)Context;

    for (ULONG round = 0; round < 30; round++, state++) {
        KIRQL irql;

        switch (state % 4) {
        case 0:
            KeRaiseIrql(DISPATCH_LEVEL, &irql);
            ExAcquireSpinLockExclusiveAtDpcLevel(&SpinLock);
            Write();
            ExReleaseSpinLockExclusiveFromDpcLevel(&SpinLock);
            KeLowerIrql(irql);
            break;
        case 1:
            KeRaiseIrql(DISPATCH_LEVEL, &irql);
            ExAcquireSpinLockSharedAtDpcLevel(&SpinLock);
            Read();
            ExReleaseSpinLockSharedFromDpcLevel(&SpinLock);
            KeLowerIrql(irql);
            break;
        case 2:
            irql = ExAcquireSpinLockExclusive(&SpinLock);
            Write();
            ExReleaseSpinLockExclusive(&SpinLock, irql);
            break;
        default:
            irql = ExAcquireSpinLockShared(&SpinLock);
            Read();
            ExReleaseSpinLockShared(&SpinLock, irql);
            break;
        }
        if (round % 5 == 0) {
            SimSchedulingPoint();
        }
    }
}

NT_TEST_SEEDS(ExSpinLockAtDpc, ExcludesWritersWhoeverRaisedTheIrql, 20)
{
    RunThreads(SpinAtSomeLevel, 4);
    NT_EXPECT_EQ(SpinLock, 0);
}

static LONG SecondReader; /* 1: it is in, 2: it may go */

static void
SpinAsSecondReader(void *Context)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ExAcquireSpinLockSharedAtDpcLevel(&SpinLock);
    __atomic_store_n(&SecondReader, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&SecondReader, __ATOMIC_SEQ_CST) != 2) {
        SimSchedulingPoint();
    }
    ExReleaseSpinLockSharedFromDpcLevel(&SpinLock);
    KeLowerIrql(irql);
}

NT_TEST_SEEDS(ExSpinLockAtDpc, TwoReadersHaveItAtOnce, 5)
{
    static TEST_THREAD thread;
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ExAcquireSpinLockSharedAtDpcLevel(&SpinLock);
    StartThread(&thread, SpinAsSecondReader, NULL);
    while (__atomic_load_n(&SecondReader, __ATOMIC_SEQ_CST) != 1) {
        SimSchedulingPoint();
    }
    NT_EXPECT_FALSE(ExTryConvertSharedSpinLockExclusive(&SpinLock));
    __atomic_store_n(&SecondReader, 2, __ATOMIC_SEQ_CST);
    KeLowerIrql(irql);
    JoinThread(&thread);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_TRUE(ExTryConvertSharedSpinLockExclusive(&SpinLock));
    ExReleaseSpinLockExclusiveFromDpcLevel(&SpinLock);
    KeLowerIrql(irql);
    NT_EXPECT_EQ(SpinLock, 0);
}

NT_TEST(ExSpinLockAtDpc, KeepsTheIrqlUpToHighLevel)
{
    static const KIRQL levels[] = {DISPATCH_LEVEL, DISPATCH_LEVEL + 1, HIGH_LEVEL};

    NT_FOR_EACH (level, levels) {
        KIRQL irql;

        KeRaiseIrql(*level, &irql);
        ExAcquireSpinLockExclusiveAtDpcLevel(&SpinLock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        NT_EXPECT_NE(SpinLock, 0);
        ExReleaseSpinLockExclusiveFromDpcLevel(&SpinLock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        ExAcquireSpinLockSharedAtDpcLevel(&SpinLock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        ExReleaseSpinLockSharedFromDpcLevel(&SpinLock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        KeLowerIrql(irql);
        NT_EXPECT_EQ(SpinLock, 0);
    }
}

NT_TEST(ExSpinLockAtDpc, StrayExclusiveReleaseIsABugCheck)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ExAcquireSpinLockSharedAtDpcLevel(&SpinLock);
    NT_EXPECT_BUGCHECK(0x10, ExReleaseSpinLockExclusiveFromDpcLevel(&SpinLock));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)&SpinLock);
}

NT_TEST(ExSpinLockAtDpc, StraySharedReleaseIsABugCheck)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ExAcquireSpinLockExclusiveAtDpcLevel(&SpinLock);
    NT_EXPECT_BUGCHECK(0x10, ExReleaseSpinLockSharedFromDpcLevel(&SpinLock));
}

/* ---- push locks ---- */

static EX_PUSH_LOCK PushLock;

static void
PushByName(void *Context)
{
    ULONG state = (ULONG)(ULONG_PTR)Context;

    for (ULONG round = 0; round < 40; round++, state++) {
        KeEnterCriticalRegion();
        switch (state % 4) {
        case 0:
            ExAcquirePushLockExclusiveEx(&PushLock, 0);
            Write();
            ExReleasePushLockExclusiveEx(&PushLock, 0);
            break;
        case 1:
            ExAcquirePushLockSharedEx(&PushLock, 0);
            Read();
            ExReleasePushLockSharedEx(&PushLock, 0);
            break;
        case 2:
            if (ExTryAcquirePushLockSharedEx(&PushLock, 0)) {
                Read();
                ExReleasePushLockSharedEx(&PushLock, 0);
            }
            break;
        default:
            if (ExTryAcquirePushLockExclusiveEx(&PushLock, 0)) {
                Write();
                ExReleasePushLockExclusiveEx(&PushLock, 0);
            }
            break;
        }
        KeLeaveCriticalRegion();
        if (round % 5 == 0) {
            SimSchedulingPoint();
        }
    }
}

NT_TEST_SEEDS(ExPushLockNames, ExcludesWriters, 20)
{
    memset(&PushLock, 0xA5, sizeof(PushLock));
    ExInitializePushLock(&PushLock);
    RunThreads(PushByName, 4);
    KeEnterCriticalRegion();
    NT_EXPECT_TRUE(ExTryAcquirePushLockExclusiveEx(&PushLock, 0));
    ExReleasePushLockExclusiveEx(&PushLock, 0);
    KeLeaveCriticalRegion();
}

static void
PushExclusiveOnce(void *Context)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&PushLock, 0);
    Write();
    ExReleasePushLockExclusiveEx(&PushLock, 0);
    KeLeaveCriticalRegion();
}

NT_TEST_SEEDS(ExPushLockNames, TriesToShareAndNeverWaits, 5)
{
    static TEST_THREAD writer;

    ExInitializePushLock(&PushLock);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&PushLock, 0);
    NT_EXPECT_FALSE(ExTryAcquirePushLockSharedEx(&PushLock, 0));
    ExReleasePushLockExclusiveEx(&PushLock, 0);
    NT_EXPECT_TRUE(ExTryAcquirePushLockSharedEx(&PushLock, 0));
    NT_EXPECT_TRUE(ExTryAcquirePushLockSharedEx(&PushLock, 0));
    NT_EXPECT_FALSE(ExTryAcquirePushLockExclusiveEx(&PushLock, 0));
    StartThread(&writer, PushExclusiveOnce, NULL);
    SimRunUntilIdle();
    NT_EXPECT_EQ(Guarded, 0);
    /* The writer that waits is not overtaken. */
    NT_EXPECT_FALSE(ExTryAcquirePushLockSharedEx(&PushLock, 0));
    ExReleasePushLockSharedEx(&PushLock, 0);
    SimRunUntilIdle();
    NT_EXPECT_EQ(Guarded, 0);
    ExReleasePushLockSharedEx(&PushLock, 0);
    KeLeaveCriticalRegion();
    JoinThread(&writer);
    NT_EXPECT_EQ(Guarded, 1);
}

NT_TEST(ExPushLockNames, SharedReleaseOfAnExclusiveOneIsABugCheck)
{
    ExInitializePushLock(&PushLock);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&PushLock, 0);
    NT_EXPECT_BUGCHECK(0xC4, ExReleasePushLockSharedEx(&PushLock, 0));
}

NT_TEST(ExPushLockNames, ExclusiveReleaseOfASharedOneIsABugCheck)
{
    ExInitializePushLock(&PushLock);
    KeEnterCriticalRegion();
    ExAcquirePushLockSharedEx(&PushLock, 0);
    NT_EXPECT_BUGCHECK(0xC4, ExReleasePushLockExclusiveEx(&PushLock, 0));
}

/* ---- resources ---- */

static ERESOURCE Resource;
static LONG SharersIn; /* -1: they may go */

static void
ShareAWhile(void *Context)
{
    KeEnterCriticalRegion();
    NT_EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, TRUE));
    __atomic_add_fetch(&SharersIn, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&SharersIn, __ATOMIC_SEQ_CST) > 0) {
        SimSchedulingPoint();
    }
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

/* After a use that needed a table of owners it is as new; nothing is left of what was counted. */
NT_TEST_SEEDS(ExResourceAgain, IsAsNewAfterContention, 5)
{
    static TEST_THREAD threads[4];

    NT_EXPECT_STATUS(ExInitializeResourceLite(&Resource), STATUS_SUCCESS);
    for (ULONG round = 0; round < 2; round++) {
        SharersIn = 0;
        for (ULONG i = 0; i < 4; i++) {
            StartThread(&threads[i], ShareAWhile, NULL);
        }
        while (__atomic_load_n(&SharersIn, __ATOMIC_SEQ_CST) != 4) {
            SimSchedulingPoint();
        }
        KeEnterCriticalRegion();
        NT_EXPECT_FALSE(ExAcquireResourceExclusiveLite(&Resource, FALSE));
        __atomic_store_n(&SharersIn, -1, __ATOMIC_SEQ_CST);
        for (ULONG i = 0; i < 4; i++) {
            JoinThread(&threads[i]);
        }
        NT_EXPECT_STATUS(ExReinitializeResourceLite(&Resource), STATUS_SUCCESS);
        NT_EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, FALSE));
        ExReleaseResourceLite(&Resource);
        KeLeaveCriticalRegion();
        NT_EXPECT_EQ(ExGetExclusiveWaiterCount(&Resource), 0);
        NT_EXPECT_EQ(ExGetSharedWaiterCount(&Resource), 0);
    }
    NT_EXPECT_STATUS(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}

NT_TEST(ExResourceAgain, OwnedOneIsABugCheck)
{
    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Resource, TRUE);
    NT_EXPECT_BUGCHECK(0xC4, ExReinitializeResourceLite(&Resource));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD2);
}

NT_TEST(ExResourceAgain, OneThatNeverWasIsABugCheck)
{
    NT_EXPECT_BUGCHECK(0xC4, ExReinitializeResourceLite(&Resource));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD1);
}

/* Owners are not boosted, and the resource works as before. */
NT_TEST(ExResourceAgain, WorksWithoutBoost)
{
    ExInitializeResourceLite(&Resource);
    ExDisableResourceBoostLite(&Resource);
    KeEnterCriticalRegion();
    NT_EXPECT_TRUE(ExAcquireResourceExclusiveLite(&Resource, TRUE));
    ExDisableResourceBoostLite(&Resource);
    NT_EXPECT_TRUE(ExIsResourceAcquiredExclusiveLite(&Resource));
    ExReleaseResourceLite(&Resource);
    NT_EXPECT_TRUE(ExAcquireResourceSharedLite(&Resource, FALSE));
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    NT_EXPECT_STATUS(ExDeleteResourceLite(&Resource), STATUS_SUCCESS);
}
