/* SPDX-License-Identifier: MIT
 *
 * format_test.c - the format engine, conversion by conversion, to 8 and to 16 bit output
 *
 * A row's expected text is what Microsoft's runtime writes.
 */
#include <windows.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <winternl.h>

#include "ntcrt.h"
#include "nt_test.h"

/* Both widths must agree, as far as the format is ASCII and has no %s, %c, %S, %C without a size.
 */
static void
ExpectBoth(int Line, const char *Expected, const char *Format, ...)
{
    char narrow[256];
    uint16_t wide[256];
    uint16_t wideFormat[128];
    char back[512];
    va_list arguments;
    int result;
    size_t i;

    va_start(arguments, Format);
    result = NtcrtFormatA(narrow, sizeof(narrow), Format, arguments);
    va_end(arguments);
    NtTestExpectString(narrow, Expected, Format, __FILE__, Line);
    NtTestExpectEqual((uint64_t)result, strlen(Expected), "result", Format, __FILE__, Line);

    for (i = 0; i <= strlen(Format); i++) {
        wideFormat[i] = (unsigned char)Format[i];
    }
    va_start(arguments, Format);
    result = NtcrtFormatW(wide, 256, wideFormat, arguments);
    va_end(arguments);
    back[NtcrtUtf16ToUtf8(back, sizeof(back) - 1, wide, (size_t)result)] = 0;
    NtTestExpectString(back, Expected, Format, __FILE__, Line);
}

#define BOTH(expected, ...) ExpectBoth(__LINE__, expected, __VA_ARGS__)

NT_TEST(Format, SignedIntegers)
{
    BOTH("0", "%d", 0);
    BOTH("-1", "%d", -1);
    BOTH("2147483647", "%i", 2147483647);
    BOTH("-2147483648", "%d", -2147483647 - 1);
    BOTH("+5", "%+d", 5);
    BOTH(" 5", "% d", 5);
    BOTH("+5", "%+ d", 5);
    BOTH("-5", "%+d", -5);
    BOTH("   42", "%5d", 42);
    BOTH("42   |", "%-5d|", 42);
    BOTH("00042", "%05d", 42);
    BOTH("-0042", "%05d", -42);
    BOTH("  042", "%5.3d", 42);
    BOTH("  042", "%05.3d", 42); /* a precision makes the 0 flag void */
    BOTH("", "%.0d", 0);
    BOTH("   42", "%*d", 5, 42);
    BOTH("42   |", "%*d|", -5, 42);
    BOTH("00042", "%.*d", 5, 42);
    BOTH("42", "%.*d", -5, 42);
}

NT_TEST(Format, LongHas32Bits)
{
    BOTH("4294967295", "%lu", 0xffffffffffffffffull);
    BOTH("-1", "%ld", 0xffffffffull);
    BOTH("ffffffff", "%lx", 0xffffffffffffffffull);
    BOTH("1 2 3", "%lu %ld %lx", 1, 2, 3);
}

NT_TEST(Format, SixtyFourBits)
{
    BOTH("18446744073709551615", "%I64u", 0xffffffffffffffffull);
    BOTH("-9223372036854775808", "%I64d", (long long)0x8000000000000000ull);
    BOTH("ffffffffffffffff", "%I64x", 0xffffffffffffffffull);
    BOTH("123456789ABCDEF0", "%I64X", 0x123456789abcdef0ull);
    BOTH("18446744073709551615", "%llu", 0xffffffffffffffffull);
    BOTH("-1", "%lld", -1ll);
    BOTH("1777777777777777777777", "%llo", 0xffffffffffffffffull);
    BOTH("18446744073709551615", "%zu", 0xffffffffffffffffull);
    BOTH("-1", "%td", -1ll);
    BOTH("-1", "%jd", -1ll);
    BOTH("18446744073709551615", "%Iu", 0xffffffffffffffffull);
    BOTH("ffffffffffffffff", "%Ix", 0xffffffffffffffffull);
    BOTH("4294967295", "%I32u", 0xffffffffu);
    BOTH("-1", "%I32d", -1);
    BOTH("0000000000000001", "%016I64x", 1ull);
}

