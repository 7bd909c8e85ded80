/* SPDX-License-Identifier: MIT
 *
 * client.c - a console program: wide main, both printf families, SEH
 */
#include <Windows.h>
#include <WinIoCtl.h>
#include <winsvc.h>
#include <strsafe.h>
#include <conio.h>
#include <stdio.h>
#include <tchar.h>

#define IOCTL_TEST CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

int __cdecl wmain(int argc, wchar_t *argv[])
{
    WCHAR buffer[64];
    TCHAR tchars[16];
    LONG count = 0;
    DWORD code = 0;

    StringCchPrintfW(buffer, ARRAYSIZE(buffer), L"%d %s", argc, argv[1]);
    wprintf(L"%s|", buffer);
    printf("%ws|%lu|%08lx|", argv[1], 4000000000ul, (unsigned long)IOCTL_TEST);
    _stprintf_s(tchars, _countof(tchars), _T("%d"), 7);
    _tprintf(_T("%s|"), tchars);
    __try {
        InterlockedIncrement(&count);
        NtcrtRaise(0xE0000001, 0, NULL, 0, NULL);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        code = GetExceptionCode();
    }
    printf("%x %d\n", code, count);
    return 5;
}
