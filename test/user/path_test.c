/* SPDX-License-Identifier: MIT
 *
 * test/user/path_test.c - Win32 paths to NT names, and how CreateFile uses them
 */
#include <stdlib.h>

#include "folder.h"
#include "gate.h"
#include "nt_test.h"

NT_TEST(Path, DevicePathsConvert)
{
    static const struct {
        PCWSTR Dos;
        PCWSTR Nt;
    } rows[] = {
        {L"\\\\.\\Echo", L"\\??\\Echo"},
        {L"//./Echo", L"\\??\\Echo"},
        {L"\\\\?\\Echo", L"\\??\\Echo"},
        {L"\\??\\Echo", L"\\??\\Echo"},
        {L"\\\\.\\Echo\\a/b", L"\\??\\Echo\\a\\b"},
        {L"\\\\.\\Echo\\x\\..\\.\\y\\", L"\\??\\Echo\\y\\"},
        {L"\\\\.\\..\\Echo", L"\\??\\Echo"},
        {L"\\\\?\\Echo\\..\\x/y", L"\\??\\Echo\\..\\x/y"},
        {L"\\\\.\\GLOBALROOT\\Device\\Echo", L"\\Device\\Echo"},
        {L"\\\\?\\GlobalRoot\\Device\\Echo", L"\\Device\\Echo"},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        UNICODE_STRING name;

        NT_EXPECT_STATUS(NtdllDosPathToNtPath(rows[i].Dos, &name), STATUS_SUCCESS);
        NT_EXPECT_WSTR(name.Buffer, rows[i].Nt);
        NT_EXPECT_EQ(name.Length, NtdllWideLength(rows[i].Nt) * sizeof(WCHAR));
        RtlFreeUnicodeString(&name);
    }
}

NT_TEST(Path, FilesOfTheHostAreOnDriveZ)
{
    static const PCWSTR rows[] = {L"\\tmp\\x", L"/tmp/x", L"Z:\\tmp\\x", L"z:/tmp/./y/../x"};

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        UNICODE_STRING name;

        NT_EXPECT_STATUS(NtdllDosPathToNtPath(rows[i], &name), STATUS_SUCCESS);
        NT_EXPECT_WSTR(name.Buffer, L"\\??\\Z:\\tmp\\x");
        RtlFreeUnicodeString(&name);
    }
}

NT_TEST(Path, OtherPathsAreRefusedByStatus)
{
    static const struct {
        PCWSTR Dos;
        NTSTATUS Status;
    } rows[] = {
        {L"C:\\x.txt", STATUS_NOT_SUPPORTED},
        {L"\\\\server\\share", STATUS_NOT_SUPPORTED},
        {L"NUL", STATUS_NOT_SUPPORTED},
        {L"CON", STATUS_NOT_SUPPORTED},
        {L"", STATUS_OBJECT_NAME_INVALID},
        {L"\\\\.\\", STATUS_OBJECT_NAME_INVALID},
        {L"\\\\.\\..", STATUS_OBJECT_NAME_INVALID},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        UNICODE_STRING name;

        NT_EXPECT_STATUS(NtdllDosPathToNtPath(rows[i].Dos, &name), rows[i].Status);
    }
}

NT_TEST(Path, FullPathsStartAtTheCurrentFolder)
{
    static char folder[] = "/tmp/user_path_test.XXXXXX";
    static const char *const files[] = {NULL};
    char current[64];
    WCHAR wide[64];
    char path[64];
    LPSTR part;
    DWORD length;

    NT_EXPECT_TRUE(TestEnterFolder(folder, files));
    length = GetCurrentDirectoryA(sizeof(current), current);
    NT_EXPECT_EQ(length, lstrlenA(folder) + 2);
    NT_EXPECT_EQ(memcmp(current, "Z:\\tmp\\user_path_test.", 22), 0);
    NT_EXPECT_EQ(GetCurrentDirectoryA(length, path), length + 1); /* no room for the end */
    NT_EXPECT_EQ(GetCurrentDirectoryW(ARRAYSIZE(wide), wide), length);
    NT_EXPECT_EQ(GetFullPathNameA("a/./b.sys", sizeof(path), path, &part), length + 8);
    NT_EXPECT_EQ(memcmp(path, current, length), 0);
    NT_EXPECT_STR(path + length, "\\a\\b.sys");
    NT_EXPECT_STR(part, "b.sys");
    NT_EXPECT_EQ(GetFullPathNameA("\\..\\x\\", sizeof(path), path, &part), 5);
    NT_EXPECT_STR(path, "Z:\\x\\");
    NT_EXPECT_EQ(part, NULL);
    NT_EXPECT_EQ(GetFullPathNameW(L"..", ARRAYSIZE(wide), wide, NULL), 6);
    NT_EXPECT_WSTR(wide, L"Z:\\tmp");
    NT_EXPECT_EQ(GetFullPathNameA("", sizeof(path), path, NULL), 0);
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_NAME);
    TestLeaveFolder(folder, files);
}

