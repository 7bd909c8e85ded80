/* SPDX-License-Identifier: MIT
 *
 * ob/name.c - the namespace: directories, and finding objects by name
 *
 * Invariants  B3 in obp.h.
 *             N1  No call-out is made with ObpNameLock held.
 * Locks       ObpNameLock (fast mutex; APC_LEVEL).
 * Source      WDK reference, "Object Names", "Object Directories"; ntdef.h OBJECT_ATTRIBUTES.
 */
#include "ob/obp.h"

#define OBP_DIRECTORY_CREATE_OBJECT 0x4u
#define OBP_DIRECTORY_CREATE_SUBDIRECTORY 0x8u

static FAST_MUTEX ObpNameLock;
OBP_DIRECTORY *ObpRoot;

VOID
ObpInitializeNames(VOID)
{
    ExInitializeFastMutex(&ObpNameLock);
}

VOID
ObpAcquireNames(VOID)
{
    ExAcquireFastMutex(&ObpNameLock);
}

VOID
ObpReleaseNames(VOID)
{
    ExReleaseFastMutex(&ObpNameLock);
}

/* ---- directories ---- */

static ULONG
ObpHashName(PCUNICODE_STRING Text)
{
    ULONG hash = 2166136261u;

    for (ULONG i = 0; i < Text->Length / sizeof(WCHAR); i++) {
        hash = (hash ^ RtlUpcaseUnicodeChar(Text->Buffer[i])) * 16777619u;
    }
    return hash;
}

static OBP_NAME *
ObpFindNameLocked(OBP_DIRECTORY *Directory, PCUNICODE_STRING Text, BOOLEAN IgnoreCase)
{
    ULONG hash = ObpHashName(Text);
    OBP_NAME *name = Directory->Bucket[hash % OBP_BUCKETS];

    while (name != NULL &&
           (name->Hash != hash || !RtlEqualUnicodeString(&name->Text, Text, IgnoreCase))) {
        name = name->Next;
    }
    return name;
}

/* Unlinks the entry; the caller drops its two references without the lock, and frees it. */
static OBP_NAME *
ObpUnlinkLocked(OBP_HEADER *Header)
{
    OBP_NAME *name = Header->Name;
    OBP_NAME **link;

    if (name == NULL) {
        return NULL;
    }
    link = &name->Directory->Bucket[name->Hash % OBP_BUCKETS];
    while (*link != name) {
        link = &(*link)->Next;
    }
    *link = name->Next;
    __atomic_store_n(&Header->Name, NULL, __ATOMIC_RELAXED);
    return name;
}

static VOID
ObpFreeName(OBP_NAME *Name)
{
    if (Name != NULL) {
        ObfDereferenceObject(Name->Directory);
        ObfDereferenceObject(ObpBody(Name->Header));
        ExFreePoolWithTag(Name, OBP_TAG_NAME);
    }
}

VOID
ObpRemoveName(PVOID Object)
{
    OBP_NAME *name;

    ObpAcquireNames();
    name = ObpUnlinkLocked(ObpHeader(Object));
    ObpReleaseNames();
    ObpFreeName(name);
}

BOOLEAN
ObpHasName(PVOID Object)
{
    BOOLEAN named;

    ObpAcquireNames();
    named = ObpHeader(Object)->Name != NULL;
    ObpReleaseNames();
    return named;
}

VOID
ObpLastHandleClosed(OBP_HEADER *Header)
{
    OBP_NAME *name = NULL;

    /* The usual case, an object without a name, needs no lock: names are not given late. */
    if (__atomic_load_n(&Header->Name, __ATOMIC_RELAXED) == NULL) {
        return;
    }
    ObpAcquireNames();
    if (!Header->IsPermanent && __atomic_load_n(&Header->HandleCount, __ATOMIC_RELAXED) == 0) {
        name = ObpUnlinkLocked(Header);
    }
    ObpReleaseNames();
    ObpFreeName(name);
}

VOID
ObpEmptyDirectory(OBP_DIRECTORY *Directory)
{
    for (ULONG i = 0; i < OBP_BUCKETS; i++) {
        while (Directory->Bucket[i] != NULL) {
            PVOID object = ObpBody(Directory->Bucket[i]->Header);

            if (ObpGetObjectType(object) == ObpDirectoryType) {
                ObpEmptyDirectory(object);
            }
            ObpRemoveName(object);
        }
    }
}

/* ---- walking a path ---- */

