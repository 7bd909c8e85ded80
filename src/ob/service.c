/* SPDX-License-Identifier: MIT
 *
 * ob/service.c - opening, closing, duplicating and naming: the routines on objects of any type
 *
 * Source   WDK reference, wdm.h ZwClose, ntifs.h ZwDuplicateObject, ObOpenObjectByPointer,
 *          ObQueryNameString (2018-04-30); bug check 0x93 INVALID_KERNEL_HANDLE.
 */
#include "mm/client.h"
#include "ob/obp.h"

#define OBP_PATH_BYTES 2048u           /* room for nearly every full name */
#define OBP_LONGEST_PATH_BYTES 0xFFFEu /* room for the longest that a UNICODE_STRING holds */

NTSTATUS
ObpReturnHandle(PHANDLE Target, HANDLE Handle, KPROCESSOR_MODE Mode)
{
    NTSTATUS status = MiCopyToUser(Target, &Handle, sizeof(Handle), Mode);
    OBP_HANDLE_TABLE *table;
    OBP_HANDLE_ENTRY *entry;
    ULONG64 value;

    if (NT_SUCCESS(status)) {
        return status;
    }
    entry = ObpLockHandle(Handle, KernelMode, &table, &value);
    if (entry != NULL) {
        ObpUnlockEntry(entry, value);
        ObpCloseHandle(table, Handle, KernelMode, TRUE);
    }
    return status;
}

/* As whom an open is checked: the kernel can ask to be checked like a program. */
static KPROCESSOR_MODE
ObpCheckedMode(KPROCESSOR_MODE Mode, ULONG Attributes)
{
    return (Attributes & OBJ_FORCE_ACCESS_CHECK) != 0 ? UserMode : Mode;
}

/* An object of the name already there, opened instead (OBJ_OPENIF). */
static NTSTATUS
ObpOpenExisting(POBJECT_TYPE Type, const OBP_ATTRIBUTES *Attributes, ACCESS_MASK Access,
                KPROCESSOR_MODE Mode, HANDLE *Handle)
{
    OBP_OPEN_REQUEST request = {
        .DesiredAccess = Access, .Attributes = Attributes->Attributes, .AccessMode = Mode};
    NTSTATUS status;
    PVOID object;

    status = ObpOpenByName(&Attributes->Name, Attributes->RootDirectory, Type, &request, &object);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCheckAccess(object, Access, ObpCheckedMode(Mode, Attributes->Attributes), &Access);
    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(object, Access, Attributes->Attributes, Handle);
    }
    ObfDereferenceObject(object);
    return status;
}

/* The name did not fit into Size bytes, or may not have. */
static BOOLEAN
ObpIsNameCut(PVOID Object, SIZE_T Letters, SIZE_T Size)
{
    return Letters == 0 ? ObpHasName(Object) : Letters + 1 >= Size / sizeof(WCHAR);
}

/*
 * The full name, NUL-terminated, empty if there is none, in pool memory of tag OBP_TAG_CAPTURE with
 * room for Extra more bytes. *Length: in bytes, without the NUL.
 */
