/* SPDX-License-Identifier: MIT
 *
 * ntbox/unicodesafe.h - the functions of ntstrsafe.h for UNICODE_STRINGs, which the package lacks
 *
 * None of them terminates what it writes: a UNICODE_STRING's length says where it ends. What does
 * not fit is cut off, and the status says so.
 * Differs  The Ex forms are not here: a driver that uses one is told at compile time.
 * Source   WDK reference, ntstrsafe.h: each function's own page.
 */
#ifndef NTBOX_UNICODESAFE_H
#define NTBOX_UNICODESAFE_H
#pragma GCC system_header

#ifndef NTSTRSAFE_UNICODE_STRING_MAX_CCH
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(WCHAR))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* STATUS_INVALID_PARAMETER: String is null, or contradicts itself. */
static __inline__ NTSTATUS
RtlUnicodeStringValidate(PCUNICODE_STRING String)
{
    if (String == NULL || String->Length % sizeof(WCHAR) != 0 ||
        String->MaximumLength % sizeof(WCHAR) != 0 || String->Length > String->MaximumLength ||
        (String->Buffer == NULL && String->MaximumLength != 0)) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* Characters before the first null, at most Limit. */
static __inline__ SIZE_T
NtboxCountText(const WCHAR *Text, SIZE_T Limit)
{
    SIZE_T count = 0;

    while (count < Limit && Text[count] != 0) {
        count++;
    }
    return count;
}

/* Puts Count characters behind the first Start bytes of String. */
static __inline__ NTSTATUS
NtboxPutText(PUNICODE_STRING String, USHORT Start, const WCHAR *Text, SIZE_T Count)
{
    SIZE_T room = (String->MaximumLength - Start) / sizeof(WCHAR);
    SIZE_T taken = Count < room ? Count : room;

    if (taken != 0) {
        RtlMoveMemory((PUCHAR)String->Buffer + Start, Text, taken * sizeof(WCHAR));
    }
    String->Length = (USHORT)(Start + taken * sizeof(WCHAR));
    return taken < Count ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static __inline__ NTSTATUS
RtlUnicodeStringInit(PUNICODE_STRING Target, const WCHAR *Text)
{
    SIZE_T count = 0;

    if (Target == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlZeroMemory(Target, sizeof(*Target));
    if (Text != NULL) {
        count = NtboxCountText(Text, NTSTRSAFE_UNICODE_STRING_MAX_CCH);
        if (count == NTSTRSAFE_UNICODE_STRING_MAX_CCH) {
            return STATUS_INVALID_PARAMETER;
        }
        Target->Length = (USHORT)(count * sizeof(WCHAR));
        Target->MaximumLength = (USHORT)(Target->Length + sizeof(WCHAR));
        Target->Buffer = (PWCH)Text;
    }
    return STATUS_SUCCESS;
}

/* ---- from UNICODE_STRINGs ---- */

/* Copies (Append 0) or appends at most Limit characters of Source. */
static __inline__ NTSTATUS
NtboxAddString(PUNICODE_STRING Target, PCUNICODE_STRING Source, SIZE_T Limit, BOOLEAN Append)
{
    SIZE_T count;

    if (!NT_SUCCESS(RtlUnicodeStringValidate(Target)) ||
        !NT_SUCCESS(RtlUnicodeStringValidate(Source))) {
        return STATUS_INVALID_PARAMETER;
    }
    count = Source->Length / sizeof(WCHAR);
    return NtboxPutText(Target, Append ? Target->Length : 0, Source->Buffer,
                        count < Limit ? count : Limit);
}

static __inline__ NTSTATUS
RtlUnicodeStringCopy(PUNICODE_STRING Target, PCUNICODE_STRING Source)
{
    return NtboxAddString(Target, Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, FALSE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCchCopyN(PUNICODE_STRING Target, PCUNICODE_STRING Source, SIZE_T Count)
{
    return NtboxAddString(Target, Source, Count, FALSE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCbCopyN(PUNICODE_STRING Target, PCUNICODE_STRING Source, SIZE_T Bytes)
{
    return NtboxAddString(Target, Source, Bytes / sizeof(WCHAR), FALSE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCat(PUNICODE_STRING Target, PCUNICODE_STRING Source)
{
    return NtboxAddString(Target, Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, TRUE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCchCatN(PUNICODE_STRING Target, PCUNICODE_STRING Source, SIZE_T Count)
{
    return NtboxAddString(Target, Source, Count, TRUE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCbCatN(PUNICODE_STRING Target, PCUNICODE_STRING Source, SIZE_T Bytes)
{
    return NtboxAddString(Target, Source, Bytes / sizeof(WCHAR), TRUE);
}

/* ---- from terminated text ---- */

static __inline__ NTSTATUS
NtboxAddText(PUNICODE_STRING Target, const WCHAR *Source, SIZE_T Limit, BOOLEAN Append)
{
    if (!NT_SUCCESS(RtlUnicodeStringValidate(Target)) || Source == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    return NtboxPutText(Target, Append ? Target->Length : 0, Source, NtboxCountText(Source, Limit));
}

static __inline__ NTSTATUS
RtlUnicodeStringCopyString(PUNICODE_STRING Target, const WCHAR *Source)
{
    return NtboxAddText(Target, Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, FALSE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCchCopyStringN(PUNICODE_STRING Target, const WCHAR *Source, SIZE_T Count)
{
    return NtboxAddText(Target, Source, Count, FALSE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCbCopyStringN(PUNICODE_STRING Target, const WCHAR *Source, SIZE_T Bytes)
{
    return NtboxAddText(Target, Source, Bytes / sizeof(WCHAR), FALSE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCatString(PUNICODE_STRING Target, const WCHAR *Source)
{
    return NtboxAddText(Target, Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, TRUE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCchCatStringN(PUNICODE_STRING Target, const WCHAR *Source, SIZE_T Count)
{
    return NtboxAddText(Target, Source, Count, TRUE);
}

static __inline__ NTSTATUS
RtlUnicodeStringCbCatStringN(PUNICODE_STRING Target, const WCHAR *Source, SIZE_T Bytes)
{
    return NtboxAddText(Target, Source, Bytes / sizeof(WCHAR), TRUE);
}

/* ---- formatted ---- */

static __inline__ NTSTATUS
RtlUnicodeStringVPrintf(PUNICODE_STRING Target, const WCHAR *Format, va_list Arguments)
{
    int room;
    int written;

    if (!NT_SUCCESS(RtlUnicodeStringValidate(Target)) || Format == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    room = Target->MaximumLength / (int)sizeof(WCHAR);
    written = room != 0 ? _vsnwprintf(Target->Buffer, (size_t)room, Format, Arguments) : -1;
    if (written < 0 || written > room) {
        Target->Length = (USHORT)(room * (int)sizeof(WCHAR));
        return STATUS_BUFFER_OVERFLOW;
    }
    Target->Length = (USHORT)(written * (int)sizeof(WCHAR));
    return STATUS_SUCCESS;
}

static __inline__ NTSTATUS
RtlUnicodeStringPrintf(PUNICODE_STRING Target, const WCHAR *Format, ...)
{
    NTSTATUS status;
    va_list arguments;

    va_start(arguments, Format);
    status = RtlUnicodeStringVPrintf(Target, Format, arguments);
    va_end(arguments);
    return status;
}

/* ---- into terminated text ---- */

static __inline__ NTSTATUS
RtlStringCchCopyUnicodeString(WCHAR *Target, SIZE_T Size, PCUNICODE_STRING Source)
{
    SIZE_T count;
    SIZE_T taken;

    if (Target == NULL || Size == 0 || Size > 0x7fffffff ||
        !NT_SUCCESS(RtlUnicodeStringValidate(Source))) {
        return STATUS_INVALID_PARAMETER;
    }
    count = Source->Length / sizeof(WCHAR);
    taken = count < Size ? count : Size - 1;
    if (taken != 0) {
        RtlMoveMemory(Target, Source->Buffer, taken * sizeof(WCHAR));
    }
    Target[taken] = 0;
    return taken < count ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static __inline__ NTSTATUS
RtlStringCbCopyUnicodeString(WCHAR *Target, SIZE_T Bytes, PCUNICODE_STRING Source)
{
    return RtlStringCchCopyUnicodeString(Target, Bytes / sizeof(WCHAR), Source);
}

#ifdef __cplusplus
}
#endif

#endif
