/* SPDX-License-Identifier: MIT
 *
 * kernel32/error.c - FormatMessage
 *
 * The message is put together as UTF-16 in one growing buffer and then given to the caller in
 * the form asked for; the A form converts it to UTF-8.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define INSERT_LIMIT 99

typedef struct BASE_MESSAGE {
    PWSTR Text;
    size_t Length;
    size_t Size;
    DWORD Error;      /* 0 while all is well */
    BOOLEAN Wide;     /* inserts without a format are wide strings */
    ULONG_PTR *Array; /* FORMAT_MESSAGE_ARGUMENT_ARRAY, or the list read so far */
    va_list *List;    /* NULL: all of Array can be read */
    ULONG ReadCount;  /* of Array, when List is not NULL */
    ULONG_PTR Values[INSERT_LIMIT];
} BASE_MESSAGE;

static VOID
AppendUnit(BASE_MESSAGE *Message, WCHAR Unit)
{
    if (Message->Length == Message->Size) {
        size_t size = Message->Size != 0 ? Message->Size * 2 : 128;
        PWSTR text = realloc(Message->Text, size * sizeof(WCHAR));

        if (text == NULL) {
            Message->Error = ERROR_NOT_ENOUGH_MEMORY;
            return;
        }
        Message->Text = text;
        Message->Size = size;
    }
    Message->Text[Message->Length++] = Unit;
}

static VOID
AppendWide(BASE_MESSAGE *Message, PCWSTR Text, size_t Limit)
{
    for (size_t i = 0; i < Limit && Text[i] != 0; i++) {
        AppendUnit(Message, Text[i]);
    }
}

static VOID
AppendNarrow(BASE_MESSAGE *Message, const char *Text, size_t Limit)
{
    size_t length = strnlen(Text, Limit);
    size_t units = NtdllUtf8ToUtf16(NULL, 0, Text, length, 0);
    PWSTR wide = malloc((units + 1) * sizeof(WCHAR));

    if (wide == NULL) {
        Message->Error = ERROR_NOT_ENOUGH_MEMORY;
        return;
    }
    NtdllUtf8ToUtf16(wide, units, Text, length, 0);
    wide[units] = 0;
    AppendWide(Message, wide, units);
    free(wide);
}

/* Insert number Index (from 1). */
static ULONG_PTR
ReadInsert(BASE_MESSAGE *Message, ULONG Index)
{
    if (Message->List == NULL) {
        if (Message->Array == NULL) {
            Message->Error = ERROR_INVALID_PARAMETER;
            return 0;
        }
        return Message->Array[Index - 1];
    }
    while (Message->ReadCount < Index) {
        Message->Values[Message->ReadCount++] = va_arg(*Message->List, ULONG_PTR);
    }
    return Message->Values[Index - 1];
}

typedef struct BASE_INSERT_FORMAT {
    char Flags[8];
    int Width;      /* -1: none */
    int Precision;  /* -1: none */
    BOOLEAN Long64; /* I64, ll, p */
    BOOLEAN Long;   /* l or w: a wide string */
    BOOLEAN Short;  /* h: a narrow string */
    char Conversion;
} BASE_INSERT_FORMAT;

