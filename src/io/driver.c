/* SPDX-License-Identifier: MIT
 *
 * io/driver.c - driver objects: made for ldr, taken apart and audited at unload
 *
 * Invariants  V1  MajorFunction never holds NULL once IopResetDriverDispatch ran.
 *             V2  A driver object lives until ldr has dropped its reference and its last device's
 *                 memory is gone.
 * Locks       IopDatabaseLock guards the list of client extensions and the device list.
 * Source      WDK reference, wdm.h DRIVER_OBJECT, IoAllocateDriverObjectExtension.
 */
#include "io/iop.h"

typedef struct IOP_CLIENT_EXTENSION {
    struct IOP_CLIENT_EXTENSION *Next;
    PVOID Identification;
    ULONG_PTR Data[] __attribute__((aligned(16)));
} IOP_CLIENT_EXTENSION;

/* The object's body. */
typedef struct IOP_DRIVER {
    DRIVER_OBJECT Nt;
    DRIVER_EXTENSION Extension;
    IOP_CLIENT_EXTENSION *Clients; /* IopDatabaseLock */
    UNICODE_STRING HardwareDatabase;
} IOP_DRIVER;

static WCHAR IopHardwareDatabase[] = L"\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM";

static NTSTATUS NTAPI
IopInvalidDeviceRequest(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    Irp->IoStatus.Information = 0;
    IofCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

VOID
IopResetDriverDispatch(PDRIVER_OBJECT DriverObject)
{
    NT_FOR_EACH (routine, DriverObject->MajorFunction) {
        *routine = IopInvalidDeviceRequest;
    }
}

VOID
IopRepairDriverDispatch(PDRIVER_OBJECT DriverObject)
{
    NT_FOR_EACH (routine, DriverObject->MajorFunction) {
        if (*routine == NULL) {
            *routine = IopInvalidDeviceRequest;
        }
    }
}

/* "\Driver\" in front, if Name has no folder; one block for both names. */
static NTSTATUS
IopNameDriver(PDRIVER_OBJECT Driver, PCUNICODE_STRING Name)
{
    static const WCHAR prefix[] = L"\\Driver\\";
    BOOLEAN absolute = Name->Length >= sizeof(WCHAR) && Name->Buffer[0] == L'\\';
    USHORT prefixLength = absolute ? 0 : (USHORT)(sizeof(prefix) - sizeof(WCHAR));
    USHORT length = (USHORT)(prefixLength + Name->Length);
    PWSTR buffer;
    USHORT i;

    if (Name->Length == 0 || Name->Length > 1024) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    buffer = ExAllocatePoolWithTag(NonPagedPoolNx, length + sizeof(WCHAR), IOP_TAG_DRIVER);
    if (buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memcpy(buffer, prefix, prefixLength);
    memcpy((PUCHAR)buffer + prefixLength, Name->Buffer, Name->Length);
    buffer[length / sizeof(WCHAR)] = L'\0';
    Driver->DriverName.Buffer = buffer;
    Driver->DriverName.Length = length;
    Driver->DriverName.MaximumLength = (USHORT)(length + sizeof(WCHAR));
    for (i = (USHORT)(length / sizeof(WCHAR)); i > 0 && buffer[i - 1] != L'\\'; --i) {
    }
    Driver->DriverExtension->ServiceKeyName.Buffer = buffer + i;
    Driver->DriverExtension->ServiceKeyName.Length = (USHORT)(length - i * sizeof(WCHAR));
    Driver->DriverExtension->ServiceKeyName.MaximumLength =
        Driver->DriverExtension->ServiceKeyName.Length;
    return STATUS_SUCCESS;
}

NTSTATUS
IopCreateDriverObject(PCUNICODE_STRING Name, PCUNICODE_STRING RegistryPath, PVOID ImageBase,
                      ULONG ImageSize, PDRIVER_INITIALIZE Init, PDRIVER_OBJECT *DriverObject)
{
    IOP_DRIVER *driver;
    PVOID object;
    NTSTATUS status;

    (void)RegistryPath; /* goes to DriverEntry; nothing of it is kept */
    status = ObpCreateObject(IopDriverType, sizeof(IOP_DRIVER), &object);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    driver = object;
    driver->Nt.Type = IO_TYPE_DRIVER;
    driver->Nt.Size = sizeof(DRIVER_OBJECT);
    driver->Nt.Flags = DRVO_LEGACY_DRIVER;
    driver->Nt.DriverStart = ImageBase;
    driver->Nt.DriverSize = ImageSize;
    driver->Nt.DriverInit = Init;
    driver->Nt.DriverExtension = &driver->Extension;
    driver->Extension.DriverObject = &driver->Nt;
    RtlInitUnicodeString(&driver->HardwareDatabase, IopHardwareDatabase);
    driver->Nt.HardwareDatabase = &driver->HardwareDatabase;
    IopResetDriverDispatch(&driver->Nt);
    status = IopNameDriver(&driver->Nt, Name);
    if (NT_SUCCESS(status)) {
        status = ObpInsertName(driver, &driver->Nt.DriverName, TRUE);
    }
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(driver);
        return status;
    }
    *DriverObject = &driver->Nt;
    return STATUS_SUCCESS;
}

/* Type procedure. */
VOID
IopDeleteDriver(PVOID Object)
{
    IOP_DRIVER *driver = Object;
    IOP_CLIENT_EXTENSION *client = driver->Clients;

    while (client != NULL) {
        IOP_CLIENT_EXTENSION *next = client->Next;

        ExFreePoolWithTag(client, IOP_TAG_DRIVER);
        client = next;
    }
    if (driver->Nt.DriverName.Buffer != NULL) {
        ExFreePoolWithTag(driver->Nt.DriverName.Buffer, IOP_TAG_DRIVER);
    }
}

VOID
IopDeleteDriverObject(PDRIVER_OBJECT DriverObject)
{
    IopForgetReinitialize(DriverObject);
    ObpRemoveName(DriverObject);
    ObDereferenceObject(DriverObject);
}

/* ---- unload ---- */

/* Open files of all devices, and foreign devices on top. */
static ULONG
IopCountOpens(PDRIVER_OBJECT DriverObject, ULONG AddFlags)
{
    PDEVICE_OBJECT device;
    ULONG count = 0;
    KIRQL irql;

    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    for (device = DriverObject->DeviceObject; device != NULL; device = device->NextDevice) {
        IopDeviceExtension(device)->Flags |= AddFlags;
        count += (ULONG)device->ReferenceCount;
        if (device->AttachedDevice != NULL &&
            device->AttachedDevice->DriverObject != DriverObject) {
            ++count;
        }
    }
    KeReleaseSpinLock(&IopDatabaseLock, irql);
    return count;
}

NTSTATUS
IopPrepareDriverUnload(PDRIVER_OBJECT DriverObject)
{
    DriverObject->Flags |= DRVO_UNLOAD_INVOKED;
    return IopCountOpens(DriverObject, IOP_DEVICE_UNLOAD_PENDING) == 0 ? STATUS_SUCCESS
                                                                       : STATUS_DEVICE_BUSY;
}

NTSTATUS
IopWaitForDriverIdle(PDRIVER_OBJECT DriverObject, LONGLONG Timeout)
{
    LARGE_INTEGER interval;

    interval.QuadPart = -10000; /* 1 ms */
    while (IopCountOpens(DriverObject, 0) != 0) {
        if (Timeout <= 0) {
            return STATUS_TIMEOUT;
        }
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
        Timeout += interval.QuadPart;
    }
    return STATUS_SUCCESS;
}

typedef struct IOP_IRP_AUDIT {
    PDRIVER_OBJECT DriverObject;
    ULONG Pending;
} IOP_IRP_AUDIT;

/* Only pointers are compared: the devices of other drivers may be gone. */
static BOOLEAN
IopIsDeviceOf(PDRIVER_OBJECT DriverObject, PDEVICE_OBJECT Device)
{
    PDEVICE_OBJECT own;

    for (own = DriverObject->DeviceObject; own != NULL; own = own->NextDevice) {
        if (own == Device) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID
IopAuditIrp(PVOID Context, IOP_IRP *Header)
{
    IOP_IRP_AUDIT *audit = Context;
    PIO_STACK_LOCATION locations = (PIO_STACK_LOCATION)(&Header->Irp + 1);
    CHAR i;

    if (IopIrpState(Header) != IopIrpSent && IopIrpState(Header) != IopIrpReturned) {
        return;
    }
    for (i = Header->Irp.CurrentLocation; i >= 1 && i <= Header->Irp.StackCount; ++i) {
        if (IopIsDeviceOf(audit->DriverObject, locations[i - 1].DeviceObject)) {
            ++audit->Pending;
            return;
        }
    }
}

VOID
IopAuditDriver(PDRIVER_OBJECT DriverObject, IOP_DRIVER_AUDIT *Audit)
{
    IOP_IRP_AUDIT irps = {.DriverObject = DriverObject};
    PDEVICE_OBJECT device;
    KIRQL irql;

    RtlZeroMemory(Audit, sizeof(*Audit));
    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    for (device = DriverObject->DeviceObject; device != NULL; device = device->NextDevice) {
        ++Audit->Devices;
        Audit->OpenFiles += (ULONG)device->ReferenceCount;
    }
    KeReleaseSpinLock(&IopDatabaseLock, irql);
    IopForEachIrp(IopAuditIrp, &irps);
    Audit->PendingIrps = irps.Pending;
    Audit->SymbolicLinks = IopCountDriverLinks(DriverObject);
}

#pragma GCC visibility push(default)

/*
 * IoAllocateDriverObjectExtension - memory that goes with the driver object
 *
 * ClientIdentificationAddress  the key: an address of the caller's
 *
 * Returns  STATUS_SUCCESS with *DriverObjectExtension zeroed; STATUS_OBJECT_NAME_COLLISION: the
 *          key is in use; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-ioallocatedriverobjectextension
 */
NTSTATUS NTAPI
IoAllocateDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress,
                                ULONG DriverObjectExtensionSize, PVOID *DriverObjectExtension)
{
    NT_ENTER(IoAllocateDriverObjectExtension);
    IOP_DRIVER *driver = CONTAINING_RECORD(DriverObject, IOP_DRIVER, Nt);
    IOP_CLIENT_EXTENSION *client;
    IOP_CLIENT_EXTENSION *other;
    KIRQL irql;

    *DriverObjectExtension = NULL;
    client = ExpAllocatePool(NonPagedPoolNx, sizeof(*client) + (SIZE_T)DriverObjectExtensionSize,
                             IOP_TAG_DRIVER, NT_CALLER());
    if (client == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(client, sizeof(*client) + (SIZE_T)DriverObjectExtensionSize);
    client->Identification = ClientIdentificationAddress;
    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    for (other = driver->Clients; other != NULL; other = other->Next) {
        if (other->Identification == ClientIdentificationAddress) {
            break;
        }
    }
    if (other == NULL) {
        client->Next = driver->Clients;
        driver->Clients = client;
    }
    KeReleaseSpinLock(&IopDatabaseLock, irql);
    if (other != NULL) {
        ExFreePoolWithTag(client, IOP_TAG_DRIVER);
        return STATUS_OBJECT_NAME_COLLISION;
    }
    *DriverObjectExtension = client->Data;
    return STATUS_SUCCESS;
}

/* NULL: nothing was allocated by that key. <= DISPATCH_LEVEL. nf-wdm-iogetdriverobjectextension */
PVOID NTAPI
IoGetDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress)
{
    NT_ENTER(IoGetDriverObjectExtension);
    IOP_DRIVER *driver = CONTAINING_RECORD(DriverObject, IOP_DRIVER, Nt);
    IOP_CLIENT_EXTENSION *client;
    KIRQL irql;

    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    for (client = driver->Clients; client != NULL; client = client->Next) {
        if (client->Identification == ClientIdentificationAddress) {
            break;
        }
    }
    KeReleaseSpinLock(&IopDatabaseLock, irql);
    return client != NULL ? client->Data : NULL;
}

#pragma GCC visibility pop
