/* SPDX-License-Identifier: MIT
 *
 * printf_test.c - the members of the printf family: what each does at the end of its buffer, and
 * without a buffer or a format
 *
 * Source  Microsoft C runtime docs: sprintf, _vsnprintf, sprintf_s, _snprintf_s ("Behavior
 * summary").
 */
#include <windows.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "nt_test.h"

/* The forms with a va_list, as variadic ones. */
#define THROUGH(name, parameters, call) \
    static int name parameters          \
    {                                   \
        va_list arguments;              \
        int result;                     \
                                        \
        va_start(arguments, Format);    \
        result = call;                  \
        va_end(arguments);              \
        return result;                  \
    }

THROUGH(Vsprintf, (char *Buffer, const char *Format, ...), vsprintf(Buffer, Format, arguments))
THROUGH(Vsnprintf, (char *Buffer, size_t Count, const char *Format, ...),
        _vsnprintf(Buffer, Count, Format, arguments))
THROUGH(Vsnwprintf, (wchar_t * Buffer, size_t Count, const wchar_t *Format, ...),
        _vsnwprintf(Buffer, Count, Format, arguments))
THROUGH(VsprintfS, (char *Buffer, size_t Size, const char *Format, ...),
        vsprintf_s(Buffer, Size, Format, arguments))
THROUGH(VswprintfS, (wchar_t * Buffer, size_t Size, const wchar_t *Format, ...),
        vswprintf_s(Buffer, Size, Format, arguments))
THROUGH(VsnprintfS, (char *Buffer, size_t Size, size_t Count, const char *Format, ...),
        _vsnprintf_s(Buffer, Size, Count, Format, arguments))
THROUGH(VsnwprintfS, (wchar_t * Buffer, size_t Size, size_t Count, const wchar_t *Format, ...),
        _vsnwprintf_s(Buffer, Size, Count, Format, arguments))

#define EXPECT_ERROR(error, call)           \
    do {                                    \
        errno = 0;                          \
        NT_EXPECT_EQ(call, (uint64_t)(-1)); \
        NT_EXPECT_EQ(errno, error);         \
    } while (0)

NT_TEST(Unsized, WritesAllOfTheTextAndItsEnd)
{
    char text[12] = "???????????";
    wchar_t wide[12] = L"???????????";

    NT_EXPECT_EQ(sprintf(text, "%d-%s", 12, "ab"), 5);
    NT_EXPECT_EQ(memcmp(text, "12-ab\0?", 7), 0);
    NT_EXPECT_EQ(Vsprintf(text, "%x%c", 0xfe, 'q'), 3);
    NT_EXPECT_EQ(memcmp(text, "feq\0b\0?", 7), 0);
    NT_EXPECT_EQ(sprintf(text, ""), 0);
    NT_EXPECT_STR(text, "");
    NT_EXPECT_EQ(_swprintf(wide, L"%d-%s", 12, L"ab"), 5);
    NT_EXPECT_EQ(memcmp(wide, L"12-ab\0?", 14), 0);
    NT_EXPECT_EQ(_swprintf(wide, L""), 0);
    NT_EXPECT_WSTR(wide, L"");
}

NT_TEST(Unsized, NeedsABufferAndAFormat)
{
    char text[4] = "old";
    wchar_t wide[4] = L"old";

    EXPECT_ERROR(EINVAL, sprintf(NULL, "x"));
    EXPECT_ERROR(EINVAL, sprintf(text, NULL));
    EXPECT_ERROR(EINVAL, Vsprintf(NULL, "x"));
    EXPECT_ERROR(EINVAL, Vsprintf(text, NULL));
    EXPECT_ERROR(EINVAL, _swprintf(NULL, L"x"));
    EXPECT_ERROR(EINVAL, _swprintf(wide, NULL));
    NT_EXPECT_STR(text, "old");
    NT_EXPECT_WSTR(wide, L"old");
}

/* At most Count units; a terminator only where there is room. */
NT_TEST(Counted, TerminatesIfThereIsRoom)
{
    static const struct {
        int Count;
        int Result;
        const char *Bytes; /* of a buffer that was "xyzuvw" */
    } rows[] = {
        {6, 3, "abc\0vw"}, {4, 3, "abc\0vw"}, {3, 3, "abcuvw"},
        {2, -1, "abzuvw"}, {1, -1, "ayzuvw"}, {0, -1, "xyzuvw"},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        size_t count = (size_t)rows[i].Count;
        char text[7] = "xyzuvw";
        wchar_t wide[7] = L"xyzuvw";

        NT_EXPECT_EQ(Vsnprintf(text, count, "%s", "abc"), (uint64_t)rows[i].Result);
        NT_EXPECT_EQ(memcmp(text, rows[i].Bytes, 6), 0);
        NT_EXPECT_EQ(Vsnwprintf(wide, count, L"%s", L"abc"), (uint64_t)rows[i].Result);
        for (size_t unit = 0; unit < 6; unit++) {
            NT_EXPECT_EQ(wide[unit], (unsigned char)rows[i].Bytes[unit]);
        }
    }
}

