/* SPDX-License-Identifier: MIT
 *
 * kernel32/pooltimer.c - timers of the thread pool, and timer queues
 *
 * One thread waits for the earliest timer. Absolute times are turned into distances when a timer is
 * set, so a change of the system time does not move it.
 *
 * Invariant  P1  a timer is on BasePoolTimers iff Set.
 */
#include <stdlib.h>

#include "kernel32/pool.h"

#define MILLISECOND 1000000u

static BASE_POOL_TIMER *BasePoolTimers; /* BasePoolLock */
static HANDLE BasePoolTimerWake;        /* BasePoolLock; NULL: there is no thread yet */

static VOID
InsertLocked(BASE_POOL_TIMER *Timer)
{
    BASE_POOL_TIMER **link = &BasePoolTimers;

    while (*link != NULL && (*link)->Due <= Timer->Due) {
        link = &(*link)->Next;
    }
    Timer->Next = *link;
    *link = Timer;
    Timer->Set = TRUE;
}

static VOID
RemoveLocked(BASE_POOL_TIMER *Timer)
{
    BASE_POOL_TIMER **link = &BasePoolTimers;

    while (*link != Timer) {
        link = &(*link)->Next;
    }
    *link = Timer->Next;
    Timer->Set = FALSE;
}

/* The first timer if its time has come: promised, and set again or not. Else how long to wait. */
static BASE_POOL_ITEM *
TakeDueLocked(ULONG64 *Distance, BOOLEAN *InThread, BOOLEAN *Drop)
{
    BASE_POOL_TIMER *timer = BasePoolTimers;
    ULONG64 now = NtdllHostMonotonicTime();

    *Distance = UINT64_MAX;
    if (timer == NULL || timer->Due > now) {
        *Distance = timer != NULL ? timer->Due - now : UINT64_MAX;
        return NULL;
    }
    RemoveLocked(timer);
    BasePoolPromiseLocked(timer->Item);
    *InThread = timer->InThread;
    *Drop = timer->Period == 0;
    if (timer->Period != 0) {
        timer->Due += (ULONG64)timer->Period * MILLISECOND;
        timer->Due = timer->Due < now ? now : timer->Due; /* what was missed is not made up for */
        InsertLocked(timer);
    }
    return timer->Item;
}

static DWORD WINAPI
TimerThread(LPVOID Wake)
{
    NTSTATUS status = STATUS_SUCCESS;
    IO_STATUS_BLOCK iosb = {0};

    while (NT_SUCCESS(status)) {
        LARGE_INTEGER timeOut;
        BOOLEAN inThread = FALSE;
        BOOLEAN drop = FALSE;
        BASE_POOL_ITEM *item;
        ULONG64 distance;

        AcquireSRWLockExclusive(&BasePoolLock);
        item = TakeDueLocked(&distance, &inThread, &drop);
        ReleaseSRWLockExclusive(&BasePoolLock);
        if (item == NULL) {
            timeOut.QuadPart = -(LONGLONG)(distance / 100 + 1);
            status = NTDLL_CALL(NtWaitForSingleObject)(Wake, FALSE,
                                                       distance != UINT64_MAX ? &timeOut : NULL);
        } else if (inThread) {
            BasePoolRunHere(item, NULL, &iosb);
        } else {
            BasePoolSend(item, NULL);
        }
        if (drop) {
            BasePoolDereference(item);
        }
    }
    return 0;
}

/* BasePoolLock is held. */
static BOOL
StartThreadLocked(VOID)
{
    HANDLE thread;
    HANDLE wake;

    if (BasePoolTimerWake != NULL) {
        return TRUE;
    }
    wake = CreateEventW(NULL, FALSE, FALSE, NULL);
    thread = wake != NULL ? CreateThread(NULL, 0, TimerThread, wake, 0, NULL) : NULL;
    if (thread == NULL) {
        if (wake != NULL) {
            CloseHandle(wake);
        }
        return FALSE;
    }
    CloseHandle(thread);
    BasePoolTimerWake = wake;
    return TRUE;
}

BOOL
BasePoolSetTimer(BASE_POOL_TIMER *Timer, ULONG64 Due, DWORD Period)
{
    BOOLEAN first;

    AcquireSRWLockExclusive(&BasePoolLock);
    if (!StartThreadLocked()) {
        ReleaseSRWLockExclusive(&BasePoolLock);
        return FALSE;
    }
    if (Timer->Set) {
        RemoveLocked(Timer);
    } else {
        __atomic_add_fetch(&Timer->Item->References, 1, __ATOMIC_RELAXED); /* T2 */
    }
    Timer->Due = NtdllHostMonotonicTime() + Due;
    Timer->Period = Period;
    InsertLocked(Timer);
    first = BasePoolTimers == Timer;
    ReleaseSRWLockExclusive(&BasePoolLock);
    if (first) {
        SetEvent(BasePoolTimerWake);
    }
    return TRUE;
}

