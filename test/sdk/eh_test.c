/* SPDX-License-Identifier: MIT
 *
 * eh_test.c - structured exceptions: which blocks run, in which order, and what they see
 *
 * Each test leaves a trail of numbers. Built without optimization, as drivers with __try are, and
 * with it, where filters run after the unwinding (ntbox/eh.h E2).
 */
#include <windows.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "nt_test.h"

#define CODE_A 0xC0000005u
#define CODE_B 0xE0000001u
#define INFORMATION 0x1234u

static char Trail[256];

static void
Step(const char *Name)
{
    strcat(Trail, Trail[0] == 0 ? "" : " ");
    strcat(Trail, Name);
}

static void
Raise(DWORD Code)
{
    ULONG_PTR information[2] = {1, INFORMATION};

    NtcrtRaise(Code, 0, (void *)(ULONG_PTR)Raise, 2, information);
    Step("nobody");
}

static int
Filter(DWORD Code, PEXCEPTION_POINTERS Pointers, int Answer)
{
    Step("filter");
    NT_EXPECT_EQ(Pointers->ExceptionRecord->ExceptionCode, Code);
    NT_EXPECT_EQ(Pointers->ExceptionRecord->NumberParameters, 2);
    NT_EXPECT_EQ(Pointers->ExceptionRecord->ExceptionInformation[1], INFORMATION);
    NT_EXPECT_EQ(Pointers->ContextRecord->Rip, (ULONG_PTR)Raise);
    return Answer;
}

void
NtTestTearDown(void)
{
    NT_EXPECT_FALSE(NtcrtHasFrame());
}

/* ---- a body that ends by itself ---- */

NT_TEST(Try, WithoutAnExceptionSkipsTheHandler)
{
    __try {
        Step("body");
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "body");
}

