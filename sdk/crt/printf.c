/* SPDX-License-Identifier: MIT
 *
 * crt/printf.c - the printf family by Microsoft's names and rules, over the format engine
 *
 * What Microsoft's calls the invalid parameter handler for is -1 with errno set, as where execution
 * goes on, which it does in the kernel: no buffer, no format, and in the _s forms a format with a
 * conversion that is none, or text that does not fit. These leave the buffer empty.
 *
 * Differs  In programs, too: see sdk/include/stdio.h.
 * Source   Microsoft C runtime docs: _snprintf ("return value", "behavior summary"), sprintf_s,
 *          _snprintf_s (_TRUNCATE), swprintf.
 */
#include "ntcrt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRUNCATE SIZE_MAX

#pragma GCC visibility push(default)

/* ---- streams: the host's, so that output of both sorts mixes in order ---- */

static int
NtcrtpToStream(void *Context, const char *Text, size_t Length)
{
    return fwrite(Text, 1, Length, Context) != Length;
}

int
ntcrt_vfprintf(FILE *Stream, const char *Format, va_list Arguments)
{
    int result;

    flockfile(Stream);
    result = NtcrtFormat(NtcrtpToStream, Stream, Format, Arguments);
    funlockfile(Stream);
    return result;
}

static int
NtcrtpWideToStream(void *Context, const uint16_t *Text, size_t Length)
{
    char piece[384];
    size_t count;
    size_t part;

    for (; Length != 0; Text += part, Length -= part) {
        part = Length > 128 ? 128 : Length;
        if (part < Length && Text[part - 1] >= 0xd800 && Text[part - 1] < 0xdc00) {
            part--; /* keep the two halves of a character together */
        }
        count = NtcrtUtf16ToUtf8(piece, sizeof(piece), Text, part);
        if (fwrite(piece, 1, count, Context) != count) {
            return 1;
        }
    }
    return 0;
}

int
ntcrt_vfwprintf(FILE *Stream, const uint16_t *Format, va_list Arguments)
{
    int result;

    flockfile(Stream);
    result = NtcrtFormatWide(NtcrtpWideToStream, Stream, Format, Arguments);
    funlockfile(Stream);
    return result;
}

int
ntcrt_vprintf(const char *Format, va_list Arguments)
{
    return ntcrt_vfprintf(stdout, Format, Arguments);
}

int
ntcrt_vwprintf(const uint16_t *Format, va_list Arguments)
{
    return ntcrt_vfwprintf(stdout, Format, Arguments);
}

/* ---- buffers ---- */

static int
NtcrtpRefuse(int Error)
{
    errno = Error;
    return -1;
}

int
ntcrt_vsnprintf(char *Buffer, size_t Size, const char *Format, va_list Arguments)
{
    if (Format == NULL || (Buffer == NULL && Size != 0)) {
        return NtcrtpRefuse(EINVAL);
    }
    return NtcrtFormatA(Buffer, Size, Format, Arguments);
}

int
ntcrt_vsprintf(char *Buffer, const char *Format, va_list Arguments)
{
    if (Format == NULL || Buffer == NULL) {
        return NtcrtpRefuse(EINVAL);
    }
    return NtcrtFormatA(Buffer, INT32_MAX, Format, Arguments);
}

int
ntcrt_vswprintf(uint16_t *Buffer, size_t Size, const uint16_t *Format, va_list Arguments)
{
    int result;

    if (Format == NULL || (Buffer == NULL && Size != 0)) {
        return NtcrtpRefuse(EINVAL);
    }
    result = NtcrtFormatW(Buffer, Size, Format, Arguments);
    return result >= 0 && (size_t)result >= Size && Buffer != NULL ? -1 : result;
}

int
ntcrt__vswprintf(uint16_t *Buffer, const uint16_t *Format, va_list Arguments)
{
    if (Format == NULL || Buffer == NULL) {
        return NtcrtpRefuse(EINVAL);
    }
    return NtcrtFormatW(Buffer, INT32_MAX, Format, Arguments);
}

int
ntcrt__vscprintf(const char *Format, va_list Arguments)
{
    if (Format == NULL) {
        return NtcrtpRefuse(EINVAL);
    }
    return NtcrtFormatA(NULL, 0, Format, Arguments);
}

