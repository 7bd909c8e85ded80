/* SPDX-License-Identifier: MIT
 *
 * ex/resource.c - ERESOURCE: one exclusive owner or many shared ones, both recursive
 *
 * Releasing hands over: the releaser makes the waiters owners before it wakes them. An exclusive
 * owner's release lets all waiting readers in, the last reader's the first waiting writer.
 *
 * Invariants  E1  ResourceOwnedExclusive: OwnerEntry names the owner. Otherwise OwnerEntry and
 *                 OwnerTable[1..] hold the shared owners, ActiveEntries of them.
 *             E2  There are free entries for every shared waiter, so that handing over never
 *                 allocates: a waiter makes room before it queues.
 *             E3  SharedWaiters and ExclusiveWaiters point to the first EXP_WAITER of a list.
 * Locks       ERESOURCE.SpinLock guards everything in it.
 * Source      WDK reference, wdm.h ExAcquireResourceExclusiveLite and its neighbours; bug checks
 *             0xE3 RESOURCE_NOT_OWNED, 0xC4 0x37, 0x38, 0xD1, 0x1000.
 */
#include "ex/expool.h"

#include <stdio.h>

#define EXP_TAG_RESOURCE 0x73655245u /* 'ERes' */
#define EXP_BUGCHECK_NOT_OWNED 0xE3
#define EXP_BUGCHECK_VERIFIER 0xC4
#define EXP_C4_LOCK_NOT_INITIALISED 0x1002
#define EXP_ROOM_STEP 8u

typedef struct EXP_WAITER {
    struct EXP_WAITER *Next;
    ERESOURCE_THREAD Thread;
    KEVENT Granted;
} EXP_WAITER;

typedef enum EXP_SHARED_POLICY {
    EXP_SHARED_FAIR,      /* waits behind a waiting writer, unless recursive */
    EXP_SHARED_STARVE,    /* goes before waiting writers */
    EXP_SHARED_AFTER_EXCL /* waits behind a waiting writer, even if recursive */
} EXP_SHARED_POLICY;

static inline EXP_WAITER **
ExpSharedList(PERESOURCE Resource)
{
    return (EXP_WAITER **)&Resource->SharedWaiters;
}

static inline EXP_WAITER **
ExpExclusiveList(PERESOURCE Resource)
{
    return (EXP_WAITER **)&Resource->ExclusiveWaiters;
}

static inline BOOLEAN
ExpIsExclusive(PERESOURCE Resource)
{
    return (Resource->Flag & ResourceOwnedExclusive) != 0;
}

static VOID
ExpCheckApcs(PERESOURCE Resource, ULONG SubCode)
{
    KTHREAD *thread = KiGetCurrentThread();

    if (ExpVerifying && thread->Irql < APC_LEVEL && thread->KernelApcDisable == 0 &&
        thread->SpecialApcDisable == 0) {
        KiBugCheckDetail(EXP_BUGCHECK_VERIFIER, SubCode, thread->Irql, 0, (ULONG_PTR)Resource,
                         "A resource is acquired or released, but normal kernel APCs are not "
                         "disabled: call KeEnterCriticalRegion first.");
    }
}

static DECLSPEC_NORETURN __attribute__((noinline)) VOID
ExpReportResource(ULONG Code, ULONG_PTR P1, PERESOURCE Resource, const char *Text)
{
    KTHREAD *thread = KiGetCurrentThread();
    ULONG_PTR owner = Resource->OwnerEntry.OwnerThread;
    ULONG number = owner != 0 && (owner & 3) == 0 ? ExpThreadNumber((PVOID)owner) : 0;
    EXP_TRACKED tracked;
    char where[400] = "";
    char holder[100] = "nobody";

    if (ExpFindTracked((ULONG_PTR)Resource, 1, &tracked)) {
        ExpNameCode(tracked.Caller, where, sizeof(where));
    }
    if (Resource->ActiveCount != 0) {
        snprintf(holder, sizeof(holder), "%s, thread %u",
                 ExpIsExclusive(Resource) ? "exclusive" : "shared", (unsigned)number);
    }
    if (Code == EXP_BUGCHECK_NOT_OWNED) {
        KiBugCheckDetail(Code, (ULONG_PTR)Resource, P1, (ULONG_PTR)Resource->OwnerTable, 0,
                         "%s Owner of %p now: %s%s%s.", Text, (void *)Resource, holder,
                         where[0] != 0 ? "; initialised by " : "", where);
    }
    KiBugCheckDetail(Code, P1, (ULONG_PTR)Resource, (ULONG_PTR)thread, 0,
                     "%s Owner of %p now: %s%s%s.", Text, (void *)Resource, holder,
                     where[0] != 0 ? "; initialised by " : "", where);
}

