/* SPDX-License-Identifier: MIT
 *
 * ke/irql.c - IRQL and virtual processors
 *
 * Raising to DISPATCH_LEVEL takes a virtual processor: the one held last, or the one that the host
 * thread is on, or any free one of the thread's affinity. With none free it spins a little, then
 * parks. Lowering below DISPATCH_LEVEL runs the DPCs of that processor and gives it back.
 *
 * Invariants  R1  KPRCB.Owner changes NULL -> thread by compare-exchange of that thread only, and
 *                 back by its owner only.
 *             R2  No DPC stays on a free processor: who queues one sets DpcPending and then reads
 *                 Owner; who gives the processor back writes Owner and then reads DpcPending. One
 *                 of the two sees the other (all four are sequentially consistent).
 *             R3  A parked thread is counted in KiProcessorWaiters before it last looks for a free
 *                 processor, and who frees one looks at the count afterwards.
 * Locks       none
 */
#include "ke/ki.h"

#define KI_PROCESSOR_SPINS 64

KPRCB KiProcessors[KI_MAXIMUM_PROCESSORS];
ULONG KiProcessorTotal;
BOOLEAN KiSimulated;

static uint32_t KiProcessorWaiters;  /* atomic: threads that wait for a processor */
static uint32_t KiRestrictedWaiters; /* atomic: those among them that cannot take any */
static uint32_t KiProcessorFreed;    /* atomic: waiters park here; counts wake-ups */

