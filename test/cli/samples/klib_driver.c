/* SPDX-License-Identifier: MIT
 *
 * klib_driver.c - looks for itself with the auxiliary kernel-mode library, and says what it found
 */
#include <ntddk.h>
#include <aux_klib.h>

#define KLIB_TAG 'bilK'

static VOID
TryErrors(ULONG Size)
{
    AUX_MODULE_EXTENDED_INFO one = {.ImageSize = 12345};
    ULONG small = sizeof(one) - 1;
    ULONG other = Size;
    NTSTATUS status = AuxKlibQueryModuleInformation(&other, sizeof(one) + 1, NULL);

    DbgPrint("klib: wrong element 0x%08X\n", status);
    status = AuxKlibQueryModuleInformation(&small, sizeof(one), &one);
    DbgPrint("klib: too small 0x%08X%s\n", status, one.ImageSize == 12345 ? ", untouched" : "");
}

static VOID
TryRefused(VOID)
{
    KBUGCHECK_DATA data = {.BugCheckDataSize = sizeof(data) - 1};
    NTSTATUS wrong = AuxKlibGetBugCheckData(&data);
    NTSTATUS right;

    data.BugCheckDataSize = sizeof(data);
    right = AuxKlibGetBugCheckData(&data);
    DbgPrint("klib: bugcheck data 0x%08X 0x%08X\n", wrong, right);
    wrong = AuxKlibEnumerateSystemFirmwareTables('ACPI', NULL, 0, &data.BugCheckCode);
    right = AuxKlibGetSystemFirmwareTable('ACPI', 'PCAF', NULL, 0, &data.BugCheckCode);
    DbgPrint("klib: firmware 0x%08X 0x%08X\n", wrong, right);
}

static VOID
FindSelf(const AUX_MODULE_EXTENDED_INFO *Modules, ULONG Count, ULONG_PTR Address)
{
    const AUX_MODULE_EXTENDED_INFO *self = NULL;
    ULONG found = 0;

    for (ULONG i = 0; i < Count; i++) {
        ULONG_PTR base = (ULONG_PTR)Modules[i].BasicInfo.ImageBase;

        if (Address >= base && Address - base < Modules[i].ImageSize) {
            self = &Modules[i];
            found++;
        }
    }
    DbgPrint("klib: %s\n", found == 1 ? "one module has DriverEntry" : "none, or more than one");
    if (self != NULL) {
        DbgPrint("klib: that is %s\n", (const char *)self->FullPathName + self->FileNameOffset);
    }
}

static VOID
Unload(PDRIVER_OBJECT Driver)
{
}

static NTSTATUS
QueryForget(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    *(BOOLEAN *)EntryContext = TRUE;
    return STATUS_SUCCESS;
}

/* The service's value Forget: AuxKlibInitialize is not called. */
static BOOLEAN
Forgets(PUNICODE_STRING RegistryPath)
{
    BOOLEAN forgets = FALSE;
    RTL_QUERY_REGISTRY_TABLE table[] = {
        {.QueryRoutine = QueryForget, .Name = L"Forget", .EntryContext = &forgets},
        {.QueryRoutine = NULL},
    };

    (void)RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, RegistryPath->Buffer, table, NULL, NULL);
    return forgets;
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    AUX_MODULE_EXTENDED_INFO *modules;
    ULONG basic = 0;
    ULONG size = 0;

    Driver->DriverUnload = Unload;
    if (!Forgets(RegistryPath) && !NT_SUCCESS(AuxKlibInitialize())) {
        return STATUS_UNSUCCESSFUL;
    }
    (void)AuxKlibQueryModuleInformation(&basic, sizeof(AUX_MODULE_BASIC_INFO), NULL);
    (void)AuxKlibQueryModuleInformation(&size, sizeof(AUX_MODULE_EXTENDED_INFO), NULL);
    DbgPrint("klib: sizes %s\n", size != 0 && size / sizeof(*modules) == basic / sizeof(PVOID)
                                     ? "agree"
                                     : "do not agree");
    TryErrors(size);
    modules = ExAllocatePool2(POOL_FLAG_PAGED, size, KLIB_TAG);
    if (modules == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(AuxKlibQueryModuleInformation(&size, sizeof(*modules), modules))) {
        FindSelf(modules, size / sizeof(*modules), (ULONG_PTR)DriverEntry);
    }
    ExFreePoolWithTag(modules, KLIB_TAG);
    TryRefused();
    return STATUS_SUCCESS;
}
