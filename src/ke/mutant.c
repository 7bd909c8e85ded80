/* SPDX-License-Identifier: MIT
 *
 * ke/mutant.c - mutexes, guarded mutexes, critical and guarded regions
 *
 * SignalState is 1 for a free mutex, and goes down by one each time its owner takes it.
 *
 * Invariants  U1  A mutex is on its owner's MutantList iff SignalState <= 0.
 *             U2  KernelApcDisable counts critical regions and KMUTEXes held, SpecialApcDisable
 *                 guarded regions, both downwards. Where a count gets 0, APCs are delivered.
 * Locks       KiDispatcherLock guards mutexes; the counts belong to their thread
 * Source      WDK reference, wdm.h KeReleaseMutex, KeEnterCriticalRegion, KeAcquireGuardedMutex
 */
#include "ke/ki.h"

static VOID
KiCheckMutant(const KMUTANT *Mutant, const char *Function)
{
    KiCheckType(&Mutant->Header, MutantObject, MutantObject, Function);
}

static VOID
KiInitializeMutant(KMUTANT *Mutant, UCHAR ApcDisable)
{
    Mutant->Header.Lock = 0;
    Mutant->Header.Type = MutantObject;
    Mutant->Header.Size = sizeof(*Mutant) / sizeof(LONG);
    KiSetState(&Mutant->Header, 1);
    InitializeListHead(&Mutant->Header.WaitListHead);
    InitializeListHead(&Mutant->MutantListEntry);
    __atomic_store_n(&Mutant->OwnerThread, NULL, __ATOMIC_RELAXED);
    Mutant->Abandoned = FALSE;
    Mutant->ApcDisable = ApcDisable;
}

/* The owner lets go altogether. Lock held. */
static VOID
KiFreeMutant(KMUTANT *Mutant)
{
    KTHREAD *owner = Mutant->OwnerThread;

    RemoveEntryList(&Mutant->MutantListEntry);
    InitializeListHead(&Mutant->MutantListEntry);
    if (Mutant->ApcDisable != 0) { /* else the owner may be another thread, whose field it is */
        owner->KernelApcDisable += Mutant->ApcDisable;
    }
    __atomic_store_n(&Mutant->OwnerThread, NULL, __ATOMIC_RELAXED);
    KiSetState(&Mutant->Header, 1);
    KiTestWaiters(&Mutant->Header);
}

VOID
KiAbandonMutants(KTHREAD *Thread)
{
    while (!IsListEmpty(&Thread->MutantList)) {
        KMUTANT *mutant = CONTAINING_RECORD(Thread->MutantList.Flink, KMUTANT, MutantListEntry);
        if (mutant->ApcDisable != 0) {
            KiBugCheckDetail(
                THREAD_TERMINATE_HELD_MUTEX, (ULONG_PTR)Thread, (ULONG_PTR)mutant, 0, 0,
                "A thread ends while it holds the kernel mutex %p: KeReleaseMutex first",
                (void *)mutant);
        }
        mutant->Abandoned = TRUE;
        KiFreeMutant(mutant);
    }
}

/* Returns the previous state, or raises. Takes and leaves the lock. */
static LONG
KiReleaseMutant(KMUTANT *Mutant, BOOLEAN Abandoned, BOOLEAN Wait, const char *Function,
                ULONG_PTR Caller)
{
    KTHREAD *thread = KiGetCurrentThread();
    LONG old;

    KiCheckMutant(Mutant, Function);
    KiLockDispatcher(thread);
    if (!Abandoned && Mutant->OwnerThread != thread) {
        NTSTATUS status = Mutant->Abandoned ? STATUS_ABANDONED : STATUS_MUTANT_NOT_OWNED;
        KiUnlockDispatcher(thread);
        KiRaiseStatus(status, Function, Caller);
    }
    old = Mutant->Header.SignalState;
    if (Abandoned && Mutant->OwnerThread != NULL) {
        Mutant->Abandoned = TRUE;
        KiFreeMutant(Mutant);
    } else if (!Abandoned) {
        KiSetState(&Mutant->Header, old + 1);
        if (old == 0) {
            KiFreeMutant(Mutant);
        }
    }
    KiUnlockDispatcherOrKeep(thread, Wait);
    KiCheckKernelApcs(thread);
    return old;
}

