/* SPDX-License-Identifier: MIT
 *
 * rtl/utf.c - UTF-8 to UTF-16 and back, and the multi-byte routines on top of it
 *
 * The ANSI and OEM code pages are UTF-8, as on a Windows system set to code page 65001.
 *
 * Source  WDK reference, ntifs.h RtlUTF8ToUnicodeN, RtlUnicodeToUTF8N, RtlMultiByteToUnicodeN;
 *         the Unicode standard, 3.9, for what is replaced by U+FFFD
 */
#include "rtl/rtl.h"

#define REPLACEMENT 0xFFFDu
#define INVALID_SEQUENCE 0xFFFFFFFFu

/* How many bytes follow a first byte, and what the second one may be. 0 for an invalid first. */
typedef struct UTF8_LEAD {
    UCHAR Follow;
    UCHAR SecondLow;
    UCHAR SecondHigh;
} UTF8_LEAD;

static UTF8_LEAD
RtlpLead(UCHAR Byte)
{
    if (Byte >= 0xC2 && Byte <= 0xDF) {
        return (UTF8_LEAD){1, 0x80, 0xBF};
    }
    if (Byte >= 0xE0 && Byte <= 0xEF) {
        return (UTF8_LEAD){2, Byte == 0xE0 ? 0xA0 : 0x80, Byte == 0xED ? 0x9F : 0xBF};
    }
    if (Byte >= 0xF0 && Byte <= 0xF4) {
        return (UTF8_LEAD){3, Byte == 0xF0 ? 0x90 : 0x80, Byte == 0xF4 ? 0x8F : 0xBF};
    }
    return (UTF8_LEAD){0, 0, 0};
}

/* Takes one character, or one maximal invalid part: INVALID_SEQUENCE. Length > 0. */
static ULONG
RtlpTakeUtf8(const UCHAR **Source, SIZE_T *Length)
{
    const UCHAR *bytes = *Source;
    UTF8_LEAD lead;
    ULONG code;
    SIZE_T used = 1;

    if (bytes[0] < 0x80) {
        *Source += 1;
        *Length -= 1;
        return bytes[0];
    }
    lead = RtlpLead(bytes[0]);
    code = bytes[0] & (0x3Fu >> lead.Follow);
    while (used <= lead.Follow && used < *Length) {
        UCHAR low = used == 1 ? lead.SecondLow : 0x80;
        UCHAR high = used == 1 ? lead.SecondHigh : 0xBF;
        if (bytes[used] < low || bytes[used] > high) {
            break;
        }
        code = code << 6 | (bytes[used] & 0x3F);
        used++;
    }
    *Source += used;
    *Length -= used;
    return lead.Follow != 0 && used == (SIZE_T)lead.Follow + 1 ? code : INVALID_SEQUENCE;
}

static ULONG
RtlpTakeUtf16(const WCHAR **Source, SIZE_T *Length)
{
    ULONG first = (*Source)[0];

    *Source += 1;
    *Length -= 1;
    if (first < 0xD800 || first > 0xDFFF) {
        return first;
    }
    if (first <= 0xDBFF && *Length > 0 && (*Source)[0] >= 0xDC00 && (*Source)[0] <= 0xDFFF) {
        ULONG second = (*Source)[0];
        *Source += 1;
        *Length -= 1;
        return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    }
    return INVALID_SEQUENCE;
}

static SIZE_T
RtlpEncodeUtf16(ULONG Code, WCHAR Units[2])
{
    if (Code < 0x10000) {
        Units[0] = (WCHAR)Code;
        return 1;
    }
    Units[0] = (WCHAR)(0xD800 + ((Code - 0x10000) >> 10));
    Units[1] = (WCHAR)(0xDC00 + ((Code - 0x10000) & 0x3FF));
    return 2;
}

