/* SPDX-License-Identifier: MIT
 *
 * scratch_driver.c - a small legacy driver in plain WDM style: a scratch pad with statistics
 *
 * Nothing in here knows of ntbox: it is what `ntbox cc --driver` must take as it stands.
 */
#include <ntddk.h>
#include <wdmsec.h>
#include <ntstrsafe.h>
#include "scratch.h"

#define SCRATCH_TAG 'rcsS'

typedef struct _SCRATCH_EXTENSION {
    FAST_MUTEX Lock;
    PUCHAR Data;
    ULONG Length;
    ULONG Reads;
    ULONG Writes;
} SCRATCH_EXTENSION, *PSCRATCH_EXTENSION;

DRIVER_INITIALIZE DriverEntry;
DRIVER_UNLOAD ScratchUnload;
_Dispatch_type_(IRP_MJ_CREATE) _Dispatch_type_(IRP_MJ_CLOSE) DRIVER_DISPATCH ScratchCreateClose;
_Dispatch_type_(IRP_MJ_READ) DRIVER_DISPATCH ScratchRead;
_Dispatch_type_(IRP_MJ_WRITE) DRIVER_DISPATCH ScratchWrite;
_Dispatch_type_(IRP_MJ_DEVICE_CONTROL) DRIVER_DISPATCH ScratchControl;

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, ScratchUnload)
#endif

static NTSTATUS
ScratchComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

NTSTATUS
ScratchCreateClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    return ScratchComplete(Irp, STATUS_SUCCESS, 0);
}

NTSTATUS
ScratchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PSCRATCH_EXTENSION extension = (PSCRATCH_EXTENSION)DeviceObject->DeviceExtension;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG length;

    ExAcquireFastMutex(&extension->Lock);
    length = min(stack->Parameters.Read.Length, extension->Length);
    RtlCopyMemory(Irp->AssociatedIrp.SystemBuffer, extension->Data, length);
    extension->Reads++;
    ExReleaseFastMutex(&extension->Lock);
    return ScratchComplete(Irp, length != 0 ? STATUS_SUCCESS : STATUS_END_OF_FILE, length);
}

NTSTATUS
ScratchWrite(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PSCRATCH_EXTENSION extension = (PSCRATCH_EXTENSION)DeviceObject->DeviceExtension;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG length = stack->Parameters.Write.Length;
    PUCHAR data = NULL;
    PUCHAR old;

    if (length != 0) {
        data = (PUCHAR)ExAllocatePoolWithTag(PagedPool, length, SCRATCH_TAG);
        if (data == NULL) {
            return ScratchComplete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        }
        RtlCopyMemory(data, Irp->AssociatedIrp.SystemBuffer, length);
    }
    ExAcquireFastMutex(&extension->Lock);
    old = extension->Data;
    extension->Data = data;
    extension->Length = length;
    extension->Writes++;
    ExReleaseFastMutex(&extension->Lock);
    if (old != NULL) {
        ExFreePoolWithTag(old, SCRATCH_TAG);
    }
    return ScratchComplete(Irp, STATUS_SUCCESS, length);
}

/* METHOD_NEITHER: the caller's own addresses, so everything happens under __try. */
static NTSTATUS
ScratchSum(PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PUCHAR input = (PUCHAR)Stack->Parameters.DeviceIoControl.Type3InputBuffer;
    ULONG inputLength = Stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG outputLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    NTSTATUS status = STATUS_SUCCESS;
    ULONG sum = 0;
    ULONG i;

    if (outputLength < sizeof(ULONG)) {
        return ScratchComplete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    }
    __try {
        ProbeForRead(input, inputLength, sizeof(UCHAR));
        ProbeForWrite(Irp->UserBuffer, outputLength, sizeof(ULONG));
        for (i = 0; i < inputLength; i++) {
            sum += input[i];
        }
        *(PULONG)Irp->UserBuffer = sum;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
        KdPrint(("scratch: exception 0x%08X\n", status));
    }
    return ScratchComplete(Irp, status, NT_SUCCESS(status) ? sizeof(ULONG) : 0);
}

NTSTATUS
ScratchControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PSCRATCH_EXTENSION extension = (PSCRATCH_EXTENSION)DeviceObject->DeviceExtension;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PSCRATCH_STATISTICS statistics;

    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_SCRATCH_STATISTICS:
        if (stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(SCRATCH_STATISTICS)) {
            return ScratchComplete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        statistics = (PSCRATCH_STATISTICS)Irp->AssociatedIrp.SystemBuffer;
        ExAcquireFastMutex(&extension->Lock);
        statistics->Reads = extension->Reads;
        statistics->Writes = extension->Writes;
        statistics->Length = extension->Length;
        ExReleaseFastMutex(&extension->Lock);
        return ScratchComplete(Irp, STATUS_SUCCESS, sizeof(SCRATCH_STATISTICS));
    case IOCTL_SCRATCH_SUM:
        return ScratchSum(Irp, stack);
    default:
        return ScratchComplete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

VOID
ScratchUnload(PDRIVER_OBJECT DriverObject)
{
    PSCRATCH_EXTENSION extension = (PSCRATCH_EXTENSION)DriverObject->DeviceObject->DeviceExtension;
    UNICODE_STRING link;

    PAGED_CODE();
    RtlInitUnicodeString(&link, SCRATCH_LINK_NAME);
    IoDeleteSymbolicLink(&link);
    if (extension->Data != NULL) {
        ExFreePoolWithTag(extension->Data, SCRATCH_TAG);
    }
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PSCRATCH_EXTENSION extension;
    PDEVICE_OBJECT deviceObject;
    UNICODE_STRING name;
    UNICODE_STRING link;
    NTSTATUS status;

    DbgPrint("scratch: loading from %wZ\n", RegistryPath);
    RtlInitUnicodeString(&name, SCRATCH_DEVICE_NAME);
    RtlInitUnicodeString(&link, SCRATCH_LINK_NAME);
    status = IoCreateDevice(DriverObject, sizeof(SCRATCH_EXTENSION), &name, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, &deviceObject);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    extension = (PSCRATCH_EXTENSION)deviceObject->DeviceExtension;
    ExInitializeFastMutex(&extension->Lock);
    deviceObject->Flags |= DO_BUFFERED_IO;

    DriverObject->MajorFunction[IRP_MJ_CREATE] = ScratchCreateClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = ScratchCreateClose;
    DriverObject->MajorFunction[IRP_MJ_READ] = ScratchRead;
    DriverObject->MajorFunction[IRP_MJ_WRITE] = ScratchWrite;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = ScratchControl;
    DriverObject->DriverUnload = ScratchUnload;

    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(deviceObject);
    }
    return status;
}
