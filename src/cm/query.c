/* SPDX-License-Identifier: MIT
 *
 * cm/query.c - the information classes of keys and values
 *
 * One rule for all: with less room than the fixed part the answer is STATUS_BUFFER_TOO_SMALL and
 * nothing is written; with less than everything it is STATUS_BUFFER_OVERFLOW, the fixed part is
 * written and of the rest what fits. ResultLength is the room that everything needs, in each case.
 *
 * Source  WDK reference, ZwQueryValueKey, ZwEnumerateValueKey, ZwQueryKey, KEY_*_INFORMATION.
 */
#include "cm/cmp.h"

static NTSTATUS
CmpCheckLength(ULONG Length, ULONG Minimum, ULONG Required, PULONG ResultLength)
{
    *ResultLength = Required;
    if (Length < Minimum) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    return Length < Required ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* Copies what fits of Data to Offset. */
static VOID
CmpPut(PVOID Buffer, ULONG Length, ULONG Offset, const VOID *Data, ULONG DataLength)
{
    if (Offset < Length && DataLength != 0) {
        RtlCopyMemory((PUCHAR)Buffer + Offset, Data, min(DataLength, Length - Offset));
    }
}

/* ---- keys ---- */

static NTSTATUS
CmpQueryKeyBasic(CMP_KEY *Key, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    const ULONG fixed = FIELD_OFFSET(KEY_BASIC_INFORMATION, Name);
    KEY_BASIC_INFORMATION *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, fixed + Key->Name.Length, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        information->LastWriteTime = Key->LastWriteTime;
        information->TitleIndex = 0;
        information->NameLength = Key->Name.Length;
        CmpPut(Buffer, Length, fixed, Key->Name.Buffer, Key->Name.Length);
    }
    return status;
}

static NTSTATUS
CmpQueryKeyNode(CMP_KEY *Key, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    const ULONG fixed = FIELD_OFFSET(KEY_NODE_INFORMATION, Name);
    ULONG classOffset = (fixed + Key->Name.Length + 3) & ~3u;
    ULONG required =
        Key->Class.Length == 0 ? fixed + Key->Name.Length : classOffset + Key->Class.Length;
    KEY_NODE_INFORMATION *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, required, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        information->LastWriteTime = Key->LastWriteTime;
        information->TitleIndex = 0;
        information->ClassOffset = Key->Class.Length == 0 ? MAXULONG : classOffset;
        information->ClassLength = Key->Class.Length;
        information->NameLength = Key->Name.Length;
        CmpPut(Buffer, Length, fixed, Key->Name.Buffer, Key->Name.Length);
        CmpPut(Buffer, Length, classOffset, Key->Class.Buffer, Key->Class.Length);
    }
    return status;
}

/* The longest names and data below Key. */
static VOID
CmpMeasureKeyLocked(CMP_KEY *Key, KEY_FULL_INFORMATION *Information)
{
    Information->SubKeys = Key->SubKeyCount;
    Information->Values = Key->ValueCount;
    Information->MaxNameLen = 0;
    Information->MaxClassLen = 0;
    Information->MaxValueNameLen = 0;
    Information->MaxValueDataLen = 0;
    for (PLIST_ENTRY entry = Key->SubKeys.Flink; entry != &Key->SubKeys; entry = entry->Flink) {
        CMP_KEY *subKey = CONTAINING_RECORD(entry, CMP_KEY, Link);
        Information->MaxNameLen = max(Information->MaxNameLen, subKey->Name.Length);
        Information->MaxClassLen = max(Information->MaxClassLen, subKey->Class.Length);
    }
    for (PLIST_ENTRY entry = Key->Values.Flink; entry != &Key->Values; entry = entry->Flink) {
        CMP_VALUE *value = CONTAINING_RECORD(entry, CMP_VALUE, Link);
        Information->MaxValueNameLen = max(Information->MaxValueNameLen, value->Name.Length);
        Information->MaxValueDataLen = max(Information->MaxValueDataLen, value->Length);
    }
}

static NTSTATUS
CmpQueryKeyFull(CMP_KEY *Key, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    const ULONG fixed = FIELD_OFFSET(KEY_FULL_INFORMATION, Class);
    KEY_FULL_INFORMATION *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, fixed + Key->Class.Length, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        information->LastWriteTime = Key->LastWriteTime;
        information->TitleIndex = 0;
        information->ClassOffset = Key->Class.Length == 0 ? MAXULONG : fixed;
        information->ClassLength = Key->Class.Length;
        CmpMeasureKeyLocked(Key, information);
        CmpPut(Buffer, Length, fixed, Key->Class.Buffer, Key->Class.Length);
    }
    return status;
}

static NTSTATUS
CmpQueryKeyCached(CMP_KEY *Key, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    const ULONG fixed = sizeof(KEY_CACHED_INFORMATION);
    KEY_CACHED_INFORMATION *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, fixed, ResultLength);
    KEY_FULL_INFORMATION full;

    if (NT_SUCCESS(status)) {
        CmpMeasureKeyLocked(Key, &full);
        information->LastWriteTime = Key->LastWriteTime;
        information->TitleIndex = 0;
        information->SubKeys = full.SubKeys;
        information->MaxNameLen = full.MaxNameLen;
        information->Values = full.Values;
        information->MaxValueNameLen = full.MaxValueNameLen;
        information->MaxValueDataLen = full.MaxValueDataLen;
        information->NameLength = Key->Name.Length;
    }
    return status;
}

