/* SPDX-License-Identifier: MIT
 *
 * kernel32/file.c - opening devices and files, and what they answer about themselves
 *
 * Paths go through ntdll/path.c: files are the host's, on drive Z:, which is write-protected.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel32/kernel32.h"

/* Values of the WDK that winternl.h leaves out. */
#define FILE_OPENED_INFORMATION 1u
#define FILE_OVERWRITTEN_INFORMATION 3u
#define INFORMATION_STANDARD ((FILE_INFORMATION_CLASS)5)
#define INFORMATION_POSITION ((FILE_INFORMATION_CLASS)14)
#define INFORMATION_END_OF_FILE ((FILE_INFORMATION_CLASS)20)
#define INFORMATION_NOTIFICATION_MODES ((FILE_INFORMATION_CLASS)41)

typedef struct BASE_STANDARD_INFORMATION {
    LARGE_INTEGER AllocationSize;
    LARGE_INTEGER EndOfFile;
    ULONG NumberOfLinks;
    BOOLEAN DeletePending;
    BOOLEAN Directory;
} BASE_STANDARD_INFORMATION;

/* The create disposition of NtCreateFile, or ULONG_MAX. */
static ULONG
NtDisposition(DWORD Disposition)
{
    switch (Disposition) {
    case CREATE_NEW:
        return FILE_CREATE;
    case CREATE_ALWAYS:
        return FILE_OVERWRITE_IF;
    case OPEN_EXISTING:
        return FILE_OPEN;
    case OPEN_ALWAYS:
        return FILE_OPEN_IF;
    case TRUNCATE_EXISTING:
        return FILE_OVERWRITE;
    default:
        return MAXDWORD;
    }
}

static ULONG
NtCreateOptions(DWORD Flags)
{
    ULONG options = 0;

    options |= (Flags & FILE_FLAG_WRITE_THROUGH) != 0 ? FILE_WRITE_THROUGH : 0;
    options |= (Flags & FILE_FLAG_NO_BUFFERING) != 0 ? FILE_NO_INTERMEDIATE_BUFFERING : 0;
    options |= (Flags & FILE_FLAG_SEQUENTIAL_SCAN) != 0 ? FILE_SEQUENTIAL_ONLY : 0;
    options |= (Flags & FILE_FLAG_RANDOM_ACCESS) != 0 ? FILE_RANDOM_ACCESS : 0;
    options |= (Flags & FILE_FLAG_DELETE_ON_CLOSE) != 0 ? FILE_DELETE_ON_CLOSE : 0;
    options |= (Flags & FILE_FLAG_BACKUP_SEMANTICS) != 0 ? FILE_OPEN_FOR_BACKUP_INTENT
                                                         : FILE_NON_DIRECTORY_FILE;
    options |= (Flags & FILE_FLAG_OVERLAPPED) != 0 ? 0 : FILE_SYNCHRONOUS_IO_NONALERT;
    return options;
}

static char *BaseMissingDevice; /* the first one that was not there, when nothing was loaded */

/* Exit handler: the most frequent mistake, unless the program went on to load a driver itself. */
static void
TellMissingDevice(void)
{
    if (!NtdllDriverLoaded) {
        fprintf(stderr,
                "ntbox: %s: no such device, because no driver is loaded; start this program with "
                "`ntbox run DRIVER -- PROGRAM`\n",
                BaseMissingDevice);
    }
}