/* ---- CreateFile on top of it ---- */

static struct {
    NTSTATUS Status;
    ULONG_PTR Information;
    ACCESS_MASK Access;
    ULONG Share;
    ULONG Disposition;
    ULONG Options;
    ULONG Attributes;
    WCHAR Name[64];
} Create;

static NTSTATUS
FakeCreateFile(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
               PIO_STATUS_BLOCK Iosb, PLARGE_INTEGER Allocation, ULONG FileAttributes, ULONG Share,
               ULONG Disposition, ULONG Options, PVOID Ea, ULONG EaLength)
{
    Create.Access = Access;
    Create.Share = Share;
    Create.Disposition = Disposition;
    Create.Options = Options;
    Create.Attributes = Attributes->Attributes;
    memcpy(Create.Name, Attributes->ObjectName->Buffer, Attributes->ObjectName->Length);
    Iosb->Information = Create.Information;
    *Handle = (HANDLE)0x44;
    return Create.Status;
}

void
NtTestSetUp(void)
{
    FakeGate.NtCreateFile = FakeCreateFile;
    InstallFakeGate();
    setenv("NTBOX_DRIVERS", "/x.so", 1);
}

NT_TEST(CreateFile, PassesOptionsOn)
{
    HANDLE handle =
        CreateFileA("\\\\.\\Echo", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);

    NT_EXPECT_EQ(handle, 0x44);
    NT_EXPECT_WSTR(Create.Name, L"\\??\\Echo");
    NT_EXPECT_EQ(Create.Access, GENERIC_READ | SYNCHRONIZE | FILE_READ_ATTRIBUTES);
    NT_EXPECT_EQ(Create.Share, FILE_SHARE_READ);
    NT_EXPECT_EQ(Create.Disposition, FILE_OPEN);
    NT_EXPECT_EQ(Create.Options, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    NT_EXPECT_EQ(Create.Attributes, OBJ_CASE_INSENSITIVE);
    CreateFileW(L"\\\\.\\Echo", 0, 0, NULL, CREATE_ALWAYS,
                FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING | FILE_FLAG_WRITE_THROUGH, NULL);
    NT_EXPECT_EQ(Create.Disposition, FILE_OVERWRITE_IF);
    NT_EXPECT_EQ(Create.Options,
                 FILE_NON_DIRECTORY_FILE | FILE_NO_INTERMEDIATE_BUFFERING | FILE_WRITE_THROUGH);
}

NT_TEST(CreateFile, TellsWhetherItWasThere)
{
    SetLastError(99);
    Create.Information = 1; /* FILE_OPENED */
    CreateFileA("\\\\.\\Echo", 0, 0, NULL, OPEN_EXISTING, 0, NULL);
    NT_EXPECT_EQ(GetLastError(), 99);
    CreateFileA("\\\\.\\Echo", 0, 0, NULL, OPEN_ALWAYS, 0, NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_ALREADY_EXISTS);
    Create.Information = 2; /* FILE_CREATED */
    CreateFileA("\\\\.\\Echo", 0, 0, NULL, OPEN_ALWAYS, 0, NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_SUCCESS);
}

NT_TEST(CreateFile, ErrorsAreWindows)
{
    static const struct {
        PCSTR Path;
        DWORD Disposition;
        NTSTATUS Status;
        DWORD Error;
    } rows[] = {
        {"C:\\x", OPEN_EXISTING, STATUS_SUCCESS, ERROR_NOT_SUPPORTED},
        {"", OPEN_EXISTING, STATUS_SUCCESS, ERROR_PATH_NOT_FOUND},
        {NULL, OPEN_EXISTING, STATUS_SUCCESS, ERROR_PATH_NOT_FOUND},
        {"\\\\.\\Echo", 0, STATUS_SUCCESS, ERROR_INVALID_PARAMETER},
        {"\\\\.\\Echo", 6, STATUS_SUCCESS, ERROR_INVALID_PARAMETER},
        {"\\\\.\\Echo", OPEN_EXISTING, STATUS_OBJECT_NAME_NOT_FOUND, ERROR_FILE_NOT_FOUND},
        {"\\\\.\\Echo", OPEN_EXISTING, STATUS_ACCESS_DENIED, ERROR_ACCESS_DENIED},
        {"\\\\.\\Echo", CREATE_NEW, STATUS_OBJECT_NAME_COLLISION, ERROR_FILE_EXISTS},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        Create.Status = rows[i].Status;
        NT_EXPECT_EQ(CreateFileA(rows[i].Path, 0, 0, NULL, rows[i].Disposition, 0, NULL),
                     INVALID_HANDLE_VALUE);
        NT_EXPECT_EQ(GetLastError(), rows[i].Error);
    }
}
