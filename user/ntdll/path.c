/* SPDX-License-Identifier: MIT
 *
 * ntdll/path.c - from a Win32 path to an NT name
 *
 * What a driver's client opens is one of
 *     \\.\X       cleaned up as a path: / is \, . and .. are resolved, X may go on with \...
 *     \\?\X       taken as it is
 *     \??\X       an NT name already
 * all of which name X in \??. GLOBALROOT there is the root itself. Other paths are files of the
 * host, whose tree is drive Z: (src/io/hostvolume.c); Z: is the current drive, so that \tmp\x and
 * /tmp/x are Z:\tmp\x, and the current folder is the host's. There are no other drives.
 */
#include <stdlib.h>

#include "ntdll/ntdll.h"

#define PREFIX_LENGTH 4 /* of each of the three forms, and of \??\ */

static BOOLEAN
IsSeparator(WCHAR Unit)
{
    return Unit == L'\\' || Unit == L'/';
}

static WCHAR
UpperUnit(WCHAR Unit)
{
    return Unit >= L'a' && Unit <= L'z' ? (WCHAR)(Unit - L'a' + L'A') : Unit;
}

/* Compares the first units of Text with an upper-case word, without regard to case. */
static BOOLEAN
StartsWith(PCWSTR Text, const char *Word)
{
    for (; *Word != '\0'; Word++, Text++) {
        if (UpperUnit(*Text) != (WCHAR)*Word) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Resolves . and .. and doubled separators of Text (Length units) into Target; its new length. */
static size_t
CleanPath(PWSTR Target, PCWSTR Text, size_t Length)
{
    size_t written = 0;
    size_t at = 0;

    while (at < Length) {
        size_t start;
        size_t count;

        while (at < Length && IsSeparator(Text[at])) {
            at++;
        }
        start = at;
        while (at < Length && !IsSeparator(Text[at])) {
            at++;
        }
        count = at - start;
        if (count == 0 || (count == 1 && Text[start] == L'.')) {
            continue;
        }
        if (count == 2 && Text[start] == L'.' && Text[start + 1] == L'.') {
            while (written != 0 && Target[--written] != L'\\') {
            }
            continue;
        }
        if (written != 0) {
            Target[written++] = L'\\';
        }
        memcpy(&Target[written], &Text[start], count * sizeof(WCHAR));
        written += count;
    }
    /* A separator at the end stays: it may mean the device's own root name. */
    if (written != 0 && IsSeparator(Text[Length - 1])) {
        Target[written++] = L'\\';
    }
    return written;
}

/* Writes the NT name of what follows the prefix; the buffer has room for prefix and rest. */
static NTSTATUS
MakeNtName(PCWSTR Rest, BOOLEAN Clean, UNICODE_STRING *NtPath)
{
    static const char globalRoot[] = "GLOBALROOT\\";
    size_t length = NtdllWideLength(Rest);
    size_t prefix = PREFIX_LENGTH;
    PWSTR name;

    if (length == 0) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if ((length + PREFIX_LENGTH + 1) * sizeof(WCHAR) > 0xFFFE) {
        return STATUS_NAME_TOO_LONG;
    }
    name = malloc((length + PREFIX_LENGTH + 2) * sizeof(WCHAR));
    if (name == NULL) {
        return STATUS_NO_MEMORY;
    }
    memcpy(name, L"\\??\\", PREFIX_LENGTH * sizeof(WCHAR));
    if (Clean) {
        length = CleanPath(&name[prefix], Rest, length);
    } else {
        memcpy(&name[prefix], Rest, length * sizeof(WCHAR));
    }
    if (length == 0) {
        free(name);
        return STATUS_OBJECT_NAME_INVALID;
    }
    name[prefix + length] = 0;
    length += prefix;
    if (StartsWith(&name[prefix], globalRoot)) {
        size_t skip = prefix + sizeof(globalRoot) - 2; /* the separator stays */

        length -= skip;
        memmove(name, &name[skip], (length + 1) * sizeof(WCHAR));
    }
    NtPath->Buffer = name;
    NtPath->Length = (USHORT)(length * sizeof(WCHAR));
    NtPath->MaximumLength = (USHORT)(NtPath->Length + sizeof(WCHAR));
    return STATUS_SUCCESS;
}

/* ---- files ---- */

/* Names that are devices wherever they stand alone. */
static BOOLEAN
IsDosDevice(PCWSTR Path)
{
    static const char *const names[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
    size_t length = NtdllWideLength(Path);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (length == strlen(names[i]) && StartsWith(Path, names[i])) {
            return TRUE;
        }
    }
    return length == 4 && (StartsWith(Path, "COM") || StartsWith(Path, "LPT")) && Path[3] >= L'1' &&
           Path[3] <= L'9';
}

/* The current folder of the host, then \Rest; from malloc. NULL: it cannot be told. */
static PWSTR
JoinCurrentFolder(PCWSTR Rest)
{
    char folder[4096];
    size_t length = NtdllWideLength(Rest);
    size_t units;
    PWSTR path;

    if (!NtdllHostCurrentFolder(folder, sizeof(folder)) || strchr(folder, '\\') != NULL) {
        return NULL;
    }
    units = NtdllUtf8ToUtf16(NULL, 0, folder, strlen(folder), 0);
    path = malloc((units + 1 + length + 1) * sizeof(WCHAR));
    if (path != NULL) {
        NtdllUtf8ToUtf16(path, units, folder, strlen(folder), 0);
        path[units] = L'\\';
        memcpy(&path[units + 1], Rest, (length + 1) * sizeof(WCHAR));
    }
    return path;
}

NTSTATUS
NtdllFullDosPath(PCWSTR Path, PWSTR *Full)
{
    PWSTR joined = NULL;
    PCWSTR rest = Path;
    PWSTR full;
    size_t length;

    if (IsDosDevice(Path) || (IsSeparator(Path[0]) && IsSeparator(Path[1]))) {
        return STATUS_NOT_SUPPORTED;
    }
    if (Path[0] != 0 && Path[1] == L':') {
        if (UpperUnit(Path[0]) != L'Z') {
            return STATUS_NOT_SUPPORTED;
        }
        rest = &Path[2];
    }
    if (!IsSeparator(rest[0])) {
        joined = JoinCurrentFolder(rest);
        if (joined == NULL) {
            return STATUS_OBJECT_PATH_NOT_FOUND;
        }
        rest = joined;
    }
    length = NtdllWideLength(rest);
    full = malloc((length + 4) * sizeof(WCHAR));
    if (full == NULL) {
        free(joined);
        return STATUS_NO_MEMORY;
    }
    memcpy(full, L"Z:\\", 3 * sizeof(WCHAR));
    full[3 + CleanPath(&full[3], rest, length)] = 0;
    free(joined);
    *Full = full;
    return STATUS_SUCCESS;
}

static NTSTATUS
FilePathToNtPath(PCWSTR DosPath, UNICODE_STRING *NtPath)
{
    PWSTR full;
    NTSTATUS status = NtdllFullDosPath(DosPath, &full);

    if (NT_SUCCESS(status)) {
        status = MakeNtName(full, FALSE, NtPath);
        free(full);
    }
    return status;
}

NTSTATUS
NtdllDosPathToNtPath(PCWSTR DosPath, UNICODE_STRING *NtPath)
{
    if (DosPath == NULL || DosPath[0] == 0) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (IsSeparator(DosPath[0]) && IsSeparator(DosPath[1]) && DosPath[2] == L'.' &&
        IsSeparator(DosPath[3])) {
        return MakeNtName(&DosPath[PREFIX_LENGTH], TRUE, NtPath);
    }
    if (DosPath[0] == L'\\' && (DosPath[1] == L'\\' || DosPath[1] == L'?') && DosPath[2] == L'?' &&
        DosPath[3] == L'\\') {
        return MakeNtName(&DosPath[PREFIX_LENGTH], FALSE, NtPath);
    }
    return FilePathToNtPath(DosPath, NtPath);
}

/*
 * RtlDosPathNameToNtPathName_U - the NT name of a Win32 path
 *
 * FilePart, Relative  must be NULL: parts of file paths
 * Returns             TRUE: NtPath is freed with RtlFreeUnicodeString
 * Differs             the only drive is Z:
 */
BOOL NTAPI
RtlDosPathNameToNtPathName_U(PCWSTR DosPath, PUNICODE_STRING NtPath, PCWSTR *FilePart,
                             PVOID Relative)
{
    if (FilePart != NULL || Relative != NULL) {
        return FALSE;
    }
    return NT_SUCCESS(NtdllDosPathToNtPath(DosPath, NtPath));
}
