/* SPDX-License-Identifier: MIT
 *
 * ke/kernelapc.c - kernel APCs: routines that a thread runs between two things that it does
 *
 * A special one (without a NormalRoutine) is its KernelRoutine, at APC_LEVEL. A normal one is its
 * KernelRoutine at APC_LEVEL and then its NormalRoutine at PASSIVE_LEVEL. A guarded region or an
 * IRQL of APC_LEVEL and above holds both off; a critical region and a normal one that runs hold off
 * normal ones. A host thread is not interrupted: it looks where what held them off may have ended,
 * which is where the IRQL drops and where a region is left, and before, during and after its waits.
 *
 * Invariants  K1  Thread->KernelApcList holds the kernel APCs whose Inserted is TRUE: special ones,
 *                 oldest first, then normal ones, oldest first. KernelApcPending says if there are.
 *             K2  No thread waits with an APC that is due: who waits looks under the lock, who
 *                 queues one ends the wait. The wait then goes on, with what is left of its time.
 *             K3  Once KernelApcsClosed is set nothing is inserted.
 * Locks       KiDispatcherLock guards lists and flags; no routine is called under it.
 * Differs     a thread that computes, in a driver or in user mode, runs them at its next call of
 * the kernel; environments make no difference: an attached thread runs all of them Source      WDK
 * reference, "Types of APCs", "Disabling APCs", "Do Waiting Threads Receive Alerts and APCs?"; the
 * routines' signatures are those that public drivers declare.
 */
#include "ke/ki.h"

/* Lock held, or the thread is the current one and the look a first one only. */
static BOOLEAN
KiIsHeldOff(const KTHREAD *Thread, const KAPC *Apc)
{
    return Apc->NormalRoutine != NULL && (Thread->KernelApcDisable != 0 || Thread->KernelApcActive);
}

static PKAPC
KiFirstKernelApc(const KTHREAD *Thread)
{
    return IsListEmpty(&Thread->KernelApcList)
               ? NULL
               : CONTAINING_RECORD(Thread->KernelApcList.Flink, KAPC, ApcListEntry);
}

BOOLEAN
KiIsKernelApcDue(const KTHREAD *Thread)
{
    return __atomic_load_n(&Thread->KernelApcPending, __ATOMIC_RELAXED) &&
           Thread->Irql < APC_LEVEL && Thread->SpecialApcDisable == 0 &&
           !KiIsHeldOff(Thread, KiFirstKernelApc(Thread));
}

static VOID
KiUnlinkKernelApc(KTHREAD *Thread, PKAPC Apc)
{
    RemoveEntryList(&Apc->ApcListEntry);
    Apc->Inserted = FALSE;
    __atomic_store_n(&Thread->KernelApcPending, !IsListEmpty(&Thread->KernelApcList),
                     __ATOMIC_RELAXED);
}

/* K1: behind the last special one, or behind all. */
static VOID
KiLinkKernelApc(KTHREAD *Thread, PKAPC Apc)
{
    PLIST_ENTRY before = Thread->KernelApcList.Blink;

    while (Apc->NormalRoutine == NULL && before != &Thread->KernelApcList &&
           CONTAINING_RECORD(before, KAPC, ApcListEntry)->NormalRoutine != NULL) {
        before = before->Blink;
    }
    InsertHeadList(before, &Apc->ApcListEntry);
    Apc->Inserted = TRUE;
    __atomic_store_n(&Thread->KernelApcPending, TRUE, __ATOMIC_RELAXED);
}

/* The next one to run, taken off the list, and what it says: from then on it is its owner's. */
static PKAPC
KiTakeKernelApc(KTHREAD *Thread, KAPC *Copy)
{
    PKAPC apc = NULL;

    if (Thread->WaitNext) {
        return NULL; /* the lock is held from one routine to the next: the wait delivers */
    }
    KiLockDispatcher(Thread);
    if (KiIsKernelApcDue(Thread)) {
        apc = KiFirstKernelApc(Thread);
        KiUnlinkKernelApc(Thread, apc);
        *Copy = *apc;
    }
    KiUnlockDispatcher(Thread);
    return apc;
}

static VOID
KiCheckAfterApc(KTHREAD *Thread, KIRQL Irql, LONG Disabled, ULONG_PTR Routine)
{
    char where[300];

    if (__builtin_expect(Thread->Irql == Irql &&
                             Thread->KernelApcDisable + Thread->SpecialApcDisable == Disabled,
                         1)) {
        return;
    }
    KiNameCaller(Routine, where, sizeof(where));
    KiBugCheckDetail(APC_INDEX_MISMATCH, Routine,
                     (ULONG_PTR)(LONG_PTR)(Thread->KernelApcDisable + Thread->SpecialApcDisable),
                     Thread->Irql, 0,
                     "The APC routine %s was called at IRQL %u and returned at IRQL %u, inside %d "
                     "critical or guarded regions more than before",
                     where, Irql, Thread->Irql,
                     Disabled - Thread->KernelApcDisable - Thread->SpecialApcDisable);
}

