/* SPDX-License-Identifier: MIT
 *
 * test/rtl/utf_test.c - UTF-8 and UTF-16
 */
#include "rtl_test.h"

NT_TEST(RtlUtf, ValidTextSurvivesTheRoundTrip)
{
    static const char text[] = "A\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
                               "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
    static const WCHAR wide[] = {'A',    0x80,   0x7FF,  0x800,  0xD7FF, 0xE000,
                                 0xFFFF, 0xD800, 0xDC00, 0xDBFF, 0xDFFF};
    WCHAR units[RTL_NUMBER_OF(wide)];
    char bytes[sizeof(text)];

    NT_EXPECT_EQ(RtlpUtf8ToUtf16(text, sizeof(text) - 1, units, RTL_NUMBER_OF(units)),
                 RTL_NUMBER_OF(wide));
    NT_EXPECT_EQ(memcmp(units, wide, sizeof(wide)), 0);
    NT_EXPECT_EQ(RtlpUtf16ToUtf8(units, RTL_NUMBER_OF(units), bytes, sizeof(bytes)),
                 sizeof(text) - 1);
    NT_EXPECT_EQ(memcmp(bytes, text, sizeof(text) - 1), 0);
}

/* Each maximal part of an invalid sequence is one U+FFFD. */
NT_TEST(RtlUtf, InvalidUtf8BecomesReplacementCharacters)
{
    static const struct {
        const char *Bytes;
        SIZE_T Replaced;
    } rows[] = {
        {"\x80", 1},             /* no first byte */
        {"\xC0\xAF", 2},         /* overlong */
        {"\xE0\x80\xAF", 3},     /* overlong */
        {"\xED\xA0\x80", 3},     /* a surrogate */
        {"\xF4\x90\x80\x80", 4}, /* above U+10FFFF */
        {"\xE2\x82", 1},         /* cut off */
        {"\xF0\x9F\x98", 1},     /* cut off */
        {"\xE2\x82\xC3", 2},     /* cut off twice */
        {"\xFF\xFE", 2},         /* never valid */
    };

    NT_FOR_EACH (row, rows) {
        WCHAR units[4];
        RTLP_CONVERSION result = RtlpConvertUtf8(row->Bytes, strlen(row->Bytes), units, 4);
        NT_EXPECT_EQ(result.Needed, row->Replaced);
        NT_EXPECT_EQ(result.Invalid, row->Replaced);
        for (SIZE_T i = 0; i < result.Written; i++) {
            NT_EXPECT_EQ(units[i], 0xFFFD);
        }
    }
}

NT_TEST(RtlUtf, LoneSurrogatesBecomeReplacementCharacters)
{
    static const WCHAR wide[] = {0xD800, 'a', 0xDC00, 0xD800};
    char bytes[16];

    NT_EXPECT_EQ(RtlpUtf16ToUtf8(wide, RTL_NUMBER_OF(wide), bytes, sizeof(bytes)), 10);
    NT_EXPECT_EQ(memcmp(bytes,
                        "\xEF\xBF\xBD"
                        "a\xEF\xBF\xBD\xEF\xBF\xBD",
                        10),
                 0);
}

NT_TEST(RtlUtf, NoCharacterIsWrittenInPart)
{
    WCHAR units[2] = {'x', 'x'};
    char bytes[3] = "xx";
    RTLP_CONVERSION result;

    result = RtlpConvertUtf8("a\xF0\x9F\x98\x80", 5, units, 2);
    NT_EXPECT_EQ(result.Needed, 3);
    NT_EXPECT_EQ(result.Written, 1);
    NT_EXPECT_EQ(units[1], 'x');
    result = RtlpConvertUtf16(L"\u20AC", 1, bytes, 2);
    NT_EXPECT_EQ(result.Needed, 3);
    NT_EXPECT_EQ(result.Written, 0);
    NT_EXPECT_STR(bytes, "xx");
}

/* Every sequence of up to three bytes: lengths agree, and the result is well-formed. */
NT_TEST(RtlUtf, ShortSequencesGiveWellFormedTextOfTheStatedLength)
{
    for (ULONG code = 0; code < 0x1000000; code += 7) {
        char bytes[3] = {(char)code, (char)(code >> 8), (char)(code >> 16)};
        WCHAR units[3];
        RTLP_CONVERSION result = RtlpConvertUtf8(bytes, 3, units, 3);
        NT_EXPECT_EQ(result.Written, result.Needed);
        for (SIZE_T i = 0; i < result.Written; i++) {
            NT_EXPECT_TRUE(units[i] < 0xD800 || units[i] > 0xDFFF);
        }
    }
}

NT_TEST(RtlUtf, Utf8ToUnicodeNReportsSizesAndReplacements)
{
    WCHAR units[4];
    ULONG actual;

    NT_EXPECT_STATUS(RtlUTF8ToUnicodeN(NULL, 0, &actual, "abc", 3), STATUS_SUCCESS);
    NT_EXPECT_EQ(actual, 6);
    NT_EXPECT_STATUS(RtlUTF8ToUnicodeN(units, 4, &actual, "abc", 3), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(actual, 4);
    NT_EXPECT_STATUS(RtlUTF8ToUnicodeN(units, 8, &actual, "a\xFF", 2), STATUS_SOME_NOT_MAPPED);
    NT_EXPECT_EQ(units[1], 0xFFFD);
    NT_EXPECT_STATUS(RtlUTF8ToUnicodeN(units, 8, &actual, NULL, 2), STATUS_INVALID_PARAMETER_4);
    NT_EXPECT_STATUS(RtlUTF8ToUnicodeN(NULL, 0, NULL, "abc", 3), STATUS_INVALID_PARAMETER);
}

NT_TEST(RtlUtf, UnicodeToUtf8NReportsSizesAndReplacements)
{
    static const WCHAR lone[] = {0xDC00};
    char bytes[4];
    ULONG actual;

    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(NULL, 0, &actual, L"\u20AC", 2), STATUS_SUCCESS);
    NT_EXPECT_EQ(actual, 3);
    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(bytes, 2, &actual, L"\u20AC", 2), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(bytes, 4, &actual, lone, 2), STATUS_SOME_NOT_MAPPED);
    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(bytes, 4, &actual, L"ab", 3), STATUS_INVALID_PARAMETER_5);
}

