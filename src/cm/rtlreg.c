/* SPDX-License-Identifier: MIT
 *
 * cm/rtlreg.c - RtlQueryRegistryValues and the other one-call registry routines
 *
 * Source  WDK reference, wdm.h RtlQueryRegistryValues (flags and the layouts of DIRECT),
 *         RtlWriteRegistryValue, RtlCheckRegistryKey, RtlCreateRegistryKey, RtlDeleteRegistryValue.
 */
#include "cm/cmp.h"

#ifndef RTL_QUERY_REGISTRY_TYPECHECK
#define RTL_QUERY_REGISTRY_TYPECHECK 0x00000100
#define RTL_QUERY_REGISTRY_TYPECHECK_SHIFT 24
#endif
#define CMP_TYPE_MASK 0xFFu

typedef struct CMP_QUERY {
    HANDLE Top;     /* the key of RelativeTo and Path */
    HANDLE Current; /* Top, or a subkey that an entry opened */
    PVOID Context;
} CMP_QUERY;

/* A value as it is presented to an entry. */
typedef struct CMP_DATA {
    PCWSTR Name;
    ULONG Type;
    PVOID Data;
    ULONG Length;
} CMP_DATA;

/* Characters of a terminated text; the host's wcslen counts wider ones. */
static SIZE_T
CmpTextLength(PCWSTR Text)
{
    SIZE_T length = 0;

    while (Text[length] != 0) {
        ++length;
    }
    return length;
}

/* ---- keys by RelativeTo ---- */

static PCWSTR
CmpRelativeRoot(ULONG RelativeTo)
{
    switch (RelativeTo) {
    case RTL_REGISTRY_ABSOLUTE:
        return L"";
    case RTL_REGISTRY_SERVICES:
        return L"\\Registry\\Machine\\System\\CurrentControlSet\\Services";
    case RTL_REGISTRY_CONTROL:
        return L"\\Registry\\Machine\\System\\CurrentControlSet\\Control";
    case RTL_REGISTRY_WINDOWS_NT:
        return L"\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion";
    case RTL_REGISTRY_DEVICEMAP:
        return L"\\Registry\\Machine\\Hardware\\DeviceMap";
    case RTL_REGISTRY_USER:
        return L"\\Registry\\User\\.Default";
    default:
        return NULL;
    }
}

