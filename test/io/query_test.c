/* SPDX-License-Identifier: MIT
 *
 * test/io/query_test.c - what drivers of media keep with the I/O manager, threads of a device,
 * reinitialization, the system's callback objects
 */
#include "io_test.h"

NTSTATUS WdmlibIoValidateDeviceIoControlAccess(PIRP Irp, ULONG RequiredAccess);

void
NtTestSetUp(void)
{
    IoTestStart();
    IoTestAddPlainDevice(DO_BUFFERED_IO);
}

void
NtTestTearDown(void)
{
    if (IoTestDevice != NULL) {
        IoDeleteDevice(IoTestDevice);
    }
    IoTestStop();
}

/* ---- removable media, hard errors ---- */

NT_TEST(Verify, DeviceToVerifyBelongsToTheIrpsThread)
{
    PETHREAD thread = PsGetCurrentThread();
    PIRP irp = IoAllocateIrp(1, FALSE);

    NT_EXPECT_EQ(IoGetDeviceToVerify(thread), NULL);
    irp->Tail.Overlay.Thread = thread;
    IoSetHardErrorOrVerifyDevice(irp, IoTestDevice);
    NT_EXPECT_EQ(IoGetDeviceToVerify(thread), IoTestDevice);
    IoSetDeviceToVerify(thread, NULL);
    NT_EXPECT_EQ(IoGetDeviceToVerify(thread), NULL);
    irp->Tail.Overlay.Thread = NULL;
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, IoSetHardErrorOrVerifyDevice(irp, IoTestDevice));
}

NT_TEST(Verify, VpbLockRaisesToDispatchLevel)
{
    KIRQL irql = 9;

    IoAcquireVpbSpinLock(&irql);
    NT_EXPECT_EQ(irql, PASSIVE_LEVEL);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    IoReleaseVpbSpinLock(irql);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

NT_TEST(HardError, ThreadsModeDecidesWhetherOneIsRaised)
{
    UNICODE_STRING text = US(L"file");

    NT_EXPECT_TRUE(IoRaiseInformationalHardError(STATUS_DISK_FULL, &text, NULL));
    NT_EXPECT_TRUE(IoSetThreadHardErrorMode(FALSE));
    NT_EXPECT_FALSE(IoRaiseInformationalHardError(STATUS_DISK_FULL, NULL, NULL));
    NT_EXPECT_FALSE(IoRaiseInformationalHardError(STATUS_DISK_FULL, NULL, KeGetCurrentThread()));
    NT_EXPECT_FALSE(IoSetThreadHardErrorMode(TRUE));
    NT_EXPECT_TRUE(IoRaiseInformationalHardError(STATUS_DISK_FULL, NULL, NULL));
}

static NTSTATUS NTAPI
FailHard(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    Irp->IoStatus.Status = STATUS_DEVICE_DATA_ERROR;
    Irp->IoStatus.Information = 4;
    IoRaiseHardError(Irp, NULL, DeviceObject);
    return STATUS_DEVICE_DATA_ERROR;
}

NT_TEST(HardError, RaisingOneCompletesTheRequestWithoutData)
{
    IO_STATUS_BLOCK iosb = {.Information = 77};
    UCHAR buffer[8] = {0};
    HANDLE handle;

    IoTestDriver->MajorFunction[IRP_MJ_READ] = FailHard;
    handle = IoTestOpen(SYNC_OPTIONS);
    NT_EXPECT_STATUS(
        USER_MODE(NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, sizeof(buffer), NULL, NULL)),
        STATUS_DEVICE_DATA_ERROR);
    IoTestClose(handle);
}

/* ---- IRPs and files ---- */

