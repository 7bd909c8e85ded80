/* SPDX-License-Identifier: MIT
 *
 * test/mm/address_test.c - kernel and user addresses, probes, copies
 */
#include "mm_test.h"

NT_TEST(MmAddress, PoolAndImagesAreTheKernels)
{
    PUCHAR block = ExAllocatePoolWithTag(PagedPool, 100, MM_TAG);
    PUCHAR user = UserPages(3);
    ULONG local = 0;

    NT_EXPECT_TRUE(MiIsKernelAddress((ULONG_PTR)block));
    NT_EXPECT_TRUE(MiIsKernelAddress(0xFFFF800000000000ull));
    NT_EXPECT_FALSE(MiIsKernelAddress((ULONG_PTR)&local));
    NT_EXPECT_FALSE(MiIsKernelAddress(0));
    NT_EXPECT_FALSE(MiIsKernelAddress((ULONG_PTR)user));
    NT_EXPECT_STATUS(MiAddKernelImage((ULONG_PTR)user + PAGE_SIZE, PAGE_SIZE), STATUS_SUCCESS);
    NT_EXPECT_FALSE(MiIsKernelAddress((ULONG_PTR)user + PAGE_SIZE - 1));
    NT_EXPECT_TRUE(MiIsKernelAddress((ULONG_PTR)user + PAGE_SIZE));
    NT_EXPECT_TRUE(MiIsKernelAddress((ULONG_PTR)user + 2 * PAGE_SIZE - 1));
    NT_EXPECT_FALSE(MiIsKernelAddress((ULONG_PTR)user + 2 * PAGE_SIZE));
    NT_EXPECT_FALSE(MiIsUserRange(user, 3 * PAGE_SIZE));
    NT_EXPECT_TRUE(MiIsUserRange(user, PAGE_SIZE));
    NT_EXPECT_FALSE(MiIsUserRange(user, PAGE_SIZE + 1));
    MiRemoveKernelImage((ULONG_PTR)user + PAGE_SIZE);
    NT_EXPECT_TRUE(MiIsUserRange(user, 3 * PAGE_SIZE));
    ExFreePool(block);
}

