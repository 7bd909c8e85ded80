/* SPDX-License-Identifier: MIT
 *
 * drivers/settings.c - a driver that reads its service key when it starts, and tells what it read
 */
#include <ntddk.h>

#include "settings.h"

static SETTINGS_ANSWER SettingsAnswer;

static NTSTATUS NTAPI
SettingsDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS status = STATUS_SUCCESS;
    ULONG_PTR information = 0;

    if (stack->MajorFunction == IRP_MJ_DEVICE_CONTROL) {
        if (stack->Parameters.DeviceIoControl.IoControlCode != SETTINGS_QUERY ||
            stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(SettingsAnswer)) {
            status = STATUS_INVALID_DEVICE_REQUEST;
        } else {
            RtlCopyMemory(Irp->AssociatedIrp.SystemBuffer, &SettingsAnswer, sizeof(SettingsAnswer));
            information = sizeof(SettingsAnswer);
        }
    }
    Irp->IoStatus.Status = status;
    Irp->IoStatus.Information = information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return status;
}

static VOID NTAPI
SettingsUnload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\NtboxSettings");

    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(Driver->DeviceObject);
}

static NTSTATUS
SettingsRead(PUNICODE_STRING RegistryPath)
{
    ULONG refuse = 0;
    RTL_QUERY_REGISTRY_TABLE table[3];
    ULONG zero = 0;
    NTSTATUS status;

    RtlZeroMemory(table, sizeof(table));
    table[0].Flags = RTL_QUERY_REGISTRY_DIRECT;
    table[0].Name = L"Answer";
    table[0].EntryContext = &SettingsAnswer.Answer;
    table[0].DefaultType = REG_DWORD;
    table[0].DefaultData = &zero;
    table[0].DefaultLength = sizeof(zero);
    table[1] = table[0];
    table[1].Name = L"Refuse";
    table[1].EntryContext = &refuse;
    RtlZeroMemory(&SettingsAnswer, sizeof(SettingsAnswer));
    status = RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, RegistryPath->Buffer, table, NULL, NULL);
    if (!NT_SUCCESS(status) || refuse != 0) {
        return NT_SUCCESS(status) ? STATUS_NO_SUCH_DEVICE : status;
    }
    if (RegistryPath->Length >= sizeof(SettingsAnswer.RegistryPath)) {
        return STATUS_NAME_TOO_LONG;
    }
    RtlCopyMemory(SettingsAnswer.RegistryPath, RegistryPath->Buffer, RegistryPath->Length);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\NtboxSettings");
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\NtboxSettings");
    PDEVICE_OBJECT device;
    NTSTATUS status = SettingsRead(RegistryPath);

    if (NT_SUCCESS(status)) {
        status = IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = SettingsDispatch;
    Driver->MajorFunction[IRP_MJ_CLOSE] = SettingsDispatch;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = SettingsDispatch;
    Driver->DriverUnload = SettingsUnload;
    return STATUS_SUCCESS;
}
