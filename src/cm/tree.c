/* SPDX-License-Identifier: MIT
 *
 * cm/tree.c - the registry in memory: keys, values, paths
 *
 * Locks   CmpRegistryLock (ERESOURCE, PASSIVE_LEVEL) guards the whole tree.
 * Errors  Every function checks and allocates before it changes anything.
 */
#include "cm/cmp.h"

CMP_KEY *CmpRootKey;
static ERESOURCE CmpRegistryLock;

/* ---- lock ---- */

VOID
CmpLockShared(VOID)
{
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&CmpRegistryLock, TRUE);
}

VOID
CmpLockExclusive(VOID)
{
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&CmpRegistryLock, TRUE);
}

VOID
CmpUnlock(VOID)
{
    ExReleaseResourceLite(&CmpRegistryLock);
    KeLeaveCriticalRegion();
}

/* ---- keys ---- */

VOID
CmpReferenceKey(CMP_KEY *Key)
{
    __atomic_fetch_add(&Key->References, 1, __ATOMIC_RELAXED);
}

static VOID
CmpFreeValue(CMP_VALUE *Value)
{
    if (Value->Data != NULL) {
        ExFreePoolWithTag(Value->Data, CMP_TAG);
    }
    ExFreePoolWithTag(Value, CMP_TAG);
}

