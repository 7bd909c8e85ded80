/* SPDX-License-Identifier: MIT
 *
 * stays.c - a driver without DriverUnload
 */
#include <ntifs.h>

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Stays");

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT device;

    return IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
}
