/* SPDX-License-Identifier: MIT
 *
 * test/rtl/ansi_test.c - strings to and from the ANSI and the OEM code page, which are UTF-8
 *
 * The texts that are the same in every code page come first in each table.
 */
#include "rtl_test.h"

typedef struct TEXT_ROW {
    PCWSTR Wide;
    USHORT Units;
    const char *Narrow;
    USHORT Bytes;
} TEXT_ROW;

static const TEXT_ROW Texts[] = {
    {L"", 0, "", 0},
    {L"a", 1, "a", 1},
    {L"C:\\x", 4, "C:\\x", 4},
    {L"a\0b", 3, "a\0b", 3},
    {L"\x00E9", 1, "\xC3\xA9", 2},
    {L"x\x20AC", 2, "x\xE2\x82\xAC", 4},
    {L"\xD83D\xDE00", 2, "\xF0\x9F\x98\x80", 4},
};

static UNICODE_STRING
WideOf(const TEXT_ROW *Row)
{
    USHORT bytes = (USHORT)(Row->Units * sizeof(WCHAR));

    return (UNICODE_STRING){bytes, bytes, (PWSTR)(ULONG_PTR)Row->Wide};
}

static STRING
NarrowOf(const TEXT_ROW *Row)
{
    return (STRING){Row->Bytes, Row->Bytes, (PCHAR)(ULONG_PTR)Row->Narrow};
}

/* ---- strings that end with a NUL ---- */

typedef NTSTATUS(NTAPI *TO_NARROW)(PSTRING, PCUNICODE_STRING, BOOLEAN);

/* RtlAnsiStringToUnicodeString's source is not const in the headers. */
static NTSTATUS NTAPI
AnsiToUnicode(PUNICODE_STRING Destination, const STRING *Source, BOOLEAN Allocate)
{
    STRING source = *Source;

    return RtlAnsiStringToUnicodeString(Destination, &source, Allocate);
}

static const TO_NARROW ToNarrow[] = {RtlUnicodeStringToAnsiString, RtlUnicodeStringToOemString};

static NTSTATUS(NTAPI *const ToWide[])(PUNICODE_STRING, const STRING *,
                                       BOOLEAN) = {AnsiToUnicode, RtlOemStringToUnicodeString};

NT_TEST(RtlAnsi, EveryTextGoesToAnAllocatedStringWithItsNul)
{
    NT_FOR_EACH (row, Texts) {
        for (ULONG page = 0; page < 2; page++) {
            UNICODE_STRING wide = WideOf(row);
            UNICODE_STRING back = {7, 7, NULL};
            STRING narrow = {7, 7, NULL};
            NT_EXPECT_STATUS(ToNarrow[page](&narrow, &wide, TRUE), STATUS_SUCCESS);
            NT_EXPECT_EQ(narrow.Length, row->Bytes);
            NT_EXPECT_EQ(narrow.MaximumLength, row->Bytes + 1);
            NT_EXPECT_TRUE(memcmp(narrow.Buffer, row->Narrow, row->Bytes) == 0);
            NT_EXPECT_EQ(narrow.Buffer[row->Bytes], 0);
            NT_EXPECT_STATUS(ToWide[page](&back, &narrow, TRUE), STATUS_SUCCESS);
            NT_EXPECT_EQ(back.Length, wide.Length);
            NT_EXPECT_EQ(back.MaximumLength, wide.Length + 2);
            NT_EXPECT_TRUE(memcmp(back.Buffer, row->Wide, wide.Length) == 0);
            NT_EXPECT_EQ(back.Buffer[row->Units], 0);
            RtlFreeUnicodeString(&back);
            (page == 0 ? RtlFreeAnsiString : RtlFreeOemString)(&narrow);
            NT_EXPECT_EQ(LiveBlocks, 0);
        }
    }
}

