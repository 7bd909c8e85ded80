/* SPDX-License-Identifier: MIT
 *
 * bytes_test.c - memory, 8 bit strings and the classes of bytes, each by a call that no compiler
 * can work out itself
 */
#include <windows.h>
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "nt_test.h"

/* The function behind the name, not what the compiler makes of a call of it. */
#define REAL(name) (*(__typeof__(&name) volatile[]){name})

static int
Sign(int Value)
{
    return Value < 0 ? -1 : Value > 0;
}

/* ---- memory ---- */

NT_TEST(Memory, CopySetAndFindKeepToTheirCount)
{
    unsigned char bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    unsigned char copy[8] = {0};

    NT_EXPECT_EQ(REAL(memcpy)(copy + 1, bytes, 6), copy + 1);
    NT_EXPECT_EQ(memcmp(copy, "\0\1\2\3\4\5\6\0", 8), 0);
    NT_EXPECT_EQ(REAL(memcpy)(copy, bytes, 0), copy);
    NT_EXPECT_EQ(copy[0], 0);
    NT_EXPECT_EQ(REAL(memset)(copy + 2, 0x1ff, 3), copy + 2); /* as a byte */
    NT_EXPECT_EQ(memcmp(copy, "\0\1\xff\xff\xff\5\6\0", 8), 0);
    NT_EXPECT_EQ(REAL(memset)(copy, 9, 0), copy);
    NT_EXPECT_EQ(copy[0], 0);
    NT_EXPECT_EQ(REAL(memchr)(bytes, 3, 8), bytes + 2);
    NT_EXPECT_EQ(REAL(memchr)(bytes, 0x103, 8), bytes + 2); /* as a byte */
    NT_EXPECT_EQ(REAL(memchr)(bytes, 8, 7), NULL);
    NT_EXPECT_EQ(REAL(memchr)(bytes, 1, 0), NULL);
    NT_EXPECT_EQ(REAL(memchr)("a\0b", 'b', 3) != NULL, 1);
}

/* Every distance between two overlapping regions of up to 40 bytes, both ways. */
NT_TEST(Memory, MoveMayOverlap)
{
    unsigned char bytes[64];

    for (unsigned count = 0; count <= 40; count++) {
        for (unsigned from = 0; from <= 24; from++) {
            for (unsigned to = 0; to <= 24; to++) {
                for (unsigned i = 0; i < sizeof(bytes); i++) {
                    bytes[i] = (unsigned char)i;
                }
                NT_EXPECT_EQ(REAL(memmove)(bytes + to, bytes + from, count), bytes + to);
                for (unsigned i = 0; i < sizeof(bytes); i++) {
                    NT_EXPECT_EQ(bytes[i], i >= to && i < to + count ? from + (i - to) : i);
                }
            }
        }
    }
}

NT_TEST(Memory, CheckedMoveMovesOrLeavesTheTargetAlone)
{
    char text[] = "abcdef";

    NT_EXPECT_EQ(memmove_s(text + 1, 5, text, 5), 0); /* exactly full, and overlapping */
    NT_EXPECT_STR(text, "aabcde");
    NT_EXPECT_EQ(memmove_s(text, 6, text + 1, 5), 0);
    NT_EXPECT_STR(text, "abcdee");
    NT_EXPECT_EQ(memmove_s(text, 2, "xyz", 3), ERANGE);
    NT_EXPECT_EQ(memmove_s(text, 6, NULL, 1), EINVAL);
    NT_EXPECT_EQ(memmove_s(NULL, 6, "x", 1), EINVAL);
    NT_EXPECT_EQ(memmove_s(NULL, 0, NULL, 0), 0);
    NT_EXPECT_STR(text, "abcdee");
}

/* ---- strings ---- */

