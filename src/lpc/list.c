/* SPDX-License-Identifier: MIT
 *
 * lpc/list.c - what there is in the kernel, as tables
 *
 * Things come and go while they are listed. Each list is taken in one go under the lock of whoever
 * has the things, with references where names are asked for afterwards, and is put into words
 * without any lock.
 */
#include <stdio.h>

#include "lpc/lpcp.h"

#define LPCP_NAME_BYTES 1024u

/*
 * Pool for Count items and a few more, since there may be more of them by the time they are looked
 * at; *Room says how many. NULL: no memory.
 */
static PVOID
LpcpAllocateItems(ULONG Count, SIZE_T Size, ULONG *Room)
{
    *Room = Count + 16;
    return ExAllocatePoolZero(NonPagedPoolNx, *Room * Size, LPCP_TAG);
}

static VOID
LpcpFreeItems(PVOID Items)
{
    if (Items != NULL) {
        ExFreePoolWithTag(Items, LPCP_TAG);
    }
}

/* ---- names ---- */

static VOID
LpcpPutName(LPCP_TEXT *Text, PVOID Object)
{
    WCHAR buffer[LPCP_NAME_BYTES / sizeof(WCHAR)];
    UNICODE_STRING name;

    ObpQueryName(Object, buffer, sizeof(buffer));
    RtlInitUnicodeString(&name, buffer);
    LpcpPutWide(Text, &name);
}

/* "iotest" of \Driver\iotest. */
static VOID
LpcpPutDriverName(LPCP_TEXT *Text, PDRIVER_OBJECT Driver)
{
    UNICODE_STRING name = Driver->DriverName;
    USHORT letters = name.Length / sizeof(WCHAR);
    USHORT start = letters;

    while (start > 0 && name.Buffer[start - 1] != L'\\') {
        start--;
    }
    name.Buffer += start;
    name.Length = (USHORT)((letters - start) * sizeof(WCHAR));
    LpcpPutWide(Text, &name);
}

/* The last part of a process's program. */
static VOID
LpcpPutProgram(LPCP_TEXT *Text, ULONG ProcessId)
{
    PEPROCESS process;

    if (ProcessId == 0 ||
        !NT_SUCCESS(PsLookupProcessByProcessId(ULongToHandle(ProcessId), &process))) {
        LpcpPutText(Text, "");
        return;
    }
    LpcpPutText(Text, process == PsInitialSystemProcess ? "System" : process->ImageFileName);
    ObDereferenceObject(process);
}

/* ---- devices, and whose they are ---- */

typedef struct LPCP_DEVICES {
    IOP_DEVICE_INFO *Items;
    ULONG Count;
} LPCP_DEVICES;

