/* SPDX-License-Identifier: MIT
 *
 * output.c - events as text
 *
 * Lines are put together in one buffer, which is written when it is nearly full or when the
 * caller has no more records for now: at 10,000 events a second that is what a line costs.
 */
#include <string.h>
#include "output.h"

#define MONITOR_BUFFER (256u * 1024u)
/* The longest line: two strings of NOTIFY_MAX_STRING bytes, six characters an escaped unit. */
#define MONITOR_MAX_LINE (2u * (NOTIFY_MAX_STRING / 2u) * 6u + 1024u)

#define TICKS_PER_SECOND 10000000ull
#define TICKS_PER_DAY (86400ull * TICKS_PER_SECOND)

struct MONITOR_OUTPUT {
    HANDLE File;
    MONITOR_FORM Form;
    BOOL Color;
    ULONG Width;
    LONG64 LocalBias; /* local time minus UTC, 100 ns units */
    SIZE_T Used;
    SIZE_T LineStart;
    char Text[MONITOR_BUFFER];
};

/* ---- appending ---- */

static VOID
MonitorpAppend(MONITOR_OUTPUT *Output, const char *Text)
{
    SIZE_T length = strlen(Text);

    memcpy(Output->Text + Output->Used, Text, length);
    Output->Used += length;
}

static VOID
MonitorpAppendNumber(MONITOR_OUTPUT *Output, UINT64 Value, int Digits)
{
    char digits[20];
    int count = 0;

    do {
        digits[count++] = (char)('0' + Value % 10);
        Value /= 10;
    } while (Value != 0 || count < Digits);
    while (count > 0) {
        Output->Text[Output->Used++] = digits[--count];
    }
}

static VOID
MonitorpAppendHex(MONITOR_OUTPUT *Output, UINT64 Value)
{
    int shift = 60;

    MonitorpAppend(Output, "0x");
    while (shift > 0 && (Value >> shift) == 0) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        Output->Text[Output->Used++] = "0123456789abcdef"[(Value >> shift) & 15];
    }
}

/* One code point as UTF-8. */
static VOID
MonitorpAppendCodePoint(MONITOR_OUTPUT *Output, UINT32 CodePoint)
{
    char *out = Output->Text + Output->Used;
    int continuations = CodePoint < 0x80 ? 0 : CodePoint < 0x800 ? 1 : CodePoint < 0x10000 ? 2 : 3;
    static const UCHAR lead[] = {0, 0xC0, 0xE0, 0xF0};
    int i;

    out[0] = (char)(lead[continuations] | CodePoint >> (6 * continuations));
    for (i = 1; i <= continuations; i++) {
        out[i] = (char)(0x80 | (CodePoint >> (6 * (continuations - i)) & 0x3F));
    }
    Output->Used += 1 + continuations;
}

/* What would end a line or a JSON string, or move a terminal's cursor, as \u00xx. */
static VOID
MonitorpAppendEscape(MONITOR_OUTPUT *Output, UINT32 Character)
{
    MonitorpAppend(Output, "\\u00");
    Output->Text[Output->Used++] = "0123456789abcdef"[Character >> 4];
    Output->Text[Output->Used++] = "0123456789abcdef"[Character & 15];
}

static VOID
MonitorpAppendWide(MONITOR_OUTPUT *Output, const WCHAR *Text, ULONG Bytes)
{
    BOOL json = Output->Form == MonitorFormJson;
    ULONG count = Bytes / sizeof(WCHAR);
    ULONG i;

    for (i = 0; i < count; i++) {
        UINT32 c = Text[i];

        if (c < 0x20 || (c >= 0x7F && c < 0xA0) || (json && (c == '"' || c == '\\'))) {
            MonitorpAppendEscape(Output, c);
            continue;
        }
        if (c >= 0xD800 && c < 0xE000) {
            if (c < 0xDC00 && i + 1 < count && (Text[i + 1] & 0xFC00) == 0xDC00) {
                c = 0x10000 + ((c & 0x3FF) << 10) + (Text[++i] & 0x3FFu);
            } else {
                c = 0xFFFD; /* half a surrogate pair */
            }
        }
        MonitorpAppendCodePoint(Output, c);
    }
}

/* ---- one line ---- */

/* What a record says, whatever its type. */
typedef struct MONITOR_LINE {
    const char *Event;
    const char *Color;
    UINT64 Sequence;
    UINT64 Time;
    BOOL HasProcess;
    DWORD ProcessId;
    BOOL HasParent;
    DWORD ParentProcessId;
    const WCHAR *Image;
    ULONG ImageBytes;
    BOOL ImageCut;
    const WCHAR *Command;
    ULONG CommandBytes;
    BOOL CommandCut;
    BOOL HasRange;
    UINT64 Base;
    UINT64 Size;
    const CHANNEL_GAP *Gap;
} MONITOR_LINE;

