/* SPDX-License-Identifier: MIT
 *
 * kernel32/memory.c - local and global memory, and pages
 *
 * Invariant  V1  every range of VirtualAlloc is one entry of BasePages until VirtualFree releases
 *                it; entries do not overlap.
 * Lock       BasePagesLock guards the list.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define PAGE_BYTES 0x1000u
#define GRANULARITY 0x10000u

/* ---- local memory ---- */

/* LocalAlloc - LMEM_FIXED and LMEM_ZEROINIT; movable memory is ERROR_NOT_SUPPORTED */
HLOCAL WINAPI
LocalAlloc(UINT Flags, SIZE_T Size)
{
    if ((Flags & LMEM_MOVEABLE) != 0) {
        BaseFail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    return HeapAlloc(GetProcessHeap(), (Flags & LMEM_ZEROINIT) != 0 ? HEAP_ZERO_MEMORY : 0, Size);
}

/* NULL: done. */
HLOCAL WINAPI
LocalFree(HLOCAL Block)
{
    free(Block);
    return NULL;
}

/* What LocalAlloc gave: fixed memory is its own address. */
LPVOID WINAPI
LocalLock(HLOCAL Block)
{
    return Block;
}

/* FALSE with ERROR_NOT_LOCKED: fixed memory has no lock count. */
BOOL WINAPI
LocalUnlock(HLOCAL Block)
{
    return BaseFail(ERROR_NOT_LOCKED);
}

SIZE_T WINAPI
LocalSize(HLOCAL Block)
{
    SIZE_T size = HeapSize(GetProcessHeap(), 0, Block);

    return size != (SIZE_T)-1 ? size : (SIZE_T)BaseFail(ERROR_INVALID_HANDLE);
}

HLOCAL WINAPI
LocalReAlloc(HLOCAL Block, SIZE_T Size, UINT Flags)
{
    if ((Flags & (LMEM_MODIFY | LMEM_MOVEABLE)) == LMEM_MODIFY) {
        return Block; /* its attributes are what they were */
    }
    if ((Flags & LMEM_MODIFY) != 0) {
        BaseFail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    return HeapReAlloc(GetProcessHeap(), (Flags & LMEM_ZEROINIT) != 0 ? HEAP_ZERO_MEMORY : 0, Block,
                       Size);
}

/* The Global functions are the Local ones under other names; the flags have the same values. */
HGLOBAL WINAPI
GlobalAlloc(UINT Flags, SIZE_T Size)
{
    return LocalAlloc(Flags, Size);
}

HGLOBAL WINAPI
GlobalFree(HGLOBAL Block)
{
    return LocalFree(Block);
}

LPVOID WINAPI
GlobalLock(HGLOBAL Block)
{
    return Block;
}

BOOL WINAPI
GlobalUnlock(HGLOBAL Block)
{
    return LocalUnlock(Block);
}

SIZE_T WINAPI
GlobalSize(HGLOBAL Block)
{
    return LocalSize(Block);
}

HGLOBAL WINAPI
GlobalReAlloc(HGLOBAL Block, SIZE_T Size, UINT Flags)
{
    return LocalReAlloc(Block, Size, Flags);
}

/* ---- pages ---- */

typedef struct BASE_PAGES {
    struct BASE_PAGES *Next;
    ULONG_PTR Base;
    SIZE_T Size;
} BASE_PAGES;

static SRWLOCK BasePagesLock = SRWLOCK_INIT;
static BASE_PAGES *BasePages;

/* The host access of a PAGE_ constant; FALSE for what pages here cannot be. */
static BOOLEAN
HostAccess(DWORD Protection, uint32_t *Access)
{
    switch (Protection) {
    case PAGE_NOACCESS:
        *Access = 0;
        return TRUE;
    case PAGE_READONLY:
        *Access = NTDLL_HOST_READ;
        return TRUE;
    case PAGE_READWRITE:
        *Access = NTDLL_HOST_READ | NTDLL_HOST_WRITE;
        return TRUE;
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
        *Access = NTDLL_HOST_READ | NTDLL_HOST_EXECUTE;
        return TRUE;
    case PAGE_EXECUTE_READWRITE:
        *Access = NTDLL_HOST_READ | NTDLL_HOST_WRITE | NTDLL_HOST_EXECUTE;
        return TRUE;
    default:
        return FALSE;
    }
}

/* The link to the entry that has all of the range, or to NULL. */
static BASE_PAGES **
FindPagesLocked(ULONG_PTR Address, SIZE_T Size)
{
    BASE_PAGES **link = &BasePages;

    while (*link != NULL && (Address < (*link)->Base || Size > (*link)->Size ||
                             Address - (*link)->Base > (*link)->Size - Size)) {
        link = &(*link)->Next;
    }
    return link;
}

/* From the arena, if there is one with room; then the pages are the kernel's to see as well. */
static PVOID
MapPages(PVOID Address, SIZE_T Size, uint32_t Access)
{
    PVOID mapped;

    NtdllLookForHost();
    mapped = NtdllArenaReserve(Address, Size, GRANULARITY);
    if (mapped == NULL) {
        return NtdllHostMapPages(Address, Size, GRANULARITY, Access);
    }
    if (Access != 0 && !NtdllArenaProtect(mapped, Size, Access)) {
        NtdllArenaRelease(mapped);
        return NtdllHostMapPages(Address, Size, GRANULARITY, Access);
    }
    return mapped;
}

static BOOLEAN
ProtectPages(PVOID Address, SIZE_T Size, uint32_t Access)
{
    return NtdllIsInArena(Address) ? NtdllArenaProtect(Address, Size, Access)
                                   : NtdllHostProtectPages(Address, Size, Access) != 0;
}

static BOOLEAN
ForgetPages(PVOID Address, SIZE_T Size)
{
    return NtdllIsInArena(Address) ? NtdllArenaForget(Address, Size)
                                   : NtdllHostForgetPages(Address, Size) != 0;
}

static VOID
UnmapPages(PVOID Address, SIZE_T Size)
{
    if (NtdllIsInArena(Address)) {
        NtdllArenaRelease(Address);
    } else {
        NtdllHostUnmapPages(Address, Size);
    }
}

static PVOID
ReservePages(PVOID Address, SIZE_T Size, uint32_t Access)
{
    ULONG_PTR base = (ULONG_PTR)Address & ~(ULONG_PTR)(GRANULARITY - 1);
    BASE_PAGES *pages = malloc(sizeof(*pages));
    PVOID mapped = NULL;

    Size += (ULONG_PTR)Address - base;
    Size = (Size + PAGE_BYTES - 1) & ~(SIZE_T)(PAGE_BYTES - 1);
    if (pages != NULL) {
        mapped = MapPages((PVOID)base, Size, Access);
    }
    if (mapped == NULL) {
        free(pages);
        BaseFail(Address != NULL ? ERROR_INVALID_ADDRESS : ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    pages->Base = (ULONG_PTR)mapped;
    pages->Size = Size;
    AcquireSRWLockExclusive(&BasePagesLock);
    pages->Next = BasePages;
    BasePages = pages;
    ReleaseSRWLockExclusive(&BasePagesLock);
    return mapped;
}

/* Rounds a range out to whole pages. */
static VOID
RoundToPages(ULONG_PTR *Address, SIZE_T *Size)
{
    ULONG_PTR start = *Address & ~(ULONG_PTR)(PAGE_BYTES - 1);

    *Size = (*Size + (*Address - start) + PAGE_BYTES - 1) & ~(SIZE_T)(PAGE_BYTES - 1);
    *Address = start;
}

static BOOL
ChangePages(ULONG_PTR Address, SIZE_T Size, uint32_t Access)
{
    BOOL done;

    RoundToPages(&Address, &Size);
    AcquireSRWLockShared(&BasePagesLock);
    done = *FindPagesLocked(Address, Size) != NULL && ProtectPages((PVOID)Address, Size, Access);
    ReleaseSRWLockShared(&BasePagesLock);
    return done ? TRUE : BaseFail(ERROR_INVALID_ADDRESS);
}

/*
 * VirtualAlloc - reserve address space, commit pages, or both
 *
 * Type     MEM_RESERVE, MEM_COMMIT or both; MEM_TOP_DOWN is a wish without effect
 * Errors   ERROR_INVALID_PARAMETER (sizes, unknown types and protections), ERROR_INVALID_ADDRESS
 *          (taken, or committing what is not reserved), ERROR_NOT_ENOUGH_MEMORY
 * Differs  no guard pages, write-watch, large pages: ERROR_INVALID_PARAMETER
 */
LPVOID WINAPI
VirtualAlloc(LPVOID Address, SIZE_T Size, DWORD Type, DWORD Protection)
{
    uint32_t access;

    Type &= ~(DWORD)MEM_TOP_DOWN;
    if (Size == 0 || Size > SIZE_MAX / 2 || (Type & ~(DWORD)(MEM_RESERVE | MEM_COMMIT)) != 0 ||
        Type == 0 || !HostAccess(Protection, &access)) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if ((Type & MEM_RESERVE) != 0 || Address == NULL) {
        return ReservePages(Address, Size, (Type & MEM_COMMIT) != 0 ? access : 0);
    }
    if (!ChangePages((ULONG_PTR)Address, Size, access)) {
        return NULL;
    }
    return (PVOID)((ULONG_PTR)Address & ~(ULONG_PTR)(PAGE_BYTES - 1));
}

/* VirtualFree - MEM_RELEASE (Size 0, Address as returned) or MEM_DECOMMIT */
BOOL WINAPI
VirtualFree(LPVOID Address, SIZE_T Size, DWORD Type)
{
    ULONG_PTR start = (ULONG_PTR)Address;
    BASE_PAGES **link;
    BASE_PAGES *pages;
    DWORD error = ERROR_SUCCESS;

    if ((Type != MEM_RELEASE && Type != MEM_DECOMMIT) || (Type == MEM_RELEASE && Size != 0)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    AcquireSRWLockExclusive(&BasePagesLock);
    if (Type == MEM_DECOMMIT) {
        RoundToPages(&start, &Size);
    }
    link = FindPagesLocked(start, Size);
    pages = *link;
    if (pages == NULL || (Size == 0 && pages->Base != start)) {
        error = ERROR_INVALID_ADDRESS;
    } else if (Type == MEM_RELEASE) {
        *link = pages->Next;
        UnmapPages((PVOID)pages->Base, pages->Size);
        free(pages);
    } else if (!ForgetPages((PVOID)start, Size != 0 ? Size : pages->Size)) {
        error = ERROR_INVALID_ADDRESS;
    }
    ReleaseSRWLockExclusive(&BasePagesLock);
    return error == ERROR_SUCCESS ? TRUE : BaseFail(error);
}

/*
 * VirtualProtect - change the protection of pages of VirtualAlloc
 *
 * Differs  *Old is PAGE_READWRITE whatever it was; other memory is ERROR_INVALID_ADDRESS
 */
BOOL WINAPI
VirtualProtect(LPVOID Address, SIZE_T Size, DWORD Protection, PDWORD Old)
{
    uint32_t access;

    if (Size == 0 || Old == NULL || !HostAccess(Protection, &access)) {
        return BaseFail(Old == NULL ? ERROR_NOACCESS : ERROR_INVALID_PARAMETER);
    }
    if (!ChangePages((ULONG_PTR)Address, Size, access)) {
        return FALSE;
    }
    *Old = PAGE_READWRITE;
    return TRUE;
}

/* Protection of a host access. */
static DWORD
ProtectionOf(uint32_t Access)
{
    switch (Access) {
    case 0:
        return PAGE_NOACCESS;
    case NTDLL_HOST_READ:
        return PAGE_READONLY;
    case NTDLL_HOST_READ | NTDLL_HOST_EXECUTE:
        return PAGE_EXECUTE_READ;
    case NTDLL_HOST_EXECUTE:
        return PAGE_EXECUTE;
    default:
        return (Access & NTDLL_HOST_EXECUTE) != 0 ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
    }
}

/*
 * VirtualQuery - what lies at an address
 *
 * Returns  bytes written; 0: Address is beyond user space (ERROR_INVALID_PARAMETER), or Length is
 *          too small (ERROR_BAD_LENGTH)
 * Differs  pages of VirtualAlloc that are committed with PAGE_NOACCESS are told as reserved;
 *          AllocationProtect is Protect; AllocationBase of other memory is the region's start
 */
SIZE_T WINAPI
VirtualQuery(LPCVOID Address, PMEMORY_BASIC_INFORMATION Information, SIZE_T Length)
{
    uintptr_t page = (uintptr_t)Address & ~(uintptr_t)(PAGE_BYTES - 1);
    MEMORY_BASIC_INFORMATION answer = {0};
    NTDLL_HOST_REGION region;
    BASE_PAGES *pages;

    if (Length < sizeof(answer)) {
        BaseFail(ERROR_BAD_LENGTH);
        return 0;
    }
    if (!NtdllHostQueryRegion(page, &region)) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return 0;
    }
    AcquireSRWLockShared(&BasePagesLock);
    pages = *FindPagesLocked(page, 1);
    if (pages != NULL) {
        /* Neighbours of the host's that it joined are not of this allocation. */
        region.End =
            region.End > pages->Base + pages->Size ? pages->Base + pages->Size : region.End;
        answer.AllocationBase = (PVOID)pages->Base;
    } else {
        answer.AllocationBase = (PVOID)region.Start;
    }
    ReleaseSRWLockShared(&BasePagesLock);
    answer.BaseAddress = (PVOID)page;
    answer.RegionSize = region.End - page;
    if (!region.IsMapped) {
        answer.AllocationBase = NULL;
        answer.State = MEM_FREE;
        answer.Protect = PAGE_NOACCESS;
    } else {
        answer.State = pages != NULL && region.Access == 0 ? MEM_RESERVE : MEM_COMMIT;
        answer.Type = NtdllIsInArena(Address) ? MEM_PRIVATE
                      : region.IsShared       ? MEM_MAPPED
                      : region.IsFile         ? MEM_IMAGE
                                              : MEM_PRIVATE;
        answer.AllocationProtect = ProtectionOf(region.Access);
        answer.Protect = answer.State == MEM_COMMIT ? answer.AllocationProtect : 0;
    }
    *Information = answer;
    return sizeof(answer);
}

/* VirtualLock - ERROR_WORKING_SET_QUOTA: more than the host lets; ERROR_NOACCESS: not committed */
BOOL WINAPI
VirtualLock(LPVOID Address, SIZE_T Size)
{
    MEMORY_BASIC_INFORMATION information;

    if (Size == 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (VirtualQuery(Address, &information, sizeof(information)) == 0 ||
        information.State != MEM_COMMIT || information.Protect == PAGE_NOACCESS) {
        return BaseFail(ERROR_NOACCESS);
    }
    return NtdllHostLockPages(Address, Size, 1) ? TRUE : BaseFail(ERROR_WORKING_SET_QUOTA);
}

/* VirtualUnlock - Differs: pages that are not locked are no error */
BOOL WINAPI
VirtualUnlock(LPVOID Address, SIZE_T Size)
{
    return Size != 0 && NtdllHostLockPages(Address, Size, 0) ? TRUE : BaseFail(ERROR_NOT_LOCKED);
}
