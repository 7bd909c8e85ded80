/* SPDX-License-Identifier: MIT
 *
 * io/file.c - file objects: made by an open, cleaned up at the last handle, closed at the end
 *
 * The open of a device asks its driver with IRP_MJ_CREATE. If the driver says no, the file object
 * goes without CLEANUP and CLOSE. Otherwise IRP_MJ_CLEANUP is sent when the last handle closes
 * (or, if there never was one, at the end), and IRP_MJ_CLOSE when the last reference is dropped,
 * by whoever drops it or, above PASSIVE_LEVEL, a worker of ob.
 *
 * Invariants  F1  FILE_OBJECT.DeviceObject != NULL iff the driver's CREATE succeeded or is under
 *                 way; the device counts it (D1).
 *             F2  IRP_MJ_CLOSE is sent once, after one IRP_MJ_CLEANUP, both by IopSendAndWait: a
 *                 driver that pends them is waited for.
 * Source      WDK reference, ntifs.h IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IoCreateFile.
 */
#include "io/iop.h"

const GENERIC_MAPPING IopFileMapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                                        FILE_ALL_ACCESS};

/* D1. Source: WDK reference, IoCreateDevice (Exclusive), DO_DEVICE_INITIALIZING. */
static NTSTATUS
IopReferenceOpenDevice(PDEVICE_OBJECT Device, BOOLEAN IsRelative)
{
    NTSTATUS status = STATUS_SUCCESS;
    KIRQL irql;

    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    if ((Device->Flags & DO_DEVICE_INITIALIZING) ||
        (IopDeviceExtension(Device)->Flags &
         (IOP_DEVICE_DELETE_PENDING | IOP_DEVICE_UNLOAD_PENDING))) {
        status = STATUS_NO_SUCH_DEVICE;
    } else if ((Device->Flags & DO_EXCLUSIVE) && Device->ReferenceCount != 0 && !IsRelative) {
        status = STATUS_ACCESS_DENIED;
    } else {
        ++Device->ReferenceCount;
    }
    KeReleaseSpinLock(&IopDatabaseLock, irql);
    return status;
}

static ULONG
IopFileFlags(ULONG Options)
{
    static const struct {
        ULONG Option;
        ULONG Flags;
    } rows[] = {
        {FILE_SYNCHRONOUS_IO_ALERT, FO_SYNCHRONOUS_IO | FO_ALERTABLE_IO},
        {FILE_SYNCHRONOUS_IO_NONALERT, FO_SYNCHRONOUS_IO},
        {FILE_NO_INTERMEDIATE_BUFFERING, FO_NO_INTERMEDIATE_BUFFERING},
        {FILE_WRITE_THROUGH, FO_WRITE_THROUGH},
        {FILE_SEQUENTIAL_ONLY, FO_SEQUENTIAL_ONLY},
        {FILE_RANDOM_ACCESS, FO_RANDOM_ACCESS},
    };
    ULONG flags = 0;

    NT_FOR_EACH (row, rows) {
        if (Options & row->Option) {
            flags |= row->Flags;
        }
    }
    return flags;
}

