/* SPDX-License-Identifier: MIT
 *
 * ex/slist.c - sequenced lists, and the lists that are guarded by a caller's spin lock
 *
 * A sequenced list is guarded by a lock bit in its header's second word, held for a few
 * instructions: unlike a compare-and-swap of both words, that never reads an entry which another
 * thread has taken off and freed, so sanitizers can watch it.
 *
 * Invariants  S1  Alignment: depth in bits 0..15, sequence above. Region: the first entry's
 *                 address, whose low four bits are 0, and EXP_SLIST_LOCKED.
 * Source      WDK reference, wdm.h ExInterlockedPushEntrySList, ExInterlockedInsertHeadList.
 */
#include "ex/ex.h"

#define EXP_SLIST_LOCKED 1ull
#define EXP_SPINS_BEFORE_YIELD 100u

/* Returns the first entry. */
static inline PSLIST_ENTRY
ExpLockSList(PSLIST_HEADER ListHead)
{
    ULONG64 region = __atomic_load_n(&ListHead->Region, __ATOMIC_RELAXED);
    ULONG spins = 0;

    for (;;) {
        if ((region & EXP_SLIST_LOCKED) == 0 &&
            __atomic_compare_exchange_n(&ListHead->Region, &region, region | EXP_SLIST_LOCKED, 0,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return (PSLIST_ENTRY)region;
        }
        if (++spins % EXP_SPINS_BEFORE_YIELD == 0) {
            HalpYield();
        } else {
            HalpPause();
        }
        region = __atomic_load_n(&ListHead->Region, __ATOMIC_RELAXED);
    }
}

/* Publishes the new first entry; the depth changes by Change, the sequence by one. */
static inline VOID
ExpUnlockSList(PSLIST_HEADER ListHead, PSLIST_ENTRY First, LONG Change)
{
    ULONG64 counts = __atomic_load_n(&ListHead->Alignment, __ATOMIC_RELAXED);
    USHORT depth = (USHORT)((USHORT)counts + Change);

    counts = ((counts & ~0xFFFFull) + 0x10000ull) | depth;
    __atomic_store_n(&ListHead->Alignment, counts, __ATOMIC_RELAXED);
    __atomic_store_n(&ListHead->Region, (ULONG64)(ULONG_PTR)First, __ATOMIC_RELEASE);
}

#undef InitializeSListHead
#undef ExQueryDepthSList
#pragma GCC visibility push(default)

/* Raises STATUS_DATATYPE_MISALIGNMENT for a header not at a multiple of 16. */
VOID
InitializeSListHead(PSLIST_HEADER SListHead)
{
    if (((ULONG_PTR)SListHead & 15) != 0) {
        ExRaiseDatatypeMisalignment();
    }
    SListHead->Alignment = 0;
    SListHead->Region = 0;
}

/* Any IRQL. Entries are 16-byte aligned; returns the entry that was first. */
PSLIST_ENTRY
ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    PSLIST_ENTRY first;

    if (__builtin_expect(((ULONG_PTR)ListEntry & 15) != 0, 0)) {
        ExRaiseDatatypeMisalignment();
    }
    first = ExpLockSList(ListHead);
    ListEntry->Next = first;
    ExpUnlockSList(ListHead, ListEntry, 1);
    return first;
}

PSLIST_ENTRY
ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead)
{
    PSLIST_ENTRY first;

    if ((__atomic_load_n(&ListHead->Region, __ATOMIC_RELAXED) & ~EXP_SLIST_LOCKED) == 0) {
        return NULL;
    }
    first = ExpLockSList(ListHead);
    ExpUnlockSList(ListHead, first != NULL ? first->Next : NULL, first != NULL ? -1 : 0);
    return first;
}

PSLIST_ENTRY
ExpInterlockedFlushSList(PSLIST_HEADER ListHead)
{
    PSLIST_ENTRY first = ExpLockSList(ListHead);

    ExpUnlockSList(ListHead, NULL, -(LONG)(USHORT)ListHead->Alignment);
    return first;
}