/* A zeroed resource would work for a while, and one on Windows' list of them would not be. */
static inline VOID
ExpCheckResource(PERESOURCE Resource)
{
    if (__builtin_expect(Resource->SystemResourcesList.Flink != &Resource->SystemResourcesList,
                         0)) {
        KiBugCheckDetail(
            EXP_BUGCHECK_VERIFIER, EXP_C4_LOCK_NOT_INITIALISED, (ULONG_PTR)Resource, 0, 0,
            "%p is not an initialised ERESOURCE, or was deleted: call "
            "ExInitializeResourceLite before the first use, and never copy or move it.",
            (void *)Resource);
    }
}

/* ---- owners ---- */

static ULONG
ExpTableSize(PERESOURCE Resource)
{
    return Resource->OwnerTable != NULL ? Resource->OwnerTable[0].TableSize : 0;
}

/* The entry whose owner is Thread (0: a free one), or NULL. */
static POWNER_ENTRY
ExpFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Thread)
{
    if (Resource->OwnerEntry.OwnerThread == Thread) {
        return &Resource->OwnerEntry;
    }
    for (ULONG i = 1; i < ExpTableSize(Resource); i++) {
        if (Resource->OwnerTable[i].OwnerThread == Thread) {
            return &Resource->OwnerTable[i];
        }
    }
    return NULL;
}

/* E2: room for one more shared owner besides those waiting; a writer may become a reader. */
static BOOLEAN
ExpHasRoom(PERESOURCE Resource)
{
    ULONG entries = 1 + (ExpTableSize(Resource) != 0 ? ExpTableSize(Resource) - 1 : 0);

    return Resource->ActiveEntries + Resource->NumberOfSharedWaiters < entries;
}

/* Makes the owner table Size entries; the lock is not held. Without memory: tries again later. */
static VOID
ExpMakeRoom(PERESOURCE Resource, ULONG Size)
{
    LARGE_INTEGER moment = {.QuadPart = -10 * 1000 * 10};
    POWNER_ENTRY table;
    POWNER_ENTRY old;
    KIRQL irql;

    table = ExpAllocatePool(NonPagedPoolNx, Size * sizeof(*table), EXP_TAG_RESOURCE, NT_CALLER());
    if (table == NULL) {
        KeDelayExecutionThread(KernelMode, FALSE, &moment);
        return;
    }
    memset(table, 0, Size * sizeof(*table));
    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    old = table;
    if (Size > ExpTableSize(Resource)) {
        old = Resource->OwnerTable;
        if (old != NULL) {
            memcpy(table, old, old[0].TableSize * sizeof(*table));
        }
        table[0].TableSize = Size;
        Resource->OwnerTable = table;
    }
    KeReleaseSpinLock(&Resource->SpinLock, irql);
    if (old != NULL) {
        ExFreePoolWithTag(old, EXP_TAG_RESOURCE);
    }
}

static VOID
ExpAddSharedOwner(PERESOURCE Resource, ERESOURCE_THREAD Thread)
{
    POWNER_ENTRY entry = ExpFindOwner(Resource, Thread);

    if (entry == NULL) {
        entry = ExpFindOwner(Resource, 0);
        entry->OwnerThread = Thread;
        entry->OwnerCount = 0;
        Resource->ActiveEntries++;
    }
    entry->OwnerCount++;
    Resource->ActiveCount = 1;
}

