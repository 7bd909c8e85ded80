/* SPDX-License-Identifier: MIT
 *
 * kernel32/console.c - the standard streams, and a terminal as a console
 *
 * A stream is a console only when the host says that it is a terminal, so that programs which ask
 * GetConsoleMode whether to draw get the same answers as on Windows. Text is UTF-8 all through.
 */
#include <stdlib.h>

#include "kernel32/kernel32.h"

#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x4
#endif
#ifndef DISABLE_NEWLINE_AUTO_RETURN
#define DISABLE_NEWLINE_AUTO_RETURN 0x8
#endif
#ifndef ENABLE_VIRTUAL_TERMINAL_INPUT
#define ENABLE_VIRTUAL_TERMINAL_INPUT 0x200
#endif

#define INPUT_MODE (ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT)
#define INPUT_MODE_HARMLESS                                                                   \
    (ENABLE_WINDOW_INPUT | ENABLE_MOUSE_INPUT | ENABLE_INSERT_MODE | ENABLE_QUICK_EDIT_MODE | \
     ENABLE_EXTENDED_FLAGS | ENABLE_AUTO_POSITION | ENABLE_VIRTUAL_TERMINAL_INPUT)
#define OUTPUT_MODE_KNOWN                                                                       \
    (ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING | \
     DISABLE_NEWLINE_AUTO_RETURN | ENABLE_LVB_GRID_WORLDWIDE)

typedef struct BASE_STREAM {
    HANDLE Standard; /* what GetStdHandle returns once SetStdHandle was called; else NULL */
    BOOLEAN IsSet;   /* atomic: Standard counts */
    BOOLEAN Closed;  /* atomic */
    DWORD Mode;      /* atomic: console mode, valid on a terminal */
} BASE_STREAM;

static BASE_STREAM BaseStreams[BASE_STREAM_COUNT] = {
    {.Mode = INPUT_MODE | ENABLE_INSERT_MODE | ENABLE_QUICK_EDIT_MODE | ENABLE_EXTENDED_FLAGS},
    {.Mode = ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT},
    {.Mode = ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT},
};

/* STD_INPUT_HANDLE is -10, output -11, error -12. */
static int
StreamOfStandard(DWORD Standard)
{
    DWORD stream = STD_INPUT_HANDLE - Standard;

    return stream < BASE_STREAM_COUNT ? (int)stream : -1;
}

HANDLE WINAPI
GetStdHandle(DWORD Standard)
{
    int stream = StreamOfStandard(Standard);

    if (stream < 0) {
        BaseFail(ERROR_INVALID_HANDLE);
        return INVALID_HANDLE_VALUE;
    }
    if (__atomic_load_n(&BaseStreams[stream].IsSet, __ATOMIC_ACQUIRE)) {
        return __atomic_load_n(&BaseStreams[stream].Standard, __ATOMIC_RELAXED);
    }
    return NtdllHostStreamKind(stream) == NtdllStreamClosed ? NULL : BASE_STREAM_HANDLE(stream);
}

BOOL WINAPI
SetStdHandle(DWORD Standard, HANDLE Handle)
{
    int stream = StreamOfStandard(Standard);

    if (stream < 0) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    __atomic_store_n(&BaseStreams[stream].Standard, Handle, __ATOMIC_RELAXED);
    __atomic_store_n(&BaseStreams[stream].IsSet, TRUE, __ATOMIC_RELEASE);
    return TRUE;
}

