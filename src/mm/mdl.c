/* SPDX-License-Identifier: MIT
 *
 * mm/mdl.c - memory descriptor lists: allocating, building, locking
 *
 * Nothing is ever paged out here, so to lock pages is to check them once, to number them, and to
 * count. A locked user page can still be unmapped by its own process; a later access through the
 * MDL is then a fault at the user's address.
 *
 * Invariants  D1  MiLockedMdls counts MDLs between a successful MiProbeAndLockMdl and
 *                 MmUnlockPages.
 *             D2  A driver must not touch the fields; io and the DDK's macros read them, so flags
 *                 are exactly those that Windows sets.
 * Source      WDK reference, wdm.h IoAllocateMdl, IoBuildPartialMdl, MmProbeAndLockPages,
 *             MmBuildMdlForNonPagedPool (2018-04-30); bug check 0xC4 for misuse.
 */
#include "mm/client.h"
#include "mm/mi.h"

#define MI_FREED_FILL 0xDDDDDDDDDDDDDDDDull /* what ex writes to the start of freed blocks */

#define MI_FIXED_PAGES 23u /* what an MDL of fixed size has room for */

static LONG MiLockedMdls;
LONG MiMappedMdls;

LONG
MiLockedMdlCount(VOID)
{
    return __atomic_load_n(&MiLockedMdls, __ATOMIC_RELAXED) +
           __atomic_load_n(&MiMappedMdls, __ATOMIC_RELAXED);
}

PFN_NUMBER
MiAddressToPfn(ULONG_PTR Address)
{
    HALP_SHARED_MEMORY *memory;
    ULONG64 offset;

    if (ExpQueryPoolSection(Address, &memory, &offset) == HALP_OK) {
        return MI_POOL_FIRST_PFN + (offset >> PAGE_SHIFT);
    }
    return MI_VIRTUAL_PFN | (Address >> PAGE_SHIFT);
}

ULONG_PTR
MiPfnToAddress(PFN_NUMBER Pfn)
{
    ULONG_PTR offset;

    if ((Pfn & MI_VIRTUAL_PFN) != 0) {
        return (Pfn & ~MI_VIRTUAL_PFN) << PAGE_SHIFT;
    }
    offset = (Pfn - MI_POOL_FIRST_PFN) << PAGE_SHIFT;
    return Pfn < MI_POOL_FIRST_PFN || offset >= ExpKernelEnd - ExpKernelBase
               ? 0
               : ExpKernelBase + offset;
}

ULONG_PTR
MiMdlAddress(PMDL Mdl)
{
    return MiPfnToAddress(MmGetMdlPfnArray(Mdl)[0]) + Mdl->ByteOffset;
}

VOID
MiFillPfns(PMDL Mdl, ULONG_PTR Base)
{
    ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)(ULONG_PTR)Mdl->ByteOffset, Mdl->ByteCount);
    PPFN_NUMBER frames = MmGetMdlPfnArray(Mdl);

    for (ULONG i = 0; i < pages; i++) {
        frames[i] = MiAddressToPfn(Base + ((ULONG_PTR)i << PAGE_SHIFT));
    }
}

static DECLSPEC_NORETURN VOID
MiReportMdl(ULONG SubCode, PMDL Mdl, ULONG Flags, const char *Text)
{
    KiBugCheckDetail(MI_BUGCHECK_VERIFIER, SubCode, (ULONG_PTR)Mdl, (USHORT)Mdl->MdlFlags, Flags,
                     "%s (MDL %p, flags %#x)", Text, (void *)Mdl, (unsigned)(USHORT)Mdl->MdlFlags);
}

/*
 * Memory of another process that has no address here that lasts: all but its arena. What lies in
 * its zone goes when another request of it ends, or at its own unmapping.
 */
static BOOLEAN
MiIsForeignMdl(const MI_CLIENT *Client, PMDL Mdl)
{
    ULONG_PTR first = (ULONG_PTR)Mdl->StartVa;
    ULONG_PTR last = (ULONG_PTR)MmGetMdlVirtualAddress(Mdl) + max(Mdl->ByteCount, 1u) - 1;

    return Client != NULL &&
           (MiArenaAlias(Client, (PVOID)first) == 0 || MiArenaAlias(Client, (PVOID)last) == 0);
}

