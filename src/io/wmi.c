/* SPDX-License-Identifier: MIT
 *
 * io/wmi.c - drivers that offer data to Windows Management Instrumentation, which nobody asks for
 *
 * A registration is kept and checked. Nothing here consumes WMI data, so no IRP_MJ_SYSTEM_CONTROL
 * is ever sent, not even the one that asks for the driver's GUIDs, and events go nowhere.
 *
 * Invariants  M1  A provider holds a reference to its device object until it is deregistered.
 *             M2  A provider is on IopWmiProviders from before its registration is on the list of
 *                 all until somebody has taken that, and owns it.
 * Locks       IopWmiLock (spin) guards the lists. ExpRegistrationLock is taken under it.
 * Source      WDK reference, wdm.h IoWMIRegistrationControl, IoWMIWriteEvent,
 *             IoWMIAllocateInstanceIds, IoWMIDeviceObjectToProviderId
 */
#include "io/iop.h"

#include <wmistr.h>

#define IOP_TAG_WMI IOP_MAKE_TAG('I', 'o', 'W', 'm')
/* In Action, from WPP's code: the "device" is a trace callback routine. */
#define IOP_WMI_CALLBACK 0x80000000u
#define IOP_WMI_ACTION_MASK 0xFFFFu

typedef struct IOP_WMI_PROVIDER {
    EXP_REGISTRATION Registration;
    LIST_ENTRY Link;
    PDEVICE_OBJECT Device; /* or WPP's routine */
    ULONG Id;
    BOOLEAN IsCallback;
} IOP_WMI_PROVIDER;

/* Instance numbers given out for a GUID. */
typedef struct IOP_WMI_INSTANCES {
    LIST_ENTRY Link;
    GUID Guid;
    ULONG Next;
} IOP_WMI_INSTANCES;

static const char IopWmiKind[] = "WMI registration";

static KSPIN_LOCK IopWmiLock;
static LIST_ENTRY IopWmiProviders NT_GUARDED_BY(IopWmiLock) = {&IopWmiProviders, &IopWmiProviders};
static LIST_ENTRY IopWmiInstances NT_GUARDED_BY(IopWmiLock) = {&IopWmiInstances, &IopWmiInstances};
static ULONG IopWmiLastId NT_GUARDED_BY(IopWmiLock);

/* Lock held. */
static IOP_WMI_PROVIDER *
IopFindWmiProvider(PDEVICE_OBJECT Device)
{
    for (PLIST_ENTRY link = IopWmiProviders.Flink; link != &IopWmiProviders; link = link->Flink) {
        IOP_WMI_PROVIDER *provider = CONTAINING_RECORD(link, IOP_WMI_PROVIDER, Link);
        if (provider->Device == Device) {
            return provider;
        }
    }
    return NULL;
}

static VOID
IopFreeWmiProvider(IOP_WMI_PROVIDER *Provider)
{
    if (!Provider->IsCallback) {
        ObDereferenceObject(Provider->Device);
    }
    ExFreePoolWithTag(Provider, IOP_TAG_WMI);
}

static VOID
IopDropWmiProvider(EXP_REGISTRATION *Registration)
{
    IOP_WMI_PROVIDER *provider = CONTAINING_RECORD(Registration, IOP_WMI_PROVIDER, Registration);
    KIRQL irql;

    KeAcquireSpinLock(&IopWmiLock, &irql);
    RemoveEntryList(&provider->Link);
    KeReleaseSpinLock(&IopWmiLock, irql);
    IopFreeWmiProvider(provider);
}

static NTSTATUS
IopRegisterWmiProvider(PDEVICE_OBJECT Device, BOOLEAN IsCallback, ULONG_PTR Caller)
{
    IOP_WMI_PROVIDER *provider =
        ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*provider), IOP_TAG_WMI);
    NTSTATUS status = STATUS_OBJECT_NAME_EXISTS;
    KIRQL irql;

    if (provider == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    provider->Device = Device;
    provider->IsCallback = IsCallback;
    if (!IsCallback) {
        ObReferenceObject(Device);
    }
    KeAcquireSpinLock(&IopWmiLock, &irql);
    if (IopFindWmiProvider(Device) == NULL) {
        provider->Id = ++IopWmiLastId;
        InsertTailList(&IopWmiProviders, &provider->Link);
        ExpInsertRegistration(&provider->Registration, IopWmiKind, Caller, IopDropWmiProvider);
        status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&IopWmiLock, irql);
    if (status != STATUS_SUCCESS) {
        IopFreeWmiProvider(provider);
    }
    return status;
}

