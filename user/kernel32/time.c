/* SPDX-License-Identifier: MIT
 *
 * kernel32/time.c - clocks and calendars
 *
 * A FILETIME counts 100 ns since 1601-01-01 UTC. The calendar is the Gregorian one, carried back.
 */
#include "kernel32/kernel32.h"

#define TICKS_PER_SECOND 10000000ll
#define TICKS_PER_MILLISECOND 10000ll
#define SECONDS_PER_DAY 86400ll
#define UNIX_EPOCH_SECONDS 11644473600ll /* 1970-01-01 in seconds since 1601-01-01 */
#define DAYS_PER_400_YEARS 146097ll

static LONGLONG
TicksOf(const FILETIME *Time)
{
    return (LONGLONG)((ULONGLONG)Time->dwHighDateTime << 32 | Time->dwLowDateTime);
}

static VOID
SetTicks(FILETIME *Time, LONGLONG Ticks)
{
    Time->dwLowDateTime = (DWORD)Ticks;
    Time->dwHighDateTime = (DWORD)((ULONGLONG)Ticks >> 32);
}

/* Days from 1601-01-01 to the first of March of Year, Year >= 1600. */
static LONGLONG
DaysToMarch(LONGLONG Year)
{
    LONGLONG years = Year - 1600;

    return years * 365 + years / 4 - years / 100 + years / 400 - 366 + 60;
}

/* Days since 1601-01-01. Months count from March, so that the leap day is a year's last. */
static LONGLONG
DaysOfDate(LONGLONG Year, LONGLONG Month, LONGLONG Day)
{
    LONGLONG year = Month < 3 ? Year - 1 : Year;
    LONGLONG month = Month < 3 ? Month + 9 : Month - 3;

    return DaysToMarch(year) + (153 * month + 2) / 5 + Day - 1;
}

static LONGLONG
DaysInMonth(LONGLONG Year, LONGLONG Month)
{
    LONGLONG nextYear = Month == 12 ? Year + 1 : Year;
    LONGLONG nextMonth = Month == 12 ? 1 : Month + 1;

    return DaysOfDate(nextYear, nextMonth, 1) - DaysOfDate(Year, Month, 1);
}

static VOID
SplitTicks(LONGLONG Ticks, SYSTEMTIME *Time)
{
    LONGLONG days = Ticks / (SECONDS_PER_DAY * TICKS_PER_SECOND);
    LONGLONG rest = Ticks % (SECONDS_PER_DAY * TICKS_PER_SECOND) / TICKS_PER_MILLISECOND;
    LONGLONG year = 1601 + days / DAYS_PER_400_YEARS * 400;
    LONGLONG month = 12;

    while (DaysOfDate(year + 1, 1, 1) <= days) {
        year++;
    }
    while (DaysOfDate(year, month, 1) > days) {
        month--;
    }
    Time->wYear = (WORD)year;
    Time->wMonth = (WORD)month;
    Time->wDay = (WORD)(days - DaysOfDate(year, month, 1) + 1);
    Time->wDayOfWeek = (WORD)((days + 1) % 7); /* 1601-01-01 was a Monday */
    Time->wHour = (WORD)(rest / 3600000);
    Time->wMinute = (WORD)(rest / 60000 % 60);
    Time->wSecond = (WORD)(rest / 1000 % 60);
    Time->wMilliseconds = (WORD)(rest % 1000);
}

static BOOLEAN
JoinTime(const SYSTEMTIME *Time, LONGLONG *Ticks)
{
    LONGLONG days;
    LONGLONG milliseconds;

    if (Time->wYear < 1601 || Time->wYear > 30827 || Time->wMonth < 1 || Time->wMonth > 12 ||
        Time->wDay < 1 || Time->wDay > DaysInMonth(Time->wYear, Time->wMonth) || Time->wHour > 23 ||
        Time->wMinute > 59 || Time->wSecond > 59 || Time->wMilliseconds > 999) {
        return FALSE;
    }
    days = DaysOfDate(Time->wYear, Time->wMonth, Time->wDay);
    milliseconds = ((Time->wHour * 60ll + Time->wMinute) * 60ll + Time->wSecond) * 1000ll +
                   Time->wMilliseconds;
    *Ticks = (days * SECONDS_PER_DAY * 1000 + milliseconds) * TICKS_PER_MILLISECOND;
    return TRUE;
}

/* ---- now ---- */

static LONGLONG
SystemTicks(VOID)
{
    return (LONGLONG)(NtdllHostSystemTime() / 100) + UNIX_EPOCH_SECONDS * TICKS_PER_SECOND;
}

static LONGLONG
ZoneOffsetTicks(LONGLONG UtcTicks)
{
    return NtdllHostZoneOffset(UtcTicks / TICKS_PER_SECOND - UNIX_EPOCH_SECONDS) * TICKS_PER_SECOND;
}

VOID WINAPI
GetSystemTimeAsFileTime(LPFILETIME Time)
{
    SetTicks(Time, SystemTicks());
}

VOID WINAPI
GetSystemTimePreciseAsFileTime(LPFILETIME Time)
{
    SetTicks(Time, SystemTicks());
}

VOID WINAPI
GetSystemTime(LPSYSTEMTIME Time)
{
    SplitTicks(SystemTicks(), Time);
}

VOID WINAPI
GetLocalTime(LPSYSTEMTIME Time)
{
    LONGLONG now = SystemTicks();

    SplitTicks(now + ZoneOffsetTicks(now), Time);
}