int
ntcrt__vscwprintf(const uint16_t *Format, va_list Arguments)
{
    if (Format == NULL) {
        return NtcrtpRefuse(EINVAL);
    }
    return NtcrtFormatW(NULL, 0, Format, Arguments);
}

typedef struct NTCRTP_EXACT {
    char *Narrow;
    uint16_t *Wide;
    size_t Count;
    size_t Used;
} NTCRTP_EXACT;

static int
NtcrtpFillExact(void *Context, const char *Text, size_t Length)
{
    NTCRTP_EXACT *exact = Context;
    size_t room = exact->Count - exact->Used;
    size_t part = Length < room ? Length : room;

    if (part != 0) {
        memcpy(exact->Narrow + exact->Used, Text, part);
        exact->Used += part;
    }
    return 0;
}

static int
NtcrtpFillExactWide(void *Context, const uint16_t *Text, size_t Length)
{
    NTCRTP_EXACT *exact = Context;
    size_t room = exact->Count - exact->Used;
    size_t part = Length < room ? Length : room;

    if (part != 0) {
        memcpy(exact->Wide + exact->Used, Text, part * sizeof(*Text));
        exact->Used += part;
    }
    return 0;
}

/* _snprintf's rule: Count units at most, a terminator if there is room; more text gives -1. */
int
ntcrt__vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments)
{
    NTCRTP_EXACT exact = {.Narrow = Buffer, .Count = Buffer == NULL ? 0 : Count};
    int result;

    if (Format == NULL || (Buffer == NULL && Count != 0)) {
        return NtcrtpRefuse(EINVAL);
    }
    result = NtcrtFormat(NtcrtpFillExact, &exact, Format, Arguments);
    if (exact.Used < exact.Count) {
        Buffer[exact.Used] = 0;
    }
    return result >= 0 && (size_t)result > Count && Buffer != NULL ? -1 : result;
}

int
ntcrt__vsnwprintf(uint16_t *Buffer, size_t Count, const uint16_t *Format, va_list Arguments)
{
    NTCRTP_EXACT exact = {.Wide = Buffer, .Count = Buffer == NULL ? 0 : Count};
    int result;

    if (Format == NULL || (Buffer == NULL && Count != 0)) {
        return NtcrtpRefuse(EINVAL);
    }
    result = NtcrtFormatWide(NtcrtpFillExactWide, &exact, Format, Arguments);
    if (exact.Used < exact.Count) {
        Buffer[exact.Used] = 0;
    }
    return result >= 0 && (size_t)result > Count && Buffer != NULL ? -1 : result;
}

/* Size is the buffer's, Count the most text wanted; TRUNCATE: as much as fits. */
int
ntcrt__vsnprintf_s(char *Buffer, size_t Size, size_t Count, const char *Format, va_list Arguments)
{
    size_t room = Count < Size ? Count + 1 : Size;
    int result;

    if (Format != NULL && Buffer == NULL && Size == 0 && Count == 0) {
        return 0;
    }
    if (Format == NULL || Buffer == NULL || Size == 0) {
        return NtcrtpRefuse(EINVAL);
    }
    result = NtcrtpIsFormatA(Format) ? NtcrtFormatA(Buffer, room, Format, Arguments) : -1;
    if (result < 0) {
        Buffer[0] = 0;
        return NtcrtpRefuse(EINVAL);
    }
    if ((size_t)result < room) {
        return result;
    }
    if (Count != TRUNCATE && Count >= Size) {
        Buffer[0] = 0;
        return NtcrtpRefuse(ERANGE);
    }
    return -1;
}

int
ntcrt__vsnwprintf_s(uint16_t *Buffer, size_t Size, size_t Count, const uint16_t *Format,
                    va_list Arguments)
{
    size_t room = Count < Size ? Count + 1 : Size;
    int result;

    if (Format != NULL && Buffer == NULL && Size == 0 && Count == 0) {
        return 0;
    }
    if (Format == NULL || Buffer == NULL || Size == 0) {
        return NtcrtpRefuse(EINVAL);
    }
    result = NtcrtpIsFormatW(Format) ? NtcrtFormatW(Buffer, room, Format, Arguments) : -1;
    if (result < 0) {
        Buffer[0] = 0;
        return NtcrtpRefuse(EINVAL);
    }
    if ((size_t)result < room) {
        return result;
    }
    if (Count != TRUNCATE && Count >= Size) {
        Buffer[0] = 0;
        return NtcrtpRefuse(ERANGE);
    }
    return -1;
}

