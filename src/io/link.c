/* SPDX-License-Identifier: MIT
 *
 * io/link.c - the symbolic links of drivers
 *
 * The links themselves are ob's. io remembers who made which, so that an unload can tell what was
 * left behind.
 *
 * Invariants  L1  an entry of IopLinks references its link object. A link has a name until it is
 *                 deleted, under whichever of its names (\DosDevices\X is \??\X too) and by
 *                 whomever; an entry whose link has none is dropped when it is come across.
 * Locks       IopLinkLock (fast mutex) guards IopLinks.
 * Source      WDK reference, ntddk.h IoCreateSymbolicLink, IoDeleteSymbolicLink.
 */
#include "io/iop.h"

typedef struct IOP_LINK {
    LIST_ENTRY Link;
    ULONG_PTR Caller;
    PVOID Object;        /* L1 */
    UNICODE_STRING Name; /* behind the structure, as is Target */
    UNICODE_STRING Target;
} IOP_LINK;

static FAST_MUTEX IopLinkLock;
static LIST_ENTRY IopLinks NT_GUARDED_BY(IopLinkLock);

VOID
IopInitializeLinks(VOID)
{
    ExInitializeFastMutex(&IopLinkLock);
    InitializeListHead(&IopLinks);
}

static VOID
IopFreeLink(IOP_LINK *Link)
{
    ObDereferenceObject(Link->Object);
    ExFreePoolWithTag(Link, IOP_TAG_NAME);
}

VOID
IopShutdownLinks(VOID)
{
    while (!IsListEmpty(&IopLinks)) {
        IopFreeLink(CONTAINING_RECORD(RemoveHeadList(&IopLinks), IOP_LINK, Link));
    }
}

static IOP_LINK *
IopMakeLinkEntry(PCUNICODE_STRING Name, PCUNICODE_STRING Target, ULONG_PTR Caller)
{
    IOP_LINK *link = ExAllocatePoolWithTag(
        NonPagedPoolNx, sizeof(*link) + Name->Length + (SIZE_T)Target->Length, IOP_TAG_NAME);

    if (link != NULL) {
        link->Caller = Caller;
        link->Name.Buffer = (PWSTR)(link + 1);
        link->Name.Length = link->Name.MaximumLength = Name->Length;
        memcpy(link->Name.Buffer, Name->Buffer, Name->Length);
        link->Target.Buffer = link->Name.Buffer + Name->Length / sizeof(WCHAR);
        link->Target.Length = link->Target.MaximumLength = Target->Length;
        memcpy(link->Target.Buffer, Target->Buffer, Target->Length);
    }
    return link;
}

