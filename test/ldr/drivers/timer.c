/* SPDX-License-Identifier: MIT
 *
 * timer.c - a driver that is unloaded with a timer armed, in its image, whose DPC is in its code
 */
#include <ntifs.h>

static KTIMER Timer;
static KDPC Dpc;
static LONG Fired;

static VOID NTAPI
OnTimer(PKDPC Unused, PVOID Context, PVOID First, PVOID Second)
{
    InterlockedIncrement(&Fired);
    DbgPrint("timer: fired\n");
}

static VOID NTAPI
TimerUnload(PDRIVER_OBJECT DriverObject)
{
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER dueTime = {.QuadPart = -10 * 1000 * 1000}; /* one second */

    DriverObject->DriverUnload = TimerUnload;
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, OnTimer, NULL);
    KeSetTimer(&Timer, dueTime, &Dpc);
    return STATUS_SUCCESS;
}
