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

#ifdef RTL_USE_AVL_TABLES
/* The package declares the splay tree functions all the same. */
typedef struct _RTL_SPLAY_LINKS {
    struct _RTL_SPLAY_LINKS *Parent;
    struct _RTL_SPLAY_LINKS *LeftChild;
    struct _RTL_SPLAY_LINKS *RightChild;
} RTL_SPLAY_LINKS, *PRTL_SPLAY_LINKS;
#endif

#include_next <ntddk.h>

/* The package writes 1i64, which only Microsoft's compiler and clang read. */
#undef XSTATE_MASK_LEGACY_FLOATING_POINT
#undef XSTATE_MASK_LEGACY_SSE
#undef XSTATE_MASK_GSSE
#define XSTATE_MASK_LEGACY_FLOATING_POINT (1ll << (XSTATE_LEGACY_FLOATING_POINT))
#define XSTATE_MASK_LEGACY_SSE (1ll << (XSTATE_LEGACY_SSE))
#define XSTATE_MASK_GSSE (1ll << (XSTATE_GSSE))

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

/* Source: ntddk.h, the callback of each name. */
#ifndef RTL_USE_AVL_TABLES
typedef __typeof__(*(PRTL_GENERIC_COMPARE_ROUTINE)0) RTL_GENERIC_COMPARE_ROUTINE;
typedef __typeof__(*(PRTL_GENERIC_ALLOCATE_ROUTINE)0) RTL_GENERIC_ALLOCATE_ROUTINE;
typedef __typeof__(*(PRTL_GENERIC_FREE_ROUTINE)0) RTL_GENERIC_FREE_ROUTINE;
#endif
typedef __typeof__(*(PRTL_AVL_COMPARE_ROUTINE)0) RTL_AVL_COMPARE_ROUTINE;
typedef __typeof__(*(PRTL_AVL_ALLOCATE_ROUTINE)0) RTL_AVL_ALLOCATE_ROUTINE;
typedef __typeof__(*(PRTL_AVL_FREE_ROUTINE)0) RTL_AVL_FREE_ROUTINE;

/* Exported by every Windows; no page of their own, or ntifs.h there. */
NTKERNELAPI NTSTATUS NTAPI PsGetProcessExitStatus(PEPROCESS Process);
NTKERNELAPI NTSTATUS NTAPI PsGetThreadExitStatus(PETHREAD Thread);
NTKERNELAPI PEPROCESS NTAPI PsGetThreadProcess(PETHREAD Thread);

/* Source: ntddk.h KEY_CACHED_INFORMATION. */
typedef struct _KEY_CACHED_INFORMATION {
    LARGE_INTEGER LastWriteTime;
    ULONG TitleIndex;
    ULONG SubKeys;
    ULONG MaxNameLen;
    ULONG Values;
    ULONG MaxValueNameLen;
    ULONG MaxValueDataLen;
    ULONG NameLength;
} KEY_CACHED_INFORMATION, *PKEY_CACHED_INFORMATION;

/* Source: ntddk.h IoSetMasterIrpStatus, KeExpandKernelStackAndCalloutEx (in no Windows header). */
#ifndef STATUS_FT_READ_FROM_COPY
#define STATUS_FT_READ_FROM_COPY ((NTSTATUS)0x40000035)
#endif
NTKERNELAPI VOID NTAPI IoSetMasterIrpStatus(PIRP MasterIrp, NTSTATUS Status);
NTKERNELAPI NTSTATUS NTAPI KeExpandKernelStackAndCalloutEx(PEXPAND_STACK_CALLOUT Callout,
                                                           PVOID Parameter, SIZE_T Size,
                                                           BOOLEAN Wait, PVOID Context);

#ifdef __cplusplus
}
#endif

#endif
