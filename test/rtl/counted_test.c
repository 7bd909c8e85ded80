/* SPDX-License-Identifier: MIT
 *
 * test/rtl/counted_test.c - STRING and UNICODE_STRING: making, copying, appending, comparing
 */
#include "rtl_test.h"

/* A STRING of a literal. */
#define S(text)                                                  \
    (STRING)                                                     \
    {                                                            \
        sizeof(text) - 1, sizeof(text), (PCHAR)(ULONG_PTR)(text) \
    }

/* ---- making ---- */

NT_TEST(RtlCounted, InitStringCountsUpToTheNul)
{
    STRING string = S("before");

    RtlInitString(&string, "abc");
    NT_EXPECT_EQ(string.Length, 3);
    NT_EXPECT_EQ(string.MaximumLength, 4);
    NT_EXPECT_STR(string.Buffer, "abc");
    RtlInitString(&string, "");
    NT_EXPECT_EQ(string.Length, 0);
    NT_EXPECT_EQ(string.MaximumLength, 1);
    NT_EXPECT_NE(string.Buffer, NULL);
    RtlInitString(&string, NULL);
    NT_EXPECT_EQ(string.Length, 0);
    NT_EXPECT_EQ(string.MaximumLength, 0);
    NT_EXPECT_EQ(string.Buffer, NULL);
}

/* The longest text that a STRING can tell of, and one more. */
NT_TEST(RtlCounted, InitStringCutsWhatItsLengthCannotTell)
{
    static char text[0x10002];
    static const struct {
        ULONG Length;
        NTSTATUS Status;
        USHORT Told;
    } rows[] = {
        {0xFFFD, STATUS_SUCCESS, 0xFFFD},
        {0xFFFE, STATUS_SUCCESS, 0xFFFE},
        {0xFFFF, STATUS_NAME_TOO_LONG, 0xFFFE},
        {0x10001, STATUS_NAME_TOO_LONG, 0xFFFE},
    };

    memset(text, 'x', sizeof(text));
    NT_FOR_EACH (row, rows) {
        STRING string = S("before");
        text[row->Length] = '\0';
        NT_EXPECT_STATUS(RtlInitAnsiStringEx(&string, text), row->Status);
        NT_EXPECT_EQ(string.Length, row->Status == STATUS_SUCCESS ? row->Length : 6);
        RtlInitString(&string, text);
        NT_EXPECT_EQ(string.Length, row->Told);
        NT_EXPECT_EQ(string.MaximumLength, row->Told + 1);
        NT_EXPECT_EQ(string.Buffer, text);
        text[row->Length] = 'x';
    }
}