NT_TEST(String, CopyAndAppend)
{
    char buffer[12] = "???????????";

    NT_EXPECT_EQ(REAL(strcpy)(buffer, "abc"), buffer);
    NT_EXPECT_EQ(memcmp(buffer, "abc\0???????", 12), 0);
    NT_EXPECT_EQ(REAL(strcat)(buffer, "de"), buffer);
    NT_EXPECT_EQ(memcmp(buffer, "abcde\0?????", 12), 0);
    NT_EXPECT_EQ(REAL(strcat)(buffer, ""), buffer);
    NT_EXPECT_STR(buffer, "abcde");
    NT_EXPECT_EQ(REAL(strncpy)(buffer, "xy", 2), buffer); /* no terminator */
    NT_EXPECT_STR(buffer, "xycde");
    NT_EXPECT_EQ(REAL(strncpy)(buffer, "z", 4), buffer); /* zeros up to the count, no further */
    NT_EXPECT_EQ(memcmp(buffer, "z\0\0\0e\0", 6), 0);
    NT_EXPECT_EQ(REAL(strncpy)(buffer, "longer", 3), buffer);
    NT_EXPECT_EQ(memcmp(buffer, "lon\0e", 5), 0);
}

NT_TEST(String, Order)
{
    static const struct {
        const char *Left, *Right;
        int Exact, Folded, Three; /* Three: the first three units, folded */
    } rows[] = {
        {"", "", 0, 0, 0},
        {"a", "", 1, 1, 1},
        {"", "a", -1, -1, -1},
        {"abc", "abd", -1, -1, -1},
        {"abcd", "abc", 1, 1, 0},
        {"ABC", "abc", -1, 0, 0},
        {"abc", "ABD", 1, -1, -1},
        {"Z", "a", -1, 1, 1},
        {"\xff", "\x01", 1, 1, 1},            /* bytes are unsigned */
        {"\xe9", "\xc9", 1, 1, 1},            /* the C locale folds ASCII only */
        {"JOHNSTON", "JOHN_HENRY", -1, 1, 0}, /* the reference's own example */
        {"_", "A", 1, -1, -1},                /* folded to lower case, not upper */
        {"[", "a", -1, -1, -1},
        {"{", "Z", 1, 1, 1},
        {"@", "`", -1, -1, -1}, /* next to the letters, not letters */
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        NT_EXPECT_EQ(Sign(REAL(strcmp)(rows[i].Left, rows[i].Right)), rows[i].Exact);
        NT_EXPECT_EQ(Sign(_stricmp(rows[i].Left, rows[i].Right)), rows[i].Folded);
        NT_EXPECT_EQ(Sign(_stricmp(rows[i].Right, rows[i].Left)), -rows[i].Folded);
        NT_EXPECT_EQ(Sign(_strnicmp(rows[i].Left, rows[i].Right, 99)), rows[i].Folded);
        NT_EXPECT_EQ(Sign(_strnicmp(rows[i].Left, rows[i].Right, 3)), rows[i].Three);
        NT_EXPECT_EQ(_strnicmp(rows[i].Left, rows[i].Right, 0), 0);
    }
}

NT_TEST(String, ComparisonsWithoutAStringAreAnError)
{
    errno = 0;
    NT_EXPECT_EQ(_stricmp(NULL, "a"), _NLSCMPERROR);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(_stricmp("a", NULL), _NLSCMPERROR);
    errno = 0;
    NT_EXPECT_EQ(_strnicmp(NULL, "a", 1), _NLSCMPERROR);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(_strnicmp("a", NULL, 1), _NLSCMPERROR);
    errno = 0;
    NT_EXPECT_EQ(_wcsicmp(NULL, L"a"), _NLSCMPERROR);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(_wcsicmp(L"a", NULL), _NLSCMPERROR);
    errno = 0;
    NT_EXPECT_EQ(_wcsnicmp(NULL, L"a", 1), _NLSCMPERROR);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(_wcsnicmp(L"a", NULL, 1), _NLSCMPERROR);
}

