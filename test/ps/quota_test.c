/* SPDX-License-Identifier: MIT
 *
 * quota_test.c - the pool that processes are charged for
 */
#include "ps_test.h"

#include <ntbox/eh.h>

#undef ExAllocatePoolWithQuota

/* Status that the statement raises; STATUS_SUCCESS if none. */
#define RAISED(statement)                                            \
    ({                                                               \
        volatile NTSTATUS raisedStatus = STATUS_SUCCESS;             \
        __try {                                                      \
            statement;                                               \
        } __except (raisedStatus = (NTSTATUS)_exception_code(), 1) { \
        }                                                            \
        raisedStatus;                                                \
    })
#define TAG 0x746F7551u /* 'Quot' */

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

static ULONG64
Used(POOL_TYPE PoolType)
{
    return PspQueryPoolQuota(PspClientProcess, PoolType);
}

/* A charge is the block's size, in the pool that it is of; freeing gives it back. */
NT_TEST(PoolQuota, IsChargedAndReturned)
{
    static const SIZE_T sizes[] = {1, 100, 2016, 2017, PAGE_SIZE - 1};
    ULONG64 before = Used(NonPagedPool);
    ULONG64 beforePaged = Used(PagedPool);

    NT_FOR_EACH (size, sizes) {
        PVOID block = ExAllocatePoolWithQuotaTag(NonPagedPoolNx, *size, TAG);
        PVOID paged = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA, *size, TAG);
        PVOID untagged = ExAllocatePoolWithQuota(PagedPool, *size);
        BOOLEAN charged = FALSE;

        NT_EXPECT_TRUE(ExQueryPoolBlockSize(block, &charged) >= *size);
        NT_EXPECT_TRUE(charged);
        NT_EXPECT_EQ(Used(NonPagedPool), before + *size);
        NT_EXPECT_EQ(Used(PagedPool), beforePaged + 2 * *size);
        ExFreePoolWithTag(block, TAG);
        NT_EXPECT_EQ(Used(NonPagedPool), before);
        ExFreePool(paged);
        ExFreePool(untagged);
        NT_EXPECT_EQ(Used(PagedPool), beforePaged);
    }
}

NT_TEST(PoolQuota, PagesAndPlainBlocksAreNotCharged)
{
    ULONG64 before = Used(NonPagedPool);
    PVOID large = ExAllocatePoolWithQuotaTag(NonPagedPoolNx, PAGE_SIZE, TAG);
    PVOID plain = ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);
    BOOLEAN charged = TRUE;

    NT_EXPECT_TRUE(ExQueryPoolBlockSize(plain, &charged) >= 100);
    NT_EXPECT_FALSE(charged);
    NT_EXPECT_EQ(Used(NonPagedPool), before);
    ExFreePoolWithTag(large, TAG);
    ExFreePoolWithTag(plain, TAG);
    NT_EXPECT_EQ(Used(NonPagedPool), before);
}

/* Above the limit the routines that raise do so, and the others return NULL; nothing is charged. */
NT_TEST(PoolQuota, LimitIsKept)
{
    ULONG64 before = Used(PagedPool);
    PVOID volatile block = NULL;
    PVOID kept;

    PspSetPoolQuotaLimit(PspClientProcess, PagedPool, before + 1000);
    kept = ExAllocatePoolWithQuotaTag(PagedPool, 900, TAG);
    NT_EXPECT_STATUS(RAISED(block = ExAllocatePoolWithQuotaTag(PagedPool, 101, TAG)),
                     STATUS_QUOTA_EXCEEDED);
    NT_EXPECT_STATUS(RAISED(block = ExAllocatePoolWithQuota(PagedPool, 101)),
                     STATUS_QUOTA_EXCEEDED);
    NT_EXPECT_EQ(ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 101, TAG),
                 NULL);
    NT_EXPECT_EQ(ExAllocatePoolWithQuota(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 101), NULL);
    NT_EXPECT_EQ(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA, 101, TAG), NULL);
    NT_EXPECT_STATUS(
        RAISED(block = ExAllocatePool2(
                   POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA | POOL_FLAG_RAISE_ON_FAILURE, 101, TAG)),
        STATUS_QUOTA_EXCEEDED);
    NT_EXPECT_EQ(block, NULL);
    NT_EXPECT_EQ(Used(PagedPool), before + 900);
    /* The other pool and allocations without quota are not concerned; the last byte is. */
    ExFreePool(ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 3000, TAG));
    ExFreePool(ExAllocatePoolWithTag(PagedPool, 3000, TAG));
    block = ExAllocatePoolWithQuotaTag(PagedPool, 100, TAG);
    NT_EXPECT_NE(block, NULL);
    ExFreePool(block);
    ExFreePool(kept);
    NT_EXPECT_EQ(Used(PagedPool), before);
    PspSetPoolQuotaLimit(PspClientProcess, PagedPool, 0);
}

NT_TEST(PoolQuota, IsReturnedWhenMemoryRunsOut)
{
    ULONG64 before = Used(PagedPool);
    PVOID volatile block = NULL;

    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(RAISED(block = ExAllocatePoolWithQuotaTag(PagedPool, 64, TAG)),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(RAISED(block = ExAllocatePoolWithQuota(PagedPool, 64)),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(block, NULL);
    NT_EXPECT_EQ(Used(PagedPool), before);
}

static PVOID SystemBlock;
static PVOID ClientBlock;

static VOID NTAPI
AllocateAndFree(PVOID Context)
{
    SystemBlock = ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 200, TAG);
    ExFreePoolWithTag(ClientBlock, TAG);
}

/* The process of the current thread pays; who frees the block does not matter. */
NT_TEST(PoolQuota, SystemThreadsPayNothingAndReturnOthersCharges)
{
    ULONG64 before = Used(NonPagedPool);
    LONG references = ObpPointerCount(PspClientProcess);
    PETHREAD thread;
    BOOLEAN charged = TRUE;

    ClientBlock = ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 300, TAG);
    NT_EXPECT_EQ(Used(NonPagedPool), before + 300);
    NT_EXPECT_EQ(ObpPointerCount(PspClientProcess), references + 1);
    NT_EXPECT_STATUS(PspCreateReferencedSystemThread(AllocateAndFree, NULL, &thread),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL),
                     STATUS_SUCCESS);
    ObDereferenceObject(thread);
    NT_EXPECT_EQ(Used(NonPagedPool), before);
    NT_EXPECT_EQ(ObpPointerCount(PspClientProcess), references);
    NT_EXPECT_EQ(PspQueryPoolQuota(PsInitialSystemProcess, NonPagedPool), 0);
    NT_EXPECT_TRUE(ExQueryPoolBlockSize(SystemBlock, &charged) >= 200);
    NT_EXPECT_FALSE(charged);
    ExFreePoolWithTag(SystemBlock, TAG);
    NT_EXPECT_EQ(Used(NonPagedPool), before);
}

NT_TEST(PoolQuota, IsChargedAtDispatchLevel)
{
    ULONG64 before = Used(NonPagedPool);
    PVOID block;
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    block = ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 50, TAG);
    NT_EXPECT_EQ(Used(NonPagedPool), before + 50);
    ExFreePoolWithTag(block, TAG);
    KeLowerIrql(irql);
    NT_EXPECT_EQ(Used(NonPagedPool), before);
}
