/* SPDX-License-Identifier: MIT
 *
 * rtl/number.c - numbers and GUIDs as text, byte order, random numbers
 *
 * Source  WDK reference, wdm.h and ntifs.h, the routine of each name
 */
#include "rtl/rtl.h"

static BOOLEAN
RtlpIsBase(ULONG Base)
{
    return Base == 2 || Base == 8 || Base == 10 || Base == 16;
}

static ULONG
RtlpDigit(WCHAR Unit)
{
    if (Unit >= '0' && Unit <= '9') {
        return Unit - '0';
    }
    if (Unit >= 'a' && Unit <= 'f') {
        return Unit - 'a' + 10;
    }
    if (Unit >= 'A' && Unit <= 'F') {
        return Unit - 'A' + 10;
    }
    return 16;
}

static WCHAR
RtlpUnitAt(const void *Text, SIZE_T Index, BOOLEAN Wide)
{
    return Wide ? ((const WCHAR *)Text)[Index] : (WCHAR)((const UCHAR *)Text)[Index];
}

/*
 * Reads white space, a sign, a prefix (0x, 0o, 0b, when Base is 0) and digits up to the first
 * that is none. Overflow wraps, as on Windows. Length of a C string: SIZE_MAX, it ends at NUL.
 */
static ULONGLONG
RtlpParse(const void *Text, SIZE_T Length, BOOLEAN Wide, ULONG Base)
{
    SIZE_T i = 0;
    BOOLEAN negative = FALSE;
    ULONGLONG value = 0;

    while (i < Length && RtlpUnitAt(Text, i, Wide) != 0 && RtlpUnitAt(Text, i, Wide) <= ' ') {
        i++;
    }
    if (i < Length && (RtlpUnitAt(Text, i, Wide) == '-' || RtlpUnitAt(Text, i, Wide) == '+')) {
        negative = RtlpUnitAt(Text, i, Wide) == '-';
        i++;
    }
    if (Base == 0) {
        Base = 10;
        if (i < Length && RtlpUnitAt(Text, i, Wide) == '0' && i + 1 < Length) {
            WCHAR mark = RtlpUnitAt(Text, i + 1, Wide);
            Base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
            i += Base != 10 ? 2 : 0;
        }
    }
    while (i < Length && RtlpDigit(RtlpUnitAt(Text, i, Wide)) < Base) {
        value = value * Base + RtlpDigit(RtlpUnitAt(Text, i, Wide));
        i++;
    }
    return negative ? 0 - value : value;
}

