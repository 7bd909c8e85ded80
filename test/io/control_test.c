/* SPDX-License-Identifier: MIT
 *
 * control_test.c - NtDeviceIoControlFile: the four methods, access, bad callers, and who is told
 */
#include "io_test.h"

#define CODE(function, method, access) CTL_CODE(FILE_DEVICE_UNKNOWN, function, method, access)
#define UNMAPPED ((PVOID)(ULONG_PTR)0x10000)
#define ALL_ONES ((PVOID) ~(ULONG_PTR)0)

/* What the driver saw and what it answers. */
static PIRP Pended;
static ULONG Calls;
static PVOID SeenSystemBuffer;
static PVOID SeenUserBuffer;
static PVOID SeenType3;
static BOOLEAN SeenMdl;
static PVOID SeenMdlAddress;
static ULONG SeenIn;
static ULONG SeenOut;
static UCHAR SeenBytes[16];
static NTSTATUS Answer;
static ULONG_PTR AnswerLength;
static BOOLEAN Pend;
static UCHAR Fill;

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

static VOID
Respond(PIRP Irp)
{
    if (Irp->MdlAddress != NULL && Fill != 0) {
        memset(MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority), Fill,
               MmGetMdlByteCount(Irp->MdlAddress));
    } else if (Irp->AssociatedIrp.SystemBuffer != NULL && Fill != 0 && AnswerLength <= SeenOut) {
        memset(Irp->AssociatedIrp.SystemBuffer, Fill, AnswerLength);
    }
    IoTestComplete(Irp, Answer, AnswerLength);
}

static NTSTATUS NTAPI
Control(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    ULONG take = location->Parameters.DeviceIoControl.InputBufferLength;

    (void)DeviceObject;
    ++Calls;
    SeenIn = take;
    SeenOut = location->Parameters.DeviceIoControl.OutputBufferLength;
    SeenSystemBuffer = Irp->AssociatedIrp.SystemBuffer;
    SeenUserBuffer = Irp->UserBuffer;
    SeenType3 = location->Parameters.DeviceIoControl.Type3InputBuffer;
    SeenMdl = Irp->MdlAddress != NULL;
    SeenMdlAddress = SeenMdl ? MmGetMdlVirtualAddress(Irp->MdlAddress) : NULL;
    if (SeenSystemBuffer != NULL && take != 0) {
        memcpy(SeenBytes, SeenSystemBuffer, take < sizeof(SeenBytes) ? take : sizeof(SeenBytes));
    }
    if (Pend) {
        IoMarkIrpPending(Irp);
        Pended = Irp;
        return STATUS_PENDING;
    }
    Respond(Irp);
    return Answer;
}

static HANDLE
OpenControl(ULONG Options)
{
    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    IoTestDriver->MajorFunction[IRP_MJ_FILE_SYSTEM_CONTROL] = Control;
    return IoTestOpen(Options);
}

static VOID
CloseControl(HANDLE Handle)
{
    IoTestClose(Handle);
    IoDeleteDevice(IoTestDevice);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
}

#define IOCTL(handle, iosb, code, in, inLength, out, outLength)                                   \
    USER_MODE(NtDeviceIoControlFile((handle), NULL, NULL, NULL, (iosb), (code), (in), (inLength), \
                                    (out), (outLength)))

/* ---- methods ---- */

NT_TEST(Control, BufferedCopiesInAndOut)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    IO_STATUS_BLOCK iosb;
    UCHAR in[4] = {1, 2, 3, 4};
    UCHAR out[8];

    memset(out, 0xEE, sizeof(out));
    Fill = 0x42;
    AnswerLength = 5;
    NT_EXPECT_STATUS(IOCTL(handle, &iosb, CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS), in, 4, out, 8),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenIn, 4);
    NT_EXPECT_EQ(SeenOut, 8);
    NT_EXPECT_EQ(memcmp(SeenBytes, in, 4), 0);
    NT_EXPECT_NE(SeenSystemBuffer, in);
    NT_EXPECT_FALSE(SeenMdl);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, 5);
    NT_EXPECT_EQ(memcmp(out, "\x42\x42\x42\x42\x42\xEE\xEE\xEE", 8), 0);
    CloseControl(handle);
}

