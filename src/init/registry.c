/* SPDX-License-Identifier: MIT
 *
 * init/registry.c - the registry for programs
 *
 * cm serves kernel callers. Here what a program hands over is read once into kernel memory, the
 * access that its handle was granted is looked at, cm is asked, and the answer is copied back.
 *
 * Source   WDK reference, wdm.h ZwCreateKey, ZwOpenKey, ZwDeleteKey, ZwQueryKey, ZwEnumerateKey,
 *          ZwQueryValueKey, ZwEnumerateValueKey, ZwSetValueKey, ZwDeleteValueKey.
 */
#include "init/initp.h"
#include "mm/client.h"

#define INITP_TAG_REGISTRY 0x67655249u /* 'IReg' */
#define INITP_VALUE_LIMIT 0x100000u    /* bytes of a value, and of an answer */
#define INITP_DELETE 0x00010000u       /* DELETE */

/* The caller's handle is one of a key, with this access. */
static NTSTATUS
InitpCheckKey(HANDLE Handle, ACCESS_MASK Access)
{
    PVOID key;
    NTSTATUS status;

    /* cm looks at the handle again, which may be another's by then: so nothing here relies on it.
     */
    if ((Access & (KEY_SET_VALUE | INITP_DELETE)) != 0 && !MiCallerIsTrusted()) {
        return STATUS_ACCESS_DENIED;
    }
    status = ObReferenceObjectByHandle(Handle, Access, *CmKeyObjectType, ExGetPreviousMode(), &key,
                                       NULL);

    if (NT_SUCCESS(status)) {
        ObDereferenceObject(key);
    }
    return status;
}

typedef struct INITP_KEY_NAME {
    OBP_ATTRIBUTES Captured;
    OBJECT_ATTRIBUTES Attributes; /* of kernel memory */
} INITP_KEY_NAME;