NT_TEST(Format, SmallIntegers)
{
    BOTH("-1", "%hd", 0xffff);
    BOTH("65535", "%hu", 0xffffffff);
    BOTH("-1", "%hhd", 0xff);
    BOTH("255", "%hhu", 0x1ff);
    BOTH("0a", "%02hhx", 0x10a);
}

NT_TEST(Format, HexAndOctal)
{
    BOTH("deadbeef", "%x", 0xdeadbeef);
    BOTH("DEADBEEF", "%X", 0xdeadbeef);
    BOTH("0xdeadbeef", "%#x", 0xdeadbeef);
    BOTH("0XDEADBEEF", "%#X", 0xdeadbeef);
    BOTH("0", "%#x", 0);
    BOTH("0x0000002a", "%#010x", 42);
    BOTH("0x0000002a", "0x%08x", 42);
    BOTH("52", "%o", 42);
    BOTH("052", "%#o", 42);
    BOTH("0", "%#o", 0);
    BOTH("0", "%#.0o", 0);
    BOTH("  2a|", "%4x|", 42);
    BOTH("2a  |", "%-4x|", 42);
}

NT_TEST(Format, Pointers)
{
    BOTH("00007FFE12345678", "%p", (void *)0x7ffe12345678ull);
    BOTH("0000000000000000", "%p", (void *)0);
    BOTH("FFFFF80000001000", "%p", (void *)0xfffff80000001000ull);
    BOTH("    0000000000000001", "%20p", (void *)1);
    BOTH("0000000000000001    |", "%-20p|", (void *)1);
    BOTH("0X0000000000000001", "%#p", (void *)1);
}

NT_TEST(Format, TextOfEitherWidth)
{
    BOTH("abc", "%hs", "abc");
    BOTH("abc", "%ls", L"abc");
    BOTH("abc", "%ws", L"abc");
    BOTH("(null)", "%hs", (char *)0);
    BOTH("(null)", "%ws", (wchar_t *)0);
    BOTH("ab", "%.2hs", "abc");
    BOTH("ab", "%.2ws", L"abc");
    BOTH("  abc", "%5ws", L"abc");
    BOTH("abc  |", "%-5hs|", "abc");
    BOTH("   ab", "%5.2hs", "abc");
    BOTH("", "%.0ws", L"abc");
    BOTH("x", "%hc", 'x');
    BOTH("x", "%lc", L'x');
    BOTH("x", "%wc", L'x');
    BOTH("  x", "%3wc", L'x');
    BOTH("x  |", "%-3hc|", 'x');
}

NT_TEST(Format, CountedStrings)
{
    wchar_t wideText[] = L"device";
    char narrowText[] = "device";
    UNICODE_STRING wide = {6, sizeof(wideText), wideText};
    STRING narrow = {3, sizeof(narrowText), narrowText};
    UNICODE_STRING none = {0, 0, NULL};

    BOTH("dev", "%wZ", &wide);
    BOTH("dev", "%lZ", &wide);
    BOTH("dev", "%Z", &narrow);
    BOTH("dev", "%hZ", &narrow);
    BOTH("   dev", "%6wZ", &wide);
    BOTH("de", "%.2wZ", &wide);
    BOTH("(null)", "%wZ", &none);
    BOTH("(null)", "%wZ", (UNICODE_STRING *)0);
}