NT_TEST(RtlAnsi, TheCallersBufferNeedsRoomForTheNulToo)
{
    NT_FOR_EACH (row, Texts) {
        for (ULONG page = 0; page < 2; page++) {
            UNICODE_STRING wide = WideOf(row);
            STRING source = NarrowOf(row);
            char bytes[8] = "???????";
            WCHAR units[8] = L"???????";
            STRING narrow = {1, row->Bytes, bytes};
            UNICODE_STRING back = {2, wide.Length, units};
            NT_EXPECT_STATUS(ToNarrow[page](&narrow, &wide, FALSE), STATUS_BUFFER_OVERFLOW);
            NT_EXPECT_STR(bytes, "???????");
            narrow.MaximumLength++;
            NT_EXPECT_STATUS(ToNarrow[page](&narrow, &wide, FALSE), STATUS_SUCCESS);
            NT_EXPECT_EQ(narrow.Length, row->Bytes);
            NT_EXPECT_TRUE(memcmp(bytes, row->Narrow, row->Bytes) == 0);
            NT_EXPECT_EQ(bytes[row->Bytes], 0);
            NT_EXPECT_EQ(bytes[row->Bytes + 1], '?');
            NT_EXPECT_STATUS(ToWide[page](&back, &source, FALSE), STATUS_BUFFER_OVERFLOW);
            NT_EXPECT_WSTR(units, L"???????");
            back.MaximumLength += sizeof(WCHAR);
            NT_EXPECT_STATUS(ToWide[page](&back, &source, FALSE), STATUS_SUCCESS);
            NT_EXPECT_EQ(back.Length, wide.Length);
            NT_EXPECT_TRUE(memcmp(units, row->Wide, wide.Length) == 0);
            NT_EXPECT_EQ(units[row->Units], 0);
            NT_EXPECT_EQ(units[row->Units + 1], L'?');
        }
    }
}

NT_TEST(RtlAnsi, WithoutMemoryNothingIsConverted)
{
    UNICODE_STRING wide = U(L"ab");
    STRING source = {2, 2, "ab"};

    NoMemory = TRUE;
    for (ULONG page = 0; page < 2; page++) {
        UNICODE_STRING back = {0};
        STRING narrow = {0};
        NT_EXPECT_STATUS(ToNarrow[page](&narrow, &wide, TRUE), STATUS_NO_MEMORY);
        NT_EXPECT_STATUS(ToWide[page](&back, &source, TRUE), STATUS_NO_MEMORY);
    }
}

/* What a string of the other kind cannot hold. */
NT_TEST(RtlAnsi, ResultsThatAreTooLongAreRefused)
{
    static WCHAR units[30000];
    static char bytes[0xFFFF];
    UNICODE_STRING wide = {sizeof(units), sizeof(units), units};
    STRING source = {sizeof(bytes), sizeof(bytes), bytes};

    for (ULONG i = 0; i < RTL_NUMBER_OF(units); i++) {
        units[i] = 0x20AC;
    }
    memset(bytes, 'x', sizeof(bytes));
    for (ULONG page = 0; page < 2; page++) {
        UNICODE_STRING back = {0};
        STRING narrow = {0};
        NT_EXPECT_STATUS(ToNarrow[page](&narrow, &wide, TRUE), STATUS_INVALID_PARAMETER_2);
        NT_EXPECT_STATUS(ToWide[page](&back, &source, TRUE), STATUS_INVALID_PARAMETER_2);
    }
}

NT_TEST(RtlAnsi, SizesCountTheNul)
{
    NT_FOR_EACH (row, Texts) {
        UNICODE_STRING wide = WideOf(row);
        STRING narrow = NarrowOf(row);
        NT_EXPECT_EQ(RtlxUnicodeStringToAnsiSize(&wide), row->Bytes + 1);
        NT_EXPECT_EQ(RtlxAnsiStringToUnicodeSize(&narrow), (row->Units + 1) * 2);
    }
}

NT_TEST(RtlAnsi, HalvesOfAPairAndBrokenBytesAreReplaced)
{
    UNICODE_STRING wide = {4, 4, (WCHAR[]){L'a', 0xD83D}};
    STRING narrow = {2, 2, "a\xC3"};
    UNICODE_STRING back;
    STRING text;

    for (ULONG page = 0; page < 2; page++) {
        NT_EXPECT_STATUS(ToNarrow[page](&text, &wide, TRUE), STATUS_SUCCESS);
        NT_EXPECT_STR(text.Buffer, "a\xEF\xBF\xBD");
        RtlFreeAnsiString(&text);
        NT_EXPECT_STATUS(ToWide[page](&back, &narrow, TRUE), STATUS_SUCCESS);
        NT_EXPECT_WSTR(back.Buffer, L"a\xFFFD");
        RtlFreeUnicodeString(&back);
    }
}

