/* SPDX-License-Identifier: MIT
 *
 * test/mm/mdl_test.c - memory descriptor lists: flags, locking, mapping, what goes wrong
 */
#include "mm_test.h"

NT_TEST(MmMdl, DescribesItsRange)
{
    static const struct {
        ULONG Offset;
        ULONG Length;
        ULONG Pages;
    } rows[] = {{0, 1, 1}, {0, 4096, 1}, {1, 4096, 2}, {4095, 2, 2}, {100, 100000, 25}, {0, 0, 0}};
    PUCHAR user = UserPages(30);

    NT_FOR_EACH (row, rows) {
        PMDL mdl = IoAllocateMdl(user + row->Offset, row->Length, FALSE, FALSE, NULL);

        NT_EXPECT_NE(mdl, NULL);
        NT_EXPECT_EQ(MmGetMdlVirtualAddress(mdl), user + row->Offset);
        NT_EXPECT_EQ(MmGetMdlByteCount(mdl), row->Length);
        NT_EXPECT_EQ(MmGetMdlByteOffset(mdl), row->Offset);
        NT_EXPECT_EQ(mdl->Size, sizeof(MDL) + row->Pages * sizeof(PFN_NUMBER));
        NT_EXPECT_EQ(MmSizeOfMdl(user + row->Offset, row->Length), (ULONG64)mdl->Size);
        NT_EXPECT_EQ(mdl->MdlFlags, row->Pages <= 23 ? MDL_ALLOCATED_FIXED_SIZE : 0);
        NT_EXPECT_EQ(mdl->Next, NULL);
        IoFreeMdl(mdl);
    }
    NT_EXPECT_EQ(IoAllocateMdl(user, 0xFFFFFFFF, FALSE, FALSE, NULL), NULL);
}

NT_TEST(MmMdl, ChainsOnAnIrp)
{
    static IRP irp;
    ULONG bytes[4];
    PMDL first = IoAllocateMdl(bytes, 4, FALSE, FALSE, &irp);
    PMDL second = IoAllocateMdl(bytes, 8, TRUE, FALSE, &irp);
    PMDL third = IoAllocateMdl(bytes, 12, TRUE, FALSE, &irp);

    NT_EXPECT_EQ(irp.MdlAddress, first);
    NT_EXPECT_EQ(first->Next, second);
    NT_EXPECT_EQ(second->Next, third);
    IoFreeMdl(third);
    IoFreeMdl(second);
    IoFreeMdl(first);
}

/* The flags after each step of a user buffer's life. */
NT_TEST(MmMdl, UserBufferLife)
{
    PUCHAR user = UserPages(3);
    PMDL mdl = IoAllocateMdl(user + 10, 5000, FALSE, FALSE, NULL);
    const CSHORT base = MDL_ALLOCATED_FIXED_SIZE;
    PUCHAR system;

    NT_EXPECT_STATUS(RAISED(MmProbeAndLockPages(mdl, UserMode, IoWriteAccess)), STATUS_SUCCESS);
    NT_EXPECT_EQ(mdl->MdlFlags, base | MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    NT_EXPECT_EQ(MiLockedMdlCount(), 1);
    system = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
    NT_EXPECT_EQ(mdl->MdlFlags,
                 base | MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA);
    NT_EXPECT_EQ(mdl->MappedSystemVa, system);
    system[4999] = 42;
    NT_EXPECT_EQ(user[5009], 42);
    NT_EXPECT_EQ(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), system);
    MmUnlockPages(mdl);
    NT_EXPECT_EQ(mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA), 0);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
    NT_EXPECT_STATUS(RAISED(MmProbeAndLockPages(mdl, UserMode, IoReadAccess)), STATUS_SUCCESS);
    NT_EXPECT_EQ(mdl->MdlFlags, base | MDL_PAGES_LOCKED);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
}

