/* SPDX-License-Identifier: MIT
 *
 * test/ex/poolapi_test.c - each routine that allocates pool: its flags, failures and IRQL
 */
#include "ex_test.h"

#undef ExAllocatePool
#undef ExAllocatePoolWithQuota

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

/* ---- the routines that take a POOL_TYPE ---- */

typedef enum ROUTINE { PLAIN, TAGGED, PRIORITY, QUOTA, QUOTA_TAGGED, ROUTINES } ROUTINE;

static PVOID
Allocate(ROUTINE Routine, ULONG PoolType, SIZE_T Size)
{
    POOL_TYPE type = (POOL_TYPE)PoolType;

    switch (Routine) {
    case PLAIN:
        return ExAllocatePool(type, Size);
    case TAGGED:
        return ExAllocatePoolWithTag(type, Size, EX_TAG);
    case PRIORITY:
        return ExAllocatePoolWithTagPriority(type, Size, EX_TAG, LowPoolPriority);
    case QUOTA:
        return ExAllocatePoolWithQuota(type, Size);
    default:
        return ExAllocatePoolWithQuotaTag(type, Size, EX_TAG);
    }
}

/* Placement, pool and the advisory flag are those of the reference, whichever routine is called. */
NT_TEST(ExPoolRoutines, PlaceBlocksAlike)
{
    static const struct {
        ULONG PoolType;
        BOOLEAN NonPaged;
        ULONG Alignment;
    } rows[] = {
        {NonPagedPool, TRUE, 16},
        {NonPagedPoolNx, TRUE, 16},
        {PagedPool, FALSE, 16},
        {PagedPool | POOL_COLD_ALLOCATION, FALSE, 16},
        {NonPagedPoolCacheAligned, TRUE, 64},
        {PagedPoolCacheAligned, FALSE, 64},
    };

    for (ROUTINE routine = 0; routine < ROUTINES; routine++) {
        NT_FOR_EACH (row, rows) {
            for (SIZE_T size = 1; size < 3 * PAGE_SIZE; size = size * 3 + 5) {
                ULONG_PTR block = (ULONG_PTR)Allocate(routine, row->PoolType, size);
                EXP_POOL_BLOCK found;
                BOOLEAN isFree;

                NT_EXPECT_NE(block, 0);
                NT_EXPECT_EQ(block % row->Alignment, 0);
                NT_EXPECT_TRUE(size < PAGE_SIZE
                                   ? block / PAGE_SIZE == (block + size - 1) / PAGE_SIZE
                                   : block % PAGE_SIZE == 0);
                NT_EXPECT_TRUE(ExpDescribePoolAddress(block, &found, &isFree));
                NT_EXPECT_EQ(found.NonPaged, row->NonPaged);
                NT_EXPECT_EQ(found.Size, size);
                ExFreePool((PVOID)block);
            }
        }
    }
}

/* Without memory: NULL, unless the flag says to raise; the quota routines the other way round. */
NT_TEST(ExPoolRoutines, FailAsTheirFlagsSay)
{
    for (ROUTINE routine = 0; routine < ROUTINES; routine++) {
        BOOLEAN raises = routine >= QUOTA;
        PVOID volatile block = (PVOID)1;

        SimSetFaultPlan("pool", 1);
        NT_EXPECT_STATUS(RAISED(block = Allocate(routine, PagedPool, 64)),
                         raises ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
        NT_EXPECT_EQ(block, raises ? (PVOID)1 : NULL);
        block = (PVOID)1;
        SimSetFaultPlan("pool", 1);
        NT_EXPECT_STATUS(
            RAISED(block = Allocate(routine,
                                    PagedPool | (raises ? POOL_QUOTA_FAIL_INSTEAD_OF_RAISE
                                                        : POOL_RAISE_IF_ALLOCATION_FAILURE),
                                    64)),
            raises ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
        NT_EXPECT_EQ(block, raises ? NULL : (PVOID)1);
        SimSetFaultPlan(NULL, 0);
        NT_EXPECT_STATUS(RAISED(block = Allocate(routine, NonPagedPoolNx, (SIZE_T)1 << 45)),
                         raises ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
    }
}

NT_TEST(ExPoolRoutines, NonPagedWorksAtDispatchLevel)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    for (ROUTINE routine = 0; routine < ROUTINES; routine++) {
        PVOID block = Allocate(routine, NonPagedPoolNx, 40);

        NT_EXPECT_NE(block, NULL);
        ExFreePool(block);
    }
    KeLowerIrql(irql);
}

static void
PagedAtDispatch(ROUTINE Routine)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(0xC2, Allocate(Routine, PagedPool, 40));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x08);
    NT_EXPECT_EQ(KiBugCheckParameters[1], DISPATCH_LEVEL);
}

