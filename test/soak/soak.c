/* SPDX-License-Identifier: MIT
 *
 * test/soak/soak.c - the soak's driver: answers at once, or from a DPC, a work item, another thread
 *
 * Pended requests are in a cancel-safe queue. A timer or work item has a context of its own.
 *
 * Invariants  K1  Every received request is completed once: who takes it off the queue does it.
 *             K2  A context lives until its routine has run and its request is completed: a cancel
 *                 that has begun reads it, though IoCsqRemoveIrp finds no request any more. The
 *                 request has it in DriverContext[0].
 *             K3  SoakUnder counts the contexts; DriverUnload waits until there is none.
 */
#include <ntddk.h>
#include "soak.h"

#define SOAK_TAG 'kaoS'

DRIVER_INITIALIZE DriverEntry;
static IO_WORKITEM_ROUTINE SoakWorkRoutine;

typedef struct SOAK_CONTEXT {
    volatile LONG References; /* see K2 */
    IO_CSQ_IRP_CONTEXT Csq;
    KTIMER Timer;
    KDPC Dpc;
    PIO_WORKITEM WorkItem;
} SOAK_CONTEXT;

static LIST_ENTRY SoakQueue;
static KSPIN_LOCK SoakQueueLock;
static IO_CSQ SoakCsq;
static PDEVICE_OBJECT SoakDevices[SOAK_WAYS];
static volatile LONG64 SoakUnder;
static volatile LONG64 SoakCreates;
static volatile LONG64 SoakCleanups;
static volatile LONG64 SoakCloses;
static volatile LONG64 SoakReads;
static volatile LONG64 SoakWrites;
static volatile LONG64 SoakControls;
static volatile LONG64 SoakPends;
static volatile LONG64 SoakAnswered;
static volatile LONG64 SoakCancelled;
static volatile LONG64 SoakDpcs;
static volatile LONG64 SoakWorkItems;
static volatile LONG64 SoakWrongBytes;

static UINT64
SoakRead(volatile LONG64 *Counter)
{
    return (UINT64)InterlockedCompareExchange64(Counter, 0, 0);
}

