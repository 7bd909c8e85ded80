/* SPDX-License-Identifier: MIT
 *
 * ex/tags.c - how many blocks and bytes each pool tag stands for
 *
 * Counting must not cost the hot path a locked instruction, so each thread counts on its own, in
 * a small table that it alone writes; readers add the tables up.
 *
 * Invariants  C1  A tag's count is the sum over ExpTagTable and every listed thread's entries.
 *             C2  Only the owner changes an entry's counts; its Tag changes under ExpTagLock.
 * Locks       ExpTagLock (leaf; no IRQL) guards ExpTagTable and the list of threads' tables.
 */
#include "ex/expool.h"

#define EXP_TAG_SLOTS 1024u          /* tags in the shared table; one more is everybody else's */
#define EXP_THREAD_SLOTS 64u         /* a power of two */
#define EXP_TAG_OVERFLOW 0x4C46564Fu /* 'OVFL' */

typedef struct EXP_THREAD_COUNTERS {
    LIST_ENTRY Link;
    ULONG Page;
    EXP_TAG_STATISTICS Entry[EXP_THREAD_SLOTS];
} EXP_THREAD_COUNTERS;

static EXP_LOCK ExpTagLock;
static EXP_TAG_STATISTICS ExpTagTable[EXP_TAG_SLOTS + 1] NT_GUARDED_BY(ExpTagLock);
static LIST_ENTRY ExpThreadTables NT_GUARDED_BY(ExpTagLock);

static inline ULONG
ExpHashTag(ULONG Tag)
{
    return (Tag * 2654435761u) >> 16;
}

static EXP_TAG_STATISTICS *
ExpFindTagLocked(ULONG Tag)
{
    ULONG slot = ExpHashTag(Tag) % EXP_TAG_SLOTS;

    for (ULONG probe = 0; probe < EXP_TAG_SLOTS; probe++) {
        EXP_TAG_STATISTICS *entry = &ExpTagTable[(slot + probe) % EXP_TAG_SLOTS];

        if (entry->Tag == Tag || entry->Tag == 0) {
            entry->Tag = Tag;
            return entry;
        }
    }
    ExpTagTable[EXP_TAG_SLOTS].Tag = EXP_TAG_OVERFLOW;
    return &ExpTagTable[EXP_TAG_SLOTS];
}

static inline VOID
ExpAdd(ULONG64 *Counter, ULONG64 Value)
{
    /* C2: no other writer, so a load and a store do; the store is atomic for readers. */
    __atomic_store_n(Counter, *Counter + Value, __ATOMIC_RELAXED);
}

/* Adds a thread's entry to the shared table and empties it. */
static VOID
ExpFoldEntryLocked(EXP_TAG_STATISTICS *Entry)
{
    EXP_TAG_STATISTICS *shared;

    if (Entry->Tag == 0) {
        return;
    }
    shared = ExpFindTagLocked(Entry->Tag);
    shared->Allocations += Entry->Allocations;
    shared->Frees += Entry->Frees;
    shared->BytesAllocated += Entry->BytesAllocated;
    shared->BytesFreed += Entry->BytesFreed;
    __atomic_store_n(&Entry->Allocations, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&Entry->Frees, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&Entry->BytesAllocated, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&Entry->BytesFreed, 0, __ATOMIC_RELAXED);
}

static EXP_THREAD_COUNTERS *
ExpCreateCounters(KTHREAD *Thread)
{
    ULONG index = ExpAllocateSpan(EXP_KIND_PAGED, 1, EXP_PAGE_INTERNAL);
    EXP_THREAD_COUNTERS *counters;

    C_ASSERT(sizeof(EXP_THREAD_COUNTERS) <= PAGE_SIZE);
    if (index == 0) {
        return NULL;
    }
    counters = (EXP_THREAD_COUNTERS *)ExpPageAddress(index);
    memset(counters, 0, sizeof(*counters));
    counters->Page = index;
    ExpAcquireLock(&ExpTagLock);
    if (ExpThreadTables.Flink == NULL) {
        InitializeListHead(&ExpThreadTables);
    }
    InsertTailList(&ExpThreadTables, &counters->Link);
    ExpReleaseLock(&ExpTagLock);
    Thread->Cache.PoolCounters = counters;
    return counters;
}

/* The entry of Tag: the thread's own, or with *Locked the shared one under ExpTagLock. */
static __attribute__((noinline)) EXP_TAG_STATISTICS *
ExpFindEntrySlow(KTHREAD *Thread, ULONG Tag, BOOLEAN *Locked)
{
    EXP_THREAD_COUNTERS *counters = NULL;
    EXP_TAG_STATISTICS *entry;

    if (Thread != NULL) {
        counters = Thread->Cache.PoolCounters;
        if (counters == NULL) {
            counters = ExpCreateCounters(Thread);
        }
    }
    ExpAcquireLock(&ExpTagLock);
    if (counters == NULL) {
        *Locked = TRUE;
        return ExpFindTagLocked(Tag);
    }
    entry = &counters->Entry[ExpHashTag(Tag) % EXP_THREAD_SLOTS];
    ExpFoldEntryLocked(entry);
    entry->Tag = Tag;
    ExpReleaseLock(&ExpTagLock);
    return entry;
}