NT_TEST(MmMdl, LockingBadBuffersRaises)
{
    PUCHAR user = UserPages(2);
    PUCHAR kernel = ExAllocatePoolWithTag(NonPagedPool, 64, MM_TAG);
    const struct {
        PVOID Address;
        ULONG Length;
        KPROCESSOR_MODE Mode;
        LOCK_OPERATION Operation;
        NTSTATUS Status;
    } rows[] = {
        {user, 2 * PAGE_SIZE, UserMode, IoModifyAccess, STATUS_SUCCESS},
        {user + 1, 2 * PAGE_SIZE, UserMode, IoReadAccess, STATUS_ACCESS_VIOLATION},
        {NULL, 16, UserMode, IoReadAccess, STATUS_ACCESS_VIOLATION},
        {kernel, 64, UserMode, IoReadAccess, STATUS_ACCESS_VIOLATION},
        {kernel, 64, KernelMode, IoWriteAccess, STATUS_SUCCESS},
        {(PVOID)(ULONG_PTR)-64, 128, UserMode, IoReadAccess, STATUS_ACCESS_VIOLATION},
    };

    NT_FOR_EACH (row, rows) {
        PMDL mdl = IoAllocateMdl(row->Address, row->Length, FALSE, FALSE, NULL);

        NT_EXPECT_STATUS(RAISED(MmProbeAndLockPages(mdl, row->Mode, row->Operation)), row->Status);
        if (NT_SUCCESS(row->Status)) {
            MmUnlockPages(mdl);
        }
        IoFreeMdl(mdl);
    }
    HalpProtectMemory(user, PAGE_SIZE, HALP_READ);
    {
        PMDL mdl = IoAllocateMdl(user, 16, FALSE, FALSE, NULL);

        NT_EXPECT_STATUS(RAISED(MmProbeAndLockPages(mdl, UserMode, IoWriteAccess)),
                         STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(MiProbeAndLockMdl(mdl, UserMode, IoWriteAccess), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(MiProbeAndLockMdl(mdl, UserMode, IoReadAccess), STATUS_SUCCESS);
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    }
    ExFreePool(kernel);
}

NT_TEST(MmMdl, NonPagedPoolIsMappedFromTheStart)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 3 * PAGE_SIZE, MM_TAG);
    PMDL mdl = IoAllocateMdl(block + 20, 2 * PAGE_SIZE, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(mdl);
    NT_EXPECT_EQ(mdl->MdlFlags, MDL_ALLOCATED_FIXED_SIZE | MDL_SOURCE_IS_NONPAGED_POOL);
    NT_EXPECT_EQ(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), block + 20);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
    IoFreeMdl(mdl);
    ExFreePool(block);
}

/* A partial MDL uses its parent's mapping, or makes one that IoFreeMdl undoes. */
NT_TEST(MmMdl, PartialMdls)
{
    PUCHAR user = UserPages(3);
    PMDL whole = IoAllocateMdl(user + 100, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
    PMDL part = IoAllocateMdl(user + PAGE_SIZE, 200, FALSE, FALSE, NULL);

    MmProbeAndLockPages(whole, UserMode, IoWriteAccess);
    IoBuildPartialMdl(whole, part, user + PAGE_SIZE + 8, 100);
    NT_EXPECT_EQ(part->MdlFlags, MDL_ALLOCATED_FIXED_SIZE | MDL_PARTIAL);
    NT_EXPECT_EQ(MmGetMdlPfnArray(part)[0], MmGetMdlPfnArray(whole)[1]);
    NT_EXPECT_EQ(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), user + PAGE_SIZE + 8);
    NT_EXPECT_EQ(part->MdlFlags, MDL_ALLOCATED_FIXED_SIZE | MDL_PARTIAL | MDL_MAPPED_TO_SYSTEM_VA |
                                     MDL_PARTIAL_HAS_BEEN_MAPPED);
    MmPrepareMdlForReuse(part);
    NT_EXPECT_EQ(MiLockedMdlCount(), 1);
    MmGetSystemAddressForMdlSafe(whole, NormalPagePriority);
    IoBuildPartialMdl(whole, part, user + PAGE_SIZE + 8, 0);
    NT_EXPECT_EQ(MmGetMdlByteCount(part), PAGE_SIZE + 92);
    NT_EXPECT_EQ(part->MdlFlags & MDL_PARENT_MAPPED_SYSTEM_VA, MDL_PARENT_MAPPED_SYSTEM_VA);
    NT_EXPECT_EQ(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), user + PAGE_SIZE + 8);
    IoFreeMdl(part);
    MmUnlockPages(whole);
    IoFreeMdl(whole);
}

/* ---- user mappings ---- */

static PMDL
PoolMdl(PUCHAR Block, ULONG Length)
{
    PMDL mdl = IoAllocateMdl(Block, Length, FALSE, FALSE, NULL);

    MmBuildMdlForNonPagedPool(mdl);
    return mdl;
}

NT_TEST(MmUserMapping, SharesTheMemory)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, MM_TAG);
    PMDL mdl = PoolMdl(block, 2 * PAGE_SIZE);
    volatile PUCHAR user = NULL;

    NT_EXPECT_STATUS(RAISED(user = MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, NULL,
                                                                FALSE, NormalPagePriority)),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(MiIsUserRange(user, 2 * PAGE_SIZE));
    NT_EXPECT_EQ(MiUserMappingCount(NULL), 1);
    block[PAGE_SIZE + 5] = 17;
    NT_EXPECT_EQ(user[PAGE_SIZE + 5], 17);
    user[0] = 99;
    NT_EXPECT_EQ(block[0], 99);
    MmUnmapLockedPages(user, mdl);
    NT_EXPECT_FALSE(MmIsAddressValid(user));
    IoFreeMdl(mdl);
    ExFreePool(block);
}

