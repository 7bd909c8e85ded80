/* SPDX-License-Identifier: MIT
 *
 * crt/number.c - text to numbers and back, with Windows's 32 bit long
 *
 * No text, or a base that is none, is EINVAL and 0, with the end at the text.
 *
 * Source  Microsoft C runtime docs: strtol, _strtoui64, wcstol, atoi, _wtoi, _itoa, _itoa_s,
 * _ultow; ISO C 7.22.1.4.
 */
#include "ntcrt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- from text ---- */

/* Numbers are ASCII: copies what can be one, so that the host's functions read it. */
#define MAX_NUMBER 512

static size_t
NtcrtpNarrow(char *Buffer, const uint16_t *Text)
{
    size_t length = 0;

    while (length < MAX_NUMBER - 1 && Text[length] != 0 && Text[length] < 0x80) {
        Buffer[length] = (char)Text[length];
        length++;
    }
    Buffer[length] = 0;
    return length;
}

static long
NtcrtpClamp(long Value)
{
    if (Value > INT32_MAX || Value < INT32_MIN) {
        errno = ERANGE;
        return Value < 0 ? INT32_MIN : INT32_MAX;
    }
    return Value;
}

/* strtoul takes a sign: "-1" is 0xffffffff, and only the magnitude can be out of range. */
static unsigned long
NtcrtpClampUnsigned(unsigned long Value)
{
    if (Value > UINT32_MAX && 0 - Value > UINT32_MAX) {
        errno = ERANGE;
        return UINT32_MAX;
    }
    return (uint32_t)Value;
}

static int
NtcrtpIsReadable(const void *Text, int Base)
{
    if (Text == NULL || Base < 0 || Base == 1 || Base > 36) {
        errno = EINVAL;
        return 0;
    }
    return 1;
}

#pragma GCC visibility push(default)

#define FROM_TEXT(name, type, call)                           \
    type ntcrt_##name(const char *Text, char **End, int Base) \
    {                                                         \
        if (!NtcrtpIsReadable(Text, Base)) {                  \
            if (End != NULL) {                                \
                *End = (char *)Text;                          \
            }                                                 \
            return 0;                                         \
        }                                                     \
        return call;                                          \
    }

FROM_TEXT(strtol, long, NtcrtpClamp(strtol(Text, End, Base)))
FROM_TEXT(strtoul, unsigned long, NtcrtpClampUnsigned(strtoul(Text, End, Base)))
FROM_TEXT(strtoll, long long, strtoll(Text, End, Base))
FROM_TEXT(strtoull, unsigned long long, strtoull(Text, End, Base))

long
ntcrt_atol(const char *Text)
{
    return ntcrt_strtol(Text, NULL, 10);
}

int
ntcrt_atoi(const char *Text)
{
    return (int)ntcrt_strtol(Text, NULL, 10);
}

long long
ntcrt__atoi64(const char *Text)
{
    return ntcrt_strtoll(Text, NULL, 10);
}

#define FROM_WIDE(name, type, call)                                   \
    type ntcrt_##name(const uint16_t *Text, uint16_t **End, int Base) \
    {                                                                 \
        char narrow[MAX_NUMBER];                                      \
        char *end;                                                    \
        type value;                                                   \
                                                                      \
        if (!NtcrtpIsReadable(Text, Base)) {                          \
            if (End != NULL) {                                        \
                *End = (uint16_t *)Text;                              \
            }                                                         \
            return 0;                                                 \
        }                                                             \
        NtcrtpNarrow(narrow, Text);                                   \
        value = call(narrow, &end, Base);                             \
        if (End != NULL) {                                            \
            *End = (uint16_t *)Text + (end - narrow);                 \
        }                                                             \
        return value;                                                 \
    }

FROM_WIDE(wcstol, long, ntcrt_strtol)
FROM_WIDE(wcstoul, unsigned long, ntcrt_strtoul)
FROM_WIDE(wcstoll, long long, ntcrt_strtoll)
FROM_WIDE(wcstoull, unsigned long long, ntcrt_strtoull)

double
ntcrt_wcstod(const uint16_t *Text, uint16_t **End)
{
    char narrow[MAX_NUMBER];
    char *end;
    double value;

    NtcrtpNarrow(narrow, Text);
    value = strtod(narrow, &end);
    if (End != NULL) {
        *End = (uint16_t *)Text + (end - narrow);
    }
    return value;
}