/* Reads what stands between two exclamation marks; FALSE when it makes no sense. */
static BOOLEAN
ParseFormat(PCWSTR Text, size_t Length, BASE_INSERT_FORMAT *Format)
{
    size_t at = 0;
    size_t flags = 0;

    memset(Format, 0, sizeof(*Format));
    Format->Width = -1;
    Format->Precision = -1;
    while (at < Length && flags + 1 < sizeof(Format->Flags) &&
           (Text[at] == L'-' || Text[at] == L'0' || Text[at] == L'#' || Text[at] == L'+' ||
            Text[at] == L' ')) {
        Format->Flags[flags++] = (char)Text[at++];
    }
    for (; at < Length && Text[at] >= L'0' && Text[at] <= L'9'; at++) {
        Format->Width = (Format->Width < 0 ? 0 : Format->Width * 10) + (Text[at] - L'0');
    }
    if (at < Length && Text[at] == L'.') {
        Format->Precision = 0;
        for (at++; at < Length && Text[at] >= L'0' && Text[at] <= L'9'; at++) {
            Format->Precision = Format->Precision * 10 + (Text[at] - L'0');
        }
    }
    if (Format->Width > 1024 || Format->Precision > 1024) {
        return FALSE;
    }
    for (; at + 1 < Length; at++) {
        if (Text[at] == L'I' && at + 3 < Length && Text[at + 1] == L'6' && Text[at + 2] == L'4') {
            Format->Long64 = TRUE;
            at += 2;
        } else if (Text[at] == L'l' && Text[at + 1] == L'l') {
            Format->Long64 = TRUE;
            at++;
        } else if (Text[at] == L'l' || Text[at] == L'w') {
            Format->Long = TRUE;
        } else if (Text[at] == L'h') {
            Format->Short = TRUE;
        } else {
            return FALSE;
        }
    }
    Format->Conversion = at < Length ? (char)Text[at] : '\0';
    return Format->Conversion != '\0';
}

static VOID
AppendString(BASE_MESSAGE *Message, const BASE_INSERT_FORMAT *Format, ULONG_PTR Value)
{
    BOOLEAN wide = Format->Conversion == 'S' ? !Message->Wide : Message->Wide;
    size_t limit = Format->Precision < 0 ? SIZE_MAX : (size_t)Format->Precision;
    size_t width = Format->Width < 0 ? 0 : (size_t)Format->Width;
    BOOLEAN left = strchr(Format->Flags, '-') != NULL;
    size_t start = Message->Length;
    size_t length;

    if (Format->Long || Format->Short) {
        wide = Format->Long;
    }
    if (Value == 0) {
        AppendNarrow(Message, "(null)", limit);
    } else if (wide) {
        AppendWide(Message, (PCWSTR)Value, limit);
    } else {
        AppendNarrow(Message, (const char *)Value, limit);
    }
    length = Message->Length - start;
    for (size_t i = length; i < width; i++) {
        AppendUnit(Message, L' ');
    }
    if (!left && length < width && Message->Error == 0) {
        memmove(&Message->Text[start + width - length], &Message->Text[start],
                length * sizeof(WCHAR));
        for (size_t i = start; i < start + width - length; i++) {
            Message->Text[i] = L' ';
        }
    }
}

static VOID
AppendInsert(BASE_MESSAGE *Message, ULONG Index, PCWSTR Format, size_t Length)
{
    ULONG_PTR value = ReadInsert(Message, Index);
    BASE_INSERT_FORMAT parsed;
    char pattern[32];
    char text[1100];

    if (!ParseFormat(Format, Length, &parsed)) {
        Message->Error = ERROR_INVALID_PARAMETER;
    }
    if (Message->Error != 0) {
        return;
    }
    if (parsed.Conversion == 's' || parsed.Conversion == 'S') {
        AppendString(Message, &parsed, value);
        return;
    }
    if (parsed.Conversion == 'c' || parsed.Conversion == 'C') {
        AppendUnit(Message, (WCHAR)value);
        return;
    }
    if (parsed.Conversion == 'p') {
        snprintf(text, sizeof(text), "%016llX", (unsigned long long)value);
    } else if (strchr("diuxXo", parsed.Conversion) != NULL) {
        BOOLEAN isSigned = parsed.Conversion == 'd' || parsed.Conversion == 'i';
        long long number = parsed.Long64 ? (long long)value
                           : isSigned    ? (long long)(INT)value
                                         : (long long)(UINT)value;

        snprintf(pattern, sizeof(pattern), "%%%s*.*ll%c", parsed.Flags, parsed.Conversion);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), pattern, parsed.Width < 0 ? 0 : parsed.Width, parsed.Precision,
                 number);