static NTSTATUS
LpcpTakeDevices(LPCP_DEVICES *Devices)
{
    ULONG room;
    ULONG count;

    Devices->Count = 0;
    Devices->Items = LpcpAllocateItems(IopCollectDevices(NULL, 0), sizeof(*Devices->Items), &room);
    if (Devices->Items == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    count = IopCollectDevices(Devices->Items, room);
    Devices->Count = min(count, room);
    return STATUS_SUCCESS;
}

static VOID
LpcpGiveDevices(LPCP_DEVICES *Devices)
{
    for (ULONG i = 0; i < Devices->Count; i++) {
        ObDereferenceObject(Devices->Items[i].Device);
    }
    LpcpFreeItems(Devices->Items);
}

/* NULL: it is none of them, so gone, or made since. */
static PDEVICE_OBJECT
LpcpFindDevice(const LPCP_DEVICES *Devices, PDEVICE_OBJECT Device)
{
    for (ULONG i = 0; i < Devices->Count; i++) {
        if (Devices->Items[i].Device == Device) {
            return Device;
        }
    }
    return NULL;
}

static VOID
LpcpPutDeviceFlags(LPCP_TEXT *Text, const IOP_DEVICE_INFO *Device)
{
    static const struct {
        ULONG Flag;
        const char *Word;
    } words[] = {
        {DO_BUFFERED_IO, "buffered"},        {DO_DIRECT_IO, "direct"},
        {DO_EXCLUSIVE, "exclusive"},         {DO_DEVICE_INITIALIZING, "initializing"},
        {DO_POWER_PAGABLE, "power-pagable"},
    };
    char line[128] = "";

    NT_FOR_EACH (row, words) {
        if ((Device->Flags & row->Flag) != 0) {
            strcat(strcat(line, line[0] != '\0' ? "," : ""), row->Word);
        }
    }
    if (Device->IsDeleting) {
        strcat(strcat(line, line[0] != '\0' ? "," : ""), "deleting");
    }
    LpcpPutText(Text, line);
}

static NTSTATUS
LpcpListDevices(LPCP_TEXT *Text)
{
    LPCP_DEVICES devices;
    NTSTATUS status = LpcpTakeDevices(&devices);

    LpcpPutHeader(Text, "name\tdriver\ttype\tflags\tcharacteristics\topens:n\tattached_to");
    for (ULONG i = 0; i < devices.Count; i++) {
        const IOP_DEVICE_INFO *device = &devices.Items[i];
        PDEVICE_OBJECT below = LpcpFindDevice(&devices, device->AttachedTo);

        LpcpPutName(Text, device->Device);
        LpcpPutDriverName(Text, device->Device->DriverObject);
        LpcpPutHex(Text, device->Type, 2);
        LpcpPutDeviceFlags(Text, device);
        LpcpPutHex(Text, device->Characteristics, 1);
        LpcpPutNumber(Text, device->Opens);
        if (below != NULL) {
            LpcpPutName(Text, below);
        } else {
            LpcpPutText(Text, "");
        }
        LpcpEndLine(Text);
    }
    LpcpGiveDevices(&devices);
    return status;
}

/* ---- IRPs ---- */

typedef struct LPCP_IRPS {
    IOP_IRP_INFO *Items;
    ULONG Count;
} LPCP_IRPS;

static NTSTATUS
LpcpTakeIrps(LPCP_IRPS *Irps)
{
    ULONG room;
    ULONG count;

    Irps->Count = 0;
    Irps->Items = LpcpAllocateItems(IopCollectIrps(NULL, 0), sizeof(*Irps->Items), &room);
    if (Irps->Items == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    count = IopCollectIrps(Irps->Items, room);
    Irps->Count = min(count, room);
    return STATUS_SUCCESS;
}

static ULONG
LpcpCountIrpsOfProcess(const LPCP_IRPS *Irps, ULONG ProcessId)
{
    ULONG count = 0;

    for (ULONG i = 0; i < Irps->Count; i++) {
        count += Irps->Items[i].ProcessId == ProcessId;
    }
    return count;
}

static ULONG
LpcpCountIrpsOfDriver(const LPCP_IRPS *Irps, const LPCP_DEVICES *Devices, PDRIVER_OBJECT Driver)
{
    ULONG count = 0;

    for (ULONG i = 0; i < Irps->Count; i++) {
        PDEVICE_OBJECT device = LpcpFindDevice(Devices, Irps->Items[i].Device);

        count += device != NULL && device->DriverObject == Driver;
    }
    return count;
}

static const char *
LpcpMajorName(UCHAR Major)
{
    static const char *const names[] = {
        "CREATE",
        "CREATE_NAMED_PIPE",
        "CLOSE",
        "READ",
        "WRITE",
        "QUERY_INFORMATION",
        "SET_INFORMATION",
        "QUERY_EA",
        "SET_EA",
        "FLUSH_BUFFERS",
        "QUERY_VOLUME_INFORMATION",
        "SET_VOLUME_INFORMATION",
        "DIRECTORY_CONTROL",
        "FILE_SYSTEM_CONTROL",
        "DEVICE_CONTROL",
        "INTERNAL_DEVICE_CONTROL",
        "SHUTDOWN",
        "LOCK_CONTROL",
        "CLEANUP",
        "CREATE_MAILSLOT",
        "QUERY_SECURITY",
        "SET_SECURITY",
        "POWER",
        "SYSTEM_CONTROL",
        "DEVICE_CHANGE",
        "QUERY_QUOTA",
        "SET_QUOTA",
        "PNP",
    };

    C_ASSERT(RTL_NUMBER_OF(names) == IRP_MJ_MAXIMUM_FUNCTION + 1);
    return Major < RTL_NUMBER_OF(names) ? names[Major] : "?";
}

static VOID
LpcpPutIrp(LPCP_TEXT *Text, const LPCP_DEVICES *Devices, const IOP_IRP_INFO *Irp, ULONG64 Now)
{
    static const char *const where[] = {"in-dispatch", "pended", "of-a-driver"};
    PDEVICE_OBJECT device = LpcpFindDevice(Devices, Irp->Device);

    if (device != NULL) {
        LpcpPutName(Text, device);
        LpcpPutDriverName(Text, device->DriverObject);
    } else {
        LpcpPutText(Text, "");
        LpcpPutText(Text, "");
    }
    LpcpPutText(Text, LpcpMajorName(Irp->Major));
    if (Irp->IoControlCode != 0) {
        LpcpPutHex(Text, Irp->IoControlCode, 8);
    } else {
        LpcpPutText(Text, "");
    }
    LpcpPutText(Text, where[Irp->Where]);
    LpcpPutNumber(Text, Irp->Since != 0 && Now > Irp->Since ? (Now - Irp->Since) / 1000000 : 0);
    LpcpPutNumber(Text, Irp->Cancel);
    LpcpPutNumber(Text, Irp->ProcessId);
    LpcpPutNumber(Text, Irp->ThreadId);
    LpcpPutProgram(Text, Irp->ProcessId);
    LpcpPutHex(Text, Irp->Irp, 1);
    LpcpEndLine(Text);
}

static NTSTATUS
LpcpListIrps(LPCP_TEXT *Text)
{
    LPCP_DEVICES devices;
    LPCP_IRPS irps;
    NTSTATUS status = LpcpTakeIrps(&irps);
    NTSTATUS found = LpcpTakeDevices(&devices);
    ULONG64 now = HalpMonotonicTime();

    LpcpPutHeader(Text, "device\tdriver\tfunction\tcode\tstate\tage_ms:n\tcancelled:b\tpid:n\ttid:n"
                        "\tprogram\tirp");
    for (ULONG i = 0; i < irps.Count; i++) {
        LpcpPutIrp(Text, &devices, &irps.Items[i], now);
    }
    LpcpGiveDevices(&devices);
    LpcpFreeItems(irps.Items);
    return NT_SUCCESS(status) ? found : status;
}

/* ---- drivers ---- */

static ULONG
LpcpCountDevicesOf(const LPCP_DEVICES *Devices, PDRIVER_OBJECT Driver)
{
    ULONG count = 0;

    for (ULONG i = 0; i < Devices->Count; i++) {
        count += Devices->Items[i].Device->DriverObject == Driver;
    }
    return count;
}

static NTSTATUS
LpcpListDrivers(LPCP_TEXT *Text)
{
    static const char *const states[] = {"loading", "loaded", "unloading"};
    LDRP_DRIVER_INFO *drivers =
        ExAllocatePoolZero(PagedPool, LDRP_MAX_DRIVERS * sizeof(*drivers), LPCP_TAG);
    LPCP_DEVICES devices;
    LPCP_IRPS irps;
    NTSTATUS status;
    ULONG count;

    if (drivers == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = LpcpTakeDevices(&devices);
    if (NT_SUCCESS(status)) {
        status = LpcpTakeIrps(&irps);
    } else {
        irps = (LPCP_IRPS){NULL, 0};
    }
    count = LdrpCollectDrivers(drivers, LDRP_MAX_DRIVERS);
    LpcpPutHeader(Text, "name\tstate\tdevices:n\tirps:n\tbase\tsize:n\tunloads:b\tpath");
    for (ULONG i = 0; i < count; i++) {
        PDRIVER_OBJECT object = drivers[i].DriverObject;

        LpcpPutText(Text, drivers[i].Name);
        LpcpPutText(Text, states[drivers[i].State]);
        LpcpPutNumber(Text, object != NULL ? LpcpCountDevicesOf(&devices, object) : 0);
        LpcpPutNumber(Text, object != NULL ? LpcpCountIrpsOfDriver(&irps, &devices, object) : 0);
        LpcpPutHex(Text, drivers[i].Base, 1);
        LpcpPutNumber(Text, drivers[i].Size);
        LpcpPutNumber(Text, drivers[i].CanUnload);
        LpcpPutText(Text, drivers[i].Path);
        LpcpEndLine(Text);
    }
    LpcpGiveDevices(&devices);
    LpcpFreeItems(irps.Items);
    ExFreePoolWithTag(drivers, LPCP_TAG);
    return status;
}

/* ---- symbolic links ---- */

static BOOLEAN
LpcpPutLink(PVOID Context, PVOID Object)
{
    LPCP_TEXT *text = Context;

    LpcpPutName(text, Object);
    LpcpPutWide(text, ObpSymbolicLinkTarget(Object));
    LpcpEndLine(text);
    return TRUE;
}

static NTSTATUS
LpcpListLinks(LPCP_TEXT *Text)
{
    LpcpPutHeader(Text, "name\ttarget");
    ObpForEachNamed(ObpSymbolicLinkType, LpcpPutLink, Text);
    return STATUS_SUCCESS;
}

/* ---- clients ---- */

typedef struct LPCP_CLIENT_INFO {
    PEPROCESS Process; /* referenced */
    ULONG UserId;
    ULONG Threads;
    ULONG Handles;
    ULONG64 ArenaBytes;
    ULONG64 ZoneBytes;
    BOOLEAN IsEnding;
} LPCP_CLIENT_INFO;

/* The first Count clients; how many there are. */
static ULONG
LpcpCollectClients(LPCP_CLIENT_INFO *Clients, ULONG Count)
{
    ULONG found = 0;

    LpcpAcquireClients();
    for (PLIST_ENTRY link = LpcpClients.Flink; link != &LpcpClients; link = link->Flink, found++) {
        NTBOX_CLIENT *client = CONTAINING_RECORD(link, NTBOX_CLIENT, AllLink);
        LPCP_CLIENT_INFO *info;

        if (found >= Count) {
            continue;
        }
        info = &Clients[found];
        ObReferenceObject(client->Process);
        info->Process = client->Process;
        info->UserId = client->Options.UserId;
        info->Threads = __atomic_load_n(&client->ThreadCount, __ATOMIC_RELAXED);
        info->Handles = client->IsRundown ? 0 : ObpHandlesInUse(client->Process->HandleTable);
        info->IsEnding = client->IsRundown || LpcpIsClosing(client);
        MiQueryClientMemory(client->Memory, &info->ArenaBytes, &info->ZoneBytes);
    }
    LpcpReleaseClients();
    return found;
}

static NTSTATUS
LpcpTakeClients(LPCP_CLIENT_INFO **Clients, ULONG *Count)
{
    ULONG room;
    ULONG count;

    *Count = 0;
    *Clients = LpcpAllocateItems(LpcpCollectClients(NULL, 0), sizeof(**Clients), &room);
    if (*Clients == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    count = LpcpCollectClients(*Clients, room);
    *Count = min(count, room);
    return STATUS_SUCCESS;
}

static VOID
LpcpGiveClients(LPCP_CLIENT_INFO *Clients, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        ObDereferenceObject(Clients[i].Process);
    }
    LpcpFreeItems(Clients);
}

static NTSTATUS
LpcpListClients(LPCP_TEXT *Text)
{
    LPCP_CLIENT_INFO *clients;
    LPCP_IRPS irps;
    ULONG count;
    NTSTATUS status = LpcpTakeClients(&clients, &count);
    NTSTATUS found = LpcpTakeIrps(&irps);

    LpcpPutHeader(Text, "pid:n\tuid:n\tstate\tthreads:n\thandles:n\tirps:n\tarena_bytes:n\t"
                        "mapped_bytes:n\tprogram");
    for (ULONG i = 0; i < count; i++) {
        const LPCP_CLIENT_INFO *client = &clients[i];
        ULONG processId = HandleToULong(client->Process->UniqueProcessId);

        LpcpPutNumber(Text, processId);
        LpcpPutNumber(Text, client->UserId);
        LpcpPutText(Text, client->IsEnding ? "ending" : "running");
        LpcpPutNumber(Text, client->Threads);
        LpcpPutNumber(Text, client->Handles);
        LpcpPutNumber(Text, LpcpCountIrpsOfProcess(&irps, processId));
        LpcpPutNumber(Text, client->ArenaBytes);
        LpcpPutNumber(Text, client->ZoneBytes);
        LpcpPutWide(Text, &client->Process->ImageName);
        LpcpEndLine(Text);
    }
    LpcpFreeItems(irps.Items);
    LpcpGiveClients(clients, count);
    return NT_SUCCESS(status) ? found : status;
}

/* ---- handles ---- */

typedef struct LPCP_HANDLES {
    ULONG ProcessId;
    OBP_HANDLE_INFO *Items;
    ULONG Room;
    ULONG Count; /* how many there are */
} LPCP_HANDLES;

/* Of the client with that number, if its table is there. */
static VOID
LpcpCollectHandles(LPCP_HANDLES *Handles)
{
    Handles->Count = 0;
    LpcpAcquireClients();
    for (PLIST_ENTRY link = LpcpClients.Flink; link != &LpcpClients; link = link->Flink) {
        NTBOX_CLIENT *client = CONTAINING_RECORD(link, NTBOX_CLIENT, AllLink);

        if (HandleToULong(client->Process->UniqueProcessId) == Handles->ProcessId &&
            !client->IsRundown) {
            Handles->Count =
                ObpCollectHandles(client->Process->HandleTable, Handles->Items, Handles->Room);
            break;
        }
    }
    LpcpReleaseClients();
}

/* Drivers' own: kernel handles, and those of the system process, whose tables stay. */
static VOID
LpcpCollectSystemHandles(LPCP_HANDLES *Handles)
{
    ULONG room = Handles->Room;
    ULONG first = ObpCollectHandles(ObpSystemTable(), Handles->Items, room);
    ULONG taken = min(first, room);

    Handles->Count =
        first + (PsInitialSystemProcess->HandleTable == ObpSystemTable()
                     ? 0
                     : ObpCollectHandles(PsInitialSystemProcess->HandleTable,
                                         room != 0 ? Handles->Items + taken : NULL, room - taken));
}

static VOID
LpcpPutHandleName(LPCP_TEXT *Text, PVOID Object)
{
    POBJECT_TYPE type = ObpGetObjectType(Object);
    char name[32];

    if (type == *PsProcessType) {
        snprintf(name, sizeof(name), "pid %u",
                 (unsigned)HandleToULong(((PEPROCESS)Object)->UniqueProcessId));
        LpcpPutText(Text, name);
    } else if (type == *PsThreadType) {
        snprintf(name, sizeof(name), "tid %u",
                 (unsigned)HandleToULong(((PETHREAD)Object)->Cid.UniqueThread));
        LpcpPutText(Text, name);
    } else {
        LpcpPutName(Text, Object);
    }
}

/* Those of one process; Collect is one of the two above. */
static NTSTATUS
LpcpPutHandles(LPCP_TEXT *Text, ULONG ProcessId, VOID (*Collect)(LPCP_HANDLES *Handles))
{
    LPCP_HANDLES handles = {.ProcessId = ProcessId};
    ULONG count;

    Collect(&handles);
    handles.Items = LpcpAllocateItems(handles.Count, sizeof(*handles.Items), &handles.Room);
    if (handles.Items == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Collect(&handles);
    count = min(handles.Count, handles.Room);
    for (ULONG i = 0; i < count; i++) {
        const OBP_HANDLE_INFO *handle = &handles.Items[i];

        LpcpPutNumber(Text, ProcessId);
        LpcpPutProgram(Text, ProcessId);
        LpcpPutHex(Text, (ULONG_PTR)handle->Value, 1);
        LpcpPutWide(Text, ObpQueryTypeName(ObpGetObjectType(handle->Object)));
        LpcpPutHex(Text, handle->Access, 8);
        LpcpPutHandleName(Text, handle->Object);
        LpcpEndLine(Text);
        ObDereferenceObject(handle->Object);
    }
    LpcpFreeItems(handles.Items);
    return STATUS_SUCCESS;
}

static NTSTATUS
LpcpListHandles(LPCP_TEXT *Text)
{
    LPCP_CLIENT_INFO *clients;
    ULONG count;
    NTSTATUS status = LpcpTakeClients(&clients, &count);

    LpcpPutHeader(Text, "pid:n\tprogram\thandle\ttype\taccess\tname");
    for (ULONG i = 0; i < count && NT_SUCCESS(status); i++) {
        status = LpcpPutHandles(Text, HandleToULong(clients[i].Process->UniqueProcessId),
                                LpcpCollectHandles);
    }
    if (NT_SUCCESS(status)) {
        status = LpcpPutHandles(Text, HandleToULong(PsInitialSystemProcess->UniqueProcessId),
                                LpcpCollectSystemHandles);
    }
    LpcpGiveClients(clients, count);
    return status;
}

/* ---- memory ---- */

static NTSTATUS
LpcpListMemory(LPCP_TEXT *Text)
{
    EXP_TAG_STATISTICS *tags;
    ULONG count;
    ULONG room;

    tags = LpcpAllocateItems(ExpQueryTagStatistics(NULL, 0), sizeof(*tags), &room);
    if (tags == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    count = ExpQueryTagStatistics(tags, room);
    count = min(count, room);
    LpcpPutHeader(Text, "tag\tblocks:n\tbytes:n\tallocations:n\tfrees:n");
    for (ULONG i = 0; i < count; i++) {
        char name[5] = "";

        memcpy(name, &tags[i].Tag, 4);
        for (ULONG j = 0; j < 4; j++) {
            name[j] = name[j] >= ' ' && name[j] < 0x7F ? name[j] : '.';
        }
        LpcpPutText(Text, name);
        LpcpPutNumber(Text, tags[i].Allocations - tags[i].Frees);
        LpcpPutNumber(Text, tags[i].BytesAllocated - tags[i].BytesFreed);
        LpcpPutNumber(Text, tags[i].Allocations);
        LpcpPutNumber(Text, tags[i].Frees);
        LpcpEndLine(Text);
    }
    LpcpFreeItems(tags);
    return STATUS_SUCCESS;
}

/* ---- all of it ---- */

NTSTATUS
LpcpList(const char *Kind, LPCP_TEXT *Text)
{
    static const struct {
        const char *Kind;
        NTSTATUS (*List)(LPCP_TEXT *Text);
    } lists[] = {
        {"drivers", LpcpListDrivers}, {"devices", LpcpListDevices}, {"links", LpcpListLinks},
        {"handles", LpcpListHandles}, {"irps", LpcpListIrps},       {"memory", LpcpListMemory},
        {"clients", LpcpListClients},
    };

    NT_FOR_EACH (row, lists) {
        if (strcmp(row->Kind, Kind) == 0) {
            return row->List(Text);
        }
    }
    return STATUS_INVALID_PARAMETER;
}

VOID
LpcpPutStatus(LPCP_TEXT *Text)
{
    EXP_POOL_STATISTICS pool;

    ExpQueryPoolStatistics(&pool);
    LpcpPutHeader(Text, "drivers:n\tdevices:n\tclients:n\tirps:n\tpool_bytes:n\tpool_blocks:n\t"
                        "findings:n\tevents_lost:n");
    LpcpPutNumber(Text, LdrpCollectDrivers(NULL, 0));
    LpcpPutNumber(Text, IopCollectDevices(NULL, 0));
    LpcpPutNumber(Text, LpcpCollectClients(NULL, 0));
    LpcpPutNumber(Text, IopCollectIrps(NULL, 0));
    LpcpPutNumber(Text, pool.BytesInUse);
    LpcpPutNumber(Text, pool.BlocksInUse);
    LpcpPutNumber(Text, LdrpAuditFindings());
    LpcpPutNumber(Text, PspQueryHostLost());
    LpcpEndLine(Text);
}
