/* SPDX-License-Identifier: MIT
 *
 * crt/eh.c - structured exceptions over setjmp: frames, filters, unwinding
 *
 * Invariants E1 to E3 are stated in ntbox/eh.h. This is host code; everything here is per thread,
 * so there are no locks, and all of it may run inside a signal handler.
 */
#include "../include/ntbox/eh.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ntcrt.h"

enum {
    STATE_OPEN,      /* set up, body not entered */
    STATE_BODY,      /* on the list (E1) */
    STATE_ASKED,     /* a filter is to answer NtcrtpAsk; still on the list */
    STATE_DECIDING,  /* unwound to; its filter decides now (E2) */
    STATE_ENDED,     /* body came to its end, or __leave */
    STATE_CLOSING,   /* return or goto left the body */
    STATE_UNWINDING, /* an exception passes this __finally */
    STATE_LEAPING,   /* a longjmp passes this block */
    STATE_TAKEN      /* the handler is to run */
};

enum { MODE_NORMAL, MODE_RESUME, MODE_UNWIND, MODE_LEAP };

/* How NtcrtEnterFrame returns. 1 is in eh-x64.S. */
enum { ENTER_ASKED = 1, ENTER_UNWOUND = 2 };

/* winnt.h EXCEPTION_RECORD and EXCEPTION_POINTERS, x64. */
typedef struct NTCRT_RECORD {
    uint32_t Code;
    uint32_t Flags;
    void *Record;
    void *Address;
    uint32_t Count;
    uint32_t Fill;
    uintptr_t Information[15];
} NTCRT_RECORD;

#define CONTEXT_SIZE 1232 /* winnt.h CONTEXT, x64 */
#define CONTEXT_RIP 0xf8

#define STATUS_ASSERTION_FAILURE 0xc0000420u /* ntstatus.h */

#define HANDLED_MAX 64u

typedef struct NTCRT_HANDLED {
    void *Function;
    uint32_t Code;
} NTCRT_HANDLED;

typedef struct NTCRT_THREAD {
    NTCRT_FRAME *Head;
    void **Followed;       /* see NtcrtFollow */
    NTCRT_FRAME *Asked;    /* whose filter runs */
    NTCRT_FINALLY Pending; /* for NtcrtBeginFinally */
    NTCRT_MACHINE Mark;    /* for NtcrtOpenFrame, and of the last frame to finish */
    int SkipHandler;       /* of the last frame to finish */
    uint32_t HandledCount;
    NTCRT_HANDLED Handled[HANDLED_MAX];
    _Alignas(16) unsigned char Context[CONTEXT_SIZE];
} NTCRT_THREAD;

static __thread NTCRT_THREAD NtcrtpThread __attribute__((tls_model("initial-exec")));
static void (*NtcrtpFatalHook)(const char *Message, const char *File, int Line);

_Static_assert(offsetof(NTCRT_FRAME, AskedStack) == 64, "eh-x64.S");
_Static_assert(offsetof(NTCRT_FRAME, Jump) == 72, "eh-x64.S");
_Static_assert(sizeof(((NTCRT_FRAME *)0)->Jump) >= sizeof(jmp_buf), "Jump is a jmp_buf");
_Static_assert(sizeof(NTCRT_RECORD) == sizeof(((NTCRT_FRAME *)0)->Record), "Record");
_Static_assert(sizeof(NTCRT_RECORD) == sizeof(((NTCRT_FINALLY *)0)->Record), "Record");

int NtcrtpAsk(NTCRT_FRAME *Frame);
_Noreturn void NtcrtpReply(NTCRT_FRAME *Frame, int Answer);
_Noreturn void NtcrtpCloseFrame(NTCRT_FRAME *const *Guard, const NTCRT_MACHINE *Machine);
NTCRT_MACHINE *NtcrtpMark(void);
const NTCRT_MACHINE *NtcrtpFinish(NTCRT_FRAME *Frame, int IsFinally);
int NtcrtpFinallyNext(NTCRT_FINALLY *Finally, const NTCRT_MACHINE **Resume);

#pragma GCC visibility push(default)

void
NtcrtSetFatalHook(void (*Hook)(const char *Message, const char *File, int Line))
{
    __atomic_store_n(&NtcrtpFatalHook, Hook, __ATOMIC_RELEASE);
}

