/* SPDX-License-Identifier: MIT
 *
 * mm/clientview.c - the zone of a client: views and locked copies of its memory, and mappings
 *
 * A view lies in the client's zone between two pages that are never there, followed by a second
 * copy that tells at the end what was changed:
 *
 *     guard | view: what the driver uses | guard | original | guard
 *
 * Invariants  V1  the original is never at an address that a driver was told.
 *             V2  a locked copy is in its bucket from MiLockClientCopy until MiUnlockClientCopy.
 * Source      WDK reference, "Using Neither Buffered Nor Direct I/O", wdm.h MmProbeAndLockPages.
 */
#include "mm/mip.h"

struct MI_CLIENT_VIEW {
    MI_CLIENT *Client;
    MI_REGION Region;
    ULONG_PTR Source; /* the client's address */
    PUCHAR Bytes;     /* the view of Source */
    PUCHAR Original;  /* of the Readable first bytes */
    size_t Readable;  /* bytes that were there */
    SIZE_T Charge;    /* MiQuotaMemory */
};

typedef struct MI_CLIENT_COPY {
    MI_CLIENT_WORK Work; /* once it is unlocked */
    LIST_ENTRY Link;     /* Copies */
    MI_CLIENT *Client;   /* referenced by the charge */
    SIZE_T Charge;       /* MiQuotaMemory */
    PMDL Mdl;
    PVOID Block;
    ULONG_PTR Address; /* the client's */
    ULONG Length;
    BOOLEAN Write;
} MI_CLIENT_COPY;

/* ---- the zone ---- */

/* First fit: what is taken is few, and short-lived. */
BOOLEAN
MiTakeZone(MI_CLIENT *Client, SIZE_T Size, SIZE_T Alignment, MI_REGION *Region)
{
    ULONG_PTR place = Client->ZoneBase;
    BOOLEAN found = FALSE;
    PLIST_ENTRY next;

    ExAcquireFastMutex(&Client->ZoneLock);
    for (next = Client->Regions.Flink; next != &Client->Regions; next = next->Flink) {
        MI_REGION *region = CONTAINING_RECORD(next, MI_REGION, Link);

        if (place <= region->Base && Size <= region->Base - place) {
            break;
        }
        place = (region->Base + region->Size + Alignment - 1) & ~(ULONG_PTR)(Alignment - 1);
    }
    /* Each is some mappings of ours, of which the host gives a process 65,530. */
    if (Size != 0 && Client->RegionCount < MI_MAX_REGIONS && place <= Client->End &&
        Size <= Client->End - place) {
        Region->Base = place;
        Region->Size = Size;
        InsertTailList(next, &Region->Link); /* before it */
        ++Client->RegionCount;
        found = TRUE;
    }
    ExReleaseFastMutex(&Client->ZoneLock);
    return found;
}

VOID
MiGiveZone(MI_CLIENT *Client, MI_REGION *Region)
{
    HalpDecommitMemory((PVOID)Region->Base, Region->Size);
    ExAcquireFastMutex(&Client->ZoneLock);
    RemoveEntryList(&Region->Link);
    --Client->RegionCount;
    ExReleaseFastMutex(&Client->ZoneLock);
}

/* ---- views ---- */

