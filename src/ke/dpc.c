/* SPDX-License-Identifier: MIT
 *
 * ke/dpc.c - deferred procedure calls
 *
 * A DPC waits on the list of one processor: its target, or the one that queued it. The owner of
 * that processor runs the list when it goes below DISPATCH_LEVEL. A free processor has no owner:
 * a caller below DISPATCH_LEVEL takes it and runs the DPC at once; a caller that holds another
 * processor, or whose DPC is of low importance, wakes the target's DPC thread.
 *
 * Invariants  D1  KDPC.DpcData is the processor on whose list the DPC is, NULL if on none; it
 *                 changes under that processor's DpcLock only.
 *             D2  DpcPending != 0 iff DpcList is not empty, whenever DpcLock is free.
 *             D3  The list is empty of a DPC before its routine runs: the routine may queue it
 *                 again, or free it.
 *             D4  A DPC is no part of what its thread was doing: the IRP that is being dispatched
 *                 and the __try blocks of the thread are out of its reach.
 * Locks       KPRCB.DpcLock (rank 70) guards DpcList
 * Source      WDK reference, wdm.h KeInsertQueueDpc and its neighbours
 */
#include "ke/ki.h"

#include <ntbox/eh.h>

/* KDPC.Number of a DPC with a target; others run where they were queued. */
#define KI_DPC_TARGETED 0x800

#define KI_DPC_NAME "DPC"

static KI_SYSTEM_THREAD KiDpcThreads[KI_MAXIMUM_PROCESSORS];
static uint32_t KiDpcThreadsStop; /* atomic */

static VOID
KiCheckDpc(PKDPC Dpc, const char *Function)
{
    if (__builtin_expect((Dpc->Type != DpcObject && Dpc->Type != ThreadedDpcObject) ||
                             Dpc->DeferredRoutine == NULL,
                         0)) {
        KiReportWrongObject(TIMER_OR_DPC_INVALID, 1, (ULONG_PTR)Dpc, Dpc, Function, "KDPC",
                            "KeInitializeDpc");
    }
}

static inline VOID
KiLockDpcs(KPRCB *Prcb, KTHREAD *Thread)
{
    KiAcquireLockWord(&Prcb->DpcLock, Thread);
}

static inline VOID
KiUnlockDpcs(KPRCB *Prcb, KTHREAD *Thread)
{
    KiReleaseLockWord(&Prcb->DpcLock, Thread);
}

