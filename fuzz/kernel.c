/* SPDX-License-Identifier: MIT
 *
 * fuzz/kernel.c - the kernel on hal/sim for a fuzz target, started once, and a driver to call
 */
#include "kernel.h"

#include "channel_driver.h"
#include "hal/sim/sim.h"
#include "ps/psp.h"

#define FUZZ_TAG 'zzuF'
#define TICK_MS 50

static PDRIVER_OBJECT Driver;
static PDEVICE_OBJECT EchoDevice;
static PDEVICE_OBJECT ChannelDevice;
static CHANNEL *Channel;
static KTIMER Timer;
static KDPC TimerDpc;
static IO_CSQ Queue;
static LIST_ENTRY QueueHead;
static KSPIN_LOCK QueueLock;

/* ---- requests that are answered later ---- */

static NTSTATUS
Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static VOID NTAPI
QueueInsert(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList(&QueueHead, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI
QueueRemove(PIO_CSQ Csq, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP NTAPI
QueuePeek(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    PLIST_ENTRY next = Irp == NULL ? QueueHead.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    return next == &QueueHead ? NULL : CONTAINING_RECORD(next, IRP, Tail.Overlay.ListEntry);
}

static VOID NTAPI
QueueAcquire(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&QueueLock, Irql);
}

static VOID NTAPI
QueueRelease(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&QueueLock, Irql);
}

static VOID NTAPI
QueueCompleteCanceled(PIO_CSQ Csq, PIRP Irp)
{
    Complete(Irp, STATUS_CANCELLED, 0);
}

static VOID NTAPI
OnTick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PIRP irp = IoCsqRemoveNextIrp(&Queue, NULL);
    UINT64 value = 1;
    CHANNEL_PART part = {&value, sizeof(value)};

    if (irp != NULL) {
        Complete(irp, STATUS_SUCCESS, 0);
    }
    ChannelPublish(Channel, 1, 0, &part, 1);
}

/* ---- \Device\Fuzz: turns each byte of the input over ---- */

static VOID
Turn(PUCHAR Out, const UCHAR *In, ULONG Length)
{
    for (ULONG i = 0; i < Length; i++) {
        Out[i] = (UCHAR)~In[i];
    }
}

/* The client's own addresses, as a driver with METHOD_NEITHER has to treat them. */
static NTSTATUS
TurnNeither(PIRP Irp, PIO_STACK_LOCATION Stack, ULONG Length)
{
    const UCHAR *in = Stack->Parameters.DeviceIoControl.Type3InputBuffer;
    volatile NTSTATUS status = STATUS_SUCCESS;

    __try {
        ProbeForRead((PVOID)in, Length, 1);
        ProbeForWrite(Irp->UserBuffer, Length, 1);
        Turn(Irp->UserBuffer, in, Length);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

static NTSTATUS
EchoControl(PIRP Irp, PIO_STACK_LOCATION Stack)
{
    ULONG code = Stack->Parameters.DeviceIoControl.IoControlCode;
    ULONG inLength = Stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG outLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG length = min(inLength, outLength);
    PUCHAR system = Irp->AssociatedIrp.SystemBuffer;
    NTSTATUS status = STATUS_SUCCESS;

    switch (METHOD_FROM_CTL_CODE(code)) {
    case METHOD_BUFFERED:
        Turn(system, system, length);
        break;
    case METHOD_NEITHER:
        status = TurnNeither(Irp, Stack, length);
        break;
    default:
        if (Irp->MdlAddress != NULL) {
            PUCHAR out = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);

            if (out == NULL) {
                return Complete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
            }
            if (METHOD_FROM_CTL_CODE(code) == METHOD_OUT_DIRECT) {
                Turn(out, system, length);
            } else {
                volatile UCHAR last = out[MmGetMdlByteCount(Irp->MdlAddress) - 1];
                (void)last;
            }
        }
        break;
    }
    return Complete(Irp, status, NT_SUCCESS(status) ? length : 0);
}

static NTSTATUS NTAPI
EchoDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);

    switch (stack->MajorFunction) {
    case IRP_MJ_DEVICE_CONTROL:
        if (stack->Parameters.DeviceIoControl.IoControlCode & 0x4) {
            IoCsqInsertIrp(&Queue, Irp, NULL);
            return STATUS_PENDING;
        }
        return EchoControl(Irp, stack);
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
        if (stack->Parameters.Read.Length % 3 == 0) {
            IoCsqInsertIrp(&Queue, Irp, NULL);
            return STATUS_PENDING;
        }
        return Complete(Irp, STATUS_SUCCESS, 0);
    default:
        return Complete(Irp, STATUS_SUCCESS, 0);
    }
}

