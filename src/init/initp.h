/* SPDX-License-Identifier: MIT
 *
 * init/initp.h - what the files of init share
 */
#pragma once

#include "kd/kd.h"
#include "init/services.h"

/* ---- gate.c ---- */

extern const NTBOX_SYSTEM_CALLS InitpSystemCalls;

/* ---- phases.c ---- */

/* Starts all components, lowest first; on failure those started are stopped again. */
NTSTATUS InitpStartSystem(ULONG Processors, const PSP_EVENT_OPTIONS *Events);
/* The reverse. The calling thread has no KTHREAD afterwards. Returns audit findings. */
ULONG InitpStopSystem(VOID);

/* ---- settings.c ---- */

/* "service\value=dword:1": sets a value of a service key. STATUS_INVALID_PARAMETER: not of that
 * form. */
NTSTATUS InitpApplySetting(const char *Setting);

/* ---- services.c ---- */

NTSTATUS NtboxLoadDriver(const char *Path);
NTSTATUS NtboxUnloadDriver(const char *Name);
NTSTATUS NTAPI NtQuerySystemTime(PLARGE_INTEGER Time);
