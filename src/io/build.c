/* SPDX-License-Identifier: MIT
 *
 * io/build.c - IRPs that drivers build for other drivers
 *
 * IoBuildSynchronousFsdRequest and IoBuildDeviceIoControlRequest make threaded IRPs: they hang on
 * the building thread's list until completed, and the I/O manager frees them. An IRP of
 * IoBuildAsynchronousFsdRequest belongs to the caller, whose completion routine frees it.
 *
 * Source   WDK reference, wdm.h IoBuild*Request.
 */
#include "io/iop.h"

/* Read, write, flush, shutdown; and PnP and power, without parameters. */
static NTSTATUS
IopPrepareFsd(IOP_IRP *Header, ULONG Major, PDEVICE_OBJECT Device, PVOID Buffer, ULONG Length,
              PLARGE_INTEGER Offset)
{
    PIRP irp = &Header->Irp;
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(irp);

    location->MajorFunction = (UCHAR)Major;
    if (Major != IRP_MJ_READ && Major != IRP_MJ_WRITE) {
        return STATUS_SUCCESS;
    }
    location->Parameters.Read.Length = Length;
    if (Offset != NULL) {
        location->Parameters.Read.ByteOffset = *Offset;
    }
    irp->UserBuffer = Buffer;
    irp->Flags |= Major == IRP_MJ_READ ? IRP_READ_OPERATION : IRP_WRITE_OPERATION;
    if (Length == 0) {
        return STATUS_SUCCESS;
    }
    if (Device->Flags & DO_BUFFERED_IO) {
        if (!IopAllocateSystemBuffer(Header, Length)) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        if (Major == IRP_MJ_READ) {
            irp->Flags |= IRP_INPUT_OPERATION;
            Header->OutputLength = Length;
        } else {
            memcpy(irp->AssociatedIrp.SystemBuffer, Buffer, Length);
        }
    } else if (Device->Flags & DO_DIRECT_IO) {
        return IopLockUserBuffer(Header, Buffer, Length,
                                 Major == IRP_MJ_READ ? IoWriteAccess : IoReadAccess, KernelMode);
    }
    return STATUS_SUCCESS;
}

/* As Verifier's 0xC9/0x08: memory must be there for what it is asked for. */
static VOID
IopCheckBuildBuffer(const VOID *Buffer, ULONG Length, const char *Function)
{
    if (Length != 0 && Buffer == NULL) {
        KiBugCheckDetail(IOP_BUGCHECK_IO, IOP_C9_BUILD_BAD_BUFFER, (ULONG_PTR)Buffer, Length, 0,
                         "%s with a NULL buffer of %u bytes", Function, Length);
    }
}

#pragma GCC visibility push(default)

/*
 * IoBuildSynchronousFsdRequest - a threaded IRP_MJ_READ, WRITE, FLUSH_BUFFERS, SHUTDOWN (or PnP)
 *
 * Event          signalled at completion: wait for it if IoCallDriver returned STATUS_PENDING
 * IoStatusBlock  set at completion; not if the driver fails the IRP without pending it
 *
 * Returns  NULL without memory
 * IRQL     APC_LEVEL
 * Differs  completion does not need APCs: a thread in a critical region may wait
 * Source   WDK reference, nf-wdm-iobuildsynchronousfsdrequest
 */
PIRP NTAPI
IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer,
                             ULONG Length, PLARGE_INTEGER StartingOffset, PKEVENT Event,
                             PIO_STATUS_BLOCK IoStatusBlock)
{
    NT_ENTER(IoBuildSynchronousFsdRequest);
    IOP_IRP *header;

    IopCheckBuildBuffer(Buffer, Length, __func__);
    header = IopAllocateIrp(DeviceObject->StackSize, IopIrpThreaded, NT_CALLER());
    if (header == NULL) {
        return NULL;
    }
    if (!NT_SUCCESS(
            IopPrepareFsd(header, MajorFunction, DeviceObject, Buffer, Length, StartingOffset))) {
        IopDiscardIrp(header);
        return NULL;
    }
    header->Irp.UserIosb = IoStatusBlock;
    header->Irp.UserEvent = Event;
    header->Irp.Tail.Overlay.Thread = (PETHREAD)KiGetCurrentThread();
    IopListThreadedIrp(header);
    return &header->Irp;
}

