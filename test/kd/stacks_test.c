/* SPDX-License-Identifier: MIT
 *
 * stacks_test.c - the stacks that NTBOX_VERIFY=1 keeps, in a report
 */
#include <stdlib.h>

#include "kd/kdp.h"
#include "kernel_test.h"

void
NtTestSetUp(void)
{
    setenv("NTBOX_VERIFY", "1", 1);
    KernelTestStart();
    SimTakeLog();
}

void
NtTestTearDown(void)
{
    InitpStopSystem();
}

static __attribute__((noinline)) PVOID
AllocateIt(SIZE_T Size)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, Size, 'tseT');

    __asm__ volatile("");
    return block;
}

static __attribute__((noinline)) void
FreeIt(PVOID Block)
{
    ExFreePoolWithTag(Block, 'tseT');
    __asm__ volatile("");
}

/* The seed chooses a small or a large block. */
NT_TEST_SEEDS(Stacks, DoubleFreeShowsBoth, 2)
{
    PVOID block = AllocateIt(NtTestSeed() == 1 ? 64 : 9000);
    const char *log;

    FreeIt(block);
    NT_EXPECT_BUGCHECK(BAD_POOL_CALLER, ExFreePoolWithTag(block, 'tseT'));
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, " was allocated:\n");
    NT_EXPECT_CONTAINS(log, "!AllocateIt  ");
    NT_EXPECT_CONTAINS(log, " was freed:\n");
    NT_EXPECT_CONTAINS(log, "!FreeIt  ");
}

NT_TEST(Stacks, ResourceInitialisedTwice)
{
    static ERESOURCE resource;

    ExInitializeResourceLite(&resource);
    NT_EXPECT_BUGCHECK(0xC4, ExInitializeResourceLite(&resource));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD0);
}

NT_TEST(Stacks, LookasideListInitialisedTwice)
{
    static NPAGED_LOOKASIDE_LIST list;

    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 64, 'tseT', 0);
    NT_EXPECT_BUGCHECK(0xC4, ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 64, 'tseT', 0));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xCA);
}
