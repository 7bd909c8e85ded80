/* SPDX-License-Identifier: MIT
 *
 * ldr/export.c - MmGetSystemRoutineAddress: the kernel's exports by name
 *
 * Two generated tables: the kernel's own, which LdrpRegisterExports brings, and the C runtime's.
 */
#include "ldr/ldrp.h"

static const LDRP_EXPORT *LdrpExports;
static ULONG LdrpExportCount;

VOID
LdrpRegisterExports(const LDRP_EXPORT *Exports, ULONG Count)
{
    LdrpExports = Exports;
    LdrpExportCount = Count;
}

static PVOID
LdrpFindIn(const LDRP_EXPORT *Exports, ULONG Count, const char *Name)
{
    ULONG low = 0;
    ULONG high = Count;

    while (low < high) {
        ULONG middle = low + (high - low) / 2;
        int order = strcmp(Exports[middle].Name, Name);
        if (order == 0) {
            return Exports[middle].Address;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static PVOID
LdrpFindExport(const char *Name)
{
    PVOID address = LdrpFindIn(LdrpRuntime, LdrpRuntimeCount, Name);

    if (address != NULL) {
        return address;
    }
    if (LdrpExports == NULL) {
        return HalpFindSymbol(NULL, Name);
    }
    return LdrpFindIn(LdrpExports, LdrpExportCount, Name);
}

#pragma GCC visibility push(default)

/*
 * MmGetSystemRoutineAddress - the address of a kernel export
 *
 * Returns  NULL for a name that is not exported, and for one that is only a stub here: a driver
 *          that asks first takes the way of an older Windows.
 * IRQL     PASSIVE_LEVEL
 */
PVOID NTAPI
MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    NT_ENTER(MmGetSystemRoutineAddress);
    char name[128];
    USHORT chars = SystemRoutineName->Length / sizeof(WCHAR);

    if (chars >= sizeof(name)) {
        return NULL;
    }
    for (USHORT i = 0; i < chars; ++i) {
        WCHAR c = SystemRoutineName->Buffer[i];
        if (c == 0 || c >= 0x80) {
            return NULL;
        }
        name[i] = (char)c;
    }
    name[chars] = 0;
    return LdrpFindExport(name);
}

#pragma GCC visibility pop
