/* SPDX-License-Identifier: MIT
 *
 * test/mm/memory_test.c - pages and their physical limits, contiguous memory, small answers
 */
#include "mm_test.h"

#define GB (1ull << 30)

static PHYSICAL_ADDRESS
At(ULONG64 Address)
{
    PHYSICAL_ADDRESS physical = {.QuadPart = (LONGLONG)Address};
    return physical;
}

static ULONG64
PhysicalOf(PVOID Address)
{
    return (ULONG64)MmGetPhysicalAddress(Address).QuadPart;
}

static VOID
FreePages(PMDL Mdl)
{
    MmFreePagesFromMdl(Mdl);
    ExFreePool(Mdl);
}

/* ---- pages for MDLs ---- */

/* A page of the pool, to know where physical memory is. */
static ULONG64
SomePhysicalPage(VOID)
{
    PMDL mdl = MmAllocatePagesForMdlEx(At(0), At(MAXULONG64), At(0), PAGE_SIZE, MmCached, 0);
    ULONG64 page = MmGetMdlPfnArray(mdl)[0] << PAGE_SHIFT;

    FreePages(mdl);
    return page;
}

NT_TEST(MmPageLimits, EveryPageIsInTheRange)
{
    ULONG64 page = SomePhysicalPage() & ~(GB - 1);
    const struct {
        ULONG64 Low;
        ULONG64 High;
        ULONG64 Skip;
        BOOLEAN Found;
    } rows[] = {
        {0, MAXULONG64, 0, TRUE},
        {page, page + GB - 1, 0, TRUE},
        {0, page - 1, 0, FALSE},                   /* all below */
        {page + 512 * GB, MAXULONG64, 0, FALSE},   /* all above */
        {0, PAGE_SIZE - 2, PAGE_SIZE, FALSE},      /* no page is whole */
        {0, GB - 1, GB, TRUE},                     /* found after some iterations */
        {page + GB, page + 2 * GB - 1, GB, FALSE}, /* which only go up */
        {0, PAGE_SIZE - 1, 512 * GB, FALSE},       /* and skip the memory that there is */
        {0, MAXULONG64, PAGE_SIZE / 2, FALSE},     /* no multiple of the page size */
        {page + GB, page, 0, FALSE},               /* nothing is in this range */
    };

    NT_FOR_EACH (row, rows) {
        PMDL mdl = MmAllocatePagesForMdlEx(At(row->Low), At(row->High), At(row->Skip),
                                           7 * PAGE_SIZE, MmCached, 0);
        PMDL other = MmAllocatePagesForMdl(At(row->Low), At(row->High), At(row->Skip), PAGE_SIZE);

        NT_EXPECT_EQ(mdl != NULL, row->Found);
        NT_EXPECT_EQ(other != NULL, row->Found);
        if (mdl == NULL) {
            continue;
        }
        NT_EXPECT_EQ(MmGetMdlByteCount(mdl), 7 * PAGE_SIZE);
        for (ULONG i = 0; i < 7 && row->Skip == 0; i++) {
            ULONG64 address = MmGetMdlPfnArray(mdl)[i] << PAGE_SHIFT;

            NT_EXPECT_TRUE(address >= row->Low && address + PAGE_SIZE - 1 <= row->High);
        }
        FreePages(other);
        FreePages(mdl);
    }
}

/* The plan fails one allocation of the pool: the MDL's is the first, the pages' the second. */
NT_TEST(MmPageLimits, FewerPagesAreBetterThanNone)
{
    static const struct {
        ULONG Flags;
        ULONG Skip;
        ULONG Pages;
    } rows[] = {
        {0, 0, 4},
        {MM_ALLOCATE_PREFER_CONTIGUOUS | MM_ALLOCATE_NO_WAIT, 0, 4},
        {MM_ALLOCATE_FROM_LOCAL_NODE_ONLY, 0, 4},
        {MM_ALLOCATE_FULLY_REQUIRED, 0, 0},
        {MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS, 0, 0},
        {MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS, 2, 4},
        {MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS | MM_ALLOCATE_FULLY_REQUIRED, 2, 0},
    };

    NT_FOR_EACH (row, rows) {
        PMDL mdl;

        SimSetFaultPlan("pool", 2);
        mdl = MmAllocatePagesForMdlEx(At(0), At(MAXULONG64), At(row->Skip * PAGE_SIZE),
                                      8 * PAGE_SIZE, MmCached, row->Flags);
        SimSetFaultPlan(NULL, 0);
        NT_EXPECT_EQ(mdl == NULL ? 0 : MmGetMdlByteCount(mdl), row->Pages * PAGE_SIZE);
        if (mdl != NULL) {
            FreePages(mdl);
        }
    }
    SimSetFaultPlan("pool", 2);
    NT_EXPECT_EQ(MmAllocatePagesForMdl(At(0), At(MAXULONG64), At(0), PAGE_SIZE), NULL);
    SimSetFaultPlan(NULL, 0);
}

