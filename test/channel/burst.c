/* SPDX-License-Identifier: MIT
 *
 * test/channel/burst.c - a driver with one channel, which publishes when it is told to
 */
#include <ntddk.h>

#include "channel_driver.h"
#include "burst.h"

#define BURST_TAG 'tsrB'

static CHANNEL *BurstChannel;
static LONG64 BurstValue;
static LONG BurstFails;

static NTSTATUS
BurstComplete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS
BurstControl(PIRP Irp, PIO_STACK_LOCATION Stack)
{
    ULONG code = Stack->Parameters.DeviceIoControl.IoControlCode;
    ULONG *input = Irp->AssociatedIrp.SystemBuffer;

    if (code != IOCTL_BURST_PUBLISH && code != IOCTL_BURST_FAIL) {
        return ChannelControl(BurstChannel, Irp);
    }
    if (Stack->Parameters.DeviceIoControl.InputBufferLength != sizeof(*input)) {
        return BurstComplete(Irp, STATUS_INVALID_PARAMETER);
    }
    if (code == IOCTL_BURST_FAIL) {
        InterlockedExchange(&BurstFails, (LONG)*input);
        return BurstComplete(Irp, STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < *input; i++) {
        UINT64 value = (UINT64)InterlockedIncrement64(&BurstValue);
        CHANNEL_PART part = {&value, sizeof(value)};

        ChannelPublish(BurstChannel, BURST_TYPE, 0, &part, 1);
    }
    return BurstComplete(Irp, STATUS_SUCCESS);
}

static NTSTATUS NTAPI
BurstDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);

    UNREFERENCED_PARAMETER(Device);
    switch (stack->MajorFunction) {
    case IRP_MJ_CREATE:
        return BurstComplete(Irp, ChannelOpen(BurstChannel, stack->FileObject));
    case IRP_MJ_READ:
        return InterlockedCompareExchange(&BurstFails, 0, 0) != 0
                   ? BurstComplete(Irp, STATUS_DEVICE_NOT_READY)
                   : ChannelRead(BurstChannel, Irp);
    case IRP_MJ_DEVICE_CONTROL:
        return BurstControl(Irp, stack);
    case IRP_MJ_CLEANUP:
        ChannelCleanup(stack->FileObject);
        return BurstComplete(Irp, STATUS_SUCCESS);
    default:
        ChannelClose(stack->FileObject);
        return BurstComplete(Irp, STATUS_SUCCESS);
    }
}

static VOID NTAPI
BurstUnload(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING link = RTL_CONSTANT_STRING(BURST_LINK_NAME);

    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(DriverObject->DeviceObject);
    ChannelDelete(BurstChannel);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\NtboxBurst");
    UNICODE_STRING link = RTL_CONSTANT_STRING(BURST_LINK_NAME);
    PDEVICE_OBJECT device;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);
    status = ChannelCreate(1024 * 1024, BURST_TAG, &BurstChannel);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateDevice(DriverObject, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        goto DeleteChannel;
    }
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        goto DeleteDevice;
    }
    DriverObject->MajorFunction[IRP_MJ_CREATE] = BurstDispatch;
    DriverObject->MajorFunction[IRP_MJ_READ] = BurstDispatch;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = BurstDispatch;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = BurstDispatch;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = BurstDispatch;
    DriverObject->DriverUnload = BurstUnload;
    device->Flags |= DO_DIRECT_IO;
    return STATUS_SUCCESS;

DeleteDevice:
    IoDeleteDevice(device);
DeleteChannel:
    ChannelDelete(BurstChannel);
    return status;
}
