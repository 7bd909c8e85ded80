/* SPDX-License-Identifier: MIT
 *
 * drivers/iotest.c - the driver under the user-mode tests: every way of moving data, and requests
 * that pend until somebody completes or cancels them
 */
#include <ntddk.h>
#include "iotest.h"

DRIVER_INITIALIZE DriverEntry;

typedef struct IOTEST_DEVICE_EXTENSION {
    WCHAR Link[64];
} IOTEST_DEVICE_EXTENSION;

static const struct {
    PCWSTR Name;
    PCWSTR Link;
    ULONG Flags;
    BOOLEAN Exclusive;
} IoTestDevices[] = {
    {L"\\Device\\NtboxIoTest", L"\\DosDevices\\NtboxIoTest", DO_BUFFERED_IO, FALSE},
    {L"\\Device\\NtboxIoTestDirect", L"\\DosDevices\\NtboxIoTestDirect", DO_DIRECT_IO, FALSE},
    {L"\\Device\\NtboxIoTestNeither", L"\\DosDevices\\NtboxIoTestNeither", 0, FALSE},
    {L"\\Device\\NtboxIoTestExclusive", L"\\DosDevices\\NtboxIoTestExclusive", DO_BUFFERED_IO,
     TRUE},
};

static UCHAR IoTestFile[IOTEST_FILE_SIZE];
static LONG IoTestCreates;
static LONG IoTestCleanups;
static LONG IoTestCloses;
static LONG IoTestCancelled;

/* ---- the queue of pended requests ---- */

static LIST_ENTRY IoTestQueue;
static KSPIN_LOCK IoTestQueueLock;
static IO_CSQ IoTestCsq;