NT_TEST(Control, BufferedSizes)
{
    static const ULONG sizes[] = {0, 1, 255, 256, 257, 4096, 100000};
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    UCHAR *buffer = malloc(100000);

    Fill = 0x17;
    NT_FOR_EACH (in, sizes) {
        NT_FOR_EACH (out, sizes) {
            IO_STATUS_BLOCK iosb;

            AnswerLength = *out;
            memset(buffer, 0xEE, 100000);
            NT_EXPECT_STATUS(IOCTL(handle, &iosb, CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS), buffer,
                                   *in, buffer, *out),
                             STATUS_SUCCESS);
            NT_EXPECT_EQ(iosb.Information, *out);
            NT_EXPECT_EQ(SeenSystemBuffer == NULL, *in == 0 && *out == 0);
            NT_EXPECT_EQ((ULONG_PTR)SeenSystemBuffer % 16, 0);
            NT_EXPECT_TRUE(*out == 0 || (buffer[0] == 0x17 && buffer[*out - 1] == 0x17));
            NT_EXPECT_TRUE(*out == 100000 || buffer[*out] == 0xEE);
        }
    }
    free(buffer);
    CloseControl(handle);
}

/* NT's rule: errors copy nothing and leave the status block; warnings are results. */
NT_TEST(Control, WhatStatusCopiesBack)
{
    static const struct {
        NTSTATUS Status;
        BOOLEAN Copied;
    } rows[] = {
        {STATUS_SUCCESS, TRUE},           {STATUS_BUFFER_OVERFLOW, TRUE},
        {STATUS_NO_MORE_ENTRIES, TRUE},   {STATUS_UNSUCCESSFUL, FALSE},
        {STATUS_BUFFER_TOO_SMALL, FALSE}, {STATUS_VERIFY_REQUIRED, FALSE},
    };
    HANDLE handle = OpenControl(SYNC_OPTIONS);

    Fill = 0x42;
    AnswerLength = 8;
    NT_FOR_EACH (row, rows) {
        IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1, .Information = 99};
        UCHAR out[8] = {0};

        Answer = row->Status;
        NT_EXPECT_STATUS(
            IOCTL(handle, &iosb, CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS), NULL, 0, out, 8),
            row->Status);
        NT_EXPECT_EQ(out[0] == 0x42, row->Copied);
        NT_EXPECT_STATUS(iosb.Status, NT_ERROR(row->Status) ? STATUS_WAIT_1 : row->Status);
        NT_EXPECT_EQ(iosb.Information, NT_ERROR(row->Status) ? 99 : 8);
    }
    CloseControl(handle);
}

NT_TEST(Control, InformationBeyondTheBufferIsCutAndTold)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    IO_STATUS_BLOCK iosb;
    UCHAR out[8] = {0};

    AnswerLength = 5000;
    SimTakeLog();
    NT_EXPECT_STATUS(
        IOCTL(handle, &iosb, CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS), NULL, 0, out, 4),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, 4);
    NT_EXPECT_EQ(out[4], 0);
    NT_EXPECT_CONTAINS(SimTakeLog(), "5000");
    CloseControl(handle);
}

