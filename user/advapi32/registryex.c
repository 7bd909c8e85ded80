/* SPDX-License-Identifier: MIT
 *
 * advapi32/registryex.c - the registry: narrow enumeration, and the short forms
 *
 * Source   SDK reference, nf-winreg-regenumvaluea, -regqueryinfokeya, -regopenkeya,
 *          -regcreatekeya.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel32/kernel32.h"
#include <winreg.h>

#define NAME_LIMIT 16384u /* units of a value's name, with its end */

LSTATUS WINAPI
RegOpenKeyW(HKEY Key, LPCWSTR Path, PHKEY Result)
{
    return RegOpenKeyExW(Key, Path, 0, MAXIMUM_ALLOWED, Result);
}

LSTATUS WINAPI
RegOpenKeyA(HKEY Key, LPCSTR Path, PHKEY Result)
{
    return RegOpenKeyExA(Key, Path, 0, MAXIMUM_ALLOWED, Result);
}

LSTATUS WINAPI
RegCreateKeyW(HKEY Key, LPCWSTR Path, PHKEY Result)
{
    return Path == NULL || Path[0] == 0
               ? RegOpenKeyW(Key, Path, Result)
               : RegCreateKeyExW(Key, Path, 0, NULL, 0, MAXIMUM_ALLOWED, NULL, Result, NULL);
}

LSTATUS WINAPI
RegCreateKeyA(HKEY Key, LPCSTR Path, PHKEY Result)
{
    PWSTR path = NtdllWiden(Path);
    LSTATUS error = RegCreateKeyW(Key, path, Result);

    free(path);
    return error;
}

/* Wide units as UTF-8 in a buffer of *Size bytes; *Size becomes their number, without an end. */
static LSTATUS
ReturnName(PCWSTR Name, DWORD Units, LPSTR Buffer, LPDWORD Size)
{
    size_t bytes = NtdllUtf16ToUtf8(NULL, 0, Name, Units, 0);

    if (bytes >= *Size) {
        return ERROR_MORE_DATA;
    }
    NtdllUtf16ToUtf8(Buffer, bytes, Name, Units, 0);
    Buffer[bytes] = '\0';
    *Size = (DWORD)bytes;
    return ERROR_SUCCESS;
}

/* RegEnumValueA - as RegEnumValueW; text values come as UTF-8 */
LSTATUS WINAPI
RegEnumValueA(HKEY Key, DWORD Index, LPSTR Name, LPDWORD NameSize, LPDWORD Reserved, LPDWORD Type,
              LPBYTE Data, LPDWORD Size)
{
    DWORD units = NAME_LIMIT;
    LSTATUS error;
    PWSTR name;

    if (Name == NULL || NameSize == NULL || Reserved != NULL || (Data != NULL && Size == NULL)) {
        return ERROR_INVALID_PARAMETER;
    }
    name = malloc(NAME_LIMIT * sizeof(WCHAR));
    if (name == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    error = RegEnumValueW(Key, Index, name, &units, NULL, Type, NULL, NULL);
    if (error == ERROR_SUCCESS) {
        error = ReturnName(name, units, Name, NameSize);
    }
    if (error == ERROR_SUCCESS && Size != NULL) {
        char *narrow = NtdllNarrow(name);

        error = narrow != NULL ? RegQueryValueExA(Key, narrow, NULL, Type, Data, Size)
                               : ERROR_NOT_ENOUGH_MEMORY;
        free(narrow);
    }
    free(name);
    return error;
}

/* RegQueryInfoKeyA - as RegQueryInfoKeyW; lengths are what UTF-8 may need at most */
LSTATUS WINAPI
RegQueryInfoKeyA(HKEY Key, LPSTR Class, LPDWORD ClassSize, LPDWORD Reserved, LPDWORD SubKeys,
                 LPDWORD MaxSubKey, LPDWORD MaxClass, LPDWORD Values, LPDWORD MaxValueName,
                 LPDWORD MaxValue, LPDWORD Security, PFILETIME LastWrite)
{
    LSTATUS error = RegQueryInfoKeyW(Key, NULL, NULL, Reserved, SubKeys, MaxSubKey, MaxClass,
                                     Values, MaxValueName, MaxValue, Security, LastWrite);
    const DWORD growth = 3; /* bytes that one unit can need */

    if (error != ERROR_SUCCESS) {
        return error;
    }
    if (MaxSubKey != NULL) {
        *MaxSubKey *= growth;
    }
    if (MaxValueName != NULL) {
        *MaxValueName *= growth;
    }
    if (MaxValue != NULL) {
        *MaxValue *= 2; /* 3 bytes for a unit of 2, rounded up */
    }
    if (Class != NULL && ClassSize != NULL && *ClassSize != 0) {
        Class[0] = '\0';
        *ClassSize = 0;
    }
    return ERROR_SUCCESS;
}