static NTSTATUS
InitpCaptureKeyName(POBJECT_ATTRIBUTES Attributes, INITP_KEY_NAME *Name)
{
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (Attributes != NULL) {
        status = ObpCaptureAttributes(Attributes, ExGetPreviousMode(), &Name->Captured);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    InitializeObjectAttributes(&Name->Attributes, &Name->Captured.Name, Name->Captured.Attributes,
                               Name->Captured.RootDirectory, NULL);
    if (Name->Captured.RootDirectory != NULL) {
        status = InitpCheckKey(Name->Captured.RootDirectory, 0);
        if (!NT_SUCCESS(status)) {
            ObpReleaseAttributes(&Name->Captured);
        }
    }
    return status;
}

static NTSTATUS
InitpReturnKey(PHANDLE KeyHandle, HANDLE Handle)
{
    NTSTATUS status = MiCopyToUser(KeyHandle, &Handle, sizeof(Handle), ExGetPreviousMode());

    if (!NT_SUCCESS(status)) {
        NtClose(Handle);
    }
    return status;
}

/* Who may what with keys: one answer for all of them, as the machine's hive has it on Windows. */
static NTSTATUS
InitpCheckKeyAccess(ACCESS_MASK *Access)
{
    static const UNICODE_STRING text =
        RTL_CONSTANT_STRING(L"O:BAG:SYD:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)");
    static const GENERIC_MAPPING mapping = {KEY_READ, KEY_WRITE, KEY_EXECUTE, KEY_ALL_ACCESS};
    const ACCESS_MASK views = KEY_WOW64_32KEY | KEY_WOW64_64KEY;
    ACCESS_MASK wanted = *Access;
    PSECURITY_DESCRIPTOR descriptor;
    NTSTATUS status;

    if (ExGetPreviousMode() == KernelMode) {
        return STATUS_SUCCESS;
    }
    status = SepParseSddl(&text, &descriptor);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = SepCheckAccess(descriptor, &mapping, wanted & ~views, UserMode, Access);
    *Access |= wanted & views;
    ExFreePool(descriptor);
    return status;
}

/* May the caller make keys? One who may not still opens those that are there. */
static BOOLEAN
InitpMayCreateKeys(VOID)
{
    ACCESS_MASK access = KEY_CREATE_SUB_KEY;

    return NT_SUCCESS(InitpCheckKeyAccess(&access));
}

static NTSTATUS
InitpOpenInstead(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                 PULONG Disposition)
{
    NTSTATUS status = OBP_ZW(ZwOpenKey(Handle, Access, Attributes));

    *Disposition = REG_OPENED_EXISTING_KEY;
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_ACCESS_DENIED : status;
}

NTSTATUS NTAPI
NtCreateKey(PHANDLE KeyHandle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, ULONG TitleIndex,
            PUNICODE_STRING Class, ULONG Options, PULONG Disposition)
{
    INITP_KEY_NAME name;
    ULONG disposition;
    HANDLE handle;
    NTSTATUS status = InitpCaptureKeyName(Attributes, &name);

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = InitpCheckKeyAccess(&Access);
    if (NT_SUCCESS(status)) {
        status = InitpMayCreateKeys()
                     ? OBP_ZW(ZwCreateKey(&handle, Access, &name.Attributes, 0, NULL, Options,
                                          &disposition))
                     : InitpOpenInstead(&handle, Access, &name.Attributes, &disposition);
    }
    ObpReleaseAttributes(&name.Captured);
    if (NT_SUCCESS(status)) {
        status = InitpReturnKey(KeyHandle, handle);
    }
    return NT_SUCCESS(status) && Disposition != NULL
               ? MiCopyToUser(Disposition, &disposition, sizeof(disposition), ExGetPreviousMode())
               : status;
}

NTSTATUS NTAPI
NtOpenKey(PHANDLE KeyHandle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    INITP_KEY_NAME name;
    HANDLE handle;
    NTSTATUS status = InitpCaptureKeyName(Attributes, &name);

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = InitpCheckKeyAccess(&Access);
    if (NT_SUCCESS(status)) {
        status = OBP_ZW(ZwOpenKey(&handle, Access, &name.Attributes));
    }
    ObpReleaseAttributes(&name.Captured);
    return NT_SUCCESS(status) ? InitpReturnKey(KeyHandle, handle) : status;
}

NTSTATUS NTAPI
NtDeleteKey(HANDLE KeyHandle)
{
    NTSTATUS status = InitpCheckKey(KeyHandle, INITP_DELETE);

    NT_IRQL_MAX(PASSIVE_LEVEL);
    return NT_SUCCESS(status) ? OBP_ZW(ZwDeleteKey(KeyHandle)) : status;
}

/* ---- answers: into kernel memory, then to the caller ---- */

typedef struct INITP_ANSWER {
    PVOID Buffer; /* kernel memory; Size bytes, at least 1 */
    ULONG Size;
    ULONG Length; /* what the whole answer needs */
} INITP_ANSWER;

static NTSTATUS
InitpBeginAnswer(INITP_ANSWER *Answer, HANDLE KeyHandle, ACCESS_MASK Access, ULONG Length)
{
    NTSTATUS status = InitpCheckKey(KeyHandle, Access);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    Answer->Length = 0;
    Answer->Size = min(Length, INITP_VALUE_LIMIT);
    Answer->Buffer = ExAllocatePoolZero(PagedPool, max(Answer->Size, (ULONG)1), INITP_TAG_REGISTRY);
    return Answer->Buffer != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS
InitpEndAnswer(INITP_ANSWER *Answer, NTSTATUS Status, PVOID Buffer, PULONG ResultLength)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    NTSTATUS copied = STATUS_SUCCESS;

    if (NT_SUCCESS(Status) || Status == STATUS_BUFFER_OVERFLOW) {
        copied = MiCopyToUser(Buffer, Answer->Buffer, min(Answer->Size, Answer->Length), mode);
    }
    ExFreePoolWithTag(Answer->Buffer, INITP_TAG_REGISTRY);
    if (NT_SUCCESS(copied) && (NT_SUCCESS(Status) || Status == STATUS_BUFFER_OVERFLOW ||
                               Status == STATUS_BUFFER_TOO_SMALL)) {
        copied = MiCopyToUser(ResultLength, &Answer->Length, sizeof(Answer->Length), mode);
    }
    return NT_SUCCESS(copied) ? Status : copied;
}

NTSTATUS NTAPI
NtQueryKey(HANDLE KeyHandle, ULONG Class, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    INITP_ANSWER answer;
    NTSTATUS status = InitpBeginAnswer(&answer, KeyHandle, KEY_QUERY_VALUE, Length);

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = OBP_ZW(ZwQueryKey(KeyHandle, (KEY_INFORMATION_CLASS)Class, answer.Buffer, answer.Size,
                               &answer.Length));
    return InitpEndAnswer(&answer, status, Buffer, ResultLength);
}

NTSTATUS NTAPI
NtEnumerateKey(HANDLE KeyHandle, ULONG Index, ULONG Class, PVOID Buffer, ULONG Length,
               PULONG ResultLength)
{
    INITP_ANSWER answer;
    NTSTATUS status = InitpBeginAnswer(&answer, KeyHandle, KEY_ENUMERATE_SUB_KEYS, Length);

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = OBP_ZW(ZwEnumerateKey(KeyHandle, Index, (KEY_INFORMATION_CLASS)Class, answer.Buffer,
                                   answer.Size, &answer.Length));
    return InitpEndAnswer(&answer, status, Buffer, ResultLength);
}

NTSTATUS NTAPI
NtEnumerateValueKey(HANDLE KeyHandle, ULONG Index, ULONG Class, PVOID Buffer, ULONG Length,
                    PULONG ResultLength)
{
    INITP_ANSWER answer;
    NTSTATUS status = InitpBeginAnswer(&answer, KeyHandle, KEY_QUERY_VALUE, Length);

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = OBP_ZW(ZwEnumerateValueKey(KeyHandle, Index, (KEY_VALUE_INFORMATION_CLASS)Class,
                                        answer.Buffer, answer.Size, &answer.Length));
    return InitpEndAnswer(&answer, status, Buffer, ResultLength);
}

/* ---- values ---- */

/* A value's name, from pool; an empty one is the key's default value. */
static NTSTATUS
InitpCaptureValueName(PUNICODE_STRING Source, UNICODE_STRING *Name)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    UNICODE_STRING text;
    NTSTATUS status = MiCopyFromUser(&text, Source, sizeof(text), mode);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if ((text.Length & 1) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Name->Buffer = ExAllocatePoolZero(PagedPool, text.Length + sizeof(WCHAR), INITP_TAG_REGISTRY);
    if (Name->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Name->Length = text.Length;
    Name->MaximumLength = text.Length;
    status = MiCopyFromUser(Name->Buffer, text.Buffer, text.Length, mode);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(Name->Buffer, INITP_TAG_REGISTRY);
    }
    return status;
}

NTSTATUS NTAPI
NtQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG Class, PVOID Buffer,
                ULONG Length, PULONG ResultLength)
{
    INITP_ANSWER answer;
    UNICODE_STRING name;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = InitpCaptureValueName(ValueName, &name);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = InitpBeginAnswer(&answer, KeyHandle, KEY_QUERY_VALUE, Length);
    if (NT_SUCCESS(status)) {
        status = OBP_ZW(ZwQueryValueKey(KeyHandle, &name, (KEY_VALUE_INFORMATION_CLASS)Class,
                                        answer.Buffer, answer.Size, &answer.Length));
        status = InitpEndAnswer(&answer, status, Buffer, ResultLength);
    }
    ExFreePoolWithTag(name.Buffer, INITP_TAG_REGISTRY);
    return status;
}