BOOL
BaseCloseStream(int Stream)
{
    if (__atomic_exchange_n(&BaseStreams[Stream].Closed, TRUE, __ATOMIC_ACQ_REL)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    return TRUE;
}

static BOOLEAN
IsStreamOpen(int Stream)
{
    return !__atomic_load_n(&BaseStreams[Stream].Closed, __ATOMIC_ACQUIRE);
}

/* The stream of an open terminal's handle, else -1 and ERROR_INVALID_HANDLE. */
static int
ConsoleOfHandle(HANDLE Handle)
{
    int stream = BaseStreamOfHandle(Handle);

    if (stream < 0 || !IsStreamOpen(stream) || NtdllHostStreamKind(stream) != NtdllStreamTerminal) {
        BaseFail(ERROR_INVALID_HANDLE);
        return -1;
    }
    return stream;
}

BOOL
BaseReadStream(int Stream, LPVOID Buffer, DWORD Length, LPDWORD Done)
{
    ptrdiff_t got;

    if (Done != NULL) {
        *Done = 0;
    }
    if (!IsStreamOpen(Stream)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    got = NtdllHostRead(Stream, Buffer, Length);
    if (got < 0) {
        return BaseFail(ERROR_READ_FAULT);
    }
    if (got == 0 && Length != 0 && NtdllHostStreamKind(Stream) == NtdllStreamPipe) {
        return BaseFail(ERROR_BROKEN_PIPE);
    }
    if (Done != NULL) {
        *Done = (DWORD)got;
    }
    return TRUE;
}

BOOL
BaseWriteStream(int Stream, LPCVOID Buffer, DWORD Length, LPDWORD Done)
{
    ptrdiff_t put;

    if (Done != NULL) {
        *Done = 0;
    }
    if (!IsStreamOpen(Stream)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    put = NtdllHostWrite(Stream, Buffer, Length);
    if (put < 0) {
        return BaseFail(put == -2 ? ERROR_NO_DATA : ERROR_WRITE_FAULT);
    }
    if (Done != NULL) {
        *Done = (DWORD)put;
    }
    return TRUE;
}

BOOL WINAPI
WriteConsoleA(HANDLE Console, CONST VOID *Buffer, DWORD Length, LPDWORD Done, LPVOID Reserved)
{
    int stream = ConsoleOfHandle(Console);

    return stream < 0 ? FALSE : BaseWriteStream(stream, Buffer, Length, Done);
}

/* Length and *Done count UTF-16 units. */
BOOL WINAPI
WriteConsoleW(HANDLE Console, CONST VOID *Buffer, DWORD Length, LPDWORD Done, LPVOID Reserved)
{
    int stream = ConsoleOfHandle(Console);
    size_t bytes;
    char *text;
    BOOL result;

    if (stream < 0) {
        return FALSE;
    }
    bytes = NtdllUtf16ToUtf8(NULL, 0, Buffer, Length, 0);
    text = malloc(bytes + 1);
    if (text == NULL || bytes > MAXDWORD) {
        free(text);
        return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    }
    NtdllUtf16ToUtf8(text, bytes, Buffer, Length, 0);
    result = BaseWriteStream(stream, text, (DWORD)bytes, NULL);
    free(text);
    if (Done != NULL) {
        *Done = result ? Length : 0;
    }
    return result;
}

DWORD WINAPI
GetFileType(HANDLE File)
{
    int stream = BaseStreamOfHandle(File);

    if (stream < 0) {
        /* Devices would need a volume query, which the gate does not have. */
        BaseFail(ERROR_NOT_SUPPORTED);
        return FILE_TYPE_UNKNOWN;
    }
    NtdllLastError = ERROR_SUCCESS;
    switch (NtdllHostStreamKind(stream)) {
    case NtdllStreamTerminal:
    case NtdllStreamOther:
        return FILE_TYPE_CHAR;
    case NtdllStreamDisk:
        return FILE_TYPE_DISK;
    case NtdllStreamPipe:
        return FILE_TYPE_PIPE;
    default:
        BaseFail(ERROR_INVALID_HANDLE);
        return FILE_TYPE_UNKNOWN;
    }
}

BOOL WINAPI
GetConsoleMode(HANDLE Console, LPDWORD Mode)
{
    int stream = ConsoleOfHandle(Console);

    if (stream < 0) {
        return FALSE;
    }
    *Mode = __atomic_load_n(&BaseStreams[stream].Mode, __ATOMIC_RELAXED);
    return TRUE;
}

/*
 * SetConsoleMode - how a console behaves
 *
 * Errors   ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER (unknown bits)
 * Differs  input by key instead of by line, and without echo, is ERROR_NOT_SUPPORTED; a terminal
 *          always understands control sequences
 */
BOOL WINAPI
SetConsoleMode(HANDLE Console, DWORD Mode)
{
    int stream = ConsoleOfHandle(Console);

    if (stream < 0) {
        return FALSE;
    }
    if (stream == 0) {
        if ((Mode & ~(DWORD)(INPUT_MODE | INPUT_MODE_HARMLESS)) != 0) {
            return BaseFail(ERROR_INVALID_PARAMETER);
        }
        if ((Mode & INPUT_MODE) != INPUT_MODE) {
            return BaseFail(ERROR_NOT_SUPPORTED);
        }
    } else if ((Mode & ~(DWORD)OUTPUT_MODE_KNOWN) != 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    __atomic_store_n(&BaseStreams[stream].Mode, Mode, __ATOMIC_RELAXED);
    return TRUE;
}

/* The window is the terminal's; the cursor's place is not known and given as the corner. */
BOOL WINAPI
GetConsoleScreenBufferInfo(HANDLE Console, PCONSOLE_SCREEN_BUFFER_INFO Info)
{
    int stream = ConsoleOfHandle(Console);
    uint16_t columns;
    uint16_t rows;

    if (stream <= 0 || !NtdllHostTerminalSize(stream, &columns, &rows)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    memset(Info, 0, sizeof(*Info));
    Info->dwSize.X = (SHORT)columns;
    Info->dwSize.Y = (SHORT)rows;
    Info->dwMaximumWindowSize = Info->dwSize;
    Info->srWindow.Right = (SHORT)(columns - 1);
    Info->srWindow.Bottom = (SHORT)(rows - 1);
    Info->wAttributes = FOREGROUND_RED | FOREGROUND_GREEN | FOREGROUND_BLUE;
    return TRUE;
}

UINT WINAPI
GetConsoleOutputCP(VOID)
{
    return CP_UTF8;
}

UINT WINAPI
GetConsoleCP(VOID)
{
    return CP_UTF8;
}

BOOL WINAPI
SetConsoleOutputCP(UINT CodePage)
{
    return CodePage == CP_UTF8 ? TRUE : BaseFail(ERROR_INVALID_PARAMETER);
}

BOOL WINAPI
SetConsoleCP(UINT CodePage)
{
    return SetConsoleOutputCP(CodePage);
}
