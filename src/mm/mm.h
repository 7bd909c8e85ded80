/* SPDX-License-Identifier: MIT
 *
 * mm/mm.h - addresses, probes, copies and MDLs, beyond the WDK
 *
 * A kernel address lies in the pools' range or in a loaded image of the kernel side (a driver, the
 * kernel itself); any other is a user address, below MM_USER_PROBE_ADDRESS or not. Kernel code
 * touches user memory only through these calls or in a __try.
 */
#pragma once

#include "ex/ex.h"

NTSTATUS MiInitializeSystem(VOID);
VOID MiShutdownSystem(VOID);

/* ldr tells which image ranges are kernel addresses. STATUS_INSUFFICIENT_RESOURCES: 1024 are. */
NTSTATUS MiAddKernelImage(ULONG_PTR Base, SIZE_T Size);
VOID MiRemoveKernelImage(ULONG_PTR Base);

BOOLEAN MiIsKernelAddress(ULONG_PTR Address);
/* In an image that ldr told; a view of a section never is. */
BOOLEAN MiIsImageAddress(ULONG_PTR Address);
/* Image Index of those that ldr told; FALSE: there are fewer. */
BOOLEAN MiQueryKernelImage(ULONG Index, PULONG_PTR Base, PSIZE_T Size);
/* Any byte of the range is a kernel address, or it wraps, or lies above the user half. */
BOOLEAN MiIsUserRange(const VOID *Address, SIZE_T Length);

/*
 * Copies across the user boundary. The user side is checked with MiIsUserRange when Mode is
 * UserMode. STATUS_ACCESS_VIOLATION on any fault; never raises.
 * IRQL <= DISPATCH_LEVEL (a user page that is not there is a fault, not a page-in).
 */
NTSTATUS MiCopyFromUser(PVOID Destination, const VOID *UserSource, SIZE_T Length,
                        KPROCESSOR_MODE Mode);
NTSTATUS MiCopyToUser(PVOID UserDestination, const VOID *Source, SIZE_T Length,
                      KPROCESSOR_MODE Mode);
/* The probes without the raise: STATUS_SUCCESS, _ACCESS_VIOLATION or _DATATYPE_MISALIGNMENT. */
NTSTATUS MiProbeUser(const VOID *Address, SIZE_T Length, ULONG Alignment, BOOLEAN Write);
/* MmProbeAndLockPages without the raise, for io. */
NTSTATUS MiProbeAndLockMdl(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation);
/* MDLs with pages locked, and mappings, not yet undone: the unload audit and tests. */
LONG MiLockedMdlCount(VOID);

/* The exception bridge: raised statuses and faults (EXCEPTION_RECORD) go to the sdk's frames. */
int MiHandleFault(const HALP_FAULT_INFO *Info); /* HALP_UPCALLS.Fault */

/* What the calling thread is doing when it faults; ps registers the query (upward call). */
typedef enum MI_CODE_MODE {
    MI_CODE_USER,           /* client code: a fault without a frame is the client's crash */
    MI_CODE_SYSTEM_SERVICE, /* kernel code on behalf of a system call */
    MI_CODE_SYSTEM_THREAD   /* a system thread, or no query registered */
} MI_CODE_MODE;
typedef MI_CODE_MODE MI_QUERY_MODE(KTHREAD *Thread);
VOID MiRegisterModeQuery(MI_QUERY_MODE *Query);

/* User mappings of MDLs not yet undone, of one process (NULL: all); its rundown takes them down. */
LONG MiUserMappingCount(PEPROCESS Process);
VOID MiRundownProcessMappings(PEPROCESS Process);

/* ---- section.c: what section objects are made of ---- */

typedef struct MI_SECTION MI_SECTION;
/*
 * Zeroed memory of Size bytes, whole pages; one reference. PASSIVE_LEVEL.
 * STATUS_INSUFFICIENT_RESOURCES; STATUS_QUOTA_EXCEEDED.
 */
NTSTATUS MiCreateSection(ULONG64 Size, MI_SECTION **Section);
VOID MiDereferenceSection(MI_SECTION *Section);
ULONG64 MiSectionSize(const MI_SECTION *Section);
/* Offset and Size lie in the section, at pages. Process NULL: a view of the system. APC_LEVEL. */
NTSTATUS MiMapView(MI_SECTION *Section, ULONG64 Offset, SIZE_T Size, BOOLEAN Writable,
                   PEPROCESS Process, PVOID *Base);
/* The view that Address lies in. STATUS_NOT_MAPPED_VIEW. */
NTSTATUS MiUnmapView(PEPROCESS Process, PVOID Address);
LONG MiViewCount(PEPROCESS Process);
/* Takes down every view of a process; part of MiRundownProcessMappings. NULL: the system's. */
VOID MiRundownViews(PEPROCESS Process);
