/* SPDX-License-Identifier: MIT
 *
 * ob/link.c - symbolic links and directories as objects
 *
 * Source   WDK reference, wdm.h ZwOpenSymbolicLinkObject, ZwQuerySymbolicLinkObject,
 *          ZwCreateDirectoryObject, ntifs.h ZwOpenDirectoryObject.
 */
#include "ob/obp.h"

#define OBP_DIRECTORY_QUERY 0x0001u
#define OBP_DIRECTORY_TRAVERSE 0x0002u
#define OBP_DIRECTORY_CREATE 0x000Cu

POBJECT_TYPE ObpDirectoryType;
POBJECT_TYPE ObpSymbolicLinkType;

static NTSTATUS
ObpCreateTypes(VOID)
{
    static const OBP_TYPE_OPS directoryOps = {
        .Name = L"Directory",
        .ValidAccess = DIRECTORY_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | OBP_DIRECTORY_QUERY | OBP_DIRECTORY_TRAVERSE,
                    STANDARD_RIGHTS_WRITE | OBP_DIRECTORY_CREATE,
                    STANDARD_RIGHTS_EXECUTE | OBP_DIRECTORY_QUERY | OBP_DIRECTORY_TRAVERSE,
                    DIRECTORY_ALL_ACCESS},
    };
    static const OBP_TYPE_OPS linkOps = {
        .Name = L"SymbolicLink",
        .ValidAccess = SYMBOLIC_LINK_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | SYMBOLIC_LINK_QUERY, STANDARD_RIGHTS_WRITE,
                    STANDARD_RIGHTS_EXECUTE | SYMBOLIC_LINK_QUERY, SYMBOLIC_LINK_ALL_ACCESS},
    };
    NTSTATUS status;

    status = ObpCreateType(&directoryOps, &ObpDirectoryType);
    return NT_SUCCESS(status) ? ObpCreateType(&linkOps, &ObpSymbolicLinkType) : status;
}

NTSTATUS
ObpCreateDirectory(PCUNICODE_STRING Name, PVOID *Directory)
{
    NTSTATUS status;
    PVOID directory;

    status = ObpCreateObject(ObpDirectoryType, sizeof(OBP_DIRECTORY), &directory);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpInsertName(directory, Name, TRUE);
    if (!NT_SUCCESS(status) || Directory == NULL) {
        ObfDereferenceObject(directory);
        return status;
    }
    *Directory = directory;
    return STATUS_SUCCESS;
}

/* A link without a name. */
static NTSTATUS
ObpMakeLink(PCUNICODE_STRING Target, PVOID *Link)
{
    NTSTATUS status;
    OBP_LINK *link;

    status = ObpCreateObject(ObpSymbolicLinkType, sizeof(*link) + Target->Length + sizeof(WCHAR),
                             (PVOID *)&link);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    link->Target.Buffer = (PWSTR)(link + 1);
    link->Target.Length = Target->Length;
    link->Target.MaximumLength = Target->Length + sizeof(WCHAR);
    memcpy(link->Target.Buffer, Target->Buffer, Target->Length);
    *Link = link;
    return STATUS_SUCCESS;
}

NTSTATUS
ObpCreateSymbolicLink(PCUNICODE_STRING Name, PCUNICODE_STRING Target, BOOLEAN Permanent,
                      PVOID *Link)
{
    NTSTATUS status;
    PVOID link;

    status = ObpMakeLink(Target, &link);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpInsertName(link, Name, Permanent);
    if (!NT_SUCCESS(status) || Link == NULL) {
        ObfDereferenceObject(link);
        return status;
    }
    *Link = link;
    return STATUS_SUCCESS;
}

NTSTATUS
ObpDeleteSymbolicLink(PCUNICODE_STRING Name)
{
    OBP_OPEN_REQUEST request = {.Attributes = OBJ_CASE_INSENSITIVE | OBJ_OPENLINK,
                                .AccessMode = KernelMode};
    NTSTATUS status;
    PVOID link;

    status = ObpOpenByName(Name, NULL, ObpSymbolicLinkType, &request, &link);
    if (NT_SUCCESS(status)) {
        ObpRemoveName(link);
        ObfDereferenceObject(link);
    }
    return status;
}

PCUNICODE_STRING
ObpSymbolicLinkTarget(PVOID Link)
{
    return &((OBP_LINK *)Link)->Target;
}

/* ---- start and end ---- */