NT_TEST(Counted, WithoutABufferTellsTheLength)
{
    char text[4] = "old";

    NT_EXPECT_EQ(Vsnprintf(NULL, 0, "%d", 12345), 5);
    NT_EXPECT_EQ(Vsnwprintf(NULL, 0, L"%d", 12345), 5);
    NT_EXPECT_EQ(_snprintf(NULL, 0, "%d", 12345), 5);
    EXPECT_ERROR(EINVAL, Vsnprintf(NULL, 1, "x"));
    EXPECT_ERROR(EINVAL, Vsnwprintf(NULL, 1, L"x"));
    EXPECT_ERROR(EINVAL, Vsnprintf(text, 4, NULL));
    EXPECT_ERROR(EINVAL, Vsnprintf(NULL, 0, NULL));
    EXPECT_ERROR(EINVAL, _snwprintf(NULL, 0, NULL));
    NT_EXPECT_STR(text, "old");
}

/* sprintf_s and its kind: all of the text, or nothing and an error. */
NT_TEST(Secure, FitsOrIsEmptied)
{
    static const struct {
        size_t Size;
        int Result;
        const char *Text;
    } rows[] = {{7, 5, "12345"}, {6, 5, "12345"}, {5, -1, ""}, {2, -1, ""}, {1, -1, ""}};

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        size_t size = rows[i].Size;
        int error = rows[i].Result < 0 ? ERANGE : 0;
        char text[8] = "xxxxxxx";
        char other[8] = "xxxxxxx";
        wchar_t wide[8] = L"xxxxxxx";
        wchar_t otherWide[8] = L"xxxxxxx";
        wchar_t expected[8];

        mbstowcs(expected, rows[i].Text, 8);
        errno = 0;
        NT_EXPECT_EQ(sprintf_s(text, size, "%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_EQ(errno, error);
        NT_EXPECT_STR(text, rows[i].Text);
        NT_EXPECT_EQ(VsprintfS(other, size, "%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_STR(other, rows[i].Text);
        errno = 0;
        NT_EXPECT_EQ(swprintf_s(wide, size, L"%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_EQ(errno, error);
        NT_EXPECT_WSTR(wide, expected);
        NT_EXPECT_EQ(VswprintfS(otherWide, size, L"%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_WSTR(otherWide, expected);
        NT_EXPECT_EQ(text[7], 0);
        NT_EXPECT_EQ(wide[6], L'x');
    }
}

NT_TEST(Secure, NeedsABufferASizeAndAFormat)
{
    char text[4] = "old";
    wchar_t wide[4] = L"old";

    EXPECT_ERROR(EINVAL, sprintf_s(NULL, 4, "x"));
    EXPECT_ERROR(EINVAL, sprintf_s(NULL, 0, "x"));
    EXPECT_ERROR(EINVAL, sprintf_s(text, 0, "x"));
    EXPECT_ERROR(EINVAL, sprintf_s(text, 4, NULL));
    EXPECT_ERROR(EINVAL, VsprintfS(NULL, 4, "x"));
    EXPECT_ERROR(EINVAL, VsprintfS(text, 0, "x"));
    EXPECT_ERROR(EINVAL, VsprintfS(text, 4, NULL));
    EXPECT_ERROR(EINVAL, swprintf_s(NULL, 4, L"x"));
    EXPECT_ERROR(EINVAL, swprintf_s(wide, 0, L"x"));
    EXPECT_ERROR(EINVAL, swprintf_s(wide, 4, NULL));
    EXPECT_ERROR(EINVAL, VswprintfS(NULL, 4, L"x"));
    EXPECT_ERROR(EINVAL, VswprintfS(wide, 0, L"x"));
    EXPECT_ERROR(EINVAL, VswprintfS(wide, 4, NULL));
    EXPECT_ERROR(EINVAL, _snprintf_s(text, 4, 2, NULL));
    EXPECT_ERROR(EINVAL, VsnwprintfS(wide, 4, 2, NULL));
    NT_EXPECT_STR(text, "old");
    NT_EXPECT_WSTR(wide, L"old");
}

/* The rows of the reference's table, with a text of five units. */
NT_TEST(Secure, CountCutsAndSizeEmpties)
{
    static const struct {
        size_t Size, Count;
        int Result;
        int Error;
        const char *Text;
    } rows[] = {
        {8, 7, 5, 0, "12345"},
        {8, 5, 5, 0, "12345"},
        {8, 4, -1, 0, "1234"}, /* cut, on request */
        {8, 1, -1, 0, "1"},
        {8, 0, -1, 0, ""},
        {6, 5, 5, 0, "12345"},
        {6, 6, 5, 0, "12345"},
        {6, 99, 5, 0, "12345"},
        {5, 4, -1, 0, "1234"},
        {5, 5, -1, ERANGE, ""}, /* the count fits, the terminator does not */
        {5, 99, -1, ERANGE, ""},
        {8, _TRUNCATE, 5, 0, "12345"},
        {6, _TRUNCATE, 5, 0, "12345"},
        {5, _TRUNCATE, -1, 0, "1234"},
        {1, _TRUNCATE, -1, 0, ""},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        size_t size = rows[i].Size;
        size_t count = rows[i].Count;
        char text[8] = "xxxxxxx";
        char other[8] = "xxxxxxx";
        wchar_t wide[8] = L"xxxxxxx";
        wchar_t otherWide[8] = L"xxxxxxx";
        wchar_t expected[8];

        mbstowcs(expected, rows[i].Text, 8);
        errno = 0;
        NT_EXPECT_EQ(_snprintf_s(text, size, count, "%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_EQ(errno, rows[i].Error);
        NT_EXPECT_STR(text, rows[i].Text);
        NT_EXPECT_EQ(VsnprintfS(other, size, count, "%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_STR(other, rows[i].Text);
        errno = 0;
        NT_EXPECT_EQ(_snwprintf_s(wide, size, count, L"%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_EQ(errno, rows[i].Error);
        NT_EXPECT_WSTR(wide, expected);
        NT_EXPECT_EQ(VsnwprintfS(otherWide, size, count, L"%d", 12345), (uint64_t)rows[i].Result);
        NT_EXPECT_WSTR(otherWide, expected);
    }
}

NT_TEST(Secure, NoBufferIsAnErrorUnlessNothingIsAsked)
{
    char text[4] = "old";
    wchar_t wide[4] = L"old";

    NT_EXPECT_EQ(_snprintf_s(NULL, 0, 0, "x"), 0);
    NT_EXPECT_EQ(VsnprintfS(NULL, 0, 0, "x"), 0);
    NT_EXPECT_EQ(_snwprintf_s(NULL, 0, 0, L"x"), 0);
    NT_EXPECT_EQ(VsnwprintfS(NULL, 0, 0, L"x"), 0);
    EXPECT_ERROR(EINVAL, _snprintf_s(NULL, 4, 0, "x"));
    EXPECT_ERROR(EINVAL, _snprintf_s(NULL, 0, 1, "x"));
    EXPECT_ERROR(EINVAL, VsnprintfS(NULL, 0, 1, "x"));
    EXPECT_ERROR(EINVAL, VsnprintfS(text, 0, 1, "x"));
    EXPECT_ERROR(EINVAL, _snwprintf_s(NULL, 4, 0, L"x"));
    EXPECT_ERROR(EINVAL, _snwprintf_s(wide, 0, 1, L"x"));
    EXPECT_ERROR(EINVAL, VsnwprintfS(NULL, 4, 0, L"x"));
    EXPECT_ERROR(EINVAL, VsnwprintfS(wide, 0, 1, L"x"));
    NT_EXPECT_STR(text, "old");
    NT_EXPECT_WSTR(wide, L"old");
}

/* "checks the format string for valid formatting characters" */
NT_TEST(Secure, RefusesAFormatThatIsNone)
{
    static const char *const formats[] = {"%y", "a%",  "%",  "%5", "%.3",
                                          "%l", "%5%", "%n", "%!", "%I6d%k"};
    int number = 7;

    for (size_t i = 0; i < ARRAYSIZE(formats); i++) {
        char text[8] = "old";
        wchar_t wide[8] = L"old";
        wchar_t format[8];

        mbstowcs(format, formats[i], 8);
        EXPECT_ERROR(EINVAL, sprintf_s(text, 8, formats[i], &number));
        NT_EXPECT_STR(text, "");
        EXPECT_ERROR(EINVAL, VsnprintfS(text, 8, _TRUNCATE, formats[i], &number));
        EXPECT_ERROR(EINVAL, swprintf_s(wide, 8, format, &number));
        NT_EXPECT_WSTR(wide, L"");
        EXPECT_ERROR(EINVAL, VsnwprintfS(wide, 8, 3, format, &number));
    }
    NT_EXPECT_EQ(number, 7);
}

NT_TEST(Secure, TakesEveryConversion)
{
    char text[64];
    wchar_t wide[64];

    NT_EXPECT_EQ(sprintf_s(text, 64, "%+-5d|%#06x|%.*s|%*c|%%|%I64u|%hs", -1, 0xab, 2, "abc", 3,
                           'q', 7ull, "n"),
                 25);
    NT_EXPECT_STR(text, "-1   |0x00ab|ab|  q|%|7|n");
    NT_EXPECT_EQ(swprintf_s(wide, 64, L"%ls %hS %zu %wZ", L"w", "n", (size_t)9, NULL), 12);
    NT_EXPECT_WSTR(wide, L"w n 9 (null)");
}
