/* SPDX-License-Identifier: MIT
 *
 * harness_subject.c - tests whose results harness_test.py knows
 */
#include "hal/sim/sim.h"
#include "setup.h"

NT_TEST(Subject, Passes)
{
    NT_EXPECT_EQ(-1, (int64_t)-1);
    NT_EXPECT_STR("a", "a");
    NT_EXPECT_WSTR(u"wide", u"wide");
    NT_EXPECT_STATUS(0xC0000001, (int32_t)0xC0000001);
}

NT_TEST(Subject, FailsEqual)
{
    NT_EXPECT_EQ(1 + 1, 3);
}

NT_TEST(Subject, FailsString)
{
    NT_EXPECT_STR("a", NULL);
}

NT_TEST(Subject, FailsWide)
{
    NT_EXPECT_WSTR(u"wide", u"wider");
}

NT_TEST(Subject, FailsStatus)
{
    NT_EXPECT_STATUS(0, 0xC0000001);
}

static void
FailHere(void *Context)
{
    (void)Context;
    NT_EXPECT_TRUE(Context != NULL);
}

NT_TEST(Subject, FailsOnAnotherThread)
{
    HALP_THREAD *thread;

    if (HalpCreateThread(&thread, "fails", FailHere, NULL) == HALP_OK) {
        HalpWaitThreadEnd(thread);
    }
}

NT_TEST(Subject, Skips)
{
    NT_SKIP("no reason");
}

NT_TEST(Subject, PassesKnownGap)
{
    int after = 0;

    NT_KNOWN_GAP("arithmetic", NT_EXPECT_EQ(1, 2));
    after = 1;
    NT_EXPECT_EQ(after, 1);
}

NT_TEST(Subject, FailsClosedGap)
{
    NT_KNOWN_GAP("arithmetic", { NT_EXPECT_EQ(2, 2); });
}

NT_TEST(Subject, PassesBugCheck)
{
    int count = 0;

    for (int i = 0; i < 3; ++i) {
        NT_EXPECT_BUGCHECK(0xD1, { HalpAbort(); });
        ++count;
    }
    NT_EXPECT_EQ(count, 3);
}

NT_TEST(Subject, FailsWithoutBugCheck)
{
    NT_EXPECT_BUGCHECK(0xD1, HalpYield());
}

static void
AbortHere(void *Context)
{
    (void)Context;
    HalpAbort();
}

NT_TEST(Subject, PassesBugCheckOnAnotherThread)
{
    HALP_THREAD *thread;

    NT_EXPECT_BUGCHECK(0xD1, {
        NT_EXPECT_EQ(HalpCreateThread(&thread, "aborts", AbortHere, NULL), HALP_OK);
        HalpWaitThreadEnd(thread);
    });
}

NT_TEST(Subject, FailsByCrash)
{
    HalpAbort();
}

NT_TEST(Subject, FailsByHanging)
{
    for (;;) {
        __asm__ volatile("pause");
    }
}

NT_TEST_SEEDS(Subject, FailsWithSeedThree, 10)
{
    NT_EXPECT_NE(NtTestSeed(), 3);
}

NT_TEST(Subject, FailsInTearDown)
{
    static uint32_t forever;
    HALP_THREAD *thread;

    /* Nobody waits for it. */
    (void)HalpCreateThread(&thread, "survivor", FailHere, &forever);
}
