/* SPDX-License-Identifier: MIT
 *
 * ke/queue.c - kernel queues: entries for worker threads, with a limit on how many run at once
 *
 * A thread belongs to the queue that it last took an entry from. CurrentCount is how many of a
 * queue's threads run, that is, do not wait for anything. An entry goes to a waiting thread only
 * while CurrentCount < MaximumCount; when one of the threads blocks elsewhere, another may start.
 * Threads are released last in, first out. SignalState is the number of entries.
 *
 * Invariants  Q1  CurrentCount == number of running threads with Thread->Queue == Queue.
 *             Q2  There is no entry and waiting thread together while CurrentCount < MaximumCount.
 *             Q3  MaximumCount is 0 iff the queue was run down: no thread runs for it, none waits.
 * Locks       KiDispatcherLock guards everything
 * Source      WDK reference, ntifs.h KeInitializeQueue and its neighbours
 */
#include "ke/ki.h"

static VOID
KiCheckQueue(const KQUEUE *Queue, const char *Function)
{
    KiCheckType(&Queue->Header, QueueObject, QueueObject, Function);
}

static PLIST_ENTRY
KiTakeEntry(PKQUEUE Queue)
{
    PLIST_ENTRY entry = RemoveHeadList(&Queue->EntryListHead);

    KiSetState(&Queue->Header, Queue->Header.SignalState - 1);
    entry->Flink = NULL; /* KeInsertQueue finds an entry that is on a queue already */
    return entry;
}

/* Q2: hands entries to waiting threads as far as the limit allows. */
static VOID
KiDispatchQueue(PKQUEUE Queue)
{
    while (Queue->CurrentCount < Queue->MaximumCount && !IsListEmpty(&Queue->EntryListHead) &&
           !IsListEmpty(&Queue->Header.WaitListHead)) {
        /* Waiters are added at the tail: the last is the one that waits the shortest time. */
        PKWAIT_BLOCK block =
            CONTAINING_RECORD(Queue->Header.WaitListHead.Blink, KWAIT_BLOCK, WaitListEntry);
        block->Thread->QueueEntry = KiTakeEntry(Queue);
        KiUnwaitThread(block->Thread, STATUS_SUCCESS);
    }
}

VOID
KiQueueThreadBlocks(KTHREAD *Thread)
{
    if (Thread->Queue != NULL) {
        Thread->Queue->CurrentCount--;
        KiDispatchQueue(Thread->Queue);
    }
}

VOID
KiQueueThreadRuns(KTHREAD *Thread)
{
    if (Thread->Queue != NULL) {
        Thread->Queue->CurrentCount++;
    }
}

/* A running thread belongs to no queue any more. */
VOID
KiQueueThreadLeaves(KTHREAD *Thread)
{
    PKQUEUE queue = Thread->Queue;

    if (queue != NULL) {
        RemoveEntryList(&Thread->QueueListEntry);
        Thread->Queue = NULL;
        queue->CurrentCount--;
        KiDispatchQueue(queue);
    }
}

static VOID
KiQueueThreadJoins(KTHREAD *Thread, PKQUEUE Queue)
{
    if (Thread->Queue != Queue) {
        KiQueueThreadLeaves(Thread);
        Thread->Queue = Queue;
        InsertTailList(&Queue->ThreadListHead, &Thread->QueueListEntry);
        Queue->CurrentCount++;
    }
}

static LONG
KiInsertQueue(PKQUEUE Queue, PLIST_ENTRY Entry, BOOLEAN Head)
{
    KTHREAD *thread = KiGetCurrentThread();
    LONG old;

    KiCheckQueue(Queue, "KeInsertQueue");
    KiLockDispatcher(thread);
    old = Queue->Header.SignalState;
    KiSetState(&Queue->Header, Queue->Header.SignalState + 1);
    if (Head) {
        InsertHeadList(&Queue->EntryListHead, Entry);
    } else {
        InsertTailList(&Queue->EntryListHead, Entry);
    }
    KiDispatchQueue(Queue);
    KiUnlockDispatcher(thread);
    return old;
}