_Noreturn void
NtcrtFatal(const char *Message, const char *File, int Line)
{
    void (*hook)(const char *, const char *, int);

    hook = __atomic_load_n(&NtcrtpFatalHook, __ATOMIC_ACQUIRE);
    if (hook != NULL) {
        hook(Message, File, Line);
    }
    fprintf(stderr, "%s:%d: %s\n", File, Line, Message);
    abort();
}

void *
NtcrtExchangeFrames(void *NewHead)
{
    void *old = NtcrtpThread.Head;

    NtcrtpThread.Head = NewHead;
    return old;
}

void
NtcrtFollow(void **Word)
{
    NtcrtpThread.Followed = Word;
}

int
NtcrtHasFrame(void)
{
    return NtcrtpThread.Head != NULL;
}

/* ---- a body, from its start to each of its ends ---- */

void
NtcrtOpenFrame(NTCRT_FRAME *Frame, const char *File, int Line, void *Function, int Optimized)
{
    Frame->Next = NULL;
    Frame->Mark = NtcrtpThread.Mark;
    Frame->Function = Function;
    Frame->File = File;
    Frame->Line = Line;
    Frame->State = STATE_OPEN;
    Frame->Optimized = Optimized;
    Frame->IsFinally = 0;
}

/* The condition of the loop around the body: a second visit is a continue statement's. */
int
NtcrtEnterBody(NTCRT_FRAME *Frame)
{
    NTCRT_THREAD *thread = &NtcrtpThread;

    if (Frame->State != STATE_OPEN) {
        NtcrtFatal("continue leaves a __try block; not supported", Frame->File, Frame->Line);
    }
    Frame->State = STATE_BODY;
    Frame->Followed = thread->Followed != NULL ? *thread->Followed : NULL;
    Frame->Next = thread->Head;
    thread->Head = Frame;
    return 1;
}

static void
NtcrtpPop(NTCRT_FRAME *Frame)
{
    if (NtcrtpThread.Head != Frame) {
        NtcrtFatal("a __try block ends that is not the innermost of its thread", Frame->File,
                   Frame->Line);
    }
    NtcrtpThread.Head = Frame->Next;
}

_Noreturn static void
NtcrtpJump(NTCRT_FRAME *Frame)
{
    longjmp(*(jmp_buf *)(void *)Frame->Jump, ENTER_UNWOUND);
}

void
NtcrtEndBody(NTCRT_FRAME *Frame)
{
    NtcrtpPop(Frame);
    Frame->State = STATE_ENDED;
    NtcrtpJump(Frame);
}

void
NtcrtBreakBody(NTCRT_FRAME *Frame)
{
    NtcrtFatal("break leaves a __try block; not supported", Frame->File, Frame->Line);
}

void
NtcrtLeave(void *Function, const char *File, int Line)
{
    NTCRT_FRAME *frame = NtcrtpThread.Head;

    if (frame == NULL || frame->Function != Function) {
        NtcrtFatal("__leave outside of a __try block", File, Line);
    }
    NtcrtEndBody(frame);
}

#pragma GCC visibility pop

/*
 * A return or a goto leaves the body: go to the text after the body, which knows whether there is a
 * __finally block, and after that on as Machine says.
 */
_Noreturn void
NtcrtpCloseFrame(NTCRT_FRAME *const *Guard, const NTCRT_MACHINE *Machine)
{
    NTCRT_FRAME *frame = *Guard;

    NtcrtpPop(frame);
    frame->State = STATE_CLOSING;
    NtcrtpThread.Pending.Resume = *Machine;
    NtcrtpJump(frame);
}

/* Where NtcrtMark notes its caller's registers until the frame is set up. */
NTCRT_MACHINE *
NtcrtpMark(void)
{
    return &NtcrtpThread.Mark;
}

_Noreturn static void NtcrtpLeap(jmp_buf Buffer, int Value);

/* The text after a body has been worked off; gives where to go on. */
const NTCRT_MACHINE *
NtcrtpFinish(NTCRT_FRAME *Frame, int IsFinally)
{
    NTCRT_THREAD *thread = &NtcrtpThread;
    NTCRT_FINALLY *pending = &thread->Pending;

    thread->SkipHandler = Frame->State != STATE_TAKEN;
    if (Frame->State == STATE_CLOSING) {
        if (!IsFinally) {
            return &pending->Resume;
        }
        pending->Mode = MODE_RESUME;
    } else if (Frame->State == STATE_UNWINDING) {
        pending->Mode = MODE_UNWIND;
    } else if (Frame->State == STATE_LEAPING) {
        if (!IsFinally) {
            NtcrtpLeap(pending->Leap, pending->LeapValue);
        }
        pending->Mode = MODE_LEAP;
    } else {
        pending->Mode = MODE_NORMAL;
    }
    pending->File = Frame->File;
    pending->Line = Frame->Line;
    thread->Mark = Frame->Mark;
    return &thread->Mark;
}

