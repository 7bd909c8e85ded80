/* SPDX-License-Identifier: MIT
 *
 * test/mm/fault_test.c - which faults become exceptions, and which are the end
 */
#include "mm_test.h"

/* AddressSanitizer reports such accesses itself, before they fault. */
__attribute__((no_sanitize("address", "undefined"), noinline)) static UCHAR
ReadByte(ULONG_PTR Address)
{
    return *(volatile UCHAR *)Address;
}

__attribute__((no_sanitize("address", "undefined"), noinline)) static VOID
WriteByte(ULONG_PTR Address)
{
    *(volatile UCHAR *)Address = 1;
}

__attribute__((no_sanitize("undefined"), noinline)) static LONG
Divide(LONG Left, LONG Right)
{
    volatile LONG right = Right;
    volatile LONG result = Left / right;

    return result;
}

static ULONG_PTR SeenInformation[2];
static ULONG SeenCount;

static LONG
Filter(struct _EXCEPTION_POINTERS *Pointers)
{
    PEXCEPTION_RECORD record = Pointers->ExceptionRecord;

    SeenCount = record->NumberParameters;
    SeenInformation[0] = record->ExceptionInformation[0];
    SeenInformation[1] = record->ExceptionInformation[1];
    return EXCEPTION_EXECUTE_HANDLER;
}

NT_TEST(MmFault, UserAddressesBecomeExceptions)
{
    PUCHAR user = UserPages(1);
    volatile BOOLEAN caught = FALSE;

    __try {
        WriteByte((ULONG_PTR)user + PAGE_SIZE + 3);
    } __except (Filter(_exception_info())) {
        caught = TRUE;
    }
    NT_EXPECT_TRUE(caught);
    NT_EXPECT_EQ(SeenCount, 2);
    NT_EXPECT_EQ(SeenInformation[0], 1);
    NT_EXPECT_EQ(SeenInformation[1], (ULONG_PTR)user + PAGE_SIZE + 3);
    NT_EXPECT_STATUS(RAISED((void)ReadByte(0)), STATUS_ACCESS_VIOLATION);
    /* The address that probing macros write to on purpose. */
    NT_EXPECT_STATUS(RAISED(WriteByte(MmUserProbeAddress)), STATUS_ACCESS_VIOLATION);
}

NT_TEST(MmFault, DivisionBecomesAnException)
{
    NT_EXPECT_STATUS(RAISED((void)Divide(5, 0)), STATUS_INTEGER_DIVIDE_BY_ZERO);
}

NT_TEST(MmFault, KernelAddressIsABugCheckInsideTry)
{
    ULONG_PTR beyond = ExpKernelEnd - PAGE_SIZE;

    NT_EXPECT_BUGCHECK(0x50, RAISED((void)ReadByte(beyond)));
    NT_EXPECT_EQ(KiBugCheckParameters[0], beyond);
    NT_EXPECT_EQ(KiBugCheckParameters[1], 0);
}

NT_TEST(MmFault, KernelAddressAtDispatch)
{
    ULONG_PTR beyond = ExpKernelEnd - PAGE_SIZE;
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(0xD1, WriteByte(beyond));
    NT_EXPECT_EQ(KiBugCheckParameters[1], DISPATCH_LEVEL);
    NT_EXPECT_EQ(KiBugCheckParameters[2], 1);
}

NT_TEST(MmFault, UserAddressAtDispatchIsABugCheckInsideTry)
{
    PUCHAR user = UserPages(1);
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(0xD1, RAISED((void)ReadByte((ULONG_PTR)user + PAGE_SIZE)));
}

NT_TEST(MmFault, WithoutTryIsABugCheck)
{
    NT_EXPECT_BUGCHECK(0x7E, ReadByte(16));
    NT_EXPECT_EQ((NTSTATUS)KiBugCheckParameters[0], STATUS_ACCESS_VIOLATION);
}

static MI_CODE_MODE
InService(KTHREAD *Thread)
{
    return MI_CODE_SYSTEM_SERVICE;
}

NT_TEST(MmFault, WithoutTryInASystemService)
{
    MiRegisterModeQuery(InService);
    NT_EXPECT_BUGCHECK(0x3B, Divide(1, 0));
    NT_EXPECT_EQ((NTSTATUS)KiBugCheckParameters[0], STATUS_INTEGER_DIVIDE_BY_ZERO);
}

static MI_CODE_MODE
InClient(KTHREAD *Thread)
{
    return MI_CODE_USER;
}

/* Client code may catch anything; without a frame its crash is its own (the upcall says no). */
NT_TEST(MmFault, ClientCode)
{
    HALP_FAULT_INFO info = {.Kind = HALP_FAULT_ACCESS, .Address = ExpKernelEnd - PAGE_SIZE};

    MiRegisterModeQuery(InClient);
    NT_EXPECT_STATUS(RAISED((void)ReadByte(ExpKernelEnd - PAGE_SIZE)), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(MiHandleFault(&info), 0);
}

NT_TEST(MmFault, FreedLargeBlockIsNamed)
{
    ULONG_PTR block;

    if (!ExpVerifying) {
        NT_SKIP("freed blocks stay accessible without NTBOX_VERIFY=1");
    }
    block = (ULONG_PTR)ExAllocatePoolWithTag(NonPagedPool, 3 * PAGE_SIZE, MM_TAG);
    ExFreePool((PVOID)block);
    NT_EXPECT_BUGCHECK(0x50, ReadByte(block + PAGE_SIZE));
}
