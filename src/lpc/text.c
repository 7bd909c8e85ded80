/* SPDX-License-Identifier: MIT
 *
 * lpc/text.c - tables as text: a line a row, tabs between the fields
 */
#include <stdarg.h>
#include <stdio.h>

#include "lpc/lpcp.h"

#define LPCP_FIRST_SIZE 4096u

/* Room for Length more bytes; FALSE: no memory, and from then on nothing is put. */
static BOOLEAN
LpcpMakeRoom(LPCP_TEXT *Text, SIZE_T Length)
{
    SIZE_T size = Text->Size != 0 ? Text->Size : LPCP_FIRST_SIZE;
    char *data;

    if (Text->IsShort || Length <= Text->Size - Text->Length) {
        return !Text->IsShort;
    }
    while (size - Text->Length < Length) {
        size *= 2;
    }
    data = ExAllocatePoolWithTag(PagedPool, size, LPCP_TAG);
    if (data == NULL) {
        Text->IsShort = TRUE;
        return FALSE;
    }
    if (Text->Data != NULL) {
        RtlCopyMemory(data, Text->Data, Text->Length);
        ExFreePoolWithTag(Text->Data, LPCP_TAG);
    }
    Text->Data = data;
    Text->Size = size;
    return TRUE;
}

static VOID
LpcpPutBytes(LPCP_TEXT *Text, const char *Bytes, SIZE_T Length)
{
    if (LpcpMakeRoom(Text, Length)) {
        RtlCopyMemory(Text->Data + Text->Length, Bytes, Length);
        Text->Length += Length;
    }
}

static VOID
LpcpBeginField(LPCP_TEXT *Text)
{
    if (Text->InLine) {
        LpcpPutBytes(Text, "\t", 1);
    }
    Text->InLine = TRUE;
}

static VOID
LpcpPutEscaped(LPCP_TEXT *Text, const char *Bytes, SIZE_T Length)
{
    for (SIZE_T i = 0; i < Length; i++) {
        switch (Bytes[i]) {
        case '\\':
            LpcpPutBytes(Text, "\\\\", 2);
            break;
        case '\t':
            LpcpPutBytes(Text, "\\t", 2);
            break;
        case '\n':
            LpcpPutBytes(Text, "\\n", 2);
            break;
        default:
            LpcpPutBytes(Text, &Bytes[i], 1);
            break;
        }
    }
}

VOID
LpcpPutHeader(LPCP_TEXT *Text, const char *Columns)
{
    LpcpPutBytes(Text, "#", 1);
    LpcpPutBytes(Text, Columns, strlen(Columns));
    LpcpEndLine(Text);
}

VOID
LpcpPutText(LPCP_TEXT *Text, const char *Field)
{
    LpcpBeginField(Text);
    LpcpPutEscaped(Text, Field, strlen(Field));
}

VOID
LpcpPutWide(LPCP_TEXT *Text, PCUNICODE_STRING Field)
{
    char part[192];
    ULONG units = Field->Length / sizeof(WCHAR);
    ULONG start = 0;

    LpcpBeginField(Text);
    while (start < units) {
        ULONG count = min(units - start, (ULONG)sizeof(part) / 3);
        ULONG bytes = 0;

        /* A pair stays together. */
        if (start + count < units && count > 1 &&
            (Field->Buffer[start + count - 1] & 0xFC00u) == 0xD800u) {
            count--;
        }
        RtlUnicodeToUTF8N(part, sizeof(part), &bytes, Field->Buffer + start,
                          count * (ULONG)sizeof(WCHAR));
        LpcpPutEscaped(Text, part, bytes);
        start += count;
    }
}

VOID
LpcpPutNumber(LPCP_TEXT *Text, ULONG64 Field)
{
    char number[24];

    LpcpBeginField(Text);
    LpcpPutBytes(Text, number,
                 (SIZE_T)snprintf(number, sizeof(number), "%llu", (unsigned long long)Field));
}

VOID
LpcpPutHex(LPCP_TEXT *Text, ULONG64 Field, ULONG Digits)
{
    char number[24];

    LpcpBeginField(Text);
    LpcpPutBytes(Text, number,
                 (SIZE_T)snprintf(number, sizeof(number), "0x%0*llx", (int)Digits,
                                  (unsigned long long)Field));
}

VOID
LpcpEndLine(LPCP_TEXT *Text)
{
    LpcpPutBytes(Text, "\n", 1);
    Text->InLine = FALSE;
}
