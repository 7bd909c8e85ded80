/* SPDX-License-Identifier: MIT
 *
 * rtl/rtl.h - strings and memory for the rest of the executive, beyond the WDK
 *
 * The executive's files name text of the host in UTF-8 and text of NT in UTF-16.
 */
#pragma once

#include "nt.h"

/* ex registers the pool; RtlFreeUnicodeString and friends free what was allocated with it. */
typedef struct RTLP_ALLOC {
    PVOID (*Allocate)(SIZE_T Size); /* NULL when there is no memory */
    VOID (*Free)(PVOID Block);
} RTLP_ALLOC;
VOID RtlpRegisterAllocator(const RTLP_ALLOC *Allocator);
/* NULL without memory, or before an allocator is registered. */
PVOID RtlpAllocate(SIZE_T Size);
VOID RtlpFree(PVOID Block);

/* ke registers how a failed assertion ends the system; before that it ends the process. */
VOID RtlpRegisterAssertFailure(VOID (*Fail)(const char *Assertion, const char *File, ULONG Line));
/* ke registers what a breakpoint does that no debugger takes. */
VOID RtlpRegisterBreakpoint(VOID (*Break)(const char *Function, ULONG_PTR Caller, ULONG Status));

/*
 * Convert text of a known length; nothing is NUL-terminated. What is invalid becomes U+FFFD: each
 * maximal part of a broken UTF-8 sequence, each surrogate without its other half.
 *
 * Destination  may be NULL with Capacity 0
 * Capacity     in units of Destination; a character that does not fit whole is not written, and
 *              nothing after it
 *
 * Returns      how many units the whole text takes: the result is complete iff <= Capacity
 * IRQL         any, for resident memory
 */
SIZE_T RtlpUtf8ToUtf16(const char *Source, SIZE_T Length, WCHAR *Destination, SIZE_T Capacity);
SIZE_T RtlpUtf16ToUtf8(const WCHAR *Source, SIZE_T Length, char *Destination, SIZE_T Capacity);

/* The same with a count of what was invalid, and of the units that were written. */
typedef struct RTLP_CONVERSION {
    SIZE_T Needed;
    SIZE_T Written;
    SIZE_T Invalid;
} RTLP_CONVERSION;
RTLP_CONVERSION RtlpConvertUtf8(const char *Source, SIZE_T Length, WCHAR *Destination,
                                SIZE_T Capacity);
RTLP_CONVERSION RtlpConvertUtf16(const WCHAR *Source, SIZE_T Length, char *Destination,
                                 SIZE_T Capacity);

/* A NUL-terminated UNICODE_STRING of UTF-8 text, to be freed by RtlFreeUnicodeString. */
NTSTATUS RtlpCreateUnicodeStringFromUtf8(PUNICODE_STRING String, const char *Source, SIZE_T Length);
