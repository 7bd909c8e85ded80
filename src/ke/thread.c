/* SPDX-License-Identifier: MIT
 *
 * ke/thread.c - the kernel's part of a thread, and ke's own threads; start and end of ke
 *
 * Locks  KiDispatcherLock for a thread's signal state and its mutexes
 */
#include "ke/ki.h"
#include "rtl/rtl.h"

#include <ntbox/eh.h>

_Thread_local KTHREAD *KiCurrentThreadPointer __attribute__((tls_model("initial-exec")));

static const KI_THREAD_OPS *KiThreadOps; /* atomic */
static VOID (*KiRaiseRoutine)(NTSTATUS); /* atomic */
static KPROCESS *KiSystemProcess;        /* atomic */
/* The thread that starts the system, until ps gives it a better one. */
static KI_SYSTEM_THREAD KiBootThread;

/* Every KI_SYSTEM_THREAD that runs, for KiSetSystemProcess. */
#define KI_SYSTEM_THREADS (KI_MAXIMUM_PROCESSORS + 1)
static KI_SYSTEM_THREAD *KiSystemThreads[KI_SYSTEM_THREADS];
static ULONG KiSystemThreadCount;

VOID
KiRegisterThreadOps(const KI_THREAD_OPS *Ops)
{
    __atomic_store_n(&KiThreadOps, Ops, __ATOMIC_RELEASE);
}

VOID
KiRegisterRaise(VOID (*Raise)(NTSTATUS Status))
{
    __atomic_store_n(&KiRaiseRoutine, Raise, __ATOMIC_RELEASE);
}

VOID
KiRaiseStatus(NTSTATUS Status, const char *Function, ULONG_PTR Caller)
{
    VOID (*raise)(NTSTATUS) = __atomic_load_n(&KiRaiseRoutine, __ATOMIC_ACQUIRE);

    if (raise != NULL) {
        raise(Status);
    }
    KiBugCheckDetail(KMODE_EXCEPTION_NOT_HANDLED, (ULONG)Status, Caller, 0, 0,
                     "%s raised status 0x%08x, and nothing handles it", Function, (unsigned)Status);
}

VOID
KiBreakpoint(const char *Function, ULONG_PTR Caller, ULONG Status)
{
    NtcrtRaise((uint32_t)STATUS_BREAKPOINT, 0, (PVOID)Caller, 0, NULL);
    KiBugCheckDetail(KMODE_EXCEPTION_NOT_HANDLED, (ULONG)STATUS_BREAKPOINT, Caller, Status, 0,
                     "%s was called, no debugger is attached to the process, and no __try block "
                     "takes the exception. Run the program under gdb to stop here",
                     Function);
}

KTHREAD *
KiAttachHostThread(VOID)
{
    const KI_THREAD_OPS *ops = __atomic_load_n(&KiThreadOps, __ATOMIC_ACQUIRE);
    KTHREAD *thread;

    if (ops == NULL) {
        static KTHREAD orphan; /* a bugcheck needs some thread */
        KiInitializeThread(&orphan, NULL);
        KiCurrentThreadPointer = &orphan;
        KiBugCheckDetail(PHASE0_INITIALIZATION_FAILED, HalpCurrentThreadId(), 0, 0, 0,
                         "Host thread %u called the kernel before ps was there to give it a thread "
                         "object",
                         (unsigned)HalpCurrentThreadId());
    }
    thread = ops->Attach();
    KiSetCurrentThread(thread);
    HalpSetThreadExitContext(thread);
    return thread;
}

void
KiHostThreadExit(void *Context)
{
    const KI_THREAD_OPS *ops = __atomic_load_n(&KiThreadOps, __ATOMIC_ACQUIRE);

    if (ops != NULL) {
        ops->Detach(Context);
    }
}

VOID
KiSetCurrentThread(KTHREAD *Thread)
{
    KiCurrentThreadPointer = Thread;
    if (Thread != NULL) {
        Thread->ThreadId = HalpCurrentThreadId();
    }
    /* IofCallDriver, left by an exception, does not set it back. */
    NtcrtFollow(Thread != NULL ? (PVOID *)(PVOID)&Thread->CurrentIrp : NULL);
}

VOID
KiInitializeThread(KTHREAD *Thread, KPROCESS *Process)
{
    memset(Thread, 0, sizeof(*Thread));
    Thread->Header.Type = ThreadObject;
    InitializeListHead(&Thread->Header.WaitListHead);
    InitializeListHead(&Thread->MutantList);
    InitializeListHead(&Thread->UserApcList);
    InitializeListHead(&Thread->KernelApcList);
    Thread->PreviousMode = KernelMode;
    Thread->State = KI_THREAD_RUNNING;
    Thread->Priority = 8;
    Thread->Process = Process;
    Thread->OwnProcess = Process;
    if (Process != NULL) {
        __atomic_fetch_add(&Process->ThreadCount, 1, __ATOMIC_RELAXED);
    }
}