NT_TEST(ExPoolRoutines, PagedAtDispatchIsABugCheckPlain)
{
    PagedAtDispatch(PLAIN);
}

NT_TEST(ExPoolRoutines, PagedAtDispatchIsABugCheckPriority)
{
    PagedAtDispatch(PRIORITY);
}

NT_TEST(ExPoolRoutines, PagedAtDispatchIsABugCheckQuota)
{
    PagedAtDispatch(QUOTA);
}

NT_TEST(ExPoolRoutines, PagedAtDispatchIsABugCheckQuotaTagged)
{
    PagedAtDispatch(QUOTA_TAGGED);
}

static const EX_POOL_PRIORITY Priorities[] = {
    LowPoolPriority,    LowPoolPrioritySpecialPoolOverrun,    LowPoolPrioritySpecialPoolUnderrun,
    NormalPoolPriority, NormalPoolPrioritySpecialPoolOverrun, NormalPoolPrioritySpecialPoolUnderrun,
    HighPoolPriority,   HighPoolPrioritySpecialPoolOverrun,   HighPoolPrioritySpecialPoolUnderrun,
};

NT_TEST(ExPoolRoutines, EveryPriorityIsServed)
{
    NT_FOR_EACH (priority, Priorities) {
        PUCHAR block = ExAllocatePoolPriorityZero(PagedPool, 70, EX_TAG, *priority);

        NT_EXPECT_NE(block, NULL);
        for (ULONG i = 0; i < 70; i++) {
            NT_EXPECT_EQ(block[i], 0);
        }
        ExFreePoolWithTag(block, EX_TAG);
    }
}

/* ---- extended parameters ---- */

typedef struct EXTENDED {
    ULONG64 Flags;
    ULONG Type;
    ULONG64 Value;
    BOOLEAN Works; /* as a required parameter; as an optional one it always does */
} EXTENDED;

static POOL_EXTENDED_PARAMETER
Parameter(ULONG Type, BOOLEAN Optional, ULONG64 Value)
{
    POOL_EXTENDED_PARAMETER parameter;

    memset(&parameter, 0, sizeof(parameter));
    parameter.Type = Type;
    parameter.Optional = Optional;
    parameter.Reserved2 = Value;
    return parameter;
}

static void
CheckAllocation(PUCHAR Block, BOOLEAN Works)
{
    NT_EXPECT_EQ(Block != NULL, Works);
    if (Block != NULL) {
        for (ULONG i = 0; i < 50; i++) {
            NT_EXPECT_EQ(Block[i], 0);
        }
        memset(Block, 0xFF, 50);
        ExFreePool2(Block, EX_TAG, NULL, 0);
    }
}