/* The full name in pool memory (CMP_TAG_PATH). */
static NTSTATUS
CmpBuildRelativeName(PCWSTR Root, PCWSTR Path, PUNICODE_STRING Name)
{
    SIZE_T rootChars = CmpTextLength(Root);
    SIZE_T pathChars = Path != NULL ? CmpTextLength(Path) : 0;
    SIZE_T chars = rootChars + 1 + pathChars;

    if ((chars + 1) * sizeof(WCHAR) > MAXUSHORT) {
        return STATUS_NAME_TOO_LONG;
    }
    Name->Buffer = ExAllocatePoolWithTag(PagedPool, (chars + 1) * sizeof(WCHAR), CMP_TAG_PATH);
    if (Name->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyMemory(Name->Buffer, Root, rootChars * sizeof(WCHAR));
    if (rootChars != 0) {
        Name->Buffer[rootChars++] = L'\\';
    }
    RtlCopyMemory(Name->Buffer + rootChars, Path, pathChars * sizeof(WCHAR));
    Name->Length = (USHORT)((rootChars + pathChars) * sizeof(WCHAR));
    Name->MaximumLength = (USHORT)((chars + 1) * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

static BOOLEAN
CmpIsCallersHandle(ULONG RelativeTo)
{
    return (RelativeTo & RTL_REGISTRY_HANDLE) != 0;
}

/* With RTL_REGISTRY_HANDLE, Path is the handle; it stays the caller's (CmpCloseRelative). */
static NTSTATUS
CmpOpenRelative(ULONG RelativeTo, PCWSTR Path, ACCESS_MASK Access, BOOLEAN Create, HANDLE *Key)
{
    PCWSTR root = CmpRelativeRoot(RelativeTo & ~RTL_REGISTRY_OPTIONAL);
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    NTSTATUS status;

    if (CmpIsCallersHandle(RelativeTo)) {
        *Key = (HANDLE)Path;
        return STATUS_SUCCESS;
    }
    if (root == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    status = CmpBuildRelativeName(root, Path, &name);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    status = Create ? ZwCreateKey(Key, Access, &attributes, 0, NULL, 0, NULL)
                    : ZwOpenKey(Key, Access, &attributes);
    ExFreePoolWithTag(name.Buffer, CMP_TAG_PATH);
    return status;
}

static VOID
CmpCloseRelative(ULONG RelativeTo, HANDLE Key)
{
    if (!CmpIsCallersHandle(RelativeTo)) {
        ZwClose(Key);
    }
}

/* ---- RTL_QUERY_REGISTRY_DIRECT ---- */

static BOOLEAN
CmpIsStringType(ULONG Type)
{
    return Type == REG_SZ || Type == REG_EXPAND_SZ || Type == REG_MULTI_SZ;
}

/* EntryContext is a UNICODE_STRING; a NULL Buffer is allocated, for the caller to free. */
static NTSTATUS
CmpStoreString(const CMP_DATA *Value, PUNICODE_STRING String)
{
    ULONG length = Value->Length;

    if (length > MAXUSHORT) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (String->Buffer == NULL) {
        String->Buffer = ExAllocatePoolWithTag(PagedPool, max(length, sizeof(WCHAR)), 'vqtR');
        if (String->Buffer == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        String->MaximumLength = (USHORT)length;
    } else if (String->MaximumLength < length) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    RtlCopyMemory(String->Buffer, Value->Data, length);
    String->Length = (USHORT)(length >= sizeof(WCHAR) ? length - sizeof(WCHAR) : 0);
    return STATUS_SUCCESS;
}

/*
 * Up to a ULONG: stored as it is. More: the buffer begins with a LONG, its size; negative: the data
 * replaces it, otherwise length, type and data are stored.
 */
static NTSTATUS
CmpStoreBinary(const CMP_DATA *Value, PVOID Buffer)
{
    PULONG words = Buffer;
    LONG size;

    if (Value->Length <= sizeof(ULONG)) {
        RtlCopyMemory(Buffer, Value->Data, Value->Length);
        return STATUS_SUCCESS;
    }
    size = *(PLONG)Buffer;
    if (size < 0) {
        if ((ULONG) - (LONGLONG)size < Value->Length) {
            return STATUS_BUFFER_TOO_SMALL;
        }
        RtlCopyMemory(Buffer, Value->Data, Value->Length);
        return STATUS_SUCCESS;
    }
    if ((ULONG)size < 2 * sizeof(ULONG) || (ULONG)size - 2 * sizeof(ULONG) < Value->Length) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    words[0] = Value->Length;
    words[1] = Value->Type;
    RtlCopyMemory(words + 2, Value->Data, Value->Length);
    return STATUS_SUCCESS;
}

/* ---- presenting a value to an entry ---- */

static NTSTATUS
CmpPresentOne(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry, const CMP_DATA *Value)
{
    NTSTATUS status;

    if (Entry->Flags & RTL_QUERY_REGISTRY_DIRECT) {
        return CmpIsStringType(Value->Type) ? CmpStoreString(Value, Entry->EntryContext)
                                            : CmpStoreBinary(Value, Entry->EntryContext);
    }
    status = Entry->QueryRoutine((PWSTR)Value->Name, Value->Type, Value->Data, Value->Length,
                                 Query->Context, Entry->EntryContext);
    return status == STATUS_BUFFER_TOO_SMALL ? STATUS_SUCCESS : status;
}

/* Each string of a REG_MULTI_SZ on its own, as REG_SZ. */
static NTSTATUS
CmpPresentMulti(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry, const CMP_DATA *Value)
{
    PWCH text = Value->Data;
    PWCH end = text + Value->Length / sizeof(WCHAR);
    NTSTATUS status = STATUS_SUCCESS;

    if (Entry->Flags & RTL_QUERY_REGISTRY_DIRECT) {
        return STATUS_NOT_SUPPORTED;
    }
    while (NT_SUCCESS(status) && text < end && *text != 0) {
        PWCH next = text;
        CMP_DATA one = {Value->Name, REG_SZ, text, 0};
        while (next < end && *next++ != 0) {
        }
        one.Length = (ULONG)((PUCHAR)next - (PUCHAR)text);
        status = CmpPresentOne(Query, Entry, &one);
        text = next;
    }
    return status;
}

static BOOLEAN
CmpHasVariable(const CMP_DATA *Value)
{
    PCWCH text = Value->Data;

    for (ULONG i = 0; i < Value->Length / sizeof(WCHAR); ++i) {
        if (text[i] == L'%') {
            return TRUE;
        }
    }
    return FALSE;
}

static NTSTATUS
CmpPresent(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry, const CMP_DATA *Value)
{
    if ((Entry->Flags & RTL_QUERY_REGISTRY_NOEXPAND) == 0) {
        if (Value->Type == REG_MULTI_SZ) {
            return CmpPresentMulti(Query, Entry, Value);
        }
        if (Value->Type == REG_EXPAND_SZ && CmpHasVariable(Value)) {
            return STATUS_NOT_SUPPORTED; /* no environment: drivers must pass NOEXPAND */
        }
    }
    return CmpPresentOne(Query, Entry, Value);
}

/* Length 0 of a default text: counted, with its terminator (two for REG_MULTI_SZ). */
static ULONG
CmpDefaultLength(const RTL_QUERY_REGISTRY_TABLE *Entry, ULONG Type)
{
    PCWSTR text = Entry->DefaultData;
    SIZE_T chars = 0;

    if (Entry->DefaultLength != 0 || !CmpIsStringType(Type) || text == NULL) {
        return Entry->DefaultLength;
    }
    do {
        chars += CmpTextLength(text + chars) + 1;
    } while (Type == REG_MULTI_SZ && text[chars] != 0);
    chars += Type == REG_MULTI_SZ;
    return (ULONG)(chars * sizeof(WCHAR));
}

static NTSTATUS
CmpPresentDefault(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    ULONG type = Entry->DefaultType & CMP_TYPE_MASK;
    CMP_DATA value = {Entry->Name, type, Entry->DefaultData, 0};

    if (Entry->Flags & RTL_QUERY_REGISTRY_REQUIRED) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (type == REG_NONE) {
        return STATUS_SUCCESS;
    }
    value.Length = CmpDefaultLength(Entry, type);
    return CmpPresent(Query, Entry, &value);
}

/* ---- one entry ---- */

/* Reads value Name (or number Index, if Name is NULL) whole; the caller frees *Information. */
static NTSTATUS
CmpReadValue(HANDLE Key, PCWSTR Name, ULONG Index, KEY_VALUE_FULL_INFORMATION **Information)
{
    ULONG length = 256;
    UNICODE_STRING name;
    NTSTATUS status;

    RtlInitUnicodeString(&name, Name);
    for (;;) {
        KEY_VALUE_FULL_INFORMATION *information =
            ExAllocatePoolWithTag(PagedPool, length + sizeof(WCHAR), CMP_TAG);
        if (information == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        status = Name != NULL ? ZwQueryValueKey(Key, &name, KeyValueFullInformation, information,
                                                length, &length)
                              : ZwEnumerateValueKey(Key, Index, KeyValueFullInformation,
                                                    information, length, &length);
        if (NT_SUCCESS(status)) {
            *Information = information;
            return STATUS_SUCCESS;
        }
        ExFreePoolWithTag(information, CMP_TAG);
        if (status != STATUS_BUFFER_OVERFLOW && status != STATUS_BUFFER_TOO_SMALL) {
            return status;
        }
    }
}

static CMP_DATA
CmpDataOf(KEY_VALUE_FULL_INFORMATION *Information, PCWSTR Name)
{
    return (CMP_DATA){Name, Information->Type,
                      Information->DataLength == 0
                          ? (PVOID)Information
                          : (PVOID)((PUCHAR)Information + Information->DataOffset),
                      Information->DataLength};
}

static NTSTATUS
CmpQueryNamed(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    KEY_VALUE_FULL_INFORMATION *information;
    UNICODE_STRING name;
    CMP_DATA value;
    NTSTATUS status = CmpReadValue(Query->Current, Entry->Name, 0, &information);

    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        return CmpPresentDefault(Query, Entry);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    value = CmpDataOf(information, Entry->Name);
    if ((Entry->Flags & RTL_QUERY_REGISTRY_TYPECHECK) &&
        value.Type != Entry->DefaultType >> RTL_QUERY_REGISTRY_TYPECHECK_SHIFT) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    } else {
        status = CmpPresent(Query, Entry, &value);
    }
    ExFreePoolWithTag(information, CMP_TAG);
    if (NT_SUCCESS(status) && (Entry->Flags & RTL_QUERY_REGISTRY_DELETE)) {
        RtlInitUnicodeString(&name, Entry->Name);
        ZwDeleteValueKey(Query->Current, &name);
    }
    return status;
}

/* Moves the name behind the structure's front, so that a terminator fits behind it. */
static NTSTATUS
CmpPresentEnumerated(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry,
                     KEY_VALUE_FULL_INFORMATION *Information)
{
    ULONG chars = Information->NameLength / sizeof(WCHAR);
    PWCH name = ExAllocatePoolWithTag(PagedPool, (chars + 1) * sizeof(WCHAR), CMP_TAG);
    CMP_DATA value;
    NTSTATUS status;

    if (name == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyMemory(name, Information->Name, chars * sizeof(WCHAR));
    name[chars] = 0;
    value = CmpDataOf(Information, name);
    status = CmpPresent(Query, Entry, &value);
    ExFreePoolWithTag(name, CMP_TAG);
    return status;
}

static NTSTATUS
CmpQueryAll(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    for (ULONG index = 0;; ++index) {
        KEY_VALUE_FULL_INFORMATION *information;
        NTSTATUS status = CmpReadValue(Query->Current, NULL, index, &information);
        if (status == STATUS_NO_MORE_ENTRIES) {
            return index == 0 && (Entry->Flags & RTL_QUERY_REGISTRY_REQUIRED)
                       ? STATUS_OBJECT_NAME_NOT_FOUND
                       : STATUS_SUCCESS;
        }
        if (!NT_SUCCESS(status)) {
            return status;
        }
        status = CmpPresentEnumerated(Query, Entry, information);
        ExFreePoolWithTag(information, CMP_TAG);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
}

static VOID
CmpReturnToTop(CMP_QUERY *Query)
{
    if (Query->Current != Query->Top) {
        ZwClose(Query->Current);
        Query->Current = Query->Top;
    }
}

static NTSTATUS
CmpEnterSubKey(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE subKey;
    NTSTATUS status;

    if (Entry->Name == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlInitUnicodeString(&name, Entry->Name);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
                               Query->Top, NULL);
    status = ZwOpenKey(&subKey, KEY_ALL_ACCESS, &attributes);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Query->Current = subKey;
    return Entry->QueryRoutine != NULL ? CmpQueryAll(Query, Entry) : STATUS_SUCCESS;
}

static NTSTATUS
CmpProcessEntry(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    if ((Entry->Flags & RTL_QUERY_REGISTRY_DIRECT) &&
        (Entry->Name == NULL || Entry->QueryRoutine != NULL ||
         (Entry->Flags & RTL_QUERY_REGISTRY_SUBKEY))) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Entry->Flags & (RTL_QUERY_REGISTRY_TOPKEY | RTL_QUERY_REGISTRY_SUBKEY)) {
        CmpReturnToTop(Query);
    }
    if (Entry->Flags & RTL_QUERY_REGISTRY_SUBKEY) {
        return CmpEnterSubKey(Query, Entry);
    }
    if (Entry->QueryRoutine == NULL && (Entry->Flags & RTL_QUERY_REGISTRY_DIRECT) == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Entry->Name != NULL) {
        return CmpQueryNamed(Query, Entry);
    }
    if (Entry->Flags & RTL_QUERY_REGISTRY_NOVALUE) {
        return Entry->QueryRoutine(NULL, REG_NONE, NULL, 0, Query->Context, Entry->EntryContext);
    }
    return CmpQueryAll(Query, Entry);
}

static BOOLEAN
CmpIsLastEntry(const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    return Entry->QueryRoutine == NULL && Entry->Name == NULL &&
           (Entry->Flags & (RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_DIRECT)) == 0;
}

#pragma GCC visibility push(default)

/*
 * RtlQueryRegistryValues - reads the values that a table names
 *
 * Errors   as the WDK lists them; processing stops at the first
 * IRQL     PASSIVE_LEVEL
 * Differs  REG_EXPAND_SZ with a %variable% and DIRECT REG_MULTI_SZ want NOEXPAND, else
 *          STATUS_NOT_SUPPORTED; Environment is not used
 */
NTSTATUS NTAPI
RtlQueryRegistryValues(ULONG RelativeTo, PCWSTR Path, PRTL_QUERY_REGISTRY_TABLE QueryTable,
                       PVOID Context, PVOID Environment)
{
    NT_ENTER(RtlQueryRegistryValues);
    CMP_QUERY query = {.Context = Context};
    NTSTATUS status;

    status = CmpOpenRelative(RelativeTo, Path, KEY_ALL_ACCESS, FALSE, &query.Top);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    query.Current = query.Top;
    while (NT_SUCCESS(status) && !CmpIsLastEntry(QueryTable)) {
        status = CmpProcessEntry(&query, QueryTable++);
    }
    CmpReturnToTop(&query);
    CmpCloseRelative(RelativeTo, query.Top);
    return status;
}

/* Makes the last key of Path if it is missing, then sets the value. */
NTSTATUS NTAPI
RtlWriteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName, ULONG ValueType,
                      PVOID ValueData, ULONG ValueLength)
{
    NT_ENTER(RtlWriteRegistryValue);
    UNICODE_STRING name;
    NTSTATUS status;
    HANDLE key;

    status = CmpOpenRelative(RelativeTo, Path, KEY_SET_VALUE, TRUE, &key);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    RtlInitUnicodeString(&name, ValueName);
    status = ZwSetValueKey(key, &name, 0, ValueType, ValueData, ValueLength);
    CmpCloseRelative(RelativeTo, key);
    return status;
}

NTSTATUS NTAPI
RtlCheckRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    NT_ENTER(RtlCheckRegistryKey);
    NTSTATUS status;
    HANDLE key;

    status = CmpOpenRelative(RelativeTo, Path, KEY_QUERY_VALUE, FALSE, &key);
    if (NT_SUCCESS(status)) {
        CmpCloseRelative(RelativeTo, key);
    }
    return status;
}

NTSTATUS NTAPI
RtlCreateRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    NT_ENTER(RtlCreateRegistryKey);
    NTSTATUS status;
    HANDLE key;

    status = CmpOpenRelative(RelativeTo, Path, KEY_WRITE, TRUE, &key);
    if (NT_SUCCESS(status)) {
        CmpCloseRelative(RelativeTo, key);
    }
    return status;
}

NTSTATUS NTAPI
RtlDeleteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName)
{
    NT_ENTER(RtlDeleteRegistryValue);
    UNICODE_STRING name;
    NTSTATUS status;
    HANDLE key;

    status = CmpOpenRelative(RelativeTo, Path, KEY_SET_VALUE, FALSE, &key);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    RtlInitUnicodeString(&name, ValueName);
    status = ZwDeleteValueKey(key, &name);
    CmpCloseRelative(RelativeTo, key);
    return status;
}

#pragma GCC visibility pop
