/* SPDX-License-Identifier: MIT
 *
 * test/host/leaky.c - a driver that leaves a pool block behind
 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;
DRIVER_UNLOAD LeakyUnload;

VOID NTAPI
LeakyUnload(PDRIVER_OBJECT Driver)
{
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    Driver->DriverUnload = LeakyUnload;
    return ExAllocatePoolWithTag(NonPagedPoolNx, 100, 'kaeL') != NULL
               ? STATUS_SUCCESS
               : STATUS_INSUFFICIENT_RESOURCES;
}
