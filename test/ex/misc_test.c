/* SPDX-License-Identifier: MIT
 *
 * test/ex/misc_test.c - questions about the machine: the clock's tick, the product suite
 */
#include "ex_test.h"

void
NtTestSetUp(void)
{
    ExTestStart();
}

void
NtTestTearDown(void)
{
    ExTestStop();
}

static ULONG
CurrentTick(VOID)
{
    ULONG maximum;
    ULONG minimum;
    ULONG current;

    ExQueryTimerResolution(&maximum, &minimum, &current);
    NT_EXPECT_EQ(maximum, KeQueryTimeIncrement());
    NT_EXPECT_EQ(minimum, 10000);
    return current;
}

NT_TEST(TimerResolution, IsTheTimeIncrementUntilOneAsksForLess)
{
    ULONG increment = KeQueryTimeIncrement();

    NT_EXPECT_EQ(CurrentTick(), increment);
    NT_EXPECT_EQ(ExSetTimerResolution(increment + 1, TRUE), increment);
    NT_EXPECT_EQ(ExSetTimerResolution(50000, TRUE), 50000);
    NT_EXPECT_EQ(CurrentTick(), 50000);
    NT_EXPECT_EQ(ExSetTimerResolution(60000, TRUE), 50000);
    NT_EXPECT_EQ(ExSetTimerResolution(1, TRUE), 10000);
    NT_EXPECT_EQ(CurrentTick(), 10000);
    NT_EXPECT_EQ(KeQueryTimeIncrement(), increment);
}

NT_TEST(TimerResolution, ComesBackWhenAllHaveRestoredIt)
{
    ULONG increment = KeQueryTimeIncrement();

    NT_EXPECT_EQ(ExSetTimerResolution(0, FALSE), increment);
    NT_EXPECT_EQ(ExSetTimerResolution(20000, TRUE), 20000);
    NT_EXPECT_EQ(ExSetTimerResolution(30000, TRUE), 20000);
    NT_EXPECT_EQ(ExSetTimerResolution(0, FALSE), 20000);
    NT_EXPECT_EQ(CurrentTick(), 20000);
    NT_EXPECT_EQ(ExSetTimerResolution(0, FALSE), increment);
    NT_EXPECT_EQ(CurrentTick(), increment);
}

NT_TEST(Suite, IsTheOneThatTheVersionTells)
{
    RTL_OSVERSIONINFOEXW info = {.dwOSVersionInfoSize = sizeof(info)};

    NT_EXPECT_STATUS(RtlGetVersion((PRTL_OSVERSIONINFOW)&info), STATUS_SUCCESS);
    NT_EXPECT_TRUE(ExVerifySuite(SingleUserTS));
    NT_EXPECT_FALSE(ExVerifySuite(DataCenter));
    for (ULONG suite = 0; suite < 40; suite++) {
        NT_EXPECT_EQ(ExVerifySuite((SUITE_TYPE)suite),
                     suite < 16 && (info.wSuiteMask >> suite & 1));
    }
}

NT_TEST(Uuid, IsRandomAndSaysSo)
{
    UUID first;
    UUID second;

    NT_EXPECT_STATUS(ExUuidCreate(&first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExUuidCreate(&second), STATUS_SUCCESS);
    NT_EXPECT_TRUE(memcmp(&first, &second, sizeof(first)) != 0);
    NT_EXPECT_EQ(first.Data3 >> 12, 4);
    NT_EXPECT_EQ(first.Data4[0] >> 6, 2);
}