NT_TEST(String, Search)
{
    const char *text = "\\Device\\Echo";

    NT_EXPECT_EQ(REAL(strrchr)(text, '\\') - text, 7);
    NT_EXPECT_EQ(REAL(strrchr)(text, 'D') - text, 1);
    NT_EXPECT_EQ(REAL(strrchr)(text, 0) - text, 12);
    NT_EXPECT_EQ(REAL(strrchr)(text, '?'), NULL);
    NT_EXPECT_EQ(REAL(strstr)(text, "Echo") - text, 8);
    NT_EXPECT_EQ(REAL(strstr)(text, "e\\") - text, 6);
    NT_EXPECT_EQ(REAL(strstr)(text, "") - text, 0);
    NT_EXPECT_EQ(REAL(strstr)(text, "echo"), NULL);
    NT_EXPECT_EQ(REAL(strstr)(text, "Echoes"), NULL);
    NT_EXPECT_EQ(REAL(strstr)("aaab", "aab") != NULL, 1); /* the start is tried again */
    NT_EXPECT_EQ(REAL(strspn)(text, "D\\"), 2);
    NT_EXPECT_EQ(REAL(strspn)(text, "E"), 0);
    NT_EXPECT_EQ(REAL(strspn)(text, ""), 0);
    NT_EXPECT_EQ(REAL(strspn)("aba", "ab"), 3);
    NT_EXPECT_EQ(REAL(strnlen)("abc", 5), 3);
    NT_EXPECT_EQ(REAL(strnlen)("abc", 3), 3);
    NT_EXPECT_EQ(REAL(strnlen)("abc", 2), 2);
    NT_EXPECT_EQ(REAL(strnlen)("abc", 0), 0);
}

/* Two strings at a time, with delimiters that change, since all state is the caller's. */
NT_TEST(String, TokensKeepTheirStateWithTheCaller)
{
    char first[] = ",,one,two;;three";
    char second[] = "a b";
    char none[] = ";;;";
    char *context = NULL;
    char *other = NULL;

    NT_EXPECT_STR(strtok_s(first, ",;", &context), "one");
    NT_EXPECT_STR(strtok_s(second, " ", &other), "a");
    NT_EXPECT_STR(strtok_s(NULL, ",", &context), "two;;three");
    NT_EXPECT_STR(strtok_s(NULL, " ", &other), "b");
    NT_EXPECT_EQ(strtok_s(NULL, ",", &context), NULL);
    NT_EXPECT_EQ(strtok_s(NULL, ",", &context), NULL);
    NT_EXPECT_EQ(strtok_s(NULL, " ", &other), NULL);
    NT_EXPECT_EQ(strtok_s(none, ";", &context), NULL);
    NT_EXPECT_EQ(memcmp(first, ",,one\0two;;three", 17), 0);
}