USHORT
ExQueryDepthSList(PSLIST_HEADER ListHead)
{
    NT_ENTER(ExQueryDepthSList);
    return (USHORT)__atomic_load_n(&ListHead->Alignment, __ATOMIC_RELAXED);
}

PSLIST_ENTRY FASTCALL
InterlockedPushListSList(PSLIST_HEADER ListHead, PSLIST_ENTRY List, PSLIST_ENTRY ListEnd,
                         ULONG Count)
{
    PSLIST_ENTRY first = ExpLockSList(ListHead);

    ListEnd->Next = first;
    ExpUnlockSList(ListHead, List, (LONG)Count);
    return first;
}

/* ---- lists and sums with a spin lock of the caller's. Any IRQL ---- */

#pragma GCC visibility pop

/* Masks interrupts, so that the lock's users may be at any IRQL. Returns the old one. */
static inline KIRQL
ExpLockInterlocked(PKSPIN_LOCK Lock)
{
    KIRQL old = KiRaiseIrql(HIGH_LEVEL);

    KeAcquireSpinLockAtDpcLevel(Lock);
    return old;
}

static inline VOID
ExpUnlockInterlocked(PKSPIN_LOCK Lock, KIRQL OldIrql)
{
    KeReleaseSpinLockFromDpcLevel(Lock);
    KiLowerIrql(OldIrql);
}

#pragma GCC visibility push(default)

/* Returns the entry that was first, NULL if the list was empty. */
PLIST_ENTRY FASTCALL
ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    PLIST_ENTRY first;
    KIRQL irql = ExpLockInterlocked(Lock);

    first = IsListEmpty(ListHead) ? NULL : ListHead->Flink;
    InsertHeadList(ListHead, ListEntry);
    ExpUnlockInterlocked(Lock, irql);
    return first;
}

/* Returns the entry that was last, NULL if the list was empty. */
PLIST_ENTRY FASTCALL
ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    PLIST_ENTRY last;
    KIRQL irql = ExpLockInterlocked(Lock);

    last = IsListEmpty(ListHead) ? NULL : ListHead->Blink;
    InsertTailList(ListHead, ListEntry);
    ExpUnlockInterlocked(Lock, irql);
    return last;
}

PLIST_ENTRY FASTCALL
ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    PLIST_ENTRY first = NULL;
    KIRQL irql = ExpLockInterlocked(Lock);

    if (!IsListEmpty(ListHead)) {
        first = RemoveHeadList(ListHead);
    }
    ExpUnlockInterlocked(Lock, irql);
    return first;
}

PSINGLE_LIST_ENTRY FASTCALL
ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry,
                           PKSPIN_LOCK Lock)
{
    PSINGLE_LIST_ENTRY first;
    KIRQL irql = ExpLockInterlocked(Lock);

    first = ListHead->Next;
    ListEntry->Next = first;
    ListHead->Next = ListEntry;
    ExpUnlockInterlocked(Lock, irql);
    return first;
}

PSINGLE_LIST_ENTRY FASTCALL
ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    PSINGLE_LIST_ENTRY first;
    KIRQL irql = ExpLockInterlocked(Lock);

    first = ListHead->Next;
    if (first != NULL) {
        ListHead->Next = first->Next;
    }
    ExpUnlockInterlocked(Lock, irql);
    return first;
}

/* Returns the value before. */
LARGE_INTEGER NTAPI
ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock)
{
    LARGE_INTEGER old;
    KIRQL irql = ExpLockInterlocked(Lock);

    old = *Addend;
    Addend->QuadPart += Increment.QuadPart;
    ExpUnlockInterlocked(Lock, irql);
    return old;
}

ULONG FASTCALL
ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock)
{
    ULONG old;
    KIRQL irql = ExpLockInterlocked(Lock);

    old = *Addend;
    *Addend += Increment;
    ExpUnlockInterlocked(Lock, irql);
    return old;
}

#pragma GCC visibility pop
