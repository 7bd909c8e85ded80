/* SPDX-License-Identifier: MIT
 *
 * wide_test.c - strings of 16 bit characters, by the names that sources use
 */
#include <windows.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "nt_test.h"

_Static_assert(sizeof(wchar_t) == 2, "wide characters have 16 bits");

static int
Sign(int Value)
{
    return Value < 0 ? -1 : Value > 0;
}

NT_TEST(Wide, LengthAndCopy)
{
    wchar_t buffer[16];

    NT_EXPECT_EQ(wcslen(L""), 0);
    NT_EXPECT_EQ(wcslen(L"abc"), 3);
    NT_EXPECT_EQ(wcsnlen(L"abc", 2), 2);
    NT_EXPECT_WSTR(wcscpy(buffer, L"abc"), L"abc");
    NT_EXPECT_WSTR(wcscat(buffer, L"def"), L"abcdef");
    NT_EXPECT_WSTR(wcsncat(buffer, L"ghi", 2), L"abcdefgh");
    buffer[2] = L'z';
    wcsncpy(buffer, L"xy", 2);
    NT_EXPECT_WSTR(buffer, L"xyzdefgh");
    wcsncpy(buffer, L"q", 4);
    NT_EXPECT_EQ(buffer[3], 0);
    NT_EXPECT_EQ(buffer[4], L'e');
}

NT_TEST(Wide, Compare)
{
    static const struct {
        const wchar_t *Left, *Right;
        int Exact, Folded;
    } rows[] = {
        {L"", L"", 0, 0},
        {L"a", L"", 1, 1},
        {L"", L"a", -1, -1},
        {L"abc", L"abd", -1, -1},
        {L"ABC", L"abc", -1, 0},
        {L"abc", L"ABC", 1, 0},
        {L"\uffff", L"\x0001", 1, 1}, /* unsigned */
        {L"\u00e9", L"\u00c9", 1, 1}, /* case is folded for ASCII only */
        {L"_", L"A", 1, -1},          /* folded to lower case, not upper */
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        NT_EXPECT_EQ(Sign(wcscmp(rows[i].Left, rows[i].Right)), rows[i].Exact);
        NT_EXPECT_EQ(Sign(_wcsicmp(rows[i].Left, rows[i].Right)), rows[i].Folded);
        NT_EXPECT_EQ(Sign(_wcsnicmp(rows[i].Left, rows[i].Right, 99)), rows[i].Folded);
        NT_EXPECT_EQ(wcsncmp(rows[i].Left, rows[i].Right, 0), 0);
    }
    NT_EXPECT_EQ(wcsncmp(L"abcX", L"abcY", 3), 0);
    NT_EXPECT_EQ(_wcsnicmp(L"abcX", L"ABCY", 3), 0);
}

NT_TEST(Wide, Search)
{
    const wchar_t *text = L"\\Device\\Echo";

    NT_EXPECT_EQ(wcschr(text, L'E') - text, 8);
    NT_EXPECT_EQ(wcsrchr(text, L'\\') - text, 7);
    NT_EXPECT_EQ(wcschr(text, L'?'), NULL);
    NT_EXPECT_EQ(wcsrchr(text, L'?'), NULL);
    NT_EXPECT_EQ(wcschr(text, 0) - text, 12);
    NT_EXPECT_EQ(wcsstr(text, L"Echo") - text, 8);
    NT_EXPECT_EQ(wcsstr(text, L"") - text, 0);
    NT_EXPECT_EQ(wcsstr(text, L"echo"), NULL);
    NT_EXPECT_EQ(wcspbrk(text, L"xE") - text, 8);
    NT_EXPECT_EQ(wcsspn(text, L"\\D"), 2);
    NT_EXPECT_EQ(wcscspn(text, L"E"), 8);
    NT_EXPECT_EQ(wmemchr(text, L'v', 12) - text, 3);
}

NT_TEST(Wide, Tokens)
{
    wchar_t text[] = L",,one,two;;three";
    wchar_t *context = NULL;

    NT_EXPECT_WSTR(wcstok_s(text, L",;", &context), L"one");
    NT_EXPECT_WSTR(wcstok_s(NULL, L",;", &context), L"two");
    NT_EXPECT_WSTR(wcstok_s(NULL, L",;", &context), L"three");
    NT_EXPECT_EQ(wcstok_s(NULL, L",;", &context), NULL);
    NT_EXPECT_EQ(wcstok_s(NULL, L",;", &context), NULL);
}

