/* SPDX-License-Identifier: MIT
 *
 * klib/aux_klib.c - the auxiliary kernel-mode library, over ZwQuerySystemInformation
 *
 * Linked into drivers that use it (libntbox_klib.a), as Aux_Klib.lib on Windows. The contracts are
 * in aux_klib.h.
 *
 * Invariant  An answer is copied only when it is whole: a caller sees no half of a list.
 * Source     WDK reference, aux_klib.h: each function's own page.
 */
#include <aux_klib.h>

#define KLIB_TAG 'lKxA'
#define KLIB_MODULES 11 /* SystemModuleInformation */

#ifndef DRIVER_VIOLATION
#define DRIVER_VIOLATION 0x121
#endif

/* What ZwQuerySystemInformation tells of a module, and of all. */
typedef struct KLIB_MODULE {
    PVOID Section;
    PVOID MappedBase;
    PVOID ImageBase;
    ULONG ImageSize;
    ULONG Flags;
    USHORT LoadOrderIndex;
    USHORT InitOrderIndex;
    USHORT LoadCount;
    USHORT OffsetToFileName;
    UCHAR FullPathName[AUX_KLIB_MODULE_PATH_LEN];
} KLIB_MODULE;

typedef struct KLIB_MODULES_ANSWER {
    ULONG Count;
    KLIB_MODULE Modules[];
} KLIB_MODULES_ANSWER;

C_ASSERT(sizeof(KLIB_MODULE) == 296);
C_ASSERT(FIELD_OFFSET(KLIB_MODULES_ANSWER, Modules) == 8);

NTSTATUS NTAPI ZwQuerySystemInformation(ULONG Class, PVOID Buffer, ULONG Length,
                                        PULONG ReturnLength);

static LONG KlibIsInitialized;

NTSTATUS NTAPI
AuxKlibInitialize(VOID)
{
    InterlockedExchange(&KlibIsInitialized, TRUE);
    return STATUS_SUCCESS;
}

static VOID
KlibRequireInitialized(const char *Name)
{
    if (!InterlockedOr(&KlibIsInitialized, 0)) {
        DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL,
                   "%s was called before AuxKlibInitialize.\n", Name);
        KeBugCheckEx(DRIVER_VIOLATION, (ULONG_PTR)Name, 0, 0,
                     (ULONG_PTR)__builtin_return_address(0));
    }
}

/* All modules, in a block of pool that is the caller's. */
static NTSTATUS
KlibQueryModules(KLIB_MODULES_ANSWER **Answer)
{
    ULONG length = 0;
    NTSTATUS status = ZwQuerySystemInformation(KLIB_MODULES, NULL, 0, &length);

    /* Modules may come between the two questions. */
    while (status == STATUS_INFO_LENGTH_MISMATCH) {
        ULONG size = length + 4 * sizeof(KLIB_MODULE);
        PVOID block = ExAllocatePool2(POOL_FLAG_PAGED, size, KLIB_TAG);

        if (block == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        status = ZwQuerySystemInformation(KLIB_MODULES, block, size, &length);
        if (NT_SUCCESS(status)) {
            *Answer = block;
            return status;
        }
        ExFreePoolWithTag(block, KLIB_TAG);
    }
    return NT_SUCCESS(status) ? STATUS_UNSUCCESSFUL : status;
}

static VOID
KlibGiveModule(const KLIB_MODULE *Module, ULONG ElementSize, PVOID Element)
{
    AUX_MODULE_EXTENDED_INFO *info = Element;

    info->BasicInfo.ImageBase = Module->ImageBase;
    if (ElementSize == sizeof(*info)) {
        info->ImageSize = Module->ImageSize;
        info->FileNameOffset = Module->OffsetToFileName;
        RtlCopyMemory(info->FullPathName, Module->FullPathName, sizeof(info->FullPathName));
    }
}

NTSTATUS NTAPI
AuxKlibQueryModuleInformation(PULONG BufferSize, ULONG ElementSize, PVOID QueryInfo)
{
    KLIB_MODULES_ANSWER *answer = NULL;
    NTSTATUS status;
    ULONG needed;

    KlibRequireInitialized("AuxKlibQueryModuleInformation");
    if (ElementSize != sizeof(AUX_MODULE_BASIC_INFO) &&
        ElementSize != sizeof(AUX_MODULE_EXTENDED_INFO)) {
        return STATUS_INVALID_PARAMETER;
    }
    status = KlibQueryModules(&answer);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    needed = answer->Count * ElementSize;
    if (QueryInfo == NULL) {
        *BufferSize = needed;
    } else if (*BufferSize < needed) {
        status = STATUS_BUFFER_TOO_SMALL;
    } else {
        for (ULONG i = 0; i < answer->Count; i++) {
            KlibGiveModule(&answer->Modules[i], ElementSize, (PUCHAR)QueryInfo + i * ElementSize);
        }
    }
    ExFreePoolWithTag(answer, KLIB_TAG);
    return status;
}

PIMAGE_EXPORT_DIRECTORY NTAPI
AuxKlibGetImageExportDirectory(PVOID ImageBase)
{
    KlibRequireInitialized("AuxKlibGetImageExportDirectory");
    UNREFERENCED_PARAMETER(ImageBase);
    return NULL;
}

NTSTATUS NTAPI
AuxKlibGetBugCheckData(PKBUGCHECK_DATA BugCheckData)
{
    KlibRequireInitialized("AuxKlibGetBugCheckData");
    return BugCheckData->BugCheckDataSize != sizeof(*BugCheckData) ? STATUS_INFO_LENGTH_MISMATCH
                                                                   : STATUS_NOT_SUPPORTED;
}

NTSTATUS NTAPI
AuxKlibEnumerateSystemFirmwareTables(ULONG FirmwareTableProviderSignature,
                                     PVOID FirmwareTableBuffer, ULONG BufferLength,
                                     PULONG ReturnLength)
{
    KlibRequireInitialized("AuxKlibEnumerateSystemFirmwareTables");
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS NTAPI
AuxKlibGetSystemFirmwareTable(ULONG FirmwareTableProviderSignature, ULONG FirmwareTableID,
                              PVOID FirmwareTableBuffer, ULONG BufferLength, PULONG ReturnLength)
{
    KlibRequireInitialized("AuxKlibGetSystemFirmwareTable");
    return STATUS_NOT_SUPPORTED;
}
