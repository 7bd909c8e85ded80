/* SPDX-License-Identifier: MIT
 *
 * test/ke/processor_test.c - how many processors there are, affinity, priority, exact clocks
 */
#define KE_TEST_PROCESSORS 3
#include "ke_test.h"

ULONG64 NTAPI KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp);
ULONGLONG NTAPI KeQueryUnbiasedInterruptTime(VOID);
ULONGLONG NTAPI KeQueryUnbiasedInterruptTimePrecise(PULONGLONG QpcTimeStamp);
VOID NTAPI KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime);
#undef KeQuerySystemTime
#undef KeQueryInterruptTime
VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER CurrentTime);
ULONGLONG NTAPI KeQueryInterruptTime(VOID);

#define ALL_MASK (((KAFFINITY)1 << KE_TEST_PROCESSORS) - 1)
#define MISSING_BIT ((KAFFINITY)1 << KE_TEST_PROCESSORS)

/* ---- counts ---- */

NT_TEST(KeProcessor, GroupsAndNodesAreCounted)
{
    USHORT groups = KeQueryActiveGroupCount();

    NT_EXPECT_EQ(groups, 1);
    NT_EXPECT_TRUE(KeQueryMaximumGroupCount() >= groups);
    NT_EXPECT_EQ(KeQueryActiveProcessorCountEx(0), KE_TEST_PROCESSORS);
    NT_EXPECT_EQ(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), KE_TEST_PROCESSORS);
    NT_EXPECT_EQ(KeQueryActiveProcessorCountEx(groups), 0);
    NT_EXPECT_EQ(KeQueryMaximumProcessorCountEx(0), KeQueryMaximumProcessorCount());
    NT_EXPECT_TRUE(KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS) >= KE_TEST_PROCESSORS);
    NT_EXPECT_EQ(KeQueryMaximumProcessorCountEx(groups), 0);
    NT_EXPECT_TRUE(KeQueryMaximumProcessorCount() >= KeQueryActiveProcessorCount(NULL));
    NT_EXPECT_EQ(KeQueryActiveProcessors(), ALL_MASK);
    NT_EXPECT_EQ(KeQueryGroupAffinity(0), ALL_MASK);
    NT_EXPECT_EQ(KeQueryGroupAffinity(groups), 0);
    NT_EXPECT_TRUE(KeGetCurrentNodeNumber() <= KeQueryHighestNodeNumber());
    NT_EXPECT_EQ(KeQueryHighestNodeNumber(), 0);
}

NT_TEST(KeProcessor, NumberBecomesAnIndexOnlyIfThereIsSuchAProcessor)
{
    static const struct {
        PROCESSOR_NUMBER Number;
        ULONG Index;
    } rows[] = {
        {{.Group = 0, .Number = 0}, 0},
        {{.Group = 0, .Number = KE_TEST_PROCESSORS - 1}, KE_TEST_PROCESSORS - 1},
        {{.Group = 0, .Number = KE_TEST_PROCESSORS}, INVALID_PROCESSOR_INDEX},
        {{.Group = 1, .Number = 0}, INVALID_PROCESSOR_INDEX},
        {{.Group = 0, .Number = 0, .Reserved = 1}, INVALID_PROCESSOR_INDEX},
    };

    NT_FOR_EACH (row, rows) {
        PROCESSOR_NUMBER number = row->Number;

        NT_EXPECT_EQ(KeGetProcessorIndexFromNumber(&number), row->Index);
    }
}

NT_TEST(KeProcessor, SharedDataAlignmentIsAPowerOfTwo)
{
    ULONG alignment = KeGetRecommendedSharedDataAlignment();

    NT_EXPECT_TRUE(alignment >= sizeof(PVOID));
    NT_EXPECT_EQ(alignment & (alignment - 1), 0);
}

/* Index, number and group are of one processor, and all that was in the buffer is overwritten. */
NT_TEST(KeProcessor, CurrentNumberIsWrittenWhole)
{
    for (ULONG i = 0; i < KE_TEST_PROCESSORS; i++) {
        PROCESSOR_NUMBER number;
        KIRQL irql;

        memset(&number, 0xFF, sizeof(number));
        KeSetSystemAffinityThread((KAFFINITY)1 << i);
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(&number), i);
        NT_EXPECT_EQ(number.Group, 0);
        NT_EXPECT_EQ(number.Number, i);
        NT_EXPECT_EQ(number.Reserved, 0);
        NT_EXPECT_EQ(KeGetProcessorIndexFromNumber(&number), i);
        KeLowerIrql(irql);
    }
    KeRevertToUserAffinityThread();
}

