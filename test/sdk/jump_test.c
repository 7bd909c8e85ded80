/* SPDX-License-Identifier: MIT
 *
 * jump_test.c - setjmp and longjmp, and what a longjmp does to the blocks that it leaves
 */
#include <windows.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "ntcrt.h"
#include "nt_test.h"

static jmp_buf Target;
static char Trail[64];

static void
Step(const char *Name)
{
    strncat(Trail, Name, sizeof(Trail) - strlen(Trail) - 1);
}

static void (*volatile JumpInside)(int Depth, int Value);

static void
JumpFrom(int Depth, int Value)
{
    if (Depth == 0) {
        longjmp(Target, Value);
    }
    JumpInside = JumpFrom;
    JumpInside(Depth - 1, Value);
    NT_FAIL("longjmp returned");
}

NT_TEST(Jump, SetjmpReturnsTheValueAndOneForNone)
{
    static const int values[] = {1, 7, -3, 0x7fffffff, 0};
    volatile size_t i;
    volatile int round;
    int result;

    for (i = 0; i < ARRAYSIZE(values); i++) {
        round = 0;
        result = setjmp(Target);
        round++;
        if (round == 1) {
            NT_EXPECT_EQ(result, 0);
            JumpFrom(5, values[i]);
        }
        NT_EXPECT_EQ(round, 2);
        NT_EXPECT_EQ((unsigned)result, (unsigned)(values[i] == 0 ? 1 : values[i]));
    }
}

NT_TEST(Jump, UnderscoreSetjmpIsTheSameAndMayBeReturnedToAgain)
{
    volatile int round = 0;
    jmp_buf inner;

    if (_setjmp(Target) < 3) {
        if (_setjmp(inner) == 0) {
            longjmp(inner, 1);
        }
        JumpFrom(1, ++round);
    }
    NT_EXPECT_EQ(round, 3);
}

static void
JumpThroughBlocks(void)
{
    __try {
        __try {
            __try {
                Step("body ");
                JumpFrom(2, 1);
            } __finally {
                Step(AbnormalTermination() ? "inner " : "normal ");
            }
        } __except (Step("filter "), EXCEPTION_EXECUTE_HANDLER) {
            Step("handler ");
        }
    } __finally {
        Step(AbnormalTermination() ? "outer " : "normal ");
    }
}

/* __finally blocks run, innermost first; filters are not asked, as it is no exception. */
NT_TEST(Jump, RunsTheFinallyBlocksThatItLeaves)
{
    if (setjmp(Target) == 0) {
        JumpThroughBlocks();
        NT_FAIL("longjmp returned");
    }
    NT_EXPECT_STR(Trail, "body inner outer ");
    NT_EXPECT_FALSE(NtcrtHasFrame());
}

NT_TEST(Jump, KeepsTheBlocksAroundSetjmp)
{
    __try {
        if (setjmp(Target) == 0) {
            JumpThroughBlocks();
        }
        Step("back ");
        NtcrtRaise(0xE0000001, 0, NULL, 0, NULL);
    } __except (GetExceptionCode() == 0xE0000001 ? EXCEPTION_EXECUTE_HANDLER
                                                 : EXCEPTION_CONTINUE_SEARCH) {
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "body inner outer back handler");
}

static void *Word;

static void
JumpAfterAChange(void)
{
    __try {
        Word = &Trail[2];
        JumpFrom(0, 1);
    } __finally {
        Step(Word == &Trail[1] ? "old " : "new ");
        Word = &Trail[3];
    }
}

/* State that a function sets around a call is as it was when the __try began, as in a handler. */
NT_TEST(Jump, PutsTheFollowedWordBack)
{
    NtcrtFollow(&Word);
    Word = &Trail[1];
    if (setjmp(Target) == 0) {
        __try {
            JumpAfterAChange();
        } __finally {
            Step(Word == &Trail[1] ? "old" : "new");
        }
    }
    NT_EXPECT_STR(Trail, "old old");
    NT_EXPECT_EQ(Word, &Trail[1]);
    NtcrtFollow(NULL);
}

static void
JumpWithABusyFinally(void)
{
    __try {
        JumpFrom(0, 4);
    } __finally {
        jmp_buf local;

        __try {
            NtcrtRaise(0xE0000002, 0, NULL, 0, NULL);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            Step("own ");
        }
        if (setjmp(local) == 0) {
            longjmp(local, 1);
        }
        Step("end ");
    }
}

/* A __finally block on the way may itself handle exceptions and jump; the first jump goes on. */
NT_TEST(Jump, SurvivesWhatAFinallyBlockDoes)
{
    int result = setjmp(Target);

    if (result == 0) {
        JumpWithABusyFinally();
    }
    NT_EXPECT_EQ(result, 4);
    NT_EXPECT_STR(Trail, "own end ");
}

/* ---- what is reported ---- */

static void *ReportPoint[5];
static char Report[96];

static void
Hook(const char *Message, const char *File, int Line)
{
    strncpy(Report, Message, sizeof(Report) - 1);
    NtcrtExchangeFrames(NULL);
    __builtin_longjmp(ReportPoint, 1);
}

static int
JumpFromFilter(void)
{
    JumpFrom(0, 1);
    return EXCEPTION_EXECUTE_HANDLER;
}

static void
RaiseIntoTheFilter(void)
{
    __try {
        NtcrtRaise(0xE0000003, 0, NULL, 0, NULL);
    } __except (JumpFromFilter()) {
    }
}

static void
EndABlock(void)
{
    __try {
        (void)setjmp(Target);
    } __finally {
    }
}

NT_TEST(Jump, IntoABlockThatHasEndedIsReported)
{
    NtcrtSetFatalHook(Hook);
    if (__builtin_setjmp(ReportPoint) == 0) {
        EndABlock();
        JumpFrom(0, 1);
    }
    NT_EXPECT_STR(Report, "longjmp into a __try block that has ended");
}

NT_TEST(Jump, OutOfAFilterIsReported)
{
    NtcrtSetFatalHook(Hook);
    if (__builtin_setjmp(ReportPoint) == 0 && setjmp(Target) == 0) {
        RaiseIntoTheFilter();
    }
    NT_EXPECT_STR(Report, "longjmp out of an exception filter; not supported");
}
