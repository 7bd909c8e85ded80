/* SPDX-License-Identifier: MIT
 *
 * rtl/time.c - system time as calendar fields, as seconds, and local time
 *
 * Days are counted in the proleptic Gregorian calendar from 1601-01-01, a Monday.
 *
 * Source  WDK reference, wdm.h RtlTimeToTimeFields, ntifs.h RtlTimeToSecondsSince1970
 */
#include "rtl/rtl.h"

#define UNITS_PER_MS 10000ll
#define UNITS_PER_SECOND 10000000ll
#define MS_PER_DAY 86400000ll
#define SECONDS_1601_TO_1970 11644473600ll
#define SECONDS_1601_TO_1980 11960006400ll

static BOOLEAN
RtlpIsLeap(LONG Year)
{
    return (Year % 4 == 0 && Year % 100 != 0) || Year % 400 == 0;
}

static LONG
RtlpDaysInMonth(LONG Year, LONG Month)
{
    static const UCHAR days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return Month == 2 && RtlpIsLeap(Year) ? 29 : days[Month - 1];
}

/* Days from 1601-01-01 to January 1st of Year. */
static LONGLONG
RtlpDaysToYear(LONG Year)
{
    LONGLONG years = Year - 1601;
    return years * 365 + years / 4 - years / 100 + years / 400;
}

#pragma GCC visibility push(default)

VOID NTAPI
RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields)
{
    LONGLONG ms = Time->QuadPart / UNITS_PER_MS;
    LONGLONG days = ms / MS_PER_DAY;
    LONG rest = (LONG)(ms % MS_PER_DAY);
    LONG year = (LONG)(1601 + days / 366);
    LONG month = 1;

    TimeFields->Weekday = (CSHORT)((days + 1) % 7);
    while (RtlpDaysToYear(year + 1) <= days) {
        year++;
    }
    days -= RtlpDaysToYear(year);
    while (days >= RtlpDaysInMonth(year, month)) {
        days -= RtlpDaysInMonth(year, month);
        month++;
    }
    TimeFields->Year = (CSHORT)year;
    TimeFields->Month = (CSHORT)month;
    TimeFields->Day = (CSHORT)(days + 1);
    TimeFields->Hour = (CSHORT)(rest / 3600000);
    TimeFields->Minute = (CSHORT)(rest / 60000 % 60);
    TimeFields->Second = (CSHORT)(rest / 1000 % 60);
    TimeFields->Milliseconds = (CSHORT)(rest % 1000);
}

/* FALSE if the fields are no time; Weekday is not looked at. */
BOOLEAN NTAPI
RtlTimeFieldsToTime(PTIME_FIELDS TimeFields, PLARGE_INTEGER Time)
{
    LONGLONG days;
    LONGLONG ms;

    if (TimeFields->Year < 1601 || TimeFields->Month < 1 || TimeFields->Month > 12 ||
        TimeFields->Day < 1 ||
        TimeFields->Day > RtlpDaysInMonth(TimeFields->Year, TimeFields->Month) ||
        TimeFields->Hour < 0 || TimeFields->Hour > 23 || TimeFields->Minute < 0 ||
        TimeFields->Minute > 59 || TimeFields->Second < 0 || TimeFields->Second > 59 ||
        TimeFields->Milliseconds < 0 || TimeFields->Milliseconds > 999) {
        return FALSE;
    }
    days = RtlpDaysToYear(TimeFields->Year) + TimeFields->Day - 1;
    for (LONG month = 1; month < TimeFields->Month; month++) {
        days += RtlpDaysInMonth(TimeFields->Year, month);
    }
    ms = days * MS_PER_DAY + TimeFields->Hour * 3600000ll + TimeFields->Minute * 60000ll +
         TimeFields->Second * 1000ll + TimeFields->Milliseconds;
    Time->QuadPart = ms * UNITS_PER_MS;
    return TRUE;
}

static BOOLEAN
RtlpTimeToSeconds(const LARGE_INTEGER *Time, LONGLONG Start, PULONG Seconds)
{
    LONGLONG seconds = Time->QuadPart / UNITS_PER_SECOND - Start;

    if (seconds < 0 || seconds > MAXULONG) {
        return FALSE;
    }
    *Seconds = (ULONG)seconds;
    return TRUE;
}

/* FALSE if the time is not in 1970..2105. */
BOOLEAN NTAPI
RtlTimeToSecondsSince1970(PLARGE_INTEGER Time, PULONG ElapsedSeconds)
{
    NT_ENTER(RtlTimeToSecondsSince1970);
    return RtlpTimeToSeconds(Time, SECONDS_1601_TO_1970, ElapsedSeconds);
}

BOOLEAN NTAPI
RtlTimeToSecondsSince1980(PLARGE_INTEGER Time, PULONG ElapsedSeconds)
{
    NT_ENTER(RtlTimeToSecondsSince1980);
    return RtlpTimeToSeconds(Time, SECONDS_1601_TO_1980, ElapsedSeconds);
}

VOID NTAPI
RtlSecondsSince1970ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time)
{
    NT_ENTER(RtlSecondsSince1970ToTime);
    Time->QuadPart = (SECONDS_1601_TO_1970 + ElapsedSeconds) * UNITS_PER_SECOND;
}

VOID NTAPI
RtlSecondsSince1980ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time)
{
    NT_ENTER(RtlSecondsSince1980ToTime);
    Time->QuadPart = (SECONDS_1601_TO_1980 + ElapsedSeconds) * UNITS_PER_SECOND;
}

/* By the host's time zone as it is now. Any IRQL. */
VOID NTAPI
ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)
{
    LocalTime->QuadPart = SystemTime->QuadPart - HalpTimeZoneBias();
}

VOID NTAPI
ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime)
{
    SystemTime->QuadPart = LocalTime->QuadPart + HalpTimeZoneBias();
}

#pragma GCC visibility pop
