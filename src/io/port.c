/* SPDX-License-Identifier: MIT
 *
 * io/port.c - completion ports: KQUEUE objects with packets
 *
 * A packet is the completed IRP itself (posting cannot fail for lack of memory), or one made by
 * NtSetIoCompletion. Whoever takes it out of the queue frees it.
 *
 * Source   SDK reference, CreateIoCompletionPort, PostQueuedCompletionStatus,
 *          GetQueuedCompletionStatus; WDK wdm.h KeInsertQueue.
 */
#include "io/iop.h"

/* The SDK's winnt.h has these, the DDK has not. */
#define IO_COMPLETION_MODIFY_STATE 0x0002u

#define IOP_PACKET_IRP 0u
#define IOP_PACKET_POSTED 1u

/* PacketType lies behind ListEntry as in IRP.Tail.Overlay. */
typedef struct IOP_PACKET {
    LIST_ENTRY ListEntry;
    ULONG PacketType;
    PVOID Key;
    PVOID Context;
    IO_STATUS_BLOCK Status;
    MI_CLIENT *Client; /* to whom it is charged; or NULL */
} IOP_PACKET;

_Static_assert(FIELD_OFFSET(IRP, Tail.Overlay.PacketType) -
                       FIELD_OFFSET(IRP, Tail.Overlay.ListEntry) ==
                   FIELD_OFFSET(IOP_PACKET, PacketType),
               "a packet's type is found from its list entry");

/* Takes the packet apart and frees it. */
static VOID
IopConsumePacket(PLIST_ENTRY Entry, IOP_PACKET *Result)
{
    IOP_PACKET *packet = CONTAINING_RECORD(Entry, IOP_PACKET, ListEntry);
    IOP_IRP *header;
    PIRP irp;

    if (packet->PacketType == IOP_PACKET_POSTED) {
        *Result = *packet;
        MiReturnCharge(packet->Client, MiQuotaRequests, 1);
        ExFreePoolWithTag(packet, IOP_TAG_PORT);
        return;
    }
    irp = CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry);
    header = CONTAINING_RECORD(irp, IOP_IRP, Irp);
    Result->Key = irp->Tail.CompletionKey;
    Result->Context = irp->Overlay.AsynchronousParameters.UserApcContext;
    Result->Status = irp->IoStatus;
    IopReleaseIrp(header);
}

/* Type procedure. */
VOID
IopDeletePort(PVOID Object)
{
    PLIST_ENTRY first = KeRundownQueue(Object);
    PLIST_ENTRY entry = first;

    if (first == NULL) {
        return;
    }
    do {
        PLIST_ENTRY next = entry->Flink;
        IOP_PACKET dropped;

        IopConsumePacket(entry, &dropped);
        entry = next;
    } while (entry != first);
}

static NTSTATUS
IopReferencePort(HANDLE Handle, ACCESS_MASK Access, KPROCESSOR_MODE Mode, PVOID *Port)
{
    return ObReferenceObjectByHandle(Handle, Access, IopPortType, Mode, Port, NULL);
}

#pragma GCC visibility push(default)

/*
 * NtCreateIoCompletion - a new completion port
 *
 * Concurrency  threads that the port lets run at a time; 0: as many as there are processors
 *
 * Returns  STATUS_SUCCESS, STATUS_OBJECT_NAME_EXISTS (OBJ_OPENIF: that one was opened)
 * Errors   STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_TYPE_MISMATCH and the path errors;
 *          STATUS_INVALID_PARAMETER, STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
NtCreateIoCompletion(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                     ULONG Concurrency)
{
    NT_ENTER(NtCreateIoCompletion);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBP_ATTRIBUTES captured;
    PVOID port;
    NTSTATUS status;

    status = mode != KernelMode ? MiProbeUser(Handle, sizeof(*Handle), 1, TRUE) : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) {
        status = ObpCaptureAttributes(Attributes, mode, &captured);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCreateObject(IopPortType, sizeof(KQUEUE), &port);
    if (NT_SUCCESS(status)) {
        KeInitializeQueue(port, Concurrency);
        status = ObpPublishObject(port, &captured, Access, mode, Handle);
    }
    ObpReleaseAttributes(&captured);
    return status;
}

/* Posts a packet of the caller's. STATUS_INSUFFICIENT_RESOURCES; a client process: also
 * STATUS_QUOTA_EXCEEDED. PASSIVE_LEVEL. */