NT_TEST(RtlCounted, InitExOfNothingIsAnEmptyString)
{
    STRING narrow = S("x");
    UNICODE_STRING wide = U(L"x");

    NT_EXPECT_STATUS(RtlInitAnsiStringEx(&narrow, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(narrow.Length, 0);
    NT_EXPECT_EQ(narrow.MaximumLength, 0);
    NT_EXPECT_EQ(narrow.Buffer, NULL);
    NT_EXPECT_STATUS(RtlInitUnicodeStringEx(&wide, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(wide.Length, 0);
    NT_EXPECT_EQ(wide.MaximumLength, 0);
    NT_EXPECT_EQ(wide.Buffer, NULL);
    NT_EXPECT_STATUS(RtlInitUnicodeStringEx(&wide, L"ab"), STATUS_SUCCESS);
    NT_EXPECT_EQ(wide.Length, 4);
    NT_EXPECT_EQ(wide.MaximumLength, 6);
    NT_EXPECT_WSTR(wide.Buffer, L"ab");
}

static WCHAR LongText[0x8001];

/* LongText as a C string of so many units. */
static PCWSTR
TextOf(ULONG Units)
{
    for (ULONG i = 0; i < Units; i++) {
        LongText[i] = L'x';
    }
    LongText[Units] = 0;
    return LongText;
}

NT_TEST(RtlCounted, InitUnicodeExKnowsTheLongestString)
{
    UNICODE_STRING string;

    NT_EXPECT_STATUS(RtlInitUnicodeStringEx(&string, TextOf(32766)), STATUS_SUCCESS);
    NT_EXPECT_EQ(string.Length, 65532);
    NT_EXPECT_EQ(string.MaximumLength, 65534);
    NT_EXPECT_STATUS(RtlInitUnicodeStringEx(&string, TextOf(32767)), STATUS_NAME_TOO_LONG);
}

NT_TEST(RtlCounted, CreateCopiesTheTextWithItsNul)
{
    static WCHAR text[] = L"a\x20AC";
    UNICODE_STRING string;

    NT_EXPECT_TRUE(RtlCreateUnicodeString(&string, text));
    NT_EXPECT_EQ(string.Length, 4);
    NT_EXPECT_EQ(string.MaximumLength, 6);
    NT_EXPECT_NE(string.Buffer, text);
    NT_EXPECT_WSTR(string.Buffer, L"a\x20AC");
    RtlFreeUnicodeString(&string);
    NT_EXPECT_TRUE(RtlCreateUnicodeString(&string, L""));
    NT_EXPECT_EQ(string.Length, 0);
    NT_EXPECT_WSTR(string.Buffer, L"");
    RtlFreeUnicodeString(&string);
}

NT_TEST(RtlCounted, CreateFailsWithoutMemoryAndForWhatIsTooLong)
{
    UNICODE_STRING string;

    NT_EXPECT_FALSE(RtlCreateUnicodeString(&string, TextOf(32768)));
    NT_EXPECT_TRUE(RtlCreateUnicodeString(&string, TextOf(32766)));
    NT_EXPECT_EQ(string.Length, 65532);
    RtlFreeUnicodeString(&string);
    NoMemory = TRUE;
    NT_EXPECT_FALSE(RtlCreateUnicodeString(&string, L"x"));
}

/* ---- copying ---- */

NT_TEST(RtlCounted, CopyStringTakesWhatFitsAndNothingElse)
{
    static const struct {
        USHORT Room;
        STRING Source;
        USHORT Length;
        const char *After;
    } rows[] = {
        {4, {2, 2, "ab"}, 2, "ab??"},   {4, {4, 4, "abcd"}, 4, "abcd"},
        {3, {4, 4, "abcd"}, 3, "abc?"}, {0, {4, 4, "abcd"}, 0, "????"},
        {4, {0, 0, NULL}, 0, "????"},
    };

    NT_FOR_EACH (row, rows) {
        char buffer[5] = "????";
        STRING destination = {1, row->Room, buffer};
        STRING source = row->Source;
        RtlCopyString(&destination, &source);
        NT_EXPECT_EQ(destination.Length, row->Length);
        NT_EXPECT_EQ(destination.MaximumLength, row->Room);
        NT_EXPECT_EQ(destination.Buffer, buffer);
        NT_EXPECT_STR(buffer, row->After);
    }
}

NT_TEST(RtlCounted, CopyOfNoStringIsEmpty)
{
    char buffer[] = "ab";
    STRING destination = {2, 3, buffer};

    RtlCopyString(&destination, NULL);
    NT_EXPECT_EQ(destination.Length, 0);
    NT_EXPECT_EQ(destination.MaximumLength, 3);
    NT_EXPECT_EQ(destination.Buffer, buffer);
    NT_EXPECT_STR(buffer, "ab");
}

NT_TEST(RtlCounted, CopyInPlaceKeepsTheText)
{
    char buffer[] = "abc";
    STRING string = {3, 4, buffer};

    RtlCopyString(&string, &string);
    NT_EXPECT_EQ(string.Length, 3);
    NT_EXPECT_STR(buffer, "abc");
}

NT_TEST(RtlCounted, AppendingStringsIsAllOrNothing)
{
    static const struct {
        USHORT Before;
        USHORT Room;
        STRING Source;
        NTSTATUS Status;
        USHORT Length;
        const char *After;
    } rows[] = {
        {2, 6, {2, 2, "cd"}, STATUS_SUCCESS, 4, "abcd??"},
        {2, 4, {2, 2, "cd"}, STATUS_SUCCESS, 4, "abcd??"},
        {2, 3, {2, 2, "cd"}, STATUS_BUFFER_TOO_SMALL, 2, "ab????"},
        {0, 6, {6, 6, "cdefgh"}, STATUS_SUCCESS, 6, "cdefgh"},
        {2, 2, {0, 0, NULL}, STATUS_SUCCESS, 2, "ab????"},
        {2, 6, {0xFFFF, 0xFFFF, NULL}, STATUS_BUFFER_TOO_SMALL, 2, "ab????"},
    };

    NT_FOR_EACH (row, rows) {
        char buffer[] = "ab????";
        STRING destination = {row->Before, row->Room, buffer};
        NT_EXPECT_STATUS(RtlAppendStringToString(&destination, &row->Source), row->Status);
        NT_EXPECT_EQ(destination.Length, row->Length);
        NT_EXPECT_EQ(destination.MaximumLength, row->Room);
        NT_EXPECT_STR(buffer, row->After);
    }
}

NT_TEST(RtlCounted, AppendingUnicodeStringsIsAllOrNothing)
{
    static const struct {
        USHORT Room;
        UNICODE_STRING Source;
        NTSTATUS Status;
        USHORT Length;
    } rows[] = {
        {12, {4, 4, L"cd"}, STATUS_SUCCESS, 8},
        {8, {4, 4, L"cd"}, STATUS_SUCCESS, 8},
        {7, {4, 4, L"cd"}, STATUS_BUFFER_TOO_SMALL, 4},
        {6, {4, 4, L"cd"}, STATUS_BUFFER_TOO_SMALL, 4},
        {4, {0, 0, NULL}, STATUS_SUCCESS, 4},
        {12, {0xFFFE, 0xFFFE, NULL}, STATUS_BUFFER_TOO_SMALL, 4},
    };

    NT_FOR_EACH (row, rows) {
        WCHAR buffer[] = L"ab????";
        UNICODE_STRING destination = {4, row->Room, buffer};
        NT_EXPECT_STATUS(RtlAppendUnicodeStringToString(&destination, &row->Source), row->Status);
        NT_EXPECT_EQ(destination.Length, row->Length);
        NT_EXPECT_EQ(destination.MaximumLength, row->Room);
        NT_EXPECT_TRUE(memcmp(buffer, row->Length == 8 ? L"abcd" : L"ab??", 8) == 0);
        NT_EXPECT_EQ(buffer[5], L'?');
    }
}

NT_TEST(RtlCounted, AppendingAStringToItselfDoublesIt)
{
    WCHAR buffer[5] = L"ab";
    UNICODE_STRING wide = {4, sizeof(buffer), buffer};
    char bytes[5] = "cd";
    STRING narrow = {2, sizeof(bytes), bytes};

    NT_EXPECT_STATUS(RtlAppendUnicodeStringToString(&wide, &wide), STATUS_SUCCESS);
    NT_EXPECT_WSTR(buffer, L"abab");
    NT_EXPECT_STATUS(RtlAppendUnicodeStringToString(&wide, &wide), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(RtlAppendStringToString(&narrow, &narrow), STATUS_SUCCESS);
    NT_EXPECT_STR(bytes, "cdcd");
}

/* Flags 1: with a NUL; 2 besides: a buffer for an empty string too. */
NT_TEST(RtlCounted, DuplicateKnowsItsFlags)
{
    static const struct {
        ULONG Flags;
        UNICODE_STRING Source;
        USHORT MaximumLength;
        BOOLEAN Buffer;
    } rows[] = {
        {0, {4, 8, L"abcd"}, 4, TRUE},  {1, {4, 8, L"abcd"}, 6, TRUE},
        {3, {4, 8, L"abcd"}, 6, TRUE},  {0, {0, 8, L"abcd"}, 0, FALSE},
        {1, {0, 8, L"abcd"}, 0, FALSE}, {3, {0, 8, L"abcd"}, 2, TRUE},
        {0, {0, 0, NULL}, 0, FALSE},    {3, {0, 0, NULL}, 2, TRUE},
    };

    NT_FOR_EACH (row, rows) {
        UNICODE_STRING copy = U(L"before");
        NT_EXPECT_STATUS(RtlDuplicateUnicodeString(row->Flags, &row->Source, &copy),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(copy.Length, row->Source.Length);
        NT_EXPECT_EQ(copy.MaximumLength, row->MaximumLength);
        NT_EXPECT_EQ(copy.Buffer != NULL, row->Buffer);
        if (row->Buffer) {
            NT_EXPECT_NE(copy.Buffer, row->Source.Buffer);
            NT_EXPECT_TRUE(RtlEqualUnicodeString(&copy, &row->Source, FALSE));
        }
        if (copy.MaximumLength > copy.Length) {
            NT_EXPECT_EQ(copy.Buffer[copy.Length / sizeof(WCHAR)], 0);
        }
        RtlFreeUnicodeString(&copy);
    }
}

NT_TEST(RtlCounted, DuplicateRefusesWhatIsWrongAndTellsOfMissingMemory)
{
    UNICODE_STRING source = U(L"ab");
    UNICODE_STRING longest = {0xFFFE, 0xFFFE, LongText};
    UNICODE_STRING odd = {3, 4, L"ab"};
    UNICODE_STRING copy = {1, 2, NULL};

    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(4, &source, &copy), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(2, &source, &copy), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(1, &source, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(1, &odd, &copy), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(1, &longest, &copy), STATUS_NAME_TOO_LONG);
    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(0, &longest, &copy), STATUS_SUCCESS);
    NT_EXPECT_EQ(copy.Length, 0xFFFE);
    RtlFreeUnicodeString(&copy);
    NoMemory = TRUE;
    NT_EXPECT_STATUS(RtlDuplicateUnicodeString(0, &source, &copy), STATUS_NO_MEMORY);
}

NT_TEST(RtlCounted, ValidateKnowsWhatAUnicodeStringIs)
{
    static const struct {
        UNICODE_STRING String;
        NTSTATUS Status;
    } rows[] = {
        {{4, 6, L"ab"}, STATUS_SUCCESS},
        {{4, 4, L"ab"}, STATUS_SUCCESS},
        {{0, 0, L"ab"}, STATUS_SUCCESS},
        {{0, 0, NULL}, STATUS_SUCCESS},
        {{0xFFFE, 0xFFFE, LongText}, STATUS_SUCCESS},
        {{3, 6, L"ab"}, STATUS_INVALID_PARAMETER},
        {{4, 5, L"ab"}, STATUS_INVALID_PARAMETER},
        {{6, 4, L"ab"}, STATUS_INVALID_PARAMETER},
        {{0, 4, NULL}, STATUS_INVALID_PARAMETER},
        {{4, 4, NULL}, STATUS_INVALID_PARAMETER},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(RtlValidateUnicodeString(0, &row->String), row->Status);
        NT_EXPECT_STATUS(RtlValidateUnicodeString(1, &row->String), STATUS_INVALID_PARAMETER);
    }
    NT_EXPECT_STATUS(RtlValidateUnicodeString(0, NULL), STATUS_SUCCESS);
}

/* ---- comparing ---- */

static LONG
Sign(LONG Order)
{
    return Order < 0 ? -1 : Order > 0;
}

NT_TEST(RtlCounted, StringsCompareByBytesThenLength)
{
    static const struct {
        STRING First;
        STRING Second;
        LONG Exact;
        LONG AnyCase;
    } rows[] = {
        {{3, 3, "abc"}, {3, 3, "abc"}, 0, 0},     {{3, 3, "abc"}, {3, 3, "ABC"}, 1, 0},
        {{3, 3, "aBc"}, {3, 3, "abD"}, -1, -1},   {{2, 2, "ab"}, {3, 3, "abc"}, -1, -1},
        {{2, 2, "AB"}, {3, 3, "abc"}, -1, -1},    {{2, 3, "abc"}, {2, 3, "abd"}, 0, 0},
        {{0, 0, NULL}, {0, 0, NULL}, 0, 0},       {{0, 0, NULL}, {1, 1, "a"}, -1, -1},
        {{1, 1, "b"}, {3, 3, "abc"}, 1, 1},       {{3, 3, "a\0b"}, {3, 3, "a\0c"}, -1, -1},
        {{1, 1, "\x80"}, {1, 1, "\x7F"}, 1, 1},   {{1, 1, "_"}, {1, 1, "a"}, -1, 1},
        {{1, 1, "\xC3"}, {1, 1, "\xC4"}, -1, -1}, {{2, 2, "z{"}, {2, 2, "Z["}, 1, 1},
    };

    NT_FOR_EACH (row, rows) {
        STRING first = row->First;
        STRING second = row->Second;
        NT_EXPECT_EQ(Sign(RtlCompareString(&first, &second, FALSE)), row->Exact);
        NT_EXPECT_EQ(Sign(RtlCompareString(&first, &second, TRUE)), row->AnyCase);
        NT_EXPECT_EQ(Sign(RtlCompareString(&second, &first, FALSE)), -row->Exact);
        NT_EXPECT_EQ(Sign(RtlCompareString(&second, &first, TRUE)), -row->AnyCase);
        NT_EXPECT_EQ(RtlEqualString(&first, &second, FALSE), row->Exact == 0);
        NT_EXPECT_EQ(RtlEqualString(&first, &second, TRUE), row->AnyCase == 0);
    }
}

NT_TEST(RtlCounted, UnicodeBuffersCompareByUnitsThenLength)
{
    static const struct {
        PCWSTR First;
        SIZE_T FirstLength;
        PCWSTR Second;
        SIZE_T SecondLength;
        LONG Exact;
        LONG AnyCase;
    } rows[] = {
        {L"abc", 3, L"abc", 3, 0, 0},     {L"abc", 3, L"ABC", 3, 1, 0},
        {L"abc", 2, L"abd", 2, 0, 0},     {L"ab", 2, L"abc", 3, -1, -1},
        {NULL, 0, NULL, 0, 0, 0},         {NULL, 0, L"a", 1, -1, -1},
        {L"\xE9", 1, L"\xC9", 1, 1, 0},   {L"\xFF5A", 1, L"\xFF3A", 1, 1, 0},
        {L"_", 1, L"a", 1, -1, 1},        {L"\xFFFF", 1, L"a", 1, 1, 1},
        {L"a\0b", 3, L"a\0c", 3, -1, -1},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_EQ(Sign(RtlCompareUnicodeStrings(row->First, row->FirstLength, row->Second,
                                                   row->SecondLength, FALSE)),
                     row->Exact);
        NT_EXPECT_EQ(Sign(RtlCompareUnicodeStrings(row->First, row->FirstLength, row->Second,
                                                   row->SecondLength, TRUE)),
                     row->AnyCase);
        NT_EXPECT_EQ(Sign(RtlCompareUnicodeStrings(row->Second, row->SecondLength, row->First,
                                                   row->FirstLength, TRUE)),
                     -row->AnyCase);
    }
}

/* ---- case ---- */

NT_TEST(RtlCounted, UpperCharChangesTheLettersOfAsciiOnly)
{
    for (ULONG byte = 0; byte < 0x80; byte++) {
        BOOLEAN lower = byte >= 'a' && byte <= 'z';
        NT_EXPECT_EQ(RtlUpperChar((CHAR)byte), lower ? byte - 'a' + 'A' : byte);
    }
    NT_EXPECT_EQ((UCHAR)RtlUpperChar((CHAR)0xC3), 0xC3); /* begins a character of two bytes */
    NT_EXPECT_EQ((UCHAR)RtlUpperChar((CHAR)0xA9), 0xA9);
}

NT_TEST(RtlCounted, UpperStringCutsAtItsRoom)
{
    static const struct {
        USHORT Room;
        STRING Source;
        USHORT Length;
        const char *After;
    } rows[] = {
        {4, {3, 3, "aB1"}, 3, "AB1?"},
        {2, {3, 3, "aB1"}, 2, "AB??"},
        {0, {3, 3, "aB1"}, 0, "????"},
        {4, {0, 0, NULL}, 0, "????"},
    };

    NT_FOR_EACH (row, rows) {
        char buffer[5] = "????";
        STRING destination = {1, row->Room, buffer};
        STRING source = row->Source;
        RtlUpperString(&destination, &source);
        NT_EXPECT_EQ(destination.Length, row->Length);
        NT_EXPECT_EQ(destination.MaximumLength, row->Room);
        NT_EXPECT_EQ(destination.Buffer, buffer);
        NT_EXPECT_STR(buffer, row->After);
    }
}

NT_TEST(RtlCounted, UpperStringWorksInPlace)
{
    char buffer[] = "path\\x";
    STRING string = {6, 7, buffer};

    RtlUpperString(&string, &string);
    NT_EXPECT_STR(buffer, "PATH\\X");
}

NT_TEST(RtlCounted, DowncaseWritesWhereItIsTold)
{
    static const WCHAR text[] = L"aB\x00C9\x03A9";
    UNICODE_STRING source = {8, 8, (PWSTR)(ULONG_PTR)text};
    WCHAR buffer[4] = {L'?', L'?', L'?', L'?'};
    UNICODE_STRING fixed = {2, sizeof(buffer), buffer};
    UNICODE_STRING small = {2, sizeof(buffer) - 2, buffer};
    UNICODE_STRING made = {0};

    NT_EXPECT_STATUS(RtlDowncaseUnicodeString(&small, &source, FALSE), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(buffer[0], L'?');
    NT_EXPECT_EQ(small.Length, 2);
    NT_EXPECT_STATUS(RtlDowncaseUnicodeString(&fixed, &source, FALSE), STATUS_SUCCESS);
    NT_EXPECT_EQ(fixed.Length, 8);
    NT_EXPECT_EQ(fixed.Buffer, buffer);
    NT_EXPECT_TRUE(memcmp(buffer, L"ab\x00E9\x03C9", 8) == 0);
    NT_EXPECT_TRUE(memcmp(text, L"aB\x00C9\x03A9", 8) == 0);
    NT_EXPECT_STATUS(RtlDowncaseUnicodeString(&made, &source, TRUE), STATUS_SUCCESS);
    NT_EXPECT_EQ(made.Length, 8);
    NT_EXPECT_TRUE(made.MaximumLength >= 8);
    NT_EXPECT_TRUE(RtlEqualUnicodeString(&made, &fixed, FALSE));
    RtlFreeUnicodeString(&made);
    NoMemory = TRUE;
    NT_EXPECT_STATUS(RtlDowncaseUnicodeString(&made, &source, TRUE), STATUS_NO_MEMORY);
}