int
ntcrt__wtoi(const uint16_t *Text)
{
    return (int)ntcrt_wcstol(Text, NULL, 10);
}

long long
ntcrt__wtoi64(const uint16_t *Text)
{
    return ntcrt_wcstoll(Text, NULL, 10);
}

#pragma GCC visibility pop

/* ---- to text ---- */

#define MAX_DIGITS 66 /* base 2, a sign, a terminator */

/* The text of Value at the end of Digits; a base out of range gives "". */
static const char *
NtcrtpDigits(char *Digits, uint64_t Value, int Negative, int Base)
{
    char *text = Digits + MAX_DIGITS - 1;

    *text = 0;
    if (Base < 2 || Base > 36) {
        return text;
    }
    do {
        *--text = "0123456789abcdefghijklmnopqrstuvwxyz"[Value % (unsigned)Base];
        Value /= (unsigned)Base;
    } while (Value != 0);
    if (Negative) {
        *--text = '-';
    }
    return text;
}

static void
NtcrtpWiden(uint16_t *Buffer, const char *Text)
{
    do {
        *Buffer++ = (unsigned char)*Text;
    } while (*Text++ != 0);
}

#pragma GCC visibility push(default)

/* Only base 10 shows a sign; in another base a negative number is its bits. */
#define TO_TEXT(suffix, type, unsignedType, isNegative)                             \
    char *ntcrt__##suffix##a(type Value, char *Buffer, int Base)                    \
    {                                                                               \
        char digits[MAX_DIGITS];                                                    \
        int negative = Base == 10 && (isNegative);                                  \
        unsignedType bits =                                                         \
            negative ? (unsignedType)0 - (unsignedType)Value : (unsignedType)Value; \
                                                                                    \
        return strcpy(Buffer, NtcrtpDigits(digits, bits, negative, Base));          \
    }                                                                               \
    uint16_t *ntcrt__##suffix##w(type Value, uint16_t *Buffer, int Base)            \
    {                                                                               \
        char text[MAX_DIGITS];                                                      \
                                                                                    \
        NtcrtpWiden(Buffer, ntcrt__##suffix##a(Value, text, Base));                 \
        return Buffer;                                                              \
    }

TO_TEXT(ito, int, uint32_t, Value < 0)
TO_TEXT(ulto, unsigned, uint32_t, 0)
TO_TEXT(i64to, long long, uint64_t, Value < 0)
TO_TEXT(ui64to, unsigned long long, uint64_t, 0)

static int
NtcrtpCheckTarget(const void *Buffer, size_t Size)
{
    return Buffer == NULL || Size == 0 ? EINVAL : 0;
}

static int
NtcrtpCheckDigits(size_t Size, const char *Text, int Base)
{
    if (Base < 2 || Base > 36) {
        return EINVAL;
    }
    return strlen(Text) >= Size ? ERANGE : 0;
}

/* An error empties the buffer, if there is one. */
#define TO_TEXT_CHECKED(suffix, type)                                             \
    int ntcrt__##suffix##a_s(type Value, char *Buffer, size_t Size, int Base)     \
    {                                                                             \
        char text[MAX_DIGITS];                                                    \
        int error = NtcrtpCheckTarget(Buffer, Size);                              \
                                                                                  \
        if (error == 0) {                                                         \
            ntcrt__##suffix##a(Value, text, Base);                                \
            error = NtcrtpCheckDigits(Size, text, Base);                          \
            strcpy(Buffer, error == 0 ? text : "");                               \
        }                                                                         \
        return error;                                                             \
    }                                                                             \
    int ntcrt__##suffix##w_s(type Value, uint16_t *Buffer, size_t Size, int Base) \
    {                                                                             \
        char text[MAX_DIGITS];                                                    \
        int error = NtcrtpCheckTarget(Buffer, Size);                              \
                                                                                  \
        if (error == 0) {                                                         \
            ntcrt__##suffix##a(Value, text, Base);                                \
            error = NtcrtpCheckDigits(Size, text, Base);                          \
            NtcrtpWiden(Buffer, error == 0 ? text : "");                          \
        }                                                                         \
        return error;                                                             \
    }

TO_TEXT_CHECKED(ito, int)
TO_TEXT_CHECKED(ulto, unsigned)

#pragma GCC visibility pop
