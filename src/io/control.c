/* SPDX-License-Identifier: MIT
 *
 * io/control.c - NtDeviceIoControlFile and NtFsControlFile
 *
 * Method     input                       output
 * BUFFERED   copied to SystemBuffer      copied back from SystemBuffer, Information bytes
 * IN_DIRECT  copied to SystemBuffer      MDL, locked for reading
 * OUT_DIRECT copied to SystemBuffer      MDL, locked for writing
 * NEITHER    Type3InputBuffer, as given  UserBuffer, as given
 *
 * Source   WDK reference, ntifs.h NtDeviceIoControlFile, "Buffer Descriptions for I/O Control
 *          Codes", "Defining I/O Control Codes" (RequiredAccess).
 */
#include "io/iop.h"

typedef struct IOP_CONTROL {
    ULONG Code;
    PVOID In;
    ULONG InLength;
    PVOID Out;
    ULONG OutLength;
} IOP_CONTROL;

/* NT probes what it copies or copies to; direct output is probed when it is locked. */
static NTSTATUS
IopProbeControl(const IOP_CONTROL *Control)
{
    ULONG method = Control->Code & 3;
    NTSTATUS status = STATUS_SUCCESS;

    if (method == METHOD_BUFFERED && Control->Out != NULL && Control->OutLength != 0) {
        status = MiProbeUser(Control->Out, Control->OutLength, 1, TRUE);
    }
    if (NT_SUCCESS(status) && method != METHOD_NEITHER && Control->In != NULL &&
        Control->InLength != 0) {
        status = MiProbeUser(Control->In, Control->InLength, 1, FALSE);
    }
    return status;
}

static BOOLEAN
IopControlAllowed(ULONG Code, ACCESS_MASK Granted)
{
    ULONG required = (Code >> 14) & 3;

    return (!(required & FILE_READ_ACCESS) || (Granted & FILE_READ_DATA)) &&
           (!(required & FILE_WRITE_ACCESS) || (Granted & FILE_WRITE_DATA));
}

static NTSTATUS
IopPrepareBuffered(IOP_IRP *Header, const IOP_CONTROL *Control, KPROCESSOR_MODE Mode)
{
    PIRP irp = &Header->Irp;
    ULONG length = Control->InLength > Control->OutLength ? Control->InLength : Control->OutLength;
    NTSTATUS status;

    if (length == 0) {
        return STATUS_SUCCESS;
    }
    status = IopChargeBuffer(Header, length);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (!IopAllocateSystemBuffer(Header, length)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Control->Out != NULL && Control->OutLength != 0) {
        irp->Flags |= IRP_INPUT_OPERATION;
        Header->OutputLength = Control->OutLength;
    }
    irp->UserBuffer = Control->Out;
    return Control->In != NULL && Control->InLength != 0
               ? MiCopyFromUser(irp->AssociatedIrp.SystemBuffer, Control->In, Control->InLength,
                                Mode)
               : STATUS_SUCCESS;
}

static NTSTATUS
IopPrepareDirect(IOP_IRP *Header, const IOP_CONTROL *Control, KPROCESSOR_MODE Mode)
{
    BOOLEAN isOut = (Control->Code & 3) == METHOD_OUT_DIRECT;
    NTSTATUS status = STATUS_SUCCESS;

    if (Control->InLength != 0 && Control->In != NULL) {
        status = IopChargeBuffer(Header, Control->InLength);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        if (!IopAllocateSystemBuffer(Header, Control->InLength)) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        status = MiCopyFromUser(Header->Irp.AssociatedIrp.SystemBuffer, Control->In,
                                Control->InLength, Mode);
    }
    if (NT_SUCCESS(status) && Control->OutLength != 0) {
        status = IopLockUserBuffer(Header, Control->Out, Control->OutLength,
                                   isOut ? IoWriteAccess : IoReadAccess, Mode);
    }
    Header->Irp.UserBuffer = Control->Out;
    return status;
}