BOOLEAN
BasePoolCancelTimer(BASE_POOL_TIMER *Timer)
{
    BOOLEAN set;

    AcquireSRWLockExclusive(&BasePoolLock);
    set = Timer->Set;
    if (set) {
        RemoveLocked(Timer);
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    if (set) {
        BasePoolDereference(Timer->Item);
    }
    return set;
}

ULONG64
BasePoolDistance(const FILETIME *Time)
{
    LONGLONG units = (LONGLONG)(((ULONG64)Time->dwHighDateTime << 32) | Time->dwLowDateTime);
    FILETIME now;

    if (units > 0) {
        GetSystemTimeAsFileTime(&now);
        units -= (LONGLONG)(((ULONG64)now.dwHighDateTime << 32) | now.dwLowDateTime);
        return units > 0 ? (ULONG64)units * 100 : 0;
    }
    return (ULONG64)-units * 100;
}

/* ---- timers of the pool ---- */

struct _TP_TIMER {
    BASE_POOL_ITEM Item;
    BASE_POOL_TIMER Timer;
    PTP_TIMER_CALLBACK Callback;
    PVOID Context;
    BOOLEAN IsSet; /* what the program asked for last */
};

static VOID
RunTimer(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument,
         IO_STATUS_BLOCK *Iosb)
{
    PTP_TIMER timer = (PTP_TIMER)Item;

    timer->Callback(Instance, timer->Context, timer);
}

PTP_TIMER WINAPI
CreateThreadpoolTimer(PTP_TIMER_CALLBACK Callback, PVOID Context, PTP_CALLBACK_ENVIRON Environment)
{
    PTP_TIMER timer = BasePoolCreateItem(sizeof(*timer), RunTimer, Environment);

    if (timer != NULL) {
        timer->Timer.Item = &timer->Item;
        timer->Callback = Callback;
        timer->Context = Context;
    }
    return timer;
}

/*
 * SetThreadpoolTimerEx - set a timer anew, or not at all
 *
 * Due      NULL: no more callbacks are queued; negative: from now; 0: at once; else system time
 * Returns  TRUE: it was set before
 * Differs  Window has no effect
 */
BOOL WINAPI
SetThreadpoolTimerEx(PTP_TIMER Timer, PFILETIME Due, DWORD Period, DWORD Window)
{
    BOOLEAN before = BasePoolCancelTimer(&Timer->Timer);

    __atomic_store_n(&Timer->IsSet, Due != NULL, __ATOMIC_RELAXED);
    if (Due != NULL) {
        BasePoolSetTimer(&Timer->Timer, BasePoolDistance(Due), Period);
    }
    return before;
}

VOID WINAPI
SetThreadpoolTimer(PTP_TIMER Timer, PFILETIME Due, DWORD Period, DWORD Window)
{
    SetThreadpoolTimerEx(Timer, Due, Period, Window);
}

BOOL WINAPI
IsThreadpoolTimerSet(PTP_TIMER Timer)
{
    return __atomic_load_n(&Timer->IsSet, __ATOMIC_RELAXED);
}

VOID WINAPI
WaitForThreadpoolTimerCallbacks(PTP_TIMER Timer, BOOL Cancel)
{
    BasePoolWaitFor(&Timer->Item, Cancel);
}

VOID WINAPI
CloseThreadpoolTimer(PTP_TIMER Timer)
{
    BasePoolCancelTimer(&Timer->Timer);
    BasePoolDereference(&Timer->Item);
}

/* ---- timer queues ---- */

typedef struct POOL_QUEUE {
    BASE_POOL_ITEM Item; /* pending: its timers that are not done */
} POOL_QUEUE;

typedef struct POOL_QUEUE_TIMER {
    BASE_POOL_ITEM Item;
    BASE_POOL_TIMER Timer;
    struct POOL_QUEUE_TIMER *Next; /* of all queues */
    POOL_QUEUE *Queue;             /* NULL: the default one */
    WAITORTIMERCALLBACK Callback;
    PVOID Parameter;
} POOL_QUEUE_TIMER;

static POOL_QUEUE_TIMER *BaseQueueTimers; /* BasePoolLock; those not deleted */

static VOID
RunQueueTimer(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument,
              IO_STATUS_BLOCK *Iosb)
{
    POOL_QUEUE_TIMER *timer = (POOL_QUEUE_TIMER *)Item;

    timer->Callback(timer->Parameter, TRUE);
}

/* A queue itself has nothing to run. */
static VOID
RunQueue(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument,
         IO_STATUS_BLOCK *Iosb)
{
}

HANDLE WINAPI
CreateTimerQueue(VOID)
{
    POOL_QUEUE *queue = BasePoolCreateItem(sizeof(*queue), RunQueue, NULL);

    if (queue != NULL) {
        BasePoolAddHandle(&queue->Item);
    }
    return queue;
}

/* Puts a new timer on the list; FALSE: the queue is none. */
static BOOLEAN
AddQueueTimer(POOL_QUEUE_TIMER *Timer)
{
    POOL_QUEUE *queue = Timer->Queue;
    BOOLEAN known;

    AcquireSRWLockExclusive(&BasePoolLock);
    known = queue == NULL || BasePoolIsHandleLocked(queue, RunQueue);
    if (known) {
        if (queue != NULL) {
            BasePoolPromiseLocked(&queue->Item);
            Timer->Item.Parent = &queue->Item;
        }
        Timer->Next = BaseQueueTimers;
        BaseQueueTimers = Timer;
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    return known;
}

/* Takes a timer of the queue off the list; Handle NULL: any. NULL: there is none. */
static POOL_QUEUE_TIMER *
TakeQueueTimer(HANDLE Queue, HANDLE Handle)
{
    POOL_QUEUE_TIMER **link = &BaseQueueTimers;
    POOL_QUEUE_TIMER *timer;

    AcquireSRWLockExclusive(&BasePoolLock);
    while (*link != NULL &&
           ((HANDLE)(*link)->Queue != Queue || (Handle != NULL && (HANDLE)*link != Handle))) {
        link = &(*link)->Next;
    }
    timer = *link;
    if (timer != NULL) {
        *link = timer->Next;
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    return timer;
}

/*
 * CreateTimerQueueTimer - Callback(Parameter, TRUE) in DueTime, then every Period milliseconds
 *
 * Queue    NULL: the default one
 * Flags    WT_EXECUTEINTIMERTHREAD, WT_EXECUTEONLYONCE; the others have no effect
 * Errors   ERROR_INVALID_PARAMETER, ERROR_INVALID_HANDLE, ERROR_NOT_ENOUGH_MEMORY
 * Differs  DueTime INFINITE never comes
 */
BOOL WINAPI
CreateTimerQueueTimer(PHANDLE Handle, HANDLE Queue, WAITORTIMERCALLBACK Callback, PVOID Parameter,
                      DWORD DueTime, DWORD Period, ULONG Flags)
{
    POOL_QUEUE_TIMER *timer;

    if (Handle == NULL || Callback == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    timer = BasePoolCreateItem(sizeof(*timer), RunQueueTimer, NULL);
    if (timer == NULL) {
        return FALSE;
    }
    timer->Timer.Item = &timer->Item;
    timer->Timer.InThread = (Flags & WT_EXECUTEINTIMERTHREAD) != 0;
    timer->Queue = Queue;
    timer->Callback = Callback;
    timer->Parameter = Parameter;
    if (!AddQueueTimer(timer)) {
        BasePoolDereference(&timer->Item);
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    *Handle = timer; /* before the callback may want it */
    if (DueTime != INFINITE && !BasePoolSetTimer(&timer->Timer, (ULONG64)DueTime * MILLISECOND,
                                                 (Flags & WT_EXECUTEONLYONCE) != 0 ? 0 : Period)) {
        DeleteTimerQueueTimer(Queue, timer, NULL);
        return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    }
    return TRUE;
}

/* A one-shot timer that has expired stays as it is, as on Windows. */
BOOL WINAPI
ChangeTimerQueueTimer(HANDLE Queue, HANDLE Handle, ULONG DueTime, ULONG Period)
{
    POOL_QUEUE_TIMER *timer = BaseQueueTimers;

    AcquireSRWLockShared(&BasePoolLock);
    timer = BaseQueueTimers;
    while (timer != NULL && ((HANDLE)timer != Handle || (HANDLE)timer->Queue != Queue)) {
        timer = timer->Next;
    }
    if (timer != NULL) {
        __atomic_add_fetch(&timer->Item.References, 1, __ATOMIC_RELAXED);
    }
    ReleaseSRWLockShared(&BasePoolLock);
    if (timer == NULL) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    if (BasePoolCancelTimer(&timer->Timer) && DueTime != INFINITE) {
        BasePoolSetTimer(&timer->Timer, (ULONG64)DueTime * MILLISECOND, Period);
    }
    BasePoolDereference(&timer->Item);
    return TRUE;
}

/*
 * DeleteTimerQueueTimer - no more callbacks
 *
 * Completion  NULL; an event, set when the last callback has returned; INVALID_HANDLE_VALUE: waits
 * Errors      ERROR_IO_PENDING (a callback runs; the timer goes all the same),
 *             ERROR_INVALID_HANDLE
 */
BOOL WINAPI
DeleteTimerQueueTimer(HANDLE Queue, HANDLE Handle, HANDLE Completion)
{
    POOL_QUEUE_TIMER *timer = Handle != NULL ? TakeQueueTimer(Queue, Handle) : NULL;

    if (timer == NULL) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    BasePoolCancelTimer(&timer->Timer);
    return BasePoolClose(&timer->Item, Completion);
}

BOOL WINAPI
DeleteTimerQueueEx(HANDLE Queue, HANDLE Completion)
{
    POOL_QUEUE_TIMER *timer;

    if (Queue == NULL || !BasePoolRemoveHandle(Queue, RunQueue)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    while ((timer = TakeQueueTimer(Queue, NULL)) != NULL) {
        BasePoolCancelTimer(&timer->Timer);
        BasePoolClose(&timer->Item, NULL);
    }
    return BasePoolClose(&((POOL_QUEUE *)Queue)->Item, Completion);
}

BOOL WINAPI
DeleteTimerQueue(HANDLE Queue)
{
    return DeleteTimerQueueEx(Queue, NULL);
}
