/* SPDX-License-Identifier: MIT
 *
 * test/ex/verify_test.c - what NTBOX_VERIFY=1 finds besides
 */
#include "ex_test.h"

void
NtTestSetUp(void)
{
    setenv("NTBOX_VERIFY", "1", 1);
    ExTestStart();
}

void
NtTestTearDown(void)
{
    ExTestStop();
}

/* AddressSanitizer would stop at the stray write itself, before the pool can find it. */
__attribute__((no_sanitize_address)) static void
WriteByte(PUCHAR Address)
{
    *(volatile UCHAR *)Address = 0x42;
}

/* The seed chooses the size. */
NT_TEST_SEEDS(ExVerify, OverrunByOneByte, 6)
{
    static const SIZE_T sizes[] = {1, 17, 64, 1000, 4000, 5000};
    SIZE_T size = sizes[NtTestSeed() % RTL_NUMBER_OF(sizes)];
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, size, EX_TAG);

    WriteByte(block + size);
    NT_EXPECT_BUGCHECK(0xC1, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[3], 0x24);
}

NT_TEST(ExVerify, WriteAfterFree)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 100, EX_TAG);

    ExFreePool(block);
    WriteByte(block + 50);
    /* Found when the block leaves the queue of freed blocks. */
    NT_EXPECT_BUGCHECK(
        0xC1, for (ULONG i = 0; i < 1000;
                   i++) { ExFreePool(ExAllocatePoolWithTag(NonPagedPool, 100, EX_TAG)); });
    NT_EXPECT_EQ(KiBugCheckParameters[3], 0x23);
}

NT_TEST(ExVerify, KeepsStacks)
{
    static const SIZE_T sizes[] = {40, 9000};

    NT_FOR_EACH (size, sizes) {
        PVOID block = ExAllocatePoolWithTag(NonPagedPool, *size, EX_TAG);
        EXP_POOL_BLOCK found;
        BOOLEAN isFree;

        NT_EXPECT_TRUE(ExpDescribePoolAddress((ULONG_PTR)block, &found, &isFree));
        NT_EXPECT_TRUE(found.StackDepth > 0);
        NT_EXPECT_EQ(found.FreeStackDepth, 0);
        ExFreePool(block);
        NT_EXPECT_TRUE(ExpDescribePoolAddress((ULONG_PTR)block, &found, &isFree));
        NT_EXPECT_TRUE(isFree);
        NT_EXPECT_TRUE(found.StackDepth > 0);
        NT_EXPECT_TRUE(found.FreeStackDepth > 0);
    }
}

NT_TEST(ExVerify, ZeroBytes)
{
    NT_EXPECT_BUGCHECK(0xC4, ExAllocatePoolWithTag(NonPagedPool, 0, EX_TAG));
}

/* Blocks pass through the queue of freed ones and come back without harm. */
NT_TEST(ExVerify, QueueTurnsOver)
{
    for (ULONG i = 1; i < 3000; i++) {
        SIZE_T size = 1 + i * 37 % 20000;
        PUCHAR block = ExAllocatePoolWithTag(i % 2 == 0 ? PagedPool : NonPagedPool, size, EX_TAG);

        NT_EXPECT_NE(block, NULL);
        memset(block, 0, size);
        ExFreePool(block);
    }
}
