/* SPDX-License-Identifier: MIT
 *
 * notify.c - publishes process creates, exits and image loads through an event channel
 *
 * The callbacks run at PASSIVE_LEVEL, many at once. Each builds its record's fixed part on the
 * stack and publishes it with the strings where they are, so that an event costs one copy.
 *
 * Service key  Parameters\RingKilobytes (REG_DWORD): what the channel keeps; default 8192.
 */
#include <ntddk.h>
#include "channel_driver.h"
#include "notify.h"

#define NOTIFY_TAG 'fitN'
#define NOTIFY_DEFAULT_RING_KB 8192u

/* Newer than the oldest Windows that the driver runs on, or ntbox's own: found at run time. */
typedef NTSTATUS(NTAPI *NOTIFY_SET_CREATE_EX)(PCREATE_PROCESS_NOTIFY_ROUTINE_EX Routine,
                                              BOOLEAN Remove);
typedef NTSTATUS(NTAPI *NOTIFY_SET_CREATE_EX2)(ULONG Type, PVOID Routine, BOOLEAN Remove);
typedef VOID(NTAPI *NOTIFY_MACHINE_ROUTINE)(ULONG Event, UINT64 Value);
typedef NTSTATUS(NTAPI *NOTIFY_SET_MACHINE)(NOTIFY_MACHINE_ROUTINE Routine, BOOLEAN Remove);
typedef NTSTATUS(NTAPI *NOTIFY_QUERY_TIME)(PLARGE_INTEGER Time);

#define NOTIFY_SUBSYSTEMS 0u /* PsCreateProcessNotifySubsystems */
#define NOTIFY_MACHINE_LOST 1u
#define NOTIFY_MACHINE_ENDED 2u
#define NOTIFY_MACHINE_UNAVAILABLE 3u

static struct {
    CHANNEL *Channel;
    PDEVICE_OBJECT Device;
    BOOLEAN LinkMade;
    BOOLEAN CreateSet;
    BOOLEAN ImageSet;
    BOOLEAN MachineSet;
    NOTIFY_SET_CREATE_EX SetCreateEx;
    NOTIFY_SET_CREATE_EX2 SetCreateEx2;
    NOTIFY_SET_MACHINE SetMachine;
    NOTIFY_QUERY_TIME QueryTime; /* when the machine's event happened, not when it is told */
} Notify;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD NotifyUnload;
static DRIVER_DISPATCH NotifyCreate;
static DRIVER_DISPATCH NotifyClose;
static DRIVER_DISPATCH NotifyCleanup;
static DRIVER_DISPATCH NotifyRead;
static DRIVER_DISPATCH NotifyControl;

/* ---- events ---- */

/* The event's own time where the system tells it; 0 makes the channel take the current one. */
static LONG64
NotifyEventTime(VOID)
{
    LARGE_INTEGER time;

    if (Notify.QueryTime != NULL && NT_SUCCESS(Notify.QueryTime(&time))) {
        return time.QuadPart;
    }
    return 0;
}

static CHANNEL_PART
NotifyStringPart(const UNICODE_STRING *String, UINT16 *Length, UINT8 *Cut)
{
    CHANNEL_PART part = {NULL, 0};

    if (String != NULL && String->Buffer != NULL) {
        part.Data = String->Buffer;
        part.Size = min(String->Length, NOTIFY_MAX_STRING) & ~1u;
        *Cut = String->Length > NOTIFY_MAX_STRING;
    }
    *Length = (UINT16)part.Size;
    return part;
}

static VOID
NotifyPublishCreate(HANDLE ProcessId, const PS_CREATE_NOTIFY_INFO *Info)
{
    NOTIFY_CREATE create = {0};
    CHANNEL_PART parts[3];

    create.ProcessId = HandleToULong(ProcessId);
    create.ParentProcessId = HandleToULong(Info->ParentProcessId);
    create.CreatorProcessId = HandleToULong(Info->CreatingThreadId.UniqueProcess);
    create.CreatorThreadId = HandleToULong(Info->CreatingThreadId.UniqueThread);
    parts[0].Data = &create;
    parts[0].Size = sizeof(create);
    parts[1] = NotifyStringPart(Info->ImageFileName, &create.ImagePathLength, &create.ImagePathCut);
    parts[2] =
        NotifyStringPart(Info->CommandLine, &create.CommandLineLength, &create.CommandLineCut);
    ChannelPublish(Notify.Channel, NotifyProcessCreate, NotifyEventTime(), parts, 3);
}

