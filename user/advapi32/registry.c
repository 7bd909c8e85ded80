/* SPDX-License-Identifier: MIT
 *
 * advapi32/registry.c - the registry: keys and values of the kernel in this process
 *
 * The functions return a Win32 error and leave the last error alone. A narrow string value is kept
 * as UTF-16, as on Windows, and comes back in the form that is asked for.
 *
 * Source   SDK reference, nf-winreg-regopenkeyexw and its neighbours; the information structures
 *          are the WDK's (wdm.h KEY_BASIC_INFORMATION and so on).
 */
#include <stdlib.h>
#include <string.h>

#include "kernel32/kernel32.h"
#include <winreg.h>

#define KEY_CLASS_BASIC 0u
#define KEY_CLASS_FULL 2u
#define VALUE_CLASS_FULL 1u
#define VALUE_CLASS_PARTIAL 2u
#define MAXIMUM_KEY_NAME 256u /* units, of one part */

typedef struct KEY_BASIC {
    LARGE_INTEGER LastWriteTime;
    ULONG TitleIndex;
    ULONG NameLength;
    WCHAR Name[];
} KEY_BASIC;

typedef struct KEY_FULL {
    LARGE_INTEGER LastWriteTime;
    ULONG TitleIndex;
    ULONG ClassOffset;
    ULONG ClassLength;
    ULONG SubKeys;
    ULONG MaxNameLen;
    ULONG MaxClassLen;
    ULONG Values;
    ULONG MaxValueNameLen;
    ULONG MaxValueDataLen;
    WCHAR Class[1];
} KEY_FULL;

typedef struct VALUE_PARTIAL {
    ULONG TitleIndex;
    ULONG Type;
    ULONG DataLength;
    UCHAR Data[];
} VALUE_PARTIAL;

typedef struct VALUE_FULL {
    ULONG TitleIndex;
    ULONG Type;
    ULONG DataOffset;
    ULONG DataLength;
    ULONG NameLength;
    WCHAR Name[];
} VALUE_FULL;

static LSTATUS
ErrorOf(NTSTATUS Status)
{
    return NT_SUCCESS(Status) ? ERROR_SUCCESS : (LSTATUS)RtlNtStatusToDosErrorNoTeb(Status);
}

/* ---- names of keys ---- */

/* Where a predefined key lies; NULL: Key is a handle. */
static PCWSTR
PredefinedPath(HKEY Key)
{
    switch ((ULONG)(ULONG_PTR)Key) {
    case 0x80000000u:
        return L"\\Registry\\Machine\\Software\\Classes";
    case 0x80000001u:
        return L"\\Registry\\User\\.Default";
    case 0x80000002u:
        return L"\\Registry\\Machine";
    case 0x80000003u:
        return L"\\Registry\\User";
    case 0x80000005u:
        return L"\\Registry\\Machine\\System\\CurrentControlSet\\Hardware Profiles\\Current";
    default:
        return NULL;
    }
}

typedef struct KEY_NAME {
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    PWSTR Buffer;
} KEY_NAME;