VOID
CmpDereferenceKey(CMP_KEY *Key)
{
    if (__atomic_sub_fetch(&Key->References, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    NT_ASSERT_INTERNAL(IsListEmpty(&Key->SubKeys));
    while (!IsListEmpty(&Key->Values)) {
        CmpFreeValue(CONTAINING_RECORD(RemoveHeadList(&Key->Values), CMP_VALUE, Link));
    }
    if (Key->Class.Buffer != NULL) {
        ExFreePoolWithTag(Key->Class.Buffer, CMP_TAG);
    }
    ExFreePoolWithTag(Key, CMP_TAG);
}

static CMP_KEY *
CmpAllocateKey(PCUNICODE_STRING Name)
{
    CMP_KEY *key = ExAllocatePoolWithTag(PagedPool, sizeof(*key) + Name->Length, CMP_TAG);

    if (key == NULL) {
        return NULL;
    }
    RtlZeroMemory(key, sizeof(*key));
    key->References = 1;
    InitializeListHead(&key->SubKeys);
    InitializeListHead(&key->Values);
    key->LastWriteTime.QuadPart = (LONGLONG)HalpSystemTime();
    key->Name.Buffer = (PWCH)(key + 1);
    key->Name.Length = Name->Length;
    key->Name.MaximumLength = Name->Length;
    RtlCopyMemory(key->Name.Buffer, Name->Buffer, Name->Length);
    return key;
}

NTSTATUS
CmpInitializeTree(VOID)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Registry");
    NTSTATUS status = ExInitializeResourceLite(&CmpRegistryLock);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    CmpRootKey = CmpAllocateKey(&name);
    if (CmpRootKey == NULL) {
        ExDeleteResourceLite(&CmpRegistryLock);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

static VOID
CmpUnlinkKeyLocked(CMP_KEY *Key)
{
    RemoveEntryList(&Key->Link);
    --Key->Parent->SubKeyCount;
    Key->Parent->LastWriteTime.QuadPart = (LONGLONG)HalpSystemTime();
    Key->Deleted = TRUE;
    Key->Parent = NULL;
    CmpDereferenceKey(Key);
}

VOID
CmpDestroyTree(VOID)
{
    CMP_KEY *key = CmpRootKey;

    /* Depth first without recursion: down to a leaf, cut it off, up again. */
    CmpLockExclusive();
    while (key != CmpRootKey || !IsListEmpty(&key->SubKeys)) {
        if (!IsListEmpty(&key->SubKeys)) {
            key = CONTAINING_RECORD(key->SubKeys.Flink, CMP_KEY, Link);
        } else {
            CMP_KEY *parent = key->Parent;
            CmpUnlinkKeyLocked(key);
            key = parent;
        }
    }
    CmpUnlock();
    CmpDereferenceKey(CmpRootKey);
    CmpRootKey = NULL;
    ExDeleteResourceLite(&CmpRegistryLock);
}

/* The subkey of that name, or NULL; *Before: the entry before which it belongs (CM2). */
static CMP_KEY *
CmpFindSubKeyLocked(CMP_KEY *Key, PCUNICODE_STRING Name, PLIST_ENTRY *Before)
{
    *Before = Key->SubKeys.Flink;
    for (; *Before != &Key->SubKeys; *Before = (*Before)->Flink) {
        CMP_KEY *subKey = CONTAINING_RECORD(*Before, CMP_KEY, Link);
        LONG order = RtlCompareUnicodeString(&subKey->Name, Name, TRUE);
        if (order == 0) {
            return subKey;
        }
        if (order > 0) {
            break;
        }
    }
    return NULL;
}

static NTSTATUS
CmpCreateSubKeyLocked(CMP_KEY *Key, PCUNICODE_STRING Name, PLIST_ENTRY Before, BOOLEAN Volatile,
                      CMP_KEY **Created)
{
    CMP_KEY *subKey;

    if (Key->Volatile && !Volatile) {
        return STATUS_CHILD_MUST_BE_VOLATILE;
    }
    if (Name->Length > CMP_MAX_KEY_NAME * sizeof(WCHAR)) {
        return STATUS_INVALID_PARAMETER;
    }
    subKey = CmpAllocateKey(Name);
    if (subKey == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    subKey->Parent = Key;
    subKey->Volatile = Volatile;
    InsertTailList(Before, &subKey->Link);
    ++Key->SubKeyCount;
    Key->LastWriteTime = subKey->LastWriteTime;
    *Created = subKey;
    return STATUS_SUCCESS;
}

NTSTATUS
CmpDeleteKeyLocked(CMP_KEY *Key)
{
    if (Key->Deleted) {
        return STATUS_KEY_DELETED;
    }
    if (!IsListEmpty(&Key->SubKeys) || Key->Parent == NULL) {
        return STATUS_CANNOT_DELETE;
    }
    CmpUnlinkKeyLocked(Key);
    return STATUS_SUCCESS;
}

/* ---- paths ---- */

/* Cuts the first part off Rest, without backslashes. FALSE: none is left. */
static BOOLEAN
CmpNextPart(PUNICODE_STRING Rest, PUNICODE_STRING Part)
{
    while (Rest->Length != 0 && Rest->Buffer[0] == L'\\') {
        ++Rest->Buffer;
        Rest->Length -= sizeof(WCHAR);
    }
    Part->Buffer = Rest->Buffer;
    Part->Length = 0;
    while (Rest->Length != 0 && Rest->Buffer[0] != L'\\') {
        ++Rest->Buffer;
        Rest->Length -= sizeof(WCHAR);
        Part->Length += sizeof(WCHAR);
    }
    Part->MaximumLength = Part->Length;
    return Part->Length != 0;
}

static BOOLEAN
CmpIsLastPart(UNICODE_STRING Rest)
{
    UNICODE_STRING part;

    return !CmpNextPart(&Rest, &part);
}

NTSTATUS
CmpWalkPathLocked(CMP_KEY *Key, PCUNICODE_STRING Path, CMP_WALK Walk, BOOLEAN Volatile,
                  CMP_KEY **Found, BOOLEAN *Created)
{
    UNICODE_STRING rest = *Path;
    BOOLEAN created = FALSE;
    UNICODE_STRING part;

    if (Key->Deleted) {
        return STATUS_KEY_DELETED;
    }
    while (CmpNextPart(&rest, &part)) {
        PLIST_ENTRY before;
        CMP_KEY *next = CmpFindSubKeyLocked(Key, &part, &before);
        created = next == NULL;
        if (next == NULL) {
            NTSTATUS status;
            if (Walk == CmpWalkOpen || (Walk == CmpWalkCreateLast && !CmpIsLastPart(rest))) {
                return STATUS_OBJECT_NAME_NOT_FOUND;
            }
            status = CmpCreateSubKeyLocked(Key, &part, before, Volatile, &next);
            if (!NT_SUCCESS(status)) {
                return status;
            }
        }
        Key = next;
    }
    CmpReferenceKey(Key);
    *Found = Key;
    if (Created != NULL) {
        *Created = created;
    }
    return STATUS_SUCCESS;
}

NTSTATUS
CmpWalkNameLocked(PCUNICODE_STRING Name, CMP_WALK Walk, BOOLEAN Volatile, CMP_KEY **Found,
                  BOOLEAN *Created)
{
    UNICODE_STRING rest = *Name;
    UNICODE_STRING part;

    if (Name->Length == 0 || Name->Buffer[0] != L'\\') {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    if (!CmpNextPart(&rest, &part) || !RtlEqualUnicodeString(&part, &CmpRootKey->Name, TRUE)) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return CmpWalkPathLocked(CmpRootKey, &rest, Walk, Volatile, Found, Created);
}

ULONG
CmpFullNameLengthLocked(CMP_KEY *Key)
{
    ULONG length = 0;

    for (; Key != NULL; Key = Key->Parent) {
        length += sizeof(WCHAR) + Key->Name.Length;
    }
    return length;
}

VOID
CmpGetFullNameLocked(CMP_KEY *Key, PWCH Buffer)
{
    PWCH end = Buffer + CmpFullNameLengthLocked(Key) / sizeof(WCHAR);

    for (; Key != NULL; Key = Key->Parent) {
        end -= Key->Name.Length / sizeof(WCHAR);
        RtlCopyMemory(end, Key->Name.Buffer, Key->Name.Length);
        *--end = L'\\';
    }
}

/* ---- values ---- */

CMP_VALUE *
CmpFindValueLocked(CMP_KEY *Key, PCUNICODE_STRING Name)
{
    for (PLIST_ENTRY entry = Key->Values.Flink; entry != &Key->Values; entry = entry->Flink) {
        CMP_VALUE *value = CONTAINING_RECORD(entry, CMP_VALUE, Link);
        if (RtlEqualUnicodeString(&value->Name, Name, TRUE)) {
            return value;
        }
    }
    return NULL;
}

static CMP_VALUE *
CmpAllocateValue(PCUNICODE_STRING Name)
{
    CMP_VALUE *value = ExAllocatePoolWithTag(PagedPool, sizeof(*value) + Name->Length, CMP_TAG);

    if (value == NULL) {
        return NULL;
    }
    RtlZeroMemory(value, sizeof(*value));
    value->Name.Buffer = (PWCH)(value + 1);
    value->Name.Length = Name->Length;
    value->Name.MaximumLength = Name->Length;
    if (Name->Length != 0) { /* the default value of a key has no name */
        RtlCopyMemory(value->Name.Buffer, Name->Buffer, Name->Length);
    }
    return value;
}

NTSTATUS
CmpSetValueLocked(CMP_KEY *Key, PCUNICODE_STRING Name, ULONG Type, const VOID *Data, ULONG Length)
{
    CMP_VALUE *value = CmpFindValueLocked(Key, Name);
    PVOID data = NULL;

    if (Name->Length > CMP_MAX_VALUE_NAME * sizeof(WCHAR)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Length != 0) {
        data = ExAllocatePoolWithTag(PagedPool, Length, CMP_TAG);
        if (data == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        RtlCopyMemory(data, Data, Length);
    }
    if (value == NULL) {
        value = CmpAllocateValue(Name);
        if (value == NULL) {
            if (data != NULL) {
                ExFreePoolWithTag(data, CMP_TAG);
            }
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        InsertTailList(&Key->Values, &value->Link);
        ++Key->ValueCount;
    } else if (value->Data != NULL) {
        ExFreePoolWithTag(value->Data, CMP_TAG);
    }
    value->Type = Type;
    value->Length = Length;
    value->Data = data;
    Key->LastWriteTime.QuadPart = (LONGLONG)HalpSystemTime();
    return STATUS_SUCCESS;
}

VOID
CmpDeleteValueLocked(CMP_KEY *Key, CMP_VALUE *Value)
{
    RemoveEntryList(&Value->Link);
    --Key->ValueCount;
    Key->LastWriteTime.QuadPart = (LONGLONG)HalpSystemTime();
    CmpFreeValue(Value);
}

NTSTATUS
CmpSetClassLocked(CMP_KEY *Key, PCUNICODE_STRING Class)
{
    PWCH buffer = ExAllocatePoolWithTag(PagedPool, Class->Length, CMP_TAG);

    if (buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyMemory(buffer, Class->Buffer, Class->Length);
    Key->Class.Buffer = buffer;
    Key->Class.Length = Class->Length;
    Key->Class.MaximumLength = Class->Length;
    return STATUS_SUCCESS;
}
