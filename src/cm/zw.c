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
static CMP_KEY_BODY *CmpRootBody; /* \\Registry, for the callbacks */

#pragma GCC visibility push(default)
POBJECT_TYPE *CmKeyObjectType = &CmpKeyObjectType;
#pragma GCC visibility pop

static VOID
CmpDeleteKeyBody(PVOID Object)
{
    CMP_KEY_BODY *body = Object;

    CmpCleanUpContexts(body, TRUE);
    if (body->Name != NULL) {
        ExFreePoolWithTag(body->Name, CMP_TAG);
    }
    if (body->Key != NULL) {
        CmpDereferenceKey(body->Key);
    }
}

static VOID
CmpCloseKeyBody(PEPROCESS Process, PVOID Object, ULONG ProcessHandleCount, ULONG HandleCount)
{
    if (HandleCount == 1) {
        CmpTellHandleClose(Object);
    }
}

/* What ObQueryNameString tells of a key object. */
static VOID
CmpQueryBodyName(PVOID Object, PWSTR Buffer, SIZE_T Size)
{
    PUNICODE_STRING name;
    SIZE_T length;

    Buffer[0] = 0;
    if (NT_SUCCESS(CmpAllocateFullName(((CMP_KEY_BODY *)Object)->Key, &name))) {
        length = min((SIZE_T)name->Length, Size - sizeof(WCHAR));
        RtlCopyMemory(Buffer, name->Buffer, length);
        Buffer[length / sizeof(WCHAR)] = 0;
        ExFreePoolWithTag(name, CMP_TAG);
    }
}

static const OBP_TYPE_OPS CmpKeyTypeOps = {
    .Name = L"Key",
    .ValidAccess = KEY_ALL_ACCESS,
    .Mapping = {KEY_READ, KEY_WRITE, KEY_EXECUTE, KEY_ALL_ACCESS},
    .Delete = CmpDeleteKeyBody,
    .Close = CmpCloseKeyBody,
    .QueryName = CmpQueryBodyName,
};

/* A key object for Key, whose reference is consumed. */
static NTSTATUS
CmpCreateBody(CMP_KEY *Key, CMP_KEY_BODY **Body)
{
    NTSTATUS status = ObpCreateObject(CmpKeyObjectType, sizeof(**Body), (PVOID *)Body);

    if (!NT_SUCCESS(status)) {
        CmpDereferenceKey(Key);
        return status;
    }
    (*Body)->Key = Key;
    InitializeListHead(&(*Body)->Contexts);
    return STATUS_SUCCESS;
}

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

    CmpInitializeCallbacks();
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
    if (NT_SUCCESS(status)) {
        CmpReferenceKey(CmpRootKey);
        status = CmpCreateBody(CmpRootKey, &CmpRootBody);
    }
    return status;
}

