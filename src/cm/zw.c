/* SPDX-License-Identifier: MIT
 *
 * cm/zw.c - the registry calls of drivers
 *
 * Kernel callers only: there is no registry service in the system-call gate, so buffers are
 * trusted. Key handles are objects of type Key whose body references a CMP_KEY.
 *
 * Source  WDK reference, wdm.h ZwCreateKey, ZwOpenKey(Ex), ZwDeleteKey, ZwQueryKey,
 *         ZwEnumerateKey, ZwQueryValueKey, ZwEnumerateValueKey, ZwSetValueKey, ZwDeleteValueKey.
 */
#include "cm/cmp.h"

POBJECT_TYPE CmpKeyObjectType;

#pragma GCC visibility push(default)
POBJECT_TYPE *CmKeyObjectType = &CmpKeyObjectType;
#pragma GCC visibility pop

static VOID
CmpDeleteKeyBody(PVOID Object)
{
    CMP_KEY_BODY *body = Object;

    if (body->Key != NULL) {
        CmpDereferenceKey(body->Key);
    }
}

static const OBP_TYPE_OPS CmpKeyTypeOps = {
    .Name = L"Key",
    .ValidAccess = KEY_ALL_ACCESS,
    .Mapping = {KEY_READ, KEY_WRITE, KEY_EXECUTE, KEY_ALL_ACCESS},
    .Delete = CmpDeleteKeyBody,
};

NTSTATUS
CmpInitializeSystem(VOID)
{
    static const WCHAR *const paths[] = {
        L"\\Registry\\Machine\\System\\CurrentControlSet\\Services",
        L"\\Registry\\Machine\\System\\CurrentControlSet\\Control",
        L"\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion",
        L"\\Registry\\Machine\\Hardware\\DeviceMap",
        L"\\Registry\\User\\.Default",
    };
    NTSTATUS status = ObpCreateType(&CmpKeyTypeOps, &CmpKeyObjectType);

    if (NT_SUCCESS(status)) {
        status = CmpInitializeTree();
    }
    CmpLockExclusive();
    NT_FOR_EACH (path, paths) {
        UNICODE_STRING name;
        CMP_KEY *key;
        RtlInitUnicodeString(&name, *path);
        if (NT_SUCCESS(status)) {
            status = CmpWalkNameLocked(&name, CmpWalkCreateAll, FALSE, &key, NULL);
        }
        if (NT_SUCCESS(status)) {
            CmpDereferenceKey(key);
        }
    }
    CmpUnlock();
    return status;
}

VOID
CmpShutdownSystem(VOID)
{
    CmpDestroyTree();
}

/* ---- handles ---- */

/* The key of a handle with that access; *Body is referenced and keeps it. */
static NTSTATUS
CmpReferenceHandle(HANDLE Handle, ACCESS_MASK Access, CMP_KEY_BODY **Body)
{
    return ObReferenceObjectByHandle(Handle, Access, CmpKeyObjectType, KernelMode, (PVOID *)Body,
                                     NULL);
}

/* A new handle to Key, whose reference is consumed. */
static NTSTATUS
CmpCreateKeyHandle(CMP_KEY *Key, ACCESS_MASK DesiredAccess, ULONG Attributes, PHANDLE Handle)
{
    CMP_KEY_BODY *body;
    ACCESS_MASK granted;
    NTSTATUS status;

    status = ObpCreateObject(CmpKeyObjectType, sizeof(*body), (PVOID *)&body);
    if (!NT_SUCCESS(status)) {
        CmpDereferenceKey(Key);
        return status;
    }
    body->Key = Key;
    status = ObpMapAccess(CmpKeyObjectType, DesiredAccess, KernelMode, &granted);
    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(body, granted, Attributes, Handle);
    }
    ObDereferenceObject(body);
    return status;
}

typedef struct CMP_OPEN {
    CMP_WALK Walk;
    BOOLEAN Volatile;
    PUNICODE_STRING Class;
    BOOLEAN Created; /* out */
} CMP_OPEN;

