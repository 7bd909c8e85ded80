/* SPDX-License-Identifier: MIT
 *
 * number_test.c - text to numbers and back: bases, ends, limits, and what is refused
 */
#include <windows.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "nt_test.h"

NT_TEST(Number, AtoiStopsAtWhatIsNoDigitAndClamps)
{
    static const struct {
        const char *Text;
        const wchar_t *Wide;
        int Value;
        int Error;
    } rows[] = {
        {"0", L"0", 0, 0},
        {"42", L"42", 42, 0},
        {"-42", L"-42", -42, 0},
        {"+42", L"+42", 42, 0},
        {" \t 42", L" \t 42", 42, 0},
        {"42abc", L"42abc", 42, 0},
        {"4 2", L"4 2", 4, 0},
        {"0x10", L"0x10", 0, 0},
        {"010", L"010", 10, 0},
        {"", L"", 0, 0},
        {"abc", L"abc", 0, 0},
        {"- 1", L"- 1", 0, 0},
        {"2147483647", L"2147483647", 2147483647, 0},
        {"-2147483648", L"-2147483648", -2147483647 - 1, 0},
        {"2147483648", L"2147483648", 2147483647, ERANGE},
        {"-2147483649", L"-2147483649", -2147483647 - 1, ERANGE},
        {"99999999999999999999", L"99999999999999999999", 2147483647, ERANGE},
        {NULL, NULL, 0, EINVAL},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        errno = 0;
        NT_EXPECT_EQ(atoi(rows[i].Text), rows[i].Value);
        NT_EXPECT_EQ(errno, rows[i].Error);
        NT_EXPECT_EQ((int)atol(rows[i].Text), rows[i].Value);
        errno = 0;
        NT_EXPECT_EQ(_wtol(rows[i].Wide), rows[i].Value);
        NT_EXPECT_EQ(errno, rows[i].Error);
        NT_EXPECT_EQ(_wtoi(rows[i].Wide), rows[i].Value);
    }
}

NT_TEST(Number, Strtoui64KnowsBasesEndsAndItsLimit)
{
    static const struct {
        const char *Text;
        int Base;
        ULONGLONG Value;
        int Taken;
        int Error;
    } rows[] = {
        {"99999999999", 10, 99999999999ull, 11, 0},
        {"18446744073709551615", 10, _UI64_MAX, 20, 0},
        {"18446744073709551616", 10, _UI64_MAX, 20, ERANGE},
        {"ffffffffffffffff", 16, _UI64_MAX, 16, 0},
        {"0xFFFFFFFFFFFFFFFF", 16, _UI64_MAX, 18, 0},
        {"0x10000000000000000", 0, _UI64_MAX, 19, ERANGE},
        {"0x1f", 0, 31, 4, 0},
        {"017", 0, 15, 3, 0},
        {"17", 0, 17, 2, 0},
        {"019", 0, 1, 2, 0}, /* the first digit that the base has not ends it */
        {"1012", 2, 5, 3, 0},
        {"zZ", 36, 35 * 36 + 35, 2, 0},
        {" \t\n12 3", 10, 12, 5, 0},
        {"+7", 10, 7, 2, 0},
        {"-1", 10, _UI64_MAX, 2, 0},
        {"", 10, 0, 0, 0},
        {"  x", 10, 0, 0, 0}, /* no conversion: the end is the start, blanks and all */
        {"12", 1, 0, 0, EINVAL},
        {"12", 37, 0, 0, EINVAL},
        {"12", -1, 0, 0, EINVAL},
    };
    char *end;

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        end = NULL;
        errno = 0;
        NT_EXPECT_EQ(_strtoui64(rows[i].Text, &end, rows[i].Base), rows[i].Value);
        NT_EXPECT_EQ(end - rows[i].Text, rows[i].Taken);
        NT_EXPECT_EQ(errno, rows[i].Error);
        NT_EXPECT_EQ(_strtoui64(rows[i].Text, NULL, rows[i].Base), rows[i].Value);
    }
    errno = 0;
    NT_EXPECT_EQ(_strtoui64(NULL, &end, 10), 0);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(end, NULL);
}

