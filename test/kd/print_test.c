/* SPDX-License-Identifier: MIT
 *
 * print_test.c - DbgPrint and its family: what is shown, and how
 */
#include "kd/kdp.h"
#include "kernel_test.h"
#include <dpfilter.h>

void
NtTestSetUp(void)
{
    KernelTestStart();
    SimTakeLog();
}

void
NtTestTearDown(void)
{
    InitpStopSystem();
}

NT_TEST(Print, FormatIsMicrosofts)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\X");

    DbgPrint("%wZ %ws %lu %I64x|%s\n", &name, L"wide", 0xFFFFFFFFu, 0x1234567890ull, "narrow");
    NT_EXPECT_STR(SimTakeLog(), "\\Device\\X wide 4294967295 1234567890|narrow\n");
}

NT_TEST(Print, DbgPrintIsShownAndOtherComponentsByTheirMask)
{
    DbgPrint("shown\n");
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "hidden\n");
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "error\n");
    NT_EXPECT_STR(SimTakeLog(), "shown\nerror\n");
    NT_EXPECT_FALSE(DbgQueryDebugFilterState(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL));
    NT_EXPECT_STATUS(DbgSetDebugFilterState(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, TRUE),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(DbgQueryDebugFilterState(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL));
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "now shown\n");
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, 0x100, "another bit\n");
    NT_EXPECT_STR(SimTakeLog(), "now shown\n");
    NT_EXPECT_STATUS(DbgSetDebugFilterState(0x7FFFFFFF, 0, TRUE), STATUS_INVALID_PARAMETER_1);
}

NT_TEST(Print, FilterComesFromTheEnvironment)
{
    setenv("NTBOX_DEBUG_FILTER", "IHVDRIVER=0x8,DEFAULT=0,78=-1", 1);
    KdpInitializeFilter();
    DbgPrint("hidden\n");
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "shown\n");
    DbgPrintEx(78, 0x80000000, "all bits\n");
    NT_EXPECT_STR(SimTakeLog(), "shown\nall bits\n");
    setenv("NTBOX_DEBUG_FILTER", "IHVDRIVER=8,NOSUCH=1", 1);
    KdpInitializeFilter();
    NT_EXPECT_CONTAINS(SimTakeLog(), "not understood from 'NOSUCH=1'");
}

NT_TEST(Print, ACallWritesAtMost512Bytes)
{
    char text[600];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    DbgPrint("%s", text);
    NT_EXPECT_EQ(strlen(SimTakeLog()), 512);
}

static ULONG
PrintWithPrefix(const char *Prefix, const char *Format, ...)
{
    va_list arguments;
    ULONG status;

    va_start(arguments, Format);
    status =
        vDbgPrintExWithPrefix(Prefix, DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, Format, arguments);
    va_end(arguments);
    return status;
}

NT_TEST(Print, PrefixComesFirst)
{
    NT_EXPECT_STATUS(PrintWithPrefix("mine: ", "%d\n", 5), STATUS_SUCCESS);
    NT_EXPECT_STR(SimTakeLog(), "mine: 5\n");
}

NT_TEST(Print, WorksAtHighLevel)
{
    KIRQL old;

    KeRaiseIrql(HIGH_LEVEL, &old);
    DbgPrint("high\n");
    KeLowerIrql(old);
    NT_EXPECT_STR(SimTakeLog(), "high\n");
    NT_EXPECT_TRUE(KdRefreshDebuggerNotPresent());
}
