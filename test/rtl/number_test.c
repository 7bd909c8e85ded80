/* SPDX-License-Identifier: MIT
 *
 * test/rtl/number_test.c - numbers, GUIDs, memory, times, versions, bitmaps
 */
#include "rtl_test.h"

NT_TEST(RtlNumber, FormatsInFourBases)
{
    static const struct {
        ULONG Value;
        ULONG Base;
        PCWSTR Text;
    } rows[] = {
        {0, 10, L"0"},  {1234567890, 0, L"1234567890"},  {0xBEEF, 16, L"BEEF"}, {8, 8, L"10"},
        {5, 2, L"101"}, {0xFFFFFFFF, 10, L"4294967295"},
    };

    NT_FOR_EACH (row, rows) {
        WCHAR buffer[40];
        UNICODE_STRING string = {0, sizeof(buffer), buffer};
        memset(buffer, 0xFF, sizeof(buffer));
        NT_EXPECT_STATUS(RtlIntegerToUnicodeString(row->Value, row->Base, &string), STATUS_SUCCESS);
        NT_EXPECT_WSTR(buffer, row->Text);
    }
}

NT_TEST(RtlNumber, FormatNeedsRoomForTheTerminatorAndAKnownBase)
{
    WCHAR buffer[3] = {'?', '?', '?'};
    UNICODE_STRING string = {0, sizeof(buffer), buffer};
    UNICODE_STRING exact = {0, 4, buffer};

    NT_EXPECT_STATUS(RtlIntegerToUnicodeString(12, 10, &exact), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_STATUS(RtlInt64ToUnicodeString(12, 10, &exact), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_EQ(buffer[0], '?');
    NT_EXPECT_STATUS(RtlIntegerToUnicodeString(12, 10, &string), STATUS_SUCCESS);
    NT_EXPECT_EQ(string.Length, 4);
    NT_EXPECT_WSTR(buffer, L"12");
    NT_EXPECT_STATUS(RtlIntegerToUnicodeString(123, 10, &string), STATUS_BUFFER_OVERFLOW);
    NT_EXPECT_STATUS(RtlIntegerToUnicodeString(1, 7, &string), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlInt64ToUnicodeString(1, 7, &string), STATUS_INVALID_PARAMETER);
}

NT_TEST(RtlNumber, FormatsSixtyFourBitsInFourBases)
{
    static const struct {
        ULONGLONG Value;
        ULONG Base;
        PCWSTR Text;
    } rows[] = {
        {MAXULONGLONG, 0, L"18446744073709551615"},
        {MAXULONGLONG, 16, L"FFFFFFFFFFFFFFFF"},
        {MAXULONGLONG, 8, L"1777777777777777777777"},
        {MAXULONGLONG, 2, L"1111111111111111111111111111111111111111111111111111111111111111"},
        {0x100000000, 10, L"4294967296"},
        {0, 2, L"0"},
    };

    NT_FOR_EACH (row, rows) {
        WCHAR buffer[65];
        UNICODE_STRING string = {0, sizeof(buffer), buffer};
        memset(buffer, 0xFF, sizeof(buffer));
        NT_EXPECT_STATUS(RtlInt64ToUnicodeString(row->Value, row->Base, &string), STATUS_SUCCESS);
        NT_EXPECT_WSTR(buffer, row->Text);
        NT_EXPECT_EQ(buffer[string.Length / sizeof(WCHAR)], 0);
    }
}

NT_TEST(RtlNumber, ParsesSignsPrefixesAndStopsAtTheFirstNonDigit)
{
    static const struct {
        UNICODE_STRING Text;
        ULONG Base;
        ULONG Value;
    } rows[] = {
        {{6, 6, L"123"}, 10, 123}, {{8, 8, L" -12"}, 0, (ULONG)-12},
        {{8, 8, L"0x1F"}, 0, 31},  {{8, 8, L"0b11"}, 0, 3},
        {{8, 8, L"0o17"}, 0, 15},  {{8, 8, L"12z4"}, 10, 12},
        {{2, 2, L"z"}, 10, 0},     {{2, 2, L" "}, 10, 0},
        {{4, 4, L"+7"}, 10, 7},    {{4, 4, L"fF"}, 16, 255},
        {{4, 8, L"1234"}, 10, 12},
    };

    NT_FOR_EACH (row, rows) {
        ULONG value = 99;
        NT_EXPECT_STATUS(RtlUnicodeStringToInteger(&row->Text, row->Base, &value), STATUS_SUCCESS);
        NT_EXPECT_EQ(value, row->Value);
    }
}

NT_TEST(RtlNumber, AnEmptyStringOrAnUnknownBaseIsNoNumber)
{
    UNICODE_STRING none = {0};
    UNICODE_STRING empty = {0, 2, L"1"};
    UNICODE_STRING one = {2, 2, L"1"};
    ULONG value = 99;

    NT_EXPECT_STATUS(RtlUnicodeStringToInteger(&none, 10, &value), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlUnicodeStringToInteger(&empty, 0, &value), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlUnicodeStringToInteger(&one, 3, &value), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(value, 99);
}

NT_TEST(RtlNumber, ParsesCStrings)
{
    ULONG value;

    NT_EXPECT_STATUS(RtlCharToInteger("0x10", 0, &value), STATUS_SUCCESS);
    NT_EXPECT_EQ(value, 16);
    NT_EXPECT_STATUS(RtlCharToInteger("0", 0, &value), STATUS_SUCCESS);
    NT_EXPECT_EQ(value, 0);
    NT_EXPECT_STATUS(RtlCharToInteger("10", 3, &value), STATUS_INVALID_PARAMETER);
}

NT_TEST(RtlGuid, TextAndBytesAgree)
{
    static const GUID guid = {
        0x01234567, 0x89AB, 0xCDEF, {1, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}};
    UNICODE_STRING text;
    GUID back;

    NT_EXPECT_STATUS(RtlStringFromGUID(&guid, &text), STATUS_SUCCESS);
    NT_EXPECT_WSTR(text.Buffer, L"{01234567-89AB-CDEF-0123-456789ABCDEF}");
    NT_EXPECT_STATUS(RtlGUIDFromString(&text, &back), STATUS_SUCCESS);
    NT_EXPECT_EQ(memcmp(&back, &guid, sizeof(guid)), 0);
    text.Buffer[9] = '+';
    NT_EXPECT_STATUS(RtlGUIDFromString(&text, &back), STATUS_INVALID_PARAMETER);
    RtlFreeUnicodeString(&text);
}

NT_TEST(RtlMemory, CompareCountsEqualBytes)
{
    ULONG pattern[3] = {7, 7, 8};

    NT_EXPECT_EQ(RtlCompareMemory("abcd", "abxd", 4), 2);
    NT_EXPECT_EQ(RtlCompareMemory("abcd", "abcd", 4), 4);
    NT_EXPECT_EQ(RtlCompareMemoryUlong(pattern, sizeof(pattern), 7), 8);
    NT_EXPECT_EQ(RtlCompareMemoryUlong(pattern, 8, 7), 8);
    NT_EXPECT_EQ(RtlCompareMemoryUlong(pattern, 0, 7), 0);
}

NT_TEST(RtlMemory, CompareUlongWantsWholeAlignedOnes)
{
    ULONG pattern[3] = {0x07070707, 0x07070707, 0x07070707};

    for (ULONG extra = 1; extra < 4; extra++) {
        NT_EXPECT_EQ(RtlCompareMemoryUlong(pattern, 4 + extra, 0x07070707), 0);
        NT_EXPECT_EQ(RtlCompareMemoryUlong((UCHAR *)pattern + extra, 8, 0x07070707), 0);
    }
}

NT_TEST(RtlRandom, SequenceDependsOnTheSeedOnlyAndStaysInRange)
{
    ULONG first = 1;
    ULONG second = 1;
    ULONG other = 2;
    ULONG same = 0;

    for (ULONG i = 0; i < 1000; i++) {
        ULONG number = RtlRandomEx(&first);
        NT_EXPECT_TRUE(number < MAXLONG);
        NT_EXPECT_EQ(RtlRandomEx(&second), number);
        same += RtlRandomEx(&other) == number;
    }
    NT_EXPECT_TRUE(same < 5);
}

/* ---- time ---- */

NT_TEST(RtlTime, FieldsOfKnownInstants)
{
    static const struct {
        LONGLONG Time;
        TIME_FIELDS Fields;
    } rows[] = {
        {0, {1601, 1, 1, 0, 0, 0, 0, 1}},
        {116444736000000000, {1970, 1, 1, 0, 0, 0, 0, 4}},
        {125963423990000000, {2000, 2, 29, 23, 59, 59, 0, 2}},
        {133480223999990000, {2023, 12, 25, 23, 59, 59, 999, 1}},
    };

    NT_FOR_EACH (row, rows) {
        LARGE_INTEGER time = {.QuadPart = row->Time};
        TIME_FIELDS fields;
        LARGE_INTEGER back;
        RtlTimeToTimeFields(&time, &fields);
        NT_EXPECT_EQ(memcmp(&fields, &row->Fields, sizeof(fields)), 0);
        NT_EXPECT_EQ(RtlTimeFieldsToTime(&fields, &back), TRUE);
        NT_EXPECT_EQ(back.QuadPart, row->Time);
    }
}

NT_TEST(RtlTime, EveryDayOfEightHundredYearsSurvivesTheRoundTrip)
{
    for (LONGLONG day = 0; day < 800 * 366; day++) {
        LARGE_INTEGER time = {.QuadPart = day * 864000000000};
        LARGE_INTEGER back;
        TIME_FIELDS fields;
        RtlTimeToTimeFields(&time, &fields);
        NT_EXPECT_EQ(RtlTimeFieldsToTime(&fields, &back), TRUE);
        NT_EXPECT_EQ(back.QuadPart, time.QuadPart);
    }
}

NT_TEST(RtlTime, NonsenseIsNoTime)
{
    static TIME_FIELDS rows[] = {
        {1600, 12, 31, 0, 0, 0, 0, 0}, {2023, 2, 29, 0, 0, 0, 0, 0},   {2023, 13, 1, 0, 0, 0, 0, 0},
        {2023, 1, 0, 0, 0, 0, 0, 0},   {2023, 1, 1, 24, 0, 0, 0, 0},   {1900, 2, 29, 0, 0, 0, 0, 0},
        {2023, 1, 1, 0, 60, 0, 0, 0},  {2023, 1, 1, 0, 0, 0, 1000, 0},
    };

    NT_FOR_EACH (row, rows) {
        LARGE_INTEGER time;
        NT_EXPECT_EQ(RtlTimeFieldsToTime(row, &time), FALSE);
    }
}

NT_TEST(RtlTime, SecondsSince1970AndLocalTimeGoBothWays)
{
    LARGE_INTEGER time;
    LARGE_INTEGER local;
    ULONG seconds;

    RtlSecondsSince1970ToTime(1700000000, &time);
    NT_EXPECT_EQ(RtlTimeToSecondsSince1970(&time, &seconds), TRUE);
    NT_EXPECT_EQ(seconds, 1700000000);
    ExSystemTimeToLocalTime(&time, &local);
    ExLocalTimeToSystemTime(&local, &local);
    NT_EXPECT_EQ(local.QuadPart, time.QuadPart);
    time.QuadPart = 0;
    NT_EXPECT_EQ(RtlTimeToSecondsSince1970(&time, &seconds), FALSE);
}

/* Local time is UTC less the bias, which is not 0 on this host. */
NT_TEST(RtlTime, LocalTimeIsTheBiasAway)
{
    LARGE_INTEGER time = {.QuadPart = 133480223999990000};
    LARGE_INTEGER other = {.QuadPart = 0};

    NT_EXPECT_NE(HalpTimeZoneBias(), 0);
    ExSystemTimeToLocalTime(&time, &other);
    NT_EXPECT_EQ(other.QuadPart, time.QuadPart - HalpTimeZoneBias());
    ExLocalTimeToSystemTime(&time, &other);
    NT_EXPECT_EQ(other.QuadPart, time.QuadPart + HalpTimeZoneBias());
}

NT_TEST(RtlTime, SecondsOfKnownInstants)
{
    static const struct {
        LONGLONG Time;
        ULONG Since1970;
        ULONG Since1980;
    } rows[] = {
        {119600064000000000, 315532800, 0},          /* 1980-01-01 */
        {119600064009999999, 315532800, 0},          /* the last tick of that second */
        {125911584000000000, 946684800, 631152000},  /* 2000-01-01 */
        {133480223999990000, 1703548799, 1388015999} /* 2023-12-25 23:59:59.999 */
    };
    LARGE_INTEGER edge = {.QuadPart = 116444736000000000};
    ULONG seconds = 7;

    NT_FOR_EACH (row, rows) {
        LARGE_INTEGER time = {.QuadPart = row->Time};
        LARGE_INTEGER back;
        NT_EXPECT_TRUE(RtlTimeToSecondsSince1970(&time, &seconds));
        NT_EXPECT_EQ(seconds, row->Since1970);
        RtlSecondsSince1970ToTime(seconds, &back);
        NT_EXPECT_EQ(back.QuadPart, row->Time / 10000000 * 10000000);
        NT_EXPECT_TRUE(RtlTimeToSecondsSince1980(&time, &seconds));
        NT_EXPECT_EQ(seconds, row->Since1980);
        RtlSecondsSince1980ToTime(seconds, &back);
        NT_EXPECT_EQ(back.QuadPart, row->Time / 10000000 * 10000000);
    }
    NT_EXPECT_TRUE(RtlTimeToSecondsSince1970(&edge, &seconds));
    NT_EXPECT_EQ(seconds, 0);
    NT_EXPECT_FALSE(RtlTimeToSecondsSince1980(&edge, &seconds));
    edge.QuadPart--;
    NT_EXPECT_FALSE(RtlTimeToSecondsSince1970(&edge, &seconds));
    RtlSecondsSince1970ToTime(MAXULONG, &edge);
    NT_EXPECT_TRUE(RtlTimeToSecondsSince1970(&edge, &seconds));
    NT_EXPECT_EQ(seconds, MAXULONG);
    edge.QuadPart += 10000000;
    NT_EXPECT_FALSE(RtlTimeToSecondsSince1970(&edge, &seconds));
}

/* ---- version ---- */

NT_TEST(RtlVersion, IsWindows10Build19045)
{
    RTL_OSVERSIONINFOEXW info = {.dwOSVersionInfoSize = sizeof(info)};

    NT_EXPECT_STATUS(RtlGetVersion((PRTL_OSVERSIONINFOW)&info), STATUS_SUCCESS);
    NT_EXPECT_EQ(info.dwMajorVersion, 10);
    NT_EXPECT_EQ(info.dwBuildNumber, 19045);
    NT_EXPECT_EQ(info.wProductType, VER_NT_WORKSTATION);
    info.dwOSVersionInfoSize = 7;
    NT_EXPECT_STATUS(RtlGetVersion((PRTL_OSVERSIONINFOW)&info), STATUS_SUCCESS);
}

NT_TEST(RtlVersion, VerifyComparesMajorBeforeMinor)
{
    static const struct {
        ULONG Major;
        ULONG Minor;
        NTSTATUS Status;
    } rows[] = {
        {6, 3, STATUS_SUCCESS},
        {10, 0, STATUS_SUCCESS},
        {10, 1, STATUS_REVISION_MISMATCH},
        {11, 0, STATUS_REVISION_MISMATCH},
    };
    ULONGLONG mask =
        VerSetConditionMask(VerSetConditionMask(0, VER_MAJORVERSION, VER_GREATER_EQUAL),
                            VER_MINORVERSION, VER_GREATER_EQUAL);

    NT_FOR_EACH (row, rows) {
        RTL_OSVERSIONINFOEXW info = {.dwMajorVersion = row->Major, .dwMinorVersion = row->Minor};
        NT_EXPECT_STATUS(RtlVerifyVersionInfo(&info, VER_MAJORVERSION | VER_MINORVERSION, mask),
                         row->Status);
    }
}

NT_TEST(RtlVersion, ConditionsHaveThreeBitsForEachType)
{
    static const ULONG types[] = {
        VER_MINORVERSION,     VER_MAJORVERSION,     VER_BUILDNUMBER, VER_PLATFORMID,
        VER_SERVICEPACKMINOR, VER_SERVICEPACKMAJOR, VER_SUITENAME,   VER_PRODUCT_TYPE,
    };
    ULONGLONG all = 0;

    for (ULONG i = 0; i < RTL_NUMBER_OF(types); i++) {
        for (UCHAR condition = VER_EQUAL; condition <= VER_OR; condition++) {
            NT_EXPECT_EQ(VerSetConditionMask(0, types[i], condition),
                         (ULONGLONG)condition << (i * 3));
        }
        all = VerSetConditionMask(all, types[i], (UCHAR)(i % 7 + 1));
    }
    NT_EXPECT_EQ(all, 017654321);
    NT_EXPECT_EQ(VerSetConditionMask(5, 0, VER_EQUAL), 5);
    NT_EXPECT_EQ(VerSetConditionMask(5, VER_BUILDNUMBER, 0), 5);
}

/* Each numeric member against a value below, at and above what this system has. */
NT_TEST(RtlVersion, VerifyKnowsEveryMemberAndCondition)
{
    static const struct {
        ULONG Type;
        ULONG Ours;
        ULONG Offset;
        ULONG Size;
    } members[] = {
        {VER_MAJORVERSION, 10, FIELD_OFFSET(RTL_OSVERSIONINFOEXW, dwMajorVersion), 4},
        {VER_MINORVERSION, 0, FIELD_OFFSET(RTL_OSVERSIONINFOEXW, dwMinorVersion), 4},
        {VER_BUILDNUMBER, 19045, FIELD_OFFSET(RTL_OSVERSIONINFOEXW, dwBuildNumber), 4},
        {VER_PLATFORMID, VER_PLATFORM_WIN32_NT, FIELD_OFFSET(RTL_OSVERSIONINFOEXW, dwPlatformId),
         4},
        {VER_SERVICEPACKMAJOR, 0, FIELD_OFFSET(RTL_OSVERSIONINFOEXW, wServicePackMajor), 2},
        {VER_SERVICEPACKMINOR, 0, FIELD_OFFSET(RTL_OSVERSIONINFOEXW, wServicePackMinor), 2},
        {VER_PRODUCT_TYPE, VER_NT_WORKSTATION, FIELD_OFFSET(RTL_OSVERSIONINFOEXW, wProductType), 1},
    };
    /* What holds when ours is below, equal to and above what is asked for. */
    static const BOOLEAN holds[][3] = {
        [VER_EQUAL] = {FALSE, TRUE, FALSE},        [VER_GREATER] = {FALSE, FALSE, TRUE},
        [VER_GREATER_EQUAL] = {FALSE, TRUE, TRUE}, [VER_LESS] = {TRUE, FALSE, FALSE},
        [VER_LESS_EQUAL] = {TRUE, TRUE, FALSE},
    };

    NT_FOR_EACH (member, members) {
        for (UCHAR condition = VER_EQUAL; condition <= VER_LESS_EQUAL; condition++) {
            for (LONG order = member->Ours == 0 ? 0 : 1; order >= -1; order--) {
                RTL_OSVERSIONINFOEXW info = {0};
                ULONG asked = member->Ours - (ULONG)order;
                ULONGLONG mask = VerSetConditionMask(0, member->Type, condition);
                memcpy((UCHAR *)&info + member->Offset, &asked, member->Size);
                NT_EXPECT_STATUS(RtlVerifyVersionInfo(&info, member->Type, mask),
                                 holds[condition][order + 1] ? STATUS_SUCCESS
                                                             : STATUS_REVISION_MISMATCH);
            }
        }
    }
}

NT_TEST(RtlVersion, VerifyComparesSuitesByAndAndOr)
{
    static const struct {
        USHORT Suites;
        UCHAR Condition;
        NTSTATUS Status;
    } rows[] = {
        {VER_SUITE_SINGLEUSERTS, VER_AND, STATUS_SUCCESS},
        {VER_SUITE_SINGLEUSERTS, VER_OR, STATUS_SUCCESS},
        {VER_SUITE_SINGLEUSERTS | VER_SUITE_BLADE, VER_AND, STATUS_REVISION_MISMATCH},
        {VER_SUITE_SINGLEUSERTS | VER_SUITE_BLADE, VER_OR, STATUS_SUCCESS},
        {VER_SUITE_BLADE, VER_OR, STATUS_REVISION_MISMATCH},
        {VER_SUITE_BLADE, VER_AND, STATUS_REVISION_MISMATCH},
    };

    NT_FOR_EACH (row, rows) {
        RTL_OSVERSIONINFOEXW info = {.wSuiteMask = row->Suites};
        NT_EXPECT_STATUS(
            RtlVerifyVersionInfo(&info, VER_SUITENAME,
                                 VerSetConditionMask(0, VER_SUITENAME, row->Condition)),
            row->Status);
    }
}

NT_TEST(RtlVersion, VerifyWantsEveryMemberToHold)
{
    RTL_OSVERSIONINFOEXW info = {
        .dwMajorVersion = 10, .dwBuildNumber = 19045, .wProductType = VER_NT_SERVER};
    ULONGLONG mask = VerSetConditionMask(0, VER_MAJORVERSION, VER_EQUAL);

    mask = VerSetConditionMask(mask, VER_BUILDNUMBER, VER_EQUAL);
    mask = VerSetConditionMask(mask, VER_PRODUCT_TYPE, VER_EQUAL);
    NT_EXPECT_STATUS(RtlVerifyVersionInfo(&info, VER_MAJORVERSION | VER_BUILDNUMBER, mask),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        RtlVerifyVersionInfo(&info, VER_MAJORVERSION | VER_BUILDNUMBER | VER_PRODUCT_TYPE, mask),
        STATUS_REVISION_MISMATCH);
    NT_EXPECT_STATUS(RtlVerifyVersionInfo(&info, 0, mask), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlVerifyVersionInfo(&info, VER_MAJORVERSION, 0), STATUS_INVALID_PARAMETER);
}

/* ---- bitmaps, against one that is kept bit by bit ---- */

#define BITS 100

static ULONG
NaiveFindClear(const BOOLEAN *Bits, ULONG Count, ULONG From)
{
    for (ULONG start = From; start + Count <= BITS; start++) {
        ULONG run = 0;
        while (run < Count && !Bits[start + run]) {
            run++;
        }
        if (run == Count) {
            return start;
        }
    }
    return 0xFFFFFFFF;
}

NT_TEST(RtlBitmap, AgreesWithAnArrayOfBooleans)
{
    ULONG words[4] = {0, 0, 0, 0xFFFFFFF0};
    RTL_BITMAP map;
    BOOLEAN bits[BITS] = {0};
    ULONG seed = 3;

    RtlInitializeBitMap(&map, words, BITS);
    for (ULONG i = 0; i < 20000; i++) {
        ULONG start = RtlRandomEx(&seed) % BITS;
        ULONG count = RtlRandomEx(&seed) % (BITS - start) + 1;
        BOOLEAN set = RtlRandomEx(&seed) % 2 == 0;
        ULONG total = 0;
        count = count % 9 + 1 < count ? count % 9 + 1 : count;
        (set ? RtlSetBits : RtlClearBits)(&map, start, count);
        memset(&bits[start], set, count);
        for (ULONG bit = 0; bit < BITS; bit++) {
            total += bits[bit];
        }
        NT_EXPECT_EQ(RtlNumberOfSetBits(&map), total);
        NT_EXPECT_EQ(RtlTestBit(&map, start), set);
        NT_EXPECT_EQ(RtlFindClearBits(&map, count, 0), NaiveFindClear(bits, count, 0));
        NT_EXPECT_EQ(RtlAreBitsClear(&map, start, count), !set);
    }
    NT_EXPECT_EQ(words[3] & 0xFFFFFFF0, 0xFFFFFFF0);
}

NT_TEST(RtlBitmap, FindWrapsRoundFromTheHint)
{
    ULONG words[2] = {0, 0};
    RTL_BITMAP map;

    RtlInitializeBitMap(&map, words, 64);
    NT_EXPECT_EQ(RtlFindClearBitsAndSet(&map, 4, 33), 32);
    NT_EXPECT_EQ(RtlFindClearBitsAndSet(&map, 30, 40), 0);
    NT_EXPECT_EQ(RtlFindSetBits(&map, 30, 0), 0);
    NT_EXPECT_EQ(RtlFindClearBits(&map, 40, 0), 0xFFFFFFFF);
    NT_EXPECT_EQ(RtlFindSetBitsAndClear(&map, 4, 32), 32);
    NT_EXPECT_EQ(RtlNumberOfClearBits(&map), 34);
}

NT_TEST(RtlBitmap, FindsTheLongestClearRuns)
{
    ULONG words[1] = {0xFFFFFFFF};
    RTL_BITMAP map;
    RTL_BITMAP_RUN runs[2];
    ULONG start;

    RtlInitializeBitMap(&map, words, 32);
    RtlClearBits(&map, 2, 1);
    RtlClearBits(&map, 8, 5);
    RtlClearBits(&map, 20, 3);
    NT_EXPECT_EQ(RtlFindClearRuns(&map, runs, 2, TRUE), 2);
    NT_EXPECT_EQ(runs[0].StartingIndex, 8);
    NT_EXPECT_EQ(runs[1].StartingIndex, 20);
    NT_EXPECT_EQ(RtlFindClearRuns(&map, runs, 2, FALSE), 2);
    NT_EXPECT_EQ(runs[0].StartingIndex, 2);
    NT_EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 5);
    NT_EXPECT_EQ(start, 8);
    NT_EXPECT_EQ(RtlFindNextForwardRunClear(&map, 13, &start), 3);
    NT_EXPECT_EQ(start, 20);
    NT_EXPECT_EQ(RtlFindLastBackwardRunClear(&map, 10, &start), 3);
    NT_EXPECT_EQ(start, 8);
}