static VOID
ExpSetExclusiveOwner(PERESOURCE Resource, ERESOURCE_THREAD Thread)
{
    Resource->OwnerEntry.OwnerThread = Thread;
    Resource->OwnerEntry.OwnerCount = 1;
    Resource->Flag |= ResourceOwnedExclusive;
    Resource->ActiveEntries = 1;
    Resource->ActiveCount = 1;
}

/* ---- waiters ---- */

static VOID
ExpAppendWaiter(EXP_WAITER **List, EXP_WAITER *Waiter, ERESOURCE_THREAD Thread)
{
    Waiter->Next = NULL;
    Waiter->Thread = Thread;
    KeInitializeEvent(&Waiter->Granted, SynchronizationEvent, FALSE);
    while (*List != NULL) {
        List = &(*List)->Next;
    }
    *List = Waiter;
}

/* Makes all waiting readers owners; the list of them, to be woken once the lock is released. */
static EXP_WAITER *
ExpGrantShared(PERESOURCE Resource)
{
    EXP_WAITER *list = *ExpSharedList(Resource);

    for (EXP_WAITER *waiter = list; waiter != NULL; waiter = waiter->Next) {
        ExpAddSharedOwner(Resource, waiter->Thread);
    }
    Resource->NumberOfSharedWaiters = 0;
    *ExpSharedList(Resource) = NULL;
    return list;
}

static EXP_WAITER *
ExpGrantExclusive(PERESOURCE Resource)
{
    EXP_WAITER *waiter = *ExpExclusiveList(Resource);

    if (waiter != NULL) {
        *ExpExclusiveList(Resource) = waiter->Next;
        waiter->Next = NULL;
        Resource->NumberOfExclusiveWaiters--;
        ExpSetExclusiveOwner(Resource, waiter->Thread);
    }
    return waiter;
}

static VOID
ExpWakeWaiters(EXP_WAITER *List)
{
    while (List != NULL) {
        /* The waiter's stack may be gone once it is woken. */
        EXP_WAITER *next = List->Next;

        KeSetEvent(&List->Granted, 0, FALSE);
        List = next;
    }
}

static VOID
ExpWaitGranted(EXP_WAITER *Waiter)
{
    KeWaitForSingleObject(&Waiter->Granted, WrResource, KernelMode, FALSE, NULL);
}

/* ---- acquiring and releasing ---- */

static BOOLEAN
ExpAcquireExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    ERESOURCE_THREAD thread = (ERESOURCE_THREAD)KiGetCurrentThread();
    EXP_WAITER waiter;
    KIRQL irql;

    ExpCheckResource(Resource);
    ExpCheckApcs(Resource, 0x37);
    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    if (Resource->ActiveCount == 0) {
        ExpSetExclusiveOwner(Resource, thread);
    } else if (ExpIsExclusive(Resource) && Resource->OwnerEntry.OwnerThread == thread) {
        Resource->OwnerEntry.OwnerCount++;
    } else if (!Wait) {
        KeReleaseSpinLock(&Resource->SpinLock, irql);
        return FALSE;
    } else if (!ExpIsExclusive(Resource) && ExpFindOwner(Resource, thread) != NULL) {
        ExpReportResource(EXP_BUGCHECK_VERIFIER, 0x1000, Resource,
                          "A thread that owns a resource shared acquires it exclusive: it would "
                          "wait for itself for ever. Release it first, or acquire it exclusive "
                          "from the start.");
    } else {
        ExpAppendWaiter(ExpExclusiveList(Resource), &waiter, thread);
        Resource->NumberOfExclusiveWaiters++;
        Resource->ContentionCount++;
        KeReleaseSpinLock(&Resource->SpinLock, irql);
        ExpWaitGranted(&waiter);
        return TRUE;
    }
    KeReleaseSpinLock(&Resource->SpinLock, irql);
    return TRUE;
}

