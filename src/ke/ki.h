/* SPDX-License-Identifier: MIT
 *
 * ke/ki.h - what the files of ke share: lock words, processors, the dispatcher, the clock
 *
 * Lock ranks, taken in rising order:
 *   60  KiDispatcherLock    dispatcher objects, waits, timers, queues; does not raise the IRQL
 *   70  KPRCB.DpcLock       one processor's DPC list; does not raise the IRQL
 *   80  KiBugCheckListLock  callback records
 *   90  KI_LOCK_QUEUE.Lock  who waits for queued spin locks (spinlock.c)
 * None is held across a call to a driver's routine.
 */
#pragma once

#include "ke/ke.h"

/* A point at which hal/sim may switch threads; nothing on a real host. */
extern BOOLEAN KiSimulated;
#define KI_SCHEDULING_POINT() (__builtin_expect(KiSimulated, 0) ? HalpYield() : (void)0)

/* How often to look again before parking. On hal/sim hardly ever: parking is what is to be tested.
 */
static inline ULONG
KiSpins(ULONG OnAHost)
{
    return KiSimulated ? 1 : OnAHost;
}

/* ---- lock words: 0 free, else owner's KTHREAD | KI_LOCK_HELD [| the two others] ---- */

#define KI_LOCK_HELD ((ULONG_PTR)1)
#define KI_LOCK_WAITERS ((ULONG_PTR)2) /* threads are parked on the word */
#define KI_LOCK_QUEUED ((ULONG_PTR)4)  /* threads wait in line */
#define KI_LOCK_FLAGS (KI_LOCK_HELD | KI_LOCK_WAITERS | KI_LOCK_QUEUED)

/* Spins, then parks. Bugchecks if Thread owns the word already, or it is no lock. */
VOID KiAcquireLockSlow(ULONG_PTR *Word, KTHREAD *Thread);
/* Hands the lock on or wakes a waiter, or bugchecks if Thread is not the owner. */
VOID KiReleaseLockSlow(ULONG_PTR *Word, KTHREAD *Thread);