/* Takes the first component off *Rest, which does not begin with a backslash. */
static NTSTATUS
ObpNextComponent(UNICODE_STRING *Rest, UNICODE_STRING *Component)
{
    USHORT length = 0;

    while (length < Rest->Length && Rest->Buffer[length / sizeof(WCHAR)] != L'\\') {
        length += sizeof(WCHAR);
    }
    Component->Buffer = Rest->Buffer;
    Component->Length = length;
    Component->MaximumLength = length;
    Rest->Buffer += length / sizeof(WCHAR);
    Rest->Length -= length;
    Rest->MaximumLength = Rest->Length;
    return length == 0 ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

/*
 * Walks *Rest from Directory as far as directories reach. *Object: what was found last, referenced;
 * *Rest: what is left, beginning with a backslash, or empty.
 */
static NTSTATUS
ObpWalk(OBP_DIRECTORY *Directory, UNICODE_STRING *Rest, BOOLEAN IgnoreCase, PVOID *Object)
{
    PVOID found = Directory;
    NTSTATUS status = STATUS_SUCCESS;

    ObpAcquireNames();
    while (Rest->Length != 0 && ObpGetObjectType(found) == ObpDirectoryType) {
        UNICODE_STRING component;
        OBP_NAME *name;

        if (Rest->Buffer[0] == L'\\') {
            Rest->Buffer++;
            Rest->Length -= sizeof(WCHAR);
        }
        status = ObpNextComponent(Rest, &component);
        if (!NT_SUCCESS(status)) {
            break;
        }
        name = ObpFindNameLocked(found, &component, IgnoreCase);
        if (name == NULL) {
            status =
                Rest->Length != 0 ? STATUS_OBJECT_PATH_NOT_FOUND : STATUS_OBJECT_NAME_NOT_FOUND;
            break;
        }
        found = ObpBody(name->Header);
    }
    if (NT_SUCCESS(status)) {
        ObfReferenceObject(found);
        *Object = found;
    }
    ObpReleaseNames();
    return status;
}

/* Target + Rest in a new buffer, which replaces *Buffer. */
static NTSTATUS
ObpSubstitute(PCUNICODE_STRING Target, UNICODE_STRING *Rest, PWSTR *Buffer)
{
    ULONG length = (ULONG)Target->Length + Rest->Length;
    PWSTR text;

    if (length > 0xFFFE) {
        return STATUS_NAME_TOO_LONG;
    }
    text = ExpAllocatePool(PagedPool, length + sizeof(WCHAR), OBP_TAG_NAME, NT_CALLER());
    if (text == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memcpy(text, Target->Buffer, Target->Length);
    if (Rest->Length != 0) { /* an empty rest may have no buffer */
        memcpy((PUCHAR)text + Target->Length, Rest->Buffer, Rest->Length);
    }
    text[length / sizeof(WCHAR)] = 0;
    if (*Buffer != NULL) {
        ExFreePoolWithTag(*Buffer, OBP_TAG_NAME);
    }
    *Buffer = text;
    Rest->Buffer = text;
    Rest->Length = (USHORT)length;
    Rest->MaximumLength = (USHORT)length;
    return STATUS_SUCCESS;
}

typedef struct OBP_LOOKUP {
    PVOID Root; /* where relative names begin, referenced; NULL: none */
    BOOLEAN IgnoreCase;
    BOOLEAN OpenLink;    /* the last component's own link is wanted */
    UNICODE_STRING Rest; /* out: what is left */
    PWSTR Buffer;        /* out: what Rest may point into; ExFreePool */
} OBP_LOOKUP;

/* Where *Rest begins to be looked up: the root, or Lookup->Root for a relative name. */
static NTSTATUS
ObpStartOf(OBP_LOOKUP *Lookup, BOOLEAN IsFirst, PVOID *Start)
{
    UNICODE_STRING *rest = &Lookup->Rest;

    if (IsFirst && Lookup->Root != NULL) {
        if (rest->Length != 0 && rest->Buffer[0] == L'\\' &&
            ObpGetObjectType(Lookup->Root) == ObpDirectoryType) {
            return STATUS_OBJECT_PATH_SYNTAX_BAD;
        }
        *Start = Lookup->Root;
        return STATUS_SUCCESS;
    }
    if (rest->Length == 0 || rest->Buffer[0] != L'\\') {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    if (rest->Length == sizeof(WCHAR)) {
        /* The root itself. */
        rest->Length = 0;
    }
    *Start = ObpRoot;
    return STATUS_SUCCESS;
}

/* Follows links until an object is found that is none, or the wanted link. */
static NTSTATUS
ObpLookup(OBP_LOOKUP *Lookup, PVOID *Object)
{
    NTSTATUS status;
    PVOID start;
    PVOID found;

    for (ULONG depth = 0; depth < OBP_LINK_LIMIT; depth++) {
        status = ObpStartOf(Lookup, depth == 0, &start);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        status = ObpWalk(start, &Lookup->Rest, Lookup->IgnoreCase, &found);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        if (ObpGetObjectType(found) != ObpSymbolicLinkType ||
            (Lookup->OpenLink && Lookup->Rest.Length == 0)) {
            *Object = found;
            return STATUS_SUCCESS;
        }
        status = ObpSubstitute(&((OBP_LINK *)found)->Target, &Lookup->Rest, &Lookup->Buffer);
        ObfDereferenceObject(found);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    /* A link that leads back to itself. */
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

static VOID
ObpEndLookup(OBP_LOOKUP *Lookup)
{
    if (Lookup->Buffer != NULL) {
        ExFreePoolWithTag(Lookup->Buffer, OBP_TAG_NAME);
    }
    if (Lookup->Root != NULL) {
        ObfDereferenceObject(Lookup->Root);
    }
}

/* Hands the found object the rest of the name; consumes the reference to Found. */
static NTSTATUS
ObpParse(PVOID Found, OBP_LOOKUP *Lookup, OBP_OPEN_REQUEST *Request, PVOID *Object)
{
    POBJECT_TYPE type = ObpGetObjectType(Found);
    NTSTATUS status;

    if (type->Ops.Parse == NULL) {
        if (Lookup->Rest.Length != 0) {
            ObfDereferenceObject(Found);
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        *Object = Found;
        return STATUS_SUCCESS;
    }
    Request->ParseObject = Found;
    Request->RemainingName = Lookup->Rest;
    status = type->Ops.Parse(Request, Object);
    ObfDereferenceObject(Found);
    return status;
}

NTSTATUS
ObpOpenByName(PCUNICODE_STRING Name, HANDLE RootDirectory, POBJECT_TYPE Type,
              OBP_OPEN_REQUEST *Request, PVOID *Object)
{
    OBP_LOOKUP lookup = {.Rest = *Name};
    NTSTATUS status;
    PVOID found;

    lookup.IgnoreCase = (Request->Attributes & OBJ_CASE_INSENSITIVE) != 0;
    lookup.OpenLink = (Request->Attributes & OBJ_OPENLINK) != 0 || Type == ObpSymbolicLinkType;
    if (RootDirectory != NULL) {
        status = ObReferenceObjectByHandle(RootDirectory, 0, NULL, Request->AccessMode,
                                           &lookup.Root, NULL);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    status = ObpLookup(&lookup, &found);
    if (NT_SUCCESS(status)) {
        status = ObpParse(found, &lookup, Request, &found);
    }
    if (NT_SUCCESS(status) && Type != NULL && ObpGetObjectType(found) != Type) {
        ObfDereferenceObject(found);
        status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (NT_SUCCESS(status)) {
        *Object = found;
    }
    ObpEndLookup(&lookup);
    return status;
}

/* ---- giving names ---- */

static NTSTATUS
ObpAllocateName(OBP_HEADER *Header, PCUNICODE_STRING Text, OBP_NAME **Name)
{
    OBP_NAME *name;

    name = ExpAllocatePool(NonPagedPoolNx, sizeof(*name) + Text->Length + sizeof(WCHAR),
                           OBP_TAG_NAME, NT_CALLER());
    if (name == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    name->Header = Header;
    name->Hash = ObpHashName(Text);
    name->Text.Buffer = (PWSTR)(name + 1);
    name->Text.Length = Text->Length;
    name->Text.MaximumLength = Text->Length + sizeof(WCHAR);
    memcpy(name->Text.Buffer, Text->Buffer, Text->Length);
    name->Text.Buffer[Text->Length / sizeof(WCHAR)] = 0;
    *Name = name;
    return STATUS_SUCCESS;
}

/* Consumes the reference to Directory on success: the entry has it then (B3). */
static NTSTATUS
ObpInsertEntry(OBP_DIRECTORY *Directory, OBP_HEADER *Header, PCUNICODE_STRING Text,
               BOOLEAN Permanent)
{
    NTSTATUS status;
    OBP_NAME *name;

    status = ObpAllocateName(Header, Text, &name);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ObpAcquireNames();
    if (Header->Name != NULL || ObpFindNameLocked(Directory, Text, TRUE) != NULL) {
        ObpReleaseNames();
        ExFreePoolWithTag(name, OBP_TAG_NAME);
        return STATUS_OBJECT_NAME_COLLISION;
    }
    name->Directory = Directory;
    name->Next = Directory->Bucket[name->Hash % OBP_BUCKETS];
    Directory->Bucket[name->Hash % OBP_BUCKETS] = name;
    Header->IsPermanent = Permanent;
    __atomic_store_n(&Header->Name, name, __ATOMIC_RELAXED);
    ObfReferenceObject(ObpBody(Header));
    ObpReleaseNames();
    return STATUS_SUCCESS;
}

/* Parent: everything before the last backslash (or the root). Last: what follows it. */
static NTSTATUS
ObpSplitName(PCUNICODE_STRING Name, UNICODE_STRING *Parent, UNICODE_STRING *Last)
{
    USHORT letters = Name->Length / sizeof(WCHAR);
    USHORT slash = letters;

    if (letters == 0 || Name->Buffer[0] != L'\\') {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    while (slash > 0 && Name->Buffer[slash - 1] != L'\\') {
        slash--;
    }
    Last->Buffer = Name->Buffer + slash;
    Last->Length = (letters - slash) * sizeof(WCHAR);
    Last->MaximumLength = Last->Length;
    Parent->Buffer = Name->Buffer;
    Parent->Length = (slash > 1 ? slash - 1 : 1) * sizeof(WCHAR);
    Parent->MaximumLength = Parent->Length;
    return Last->Length == 0 ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

PVOID
ObpRootDirectory(VOID)
{
    return ObpRoot;
}

NTSTATUS
ObpInsertName(PVOID Object, PCUNICODE_STRING Name, BOOLEAN Permanent)
{
    return ObpInsertNameAs(Object, Name, Permanent, NULL, KernelMode);
}

/* A name that is taken is that, also to who could not make one there. */
static BOOLEAN
ObpHasEntry(OBP_DIRECTORY *Directory, PCUNICODE_STRING Text)
{
    BOOLEAN found;

    ObpAcquireNames();
    found = ObpFindNameLocked(Directory, Text, TRUE) != NULL;
    ObpReleaseNames();
    return found;
}

/* May the caller make the object there, and by what is it protected? */
static NTSTATUS
ObpAdmitObject(PVOID Object, PVOID Directory, PSECURITY_DESCRIPTOR Security, KPROCESSOR_MODE Mode)
{
    ACCESS_MASK access = ObpGetObjectType(Object) == ObpDirectoryType
                             ? OBP_DIRECTORY_CREATE_SUBDIRECTORY
                             : OBP_DIRECTORY_CREATE_OBJECT;
    NTSTATUS status = ObpCheckAccess(Directory, access, Mode, &access);

    return NT_SUCCESS(status) ? ObpAssignSecurity(Object, Directory, Security, Mode) : status;
}

NTSTATUS
ObpInsertNameAs(PVOID Object, PCUNICODE_STRING Name, BOOLEAN Permanent,
                PSECURITY_DESCRIPTOR Security, KPROCESSOR_MODE Mode)
{
    OBP_LOOKUP lookup = {.IgnoreCase = TRUE};
    UNICODE_STRING last;
    NTSTATUS status;
    PVOID parent;

    status = ObpSplitName(Name, &lookup.Rest, &last);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpLookup(&lookup, &parent);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        status = STATUS_OBJECT_PATH_NOT_FOUND;
    }
    if (NT_SUCCESS(status)) {
        if (lookup.Rest.Length != 0 || ObpGetObjectType(parent) != ObpDirectoryType) {
            status = STATUS_OBJECT_PATH_NOT_FOUND;
        } else {
            status = ObpHasEntry(parent, &last) ? STATUS_OBJECT_NAME_COLLISION
                                                : ObpAdmitObject(Object, parent, Security, Mode);
            if (NT_SUCCESS(status)) {
                status = ObpInsertEntry(parent, ObpHeader(Object), &last, Permanent);
            }
        }
        if (!NT_SUCCESS(status)) {
            ObfDereferenceObject(parent);
        }
    }
    ObpEndLookup(&lookup);
    return status;
}

#pragma GCC visibility push(default)

VOID NTAPI
ObMakeTemporaryObject(PVOID Object)
{
    NT_ENTER(ObMakeTemporaryObject);
    OBP_HEADER *header = ObpHeader(Object);

    ObpAcquireNames();
    header->IsPermanent = FALSE;
    ObpReleaseNames();
    if (ObpHandleCount(Object) == 0) {
        ObpLastHandleClosed(header);
    }
}

#pragma GCC visibility pop
