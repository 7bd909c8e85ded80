/* SPDX-License-Identifier: MIT
 *
 * raised.c - a driver whose DriverEntry returns at DISPATCH_LEVEL
 */
#include <ntifs.h>

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    return STATUS_SUCCESS;
}
