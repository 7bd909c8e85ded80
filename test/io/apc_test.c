/* SPDX-License-Identifier: MIT
 *
 * apc_test.c - requests with an APC routine: who is told, with what, and who is not
 */
#include "io_test.h"

static PIRP Pended; /* the driver's one request */

static VOID NTAPI
OnCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    IoTestComplete(Irp, STATUS_CANCELLED, 0);
}

static NTSTATUS NTAPI
PendRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoMarkIrpPending(Irp);
    Pended = Irp;
    IoSetCancelRoutine(Irp, OnCancel);
    return STATUS_PENDING;
}

static NTSTATUS NTAPI
AnswerRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IoTestComplete(Irp, STATUS_SUCCESS, 3);
}

static NTSTATUS NTAPI
RefuseRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IoTestComplete(Irp, STATUS_DEVICE_NOT_READY, 0);
}

void
NtTestSetUp(void)
{
    IoTestStart();
    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_READ] = PendRead;
}

void
NtTestTearDown(void)
{
    IoDeleteDevice(IoTestDevice);
    IoTestStop();
}

static VOID NTAPI
Routine(PVOID Context, PIO_STATUS_BLOCK Iosb, ULONG Reserved)
{
    NT_FAIL("only the gate calls it");
}

static NTSTATUS
Read(HANDLE Handle, PVOID Context, PIO_STATUS_BLOCK Iosb)
{
    static char buffer[8];
    LARGE_INTEGER offset = {.QuadPart = 0};

    return USER_MODE(
        NtReadFile(Handle, NULL, Routine, Context, Iosb, buffer, sizeof(buffer), &offset, NULL));
}

/* What an alertable wait of the caller finds: STATUS_USER_APC, or STATUS_TIMEOUT. */
static NTSTATUS
PollAlertably(VOID)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    KEVENT never;

    KeInitializeEvent(&never, NotificationEvent, FALSE);
    return KeWaitForSingleObject(&never, UserRequest, UserMode, TRUE, &now);
}

static VOID
ExpectCall(PVOID Context, PIO_STATUS_BLOCK Iosb)
{
    KI_USER_CALL call;

    NT_EXPECT_STATUS(PollAlertably(), STATUS_USER_APC);
    NT_EXPECT_TRUE(KiTakeUserApc(KiGetCurrentThread(), &call));
    NT_EXPECT_EQ((ULONG_PTR)call.Routine, (ULONG_PTR)Routine);
    NT_EXPECT_EQ(call.Context, Context);
    NT_EXPECT_EQ(call.Argument1, Iosb);
    NT_EXPECT_EQ(call.Argument2, 0);
    NT_EXPECT_FALSE(KiTakeUserApc(KiGetCurrentThread(), &call));
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
}

NT_TEST(IoApc, TellsOfAPendedAndOfAnImmediateSuccess)
{
    HANDLE handle = IoTestOpen(0);
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(Read(handle, &iosb, &iosb), STATUS_PENDING);
    NT_EXPECT_STATUS(PollAlertably(), STATUS_TIMEOUT);
    IoSetCancelRoutine(Pended, NULL);
    IoTestComplete(Pended, STATUS_SUCCESS, 2);
    NT_EXPECT_EQ(iosb.Information, 2);
    ExpectCall(&iosb, &iosb);
    IoTestDriver->MajorFunction[IRP_MJ_READ] = AnswerRead;
    NT_EXPECT_STATUS(Read(handle, NULL, &iosb), STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, 3);
    ExpectCall(NULL, &iosb);
    IoTestClose(handle);
}

NT_TEST(IoApc, TellsOfACancelledRequestButNotOfOneThatFailedAtOnce)
{
    HANDLE handle = IoTestOpen(0);
    IO_STATUS_BLOCK iosb;
    IO_STATUS_BLOCK result;

    NT_EXPECT_STATUS(Read(handle, &iosb, &iosb), STATUS_PENDING);
    NT_EXPECT_STATUS(USER_MODE(NtCancelIoFile(handle, &result)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_CANCELLED);
    ExpectCall(&iosb, &iosb);
    IoTestDriver->MajorFunction[IRP_MJ_READ] = RefuseRead;
    NT_EXPECT_STATUS(Read(handle, &iosb, &iosb), STATUS_DEVICE_NOT_READY);
    NT_EXPECT_STATUS(PollAlertably(), STATUS_TIMEOUT);
    IoTestClose(handle);
}

static void
ReadAndEnd(void *Context)
{
    static IO_STATUS_BLOCK iosb[2];

    NT_EXPECT_STATUS(Read(Context, NULL, &iosb[0]), STATUS_PENDING);
    IoSetCancelRoutine(Pended, NULL);
    IoTestComplete(Pended, STATUS_SUCCESS, 1);
    NT_EXPECT_STATUS(Read(Context, NULL, &iosb[1]), STATUS_PENDING);
    /* One APC is queued and never run; one request is cancelled by the thread's end. */
}

NT_TEST_SEEDS(IoApc, AThreadEndsWithSomeQueued, 10)
{
    HANDLE handle = IoTestOpen(0);
    IO_TEST_THREAD thread;

    IoTestRun(&thread, ReadAndEnd, handle);
    IoTestJoin(&thread);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(handle);
}

NT_TEST(IoApc, RefusedOnSynchronousFilesAndWithAPort)
{
    HANDLE synchronous = IoTestOpen(SYNC_OPTIONS);
    HANDLE handle = IoTestOpen(0);
    FILE_COMPLETION_INFORMATION binding = {.Key = NULL};
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(Read(synchronous, NULL, &iosb), STATUS_NOT_SUPPORTED);
    NT_EXPECT_STATUS(USER_MODE(NtCreateIoCompletion(&binding.Port, MAXIMUM_ALLOWED, NULL, 0)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(USER_MODE(NtSetInformationFile(handle, &iosb, &binding, sizeof(binding),
                                                    FileCompletionInformation)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(Read(handle, NULL, &iosb), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoTestClose(handle);
    IoTestClose(synchronous);
    IoTestClose(binding.Port);
}
