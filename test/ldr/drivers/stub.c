/* SPDX-License-Identifier: MIT
 *
 * stub.c - a driver that calls an export of Windows which is only a stub here
 */
#include <ntifs.h>

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING stub = RTL_CONSTANT_STRING(L"CcIsThereDirtyData");
    UNICODE_STRING present = RTL_CONSTANT_STRING(L"KeSetEvent");
    UNICODE_STRING absent = RTL_CONSTANT_STRING(L"NoSuchRoutine");

    if (MmGetSystemRoutineAddress(&stub) != NULL || MmGetSystemRoutineAddress(&absent) != NULL ||
        MmGetSystemRoutineAddress(&present) != (PVOID)(ULONG_PTR)KeSetEvent) {
        return STATUS_PROCEDURE_NOT_FOUND;
    }
    return CcIsThereDirtyData(NULL) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