/* ---- affinity ---- */

/* In effect when the call returns, which at DISPATCH_LEVEL is when the IRQL drops. */
NT_TEST(KeAffinity, HoldsAtOnceBelowDispatchLevel)
{
    for (ULONG i = 0; i < KE_TEST_PROCESSORS; i++) {
        NT_EXPECT_EQ(KeSetSystemAffinityThreadEx((KAFFINITY)1 << i),
                     i == 0 ? 0 : (KAFFINITY)1 << (i - 1));
        NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), i);
    }
    KeRevertToUserAffinityThreadEx(0);
}

NT_TEST(KeAffinity, SetAtDispatchLevelIsDeferredUntilTheIrqlDrops)
{
    GROUP_AFFINITY group = {.Mask = 1};
    KIRQL irql;

    KeSetSystemAffinityThread(1);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    KeSetSystemAffinityThread(2);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 0);
    KeLowerIrql(irql);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 1);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_EQ(KeSetSystemAffinityThreadEx(4), 2);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 1);
    KeLowerIrql(irql);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 2);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 2);
    KeSetSystemGroupAffinityThread(&group, NULL);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 2);
    KeLowerIrql(irql);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 0);
    KeRevertToUserAffinityThread();
}

NT_TEST(KeAffinity, InvalidMaskHasNoEffect)
{
    KAFFINITY masks[] = {0, MISSING_BIT, MISSING_BIT | 1};

    KeSetSystemAffinityThread(2);
    NT_FOR_EACH (mask, masks) {
        KeSetSystemAffinityThread(*mask);
        NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 2);
        NT_EXPECT_EQ(KeSetSystemAffinityThreadEx(*mask), 2);
        NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 2);
    }
    KeRevertToUserAffinityThread();
    NT_EXPECT_EQ(KeSetSystemAffinityThreadEx(MISSING_BIT), 0);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 0);
}

NT_TEST(KeAffinity, GroupAffinityIsSetAndRestored)
{
    GROUP_AFFINITY first = {.Mask = 2};
    GROUP_AFFINITY second = {.Mask = 4};
    GROUP_AFFINITY old;
    GROUP_AFFINITY older;

    memset(&old, 0xFF, sizeof(old));
    memset(&older, 0xFF, sizeof(older));
    KeSetSystemGroupAffinityThread(&first, &older);
    NT_EXPECT_EQ(older.Mask | older.Group, 0);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 1);
    KeSetSystemGroupAffinityThread(&second, &old);
    NT_EXPECT_EQ(old.Mask, 2);
    NT_EXPECT_EQ(old.Group, 0);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 2);
    KeRevertToUserGroupAffinityThread(&old);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 1);
    KeRevertToUserGroupAffinityThread(&older);
    NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 0);
    KeSetSystemGroupAffinityThread(&first, NULL);
    KeSetSystemGroupAffinityThread(&second, NULL);
    NT_EXPECT_EQ(KeGetCurrentProcessorNumberEx(NULL), 2);
    KeRevertToUserGroupAffinityThread(&older);
}

NT_TEST(KeAffinity, InvalidGroupAffinityChangesNothingAndTellsZero)
{
    GROUP_AFFINITY valid = {.Mask = 2};
    GROUP_AFFINITY rows[] = {
        {.Mask = 1, .Group = 1}, /* no such group */
        {.Mask = 0},             /* no processor */
        {.Mask = MISSING_BIT},   /* none that is active */
        {.Mask = MISSING_BIT | 1},
    };

    KeSetSystemGroupAffinityThread(&valid, NULL);
    NT_FOR_EACH (row, rows) {
        GROUP_AFFINITY old;

        memset(&old, 0xFF, sizeof(old));
        KeSetSystemGroupAffinityThread(row, &old);
        NT_EXPECT_EQ(old.Mask, 0);
        NT_EXPECT_EQ(old.Group, 0);
        NT_EXPECT_EQ(KiGetCurrentThread()->Affinity, 2);
    }
    KeRevertToUserAffinityThread();
}

/* ---- priority ---- */

