/* SPDX-License-Identifier: MIT
 *
 * client.cpp - a console program in C++, with the host's standard library beside ours
 */
#include <string>
#include <windows.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

int
main()
{
    std::string text("plain");
    wchar_t wide[16];

    swprintf(wide, L"%S", text.c_str());
    wcscat_s(wide, 16, L"!");
    printf("%ws %zu %d\n", wide, wcslen(wide), _wcsicmp(wide, L"PLAIN!"));
    return 0;
}