NT_TEST(Control, DirectMethodsLockTheOutputBuffer)
{
    static const ULONG methods[] = {METHOD_IN_DIRECT, METHOD_OUT_DIRECT};
    HANDLE handle = OpenControl(SYNC_OPTIONS);

    NT_FOR_EACH (method, methods) {
        UCHAR in[4] = {9, 8, 7, 6};
        UCHAR out[5000];
        IO_STATUS_BLOCK iosb;

        memset(out, 0, sizeof(out));
        Fill = *method == METHOD_OUT_DIRECT ? 0x33 : 0;
        AnswerLength = sizeof(out);
        NT_EXPECT_STATUS(
            IOCTL(handle, &iosb, CODE(2, *method, FILE_ANY_ACCESS), in, 4, out, sizeof(out)),
            STATUS_SUCCESS);
        NT_EXPECT_TRUE(SeenMdl);
        NT_EXPECT_EQ(SeenMdlAddress, out);
        NT_EXPECT_EQ(memcmp(SeenBytes, in, 4), 0);
        NT_EXPECT_EQ(out[4999], Fill);
        NT_EXPECT_EQ(MiLockedMdlCount(), 0);
        /* No output: no MDL. No input: no system buffer. */
        AnswerLength = 0;
        NT_EXPECT_STATUS(IOCTL(handle, &iosb, CODE(2, *method, FILE_ANY_ACCESS), NULL, 0, out, 0),
                         STATUS_SUCCESS);
        NT_EXPECT_FALSE(SeenMdl);
        NT_EXPECT_EQ(SeenSystemBuffer, NULL);
    }
    CloseControl(handle);
}

NT_TEST(Control, NeitherPassesAddressesAsTheyAre)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(
        IOCTL(handle, &iosb, CODE(3, METHOD_NEITHER, FILE_ANY_ACCESS), UNMAPPED, 40, ALL_ONES, 80),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenType3, UNMAPPED);
    NT_EXPECT_EQ(SeenUserBuffer, ALL_ONES);
    NT_EXPECT_EQ(SeenSystemBuffer, NULL);
    NT_EXPECT_FALSE(SeenMdl);
    NT_EXPECT_EQ(SeenIn, 40);
    NT_EXPECT_EQ(SeenOut, 80);
    CloseControl(handle);
}

NT_TEST(Control, FsControlHasItsOwnMajor)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    IO_STATUS_BLOCK iosb;

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = NULL;
    NT_EXPECT_STATUS(
        USER_MODE(NtFsControlFile(handle, NULL, NULL, NULL, &iosb, 0, NULL, 0, NULL, 0)),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(Calls, 1);
    CloseControl(handle);
}

/* AddressSanitizer sees the write itself, before the guard behind the buffer is looked at. */
#if defined(__SANITIZE_ADDRESS__)
#define TEST_WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_WITH_ASAN 1
#endif
#endif
#if !defined(TEST_WITH_ASAN)
static NTSTATUS NTAPI
WriteBeyond(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    volatile UCHAR *buffer = Irp->AssociatedIrp.SystemBuffer;

    (void)DeviceObject;
    buffer[4] = 1;
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

NT_TEST(Control, WritingBeyondASmallSystemBufferIsABugCheck)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    IO_STATUS_BLOCK iosb;
    ULONG value = 0;

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = WriteBeyond;
    NT_EXPECT_BUGCHECK(
        SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
        IOCTL(handle, &iosb, CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS), &value, 4, &value, 4));
}
#endif

/* ---- access ---- */

