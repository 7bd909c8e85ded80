/* SPDX-License-Identifier: MIT
 *
 * test/ex/rundown_test.c - rundown protection by counts, in its plain and its cache-aware form
 */
#include "ex_test.h"

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

/* ---- both forms behind one set of functions ---- */

typedef enum FORM { PLAIN, CACHE_AWARE, CALLERS_MEMORY, FORMS } FORM;

typedef struct PROTECTION {
    FORM Form;
    EX_RUNDOWN_REF Ref;
    PEX_RUNDOWN_REF_CACHE_AWARE Aware;
} PROTECTION;

static void
CreateProtection(PROTECTION *Protection, FORM Form)
{
    SIZE_T size = ExSizeOfRundownProtectionCacheAware();

    memset(Protection, 0, sizeof(*Protection));
    Protection->Form = Form;
    switch (Form) {
    case PLAIN:
        ExInitializeRundownProtection(&Protection->Ref);
        break;
    case CACHE_AWARE:
        Protection->Aware = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, EX_TAG);
        NT_EXPECT_NE(Protection->Aware, NULL);
        break;
    default:
        Protection->Aware = ExAllocatePoolWithTag(NonPagedPoolNx, size, EX_TAG);
        memset(Protection->Aware, 0xA5, size);
        ExInitializeRundownProtectionCacheAware(Protection->Aware, size);
        break;
    }
}

static void
DestroyProtection(PROTECTION *Protection)
{
    if (Protection->Form == CACHE_AWARE) {
        ExFreeCacheAwareRundownProtection(Protection->Aware);
    } else if (Protection->Form == CALLERS_MEMORY) {
        ExFreePoolWithTag(Protection->Aware, EX_TAG);
    }
}

/* Count 0: the function without a count, which stands for 1. */
static BOOLEAN
Acquire(PROTECTION *Protection, ULONG Count)
{
    if (Protection->Form == PLAIN) {
        return Count == 0 ? ExAcquireRundownProtection(&Protection->Ref)
                          : ExAcquireRundownProtectionEx(&Protection->Ref, Count);
    }
    return Count == 0 ? ExAcquireRundownProtectionCacheAware(Protection->Aware)
                      : ExAcquireRundownProtectionCacheAwareEx(Protection->Aware, Count);
}

static void
Release(PROTECTION *Protection, ULONG Count)
{
    if (Protection->Form == PLAIN && Count == 0) {
        ExReleaseRundownProtection(&Protection->Ref);
    } else if (Protection->Form == PLAIN) {
        ExReleaseRundownProtectionEx(&Protection->Ref, Count);
    } else if (Count == 0) {
        ExReleaseRundownProtectionCacheAware(Protection->Aware);
    } else {
        ExReleaseRundownProtectionCacheAwareEx(Protection->Aware, Count);
    }
}

static void
WaitForRelease(PROTECTION *Protection)
{
    if (Protection->Form == PLAIN) {
        ExWaitForRundownProtectionRelease(&Protection->Ref);
    } else {
        ExWaitForRundownProtectionReleaseCacheAware(Protection->Aware);
    }
}

static void
Complete(PROTECTION *Protection)
{
    if (Protection->Form == PLAIN) {
        ExRundownCompleted(&Protection->Ref);
    } else {
        ExRundownCompletedCacheAware(Protection->Aware);
    }
}

static void
Reinitialize(PROTECTION *Protection)
{
    if (Protection->Form == PLAIN) {
        ExReInitializeRundownProtection(&Protection->Ref);
    } else {
        ExReInitializeRundownProtectionCacheAware(Protection->Aware);
    }
}

/* ---- one thread ---- */

/* Run down, told so, waited for again, put to use again: what the reference promises of each. */
NT_TEST(ExRundownCount, GoesThroughItsLife)
{
    for (FORM form = 0; form < FORMS; form++) {
        PROTECTION protection;

        CreateProtection(&protection, form);
        for (ULONG round = 0; round < 2; round++) {
            NT_EXPECT_TRUE(Acquire(&protection, 0));
            NT_EXPECT_TRUE(Acquire(&protection, 3));
            Release(&protection, 2);
            Release(&protection, 0);
            Release(&protection, 1);
            WaitForRelease(&protection);
            NT_EXPECT_FALSE(Acquire(&protection, 0));
            NT_EXPECT_FALSE(Acquire(&protection, 7));
            WaitForRelease(&protection);
            Complete(&protection);
            NT_EXPECT_FALSE(Acquire(&protection, 0));
            NT_EXPECT_FALSE(Acquire(&protection, 1));
            WaitForRelease(&protection);
            Reinitialize(&protection);
        }
        NT_EXPECT_TRUE(Acquire(&protection, 0));
        Release(&protection, 0);
        /* Without ExRundownCompleted in between it is put to use again as well. */
        WaitForRelease(&protection);
        Reinitialize(&protection);
        NT_EXPECT_TRUE(Acquire(&protection, 2));
        Release(&protection, 2);
        DestroyProtection(&protection);
    }
}

NT_TEST(ExRundownCount, WorksAtDispatchLevelAndKeepsTheIrql)
{
    for (FORM form = 0; form < FORMS; form++) {
        PROTECTION protection;
        KIRQL irql;

        CreateProtection(&protection, form);
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        NT_EXPECT_TRUE(Acquire(&protection, 0));
        NT_EXPECT_TRUE(Acquire(&protection, 4));
        NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        Release(&protection, 4);
        Release(&protection, 0);
        NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        KeLowerIrql(irql);
        WaitForRelease(&protection);
        DestroyProtection(&protection);
    }
}

