/* SPDX-License-Identifier: MIT
 *
 * crt/ntcrt.h - what libntcrt offers to the kernel, and to its own files
 *
 * Needs no NT header: 16 bit characters are uint16_t, which is what wchar_t is in NT sources.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the format engine ---- */

/*
 * Microsoft's printf language. Differs from the host's: long is 32 bits; I64, I32, I; S, C, hs, ls,
 * ws, Z, wZ; %p is 16 upper-case digits; %n ends the output. In the wide functions %s and %c take
 * 16 bit text, and %S and %C 8 bit text.
 *
 * Narrow output of 16 bit text is UTF-8 (a lone surrogate is U+FFFD); 8 bit text in wide output is
 * read as UTF-8 (a bad byte is U+FFFD). Widths and precisions of strings count units of the source.
 *
 * Source  Microsoft C runtime docs, "Format specification syntax: printf and wprintf functions";
 *         WDK docs, DbgPrint (UNICODE_STRING conversions).
 */

/* Receives the text in pieces, in order, not terminated. Non-zero ends the formatting. */
typedef int NTCRT_SINK(void *Context, const char *Text, size_t Length);
typedef int NTCRT_WIDE_SINK(void *Context, const uint16_t *Text, size_t Length);

/*
 * Units produced, without a terminator, or -1 when the sink ended it or the format has %n. Safe at
 * any IRQL and in a signal handler, except %e, %f, %g and %a, which call the host's snprintf.
 */
int NtcrtFormat(NTCRT_SINK *Sink, void *Context, const char *Format, va_list Arguments);
int NtcrtFormatWide(NTCRT_WIDE_SINK *Sink, void *Context, const uint16_t *Format,
                    va_list Arguments);

/*
 * Into a buffer of Size units, cut to fit and always terminated (Size 0: nothing is written). Gives
 * the units of the whole text, as C99's vsnprintf does, or -1 for %n. Never cuts UTF-8 in the
 * middle of a character.
 */
int NtcrtFormatA(char *Buffer, size_t Size, const char *Format, va_list Arguments);
int NtcrtFormatW(uint16_t *Buffer, size_t Size, const uint16_t *Format, va_list Arguments);

/* Each conversion of Format is one that NtcrtFormat does; what the _s forms ask first. */
int NtcrtpIsFormatA(const char *Format);
int NtcrtpIsFormatW(const uint16_t *Format);

/* Units that the UTF-8 or UTF-16 text makes in the other form; writes at most Size of them. */
size_t NtcrtUtf16ToUtf8(char *Buffer, size_t Size, const uint16_t *Text, size_t Length);
size_t NtcrtUtf8ToUtf16(uint16_t *Buffer, size_t Size, const char *Text, size_t Length);

/* ---- exceptions: ntbox/eh.h ---- */

_Noreturn void NtcrtFatal(const char *Message, const char *File, int Line);