/* Puts Dpc on the list; FALSE if it is on one already. */
static BOOLEAN
KiPushDpc(KTHREAD *Thread, KPRCB *Prcb, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    PVOID expected = NULL;

    KiLockDpcs(Prcb, Thread);
    if (!__atomic_compare_exchange_n(&Dpc->DpcData, &expected, (PVOID)Prcb, FALSE, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        KiUnlockDpcs(Prcb, Thread);
        return FALSE;
    }
    Dpc->SystemArgument1 = Argument1;
    Dpc->SystemArgument2 = Argument2;
    if (Dpc->Importance == HighImportance) {
        InsertHeadList(&Prcb->DpcList, &Dpc->DpcListEntry);
    } else {
        InsertTailList(&Prcb->DpcList, &Dpc->DpcListEntry);
    }
    KiMarkBusy(Dpc, 1);
    __atomic_store_n(&Prcb->DpcPending, 1, __ATOMIC_SEQ_CST);
    KiUnlockDpcs(Prcb, Thread);
    return TRUE;
}

static KPRCB *
KiDpcTarget(const KDPC *Dpc)
{
    USHORT number = __atomic_load_n(&Dpc->Number, __ATOMIC_RELAXED);
    return number >= KI_DPC_TARGETED ? &KiProcessors[number - KI_DPC_TARGETED] : NULL;
}

/* Prcb has a DPC. Sees to it that someone runs it; Thread is at DISPATCH_LEVEL on another. */
static VOID
KiKickProcessor(KPRCB *Prcb)
{
    if (__atomic_load_n(&Prcb->Owner, __ATOMIC_SEQ_CST) == NULL) {
        __atomic_fetch_add(&Prcb->IdleWord, 1, __ATOMIC_SEQ_CST);
        HalpWakeAddress(&Prcb->IdleWord, 1);
    }
}

BOOLEAN
KiQueueDpc(KTHREAD *Thread, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    KPRCB *target = KiDpcTarget(Dpc);

    if (target == NULL) {
        target = Thread->Prcb;
    }
    if (!KiPushDpc(Thread, target, Dpc, Argument1, Argument2)) {
        return FALSE;
    }
    if (target != Thread->Prcb) {
        KiKickProcessor(target);
    }
    return TRUE;
}

/* The caller, below DISPATCH_LEVEL, does not run it: the processor does when it is free. */
static BOOLEAN
KiQueueLowDpc(KTHREAD *Thread, KPRCB *Target, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    if (Target == NULL) {
        Target = Thread->LastPrcb != NULL
                     ? Thread->LastPrcb
                     : &KiProcessors[HalpCurrentProcessor() % KiProcessorTotal];
    }
    if (!KiPushDpc(Thread, Target, Dpc, Argument1, Argument2)) {
        return FALSE;
    }
    /* R2 of irql.c: the owner, or the DPC thread, has yet to look at DpcPending. */
    KiKickProcessor(Target);
    return TRUE;
}

/* Thread is below DISPATCH_LEVEL, and so holds no processor. */
static BOOLEAN
KiQueueDpcFromBelow(KTHREAD *Thread, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    KPRCB *target = KiDpcTarget(Dpc);
    KIRQL old = Thread->Irql;
    BOOLEAN queued;

    if (__builtin_expect(Dpc->Importance == LowImportance && Dpc->Type == DpcObject, 0)) {
        return KiQueueLowDpc(Thread, target, Dpc, Argument1, Argument2);
    }
    if (target == NULL) {
        KiEnterDispatch(Thread, DISPATCH_LEVEL);
        queued = KiPushDpc(Thread, Thread->Prcb, Dpc, Argument1, Argument2);
        KiLeaveDispatch(Thread, old);
        return queued;
    }
    queued = KiPushDpc(Thread, target, Dpc, Argument1, Argument2);
    /* R2 of irql.c: if this fails, the owner has yet to look at DpcPending. */
    if (queued && KiTryEnterDispatchOn(Thread, target)) {
        KiLeaveDispatch(Thread, old);
    }
    return queued;
}

static PKDPC
KiPopDpc(KTHREAD *Thread, KPRCB *Prcb, KDPC *Copy)
{
    PKDPC dpc;

    KiLockDpcs(Prcb, Thread);
    if (IsListEmpty(&Prcb->DpcList)) {
        KiUnlockDpcs(Prcb, Thread);
        return NULL;
    }
    dpc = CONTAINING_RECORD(RemoveHeadList(&Prcb->DpcList), KDPC, DpcListEntry);
    if (IsListEmpty(&Prcb->DpcList)) {
        __atomic_store_n(&Prcb->DpcPending, 0, __ATOMIC_SEQ_CST);
    }
    Copy->DeferredRoutine = dpc->DeferredRoutine;
    Copy->DeferredContext = dpc->DeferredContext;
    Copy->SystemArgument1 = dpc->SystemArgument1;
    Copy->SystemArgument2 = dpc->SystemArgument2;
    KiMarkBusy(dpc, -1);
    __atomic_store_n(&dpc->DpcData, NULL, __ATOMIC_RELEASE);
    KiUnlockDpcs(Prcb, Thread);
    return dpc;
}

static VOID
KiCheckAfterDpc(KTHREAD *Thread, KPRCB *Prcb, PKDEFERRED_ROUTINE Routine, ULONG SpinLocks)
{
    if (Thread->Irql != DISPATCH_LEVEL || Thread->Prcb != Prcb) {
        KiBugCheckDetail(IRQL_UNEXPECTED_VALUE, (ULONG_PTR)Routine, Thread->Irql, DISPATCH_LEVEL, 0,
                         "A DPC routine returned at IRQL %u; it was called at DISPATCH_LEVEL",
                         Thread->Irql);
    }
    if (Thread->SpinLocks != SpinLocks) {
        KiBugCheckDetail(IRQL_UNEXPECTED_VALUE, (ULONG_PTR)Routine, Thread->Irql, DISPATCH_LEVEL,
                         Thread->SpinLocks,
                         "A DPC routine returned with %d spin lock(s) more than it was called with",
                         (int)(Thread->SpinLocks - SpinLocks));
    }
}

static VOID
KiRunDpc(KTHREAD *Thread, KPRCB *Prcb, PKDPC Dpc, const KDPC *Copy)
{
    ULONG spinLocks = Thread->SpinLocks;

    Thread->DpcRoutineName = KI_DPC_NAME;
    Thread->DpcRoutine = (PVOID)Copy->DeferredRoutine;
    Prcb->DpcCount++;
    Copy->DeferredRoutine(Dpc, Copy->DeferredContext, Copy->SystemArgument1, Copy->SystemArgument2);
    KiCheckAfterDpc(Thread, Prcb, Copy->DeferredRoutine, spinLocks);
    if (__builtin_expect(Thread->StackTimers, 0)) {
        KiCheckStackTimers(Thread, __builtin_frame_address(0), "The DPC routine",
                           (ULONG_PTR)Copy->DeferredRoutine);
    }
    Thread->DpcRoutine = NULL;
    Thread->DpcRoutineName = NULL;
}

VOID
KiRetireDpcList(KPRCB *Prcb)
{
    KTHREAD *thread = KiGetCurrentThread();
    struct _IRP *currentIrp = thread->CurrentIrp;
    PVOID frames;
    PKDPC dpc;
    KDPC copy;

    NT_ASSERT_INTERNAL(thread->Prcb == Prcb && thread->Irql == DISPATCH_LEVEL);
    if (Prcb->DpcActive) {
        return;
    }
    Prcb->DpcActive = TRUE;
    thread->CurrentIrp = NULL; /* D4 */
    frames = NtcrtExchangeFrames(NULL);
    while (__atomic_load_n(&Prcb->DpcPending, __ATOMIC_SEQ_CST) != 0 &&
           (dpc = KiPopDpc(thread, Prcb, &copy)) != NULL) {
        KiRunDpc(thread, Prcb, dpc, &copy);
    }
    NtcrtExchangeFrames(frames);
    thread->CurrentIrp = currentIrp;
    Prcb->DpcActive = FALSE;
}

/* ---- DPC threads: they run DPCs of a processor that is free ---- */

static VOID
KiDpcThread(PVOID Context)
{
    KTHREAD *thread = KiGetCurrentThread();
    KPRCB *prcb = Context;

    for (;;) {
        uint32_t word = __atomic_load_n(&prcb->IdleWord, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&KiDpcThreadsStop, __ATOMIC_SEQ_CST) != 0) {
            return;
        }
        if (__atomic_load_n(&prcb->DpcPending, __ATOMIC_SEQ_CST) != 0 &&
            KiTryEnterDispatchOn(thread, prcb)) {
            KiLeaveDispatch(thread, PASSIVE_LEVEL);
            continue;
        }
        HalpWaitAddress(&prcb->IdleWord, word, HALP_NEVER);
    }
}

