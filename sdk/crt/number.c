/* SPDX-License-Identifier: MIT
 *
 * crt/number.c - text to numbers and back, with Windows's 32 bit long
 *
 * Source  Microsoft C runtime docs: strtol, wcstol, _wtoi, _itoa, _ultow; ISO C 7.22.1.4.
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

#pragma GCC visibility push(default)

long
ntcrt_strtol(const char *Text, char **End, int Base)
{
    return NtcrtpClamp(strtol(Text, End, Base));
}

unsigned long
ntcrt_strtoul(const char *Text, char **End, int Base)
{
    return NtcrtpClampUnsigned(strtoul(Text, End, Base));
}

long
ntcrt_atol(const char *Text)
{
    return NtcrtpClamp(strtol(Text, NULL, 10));
}

#define FROM_WIDE(name, type, call)                                   \
    type ntcrt_##name(const uint16_t *Text, uint16_t **End, int Base) \
    {                                                                 \
        char narrow[MAX_NUMBER];                                      \
        char *end;                                                    \
        type value;                                                   \
                                                                      \
        NtcrtpNarrow(narrow, Text);                                   \
        value = call(narrow, &end, Base);                             \
        if (End != NULL) {                                            \
            *End = (uint16_t *)Text + (end - narrow);                 \
        }                                                             \
        return value;                                                 \
    }

FROM_WIDE(wcstol, long, ntcrt_strtol)
FROM_WIDE(wcstoul, unsigned long, ntcrt_strtoul)
FROM_WIDE(wcstoll, long long, strtoll)
FROM_WIDE(wcstoull, unsigned long long, strtoull)

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

#define TO_TEXT_CHECKED(suffix, type)                                             \
    int ntcrt__##suffix##a_s(type Value, char *Buffer, size_t Size, int Base)     \
    {                                                                             \
        char text[MAX_DIGITS];                                                    \
                                                                                  \
        if (Buffer == NULL || Size == 0 || Base < 2 || Base > 36) {               \
            return EINVAL;                                                        \
        }                                                                         \
        Buffer[0] = 0;                                                            \
        if (strlen(ntcrt__##suffix##a(Value, text, Base)) >= Size) {              \
            return ERANGE;                                                        \
        }                                                                         \
        strcpy(Buffer, text);                                                     \
        return 0;                                                                 \
    }                                                                             \
    int ntcrt__##suffix##w_s(type Value, uint16_t *Buffer, size_t Size, int Base) \
    {                                                                             \
        char text[MAX_DIGITS];                                                    \
                                                                                  \
        if (Buffer == NULL || Size == 0 || Base < 2 || Base > 36) {               \
            return EINVAL;                                                        \
        }                                                                         \
        Buffer[0] = 0;                                                            \
        if (strlen(ntcrt__##suffix##a(Value, text, Base)) >= Size) {              \
            return ERANGE;                                                        \
        }                                                                         \
        NtcrtpWiden(Buffer, text);                                                \
        return 0;                                                                 \
    }

TO_TEXT_CHECKED(ito, int)
TO_TEXT_CHECKED(ulto, unsigned)

#pragma GCC visibility pop
