/* SPDX-License-Identifier: MIT
 *
 * mm/isolate.c - pool pages that another process may see, and nothing else of the pool
 *
 * Non-paged pool is one piece of the host's shared memory; who has its descriptor has all of it. So
 * pages that are to be mapped into another process are moved to a piece of their own first, under
 * the same address, and back when the last mapping is gone: what the process keeps then is memory
 * that nobody else uses. The kernel's threads go on while pages move: one that writes to them
 * faults, waits, and writes again.
 *
 * Invariants  I1  A range on MiIsolated is backed by its own Memory, every other page of the pool
 * by the pool's. I2  While pages move, [MiMovingBase, MiMovingEnd) has them, and nothing writes
 * there. Locks       MiIsolationLock (fast mutex) guards the list and the moving.
 */
#include "mm/mip.h"

#define MI_TAG_ISOLATED 0x6F73494Du /* 'MIso' */

struct MI_ISOLATED {
    LIST_ENTRY Link;
    ULONG_PTR Base;
    SIZE_T Size;
    HALP_SHARED_MEMORY *Memory;
    LONG References; /* MiIsolationLock */
};

static FAST_MUTEX MiIsolationLock;
static LIST_ENTRY MiIsolated NT_GUARDED_BY(MiIsolationLock) = {&MiIsolated, &MiIsolated};
static ULONG_PTR MiMovingBase; /* atomic; I2 */
static ULONG_PTR MiMovingEnd;  /* atomic; 0: nothing moves */

VOID
MiInitializeIsolation(VOID)
{
    ExInitializeFastMutex(&MiIsolationLock);
}

BOOLEAN
MiAwaitMove(ULONG_PTR Address)
{
    BOOLEAN waited = FALSE;

    while (Address < __atomic_load_n(&MiMovingEnd, __ATOMIC_ACQUIRE) &&
           Address >= __atomic_load_n(&MiMovingBase, __ATOMIC_ACQUIRE)) {
        HalpYield();
        waited = TRUE;
    }
    return waited;
}

/* Puts Size bytes of Memory at Base, with the contents that are there now. */
static HALP_STATUS
MiMovePages(ULONG_PTR Base, SIZE_T Size, HALP_SHARED_MEMORY *Memory, ULONG64 Offset)
{
    HALP_STATUS result;
    uintptr_t fault;
    PVOID target;
    PVOID mapped;

    result = HalpMapSharedMemory(Memory, Offset, Size, HALP_READ | HALP_WRITE, NULL, &target);
    if (result != HALP_OK) {
        return result;
    }
    __atomic_store_n(&MiMovingBase, Base, __ATOMIC_RELEASE);
    __atomic_store_n(&MiMovingEnd, Base + Size, __ATOMIC_SEQ_CST);
    result = HalpProtectMemory((PVOID)Base, Size, HALP_READ);
    if (result == HALP_OK) {
        result = HalpCopyMemory(target, (PVOID)Base, Size, &fault);
    }
    if (result == HALP_OK) {
        result =
            HalpMapSharedMemory(Memory, Offset, Size, HALP_READ | HALP_WRITE, (PVOID)Base, &mapped);
    }
    if (result != HALP_OK) {
        HalpProtectMemory((PVOID)Base, Size, HALP_READ | HALP_WRITE);
    }
    __atomic_store_n(&MiMovingEnd, 0, __ATOMIC_SEQ_CST);
    HalpUnmapSharedMemory(target, Size);
    return result;
}

/* The range that has all of [Base, Base + Size), or with Any that has a byte of it; NULL: none. */
static MI_ISOLATED *
MiFindIsolatedLocked(ULONG_PTR Base, SIZE_T Size, BOOLEAN Any)
{
    for (PLIST_ENTRY link = MiIsolated.Flink; link != &MiIsolated; link = link->Flink) {
        MI_ISOLATED *isolated = CONTAINING_RECORD(link, MI_ISOLATED, Link);
        ULONG_PTR end = isolated->Base + isolated->Size;

        if (Any ? Base < end && isolated->Base < Base + Size
                : Base >= isolated->Base && Base + Size <= end) {
            return isolated;
        }
    }
    return NULL;
}

static NTSTATUS
MiCreateIsolatedLocked(ULONG_PTR Base, SIZE_T Size, MI_ISOLATED **Isolated)
{
    MI_ISOLATED *isolated =
        ExpAllocatePool(NonPagedPoolNx, sizeof(*isolated), MI_TAG_ISOLATED, NT_CALLER());

    if (isolated == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (HalpCreateSharedMemory("ntbox pages", Size, &isolated->Memory) != HALP_OK) {
        ExFreePoolWithTag(isolated, MI_TAG_ISOLATED);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (MiMovePages(Base, Size, isolated->Memory, 0) != HALP_OK) {
        HalpCloseSharedMemory(isolated->Memory);
        ExFreePoolWithTag(isolated, MI_TAG_ISOLATED);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    isolated->Base = Base;
    isolated->Size = Size;
    isolated->References = 1;
    InsertTailList(&MiIsolated, &isolated->Link);
    *Isolated = isolated;
    return STATUS_SUCCESS;
}

NTSTATUS
MiIsolatePages(ULONG_PTR Base, SIZE_T Size, MI_ISOLATED **Isolated)
{
    HALP_SHARED_MEMORY *pool;
    MI_ISOLATED *isolated;
    NTSTATUS status;
    ULONG64 offset;

    if (ExpQueryPoolSection(Base, &pool, &offset) != HALP_OK) {
        return STATUS_NOT_SUPPORTED;
    }
    ExAcquireFastMutex(&MiIsolationLock);
    isolated = MiFindIsolatedLocked(Base, Size, FALSE);
    if (isolated != NULL) {
        ++isolated->References;
        *Isolated = isolated;
        status = STATUS_SUCCESS;
    } else if (MiFindIsolatedLocked(Base, Size, TRUE) != NULL) {
        status = STATUS_NOT_SUPPORTED; /* partly with other pages already */
    } else {
        status = MiCreateIsolatedLocked(Base, Size, Isolated);
    }
    ExReleaseFastMutex(&MiIsolationLock);
    return status;
}

HALP_SHARED_MEMORY *
MiIsolatedMemory(const MI_ISOLATED *Isolated, ULONG_PTR Address, ULONG64 *Offset)
{
    *Offset = Address - Isolated->Base;
    return Isolated->Memory;
}

VOID
MiRejoinPages(MI_ISOLATED *Isolated)
{
    HALP_SHARED_MEMORY *pool;
    ULONG64 offset;

    ExAcquireFastMutex(&MiIsolationLock);
    if (--Isolated->References == 0) {
        /* Without memory for the move back they stay on the list, for the next one to use. */
        if (ExpQueryPoolSection(Isolated->Base, &pool, &offset) == HALP_OK &&
            MiMovePages(Isolated->Base, Isolated->Size, pool, offset) == HALP_OK) {
            RemoveEntryList(&Isolated->Link);
            HalpCloseSharedMemory(Isolated->Memory);
            ExFreePoolWithTag(Isolated, MI_TAG_ISOLATED);
        }
    }
    ExReleaseFastMutex(&MiIsolationLock);
}
