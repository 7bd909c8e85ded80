/* SPDX-License-Identifier: MIT
 *
 * io/misc.c - small questions that drivers ask of the I/O manager, and the error log
 *
 * Source   WDK reference, wdm.h, ntddk.h, ntifs.h: each function's page.
 */
#include "io/iop.h"

/* An entry of the error log; the caller gets &Packet. */
typedef struct IOP_ERROR_LOG {
    PVOID IoObject; /* referenced */
    UCHAR Size;
    IO_ERROR_LOG_PACKET Packet __attribute__((aligned(16)));
} IOP_ERROR_LOG;

static PKEVENT
IopOpenNamedEvent(PUNICODE_STRING Name, PHANDLE Handle, EVENT_TYPE Type)
{
    OBJECT_ATTRIBUTES attributes;
    PVOID event;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, Name,
                               OBJ_OPENIF | OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    status = ZwCreateEvent(Handle, EVENT_ALL_ACCESS, &attributes, Type, TRUE);
    if (!NT_SUCCESS(status)) {
        return NULL;
    }
    status = ObReferenceObjectByHandle(*Handle, 0, *ExEventObjectType, KernelMode, &event, NULL);
    if (!NT_SUCCESS(status)) {
        ZwClose(*Handle);
        return NULL;
    }
    ObDereferenceObject(event); /* the handle keeps it */
    return event;
}

#pragma GCC visibility push(default)

/* ---- processes and threads ---- */

PEPROCESS NTAPI
IoGetCurrentProcess(VOID)
{
    return CONTAINING_RECORD(KiGetCurrentThread()->Process, EPROCESS, Pcb);
}

PEPROCESS NTAPI
IoThreadToProcess(PETHREAD Thread)
{
    NT_ENTER(IoThreadToProcess);
    return CONTAINING_RECORD(Thread->Tcb.OwnProcess, EPROCESS, Pcb);
}

/* NULL: the IRP has no thread. */
PEPROCESS NTAPI
IoGetRequestorProcess(PIRP Irp)
{
    NT_ENTER(IoGetRequestorProcess);
    return Irp->Tail.Overlay.Thread != NULL ? IoThreadToProcess(Irp->Tail.Overlay.Thread) : NULL;
}

ULONG NTAPI
IoGetRequestorProcessId(PIRP Irp)
{
    NT_ENTER(IoGetRequestorProcessId);
    PEPROCESS process = IoGetRequestorProcess(Irp);

    return process != NULL ? (ULONG)(ULONG_PTR)process->UniqueProcessId : 0;
}

/* There is one session, 0. */
NTSTATUS NTAPI
IoGetRequestorSessionId(PIRP Irp, PULONG SessionId)
{
    NT_ENTER(IoGetRequestorSessionId);
    if (IoGetRequestorProcess(Irp) == NULL) {
        *SessionId = (ULONG)-1;
        return STATUS_UNSUCCESSFUL;
    }
    *SessionId = 0;
    return STATUS_SUCCESS;
}

BOOLEAN NTAPI
IoIsSystemThread(PETHREAD Thread)
{
    NT_ENTER(IoIsSystemThread);
    return Thread->IsSystemThread;
}

/* No 32-bit processes here. */
BOOLEAN
IoIs32bitProcess(PIRP Irp)
{
    NT_ENTER(IoIs32bitProcess);
    (void)Irp;
    return FALSE;
}

/* ---- the stack ---- */

VOID NTAPI
IoGetStackLimits(PULONG_PTR LowLimit, PULONG_PTR HighLimit)
{
    uintptr_t low;
    uintptr_t high;

    HalpStackLimits(&low, &high);
    *LowLimit = low;
    *HighLimit = high;
}

PVOID NTAPI
IoGetInitialStack(VOID)
{
    NT_ENTER(IoGetInitialStack);
    uintptr_t low;
    uintptr_t high;

    HalpStackLimits(&low, &high);
    return (PVOID)high;
}

