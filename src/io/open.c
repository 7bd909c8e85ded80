/* SPDX-License-Identifier: MIT
 *
 * io/open.c - NtCreateFile and its relatives
 *
 * Every argument in user memory is read once, into an IOP_CREATE; then checked; then acted upon.
 *
 * Source   WDK reference, ntifs.h NtCreateFile, wdm.h ZwCreateFile, IoCreateFile,
 *          IoGetDeviceObjectPointer.
 */
#include "io/iop.h"

#define IOP_EA_LIMIT 0x10000u
#define IOP_REPARSE_LIMIT 32u

/* The captured arguments. */
typedef struct IOP_CREATE {
    KPROCESSOR_MODE Mode;
    OBP_ATTRIBUTES Attributes;
    ACCESS_MASK DesiredAccess;
    IOP_OPEN_PACKET Packet;
} IOP_CREATE;

static VOID
IopReleaseCreate(IOP_CREATE *Create)
{
    ObpReleaseAttributes(&Create->Attributes);
    if (Create->Packet.Ea != NULL) {
        ExFreePoolWithTag(Create->Packet.Ea, IOP_TAG_BUFFER);
    }
}

static NTSTATUS
IopCaptureEa(IOP_CREATE *Create, const VOID *Ea, ULONG EaLength)
{
    if (Ea == NULL && EaLength == 0) {
        return STATUS_SUCCESS;
    }
    if (Ea == NULL || EaLength == 0 || EaLength > IOP_EA_LIMIT) {
        return STATUS_INVALID_PARAMETER;
    }
    Create->Packet.Ea = ExAllocatePoolWithTag(NonPagedPoolNx, EaLength, IOP_TAG_BUFFER);
    if (Create->Packet.Ea == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Create->Packet.EaLength = EaLength;
    return MiCopyFromUser(Create->Packet.Ea, Ea, EaLength, Create->Mode);
}

static NTSTATUS
IopCheckCreateArguments(ACCESS_MASK Access, ULONG FileAttributes, ULONG Share, ULONG Disposition,
                        ULONG Options)
{
    const ULONG synchronous = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT;

    if ((FileAttributes & ~(ULONG)FILE_ATTRIBUTE_VALID_FLAGS) ||
        (Share & ~(ULONG)FILE_SHARE_VALID_FLAGS) || Disposition > FILE_MAXIMUM_DISPOSITION ||
        (Options & ~(ULONG)FILE_VALID_OPTION_FLAGS)) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Options & synchronous) == synchronous ||
        ((Options & synchronous) &&
         !(Access & (SYNCHRONIZE | GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL |
                     MAXIMUM_ALLOWED)))) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Options & FILE_DELETE_ON_CLOSE) && !(Access & (DELETE | GENERIC_ALL | MAXIMUM_ALLOWED))) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Options & FILE_DIRECTORY_FILE) &&
        ((Options & FILE_NON_DIRECTORY_FILE) ||
         (Disposition != FILE_CREATE && Disposition != FILE_OPEN && Disposition != FILE_OPEN_IF))) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Options & FILE_NO_INTERMEDIATE_BUFFERING) && (Access & FILE_APPEND_DATA) &&
        !(Access & FILE_WRITE_DATA)) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* The driver has said yes: a handle, and the results to the caller. */
static NTSTATUS
IopReturnFile(IOP_CREATE *Create, PFILE_OBJECT File, PHANDLE FileHandle, PIO_STATUS_BLOCK Iosb,
              NTSTATUS Status)
{
    IO_STATUS_BLOCK result = {.Status = Status, .Information = Create->Packet.Information};
    HANDLE handle;
    NTSTATUS status;

    __atomic_or_fetch(&File->Flags, FO_HANDLE_CREATED, __ATOMIC_RELAXED);
    status = ObpCreateHandle(File, Create->Packet.Granted, Create->Attributes.Attributes, &handle);
    ObDereferenceObject(File);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = MiCopyToUser(FileHandle, &handle, sizeof(handle), Create->Mode);
    if (NT_SUCCESS(status)) {
        status = MiCopyToUser(Iosb, &result, sizeof(result), Create->Mode);
    }
    if (!NT_SUCCESS(status)) {
        NtClose(handle);
        return status;
    }
    return Status;
}

/*
 * Looks the name up; a driver that answers with STATUS_REPARSE names another, which is looked up
 * from the root. As often as a name may lead over symbolic links, lest two drivers send it to and
 * fro for ever.
 */
