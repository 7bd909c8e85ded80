/* SPDX-License-Identifier: MIT
 *
 * rtl/string.c - counted strings: making, copying, comparing, converting
 *
 * Source  WDK reference, wdm.h and ntifs.h, the routine of each name
 */
#include "rtl/rtl.h"

#define RTLP_MAX_STRING 0xFFFEu /* bytes of a UNICODE_STRING */

static const RTLP_ALLOC *RtlpAllocator; /* atomic */

VOID
RtlpRegisterAllocator(const RTLP_ALLOC *Allocator)
{
    __atomic_store_n(&RtlpAllocator, Allocator, __ATOMIC_RELEASE);
}

PVOID
RtlpAllocate(SIZE_T Size)
{
    const RTLP_ALLOC *allocator = __atomic_load_n(&RtlpAllocator, __ATOMIC_ACQUIRE);
    return allocator != NULL ? allocator->Allocate(Size) : NULL;
}

VOID
RtlpFree(PVOID Block)
{
    const RTLP_ALLOC *allocator = __atomic_load_n(&RtlpAllocator, __ATOMIC_ACQUIRE);
    if (allocator != NULL && Block != NULL) {
        allocator->Free(Block);
    }
}

static SIZE_T
RtlpWideLength(PCWSTR String)
{
    SIZE_T length = 0;

    while (String[length] != 0) {
        length++;
    }
    return length;
}

NTSTATUS
RtlpCreateUnicodeStringFromUtf8(PUNICODE_STRING String, const char *Source, SIZE_T Length)
{
    SIZE_T units = RtlpUtf8ToUtf16(Source, Length, NULL, 0);
    PWSTR buffer;

    if (units * sizeof(WCHAR) >= RTLP_MAX_STRING) {
        return STATUS_NAME_TOO_LONG;
    }
    buffer = RtlpAllocate((units + 1) * sizeof(WCHAR));
    if (buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlpUtf8ToUtf16(Source, Length, buffer, units);
    buffer[units] = 0;
    String->Buffer = buffer;
    String->Length = (USHORT)(units * sizeof(WCHAR));
    String->MaximumLength = (USHORT)(String->Length + sizeof(WCHAR));
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

/* ---- making; a string that is too long is cut, as on Windows ---- */

VOID NTAPI
RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T bytes = 0;

    if (SourceString != NULL) {
        bytes = RtlpWideLength(SourceString) * sizeof(WCHAR);
        bytes = bytes < RTLP_MAX_STRING - sizeof(WCHAR) ? bytes : RTLP_MAX_STRING - sizeof(WCHAR);
    }
    DestinationString->Buffer = (PWSTR)(ULONG_PTR)SourceString;
    DestinationString->Length = (USHORT)bytes;
    DestinationString->MaximumLength = (USHORT)(SourceString != NULL ? bytes + sizeof(WCHAR) : 0);
}

NTSTATUS NTAPI
RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    if (SourceString != NULL &&
        RtlpWideLength(SourceString) > RTLP_MAX_STRING / sizeof(WCHAR) - 1) {
        return STATUS_NAME_TOO_LONG;
    }
    RtlInitUnicodeString(DestinationString, SourceString);
    return STATUS_SUCCESS;
}

VOID NTAPI
RtlInitString(PSTRING DestinationString, PCSZ SourceString)
{
    NT_ENTER(RtlInitString);
    SIZE_T length = 0;

    if (SourceString != NULL) {
        length = strlen(SourceString);
        length = length < 0xFFFE ? length : 0xFFFE;
    }
    DestinationString->Buffer = (PCHAR)(ULONG_PTR)SourceString;
    DestinationString->Length = (USHORT)length;
    DestinationString->MaximumLength = (USHORT)(SourceString != NULL ? length + 1 : 0);
}

VOID NTAPI
RtlInitAnsiString(PANSI_STRING DestinationString, PCSZ SourceString)
{
    RtlInitString(DestinationString, SourceString);
}

NTSTATUS NTAPI
RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSZ SourceString)
{
    if (SourceString != NULL && strlen(SourceString) > 0xFFFE) {
        return STATUS_NAME_TOO_LONG;
    }
    RtlInitString(DestinationString, SourceString);
    return STATUS_SUCCESS;
}

