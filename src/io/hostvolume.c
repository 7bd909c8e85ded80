/* SPDX-License-Identifier: MIT
 *
 * io/hostvolume.c - drive Z:, the host's files, write-protected
 *
 * \Device\HostVolume, with the link \??\Z:, stands for the host's file tree: \??\Z:\tmp\x is the
 * host's /tmp/x. A program can look for its driver's file there and drivers can read theirs.
 * Anything that would change the tree is STATUS_MEDIA_WRITE_PROTECTED, so that nothing that is
 * written to it seems to arrive.
 *
 * FsContext holds the HALP_FILE, from a create that succeeded until the close.
 *
 * Differs  the case of a name counts, as on the host, except in its last part where no file has
 *          that very name; share access is not kept; a folder, or what is no regular file, is
 *          STATUS_NOT_SUPPORTED, as are opens by file identifier or relative to a file
 * Source   WDK reference, "IRP_MJ_CREATE", "IRP_MJ_READ", "IRP_MJ_QUERY_INFORMATION".
 */
#include "io/iop.h"
#include "mm/client.h"

#define IOP_HOST_PATH 4096u
/* What only reads; the rest of an access mask changes something. */
#define IOP_HOST_ACCESS                                                                   \
    (FILE_READ_DATA | FILE_READ_EA | FILE_READ_ATTRIBUTES | FILE_EXECUTE | READ_CONTROL | \
     SYNCHRONIZE)

static PDRIVER_OBJECT IopHostDriver;
static PDEVICE_OBJECT IopHostDevice;
static const UNICODE_STRING IopHostDeviceName = RTL_CONSTANT_STRING(L"\\Device\\HostVolume");
static const UNICODE_STRING IopHostLinkName = RTL_CONSTANT_STRING(L"\\??\\Z:");

static NTSTATUS
IopHostStatus(HALP_STATUS Status)
{
    switch (Status) {
    case HALP_OK:
        return STATUS_SUCCESS;
    case HALP_NOT_FOUND:
        return STATUS_OBJECT_NAME_NOT_FOUND;
    case HALP_DENIED:
        return STATUS_ACCESS_DENIED;
    case HALP_NO_MEMORY:
        return STATUS_INSUFFICIENT_RESOURCES;
    case HALP_UNSUPPORTED:
        return STATUS_NOT_SUPPORTED;
    case HALP_INVALID:
        return STATUS_INVALID_PARAMETER;
    default:
        return STATUS_UNEXPECTED_IO_ERROR;
    }
}

static NTSTATUS
IopHostComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

/*
 * "." and ".." are resolved by user mode; a driver may not use them on Windows either, nor leave a
 * part of a name empty. The root itself is "/".
 */
static BOOLEAN
IopHostNameIsPlain(const char *Path)
{
    if (Path[1] == '\0') {
        return TRUE;
    }
    for (const char *part = Path; part != NULL; part = strchr(part, '/')) {
        SIZE_T dots = strspn(++part, ".");

        if (dots <= 2 && (part[dots] == '/' || part[dots] == '\0')) {
            return FALSE;
        }
    }
    return TRUE;
}

/* "\tmp\x" into "/tmp/x". */
static NTSTATUS
IopHostPath(PCUNICODE_STRING Name, char Path[IOP_HOST_PATH])
{
    ULONG length = 0;
    NTSTATUS status =
        RtlUnicodeToUTF8N(Path, IOP_HOST_PATH - 1, &length, Name->Buffer, Name->Length);

    if (status != STATUS_SUCCESS || length == 0 || Path[0] != '\\') {
        return STATUS_OBJECT_NAME_INVALID; /* also a lone surrogate, which no host file has */
    }
    Path[length] = '\0';
    if (strlen(Path) != length || strchr(Path, '/') != NULL) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    for (ULONG i = 0; i < length; ++i) {
        Path[i] = Path[i] == '\\' ? '/' : Path[i];
    }
    return IopHostNameIsPlain(Path) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
}