static NTSTATUS
IopDeregisterWmiProvider(PDEVICE_OBJECT Device)
{
    IOP_WMI_PROVIDER *provider;
    KIRQL irql;

    KeAcquireSpinLock(&IopWmiLock, &irql);
    provider = IopFindWmiProvider(Device);
    if (provider != NULL && ExpTakeRegistration(&provider->Registration, IopWmiKind)) { /* M2 */
        RemoveEntryList(&provider->Link);
    } else {
        provider = NULL;
    }
    KeReleaseSpinLock(&IopWmiLock, irql);
    if (provider == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    IopFreeWmiProvider(provider);
    return STATUS_SUCCESS;
}

VOID
IopShutdownWmi(VOID)
{
    while (!IsListEmpty(&IopWmiInstances)) {
        ExFreePoolWithTag(
            CONTAINING_RECORD(RemoveHeadList(&IopWmiInstances), IOP_WMI_INSTANCES, Link),
            IOP_TAG_WMI);
    }
}

#pragma GCC visibility push(default)

/*
 * IoWMIRegistrationControl - a device's driver offers WMI data, or no longer
 *
 * DeviceObject  a device object; for WPP's code, with its flag in Action, a routine
 *
 * Returns  STATUS_SUCCESS, STATUS_OBJECT_NAME_EXISTS (informational: registered already)
 * Errors   STATUS_INVALID_PARAMETER (another action; not registered),
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Differs  the driver is not asked for its GUIDs
 * Source   WDK reference, nf-wdm-iowmiregistrationcontrol
 */
NTSTATUS NTAPI
IoWMIRegistrationControl(PDEVICE_OBJECT DeviceObject, ULONG Action)
{
    NT_ENTER(IoWMIRegistrationControl);
    BOOLEAN known;
    KIRQL irql;

    if (DeviceObject == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    switch (Action & IOP_WMI_ACTION_MASK) {
    case WMIREG_ACTION_REGISTER:
        return IopRegisterWmiProvider(DeviceObject, (Action & IOP_WMI_CALLBACK) != 0, NT_CALLER());
    case WMIREG_ACTION_DEREGISTER:
        return IopDeregisterWmiProvider(DeviceObject);
    case WMIREG_ACTION_REREGISTER:
    case WMIREG_ACTION_UPDATE_GUIDS:
        KeAcquireSpinLock(&IopWmiLock, &irql);
        known = IopFindWmiProvider(DeviceObject) != NULL;
        KeReleaseSpinLock(&IopWmiLock, irql);
        return known ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

/* 0: the device is not registered. <= DISPATCH_LEVEL. nf-wdm-iowmideviceobjecttoproviderid */
ULONG NTAPI
IoWMIDeviceObjectToProviderId(PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoWMIDeviceObjectToProviderId);
    IOP_WMI_PROVIDER *provider;
    ULONG id;
    KIRQL irql;

    KeAcquireSpinLock(&IopWmiLock, &irql);
    provider = IopFindWmiProvider(DeviceObject);
    id = provider != NULL ? provider->Id : 0;
    KeReleaseSpinLock(&IopWmiLock, irql);
    return id;
}

/*
 * IoWMIWriteEvent - deliver an event: to nobody
 *
 * WnodeEventItem  in non-paged pool; freed here, as on Windows when the event was taken. One that
 *                 is to be traced (WNODE_FLAG_TRACED_GUID) names a trace session: there is none
 *
 * Errors   STATUS_INVALID_HANDLE (traced): the caller keeps the item
 * IRQL     <= APC_LEVEL; any for one to be traced
 * Source   WDK reference, nf-wdm-iowmiwriteevent
 */
NTSTATUS NTAPI
IoWMIWriteEvent(PVOID WnodeEventItem)
{
    NT_ENTER(IoWMIWriteEvent);
    PWNODE_HEADER header = WnodeEventItem;

    if (header->Flags & WNODE_FLAG_TRACED_GUID) {
        return STATUS_INVALID_HANDLE;
    }
    ExFreePool(WnodeEventItem);
    return STATUS_SUCCESS;
}

/*
 * IoWMIAllocateInstanceIds - InstanceCount numbers that nobody else has for that GUID, from 1 on
 *
 * Errors   STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iowmiallocateinstanceids
 */
NTSTATUS NTAPI
IoWMIAllocateInstanceIds(GUID *Guid, ULONG InstanceCount, ULONG *FirstInstanceId)
{
    NT_ENTER(IoWMIAllocateInstanceIds);
    IOP_WMI_INSTANCES *fresh;
    IOP_WMI_INSTANCES *found = NULL;
    KIRQL irql;

    fresh = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*fresh), IOP_TAG_WMI);
    if (fresh == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    fresh->Guid = *Guid;
    fresh->Next = 1;
    KeAcquireSpinLock(&IopWmiLock, &irql);
    for (PLIST_ENTRY link = IopWmiInstances.Flink; link != &IopWmiInstances; link = link->Flink) {
        IOP_WMI_INSTANCES *entry = CONTAINING_RECORD(link, IOP_WMI_INSTANCES, Link);
        if (memcmp(&entry->Guid, Guid, sizeof(*Guid)) == 0) {
            found = entry;
        }
    }
    if (found == NULL) {
        InsertTailList(&IopWmiInstances, &fresh->Link);
        found = fresh;
        fresh = NULL;
    }
    *FirstInstanceId = found->Next;
    found->Next += InstanceCount;
    KeReleaseSpinLock(&IopWmiLock, irql);
    if (fresh != NULL) {
        ExFreePoolWithTag(fresh, IOP_TAG_WMI);
    }
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