NT_TEST(Control, CodeBitsNeedGrantedAccess)
{
    static const struct {
        ACCESS_MASK Open;
        ULONG Required;
        NTSTATUS Status;
    } rows[] = {
        {FILE_READ_ATTRIBUTES, FILE_ANY_ACCESS, STATUS_SUCCESS},
        {FILE_READ_ATTRIBUTES, FILE_READ_ACCESS, STATUS_ACCESS_DENIED},
        {FILE_READ_DATA, FILE_READ_ACCESS, STATUS_SUCCESS},
        {FILE_READ_DATA, FILE_WRITE_ACCESS, STATUS_ACCESS_DENIED},
        {FILE_WRITE_DATA, FILE_WRITE_ACCESS, STATUS_SUCCESS},
        {FILE_READ_DATA, FILE_READ_ACCESS | FILE_WRITE_ACCESS, STATUS_ACCESS_DENIED},
        {GENERIC_READ | GENERIC_WRITE, FILE_READ_ACCESS | FILE_WRITE_ACCESS, STATUS_SUCCESS},
    };
    HANDLE first = OpenControl(SYNC_OPTIONS);

    NT_FOR_EACH (row, rows) {
        IO_STATUS_BLOCK iosb;
        HANDLE handle;

        NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, row->Open | SYNCHRONIZE, SYNC_OPTIONS, &handle),
                         STATUS_SUCCESS);
        Calls = 0;
        NT_EXPECT_STATUS(
            IOCTL(handle, &iosb, CODE(1, METHOD_BUFFERED, row->Required), NULL, 0, NULL, 0),
            row->Status);
        NT_EXPECT_EQ(Calls, NT_SUCCESS(row->Status));
        /* The kernel may do what it likes. */
        NT_EXPECT_STATUS(ZwDeviceIoControlFile(handle, NULL, NULL, NULL, &iosb,
                                               CODE(1, METHOD_BUFFERED, row->Required), NULL, 0,
                                               NULL, 0),
                         STATUS_SUCCESS);
        IoTestClose(handle);
    }
    CloseControl(first);
}

/* ---- bad callers ---- */

NT_TEST(Control, BadPointers)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    PVOID kernel = IoTestDevice;
    IO_STATUS_BLOCK iosb;
    UCHAR bytes[40];
    const struct {
        ULONG Method;
        PVOID In;
        ULONG InLength;
        PVOID Out;
        ULONG OutLength;
        NTSTATUS Status;
    } rows[] = {
        {METHOD_BUFFERED, UNMAPPED, 4, bytes, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_BUFFERED, bytes, 4, UNMAPPED, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_BUFFERED, kernel, 4, bytes, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_BUFFERED, bytes, 4, kernel, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_BUFFERED, ALL_ONES, 4, bytes, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_BUFFERED, bytes, 4, ALL_ONES, 1, STATUS_ACCESS_VIOLATION},
        /* Beyond the stack's end. Not 4 GiB: the system buffer's pool would be kept, and scanned.
         */
        {METHOD_BUFFERED, bytes, 0x4000000, bytes, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_BUFFERED, (PVOID) "read-only", 4, (PVOID) "read-only", 4, STATUS_ACCESS_VIOLATION},
        {METHOD_BUFFERED, UNMAPPED, 0, UNMAPPED, 0, STATUS_SUCCESS},
        {METHOD_BUFFERED, bytes + 1, 5, bytes + 3, 7, STATUS_SUCCESS},
        {METHOD_BUFFERED, NULL, 0, NULL, 4, STATUS_SUCCESS},
        {METHOD_OUT_DIRECT, bytes, 4, UNMAPPED, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_OUT_DIRECT, bytes, 4, kernel, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_OUT_DIRECT, bytes, 4, NULL, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_OUT_DIRECT, UNMAPPED, 4, bytes, 4, STATUS_ACCESS_VIOLATION},
        {METHOD_OUT_DIRECT, bytes, 4, (PVOID) "read-only", 4, STATUS_ACCESS_VIOLATION},
        {METHOD_IN_DIRECT, bytes, 4, (PVOID) "read-only", 4, STATUS_SUCCESS},
        {METHOD_IN_DIRECT, bytes, 4, bytes + 1, 7, STATUS_SUCCESS},
    };

    NT_FOR_EACH (row, rows) {
        Calls = 0;
        NT_EXPECT_STATUS(IOCTL(handle, &iosb, CODE(1, row->Method, FILE_ANY_ACCESS), row->In,
                               row->InLength, row->Out, row->OutLength),
                         row->Status);
        NT_EXPECT_EQ(Calls, NT_SUCCESS(row->Status));
        NT_EXPECT_EQ(IopIrpsInUse(), 0);
    }
    CloseControl(handle);
}

