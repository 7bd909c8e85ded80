/* SPDX-License-Identifier: MIT
 *
 * ex/fastmutex.c - fast mutexes
 *
 * Invariants  F1  Count is 1 when free, else 0 or minus the number of waiters; who makes it smaller
 *                 waits for Event, who makes it larger sets Event if there was a waiter.
 *             F2  Owner is the owning thread from the end of acquire to the beginning of release.
 * Source      WDK reference, wdm.h ExAcquireFastMutex, ExAcquireFastMutexUnsafe; bug check 0xC4
 *             subcodes 0x33, 0x34, 0x39, 0x3A, 0x1000.
 */
#include "ex/expool.h"

#include <stdio.h>

#define EXP_BUGCHECK_VERIFIER 0xC4
#define EXP_C4_NOT_INITIALISED 0x1002

static DECLSPEC_NORETURN __attribute__((noinline)) VOID
ExpReportFastMutex(ULONG SubCode, PFAST_MUTEX FastMutex, const char *Text)
{
    KTHREAD *thread = KiGetCurrentThread();
    KTHREAD *owner = (KTHREAD *)FastMutex->Owner;
    ULONG number = owner != NULL ? ExpThreadNumber(owner) : 0;
    char where[400];

    if (number == 0) {
        snprintf(where, sizeof(where), "%s", "nobody");
    } else if (owner == thread && thread->LastMutex.Lock == FastMutex) {
        char code[300];
        ExpNameCode(thread->LastMutex.Caller, code, sizeof(code));
        snprintf(where, sizeof(where), "this thread, since %s", code);
    } else {
        snprintf(where, sizeof(where), "thread %u", (unsigned)number);
    }
    if (SubCode >= 0x1000) {
        /* The deadlock detection's parameters. */
        KiBugCheckDetail(EXP_BUGCHECK_VERIFIER, SubCode, (ULONG_PTR)FastMutex, (ULONG_PTR)thread,
                         (ULONG_PTR)owner, "%s. Owner of %p: %s", Text, (void *)FastMutex, where);
    }
    KiBugCheckDetail(EXP_BUGCHECK_VERIFIER, SubCode, thread->Irql, (ULONG_PTR)FastMutex, 0,
                     "%s. The IRQL is %u. Owner of %p: %s", Text, thread->Irql, (void *)FastMutex,
                     where);
}

/* The mutex is not free: is it one? */
static __attribute__((noinline)) VOID
ExpWaitForFastMutex(PFAST_MUTEX FastMutex)
{
    if (!KiHasWaitList(&FastMutex->Event.Header) ||
        FastMutex->Event.Header.Type > SynchronizationEvent) {
        ExpReportFastMutex(EXP_C4_NOT_INITIALISED, FastMutex,
                           "What is acquired is no initialised fast mutex: call "
                           "ExInitializeFastMutex before the first use");
    }
    __atomic_add_fetch(&FastMutex->Contention, 1, __ATOMIC_RELAXED);
    KeWaitForSingleObject(&FastMutex->Event, WrFastMutex, KernelMode, FALSE, NULL);
}

static inline VOID
ExpOwnFastMutex(PFAST_MUTEX FastMutex, KTHREAD *Thread, ULONG_PTR Caller)
{
    __atomic_store_n(&FastMutex->Owner, Thread, __ATOMIC_RELAXED);
    Thread->LastMutex.Lock = FastMutex;
    Thread->LastMutex.Caller = Caller;
}

static inline VOID
ExpAcquireFastMutex(PFAST_MUTEX FastMutex, KTHREAD *Thread, ULONG_PTR Caller)
{
    if (__builtin_expect(__atomic_load_n(&FastMutex->Owner, __ATOMIC_RELAXED) == Thread, 0)) {
        ExpReportFastMutex(0x1000, FastMutex,
                           "The thread acquires a fast mutex that it owns: it would wait for ever. "
                           "Fast mutexes cannot be taken twice: release it first");
    }
    if (__atomic_sub_fetch(&FastMutex->Count, 1, __ATOMIC_ACQUIRE) != 0) {
        ExpWaitForFastMutex(FastMutex);
    }
    ExpOwnFastMutex(FastMutex, Thread, Caller);
}

static inline VOID
ExpReleaseFastMutex(PFAST_MUTEX FastMutex, KTHREAD *Thread)
{
    if (__builtin_expect(FastMutex->Owner != Thread, 0)) {
        ExpReportFastMutex(0x34, FastMutex,
                           "A fast mutex is released by a thread that does not own it: released "
                           "twice, never acquired, or acquired by another thread");
    }
    if (Thread->LastMutex.Lock == FastMutex) {
        Thread->LastMutex.Lock = NULL;
    }
    __atomic_store_n(&FastMutex->Owner, NULL, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&FastMutex->Count, 1, __ATOMIC_RELEASE) <= 0) {
        KeSetEvent(&FastMutex->Event, 1, FALSE);
    }
}

#pragma GCC visibility push(default)

/* IRQL <= APC_LEVEL on entry; APC_LEVEL until the release. */
VOID FASTCALL
ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KTHREAD *thread = KiGetCurrentThread();
    KIRQL irql;

    if (__builtin_expect(thread->Irql > APC_LEVEL, 0)) {
        ExpReportFastMutex(0x33, FastMutex,
                           "A fast mutex is acquired above APC_LEVEL: use a spin lock there");
    }
    irql = KiRaiseIrql(APC_LEVEL);
    ExpAcquireFastMutex(FastMutex, thread, NT_CALLER());
    FastMutex->OldIrql = irql;
}

VOID FASTCALL
ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    KTHREAD *thread = KiGetCurrentThread();
    KIRQL irql = (KIRQL)FastMutex->OldIrql;

    if (__builtin_expect(thread->Irql != APC_LEVEL, 0)) {
        ExpReportFastMutex(0x34, FastMutex,
                           "A fast mutex is released, but not at APC_LEVEL: the IRQL was changed "
                           "while it was held, or it is released twice");
    }
    ExpReleaseFastMutex(FastMutex, thread);
    KiLowerIrql(irql);
}

BOOLEAN FASTCALL
ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KTHREAD *thread = KiGetCurrentThread();
    LONG count = 1;
    KIRQL irql;

    if (__builtin_expect(thread->Irql > APC_LEVEL, 0)) {
        ExpReportFastMutex(0x33, FastMutex,
                           "A fast mutex is acquired above APC_LEVEL: use a spin lock there");
    }
    irql = KiRaiseIrql(APC_LEVEL);
    if (!__atomic_compare_exchange_n(&FastMutex->Count, &count, 0, 0, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        KiLowerIrql(irql);
        return FALSE;
    }
    ExpOwnFastMutex(FastMutex, thread, NT_CALLER());
    FastMutex->OldIrql = irql;
    return TRUE;
}

/* At APC_LEVEL, or in a critical region. */
VOID FASTCALL
ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    KTHREAD *thread = KiGetCurrentThread();

    if (__builtin_expect(thread->Irql > APC_LEVEL ||
                             (thread->Irql < APC_LEVEL && thread->KernelApcDisable == 0 &&
                              thread->SpecialApcDisable == 0),
                         0)) {
        ExpReportFastMutex(0x39, FastMutex, "ExAcquireFastMutexUnsafe, but APCs are not disabled");
    }
    ExpAcquireFastMutex(FastMutex, thread, NT_CALLER());
}

VOID FASTCALL
ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    NT_ENTER(ExReleaseFastMutexUnsafe);
    ExpReleaseFastMutex(FastMutex, KiGetCurrentThread());
}

#pragma GCC visibility pop
