/* SPDX-License-Identifier: MIT
 *
 * io/shutdown.c - who is told that the machine is going down
 *
 * A registration pins its device until the walk in IopNotifyShutdown has called it, or until it is
 * unregistered (IoDeleteDevice does that, too).
 *
 * Invariants  S1  IopShutdownClosed is set before the walk starts, never cleared.
 *             S2  An entry is on a list iff it holds one device reference.
 * Locks       IopShutdownLock (spin) guards all three. No call-out while held.
 * Source      WDK reference, wdm.h IoRegisterShutdownNotification,
 *             IoRegisterLastChanceShutdownNotification, IRP_MJ_SHUTDOWN.
 */
#include "io/iop.h"

typedef struct IOP_SHUTDOWN_ENTRY {
    LIST_ENTRY Link;
    PDEVICE_OBJECT DeviceObject;
} IOP_SHUTDOWN_ENTRY;

static KSPIN_LOCK IopShutdownLock;
static LIST_ENTRY IopShutdownList NT_GUARDED_BY(IopShutdownLock);
static LIST_ENTRY IopLastChanceList NT_GUARDED_BY(IopShutdownLock);
static BOOLEAN IopShutdownClosed NT_GUARDED_BY(IopShutdownLock);

VOID
IopInitializeShutdown(VOID)
{
    KeInitializeSpinLock(&IopShutdownLock);
    InitializeListHead(&IopShutdownList);
    InitializeListHead(&IopLastChanceList);
    IopShutdownClosed = FALSE;
}

static NTSTATUS
IopRegisterShutdown(PDEVICE_OBJECT DeviceObject, PLIST_ENTRY List)
{
    IOP_SHUTDOWN_ENTRY *entry;
    BOOLEAN closed;
    KIRQL irql;

    entry = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*entry), IOP_TAG_SHUTDOWN);
    if (entry == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObReferenceObject(DeviceObject);
    entry->DeviceObject = DeviceObject;
    KeAcquireSpinLock(&IopShutdownLock, &irql);
    closed = IopShutdownClosed;
    if (!closed) {
        InsertHeadList(List, &entry->Link);
        DeviceObject->Flags |= DO_SHUTDOWN_REGISTERED;
    }
    KeReleaseSpinLock(&IopShutdownLock, irql);
    if (closed) {
        /* S1: the walk may already be past; an entry added now would never be called. */
        ObDereferenceObject(DeviceObject);
        ExFreePoolWithTag(entry, IOP_TAG_SHUTDOWN);
        return STATUS_TOO_LATE;
    }
    return STATUS_SUCCESS;
}

/* Takes the first entry of DeviceObject (NULL: any) off the list; NULL: none. */
static IOP_SHUTDOWN_ENTRY *
IopTakeShutdownEntry(PLIST_ENTRY List, PDEVICE_OBJECT DeviceObject)
{
    IOP_SHUTDOWN_ENTRY *found = NULL;
    PLIST_ENTRY link;
    KIRQL irql;

    KeAcquireSpinLock(&IopShutdownLock, &irql);
    for (link = List->Flink; link != List; link = link->Flink) {
        IOP_SHUTDOWN_ENTRY *entry = CONTAINING_RECORD(link, IOP_SHUTDOWN_ENTRY, Link);

        if (DeviceObject == NULL || entry->DeviceObject == DeviceObject) {
            RemoveEntryList(link);
            found = entry;
            break;
        }
    }
    KeReleaseSpinLock(&IopShutdownLock, irql);
    return found;
}

static VOID
IopFreeShutdownEntry(IOP_SHUTDOWN_ENTRY *Entry)
{
    ObDereferenceObject(Entry->DeviceObject);
    ExFreePoolWithTag(Entry, IOP_TAG_SHUTDOWN);
}

VOID
IopRemoveShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    PLIST_ENTRY lists[] = {&IopShutdownList, &IopLastChanceList};

    if (!(DeviceObject->Flags & DO_SHUTDOWN_REGISTERED)) {
        return;
    }
    NT_FOR_EACH (list, lists) {
        IOP_SHUTDOWN_ENTRY *entry;

        while ((entry = IopTakeShutdownEntry(*list, DeviceObject)) != NULL) {
            IopFreeShutdownEntry(entry);
        }
    }
    DeviceObject->Flags &= ~(ULONG)DO_SHUTDOWN_REGISTERED;
}

static VOID
IopSendShutdown(PDEVICE_OBJECT DeviceObject)
{
    PDEVICE_OBJECT top = IoGetAttachedDeviceReference(DeviceObject);
    IOP_IRP *header = IopAllocateIrp(top->StackSize, IopIrpService, NT_CALLER());

    if (header == NULL) {
        IopLog("no memory to tell a driver of the shutdown");
    } else {
        IoGetNextIrpStackLocation(&header->Irp)->MajorFunction = IRP_MJ_SHUTDOWN;
        (VOID) IopSendAndWait(header, top, NULL);
    }
    ObDereferenceObject(top);
}

VOID
IopNotifyShutdown(VOID)
{
    PLIST_ENTRY lists[] = {&IopShutdownList, &IopLastChanceList};
    KIRQL irql;

    KeAcquireSpinLock(&IopShutdownLock, &irql);
    IopShutdownClosed = TRUE;
    KeReleaseSpinLock(&IopShutdownLock, irql);
    NT_FOR_EACH (list, lists) {
        IOP_SHUTDOWN_ENTRY *entry;

        while ((entry = IopTakeShutdownEntry(*list, NULL)) != NULL) {
            IopSendShutdown(entry->DeviceObject);
            IopFreeShutdownEntry(entry);
        }
    }
}

#pragma GCC visibility push(default)

/*
 * IoRegisterShutdownNotification - IRP_MJ_SHUTDOWN for this device when the system stops
 *
 * Returns  STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES, STATUS_TOO_LATE. Last registered is
 *          called first.
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-ioregistershutdownnotification
 */
NTSTATUS NTAPI
IoRegisterShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoRegisterShutdownNotification);
    return IopRegisterShutdown(DeviceObject, &IopShutdownList);
}

/* The same, after all of the above. Source: nf-wdm-ioregisterlastchanceshutdownnotification */
NTSTATUS NTAPI
IoRegisterLastChanceShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoRegisterLastChanceShutdownNotification);
    return IopRegisterShutdown(DeviceObject, &IopLastChanceList);
}

/* Withdraws all registrations of the device. PASSIVE_LEVEL. */
VOID NTAPI
IoUnregisterShutdownNotification(PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoUnregisterShutdownNotification);
    IopRemoveShutdownNotification(DeviceObject);
}

#pragma GCC visibility pop
