/* SPDX-License-Identifier: MIT
 *
 * readwrite_test.c - reads, writes, flushes, and information about files
 */
#include "io_test.h"

#define UNMAPPED ((PVOID)(ULONG_PTR)0x10000)

static UCHAR Store[8192]; /* what was written, what is read */
static LONGLONG SeenOffset;
static ULONG SeenLength;
static ULONG SeenKey;
static BOOLEAN SeenSystemBuffer;
static BOOLEAN SeenMdl;
static ULONG Calls;
static ULONG SeenClass;

void
NtTestSetUp(void)
{
    IoTestStart();
}

void
NtTestTearDown(void)
{
    IoTestStop();
}

static NTSTATUS NTAPI
Transfer(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PVOID data = Irp->UserBuffer;

    (void)DeviceObject;
    ++Calls;
    SeenOffset = location->Parameters.Read.ByteOffset.QuadPart;
    SeenLength = location->Parameters.Read.Length;
    SeenKey = location->Parameters.Read.Key;
    SeenSystemBuffer = Irp->AssociatedIrp.SystemBuffer != NULL;
    SeenMdl = Irp->MdlAddress != NULL;
    if (SeenSystemBuffer) {
        data = Irp->AssociatedIrp.SystemBuffer;
    } else if (SeenMdl) {
        data = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    }
    if (SeenLength != 0) {
        if (location->MajorFunction == IRP_MJ_READ) {
            memcpy(data, Store, SeenLength);
        } else {
            memcpy(Store, data, SeenLength);
        }
    }
    location->FileObject->CurrentByteOffset.QuadPart += SeenLength;
    return IoTestComplete(Irp, STATUS_SUCCESS, SeenLength);
}

static HANDLE
OpenTransfer(ULONG Flags, ULONG Options)
{
    IoTestAddPlainDevice(Flags);
    IoTestDriver->MajorFunction[IRP_MJ_READ] = Transfer;
    IoTestDriver->MajorFunction[IRP_MJ_WRITE] = Transfer;
    return IoTestOpen(Options);
}

static VOID
CloseTransfer(HANDLE Handle)
{
    IoTestClose(Handle);
    IoDeleteDevice(IoTestDevice);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
}

#define READ(handle, iosb, buffer, length, offset) \
    USER_MODE(NtReadFile((handle), NULL, NULL, NULL, (iosb), (buffer), (length), (offset), NULL))
#define WRITE(handle, iosb, buffer, length, offset) \
    USER_MODE(NtWriteFile((handle), NULL, NULL, NULL, (iosb), (buffer), (length), (offset), NULL))

NT_TEST(Transfer, DataTravelsByTheDevicesMethod)
{
    static const ULONG methods[] = {DO_BUFFERED_IO, DO_DIRECT_IO, 0};
    static const ULONG lengths[] = {0, 1, 100, 256, 257, 5000};
    static UCHAR out[5000];
    static UCHAR in[5000];

    NT_FOR_EACH (method, methods) {
        HANDLE handle = OpenTransfer(*method, SYNC_OPTIONS);

        NT_FOR_EACH (length, lengths) {
            IO_STATUS_BLOCK iosb;

            memset(out, 0x31 + (int)*length % 7, sizeof(out));
            memset(in, 0, sizeof(in));
            NT_EXPECT_STATUS(WRITE(handle, &iosb, out, *length, NULL), STATUS_SUCCESS);
            NT_EXPECT_EQ(iosb.Information, *length);
            NT_EXPECT_EQ(SeenSystemBuffer, *method == DO_BUFFERED_IO && *length != 0);
            NT_EXPECT_EQ(SeenMdl, *method == DO_DIRECT_IO && *length != 0);
            NT_EXPECT_STATUS(READ(handle, &iosb, in, *length, NULL), STATUS_SUCCESS);
            NT_EXPECT_EQ(memcmp(in, out, *length), 0);
            NT_EXPECT_TRUE(*length == sizeof(in) || in[*length] == 0);
        }
        CloseTransfer(handle);
    }
}

