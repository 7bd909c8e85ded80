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
#define CMP_SECURITY_CHECK_FAILURE 0x139 /* KERNEL_SECURITY_CHECK_FAILURE */
#define CMP_UNSAFE_REGISTRY_ACCESS 9     /* FAST_FAIL_UNSAFE_REGISTRY_ACCESS */

typedef struct CMP_QUERY {
    HANDLE Top;     /* the key of RelativeTo and Path */
    HANDLE Current; /* Top, or a subkey that an entry opened */
    PVOID Context;
    PCWSTR Environment; /* NAME=value, one behind the other, the last one empty; or NULL */
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

/* ---- environment variables in a REG_EXPAND_SZ ---- */

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

/* The value of a variable, without regard to case. FALSE: there is none of that name. */
static BOOLEAN
CmpFindVariable(PCWSTR Environment, PCWCH Name, SIZE_T Chars, PUNICODE_STRING Value)
{
    for (PCWSTR line = Environment; *line != 0; line += CmpTextLength(line) + 1) {
        SIZE_T end = 1; /* a name may begin with an equals sign: "=C:" */
        while (line[end] != 0 && line[end] != L'=') {
            ++end;
        }
        if (line[end] == L'=' && RtlCompareUnicodeStrings(line, end, Name, Chars, TRUE) == 0) {
            RtlInitUnicodeString(Value, line + end + 1);
            return TRUE;
        }
    }
    return FALSE;
}

/*
 * Puts the values of variables in the place of %NAME%; what is no variable stays as it is. Returns
 * how many characters that are; Target, if not NULL, has room for them.
 */
static SIZE_T
CmpExpandText(PCWSTR Environment, PCWCH Text, SIZE_T Chars, PWCH Target)
{
    SIZE_T written = 0;

    for (SIZE_T i = 0; i < Chars; ++i) {
        UNICODE_STRING value = {sizeof(WCHAR), sizeof(WCHAR), (PWCH)(ULONG_PTR)&Text[i]};
        SIZE_T end = i + 1;
        while (Text[i] == L'%' && end < Chars && Text[end] != L'%') {
            ++end;
        }
        if (Text[i] == L'%' && end < Chars &&
            CmpFindVariable(Environment, &Text[i + 1], end - i - 1, &value)) {
            i = end;
        }
        if (Target != NULL) {
            RtlCopyMemory(Target + written, value.Buffer, value.Length);
        }
        written += value.Length / sizeof(WCHAR);
    }
    return written;
}

/* Presents the expanded text as REG_SZ. */
static NTSTATUS
CmpPresentExpanded(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry, const CMP_DATA *Value)
{
    SIZE_T chars = Value->Length / sizeof(WCHAR);
    SIZE_T size = CmpExpandText(Query->Environment, Value->Data, chars, NULL) * sizeof(WCHAR);
    CMP_DATA expanded = {Value->Name, REG_SZ, NULL, (ULONG)size};
    NTSTATUS status;

    expanded.Data = ExAllocatePoolWithTag(PagedPool, size, CMP_TAG);
    if (expanded.Data == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    CmpExpandText(Query->Environment, Value->Data, chars, expanded.Data);
    status = CmpPresentOne(Query, Entry, &expanded);
    ExFreePoolWithTag(expanded.Data, CMP_TAG);
    return status;
}

static NTSTATUS
CmpPresent(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry, const CMP_DATA *Value)
{
    if ((Entry->Flags & RTL_QUERY_REGISTRY_NOEXPAND) == 0) {
        if (Value->Type == REG_MULTI_SZ) {
            return CmpPresentMulti(Query, Entry, Value);
        }
        if (Value->Type == REG_EXPAND_SZ && CmpHasVariable(Value)) {
            /* Without an environment: drivers must pass NOEXPAND. */
            return Query->Environment != NULL ? CmpPresentExpanded(Query, Entry, Value)
                                              : STATUS_NOT_SUPPORTED;
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

/* The data; a text that was stored without its NUL gets one, CmpReadValue has left room for it. */
static CMP_DATA
CmpDataOf(KEY_VALUE_FULL_INFORMATION *Information, PCWSTR Name)
{
    CMP_DATA value = {Name, Information->Type, Information, Information->DataLength};

    if (value.Length != 0) {
        value.Data = (PUCHAR)Information + Information->DataOffset;
    }
    if (CmpIsStringType(value.Type) && value.Length != 0) {
        ULONG chars = value.Length / sizeof(WCHAR);
        PWCH text = value.Data;
        if (chars == 0 || text[chars - 1] != 0) {
            text[chars++] = 0;
        }
        value.Length = chars * sizeof(WCHAR);
    }
    return value;
}

/* RTL_QUERY_REGISTRY_DELETE, once the value has been presented. TRUE: it is gone. */
static BOOLEAN
CmpDeleteIfAsked(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry, PCWSTR Name)
{
    UNICODE_STRING name;

    if ((Entry->Flags & RTL_QUERY_REGISTRY_DELETE) == 0) {
        return FALSE;
    }
    RtlInitUnicodeString(&name, Name);
    return NT_SUCCESS(ZwDeleteValueKey(Query->Current, &name));
}

static NTSTATUS
CmpQueryNamed(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    KEY_VALUE_FULL_INFORMATION *information;
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
    if (NT_SUCCESS(status)) {
        CmpDeleteIfAsked(Query, Entry, Entry->Name);
    }
    return status;
}

/* Presents value *Index under a copy of its name, with a NUL; *Index: that of the next one. */
static NTSTATUS
CmpPresentEnumerated(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry,
                     KEY_VALUE_FULL_INFORMATION *Information, PULONG Index)
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
    if (!NT_SUCCESS(status) || !CmpDeleteIfAsked(Query, Entry, name)) {
        ++*Index;
    }
    ExFreePoolWithTag(name, CMP_TAG);
    return status;
}

static NTSTATUS
CmpQueryAll(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    BOOLEAN any = FALSE;
    ULONG index = 0; /* of the first value that is neither seen nor deleted */

    for (;;) {
        KEY_VALUE_FULL_INFORMATION *information;
        NTSTATUS status = CmpReadValue(Query->Current, NULL, index, &information);
        if (status == STATUS_NO_MORE_ENTRIES) {
            return !any && (Entry->Flags & RTL_QUERY_REGISTRY_REQUIRED)
                       ? STATUS_OBJECT_NAME_NOT_FOUND
                       : STATUS_SUCCESS;
        }
        if (!NT_SUCCESS(status)) {
            return status;
        }
        any = TRUE;
        status = CmpPresentEnumerated(Query, Entry, information, &index);
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

/* ---- what others may have written: RTL_QUERY_REGISTRY_DIRECT wants TYPECHECK there ---- */

/* The key is in one of the system's hives, which the reference lists. */
static BOOLEAN
CmpIsTrustedLocked(const CMP_KEY *Key)
{
    static const UNICODE_STRING machine = RTL_CONSTANT_STRING(L"Machine");
    static const UNICODE_STRING hives[] = {
        RTL_CONSTANT_STRING(L"Hardware"), RTL_CONSTANT_STRING(L"Software"),
        RTL_CONSTANT_STRING(L"System"),   RTL_CONSTANT_STRING(L"Security"),
        RTL_CONSTANT_STRING(L"Sam"),
    };

    for (; !Key->Deleted && Key->Parent != NULL; Key = Key->Parent) {
        if (Key->Parent->Parent != CmpRootKey ||
            !RtlEqualUnicodeString(&Key->Parent->Name, &machine, TRUE)) {
            continue;
        }
        NT_FOR_EACH (hive, hives) {
            if (RtlEqualUnicodeString(&Key->Name, hive, TRUE)) {
                return TRUE;
            }
        }
    }
    return Key->Deleted; /* each use of it answers STATUS_KEY_DELETED */
}

static VOID
CmpCheckDirect(CMP_QUERY *Query, const RTL_QUERY_REGISTRY_TABLE *Entry)
{
    CMP_KEY_BODY *body;
    BOOLEAN trusted;

    if ((Entry->Flags & RTL_QUERY_REGISTRY_TYPECHECK) != 0 ||
        !NT_SUCCESS(ObReferenceObjectByHandle(Query->Current, 0, CmpKeyObjectType, KernelMode,
                                              (PVOID *)&body, NULL))) {
        return;
    }
    CmpLockShared();
    trusted = CmpIsTrustedLocked(body->Key);
    CmpUnlock();
    ObDereferenceObject(body);
    if (!trusted) {
        KiBugCheckDetail(CMP_SECURITY_CHECK_FAILURE, CMP_UNSAFE_REGISTRY_ACCESS, 0, 0, 0,
                         "RtlQueryRegistryValues with RTL_QUERY_REGISTRY_DIRECT below a key that "
                         "is in no hive of the system: add RTL_QUERY_REGISTRY_TYPECHECK and the "
                         "expected type.");
    }
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
    if (Entry->Flags & RTL_QUERY_REGISTRY_DIRECT) {
        CmpCheckDirect(Query, Entry);
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
 * Environment  NULL, or NAME=value strings one behind the other, the last one empty: for %NAME% in
 *              a REG_EXPAND_SZ, which is then presented as REG_SZ; unknown names stay as they are
 *
 * Errors   STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_BUFFER_TOO_SMALL,
 *          STATUS_OBJECT_TYPE_MISMATCH, what a query routine returns, except
 *          STATUS_BUFFER_TOO_SMALL; processing stops at the first. Bugcheck 0x139:
 *          RTL_QUERY_REGISTRY_DIRECT without TYPECHECK in a hive that is not the system's
 * IRQL     PASSIVE_LEVEL
 * Differs  STATUS_NOT_SUPPORTED without NOEXPAND for a REG_EXPAND_SZ with a % if Environment is
 *          NULL, and for a REG_MULTI_SZ with DIRECT
 *          RTL_REGISTRY_OPTIONAL has no effect: a missing key is STATUS_OBJECT_NAME_NOT_FOUND
 * Source   WDK reference, nf-wdm-rtlqueryregistryvalues
 */
NTSTATUS NTAPI
RtlQueryRegistryValues(ULONG RelativeTo, PCWSTR Path, PRTL_QUERY_REGISTRY_TABLE QueryTable,
                       PVOID Context, PVOID Environment)
{
    NT_ENTER(RtlQueryRegistryValues);
    CMP_QUERY query = {.Context = Context, .Environment = Environment};
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