/* The pages of the MDL, and where they are. */
static NTSTATUS
MiLockMdlPages(PMDL Mdl, MI_CLIENT *Client, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    PVOID address = MmGetMdlVirtualAddress(Mdl);
    ULONG access = Operation == IoReadAccess ? HALP_READ : HALP_READ | HALP_WRITE;
    PVOID place = Mdl->StartVa;
    NTSTATUS status;
    uintptr_t fault;

    if (Mode != KernelMode && MiIsForeignMdl(Client, Mdl)) {
        status = MiLockClientCopy(Client, Mdl, Operation != IoReadAccess, &place);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    } else if ((Mode != KernelMode && !MiIsUserRange(address, Mdl->ByteCount)) ||
               (Mdl->ByteCount != 0 &&
                HalpTouchMemory(address, Mdl->ByteCount, access, &fault) != HALP_OK)) {
        return STATUS_ACCESS_VIOLATION;
    } else if (Client != NULL && MiArenaAlias(Client, place) != 0) {
        place = (PVOID)MiArenaAlias(Client, place);
    }
    MiFillPfns(Mdl, (ULONG_PTR)place);
    return STATUS_SUCCESS;
}

NTSTATUS
MiProbeAndLockMdl(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    const CSHORT wrong = MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL |
                         MDL_PARTIAL | MDL_IO_SPACE;
    MI_CLIENT *client = MiCurrentClient();
    BOOLEAN isUser = client != NULL ? Mode != KernelMode
                                    : !MiIsKernelAddress((ULONG_PTR)MmGetMdlVirtualAddress(Mdl));
    NTSTATUS status;

    if ((Mdl->MdlFlags & wrong) != 0) {
        MiReportMdl(0xB0, Mdl, Mdl->MdlFlags & wrong,
                    "MmProbeAndLockPages on an MDL that is locked, mapped, partial or built for "
                    "non-paged pool");
    }
    status = MiLockMdlPages(Mdl, client, Mode, Operation);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Mdl->Process = isUser ? (PEPROCESS)KiGetCurrentThread()->Process : NULL;
    if (client != NULL && isUser) {
        MiCountClientMdl(client, 1);
    }
    Mdl->MdlFlags |= MDL_PAGES_LOCKED;
    if (Operation != IoReadAccess) {
        Mdl->MdlFlags |= MDL_WRITE_OPERATION;
    } else {
        Mdl->MdlFlags &= ~MDL_WRITE_OPERATION;
    }
    __atomic_add_fetch(&MiLockedMdls, 1, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

/* Puts Mdl where the IRP's user buffer, or with IsSecondary the end of its chain, is kept. */
static VOID
MiAttachMdl(PMDL Mdl, PIRP Irp, BOOLEAN IsSecondary)
{
    PMDL *link = &Irp->MdlAddress;

    while (IsSecondary && *link != NULL) {
        link = &(*link)->Next;
    }
    *link = Mdl;
}

#pragma GCC visibility push(default)

/*
 * IoAllocateMdl - an MDL for Length bytes at VirtualAddress, of which no page is looked at
 *
 * Returns  NULL without memory, or if Length is above 4 GB less a page
 * IRQL     <= DISPATCH_LEVEL
 */
PMDL NTAPI
IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota,
              PIRP Irp)
{
    NT_ENTER(IoAllocateMdl);
    ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, (ULONG64)Length);
    CSHORT flags = 0;
    PMDL mdl;

    if (Length > 0xFFFFFFFFu - PAGE_SIZE) {
        return NULL;
    }
    if (pages <= MI_FIXED_PAGES) {
        pages = MI_FIXED_PAGES;
        flags = MDL_ALLOCATED_FIXED_SIZE;
    }
    mdl = ExpAllocatePool(NonPagedPoolNx, sizeof(MDL) + pages * sizeof(PFN_NUMBER), MI_TAG_MDL,
                          NT_CALLER());
    if (mdl == NULL) {
        return NULL;
    }
    mdl->Process = NULL;
    mdl->MappedSystemVa = NULL;
    MmInitializeMdl(mdl, VirtualAddress, Length);
    mdl->MdlFlags = flags;
    if (Irp != NULL) {
        MiAttachMdl(mdl, Irp, SecondaryBuffer);
    }
    return mdl;
}

