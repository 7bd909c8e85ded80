/* SPDX-License-Identifier: MIT
 *
 * ex/expool.h - how the pools are laid out (private to ex)
 *
 * One reserved range: its first half is non-paged pool, all of it one shared-memory object; its
 * second half is paged pool. Both are handed out in pages; a page is a slab of equal small blocks,
 * or part of a large block, or free. ExpPages has one descriptor a page, outside the pool, so a
 * wild write by a driver cannot reach it.
 *
 * Invariants  P1  A small block is a header directly followed by the caller's bytes, inside one
 *                 page. A large block begins at a page; its header is its first descriptor.
 *             P2  Header.Check == ExpHeaderCheck(Header) iff the small block is live.
 *             P3  A free block's Check holds the encoded link to the next free one, and its
 *                 FreeCaller is not 0 if it was ever allocated. A live block's FreeCaller is who
 * was charged for it (quota.c), or 0. P4  Page 0 is never handed out: index 0 means none. Locks
 * EXP_LOCK: leaf locks that do not touch IRQL, so that the pool also serves threads that are not
 * attached yet. Order: class lock, then page lock; the tag lock alone.
 */
#pragma once

#include "ex/ex.h"

#if defined(__SANITIZE_ADDRESS__)
#define EXP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXP_ASAN 1
#endif
#endif
#ifndef EXP_ASAN
#define EXP_ASAN 0
#endif

/* Functions that look at headers and freed blocks, which AddressSanitizer guards from others. */
#if EXP_ASAN
#define EXP_NO_ASAN __attribute__((no_sanitize_address))
#else
#define EXP_NO_ASAN
#endif

#define EXP_KIND_NONPAGED 0
#define EXP_KIND_PAGED 1
#define EXP_CLASSES KI_POOL_CACHE_CLASSES
#define EXP_LARGE EXP_CLASSES /* the class of a size that needs pages of its own */
#define EXP_STACK_FRAMES 8
#define EXP_RED_ZONE 16
/*
 * Without guards: what follows a small block's bytes where its class has room for it, and what a
 * freed block begins with.
 */
#define EXP_TAIL 0xFDFDFDFDu
#define EXP_FREED 0xDDDDDDDDDDDDDDDDull

typedef struct EXP_HEADER {
    ULONG Tag;
    ULONG Size;
    ULONG_PTR Caller;
    ULONG_PTR FreeCaller;
    ULONG_PTR Check; /* P2, P3 */
} EXP_HEADER;

typedef enum EXP_PAGE_STATE {
    EXP_PAGE_UNUSED,     /* not committed, or never handed out */
    EXP_PAGE_FREE,       /* first or last page of a free span */
    EXP_PAGE_SLAB,       /* small blocks of Class */
    EXP_PAGE_LARGE,      /* first page of a large block */
    EXP_PAGE_TAIL,       /* another page of it; Pages counts back to the first */
    EXP_PAGE_QUARANTINE, /* first page of a large block that was freed a short while ago */
    EXP_PAGE_INTERNAL    /* ex's own */
} EXP_PAGE_STATE;

typedef struct EXP_PAGE {
    UCHAR State;
    UCHAR Class;
    USHORT Slack; /* LARGE: bytes after the caller's in the last page */
    ULONG Pages;
    ULONG Tag;
    ULONG Next; /* free span list, by page index */
    ULONG Previous;
    ULONG Unused;
    ULONG_PTR Caller;
    ULONG_PTR FreeCaller;
} EXP_PAGE;

/* A lock that parks the host thread; no IRQL. */
typedef struct EXP_LOCK {
    uint32_t Word; /* 0 free, 1 held, 2 held and somebody waits */
} EXP_LOCK;

typedef struct EXP_CLASS_LIST {
    EXP_LOCK Lock;
    ULONG Count;
    EXP_HEADER *First;
} __attribute__((aligned(64))) EXP_CLASS_LIST;

typedef struct EXP_STACKS {
    ULONG Depth;
    ULONG FreeDepth;
    ULONG_PTR Frames[EXP_STACK_FRAMES];
    ULONG_PTR FreeFrames[EXP_STACK_FRAMES];
} EXP_STACKS;

extern EXP_PAGE *ExpPages;
extern ULONG_PTR ExpPagedBase;
extern ULONG_PTR ExpCookie;
extern BOOLEAN ExpGuarded;  /* NTBOX_VERIFY=1 or AddressSanitizer: quarantine, no thread caches */
extern ULONG ExpExtraPages; /* after each large block: 0, or with NTBOX_VERIFY a guard and a note */
extern EXP_CLASS_LIST ExpClassLists[2][EXP_CLASSES];
extern const USHORT ExpClassPayload[EXP_CLASSES];

