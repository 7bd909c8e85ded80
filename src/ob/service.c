/* SPDX-License-Identifier: MIT
 *
 * ob/service.c - opening, closing, duplicating and naming: the routines on objects of any type
 *
 * Source   WDK reference, wdm.h ZwClose, ntifs.h ZwDuplicateObject, ObOpenObjectByPointer,
 *          ObQueryNameString (2018-04-30); bug check 0x93 INVALID_KERNEL_HANDLE.
 */
#include "ob/obp.h"

#define OBP_PATH_BYTES 2048u /* longest full name that is reported */

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
    status = ObpMapAccess(Type, Access, Mode, &Access);
    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(object, Access, Attributes->Attributes, Handle);
    }
    ObfDereferenceObject(object);
    return status;
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
    path = ExpAllocatePool(PagedPool, OBP_PATH_BYTES, OBP_TAG_CAPTURE, NT_CALLER());
    if (path == NULL) {
        ObfDereferenceObject(root);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObpQueryName(root, path, OBP_PATH_BYTES);
    length = ObpLetters(path) * sizeof(WCHAR);
    if (length > sizeof(WCHAR)) {
        path[length / sizeof(WCHAR)] = L'\\';
        length += sizeof(WCHAR);
    }
    status = STATUS_NAME_TOO_LONG;
    if (length + Attributes->Name.Length < OBP_PATH_BYTES) {
        memcpy((PUCHAR)path + length, Attributes->Name.Buffer, Attributes->Name.Length);
        full.Buffer = path;
        full.Length = (USHORT)(length + Attributes->Name.Length);
        full.MaximumLength = OBP_PATH_BYTES;
        status = ObpInsertName(Object, &full, (Attributes->Attributes & OBJ_PERMANENT) != 0);
    }
    ExFreePoolWithTag(path, OBP_TAG_CAPTURE);
    ObfDereferenceObject(root);
    return status;
}

NTSTATUS
ObpPublishObject(PVOID Object, const OBP_ATTRIBUTES *Attributes, ACCESS_MASK Access,
                 KPROCESSOR_MODE Mode, PHANDLE Handle)
{
    POBJECT_TYPE type = ObpGetObjectType(Object);
    NTSTATUS status;
    NTSTATUS existing = STATUS_SUCCESS;
    HANDLE handle;

    status = ObpMapAccess(type, Access, Mode, &Access);
    if (NT_SUCCESS(status) && Attributes->Name.Length != 0) {
        status = Attributes->RootDirectory != NULL
                     ? ObpInsertRelative(Object, Attributes, Mode)
                     : ObpInsertName(Object, &Attributes->Name,
                                     (Attributes->Attributes & OBJ_PERMANENT) != 0);
        if (status == STATUS_OBJECT_NAME_COLLISION && (Attributes->Attributes & OBJ_OPENIF) != 0) {
            existing = STATUS_OBJECT_NAME_EXISTS;
        }
    }
    if (existing == STATUS_OBJECT_NAME_EXISTS) {
        status = ObpOpenExisting(type, Attributes, Access, Mode, &handle);
    } else if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(Object, Access, Attributes->Attributes, &handle);
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

static NTSTATUS
ObpDuplicateInto(const OBP_SOURCE *Source, HANDLE TargetProcess, ACCESS_MASK Access,
                 ULONG Attributes, ULONG Options, KPROCESSOR_MODE Mode, PHANDLE Target)
{
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
        status = ObpMapAccess(ObpGetObjectType(Source->Object), Access, Mode, &Access);
    }
    if ((Options & DUPLICATE_SAME_ATTRIBUTES) != 0) {
        Attributes = Source->Attributes;
    }
    if (NT_SUCCESS(status) && Target != NULL) {
        Attributes &= Mode == KernelMode ? OBJ_INHERIT | OBJ_KERNEL_HANDLE : OBJ_INHERIT;
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
    status = ObpMapAccess(type, DesiredAccess, AccessMode, &access);
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

/* Exported, not declared in the DDK; used by drivers that look for other drivers' objects. */
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

    *Object = NULL;
    return ObpOpenByName(ObjectName, NULL, ObjectType, &request, Object);
}

/*
 * ObQueryNameString - an object's full name, with the text behind the structure
 *
 * Returns  STATUS_INFO_LENGTH_MISMATCH with *ReturnLength set if Length is too small
 * Differs  names longer than 1 KB come out empty
 */
NTSTATUS NTAPI
ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo, ULONG Length,
                  PULONG ReturnLength)
{
    NT_ENTER(ObQueryNameString);
    ULONG needed = sizeof(OBJECT_NAME_INFORMATION);
    SIZE_T bytes;
    PWSTR path;

    path = ExpAllocatePool(PagedPool, OBP_PATH_BYTES, OBP_TAG_CAPTURE, NT_CALLER());
    if (path == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObpQueryName(Object, path, OBP_PATH_BYTES);
    bytes = ObpLetters(path) * sizeof(WCHAR);
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
