/* SPDX-License-Identifier: MIT
 *
 * ke/apc.c - user APCs: routines that a thread runs in user mode when it waits alertably
 *
 * Kernel APCs are in kernelapc.c.
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

/*
 * Takes the oldest one off the list; NULL: there is none. *Copy: what it says, read under the lock,
 * because from then on the APC is its owner's, who may queue it again or free it.
 */
static PKAPC
KiRemoveUserApc(KTHREAD *Thread, KAPC *Copy)
{
    KTHREAD *self = KiGetCurrentThread();
    PKAPC apc = NULL;

    KiLockDispatcher(self);
    __atomic_store_n(&Thread->UserApcPending, FALSE, __ATOMIC_RELEASE);
    if (!IsListEmpty(&Thread->UserApcList)) {
        apc = CONTAINING_RECORD(RemoveHeadList(&Thread->UserApcList), KAPC, ApcListEntry);
        apc->Inserted = FALSE;
        *Copy = *apc;
    }
    KiUnlockDispatcher(self);
    return apc;
}

BOOLEAN
KiTakeUserApc(KTHREAD *Thread, KI_USER_CALL *Call)
{
    KAPC copy;
    PKAPC apc;

    while ((apc = KiRemoveUserApc(Thread, &copy)) != NULL) {
        Call->Routine = copy.NormalRoutine;
        Call->Context = copy.NormalContext;
        Call->Argument1 = copy.SystemArgument1;
        Call->Argument2 = copy.SystemArgument2;
        copy.KernelRoutine(apc, &Call->Routine, &Call->Context, &Call->Argument1, &Call->Argument2);
        if (Call->Routine != NULL) {
            return TRUE;
        }
    }
    return FALSE;
}

BOOLEAN
KiTestUserApcs(KTHREAD *Thread)
{
    BOOLEAN queued;

    KiLockDispatcher(Thread);
    queued = !IsListEmpty(&Thread->UserApcList);
    if (queued) {
        __atomic_store_n(&Thread->UserApcPending, TRUE, __ATOMIC_RELEASE);
    }
    KiUnlockDispatcher(Thread);
    return queued;
}

BOOLEAN
KiWithdrawUserApc(PKAPC Apc)
{
    KTHREAD *self = KiGetCurrentThread();
    BOOLEAN queued;

    KiLockDispatcher(self);
    queued = Apc->Inserted;
    if (queued) {
        RemoveEntryList(&Apc->ApcListEntry);
        Apc->Inserted = FALSE;
    }
    KiUnlockDispatcher(self);
    return queued;
}

VOID
KiEndUserWaits(KTHREAD *Thread)
{
    KTHREAD *self = KiGetCurrentThread();

    KiLockDispatcher(self);
    Thread->UserWaitsEnd = TRUE;
    if (Thread->State == KI_THREAD_WAITING && Thread->WaitMode == UserMode) {
        KiUnwaitThread(Thread, STATUS_USER_APC);
    }
    KiUnlockDispatcher(self);
}

VOID
KiRundownUserApcs(KTHREAD *Thread)
{
    KTHREAD *self = KiGetCurrentThread();
    KAPC copy;
    PKAPC apc;

    KiLockDispatcher(self);
    Thread->UserApcsClosed = TRUE;
    KiUnlockDispatcher(self);
    while ((apc = KiRemoveUserApc(Thread, &copy)) != NULL) {
        if (copy.RundownRoutine != NULL) {
            copy.RundownRoutine(apc);
        }
    }
}