static VOID NTAPI
IoTestInsertIrp(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList(&IoTestQueue, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI
IoTestRemoveIrp(PIO_CSQ Csq, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

/* PeekContext: the file object whose requests are wanted, or NULL. */
static PIRP NTAPI
IoTestPeekNextIrp(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PLIST_ENTRY entry = Irp != NULL ? Irp->Tail.Overlay.ListEntry.Flink : IoTestQueue.Flink;

    for (; entry != &IoTestQueue; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        if (PeekContext == NULL || IoGetCurrentIrpStackLocation(irp)->FileObject == PeekContext) {
            return irp;
        }
    }
    return NULL;
}

static VOID NTAPI
IoTestAcquireLock(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&IoTestQueueLock, Irql);
}

static VOID NTAPI
IoTestReleaseLock(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&IoTestQueueLock, Irql);
}

static NTSTATUS
IoTestCompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static VOID NTAPI
IoTestCompleteCancelledIrp(PIO_CSQ Csq, PIRP Irp)
{
    InterlockedIncrement(&IoTestCancelled);
    IoTestCompleteIrp(Irp, STATUS_CANCELLED, 0);
}

static ULONG
IoTestCountPended(VOID)
{
    PLIST_ENTRY entry;
    ULONG count = 0;
    KIRQL irql;

    KeAcquireSpinLock(&IoTestQueueLock, &irql);
    for (entry = IoTestQueue.Flink; entry != &IoTestQueue; entry = entry->Flink) {
        count++;
    }
    KeReleaseSpinLock(&IoTestQueueLock, irql);
    return count;
}

/* ---- completion from a DPC ---- */

typedef struct IOTEST_LATER_CONTEXT {
    KTIMER Timer;
    KDPC Dpc;
    PIRP Irp;
} IOTEST_LATER_CONTEXT;

static VOID NTAPI
IoTestLaterDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    IOTEST_LATER_CONTEXT *later = Context;
    PIRP irp = later->Irp;

    ExFreePoolWithTag(later, 'tsTI');
    IoTestCompleteIrp(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS
IoTestCompleteLater(PIRP Irp)
{
    IOTEST_LATER_CONTEXT *later = ExAllocatePoolWithTag(NonPagedPool, sizeof(*later), 'tsTI');
    LARGE_INTEGER due;

    if (later == NULL) {
        return IoTestCompleteIrp(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    IoMarkIrpPending(Irp);
    later->Irp = Irp;
    KeInitializeTimer(&later->Timer);
    KeInitializeDpc(&later->Dpc, IoTestLaterDpc, later);
    due.QuadPart = -10000; /* 1 ms */
    KeSetTimer(&later->Timer, due, &later->Dpc);
    return STATUS_PENDING;
}

/* ---- device control ---- */

static NTSTATUS
IoTestEcho(PIRP Irp, const VOID *In, ULONG InLength, PVOID Out, ULONG OutLength)
{
    ULONG length = min(InLength, OutLength);

    if (length != 0 && In != Out) {
        RtlMoveMemory(Out, In, length);
    }
    return IoTestCompleteIrp(Irp, length < InLength ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
                             length);
}

/* The data of the MDL is Out for both methods; in METHOD_IN_DIRECT it is more input. */
static NTSTATUS
IoTestEchoDirect(PIRP Irp, PIO_STACK_LOCATION Stack)
{
    ULONG outLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    PVOID out = NULL;

    if (Irp->MdlAddress != NULL) {
        out = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
        if (out == NULL) {
            return IoTestCompleteIrp(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        }
    }
    return IoTestEcho(Irp, Irp->AssociatedIrp.SystemBuffer,
                      Stack->Parameters.DeviceIoControl.InputBufferLength, out,
                      out != NULL ? outLength : 0);
}

/* A NULL that a client passes is read on purpose, under __try. */
#if defined(__GNUC__)
__attribute__((no_sanitize("undefined")))
#endif
static NTSTATUS
IoTestEchoNeither(PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PVOID in = Stack->Parameters.DeviceIoControl.Type3InputBuffer;
    ULONG inLength = Stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG outLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    volatile NTSTATUS status = STATUS_SUCCESS;
    ULONG length = min(inLength, outLength);

    __try {
        ProbeForRead(in, inLength, 1);
        ProbeForWrite(Irp->UserBuffer, outLength, 1);
        if (length != 0) {
            RtlMoveMemory(Irp->UserBuffer, in, length);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    if (!NT_SUCCESS(status)) {
        return IoTestCompleteIrp(Irp, status, 0);
    }
    return IoTestCompleteIrp(Irp, length < inLength ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
                             length);
}

static NTSTATUS
IoTestCompleteOldest(PIRP Irp, ULONG InLength)
{
    PIRP pended;
    ULONG value;
    ULONG_PTR information = 0;

    if (InLength < sizeof(ULONG)) {
        return IoTestCompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0);
    }
    value = *(ULONG *)Irp->AssociatedIrp.SystemBuffer;
    pended = IoCsqRemoveNextIrp(&IoTestCsq, NULL);
    if (pended == NULL) {
        return IoTestCompleteIrp(Irp, STATUS_NO_MORE_ENTRIES, 0);
    }
    if (IoGetCurrentIrpStackLocation(pended)->Parameters.DeviceIoControl.OutputBufferLength >=
        sizeof(ULONG)) {
        *(ULONG *)pended->AssociatedIrp.SystemBuffer = value;
        information = sizeof(ULONG);
    }
    IoTestCompleteIrp(pended, STATUS_SUCCESS, information);
    return IoTestCompleteIrp(Irp, STATUS_SUCCESS, 0);
}

static ULONG
IoTestRead(LONG *Counter)
{
    return (ULONG)InterlockedCompareExchange(Counter, 0, 0);
}

static NTSTATUS
IoTestQuery(PIRP Irp, ULONG OutLength)
{
    IOTEST_STATE *state = Irp->AssociatedIrp.SystemBuffer;

    if (OutLength < sizeof(*state)) {
        return IoTestCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    }
    state->Creates = IoTestRead(&IoTestCreates);
    state->Cleanups = IoTestRead(&IoTestCleanups);
    state->Closes = IoTestRead(&IoTestCloses);
    state->Cancelled = IoTestRead(&IoTestCancelled);
    state->Pended = IoTestCountPended();
    state->ProcessId = HandleToULong(PsGetCurrentProcessId());
    state->ThreadId = HandleToULong(PsGetCurrentThreadId());
    state->IsUserMode = Irp->RequestorMode == UserMode;
    return IoTestCompleteIrp(Irp, STATUS_SUCCESS, sizeof(*state));
}

static NTSTATUS NTAPI
IoTestControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG inLength = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG outLength = stack->Parameters.DeviceIoControl.OutputBufferLength;
    PVOID buffer = Irp->AssociatedIrp.SystemBuffer;

    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOTEST_ECHO:
        return IoTestEcho(Irp, buffer, inLength, buffer, outLength);
    case IOTEST_ECHO_IN_DIRECT:
    case IOTEST_ECHO_OUT_DIRECT:
        return IoTestEchoDirect(Irp, stack);
    case IOTEST_ECHO_NEITHER:
        return IoTestEchoNeither(Irp, stack);
    case IOTEST_EIGHT:
        if (outLength < 8) {
            return IoTestCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        RtlCopyMemory(buffer, "12345678", 8);
        return IoTestCompleteIrp(Irp, STATUS_SUCCESS, 8);
    case IOTEST_FAIL:
        return IoTestCompleteIrp(
            Irp, inLength < sizeof(NTSTATUS) ? STATUS_INVALID_PARAMETER : *(NTSTATUS *)buffer, 0);
    case IOTEST_PEND:
        IoCsqInsertIrp(&IoTestCsq, Irp, NULL);
        return STATUS_PENDING;
    case IOTEST_COMPLETE:
        return IoTestCompleteOldest(Irp, inLength);
    case IOTEST_NEEDS_READ:
    case IOTEST_NEEDS_WRITE:
        return IoTestCompleteIrp(Irp, STATUS_SUCCESS, 0);
    case IOTEST_QUERY:
        return IoTestQuery(Irp, outLength);
    case IOTEST_LATER:
        return IoTestCompleteLater(Irp);
    default:
        return IoTestCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

/* ---- reads and writes ---- */

/* The caller's buffer in the device's way, or NULL. */
static PUCHAR
IoTestBuffer(PDEVICE_OBJECT Device, PIRP Irp)
{
    if ((Device->Flags & DO_BUFFERED_IO) != 0) {
        return Irp->AssociatedIrp.SystemBuffer;
    }
    if ((Device->Flags & DO_DIRECT_IO) != 0) {
        return Irp->MdlAddress != NULL
                   ? MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority)
                   : NULL;
    }
    return Irp->UserBuffer;
}

static NTSTATUS
IoTestTransfer(PDEVICE_OBJECT Device, PIRP Irp, BOOLEAN Write, LONGLONG Offset, ULONG Length)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    PUCHAR buffer = IoTestBuffer(Device, Irp);
    ULONG count;

    if (Offset < 0 || Offset >= IOTEST_FILE_SIZE) {
        return IoTestCompleteIrp(Irp, Write ? STATUS_DISK_FULL : STATUS_END_OF_FILE, 0);
    }
    count = min(Length, (ULONG)(IOTEST_FILE_SIZE - Offset));
    if (count != 0 && buffer == NULL) {
        return IoTestCompleteIrp(Irp, STATUS_INVALID_USER_BUFFER, 0);
    }
    __try {
        if (Write) {
            RtlCopyMemory(&IoTestFile[Offset], buffer, count);
        } else {
            RtlCopyMemory(buffer, &IoTestFile[Offset], count);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return IoTestCompleteIrp(Irp, status, NT_SUCCESS(status) ? count : 0);
}

static NTSTATUS NTAPI
IoTestReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    BOOLEAN write = stack->MajorFunction == IRP_MJ_WRITE;

    /* Read and Write have the same layout. */
    return IoTestTransfer(Device, Irp, write, stack->Parameters.Read.ByteOffset.QuadPart,
                          stack->Parameters.Read.Length);
}

static NTSTATUS NTAPI
IoTestQueryInformation(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_STANDARD_INFORMATION standard = Irp->AssociatedIrp.SystemBuffer;

    if (stack->Parameters.QueryFile.FileInformationClass != FileStandardInformation) {
        return IoTestCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    RtlZeroMemory(standard, sizeof(*standard));
    standard->EndOfFile.QuadPart = IOTEST_FILE_SIZE;
    return IoTestCompleteIrp(Irp, STATUS_SUCCESS, sizeof(*standard));
}

/* ---- the rest of a driver ---- */

static NTSTATUS NTAPI
IoTestCreateClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PIRP pended;

    if (stack->MajorFunction == IRP_MJ_CREATE) {
        InterlockedIncrement(&IoTestCreates);
        if (stack->FileObject->FileName.Length != 0) {
            /* \\.\NtboxIoTest\name: the one name that exists */
            UNICODE_STRING good = RTL_CONSTANT_STRING(L"\\name");

            if (!RtlEqualUnicodeString(&stack->FileObject->FileName, &good, TRUE)) {
                return IoTestCompleteIrp(Irp, STATUS_OBJECT_NAME_NOT_FOUND, 0);
            }
        }
        return IoTestCompleteIrp(Irp, STATUS_SUCCESS, FILE_OPENED);
    }
    if (stack->MajorFunction == IRP_MJ_CLEANUP) {
        InterlockedIncrement(&IoTestCleanups);
        while ((pended = IoCsqRemoveNextIrp(&IoTestCsq, stack->FileObject)) != NULL) {
            IoTestCompleteCancelledIrp(&IoTestCsq, pended);
        }
    } else if (stack->MajorFunction == IRP_MJ_CLOSE) {
        InterlockedIncrement(&IoTestCloses);
    }
    return IoTestCompleteIrp(Irp, STATUS_SUCCESS, 0);
}

static VOID NTAPI
IoTestUnload(PDRIVER_OBJECT Driver)
{
    PDEVICE_OBJECT device = Driver->DeviceObject;
    PDEVICE_OBJECT next;
    UNICODE_STRING link;

    for (; device != NULL; device = next) {
        IOTEST_DEVICE_EXTENSION *extension = device->DeviceExtension;

        next = device->NextDevice;
        RtlInitUnicodeString(&link, extension->Link);
        IoDeleteSymbolicLink(&link);
        IoDeleteDevice(device);
    }
}

static NTSTATUS
IoTestCreateDevice(PDRIVER_OBJECT Driver, ULONG Index)
{
    IOTEST_DEVICE_EXTENSION *extension;
    PDEVICE_OBJECT device;
    UNICODE_STRING name;
    UNICODE_STRING link;
    NTSTATUS status;

    RtlInitUnicodeString(&name, IoTestDevices[Index].Name);
    RtlInitUnicodeString(&link, IoTestDevices[Index].Link);
    status = IoCreateDevice(Driver, sizeof(*extension), &name, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, IoTestDevices[Index].Exclusive, &device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    extension = device->DeviceExtension;
    RtlCopyMemory(extension->Link, link.Buffer, link.MaximumLength);
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    device->Flags |= IoTestDevices[Index].Flags;
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status = STATUS_SUCCESS;
    ULONG i;

    InitializeListHead(&IoTestQueue);
    KeInitializeSpinLock(&IoTestQueueLock);
    IoCsqInitialize(&IoTestCsq, IoTestInsertIrp, IoTestRemoveIrp, IoTestPeekNextIrp,
                    IoTestAcquireLock, IoTestReleaseLock, IoTestCompleteCancelledIrp);
    for (i = 0; i < IOTEST_FILE_SIZE; i++) {
        IoTestFile[i] = (UCHAR)i;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = IoTestCreateClose;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = IoTestCreateClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = IoTestCreateClose;
    Driver->MajorFunction[IRP_MJ_READ] = IoTestReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = IoTestReadWrite;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = IoTestControl;
    Driver->MajorFunction[IRP_MJ_QUERY_INFORMATION] = IoTestQueryInformation;
    Driver->DriverUnload = IoTestUnload;
    for (i = 0; i < ARRAYSIZE(IoTestDevices) && NT_SUCCESS(status); i++) {
        status = IoTestCreateDevice(Driver, i);
    }
    if (!NT_SUCCESS(status)) {
        IoTestUnload(Driver);
    }
    return status;
}