NT_TEST(Wide, CaseAndClass)
{
    wchar_t text[] = L"aZ9\u00e9";

    NT_EXPECT_EQ(towupper(L'a'), L'A');
    NT_EXPECT_EQ(towlower(L'Z'), L'z');
    NT_EXPECT_EQ(towupper(L'9'), L'9');
    NT_EXPECT_TRUE(iswdigit(L'7') && !iswdigit(L'a'));
    NT_EXPECT_TRUE(iswalpha(L'a') && iswalpha(0xe9) && !iswalpha(L'7'));
    NT_EXPECT_TRUE(iswspace(L' ') && iswspace(L'\t') && !iswspace(L'_'));
    NT_EXPECT_TRUE(iswxdigit(L'f') && !iswxdigit(L'g'));
    NT_EXPECT_FALSE(iswalpha(WEOF));
    NT_EXPECT_WSTR(_wcsupr(text), L"AZ9\u00e9");
    NT_EXPECT_WSTR(_wcslwr(text), L"az9\u00e9");
    NT_EXPECT_WSTR(_wcsrev(text), L"\u00e99za");
}

NT_TEST(Wide, Numbers)
{
    wchar_t *end;
    const wchar_t *text = L"  0x1fz";

    NT_EXPECT_EQ(wcstoul(text, &end, 16), 0x1f);
    NT_EXPECT_EQ(end - text, 6);
    NT_EXPECT_EQ(wcstol(L"-12", NULL, 10), -12);
    NT_EXPECT_EQ(wcstoul(L"4294967296", NULL, 10), 0xffffffffu); /* long has 32 bits */
    NT_EXPECT_EQ(wcstoul(L"-1", NULL, 10), 0xffffffffu);
    NT_EXPECT_EQ(wcstol(L"2147483648", NULL, 10), 0x7fffffff);
    NT_EXPECT_EQ(_wtoi(L"77 x"), 77);
    NT_EXPECT_EQ(_wtoi64(L"9876543210"), 9876543210ll);
    NT_EXPECT_EQ(_wcstoui64(L"18446744073709551615", NULL, 10), 0xffffffffffffffffull);
    NT_EXPECT_TRUE(wcstod(L"1.5e3x", &end) == 1500.0 && *end == L'x');
}

NT_TEST(Wide, NumbersToText)
{
    wchar_t buffer[40];

    NT_EXPECT_WSTR(_itow(-42, buffer, 10), L"-42");
    NT_EXPECT_WSTR(_itow(-1, buffer, 16), L"ffffffff");
    NT_EXPECT_WSTR(_ultow(255, buffer, 2), L"11111111");
    NT_EXPECT_WSTR(_i64tow(-9223372036854775807ll - 1, buffer, 10), L"-9223372036854775808");
    NT_EXPECT_WSTR(_ui64tow(35, buffer, 36), L"z");
    NT_EXPECT_EQ(_itow_s(123, buffer, 3, 10), ERANGE);
    NT_EXPECT_EQ(_itow_s(123, buffer, 4, 10), 0);
    NT_EXPECT_WSTR(buffer, L"123");
}

NT_TEST(Wide, CheckedCopies)
{
    wchar_t buffer[4] = L"xyz";

    NT_EXPECT_EQ(wcscpy_s(buffer, 4, L"abc"), 0);
    NT_EXPECT_WSTR(buffer, L"abc");
    NT_EXPECT_EQ(wcscpy_s(buffer, 4, L"abcd"), ERANGE);
    NT_EXPECT_WSTR(buffer, L"");
    NT_EXPECT_EQ(wcscat_s(buffer, 4, L"ab"), 0);
    NT_EXPECT_EQ(wcscat_s(buffer, 4, L"cd"), ERANGE);
    NT_EXPECT_WSTR(buffer, L"");
    NT_EXPECT_EQ(wcsncpy_s(buffer, 4, L"abcd", 2), 0);
    NT_EXPECT_WSTR(buffer, L"ab");
    NT_EXPECT_EQ(wcsncpy_s(buffer, 4, L"abcd", _TRUNCATE), 80);
    NT_EXPECT_WSTR(buffer, L"abc");
    NT_EXPECT_EQ(wcscpy_s(buffer, 4, NULL), EINVAL);
    NT_EXPECT_EQ(wcscpy_s(NULL, 4, L"a"), EINVAL);
}

