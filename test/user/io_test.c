/* SPDX-License-Identifier: MIT
 *
 * test/user/io_test.c - ReadFile, WriteFile, DeviceIoControl, ports: what the kernel is asked, and
 * what becomes of each of its answers
 */
#include "gate.h"
#include "nt_test.h"

#define FILE_HANDLE ((HANDLE)0x40)

static struct {
    NTSTATUS Status;      /* returned */
    NTSTATUS FinalStatus; /* put into the IO_STATUS_BLOCK */
    ULONG_PTR Information;
    HANDLE Event;
    PVOID ApcContext;
    PIO_STATUS_BLOCK Iosb;
    ULONG Code;
    LONGLONG Offset; /* -1: none given */
    ULONG Waits;
    HANDLE Waited;
} Io;

static NTSTATUS
AnswerIo(HANDLE Event, PVOID ApcContext, PIO_STATUS_BLOCK Iosb)
{
    Io.Event = Event;
    Io.ApcContext = ApcContext;
    Io.Iosb = Iosb;
    if (!NT_ERROR(Io.Status) && Io.Status != STATUS_PENDING) {
        Iosb->Status = Io.FinalStatus;
        Iosb->Information = Io.Information;
    }
    return Io.Status;
}

static NTSTATUS
FakeControl(HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc, PVOID ApcContext,
            PIO_STATUS_BLOCK Iosb, ULONG Code, PVOID In, ULONG InLength, PVOID Out, ULONG OutLength)
{
    Io.Code = Code;
    return AnswerIo(Event, ApcContext, Iosb);
}

static NTSTATUS
FakeTransfer(HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc, PVOID ApcContext,
             PIO_STATUS_BLOCK Iosb, PVOID Buffer, ULONG Length, PLARGE_INTEGER Offset, PULONG Key)
{
    Io.Offset = Offset != NULL ? Offset->QuadPart : -1;
    return AnswerIo(Event, ApcContext, Iosb);
}

/* The wait during which the request completes. */
static NTSTATUS
FakeWait(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    Io.Waits++;
    Io.Waited = Handle;
    Io.Iosb->Status = Io.FinalStatus;
    Io.Iosb->Information = Io.Information;
    return Timeout != NULL && Timeout->QuadPart == -70000 ? STATUS_TIMEOUT : STATUS_SUCCESS;
}

void
NtTestSetUp(void)
{
    FakeGate.NtDeviceIoControlFile = FakeControl;
    FakeGate.NtReadFile = FakeTransfer;
    FakeGate.NtWriteFile = FakeTransfer;
    FakeGate.NtWaitForSingleObject = FakeWait;
    InstallFakeGate();
}

NT_TEST(DeviceIoControl, SynchronousResults)
{
    static const struct {
        NTSTATUS Status;
        ULONG Information;
        BOOL Result;
        DWORD Returned;
        DWORD Error;
    } rows[] = {
        {STATUS_SUCCESS, 12, TRUE, 12, 0},
        {STATUS_BUFFER_OVERFLOW, 8, FALSE, 8, ERROR_MORE_DATA},
        {STATUS_INVALID_DEVICE_REQUEST, 0, FALSE, 0, ERROR_INVALID_FUNCTION},
        {STATUS_END_OF_FILE, 0, FALSE, 0, ERROR_HANDLE_EOF},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        DWORD returned = 77;

        Io.Status = rows[i].Status;
        Io.FinalStatus = rows[i].Status;
        Io.Information = rows[i].Information;
        SetLastError(0);
        NT_EXPECT_EQ(DeviceIoControl(FILE_HANDLE, 0x222004, NULL, 0, NULL, 0, &returned, NULL),
                     rows[i].Result);
        NT_EXPECT_EQ(returned, rows[i].Returned);
        NT_EXPECT_EQ(GetLastError(), rows[i].Error);
        NT_EXPECT_EQ(Io.Event, NULL);
        NT_EXPECT_EQ(Io.ApcContext, NULL);
        NT_EXPECT_EQ(Io.Code, 0x222004);
    }
}