VOID
CmpShutdownSystem(VOID)
{
    CmpShutdownCallbacks();
    if (CmpRootBody != NULL) {
        ObDereferenceObject(CmpRootBody);
        CmpRootBody = NULL;
    }
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

typedef struct CMP_OPEN {
    CMP_WALK Walk;
    BOOLEAN Volatile;
    BOOLEAN Created; /* out */
    PUNICODE_STRING Class;
    ULONG Options;
    ULONG Disposition; /* out: REG_CREATED_NEW_KEY, or REG_OPENED_EXISTING_KEY */
} CMP_OPEN;

/* Walks from Root (NULL: from the top); *Key is referenced. */
static NTSTATUS
CmpFindKey(CMP_KEY_BODY *Root, PCUNICODE_STRING Name, CMP_OPEN *Open, CMP_KEY **Key)
{
    NTSTATUS status;

    CmpLockExclusive();
    if (Root == NULL) {
        status = CmpWalkNameLocked(Name, Open->Walk, Open->Volatile, Key, &Open->Created);
    } else if (Name->Length != 0 && Name->Buffer[0] == L'\\') {
        status = STATUS_OBJECT_PATH_SYNTAX_BAD;
    } else {
        status =
            CmpWalkPathLocked(Root->Key, Name, Open->Walk, Open->Volatile, Key, &Open->Created);
    }
    if (NT_SUCCESS(status) && Open->Created && Open->Class != NULL && Open->Class->Length != 0) {
        status = CmpSetClassLocked(*Key, Open->Class);
        if (!NT_SUCCESS(status)) {
            CmpDeleteKeyLocked(*Key);
            CmpDereferenceKey(*Key);
        }
    }
    CmpUnlock();
    return status;
}

/* What is left of an absolute name behind \Registry; a relative one as it is. */
static UNICODE_STRING
CmpRemainingName(const UNICODE_STRING *Name)
{
    UNICODE_STRING rest = *Name;
    ULONG letters = 0;

    if (Name->Length == 0 || Name->Buffer[0] != L'\\') {
        return rest;
    }
    do {
        letters++;
    } while (letters < Name->Length / sizeof(WCHAR) && Name->Buffer[letters] != L'\\');
    letters += letters < Name->Length / sizeof(WCHAR);
    rest.Buffer += letters;
    rest.Length = (USHORT)(rest.Length - letters * sizeof(WCHAR));
    rest.MaximumLength = rest.Length;
    return rest;
}

/* Opens or makes the key: *Body is referenced on success. */
static NTSTATUS
CmpOpenBody(CMP_KEY_BODY *Root, PCUNICODE_STRING Name, CMP_OPEN *Open, CMP_KEY_BODY **Body)
{
    CMP_KEY *key;
    NTSTATUS status = CmpFindKey(Root, Name, Open, &key);

    if (NT_SUCCESS(status)) {
        Open->Disposition = Open->Created ? REG_CREATED_NEW_KEY : REG_OPENED_EXISTING_KEY;
        status = CmpCreateBody(key, Body);
    }
    return status;
}

/* A callback took the call over, or made a failure a success, without giving a key object. */
static VOID
CmpCheckResult(PVOID Object)
{
    if (Object == NULL || ObpGetObjectType(Object) != CmpKeyObjectType) {
        KiBugCheckDetail(0x135 /* REGISTRY_FILTER_DRIVER_EXCEPTION */, 0, (ULONG_PTR)Object, 0, 0,
                         "A registry callback made a create or open a success without giving a key "
                         "object in ResultObject.");
    }
}

/* The open between its notifications; *Body is referenced and *Granted set on success. */
static NTSTATUS
CmpFilteredOpen(const OBP_ATTRIBUTES *Attributes, CMP_KEY_BODY *Root, ACCESS_MASK DesiredAccess,
                CMP_OPEN *Open, CMP_KEY_BODY **Body, ACCESS_MASK *Granted)
{
    BOOLEAN create = Open->Walk != CmpWalkOpen;
    UNICODE_STRING name = Attributes->Name;
    UNICODE_STRING remaining = CmpRemainingName(&name);
    REG_CREATE_KEY_INFORMATION_V1 information = {
        .CompleteName = &name,
        .RootObject = Root != NULL ? Root : CmpRootBody,
        .ObjectType = CmpKeyObjectType,
        .Options = Open->Options,
        .Class = Open->Class,
        .DesiredAccess = DesiredAccess,
        .Disposition = &Open->Disposition,
        .ResultObject = (PVOID *)Body,
        .Version = 1,
        .RemainingName = &remaining,
        .Wow64Flags = DesiredAccess & (KEY_WOW64_32KEY | KEY_WOW64_64KEY),
        .Attributes = Attributes->Attributes,
        .CheckAccessMode =
            (Attributes->Attributes & OBJ_FORCE_ACCESS_CHECK) != 0 ? UserMode : KernelMode,
    };
    CMP_OPERATION operation;
    NTSTATUS status;

    *Body = NULL;
    if (CmpBefore(&operation, create ? RegNtPreCreateKeyEx : RegNtPreOpenKeyEx, &information,
                  &information.CallContext, information.RootObject)) {
        status = CmpOpenBody(Root, &Attributes->Name, Open, Body);
        if (NT_SUCCESS(status)) {
            status = ObpMapAccess(CmpKeyObjectType, DesiredAccess, KernelMode,
                                  &information.GrantedAccess);
        }
    } else {
        status = operation.Status;
    }
    operation.Object = (PVOID *)Body;
    status = CmpAfter(&operation, create ? RegNtPostCreateKeyEx : RegNtPostOpenKeyEx, status);
    *Granted = information.GrantedAccess;
    if (NT_SUCCESS(status)) {
        CmpCheckResult(*Body);
    } else if (*Body != NULL) {
        ObDereferenceObject(*Body); /* made, then refused by a callback that left it to us */
    }
    return status;
}

static NTSTATUS
CmpOpenKey(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           CMP_OPEN *Open)
{
    OBP_ATTRIBUTES attributes;
    CMP_KEY_BODY *root = NULL;
    ACCESS_MASK granted;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = ObpCaptureAttributes(ObjectAttributes, KernelMode, &attributes);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (attributes.RootDirectory != NULL) {
        status = CmpReferenceHandle(attributes.RootDirectory, 0, &root);
    }
    if (NT_SUCCESS(status)) {
        status = CmpFilteredOpen(&attributes, root, DesiredAccess, Open, &body, &granted);
    }
    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(body, granted, attributes.Attributes, Handle);
        ObDereferenceObject(body);
    }
    if (root != NULL) {
        ObDereferenceObject(root);
    }
    ObpReleaseAttributes(&attributes);
    return status;
}

