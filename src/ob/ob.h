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
    ULONG Attributes; /* OBJ_* */
    KPROCESSOR_MODE AccessMode;
    PVOID Context; /* the caller's, e.g. io's open packet */
} OBP_OPEN_REQUEST;

/* OBJECT_ATTRIBUTES of a caller, copied: ObpCaptureAttributes. */
typedef struct OBP_ATTRIBUTES {
    UNICODE_STRING Name; /* Buffer NULL: no name */
    HANDLE RootDirectory;
    ULONG Attributes;              /* OBJ_*; OBJ_KERNEL_HANDLE only survives in KernelMode */
    PSECURITY_DESCRIPTOR Security; /* for a new object; NULL: none given */
} OBP_ATTRIBUTES;

/* How a type takes part. Any member but Name may be NULL. */
typedef struct OBP_TYPE_OPS {
    const WCHAR *Name;
    ACCESS_MASK ValidAccess;
    GENERIC_MAPPING Mapping;
    BOOLEAN Waitable;       /* the body begins with a DISPATCHER_HEADER, or GetWaitable */
    BOOLEAN TakesCallbacks; /* ObRegisterCallbacks works on it */
    PVOID (*GetWaitable)(PVOID Object);
    /* Last reference gone. IRQL PASSIVE_LEVEL: deferred to a worker when dropped higher. */
    VOID (*Delete)(PVOID Object);
    /* A handle is closing. HandleCount: handles of all processes left before this close. */
    VOID (*Close)(PEPROCESS Process, PVOID Object, ULONG ProcessHandleCount, ULONG HandleCount);
    /* The object takes over the rest of the name; *Object is referenced on success. */
    NTSTATUS (*Parse)(OBP_OPEN_REQUEST *Request, PVOID *Object);
    /* Full name of an object that has no name of its own; NUL-terminated, cut to Size bytes. */
    VOID (*QueryName)(PVOID Object, PWSTR Buffer, SIZE_T Size);
    /*
     * Where the object's descriptor is, if not in its header. One that is the object's own is
     * released by its Delete.
     */
    PSECURITY_DESCRIPTOR *(*SecurityField)(PVOID Object);
    /* Objects that others know the descriptor of. *Copy is pool memory: ExFreePool. */
    NTSTATUS(*QuerySecurity)
    (PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR *Copy, ULONG *Length);
    NTSTATUS(*SetSecurity)
    (PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR Descriptor);
} OBP_TYPE_OPS;

/* se, above us: what objects are protected by. Without it, and without a member, all may all. */
typedef struct OBP_SECURITY_OPS {
    /* A caller's descriptor, self-relative. */
    NTSTATUS(*Capture)
    (PSECURITY_DESCRIPTOR Source, KPROCESSOR_MODE Mode, PSECURITY_DESCRIPTOR *Captured);
    VOID (*FreeCaptured)(PSECURITY_DESCRIPTOR Captured);
    /* Gives a new object its descriptor, unless it has one; Directory: where its name goes. */
    NTSTATUS(*Assign)
    (PVOID Object, PVOID Directory, const GENERIC_MAPPING *Mapping, BOOLEAN IsContainer,
     PSECURITY_DESCRIPTOR Explicit, KPROCESSOR_MODE Mode);
    NTSTATUS(*Check)
    (PVOID Object, const GENERIC_MAPPING *Mapping, ACCESS_MASK DesiredAccess, KPROCESSOR_MODE Mode,
     ACCESS_MASK *GrantedAccess);
    /* What is in a field, and not NULL, is dropped. IRQL <= DISPATCH_LEVEL. */
    VOID (*Release)(PSECURITY_DESCRIPTOR Descriptor);
} OBP_SECURITY_OPS;
VOID ObpRegisterSecurity(const OBP_SECURITY_OPS *Ops);
PSECURITY_DESCRIPTOR *ObpSecurityField(PVOID Object);
const OBP_TYPE_OPS *ObpTypeOps(POBJECT_TYPE Type);
/*
 * May the calling thread have that access to an existing object? KernelMode may; Mode decides, and
 * OBJ_FORCE_ACCESS_CHECK is the caller's business. STATUS_ACCESS_DENIED (also: rights that the type
 * does not have), STATUS_PRIVILEGE_NOT_HELD. PASSIVE_LEVEL.
 */
NTSTATUS ObpCheckAccess(PVOID Object, ACCESS_MASK DesiredAccess, KPROCESSOR_MODE Mode,
                        ACCESS_MASK *GrantedAccess);

