/* SPDX-License-Identifier: MIT
 *
 * crt/secure.c - the bounds-checked copies (strcpy_s and its kind) and Microsoft's narrow helpers
 *
 * Differs  Microsoft's runtime ends a program that breaks a rule here (invalid parameter handler);
 *          in the kernel, and here for programs too, execution goes on: the caller gets the error.
 * Source   Microsoft C runtime docs: strcpy_s, strncpy_s (_TRUNCATE), strcat_s, strncat_s,
 * memcpy_s, strtok_s, _stricmp, _wcslwr_s.
 */
#include "ntcrt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COMPARE_ERROR INT32_MAX /* _NLSCMPERROR */
#define TRUNCATE SIZE_MAX
#define STRUNCATE 80 /* Microsoft's errno.h */

/*
 * Appends at most Count units of Source to the Used ones of Target, which has Size, for one unit
 * type. Units that do not fit are an error, unless Count is TRUNCATE.
 */
#define APPEND(name, type, length)                                                            \
    static int name(type *Target, size_t Size, size_t Used, const type *Source, size_t Count) \
    {                                                                                         \
        size_t part;                                                                          \
                                                                                              \
        if (Target == NULL || Size == 0) {                                                    \
            return EINVAL;                                                                    \
        }                                                                                     \
        if (Source == NULL || Used >= Size) {                                                 \
            Target[0] = 0;                                                                    \
            return EINVAL;                                                                    \
        }                                                                                     \
        part = length(Source, Count < Size - Used ? Count : Size - Used);                     \
        if (part == Size - Used) {                                                            \
            if (Count != TRUNCATE) {                                                          \
                Target[0] = 0;                                                                \
                return ERANGE;                                                                \
            }                                                                                 \
            memcpy(Target + Used, Source, (part - 1) * sizeof(type));                         \
            Target[Size - 1] = 0;                                                             \
            return STRUNCATE;                                                                 \
        }                                                                                     \
        memcpy(Target + Used, Source, part * sizeof(type));                                   \
        Target[Used + part] = 0;                                                              \
        return 0;                                                                             \
    }

size_t ntcrt_wcsnlen(const uint16_t *Text, size_t Size);
uint16_t *ntcrt__wcslwr(uint16_t *Text);
uint16_t *ntcrt__wcsupr(uint16_t *Text);
int ntcrt_tolower(int Character);
int ntcrt_toupper(int Character);

APPEND(NtcrtpAppend8, char, strnlen)
APPEND(NtcrtpAppend16, uint16_t, ntcrt_wcsnlen)

#define WHOLE (SIZE_MAX - 1)

#pragma GCC visibility push(default)

int
ntcrt_strcpy_s(char *Target, size_t Size, const char *Source)
{
    return NtcrtpAppend8(Target, Size, 0, Source, WHOLE);
}

int
ntcrt_strncpy_s(char *Target, size_t Size, const char *Source, size_t Count)
{
    return NtcrtpAppend8(Target, Size, 0, Source, Count);
}

int
ntcrt_strcat_s(char *Target, size_t Size, const char *Source)
{
    return NtcrtpAppend8(Target, Size, Target == NULL ? 0 : strnlen(Target, Size), Source, WHOLE);
}

int
ntcrt_strncat_s(char *Target, size_t Size, const char *Source, size_t Count)
{
    return NtcrtpAppend8(Target, Size, Target == NULL ? 0 : strnlen(Target, Size), Source, Count);
}

int
ntcrt_wcscpy_s(uint16_t *Target, size_t Size, const uint16_t *Source)
{
    return NtcrtpAppend16(Target, Size, 0, Source, WHOLE);
}

int
ntcrt_wcsncpy_s(uint16_t *Target, size_t Size, const uint16_t *Source, size_t Count)
{
    return NtcrtpAppend16(Target, Size, 0, Source, Count);
}

int
ntcrt_wcscat_s(uint16_t *Target, size_t Size, const uint16_t *Source)
{
    return NtcrtpAppend16(Target, Size, Target == NULL ? 0 : ntcrt_wcsnlen(Target, Size), Source,
                          WHOLE);
}

int
ntcrt_wcsncat_s(uint16_t *Target, size_t Size, const uint16_t *Source, size_t Count)
{
    return NtcrtpAppend16(Target, Size, Target == NULL ? 0 : ntcrt_wcsnlen(Target, Size), Source,
                          Count);
}

int
ntcrt_memmove_s(void *Target, size_t Size, const void *Source, size_t Count)
{
    if (Count == 0) {
        return 0;
    }
    if (Target == NULL || Source == NULL) {
        return EINVAL;
    }
    if (Count > Size) {
        return ERANGE;
    }
    memmove(Target, Source, Count);
    return 0;
}