VOID NTAPI
IoFreeMdl(PMDL Mdl)
{
    NT_ENTER(IoFreeMdl);
    if (__builtin_expect((ULONG_PTR)Mdl->Next == MI_FREED_FILL, 0)) {
        ExFreePoolWithTag(Mdl, MI_TAG_MDL); /* which says who freed it before */
    }
    if ((Mdl->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED) != 0) {
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    }
    if ((Mdl->MdlFlags & MDL_PARTIAL) == 0 &&
        (Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA)) != 0) {
        MiReportMdl(0xB8, Mdl, 0,
                    "IoFreeMdl of an MDL whose pages are still locked or mapped: call "
                    "MmUnlockPages first");
    }
    ExFreePoolWithTag(Mdl, MI_TAG_MDL);
}

VOID NTAPI
IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    NT_ENTER(IoBuildPartialMdl);
    const CSHORT kept = MDL_ALLOCATED_FIXED_SIZE | MDL_ALLOCATED_MUST_SUCCEED;
    const CSHORT inherited =
        MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA | MDL_IO_PAGE_READ | MDL_IO_SPACE;
    ULONG_PTR start = (ULONG_PTR)MmGetMdlVirtualAddress(SourceMdl);
    ULONG_PTR offset = (ULONG_PTR)VirtualAddress - start;
    ULONG pages;
    ULONG room;

    if (Length == 0) {
        Length = SourceMdl->ByteCount - (ULONG)offset;
    }
    pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, Length);
    room = (TargetMdl->MdlFlags & MDL_ALLOCATED_FIXED_SIZE) != 0
               ? MI_FIXED_PAGES
               : (ULONG)((USHORT)TargetMdl->Size - sizeof(MDL)) / sizeof(PFN_NUMBER);
    if (offset > SourceMdl->ByteCount || Length > SourceMdl->ByteCount - offset || pages > room) {
        MiReportMdl(0xB0, TargetMdl, 0,
                    "IoBuildPartialMdl: the range is not part of the source MDL, or the target MDL "
                    "is too small for it");
    }
    TargetMdl->Process = SourceMdl->Process;
    TargetMdl->StartVa = PAGE_ALIGN(VirtualAddress);
    TargetMdl->ByteOffset = BYTE_OFFSET(VirtualAddress);
    TargetMdl->ByteCount = Length;
    TargetMdl->MdlFlags &= kept;
    TargetMdl->MdlFlags |= MDL_PARTIAL | (SourceMdl->MdlFlags & inherited);
    if ((TargetMdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0) {
        TargetMdl->MdlFlags |= MDL_PARENT_MAPPED_SYSTEM_VA;
    }
    TargetMdl->MappedSystemVa = (PUCHAR)SourceMdl->MappedSystemVa + offset;
    memcpy(MmGetMdlPfnArray(TargetMdl),
           MmGetMdlPfnArray(SourceMdl) +
               (((ULONG_PTR)TargetMdl->StartVa - (ULONG_PTR)SourceMdl->StartVa) >> PAGE_SHIFT),
           pages * sizeof(PFN_NUMBER));
}

SIZE_T NTAPI
MmSizeOfMdl(PVOID Base, SIZE_T Length)
{
    SIZE_T pages = (((ULONG_PTR)Base & (PAGE_SIZE - 1)) + Length + PAGE_SIZE - 1) >> PAGE_SHIFT;

    return sizeof(MDL) + pages * sizeof(PFN_NUMBER);
}

PMDL NTAPI
MmCreateMdl(PMDL MemoryDescriptorList, PVOID Base, SIZE_T Length)
{
    PMDL mdl = MemoryDescriptorList;

    if (mdl == NULL) {
        mdl = ExpAllocatePool(NonPagedPoolNx, MmSizeOfMdl(Base, Length), MI_TAG_MDL, NT_CALLER());
        if (mdl == NULL) {
            return NULL;
        }
    }
    mdl->Process = NULL;
    mdl->MappedSystemVa = NULL;
    MmInitializeMdl(mdl, Base, Length);
    return mdl;
}