static NTSTATUS
IopFollowName(IOP_CREATE *Create, PVOID *File)
{
    IOP_OPEN_PACKET *packet = &Create->Packet;
    UNICODE_STRING name = Create->Attributes.Name;
    HANDLE root = Create->Attributes.RootDirectory;
    PWSTR followed = NULL;
    NTSTATUS status = STATUS_OBJECT_NAME_NOT_FOUND;

    for (ULONG depth = 0; depth < IOP_REPARSE_LIMIT; ++depth) {
        OBP_OPEN_REQUEST request = {.DesiredAccess = Create->DesiredAccess,
                                    .Attributes = Create->Attributes.Attributes,
                                    .AccessMode = Create->Mode,
                                    .Context = packet};

        packet->RelatedFile = NULL;
        packet->ParseDone = FALSE;
        packet->Reparsed = FALSE;
        status = ObpOpenByName(&name, root, IopFileType, &request, File);
        if (!packet->Reparsed) {
            break;
        }
        status = STATUS_OBJECT_NAME_NOT_FOUND;
        if (followed != NULL) {
            ExFreePool(followed);
        }
        name = packet->NewName;
        followed = name.Buffer;
        root = NULL;
    }
    if (followed != NULL) {
        ExFreePool(followed);
    }
    return status;
}

static NTSTATUS
IopOpenFile(IOP_CREATE *Create, PHANDLE FileHandle, PIO_STATUS_BLOCK Iosb)
{
    PVOID file;
    NTSTATUS status = IopFollowName(Create, &file);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (!Create->Packet.ParseDone) {
        /* A named file object, if there were such a thing: no driver was asked. */
        ObDereferenceObject(file);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    return IopReturnFile(Create, file, FileHandle, Iosb, status);
}

static NTSTATUS
IopCreateFile(KPROCESSOR_MODE Mode, PHANDLE FileHandle, ACCESS_MASK DesiredAccess,
              POBJECT_ATTRIBUTES Attributes, PIO_STATUS_BLOCK Iosb,
              const LARGE_INTEGER *AllocationSize, ULONG FileAttributes, ULONG Share,
              ULONG Disposition, ULONG Options, const VOID *Ea, ULONG EaLength)
{
    IOP_CREATE create;
    NTSTATUS status =
        IopCheckCreateArguments(DesiredAccess, FileAttributes, Share, Disposition, Options);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    RtlZeroMemory(&create, sizeof(create));
    create.Mode = Mode;
    create.DesiredAccess = DesiredAccess;
    create.Packet.Signature = IOP_OPEN_SIGNATURE;
    create.Packet.Options = Options;
    create.Packet.Disposition = Disposition;
    create.Packet.FileAttributes = (USHORT)FileAttributes;
    create.Packet.ShareAccess = (USHORT)Share;
    if (Mode != KernelMode) {
        status = MiProbeUser(FileHandle, sizeof(*FileHandle), 1, TRUE);
        if (NT_SUCCESS(status)) {
            status = MiProbeUser(Iosb, sizeof(*Iosb), 1, TRUE);
        }
    }
    if (NT_SUCCESS(status) && AllocationSize != NULL) {
        status = MiCopyFromUser(&create.Packet.AllocationSize, AllocationSize,
                                sizeof(*AllocationSize), Mode);
        if (NT_SUCCESS(status) && create.Packet.AllocationSize.QuadPart < 0) {
            status = STATUS_INVALID_PARAMETER;
        }
    }
    if (NT_SUCCESS(status)) {
        status = IopCaptureEa(&create, Ea, EaLength);
    }
    if (NT_SUCCESS(status)) {
        status = Attributes != NULL ? ObpCaptureAttributes(Attributes, Mode, &create.Attributes)
                                    : STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status)) {
        create.Packet.Security = create.Attributes.Security;
        status = IopOpenFile(&create, FileHandle, Iosb);
    }
    IopReleaseCreate(&create);
    return status;
}

#pragma GCC visibility push(default)

/*
 * NtCreateFile - opens a device, or what its driver makes of the rest of the name
 *
 * Returns  the driver's status; STATUS_OBJECT_NAME_NOT_FOUND and the path errors;
 *          STATUS_NO_SUCH_DEVICE (being initialised or deleted); STATUS_ACCESS_DENIED (also: an
 *          exclusive device that is open); STATUS_OBJECT_TYPE_MISMATCH (no device);
 *          STATUS_IO_REPARSE_TAG_NOT_HANDLED; STATUS_INVALID_PARAMETER; STATUS_ACCESS_VIOLATION;
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Differs  STATUS_REPARSE of a driver is followed to the file object's new name (IO_REPARSE); with
 *          the tag of a mount point or symbolic link, or IO_REMOUNT, it becomes
 *          STATUS_NOT_SUPPORTED, and is logged
 * Source   WDK reference, nf-ntifs-ntcreatefile
 */
