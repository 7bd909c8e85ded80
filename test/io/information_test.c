/* SPDX-License-Identifier: MIT
 *
 * information_test.c - information classes of files: who answers, and what is refused before
 */
#include "io_test.h"

extern BOOLEAN IopIrpCacheDisabled;

#define UNMAPPED ((PVOID)(ULONG_PTR)0x10000)

static ULONG Calls;
static UCHAR SeenMajor;
static ULONG SeenClass;
static ULONG SeenLength;
static KPROCESSOR_MODE SeenMode;
static BOOLEAN SeenReplace;
static HANDLE SeenDeleteHandle;
static ULONG_PTR SeenInformation;
static UCHAR SeenData[128];
static NTSTATUS Answer;
static HANDLE Handle;

static NTSTATUS NTAPI
Information(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    BOOLEAN isQuery = location->MajorFunction == IRP_MJ_QUERY_INFORMATION;

    ++Calls;
    SeenMajor = location->MajorFunction;
    SeenClass = location->Parameters.QueryFile.FileInformationClass;
    SeenLength = location->Parameters.QueryFile.Length;
    SeenMode = Irp->RequestorMode;
    SeenInformation = Irp->IoStatus.Information;
    if (isQuery && SeenClass == FileAllInformation) {
        ((PFILE_ALL_INFORMATION)Irp->AssociatedIrp.SystemBuffer)
            ->StandardInformation.EndOfFile.QuadPart = 4711;
    } else if (isQuery) {
        memset(Irp->AssociatedIrp.SystemBuffer, 0x5A, SeenLength);
    } else {
        SeenReplace = location->Parameters.SetFile.ReplaceIfExists;
        SeenDeleteHandle = location->Parameters.SetFile.DeleteHandle;
        memcpy(SeenData, Irp->AssociatedIrp.SystemBuffer,
               SeenLength < sizeof(SeenData) ? SeenLength : sizeof(SeenData));
    }
    return IoTestComplete(Irp, Answer, NT_ERROR(Answer) ? 0 : SeenLength);
}

void
NtTestSetUp(void)
{
    IoTestStart();
    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_QUERY_INFORMATION] = Information;
    IoTestDriver->MajorFunction[IRP_MJ_SET_INFORMATION] = Information;
    Handle = NULL;
}

void
NtTestTearDown(void)
{
    if (Handle != NULL) {
        IoTestClose(Handle);
    }
    IoDeleteDevice(IoTestDevice);
    IoTestStop();
}

static VOID
OpenWith(ACCESS_MASK Access, ULONG Options)
{
    if (Handle != NULL) {
        IoTestClose(Handle);
    }
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, Access, Options, &Handle), STATUS_SUCCESS);
}

#define QUERY(buffer, length, class) \
    USER_MODE(NtQueryInformationFile(Handle, &iosb, (buffer), (length), (class)))
#define SET(buffer, length, class) \
    USER_MODE(NtSetInformationFile(Handle, &iosb, (buffer), (length), (class)))

/* ---- lengths and access ---- */

typedef struct CLASS_ROW {
    FILE_INFORMATION_CLASS Class;
    ULONG Size;
    ACCESS_MASK Access; /* one right that the handle must have; 0: none */
} CLASS_ROW;