NT_TEST(Try, EndsAtLeaveInsideALoop)
{
    __try {
        for (;;) {
            Step("loop");
            __leave;
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step("handler");
    }
    Step("after");
    NT_EXPECT_STR(Trail, "loop after");
}

NT_TEST(Try, LeaveInAHandlerLeavesTheBlockAround)
{
    __try {
        __try {
            Raise(CODE_A);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            __leave;
        }
        Step("not here");
    } __finally {
        Step(AbnormalTermination() ? "abnormal" : "normal");
    }
    NT_EXPECT_STR(Trail, "normal");
}

static int
ReturnFromBody(void)
{
    __try {
        return 7;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step("handler");
    }
    return 8;
}

NT_TEST(Try, ReturnLeavesNoFrameBehind)
{
    NT_EXPECT_EQ(ReturnFromBody(), 7);
    NT_EXPECT_FALSE(NtcrtHasFrame());
    NT_EXPECT_STR(Trail, "");
}

NT_TEST(Try, IsOneStatement)
{
    int i;

    for (i = 0; i < 2; i++) {
        if (i == 1)
            __try {
                Step("body");
            } __except (EXCEPTION_EXECUTE_HANDLER) {
                Step("handler");
            }
        else
            Step("else");
    }
    NT_EXPECT_STR(Trail, "else body");
}

NT_TEST(Try, PlainWordsMeanTheSame)
{
    try {
        try {
            leave;
        } finally {
            Step("finally");
        }
        Raise(CODE_A);
    }
    except(EXCEPTION_EXECUTE_HANDLER)
    {
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "finally handler");
}

/* ---- exceptions ---- */

NT_TEST(Except, FilterSeesTheExceptionAndHandlerItsCode)
{
    __try {
        Raise(CODE_A);
    } __except (Filter(GetExceptionCode(), GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        NT_EXPECT_EQ(GetExceptionCode(), CODE_A);
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "filter handler");
}

NT_TEST(Except, DeclinedGoesToTheBlockAround)
{
    __try {
        __try {
            Raise(CODE_A);
        } __except (Filter(CODE_A, GetExceptionInformation(), EXCEPTION_CONTINUE_SEARCH)) {
            Step("inner");
        }
        Step("not here");
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step("outer");
    }
    NT_EXPECT_STR(Trail, "filter outer");
}

NT_TEST(Except, WithoutAFrameRaiseReturns)
{
    NT_EXPECT_EQ(NtcrtRaise(CODE_A, 0, NULL, 0, NULL), 0);
}

#if !NTCRT_OPTIMIZED
NT_TEST(Except, DeclinedByAllReturnsToTheRaiserWithNothingUnwound)
{
    __try {
        __try {
            Raise(CODE_A);
            Step("body");
        } __finally {
            Step(AbnormalTermination() ? "abnormal" : "normal");
        }
    } __except (EXCEPTION_CONTINUE_SEARCH) {
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "nobody body normal");
}
#endif

static void
RaiseThroughFinally(void)
{
    __try {
        Raise(CODE_A);
    } __finally {
        Step(AbnormalTermination() ? "abnormal" : "normal");
    }
    Step("not here");
}

NT_TEST(Except, FilterRunsBeforeTheFinallyBlocksInside)
{
    __try {
        RaiseThroughFinally();
    } __except (Filter(CODE_A, GetExceptionInformation(), EXCEPTION_EXECUTE_HANDLER)) {
        Step("handler");
    }
    NT_EXPECT_STR(Trail, NTCRT_OPTIMIZED ? "abnormal filter handler" : "filter abnormal handler");
}

NT_TEST(Except, LocalsThatTheBodyChangedAreSeenByFilterAndHandler)
{
#if NTCRT_OPTIMIZED
    volatile
#endif
        int local = 1;

    __try {
        local = 2;
        Raise(CODE_A);
    } __except (local == 2 ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH) {
        NT_EXPECT_EQ(local, 2);
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "handler");
}

NT_TEST(Except, BreakAndContinueInAHandlerBelongToTheLoopAround)
{
    volatile int i;

    for (i = 0; i < 5; i++) {
        __try {
            Raise(CODE_A);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            if (i == 3) {
                break;
            }
            continue;
        }
        Step("not here");
    }
    NT_EXPECT_EQ(i, 3);
    NT_EXPECT_STR(Trail, "");
}

NT_TEST(Except, AnExceptionInAHandlerGoesOutward)
{
    __try {
        __try {
            Raise(CODE_A);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            Raise(CODE_B);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        NT_EXPECT_EQ(GetExceptionCode(), CODE_B);
        Step("outer");
    }
    NT_EXPECT_STR(Trail, "outer");
}

NT_TEST(Except, AnExceptionInAFilterGoesOutward)
{
    __try {
        __try {
            Raise(CODE_A);
        } __except (Raise(CODE_B), EXCEPTION_EXECUTE_HANDLER) {
            Step("inner");
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        NT_EXPECT_EQ(GetExceptionCode(), CODE_B);
        Step("outer");
    }
    NT_EXPECT_STR(Trail, "outer");
}

static int
FilterThatHandlesOneItself(void)
{
    __try {
        Raise(CODE_B);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        NT_EXPECT_EQ(GetExceptionCode(), CODE_B);
        Step("inside");
    }
    return EXCEPTION_EXECUTE_HANDLER;
}

NT_TEST(Except, AFilterMayHandleAnotherException)
{
    __try {
        Raise(CODE_A);
    } __except (FilterThatHandlesOneItself()) {
        NT_EXPECT_EQ(GetExceptionCode(), CODE_A);
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "inside handler");
}

static void
HandleOne(void)
{
    __try {
        Raise(CODE_B);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step("callee");
    }
}

NT_TEST(Except, TheCodeSurvivesAnotherExceptionInACallee)
{
    __try {
        Raise(CODE_A);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        HandleOne();
        NT_EXPECT_EQ(GetExceptionCode(), CODE_A);
    }
    NT_EXPECT_STR(Trail, "callee");
}

static int
Recurse(int Depth)
{
    int sum = 0;

    if (Depth == 0) {
        Raise(CODE_A);
    }
    __try {
        sum = Recurse(Depth - 1);
    } __finally {
        if (AbnormalTermination()) {
            Step("f");
        }
    }
    return sum;
}

NT_TEST(Except, UnwindsThroughManyFrames)
{
    __try {
        Recurse(20);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step("handler");
    }
    NT_EXPECT_EQ(strlen(Trail), 20 * 2 + strlen("handler"));
}

static unsigned char AlternateStack[65536];

/* Who leaves a handler by an exception unblocks the signal first, as the kernel's host side does.
 */
static void
OnSignal(int Signal)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, Signal);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    NtcrtRaise(CODE_A, 0, NULL, 0, NULL);
}

NT_TEST(Except, WorksFromASignalHandlerOnItsOwnStack)
{
    stack_t stack = {.ss_sp = AlternateStack, .ss_size = sizeof(AlternateStack)};
    struct sigaction action = {.sa_flags = SA_ONSTACK};
    volatile int i;

    action.sa_handler = OnSignal;
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    for (i = 0; i < 3; i++) {
        __try {
            raise(SIGUSR1);
            Step("not here");
        } __except (GetExceptionCode() == CODE_A) {
            Step("handler");
        }
    }
    NT_EXPECT_STR(Trail, "handler handler handler");
}

/* ---- finally ---- */

NT_TEST(Finally, RunsAfterAnOrdinaryEnd)
{
    __try {
        Step("body");
    } __finally {
        Step(AbnormalTermination() ? "abnormal" : "normal");
    }
    NT_EXPECT_STR(Trail, "body normal");
}

NT_TEST(Finally, RunsAfterLeaveAsAnOrdinaryEnd)
{
    __try {
        __leave;
    } __finally {
        Step(AbnormalTermination() ? "abnormal" : "normal");
    }
    NT_EXPECT_STR(Trail, "normal");
}

static int
ReturnThroughFinally(void)
{
    int value = 5;

    __try {
        return value + 1;
    } __finally {
        Step(AbnormalTermination() ? "abnormal" : "normal");
        value = 77;
    }
    return value;
}

NT_TEST(Finally, RunsBetweenAReturnAndTheCaller)
{
    NT_EXPECT_EQ(ReturnThroughFinally(), 6);
    NT_EXPECT_STR(Trail, "abnormal");
}

static int
ReturnThroughThree(int From)
{
    int i;

    for (i = 0; i < 3; i++) {
        __try {
            __try {
                __try {
                    if (i == From) {
                        return i * 10;
                    }
                } __finally {
                    Step("a");
                }
            } __except (EXCEPTION_EXECUTE_HANDLER) {
                Step("handler");
            }
        } __finally {
            Step("b");
        }
    }
    return -1;
}

NT_TEST(Finally, BlocksRunInnermostFirstOnAReturn)
{
    NT_EXPECT_EQ(ReturnThroughThree(1), 10);
    NT_EXPECT_STR(Trail, "a b a b");
}

NT_TEST(Finally, RunsBeforeTheLabelOfAGoto)
{
    __try {
        goto Label;
    } __finally {
        Step(AbnormalTermination() ? "abnormal" : "normal");
    }
    Step("not here");
Label:
    Step("label");
    NT_EXPECT_STR(Trail, "abnormal label");
}

static int
TwoWaysOut(int Way)
{
    __try {
        if (Way == 0) {
            return 1;
        }
        if (Way == 1) {
            goto Label;
        }
    } __finally {
        HandleOne();
    }
    return 2;
Label:
    return 3;
}

NT_TEST(Finally, EachWayOutGoesWhereItShould)
{
    NT_EXPECT_EQ(TwoWaysOut(0), 1);
    NT_EXPECT_EQ(TwoWaysOut(1), 3);
    NT_EXPECT_EQ(TwoWaysOut(2), 2);
    NT_EXPECT_STR(Trail, "callee callee callee");
}

typedef struct BIG {
    int Value[100];
} BIG;

static BIG
ReturnBig(int Seed)
{
    BIG big;
    int i;

    for (i = 0; i < 100; i++) {
        big.Value[i] = Seed + i;
    }
    __try {
        return big;
    } __finally {
        BIG other;

        memset(&other, 0, sizeof(other));
        Step(other.Value[3] == 0 ? "zero" : "?");
    }
    return big;
}

NT_TEST(Finally, AReturnedStructureStaysWhole)
{
    BIG big = ReturnBig(5);

    NT_EXPECT_EQ(big.Value[0], 5);
    NT_EXPECT_EQ(big.Value[99], 104);
}

NT_TEST(Finally, MayHandleAnExceptionOfItsOwnWhileUnwinding)
{
    __try {
        __try {
            Raise(CODE_A);
        } __finally {
            HandleOne();
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        NT_EXPECT_EQ(GetExceptionCode(), CODE_A);
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "callee handler");
}

NT_TEST(Finally, AnExceptionInItReplacesTheOneUnderWay)
{
    __try {
        __try {
            Raise(CODE_A);
        } __finally {
            Raise(CODE_B);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        NT_EXPECT_EQ(GetExceptionCode(), CODE_B);
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "handler");
}

/* ---- the kernel's side, and what is reported ---- */

NT_TEST(Frames, AreHiddenAndRestoredByTheGate)
{
    __try {
        void *frames = NtcrtExchangeFrames(NULL);

        NT_EXPECT_FALSE(NtcrtHasFrame());
        NT_EXPECT_EQ(NtcrtRaise(CODE_A, 0, NULL, 0, NULL), 0);
        NT_EXPECT_EQ(NtcrtExchangeFrames(frames), NULL);
        Raise(CODE_A);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "handler");
}

static jmp_buf Reported;
static char Report[128];

static void
Hook(const char *Message, const char *File, int Line)
{
    NT_EXPECT_TRUE(strstr(File, "eh_test.c") != NULL && Line != 0);
    strncpy(Report, Message, sizeof(Report) - 1);
    NtcrtExchangeFrames(NULL);
    longjmp(Reported, 1);
}

#define EXPECT_REPORT(text, ...)     \
    do {                             \
        NtcrtSetFatalHook(Hook);     \
        if (setjmp(Reported) == 0) { \
            __VA_ARGS__;             \
            NT_FAIL("not reported"); \
        }                            \
        NT_EXPECT_STR(Report, text); \
    } while (0)

static void
BreakOut(void)
{
    for (;;) {
        __try {
            break;
        } __except (EXCEPTION_EXECUTE_HANDLER) {
        }
    }
}

static void
ContinueOut(void)
{
    int i;

    for (i = 0; i < 1; i++) {
        __try {
            continue;
        } __finally {
        }
    }
}

static void
BreakOutOfFinally(void)
{
    for (;;) {
        __try {
            Step("body");
        } __finally {
            break;
        }
        break;
    }
}

static void
ContinueExecution(void)
{
    __try {
        Raise(CODE_A);
    } __except (EXCEPTION_CONTINUE_EXECUTION) {
    }
}

NT_TEST(Reports, BreakOutOfTry)
{
    EXPECT_REPORT("break leaves a __try block; not supported", BreakOut());
}

NT_TEST(Reports, ContinueOutOfTry)
{
    EXPECT_REPORT("continue leaves a __try block; not supported", ContinueOut());
}

NT_TEST(Reports, BreakOutOfFinally)
{
    EXPECT_REPORT("a jump leaves a __finally block; not supported", BreakOutOfFinally());
}

NT_TEST(Reports, ContinueExecution)
{
    EXPECT_REPORT("EXCEPTION_CONTINUE_EXECUTION is not supported", ContinueExecution());
}

NT_TEST(Reports, LeaveOutsideOfTry)
{
    EXPECT_REPORT("__leave outside of a __try block", __leave);
}

NT_TEST(Reports, ExceptionCodeOutsideOfAHandler)
{
    EXPECT_REPORT("GetExceptionCode outside of a filter or handler", (void)GetExceptionCode());
}

NT_TEST(Reports, AFailedAssertionIsAnException)
{
    __try {
        __int2c();
    } __except (GetExceptionCode() == 0xC0000420u) {
        Step("handler");
    }
    NT_EXPECT_STR(Trail, "handler");
    EXPECT_REPORT("an assertion failed", __int2c());
}
