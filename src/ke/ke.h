/* SPDX-License-Identifier: MIT
 *
 * ke/ke.h - what the rest of the executive asks of the kernel proper, beyond the WDK
 */
#pragma once

#include <bugcodes.h>
#include "nt.h"

/* Bugcheck codes that the package's bugcodes.h lacks. */
#ifndef TIMER_OR_DPC_INVALID
#define TIMER_OR_DPC_INVALID ((ULONG)0xC7)
#endif
#ifndef MUTEX_ALREADY_OWNED
#define MUTEX_ALREADY_OWNED ((ULONG)0xBF)
#endif
#ifndef DRIVER_VERIFIER_DETECTED_VIOLATION
#define DRIVER_VERIFIER_DETECTED_VIOLATION ((ULONG)0xC4)
#endif
#ifndef DRIVER_VIOLATION
#define DRIVER_VIOLATION ((ULONG)0x121)
#endif

/* DISPATCHER_HEADER.Type and the Type of other kernel objects, with NT's values. */
typedef enum _KOBJECTS {
    EventNotificationObject = 0,
    EventSynchronizationObject = 1,
    MutantObject = 2,
    ProcessObject = 3,
    QueueObject = 4,
    SemaphoreObject = 5,
    ThreadObject = 6,
    GateObject = 7,
    TimerNotificationObject = 8,
    TimerSynchronizationObject = 9,
    ApcObject = 18,
    DpcObject = 19,
    DeviceQueueObject = 20,
    ThreadedDpcObject = 24
} KOBJECTS;

/*
 * Whether a dispatcher object was ever initialised: FALSE for zeroed memory. A look without the
 * lock, which is enough: the head of an initialised list is never NULL again.
 */
__attribute__((no_sanitize("thread"))) static inline BOOLEAN
KiHasWaitList(const DISPATCHER_HEADER *Header)
{
    return *(LIST_ENTRY *const volatile *)&Header->WaitListHead.Flink != NULL;
}

/* ---- start ---- */

/* Processors: virtual processors, 1..64; 0: as many as the host has, at least 2. */
NTSTATUS KiInitializeSystem(ULONG Processors);
/* Stops the clock thread and the DPC threads. What timers are still armed never expires. */
VOID KiShutdownSystem(VOID);

/* ps registers how foreign threads get their objects: an upward call. */
typedef struct KI_THREAD_OPS {
    KTHREAD *(*Attach)(VOID);        /* make and return an ETHREAD for this host thread */
    VOID (*Detach)(KTHREAD *Thread); /* the host thread is ending */
} KI_THREAD_OPS;
VOID KiRegisterThreadOps(const KI_THREAD_OPS *Ops);
/* HALP_UPCALLS.ThreadExit: calls Detach for a thread that KiAttachHostThread made. */
void KiHostThreadExit(void *Context);
/*
 * ps tells the process of ke's own threads (clock, DPC). Their KTHREADs begin zeroed blocks of
 * KI_SYSTEM_THREAD_SIZE bytes, so that a DPC may read the current ETHREAD: it must fit.
 */
#define KI_SYSTEM_THREAD_SIZE 4096
VOID KiSetSystemProcess(KPROCESS *Process);
/*
 * mm registers ExRaiseStatus: some routines here are documented to raise. It does not return.
 * Without one a raise is KMODE_EXCEPTION_NOT_HANDLED.
 */
VOID KiRegisterRaise(VOID (*Raise)(NTSTATUS Status));

/* ---- threads ---- */

/*
 * Fills a KTHREAD; ps owns the memory. Process: the KPROCESS that it belongs to, or NULL; its
 * ThreadCount counts threads between this and KiTerminateThread.
 */
VOID KiInitializeThread(KTHREAD *Thread, KPROCESS *Process);
/* Makes Thread the calling host thread's (NULL: none). */
VOID KiSetCurrentThread(KTHREAD *Thread);
/*
 * The thread has ended: signals it, abandons its mutexes. Called on the thread itself, which must
 * be kept by a reference until KiSetCurrentThread(NULL).
 */
VOID KiTerminateThread(KTHREAD *Thread);

/* The process part that ke knows. EPROCESS begins with it. */
struct _KPROCESS {
    DISPATCHER_HEADER Header; /* signaled when the process has ended */
    LONG ThreadCount;
    struct MI_CLIENT *Client; /* mm: its memory, if it is a process of its own on the host */
};
VOID KiInitializeProcess(KPROCESS *Process);
VOID KiTerminateProcess(KPROCESS *Process);

/* ---- waiting, for components that keep dispatcher-like state (io: completion ports) ---- */

