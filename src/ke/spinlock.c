/* SPDX-License-Identifier: MIT
 *
 * ke/spinlock.c - spin locks, plain and queued
 *
 * The lock's word names its owner, so that taking it twice and releasing another's are found. A
 * thread that cannot have it spins a little, sets KI_LOCK_WAITERS and parks on the low 32 bits.
 *
 * Who takes a lock as a queued one stands in line instead, and is handed the lock by its owner: the
 * word goes from one thread to the next and is never free between them. The lines are in a table by
 * the lock's address, so that the word always names the owner, and a lock that is taken in both
 * ways, which drivers must not do, still works.
 *
 * Invariants  L1  KI_LOCK_WAITERS is set while a thread is parked on the word: a thread that has
 *                 parked once takes the lock with the flag, as it cannot know if it was the last.
 *             L2  KI_LOCK_QUEUED is set iff a thread stands in line for the lock, whenever the
 *                 line's lock is free. Only the owner clears it, and only with a hand-over.
 * Locks       KI_LOCK_QUEUE.Lock (rank 90) guards the lines of the locks with that hash
 */
#include <stdio.h>

#include "ke/ki.h"

#define KI_LOCK_SPINS 100

#define KI_TEXT 400
#define KI_VERIFIER_DEADLOCK 0x1001
#define KI_DEADLOCK_THREADS 8
#define KI_LOCK_QUEUES 64 /* lines are in so many lists */

/* A thread in line, on its own stack until it is handed the lock. */
typedef struct KI_LOCK_WAITER {
    struct KI_LOCK_WAITER *Next; /* behind it, maybe for another lock */
    const ULONG_PTR *Word;
    KTHREAD *Thread;
    uint32_t HandedOver; /* atomic; the thread parks here */
} KI_LOCK_WAITER;

typedef struct KI_LOCK_QUEUE {
    KSPIN_LOCK Lock; /* rank 90; does not raise the IRQL */
    KI_LOCK_WAITER *First;
    KI_LOCK_WAITER *Last;
} __attribute__((aligned(64))) KI_LOCK_QUEUE;

static KI_LOCK_QUEUE KiLockQueues[KI_LOCK_QUEUES];

static DECLSPEC_NORETURN VOID
KiBadLock(const ULONG_PTR *Word, ULONG_PTR Value, KTHREAD *Thread)
{
    char text[KI_TEXT];

    if ((Value & ~(KI_LOCK_WAITERS | KI_LOCK_QUEUED)) == ((ULONG_PTR)Thread | KI_LOCK_HELD)) {
        KiDescribeLockOwner(Word, Value, text, sizeof(text));
        KiBugCheckDetail(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)Word, (ULONG_PTR)Thread, 0, 0,
                         "The thread takes spin lock %p, which it holds already: it would wait for "
                         "itself for ever. Owner: %s. Release it first, or call the inner function "
                         "without the lock",
                         (const void *)Word, text);
    }
    KiDescribeObject(Word, text, sizeof(text));
    KiBugCheckDetail(SPIN_LOCK_INIT_FAILURE, (ULONG_PTR)Word, Value, 0, 0,
                     "%p is not a spin lock: its value 0x%llx names no thread. There lies %s. Call "
                     "KeInitializeSpinLock before the first use, and keep the lock in memory that "
                     "stays",
                     (const void *)Word, (unsigned long long)Value, text);
}

/* The thread that a lock word names; NULL if the word is free or no lock's. */
static KTHREAD *
KiLockOwner(ULONG_PTR Value)
{
    KTHREAD *owner = (KTHREAD *)(Value & ~KI_LOCK_FLAGS);

    return (Value & KI_LOCK_HELD) != 0 && KiIsThread(owner) ? owner : NULL;
}

/* Whom the owner of the lock waits for itself: the next lock and its word, or FALSE. */
static BOOLEAN
KiNextWanted(KTHREAD *Owner, const ULONG_PTR **Word, ULONG_PTR *Value)
{
    uintptr_t fault;

    return HalpCopyMemory(Word, &Owner->WantedLock, sizeof(*Word), &fault) == HALP_OK &&
           *Word != NULL && HalpCopyMemory(Value, *Word, sizeof(*Value), &fault) == HALP_OK;
}

/* One walk from the lock's owner along locks and owners; TRUE if it comes back to Thread. */
static BOOLEAN
KiWalkOwners(KTHREAD *Thread, const ULONG_PTR *Word, char *Text, SIZE_T Size)
{
    ULONG_PTR value = __atomic_load_n(Word, __ATOMIC_SEQ_CST);
    char owner[KI_TEXT];
    SIZE_T used = 0;

    for (ULONG hop = 0; hop < KI_DEADLOCK_THREADS; hop++) {
        KTHREAD *next = KiLockOwner(value);

        if (next == NULL || next == Thread) {
            return next == Thread && hop != 0;
        }
        if (Text != NULL && used < Size) {
            KiDescribeLockOwner(Word, value, owner, sizeof(owner));
            used += (SIZE_T)snprintf(Text + used, Size - used, "; spin lock %p is held by %s",
                                     (const void *)Word, owner);
        }
        if (!KiNextWanted(next, &Word, &value)) {
            return FALSE;
        }
    }
    return FALSE;
}