static inline BOOLEAN
KiTryTakeProcessor(KTHREAD *Thread, KPRCB *Prcb)
{
    KTHREAD *expected = NULL;
    return __atomic_load_n(&Prcb->Owner, __ATOMIC_RELAXED) == NULL &&
           __atomic_compare_exchange_n(&Prcb->Owner, &expected, Thread, FALSE, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

static KPRCB *
KiTryTakeAny(KTHREAD *Thread)
{
    ULONG total = KiProcessorTotal;
    ULONG first = HalpCurrentProcessor() % total;

    for (ULONG i = 0; i < total; i++) {
        ULONG number = first + i < total ? first + i : first + i - total;
        KPRCB *prcb = &KiProcessors[number];
        if (Thread->Affinity != 0 && (Thread->Affinity >> number & 1) == 0) {
            continue;
        }
        if (KiTryTakeProcessor(Thread, prcb)) {
            return prcb;
        }
    }
    return NULL;
}

static KPRCB *
KiWaitForProcessor(KTHREAD *Thread)
{
    BOOLEAN restricted = Thread->Affinity != 0;
    KPRCB *prcb;

    __atomic_fetch_add(&KiProcessorWaiters, 1, __ATOMIC_SEQ_CST);
    if (restricted) {
        __atomic_fetch_add(&KiRestrictedWaiters, 1, __ATOMIC_SEQ_CST);
    }
    for (;;) {
        uint32_t freed = __atomic_load_n(&KiProcessorFreed, __ATOMIC_SEQ_CST);
        prcb = KiTryTakeAny(Thread);
        if (prcb != NULL) {
            break;
        }
        HalpWaitAddress(&KiProcessorFreed, freed, HALP_NEVER);
    }
    if (restricted) {
        __atomic_fetch_sub(&KiRestrictedWaiters, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_sub(&KiProcessorWaiters, 1, __ATOMIC_SEQ_CST);
    return prcb;
}

static __attribute__((noinline)) KPRCB *
KiTakeProcessorSlow(KTHREAD *Thread)
{
    if (KiProcessorTotal == 0) {
        KiBugCheckDetail(PHASE0_INITIALIZATION_FAILED, 0, 0, 0, 0,
                         "The IRQL was raised before KiInitializeSystem");
    }
    for (ULONG spin = 0; spin < KiSpins(KI_PROCESSOR_SPINS); spin++) {
        KPRCB *prcb = KiTryTakeAny(Thread);
        if (prcb != NULL) {
            return prcb;
        }
        HalpPause();
    }
    return KiWaitForProcessor(Thread);
}

static __attribute__((noinline)) VOID
KiWakeProcessorWaiter(VOID)
{
    uint32_t restricted = __atomic_load_n(&KiRestrictedWaiters, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&KiProcessorFreed, 1, __ATOMIC_SEQ_CST);
    HalpWakeAddress(&KiProcessorFreed, restricted != 0 ? UINT32_MAX : 1);
}

VOID
KiEnterDispatch(KTHREAD *Thread, KIRQL NewIrql)
{
    KPRCB *prcb = Thread->LastPrcb;

    KI_SCHEDULING_POINT();
    if (__builtin_expect(prcb == NULL || !KiTryTakeProcessor(Thread, prcb), 0)) {
        prcb = KiTakeProcessorSlow(Thread);
        Thread->LastPrcb = prcb;
    }
    Thread->Prcb = prcb;
    Thread->Irql = NewIrql;
}

BOOLEAN
KiTryEnterDispatchOn(KTHREAD *Thread, KPRCB *Prcb)
{
    KI_SCHEDULING_POINT();
    if (!KiTryTakeProcessor(Thread, Prcb)) {
        return FALSE;
    }
    Thread->Prcb = Prcb;
    Thread->Irql = DISPATCH_LEVEL;
    return TRUE;
}

static DECLSPEC_NORETURN VOID
KiCannotLeaveDispatch(KTHREAD *Thread, KIRQL NewIrql)
{
    char held[600];

    if (Thread->Prcb->DpcActive) {
        KiBugCheckDetail(IRQL_NOT_LESS_OR_EQUAL, 0, NewIrql, Thread->Irql,
                         (ULONG_PTR)Thread->DpcRoutine,
                         "A DPC routine lowered the IRQL to %u; it runs at DISPATCH_LEVEL until it "
                         "returns",
                         NewIrql);
    }
    KiDescribeHeld(Thread, held, sizeof(held));
    KiBugCheckDetail(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x31, Thread->Irql, NewIrql,
                     Thread->SpinLocks,
                     "The IRQL was lowered to %u while the thread holds %u spin lock(s): %s. "
                     "Release them first: the one taken last is released first, and each release "
                     "gets the IRQL that its own acquisition gave",
                     NewIrql, (unsigned)Thread->SpinLocks, held);
}

VOID
KiLeaveDispatch(KTHREAD *Thread, KIRQL NewIrql)
{
    KPRCB *prcb = Thread->Prcb;

    if (__builtin_expect(prcb->DpcActive || Thread->SpinLocks != 0, 0)) {
        KiCannotLeaveDispatch(Thread, NewIrql);
    }
    do {
        Thread->Irql = DISPATCH_LEVEL;
        Thread->Prcb = prcb;
        if (__atomic_load_n(&prcb->DpcPending, __ATOMIC_RELAXED) != 0) {
            KiRetireDpcList(prcb);
        }
        KI_SCHEDULING_POINT();
        Thread->Prcb = NULL;
        Thread->Irql = NewIrql;
        __atomic_store_n(&prcb->Owner, NULL, __ATOMIC_SEQ_CST);
        KI_SCHEDULING_POINT();
        /* R2: a DPC queued since the list was empty is ours, unless there is a new owner. */
    } while (__builtin_expect(__atomic_load_n(&prcb->DpcPending, __ATOMIC_SEQ_CST) != 0, 0) &&
             KiTryTakeProcessor(Thread, prcb));
    if (__builtin_expect(__atomic_load_n(&KiProcessorWaiters, __ATOMIC_SEQ_CST) != 0, 0)) {
        KiWakeProcessorWaiter();
    }
    if (NewIrql < APC_LEVEL) {
        KiCheckKernelApcs(Thread);
    }
}

#pragma GCC visibility push(default)

/*
 * KiRaiseIrql - KfRaiseIrql: returns the old IRQL
 *
 * Errors   IRQL_NOT_GREATER_OR_EQUAL if NewIrql is below the current one.
 * IRQL     any
 */
KIRQL
KiRaiseIrql(KIRQL NewIrql)
{
    KTHREAD *thread = KiGetCurrentThread();
    KIRQL old = thread->Irql;

    if (__builtin_expect(NewIrql < old || NewIrql > HIGH_LEVEL, 0)) {
        KiBugCheckDetail(IRQL_NOT_GREATER_OR_EQUAL, NewIrql, old, 0, NT_CALLER(),
                         "KeRaiseIrql to %u at IRQL %u: raising cannot lower", NewIrql, old);
    }
    if (NewIrql >= DISPATCH_LEVEL && old < DISPATCH_LEVEL) {
        KiEnterDispatch(thread, NewIrql);
    } else {
        thread->Irql = NewIrql;
    }
    return old;
}

/*
 * KiLowerIrql - KeLowerIrql; below DISPATCH_LEVEL the processor's DPCs run first
 *
 * Errors   IRQL_NOT_LESS_OR_EQUAL if NewIrql is above the current one, or is lowered in a DPC.
 * IRQL     any
 */
VOID
KiLowerIrql(KIRQL NewIrql)
{
    KTHREAD *thread = KiGetCurrentThread();
    KIRQL old = thread->Irql;

    if (__builtin_expect(NewIrql > old, 0)) {
        KiBugCheckDetail(IRQL_NOT_LESS_OR_EQUAL, NewIrql, old, 0, NT_CALLER(),
                         "KeLowerIrql to %u at IRQL %u: lowering cannot raise", NewIrql, old);
    }
    if (old >= DISPATCH_LEVEL && NewIrql < DISPATCH_LEVEL) {
        KiLeaveDispatch(thread, NewIrql);
    } else {
        thread->Irql = NewIrql;
        if (NewIrql < APC_LEVEL) {
            KiCheckKernelApcs(thread);
        }
    }
}

UCHAR
KiReadCr8(VOID)
{
    return KiCurrentIrql();
}

VOID
KiWriteCr8(ULONG64 Irql)
{
    if (Irql > HIGH_LEVEL) {
        KiBugCheckDetail(IRQL_NOT_GREATER_OR_EQUAL, Irql, KiCurrentIrql(), 0, NT_CALLER(),
                         "IRQL %llu does not exist", (unsigned long long)Irql);
    }
    if (Irql > KiCurrentIrql()) {
        KiRaiseIrql((KIRQL)Irql);
    } else {
        KiLowerIrql((KIRQL)Irql);
    }
}

/* Offset 0x188 is the current thread, as the DDK's AMD64 KeGetCurrentThread reads it. */
ULONG64
KiReadGsQword(ULONG Offset)
{
    if (Offset != 0x188) {
        KiBugCheckDetail(DRIVER_VIOLATION, Offset, 0, 0, NT_CALLER(),
                         "gs:[0x%x] was read; only the current thread, gs:[0x188], is known",
                         Offset);
    }
    return (ULONG64)(ULONG_PTR)KiGetCurrentThread();
}

#pragma GCC visibility pop
