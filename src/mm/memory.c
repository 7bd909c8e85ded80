/* SPDX-License-Identifier: MIT
 *
 * mm/memory.c - pages without a pool block of the driver's own, physical addresses, the system's
 * size
 *
 * Contiguous and non-cached memory is non-paged pool in whole pages; its made-up physical addresses
 * are contiguous as well. Physical addresses mean nothing to a device: there is none.
 *
 * Source      WDK reference, wdm.h MmAllocatePagesForMdlEx (2018-04-30),
 * MmAllocateContiguousMemory, ntddk.h MmGetPhysicalAddress, MmAllocateNonCachedMemory.
 */
#include "mm/mi.h"

#define MI_ALLOCATE_FLAGS                                                                      \
    (MM_DONT_ZERO_ALLOCATION | MM_ALLOCATE_FROM_LOCAL_NODE_ONLY | MM_ALLOCATE_FULLY_REQUIRED | \
     MM_ALLOCATE_NO_WAIT | MM_ALLOCATE_PREFER_CONTIGUOUS | MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS)

/* Some of the pages asked for lie in [Low, High], as far as made-up addresses go. */
static BOOLEAN
MiPoolIsBelow(PHYSICAL_ADDRESS High)
{
    ULONG64 first = MI_POOL_FIRST_PFN << PAGE_SHIFT;
    ULONG64 size = (ExpKernelEnd - ExpKernelBase) / 2;

    return (ULONG64)High.QuadPart >= first + size - 1;
}

static PMDL
MiAllocatePagesForMdl(SIZE_T TotalBytes, ULONG Flags, ULONG_PTR Caller)
{
    SIZE_T size = ROUND_TO_PAGES(TotalBytes);
    PVOID pages;
    PMDL mdl;

    if (size == 0 || size > 0xFFFFFFFFull - PAGE_SIZE || (Flags & ~MI_ALLOCATE_FLAGS) != 0) {
        return NULL;
    }
    mdl = ExpAllocatePool(NonPagedPoolNx, MmSizeOfMdl(NULL, size), MI_TAG_MDL, Caller);
    if (mdl == NULL) {
        return NULL;
    }
    pages = ExpAllocatePages(size, MI_TAG_PAGES, Caller);
    if (pages == NULL) {
        ExFreePoolWithTag(mdl, MI_TAG_MDL);
        return NULL;
    }
    if ((Flags & MM_DONT_ZERO_ALLOCATION) == 0) {
        memset(pages, 0, size);
    }
    mdl->Process = NULL;
    mdl->MappedSystemVa = NULL;
    MmInitializeMdl(mdl, NULL, size);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    MiFillPfns(mdl, (ULONG_PTR)pages);
    return mdl;
}

static PVOID
MiAllocateContiguous(SIZE_T Size, PHYSICAL_ADDRESS High, ULONG_PTR Caller)
{
    return Size != 0 && MiPoolIsBelow(High) ? ExpAllocatePages(Size, MI_TAG_CONTIGUOUS, Caller)
                                            : NULL;
}

static VOID
MiFreeContiguous(PVOID BaseAddress)
{
    if (BaseAddress == NULL || BYTE_OFFSET(BaseAddress) != 0) {
        KiBugCheckDetail(0xC2, 0x60, (ULONG_PTR)BaseAddress, 0, 0,
                         "MmFreeContiguousMemory of an address that was not allocated so.");
    }
    ExFreePoolWithTag(BaseAddress, MI_TAG_CONTIGUOUS);
}

#pragma GCC visibility push(default)

/*
 * Differs  all pages or none; the physical limits are honoured only in that a HighAddress below the
 *          made-up addresses of the pool (4 GB) finds nothing
 */
PMDL NTAPI
MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                        PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                        MEMORY_CACHING_TYPE CacheType, ULONG Flags)
{
    NT_ENTER(MmAllocatePagesForMdlEx);
    return MiPoolIsBelow(HighAddress) ? MiAllocatePagesForMdl(TotalBytes, Flags, NT_CALLER())
                                      : NULL;
}

PMDL NTAPI
MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                      PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes)
{
    NT_ENTER(MmAllocatePagesForMdl);
    return MiPoolIsBelow(HighAddress) ? MiAllocatePagesForMdl(TotalBytes, 0, NT_CALLER()) : NULL;
}

/* The MDL itself is the caller's to free, with ExFreePool. */
VOID NTAPI
MmFreePagesFromMdl(PMDLX MemoryDescriptorList)
{
    NT_ENTER(MmFreePagesFromMdl);
    PMDL mdl = MemoryDescriptorList;

    if ((mdl->MdlFlags & MDL_PAGES_LOCKED) == 0 || mdl->StartVa != NULL) {
        KiBugCheckDetail(MI_BUGCHECK_VERIFIER, 0x7C, (ULONG_PTR)mdl, (USHORT)mdl->MdlFlags, 0,
                         "MmFreePagesFromMdl on an MDL that MmAllocatePagesForMdl did not make, or "
                         "for the second time.");
    }
    if ((mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0) {
        MmUnmapLockedPages(mdl->MappedSystemVa, mdl);
    }
    mdl->MdlFlags &= ~MDL_PAGES_LOCKED;
    ExFreePoolWithTag((PVOID)MiPfnToAddress(MmGetMdlPfnArray(mdl)[0]), MI_TAG_PAGES);
}

PVOID NTAPI
MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress)
{
    NT_ENTER(MmAllocateContiguousMemory);
    return MiAllocateContiguous(NumberOfBytes, HighestAcceptableAddress, NT_CALLER());
}