static NTSTATUS
ObpCopyName(PVOID Object, SIZE_T Extra, PWSTR *Name, SIZE_T *Length)
{
    SIZE_T size = OBP_PATH_BYTES;
    SIZE_T letters;
    PWSTR path;

    for (;;) {
        path = ExpAllocatePool(PagedPool, size + Extra, OBP_TAG_CAPTURE, NT_CALLER());
        if (path == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        ObpQueryName(Object, path, size);
        letters = ObpLetters(path);
        if (size == OBP_LONGEST_PATH_BYTES || !ObpIsNameCut(Object, letters, size)) {
            break;
        }
        ExFreePoolWithTag(path, OBP_TAG_CAPTURE);
        size = OBP_LONGEST_PATH_BYTES;
    }
    *Name = path;
    *Length = letters * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

/* The full name of a relative one: the directory's own, a backslash, the name. */
static NTSTATUS
ObpInsertRelative(PVOID Object, const OBP_ATTRIBUTES *Attributes, KPROCESSOR_MODE Mode)
{
    UNICODE_STRING full;
    NTSTATUS status;
    SIZE_T length;
    PVOID root;
    PWSTR path;

    status = ObReferenceObjectByHandle(Attributes->RootDirectory, 0, ObpDirectoryType, Mode, &root,
                                       NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCopyName(root, sizeof(WCHAR) + Attributes->Name.Length, &path, &length);
    ObfDereferenceObject(root);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (length > sizeof(WCHAR)) {
        path[length / sizeof(WCHAR)] = L'\\';
        length += sizeof(WCHAR);
    }
    status = STATUS_NAME_TOO_LONG;
    if (length + Attributes->Name.Length < OBP_LONGEST_PATH_BYTES) {
        memcpy((PUCHAR)path + length, Attributes->Name.Buffer, Attributes->Name.Length);
        full.Buffer = path;
        full.Length = (USHORT)(length + Attributes->Name.Length);
        full.MaximumLength = full.Length;
        status = ObpInsertNameAs(Object, &full, (Attributes->Attributes & OBJ_PERMANENT) != 0,
                                 Attributes->Security, Mode);
    }
    ExFreePoolWithTag(path, OBP_TAG_CAPTURE);
    return status;
}

/*
 * What a client whose user is not the kernel's may give a name: all but symbolic links, right below
 * \BaseNamedObjects, and not for ever. Elsewhere it would stand in for a driver's names.
 */
static NTSTATUS
ObpMayPublish(POBJECT_TYPE Type, const OBP_ATTRIBUTES *Attributes)
{
    static const UNICODE_STRING folder = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\");

    if ((Attributes->Attributes & OBJ_PERMANENT) != 0) {
        return STATUS_PRIVILEGE_NOT_HELD;
    }
    if (Attributes->Name.Length == 0) {
        return STATUS_SUCCESS;
    }
    /* A root's handle may be another's when it is looked at again: whole names only. */
    return Type != ObpSymbolicLinkType && Attributes->RootDirectory == NULL &&
                   RtlPrefixUnicodeString(&folder, &Attributes->Name, TRUE)
               ? STATUS_SUCCESS
               : STATUS_ACCESS_DENIED;
}

NTSTATUS
ObpPublishObject(PVOID Object, const OBP_ATTRIBUTES *Attributes, ACCESS_MASK Access,
                 KPROCESSOR_MODE Mode, PHANDLE Handle)
{
    POBJECT_TYPE type = ObpGetObjectType(Object);
    ACCESS_MASK granted;
    NTSTATUS status;
    NTSTATUS existing = STATUS_SUCCESS;
    HANDLE handle;

    /* Who makes an object is granted all that the type has; it has no descriptor yet. */
    status = ObpCheckAccess(Object, Access, Mode, &granted);
    if (NT_SUCCESS(status) && !MiCallerIsTrusted()) {
        status = ObpMayPublish(type, Attributes);
    }
    if (NT_SUCCESS(status) && Attributes->Name.Length == 0 && Attributes->Security != NULL) {
        status = ObpAssignSecurity(Object, NULL, Attributes->Security, Mode);
    }
    if (NT_SUCCESS(status) && Attributes->Name.Length != 0) {
        status = Attributes->RootDirectory != NULL
                     ? ObpInsertRelative(Object, Attributes, Mode)
                     : ObpInsertNameAs(Object, &Attributes->Name,
                                       (Attributes->Attributes & OBJ_PERMANENT) != 0,
                                       Attributes->Security, Mode);
        if (status == STATUS_OBJECT_NAME_COLLISION && (Attributes->Attributes & OBJ_OPENIF) != 0) {
            existing = STATUS_OBJECT_NAME_EXISTS;
        }
    }
    if (existing == STATUS_OBJECT_NAME_EXISTS) {
        status = ObpOpenExisting(type, Attributes, Access, Mode, &handle);
    } else if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(Object, granted, Attributes->Attributes, &handle);
        if (!NT_SUCCESS(status)) {
            ObpRemoveName(Object);
        }
    }
    ObfDereferenceObject(Object);
    if (NT_SUCCESS(status)) {
        status = ObpReturnHandle(Handle, handle, Mode);
    }
    return NT_SUCCESS(status) ? existing : status;
}

NTSTATUS
ObpOpenService(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBP_ATTRIBUTES captured;
    NTSTATUS status;
    HANDLE handle;

    if (Attributes == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    status = ObpCaptureAttributes(Attributes, mode, &captured);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpOpenExisting(Type, &captured, Access, mode, &handle);
    ObpReleaseAttributes(&captured);
    return NT_SUCCESS(status) ? ObpReturnHandle(Handle, handle, mode) : status;
}

/* ---- names ---- */

static PWSTR
ObpPrepend(PWSTR Buffer, PWSTR End, PCUNICODE_STRING Text)
{
    SIZE_T letters = Text->Length / sizeof(WCHAR);

    if ((SIZE_T)(End - Buffer) < letters + 1) {
        return NULL;
    }
    End -= letters;
    memcpy(End, Text->Buffer, Text->Length);
    *--End = L'\\';
    return End;
}

/* Composes the full name at the end of the buffer; where it begins, or NULL if it does not fit. */
static PWSTR
ObpComposeName(PVOID Object, PWSTR Buffer, SIZE_T Letters)
{
    PWSTR end = Buffer + Letters - 1;
    OBP_NAME *name;

    *end = 0;
    ObpAcquireNames();
    name = ObpHeader(Object)->Name;
    if (name == NULL && Object == (PVOID)ObpRoot) {
        *--end = L'\\';
    }
    while (name != NULL && end != NULL) {
        end = ObpPrepend(Buffer, end, &name->Text);
        name = ObpHeader(name->Directory)->Name;
    }
    ObpReleaseNames();
    return end;
}

VOID
ObpQueryName(PVOID Object, PWSTR Buffer, SIZE_T Size)
{
    POBJECT_TYPE type = ObpGetObjectType(Object);
    SIZE_T letters = Size / sizeof(WCHAR);
    PWSTR start;

    if (letters < 2) {
        if (letters == 1) {
            Buffer[0] = 0;
        }
        return;
    }
    if (type->Ops.QueryName != NULL && ObpHeader(Object)->Name == NULL) {
        type->Ops.QueryName(Object, Buffer, Size);
        return;
    }
    start = ObpComposeName(Object, Buffer, letters);
    if (start == NULL) {
        Buffer[0] = 0;
    } else {
        memmove(Buffer, start, (PUCHAR)(Buffer + letters) - (PUCHAR)start);
    }
}

/* ---- duplication ---- */

typedef struct OBP_SOURCE {
    PEPROCESS Process;
    PVOID Object; /* referenced */
    ACCESS_MASK Access;
    ULONG Attributes;
} OBP_SOURCE;

/* The process behind a handle, referenced; its table may be gone. */
static NTSTATUS
ObpReferenceProcess(HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Process)
{
    POBJECT_TYPE processType = ObpGetObjectType(KiGetCurrentThread()->Process);

    return ObReferenceObjectByHandle(Handle, 0x40 /* PROCESS_DUP_HANDLE */, processType, Mode,
                                     Process, NULL);
}

static NTSTATUS
ObpReferenceSource(OBP_HANDLE_TABLE *Table, HANDLE Handle, KPROCESSOR_MODE Mode, OBP_SOURCE *Source)
{
    OBJECT_HANDLE_INFORMATION information;
    KTHREAD *thread = KiGetCurrentThread();
    NTSTATUS status;

    if (Table == NULL) {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    /* Another process's handles are looked up as if in it. */
    if (Table == ObpTableOf(NULL) || Table->Process == NULL || ObpIsKernelHandle(Handle)) {
        status = ObReferenceObjectByHandle(Handle, 0, NULL, Mode, &Source->Object, &information);
    } else {
        KPROCESS *own = thread->Process;

        thread->Process = (KPROCESS *)Table->Process;
        status = ObReferenceObjectByHandle(Handle, 0, NULL, Mode, &Source->Object, &information);
        thread->Process = own;
    }
    if (NT_SUCCESS(status)) {
        Source->Access = information.GrantedAccess;
        Source->Attributes = information.HandleAttributes;
    }
    return status;
}

/*
 * A client's copy of a handle has more rights than the handle only if its user may have them
 * anyway: it is the kernel's, and the object is not a process or thread.
 */
static BOOLEAN
ObpMayGainAccess(const OBP_SOURCE *Source, ACCESS_MASK Access, KPROCESSOR_MODE Mode)
{
    return Mode == KernelMode || MiCurrentClient() == NULL || (Access & ~Source->Access) == 0 ||
           (MiCallerIsTrusted() && !ObpGetObjectType(Source->Object)->Ops.TakesCallbacks);
}

static NTSTATUS
ObpDuplicateInto(const OBP_SOURCE *Source, HANDLE TargetProcess, ACCESS_MASK Access,
                 ULONG Attributes, ULONG Options, KPROCESSOR_MODE Mode, PHANDLE Target)
{
    ACCESS_MASK granted = 0;
    OBP_HANDLE_TABLE *table;
    NTSTATUS status;
    PVOID process;
    HANDLE handle;

    status = ObpReferenceProcess(TargetProcess, Mode, &process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if ((Options & DUPLICATE_SAME_ACCESS) != 0) {
        Access = Source->Access;
    } else {
        status = ObpMapAccess(ObpGetObjectType(Source->Object), Access, Mode, &granted);
        if (NT_SUCCESS(status) && (granted & ~Source->Access) != 0) {
            /* More than the source handle has is like an open of the object. */
            status = ObpCheckAccess(Source->Object, Access, Mode, &granted);
        }
        Access = granted;
    }
    if ((Options & DUPLICATE_SAME_ATTRIBUTES) != 0) {
        Attributes = Source->Attributes;
    }
    if (NT_SUCCESS(status) && !ObpMayGainAccess(Source, Access, Mode)) {
        status = STATUS_ACCESS_DENIED;
    }
    if (NT_SUCCESS(status) && Target != NULL) {
        Attributes &=
            OBJ_INHERIT | OBP_PROTECT_CLOSE | (Mode == KernelMode ? OBJ_KERNEL_HANDLE : 0);
        table = (Attributes & OBJ_KERNEL_HANDLE) != 0 ? ObpSystemTable() : ObpTableOf(process);
        if (table == NULL) {
            status = STATUS_PROCESS_IS_TERMINATING;
        } else if (ObpGetObjectType(Source->Object)->Ops.TakesCallbacks) {
            status = ObpInterceptHandle(table, Source->Object, Access, Attributes, Source->Process,
                                        process, &handle);
        } else {
            status = ObpCreateHandleIn(table, Source->Object, Access, Attributes, &handle);
        }
    }
    ObfDereferenceObject(process);
    if (NT_SUCCESS(status) && Target != NULL) {
        status = ObpReturnHandle(Target, handle, Mode);
    }
    return status;
}

static NTSTATUS
ObpClose(HANDLE Handle)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBP_HANDLE_TABLE *table;
    OBP_HANDLE_ENTRY *entry;
    ULONG64 value;
    NTSTATUS status = STATUS_INVALID_HANDLE;

    if (Handle == NtCurrentProcess() || Handle == NtCurrentThread()) {
        return STATUS_SUCCESS;
    }
    entry = ObpLockHandle(Handle, mode, &table, &value);
    if (entry != NULL) {
        ObpUnlockEntry(entry, value);
        status = ObpCloseHandle(table, Handle, mode, FALSE);
    }
    if (mode == KernelMode && ExpVerifying && !NT_SUCCESS(status)) {
        KiBugCheckDetail(OBP_BUGCHECK_HANDLE, (ULONG_PTR)Handle,
                         status == STATUS_INVALID_HANDLE ? 1 : 0, 0, 0,
                         "Kernel code closes the %s handle %p.",
                         status == STATUS_INVALID_HANDLE ? "invalid" : "protected", Handle);
    }
    return status;
}

#pragma GCC visibility push(default)

/* Differs: kernel mode's close of a bad handle is a bugcheck with NTBOX_VERIFY=1 only. */
NTSTATUS NTAPI
NtClose(HANDLE Handle)
{
    NT_ENTER(NtClose);
    return ObpClose(Handle);
}

NTSTATUS NTAPI
ZwClose(HANDLE Handle)
{
    NT_ENTER(ZwClose);
    return OBP_ZW(ObpClose(Handle));
}

/*
 * NtDuplicateObject - one more handle to the object of a handle
 *
 * TargetProcess  NULL with DUPLICATE_CLOSE_SOURCE only: nothing is made
 * Target         NULL: no handle is made
 *
 * Errors   STATUS_INVALID_PARAMETER, STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED,
 *          STATUS_OBJECT_TYPE_MISMATCH, STATUS_PROCESS_IS_TERMINATING, STATUS_ACCESS_VIOLATION.
 *          DUPLICATE_CLOSE_SOURCE closes Source also if the rest fails.
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-zwduplicateobject
 */
NTSTATUS NTAPI
NtDuplicateObject(HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess, PHANDLE Target,
                  ACCESS_MASK Access, ULONG Attributes, ULONG Options)
{
    NT_ENTER(NtDuplicateObject);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBP_HANDLE_TABLE *table;
    OBP_SOURCE source;
    NTSTATUS status;
    PVOID process;

    if (TargetProcess == NULL && (Options & DUPLICATE_CLOSE_SOURCE) == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = ObpReferenceProcess(SourceProcess, mode, &process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    table = ObpTableOf(process);
    source.Process = process;
    status = ObpReferenceSource(table, Source, mode, &source);
    if (NT_SUCCESS(status)) {
        if (TargetProcess != NULL) {
            status =
                ObpDuplicateInto(&source, TargetProcess, Access, Attributes, Options, mode, Target);
        }
        if ((Options & DUPLICATE_CLOSE_SOURCE) != 0) {
            ObpCloseHandle(ObpIsKernelHandle(Source) ? ObpSystemTable() : table, Source, mode,
                           FALSE);
        }
        ObfDereferenceObject(source.Object);
    }
    ObfDereferenceObject(process);
    return status;
}

NTSTATUS NTAPI
ZwDuplicateObject(HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess, PHANDLE Target,
                  ACCESS_MASK Access, ULONG Attributes, ULONG Options)
{
    NT_ENTER(ZwDuplicateObject);
    return OBP_ZW(NtDuplicateObject(SourceProcess, Source, TargetProcess, Target, Access,
                                    Attributes, Options));
}

NTSTATUS NTAPI
NtMakeTemporaryObject(HANDLE Handle)
{
    NT_ENTER(NtMakeTemporaryObject);
    NTSTATUS status;
    PVOID object;

    if (!MiCallerIsTrusted()) {
        return STATUS_ACCESS_DENIED; /* what is permanent is the system's or a driver's */
    }
    status = ObReferenceObjectByHandle(Handle, DELETE, NULL, KiGetCurrentThread()->PreviousMode,
                                       &object, NULL);
    if (NT_SUCCESS(status)) {
        ObMakeTemporaryObject(object);
        ObfDereferenceObject(object);
    }
    return status;
}

NTSTATUS NTAPI
ZwMakeTemporaryObject(HANDLE Handle)
{
    NT_ENTER(ZwMakeTemporaryObject);
    return OBP_ZW(NtMakeTemporaryObject(Handle));
}

NTSTATUS NTAPI
ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                      ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                      KPROCESSOR_MODE AccessMode, PHANDLE Handle)
{
    NT_ENTER(ObOpenObjectByPointer);
    POBJECT_TYPE type = ObpGetObjectType(Object);
    ACCESS_MASK access;
    NTSTATUS status;

    if (ObjectType != NULL && ObjectType != type) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    status = ObpCheckAccess(Object, DesiredAccess, ObpCheckedMode(AccessMode, HandleAttributes),
                            &access);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (AccessMode == KernelMode && DesiredAccess == 0) {
        access = 0;
    }
    return ObpCreateHandle(Object, access, HandleAttributes, Handle);
}

NTSTATUS NTAPI
ObOpenObjectByPointerWithTag(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                             ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                             KPROCESSOR_MODE AccessMode, ULONG Tag, PHANDLE Handle)
{
    NT_ENTER(ObOpenObjectByPointerWithTag);
    return ObOpenObjectByPointer(Object, HandleAttributes, PassedAccessState, DesiredAccess,
                                 ObjectType, AccessMode, Handle);
}

/*
 * ObReferenceObjectByName - the object of a name, referenced
 *
 * Errors   STATUS_OBJECT_NAME_INVALID (no name, an empty component), STATUS_OBJECT_PATH_SYNTAX_BAD,
 *          STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH,
 *          STATUS_ACCESS_DENIED (user mode: rights that the type does not have)
 * IRQL     PASSIVE_LEVEL
 * Source   exported, not in the reference; as drivers use it that look for other drivers' objects
 */
NTSTATUS NTAPI
ObReferenceObjectByName(PUNICODE_STRING ObjectName, ULONG Attributes,
                        PACCESS_STATE PassedAccessState, ACCESS_MASK DesiredAccess,
                        POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode, PVOID ParseContext,
                        PVOID *Object)
{
    NT_ENTER(ObReferenceObjectByName);
    OBP_OPEN_REQUEST request = {.DesiredAccess = DesiredAccess,
                                .Attributes = Attributes,
                                .AccessMode = AccessMode,
                                .Context = ParseContext};
    ACCESS_MASK granted;
    NTSTATUS status;
    PVOID object;

    *Object = NULL;
    if (ObjectName == NULL) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    status = ObpOpenByName(ObjectName, NULL, ObjectType, &request, &object);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status =
        ObpCheckAccess(object, DesiredAccess, ObpCheckedMode(AccessMode, Attributes), &granted);
    if (!NT_SUCCESS(status)) {
        ObfDereferenceObject(object);
        return status;
    }
    *Object = object;
    return STATUS_SUCCESS;
}

/*
 * ObQueryNameString - an object's full name, with the text behind the structure
 *
 * ReturnLength  what is needed, also on success; no name needs the structure alone
 *
 * Errors   STATUS_INFO_LENGTH_MISMATCH: Length is too small; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     <= APC_LEVEL
 * Source   WDK reference, nf-ntifs-obquerynamestring
 */
NTSTATUS NTAPI
ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo, ULONG Length,
                  PULONG ReturnLength)
{
    NT_ENTER(ObQueryNameString);
    ULONG needed = sizeof(OBJECT_NAME_INFORMATION);
    NTSTATUS status;
    SIZE_T bytes;
    PWSTR path;

    status = ObpCopyName(Object, 0, &path, &bytes);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    needed += bytes != 0 ? (ULONG)bytes + sizeof(WCHAR) : 0;
    *ReturnLength = needed;
    if (ObjectNameInfo == NULL || Length < needed) {
        ExFreePoolWithTag(path, OBP_TAG_CAPTURE);
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    memset(ObjectNameInfo, 0, sizeof(*ObjectNameInfo));
    if (bytes != 0) {
        ObjectNameInfo->Name.Buffer = (PWSTR)(ObjectNameInfo + 1);
        ObjectNameInfo->Name.Length = (USHORT)bytes;
        ObjectNameInfo->Name.MaximumLength = (USHORT)(bytes + sizeof(WCHAR));
        memcpy(ObjectNameInfo->Name.Buffer, path, bytes + sizeof(WCHAR));
    }
    ExFreePoolWithTag(path, OBP_TAG_CAPTURE);
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