NT_TEST(KePriority, SetPriorityReturnsTheOldOne)
{
    PKTHREAD thread = KeGetCurrentThread();
    KPRIORITY old = KeQueryPriorityThread(thread);

    NT_EXPECT_TRUE(old > LOW_PRIORITY && old < LOW_REALTIME_PRIORITY);
    NT_EXPECT_EQ(KeSetPriorityThread(thread, LOW_REALTIME_PRIORITY), old);
    NT_EXPECT_EQ(KeQueryPriorityThread(thread), LOW_REALTIME_PRIORITY);
    NT_EXPECT_EQ(KeSetPriorityThread(thread, HIGH_PRIORITY), LOW_REALTIME_PRIORITY);
    NT_EXPECT_EQ(KeSetPriorityThread(thread, old), HIGH_PRIORITY);
    NT_EXPECT_EQ(KeQueryPriorityThread(thread), old);
}

NT_TEST(KePriority, LowestIsTheSystems)
{
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KeSetPriorityThread(KeGetCurrentThread(), LOW_PRIORITY));
}

NT_TEST(KePriority, AboveTheHighestIsABugcheck)
{
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION,
                       KeSetPriorityThread(KeGetCurrentThread(), HIGH_PRIORITY + 1));
}

/* The process is not of the real-time class, nor can its threads become so this way. */
NT_TEST(KePriority, IncrementIsOverTheProcessAndStaysInItsClass)
{
    PKTHREAD thread = KeGetCurrentThread();
    KPRIORITY base = KeQueryPriorityThread(thread);
    static const struct {
        LONG Increment;
        LONG Took;
    } rows[] = {{2, 2}, {-2, -2}, {0, 0}, {7, 7}, {8, 7}, {1000, 7}, {MAXLONG, 7}};
    LONG before = 0;

    NT_EXPECT_EQ(base, 8);
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_EQ(KeSetBasePriorityThread(thread, row->Increment), before);
        NT_EXPECT_EQ(KeQueryPriorityThread(thread), base + row->Took);
        before = row->Took;
    }
    NT_EXPECT_EQ((LONG)KeSetBasePriorityThread(thread, -1000), 7);
    NT_EXPECT_EQ(KeQueryPriorityThread(thread), LOW_PRIORITY + 1);
    NT_EXPECT_EQ((LONG)KeSetBasePriorityThread(thread, (LONG)0x80000000), 1 - base);
    NT_EXPECT_EQ(KeQueryPriorityThread(thread), LOW_PRIORITY + 1);
}

/* ---- exact clocks ---- */

NT_TEST(KeTime, PreciseClocksMoveWithTheOthers)
{
    LARGE_INTEGER system[2];
    ULONG64 stamp[2];
    ULONGLONG interrupt = KeQueryInterruptTime();
    ULONG64 precise = KeQueryInterruptTimePrecise(&stamp[0]);
    LONGLONG counter = KeQueryPerformanceCounter(NULL).QuadPart;
    ULONGLONG unbiasedStamp;
    ULONGLONG unbiased = KeQueryUnbiasedInterruptTime();

    NT_EXPECT_TRUE(precise >= interrupt);
    NT_EXPECT_TRUE(stamp[0] <= (ULONG64)counter);
    NT_EXPECT_TRUE(KeQueryUnbiasedInterruptTimePrecise(&unbiasedStamp) >= unbiased);
    NT_EXPECT_TRUE(unbiasedStamp >= stamp[0]);
    KeQuerySystemTimePrecise(&system[0]);
    SimAdvance(MS_NS(3));
    KeQuerySystemTimePrecise(&system[1]);
    NT_EXPECT_EQ(system[1].QuadPart - system[0].QuadPart, MS_TICKS(3));
    NT_EXPECT_EQ(KeQueryInterruptTimePrecise(&stamp[1]) - precise, MS_TICKS(3));
    NT_EXPECT_EQ(stamp[1] - stamp[0], MS_TICKS(3));
    NT_EXPECT_EQ(KeQueryUnbiasedInterruptTime() - unbiased, MS_TICKS(3));
    NT_EXPECT_EQ(KeQueryUnbiasedInterruptTimePrecise(&unbiasedStamp) - unbiased, MS_TICKS(3));
    KeQuerySystemTime(&system[0]);
    NT_EXPECT_TRUE(system[0].QuadPart <= system[1].QuadPart);
}