PVOID NTAPI
MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes,
                                       PHYSICAL_ADDRESS LowestAcceptableAddress,
                                       PHYSICAL_ADDRESS HighestAcceptableAddress,
                                       PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                       MEMORY_CACHING_TYPE CacheType)
{
    NT_ENTER(MmAllocateContiguousMemorySpecifyCache);
    return MiAllocateContiguous(NumberOfBytes, HighestAcceptableAddress, NT_CALLER());
}

VOID NTAPI
MmFreeContiguousMemory(PVOID BaseAddress)
{
    NT_ENTER(MmFreeContiguousMemory);
    MiFreeContiguous(BaseAddress);
}

VOID NTAPI
MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes,
                                   MEMORY_CACHING_TYPE CacheType)
{
    NT_ENTER(MmFreeContiguousMemorySpecifyCache);
    MiFreeContiguous(BaseAddress);
}

PVOID NTAPI
MmAllocateNonCachedMemory(SIZE_T NumberOfBytes)
{
    NT_ENTER(MmAllocateNonCachedMemory);
    return NumberOfBytes == 0 ? NULL
                              : ExpAllocatePages(NumberOfBytes, MI_TAG_CONTIGUOUS, NT_CALLER());
}

VOID NTAPI
MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    NT_ENTER(MmFreeNonCachedMemory);
    MiFreeContiguous(BaseAddress);
}

/* Differs: a made-up number, stable while the page lives (mi.h). 0 for an address without memory.
 */
PHYSICAL_ADDRESS NTAPI
MmGetPhysicalAddress(PVOID BaseAddress)
{
    PHYSICAL_ADDRESS physical = {.QuadPart = 0};

    if (MmIsAddressValid(BaseAddress)) {
        physical.QuadPart = (LONGLONG)(MiAddressToPfn((ULONG_PTR)BaseAddress) << PAGE_SHIFT) |
                            BYTE_OFFSET(BaseAddress);
    }
    return physical;
}

PVOID NTAPI
MmGetVirtualForPhysical(PHYSICAL_ADDRESS PhysicalAddress)
{
    ULONG_PTR page = MiPfnToAddress((ULONG64)PhysicalAddress.QuadPart >> PAGE_SHIFT);

    return page == 0 ? NULL : (PVOID)(page | (PhysicalAddress.QuadPart & (PAGE_SIZE - 1)));
}

PVOID NTAPI
MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes,
             MEMORY_CACHING_TYPE CacheEnable)
{
    NT_ENTER(MmMapIoSpace);
    KiUnimplementedExport("MmMapIoSpace");
}

VOID NTAPI
MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    NT_ENTER(MmUnmapIoSpace);
    KiUnimplementedExport("MmUnmapIoSpace");
}

BOOLEAN NTAPI
MmIsThisAnNtAsSystem(VOID)
{
    return FALSE;
}

MM_SYSTEMSIZE NTAPI
MmQuerySystemSize(VOID)
{
    return MmLargeSystem;
}

LOGICAL NTAPI
MmIsDriverVerifying(struct _DRIVER_OBJECT *DriverObject)
{
    NT_ENTER(MmIsDriverVerifying);
    return ExpVerifying;
}

LOGICAL NTAPI
MmIsDriverVerifyingByAddress(PVOID AddressWithinSection)
{
    NT_ENTER(MmIsDriverVerifyingByAddress);
    return ExpVerifying;
}

/* Code and data of drivers are always resident: these have nothing to do. */
PVOID NTAPI
MmLockPagableDataSection(PVOID AddressWithinSection)
{
    NT_ENTER(MmLockPagableDataSection);
    return AddressWithinSection;
}

VOID NTAPI
MmLockPagableSectionByHandle(PVOID ImageSectionHandle)
{
    NT_ENTER(MmLockPagableSectionByHandle);
}

VOID NTAPI
MmUnlockPagableImageSection(PVOID ImageSectionHandle)
{
    NT_ENTER(MmUnlockPagableImageSection);
}

PVOID NTAPI
MmPageEntireDriver(PVOID AddressWithinSection)
{
    NT_ENTER(MmPageEntireDriver);
    return AddressWithinSection;
}

VOID NTAPI
MmResetDriverPaging(PVOID AddressWithinSection)
{
    NT_ENTER(MmResetDriverPaging);
}

#pragma GCC visibility pop