static NTSTATUS
ObpCreateFolders(VOID)
{
    static const WCHAR *const folders[] = {
        L"\\ObjectTypes", L"\\Device",   L"\\GLOBAL??",         L"\\Driver",
        L"\\FileSystem",  L"\\Callback", L"\\BaseNamedObjects", L"\\KernelObjects",
    };
    static const struct {
        const WCHAR *Name;
        const WCHAR *Target;
    } links[] = {
        {L"\\??", L"\\GLOBAL??"},
        {L"\\DosDevices", L"\\??"},
        {L"\\GLOBAL??\\Global", L"\\GLOBAL??"},
        {L"\\GLOBAL??\\GLOBALROOT", L""},
    };
    UNICODE_STRING name;
    UNICODE_STRING target;
    NTSTATUS status = STATUS_SUCCESS;

    NT_FOR_EACH (folder, folders) {
        RtlInitUnicodeString(&name, *folder);
        status = ObpCreateDirectory(&name, NULL);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    NT_FOR_EACH (link, links) {
        RtlInitUnicodeString(&name, link->Name);
        RtlInitUnicodeString(&target, link->Target);
        status = ObpCreateSymbolicLink(&name, &target, TRUE, NULL);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    return status;
}

/* The types that were there before \ObjectTypes. */
static NTSTATUS
ObpNameFirstTypes(VOID)
{
    static const WCHAR *const names[] = {L"\\ObjectTypes\\Type", L"\\ObjectTypes\\Directory",
                                         L"\\ObjectTypes\\SymbolicLink"};
    POBJECT_TYPE types[] = {ObpTypeType, ObpDirectoryType, ObpSymbolicLinkType};
    UNICODE_STRING name;
    NTSTATUS status = STATUS_SUCCESS;

    for (ULONG i = 0; i < RTL_NUMBER_OF(names) && NT_SUCCESS(status); i++) {
        RtlInitUnicodeString(&name, names[i]);
        status = ObpInsertName(types[i], &name, TRUE);
    }
    return status;
}

NTSTATUS
ObpInitializeSystem(VOID)
{
    NTSTATUS status;
    PVOID root;

    ObpInitializeNames();
    ObpInitializeIntercepts();
    status = ObpInitializeObjects();
    if (NT_SUCCESS(status)) {
        status = ObpCreateTypes();
    }
    if (NT_SUCCESS(status)) {
        status = ObpCreateObject(ObpDirectoryType, sizeof(OBP_DIRECTORY), &root);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ObpRoot = root;
    status = ObpCreateFolders();
    if (NT_SUCCESS(status)) {
        status = ObpNameFirstTypes();
    }
    if (NT_SUCCESS(status)) {
        status = ObpInitializeDispatcherTypes();
    }
    return NT_SUCCESS(status) ? ObpInitializeCallbacks() : status;
}

VOID
ObpShutdownSystem(VOID)
{
    ObpShutdownIntercepts();
    if (ObpRoot == NULL) {
        return;
    }
    ObpRunDeferredDeletes();
    ObpEmptyDirectory(ObpRoot);
    ObfDereferenceObject(ObpRoot);
    ObpRoot = NULL;
    ObpRunDeferredDeletes();
    ObpDropDispatcherTypes();
    ObpDropCallbackType();
    ObpDropType(&ObpSymbolicLinkType);
    ObpDropType(&ObpDirectoryType);
    ObpDropType(&ObpTypeType);
}

/* ---- walking ---- */

typedef struct OBP_COLLECTION {
    POBJECT_TYPE Type;
    PVOID *Object; /* referenced; NULL: only count */
    ULONG Count;
    ULONG Room;
} OBP_COLLECTION;

static VOID
ObpCollectLocked(OBP_DIRECTORY *Directory, OBP_COLLECTION *Collection)
{
    for (ULONG i = 0; i < OBP_BUCKETS; i++) {
        for (OBP_NAME *name = Directory->Bucket[i]; name != NULL; name = name->Next) {
            PVOID object = ObpBody(name->Header);

            if (name->Header->Type == Collection->Type) {
                if (Collection->Count < Collection->Room) {
                    ObfReferenceObject(object);
                    Collection->Object[Collection->Count] = object;
                }
                Collection->Count++;
            }
            if (name->Header->Type == ObpDirectoryType) {
                ObpCollectLocked(object, Collection);
            }
        }
    }
}

VOID
ObpForEachNamed(POBJECT_TYPE Type, BOOLEAN (*Visit)(PVOID Context, PVOID Object), PVOID Context)
{
    OBP_COLLECTION collection = {.Type = Type};
    BOOLEAN visiting = TRUE;

    for (;;) {
        collection.Count = 0;
        ObpAcquireNames();
        ObpCollectLocked(ObpRoot, &collection);
        ObpReleaseNames();
        if (collection.Count <= collection.Room) {
            break;
        }
        for (ULONG i = 0; i < collection.Room; i++) {
            ObfDereferenceObject(collection.Object[i]);
        }
        if (collection.Object != NULL) {
            ExFreePoolWithTag(collection.Object, OBP_TAG_CAPTURE);
        }
        collection.Room = collection.Count + 16;
        collection.Object = ExpAllocatePool(PagedPool, collection.Room * sizeof(PVOID),
                                            OBP_TAG_CAPTURE, NT_CALLER());
        if (collection.Object == NULL) {
            return;
        }
    }
    for (ULONG i = 0; i < collection.Count; i++) {
        visiting = visiting && Visit(Context, collection.Object[i]);
        ObfDereferenceObject(collection.Object[i]);
    }
    if (collection.Object != NULL) {
        ExFreePoolWithTag(collection.Object, OBP_TAG_CAPTURE);
    }
}

/* ---- services ---- */

static NTSTATUS
ObpCreateLinkService(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                     PUNICODE_STRING Target)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBP_ATTRIBUTES captured;
    OBP_ATTRIBUTES target = {.Attributes = 0};
    NTSTATUS status;
    PVOID link;

    status = ObpCaptureAttributes(Attributes, mode, &captured);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCaptureName(Target, mode, &target.Name);
    if (NT_SUCCESS(status)) {
        status = ObpMakeLink(&target.Name, &link);
        if (NT_SUCCESS(status)) {
            status = ObpPublishObject(link, &captured, Access, mode, Handle);
        }
    }
    ObpReleaseAttributes(&target);
    ObpReleaseAttributes(&captured);
    return status;
}

static NTSTATUS
ObpQueryLinkService(HANDLE Link, PUNICODE_STRING Target, PULONG Length)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    UNICODE_STRING text;
    NTSTATUS status;
    OBP_LINK *link;
    ULONG needed;

    status = MiCopyFromUser(&text, Target, sizeof(text), mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObReferenceObjectByHandle(Link, SYMBOLIC_LINK_QUERY, ObpSymbolicLinkType, mode,
                                       (PVOID *)&link, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    needed = link->Target.Length;
    if (Length != NULL) {
        needed += sizeof(WCHAR);
        status = MiCopyToUser(Length, &needed, sizeof(needed), mode);
    }
    if (NT_SUCCESS(status) && text.MaximumLength < needed) {
        status = STATUS_BUFFER_TOO_SMALL;
    }
    if (NT_SUCCESS(status)) {
        status = MiCopyToUser(text.Buffer, link->Target.Buffer, needed, mode);
    }
    if (NT_SUCCESS(status)) {
        text.Length = link->Target.Length;
        status = MiCopyToUser(&Target->Length, &text.Length, sizeof(text.Length), mode);
    }
    ObfDereferenceObject(link);
    return status;
}

#pragma GCC visibility push(default)

NTSTATUS NTAPI
NtCreateSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                           PUNICODE_STRING Target)
{
    NT_ENTER(NtCreateSymbolicLinkObject);
    return ObpCreateLinkService(Handle, Access, Attributes, Target);
}

NTSTATUS NTAPI
ZwCreateSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                           PUNICODE_STRING Target)
{
    NT_ENTER(ZwCreateSymbolicLinkObject);
    return OBP_ZW(NtCreateSymbolicLinkObject(Handle, Access, Attributes, Target));
}

NTSTATUS NTAPI
NtOpenSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(NtOpenSymbolicLinkObject);
    return ObpOpenService(Handle, Access, Attributes, ObpSymbolicLinkType);
}

