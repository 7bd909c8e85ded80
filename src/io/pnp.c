/* SPDX-License-Identifier: MIT
 *
 * io/pnp.c - what a driver of devices that no bus found hears from the PnP manager
 *
 * No device here is a physical device object: there is no bus, and nothing is enumerated. What asks
 * for a device's properties, interfaces or registry key is told so, with the status that the
 * reference gives for a device that is no PDO. Where it gives none, Windows stops with 0xCA.
 *
 * Source   WDK reference, wdm.h: each function's page; bug check 0xCA PNP_DETECTED_FATAL_ERROR
 */
#include "io/iop.h"

#define IOP_BUGCHECK_PNP 0xCAu
#define IOP_CA_INVALID_PDO 0x2u
#define IOP_TAG_NOTIFICATION IOP_MAKE_TAG('I', 'o', 'P', 'n')

/* IoRegisterPlugPlayNotification: nothing ever arrives or leaves. */
typedef struct IOP_NOTIFICATION {
    EXP_REGISTRATION Registration;
    PDRIVER_OBJECT DriverObject; /* referenced */
} IOP_NOTIFICATION;

static const char IopNotificationKind[] = "plug and play notification";

static DECLSPEC_NORETURN VOID
IopNotPhysical(PDEVICE_OBJECT DeviceObject, const char *Function, ULONG_PTR Caller)
{
    KiBugCheckDetail(IOP_BUGCHECK_PNP, IOP_CA_INVALID_PDO, (ULONG_PTR)DeviceObject, 0, Caller,
                     "%s: the device object is no physical device object; no device of ntbox is",
                     Function);
}

static VOID
IopFreeNotification(IOP_NOTIFICATION *Notification)
{
    ObDereferenceObject(Notification->DriverObject);
    ExFreePoolWithTag(Notification, IOP_TAG_NOTIFICATION);
}

static VOID
IopDropNotification(EXP_REGISTRATION *Registration)
{
    IopFreeNotification(CONTAINING_RECORD(Registration, IOP_NOTIFICATION, Registration));
}

#pragma GCC visibility push(default)

/* ---- properties ---- */

/*
 * IoGetDeviceProperty - a property of a physical device
 *
 * Errors   STATUS_INVALID_PARAMETER_2 (no such property), STATUS_INVALID_DEVICE_REQUEST (no PDO)
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iogetdeviceproperty
 */