static NTSTATUS
RtlpFormat(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR digits[65];
    ULONG first = RTL_NUMBER_OF(digits);
    UNICODE_STRING text;

    if (Base == 0) {
        Base = 10;
    }
    if (!RtlpIsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    do {
        digits[--first] = (WCHAR) "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    text.Buffer = &digits[first];
    text.Length = (USHORT)((RTL_NUMBER_OF(digits) - first) * sizeof(WCHAR));
    text.MaximumLength = text.Length;
    if (text.Length + sizeof(WCHAR) > String->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlCopyUnicodeString(String, &text); /* and a terminator, as there is room */
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

/*
 * RtlIntegerToUnicodeString - a number as text, with a terminating NUL
 *
 * Base     0 (10), 2, 8, 10 or 16
 *
 * Errors   STATUS_INVALID_PARAMETER (base), STATUS_BUFFER_OVERFLOW (no room for text and NUL)
 */
NTSTATUS NTAPI
RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    NT_ENTER(RtlIntegerToUnicodeString);
    return RtlpFormat(Value, Base, String);
}

NTSTATUS NTAPI
RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    NT_ENTER(RtlInt64ToUnicodeString);
    return RtlpFormat(Value, Base, String);
}

/*
 * RtlUnicodeStringToInteger - the number that a text begins with; 0 if it begins with none
 *
 * Base     0: by the prefix 0x, 0o or 0b, else 10
 *
 * Errors   STATUS_INVALID_PARAMETER: an empty string, an unknown base
 * Source   WDK reference, nf-wdm-rtlunicodestringtointeger
 */
NTSTATUS NTAPI
RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    NT_ENTER(RtlUnicodeStringToInteger);
    if (String->Length < sizeof(WCHAR) || (Base != 0 && !RtlpIsBase(Base))) {
        return STATUS_INVALID_PARAMETER;
    }
    *Value = (ULONG)RtlpParse(String->Buffer, String->Length / sizeof(WCHAR), TRUE, Base);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlCharToInteger(PCSZ String, ULONG Base, PULONG Value)
{
    NT_ENTER(RtlCharToInteger);
    if (Base != 0 && !RtlpIsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    *Value = (ULONG)RtlpParse(String, SIZE_MAX, FALSE, Base);
    return STATUS_SUCCESS;
}

/* ---- GUIDs: {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx} ---- */

#define GUID_UNITS 38

/* Byte of the GUID's memory behind each pair of digits, in the order of the text. */
static const UCHAR RtlpGuidBytes[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
/* Where each pair starts in the text. */
static const UCHAR RtlpGuidPlaces[16] = {1,  3,  5,  7,  10, 12, 15, 17,
                                         20, 22, 25, 27, 29, 31, 33, 35};
static const UCHAR RtlpGuidDashes[4] = {9, 14, 19, 24};

/* Allocates the buffer: free it with RtlFreeUnicodeString. Errors: STATUS_NO_MEMORY. */
NTSTATUS NTAPI
RtlStringFromGUID(REFGUID Guid, PUNICODE_STRING GuidString)
{
    NT_ENTER(RtlStringFromGUID);
    PWSTR text = RtlpAllocate((GUID_UNITS + 1) * sizeof(WCHAR));

    if (text == NULL) {
        return STATUS_NO_MEMORY;
    }
    text[0] = '{';
    text[GUID_UNITS - 1] = '}';
    text[GUID_UNITS] = 0;
    NT_FOR_EACH (dash, RtlpGuidDashes) {
        text[*dash] = '-';
    }
    for (ULONG i = 0; i < 16; i++) {
        UCHAR byte = ((const UCHAR *)Guid)[RtlpGuidBytes[i]];
        text[RtlpGuidPlaces[i]] = (WCHAR) "0123456789ABCDEF"[byte >> 4];
        text[RtlpGuidPlaces[i] + 1] = (WCHAR) "0123456789ABCDEF"[byte & 15];
    }
    GuidString->Buffer = text;
    GuidString->Length = GUID_UNITS * sizeof(WCHAR);
    GuidString->MaximumLength = (GUID_UNITS + 1) * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlGUIDFromString(PUNICODE_STRING GuidString, GUID *Guid)
{
    NT_ENTER(RtlGUIDFromString);
    const WCHAR *text = GuidString->Buffer;
    UCHAR bytes[16];

    if (GuidString->Length != GUID_UNITS * sizeof(WCHAR) || text[0] != '{' ||
        text[GUID_UNITS - 1] != '}') {
        return STATUS_INVALID_PARAMETER;
    }
    NT_FOR_EACH (dash, RtlpGuidDashes) {
        if (text[*dash] != '-') {
            return STATUS_INVALID_PARAMETER;
        }
    }
    for (ULONG i = 0; i < 16; i++) {
        ULONG high = RtlpDigit(text[RtlpGuidPlaces[i]]);
        ULONG low = RtlpDigit(text[RtlpGuidPlaces[i] + 1]);
        if (high > 15 || low > 15) {
            return STATUS_INVALID_PARAMETER;
        }
        bytes[RtlpGuidBytes[i]] = (UCHAR)(high << 4 | low);
    }
    memcpy(Guid, bytes, sizeof(bytes));
    return STATUS_SUCCESS;
}

/* ---- byte order; the headers' macros of these names are for callers ---- */

#undef RtlUshortByteSwap
#undef RtlUlongByteSwap
#undef RtlUlonglongByteSwap
USHORT FASTCALL RtlUshortByteSwap(USHORT Source);
ULONG FASTCALL RtlUlongByteSwap(ULONG Source);
ULONGLONG FASTCALL RtlUlonglongByteSwap(ULONGLONG Source);

USHORT FASTCALL
RtlUshortByteSwap(USHORT Source)
{
    return __builtin_bswap16(Source);
}

ULONG FASTCALL
RtlUlongByteSwap(ULONG Source)
{
    return __builtin_bswap32(Source);
}

ULONGLONG FASTCALL
RtlUlonglongByteSwap(ULONGLONG Source)
{
    return __builtin_bswap64(Source);
}

/*
 * RtlRandomEx - the next number, 0..MAXLONG-1, of the sequence that *Seed stands for
 *
 * Differs  the sequence of a seed is not the one of Windows, which is not documented
 */
ULONG NTAPI
RtlRandomEx(PULONG Seed)
{
    NT_ENTER(RtlRandomEx);
    ULONG64 state = *Seed + 0x9E3779B97F4A7C15ull;

    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9ull;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBull;
    *Seed = (ULONG)(state >> 32);
    return (ULONG)((state & 0xFFFFFFFF) % MAXLONG);
}

ULONG NTAPI
RtlRandom(PULONG Seed)
{
    NT_ENTER(RtlRandom);
    return RtlRandomEx(Seed);
}

#pragma GCC visibility pop