/* Lengths, NULs inside, pairs; the count is that of the bytes written. */
NT_TEST(RtlUtf, UnicodeToUtf8NWritesWhatFits)
{
    static const struct {
        PCWSTR Source;
        ULONG SourceBytes;
        ULONG Room;
        NTSTATUS Status;
        const char *Text;
        ULONG Bytes;
    } rows[] = {
        {L"ab", 4, 8, STATUS_SUCCESS, "ab", 2},
        {L"ab", 6, 8, STATUS_SUCCESS, "ab\0", 3},
        {L"a\0b", 6, 8, STATUS_SUCCESS, "a\0b", 3},
        {L"ab", 4, 2, STATUS_SUCCESS, "ab", 2},
        {L"", 0, 8, STATUS_SUCCESS, "", 0},
        {L"", 0, 0, STATUS_SUCCESS, "", 0},
        {L"\x00E9\x20AC", 4, 8, STATUS_SUCCESS, "\xC3\xA9\xE2\x82\xAC", 5},
        {L"\xD83D\xDE00", 4, 8, STATUS_SUCCESS, "\xF0\x9F\x98\x80", 4},
        {L"\xDE00\xD83D", 4, 8, STATUS_SOME_NOT_MAPPED, "\xEF\xBF\xBD\xEF\xBF\xBD", 6},
        {L"a\xD83D", 4, 8, STATUS_SOME_NOT_MAPPED, "a\xEF\xBF\xBD", 4},
        {L"abc", 6, 2, STATUS_BUFFER_TOO_SMALL, "ab", 2},
        {L"a\x20AC", 4, 3, STATUS_BUFFER_TOO_SMALL, "a", 1},
        {L"\xD83D\xDE00", 4, 3, STATUS_BUFFER_TOO_SMALL, "", 0},
        {L"a", 2, 0, STATUS_BUFFER_TOO_SMALL, "", 0},
    };

    NT_FOR_EACH (row, rows) {
        char bytes[9] = "????????";
        ULONG actual = 99;
        NT_EXPECT_STATUS(
            RtlUnicodeToUTF8N(bytes, row->Room, &actual, row->Source, row->SourceBytes),
            row->Status);
        NT_EXPECT_EQ(actual, row->Bytes);
        NT_EXPECT_TRUE(memcmp(bytes, row->Text, row->Bytes) == 0);
        NT_EXPECT_EQ(bytes[row->Room], row->Room < 8 ? '?' : 0);
        memset(bytes, '?', 8);
        NT_EXPECT_STATUS(RtlUnicodeToUTF8N(bytes, row->Room, NULL, row->Source, row->SourceBytes),
                         row->Status);
        NT_EXPECT_TRUE(memcmp(bytes, row->Text, row->Bytes) == 0);
        if (row->Status != STATUS_BUFFER_TOO_SMALL) {
            NT_EXPECT_STATUS(RtlUnicodeToUTF8N(NULL, 0, &actual, row->Source, row->SourceBytes),
                             row->Status);
            NT_EXPECT_EQ(actual, row->Bytes);
        }
    }
}

NT_TEST(RtlUtf, UnicodeToUtf8NNamesTheParameterThatIsWrong)
{
    char bytes[4];
    ULONG actual;

    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(NULL, 0, NULL, L"ab", 4), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(bytes, 4, &actual, NULL, 4), STATUS_INVALID_PARAMETER_4);
    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(bytes, 4, &actual, L"ab", 1), STATUS_INVALID_PARAMETER_5);
    NT_EXPECT_STATUS(RtlUnicodeToUTF8N(bytes, 4, &actual, L"ab", 3), STATUS_INVALID_PARAMETER_5);
}

NT_TEST(RtlUtf, MultiByteConversionCutsSilently)
{
    WCHAR units[2];
    ULONG actual;

    NT_EXPECT_STATUS(RtlMultiByteToUnicodeN(units, sizeof(units), &actual, "abcd", 4),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(actual, 4);
    NT_EXPECT_STATUS(RtlMultiByteToUnicodeSize(&actual, "a\xC3\xA9", 3), STATUS_SUCCESS);
    NT_EXPECT_EQ(actual, 4);
    NT_EXPECT_STATUS(RtlUnicodeToMultiByteSize(&actual, L"\u00E9", 2), STATUS_SUCCESS);
    NT_EXPECT_EQ(actual, 2);
}

NT_TEST(RtlUtf, StringFromUtf8IsTerminated)
{
    UNICODE_STRING string;

    NT_EXPECT_STATUS(RtlpCreateUnicodeStringFromUtf8(&string, "/bin/\xC3\xA9x", 7), STATUS_SUCCESS);
    NT_EXPECT_WSTR(string.Buffer, L"/bin/\u00E9");
    NT_EXPECT_EQ(string.Length, 12);
    RtlFreeUnicodeString(&string);
    NoMemory = TRUE;
    NT_EXPECT_STATUS(RtlpCreateUnicodeStringFromUtf8(&string, "x", 1),
                     STATUS_INSUFFICIENT_RESOURCES);
}