static VOID NTAPI
NotifyProcess(PEPROCESS Process, HANDLE ProcessId, PPS_CREATE_NOTIFY_INFO Info)
{
    NOTIFY_EXIT exit = {0};
    CHANNEL_PART part = {&exit, sizeof(exit)};

    UNREFERENCED_PARAMETER(Process);
    if (Info != NULL) {
        NotifyPublishCreate(ProcessId, Info);
        return;
    }
    exit.ProcessId = HandleToULong(ProcessId);
    ChannelPublish(Notify.Channel, NotifyProcessExit, NotifyEventTime(), &part, 1);
}

static VOID NTAPI
NotifyImage(PUNICODE_STRING Path, HANDLE ProcessId, PIMAGE_INFO Info)
{
    NOTIFY_IMAGE image = {0};
    CHANNEL_PART parts[2];

    image.ProcessId = HandleToULong(ProcessId);
    image.IsSystemImage = Info->SystemModeImage != 0;
    image.Base = (UINT64)(ULONG_PTR)Info->ImageBase;
    image.Size = Info->ImageSize;
    parts[0].Data = &image;
    parts[0].Size = sizeof(image);
    parts[1] = NotifyStringPart(Path, &image.ImagePathLength, &image.ImagePathCut);
    ChannelPublish(Notify.Channel, NotifyImageLoad, NotifyEventTime(), parts, 2);
}

static VOID NTAPI
NotifyMachine(ULONG Event, UINT64 Value)
{
    NOTIFY_END end = {0};
    CHANNEL_PART part = {&end, sizeof(end)};

    if (Event == NOTIFY_MACHINE_LOST) {
        ChannelPublishGap(Notify.Channel, ChannelGapSource, NotifyEventTime(), Value);
    } else if (Event == NOTIFY_MACHINE_ENDED || Event == NOTIFY_MACHINE_UNAVAILABLE) {
        end.Unavailable = Event == NOTIFY_MACHINE_UNAVAILABLE;
        end.Status = end.Unavailable ? 0 : (UINT32)Value;
        ChannelPublish(Notify.Channel, NotifyEnd, 0, &part, 1);
    }
}

/* ---- registration ---- */

static PVOID
NotifyFindRoutine(PCWSTR Name)
{
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    return MmGetSystemRoutineAddress(&name);
}

static NTSTATUS
NotifySetCreate(BOOLEAN Remove)
{
    if (Notify.SetCreateEx2 != NULL) {
        return Notify.SetCreateEx2(NOTIFY_SUBSYSTEMS, (PVOID)(ULONG_PTR)NotifyProcess, Remove);
    }
    if (Notify.SetCreateEx != NULL) {
        return Notify.SetCreateEx(NotifyProcess, Remove);
    }
    return STATUS_NOT_SUPPORTED;
}

/* Undoes what NotifyRegister did; afterwards no callback runs any more. */
static VOID
NotifyUnregister(VOID)
{
    if (Notify.ImageSet) {
        PsRemoveLoadImageNotifyRoutine(NotifyImage);
    }
    if (Notify.CreateSet) {
        NotifySetCreate(TRUE);
    }
    if (Notify.MachineSet) {
        Notify.SetMachine(NotifyMachine, TRUE);
    }
}

static NTSTATUS
NotifyRegister(VOID)
{
    NTSTATUS status;

    Notify.SetCreateEx2 =
        (NOTIFY_SET_CREATE_EX2)(ULONG_PTR)NotifyFindRoutine(L"PsSetCreateProcessNotifyRoutineEx2");
    Notify.SetCreateEx =
        (NOTIFY_SET_CREATE_EX)(ULONG_PTR)NotifyFindRoutine(L"PsSetCreateProcessNotifyRoutineEx");
    Notify.SetMachine =
        (NOTIFY_SET_MACHINE)(ULONG_PTR)NotifyFindRoutine(L"NtboxSetMachineNotifyRoutine");
    Notify.QueryTime =
        (NOTIFY_QUERY_TIME)(ULONG_PTR)NotifyFindRoutine(L"NtboxQueryMachineEventTime");

    /* The machine's routine first: what the source loses from its start on is told. */
    if (Notify.SetMachine != NULL) {
        status = Notify.SetMachine(NotifyMachine, FALSE);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        Notify.MachineSet = TRUE;
    }
    status = PsSetLoadImageNotifyRoutine(NotifyImage);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Notify.ImageSet = TRUE;
    status = NotifySetCreate(FALSE);
    Notify.CreateSet = NT_SUCCESS(status);
    return status;
}

