/* SPDX-License-Identifier: MIT
 *
 * sim_plan_test.c - the fault plan, the log that a test reads, the abort hook
 */
#include "hal/sim/sim.h"
#include "setup.h"

#include <setjmp.h>

NT_TEST(SimPlan, NthCallOfASiteFails)
{
    SimSetFaultPlan("pool", 2);
    NT_EXPECT_EQ(HalpShouldFail("pool"), 0);
    NT_EXPECT_EQ(HalpShouldFail("irp"), 0);
    NT_EXPECT_EQ(HalpShouldFail("pool"), 1);
    NT_EXPECT_EQ(HalpShouldFail("pool"), 0);
    NT_EXPECT_EQ(SimFaultPoints(), 4);
}

NT_TEST(SimPlan, NthCallOfAnySiteFails)
{
    SimSetFaultPlan(NULL, 3);
    NT_EXPECT_EQ(HalpShouldFail("a"), 0);
    NT_EXPECT_EQ(HalpShouldFail("b"), 0);
    NT_EXPECT_EQ(HalpShouldFail("c"), 1);
    NT_EXPECT_EQ(HalpShouldFail("c"), 0);
}

NT_TEST(SimPlan, NoneOnlyCounts)
{
    SimSetFaultPlan(NULL, 0);
    for (int i = 0; i < 10; ++i) {
        NT_EXPECT_EQ(HalpShouldFail("a"), 0);
    }
    NT_EXPECT_EQ(SimFaultPoints(), 10);
    SimSetFaultPlan("a", 1);
    NT_EXPECT_EQ(SimFaultPoints(), 0);
    NT_EXPECT_EQ(HalpShouldFail("a"), 1);
}

NT_TEST(SimLog, IsTakenOnce)
{
    NT_EXPECT_STR(SimTakeLog(), "");
    HalpWriteLog("one ", 4);
    HalpWriteLog("two\nmore", 4);
    NT_EXPECT_STR(SimTakeLog(), "one two\n");
    NT_EXPECT_STR(SimTakeLog(), "");
}

static jmp_buf BackToTest;

static void
JumpBack(void)
{
    longjmp(BackToTest, 7);
}

NT_TEST(SimAbort, HookReplacesTheEnd)
{
    int result;

    SimSetAbortHook(JumpBack);
    result = setjmp(BackToTest);
    if (result == 0) {
        HalpAbort();
    }
    NT_EXPECT_EQ(result, 7);
    SimSetAbortHook(NULL);
}
