/* SPDX-License-Identifier: MIT
 *
 * ex/work.c - work items and the system threads that run them
 *
 * Each of three queues has workers of its own. A worker that is about to run an item and is the
 * last idle one of its queue first starts another, up to a limit, so that items which wait for
 * each other do not block the queue.
 *
 * Invariants  W1  ExpPending counts items from ExQueueWorkItem until their routine has returned.
 *             W2  A WORK_QUEUE_ITEM is not touched once its routine is called: it may be freed or
 *                 queued again by then. List.Flink is NULL exactly while it is not queued.
 * Locks       ExpWorkLock (spin) guards the queues and counts. No call-out under it.
 * Source      WDK reference, wdm.h ExQueueWorkItem; bug check 0x96 INVALID_WORK_QUEUE_ITEM.
 */
#include "ex/expool.h"

#define EXP_QUEUES 3u
#define EXP_MAXIMUM_WORKERS 32u
#define EXP_BUGCHECK_WORK_ITEM 0x96
#define EXP_BUGCHECK_WORKER_IRQL 0xE1
#define EXP_BUGCHECK_WORKER_INVALID 0xE4

typedef struct EXP_WORK_QUEUE {
    LIST_ENTRY Items;
    KSEMAPHORE Available; /* one a queued item, and one a worker at the end */
    ULONG Workers;        /* running threads */
    ULONG Idle;           /* of those, not in a routine */
    PVOID Thread[EXP_MAXIMUM_WORKERS];
    ULONG ThreadCount; /* entries of Thread */
} EXP_WORK_QUEUE;

static KSPIN_LOCK ExpWorkLock;
static EXP_WORK_QUEUE ExpQueues[EXP_QUEUES] NT_GUARDED_BY(ExpWorkLock);
static BOOLEAN ExpWorkReady;
static BOOLEAN ExpWorkClosed NT_GUARDED_BY(ExpWorkLock);
static LONG ExpPending;   /* atomic, W1 */
static KEVENT ExpDrained; /* set whenever ExpPending becomes 0 */
static const EXP_THREAD_OPS *ExpThreadOps;
static EXP_THREAD_OPS ExpThreadOpsCopy;

static VOID NTAPI ExpWorker(PVOID Context);

VOID
ExpRegisterThreadOps(const EXP_THREAD_OPS *Ops)
{
    ExpThreadOpsCopy = *Ops;
    ExpThreadOps = &ExpThreadOpsCopy;
}

VOID
ExpPrepareQueues(VOID)
{
    KeInitializeSpinLock(&ExpWorkLock);
    KeInitializeEvent(&ExpDrained, NotificationEvent, FALSE);
    NT_FOR_EACH (queue, ExpQueues) {
        InitializeListHead(&queue->Items);
        KeInitializeSemaphore(&queue->Available, 0, MAXLONG);
    }
    ExpWorkReady = TRUE;
}

static ULONG
ExpQueueOf(WORK_QUEUE_TYPE Type)
{
    switch (Type) {
    case CriticalWorkQueue:
    case NormalWorkQueue:
    case RealTimeWorkQueue:
        return 0;
    case HyperCriticalWorkQueue:
    case SuperCriticalWorkQueue:
        return 2;
    default:
        return 1;
    }
}

/* Counts a worker to be started, unless one is being started or there are enough. */
static BOOLEAN
ExpReserveWorkerLocked(EXP_WORK_QUEUE *Queue)
{
    if (Queue->Idle != 0 || Queue->Workers != Queue->ThreadCount ||
        Queue->ThreadCount == EXP_MAXIMUM_WORKERS || ExpWorkClosed) {
        return FALSE;
    }
    Queue->Workers++;
    Queue->Idle++;
    return TRUE;
}

/*
 * Starts a reserved worker. The new one may have taken an item before it is entered in Thread, and
 * could not reserve the next then: so this looks again.
 */
