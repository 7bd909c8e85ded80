/* SPDX-License-Identifier: MIT
 *
 * mm/map.c - mapping locked pages into the system's and the user's address space
 *
 * The system can already reach every page of this host process, so a system mapping is the page's
 * own address. A user mapping of non-paged pool is a real second mapping of its shared memory: a
 * user address, never executable, read-only if asked for.
 *
 * Invariants  U1  A user mapping is on MiUserMappings from its creation until MmUnmapLockedPages or
 *                 the rundown of its process, whichever takes it off first.
 * Locks       MiMappingLock (spin) guards the list. No host call is made while it is held.
 * Source      WDK reference, wdm.h MmMapLockedPagesSpecifyCache (2018-01-04), MmUnmapLockedPages,
 *             MmProtectMdlSystemAddress.
 */
#include "mm/client.h"
#include "mm/mi.h"

#define MI_MAPPING_NO_WRITE 0x80000000u
#define MI_BUGCHECK_NO_PTES 0x3F

typedef struct MI_USER_MAPPING {
    LIST_ENTRY Link;
    PEPROCESS Process;
    PVOID Base; /* page-aligned */
    SIZE_T Size;
    MI_CLIENT_MAPPING *Remote; /* of a process of its own; else NULL */
    MI_ISOLATED *Pages;        /* Remote's memory */
} MI_USER_MAPPING;

static KSPIN_LOCK MiMappingLock;
static LIST_ENTRY MiUserMappings NT_GUARDED_BY(MiMappingLock) = {&MiUserMappings, &MiUserMappings};

static DECLSPEC_NORETURN VOID
MiReportMapping(ULONG SubCode, PMDL Mdl, const char *Text)
{
    KiBugCheckDetail(MI_BUGCHECK_VERIFIER, SubCode, (ULONG_PTR)Mdl, (USHORT)Mdl->MdlFlags, 0,
                     "%s (MDL %p, flags %#x)", Text, (void *)Mdl, (unsigned)(USHORT)Mdl->MdlFlags);
}

/* ---- user mappings ---- */

/* Maps the pool pages of the MDL once more. STATUS_NOT_SUPPORTED: they are not non-paged pool. */
static NTSTATUS
MiMapUser(PMDL Mdl, ULONG Priority, MI_USER_MAPPING *Mapping)
{
    ULONG pages =
        ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)(ULONG_PTR)Mdl->ByteOffset, (ULONG64)Mdl->ByteCount);
    ULONG access = (Priority & MI_MAPPING_NO_WRITE) != 0 ? HALP_READ : HALP_READ | HALP_WRITE;
    ULONG_PTR base = MiPfnToAddress(MmGetMdlPfnArray(Mdl)[0]);
    HALP_SHARED_MEMORY *memory;
    ULONG64 offset;

    Mapping->Size = (SIZE_T)pages << PAGE_SHIFT;
    if (ExpQueryPoolSection(base, &memory, &offset) != HALP_OK) {
        return STATUS_NOT_SUPPORTED;
    }
    if (HalpShouldFail("map") || HalpMapSharedMemory(memory, offset, Mapping->Size, access, NULL,
                                                     &Mapping->Base) != HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

/* The same into a process of its own: the pages are taken out of the pool meanwhile. */
static NTSTATUS
MiMapRemote(MI_CLIENT *Client, PMDL Mdl, ULONG Priority, MI_USER_MAPPING *Mapping)
{
    ULONG pages =
        ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)(ULONG_PTR)Mdl->ByteOffset, (ULONG64)Mdl->ByteCount);
    ULONG_PTR base = MiPfnToAddress(MmGetMdlPfnArray(Mdl)[0]);
    HALP_SHARED_MEMORY *memory;
    NTSTATUS status;
    ULONG64 offset;

    NT_IRQL_MAX(APC_LEVEL);
    Mapping->Size = (SIZE_T)pages << PAGE_SHIFT;
    status = MiIsolatePages(base, Mapping->Size, &Mapping->Pages);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    memory = MiIsolatedMemory(Mapping->Pages, base, &offset);
    status =
        MiMapIntoClient(Client, memory, offset, Mapping->Size, PAGE_SIZE,
                        (Priority & MI_MAPPING_NO_WRITE) == 0, &Mapping->Remote, &Mapping->Base);
    if (!NT_SUCCESS(status)) {
        MiRejoinPages(Mapping->Pages);
    }
    return status;
}

