/* SPDX-License-Identifier: MIT
 *
 * test/rtl/string_test.c - counted strings and case
 */
#include "rtl_test.h"

NT_TEST(RtlString, InitSetsBothLengths)
{
    UNICODE_STRING wide;
    ANSI_STRING narrow;

    RtlInitUnicodeString(&wide, L"abc");
    NT_EXPECT_EQ(wide.Length, 6);
    NT_EXPECT_EQ(wide.MaximumLength, 8);
    RtlInitAnsiString(&narrow, "abcd");
    NT_EXPECT_EQ(narrow.Length, 4);
    NT_EXPECT_EQ(narrow.MaximumLength, 5);
    RtlInitUnicodeString(&wide, NULL);
    NT_EXPECT_EQ(wide.Length, 0);
    NT_EXPECT_EQ(wide.MaximumLength, 0);
    NT_EXPECT_EQ(wide.Buffer, NULL);
}

NT_TEST(RtlString, InitExRefusesWhatIsTooLongAndInitCutsIt)
{
    static WCHAR text[40000];
    UNICODE_STRING string;

    for (ULONG i = 0; i < 39999; i++) {
        text[i] = 'x';
    }
    NT_EXPECT_STATUS(RtlInitUnicodeStringEx(&string, text), STATUS_NAME_TOO_LONG);
    RtlInitUnicodeString(&string, text);
    NT_EXPECT_EQ(string.Length, 0xFFFC);
    NT_EXPECT_EQ(string.MaximumLength, 0xFFFE);
}

NT_TEST(RtlString, CopyCutsAtTheDestinationsEnd)
{
    WCHAR buffer[4] = L"zzz";
    UNICODE_STRING destination = {0, 3 * sizeof(WCHAR), buffer};
    UNICODE_STRING source = U(L"abcdef");

    RtlCopyUnicodeString(&destination, &source);
    NT_EXPECT_EQ(destination.Length, 6);
    NT_EXPECT_WSTR(buffer, L"abc");
    RtlCopyUnicodeString(&destination, NULL);
    NT_EXPECT_EQ(destination.Length, 0);
}

