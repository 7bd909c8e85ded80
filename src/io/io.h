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
/* Only the calls: while the drivers are still there. Later registrations are refused. */
VOID IopNotifyShutdown(VOID);

/* Drive Z:, the host's files to read; hostvolume.c. After IopInitializeSystem. */
NTSTATUS IopStartHostVolume(VOID);
VOID IopStopHostVolume(VOID);

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
/*
 * Waits until no file object of its devices is left. Timeout: 100 ns units, polled each 1 ms.
 * STATUS_SUCCESS, STATUS_TIMEOUT. PASSIVE_LEVEL.
 */
NTSTATUS IopWaitForDriverIdle(PDRIVER_OBJECT DriverObject, LONGLONG Timeout);
/* ldr after DriverEntry succeeded: clears DO_DEVICE_INITIALIZING of the devices made in it. */
VOID IopReadyDevices(PDRIVER_OBJECT DriverObject);
/* ldr after DriverEntry: a MajorFunction set to NULL becomes IopInvalidDeviceRequest. */
VOID IopRepairDriverDispatch(PDRIVER_OBJECT DriverObject);
/* ldr, when the driver is loaded: its reinitialization routines. System process, PASSIVE_LEVEL. */
VOID IopReinitializeDriver(PDRIVER_OBJECT DriverObject);
/* Removes the driver object's name and drops its reference. Devices left are reported by Audit. */
VOID IopDeleteDriverObject(PDRIVER_OBJECT DriverObject);

typedef struct IOP_DRIVER_AUDIT {
    ULONG Devices;       /* not deleted */
    ULONG SymbolicLinks; /* whose target is one of its devices */
    ULONG OpenFiles;
    ULONG PendingIrps;
} IOP_DRIVER_AUDIT;
VOID IopAuditDriver(PDRIVER_OBJECT DriverObject, IOP_DRIVER_AUDIT *Audit);
/* Takes away the links that IopAuditDriver counts; Tell hears of each, with who made it. */
typedef VOID IOP_TELL_LINK(PVOID Context, PCUNICODE_STRING Name, ULONG_PTR Caller);
VOID IopRemoveDriverLinks(PDRIVER_OBJECT DriverObject, IOP_TELL_LINK *Tell, PVOID Context);

/* For the bugcheck report: one line on an IRP, with its history; "" if it is none of ours. */
VOID IopDescribeIrp(PIRP Irp, char *Buffer, SIZE_T Size);
/* IRPs allocated and not yet freed; tests and audits. */
LONG IopIrpsInUse(VOID);

/* ---- what there is, for those who list it; list.c ---- */

typedef struct IOP_DEVICE_INFO {
    PDEVICE_OBJECT Device;     /* referenced */
    PDEVICE_OBJECT AttachedTo; /* the device below, an identity only; or NULL */
    ULONG Type;
    ULONG Characteristics;
    ULONG Flags;
    ULONG Opens; /* file objects */
    UCHAR StackSize;
    BOOLEAN IsDeleting; /* IoDeleteDevice was called, and something holds it */
} IOP_DEVICE_INFO;
/*
 * The first Count devices of all drivers, by driver; how many there are. The caller drops the
 * references. PASSIVE_LEVEL.
 */
ULONG IopCollectDevices(IOP_DEVICE_INFO *Devices, ULONG Count);

typedef enum IOP_IRP_WHERE {
    IopIrpInDispatch, /* a dispatch routine has not returned */
    IopIrpPended,     /* it returned STATUS_PENDING */
    IopIrpDrivers     /* a driver's own: nobody knows whether it is pended */
} IOP_IRP_WHERE;
typedef struct IOP_IRP_INFO {
    ULONG_PTR Irp;         /* its address */
    PDEVICE_OBJECT Device; /* that has it, an identity only: it may be gone; or NULL */
    ULONG ProcessId;       /* of the thread that asked; 0: a driver's own */
    ULONG ThreadId;
    ULONG64 Since;       /* HalpMonotonicTime when it was pended; 0: it is not, or a driver's own */
    ULONG IoControlCode; /* of an IRP_MJ_DEVICE_CONTROL */
    UCHAR Where;         /* IOP_IRP_WHERE */
    UCHAR Major;
    UCHAR Minor;
    BOOLEAN Cancel; /* it was asked to end */
} IOP_IRP_INFO;
/*
 * The first Count IRPs that are with drivers; how many there are. They go on meanwhile: each is as
 * it was at some moment. IRQL <= DISPATCH_LEVEL.
 */
ULONG IopCollectIrps(IOP_IRP_INFO *Irps, ULONG Count);

/* ---- services that the DDK headers do not declare ---- */

NTSTATUS NTAPI NtFlushBuffersFile(HANDLE Handle, PIO_STATUS_BLOCK Iosb);
NTSTATUS NTAPI NtCancelIoFile(HANDLE Handle, PIO_STATUS_BLOCK Iosb);
NTSTATUS NTAPI NtCancelIoFileEx(HANDLE Handle, PIO_STATUS_BLOCK Request, PIO_STATUS_BLOCK Iosb);
NTSTATUS NTAPI NtCancelSynchronousIoFile(HANDLE Thread, PIO_STATUS_BLOCK Request,
                                         PIO_STATUS_BLOCK Iosb);
NTSTATUS NTAPI NtCreateIoCompletion(PHANDLE Handle, ACCESS_MASK Access,
                                    POBJECT_ATTRIBUTES Attributes, ULONG Concurrency);
NTSTATUS NTAPI NtSetIoCompletion(HANDLE Handle, PVOID Key, PVOID Context, NTSTATUS Status,
                                 ULONG_PTR Information);
NTSTATUS NTAPI NtRemoveIoCompletion(HANDLE Handle, PVOID *Key, PVOID *Context,
                                    PIO_STATUS_BLOCK Iosb, PLARGE_INTEGER Timeout);
NTSTATUS NTAPI ZwCancelIoFileEx(HANDLE Handle, PIO_STATUS_BLOCK Request, PIO_STATUS_BLOCK Iosb);
ULONG_PTR NTAPI IoGetRemainingStackSize(VOID);
