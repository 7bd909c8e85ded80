/* SPDX-License-Identifier: MIT
 *
 * ke/event.c - events and semaphores
 *
 * Locks   KiDispatcherLock guards every object's state
 * Source  WDK reference, wdm.h KeSetEvent, KeReleaseSemaphore and their neighbours
 */
#include "ke/ki.h"

static VOID
KiInitializeHeader(DISPATCHER_HEADER *Header, UCHAR Type, SIZE_T Size, LONG State)
{
    Header->Lock = 0;
    Header->Type = Type;
    Header->Size = (UCHAR)(Size / sizeof(LONG));
    KiSetState(Header, State);
    InitializeListHead(&Header->WaitListHead);
}

/* Wait = TRUE promises a wait at once: it makes no sense where waiting is not allowed. */
static VOID
KiCheckWaitArgument(KTHREAD *Thread, BOOLEAN Wait, const char *Function)
{
    if (Wait && Thread->Irql > APC_LEVEL) {
        KiBugCheckDetail(IRQL_NOT_LESS_OR_EQUAL, 0, Thread->Irql, APC_LEVEL, NT_CALLER(),
                         "%s with Wait = TRUE at IRQL %u", Function, Thread->Irql);
    }
}

#pragma GCC visibility push(default)

VOID NTAPI
KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    KiInitializeHeader(&Event->Header, (UCHAR)Type, sizeof(*Event), State ? 1 : 0);
}

/*
 * KeSetEvent - signal an event and release who waits for it; returns the previous state
 *
 * Wait     TRUE: the caller's next call is a KeWaitForXxx; nothing can come between the two
 * IRQL     <= DISPATCH_LEVEL; Wait = TRUE: <= APC_LEVEL
 * Differs  the priority boost, Increment, is ignored
 */
LONG NTAPI
KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    NT_ENTER(KeSetEvent);
    KTHREAD *thread = KiGetCurrentThread();
    LONG old;

    KiCheckWaitArgument(thread, Wait, "KeSetEvent");
    KiCheckType(&Event->Header, EventNotificationObject, EventSynchronizationObject, "KeSetEvent");
    KiLockDispatcher(thread);
    KiCheckDispatcherObject(&Event->Header, "KeSetEvent");
    old = Event->Header.SignalState;
    KiSetState(&Event->Header, 1);
    if (old == 0 && !IsListEmpty(&Event->Header.WaitListHead)) {
        KiTestWaiters(&Event->Header);
    }
    KiUnlockDispatcherOrKeep(thread, Wait);
    return old;
}

/* Signals the event for those who wait now, and resets it. As KeSetEvent otherwise. */
LONG NTAPI
KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    NT_ENTER(KePulseEvent);
    KTHREAD *thread = KiGetCurrentThread();
    LONG old;

    KiCheckWaitArgument(thread, Wait, "KePulseEvent");
    KiCheckType(&Event->Header, EventNotificationObject, EventSynchronizationObject,
                "KePulseEvent");
    KiLockDispatcher(thread);
    KiCheckDispatcherObject(&Event->Header, "KePulseEvent");
    old = Event->Header.SignalState;
    KiSetState(&Event->Header, 1);
    KiTestWaiters(&Event->Header);
    KiSetState(&Event->Header, 0);
    KiUnlockDispatcherOrKeep(thread, Wait);
    return old;
}

/* Returns the previous state. IRQL <= DISPATCH_LEVEL. */
LONG NTAPI
KeResetEvent(PRKEVENT Event)
{
    NT_ENTER(KeResetEvent);
    KTHREAD *thread = KiGetCurrentThread();
    LONG old;

    KiCheckType(&Event->Header, EventNotificationObject, EventSynchronizationObject,
                "KeResetEvent");
    KiLockDispatcher(thread);
    KiCheckDispatcherObject(&Event->Header, "KeResetEvent");
    old = Event->Header.SignalState;
    KiSetState(&Event->Header, 0);
    KiUnlockDispatcher(thread);
    return old;
}

VOID NTAPI
KeClearEvent(PRKEVENT Event)
{
    NT_ENTER(KeClearEvent);
    KeResetEvent(Event);
}

/* Without the lock: a state that was true a moment ago. */
LONG NTAPI
KeReadStateEvent(PRKEVENT Event)
{
    NT_ENTER(KeReadStateEvent);
    KiCheckType(&Event->Header, EventNotificationObject, EventSynchronizationObject,
                "KeReadStateEvent");
    return KiReadState(&Event->Header);
}

VOID NTAPI
KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    NT_ENTER(KeInitializeSemaphore);
    if (Limit <= 0 || Count < 0 || Count > Limit) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)Semaphore, (ULONG_PTR)Count, (ULONG_PTR)Limit,
                         0, "KeInitializeSemaphore: count %d of limit %d makes no semaphore",
                         (int)Count, (int)Limit);
    }
    KiInitializeHeader(&Semaphore->Header, SemaphoreObject, sizeof(*Semaphore), Count);
    Semaphore->Limit = Limit;
}

/*
 * KeReleaseSemaphore - add Adjustment to the count; returns the previous count
 *
 * Errors   raises STATUS_SEMAPHORE_LIMIT_EXCEEDED when the count would pass the limit, or
 *          Adjustment is not positive
 * IRQL     <= DISPATCH_LEVEL; Wait = TRUE: <= APC_LEVEL
 * Differs  the priority boost, Increment, is ignored
 */
LONG NTAPI
KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)
{
    NT_ENTER(KeReleaseSemaphore);
    KTHREAD *thread = KiGetCurrentThread();
    LONG old;

    KiCheckWaitArgument(thread, Wait, "KeReleaseSemaphore");
    KiCheckType(&Semaphore->Header, SemaphoreObject, SemaphoreObject, "KeReleaseSemaphore");
    KiLockDispatcher(thread);
    KiCheckDispatcherObject(&Semaphore->Header, "KeReleaseSemaphore");
    old = Semaphore->Header.SignalState;
    if (Adjustment <= 0 || Adjustment > Semaphore->Limit - old) {
        KiUnlockDispatcher(thread);
        KiRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED, "KeReleaseSemaphore", NT_CALLER());
    }
    KiSetState(&Semaphore->Header, old + Adjustment);
    KiTestWaiters(&Semaphore->Header);
    KiUnlockDispatcherOrKeep(thread, Wait);
    return old;
}

LONG NTAPI
KeReadStateSemaphore(PRKSEMAPHORE Semaphore)
{
    KiCheckType(&Semaphore->Header, SemaphoreObject, SemaphoreObject, "KeReadStateSemaphore");
    return KiReadState(&Semaphore->Header);
}

#pragma GCC visibility pop