NT_TEST(Query, PriorityHintStaysWithTheIrp)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    irp->Flags = IRP_BUFFERED_IO;
    NT_EXPECT_EQ(IoGetIoPriorityHint(irp), IoPriorityNormal);
    NT_EXPECT_STATUS(IoSetIoPriorityHint(irp, IoPriorityVeryLow), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoGetIoPriorityHint(irp), IoPriorityVeryLow);
    NT_EXPECT_STATUS(IoSetIoPriorityHint(irp, IoPriorityCritical), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoGetIoPriorityHint(irp), IoPriorityCritical);
    NT_EXPECT_STATUS(IoSetIoPriorityHint(irp, MaxIoPriorityTypes), STATUS_INVALID_PARAMETER);
    NT_EXPECT_TRUE(irp->Flags & IRP_BUFFERED_IO);
    NT_EXPECT_EQ(IoGetPagingIoPriority(irp), IoPagingPriorityInvalid);
    irp->Flags = IRP_PAGING_IO;
    NT_EXPECT_EQ(IoGetPagingIoPriority(irp), IoPagingPriorityNormal);
    irp->Flags = 0;
    IoFreeIrp(irp);
}

NT_TEST(Query, MasterIrpKeepsTheMoreSevereStatus)
{
    static const struct {
        NTSTATUS Before;
        NTSTATUS Part;
        NTSTATUS After;
    } rows[] = {
        {STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS},
        {STATUS_SUCCESS, STATUS_DEVICE_DATA_ERROR, STATUS_DEVICE_DATA_ERROR},
        {STATUS_DEVICE_DATA_ERROR, STATUS_SUCCESS, STATUS_DEVICE_DATA_ERROR},
        {STATUS_BUFFER_OVERFLOW, STATUS_DEVICE_DATA_ERROR, STATUS_DEVICE_DATA_ERROR},
        {STATUS_DEVICE_DATA_ERROR, STATUS_BUFFER_OVERFLOW, STATUS_DEVICE_DATA_ERROR},
        {STATUS_DEVICE_DATA_ERROR, STATUS_VERIFY_REQUIRED, STATUS_VERIFY_REQUIRED},
        {STATUS_SUCCESS, STATUS_FT_READ_FROM_COPY, STATUS_SUCCESS},
        {STATUS_DEVICE_DATA_ERROR, STATUS_FT_READ_FROM_COPY, STATUS_DEVICE_DATA_ERROR},
        {STATUS_FT_READ_FROM_COPY, STATUS_SUCCESS, STATUS_FT_READ_FROM_COPY},
        {STATUS_FT_READ_FROM_COPY, STATUS_DEVICE_DATA_ERROR, STATUS_DEVICE_DATA_ERROR},
        {STATUS_SUCCESS, STATUS_OBJECT_NAME_EXISTS, STATUS_SUCCESS},
        {STATUS_SUCCESS, STATUS_VERIFY_REQUIRED, STATUS_VERIFY_REQUIRED},
        {STATUS_VERIFY_REQUIRED, STATUS_DEVICE_DATA_ERROR, STATUS_DEVICE_DATA_ERROR},
    };
    PIRP irp = IoAllocateIrp(1, FALSE);

    NT_FOR_EACH (row, rows) {
        irp->IoStatus.Status = row->Before;
        IoSetMasterIrpStatus(irp, row->Part);
        NT_EXPECT_STATUS(irp->IoStatus.Status, row->After);
    }
    IoFreeIrp(irp);
}

#define ANY_CODE CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_ANY_ACCESS)

static ULONG Wanted;

static NTSTATUS NTAPI
CheckAccess(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IoTestComplete(Irp, IoValidateDeviceIoControlAccess(Irp, Wanted), 0);
}

static NTSTATUS
SendControl(ACCESS_MASK Access, ULONG Required)
{
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    NTSTATUS status;

    Wanted = Required;
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, Access | SYNCHRONIZE, SYNC_OPTIONS, &handle),
                     STATUS_SUCCESS);
    status = USER_MODE(
        NtDeviceIoControlFile(handle, NULL, NULL, NULL, &iosb, ANY_CODE, NULL, 0, NULL, 0));
    IoTestClose(handle);
    return status;
}