/* Never changes the last error. */
static VOID
NoteMissingDevice(PCWSTR Path)
{
    BOOLEAN isDevice = (Path[0] == L'\\' || Path[0] == L'/') && Path[1] != 0 &&
                       (Path[2] == L'.' || Path[2] == L'?');
    char *nothing = NULL;
    char *name;

    if (NtdllHasDrivers() || NtdllDriverLoaded || !isDevice) {
        return;
    }
    name = NtdllNarrow(Path);
    if (name != NULL && __atomic_compare_exchange_n(&BaseMissingDevice, &nothing, name, 0,
                                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        atexit(TellMissingDevice);
    } else {
        free(name);
    }
}

/*
 * CreateFileW - open a device, or a file to read
 *
 * Path         \\.\Name, \\?\Name or \??\Name; a file's path
 * Disposition  any; the driver sees it in IRP_MJ_CREATE
 * Template     ignored, as for devices on Windows
 *
 * Errors   ERROR_FILE_NOT_FOUND (no such device), ERROR_INVALID_PARAMETER (Disposition),
 *          ERROR_PATH_NOT_FOUND (empty path), the driver's; a file to be written is
 *          ERROR_WRITE_PROTECT, a drive other than Z:, NUL or CON is ERROR_NOT_SUPPORTED
 * Differs  files are read only; quality of service and inheritance to children are ignored
 * Source   SDK reference, nf-fileapi-createfilew
 */
HANDLE WINAPI
CreateFileW(LPCWSTR Path, DWORD Access, DWORD Share, LPSECURITY_ATTRIBUTES Security,
            DWORD Disposition, DWORD Flags, HANDLE Template)
{
    ULONG disposition = NtDisposition(Disposition);
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    IO_STATUS_BLOCK iosb;
    HANDLE handle = INVALID_HANDLE_VALUE;
    NTSTATUS status;

    if (disposition == MAXDWORD) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return INVALID_HANDLE_VALUE;
    }
    if (Path == NULL || Path[0] == 0) {
        BaseFail(ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    status = NtdllDosPathToNtPath(Path, &name);
    if (!NT_SUCCESS(status)) {
        BaseSetLastNtError(status);
        return INVALID_HANDLE_VALUE;
    }
    if ((Flags & FILE_FLAG_DELETE_ON_CLOSE) != 0) {
        Access |= DELETE;
    }
    InitializeObjectAttributes(&attributes, &name,
                               (Flags & FILE_FLAG_POSIX_SEMANTICS) != 0 ? 0 : OBJ_CASE_INSENSITIVE,
                               NULL, Security != NULL ? Security->lpSecurityDescriptor : NULL);
    if (Security != NULL && Security->bInheritHandle) {
        attributes.Attributes |= OBJ_INHERIT;
    }
    status = NTDLL_CALL(NtCreateFile)(&handle, Access | SYNCHRONIZE | FILE_READ_ATTRIBUTES,
                                      &attributes, &iosb, NULL, Flags & 0x7FA7, Share, disposition,
                                      NtCreateOptions(Flags), NULL, 0);
    free(name.Buffer);
    if (!NT_SUCCESS(status)) {
        if (status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND) {
            NoteMissingDevice(Path);
        }
        if (status == STATUS_OBJECT_NAME_COLLISION) {
            BaseFail(ERROR_FILE_EXISTS);
        } else {
            BaseSetLastNtError(status);
        }
        return INVALID_HANDLE_VALUE;
    }
    if (Disposition == CREATE_ALWAYS || Disposition == OPEN_ALWAYS) {
        NtdllLastError = iosb.Information == FILE_OPENED_INFORMATION ||
                                 iosb.Information == FILE_OVERWRITTEN_INFORMATION
                             ? ERROR_ALREADY_EXISTS
                             : ERROR_SUCCESS;
    }
    return handle;
}

HANDLE WINAPI
CreateFileA(LPCSTR Path, DWORD Access, DWORD Share, LPSECURITY_ATTRIBUTES Security,
            DWORD Disposition, DWORD Flags, HANDLE Template)
{
    PWSTR path = NtdllWiden(Path);
    HANDLE handle;

    if (path == NULL) {
        BaseFail(Path == NULL ? ERROR_PATH_NOT_FOUND : ERROR_NOT_ENOUGH_MEMORY);
        return INVALID_HANDLE_VALUE;
    }
    handle = CreateFileW(path, Access, Share, Security, Disposition, Flags, Template);
    free(path);
    return handle;
}

BOOL WINAPI
FlushFileBuffers(HANDLE File)
{
    IO_STATUS_BLOCK iosb;
    int stream = BaseStreamOfHandle(File);

    if (stream >= 0) {
        return NtdllHostFlush(stream) ? TRUE : BaseFail(ERROR_INVALID_HANDLE);
    }
    return BaseResult(NTDLL_CALL(NtFlushBuffersFile)(File, &iosb));
}

BOOL WINAPI
GetFileSizeEx(HANDLE File, PLARGE_INTEGER Size)
{
    BASE_STANDARD_INFORMATION standard;
    IO_STATUS_BLOCK iosb;
    NTSTATUS status = NTDLL_CALL(NtQueryInformationFile)(File, &iosb, &standard, sizeof(standard),
                                                         INFORMATION_STANDARD);

    if (!NT_SUCCESS(status)) {
        return BaseResult(status);
    }
    *Size = standard.EndOfFile;
    return TRUE;
}

/* INVALID_FILE_SIZE may be a size: the last error is 0 then. */
DWORD WINAPI
GetFileSize(HANDLE File, LPDWORD High)
{
    LARGE_INTEGER size;

    if (!GetFileSizeEx(File, &size)) {
        return INVALID_FILE_SIZE;
    }
    if (High != NULL) {
        *High = (DWORD)size.HighPart;
    } else if (size.HighPart != 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return INVALID_FILE_SIZE;
    }
    if (size.LowPart == INVALID_FILE_SIZE) {
        NtdllLastError = ERROR_SUCCESS;
    }
    return size.LowPart;
}

BOOL WINAPI
SetFilePointerEx(HANDLE File, LARGE_INTEGER Distance, PLARGE_INTEGER New, DWORD Method)
{
    LARGE_INTEGER position = Distance;
    LARGE_INTEGER base = {.QuadPart = 0};
    IO_STATUS_BLOCK iosb;
    NTSTATUS status = STATUS_SUCCESS;

    if (Method == FILE_CURRENT) {
        status = NTDLL_CALL(NtQueryInformationFile)(File, &iosb, &base, sizeof(base),
                                                    INFORMATION_POSITION);
    } else if (Method == FILE_END) {
        if (!GetFileSizeEx(File, &base)) {
            return FALSE;
        }
    } else if (Method != FILE_BEGIN) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (!NT_SUCCESS(status)) {
        return BaseResult(status);
    }
    if (__builtin_add_overflow(position.QuadPart, base.QuadPart, &position.QuadPart)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (position.QuadPart < 0) {
        return BaseFail(ERROR_NEGATIVE_SEEK);
    }
    status = NTDLL_CALL(NtSetInformationFile)(File, &iosb, &position, sizeof(position),
                                              INFORMATION_POSITION);
    if (!NT_SUCCESS(status)) {
        return BaseResult(status);
    }
    if (New != NULL) {
        *New = position;
    }
    return TRUE;
}

DWORD WINAPI
SetFilePointer(HANDLE File, LONG Distance, PLONG High, DWORD Method)
{
    LARGE_INTEGER distance;
    LARGE_INTEGER position;

    distance.QuadPart = Distance;
    if (High != NULL) {
        distance.LowPart = (DWORD)Distance;
        distance.HighPart = *High;
    }
    if (!SetFilePointerEx(File, distance, &position, Method)) {
        return INVALID_SET_FILE_POINTER;
    }
    if (High != NULL) {
        *High = position.HighPart;
    } else if (position.HighPart != 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return INVALID_SET_FILE_POINTER;
    }
    if (position.LowPart == INVALID_SET_FILE_POINTER) {
        NtdllLastError = ERROR_SUCCESS;
    }
    return position.LowPart;
}

BOOL WINAPI
SetEndOfFile(HANDLE File)
{
    LARGE_INTEGER position;
    IO_STATUS_BLOCK iosb;
    NTSTATUS status = NTDLL_CALL(NtQueryInformationFile)(File, &iosb, &position, sizeof(position),
                                                         INFORMATION_POSITION);

    if (NT_SUCCESS(status)) {
        status = NTDLL_CALL(NtSetInformationFile)(File, &iosb, &position, sizeof(position),
                                                  INFORMATION_END_OF_FILE);
    }
    return BaseResult(status);
}

BOOL WINAPI
SetFileCompletionNotificationModes(HANDLE File, UCHAR Flags)
{
    ULONG modes = Flags;
    IO_STATUS_BLOCK iosb;

    if ((Flags & ~(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE)) != 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    return BaseResult(NTDLL_CALL(NtSetInformationFile)(File, &iosb, &modes, sizeof(modes),
                                                       INFORMATION_NOTIFICATION_MODES));
}

/*
 * QueryDosDeviceW - what a name such as a device's symbolic link stands for
 *
 * Returns  units written, with both NULs; 0 and the last error
 * Differs  Name NULL (all names) is ERROR_NOT_SUPPORTED
 */
DWORD WINAPI
QueryDosDeviceW(LPCWSTR Name, LPWSTR Target, DWORD Size)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING target = {.Buffer = Target};
    UNICODE_STRING path;
    WCHAR full[300] = L"\\??\\";
    size_t length;
    HANDLE link;
    NTSTATUS status;

    if (Name == NULL) {
        return BaseFail(ERROR_NOT_SUPPORTED);
    }
    length = NtdllWideLength(Name);
    if (length == 0 || length + 5 > sizeof(full) / sizeof(full[0])) {
        return BaseFail(ERROR_INVALID_NAME);
    }
    if (Size < 2) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    memcpy(&full[4], Name, (length + 1) * sizeof(WCHAR));
    RtlInitUnicodeString(&path, full);
    InitializeObjectAttributes(&attributes, &path, OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = NTDLL_CALL(NtOpenSymbolicLinkObject)(&link, 1 /* SYMBOLIC_LINK_QUERY */, &attributes);
    if (!NT_SUCCESS(status)) {
        BaseSetLastNtError(status);
        return 0;
    }
    target.MaximumLength = (USHORT)(Size > 0x7FF0 ? 0xFFE0 : (Size - 2) * sizeof(WCHAR));
    status = NTDLL_CALL(NtQuerySymbolicLinkObject)(link, &target, NULL);
    NTDLL_CALL(NtClose)(link);
    if (!NT_SUCCESS(status)) {
        BaseSetLastNtError(status);
        return 0;
    }
    length = target.Length / sizeof(WCHAR);
    Target[length] = 0;
    Target[length + 1] = 0;
    return (DWORD)length + 2;
}

DWORD WINAPI
QueryDosDeviceA(LPCSTR Name, LPSTR Target, DWORD Size)
{
    WCHAR wide[1024];
    PWSTR name = NtdllWiden(Name);
    DWORD units = QueryDosDeviceW(name, wide, sizeof(wide) / sizeof(wide[0]));
    size_t bytes;

    free(name);
    if (units == 0) {
        return 0;
    }
    bytes = NtdllUtf16ToUtf8(NULL, 0, wide, units, 0);
    if (bytes > Size) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    return (DWORD)NtdllUtf16ToUtf8(Target, Size, wide, units, 0);
}

/*
 * GetFileInformationByHandle - of a device, the driver's error: ERROR_INVALID_FUNCTION as a rule
 *
 * Differs  ERROR_NOT_SUPPORTED for files of drive Z:, whose times and numbers are not kept
 */
BOOL WINAPI
GetFileInformationByHandle(HANDLE File, LPBY_HANDLE_FILE_INFORMATION Information)
{
    FILE_BASIC_INFORMATION basic;
    IO_STATUS_BLOCK iosb;

    if (BaseResult(NTDLL_CALL(NtQueryInformationFile)(File, &iosb, &basic, sizeof(basic),
                                                      FileBasicInformation))) {
        BaseFail(ERROR_NOT_SUPPORTED);
    }
    return FALSE;
}