/* ---- buffers ---- */

typedef NTSTATUS(NTAPI *BUFFER_TO_NARROW)(PCHAR, ULONG, PULONG, PCWCH, ULONG);
typedef NTSTATUS(NTAPI *BUFFER_TO_WIDE)(PWSTR, ULONG, PULONG, PCCH, ULONG);

/* Those of the ANSI code page cut in silence, those of the OEM code page warn. */
static const struct {
    BUFFER_TO_NARROW Narrow;
    BUFFER_TO_WIDE Wide;
    NTSTATUS Cut;
} Buffers[] = {
    {RtlUnicodeToMultiByteN, RtlMultiByteToUnicodeN, STATUS_SUCCESS},
    {RtlUnicodeToOemN, RtlOemToUnicodeN, STATUS_BUFFER_OVERFLOW},
};

NT_TEST(RtlAnsi, BuffersAreConvertedWholeOrCut)
{
    NT_FOR_EACH (row, Texts) {
        ULONG wideBytes = row->Units * sizeof(WCHAR);
        NT_FOR_EACH (page, Buffers) {
            for (ULONG room = 0; room < 8; room++) {
                char bytes[9] = "????????";
                WCHAR units[9] = L"????????";
                ULONG count = 99;
                NT_EXPECT_STATUS(page->Narrow(bytes, room, &count, row->Wide, wideBytes),
                                 room >= row->Bytes ? STATUS_SUCCESS : page->Cut);
                NT_EXPECT_TRUE(count <= room && (count == row->Bytes || count < row->Bytes));
                NT_EXPECT_EQ(count == row->Bytes, room >= row->Bytes);
                NT_EXPECT_TRUE(memcmp(bytes, row->Narrow, count) == 0);
                NT_EXPECT_EQ(bytes[count], '?');
                NT_EXPECT_STATUS(page->Wide(units, room * 2, &count, row->Narrow, row->Bytes),
                                 room >= row->Units ? STATUS_SUCCESS : page->Cut);
                NT_EXPECT_EQ(count == wideBytes, room >= row->Units);
                NT_EXPECT_TRUE(memcmp(units, row->Wide, count) == 0);
                NT_EXPECT_EQ(units[count / 2], L'?');
                /* The count is optional. */
                NT_EXPECT_STATUS(page->Narrow(bytes, room, NULL, row->Wide, wideBytes),
                                 room >= row->Bytes ? STATUS_SUCCESS : page->Cut);
                NT_EXPECT_STATUS(page->Wide(units, room * 2, NULL, row->Narrow, row->Bytes),
                                 room >= row->Units ? STATUS_SUCCESS : page->Cut);
            }
        }
    }
}

/* A NUL at the end of the source is one at the end of the result. */
NT_TEST(RtlAnsi, BuffersEndWithANulIfTheSourceDoes)
{
    NT_FOR_EACH (page, Buffers) {
        char bytes[4] = "???";
        WCHAR units[4] = L"???";
        ULONG count;
        NT_EXPECT_STATUS(page->Narrow(bytes, 4, &count, L"ab", 6), STATUS_SUCCESS);
        NT_EXPECT_EQ(count, 3);
        NT_EXPECT_STR(bytes, "ab");
        NT_EXPECT_STATUS(page->Wide(units, 8, &count, "ab", 3), STATUS_SUCCESS);
        NT_EXPECT_EQ(count, 6);
        NT_EXPECT_WSTR(units, L"ab");
    }
}

NT_TEST(RtlAnsi, SizesOfBuffersDoNotCountANul)
{
    NT_FOR_EACH (row, Texts) {
        ULONG size = 99;
        NT_EXPECT_STATUS(RtlMultiByteToUnicodeSize(&size, row->Narrow, row->Bytes), STATUS_SUCCESS);
        NT_EXPECT_EQ(size, row->Units * sizeof(WCHAR));
        NT_EXPECT_STATUS(
            RtlUnicodeToMultiByteSize(&size, row->Wide, row->Units * (ULONG)sizeof(WCHAR)),
            STATUS_SUCCESS);
        NT_EXPECT_EQ(size, row->Bytes);
    }
}