/* One pass: an entry, or NULL with *Status set. Takes and leaves the lock. */
static PLIST_ENTRY
KiTryRemoveQueue(KTHREAD *Thread, PKQUEUE Queue, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                 const LARGE_INTEGER *Timeout, NTSTATUS *Status)
{
    PKWAIT_BLOCK block = &Thread->WaitBlock[0];
    PLIST_ENTRY entry;
    ULONG others;

    KiBeginWait(Thread);
    if (Queue->MaximumCount == 0) {
        KiUnlockDispatcher(Thread);
        *Status = STATUS_ABANDONED;
        return NULL;
    }
    KiQueueThreadJoins(Thread, Queue);
    others = Queue->CurrentCount - 1;
    if (!IsListEmpty(&Queue->EntryListHead) && others < Queue->MaximumCount) {
        entry = KiTakeEntry(Queue);
        KiUnlockDispatcher(Thread);
        return entry;
    }
    *Status = KiTestAlert(Thread, WaitMode, Alertable);
    if (*Status == STATUS_WAIT_1 && Timeout != NULL && Timeout->QuadPart == 0) {
        *Status = STATUS_TIMEOUT;
    }
    if (*Status != STATUS_WAIT_1) {
        KiUnlockDispatcher(Thread);
        return NULL;
    }
    block->Thread = Thread;
    block->Object = Queue;
    block->WaitKey = 0;
    block->WaitType = WaitAny;
    block->NextWaitBlock = block;
    Thread->WaitBlocks = block;
    Thread->QueueEntry = NULL;
    Thread->WaitMode = WaitMode;
    Thread->Alertable = Alertable;
    InsertTailList(&Queue->Header.WaitListHead, &block->WaitListEntry);
    KiMarkBusy(Queue, 1);
    *Status = KiBlockThread(Thread, Timeout);
    return Thread->QueueEntry;
}

/* An entry, or NULL with *Status set. */
static PLIST_ENTRY
KiRemoveQueue(KTHREAD *Thread, PKQUEUE Queue, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
              const LARGE_INTEGER *Timeout, NTSTATUS *Status)
{
    LARGE_INTEGER rest;
    PLIST_ENTRY entry;

    for (;;) {
        entry = KiTryRemoveQueue(Thread, Queue, WaitMode, Alertable, Timeout, Status);
        if (entry != NULL || *Status != STATUS_KERNEL_APC) {
            return entry;
        }
        Timeout = KiResumeTimeout(Thread, Timeout, &rest);
    }
}

#pragma GCC visibility push(default)

/* Count: threads that may run at once; 0: as many as there are processors. */
VOID NTAPI
KeInitializeQueue(PRKQUEUE Queue, ULONG Count)
{
    NT_ENTER(KeInitializeQueue);
    Queue->Header.Lock = 0;
    Queue->Header.Type = QueueObject;
    Queue->Header.Size = sizeof(*Queue) / sizeof(LONG);
    KiSetState(&Queue->Header, 0);
    InitializeListHead(&Queue->Header.WaitListHead);
    InitializeListHead(&Queue->EntryListHead);
    InitializeListHead(&Queue->ThreadListHead);
    Queue->CurrentCount = 0;
    Queue->MaximumCount = Count != 0 ? Count : KiProcessorTotal;
}

LONG NTAPI
KeReadStateQueue(PRKQUEUE Queue)
{
    KiCheckQueue(Queue, "KeReadStateQueue");
    return KiReadState(&Queue->Header);
}

/* Returns how many entries were there before. IRQL <= DISPATCH_LEVEL. */
LONG NTAPI
KeInsertQueue(PRKQUEUE Queue, PLIST_ENTRY Entry)
{
    NT_ENTER(KeInsertQueue);
    return KiInsertQueue(Queue, Entry, FALSE);
}