VOID
KiDeliverKernelApcs(KTHREAD *Thread)
{
    KAPC copy;
    PKAPC apc;

    while (Thread->Irql < APC_LEVEL && Thread->SpecialApcDisable == 0 &&
           (apc = KiTakeKernelApc(Thread, &copy)) != NULL) {
        PKNORMAL_ROUTINE normal = copy.NormalRoutine;
        LONG disabled = Thread->KernelApcDisable + Thread->SpecialApcDisable;

        Thread->Irql = APC_LEVEL;
        copy.KernelRoutine(apc, &normal, &copy.NormalContext, &copy.SystemArgument1,
                           &copy.SystemArgument2);
        KiCheckAfterApc(Thread, APC_LEVEL, disabled, (ULONG_PTR)copy.KernelRoutine);
        Thread->Irql = PASSIVE_LEVEL;
        if (copy.NormalRoutine != NULL && normal != NULL) {
            Thread->KernelApcActive = TRUE;
            normal(copy.NormalContext, copy.SystemArgument1, copy.SystemArgument2);
            KiCheckAfterApc(Thread, PASSIVE_LEVEL, disabled, (ULONG_PTR)normal);
            Thread->KernelApcActive = FALSE;
        }
    }
}

VOID
KiRundownKernelApcs(KTHREAD *Thread)
{
    KTHREAD *self = KiGetCurrentThread();
    BOOLEAN more = TRUE;

    while (more) {
        PKRUNDOWN_ROUTINE rundown = NULL;
        PKAPC apc;

        if (Thread == self) {
            KiDeliverKernelApcs(Thread);
        }
        KiLockDispatcher(self);
        apc = KiFirstKernelApc(Thread);
        more = apc != NULL;
        if (apc == NULL) {
            Thread->KernelApcsClosed = TRUE;
        } else if (Thread != self || !KiIsKernelApcDue(Thread)) {
            KiUnlinkKernelApc(Thread, apc);
            rundown = apc->RundownRoutine;
        }
        KiUnlockDispatcher(self);
        if (rundown != NULL) {
            rundown(apc);
        }
    }
}

static VOID
KiCheckApc(const KAPC *Apc, const char *Function)
{
    if (__builtin_expect(Apc->Type != ApcObject || !KiIsThread(Apc->Thread), 0)) {
        KiReportWrongObject(DRIVER_VIOLATION, (ULONG_PTR)Apc, 0, Apc, Function, "KAPC",
                            "KeInitializeApc");
    }
}

/* FALSE: it is queued already, or the thread has ended. */
static BOOLEAN
KiQueueKernelApc(KTHREAD *Thread, PKAPC Apc, PVOID Argument1, PVOID Argument2)
{
    KTHREAD *self = KiGetCurrentThread();
    BOOLEAN queued;

    KiLockDispatcher(self);
    queued = !Thread->KernelApcsClosed && !Apc->Inserted;
    if (queued) {
        Apc->SystemArgument1 = Argument1;
        Apc->SystemArgument2 = Argument2;
        KiLinkKernelApc(Thread, Apc);
        if (Thread->State == KI_THREAD_WAITING && KiIsKernelApcDue(Thread)) {
            KiUnwaitThread(Thread, STATUS_KERNEL_APC); /* K2 */
        }
    }
    KiUnlockDispatcher(self);
    KiCheckKernelApcs(self);
    return queued;
}

#pragma GCC visibility push(default)

/*
 * KeInitializeApc - an APC for Thread, in memory that is not paged and stays while it is queued
 *
 * Environment     in which process the thread is to be; makes no difference here
 * KernelRoutine   at APC_LEVEL; may change the others, and free the APC
 * RundownRoutine  optional: called instead, when the thread ends before
 * NormalRoutine   NULL: a special kernel APC. Else called with NormalContext and the arguments of
 *                 KeInsertQueueApc: at PASSIVE_LEVEL, or (Mode UserMode) in user mode
 *
 * IRQL     any
 */
VOID NTAPI
KeInitializeApc(PKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment,
                PKKERNEL_ROUTINE KernelRoutine, PKRUNDOWN_ROUTINE RundownRoutine,
                PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE Mode, PVOID NormalContext)
{
    KiInitializeUserApc(Apc, Thread, KernelRoutine, RundownRoutine, NormalRoutine,
                        NormalRoutine != NULL ? NormalContext : NULL);
    Apc->ApcStateIndex = (CCHAR)Environment;
    Apc->ApcMode = NormalRoutine != NULL ? Mode : KernelMode;
}

/*
 * KeInsertQueueApc - queue it; the thread runs it as soon as nothing holds it off
 *
 * Returns  FALSE: it is queued already, or its thread is ending
 * Errors   DRIVER_VIOLATION if KeInitializeApc was not called
 * IRQL     <= DISPATCH_LEVEL
 */
BOOLEAN NTAPI
KeInsertQueueApc(PKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment)
{
    NT_IRQL_MAX(DISPATCH_LEVEL);
    KiCheckApc(Apc, "KeInsertQueueApc");
    if (Apc->ApcMode != KernelMode) {
        return KiQueueUserApc(Apc, SystemArgument1, SystemArgument2);
    }
    return KiQueueKernelApc(Apc->Thread, Apc, SystemArgument1, SystemArgument2);
}

/* TRUE: it was queued and is not any more. FALSE: it may just be running. IRQL <= DISPATCH_LEVEL.
 */
BOOLEAN NTAPI
KeRemoveQueueApc(PKAPC Apc)
{
    NT_IRQL_MAX(DISPATCH_LEVEL);
    KTHREAD *self = KiGetCurrentThread();
    BOOLEAN queued;

    KiCheckApc(Apc, "KeRemoveQueueApc");
    if (Apc->ApcMode != KernelMode) {
        return KiWithdrawUserApc(Apc);
    }
    KiLockDispatcher(self);
    queued = Apc->Inserted;
    if (queued) {
        KiUnlinkKernelApc(Apc->Thread, Apc);
    }
    KiUnlockDispatcher(self);
    return queued;
}

#pragma GCC visibility pop