/* ---- in upper case ---- */

static const struct {
    BUFFER_TO_NARROW Convert;
    NTSTATUS Cut;
} Upcases[] = {
    {RtlUpcaseUnicodeToMultiByteN, STATUS_SUCCESS},
    {RtlUpcaseUnicodeToOemN, STATUS_BUFFER_OVERFLOW},
};

NT_TEST(RtlAnsi, UpperCaseBuffersAreConvertedWholeOrCut)
{
    static const struct {
        PCWSTR Source;
        ULONG Bytes;
        ULONG Room;
        BOOLEAN Cut;
        const char *Text;
        ULONG Count;
    } rows[] = {
        {L"aB1_", 8, 8, FALSE, "AB1_", 4}, {L"aB1_", 8, 4, FALSE, "AB1_", 4},
        {L"aB1_", 8, 3, TRUE, "AB1", 3},   {L"aB1_", 8, 0, TRUE, "", 0},
        {L"", 0, 8, FALSE, "", 0},         {L"a", 4, 8, FALSE, "A\0", 2},
        {L"\x00E9", 2, 1, TRUE, "", 0},    {L"\x00E9", 2, 2, FALSE, "\xC3\x89", 2},
    };

    NT_FOR_EACH (page, Upcases) {
        NT_FOR_EACH (row, rows) {
            char bytes[9] = "????????";
            ULONG count = 99;
            NT_EXPECT_STATUS(page->Convert(bytes, row->Room, &count, row->Source, row->Bytes),
                             row->Cut ? page->Cut : STATUS_SUCCESS);
            NT_EXPECT_EQ(count, row->Count);
            NT_EXPECT_TRUE(memcmp(bytes, row->Text, count) == 0);
            NT_EXPECT_EQ(bytes[count], '?');
            NT_EXPECT_STATUS(page->Convert(bytes, row->Room, NULL, row->Source, row->Bytes),
                             row->Cut ? page->Cut : STATUS_SUCCESS);
        }
    }
}

/* ---- counted OEM strings, without a NUL, and RtlUpcaseUnicodeStringToOemString with one ---- */

static const struct {
    TO_NARROW Convert;
    BOOLEAN Upcase;
    BOOLEAN Nul;
} OemStrings[] = {
    {RtlUnicodeStringToCountedOemString, FALSE, FALSE},
    {RtlUpcaseUnicodeStringToCountedOemString, TRUE, FALSE},
    {RtlUpcaseUnicodeStringToOemString, TRUE, TRUE},
};

NT_TEST(RtlAnsi, OemStringsFailWhereTheySayAndLeaveTheBufferAlone)
{
    static WCHAR units[30000];
    UNICODE_STRING tooLong = {sizeof(units), sizeof(units), units};
    UNICODE_STRING source = U(L"aB");

    for (ULONG i = 0; i < RTL_NUMBER_OF(units); i++) {
        units[i] = 0x20AC;
    }
    NT_FOR_EACH (routine, OemStrings) {
        char bytes[5] = "????";
        STRING destination = {1, (USHORT)(1 + routine->Nul), bytes};
        STRING made = {0};
        NT_EXPECT_STATUS(routine->Convert(&destination, &source, FALSE), STATUS_BUFFER_OVERFLOW);
        NT_EXPECT_STR(bytes, "????");
        destination.MaximumLength++;
        NT_EXPECT_STATUS(routine->Convert(&destination, &source, FALSE), STATUS_SUCCESS);
        NT_EXPECT_EQ(destination.Length, 2);
        NT_EXPECT_TRUE(memcmp(bytes, routine->Upcase ? "AB" : "aB", 2) == 0);
        NT_EXPECT_EQ(bytes[2], routine->Nul ? 0 : '?');
        NT_EXPECT_EQ(bytes[3], '?');
        NT_EXPECT_STATUS(routine->Convert(&made, &tooLong, TRUE), STATUS_INVALID_PARAMETER_2);
        NT_EXPECT_STATUS(routine->Convert(&made, &source, TRUE), STATUS_SUCCESS);
        NT_EXPECT_EQ(made.Length, 2);
        NT_EXPECT_EQ(made.MaximumLength, 2 + routine->Nul);
        NT_EXPECT_TRUE(memcmp(made.Buffer, bytes, 2 + routine->Nul) == 0);
        RtlFreeOemString(&made);
        NoMemory = TRUE;
        NT_EXPECT_STATUS(routine->Convert(&made, &source, TRUE), STATUS_NO_MEMORY);
        NoMemory = FALSE;
    }
}

