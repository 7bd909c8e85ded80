/* SPDX-License-Identifier: MIT
 *
 * test/user/base_test.c - times, text, memory, slots, modules, environment
 */
#include <stdlib.h>

#include "gate.h"
#include "kernel32/kernel32.h"
#include "nt_test.h"

/* ---- time ---- */

static ULONGLONG
Join(FILETIME Time)
{
    return (ULONGLONG)Time.dwHighDateTime << 32 | Time.dwLowDateTime;
}

NT_TEST(Time, KnownDatesConvertBothWays)
{
    static const struct {
        ULONGLONG Ticks;
        SYSTEMTIME Time; /* year, month, day of week, day, hour, minute, second, ms */
    } rows[] = {
        {0, {1601, 1, 1, 1, 0, 0, 0, 0}},
        {116444736000000000ull, {1970, 1, 4, 1, 0, 0, 0, 0}},
        {125963423990000000ull, {2000, 2, 2, 29, 23, 59, 59, 0}},
        {132223104000000000ull, {2020, 1, 3, 1, 0, 0, 0, 0}},
        {133536532800010000ull, {2024, 2, 4, 29, 4, 8, 0, 1}},
        {2650467743990000000ull, {9999, 12, 5, 31, 23, 59, 59, 0}},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        FILETIME fileTime = {(DWORD)rows[i].Ticks, (DWORD)(rows[i].Ticks >> 32)};
        FILETIME back;
        SYSTEMTIME time;

        NT_EXPECT_TRUE(FileTimeToSystemTime(&fileTime, &time));
        NT_EXPECT_EQ(time.wYear, rows[i].Time.wYear);
        NT_EXPECT_EQ(time.wMonth, rows[i].Time.wMonth);
        NT_EXPECT_EQ(time.wDay, rows[i].Time.wDay);
        NT_EXPECT_EQ(time.wDayOfWeek, rows[i].Time.wDayOfWeek);
        NT_EXPECT_EQ(time.wHour, rows[i].Time.wHour);
        NT_EXPECT_EQ(time.wMinute, rows[i].Time.wMinute);
        NT_EXPECT_EQ(time.wSecond, rows[i].Time.wSecond);
        NT_EXPECT_EQ(time.wMilliseconds, rows[i].Time.wMilliseconds);
        NT_EXPECT_TRUE(SystemTimeToFileTime(&time, &back));
        NT_EXPECT_EQ(Join(back), rows[i].Ticks);
    }
}

NT_TEST(Time, EveryDayOf400YearsFollowsTheOneBefore)
{
    const ULONGLONG day = 864000000000ull;
    SYSTEMTIME before = {1601, 1, 1, 1, 0, 0, 0, 0};

    for (ULONGLONG ticks = day; ticks < day * 146098; ticks += day) {
        FILETIME fileTime = {(DWORD)ticks, (DWORD)(ticks >> 32)};
        SYSTEMTIME time;
        FILETIME back;

        FileTimeToSystemTime(&fileTime, &time);
        NT_EXPECT_EQ(time.wDayOfWeek, (before.wDayOfWeek + 1) % 7);
        NT_EXPECT_TRUE((time.wDay == before.wDay + 1 && time.wMonth == before.wMonth) ||
                       (time.wDay == 1 && before.wDay >= 28 &&
                        (time.wMonth == before.wMonth + 1 ||
                         (time.wMonth == 1 && time.wYear == before.wYear + 1))));
        NT_EXPECT_TRUE(SystemTimeToFileTime(&time, &back));
        NT_EXPECT_EQ(Join(back), ticks);
        before = time;
    }
    NT_EXPECT_EQ(before.wYear, 2001);
}

NT_TEST(Time, WrongDatesAreRefused)
{
    static const SYSTEMTIME rows[] = {
        {1600, 12, 0, 31, 0, 0, 0, 0}, {2023, 2, 0, 29, 0, 0, 0, 0}, {1900, 2, 0, 29, 0, 0, 0, 0},
        {2024, 13, 0, 1, 0, 0, 0, 0},  {2024, 4, 0, 31, 0, 0, 0, 0}, {2024, 1, 0, 0, 0, 0, 0, 0},
        {2024, 1, 0, 1, 24, 0, 0, 0},  {2024, 1, 0, 1, 0, 60, 0, 0}, {2024, 1, 0, 1, 0, 0, 0, 1000},
    };
    FILETIME negative = {0, 0x80000000};
    FILETIME fileTime;
    SYSTEMTIME time;

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        NT_EXPECT_FALSE(SystemTimeToFileTime(&rows[i], &fileTime));
        NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    }
    NT_EXPECT_FALSE(FileTimeToSystemTime(&negative, &time));
}