static inline EXP_TAG_STATISTICS *
ExpFindEntry(KTHREAD *Thread, ULONG Tag, BOOLEAN *Locked)
{
    *Locked = FALSE;
    if (__builtin_expect(Thread != NULL && Thread->Cache.PoolCounters != NULL, 1)) {
        EXP_THREAD_COUNTERS *counters = Thread->Cache.PoolCounters;
        EXP_TAG_STATISTICS *entry = &counters->Entry[ExpHashTag(Tag) % EXP_THREAD_SLOTS];

        if (__builtin_expect(entry->Tag == Tag, 1)) {
            return entry;
        }
    }
    return ExpFindEntrySlow(Thread, Tag, Locked);
}

VOID
ExpCountAllocation(KTHREAD *Thread, ULONG Tag, SIZE_T Size)
{
    BOOLEAN locked;
    EXP_TAG_STATISTICS *entry = ExpFindEntry(Thread, Tag, &locked);

    ExpAdd(&entry->Allocations, 1);
    ExpAdd(&entry->BytesAllocated, Size);
    if (locked) {
        ExpReleaseLock(&ExpTagLock);
    }
}

VOID
ExpCountFree(KTHREAD *Thread, ULONG Tag, SIZE_T Size)
{
    BOOLEAN locked;
    EXP_TAG_STATISTICS *entry = ExpFindEntry(Thread, Tag, &locked);

    ExpAdd(&entry->Frees, 1);
    ExpAdd(&entry->BytesFreed, Size);
    if (locked) {
        ExpReleaseLock(&ExpTagLock);
    }
}

VOID
ExpFlushCounters(KTHREAD *Thread)
{
    EXP_THREAD_COUNTERS *counters = Thread->Cache.PoolCounters;

    if (counters == NULL) {
        return;
    }
    Thread->Cache.PoolCounters = NULL;
    ExpAcquireLock(&ExpTagLock);
    NT_FOR_EACH (entry, counters->Entry) {
        ExpFoldEntryLocked(entry);
    }
    RemoveEntryList(&counters->Link);
    ExpReleaseLock(&ExpTagLock);
    ExpFreeSpan(counters->Page, 1);
}

static VOID
ExpAddEntry(EXP_TAG_STATISTICS *Sum, const EXP_TAG_STATISTICS *Entry)
{
    Sum->Allocations += __atomic_load_n(&Entry->Allocations, __ATOMIC_RELAXED);
    Sum->Frees += __atomic_load_n(&Entry->Frees, __ATOMIC_RELAXED);
    Sum->BytesAllocated += __atomic_load_n(&Entry->BytesAllocated, __ATOMIC_RELAXED);
    Sum->BytesFreed += __atomic_load_n(&Entry->BytesFreed, __ATOMIC_RELAXED);
}

/* Counts of one tag (0: of all) over every thread's table. */
static VOID
ExpSumThreadsLocked(ULONG Tag, EXP_TAG_STATISTICS *Sum)
{
    PLIST_ENTRY link;

    if (ExpThreadTables.Flink == NULL) {
        return;
    }
    for (link = ExpThreadTables.Flink; link != &ExpThreadTables; link = link->Flink) {
        EXP_THREAD_COUNTERS *counters = CONTAINING_RECORD(link, EXP_THREAD_COUNTERS, Link);

        NT_FOR_EACH (entry, counters->Entry) {
            if (entry->Tag != 0 && (Tag == 0 || entry->Tag == Tag)) {
                if (Tag == 0) {
                    /* Makes the tag known to the shared table, which is what is listed. */
                    ExpFindTagLocked(entry->Tag);
                }
                ExpAddEntry(Sum, entry);
            }
        }
    }
}

ULONG
ExpQueryTagStatistics(EXP_TAG_STATISTICS *Statistics, ULONG Count)
{
    EXP_TAG_STATISTICS all = {0};
    ULONG known = 0;

    ExpAcquireLock(&ExpTagLock);
    ExpSumThreadsLocked(0, &all);
    NT_FOR_EACH (entry, ExpTagTable) {
        if (entry->Tag == 0) {
            continue;
        }
        if (known < Count) {
            Statistics[known] = *entry;
            ExpSumThreadsLocked(entry->Tag, &Statistics[known]);
        }
        known++;
    }
    ExpReleaseLock(&ExpTagLock);
    return known;
}

VOID
ExpQueryPoolStatistics(EXP_POOL_STATISTICS *Statistics)
{
    EXP_TAG_STATISTICS sum = {0};

    ExpAcquireLock(&ExpTagLock);
    ExpSumThreadsLocked(0, &sum);
    NT_FOR_EACH (entry, ExpTagTable) {
        ExpAddEntry(&sum, entry);
    }
    ExpReleaseLock(&ExpTagLock);
    Statistics->Allocations = sum.Allocations;
    Statistics->Frees = sum.Frees;
    Statistics->BytesInUse = sum.BytesAllocated - sum.BytesFreed;
    Statistics->BlocksInUse = sum.Allocations - sum.Frees;
    Statistics->BytesCommitted = ExpCommittedBytes();
}