/* ---- requests ---- */

static NTSTATUS
NotifyComplete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI
NotifyCreate(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return NotifyComplete(
        Irp, ChannelOpen(Notify.Channel, IoGetCurrentIrpStackLocation(Irp)->FileObject));
}

static NTSTATUS NTAPI
NotifyCleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    ChannelCleanup(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    return NotifyComplete(Irp, STATUS_SUCCESS);
}

static NTSTATUS NTAPI
NotifyClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    ChannelClose(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    return NotifyComplete(Irp, STATUS_SUCCESS);
}

static NTSTATUS NTAPI
NotifyRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return ChannelRead(Notify.Channel, Irp);
}

static NTSTATUS NTAPI
NotifyControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return ChannelControl(Notify.Channel, Irp);
}

/* ---- start and end ---- */

/* Parameters\RingKilobytes, or the default. */
static SIZE_T
NotifyReadRingSize(PUNICODE_STRING RegistryPath)
{
    RTL_QUERY_REGISTRY_TABLE table[2];
    ULONG kilobytes = NOTIFY_DEFAULT_RING_KB;
    WCHAR path[256];
    UNICODE_STRING key = {0, sizeof(path) - sizeof(WCHAR), path};

    RtlZeroMemory(table, sizeof(table));
    RtlZeroMemory(path, sizeof(path));
    if (NT_SUCCESS(RtlAppendUnicodeStringToString(&key, RegistryPath)) &&
        NT_SUCCESS(RtlAppendUnicodeToString(&key, L"\\Parameters"))) {
        table[0].Flags = RTL_QUERY_REGISTRY_DIRECT;
        table[0].Name = (PWSTR)L"RingKilobytes";
        table[0].EntryContext = &kilobytes;
        table[0].DefaultType = REG_DWORD;
        table[0].DefaultData = &kilobytes;
        table[0].DefaultLength = sizeof(kilobytes);
        RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, path, table, NULL, NULL);
    }
    return (SIZE_T)kilobytes * 1024;
}

/* Undoes DriverEntry from whatever point it reached. */
static VOID
NotifyTearDown(VOID)
{
    UNICODE_STRING link;

    NotifyUnregister();
    if (Notify.LinkMade) {
        RtlInitUnicodeString(&link, NOTIFY_LINK_NAME);
        IoDeleteSymbolicLink(&link);
    }
    if (Notify.Device != NULL) {
        IoDeleteDevice(Notify.Device);
    }
    if (Notify.Channel != NULL) {
        ChannelDelete(Notify.Channel);
    }
    RtlZeroMemory(&Notify, sizeof(Notify));
}

static VOID NTAPI
NotifyUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NotifyTearDown();
}

static NTSTATUS
NotifyMakeDevice(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING name;
    UNICODE_STRING link;
    NTSTATUS status;

    RtlInitUnicodeString(&name, NOTIFY_DEVICE_NAME);
    RtlInitUnicodeString(&link, NOTIFY_LINK_NAME);
    status = IoCreateDevice(DriverObject, 0, &name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN,
                            FALSE, &Notify.Device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Notify.Device->Flags |= DO_DIRECT_IO;
    status = IoCreateSymbolicLink(&link, &name);
    Notify.LinkMade = NT_SUCCESS(status);
    return status;
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;

    DriverObject->DriverUnload = NotifyUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = NotifyCreate;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = NotifyCleanup;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = NotifyClose;
    DriverObject->MajorFunction[IRP_MJ_READ] = NotifyRead;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = NotifyControl;

    status = ChannelCreate(NotifyReadRingSize(RegistryPath), NOTIFY_TAG, &Notify.Channel);
    if (NT_SUCCESS(status)) {
        status = NotifyMakeDevice(DriverObject);
    }
    if (NT_SUCCESS(status)) {
        status = NotifyRegister();
    }
    if (!NT_SUCCESS(status)) {
        DbgPrint("notify: cannot start, status 0x%08X\n", status);
        NotifyTearDown();
        return status;
    }
    Notify.Device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}
