/* SPDX-License-Identifier: MIT
 *
 * ke/spinlock.c - spin locks, plain and queued
 *
 * The lock's word names its owner, so that taking it twice and releasing another's are found. A
 * thread that cannot have it spins a little, sets KI_LOCK_WAITERS and parks on the low 32 bits.
 *
 * Invariants  L1  KI_LOCK_WAITERS is set while a thread is parked on the word: a thread that has
 *                 parked once takes the lock with the flag, as it cannot know if it was the last.
 * Differs     a queued lock does not serve its waiters in order
 */
#include "ke/ki.h"

#define KI_LOCK_SPINS 100

static DECLSPEC_NORETURN VOID
KiBadLock(const ULONG_PTR *Word, ULONG_PTR Value, KTHREAD *Thread)
{
    if ((Value & ~KI_LOCK_WAITERS) == ((ULONG_PTR)Thread | KI_LOCK_HELD)) {
        KiBugCheckDetail(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)Word, (ULONG_PTR)Thread, 0, 0,
                         "The thread takes spin lock %p, which it holds already: it would wait for "
                         "itself for ever",
                         (const void *)Word);
    }
    KiBugCheckDetail(SPIN_LOCK_INIT_FAILURE, (ULONG_PTR)Word, Value, 0, 0,
                     "%p is not a spin lock (its value is 0x%llx): call KeInitializeSpinLock first",
                     (const void *)Word, (unsigned long long)Value);
}

static BOOLEAN
KiSpinForLock(ULONG_PTR *Word, KTHREAD *Thread)
{
    for (ULONG spin = 0; spin < KiSpins(KI_LOCK_SPINS); spin++) {
        ULONG_PTR value = __atomic_load_n(Word, __ATOMIC_RELAXED);
        if (value == 0) {
            if (KiTryLockWord(Word, Thread)) {
                return TRUE;
            }
            continue;
        }
        if ((value & KI_LOCK_HELD) == 0 || (value & ~KI_LOCK_WAITERS) == ((ULONG_PTR)Thread | 1)) {
            KiBadLock(Word, value, Thread);
        }
        HalpPause();
    }
    return FALSE;
}

VOID
KiAcquireLockSlow(ULONG_PTR *Word, KTHREAD *Thread)
{
    ULONG_PTR mine = (ULONG_PTR)Thread | KI_LOCK_HELD | KI_LOCK_WAITERS;

    if (KiSpinForLock(Word, Thread)) {
        return;
    }
    for (;;) {
        ULONG_PTR value = __atomic_load_n(Word, __ATOMIC_RELAXED);
        if (value == 0) {
            if (__atomic_compare_exchange_n(Word, &value, mine, FALSE, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED)) {
                return;
            }
            continue;
        }
        if ((value & KI_LOCK_WAITERS) == 0 &&
            !__atomic_compare_exchange_n(Word, &value, value | KI_LOCK_WAITERS, FALSE,
                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            continue;
        }
        KI_SCHEDULING_POINT();
        HalpWaitAddress((const uint32_t *)Word, (uint32_t)(value | KI_LOCK_WAITERS), HALP_NEVER);
    }
}

VOID
KiReleaseLockSlow(ULONG_PTR *Word, KTHREAD *Thread)
{
    if (!KiOwnsLockWord(Word, Thread)) {
        KiBugCheckDetail(SPIN_LOCK_NOT_OWNED, (ULONG_PTR)Word, (ULONG_PTR)Thread,
                         __atomic_load_n(Word, __ATOMIC_RELAXED) & ~(ULONG_PTR)7, 0,
                         "The thread releases spin lock %p, which it does not hold",
                         (const void *)Word);
    }
    /* The owner alone clears the word, so the flag is the only change that can race with this. */
    __atomic_store_n(Word, 0, __ATOMIC_RELEASE);
    HalpWakeAddress((const uint32_t *)Word, 1);
}

static VOID
KiCheckAtDispatch(KTHREAD *Thread, const ULONG_PTR *Word, ULONG SubCode, ULONG_PTR Caller)
{
    if (__builtin_expect(Thread->Irql < DISPATCH_LEVEL, 0)) {
        KiBugCheckDetail(DRIVER_VERIFIER_DETECTED_VIOLATION, SubCode, Thread->Irql, (ULONG_PTR)Word,
                         Caller,
                         "Spin lock %p is taken or released at IRQL %u, below DISPATCH_LEVEL",
                         (const void *)Word, Thread->Irql);
    }
}

#define KI_ACQUIRE_AT_DPC_BELOW_DISPATCH 0x40
#define KI_RELEASE_BELOW_DISPATCH 0x32

static inline VOID
KiAcquireAtDispatch(KTHREAD *Thread, PKSPIN_LOCK SpinLock, ULONG_PTR Caller)
{
    KiCheckAtDispatch(Thread, SpinLock, KI_ACQUIRE_AT_DPC_BELOW_DISPATCH, Caller);
    KiAcquireLockWord(SpinLock, Thread);
    Thread->SpinLocks++;
}

static inline VOID
KiReleaseAtDispatch(KTHREAD *Thread, PKSPIN_LOCK SpinLock, ULONG_PTR Caller)
{
    KiCheckAtDispatch(Thread, SpinLock, KI_RELEASE_BELOW_DISPATCH, Caller);
    KiReleaseLockWord(SpinLock, Thread);
    Thread->SpinLocks--;
}

/* The caller's NT_ENTER has seen that the IRQL is <= DISPATCH_LEVEL. */
static inline KIRQL
KiAcquireRaise(KTHREAD *Thread, PKSPIN_LOCK SpinLock, ULONG_PTR Caller)
{
    KIRQL old = Thread->Irql;

    if (old < DISPATCH_LEVEL) {
        KiEnterDispatch(Thread, DISPATCH_LEVEL);
    }
    KiAcquireAtDispatch(Thread, SpinLock, Caller);
    return old;
}

static inline VOID
KiReleaseLower(KTHREAD *Thread, PKSPIN_LOCK SpinLock, KIRQL NewIrql, ULONG_PTR Caller)
{
    KiReleaseAtDispatch(Thread, SpinLock, Caller);
    if (NewIrql < DISPATCH_LEVEL) {
        KiLeaveDispatch(Thread, NewIrql);
    } else {
        KiLowerIrql(NewIrql);
    }
}

#pragma GCC visibility push(default)

/*
 * KeAcquireSpinLockRaiseToDpc - raise to DISPATCH_LEVEL and take the lock; returns the old IRQL
 *
 * Errors   SPIN_LOCK_ALREADY_OWNED if this thread holds it; SPIN_LOCK_INIT_FAILURE if it is none.
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-keacquirespinlock
 */
KIRQL NTAPI
KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    NT_ENTER(KeAcquireSpinLockRaiseToDpc);
    return KiAcquireRaise(KiGetCurrentThread(), SpinLock, NT_CALLER());
}