/* ---- pages.c ---- */
NTSTATUS ExpInitializePages(VOID);
/* First page of a span of Pages pages, marked State; 0 when memory ran out. */
ULONG ExpAllocateSpan(ULONG Kind, ULONG Pages, UCHAR State);
VOID ExpFreeSpan(ULONG Index, ULONG Pages);
/* One past the last page ever committed of Kind, and the first. */
VOID ExpPageBounds(ULONG Kind, ULONG *First, ULONG *End);
ULONG64 ExpCommittedBytes(VOID);
extern ULONG ExpGrowNext[2]; /* first page not committed, by kind; atomic */

/* ---- pool.c ---- */
PVOID ExpAllocateBlock(ULONG Kind, SIZE_T Size, BOOLEAN WholePages, ULONG Tag, ULONG_PTR Caller);
VOID ExpFreeBlock(PVOID Address, ULONG Tag, BOOLEAN CheckTag, ULONG_PTR Caller);
VOID ExpPushClass(ULONG Kind, ULONG Class, EXP_HEADER *Header);

/* The block is live, and its quota is Charged's to get back when it is freed. */
VOID ExpSetCharged(PVOID Block, PVOID Charged);
PVOID ExpGetCharged(PVOID Block);

/* ---- quota.c ---- */
/* As ExpAllocateBlock. *Status of a failure: STATUS_QUOTA_EXCEEDED or what no memory means. */
PVOID ExpAllocateCharged(ULONG Kind, SIZE_T Size, BOOLEAN WholePages, ULONG Tag, ULONG_PTR Caller,
                         NTSTATUS *Status);
VOID ExpReturnQuota(PVOID Charged, ULONG Kind, SIZE_T Size);

/* ---- guard.c: red zones, poison, quarantine, stacks ---- */
VOID ExpInitializeGuard(VOID);
SIZE_T ExpGuardedSize(SIZE_T Size);
VOID ExpGuardSmall(EXP_HEADER *Header, ULONG Class);
VOID ExpGuardLarge(ULONG Index, SIZE_T Size);
VOID ExpCheckGuards(EXP_HEADER *Header, ULONG Class);
/* First damaged byte behind a live small block; 0: none, or there is no room for a guard. */
ULONG_PTR ExpFindOverrun(EXP_HEADER *Header, ULONG Class);
VOID ExpQuarantineSmall(EXP_HEADER *Header, ULONG Kind, ULONG Class);
VOID ExpQuarantineLarge(ULONG Index);
EXP_STACKS *ExpSmallStacks(EXP_HEADER *Header, ULONG Class);
EXP_STACKS *ExpLargeStacks(ULONG Index);

/* ---- report.c ---- */
DECLSPEC_NORETURN VOID ExpReportBadFree(ULONG_PTR Address, ULONG_PTR Caller);
DECLSPEC_NORETURN VOID ExpReportBadLink(EXP_HEADER *Header);
DECLSPEC_NORETURN VOID ExpReportTag(ULONG_PTR Address, ULONG Allocated, ULONG Freed,
                                    ULONG_PTR Caller);
/* A plain block's tail is not what it was; Block is the block's address. */
DECLSPEC_NORETURN VOID ExpReportTail(ULONG_PTR Block, SIZE_T Size, ULONG_PTR Caller);
DECLSPEC_NORETURN VOID ExpReportDamage(ULONG_PTR Block, SIZE_T Size, ULONG_PTR Damaged,
                                       BOOLEAN WasFree);

/* ---- track.c ---- */
#define EXP_TRACK_BUCKETS 1024u
extern USHORT ExpTrackBuckets[EXP_TRACK_BUCKETS];
/* Bugchecks if the live block at Address holds something that the system still uses. */
VOID ExpCheckInUse(ULONG_PTR Address, ULONG_PTR Caller);
/* The resource's lock is not taken: a moment's answer, and certain for the current thread. */
BOOLEAN ExpIsResourceOwner(PERESOURCE Resource, KTHREAD *Thread);
/* The host's number of a thread, of a pointer that may be none: 0. */
ULONG ExpThreadNumber(PVOID Thread);
/* A queued item in the range. */
BOOLEAN ExpFindQueuedItem(ULONG_PTR Base, SIZE_T Size, PWORK_QUEUE_ITEM *Item);

static inline ULONG
ExpTrackBucket(ULONG_PTR Address)
{
    return (Address >> PAGE_SHIFT) % EXP_TRACK_BUCKETS;
}

/* Nothing that begins in the page of Address is in use. A false no costs time only. */
static inline BOOLEAN
ExpIsPageIdle(ULONG_PTR Address)
{
    return !KiIsPageBusy((PVOID)Address) &&
           __atomic_load_n(&ExpTrackBuckets[ExpTrackBucket(Address)], __ATOMIC_RELAXED) == 0;
}

