/* SPDX-License-Identifier: MIT
 *
 * ex/track.c - resources and lookaside lists that are initialised, and blocks freed while in use
 *
 * Initialised objects that Windows links into lists of its own, so that freeing their memory
 * damages the system, are noted here with who initialised them. Freeing a block looks at one
 * bucket, by page, and at the page's count in KiBusySlots; only if either says so it looks closer.
 *
 * Invariants  K1  An object is in the bucket of the page that it begins in. When the table is full
 *                 further objects are not noted.
 * Locks       ExpTrackLock (leaf; no IRQL) guards the table.
 * Source      Bug checks 0xC4 (0x105, 0xCC, 0xD2), 0xC7, 0xE4.
 */
#include "ex/expool.h"

#include <stdio.h>

#define EXP_TRACK_OBJECTS 4096u
#define EXP_BUGCHECK_VERIFIER 0xC4
#define EXP_BUGCHECK_WORKER_INVALID 0xE4
#define EXP_C4_LOOKASIDE_FREED 0xCC
#define EXP_C4_RESOURCE_FREED 0xD2

USHORT ExpTrackBuckets[EXP_TRACK_BUCKETS]; /* atomic: index + 1 of the first object; 0: none */

static EXP_LOCK ExpTrackLock;
static EXP_TRACKED ExpTracked[EXP_TRACK_OBJECTS] NT_GUARDED_BY(ExpTrackLock);
static ULONG ExpTrackedEnd NT_GUARDED_BY(ExpTrackLock); /* entries ever used */
static USHORT ExpTrackedFree NT_GUARDED_BY(ExpTrackLock);

static USHORT *
ExpFindLinkLocked(PVOID Object)
{
    USHORT *link = &ExpTrackBuckets[ExpTrackBucket((ULONG_PTR)Object)];

    while (*link != 0 && ExpTracked[*link - 1].Object != Object) {
        link = &ExpTracked[*link - 1].Next;
    }
    return link;
}

ULONG_PTR
ExpTrackObject(PVOID Object, EXP_TRACKED_KIND Kind, ULONG_PTR Caller)
{
    ULONG_PTR before = 0;
    USHORT index;
    USHORT *link;

    ExpAcquireLock(&ExpTrackLock);
    index = *ExpFindLinkLocked(Object);
    if (index != 0) {
        before = ExpTracked[index - 1].Kind == Kind ? ExpTracked[index - 1].Caller : 0;
    } else {
        index = ExpTrackedFree;
        if (index != 0) {
            ExpTrackedFree = ExpTracked[index - 1].Next;
        } else if (ExpTrackedEnd < EXP_TRACK_OBJECTS) {
            index = (USHORT)++ExpTrackedEnd;
        }
        if (index != 0) {
            link = &ExpTrackBuckets[ExpTrackBucket((ULONG_PTR)Object)];
            ExpTracked[index - 1].Object = Object;
            ExpTracked[index - 1].Next = *link;
            __atomic_store_n(link, index, __ATOMIC_RELEASE);
        }
    }
    if (index != 0) {
        ExpTracked[index - 1].Kind = Kind;
        ExpTracked[index - 1].Caller = Caller;
    }
    ExpReleaseLock(&ExpTrackLock);
    return before;
}

VOID
ExpUntrackObject(PVOID Object)
{
    USHORT *link;
    USHORT index;

    ExpAcquireLock(&ExpTrackLock);
    link = ExpFindLinkLocked(Object);
    index = *link;
    if (index != 0) {
        __atomic_store_n(link, ExpTracked[index - 1].Next, __ATOMIC_RELEASE);
        ExpTracked[index - 1].Object = NULL;
        ExpTracked[index - 1].Next = ExpTrackedFree;
        ExpTrackedFree = index;
    }
    ExpReleaseLock(&ExpTrackLock);
}

BOOLEAN
ExpFindTracked(ULONG_PTR Base, SIZE_T Size, EXP_TRACKED *Found)
{
    BOOLEAN found = FALSE;

    ExpAcquireLock(&ExpTrackLock);
    for (ULONG i = 0; i < ExpTrackedEnd && !found; i++) {
        if (ExpTracked[i].Object != NULL && (ULONG_PTR)ExpTracked[i].Object - Base < Size) {
            *Found = ExpTracked[i];
            found = TRUE;
        }
    }
    ExpReleaseLock(&ExpTrackLock);
    return found;
}

BOOLEAN
ExpFindOwnedResource(KTHREAD *Thread, EXP_TRACKED *Found)
{
    for (ULONG i = 0; i < EXP_TRACK_OBJECTS; i++) {
        EXP_TRACKED tracked;
        ULONG end;

        ExpAcquireLock(&ExpTrackLock);
        tracked = ExpTracked[i];
        end = ExpTrackedEnd;
        ExpReleaseLock(&ExpTrackLock);
        if (i >= end) {
            return FALSE;
        }
        if (tracked.Object != NULL && tracked.Kind == ExpTrackedResource &&
            ExpIsResourceOwner(tracked.Object, Thread)) {
            *Found = tracked;
            return TRUE;
        }
    }
    return FALSE;
}

