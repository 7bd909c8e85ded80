/* SPDX-License-Identifier: MIT
 *
 * test/ex/pool_test.c - the pools: placement, accounting, misuse, exhaustion, threads
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

/* Below a page: 16-byte aligned and inside one page. From a page on: page-aligned. */
NT_TEST(ExPool, PlacesBlocksAsDocumented)
{
    static const POOL_TYPE types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};

    NT_FOR_EACH (type, types) {
        for (SIZE_T size = 0; size <= 3 * PAGE_SIZE; size += size < 2100 ? 1 : 61) {
            ULONG_PTR block = (ULONG_PTR)ExAllocatePoolWithTag(*type, size, EX_TAG);

            NT_EXPECT_NE(block, 0);
            NT_EXPECT_TRUE(block >= ExpKernelBase && block + size <= ExpKernelEnd);
            NT_EXPECT_EQ(block & 15, 0);
            if (size >= PAGE_SIZE) {
                NT_EXPECT_EQ(block & (PAGE_SIZE - 1), 0);
            } else if (size > 0) {
                NT_EXPECT_EQ(block / PAGE_SIZE, (block + size - 1) / PAGE_SIZE);
            }
            memset((PVOID)block, 0xA5, size);
            ExFreePoolWithTag((PVOID)block, EX_TAG);
        }
    }
}

/* Blocks of all sizes, live at once, keep what is written to every byte of them. */
NT_TEST(ExPool, LiveBlocksDoNotOverlap)
{
    enum { COUNT = 600 };
    static PUCHAR blocks[COUNT];

    for (ULONG i = 0; i < COUNT; i++) {
        SIZE_T size = (SIZE_T)i * i % 9001;

        blocks[i] = ExAllocatePoolWithTag(i % 2 == 0 ? NonPagedPoolNx : PagedPool, size, EX_TAG);
        NT_EXPECT_NE(blocks[i], NULL);
        memset(blocks[i], (int)(i & 0xFF), size);
    }
    for (ULONG i = 0; i < COUNT; i++) {
        SIZE_T size = (SIZE_T)i * i % 9001;

        for (SIZE_T k = 0; k < size; k++) {
            NT_EXPECT_EQ(blocks[i][k], i & 0xFF);
        }
        ExFreePool(blocks[i]);
    }
}

NT_TEST(ExPool, CacheAlignedTypesAreAligned)
{
    for (SIZE_T size = 1; size < 300; size += 37) {
        PVOID block = ExAllocatePoolWithTag(NonPagedPoolNxCacheAligned, size, EX_TAG);

        NT_EXPECT_EQ((ULONG_PTR)block & 63, 0);
        ExFreePool(block);
    }
}

/* ExAllocatePool2 zeroes memory that was used before. */
NT_TEST(ExPool, Pool2Zeroes)
{
    for (ULONG round = 0; round < 200; round++) {
        PUCHAR block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, EX_TAG);

        for (ULONG i = 0; i < 100; i++) {
            NT_EXPECT_EQ(block[i], 0);
        }
        memset(block, 0xFF, 100);
        ExFreePoolWithTag(block, EX_TAG);
    }
}

NT_TEST(ExPool, Pool2RefusesWhatItDoesNotKnow)
{
    static const struct {
        ULONG64 Flags;
        ULONG Tag;
        BOOLEAN Works;
    } rows[] = {
        {POOL_FLAG_NON_PAGED, EX_TAG, TRUE},
        {POOL_FLAG_PAGED | POOL_FLAG_UNINITIALIZED, EX_TAG, TRUE},
        {POOL_FLAG_PAGED, 0, FALSE},
        {0, EX_TAG, FALSE},
        {POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED, EX_TAG, FALSE},
        {POOL_FLAG_NON_PAGED | 0x4, EX_TAG, FALSE},        /* session */
        {POOL_FLAG_NON_PAGED | 0x40000000, EX_TAG, FALSE}, /* unknown, required */
        {POOL_FLAG_NON_PAGED | 0x100000000, EX_TAG, TRUE}, /* unknown, optional */
    };

    NT_FOR_EACH (row, rows) {
        PVOID block = ExAllocatePool2(row->Flags, 40, row->Tag);

        NT_EXPECT_EQ(block != NULL, row->Works);
        if (block != NULL) {
            ExFreePool(block);
        }
    }
}

