/* SPDX-License-Identifier: MIT
 *
 * io/information.c - NtQueryInformationFile and NtSetInformationFile
 *
 * Some classes are the I/O manager's own (position of a synchronous file, access, mode, alignment,
 * remote device, completion port, notification modes); the others go to the driver as
 * IRP_MJ_QUERY_INFORMATION or IRP_MJ_SET_INFORMATION with a system buffer. Of FileAllInformation
 * the driver finds access, mode and alignment filled in.
 *
 * Source   WDK reference, ntifs.h NtQueryInformationFile, NtSetInformationFile, FILE_*_INFORMATION;
 *          [MS-FSA] 2.1.5.15 FileModeInformation, FilePositionInformation
 */
#include "io/iop.h"

/* FILE_ID_INFORMATION, which the DDK headers lack: a volume's serial number, 128 bits of a file */
#define IOP_FILE_ID_SIZE 24u

typedef struct IOP_INFORMATION_CLASS {
    ULONG Class;
    ULONG Size; /* smallest buffer */
    ACCESS_MASK Access;
} IOP_INFORMATION_CLASS;

static const IOP_INFORMATION_CLASS IopQueryClasses[] = {
    {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileStandardInformation, sizeof(FILE_STANDARD_INFORMATION), 0},
    {FileInternalInformation, sizeof(FILE_INTERNAL_INFORMATION), 0},
    {FileEaInformation, sizeof(FILE_EA_INFORMATION), 0},
    {FileAccessInformation, sizeof(FILE_ACCESS_INFORMATION), 0},
    {FileNameInformation, sizeof(FILE_NAME_INFORMATION), 0},
    {FilePositionInformation, sizeof(FILE_POSITION_INFORMATION), 0},
    {FileModeInformation, sizeof(FILE_MODE_INFORMATION), 0},
    {FileAlignmentInformation, sizeof(FILE_ALIGNMENT_INFORMATION), 0},
    {FileAllInformation, sizeof(FILE_ALL_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileAlternateNameInformation, sizeof(FILE_NAME_INFORMATION), 0},
    {FileStreamInformation, sizeof(FILE_STREAM_INFORMATION), 0},
    {FilePipeInformation, sizeof(FILE_PIPE_INFORMATION), FILE_READ_ATTRIBUTES},
    {FilePipeLocalInformation, sizeof(FILE_PIPE_LOCAL_INFORMATION), FILE_READ_ATTRIBUTES},
    {FilePipeRemoteInformation, sizeof(FILE_PIPE_REMOTE_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileMailslotQueryInformation, sizeof(FILE_MAILSLOT_QUERY_INFORMATION), 0},
    {FileCompressionInformation, sizeof(FILE_COMPRESSION_INFORMATION), 0},
    {FileNetworkOpenInformation, sizeof(FILE_NETWORK_OPEN_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileAttributeTagInformation, sizeof(FILE_ATTRIBUTE_TAG_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileIoCompletionNotificationInformation, sizeof(FILE_IO_COMPLETION_NOTIFICATION_INFORMATION),
     0},
    {FileHardLinkInformation, sizeof(FILE_LINKS_INFORMATION), 0},
    {FileNormalizedNameInformation, sizeof(FILE_NAME_INFORMATION), 0},
    {FileIsRemoteDeviceInformation, sizeof(FILE_IS_REMOTE_DEVICE_INFORMATION), 0},
    {FileStandardLinkInformation, sizeof(FILE_STANDARD_LINK_INFORMATION), 0},
    {FileIdInformation, IOP_FILE_ID_SIZE, 0},
};

static const IOP_INFORMATION_CLASS IopSetClasses[] = {
    {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), FILE_WRITE_ATTRIBUTES},
    {FileRenameInformation, sizeof(FILE_RENAME_INFORMATION), DELETE},
    {FileLinkInformation, sizeof(FILE_LINK_INFORMATION), 0},
    {FileDispositionInformation, sizeof(FILE_DISPOSITION_INFORMATION), DELETE},
    {FilePositionInformation, sizeof(FILE_POSITION_INFORMATION), 0},
    {FileModeInformation, sizeof(FILE_MODE_INFORMATION), 0},
    {FilePipeInformation, sizeof(FILE_PIPE_INFORMATION), FILE_WRITE_ATTRIBUTES},
    {FilePipeRemoteInformation, sizeof(FILE_PIPE_REMOTE_INFORMATION), FILE_WRITE_ATTRIBUTES},
    {FileMailslotSetInformation, sizeof(FILE_MAILSLOT_SET_INFORMATION), 0},
    {FileValidDataLengthInformation, sizeof(FILE_VALID_DATA_LENGTH_INFORMATION), FILE_WRITE_DATA},
    {FileAllocationInformation, sizeof(FILE_ALLOCATION_INFORMATION), FILE_WRITE_DATA},
    {FileEndOfFileInformation, sizeof(FILE_END_OF_FILE_INFORMATION), FILE_WRITE_DATA},
    {FileCompletionInformation, sizeof(FILE_COMPLETION_INFORMATION), 0},
    {FileIoCompletionNotificationInformation, sizeof(FILE_IO_COMPLETION_NOTIFICATION_INFORMATION),
     0},
};

typedef struct IOP_INFORMATION {
    PVOID Buffer;
    ULONG Length;
    FILE_INFORMATION_CLASS Class;
    HANDLE Handle;
} IOP_INFORMATION;

static NTSTATUS
IopCheckClass(const IOP_INFORMATION_CLASS *Rows, SIZE_T Count, const IOP_INFORMATION *Information,
              ACCESS_MASK *Access)
{
    SIZE_T i;

    for (i = 0; i < Count; ++i) {
        if (Rows[i].Class == (ULONG)Information->Class) {
            *Access = Rows[i].Access;
            return Information->Length < Rows[i].Size ? STATUS_INFO_LENGTH_MISMATCH
                                                      : STATUS_SUCCESS;
        }
    }
    return STATUS_INVALID_INFO_CLASS;
}

/* ---- answered here ---- */

/* An answer without the driver: data, status block; ends the request. */
static NTSTATUS
IopAnswer(IOP_REQUEST *Request, const IOP_INFORMATION *Information, const VOID *Data, ULONG Length)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_SUCCESS, .Information = Length};
    NTSTATUS status = STATUS_SUCCESS;

    if (Length != 0) {
        status = MiCopyToUser(Information->Buffer, Data, Length, Request->Mode);
    }
    if (NT_SUCCESS(status)) {
        status = MiCopyToUser(Request->Iosb, &iosb, sizeof(iosb), Request->Mode);
    }
    IopEndRequest(Request);
    return status;
}

static ULONG
IopFileMode(PFILE_OBJECT File)
{
    ULONG mode = 0;

    mode |= (IopFlagsOf(File) & FO_WRITE_THROUGH) ? FILE_WRITE_THROUGH : 0;
    mode |= (IopFlagsOf(File) & FO_SEQUENTIAL_ONLY) ? FILE_SEQUENTIAL_ONLY : 0;
    mode |= (IopFlagsOf(File) & FO_NO_INTERMEDIATE_BUFFERING) ? FILE_NO_INTERMEDIATE_BUFFERING : 0;
    mode |= (IopFlagsOf(File) & FO_DELETE_ON_CLOSE) ? FILE_DELETE_ON_CLOSE : 0;
    if (IopFlagsOf(File) & FO_SYNCHRONOUS_IO) {
        mode |= (IopFlagsOf(File) & FO_ALERTABLE_IO) ? FILE_SYNCHRONOUS_IO_ALERT
                                                     : FILE_SYNCHRONOUS_IO_NONALERT;
    }
    return mode;
}

/* FALSE: the driver is to answer. */
static BOOLEAN
IopQueryHere(IOP_REQUEST *Request, const IOP_INFORMATION *Information, NTSTATUS *Status)
{
    PFILE_OBJECT file = Request->File;
    FILE_IS_REMOTE_DEVICE_INFORMATION remote;
    ULONG value = 0;

    switch (Information->Class) {
    case FileIsRemoteDeviceInformation:
        remote.IsRemote = (file->DeviceObject->Characteristics & FILE_REMOTE_DEVICE) != 0;
        *Status = IopAnswer(Request, Information, &remote, sizeof(remote));
        return TRUE;
    case FilePositionInformation:
        if (!Request->FileLocked) {
            return FALSE;
        }
        *Status = IopAnswer(Request, Information, &file->CurrentByteOffset,
                            sizeof(file->CurrentByteOffset));
        return TRUE;
    case FileAccessInformation:
        value = Request->Granted;
        break;
    case FileModeInformation:
        value = IopFileMode(file);
        break;
    case FileAlignmentInformation:
        value = Request->Device->AlignmentRequirement;
        break;
    case FileIoCompletionNotificationInformation:
        value |=
            (IopFlagsOf(file) & FO_SKIP_COMPLETION_PORT) ? FILE_SKIP_COMPLETION_PORT_ON_SUCCESS : 0;
        value |= (IopFlagsOf(file) & FO_SKIP_SET_EVENT) ? FILE_SKIP_SET_EVENT_ON_HANDLE : 0;
        break;
    default:
        return FALSE;
    }
    *Status = IopAnswer(Request, Information, &value, sizeof(value));
    return TRUE;
}

/* Source: SDK CreateIoCompletionPort: one port for the life of the file, no synchronous file. */
static NTSTATUS
IopBindPort(IOP_REQUEST *Request, const FILE_COMPLETION_INFORMATION *Information)
{
    PIO_COMPLETION_CONTEXT context;
    PIO_COMPLETION_CONTEXT none = NULL;
    PVOID port;
    NTSTATUS status;

    if (IopFlagsOf(Request->File) & FO_SYNCHRONOUS_IO) {
        return STATUS_INVALID_PARAMETER;
    }
    status = ObReferenceObjectByHandle(Information->Port, 2 /* IO_COMPLETION_MODIFY_STATE */,
                                       IopPortType, Request->Mode, &port, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    context = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*context), IOP_TAG_PORT);
    if (context == NULL) {
        ObDereferenceObject(port);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    context->Port = port;
    context->Key = Information->Key;
    if (!__atomic_compare_exchange_n(&Request->File->CompletionContext, &none, context, FALSE,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        ExFreePoolWithTag(context, IOP_TAG_PORT);
        ObDereferenceObject(port);
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
IopSetNotificationModes(PFILE_OBJECT File, ULONG Modes)
{
    ULONG flags = 0;

    if (Modes & ~(ULONG)(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE)) {
        return STATUS_INVALID_PARAMETER;
    }
    flags |= (Modes & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) ? FO_SKIP_COMPLETION_PORT : 0;
    flags |= (Modes & FILE_SKIP_SET_EVENT_ON_HANDLE) ? FO_SKIP_SET_EVENT : 0;
    /* Modes can be set, never taken back. */
    __atomic_or_fetch(&File->Flags, flags, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

/* A synchronous file stays one, and an asynchronous one, too. The file is locked if synchronous. */
static NTSTATUS
IopSetMode(PFILE_OBJECT File, ULONG Mode)
{
    const ULONG synchronous = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT;
    BOOLEAN isSynchronous = (IopFlagsOf(File) & FO_SYNCHRONOUS_IO) != 0;
    ULONG change = FO_SEQUENTIAL_ONLY;
    ULONG flags = 0;

    if ((Mode & ~(ULONG)FILE_VALID_SET_FLAGS) || (Mode & synchronous) == synchronous ||
        ((Mode & synchronous) != 0) != isSynchronous) {
        return STATUS_INVALID_PARAMETER;
    }
    change |= isSynchronous ? FO_ALERTABLE_IO : 0;
    /* Without buffers in between, every write goes through anyway. */
    change |= (IopFlagsOf(File) & FO_NO_INTERMEDIATE_BUFFERING) ? 0 : FO_WRITE_THROUGH;
    flags |= (Mode & FILE_SEQUENTIAL_ONLY) ? FO_SEQUENTIAL_ONLY : 0;
    flags |= (Mode & FILE_SYNCHRONOUS_IO_ALERT) ? FO_ALERTABLE_IO : 0;
    flags |= (Mode & FILE_WRITE_THROUGH) ? FO_WRITE_THROUGH : 0;
    __atomic_and_fetch(&File->Flags, ~(change & ~flags), __ATOMIC_RELAXED);
    __atomic_or_fetch(&File->Flags, change & flags, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

/* The file is locked. */
static NTSTATUS
IopSetPosition(IOP_REQUEST *Request, LARGE_INTEGER Position)
{
    USHORT sector = Request->Device->SectorSize;

    if (Position.QuadPart < 0 || ((IopFlagsOf(Request->File) & FO_NO_INTERMEDIATE_BUFFERING) &&
                                  sector != 0 && Position.QuadPart % sector != 0)) {
        return STATUS_INVALID_PARAMETER;
    }
    Request->File->CurrentByteOffset = Position;
    return STATUS_SUCCESS;
}

/* FALSE: the driver's business. Data is a copy of the caller's buffer. */
static BOOLEAN
IopSetHere(IOP_REQUEST *Request, const IOP_INFORMATION *Information, const VOID *Data,
           NTSTATUS *Status)
{
    switch (Information->Class) {
    case FilePositionInformation:
        if (!Request->FileLocked) {
            return FALSE;
        }
        *Status =
            IopSetPosition(Request, ((const FILE_POSITION_INFORMATION *)Data)->CurrentByteOffset);
        break;
    case FileModeInformation:
        *Status = IopSetMode(Request->File, ((const FILE_MODE_INFORMATION *)Data)->Mode);
        break;
    case FileCompletionInformation:
        *Status = IopBindPort(Request, Data);
        break;
    case FileIoCompletionNotificationInformation:
        *Status = IopSetNotificationModes(
            Request->File, ((const FILE_IO_COMPLETION_NOTIFICATION_INFORMATION *)Data)->Flags);
        break;
    default:
        return FALSE;
    }
    if (NT_SUCCESS(*Status)) {
        *Status = IopAnswer(Request, Information, NULL, 0);
    } else {
        IopEndRequest(Request);
    }
    return TRUE;
}

/* ---- asked of the driver ---- */

/* What the driver does not know: the handle's access, and what the file object says. */
static VOID
IopFillAllInformation(const IOP_REQUEST *Request, PIRP Irp)
{
    PFILE_ALL_INFORMATION all = Irp->AssociatedIrp.SystemBuffer;

    all->AccessInformation.AccessFlags = Request->Granted;
    all->ModeInformation.Mode = IopFileMode(Request->File);
    all->AlignmentInformation.AlignmentRequirement = Request->Device->AlignmentRequirement;
    Irp->IoStatus.Information = sizeof(all->AccessInformation) + sizeof(all->ModeInformation) +
                                sizeof(all->AlignmentInformation);
}

/* A new name: the driver gets it without a path, in the file's own folder. */
static NTSTATUS
IopPrepareRename(PIO_STACK_LOCATION Location, const FILE_RENAME_INFORMATION *Rename, ULONG Length)
{
    if (Rename->FileNameLength == 0 || (Rename->FileNameLength & 1) != 0 ||
        Rename->FileNameLength > Length - FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Rename->FileName[0] == L'\\' || Rename->RootDirectory != NULL) {
        IopLog("FileRenameInformation and FileLinkInformation: a target folder is not supported");
        return STATUS_NOT_SUPPORTED;
    }
    Location->Parameters.SetFile.ReplaceIfExists = Rename->ReplaceIfExists;
    return STATUS_SUCCESS;
}

/* The system buffer is there, with the caller's data. */
static NTSTATUS
IopPrepareSet(PIRP Irp, const IOP_INFORMATION *Information)
{
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(Irp);
    const FILE_DISPOSITION_INFORMATION *disposition = Irp->AssociatedIrp.SystemBuffer;

    switch (Information->Class) {
    case FileRenameInformation:
    case FileLinkInformation: /* both structures are alike */
        return IopPrepareRename(location, Irp->AssociatedIrp.SystemBuffer, Information->Length);
    case FileDispositionInformation:
        location->Parameters.SetFile.DeleteHandle =
            disposition->DeleteFile ? Information->Handle : NULL;
        return STATUS_SUCCESS;
    default:
        return STATUS_SUCCESS;
    }
}

static NTSTATUS
IopAskInformation(IOP_REQUEST *Request, const IOP_INFORMATION *Information, UCHAR Major,
                  ULONG_PTR Caller)
{
    IOP_IRP *header = IopAllocateRequestIrp(Request, Major, TRUE, Caller);
    PIO_STACK_LOCATION location;
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;

    if (header == NULL) {
        IopEndRequest(Request);
        return status;
    }
    location = IoGetNextIrpStackLocation(&header->Irp);
    /* QueryFile and SetFile begin alike. */
    location->Parameters.QueryFile.Length = Information->Length;
    location->Parameters.QueryFile.FileInformationClass = Information->Class;
    header->Irp.UserBuffer = Information->Buffer;
    if (IopAllocateSystemBuffer(header, Information->Length)) {
        if (Major == IRP_MJ_QUERY_INFORMATION) {
            header->Irp.Flags |= IRP_INPUT_OPERATION;
            header->OutputLength = Information->Length;
            RtlZeroMemory(header->Irp.AssociatedIrp.SystemBuffer, Information->Length);
            if (Information->Class == FileAllInformation) {
                IopFillAllInformation(Request, &header->Irp);
            }
            status = STATUS_SUCCESS;
        } else {
            status = MiCopyFromUser(header->Irp.AssociatedIrp.SystemBuffer, Information->Buffer,
                                    Information->Length, Request->Mode);
            if (NT_SUCCESS(status)) {
                status = IopPrepareSet(&header->Irp, Information);
            }
        }
    }
    if (!NT_SUCCESS(status)) {
        IopDiscardIrp(header);
        IopEndRequest(Request);
        return status;
    }
    return IopIssueRequest(Request, header, Caller);
}

/* Decode, common to both. On failure nothing is left to undo. */
static NTSTATUS
IopBeginInformation(IOP_REQUEST *Request, HANDLE Handle, PIO_STATUS_BLOCK Iosb,
                    const IOP_INFORMATION *Information, ACCESS_MASK Access, BOOLEAN IsQuery)
{
    NTSTATUS status;

    if (KiGetCurrentThread()->PreviousMode != KernelMode) {
        status = MiProbeUser(Information->Buffer, Information->Length, 1, IsQuery);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    status = IopBeginRequest(Request, Handle, NULL, NULL, NULL, Iosb, TRUE);
    if (status != STATUS_SUCCESS) {
        return status;
    }
    if (Request->Mode != KernelMode && (Request->Granted & Access) != Access) {
        IopEndRequest(Request);
        return STATUS_ACCESS_DENIED;
    }
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

/*
 * NtQueryInformationFile - what a file object, or its driver, says about itself
 *
 * Returns  STATUS_INVALID_INFO_CLASS: a class that ntbox does not know;
 *          STATUS_INFO_LENGTH_MISMATCH; STATUS_ACCESS_DENIED; the driver's status
 * IRQL     PASSIVE_LEVEL. Always waits.
 * Source   WDK reference, nf-ntifs-ntqueryinformationfile
 */
NTSTATUS NTAPI
NtQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                       ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    NT_ENTER(NtQueryInformationFile);
    IOP_INFORMATION information = {FileInformation, Length, FileInformationClass, FileHandle};
    IOP_REQUEST request;
    ACCESS_MASK access;
    NTSTATUS status;

    status = IopCheckClass(IopQueryClasses, sizeof(IopQueryClasses) / sizeof(IopQueryClasses[0]),
                           &information, &access);
    if (NT_SUCCESS(status)) {
        status =
            IopBeginInformation(&request, FileHandle, IoStatusBlock, &information, access, TRUE);
    }
    if (status != STATUS_SUCCESS) {
        return status;
    }
    if (IopQueryHere(&request, &information, &status)) {
        return status;
    }
    return IopAskInformation(&request, &information, IRP_MJ_QUERY_INFORMATION, NT_CALLER());
}

/*
 * NtSetInformationFile - changes what NtQueryInformationFile tells, or binds a completion port
 *
 * Returns  as NtQueryInformationFile; STATUS_INVALID_PARAMETER: a second port, or a port for a
 *          synchronous file; a mode that a file cannot change to; a position that is negative or,
 *          without intermediate buffers, within a sector; a new name that is none
 * IRQL     PASSIVE_LEVEL. Always waits.
 * Differs  a new name with a path or a folder's handle is STATUS_NOT_SUPPORTED
 * Source   WDK reference, nf-ntifs-ntsetinformationfile
 */
NTSTATUS NTAPI
NtSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                     ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    NT_ENTER(NtSetInformationFile);
    IOP_INFORMATION information = {FileInformation, Length, FileInformationClass, FileHandle};
    UCHAR data[16] __attribute__((aligned(8))); /* the largest class handled here */
    IOP_REQUEST request;
    ACCESS_MASK access;
    NTSTATUS status;

    status = IopCheckClass(IopSetClasses, sizeof(IopSetClasses) / sizeof(IopSetClasses[0]),
                           &information, &access);
    if (NT_SUCCESS(status)) {
        status =
            IopBeginInformation(&request, FileHandle, IoStatusBlock, &information, access, FALSE);
    }
    if (status != STATUS_SUCCESS) {
        return status;
    }
    status = MiCopyFromUser(data, FileInformation, Length < sizeof(data) ? Length : sizeof(data),
                            request.Mode);
    if (!NT_SUCCESS(status)) {
        IopEndRequest(&request);
        return status;
    }
    if (IopSetHere(&request, &information, data, &status)) {
        return status;
    }
    return IopAskInformation(&request, &information, IRP_MJ_SET_INFORMATION, NT_CALLER());
}

#pragma GCC visibility pop