static NTSTATUS
MiCreateUserMapping(PMDL Mdl, ULONG Priority, PVOID *Address)
{
    MI_CLIENT *client = MiCurrentClient();
    MI_USER_MAPPING *mapping;
    NTSTATUS status;
    KIRQL irql;

    mapping = ExpAllocatePool(NonPagedPoolNx, sizeof(*mapping), MI_TAG_MAPPING, NT_CALLER());
    if (mapping == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    mapping->Remote = NULL;
    status = client != NULL ? MiMapRemote(client, Mdl, Priority, mapping)
                            : MiMapUser(Mdl, Priority, mapping);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(mapping, MI_TAG_MAPPING);
        return status;
    }
    mapping->Process = (PEPROCESS)KiGetCurrentThread()->Process;
    *Address = (PUCHAR)mapping->Base + Mdl->ByteOffset;
    KeAcquireSpinLock(&MiMappingLock, &irql);
    InsertTailList(&MiUserMappings, &mapping->Link);
    KeReleaseSpinLock(&MiMappingLock, irql);
    return STATUS_SUCCESS;
}

/* Takes the mapping at Base (NULL: any) of Process (NULL: any) off the list; NULL: none. */
static MI_USER_MAPPING *
MiTakeUserMapping(PVOID Base, PEPROCESS Process)
{
    MI_USER_MAPPING *found = NULL;
    PLIST_ENTRY link;
    KIRQL irql;

    KeAcquireSpinLock(&MiMappingLock, &irql);
    for (link = MiUserMappings.Flink; link != &MiUserMappings; link = link->Flink) {
        MI_USER_MAPPING *mapping = CONTAINING_RECORD(link, MI_USER_MAPPING, Link);

        if ((Base == NULL || mapping->Base == Base) &&
            (Process == NULL || mapping->Process == Process)) {
            found = mapping;
            RemoveEntryList(link);
            break;
        }
    }
    KeReleaseSpinLock(&MiMappingLock, irql);
    return found;
}

static VOID
MiDeleteUserMapping(MI_USER_MAPPING *Mapping)
{
    if (Mapping->Remote != NULL) {
        MiUnmapFromClient(Mapping->Remote);
        MiRejoinPages(Mapping->Pages);
    } else {
        HalpUnmapSharedMemory(Mapping->Base, Mapping->Size);
    }
    ExFreePoolWithTag(Mapping, MI_TAG_MAPPING);
}

LONG
MiUserMappingCount(PEPROCESS Process)
{
    LONG count = 0;
    PLIST_ENTRY link;
    KIRQL irql;

    KeAcquireSpinLock(&MiMappingLock, &irql);
    for (link = MiUserMappings.Flink; link != &MiUserMappings; link = link->Flink) {
        MI_USER_MAPPING *mapping = CONTAINING_RECORD(link, MI_USER_MAPPING, Link);

        count += Process == NULL || mapping->Process == Process;
    }
    KeReleaseSpinLock(&MiMappingLock, irql);
    return count;
}

VOID
MiRundownProcessMappings(PEPROCESS Process)
{
    MI_USER_MAPPING *mapping = MiTakeUserMapping(NULL, Process);

    while (mapping != NULL) {
        MiDeleteUserMapping(mapping);
        mapping = MiTakeUserMapping(NULL, Process);
    }
    MiRundownViews(Process);
}

/* ---- system mappings ---- */

VOID
MiEndSystemMapping(PMDL Mdl)
{
    if ((Mdl->MdlFlags & MDL_INTERNAL) != 0) {
        ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)(ULONG_PTR)Mdl->ByteOffset,
                                                     (ULONG64)Mdl->ByteCount);

        HalpProtectMemory((PVOID)MiPfnToAddress(MmGetMdlPfnArray(Mdl)[0]),
                          (SIZE_T)pages << PAGE_SHIFT, HALP_READ | HALP_WRITE);
        Mdl->MdlFlags &= ~MDL_INTERNAL;
    }
}

static PVOID
MiMapSystem(PMDL Mdl, ULONG BugCheckOnFailure)
{
    if ((Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) != 0) {
        MiReportMapping(0xB2, Mdl, "MmMapLockedPagesSpecifyCache on an MDL that is mapped already");
    }
    if ((Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL)) == 0) {
        MiReportMapping(0xB3, Mdl, "MmMapLockedPagesSpecifyCache on an MDL that is not locked");
    }
    if (HalpShouldFail("map")) {
        if (BugCheckOnFailure) {
            KiBugCheckDetail(MI_BUGCHECK_NO_PTES, 0, Mdl->ByteCount, 0, 0,
                             "The MDL cannot be mapped, and BugCheckOnFailure was set.");
        }
        return NULL;
    }
    Mdl->MappedSystemVa = (PVOID)MiMdlAddress(Mdl);
    Mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    if ((Mdl->MdlFlags & MDL_PARTIAL) != 0) {
        Mdl->MdlFlags |= MDL_PARTIAL_HAS_BEEN_MAPPED;
    }
    __atomic_add_fetch(&MiMappedMdls, 1, __ATOMIC_RELAXED);
    return Mdl->MappedSystemVa;
}

