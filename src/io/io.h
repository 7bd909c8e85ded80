/* SPDX-License-Identifier: MIT
 *
 * io/io.h - the I/O manager, beyond the WDK
 *
 * Who owns an IRP: the allocator until IofCallDriver; then the driver whose dispatch routine was
 * called, until IofCompleteRequest (by anyone); then the I/O manager, which walks the completion
 * routines (STATUS_MORE_PROCESSING_REQUIRED gives it back to that routine's driver) and frees it.
 */
#pragma once

#include "ps/ps.h"

NTSTATUS IopInitializeSystem(VOID); /* types, \Device names, thread rundown */
VOID IopShutdownSystem(VOID);       /* calls shutdown registrations */

/* A driver object without an image: ldr fills it in and calls DriverEntry. */
NTSTATUS IopCreateDriverObject(PCUNICODE_STRING Name, PCUNICODE_STRING RegistryPath,
                               PVOID ImageBase, ULONG ImageSize, PDRIVER_INITIALIZE Init,
                               PDRIVER_OBJECT *DriverObject);
/* Makes every major function IopInvalidDeviceRequest; ldr before DriverEntry. */
VOID IopResetDriverDispatch(PDRIVER_OBJECT DriverObject);
/*
 * Decides whether the driver may be unloaded now: marks its devices for deletion, so that no new
 * open succeeds. STATUS_SUCCESS: no open file object is left.
 * STATUS_DEVICE_BUSY... the caller waits with IopWaitForDriverIdle.
 */
NTSTATUS IopPrepareDriverUnload(PDRIVER_OBJECT DriverObject);
/* Removes the driver object's name and drops its reference. Devices left are reported by Audit. */
VOID IopDeleteDriverObject(PDRIVER_OBJECT DriverObject);

typedef struct IOP_DRIVER_AUDIT {
    ULONG Devices;        /* not deleted */
    ULONG SymbolicLinks;  /* whose target is one of its devices */
    ULONG OpenFiles;
    ULONG PendingIrps;
} IOP_DRIVER_AUDIT;
VOID IopAuditDriver(PDRIVER_OBJECT DriverObject, IOP_DRIVER_AUDIT *Audit);

/* For the bugcheck report: one line on an IRP, with its history; "" if it is none of ours. */
VOID IopDescribeIrp(PIRP Irp, char *Buffer, SIZE_T Size);
/* IRPs allocated and not yet freed; tests and audits. */
LONG IopIrpsInUse(VOID);