NT_TEST(ExPool3, KnowsWhichParametersAreRight)
{
    static const EXTENDED rows[] = {
        {POOL_FLAG_PAGED, PoolExtendedParameterPriority, 1, FALSE},
        {POOL_FLAG_PAGED, PoolExtendedParameterPriority, 17, FALSE},
        {POOL_FLAG_PAGED, PoolExtendedParameterPriority, 48, FALSE},
        {POOL_FLAG_PAGED, PoolExtendedParameterPriority, 64, FALSE},
        {POOL_FLAG_PAGED, PoolExtendedParameterPriority, 4, FALSE},
        {POOL_FLAG_NON_PAGED, PoolExtendedParameterNumaNode, 0, TRUE},
        {POOL_FLAG_NON_PAGED, PoolExtendedParameterNumaNode, 63, FALSE},
        {POOL_FLAG_NON_PAGED, PoolExtendedParameterNumaNode, MM_ANY_NODE_OK | 63, TRUE},
        {POOL_FLAG_NON_PAGED, PoolExtendedParameterNumaNode, MM_ANY_NODE_OK, TRUE},
        {POOL_FLAG_PAGED, PoolExtendedParameterNumaNode, 0, FALSE},
        {POOL_FLAG_NON_PAGED_EXECUTE, PoolExtendedParameterNumaNode, 0, FALSE},
        {POOL_FLAG_NON_PAGED, PoolExtendedParameterInvalidType, 0, FALSE},
        {POOL_FLAG_NON_PAGED, PoolExtendedParameterMax, 0, FALSE},
        {POOL_FLAG_NON_PAGED, 255, 0, FALSE},
    };

    NT_FOR_EACH (row, rows) {
        POOL_EXTENDED_PARAMETER required = Parameter(row->Type, FALSE, row->Value);
        POOL_EXTENDED_PARAMETER optional = Parameter(row->Type, TRUE, row->Value);
        PVOID volatile block = NULL;

        CheckAllocation(ExAllocatePool3(row->Flags, 50, EX_TAG, &required, 1), row->Works);
        CheckAllocation(ExAllocatePool3(row->Flags, 50, EX_TAG, &optional, 1), TRUE);
        NT_EXPECT_STATUS(RAISED(block = ExAllocatePool3(row->Flags | POOL_FLAG_RAISE_ON_FAILURE, 50,
                                                        EX_TAG, &required, 1)),
                         row->Works ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
        if (block != NULL) {
            ExFreePool(block);
        }
    }
    NT_FOR_EACH (priority, Priorities) {
        POOL_EXTENDED_PARAMETER required =
            Parameter(PoolExtendedParameterPriority, FALSE, *priority);

        CheckAllocation(ExAllocatePool3(POOL_FLAG_PAGED, 50, EX_TAG, &required, 1), TRUE);
    }
}

/* One wrong parameter among many is enough, wherever it stands. */
NT_TEST(ExPool3, LooksAtEveryParameter)
{
    for (ULONG wrong = 0; wrong <= 3; wrong++) {
        POOL_EXTENDED_PARAMETER parameters[3] = {
            Parameter(PoolExtendedParameterPriority, FALSE, HighPoolPriority),
            Parameter(PoolExtendedParameterNumaNode, FALSE, 0),
            Parameter(99, TRUE, 0),
        };

        if (wrong < 3) {
            parameters[wrong] = Parameter(99, FALSE, 0);
        }
        CheckAllocation(ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, EX_TAG, parameters, 3),
                        wrong == 3);
    }
    NT_EXPECT_EQ(ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, EX_TAG, NULL, 1), NULL);
}

/* What ExAllocatePool2 refuses, and how it fails, is the same here. */
NT_TEST(ExPool3, FailsAsExAllocatePool2)
{
    PVOID volatile block = NULL;

    CheckAllocation(ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, EX_TAG, NULL, 0), TRUE);
    CheckAllocation(ExAllocatePool3(POOL_FLAG_PAGED | POOL_FLAG_CACHE_ALIGNED, 50, EX_TAG, NULL, 0),
                    TRUE);
    NT_EXPECT_EQ(ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, 0, NULL, 0), NULL);
    NT_EXPECT_EQ(ExAllocatePool3(0, 50, EX_TAG, NULL, 0), NULL);
    NT_EXPECT_EQ(ExAllocatePool3(POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED, 50, EX_TAG, NULL, 0), NULL);
    NT_EXPECT_EQ(ExAllocatePool3(POOL_FLAG_PAGED | POOL_FLAG_SESSION, 50, EX_TAG, NULL, 0), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, EX_TAG, NULL, 0), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(
        RAISED(block = ExAllocatePool3(POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 50, EX_TAG,
                                       NULL, 0)),
        STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(block, NULL);
    NT_EXPECT_STATUS(
        RAISED(block = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 50, 0)),
        STATUS_INSUFFICIENT_RESOURCES);
    NT_EXPECT_EQ(block, NULL);
}