NT_TEST(Transfer, SynchronousFileKeepsAPosition)
{
    HANDLE handle = OpenTransfer(DO_BUFFERED_IO, SYNC_OPTIONS);
    LARGE_INTEGER given = {.QuadPart = 1000};
    LARGE_INTEGER current = {.HighPart = -1, .LowPart = FILE_USE_FILE_POINTER_POSITION};
    LARGE_INTEGER end = {.HighPart = -1, .LowPart = FILE_WRITE_TO_END_OF_FILE};
    LARGE_INTEGER negative = {.QuadPart = -5};
    FILE_POSITION_INFORMATION position;
    IO_STATUS_BLOCK iosb;
    UCHAR buffer[10];
    ULONG key = 0x1234;

    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenOffset, 0);
    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenOffset, 10);
    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, &given), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenOffset, 1000);
    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, &current), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenOffset, 30);
    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, &negative), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(WRITE(handle, &iosb, buffer, 10, &end), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenOffset, end.QuadPart);
    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, &end), STATUS_INVALID_PARAMETER);
    position.CurrentByteOffset.QuadPart = 77;
    NT_EXPECT_STATUS(USER_MODE(NtSetInformationFile(handle, &iosb, &position, sizeof(position),
                                                    FilePositionInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, 10, NULL, &key)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenOffset, 77);
    NT_EXPECT_EQ(SeenKey, 0x1234);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, &position, sizeof(position),
                                                      FilePositionInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(position.CurrentByteOffset.QuadPart, 87);
    CloseTransfer(handle);
}

NT_TEST(Transfer, AsynchronousFileNeedsAnOffset)
{
    HANDLE handle = OpenTransfer(DO_BUFFERED_IO, 0);
    LARGE_INTEGER zero = {.QuadPart = 0};
    LARGE_INTEGER current = {.HighPart = -1, .LowPart = FILE_USE_FILE_POINTER_POSITION};
    IO_STATUS_BLOCK iosb;
    UCHAR buffer[10];

    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, &current), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(Calls, 0);
    NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 10, &zero), STATUS_SUCCESS);
    CloseTransfer(handle);
}

NT_TEST(Transfer, AccessIsChecked)
{
    static const struct {
        ACCESS_MASK Open;
        NTSTATUS Read;
        NTSTATUS Write;
    } rows[] = {
        {FILE_READ_DATA, STATUS_SUCCESS, STATUS_ACCESS_DENIED},
        {FILE_WRITE_DATA, STATUS_ACCESS_DENIED, STATUS_SUCCESS},
        {FILE_APPEND_DATA, STATUS_ACCESS_DENIED, STATUS_SUCCESS},
        {FILE_READ_ATTRIBUTES, STATUS_ACCESS_DENIED, STATUS_ACCESS_DENIED},
    };
    HANDLE first = OpenTransfer(DO_BUFFERED_IO, SYNC_OPTIONS);

    NT_FOR_EACH (row, rows) {
        IO_STATUS_BLOCK iosb;
        UCHAR buffer[4] = {0};
        HANDLE handle;

        NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, row->Open | SYNCHRONIZE, SYNC_OPTIONS, &handle),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 4, NULL), row->Read);
        NT_EXPECT_STATUS(WRITE(handle, &iosb, buffer, 4, NULL), row->Write);
        IoTestClose(handle);
    }
    CloseTransfer(first);
}