/* Makes \, \Device, \DosDevices, \??, \GLOBAL??, \Driver, \Callback and so on. */
NTSTATUS ObpInitializeSystem(VOID);
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
BOOLEAN ObpHasName(PVOID Object);
POBJECT_TYPE ObpGetObjectType(PVOID Object);
PCUNICODE_STRING ObpQueryTypeName(POBJECT_TYPE Type);
/* By the name of its type; for those below the component that made the type. */
BOOLEAN ObpIsOfType(PVOID Object, PCUNICODE_STRING TypeName);
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
/* More handles are STATUS_INSUFFICIENT_RESOURCES, as when there is no room. Before the first. */
VOID ObpLimitHandles(OBP_HANDLE_TABLE *Table, ULONG Limit);
/* ps tells how to get at tables: an upward call. */
typedef OBP_HANDLE_TABLE *OBP_GET_TABLE(PEPROCESS Process);
VOID ObpRegisterTables(OBP_GET_TABLE *GetTable, OBP_HANDLE_TABLE *KernelTable);
/* Handle to an object already referenced by the caller (the reference is not consumed). */
NTSTATUS ObpCreateHandle(PVOID Object, ACCESS_MASK GrantedAccess, ULONG Attributes, HANDLE *Handle);
/* Creates a handle for a fresh object, named if the attributes say so; consumes its reference. */
NTSTATUS ObpPublishObject(PVOID Object, const OBP_ATTRIBUTES *Attributes, ACCESS_MASK Access,
                          KPROCESSOR_MODE Mode, PHANDLE Handle);
/* Opens an existing object of Type by its attributes; the pointers are the caller's. */
NTSTATUS ObpOpenService(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                        POBJECT_TYPE Type);
/* Writes a handle to the caller, or closes it again. */
NTSTATUS ObpReturnHandle(PHANDLE Target, HANDLE Handle, KPROCESSOR_MODE Mode);
typedef struct OBP_HANDLE_INFO {
    HANDLE Value;
    PVOID Object; /* referenced */
    ACCESS_MASK Access;
    ULONG Attributes; /* OBJ_INHERIT, 1: protected from close */
} OBP_HANDLE_INFO;
/*
 * The first Count handles of a table that does not go meanwhile; how many there are.
 * IRQL <= DISPATCH_LEVEL.
 */
ULONG ObpCollectHandles(OBP_HANDLE_TABLE *Table, OBP_HANDLE_INFO *Handles, ULONG Count);
/* The table of kernel handles. */
OBP_HANDLE_TABLE *ObpSystemTable(VOID);
/* ObReferenceObjectByHandle for one known type, no access check: the fast path of io. */
NTSTATUS ObpReferenceFileHandle(HANDLE Handle, KPROCESSOR_MODE Mode, POBJECT_TYPE Type,
                                ACCESS_MASK *GrantedAccess, PVOID *Object);
/* Walks named objects of a type; Visit returns FALSE to stop. */
VOID ObpForEachNamed(POBJECT_TYPE Type, BOOLEAN (*Visit)(PVOID Context, PVOID Object),
                     PVOID Context);
/*
 * The Zw form of a service: the same, with PreviousMode KernelMode. For use as
 *   NTSTATUS NTAPI ZwX(a, b) { return OBP_ZW(NtX(a, b)); }
 */
#define OBP_ZW(call)                                     \
    ({                                                   \
        KTHREAD *zwThread = KiGetCurrentThread();        \
        KPROCESSOR_MODE zwMode = zwThread->PreviousMode; \
        zwThread->PreviousMode = KernelMode;             \
        NTSTATUS zwStatus = (call);                      \
        zwThread->PreviousMode = zwMode;                 \
        zwStatus;                                        \
    })

/* ---- services that the DDK headers lack; user pointers checked as PreviousMode says ---- */
NTSTATUS NTAPI NtDuplicateObject(HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess,
                                 PHANDLE Target, ACCESS_MASK Access, ULONG Attributes,
                                 ULONG Options);
NTSTATUS NTAPI NtOpenSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK Access,
                                        POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtQuerySymbolicLinkObject(HANDLE Link, PUNICODE_STRING Target, PULONG Length);
NTSTATUS NTAPI NtCreateSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK Access,
                                          POBJECT_ATTRIBUTES Attributes, PUNICODE_STRING Target);