NTSTATUS NTAPI
NtSetIoCompletion(HANDLE Handle, PVOID Key, PVOID Context, NTSTATUS Status, ULONG_PTR Information)
{
    NT_ENTER(NtSetIoCompletion);
    MI_CLIENT *client = MiCurrentClient();
    IOP_PACKET *packet;
    PVOID port;
    NTSTATUS status;

    status = IopReferencePort(Handle, IO_COMPLETION_MODIFY_STATE,
                              KiGetCurrentThread()->PreviousMode, &port);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = MiChargeClient(client, MiQuotaRequests, 1);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(port);
        return status;
    }
    packet = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*packet), IOP_TAG_PORT);
    if (packet == NULL) {
        MiReturnCharge(client, MiQuotaRequests, 1);
        ObDereferenceObject(port);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(packet, sizeof(*packet));
    packet->Client = client;
    packet->PacketType = IOP_PACKET_POSTED;
    packet->Key = Key;
    packet->Context = Context;
    packet->Status.Status = Status;
    packet->Status.Information = Information;
    KeInsertQueue(port, &packet->ListEntry);
    ObDereferenceObject(port);
    return STATUS_SUCCESS;
}

/*
 * NtRemoveIoCompletion - waits for a packet and takes it
 *
 * Returns  STATUS_SUCCESS; STATUS_TIMEOUT, STATUS_USER_APC without a packet
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
NtRemoveIoCompletion(HANDLE Handle, PVOID *Key, PVOID *Context, PIO_STATUS_BLOCK Iosb,
                     PLARGE_INTEGER Timeout)
{
    NT_ENTER(NtRemoveIoCompletion);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    LARGE_INTEGER timeout;
    IOP_PACKET packet;
    PLIST_ENTRY entry;
    PVOID port;
    NTSTATUS status = STATUS_SUCCESS;

    if (mode != KernelMode) {
        status = MiProbeUser(Key, sizeof(*Key), 1, TRUE);
        status = NT_SUCCESS(status) ? MiProbeUser(Context, sizeof(*Context), 1, TRUE) : status;
        status = NT_SUCCESS(status) ? MiProbeUser(Iosb, sizeof(*Iosb), 1, TRUE) : status;
    }
    if (NT_SUCCESS(status) && Timeout != NULL) {
        status = MiCopyFromUser(&timeout, Timeout, sizeof(timeout), mode);
    }
    if (NT_SUCCESS(status)) {
        status = IopReferencePort(Handle, IO_COMPLETION_MODIFY_STATE, mode, &port);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    entry = KeRemoveQueue(port, mode, Timeout != NULL ? &timeout : NULL);
    ObDereferenceObject(port);
    if ((ULONG_PTR)entry == STATUS_TIMEOUT || (ULONG_PTR)entry == STATUS_USER_APC ||
        (ULONG_PTR)entry == STATUS_ABANDONED) {
        return (NTSTATUS)(ULONG_PTR)entry;
    }
    IopConsumePacket(entry, &packet);
    status = MiCopyToUser(Key, &packet.Key, sizeof(packet.Key), mode);
    status = NT_SUCCESS(status)
                 ? MiCopyToUser(Context, &packet.Context, sizeof(packet.Context), mode)
                 : status;
    return NT_SUCCESS(status) ? MiCopyToUser(Iosb, &packet.Status, sizeof(packet.Status), mode)
                              : status;
}

#pragma GCC visibility pop
