/* SPDX-License-Identifier: MIT
 *
 * test/rtl/oem_test.c - the OEM code page, short names, back traces, the version as a driver asks
 */
#include "rtl_test.h"

NT_TEST(RtlOem, BuffersAreConvertedAndCutAtACharacter)
{
    static const CHAR text[] = "a\xC3\xA9z";
    WCHAR wide[8] = {0};
    CHAR narrow[8] = {0};
    ULONG bytes = 0;

    NT_EXPECT_STATUS(RtlOemToUnicodeN(wide, sizeof(wide), &bytes, text, 4), STATUS_SUCCESS);
    NT_EXPECT_EQ(bytes, 6);
    NT_EXPECT_WSTR(wide, L"a\x00E9z");
    NT_EXPECT_STATUS(RtlOemToUnicodeN(wide, 4, &bytes, text, 4), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(bytes, 4);
    NT_EXPECT_STATUS(RtlUnicodeToOemN(narrow, 2, &bytes, L"a\x00E9z", 6), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(bytes, 1);
    NT_EXPECT_STATUS(RtlUnicodeToOemN(narrow, sizeof(narrow), NULL, L"a\x00E9z", 8),
                     STATUS_SUCCESS);
    NT_EXPECT_STR(narrow, text);
    NT_EXPECT_STATUS(RtlUpcaseUnicodeToOemN(narrow, sizeof(narrow), &bytes, L"a\x00E9z", 8),
                     STATUS_SUCCESS);
    NT_EXPECT_STR(narrow, "A\xC3\x89Z");
    NT_EXPECT_STATUS(RtlUpcaseUnicodeToOemN(narrow, 2, &bytes, L"a\x00E9z", 6),
                     STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(bytes, 1);
}

/* The routines of the ANSI code page do not say that they cut. */
NT_TEST(RtlOem, AnsiBuffersAreCutInSilence)
{
    WCHAR wide[8] = {0};
    CHAR narrow[8] = {0};
    ULONG bytes = 0;

    NT_EXPECT_STATUS(RtlUpcaseUnicodeToMultiByteN(narrow, 1, &bytes, L"ab", 4), STATUS_SUCCESS);
    NT_EXPECT_EQ(bytes, 1);
    NT_EXPECT_STR(narrow, "A");
    NT_EXPECT_STATUS(RtlUpcaseUnicodeToMultiByteN(narrow, sizeof(narrow), &bytes, L"a\x00E9z", 8),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(bytes, 5);
    NT_EXPECT_STR(narrow, "A\xC3\x89Z");
    NT_EXPECT_STATUS(RtlUnicodeToMultiByteN(narrow, 1, &bytes, L"ab", 4), STATUS_SUCCESS);
    NT_EXPECT_EQ(bytes, 1);
    NT_EXPECT_STATUS(RtlMultiByteToUnicodeN(wide, 2, &bytes, "ab", 2), STATUS_SUCCESS);
    NT_EXPECT_EQ(bytes, 2);
}

/* Pairs at every place of a text that is converted in parts. */
NT_TEST(RtlOem, UpcasingNeverTearsAPair)
{
    for (ULONG lead = 0; lead < 70; lead++) {
        WCHAR wide[140];
        CHAR direct[600];
        CHAR upper[600];
        ULONG units = 0;
        ULONG first;
        ULONG second;
        while (units < lead) {
            wide[units++] = L'A';
        }
        while (units + 1 < 140) {
            wide[units++] = 0xD83D;
            wide[units++] = 0xDE00;
        }
        NT_EXPECT_STATUS(RtlUnicodeToOemN(direct, sizeof(direct), &first, wide, units * 2),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(RtlUpcaseUnicodeToOemN(upper, sizeof(upper), &second, wide, units * 2),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(first, second);
        NT_EXPECT_TRUE(memcmp(direct, upper, first) == 0);
    }
}

NT_TEST(RtlOem, CountedStringsHaveNoEndAndKnowTheirRoom)
{
    UNICODE_STRING wide = U(L"a\x00E9");
    UNICODE_STRING broken = {2, 2, (WCHAR[]){0xD800}};
    UNICODE_STRING none = {0};
    OEM_STRING oem = {0};
    UNICODE_STRING back = {0};
    CHAR buffer[3] = "??";
    OEM_STRING small = {0, 2, buffer};

    NT_EXPECT_STATUS(RtlUnicodeStringToCountedOemString(&oem, &wide, TRUE), STATUS_SUCCESS);
    NT_EXPECT_EQ(oem.Length, 3);
    NT_EXPECT_EQ(oem.MaximumLength, 3);
    NT_EXPECT_TRUE(memcmp(oem.Buffer, "a\xC3\xA9", 3) == 0);
    NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&back, &oem, TRUE), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlEqualUnicodeString(&back, &wide, FALSE));
    RtlFreeUnicodeString(&back);
    NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&back, &oem, FALSE),
                     STATUS_BUFFER_OVERFLOW);
    RtlFreeOemString(&oem);
    NT_EXPECT_STATUS(RtlUnicodeStringToCountedOemString(&small, &wide, FALSE),
                     STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_STR(buffer, "??");
    NT_EXPECT_STATUS(RtlUnicodeStringToCountedOemString(&oem, &broken, TRUE),
                     STATUS_UNMAPPABLE_CHARACTER);
    NT_EXPECT_STATUS(RtlUpcaseUnicodeStringToCountedOemString(&oem, &broken, TRUE),
                     STATUS_UNMAPPABLE_CHARACTER);
    NT_EXPECT_STATUS(RtlUnicodeStringToCountedOemString(&oem, &none, TRUE), STATUS_SUCCESS);
    NT_EXPECT_EQ(oem.Buffer, NULL);
    NoMemory = TRUE;
    NT_EXPECT_STATUS(RtlUnicodeStringToCountedOemString(&oem, &wide, TRUE), STATUS_NO_MEMORY);
    NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&back, &small, TRUE), STATUS_SUCCESS);
    small.Length = 2;
    NT_EXPECT_STATUS(RtlOemStringToCountedUnicodeString(&back, &small, TRUE), STATUS_NO_MEMORY);
}

NT_TEST(RtlOem, UpperCaseStringEndsWithANul)
{
    UNICODE_STRING wide = U(L"x\x00E9");
    OEM_STRING oem = {0};
    CHAR buffer[4];
    OEM_STRING exact = {0, 4, buffer};
    OEM_STRING small = {0, 3, buffer};

    NT_EXPECT_STATUS(RtlUpcaseUnicodeStringToOemString(&oem, &wide, TRUE), STATUS_SUCCESS);
    NT_EXPECT_EQ(oem.Length, 3);
    NT_EXPECT_STR(oem.Buffer, "X\xC3\x89");
    RtlFreeOemString(&oem);
    NT_EXPECT_STATUS(RtlUpcaseUnicodeStringToOemString(&small, &wide, FALSE),
                     STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_STATUS(RtlUpcaseUnicodeStringToOemString(&exact, &wide, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STR(buffer, "X\xC3\x89");
}

NT_TEST(RtlOem, LongResultsAreRefused)
{
    static WCHAR wide[30000];
    UNICODE_STRING string = {sizeof(wide), sizeof(wide), wide};
    OEM_STRING oem;

    for (ULONG i = 0; i < 30000; i++) {
        wide[i] = 0x20AC;
    }
    NT_EXPECT_STATUS(RtlUnicodeStringToCountedOemString(&oem, &string, TRUE),
                     STATUS_INVALID_PARAMETER_2);
}

NT_TEST(RtlOem, CharactersAreValidUnlessHalfAPair)
{
    WCHAR letter = L'\x00E9';
    WCHAR half = 0xDC00;

    NT_EXPECT_TRUE(RtlIsValidOemCharacter(&letter));
    NT_EXPECT_EQ(letter, 0xC9);
    NT_EXPECT_FALSE(RtlIsValidOemCharacter(&half));
    NT_EXPECT_EQ(half, 0xDC00);
}

NT_TEST(RtlShortName, EightAndThree)
{
    static const struct {
        PCWSTR Name;
        BOOLEAN Legal;
        BOOLEAN Spaces;
    } rows[] = {
        {L"a", TRUE, FALSE},          {L"readme.txt", TRUE, FALSE}, {L"12345678.123", TRUE, FALSE},
        {L"a b.c", TRUE, TRUE},       {L".", TRUE, FALSE},          {L"..", TRUE, FALSE},
        {L"123456789", FALSE, FALSE}, {L"a.1234", FALSE, FALSE},    {L"a.b.c", FALSE, FALSE},
        {L".a", FALSE, FALSE},        {L"a.", FALSE, FALSE},        {L"a .b", FALSE, FALSE},
        {L"a+b", FALSE, FALSE},       {L"a*", FALSE, FALSE},        {L"", FALSE, FALSE},
        {L"a\x01", FALSE, FALSE},
    };

    NT_FOR_EACH (row, rows) {
        UNICODE_STRING name;
        BOOLEAN spaces = 9;
        RtlInitUnicodeString(&name, row->Name);
        if (RtlIsNameLegalDOS8Dot3(&name, NULL, &spaces) != row->Legal ||
            (row->Legal && spaces != row->Spaces)) {
            NT_FAIL("row %d", (int)(row - rows));
        }
    }
}

NT_TEST(RtlShortName, IsGivenInUpperCase)
{
    UNICODE_STRING name = U(L"File.txt");
    CHAR buffer[13] = {0};
    OEM_STRING oem = {0, 12, buffer};
    OEM_STRING small = {0, 7, buffer};

    NT_EXPECT_TRUE(RtlIsNameLegalDOS8Dot3(&name, &oem, NULL));
    NT_EXPECT_EQ(oem.Length, 8);
    NT_EXPECT_STR(buffer, "FILE.TXT");
    NT_EXPECT_FALSE(RtlIsNameLegalDOS8Dot3(&name, &small, NULL));
}

static PVOID Frames[16];

static __attribute__((noinline)) ULONG
Inner(ULONG Skip, PULONG Hash)
{
    volatile ULONG count = RtlCaptureStackBackTrace(Skip, 16, Frames, Hash);

    return count;
}

static __attribute__((noinline)) ULONG
Outer(ULONG Skip, PULONG Hash)
{
    volatile ULONG count = Inner(Skip, Hash);

    return count;
}

static BOOLEAN
IsIn(PVOID Address, ULONG (*Function)(ULONG, PULONG))
{
    return (ULONG_PTR)Address - (ULONG_PTR)Function < 0x200;
}

NT_TEST(RtlBacktrace, BeginsInTheCallerAndSkipsFramesFromThere)
{
    ULONG hash = 0;
    ULONG sum = 0;
    ULONG all = Outer(0, &hash);

    NT_EXPECT_TRUE(all >= 2);
    NT_EXPECT_TRUE(IsIn(Frames[0], Inner));
    NT_EXPECT_TRUE(IsIn(Frames[1], Outer));
    NT_EXPECT_EQ(Outer(1, NULL), all - 1);
    NT_EXPECT_TRUE(IsIn(Frames[0], Outer));
    NT_EXPECT_EQ(RtlCaptureStackBackTrace(0, 0, Frames, NULL), 0);
    all = Outer(0, &hash);
    for (ULONG i = 0; i < all; i++) {
        sum += (ULONG)(ULONG_PTR)Frames[i];
    }
    NT_EXPECT_EQ(hash, sum);
}

NT_TEST(RtlBacktrace, FrameChainBeginsInTheCallerToo)
{
    NT_EXPECT_TRUE(RtlWalkFrameChain(Frames, 16, 0) >= 1);
    NT_EXPECT_EQ(RtlWalkFrameChain(Frames, 16, 1), 0);
    NT_EXPECT_TRUE((ULONG_PTR)Frames[0] -
                       (ULONG_PTR)NtTest_RtlBacktrace_FrameChainBeginsInTheCallerToo <
                   0x1000);
}

NT_TEST(RtlVersion, PsGetVersionTellsOfTheSameWindows)
{
    RTL_OSVERSIONINFOW information = {.dwOSVersionInfoSize = sizeof(information)};
    UNICODE_STRING pack = U(L"x");
    ULONG major;
    ULONG minor;
    ULONG build;

    NT_EXPECT_STATUS(RtlGetVersion(&information), STATUS_SUCCESS);
    NT_EXPECT_FALSE(PsGetVersion(&major, &minor, &build, &pack));
    NT_EXPECT_EQ(major, information.dwMajorVersion);
    NT_EXPECT_EQ(minor, information.dwMinorVersion);
    NT_EXPECT_EQ(build, information.dwBuildNumber);
    NT_EXPECT_EQ(pack.Length, 0);
    NT_EXPECT_FALSE(PsGetVersion(NULL, NULL, NULL, NULL));
}