/* What the driver answers. */
static const CLASS_ROW QueryRows[] = {
    {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileStandardInformation, sizeof(FILE_STANDARD_INFORMATION), 0},
    {FileInternalInformation, sizeof(FILE_INTERNAL_INFORMATION), 0},
    {FileEaInformation, sizeof(FILE_EA_INFORMATION), 0},
    {FileNameInformation, sizeof(FILE_NAME_INFORMATION), 0},
    {FilePositionInformation, sizeof(FILE_POSITION_INFORMATION), 0}, /* asynchronous */
    {FileAllInformation, sizeof(FILE_ALL_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileAlternateNameInformation, sizeof(FILE_NAME_INFORMATION), 0},
    {FileStreamInformation, sizeof(FILE_STREAM_INFORMATION), 0},
    {FilePipeInformation, sizeof(FILE_PIPE_INFORMATION), FILE_READ_ATTRIBUTES},
    {FilePipeLocalInformation, sizeof(FILE_PIPE_LOCAL_INFORMATION), FILE_READ_ATTRIBUTES},
    {FilePipeRemoteInformation, sizeof(FILE_PIPE_REMOTE_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileMailslotQueryInformation, sizeof(FILE_MAILSLOT_QUERY_INFORMATION), 0},
    {FileCompressionInformation, sizeof(FILE_COMPRESSION_INFORMATION), 0},
    {FileNetworkOpenInformation, sizeof(FILE_NETWORK_OPEN_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileAttributeTagInformation, sizeof(FILE_ATTRIBUTE_TAG_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileHardLinkInformation, sizeof(FILE_LINKS_INFORMATION), 0},
    {FileNormalizedNameInformation, sizeof(FILE_NAME_INFORMATION), 0},
    {FileStandardLinkInformation, sizeof(FILE_STANDARD_LINK_INFORMATION), 0},
    {FileIdInformation, 24, 0},
};

static const CLASS_ROW SetRows[] = {
    {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), FILE_WRITE_ATTRIBUTES},
    {FileDispositionInformation, sizeof(FILE_DISPOSITION_INFORMATION), DELETE},
    {FilePositionInformation, sizeof(FILE_POSITION_INFORMATION), 0}, /* asynchronous */
    {FileAllocationInformation, sizeof(FILE_ALLOCATION_INFORMATION), FILE_WRITE_DATA},
    {FileEndOfFileInformation, sizeof(FILE_END_OF_FILE_INFORMATION), FILE_WRITE_DATA},
    {FilePipeInformation, sizeof(FILE_PIPE_INFORMATION), FILE_WRITE_ATTRIBUTES},
    {FilePipeRemoteInformation, sizeof(FILE_PIPE_REMOTE_INFORMATION), FILE_WRITE_ATTRIBUTES},
    {FileMailslotSetInformation, sizeof(FILE_MAILSLOT_SET_INFORMATION), 0},
    {FileValidDataLengthInformation, sizeof(FILE_VALID_DATA_LENGTH_INFORMATION), FILE_WRITE_DATA},
};

NT_TEST(Information, DriverIsAskedWithEnoughRoomAndAccess)
{
    NT_FOR_EACH (row, QueryRows) {
        UCHAR buffer[256] __attribute__((aligned(8))) = {0};
        IO_STATUS_BLOCK iosb = {0};

        OpenWith(row->Access != 0 ? row->Access : FILE_WRITE_EA, 0);
        Calls = 0;
        NT_EXPECT_STATUS(QUERY(buffer, row->Size - 1, row->Class), STATUS_INFO_LENGTH_MISMATCH);
        NT_EXPECT_EQ(Calls, 0);
        NT_EXPECT_STATUS(QUERY(buffer, row->Size, row->Class), STATUS_SUCCESS);
        NT_EXPECT_EQ(Calls, 1);
        NT_EXPECT_EQ(SeenMajor, IRP_MJ_QUERY_INFORMATION);
        NT_EXPECT_EQ(SeenClass, row->Class);
        NT_EXPECT_EQ(SeenLength, row->Size);
        NT_EXPECT_EQ(iosb.Information, row->Size);
        if (row->Access != 0) {
            OpenWith(FILE_WRITE_EA, 0);
            NT_EXPECT_STATUS(QUERY(buffer, row->Size, row->Class), STATUS_ACCESS_DENIED);
            NT_EXPECT_EQ(Calls, 1);
        }
    }
}

NT_TEST(Information, DriverIsToldWithEnoughDataAndAccess)
{
    NT_FOR_EACH (row, SetRows) {
        UCHAR buffer[64] __attribute__((aligned(8))) = {1, 2, 3, 4};
        IO_STATUS_BLOCK iosb = {0};

        OpenWith(row->Access != 0 ? row->Access : FILE_READ_EA, 0);
        Calls = 0;
        NT_EXPECT_STATUS(SET(buffer, row->Size - 1, row->Class), STATUS_INFO_LENGTH_MISMATCH);
        NT_EXPECT_EQ(Calls, 0);
        NT_EXPECT_STATUS(SET(buffer, row->Size, row->Class), STATUS_SUCCESS);
        NT_EXPECT_EQ(Calls, 1);
        NT_EXPECT_EQ(SeenMajor, IRP_MJ_SET_INFORMATION);
        NT_EXPECT_EQ(SeenClass, row->Class);
        NT_EXPECT_EQ(memcmp(SeenData, buffer, row->Size), 0);
        if (row->Access != 0) {
            OpenWith(FILE_READ_EA, 0);
            NT_EXPECT_STATUS(SET(buffer, row->Size, row->Class), STATUS_ACCESS_DENIED);
            NT_EXPECT_EQ(Calls, 1);
        }
    }
}

NT_TEST(Information, ClassesOfTheOtherCallOnly)
{
    static const FILE_INFORMATION_CLASS noQuery[] = {
        (FILE_INFORMATION_CLASS)0,  FileDirectoryInformation, FileRenameInformation,
        FileDispositionInformation, FileEndOfFileInformation, FileCompletionInformation,
        FileMaximumInformation,
    };
    static const FILE_INFORMATION_CLASS noSet[] = {
        (FILE_INFORMATION_CLASS)0,     FileStandardInformation, FileAccessInformation,
        FileAlignmentInformation,      FileAllInformation,      FileNameInformation,
        FileIsRemoteDeviceInformation, FileMaximumInformation,
    };
    UCHAR buffer[512] __attribute__((aligned(8))) = {0};
    IO_STATUS_BLOCK iosb;

    OpenWith(FILE_ALL_ACCESS, SYNC_OPTIONS);
    NT_FOR_EACH (class, noQuery) {
        NT_EXPECT_STATUS(QUERY(buffer, sizeof(buffer), *class), STATUS_INVALID_INFO_CLASS);
        NT_EXPECT_STATUS(ZwQueryInformationFile(Handle, &iosb, buffer, sizeof(buffer), *class),
                         STATUS_INVALID_INFO_CLASS);
    }
    NT_FOR_EACH (class, noSet) {
        NT_EXPECT_STATUS(SET(buffer, sizeof(buffer), *class), STATUS_INVALID_INFO_CLASS);
        NT_EXPECT_STATUS(ZwSetInformationFile(Handle, &iosb, buffer, sizeof(buffer), *class),
                         STATUS_INVALID_INFO_CLASS);
    }
    NT_EXPECT_EQ(Calls, 0);
}

/* ---- answered without the driver, or half so ---- */

NT_TEST(Information, AllInformationHasWhatTheDriverDoesNotKnow)
{
    FILE_ALL_INFORMATION all = {0};
    IO_STATUS_BLOCK iosb;

    IoTestDevice->AlignmentRequirement = FILE_LONG_ALIGNMENT;
    OpenWith(GENERIC_READ, FILE_SYNCHRONOUS_IO_ALERT | FILE_WRITE_THROUGH);
    NT_EXPECT_STATUS(QUERY(&all, sizeof(all), FileAllInformation), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenInformation, 12); /* so much is there already */
    NT_EXPECT_EQ(all.StandardInformation.EndOfFile.QuadPart, 4711);
    NT_EXPECT_EQ(all.AccessInformation.AccessFlags, FILE_GENERIC_READ);
    NT_EXPECT_EQ(all.ModeInformation.Mode, FILE_SYNCHRONOUS_IO_ALERT | FILE_WRITE_THROUGH);
    NT_EXPECT_EQ(all.AlignmentInformation.AlignmentRequirement, FILE_LONG_ALIGNMENT);
}

NT_TEST(Information, FileObjectAnswersItself)
{
    static const struct {
        FILE_INFORMATION_CLASS Class;
        ULONG Size;
    } rows[] = {
        {FileAccessInformation, 4},
        {FileModeInformation, 4},
        {FileAlignmentInformation, 4},
        {FilePositionInformation, 8},
        {FileIoCompletionNotificationInformation, 4},
        {FileIsRemoteDeviceInformation, 1},
    };
    ULONG64 value = 0;
    IO_STATUS_BLOCK iosb;

    OpenWith(FILE_READ_DATA | SYNCHRONIZE, SYNC_OPTIONS);
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(QUERY(&value, row->Size - 1, row->Class), STATUS_INFO_LENGTH_MISMATCH);
        NT_EXPECT_STATUS(QUERY(UNMAPPED, row->Size, row->Class), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(
            USER_MODE(NtQueryInformationFile(Handle, UNMAPPED, &value, sizeof(value), row->Class)),
            STATUS_ACCESS_VIOLATION);
        value = ~0ull;
        NT_EXPECT_STATUS(QUERY(&value, sizeof(value), row->Class), STATUS_SUCCESS);
        NT_EXPECT_EQ(iosb.Information, row->Size);
        NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
        NT_EXPECT_TRUE(row->Size == 8 || value >> (8 * row->Size) == ~0ull >> (8 * row->Size));
    }
    NT_EXPECT_EQ(Calls, 0);
}

NT_TEST(Information, RemoteDeviceIsOneThatSaysSo)
{
    FILE_IS_REMOTE_DEVICE_INFORMATION remote = {TRUE};
    IO_STATUS_BLOCK iosb;

    OpenWith(FILE_READ_DATA, 0);
    NT_EXPECT_STATUS(QUERY(&remote, sizeof(remote), FileIsRemoteDeviceInformation), STATUS_SUCCESS);
    NT_EXPECT_FALSE(remote.IsRemote);
    IoTestDevice->Characteristics |= FILE_REMOTE_DEVICE;
    NT_EXPECT_STATUS(QUERY(&remote, sizeof(remote), FileIsRemoteDeviceInformation), STATUS_SUCCESS);
    NT_EXPECT_TRUE(remote.IsRemote);
}

NT_TEST(Information, ModeChangesWithinItsKind)
{
    static const struct {
        ULONG Options;
        ULONG Mode;
        ULONG After; /* 0xFFFFFFFF: STATUS_INVALID_PARAMETER */
    } rows[] = {
        {0, FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY, FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY},
        {FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY, 0, 0},
        {SYNC_OPTIONS, FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_ALERT},
        {FILE_SYNCHRONOUS_IO_ALERT, SYNC_OPTIONS, SYNC_OPTIONS},
        {FILE_NO_INTERMEDIATE_BUFFERING, FILE_WRITE_THROUGH, FILE_NO_INTERMEDIATE_BUFFERING},
        {FILE_NO_INTERMEDIATE_BUFFERING, 0, FILE_NO_INTERMEDIATE_BUFFERING},
        {0, SYNC_OPTIONS, 0xFFFFFFFF},
        {SYNC_OPTIONS, 0, 0xFFFFFFFF},
        {SYNC_OPTIONS, FILE_SYNCHRONOUS_IO_ALERT | SYNC_OPTIONS, 0xFFFFFFFF},
        {0, FILE_NO_INTERMEDIATE_BUFFERING, 0xFFFFFFFF},
        {0, FILE_DELETE_ON_CLOSE, 0xFFFFFFFF},
    };

    NT_FOR_EACH (row, rows) {
        FILE_MODE_INFORMATION mode = {row->Mode};
        IO_STATUS_BLOCK iosb;

        OpenWith(GENERIC_READ, row->Options);
        NT_EXPECT_STATUS(SET(&mode, sizeof(mode), FileModeInformation),
                         row->After == 0xFFFFFFFF ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
        NT_EXPECT_STATUS(QUERY(&mode, sizeof(mode), FileModeInformation), STATUS_SUCCESS);
        NT_EXPECT_EQ(mode.Mode, row->After == 0xFFFFFFFF ? row->Options : row->After);
        NT_EXPECT_STATUS(SET(&mode, sizeof(mode) - 1, FileModeInformation),
                         STATUS_INFO_LENGTH_MISMATCH);
    }
    IoTestFile(Handle)->Flags |= FO_DELETE_ON_CLOSE; /* as a file system does */
    FILE_MODE_INFORMATION mode;
    IO_STATUS_BLOCK iosb;
    NT_EXPECT_STATUS(QUERY(&mode, sizeof(mode), FileModeInformation), STATUS_SUCCESS);
    NT_EXPECT_EQ(mode.Mode, FILE_DELETE_ON_CLOSE);
    NT_EXPECT_EQ(Calls, 0);
}

NT_TEST(Information, PositionOfASynchronousFile)
{
    static const struct {
        ULONG Options;
        USHORT Sector;
        LONGLONG Position;
        NTSTATUS Status;
    } rows[] = {
        {SYNC_OPTIONS, 512, 77, STATUS_SUCCESS},
        {SYNC_OPTIONS, 512, -1, STATUS_INVALID_PARAMETER},
        {SYNC_OPTIONS | FILE_NO_INTERMEDIATE_BUFFERING, 512, 1024, STATUS_SUCCESS},
        {SYNC_OPTIONS | FILE_NO_INTERMEDIATE_BUFFERING, 512, 1025, STATUS_INVALID_PARAMETER},
        {SYNC_OPTIONS | FILE_NO_INTERMEDIATE_BUFFERING, 0, 1025, STATUS_SUCCESS},
    };

    NT_FOR_EACH (row, rows) {
        FILE_POSITION_INFORMATION position = {.CurrentByteOffset.QuadPart = row->Position};
        IO_STATUS_BLOCK iosb;

        IoTestDevice->SectorSize = row->Sector;
        OpenWith(GENERIC_READ, row->Options);
        NT_EXPECT_STATUS(SET(&position, sizeof(position), FilePositionInformation), row->Status);
        position.CurrentByteOffset.QuadPart = -7;
        NT_EXPECT_STATUS(QUERY(&position, sizeof(position), FilePositionInformation),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(position.CurrentByteOffset.QuadPart,
                     NT_SUCCESS(row->Status) ? row->Position : 0);
    }
    NT_EXPECT_EQ(Calls, 0);
}

/* ---- what the driver is told beside the data ---- */

typedef struct NEW_NAME {
    FILE_RENAME_INFORMATION Rename;
    WCHAR More[16];
} NEW_NAME;

NT_TEST(Information, NewNameIsCheckedBeforeTheDriverSeesIt)
{
    static const FILE_INFORMATION_CLASS classes[] = {FileRenameInformation, FileLinkInformation};
    static const struct {
        PCWSTR Name;
        ULONG Length;
        BOOLEAN Folder;
        NTSTATUS Status;
    } rows[] = {
        {L"name", 8, FALSE, STATUS_SUCCESS},
        {L"name", 0, FALSE, STATUS_INVALID_PARAMETER},
        {L"name", 7, FALSE, STATUS_INVALID_PARAMETER},
        {L"name", sizeof(NEW_NAME), FALSE, STATUS_INVALID_PARAMETER},
        {L"name", 0xFFFFFFFE, FALSE, STATUS_INVALID_PARAMETER},
        {L"\\Device\\x", 18, FALSE, STATUS_NOT_SUPPORTED},
        {L"name", 8, TRUE, STATUS_NOT_SUPPORTED},
    };

    OpenWith(DELETE, 0);
    NT_FOR_EACH (class, classes) {
        NT_FOR_EACH (row, rows) {
            NEW_NAME name = {.Rename = {.ReplaceIfExists = TRUE}};
            IO_STATUS_BLOCK iosb;

            name.Rename.FileNameLength = row->Length;
            name.Rename.RootDirectory = row->Folder ? Handle : NULL;
            memcpy(name.Rename.FileName, row->Name, wcslen(row->Name) * sizeof(WCHAR));
            Calls = 0;
            SeenReplace = FALSE;
            SimTakeLog();
            NT_EXPECT_STATUS(SET(&name, sizeof(name), *class), row->Status);
            NT_EXPECT_EQ(Calls, NT_SUCCESS(row->Status));
            NT_EXPECT_EQ(SeenReplace, NT_SUCCESS(row->Status));
            if (row->Status == STATUS_NOT_SUPPORTED) {
                NT_EXPECT_CONTAINS(SimTakeLog(), "FileRenameInformation");
            }
        }
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
}

NT_TEST(Information, RenameNeedsDeleteAccess)
{
    NEW_NAME name = {.Rename = {.FileNameLength = 2, .FileName = {L'x'}}};
    IO_STATUS_BLOCK iosb;

    OpenWith(FILE_WRITE_DATA, 0);
    NT_EXPECT_STATUS(SET(&name, sizeof(name), FileRenameInformation), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(SET(&name, sizeof(name), FileLinkInformation), STATUS_SUCCESS);
    NT_EXPECT_STATUS(SET(&name, sizeof(FILE_RENAME_INFORMATION) - 1, FileRenameInformation),
                     STATUS_INFO_LENGTH_MISMATCH);
}

NT_TEST(Information, DeletionNamesItsHandle)
{
    FILE_DISPOSITION_INFORMATION disposition = {TRUE};
    IO_STATUS_BLOCK iosb;

    OpenWith(DELETE, 0);
    NT_EXPECT_STATUS(SET(&disposition, sizeof(disposition), FileDispositionInformation),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenDeleteHandle, Handle);
    disposition.DeleteFile = FALSE;
    NT_EXPECT_STATUS(SET(&disposition, sizeof(disposition), FileDispositionInformation),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenDeleteHandle, NULL);
}

/* ---- the driver's answer, and the kernel's calls ---- */

NT_TEST(Information, DriversStatusIsReturned)
{
    static const struct {
        NTSTATUS Status;
        ULONG_PTR Information; /* what the status block has afterwards */
    } rows[] = {
        {STATUS_INVALID_PARAMETER, 99},
        {STATUS_NOT_SUPPORTED, 99},
        {STATUS_BUFFER_OVERFLOW, sizeof(FILE_NAME_INFORMATION)},
    };

    OpenWith(GENERIC_READ, SYNC_OPTIONS);
    NT_FOR_EACH (row, rows) {
        FILE_NAME_INFORMATION name = {0};
        IO_STATUS_BLOCK iosb = {.Information = 99};

        Answer = row->Status;
        NT_EXPECT_STATUS(QUERY(&name, sizeof(name), FileNameInformation), row->Status);
        NT_EXPECT_EQ(iosb.Information, row->Information);
        NT_EXPECT_EQ(name.FileNameLength, NT_ERROR(row->Status) ? 0 : 0x5A5A5A5A);
    }
}

NT_TEST(Information, KernelCallersNeedNoAccess)
{
    FILE_BASIC_INFORMATION *basic = ExAllocatePoolWithTag(PagedPool, sizeof(*basic), 'isaB');
    FILE_STANDARD_INFORMATION standard;
    IO_STATUS_BLOCK iosb;

    OpenWith(FILE_READ_EA, 0);
    RtlZeroMemory(basic, sizeof(*basic));
    NT_EXPECT_STATUS(QUERY(basic, sizeof(*basic), FileStandardInformation),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(
        ZwQueryInformationFile(Handle, &iosb, basic, sizeof(*basic), FileBasicInformation),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenMode, KernelMode);
    NT_EXPECT_EQ(basic->FileAttributes, 0x5A5A5A5A);
    NT_EXPECT_EQ(iosb.Information, sizeof(*basic));
    NT_EXPECT_STATUS(
        ZwSetInformationFile(Handle, &iosb, basic, sizeof(*basic), FileBasicInformation),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenMode, KernelMode);
    NT_EXPECT_EQ(SeenMajor, IRP_MJ_SET_INFORMATION);
    NT_EXPECT_STATUS(ZwQueryInformationFile(Handle, &iosb, &standard, sizeof(standard) - 1,
                                            FileStandardInformation),
                     STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(
        ZwSetInformationFile(Handle, &iosb, basic, sizeof(*basic) - 1, FileBasicInformation),
        STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(ZwQueryInformationFile((HANDLE)(ULONG_PTR)0x9994, &iosb, basic, sizeof(*basic),
                                            FileBasicInformation),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwSetInformationFile((HANDLE)(ULONG_PTR)0x9994, &iosb, basic, sizeof(*basic),
                                          FileBasicInformation),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    ExFreePoolWithTag(basic, 'isaB');
}

NT_TEST(Information, WithoutMemoryNobodyIsAsked)
{
    FILE_STANDARD_INFORMATION standard;
    UCHAR large[1024] = {0};
    IO_STATUS_BLOCK iosb;

    OpenWith(GENERIC_READ | FILE_WRITE_ATTRIBUTES, SYNC_OPTIONS);
    IopIrpCacheDisabled = TRUE;
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(QUERY(&standard, sizeof(standard), FileStandardInformation),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 2); /* the system buffer */
    NT_EXPECT_STATUS(QUERY(large, sizeof(large), FileNameInformation),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 2);
    NT_EXPECT_STATUS(SET(large, sizeof(large), FileBasicInformation),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(Calls, 0);
    NT_EXPECT_STATUS(QUERY(&standard, sizeof(standard), FileStandardInformation), STATUS_SUCCESS);
}