DWORD WINAPI
GetTickCount(VOID)
{
    return (DWORD)GetTickCount64();
}

ULONGLONG WINAPI
GetTickCount64(VOID)
{
    return NtdllHostMonotonicTime() / 1000000u;
}

/* 10 MHz, as on current Windows. */
BOOL WINAPI
QueryPerformanceCounter(LARGE_INTEGER *Count)
{
    Count->QuadPart = (LONGLONG)(NtdllHostMonotonicTime() / 100);
    return TRUE;
}

BOOL WINAPI
QueryPerformanceFrequency(LARGE_INTEGER *Frequency)
{
    Frequency->QuadPart = TICKS_PER_SECOND;
    return TRUE;
}

/* ---- conversions ---- */

/* ERROR_INVALID_PARAMETER for a time with its top bit set. */
BOOL WINAPI
FileTimeToSystemTime(CONST FILETIME *FileTime, LPSYSTEMTIME SystemTime)
{
    LONGLONG ticks = TicksOf(FileTime);

    if (ticks < 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    SplitTicks(ticks, SystemTime);
    return TRUE;
}

/* wDayOfWeek is not looked at. ERROR_INVALID_PARAMETER for a date that is none. */
BOOL WINAPI
SystemTimeToFileTime(CONST SYSTEMTIME *SystemTime, LPFILETIME FileTime)
{
    LONGLONG ticks;

    if (!JoinTime(SystemTime, &ticks)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    SetTicks(FileTime, ticks);
    return TRUE;
}

static BOOL
MoveByOffset(CONST FILETIME *Source, LPFILETIME Target, LONGLONG Offset)
{
    LONGLONG ticks = TicksOf(Source);

    if (__builtin_add_overflow(ticks, Offset, &ticks) || ticks < 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    SetTicks(Target, ticks);
    return TRUE;
}

/* Both use the offset of now, not of that time, as on Windows. */
BOOL WINAPI
FileTimeToLocalFileTime(CONST FILETIME *FileTime, LPFILETIME Local)
{
    return MoveByOffset(FileTime, Local, ZoneOffsetTicks(SystemTicks()));
}

BOOL WINAPI
LocalFileTimeToFileTime(CONST FILETIME *Local, LPFILETIME FileTime)
{
    return MoveByOffset(Local, FileTime, -ZoneOffsetTicks(SystemTicks()));
}

LONG WINAPI
CompareFileTime(CONST FILETIME *First, CONST FILETIME *Second)
{
    ULONGLONG first = (ULONGLONG)TicksOf(First);
    ULONGLONG second = (ULONGLONG)TicksOf(Second);

    return first < second ? -1 : first > second;
}

/* Local ticks at which a rule of TIME_ZONE_INFORMATION falls in Year. */
static LONGLONG
RuleTicks(const SYSTEMTIME *Rule, WORD Year)
{
    SYSTEMTIME at = *Rule;
    LONGLONG ticks = 0;

    if (Rule->wYear == 0) {
        LONGLONG first = DaysOfDate(Year, Rule->wMonth, 1);
        LONGLONG day = 1 + (Rule->wDayOfWeek - (first + 1) % 7 + 7) % 7 + (Rule->wDay - 1) * 7;

        while (day > DaysInMonth(Year, Rule->wMonth)) {
            day -= 7; /* 5 means the last one */
        }
        at.wYear = Year;
        at.wDay = (WORD)day;
    }
    JoinTime(&at, &ticks);
    return ticks;
}

/* Minutes from UTC to local time, negated as in Bias, for a zone of the caller's. */
static LONG
BiasOfZone(const TIME_ZONE_INFORMATION *Zone, LONGLONG UtcTicks, WORD Year)
{
    const LONGLONG minute = 60 * TICKS_PER_SECOND;
    LONGLONG daylight;
    LONGLONG standard;
    BOOLEAN isDaylight;

    if (Zone->DaylightDate.wMonth == 0 || Zone->StandardDate.wMonth == 0) {
        return Zone->Bias;
    }
    /* Each rule is in the local time that ends with it. */
    daylight = RuleTicks(&Zone->DaylightDate, Year) + (Zone->Bias + Zone->StandardBias) * minute;
    standard = RuleTicks(&Zone->StandardDate, Year) + (Zone->Bias + Zone->DaylightBias) * minute;
    if (daylight < standard) {
        isDaylight = UtcTicks >= daylight && UtcTicks < standard;
    } else {
        isDaylight = UtcTicks >= daylight || UtcTicks < standard;
    }
    return Zone->Bias + (isDaylight ? Zone->DaylightBias : Zone->StandardBias);
}

/* Zone NULL: the machine's, with the rules that hold at that time. */
BOOL WINAPI
SystemTimeToTzSpecificLocalTime(CONST TIME_ZONE_INFORMATION *Zone, CONST SYSTEMTIME *Universal,
                                LPSYSTEMTIME Local)
{
    LONGLONG ticks;

    if (!JoinTime(Universal, &ticks)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (Zone == NULL) {
        ticks += ZoneOffsetTicks(ticks);
    } else {
        ticks -= BiasOfZone(Zone, ticks, Universal->wYear) * 60 * TICKS_PER_SECOND;
    }
    if (ticks < 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    SplitTicks(ticks, Local);
    return TRUE;
}
