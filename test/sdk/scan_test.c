/* SPDX-License-Identifier: MIT
 *
 * scan_test.c - sscanf with Microsoft's meaning: sizes, buffers with a size, what is left unread
 */
#include <windows.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nt_test.h"

NT_TEST(Scan, IntegersHaveTheSizeOfTheirType)
{
    static const struct {
        const char *Text;
        const char *Format;
        ULONGLONG Value; /* of a target that was all ones */
    } rows[] = {
        {"-2", "%hhd", 0xfffffffffffffffe},
        {"5", "%hhu", 0xffffffffffffff05},
        {"258", "%hd", 0xffffffffffff0102},
        {"7", "%d", 0xffffffff00000007},
        {"7", "%ld", 0xffffffff00000007},
        {"-1", "%lu", 0xffffffffffffffff},
        {"7", "%I32u", 0xffffffff00000007},
        {"8", "%I64u", 8},
        {"9", "%lld", 9},
        {"9", "%Id", 9},
        {"0x1F", "%x", 0xffffffff0000001f},
        {"1f", "%X", 0xffffffff0000001f},
        {"017", "%i", 0xffffffff0000000f},
        {"0x10", "%i", 0xffffffff00000010},
        {"17", "%o", 0xffffffff0000000f},
        {"00007FFF12345678", "%p", 0x7fff12345678},
        {"+12345", "%3d", 0xffffffff0000000c},
        {"  12", "%I64d", 12},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        ULONGLONG value = ~0ull;

        NT_EXPECT_EQ(sscanf(rows[i].Text, rows[i].Format, &value), 1);
        NT_EXPECT_EQ(value, rows[i].Value);
    }
}

NT_TEST(Scan, FloatsAndWhatFollows)
{
    float single = 0;
    double twice = 0;
    char rest[8] = "";

    NT_EXPECT_EQ(sscanf_s("0.5 -2.5e2x", "%f%lf%s", &single, &twice, rest, (unsigned)sizeof(rest)),
                 3);
    NT_EXPECT_TRUE(single == 0.5f && twice == -250.0);
    NT_EXPECT_STR(rest, "x");
}

NT_TEST(Scan, TextStopsAtItsEnd)
{
    char first[8];
    char second[8];
    char three[3];
    int taken = -1;

    NT_EXPECT_EQ(
        sscanf("  ab12]x, key", "%[ ]%[a-z0-9]%3c%*c%s%n", first, second, three, first, &taken), 4);
    NT_EXPECT_STR(second, "ab12");
    NT_EXPECT_EQ(memcmp(three, "]x,", 3), 0);
    NT_EXPECT_STR(first, "key");
    NT_EXPECT_EQ(taken, 13);
    NT_EXPECT_EQ(sscanf("a]b", "%[]a]%[^]]", first, second), 2);
    NT_EXPECT_STR(first, "a]");
    NT_EXPECT_STR(second, "b");
}

NT_TEST(Scan, SecureBuffersAreNotOverrun)
{
    char buffer[4] = "xyz";
    int number = 0;

    NT_EXPECT_EQ(sscanf_s("abc 7", "%s%d", buffer, 4u, &number), 2);
    NT_EXPECT_STR(buffer, "abc");
    NT_EXPECT_EQ(number, 7);
    NT_EXPECT_EQ(sscanf_s("abcd 8", "%s%d", buffer, 4u, &number), 0);
    NT_EXPECT_STR(buffer, "");
    NT_EXPECT_EQ(number, 7);
    NT_EXPECT_EQ(sscanf_s("ab", "%2c", buffer, 1u), 0);
    NT_EXPECT_EQ(sscanf_s("ab", "%c", buffer, 1u), 1);
    NT_EXPECT_EQ(buffer[0], 'a');
}

/* Each way to say which width the target has, with a size and without. */
NT_TEST(Scan, TextOfEitherWidth)
{
    static const struct {
        const char *Format;
        BOOLEAN IsWide;
        BOOLEAN IsTerminated;
    } rows[] = {
        {"%s", FALSE, TRUE},      {"%hs", FALSE, TRUE},    {"%hS", FALSE, TRUE},
        {"%S", TRUE, TRUE},       {"%ls", TRUE, TRUE},     {"%lS", TRUE, TRUE},
        {"%ws", TRUE, TRUE},      {"%3wc", TRUE, FALSE},   {"%3c", FALSE, FALSE},
        {"%3hc", FALSE, FALSE},   {"%3hC", FALSE, FALSE},  {"%3C", TRUE, FALSE},
        {"%3lc", TRUE, FALSE},    {"%3lC", TRUE, FALSE},   {"%[a-c]", FALSE, TRUE},
        {"%h[a-c]", FALSE, TRUE}, {"%l[a-c]", TRUE, TRUE}, {"%l[c-a]", TRUE, TRUE},
        {"%[c-a]", FALSE, TRUE},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        unsigned room = rows[i].IsTerminated ? 4 : 3;
        wchar_t wide[8];
        wchar_t wideSecure[8];
        char *text = (char *)wide;
        char *secure = (char *)wideSecure;

        memset(wide, '?', sizeof(wide));
        memset(wideSecure, '?', sizeof(wideSecure));
        NT_EXPECT_EQ(sscanf("abc", rows[i].Format, wide), 1);
        NT_EXPECT_EQ(sscanf_s("abc", rows[i].Format, wideSecure, room), 1);
        NT_EXPECT_EQ(memcmp(wide, wideSecure, sizeof(wide)), 0);
        if (rows[i].IsWide) {
            NT_EXPECT_EQ(memcmp(wide, L"abc", rows[i].IsTerminated ? 8 : 6), 0);
            NT_EXPECT_EQ(text[rows[i].IsTerminated ? 8 : 6], '?');
        } else {
            NT_EXPECT_EQ(memcmp(text, "abc", room), 0);
            NT_EXPECT_EQ(secure[room], '?');
        }
    }
}

