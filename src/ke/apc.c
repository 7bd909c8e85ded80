/* SPDX-License-Identifier: MIT
 *
 * ke/apc.c - user APCs: routines that a thread runs in user mode when it waits alertably
 *
 * There are no kernel APCs: they interrupt a running thread, which a host thread is not for.
 *
 * Invariants  A1  Thread->UserApcList holds the APCs whose Inserted is TRUE, oldest first.
 *             A2  UserApcPending is set where a user-mode alertable wait ended for an APC, and
 *                 cleared by the thread on its way to user mode, which then runs the whole list:
 *                 a routine of it that makes system calls runs no others by that.
 *             A3  once UserApcsClosed is set nothing is inserted.
 * Locks       KiDispatcherLock guards list and flags; no routine is called under it.
 * Source      WDK reference, "Types of APCs", "Do Waiting Threads Receive Alerts and APCs?"; the
 *             KAPC structure and the routines' types are those of the DDK headers.
 */
#include "ke/ki.h"

VOID
KiInitializeUserApc(PKAPC Apc, KTHREAD *Thread, PKKERNEL_ROUTINE KernelRoutine,
                    PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, PVOID Context)
{
    memset(Apc, 0, sizeof(*Apc));
    Apc->Type = ApcObject;
    Apc->Size = sizeof(*Apc);
    Apc->Thread = Thread;
    Apc->KernelRoutine = KernelRoutine;
    Apc->RundownRoutine = RundownRoutine;
    Apc->NormalRoutine = NormalRoutine;
    Apc->NormalContext = Context;
    Apc->ApcMode = UserMode;
}

BOOLEAN
KiQueueUserApc(PKAPC Apc, PVOID Argument1, PVOID Argument2)
{
    KTHREAD *self = KiGetCurrentThread();
    KTHREAD *thread = Apc->Thread;
    BOOLEAN queued;

    KiLockDispatcher(self);
    queued = !thread->UserApcsClosed && !Apc->Inserted;
    if (queued) {
        Apc->SystemArgument1 = Argument1;
        Apc->SystemArgument2 = Argument2;
        Apc->Inserted = TRUE;
        InsertTailList(&thread->UserApcList, &Apc->ApcListEntry);
        if (thread->State == KI_THREAD_WAITING && thread->Alertable &&
            thread->WaitMode == UserMode) {
            __atomic_store_n(&thread->UserApcPending, TRUE, __ATOMIC_RELEASE);
            KiUnwaitThread(thread, STATUS_USER_APC);
        }
    }
    KiUnlockDispatcher(self);
    return queued;
}

/* Takes the oldest one off the list; NULL: there is none. */
static PKAPC
KiRemoveUserApc(KTHREAD *Thread)
{
    PKAPC apc = NULL;

    KiLockDispatcher(KiGetCurrentThread());
    __atomic_store_n(&Thread->UserApcPending, FALSE, __ATOMIC_RELEASE);
    if (!IsListEmpty(&Thread->UserApcList)) {
        apc = CONTAINING_RECORD(RemoveHeadList(&Thread->UserApcList), KAPC, ApcListEntry);
        apc->Inserted = FALSE;
    }
    KiUnlockDispatcher(KiGetCurrentThread());
    return apc;
}

BOOLEAN
KiTakeUserApc(KTHREAD *Thread, KI_USER_CALL *Call)
{
    PKAPC apc;

    while ((apc = KiRemoveUserApc(Thread)) != NULL) {
        Call->Routine = apc->NormalRoutine;
        Call->Context = apc->NormalContext;
        Call->Argument1 = apc->SystemArgument1;
        Call->Argument2 = apc->SystemArgument2;
        /* The APC is its owner's again, who may free it: only the copies are used from here. */
        apc->KernelRoutine(apc, &Call->Routine, &Call->Context, &Call->Argument1, &Call->Argument2);
        if (Call->Routine != NULL) {
            return TRUE;
        }
    }
    return FALSE;
}

VOID
KiRundownUserApcs(KTHREAD *Thread)
{
    KTHREAD *self = KiGetCurrentThread();
    PKAPC apc;

    KiLockDispatcher(self);
    Thread->UserApcsClosed = TRUE;
    KiUnlockDispatcher(self);
    while ((apc = KiRemoveUserApc(Thread)) != NULL) {
        if (apc->RundownRoutine != NULL) {
            apc->RundownRoutine(apc);
        }
    }
}