/* What follows the device's name; F1 not yet. */
static NTSTATUS
IopCreateFileObject(PDEVICE_OBJECT Device, OBP_OPEN_REQUEST *Request, IOP_OPEN_PACKET *Packet,
                    PFILE_OBJECT *File)
{
    PCUNICODE_STRING rest = &Request->RemainingName;
    PFILE_OBJECT file;
    PVOID object;
    NTSTATUS status = ObpCreateObject(IopFileType, sizeof(FILE_OBJECT), &object);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    file = object;
    file->Type = IO_TYPE_FILE;
    file->Size = sizeof(FILE_OBJECT);
    file->Flags = IopFileFlags(Packet->Options);
    if (!(Request->Attributes & OBJ_CASE_INSENSITIVE)) {
        __atomic_or_fetch(&file->Flags, FO_OPENED_CASE_SENSITIVE, __ATOMIC_RELAXED);
    }
    KeInitializeEvent(&file->Lock, SynchronizationEvent, FALSE);
    KeInitializeEvent(&file->Event, NotificationEvent, FALSE);
    KeInitializeSpinLock(&file->IrpListLock);
    InitializeListHead(&file->IrpList);
    if (rest->Length != 0) {
        file->FileName.Buffer =
            ExAllocatePoolWithTag(NonPagedPoolNx, rest->Length + sizeof(WCHAR), IOP_TAG_NAME);
        if (file->FileName.Buffer == NULL) {
            ObDereferenceObject(file);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        memcpy(file->FileName.Buffer, rest->Buffer, rest->Length);
        file->FileName.Buffer[rest->Length / sizeof(WCHAR)] = L'\0';
        file->FileName.Length = rest->Length;
        file->FileName.MaximumLength = (USHORT)(rest->Length + sizeof(WCHAR));
    }
    file->DeviceObject = Device;
    if (Packet->RelatedFile != NULL) {
        ObReferenceObject(Packet->RelatedFile);
        file->RelatedFileObject = Packet->RelatedFile;
    }
    *File = file;
    return STATUS_SUCCESS;
}

/* IRP_MJ_CREATE. */
static NTSTATUS
IopAskDriver(PFILE_OBJECT File, OBP_OPEN_REQUEST *Request, IOP_OPEN_PACKET *Packet)
{
    PDEVICE_OBJECT top = IoGetRelatedDeviceObject(File);
    IOP_IRP *header = IopAllocateIrp(top->StackSize, IopIrpService, NT_CALLER());
    IO_SECURITY_CONTEXT security = {.DesiredAccess = Packet->Granted,
                                    .FullCreateOptions = Packet->Options};
    ACCESS_STATE access;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_SUCCESS};
    PIO_STACK_LOCATION location;
    NTSTATUS status;

    if (header == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(&access, sizeof(access));
    access.OriginalDesiredAccess = Request->DesiredAccess;
    access.PreviouslyGrantedAccess = Packet->Granted;
    access.SecurityDescriptor = Packet->Security;
    SeCaptureSubjectContext(&access.SubjectSecurityContext);
    security.AccessState = &access;
    header->Irp.RequestorMode = Request->AccessMode;
    header->Irp.Flags = IRP_CREATE_OPERATION | IRP_DEFER_IO_COMPLETION;
    header->Irp.Tail.Overlay.OriginalFileObject = File;
    header->Irp.Overlay.AllocationSize = Packet->AllocationSize;
    header->Irp.AssociatedIrp.SystemBuffer = Packet->Ea;
    location = IoGetNextIrpStackLocation(&header->Irp);
    location->MajorFunction = IRP_MJ_CREATE;
    location->FileObject = File;
    location->Flags = (Request->Attributes & OBJ_CASE_INSENSITIVE) ? 0 : SL_CASE_SENSITIVE;
    location->Parameters.Create.SecurityContext = &security;
    location->Parameters.Create.Options = (Packet->Disposition << 24) | Packet->Options;
    location->Parameters.Create.FileAttributes = Packet->FileAttributes;
    location->Parameters.Create.ShareAccess = Packet->ShareAccess;
    location->Parameters.Create.EaLength = Packet->EaLength;
    status = IopSendAndWait(header, top, &iosb);
    SeReleaseSubjectContext(&access.SubjectSecurityContext);
    Packet->Information = iosb.Information;
    return status == STATUS_REPARSE ? IopTakeReparse(File, iosb.Information, Packet) : status;
}

static NTSTATUS
IopOpenDevice(PDEVICE_OBJECT Device, OBP_OPEN_REQUEST *Request, IOP_OPEN_PACKET *Packet,
              PVOID *Object)
{
    PFILE_OBJECT file;
    NTSTATUS status = IopCheckOpen(Device, Request, Packet);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IopReferenceOpenDevice(Device, Packet->RelatedFile != NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IopCreateFileObject(Device, Request, Packet, &file);
    if (!NT_SUCCESS(status)) {
        IopDereferenceOpenDevice(Device);
        return status;
    }
    status = IopAskDriver(file, Request, Packet);
    if (!NT_SUCCESS(status)) {
        file->DeviceObject = NULL; /* F1: it goes silently */
        ObDereferenceObject(file);
        IopDereferenceOpenDevice(Device);
        return status;
    }
    __atomic_or_fetch(&file->Flags, FO_FILE_OPEN, __ATOMIC_RELAXED);
    *Object = file;
    return status;
}

static IOP_OPEN_PACKET *
IopOpenPacket(OBP_OPEN_REQUEST *Request)
{
    IOP_OPEN_PACKET *packet = Request->Context;

    return packet != NULL && packet->Signature == IOP_OPEN_SIGNATURE ? packet : NULL;
}

/* Type procedure of devices. STATUS_OBJECT_TYPE_MISMATCH: not by an open of a file. */
NTSTATUS
IopParseDevice(OBP_OPEN_REQUEST *Request, PVOID *Object)
{
    IOP_OPEN_PACKET *packet = IopOpenPacket(Request);

    if (packet == NULL) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    packet->ParseDone = TRUE;
    return IopOpenDevice(Request->ParseObject, Request, packet, Object);
}

/* Type procedure of files: a name relative to an open file. */
NTSTATUS
IopParseFile(OBP_OPEN_REQUEST *Request, PVOID *Object)
{
    IOP_OPEN_PACKET *packet = IopOpenPacket(Request);
    PFILE_OBJECT related = Request->ParseObject;

    if (packet == NULL) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    packet->ParseDone = TRUE;
    packet->RelatedFile = related;
    return IopOpenDevice(related->DeviceObject, Request, packet, Object);
}

/* Type procedure: the device's name, then the rest. */
VOID
IopQueryFileName(PVOID Object, PWSTR Buffer, SIZE_T Size)
{
    PFILE_OBJECT file = Object;
    SIZE_T room = Size / sizeof(WCHAR);
    SIZE_T length = 0;
    SIZE_T rest = file->FileName.Length / sizeof(WCHAR);

    if (room == 0) {
        return;
    }
    Buffer[0] = L'\0';
    if (file->DeviceObject != NULL) {
        ObpQueryName(file->DeviceObject, Buffer, Size);
    }
    while (length < room && Buffer[length] != L'\0') {
        ++length;
    }
    if (rest > room - 1 - length) {
        rest = room - 1 - length;
    }
    if (rest != 0) {
        memcpy(Buffer + length, file->FileName.Buffer, rest * sizeof(WCHAR));
    }
    Buffer[length + rest] = L'\0';
}

/* Memory for these two must be found: a handle that cannot be closed would be worse than a wait. */
static VOID
IopTellDriver(PFILE_OBJECT File, UCHAR Major)
{
    PDEVICE_OBJECT top = IoGetRelatedDeviceObject(File);
    PIO_STACK_LOCATION location;
    IOP_IRP *header;

    while ((header = IopAllocateIrp(top->StackSize, IopIrpService, NT_CALLER())) == NULL) {
        LARGE_INTEGER interval;

        interval.QuadPart = -10000; /* 1 ms */
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
    }
    header->Irp.Flags = Major == IRP_MJ_CLOSE ? IRP_CLOSE_OPERATION : 0;
    header->Irp.Tail.Overlay.OriginalFileObject = File;
    location = IoGetNextIrpStackLocation(&header->Irp);
    location->MajorFunction = Major;
    location->FileObject = File;
    (VOID) IopSendAndWait(header, top, NULL);
}

/* Type procedure: a handle is closing. */
VOID
IopCloseFile(PEPROCESS Process, PVOID Object, ULONG ProcessHandleCount, ULONG HandleCount)
{
    PFILE_OBJECT file = Object;

    (void)Process;
    (void)ProcessHandleCount;
    if (HandleCount != 1 || file->DeviceObject == NULL) {
        return;
    }
    IopTellDriver(file, IRP_MJ_CLEANUP);
    __atomic_or_fetch(&file->Flags, FO_CLEANUP_COMPLETE, __ATOMIC_RELAXED);
}

/* Type procedure: the last reference is gone. */
VOID
IopDeleteFile(PVOID Object)
{
    PFILE_OBJECT file = Object;
    PDEVICE_OBJECT device = file->DeviceObject;

    if (device != NULL) {
        if (!(IopFlagsOf(file) & FO_CLEANUP_COMPLETE)) {
            IopTellDriver(file, IRP_MJ_CLEANUP);
        }
        IopTellDriver(file, IRP_MJ_CLOSE);
        file->DeviceObject = NULL;
        IopDereferenceOpenDevice(device);
    }
    if (file->CompletionContext != NULL) {
        ObDereferenceObject(file->CompletionContext->Port);
        ExFreePoolWithTag((PVOID)file->CompletionContext, IOP_TAG_PORT);
    }
    if (file->FileName.Buffer != NULL) {
        ExFreePool(file->FileName.Buffer);
    }
    if (file->RelatedFileObject != NULL) {
        ObDereferenceObject(file->RelatedFileObject);
    }
}
