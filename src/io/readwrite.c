/* SPDX-License-Identifier: MIT
 *
 * io/readwrite.c - NtReadFile, NtWriteFile, NtFlushBuffersFile
 *
 * How data travels is the device's choice: DO_BUFFERED_IO by a system buffer, DO_DIRECT_IO by an
 * MDL, neither: the caller's address as given.
 *
 * Source   WDK reference, ntifs.h NtReadFile, NtWriteFile, "Methods for Accessing Data Buffers".
 */
#include "io/iop.h"

typedef struct IOP_TRANSFER {
    UCHAR Major; /* IRP_MJ_READ or IRP_MJ_WRITE */
    PVOID Buffer;
    ULONG Length;
    LARGE_INTEGER Offset;
    BOOLEAN HasOffset;
    ULONG Key;
} IOP_TRANSFER;

static NTSTATUS
IopCaptureTransfer(IOP_TRANSFER *Transfer, const LARGE_INTEGER *Offset, const ULONG *Key)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    NTSTATUS status = STATUS_SUCCESS;

    if (mode != KernelMode && Transfer->Length != 0) {
        status = MiProbeUser(Transfer->Buffer, Transfer->Length, 1, Transfer->Major == IRP_MJ_READ);
    }
    if (NT_SUCCESS(status) && Offset != NULL) {
        status = MiCopyFromUser(&Transfer->Offset, Offset, sizeof(*Offset), mode);
        Transfer->HasOffset = TRUE;
    }
    if (NT_SUCCESS(status) && Key != NULL) {
        status = MiCopyFromUser(&Transfer->Key, Key, sizeof(*Key), mode);
    }
    return status;
}