/* Path: below Key, may be NULL or empty. ERROR_BAD_PATHNAME: it begins with a backslash. */
static LSTATUS
BeginName(KEY_NAME *Name, HKEY Key, PCWSTR Path)
{
    PCWSTR base = PredefinedPath(Key);
    size_t baseLength = base != NULL ? NtdllWideLength(base) : 0;
    size_t length = Path != NULL ? NtdllWideLength(Path) : 0;
    size_t at = 0;

    if (length != 0 && Path[0] == L'\\') {
        return ERROR_BAD_PATHNAME;
    }
    if (Key == NULL) {
        return ERROR_INVALID_HANDLE;
    }
    Name->Buffer = malloc((baseLength + length + 2) * sizeof(WCHAR));
    if (Name->Buffer == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    if (base != NULL) {
        memcpy(Name->Buffer, base, baseLength * sizeof(WCHAR));
        at = baseLength;
        if (length != 0) {
            Name->Buffer[at++] = L'\\';
        }
    }
    memcpy(&Name->Buffer[at], Path, length * sizeof(WCHAR));
    at += length;
    while (at != 0 && Name->Buffer[at - 1] == L'\\') {
        at--;
    }
    Name->Buffer[at] = 0;
    RtlInitUnicodeString(&Name->Name, Name->Buffer);
    InitializeObjectAttributes(&Name->Attributes, &Name->Name, OBJ_CASE_INSENSITIVE,
                               base != NULL ? NULL : (HANDLE)Key, NULL);
    return ERROR_SUCCESS;
}

LSTATUS WINAPI
RegOpenKeyExW(HKEY Key, LPCWSTR Path, DWORD Options, REGSAM Access, PHKEY Result)
{
    KEY_NAME name;
    HANDLE handle;
    LSTATUS error;

    if (Result == NULL) {
        return ERROR_INVALID_PARAMETER;
    }
    error = BeginName(&name, Key, Path);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    error =
        ErrorOf(NTDLL_CALL(NtOpenKey)(&handle, Access & ~(REGSAM)KEY_WOW64_RES, &name.Attributes));
    free(name.Buffer);
    if (error == ERROR_SUCCESS) {
        *Result = (HKEY)handle;
    }
    return error;
}

/* Creates what is missing of the path, part by part. */
static NTSTATUS
CreatePath(KEY_NAME *Name, REGSAM Access, ULONG Options, PHANDLE Handle, PULONG Disposition)
{
    USHORT length = Name->Name.Length;
    NTSTATUS status;

    status =
        NTDLL_CALL(NtCreateKey)(Handle, Access, &Name->Attributes, 0, NULL, Options, Disposition);
    if (status != STATUS_OBJECT_NAME_NOT_FOUND && status != STATUS_OBJECT_PATH_NOT_FOUND) {
        return status;
    }
    for (USHORT at = sizeof(WCHAR); at < length; at = (USHORT)(at + sizeof(WCHAR))) {
        ULONG disposition;
        HANDLE part;

        if (Name->Buffer[at / sizeof(WCHAR)] != L'\\') {
            continue;
        }
        Name->Name.Length = at;
        status = NTDLL_CALL(NtCreateKey)(&part, KEY_CREATE_SUB_KEY, &Name->Attributes, 0, NULL,
                                         Options, &disposition);
        if (NT_SUCCESS(status)) {
            NTDLL_CALL(NtClose)(part);
        }
    }
    Name->Name.Length = length;
    return NTDLL_CALL(NtCreateKey)(Handle, Access, &Name->Attributes, 0, NULL, Options,
                                   Disposition);
}

/*
 * RegCreateKeyExW - open a key, or make it, with what is missing above it
 *
 * Class, Security  ignored
 * Options          REG_OPTION_VOLATILE has no effect: every key lives as long as the process
 * Disposition      optional: REG_CREATED_NEW_KEY or REG_OPENED_EXISTING_KEY
 */
LSTATUS WINAPI
RegCreateKeyExW(HKEY Key, LPCWSTR Path, DWORD Reserved, LPWSTR Class, DWORD Options, REGSAM Access,
                const LPSECURITY_ATTRIBUTES Security, PHKEY Result, LPDWORD Disposition)
{
    ULONG disposition;
    KEY_NAME name;
    HANDLE handle;
    LSTATUS error;

    if (Result == NULL || Path == NULL || Reserved != 0) {
        return Path == NULL ? ERROR_BADKEY : ERROR_INVALID_PARAMETER;
    }
    error = BeginName(&name, Key, Path);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    error = ErrorOf(
        CreatePath(&name, Access & ~(REGSAM)KEY_WOW64_RES, Options & 1, &handle, &disposition));
    free(name.Buffer);
    if (error == ERROR_SUCCESS) {
        *Result = (HKEY)handle;
        if (Disposition != NULL) {
            *Disposition = disposition;
        }
    }
    return error;
}

LSTATUS WINAPI
RegCloseKey(HKEY Key)
{
    if (PredefinedPath(Key) != NULL) {
        return ERROR_SUCCESS;
    }
    return ErrorOf(NTDLL_CALL(NtClose)((HANDLE)Key));
}

/* Everything is in memory only. */
LSTATUS WINAPI
RegFlushKey(HKEY Key)
{
    KEY_FULL full;
    ULONG needed;
    HKEY key = Key;
    LSTATUS error = PredefinedPath(Key) != NULL ? RegOpenKeyExW(Key, NULL, 0, KEY_QUERY_VALUE, &key)
                                                : ERROR_SUCCESS;

    if (error == ERROR_SUCCESS) {
        NTSTATUS status =
            NTDLL_CALL(NtQueryKey)((HANDLE)key, KEY_CLASS_FULL, &full, sizeof(full), &needed);

        error = status == STATUS_BUFFER_OVERFLOW ? ERROR_SUCCESS : ErrorOf(status);
    }
    if (key != Key) {
        RegCloseKey(key);
    }
    return error;
}

/* A handle for the calls that need one: a predefined key is opened, to be closed by EndKey. */
static LSTATUS
BeginKey(HKEY Key, REGSAM Access, HKEY *Handle)
{
    *Handle = Key;
    return PredefinedPath(Key) != NULL ? RegOpenKeyExW(Key, NULL, 0, Access, Handle)
                                       : ERROR_SUCCESS;
}

static VOID
EndKey(HKEY Key, HKEY Handle)
{
    if (Handle != Key) {
        RegCloseKey(Handle);
    }
}

/* ---- values ---- */

LSTATUS WINAPI
RegSetValueExW(HKEY Key, LPCWSTR Name, DWORD Reserved, DWORD Type, const BYTE *Data, DWORD Size)
{
    UNICODE_STRING name;
    LSTATUS error;
    HKEY key;

    if (Data == NULL && Size != 0) {
        return ERROR_NOACCESS;
    }
    error = BeginKey(Key, KEY_SET_VALUE, &key);
    if (error == ERROR_SUCCESS) {
        RtlInitUnicodeString(&name, Name);
        error = ErrorOf(NTDLL_CALL(NtSetValueKey)((HANDLE)key, &name, 0, Type, (PVOID)Data, Size));
        EndKey(Key, key);
    }
    return error;
}

/* The whole value, from malloc. */
static LSTATUS
ReadValue(HKEY Key, LPCWSTR Name, VALUE_PARTIAL **Value)
{
    ULONG size = sizeof(VALUE_PARTIAL) + 256;
    UNICODE_STRING name;
    NTSTATUS status;
    LSTATUS error;
    ULONG needed;
    HKEY key;

    error = BeginKey(Key, KEY_QUERY_VALUE, &key);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    RtlInitUnicodeString(&name, Name);
    for (;;) {
        *Value = malloc(size);
        status = *Value == NULL
                     ? STATUS_NO_MEMORY
                     : NTDLL_CALL(NtQueryValueKey)((HANDLE)key, &name, VALUE_CLASS_PARTIAL, *Value,
                                                   size, &needed);
        if (status != STATUS_BUFFER_OVERFLOW && status != STATUS_BUFFER_TOO_SMALL) {
            break;
        }
        free(*Value);
        size = needed;
    }
    EndKey(Key, key);
    if (!NT_SUCCESS(status)) {
        free(*Value);
    }
    return ErrorOf(status);
}

/* How RegQueryValueEx gives bytes: *Size in and out; ERROR_MORE_DATA with what is needed. */
static LSTATUS
ReturnData(const VOID *Source, ULONG Length, LPBYTE Data, LPDWORD Size)
{
    LSTATUS error = ERROR_SUCCESS;

    if (Size != NULL) {
        if (Data != NULL && *Size < Length) {
            error = ERROR_MORE_DATA;
        } else if (Data != NULL) {
            memcpy(Data, Source, Length);
        }
        *Size = Length;
    }
    return error;
}

/*
 * RegQueryValueExW - a value of a key
 *
 * Errors   ERROR_FILE_NOT_FOUND; ERROR_MORE_DATA (*Size says what is needed);
 *          ERROR_INVALID_PARAMETER (Data without Size)
 */
LSTATUS WINAPI
RegQueryValueExW(HKEY Key, LPCWSTR Name, LPDWORD Reserved, LPDWORD Type, LPBYTE Data, LPDWORD Size)
{
    VALUE_PARTIAL *value;
    LSTATUS error;

    if (Reserved != NULL || (Data != NULL && Size == NULL)) {
        return ERROR_INVALID_PARAMETER;
    }
    error = ReadValue(Key, Name, &value);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    if (Type != NULL) {
        *Type = value->Type;
    }
    error = ReturnData(value->Data, value->DataLength, Data, Size);
    free(value);
    return error;
}

static BOOLEAN
IsText(DWORD Type)
{
    return Type == REG_SZ || Type == REG_EXPAND_SZ || Type == REG_MULTI_SZ;
}

LSTATUS WINAPI
RegQueryValueExA(HKEY Key, LPCSTR Name, LPDWORD Reserved, LPDWORD Type, LPBYTE Data, LPDWORD Size)
{
    PWSTR name = NtdllWiden(Name);
    VALUE_PARTIAL *value;
    LSTATUS error;

    if (Reserved != NULL || (Data != NULL && Size == NULL)) {
        free(name);
        return ERROR_INVALID_PARAMETER;
    }
    error = ReadValue(Key, name, &value);
    free(name);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    if (Type != NULL) {
        *Type = value->Type;
    }
    if (IsText(value->Type)) {
        PCWSTR text = (PCWSTR)(PVOID)value->Data;
        size_t units = value->DataLength / sizeof(WCHAR);
        size_t bytes = NtdllUtf16ToUtf8(NULL, 0, text, units, 0);
        char *narrow = malloc(bytes + 1);

        error = ERROR_NOT_ENOUGH_MEMORY;
        if (narrow != NULL) {
            NtdllUtf16ToUtf8(narrow, bytes, text, units, 0);
            error = ReturnData(narrow, (ULONG)bytes, Data, Size);
            free(narrow);
        }
    } else {
        error = ReturnData(value->Data, value->DataLength, Data, Size);
    }
    free(value);
    return error;
}

LSTATUS WINAPI
RegSetValueExA(HKEY Key, LPCSTR Name, DWORD Reserved, DWORD Type, const BYTE *Data, DWORD Size)
{
    PWSTR name = NtdllWiden(Name);
    LSTATUS error;

    if (IsText(Type) && Data != NULL) {
        size_t units = NtdllUtf8ToUtf16(NULL, 0, (const char *)Data, Size, 0);
        PWSTR text = malloc((units + 1) * sizeof(WCHAR));

        error = ERROR_NOT_ENOUGH_MEMORY;
        if (text != NULL) {
            NtdllUtf8ToUtf16(text, units, (const char *)Data, Size, 0);
            error = RegSetValueExW(Key, name, Reserved, Type, (const BYTE *)text,
                                   (DWORD)(units * sizeof(WCHAR)));
            free(text);
        }
    } else {
        error = RegSetValueExW(Key, name, Reserved, Type, Data, Size);
    }
    free(name);
    return error;
}

LSTATUS WINAPI
RegDeleteValueW(HKEY Key, LPCWSTR Name)
{
    UNICODE_STRING name;
    LSTATUS error;
    HKEY key;

    error = BeginKey(Key, KEY_SET_VALUE, &key);
    if (error == ERROR_SUCCESS) {
        RtlInitUnicodeString(&name, Name);
        error = ErrorOf(NTDLL_CALL(NtDeleteValueKey)((HANDLE)key, &name));
        EndKey(Key, key);
    }
    return error;
}

/* ---- enumerating ---- */

/* A name of Units units to a caller's buffer, whose size does not count the NUL on return. */
static LSTATUS
ReturnName(PCWSTR Name, ULONG Units, LPWSTR Buffer, LPDWORD Size)
{
    if (*Size <= Units) {
        return ERROR_MORE_DATA;
    }
    memcpy(Buffer, Name, Units * sizeof(WCHAR));
    Buffer[Units] = 0;
    *Size = Units;
    return ERROR_SUCCESS;
}

/* RegEnumKeyExW - ERROR_NO_MORE_ITEMS behind the last; Class comes back empty */
LSTATUS WINAPI
RegEnumKeyExW(HKEY Key, DWORD Index, LPWSTR Name, LPDWORD NameSize, LPDWORD Reserved, LPWSTR Class,
              LPDWORD ClassSize, PFILETIME LastWrite)
{
    union {
        KEY_BASIC Basic;
        UCHAR Room[sizeof(KEY_BASIC) + MAXIMUM_KEY_NAME * sizeof(WCHAR)];
    } answer;
    LSTATUS error;
    ULONG needed;
    HKEY key;

    if (Name == NULL || NameSize == NULL || Reserved != NULL) {
        return ERROR_INVALID_PARAMETER;
    }
    error = BeginKey(Key, KEY_ENUMERATE_SUB_KEYS, &key);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    error = ErrorOf(NTDLL_CALL(NtEnumerateKey)((HANDLE)key, Index, KEY_CLASS_BASIC, &answer,
                                               sizeof(answer), &needed));
    EndKey(Key, key);
    if (error == ERROR_SUCCESS) {
        error = ReturnName(answer.Basic.Name, answer.Basic.NameLength / (ULONG)sizeof(WCHAR), Name,
                           NameSize);
    }
    if (error == ERROR_SUCCESS && LastWrite != NULL) {
        LastWrite->dwLowDateTime = answer.Basic.LastWriteTime.LowPart;
        LastWrite->dwHighDateTime = (DWORD)answer.Basic.LastWriteTime.HighPart;
    }
    if (error == ERROR_SUCCESS && Class != NULL && ClassSize != NULL && *ClassSize != 0) {
        Class[0] = 0;
        *ClassSize = 0;
    }
    return error;
}

/* The value at Index, from malloc. */
static LSTATUS
ReadValueAt(HKEY Key, DWORD Index, VALUE_FULL **Value)
{
    ULONG size = sizeof(VALUE_FULL) + 512;
    NTSTATUS status;
    LSTATUS error;
    ULONG needed;
    HKEY key;

    error = BeginKey(Key, KEY_QUERY_VALUE, &key);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    for (;;) {
        *Value = malloc(size);
        status = *Value == NULL ? STATUS_NO_MEMORY
                                : NTDLL_CALL(NtEnumerateValueKey)(
                                      (HANDLE)key, Index, VALUE_CLASS_FULL, *Value, size, &needed);
        if (status != STATUS_BUFFER_OVERFLOW && status != STATUS_BUFFER_TOO_SMALL) {
            break;
        }
        free(*Value);
        size = needed;
    }
    EndKey(Key, key);
    if (!NT_SUCCESS(status)) {
        free(*Value);
    }
    return ErrorOf(status);
}

LSTATUS WINAPI
RegEnumValueW(HKEY Key, DWORD Index, LPWSTR Name, LPDWORD NameSize, LPDWORD Reserved, LPDWORD Type,
              LPBYTE Data, LPDWORD Size)
{
    VALUE_FULL *value;
    LSTATUS error;

    if (Name == NULL || NameSize == NULL || Reserved != NULL || (Data != NULL && Size == NULL)) {
        return ERROR_INVALID_PARAMETER;
    }
    error = ReadValueAt(Key, Index, &value);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    error = ReturnName(value->Name, value->NameLength / (ULONG)sizeof(WCHAR), Name, NameSize);
    if (error == ERROR_SUCCESS) {
        if (Type != NULL) {
            *Type = value->Type;
        }
        error = ReturnData((UCHAR *)value + value->DataOffset, value->DataLength, Data, Size);
    }
    free(value);
    return error;
}

/* RegQueryInfoKeyW - counts and greatest lengths, in units without NUL; every pointer is optional
 */
LSTATUS WINAPI
RegQueryInfoKeyW(HKEY Key, LPWSTR Class, LPDWORD ClassSize, LPDWORD Reserved, LPDWORD SubKeys,
                 LPDWORD MaxSubKey, LPDWORD MaxClass, LPDWORD Values, LPDWORD MaxValueName,
                 LPDWORD MaxValue, LPDWORD Security, PFILETIME LastWrite)
{
    KEY_FULL full;
    NTSTATUS status;
    LSTATUS error;
    ULONG needed;
    HKEY key;

    error = BeginKey(Key, KEY_QUERY_VALUE, &key);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    status = NTDLL_CALL(NtQueryKey)((HANDLE)key, KEY_CLASS_FULL, &full, sizeof(full), &needed);
    EndKey(Key, key);
    if (!NT_SUCCESS(status) && status != STATUS_BUFFER_OVERFLOW) {
        return ErrorOf(status);
    }
    if (Class != NULL && ClassSize != NULL && *ClassSize != 0) {
        Class[0] = 0;
        *ClassSize = 0;
    }
    const struct {
        LPDWORD Target;
        DWORD Value;
    } rows[] = {{SubKeys, full.SubKeys},
                {MaxSubKey, full.MaxNameLen / (DWORD)sizeof(WCHAR)},
                {MaxClass, 0},
                {Values, full.Values},
                {MaxValueName, full.MaxValueNameLen / (DWORD)sizeof(WCHAR)},
                {MaxValue, full.MaxValueDataLen},
                {Security, 0}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].Target != NULL) {
            *rows[i].Target = rows[i].Value;
        }
    }
    if (LastWrite != NULL) {
        LastWrite->dwLowDateTime = full.LastWriteTime.LowPart;
        LastWrite->dwHighDateTime = (DWORD)full.LastWriteTime.HighPart;
    }
    return ERROR_SUCCESS;
}