NT_TEST(ExPool3, PagedAtDispatchIsABugCheck)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    CheckAllocation(ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, EX_TAG, NULL, 0), TRUE);
    NT_EXPECT_BUGCHECK(0xC2, ExAllocatePool3(POOL_FLAG_PAGED, 50, EX_TAG, NULL, 0));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x08);
}

NT_TEST(ExPool3, SecurePoolIsRefusedByName)
{
    POOL_EXTENDED_PARAMETER optional = Parameter(PoolExtendedParameterSecurePool, TRUE, 0);
    POOL_EXTENDED_PARAMETER required = Parameter(PoolExtendedParameterSecurePool, FALSE, 0);

    CheckAllocation(ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, EX_TAG, &optional, 1), TRUE);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION,
                       ExAllocatePool3(POOL_FLAG_NON_PAGED, 50, EX_TAG, &required, 1));
    NT_EXPECT_CONTAINS((const char *)KiBugCheckParameters[0], "PoolExtendedParameterSecurePool");
}

/* ---- ExFreePool2 ---- */

NT_TEST(ExFree2, OptionalParametersArePassedOverAndOthersRefusedByName)
{
    POOL_EXTENDED_PARAMETER optional = Parameter(PoolExtendedParameterSecurePool, TRUE, 0);
    POOL_EXTENDED_PARAMETER required = Parameter(PoolExtendedParameterSecurePool, FALSE, 0);
    PVOID block = ExAllocatePool2(POOL_FLAG_PAGED, 50, EX_TAG);

    ExFreePool2(block, EX_TAG, &optional, 1);
    NT_EXPECT_EQ(ExTestBlocks(), 0);
    block = ExAllocatePool2(POOL_FLAG_PAGED, 50, EX_TAG);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, ExFreePool2(block, EX_TAG, &required, 1));
    NT_EXPECT_CONTAINS((const char *)KiBugCheckParameters[0], "ExFreePool2");
}

NT_TEST(ExFree2, ChecksTheTag)
{
    PVOID block = ExAllocatePool2(POOL_FLAG_PAGED, 50, EX_TAG);

    NT_EXPECT_BUGCHECK(0xC2, ExFreePool2(block, 0x64656E57, NULL, 0));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x0A);
}

NT_TEST(ExFree2, ChecksThatTheBlockIsLive)
{
    PVOID block = ExAllocatePool2(POOL_FLAG_PAGED, 50, EX_TAG);

    ExFreePool2(block, EX_TAG, NULL, 0);
    NT_EXPECT_BUGCHECK(0xC2, ExFreePool2(block, EX_TAG, NULL, 0));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x07);
}

/* ---- ExQueryPoolBlockSize ---- */

NT_TEST(ExBlockSize, IsAtLeastWhatWasAskedFor)
{
    for (SIZE_T size = 1; size < 3 * PAGE_SIZE; size = size * 2 + 1) {
        PVOID block = ExAllocatePoolWithTag(NonPagedPoolNx, size, EX_TAG);
        BOOLEAN charged = TRUE;

        NT_EXPECT_TRUE(ExQueryPoolBlockSize(block, &charged) >= size);
        NT_EXPECT_FALSE(charged);
        ExFreePoolWithTag(block, EX_TAG);
    }
}

NT_TEST(ExBlockSize, OfAFreedBlockIsABugCheck)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPoolNx, 40, EX_TAG);
    BOOLEAN charged;

    ExFreePoolWithTag(block, EX_TAG);
    NT_EXPECT_BUGCHECK(0xC2, ExQueryPoolBlockSize(block, &charged));
}