NT_TEST(Number, OtherReadersRefuseTheSame)
{
    const wchar_t *wide = L"12";
    wchar_t *wideEnd = NULL;
    const char *text = "12";
    char *end = NULL;

    errno = 0;
    NT_EXPECT_EQ(strtoul(text, &end, 1), 0);
    NT_EXPECT_TRUE(errno == EINVAL && end == text);
    errno = 0;
    NT_EXPECT_EQ(strtol(NULL, NULL, 10), 0);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(wcstoul(wide, &wideEnd, 37), 0);
    NT_EXPECT_TRUE(errno == EINVAL && wideEnd == wide);
    errno = 0;
    NT_EXPECT_EQ(_wcstoui64(NULL, NULL, 10), 0);
    NT_EXPECT_EQ(errno, EINVAL);
}

/* Each checked writer, as narrow text; the sign is shown in base 10 alone. */
NT_TEST(Number, CheckedWritersKnowTheirRoom)
{
    static const struct {
        int Value;
        int Base;
        const char *Signed;
        const char *Unsigned;
    } rows[] = {
        {0, 10, "0", "0"},
        {7, 2, "111", "111"},
        {35, 36, "z", "z"},
        {255, 16, "ff", "ff"},
        {-42, 10, "-42", "4294967254"},
        {-1, 16, "ffffffff", "ffffffff"},
        {-1, 2, "11111111111111111111111111111111", "11111111111111111111111111111111"},
        {2147483647, 10, "2147483647", "2147483647"},
        {-2147483647 - 1, 10, "-2147483648", "2147483648"},
    };
    char text[40];
    wchar_t wide[40];
    char back[40];

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        size_t size = strlen(rows[i].Signed) + 1;
        size_t unsignedSize = strlen(rows[i].Unsigned) + 1;

        NT_EXPECT_EQ(_itoa_s(rows[i].Value, text, size, rows[i].Base), 0);
        NT_EXPECT_STR(text, rows[i].Signed);
        NT_EXPECT_EQ(_itoa_s(rows[i].Value, text, size - 1, rows[i].Base), ERANGE);
        NT_EXPECT_STR(text, "");
        NT_EXPECT_EQ(_ultoa_s((unsigned)rows[i].Value, text, unsignedSize, rows[i].Base), 0);
        NT_EXPECT_STR(text, rows[i].Unsigned);
        NT_EXPECT_EQ(_ultoa_s((unsigned)rows[i].Value, text, unsignedSize - 1, rows[i].Base),
                     ERANGE);
        NT_EXPECT_STR(text, "");
        NT_EXPECT_EQ(_ultow_s((unsigned)rows[i].Value, wide, unsignedSize, rows[i].Base), 0);
        NT_EXPECT_EQ(wcstombs(back, wide, sizeof(back)), unsignedSize - 1);
        NT_EXPECT_STR(back, rows[i].Unsigned);
        NT_EXPECT_EQ(_ultow_s((unsigned)rows[i].Value, wide, unsignedSize - 1, rows[i].Base),
                     ERANGE);
        NT_EXPECT_WSTR(wide, L"");
    }
}

NT_TEST(Number, CheckedWritersRefuseBasesAndNoBuffer)
{
    static const int bases[] = {-10, 0, 1, 37};
    char text[8];
    wchar_t wide[8];

    for (size_t i = 0; i < ARRAYSIZE(bases); i++) {
        strcpy(text, "old");
        NT_EXPECT_EQ(_itoa_s(5, text, sizeof(text), bases[i]), EINVAL);
        NT_EXPECT_STR(text, "");
        strcpy(text, "old");
        NT_EXPECT_EQ(_ultoa_s(5, text, sizeof(text), bases[i]), EINVAL);
        NT_EXPECT_STR(text, "");
        wcscpy(wide, L"old");
        NT_EXPECT_EQ(_itow_s(5, wide, 8, bases[i]), EINVAL);
        NT_EXPECT_WSTR(wide, L"");
        wcscpy(wide, L"old");
        NT_EXPECT_EQ(_ultow_s(5, wide, 8, bases[i]), EINVAL);
        NT_EXPECT_WSTR(wide, L"");
    }
    strcpy(text, "old");
    NT_EXPECT_EQ(_itoa_s(5, NULL, 8, 10), EINVAL);
    NT_EXPECT_EQ(_itoa_s(5, text, 0, 10), EINVAL);
    NT_EXPECT_EQ(_ultoa_s(5, NULL, 8, 10), EINVAL);
    NT_EXPECT_EQ(_ultoa_s(5, text, 0, 10), EINVAL);
    NT_EXPECT_EQ(_ultow_s(5, NULL, 8, 10), EINVAL);
    NT_EXPECT_EQ(_ultow_s(5, wide, 0, 10), EINVAL);
    NT_EXPECT_STR(text, "old");
}

