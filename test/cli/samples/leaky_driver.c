/* SPDX-License-Identifier: MIT
 *
 * leaky_driver.c - leaves pool behind: what --strict and the audit are for
 */
#include <ntddk.h>

static VOID NTAPI
LeakyUnload(PDRIVER_OBJECT Driver)
{
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    Driver->DriverUnload = LeakyUnload;
    return ExAllocatePoolWithTag(NonPagedPool, 100, 'kaeL') != NULL ? STATUS_SUCCESS
                                                                    : STATUS_NO_MEMORY;
}