static NTSTATUS
IopCreateLink(PUNICODE_STRING Name, PUNICODE_STRING Target, ULONG_PTR Caller)
{
    IOP_LINK *link;
    NTSTATUS status;

    if (Name == NULL || Name->Length == 0 || Target == NULL || Target->Length == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    link = IopMakeLinkEntry(Name, Target, Caller);
    if (link == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = ObpCreateSymbolicLink(Name, Target, TRUE, &link->Object);
    if (NT_SUCCESS(status)) {
        /* Whoever makes it, everybody may ask where it leads. */
        status = SepProtectPublicly(link->Object);
        if (!NT_SUCCESS(status)) {
            ObpRemoveName(link->Object);
            ObDereferenceObject(link->Object);
        }
    }
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(link, IOP_TAG_NAME);
        return status;
    }
    ExAcquireFastMutex(&IopLinkLock);
    InsertTailList(&IopLinks, &link->Link);
    ExReleaseFastMutex(&IopLinkLock);
    return STATUS_SUCCESS;
}

/* L1: drops the entries of links that are gone. */
static VOID
IopForgetDeletedLinks(VOID)
{
    LIST_ENTRY deleted;
    PLIST_ENTRY entry;
    PLIST_ENTRY next;

    InitializeListHead(&deleted);
    ExAcquireFastMutex(&IopLinkLock);
    for (entry = IopLinks.Flink; entry != &IopLinks; entry = next) {
        next = entry->Flink;
        if (!ObpHasName(CONTAINING_RECORD(entry, IOP_LINK, Link)->Object)) {
            RemoveEntryList(entry);
            InsertTailList(&deleted, entry);
        }
    }
    ExReleaseFastMutex(&IopLinkLock);
    while (!IsListEmpty(&deleted)) {
        IopFreeLink(CONTAINING_RECORD(RemoveHeadList(&deleted), IOP_LINK, Link));
    }
}

/* Target names one of the driver's devices. */
static BOOLEAN
IopTargetsDriver(PDRIVER_OBJECT DriverObject, PUNICODE_STRING Target)
{
    PDEVICE_OBJECT device;
    BOOLEAN found = FALSE;
    WCHAR buffer[128];
    UNICODE_STRING name;

    for (device = DriverObject->DeviceObject; device != NULL && !found;
         device = device->NextDevice) {
        ObpQueryName(device, buffer, sizeof(buffer));
        RtlInitUnicodeString(&name, buffer);
        found = name.Length != 0 && RtlEqualUnicodeString(&name, Target, TRUE);
    }
    return found;
}

/* Made by the driver's code, or leading to one of its devices. */
static BOOLEAN
IopIsDriverLink(PDRIVER_OBJECT DriverObject, IOP_LINK *Link)
{
    ULONG_PTR start = (ULONG_PTR)DriverObject->DriverStart;

    return (Link->Caller >= start && Link->Caller - start < DriverObject->DriverSize) ||
           IopTargetsDriver(DriverObject, &Link->Target);
}

/* The devices of a driver being audited do not change. */
ULONG
IopCountDriverLinks(PDRIVER_OBJECT DriverObject)
{
    PLIST_ENTRY entry;
    ULONG count = 0;

    IopForgetDeletedLinks();
    ExAcquireFastMutex(&IopLinkLock);
    for (entry = IopLinks.Flink; entry != &IopLinks; entry = entry->Flink) {
        count += IopIsDriverLink(DriverObject, CONTAINING_RECORD(entry, IOP_LINK, Link));
    }
    ExReleaseFastMutex(&IopLinkLock);
    return count;
}

/* Takes the driver's first link off the list; NULL: none is left. */
static IOP_LINK *
IopTakeDriverLink(PDRIVER_OBJECT DriverObject)
{
    IOP_LINK *found = NULL;
    PLIST_ENTRY entry;

    ExAcquireFastMutex(&IopLinkLock);
    for (entry = IopLinks.Flink; entry != &IopLinks && found == NULL; entry = entry->Flink) {
        IOP_LINK *link = CONTAINING_RECORD(entry, IOP_LINK, Link);

        if (IopIsDriverLink(DriverObject, link)) {
            RemoveEntryList(entry);
            found = link;
        }
    }
    ExReleaseFastMutex(&IopLinkLock);
    return found;
}

VOID
IopRemoveDriverLinks(PDRIVER_OBJECT DriverObject, IOP_TELL_LINK *Tell, PVOID Context)
{
    IOP_LINK *link;

    IopForgetDeletedLinks();
    while ((link = IopTakeDriverLink(DriverObject)) != NULL) {
        Tell(Context, &link->Name, link->Caller);
        ObpRemoveName(link->Object);
        IopFreeLink(link);
    }
}

#pragma GCC visibility push(default)

/*
 * IoCreateSymbolicLink - another name for a device, e.g. \DosDevices\X
 *
 * Returns  STATUS_SUCCESS, STATUS_OBJECT_NAME_COLLISION, STATUS_INVALID_PARAMETER, the path
 *          errors, STATUS_INSUFFICIENT_RESOURCES. The target need not exist.
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iocreatesymboliclink
 */
NTSTATUS NTAPI
IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    NT_ENTER(IoCreateSymbolicLink);
    return IopCreateLink(SymbolicLinkName, DeviceName, NT_CALLER());
}

/* IoCreateSymbolicLink: links have no security here. nf-wdm-iocreateunprotectedsymboliclink */
NTSTATUS NTAPI
IoCreateUnprotectedSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    NT_ENTER(IoCreateUnprotectedSymbolicLink);
    return IopCreateLink(SymbolicLinkName, DeviceName, NT_CALLER());
}

/*
 * IoDeleteSymbolicLink - removes the link's name
 *
 * Returns  STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iodeletesymboliclink
 */
NTSTATUS NTAPI
IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    NT_ENTER(IoDeleteSymbolicLink);
    NTSTATUS status;

    if (SymbolicLinkName == NULL || SymbolicLinkName->Length == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = ObpDeleteSymbolicLink(SymbolicLinkName);
    if (NT_SUCCESS(status)) {
        IopForgetDeletedLinks();
    }
    return status;
}

#pragma GCC visibility pop
