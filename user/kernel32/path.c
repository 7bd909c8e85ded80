/* SPDX-License-Identifier: MIT
 *
 * kernel32/path.c - the current folder, and full paths
 *
 * The host's files are drive Z:, as ntdll/path.c says.
 */
#include <stdlib.h>

#include "kernel32/kernel32.h"

/* The rest of a call that gives a path back: copies, frees. 0 and the last error for NULL. */
static DWORD
ReturnPathA(PWSTR Path, LPSTR Buffer, DWORD Size)
{
    char *narrow = NtdllNarrow(Path);
    DWORD length;

    free(Path);
    if (narrow == NULL) {
        return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    }
    length = BaseReturnTextA(narrow, Buffer, Size);
    free(narrow);
    return length;
}

static DWORD
ReturnPathW(PWSTR Path, LPWSTR Buffer, DWORD Size)
{
    DWORD length = (DWORD)NtdllWideLength(Path);

    if (length < Size) {
        memcpy(Buffer, Path, ((SIZE_T)length + 1) * sizeof(WCHAR));
    } else {
        length++;
    }
    free(Path);
    return length;
}

/* NULL and the last error. */
static PWSTR
FullPath(LPCWSTR Path)
{
    PWSTR full = NULL;
    NTSTATUS status =
        Path != NULL && Path[0] != 0 ? NtdllFullDosPath(Path, &full) : STATUS_OBJECT_NAME_INVALID;

    if (!NT_SUCCESS(status)) {
        BaseSetLastNtError(status);
        return NULL;
    }
    return full;
}

/*
 * GetCurrentDirectoryW - the current folder, as Z:\...
 *
 * Returns  its length; with the terminator, if that is more than Size; 0 and the last error
 */
DWORD WINAPI
GetCurrentDirectoryW(DWORD Size, LPWSTR Buffer)
{
    PWSTR path = FullPath(L".");

    return path != NULL ? ReturnPathW(path, Buffer, Size) : 0;
}

DWORD WINAPI
GetCurrentDirectoryA(DWORD Size, LPSTR Buffer)
{
    PWSTR path = FullPath(L".");

    return path != NULL ? ReturnPathA(path, Buffer, Size) : 0;
}

/* The last part's first unit, or NULL when the path ends in a separator. */
static LPWSTR
FilePartW(LPWSTR Path)
{
    LPWSTR part = Path;

    for (; *Path != 0; Path++) {
        part = *Path == L'\\' ? Path + 1 : part;
    }
    return *part != 0 ? part : NULL;
}

/*
 * GetFullPathNameW - Path with drive and folder, . and .. resolved; it need not exist
 *
 * FilePart  may be NULL: where the last part begins in Buffer, or NULL
 * Returns   as GetCurrentDirectoryW
 */
DWORD WINAPI
GetFullPathNameW(LPCWSTR Path, DWORD Size, LPWSTR Buffer, LPWSTR *FilePart)
{
    PWSTR path = FullPath(Path);
    DWORD length;

    if (path == NULL) {
        return 0;
    }
    length = ReturnPathW(path, Buffer, Size);
    if (length < Size && FilePart != NULL) {
        *FilePart = FilePartW(Buffer);
    }
    return length;
}

DWORD WINAPI
GetFullPathNameA(LPCSTR Path, DWORD Size, LPSTR Buffer, LPSTR *FilePart)
{
    PWSTR wide = NtdllWiden(Path);
    PWSTR path = FullPath(wide);
    DWORD length;

    free(wide);
    if (path == NULL) {
        return 0;
    }
    length = ReturnPathA(path, Buffer, Size);
    if (length < Size && FilePart != NULL) {
        LPSTR part = strrchr(Buffer, '\\') + 1; /* there is one: Z:\ */

        *FilePart = *part != '\0' ? part : NULL;
    }
    return length;
}
