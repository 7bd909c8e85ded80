/* SPDX-License-Identifier: MIT
 *
 * io/list.c - which devices and requests there are, while they come and go
 *
 * Locks   IopDatabaseLock for devices; an IRP's memory stays while its shard is locked, although
 *         its owner goes on with it.
 */
#include "io/iop.h"

/* ---- devices ---- */

typedef struct IOP_DEVICE_LIST {
    IOP_DEVICE_INFO *Devices;
    ULONG Room;
    ULONG Count;
} IOP_DEVICE_LIST;

static BOOLEAN
IopCollectOfDriver(PVOID Context, PVOID Object)
{
    PDRIVER_OBJECT driver = Object;
    IOP_DEVICE_LIST *list = Context;
    PDEVICE_OBJECT device;
    KIRQL irql;

    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    for (device = driver->DeviceObject; device != NULL; device = device->NextDevice) {
        IOP_DEVICE_EXTENSION *extension = IopDeviceExtension(device);

        if (list->Count < list->Room) {
            ObReferenceObject(device); /* D2: it has its creation reference */
            list->Devices[list->Count] = (IOP_DEVICE_INFO){
                .Device = device,
                .AttachedTo = extension->AttachedTo,
                .Type = device->DeviceType,
                .Characteristics = device->Characteristics,
                .Flags = __atomic_load_n(&device->Flags, __ATOMIC_RELAXED),
                .Opens = (ULONG)device->ReferenceCount,
                .StackSize = (UCHAR)device->StackSize,
                .IsDeleting = (extension->Flags & IOP_DEVICE_DELETE_PENDING) != 0,
            };
        }
        ++list->Count;
    }
    KeReleaseSpinLock(&IopDatabaseLock, irql);
    return TRUE;
}

ULONG
IopCollectDevices(IOP_DEVICE_INFO *Devices, ULONG Count)
{
    IOP_DEVICE_LIST list = {.Devices = Devices, .Room = Count};

    ObpForEachNamed(IopDriverType, IopCollectOfDriver, &list);
    return list.Count;
}

/* ---- IRPs ---- */

typedef struct IOP_IRP_LIST {
    IOP_IRP_INFO *Irps;
    ULONG Room;
    ULONG Count;
} IOP_IRP_LIST;

#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
#define IOP_RACY __attribute__((no_sanitize("thread"), noinline))
#endif
#endif

/*
 * Reads what belongs to whoever has the IRP now, who may be changing it. Nothing is followed but
 * what lies in the block itself, so a wrong value is shown, at worst.
 */
IOP_RACY static VOID
IopReadIrp(IOP_IRP *Header, IOP_IRP_INFO *Info)
{
    PIO_STACK_LOCATION locations = (PIO_STACK_LOCATION)(&Header->Irp + 1);
    CHAR current = *(volatile CHAR *)&Header->Irp.CurrentLocation;

    Info->Cancel = *(volatile BOOLEAN *)&Header->Irp.Cancel;
    if (current >= 1 && current <= Header->Capacity) {
        volatile IO_STACK_LOCATION *location = &locations[current - 1];

        Info->Device = location->DeviceObject;
        Info->Major = location->MajorFunction;
        Info->Minor = location->MinorFunction;
        if (Info->Major == IRP_MJ_DEVICE_CONTROL || Info->Major == IRP_MJ_INTERNAL_DEVICE_CONTROL) {
            Info->IoControlCode = location->Parameters.DeviceIoControl.IoControlCode;
        }
    }
}

static VOID
IopCollectIrp(PVOID Context, IOP_IRP *Header)
{
    ULONG handoff = __atomic_load_n(&Header->Handoff, __ATOMIC_ACQUIRE);
    IOP_IRP_LIST *list = Context;
    IOP_IRP_INFO *info;

    if ((IopIrpState(Header) != IopIrpSent && IopIrpState(Header) != IopIrpReturned) ||
        handoff == IopDone) {
        return;
    }
    if (list->Count++ >= list->Room) {
        return;
    }
    info = &list->Irps[list->Count - 1];
    RtlZeroMemory(info, sizeof(*info));
    info->Irp = (ULONG_PTR)&Header->Irp;
    info->ProcessId = __atomic_load_n(&Header->ProcessId, __ATOMIC_RELAXED);
    info->ThreadId = __atomic_load_n(&Header->ThreadId, __ATOMIC_RELAXED);
    info->Since = __atomic_load_n(&Header->Since, __ATOMIC_RELAXED);
    info->Where = info->ProcessId == 0 ? IopIrpDrivers
                  : info->Since == 0   ? IopIrpInDispatch
                                       : IopIrpPended;
    IopReadIrp(Header, info);
}

ULONG
IopCollectIrps(IOP_IRP_INFO *Irps, ULONG Count)
{
    IOP_IRP_LIST list = {.Irps = Irps, .Room = Count};

    IopForEachIrp(IopCollectIrp, &list);
    return list.Count;
}