NT_TEST(Query, ControlAccessIsThatOfTheSendersHandle)
{
    PIRP irp;

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = CheckAccess;
    NT_EXPECT_STATUS(SendControl(FILE_READ_DATA, FILE_READ_ACCESS), STATUS_SUCCESS);
    NT_EXPECT_STATUS(SendControl(FILE_READ_DATA, FILE_WRITE_ACCESS), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(SendControl(FILE_WRITE_DATA, FILE_READ_ACCESS), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(
        SendControl(FILE_READ_DATA | FILE_WRITE_DATA, FILE_READ_ACCESS | FILE_WRITE_ACCESS),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(SendControl(FILE_READ_DATA, 8), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(SendControl(FILE_READ_DATA, 0), STATUS_INVALID_PARAMETER);
    irp = IoAllocateIrp(1, FALSE);
    IoSetNextIrpStackLocation(irp);
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_READ;
    NT_EXPECT_STATUS(IoValidateDeviceIoControlAccess(irp, FILE_READ_ACCESS),
                     STATUS_INVALID_PARAMETER);
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    irp->RequestorMode = KernelMode;
    NT_EXPECT_STATUS(IoValidateDeviceIoControlAccess(irp, FILE_WRITE_ACCESS), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoValidateDeviceIoControlAccess(irp, 0), STATUS_INVALID_PARAMETER);
    irp->RequestorMode = UserMode;
    NT_EXPECT_STATUS(IoValidateDeviceIoControlAccess(irp, FILE_WRITE_ACCESS), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(WdmlibIoValidateDeviceIoControlAccess(irp, FILE_READ_ACCESS),
                     STATUS_ACCESS_DENIED);
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_WRITE;
    NT_EXPECT_STATUS(WdmlibIoValidateDeviceIoControlAccess(irp, FILE_READ_ACCESS),
                     STATUS_INVALID_PARAMETER);
    IoSkipCurrentIrpStackLocation(irp);
    IoFreeIrp(irp);
}

NT_TEST(Query, FilesOriginIsSetAndClearedOnce)
{
    HANDLE handle = IoTestOpen(SYNC_OPTIONS);
    PFILE_OBJECT file = IoTestFile(handle);

    NT_EXPECT_FALSE(IoIsFileOriginRemote(file));
    NT_EXPECT_STATUS(IoSetFileOrigin(file, FALSE), STATUS_INVALID_PARAMETER_MIX);
    NT_EXPECT_STATUS(IoSetFileOrigin(file, TRUE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoSetFileOrigin(file, TRUE), STATUS_INVALID_PARAMETER_MIX);
    NT_EXPECT_TRUE(IoIsFileOriginRemote(file));
    NT_EXPECT_STATUS(IoSetFileOrigin(file, FALSE), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoGetTransactionParameterBlock(file), NULL);
    NT_EXPECT_FALSE(IoIsFileObjectIgnoringSharing(file));
    IoTestClose(handle);
}

NT_TEST(Query, ConfigurationIsCountedByTheDrivers)
{
    PCONFIGURATION_INFORMATION information = IoGetConfigurationInformation();

    NT_EXPECT_EQ(information->DiskCount, 0);
    NT_EXPECT_EQ(information->Version, sizeof(*information));
    information->DiskCount++;
    NT_EXPECT_EQ(IoGetConfigurationInformation()->DiskCount, 1);
}

/* ---- threads of a device ---- */

static KEVENT Go;

static VOID NTAPI
DeviceThread(PVOID Context)
{
    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    *(PULONG)Context = 1;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

NT_TEST_SEEDS(IoThread, HoldsItsDeviceUntilItEnds, 20)
{
    OBJECT_ATTRIBUTES attributes;
    ULONG ran = 0;
    HANDLE handle;
    LONG before;

    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    before = (LONG)ObReferenceObject(IoTestDevice);
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(IoCreateSystemThread(IoTestDevice, &handle, THREAD_ALL_ACCESS, &attributes,
                                          NULL, NULL, DeviceThread, &ran),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObReferenceObject(IoTestDevice), before + 2);
    KeSetEvent(&Go, IO_NO_INCREMENT, FALSE);
    NT_EXPECT_STATUS(ZwWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(ran, 1);
    NT_EXPECT_EQ(ObDereferenceObject(IoTestDevice), before);
    ObDereferenceObject(IoTestDevice);
    ZwClose(handle);
}

NT_TEST(IoThread, WithABadProcessTheDeviceIsLetGo)
{
    HANDLE handle;
    LONG before = (LONG)ObReferenceObject(IoTestDevice);

    NT_EXPECT_STATUS(IoCreateSystemThread(IoTestDevice, &handle, THREAD_ALL_ACCESS, NULL,
                                          (HANDLE)(ULONG_PTR)0x80001234, NULL, DeviceThread, NULL),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_EQ(ObDereferenceObject(IoTestDevice), before - 1);
}

/* ---- reinitialization ---- */

static ULONG Calls[4];
static ULONG CallCount;

static VOID NTAPI
Reinitialize(PDRIVER_OBJECT DriverObject, PVOID Context, ULONG Count)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_EQ(DriverObject, IoTestDriver);
    NT_EXPECT_EQ(Count, CallCount + 1);
    Calls[CallCount++] = (ULONG)(ULONG_PTR)Context;
    if (CallCount == 1) {
        IoRegisterDriverReinitialization(DriverObject, Reinitialize, (PVOID)7);
    }
}

NT_TEST(Reinitialize, RoutinesAreCalledInOrderAndMayComeAgain)
{
    IoRegisterDriverReinitialization(IoTestDriver, Reinitialize, (PVOID)5);
    IoRegisterBootDriverReinitialization(IoTestDriver, Reinitialize, (PVOID)6);
    NT_EXPECT_TRUE(IoTestDriver->Flags & DRVO_REINIT_REGISTERED);
    NT_EXPECT_EQ(CallCount, 0);
    IopReinitializeDriver(IoTestDriver);
    NT_EXPECT_EQ(CallCount, 3);
    NT_EXPECT_EQ(Calls[0], 5);
    NT_EXPECT_EQ(Calls[1], 6);
    NT_EXPECT_EQ(Calls[2], 7);
    IopReinitializeDriver(IoTestDriver);
    NT_EXPECT_EQ(CallCount, 3);
}

NT_TEST(Reinitialize, WhatWasNotCalledIsForgottenWithTheDriver)
{
    ULONG64 blocks = IoTestPoolBlocks();

    IoRegisterDriverReinitialization(IoTestDriver, Reinitialize, NULL);
    NT_EXPECT_EQ(IoTestPoolBlocks(), blocks + 1);
    IoDeleteDevice(IoTestDevice);
    IoTestDevice = NULL;
    IopDeleteDriverObject(IoTestDriver);
    IoTestDriver = NULL;
    NT_EXPECT_TRUE(IoTestPoolBlocks() < blocks);
    NT_EXPECT_EQ(CallCount, 0);
}

/* ---- callback objects ---- */

static VOID NTAPI
Called(PVOID Context, PVOID First, PVOID Second)
{
    *(PULONG)Context += (ULONG)(ULONG_PTR)First;
}

NT_TEST(SystemCallbacks, AreThereToBeOpened)
{
    static const WCHAR *const names[] = {L"\\Callback\\SetSystemTime", L"\\Callback\\PowerState",
                                         L"\\callback\\processoradd"};

    NT_FOR_EACH (text, names) {
        OBJECT_ATTRIBUTES attributes;
        PCALLBACK_OBJECT object = NULL;
        UNICODE_STRING name;
        ULONG sum = 0;
        PVOID first;
        PVOID second;
        RtlInitUnicodeString(&name, *text);
        InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
        NT_EXPECT_STATUS(ExCreateCallback(&object, &attributes, FALSE, TRUE), STATUS_SUCCESS);
        first = ExRegisterCallback(object, Called, &sum);
        second = ExRegisterCallback(object, Called, &sum);
        NT_EXPECT_NE(first, NULL);
        NT_EXPECT_NE(second, NULL);
        ExNotifyCallback(object, (PVOID)3, NULL);
        NT_EXPECT_EQ(sum, 6);
        ExUnregisterCallback(first);
        ExUnregisterCallback(second);
        ObDereferenceObject(object);
    }
}
