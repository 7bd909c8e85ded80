/* SPDX-License-Identifier: MIT
 *
 * hostvolume_test.c - drive Z:, the host's files: what can be read, and that nothing else works
 */
#include <stdio.h>
#include <string.h>

#include "io_test.h"

#define HOST_PATH "/tmp/ntbox_hostvolume_test.txt"
#define NT_PATH L"\\??\\Z:\\tmp\\ntbox_hostvolume_test.txt"

void
NtTestSetUp(void)
{
    IoTestStart();
    NT_EXPECT_STATUS(IopStartHostVolume(), STATUS_SUCCESS);
    NT_EXPECT_EQ(HalpWriteFile(HOST_PATH, "0123456789", 10), HALP_OK);
}

void
NtTestTearDown(void)
{
    remove(HOST_PATH);
    IopStopHostVolume();
    IoTestStop();
}

static NTSTATUS
Open(PCWSTR Name, ACCESS_MASK Access, ULONG Disposition, ULONG Options, HANDLE *Handle)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return USER_MODE(NtCreateFile(Handle, Access, &attributes, &iosb, NULL, 0, FILE_SHARE_READ,
                                  Disposition, Options, NULL, 0));
}

NT_TEST(HostVolume, FilesAreRead)
{
    FILE_STANDARD_INFORMATION standard;
    char buffer[8] = "";
    LARGE_INTEGER offset = {.QuadPart = 8};
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    NT_EXPECT_STATUS(Open(NT_PATH, GENERIC_READ | SYNCHRONIZE, FILE_OPEN, SYNC_OPTIONS, &handle),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, 4, NULL, NULL)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, 4, NULL, NULL)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(memcmp(buffer, "4567", 4), 0);
    NT_EXPECT_STATUS(
        USER_MODE(NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, 4, &offset, NULL)),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, 2);
    NT_EXPECT_STATUS(USER_MODE(NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, 4, NULL, NULL)),
                     STATUS_END_OF_FILE);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, &standard, sizeof(standard),
                                                      FileStandardInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(standard.EndOfFile.QuadPart, 10);
    IoTestClose(handle);
}

NT_TEST(HostVolume, FilesHaveADosNameAndOtherDevicesNone)
{
    POBJECT_NAME_INFORMATION information = NULL;
    UNICODE_STRING drive = US(L"Z:\\");
    UNICODE_STRING letter = US(L"\\??\\Q:");
    UNICODE_STRING name = US(DEVICE_NAME);
    PDEVICE_OBJECT device;
    FILE_OBJECT other = {0};
    HANDLE handle;

    NT_EXPECT_STATUS(Open(NT_PATH, GENERIC_READ | SYNCHRONIZE, FILE_OPEN, SYNC_OPTIONS, &handle),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoQueryFileDosDeviceName(IoTestFile(handle), &information), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlPrefixUnicodeString(&drive, &information->Name, FALSE));
    NT_EXPECT_WSTR(information->Name.Buffer, &NT_PATH[4]);
    ExFreePool(information);
    information = NULL;
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoQueryFileDosDeviceName(IoTestFile(handle), &information),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(information, NULL);
    IoTestClose(handle);
    /* A letter that leads to a device does not make it a volume with that letter. */
    device = IoTestAddDevice(DEVICE_NAME, 0, 0);
    NT_EXPECT_STATUS(IoCreateSymbolicLink(&letter, &name), STATUS_SUCCESS);
    other.DeviceObject = device;
    NT_EXPECT_FALSE(NT_SUCCESS(IoQueryFileDosDeviceName(&other, &information)));
    NT_EXPECT_EQ(information, NULL);
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&letter), STATUS_SUCCESS);
    IoDeleteDevice(device);
}

NT_TEST(HostVolume, CaseOfTheLastNameIsFree)
{
    HANDLE handle;

    NT_EXPECT_STATUS(
        Open(L"\\??\\z:\\tmp\\NTBOX_HostVolume_TEST.txt", GENERIC_READ, FILE_OPEN, 0, &handle),
        STATUS_SUCCESS);
    IoTestClose(handle);
    NT_EXPECT_STATUS(
        Open(L"\\??\\Z:\\TMP\\ntbox_hostvolume_test.txt", GENERIC_READ, FILE_OPEN, 0, &handle),
        STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(HostVolume, NothingIsChanged)
{
    static const struct {
        PCWSTR Name;
        ACCESS_MASK Access;
        ULONG Disposition;
        ULONG Options;
        NTSTATUS Status;
    } rows[] = {
        {NT_PATH, GENERIC_WRITE, FILE_OPEN, 0, STATUS_MEDIA_WRITE_PROTECTED},
        {NT_PATH, DELETE, FILE_OPEN, FILE_DELETE_ON_CLOSE, STATUS_MEDIA_WRITE_PROTECTED},
        {NT_PATH, GENERIC_READ, FILE_OVERWRITE, 0, STATUS_MEDIA_WRITE_PROTECTED},
        {NT_PATH, GENERIC_READ, FILE_OVERWRITE_IF, 0, STATUS_MEDIA_WRITE_PROTECTED},
        {NT_PATH, GENERIC_READ, FILE_CREATE, 0, STATUS_OBJECT_NAME_COLLISION},
        {NT_PATH, GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE, STATUS_NOT_A_DIRECTORY},
        {L"\\??\\Z:\\tmp\\ntbox no such", GENERIC_READ, FILE_OPEN, 0, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\??\\Z:\\tmp\\ntbox no such", GENERIC_READ, FILE_OPEN_IF, 0,
         STATUS_MEDIA_WRITE_PROTECTED},
        {L"\\??\\Z:\\tmp", GENERIC_READ, FILE_OPEN, 0, STATUS_NOT_SUPPORTED},
        {L"\\??\\Z:\\", GENERIC_READ, FILE_OPEN, 0, STATUS_NOT_SUPPORTED},
        {L"\\??\\Z:", GENERIC_READ, FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID},
        {L"\\??\\Z:\\tmp\\..\\etc\\passwd", GENERIC_READ, FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID},
        {L"\\??\\Z:\\tmp\\\\ntbox_hostvolume_test.txt", GENERIC_READ, FILE_OPEN, 0,
         STATUS_OBJECT_NAME_INVALID},
        {NT_PATH L"\\", GENERIC_READ, FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID},
        {NT_PATH, GENERIC_READ, FILE_OPEN, FILE_OPEN_BY_FILE_ID, STATUS_NOT_SUPPORTED},
        {L"\\??\\Z:\\dev\\null", GENERIC_READ, FILE_OPEN, 0, STATUS_NOT_SUPPORTED},
        {L"\\??\\Z:\\dev\\NULL", GENERIC_READ, FILE_OPEN, 0, STATUS_NOT_SUPPORTED},
        {L"\\??\\Z:\\tmp/x", GENERIC_READ, FILE_OPEN, 0, STATUS_OBJECT_NAME_INVALID},
    };
    HANDLE handle;

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(Open(row->Name, row->Access, row->Disposition, row->Options, &handle),
                         row->Status);
    }
    NT_EXPECT_STATUS(Open(NT_PATH, GENERIC_READ, FILE_OPEN_IF, 0, &handle), STATUS_SUCCESS);
    IoTestClose(handle);
}