NT_TEST(MmPageLimits, ChunksAreContiguousAndAligned)
{
    PMDL before = MmAllocatePagesForMdl(At(0), At(MAXULONG64), At(0), 3 * PAGE_SIZE);

    for (ULONG64 chunk = PAGE_SIZE; chunk <= 64 * PAGE_SIZE; chunk *= 2) {
        PMDL mdl = MmAllocatePagesForMdlEx(At(0), At(MAXULONG64), At(chunk), 2 * chunk, MmCached,
                                           MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS |
                                               MM_ALLOCATE_FULLY_REQUIRED);
        PPFN_NUMBER frames;

        NT_EXPECT_NE(mdl, NULL);
        frames = MmGetMdlPfnArray(mdl);
        for (ULONG i = 0; i < 2 * chunk / PAGE_SIZE; i++) {
            ULONG first = (ULONG)(i - i % (chunk / PAGE_SIZE));

            NT_EXPECT_EQ((frames[first] << PAGE_SHIFT) % chunk, 0);
            NT_EXPECT_EQ(frames[i], frames[first] + i - first);
        }
        FreePages(mdl);
    }
    FreePages(before);
}

NT_TEST(MmPageLimits, ArgumentsThatCannotBeGiveNothing)
{
    static const struct {
        SIZE_T Bytes;
        ULONG64 Skip;
        ULONG Flags;
    } rows[] = {
        {0, 0, 0},
        {4 * GB - PAGE_SIZE + 1, 0, 0}, /* more than the most */
        {MAXULONG64, 0, 0},
        {PAGE_SIZE, 0, 0x40},  /* large pages, of which none are in the cache */
        {PAGE_SIZE, 0, 0x100}, /* hot removal */
        {6 * PAGE_SIZE, 3 * PAGE_SIZE, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS},
        {6 * PAGE_SIZE, 4 * PAGE_SIZE, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS},
        {6 * PAGE_SIZE, PAGE_SIZE / 2, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_EQ(MmAllocatePagesForMdlEx(At(0), At(MAXULONG64), At(row->Skip), row->Bytes,
                                             MmCached, row->Flags),
                     NULL);
    }
}

/* Zeroes, unless the caller does not want them: then what the pool puts into new blocks. */
NT_TEST(MmPageLimits, ZeroedUnlessToldOtherwise)
{
    for (ULONG round = 0; round < 4; round++) {
        PMDL mdl = MmAllocatePagesForMdlEx(At(0), At(MAXULONG64), At(0), PAGE_SIZE, MmCached,
                                           round % 2 == 0 ? 0 : MM_DONT_ZERO_ALLOCATION);
        PUCHAR page = MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE,
                                                   NormalPagePriority);

        if (round % 2 == 0) {
            NT_EXPECT_EQ(page[0] | page[PAGE_SIZE - 1], 0);
        }
        memset(page, 0xA5, PAGE_SIZE);
        MmUnmapLockedPages(page, mdl);
        FreePages(mdl);
    }
}

/* ---- contiguous and non-cached memory ---- */

NT_TEST(MmContiguous, IsWithinItsLimits)
{
    ULONG64 page = SomePhysicalPage() & ~(GB - 1);
    const struct {
        ULONG64 Low;
        ULONG64 High;
        ULONG64 Boundary;
        SIZE_T Size;
        BOOLEAN Found;
    } rows[] = {
        {0, MAXULONG64, 0, 1, TRUE},
        {0, MAXULONG64, 0, 5 * PAGE_SIZE + 1, TRUE},
        {page, page + GB - 1, 0, PAGE_SIZE, TRUE},
        {0, page - 1, 0, PAGE_SIZE, FALSE},
        {page + 512 * GB, MAXULONG64, 0, PAGE_SIZE, FALSE},
        {0, MAXULONG64, 16 * PAGE_SIZE, 16 * PAGE_SIZE, TRUE},
        {0, MAXULONG64, 16 * PAGE_SIZE, 9 * PAGE_SIZE, TRUE},
        {0, MAXULONG64, 16 * PAGE_SIZE, 17 * PAGE_SIZE, FALSE},
        {0, MAXULONG64, 0, 0, FALSE},
    };

    for (ULONG repeat = 0; repeat < 3; repeat++) {
        PVOID blocks[ARRAYSIZE(rows)];

        /* Kept until all are there, so that each one starts somewhere else. */
        for (ULONG i = 0; i < ARRAYSIZE(rows); i++) {
            ULONG64 first;
            ULONG64 last;

            blocks[i] = MmAllocateContiguousMemorySpecifyCache(
                rows[i].Size, At(rows[i].Low), At(rows[i].High), At(rows[i].Boundary), MmCached);
            NT_EXPECT_EQ(blocks[i] != NULL, rows[i].Found);
            if (blocks[i] == NULL) {
                continue;
            }
            first = PhysicalOf(blocks[i]);
            last = PhysicalOf((PUCHAR)blocks[i] + rows[i].Size - 1);
            NT_EXPECT_EQ(BYTE_OFFSET(blocks[i]), 0);
            NT_EXPECT_EQ(last - first, rows[i].Size - 1);
            NT_EXPECT_TRUE(first >= rows[i].Low && last <= rows[i].High);
            if (rows[i].Boundary != 0) {
                NT_EXPECT_EQ(first / rows[i].Boundary, last / rows[i].Boundary);
            }
            memset(blocks[i], 0x5A, rows[i].Size);
        }
        for (ULONG i = 0; i < ARRAYSIZE(rows); i++) {
            if (blocks[i] != NULL && i % 2 == 0) {
                MmFreeContiguousMemorySpecifyCache(blocks[i], rows[i].Size, MmCached);
            } else if (blocks[i] != NULL) {
                MmFreeContiguousMemory(blocks[i]);
            }
        }
    }
}