/* ---- __finally ---- */

#pragma GCC visibility push(default)

int
NtcrtSkipHandler(void)
{
    return NtcrtpThread.SkipHandler;
}

NTCRT_FINALLY
NtcrtBeginFinally(void)
{
    NTCRT_FINALLY finally = NtcrtpThread.Pending;

    finally.Abnormal = finally.Mode != MODE_NORMAL;
    finally.Rounds = 0;
    return finally;
}

void
NtcrtCheckFinally(NTCRT_FINALLY *Finally)
{
    if (Finally->Rounds < 2) {
        NtcrtFatal("a jump leaves a __finally block; not supported", Finally->File, Finally->Line);
    }
}

#pragma GCC visibility pop

/* ---- raising ---- */

static NTCRT_RECORD *
NtcrtpRecordOf(NTCRT_FRAME *Frame)
{
    return (NTCRT_RECORD *)(void *)Frame->Record;
}

/* Makes Record what GetExceptionCode and GetExceptionInformation tell Frame's filter. */
static void
NtcrtpPrepareFilter(NTCRT_FRAME *Frame, const NTCRT_RECORD *Record)
{
    NTCRT_THREAD *thread = &NtcrtpThread;

    *NtcrtpRecordOf(Frame) = *Record;
    memset(thread->Context, 0, sizeof(thread->Context));
    memcpy(thread->Context + CONTEXT_RIP, &Record->Address, sizeof(Record->Address));
    Frame->Pointers[0] = Frame->Record;
    Frame->Pointers[1] = thread->Context;
    Frame->AskedBy = thread->Asked;
    thread->Asked = Frame;
}

/* Frame's filter ran to its end: the one it interrupted, if any, goes on. */
static void
NtcrtpForgetFilter(NTCRT_FRAME *Frame)
{
    NtcrtpThread.Asked = Frame->AskedBy;
}

/* An exception in a filter sees the frames around that filter's __try, as on Windows. */
static int
NtcrtpAskFilter(NTCRT_FRAME *Frame, const NTCRT_RECORD *Record)
{
    NTCRT_THREAD *thread = &NtcrtpThread;
    NTCRT_FRAME *head = thread->Head;
    int answer;

    NtcrtpPrepareFilter(Frame, Record);
    thread->Head = Frame->Next;
    Frame->State = STATE_ASKED;
    answer = NtcrtpAsk(Frame);
    Frame->State = STATE_BODY;
    thread->Head = head;
    NtcrtpForgetFilter(Frame);
    return answer;
}

/* Filters that an unwinding to Target leaves behind are no longer running. */
static void
NtcrtpDropFilters(const NTCRT_FRAME *Target)
{
    NTCRT_THREAD *thread = &NtcrtpThread;
    const NTCRT_FRAME *outer;

    while (thread->Asked != NULL) {
        for (outer = thread->Asked->Next; outer != NULL && outer != Target;) {
            outer = outer->Next;
        }
        if (outer == NULL) {
            return;
        }
        thread->Asked = thread->Asked->AskedBy;
    }
}

/* Remembers Code for GetExceptionCode in the handler; entries of functions that ended go. */
static void
NtcrtpEnterHandler(NTCRT_FRAME *Frame, uint32_t Code)
{
    NTCRT_THREAD *thread = &NtcrtpThread;

    while (thread->HandledCount != 0 &&
           (uintptr_t)thread->Handled[thread->HandledCount - 1].Function <=
               (uintptr_t)Frame->Function) {
        thread->HandledCount--;
    }
    if (thread->HandledCount == HANDLED_MAX) {
        memmove(&thread->Handled[0], &thread->Handled[1],
                (HANDLED_MAX - 1) * sizeof(thread->Handled[0]));
        thread->HandledCount--;
    }
    thread->Handled[thread->HandledCount].Function = Frame->Function;
    thread->Handled[thread->HandledCount].Code = Code;
    thread->HandledCount++;
    Frame->State = STATE_TAKEN;
}