static NTSTATUS
MiFillView(MI_CLIENT_VIEW *View, SIZE_T Length, SIZE_T Span)
{
    HALP_STATUS result;
    size_t present;

    if (HalpCommitMemory((PVOID)PAGE_ALIGN(View->Bytes), Span, HALP_READ | HALP_WRITE) != HALP_OK ||
        HalpCommitMemory((PVOID)PAGE_ALIGN(View->Original), Span, HALP_READ | HALP_WRITE) !=
            HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    result = HalpReadPeer(View->Client->Peer, View->Source, View->Bytes, Length, &View->Readable);
    if (result != HALP_OK) {
        present = View->Readable == 0
                      ? 0
                      : ADDRESS_AND_SIZE_TO_SPAN_PAGES(View->Source, View->Readable) << PAGE_SHIFT;
        HalpDecommitMemory((PUCHAR)PAGE_ALIGN(View->Bytes) + present, Span - present);
    }
    RtlCopyMemory(View->Original, View->Bytes, View->Readable);
    return STATUS_SUCCESS;
}

NTSTATUS
MiCreateClientView(MI_CLIENT *Client, const VOID *Source, SIZE_T Length, MI_CLIENT_VIEW **View,
                   PVOID *Address)
{
    SIZE_T span = (SIZE_T)ADDRESS_AND_SIZE_TO_SPAN_PAGES(Source, Length) << PAGE_SHIFT;
    MI_CLIENT_VIEW *view;
    NTSTATUS status;

    view = ExpAllocatePool(NonPagedPoolNx, sizeof(*view), MI_TAG_COPY, NT_CALLER());
    if (view == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    view->Client = Client;
    view->Source = (ULONG_PTR)Source;
    view->Charge = 2 * span;
    status = MiChargeClient(Client, MiQuotaMemory, view->Charge);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(view, MI_TAG_COPY);
        return status;
    }
    if (!MiTakeZone(Client, 2 * span + 3 * PAGE_SIZE, PAGE_SIZE, &view->Region)) {
        MiReturnCharge(Client, MiQuotaMemory, view->Charge);
        ExFreePoolWithTag(view, MI_TAG_COPY);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    view->Bytes = (PUCHAR)view->Region.Base + PAGE_SIZE + BYTE_OFFSET(Source);
    view->Original = view->Bytes + span + PAGE_SIZE;
    status = MiFillView(view, Length, span);
    if (!NT_SUCCESS(status)) {
        MiDeleteClientView(view, FALSE);
        return status;
    }
    *View = view;
    *Address = view->Bytes;
    return STATUS_SUCCESS;
}

/* Runs of changed bytes go back; a few equal ones between do not end a run, but are not written
 * either when another thread of the client may have changed them: so runs end at equal bytes. */
static VOID
MiWriteChanges(MI_CLIENT_VIEW *View)
{
    size_t done;
    SIZE_T i = 0;

    while (i < View->Readable) {
        SIZE_T start;

        while (i < View->Readable && View->Bytes[i] == View->Original[i]) {
            ++i;
        }
        start = i;
        while (i < View->Readable && View->Bytes[i] != View->Original[i]) {
            ++i;
        }
        if (i > start) {
            (VOID) HalpWritePeer(View->Client->Peer, View->Source + start, View->Bytes + start,
                                 i - start, &done);
        }
    }
}

VOID
MiDeleteClientView(MI_CLIENT_VIEW *View, BOOLEAN WriteBack)
{
    if (WriteBack) {
        NT_ASSERT_INTERNAL(MiCanTouchClient(View->Client)); /* CM1 */
        MiWriteChanges(View);
    }
    MiGiveZone(View->Client, &View->Region);
    MiReturnCharge(View->Client, MiQuotaMemory, View->Charge);
    ExFreePoolWithTag(View, MI_TAG_COPY);
}

/* ---- copies behind MDLs ---- */

static LIST_ENTRY *
MiCopyBucket(MI_CLIENT *Client, PMDL Mdl)
{
    return &Client->Copies[((ULONG_PTR)Mdl >> 6) % MI_COPY_BUCKETS];
}

NTSTATUS
MiLockClientCopy(MI_CLIENT *Client, PMDL Mdl, BOOLEAN Write, PVOID *Block)
{
    ULONG_PTR address = (ULONG_PTR)MmGetMdlVirtualAddress(Mdl);
    ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)address, Mdl->ByteCount);
    MI_CLIENT_COPY *copy = ExpAllocatePool(NonPagedPoolNx, sizeof(*copy), MI_TAG_COPY, NT_CALLER());
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    KIRQL irql;

    if (copy == NULL) {
        return status;
    }
    copy->Charge = max((SIZE_T)pages << PAGE_SHIFT, PAGE_SIZE);
    status = MiChargeClient(Client, MiQuotaMemory, copy->Charge);
    if (!NT_SUCCESS(status)) {
        goto FreeCopy;
    }
    copy->Block = ExpAllocatePool(NonPagedPoolNx, copy->Charge, MI_TAG_COPY, NT_CALLER());
    if (copy->Block == NULL) {
        status = STATUS_INSUFFICIENT_RESOURCES;
        goto ReturnCharge;
    }
    status = Write ? MiProbeClient(Client, (PVOID)address, Mdl->ByteCount, TRUE) : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) {
        status = MiReadClient(Client, (PUCHAR)copy->Block + Mdl->ByteOffset, (PVOID)address,
                              Mdl->ByteCount);
    }
    if (!NT_SUCCESS(status)) {
        goto FreeBlock;
    }
    copy->Client = Client;
    copy->Mdl = Mdl;
    copy->Address = address;
    copy->Length = Mdl->ByteCount;
    copy->Write = Write;
    KeAcquireSpinLock(&Client->CopyLock, &irql);
    InsertTailList(MiCopyBucket(Client, Mdl), &copy->Link); /* V2 */
    KeReleaseSpinLock(&Client->CopyLock, irql);
    *Block = copy->Block;
    return STATUS_SUCCESS;

FreeBlock:
    ExFreePoolWithTag(copy->Block, MI_TAG_COPY);
ReturnCharge:
    MiReturnCharge(Client, MiQuotaMemory, copy->Charge);
FreeCopy:
    ExFreePoolWithTag(copy, MI_TAG_COPY);
    return status;
}

