/* SPDX-License-Identifier: MIT
 *
 * ticker_driver.cpp - the inverted call in C++: requests wait in a queue, a timer's DPC hands each
 * tick to one of them
 */
extern "C" {
#include <ntddk.h>
}
#include "ticker.h"

namespace
{
struct Extension {
    KTIMER Timer;
    KDPC Dpc;
    KSPIN_LOCK Lock;
    LIST_ENTRY Queue;
    IO_CSQ Csq;
    volatile LONG Ticks;
};

Extension *
FromCsq(PIO_CSQ Csq)
{
    return CONTAINING_RECORD(Csq, Extension, Csq);
}

NTSTATUS
Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information = 0)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

void NTAPI
InsertIrp(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList(&FromCsq(Csq)->Queue, &Irp->Tail.Overlay.ListEntry);
}

void NTAPI
RemoveIrp(PIO_CSQ, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

PIRP NTAPI
PeekNextIrp(PIO_CSQ Csq, PIRP Irp, PVOID)
{
    PLIST_ENTRY head = &FromCsq(Csq)->Queue;
    PLIST_ENTRY next = Irp != nullptr ? Irp->Tail.Overlay.ListEntry.Flink : head->Flink;

    return next == head ? nullptr : CONTAINING_RECORD(next, IRP, Tail.Overlay.ListEntry);
}

void NTAPI
AcquireLock(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&FromCsq(Csq)->Lock, Irql);
}

void NTAPI
ReleaseLock(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&FromCsq(Csq)->Lock, Irql);
}

void NTAPI
CompleteCanceled(PIO_CSQ, PIRP Irp)
{
    Complete(Irp, STATUS_CANCELLED);
}

void NTAPI
OnTick(PKDPC, PVOID Context, PVOID, PVOID)
{
    auto extension = static_cast<Extension *>(Context);
    PIRP irp = IoCsqRemoveNextIrp(&extension->Csq, nullptr);

    if (irp != nullptr) {
        *static_cast<PLONG>(irp->AssociatedIrp.SystemBuffer) =
            InterlockedIncrement(&extension->Ticks);
        Complete(irp, STATUS_SUCCESS, sizeof(LONG));
    }
}

NTSTATUS NTAPI
CreateClose(PDEVICE_OBJECT, PIRP Irp)
{
    return Complete(Irp, STATUS_SUCCESS);
}

NTSTATUS NTAPI
Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    auto extension = static_cast<Extension *>(Device->DeviceExtension);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);

    if (stack->Parameters.DeviceIoControl.IoControlCode != IOCTL_TICKER_NEXT) {
        return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST);
    }
    if (stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(LONG)) {
        return Complete(Irp, STATUS_BUFFER_TOO_SMALL);
    }
    IoCsqInsertIrp(&extension->Csq, Irp, nullptr);
    return STATUS_PENDING;
}

void NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    auto extension = static_cast<Extension *>(Driver->DeviceObject->DeviceExtension);
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\??\\Ticker");

    KeCancelTimer(&extension->Timer);
    KeFlushQueuedDpcs();
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(Driver->DeviceObject);
}
} // namespace

extern "C" NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Ticker");
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\??\\Ticker");
    PDEVICE_OBJECT device;
    LARGE_INTEGER due;
    NTSTATUS status =
        IoCreateDevice(Driver, sizeof(Extension), &name, FILE_DEVICE_TICKER, 0, FALSE, &device);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    auto extension = static_cast<Extension *>(device->DeviceExtension);
    KeInitializeSpinLock(&extension->Lock);
    InitializeListHead(&extension->Queue);
    IoCsqInitialize(&extension->Csq, InsertIrp, RemoveIrp, PeekNextIrp, AcquireLock, ReleaseLock,
                    CompleteCanceled);
    Driver->MajorFunction[IRP_MJ_CREATE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Driver->DriverUnload = Unload;
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    KeInitializeDpc(&extension->Dpc, OnTick, extension);
    KeInitializeTimerEx(&extension->Timer, SynchronizationTimer);
    due.QuadPart = -10000;
    KeSetTimerEx(&extension->Timer, due, 1, &extension->Dpc);
    return STATUS_SUCCESS;
}