/*
 * Thread is about to park for a lock. If that closes a circle, none of its threads ever goes on.
 * What a walk sees may be out of date, but a thread that waits for a lock of Thread's stands still,
 * so each further walk makes one more link certain.
 */
static VOID
KiCheckDeadlock(KTHREAD *Thread, const ULONG_PTR *Word)
{
    static char text[KI_DEADLOCK_THREADS * KI_TEXT]; /* one bugcheck a process */
    char mine[KI_TEXT];

    if (Thread->SpinLocks == 0) {
        return;
    }
    for (ULONG walk = 0; walk < KI_DEADLOCK_THREADS; walk++) {
        if (!KiWalkOwners(Thread, Word, NULL, 0)) {
            return;
        }
    }
    text[0] = '\0';
    KiWalkOwners(Thread, Word, text, sizeof(text));
    KiDescribeHeld(Thread, mine, sizeof(mine));
    KiBugCheckDetail(DRIVER_VERIFIER_DETECTED_VIOLATION, KI_VERIFIER_DEADLOCK, (ULONG_PTR)Word,
                     (ULONG_PTR)Thread, 0,
                     "Deadlock: this thread waits for spin lock %p and holds %s%s. Each waits for "
                     "the next one, for ever. Take these locks in the same order everywhere",
                     (const void *)Word, mine, text);
}

