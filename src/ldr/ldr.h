/* SPDX-License-Identifier: MIT
 *
 * ldr/ldr.h - loading and unloading drivers
 */
#pragma once

#include "io/io.h"
#include "cm/cm.h"

NTSTATUS LdrpInitializeSystem(VOID);
VOID LdrpShutdownSystem(VOID); /* unloads every driver, last loaded first */

/*
 * Loads the ELF driver at Path (UTF-8, host path), service name from the file name without folder
 * and extension; makes its service key, driver object, calls DriverEntry at PASSIVE_LEVEL in the
 * system process. Every failure is logged as one line that says what to do.
 * STATUS_OBJECT_NAME_NOT_FOUND (no file), STATUS_INVALID_IMAGE_FORMAT (no driver),
 * STATUS_DRIVER_ENTRYPOINT_NOT_FOUND (missing exports, each logged),
 * STATUS_IMAGE_ALREADY_LOADED, or DriverEntry's failure, after an audit of what it left behind.
 */
NTSTATUS LdrpLoadDriver(const char *Path, PDRIVER_OBJECT *DriverObject);
/* STATUS_INVALID_DEVICE_REQUEST without DriverUnload. Audits what is left behind. */
NTSTATUS LdrpUnloadDriver(PDRIVER_OBJECT DriverObject);
/* Name of the loaded driver whose image contains Address, or NULL. */
const char *LdrpFindDriverName(ULONG_PTR Address);
/* Unloads by service name (UTF-8, any case). STATUS_OBJECT_NAME_NOT_FOUND: not loaded. */
NTSTATUS LdrpUnloadByName(const char *Name);

typedef enum LDRP_STATE {
    LdrpLoading, /* DriverEntry has not returned */
    LdrpLoaded,
    LdrpUnloading /* nobody else may touch it */
} LDRP_STATE;
#define LDRP_MAX_DRIVERS 64
#define LDRP_MAX_NAME 64 /* bytes of a service name, with its end */
#define LDRP_MAX_PATH 1024
typedef struct LDRP_DRIVER_INFO {
    LDRP_STATE State;
    ULONG_PTR Base;
    SIZE_T Size;
    BOOLEAN CanUnload;           /* it has a DriverUnload */
    PDRIVER_OBJECT DriverObject; /* an identity only: it may be gone */
    char Name[LDRP_MAX_NAME];
    char Path[LDRP_MAX_PATH];
} LDRP_DRIVER_INFO;
/* The first Count drivers in the order of loading; how many there are. PASSIVE_LEVEL. */
ULONG LdrpCollectDrivers(LDRP_DRIVER_INFO *Drivers, ULONG Count);

/* The implemented exports, sorted by name; without them MmGetSystemRoutineAddress asks the host. */
typedef struct LDRP_EXPORT {
    const char *Name;
    PVOID Address;
} LDRP_EXPORT;
VOID LdrpRegisterExports(const LDRP_EXPORT *Exports, ULONG Count);
/* Defects that audits reported since start: 0 is what tests expect. */
ULONG LdrpAuditFindings(VOID);