NT_TEST(MmAddress, ManyImagesAreFound)
{
    for (ULONG i = 0; i < 100; i++) {
        NT_EXPECT_STATUS(MiAddKernelImage(0x10000000ull + (i * 37 % 100) * 0x20000, 0x10000),
                         STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < 100; i++) {
        ULONG_PTR base = 0x10000000ull + i * 0x20000;

        NT_EXPECT_FALSE(MiIsKernelAddress(base - 1));
        NT_EXPECT_TRUE(MiIsKernelAddress(base));
        NT_EXPECT_TRUE(MiIsKernelAddress(base + 0xFFFF));
        NT_EXPECT_FALSE(MiIsKernelAddress(base + 0x10000));
    }
    for (ULONG i = 0; i < 100; i += 2) {
        MiRemoveKernelImage(0x10000000ull + i * 0x20000);
    }
    for (ULONG i = 0; i < 100; i++) {
        NT_EXPECT_EQ(MiIsKernelAddress(0x10000000ull + i * 0x20000), i % 2);
    }
}

/* What both probes say; ProbeForWrite touches the pages besides. */
NT_TEST(MmProbe, RaisesAsDocumented)
{
    PUCHAR user = UserPages(2);
    PUCHAR kernel = ExAllocatePoolWithTag(NonPagedPool, 64, MM_TAG);
    const struct {
        PVOID Address;
        SIZE_T Length;
        ULONG Alignment;
        NTSTATUS Read;
        NTSTATUS Write;
    } rows[] = {
        {user, 2 * PAGE_SIZE, 1, STATUS_SUCCESS, STATUS_SUCCESS},
        {user + 4, 4, 4, STATUS_SUCCESS, STATUS_SUCCESS},
        {user + 2, 4, 4, STATUS_DATATYPE_MISALIGNMENT, STATUS_DATATYPE_MISALIGNMENT},
        /* no length, no check */
        {kernel, 0, 1, STATUS_SUCCESS, STATUS_SUCCESS},
        {user + 1, 0, 8, STATUS_SUCCESS, STATUS_SUCCESS},
        {NULL, 0, 1, STATUS_SUCCESS, STATUS_SUCCESS},
        /* the page behind is not there: only writing touches it */
        {user + PAGE_SIZE, PAGE_SIZE + 1, 1, STATUS_SUCCESS, STATUS_ACCESS_VIOLATION},
        {NULL, 1, 1, STATUS_SUCCESS, STATUS_ACCESS_VIOLATION},
        {kernel, 1, 1, STATUS_ACCESS_VIOLATION, STATUS_ACCESS_VIOLATION},
        /* around the kernel's range, and around the end of all addresses */
        {(PVOID)(ExpKernelBase - PAGE_SIZE), (SIZE_T)1 << 44, 1, STATUS_ACCESS_VIOLATION,
         STATUS_ACCESS_VIOLATION},
        {user, (SIZE_T)-1, 1, STATUS_ACCESS_VIOLATION, STATUS_ACCESS_VIOLATION},
        {(PVOID)0xFFFF800000000000ull, 1, 1, STATUS_ACCESS_VIOLATION, STATUS_ACCESS_VIOLATION},
        {MmHighestUserAddress, 2, 1, STATUS_ACCESS_VIOLATION, STATUS_ACCESS_VIOLATION},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(RAISED(ProbeForRead(row->Address, row->Length, row->Alignment)),
                         row->Read);
        NT_EXPECT_STATUS(RAISED(ProbeForWrite(row->Address, row->Length, row->Alignment)),
                         row->Write);
    }
    ExFreePool(kernel);
}

NT_TEST(MmProbe, WritingNeedsWritablePages)
{
    PUCHAR user = UserPages(2);

    NT_EXPECT_EQ(HalpProtectMemory(user + PAGE_SIZE, PAGE_SIZE, HALP_READ), HALP_OK);
    NT_EXPECT_STATUS(RAISED(ProbeForRead(user, 2 * PAGE_SIZE, 1)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RAISED(ProbeForWrite(user, PAGE_SIZE, 1)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RAISED(ProbeForWrite(user, PAGE_SIZE + 1, 1)), STATUS_ACCESS_VIOLATION);
}

NT_TEST(MmProbe, OutsideTryIsABugCheck)
{
    NT_EXPECT_BUGCHECK(0x1E, ProbeForRead((PVOID)ExpKernelBase, 1, 1));
}

NT_TEST(MmCopy, NeverRaises)
{
    PUCHAR user = UserPages(1);
    PUCHAR kernel = ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, MM_TAG);
    const struct {
        PVOID User;
        SIZE_T Length;
        NTSTATUS Status;
    } rows[] = {
        {user, PAGE_SIZE, STATUS_SUCCESS},
        {user, 0, STATUS_SUCCESS},
        {NULL, 0, STATUS_SUCCESS},
        {user + 1, PAGE_SIZE, STATUS_ACCESS_VIOLATION},
        {NULL, 8, STATUS_ACCESS_VIOLATION},
        {kernel, 8, STATUS_ACCESS_VIOLATION},
        {(PVOID)(ULONG_PTR)-8, 16, STATUS_ACCESS_VIOLATION},
        {(PUCHAR)MmHighestUserAddress - 7, 9, STATUS_ACCESS_VIOLATION},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(MiCopyFromUser(kernel + PAGE_SIZE, row->User, row->Length, UserMode),
                         row->Status);
        NT_EXPECT_STATUS(MiCopyToUser(row->User, kernel + PAGE_SIZE, row->Length, UserMode),
                         row->Status);
    }
    /* Kernel mode may name kernel memory. */
    memset(kernel, 7, 16);
    NT_EXPECT_STATUS(MiCopyFromUser(kernel + 16, kernel, 16, KernelMode), STATUS_SUCCESS);
    NT_EXPECT_EQ(kernel[31], 7);
    ExFreePool(kernel);
}

NT_TEST(MmAddress, ValidityOfAddresses)
{
    PUCHAR user = UserPages(1);
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 64, MM_TAG);

    NT_EXPECT_TRUE(MmIsAddressValid(user));
    NT_EXPECT_FALSE(MmIsAddressValid(user + PAGE_SIZE));
    NT_EXPECT_FALSE(MmIsAddressValid(NULL));
    NT_EXPECT_TRUE(MmIsAddressValid(block));
    NT_EXPECT_TRUE(MmIsNonPagedSystemAddressValid(block));
    NT_EXPECT_FALSE(MmIsNonPagedSystemAddressValid(user));
    ExFreePool(block);
}