ULONG_PTR NTAPI
IoGetRemainingStackSize(VOID)
{
    uintptr_t low;
    uintptr_t high;

    HalpStackLimits(&low, &high);
    return (ULONG_PTR)__builtin_frame_address(0) - low;
}

LOGICAL NTAPI
IoWithinStackLimits(ULONG_PTR RegionStart, SIZE_T RegionSize)
{
    NT_ENTER(IoWithinStackLimits);
    uintptr_t low;
    uintptr_t high;

    HalpStackLimits(&low, &high);
    return RegionStart >= low && RegionStart <= high && RegionSize <= high - RegionStart;
}

/* ---- IRPs and files ---- */

PIRP NTAPI
IoGetTopLevelIrp(VOID)
{
    NT_ENTER(IoGetTopLevelIrp);
    return ((PETHREAD)KiGetCurrentThread())->TopLevelIrp;
}

VOID NTAPI
IoSetTopLevelIrp(PIRP Irp)
{
    NT_ENTER(IoSetTopLevelIrp);
    ((PETHREAD)KiGetCurrentThread())->TopLevelIrp = Irp;
}

#pragma GCC visibility pop

/* A control request that is likely to be made synchronous: its code says METHOD_BUFFERED. */
static BOOLEAN
IopIsBufferedControl(const IO_STACK_LOCATION *Location)
{
    return (Location->MajorFunction == IRP_MJ_DEVICE_CONTROL ||
            Location->MajorFunction == IRP_MJ_FILE_SYSTEM_CONTROL) &&
           (Location->Parameters.DeviceIoControl.IoControlCode & 3) == METHOD_BUFFERED;
}

#pragma GCC visibility push(default)

/*
 * IoIsOperationSynchronous - may the thread that sent this request wait for it?
 *
 * Irp      a driver's: it has a current stack location
 *
 * IRQL     any
 * Source   WDK reference, nf-ntifs-ioisoperationsynchronous
 */
BOOLEAN NTAPI
IoIsOperationSynchronous(PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);

    if (Irp->Flags & (IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO)) {
        return (Irp->Flags & IRP_SYNCHRONOUS_PAGING_IO) != 0;
    }
    return (Irp->Flags & IRP_SYNCHRONOUS_API) != 0 ||
           (location->FileObject != NULL &&
            (IopFlagsOf(location->FileObject) & FO_SYNCHRONOUS_IO) != 0) ||
           IopIsBufferedControl(location);
}

PGENERIC_MAPPING NTAPI
IoGetFileObjectGenericMapping(VOID)
{
    NT_ENTER(IoGetFileObjectGenericMapping);
    return (PGENERIC_MAPPING)(ULONG_PTR)&IopFileMapping;
}

/* WDM 1.0 to 1.32 and 6.0 (Windows Vista and later), as on Windows 10. */
BOOLEAN NTAPI
IoIsWdmVersionAvailable(UCHAR MajorVersion, UCHAR MinorVersion)
{
    NT_ENTER(IoIsWdmVersionAvailable);
    return MajorVersion < 6 || (MajorVersion == 6 && MinorVersion == 0);
}

/* ---- named events: signalled when they are made ---- */

/* NULL: no memory, or a bad name. PASSIVE_LEVEL. Source: nf-wdm-iocreatenotificationevent */
PKEVENT NTAPI
IoCreateNotificationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    NT_ENTER(IoCreateNotificationEvent);
    return IopOpenNamedEvent(EventName, EventHandle, NotificationEvent);
}

/* The same, auto-reset. Source: WDK reference, nf-wdm-iocreatesynchronizationevent */
PKEVENT NTAPI
IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    NT_ENTER(IoCreateSynchronizationEvent);
    return IopOpenNamedEvent(EventName, EventHandle, SynchronizationEvent);
}

/* ---- the error log ---- */

/*
 * IoAllocateErrorLogEntry - an entry for the log, to be filled in and written or freed
 *
 * IoObject   the device or driver object that reports
 * EntrySize  sizeof(IO_ERROR_LOG_PACKET) and what follows it, <= ERROR_LOG_MAXIMUM_SIZE
 *
 * Returns  NULL: too big, too small, no memory
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-ioallocateerrorlogentry
 */