const char *
MonitorGapReason(UINT32 Reason)
{
    static const char *const names[] = {"unknown", "overrun", "too large", "no memory", "source"};

    return names[Reason < ARRAYSIZE(names) ? Reason : 0];
}

/* Fills in the strings of a record if they lie within it, in whole characters. */
static BOOL
MonitorpTakeStrings(MONITOR_LINE *Line, const CHANNEL_RECORD *Record, ULONG FixedSize,
                    ULONG ImageBytes, ULONG CommandBytes)
{
    ULONG start = sizeof(*Record) + FixedSize;

    if (Record->Size < start || Record->Size - start < ImageBytes ||
        Record->Size - start - ImageBytes < CommandBytes || ImageBytes > NOTIFY_MAX_STRING ||
        CommandBytes > NOTIFY_MAX_STRING || (ImageBytes | CommandBytes) % sizeof(WCHAR) != 0) {
        return FALSE;
    }
    Line->Image = (const WCHAR *)((const char *)Record + start);
    Line->ImageBytes = ImageBytes;
    Line->Command = (const WCHAR *)((const char *)Record + start + ImageBytes);
    Line->CommandBytes = CommandBytes;
    return TRUE;
}

static BOOL
MonitorpDecodeCreate(const CHANNEL_RECORD *Record, MONITOR_LINE *Line)
{
    const NOTIFY_CREATE *create = (const NOTIFY_CREATE *)(Record + 1);

    Line->Event = "create";
    Line->Color = "\033[32m";
    Line->HasProcess = TRUE;
    Line->ProcessId = create->ProcessId;
    Line->HasParent = TRUE;
    Line->ParentProcessId = create->ParentProcessId;
    Line->ImageCut = create->ImagePathCut;
    Line->CommandCut = create->CommandLineCut;
    return MonitorpTakeStrings(Line, Record, sizeof(*create), create->ImagePathLength,
                               create->CommandLineLength);
}

static BOOL
MonitorpDecodeImage(const CHANNEL_RECORD *Record, MONITOR_LINE *Line)
{
    const NOTIFY_IMAGE *image = (const NOTIFY_IMAGE *)(Record + 1);

    Line->Event = "image";
    Line->Color = "\033[36m";
    Line->HasProcess = TRUE;
    Line->ProcessId = image->ProcessId;
    Line->HasRange = TRUE;
    Line->Base = image->Base;
    Line->Size = image->Size;
    Line->ImageCut = image->ImagePathCut;
    return MonitorpTakeStrings(Line, Record, sizeof(*image), image->ImagePathLength, 0);
}

static BOOL
MonitorpDecode(const CHANNEL_RECORD *Record, MONITOR_LINE *Line)
{
    ULONG payload = Record->Size - sizeof(*Record);

    memset(Line, 0, sizeof(*Line));
    Line->Sequence = Record->Sequence;
    Line->Time = Record->Time;
    switch (Record->Type) {
    case NotifyProcessCreate:
        return payload >= sizeof(NOTIFY_CREATE) && MonitorpDecodeCreate(Record, Line);
    case NotifyImageLoad:
        return payload >= sizeof(NOTIFY_IMAGE) && MonitorpDecodeImage(Record, Line);
    case NotifyProcessExit:
        Line->Event = "exit";
        Line->Color = "\033[31m";
        Line->HasProcess = TRUE;
        Line->ProcessId =
            payload >= sizeof(NOTIFY_EXIT) ? ((const NOTIFY_EXIT *)(Record + 1))->ProcessId : 0;
        return payload >= sizeof(NOTIFY_EXIT);
    case CHANNEL_TYPE_GAP:
        Line->Event = "gap";
        Line->Color = "\033[1;33m";
        Line->Gap = (const CHANNEL_GAP *)(Record + 1);
        return payload >= sizeof(CHANNEL_GAP);
    default:
        return FALSE;
    }
}

/* ---- columns and tabs ---- */

static VOID
MonitorpAppendClock(MONITOR_OUTPUT *Output, UINT64 Time)
{
    UINT64 day = (Time + (UINT64)Output->LocalBias) % TICKS_PER_DAY;
    UINT64 seconds = day / TICKS_PER_SECOND;

    MonitorpAppendNumber(Output, seconds / 3600, 2);
    MonitorpAppend(Output, ":");
    MonitorpAppendNumber(Output, seconds / 60 % 60, 2);
    MonitorpAppend(Output, ":");
    MonitorpAppendNumber(Output, seconds % 60, 2);
    MonitorpAppend(Output, ".");
    MonitorpAppendNumber(Output, day / 10 % 1000000, 6);
}

