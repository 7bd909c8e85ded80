/* SPDX-License-Identifier: MIT
 *
 * kernel32/poolwait.c - waits of the thread pool, and registered waits
 *
 * A waiter is a thread that waits for up to 63 objects and for its own event, which tells it that
 * its list has changed.
 *
 * Invariants  Q1  a wait is on the list of its Waiter, and of no other; Waiter NULL: on none.
 *             Q2  a waiter's Round changes whenever it comes back from waiting. Who takes a wait
 *                 off its list wakes the waiter and stays until then, so that no signal is consumed
 *                 for it afterwards.
 */
#include <stdlib.h>

#include "kernel32/pool.h"

#define MILLISECOND 1000000u
#define WAITS 63

struct BASE_POOL_WAITER {
    BASE_POOL_WAITER *Next;
    HANDLE Wake;
    DWORD ThreadId;
    ULONG Round;
    ULONG Count;
    BASE_POOL_WAIT *Waits[WAITS];
};

static BASE_POOL_WAITER *BasePoolWaiters; /* BasePoolLock, as all of them */
static CONDITION_VARIABLE BasePoolRound = CONDITION_VARIABLE_INIT;

/* ---- the waiter ---- */

/* Off its list; T2's reference becomes the caller's. */
static VOID
RemoveLocked(BASE_POOL_WAIT *Wait)
{
    BASE_POOL_WAITER *waiter = Wait->Waiter;
    ULONG i = 0;

    while (waiter->Waits[i] != Wait) {
        i++;
    }
    waiter->Waits[i] = waiter->Waits[--waiter->Count];
    Wait->Waiter = NULL;
}

typedef struct WAIT_ROUND {
    HANDLE Handles[WAITS + 1];
    BASE_POOL_WAIT *Waits[WAITS + 1];
    ULONG Count;
    ULONG64 Due;
} WAIT_ROUND;

static VOID
BeginRoundLocked(BASE_POOL_WAITER *Waiter, WAIT_ROUND *Round)
{
    Round->Handles[0] = Waiter->Wake;
    Round->Waits[0] = NULL;
    Round->Count = 1;
    Round->Due = UINT64_MAX;
    for (ULONG i = 0; i < Waiter->Count; i++) {
        BASE_POOL_WAIT *wait = Waiter->Waits[i];

        if (wait->Armed) {
            Round->Handles[Round->Count] = wait->Object;
            Round->Waits[Round->Count++] = wait;
            Round->Due = wait->Due < Round->Due ? wait->Due : Round->Due;
        }
    }
}

/* The wait is still on this list: it may have been taken off, and its memory be gone. */
static BOOLEAN
IsListedLocked(const BASE_POOL_WAITER *Waiter, const BASE_POOL_WAIT *Wait)
{
    for (ULONG i = 0; i < Waiter->Count; i++) {
        if (Waiter->Waits[i] == Wait) {
            return Wait->Armed;
        }
    }
    return FALSE;
}