/* ---- \Device\FuzzChannel ---- */

static NTSTATUS NTAPI
ChannelDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);

    switch (stack->MajorFunction) {
    case IRP_MJ_CREATE:
        return Complete(Irp, ChannelOpen(Channel, stack->FileObject), 0);
    case IRP_MJ_READ:
        return ChannelRead(Channel, Irp);
    case IRP_MJ_DEVICE_CONTROL:
        return ChannelControl(Channel, Irp);
    case IRP_MJ_CLEANUP:
        ChannelCleanup(stack->FileObject);
        return Complete(Irp, STATUS_SUCCESS, 0);
    case IRP_MJ_CLOSE:
        ChannelClose(stack->FileObject);
        return Complete(Irp, STATUS_SUCCESS, 0);
    default:
        return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

static NTSTATUS NTAPI
Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    return Device == ChannelDevice ? ChannelDispatch(Device, Irp) : EchoDispatch(Device, Irp);
}

/* ---- start ---- */

static PDEVICE_OBJECT
AddDevice(PCWSTR Name, ULONG Flags)
{
    UNICODE_STRING name;
    PDEVICE_OBJECT device;

    RtlInitUnicodeString(&name, Name);
    FUZZ_CHECK(
        NT_SUCCESS(IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device)));
    device->Flags |= Flags;
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return device;
}

static VOID
StartDriver(VOID)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Fuzz");
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\Fuzz");
    UNICODE_STRING target = RTL_CONSTANT_STRING(L"\\Device\\Fuzz");
    LARGE_INTEGER due = {.QuadPart = -TICK_MS * 10000};

    FUZZ_CHECK(NT_SUCCESS(IopCreateDriverObject(&name, NULL, NULL, 0, NULL, &Driver)));
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        Driver->MajorFunction[i] = Dispatch;
    }
    FUZZ_CHECK(NT_SUCCESS(ChannelCreate(64 * 1024, FUZZ_TAG, &Channel)));
    KeInitializeSpinLock(&QueueLock);
    InitializeListHead(&QueueHead);
    IoCsqInitialize(&Queue, QueueInsert, QueueRemove, QueuePeek, QueueAcquire, QueueRelease,
                    QueueCompleteCanceled);
    EchoDevice = AddDevice(L"\\Device\\Fuzz", DO_BUFFERED_IO);
    ChannelDevice = AddDevice(L"\\Device\\FuzzChannel", DO_DIRECT_IO);
    FUZZ_CHECK(NT_SUCCESS(IoCreateSymbolicLink(&link, &target)));
    KeInitializeDpc(&TimerDpc, OnTick, NULL);
    KeInitializeTimer(&Timer);
    KeSetTimerEx(&Timer, due, TICK_MS, &TimerDpc);
}

static VOID
StartKernel(VOID)
{
    static BOOLEAN started;
    PSP_EVENT_OPTIONS events = {.Disabled = TRUE};

    if (started) {
        return;
    }
    started = TRUE;
    FuzzSilenceLog();
    FUZZ_CHECK(NT_SUCCESS(InitpStartSystem(2, &events)));
    StartDriver();
}

VOID
FuzzSettleKernel(VOID)
{
    PIRP irp;

    while ((irp = IoCsqRemoveNextIrp(&Queue, NULL)) != NULL) {
        Complete(irp, STATUS_SUCCESS, 0);
    }
    SimRunUntilIdle();
    (void)SimTakeLog();
}

typedef struct KERNEL_STATE {
    ULONG64 PoolBlocks;
    LONG Irps;
    LONG Objects;
} KERNEL_STATE;

static VOID
QueryState(KERNEL_STATE *State)
{
    EXP_POOL_STATISTICS pool;

    FuzzSettleKernel();
    PspJoinEndedThreads();
    ExpQueryPoolStatistics(&pool);
    State->PoolBlocks = pool.BlocksInUse;
    State->Irps = IopIrpsInUse();
    State->Objects = ObpObjectsInUse(NULL);
}

VOID
FuzzRunLeakless(VOID (*Run)(const uint8_t *Data, size_t Size), const uint8_t *Data, size_t Size)
{
    KERNEL_STATE before;
    KERNEL_STATE after;

    StartKernel();
    for (ULONG i = 0; i < 3; i++) {
        QueryState(&before);
        Run(Data, Size);
        QueryState(&after);
        FUZZ_CHECK(after.Irps == before.Irps);
        FUZZ_CHECK(after.Objects == before.Objects);
        if (after.PoolBlocks <= before.PoolBlocks) {
            return;
        }
    }
    FUZZ_CHECK(after.PoolBlocks == before.PoolBlocks);
}