#pragma GCC diagnostic pop
    } else {
        Message->Error = ERROR_INVALID_PARAMETER;
        return;
    }
    AppendNarrow(Message, text, sizeof(text));
}

/* The character after a percent sign that stands for itself or for white space. */
static BOOLEAN
AppendEscape(BASE_MESSAGE *Message, WCHAR Unit)
{
    switch (Unit) {
    case L'n':
        AppendUnit(Message, L'\r');
        AppendUnit(Message, L'\n');
        return TRUE;
    case L'r':
        AppendUnit(Message, L'\r');
        return TRUE;
    case L't':
        AppendUnit(Message, L'\t');
        return TRUE;
    case L'b':
        AppendUnit(Message, L' ');
        return TRUE;
    default:
        AppendUnit(Message, Unit);
        return TRUE;
    }
}

static VOID
FormatText(BASE_MESSAGE *Message, PCWSTR Source, DWORD Flags)
{
    static const WCHAR plain[] = L"s";

    for (size_t i = 0; Source[i] != 0 && Message->Error == 0; i++) {
        ULONG index;
        size_t start;

        if (Source[i] != L'%') {
            AppendUnit(Message, Source[i]);
            continue;
        }
        i++;
        if (Source[i] == L'0') {
            return; /* ends the message without a line end */
        }
        if (Source[i] < L'1' || Source[i] > L'9') {
            if (Source[i] == 0) {
                Message->Error = ERROR_INVALID_PARAMETER;
                return;
            }
            AppendEscape(Message, Source[i]);
            continue;
        }
        start = i;
        index = (ULONG)(Source[i] - L'0');
        if (Source[i + 1] >= L'0' && Source[i + 1] <= L'9') {
            index = index * 10 + (ULONG)(Source[++i] - L'0');
        }
        if ((Flags & FORMAT_MESSAGE_IGNORE_INSERTS) != 0) {
            AppendUnit(Message, L'%');
            AppendWide(Message, &Source[start], i + 1 - start);
            continue;
        }
        if (Source[i + 1] != L'!') {
            AppendInsert(Message, index, plain, 1);
            continue;
        }
        start = i + 2;
        for (i = start; Source[i] != L'!'; i++) {
            if (Source[i] == 0) {
                Message->Error = ERROR_INVALID_PARAMETER;
                return;
            }
        }
        AppendInsert(Message, index, &Source[start], i - start);
    }
}