BOOLEAN NTAPI
RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    NT_ENTER(RtlCreateUnicodeString);
    SIZE_T bytes = (RtlpWideLength(SourceString) + 1) * sizeof(WCHAR);
    PWSTR buffer = bytes <= RTLP_MAX_STRING ? RtlpAllocate(bytes) : NULL;

    if (buffer == NULL) {
        return FALSE;
    }
    memcpy(buffer, SourceString, bytes);
    DestinationString->Buffer = buffer;
    DestinationString->Length = (USHORT)(bytes - sizeof(WCHAR));
    DestinationString->MaximumLength = (USHORT)bytes;
    return TRUE;
}

VOID NTAPI
RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    NT_ENTER(RtlFreeUnicodeString);
    if (UnicodeString->Buffer != NULL) {
        RtlpFree(UnicodeString->Buffer);
        memset(UnicodeString, 0, sizeof(*UnicodeString));
    }
}

VOID NTAPI
RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    NT_ENTER(RtlFreeAnsiString);
    if (AnsiString->Buffer != NULL) {
        RtlpFree(AnsiString->Buffer);
        memset(AnsiString, 0, sizeof(*AnsiString));
    }
}

VOID NTAPI
RtlFreeOemString(POEM_STRING OemString)
{
    NT_ENTER(RtlFreeOemString);
    RtlFreeAnsiString(OemString);
}

/* ---- copying ---- */

/* Cuts what does not fit; adds a NUL if there is room. SourceString NULL: makes it empty. */
VOID NTAPI
RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    USHORT length;

    if (SourceString == NULL) {
        DestinationString->Length = 0;
        return;
    }
    length = SourceString->Length < DestinationString->MaximumLength
                 ? SourceString->Length
                 : DestinationString->MaximumLength;
    if (length != 0) { /* an empty string may have no buffer */
        memmove(DestinationString->Buffer, SourceString->Buffer, length);
    }
    DestinationString->Length = length;
    if (length + sizeof(WCHAR) <= DestinationString->MaximumLength) {
        DestinationString->Buffer[length / sizeof(WCHAR)] = 0;
    }
}

VOID NTAPI
RtlCopyString(PSTRING DestinationString, const PSTRING SourceString)
{
    USHORT length;

    if (SourceString == NULL) {
        DestinationString->Length = 0;
        return;
    }
    length = SourceString->Length < DestinationString->MaximumLength
                 ? SourceString->Length
                 : DestinationString->MaximumLength;
    if (length != 0) {
        memmove(DestinationString->Buffer, SourceString->Buffer, length);
    }
    DestinationString->Length = length;
}

