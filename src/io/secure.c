/* SPDX-License-Identifier: MIT
 *
 * io/secure.c - who may open a device: descriptors of devices, their check at an open, and
 * IoCreateDeviceSecure
 *
 * The descriptor of a device decides on opens of the device itself, and of all below its name if
 * the device says so (FILE_DEVICE_SECURE_OPEN); otherwise what is below the name is its driver's
 * business. A file that is the device itself has the device's descriptor; of any other, the driver
 * is asked.
 *
 * Invariants  DS1  DEVICE_OBJECT.SecurityDescriptor is one of se's counted descriptors, never NULL
 *                  from IoCreateDevice on (S2).
 * Source      WDK reference, wdmsec.h IoCreateDeviceSecure, ntifs.h IRP_MJ_QUERY_SECURITY,
 *             IRP_MJ_SET_SECURITY; WDK, "SDDL for Device Objects", "Controlling Device Access",
 *             "Controlling Device Namespace Access".
 */
#include "io/iop.h"
#include <wdmsec.h>
#undef IoValidateDeviceIoControlAccess /* it makes the export the library's */

#define IOP_SECURITY_GUESS 1024u /* most descriptors are shorter */
#define IOP_SECURITY_LIMIT 0x10000u

PSECURITY_DESCRIPTOR IopDefaultSecurity;

NTSTATUS
IopInitializeSecurity(VOID)
{
    static const UNICODE_STRING text =
        RTL_CONSTANT_STRING(L"O:BAG:SYD:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGWGX;;;WD)(A;;GRGX;;;RC)");
    PSECURITY_DESCRIPTOR descriptor;
    NTSTATUS status = SepParseSddl(&text, &descriptor);

    if (NT_SUCCESS(status)) {
        status = SepShareDescriptor(descriptor, &IopDefaultSecurity);
        ExFreePool(descriptor);
    }
    return status;
}

VOID
IopShutdownSecurity(VOID)
{
    SepReleaseDescriptor(IopDefaultSecurity);
    IopDefaultSecurity = NULL;
}

PSECURITY_DESCRIPTOR *
IopDeviceSecurityField(PVOID Object)
{
    return &((PDEVICE_OBJECT)Object)->SecurityDescriptor;
}

/* What more rights than a handle has are checked against, when it is duplicated: the device's. */
PSECURITY_DESCRIPTOR *
IopFileSecurityField(PVOID Object)
{
    static PSECURITY_DESCRIPTOR none; /* of a file whose CREATE failed: nobody has a handle */
    PDEVICE_OBJECT device = ((PFILE_OBJECT)Object)->DeviceObject;

    return device != NULL ? &device->SecurityDescriptor : &none;
}

/* ---- opening ---- */

/* Does the device's descriptor decide, or what its driver makes of the rest of the name? */
static BOOLEAN
IopIsDeviceChecked(PDEVICE_OBJECT Device, const OBP_OPEN_REQUEST *Request,
                   const IOP_OPEN_PACKET *Packet)
{
    return (Device->Characteristics & FILE_DEVICE_SECURE_OPEN) != 0 ||
           (Packet->RelatedFile == NULL && Request->RemainingName.Length == 0);
}

NTSTATUS
IopCheckOpen(PDEVICE_OBJECT Device, const OBP_OPEN_REQUEST *Request, IOP_OPEN_PACKET *Packet)
{
    KPROCESSOR_MODE mode =
        (Request->Attributes & OBJ_FORCE_ACCESS_CHECK) != 0 ? UserMode : Request->AccessMode;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    ACCESS_MASK ignored;
    NTSTATUS status;

    status = ObpMapAccess(IopFileType, Request->DesiredAccess, mode, &ignored);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (mode != KernelMode) {
        descriptor = SepReferenceDescriptor(Device);
        if (!IopIsDeviceChecked(Device, Request, Packet)) {
            /* On the way to a file the device is a folder. */
            if (Packet->RelatedFile == NULL && !SepMayTraverse(mode)) {
                status = SepCheckAccess(descriptor, &IopFileMapping, FILE_TRAVERSE, mode, &ignored);
            }
            SepReleaseDescriptor(descriptor);
            descriptor = NULL;
        }
    }
    if (NT_SUCCESS(status)) {
        status = SepCheckAccess(descriptor, &IopFileMapping, Request->DesiredAccess, mode,
                                &Packet->Granted);
    }
    SepReleaseDescriptor(descriptor);
    return status;
}

