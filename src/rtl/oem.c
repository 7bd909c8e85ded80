/* SPDX-License-Identifier: MIT
 *
 * rtl/oem.c - the OEM code page, which is UTF-8 here, and the short names that are written in it
 *
 * Source   WDK reference, ntifs.h: each function's page
 */
#include "rtl/rtl.h"

#define RTLP_UPCASE_UNITS 64

/* RtlpConvertUtf16 of the text in upper case. */
static RTLP_CONVERSION
RtlpConvertUpcase(const WCHAR *Source, SIZE_T Length, char *Destination, SIZE_T Capacity)
{
    RTLP_CONVERSION result = {0, 0, 0};

    while (Length > 0) {
        WCHAR units[RTLP_UPCASE_UNITS];
        SIZE_T count = min(Length, (SIZE_T)RTLP_UPCASE_UNITS);
        RTLP_CONVERSION part;
        SIZE_T room = result.Written == result.Needed ? Capacity - result.Written : 0;
        if (count < Length && (Source[count - 1] & 0xFC00) == 0xD800) {
            --count; /* a pair stays together */
        }
        for (SIZE_T i = 0; i < count; ++i) {
            units[i] = RtlUpcaseUnicodeChar(Source[i]);
        }
        part =
            RtlpConvertUtf16(units, count, room == 0 ? NULL : Destination + result.Written, room);
        result.Needed += part.Needed;
        result.Written += part.Written;
        result.Invalid += part.Invalid;
        Source += count;
        Length -= count;
    }
    return result;
}

typedef RTLP_CONVERSION RTLP_CONVERT(const WCHAR *Source, SIZE_T Length, char *Destination,
                                     SIZE_T Capacity);