/* Leaves every frame inside Target, running __finally blocks; goes on after them from here again.
 */
_Noreturn static void
NtcrtpUnwind(NTCRT_FRAME *Target, const NTCRT_RECORD *Record)
{
    NTCRT_THREAD *thread = &NtcrtpThread;
    NTCRT_FRAME *frame;

    NtcrtpDropFilters(Target);
    for (;;) {
        frame = thread->Head;
        NtcrtpPop(frame);
        if (thread->Followed != NULL) {
            *thread->Followed = frame->Followed;
        }
        if (frame == Target) {
            break;
        }
        if (frame->IsFinally) {
            frame->State = STATE_UNWINDING;
            thread->Pending.Target = Target;
            memcpy(thread->Pending.Record, Record, sizeof(*Record));
            NtcrtpJump(frame);
        }
    }
    if (Target->Optimized) {
        NtcrtpPrepareFilter(Target, Record);
        Target->State = STATE_DECIDING;
    } else {
        NtcrtpEnterHandler(Target, Record->Code);
    }
    NtcrtpJump(Target);
}

/* Returns only if no frame takes Record and none was unwound. */
static void
NtcrtpDispatch(const NTCRT_RECORD *Record)
{
    NTCRT_FRAME *frame;
    int answer;

    for (frame = NtcrtpThread.Head; frame != NULL; frame = frame->Next) {
        if (frame->Optimized) {
            NtcrtpUnwind(frame, Record);
        }
        answer = NtcrtpAskFilter(frame, Record);
        frame->IsFinally = answer == NTCRT_ANSWER_FINALLY;
        if (frame->IsFinally || answer == 0) {
            continue;
        }
        if (answer < 0) {
            NtcrtFatal("EXCEPTION_CONTINUE_EXECUTION is not supported", frame->File, frame->Line);
        }
        NtcrtpUnwind(frame, Record);
    }
}

/* The same for an exception whose raiser is gone. */
_Noreturn static void
NtcrtpDispatchFurther(const NTCRT_RECORD *Record, const char *File, int Line)
{
    char message[80];

    NtcrtpDispatch(Record);
    snprintf(message, sizeof(message), "unhandled exception 0x%08X at %p", Record->Code,
             Record->Address);
    NtcrtFatal(message, File, Line);
}

int
NtcrtpFinallyNext(NTCRT_FINALLY *Finally, const NTCRT_MACHINE **Resume)
{
    NTCRT_RECORD record;

    *Resume = NULL;
    Finally->Rounds++;
    if (Finally->Rounds == 1) {
        return 1;
    }
    if (Finally->Mode == MODE_RESUME) {
        *Resume = &Finally->Resume;
    } else if (Finally->Mode == MODE_UNWIND) {
        memcpy(&record, Finally->Record, sizeof(record));
        if (Finally->Target != NULL) {
            NtcrtpUnwind(Finally->Target, &record);
        }
        NtcrtpDispatchFurther(&record, Finally->File, Finally->Line);
    } else if (Finally->Mode == MODE_LEAP) {
        NtcrtpLeap(Finally->Leap, Finally->LeapValue);
    }
    return 0;
}

/* ---- longjmp: leaves frames as an exception does that is handled where setjmp was ---- */

/* In a part of the jmp_buf that _setjmp, which saves no signal mask, leaves alone. */
typedef struct NTCRT_JUMP_NOTE {
    NTCRT_FRAME *Head;
    NTCRT_FRAME *Asked;
} NTCRT_JUMP_NOTE;

#define JUMP_NOTE (sizeof(jmp_buf) - sizeof(NTCRT_JUMP_NOTE))
_Static_assert(JUMP_NOTE >= offsetof(struct __jmp_buf_tag, __saved_mask) + 64,
               "the host's shadow stack pointer lies at the mask's start");

static int
NtcrtpIsListed(const NTCRT_FRAME *Head)
{
    const NTCRT_FRAME *frame = NtcrtpThread.Head;

    while (frame != NULL && frame != Head) {
        frame = frame->Next;
    }
    return frame == Head;
}