/* KEY_NAME_INFORMATION: a length and the full name. All or nothing of the name. */
static NTSTATUS
CmpQueryKeyName(CMP_KEY *Key, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    ULONG nameLength = CmpFullNameLengthLocked(Key);
    NTSTATUS status =
        CmpCheckLength(Length, sizeof(ULONG), sizeof(ULONG) + nameLength, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        *(PULONG)Buffer = nameLength;
    }
    if (status == STATUS_SUCCESS) {
        CmpGetFullNameLocked(Key, (PWCH)((PULONG)Buffer + 1));
    }
    return status;
}

/* KEY_VIRTUALIZATION_INFORMATION, a ULONG of flags: no key is virtualized, nor may be. */
static NTSTATUS
CmpQueryKeyVirtualization(PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    NTSTATUS status = CmpCheckLength(Length, sizeof(ULONG), sizeof(ULONG), ResultLength);

    if (NT_SUCCESS(status)) {
        *(PULONG)Buffer = 0;
    }
    return status;
}

NTSTATUS
CmpQueryKeyLocked(CMP_KEY *Key, KEY_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                  PULONG ResultLength)
{
    switch (Class) {
    case KeyBasicInformation:
        return CmpQueryKeyBasic(Key, Buffer, Length, ResultLength);
    case KeyNodeInformation:
        return CmpQueryKeyNode(Key, Buffer, Length, ResultLength);
    case KeyFullInformation:
        return CmpQueryKeyFull(Key, Buffer, Length, ResultLength);
    case KeyCachedInformation:
        return CmpQueryKeyCached(Key, Buffer, Length, ResultLength);
    case KeyNameInformation:
        return CmpQueryKeyName(Key, Buffer, Length, ResultLength);
    case KeyVirtualizationInformation:
        return CmpQueryKeyVirtualization(Buffer, Length, ResultLength);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

/* ---- values ---- */

static NTSTATUS
CmpQueryValueBasic(const CMP_VALUE *Value, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    const ULONG fixed = FIELD_OFFSET(KEY_VALUE_BASIC_INFORMATION, Name);
    KEY_VALUE_BASIC_INFORMATION *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, fixed + Value->Name.Length, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        information->TitleIndex = 0;
        information->Type = Value->Type;
        information->NameLength = Value->Name.Length;
        CmpPut(Buffer, Length, fixed, Value->Name.Buffer, Value->Name.Length);
    }
    return status;
}

static NTSTATUS
CmpQueryValueFull(const CMP_VALUE *Value, ULONG Alignment, PVOID Buffer, ULONG Length,
                  PULONG ResultLength)
{
    const ULONG fixed = FIELD_OFFSET(KEY_VALUE_FULL_INFORMATION, Name);
    ULONG dataOffset = (fixed + Value->Name.Length + Alignment - 1) & ~(Alignment - 1);
    ULONG required = Value->Length == 0 ? fixed + Value->Name.Length : dataOffset + Value->Length;
    KEY_VALUE_FULL_INFORMATION *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, required, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        information->TitleIndex = 0;
        information->Type = Value->Type;
        information->DataOffset = Value->Length == 0 ? MAXULONG : dataOffset;
        information->DataLength = Value->Length;
        information->NameLength = Value->Name.Length;
        CmpPut(Buffer, Length, fixed, Value->Name.Buffer, Value->Name.Length);
        CmpPut(Buffer, Length, dataOffset, Value->Data, Value->Length);
    }
    return status;
}

static NTSTATUS
CmpQueryValuePartial(const CMP_VALUE *Value, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    const ULONG fixed = FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data);
    KEY_VALUE_PARTIAL_INFORMATION *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, fixed + Value->Length, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        information->TitleIndex = 0;
        information->Type = Value->Type;
        information->DataLength = Value->Length;
        CmpPut(Buffer, Length, fixed, Value->Data, Value->Length);
    }
    return status;
}

static NTSTATUS
CmpQueryValuePartialAlign64(const CMP_VALUE *Value, PVOID Buffer, ULONG Length, PULONG ResultLength)
{
    const ULONG fixed = FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION_ALIGN64, Data);
    KEY_VALUE_PARTIAL_INFORMATION_ALIGN64 *information = Buffer;
    NTSTATUS status = CmpCheckLength(Length, fixed, fixed + Value->Length, ResultLength);

    if (status != STATUS_BUFFER_TOO_SMALL) {
        information->Type = Value->Type;
        information->DataLength = Value->Length;
        CmpPut(Buffer, Length, fixed, Value->Data, Value->Length);
    }
    return status;
}

NTSTATUS
CmpQueryValueLocked(const CMP_VALUE *Value, KEY_VALUE_INFORMATION_CLASS Class, PVOID Buffer,
                    ULONG Length, PULONG ResultLength)
{
    switch (Class) {
    case KeyValueBasicInformation:
        return CmpQueryValueBasic(Value, Buffer, Length, ResultLength);
    case KeyValueFullInformation:
        return CmpQueryValueFull(Value, sizeof(ULONG), Buffer, Length, ResultLength);
    case KeyValueFullInformationAlign64:
        return CmpQueryValueFull(Value, sizeof(ULONG64), Buffer, Length, ResultLength);
    case KeyValuePartialInformation:
        return CmpQueryValuePartial(Value, Buffer, Length, ResultLength);
    case KeyValuePartialInformationAlign64:
        return CmpQueryValuePartialAlign64(Value, Buffer, Length, ResultLength);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}