VOID
KiStartDpcThreads(VOID)
{
    __atomic_store_n(&KiDpcThreadsStop, 0, __ATOMIC_SEQ_CST);
    for (ULONG i = 0; i < KiProcessorTotal; i++) {
        KiStartSystemThread(&KiDpcThreads[i], "dpc", KiDpcThread, &KiProcessors[i]);
    }
}

VOID
KiStopDpcThreads(VOID)
{
    __atomic_store_n(&KiDpcThreadsStop, 1, __ATOMIC_SEQ_CST);
    for (ULONG i = 0; i < KiProcessorTotal; i++) {
        __atomic_fetch_add(&KiProcessors[i].IdleWord, 1, __ATOMIC_SEQ_CST);
        HalpWakeAddress(&KiProcessors[i].IdleWord, 1);
    }
    for (ULONG i = 0; i < KiProcessorTotal; i++) {
        KiJoinSystemThread(&KiDpcThreads[i]);
    }
}

ULONG
KiCountDpcsInRange(ULONG_PTR Base, SIZE_T Size)
{
    KI_BUSY_OBJECT found;
    ULONG count = 0;

    while (KiFindDpcInRange(Base, Size, count, &found)) {
        count++;
    }
    return count;
}

BOOLEAN
KiFindDpcInRange(ULONG_PTR Base, SIZE_T Size, ULONG Skip, KI_BUSY_OBJECT *Found)
{
    KTHREAD *thread = KiGetCurrentThread();
    BOOLEAN found = FALSE;

    for (ULONG i = 0; i < KiProcessorTotal && !found; i++) {
        KPRCB *prcb = &KiProcessors[i];
        KiLockDpcs(prcb, thread);
        for (PLIST_ENTRY link = prcb->DpcList.Flink; link != &prcb->DpcList && !found;
             link = link->Flink) {
            PKDPC dpc = CONTAINING_RECORD(link, KDPC, DpcListEntry);
            if ((ULONG_PTR)dpc - Base < Size || (ULONG_PTR)dpc->DeferredRoutine - Base < Size) {
                found = Skip-- == 0;
                Found->Kind = KiBusyDpc;
                Found->Object = dpc;
                Found->Routine = (ULONG_PTR)dpc->DeferredRoutine;
            }
        }
        KiUnlockDpcs(prcb, thread);
    }
    return found;
}