/*
 * IoBuildAsynchronousFsdRequest - the same, but the caller's own: its completion routine frees the
 * IRP (and, with IRP_DEALLOCATE_BUFFER, the system buffer, and MDLs) and returns
 * STATUS_MORE_PROCESSING_REQUIRED
 *
 * Returns  NULL without memory
 * IRQL     APC_LEVEL
 * Source   WDK reference, nf-wdm-iobuildasynchronousfsdrequest
 */
PIRP NTAPI
IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer,
                              ULONG Length, PLARGE_INTEGER StartingOffset,
                              PIO_STATUS_BLOCK IoStatusBlock)
{
    NT_ENTER(IoBuildAsynchronousFsdRequest);
    IOP_IRP *header;

    IopCheckBuildBuffer(Buffer, Length, __func__);
    header = IopAllocateIrp(DeviceObject->StackSize, IopIrpAsyncFsd, NT_CALLER());
    if (header == NULL) {
        return NULL;
    }
    if (!NT_SUCCESS(
            IopPrepareFsd(header, MajorFunction, DeviceObject, Buffer, Length, StartingOffset))) {
        IopDiscardIrp(header);
        return NULL;
    }
    header->Irp.UserIosb = IoStatusBlock;
    header->Irp.Tail.Overlay.Thread = (PETHREAD)KiGetCurrentThread();
    return &header->Irp;
}

static NTSTATUS
IopPrepareIoctl(IOP_IRP *Header, ULONG Code, PVOID In, ULONG InLength, PVOID Out, ULONG OutLength)
{
    PIRP irp = &Header->Irp;
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(irp);
    ULONG method = Code & 3;
    ULONG length = method == METHOD_BUFFERED && OutLength > InLength ? OutLength : InLength;

    location->Parameters.DeviceIoControl.IoControlCode = Code;
    location->Parameters.DeviceIoControl.InputBufferLength = InLength;
    location->Parameters.DeviceIoControl.OutputBufferLength = OutLength;
    irp->UserBuffer = Out;
    if (method == METHOD_NEITHER) {
        location->Parameters.DeviceIoControl.Type3InputBuffer = In;
        return STATUS_SUCCESS;
    }
    if (length != 0) {
        if (!IopAllocateSystemBuffer(Header, length)) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        if (In != NULL) {
            memcpy(irp->AssociatedIrp.SystemBuffer, In, InLength);
        }
    }
    if (method == METHOD_BUFFERED) {
        if (Out != NULL && OutLength != 0) {
            irp->Flags |= IRP_INPUT_OPERATION;
            Header->OutputLength = OutLength;
        }
        return STATUS_SUCCESS;
    }
    return OutLength == 0
               ? STATUS_SUCCESS
               : IopLockUserBuffer(Header, Out, OutLength,
                                   method == METHOD_OUT_DIRECT ? IoWriteAccess : IoReadAccess,
                                   KernelMode);
}

/*
 * IoBuildDeviceIoControlRequest - a threaded IRP_MJ_(INTERNAL_)DEVICE_CONTROL
 *
 * Returns  NULL without memory, or when a direct buffer cannot be locked
 * IRQL     APC_LEVEL. Event and IoStatusBlock as for IoBuildSynchronousFsdRequest.
 * Source   WDK reference, nf-wdm-iobuilddeviceiocontrolrequest
 */
PIRP NTAPI
IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer,
                              ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                              BOOLEAN InternalDeviceIoControl, PKEVENT Event,
                              PIO_STATUS_BLOCK IoStatusBlock)
{
    NT_ENTER(IoBuildDeviceIoControlRequest);
    IOP_IRP *header;

    if ((IoControlCode & 3) != METHOD_NEITHER) {
        IopCheckBuildBuffer(InputBuffer, InputBufferLength, __func__);
    }
    header = IopAllocateIrp(DeviceObject->StackSize, IopIrpThreaded, NT_CALLER());
    if (header == NULL) {
        return NULL;
    }
    IoGetNextIrpStackLocation(&header->Irp)->MajorFunction =
        InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    if (!NT_SUCCESS(IopPrepareIoctl(header, IoControlCode, InputBuffer, InputBufferLength,
                                    OutputBuffer, OutputBufferLength))) {
        IopDiscardIrp(header);
        return NULL;
    }
    header->Irp.UserIosb = IoStatusBlock;
    header->Irp.UserEvent = Event;
    header->Irp.Tail.Overlay.Thread = (PETHREAD)KiGetCurrentThread();
    IopListThreadedIrp(header);
    return &header->Irp;
}

#pragma GCC visibility pop