/* Append access alone always writes to the end. */
NT_TEST(Transfer, AppendOnly)
{
    HANDLE first = OpenTransfer(DO_BUFFERED_IO, SYNC_OPTIONS);
    LARGE_INTEGER given = {.QuadPart = 5};
    IO_STATUS_BLOCK iosb;
    UCHAR buffer[4] = {0};
    HANDLE handle;

    NT_EXPECT_STATUS(
        IoTestTryOpen(DEVICE_NAME, FILE_APPEND_DATA | SYNCHRONIZE, SYNC_OPTIONS, &handle),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(WRITE(handle, &iosb, buffer, 4, &given), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenOffset, -1);
    IoTestClose(handle);
    CloseTransfer(first);
}

NT_TEST(Transfer, BadPointers)
{
    static const ULONG methods[] = {DO_BUFFERED_IO, DO_DIRECT_IO, 0};

    NT_FOR_EACH (method, methods) {
        HANDLE handle = OpenTransfer(*method, SYNC_OPTIONS);
        LARGE_INTEGER zero = {.QuadPart = 0};
        IO_STATUS_BLOCK iosb;
        UCHAR buffer[40] = {0};

        Calls = 0;
        NT_EXPECT_STATUS(READ(handle, &iosb, UNMAPPED, 4, NULL), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(READ(handle, &iosb, NULL, 4, NULL), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(READ(handle, &iosb, IoTestDevice, 4, NULL), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(READ(handle, &iosb, (PVOID) "read-only", 4, NULL),
                         STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 0xFFFFFFFF, NULL), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(READ(handle, &iosb, buffer, 4, UNMAPPED), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(READ(handle, NULL, buffer, 4, &zero), STATUS_ACCESS_VIOLATION);
        if (*method != 0) { /* else the driver's to find out */
            NT_EXPECT_STATUS(WRITE(handle, &iosb, UNMAPPED, 4, NULL), STATUS_ACCESS_VIOLATION);
        }
        NT_EXPECT_STATUS(
            USER_MODE(NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, 4, NULL, UNMAPPED)),
            STATUS_ACCESS_VIOLATION);
        NT_EXPECT_EQ(Calls, 0);
        NT_EXPECT_STATUS(WRITE(handle, &iosb, (PVOID) "read-only", 4, NULL), STATUS_SUCCESS);
        NT_EXPECT_STATUS(READ(handle, &iosb, buffer + 1, 7, NULL), STATUS_SUCCESS);
        NT_EXPECT_STATUS(READ(handle, &iosb, NULL, 0, NULL), STATUS_SUCCESS);
        CloseTransfer(handle);
    }
}

NT_TEST(Transfer, KernelCallersUseKernelMemory)
{
    HANDLE handle = OpenTransfer(DO_DIRECT_IO, SYNC_OPTIONS);
    UCHAR *pool = ExAllocatePoolWithTag(NonPagedPool, 5000, 1);
    IO_STATUS_BLOCK iosb;

    memset(pool, 0x5C, 5000);
    NT_EXPECT_STATUS(ZwWriteFile(handle, NULL, NULL, NULL, &iosb, pool, 5000, NULL, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(Store[4999], 0x5C);
    memset(pool, 0, 5000);
    NT_EXPECT_STATUS(ZwReadFile(handle, NULL, NULL, NULL, &iosb, pool, 5000, NULL, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(pool[4999], 0x5C);
    NT_EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    ExFreePoolWithTag(pool, 1);
    CloseTransfer(handle);
}

NT_TEST(Transfer, FlushWaitsAndNeedsWriteAccess)
{
    HANDLE handle = OpenTransfer(0, 0);
    HANDLE reader;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};

    IoTestDriver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = IoTestSucceed;
    NT_EXPECT_STATUS(USER_MODE(NtFlushBuffersFile(handle, &iosb)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, FILE_READ_DATA, 0, &reader), STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtFlushBuffersFile(reader, &iosb)), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(ZwFlushBuffersFile(reader, &iosb), STATUS_SUCCESS);
    IoTestClose(reader);
    CloseTransfer(handle);
}

/* ---- information ---- */

static NTSTATUS NTAPI
Information(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PFILE_STANDARD_INFORMATION standard = Irp->AssociatedIrp.SystemBuffer;

    (void)DeviceObject;
    ++Calls;
    SeenClass = location->Parameters.QueryFile.FileInformationClass;
    SeenLength = location->Parameters.QueryFile.Length;
    if (location->MajorFunction == IRP_MJ_QUERY_INFORMATION &&
        SeenClass == FileStandardInformation) {
        standard->EndOfFile.QuadPart = 4711;
        return IoTestComplete(Irp, STATUS_SUCCESS, sizeof(*standard));
    }
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

NT_TEST(Information, DriverAnswersOnAnyFile)
{
    static const ULONG options[] = {0, SYNC_OPTIONS};

    NT_FOR_EACH (option, options) {
        HANDLE handle = OpenTransfer(0, *option);
        FILE_STANDARD_INFORMATION standard = {0};
        FILE_BASIC_INFORMATION basic = {.FileAttributes = FILE_ATTRIBUTE_NORMAL};
        IO_STATUS_BLOCK iosb;

        IoTestDriver->MajorFunction[IRP_MJ_QUERY_INFORMATION] = Information;
        IoTestDriver->MajorFunction[IRP_MJ_SET_INFORMATION] = Information;
        NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(
                             handle, &iosb, &standard, sizeof(standard), FileStandardInformation)),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(standard.EndOfFile.QuadPart, 4711);
        NT_EXPECT_EQ(iosb.Information, sizeof(standard));
        NT_EXPECT_STATUS(USER_MODE(NtSetInformationFile(handle, &iosb, &basic, sizeof(basic),
                                                        FileBasicInformation)),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(SeenClass, FileBasicInformation);
        CloseTransfer(handle);
    }
}

NT_TEST(Information, RefusedByClassLengthAndAccess)
{
    HANDLE handle = OpenTransfer(0, SYNC_OPTIONS);
    HANDLE reader;
    FILE_STANDARD_INFORMATION standard;
    FILE_BASIC_INFORMATION basic = {0};
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, &standard, sizeof(standard),
                                                      (FILE_INFORMATION_CLASS)0)),
                     STATUS_INVALID_INFO_CLASS);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, &standard, sizeof(standard),
                                                      (FILE_INFORMATION_CLASS)9999)),
                     STATUS_INVALID_INFO_CLASS);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(
                         handle, &iosb, &standard, sizeof(standard) - 1, FileStandardInformation)),
                     STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, UNMAPPED, sizeof(standard),
                                                      FileStandardInformation)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, &standard, sizeof(standard),
                                                      FileStandardInformation)),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(USER_MODE(NtSetInformationFile(handle, &iosb, UNMAPPED, sizeof(basic),
                                                    FileBasicInformation)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(
        IoTestTryOpen(DEVICE_NAME, FILE_READ_DATA | SYNCHRONIZE, SYNC_OPTIONS, &reader),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        USER_MODE(NtSetInformationFile(reader, &iosb, &basic, sizeof(basic), FileBasicInformation)),
        STATUS_ACCESS_DENIED);
    IoTestClose(reader);
    CloseTransfer(handle);
}

NT_TEST(Information, AnsweredWithoutTheDriver)
{
    HANDLE handle = OpenTransfer(0, SYNC_OPTIONS);
    FILE_ACCESS_INFORMATION access;
    FILE_MODE_INFORMATION mode;
    FILE_ALIGNMENT_INFORMATION alignment;
    IO_STATUS_BLOCK iosb;

    IoTestDriver->MajorFunction[IRP_MJ_QUERY_INFORMATION] = Information;
    IoTestDevice->AlignmentRequirement = 7;
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, &access, sizeof(access),
                                                      FileAccessInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(access.AccessFlags, FILE_GENERIC_READ | FILE_GENERIC_WRITE);
    NT_EXPECT_STATUS(
        USER_MODE(NtQueryInformationFile(handle, &iosb, &mode, sizeof(mode), FileModeInformation)),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(mode.Mode, FILE_SYNCHRONOUS_IO_NONALERT);
    NT_EXPECT_STATUS(USER_MODE(NtQueryInformationFile(handle, &iosb, &alignment, sizeof(alignment),
                                                      FileAlignmentInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(alignment.AlignmentRequirement, 7);
    NT_EXPECT_EQ(Calls, 0);
    CloseTransfer(handle);
}