NT_TEST(Scan, WideBuffersAreNotOverrun)
{
    wchar_t text[4] = L"xyz";
    int number = 0;

    NT_EXPECT_EQ(sscanf_s("abc 7", "%ls%d", text, 4u, &number), 2);
    NT_EXPECT_WSTR(text, L"abc");
    NT_EXPECT_EQ(sscanf_s("abcd 8", "%S%d", text, 4u, &number), 0);
    NT_EXPECT_WSTR(text, L"");
    NT_EXPECT_EQ(sscanf_s("abcd", "%3ls%d", text, 4u, &number), 1); /* the width fits */
    NT_EXPECT_WSTR(text, L"abc");
    NT_EXPECT_EQ(sscanf_s("ab", "%2C", text, 1u), 0);
    NT_EXPECT_EQ(sscanf_s("ab", "%C", text, 1u), 1);
    NT_EXPECT_EQ(text[0], L'a');
    NT_EXPECT_EQ(sscanf_s("ab cd", "%*ls%ls", text, 4u), 1);
    NT_EXPECT_WSTR(text, L"cd");
    NT_EXPECT_EQ(number, 7);
}

/* The code page is UTF-8: a character of two to four bytes is one or two units. */
NT_TEST(Scan, WideTextIsReadFromUtf8)
{
    wchar_t text[8] = L"";

    NT_EXPECT_EQ(sscanf_s("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 x", "%ls", text, 8u), 1);
    NT_EXPECT_WSTR(text, L"\u00e9\u20ac\U0001f600");
    NT_EXPECT_EQ(sscanf_s("\xc3\xa9\xc3\xa9", "%1ls", text, 8u), 1); /* widths are characters */
    NT_EXPECT_WSTR(text, L"\u00e9");
    NT_EXPECT_EQ(sscanf_s("a\xf0\x9f\x98\x80", "%ls", text, 3u), 0); /* two units and an end */
    NT_EXPECT_WSTR(text, L"");
}

NT_TEST(Scan, NeedsATextAndAFormat)
{
    int number = 7;

    errno = 0;
    NT_EXPECT_EQ(sscanf_s(NULL, "%d", &number), EOF);
    NT_EXPECT_EQ(errno, EINVAL);
    errno = 0;
    NT_EXPECT_EQ(sscanf_s("5", NULL, &number), EOF);
    NT_EXPECT_EQ(errno, EINVAL);
    NT_EXPECT_EQ(sscanf(NULL, "%d", &number), EOF);
    NT_EXPECT_EQ(sscanf_s("", "%d", &number), EOF);
    NT_EXPECT_EQ(sscanf_s("x", "%d", &number), 0);
    NT_EXPECT_EQ(number, 7);
}

/* %d and its kind in the _s form, which takes no size for them. */
NT_TEST(Scan, SecureNumbersAreAsTheOthers)
{
    int values[6] = {0};
    long long large = 0;
    void *pointer = NULL;
    short small[2] = {0, 9};
    int taken = 0;

    NT_EXPECT_EQ(sscanf_s("-1 017 0x1F 17 ff 12", "%d %i %i %o %x %u", &values[0], &values[1],
                          &values[2], &values[3], &values[4], &values[5]),
                 6);
    NT_EXPECT_TRUE(values[0] == -1 && values[1] == 15 && values[2] == 31 && values[3] == 15 &&
                   values[4] == 255 && values[5] == 12);
    NT_EXPECT_EQ(
        sscanf_s("5 99999999999 00007FFF12345678", "%hd%I64d%p%n", small, &large, &pointer, &taken),
        3);
    NT_EXPECT_TRUE(small[0] == 5 && small[1] == 9 && large == 99999999999ll);
    NT_EXPECT_EQ(pointer, 0x7fff12345678);
    NT_EXPECT_EQ(taken, 30);
}

NT_TEST(Scan, MismatchAndEndDiffer)
{
    int first = 0;
    int second = 0;

    NT_EXPECT_EQ(sscanf("", "%d", &first), EOF);
    NT_EXPECT_EQ(sscanf("   ", "%d", &first), EOF);
    NT_EXPECT_EQ(sscanf("x", "%d", &first), 0);
    NT_EXPECT_EQ(sscanf("5", "%d %d", &first, &second), 1);
    NT_EXPECT_EQ(sscanf("5,6", "%d,%d", &first, &second), 2);
    NT_EXPECT_EQ(second, 6);
    NT_EXPECT_EQ(sscanf("5;6", "%d,%d", &first, &second), 1);
    NT_EXPECT_EQ(sscanf("50%", "%d%%%n", &first, &second), 1);
    NT_EXPECT_EQ(second, 3);
    NT_EXPECT_EQ(sscanf("7 8", "%*d%d", &first), 1);
    NT_EXPECT_EQ(first, 8);
}

NT_TEST(Scan, StreamKeepsWhatWasNotTaken)
{
    FILE *file = tmpfile();
    char word[8];
    int number = 0;

    NT_EXPECT_NE(file, NULL);
    fputs("12ab\n", file);
    rewind(file);
    NT_EXPECT_EQ(fscanf(file, "%d", &number), 1);
    NT_EXPECT_EQ(number, 12);
    NT_EXPECT_EQ(fscanf_s(file, "%s", word, (unsigned)sizeof(word)), 1);
    NT_EXPECT_STR(word, "ab");
    NT_EXPECT_EQ(fscanf(file, "%d", &number), EOF);
    fclose(file);
}
