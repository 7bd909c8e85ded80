/* SPDX-License-Identifier: MIT
 *
 * io/startio.c - the device's own queue and its driver's StartIo routine
 *
 * With IoSetStartIoAttributes(DeferredStartIo), IoStartNextPacket inside StartIo only notes that
 * the next packet is wanted; it is started when StartIo has returned, so that StartIo does not
 * nest. StartIoState: 0 no StartIo runs, 1 one runs, 2 one runs and the next is wanted.
 *
 * Locks    the cancel spin lock orders CurrentIrp, queue and cancel routine, as on Windows.
 * Source   WDK reference, ntddk.h IoStartPacket, IoStartNextPacket, IoSetStartIoAttributes.
 */
#include "io/iop.h"

#define IOP_START_IDLE 0u
#define IOP_START_RUNNING 1u
#define IOP_START_WANTED 2u

/* The cancel spin lock is held if Cancelable, and released. NULL: the queue is empty. */
static PIRP
IopTakeNextPacket(PDEVICE_OBJECT Device, BOOLEAN Cancelable, BOOLEAN HasKey, ULONG Key)
{
    PKDEVICE_QUEUE_ENTRY entry;
    PIRP irp = NULL;
    KIRQL irql = DISPATCH_LEVEL;

    if (Cancelable) {
        IoAcquireCancelSpinLock(&irql);
    }
    Device->CurrentIrp = NULL;
    entry = HasKey ? KeRemoveByKeyDeviceQueue(&Device->DeviceQueue, Key)
                   : KeRemoveDeviceQueue(&Device->DeviceQueue);
    if (entry != NULL) {
        irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.DeviceQueueEntry);
        Device->CurrentIrp = irp;
        if (Cancelable && IopDeviceExtension(Device)->NonCancelable) {
            (VOID) IoSetCancelRoutine(irp, NULL);
        }
    }
    if (Cancelable) {
        IoReleaseCancelSpinLock(irql);
    }
    return irp;
}

/* StartIoState is RUNNING: calls StartIo until no next packet is wanted or there. */
static VOID
IopRunStartIo(PDEVICE_OBJECT Device, PIRP Irp)
{
    IOP_DEVICE_EXTENSION *extension = IopDeviceExtension(Device);

    for (;;) {
        ULONG expected = IOP_START_RUNNING;

        if (Irp != NULL) {
            Device->DriverObject->DriverStartIo(Device, Irp);
        }
        if (__atomic_compare_exchange_n(&extension->StartIoState, &expected, IOP_START_IDLE, FALSE,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return;
        }
        __atomic_store_n(&extension->StartIoState, IOP_START_RUNNING, __ATOMIC_RELAXED);
        Irp = IopTakeNextPacket(Device, extension->NextCancelable, extension->NextHasKey,
                                extension->NextKey);
    }
}

static VOID
IopCallStartIo(PDEVICE_OBJECT Device, PIRP Irp)
{
    IOP_DEVICE_EXTENSION *extension = IopDeviceExtension(Device);

    if (!extension->DeferredStartIo) {
        Device->DriverObject->DriverStartIo(Device, Irp);
        return;
    }
    /* The queue was idle, so no StartIo runs: whoever made it idle has returned or is about to. */
    for (;;) {
        ULONG expected = IOP_START_IDLE;

        if (__atomic_compare_exchange_n(&extension->StartIoState, &expected, IOP_START_RUNNING,
                                        FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            break;
        }
        HalpPause();
    }
    IopRunStartIo(Device, Irp);
}

static VOID
IopStartNext(PDEVICE_OBJECT Device, BOOLEAN Cancelable, BOOLEAN HasKey, ULONG Key)
{
    IOP_DEVICE_EXTENSION *extension = IopDeviceExtension(Device);
    PIRP irp;

    if (extension->DeferredStartIo) {
        ULONG expected = IOP_START_RUNNING;

        extension->NextCancelable = Cancelable;
        extension->NextHasKey = HasKey;
        extension->NextKey = Key;
        if (__atomic_compare_exchange_n(&extension->StartIoState, &expected, IOP_START_WANTED,
                                        FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            return;
        }
    }
    irp = IopTakeNextPacket(Device, Cancelable, HasKey, Key);
    if (irp != NULL) {
        IopCallStartIo(Device, irp);
    }
}

#pragma GCC visibility push(default)

/*
 * IoStartPacket - calls StartIo with the IRP, or queues it while the device is busy
 *
 * Key             optional: sorts the queue
 * CancelFunction  optional: becomes the IRP's cancel routine. Already cancelled: it is called.
 *
 * IRQL     <= DISPATCH_LEVEL; StartIo runs at DISPATCH_LEVEL
 * Source   WDK reference, nf-ntifs-iostartpacket
 */
VOID NTAPI
IoStartPacket(PDEVICE_OBJECT DeviceObject, PIRP Irp, PULONG Key, PDRIVER_CANCEL CancelFunction)
{
    NT_ENTER(IoStartPacket);
    PKDEVICE_QUEUE_ENTRY entry = &Irp->Tail.Overlay.DeviceQueueEntry;
    KIRQL cancelIrql = DISPATCH_LEVEL;
    BOOLEAN queued;
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    if (CancelFunction != NULL) {
        IoAcquireCancelSpinLock(&cancelIrql);
        (VOID) IoSetCancelRoutine(Irp, CancelFunction);
    }
    queued = Key != NULL ? KeInsertByKeyDeviceQueue(&DeviceObject->DeviceQueue, entry, *Key)
                         : KeInsertDeviceQueue(&DeviceObject->DeviceQueue, entry);
    if (!queued) {
        DeviceObject->CurrentIrp = Irp;
        if (CancelFunction != NULL) {
            if (IopDeviceExtension(DeviceObject)->NonCancelable) {
                (VOID) IoSetCancelRoutine(Irp, NULL);
            }
            IoReleaseCancelSpinLock(cancelIrql);
        }
        IopCallStartIo(DeviceObject, Irp);
    } else if (CancelFunction != NULL) {
        if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
            Irp->CancelIrql = cancelIrql;
            CancelFunction(DeviceObject, Irp); /* releases the lock */
        } else {
            IoReleaseCancelSpinLock(cancelIrql);
        }
    }
    KeLowerIrql(irql);
}

/* StartIo with the next queued IRP. DISPATCH_LEVEL. Source: nf-ntifs-iostartnextpacket */
VOID NTAPI
IoStartNextPacket(PDEVICE_OBJECT DeviceObject, BOOLEAN Cancelable)
{
    NT_ENTER(IoStartNextPacket);
    IopStartNext(DeviceObject, Cancelable, FALSE, 0);
}

/* The same by key. DISPATCH_LEVEL. Source: nf-ntifs-iostartnextpacketbykey */
VOID NTAPI
IoStartNextPacketByKey(PDEVICE_OBJECT DeviceObject, BOOLEAN Cancelable, ULONG Key)
{
    NT_ENTER(IoStartNextPacketByKey);
    IopStartNext(DeviceObject, Cancelable, TRUE, Key);
}

/* Before the first IoStartPacket. Source: WDK reference, nf-ntifs-iosetstartioattributes */
VOID NTAPI
IoSetStartIoAttributes(PDEVICE_OBJECT DeviceObject, BOOLEAN DeferredStartIo, BOOLEAN NonCancelable)
{
    IopDeviceExtension(DeviceObject)->DeferredStartIo = DeferredStartIo;
    IopDeviceExtension(DeviceObject)->NonCancelable = NonCancelable;
}

#pragma GCC visibility pop
