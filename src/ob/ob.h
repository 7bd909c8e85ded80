/* SPDX-License-Identifier: MIT
 *
 * ob/ob.h - objects, names and handles, beyond the WDK
 *
 * Invariants  O1  an object lives while PointerCount > 0; each open handle is one of them.
 *             O2  a name is one more reference until ObMakeTemporaryObject or the last handle of
 *                 a temporary object closes.
 *             O3  a handle value is a multiple of 4; kernel handles have bit 31 and above set.
 */
#pragma once

#include "mm/mm.h"

typedef struct OBP_OPEN_REQUEST {
    PVOID ParseObject;            /* the object at which name lookup stopped */
    UNICODE_STRING RemainingName; /* what is left of the name, may be empty */
    ACCESS_MASK DesiredAccess;
    ULONG Attributes;             /* OBJ_* */
    KPROCESSOR_MODE AccessMode;
    PVOID Context;                /* the caller's, e.g. io's open packet */
} OBP_OPEN_REQUEST;

/* How a type takes part. Any member but Name may be NULL. */
typedef struct OBP_TYPE_OPS {
    const WCHAR *Name;
    ACCESS_MASK ValidAccess;
    GENERIC_MAPPING Mapping;
    BOOLEAN Waitable;             /* the body begins with a DISPATCHER_HEADER, or GetWaitable */
    PVOID (*GetWaitable)(PVOID Object);
    /* Last reference gone. IRQL PASSIVE_LEVEL: deferred to a worker when dropped higher. */
    VOID (*Delete)(PVOID Object);
    /* A handle is closing. HandleCount: handles of all processes left before this close. */
    VOID (*Close)(PEPROCESS Process, PVOID Object, ULONG ProcessHandleCount, ULONG HandleCount);
    /* The object takes over the rest of the name; *Object is referenced on success. */
    NTSTATUS (*Parse)(OBP_OPEN_REQUEST *Request, PVOID *Object);
} OBP_TYPE_OPS;

NTSTATUS ObpInitializeSystem(VOID); /* \, \Device, \DosDevices, \??, \GLOBAL??, \Driver, \Callback */
VOID ObpShutdownSystem(VOID);
NTSTATUS ObpCreateType(const OBP_TYPE_OPS *Ops, POBJECT_TYPE *Type);

/*
 * Allocates an object: body zeroed, one reference, no name, no handle.
 * IRQL <= DISPATCH_LEVEL.
 */
NTSTATUS ObpCreateObject(POBJECT_TYPE Type, SIZE_T BodySize, PVOID *Object);
/* Puts Name (absolute) into the namespace. STATUS_OBJECT_NAME_COLLISION and the path errors. */
NTSTATUS ObpInsertName(PVOID Object, PCUNICODE_STRING Name, BOOLEAN Permanent);
/* Takes the name out (drops O2's reference); harmless without one. */
VOID ObpRemoveName(PVOID Object);
POBJECT_TYPE ObpGetObjectType(PVOID Object);
/* Full name, NUL-terminated, cut to Size bytes; empty if none. */
VOID ObpQueryName(PVOID Object, PWSTR Buffer, SIZE_T Size);
LONG ObpPointerCount(PVOID Object);
LONG ObpHandleCount(PVOID Object);

/* Lookup by name, following symbolic links and Parse; *Object is referenced. Type NULL: any. */
NTSTATUS ObpOpenByName(PCUNICODE_STRING Name, HANDLE RootDirectory, POBJECT_TYPE Type,
                       OBP_OPEN_REQUEST *Request, PVOID *Object);

/* Handle tables. Process NULL: the current one. Kernel handles go to the system's table. */
typedef struct OBP_HANDLE_TABLE OBP_HANDLE_TABLE;
NTSTATUS ObpCreateHandleTable(PEPROCESS Process, OBP_HANDLE_TABLE **Table);
/* Closes every handle (Close, then reference dropped), then frees the table. */
VOID ObpDestroyHandleTable(OBP_HANDLE_TABLE *Table);
ULONG ObpHandlesInUse(OBP_HANDLE_TABLE *Table);
/* ps tells how to get at tables: an upward call. */
typedef OBP_HANDLE_TABLE *OBP_GET_TABLE(PEPROCESS Process);
VOID ObpRegisterTables(OBP_GET_TABLE *GetTable, OBP_HANDLE_TABLE *KernelTable);
/* Handle to an object already referenced by the caller (the reference is not consumed). */
NTSTATUS ObpCreateHandle(PVOID Object, ACCESS_MASK GrantedAccess, ULONG Attributes,
                         HANDLE *Handle);
/* ObReferenceObjectByHandle for one known type, no access check: the fast path of io. */
NTSTATUS ObpReferenceFileHandle(HANDLE Handle, KPROCESSOR_MODE Mode, POBJECT_TYPE Type,
                                ACCESS_MASK *GrantedAccess, PVOID *Object);
/* Walks named objects of a type; Visit returns FALSE to stop. */
VOID ObpForEachNamed(POBJECT_TYPE Type, BOOLEAN (*Visit)(PVOID Context, PVOID Object),
                     PVOID Context);
