/* SPDX-License-Identifier: MIT
 *
 * kernel32/module.c - modules, command line, environment, debugging
 *
 * The only modules are the program and the system's own DLLs, which are this library.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define PROGRAM_MODULE ((HMODULE)(ULONG_PTR)0x140000000u)
#define SYSTEM_MODULE ((HMODULE)(ULONG_PTR)0x180000000u)

static INIT_ONCE BaseTextOnce = INIT_ONCE_STATIC_INIT;
static char *BaseCommandLineA;
static PWSTR BaseCommandLineW;

/* ---- modules ---- */

static BOOLEAN
IsSystemModule(const char *Name)
{
    static const char *const names[] = {"ntdll", "kernel32", "kernelbase", "advapi32"};
    size_t length = strlen(Name);

    if (length > 4 && lstrcmpiA(&Name[length - 4], ".dll") == 0) {
        length -= 4;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char folded[16];

        if (strlen(names[i]) == length) {
            lstrcpynA(folded, Name, (int)length + 1);
            if (lstrcmpiA(folded, names[i]) == 0) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

HMODULE WINAPI
GetModuleHandleA(LPCSTR Name)
{
    if (Name == NULL) {
        return PROGRAM_MODULE;
    }
    if (IsSystemModule(Name)) {
        return SYSTEM_MODULE;
    }
    BaseFail(ERROR_MOD_NOT_FOUND);
    return NULL;
}

HMODULE WINAPI
GetModuleHandleW(LPCWSTR Name)
{
    char *name = NtdllNarrow(Name);
    HMODULE module = GetModuleHandleA(name);

    free(name);
    return module;
}

/* Differs  the system's own DLLs only */
HMODULE WINAPI
LoadLibraryA(LPCSTR Name)
{
    if (Name == NULL) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    return GetModuleHandleA(Name);
}

HMODULE WINAPI
LoadLibraryW(LPCWSTR Name)
{
    char *name = NtdllNarrow(Name);
    HMODULE module = LoadLibraryA(name);

    free(name);
    return module;
}

BOOL WINAPI
FreeLibrary(HMODULE Module)
{
    return Module == PROGRAM_MODULE || Module == SYSTEM_MODULE ? TRUE
                                                               : BaseFail(ERROR_INVALID_HANDLE);
}

/* Names only; an ordinal is ERROR_PROC_NOT_FOUND. */
FARPROC WINAPI
GetProcAddress(HMODULE Module, LPCSTR Name)
{
    PVOID found = NULL;

    if (Module != PROGRAM_MODULE && Module != SYSTEM_MODULE) {
        BaseFail(ERROR_INVALID_HANDLE);
        return NULL;
    }
    if (Module == SYSTEM_MODULE && (ULONG_PTR)Name > 0xFFFF) {
        found = NtdllHostFindOwnExport(Name);
    }
    if (found == NULL) {
        BaseFail(ERROR_PROC_NOT_FOUND);
    }
    return (FARPROC)found;
}

/* The host's path of the program. Too small a buffer: cut, ERROR_INSUFFICIENT_BUFFER. */
DWORD WINAPI
GetModuleFileNameA(HMODULE Module, LPSTR Path, DWORD Size)
{
    char host[4096];
    DWORD length;

    if (Module != NULL && Module != PROGRAM_MODULE) {
        return BaseFail(Module == SYSTEM_MODULE ? ERROR_NOT_SUPPORTED : ERROR_MOD_NOT_FOUND);
    }
    if (!NtdllHostImagePath(host, sizeof(host)) || Size == 0) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    length = BaseReturnTextA(host, Path, Size);
    NtdllLastError = ERROR_SUCCESS;
    if (length >= Size) {
        lstrcpynA(Path, host, (int)Size);
        BaseFail(ERROR_INSUFFICIENT_BUFFER);
        return Size;
    }
    return length;
}

DWORD WINAPI
GetModuleFileNameW(HMODULE Module, LPWSTR Path, DWORD Size)
{
    char host[4096];
    DWORD length = GetModuleFileNameA(Module, host, sizeof(host));
    DWORD units;

    if (length == 0 || Size == 0) {
        return 0;
    }
    units = BaseReturnTextW(host, Path, Size);
    if (units >= Size) {
        NtdllUtf8ToUtf16(Path, Size, host, length, 0);
        Path[Size - 1] = 0;
        BaseFail(ERROR_INSUFFICIENT_BUFFER);
        return Size;
    }
    return units;
}

/* ---- command line ---- */

/* Appends an argument so that CommandLineToArgvW and the C runtime split it off again. */
static size_t
QuoteArgument(char *Target, const char *Argument)
{
    BOOLEAN quote = Argument[0] == '\0' || strpbrk(Argument, " \t\"") != NULL;
    size_t backslashes = 0;
    size_t length = 0;

    if (quote) {
        Target[length++] = '"';
    }
    for (; *Argument != '\0'; Argument++) {
        if (*Argument == '"') {
            /* Each backslash before a quote counts double, and the quote needs one. */
            for (backslashes++; backslashes != 0; backslashes--) {
                Target[length++] = '\\';
            }
        }
        backslashes = *Argument == '\\' ? backslashes + 1 : 0;
        Target[length++] = *Argument;
    }
    if (quote) {
        for (; backslashes != 0; backslashes--) {
            Target[length++] = '\\';
        }
        Target[length++] = '"';
    }
    return length;
}

static BOOL WINAPI
MakeCommandLine(PINIT_ONCE Once, PVOID Parameter, PVOID *Context)
{
    int count = 0;
    const char *const *arguments = NtdllHostArguments(&count);
    size_t size = 1;
    size_t length = 0;

    for (int i = 0; i < count; i++) {
        size += 2 * strlen(arguments[i]) + 4;
    }
    BaseCommandLineA = malloc(size);
    if (BaseCommandLineA == NULL) {
        return FALSE;
    }
    for (int i = 0; i < count; i++) {
        if (i != 0) {
            BaseCommandLineA[length++] = ' ';
        }
        length += QuoteArgument(&BaseCommandLineA[length], arguments[i]);
    }
    BaseCommandLineA[length] = '\0';
    BaseCommandLineW = NtdllWiden(BaseCommandLineA);
    return BaseCommandLineW != NULL;
}

LPSTR WINAPI
GetCommandLineA(VOID)
{
    InitOnceExecuteOnce(&BaseTextOnce, MakeCommandLine, NULL, NULL);
    return BaseCommandLineA;
}

LPWSTR WINAPI
GetCommandLineW(VOID)
{
    InitOnceExecuteOnce(&BaseTextOnce, MakeCommandLine, NULL, NULL);
    return BaseCommandLineW;
}

/* ---- environment ---- */

/* Units without the NUL when it fits, with it when not; 0 and ERROR_ENVVAR_NOT_FOUND. */
DWORD WINAPI
GetEnvironmentVariableA(LPCSTR Name, LPSTR Buffer, DWORD Size)
{
    const char *value = Name != NULL ? getenv(Name) : NULL;

    if (value == NULL) {
        return BaseFail(ERROR_ENVVAR_NOT_FOUND);
    }
    NtdllLastError = ERROR_SUCCESS;
    return BaseReturnTextA(value, Buffer, Size);
}

DWORD WINAPI
GetEnvironmentVariableW(LPCWSTR Name, LPWSTR Buffer, DWORD Size)
{
    char *name = NtdllNarrow(Name);
    const char *value = name != NULL ? getenv(name) : NULL;

    free(name);
    if (value == NULL) {
        return BaseFail(ERROR_ENVVAR_NOT_FOUND);
    }
    NtdllLastError = ERROR_SUCCESS;
    return BaseReturnTextW(value, Buffer, Size);
}

/* Differs  names are case-sensitive, as the host's are */
BOOL WINAPI
SetEnvironmentVariableA(LPCSTR Name, LPCSTR Value)
{
    if (Name == NULL || Name[0] == '\0' || strchr(Name, '=') != NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    NtdllHostSetEnvironment(Name, Value);
    return TRUE;
}

BOOL WINAPI
SetEnvironmentVariableW(LPCWSTR Name, LPCWSTR Value)
{
    char *name = NtdllNarrow(Name);
    char *value = NtdllNarrow(Value);
    BOOL result = SetEnvironmentVariableA(name, value);

    free(name);
    free(value);
    return result;
}

/* ---- debugging ---- */

BOOL WINAPI
IsDebuggerPresent(VOID)
{
    return NtdllHostIsDebugged();
}

/* Goes to standard error when NTBOX_DEBUG_OUTPUT=1 or a debugger is attached; else nowhere. */
VOID WINAPI
OutputDebugStringA(LPCSTR Text)
{
    const char *wanted = getenv("NTBOX_DEBUG_OUTPUT");

    if (Text != NULL && ((wanted != NULL && strcmp(wanted, "1") == 0) || IsDebuggerPresent())) {
        fputs(Text, stderr);
    }
}

VOID WINAPI
OutputDebugStringW(LPCWSTR Text)
{
    char *text = NtdllNarrow(Text);

    OutputDebugStringA(text);
    free(text);
}
