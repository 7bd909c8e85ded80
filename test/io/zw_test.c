/* SPDX-License-Identifier: MIT
 *
 * zw_test.c - file services called by drivers: the kernel's mode, memory and rights
 */
#include "io_test.h"

#define CODE(access, method) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, (method), (access))

static ULONG Calls;
static UCHAR SeenMajor;
static KPROCESSOR_MODE SeenMode;
static ULONG SeenCode;
static UCHAR SeenInput[8];
static NTSTATUS Answer;
static BOOLEAN Pend;
static PIRP Pended;

static VOID NTAPI
CancelPended(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    IoTestComplete(Irp, STATUS_CANCELLED, 0);
}

static NTSTATUS NTAPI
Control(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    ULONG outLength = location->Parameters.DeviceIoControl.OutputBufferLength;

    ++Calls;
    SeenMajor = location->MajorFunction;
    SeenMode = Irp->RequestorMode;
    SeenCode = location->Parameters.DeviceIoControl.IoControlCode;
    if (Pend) {
        IoMarkIrpPending(Irp);
        Pended = Irp;
        IoSetCancelRoutine(Irp, CancelPended);
        return STATUS_PENDING;
    }
    if (Irp->AssociatedIrp.SystemBuffer != NULL) {
        memcpy(SeenInput, Irp->AssociatedIrp.SystemBuffer, sizeof(SeenInput));
        memset(Irp->AssociatedIrp.SystemBuffer, 0x5A, outLength);
    }
    return IoTestComplete(Irp, Answer, NT_ERROR(Answer) ? 0 : outLength);
}

void
NtTestSetUp(void)
{
    IoTestStart();
    IoTestAddPlainDevice(DO_BUFFERED_IO);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    IoTestDriver->MajorFunction[IRP_MJ_FILE_SYSTEM_CONTROL] = Control;
}

void
NtTestTearDown(void)
{
    IoDeleteDevice(IoTestDevice);
    IoTestStop();
}

static NTSTATUS
OpenKernelHandle(PCWSTR Name, ACCESS_MASK Access, ULONG Options, HANDLE *Handle)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    IO_STATUS_BLOCK iosb = {.Information = 77};
    NTSTATUS status;

    RtlInitUnicodeString(&name, Name);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL,
                               NULL);
    status = ZwOpenFile(Handle, Access, &attributes, &iosb, FILE_SHARE_READ, Options);
    NT_EXPECT_EQ(iosb.Information, NT_SUCCESS(status) ? 0 : 77);
    return status;
}