/* Walks from Attributes' root; *Key is referenced. */
static NTSTATUS
CmpFindKey(const OBP_ATTRIBUTES *Attributes, CMP_OPEN *Open, CMP_KEY **Key)
{
    CMP_KEY_BODY *root = NULL;
    NTSTATUS status = STATUS_SUCCESS;

    if (Attributes->RootDirectory != NULL) {
        status = CmpReferenceHandle(Attributes->RootDirectory, 0, &root);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    CmpLockExclusive();
    if (root == NULL) {
        status =
            CmpWalkNameLocked(&Attributes->Name, Open->Walk, Open->Volatile, Key, &Open->Created);
    } else if (Attributes->Name.Length != 0 && Attributes->Name.Buffer[0] == L'\\') {
        status = STATUS_OBJECT_PATH_SYNTAX_BAD;
    } else {
        status = CmpWalkPathLocked(root->Key, &Attributes->Name, Open->Walk, Open->Volatile, Key,
                                   &Open->Created);
    }
    if (NT_SUCCESS(status) && Open->Created && Open->Class != NULL && Open->Class->Length != 0) {
        status = CmpSetClassLocked(*Key, Open->Class);
        if (!NT_SUCCESS(status)) {
            CmpDeleteKeyLocked(*Key);
            CmpDereferenceKey(*Key);
        }
    }
    CmpUnlock();
    if (root != NULL) {
        ObDereferenceObject(root);
    }
    return status;
}

static NTSTATUS
CmpOpenKey(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           CMP_OPEN *Open)
{
    OBP_ATTRIBUTES attributes;
    CMP_KEY *key;
    NTSTATUS status;

    status = ObpCaptureAttributes(ObjectAttributes, KernelMode, &attributes);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = CmpFindKey(&attributes, Open, &key);
    if (NT_SUCCESS(status)) {
        status = CmpCreateKeyHandle(key, DesiredAccess, attributes.Attributes, Handle);
    }
    ObpReleaseAttributes(&attributes);
    return status;
}

/* Locks, and checks that the key still exists. On success the caller unlocks. */
static NTSTATUS
CmpEnterKey(HANDLE Handle, ACCESS_MASK Access, BOOLEAN Exclusive, CMP_KEY_BODY **Body)
{
    NTSTATUS status = CmpReferenceHandle(Handle, Access, Body);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (Exclusive) {
        CmpLockExclusive();
    } else {
        CmpLockShared();
    }
    if ((*Body)->Key->Deleted) {
        CmpUnlock();
        ObDereferenceObject(*Body);
        return STATUS_KEY_DELETED;
    }
    return STATUS_SUCCESS;
}

static VOID
CmpLeaveKey(CMP_KEY_BODY *Body)
{
    CmpUnlock();
    ObDereferenceObject(Body);
}

/* Entry Index of a list, or NULL. */
static PLIST_ENTRY
CmpEntryAt(PLIST_ENTRY Head, ULONG Index)
{
    PLIST_ENTRY entry = Head->Flink;

    while (entry != Head && Index-- != 0) {
        entry = entry->Flink;
    }
    return entry == Head ? NULL : entry;
}

#pragma GCC visibility push(default)

/* ---- keys ---- */

/*
 * ZwCreateKey - opens a key, making it if only its last part is missing
 *
 * Errors   STATUS_OBJECT_NAME_NOT_FOUND: a key above it is missing; STATUS_CHILD_MUST_BE_VOLATILE;
 *          STATUS_NOT_SUPPORTED: REG_OPTION_CREATE_LINK
 * IRQL     PASSIVE_LEVEL
 * Differs  the registry lives in memory: nothing outlives the kernel; TitleIndex is ignored
 */
NTSTATUS NTAPI
ZwCreateKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
            ULONG TitleIndex, PUNICODE_STRING Class, ULONG CreateOptions, PULONG Disposition)
{
    CMP_OPEN open = {.Walk = CmpWalkCreateLast,
                     .Volatile = (CreateOptions & REG_OPTION_VOLATILE) != 0,
                     .Class = Class};
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (CreateOptions & REG_OPTION_CREATE_LINK) {
        return STATUS_NOT_SUPPORTED;
    }
    status = CmpOpenKey(KeyHandle, DesiredAccess, ObjectAttributes, &open);
    if (NT_SUCCESS(status) && Disposition != NULL) {
        *Disposition = open.Created ? REG_CREATED_NEW_KEY : REG_OPENED_EXISTING_KEY;
    }
    return status;
}

NTSTATUS NTAPI
ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    CMP_OPEN open = {.Walk = CmpWalkOpen};

    NT_IRQL_MAX(PASSIVE_LEVEL);
    return CmpOpenKey(KeyHandle, DesiredAccess, ObjectAttributes, &open);
}

/* OpenOptions: 0, REG_OPTION_BACKUP_RESTORE or REG_OPTION_OPEN_LINK, which change nothing here. */
NTSTATUS NTAPI
ZwOpenKeyEx(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
            ULONG OpenOptions)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    if ((OpenOptions & ~(ULONG)(REG_OPTION_BACKUP_RESTORE | REG_OPTION_OPEN_LINK)) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    return ZwOpenKey(KeyHandle, DesiredAccess, ObjectAttributes);
}

