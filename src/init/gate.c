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
 * Source  Windows debugger docs, bug checks 0x4A and 0x01.
 */
#include "init/initp.h"
#include "ntbox/eh.h"

typedef struct INITP_GATE {
    PETHREAD Thread;
    void *Frames;
    KPROCESSOR_MODE PreviousMode;
} INITP_GATE;

static inline INITP_GATE
InitpEnter(VOID)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    INITP_GATE gate = {thread, NtcrtExchangeFrames(NULL), thread->Tcb.PreviousMode};

    thread->Tcb.PreviousMode = UserMode;
    ++thread->InSystemCall;
    return gate;
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

    if (__builtin_expect(tcb->Irql | tcb->KernelApcDisable | tcb->SpecialApcDisable, 0)) {
        InitpBadReturn(Gate->Thread, Name, Service);
    }
    --Gate->Thread->InSystemCall;
    tcb->PreviousMode = Gate->PreviousMode;
    NtcrtExchangeFrames(Gate->Frames);
    return __atomic_load_n(&tcb->UserApcPending, __ATOMIC_ACQUIRE);
}

/*
 * A wait ended for a user APC: all that are queued run here, in user mode, before the service
 * returns. They may make system calls, and wait alertably again.
 */
static __attribute__((noinline)) VOID
InitpRunUserApcs(VOID)
{
    KI_USER_CALL call;

    while (KiTakeUserApc(KiGetCurrentThread(), &call)) {
        call.Routine(call.Context, call.Argument1, call.Argument2);
    }
}

#define X(name, parameters, arguments)                                        \
    static NTSTATUS Initp##name parameters                                    \
    {                                                                         \
        INITP_GATE gate = InitpEnter();                                       \
        NTSTATUS status = name arguments;                                     \
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
