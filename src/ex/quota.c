/* SPDX-License-Identifier: MIT
 *
 * ex/quota.c - pool that a process is charged for
 *
 * Blocks of a page and more are not charged, as on Windows.
 *
 * Source   WDK reference, wdm.h ExAllocatePoolWithQuota, ExAllocatePoolWithQuotaTag
 */
#include "ex/expool.h"

static const EXP_QUOTA_OPS *ExpQuotaOps; /* atomic */

VOID
ExpRegisterQuotaOps(const EXP_QUOTA_OPS *Ops)
{
    __atomic_store_n(&ExpQuotaOps, Ops, __ATOMIC_RELEASE);
}

static inline POOL_TYPE
ExpQuotaType(ULONG Kind)
{
    return Kind == EXP_KIND_PAGED ? PagedPool : NonPagedPoolNx;
}

PVOID
ExpAllocateCharged(ULONG Kind, SIZE_T Size, BOOLEAN WholePages, ULONG Tag, ULONG_PTR Caller,
                   NTSTATUS *Status)
{
    const EXP_QUOTA_OPS *ops = __atomic_load_n(&ExpQuotaOps, __ATOMIC_ACQUIRE);
    PVOID charged = NULL;
    PVOID block;

    if (ops != NULL && Size < PAGE_SIZE && !ops->Charge(ExpQuotaType(Kind), Size, &charged)) {
        *Status = STATUS_QUOTA_EXCEEDED;
        return NULL;
    }
    block = ExpAllocateBlock(Kind, Size, WholePages, Tag, Caller);
    if (block == NULL) {
        *Status = STATUS_INSUFFICIENT_RESOURCES;
        if (charged != NULL) {
            ops->Return(charged, ExpQuotaType(Kind), Size);
        }
        return NULL;
    }
    if (charged != NULL) {
        ExpSetCharged(block, charged);
    }
    return block;
}

VOID
ExpReturnQuota(PVOID Charged, ULONG Kind, SIZE_T Size)
{
    const EXP_QUOTA_OPS *ops = __atomic_load_n(&ExpQuotaOps, __ATOMIC_ACQUIRE);

    /* Without the processes there is nobody left to give it to. */
    if (ops != NULL) {
        ops->Return(Charged, ExpQuotaType(Kind), Size);
    }
}