NTSTATUS NTAPI
NtCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
             PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
             ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
             ULONG EaLength)
{
    NT_ENTER(NtCreateFile);
    return IopCreateFile(KiGetCurrentThread()->PreviousMode, FileHandle, DesiredAccess,
                         ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,
                         ShareAccess, CreateDisposition, CreateOptions, EaBuffer, EaLength);
}

/* NtCreateFile with FILE_OPEN. Source: WDK reference, nf-ntifs-ntopenfile */
NTSTATUS NTAPI
NtOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    NT_ENTER(NtOpenFile);
    return IopCreateFile(KiGetCurrentThread()->PreviousMode, FileHandle, DesiredAccess,
                         ObjectAttributes, IoStatusBlock, NULL, 0, ShareAccess, FILE_OPEN,
                         OpenOptions, NULL, 0);
}

/* NtCreateFile called by the kernel. PASSIVE_LEVEL. Source: nf-wdm-zwcreatefile */
NTSTATUS NTAPI
ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
             PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
             ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
             ULONG EaLength)
{
    NT_ENTER(ZwCreateFile);
    PKTHREAD thread = KiGetCurrentThread();
    KPROCESSOR_MODE mode = thread->PreviousMode;
    NTSTATUS status;

    thread->PreviousMode = KernelMode;
    status = IopCreateFile(KernelMode, FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock,
                           AllocationSize, FileAttributes, ShareAccess, CreateDisposition,
                           CreateOptions, EaBuffer, EaLength);
    thread->PreviousMode = mode;
    return status;
}

/* ZwCreateFile with FILE_OPEN. Source: nf-wdm-zwopenfile */
NTSTATUS NTAPI
ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    NT_ENTER(ZwOpenFile);
    return ZwCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0,
                        ShareAccess, FILE_OPEN, OpenOptions, NULL, 0);
}

/*
 * IoCreateFile - NtCreateFile for drivers
 *
 * Options  IO_NO_PARAMETER_CHECKING: the arguments are the kernel's; otherwise PreviousMode
 *          decides. IO_FORCE_ACCESS_CHECK: access is checked as if a program asked.
 *
 * Returns  as NtCreateFile; STATUS_NOT_SUPPORTED for named pipes and mailslots
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iocreatefile
 */
NTSTATUS NTAPI
IoCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
             PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
             ULONG ShareAccess, ULONG Disposition, ULONG CreateOptions, PVOID EaBuffer,
             ULONG EaLength, CREATE_FILE_TYPE CreateFileType, PVOID InternalParameters,
             ULONG Options)
{
    NT_ENTER(IoCreateFile);
    OBJECT_ATTRIBUTES forced;

    if (CreateFileType != CreateFileTypeNone || InternalParameters != NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    if ((Options & IO_FORCE_ACCESS_CHECK) && ObjectAttributes != NULL &&
        ((Options & IO_NO_PARAMETER_CHECKING) || ExGetPreviousMode() == KernelMode)) {
        forced = *ObjectAttributes;
        forced.Attributes |= OBJ_FORCE_ACCESS_CHECK;
        ObjectAttributes = &forced;
    }
    if (Options & IO_NO_PARAMETER_CHECKING) {
        return ZwCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock,
                            AllocationSize, FileAttributes, ShareAccess, Disposition, CreateOptions,
                            EaBuffer, EaLength);
    }
    return NtCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, AllocationSize,
                        FileAttributes, ShareAccess, Disposition, CreateOptions, EaBuffer,
                        EaLength);
}

/*
 * IoGetDeviceObjectPointer - opens a device by name, without a handle to keep
 *
 * Returns  STATUS_SUCCESS: *FileObject is referenced (its release is the close), *DeviceObject is
 *          the top of the stack and is not. As ZwOpenFile otherwise.
 * IRQL     PASSIVE_LEVEL. The driver gets CREATE and CLEANUP before this returns.
 * Source   WDK reference, nf-wdm-iogetdeviceobjectpointer
 */
NTSTATUS NTAPI
IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess,
                         PFILE_OBJECT *FileObject, PDEVICE_OBJECT *DeviceObject)
{
    NT_ENTER(IoGetDeviceObjectPointer);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    PVOID file;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, ObjectName, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = ZwOpenFile(&handle, DesiredAccess, &attributes, &iosb, 0, FILE_NON_DIRECTORY_FILE);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObReferenceObjectByHandle(handle, 0, IopFileType, KernelMode, &file, NULL);
    if (NT_SUCCESS(status)) {
        *FileObject = file;
        *DeviceObject = IoGetRelatedDeviceObject(file);
    }
    ZwClose(handle);
    return status;
}

#pragma GCC visibility pop