/* ---- tags.c ---- */
VOID ExpCountAllocation(KTHREAD *Thread, ULONG Tag, SIZE_T Size);
VOID ExpCountFree(KTHREAD *Thread, ULONG Tag, SIZE_T Size);
VOID ExpFlushCounters(KTHREAD *Thread);

/* ---- work.c ---- */
/* Items may be queued from then on; they wait until there are workers. */
VOID ExpPrepareQueues(VOID);

static inline VOID
ExpAcquireLock(EXP_LOCK *Lock)
{
    uint32_t word = 0;

    if (__atomic_compare_exchange_n(&Lock->Word, &word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return;
    }
    for (ULONG turn = 0; turn < 64; turn++) {
        word = 0;
        if (__atomic_compare_exchange_n(&Lock->Word, &word, 1, 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return;
        }
        HalpPause();
    }
    while (__atomic_exchange_n(&Lock->Word, 2, __ATOMIC_ACQUIRE) != 0) {
        HalpWaitAddress(&Lock->Word, 2, HALP_NEVER);
    }
}

static inline VOID
ExpReleaseLock(EXP_LOCK *Lock)
{
    if (__atomic_exchange_n(&Lock->Word, 0, __ATOMIC_RELEASE) == 2) {
        HalpWakeAddress(&Lock->Word, 1);
    }
}

static inline ULONG
ExpPageIndex(ULONG_PTR Address)
{
    return (ULONG)((Address - ExpKernelBase) >> PAGE_SHIFT);
}

static inline ULONG_PTR
ExpPageAddress(ULONG Index)
{
    return ExpKernelBase + ((ULONG_PTR)Index << PAGE_SHIFT);
}

/* Reports look at any page, and an owner changes its own page's state, without ExpPageLock. */
static inline UCHAR
ExpPageState(const EXP_PAGE *Page)
{
    return __atomic_load_n(&Page->State, __ATOMIC_ACQUIRE);
}

static inline VOID
ExpSetPageState(EXP_PAGE *Page, UCHAR State)
{
    __atomic_store_n(&Page->State, State, __ATOMIC_RELEASE);
}

static inline BOOLEAN
ExpIsPoolAddress(ULONG_PTR Address)
{
    return Address - ExpKernelBase < ExpKernelEnd - ExpKernelBase;
}

/* The same for a block: from a page on it begins at one, and may be long. */
static inline BOOLEAN
ExpIsBlockIdle(ULONG_PTR Address)
{
    ULONG pages = 1;

    if (__builtin_expect((Address & (PAGE_SIZE - 1)) == 0 && ExpIsPoolAddress(Address), 0)) {
        pages = ExpPages[ExpPageIndex(Address)].Pages;
    }
    for (ULONG i = 0; i < pages; i++) {
        if (!ExpIsPageIdle(Address + ((ULONG_PTR)i << PAGE_SHIFT))) {
            return FALSE;
        }
        if (i == EXP_TRACK_BUCKETS) {
            return FALSE;
        }
    }
    return TRUE;
}

static inline ULONG
ExpKindOf(ULONG_PTR Address)
{
    return Address >= ExpPagedBase;
}

static inline BOOLEAN
ExpIsCommitted(ULONG Index, ULONG Kind)
{
    return Index < __atomic_load_n(&ExpGrowNext[Kind], __ATOMIC_ACQUIRE);
}

/* The tail, or NULL where the class has no room for one. */
EXP_NO_ASAN static inline PVOID
ExpTail(EXP_HEADER *Header, ULONG Class)
{
    return Header->Size + sizeof(ULONG) <= ExpClassPayload[Class]
               ? (PUCHAR)(Header + 1) + Header->Size
               : NULL;
}

static inline PVOID
ExpBody(EXP_HEADER *Header)
{
    return Header + 1;
}

EXP_NO_ASAN static inline ULONG_PTR
ExpHeaderCheck(const EXP_HEADER *Header)
{
    ULONG64 sizeAndTag = ((ULONG64)Header->Size << 32) | Header->Tag;

    return ExpCookie ^ (ULONG_PTR)Header ^ sizeAndTag ^ (Header->Caller << 7);
}

/* P3: links are encoded, so that a stray write makes an impossible one. */
EXP_NO_ASAN static inline VOID
ExpSetLink(EXP_HEADER *Header, EXP_HEADER *Next)
{
    Header->Check = ~ExpCookie ^ (ULONG_PTR)Header ^ (ULONG_PTR)Next;
}

EXP_NO_ASAN static inline EXP_HEADER *
ExpGetLink(EXP_HEADER *Header)
{
    ULONG_PTR next = ~ExpCookie ^ (ULONG_PTR)Header ^ Header->Check;

    if (__builtin_expect(next != 0 && (!ExpIsPoolAddress(next) || (next & 15) != 0), 0)) {
        ExpReportBadLink(Header);
    }
    return (EXP_HEADER *)next;
}
