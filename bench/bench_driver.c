/* SPDX-License-Identifier: MIT
 *
 * bench_driver.c - the driver that ./x bench measures: echo, publish, and latencies seen inside
 */
#include <ntddk.h>
#include "channel_driver.h"
#include "bench_ioctl.h"

#define BENCH_TAG 'hcnB'
#define BENCH_RING (16u * 1024u * 1024u)
#define BENCH_TIMER_DUE (-10000LL) /* one millisecond from now */

static CHANNEL *BenchChannel;
static UCHAR BenchPayload[BENCH_MAX_PAYLOAD];
static UCHAR BenchSource[BENCH_FILL];

/* One measurement: Start is taken, something is asked for, and what runs then adds a sample. */
typedef struct BENCH_RUN {
    UINT64 *Samples;
    ULONG Count;
    ULONG Done;
    LARGE_INTEGER Start;
    KEVENT Ping;
    KEVENT Pong;
    KDPC Dpc;
    KTIMER Timer;
} BENCH_RUN;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD BenchUnload;

/* ---- samples ---- */

static VOID
BenchAddSample(BENCH_RUN *Run, UINT64 Expected)
{
    LARGE_INTEGER frequency;
    LARGE_INTEGER now = KeQueryPerformanceCounter(&frequency);
    UINT64 elapsed =
        (UINT64)(now.QuadPart - Run->Start.QuadPart) * 1000000000ull / (UINT64)frequency.QuadPart;

    Run->Samples[Run->Done++] = elapsed > Expected ? elapsed - Expected : 0;
}

static VOID
BenchSiftDown(UINT64 *Heap, ULONG Root, ULONG Count)
{
    for (;;) {
        ULONG child = 2 * Root + 1;
        UINT64 value = Heap[Root];

        if (child >= Count) {
            return;
        }
        if (child + 1 < Count && Heap[child + 1] > Heap[child]) {
            child++;
        }
        if (Heap[child] <= value) {
            return;
        }
        Heap[Root] = Heap[child];
        Heap[child] = value;
        Root = child;
    }
}

static VOID
BenchSummarize(BENCH_RUN *Run, BENCH_LATENCY *Latency)
{
    UINT64 *samples = Run->Samples;
    ULONG count = Run->Done;
    ULONG i;

    for (i = count / 2; i-- > 0;) {
        BenchSiftDown(samples, i, count);
    }
    for (i = count; i-- > 1;) {
        UINT64 largest = samples[0];

        samples[0] = samples[i];
        samples[i] = largest;
        BenchSiftDown(samples, 0, i);
    }
    Latency->Median = samples[count / 2];
    Latency->Percentile99 = samples[(ULONG64)count * 99 / 100];
    Latency->Maximum = samples[count - 1];
}

/* ---- what is measured ---- */

static VOID NTAPI
BenchDpc(PKDPC Dpc, PVOID Context, PVOID Expected, PVOID Argument2)
{
    BENCH_RUN *run = Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument2);
    BenchAddSample(run, (ULONG_PTR)Expected);
    KeSetEvent(&run->Pong, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI
BenchTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Argument1);
    BenchDpc(Dpc, Context, (PVOID)(ULONG_PTR)(-BENCH_TIMER_DUE * 100), Argument2);
}

static VOID
BenchMeasureDpc(BENCH_RUN *Run)
{
    KeInitializeDpc(&Run->Dpc, BenchDpc, Run);
    while (Run->Done < Run->Count) {
        Run->Start = KeQueryPerformanceCounter(NULL);
        KeInsertQueueDpc(&Run->Dpc, NULL, NULL);
        KeWaitForSingleObject(&Run->Pong, Executive, KernelMode, FALSE, NULL);
    }
    KeFlushQueuedDpcs();
}

static VOID
BenchMeasureTimer(BENCH_RUN *Run)
{
    LARGE_INTEGER due;

    due.QuadPart = BENCH_TIMER_DUE;
    KeInitializeDpc(&Run->Dpc, BenchTimerDpc, Run);
    KeInitializeTimer(&Run->Timer);
    while (Run->Done < Run->Count) {
        Run->Start = KeQueryPerformanceCounter(NULL);
        KeSetTimer(&Run->Timer, due, &Run->Dpc);
        KeWaitForSingleObject(&Run->Pong, Executive, KernelMode, FALSE, NULL);
    }
    KeFlushQueuedDpcs();
}