/* End: bytes kept for a NUL behind the text, 0 or 1. */
static NTSTATUS
RtlpToOemString(RTLP_CONVERT *Convert, POEM_STRING Destination, PCUNICODE_STRING Source,
                BOOLEAN Allocate, SIZE_T End)
{
    SIZE_T length = Source->Length / sizeof(WCHAR);
    RTLP_CONVERSION size = Convert(Source->Buffer, length, NULL, 0);

    if (size.Invalid != 0 && End == 0) {
        return STATUS_UNMAPPABLE_CHARACTER;
    }
    if (size.Needed + End > MAXUSHORT) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (Allocate) {
        Destination->Buffer = size.Needed + End == 0 ? NULL : RtlpAllocate(size.Needed + End);
        Destination->MaximumLength = (USHORT)(size.Needed + End);
        if (Destination->Buffer == NULL && size.Needed + End != 0) {
            return STATUS_NO_MEMORY;
        }
    } else if (size.Needed + End > Destination->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    Convert(Source->Buffer, length, Destination->Buffer, size.Needed);
    Destination->Length = (USHORT)size.Needed;
    if (End != 0) {
        Destination->Buffer[size.Needed] = '\0';
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
RtlpFinishOem(RTLP_CONVERSION Result, SIZE_T UnitSize, PULONG Bytes)
{
    if (Bytes != NULL) {
        *Bytes = (ULONG)(Result.Written * UnitSize);
    }
    return Result.Written == Result.Needed ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

static BOOLEAN
RtlpIsShortNameByte(UCHAR Byte)
{
    return Byte >= 0x20 && strchr("\"*+,/:;<=>?[\\]|", Byte) == NULL;
}

/* Name: upper case, no "." or "..". */
static BOOLEAN
RtlpIsShortName(const char *Name, SIZE_T Length, BOOLEAN *Spaces)
{
    SIZE_T dot = Length;

    for (SIZE_T i = 0; i < Length; ++i) {
        if (!RtlpIsShortNameByte((UCHAR)Name[i]) || (Name[i] == '.' && dot != Length)) {
            return FALSE;
        }
        dot = Name[i] == '.' ? i : dot;
        *Spaces |= Name[i] == ' ';
    }
    if (dot == 0 || dot > 8 || Name[dot - 1] == ' ') {
        return FALSE;
    }
    return dot == Length || (Length - dot > 1 && Length - dot <= 4 && Name[Length - 1] != ' ');
}

#pragma GCC visibility push(default)

/* Warns with STATUS_BUFFER_OVERFLOW when it had to cut, at a character. nf-ntifs-rtloemtounicoden
 */
NTSTATUS NTAPI
RtlOemToUnicodeN(PWSTR UnicodeString, ULONG MaxBytesInUnicodeString, PULONG BytesInUnicodeString,
                 PCCH OemString, ULONG BytesInOemString)
{
    NT_ENTER(RtlOemToUnicodeN);
    return RtlpFinishOem(RtlpConvertUtf8(OemString, BytesInOemString, UnicodeString,
                                         MaxBytesInUnicodeString / sizeof(WCHAR)),
                         sizeof(WCHAR), BytesInUnicodeString);
}

/* The same, the other way round. Source: WDK reference, nf-ntifs-rtlunicodetooemn */
NTSTATUS NTAPI
RtlUnicodeToOemN(PCHAR OemString, ULONG MaxBytesInOemString, PULONG BytesInOemString,
                 PCWCH UnicodeString, ULONG BytesInUnicodeString)
{
    NT_ENTER(RtlUnicodeToOemN);
    return RtlpFinishOem(RtlpConvertUtf16(UnicodeString, BytesInUnicodeString / sizeof(WCHAR),
                                          OemString, MaxBytesInOemString),
                         1, BytesInOemString);
}

/* In upper case. Source: WDK reference, nf-ntifs-rtlupcaseunicodetooemn */
NTSTATUS NTAPI
RtlUpcaseUnicodeToOemN(PCHAR OemString, ULONG MaxBytesInOemString, PULONG BytesInOemString,
                       PCWCH UnicodeString, ULONG BytesInUnicodeString)
{
    NT_ENTER(RtlUpcaseUnicodeToOemN);
    return RtlpFinishOem(RtlpConvertUpcase(UnicodeString, BytesInUnicodeString / sizeof(WCHAR),
                                           OemString, MaxBytesInOemString),
                         1, BytesInOemString);
}

/* For the ANSI code page, which is the same; but always STATUS_SUCCESS, cut or not.
 * Source: WDK reference, nf-ntifs-rtlupcaseunicodetomultibyten */
NTSTATUS NTAPI
RtlUpcaseUnicodeToMultiByteN(PCHAR MultiByteString, ULONG MaxBytesInMultiByteString,
                             PULONG BytesInMultiByteString, PCWCH UnicodeString,
                             ULONG BytesInUnicodeString)
{
    NT_ENTER(RtlUpcaseUnicodeToMultiByteN);
    RtlpFinishOem(RtlpConvertUpcase(UnicodeString, BytesInUnicodeString / sizeof(WCHAR),
                                    MultiByteString, MaxBytesInMultiByteString),
                  1, BytesInMultiByteString);
    return STATUS_SUCCESS;
}

/*
 * RtlUnicodeStringToCountedOemString - without a NUL behind it
 *
 * AllocateDestinationString  TRUE: RtlFreeOemString frees the buffer, which is NULL for no text
 *
 * Errors   STATUS_UNMAPPABLE_CHARACTER (half of a surrogate pair), STATUS_NO_MEMORY,
 *          STATUS_BUFFER_OVERFLOW (the caller's buffer is too small; nothing is written),
 *          STATUS_INVALID_PARAMETER_2 (the result is longer than a string can be)
 * IRQL     < DISPATCH_LEVEL
 * Source   WDK reference, nf-ntifs-rtlunicodestringtocountedoemstring
 */
NTSTATUS NTAPI
RtlUnicodeStringToCountedOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                   BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlUnicodeStringToCountedOemString);
    return RtlpToOemString(RtlpConvertUtf16, DestinationString, SourceString,
                           AllocateDestinationString, 0);
}

/* In upper case. Source: nf-ntifs-rtlupcaseunicodestringtocountedoemstring */
NTSTATUS NTAPI
RtlUpcaseUnicodeStringToCountedOemString(POEM_STRING DestinationString,
                                         PCUNICODE_STRING SourceString,
                                         BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlUpcaseUnicodeStringToCountedOemString);
    return RtlpToOemString(RtlpConvertUpcase, DestinationString, SourceString,
                           AllocateDestinationString, 0);
}

/* In upper case, with a NUL; what cannot be mapped is U+FFFD.
 * nf-ntifs-rtlupcaseunicodestringtooemstring
 */
NTSTATUS NTAPI
RtlUpcaseUnicodeStringToOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                  BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlUpcaseUnicodeStringToOemString);
    return RtlpToOemString(RtlpConvertUpcase, DestinationString, SourceString,
                           AllocateDestinationString, 1);
}

