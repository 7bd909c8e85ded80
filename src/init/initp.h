/* SPDX-License-Identifier: MIT
 *
 * init/initp.h - what the files of init share
 */
#pragma once

#include "kd/kd.h"
#include "init/init.h"
#include "init/services.h"

/* ---- gate.c ---- */

extern const NTBOX_SYSTEM_CALLS InitpSystemCalls;

/* ---- phases.c ---- */

/* Starts all components, lowest first; on failure those started are stopped again. */
NTSTATUS InitpStartSystem(ULONG Processors, const PSP_EVENT_OPTIONS *Events);
/*
 * The reverse, once the client's other threads are out of their system calls. The calling thread
 * has no KTHREAD afterwards. Returns audit findings; a thread that does not come out is one, and
 * then the system stays as it is.
 */
ULONG InitpStopSystem(VOID);

/* ---- registry.c: services of the gate ---- */

NTSTATUS NTAPI NtCreateKey(PHANDLE KeyHandle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                           ULONG TitleIndex, PUNICODE_STRING Class, ULONG Options,
                           PULONG Disposition);
NTSTATUS NTAPI NtOpenKey(PHANDLE KeyHandle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtDeleteKey(HANDLE KeyHandle);
NTSTATUS NTAPI NtQueryKey(HANDLE KeyHandle, ULONG Class, PVOID Buffer, ULONG Length,
                          PULONG ResultLength);
NTSTATUS NTAPI NtEnumerateKey(HANDLE KeyHandle, ULONG Index, ULONG Class, PVOID Buffer,
                              ULONG Length, PULONG ResultLength);
NTSTATUS NTAPI NtEnumerateValueKey(HANDLE KeyHandle, ULONG Index, ULONG Class, PVOID Buffer,
                                   ULONG Length, PULONG ResultLength);
NTSTATUS NTAPI NtQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG Class,
                               PVOID Buffer, ULONG Length, PULONG ResultLength);
NTSTATUS NTAPI NtSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex,
                             ULONG Type, PVOID Data, ULONG Length);
NTSTATUS NTAPI NtDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName);

/* ---- services.c ---- */

NTSTATUS NtboxLoadDriver(const char *Path);
NTSTATUS NtboxUnloadDriver(const char *Name);
NTSTATUS NTAPI NtLoadDriver(PUNICODE_STRING Service);
NTSTATUS NTAPI NtUnloadDriver(PUNICODE_STRING Service);
NTSTATUS NTAPI NtQuerySystemTime(PLARGE_INTEGER Time);
NTSTATUS NtboxSetThreadPriority(HANDLE ThreadHandle, LONG Priority);
