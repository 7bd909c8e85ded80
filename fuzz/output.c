/* SPDX-License-Identifier: MIT
 *
 * fuzz/output.c - the monitor's text for records that hold anything
 *
 * Nothing is written outside of the output's buffer, a line is a line, and in JSON form it is an
 * object, in UTF-8, that a parser takes.
 *
 * Input  1 byte: form; 1 byte: width; then records: 1 byte type, 2 bytes size, the bytes
 */
#include "fuzz.h"

#include "output.h"

#define MAX_PAYLOAD 20000u

static MONITOR_FORM Form;
static UCHAR Written[512u * 1024u];
static DWORD WrittenLength;

/* ---- Win32 ---- */

HANDLE WINAPI
GetProcessHeap(VOID)
{
    return NULL;
}

LPVOID WINAPI
HeapAlloc(HANDLE Heap, DWORD Flags, SIZE_T Size)
{
    return FuzzAllocate(Size);
}

BOOL WINAPI
HeapFree(HANDLE Heap, DWORD Flags, LPVOID Memory)
{
    FuzzFree(Memory);
    return TRUE;
}

VOID WINAPI
SetLastError(DWORD Error)
{
}

VOID WINAPI
GetSystemTimeAsFileTime(LPFILETIME Time)
{
    *Time = (FILETIME){0x12345678, 0x01dc0000};
}

BOOL WINAPI
FileTimeToLocalFileTime(const FILETIME *Time, LPFILETIME Local)
{
    *Local = *Time;
    return TRUE;
}

/* As Windows: a time from 2^63 on is refused, and nothing is written. */
BOOL WINAPI
FileTimeToSystemTime(const FILETIME *Time, LPSYSTEMTIME System)
{
    if (Time->dwHighDateTime & 0x80000000) {
        return FALSE;
    }
    *System = (SYSTEMTIME){
        .wYear = 30827, .wMonth = 12, .wDay = 31, .wHour = 23, .wMinute = 59, .wSecond = 59};
    return TRUE;
}

BOOL WINAPI
WriteFile(HANDLE File, LPCVOID Buffer, DWORD Length, LPDWORD Count, LPOVERLAPPED Overlapped)
{
    FUZZ_CHECK(Length <= sizeof(Written) - WrittenLength);
    memcpy(Written + WrittenLength, Buffer, Length);
    WrittenLength += Length;
    *Count = Length;
    return TRUE;
}

/* ---- JSON, as much of it as the monitor writes ---- */

typedef struct TEXT {
    const UCHAR *Next;
    const UCHAR *End;
} TEXT;

static UCHAR
Peek(const TEXT *Text)
{
    return Text->Next < Text->End ? *Text->Next : 0;
}

static VOID
Expect(TEXT *Text, const char *Word)
{
    for (; *Word != 0; Word++) {
        FUZZ_CHECK(Text->Next < Text->End && *Text->Next == (UCHAR)*Word);
        Text->Next++;
    }
}

static BOOL
IsHex(UCHAR Unit)
{
    return (Unit >= '0' && Unit <= '9') || ((Unit | 32) >= 'a' && (Unit | 32) <= 'f');
}

static VOID
ParseString(TEXT *Text)
{
    Expect(Text, "\"");
    while (Peek(Text) != '"') {
        FUZZ_CHECK(Text->Next < Text->End && *Text->Next >= 0x20);
        if (*Text->Next++ != '\\') {
            continue;
        }
        if (Peek(Text) == 'u') {
            for (ULONG i = 0; i < 4; i++) {
                Text->Next++;
                FUZZ_CHECK(IsHex(Peek(Text)));
            }
        } else {
            FUZZ_CHECK(Peek(Text) != 0 && strchr("\"\\/bfnrt", Peek(Text)) != NULL);
        }
        Text->Next++;
    }
    Expect(Text, "\"");
}

static VOID
ParseValue(TEXT *Text)
{
    if (Peek(Text) == '"') {
        ParseString(Text);
    } else if (Peek(Text) == 't') {
        Expect(Text, "true");
    } else {
        FUZZ_CHECK(Peek(Text) >= '0' && Peek(Text) <= '9');
        FUZZ_CHECK(Peek(Text) != '0' || Text->Next[1] < '0' || Text->Next[1] > '9');
        while (Peek(Text) >= '0' && Peek(Text) <= '9') {
            Text->Next++;
        }
    }
}

static VOID
ParseLine(const UCHAR *Line, const UCHAR *End)
{
    TEXT text = {Line, End};
    const char *separator = "{";

    while (Peek(&text) != '}') {
        Expect(&text, separator);
        ParseString(&text);
        Expect(&text, ":");
        ParseValue(&text);
        separator = ",";
    }
    Expect(&text, "}");
    FUZZ_CHECK(text.Next == End);
}

/* Each line by itself; a control character could only be the colour's escape. */
static VOID
CheckText(BOOL Color)
{
    const UCHAR *line = Written;
    const UCHAR *end = Written + WrittenLength;

    FUZZ_CHECK(FuzzIsUtf8(Written, WrittenLength));
    for (const UCHAR *next = line; next < end; next++) {
        if (*next == '\n') {
            if (Form == MonitorFormJson) {
                ParseLine(line, next);
            }
            line = next + 1;
        } else {
            FUZZ_CHECK((*next >= 0x20 && *next != 0x7F) || (Color && *next == 033) ||
                       (Form == MonitorFormTabs && *next == '\t'));
            FUZZ_CHECK(*next != 0xC2 || next[1] >= 0xA0); /* C1: some terminals obey it */
        }
    }
    FUZZ_CHECK(line == end);
}

/* ---- records ---- */

static CHANNEL_RECORD *
TakeRecord(FUZZ_INPUT *Input)
{
    static const UINT16 types[] = {NotifyProcessCreate,
                                   NotifyProcessExit,
                                   NotifyImageLoad,
                                   CHANNEL_TYPE_GAP,
                                   0x7FFF,
                                   NotifyEnd};
    UINT16 type = types[FuzzChoose(Input, ARRAYSIZE(types))];
    ULONG size = (ULONG)FuzzTake(Input, 2) % MAX_PAYLOAD;
    CHANNEL_RECORD *record;

    if (type == CHANNEL_TYPE_GAP && size < sizeof(CHANNEL_GAP)) {
        size = sizeof(CHANNEL_GAP); /* the client checks that */
    }
    record = FuzzAllocate(sizeof(*record) + size);
    memset(record, 0x41, sizeof(*record) + size);
    FuzzTakeBytes(Input, &record->Sequence, 16);
    FuzzTakeBytes(Input, record + 1, size);
    record->Size = (UINT32)sizeof(*record) + size;
    record->Type = type;
    record->Version = CHANNEL_VERSION;
    return record;
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    FUZZ_INPUT input = {Data, Size};
    ULONG choices = FuzzChoose(&input, 256);
    ULONG width = FuzzChoose(&input, 256);
    BOOL color = (choices & 4) != 0;
    MONITOR_OUTPUT *output;

    Form = (MONITOR_FORM)(choices % 3);
    WrittenLength = 0;
    output = MonitorOpenOutput(NULL, Form, color, width);
    for (ULONG i = 0; input.Size != 0 && i < 8; i++) {
        CHANNEL_RECORD *record = TakeRecord(&input);

        MonitorWriteRecord(output, record);
        FuzzFree(record);
    }
    MonitorCloseOutput(output);
    CheckText(color && Form == MonitorFormColumns);
    return 0;
}
