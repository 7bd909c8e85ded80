/* SPDX-License-Identifier: MIT
 *
 * ex/rundown.c - rundown protection
 *
 * Invariants  N1  Count: with bit 0 clear, twice the number of holders. With bit 0 set, rundown has
 *                 begun: 1 alone means it is over, otherwise the rest is the waiter's EXP_RUNDOWN.
 * Source      WDK reference, wdm.h ExAcquireRundownProtection, ExWaitForRundownProtectionRelease.
 */
#include "ex/ex.h"

#define EXP_BUGCHECK_VERIFIER 0xC4
#define EXP_TAG_RUNDOWN 0x6E775245u /* 'ERwn' */

typedef struct EXP_RUNDOWN {
    ULONG_PTR Holders; /* atomic */
    KEVENT Done;
} EXP_RUNDOWN;

/* The references of all processors in one: contention on it is the host's to bear. */
typedef struct _EX_RUNDOWN_REF_CACHE_AWARE {
    EX_RUNDOWN_REF Ref;
} EX_RUNDOWN_REF_CACHE_AWARE;

static BOOLEAN
ExpAcquireRundown(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    ULONG_PTR value = __atomic_load_n(&RunRef->Count, __ATOMIC_RELAXED);

    do {
        if ((value & EX_RUNDOWN_ACTIVE) != 0) {
            return FALSE;
        }
    } while (!__atomic_compare_exchange_n(&RunRef->Count, &value,
                                          value + (ULONG_PTR)Count * EX_RUNDOWN_COUNT_INC, 0,
                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return TRUE;
}

static DECLSPEC_NORETURN VOID
ExpReportRundown(PEX_RUNDOWN_REF RunRef)
{
    KiBugCheckDetail(EXP_BUGCHECK_VERIFIER, 0x1007, (ULONG_PTR)RunRef, 0, 0,
                     "Rundown protection %p is released more often than it was acquired.",
                     (void *)RunRef);
}

static VOID
ExpReleaseRundown(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    /* Acquire: the value may lead to a waiter. */
    ULONG_PTR value = __atomic_load_n(&RunRef->Count, __ATOMIC_ACQUIRE);
    ULONG_PTR change = (ULONG_PTR)Count * EX_RUNDOWN_COUNT_INC;
    ULONG_PTR holders;
    EXP_RUNDOWN *waiter;

    do {
        if ((value & EX_RUNDOWN_ACTIVE) != 0) {
            waiter = (EXP_RUNDOWN *)(value & ~(ULONG_PTR)EX_RUNDOWN_ACTIVE);
            if (waiter == NULL) {
                ExpReportRundown(RunRef);
            }
            holders = __atomic_fetch_sub(&waiter->Holders, Count, __ATOMIC_ACQ_REL);
            if (holders < Count) {
                ExpReportRundown(RunRef);
            }
            if (holders == Count) {
                KeSetEvent(&waiter->Done, 0, FALSE);
            }
            return;
        }
        if (value < change) {
            ExpReportRundown(RunRef);
        }
    } while (!__atomic_compare_exchange_n(&RunRef->Count, &value, value - change, 0,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static VOID
ExpWaitRundown(PEX_RUNDOWN_REF RunRef)
{
    ULONG_PTR value = __atomic_load_n(&RunRef->Count, __ATOMIC_ACQUIRE);
    EXP_RUNDOWN waiter;

    KeInitializeEvent(&waiter.Done, SynchronizationEvent, FALSE);
    for (;;) {
        ULONG_PTR next = EX_RUNDOWN_ACTIVE;

        if (value == EX_RUNDOWN_ACTIVE) {
            return;
        }
        NT_ASSERT_INTERNAL((value & EX_RUNDOWN_ACTIVE) == 0);
        if (value != 0) {
            waiter.Holders = value >> EX_RUNDOWN_COUNT_SHIFT;
            next |= (ULONG_PTR)&waiter;
        }
        if (__atomic_compare_exchange_n(&RunRef->Count, &value, next, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            break;
        }
    }
    if (value != 0) {
        KeWaitForSingleObject(&waiter.Done, Executive, KernelMode, FALSE, NULL);
        __atomic_store_n(&RunRef->Count, EX_RUNDOWN_ACTIVE, __ATOMIC_RELEASE);
    }
}

#pragma GCC visibility push(default)

VOID FASTCALL
ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    NT_ENTER(ExInitializeRundownProtection);
    RunRef->Count = 0;
}

/* IRQL <= DISPATCH_LEVEL for acquiring and releasing. FALSE: rundown has begun. */
BOOLEAN FASTCALL
ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    NT_ENTER(ExAcquireRundownProtection);
    return ExpAcquireRundown(RunRef, 1);
}

BOOLEAN FASTCALL
ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    NT_ENTER(ExAcquireRundownProtectionEx);
    return ExpAcquireRundown(RunRef, Count);
}

VOID FASTCALL
ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    NT_ENTER(ExReleaseRundownProtection);
    ExpReleaseRundown(RunRef, 1);
}

VOID FASTCALL
ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    NT_ENTER(ExReleaseRundownProtectionEx);
    ExpReleaseRundown(RunRef, Count);
}

/* IRQL <= APC_LEVEL. By one thread at a time. */
VOID FASTCALL
ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    NT_ENTER(ExWaitForRundownProtectionRelease);
    ExpWaitRundown(RunRef);
}

