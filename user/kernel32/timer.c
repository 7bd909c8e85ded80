/* SPDX-License-Identifier: MIT
 *
 * kernel32/timer.c - waitable timers
 *
 * Source   SDK reference, nf-synchapi-createwaitabletimerexw, -setwaitabletimer,
 *          -cancelwaitabletimer, -openwaitabletimerw.
 */
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define NOTIFICATION_TIMER 0
#define SYNCHRONIZATION_TIMER 1

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif

/* CreateWaitableTimerExW - make a timer, or open the one that has the name; ERROR_INVALID_PARAMETER
 */
HANDLE WINAPI
CreateWaitableTimerExW(LPSECURITY_ATTRIBUTES Security, LPCWSTR Name, DWORD Flags, DWORD Access)
{
    BASE_OBJECT object;
    HANDLE handle = NULL;
    NTSTATUS status;

    if ((Flags & ~(DWORD)(CREATE_WAITABLE_TIMER_MANUAL_RESET |
                          CREATE_WAITABLE_TIMER_HIGH_RESOLUTION)) != 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!BaseBeginObject(&object, Security, Name)) {
        return NULL;
    }
    status = NTDLL_CALL(NtCreateTimer)(&handle, Access, &object.Attributes,
                                       (Flags & CREATE_WAITABLE_TIMER_MANUAL_RESET) != 0
                                           ? NOTIFICATION_TIMER
                                           : SYNCHRONIZATION_TIMER);
    return BaseEndObject(&object, status, handle);
}

HANDLE WINAPI
CreateWaitableTimerExA(LPSECURITY_ATTRIBUTES Security, LPCSTR Name, DWORD Flags, DWORD Access)
{
    HANDLE handle = NULL;
    PWSTR name;

    if (BaseWidenName(Name, &name)) {
        handle = CreateWaitableTimerExW(Security, name, Flags, Access);
    }
    free(name);
    return handle;
}

HANDLE WINAPI
CreateWaitableTimerW(LPSECURITY_ATTRIBUTES Security, BOOL Manual, LPCWSTR Name)
{
    return CreateWaitableTimerExW(Security, Name, Manual ? CREATE_WAITABLE_TIMER_MANUAL_RESET : 0,
                                  TIMER_ALL_ACCESS);
}

HANDLE WINAPI
CreateWaitableTimerA(LPSECURITY_ATTRIBUTES Security, BOOL Manual, LPCSTR Name)
{
    return CreateWaitableTimerExA(Security, Name, Manual ? CREATE_WAITABLE_TIMER_MANUAL_RESET : 0,
                                  TIMER_ALL_ACCESS);
}

HANDLE WINAPI
OpenWaitableTimerW(DWORD Access, BOOL Inherit, LPCWSTR Name)
{
    return BaseOpenObject(NTDLL_CALL(NtOpenTimer), Access, Inherit, Name);
}

HANDLE WINAPI
OpenWaitableTimerA(DWORD Access, BOOL Inherit, LPCSTR Name)
{
    return BaseOpenObjectA(NTDLL_CALL(NtOpenTimer), Access, Inherit, Name);
}

/*
 * SetWaitableTimer - set a timer, in place of any earlier setting
 *
 * DueTime  100 ns units; negative: from now; otherwise system time
 * Period   milliseconds; 0: once
 * Routine  runs on the calling thread, in an alertable wait of it; cancelled when that thread ends
 * Resume   TRUE succeeds, but the last error is ERROR_NOT_SUPPORTED: the machine is not woken
 *
 * Errors   ERROR_INVALID_PARAMETER (Period < 0), ERROR_INVALID_HANDLE, ERROR_ACCESS_DENIED,
 *          ERROR_NOACCESS (DueTime)
 */
BOOL WINAPI
SetWaitableTimer(HANDLE Timer, const LARGE_INTEGER *DueTime, LONG Period, PTIMERAPCROUTINE Routine,
                 LPVOID Context, BOOL Resume)
{
    NTSTATUS status =
        NTDLL_CALL(NtSetTimer)(Timer, (PLARGE_INTEGER)DueTime, (PVOID)(ULONG_PTR)Routine, Context,
                               Resume != FALSE, Period, NULL);

    if (status == STATUS_TIMER_RESUME_IGNORED) {
        NtdllLastError = ERROR_NOT_SUPPORTED;
        return TRUE;
    }
    if (NT_SUCCESS(status)) {
        NtdllLastError = ERROR_SUCCESS; /* so that the other case can be told */
    }
    return BaseResult(status);
}

/* SetWaitableTimerEx - the same; wake context and tolerable delay have no effect */
BOOL WINAPI
SetWaitableTimerEx(HANDLE Timer, const LARGE_INTEGER *DueTime, LONG Period,
                   PTIMERAPCROUTINE Routine, LPVOID Context, PREASON_CONTEXT WakeContext,
                   ULONG TolerableDelay)
{
    return SetWaitableTimer(Timer, DueTime, Period, Routine, Context, FALSE);
}

/* CancelWaitableTimer - it expires no more; its state stays */
BOOL WINAPI
CancelWaitableTimer(HANDLE Timer)
{
    return BaseResult(NTDLL_CALL(NtCancelTimer)(Timer, NULL));
}