/* Without an OVERLAPPED, a request that pends is waited for on the file. */
NT_TEST(DeviceIoControl, SynchronousCallWaitsWhenItPends)
{
    DWORD returned = 0;

    Io.Status = STATUS_PENDING;
    Io.FinalStatus = STATUS_SUCCESS;
    Io.Information = 5;
    NT_EXPECT_TRUE(DeviceIoControl(FILE_HANDLE, 1, NULL, 0, NULL, 0, &returned, NULL));
    NT_EXPECT_EQ(Io.Waits, 1);
    NT_EXPECT_EQ(Io.Waited, FILE_HANDLE);
    NT_EXPECT_EQ(returned, 5);
    Io.FinalStatus = STATUS_CANCELLED;
    NT_EXPECT_FALSE(DeviceIoControl(FILE_HANDLE, 1, NULL, 0, NULL, 0, &returned, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
    NT_EXPECT_EQ(returned, 0);
}

NT_TEST(DeviceIoControl, OverlappedResults)
{
    OVERLAPPED overlapped = {.hEvent = (HANDLE)0x50};
    DWORD returned = 77;

    Io.Status = STATUS_PENDING;
    NT_EXPECT_FALSE(DeviceIoControl(FILE_HANDLE, 1, NULL, 0, NULL, 0, NULL, &overlapped));
    NT_EXPECT_EQ(GetLastError(), ERROR_IO_PENDING);
    NT_EXPECT_EQ(overlapped.Internal, STATUS_PENDING);
    NT_EXPECT_EQ(Io.Event, 0x50);
    NT_EXPECT_EQ(Io.ApcContext, &overlapped);
    NT_EXPECT_EQ(Io.Iosb, &overlapped.Internal);
    NT_EXPECT_EQ(Io.Waits, 0);
    NT_EXPECT_FALSE(HasOverlappedIoCompleted(&overlapped));

    Io.Status = STATUS_SUCCESS;
    Io.Information = 6;
    NT_EXPECT_TRUE(DeviceIoControl(FILE_HANDLE, 1, NULL, 0, NULL, 0, &returned, &overlapped));
    NT_EXPECT_EQ(returned, 6);

    Io.Status = STATUS_BUFFER_OVERFLOW;
    Io.Information = 9;
    NT_EXPECT_FALSE(DeviceIoControl(FILE_HANDLE, 1, NULL, 0, NULL, 0, &returned, &overlapped));
    NT_EXPECT_EQ(GetLastError(), ERROR_MORE_DATA);
    NT_EXPECT_EQ(returned, 9);

    Io.Status = STATUS_ACCESS_DENIED;
    NT_EXPECT_FALSE(DeviceIoControl(FILE_HANDLE, 1, NULL, 0, NULL, 0, &returned, &overlapped));
    NT_EXPECT_EQ(returned, 9); /* an error leaves it alone */
}

NT_TEST(DeviceIoControl, EventWithLowBitAsksForNoPacket)
{
    OVERLAPPED overlapped = {.hEvent = (HANDLE)0x51};

    Io.Status = STATUS_PENDING;
    DeviceIoControl(FILE_HANDLE, 1, NULL, 0, NULL, 0, NULL, &overlapped);
    NT_EXPECT_EQ(Io.ApcContext, NULL);
    NT_EXPECT_EQ(Io.Event, 0x50);
}

NT_TEST(Transfer, SynchronousReadAtEndOfFileSucceedsWithNothing)
{
    DWORD done = 77;
    char buffer[4] = {0};

    Io.Status = STATUS_END_OF_FILE;
    NT_EXPECT_TRUE(ReadFile(FILE_HANDLE, buffer, 4, &done, NULL));
    NT_EXPECT_EQ(done, 0);
    NT_EXPECT_EQ(Io.Offset, -1);
}

NT_TEST(Transfer, OverlappedReadAtEndOfFileFails)
{
    OVERLAPPED overlapped = {.Offset = 8, .OffsetHigh = 1};
    DWORD done = 77;
    char buffer[4] = {0};

    Io.Status = STATUS_END_OF_FILE;
    NT_EXPECT_FALSE(ReadFile(FILE_HANDLE, buffer, 4, &done, &overlapped));
    NT_EXPECT_EQ(GetLastError(), ERROR_HANDLE_EOF);
    NT_EXPECT_EQ(done, 0);
    NT_EXPECT_EQ(Io.Offset, 0x100000008ll);
}

NT_TEST(Transfer, ByteCountIsZeroedFirst)
{
    OVERLAPPED overlapped = {0};
    DWORD done = 77;
    char buffer[4] = {0};

    Io.Status = STATUS_PENDING;
    NT_EXPECT_FALSE(WriteFile(FILE_HANDLE, buffer, 4, &done, &overlapped));
    NT_EXPECT_EQ(done, 0);
    done = 77;
    Io.Status = STATUS_INVALID_HANDLE;
    NT_EXPECT_FALSE(WriteFile(FILE_HANDLE, buffer, 4, &done, NULL));
    NT_EXPECT_EQ(done, 0);
}

NT_TEST(Overlapped, ResultIsReadOnceDone)
{
    OVERLAPPED overlapped = {.Internal = (ULONG_PTR)STATUS_PENDING};
    DWORD done = 0;

    NT_EXPECT_FALSE(GetOverlappedResult(FILE_HANDLE, &overlapped, &done, FALSE));
    NT_EXPECT_EQ(GetLastError(), ERROR_IO_INCOMPLETE);

    Io.Iosb = (PIO_STATUS_BLOCK)&overlapped.Internal;
    Io.FinalStatus = STATUS_SUCCESS;
    Io.Information = 3;
    NT_EXPECT_TRUE(GetOverlappedResult(FILE_HANDLE, &overlapped, &done, TRUE));
    NT_EXPECT_EQ(Io.Waited, FILE_HANDLE); /* no event: on the file */
    NT_EXPECT_EQ(done, 3);

    overlapped.Internal = (ULONG_PTR)STATUS_PENDING;
    overlapped.hEvent = (HANDLE)0x61;
    Io.FinalStatus = STATUS_CANCELLED;
    NT_EXPECT_FALSE(GetOverlappedResultEx(FILE_HANDLE, &overlapped, &done, 100, FALSE));
    NT_EXPECT_EQ(Io.Waited, 0x60);
    NT_EXPECT_EQ(GetLastError(), ERROR_OPERATION_ABORTED);

    overlapped.Internal = (ULONG_PTR)STATUS_PENDING;
    NT_EXPECT_FALSE(GetOverlappedResultEx(FILE_HANDLE, &overlapped, &done, 7, FALSE));
    NT_EXPECT_EQ(GetLastError(), WAIT_TIMEOUT);
}

/* ---- ports ---- */

static ULONG PacketsLeft;
static NTSTATUS PacketStatus;

static NTSTATUS
FakeRemove(HANDLE Handle, PVOID *Key, PVOID *Context, PIO_STATUS_BLOCK Iosb, PLARGE_INTEGER Timeout)
{
    if (PacketsLeft == 0) {
        return STATUS_TIMEOUT;
    }
    PacketsLeft--;
    *Key = (PVOID)0x11;
    *Context = (PVOID)0x22;
    Iosb->Status = PacketStatus;
    Iosb->Information = 33;
    return STATUS_SUCCESS;
}

NT_TEST(Port, PacketsTellTheirOutcome)
{
    OVERLAPPED_ENTRY entries[4];
    LPOVERLAPPED overlapped;
    ULONG_PTR key;
    ULONG removed;
    DWORD bytes;

    FakeGate.NtRemoveIoCompletion = FakeRemove;
    InstallFakeGate();
    PacketsLeft = 1;
    NT_EXPECT_TRUE(GetQueuedCompletionStatus((HANDLE)8, &bytes, &key, &overlapped, 0));
    NT_EXPECT_EQ(key, 0x11);
    NT_EXPECT_EQ(overlapped, 0x22);
    NT_EXPECT_EQ(bytes, 33);
    NT_EXPECT_FALSE(GetQueuedCompletionStatus((HANDLE)8, &bytes, &key, &overlapped, 0));
    NT_EXPECT_EQ(GetLastError(), WAIT_TIMEOUT);
    NT_EXPECT_EQ(overlapped, NULL);
    PacketsLeft = 1;
    PacketStatus = STATUS_CANCELLED;
    NT_EXPECT_FALSE(GetQueuedCompletionStatus((HANDLE)8, &bytes, &key, &overlapped, 0));
    NT_EXPECT_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
    NT_EXPECT_EQ(overlapped, 0x22);
    PacketsLeft = 3;
    NT_EXPECT_TRUE(GetQueuedCompletionStatusEx((HANDLE)8, entries, 4, &removed, 0, FALSE));
    NT_EXPECT_EQ(removed, 3);
    NT_EXPECT_EQ(entries[2].dwNumberOfBytesTransferred, 33);
    NT_EXPECT_FALSE(GetQueuedCompletionStatusEx((HANDLE)8, entries, 4, &removed, 0, FALSE));
    NT_EXPECT_EQ(removed, 0);
}

NT_TEST(Port, FileWithoutPortIsAParameterError)
{
    NT_EXPECT_EQ(CreateIoCompletionPort(INVALID_HANDLE_VALUE, (HANDLE)8, 0, 0), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}