NT_TEST(MmContiguous, HighestAddressIsKept)
{
    ULONG64 page = SomePhysicalPage() & ~(GB - 1);
    PVOID block = MmAllocateContiguousMemory(3 * PAGE_SIZE, At(page + GB - 1));

    NT_EXPECT_NE(block, NULL);
    NT_EXPECT_EQ(BYTE_OFFSET(block), 0);
    NT_EXPECT_TRUE(PhysicalOf(block) + 3 * PAGE_SIZE <= page + GB);
    MmFreeContiguousMemory(block);
    NT_EXPECT_EQ(MmAllocateContiguousMemory(PAGE_SIZE, At(page - 1)), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(MmAllocateContiguousMemory(PAGE_SIZE, At(MAXULONG64)), NULL);
}

NT_TEST(MmContiguous, FreeingWhatWasNotAllocatedSoIsABugcheck)
{
    PUCHAR block = MmAllocateContiguousMemory(PAGE_SIZE, At(MAXULONG64));

    NT_EXPECT_BUGCHECK(0xC2, MmFreeContiguousMemorySpecifyCache(block + 1, PAGE_SIZE, MmCached));
}

NT_TEST(MmNonCached, IsInWholePages)
{
    PUCHAR block = MmAllocateNonCachedMemory(PAGE_SIZE + 1);

    NT_EXPECT_NE(block, NULL);
    NT_EXPECT_EQ(BYTE_OFFSET(block), 0);
    NT_EXPECT_TRUE(MmIsNonPagedSystemAddressValid(block));
    NT_EXPECT_TRUE(MiIsKernelAddress((ULONG_PTR)block));
    memset(block, 0x33, PAGE_SIZE + 1);
    MmFreeNonCachedMemory(block, PAGE_SIZE + 1);
    NT_EXPECT_EQ(MmAllocateNonCachedMemory(0), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(MmAllocateNonCachedMemory(PAGE_SIZE), NULL);
}

NT_TEST(MmNonCached, FreeingNothingIsABugcheck)
{
    NT_EXPECT_BUGCHECK(0xC2, MmFreeNonCachedMemory(NULL, PAGE_SIZE));
}

/* ---- MDLs in memory of the driver's ---- */

NT_TEST(MmCreateMdl, DescribesTheBufferWhereverItLies)
{
    UCHAR room[200];
    PMDL mdl;

    NT_EXPECT_TRUE(MmSizeOfMdl((PVOID)0x1FFF, PAGE_SIZE) <= sizeof(room));
    mdl = MmCreateMdl((PMDL)(PVOID)room, (PVOID)0x1FFF, PAGE_SIZE);
    NT_EXPECT_EQ(mdl, (PVOID)room);
    NT_EXPECT_EQ(MmGetMdlVirtualAddress(mdl), 0x1FFF);
    NT_EXPECT_EQ(MmGetMdlByteCount(mdl), PAGE_SIZE);
    NT_EXPECT_EQ(mdl->Size, MmSizeOfMdl((PVOID)0x1FFF, PAGE_SIZE));
    NT_EXPECT_EQ(mdl->MdlFlags, 0);
    NT_EXPECT_EQ(mdl->Next, NULL);
    mdl = MmCreateMdl(NULL, (PVOID)0x2000, 1);
    NT_EXPECT_EQ(MmGetMdlVirtualAddress(mdl), 0x2000);
    NT_EXPECT_EQ(MmGetMdlByteCount(mdl), 1);
    ExFreePool(mdl);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(MmCreateMdl(NULL, (PVOID)0x2000, 1), NULL);
}

NT_TEST(MmLock, OfTheCurrentProcessIsAnOrdinaryOne)
{
    PUCHAR user = UserPages(1);
    PMDL mdl = IoAllocateMdl(user, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
    PEPROCESS process = (PEPROCESS)KiGetCurrentThread()->Process;

    NT_EXPECT_STATUS(RAISED(MmProbeAndLockProcessPages(mdl, process, UserMode, IoReadAccess)),
                     STATUS_ACCESS_VIOLATION);
    IoFreeMdl(mdl);
    mdl = IoAllocateMdl(user, PAGE_SIZE, FALSE, FALSE, NULL);
    MmProbeAndLockProcessPages(mdl, process, UserMode, IoWriteAccess);
    NT_EXPECT_EQ(mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_WRITE_OPERATION),
                 MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
}

/* ---- drivers' code and data ---- */

/* Data that is locked can be used at any IRQL, however often it was locked and unlocked before. */
NT_TEST(MmPaging, LockedSectionsAreThere)
{
    static volatile LONG data = 7;
    PVOID section = MmLockPagableDataSection((PVOID)&data);
    KIRQL irql;

    NT_EXPECT_NE(section, NULL);
    MmLockPagableSectionByHandle(section);
    MmUnlockPagableImageSection(section);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_EQ(data, 7);
    KeLowerIrql(irql);
    MmUnlockPagableImageSection(section);
    MmLockPagableSectionByHandle(section); /* from zero: the handle is always valid */
    NT_EXPECT_EQ(data, 7);
    MmUnlockPagableImageSection(section);
}

NT_TEST(MmPaging, EntireDriverIsToldByItsStart)
{
    NT_EXPECT_STATUS(MiAddKernelImage(0x500000, 0x3000), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MiAddKernelImage(0x600000, 0x1000), STATUS_SUCCESS);
    NT_EXPECT_EQ(MmPageEntireDriver((PVOID)0x500000), 0x500000);
    NT_EXPECT_EQ(MmPageEntireDriver((PVOID)0x502FFF), 0x500000);
    NT_EXPECT_EQ(MmPageEntireDriver((PVOID)0x600010), 0x600000);
    NT_EXPECT_EQ(MmPageEntireDriver((PVOID)0x503000), NULL);
    MmResetDriverPaging((PVOID)0x600010);
    MmResetDriverPaging((PVOID)0x500000);
    NT_EXPECT_EQ(MmPageEntireDriver((PVOID)0x600010), 0x600000);
    MiRemoveKernelImage(0x500000);
    MiRemoveKernelImage(0x600000);
}

NT_TEST(MmVerifier, BothQuestionsHaveOneAnswer)
{
    static DRIVER_OBJECT driver;

    for (BOOLEAN verifying = FALSE; verifying <= TRUE; verifying++) {
        ExpVerifying = verifying;
        NT_EXPECT_EQ(MmIsDriverVerifying(&driver), verifying);
        NT_EXPECT_EQ(MmIsDriverVerifyingByAddress((PVOID)&driver), verifying);
    }
    ExpVerifying = FALSE;
}

/* ---- the system ---- */

NT_TEST(MmSystem, IsALargeWorkstation)
{
    RTL_OSVERSIONINFOEXW version = {.dwOSVersionInfoSize = sizeof(version)};

    NT_EXPECT_STATUS(RtlGetVersion((PRTL_OSVERSIONINFOW)&version), STATUS_SUCCESS);
    NT_EXPECT_EQ(MmIsThisAnNtAsSystem(), version.wProductType != VER_NT_WORKSTATION);
    NT_EXPECT_EQ(MmQuerySystemSize(), MmLargeSystem);
}

/* Physical addresses have more than 32 bits, and MmBadPointer points to nothing. */
NT_TEST(MmSystem, VariablesSayWhatIsTrue)
{
    NT_EXPECT_TRUE(Mm64BitPhysicalAddress);
    NT_EXPECT_TRUE(SomePhysicalPage() > MAXULONG);
    NT_EXPECT_FALSE(MmIsAddressValid(MmBadPointer));
    NT_EXPECT_FALSE(MmIsAddressValid((PUCHAR)MmBadPointer + PAGE_SIZE - 1));
    NT_EXPECT_TRUE((ULONG_PTR)MmSystemRangeStart > (ULONG_PTR)MmHighestUserAddress);
}

NT_TEST(MmSystem, UnmapIoSpaceIsAGapByName)
{
    NT_EXPECT_BUGCHECK(0x121, MmUnmapIoSpace((PVOID)0x1000, PAGE_SIZE));
    NT_EXPECT_CONTAINS(SimTakeLog(), "MmUnmapIoSpace is not implemented");
}