/* ---- descriptors of files ---- */

static BOOLEAN
IopIsDeviceItself(PFILE_OBJECT File)
{
    return File->FileName.Length == 0 && File->RelatedFileObject == NULL;
}

/* Asks or tells the driver; *Information: IoStatus.Information. */
static NTSTATUS
IopSendSecurity(PFILE_OBJECT File, UCHAR Major, SECURITY_INFORMATION What, PVOID Buffer,
                ULONG Length, ULONG_PTR *Information)
{
    PDEVICE_OBJECT top = IoGetRelatedDeviceObject(File);
    IO_STATUS_BLOCK iosb = {.Status = STATUS_SUCCESS};
    PIO_STACK_LOCATION location;
    IOP_IRP *header;
    NTSTATUS status = STATUS_SUCCESS;

    if ((IopFlagsOf(File) & FO_SYNCHRONOUS_IO) != 0) {
        status = IopLockFile(File, KernelMode);
        if (status != STATUS_SUCCESS) {
            return status;
        }
    }
    header = IopAllocateIrp(top->StackSize, IopIrpService, NT_CALLER());
    if (header == NULL) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    } else {
        header->Irp.Tail.Overlay.OriginalFileObject = File;
        location = IoGetNextIrpStackLocation(&header->Irp);
        location->MajorFunction = Major;
        location->FileObject = File;
        if (Major == IRP_MJ_QUERY_SECURITY) {
            location->Parameters.QuerySecurity.SecurityInformation = What;
            location->Parameters.QuerySecurity.Length = Length;
            header->Irp.UserBuffer = Buffer;
        } else {
            location->Parameters.SetSecurity.SecurityInformation = What;
            location->Parameters.SetSecurity.SecurityDescriptor = Buffer;
        }
        status = IopSendAndWait(header, top, &iosb);
        *Information = iosb.Information;
    }
    if ((IopFlagsOf(File) & FO_SYNCHRONOUS_IO) != 0) {
        IopUnlockFile(File);
    }
    return status;
}

