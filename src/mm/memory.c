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
#define MI_MAXIMUM_MDL (0x100000000ull - PAGE_SIZE)

#define MI_TRIES 8u

/* Physical addresses that an allocation may have; 0 in the last three: no such limit. */
typedef struct MI_LIMITS {
    ULONG64 Low;
    ULONG64 High;      /* the last byte */
    ULONG64 Skip;      /* Low to High, and the same so much higher, and so on */
    ULONG64 Alignment; /* of the first byte */
    ULONG64 Boundary;  /* no multiple of this lies inside */
} MI_LIMITS;

static ULONG64
MiPhysicalAddress(PVOID Address)
{
    return MiAddressToPfn((ULONG_PTR)Address) << PAGE_SHIFT;
}

static BOOLEAN
MiIsPageWithin(const MI_LIMITS *Limits, ULONG64 Page)
{
    ULONG64 skipped = 0;

    if (Page < Limits->Low) {
        return FALSE;
    }
    if (Limits->Skip != 0) {
        skipped = Page - Limits->Low;
        skipped -= skipped % Limits->Skip;
    }
    return Page - skipped + PAGE_SIZE - 1 <= Limits->High;
}

/* Bytes to leave free before a block that begins at First, for it to fit; 0: it fits, or never. */
static ULONG64
MiGapBefore(const MI_LIMITS *Limits, ULONG64 First, SIZE_T Size)
{
    if (Limits->Alignment != 0 && First % Limits->Alignment != 0) {
        return Limits->Alignment - First % Limits->Alignment;
    }
    if (Limits->Boundary != 0 &&
        First / Limits->Boundary != (First + Size - 1) / Limits->Boundary) {
        return Limits->Boundary - First % Limits->Boundary;
    }
    return 0;
}