NTSTATUS NTAPI
IoGetDeviceProperty(PDEVICE_OBJECT DeviceObject, DEVICE_REGISTRY_PROPERTY DeviceProperty,
                    ULONG BufferLength, PVOID PropertyBuffer, PULONG ResultLength)
{
    NT_ENTER(IoGetDeviceProperty);
    if ((ULONG)DeviceProperty > DevicePropertyContainerID) {
        return STATUS_INVALID_PARAMETER_2;
    }
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* STATUS_INVALID_DEVICE_REQUEST: no PDO. <= APC_LEVEL. Source: nf-wdm-iogetdevicepropertydata */
NTSTATUS NTAPI
IoGetDevicePropertyData(PDEVICE_OBJECT Pdo, CONST DEVPROPKEY *PropertyKey, LCID Lcid, ULONG Flags,
                        ULONG Size, PVOID Data, PULONG RequiredSize, PDEVPROPTYPE Type)
{
    NT_ENTER(IoGetDevicePropertyData);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* STATUS_INVALID_DEVICE_REQUEST: no PDO. <= APC_LEVEL. Source: nf-wdm-iosetdevicepropertydata */
NTSTATUS NTAPI
IoSetDevicePropertyData(PDEVICE_OBJECT Pdo, CONST DEVPROPKEY *PropertyKey, LCID Lcid, ULONG Flags,
                        DEVPROPTYPE Type, ULONG Size, PVOID Data)
{
    NT_ENTER(IoSetDevicePropertyData);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* STATUS_INVALID_PARAMETER: no PDO. PASSIVE_LEVEL. Source: nf-wdm-ioopendeviceregistrykey */
NTSTATUS NTAPI
IoOpenDeviceRegistryKey(PDEVICE_OBJECT DeviceObject, ULONG DevInstKeyType,
                        ACCESS_MASK DesiredAccess, PHANDLE DevInstRegKey)
{
    NT_ENTER(IoOpenDeviceRegistryKey);
    return STATUS_INVALID_PARAMETER;
}

/* ---- interfaces ---- */

/* STATUS_INVALID_DEVICE_REQUEST: no PDO. PASSIVE_LEVEL. Source: nf-wdm-ioregisterdeviceinterface */
NTSTATUS NTAPI
IoRegisterDeviceInterface(PDEVICE_OBJECT PhysicalDeviceObject, CONST GUID *InterfaceClassGuid,
                          PUNICODE_STRING ReferenceString, PUNICODE_STRING SymbolicLinkName)
{
    NT_ENTER(IoRegisterDeviceInterface);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* STATUS_OBJECT_NAME_NOT_FOUND: no such interface. Source: nf-wdm-iosetdeviceinterfacestate */
NTSTATUS NTAPI
IoSetDeviceInterfaceState(PUNICODE_STRING SymbolicLinkName, BOOLEAN Enable)
{
    NT_ENTER(IoSetDeviceInterfaceState);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

/*
 * IoGetDeviceInterfaces - the symbolic links of a class's interfaces: none
 *
 * SymbolicLinkList  receives an empty list in paged pool, which the caller frees
 *
 * Errors   STATUS_INVALID_DEVICE_REQUEST (PhysicalDeviceObject is no PDO),
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iogetdeviceinterfaces
 */
NTSTATUS NTAPI
IoGetDeviceInterfaces(CONST GUID *InterfaceClassGuid, PDEVICE_OBJECT PhysicalDeviceObject,
                      ULONG Flags, PWSTR *SymbolicLinkList)
{
    NT_ENTER(IoGetDeviceInterfaces);
    PWSTR list;

    if (PhysicalDeviceObject != NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    list = ExpAllocatePool(PagedPool, sizeof(*list), IOP_TAG_NAME, NT_CALLER());
    if (list == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *list = L'\0';
    *SymbolicLinkList = list;
    return STATUS_SUCCESS;
}

/* ---- notifications ---- */

/*
 * IoRegisterPlugPlayNotification - be told of devices that arrive or leave: none does
 *
 * DriverObject  is referenced until the registration is gone
 *
 * Errors   STATUS_INVALID_PARAMETER (no such category, no routine, no interface class),
 *          STATUS_INVALID_DEVICE_REQUEST (the target device is no PnP device),
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-ioregisterplugplaynotification
 */
NTSTATUS NTAPI
IoRegisterPlugPlayNotification(IO_NOTIFICATION_EVENT_CATEGORY EventCategory,
                               ULONG EventCategoryFlags, PVOID EventCategoryData,
                               PDRIVER_OBJECT DriverObject,
                               PDRIVER_NOTIFICATION_CALLBACK_ROUTINE CallbackRoutine, PVOID Context,
                               PVOID *NotificationEntry)
{
    NT_ENTER(IoRegisterPlugPlayNotification);
    IOP_NOTIFICATION *notification;

    if (DriverObject == NULL || CallbackRoutine == NULL || NotificationEntry == NULL ||
        (EventCategory != EventCategoryHardwareProfileChange && EventCategoryData == NULL)) {
        return STATUS_INVALID_PARAMETER;
    }
    switch (EventCategory) {
    case EventCategoryHardwareProfileChange:
    case EventCategoryDeviceInterfaceChange:
        break;
    case EventCategoryTargetDeviceChange:
        return STATUS_INVALID_DEVICE_REQUEST;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    notification =
        ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*notification), IOP_TAG_NOTIFICATION);
    if (notification == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObReferenceObject(DriverObject);
    notification->DriverObject = DriverObject;
    ExpInsertRegistration(&notification->Registration, IopNotificationKind,
                          (ULONG_PTR)CallbackRoutine, IopDropNotification);
    *NotificationEntry = notification;
    return STATUS_SUCCESS;
}

/* STATUS_INVALID_PARAMETER: not registered. PASSIVE_LEVEL. nf-wdm-iounregisterplugplaynotification
 */
NTSTATUS NTAPI
IoUnregisterPlugPlayNotification(PVOID NotificationEntry)
{
    NT_ENTER(IoUnregisterPlugPlayNotification);
    IOP_NOTIFICATION *notification = NotificationEntry;

    if (notification == NULL ||
        !ExpTakeRegistration(&notification->Registration, IopNotificationKind)) {
        return STATUS_INVALID_PARAMETER;
    }
    IopFreeNotification(notification);
    return STATUS_SUCCESS;
}

/* The same: no callback is ever under way. Source: nf-wdm-iounregisterplugplaynotificationex */
NTSTATUS NTAPI
IoUnregisterPlugPlayNotificationEx(PVOID NotificationEntry)
{
    NT_ENTER(IoUnregisterPlugPlayNotificationEx);
    return IoUnregisterPlugPlayNotification(NotificationEntry);
}

/* STATUS_INVALID_DEVICE_REQUEST: no PDO. PASSIVE_LEVEL. Source: nf-wdm-ioreporttargetdevicechange
 */
NTSTATUS NTAPI
IoReportTargetDeviceChange(PDEVICE_OBJECT PhysicalDeviceObject, PVOID NotificationStructure)
{
    NT_ENTER(IoReportTargetDeviceChange);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* The same, <= DISPATCH_LEVEL. Source: nf-wdm-ioreporttargetdevicechangeasynchronous */
NTSTATUS NTAPI
IoReportTargetDeviceChangeAsynchronous(PDEVICE_OBJECT PhysicalDeviceObject,
                                       PVOID NotificationStructure,
                                       PDEVICE_CHANGE_COMPLETE_CALLBACK Callback, PVOID Context)
{
    NT_ENTER(IoReportTargetDeviceChangeAsynchronous);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* Bug check 0xCA: no PDO. Source: WDK reference, nf-wdm-ioinvalidatedevicerelations */
VOID NTAPI
IoInvalidateDeviceRelations(PDEVICE_OBJECT DeviceObject, DEVICE_RELATION_TYPE Type)
{
    NT_ENTER(IoInvalidateDeviceRelations);
    IopNotPhysical(DeviceObject, __func__, NT_CALLER());
}

/* Bug check 0xCA: no PDO. Source: WDK reference, nf-wdm-ioinvalidatedevicestate */
VOID NTAPI
IoInvalidateDeviceState(PDEVICE_OBJECT PhysicalDeviceObject)
{
    NT_ENTER(IoInvalidateDeviceState);
    IopNotPhysical(PhysicalDeviceObject, __func__, NT_CALLER());
}

/* Bug check 0xCA: no PDO. Source: WDK reference, nf-wdm-iorequestdeviceeject */
VOID NTAPI
IoRequestDeviceEject(PDEVICE_OBJECT PhysicalDeviceObject)
{
    NT_ENTER(IoRequestDeviceEject);
    IopNotPhysical(PhysicalDeviceObject, __func__, NT_CALLER());
}

/* ---- hardware: there is none ---- */

/*
 * IoConnectInterrupt - refused: no interrupt ever comes
 *
 * Errors   STATUS_INVALID_PARAMETER (no processor), STATUS_INSUFFICIENT_RESOURCES: the reference
 *          has no status for a vector that does not exist; this is what a driver must expect
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-ioconnectinterrupt
 */
NTSTATUS NTAPI
IoConnectInterrupt(PKINTERRUPT *InterruptObject, PKSERVICE_ROUTINE ServiceRoutine,
                   PVOID ServiceContext, PKSPIN_LOCK SpinLock, ULONG Vector, KIRQL Irql,
                   KIRQL SynchronizeIrql, KINTERRUPT_MODE InterruptMode, BOOLEAN ShareVector,
                   KAFFINITY ProcessorEnableMask, BOOLEAN FloatingSave)
{
    NT_ENTER(IoConnectInterrupt);
    *InterruptObject = NULL;
    return ProcessorEnableMask == 0 ? STATUS_INVALID_PARAMETER : STATUS_INSUFFICIENT_RESOURCES;
}

/*
 * IoConnectInterruptEx - refused: no device has interrupt resources
 *
 * Errors   STATUS_NOT_FOUND; STATUS_INVALID_PARAMETER_1 (no such version), STATUS_INVALID_PARAMETER
 *          (no device), STATUS_INVALID_PARAMETER_10 (no processor)
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-ioconnectinterruptex, nf-iointex-wdmlibioconnectinterruptex
 */
NTSTATUS NTAPI
IoConnectInterruptEx(PIO_CONNECT_INTERRUPT_PARAMETERS Parameters)
{
    NT_ENTER(IoConnectInterruptEx);
    if (Parameters->Version < CONNECT_FULLY_SPECIFIED ||
        Parameters->Version > CONNECT_FULLY_SPECIFIED_GROUP) {
        return STATUS_INVALID_PARAMETER_1;
    }
    /* The device comes first in all three structures. */
    if (Parameters->FullySpecified.PhysicalDeviceObject == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Parameters->Version == CONNECT_FULLY_SPECIFIED ||
         Parameters->Version == CONNECT_FULLY_SPECIFIED_GROUP) &&
        Parameters->FullySpecified.ProcessorEnableMask == 0) {
        return STATUS_INVALID_PARAMETER_10;
    }
    return STATUS_NOT_FOUND;
}

/* NULL: there is no bus whose master, and no controller whose slave, a device could be.
 * PASSIVE_LEVEL. Source: WDK reference, nf-wdm-iogetdmaadapter */
struct _DMA_ADAPTER *NTAPI
IoGetDmaAdapter(PDEVICE_OBJECT PhysicalDeviceObject, struct _DEVICE_DESCRIPTION *DeviceDescription,
                PULONG NumberOfMapRegisters)
{
    NT_ENTER(IoGetDmaAdapter);
    return NULL;
}

#pragma GCC visibility pop