NT_TEST(Wide, Duplicates)
{
    wchar_t *copy = _wcsdup(L"copy");

    NT_EXPECT_WSTR(copy, L"copy");
    free(copy);
}

NT_TEST(Wide, LocaleConversions)
{
    wchar_t wide[16];
    char narrow[16];

    NT_EXPECT_EQ(mbstowcs(wide, "a\xc3\xa9", 16), 2);
    NT_EXPECT_WSTR(wide, L"a\u00e9");
    NT_EXPECT_EQ(wcstombs(narrow, L"a\u00e9", 16), 3);
    NT_EXPECT_STR(narrow, "a\xc3\xa9");
    NT_EXPECT_EQ(wcstombs(NULL, L"a\u00e9", 0), 3);
}

/* What does not fit whole is left out, and the result tells what was written. */
NT_TEST(Wide, LocaleConversionsWriteWholeCharacters)
{
    wchar_t wide[5] = L"????";
    char narrow[8] = "???????";

    NT_EXPECT_EQ(mbstowcs(wide, "ab", 2), 2); /* full: no terminator */
    NT_EXPECT_WSTR(wide, L"ab??");
    NT_EXPECT_EQ(mbstowcs(wide, "abc", 1), 1);
    NT_EXPECT_EQ(mbstowcs(wide, "z\xf0\x9f\x98\x80", 2), 1);
    NT_EXPECT_WSTR(wide, L"zb??");
    NT_EXPECT_EQ(mbstowcs(NULL, "z\xf0\x9f\x98\x80", 0), 3);
    NT_EXPECT_EQ(mbstowcs(wide, "", 4), 0);
    NT_EXPECT_WSTR(wide, L"");
    NT_EXPECT_EQ(wcstombs(narrow, L"a\u20ac", 4), 4);
    NT_EXPECT_STR(narrow, "a\xe2\x82\xac???");
    NT_EXPECT_EQ(wcstombs(narrow, L"b\u20ac", 3), 1);
    NT_EXPECT_STR(narrow, "b\xe2\x82\xac???");
    NT_EXPECT_EQ(wcstombs(NULL, L"a\u20ac", 0), 4);
    NT_EXPECT_EQ(wcstombs(narrow, L"", 4), 0);
    NT_EXPECT_STR(narrow, "");
}

NT_TEST(Wide, LocaleConversionsNeedASource)
{
    volatile size_t huge = 0x80000000u; /* above INT_MAX */
    wchar_t wide[2];
    char narrow[2];

    errno = 0;
    NT_EXPECT_EQ(mbstowcs(wide, NULL, 2), (size_t)-1);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(wcstombs(narrow, NULL, 2), (size_t)-1);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(mbstowcs(wide, "a", huge), (size_t)-1);
    NT_EXPECT_EQ(wcstombs(narrow, L"a", huge), (size_t)-1);
}

NT_TEST(Wide, LocaleConversionsReplaceWhatIsMalformed)
{
    static const wchar_t lone[] = {L'a', 0xd800, 0};
    wchar_t wide[4];
    char narrow[8];

    NT_KNOWN_GAP("the reference has -1", NT_EXPECT_EQ(mbstowcs(wide, "a\xff", 4), (size_t)-1));
    NT_KNOWN_GAP("the reference has -1", NT_EXPECT_EQ(wcstombs(narrow, lone, 8), (size_t)-1));
    NT_EXPECT_EQ(mbstowcs(wide, "a\xff", 4), 2);
    NT_EXPECT_WSTR(wide, L"a\ufffd");
    NT_EXPECT_EQ(wcstombs(narrow, lone, 8), 4);
    NT_EXPECT_STR(narrow, "a\xef\xbf\xbd");
}