NTSTATUS NTAPI
ZwOpenSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(ZwOpenSymbolicLinkObject);
    return OBP_ZW(NtOpenSymbolicLinkObject(Handle, Access, Attributes));
}

/* With Length the terminating NUL is copied as well. STATUS_BUFFER_TOO_SMALL sets *Length. */
NTSTATUS NTAPI
NtQuerySymbolicLinkObject(HANDLE Link, PUNICODE_STRING Target, PULONG Length)
{
    NT_ENTER(NtQuerySymbolicLinkObject);
    return ObpQueryLinkService(Link, Target, Length);
}

NTSTATUS NTAPI
ZwQuerySymbolicLinkObject(HANDLE Link, PUNICODE_STRING Target, PULONG Length)
{
    NT_ENTER(ZwQuerySymbolicLinkObject);
    return OBP_ZW(NtQuerySymbolicLinkObject(Link, Target, Length));
}

NTSTATUS NTAPI
NtCreateDirectoryObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(NtCreateDirectoryObject);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBP_ATTRIBUTES captured;
    NTSTATUS status;
    PVOID directory;

    status = ObpCaptureAttributes(Attributes, mode, &captured);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCreateObject(ObpDirectoryType, sizeof(OBP_DIRECTORY), &directory);
    if (NT_SUCCESS(status)) {
        status = ObpPublishObject(directory, &captured, Access, mode, Handle);
    }
    ObpReleaseAttributes(&captured);
    return status;
}

NTSTATUS NTAPI
ZwCreateDirectoryObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(ZwCreateDirectoryObject);
    return OBP_ZW(NtCreateDirectoryObject(Handle, Access, Attributes));
}

NTSTATUS NTAPI
NtOpenDirectoryObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(NtOpenDirectoryObject);
    return ObpOpenService(Handle, Access, Attributes, ObpDirectoryType);
}

NTSTATUS NTAPI
ZwOpenDirectoryObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(ZwOpenDirectoryObject);
    return OBP_ZW(NtOpenDirectoryObject(Handle, Access, Attributes));
}

#pragma GCC visibility pop