NT_TEST(RtlString, AppendIsAllOrNothing)
{
    WCHAR buffer[8] = {0};
    UNICODE_STRING destination = {0, sizeof(buffer), buffer};

    NT_EXPECT_STATUS(RtlAppendUnicodeToString(&destination, L"abcd"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlAppendUnicodeToString(&destination, L"efghi"), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(destination.Length, 8);
    NT_EXPECT_STATUS(RtlAppendUnicodeToString(&destination, L"efg"), STATUS_SUCCESS);
    NT_EXPECT_WSTR(buffer, L"abcdefg");
    NT_EXPECT_STATUS(RtlAppendUnicodeToString(&destination, NULL), STATUS_SUCCESS);
}

NT_TEST(RtlString, ComparisonAndPrefix)
{
    static const struct {
        UNICODE_STRING First;
        UNICODE_STRING Second;
        BOOLEAN Insensitive;
        BOOLEAN Equal;
        BOOLEAN Prefix;
    } rows[] = {
        {{6, 6, L"abc"}, {6, 6, L"abc"}, FALSE, TRUE, TRUE},
        {{6, 6, L"abc"}, {6, 6, L"aBc"}, FALSE, FALSE, FALSE},
        {{6, 6, L"abc"}, {6, 6, L"aBc"}, TRUE, TRUE, TRUE},
        {{4, 4, L"AB"}, {6, 6, L"abc"}, TRUE, FALSE, TRUE},
        {{8, 8, L"abcd"}, {6, 6, L"abc"}, FALSE, FALSE, FALSE},
        {{4, 4, L"\u00E4\u03C9"}, {4, 4, L"\u00C4\u03A9"}, TRUE, TRUE, TRUE},
        {{0, 0, NULL}, {6, 6, L"abc"}, TRUE, FALSE, TRUE},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_EQ(RtlEqualUnicodeString(&row->First, &row->Second, row->Insensitive),
                     row->Equal);
        NT_EXPECT_EQ(RtlPrefixUnicodeString(&row->First, &row->Second, row->Insensitive),
                     row->Prefix);
        NT_EXPECT_EQ(RtlCompareUnicodeString(&row->First, &row->Second, row->Insensitive) == 0,
                     row->Equal);
    }
}

NT_TEST(RtlString, CompareOrdersByUnitThenLength)
{
    UNICODE_STRING a = U(L"ab");
    UNICODE_STRING b = U(L"ac");
    UNICODE_STRING c = U(L"abc");

    NT_EXPECT_TRUE(RtlCompareUnicodeString(&a, &b, FALSE) < 0);
    NT_EXPECT_TRUE(RtlCompareUnicodeString(&b, &c, FALSE) > 0);
    NT_EXPECT_TRUE(RtlCompareUnicodeString(&a, &c, TRUE) < 0);
}

NT_TEST(RtlCase, MapsUnitsAsUnicodeDoesWhereItMapsBack)
{
    static const struct {
        WCHAR Lower;
        WCHAR Upper;
    } pairs[] = {
        {'a', 'A'},       {'z', 'Z'},       {0xE4, 0xC4},     {0xFF, 0x178},
        {0x101, 0x100},   {0x3B1, 0x391},   {0x44F, 0x42F},   {0x561, 0x531},
        {0x1E01, 0x1E00}, {0x1FB3, 0x1FBC}, {0x24D0, 0x24B6}, {0xFF41, 0xFF21},
    };
    static const WCHAR unchanged[] = {'1', '{', 0xB5, 0xDF, 0xF7, 0x131, 0x17F, 0x4E2D, 0xD800};

    NT_FOR_EACH (pair, pairs) {
        NT_EXPECT_EQ(RtlUpcaseUnicodeChar(pair->Lower), pair->Upper);
        NT_EXPECT_EQ(RtlUpcaseUnicodeChar(pair->Upper), pair->Upper);
        NT_EXPECT_EQ(RtlDowncaseUnicodeChar(pair->Upper), pair->Lower);
        NT_EXPECT_EQ(RtlDowncaseUnicodeChar(pair->Lower), pair->Lower);
    }
    NT_FOR_EACH (unit, unchanged) {
        NT_EXPECT_EQ(RtlUpcaseUnicodeChar(*unit), *unit);
    }
    NT_EXPECT_EQ(RtlUpcaseUnicodeChar(0x3C2), 0x3A3);
}

NT_TEST(RtlCase, UpcasingTwiceIsUpcasingOnce)
{
    for (ULONG unit = 0; unit < 0x10000; unit++) {
        WCHAR upper = RtlUpcaseUnicodeChar((WCHAR)unit);
        NT_EXPECT_EQ(RtlUpcaseUnicodeChar(upper), upper);
        NT_EXPECT_EQ(RtlUpcaseUnicodeChar(RtlDowncaseUnicodeChar(upper)), upper);
    }
}

NT_TEST(RtlCase, StringIsAllocatedOnRequest)
{
    UNICODE_STRING source = U(L"aB\u00E9");
    UNICODE_STRING upper;
    WCHAR small[2];
    UNICODE_STRING fixed = {0, sizeof(small), small};

    NT_EXPECT_STATUS(RtlUpcaseUnicodeString(&upper, &source, TRUE), STATUS_SUCCESS);
    NT_EXPECT_EQ(memcmp(upper.Buffer, L"AB\u00C9", 6), 0);
    RtlFreeUnicodeString(&upper);
    NT_EXPECT_EQ(upper.Buffer, NULL);
    NT_EXPECT_STATUS(RtlUpcaseUnicodeString(&fixed, &source, FALSE), STATUS_BUFFER_OVERFLOW);
    NoMemory = TRUE;
    NT_EXPECT_STATUS(RtlDowncaseUnicodeString(&upper, &source, TRUE), STATUS_NO_MEMORY);
}

NT_TEST(RtlString, AnsiIsUtf8BothWays)
{
    UNICODE_STRING wide = U(L"a\u00E9\u20AC");
    UNICODE_STRING back;
    ANSI_STRING narrow;

    NT_EXPECT_EQ(RtlxUnicodeStringToAnsiSize(&wide), 7);
    NT_EXPECT_STATUS(RtlUnicodeStringToAnsiString(&narrow, &wide, TRUE), STATUS_SUCCESS);
    NT_EXPECT_STR(narrow.Buffer, "a\xC3\xA9\xE2\x82\xAC");
    NT_EXPECT_EQ(narrow.Length, 6);
    NT_EXPECT_STATUS(RtlAnsiStringToUnicodeString(&back, &narrow, TRUE), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlEqualUnicodeString(&wide, &back, FALSE));
    NT_EXPECT_EQ(back.MaximumLength, 8);
    RtlFreeUnicodeString(&back);
    RtlFreeAnsiString(&narrow);
}

NT_TEST(RtlString, AnsiNeedsRoomForItsNul)
{
    UNICODE_STRING wide = U(L"abc");
    char buffer[4];
    ANSI_STRING narrow = {0, 3, buffer};

    NT_EXPECT_STATUS(RtlUnicodeStringToAnsiString(&narrow, &wide, FALSE), STATUS_BUFFER_OVERFLOW);
    narrow.MaximumLength = 4;
    NT_EXPECT_STATUS(RtlUnicodeStringToAnsiString(&narrow, &wide, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STR(buffer, "abc");
}

NT_TEST(RtlString, DuplicateTerminatesOnRequest)
{
    UNICODE_STRING source = {4, 4, L"abcd"};
    UNICODE_STRING copy;

    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(1, &source, &copy), STATUS_SUCCESS);
    NT_EXPECT_WSTR(copy.Buffer, L"ab");
    NT_EXPECT_EQ(copy.MaximumLength, 6);
    RtlFreeUnicodeString(&copy);
    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(2, &source, &copy), STATUS_INVALID_PARAMETER);
}

NT_TEST(RtlString, HashIgnoresCaseOnRequest)
{
    UNICODE_STRING lower = U(L"Device");
    UNICODE_STRING upper = U(L"DEVICE");
    ULONG first;
    ULONG second;

    NT_EXPECT_STATUS(RtlHashUnicodeString(&lower, TRUE, 0, &first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlHashUnicodeString(&upper, TRUE, 1, &second), STATUS_SUCCESS);
    NT_EXPECT_EQ(first, second);
    NT_EXPECT_STATUS(RtlHashUnicodeString(&upper, FALSE, 7, &second), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlHashUnicodeString(NULL, FALSE, 0, &second), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlHashUnicodeString(&upper, FALSE, 0, NULL), STATUS_INVALID_PARAMETER);
}

/* x65599: each character is added to 65599 times the hash so far. */
NT_TEST(RtlString, HashOfKnownStrings)
{
    static const struct {
        UNICODE_STRING Text;
        BOOLEAN AnyCase;
        ULONG Hash;
    } rows[] = {
        {{0, 0, NULL}, FALSE, 0},
        {{2, 2, L"T"}, FALSE, 0x54},
        {{8, 8, L"Test"}, FALSE, 0x766BB952},
        {{8, 8, L"TEST"}, FALSE, 0x6689C132},
        {{8, 8, L"test"}, FALSE, 0x4745D132},
        {{8, 8, L"test"}, TRUE, 0x6689C132},
        {{8, 8, L"Test"}, TRUE, 0x6689C132},
    };

    NT_FOR_EACH (row, rows) {
        for (ULONG algorithm = 0; algorithm < 2; algorithm++) {
            ULONG hash = 1;
            NT_EXPECT_STATUS(RtlHashUnicodeString(&row->Text, row->AnyCase, algorithm, &hash),
                             STATUS_SUCCESS);
            NT_EXPECT_EQ(hash, row->Hash);
        }
    }
}
