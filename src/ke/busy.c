/* SPDX-License-Identifier: MIT
 *
 * ke/busy.c - armed timers, queued DPCs and waited-for objects in memory that is about to go
 *
 * Timers, DPCs and waits count the pages of their objects in KiBusySlots, so that freeing a block
 * costs one load as long as nothing is in use there. Where the count is not 0 the block's own bytes
 * are looked through for an object that the kernel's lists confirm.
 *
 * Invariants  B1  KiBusySlots counts, by page hash: timers in a treap, DPCs on a list, linked wait
 *                 blocks.
 * Locks       KiDispatcherLock, then KPRCB.DpcLock, for the confirmation
 */
#include <stdio.h>

#include "ke/ki.h"

#define KI_STACK_BELOW                                                                          \
    0x40000                  /* how far below a returned routine's caller its frames are sought \
                              */
#define KI_STACK_ROOM 0x4000 /* frames of returned routines that are looked through unharmed */

LONG KiBusySlots[KI_BUSY_SLOTS];

/* A wait block of a thread that waits for Header is linked to it. Lock held. */
__attribute__((no_sanitize_address)) static BOOLEAN
KiHasWaiter(const DISPATCHER_HEADER *Header, KI_BUSY_OBJECT *Found)
{
    const LIST_ENTRY *head = &Header->WaitListHead;
    KWAIT_BLOCK block;
    KTHREAD *thread;
    uintptr_t fault;
    UCHAR state;

    if (Header->Type > TimerSynchronizationObject || head->Flink == head || head->Flink == NULL ||
        ((ULONG_PTR)head->Flink & 7) != 0 ||
        HalpCopyMemory(&block, CONTAINING_RECORD(head->Flink, KWAIT_BLOCK, WaitListEntry),
                       sizeof(block), &fault) != HALP_OK) {
        return FALSE;
    }
    thread = block.Thread;
    if (block.Object != (PVOID)Header || block.WaitListEntry.Blink != head || !KiIsThread(thread) ||
        HalpCopyMemory(&state, &thread->State, sizeof(state), &fault) != HALP_OK ||
        state != KI_THREAD_WAITING) {
        return FALSE;
    }
    Found->Kind = KiBusyWait;
    Found->Object = (PVOID)Header;
    Found->Routine = 0;
    Found->Thread = thread->ThreadId;
    return TRUE;
}

/* Looks at every place where an object could begin. KiDispatcherLock is held. */
__attribute__((no_sanitize_address)) static BOOLEAN
KiScanRange(KTHREAD *Thread, ULONG_PTR Base, ULONG_PTR End, KI_BUSY_OBJECT *Found)
{
    for (ULONG_PTR at = (Base + 7) & ~(ULONG_PTR)7; at + sizeof(DISPATCHER_HEADER) <= End;
         at += 8) {
        const DISPATCHER_HEADER *header = (const DISPATCHER_HEADER *)at;

        if (header->Type <= TimerSynchronizationObject && KiHasWaiter(header, Found)) {
            return TRUE;
        }
        if (at + sizeof(KTIMER) <= End && KiIsTimerArmed((PKTIMER)at)) {
            PKTIMER timer = (PKTIMER)at;
            Found->Kind = KiBusyTimer;
            Found->Object = timer;
            Found->Routine = timer->Dpc != NULL ? (ULONG_PTR)timer->Dpc->DeferredRoutine : 0;
            return TRUE;
        }
        if (at + sizeof(KDPC) <= End && KiIsDpcQueued(Thread, (PKDPC)at)) {
            Found->Kind = KiBusyDpc;
            Found->Object = (PVOID)at;
            Found->Routine = (ULONG_PTR)((PKDPC)at)->DeferredRoutine;
            return TRUE;
        }
    }
    return FALSE;
}

BOOLEAN
KiFindBusyObject(ULONG_PTR Base, SIZE_T Size, KI_BUSY_OBJECT *Found)
{
    KTHREAD *thread = KiGetCurrentThread();
    ULONG_PTR end = Base + Size;
    BOOLEAN found = FALSE;

    /* The kernel's own blocks, freed under the lock, hold nothing. */
    if (thread->WaitNext || KiOwnsLockWord(&KiDispatcherLock, thread)) {
        return FALSE;
    }
    for (ULONG_PTR page = Base & ~(ULONG_PTR)(PAGE_SIZE - 1); page < end && !found;
         page += PAGE_SIZE) {
        if (KiIsPageBusy((PVOID)page)) {
            /* An object that begins in this page may end in the next one. */
            ULONG_PTR low = page < Base ? Base : page;
            ULONG_PTR high = page + PAGE_SIZE + sizeof(KTIMER);

            KiLockDispatcher(thread);
            found = KiScanRange(thread, low, high < end ? high : end, Found);
            KiUnlockDispatcher(thread);
        }
    }
    return found;
}

VOID
KiDescribeBusyObject(const KI_BUSY_OBJECT *Object, char *Buffer, SIZE_T Size)
{
    char routine[300];

    KiNameCaller(Object->Routine + 1, routine, sizeof(routine));
    switch (Object->Kind) {
    case KiBusyTimer:
        snprintf(Buffer, Size, "the armed KTIMER %p%s%s%s", Object->Object,
                 Object->Routine != 0 ? " (its DPC routine is " : "",
                 Object->Routine != 0 ? routine : "", Object->Routine != 0 ? ")" : "");
        break;
    case KiBusyDpc:
        snprintf(Buffer, Size, "the queued KDPC %p (its routine is %s)", Object->Object, routine);
        break;
    default:
        KiDescribeObject(Object->Object, routine, sizeof(routine));
        snprintf(Buffer, Size, "the dispatcher object %p, for which thread %u waits: %s",
                 Object->Object, (unsigned)Object->Thread, routine);
        break;
    }
}

static __attribute__((noinline)) VOID
KiFindStackTimer(KTHREAD *Thread, PVOID Frame, const char *What, ULONG_PTR Routine)
{
    ULONG_PTR low = (ULONG_PTR)Frame - KI_STACK_BELOW;
    KI_BUSY_OBJECT found;
    char object[400];
    char routine[300];

    if (KiFindTimerInRange(low, KI_STACK_BELOW, 0, &found)) {
        KiDescribeBusyObject(&found, object, sizeof(object));
        KiNameCaller(Routine + 1, routine, sizeof(routine));
        KiBugCheckDetail(TIMER_OR_DPC_INVALID, 0, (ULONG_PTR)found.Object, low, (ULONG_PTR)Frame,
                         "%s %s returned, and left %s on its stack: KeCancelTimer it before the "
                         "function returns, or keep it in memory that stays",
                         What, routine, object);
    }
    /* Callers further up may have one: they are looked at when they return. */
    if (!KiFindTimerInRange((ULONG_PTR)Frame, 4 * KI_STACK_BELOW, 0, &found)) {
        Thread->StackTimers = FALSE;
    }
}

VOID
KiCheckStackTimers(KTHREAD *Thread, PVOID Frame, const char *What, ULONG_PTR Routine)
{
    /* The timer's links are in the dead frame: the search must not run over them. */
    char room[KI_STACK_ROOM];

    __asm__ volatile("" : : "r"(room) : "memory");
    if (!Thread->WaitNext) {
        KiFindStackTimer(Thread, Frame, What, Routine);
    }
    __asm__ volatile("" : : "r"(room) : "memory");
}
