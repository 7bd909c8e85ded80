/* SPDX-License-Identifier: MIT
 *
 * ldr/zw.c - ZwLoadDriver and ZwUnloadDriver: drivers by their service key
 */
#include "ldr/ldrp.h"

static const UNICODE_STRING LdrpImagePath = RTL_CONSTANT_STRING(L"ImagePath");
static const UNICODE_STRING LdrpServices =
    RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\");

/* UTF-8 into Buffer, NUL-terminated. */
static NTSTATUS
LdrpToUtf8(PCWCH Text, ULONG Length, char *Buffer, ULONG Size)
{
    ULONG bytes = 0;
    NTSTATUS status = RtlUnicodeToUTF8N(Buffer, Size - 1, &bytes, Text, Length);

    if (NT_SUCCESS(status)) {
        Buffer[bytes] = 0;
    }
    return status;
}

/* The part behind the key of services; NOT_SUPPORTED: a key elsewhere. */
static NTSTATUS
LdrpServiceName(PUNICODE_STRING KeyName, char Name[LDRP_MAX_NAME])
{
    ULONG end = KeyName->Length / sizeof(WCHAR);
    ULONG start = LdrpServices.Length / sizeof(WCHAR);

    if (!RtlPrefixUnicodeString(&LdrpServices, KeyName, TRUE)) {
        return STATUS_NOT_SUPPORTED;
    }
    for (ULONG i = start; i < end; ++i) {
        if (KeyName->Buffer[i] == L'\\') {
            return STATUS_NOT_SUPPORTED;
        }
    }
    if (start == end) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    return LdrpToUtf8(KeyName->Buffer + start, (end - start) * sizeof(WCHAR), Name, LDRP_MAX_NAME);
}

/* The file of the key's ImagePath. */
static NTSTATUS
LdrpReadImagePath(PUNICODE_STRING KeyName, char *Path, ULONG Size)
{
    const ULONG length = FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data) + 2048;
    KEY_VALUE_PARTIAL_INFORMATION *value;
    OBJECT_ATTRIBUTES attributes;
    char image[1024];
    ULONG returned;
    NTSTATUS status;
    PWCH text;
    ULONG chars;
    HANDLE key;

    InitializeObjectAttributes(&attributes, KeyName, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    status = ZwOpenKey(&key, KEY_QUERY_VALUE, &attributes);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    value = ExAllocatePoolWithTag(PagedPool, length, LDRP_TAG);
    if (value == NULL) {
        ZwClose(key);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = ZwQueryValueKey(key, (PUNICODE_STRING)&LdrpImagePath, KeyValuePartialInformation,
                             value, length, &returned);
    ZwClose(key);
    if (NT_SUCCESS(status)) {
        text = (PWCH)value->Data;
        chars = value->DataLength / sizeof(WCHAR);
        while (chars > 0 && text[chars - 1] == 0) {
            --chars;
        }
        status = LdrpToUtf8(text, chars * sizeof(WCHAR), image, sizeof(image));
    }
    if (NT_SUCCESS(status)) {
        status = LdrpFindImage(image, Path, Size);
    }
    ExFreePoolWithTag(value, LDRP_TAG);
    return status;
}

NTSTATUS
LdrpUnloadByName(const char *Name)
{
    PDRIVER_OBJECT driver = LdrpFindDriverByName(Name);

    return driver != NULL ? LdrpUnloadDriver(driver) : STATUS_OBJECT_NAME_NOT_FOUND;
}

#pragma GCC visibility push(default)

/*
 * ZwLoadDriver - loads the driver of a service key
 *
 * DriverServiceName  \Registry\Machine\System\CurrentControlSet\Services\<Name>
 *
 * Errors   those of LdrpLoadDriver; STATUS_OBJECT_NAME_NOT_FOUND without the key or its ImagePath;
 *          STATUS_NAME_TOO_LONG: of more than 63 bytes
 * IRQL     PASSIVE_LEVEL
 * Differs  ImagePath is looked for as imagepath.c says; the privilege is not checked;
 *          STATUS_NOT_SUPPORTED for a key that lies elsewhere
 */
NTSTATUS NTAPI
ZwLoadDriver(PUNICODE_STRING DriverServiceName)
{
    NT_ENTER(ZwLoadDriver);
    char path[1024];
    char name[LDRP_MAX_NAME];
    NTSTATUS status;

    status = LdrpServiceName(DriverServiceName, name);
    if (NT_SUCCESS(status)) {
        status = LdrpReadImagePath(DriverServiceName, path, sizeof(path));
    }
    return NT_SUCCESS(status) ? LdrpLoadNamed(path, name, NULL) : status;
}

/*
 * ZwUnloadDriver - unloads the driver of a service key
 *
 * Errors   STATUS_INVALID_DEVICE_REQUEST: it has no DriverUnload, or is a driver of plug and play
 *          devices (it has an AddDevice routine); STATUS_OBJECT_NAME_NOT_FOUND: not loaded
 * IRQL     PASSIVE_LEVEL
 * Differs  STATUS_DEVICE_BUSY while a file of one of its devices is open; STATUS_NOT_SUPPORTED for
 *          a key that is none of CurrentControlSet\Services
 * Source   WDK reference, nf-wdm-zwunloaddriver
 */
NTSTATUS NTAPI
ZwUnloadDriver(PUNICODE_STRING DriverServiceName)
{
    NT_ENTER(ZwUnloadDriver);
    PDRIVER_OBJECT driver;
    char name[LDRP_MAX_NAME];
    NTSTATUS status;

    status = LdrpServiceName(DriverServiceName, name);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    driver = LdrpFindDriverByName(name);
    if (driver == NULL) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (driver->DriverExtension->AddDevice != NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    return LdrpUnloadDriver(driver);
}

#pragma GCC visibility pop
