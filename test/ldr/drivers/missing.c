/* SPDX-License-Identifier: MIT
 *
 * missing.c - a driver that imports names which no kernel exports
 */
#include <ntifs.h>

VOID NTAPI KeNoSuchRoutine(VOID);
VOID NTAPI IoNoSuchRoutineEither(VOID);

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KeNoSuchRoutine();
    IoNoSuchRoutineEither();
    return STATUS_SUCCESS;
}