static NTSTATUS
ExpStartWorker(EXP_WORK_QUEUE *Queue)
{
    BOOLEAN again;
    NTSTATUS status;
    PVOID thread;
    KIRQL irql;

    do {
        status = ExpThreadOps->Create(ExpWorker, Queue, &thread);
        KeAcquireSpinLock(&ExpWorkLock, &irql);
        if (NT_SUCCESS(status)) {
            Queue->Thread[Queue->ThreadCount++] = thread;
        } else {
            Queue->Workers--;
            Queue->Idle--;
        }
        again = NT_SUCCESS(status) && ExpReserveWorkerLocked(Queue);
        KeReleaseSpinLock(&ExpWorkLock, irql);
    } while (again);
    return status;
}

static VOID
ExpRunItem(PWORK_QUEUE_ITEM Item)
{
    PWORKER_THREAD_ROUTINE routine = Item->WorkerRoutine;
    PVOID parameter = (PVOID)Item->Parameter;
    KTHREAD *thread = KiGetCurrentThread();
    char name[400];

    routine(parameter);
    if (thread->Irql != PASSIVE_LEVEL) {
        ExpNameCode((ULONG_PTR)routine + 1, name, sizeof(name));
        KiBugCheckDetail(
            EXP_BUGCHECK_WORKER_IRQL, (ULONG_PTR)routine, thread->Irql, (ULONG_PTR)parameter,
            (ULONG_PTR)Item,
            "The work item's routine %s returned at IRQL %u; it was called at "
            "PASSIVE_LEVEL: release what it took and lower the IRQL before it returns.",
            name, thread->Irql);
    }
    if (thread->KernelApcDisable != 0 || thread->SpecialApcDisable != 0) {
        ExpNameCode((ULONG_PTR)routine + 1, name, sizeof(name));
        KiBugCheckDetail(EXP_BUGCHECK_WORKER_INVALID, (ULONG_PTR)routine, (ULONG_PTR)parameter,
                         (ULONG_PTR)Item, 0,
                         "The work item's routine %s returned in a critical or guarded region, or "
                         "with a mutex.",
                         name);
    }
    if (__builtin_expect(thread->StackTimers, 0)) {
        KiCheckStackTimers(thread, __builtin_frame_address(0), "The work item's routine",
                           (ULONG_PTR)routine);
    }
    if (__atomic_sub_fetch(&ExpPending, 1, __ATOMIC_ACQ_REL) == 0) {
        KeSetEvent(&ExpDrained, 0, FALSE);
    }
}

/* The next item, or NULL at the end. *Spawn: this was the last idle worker. */
static PWORK_QUEUE_ITEM
ExpTakeItem(EXP_WORK_QUEUE *Queue, BOOLEAN *Spawn)
{
    PWORK_QUEUE_ITEM item = NULL;
    KIRQL irql;

    *Spawn = FALSE;
    KeAcquireSpinLock(&ExpWorkLock, &irql);
    if (!IsListEmpty(&Queue->Items)) {
        item = CONTAINING_RECORD(RemoveHeadList(&Queue->Items), WORK_QUEUE_ITEM, List);
        item->List.Flink = NULL;
        KiMarkBusy(item, -1);
        Queue->Idle--;
        *Spawn = ExpReserveWorkerLocked(Queue);
    } else {
        Queue->Workers--;
        Queue->Idle--;
    }
    KeReleaseSpinLock(&ExpWorkLock, irql);
    return item;
}

static VOID NTAPI
ExpWorker(PVOID Context)
{
    EXP_WORK_QUEUE *queue = Context;
    PWORK_QUEUE_ITEM item;
    BOOLEAN spawn;
    KIRQL irql;

    for (;;) {
        KeWaitForSingleObject(&queue->Available, WrQueue, KernelMode, FALSE, NULL);
        item = ExpTakeItem(queue, &spawn);
        if (item == NULL) {
            /* Available without an item: ExpShutdownSystem. */
            return;
        }
        if (spawn) {
            ExpStartWorker(queue);
        }
        ExpRunItem(item);
        KeAcquireSpinLock(&ExpWorkLock, &irql);
        queue->Idle++;
        KeReleaseSpinLock(&ExpWorkLock, irql);
    }
}