/* Leaves the innermost frame that setjmp's caller was not in; its text comes back here. */
_Noreturn static void
NtcrtpLeap(jmp_buf Buffer, int Value)
{
    NTCRT_THREAD *thread = &NtcrtpThread;
    NTCRT_FRAME *frame = thread->Head;
    NTCRT_JUMP_NOTE note;

    memcpy(&note, (char *)Buffer + JUMP_NOTE, sizeof(note));
    if (thread->Asked != note.Asked) {
        NtcrtFatal("longjmp out of an exception filter; not supported", thread->Asked->File,
                   thread->Asked->Line);
    }
    if (frame == note.Head) {
        longjmp(Buffer, Value);
    }
    if (!NtcrtpIsListed(note.Head)) {
        NtcrtFatal("longjmp into a __try block that has ended", "", 0);
    }
    NtcrtpPop(frame);
    if (thread->Followed != NULL) {
        *thread->Followed = frame->Followed;
    }
    frame->State = STATE_LEAPING;
    thread->Pending.Leap = Buffer;
    thread->Pending.LeapValue = Value;
    NtcrtpJump(frame);
}

#pragma GCC visibility push(default)

int
NtcrtRaise(uint32_t Code, uint32_t Flags, void *Address, uint32_t Count, const void *Information)
{
    NTCRT_RECORD record = {0};

    record.Code = Code;
    record.Flags = Flags;
    record.Address = Address;
    record.Count = Count < 15 ? Count : 15;
    if (record.Count != 0) {
        memcpy(record.Information, Information, record.Count * sizeof(record.Information[0]));
    }
    NtcrtpDispatch(&record);
    return 0;
}

void
NtcrtAssertionFailure(const char *File, int Line)
{
    NtcrtRaise(STATUS_ASSERTION_FAILURE, 0, __builtin_return_address(0), 0, NULL);
    NtcrtFatal("an assertion failed", File, Line);
}

void
NtcrtNoteJump(void *Buffer)
{
    NTCRT_JUMP_NOTE note = {NtcrtpThread.Head, NtcrtpThread.Asked};

    memcpy((char *)Buffer + JUMP_NOTE, &note, sizeof(note));
}

_Noreturn void
ntcrt_longjmp(jmp_buf Buffer, int Value)
{
    NtcrtpLeap(Buffer, Value);
}

/* 1 if the text after the body is to give its answer to NtcrtAnswer. */
int
NtcrtIsAsked(NTCRT_FRAME *Frame)
{
    return Frame->State == STATE_ASKED || Frame->State == STATE_DECIDING;
}

/* An answer to NtcrtpAsk does not return; one of a frame that was unwound to goes on from here. */
void
NtcrtAnswer(NTCRT_FRAME *Frame, int Answer)
{
    NTCRT_RECORD record;

    if (Frame->State == STATE_ASKED) {
        NtcrtpReply(Frame, Answer);
    }
    record = *NtcrtpRecordOf(Frame);
    NtcrtpForgetFilter(Frame);
    if (Answer == NTCRT_ANSWER_FINALLY) {
        Frame->State = STATE_UNWINDING;
        NtcrtpThread.Pending.Target = NULL;
        memcpy(NtcrtpThread.Pending.Record, &record, sizeof(record));
    } else if (Answer == 0) {
        NtcrtpDispatchFurther(&record, Frame->File, Frame->Line);
    } else if (Answer < 0) {
        NtcrtFatal("EXCEPTION_CONTINUE_EXECUTION is not supported", Frame->File, Frame->Line);
    } else {
        NtcrtpEnterHandler(Frame, record.Code);
    }
}

uint32_t
NtcrtExceptionCode(void *Function, const char *File, int Line)
{
    NTCRT_THREAD *thread = &NtcrtpThread;
    NTCRT_FRAME *frame;
    uint32_t i;

    for (frame = thread->Asked; frame != NULL; frame = frame->AskedBy) {
        if (frame->Function == Function) {
            return NtcrtpRecordOf(frame)->Code;
        }
    }
    for (i = thread->HandledCount; i != 0; i--) {
        if (thread->Handled[i - 1].Function == Function) {
            return thread->Handled[i - 1].Code;
        }
    }
    NtcrtFatal("GetExceptionCode outside of a filter or handler", File, Line);
}

void *
NtcrtExceptionInformation(void *Function, const char *File, int Line)
{
    NTCRT_FRAME *frame;

    for (frame = NtcrtpThread.Asked; frame != NULL; frame = frame->AskedBy) {
        if (frame->Function == Function) {
            return frame->Pointers;
        }
    }
    NtcrtFatal("GetExceptionInformation outside of a filter", File, Line);
}

#pragma GCC visibility pop