/* The word stays the same and names no thread: it is no lock. */
static VOID
KiCheckLockWord(const ULONG_PTR *Word, ULONG_PTR Value, KTHREAD *Thread)
{
    if (KiLockOwner(Value) == NULL && __atomic_load_n(Word, __ATOMIC_SEQ_CST) == Value) {
        KiBadLock(Word, Value, Thread);
    }
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
        if ((value & KI_LOCK_HELD) == 0 || (value & ~KI_LOCK_FLAGS) == (ULONG_PTR)Thread) {
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
    __atomic_store_n(&Thread->WantedLock, Word, __ATOMIC_SEQ_CST);
    for (;;) {
        ULONG_PTR value = __atomic_load_n(Word, __ATOMIC_RELAXED);
        if (value == 0) {
            if (__atomic_compare_exchange_n(Word, &value, mine, FALSE, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED)) {
                __atomic_store_n(&Thread->WantedLock, NULL, __ATOMIC_RELAXED);
                return;
            }
            continue;
        }
        KiCheckLockWord(Word, value, Thread);
        KiCheckDeadlock(Thread, Word);
        if ((value & KI_LOCK_WAITERS) == 0 &&
            !__atomic_compare_exchange_n(Word, &value, value | KI_LOCK_WAITERS, FALSE,
                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            continue;
        }
        KI_SCHEDULING_POINT();
        HalpWaitAddress((const uint32_t *)Word, (uint32_t)(value | KI_LOCK_WAITERS), HALP_NEVER);
    }
}

static DECLSPEC_NORETURN VOID
KiReportNotOwned(const ULONG_PTR *Word, KTHREAD *Thread)
{
    ULONG_PTR value = __atomic_load_n(Word, __ATOMIC_RELAXED);
    char owner[KI_TEXT];

    KiDescribeLockOwner(Word, value, owner, sizeof(owner));
    KiBugCheckDetail(SPIN_LOCK_NOT_OWNED, (ULONG_PTR)Word, (ULONG_PTR)Thread, value & ~(ULONG_PTR)7,
                     0, "The thread releases spin lock %p, which it does not hold. Owner: %s",
                     (const void *)Word,
                     value == 0         ? "none: it was released before, or never taken"
                     : owner[0] == '\0' ? "none: the word is no spin lock's"
                                        : owner);
}

/* ---- lines for queued locks ---- */

static inline KI_LOCK_QUEUE *
KiLockQueue(const ULONG_PTR *Word)
{
    return &KiLockQueues[((ULONG_PTR)Word * 0x9E3779B97F4A7C15ull >> 32) % KI_LOCK_QUEUES];
}

/* The first in line for the lock, and whether others are behind it. The queue is locked. */
static KI_LOCK_WAITER *
KiTakeFirstInLine(KI_LOCK_QUEUE *Queue, const ULONG_PTR *Word, BOOLEAN *More)
{
    KI_LOCK_WAITER **link = &Queue->First;
    KI_LOCK_WAITER *before = NULL;
    KI_LOCK_WAITER *waiter;

    while (*link != NULL && (*link)->Word != Word) {
        before = *link;
        link = &before->Next;
    }
    waiter = *link;
    if (waiter == NULL) {
        return NULL;
    }
    *link = waiter->Next;
    if (Queue->Last == waiter) {
        Queue->Last = before;
    }
    *More = FALSE;
    for (before = *link; before != NULL && !*More; before = before->Next) {
        *More = before->Word == Word;
    }
    return waiter;
}

/* L2: the lock of Thread, who releases it, becomes that of the first in line. */
static VOID
KiHandOver(ULONG_PTR *Word, KTHREAD *Thread)
{
    KI_LOCK_QUEUE *queue = KiLockQueue(Word);
    KI_LOCK_WAITER *waiter;
    ULONG_PTR value;
    BOOLEAN more;

    KiAcquireLockWord(&queue->Lock, Thread);
    waiter = KiTakeFirstInLine(queue, Word, &more);
    NT_ASSERT_INTERNAL(waiter != NULL);
    /* Only KI_LOCK_WAITERS can be set meanwhile: KI_LOCK_QUEUED is set under the queue's lock. */
    value = __atomic_load_n(Word, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(Word, &value,
                                        (ULONG_PTR)waiter->Thread | KI_LOCK_HELD |
                                            (value & KI_LOCK_WAITERS) | (more ? KI_LOCK_QUEUED : 0),
                                        FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    }
    KiReleaseLockWord(&queue->Lock, Thread);
    /* From here on the waiter, and its stack, may be gone; only the address is used. */
    __atomic_store_n(&waiter->HandedOver, 1, __ATOMIC_RELEASE);
    HalpWakeAddress(&waiter->HandedOver, 1);
}

/* Puts Waiter at the end of the line; FALSE: the lock was free and is the thread's now. */
static BOOLEAN
KiJoinLine(ULONG_PTR *Word, KI_LOCK_WAITER *Waiter)
{
    KI_LOCK_QUEUE *queue = KiLockQueue(Word);
    ULONG_PTR mine = (ULONG_PTR)Waiter->Thread | KI_LOCK_HELD;
    ULONG_PTR value;
    BOOLEAN joined;

    KiAcquireLockWord(&queue->Lock, Waiter->Thread);
    value = __atomic_load_n(Word, __ATOMIC_RELAXED);
    do {
        joined = value != 0;
    } while (!__atomic_compare_exchange_n(Word, &value, joined ? value | KI_LOCK_QUEUED : mine,
                                          FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    if (joined) {
        *(queue->First == NULL ? &queue->First : &queue->Last->Next) = Waiter;
        queue->Last = Waiter;
    }
    KiReleaseLockWord(&queue->Lock, Waiter->Thread);
    return joined;
}

/* The lock, which was not free a moment ago, as a queued one. */
static __attribute__((noinline)) VOID
KiAcquireInLine(ULONG_PTR *Word, KTHREAD *Thread)
{
    KI_LOCK_WAITER waiter = {.Word = Word, .Thread = Thread};
    ULONG_PTR value = __atomic_load_n(Word, __ATOMIC_SEQ_CST);

    if (value != 0 && (value & ~KI_LOCK_FLAGS) == (ULONG_PTR)Thread) {
        KiBadLock(Word, value, Thread);
    }
    if (value != 0) {
        KiCheckLockWord(Word, value, Thread);
    }
    if (!KiJoinLine(Word, &waiter)) {
        return;
    }
    /* Not before: who holds the queue's lock waits for nothing, as others may find out. */
    __atomic_store_n(&Thread->WantedLock, Word, __ATOMIC_SEQ_CST);
    KiCheckDeadlock(Thread, Word);
    for (ULONG spin = 0; spin < KiSpins(KI_LOCK_SPINS) &&
                         __atomic_load_n(&waiter.HandedOver, __ATOMIC_ACQUIRE) == 0;
         spin++) {
        HalpPause();
    }
    while (__atomic_load_n(&waiter.HandedOver, __ATOMIC_ACQUIRE) == 0) {
        HalpWaitAddress(&waiter.HandedOver, 0, HALP_NEVER);
    }
    __atomic_store_n(&Thread->WantedLock, NULL, __ATOMIC_RELAXED);
}

VOID
KiReleaseLockSlow(ULONG_PTR *Word, KTHREAD *Thread)
{
    ULONG_PTR value;

    if (!KiOwnsLockWord(Word, Thread)) {
        KiReportNotOwned(Word, Thread);
    }
    value = __atomic_load_n(Word, __ATOMIC_RELAXED);
    do {
        if ((value & KI_LOCK_QUEUED) != 0) {
            KiHandOver(Word, Thread);
            return;
        }
    } while (
        !__atomic_compare_exchange_n(Word, &value, 0, FALSE, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if ((value & KI_LOCK_WAITERS) != 0) {
        HalpWakeAddress((const uint32_t *)Word, 1);
    }
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

/* For reports. Only the first few are kept. */
static inline VOID
KiNoteLock(KTHREAD *Thread, const ULONG_PTR *Word, ULONG_PTR Caller)
{
    ULONG index = Thread->SpinLocks++;

    if (__builtin_expect(index < KI_HELD_LOCKS, 1)) {
        Thread->HeldLocks[index].Lock = Word;
        Thread->HeldLocks[index].Caller = Caller;
    }
}

/* The lock is not the one taken last: those taken after it move up. */
static __attribute__((noinline)) VOID
KiForgetLockSlow(KTHREAD *Thread, const ULONG_PTR *Word)
{
    ULONG count = Thread->SpinLocks < KI_HELD_LOCKS ? Thread->SpinLocks + 1 : KI_HELD_LOCKS;
    ULONG index = 0;

    while (index < count && Thread->HeldLocks[index].Lock != Word) {
        index++;
    }
    for (; index + 1 < count; index++) {
        Thread->HeldLocks[index] = Thread->HeldLocks[index + 1];
    }
}

static inline VOID
KiForgetLock(KTHREAD *Thread, const ULONG_PTR *Word)
{
    ULONG index = --Thread->SpinLocks;

    if (__builtin_expect(index >= KI_HELD_LOCKS || Thread->HeldLocks[index].Lock != Word, 0)) {
        KiForgetLockSlow(Thread, Word);
    }
}

static inline VOID
KiAcquireAtDispatch(KTHREAD *Thread, PKSPIN_LOCK SpinLock, ULONG_PTR Caller)
{
    KiCheckAtDispatch(Thread, SpinLock, KI_ACQUIRE_AT_DPC_BELOW_DISPATCH, Caller);
    KiAcquireLockWord(SpinLock, Thread);
    KiNoteLock(Thread, SpinLock, Caller);
}

static inline VOID
KiAcquireQueuedAtDispatch(KTHREAD *Thread, PKSPIN_LOCK SpinLock, ULONG_PTR Caller)
{
    KiCheckAtDispatch(Thread, SpinLock, KI_ACQUIRE_AT_DPC_BELOW_DISPATCH, Caller);
    KI_SCHEDULING_POINT();
    if (__builtin_expect(!KiTryLockWord(SpinLock, Thread), 0)) {
        KiAcquireInLine(SpinLock, Thread);
    }
    KiNoteLock(Thread, SpinLock, Caller);
}

static inline VOID
KiReleaseAtDispatch(KTHREAD *Thread, PKSPIN_LOCK SpinLock, ULONG_PTR Caller)
{
    KiCheckAtDispatch(Thread, SpinLock, KI_RELEASE_BELOW_DISPATCH, Caller);
    KiReleaseLockWord(SpinLock, Thread);
    KiForgetLock(Thread, SpinLock);
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

static inline KIRQL
KiAcquireQueuedRaise(KTHREAD *Thread, PKSPIN_LOCK SpinLock, ULONG_PTR Caller)
{
    KIRQL old = Thread->Irql;

    if (old < DISPATCH_LEVEL) {
        KiEnterDispatch(Thread, DISPATCH_LEVEL);
    }
    KiAcquireQueuedAtDispatch(Thread, SpinLock, Caller);
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
    KiNoteLock(thread, SpinLock, NT_CALLER());
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
 * Waiters get the lock in the order in which they came.
 *
 * IRQL     <= DISPATCH_LEVEL
 * Differs  mixing with KeAcquireSpinLock is not detected: it works
 * Source   WDK reference, nf-wdm-keacquireinstackqueuedspinlock
 */
VOID FASTCALL
KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    NT_ENTER(KeAcquireInStackQueuedSpinLock);
    KiOpenHandle(LockHandle, SpinLock,
                 KiAcquireQueuedRaise(KiGetCurrentThread(), SpinLock, NT_CALLER()));
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
    KiAcquireQueuedAtDispatch(KiGetCurrentThread(), SpinLock, NT_CALLER());
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
    KiOpenHandle(LockHandle, SpinLock,
                 KiAcquireQueuedRaise(KiGetCurrentThread(), SpinLock, NT_CALLER()));
}

VOID FASTCALL
KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    NT_ENTER(KeReleaseInStackQueuedSpinLockForDpc);
    KiReleaseLower(KiGetCurrentThread(), LockHandle->LockQueue.Lock, LockHandle->OldIrql,
                   NT_CALLER());
}

#pragma GCC visibility pop
