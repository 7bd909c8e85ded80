/* SPDX-License-Identifier: MIT
 *
 * good.c - a driver that makes one of everything and takes it away again
 */
#include <ntifs.h>

static PVOID Block;
static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Good");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Good");

static VOID NTAPI
OnProcess(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
}

static NTSTATUS NTAPI
OnOpenOrClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static VOID NTAPI
GoodUnload(PDRIVER_OBJECT DriverObject)
{
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(DriverObject->DeviceObject);
    ExFreePoolWithTag(Block, 'dooG');
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT device;
    NTSTATUS status;

    if (PsGetCurrentProcess() != PsInitialSystemProcess || KeGetCurrentIrql() != PASSIVE_LEVEL ||
        KeAreApcsDisabled()) {
        return STATUS_INVALID_SYSTEM_SERVICE;
    }
    if (DriverObject->DriverStart == NULL || DriverObject->DriverSize == 0 ||
        DriverObject->DriverInit != DriverEntry || RegistryPath->Length == 0) {
        return STATUS_INVALID_IMAGE_FORMAT;
    }
    DriverObject->DriverUnload = GoodUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = OnOpenOrClose;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = OnOpenOrClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = OnOpenOrClose;
    Block = ExAllocatePoolWithTag(NonPagedPool, 100, 'dooG');
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(Block, 'dooG');
        return status;
    }
    status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        ExFreePoolWithTag(Block, 'dooG');
        return status;
    }
    return PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
}
