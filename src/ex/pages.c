/* SPDX-License-Identifier: MIT
 *
 * ex/pages.c - the pools' address range, handed out in pages
 *
 * Each half of the range grows upwards in chunks and never gives memory back to the host. Free
 * spans are coalesced through the descriptors of their first and last page, and listed by length.
 *
 * Invariants  G1  No two free spans of a kind touch.
 *             G2  The first and the last descriptor of a free span say FREE and its length.
 * Locks       ExpPageLock guards everything here (leaf; no IRQL).
 */
#include "ex/expool.h"

#define EXP_CHUNK_PAGES 512u
#define EXP_BINS 65u /* spans of 1..64 pages by length, longer ones in bin 0 */

ULONG_PTR ExpKernelBase;
ULONG_PTR ExpKernelEnd;
ULONG_PTR ExpPagedBase;
EXP_PAGE *ExpPages;

static EXP_LOCK ExpPageLock;
static HALP_SHARED_MEMORY *ExpSharedMemory;
static ULONG ExpBins[2][EXP_BINS] NT_GUARDED_BY(ExpPageLock);
ULONG ExpGrowNext[2]; /* written under ExpPageLock */
static ULONG ExpGrowEnd[2];
static ULONG ExpGrowFirst[2];

static HALP_STATUS
ExpReserveRange(SIZE_T Size)
{
    SIZE_T descriptors = (Size >> PAGE_SHIFT) * sizeof(EXP_PAGE);
    PVOID base;
    PVOID pages;
    HALP_STATUS status;

    status = HalpReserveMemory(Size, HALP_PAGE_SIZE, &base);
    if (status != HALP_OK) {
        return status;
    }
    status = HalpReserveMemory(descriptors, HALP_PAGE_SIZE, &pages);
    if (status != HALP_OK) {
        goto ReleaseRange;
    }
    status = HalpCreateSharedMemory("ntbox-pool", Size / 2, &ExpSharedMemory);
    if (status != HALP_OK) {
        goto ReleasePages;
    }
    ExpKernelBase = (ULONG_PTR)base;
    ExpKernelEnd = ExpKernelBase + Size;
    ExpPagedBase = ExpKernelBase + Size / 2;
    ExpPages = pages;
    return HALP_OK;

ReleasePages:
    HalpReleaseMemory(pages, descriptors);
ReleaseRange:
    HalpReleaseMemory(base, Size);
    return status;
}

NTSTATUS
ExpInitializePages(VOID)
{
    static const ULONG sizesInMegabytes[] = {65536, 8192, 1024, 256};
    HALP_STATUS status = HALP_NO_MEMORY;

    /* A host with a limit on address space gives less; the pools are then smaller. */
    NT_FOR_EACH (megabytes, sizesInMegabytes) {
        status = ExpReserveRange((SIZE_T)*megabytes << 20);
        if (status == HALP_OK) {
            break;
        }
    }
    if (status != HALP_OK) {
        return STATUS_NO_MEMORY;
    }
    ExpGrowFirst[EXP_KIND_NONPAGED] = 0;
    ExpGrowEnd[EXP_KIND_NONPAGED] = ExpPageIndex(ExpPagedBase);
    ExpGrowFirst[EXP_KIND_PAGED] = ExpPageIndex(ExpPagedBase);
    ExpGrowEnd[EXP_KIND_PAGED] = ExpPageIndex(ExpKernelEnd - 1) + 1;
    for (ULONG kind = 0; kind < 2; kind++) {
        ExpGrowNext[kind] = ExpGrowFirst[kind];
    }
    return STATUS_SUCCESS;
}

static VOID
ExpInsertFree(ULONG Kind, ULONG Index, ULONG Pages)
{
    ULONG bin = Pages < EXP_BINS ? Pages : 0;
    EXP_PAGE *first = &ExpPages[Index];
    EXP_PAGE *last = &ExpPages[Index + Pages - 1];

    ExpSetPageState(last, EXP_PAGE_FREE);
    last->Pages = Pages;
    ExpSetPageState(first, EXP_PAGE_FREE);
    first->Pages = Pages;
    first->Previous = 0;
    first->Next = ExpBins[Kind][bin];
    if (first->Next != 0) {
        ExpPages[first->Next].Previous = Index;
    }
    ExpBins[Kind][bin] = Index;
}

static VOID
ExpRemoveFree(ULONG Kind, ULONG Index)
{
    EXP_PAGE *page = &ExpPages[Index];
    ULONG bin = page->Pages < EXP_BINS ? page->Pages : 0;

    if (page->Previous != 0) {
        ExpPages[page->Previous].Next = page->Next;
    } else {
        ExpBins[Kind][bin] = page->Next;
    }
    if (page->Next != 0) {
        ExpPages[page->Next].Previous = page->Previous;
    }
}