/* Locks, if the key still exists: the caller unlocks on success. */
static NTSTATUS
CmpLockKey(CMP_KEY_BODY *Body, BOOLEAN Exclusive)
{
    if (Exclusive) {
        CmpLockExclusive();
    } else {
        CmpLockShared();
    }
    if (Body->Key->Deleted) {
        CmpUnlock();
        return STATUS_KEY_DELETED;
    }
    return STATUS_SUCCESS;
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

static NTSTATUS
CmpEnumerateKeyLocked(CMP_KEY *Key, ULONG Index, KEY_INFORMATION_CLASS Class, PVOID Buffer,
                      ULONG Length, PULONG ResultLength)
{
    PLIST_ENTRY entry = CmpEntryAt(&Key->SubKeys, Index);

    if (entry == NULL) {
        return STATUS_NO_MORE_ENTRIES;
    }
    if (Class == KeyNameInformation || Class == KeyCachedInformation) {
        return STATUS_INVALID_PARAMETER;
    }
    return CmpQueryKeyLocked(CONTAINING_RECORD(entry, CMP_KEY, Link), Class, Buffer, Length,
                             ResultLength);
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
    NT_ENTER(ZwCreateKey);
    CMP_OPEN open = {.Walk = CmpWalkCreateLast,
                     .Volatile = (CreateOptions & REG_OPTION_VOLATILE) != 0,
                     .Class = Class,
                     .Options = CreateOptions};
    NTSTATUS status;

    if (CreateOptions & REG_OPTION_CREATE_LINK) {
        return STATUS_NOT_SUPPORTED;
    }
    status = CmpOpenKey(KeyHandle, DesiredAccess, ObjectAttributes, &open);
    if (NT_SUCCESS(status) && Disposition != NULL) {
        *Disposition = open.Disposition;
    }
    return status;
}

NTSTATUS NTAPI
ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    NT_ENTER(ZwOpenKey);
    CMP_OPEN open = {.Walk = CmpWalkOpen};

    return CmpOpenKey(KeyHandle, DesiredAccess, ObjectAttributes, &open);
}

/*
 * ZwOpenKeyEx - opens a key that exists
 *
 * OpenOptions  0, REG_OPTION_BACKUP_RESTORE, REG_OPTION_OPEN_LINK; they change nothing here
 *
 * Errors   STATUS_INVALID_PARAMETER_4 (other options), STATUS_OBJECT_PATH_SYNTAX_BAD,
 *          STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Differs  no key is a link, and no open is denied
 * Source   WDK reference, nf-wdm-zwopenkeyex
 */
NTSTATUS NTAPI
ZwOpenKeyEx(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
            ULONG OpenOptions)
{
    NT_ENTER(ZwOpenKeyEx);
    CMP_OPEN open = {.Walk = CmpWalkOpen, .Options = OpenOptions};

    if ((OpenOptions & ~(ULONG)(REG_OPTION_BACKUP_RESTORE | REG_OPTION_OPEN_LINK)) != 0) {
        return STATUS_INVALID_PARAMETER_4;
    }
    return CmpOpenKey(KeyHandle, DesiredAccess, ObjectAttributes, &open);
}

