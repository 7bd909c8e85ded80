/* SPDX-License-Identifier: MIT
 *
 * ntddk.h - the package's, with what it lacks
 *
 * Source  WDK reference, ntddk.h: each name's own page.
 */
#ifndef NTBOX_NTDDK_H
#define NTBOX_NTDDK_H
#pragma GCC system_header

#include <wdm.h>
#include_next <ntddk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Source: ntddk.h PsSetCreateProcessNotifyRoutineEx2, PSCREATEPROCESSNOTIFYTYPE. */
typedef enum _PSCREATEPROCESSNOTIFYTYPE {
    PsCreateProcessNotifySubsystems = 0
} PSCREATEPROCESSNOTIFYTYPE;

NTKERNELAPI NTSTATUS NTAPI PsSetCreateProcessNotifyRoutineEx2(PSCREATEPROCESSNOTIFYTYPE NotifyType,
                                                              PVOID NotifyInformation,
                                                              BOOLEAN Remove);

/* Source: ntddk.h PsSetLoadImageNotifyRoutineEx. */
#define PS_IMAGE_NOTIFY_CONFLICTING_ARCHITECTURE 0x1

NTKERNELAPI NTSTATUS NTAPI PsSetLoadImageNotifyRoutineEx(PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine,
                                                         ULONG_PTR Flags);

/* Source: ntddk.h PsSetCreateThreadNotifyRoutineEx, PSCREATETHREADNOTIFYTYPE. */
typedef enum _PSCREATETHREADNOTIFYTYPE {
    PsCreateThreadNotifyNonSystem = 0,
    PsCreateThreadNotifySubsystems = 1
} PSCREATETHREADNOTIFYTYPE;

NTKERNELAPI NTSTATUS NTAPI PsSetCreateThreadNotifyRoutineEx(PSCREATETHREADNOTIFYTYPE NotifyType,
                                                            PVOID NotifyInformation);

/* Exported by every Windows; no page of their own, or ntifs.h there. */
NTKERNELAPI NTSTATUS NTAPI PsGetProcessExitStatus(PEPROCESS Process);
NTKERNELAPI NTSTATUS NTAPI PsGetThreadExitStatus(PETHREAD Thread);
NTKERNELAPI PEPROCESS NTAPI PsGetThreadProcess(PETHREAD Thread);

#ifdef __cplusplus
}
#endif

#endif
