/* SPDX-License-Identifier: MIT
 *
 * test/user/console_client.c - says what its standard streams are, then repeats a line of input;
 * see console_test.py
 */
#include <windows.h>
#include <stdio.h>

#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x4
#endif

static void
Say(HANDLE Output, const char *Format, unsigned A, unsigned B)
{
    char text[128];
    DWORD done;

    WriteFile(Output, text, (DWORD)snprintf(text, sizeof(text), Format, A, B), &done, NULL);
}

int
main(int argc, char **argv)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    CONSOLE_SCREEN_BUFFER_INFO info;
    char line[128];
    DWORD mode = 0;
    DWORD done = 0;
    BOOL console; /* result of the latest call */

    SetLastError(0);
    console = GetConsoleMode(output, &mode);
    Say(output, "console %u error %u\n", (unsigned)console, GetLastError());
    Say(output, "type %u %u\n", GetFileType(input), GetFileType(output));
    if (console) {
        Say(output, "mode %u, set %u\n", mode & (unsigned)~ENABLE_VIRTUAL_TERMINAL_PROCESSING,
            (unsigned)SetConsoleMode(output, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING));
        GetConsoleMode(output, &mode);
        Say(output, "sequences %u, unknown %u\n", (mode & ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0,
            (unsigned)SetConsoleMode(output, 0x8000));
        GetConsoleScreenBufferInfo(output, &info);
        Say(output, "size %u %u\n", (unsigned)info.dwSize.X, (unsigned)info.dwSize.Y);
        WriteConsoleW(output, L"wide \x20AC\n", 7, &done, NULL);
        Say(output, "wrote %u\n", done, 0);
        /* Input by key would need the terminal's own mode. */
        GetConsoleMode(input, &mode);
        console = SetConsoleMode(input, mode & ~ENABLE_LINE_INPUT);
        Say(output, "raw %u error %u\n", (unsigned)console, GetLastError());
    } else {
        console = WriteConsoleW(output, L"x", 1, &done, NULL);
        Say(output, "wide %u error %u\n", (unsigned)console, GetLastError());
    }
    console = ReadFile(input, line, sizeof(line), &done, NULL);
    Say(output, "read %u\n", (unsigned)console, 0);
    WriteFile(output, line, done, &done, NULL);
    console = ReadFile(input, line, sizeof(line), &done, NULL);
    Say(output, "end %u bytes %u\n", (unsigned)console, done);
    CloseHandle(output);
    return WriteFile(output, "x", 1, &done, NULL) ? 1 : 0;
}
