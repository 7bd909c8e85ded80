/* SPDX-License-Identifier: MIT
 *
 * crt/wide.c - strings of 16 bit characters: length, copy, compare, search, case
 *
 * Differs  Case is folded for ASCII only, and collation is by value, as in Microsoft's "C" locale.
 *          Classification follows Unicode, as Microsoft's does in every locale.
 * Source   Microsoft C runtime docs, by function name; ISO C 7.31.
 */
#include "ntcrt.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#pragma GCC visibility push(default)

/* ---- memory
 * ----------------------------------------------------------------------------------------------------
 */

uint16_t *
ntcrt_wmemcpy(uint16_t *Target, const uint16_t *Source, size_t Count)
{
    return memcpy(Target, Source, Count * sizeof(*Target));
}

uint16_t *
ntcrt_wmemmove(uint16_t *Target, const uint16_t *Source, size_t Count)
{
    return memmove(Target, Source, Count * sizeof(*Target));
}

uint16_t *
ntcrt_wmemset(uint16_t *Target, uint16_t Value, size_t Count)
{
    size_t i;

    for (i = 0; i < Count; i++) {
        Target[i] = Value;
    }
    return Target;
}

int
ntcrt_wmemcmp(const uint16_t *Left, const uint16_t *Right, size_t Count)
{
    size_t i;

    for (i = 0; i < Count; i++) {
        if (Left[i] != Right[i]) {
            return Left[i] < Right[i] ? -1 : 1;
        }
    }
    return 0;
}

uint16_t *
ntcrt_wmemchr(const uint16_t *Text, uint16_t Value, size_t Count)
{
    size_t i;

    for (i = 0; i < Count; i++) {
        if (Text[i] == Value) {
            return (uint16_t *)&Text[i];
        }
    }
    return NULL;
}

/* ---- length and copy ---- */

size_t
ntcrt_wcslen(const uint16_t *Text)
{
    size_t length = 0;

    while (Text[length] != 0) {
        length++;
    }
    return length;
}

size_t
ntcrt_wcsnlen(const uint16_t *Text, size_t Size)
{
    size_t length = 0;

    while (length < Size && Text[length] != 0) {
        length++;
    }
    return length;
}

uint16_t *
ntcrt_wcscpy(uint16_t *Target, const uint16_t *Source)
{
    return memcpy(Target, Source, (ntcrt_wcslen(Source) + 1) * sizeof(*Source));
}

uint16_t *
ntcrt_wcsncpy(uint16_t *Target, const uint16_t *Source, size_t Count)
{
    size_t length = ntcrt_wcsnlen(Source, Count);

    memcpy(Target, Source, length * sizeof(*Source));
    memset(Target + length, 0, (Count - length) * sizeof(*Source));
    return Target;
}

uint16_t *
ntcrt_wcscat(uint16_t *Target, const uint16_t *Source)
{
    ntcrt_wcscpy(Target + ntcrt_wcslen(Target), Source);
    return Target;
}

uint16_t *
ntcrt_wcsncat(uint16_t *Target, const uint16_t *Source, size_t Count)
{
    uint16_t *end = Target + ntcrt_wcslen(Target);
    size_t length = ntcrt_wcsnlen(Source, Count);

    memcpy(end, Source, length * sizeof(*Source));
    end[length] = 0;
    return Target;
}

uint16_t *
ntcrt_wcsdup(const uint16_t *Text)
{
    size_t size = (ntcrt_wcslen(Text) + 1) * sizeof(*Text);
    uint16_t *copy = malloc(size);

    return copy == NULL ? NULL : memcpy(copy, Text, size);
}

/* ---- compare
 * -------------------------------------------------------------------------------------------------------
 */

static uint16_t
NtcrtpLower(uint16_t Unit)
{
    return Unit >= 'A' && Unit <= 'Z' ? (uint16_t)(Unit + 32) : Unit;
}

static uint16_t
NtcrtpUpper(uint16_t Unit)
{
    return Unit >= 'a' && Unit <= 'z' ? (uint16_t)(Unit - 32) : Unit;
}

int
ntcrt_wcsncmp(const uint16_t *Left, const uint16_t *Right, size_t Count)
{
    for (; Count != 0; Left++, Right++, Count--) {
        if (*Left != *Right) {
            return *Left < *Right ? -1 : 1;
        }
        if (*Left == 0) {
            break;
        }
    }
    return 0;
}

int
ntcrt_wcscmp(const uint16_t *Left, const uint16_t *Right)
{
    return ntcrt_wcsncmp(Left, Right, SIZE_MAX);
}

int
ntcrt_wcscoll(const uint16_t *Left, const uint16_t *Right)
{
    return ntcrt_wcscmp(Left, Right);
}

int
ntcrt__wcsnicmp(const uint16_t *Left, const uint16_t *Right, size_t Count)
{
    if (Count != 0 && (Left == NULL || Right == NULL)) {
        errno = EINVAL;
        return INT32_MAX; /* _NLSCMPERROR */
    }
    for (; Count != 0; Left++, Right++, Count--) {
        uint16_t left = NtcrtpLower(*Left);
        uint16_t right = NtcrtpLower(*Right);

        if (left != right) {
            return left < right ? -1 : 1;
        }
        if (left == 0) {
            break;
        }
    }
    return 0;
}

