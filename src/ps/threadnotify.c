/* SPDX-License-Identifier: MIT
 *
 * ps/threadnotify.c - calls of the routines that hear of threads
 *
 * Source   WDK reference, ntddk.h PCREATE_THREAD_NOTIFY_ROUTINE, PSCREATETHREADNOTIFYTYPE.
 */
#include "ps/psp.h"

typedef enum PSP_THREAD_STAGE {
    PspThreadMade,   /* in the maker's context */
    PspThreadStarts, /* on the new thread */
    PspThreadEnds    /* on the ending thread */
} PSP_THREAD_STAGE;

static BOOLEAN
PspIsWanted(const PSP_NOTIFY_SLOT *Slot, PETHREAD Thread, PSP_THREAD_STAGE Stage)
{
    BOOLEAN onNewThread = Slot->Extended == PSP_NOTIFY_ON_NEW_THREAD;

    if (onNewThread && Thread->IsSystemThread) {
        return FALSE;
    }
    return Stage == PspThreadEnds || onNewThread == (Stage == PspThreadStarts);
}

static VOID
PspCallThreadRoutine(PSP_NOTIFY_SLOT *Slot, PETHREAD Thread, BOOLEAN Create)
{
    PCREATE_THREAD_NOTIFY_ROUTINE routine = (PCREATE_THREAD_NOTIFY_ROUTINE)Slot->Routine;
    KTHREAD *caller = KiGetCurrentThread();
    LONG disabled;

    KeEnterCriticalRegion();
    disabled = caller->KernelApcDisable;
    routine(Thread->Cid.UniqueProcess, Thread->Cid.UniqueThread, Create);
    if (caller->Irql != PASSIVE_LEVEL || caller->KernelApcDisable != disabled) {
        KiBugCheckDetail(IRQL_UNEXPECTED_VALUE, caller->Irql, (ULONG_PTR)Slot->Routine,
                         PASSIVE_LEVEL, 0,
                         "a thread notify routine returned at IRQL %u with %d critical regions "
                         "more than it was called with",
                         caller->Irql, disabled - caller->KernelApcDisable);
    }
    KeLeaveCriticalRegion();
}

static VOID
PspTellThread(PETHREAD Thread, PSP_THREAD_STAGE Stage)
{
    ULONG count = PspNotifyCount(PspNotifyThread);

    for (ULONG i = 0; i < count; ++i) {
        PSP_NOTIFY_CALL call;
        PSP_NOTIFY_SLOT *slot = PspEnterNotify(PspNotifyThread, i, &call);
        if (slot == NULL) {
            continue;
        }
        if (PspIsWanted(slot, Thread, Stage)) {
            PspCallThreadRoutine(slot, Thread, Stage != PspThreadEnds);
        }
        PspLeaveNotify(&call);
    }
}

VOID
PspTellThreadMade(PETHREAD Thread)
{
    Thread->IsTold = TRUE;
    PspTellThread(Thread, PspThreadMade);
}

VOID
PspTellThreadStarts(PETHREAD Thread)
{
    PspTellThread(Thread, PspThreadStarts);
}

VOID
PspTellThreadEnds(PETHREAD Thread)
{
    if (Thread->IsTold) {
        PspTellThread(Thread, PspThreadEnds);
    }
}