int
ntcrt_memcpy_s(void *Target, size_t Size, const void *Source, size_t Count)
{
    if (Target != NULL && Count != 0 && (Source == NULL || Count > Size)) {
        memset(Target, 0, Size);
    }
    return ntcrt_memmove_s(Target, Size, Source, Count);
}

size_t
ntcrt_strnlen_s(const char *Text, size_t Size)
{
    return Text == NULL ? 0 : strnlen(Text, Size);
}

size_t
ntcrt_wcsnlen_s(const uint16_t *Text, size_t Size)
{
    return Text == NULL ? 0 : ntcrt_wcsnlen(Text, Size);
}

int
ntcrt_strerror_s(char *Buffer, size_t Size, int Error)
{
    return NtcrtpAppend8(Buffer, Size, 0, strerror(Error), TRUNCATE) == EINVAL ? EINVAL : 0;
}

int
ntcrt__memicmp(const void *Left, const void *Right, size_t Count)
{
    const unsigned char *left = Left;
    const unsigned char *right = Right;

    if (Count != 0 && (Left == NULL || Right == NULL)) {
        errno = EINVAL;
        return COMPARE_ERROR;
    }
    for (; Count != 0; left++, right++, Count--) {
        if (ntcrt_tolower(*left) != ntcrt_tolower(*right)) {
            return ntcrt_tolower(*left) - ntcrt_tolower(*right);
        }
    }
    return 0;
}

/* In lower case, which puts _ before the letters. */
int
ntcrt__strnicmp(const char *Left, const char *Right, size_t Count)
{
    size_t part;

    if (Count == 0) {
        return 0;
    }
    if (Left == NULL || Right == NULL) {
        errno = EINVAL;
        return COMPARE_ERROR;
    }
    for (part = 0; part < Count - 1 && Left[part] != 0 && Right[part] != 0; part++) {
        if (ntcrt_tolower((unsigned char)Left[part]) != ntcrt_tolower((unsigned char)Right[part])) {
            break;
        }
    }
    return ntcrt_tolower((unsigned char)Left[part]) - ntcrt_tolower((unsigned char)Right[part]);
}

int
ntcrt__stricmp(const char *Left, const char *Right)
{
    return ntcrt__strnicmp(Left, Right, SIZE_MAX);
}

char *
ntcrt__strlwr(char *Text)
{
    char *unit;

    for (unit = Text; unit != NULL && *unit != 0; unit++) {
        *unit = (char)ntcrt_tolower((unsigned char)*unit);
    }
    return Text;
}

char *
ntcrt__strupr(char *Text)
{
    char *unit;

    for (unit = Text; unit != NULL && *unit != 0; unit++) {
        *unit = (char)ntcrt_toupper((unsigned char)*unit);
    }
    return Text;
}

/* Text NULL: go on at *Context. */
char *
ntcrt_strtok_s(char *Text, const char *Delimiters, char **Context)
{
    char *start;
    char *end;

    if (Context == NULL || Delimiters == NULL || (Text == NULL && *Context == NULL)) {
        errno = EINVAL;
        return NULL;
    }
    start = Text != NULL ? Text : *Context;
    start += strspn(start, Delimiters);
    end = start + strcspn(start, Delimiters);
    *Context = *end == 0 ? end : end + 1;
    if (end == start) {
        return NULL;
    }
    *end = 0;
    return start;
}

char *
ntcrt__strrev(char *Text)
{
    size_t length = strlen(Text);
    size_t i;

    for (i = 0; i < length / 2; i++) {
        char unit = Text[i];

        Text[i] = Text[length - 1 - i];
        Text[length - 1 - i] = unit;
    }
    return Text;
}

/* Empties what is not terminated within Size. */
static int
NtcrtpCheckTerminated(uint16_t *Text, size_t Size)
{
    if (Text == NULL) {
        return EINVAL;
    }
    if (ntcrt_wcsnlen(Text, Size) == Size) {
        if (Size != 0) {
            Text[0] = 0;
        }
        return EINVAL;
    }
    return 0;
}

int
ntcrt__wcslwr_s(uint16_t *Text, size_t Size)
{
    int error = NtcrtpCheckTerminated(Text, Size);

    if (error == 0) {
        ntcrt__wcslwr(Text);
    }
    return error;
}

int
ntcrt__wcsupr_s(uint16_t *Text, size_t Size)
{
    int error = NtcrtpCheckTerminated(Text, Size);

    if (error == 0) {
        ntcrt__wcsupr(Text);
    }
    return error;
}

#pragma GCC visibility pop
