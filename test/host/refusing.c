/* SPDX-License-Identifier: MIT
 *
 * test/host/refusing.c - a DriverEntry that fails, with something to say
 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    DbgPrint("refusing: no such hardware\n");
    return STATUS_DEVICE_NOT_READY;
}
