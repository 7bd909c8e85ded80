/* SPDX-License-Identifier: MIT
 *
 * aux_klib.h - the auxiliary kernel-mode library, which is linked into each driver
 * (klib/aux_klib.c)
 *
 * Source  WDK reference, aux_klib.h: each name's own page.
 */
#ifndef NTBOX_AUX_KLIB_H
#define NTBOX_AUX_KLIB_H
#pragma GCC system_header

#include <ntddk.h>
#include <ntimage.h>

#define AUX_KLIB_MODULE_PATH_LEN 256

typedef struct _AUX_MODULE_BASIC_INFO {
    PVOID ImageBase;
} AUX_MODULE_BASIC_INFO, *PAUX_MODULE_BASIC_INFO;

typedef struct _AUX_MODULE_EXTENDED_INFO {
    AUX_MODULE_BASIC_INFO BasicInfo;
    ULONG ImageSize;
    USHORT FileNameOffset;
    UCHAR FullPathName[AUX_KLIB_MODULE_PATH_LEN];
} AUX_MODULE_EXTENDED_INFO, *PAUX_MODULE_EXTENDED_INFO;

typedef struct _KBUGCHECK_DATA {
    ULONG BugCheckDataSize;
    ULONG BugCheckCode;
    ULONG_PTR Parameter1;
    ULONG_PTR Parameter2;
    ULONG_PTR Parameter3;
    ULONG_PTR Parameter4;
} KBUGCHECK_DATA, *PKBUGCHECK_DATA;

#ifdef __cplusplus
extern "C" {
#endif

/*
 * AuxKlibInitialize - to be called before the others, which end in a bugcheck without it
 *
 * Returns  STATUS_SUCCESS
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI AuxKlibInitialize(VOID);

/*
 * AuxKlibQueryModuleInformation - the images in the kernel: ntbox's own and drivers'
 *
 * BufferSize   in bytes: of QueryInfo; without QueryInfo, receives what it needs
 * ElementSize  of AUX_MODULE_BASIC_INFO or AUX_MODULE_EXTENDED_INFO
 * QueryInfo    optional; an array of these
 *
 * Errors   STATUS_INVALID_PARAMETER (another ElementSize), STATUS_BUFFER_TOO_SMALL,
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Differs  FullPathName is a file name without folders
 */
NTSTATUS NTAPI AuxKlibQueryModuleInformation(PULONG BufferSize, ULONG ElementSize, PVOID QueryInfo);

/*
 * AuxKlibGetImageExportDirectory - of the image at ImageBase
 *
 * Returns  NULL
 * Differs  always so: images are ELF files, which have no such directory
 */
PIMAGE_EXPORT_DIRECTORY NTAPI AuxKlibGetImageExportDirectory(PVOID ImageBase);

/*
 * AuxKlibGetBugCheckData - not there
 *
 * Errors   STATUS_INFO_LENGTH_MISMATCH (another BugCheckDataSize), else STATUS_NOT_SUPPORTED
 */
NTSTATUS NTAPI AuxKlibGetBugCheckData(PKBUGCHECK_DATA BugCheckData);

/* The firmware's tables are not there: STATUS_NOT_SUPPORTED. IRQL: PASSIVE_LEVEL. */
NTSTATUS NTAPI AuxKlibEnumerateSystemFirmwareTables(ULONG FirmwareTableProviderSignature,
                                                    PVOID FirmwareTableBuffer, ULONG BufferLength,
                                                    PULONG ReturnLength);
NTSTATUS NTAPI AuxKlibGetSystemFirmwareTable(ULONG FirmwareTableProviderSignature,
                                             ULONG FirmwareTableID, PVOID FirmwareTableBuffer,
                                             ULONG BufferLength, PULONG ReturnLength);

#ifdef __cplusplus
}
#endif

#endif
