/* SPDX-License-Identifier: MIT
 *
 * halfway.c - a driver whose DriverEntry fails after it has made things, and leaves them
 */
#include <ntifs.h>

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Halfway");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Halfway");
static PVOID Blocks[3];

static VOID NTAPI
OnImage(PUNICODE_STRING Name, HANDLE ProcessId, PIMAGE_INFO Info)
{
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT device;

    Blocks[0] = ExAllocatePoolWithTag(NonPagedPool, 48, 'flaH');
    Blocks[1] = ExAllocatePoolWithTag(PagedPool, 5000, 'flaH');
    Blocks[2] = ExAllocatePoolWithTag(NonPagedPool, 1, 'flaH');
    IoCreateDevice(DriverObject, 64, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    IoCreateSymbolicLink(&LinkName, &DeviceName);
    PsSetLoadImageNotifyRoutine(OnImage);
    return STATUS_DEVICE_CONFIGURATION_ERROR;
}