/* STATUS_BUFFER_TOO_SMALL leaves Destination as it was. */
NTSTATUS NTAPI
RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    ULONG length = (ULONG)Destination->Length + Source->Length;

    if (Source->Length == 0) {
        return STATUS_SUCCESS;
    }
    if (length > Destination->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memmove((PCHAR)Destination->Buffer + Destination->Length, Source->Buffer, Source->Length);
    Destination->Length = (USHORT)length;
    if (length + sizeof(WCHAR) <= Destination->MaximumLength) {
        Destination->Buffer[length / sizeof(WCHAR)] = 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    UNICODE_STRING source;

    if (Source == NULL) {
        return STATUS_SUCCESS;
    }
    if (!NT_SUCCESS(RtlInitUnicodeStringEx(&source, Source))) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    return RtlAppendUnicodeStringToString(Destination, &source);
}

NTSTATUS NTAPI
RtlAppendStringToString(PSTRING Destination, const STRING *Source)
{
    NT_ENTER(RtlAppendStringToString);
    ULONG length = (ULONG)Destination->Length + Source->Length;

    if (length > Destination->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (Source->Length != 0) {
        memmove(Destination->Buffer + Destination->Length, Source->Buffer, Source->Length);
        Destination->Length = (USHORT)length;
    }
    return STATUS_SUCCESS;
}

/* ---- comparing ---- */

LONG NTAPI
RtlCompareUnicodeStrings(PCWCH String1, SIZE_T String1Length, PCWCH String2, SIZE_T String2Length,
                         BOOLEAN CaseInSensitive)
{
    SIZE_T common = String1Length < String2Length ? String1Length : String2Length;

    for (SIZE_T i = 0; i < common; i++) {
        WCHAR first = String1[i];
        WCHAR second = String2[i];
        if (first != second && CaseInSensitive) {
            first = RtlUpcaseUnicodeChar(first);
            second = RtlUpcaseUnicodeChar(second);
        }
        if (first != second) {
            return (LONG)first - (LONG)second;
        }
    }
    return (LONG)String1Length - (LONG)String2Length;
}

LONG NTAPI
RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    NT_ENTER(RtlCompareUnicodeString);
    return RtlCompareUnicodeStrings(String1->Buffer, String1->Length / sizeof(WCHAR),
                                    String2->Buffer, String2->Length / sizeof(WCHAR),
                                    CaseInSensitive);
}

BOOLEAN NTAPI
RtlEqualUnicodeString(CONST UNICODE_STRING *String1, CONST UNICODE_STRING *String2,
                      BOOLEAN CaseInSensitive)
{
    NT_ENTER(RtlEqualUnicodeString);
    return String1->Length == String2->Length &&
           RtlCompareUnicodeString(String1, String2, CaseInSensitive) == 0;
}

/* TRUE if String1 is a prefix of String2. */
BOOLEAN NTAPI
RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    NT_ENTER(RtlPrefixUnicodeString);
    SIZE_T units = String1->Length / sizeof(WCHAR);

    return String1->Length <= String2->Length &&
           RtlCompareUnicodeStrings(String1->Buffer, units, String2->Buffer, units,
                                    CaseInSensitive) == 0;
}

LONG NTAPI
RtlCompareString(const PSTRING String1, const PSTRING String2, BOOLEAN CaseInSensitive)
{
    NT_ENTER(RtlCompareString);
    USHORT common = String1->Length < String2->Length ? String1->Length : String2->Length;

    for (USHORT i = 0; i < common; i++) {
        UCHAR first = (UCHAR)String1->Buffer[i];
        UCHAR second = (UCHAR)String2->Buffer[i];
        if (CaseInSensitive) {
            first = (UCHAR)RtlUpperChar((CHAR)first);
            second = (UCHAR)RtlUpperChar((CHAR)second);
        }
        if (first != second) {
            return (LONG)first - (LONG)second;
        }
    }
    return (LONG)String1->Length - (LONG)String2->Length;
}

BOOLEAN NTAPI
RtlEqualString(const PSTRING String1, const PSTRING String2, BOOLEAN CaseInSensitive)
{
    NT_ENTER(RtlEqualString);
    return String1->Length == String2->Length &&
           RtlCompareString(String1, String2, CaseInSensitive) == 0;
}