/* STATUS_CANNOT_DELETE: it has subkeys. Open handles get STATUS_KEY_DELETED from then on. */
NTSTATUS NTAPI
ZwDeleteKey(HANDLE KeyHandle)
{
    NT_ENTER(ZwDeleteKey);
    REG_DELETE_KEY_INFORMATION information = {0};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(KeyHandle, DELETE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status = CmpBefore(&operation, RegNtPreDeleteKey, &information, &information.CallContext, body)
                 ? CmpLockKey(body, TRUE)
                 : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        status = CmpDeleteKeyLocked(body->Key);
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostDeleteKey, status);
    ObDereferenceObject(body);
    return status;
}

/*
 * ZwQueryKey - facts about a key
 *
 * Errors   STATUS_BUFFER_OVERFLOW and STATUS_BUFFER_TOO_SMALL as query.c says;
 *          STATUS_INVALID_PARAMETER: a class that is not documented, or reserved for the system
 *          (KeyFlagsInformation, KeyHandleTagsInformation); STATUS_KEY_DELETED
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-zwquerykey, KEY_INFORMATION_CLASS
 */
NTSTATUS NTAPI
ZwQueryKey(HANDLE KeyHandle, KEY_INFORMATION_CLASS KeyInformationClass, PVOID KeyInformation,
           ULONG Length, PULONG ResultLength)
{
    NT_ENTER(ZwQueryKey);
    REG_QUERY_KEY_INFORMATION information = {.KeyInformationClass = KeyInformationClass,
                                             .KeyInformation = KeyInformation,
                                             .Length = Length,
                                             .ResultLength = ResultLength};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(
        KeyHandle, KeyInformationClass == KeyNameInformation ? 0 : KEY_QUERY_VALUE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status = CmpBefore(&operation, RegNtPreQueryKey, &information, &information.CallContext, body)
                 ? CmpLockKey(body, FALSE)
                 : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        status =
            CmpQueryKeyLocked(body->Key, KeyInformationClass, KeyInformation, Length, ResultLength);
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostQueryKey, status);
    ObDereferenceObject(body);
    return status;
}

NTSTATUS NTAPI
ZwEnumerateKey(HANDLE KeyHandle, ULONG Index, KEY_INFORMATION_CLASS KeyInformationClass,
               PVOID KeyInformation, ULONG Length, PULONG ResultLength)
{
    NT_ENTER(ZwEnumerateKey);
    REG_ENUMERATE_KEY_INFORMATION information = {.Index = Index,
                                                 .KeyInformationClass = KeyInformationClass,
                                                 .KeyInformation = KeyInformation,
                                                 .Length = Length,
                                                 .ResultLength = ResultLength};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(KeyHandle, KEY_ENUMERATE_SUB_KEYS, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status =
        CmpBefore(&operation, RegNtPreEnumerateKey, &information, &information.CallContext, body)
            ? CmpLockKey(body, FALSE)
            : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        status = CmpEnumerateKeyLocked(body->Key, Index, KeyInformationClass, KeyInformation,
                                       Length, ResultLength);
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostEnumerateKey, status);
    ObDereferenceObject(body);
    return status;
}

/* Nothing to do: there is no disk behind the registry. */
NTSTATUS NTAPI
ZwFlushKey(HANDLE KeyHandle)
{
    NT_ENTER(ZwFlushKey);
    REG_DELETE_KEY_INFORMATION information = {0};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(KeyHandle, 0, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status = CmpBefore(&operation, RegNtPreFlushKey, &information, &information.CallContext, body)
                 ? CmpLockKey(body, FALSE)
                 : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostFlushKey, status);
    ObDereferenceObject(body);
    return status;
}

/* ---- values ---- */

