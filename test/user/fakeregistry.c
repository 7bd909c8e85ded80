/* SPDX-License-Identifier: MIT
 *
 * test/user/fakeregistry.c - keys by their full names, without order or security
 */
#include <stdlib.h>
#include <string.h>

#include "fakeregistry.h"

typedef struct FAKE_VALUE {
    struct FAKE_VALUE *Next;
    WCHAR Name[64];
    ULONG Type;
    ULONG Length;
    UCHAR Data[512];
} FAKE_VALUE;

typedef struct FAKE_KEY {
    WCHAR Name[256];
    FAKE_VALUE *Values;
} FAKE_KEY;

static FAKE_KEY Keys[32]; /* a key's handle is its index and 0x100; Name[0] == 0: none */
NTSTATUS FakeSetValueStatus;

static FAKE_KEY *
Find(PCWSTR Name)
{
    for (size_t i = 0; i < ARRAYSIZE(Keys); i++) {
        if (Keys[i].Name[0] != 0 && lstrcmpiW(Keys[i].Name, Name) == 0) {
            return &Keys[i];
        }
    }
    return NULL;
}

static HANDLE
HandleOf(FAKE_KEY *Key)
{
    return (HANDLE)(ULONG_PTR)(0x100 + 4 * (Key - Keys));
}

static FAKE_KEY *
KeyOf(HANDLE Handle)
{
    return &Keys[((ULONG_PTR)Handle - 0x100) / 4];
}

static VOID
Copy(WCHAR *Target, const UNICODE_STRING *Source)
{
    memcpy(Target, Source->Buffer, Source->Length);
    Target[Source->Length / sizeof(WCHAR)] = 0;
}

static NTSTATUS
FakeOpenKey(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    WCHAR name[256];
    FAKE_KEY *key;

    Copy(name, Attributes->ObjectName);
    key = Find(name);
    if (key != NULL) {
        *Handle = HandleOf(key);
    }
    return key != NULL ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

static NTSTATUS
FakeCreateKey(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, ULONG TitleIndex,
              PUNICODE_STRING Class, ULONG Options, PULONG Disposition)
{
    NTSTATUS status = FakeOpenKey(Handle, Access, Attributes);

    *Disposition = NT_SUCCESS(status) ? 2 : 1;
    for (size_t i = 0; i < ARRAYSIZE(Keys) && !NT_SUCCESS(status); i++) {
        if (Keys[i].Name[0] == 0) {
            Copy(Keys[i].Name, Attributes->ObjectName);
            *Handle = HandleOf(&Keys[i]);
            status = STATUS_SUCCESS;
        }
    }
    return status;
}

static NTSTATUS
FakeDeleteKey(HANDLE Handle)
{
    FAKE_KEY *key = KeyOf(Handle);

    while (key->Values != NULL) {
        FAKE_VALUE *value = key->Values;

        key->Values = value->Next;
        free(value);
    }
    key->Name[0] = 0;
    return STATUS_SUCCESS;
}

static FAKE_VALUE *
FindValue(FAKE_KEY *Key, PUNICODE_STRING Name)
{
    FAKE_VALUE *value = Key->Values;
    WCHAR name[64];

    Copy(name, Name);
    while (value != NULL && lstrcmpiW(value->Name, name) != 0) {
        value = value->Next;
    }
    return value;
}

static NTSTATUS
FakeSetValueKey(HANDLE Handle, PUNICODE_STRING Name, ULONG TitleIndex, ULONG Type, PVOID Data,
                ULONG Length)
{
    FAKE_KEY *key = KeyOf(Handle);
    FAKE_VALUE *value = FindValue(key, Name);
    NTSTATUS status = FakeSetValueStatus;

    FakeSetValueStatus = STATUS_SUCCESS;
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (value == NULL) {
        value = calloc(1, sizeof(*value));
        Copy(value->Name, Name);
        value->Next = key->Values;
        key->Values = value;
    }
    value->Type = Type;
    value->Length = Length;
    memcpy(value->Data, Data, Length);
    return STATUS_SUCCESS;
}

/* KeyValuePartialInformation: title, type, length, data. */
static NTSTATUS
FakeQueryValueKey(HANDLE Handle, PUNICODE_STRING Name, ULONG Class, PVOID Buffer, ULONG Length,
                  PULONG Needed)
{
    FAKE_VALUE *value = FindValue(KeyOf(Handle), Name);
    ULONG *answer = Buffer;

    if (value == NULL) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    *Needed = 3 * sizeof(ULONG) + value->Length;
    if (Length < *Needed) {
        return STATUS_BUFFER_OVERFLOW;
    }
    answer[0] = 0;
    answer[1] = value->Type;
    answer[2] = value->Length;
    memcpy(&answer[3], value->Data, value->Length);
    return STATUS_SUCCESS;
}

static NTSTATUS
FakeEnumerateKey(HANDLE Handle, ULONG Index, ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed)
{
    return STATUS_NO_MORE_ENTRIES;
}

static NTSTATUS
FakeClose(HANDLE Handle)
{
    return STATUS_SUCCESS;
}

BOOLEAN
FakeKeyExists(PCWSTR Name)
{
    return Find(Name) != NULL;
}

VOID
InstallFakeRegistry(VOID)
{
    FakeGate.NtOpenKey = FakeOpenKey;
    FakeGate.NtCreateKey = FakeCreateKey;
    FakeGate.NtDeleteKey = FakeDeleteKey;
    FakeGate.NtSetValueKey = FakeSetValueKey;
    FakeGate.NtQueryValueKey = FakeQueryValueKey;
    FakeGate.NtEnumerateKey = FakeEnumerateKey;
    FakeGate.NtClose = FakeClose;
}