/* The reference's own example, and what it says of the seed. */
NT_TEST(Random, TheSequenceIsWindowss)
{
    static const int documented[] = {5890, 1279,  19497, 1207, 11420,
                                     3377, 15317, 29489, 9716, 23323};
    int first[10];

    for (size_t i = 0; i < ARRAYSIZE(first); i++) {
        first[i] = rand();
        NT_EXPECT_TRUE(first[i] >= 0 && first[i] <= RAND_MAX);
    }
    srand(1); /* what it begins with */
    for (size_t i = 0; i < ARRAYSIZE(first); i++) {
        NT_EXPECT_EQ(rand(), first[i]);
    }
    srand(1792);
    for (size_t i = 0; i < ARRAYSIZE(documented); i++) {
        NT_EXPECT_EQ(rand(), documented[i]);
    }
    NT_EXPECT_EQ(RAND_MAX, 32767);
}

/* ---- sorting and searching ---- */

static unsigned Compared;

static int
CompareFirst(const void *Left, const void *Right)
{
    Compared++;
    return *(const unsigned char *)Left - *(const unsigned char *)Right;
}

#define WIDTH 7

NT_TEST(Sort, QsortMovesWholeElementsOfAnySize)
{
    enum { COUNT = 300 };
    static unsigned char elements[COUNT + 2][WIDTH];
    unsigned seen = 0;

    memset(elements, 0xee, sizeof(elements));
    for (unsigned i = 0; i < COUNT; i++) {
        memset(elements[i + 1], (int)(i * 37 % 251), WIDTH);
    }
    Compared = 0;
    qsort(elements[1], COUNT, WIDTH, CompareFirst);
    NT_EXPECT_TRUE(Compared != 0);
    for (unsigned i = 0; i < COUNT; i++) {
        NT_EXPECT_TRUE(i == 0 || elements[i][0] == 0xee || elements[i][0] <= elements[i + 1][0]);
        for (unsigned byte = 1; byte < WIDTH; byte++) {
            NT_EXPECT_EQ(elements[i + 1][byte], elements[i + 1][0]);
        }
        seen += elements[i + 1][0];
    }
    for (unsigned i = 0; i < COUNT; i++) {
        seen -= i * 37 % 251;
    }
    NT_EXPECT_EQ(seen, 0);
    NT_EXPECT_TRUE(elements[0][WIDTH - 1] == 0xee && elements[COUNT + 1][0] == 0xee);
}

NT_TEST(Sort, QsortOfNothingOrWithoutArgumentsTouchesNothing)
{
    unsigned char element[] = {3, 1, 2};

    Compared = 0;
    qsort(element, 0, 1, CompareFirst);
    qsort(element, 1, 1, CompareFirst);
    qsort(NULL, 0, 1, CompareFirst);
    errno = 0;
    qsort(NULL, 3, 1, CompareFirst);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    qsort(element, 3, 1, NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    qsort(element, 3, 0, CompareFirst);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(memcmp(element, "\3\1\2", 3), 0);
    NT_EXPECT_EQ(Compared, 0);
}

NT_TEST(Sort, BsearchFindsEachElementAndNothingBetween)
{
    unsigned char elements[21][WIDTH];

    for (unsigned count = 0; count <= 21; count++) {
        for (unsigned i = 0; i < count; i++) {
            elements[i][0] = (unsigned char)(i * 2 + 1);
        }
        for (unsigned i = 0; i <= count * 2; i++) {
            unsigned char key = (unsigned char)i;
            void *expected = i % 2 == 1 ? elements[i / 2] : NULL;

            NT_EXPECT_EQ(bsearch(&key, elements, count, WIDTH, CompareFirst), expected);
        }
    }
}

NT_TEST(Sort, BsearchRefusesWhatIsMissing)
{
    unsigned char element = 1;

    errno = 0;
    NT_EXPECT_EQ(bsearch(NULL, &element, 1, 1, CompareFirst), NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(bsearch(&element, NULL, 1, 1, CompareFirst), NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(bsearch(&element, &element, 1, 0, CompareFirst), NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(bsearch(&element, &element, 1, 1, NULL), NULL);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(bsearch(&element, NULL, 0, 1, CompareFirst), NULL);
}