static NTSTATUS
IopHostOpen(PFILE_OBJECT File, const IO_STACK_LOCATION *Location)
{
    ULONG disposition = Location->Parameters.Create.Options >> 24;
    ACCESS_MASK access = Location->Parameters.Create.SecurityContext->DesiredAccess;
    char path[IOP_HOST_PATH];
    HALP_FILE *file;
    NTSTATUS status;

    if (!MiCallerIsTrusted()) {
        return STATUS_ACCESS_DENIED; /* it would read with our rights, not with its own */
    }
    if (File->RelatedFileObject != NULL ||
        (Location->Parameters.Create.Options & FILE_OPEN_BY_FILE_ID) != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    status = IopHostPath(&File->FileName, path);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IopHostStatus(HalpOpenFile(path, !(Location->Flags & SL_CASE_SENSITIVE), &file));
    if (status == STATUS_OBJECT_NAME_NOT_FOUND && disposition != FILE_OPEN &&
        disposition != FILE_OVERWRITE) {
        return STATUS_MEDIA_WRITE_PROTECTED;
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (disposition == FILE_CREATE) {
        status = STATUS_OBJECT_NAME_COLLISION;
    } else if ((disposition != FILE_OPEN && disposition != FILE_OPEN_IF) ||
               (access & ~(ACCESS_MASK)IOP_HOST_ACCESS) != 0) {
        status = STATUS_MEDIA_WRITE_PROTECTED;
    } else if (Location->Parameters.Create.Options & FILE_DIRECTORY_FILE) {
        status = STATUS_NOT_A_DIRECTORY;
    }
    if (!NT_SUCCESS(status)) {
        HalpCloseFile(file);
        return status;
    }
    File->FsContext = file;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI
IopHostCreate(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);

    return IopHostComplete(Irp, IopHostOpen(location->FileObject, location), FILE_OPENED);
}

static NTSTATUS NTAPI
IopHostCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IopHostComplete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
IopHostClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    HalpCloseFile(file->FsContext);
    file->FsContext = NULL;
    return IopHostComplete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
IopHostRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PFILE_OBJECT file = location->FileObject;
    LONGLONG offset = location->Parameters.Read.ByteOffset.QuadPart;
    PVOID buffer;
    size_t done;
    NTSTATUS status;

    if (location->Parameters.Read.Length == 0) {
        return IopHostComplete(Irp, STATUS_SUCCESS, 0);
    }
    buffer = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    if (buffer == NULL) {
        return IopHostComplete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    status = IopHostStatus(HalpReadFile(file->FsContext, (uint64_t)offset, buffer,
                                        location->Parameters.Read.Length, &done));
    if (NT_SUCCESS(status) && done == 0) {
        status = STATUS_END_OF_FILE;
    }
    if (NT_SUCCESS(status) && (IopFlagsOf(file) & FO_SYNCHRONOUS_IO)) {
        file->CurrentByteOffset.QuadPart = offset + (LONGLONG)done;
    }
    return IopHostComplete(Irp, status, NT_SUCCESS(status) ? done : 0);
}

static NTSTATUS NTAPI
IopHostQuery(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    FILE_STANDARD_INFORMATION *standard = Irp->AssociatedIrp.SystemBuffer;
    uint64_t size;
    NTSTATUS status;

    if (location->Parameters.QueryFile.FileInformationClass != FileStandardInformation) {
        return IopHostComplete(Irp, STATUS_NOT_SUPPORTED, 0);
    }
    status = IopHostStatus(HalpFileSize(location->FileObject->FsContext, &size));
    if (!NT_SUCCESS(status)) {
        return IopHostComplete(Irp, status, 0);
    }
    RtlZeroMemory(standard, sizeof(*standard));
    standard->EndOfFile.QuadPart = (LONGLONG)size;
    standard->AllocationSize.QuadPart =
        (LONGLONG)((size + HALP_PAGE_SIZE - 1) / HALP_PAGE_SIZE * HALP_PAGE_SIZE);
    standard->NumberOfLinks = 1;
    return IopHostComplete(Irp, STATUS_SUCCESS, sizeof(*standard));
}

NTSTATUS
IopStartHostVolume(VOID)
{
    static const UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\FileSystem\\HostVolume");
    NTSTATUS status = IopCreateDriverObject(&name, NULL, NULL, 0, NULL, &IopHostDriver);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    IopHostDriver->MajorFunction[IRP_MJ_CREATE] = IopHostCreate;
    IopHostDriver->MajorFunction[IRP_MJ_CLEANUP] = IopHostCleanup;
    IopHostDriver->MajorFunction[IRP_MJ_CLOSE] = IopHostClose;
    IopHostDriver->MajorFunction[IRP_MJ_READ] = IopHostRead;
    IopHostDriver->MajorFunction[IRP_MJ_QUERY_INFORMATION] = IopHostQuery;
    status =
        IoCreateDevice(IopHostDriver, 0, (PUNICODE_STRING)&IopHostDeviceName,
                       FILE_DEVICE_DISK_FILE_SYSTEM, FILE_READ_ONLY_DEVICE, FALSE, &IopHostDevice);
    if (NT_SUCCESS(status)) {
        IopHostDevice->Flags |= DO_DIRECT_IO;
        IopHostDevice->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
        status = IoCreateSymbolicLink((PUNICODE_STRING)&IopHostLinkName,
                                      (PUNICODE_STRING)&IopHostDeviceName);
        if (!NT_SUCCESS(status)) {
            IoDeleteDevice(IopHostDevice);
        }
    }
    if (!NT_SUCCESS(status)) {
        IopDeleteDriverObject(IopHostDriver);
    }
    return status;
}

VOID
IopStopHostVolume(VOID)
{
    IoDeleteSymbolicLink((PUNICODE_STRING)&IopHostLinkName);
    IoDeleteDevice(IopHostDevice);
    IopDeleteDriverObject(IopHostDriver);
}

#pragma GCC visibility push(default)

/*
 * IoQueryFileDosDeviceName - "Z:\tmp\x" for a file of drive Z:, the only volume
 *
 * ObjectNameInformation  receives a block of paged pool, which the caller frees; its buffer lies in
 *                        the block, with a NUL behind the text
 *
 * Errors   STATUS_INSUFFICIENT_RESOURCES; STATUS_OBJECT_NAME_NOT_FOUND: no drive letter stands for
 *          the file's device
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-ioqueryfiledosdevicename
 */
NTSTATUS NTAPI
IoQueryFileDosDeviceName(PFILE_OBJECT FileObject, POBJECT_NAME_INFORMATION *ObjectNameInformation)
{
    NT_ENTER(IoQueryFileDosDeviceName);
    static const WCHAR drive[] = L"Z:";
    SIZE_T prefix = sizeof(drive) - sizeof(WCHAR);
    SIZE_T length = prefix + FileObject->FileName.Length;
    POBJECT_NAME_INFORMATION information;

    if (FileObject->DeviceObject != IopHostDevice) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (length + sizeof(WCHAR) > MAXUSHORT) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    information = ExpAllocatePool(PagedPool, sizeof(*information) + length + sizeof(WCHAR),
                                  IOP_TAG_NAME, NT_CALLER());
    if (information == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    information->Name.Buffer = (PWSTR)(information + 1);
    information->Name.Length = (USHORT)length;
    information->Name.MaximumLength = (USHORT)(length + sizeof(WCHAR));
    memcpy(information->Name.Buffer, drive, prefix);
    memcpy((PUCHAR)information->Name.Buffer + prefix, FileObject->FileName.Buffer,
           FileObject->FileName.Length);
    information->Name.Buffer[length / sizeof(WCHAR)] = L'\0';
    *ObjectNameInformation = information;
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