/* The position to use, by the rules for synchronous and asynchronous files. */
static NTSTATUS
IopResolveOffset(IOP_TRANSFER *Transfer, const IOP_REQUEST *Request)
{
    BOOLEAN isWrite = Transfer->Major == IRP_MJ_WRITE;
    PLARGE_INTEGER offset = &Transfer->Offset;
    BOOLEAN usesPointer =
        !Transfer->HasOffset ||
        (offset->HighPart == -1 && offset->LowPart == FILE_USE_FILE_POINTER_POSITION);

    if (isWrite && (Request->Granted & (FILE_APPEND_DATA | FILE_WRITE_DATA)) == FILE_APPEND_DATA) {
        offset->HighPart = -1;
        offset->LowPart = FILE_WRITE_TO_END_OF_FILE;
        return STATUS_SUCCESS;
    }
    if (usesPointer) {
        if (!Request->FileLocked) {
            return STATUS_INVALID_PARAMETER;
        }
        *offset = Request->File->CurrentByteOffset;
        return STATUS_SUCCESS;
    }
    if (isWrite && offset->HighPart == -1 && offset->LowPart == FILE_WRITE_TO_END_OF_FILE) {
        return STATUS_SUCCESS;
    }
    return offset->QuadPart < 0 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

static NTSTATUS
IopCheckTransfer(IOP_TRANSFER *Transfer, const IOP_REQUEST *Request)
{
    ACCESS_MASK any =
        Transfer->Major == IRP_MJ_READ ? FILE_READ_DATA : FILE_WRITE_DATA | FILE_APPEND_DATA;

    if (Request->Mode != KernelMode && !(Request->Granted & any)) {
        return STATUS_ACCESS_DENIED;
    }
    return IopResolveOffset(Transfer, Request);
}

static NTSTATUS
IopPrepareTransfer(IOP_IRP *Header, const IOP_TRANSFER *Transfer, const IOP_REQUEST *Request)
{
    BOOLEAN isRead = Transfer->Major == IRP_MJ_READ;
    PIRP irp = &Header->Irp;
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(irp);

    /* Read and Write have the same layout. */
    location->Parameters.Read.Length = Transfer->Length;
    location->Parameters.Read.Key = Transfer->Key;
    location->Parameters.Read.ByteOffset = Transfer->Offset;
    irp->Flags |= isRead ? IRP_READ_OPERATION : IRP_WRITE_OPERATION;
    irp->UserBuffer = Transfer->Buffer;
    if (Transfer->Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Request->Device->Flags & DO_BUFFERED_IO) {
        NTSTATUS status = IopChargeBuffer(Header, Transfer->Length);

        if (!NT_SUCCESS(status)) {
            return status;
        }
        if (!IopAllocateSystemBuffer(Header, Transfer->Length)) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        if (isRead) {
            irp->Flags |= IRP_INPUT_OPERATION;
            Header->OutputLength = Transfer->Length;
            return STATUS_SUCCESS;
        }
        return MiCopyFromUser(irp->AssociatedIrp.SystemBuffer, Transfer->Buffer, Transfer->Length,
                              Request->Mode);
    }
    if (Request->Device->Flags & DO_DIRECT_IO) {
        return IopLockUserBuffer(Header, Transfer->Buffer, Transfer->Length,
                                 isRead ? IoWriteAccess : IoReadAccess, Request->Mode);
    }
    return IopViewUserBuffer(Header, &irp->UserBuffer, Transfer->Length);
}

static NTSTATUS
IopTransferFile(IOP_TRANSFER *Transfer, HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc,
                PVOID ApcContext, PIO_STATUS_BLOCK Iosb, const LARGE_INTEGER *Offset,
                const ULONG *Key, ULONG_PTR Caller)
{
    IOP_REQUEST request;
    IOP_IRP *header;
    NTSTATUS status = IopCaptureTransfer(Transfer, Offset, Key);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IopBeginRequest(&request, Handle, Event, Apc, ApcContext, Iosb, FALSE);
    if (status != STATUS_SUCCESS) {
        return status;
    }
    status = IopCheckTransfer(Transfer, &request);
    if (!NT_SUCCESS(status)) {
        IopEndRequest(&request);
        return status;
    }
    header = IopAllocateRequestIrp(&request, Transfer->Major,
                                   (request.Device->Flags & DO_BUFFERED_IO) != 0, Caller);
    if (header == NULL) {
        IopEndRequest(&request);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = IopPrepareTransfer(header, Transfer, &request);
    if (!NT_SUCCESS(status)) {
        IopDiscardIrp(header);
        IopEndRequest(&request);
        return status;
    }
    return IopIssueRequest(&request, header, Caller);
}

#pragma GCC visibility push(default)

/*
 * NtReadFile - IRP_MJ_READ
 *
 * ByteOffset  NULL on a synchronous file: its CurrentByteOffset, which the driver advances;
 *             STATUS_INVALID_PARAMETER on an asynchronous one
 *
 * Returns  as NtDeviceIoControlFile; STATUS_ACCESS_DENIED without FILE_READ_DATA
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-ntreadfile
 */
NTSTATUS NTAPI
NtReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
           PULONG Key)
{
    NT_ENTER(NtReadFile);
    IOP_TRANSFER transfer = {.Major = IRP_MJ_READ, .Buffer = Buffer, .Length = Length};

    return IopTransferFile(&transfer, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock,
                           ByteOffset, Key, NT_CALLER());
}

/* NtWriteFile - IRP_MJ_WRITE; as NtReadFile. Source: WDK reference, nf-ntifs-ntwritefile */
NTSTATUS NTAPI
NtWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
            PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
            PULONG Key)
{
    NT_ENTER(NtWriteFile);
    IOP_TRANSFER transfer = {.Major = IRP_MJ_WRITE, .Buffer = Buffer, .Length = Length};

    return IopTransferFile(&transfer, FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock,
                           ByteOffset, Key, NT_CALLER());
}

/*
 * NtFlushBuffersFile - IRP_MJ_FLUSH_BUFFERS; always waits
 *
 * Returns  the driver's status; STATUS_ACCESS_DENIED without write or append access
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-zwflushbuffersfile
 */
NTSTATUS NTAPI
NtFlushBuffersFile(HANDLE Handle, PIO_STATUS_BLOCK Iosb)
{
    NT_ENTER(NtFlushBuffersFile);
    IOP_REQUEST request;
    IOP_IRP *header;
    NTSTATUS status;

    status = IopBeginRequest(&request, Handle, NULL, NULL, NULL, Iosb, TRUE);
    if (status != STATUS_SUCCESS) {
        return status;
    }
    if (request.Mode != KernelMode && !(request.Granted & (FILE_WRITE_DATA | FILE_APPEND_DATA))) {
        IopEndRequest(&request);
        return STATUS_ACCESS_DENIED;
    }
    header = IopAllocateRequestIrp(&request, IRP_MJ_FLUSH_BUFFERS, TRUE, NT_CALLER());
    if (header == NULL) {
        IopEndRequest(&request);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return IopIssueRequest(&request, header, NT_CALLER());
}

#pragma GCC visibility pop