static BOOLEAN
ExpMayShare(PERESOURCE Resource, ERESOURCE_THREAD Thread, EXP_SHARED_POLICY Policy)
{
    if (ExpIsExclusive(Resource)) {
        return FALSE;
    }
    if (Resource->NumberOfExclusiveWaiters == 0 || Policy == EXP_SHARED_STARVE) {
        return TRUE;
    }
    return Policy == EXP_SHARED_FAIR && ExpFindOwner(Resource, Thread) != NULL;
}

static BOOLEAN
ExpAcquireShared(PERESOURCE Resource, BOOLEAN Wait, EXP_SHARED_POLICY Policy)
{
    ERESOURCE_THREAD thread = (ERESOURCE_THREAD)KiGetCurrentThread();
    EXP_WAITER waiter;
    KIRQL irql;

    ExpCheckResource(Resource);
    ExpCheckApcs(Resource, 0x37);
    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    if (ExpIsExclusive(Resource) && Resource->OwnerEntry.OwnerThread == thread) {
        Resource->OwnerEntry.OwnerCount++;
        KeReleaseSpinLock(&Resource->SpinLock, irql);
        return TRUE;
    }
    while (!ExpHasRoom(Resource)) {
        ULONG size = ExpTableSize(Resource) + EXP_ROOM_STEP;

        KeReleaseSpinLock(&Resource->SpinLock, irql);
        ExpMakeRoom(Resource, size);
        KeAcquireSpinLock(&Resource->SpinLock, &irql);
    }
    if (ExpMayShare(Resource, thread, Policy)) {
        ExpAddSharedOwner(Resource, thread);
        KeReleaseSpinLock(&Resource->SpinLock, irql);
        return TRUE;
    }
    if (!Wait) {
        KeReleaseSpinLock(&Resource->SpinLock, irql);
        return FALSE;
    }
    ExpAppendWaiter(ExpSharedList(Resource), &waiter, thread);
    Resource->NumberOfSharedWaiters++;
    Resource->ContentionCount++;
    KeReleaseSpinLock(&Resource->SpinLock, irql);
    ExpWaitGranted(&waiter);
    return TRUE;
}

static VOID
ExpReleaseResource(PERESOURCE Resource, ERESOURCE_THREAD Thread)
{
    EXP_WAITER *woken = NULL;
    POWNER_ENTRY entry;
    KIRQL irql;

    ExpCheckResource(Resource);
    ExpCheckApcs(Resource, 0x38);
    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    entry = Thread != 0 ? ExpFindOwner(Resource, Thread) : NULL;
    if (entry == NULL || Resource->ActiveCount == 0) {
        ExpReportResource(EXP_BUGCHECK_NOT_OWNED, Thread, Resource,
                          "A resource is released for a thread that does not own it: released "
                          "twice, never acquired, or acquired by another thread.");
    }
    if (--entry->OwnerCount == 0) {
        entry->OwnerThread = 0;
        Resource->ActiveEntries--;
        if (Resource->ActiveEntries == 0) {
            BOOLEAN readersFirst = ExpIsExclusive(Resource) && Resource->NumberOfSharedWaiters != 0;

            Resource->Flag &= ~ResourceOwnedExclusive;
            Resource->ActiveCount = 0;
            if (!readersFirst) {
                woken = ExpGrantExclusive(Resource);
            }
            if (woken == NULL) {
                woken = ExpGrantShared(Resource);
            }
        }
    }
    KeReleaseSpinLock(&Resource->SpinLock, irql);
    ExpWakeWaiters(woken);
}

