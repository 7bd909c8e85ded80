/* SPDX-License-Identifier: MIT
 *
 * drivers/sharepage.c - a driver that maps a page of non-paged pool into its callers
 */
#include <ntddk.h>

#include "sharepage.h"

#define SHAREPAGE_TAG 'gPhS'
#ifndef MdlMappingNoWrite
#define MdlMappingNoWrite 0x80000000
#endif

static volatile ULONG *SharePage;
static PMDL ShareMdl;
static PULONG ShareNeighbour; /* pool that is not shared */

/* STATUS of the exception, or STATUS_SUCCESS with the address. */
static NTSTATUS
ShareMap(BOOLEAN ReadOnly, PVOID *Address)
{
    ULONG priority = NormalPagePriority | MdlMappingNoExecute | (ReadOnly ? MdlMappingNoWrite : 0);

    __try {
        *Address =
            MmMapLockedPagesSpecifyCache(ShareMdl, UserMode, MmCached, NULL, FALSE, priority);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return *Address != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS
ShareReadThrough(PULONG Address, PULONG Value)
{
    __try {
        ProbeForRead(Address, sizeof(*Address), sizeof(*Address));
        *Value = *(volatile ULONG *)Address;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
ShareControl(ULONG Code, PVOID Buffer, ULONG InLength, ULONG OutLength, PULONG_PTR Information)
{
    PVOID *address = Buffer;
    PULONG word = Buffer;
    NTSTATUS status = STATUS_SUCCESS;

    if (Buffer == NULL ||
        (Code != SHAREPAGE_READ && Code != SHAREPAGE_NEIGHBOUR && InLength < sizeof(ULONG))) {
        return STATUS_INVALID_PARAMETER;
    }
    switch (Code) {
    case SHAREPAGE_MAP:
        *Information = sizeof(PVOID);
        return OutLength < sizeof(PVOID) ? STATUS_BUFFER_TOO_SMALL : ShareMap(*word != 0, address);
    case SHAREPAGE_UNMAP:
        MmUnmapLockedPages(*address, ShareMdl);
        return STATUS_SUCCESS;
    case SHAREPAGE_ADD:
        InterlockedExchangeAdd((volatile LONG *)SharePage, (LONG)*word);
        return STATUS_SUCCESS;
    case SHAREPAGE_READ:
        *word = *SharePage;
        *Information = sizeof(*word);
        return STATUS_SUCCESS;
    case SHAREPAGE_NEIGHBOUR:
        *word = *ShareNeighbour == 0x600D600D;
        *Information = sizeof(*word);
        return STATUS_SUCCESS;
    case SHAREPAGE_THROUGH:
        status = ShareReadThrough(*address, word);
        *Information = sizeof(*word);
        return status;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

static NTSTATUS NTAPI
ShareDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG_PTR information = 0;
    NTSTATUS status = STATUS_SUCCESS;

    if (stack->MajorFunction == IRP_MJ_DEVICE_CONTROL) {
        status = ShareControl(stack->Parameters.DeviceIoControl.IoControlCode,
                              Irp->AssociatedIrp.SystemBuffer,
                              stack->Parameters.DeviceIoControl.InputBufferLength,
                              stack->Parameters.DeviceIoControl.OutputBufferLength, &information);
    }
    Irp->IoStatus.Status = status;
    Irp->IoStatus.Information = NT_SUCCESS(status) ? information : 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return status;
}

static VOID
ShareFree(VOID)
{
    if (ShareMdl != NULL) {
        IoFreeMdl(ShareMdl);
    }
    if (SharePage != NULL) {
        ExFreePoolWithTag((PVOID)SharePage, SHAREPAGE_TAG);
    }
    if (ShareNeighbour != NULL) {
        ExFreePoolWithTag(ShareNeighbour, SHAREPAGE_TAG);
    }
}

static VOID NTAPI
ShareUnload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\NtboxSharePage");

    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(Driver->DeviceObject);
    ShareFree();
}

static NTSTATUS
ShareAllocate(VOID)
{
    SharePage = ExAllocatePoolWithTag(NonPagedPoolNx, PAGE_SIZE, SHAREPAGE_TAG);
    ShareNeighbour = ExAllocatePoolWithTag(NonPagedPoolNx, PAGE_SIZE, SHAREPAGE_TAG);
    ShareMdl =
        SharePage != NULL ? IoAllocateMdl((PVOID)SharePage, PAGE_SIZE, FALSE, FALSE, NULL) : NULL;
    if (ShareMdl == NULL || ShareNeighbour == NULL) {
        ShareFree();
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory((PVOID)SharePage, PAGE_SIZE);
    *ShareNeighbour = 0x600D600D;
    MmBuildMdlForNonPagedPool(ShareMdl);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\NtboxSharePage");
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\NtboxSharePage");
    PDEVICE_OBJECT device;
    NTSTATUS status = ShareAllocate();

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        ShareFree();
        return status;
    }
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        ShareFree();
        return status;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = ShareDispatch;
    Driver->MajorFunction[IRP_MJ_CLOSE] = ShareDispatch;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = ShareDispatch;
    Driver->DriverUnload = ShareUnload;
    return STATUS_SUCCESS;
}
