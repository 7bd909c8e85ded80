/* SPDX-License-Identifier: MIT
 *
 * ntdll/text.c - UTF-8 and UTF-16, and the counted strings
 *
 * An ill-formed sequence becomes U+FFFD, one for each maximal part of a sequence that could have
 * been well-formed, as Windows and the Unicode standard (3.9, U+FFFD substitution) have it.
 */
#include <stdlib.h>

#include "ntdll/ntdll.h"

#define REPLACEMENT 0xFFFDu
#define BAD_SEQUENCE UINT32_MAX

/*
 * Takes one character off the front: *Used bytes. BAD_SEQUENCE: they are the maximal part of an
 * ill-formed sequence.
 */
static uint32_t
DecodeUtf8(const unsigned char *Text, size_t Length, size_t *Used)
{
    uint32_t lead = Text[0];
    uint32_t low = 0x80;
    uint32_t high = 0xBF;
    uint32_t code;
    size_t more;

    *Used = 1;
    if (lead < 0x80) {
        return lead;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        more = 1;
        code = lead & 0x1F;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        more = 2;
        code = lead & 0x0F;
        low = lead == 0xE0 ? 0xA0 : 0x80;
        high = lead == 0xED ? 0x9F : 0xBF; /* no surrogates */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        more = 3;
        code = lead & 0x07;
        low = lead == 0xF0 ? 0x90 : 0x80;
        high = lead == 0xF4 ? 0x8F : 0xBF; /* nothing above U+10FFFF */
    } else {
        return BAD_SEQUENCE;
    }
    for (; more != 0; more--) {
        if (*Used == Length || Text[*Used] < low || Text[*Used] > high) {
            return BAD_SEQUENCE;
        }
        code = code << 6 | (Text[*Used] & 0x3F);
        low = 0x80;
        high = 0xBF;
        ++*Used;
    }
    return code;
}

size_t
NtdllUtf8ToUtf16(PWSTR Target, size_t Size, const char *Source, size_t Length, int Strict)
{
    const unsigned char *text = (const unsigned char *)Source;
    size_t written = 0;

    while (Length != 0) {
        size_t used;
        uint32_t code = DecodeUtf8(text, Length, &used);
        WCHAR units[2];
        size_t count = 1;

        if (code == BAD_SEQUENCE) {
            if (Strict) {
                return SIZE_MAX;
            }
            code = REPLACEMENT;
        }
        units[0] = (WCHAR)code;
        if (code >= 0x10000) {
            units[0] = (WCHAR)(0xD800 + ((code - 0x10000) >> 10));
            units[1] = (WCHAR)(0xDC00 + ((code - 0x10000) & 0x3FF));
            count = 2;
        }
        for (size_t i = 0; i < count && written + i < Size; i++) {
            Target[written + i] = units[i];
        }
        written += count;
        text += used;
        Length -= used;
    }
    return written;
}

static uint32_t
DecodeUtf16(PCWSTR Text, size_t Length, size_t *Used)
{
    uint32_t unit = Text[0];

    *Used = 1;
    if (unit < 0xD800 || unit > 0xDFFF) {
        return unit;
    }
    if (unit > 0xDBFF || Length < 2 || Text[1] < 0xDC00 || Text[1] > 0xDFFF) {
        return BAD_SEQUENCE;
    }
    *Used = 2;
    return 0x10000 + ((unit - 0xD800) << 10) + (Text[1] - 0xDC00u);
}

static size_t
EncodeUtf8(uint32_t Code, unsigned char Bytes[4])
{
    if (Code < 0x80) {
        Bytes[0] = (unsigned char)Code;
        return 1;
    }
    if (Code < 0x800) {
        Bytes[0] = (unsigned char)(0xC0 | Code >> 6);
        Bytes[1] = (unsigned char)(0x80 | (Code & 0x3F));
        return 2;
    }
    if (Code < 0x10000) {
        Bytes[0] = (unsigned char)(0xE0 | Code >> 12);
        Bytes[1] = (unsigned char)(0x80 | (Code >> 6 & 0x3F));
        Bytes[2] = (unsigned char)(0x80 | (Code & 0x3F));
        return 3;
    }
    Bytes[0] = (unsigned char)(0xF0 | Code >> 18);
    Bytes[1] = (unsigned char)(0x80 | (Code >> 12 & 0x3F));
    Bytes[2] = (unsigned char)(0x80 | (Code >> 6 & 0x3F));
    Bytes[3] = (unsigned char)(0x80 | (Code & 0x3F));
    return 4;
}

size_t
NtdllUtf16ToUtf8(char *Target, size_t Size, PCWSTR Source, size_t Length, int Strict)
{
    size_t written = 0;

    while (Length != 0) {
        size_t used;
        uint32_t code = DecodeUtf16(Source, Length, &used);
        unsigned char bytes[4];
        size_t count;

        if (code == BAD_SEQUENCE) {
            if (Strict) {
                return SIZE_MAX;
            }
            code = REPLACEMENT;
        }
        count = EncodeUtf8(code, bytes);
        for (size_t i = 0; i < count && written + i < Size; i++) {
            Target[written + i] = (char)bytes[i];
        }
        written += count;
        Source += used;
        Length -= used;
    }
    return written;
}