NTSTATUS NTAPI
ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName,
                KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass, PVOID KeyValueInformation,
                ULONG Length, PULONG ResultLength)
{
    NT_ENTER(ZwQueryValueKey);
    REG_QUERY_VALUE_KEY_INFORMATION information = {.ValueName = ValueName,
                                                   .KeyValueInformationClass =
                                                       KeyValueInformationClass,
                                                   .KeyValueInformation = KeyValueInformation,
                                                   .Length = Length,
                                                   .ResultLength = ResultLength};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(KeyHandle, KEY_QUERY_VALUE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status =
        CmpBefore(&operation, RegNtPreQueryValueKey, &information, &information.CallContext, body)
            ? CmpLockKey(body, FALSE)
            : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        CMP_VALUE *value = CmpFindValueLocked(body->Key, ValueName);
        status = value == NULL ? STATUS_OBJECT_NAME_NOT_FOUND
                               : CmpQueryValueLocked(value, KeyValueInformationClass,
                                                     KeyValueInformation, Length, ResultLength);
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostQueryValueKey, status);
    ObDereferenceObject(body);
    return status;
}

NTSTATUS NTAPI
ZwEnumerateValueKey(HANDLE KeyHandle, ULONG Index,
                    KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass, PVOID KeyValueInformation,
                    ULONG Length, PULONG ResultLength)
{
    NT_ENTER(ZwEnumerateValueKey);
    REG_ENUMERATE_VALUE_KEY_INFORMATION information = {.Index = Index,
                                                       .KeyValueInformationClass =
                                                           KeyValueInformationClass,
                                                       .KeyValueInformation = KeyValueInformation,
                                                       .Length = Length,
                                                       .ResultLength = ResultLength};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(KeyHandle, KEY_QUERY_VALUE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status = CmpBefore(&operation, RegNtPreEnumerateValueKey, &information,
                       &information.CallContext, body)
                 ? CmpLockKey(body, FALSE)
                 : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        PLIST_ENTRY entry = CmpEntryAt(&body->Key->Values, Index);
        status = entry == NULL ? STATUS_NO_MORE_ENTRIES
                               : CmpQueryValueLocked(CONTAINING_RECORD(entry, CMP_VALUE, Link),
                                                     KeyValueInformationClass, KeyValueInformation,
                                                     Length, ResultLength);
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostEnumerateValueKey, status);
    ObDereferenceObject(body);
    return status;
}

NTSTATUS NTAPI
ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type, PVOID Data,
              ULONG DataSize)
{
    NT_ENTER(ZwSetValueKey);
    REG_SET_VALUE_KEY_INFORMATION information = {.ValueName = ValueName,
                                                 .TitleIndex = TitleIndex,
                                                 .Type = Type,
                                                 .Data = Data,
                                                 .DataSize = DataSize};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(KeyHandle, KEY_SET_VALUE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status =
        CmpBefore(&operation, RegNtPreSetValueKey, &information, &information.CallContext, body)
            ? CmpLockKey(body, TRUE)
            : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        status = CmpSetValueLocked(body->Key, ValueName, Type, Data, DataSize);
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostSetValueKey, status);
    ObDereferenceObject(body);
    return status;
}

NTSTATUS NTAPI
ZwDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName)
{
    NT_ENTER(ZwDeleteValueKey);
    REG_DELETE_VALUE_KEY_INFORMATION information = {.ValueName = ValueName};
    CMP_OPERATION operation;
    CMP_KEY_BODY *body;
    NTSTATUS status;

    status = CmpReferenceHandle(KeyHandle, KEY_SET_VALUE, &body);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    information.Object = body;
    status =
        CmpBefore(&operation, RegNtPreDeleteValueKey, &information, &information.CallContext, body)
            ? CmpLockKey(body, TRUE)
            : operation.Status;
    if (NT_SUCCESS(status) && operation.Proceed) {
        CMP_VALUE *value = CmpFindValueLocked(body->Key, ValueName);
        if (value == NULL) {
            status = STATUS_OBJECT_NAME_NOT_FOUND;
        } else {
            CmpDeleteValueLocked(body->Key, value);
        }
        CmpUnlock();
    }
    status = CmpAfter(&operation, RegNtPostDeleteValueKey, status);
    ObDereferenceObject(body);
    return status;
}

#pragma GCC visibility pop