BOOLEAN
ExpIsResourceOwner(PERESOURCE Resource, KTHREAD *Thread)
{
    ERESOURCE copy;
    OWNER_ENTRY table[64];
    ULONG size = 0;
    uintptr_t fault;

    /* The resource may be gone without having been deleted. */
    if (HalpCopyMemory(&copy, Resource, sizeof(copy), &fault) != HALP_OK || copy.ActiveCount == 0) {
        return FALSE;
    }
    if (copy.OwnerEntry.OwnerThread == (ERESOURCE_THREAD)Thread) {
        return TRUE;
    }
    if (copy.OwnerTable != NULL &&
        HalpCopyMemory(table, copy.OwnerTable, sizeof(table[0]), &fault) == HALP_OK) {
        size = min(table[0].TableSize, (ULONG)RTL_NUMBER_OF(table));
    }
    if (size != 0 &&
        HalpCopyMemory(table, copy.OwnerTable, size * sizeof(table[0]), &fault) != HALP_OK) {
        return FALSE;
    }
    for (ULONG i = 1; i < size; i++) {
        if (table[i].OwnerThread == (ERESOURCE_THREAD)Thread) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID
ExpInitializeResource(PERESOURCE Resource, ULONG_PTR Caller)
{
    ULONG_PTR before = ExpTrackObject(Resource, ExpTrackedResource, Caller);

    if (ExpVerifying && before != 0) {
        ExpReportResource(EXP_BUGCHECK_VERIFIER, 0xD0, Resource,
                          "A resource is initialised that is initialised already: use "
                          "ExReinitializeResourceLite, or delete it first.");
    }
    memset(Resource, 0, sizeof(*Resource));
    InitializeListHead(&Resource->SystemResourcesList);
    KeInitializeSpinLock(&Resource->SpinLock);
}

#pragma GCC visibility push(default)

NTSTATUS NTAPI
ExInitializeResourceLite(PERESOURCE Resource)
{
    NT_ENTER(ExInitializeResourceLite);
    ExpInitializeResource(Resource, NT_CALLER());
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
ExDeleteResourceLite(PERESOURCE Resource)
{
    NT_ENTER(ExDeleteResourceLite);
    if (Resource->SystemResourcesList.Flink != &Resource->SystemResourcesList) {
        ExpReportResource(
            EXP_BUGCHECK_VERIFIER, 0xD1, Resource,
            "A resource is deleted that was never initialised or was deleted before.");
    }
    if (Resource->ActiveCount != 0) {
        ExpReportResource(EXP_BUGCHECK_VERIFIER, 0xD2, Resource,
                          "A resource is deleted while a thread owns it: release it first.");
    }
    if (Resource->OwnerTable != NULL) {
        ExFreePoolWithTag(Resource->OwnerTable, EXP_TAG_RESOURCE);
    }
    ExpUntrackObject(Resource);
    memset(Resource, 0, sizeof(*Resource));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
ExReinitializeResourceLite(PERESOURCE Resource)
{
    NT_ENTER(ExReinitializeResourceLite);
    ExDeleteResourceLite(Resource);
    ExpInitializeResource(Resource, NT_CALLER());
    return STATUS_SUCCESS;
}

/* IRQL <= APC_LEVEL, normal kernel APCs disabled; FALSE only without Wait. */
BOOLEAN NTAPI
ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    NT_ENTER(ExAcquireResourceExclusiveLite);
    return ExpAcquireExclusive(Resource, Wait);
}

BOOLEAN NTAPI
ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    NT_ENTER(ExAcquireResourceSharedLite);
    return ExpAcquireShared(Resource, Wait, EXP_SHARED_FAIR);
}

BOOLEAN NTAPI
ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    NT_ENTER(ExAcquireSharedStarveExclusive);
    return ExpAcquireShared(Resource, Wait, EXP_SHARED_STARVE);
}

BOOLEAN NTAPI
ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    NT_ENTER(ExAcquireSharedWaitForExclusive);
    return ExpAcquireShared(Resource, Wait, EXP_SHARED_AFTER_EXCL);
}

VOID FASTCALL
ExReleaseResourceLite(PERESOURCE Resource)
{
    NT_ENTER(ExReleaseResourceLite);
    ExpReleaseResource(Resource, (ERESOURCE_THREAD)KiGetCurrentThread());
}

VOID NTAPI
ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId)
{
    NT_ENTER(ExReleaseResourceForThreadLite);
    ExpReleaseResource(Resource, ResourceThreadId);
}