int
ntcrt__wcsicmp(const uint16_t *Left, const uint16_t *Right)
{
    return ntcrt__wcsnicmp(Left, Right, SIZE_MAX);
}

/* ---- search
 * ----------------------------------------------------------------------------------------------------------
 */

uint16_t *
ntcrt_wcschr(const uint16_t *Text, uint16_t Unit)
{
    for (; *Text != Unit; Text++) {
        if (*Text == 0) {
            return NULL;
        }
    }
    return (uint16_t *)Text;
}

uint16_t *
ntcrt_wcsrchr(const uint16_t *Text, uint16_t Unit)
{
    const uint16_t *found = NULL;

    for (;; Text++) {
        if (*Text == Unit) {
            found = Text;
        }
        if (*Text == 0) {
            return (uint16_t *)found;
        }
    }
}

uint16_t *
ntcrt_wcsstr(const uint16_t *Text, const uint16_t *Part)
{
    size_t length = ntcrt_wcslen(Part);

    for (;; Text++) {
        if (ntcrt_wcsncmp(Text, Part, length) == 0) {
            return (uint16_t *)Text;
        }
        if (*Text == 0) {
            return NULL;
        }
    }
}

static int
NtcrtpIsIn(uint16_t Unit, const uint16_t *Set)
{
    return Unit != 0 && ntcrt_wcschr(Set, Unit) != NULL;
}

size_t
ntcrt_wcsspn(const uint16_t *Text, const uint16_t *Set)
{
    size_t length = 0;

    while (NtcrtpIsIn(Text[length], Set)) {
        length++;
    }
    return length;
}

size_t
ntcrt_wcscspn(const uint16_t *Text, const uint16_t *Set)
{
    size_t length = 0;

    while (Text[length] != 0 && !NtcrtpIsIn(Text[length], Set)) {
        length++;
    }
    return length;
}

uint16_t *
ntcrt_wcspbrk(const uint16_t *Text, const uint16_t *Set)
{
    Text += ntcrt_wcscspn(Text, Set);
    return *Text == 0 ? NULL : (uint16_t *)Text;
}

/* Text NULL: go on at *Context. */
uint16_t *
ntcrt_wcstok(uint16_t *Text, const uint16_t *Delimiters, uint16_t **Context)
{
    uint16_t *start;
    uint16_t *end;

    if (Context == NULL || Delimiters == NULL || (Text == NULL && *Context == NULL)) {
        errno = EINVAL;
        return NULL;
    }
    start = Text != NULL ? Text : *Context;
    start += ntcrt_wcsspn(start, Delimiters);
    end = start + ntcrt_wcscspn(start, Delimiters);
    *Context = *end == 0 ? end : end + 1;
    if (end == start) {
        return NULL;
    }
    *end = 0;
    return start;
}

/* ---- case and class
 * ---------------------------------------------------------------------------------------------------
 */

/* wint_t is the host's: 32 bits, WEOF is its own. */
unsigned
ntcrt_towlower(unsigned Character)
{
    return Character < 0x80 ? NtcrtpLower((uint16_t)Character) : Character;
}

unsigned
ntcrt_towupper(unsigned Character)
{
    return Character < 0x80 ? NtcrtpUpper((uint16_t)Character) : Character;
}

uint16_t *
ntcrt__wcslwr(uint16_t *Text)
{
    uint16_t *unit;

    for (unit = Text; unit != NULL && *unit != 0; unit++) {
        *unit = NtcrtpLower(*unit);
    }
    return Text;
}

uint16_t *
ntcrt__wcsupr(uint16_t *Text)
{
    uint16_t *unit;

    for (unit = Text; unit != NULL && *unit != 0; unit++) {
        *unit = NtcrtpUpper(*unit);
    }
    return Text;
}

uint16_t *
ntcrt__wcsrev(uint16_t *Text)
{
    size_t length = ntcrt_wcslen(Text);
    size_t i;

    for (i = 0; i < length / 2; i++) {
        uint16_t unit = Text[i];

        Text[i] = Text[length - 1 - i];
        Text[length - 1 - i] = unit;
    }
    return Text;
}

static locale_t NtcrtpUnicode;

__attribute__((constructor)) static void
NtcrtpOpenLocale(void)
{
    NtcrtpUnicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

__attribute__((destructor)) static void
NtcrtpCloseLocale(void)
{
    if (NtcrtpUnicode != (locale_t)0) {
        freelocale(NtcrtpUnicode);
        NtcrtpUnicode = (locale_t)0;
    }
}

#define CLASS(name)                                                              \
    int ntcrt_##name(unsigned Character)                                         \
    {                                                                            \
        if (Character > 0xffff) {                                                \
            return 0;                                                            \
        }                                                                        \
        return NtcrtpUnicode != (locale_t)0 ? name##_l(Character, NtcrtpUnicode) \
                                            : name(Character);                   \
    }

CLASS(iswalnum)
CLASS(iswalpha)
CLASS(iswblank)
CLASS(iswcntrl)
CLASS(iswdigit)
CLASS(iswgraph)
CLASS(iswlower)
CLASS(iswprint)
CLASS(iswpunct)
CLASS(iswspace)
CLASS(iswupper)
CLASS(iswxdigit)

#pragma GCC visibility pop