/* HashAlgorithm: HASH_STRING_ALGORITHM_DEFAULT (0) or _X65599 (1), which is the default. */
NTSTATUS NTAPI
RtlHashUnicodeString(CONST UNICODE_STRING *String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm,
                     PULONG HashValue)
{
    NT_ENTER(RtlHashUnicodeString);
    ULONG hash = 0;

    if (String == NULL || HashValue == NULL || HashAlgorithm > 1) {
        return STATUS_INVALID_PARAMETER;
    }
    for (USHORT i = 0; i < String->Length / sizeof(WCHAR); i++) {
        WCHAR unit = String->Buffer[i];
        hash = hash * 65599 + (CaseInSensitive ? RtlUpcaseUnicodeChar(unit) : unit);
    }
    *HashValue = hash;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlValidateUnicodeString(ULONG Flags, PCUNICODE_STRING String)
{
    if (Flags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (String != NULL &&
        (String->Length % sizeof(WCHAR) != 0 || String->MaximumLength % sizeof(WCHAR) != 0 ||
         String->Length > String->MaximumLength ||
         (String->Buffer == NULL && String->MaximumLength != 0))) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* Flags: RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE (1), _ALLOCATE_NULL_STRING (2, with 1). */
NTSTATUS NTAPI
RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING SourceString,
                          PUNICODE_STRING DestinationString)
{
    ULONG length;
    ULONG size;
    PWSTR buffer = NULL;

    if (Flags > 3 || Flags == 2 || DestinationString == NULL ||
        !NT_SUCCESS(RtlValidateUnicodeString(0, SourceString))) {
        return STATUS_INVALID_PARAMETER;
    }
    length = SourceString != NULL ? SourceString->Length : 0;
    size = length + ((Flags & 1) != 0 ? sizeof(WCHAR) : 0);
    if (size > RTLP_MAX_STRING) {
        return STATUS_NAME_TOO_LONG;
    }
    if (length == 0 && (Flags & 2) == 0) {
        size = 0;
    }
    if (size != 0) {
        buffer = RtlpAllocate(size);
        if (buffer == NULL) {
            return STATUS_NO_MEMORY;
        }
        memcpy(buffer, length != 0 ? SourceString->Buffer : buffer, length);
        if (size > length) {
            buffer[length / sizeof(WCHAR)] = 0;
        }
    }
    DestinationString->Buffer = buffer;
    DestinationString->Length = (USHORT)length;
    DestinationString->MaximumLength = (USHORT)size;
    return STATUS_SUCCESS;
}

/* ---- to and from the ANSI code page, UTF-8 ---- */

ULONG NTAPI
RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString)
{
    NT_ENTER(RtlxUnicodeStringToAnsiSize);
    return (ULONG)RtlpUtf16ToUtf8(UnicodeString->Buffer, UnicodeString->Length / sizeof(WCHAR),
                                  NULL, 0) +
           1;
}

ULONG NTAPI
RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString)
{
    NT_ENTER(RtlxAnsiStringToUnicodeSize);
    return (ULONG)(RtlpUtf8ToUtf16(AnsiString->Buffer, AnsiString->Length, NULL, 0) + 1) *
           sizeof(WCHAR);
}

/*
 * RtlUnicodeStringToAnsiString - convert, with a NUL behind the result
 *
 * Errors   STATUS_BUFFER_OVERFLOW if it does not fit with its NUL; STATUS_NO_MEMORY;
 *          STATUS_INVALID_PARAMETER_2 if the result is longer than a string can be
 * Differs  the ANSI code page is UTF-8
 */
NTSTATUS NTAPI
RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                             BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlUnicodeStringToAnsiString);
    ULONG size = RtlxUnicodeStringToAnsiSize(SourceString);

    if (size > 0xFFFF) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (AllocateDestinationString) {
        PCHAR buffer = RtlpAllocate(size);
        if (buffer == NULL) {
            return STATUS_NO_MEMORY;
        }
        DestinationString->Buffer = buffer;
        DestinationString->MaximumLength = (USHORT)size;
    } else if (size > DestinationString->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlpUtf16ToUtf8(SourceString->Buffer, SourceString->Length / sizeof(WCHAR),
                    DestinationString->Buffer, size - 1);
    DestinationString->Buffer[size - 1] = '\0';
    DestinationString->Length = (USHORT)(size - 1);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PANSI_STRING SourceString,
                             BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlAnsiStringToUnicodeString);
    ULONG size = RtlxAnsiStringToUnicodeSize(SourceString);
    ULONG units = size / sizeof(WCHAR) - 1;

    if (size > 0xFFFF) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (AllocateDestinationString) {
        PWSTR buffer = RtlpAllocate(size);
        if (buffer == NULL) {
            return STATUS_NO_MEMORY;
        }
        DestinationString->Buffer = buffer;
        DestinationString->MaximumLength = (USHORT)size;
    } else if (size > DestinationString->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlpUtf8ToUtf16(SourceString->Buffer, SourceString->Length, DestinationString->Buffer, units);
    DestinationString->Buffer[units] = 0;
    DestinationString->Length = (USHORT)(units * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlUnicodeStringToOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                            BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlUnicodeStringToOemString);
    return RtlUnicodeStringToAnsiString(DestinationString, SourceString, AllocateDestinationString);
}

NTSTATUS NTAPI
RtlOemStringToUnicodeString(PUNICODE_STRING DestinationString, PCOEM_STRING SourceString,
                            BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlOemStringToUnicodeString);
    return RtlAnsiStringToUnicodeString(DestinationString, (PANSI_STRING)(ULONG_PTR)SourceString,
                                        AllocateDestinationString);
}

#pragma GCC visibility pop
