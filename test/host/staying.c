/* SPDX-License-Identifier: MIT
 *
 * test/host/staying.c - a driver without DriverUnload, which keeps a value of its service key
 */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    RTL_QUERY_REGISTRY_TABLE table[2] = {{0}};
    ULONG depth = 0;
    NTSTATUS status;

    table[0].Flags = RTL_QUERY_REGISTRY_DIRECT | RTL_QUERY_REGISTRY_REQUIRED;
    table[0].Name = L"Depth";
    table[0].EntryContext = &depth;
    status = RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, RegistryPath->Buffer, table, NULL, NULL);
    if (NT_SUCCESS(status)) {
        DbgPrint("staying: depth %u\n", depth);
    }
    return status;
}
