/* SPDX-License-Identifier: MIT
 *
 * ntbox/eh.h - __try, __except, __finally and __leave on Linux
 *
 * A __try block is a frame on the thread's list. NtcrtRaise asks the frames, innermost first,
 * whether they take an exception: the filter runs before anything is unwound, as on Windows. Then
 * the __finally blocks in between run, innermost first, and the handler is entered.
 *
 * Invariants  E1  A frame is on its thread's list iff its body is running.
 *             E2  A filter runs on top of the raiser's stack, with its own function's frame
 * pointer, so that function must address its locals by it: true of code without optimization. An
 * optimized function is first unwound to, then its filter runs. E3  Each way out of a body passes
 * NtcrtEndBody (its end), NtcrtLeave, NtcrtCloseFrame (return and goto, by the cleanup attribute)
 * or NtcrtRaise. break and continue out of a body would bind to a loop of the macros:
 * NtcrtEnterBody and NtcrtBreakBody report them. Differs     Locals that a body changes and a
 * handler reads need -O0 or volatile. Returning from, or jumping out of, a __finally block is
 * reported as unsupported. Source      Microsoft C++ docs: try-except, try-finally; winnt.h
 * EXCEPTION_RECORD.
 */
#ifndef NTBOX_EH_H
#define NTBOX_EH_H
#pragma GCC system_header

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call must restore: rbx, rbp, r12 to r15, rsp, rip. */
typedef struct NTCRT_MACHINE {
    uintptr_t Register[8];
} NTCRT_MACHINE;

typedef struct NTCRT_FRAME {
    NTCRT_MACHINE Machine;    /* offset 0, written by NtcrtEnterFrame */
    uintptr_t AskedStack;     /* offset 64, while a filter runs: the raiser's stack pointer */
    unsigned char Jump[200];  /* offset 72, a jmp_buf */
    struct NTCRT_FRAME *Next; /* the frame around this one */
    NTCRT_MACHINE Mark;       /* where the statement goes on after the block */
    void *Function;           /* frame address of the function that has the __try */
    const char *File;
    int Line;
    int State;                   /* NTCRT_STATE of eh.c */
    int Optimized;               /* E2 */
    int IsFinally;               /* known once asked */
    struct NTCRT_FRAME *AskedBy; /* the frame whose filter ran when this one's was asked */
    void *Pointers[2];           /* winnt.h EXCEPTION_POINTERS: Record, a CONTEXT */
    uintptr_t Record[19];        /* winnt.h EXCEPTION_RECORD, while a filter runs */
    void *Followed;              /* NtcrtFollow's word, when the body began */
} NTCRT_FRAME;

typedef struct NTCRT_FINALLY {
    NTCRT_MACHINE Resume; /* where a return or goto goes on */
    NTCRT_FRAME *Target;  /* the frame that an exception is unwound to; NULL: not known yet (E2) */
    uintptr_t Record[19]; /* that exception */
    const char *File;
    int Line;
    int Mode; /* NTCRT_FINALLY_MODE of eh.c */
    int Abnormal;
    int Rounds;
    void *Leap; /* a jmp_buf: the longjmp that goes on after the block */
    int LeapValue;
} NTCRT_FINALLY;

/* ---- for the kernel ---- */

/*
 * NtcrtRaise - raise an exception on the calling thread
 *
 * Code         status, as GetExceptionCode will give it
 * Flags        EXCEPTION_NONCONTINUABLE or 0
 * Address      where it happened
 * Count        number of 64 bit words at Information, at most 15
 *
 * Returns  0 if no frame of this thread takes it; nothing is unwound then (but see E2: what an
 *          optimized frame declined is reported through the fatal hook). Otherwise never returns.
 *          Callable from a signal handler, on the thread's own or on an alternate stack.
 */
int NtcrtRaise(uint32_t Code, uint32_t Flags, void *Address, uint32_t Count,
               const void *Information);

/* Replaces the thread's list of frames by NewHead (NULL: none); gives the old one. */
void *NtcrtExchangeFrames(void *NewHead);

/*
 * Handlers and __finally blocks of the calling thread find *Word as it was when their __try began:
 * for state that a function sets and resets around a call. NULL: no word.
 */
void NtcrtFollow(void **Word);

/* 1 if the calling thread is in at least one __try body. */
int NtcrtHasFrame(void);

/*
 * Called for what cannot go on: break out of a __try, EXCEPTION_CONTINUE_EXECUTION, an exception
 * that an optimized frame's filter declined. File and Line are the __try's ("" and 0 if unknown).
 * The hook must not return; if it does, or without one, the process ends by abort.
 */
void NtcrtSetFatalHook(void (*Hook)(const char *Message, const char *File, int Line));

/* What int 2Ch does on Windows: raises STATUS_ASSERTION_FAILURE; the fatal hook if nobody takes it.
 */
void NtcrtAssertionFailure(const char *File, int Line);

/* ---- for the macros ---- */

