/* SPDX-License-Identifier: MIT
 *
 * rtl/memory.c - the memory routines as exports; assertions and breakpoints
 *
 * Source  WDK reference, wdm.h RtlCompareMemory, RtlCopyMemory, RtlAssert and their neighbours
 */
#include "rtl/rtl.h"

#undef RtlCopyMemory
#undef RtlMoveMemory
#undef RtlZeroMemory
#undef RtlFillMemory
#undef DbgBreakPoint

#pragma GCC visibility push(default)

VOID NTAPI RtlCopyMemory(VOID *Destination, CONST VOID *Source, SIZE_T Length);
VOID NTAPI RtlMoveMemory(VOID *Destination, CONST VOID *Source, SIZE_T Length);
VOID NTAPI RtlZeroMemory(VOID *Destination, SIZE_T Length);
VOID NTAPI RtlFillMemory(VOID *Destination, SIZE_T Length, UCHAR Fill);
VOID NTAPI DbgBreakPoint(VOID);

/* Not to be used on overlapping blocks. Any IRQL. */
VOID NTAPI
RtlCopyMemory(VOID *Destination, CONST VOID *Source, SIZE_T Length)
{
    memcpy(Destination, Source, Length);
}

VOID NTAPI
RtlMoveMemory(VOID *Destination, CONST VOID *Source, SIZE_T Length)
{
    memmove(Destination, Source, Length);
}

VOID NTAPI
RtlZeroMemory(VOID *Destination, SIZE_T Length)
{
    memset(Destination, 0, Length);
}

VOID NTAPI
RtlFillMemory(VOID *Destination, SIZE_T Length, UCHAR Fill)
{
    memset(Destination, Fill, Length);
}

/* Returns how many bytes are equal before the first that differs. Any IRQL. */
SIZE_T NTAPI
RtlCompareMemory(CONST VOID *Source1, CONST VOID *Source2, SIZE_T Length)
{
    const UCHAR *first = Source1;
    const UCHAR *second = Source2;
    SIZE_T i = 0;

    if (memcmp(first, second, Length) == 0) {
        return Length;
    }
    while (first[i] == second[i]) {
        i++;
    }
    return i;
}

/* Bytes before the first ULONG that is not Pattern; 0 unless Source and Length are in ULONGs. */
SIZE_T NTAPI
RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern)
{
    const ULONG *values = Source;
    SIZE_T i = 0;

    if (((ULONG_PTR)Source | Length) % sizeof(ULONG) != 0) {
        return 0;
    }
    while (i < Length / sizeof(ULONG) && values[i] == Pattern) {
        i++;
    }
    return i * sizeof(ULONG);
}

#pragma GCC visibility pop

static VOID (*RtlpBreakpoint)(const char *, ULONG_PTR, ULONG);       /* atomic */
static VOID (*RtlpAssertFailure)(const char *, const char *, ULONG); /* atomic */

VOID
RtlpRegisterBreakpoint(VOID (*Break)(const char *Function, ULONG_PTR Caller, ULONG Status))
{
    __atomic_store_n(&RtlpBreakpoint, Break, __ATOMIC_RELEASE);
}

static VOID
RtlpBreak(const char *Function, ULONG_PTR Caller, ULONG Status)
{
    VOID (*unhandled)(const char *, ULONG_PTR, ULONG);

    if (HalpBreakIntoDebugger()) {
        return;
    }
    unhandled = __atomic_load_n(&RtlpBreakpoint, __ATOMIC_ACQUIRE);
    if (unhandled != NULL) {
        unhandled(Function, Caller, Status);
    }
    HalpAbort();
}

#pragma GCC visibility push(default)

/*
 * DbgBreakPoint - stop in the debugger that is attached to the process, and go on from there
 *
 * Without one it raises STATUS_BREAKPOINT, which a __try block around the call may take; if none
 * does: bugcheck KMODE_EXCEPTION_NOT_HANDLED, STATUS_BREAKPOINT, caller, Status.
 *
 * IRQL     any
 * Source   WDK reference, nf-wdm-dbgbreakpoint, nf-wdm-dbgbreakpointwithstatus
 */
VOID NTAPI
DbgBreakPoint(VOID)
{
    RtlpBreak("DbgBreakPoint", NT_CALLER(), 0);
}

VOID NTAPI
DbgBreakPointWithStatus(ULONG Status)
{
    RtlpBreak("DbgBreakPointWithStatus", NT_CALLER(), Status);
}

#pragma GCC visibility pop

VOID
RtlpRegisterAssertFailure(VOID (*Fail)(const char *Assertion, const char *File, ULONG Line))
{
    __atomic_store_n(&RtlpAssertFailure, Fail, __ATOMIC_RELEASE);
}

#pragma GCC visibility push(default)

/*
 * RtlAssert - what ASSERT and NT_ASSERT of a checked driver call when the condition is false
 *
 * Logs the text, stops in an attached debugger and then ends with the bugcheck that an assertion's
 * breakpoint is on Windows without a debugger: KMODE_EXCEPTION_NOT_HANDLED,
 * STATUS_ASSERTION_FAILURE, file, line.
 */
VOID NTAPI
RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PSTR Message)
{
    VOID (*fail)(const char *, const char *, ULONG);
    char text[512];
    int length = __builtin_snprintf(
        text, sizeof(text), "*** Assertion failed: %s%s%s\n***   %s, line %u\n",
        Message != NULL ? Message : "", Message != NULL ? ": " : "", (const char *)FailedAssertion,
        (const char *)FileName, (unsigned)LineNumber);

    HalpWriteLog(text, (SIZE_T)length < sizeof(text) ? (SIZE_T)length : sizeof(text) - 1);
    HalpBreakIntoDebugger();
    fail = __atomic_load_n(&RtlpAssertFailure, __ATOMIC_ACQUIRE);
    if (fail != NULL) {
        fail(FailedAssertion, FileName, LineNumber);
    }
    HalpAbort();
}

#pragma GCC visibility pop