/* ---- deleting ---- */

/* RegDeleteKeyW - a key without subkeys; ERROR_ACCESS_DENIED when it has some */
LSTATUS WINAPI
RegDeleteKeyW(HKEY Key, LPCWSTR Path)
{
    LSTATUS error;
    HKEY key;

    if (Path == NULL) {
        return ERROR_INVALID_PARAMETER;
    }
    error = RegOpenKeyExW(Key, Path, 0, DELETE, &key);
    if (error == ERROR_SUCCESS) {
        error = ErrorOf(NTDLL_CALL(NtDeleteKey)((HANDLE)key));
        RegCloseKey(key);
    }
    return error;
}

LSTATUS WINAPI
RegDeleteKeyExW(HKEY Key, LPCWSTR Path, REGSAM View, DWORD Reserved)
{
    return Reserved != 0 ? ERROR_INVALID_PARAMETER : RegDeleteKeyW(Key, Path);
}

/* RegDeleteTreeW - the subkeys and values of a key; the key itself too, when Path names it */
LSTATUS WINAPI
RegDeleteTreeW(HKEY Key, LPCWSTR Path)
{
    WCHAR name[MAXIMUM_KEY_NAME + 1];
    DWORD size = MAXIMUM_KEY_NAME + 1;
    LSTATUS error;
    HKEY key;

    error = RegOpenKeyExW(Key, Path, 0, KEY_READ | KEY_SET_VALUE | DELETE, &key);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    while (error == ERROR_SUCCESS &&
           (error = RegEnumKeyExW(key, 0, name, &size, NULL, NULL, NULL, NULL)) == ERROR_SUCCESS) {
        error = RegDeleteTreeW(key, name);
        size = MAXIMUM_KEY_NAME + 1;
    }
    error = error == ERROR_NO_MORE_ITEMS ? ERROR_SUCCESS : error;
    if (error == ERROR_SUCCESS && Path != NULL) {
        error = ErrorOf(NTDLL_CALL(NtDeleteKey)((HANDLE)key));
    }
    while (error == ERROR_SUCCESS && Path == NULL) {
        VALUE_FULL *value;

        if (ReadValueAt(key, 0, &value) != ERROR_SUCCESS) {
            break;
        }
        UNICODE_STRING text = {(USHORT)value->NameLength, (USHORT)value->NameLength, value->Name};
        error = ErrorOf(NTDLL_CALL(NtDeleteValueKey)((HANDLE)key, &text));
        free(value);
    }
    RegCloseKey(key);
    return error;
}