/* The counted forms refuse what has no OEM character; the other puts a default one there. */
NT_TEST(RtlAnsi, UnmappableCharactersAreRefusedOrReplaced)
{
    UNICODE_STRING source = {4, 4, (WCHAR[]){L'a', 0xDC00}};

    NT_FOR_EACH (routine, OemStrings) {
        char bytes[9] = "????????";
        STRING destination = {0, 8, bytes};
        NT_EXPECT_STATUS(routine->Convert(&destination, &source, FALSE),
                         routine->Nul ? STATUS_SUCCESS : STATUS_UNMAPPABLE_CHARACTER);
        NT_EXPECT_TRUE(routine->Nul ? strcmp(bytes, "A\xEF\xBF\xBD") == 0 : bytes[0] == '?');
    }
}

NT_TEST(RtlAnsi, CountedUnicodeStringsHaveNoNul)
{
    NT_FOR_EACH (row, Texts) {
        STRING source = NarrowOf(row);
        WCHAR units[8] = L"???????";
        UNICODE_STRING wide = {2, (USHORT)(row->Units * sizeof(WCHAR)), units};
        UNICODE_STRING made = {0};
        NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&wide, &source, FALSE), STATUS_SUCCESS);
        NT_EXPECT_EQ(wide.Length, row->Units * sizeof(WCHAR));
        NT_EXPECT_TRUE(memcmp(units, row->Wide, wide.Length) == 0);
        NT_EXPECT_EQ(units[row->Units], L'?');
        NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&made, &source, TRUE), STATUS_SUCCESS);
        NT_EXPECT_EQ(made.Length, wide.Length);
        NT_EXPECT_TRUE(made.Length == 0 || memcmp(made.Buffer, row->Wide, made.Length) == 0);
        RtlFreeUnicodeString(&made);
        if (wide.MaximumLength != 0) {
            wide.MaximumLength -= sizeof(WCHAR);
            units[0] = L'!';
            NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&wide, &source, FALSE),
                             STATUS_BUFFER_OVERFLOW);
            NT_EXPECT_EQ(units[0], L'!');
        }
    }
}

NT_TEST(RtlAnsi, CountedUnicodeStringsFailWithoutMemoryAndForWhatIsTooLong)
{
    static char bytes[0xFFFF];
    STRING tooLong = {sizeof(bytes), sizeof(bytes), bytes};
    STRING source = {2, 2, "ab"};
    UNICODE_STRING made = {0};

    memset(bytes, 'x', sizeof(bytes));
    NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&made, &tooLong, TRUE),
                     STATUS_INVALID_PARAMETER_2);
    NoMemory = TRUE;
    NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&made, &source, TRUE), STATUS_NO_MEMORY);
}

NT_TEST(RtlAnsi, LettersAreValidOemCharactersAndGivenInUpperCase)
{
    static const struct {
        WCHAR Before;
        BOOLEAN Valid;
        WCHAR After;
    } rows[] = {
        {L'a', TRUE, L'A'},      {L'Z', TRUE, L'Z'},      {L'1', TRUE, L'1'},
        {0x00E9, TRUE, 0x00C9},  {0x20AC, TRUE, 0x20AC},  {0xD800, FALSE, 0xD800},
        {0xDBFF, FALSE, 0xDBFF}, {0xDC00, FALSE, 0xDC00}, {0xDFFF, FALSE, 0xDFFF},
        {0xD7FF, TRUE, 0xD7FF},  {0xE000, TRUE, 0xE000},
    };

    NT_FOR_EACH (row, rows) {
        WCHAR unit = row->Before;
        NT_EXPECT_EQ(RtlIsValidOemCharacter(&unit), row->Valid);
        NT_EXPECT_EQ(unit, row->After);
    }
}