/*
 * RtlOemStringToCountedUnicodeString - without a NUL behind it
 *
 * Errors   STATUS_NO_MEMORY, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER_2
 * IRQL     < DISPATCH_LEVEL
 * Source   WDK reference, nf-ntifs-rtloemstringtocountedunicodestring
 */
NTSTATUS NTAPI
RtlOemStringToCountedUnicodeString(PUNICODE_STRING DestinationString, PCOEM_STRING SourceString,
                                   BOOLEAN AllocateDestinationString)
{
    NT_ENTER(RtlOemStringToCountedUnicodeString);
    SIZE_T size =
        RtlpUtf8ToUtf16(SourceString->Buffer, SourceString->Length, NULL, 0) * sizeof(WCHAR);

    if (size > MAXUSHORT) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (AllocateDestinationString) {
        DestinationString->Buffer = size == 0 ? NULL : RtlpAllocate(size);
        DestinationString->MaximumLength = (USHORT)size;
        if (DestinationString->Buffer == NULL && size != 0) {
            return STATUS_NO_MEMORY;
        }
    } else if (size > DestinationString->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlpUtf8ToUtf16(SourceString->Buffer, SourceString->Length, DestinationString->Buffer,
                    size / sizeof(WCHAR));
    DestinationString->Length = (USHORT)size;
    return STATUS_SUCCESS;
}

/* Any but half of a pair; *Char receives it in upper case. nf-ntifs-rtlisvalidoemcharacter */
BOOLEAN NTAPI
RtlIsValidOemCharacter(PWCHAR Char)
{
    NT_ENTER(RtlIsValidOemCharacter);
    if ((*Char & 0xF800) == 0xD800) {
        return FALSE;
    }
    *Char = RtlUpcaseUnicodeChar(*Char);
    return TRUE;
}

/*
 * RtlIsNameLegalDOS8Dot3 - is the name one of eight and three bytes?
 *
 * OemName             NULL, or receives the name in upper case; its buffer has at least 12 bytes
 * NameContainsSpaces  NULL, or receives whether one is inside; only with TRUE
 *
 * Source   WDK reference, nf-ntifs-rtlisnamelegaldos8dot3
 */
BOOLEAN NTAPI
RtlIsNameLegalDOS8Dot3(PCUNICODE_STRING Name, POEM_STRING OemName, PBOOLEAN NameContainsSpaces)
{
    NT_ENTER(RtlIsNameLegalDOS8Dot3);
    SIZE_T length = Name->Length / sizeof(WCHAR);
    RTLP_CONVERSION result;
    BOOLEAN spaces = FALSE;
    BOOLEAN dots;
    char text[12];

    result = RtlpConvertUpcase(Name->Buffer, length, text, sizeof(text));
    if (result.Needed > sizeof(text) || result.Needed == 0 || result.Invalid != 0) {
        return FALSE;
    }
    dots = text[0] == '.' && (result.Needed == 1 || (result.Needed == 2 && text[1] == '.'));
    if (!dots && !RtlpIsShortName(text, result.Needed, &spaces)) {
        return FALSE;
    }
    if (OemName != NULL) {
        if (OemName->MaximumLength < result.Needed) {
            return FALSE;
        }
        memcpy(OemName->Buffer, text, result.Needed);
        OemName->Length = (USHORT)result.Needed;
    }
    if (NameContainsSpaces != NULL) {
        *NameContainsSpaces = spaces;
    }
    return TRUE;
}

#pragma GCC visibility pop