VOID NTAPI
MmBuildMdlForNonPagedPool(PMDLX MemoryDescriptorList)
{
    NT_ENTER(MmBuildMdlForNonPagedPool);
    PMDL mdl = MemoryDescriptorList;
    ULONG_PTR start = (ULONG_PTR)mdl->StartVa;
    HALP_SHARED_MEMORY *memory;
    ULONG64 offset;

    if (start - ExpKernelBase < ExpKernelEnd - ExpKernelBase &&
        ExpQueryPoolSection(start, &memory, &offset) != HALP_OK) {
        MiReportMdl(0x7F, mdl, 0, "MmBuildMdlForNonPagedPool for paged pool");
    }
    MiFillPfns(mdl, start);
    mdl->Process = NULL;
    mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    mdl->MappedSystemVa = MmGetMdlVirtualAddress(mdl);
}

/* Raises STATUS_ACCESS_VIOLATION. IRQL <= APC_LEVEL, <= DISPATCH_LEVEL for non-paged memory. */
VOID NTAPI
MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    NT_ENTER(MmProbeAndLockPages);
    NTSTATUS status;

    status = MiProbeAndLockMdl(MemoryDescriptorList, AccessMode, Operation);
    if (!NT_SUCCESS(status)) {
        ExRaiseStatus(status);
    }
}

VOID NTAPI
MmProbeAndLockProcessPages(PMDL MemoryDescriptorList, PEPROCESS Process, KPROCESSOR_MODE AccessMode,
                           LOCK_OPERATION Operation)
{
    NT_ENTER(MmProbeAndLockProcessPages);
    if (Process != (PEPROCESS)KiGetCurrentThread()->Process) {
        KiUnimplementedExport(
            "MmProbeAndLockProcessPages for a process other than the current one");
    }
    MmProbeAndLockPages(MemoryDescriptorList, AccessMode, Operation);
}

VOID NTAPI
MmUnlockPages(PMDL MemoryDescriptorList)
{
    NT_ENTER(MmUnlockPages);
    PMDL mdl = MemoryDescriptorList;
    MI_CLIENT *client;

    if ((ULONG_PTR)mdl->Next == MI_FREED_FILL) {
        MiReportMdl(0x7C, mdl, 0,
                    "MmUnlockPages on an MDL that is freed already: unlock first, then IoFreeMdl");
    }
    if ((mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL) != 0) {
        MiReportMdl(0x7D, mdl, 0, "MmUnlockPages on an MDL built for non-paged pool");
    }
    if ((mdl->MdlFlags & MDL_PARTIAL) != 0) {
        MiReportMdl(0xB4, mdl, MDL_PARTIAL, "MmUnlockPages on a partial MDL");
    }
    if ((mdl->MdlFlags & MDL_PAGES_LOCKED) == 0) {
        MiReportMdl(0x7C, mdl, 0,
                    "MmUnlockPages on an MDL that is not locked: unlocked twice, or its "
                    "MmProbeAndLockPages raised and was caught");
    }
    if ((mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0) {
        MmUnmapLockedPages(mdl->MappedSystemVa, mdl);
    }
    mdl->MdlFlags &= ~MDL_PAGES_LOCKED;
    client = mdl->Process != NULL ? ((KPROCESS *)mdl->Process)->Client : NULL;
    if (client != NULL) {
        if (MiIsForeignMdl(client, mdl)) {
            MiUnlockClientCopy(client, mdl);
        }
        MiCountClientMdl(client, -1);
    }
    mdl->Process = NULL;
    __atomic_sub_fetch(&MiLockedMdls, 1, __ATOMIC_RELAXED);
}

NTSTATUS NTAPI
MmAdvanceMdl(PMDL Mdl, ULONG NumberOfBytes)
{
    NT_ENTER(MmAdvanceMdl);
    KiUnimplementedExport("MmAdvanceMdl");
}

#pragma GCC visibility pop
