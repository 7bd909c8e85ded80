/* SPDX-License-Identifier: MIT
 *
 * cm/service.c - service keys, and values set from outside a driver
 */
#include "cm/cmp.h"

static const UNICODE_STRING CmpServicesPath =
    RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\");

/* Services path, name and a terminator in pool memory. */
static NTSTATUS
CmpBuildServicePath(PCUNICODE_STRING Name, PUNICODE_STRING Path)
{
    SIZE_T length = CmpServicesPath.Length + Name->Length;

    if (length + sizeof(WCHAR) > MAXUSHORT) {
        return STATUS_NAME_TOO_LONG;
    }
    Path->Buffer = ExAllocatePoolWithTag(PagedPool, length + sizeof(WCHAR), CMP_TAG_PATH);
    if (Path->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Path->Length = (USHORT)length;
    Path->MaximumLength = (USHORT)(length + sizeof(WCHAR));
    RtlCopyMemory(Path->Buffer, CmpServicesPath.Buffer, CmpServicesPath.Length);
    RtlCopyMemory((PUCHAR)Path->Buffer + CmpServicesPath.Length, Name->Buffer, Name->Length);
    Path->Buffer[length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

/* Sets a value unless it is there. Text is stored with its terminator, as REG_SZ wants. */
static NTSTATUS
CmpSetMissingLocked(CMP_KEY *Key, PCWSTR Name, ULONG Type, const VOID *Data, ULONG Length)
{
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    if (CmpFindValueLocked(Key, &name) != NULL) {
        return STATUS_SUCCESS;
    }
    return CmpSetValueLocked(Key, &name, Type, Data, Length);
}

static NTSTATUS
CmpSetImagePathLocked(CMP_KEY *Key, PCUNICODE_STRING ImagePath)
{
    ULONG length = ImagePath->Length + sizeof(WCHAR);
    PWCH text = ExAllocatePoolWithTag(PagedPool, length, CMP_TAG);
    NTSTATUS status;

    if (text == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyMemory(text, ImagePath->Buffer, ImagePath->Length);
    text[ImagePath->Length / sizeof(WCHAR)] = 0;
    status = CmpSetMissingLocked(Key, L"ImagePath", REG_EXPAND_SZ, text, length);
    ExFreePoolWithTag(text, CMP_TAG);
    return status;
}

static NTSTATUS
CmpFillServiceKeyLocked(CMP_KEY *Key, PCUNICODE_STRING ImagePath)
{
    static const struct {
        PCWSTR Name;
        ULONG Value;
    } numbers[] = {{L"Type", 1}, {L"Start", 3}, {L"ErrorControl", 1}};
    static const UNICODE_STRING parameters = RTL_CONSTANT_STRING(L"Parameters");
    CMP_KEY *subKey;
    NTSTATUS status = STATUS_SUCCESS;

    NT_FOR_EACH (number, numbers) {
        if (NT_SUCCESS(status)) {
            status = CmpSetMissingLocked(Key, number->Name, REG_DWORD, &number->Value,
                                         sizeof(number->Value));
        }
    }
    if (NT_SUCCESS(status)) {
        status = CmpSetImagePathLocked(Key, ImagePath);
    }
    if (NT_SUCCESS(status)) {
        status = CmpWalkPathLocked(Key, &parameters, CmpWalkCreateLast, FALSE, &subKey, NULL);
    }
    if (NT_SUCCESS(status)) {
        CmpDereferenceKey(subKey);
    }
    return status;
}

NTSTATUS
CmpCreateServiceKey(PCUNICODE_STRING Name, PCUNICODE_STRING ImagePath, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING path;
    CMP_KEY *key;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = CmpBuildServicePath(Name, &path);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    CmpLockExclusive();
    status = CmpWalkNameLocked(&path, CmpWalkCreateLast, FALSE, &key, NULL);
    if (NT_SUCCESS(status)) {
        status = CmpFillServiceKeyLocked(key, ImagePath);
        CmpDereferenceKey(key);
    }
    CmpUnlock();
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(path.Buffer, CMP_TAG_PATH);
        return status;
    }
    *RegistryPath = path;
    return STATUS_SUCCESS;
}

NTSTATUS
CmpSetValue(PCUNICODE_STRING KeyName, PCUNICODE_STRING ValueName, ULONG Type, const VOID *Data,
            ULONG Length)
{
    CMP_KEY *key;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    CmpLockExclusive();
    status = CmpWalkNameLocked(KeyName, CmpWalkCreateAll, FALSE, &key, NULL);
    if (NT_SUCCESS(status)) {
        status = CmpSetValueLocked(key, ValueName, Type, Data, Length);
        CmpDereferenceKey(key);
    }
    CmpUnlock();
    return status;
}