NT_TEST(ExRundownCount, AllocationIsOfThePoolAndCanFail)
{
    static const POOL_TYPE types[] = {NonPagedPoolNx, PagedPool};
    EXP_POOL_BLOCK block;
    BOOLEAN isFree;

    NT_FOR_EACH (type, types) {
        PEX_RUNDOWN_REF_CACHE_AWARE aware = ExAllocateCacheAwareRundownProtection(*type, EX_TAG);

        NT_EXPECT_TRUE(ExpDescribePoolAddress((ULONG_PTR)aware, &block, &isFree));
        NT_EXPECT_EQ(block.Tag, EX_TAG);
        NT_EXPECT_EQ(block.NonPaged, *type == NonPagedPoolNx);
        ExFreeCacheAwareRundownProtection(aware);
    }
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, EX_TAG), NULL);
    SimSetFaultPlan(NULL, 0);
}

/* ---- threads ---- */

typedef struct SCENE {
    PROTECTION Protection;
    LONG Users;
    LONG Entered;
    LONG Over;
} SCENE;

static SCENE Scene;

/* Takes several at once and gives them back in parts, until it is run down. */
static void
UseInParts(void *Context)
{
    ULONG state = (ULONG)(ULONG_PTR)Context;

    for (;;) {
        ULONG count = state++ % 4;
        ULONG parts = count == 0 ? 1 : count;

        if (!Acquire(&Scene.Protection, count)) {
            return;
        }
        __atomic_add_fetch(&Scene.Entered, 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&Scene.Users, (LONG)parts, __ATOMIC_SEQ_CST);
        for (ULONG i = 0; i < parts; i++) {
            NT_EXPECT_EQ(__atomic_load_n(&Scene.Over, __ATOMIC_SEQ_CST), 0);
            SimSchedulingPoint();
            NT_EXPECT_EQ(__atomic_load_n(&Scene.Over, __ATOMIC_SEQ_CST), 0);
            __atomic_sub_fetch(&Scene.Users, 1, __ATOMIC_SEQ_CST);
            Release(&Scene.Protection, (state + i) % 2);
        }
    }
}

static void
RunDownOneForm(FORM Form)
{
    static TEST_THREAD threads[3];

    memset(&Scene, 0, sizeof(Scene));
    CreateProtection(&Scene.Protection, Form);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], UseInParts, (void *)(ULONG_PTR)(i + NtTestSeed()));
    }
    while (__atomic_load_n(&Scene.Entered, __ATOMIC_RELAXED) < 5) {
        SimSchedulingPoint();
    }
    WaitForRelease(&Scene.Protection);
    NT_EXPECT_EQ(__atomic_load_n(&Scene.Users, __ATOMIC_SEQ_CST), 0);
    __atomic_store_n(&Scene.Over, 1, __ATOMIC_SEQ_CST);
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    DestroyProtection(&Scene.Protection);
}

NT_TEST_SEEDS(ExRundownCount, WaitsForEveryPartOfEveryUser, 30)
{
    for (FORM form = 0; form < FORMS; form++) {
        RunDownOneForm(form);
    }
}

static void
WaitAndTell(void *Context)
{
    WaitForRelease(&Scene.Protection);
    __atomic_store_n(&Scene.Over, 1, __ATOMIC_SEQ_CST);
}

/* The waiter does not come back for a part, and nobody new comes in meanwhile. */
NT_TEST_SEEDS(ExRundownCount, WaiterStaysUntilTheLastPart, 5)
{
    for (FORM form = 0; form < FORMS; form++) {
        static TEST_THREAD thread;

        memset(&Scene, 0, sizeof(Scene));
        CreateProtection(&Scene.Protection, form);
        NT_EXPECT_TRUE(Acquire(&Scene.Protection, 5));
        StartThread(&thread, WaitAndTell, NULL);
        SimRunUntilIdle();
        NT_EXPECT_FALSE(Acquire(&Scene.Protection, 0));
        NT_EXPECT_FALSE(Acquire(&Scene.Protection, 2));
        Release(&Scene.Protection, 3);
        Release(&Scene.Protection, 0);
        SimRunUntilIdle();
        NT_EXPECT_EQ(__atomic_load_n(&Scene.Over, __ATOMIC_SEQ_CST), 0);
        Release(&Scene.Protection, 1);
        JoinThread(&thread);
        NT_EXPECT_EQ(__atomic_load_n(&Scene.Over, __ATOMIC_SEQ_CST), 1);
        DestroyProtection(&Scene.Protection);
    }
}

/* ---- misuse ---- */

NT_TEST(ExRundownCount, MoreReleasedThanAcquiredIsABugCheck)
{
    PROTECTION protection;

    CreateProtection(&protection, PLAIN);
    NT_EXPECT_TRUE(Acquire(&protection, 2));
    NT_EXPECT_BUGCHECK(0xC4, ExReleaseRundownProtectionEx(&protection.Ref, 3));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1007);
}

NT_TEST(ExRundownCount, MoreReleasedThanAcquiredIsABugCheckWhileOneWaits)
{
    static TEST_THREAD thread;

    CreateProtection(&Scene.Protection, CACHE_AWARE);
    NT_EXPECT_TRUE(Acquire(&Scene.Protection, 2));
    StartThread(&thread, WaitAndTell, NULL);
    SimRunUntilIdle();
    NT_EXPECT_BUGCHECK(0xC4, ExReleaseRundownProtectionCacheAwareEx(Scene.Protection.Aware, 3));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1007);
}

NT_TEST(ExRundownCount, MemoryThatIsTooSmallIsABugCheck)
{
    static UCHAR memory[256] __attribute__((aligned(16)));

    NT_EXPECT_BUGCHECK(
        0xC4, ExInitializeRundownProtectionCacheAware((PEX_RUNDOWN_REF_CACHE_AWARE)memory,
                                                      ExSizeOfRundownProtectionCacheAware() - 1));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1007);
}
