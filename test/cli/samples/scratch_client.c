/* SPDX-License-Identifier: MIT
 *
 * scratch_client.c - a console program in plain Win32 style for the scratch driver
 */
#include <windows.h>
#include <winioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "scratch.h"

static void
PrintError(LPCSTR What)
{
    LPSTR text = NULL;
    DWORD error = GetLastError();

    FormatMessageA(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM |
                       FORMAT_MESSAGE_IGNORE_INSERTS,
                   NULL, error, MAKELANGID(LANG_NEUTRAL, SUBLANG_DEFAULT), (LPSTR)&text, 0, NULL);
    printf("%s: error %lu: %s", What, error, text != NULL ? text : "?\n");
    LocalFree(text);
}

int __cdecl main(int argc, char *argv[])
{
    static const char message[] = "written on Windows, read on Linux";
    SCRATCH_STATISTICS statistics;
    char buffer[100];
    DWORD bytes;
    ULONG sum = 0;
    HANDLE device;

    device = CreateFileW(L"\\\\.\\Scratch", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                         FILE_ATTRIBUTE_NORMAL, NULL);
    if (device == INVALID_HANDLE_VALUE) {
        PrintError("CreateFile");
        return 1;
    }
    if (!ReadFile(device, buffer, sizeof(buffer), &bytes, NULL) || bytes != 0) {
        PrintError("ReadFile of nothing");
        return 1;
    }
    if (!WriteFile(device, message, sizeof(message), &bytes, NULL)) {
        PrintError("WriteFile");
        return 1;
    }
    printf("wrote %lu bytes\n", bytes);
    ZeroMemory(buffer, sizeof(buffer));
    if (!ReadFile(device, buffer, sizeof(buffer), &bytes, NULL)) {
        PrintError("ReadFile");
        return 1;
    }
    printf("read %lu bytes: %ws %s\n", bytes, L"\x2192", buffer);
    if (!DeviceIoControl(device, IOCTL_SCRATCH_STATISTICS, NULL, 0, &statistics, sizeof(statistics),
                         &bytes, NULL)) {
        PrintError("IOCTL_SCRATCH_STATISTICS");
        return 1;
    }
    printf("%lu reads, %lu writes, %lu bytes\n", statistics.Reads, statistics.Writes,
           statistics.Length);
    if (!DeviceIoControl(device, IOCTL_SCRATCH_SUM, (LPVOID)message, 7, &sum, sizeof(sum), &bytes,
                         NULL)) {
        PrintError("IOCTL_SCRATCH_SUM");
        return 1;
    }
    printf("sum %lu, argument %s\n", sum, argc > 1 ? argv[1] : "none");
    if (DeviceIoControl(device, IOCTL_SCRATCH_SUM, (LPVOID)(ULONG_PTR)0x1000, 7, &sum, sizeof(sum),
                        &bytes, NULL)) {
        printf("a bad address was taken\n");
        return 1;
    }
    PrintError("IOCTL_SCRATCH_SUM of a bad address");
    CloseHandle(device);
    return 0;
}