/* Promises the callback of a wait that ended. Called and left with the lock; not held between. */
static VOID
FireLocked(BASE_POOL_WAIT *Wait, DWORD Result)
{
    BASE_POOL_ITEM *item = Wait->Item;
    BOOLEAN inThread = Wait->InThread;
    HANDLE object = NULL;
    BOOLEAN once = Wait->Once;

    BasePoolPromiseLocked(item);
    Wait->Armed = FALSE;
    if (once) {
        RemoveLocked(Wait);
        object = Wait->Object;
        Wait->Object = NULL;
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    if (object != NULL) {
        CloseHandle(object);
    }
    if (inThread) {
        IO_STATUS_BLOCK iosb = {0};

        BasePoolRunHere(item, (PVOID)(ULONG_PTR)Result, &iosb);
    } else {
        BasePoolSend(item, (PVOID)(ULONG_PTR)Result);
    }
    if (once) {
        BasePoolDereference(item);
    }
    AcquireSRWLockExclusive(&BasePoolLock);
}

/* Fires what a round has brought: one signaled object, and all that timed out. */
static VOID
EndRoundLocked(BASE_POOL_WAITER *Waiter, WAIT_ROUND *Round, NTSTATUS Status)
{
    ULONG64 now = NtdllHostMonotonicTime();
    ULONG signaled = (ULONG)Status;

    for (ULONG i = 1; i < Round->Count; i++) {
        LARGE_INTEGER zero = {.QuadPart = 0};
        BASE_POOL_WAIT *wait = Round->Waits[i];
        BOOLEAN is = i == signaled;

        if (!IsListedLocked(Waiter, wait)) {
            continue;
        }
        if (!NT_SUCCESS(Status)) { /* one of them cannot be waited for: which says its own wait */
            NTSTATUS alone = NTDLL_CALL(NtWaitForSingleObject)(wait->Object, FALSE, &zero);

            is = alone == STATUS_WAIT_0;
            wait->Armed = NT_SUCCESS(alone) && wait->Armed;
        }
        if (is || (wait->Armed && wait->Due <= now)) {
            FireLocked(wait, is ? WAIT_OBJECT_0 : WAIT_TIMEOUT);
        }
    }
}

static DWORD WINAPI
WaiterThread(LPVOID Context)
{
    BASE_POOL_WAITER *waiter = Context;
    WAIT_ROUND round;
    NTSTATUS status;

    AcquireSRWLockExclusive(&BasePoolLock);
    waiter->ThreadId = GetCurrentThreadId();
    do {
        LARGE_INTEGER timeOut;
        ULONG64 now = NtdllHostMonotonicTime();

        BeginRoundLocked(waiter, &round);
        timeOut.QuadPart = round.Due <= now ? 0 : -(LONGLONG)((round.Due - now) / 100 + 1);
        ReleaseSRWLockExclusive(&BasePoolLock);
        status =
            NTDLL_CALL(NtWaitForMultipleObjects)(round.Count, round.Handles, 1 /* any */, FALSE,
                                                 round.Due != UINT64_MAX ? &timeOut : NULL);
        AcquireSRWLockExclusive(&BasePoolLock);
        waiter->Round++;
        WakeAllConditionVariable(&BasePoolRound);
        EndRoundLocked(waiter, &round, status);
    } while (NT_SUCCESS(status) || round.Count > 1);
    ReleaseSRWLockExclusive(&BasePoolLock);
    return 0;
}

/* One with room; NULL and the last error. */
static BASE_POOL_WAITER *
FindWaiterLocked(VOID)
{
    BASE_POOL_WAITER *waiter = BasePoolWaiters;
    HANDLE thread;

    while (waiter != NULL && waiter->Count == WAITS) {
        waiter = waiter->Next;
    }
    if (waiter != NULL) {
        return waiter;
    }
    waiter = calloc(1, sizeof(*waiter));
    if (waiter == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    waiter->Wake = CreateEventW(NULL, FALSE, FALSE, NULL);
    thread = waiter->Wake != NULL ? CreateThread(NULL, 0, WaiterThread, waiter, 0, NULL) : NULL;
    if (thread == NULL) {
        if (waiter->Wake != NULL) {
            CloseHandle(waiter->Wake);
        }
        free(waiter);
        return NULL;
    }
    CloseHandle(thread);
    waiter->Next = BasePoolWaiters;
    BasePoolWaiters = waiter;
    return waiter;
}

/* ---- for the objects ---- */

static VOID
ArmLocked(BASE_POOL_WAIT *Wait)
{
    Wait->Armed = TRUE;
    Wait->Due = Wait->Timeout == UINT64_MAX ? UINT64_MAX : NtdllHostMonotonicTime() + Wait->Timeout;
}

BOOL
BasePoolSetWait(BASE_POOL_WAIT *Wait, HANDLE Object, ULONG64 Timeout)
{
    BASE_POOL_WAITER *waiter;
    HANDLE copy;

    if (!DuplicateHandle(GetCurrentProcess(), Object, GetCurrentProcess(), &copy, SYNCHRONIZE,
                         FALSE, 0)) {
        return FALSE;
    }
    AcquireSRWLockExclusive(&BasePoolLock);
    waiter = FindWaiterLocked();
    if (waiter != NULL) {
        __atomic_add_fetch(&Wait->Item->References, 1, __ATOMIC_RELAXED); /* T2 */
        Wait->Object = copy;
        Wait->Timeout = Timeout;
        Wait->Waiter = waiter;
        waiter->Waits[waiter->Count++] = Wait;
        ArmLocked(Wait);
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    if (waiter == NULL) {
        CloseHandle(copy);
        return FALSE;
    }
    SetEvent(waiter->Wake);
    return TRUE;
}

BOOLEAN
BasePoolCancelWait(BASE_POOL_WAIT *Wait)
{
    BASE_POOL_WAITER *waiter;
    HANDLE object = NULL;
    ULONG round;

    AcquireSRWLockExclusive(&BasePoolLock);
    waiter = Wait->Waiter;
    if (waiter != NULL) {
        RemoveLocked(Wait);
        object = Wait->Object;
        Wait->Object = NULL;
        round = waiter->Round;
        SetEvent(waiter->Wake);
        while (waiter->ThreadId != GetCurrentThreadId() && waiter->Round == round) { /* Q2 */
            SleepConditionVariableSRW(&BasePoolRound, &BasePoolLock, INFINITE, 0);
        }
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    if (waiter == NULL) {
        return FALSE;
    }
    CloseHandle(object);
    BasePoolDereference(Wait->Item);
    return TRUE;
}

VOID
BasePoolRearmWait(BASE_POOL_WAIT *Wait)
{
    AcquireSRWLockExclusive(&BasePoolLock);
    if (Wait->Waiter != NULL) {
        ArmLocked(Wait);
        SetEvent(Wait->Waiter->Wake);
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
}

/* ---- waits of the pool ---- */

struct _TP_WAIT {
    BASE_POOL_ITEM Item;
    BASE_POOL_WAIT Wait;
    PTP_WAIT_CALLBACK Callback;
    PVOID Context;
};

static VOID
RunWait(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument, IO_STATUS_BLOCK *Iosb)
{
    PTP_WAIT wait = (PTP_WAIT)Item;

    wait->Callback(Instance, wait->Context, wait, (TP_WAIT_RESULT)(ULONG_PTR)Argument);
}

PTP_WAIT WINAPI
CreateThreadpoolWait(PTP_WAIT_CALLBACK Callback, PVOID Context, PTP_CALLBACK_ENVIRON Environment)
{
    PTP_WAIT wait = BasePoolCreateItem(sizeof(*wait), RunWait, Environment);

    if (wait != NULL) {
        wait->Wait.Item = &wait->Item;
        wait->Wait.Once = TRUE;
        wait->Callback = Callback;
        wait->Context = Context;
    }
    return wait;
}

/*
 * SetThreadpoolWaitEx - wait for an object, once, in place of the one before
 *
 * Object   NULL: for none any more
 * Timeout  NULL: for ever; else as SetThreadpoolTimer's time
 * Returns  TRUE: it waited before
 * Differs  an object that cannot be waited for is not told but by the last error
 */
BOOL WINAPI
SetThreadpoolWaitEx(PTP_WAIT Wait, HANDLE Object, PFILETIME Timeout, PVOID Reserved)
{
    BOOLEAN before = BasePoolCancelWait(&Wait->Wait);

    if (Object != NULL) {
        BasePoolSetWait(&Wait->Wait, Object,
                        Timeout != NULL ? BasePoolDistance(Timeout) : UINT64_MAX);
    }
    return before;
}

VOID WINAPI
SetThreadpoolWait(PTP_WAIT Wait, HANDLE Object, PFILETIME Timeout)
{
    SetThreadpoolWaitEx(Wait, Object, Timeout, NULL);
}

VOID WINAPI
WaitForThreadpoolWaitCallbacks(PTP_WAIT Wait, BOOL Cancel)
{
    BasePoolWaitFor(&Wait->Item, Cancel);
}

VOID WINAPI
CloseThreadpoolWait(PTP_WAIT Wait)
{
    BasePoolCancelWait(&Wait->Wait);
    BasePoolDereference(&Wait->Item);
}

/* ---- registered waits ---- */

typedef struct POOL_REGISTERED {
    BASE_POOL_ITEM Item;
    BASE_POOL_WAIT Wait;
    WAITORTIMERCALLBACK Callback;
    PVOID Context;
} POOL_REGISTERED;

static VOID
RunRegistered(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument,
              IO_STATUS_BLOCK *Iosb)
{
    POOL_REGISTERED *registered = (POOL_REGISTERED *)Item;

    registered->Callback(registered->Context, (ULONG_PTR)Argument == WAIT_TIMEOUT);
    BasePoolRearmWait(&registered->Wait);
}

/*
 * RegisterWaitForSingleObject - Callback(Context, timed out?) whenever Object is signaled
 *
 * Flags    WT_EXECUTEONLYONCE, WT_EXECUTEINWAITTHREAD; the others have no effect
 * Errors   ERROR_INVALID_PARAMETER, ERROR_INVALID_HANDLE, ERROR_NOT_ENOUGH_MEMORY
 * Differs  a repeated wait goes on when its callback has returned
 */
BOOL WINAPI
RegisterWaitForSingleObject(PHANDLE Handle, HANDLE Object, WAITORTIMERCALLBACK Callback,
                            PVOID Context, ULONG Milliseconds, ULONG Flags)
{
    POOL_REGISTERED *registered;

    if (Handle == NULL || Callback == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    registered = BasePoolCreateItem(sizeof(*registered), RunRegistered, NULL);
    if (registered == NULL) {
        return FALSE;
    }
    registered->Wait.Item = &registered->Item;
    registered->Wait.Once = (Flags & WT_EXECUTEONLYONCE) != 0;
    registered->Wait.InThread = (Flags & WT_EXECUTEINWAITTHREAD) != 0;
    registered->Callback = Callback;
    registered->Context = Context;
    BasePoolAddHandle(&registered->Item);
    *Handle = registered; /* before the callback may want it */
    if (!BasePoolSetWait(&registered->Wait, Object,
                         Milliseconds == INFINITE ? UINT64_MAX
                                                  : (ULONG64)Milliseconds * MILLISECOND)) {
        BasePoolRemoveHandle(registered, RunRegistered);
        BasePoolDereference(&registered->Item);
        *Handle = NULL;
        return FALSE;
    }
    return TRUE;
}

/*
 * UnregisterWaitEx - no more callbacks
 *
 * Completion  as DeleteTimerQueueTimer's
 * Errors      ERROR_IO_PENDING (a callback runs or is about to; the wait goes all the same),
 *             ERROR_INVALID_HANDLE
 */
BOOL WINAPI
UnregisterWaitEx(HANDLE Handle, HANDLE Completion)
{
    POOL_REGISTERED *registered = Handle;

    if (Handle == NULL || !BasePoolRemoveHandle(Handle, RunRegistered)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    BasePoolCancelWait(&registered->Wait);
    return BasePoolClose(&registered->Item, Completion);
}

BOOL WINAPI
UnregisterWait(HANDLE Handle)
{
    return UnregisterWaitEx(Handle, NULL);
}