/* Ends a field that began at Start: spaces up to Width on a terminal, a tab elsewhere. */
static VOID
MonitorpEndField(MONITOR_OUTPUT *Output, SIZE_T Start, SIZE_T Width)
{
    if (Output->Form == MonitorFormTabs) {
        MonitorpAppend(Output, "\t");
        return;
    }
    do {
        Output->Text[Output->Used++] = ' ';
    } while (Output->Used - Start < Width);
}

static VOID
MonitorpAppendDetails(MONITOR_OUTPUT *Output, const MONITOR_LINE *Line)
{
    MonitorpAppendWide(Output, Line->Image, Line->ImageBytes);
    MonitorpAppend(Output, Line->ImageCut ? "..." : "");
    if (Line->Gap != NULL) {
        MonitorpAppendNumber(Output, Line->Gap->Count, 1);
        MonitorpAppend(Output, " lost: ");
        MonitorpAppend(Output, MonitorGapReason(Line->Gap->Reason));
    } else if (Line->HasRange) {
        MonitorpAppend(Output, Output->Form == MonitorFormTabs ? "\t" : "  ");
        MonitorpAppendHex(Output, Line->Base);
        MonitorpAppend(Output, "+");
        MonitorpAppendHex(Output, Line->Size);
    } else if (Line->CommandBytes != 0) {
        MonitorpAppend(Output, Output->Form == MonitorFormTabs ? "\t" : "  ");
        MonitorpAppendWide(Output, Line->Command, Line->CommandBytes);
        MonitorpAppend(Output, Line->CommandCut ? "..." : "");
    }
}

/* Cuts the line at the terminal's width: one character a column, invisible bytes not counted. */
static VOID
MonitorpCutLine(MONITOR_OUTPUT *Output, SIZE_T Invisible)
{
    SIZE_T columns = 0;
    SIZE_T i;

    for (i = Output->LineStart; i < Output->Used; i++) {
        if (((unsigned char)Output->Text[i] & 0xC0) != 0x80 &&
            ++columns > Output->Width + Invisible) {
            Output->Used = i;
            return;
        }
    }
}

static VOID
MonitorpWriteText(MONITOR_OUTPUT *Output, const MONITOR_LINE *Line)
{
    SIZE_T start = Output->Used;
    SIZE_T invisible = 0;

    MonitorpAppendClock(Output, Line->Time);
    MonitorpEndField(Output, start, 16);
    start = Output->Used;
    MonitorpAppendNumber(Output, Line->Sequence, 1);
    MonitorpEndField(Output, start, 9);
    if (Output->Color) {
        MonitorpAppend(Output, Line->Color);
        invisible = strlen(Line->Color);
    }
    start = Output->Used;
    MonitorpAppend(Output, Line->Event);
    MonitorpEndField(Output, start, 7);
    start = Output->Used;
    if (Line->HasProcess) {
        MonitorpAppendNumber(Output, Line->ProcessId, 1);
    }
    MonitorpEndField(Output, start, 8);
    start = Output->Used;
    if (Line->HasParent) {
        MonitorpAppendNumber(Output, Line->ParentProcessId, 1);
    }
    MonitorpEndField(Output, start, 8);
    MonitorpAppendDetails(Output, Line);
    if (Output->Form == MonitorFormColumns) {
        MonitorpCutLine(Output, invisible);
    }
    MonitorpAppend(Output, Output->Color ? "\033[0m\n" : "\n");
}

/* ---- JSON ---- */

static VOID
MonitorpAppendIsoTime(MONITOR_OUTPUT *Output, UINT64 Time)
{
    FILETIME fileTime = {(DWORD)Time, (DWORD)(Time >> 32)};
    SYSTEMTIME t = {0}; /* stays so for a time beyond the calendar */

    FileTimeToSystemTime(&fileTime, &t);
    MonitorpAppendNumber(Output, t.wYear, 4);
    MonitorpAppend(Output, "-");
    MonitorpAppendNumber(Output, t.wMonth, 2);
    MonitorpAppend(Output, "-");
    MonitorpAppendNumber(Output, t.wDay, 2);
    MonitorpAppend(Output, "T");
    MonitorpAppendNumber(Output, t.wHour, 2);
    MonitorpAppend(Output, ":");
    MonitorpAppendNumber(Output, t.wMinute, 2);
    MonitorpAppend(Output, ":");
    MonitorpAppendNumber(Output, t.wSecond, 2);
    MonitorpAppend(Output, ".");
    MonitorpAppendNumber(Output, Time % TICKS_PER_SECOND, 7);
    MonitorpAppend(Output, "Z");
}

static VOID
MonitorpJsonNumber(MONITOR_OUTPUT *Output, const char *Key, UINT64 Value)
{
    MonitorpAppend(Output, ",\"");
    MonitorpAppend(Output, Key);
    MonitorpAppend(Output, "\":");
    MonitorpAppendNumber(Output, Value, 1);
}

