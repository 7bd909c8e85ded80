/* SPDX-License-Identifier: MIT
 *
 * io/workitem.c - work items that pin their device or driver
 *
 * Invariants  W1  IoObject is referenced from IoQueueWorkItem until the routine has returned.
 *             W2  Queued is set from IoQueueWorkItem until the routine is about to be called; from
 *                 then on the routine may free or queue the item again.
 * Source      WDK reference, wdm.h IoAllocateWorkItem, IoQueueWorkItemEx.
 */
#include "io/iop.h"

struct _IO_WORKITEM {
    WORK_QUEUE_ITEM Item;
    PVOID IoObject;
    PVOID Routine; /* PIO_WORKITEM_ROUTINE, or _EX if IsEx */
    PVOID Context;
    BOOLEAN IsEx;
    LONG Queued; /* atomic */
};

static VOID NTAPI
IopRunWorkItem(PVOID Parameter)
{
    PIO_WORKITEM item = Parameter;
    PVOID object = item->IoObject;
    PVOID routine = item->Routine;
    PVOID context = item->Context;
    BOOLEAN isEx = item->IsEx;
    PKTHREAD thread = KiGetCurrentThread();
    LONG apcDisable = thread->KernelApcDisable + thread->SpecialApcDisable;
    char name[400];

    __atomic_store_n(&item->Queued, 0, __ATOMIC_RELEASE);
    if (isEx) {
        ((PIO_WORKITEM_ROUTINE_EX)routine)(object, context, item);
    } else {
        ((PIO_WORKITEM_ROUTINE)routine)(object, context);
    }
    if (thread->Irql != PASSIVE_LEVEL ||
        thread->KernelApcDisable + thread->SpecialApcDisable != apcDisable) {
        ExpNameCode((ULONG_PTR)routine + 1, name, sizeof(name));
        KiBugCheckDetail(WORKER_THREAD_RETURNED_AT_BAD_IRQL, (ULONG_PTR)routine, thread->Irql,
                         (ULONG_PTR)item, 0,
                         "the work item's routine %s returned at IRQL %u, or inside a critical "
                         "region: release what it took before it returns",
                         name, thread->Irql);
    }
    if (__builtin_expect(thread->StackTimers, 0)) {
        KiCheckStackTimers(thread, __builtin_frame_address(0), "The work item's routine",
                           (ULONG_PTR)routine);
    }
    ObDereferenceObject(object);
}

static VOID
IopQueueWork(PIO_WORKITEM Item, PVOID Routine, BOOLEAN IsEx, WORK_QUEUE_TYPE QueueType,
             PVOID Context)
{
    CSHORT *type = Item->IoObject;
    char name[400];

    /* A device or driver object, as the first member of both says. */
    if (type == NULL || (*type != IO_TYPE_DEVICE && *type != IO_TYPE_DRIVER)) {
        KiBugCheckDetail(WORKER_INVALID, 3, (ULONG_PTR)Item, (ULONG_PTR)type, 0,
                         "IoQueueWorkItem: work item %p has no device or driver object: make it "
                         "with IoAllocateWorkItem, or call IoInitializeWorkItem first",
                         (void *)Item);
    }
    if (__atomic_exchange_n(&Item->Queued, 1, __ATOMIC_ACQ_REL) != 0) {
        ExpNameCode((ULONG_PTR)Item->Routine + 1, name, sizeof(name));
        KiBugCheckDetail(WORKER_INVALID, 1, (ULONG_PTR)Item, (ULONG_PTR)Item->Routine, 0,
                         "IoQueueWorkItem on work item %p, which is queued already, with the "
                         "routine %s: wait until that runs, or use an item for each request",
                         (void *)Item, name);
    }
    ObReferenceObject(Item->IoObject);
    Item->Routine = Routine;
    Item->Context = Context;
    Item->IsEx = IsEx;
    ExInitializeWorkItem(&Item->Item, IopRunWorkItem, Item);
    ExQueueWorkItem(&Item->Item, QueueType);
}

static VOID
IopCheckWorkItemIdle(PIO_WORKITEM Item, const char *Function)
{
    char name[400];

    if (__atomic_load_n(&Item->Queued, __ATOMIC_ACQUIRE) != 0) {
        ExpNameCode((ULONG_PTR)Item->Routine + 1, name, sizeof(name));
        KiBugCheckDetail(WORKER_INVALID, 2, (ULONG_PTR)Item, (ULONG_PTR)Item->Routine, 0,
                         "%s of work item %p, which is still queued, with the routine %s: free it "
                         "in the routine, or wait until that has run",
                         Function, (void *)Item, name);
    }
}

#pragma GCC visibility push(default)

/* NULL without memory. IRQL <= DISPATCH_LEVEL. Source: nf-wdm-ioallocateworkitem */
PIO_WORKITEM NTAPI
IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoAllocateWorkItem);
    PIO_WORKITEM item;

    item = ExpAllocatePool(NonPagedPoolNx, sizeof(*item), IOP_TAG_WORKITEM, NT_CALLER());
    if (item != NULL) {
        IoInitializeWorkItem(DeviceObject, item);
    }
    return item;
}

/* Bytes that IoInitializeWorkItem needs. Source: nf-wdm-iosizeofworkitem */
ULONG NTAPI
IoSizeofWorkItem(VOID)
{
    return sizeof(struct _IO_WORKITEM);
}

/* IoObject: a device or driver object. Source: WDK reference, nf-wdm-ioinitializeworkitem */
VOID NTAPI
IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)
{
    RtlZeroMemory(IoWorkItem, sizeof(*IoWorkItem));
    IoWorkItem->IoObject = IoObject;
}

/* Errors: WORKER_INVALID while queued. Source: WDK reference, nf-wdm-iouninitializeworkitem */
VOID NTAPI
IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem)
{
    IopCheckWorkItemIdle(IoWorkItem, __func__);
}

/* Errors: WORKER_INVALID while queued. Its routine may call this. Source: nf-wdm-iofreeworkitem */
VOID NTAPI
IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    NT_ENTER(IoFreeWorkItem);
    IopCheckWorkItemIdle(IoWorkItem, __func__);
    ExFreePoolWithTag(IoWorkItem, IOP_TAG_WORKITEM);
}

/*
 * IoQueueWorkItem - calls WorkerRoutine(IoObject, Context) in a system thread at PASSIVE_LEVEL
 *
 * Errors   queued already: WORKER_INVALID
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-ioqueueworkitem
 */
VOID NTAPI
IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine,
                WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    NT_ENTER(IoQueueWorkItem);
    IopQueueWork(IoWorkItem, (PVOID)WorkerRoutine, FALSE, QueueType, Context);
}

/* The routine gets (IoObject, Context, IoWorkItem). Source: nf-wdm-ioqueueworkitemex */
VOID NTAPI
IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine,
                  WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    NT_ENTER(IoQueueWorkItemEx);
    IopQueueWork(IoWorkItem, (PVOID)WorkerRoutine, TRUE, QueueType, Context);
}

#pragma GCC visibility pop