static NTSTATUS
SoakFinish(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

/* ---- the queue ---- */

static VOID NTAPI
SoakInsertIrp(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList(&SoakQueue, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI
SoakRemoveIrp(PIO_CSQ Csq, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static SOAK_HOW
SoakHow(PIRP Irp)
{
    return (SOAK_HOW)((SOAK_PEND_IN *)Irp->AssociatedIrp.SystemBuffer)->How;
}

/* PeekContext: requests of that file object; NULL: those that wait for SOAK_COMPLETE. */
static PIRP NTAPI
SoakPeekNextIrp(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PLIST_ENTRY entry = Irp != NULL ? Irp->Tail.Overlay.ListEntry.Flink : SoakQueue.Flink;

    for (; entry != &SoakQueue; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        if (PeekContext != NULL ? IoGetCurrentIrpStackLocation(irp)->FileObject == PeekContext
                                : SoakHow(irp) == SOAK_BY_COMPLETE) {
            return irp;
        }
    }
    return NULL;
}

static VOID NTAPI
SoakAcquireLock(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&SoakQueueLock, Irql);
}

static VOID NTAPI
SoakReleaseLock(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&SoakQueueLock, Irql);
}

static VOID
SoakRelease(SOAK_CONTEXT *Context)
{
    if (Context != NULL && InterlockedDecrement(&Context->References) == 0) {
        ExFreePoolWithTag(Context, SOAK_TAG);
        InterlockedDecrement64(&SoakUnder);
    }
}

static VOID NTAPI
SoakCompleteCancelled(PIO_CSQ Csq, PIRP Irp)
{
    SOAK_CONTEXT *context = Irp->Tail.Overlay.DriverContext[0];

    InterlockedIncrement64(&SoakCancelled);
    SoakFinish(Irp, STATUS_CANCELLED, 0);
    SoakRelease(context);
}

static VOID
SoakAnswer(PIRP Irp)
{
    SOAK_CONTEXT *context = Irp->Tail.Overlay.DriverContext[0];
    SOAK_PEND_IN *in = Irp->AssociatedIrp.SystemBuffer;
    SOAK_PEND_OUT *out = Irp->AssociatedIrp.SystemBuffer;
    UINT64 answer = ~in->Cookie;

    out->Answer = answer;
    InterlockedIncrement64(&SoakAnswered);
    SoakFinish(Irp, STATUS_SUCCESS, sizeof(*out));
    SoakRelease(context);
}

/* ---- completing later ---- */

static VOID
SoakEndContext(SOAK_CONTEXT *Context)
{
    PIRP irp = IoCsqRemoveIrp(&SoakCsq, &Context->Csq);

    if (irp != NULL) {
        SoakAnswer(irp);
    }
    SoakRelease(Context);
}

static VOID NTAPI
SoakDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    InterlockedIncrement64(&SoakDpcs);
    SoakEndContext(Context);
}

static VOID NTAPI
SoakWorkRoutine(PDEVICE_OBJECT Device, PVOID Context)
{
    SOAK_CONTEXT *context = Context;

    InterlockedIncrement64(&SoakWorkItems);
    IoFreeWorkItem(context->WorkItem);
    SoakEndContext(context);
}

/* The context may be gone as soon as its timer or work item is queued. */
static NTSTATUS
SoakPendWithContext(PDEVICE_OBJECT Device, PIRP Irp, SOAK_HOW How, ULONG Microseconds)
{
    SOAK_CONTEXT *context = ExAllocatePoolWithTag(NonPagedPool, sizeof(*context), SOAK_TAG);
    LARGE_INTEGER due;

    if (context == NULL) {
        return SoakFinish(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    RtlZeroMemory(context, sizeof(*context));
    if (How == SOAK_BY_WORK) {
        context->WorkItem = IoAllocateWorkItem(Device);
        if (context->WorkItem == NULL) {
            ExFreePoolWithTag(context, SOAK_TAG);
            return SoakFinish(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        }
    }
    context->References = 2;
    Irp->Tail.Overlay.DriverContext[0] = context;
    InterlockedIncrement64(&SoakUnder);
    IoCsqInsertIrp(&SoakCsq, Irp, &context->Csq);
    if (How == SOAK_BY_WORK) {
        IoQueueWorkItem(context->WorkItem, SoakWorkRoutine, DelayedWorkQueue, context);
    } else {
        KeInitializeTimer(&context->Timer);
        KeInitializeDpc(&context->Dpc, SoakDpc, context);
        due.QuadPart = -(LONGLONG)Microseconds * 10;
        KeSetTimer(&context->Timer, due, &context->Dpc);
    }
    return STATUS_PENDING;
}

static NTSTATUS
SoakPend(PDEVICE_OBJECT Device, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    SOAK_PEND_IN *in = Irp->AssociatedIrp.SystemBuffer;

    InterlockedIncrement64(&SoakPends);
    if (Stack->Parameters.DeviceIoControl.InputBufferLength < sizeof(SOAK_PEND_IN) ||
        Stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(SOAK_PEND_OUT) ||
        in->How >= SOAK_HOWS) {
        InterlockedIncrement64(&SoakWrongBytes);
        return SoakFinish(Irp, STATUS_INVALID_PARAMETER, 0);
    }
    Irp->Tail.Overlay.DriverContext[0] = NULL;
    if (in->How == SOAK_BY_COMPLETE) {
        IoCsqInsertIrp(&SoakCsq, Irp, NULL);
        return STATUS_PENDING;
    }
    return SoakPendWithContext(Device, Irp, (SOAK_HOW)in->How, in->Microseconds);
}

static NTSTATUS
SoakCompleteOne(PIRP Irp)
{
    PIRP pended = IoCsqRemoveNextIrp(&SoakCsq, NULL);

    InterlockedIncrement64(&SoakControls);
    if (pended != NULL) {
        SoakAnswer(pended);
    }
    *(ULONG *)Irp->AssociatedIrp.SystemBuffer = pended != NULL;
    return SoakFinish(Irp, STATUS_SUCCESS, sizeof(ULONG));
}

/* ---- at once ---- */

/* The second buffer of METHOD_IN_DIRECT is input as well: it must hold the answer. */
static VOID
SoakCompare(const UCHAR *Answer, const UCHAR *In, ULONG Length)
{
    ULONG i;

    for (i = 0; i < Length; i++) {
        if ((Answer[i] ^ In[i]) != 0xFF) {
            InterlockedIncrement64(&SoakWrongBytes);
        }
    }
}

/* In and Out may be the same. */
static VOID
SoakInvert(PUCHAR Out, const UCHAR *In, ULONG Length)
{
    ULONG i;

    for (i = 0; i < Length; i++) {
        Out[i] = (UCHAR)~In[i];
    }
}

static PVOID
SoakMapped(PIRP Irp)
{
    return Irp->MdlAddress != NULL
               ? MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority)
               : NULL;
}

static NTSTATUS
SoakEcho(PIRP Irp, PIO_STACK_LOCATION Stack, ULONG Method)
{
    ULONG length = Stack->Parameters.DeviceIoControl.InputBufferLength;
    volatile NTSTATUS status = STATUS_SUCCESS;

    InterlockedIncrement64(&SoakControls);
    if (Stack->Parameters.DeviceIoControl.OutputBufferLength != length) {
        InterlockedIncrement64(&SoakWrongBytes);
        return SoakFinish(Irp, STATUS_INVALID_PARAMETER, 0);
    }
    switch (Method) {
    case METHOD_BUFFERED:
        SoakInvert(Irp->AssociatedIrp.SystemBuffer, Irp->AssociatedIrp.SystemBuffer, length);
        break;
    case METHOD_NEITHER:
        __try {
            ProbeForRead(Stack->Parameters.DeviceIoControl.Type3InputBuffer, length, 1);
            ProbeForWrite(Irp->UserBuffer, length, 1);
            SoakInvert(Irp->UserBuffer, Stack->Parameters.DeviceIoControl.Type3InputBuffer, length);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            status = GetExceptionCode();
        }
        break;
    case METHOD_IN_DIRECT:
        SoakCompare(SoakMapped(Irp), Irp->AssociatedIrp.SystemBuffer, length);
        break;
    default:
        SoakInvert(SoakMapped(Irp), Irp->AssociatedIrp.SystemBuffer, length);
        break;
    }
    return SoakFinish(Irp, status, NT_SUCCESS(status) ? length : 0);
}

static NTSTATUS
SoakQuery(PIRP Irp)
{
    SOAK_COUNTS *counts = Irp->AssociatedIrp.SystemBuffer;

    counts->Creates = SoakRead(&SoakCreates);
    counts->Cleanups = SoakRead(&SoakCleanups);
    counts->Closes = SoakRead(&SoakCloses);
    counts->Reads = SoakRead(&SoakReads);
    counts->Writes = SoakRead(&SoakWrites);
    counts->Controls = SoakRead(&SoakControls);
    counts->Pends = SoakRead(&SoakPends);
    counts->Answered = SoakRead(&SoakAnswered);
    counts->Cancelled = SoakRead(&SoakCancelled);
    counts->Dpcs = SoakRead(&SoakDpcs);
    counts->WorkItems = SoakRead(&SoakWorkItems);
    counts->WrongBytes = SoakRead(&SoakWrongBytes);
    counts->Under = SoakRead(&SoakUnder);
    return SoakFinish(Irp, STATUS_SUCCESS, sizeof(*counts));
}

static NTSTATUS NTAPI
SoakControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG code = stack->Parameters.DeviceIoControl.IoControlCode;

    switch (code) {
    case SOAK_ECHO(METHOD_BUFFERED):
    case SOAK_ECHO(METHOD_IN_DIRECT):
    case SOAK_ECHO(METHOD_OUT_DIRECT):
    case SOAK_ECHO(METHOD_NEITHER):
        return SoakEcho(Irp, stack, METHOD_FROM_CTL_CODE(code));
    case SOAK_PEND:
        return SoakPend(Device, Irp, stack);
    case SOAK_COMPLETE:
        return SoakCompleteOne(Irp);
    case SOAK_QUERY:
        return SoakQuery(Irp);
    default:
        return SoakFinish(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

/* ---- reads and writes ---- */

static PUCHAR
SoakBuffer(PDEVICE_OBJECT Device, PIRP Irp)
{
    if ((Device->Flags & DO_BUFFERED_IO) != 0) {
        return Irp->AssociatedIrp.SystemBuffer;
    }
    return (Device->Flags & DO_DIRECT_IO) != 0 ? SoakMapped(Irp) : Irp->UserBuffer;
}

static VOID
SoakMove(PUCHAR Buffer, BOOLEAN Write, UINT64 Offset, ULONG Length)
{
    ULONG i;

    for (i = 0; i < Length; i++) {
        if (!Write) {
            Buffer[i] = SoakFileByte(Offset + i);
        } else if (Buffer[i] != SoakFileByte(Offset + i)) {
            InterlockedIncrement64(&SoakWrongBytes);
        }
    }
}

static NTSTATUS NTAPI
SoakReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    BOOLEAN write = stack->MajorFunction == IRP_MJ_WRITE;
    volatile NTSTATUS status = STATUS_SUCCESS;
    ULONG length = stack->Parameters.Read.Length; /* Read and Write have the same layout */

    InterlockedIncrement64(write ? &SoakWrites : &SoakReads);
    __try {
        SoakMove(SoakBuffer(Device, Irp), write, (UINT64)stack->Parameters.Read.ByteOffset.QuadPart,
                 length);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return SoakFinish(Irp, status, NT_SUCCESS(status) ? length : 0);
}

/* ---- the rest of a driver ---- */

static NTSTATUS NTAPI
SoakCreateClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PIRP pended;

    if (stack->MajorFunction == IRP_MJ_CREATE) {
        InterlockedIncrement64(&SoakCreates);
    } else if (stack->MajorFunction == IRP_MJ_CLOSE) {
        InterlockedIncrement64(&SoakCloses);
    } else {
        InterlockedIncrement64(&SoakCleanups);
        while ((pended = IoCsqRemoveNextIrp(&SoakCsq, stack->FileObject)) != NULL) {
            SoakCompleteCancelled(&SoakCsq, pended);
        }
    }
    return SoakFinish(Irp, STATUS_SUCCESS, 0);
}

static VOID
SoakLink(ULONG Way, PWCHAR NameText, PWCHAR LinkText, PUNICODE_STRING Name, PUNICODE_STRING Link)
{
    RtlCopyMemory(NameText, L"\\Device\\NtboxSoak0", sizeof(L"\\Device\\NtboxSoak0"));
    RtlCopyMemory(LinkText, L"\\DosDevices\\NtboxSoak0", sizeof(L"\\DosDevices\\NtboxSoak0"));
    RtlInitUnicodeString(Name, NameText);
    RtlInitUnicodeString(Link, LinkText);
    Name->Buffer[Name->Length / sizeof(WCHAR) - 1] = (WCHAR)(L'0' + Way);
    Link->Buffer[Link->Length / sizeof(WCHAR) - 1] = (WCHAR)(L'0' + Way);
}

static VOID NTAPI
SoakUnload(PDRIVER_OBJECT Driver)
{
    LARGE_INTEGER moment;
    UNICODE_STRING name;
    UNICODE_STRING link;
    WCHAR nameText[32];
    WCHAR linkText[32];
    ULONG way;

    moment.QuadPart = -10000;
    while (SoakRead(&SoakUnder) != 0) {
        KeDelayExecutionThread(KernelMode, FALSE, &moment);
    }
    KeFlushQueuedDpcs();
    for (way = 0; way < SOAK_WAYS; way++) {
        SoakLink(way, nameText, linkText, &name, &link);
        if (SoakDevices[way] != NULL) {
            IoDeleteSymbolicLink(&link);
            IoDeleteDevice(SoakDevices[way]);
        }
    }
}

static NTSTATUS
SoakCreateDevice(PDRIVER_OBJECT Driver, ULONG Way)
{
    static const ULONG flags[SOAK_WAYS] = {DO_BUFFERED_IO, DO_DIRECT_IO, 0};
    PDEVICE_OBJECT device;
    UNICODE_STRING name;
    UNICODE_STRING link;
    WCHAR nameText[32];
    WCHAR linkText[32];
    NTSTATUS status;

    SoakLink(Way, nameText, linkText, &name, &link);
    status = IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, FALSE,
                            &device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    SoakDevices[Way] = device;
    device->Flags |= flags[Way];
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status = STATUS_SUCCESS;
    ULONG way;

    InitializeListHead(&SoakQueue);
    KeInitializeSpinLock(&SoakQueueLock);
    IoCsqInitialize(&SoakCsq, SoakInsertIrp, SoakRemoveIrp, SoakPeekNextIrp, SoakAcquireLock,
                    SoakReleaseLock, SoakCompleteCancelled);
    Driver->MajorFunction[IRP_MJ_CREATE] = SoakCreateClose;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = SoakCreateClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = SoakCreateClose;
    Driver->MajorFunction[IRP_MJ_READ] = SoakReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = SoakReadWrite;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = SoakControl;
    Driver->DriverUnload = SoakUnload;
    for (way = 0; way < SOAK_WAYS && NT_SUCCESS(status); way++) {
        status = SoakCreateDevice(Driver, way);
    }
    if (!NT_SUCCESS(status)) {
        SoakUnload(Driver);
    }
    return status;
}