VOID FASTCALL
ExRundownCompleted(PEX_RUNDOWN_REF RunRef)
{
    NT_ENTER(ExRundownCompleted);
    __atomic_store_n(&RunRef->Count, EX_RUNDOWN_ACTIVE, __ATOMIC_RELEASE);
}

VOID FASTCALL
ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    NT_ENTER(ExReInitializeRundownProtection);
    __atomic_store_n(&RunRef->Count, 0, __ATOMIC_RELEASE);
}

SIZE_T NTAPI
ExSizeOfRundownProtectionCacheAware(VOID)
{
    NT_ENTER(ExSizeOfRundownProtectionCacheAware);
    return sizeof(EX_RUNDOWN_REF_CACHE_AWARE);
}

PEX_RUNDOWN_REF_CACHE_AWARE NTAPI
ExAllocateCacheAwareRundownProtection(POOL_TYPE PoolType, ULONG PoolTag)
{
    NT_ENTER(ExAllocateCacheAwareRundownProtection);
    PEX_RUNDOWN_REF_CACHE_AWARE runRef;

    runRef = ExpAllocatePool(PoolType, sizeof(*runRef), PoolTag, NT_CALLER());
    if (runRef != NULL) {
        runRef->Ref.Count = 0;
    }
    return runRef;
}

VOID NTAPI
ExFreeCacheAwareRundownProtection(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    NT_ENTER(ExFreeCacheAwareRundownProtection);
    ExFreePool(RunRefCacheAware);
}

VOID NTAPI
ExInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware,
                                        SIZE_T RunRefSize)
{
    NT_ENTER(ExInitializeRundownProtectionCacheAware);
    if (RunRefSize < sizeof(*RunRefCacheAware)) {
        KiBugCheckDetail(EXP_BUGCHECK_VERIFIER, 0x1007, (ULONG_PTR)RunRefCacheAware, RunRefSize, 0,
                         "ExInitializeRundownProtectionCacheAware gets %llu bytes: "
                         "ExSizeOfRundownProtectionCacheAware says how many it needs.",
                         (unsigned long long)RunRefSize);
    }
    RunRefCacheAware->Ref.Count = 0;
}

BOOLEAN FASTCALL
ExAcquireRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    NT_ENTER(ExAcquireRundownProtectionCacheAware);
    return ExpAcquireRundown(&RunRefCacheAware->Ref, 1);
}

BOOLEAN FASTCALL
ExAcquireRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware, ULONG Count)
{
    NT_ENTER(ExAcquireRundownProtectionCacheAwareEx);
    return ExpAcquireRundown(&RunRefCacheAware->Ref, Count);
}

VOID FASTCALL
ExReleaseRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    NT_ENTER(ExReleaseRundownProtectionCacheAware);
    ExpReleaseRundown(&RunRefCacheAware->Ref, 1);
}

VOID FASTCALL
ExReleaseRundownProtectionCacheAwareEx(PEX_RUNDOWN_REF_CACHE_AWARE RunRef, ULONG Count)
{
    NT_ENTER(ExReleaseRundownProtectionCacheAwareEx);
    ExpReleaseRundown(&RunRef->Ref, Count);
}

VOID FASTCALL
ExWaitForRundownProtectionReleaseCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRef)
{
    NT_ENTER(ExWaitForRundownProtectionReleaseCacheAware);
    ExpWaitRundown(&RunRef->Ref);
}

VOID FASTCALL
ExReInitializeRundownProtectionCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    NT_ENTER(ExReInitializeRundownProtectionCacheAware);
    ExReInitializeRundownProtection(&RunRefCacheAware->Ref);
}

VOID FASTCALL
ExRundownCompletedCacheAware(PEX_RUNDOWN_REF_CACHE_AWARE RunRefCacheAware)
{
    NT_ENTER(ExRundownCompletedCacheAware);
    ExRundownCompleted(&RunRefCacheAware->Ref);
}

#pragma GCC visibility pop