/* ---- narrow forms ---- */

LSTATUS WINAPI
RegOpenKeyExA(HKEY Key, LPCSTR Path, DWORD Options, REGSAM Access, PHKEY Result)
{
    PWSTR path = NtdllWiden(Path);
    LSTATUS error = RegOpenKeyExW(Key, path, Options, Access, Result);

    free(path);
    return error;
}

LSTATUS WINAPI
RegCreateKeyExA(HKEY Key, LPCSTR Path, DWORD Reserved, LPSTR Class, DWORD Options, REGSAM Access,
                const LPSECURITY_ATTRIBUTES Security, PHKEY Result, LPDWORD Disposition)
{
    PWSTR path = NtdllWiden(Path);
    LSTATUS error =
        RegCreateKeyExW(Key, path, Reserved, NULL, Options, Access, Security, Result, Disposition);

    free(path);
    return error;
}

LSTATUS WINAPI
RegDeleteKeyA(HKEY Key, LPCSTR Path)
{
    PWSTR path = NtdllWiden(Path);
    LSTATUS error = RegDeleteKeyW(Key, path);

    free(path);
    return error;
}

LSTATUS WINAPI
RegDeleteKeyExA(HKEY Key, LPCSTR Path, REGSAM View, DWORD Reserved)
{
    return Reserved != 0 ? ERROR_INVALID_PARAMETER : RegDeleteKeyA(Key, Path);
}