NT_TEST(MmUserMapping, NoWriteIsReadOnly)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, MM_TAG);
    PMDL mdl = PoolMdl(block, PAGE_SIZE);
    volatile PUCHAR user = NULL;
    UCHAR byte = 1;

    NT_EXPECT_STATUS(RAISED(user = MmMapLockedPagesSpecifyCache(
                                mdl, UserMode, MmCached, NULL, FALSE,
                                (MM_PAGE_PRIORITY)(NormalPagePriority | MdlMappingNoWrite))),
                     STATUS_SUCCESS);
    block[3] = 8;
    NT_EXPECT_EQ(user[3], 8);
    NT_EXPECT_STATUS(MiCopyToUser(user, &byte, 1, UserMode), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(MiCopyFromUser(&byte, user, 1, UserMode), STATUS_SUCCESS);
    MmUnmapLockedPages(user, mdl);
    IoFreeMdl(mdl);
    ExFreePool(block);
}

NT_TEST(MmUserMapping, FailureRaises)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, MM_TAG);
    PUCHAR user = UserPages(1);
    PMDL mdl = PoolMdl(block, PAGE_SIZE);
    PMDL locked = IoAllocateMdl(user, 100, FALSE, FALSE, NULL);

    SimSetFaultPlan("map", 1);
    NT_EXPECT_STATUS(RAISED(MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, NULL, FALSE,
                                                         NormalPagePriority)),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(RAISED(MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, NULL, FALSE,
                                                         NormalPagePriority)),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(RAISED(MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, user, FALSE,
                                                         NormalPagePriority)),
                     STATUS_CONFLICTING_ADDRESSES);
    MmProbeAndLockPages(locked, UserMode, IoWriteAccess);
    NT_EXPECT_STATUS(RAISED(MmMapLockedPagesSpecifyCache(locked, UserMode, MmCached, NULL, FALSE,
                                                         NormalPagePriority)),
                     STATUS_NOT_SUPPORTED);
    SimSetFaultPlan("map", 1);
    NT_EXPECT_EQ(MmGetSystemAddressForMdlSafe(locked, NormalPagePriority), NULL);
    SimSetFaultPlan(NULL, 0);
    MmUnlockPages(locked);
    IoFreeMdl(locked);
    IoFreeMdl(mdl);
    ExFreePool(block);
}

NT_TEST(MmUserMapping, ProcessRundownTakesThemDown)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, MM_TAG);
    PMDL mdl = PoolMdl(block, PAGE_SIZE);

    for (ULONG i = 0; i < 5; i++) {
        MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, NULL, FALSE, NormalPagePriority);
    }
    NT_EXPECT_EQ(MiUserMappingCount(NULL), 5);
    MiRundownProcessMappings((PEPROCESS)KiGetCurrentThread()->Process);
    NT_EXPECT_EQ(MiUserMappingCount(NULL), 0);
    IoFreeMdl(mdl);
    ExFreePool(block);
}

/* ---- pages without a block ---- */

static const PHYSICAL_ADDRESS Zero = {.QuadPart = 0};
static const PHYSICAL_ADDRESS Highest = {.QuadPart = -1};

NT_TEST(MmPages, AreZeroedMappedAndFreed)
{
    PMDL mdl = MmAllocatePagesForMdlEx(Zero, Highest, Zero, 5 * PAGE_SIZE - 7, MmCached, 0);
    PUCHAR system;
    PUCHAR user;

    NT_EXPECT_NE(mdl, NULL);
    NT_EXPECT_EQ(mdl->StartVa, NULL);
    NT_EXPECT_EQ(MmGetMdlByteCount(mdl), 5 * PAGE_SIZE);
    NT_EXPECT_EQ(mdl->MdlFlags, MDL_PAGES_LOCKED);
    system =
        MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
    for (ULONG i = 0; i < 5 * PAGE_SIZE; i++) {
        NT_EXPECT_EQ(system[i], 0);
    }
    user = MmMapLockedPagesSpecifyCache(mdl, UserMode, MmCached, NULL, FALSE, NormalPagePriority);
    user[4 * PAGE_SIZE] = 5;
    NT_EXPECT_EQ(system[4 * PAGE_SIZE], 5);
    MmUnmapLockedPages(user, mdl);
    NT_EXPECT_STATUS(MmProtectMdlSystemAddress(mdl, PAGE_READONLY), STATUS_SUCCESS);
    {
        volatile PUCHAR place = system;

        NT_EXPECT_EQ(place[4 * PAGE_SIZE], 5);
    }
    MmUnmapLockedPages(system, mdl);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
}