/* What a file has whose driver knows no descriptors: everybody's, open to all. */
static NTSTATUS
IopMakeWorldSecurity(PSECURITY_DESCRIPTOR *Copy, ULONG *Length)
{
    SECURITY_DESCRIPTOR world;

    RtlCreateSecurityDescriptor(&world, SECURITY_DESCRIPTOR_REVISION);
    world.Owner = SeExports->SeWorldSid;
    world.Group = SeExports->SeWorldSid;
    world.Control = SE_DACL_PRESENT;
    *Length = 0;
    RtlAbsoluteToSelfRelativeSD(&world, NULL, Length);
    *Copy = ExpAllocatePool(PagedPool, *Length, IOP_TAG_BUFFER, NT_CALLER());
    return *Copy != NULL ? RtlAbsoluteToSelfRelativeSD(&world, *Copy, Length)
                         : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS
IopQueryFileSecurity(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR *Copy,
                     ULONG *Length)
{
    ULONG_PTR information = IOP_SECURITY_GUESS;
    PFILE_OBJECT file = Object;
    NTSTATUS status = STATUS_BUFFER_OVERFLOW;
    PVOID buffer = NULL;

    if (IopIsDeviceItself(file)) {
        return SepQueryObject(file->DeviceObject, What, Copy, Length);
    }
    for (ULONG turn = 0; turn < 2 && status == STATUS_BUFFER_OVERFLOW; ++turn) {
        ULONG room = (ULONG)min(information, (ULONG_PTR)IOP_SECURITY_LIMIT);

        if (buffer != NULL) {
            ExFreePool(buffer);
        }
        buffer = ExpAllocatePool(NonPagedPoolNx, room, IOP_TAG_BUFFER, NT_CALLER());
        if (buffer == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        status = IopSendSecurity(file, IRP_MJ_QUERY_SECURITY, What, buffer, room, &information);
        if (NT_SUCCESS(status) &&
            (information > room || !RtlValidRelativeSecurityDescriptor(buffer, room, 0))) {
            status = STATUS_INVALID_SECURITY_DESCR; /* what the driver wrote is none */
        }
    }
    if (status == STATUS_SUCCESS) {
        *Copy = buffer;
        *Length = RtlLengthSecurityDescriptor(buffer);
        return status;
    }
    ExFreePool(buffer);
    return status == STATUS_INVALID_DEVICE_REQUEST ? IopMakeWorldSecurity(Copy, Length) : status;
}

NTSTATUS
IopSetFileSecurity(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR Descriptor)
{
    PFILE_OBJECT file = Object;
    ULONG_PTR information;

    if (IopIsDeviceItself(file)) {
        return SepSetObject(file->DeviceObject, What, Descriptor, &IopFileMapping);
    }
    return IopSendSecurity(file, IRP_MJ_SET_SECURITY, What, Descriptor, 0, &information);
}

#pragma GCC visibility push(default)

/* Lengths in bytes, without the terminating zero. */
#define IOP_SDDL_STRING(text)                                     \
    {                                                             \
        sizeof(text) - sizeof(WCHAR), sizeof(text), (PWSTR)(text) \
    }

const UNICODE_STRING SDDL_DEVOBJ_KERNEL_ONLY = IOP_SDDL_STRING(L"D:P");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL = IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_ALL = IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RX = IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGX;;;BA)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGWGX;;;WD)(A;;GRGWGX;;;RC)");

/*
 * IoCreateDeviceSecure - IoCreateDevice with a security descriptor in SDDL
 *
 * DeviceName         required, unless FILE_AUTOGENERATED_DEVICE_NAME
 * DefaultSDDLString  required; more of SDDL is understood than the reference allows here, namely
 *                    owner, group, denying ACEs and labels
 * DeviceClassGuid    ignored: there is no registry override of a class here
 *
 * Returns  as IoCreateDevice; STATUS_INVALID_PARAMETER: no name, or no (valid) SDDL
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdmsec-wdmlibiocreatedevicesecure
 */
NTSTATUS
WdmlibIoCreateDeviceSecure(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                           PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                           ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                           PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid,
                           PDEVICE_OBJECT *DeviceObject)
{
    NT_ENTER(WdmlibIoCreateDeviceSecure);
    PSECURITY_DESCRIPTOR descriptor;
    PSECURITY_DESCRIPTOR shared;
    NTSTATUS status;

    (void)DeviceClassGuid;
    if (DefaultSDDLString == NULL || ((DeviceName == NULL || DeviceName->Length == 0) &&
                                      !(DeviceCharacteristics & FILE_AUTOGENERATED_DEVICE_NAME))) {
        return STATUS_INVALID_PARAMETER;
    }
    status = SepParseSddl(DefaultSDDLString, &descriptor);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = SepShareDescriptor(descriptor, &shared);
    ExFreePool(descriptor);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateDevice(DriverObject, DeviceExtensionSize, DeviceName, DeviceType,
                            DeviceCharacteristics, Exclusive, DeviceObject);
    if (NT_SUCCESS(status)) {
        /* DO_DEVICE_INITIALIZING is still set: nobody could open it meanwhile. */
        SepAdoptDescriptor(*DeviceObject, shared);
    }
    SepReleaseDescriptor(shared);
    return status;
}

/* The static library's form of the export, which it is. IRQL any. */
NTSTATUS
WdmlibIoValidateDeviceIoControlAccess(PIRP Irp, ULONG RequiredAccess)
{
    return IoValidateDeviceIoControlAccess(Irp, RequiredAccess);
}

#pragma GCC visibility pop