static BOOLEAN
MiIsWithin(const MI_LIMITS *Limits, ULONG64 First, SIZE_T Size)
{
    if (MiGapBefore(Limits, First, Size) != 0) {
        return FALSE;
    }
    for (SIZE_T offset = 0; offset < Size; offset += PAGE_SIZE) {
        if (!MiIsPageWithin(Limits, First + offset)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Whole pages within the limits, NULL if the pool gives none that are. */
static PVOID
MiAllocateWithin(const MI_LIMITS *Limits, SIZE_T Size, ULONG Tag, ULONG_PTR Caller)
{
    SIZE_T whole = ROUND_TO_PAGES(Size);
    PVOID fillers[MI_TRIES];
    ULONG count = 0;
    PVOID pages;

    for (;;) {
        ULONG64 gap;

        pages = ExpAllocatePages(Size, Tag, Caller);
        if (pages == NULL || MiIsWithin(Limits, MiPhysicalAddress(pages), whole)) {
            break;
        }
        gap = MiGapBefore(Limits, MiPhysicalAddress(pages), whole);
        ExFreePoolWithTag(pages, Tag);
        pages = NULL;
        if (gap == 0 || gap > ExpKernelEnd - ExpKernelBase || count == MI_TRIES) {
            break;
        }
        /* Takes the place of what is before the next address that will do. */
        fillers[count] = ExpAllocatePages(gap, Tag, Caller);
        if (fillers[count] == NULL) {
            break;
        }
        count++;
    }
    while (count != 0) {
        ExFreePoolWithTag(fillers[--count], Tag);
    }
    return pages;
}

/* The limits of MmAllocatePagesForMdlEx; FALSE: the arguments ask for what cannot be. */
static BOOLEAN
MiChunkLimits(MI_LIMITS *Limits, SIZE_T TotalBytes, ULONG Flags)
{
    ULONG64 chunk = Limits->Skip;

    if (chunk % PAGE_SIZE != 0 || (Flags & ~MI_ALLOCATE_FLAGS) != 0) {
        return FALSE;
    }
    if ((Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) != 0 && chunk != 0) {
        if ((chunk & (chunk - 1)) != 0 || TotalBytes % chunk != 0) {
            return FALSE;
        }
        Limits->Alignment = chunk;
        Limits->Skip = 0;
    }
    return TRUE;
}

static PMDL
MiAllocatePagesForMdl(const MI_LIMITS *Limits, SIZE_T Size, ULONG Flags, ULONG_PTR Caller)
{
    PVOID pages;
    PMDL mdl = ExpAllocatePool(NonPagedPoolNx, MmSizeOfMdl(NULL, Size), MI_TAG_MDL, Caller);

    if (mdl == NULL) {
        return NULL;
    }
    pages = MiAllocateWithin(Limits, Size, MI_TAG_PAGES, Caller);
    if (pages == NULL) {
        ExFreePoolWithTag(mdl, MI_TAG_MDL);
        return NULL;
    }
    if ((Flags & MM_DONT_ZERO_ALLOCATION) == 0) {
        memset(pages, 0, Size);
    }
    mdl->Process = NULL;
    mdl->MappedSystemVa = NULL;
    MmInitializeMdl(mdl, NULL, Size);
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    MiFillPfns(mdl, (ULONG_PTR)pages);
    return mdl;
}

/* All pages, else as many as there are, unless the flags want all or none. */
static PMDL
MiAllocateMdl(MI_LIMITS Limits, SIZE_T TotalBytes, ULONG Flags, ULONG_PTR Caller)
{
    SIZE_T size = ROUND_TO_PAGES(TotalBytes);
    SIZE_T unit = PAGE_SIZE;
    BOOLEAN allOrNone = (Flags & MM_ALLOCATE_FULLY_REQUIRED) != 0;
    PMDL mdl;

    if (size == 0 || TotalBytes > MI_MAXIMUM_MDL || !MiChunkLimits(&Limits, TotalBytes, Flags)) {
        return NULL;
    }
    if ((Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) != 0) {
        allOrNone |= Limits.Alignment == 0;
        unit = max(Limits.Alignment, PAGE_SIZE);
    }
    do {
        mdl = MiAllocatePagesForMdl(&Limits, size, Flags, Caller);
        size = size / 2 / unit * unit;
    } while (mdl == NULL && size != 0 && !allOrNone);
    return mdl;
}

static PVOID
MiAllocateContiguous(SIZE_T Size, ULONG64 Low, ULONG64 High, ULONG64 Boundary, ULONG_PTR Caller)
{
    MI_LIMITS limits = {.Low = Low, .High = High, .Boundary = Boundary};

    return Size != 0 ? MiAllocateWithin(&limits, Size, MI_TAG_CONTIGUOUS, Caller) : NULL;
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
 * MmAllocatePagesForMdlEx - pages, without an address of their own, with these physical addresses
 *
 * LowAddress, HighAddress  the first range; SkipBytes, a multiple of the page size, is how much
 *                          higher the next one begins, 0: there is one
 * Flags                    MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS with SkipBytes, a power of two
 *                          that TotalBytes is a multiple of: chunks so long and so aligned
 *
 * Returns  an MDL, maybe of fewer bytes; NULL: no pages, no memory, or a flag that is not known:
 *          large pages are never in the cache, and nothing can be removed hot
 * IRQL     <= DISPATCH_LEVEL
 * Differs  physical addresses are made up, from 4 GB on; the pages lie one behind another
 * Source   WDK reference, nf-wdm-mmallocatepagesformdlex
 */
PMDL NTAPI
MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                        PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                        MEMORY_CACHING_TYPE CacheType, ULONG Flags)
{
    NT_ENTER(MmAllocatePagesForMdlEx);
    MI_LIMITS limits = {.Low = (ULONG64)LowAddress.QuadPart,
                        .High = (ULONG64)HighAddress.QuadPart,
                        .Skip = (ULONG64)SkipBytes.QuadPart};

    return MiAllocateMdl(limits, TotalBytes, Flags, NT_CALLER());
}

PMDL NTAPI
MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                      PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes)
{
    NT_ENTER(MmAllocatePagesForMdl);
    MI_LIMITS limits = {.Low = (ULONG64)LowAddress.QuadPart,
                        .High = (ULONG64)HighAddress.QuadPart,
                        .Skip = (ULONG64)SkipBytes.QuadPart};

    return MiAllocateMdl(limits, TotalBytes, 0, NT_CALLER());
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
    return MiAllocateContiguous(NumberOfBytes, 0, (ULONG64)HighestAcceptableAddress.QuadPart, 0,
                                NT_CALLER());
}

/* BoundaryAddressMultiple: 0, or what the block must not cross a multiple of. NULL: no memory. */
PVOID NTAPI
MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes,
                                       PHYSICAL_ADDRESS LowestAcceptableAddress,
                                       PHYSICAL_ADDRESS HighestAcceptableAddress,
                                       PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                       MEMORY_CACHING_TYPE CacheType)
{
    NT_ENTER(MmAllocateContiguousMemorySpecifyCache);
    return MiAllocateContiguous(NumberOfBytes, (ULONG64)LowestAcceptableAddress.QuadPart,
                                (ULONG64)HighestAcceptableAddress.QuadPart,
                                (ULONG64)BoundaryAddressMultiple.QuadPart, NT_CALLER());
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

/* The start of the image that the address is in; NULL: it is in none. */
PVOID NTAPI
MmPageEntireDriver(PVOID AddressWithinSection)
{
    NT_ENTER(MmPageEntireDriver);
    ULONG_PTR base;
    SIZE_T size;

    for (ULONG i = 0; MiQueryKernelImage(i, &base, &size); i++) {
        if ((ULONG_PTR)AddressWithinSection - base < size) {
            return (PVOID)base;
        }
    }
    return NULL;
}

VOID NTAPI
MmResetDriverPaging(PVOID AddressWithinSection)
{
    NT_ENTER(MmResetDriverPaging);
}

#pragma GCC visibility pop