NTSTATUS NTAPI NtCreateDirectoryObject(PHANDLE Handle, ACCESS_MASK Access,
                                       POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtOpenDirectoryObject(PHANDLE Handle, ACCESS_MASK Access,
                                     POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtMakeTemporaryObject(HANDLE Handle);
NTSTATUS NTAPI NtCreateEvent(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                             EVENT_TYPE Type, BOOLEAN InitialState);
NTSTATUS NTAPI NtOpenEvent(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtSetEvent(HANDLE Handle, PLONG Previous);
NTSTATUS NTAPI NtResetEvent(HANDLE Handle, PLONG Previous);
NTSTATUS NTAPI NtPulseEvent(HANDLE Handle, PLONG Previous);
NTSTATUS NTAPI NtClearEvent(HANDLE Handle);
NTSTATUS NTAPI NtCreateMutant(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                              BOOLEAN InitialOwner);
NTSTATUS NTAPI NtReleaseMutant(HANDLE Handle, PLONG Previous);
NTSTATUS NTAPI NtOpenMutant(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtOpenSemaphore(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtSignalAndWaitForSingleObject(HANDLE Signal, HANDLE Wait, BOOLEAN Alertable,
                                              PLARGE_INTEGER Timeout);
NTSTATUS NTAPI NtCreateSemaphore(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                                 LONG InitialCount, LONG MaximumCount);
NTSTATUS NTAPI NtReleaseSemaphore(HANDLE Handle, LONG Count, PLONG Previous);
NTSTATUS NTAPI NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
NTSTATUS NTAPI NtWaitForMultipleObjects(ULONG Count, HANDLE *Handles, WAIT_TYPE Type,
                                        BOOLEAN Alertable, PLARGE_INTEGER Timeout);
NTSTATUS NTAPI NtDelayExecution(BOOLEAN Alertable, PLARGE_INTEGER Interval);

/* Exported by Windows, declared by no header of the DDK. */
BOOLEAN NTAPI ObReferenceObjectSafe(PVOID Object);
POBJECT_TYPE NTAPI ObGetObjectType(PVOID Object);
extern __attribute__((visibility("default"))) POBJECT_TYPE *ExMutantObjectType;
typedef struct _OBJECT_HANDLE_FLAG_INFORMATION {
    BOOLEAN Inherit;
    BOOLEAN ProtectFromClose;
} OBJECT_HANDLE_FLAG_INFORMATION, *POBJECT_HANDLE_FLAG_INFORMATION;
NTSTATUS NTAPI ObSetHandleAttributes(HANDLE Handle, POBJECT_HANDLE_FLAG_INFORMATION HandleFlags,
                                     KPROCESSOR_MODE PreviousMode);
NTSTATUS NTAPI ObReferenceObjectByName(PUNICODE_STRING ObjectName, ULONG Attributes,
                                       PACCESS_STATE PassedAccessState, ACCESS_MASK DesiredAccess,
                                       POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                       PVOID ParseContext, PVOID *Object);

/* ---- symbolic links and directories, for io and cm ---- */
PVOID ObpRootDirectory(VOID);
extern POBJECT_TYPE ObpDirectoryType;
extern POBJECT_TYPE ObpSymbolicLinkType;
/* A link named Name to Target. Permanent as ObpInsertName; *Link, if wanted, is referenced. */
NTSTATUS ObpCreateSymbolicLink(PCUNICODE_STRING Name, PCUNICODE_STRING Target, BOOLEAN Permanent,
                               PVOID *Link);
/* Takes the link's name away. STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH. */
NTSTATUS ObpDeleteSymbolicLink(PCUNICODE_STRING Name);
/* Target text, valid while the caller's reference to Link lasts. */
PCUNICODE_STRING ObpSymbolicLinkTarget(PVOID Link);
NTSTATUS ObpCreateDirectory(PCUNICODE_STRING Name, PVOID *Directory);

/* Runs deletes that were deferred (dropped above PASSIVE_LEVEL) here and now; PASSIVE_LEVEL. */
VOID ObpRunDeferredDeletes(VOID);
/* Objects of a type not yet deleted: audits and tests. Type NULL: of all types. */
LONG ObpObjectsInUse(POBJECT_TYPE Type);

/*
 * OBJECT_ATTRIBUTES from a caller of Mode: the structure and the name copied into kernel memory,
 * Buffer NUL-terminated. Attributes NULL: an empty name. Release with ObpReleaseAttributes.
 */
NTSTATUS ObpCaptureAttributes(POBJECT_ATTRIBUTES Attributes, KPROCESSOR_MODE Mode,
                              OBP_ATTRIBUTES *Captured);
VOID ObpReleaseAttributes(OBP_ATTRIBUTES *Captured);
/* A string of a caller of Mode; Buffer is NUL-terminated pool memory, freed as those above are. */
NTSTATUS ObpCaptureName(PUNICODE_STRING Source, KPROCESSOR_MODE Mode, UNICODE_STRING *Name);
/* Generic rights mapped and MAXIMUM_ALLOWED resolved, for an object of Type. */
NTSTATUS ObpMapAccess(POBJECT_TYPE Type, ACCESS_MASK DesiredAccess, KPROCESSOR_MODE Mode,
                      ACCESS_MASK *GrantedAccess);