NT_TEST(String, TokensNeedAStringDelimitersAndAContext)
{
    char text[] = "a,b";
    wchar_t wide[] = L"a,b";
    wchar_t *wideContext = NULL;
    char *context = NULL;

    errno = 0;
    NT_EXPECT_EQ(strtok_s(NULL, ",", &context), NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(strtok_s(text, NULL, &context), NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(strtok_s(text, ",", NULL), NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_STR(text, "a,b");
    NT_EXPECT_EQ(wcstok_s(NULL, L",", &wideContext), NULL);
    NT_EXPECT_EQ(wcstok_s(wide, NULL, &wideContext), NULL);
    NT_EXPECT_EQ(wcstok_s(wide, L",", NULL), NULL);
}

/* ---- appending with a size ---- */

#define WHOLE ((size_t)-2) /* strcat_s, not strncat_s */

NT_TEST(Checked, AppendFitsOrEmptiesTheTarget)
{
    static const struct {
        const char *Start, *More;
        size_t Count;
        int Error;
        const char *Result;
    } rows[] = {
        {"", "", WHOLE, 0, ""},
        {"ab", "cde", WHOLE, 0, "abcde"}, /* exactly full */
        {"ab", "cdef", WHOLE, ERANGE, ""},
        {"abcde", "", WHOLE, 0, "abcde"},
        {"abcde", "f", WHOLE, ERANGE, ""},
        {"ab", "cdefgh", 3, 0, "abcde"},
        {"ab", "cdefgh", 4, ERANGE, ""},
        {"ab", "cd", 99, 0, "abcd"}, /* the source ends before the count does */
        {"ab", "cd", 0, 0, "ab"},
        {"ab", "cde", _TRUNCATE, 0, "abcde"},
        {"ab", "cdef", _TRUNCATE, STRUNCATE, "abcde"},
        {"abcde", "f", _TRUNCATE, STRUNCATE, "abcde"},
        {"ab", NULL, 1, EINVAL, NULL},
        {"ab", NULL, WHOLE, EINVAL, ""},
        {"ab", NULL, _TRUNCATE, EINVAL, NULL},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        char text[6];
        wchar_t wide[6];
        wchar_t wideMore[8] = L"";
        wchar_t *more = rows[i].More == NULL ? NULL : wideMore;
        char back[8] = "";

        strcpy(text, rows[i].Start);
        mbstowcs(wide, rows[i].Start, 6);
        if (more != NULL) {
            mbstowcs(more, rows[i].More, 8);
        }
        if (rows[i].Count == WHOLE) {
            NT_EXPECT_EQ(strcat_s(text, 6, rows[i].More), rows[i].Error);
            NT_EXPECT_EQ(wcscat_s(wide, 6, more), rows[i].Error);
        } else {
            NT_EXPECT_EQ(strncat_s(text, 6, rows[i].More, rows[i].Count), rows[i].Error);
            NT_EXPECT_EQ(wcsncat_s(wide, 6, more, rows[i].Count), rows[i].Error);
        }
        if (rows[i].Result != NULL) {
            wcstombs(back, wide, sizeof(back));
            NT_EXPECT_STR(text, rows[i].Result);
            NT_EXPECT_STR(back, rows[i].Result);
        }
    }
}

NT_TEST(Checked, AppendNeedsATargetThatIsTerminated)
{
    char text[3] = {'a', 'b', 'c'};
    wchar_t wide[3] = {L'a', L'b', L'c'};

    NT_EXPECT_EQ(strcat_s(text, 3, "d"), EINVAL);
    NT_EXPECT_EQ(strcat_s(NULL, 3, "d"), EINVAL);
    NT_EXPECT_NE(strcat_s(text, 0, "d"), 0);
    text[0] = 'a';
    NT_EXPECT_EQ(strncat_s(text, 3, "d", 1), EINVAL);
    NT_EXPECT_EQ(strncat_s(NULL, 3, "d", 1), EINVAL);
    NT_EXPECT_NE(strncat_s(text, 0, "d", 1), 0);
    NT_EXPECT_EQ(wcsncat_s(wide, 3, L"d", 1), EINVAL);
    NT_EXPECT_EQ(wcsncat_s(NULL, 3, L"d", 1), EINVAL);
    NT_EXPECT_NE(wcsncat_s(wide, 0, L"d", 1), 0);
}

NT_TEST(Checked, WideCaseNeedsATerminatorWithinTheSize)
{
    wchar_t text[] = L"aZ[\u00e9";

    NT_EXPECT_EQ(_wcsupr_s(text, 5), 0);
    NT_EXPECT_WSTR(text, L"AZ[\u00e9");
    NT_EXPECT_EQ(_wcslwr_s(text, 5), 0);
    NT_EXPECT_WSTR(text, L"az[\u00e9");
    NT_EXPECT_EQ(_wcsupr_s(text, 4), EINVAL);
    wcscpy(text, L"abcd");
    NT_EXPECT_EQ(_wcslwr_s(text, 4), EINVAL);
    NT_EXPECT_EQ(_wcsupr_s(NULL, 4), EINVAL);
    NT_EXPECT_EQ(_wcslwr_s(NULL, 4), EINVAL);
    NT_EXPECT_EQ(_wcslwr_s(text, 0), EINVAL);
    NT_EXPECT_EQ(_wcsupr_s(text, 0), EINVAL);
    NT_EXPECT_EQ(_wcslwr(NULL), NULL);
    NT_EXPECT_EQ(_wcsupr(NULL), NULL);
    NT_EXPECT_EQ(_strlwr(NULL), NULL);
    NT_EXPECT_EQ(_strupr(NULL), NULL);
}

/* ---- classes and case ---- */

static int
IsOneOf(int Character, const char *Set)
{
    return Character != 0 && strchr(Set, Character) != NULL;
}

static void
ExpectTheCLocale(void)
{
    static const char digits[] = "0123456789";
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (int c = EOF; c < 256; c++) {
        int isDigit = c > 0 && IsOneOf(c, digits);
        int isLower = c > 0 && IsOneOf(c, lower);
        int isUpper = c > 0 && IsOneOf(c, upper);

        NT_EXPECT_EQ(!!REAL(isdigit)(c), isDigit);
        NT_EXPECT_EQ(!!REAL(islower)(c), isLower);
        NT_EXPECT_EQ(!!REAL(isupper)(c), isUpper);
        NT_EXPECT_EQ(!!REAL(isalpha)(c), isLower || isUpper);
        NT_EXPECT_EQ(!!REAL(isalnum)(c), isLower || isUpper || isDigit);
        NT_EXPECT_EQ(!!REAL(isxdigit)(c), c > 0 && IsOneOf(c, "0123456789abcdefABCDEF"));
        NT_EXPECT_EQ(!!REAL(isspace)(c), c > 0 && IsOneOf(c, " \t\n\v\f\r"));
        NT_EXPECT_EQ(!!REAL(isprint)(c), c >= 0x20 && c <= 0x7e);
        NT_EXPECT_EQ(!!REAL(isgraph)(c), c > 0x20 && c <= 0x7e);
        NT_EXPECT_EQ(!!REAL(iscntrl)(c), (c >= 0 && c < 0x20) || c == 0x7f);
        NT_EXPECT_EQ(!!REAL(ispunct)(c), c > 0x20 && c <= 0x7e && !isLower && !isUpper && !isDigit);
        NT_EXPECT_EQ(REAL(tolower)(c), isUpper ? lower[strchr(upper, c) - upper] : c);
        NT_EXPECT_EQ(REAL(toupper)(c), isLower ? upper[strchr(lower, c) - lower] : c);
        NT_EXPECT_EQ(!!isdigit(c) + !!islower(c) + !!isupper(c), isDigit + isLower + isUpper);
    }
}

NT_TEST(Class, EachByteIsInItsClassesOfTheCLocale)
{
    ExpectTheCLocale();
}

NT_TEST(Class, TheProgramsLocaleChangesNothing)
{
    char text[] = "\xe9\xc9";

    setlocale(LC_ALL, "");
    setlocale(LC_ALL, "C.UTF-8");
    ExpectTheCLocale();
    NT_EXPECT_STR(_strupr(text), "\xe9\xc9");
    NT_EXPECT_STR(_strlwr(text), "\xe9\xc9");
    NT_EXPECT_NE(_stricmp("\xe9", "\xc9"), 0);
}

NT_TEST(Class, WideCaseIsAsciis)
{
    for (unsigned c = 0; c < 0x10000; c++) {
        wchar_t text[2] = {(wchar_t)c, 0};
        unsigned lower = c >= 'A' && c <= 'Z' ? c + 32 : c;
        unsigned upper = c >= 'a' && c <= 'z' ? c - 32 : c;

        NT_EXPECT_EQ(towlower((wint_t)c), lower);
        NT_EXPECT_EQ(towupper((wint_t)c), upper);
        NT_EXPECT_EQ(_wcslwr(text)[0], lower);
        NT_EXPECT_EQ(_wcsupr(text)[0], upper);
    }
}
