/* SPDX-License-Identifier: MIT
 *
 * ntdll/arena.c - pages that this process shares with the kernel's
 *
 * With a kernel in another process VirtualAlloc takes its memory from the arena, which both have
 * mapped at the same addresses: drivers reach it without a copy, also through pointers. The kernel
 * is told what each page allows, so that it does not touch what the program could not.
 *
 * Invariant  A1  ArenaBlocks are the parts that are taken, ascending; they do not overlap.
 * Lock       ArenaLock guards them.
 */
#include <stdlib.h>

#include "ntdll/ntdll.h"

typedef struct ARENA_BLOCK {
    struct ARENA_BLOCK *Next;
    ULONG_PTR Base;
    SIZE_T Size;
} ARENA_BLOCK;

static SRWLOCK ArenaLock = SRWLOCK_INIT;
static ARENA_BLOCK *ArenaBlocks;

/* The first gap of that size, or the gap at Wanted: where a new block is to be linked; NULL: none.
 */
static ARENA_BLOCK **
FindGapLocked(ULONG_PTR Wanted, SIZE_T Size, SIZE_T Alignment, ULONG_PTR *Place)
{
    ARENA_BLOCK **link = &ArenaBlocks;
    ULONG_PTR place = NtdllArenaBase;

    for (;;) {
        ULONG_PTR end = *link != NULL ? (*link)->Base : NtdllArenaEnd;

        place = (place + Alignment - 1) & ~(ULONG_PTR)(Alignment - 1);
        if (Wanted != 0 && Wanted >= place && Wanted < end) {
            place = Wanted;
        }
        if (place <= end && Size <= end - place && (Wanted == 0 || place == Wanted)) {
            *Place = place;
            return link;
        }
        if (*link == NULL) {
            return NULL;
        }
        place = (*link)->Base + (*link)->Size;
        link = &(*link)->Next;
    }
}

BOOLEAN
NtdllIsInArena(const VOID *Address)
{
    return (ULONG_PTR)Address >= NtdllArenaBase && (ULONG_PTR)Address < NtdllArenaEnd;
}

PVOID
NtdllArenaReserve(PVOID Address, SIZE_T Size, SIZE_T Alignment)
{
    ARENA_BLOCK *block;
    ARENA_BLOCK **link;

    if (NtdllArenaBase == NtdllArenaEnd || (Address != NULL && !NtdllIsInArena(Address))) {
        return NULL;
    }
    block = malloc(sizeof(*block));
    if (block == NULL) {
        return NULL;
    }
    AcquireSRWLockExclusive(&ArenaLock);
    link = FindGapLocked((ULONG_PTR)Address, Size, Alignment, &block->Base);
    if (link != NULL) {
        block->Size = Size;
        block->Next = *link;
        *link = block;
    }
    ReleaseSRWLockExclusive(&ArenaLock);
    if (link == NULL) {
        free(block);
        return NULL;
    }
    return (PVOID)block->Base;
}

BOOLEAN
NtdllArenaProtect(PVOID Address, SIZE_T Size, uint32_t Access)
{
    uint32_t kernel = Access & (NTDLL_HOST_READ | NTDLL_HOST_WRITE);

    /* What becomes less does so for the kernel first. */
    return NT_SUCCESS(NtdllTellArenaAccess(Address, Size, kernel)) &&
           NtdllHostProtectPages(Address, Size, Access);
}

BOOLEAN
NtdllArenaForget(PVOID Address, SIZE_T Size)
{
    return NT_SUCCESS(NtdllTellArenaAccess(Address, Size, 0)) && NtdllHostDropShared(Address, Size);
}

VOID
NtdllArenaRelease(PVOID Address)
{
    ARENA_BLOCK **link = &ArenaBlocks;
    ARENA_BLOCK *block;

    AcquireSRWLockExclusive(&ArenaLock);
    while (*link != NULL && (*link)->Base != (ULONG_PTR)Address) {
        link = &(*link)->Next;
    }
    block = *link;
    ReleaseSRWLockExclusive(&ArenaLock);
    if (block == NULL) {
        return;
    }
    NtdllArenaForget(Address, block->Size); /* nobody gets it before it is empty again */
    AcquireSRWLockExclusive(&ArenaLock);
    for (link = &ArenaBlocks; *link != block; link = &(*link)->Next) {
    }
    *link = block->Next;
    ReleaseSRWLockExclusive(&ArenaLock);
    free(block);
}