NT_TEST(Format, FloatingPoint)
{
    BOTH("1.500000", "%f", 1.5);
    BOTH("1.50", "%.2f", 1.5);
    BOTH("2", "%.0f", 1.5);
    BOTH("    1.50", "%8.2f", 1.5);
    BOTH("00001.50", "%08.2f", 1.5);
    BOTH("-0001.50", "%08.2f", -1.5);
    BOTH("+1.5", "%+g", 1.5);
    BOTH("1.500000e+00", "%e", 1.5);
    BOTH("1.5E+10", "%.1E", 1.5e10);
    BOTH("0.0001", "%g", 0.0001);
    BOTH("1.5", "%Lg", 1.5); /* long double is double there */
    BOTH("  inf", "%05f", HUGE_VAL);
}

NT_TEST(Format, WhatIsNotAConversion)
{
    BOTH("100%", "100%%");
    BOTH("y", "%y");
    BOTH("a", "a%");
    BOTH("", "%");
    BOTH("", "");
    BOTH("a b", "%hc %hc", 'a', 'b');
}

/* What %s, %c, %S and %C mean depends on the function's width. */
NT_TEST(Format, PlainTextFollowsTheFunction)
{
    char narrow[64];
    wchar_t wide[64];

    snprintf(narrow, sizeof(narrow), "%s %S %c %C", "n", L"w", 'n', L'w');
    NT_EXPECT_STR(narrow, "n w n w");
    _snwprintf(wide, 64, L"%s %S %c %C", L"w", "n", L'w', 'n');
    NT_EXPECT_WSTR(wide, L"w n w n");
}