NT_TEST(Time, ZoneRulesApply)
{
    TIME_ZONE_INFORMATION berlin = {
        .Bias = -60,
        .StandardDate = {0, 10, 0, 5, 3, 0, 0, 0}, /* last Sunday of October, 3:00 */
        .DaylightDate = {0, 3, 0, 5, 2, 0, 0, 0},
        .DaylightBias = -60,
    };
    SYSTEMTIME winter = {2024, 1, 0, 15, 12, 0, 0, 0};
    SYSTEMTIME summer = {2024, 7, 0, 15, 23, 30, 0, 0};
    SYSTEMTIME lastSecond = {2024, 3, 0, 31, 0, 59, 59, 0};
    SYSTEMTIME first = {2024, 3, 0, 31, 1, 0, 0, 0};
    SYSTEMTIME local;

    NT_EXPECT_TRUE(SystemTimeToTzSpecificLocalTime(&berlin, &winter, &local));
    NT_EXPECT_EQ(local.wHour, 13);
    SystemTimeToTzSpecificLocalTime(&berlin, &summer, &local);
    NT_EXPECT_EQ(local.wDay, 16);
    NT_EXPECT_EQ(local.wHour, 1);
    SystemTimeToTzSpecificLocalTime(&berlin, &lastSecond, &local);
    NT_EXPECT_EQ(local.wHour, 1);
    SystemTimeToTzSpecificLocalTime(&berlin, &first, &local);
    NT_EXPECT_EQ(local.wHour, 3);
    setenv("TZ", "UTC-5:30", 1);
    SystemTimeToTzSpecificLocalTime(NULL, &winter, &local);
    NT_EXPECT_EQ(local.wHour, 17);
    NT_EXPECT_EQ(local.wMinute, 30);
}

NT_TEST(Time, ClocksGoForward)
{
    ULONGLONG before = GetTickCount64();
    LARGE_INTEGER frequency;
    LARGE_INTEGER first;
    LARGE_INTEGER second;
    FILETIME now;

    QueryPerformanceFrequency(&frequency);
    NT_EXPECT_EQ(frequency.QuadPart, 10000000);
    QueryPerformanceCounter(&first);
    QueryPerformanceCounter(&second);
    NT_EXPECT_TRUE(second.QuadPart >= first.QuadPart);
    NT_EXPECT_TRUE(GetTickCount64() >= before);
    GetSystemTimeAsFileTime(&now);
    NT_EXPECT_TRUE(Join(now) > 132223104000000000ull);
}

/* ---- text ---- */