NT_TEST(MmPages, LimitsAreHonoured)
{
    PHYSICAL_ADDRESS low = {.QuadPart = 0xFFFFFF};

    NT_EXPECT_EQ(MmAllocatePagesForMdl(Zero, low, Zero, PAGE_SIZE), NULL);
    NT_EXPECT_EQ(MmAllocateContiguousMemory(PAGE_SIZE, low), NULL);
    NT_EXPECT_EQ(MmAllocatePagesForMdl(Zero, Highest, Zero, 0), NULL);
    NT_EXPECT_EQ(MmAllocatePagesForMdlEx(Zero, Highest, Zero, PAGE_SIZE, MmCached, 0x8000), NULL);
}

NT_TEST(MmPages, PhysicalAddressesAreStableAndContiguous)
{
    PUCHAR block = MmAllocateContiguousMemory(3 * PAGE_SIZE, Highest);
    PHYSICAL_ADDRESS first = MmGetPhysicalAddress(block + 5);

    NT_EXPECT_EQ(MmGetPhysicalAddress(block + 2 * PAGE_SIZE + 5).QuadPart,
                 first.QuadPart + 2 * PAGE_SIZE);
    NT_EXPECT_EQ(MmGetVirtualForPhysical(first), block + 5);
    NT_EXPECT_EQ(MmGetPhysicalAddress(NULL).QuadPart, 0);
    MmFreeContiguousMemory(block);
}

/* ---- misuse ---- */

NT_TEST(MmMisuse, LockTwice)
{
    PUCHAR user = UserPages(1);
    PMDL mdl = IoAllocateMdl(user, 16, FALSE, FALSE, NULL);

    MmProbeAndLockPages(mdl, UserMode, IoReadAccess);
    NT_EXPECT_BUGCHECK(0xC4, MmProbeAndLockPages(mdl, UserMode, IoReadAccess));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xB0);
}

NT_TEST(MmMisuse, UnlockUnlocked)
{
    PMDL mdl = IoAllocateMdl(UserPages(1), 16, FALSE, FALSE, NULL);

    NT_EXPECT_BUGCHECK(0xC4, MmUnlockPages(mdl));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x7C);
}

NT_TEST(MmMisuse, UnlockNonPagedPool)
{
    PMDL mdl = PoolMdl(ExAllocatePoolWithTag(NonPagedPool, 16, MM_TAG), 16);

    NT_EXPECT_BUGCHECK(0xC4, MmUnlockPages(mdl));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x7D);
}

NT_TEST(MmMisuse, FreeLocked)
{
    PMDL mdl = IoAllocateMdl(UserPages(1), 16, FALSE, FALSE, NULL);

    MmProbeAndLockPages(mdl, UserMode, IoReadAccess);
    NT_EXPECT_BUGCHECK(0xC4, IoFreeMdl(mdl));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xB8);
}

/* AddressSanitizer stops at the kernel's own read of the freed MDL. */
#if defined(__SANITIZE_ADDRESS__)
#define NOT_UNDER_ASAN() NT_SKIP("AddressSanitizer")
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NOT_UNDER_ASAN() NT_SKIP("AddressSanitizer")
#endif
#endif
#ifndef NOT_UNDER_ASAN
#define NOT_UNDER_ASAN() ((void)0)
#endif

NT_TEST(MmMisuse, FreeTwice)
{
    PMDL mdl = IoAllocateMdl((PVOID)ExpKernelBase, 100, FALSE, FALSE, NULL);

    NOT_UNDER_ASAN();
    IoFreeMdl(mdl);
    NT_EXPECT_BUGCHECK(0xC2, IoFreeMdl(mdl));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x07);
    NT_EXPECT_EQ(KiBugCheckParameters[3], (ULONG_PTR)mdl);
}

NT_TEST(MmMisuse, UnlockFreed)
{
    PMDL mdl = IoAllocateMdl((PVOID)ExpKernelBase, 100, FALSE, FALSE, NULL);

    NOT_UNDER_ASAN();
    IoFreeMdl(mdl);
    NT_EXPECT_BUGCHECK(0xC4, MmUnlockPages(mdl));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x7C);
}

NT_TEST(MmMisuse, MapUnlocked)
{
    PMDL mdl = IoAllocateMdl(UserPages(1), 16, FALSE, FALSE, NULL);

    NT_EXPECT_BUGCHECK(0xC4, MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xB3);
}

NT_TEST(MmMisuse, BuildForPagedPool)
{
    PVOID block = ExAllocatePoolWithTag(PagedPool, 16, MM_TAG);
    PMDL mdl = IoAllocateMdl(block, 16, FALSE, FALSE, NULL);

    NT_EXPECT_BUGCHECK(0xC4, MmBuildMdlForNonPagedPool(mdl));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x7F);
}

NT_TEST(MmMisuse, IoSpaceIsAGapByName)
{
    NT_EXPECT_BUGCHECK(0x121, MmMapIoSpace(Zero, PAGE_SIZE, MmNonCached));
}