static inline BOOLEAN
KiTryLockWord(ULONG_PTR *Word, KTHREAD *Thread)
{
    ULONG_PTR expected = 0;
    return __atomic_compare_exchange_n(Word, &expected, (ULONG_PTR)Thread | KI_LOCK_HELD, FALSE,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline VOID
KiAcquireLockWord(ULONG_PTR *Word, KTHREAD *Thread)
{
    KI_SCHEDULING_POINT();
    if (__builtin_expect(!KiTryLockWord(Word, Thread), 0)) {
        KiAcquireLockSlow(Word, Thread);
    }
}

static inline VOID
KiReleaseLockWord(ULONG_PTR *Word, KTHREAD *Thread)
{
    ULONG_PTR expected = (ULONG_PTR)Thread | KI_LOCK_HELD;
    if (__builtin_expect(!__atomic_compare_exchange_n(Word, &expected, 0, FALSE, __ATOMIC_RELEASE,
                                                      __ATOMIC_RELAXED),
                         0)) {
        KiReleaseLockSlow(Word, Thread);
    }
    KI_SCHEDULING_POINT();
}

static inline BOOLEAN
KiOwnsLockWord(const ULONG_PTR *Word, KTHREAD *Thread)
{
    ULONG_PTR waiters = KI_LOCK_WAITERS | KI_LOCK_QUEUED;
    return (__atomic_load_n(Word, __ATOMIC_RELAXED) & ~waiters) ==
           ((ULONG_PTR)Thread | KI_LOCK_HELD);
}

/* ---- words for reports; describe.c ---- */

/* Address may be a KTHREAD: readable, and of that type. */
BOOLEAN KiIsThread(const VOID *Address);
/* "Function (file.c:12)" for the return address of a call; as much of it as is known. */
VOID KiNameCaller(ULONG_PTR Address, char *Buffer, SIZE_T Size);
/* "thread 12, which took it in Function (file.c:12)" of a lock word's value; "" if not known. */
VOID KiDescribeLockOwner(const ULONG_PTR *Word, ULONG_PTR Value, char *Buffer, SIZE_T Size);
/* What lies there: "a KTIMER", "only zeroes: ...". Reads memory that may not be there. */
VOID KiDescribeObject(const VOID *Object, char *Buffer, SIZE_T Size);
/* Bugchecks: Object is no Wanted ("KEVENT"), or was not initialised by Initializer. */
DECLSPEC_NORETURN VOID KiReportWrongObject(ULONG Code, ULONG_PTR P1, ULONG_PTR P2,
                                           const VOID *Object, const char *Function,
                                           const char *Wanted, const char *Initializer);

/* ---- processors ---- */

#define KI_MAXIMUM_PROCESSORS 64

extern KPRCB KiProcessors[KI_MAXIMUM_PROCESSORS];
extern ULONG KiProcessorTotal;

/* Thread, below DISPATCH_LEVEL, takes a processor (waiting for one) and goes to NewIrql. */
VOID KiEnterDispatch(KTHREAD *Thread, KIRQL NewIrql);
/* The same for this processor only, if it is free. */
BOOLEAN KiTryEnterDispatchOn(KTHREAD *Thread, KPRCB *Prcb);
/* Thread, at DISPATCH_LEVEL or above, runs its processor's DPCs, gives it back, goes to NewIrql. */
VOID KiLeaveDispatch(KTHREAD *Thread, KIRQL NewIrql);

/* At DISPATCH_LEVEL or above, callable under KiDispatcherLock. FALSE: queued already. */
BOOLEAN KiQueueDpc(KTHREAD *Thread, PKDPC Dpc, PVOID Argument1, PVOID Argument2);

/* ---- the dispatcher ---- */

extern KSPIN_LOCK KiDispatcherLock; /* rank 60 */

VOID KiLockDispatcher(KTHREAD *Thread);
/* For the wait routines: the lock may be held already, by KeSetEvent(Wait = TRUE). */
VOID KiLockDispatcherForWait(KTHREAD *Thread);
/* Releases the lock, then wakes the threads that were made ready under it. */
VOID KiUnlockDispatcher(KTHREAD *Thread);
/* Ends a routine that had a Wait argument: unlocks, or leaves the lock to the wait to come. */
VOID KiUnlockDispatcherOrKeep(KTHREAD *Thread, BOOLEAN Wait);

/* SignalState is written under the lock, and read without it by KeReadStateXxx. */
static inline VOID
KiSetState(DISPATCHER_HEADER *Header, LONG State)
{
    __atomic_store_n(&Header->SignalState, State, __ATOMIC_RELEASE);
}

static inline LONG
KiReadState(const DISPATCHER_HEADER *Header)
{
    return __atomic_load_n(&Header->SignalState, __ATOMIC_ACQUIRE);
}

/* Bugchecks unless the header is one of an initialised dispatcher object. Lock held. */
VOID KiCheckDispatcherObject(const DISPATCHER_HEADER *Header, const char *Function);
/* Bugchecks unless Type is one of the two, and initialised. With or without the lock. */
VOID KiCheckType(const DISPATCHER_HEADER *Header, UCHAR First, UCHAR Second, const char *Function);
/* Satisfies waits on Header, which has just become signaled. Lock held. */
VOID KiTestWaiters(DISPATCHER_HEADER *Header);
/* Ends Thread's wait. Lock held. */
VOID KiUnwaitThread(KTHREAD *Thread, NTSTATUS Status);
/* Parks until KiUnwaitThread or the time-out; Locked at entry, unlocked at return. */
NTSTATUS KiBlockThread(KTHREAD *Thread, const LARGE_INTEGER *Timeout);
/* What may end a wait before it begins: STATUS_WAIT_1 stands for nothing. Lock held. */
NTSTATUS KiTestAlert(KTHREAD *Thread, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable);
/* Bugchecks if a wait with this time-out is not allowed now. */
VOID KiCheckWaitIrql(KTHREAD *Thread, const LARGE_INTEGER *Timeout, PVOID Object,
                     const char *Function);
/* The thread's mutexes become abandoned. Lock held. */
VOID KiAbandonMutants(KTHREAD *Thread);
/* Thread, which counts for Thread->Queue, stops or starts to run. Lock held. */
VOID KiQueueThreadBlocks(KTHREAD *Thread);
VOID KiQueueThreadRuns(KTHREAD *Thread);
VOID KiQueueThreadLeaves(KTHREAD *Thread);

/* ---- kernel APCs; kernelapc.c ---- */

/* Thread, the current one, may run one now, or soon: the lock is held, or it waits for it. */
BOOLEAN KiIsKernelApcDue(const KTHREAD *Thread);
/* The thread has ended: nothing more is queued, what is there is run down. */
VOID KiRundownKernelApcs(KTHREAD *Thread);

/* Where what held APCs off may just have ended. */
static inline VOID
KiCheckKernelApcs(KTHREAD *Thread)
{
    if (__builtin_expect(__atomic_load_n(&Thread->KernelApcPending, __ATOMIC_RELAXED), 0)) {
        KiDeliverKernelApcs(Thread);
    }
}

/* What is left of a time-out when a kernel APC has interrupted the wait; Rest: room for it. */
const LARGE_INTEGER *KiResumeTimeout(const KTHREAD *Thread, const LARGE_INTEGER *Timeout,
                                     LARGE_INTEGER *Rest);
/*
 * Begins each pass of a wait: takes the lock, and leaves it to deliver APCs that are due. A pass
 * that ends in STATUS_KERNEL_APC is followed by another one.
 */
VOID KiBeginWait(KTHREAD *Thread);

/* ---- time ---- */

#define KI_HUNDRED_NS 100
#define KI_TIME_INCREMENT 156250 /* 15.625 ms in 100 ns units, as on Windows without requests */

static inline ULONG64
KiInterruptTime(VOID)
{
    return HalpMonotonicTime() / KI_HUNDRED_NS;
}

/* HalpMonotonicTime at which a time-out (NT form) ends; HALP_NEVER for NULL. */
ULONG64 KiDeadline(const LARGE_INTEGER *Timeout);

/* Timer may be any memory: TRUE if it is a timer that is armed. KiDispatcherLock is held. */
BOOLEAN KiIsTimerArmed(const KTIMER *Timer);
/* The same for a queued DPC. Takes a DpcLock. */
BOOLEAN KiIsDpcQueued(KTHREAD *Thread, const KDPC *Dpc);

VOID KiStartClock(VOID);
VOID KiStopClock(VOID);
VOID KiStartDpcThreads(VOID);
VOID KiStopDpcThreads(VOID);

/* ---- threads of ke ---- */

typedef struct KI_SYSTEM_THREAD {
    union {
        KTHREAD Tcb;
        UCHAR Room[KI_SYSTEM_THREAD_SIZE];
    };
    VOID (*Routine)(PVOID Context);
    PVOID Context;
    HALP_THREAD *Host;
} KI_SYSTEM_THREAD;

VOID KiStartSystemThread(KI_SYSTEM_THREAD *Thread, const char *Name, VOID (*Routine)(PVOID),
                         PVOID Context);
VOID KiJoinSystemThread(KI_SYSTEM_THREAD *Thread);

/* Does not return. Without a registered routine: KMODE_EXCEPTION_NOT_HANDLED. */
DECLSPEC_NORETURN VOID KiRaiseStatus(NTSTATUS Status, const char *Function, ULONG_PTR Caller);
/* For rtl: RtlAssert. */
VOID KiDriverAssertFailed(const char *Assertion, const char *File, ULONG Line);
/* For rtl: a breakpoint that no debugger took. Raises it; does not return. */
VOID KiBreakpoint(const char *Function, ULONG_PTR Caller, ULONG Status);
/* Forgets an earlier bugcheck; for a system that starts again after an abort hook. */
VOID KiResetBugCheck(VOID);
