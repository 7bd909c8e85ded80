/* SPDX-License-Identifier: MIT
 *
 * ke/time.c - reading the clocks
 *
 * The DDK's AMD64 headers read the system time, interrupt time and tick count from a page at a
 * fixed kernel address, by macros. Here they are functions; the sdk's headers undo the macros.
 *
 * Source  WDK reference, wdm.h KeQuerySystemTimePrecise and its neighbours
 */
#include "ke/ki.h"

#undef KeQuerySystemTime
#undef KeQueryInterruptTime
#undef KeQueryTickCount

ULONG64
KiDeadline(const LARGE_INTEGER *Timeout)
{
    ULONG64 now = HalpMonotonicTime();
    ULONG64 span;

    if (Timeout == NULL) {
        return HALP_NEVER;
    }
    if (Timeout->QuadPart <= 0) {
        span = 0 - (ULONG64)Timeout->QuadPart;
    } else {
        ULONG64 system = HalpSystemTime();
        span = (ULONG64)Timeout->QuadPart > system ? (ULONG64)Timeout->QuadPart - system : 0;
    }
    if (span > (HALP_NEVER - 1 - now) / KI_HUNDRED_NS) {
        return HALP_NEVER;
    }
    return now + span * KI_HUNDRED_NS;
}

#pragma GCC visibility push(default)

VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER CurrentTime);
VOID NTAPI KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime);
ULONGLONG NTAPI KeQueryInterruptTime(VOID);
ULONG64 NTAPI KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp);
ULONGLONG NTAPI KeQueryUnbiasedInterruptTimePrecise(PULONGLONG QpcTimeStamp);
VOID NTAPI KeQueryTickCount(PLARGE_INTEGER CurrentCount);

/* 100 ns units since 1601-01-01 UTC. Any IRQL. */
VOID NTAPI
KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = (LONGLONG)HalpSystemTime();
}

VOID NTAPI
KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = (LONGLONG)HalpSystemTime();
}

/* 100 ns units since the host started; does not jump. Any IRQL. */
ULONGLONG NTAPI
KeQueryInterruptTime(VOID)
{
    return KiInterruptTime();
}

ULONG64 NTAPI
KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)
{
    *QpcTimeStamp = KiInterruptTime();
    return *QpcTimeStamp;
}

ULONGLONG NTAPI
KeQueryUnbiasedInterruptTime(VOID)
{
    return KiInterruptTime();
}

ULONGLONG NTAPI
KeQueryUnbiasedInterruptTimePrecise(PULONGLONG QpcTimeStamp)
{
    *QpcTimeStamp = KiInterruptTime();
    return *QpcTimeStamp;
}

/* Counts at 10 MHz, as Windows 10 does. Any IRQL. */
LARGE_INTEGER NTAPI
KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER counter;

    if (PerformanceFrequency != NULL) {
        PerformanceFrequency->QuadPart = 10000000;
    }
    counter.QuadPart = (LONGLONG)KiInterruptTime();
    return counter;
}

ULONG NTAPI
KeQueryTimeIncrement(VOID)
{
    return KI_TIME_INCREMENT;
}

/* Ticks of KeQueryTimeIncrement since the interrupt time's start. Any IRQL. */
VOID NTAPI
KeQueryTickCount(PLARGE_INTEGER CurrentCount)
{
    CurrentCount->QuadPart = (LONGLONG)(KiInterruptTime() / KI_TIME_INCREMENT);
}

/*
 * KeStallExecutionProcessor - busy for so long
 *
 * A clock that stands still is a simulated one: then this is a few scheduling points.
 */
VOID NTAPI
KeStallExecutionProcessor(ULONG MicroSeconds)
{
    ULONG64 start = HalpMonotonicTime();
    ULONG64 now = start;
    ULONG64 end = start + (ULONG64)MicroSeconds * 1000;

    for (ULONG pause = 0; now < end; pause++) {
        if (pause >= 64 && now == start) {
            return;
        }
        HalpPause();
        now = HalpMonotonicTime();
    }
}

#pragma GCC visibility pop