NT_TEST(Text, ConversionsCountAndConvert)
{
    static const char utf8[] = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
    static const WCHAR utf16[] = {'a', 0xE4, 0x20AC, 0xD83D, 0xDE00, 0};
    WCHAR wide[16];
    char text[16];

    NT_EXPECT_EQ(MultiByteToWideChar(CP_UTF8, 0, utf8, -1, NULL, 0), 6);
    NT_EXPECT_EQ(MultiByteToWideChar(CP_ACP, 0, utf8, -1, wide, 16), 6);
    NT_EXPECT_WSTR(wide, utf16);
    NT_EXPECT_EQ(MultiByteToWideChar(CP_UTF8, 0, utf8, 3, wide, 2), 2);
    NT_EXPECT_EQ(MultiByteToWideChar(CP_UTF8, 0, utf8, -1, wide, 5), 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    NT_EXPECT_EQ(WideCharToMultiByte(CP_UTF8, 0, utf16, -1, NULL, 0, NULL, NULL), 11);
    NT_EXPECT_EQ(WideCharToMultiByte(CP_UTF8, 0, utf16, -1, text, 16, NULL, NULL), 11);
    NT_EXPECT_STR(text, utf8);
    NT_EXPECT_EQ(WideCharToMultiByte(CP_UTF8, 0, utf16, -1, text, 10, NULL, NULL), 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    NT_EXPECT_EQ(WideCharToMultiByte(1252, 0, utf16, -1, text, 16, NULL, NULL), 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

NT_TEST(Text, IllFormedPartsBecomeOneReplacementEach)
{
    static const struct {
        const char *Utf8;
        WCHAR Utf16[6];
    } rows[] = {
        {"\x80", {0xFFFD}},
        {"\xC3", {0xFFFD}},
        {"\xC0\xAF", {0xFFFD, 0xFFFD}},
        {"\xE2\x82", {0xFFFD}},
        {"\xE2\x82z", {0xFFFD, 'z'}},
        {"\xED\xA0\x80", {0xFFFD, 0xFFFD, 0xFFFD}}, /* a surrogate */
        {"\xF0\x9F\x98", {0xFFFD}},
        {"\xF4\x90\x80\x80", {0xFFFD, 0xFFFD, 0xFFFD, 0xFFFD}},
    };
    static const WCHAR lone[] = {0xD800, 'x', 0};
    WCHAR wide[8];
    char text[8];

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        NT_EXPECT_NE(MultiByteToWideChar(CP_UTF8, 0, rows[i].Utf8, -1, wide, 8), 0);
        NT_EXPECT_WSTR(wide, rows[i].Utf16);
        NT_EXPECT_EQ(MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, rows[i].Utf8, -1, wide, 8),
                     0);
        NT_EXPECT_EQ(GetLastError(), ERROR_NO_UNICODE_TRANSLATION);
    }
    NT_EXPECT_EQ(WideCharToMultiByte(CP_UTF8, 0, lone, -1, text, 8, NULL, NULL), 5);
    NT_EXPECT_STR(text, "\xEF\xBF\xBDx");
    NT_EXPECT_EQ(WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, lone, -1, text, 8, NULL, NULL),
                 0);
}

NT_TEST(Text, LFunctions)
{
    WCHAR wide[8];
    char text[8];

    NT_EXPECT_EQ(lstrlenA(NULL), 0);
    NT_EXPECT_EQ(lstrlenW(L"abc"), 3);
    lstrcpynA(text, "abcdef", 4);
    NT_EXPECT_STR(text, "abc");
    lstrcatA(text, "x");
    NT_EXPECT_STR(text, "abcx");
    lstrcpynW(wide, L"ab", 8);
    lstrcatW(wide, L"CD");
    NT_EXPECT_WSTR(wide, L"abCD");
    NT_EXPECT_EQ(lstrcmpiW(wide, L"ABcd"), 0);
    NT_EXPECT_NE(lstrcmpW(wide, L"ABcd"), 0);
}

/* ---- memory ---- */

NT_TEST(Memory, PagesReserveCommitAndFree)
{
    char *base = VirtualAlloc(NULL, 0x3000, MEM_RESERVE, PAGE_READWRITE);
    DWORD old;

    NT_EXPECT_NE(base, NULL);
    NT_EXPECT_EQ((ULONG_PTR)base & 0xFFFF, 0);
    NT_EXPECT_EQ(VirtualAlloc(base + 0x1000, 1, MEM_COMMIT, PAGE_READWRITE), base + 0x1000);
    base[0x1000] = 1;
    base[0x1FFF] = 2;
    NT_EXPECT_TRUE(VirtualProtect(base + 0x1000, 1, PAGE_READONLY, &old));
    NT_EXPECT_EQ(base[0x1FFF], 2);
    NT_EXPECT_TRUE(VirtualFree(base + 0x1000, 0x1000, MEM_DECOMMIT));
    VirtualAlloc(base + 0x1000, 1, MEM_COMMIT, PAGE_READWRITE);
    NT_EXPECT_EQ(base[0x1FFF], 0); /* came back zeroed */
    NT_EXPECT_FALSE(VirtualFree(base + 0x1000, 0, MEM_RELEASE));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_ADDRESS);
    NT_EXPECT_FALSE(VirtualFree(base, 0x1000, MEM_RELEASE));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    NT_EXPECT_TRUE(VirtualFree(base, 0, MEM_RELEASE));
    NT_EXPECT_FALSE(VirtualFree(base, 0, MEM_RELEASE));
    NT_EXPECT_EQ(VirtualAlloc(base, 0x1000, MEM_COMMIT, PAGE_READWRITE), NULL);
    NT_EXPECT_EQ(VirtualAlloc(NULL, 0, MEM_COMMIT, PAGE_READWRITE), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    NT_EXPECT_EQ(VirtualAlloc(NULL, 1, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD), NULL);
}

NT_TEST(Memory, HeapIsZeroedWhenAsked)
{
    HANDLE heap = GetProcessHeap();
    char *block = HeapAlloc(heap, HEAP_ZERO_MEMORY, 100);

    NT_EXPECT_EQ(block[99], 0);
    NT_EXPECT_TRUE(HeapSize(heap, 0, block) >= 100);
    block = HeapReAlloc(heap, 0, block, 1000);
    NT_EXPECT_NE(block, NULL);
    NT_EXPECT_TRUE(HeapFree(heap, 0, block));
    NT_EXPECT_TRUE(HeapFree(heap, 0, NULL));
    NT_EXPECT_EQ(HeapAlloc(NULL, 0, 1), NULL);
    NT_EXPECT_EQ(LocalAlloc(LMEM_MOVEABLE, 1), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
}

/* ---- slots, modules, environment, streams ---- */

NT_TEST(Slots, ReadZeroUntilSet)
{
    DWORD slot = TlsAlloc();

    NT_EXPECT_NE(slot, TLS_OUT_OF_INDEXES);
    SetLastError(5);
    NT_EXPECT_EQ(TlsGetValue(slot), NULL);
    NT_EXPECT_EQ(GetLastError(), 0);
    NT_EXPECT_TRUE(TlsSetValue(slot, &slot));
    NT_EXPECT_EQ(TlsGetValue(slot), &slot);
    NT_EXPECT_TRUE(TlsFree(slot));
    NT_EXPECT_FALSE(TlsFree(slot));
    NT_EXPECT_EQ(TlsAlloc(), slot);
    NT_EXPECT_EQ(TlsGetValue(slot), NULL); /* of a new life of the index */
    NT_EXPECT_FALSE(TlsSetValue(5000, NULL));
}

NT_TEST(Slots, RunOut)
{
    ULONG count = 0;

    while (TlsAlloc() != TLS_OUT_OF_INDEXES) {
        count++;
    }
    NT_EXPECT_EQ(count, 1088);
    NT_EXPECT_EQ(GetLastError(), ERROR_NO_MORE_ITEMS);
}

NT_TEST(Module, SystemModulesAreOne)
{
    NT_EXPECT_NE(GetModuleHandleW(NULL), NULL);
    NT_EXPECT_NE(GetModuleHandleA("KERNEL32.DLL"), NULL);
    NT_EXPECT_EQ(GetModuleHandleA("ntdll"), GetModuleHandleW(L"kernel32.dll"));
    NT_EXPECT_EQ(GetModuleHandleA("user32.dll"), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_MOD_NOT_FOUND);
}

NT_TEST(Module, CommandLineIsQuoted)
{
    const char *line = GetCommandLineA();

    NT_EXPECT_CONTAINS(line, "base");
    NT_EXPECT_EQ(NtdllWideLength(GetCommandLineW()) > 0, 1);
}

NT_TEST(Environment, VariablesReturnTheirLength)
{
    WCHAR wide[16];
    char text[16];

    NT_EXPECT_TRUE(SetEnvironmentVariableA("NTBOX_TEST_X", "value"));
    NT_EXPECT_EQ(GetEnvironmentVariableA("NTBOX_TEST_X", text, 16), 5);
    NT_EXPECT_STR(text, "value");
    NT_EXPECT_EQ(GetEnvironmentVariableA("NTBOX_TEST_X", text, 5), 6);
    NT_EXPECT_EQ(GetEnvironmentVariableW(L"NTBOX_TEST_X", wide, 16), 5);
    NT_EXPECT_WSTR(wide, L"value");
    NT_EXPECT_TRUE(SetEnvironmentVariableW(L"NTBOX_TEST_X", NULL));
    NT_EXPECT_EQ(GetEnvironmentVariableA("NTBOX_TEST_X", text, 16), 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_ENVVAR_NOT_FOUND);
}

NT_TEST(Stream, HandlesAreTold)
{
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD mode;

    NT_EXPECT_EQ(BaseStreamOfHandle(output), 1);
    NT_EXPECT_EQ(BaseStreamOfHandle(GetStdHandle(STD_ERROR_HANDLE)), 2);
    NT_EXPECT_EQ(BaseStreamOfHandle((HANDLE)4), -1);
    NT_EXPECT_EQ(GetStdHandle(1), INVALID_HANDLE_VALUE);
    if (NtdllHostStreamKind(1) != NtdllStreamTerminal) {
        NT_EXPECT_FALSE(GetConsoleMode(output, &mode));
        NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    }
    NT_EXPECT_TRUE(SetConsoleOutputCP(CP_UTF8));
    NT_EXPECT_FALSE(SetConsoleOutputCP(437));
    NT_EXPECT_TRUE(SetStdHandle(STD_ERROR_HANDLE, (HANDLE)8));
    NT_EXPECT_EQ(GetStdHandle(STD_ERROR_HANDLE), 8);
}
