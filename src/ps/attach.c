/* SPDX-License-Identifier: MIT
 *
 * ps/attach.c - running in another process's context
 *
 * Only KTHREAD.Process changes: the current process, whose handle table NtXxx calls use. The thread
 * keeps belonging to OwnProcess. There is one address space, so addresses mean the same after it.
 */
#include "ps/psp.h"

#pragma GCC visibility push(default)

/* ApcState: the caller's, untouched until the matching KeUnstackDetachProcess. Nests. */
VOID NTAPI
KeStackAttachProcess(PKPROCESS Process, PKAPC_STATE ApcState)
{
    NT_ENTER(KeStackAttachProcess);
    KTHREAD *thread = KiGetCurrentThread();

    RtlZeroMemory(ApcState, sizeof(*ApcState));
    ApcState->Process = thread->Process;
    thread->Process = Process;
}

VOID NTAPI
KeUnstackDetachProcess(PKAPC_STATE ApcState)
{
    NT_ENTER(KeUnstackDetachProcess);
    KiGetCurrentThread()->Process = ApcState->Process;
}

/* Does not nest: a thread that is attached already gets INVALID_PROCESS_ATTACH_ATTEMPT. */
VOID NTAPI
KeAttachProcess(PKPROCESS Process)
{
    NT_ENTER(KeAttachProcess);
    KTHREAD *thread = KiGetCurrentThread();

    if (thread->Process != thread->OwnProcess && thread->Process != Process) {
        KiBugCheckDetail(INVALID_PROCESS_ATTACH_ATTEMPT, (ULONG_PTR)Process,
                         (ULONG_PTR)thread->Process, 0, 0,
                         "KeAttachProcess on a thread that is attached to another process; use "
                         "KeStackAttachProcess, which nests");
    }
    thread->Process = Process;
}

VOID NTAPI
KeDetachProcess(VOID)
{
    NT_ENTER(KeDetachProcess);
    KTHREAD *thread = KiGetCurrentThread();

    thread->Process = thread->OwnProcess;
}

#pragma GCC visibility pop