static SIZE_T
RtlpEncodeUtf8(ULONG Code, char Units[4])
{
    if (Code < 0x80) {
        Units[0] = (char)Code;
        return 1;
    }
    if (Code < 0x800) {
        Units[0] = (char)(0xC0 | Code >> 6);
        Units[1] = (char)(0x80 | (Code & 0x3F));
        return 2;
    }
    if (Code < 0x10000) {
        Units[0] = (char)(0xE0 | Code >> 12);
        Units[1] = (char)(0x80 | (Code >> 6 & 0x3F));
        Units[2] = (char)(0x80 | (Code & 0x3F));
        return 3;
    }
    Units[0] = (char)(0xF0 | Code >> 18);
    Units[1] = (char)(0x80 | (Code >> 12 & 0x3F));
    Units[2] = (char)(0x80 | (Code >> 6 & 0x3F));
    Units[3] = (char)(0x80 | (Code & 0x3F));
    return 4;
}

RTLP_CONVERSION
RtlpConvertUtf8(const char *Source, SIZE_T Length, WCHAR *Destination, SIZE_T Capacity)
{
    const UCHAR *source = (const UCHAR *)Source;
    RTLP_CONVERSION result = {0, 0, 0};

    while (Length > 0) {
        ULONG code = RtlpTakeUtf8(&source, &Length);
        WCHAR units[2];
        SIZE_T count;
        if (code == INVALID_SEQUENCE) {
            code = REPLACEMENT;
            result.Invalid++;
        }
        count = RtlpEncodeUtf16(code, units);
        if (result.Written == result.Needed && result.Needed + count <= Capacity) {
            memcpy(Destination + result.Written, units, count * sizeof(WCHAR));
            result.Written += count;
        }
        result.Needed += count;
    }
    return result;
}

RTLP_CONVERSION
RtlpConvertUtf16(const WCHAR *Source, SIZE_T Length, char *Destination, SIZE_T Capacity)
{
    RTLP_CONVERSION result = {0, 0, 0};

    while (Length > 0) {
        ULONG code = RtlpTakeUtf16(&Source, &Length);
        char units[4];
        SIZE_T count;
        if (code == INVALID_SEQUENCE) {
            code = REPLACEMENT;
            result.Invalid++;
        }
        count = RtlpEncodeUtf8(code, units);
        if (result.Written == result.Needed && result.Needed + count <= Capacity) {
            memcpy(Destination + result.Written, units, count);
            result.Written += count;
        }
        result.Needed += count;
    }
    return result;
}

SIZE_T
RtlpUtf8ToUtf16(const char *Source, SIZE_T Length, WCHAR *Destination, SIZE_T Capacity)
{
    return RtlpConvertUtf8(Source, Length, Destination, Capacity).Needed;
}

SIZE_T
RtlpUtf16ToUtf8(const WCHAR *Source, SIZE_T Length, char *Destination, SIZE_T Capacity)
{
    return RtlpConvertUtf16(Source, Length, Destination, Capacity).Needed;
}

#pragma GCC visibility push(default)

