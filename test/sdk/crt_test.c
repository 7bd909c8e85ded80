/* SPDX-License-Identifier: MIT
 *
 * crt_test.c - narrow helpers by Microsoft's names, streams, and that the host's are not used
 */
#include <windows.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt_test.h"

NT_TEST(Narrow, CheckedCopies)
{
    char buffer[4] = "xyz";

    NT_EXPECT_EQ(strcpy_s(buffer, 4, "abc"), 0);
    NT_EXPECT_STR(buffer, "abc");
    NT_EXPECT_EQ(strcpy_s(buffer, 4, "abcd"), ERANGE);
    NT_EXPECT_STR(buffer, "");
    NT_EXPECT_EQ(strncpy_s(buffer, 4, "abcd", 3), 0);
    NT_EXPECT_STR(buffer, "abc");
    NT_EXPECT_EQ(strncpy_s(buffer, 4, "abcd", _TRUNCATE), 80);
    NT_EXPECT_EQ(strcat_s(buffer, 4, "d"), ERANGE);
    NT_EXPECT_STR(buffer, "");
    NT_EXPECT_EQ(strncat_s(buffer, 4, "abcd", 3), 0);
    NT_EXPECT_STR(buffer, "abc");
}

NT_TEST(Narrow, CheckedMemory)
{
    char buffer[4] = "xyz";

    NT_EXPECT_EQ(memcpy_s(buffer, 4, "ab", 3), 0);
    NT_EXPECT_STR(buffer, "ab");
    NT_EXPECT_EQ(memcpy_s(buffer, 2, "abc", 3), ERANGE);
    NT_EXPECT_EQ(buffer[0], 0);
    NT_EXPECT_EQ(memmove_s(buffer, 4, NULL, 0), 0);
    NT_EXPECT_EQ(memmove_s(buffer, 4, NULL, 1), EINVAL);
}

NT_TEST(Narrow, Case)
{
    char text[] = "aBc";

    NT_EXPECT_EQ(_stricmp("ABC", "abc"), 0);
    NT_EXPECT_EQ(_strnicmp("ABCx", "abcy", 3), 0);
    NT_EXPECT_EQ(_memicmp("AB", "ab", 2), 0);
    NT_EXPECT_STR(_strupr(text), "ABC");
    NT_EXPECT_STR(_strlwr(text), "abc");
    NT_EXPECT_STR(_strrev(text), "cba");
}

NT_TEST(Narrow, NumbersHave32BitLong)
{
    char buffer[16];

    NT_EXPECT_EQ(strtoul("4294967296", NULL, 10), 0xffffffffu);
    NT_EXPECT_EQ(strtoul("-1", NULL, 10), 0xffffffffu);
    NT_EXPECT_EQ(strtol("-2147483649", NULL, 10), -2147483648ll);
    NT_EXPECT_EQ(atol("99999999999"), 0x7fffffff);
    NT_EXPECT_EQ(_strtoui64("99999999999", NULL, 10), 99999999999ull);
    NT_EXPECT_STR(_itoa(255, buffer, 16), "ff");
    NT_EXPECT_EQ(_itoa_s(255, buffer, 2, 16), ERANGE);
    NT_EXPECT_EQ(_countof(buffer), 16);
}

/* What a stream got, as bytes. */
static const char *
Written(FILE *Stream, char *Buffer, size_t Size)
{
    size_t count;

    rewind(Stream);
    count = fread(Buffer, 1, Size - 1, Stream);
    Buffer[count] = 0;
    fclose(Stream);
    return Buffer;
}

NT_TEST(Stream, NarrowAndWideOutputMixInOrder)
{
    char buffer[128];
    FILE *stream = tmpfile();

    fprintf(stream, "%lu %ws|", 0xffffffffffffffffull, L"\u20ac");
    fwprintf(stream, L"%s %S|", L"w", "n");
    fputs("plain|", stream);
    fputws(L"\U0001f600", stream);
    fputwc(L'!', stream);
    NT_EXPECT_STR(Written(stream, buffer, sizeof(buffer)),
                  "4294967295 \xe2\x82\xac|w n|plain|\xf0\x9f\x98\x80!");
}

NT_TEST(Stream, WideInput)
{
    wchar_t line[16];
    FILE *stream = tmpfile();

    fputs("a\xc3\xa9\nb", stream);
    rewind(stream);
    NT_EXPECT_WSTR(fgetws(line, 16, stream), L"a\u00e9\n");
    NT_EXPECT_WSTR(fgetws(line, 16, stream), L"b");
    NT_EXPECT_EQ(fgetws(line, 16, stream), NULL);
    fclose(stream);
}