static VOID
MiUnmapSystem(PMDL Mdl)
{
    if ((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) == 0 ||
        (Mdl->MdlFlags & (MDL_PARENT_MAPPED_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED)) ==
            MDL_PARENT_MAPPED_SYSTEM_VA) {
        MiReportMapping(0xB3, Mdl, "MmUnmapLockedPages on an MDL that has no mapping of its own");
    }
    MiEndSystemMapping(Mdl);
    Mdl->MdlFlags &= ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
    __atomic_sub_fetch(&MiMappedMdls, 1, __ATOMIC_RELAXED);
}

#pragma GCC visibility push(default)

/*
 * MmMapLockedPagesSpecifyCache - see the reference
 *
 * Errors   KernelMode: NULL. UserMode: raises STATUS_INSUFFICIENT_RESOURCES, or
 * STATUS_NOT_SUPPORTED for pages that are not non-paged pool, or STATUS_CONFLICTING_ADDRESSES for a
 * BaseAddress IRQL     KernelMode <= DISPATCH_LEVEL, UserMode <= APC_LEVEL Differs  the system
 * address of a page is its own address; CacheType has no effect
 */
PVOID NTAPI
MmMapLockedPagesSpecifyCache(PMDLX MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                             MEMORY_CACHING_TYPE CacheType, PVOID BaseAddress,
                             ULONG BugCheckOnFailure, MM_PAGE_PRIORITY Priority)
{
    NT_ENTER(MmMapLockedPagesSpecifyCache);
    PVOID address;
    NTSTATUS status;

    if (AccessMode == KernelMode) {
        NT_IRQL_MAX(DISPATCH_LEVEL);
        return MiMapSystem(MemoryDescriptorList, BugCheckOnFailure);
    }
    if ((MemoryDescriptorList->MdlFlags &
         (MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL)) == 0) {
        MiReportMapping(0xB3, MemoryDescriptorList,
                        "MmMapLockedPagesSpecifyCache(UserMode) on an MDL that is not locked");
    }
    if (BaseAddress != NULL) {
        ExRaiseStatus(STATUS_CONFLICTING_ADDRESSES);
    }
    status = MiCreateUserMapping(MemoryDescriptorList, (ULONG)Priority, &address);
    if (!NT_SUCCESS(status)) {
        ExRaiseStatus(status);
    }
    return address;
}

PVOID NTAPI
MmMapLockedPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode)
{
    NT_ENTER(MmMapLockedPages);
    return MmMapLockedPagesSpecifyCache(MemoryDescriptorList, AccessMode, MmCached, NULL, TRUE,
                                        HighPagePriority);
}

/* IRQL: system mappings <= DISPATCH_LEVEL, user mappings <= APC_LEVEL, in the mapping's process. */
VOID NTAPI
MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)
{
    NT_ENTER(MmUnmapLockedPages);
    MI_USER_MAPPING *mapping;

    if ((MemoryDescriptorList->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0 &&
        BaseAddress == MemoryDescriptorList->MappedSystemVa) {
        MiUnmapSystem(MemoryDescriptorList);
        return;
    }
    mapping = MiTakeUserMapping(PAGE_ALIGN(BaseAddress), (PEPROCESS)KiGetCurrentThread()->Process);
    if (mapping == NULL) {
        MiReportMapping(0xB3, MemoryDescriptorList,
                        "MmUnmapLockedPages: the address is not a mapping of the current process");
    }
    NT_IRQL_MAX(APC_LEVEL);
    MiDeleteUserMapping(mapping);
}

/*
 * Differs  works on MDLs of MmAllocatePagesForMdl[Ex] only: elsewhere the system address is the
 *          page's own, and others use it: STATUS_NOT_SUPPORTED
 */
NTSTATUS NTAPI
MmProtectMdlSystemAddress(PMDL MemoryDescriptorList, ULONG NewProtect)
{
    NT_ENTER(MmProtectMdlSystemAddress);
    PMDL mdl = MemoryDescriptorList;
    ULONG pages =
        ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)(ULONG_PTR)mdl->ByteOffset, (ULONG64)mdl->ByteCount);
    ULONG access;

    if ((mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) == 0) {
        return STATUS_NOT_MAPPED_VIEW;
    }
    switch (NewProtect) {
    case PAGE_NOACCESS:
        access = 0;
        break;
    case PAGE_READONLY:
    case PAGE_EXECUTE_READ:
        access = HALP_READ;
        break;
    case PAGE_READWRITE:
    case PAGE_EXECUTE_READWRITE:
        access = HALP_READ | HALP_WRITE;
        break;
    default:
        return STATUS_INVALID_PAGE_PROTECTION;
    }
    if (mdl->StartVa != NULL || (mdl->MdlFlags & MDL_PARTIAL) != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    if (HalpProtectMemory((PVOID)MiPfnToAddress(MmGetMdlPfnArray(mdl)[0]),
                          (SIZE_T)pages << PAGE_SHIFT, access) != HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    mdl->MdlFlags |= MDL_INTERNAL;
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