VOID NTAPI
ExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    NT_ENTER(ExConvertExclusiveToSharedLite);
    EXP_WAITER *woken;
    KIRQL irql;

    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    if (!ExpIsExclusive(Resource)) {
        KiBugCheckDetail(EXP_BUGCHECK_NOT_OWNED, (ULONG_PTR)Resource,
                         (ULONG_PTR)KiGetCurrentThread(), (ULONG_PTR)Resource->OwnerTable, 0,
                         "Resource %p is converted to shared, but nobody owns it exclusive.",
                         (void *)Resource);
    }
    Resource->Flag &= ~ResourceOwnedExclusive;
    woken = ExpGrantShared(Resource);
    KeReleaseSpinLock(&Resource->SpinLock, irql);
    ExpWakeWaiters(woken);
}

VOID NTAPI
ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer)
{
    NT_ENTER(ExSetResourceOwnerPointer);
    POWNER_ENTRY entry;
    KIRQL irql;

    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    entry = ExpFindOwner(Resource, (ERESOURCE_THREAD)KiGetCurrentThread());
    if (entry == NULL) {
        KiBugCheckDetail(EXP_BUGCHECK_NOT_OWNED, (ULONG_PTR)Resource,
                         (ULONG_PTR)KiGetCurrentThread(), (ULONG_PTR)Resource->OwnerTable, 0,
                         "ExSetResourceOwnerPointer: the thread does not own resource %p.",
                         (void *)Resource);
    }
    entry->OwnerThread = (ERESOURCE_THREAD)OwnerPointer;
    KeReleaseSpinLock(&Resource->SpinLock, irql);
}

BOOLEAN NTAPI
ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    NT_ENTER(ExIsResourceAcquiredExclusiveLite);
    BOOLEAN owned;
    KIRQL irql;

    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    owned = ExpIsExclusive(Resource) &&
            Resource->OwnerEntry.OwnerThread == (ERESOURCE_THREAD)KiGetCurrentThread();
    KeReleaseSpinLock(&Resource->SpinLock, irql);
    return owned;
}

/* How often the calling thread owns it, exclusive or shared. */
ULONG NTAPI
ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    NT_ENTER(ExIsResourceAcquiredSharedLite);
    POWNER_ENTRY entry;
    ULONG count;
    KIRQL irql;

    KeAcquireSpinLock(&Resource->SpinLock, &irql);
    entry = ExpFindOwner(Resource, (ERESOURCE_THREAD)KiGetCurrentThread());
    count = entry != NULL ? entry->OwnerCount : 0;
    KeReleaseSpinLock(&Resource->SpinLock, irql);
    return count;
}

ULONG NTAPI
ExGetExclusiveWaiterCount(PERESOURCE Resource)
{
    NT_ENTER(ExGetExclusiveWaiterCount);
    return __atomic_load_n(&Resource->NumberOfExclusiveWaiters, __ATOMIC_RELAXED);
}

ULONG NTAPI
ExGetSharedWaiterCount(PERESOURCE Resource)
{
    NT_ENTER(ExGetSharedWaiterCount);
    return __atomic_load_n(&Resource->NumberOfSharedWaiters, __ATOMIC_RELAXED);
}

/* Owners' priorities are not raised here anyway. */
VOID NTAPI
ExDisableResourceBoostLite(PERESOURCE Resource)
{
    NT_ENTER(ExDisableResourceBoostLite);
}

PVOID NTAPI
ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource)
{
    NT_ENTER(ExEnterCriticalRegionAndAcquireResourceExclusive);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(Resource, TRUE);
    return NULL;
}

PVOID NTAPI
ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource)
{
    NT_ENTER(ExEnterCriticalRegionAndAcquireResourceShared);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(Resource, TRUE);
    return NULL;
}

PVOID NTAPI
ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource)
{
    NT_ENTER(ExEnterCriticalRegionAndAcquireSharedWaitForExclusive);
    KeEnterCriticalRegion();
    ExAcquireSharedWaitForExclusive(Resource, TRUE);
    return NULL;
}

VOID FASTCALL
ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource)
{
    NT_ENTER(ExReleaseResourceAndLeaveCriticalRegion);
    ExReleaseResourceLite(Resource);
    KeLeaveCriticalRegion();
}

#pragma GCC visibility pop