NT_TEST(Format, ConvertsBetweenUtf8AndUtf16)
{
    static const wchar_t broken[] = {L'a', 0xd800, L'b', 0};
    char narrow[64];
    wchar_t wide[64];

    snprintf(narrow, sizeof(narrow), "%ws", L"\u00e9\u20ac\U0001f600");
    NT_EXPECT_STR(narrow, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    _snwprintf(wide, 64, L"%hs", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    NT_EXPECT_WSTR(wide, L"\u00e9\u20ac\U0001f600");
    snprintf(narrow, sizeof(narrow), "%ws", broken);
    NT_EXPECT_STR(narrow, "a\xef\xbf\xbd"
                          "b");
    _snwprintf(wide, 64, L"%hs", "a\xff\xe2\x82");
    NT_EXPECT_WSTR(wide, L"a\ufffd\ufffd");
}

NT_TEST(Format, LongTextPassesWhole)
{
    char narrow[4096];
    wchar_t text[1001];
    size_t i;

    for (i = 0; i < 1000; i++) {
        text[i] = 0x20ac;
    }
    text[1000] = 0;
    NT_EXPECT_EQ(snprintf(narrow, sizeof(narrow), "%ws", text), 3000);
    NT_EXPECT_EQ(strlen(narrow), 3000);
    NT_EXPECT_EQ(snprintf(narrow, sizeof(narrow), "%1000d", 1), 1000);
}

NT_TEST(Format, CountOfWrittenIsRefused)
{
    char narrow[16] = "";
    int count = 7;

    NT_EXPECT_EQ(snprintf(narrow, sizeof(narrow), "ab%n", &count), -1);
    NT_EXPECT_EQ(count, 7);
}

/* ---- buffers ---- */

NT_TEST(Buffer, SnprintfCutsAndTellsTheWholeLength)
{
    char buffer[4] = "xyz";

    NT_EXPECT_EQ(snprintf(buffer, sizeof(buffer), "%d", 123456), 6);
    NT_EXPECT_STR(buffer, "123");
    NT_EXPECT_EQ(snprintf(NULL, 0, "%d", 123456), 6);
}

NT_TEST(Buffer, NeverCutsACharacterInTheMiddle)
{
    char buffer[4];

    snprintf(buffer, sizeof(buffer), "a\xe2\x82\xac");
    NT_EXPECT_STR(buffer, "a");
    snprintf(buffer, sizeof(buffer), "\xe2\x82\xac");
    NT_EXPECT_STR(buffer, "\xe2\x82\xac");
    snprintf(buffer, sizeof(buffer), "\xe2\x82\xac!");
    NT_EXPECT_STR(buffer, "\xe2\x82\xac");
}

NT_TEST(Buffer, UnderscoreSnprintfLeavesOutTheTerminatorWhenFull)
{
    char buffer[4] = "xyz";
    wchar_t wide[4] = L"xyz";

    NT_EXPECT_EQ(_snprintf(buffer, 3, "%s", "abc"), 3);
    NT_EXPECT_STR(buffer, "abc");
    NT_EXPECT_EQ(_snprintf(buffer, 2, "%s", "123"), -1);
    NT_EXPECT_STR(buffer, "12c");
    NT_EXPECT_EQ(_snprintf(buffer, 4, "%s", "9"), 1);
    NT_EXPECT_STR(buffer, "9");
    NT_EXPECT_EQ(_snwprintf(wide, 2, L"%s", L"123"), -1);
    NT_EXPECT_WSTR(wide, L"12z");
}

NT_TEST(Buffer, SprintfSEmptiesABufferThatIsTooSmall)
{
    char buffer[4] = "xyz";
    wchar_t wide[4] = L"xyz";

    NT_EXPECT_EQ(sprintf_s(buffer, sizeof(buffer), "%d", 1234), -1);
    NT_EXPECT_STR(buffer, "");
    NT_EXPECT_EQ(sprintf_s(buffer, sizeof(buffer), "%d", 123), 3);
    NT_EXPECT_STR(buffer, "123");
    NT_EXPECT_EQ(swprintf_s(wide, 4, L"%d", 1234), -1);
    NT_EXPECT_WSTR(wide, L"");
}

NT_TEST(Buffer, SnprintfSCutsOnRequest)
{
    char buffer[4] = "xyz";

    NT_EXPECT_EQ(_snprintf_s(buffer, sizeof(buffer), _TRUNCATE, "%d", 1234), -1);
    NT_EXPECT_STR(buffer, "123");
    NT_EXPECT_EQ(_snprintf_s(buffer, sizeof(buffer), 2, "%d", 1234), -1);
    NT_EXPECT_STR(buffer, "12");
    NT_EXPECT_EQ(_snprintf_s(buffer, sizeof(buffer), 9, "%d", 1234), -1);
    NT_EXPECT_STR(buffer, "");
    NT_EXPECT_EQ(_snprintf_s(buffer, sizeof(buffer), 9, "%d", 12), 2);
    NT_EXPECT_STR(buffer, "12");
}

NT_TEST(Buffer, SwprintfWithAndWithoutASize)
{
    wchar_t buffer[16];

    NT_EXPECT_EQ(swprintf(buffer, L"%d-%s", 1, L"a"), 3);
    NT_EXPECT_WSTR(buffer, L"1-a");
    NT_EXPECT_EQ(swprintf(buffer, 16, L"%d-%s", 2, L"b"), 3);
    NT_EXPECT_WSTR(buffer, L"2-b");
    NT_EXPECT_EQ(swprintf(buffer, 3, L"%d-%s", 3, L"c"), -1);
}

static int
Collect(void *Context, const char *Text, size_t Length)
{
    strncat(Context, Text, Length);
    return strlen(Context) > 5;
}

static int
FormatToSink(char *Text, const char *Format, ...)
{
    va_list arguments;
    int result;

    va_start(arguments, Format);
    result = NtcrtFormat(Collect, Text, Format, arguments);
    va_end(arguments);
    return result;
}

NT_TEST(Sink, GetsTheTextInOrderAndMayEndIt)
{
    char text[64] = "";

    NT_EXPECT_EQ(FormatToSink(text, "a%db", 1), 3);
    NT_EXPECT_STR(text, "a1b");
    NT_EXPECT_EQ(FormatToSink(text, "%s%s%s", "cde", "fgh", "ijk"), -1);
    NT_EXPECT_STR(text, "a1bcde");
}