NTSTATUS
ExpInitializeSystem(VOID)
{
    NTSTATUS status = STATUS_SUCCESS;

    ExpWorkClosed = FALSE;
    NT_FOR_EACH (queue, ExpQueues) {
        queue->Workers++;
        queue->Idle++;
        status = ExpStartWorker(queue);
        if (!NT_SUCCESS(status)) {
            break;
        }
    }
    return status;
}

LONG
ExpWorkItemsPending(VOID)
{
    return __atomic_load_n(&ExpPending, __ATOMIC_ACQUIRE);
}

VOID
ExpFlushWorkItems(VOID)
{
    while (ExpWorkItemsPending() != 0) {
        KeClearEvent(&ExpDrained);
        if (ExpWorkItemsPending() == 0) {
            return;
        }
        KeWaitForSingleObject(&ExpDrained, Executive, KernelMode, FALSE, NULL);
    }
}

VOID
ExpShutdownSystem(VOID)
{
    KIRQL irql;

    if (!ExpWorkReady || ExpThreadOps == NULL) {
        return;
    }
    ExpFlushWorkItems();
    KeAcquireSpinLock(&ExpWorkLock, &irql);
    ExpWorkClosed = TRUE;
    KeReleaseSpinLock(&ExpWorkLock, irql);
    NT_FOR_EACH (queue, ExpQueues) {
        ULONG threads = queue->ThreadCount;

        if (threads != 0) {
            KeReleaseSemaphore(&queue->Available, 0, (LONG)threads, FALSE);
        }
        for (ULONG i = 0; i < threads; i++) {
            ExpThreadOps->Wait(queue->Thread[i]);
        }
        queue->ThreadCount = 0;
    }
}

BOOLEAN
ExpFindQueuedItem(ULONG_PTR Base, SIZE_T Size, PWORK_QUEUE_ITEM *Item)
{
    BOOLEAN found = FALSE;
    KIRQL irql;

    if (KiCurrentThreadPointer == NULL || KiCurrentIrql() > DISPATCH_LEVEL ||
        __atomic_load_n(&ExpPending, __ATOMIC_RELAXED) == 0) {
        return FALSE;
    }
    KeAcquireSpinLock(&ExpWorkLock, &irql);
    NT_FOR_EACH (queue, ExpQueues) {
        for (PLIST_ENTRY link = queue->Items.Flink; link != &queue->Items && !found;
             link = link->Flink) {
            *Item = CONTAINING_RECORD(link, WORK_QUEUE_ITEM, List);
            found = (ULONG_PTR)*Item - Base < Size;
        }
    }
    KeReleaseSpinLock(&ExpWorkLock, irql);
    return found;
}

#pragma GCC visibility push(default)

/* IRQL <= DISPATCH_LEVEL. The item must not be queued already. */
VOID NTAPI
ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    NT_ENTER(ExQueueWorkItem);
    EXP_WORK_QUEUE *queue = &ExpQueues[ExpQueueOf(QueueType)];
    KIRQL irql;

    if (WorkItem->WorkerRoutine == NULL) {
        KiBugCheckDetail(EXP_BUGCHECK_WORK_ITEM, (ULONG_PTR)&WorkItem->List, 0, (ULONG_PTR)WorkItem,
                         (ULONG_PTR)WorkItem->WorkerRoutine,
                         "The work item %p has no routine: call ExInitializeWorkItem.",
                         (void *)WorkItem);
    }
    KeAcquireSpinLock(&ExpWorkLock, &irql);
    if (WorkItem->List.Flink != NULL) {
        KiBugCheckDetail(
            EXP_BUGCHECK_WORK_ITEM, (ULONG_PTR)&WorkItem->List, (ULONG_PTR)WorkItem->List.Flink,
            (ULONG_PTR)WorkItem, (ULONG_PTR)WorkItem->WorkerRoutine,
            "The work item %p is queued for the second time, or was never initialised.",
            (void *)WorkItem);
    }
    InsertTailList(&queue->Items, &WorkItem->List);
    KiMarkBusy(WorkItem, 1);
    __atomic_add_fetch(&ExpPending, 1, __ATOMIC_RELAXED);
    KeReleaseSpinLock(&ExpWorkLock, irql);
    KeReleaseSemaphore(&queue->Available, 0, 1, FALSE);
}

#pragma GCC visibility pop