/* ---- exhaustion ---- */

NT_TEST(ExPool, FailureReturnsNullOrRaises)
{
    PVOID block = NULL;

    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(ExAllocatePoolWithTag(NonPagedPool, 64, EX_TAG), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(ExAllocatePool2(POOL_FLAG_PAGED, 64, EX_TAG), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(
        RAISED(block = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 64, EX_TAG)),
        STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(RAISED(block = ExAllocatePoolWithQuotaTag(PagedPool, 64, EX_TAG)),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(
        ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 64, EX_TAG), NULL);
    NT_EXPECT_EQ(block, NULL);
    SimSetFaultPlan(NULL, 0);
}

NT_TEST(ExPool, ImpossibleSizesFail)
{
    static const SIZE_T sizes[] = {(SIZE_T)1 << 40, (SIZE_T)-1, (SIZE_T)-PAGE_SIZE,
                                   (SIZE_T)1 << 63};

    NT_FOR_EACH (size, sizes) {
        NT_EXPECT_EQ(ExAllocatePoolWithTag(NonPagedPool, *size, EX_TAG), NULL);
        NT_EXPECT_EQ(ExAllocatePoolWithTag(PagedPool, *size, EX_TAG), NULL);
    }
}

/* Large blocks are given out again, and their neighbours coalesce. */
NT_TEST(ExPool, LargeBlocksAreReused)
{
    EXP_POOL_STATISTICS before;
    EXP_POOL_STATISTICS after;
    PVOID blocks[16];

    if (ExpVerifying) {
        NT_SKIP("freed blocks are kept back");
    }
    for (ULONG i = 0; i < 16; i++) {
        blocks[i] = ExAllocatePoolWithTag(NonPagedPool, 128 << 10, EX_TAG);
    }
    for (ULONG i = 0; i < 16; i++) {
        ExFreePool(blocks[(i * 7) % 16]);
    }
    ExpQueryPoolStatistics(&before);
    for (ULONG i = 0; i < 64; i++) {
        PVOID block = ExAllocatePoolWithTag(NonPagedPool, 1 << 20, EX_TAG);

        NT_EXPECT_NE(block, NULL);
        ExFreePool(block);
    }
    ExpQueryPoolStatistics(&after);
    /* Under a sanitizer freed blocks wait in a queue of 16 MB first. */
    NT_EXPECT_TRUE(after.BytesCommitted <= before.BytesCommitted + (40 << 20));
}

/* ---- misuse ---- */

NT_TEST(ExPoolMisuse, WrongTag)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 64, EX_TAG);

    NT_EXPECT_BUGCHECK(0xC2, ExFreePoolWithTag(block, 0x64656E57));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x0A);
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)block);
    NT_EXPECT_EQ(KiBugCheckParameters[2], EX_TAG);
}

NT_TEST(ExPoolMisuse, ProtectedTagMustBeNamed)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 64, EX_TAG | PROTECTED_POOL);

    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(block));
}

NT_TEST(ExPoolMisuse, DoubleFreeSmall)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 64, EX_TAG);

    ExFreePool(block);
    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x07);
    NT_EXPECT_EQ(KiBugCheckParameters[3], (ULONG_PTR)block);
}

NT_TEST(ExPoolMisuse, DoubleFreeLarge)
{
    PVOID block = ExAllocatePoolWithTag(PagedPool, 5 * PAGE_SIZE, EX_TAG);

    ExFreePool(block);
    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x07);
}

NT_TEST(ExPoolMisuse, FreeInsideABlock)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 256, EX_TAG);

    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(block + 32));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x46);
}

NT_TEST(ExPoolMisuse, FreeInsideALargeBlock)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 4 * PAGE_SIZE, EX_TAG);

    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(block + PAGE_SIZE));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x46);
}

