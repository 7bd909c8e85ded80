/* SPDX-License-Identifier: MIT
 *
 * scan_test.c - sscanf with Microsoft's meaning: sizes, buffers with a size, what is left unread
 */
#include <windows.h>
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