int
ntcrt_vsprintf_s(char *Buffer, size_t Size, const char *Format, va_list Arguments)
{
    return Buffer == NULL ? NtcrtpRefuse(EINVAL)
                          : ntcrt__vsnprintf_s(Buffer, Size, Size, Format, Arguments);
}

int
ntcrt_vswprintf_s(uint16_t *Buffer, size_t Size, const uint16_t *Format, va_list Arguments)
{
    return Buffer == NULL ? NtcrtpRefuse(EINVAL)
                          : ntcrt__vsnwprintf_s(Buffer, Size, Size, Format, Arguments);
}

/* ---- the forms with an argument list of their own ---- */

#define VARIADIC(name, parameters, call) \
    int name parameters                  \
    {                                    \
        va_list arguments;               \
        int result;                      \
                                         \
        va_start(arguments, Format);     \
        result = call;                   \
        va_end(arguments);               \
        return result;                   \
    }

VARIADIC(ntcrt_printf, (const char *Format, ...), ntcrt_vprintf(Format, arguments))
VARIADIC(ntcrt_wprintf, (const uint16_t *Format, ...), ntcrt_vwprintf(Format, arguments))
VARIADIC(ntcrt_fprintf, (FILE * Stream, const char *Format, ...),
         ntcrt_vfprintf(Stream, Format, arguments))
VARIADIC(ntcrt_fwprintf, (FILE * Stream, const uint16_t *Format, ...),
         ntcrt_vfwprintf(Stream, Format, arguments))
VARIADIC(ntcrt_sprintf, (char *Buffer, const char *Format, ...),
         ntcrt_vsprintf(Buffer, Format, arguments))
VARIADIC(ntcrt_snprintf, (char *Buffer, size_t Size, const char *Format, ...),
         ntcrt_vsnprintf(Buffer, Size, Format, arguments))
VARIADIC(ntcrt__snprintf, (char *Buffer, size_t Count, const char *Format, ...),
         ntcrt__vsnprintf(Buffer, Count, Format, arguments))
VARIADIC(ntcrt__snwprintf, (uint16_t * Buffer, size_t Count, const uint16_t *Format, ...),
         ntcrt__vsnwprintf(Buffer, Count, Format, arguments))
VARIADIC(ntcrt_swprintf, (uint16_t * Buffer, size_t Size, const uint16_t *Format, ...),
         ntcrt_vswprintf(Buffer, Size, Format, arguments))
VARIADIC(ntcrt__swprintf, (uint16_t * Buffer, const uint16_t *Format, ...),
         ntcrt__vswprintf(Buffer, Format, arguments))
VARIADIC(ntcrt__scprintf, (const char *Format, ...), ntcrt__vscprintf(Format, arguments))
VARIADIC(ntcrt__scwprintf, (const uint16_t *Format, ...), ntcrt__vscwprintf(Format, arguments))
VARIADIC(ntcrt_sprintf_s, (char *Buffer, size_t Size, const char *Format, ...),
         ntcrt_vsprintf_s(Buffer, Size, Format, arguments))
VARIADIC(ntcrt_swprintf_s, (uint16_t * Buffer, size_t Size, const uint16_t *Format, ...),
         ntcrt_vswprintf_s(Buffer, Size, Format, arguments))
VARIADIC(ntcrt__snprintf_s, (char *Buffer, size_t Size, size_t Count, const char *Format, ...),
         ntcrt__vsnprintf_s(Buffer, Size, Count, Format, arguments))
VARIADIC(ntcrt__snwprintf_s,
         (uint16_t * Buffer, size_t Size, size_t Count, const uint16_t *Format, ...),
         ntcrt__vsnwprintf_s(Buffer, Size, Count, Format, arguments))

#pragma GCC visibility pop