NT_TEST(ExPoolMisuse, FreeWhatIsNoPool)
{
    ULONG64 local[4] = {0};

    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(&local[2]));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x40);
}

NT_TEST(ExPoolMisuse, FreeNull)
{
    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(NULL));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x46);
}

NT_TEST(ExPoolMisuse, FreeBeyondWhatIsCommitted)
{
    NT_EXPECT_BUGCHECK(0xC2, ExFreePool((PVOID)(ExpKernelEnd - PAGE_SIZE + 64)));
}

/* Writing past the end of a block damages the header behind it: found when that one is freed. */
__attribute__((no_sanitize_address)) static void
OverwriteHeader(PUCHAR Block)
{
    volatile UCHAR *header = Block - 32;

    for (ULONG i = 0; i < 16; i++) {
        header[i] = 0x41;
    }
}

NT_TEST(ExPoolMisuse, OverwrittenHeader)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 64, EX_TAG);

    OverwriteHeader(block);
    NT_EXPECT_BUGCHECK(0x19, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x20);
}

NT_TEST(ExPoolMisuse, ZeroTag)
{
    NT_EXPECT_BUGCHECK(0xC2, ExAllocatePoolWithTag(NonPagedPool, 64, 0));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x9B);
}

NT_TEST(ExPoolMisuse, MustSucceed)
{
    NT_EXPECT_BUGCHECK(0xC2, ExAllocatePoolWithTag(NonPagedPoolMustSucceed, 64, EX_TAG));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x9A);
}

NT_TEST(ExPoolMisuse, PagedAtDispatch)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(0xC2, ExAllocatePoolWithTag(PagedPool, 64, EX_TAG));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x08);
}

NT_TEST(ExPoolMisuse, PagedFreedAtDispatch)
{
    PVOID block = ExAllocatePoolWithTag(PagedPool, 64, EX_TAG);
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(0xC2, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x09);
}

NT_TEST(ExPool, NonPagedAtDispatch)
{
    KIRQL irql;
    PVOID block;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    block = ExAllocatePoolWithTag(NonPagedPoolNx, 640, EX_TAG);
    NT_EXPECT_NE(block, NULL);
    ExFreePoolWithTag(block, EX_TAG);
    KeLowerIrql(irql);
}

/* ---- describing and counting ---- */

NT_TEST(ExPool, DescribesLiveAndFreedBlocks)
{
    static const SIZE_T sizes[] = {1, 64, 2016, 2017, 4096, 20000};

    NT_FOR_EACH (size, sizes) {
        PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, *size, EX_TAG);
        EXP_POOL_BLOCK found;
        BOOLEAN isFree;

        NT_EXPECT_TRUE(ExpDescribePoolAddress((ULONG_PTR)block + *size / 2, &found, &isFree));
        NT_EXPECT_FALSE(isFree);
        NT_EXPECT_EQ(found.Address, block);
        NT_EXPECT_EQ(found.Size, *size);
        NT_EXPECT_EQ(found.Tag, EX_TAG);
        NT_EXPECT_TRUE(found.NonPaged);
        NT_EXPECT_NE(found.Caller, 0);
        ExFreePool(block);
        NT_EXPECT_TRUE(ExpDescribePoolAddress((ULONG_PTR)block + *size / 2, &found, &isFree));
        NT_EXPECT_TRUE(isFree);
        NT_EXPECT_NE(found.FreeCaller, 0);
    }
}

typedef struct VISIT {
    ULONG Blocks;
    SIZE_T Bytes;
} VISIT;

static BOOLEAN
CountTestBlocks(PVOID Context, const EXP_POOL_BLOCK *Block)
{
    VISIT *visit = Context;

    if (Block->Tag == EX_TAG) {
        visit->Blocks++;
        visit->Bytes += Block->Size;
    }
    return TRUE;
}