/* Puts a span on the free list, joined with its free neighbours (G1). */
static VOID
ExpCoalesce(ULONG Kind, ULONG Index, ULONG Pages)
{
    ULONG end = Index + Pages;

    if (Index > ExpGrowFirst[Kind] && ExpPageState(&ExpPages[Index - 1]) == EXP_PAGE_FREE) {
        ULONG before = ExpPages[Index - 1].Pages;

        ExpRemoveFree(Kind, Index - before);
        Index -= before;
        Pages += before;
    }
    if (end < ExpGrowNext[Kind] && ExpPageState(&ExpPages[end]) == EXP_PAGE_FREE) {
        ULONG after = ExpPages[end].Pages;

        ExpRemoveFree(Kind, end);
        Pages += after;
    }
    ExpInsertFree(Kind, Index, Pages);
}

static BOOLEAN
ExpGrow(ULONG Kind, ULONG Pages)
{
    ULONG first = ExpGrowNext[Kind];
    ULONG count = (Pages + EXP_CHUNK_PAGES - 1) / EXP_CHUNK_PAGES * EXP_CHUNK_PAGES;
    PVOID address = (PVOID)ExpPageAddress(first);
    SIZE_T size = (SIZE_T)count << PAGE_SHIFT;
    PVOID mapped;
    HALP_STATUS status;

    if (count > ExpGrowEnd[Kind] - first) {
        return FALSE;
    }
    /* A chunk's descriptors fill whole pages: 512 of them are a multiple of the page size. */
    C_ASSERT(EXP_CHUNK_PAGES * sizeof(EXP_PAGE) % HALP_PAGE_SIZE == 0);
    status = HalpCommitMemory(&ExpPages[first], count * sizeof(EXP_PAGE), HALP_READ | HALP_WRITE);
    if (status != HALP_OK) {
        return FALSE;
    }
    if (Kind == EXP_KIND_NONPAGED) {
        status = HalpMapSharedMemory(ExpSharedMemory, (ULONG_PTR)address - ExpKernelBase, size,
                                     HALP_READ | HALP_WRITE, address, &mapped);
    } else {
        status = HalpCommitMemory(address, size, HALP_READ | HALP_WRITE);
    }
    if (status != HALP_OK) {
        return FALSE;
    }
    __atomic_store_n(&ExpGrowNext[Kind], first + count, __ATOMIC_RELEASE);
    if (first == 0) {
        /* P4 */
        ExpSetPageState(&ExpPages[0], EXP_PAGE_INTERNAL);
        first++;
        count--;
    }
    ExpCoalesce(Kind, first, count);
    return TRUE;
}

static ULONG
ExpFindSpan(ULONG Kind, ULONG Pages)
{
    for (ULONG bin = Pages; bin < EXP_BINS; bin++) {
        if (ExpBins[Kind][bin] != 0) {
            return ExpBins[Kind][bin];
        }
    }
    for (ULONG index = ExpBins[Kind][0]; index != 0; index = ExpPages[index].Next) {
        if (ExpPages[index].Pages >= Pages) {
            return index;
        }
    }
    return 0;
}

ULONG
ExpAllocateSpan(ULONG Kind, ULONG Pages, UCHAR State)
{
    ULONG index;
    ULONG length;

    ExpAcquireLock(&ExpPageLock);
    index = ExpFindSpan(Kind, Pages);
    if (index == 0 && ExpGrow(Kind, Pages + 1)) {
        index = ExpFindSpan(Kind, Pages);
    }
    if (index != 0) {
        length = ExpPages[index].Pages;
        ExpRemoveFree(Kind, index);
        if (length > Pages) {
            ExpInsertFree(Kind, index + Pages, length - Pages);
        }
        for (ULONG tail = 1; tail < Pages; tail++) {
            ExpSetPageState(&ExpPages[index + tail], EXP_PAGE_TAIL);
            ExpPages[index + tail].Pages = tail;
        }
        ExpPages[index].Pages = Pages;
        ExpPages[index].Next = 0;
        ExpSetPageState(&ExpPages[index], State);
    }
    ExpReleaseLock(&ExpPageLock);
    return index;
}

VOID
ExpFreeSpan(ULONG Index, ULONG Pages)
{
    ULONG kind = ExpKindOf(ExpPageAddress(Index));

    ExpAcquireLock(&ExpPageLock);
    ExpCoalesce(kind, Index, Pages);
    ExpReleaseLock(&ExpPageLock);
}

VOID
ExpPageBounds(ULONG Kind, ULONG *First, ULONG *End)
{
    ExpAcquireLock(&ExpPageLock);
    *First = ExpGrowFirst[Kind];
    *End = ExpGrowNext[Kind];
    ExpReleaseLock(&ExpPageLock);
}

ULONG64
ExpCommittedBytes(VOID)
{
    ULONG64 pages = 0;

    for (ULONG kind = 0; kind < 2; kind++) {
        ULONG first;
        ULONG end;

        ExpPageBounds(kind, &first, &end);
        pages += end - first;
    }
    return pages << PAGE_SHIFT;
}

HALP_STATUS
ExpQueryPoolSection(ULONG_PTR Address, HALP_SHARED_MEMORY **Memory, ULONG64 *Offset)
{
    if (!ExpIsPoolAddress(Address) || ExpKindOf(Address) != EXP_KIND_NONPAGED) {
        return HALP_UNSUPPORTED;
    }
    *Memory = ExpSharedMemory;
    *Offset = Address - ExpKernelBase;
    return HALP_OK;
}