VOID
KiTerminateThread(KTHREAD *Thread)
{
    if (Thread->Irql != PASSIVE_LEVEL) {
        KiBugCheckDetail(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Thread, Thread->Irql, PASSIVE_LEVEL, 0,
                         "A thread ends at IRQL %u", Thread->Irql);
    }
    KiRundownKernelApcs(Thread);
    KiLockDispatcher(Thread);
    KiAbandonMutants(Thread);
    if (Thread->KernelApcDisable != 0 || Thread->SpecialApcDisable != 0) {
        KiBugCheckDetail(KERNEL_APC_PENDING_DURING_EXIT, (ULONG_PTR)Thread,
                         (ULONG_PTR)Thread->KernelApcDisable, (ULONG_PTR)Thread->SpecialApcDisable,
                         0, "A thread ends inside a critical or guarded region");
    }
    KiQueueThreadLeaves(Thread);
    if (Thread->OwnProcess != NULL) {
        __atomic_fetch_sub(&Thread->OwnProcess->ThreadCount, 1, __ATOMIC_RELAXED);
    }
    Thread->State = KI_THREAD_TERMINATED;
    KiSetState(&Thread->Header, 1);
    KiTestWaiters(&Thread->Header);
    KiUnlockDispatcher(Thread);
}

VOID
KiInitializeProcess(KPROCESS *Process)
{
    memset(Process, 0, sizeof(*Process));
    Process->Header.Type = ProcessObject;
    InitializeListHead(&Process->Header.WaitListHead);
}

VOID
KiTerminateProcess(KPROCESS *Process)
{
    KTHREAD *thread = KiGetCurrentThread();

    KiLockDispatcher(thread);
    KiSetState(&Process->Header, 1);
    KiTestWaiters(&Process->Header);
    KiUnlockDispatcher(thread);
}

/* ---- ke's own threads ---- */

static void
KiSystemThreadStart(void *Context)
{
    KI_SYSTEM_THREAD *thread = Context;

    KiSetCurrentThread(&thread->Tcb);
    thread->Routine(thread->Context);
    KiSetCurrentThread(NULL);
}

VOID
KiStartSystemThread(KI_SYSTEM_THREAD *Thread, const char *Name, VOID (*Routine)(PVOID),
                    PVOID Context)
{
    memset(Thread, 0, sizeof(*Thread));
    KiInitializeThread(&Thread->Tcb, NULL);
    Thread->Routine = Routine;
    Thread->Context = Context;
    if (HalpCreateThread(&Thread->Host, Name, KiSystemThreadStart, Thread) != HALP_OK) {
        KiBugCheckDetail(PHASE0_INITIALIZATION_FAILED, 0, 0, 0, 0,
                         "The host gives no thread for \"%s\": %s", Name, HalpLastErrorText());
    }
    Thread->Tcb.Host = Thread->Host;
    KiSystemThreads[KiSystemThreadCount++] = Thread;
}

VOID
KiJoinSystemThread(KI_SYSTEM_THREAD *Thread)
{
    HalpWaitThreadEnd(Thread->Host);
    Thread->Host = NULL;
}

VOID
KiSetSystemProcess(KPROCESS *Process)
{
    __atomic_store_n(&KiSystemProcess, Process, __ATOMIC_RELEASE);
    for (ULONG i = 0; i < KiSystemThreadCount; i++) {
        __atomic_store_n(&KiSystemThreads[i]->Tcb.OwnProcess, Process, __ATOMIC_RELAXED);
        __atomic_store_n(&KiSystemThreads[i]->Tcb.Process, Process, __ATOMIC_RELAXED);
    }
}

/* ---- start and end ---- */

NTSTATUS
KiInitializeSystem(ULONG Processors)
{
    if (Processors == 0) {
        Processors = HalpProcessorCount() < 2 ? 2 : HalpProcessorCount();
        Processors = Processors < KI_MAXIMUM_PROCESSORS ? Processors : KI_MAXIMUM_PROCESSORS;
    }
    if (Processors > KI_MAXIMUM_PROCESSORS) {
        return STATUS_INVALID_PARAMETER;
    }
    KiResetBugCheck();
    RtlpRegisterAssertFailure(KiDriverAssertFailed);
    RtlpRegisterBreakpoint(KiBreakpoint);
    KiSimulated = strcmp(HalpName(), "sim") == 0;
    KiDispatcherLock = 0;
    KiSystemThreadCount = 0;
    memset(KiProcessors, 0, sizeof(KiProcessors));
    memset(KiBusySlots, 0, sizeof(KiBusySlots));
    for (ULONG i = 0; i < Processors; i++) {
        KiProcessors[i].Number = i;
        InitializeListHead(&KiProcessors[i].DpcList);
    }
    KiProcessorTotal = Processors;
    if (KiCurrentThreadPointer == NULL) {
        memset(&KiBootThread, 0, sizeof(KiBootThread));
        KiInitializeThread(&KiBootThread.Tcb, NULL);
        KiSetCurrentThread(&KiBootThread.Tcb);
    }
    KiStartDpcThreads();
    KiStartClock();
    return STATUS_SUCCESS;
}

VOID
KiShutdownSystem(VOID)
{
    KiStopClock();
    KiStopDpcThreads();
    KiSystemThreadCount = 0;
    KiProcessorTotal = 0;
    if (KiCurrentThreadPointer == &KiBootThread.Tcb) {
        KiSetCurrentThread(NULL);
    }
}