void NtcrtOpenFrame(NTCRT_FRAME *Frame, const char *File, int Line, void *Function, int Optimized);
int NtcrtMark(void) __attribute__((returns_twice));
int NtcrtEnterFrame(NTCRT_FRAME *Frame) __attribute__((returns_twice));
int NtcrtEnterBody(NTCRT_FRAME *Frame);
void NtcrtEndBody(NTCRT_FRAME *Frame) __attribute__((noreturn));
void NtcrtBreakBody(NTCRT_FRAME *Frame) __attribute__((noreturn));
void NtcrtCloseFrame(NTCRT_FRAME **Guard);
int NtcrtIsAsked(NTCRT_FRAME *Frame);
void NtcrtAnswer(NTCRT_FRAME *Frame, int Answer);
void NtcrtFinish(NTCRT_FRAME *Frame, int IsFinally) __attribute__((noreturn));
int NtcrtSkipHandler(void);
NTCRT_FINALLY NtcrtBeginFinally(void);
int NtcrtFinallyNext(NTCRT_FINALLY *Finally);
void NtcrtCheckFinally(NTCRT_FINALLY *Finally);
void NtcrtNoteJump(void *Buffer); /* for setjmp.h: which frames a longjmp to Buffer must keep */
void NtcrtLeave(void *Function, const char *File, int Line) __attribute__((noreturn));
uint32_t NtcrtExceptionCode(void *Function, const char *File, int Line);
void *NtcrtExceptionInformation(void *Function, const char *File, int Line);

#ifdef __cplusplus
}
#endif

#define __int2c() NtcrtAssertionFailure(__FILE__, __LINE__)

#define NTCRT_ANSWER_FINALLY 2

/* E2. clang addresses the locals of an AddressSanitizer build by the stack pointer. */
#define NTCRT_OPTIMIZED 0
#ifdef __OPTIMIZE__
#undef NTCRT_OPTIMIZED
#define NTCRT_OPTIMIZED 1
#elif defined(__clang__)
#if __has_feature(address_sanitizer)
#undef NTCRT_OPTIMIZED
#define NTCRT_OPTIMIZED 1
#endif
#endif

/*
 * The scopes of the frame and of its guard are left only by return and goto: every other end jumps,
 * back to NtcrtEnterFrame at the end of the body, to NtcrtMark after it. So the compiler's note of
 * where that return or goto leads stays untouched while a __finally block runs in between.
 */
/* clang-format off */
#undef __try
#define __try                                                                                      \
    if (NtcrtMark() == 0 ? __extension__({                                                         \
            NTCRT_FRAME ntcrtFrame;                                                                \
            NtcrtOpenFrame(&ntcrtFrame, __FILE__, __LINE__, __builtin_frame_address(0),            \
                           NTCRT_OPTIMIZED);                                                       \
            if (NtcrtEnterFrame(&ntcrtFrame) == 0) {                                               \
                NTCRT_FRAME *ntcrtGuard __attribute__((cleanup(NtcrtCloseFrame))) = &ntcrtFrame;   \
                for (; NtcrtEnterBody(ntcrtGuard);) {

#define NTCRT_AFTER_BODY                                                                           \
    NtcrtEndBody(&ntcrtFrame);                                                                     \
    }                                                                                              \
    NtcrtBreakBody(&ntcrtFrame);                                                                   \
    }

#define __except(...)                                                                              \
    NTCRT_AFTER_BODY                                                                               \
    if (NtcrtIsAsked(&ntcrtFrame))                                                                 \
        NtcrtAnswer(&ntcrtFrame, (__VA_ARGS__));                                                   \
    NtcrtFinish(&ntcrtFrame, 0);                                                                   \
    0;                                                                                             \
    }) : NtcrtSkipHandler())                                                                       \
    {                                                                                              \
    }                                                                                              \
    else

#define __finally                                                                                  \
    NTCRT_AFTER_BODY                                                                               \
    if (NtcrtIsAsked(&ntcrtFrame))                                                                 \
        NtcrtAnswer(&ntcrtFrame, NTCRT_ANSWER_FINALLY);                                            \
    NtcrtFinish(&ntcrtFrame, 1);                                                                   \
    0;                                                                                             \
    }) : 0)                                                                                        \
    {                                                                                              \
    }                                                                                              \
    else for (NTCRT_FINALLY ntcrtFinally __attribute__((cleanup(NtcrtCheckFinally))) =             \
                  NtcrtBeginFinally();                                                             \
              NtcrtFinallyNext(&ntcrtFinally);)

/* clang-format on */

#define __leave NtcrtLeave(__builtin_frame_address(0), __FILE__, __LINE__)

/* GetExceptionCode: in a filter or a handler. GetExceptionInformation: in a filter. */
#define _exception_code() NtcrtExceptionCode(__builtin_frame_address(0), __FILE__, __LINE__)
#define _exception_info()                                                                          \
    ((struct _EXCEPTION_POINTERS *)NtcrtExceptionInformation(__builtin_frame_address(0), __FILE__, \
                                                             __LINE__))
#define _abnormal_termination() (ntcrtFinally.Abnormal)

#endif