__attribute__((no_sanitize_address)) BOOLEAN
KiIsDpcQueued(KTHREAD *Thread, const KDPC *Dpc)
{
    /* It need not be a DPC: a link to a processor's list is no processor. */
    ULONG_PTR offset = (ULONG_PTR)Dpc->DpcData - (ULONG_PTR)KiProcessors;
    BOOLEAN found = FALSE;
    KPRCB *prcb;

    if ((Dpc->Type != DpcObject && Dpc->Type != ThreadedDpcObject) ||
        offset >= KiProcessorTotal * sizeof(KPRCB) || offset % sizeof(KPRCB) != 0) {
        return FALSE;
    }
    prcb = &KiProcessors[offset / sizeof(KPRCB)];
    KiLockDpcs(prcb, Thread);
    for (PLIST_ENTRY link = prcb->DpcList.Flink; link != &prcb->DpcList; link = link->Flink) {
        found |= link == &Dpc->DpcListEntry;
    }
    KiUnlockDpcs(prcb, Thread);
    return found;
}

#pragma GCC visibility push(default)

VOID NTAPI
KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    Dpc->Type = DpcObject;
    Dpc->Importance = MediumImportance;
    Dpc->Number = 0;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
    Dpc->DpcData = NULL;
}

/* Differs: runs at DISPATCH_LEVEL, as on a Windows system where threaded DPCs are switched off. */
VOID NTAPI
KeInitializeThreadedDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    KeInitializeDpc(Dpc, DeferredRoutine, DeferredContext);
    Dpc->Type = ThreadedDpcObject;
}

/*
 * KeInsertQueueDpc - queue a DPC; FALSE if it is queued already (its arguments stay)
 *
 * From below DISPATCH_LEVEL the routine has run when this returns, unless the DPC's target
 * processor was busy (then its owner runs it) or it is of low importance.
 *
 * IRQL     any
 */