/*
 * KeWaitForSingleObject/MultipleObjects, KeSetEvent and friends of the WDK are the interface.
 * KeInitializeQueue/KeInsertQueue/KeRemoveQueue/KeRundownQueue carry completion ports.
 */

/*
 * A thread in an alertable wait returns STATUS_ALERTED, one in a user-mode wait STATUS_USER_APC.
 * Any other returns STATUS_ALERTED from its next alertable wait. TRUE: it was alerted already.
 */
BOOLEAN KiAlertThread(KTHREAD *Thread);
/*
 * The thread's process is ending: its wait in user mode, alertable or not, and each later one that
 * is not satisfied at once, returns STATUS_USER_APC, as on Windows. IRQL <= DISPATCH_LEVEL.
 */
VOID KiEndUserWaits(KTHREAD *Thread);

/* ---- kernel APCs; kernelapc.c: what the WDK leaves to drivers to declare ---- */

typedef enum _KAPC_ENVIRONMENT {
    OriginalApcEnvironment,
    AttachedApcEnvironment,
    CurrentApcEnvironment,
    InsertApcEnvironment
} KAPC_ENVIRONMENT;
VOID NTAPI KeInitializeApc(PKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment,
                           PKKERNEL_ROUTINE KernelRoutine, PKRUNDOWN_ROUTINE RundownRoutine,
                           PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE Mode,
                           PVOID NormalContext);
BOOLEAN NTAPI KeInsertQueueApc(PKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2,
                               KPRIORITY Increment);
BOOLEAN NTAPI KeRemoveQueueApc(PKAPC Apc);
/* Runs those of Thread, the current one, that nothing holds off; if KernelApcPending is set. */
VOID KiDeliverKernelApcs(KTHREAD *Thread);

/* ---- user APCs; apc.c ---- */

/*
 * KernelRoutine runs on the thread, at PASSIVE_LEVEL, before NormalRoutine is called in user mode;
 * RundownRoutine instead of both when the thread ends first. Either may free the APC.
 */
VOID KiInitializeUserApc(PKAPC Apc, KTHREAD *Thread, PKKERNEL_ROUTINE KernelRoutine,
                         PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine,
                         PVOID Context);
/*
 * Ends a user-mode alertable wait of the thread with STATUS_USER_APC. FALSE: the thread is ending,
 * or the APC is queued already. IRQL <= DISPATCH_LEVEL.
 */
BOOLEAN KiQueueUserApc(PKAPC Apc, PVOID Argument1, PVOID Argument2);
/*
 * Takes an initialised APC off its queue. FALSE: it is not queued; it may just be being delivered.
 * A wait that it ended has ended all the same. IRQL <= DISPATCH_LEVEL.
 */
BOOLEAN KiWithdrawUserApc(PKAPC Apc);
/* For NtTestAlert: user APCs are queued, and run on the way to user mode. The current thread's. */
BOOLEAN KiTestUserApcs(KTHREAD *Thread);
typedef struct KI_USER_CALL {
    PKNORMAL_ROUTINE Routine;
    PVOID Context;
    PVOID Argument1;
    PVOID Argument2;
} KI_USER_CALL;
/* For the gate, when UserApcPending is set: what to call next. FALSE: nothing is left. */
BOOLEAN KiTakeUserApc(KTHREAD *Thread, KI_USER_CALL *Call);
/* The thread is ending: nothing more is queued, what is there is run down. */
VOID KiRundownUserApcs(KTHREAD *Thread);

/* ---- processors and DPCs, for tests, bench and reports ---- */
ULONG KiProcessorCount(VOID);
KPRCB *KiProcessor(ULONG Number);
/* Runs the DPCs of this thread's processor; at DISPATCH_LEVEL. */
VOID KiRetireDpcList(KPRCB *Prcb);
/* KeSetTimerEx with the period, <= MAXLONG, in units of 100 ns. IRQL <= DISPATCH_LEVEL. */
BOOLEAN KiSetFineTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, PKDPC Dpc);
/* The timer is set and has not expired yet, or is periodic. IRQL <= DISPATCH_LEVEL. */
BOOLEAN KiIsTimerPending(const KTIMER *Timer);
/* Timers in the queue whose Dpc or KTIMER lies in [Base, Base+Size): the unload audit. */
ULONG KiCountTimersInRange(ULONG_PTR Base, SIZE_T Size);
ULONG KiCountDpcsInRange(ULONG_PTR Base, SIZE_T Size);

/* ---- objects in use; busy.c ---- */