PVOID NTAPI
IoAllocateErrorLogEntry(PVOID IoObject, UCHAR EntrySize)
{
    NT_ENTER(IoAllocateErrorLogEntry);
    IOP_ERROR_LOG *entry;

    if (IoObject == NULL || EntrySize < sizeof(IO_ERROR_LOG_PACKET) ||
        EntrySize > ERROR_LOG_MAXIMUM_SIZE) {
        return NULL;
    }
    entry = ExpAllocatePool(NonPagedPoolNx, FIELD_OFFSET(IOP_ERROR_LOG, Packet) + EntrySize,
                            IOP_TAG_ERROR_LOG, NT_CALLER());
    if (entry == NULL) {
        return NULL;
    }
    RtlZeroMemory(entry, FIELD_OFFSET(IOP_ERROR_LOG, Packet) + EntrySize);
    ObReferenceObject(IoObject);
    entry->IoObject = IoObject;
    entry->Size = EntrySize;
    return &entry->Packet;
}

/* An entry that is not to be written. <= DISPATCH_LEVEL. Source: nf-ntddk-iofreeerrorlogentry */
VOID NTAPI
IoFreeErrorLogEntry(PVOID ElEntry)
{
    NT_ENTER(IoFreeErrorLogEntry);
    IOP_ERROR_LOG *entry = CONTAINING_RECORD(ElEntry, IOP_ERROR_LOG, Packet);

    ObDereferenceObject(entry->IoObject);
    ExFreePoolWithTag(entry, IOP_TAG_ERROR_LOG);
}

/*
 * IoWriteErrorLogEntry - writes the entry to ntbox's log, one line, and frees it
 *
 * IRQL     <= DISPATCH_LEVEL
 * Differs  the log, not the event log; message texts and strings of the entry are not looked up
 * Source   WDK reference, nf-wdm-iowriteerrorlogentry
 */
VOID NTAPI
IoWriteErrorLogEntry(PVOID ElEntry)
{
    NT_ENTER(IoWriteErrorLogEntry);
    PIO_ERROR_LOG_PACKET packet = ElEntry;
    IOP_ERROR_LOG *entry = CONTAINING_RECORD(ElEntry, IOP_ERROR_LOG, Packet);
    PDRIVER_OBJECT driver = entry->IoObject;
    char name[96];

    if (((PDEVICE_OBJECT)entry->IoObject)->Type == IO_TYPE_DEVICE) {
        driver = ((PDEVICE_OBJECT)entry->IoObject)->DriverObject;
    }
    IopNarrow(&driver->DriverName, name, sizeof(name));
    IopLog("error log of %s: code 0x%08x, unique value 0x%x, final status 0x%08x, major function "
           "%u, retry %u, %u bytes of dump data",
           name, (unsigned)packet->ErrorCode, packet->UniqueErrorValue,
           (unsigned)packet->FinalStatus, packet->MajorFunctionCode, packet->RetryCount,
           packet->DumpDataSize);
    IoFreeErrorLogEntry(ElEntry);
}

/* ---- power: there is none; the calls exist for drivers that make them ---- */

NTSTATUS NTAPI
PoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    NT_ENTER(PoCallDriver);
    return IopCallDriver(DeviceObject, Irp, NT_CALLER());
}

/* Not needed since Windows Vista. */
VOID NTAPI
PoStartNextPowerIrp(PIRP Irp)
{
    NT_ENTER(PoStartNextPowerIrp);
    (void)Irp;
}

/* Returns the state told before; zero at first. Source: WDK reference, nf-ntifs-posetpowerstate */
POWER_STATE NTAPI
PoSetPowerState(PDEVICE_OBJECT DeviceObject, POWER_STATE_TYPE Type, POWER_STATE State)
{
    NT_ENTER(PoSetPowerState);
    POWER_STATE before = IopDeviceExtension(DeviceObject)->PowerState;

    (void)Type;
    IopDeviceExtension(DeviceObject)->PowerState = State;
    return before;
}

#pragma GCC visibility pop