NT_TEST(ZwOpen, HandleIsTheKernelsAndErrorsAreReturned)
{
    static const struct {
        PCWSTR Name;
        ULONG Options;
        NTSTATUS Status;
    } rows[] = {
        {L"\\Device\\Missing", 0, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\NoFolder\\x", 0, STATUS_OBJECT_PATH_NOT_FOUND},
        {L"relative", 0, STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\Device", 0, STATUS_OBJECT_TYPE_MISMATCH},
        {DEVICE_NAME, FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT,
         STATUS_INVALID_PARAMETER},
        {DEVICE_NAME, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
    };
    HANDLE handle = (HANDLE)(ULONG_PTR)0x77;

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(OpenKernelHandle(row->Name, GENERIC_READ, row->Options, &handle),
                         row->Status);
        NT_EXPECT_EQ(handle, 0x77);
    }
    NT_EXPECT_STATUS(OpenKernelHandle(DEVICE_NAME, GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtClose(handle)), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
}

typedef NTSTATUS NTAPI CONTROL_SERVICE(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine,
                                       PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, ULONG Code,
                                       PVOID InputBuffer, ULONG InputBufferLength,
                                       PVOID OutputBuffer, ULONG OutputBufferLength);

static const struct {
    CONTROL_SERVICE *Service;
    UCHAR Major;
} Services[] = {
    {ZwDeviceIoControlFile, IRP_MJ_DEVICE_CONTROL},
    {ZwFsControlFile, IRP_MJ_FILE_SYSTEM_CONTROL},
};

/* Kernel memory, no access check, and the driver hears that the kernel asks. */
NT_TEST(ZwControl, IsTheKernels)
{
    UCHAR *pool = ExAllocatePoolWithTag(NonPagedPoolNx, 16, 'looP');
    ULONG code = CODE(FILE_WRITE_ACCESS, METHOD_BUFFERED);
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    NT_EXPECT_STATUS(
        OpenKernelHandle(DEVICE_NAME, FILE_READ_DATA | SYNCHRONIZE, SYNC_OPTIONS, &handle),
        STATUS_SUCCESS);
    NT_FOR_EACH (row, Services) {
        memcpy(pool, "input...", 8);
        NT_EXPECT_STATUS(row->Service(handle, NULL, NULL, NULL, &iosb, code, pool, 8, pool + 8, 8),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(SeenMajor, row->Major);
        NT_EXPECT_EQ(SeenMode, KernelMode);
        NT_EXPECT_EQ(SeenCode, code);
        NT_EXPECT_EQ(memcmp(SeenInput, "input...", 8), 0);
        NT_EXPECT_EQ(pool[8], 0x5A);
        NT_EXPECT_EQ(pool[15], 0x5A);
        NT_EXPECT_EQ(iosb.Information, 8);
        NT_EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    }
    ZwClose(handle);
    ExFreePoolWithTag(pool, 'looP');
}

NT_TEST(ZwControl, DriversStatusAndBadHandlesAreReturned)
{
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    HANDLE event = IoTestEvent(NotificationEvent);

    NT_EXPECT_STATUS(OpenKernelHandle(DEVICE_NAME, GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    NT_FOR_EACH (row, Services) {
        Calls = 0;
        Answer = STATUS_DEVICE_NOT_READY;
        NT_EXPECT_STATUS(
            row->Service(handle, NULL, NULL, NULL, &iosb, CODE(0, 0), NULL, 0, NULL, 0),
            STATUS_DEVICE_NOT_READY);
        NT_EXPECT_EQ(Calls, 1);
        NT_EXPECT_STATUS(row->Service(NULL, NULL, NULL, NULL, &iosb, CODE(0, 0), NULL, 0, NULL, 0),
                         STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS(row->Service(event, NULL, NULL, NULL, &iosb, CODE(0, 0), NULL, 0, NULL, 0),
                         STATUS_OBJECT_TYPE_MISMATCH);
        NT_EXPECT_STATUS(
            row->Service(handle, handle, NULL, NULL, &iosb, CODE(0, 0), NULL, 0, NULL, 0),
            STATUS_OBJECT_TYPE_MISMATCH);
        NT_EXPECT_EQ(Calls, 1);
    }
    IoTestClose(event);
    ZwClose(handle);
}

/* On a file for asynchronous calls they return at once; the event tells of the end. */
NT_TEST(ZwControl, PendedOneSetsItsEvent)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    HANDLE event;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, TRUE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenKernelHandle(DEVICE_NAME, GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    Pend = TRUE;
    NT_FOR_EACH (row, Services) {
        IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};

        NT_EXPECT_STATUS(
            row->Service(handle, event, NULL, NULL, &iosb, CODE(0, 0), NULL, 0, NULL, 0),
            STATUS_PENDING);
        NT_EXPECT_STATUS(ZwWaitForSingleObject(event, FALSE, &now), STATUS_TIMEOUT);
        NT_EXPECT_STATUS(iosb.Status, STATUS_WAIT_1);
        IoSetCancelRoutine(Pended, NULL);
        IoTestComplete(Pended, STATUS_SUCCESS, 3);
        NT_EXPECT_STATUS(ZwWaitForSingleObject(event, FALSE, &now), STATUS_SUCCESS);
        NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
        NT_EXPECT_EQ(iosb.Information, 3);
    }
    ZwClose(handle);
    ZwClose(event);
}

static VOID NTAPI
Routine(PVOID Context, PIO_STATUS_BLOCK Iosb, ULONG Reserved)
{
    NT_FAIL("APCs of the kernel are not delivered");
}

/* There are no kernel APCs: refused before anything happens. */
NT_TEST(ZwApc, RoutinesOfTheKernelAreRefused)
{
    LARGE_INTEGER zero = {.QuadPart = 0};
    UCHAR buffer[8] = {0};
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    IoTestDriver->MajorFunction[IRP_MJ_READ] = Control;
    IoTestDriver->MajorFunction[IRP_MJ_WRITE] = Control;
    NT_EXPECT_STATUS(OpenKernelHandle(DEVICE_NAME, GENERIC_READ | GENERIC_WRITE, 0, &handle),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwReadFile(handle, NULL, Routine, NULL, &iosb, buffer, 8, &zero, NULL),
                     STATUS_NOT_SUPPORTED);
    NT_EXPECT_STATUS(ZwWriteFile(handle, NULL, Routine, NULL, &iosb, buffer, 8, &zero, NULL),
                     STATUS_NOT_SUPPORTED);
    NT_FOR_EACH (row, Services) {
        NT_EXPECT_STATUS(
            row->Service(handle, NULL, Routine, NULL, &iosb, CODE(0, 0), NULL, 0, NULL, 0),
            STATUS_NOT_SUPPORTED);
    }
    NT_EXPECT_EQ(Calls, 0);
    ZwClose(handle);
}

/* ---- cancelling ---- */

static VOID
Send(HANDLE Handle, PIO_STATUS_BLOCK Iosb)
{
    Iosb->Status = STATUS_WAIT_1;
    NT_EXPECT_STATUS(
        ZwDeviceIoControlFile(Handle, NULL, NULL, NULL, Iosb, CODE(0, 0), NULL, 0, NULL, 0),
        STATUS_PENDING);
}

NT_TEST(ZwCancel, FileCancelsWhatTheThreadSent)
{
    IO_STATUS_BLOCK iosb[2];
    IO_STATUS_BLOCK result = {.Status = STATUS_WAIT_1};
    HANDLE handle;

    NT_EXPECT_STATUS(OpenKernelHandle(DEVICE_NAME, GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    Pend = TRUE;
    Send(handle, &iosb[0]);
    Send(handle, &iosb[1]);
    NT_EXPECT_STATUS(ZwCancelIoFile(handle, &result), STATUS_SUCCESS);
    NT_EXPECT_STATUS(result.Status, STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb[0].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(iosb[1].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(ZwCancelIoFile(handle, &result), STATUS_SUCCESS); /* nothing is left */
    NT_EXPECT_STATUS(ZwCancelIoFile(NULL, &result), STATUS_INVALID_HANDLE);
    NT_EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    ZwClose(handle);
}

NT_TEST(ZwCancel, FileExCancelsOneOrAll)
{
    IO_STATUS_BLOCK iosb[3];
    IO_STATUS_BLOCK result = {.Status = STATUS_WAIT_1};
    HANDLE handle;

    NT_EXPECT_STATUS(OpenKernelHandle(DEVICE_NAME, GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwCancelIoFileEx(handle, NULL, &result), STATUS_NOT_FOUND);
    Pend = TRUE;
    for (ULONG i = 0; i < 3; ++i) {
        Send(handle, &iosb[i]);
    }
    NT_EXPECT_STATUS(ZwCancelIoFileEx(handle, &iosb[1], &result), STATUS_SUCCESS);
    NT_EXPECT_STATUS(result.Status, STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb[0].Status, STATUS_WAIT_1);
    NT_EXPECT_STATUS(iosb[1].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(ZwCancelIoFileEx(handle, &iosb[1], &result), STATUS_NOT_FOUND);
    NT_EXPECT_STATUS(ZwCancelIoFileEx(handle, NULL, &result), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb[0].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(iosb[2].Status, STATUS_CANCELLED);
    NT_EXPECT_STATUS(ZwCancelIoFileEx(NULL, NULL, &result), STATUS_INVALID_HANDLE);
    NT_EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    ZwClose(handle);
}