BOOLEAN NTAPI
KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    KTHREAD *thread = KiGetCurrentThread();

    KiCheckDpc(Dpc, "KeInsertQueueDpc");
    if (thread->Irql >= DISPATCH_LEVEL) {
        return KiQueueDpc(thread, Dpc, SystemArgument1, SystemArgument2);
    }
    return KiQueueDpcFromBelow(thread, Dpc, SystemArgument1, SystemArgument2);
}

/* TRUE if the DPC was queued and now will not run; FALSE: it may be running. IRQL any. */
BOOLEAN NTAPI
KeRemoveQueueDpc(PRKDPC Dpc)
{
    KTHREAD *thread = KiGetCurrentThread();
    KPRCB *prcb;
    BOOLEAN removed = FALSE;

    KiCheckDpc(Dpc, "KeRemoveQueueDpc");
    prcb = __atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE);
    if (prcb == NULL) {
        return FALSE;
    }
    KiLockDpcs(prcb, thread);
    if (__atomic_load_n(&Dpc->DpcData, __ATOMIC_RELAXED) == (PVOID)prcb) {
        RemoveEntryList(&Dpc->DpcListEntry);
        if (IsListEmpty(&prcb->DpcList)) {
            __atomic_store_n(&prcb->DpcPending, 0, __ATOMIC_SEQ_CST);
        }
        KiMarkBusy(Dpc, -1);
        __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
        removed = TRUE;
    }
    KiUnlockDpcs(prcb, thread);
    return removed;
}

/*
 * KeSetImportanceDpc - HighImportance: to the head of the queue, others to its end
 *
 * LowImportance does not begin with the queue: the processor runs it when it next goes below
 * DISPATCH_LEVEL or is free.
 *
 * IRQL     any
 * Source   WDK reference, nf-wdm-kesetimportancedpc
 */
VOID NTAPI
KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance)
{
    KiCheckDpc(Dpc, "KeSetImportanceDpc");
    Dpc->Importance = (UCHAR)Importance;
}

/* Errors: TIMER_OR_DPC_INVALID if there is no such processor. IRQL any. */
VOID NTAPI
KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
    KiCheckDpc(Dpc, "KeSetTargetProcessorDpc");
    if (Number < 0 || (ULONG)Number >= KiProcessorTotal) {
        KiBugCheckDetail(TIMER_OR_DPC_INVALID, 3, (ULONG_PTR)Dpc, (ULONG_PTR)Number,
                         KiProcessorTotal, "KeSetTargetProcessorDpc: there is no processor %d",
                         Number);
    }
    __atomic_store_n(&Dpc->Number, (USHORT)(KI_DPC_TARGETED + Number), __ATOMIC_RELAXED);
}

NTSTATUS NTAPI
KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
    KiCheckDpc(Dpc, "KeSetTargetProcessorDpcEx");
    if (ProcNumber->Group != 0 || ProcNumber->Reserved != 0 ||
        ProcNumber->Number >= KiProcessorTotal) {
        return STATUS_INVALID_PARAMETER;
    }
    __atomic_store_n(&Dpc->Number, (USHORT)(KI_DPC_TARGETED + ProcNumber->Number),
                     __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

static VOID NTAPI
KiFlushDpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KeSetEvent((PKEVENT)Context, 0, FALSE);
}

/*
 * KeFlushQueuedDpcs - return when all DPCs that were queued before the call have run
 *
 * A DPC of our own goes to the end of each processor's list: when it runs, all before it have.
 *
 * IRQL     PASSIVE_LEVEL
 */
VOID NTAPI
KeFlushQueuedDpcs(VOID)
{
    NT_ENTER(KeFlushQueuedDpcs);
    KDPC dpc;
    KEVENT done;

    KeInitializeEvent(&done, SynchronizationEvent, FALSE);
    KeInitializeDpc(&dpc, KiFlushDpcRoutine, &done);
    for (ULONG i = 0; i < KiProcessorTotal; i++) {
        dpc.Number = (USHORT)(KI_DPC_TARGETED + i);
        KeInsertQueueDpc(&dpc, NULL, NULL);
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
    }
}

#pragma GCC visibility pop