static DECLSPEC_NORETURN __attribute__((noinline)) VOID
KiReportGuardedTwice(PKGUARDED_MUTEX Mutex, KTHREAD *Thread)
{
    char held[600];

    KiDescribeHeld(Thread, held, sizeof(held));
    KiBugCheckDetail(MUTEX_ALREADY_OWNED, (ULONG_PTR)Mutex, (ULONG_PTR)Thread, 0, 0,
                     "The thread takes guarded mutex %p, which it holds already: it would wait for "
                     "ever. It holds: %s",
                     (void *)Mutex, held);
}

#pragma GCC visibility push(default)

/* Level is ignored, as on Windows. */
VOID NTAPI
KeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    KiInitializeMutant(Mutex, 1);
}

VOID NTAPI
KeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner)
{
    KTHREAD *thread = KiGetCurrentThread();

    KiInitializeMutant(Mutant, 0);
    if (InitialOwner) {
        KiLockDispatcher(thread);
        KiSetState(&Mutant->Header, 0);
        __atomic_store_n(&Mutant->OwnerThread, thread, __ATOMIC_RELAXED);
        InsertTailList(&thread->MutantList, &Mutant->MutantListEntry);
        KiUnlockDispatcher(thread);
    }
}

/*
 * KeReleaseMutex - let go once; returns the previous state, 0 if that freed the mutex
 *
 * Errors   raises STATUS_MUTANT_NOT_OWNED, or STATUS_ABANDONED, if this thread does not own it
 * IRQL     <= DISPATCH_LEVEL; Wait = TRUE: <= APC_LEVEL
 */
LONG NTAPI
KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    NT_ENTER(KeReleaseMutex);
    NT_IRQL_MAX(Wait ? APC_LEVEL : DISPATCH_LEVEL);
    return KiReleaseMutant(Mutex, FALSE, Wait, "KeReleaseMutex", NT_CALLER());
}

LONG NTAPI
KeReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait)
{
    NT_ENTER(KeReleaseMutant);
    NT_IRQL_MAX(Wait ? APC_LEVEL : DISPATCH_LEVEL);
    return KiReleaseMutant(Mutant, Abandoned, Wait, "KeReleaseMutant", NT_CALLER());
}

LONG NTAPI
KeReadStateMutex(PRKMUTEX Mutex)
{
    NT_ENTER(KeReadStateMutex);
    KiCheckMutant(Mutex, "KeReadStateMutex");
    return KiReadState(&Mutex->Header);
}

LONG NTAPI
KeReadStateMutant(PRKMUTANT Mutant)
{
    KiCheckMutant(Mutant, "KeReadStateMutant");
    return KiReadState(&Mutant->Header);
}

/* ---- critical and guarded regions ---- */

VOID NTAPI
KeEnterCriticalRegion(VOID)
{
    NT_ENTER(KeEnterCriticalRegion);
    KTHREAD *thread = KiGetCurrentThread();

    thread->KernelApcDisable--;
    thread->RegionCaller = NT_CALLER();
}

/* Errors: APC_INDEX_MISMATCH without a matching KeEnterCriticalRegion. IRQL <= APC_LEVEL. */
VOID NTAPI
KeLeaveCriticalRegion(VOID)
{
    NT_ENTER(KeLeaveCriticalRegion);
    KTHREAD *thread = KiGetCurrentThread();

    if (thread->KernelApcDisable >= 0) {
        KiBugCheckDetail(APC_INDEX_MISMATCH, NT_CALLER(), 0, 0, 0,
                         "KeLeaveCriticalRegion without KeEnterCriticalRegion on this thread");
    }
    thread->KernelApcDisable++;
    KiCheckKernelApcs(thread);
}

VOID NTAPI
KeEnterGuardedRegion(VOID)
{
    NT_ENTER(KeEnterGuardedRegion);
    KTHREAD *thread = KiGetCurrentThread();

    thread->SpecialApcDisable--;
    thread->RegionCaller = NT_CALLER();
}

