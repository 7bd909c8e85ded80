/* SPDX-License-Identifier: MIT
 *
 * mm/quota.c - how much of the kernel a client process may take up
 *
 * What a program asks for at its leisure and the kernel then keeps is charged to its process: pages
 * that stand for its buffers, sections, requests, user APCs and packets that wait. Kernel code and
 * a program in this process are not limited.
 *
 * Source   WDK reference, wdm.h ExAllocatePoolWithQuotaTag: STATUS_QUOTA_EXCEEDED.
 */
#include "mm/mip.h"

#define MI_DEFAULT_MEMORY (1ull << 30)
#define MI_DEFAULT_REQUESTS 65536u
#define MI_DEFAULT_HANDLES 65536u

static SIZE_T MiLimits[MiQuotaKinds] = {MI_DEFAULT_MEMORY, MI_DEFAULT_REQUESTS,
                                        MI_DEFAULT_HANDLES}; /* set before there are clients */

VOID
MiSetClientLimit(MI_QUOTA Quota, SIZE_T Limit)
{
    MiLimits[Quota] = Limit;
}

SIZE_T
MiClientLimit(MI_QUOTA Quota)
{
    return MiLimits[Quota];
}

SIZE_T
MiClientUse(const MI_CLIENT *Client, MI_QUOTA Quota)
{
    return __atomic_load_n(&Client->Used[Quota], __ATOMIC_RELAXED);
}

NTSTATUS
MiChargeClient(MI_CLIENT *Client, MI_QUOTA Quota, SIZE_T Amount)
{
    SIZE_T used;

    if (Client == NULL) {
        return STATUS_SUCCESS;
    }
    used = __atomic_load_n(&Client->Used[Quota], __ATOMIC_RELAXED);
    do {
        if (used > MiLimits[Quota] || Amount > MiLimits[Quota] - used) {
            return STATUS_QUOTA_EXCEEDED;
        }
    } while (!__atomic_compare_exchange_n(&Client->Used[Quota], &used, used + Amount, FALSE,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    MiReferenceClient(Client);
    return STATUS_SUCCESS;
}

VOID
MiReturnCharge(MI_CLIENT *Client, MI_QUOTA Quota, SIZE_T Amount)
{
    SIZE_T before;

    if (Client != NULL) {
        before = __atomic_fetch_sub(&Client->Used[Quota], Amount, __ATOMIC_RELAXED);
        NT_ASSERT_INTERNAL(before >= Amount);
        MiDereferenceClient(Client);
    }
}