static VOID
MonitorpJsonString(MONITOR_OUTPUT *Output, const char *Key, const WCHAR *Text, ULONG Bytes,
                   BOOL Cut)
{
    MonitorpAppend(Output, ",\"");
    MonitorpAppend(Output, Key);
    MonitorpAppend(Output, "\":\"");
    MonitorpAppendWide(Output, Text, Bytes);
    MonitorpAppend(Output, "\"");
    if (Cut) {
        MonitorpAppend(Output, ",\"");
        MonitorpAppend(Output, Key);
        MonitorpAppend(Output, "_cut\":true");
    }
}

static VOID
MonitorpWriteJson(MONITOR_OUTPUT *Output, const MONITOR_LINE *Line)
{
    MonitorpAppend(Output, "{\"time\":\"");
    MonitorpAppendIsoTime(Output, Line->Time);
    MonitorpAppend(Output, "\"");
    MonitorpJsonNumber(Output, "seq", Line->Sequence);
    MonitorpAppend(Output, ",\"event\":\"");
    MonitorpAppend(Output, Line->Event);
    MonitorpAppend(Output, "\"");
    if (Line->HasProcess) {
        MonitorpJsonNumber(Output, "pid", Line->ProcessId);
    }
    if (Line->HasParent) {
        MonitorpJsonNumber(Output, "ppid", Line->ParentProcessId);
        MonitorpJsonString(Output, "image", Line->Image, Line->ImageBytes, Line->ImageCut);
        MonitorpJsonString(Output, "command", Line->Command, Line->CommandBytes, Line->CommandCut);
    } else if (Line->HasRange) {
        MonitorpJsonString(Output, "image", Line->Image, Line->ImageBytes, Line->ImageCut);
        MonitorpJsonNumber(Output, "base", Line->Base);
        MonitorpJsonNumber(Output, "size", Line->Size);
    } else if (Line->Gap != NULL) {
        MonitorpJsonNumber(Output, "lost", Line->Gap->Count);
        MonitorpAppend(Output, ",\"reason\":\"");
        MonitorpAppend(Output, MonitorGapReason(Line->Gap->Reason));
        MonitorpAppend(Output, "\"");
        MonitorpJsonNumber(Output, "span", Line->Gap->Span);
    }
    MonitorpAppend(Output, "}\n");
}

/* ---- the output ---- */

MONITOR_OUTPUT *
MonitorOpenOutput(HANDLE File, MONITOR_FORM Form, BOOL Color, ULONG Width)
{
    MONITOR_OUTPUT *output = HeapAlloc(GetProcessHeap(), 0, sizeof(*output));
    FILETIME now;
    FILETIME local;

    if (output == NULL) {
        return NULL;
    }
    output->File = File;
    output->Form = Form;
    output->Color = Color && Form == MonitorFormColumns;
    output->Width = Width == 0 ? 80 : Width;
    output->Used = 0;
    output->LineStart = 0;
    GetSystemTimeAsFileTime(&now);
    FileTimeToLocalFileTime(&now, &local);
    output->LocalBias = (LONG64)(((UINT64)local.dwHighDateTime << 32 | local.dwLowDateTime) -
                                 ((UINT64)now.dwHighDateTime << 32 | now.dwLowDateTime));
    if (Form == MonitorFormColumns) {
        MonitorpAppend(output,
                       "TIME            SEQ      EVENT  PID     PARENT  IMAGE  COMMAND or RANGE\n");
    }
    return output;
}

BOOL
MonitorWriteRecord(MONITOR_OUTPUT *Output, const CHANNEL_RECORD *Record)
{
    MONITOR_LINE line;

    if (!MonitorpDecode(Record, &line)) {
        SetLastError(ERROR_INVALID_DATA);
        return FALSE;
    }
    if (MONITOR_BUFFER - Output->Used < MONITOR_MAX_LINE && !MonitorFlushOutput(Output)) {
        return FALSE;
    }
    Output->LineStart = Output->Used;
    if (Output->Form == MonitorFormJson) {
        MonitorpWriteJson(Output, &line);
    } else {
        MonitorpWriteText(Output, &line);
    }
    return TRUE;
}

BOOL
MonitorFlushOutput(MONITOR_OUTPUT *Output)
{
    SIZE_T done = 0;

    while (done < Output->Used) {
        DWORD written;

        if (!WriteFile(Output->File, Output->Text + done, (DWORD)(Output->Used - done), &written,
                       NULL)) {
            Output->Used = 0;
            return FALSE;
        }
        done += written;
    }
    Output->Used = 0;
    return TRUE;
}

VOID
MonitorCloseOutput(MONITOR_OUTPUT *Output)
{
    MonitorFlushOutput(Output);
    HeapFree(GetProcessHeap(), 0, Output);
}