NT_TEST(Control, BadStatusBlocks)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    UCHAR bytes[40];

    NT_EXPECT_STATUS(IOCTL(handle, NULL, 0, NULL, 0, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(IOCTL(handle, UNMAPPED, 0, NULL, 0, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(IOCTL(handle, (PVOID)IoTestDevice, 0, NULL, 0, NULL, 0),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(IOCTL(handle, ALL_ONES, 0, NULL, 0, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(Calls, 0);
    /* Unaligned is fine, as on x64. */
    NT_EXPECT_STATUS(IOCTL(handle, (PVOID)(bytes + 1), 0, NULL, 0, NULL, 0), STATUS_SUCCESS);
    CloseControl(handle);
}

NT_TEST(Control, BadHandlesAndApcs)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    HANDLE event = IoTestEvent(NotificationEvent);
    IO_STATUS_BLOCK iosb;
    UCHAR buffer[4];

#define TRY(handle, event, apc) \
    USER_MODE(NtDeviceIoControlFile((handle), (event), (apc), NULL, &iosb, 0, buffer, 4, buffer, 4))
    NT_EXPECT_STATUS(TRY(NULL, NULL, NULL), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(TRY((HANDLE)(ULONG_PTR)0x4444, NULL, NULL), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(TRY(event, NULL, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(TRY(handle, handle, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(TRY(handle, (HANDLE)(ULONG_PTR)0x4444, NULL), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(TRY(handle, NULL, (PIO_APC_ROUTINE)(ULONG_PTR)1), STATUS_NOT_SUPPORTED);
    NT_EXPECT_EQ(Calls, 0);
    /* None of them left the file locked. */
    NT_EXPECT_STATUS(TRY(handle, event, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestPoll(event), STATUS_SUCCESS);
    IoTestClose(event);
    CloseControl(handle);
}

NT_TEST(Control, BufferThatDisappearsWhilePended)
{
    HANDLE handle = OpenControl(0);
    HANDLE event = IoTestEvent(NotificationEvent);
    IO_STATUS_BLOCK iosb = {0};
    PVOID page = NULL;

    NT_EXPECT_EQ(HalpReserveMemory(4096, 4096, &page), HALP_OK);
    NT_EXPECT_EQ(HalpCommitMemory(page, 4096, HALP_READ | HALP_WRITE), HALP_OK);
    Pend = TRUE;
    AnswerLength = 8;
    NT_EXPECT_STATUS(USER_MODE(NtDeviceIoControlFile(handle, event, NULL, NULL, &iosb,
                                                     CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS),
                                                     NULL, 0, page, 8)),
                     STATUS_PENDING);
    HalpReleaseMemory(page, 4096);
    Respond(Pended);
    NT_EXPECT_STATUS(IoTestPoll(event), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(iosb.Information, 0);
    IoTestClose(event);
    CloseControl(handle);
}

/* ---- asynchronous files ---- */

NT_TEST(Control, AsynchronousPendsAndTellsByEvent)
{
    HANDLE handle = OpenControl(0);
    HANDLE event = IoTestEvent(NotificationEvent);
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};
    UCHAR out[8] = {0};

    Pend = TRUE;
    Fill = 0x42;
    AnswerLength = 8;
    NT_EXPECT_STATUS(USER_MODE(NtSetEvent(event, NULL)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtDeviceIoControlFile(handle, event, NULL, NULL, &iosb,
                                                     CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS),
                                                     NULL, 0, out, 8)),
                     STATUS_PENDING);
    NT_EXPECT_STATUS(IoTestPoll(event), STATUS_TIMEOUT); /* reset by the call */
    NT_EXPECT_STATUS(iosb.Status, STATUS_WAIT_1);
    Respond(Pended);
    NT_EXPECT_STATUS(IoTestPoll(event), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, 8);
    NT_EXPECT_EQ(out[7], 0x42);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(event);
    CloseControl(handle);
}

/* Without an event the file object itself is signalled. */
NT_TEST(Control, AsynchronousSignalsTheFile)
{
    HANDLE handle = OpenControl(0);
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(IoTestPoll(handle), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(IOCTL(handle, &iosb, 0, NULL, 0, NULL, 0), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestPoll(handle), STATUS_SUCCESS);
    Pend = TRUE;
    NT_EXPECT_STATUS(IOCTL(handle, &iosb, 0, NULL, 0, NULL, 0), STATUS_PENDING);
    NT_EXPECT_STATUS(IoTestPoll(handle), STATUS_TIMEOUT);
    Respond(Pended);
    NT_EXPECT_STATUS(IoTestPoll(handle), STATUS_SUCCESS);
    CloseControl(handle);
}

/* A failure at once is told by the return value only; a pended one by all means. */
NT_TEST(Control, AsynchronousFailures)
{
    HANDLE handle = OpenControl(0);
    HANDLE event = IoTestEvent(NotificationEvent);
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};

    Answer = STATUS_DEVICE_NOT_READY;
#define TRY_EVENT() \
    USER_MODE(NtDeviceIoControlFile(handle, event, NULL, NULL, &iosb, 0, NULL, 0, NULL, 0))
    NT_EXPECT_STATUS(TRY_EVENT(), STATUS_DEVICE_NOT_READY);
    NT_EXPECT_STATUS(IoTestPoll(event), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(iosb.Status, STATUS_WAIT_1);
    Pend = TRUE;
    NT_EXPECT_STATUS(TRY_EVENT(), STATUS_PENDING);
    Respond(Pended);
    NT_EXPECT_STATUS(IoTestPoll(event), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_DEVICE_NOT_READY);
    IoTestClose(event);
    CloseControl(handle);
}

/* ---- synchronous files ---- */

static VOID
RespondLater(PVOID Context)
{
    while (__atomic_load_n(&Pended, __ATOMIC_ACQUIRE) == NULL) {
        HalpYield();
    }
    (void)Context;
    Respond(Pended);
}

static NTSTATUS NTAPI
PendForThread(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    SeenOut = 8;
    IoMarkIrpPending(Irp);
    __atomic_store_n(&Pended, Irp, __ATOMIC_RELEASE);
    SimSchedulingPoint(); /* it may be completed before this returns */
    return STATUS_PENDING;
}

NT_TEST_SEEDS(Control, SynchronousWaitsForAPendedRequest, 50)
{
    static const NTSTATUS statuses[] = {STATUS_SUCCESS, STATUS_CANCELLED};
    HANDLE handle = OpenControl(SYNC_OPTIONS);

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = PendForThread;
    Fill = 0x42;
    AnswerLength = 8;
    NT_FOR_EACH (status, statuses) {
        IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};
        IO_TEST_THREAD thread;
        UCHAR out[8] = {0};

        Pended = NULL;
        Answer = *status;
        IoTestRun(&thread, RespondLater, NULL);
        NT_EXPECT_STATUS(
            IOCTL(handle, &iosb, CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS), NULL, 0, out, 8),
            *status);
        NT_EXPECT_EQ(out[7] == 0x42, NT_SUCCESS(*status));
        NT_EXPECT_STATUS(iosb.Status, NT_SUCCESS(*status) ? STATUS_SUCCESS : STATUS_WAIT_1);
        IoTestJoin(&thread);
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    CloseControl(handle);
}

NT_TEST_SEEDS(Control, AsynchronousCompletionRacesWithDispatch, 50)
{
    HANDLE handle = OpenControl(0);
    HANDLE event = IoTestEvent(NotificationEvent);
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};
    IO_TEST_THREAD thread;
    UCHAR out[8] = {0};

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = PendForThread;
    Fill = 0x42;
    AnswerLength = 8;
    IoTestRun(&thread, RespondLater, NULL);
    NT_EXPECT_STATUS(USER_MODE(NtDeviceIoControlFile(handle, event, NULL, NULL, &iosb,
                                                     CODE(1, METHOD_BUFFERED, FILE_ANY_ACCESS),
                                                     NULL, 0, out, 8)),
                     STATUS_PENDING);
    NT_EXPECT_STATUS(USER_MODE(NtWaitForSingleObject(event, FALSE, NULL)), STATUS_SUCCESS);
    /* Who sees the event sees the data. */
    NT_EXPECT_EQ(out[7], 0x42);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    IoTestJoin(&thread);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(event);
    CloseControl(handle);
}

static LONG Inside;
static LONG MostInside;

static NTSTATUS NTAPI
CountInside(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    LONG now = InterlockedIncrement(&Inside);

    (void)DeviceObject;
    if (now > MostInside) {
        MostInside = now;
    }
    HalpYield();
    HalpYield();
    InterlockedDecrement(&Inside);
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

static VOID
CallFiveTimes(PVOID Context)
{
    ULONG i;

    for (i = 0; i < 5; ++i) {
        IO_STATUS_BLOCK iosb;

        NT_EXPECT_STATUS(IOCTL(Context, &iosb, 0, NULL, 0, NULL, 0), STATUS_SUCCESS);
    }
}

NT_TEST_SEEDS(Control, SynchronousFileTakesOneRequestAtATime, 30)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    IO_TEST_THREAD threads[3];

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = CountInside;
    NT_FOR_EACH (thread, threads) {
        IoTestRun(thread, CallFiveTimes, handle);
    }
    NT_FOR_EACH (thread, threads) {
        IoTestJoin(thread);
    }
    NT_EXPECT_EQ(MostInside, 1);
    CloseControl(handle);
}

/* The file's own event is signalled after a synchronous request, and not while one is pended. */
NT_TEST(Control, SynchronousFileIsSignalledWhenDone)
{
    HANDLE handle = OpenControl(SYNC_OPTIONS);
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(IoTestPoll(handle), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(IOCTL(handle, &iosb, 0, NULL, 0, NULL, 0), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoTestPoll(handle), STATUS_SUCCESS);
    CloseControl(handle);
}

/* ---- drivers that break the rules of pending ---- */

static NTSTATUS Returned;
static BOOLEAN Mark;
static BOOLEAN CompleteIt;

static NTSTATUS NTAPI
BreakRules(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    if (Mark) {
        IoMarkIrpPending(Irp);
    }
    if (CompleteIt) {
        IoTestComplete(Irp, STATUS_SUCCESS, 0);
    } else {
        Pended = Irp;
    }
    return Returned;
}

static VOID
ExpectBroken(ULONG Options, ULONG SubCode)
{
    HANDLE handle = OpenControl(Options);
    IO_STATUS_BLOCK iosb;

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = BreakRules;
    NT_EXPECT_BUGCHECK(0xC9, IOCTL(handle, &iosb, 0, NULL, 0, NULL, 0);
                       IoTestComplete(Pended, STATUS_SUCCESS, 0));
    NT_EXPECT_EQ(KiBugCheckParameters[0], SubCode);
}

NT_TEST(ControlRules, PendingWithoutMarkCompletedAtOnce)
{
    Returned = STATUS_PENDING;
    CompleteIt = TRUE;
    ExpectBroken(SYNC_OPTIONS, 0x23D);
}

NT_TEST(ControlRules, PendingWithoutMarkCompletedLater)
{
    Returned = STATUS_PENDING;
    ExpectBroken(0, 0x23D);
}

NT_TEST(ControlRules, MarkedButNotPending)
{
    Returned = STATUS_SUCCESS;
    Mark = TRUE;
    CompleteIt = TRUE;
    ExpectBroken(SYNC_OPTIONS, 0x23E);
}

NT_TEST(ControlRules, MarkedButNotPendingAsynchronous)
{
    Returned = STATUS_SUCCESS;
    Mark = TRUE;
    CompleteIt = TRUE;
    ExpectBroken(0, 0x23E);
}

NT_TEST(ControlRules, NeitherCompletedNorPending)
{
    Returned = STATUS_SUCCESS;
    ExpectBroken(SYNC_OPTIONS, 0x226);
}