LONG NTAPI
KeInsertHeadQueue(PRKQUEUE Queue, PLIST_ENTRY Entry)
{
    NT_ENTER(KeInsertHeadQueue);
    return KiInsertQueue(Queue, Entry, TRUE);
}

/*
 * KeRemoveQueue - take an entry, waiting for one and for the queue's limit
 *
 * Returns  the entry; or STATUS_TIMEOUT, STATUS_USER_APC or (queue run down) STATUS_ABANDONED as
 *          a pointer
 * IRQL     <= APC_LEVEL; DISPATCH_LEVEL with a time-out of 0
 */
PLIST_ENTRY NTAPI
KeRemoveQueue(PRKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
{
    NT_ENTER(KeRemoveQueue);
    KTHREAD *thread = KiGetCurrentThread();
    NTSTATUS status;
    PLIST_ENTRY entry;

    KiCheckWaitIrql(thread, Timeout, Queue, "KeRemoveQueue");
    KiCheckQueue(Queue, "KeRemoveQueue");
    entry = KiRemoveQueue(thread, Queue, WaitMode, FALSE, Timeout, &status);
    return entry != NULL ? entry : (PLIST_ENTRY)(LONG_PTR)status;
}

/*
 * KeRemoveQueueEx - take up to Count entries, waiting for the first
 *
 * Returns  how many; if it waited in vain, the status as KeRemoveQueue
 */
ULONG
KeRemoveQueueEx(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                PLIST_ENTRY *EntryArray, ULONG Count)
{
    NT_ENTER(KeRemoveQueueEx);
    KTHREAD *thread = KiGetCurrentThread();
    NTSTATUS status;
    ULONG taken = 1;

    KiCheckWaitIrql(thread, Timeout, Queue, "KeRemoveQueueEx");
    KiCheckQueue(Queue, "KeRemoveQueueEx");
    EntryArray[0] = KiRemoveQueue(thread, Queue, WaitMode, Alertable, Timeout, &status);
    if (EntryArray[0] == NULL) {
        return (ULONG)status;
    }
    KiLockDispatcher(thread);
    while (taken < Count && !IsListEmpty(&Queue->EntryListHead)) {
        EntryArray[taken++] = KiTakeEntry(Queue);
    }
    KiUnlockDispatcher(thread);
    return taken;
}

/*
 * KeRundownQueue - empty the queue and release its threads with STATUS_ABANDONED
 *
 * Who waits for it later gets STATUS_ABANDONED at once, until KeInitializeQueue.
 *
 * Returns  the first of the entries, which stay linked to each other in a ring; NULL if none
 */
PLIST_ENTRY NTAPI
KeRundownQueue(PRKQUEUE Queue)
{
    NT_ENTER(KeRundownQueue);
    KTHREAD *thread = KiGetCurrentThread();
    PLIST_ENTRY first = NULL;

    KiCheckQueue(Queue, "KeRundownQueue");
    KiLockDispatcher(thread);
    if (!IsListEmpty(&Queue->EntryListHead)) {
        first = Queue->EntryListHead.Flink;
        RemoveEntryList(&Queue->EntryListHead);
        InitializeListHead(&Queue->EntryListHead);
        KiSetState(&Queue->Header, 0);
    }
    while (!IsListEmpty(&Queue->Header.WaitListHead)) {
        KiUnwaitThread(
            CONTAINING_RECORD(Queue->Header.WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry)->Thread,
            STATUS_ABANDONED);
    }
    while (!IsListEmpty(&Queue->ThreadListHead)) {
        PLIST_ENTRY link = RemoveHeadList(&Queue->ThreadListHead);
        CONTAINING_RECORD(link, KTHREAD, QueueListEntry)->Queue = NULL;
    }
    Queue->CurrentCount = 0;
    Queue->MaximumCount = 0; /* Q3 */
    KiUnlockDispatcher(thread);
    return first;
}

#pragma GCC visibility pop
