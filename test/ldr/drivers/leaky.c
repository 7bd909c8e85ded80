/* SPDX-License-Identifier: MIT
 *
 * leaky.c - a driver that loads well and leaves things behind when it is unloaded
 */
#include <ntifs.h>

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Leaky");
static PVOID Block;

static VOID NTAPI
OnProcess(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
}

static VOID NTAPI
LeakyUnload(PDRIVER_OBJECT DriverObject)
{
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT device;

    DriverObject->DriverUnload = LeakyUnload;
    Block = ExAllocatePoolWithTag(NonPagedPool, 77, 'kaeL');
    PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    return IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
}
