/* SPDX-License-Identifier: MIT
 *
 * io/information.c - NtQueryInformationFile and NtSetInformationFile
 *
 * Some classes are the I/O manager's own (position of a synchronous file, access, mode, alignment,
 * completion port, notification modes); the others go to the driver as IRP_MJ_QUERY_INFORMATION
 * or IRP_MJ_SET_INFORMATION with a system buffer.
 *
 * Source   WDK reference, ntifs.h NtQueryInformationFile, NtSetInformationFile, FILE_*_INFORMATION.
 */
#include "io/iop.h"

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
    {FileNetworkOpenInformation, sizeof(FILE_NETWORK_OPEN_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileAttributeTagInformation, sizeof(FILE_ATTRIBUTE_TAG_INFORMATION), FILE_READ_ATTRIBUTES},
    {FileIoCompletionNotificationInformation, sizeof(FILE_IO_COMPLETION_NOTIFICATION_INFORMATION),
     0},
};

static const IOP_INFORMATION_CLASS IopSetClasses[] = {
    {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), FILE_WRITE_ATTRIBUTES},
    {FileDispositionInformation, sizeof(FILE_DISPOSITION_INFORMATION), DELETE},
    {FilePositionInformation, sizeof(FILE_POSITION_INFORMATION), 0},
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
    ULONG value = 0;

    switch (Information->Class) {
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

/* FALSE: the driver's business. Data is a copy of the caller's buffer. */
static BOOLEAN
IopSetHere(IOP_REQUEST *Request, const IOP_INFORMATION *Information, const VOID *Data,
           NTSTATUS *Status)
{
    switch (Information->Class) {
    case FilePositionInformation: {
        LARGE_INTEGER position = ((const FILE_POSITION_INFORMATION *)Data)->CurrentByteOffset;

        if (!Request->FileLocked) {
            return FALSE;
        }
        *Status = position.QuadPart < 0 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
        if (NT_SUCCESS(*Status)) {
            Request->File->CurrentByteOffset = position;
        }
        break;
    }
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

static NTSTATUS
IopAskInformation(IOP_REQUEST *Request, const IOP_INFORMATION *Information, UCHAR Major,
                  ULONG_PTR Caller)
{
    IOP_IRP *header = IopAllocateRequestIrp(Request, Major, Caller);
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
            status = STATUS_SUCCESS;
        } else {
            status = MiCopyFromUser(header->Irp.AssociatedIrp.SystemBuffer, Information->Buffer,
                                    Information->Length, Request->Mode);
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
    IOP_INFORMATION information = {FileInformation, Length, FileInformationClass};
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
 *          synchronous file
 * IRQL     PASSIVE_LEVEL. Always waits.
 * Source   WDK reference, nf-ntifs-ntsetinformationfile
 */
NTSTATUS NTAPI
NtSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                     ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    NT_ENTER(NtSetInformationFile);
    IOP_INFORMATION information = {FileInformation, Length, FileInformationClass};
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