static MI_CLIENT_COPY *
MiTakeCopy(MI_CLIENT *Client, PMDL Mdl)
{
    LIST_ENTRY *bucket = MiCopyBucket(Client, Mdl);
    MI_CLIENT_COPY *found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Client->CopyLock, &irql);
    for (PLIST_ENTRY link = bucket->Flink; link != bucket && found == NULL; link = link->Flink) {
        MI_CLIENT_COPY *copy = CONTAINING_RECORD(link, MI_CLIENT_COPY, Link);

        if (copy->Mdl == Mdl) {
            found = copy;
        }
    }
    NT_ASSERT_INTERNAL(found != NULL);
    RemoveEntryList(&found->Link);
    KeReleaseSpinLock(&Client->CopyLock, irql);
    return found;
}

static VOID
MiFinishCopy(MI_CLIENT_WORK *Work)
{
    MI_CLIENT_COPY *copy = CONTAINING_RECORD(Work, MI_CLIENT_COPY, Work);
    ULONG offset = BYTE_OFFSET(copy->Address);
    MI_CLIENT *client = copy->Client;

    if (copy->Write) {
        /* A client that has unmapped it meanwhile loses only this. */
        (VOID)
            MiWriteClient(client, (PVOID)copy->Address, (PUCHAR)copy->Block + offset, copy->Length);
    }
    ExFreePoolWithTag(copy->Block, MI_TAG_COPY);
    MiReturnCharge(client, MiQuotaMemory, copy->Charge);
    ExFreePoolWithTag(copy, MI_TAG_COPY);
}

VOID
MiUnlockClientCopy(MI_CLIENT *Client, PMDL Mdl)
{
    MI_CLIENT_COPY *copy = MiTakeCopy(Client, Mdl);

    copy->Work.Routine = MiFinishCopy;
    if (!copy->Write || MiCanTouchClient(Client)) {
        MiFinishCopy(&copy->Work);
    } else {
        MiQueueClientWork(Client, &copy->Work); /* CM1, CM2 */
    }
}

LONG
MiClientMdlCount(const MI_CLIENT *Client)
{
    return __atomic_load_n(&Client->MdlCount, __ATOMIC_ACQUIRE);
}

VOID
MiCountClientMdl(MI_CLIENT *Client, LONG Change)
{
    __atomic_fetch_add(&Client->MdlCount, Change, __ATOMIC_ACQ_REL);
}

/* ---- mappings ---- */

struct MI_CLIENT_MAPPING {
    MI_CLIENT *Client;
    MI_REGION Region;
};

VOID
MiSetClientMapper(MI_CLIENT *Client, MI_CLIENT_MAP *Map, PVOID Context)
{
    Client->Map = Map;
    Client->MapContext = Context;
}

/* The client maps what is at Region here. */
static NTSTATUS
MiAskClient(MI_CLIENT *Client, HALP_SHARED_MEMORY *Memory, ULONG64 Offset, const MI_REGION *Region,
            BOOLEAN Writable)
{
    ULONG access = Writable ? HALP_READ | HALP_WRITE : HALP_READ;
    int descriptor;
    BOOLEAN done;

    if (HalpShareMemory(Memory, access, &descriptor) != HALP_OK) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    done = Client->Map(Client->MapContext, descriptor, Offset, Region->Base, Region->Size,
                       Writable) != 0;
    HalpCloseDescriptor(descriptor);
    return done ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS
MiMapIntoClient(MI_CLIENT *Client, HALP_SHARED_MEMORY *Memory, ULONG64 Offset, SIZE_T Size,
                SIZE_T Alignment, BOOLEAN Writable, MI_CLIENT_MAPPING **Mapping, PVOID *Address)
{
    ULONG access = Writable ? HALP_READ | HALP_WRITE : HALP_READ;
    MI_CLIENT_MAPPING *mapping;
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    PVOID mapped;

    mapping = ExpAllocatePool(NonPagedPoolNx, sizeof(*mapping), MI_TAG_COPY, NT_CALLER());
    if (mapping == NULL) {
        return status;
    }
    mapping->Client = Client;
    if (!MiTakeZone(Client, Size, Alignment, &mapping->Region)) {
        ExFreePoolWithTag(mapping, MI_TAG_COPY);
        return status;
    }
    if (!HalpShouldFail("map") &&
        HalpMapSharedMemory(Memory, Offset, Size, access, (PVOID)mapping->Region.Base, &mapped) ==
            HALP_OK) {
        status = MiAskClient(Client, Memory, Offset, &mapping->Region, Writable);
    }
    if (!NT_SUCCESS(status)) {
        MiGiveZone(Client, &mapping->Region);
        ExFreePoolWithTag(mapping, MI_TAG_COPY);
        return status;
    }
    *Mapping = mapping;
    *Address = (PVOID)mapping->Region.Base;
    return STATUS_SUCCESS;
}

VOID
MiUnmapFromClient(MI_CLIENT_MAPPING *Mapping)
{
    MI_CLIENT *client = Mapping->Client;

    (VOID) client->Map(client->MapContext, -1, 0, Mapping->Region.Base, Mapping->Region.Size, 0);
    MiGiveZone(client, &Mapping->Region);
    ExFreePoolWithTag(Mapping, MI_TAG_COPY);
}