/* Errors: SPIN_LOCK_NOT_OWNED if another thread, or none, holds it. IRQL DISPATCH_LEVEL. */
VOID NTAPI
KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    NT_ENTER(KeReleaseSpinLock);
    KiReleaseLower(KiGetCurrentThread(), SpinLock, NewIrql, NT_CALLER());
}

/* Takes the lock. IRQL >= DISPATCH_LEVEL, else DRIVER_VERIFIER_DETECTED_VIOLATION 0x40. */
VOID NTAPI
KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    KiAcquireAtDispatch(KiGetCurrentThread(), SpinLock, NT_CALLER());
}

VOID NTAPI
KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    KiReleaseAtDispatch(KiGetCurrentThread(), SpinLock, NT_CALLER());
}

/* TRUE: taken. A lock that this thread holds is just not free. IRQL >= DISPATCH_LEVEL. */
BOOLEAN FASTCALL
KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    KTHREAD *thread = KiGetCurrentThread();

    KiCheckAtDispatch(thread, SpinLock, KI_ACQUIRE_AT_DPC_BELOW_DISPATCH, NT_CALLER());
    KI_SCHEDULING_POINT();
    if (!KiTryLockWord(SpinLock, thread)) {
        return FALSE;
    }
    thread->SpinLocks++;
    return TRUE;
}

/* TRUE if the lock is free at this moment. Any IRQL. */
BOOLEAN FASTCALL
KeTestSpinLock(PKSPIN_LOCK SpinLock)
{
    return __atomic_load_n(SpinLock, __ATOMIC_ACQUIRE) == 0;
}

/*
 * KeAcquireSpinLockForDpc - for a DPC routine that may run as a threaded DPC
 *
 * Returns  the IRQL for KeReleaseSpinLockForDpc. Threaded DPCs run at DISPATCH_LEVEL here, as on
 *          a Windows system where they are switched off.
 */
KIRQL FASTCALL
KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    NT_ENTER(KeAcquireSpinLockForDpc);
    return KiAcquireRaise(KiGetCurrentThread(), SpinLock, NT_CALLER());
}

VOID FASTCALL
KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    NT_ENTER(KeReleaseSpinLockForDpc);
    KiReleaseLower(KiGetCurrentThread(), SpinLock, OldIrql, NT_CALLER());
}

static inline VOID
KiOpenHandle(PKLOCK_QUEUE_HANDLE Handle, PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    Handle->LockQueue.Next = NULL;
    Handle->LockQueue.Lock = SpinLock;
    Handle->OldIrql = OldIrql;
}

/*
 * KeAcquireInStackQueuedSpinLock - take a lock with a handle on the caller's stack
 *
 * IRQL     <= DISPATCH_LEVEL
 * Differs  waiters are not served in order; mixing with KeAcquireSpinLock is not detected
 */
VOID FASTCALL
KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    NT_ENTER(KeAcquireInStackQueuedSpinLock);
    KiOpenHandle(LockHandle, SpinLock, KiAcquireRaise(KiGetCurrentThread(), SpinLock, NT_CALLER()));
}

VOID FASTCALL
KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    NT_ENTER(KeReleaseInStackQueuedSpinLock);
    KiReleaseLower(KiGetCurrentThread(), LockHandle->LockQueue.Lock, LockHandle->OldIrql,
                   NT_CALLER());
}

VOID FASTCALL
KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    KiAcquireAtDispatch(KiGetCurrentThread(), SpinLock, NT_CALLER());
    KiOpenHandle(LockHandle, SpinLock, DISPATCH_LEVEL);
}

VOID FASTCALL
KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    KiReleaseAtDispatch(KiGetCurrentThread(), LockHandle->LockQueue.Lock, NT_CALLER());
}

VOID FASTCALL
KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    NT_ENTER(KeAcquireInStackQueuedSpinLockForDpc);
    KiOpenHandle(LockHandle, SpinLock, KiAcquireRaise(KiGetCurrentThread(), SpinLock, NT_CALLER()));
}

VOID FASTCALL
KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    NT_ENTER(KeReleaseInStackQueuedSpinLockForDpc);
    KiReleaseLower(KiGetCurrentThread(), LockHandle->LockQueue.Lock, LockHandle->OldIrql,
                   NT_CALLER());
}

#pragma GCC visibility pop
