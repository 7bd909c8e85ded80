/* SPDX-License-Identifier: MIT
 *
 * io/devqueue.c - KDEVICE_QUEUE: what waits while a device is busy
 *
 * Invariants  Q1  An entry is on the list iff Inserted.
 *             Q2  Not busy: the list is empty.
 * Locks       KDEVICE_QUEUE.Lock guards all; taken at DISPATCH_LEVEL.
 * Source      WDK reference, wdm.h KeInitializeDeviceQueue, KeInsertDeviceQueue ... They are the
 *             kernel's, but nobody below io uses them.
 */
#include "io/iop.h"

static PKDEVICE_QUEUE_ENTRY
IopEntryOf(PLIST_ENTRY Link)
{
    return CONTAINING_RECORD(Link, KDEVICE_QUEUE_ENTRY, DeviceListEntry);
}

/* The first entry with at least this key, or the first of all; the lock is held, not empty. */
static PLIST_ENTRY
IopFindKeyLocked(PKDEVICE_QUEUE Queue, ULONG Key)
{
    PLIST_ENTRY link;

    for (link = Queue->DeviceListHead.Flink; link != &Queue->DeviceListHead; link = link->Flink) {
        if (IopEntryOf(link)->SortKey >= Key) {
            return link;
        }
    }
    return Queue->DeviceListHead.Flink;
}

static PKDEVICE_QUEUE_ENTRY
IopRemoveNext(PKDEVICE_QUEUE Queue, BOOLEAN HasKey, ULONG Key, BOOLEAN OnlyIfBusy)
{
    PKDEVICE_QUEUE_ENTRY entry = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Queue->Lock, &irql);
    if (OnlyIfBusy && !Queue->Busy) {
        KeReleaseSpinLock(&Queue->Lock, irql);
        return NULL;
    }
    if (IsListEmpty(&Queue->DeviceListHead)) {
        Queue->Busy = FALSE;
    } else {
        PLIST_ENTRY link = HasKey ? IopFindKeyLocked(Queue, Key) : Queue->DeviceListHead.Flink;

        RemoveEntryList(link);
        entry = IopEntryOf(link);
        entry->Inserted = FALSE;
    }
    KeReleaseSpinLock(&Queue->Lock, irql);
    return entry;
}

static BOOLEAN
IopInsert(PKDEVICE_QUEUE Queue, PKDEVICE_QUEUE_ENTRY Entry, BOOLEAN HasKey, ULONG Key)
{
    PLIST_ENTRY link = &Queue->DeviceListHead;
    BOOLEAN queued;
    KIRQL irql;

    KeAcquireSpinLock(&Queue->Lock, &irql);
    queued = Queue->Busy;
    if (!queued) {
        Queue->Busy = TRUE;
        Entry->Inserted = FALSE;
    } else {
        if (HasKey) {
            /* Behind those with the same key. */
            for (link = Queue->DeviceListHead.Flink;
                 link != &Queue->DeviceListHead && IopEntryOf(link)->SortKey <= Key;
                 link = link->Flink) {
            }
        }
        Entry->SortKey = Key;
        InsertTailList(link, &Entry->DeviceListEntry);
        Entry->Inserted = TRUE;
    }
    KeReleaseSpinLock(&Queue->Lock, irql);
    return queued;
}

#pragma GCC visibility push(default)

VOID NTAPI
KeInitializeDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    NT_ENTER(KeInitializeDeviceQueue);
    RtlZeroMemory(DeviceQueue, sizeof(*DeviceQueue));
    DeviceQueue->Type = DeviceQueueObject;
    DeviceQueue->Size = sizeof(*DeviceQueue);
    InitializeListHead(&DeviceQueue->DeviceListHead);
    KeInitializeSpinLock(&DeviceQueue->Lock);
}

/* FALSE: the queue was not busy and now is; the entry is not queued. DISPATCH_LEVEL. */
BOOLEAN NTAPI
KeInsertDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    NT_ENTER(KeInsertDeviceQueue);
    return IopInsert(DeviceQueue, DeviceQueueEntry, FALSE, 0);
}

/* The same, sorted by ascending key. DISPATCH_LEVEL. */
BOOLEAN NTAPI
KeInsertByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry,
                         ULONG SortKey)
{
    NT_ENTER(KeInsertByKeyDeviceQueue);
    return IopInsert(DeviceQueue, DeviceQueueEntry, TRUE, SortKey);
}

/* The first entry; NULL: empty, and not busy any more. DISPATCH_LEVEL. */
PKDEVICE_QUEUE_ENTRY NTAPI
KeRemoveDeviceQueue(PKDEVICE_QUEUE DeviceQueue)
{
    NT_ENTER(KeRemoveDeviceQueue);
    return IopRemoveNext(DeviceQueue, FALSE, 0, FALSE);
}

/* The first entry whose key is at least SortKey, or the first of all. DISPATCH_LEVEL. */
PKDEVICE_QUEUE_ENTRY NTAPI
KeRemoveByKeyDeviceQueue(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey)
{
    NT_ENTER(KeRemoveByKeyDeviceQueue);
    return IopRemoveNext(DeviceQueue, TRUE, SortKey, FALSE);
}

/* The same; a queue that is not busy stays as it is. DISPATCH_LEVEL. */
PKDEVICE_QUEUE_ENTRY NTAPI
KeRemoveByKeyDeviceQueueIfBusy(PKDEVICE_QUEUE DeviceQueue, ULONG SortKey)
{
    NT_ENTER(KeRemoveByKeyDeviceQueueIfBusy);
    return IopRemoveNext(DeviceQueue, TRUE, SortKey, TRUE);
}

/* TRUE: the entry was queued and is not any more. <= DISPATCH_LEVEL. */
BOOLEAN NTAPI
KeRemoveEntryDeviceQueue(PKDEVICE_QUEUE DeviceQueue, PKDEVICE_QUEUE_ENTRY DeviceQueueEntry)
{
    NT_ENTER(KeRemoveEntryDeviceQueue);
    BOOLEAN queued;
    KIRQL irql;

    KeAcquireSpinLock(&DeviceQueue->Lock, &irql);
    queued = DeviceQueueEntry->Inserted;
    if (queued) {
        RemoveEntryList(&DeviceQueueEntry->DeviceListEntry);
        DeviceQueueEntry->Inserted = FALSE;
    }
    KeReleaseSpinLock(&DeviceQueue->Lock, irql);
    return queued;
}

#pragma GCC visibility pop