/* Makes the whole message; FALSE and the last error. The caller frees Message->Text. */
static BOOL
MakeMessage(BASE_MESSAGE *Message, DWORD Flags, PCWSTR Source, DWORD Id, va_list *Arguments)
{
    const char *text;
    PWSTR wide = NULL;

    if ((Flags & FORMAT_MESSAGE_ARGUMENT_ARRAY) != 0) {
        Message->Array = (ULONG_PTR *)Arguments;
    } else {
        Message->List = Arguments;
    }
    if ((Flags & FORMAT_MESSAGE_FROM_HMODULE) != 0 &&
        (Flags & (FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_FROM_STRING)) == 0) {
        return BaseFail(ERROR_RESOURCE_TYPE_NOT_FOUND);
    }
    if (Source == NULL && (Flags & FORMAT_MESSAGE_FROM_STRING) != 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if ((Flags & FORMAT_MESSAGE_FROM_STRING) == 0) {
        if ((Flags & FORMAT_MESSAGE_FROM_SYSTEM) == 0) {
            return BaseFail(ERROR_INVALID_PARAMETER);
        }
        text = NtdllErrorText((Id & 0xFFFF0000u) == 0x80070000u ? Id & 0xFFFF : Id);
        if (text == NULL) {
            return BaseFail(ERROR_MR_MID_NOT_FOUND);
        }
        wide = NtdllWiden(text);
        if (wide == NULL) {
            return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        }
        Source = wide;
    }
    FormatText(Message, Source, Flags);
    if (wide != NULL && (Flags & FORMAT_MESSAGE_MAX_WIDTH_MASK) != FORMAT_MESSAGE_MAX_WIDTH_MASK) {
        AppendUnit(Message, L'\r');
        AppendUnit(Message, L'\n');
    } else if (wide != NULL) {
        AppendUnit(Message, L' ');
    }
    free(wide);
    return Message->Error != 0 ? BaseFail(Message->Error) : TRUE;
}

/*
 * FormatMessageW - text for an error, or from a pattern with inserts
 *
 * Flags    FROM_SYSTEM (English only, whatever Language), FROM_STRING, ALLOCATE_BUFFER (freed with
 *          LocalFree), IGNORE_INSERTS, ARGUMENT_ARRAY; a line width only as MAX_WIDTH_MASK
 * Returns  units without the NUL; 0 and the last error: ERROR_MR_MID_NOT_FOUND,
 *          ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_PARAMETER, and ERROR_RESOURCE_TYPE_NOT_FOUND
 *          for FROM_HMODULE, as no image has messages here
 * Source   SDK reference, nf-winbase-formatmessagew
 */
DWORD WINAPI
FormatMessageW(DWORD Flags, LPCVOID Source, DWORD Id, DWORD Language, LPWSTR Buffer, DWORD Size,
               va_list *Arguments)
{
    BASE_MESSAGE message = {.Wide = TRUE};
    DWORD result = 0;

    if (!MakeMessage(&message, Flags, Source, Id, Arguments)) {
        free(message.Text);
        return 0;
    }
    if ((Flags & FORMAT_MESSAGE_ALLOCATE_BUFFER) != 0) {
        size_t units = message.Length + 1 > Size ? message.Length + 1 : Size;

        Size = (DWORD)units;
        *(LPWSTR *)Buffer = LocalAlloc(LMEM_FIXED, units * sizeof(WCHAR));
        Buffer = *(LPWSTR *)Buffer;
    }
    if (Buffer == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    } else if (message.Length + 1 > Size) {
        BaseFail(ERROR_INSUFFICIENT_BUFFER);
    } else {
        memcpy(Buffer, message.Text, message.Length * sizeof(WCHAR));
        Buffer[message.Length] = 0;
        result = (DWORD)message.Length;
    }
    free(message.Text);
    return result;
}

/* FormatMessageA - the same in UTF-8; sizes are bytes */
DWORD WINAPI
FormatMessageA(DWORD Flags, LPCVOID Source, DWORD Id, DWORD Language, LPSTR Buffer, DWORD Size,
               va_list *Arguments)
{
    BASE_MESSAGE message = {.Wide = FALSE};
    PWSTR source = (Flags & FORMAT_MESSAGE_FROM_STRING) != 0 ? NtdllWiden(Source) : NULL;
    DWORD result = 0;
    size_t bytes;

    if (!MakeMessage(&message, Flags, source, Id, Arguments)) {
        goto Free;
    }
    bytes = NtdllUtf16ToUtf8(NULL, 0, message.Text, message.Length, 0);
    if ((Flags & FORMAT_MESSAGE_ALLOCATE_BUFFER) != 0) {
        Size = (DWORD)(bytes + 1 > Size ? bytes + 1 : Size);
        *(LPSTR *)Buffer = LocalAlloc(LMEM_FIXED, Size);
        Buffer = *(LPSTR *)Buffer;
    }
    if (Buffer == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    } else if (bytes + 1 > Size) {
        BaseFail(ERROR_INSUFFICIENT_BUFFER);
    } else {
        NtdllUtf16ToUtf8(Buffer, bytes, message.Text, message.Length, 0);
        Buffer[bytes] = '\0';
        result = (DWORD)bytes;
    }
Free:
    free(message.Text);
    free(source);
    return result;
}