static VOID NTAPI
BenchPongThread(PVOID Context)
{
    BENCH_RUN *run = Context;
    ULONG i;

    for (i = 0; i < run->Count; i++) {
        KeWaitForSingleObject(&run->Ping, Executive, KernelMode, FALSE, NULL);
        KeSetEvent(&run->Pong, IO_NO_INCREMENT, FALSE);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* One sample is there and back: two wake-ups. */
static NTSTATUS
BenchMeasureEvent(BENCH_RUN *Run)
{
    HANDLE thread;
    PVOID object;
    NTSTATUS status;

    status =
        PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, BenchPongThread, Run);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status =
        ObReferenceObjectByHandle(thread, SYNCHRONIZE, *PsThreadType, KernelMode, &object, NULL);
    NT_ASSERT(NT_SUCCESS(status));
    ZwClose(thread);
    while (Run->Done < Run->Count) {
        Run->Start = KeQueryPerformanceCounter(NULL);
        KeSetEvent(&Run->Ping, IO_NO_INCREMENT, FALSE);
        KeWaitForSingleObject(&Run->Pong, Executive, KernelMode, FALSE, NULL);
        BenchAddSample(Run, 0);
    }
    KeWaitForSingleObject(object, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(object);
    return status;
}

static NTSTATUS
BenchMeasure(ULONG Code, ULONG Count, BENCH_LATENCY *Latency)
{
    BENCH_RUN *run;
    NTSTATUS status = STATUS_SUCCESS;

    if (Count == 0 || Count > BENCH_MAX_SAMPLES) {
        return STATUS_INVALID_PARAMETER;
    }
    run = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*run) + Count * sizeof(UINT64), BENCH_TAG);
    if (run == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(run, sizeof(*run));
    run->Samples = (UINT64 *)(run + 1);
    run->Count = Count;
    KeInitializeEvent(&run->Ping, SynchronizationEvent, FALSE);
    KeInitializeEvent(&run->Pong, SynchronizationEvent, FALSE);
    switch (Code) {
    case IOCTL_BENCH_DPC:
        BenchMeasureDpc(run);
        break;
    case IOCTL_BENCH_TIMER:
        BenchMeasureTimer(run);
        break;
    default:
        status = BenchMeasureEvent(run);
        break;
    }
    if (NT_SUCCESS(status)) {
        BenchSummarize(run, Latency);
    }
    ExFreePoolWithTag(run, BENCH_TAG);
    return status;
}

static NTSTATUS
BenchPublish(const BENCH_PUBLISH *Publish)
{
    CHANNEL_PART part = {BenchPayload, Publish->PayloadSize};
    UINT32 i;

    if (Publish->PayloadSize > BENCH_MAX_PAYLOAD) {
        return STATUS_INVALID_PARAMETER;
    }
    for (i = 0; i < Publish->Count; i++) {
        ChannelPublish(BenchChannel, 1, 1, &part, 1);
    }
    return STATUS_SUCCESS;
}

/* ---- requests ---- */

static NTSTATUS
BenchComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS
BenchFill(PIRP Irp, ULONG Length)
{
    PVOID target;

    if (Length > BENCH_FILL || Irp->MdlAddress == NULL) {
        return BenchComplete(Irp, STATUS_INVALID_PARAMETER, 0);
    }
    target = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    if (target == NULL) {
        return BenchComplete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    RtlCopyMemory(target, BenchSource, Length);
    return BenchComplete(Irp, STATUS_SUCCESS, Length);
}

static NTSTATUS NTAPI
BenchControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG code = stack->Parameters.DeviceIoControl.IoControlCode;
    ULONG inLength = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG outLength = stack->Parameters.DeviceIoControl.OutputBufferLength;
    PVOID buffer = Irp->AssociatedIrp.SystemBuffer;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(Device);
    switch (code) {
    case IOCTL_BENCH_ECHO:
        if (inLength < sizeof(UINT32) || outLength < sizeof(UINT32)) {
            return BenchComplete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        return BenchComplete(Irp, STATUS_SUCCESS, sizeof(UINT32));
    case IOCTL_BENCH_PUBLISH:
        if (inLength < sizeof(BENCH_PUBLISH)) {
            return BenchComplete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        return BenchComplete(Irp, BenchPublish(buffer), 0);
    case IOCTL_BENCH_FILL:
        return BenchFill(Irp, outLength);
    case IOCTL_BENCH_DPC:
    case IOCTL_BENCH_EVENT:
    case IOCTL_BENCH_TIMER:
        if (inLength < sizeof(UINT32) || outLength < sizeof(BENCH_LATENCY)) {
            return BenchComplete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        status = BenchMeasure(code, *(UINT32 *)buffer, buffer);
        return BenchComplete(Irp, status, NT_SUCCESS(status) ? sizeof(BENCH_LATENCY) : 0);
    default:
        return ChannelControl(BenchChannel, Irp);
    }
}

static NTSTATUS NTAPI
BenchCreate(PDEVICE_OBJECT Device, PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    UNREFERENCED_PARAMETER(Device);
    return BenchComplete(Irp, ChannelOpen(BenchChannel, file), 0);
}

static NTSTATUS NTAPI
BenchCleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    ChannelCleanup(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    return BenchComplete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
BenchClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    ChannelClose(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    return BenchComplete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
BenchRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return ChannelRead(BenchChannel, Irp);
}

static VOID NTAPI
BenchUnload(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\NtboxBench");

    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(DriverObject->DeviceObject);
    ChannelDelete(BenchChannel);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\NtboxBench");
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\DosDevices\\NtboxBench");
    PDEVICE_OBJECT device = NULL;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);
    status = ChannelCreate(BENCH_RING, BENCH_TAG, &BenchChannel);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateDevice(DriverObject, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (NT_SUCCESS(status)) {
        status = IoCreateSymbolicLink(&link, &name);
    }
    if (!NT_SUCCESS(status)) {
        if (device != NULL) {
            IoDeleteDevice(device);
        }
        ChannelDelete(BenchChannel);
        return status;
    }
    DriverObject->DriverUnload = BenchUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = BenchCreate;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = BenchCleanup;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = BenchClose;
    DriverObject->MajorFunction[IRP_MJ_READ] = BenchRead;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = BenchControl;
    device->Flags |= DO_DIRECT_IO;
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}