NT_TEST(ExPool, WalksLiveBlocksOnly)
{
    VISIT visit = {0, 0};
    PVOID blocks[30];
    SIZE_T bytes = 0;

    for (ULONG i = 0; i < 30; i++) {
        blocks[i] = ExAllocatePoolWithTag(i % 3 == 0 ? PagedPool : NonPagedPool, i * 333, EX_TAG);
    }
    for (ULONG i = 0; i < 30; i++) {
        if (i % 2 == 0) {
            ExFreePool(blocks[i]);
        } else {
            bytes += i * 333;
        }
    }
    ExpForEachPoolBlock(CountTestBlocks, &visit);
    NT_EXPECT_EQ(visit.Blocks, 15);
    NT_EXPECT_EQ(visit.Bytes, bytes);
    for (ULONG i = 1; i < 30; i += 2) {
        ExFreePool(blocks[i]);
    }
}

static BOOLEAN
FindTag(ULONG Tag, EXP_TAG_STATISTICS *Found)
{
    static EXP_TAG_STATISTICS all[1100];
    ULONG count = ExpQueryTagStatistics(all, RTL_NUMBER_OF(all));

    for (ULONG i = 0; i < count; i++) {
        if (all[i].Tag == Tag) {
            *Found = all[i];
            return TRUE;
        }
    }
    return FALSE;
}

/* More tags than a thread's table has room for: all are counted exactly. */
NT_TEST(ExPool, CountsByTag)
{
    for (ULONG round = 0; round < 3; round++) {
        for (ULONG tag = 1; tag <= 500; tag++) {
            PVOID block = ExAllocatePoolWithTag(NonPagedPool, tag, 0x41000000 + tag);

            ExFreePool(block);
        }
    }
    for (ULONG tag = 1; tag <= 500; tag++) {
        EXP_TAG_STATISTICS found;

        NT_EXPECT_TRUE(FindTag(0x41000000 + tag, &found));
        NT_EXPECT_EQ(found.Allocations, 3);
        NT_EXPECT_EQ(found.Frees, 3);
        NT_EXPECT_EQ(found.BytesAllocated, 3 * tag);
        NT_EXPECT_EQ(found.BytesFreed, 3 * tag);
    }
}

/* ---- threads ---- */

#define SLOTS 16
static PVOID Shared[SLOTS];

/* Takes blocks from shared slots, checks and frees them, puts new ones there. */
static void
Exchange(void *Context)
{
    ULONG state = (ULONG)(ULONG_PTR)Context * 7919 + 1;

    for (ULONG round = 0; round < 300; round++) {
        PULONG block;
        SIZE_T size;

        state = state * 1664525 + 1013904223;
        size = 8 + (state >> 8) % 5000;
        block = ExAllocatePoolWithTag(NonPagedPoolNx, size, EX_TAG);
        NT_EXPECT_NE(block, NULL);
        block[0] = (ULONG)size;
        memset(block + 1, (int)size & 0xFF, size - 4);
        block = __atomic_exchange_n(&Shared[state % SLOTS], block, __ATOMIC_ACQ_REL);
        if (block != NULL) {
            PUCHAR bytes = (PUCHAR)block;

            for (ULONG i = 4; i < block[0]; i++) {
                NT_EXPECT_EQ(bytes[i], block[0] & 0xFF);
            }
            ExFreePoolWithTag(block, EX_TAG);
        }
        if (round % 8 == 0) {
            SimSchedulingPoint();
        }
    }
}

NT_TEST_SEEDS(ExPool, ThreadsFreeEachOthersBlocks, 8)
{
    static TEST_THREAD threads[4];
    EXP_TAG_STATISTICS found;

    for (ULONG i = 0; i < 4; i++) {
        StartThread(&threads[i], Exchange, (void *)(ULONG_PTR)(i + NtTestSeed() * 10));
    }
    for (ULONG i = 0; i < 4; i++) {
        JoinThread(&threads[i]);
    }
    for (ULONG i = 0; i < SLOTS; i++) {
        if (Shared[i] != NULL) {
            ExFreePool(Shared[i]);
        }
    }
    NT_EXPECT_TRUE(FindTag(EX_TAG, &found));
    NT_EXPECT_EQ(found.Allocations, 1200);
    NT_EXPECT_EQ(found.Frees, 1200);
}
