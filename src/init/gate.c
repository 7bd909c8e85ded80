/* SPDX-License-Identifier: MIT
 *
 * init/gate.c - the system-call gate: one entry a service, generated from init/services.h
 *
 * An entry is called in user mode on any host thread. It makes the thread known, switches to kernel
 * mode (PreviousMode, exception frames, the depth that tells a fault of a client from one of ours),
 * calls the service and switches back. A service that comes back with a raised IRQL, a lock or a
 * region still held is a bugcheck that names it, as on Windows. User APCs run behind the switch
 * back.
 *
 * When the process ends the gate is closed (ps/exit.c): who comes in is sent away before it does
 * anything, who comes out does not get back to its program.
 *
 * Source  Windows debugger docs, bug checks 0x4A and 0x01.
 */
#include "init/init.h"
#include "init/initp.h"
#include "ntbox/eh.h"

typedef struct INITP_GATE {
    PETHREAD Thread;
    void *Frames;
    KPROCESSOR_MODE PreviousMode;
} INITP_GATE;

static inline VOID
InitpCount(PETHREAD Thread, LONG Change)
{
    LONG depth = __atomic_load_n(&Thread->InSystemCall, __ATOMIC_RELAXED);

    __atomic_store_n(&Thread->InSystemCall, depth + Change, __ATOMIC_RELEASE);
}

/* FALSE: the gate is closed. */
static inline BOOLEAN
InitpEnter(INITP_GATE *Gate)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    InitpCount(thread, 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* EX1: the processor's part is the closer's */
    if (__builtin_expect(__atomic_load_n(&PspGateClosed, __ATOMIC_ACQUIRE) != 0, 0)) {
        InitpCount(thread, -1);
        PspStayAtGate();
        return FALSE;
    }
    Gate->Thread = thread;
    Gate->Frames = NtcrtExchangeFrames(NULL);
    Gate->PreviousMode = thread->Tcb.PreviousMode;
    thread->Tcb.PreviousMode = UserMode;
    return TRUE;
}

static DECLSPEC_NORETURN VOID
InitpBadReturn(PETHREAD Thread, const char *Name, ULONG_PTR Service)
{
    KTHREAD *tcb = &Thread->Tcb;

    if (tcb->Irql != PASSIVE_LEVEL) {
        KiBugCheckDetail(
            IRQL_GT_ZERO_AT_SYSTEM_SERVICE, Service, tcb->Irql, 0, 0,
            "%s returns to user mode at IRQL %u: the driver below it raised the IRQL, or "
            "holds a spin lock",
            Name, tcb->Irql);
    }
    KiBugCheckDetail(APC_INDEX_MISMATCH, Service, (ULONG_PTR)(LONG_PTR)tcb->KernelApcDisable,
                     tcb->Irql, 0,
                     "%s returns to user mode with %d critical and %d guarded regions entered: the "
                     "driver below it did not leave one, or holds a mutex or resource",
                     Name, -tcb->KernelApcDisable, -tcb->SpecialApcDisable);
}

/* TRUE: a wait ended for user APCs, which are to run now. */
static inline BOOLEAN
InitpLeave(const INITP_GATE *Gate, const char *Name, ULONG_PTR Service)
{
    KTHREAD *tcb = &Gate->Thread->Tcb;
    BOOLEAN pending;

    if (__builtin_expect(__atomic_load_n(&tcb->KernelApcPending, __ATOMIC_RELAXED), 0)) {
        KiDeliverKernelApcs(tcb);
    }
    if (__builtin_expect(tcb->Irql | tcb->KernelApcDisable | tcb->SpecialApcDisable, 0)) {
        InitpBadReturn(Gate->Thread, Name, Service);
    }
    tcb->PreviousMode = Gate->PreviousMode;
    NtcrtExchangeFrames(Gate->Frames);
    pending = __atomic_load_n(&tcb->UserApcPending, __ATOMIC_ACQUIRE);
    InitpCount(Gate->Thread, -1); /* the last time that the kernel is touched */
    if (__builtin_expect(__atomic_load_n(&PspGateClosed, __ATOMIC_ACQUIRE) != 0, 0)) {
        PspStayAtGate();
        return FALSE;
    }
    return pending;
}

/* Taking an APC is the kernel's work, so it counts as a system call. */
BOOLEAN
InitTakeUserApc(KI_USER_CALL *Call)
{
    INITP_GATE gate;
    BOOLEAN taken;

    if (!InitpEnter(&gate)) {
        return FALSE;
    }
    taken = KiTakeUserApc(&gate.Thread->Tcb, Call);
    InitpLeave(&gate, "the end of a wait", (ULONG_PTR)KiTakeUserApc);
    return taken;
}

/*
 * A wait ended for a user APC: all that are queued run here, in user mode, before the service
 * returns. They may make system calls, and wait alertably again.
 */
static __attribute__((noinline)) VOID
InitpRunUserApcs(VOID)
{
    KI_USER_CALL call;

    if (KiGetCurrentThread()->OwnProcess->Client != NULL) {
        return; /* its program runs elsewhere: lpc takes them */
    }
    while (InitTakeUserApc(&call)) {
        call.Routine(call.Context, call.Argument1, call.Argument2);
    }
}

#define X(name, parameters, arguments)                                        \
    static NTSTATUS Initp##name parameters                                    \
    {                                                                         \
        INITP_GATE gate;                                                      \
        NTSTATUS status;                                                      \
                                                                              \
        if (__builtin_expect(!InitpEnter(&gate), 0)) {                        \
            return STATUS_PROCESS_IS_TERMINATING;                             \
        }                                                                     \
        status = name arguments;                                              \
        if (__builtin_expect(InitpLeave(&gate, #name, (ULONG_PTR)name), 0)) { \
            InitpRunUserApcs();                                               \
        }                                                                     \
        return status;                                                        \
    }
NTBOX_SYSTEM_SERVICES(X)
#undef X

const NTBOX_SYSTEM_CALLS InitpSystemCalls = {.Version = NTBOX_GATE_VERSION,
                                             .Size = sizeof(NTBOX_SYSTEM_CALLS),
#define X(name, parameters, arguments) .name = Initp##name,
                                             NTBOX_SYSTEM_SERVICES(X)
#undef X
};
