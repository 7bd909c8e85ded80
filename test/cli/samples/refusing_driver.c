/* SPDX-License-Identifier: MIT
 *
 * refusing_driver.c - a DriverEntry that fails
 */
#include <ntddk.h>

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    return STATUS_DEVICE_NOT_READY;
}
