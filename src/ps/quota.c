/* SPDX-License-Identifier: MIT
 *
 * ps/quota.c - how much pool each process is charged for
 *
 * The system process is not charged, as on Windows. A charged block keeps a reference to its
 * process, which may have ended long before the block is freed.
 *
 * Invariants  Q1  PoolQuota[n].Used is the sum of the charges not returned yet; it goes above Limit
 *                 only when the limit is lowered.
 * Source      WDK reference, wdm.h ExAllocatePoolWithQuotaTag
 */
#include "ps/psp.h"

static inline PSP_POOL_QUOTA *
PspPoolQuota(PEPROCESS Process, POOL_TYPE PoolType)
{
    return &Process->PoolQuota[PoolType & PagedPool];
}

NTSTATUS
PspChargePoolQuota(PEPROCESS Process, POOL_TYPE PoolType, SIZE_T Size)
{
    PSP_POOL_QUOTA *quota = PspPoolQuota(Process, PoolType);
    ULONG64 used = __atomic_load_n(&quota->Used, __ATOMIC_RELAXED);
    ULONG64 limit = __atomic_load_n(&quota->Limit, __ATOMIC_RELAXED);

    do {
        if (limit != 0 && (used >= limit || Size > limit - used)) {
            return STATUS_QUOTA_EXCEEDED;
        }
    } while (!__atomic_compare_exchange_n(&quota->Used, &used, used + Size, 0, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return STATUS_SUCCESS;
}

VOID
PspReturnPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, SIZE_T Size)
{
    ULONG64 before =
        __atomic_fetch_sub(&PspPoolQuota(Process, PoolType)->Used, Size, __ATOMIC_RELAXED);

    NT_ASSERT_INTERNAL(before >= Size);
}

ULONG64
PspQueryPoolQuota(PEPROCESS Process, POOL_TYPE PoolType)
{
    return __atomic_load_n(&PspPoolQuota(Process, PoolType)->Used, __ATOMIC_RELAXED);
}

VOID
PspSetPoolQuotaLimit(PEPROCESS Process, POOL_TYPE PoolType, ULONG64 Limit)
{
    __atomic_store_n(&PspPoolQuota(Process, PoolType)->Limit, Limit, __ATOMIC_RELAXED);
}

/* ---- what ex calls ---- */

static BOOLEAN
PspChargeCurrentProcess(POOL_TYPE PoolType, SIZE_T Size, PVOID *Charged)
{
    PEPROCESS process = (PEPROCESS)KiGetCurrentThread()->Process;

    *Charged = NULL;
    if (process == NULL || process == PsInitialSystemProcess) {
        return TRUE;
    }
    if (!NT_SUCCESS(PspChargePoolQuota(process, PoolType, Size))) {
        return FALSE;
    }
    ObReferenceObject(process);
    *Charged = process;
    return TRUE;
}

static VOID
PspReturnCharge(PVOID Charged, POOL_TYPE PoolType, SIZE_T Size)
{
    PspReturnPoolQuota(Charged, PoolType, Size);
    ObDereferenceObject(Charged);
}

VOID
PspStartPoolQuota(VOID)
{
    static const EXP_QUOTA_OPS ops = {PspChargeCurrentProcess, PspReturnCharge};

    ExpRegisterQuotaOps(&ops);
}