/*
 * How many armed timers, queued DPCs and waited-for objects there are by page, hashed: a block
 * of memory on pages that count 0 can go without a closer look.
 */
#define KI_BUSY_SLOTS 4096u
extern LONG KiBusySlots[KI_BUSY_SLOTS]; /* atomic */

static inline LONG *
KiBusySlot(const VOID *Address)
{
    return &KiBusySlots[((ULONG_PTR)Address >> PAGE_SHIFT) % KI_BUSY_SLOTS];
}

static inline VOID
KiMarkBusy(const VOID *Object, LONG Delta)
{
    __atomic_fetch_add(KiBusySlot(Object), Delta, __ATOMIC_RELAXED);
}

static inline BOOLEAN
KiIsPageBusy(const VOID *Address)
{
    return __atomic_load_n(KiBusySlot(Address), __ATOMIC_RELAXED) != 0;
}

typedef enum KI_BUSY_KIND { KiBusyTimer, KiBusyDpc, KiBusyWait } KI_BUSY_KIND;
typedef struct KI_BUSY_OBJECT {
    KI_BUSY_KIND Kind;
    PVOID Object;
    ULONG_PTR Routine; /* of the DPC, or the timer's; 0: none */
    ULONG Thread;      /* KiBusyWait: the host's number of the thread that waits */
} KI_BUSY_OBJECT;
/* An object in the range, all of it readable, that the kernel still uses. IRQL <= DISPATCH_LEVEL.
 */
BOOLEAN KiFindBusyObject(ULONG_PTR Base, SIZE_T Size, KI_BUSY_OBJECT *Found);
/* An armed timer that lies there, or whose DPC or DPC routine does; the Skip first are passed. */
BOOLEAN KiFindTimerInRange(ULONG_PTR Base, SIZE_T Size, ULONG Skip, KI_BUSY_OBJECT *Found);
BOOLEAN KiFindDpcInRange(ULONG_PTR Base, SIZE_T Size, ULONG Skip, KI_BUSY_OBJECT *Found);
/* Words for it: "the armed timer 0x1 (DPC routine f (a.c:1))". */
VOID KiDescribeBusyObject(const KI_BUSY_OBJECT *Object, char *Buffer, SIZE_T Size);
/*
 * A routine of a driver has returned to a caller whose frame is at Frame: bugchecks if a timer is
 * armed in what was the routine's stack. To be called if Thread->StackTimers. What: who returned.
 */
VOID KiCheckStackTimers(KTHREAD *Thread, PVOID Frame, const char *What, ULONG_PTR Routine);

/* ---- what a thread holds, for reports ---- */
/* "spin lock 0x1 since f (a.c:1), 2 critical regions ..."; "" if nothing. The current thread's. */
VOID KiDescribeHeld(KTHREAD *Thread, char *Buffer, SIZE_T Size);

/* ---- bugcheck ---- */

/* Set before the report is written; the code is 0 while the system runs. */
extern ULONG KiBugCheckCode;
extern ULONG_PTR KiBugCheckParameters[4];
/* The same five numbers, where debuggers look for them. */
extern ULONG_PTR KiBugCheckData[5];
/* IRQL at which the bugcheck was called (callbacks run at HIGH_LEVEL). */
extern KIRQL KiBugCheckIrql;

/* kd registers the report writer; without one (early start) the code alone is printed. */
typedef VOID KI_BUGCHECK_REPORT(ULONG Code, const ULONG_PTR Parameters[4], const char *Detail);
VOID KiRegisterBugCheckReport(KI_BUGCHECK_REPORT *Report);
/*
 * KeBugCheckEx with one sentence for the reader: what happened and what to do next. Detail is a
 * printf format (host meaning, %s %u %lx %p).
 */
DECLSPEC_NORETURN VOID KiBugCheckDetail(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3,
                                        ULONG_PTR P4, const char *Detail, ...)
    __attribute__((format(printf, 6, 7)));
/* The stub of an export that ntbox does not implement ends here. */
DECLSPEC_NORETURN VOID KiUnimplementedExport(const char *Name);

/* ---- what the sdk's inline functions call ---- */
UCHAR KiReadCr8(VOID);
VOID KiWriteCr8(ULONG64 Irql);
ULONG64 KiReadGsQword(ULONG Offset);
/*
 * KfRaiseIrql and KeLowerIrql with their checks; the DDK's AMD64 inline functions are both a
 * write to CR8, which can only be told apart by its direction. KeLowerIrql and KfRaiseIrql are
 * exported under their own names as well.
 */
KIRQL KiRaiseIrql(KIRQL NewIrql);
VOID KiLowerIrql(KIRQL NewIrql);
