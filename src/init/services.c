/* SPDX-License-Identifier: MIT
 *
 * init/services.c - services of the gate that belong to no component below
 */
#include "init/initp.h"

/* A terminated text of a caller in user mode. STATUS_ACCESS_VIOLATION; STATUS_NAME_TOO_LONG. */
static NTSTATUS
InitpCaptureText(const char *Text, char *Buffer, SIZE_T Size)
{
    for (SIZE_T i = 0; i < Size; ++i) {
        const VOID *unit = (const VOID *)((ULONG_PTR)Text + i); /* Text may be anything */
        NTSTATUS status = MiCopyFromUser(&Buffer[i], unit, 1, ExGetPreviousMode());

        if (!NT_SUCCESS(status) || Buffer[i] == 0) {
            return status;
        }
    }
    return STATUS_NAME_TOO_LONG;
}

/* The name of a service's key, in kernel memory; released with ObpReleaseAttributes. */
static NTSTATUS
InitpCaptureServiceName(PUNICODE_STRING Service, OBP_ATTRIBUTES *Captured)
{
    memset(Captured, 0, sizeof(*Captured));
    return Service == NULL ? STATUS_ACCESS_VIOLATION
                           : ObpCaptureName(Service, ExGetPreviousMode(), &Captured->Name);
}

/* Drivers are the kernel: STATUS_PRIVILEGE_NOT_HELD without SeLoadDriverPrivilege. */
static NTSTATUS
InitpCheckLoadPrivilege(VOID)
{
    return SeSinglePrivilegeCheck(SeExports->SeLoadDriverPrivilege, ExGetPreviousMode())
               ? STATUS_SUCCESS
               : STATUS_PRIVILEGE_NOT_HELD;
}

/* NtLoadDriver - ZwLoadDriver for programs: the driver of a service's key */
NTSTATUS NTAPI
NtLoadDriver(PUNICODE_STRING Service)
{
    OBP_ATTRIBUTES captured;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = InitpCheckLoadPrivilege();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = InitpCaptureServiceName(Service, &captured);
    if (NT_SUCCESS(status)) {
        status = OBP_ZW(ZwLoadDriver(&captured.Name));
        ObpReleaseAttributes(&captured);
    }
    return status;
}

NTSTATUS NTAPI
NtUnloadDriver(PUNICODE_STRING Service)
{
    OBP_ATTRIBUTES captured;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = InitpCheckLoadPrivilege();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = InitpCaptureServiceName(Service, &captured);
    if (NT_SUCCESS(status)) {
        status = OBP_ZW(ZwUnloadDriver(&captured.Name));
        ObpReleaseAttributes(&captured);
    }
    return status;
}

#define INITP_SATURATED 15 /* THREAD_PRIORITY_TIME_CRITICAL, and negative _IDLE */

/*
 * NtboxSetThreadPriority - Priority: -2 to 2, or 15 and -15 for the ends of the class
 *
 * Errors   STATUS_INVALID_PARAMETER; those of the handle (THREAD_SET_INFORMATION)
 * Differs  priorities do not schedule
 */
NTSTATUS
NtboxSetThreadPriority(HANDLE ThreadHandle, LONG Priority)
{
    NTSTATUS status;
    PVOID thread;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if ((Priority < -2 || Priority > 2) && Priority != INITP_SATURATED &&
        Priority != -INITP_SATURATED) {
        return STATUS_INVALID_PARAMETER;
    }
    status = ObReferenceObjectByHandle(ThreadHandle, THREAD_SET_INFORMATION, *PsThreadType,
                                       ExGetPreviousMode(), &thread, NULL);
    if (NT_SUCCESS(status)) {
        /* 8 is the base of the class, 1 and 15 are its ends. */
        KeSetBasePriorityThread(thread, Priority == INITP_SATURATED    ? 7
                                        : Priority == -INITP_SATURATED ? -7
                                                                       : Priority);
        ObDereferenceObject(thread);
    }
    return status;
}

#pragma GCC visibility push(default)

NTSTATUS
NtboxLoadDriver(const char *Path)
{
    char path[1024];
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = InitpCheckLoadPrivilege();
    if (NT_SUCCESS(status)) {
        status = InitpCaptureText(Path, path, sizeof(path));
    }
    return NT_SUCCESS(status) ? LdrpLoadDriver(path, NULL) : status;
}

NTSTATUS
NtboxUnloadDriver(const char *Name)
{
    char name[256];
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = InitpCheckLoadPrivilege();
    if (NT_SUCCESS(status)) {
        status = InitpCaptureText(Name, name, sizeof(name));
    }
    return NT_SUCCESS(status) ? LdrpUnloadByName(name) : status;
}

NTSTATUS NTAPI
NtQuerySystemTime(PLARGE_INTEGER Time)
{
    NT_ENTER(NtQuerySystemTime);
    LARGE_INTEGER now;

    now.QuadPart = (LONGLONG)HalpSystemTime();
    return MiCopyToUser(Time, &now, sizeof(now), ExGetPreviousMode());
}

#pragma GCC visibility pop