VOID NTAPI
KeLeaveGuardedRegion(VOID)
{
    NT_ENTER(KeLeaveGuardedRegion);
    KTHREAD *thread = KiGetCurrentThread();

    if (thread->SpecialApcDisable >= 0) {
        KiBugCheckDetail(APC_INDEX_MISMATCH, NT_CALLER(), 0, 0, 0,
                         "KeLeaveGuardedRegion without KeEnterGuardedRegion on this thread");
    }
    thread->SpecialApcDisable++;
    KiCheckKernelApcs(thread);
}

BOOLEAN NTAPI
KeAreApcsDisabled(VOID)
{
    NT_ENTER(KeAreApcsDisabled);
    KTHREAD *thread = KiGetCurrentThread();
    return thread->KernelApcDisable != 0 || thread->SpecialApcDisable != 0;
}

BOOLEAN NTAPI
KeAreAllApcsDisabled(VOID)
{
    NT_ENTER(KeAreAllApcsDisabled);
    KTHREAD *thread = KiGetCurrentThread();
    return thread->SpecialApcDisable != 0 || thread->Irql >= APC_LEVEL;
}

/* ---- guarded mutexes: an owner, a count of 1 (free) or 0, and a gate (here: an event) ---- */

VOID FASTCALL
KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    NT_ENTER(KeInitializeGuardedMutex);
    C_ASSERT(sizeof(KGATE) == sizeof(KEVENT));
    Mutex->Count = 1;
    Mutex->Owner = NULL;
    Mutex->Contention = 0;
    KeInitializeEvent((PRKEVENT)&Mutex->Gate, SynchronizationEvent, FALSE);
    Mutex->KernelApcDisable = 0;
    Mutex->SpecialApcDisable = 0;
}

/* The caller has disabled all APCs by itself. Errors: MUTEX_ALREADY_OWNED. IRQL <= APC_LEVEL. */
VOID FASTCALL
KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    NT_ENTER(KeAcquireGuardedMutexUnsafe);
    KTHREAD *thread = KiGetCurrentThread();

    if (__atomic_load_n(&Mutex->Owner, __ATOMIC_RELAXED) == thread) {
        KiReportGuardedTwice(Mutex, thread);
    }
    /* Count below 1 by the number of waiters; a release with waiters hands one of them on. */
    if (__atomic_sub_fetch(&Mutex->Count, 1, __ATOMIC_SEQ_CST) < 0) {
        __atomic_fetch_add(&Mutex->Contention, 1, __ATOMIC_RELAXED);
        KeWaitForSingleObject(&Mutex->Gate, WrGuardedMutex, KernelMode, FALSE, NULL);
    }
    __atomic_store_n(&Mutex->Owner, thread, __ATOMIC_RELAXED);
    thread->LastMutex.Lock = Mutex;
    thread->LastMutex.Caller = NT_CALLER();
}

VOID FASTCALL
KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    NT_ENTER(KeReleaseGuardedMutexUnsafe);
    KTHREAD *thread = KiGetCurrentThread();

    if (__atomic_load_n(&Mutex->Owner, __ATOMIC_RELAXED) != thread) {
        KiRaiseStatus(STATUS_MUTANT_NOT_OWNED, "KeReleaseGuardedMutex", NT_CALLER());
    }
    if (thread->LastMutex.Lock == Mutex) {
        thread->LastMutex.Lock = NULL;
    }
    __atomic_store_n(&Mutex->Owner, NULL, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&Mutex->Count, 1, __ATOMIC_SEQ_CST) < 1) {
        KeSetEvent((PRKEVENT)&Mutex->Gate, 0, FALSE);
    }
}

VOID FASTCALL
KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    NT_ENTER(KeAcquireGuardedMutex);
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(Mutex);
}

VOID FASTCALL
KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    NT_ENTER(KeReleaseGuardedMutex);
    KeReleaseGuardedMutexUnsafe(Mutex);
    KeLeaveGuardedRegion();
}

BOOLEAN FASTCALL
KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    NT_ENTER(KeTryToAcquireGuardedMutex);
    LONG expected = 1;

    KeEnterGuardedRegion();
    if (!__atomic_compare_exchange_n(&Mutex->Count, &expected, 0, FALSE, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED)) {
        KeLeaveGuardedRegion();
        return FALSE;
    }
    __atomic_store_n(&Mutex->Owner, KiGetCurrentThread(), __ATOMIC_RELAXED);
    return TRUE;
}

#pragma GCC visibility pop