static NTSTATUS
InitpSetValue(HANDLE KeyHandle, PUNICODE_STRING Name, ULONG Type, const VOID *Data, ULONG Length)
{
    PVOID copy = ExAllocatePoolZero(PagedPool, max(Length, (ULONG)1), INITP_TAG_REGISTRY);
    NTSTATUS status;

    if (copy == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiCopyFromUser(copy, Data, Length, ExGetPreviousMode());
    if (NT_SUCCESS(status)) {
        status = OBP_ZW(ZwSetValueKey(KeyHandle, Name, 0, Type, copy, Length));
    }
    ExFreePoolWithTag(copy, INITP_TAG_REGISTRY);
    return status;
}

NTSTATUS NTAPI
NtSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type, PVOID Data,
              ULONG Length)
{
    UNICODE_STRING name;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (Length > INITP_VALUE_LIMIT) {
        return STATUS_INVALID_PARAMETER;
    }
    status = InitpCheckKey(KeyHandle, KEY_SET_VALUE);
    if (NT_SUCCESS(status)) {
        status = InitpCaptureValueName(ValueName, &name);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = InitpSetValue(KeyHandle, &name, Type, Data, Length);
    ExFreePoolWithTag(name.Buffer, INITP_TAG_REGISTRY);
    return status;
}

NTSTATUS NTAPI
NtDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName)
{
    UNICODE_STRING name;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = InitpCheckKey(KeyHandle, KEY_SET_VALUE);
    if (NT_SUCCESS(status)) {
        status = InitpCaptureValueName(ValueName, &name);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = OBP_ZW(ZwDeleteValueKey(KeyHandle, &name));
    ExFreePoolWithTag(name.Buffer, INITP_TAG_REGISTRY);
    return status;
}
