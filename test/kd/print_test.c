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

/* A level below 32 is the number of a bit, another one a mask; clearing takes only these bits. */
NT_TEST(Print, FilterBitsAreSetAndCleared)
{
    static const ULONG levels[] = {DPFLTR_WARNING_LEVEL, DPFLTR_INFO_LEVEL, 31, 0x300, 0x80000000};

    NT_FOR_EACH (level, levels) {
        NT_EXPECT_FALSE(DbgQueryDebugFilterState(DPFLTR_IHVBUS_ID, *level));
        NT_EXPECT_STATUS(DbgSetDebugFilterState(DPFLTR_IHVBUS_ID, *level, TRUE), STATUS_SUCCESS);
        NT_EXPECT_TRUE(DbgQueryDebugFilterState(DPFLTR_IHVBUS_ID, *level));
        NT_EXPECT_FALSE(DbgQueryDebugFilterState(DPFLTR_IHVAUDIO_ID, *level));
        NT_EXPECT_STATUS(DbgSetDebugFilterState(DPFLTR_IHVBUS_ID, 7, TRUE), STATUS_SUCCESS);
        NT_EXPECT_STATUS(DbgSetDebugFilterState(DPFLTR_IHVBUS_ID, *level, FALSE), STATUS_SUCCESS);
        NT_EXPECT_FALSE(DbgQueryDebugFilterState(DPFLTR_IHVBUS_ID, *level));
        NT_EXPECT_TRUE(DbgQueryDebugFilterState(DPFLTR_IHVBUS_ID, 7));
    }
    DbgPrintEx(DPFLTR_IHVBUS_ID, 7, "shown\n");
    DbgSetDebugFilterState(DPFLTR_IHVBUS_ID, 7, FALSE);
    DbgPrintEx(DPFLTR_IHVBUS_ID, 7, "hidden\n");
    NT_EXPECT_STR(SimTakeLog(), "shown\n");
    NT_EXPECT_STATUS(DbgSetDebugFilterState(0x7FFFFFFF, 0, FALSE), STATUS_INVALID_PARAMETER_1);
}

/* DbgPrint is DbgPrintEx with the component DEFAULT at the information level. */
NT_TEST(Print, DbgPrintFollowsTheMaskOfDefault)
{
    DbgSetDebugFilterState(DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, FALSE);
    NT_EXPECT_STATUS(DbgPrint("hidden\n"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(DbgPrintReturnControlC("hidden\n"), STATUS_SUCCESS);
    DbgPrintEx(DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, "hidden\n");
    NT_EXPECT_STR(SimTakeLog(), "");
    DbgSetDebugFilterState(DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, TRUE);
    NT_EXPECT_STATUS(DbgPrint("%d\n", 1), STATUS_SUCCESS);
    NT_EXPECT_STATUS(DbgPrintReturnControlC("%d\n", 2), STATUS_SUCCESS); /* nobody pressed it */
    DbgPrintEx(DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, "%d\n", 3);
    NT_EXPECT_STR(SimTakeLog(), "1\n2\n3\n");
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

static ULONG
PrintThrough(ULONG ComponentId, ULONG Level, const char *Format, ...)
{
    va_list arguments;
    ULONG status;

    va_start(arguments, Format);
    status = vDbgPrintEx(ComponentId, Level, Format, arguments);
    va_end(arguments);
    return status;
}

NT_TEST(Print, TheFormWithAListIsFilteredFormattedAndCutAsTheOthers)
{
    char text[600];

    NT_EXPECT_STATUS(
        PrintThrough(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s %ws %d\n", "a", L"b", 5),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(PrintThrough(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "hidden %d\n", 1),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(PrintThrough(DPFLTR_IHVDRIVER_ID, 0x100, "hidden %d\n", 2), STATUS_SUCCESS);
    NT_EXPECT_STR(SimTakeLog(), "a b 5\n");
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    PrintThrough(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s", text);
    NT_EXPECT_EQ(strlen(SimTakeLog()), 512);
}

NT_TEST(Print, WorksAtHighLevel)
{
    KIRQL old;

    KeRaiseIrql(HIGH_LEVEL, &old);
    DbgPrint("high\n");
    DbgPrintReturnControlC("too\n");
    PrintThrough(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s\n", "list");
    KeLowerIrql(old);
    NT_EXPECT_STR(SimTakeLog(), "high\ntoo\nlist\n");
}

/* The machine was started without a debugger: what Windows says then, at any level. */
NT_TEST(Debugger, IsNotThereAndCannotBeSwitched)
{
    KIRQL old;

    for (KIRQL level = PASSIVE_LEVEL; level <= HIGH_LEVEL; level += HIGH_LEVEL) {
        KeRaiseIrql(level, &old);
        NT_EXPECT_STATUS(KdDisableDebugger(), STATUS_DEBUGGER_INACTIVE);
        NT_EXPECT_STATUS(KdEnableDebugger(), STATUS_DEBUGGER_INACTIVE);
        NT_EXPECT_FALSE(KdDebuggerEnabled);
        NT_EXPECT_TRUE(KdDebuggerNotPresent);
        NT_EXPECT_TRUE(KdRefreshDebuggerNotPresent());
        KeLowerIrql(old);
    }
}