/*
 * RtlUTF8ToUnicodeN - UTF-8 to UTF-16; counts are bytes on both sides
 *
 * UnicodeStringDestination  NULL: only the size is asked for
 *
 * Returns  STATUS_SUCCESS; STATUS_SOME_NOT_MAPPED if something became U+FFFD;
 *          STATUS_BUFFER_TOO_SMALL with as many whole characters as fit
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
RtlUTF8ToUnicodeN(PWSTR UnicodeStringDestination, ULONG UnicodeStringMaxByteCount,
                  PULONG UnicodeStringActualByteCount, PCCH UTF8StringSource,
                  ULONG UTF8StringByteCount)
{
    NT_ENTER(RtlUTF8ToUnicodeN);
    RTLP_CONVERSION result;

    if (UTF8StringSource == NULL) {
        return STATUS_INVALID_PARAMETER_4;
    }
    if (UnicodeStringDestination == NULL && UnicodeStringActualByteCount == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    result = RtlpConvertUtf8(
        UTF8StringSource, UTF8StringByteCount, UnicodeStringDestination,
        UnicodeStringDestination == NULL ? 0 : UnicodeStringMaxByteCount / sizeof(WCHAR));
    if (UnicodeStringActualByteCount != NULL) {
        SIZE_T units = UnicodeStringDestination == NULL ? result.Needed : result.Written;
        *UnicodeStringActualByteCount = (ULONG)(units * sizeof(WCHAR));
    }
    if (UnicodeStringDestination != NULL && result.Written != result.Needed) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    return result.Invalid != 0 ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

/* As RtlUTF8ToUnicodeN, the other way round. */
NTSTATUS NTAPI
RtlUnicodeToUTF8N(PCHAR UTF8StringDestination, ULONG UTF8StringMaxByteCount,
                  PULONG UTF8StringActualByteCount, PCWCH UnicodeStringSource,
                  ULONG UnicodeStringByteCount)
{
    NT_ENTER(RtlUnicodeToUTF8N);
    RTLP_CONVERSION result;

    if (UnicodeStringSource == NULL) {
        return STATUS_INVALID_PARAMETER_4;
    }
    if (UnicodeStringByteCount % sizeof(WCHAR) != 0) {
        return STATUS_INVALID_PARAMETER_5;
    }
    if (UTF8StringDestination == NULL && UTF8StringActualByteCount == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    result = RtlpConvertUtf16(UnicodeStringSource, UnicodeStringByteCount / sizeof(WCHAR),
                              UTF8StringDestination,
                              UTF8StringDestination == NULL ? 0 : UTF8StringMaxByteCount);
    if (UTF8StringActualByteCount != NULL) {
        *UTF8StringActualByteCount =
            (ULONG)(UTF8StringDestination == NULL ? result.Needed : result.Written);
    }
    if (UTF8StringDestination != NULL && result.Written != result.Needed) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    return result.Invalid != 0 ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

/* Cuts what does not fit, at a character; always STATUS_SUCCESS. */
NTSTATUS NTAPI
RtlMultiByteToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString,
                       PULONG BytesInUnicodeString, const CHAR *MultiByteString,
                       ULONG BytesInMultiByteString)
{
    NT_ENTER(RtlMultiByteToUnicodeN);
    RTLP_CONVERSION result = RtlpConvertUtf8(MultiByteString, BytesInMultiByteString, UnicodeString,
                                             MaxBytesInUnicodeString / sizeof(WCHAR));

    if (BytesInUnicodeString != NULL) {
        *BytesInUnicodeString = (ULONG)(result.Written * sizeof(WCHAR));
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlUnicodeToMultiByteN(PCHAR MultiByteString, ULONG MaxBytesInMultiByteString,
                       PULONG BytesInMultiByteString, PCWCH UnicodeString,
                       ULONG BytesInUnicodeString)
{
    NT_ENTER(RtlUnicodeToMultiByteN);
    RTLP_CONVERSION result = RtlpConvertUtf16(UnicodeString, BytesInUnicodeString / sizeof(WCHAR),
                                              MultiByteString, MaxBytesInMultiByteString);

    if (BytesInMultiByteString != NULL) {
        *BytesInMultiByteString = (ULONG)result.Written;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlMultiByteToUnicodeSize(PULONG BytesInUnicodeString, const CHAR *MultiByteString,
                          ULONG BytesInMultiByteString)
{
    NT_ENTER(RtlMultiByteToUnicodeSize);
    *BytesInUnicodeString =
        (ULONG)(RtlpUtf8ToUtf16(MultiByteString, BytesInMultiByteString, NULL, 0) * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlUnicodeToMultiByteSize(PULONG BytesInMultiByteString, PCWCH UnicodeString,
                          ULONG BytesInUnicodeString)
{
    NT_ENTER(RtlUnicodeToMultiByteSize);
    *BytesInMultiByteString =
        (ULONG)RtlpUtf16ToUtf8(UnicodeString, BytesInUnicodeString / sizeof(WCHAR), NULL, 0);
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
