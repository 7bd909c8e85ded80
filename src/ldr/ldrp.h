/* SPDX-License-Identifier: MIT
 *
 * ldr/ldrp.h - what the files of ldr share
 *
 * Invariants  L1  A module is in LdrpModules iff its name is taken: from before its image is loaded
 *                 until after it is unloaded.
 *             L2  LdrpLock is not held while a driver's routine runs: it may load another driver.
 */
#pragma once

#include "ldr/ldr.h"

#define LDRP_TAG 'rdLN' /* "NLdr" */

typedef struct LDRP_MODULE {
    LDRP_STATE State; /* LdrpLock */
    BOOLEAN Pinned;   /* something of it still runs: the image stays mapped */
    HALP_IMAGE *Image;
    ULONG_PTR Base;
    SIZE_T Size;
    PDRIVER_OBJECT DriverObject;
    UNICODE_STRING RegistryPath; /* pool, from CmpCreateServiceKey */
    NTSTATUS EntryStatus;
    char Name[LDRP_MAX_NAME];
    char Path[LDRP_MAX_PATH];
} LDRP_MODULE;

/* One line to the log, cut to what a line holds; the newline is added. */
VOID LdrpLog(const char *Format, ...) __attribute__((format(printf, 1, 2)));
/* "file.c:12" or "module+0x12" of Address. */
VOID LdrpDescribeCode(ULONG_PTR Address, char *Buffer, SIZE_T Size);

/* ---- load.c ---- */

/* As LdrpLoadDriver with a service name of its own (UTF-8); NULL: from the file's. */
NTSTATUS LdrpLoadNamed(const char *Path, const char *Name, PDRIVER_OBJECT *DriverObject);
/* Runs Routine(Context) on a system thread, in the system process, and waits. */
NTSTATUS LdrpRunInSystem(PKSTART_ROUTINE Routine, PVOID Context);
/* UTF-8 to a string in pool memory (LDRP_TAG), NUL-terminated. */
NTSTATUS LdrpToUnicode(const char *Text, PUNICODE_STRING String);
/* The loaded driver of that service name (UTF-8, any case), or NULL. */
PDRIVER_OBJECT LdrpFindDriverByName(const char *Name);

/* ---- imagepath.c ---- */

/*
 * The host file that a service's ImagePath stands for (UTF-8), into Path, which has Size bytes. A
 * file that is not there is no error here. STATUS_NOT_SUPPORTED: a path of another machine;
 * STATUS_NAME_TOO_LONG; STATUS_OBJECT_NAME_INVALID: empty.
 */
NTSTATUS LdrpFindImage(const char *ImagePath, char *Path, ULONG Size);

/* ---- audit.c ---- */

/*
 * Looks for what the driver left behind after When ("DriverUnload"), names and counts each, and
 * takes away what is safe to take away. Sets Module->Pinned when code of it may still run.
 * When NULL: neither names nor counts.
 */
VOID LdrpAuditModule(LDRP_MODULE *Module, const char *When);

/* The C runtime's exports, sorted by name (tools/gen-crt-names.py). */
extern const LDRP_EXPORT LdrpRuntime[];
extern const ULONG LdrpRuntimeCount;