size_t
NtdllWideLength(PCWSTR Text)
{
    size_t length = 0;

    while (Text[length] != 0) {
        length++;
    }
    return length;
}

PWSTR
NtdllWiden(const char *Text)
{
    size_t size;
    PWSTR wide;

    if (Text == NULL) {
        return NULL;
    }
    size = NtdllUtf8ToUtf16(NULL, 0, Text, strlen(Text), 0);
    wide = malloc((size + 1) * sizeof(WCHAR));
    if (wide != NULL) {
        NtdllUtf8ToUtf16(wide, size, Text, strlen(Text), 0);
        wide[size] = 0;
    }
    return wide;
}

char *
NtdllNarrow(PCWSTR Text)
{
    size_t size;
    char *narrow;

    if (Text == NULL) {
        return NULL;
    }
    size = NtdllUtf16ToUtf8(NULL, 0, Text, NtdllWideLength(Text), 0);
    narrow = malloc(size + 1);
    if (narrow != NULL) {
        NtdllUtf16ToUtf8(narrow, size, Text, NtdllWideLength(Text), 0);
        narrow[size] = '\0';
    }
    return narrow;
}

/* ---- counted strings ---- */

VOID NTAPI
RtlInitUnicodeString(PUNICODE_STRING Target, PCWSTR Source)
{
    size_t bytes = 0;

    Target->Buffer = (PWSTR)Source;
    Target->Length = 0;
    Target->MaximumLength = 0;
    if (Source != NULL) {
        bytes = NtdllWideLength(Source) * sizeof(WCHAR);
        /* As on Windows, a longer text is cut to what the count can say. */
        bytes = bytes > 0xFFFC ? 0xFFFC : bytes;
        Target->Length = (USHORT)bytes;
        Target->MaximumLength = (USHORT)(bytes + sizeof(WCHAR));
    }
}

VOID NTAPI
RtlInitAnsiString(PANSI_STRING Target, PCSZ Source)
{
    size_t bytes = 0;

    Target->Buffer = (PCHAR)Source;
    Target->Length = 0;
    Target->MaximumLength = 0;
    if (Source != NULL) {
        bytes = strlen((const char *)Source);
        bytes = bytes > 0xFFFE ? 0xFFFE : bytes;
        Target->Length = (USHORT)bytes;
        Target->MaximumLength = (USHORT)(bytes + 1);
    }
}

VOID NTAPI
RtlInitString(PSTRING Target, PCSZ Source)
{
    RtlInitAnsiString(Target, Source);
}

/* Frees what RtlAnsiStringToUnicodeString or RtlDosPathNameToNtPathName_U allocated. */
VOID NTAPI
RtlFreeUnicodeString(PUNICODE_STRING String)
{
    free(String->Buffer);
    memset(String, 0, sizeof(*String));
}

VOID NTAPI
RtlFreeAnsiString(PANSI_STRING String)
{
    free(String->Buffer);
    memset(String, 0, sizeof(*String));
}

/*
 * RtlAnsiStringToUnicodeString - UTF-8 to UTF-16; the ANSI code page of a client is UTF-8
 *
 * Returns  STATUS_INVALID_PARAMETER_2: the result is too long for a counted string;
 *          STATUS_BUFFER_OVERFLOW: it does not fit Target; STATUS_NO_MEMORY
 */
NTSTATUS NTAPI
RtlAnsiStringToUnicodeString(PUNICODE_STRING Target, PCANSI_STRING Source, BOOLEAN Allocate)
{
    size_t length = NtdllUtf8ToUtf16(NULL, 0, Source->Buffer, Source->Length, 0);
    size_t bytes = length * sizeof(WCHAR);

    if (bytes + sizeof(WCHAR) > 0xFFFE) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (Allocate) {
        Target->Buffer = malloc(bytes + sizeof(WCHAR));
        if (Target->Buffer == NULL) {
            return STATUS_NO_MEMORY;
        }
        Target->MaximumLength = (USHORT)(bytes + sizeof(WCHAR));
    } else if (bytes >= Target->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    NtdllUtf8ToUtf16(Target->Buffer, length, Source->Buffer, Source->Length, 0);
    Target->Buffer[length] = 0;
    Target->Length = (USHORT)bytes;
    return STATUS_SUCCESS;
}

/* The other way; same results. */
NTSTATUS NTAPI
RtlUnicodeStringToAnsiString(PANSI_STRING Target, PCUNICODE_STRING Source, BOOLEAN Allocate)
{
    size_t units = Source->Length / sizeof(WCHAR);
    size_t length = NtdllUtf16ToUtf8(NULL, 0, Source->Buffer, units, 0);

    if (length + 1 > 0xFFFF) {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (Allocate) {
        Target->Buffer = malloc(length + 1);
        if (Target->Buffer == NULL) {
            return STATUS_NO_MEMORY;
        }
        Target->MaximumLength = (USHORT)(length + 1);
    } else if (length >= Target->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    NtdllUtf16ToUtf8(Target->Buffer, length, Source->Buffer, units, 0);
    Target->Buffer[length] = '\0';
    Target->Length = (USHORT)length;
    return STATUS_SUCCESS;
}
