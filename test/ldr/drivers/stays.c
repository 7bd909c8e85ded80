/* SPDX-License-Identifier: MIT
 *
 * stays.c - a driver without DriverUnload, whose timer is armed when the kernel ends
 */
#include <ntifs.h>

static KTIMER Timer;
static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Stays");

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    LARGE_INTEGER dueTime = {.QuadPart = -3600LL * 10 * 1000 * 1000}; /* one hour */
    PDEVICE_OBJECT device;

    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, dueTime, NULL);
    return IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
}