/* In and out may be one buffer: then the driver sees one. */
static NTSTATUS
IopPrepareNeither(IOP_IRP *Header, const IOP_CONTROL *Control)
{
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(&Header->Irp);
    PVOID in = Control->In;
    PVOID out = Control->Out;
    ULONG length = Control->OutLength;
    NTSTATUS status;

    if (out == in) {
        length = max(length, Control->InLength);
    }
    status = IopViewUserBuffer(Header, &out, length);
    if (NT_SUCCESS(status) && Control->In == Control->Out) {
        in = out;
    } else if (NT_SUCCESS(status)) {
        status = IopViewUserBuffer(Header, &in, Control->InLength);
    }
    location->Parameters.DeviceIoControl.Type3InputBuffer = in;
    Header->Irp.UserBuffer = out;
    return status;
}

static NTSTATUS
IopPrepareControl(IOP_IRP *Header, const IOP_CONTROL *Control, KPROCESSOR_MODE Mode)
{
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(&Header->Irp);

    location->Parameters.DeviceIoControl.IoControlCode = Control->Code;
    location->Parameters.DeviceIoControl.InputBufferLength = Control->InLength;
    location->Parameters.DeviceIoControl.OutputBufferLength = Control->OutLength;
    switch (Control->Code & 3) {
    case METHOD_BUFFERED:
        return IopPrepareBuffered(Header, Control, Mode);
    case METHOD_NEITHER:
        return IopPrepareNeither(Header, Control);
    default:
        return IopPrepareDirect(Header, Control, Mode);
    }
}

static NTSTATUS
IopControlFile(UCHAR Major, HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc, PVOID ApcContext,
               PIO_STATUS_BLOCK Iosb, const IOP_CONTROL *Control, ULONG_PTR Caller)
{
    IOP_REQUEST request;
    IOP_IRP *header;
    NTSTATUS status;

    if (KiGetCurrentThread()->PreviousMode != KernelMode) {
        status = IopProbeControl(Control);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    status = IopBeginRequest(&request, Handle, Event, Apc, ApcContext, Iosb, FALSE);
    if (status != STATUS_SUCCESS) {
        return status;
    }
    if (request.Mode != KernelMode && !IopControlAllowed(Control->Code, request.Granted)) {
        IopEndRequest(&request);
        return STATUS_ACCESS_DENIED;
    }
    header = IopAllocateRequestIrp(
        &request, Major,
        (Control->Code & 3) != METHOD_NEITHER &&
            (Control->InLength != 0 || (Control->Code & 3) == METHOD_BUFFERED),
        Caller);
    if (header == NULL) {
        IopEndRequest(&request);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = IopPrepareControl(header, Control, request.Mode);
    if (!NT_SUCCESS(status)) {
        IopDiscardIrp(header);
        IopEndRequest(&request);
        return status;
    }
    return IopIssueRequest(&request, header, Caller);
}

#pragma GCC visibility push(default)

/*
 * NtDeviceIoControlFile - IRP_MJ_DEVICE_CONTROL
 *
 * Returns  the driver's status, or STATUS_PENDING on an asynchronous file;
 *          STATUS_ACCESS_DENIED: the code's access bits exceed the handle's granted access;
 *          STATUS_ACCESS_VIOLATION, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH,
 *          STATUS_INSUFFICIENT_RESOURCES; STATUS_NOT_SUPPORTED: an APC routine of a kernel
 *          caller, or with a file opened for synchronous I/O; STATUS_INVALID_PARAMETER: an APC
 *          routine, and the file has a completion port
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-ntdeviceiocontrolfile
 */
NTSTATUS NTAPI
NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                      PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                      ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    NT_ENTER(NtDeviceIoControlFile);
    IOP_CONTROL control = {IoControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                           OutputBufferLength};

    return IopControlFile(IRP_MJ_DEVICE_CONTROL, FileHandle, Event, ApcRoutine, ApcContext,
                          IoStatusBlock, &control, NT_CALLER());
}

/* The same as IRP_MJ_FILE_SYSTEM_CONTROL. Source: WDK reference, nf-ntifs-ntfscontrolfile */
NTSTATUS NTAPI
NtFsControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                PIO_STATUS_BLOCK IoStatusBlock, ULONG FsControlCode, PVOID InputBuffer,
                ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    NT_ENTER(NtFsControlFile);
    IOP_CONTROL control = {FsControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                           OutputBufferLength};

    return IopControlFile(IRP_MJ_FILE_SYSTEM_CONTROL, FileHandle, Event, ApcRoutine, ApcContext,
                          IoStatusBlock, &control, NT_CALLER());
}

#pragma GCC visibility pop