LSTATUS WINAPI
RegDeleteTreeA(HKEY Key, LPCSTR Path)
{
    PWSTR path = NtdllWiden(Path);
    LSTATUS error = RegDeleteTreeW(Key, path);

    free(path);
    return error;
}

LSTATUS WINAPI
RegDeleteValueA(HKEY Key, LPCSTR Name)
{
    PWSTR name = NtdllWiden(Name);
    LSTATUS error = RegDeleteValueW(Key, name);

    free(name);
    return error;
}

LSTATUS WINAPI
RegEnumKeyExA(HKEY Key, DWORD Index, LPSTR Name, LPDWORD NameSize, LPDWORD Reserved, LPSTR Class,
              LPDWORD ClassSize, PFILETIME LastWrite)
{
    WCHAR wide[MAXIMUM_KEY_NAME + 1];
    DWORD units = MAXIMUM_KEY_NAME + 1;
    LSTATUS error;
    size_t bytes;

    if (Name == NULL || NameSize == NULL) {
        return ERROR_INVALID_PARAMETER;
    }
    error = RegEnumKeyExW(Key, Index, wide, &units, Reserved, NULL, NULL, LastWrite);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    bytes = NtdllUtf16ToUtf8(NULL, 0, wide, units, 0);
    if (bytes >= *NameSize) {
        return ERROR_MORE_DATA;
    }
    NtdllUtf16ToUtf8(Name, bytes, wide, units, 0);
    Name[bytes] = '\0';
    *NameSize = (DWORD)bytes;
    if (Class != NULL && ClassSize != NULL && *ClassSize != 0) {
        Class[0] = '\0';
        *ClassSize = 0;
    }
    return ERROR_SUCCESS;
}