/* STATUS_CANNOT_DELETE: it has subkeys. Open handles get STATUS_KEY_DELETED from then on. */
NTSTATUS NTAPI
ZwDeleteKey(HANDLE KeyHandle)
{
    CMP_KEY_BODY *body;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, DELETE, TRUE, &body);
    if (NT_SUCCESS(status)) {
        status = CmpDeleteKeyLocked(body->Key);
        CmpLeaveKey(body);
    }
    return status;
}

NTSTATUS NTAPI
ZwQueryKey(HANDLE KeyHandle, KEY_INFORMATION_CLASS KeyInformationClass, PVOID KeyInformation,
           ULONG Length, PULONG ResultLength)
{
    CMP_KEY_BODY *body;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, KeyInformationClass == KeyNameInformation ? 0 : KEY_QUERY_VALUE,
                         FALSE, &body);
    if (NT_SUCCESS(status)) {
        status =
            CmpQueryKeyLocked(body->Key, KeyInformationClass, KeyInformation, Length, ResultLength);
        CmpLeaveKey(body);
    }
    return status;
}

NTSTATUS NTAPI
ZwEnumerateKey(HANDLE KeyHandle, ULONG Index, KEY_INFORMATION_CLASS KeyInformationClass,
               PVOID KeyInformation, ULONG Length, PULONG ResultLength)
{
    CMP_KEY_BODY *body;
    PLIST_ENTRY entry;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, KEY_ENUMERATE_SUB_KEYS, FALSE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    entry = CmpEntryAt(&body->Key->SubKeys, Index);
    if (entry == NULL) {
        status = STATUS_NO_MORE_ENTRIES;
    } else if (KeyInformationClass == KeyNameInformation) {
        status = STATUS_INVALID_PARAMETER;
    } else {
        status = CmpQueryKeyLocked(CONTAINING_RECORD(entry, CMP_KEY, Link), KeyInformationClass,
                                   KeyInformation, Length, ResultLength);
    }
    CmpLeaveKey(body);
    return status;
}

/* Nothing to do: there is no disk behind the registry. */
NTSTATUS NTAPI
ZwFlushKey(HANDLE KeyHandle)
{
    CMP_KEY_BODY *body;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, 0, FALSE, &body);
    if (NT_SUCCESS(status)) {
        CmpLeaveKey(body);
    }
    return status;
}

/* ---- values ---- */

NTSTATUS NTAPI
ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName,
                KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass, PVOID KeyValueInformation,
                ULONG Length, PULONG ResultLength)
{
    CMP_KEY_BODY *body;
    CMP_VALUE *value;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, KEY_QUERY_VALUE, FALSE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    value = CmpFindValueLocked(body->Key, ValueName);
    status = value == NULL ? STATUS_OBJECT_NAME_NOT_FOUND
                           : CmpQueryValueLocked(value, KeyValueInformationClass,
                                                 KeyValueInformation, Length, ResultLength);
    CmpLeaveKey(body);
    return status;
}

NTSTATUS NTAPI
ZwEnumerateValueKey(HANDLE KeyHandle, ULONG Index,
                    KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass, PVOID KeyValueInformation,
                    ULONG Length, PULONG ResultLength)
{
    CMP_KEY_BODY *body;
    PLIST_ENTRY entry;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, KEY_QUERY_VALUE, FALSE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    entry = CmpEntryAt(&body->Key->Values, Index);
    status = entry == NULL ? STATUS_NO_MORE_ENTRIES
                           : CmpQueryValueLocked(CONTAINING_RECORD(entry, CMP_VALUE, Link),
                                                 KeyValueInformationClass, KeyValueInformation,
                                                 Length, ResultLength);
    CmpLeaveKey(body);
    return status;
}

NTSTATUS NTAPI
ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type, PVOID Data,
              ULONG DataSize)
{
    CMP_KEY_BODY *body;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, KEY_SET_VALUE, TRUE, &body);
    if (NT_SUCCESS(status)) {
        status = CmpSetValueLocked(body->Key, ValueName, Type, Data, DataSize);
        CmpLeaveKey(body);
    }
    return status;
}

NTSTATUS NTAPI
ZwDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName)
{
    CMP_KEY_BODY *body;
    CMP_VALUE *value;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpEnterKey(KeyHandle, KEY_SET_VALUE, TRUE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    value = CmpFindValueLocked(body->Key, ValueName);
    if (value == NULL) {
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    } else {
        CmpDeleteValueLocked(body->Key, value);
    }
    CmpLeaveKey(body);
    return status;
}

#pragma GCC visibility pop