ULONG
ExpThreadNumber(PVOID Thread)
{
    const KTHREAD *thread = Thread;
    DISPATCHER_HEADER header;
    ULONG number;
    uintptr_t fault;

    if (HalpCopyMemory(&header, &thread->Header, sizeof(header), &fault) != HALP_OK ||
        header.Type != ThreadObject ||
        HalpCopyMemory(&number, &thread->ThreadId, sizeof(number), &fault) != HALP_OK) {
        return 0;
    }
    return number;
}

/* ---- blocks freed while in use ---- */

static VOID
ExpReportTracked(ULONG_PTR Address, const EXP_TRACKED *Tracked, const char *Caller)
{
    BOOLEAN isResource = Tracked->Kind == ExpTrackedResource;
    char text[1024];
    char where[400];

    ExpDescribePoolText(Address, text, sizeof(text));
    ExpNameCode(Tracked->Caller, where, sizeof(where));
    KiBugCheckDetail(
        EXP_BUGCHECK_VERIFIER, isResource ? EXP_C4_RESOURCE_FREED : EXP_C4_LOOKASIDE_FREED,
        (ULONG_PTR)Tracked->Object, Address, 0,
        "%s frees a block that holds the %s %p, initialised by %s: call %s before the memory goes. "
        "%s",
        Caller, isResource ? "ERESOURCE" : "lookaside list", Tracked->Object, where,
        isResource ? "ExDeleteResourceLite" : "ExDelete[N]PagedLookasideList or its Ex form", text);
}

static VOID
ExpReportBusy(ULONG_PTR Address, SIZE_T Size, const KI_BUSY_OBJECT *Busy, const char *Caller)
{
    static const char *const advice[] = {
        [KiBusyTimer] = "KeCancelTimer it first, and KeFlushQueuedDpcs if that says FALSE",
        [KiBusyDpc] = "KeRemoveQueueDpc it or KeFlushQueuedDpcs first",
        [KiBusyWait] = "let the waiters go, and wait until they have, before the memory goes",
    };
    char text[1024];
    char object[600];

    ExpDescribePoolText(Address, text, sizeof(text));
    KiDescribeBusyObject(Busy, object, sizeof(object));
    if (Busy->Kind == KiBusyWait) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)Busy->Object, Address, Busy->Thread, 0,
                         "%s frees a block that holds %s. %s. %s", Caller, object,
                         advice[Busy->Kind], text);
    }
    KiBugCheckDetail(TIMER_OR_DPC_INVALID, Busy->Kind == KiBusyTimer ? 0 : 1,
                     (ULONG_PTR)Busy->Object, Address, Address + Size,
                     "%s frees a block that holds %s. %s. %s", Caller, object, advice[Busy->Kind],
                     text);
}

static VOID
ExpReportWorkItem(ULONG_PTR Address, SIZE_T Size, PWORK_QUEUE_ITEM Item, const char *Caller)
{
    char text[1024];
    char routine[400];

    ExpDescribePoolText(Address, text, sizeof(text));
    ExpNameCode((ULONG_PTR)Item->WorkerRoutine + 1, routine, sizeof(routine));
    KiBugCheckDetail(
        EXP_BUGCHECK_WORKER_INVALID, 0, (ULONG_PTR)Item, Address, Address + Size,
        "%s frees a block that holds the queued work item %p (its routine is %s): free "
        "it in the routine, or wait until that has run. %s",
        Caller, (void *)Item, routine, text);
}

VOID
ExpCheckInUse(ULONG_PTR Address, ULONG_PTR Caller)
{
    EXP_POOL_BLOCK block;
    KI_BUSY_OBJECT busy;
    EXP_TRACKED tracked;
    PWORK_QUEUE_ITEM item;
    BOOLEAN isFree;
    char caller[400];

    /* What is no live block is reported as that. */
    if (!ExpDescribePoolAddress(Address, &block, &isFree) || isFree ||
        (ULONG_PTR)block.Address != Address) {
        return;
    }
    if (ExpFindTracked(Address, block.Size, &tracked)) {
        ExpNameCode(Caller, caller, sizeof(caller));
        ExpReportTracked(Address, &tracked, caller);
    }
    if (ExpFindQueuedItem(Address, block.Size, &item)) {
        ExpNameCode(Caller, caller, sizeof(caller));
        ExpReportWorkItem(Address, block.Size, item, caller);
    }
    if (KiFindBusyObject(Address, block.Size, &busy)) {
        ExpNameCode(Caller, caller, sizeof(caller));
        ExpReportBusy(Address, block.Size, &busy, caller);
    }
}
