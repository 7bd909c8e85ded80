/* SPDX-License-Identifier: MIT
 *
 * kernel32/pool.c - the thread pool: its port, its workers, and work
 *
 * One pool serves the process: threads of CreateThread that take packets from a completion port.
 * A packet's key is the item that it belongs to. The workers stay until the process ends.
 *
 * Source   SDK reference, threadpoolapiset.h, threadpoollegacyapiset.h, winbase.h
 *          BindIoCompletionCallback.
 */
#include <stdlib.h>

#include "kernel32/pool.h"

#define WORKER_LIMIT 512

SRWLOCK BasePoolLock = SRWLOCK_INIT;
static CONDITION_VARIABLE BasePoolDone = CONDITION_VARIABLE_INIT; /* an item lost a callback */
static HANDLE BasePoolPort;                                       /* atomic */
static LONG BasePoolIdle;                                         /* workers in or before a wait */
static LONG BasePoolWorkers;
static BASE_POOL_ITEM *BasePoolHandles;

static DWORD WINAPI BasePoolWork(LPVOID Context);

static BOOL
AddWorker(VOID)
{
    HANDLE thread;

    if (__atomic_add_fetch(&BasePoolWorkers, 1, __ATOMIC_RELAXED) > WORKER_LIMIT) {
        __atomic_sub_fetch(&BasePoolWorkers, 1, __ATOMIC_RELAXED);
        return FALSE;
    }
    __atomic_add_fetch(&BasePoolIdle, 1, __ATOMIC_SEQ_CST);
    thread = CreateThread(NULL, 0, BasePoolWork, NULL, 0, NULL);
    if (thread == NULL) {
        __atomic_sub_fetch(&BasePoolIdle, 1, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&BasePoolWorkers, 1, __ATOMIC_RELAXED);
        return FALSE;
    }
    CloseHandle(thread);
    return TRUE;
}

/* The port with a worker behind it; NULL and the last error. */
static HANDLE
StartPool(VOID)
{
    HANDLE port = __atomic_load_n(&BasePoolPort, __ATOMIC_ACQUIRE);
    HANDLE none = NULL;

    if (port == NULL) {
        port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
        if (port != NULL && !__atomic_compare_exchange_n(&BasePoolPort, &none, port, 0,
                                                         __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            CloseHandle(port);
            port = none;
        }
    }
    if (port != NULL && __atomic_load_n(&BasePoolWorkers, __ATOMIC_RELAXED) == 0 && !AddWorker()) {
        return NULL;
    }
    return port;
}

/* ---- items ---- */

PVOID
BasePoolCreateItem(size_t Size, BASE_POOL_RUN *Run, PTP_CALLBACK_ENVIRON Environment)
{
    BASE_POOL_ITEM *item;

    if (Environment != NULL && (Environment->Pool != NULL || Environment->CleanupGroup != NULL ||
                                Environment->FinalizationCallback != NULL)) {
        BaseFail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    if (StartPool() == NULL) {
        return NULL;
    }
    item = calloc(1, Size);
    if (item == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    item->References = 1;
    item->Run = Run;
    return item;
}

VOID
BasePoolDereference(BASE_POOL_ITEM *Item)
{
    if (__atomic_sub_fetch(&Item->References, 1, __ATOMIC_ACQ_REL) == 0) {
        free(Item);
    }
}

VOID
BasePoolPromiseLocked(BASE_POOL_ITEM *Item)
{
    Item->Pending++;
    __atomic_add_fetch(&Item->References, 1, __ATOMIC_RELAXED);
}

/* The event of an item that is closed and done; then it has none. */
static ULONG
TakeEventLocked(BASE_POOL_ITEM *Item, HANDLE *Event)
{
    if (!Item->Closed || Item->Pending != 0 || Item->Running != 0 || Item->Completion == NULL) {
        return 0;
    }
    *Event = Item->Completion;
    Item->Completion = NULL;
    return 1;
}

/* Something ended: takes the events to set, of the item and of the one above it. */
static ULONG
FinishLocked(BASE_POOL_ITEM *Item, HANDLE Events[2])
{
    ULONG count = TakeEventLocked(Item, &Events[0]);
    BASE_POOL_ITEM *parent = Item->Parent;

    WakeAllConditionVariable(&BasePoolDone);
    if (parent != NULL && Item->Closed && Item->Pending == 0 && Item->Running == 0) {
        Item->Parent = NULL;
        parent->Pending--;
        count += TakeEventLocked(parent, &Events[count]);
        BasePoolDereference(parent);
    }
    return count;
}

static VOID
SetEvents(HANDLE Events[2], ULONG Count)
{
    while (Count != 0) {
        SetEvent(Events[--Count]);
    }
}

VOID
BasePoolSend(BASE_POOL_ITEM *Item, PVOID Argument)
{
    IO_STATUS_BLOCK iosb = {0};

    if (!PostQueuedCompletionStatus(BasePoolPort, 0, (ULONG_PTR)Item, Argument)) {
        /* No memory for a packet: the callback is made here, rather than never. */
        BasePoolRunHere(Item, Argument, &iosb);
    }
}

static VOID
EndInstance(PTP_CALLBACK_INSTANCE Instance)
{
    if (Instance->Section != NULL) {
        LeaveCriticalSection(Instance->Section);
    }
    if (Instance->Mutex != NULL) {
        ReleaseMutex(Instance->Mutex);
    }
    if (Instance->Semaphore != NULL) {
        ReleaseSemaphore(Instance->Semaphore, (LONG)Instance->Release, NULL);
    }
    if (Instance->Event != NULL) {
        SetEvent(Instance->Event);
    }
    if (Instance->Module != NULL) {
        FreeLibrary(Instance->Module);
    }
}

/* The running callback counts no more. */
static VOID
EndRun(BASE_POOL_ITEM *Item)
{
    HANDLE events[2];
    ULONG count;

    AcquireSRWLockExclusive(&BasePoolLock);
    Item->Running--;
    count = FinishLocked(Item, events);
    ReleaseSRWLockExclusive(&BasePoolLock);
    SetEvents(events, count);
}

VOID
BasePoolWithdraw(BASE_POOL_ITEM *Item)
{
    HANDLE events[2];
    ULONG count;

    AcquireSRWLockExclusive(&BasePoolLock);
    Item->Pending -= Item->Pending != 0 ? 1 : 0;
    count = FinishLocked(Item, events);
    ReleaseSRWLockExclusive(&BasePoolLock);
    SetEvents(events, count);
    BasePoolDereference(Item);
}

VOID
BasePoolRunHere(BASE_POOL_ITEM *Item, PVOID Argument, IO_STATUS_BLOCK *Iosb)
{
    struct _TP_CALLBACK_INSTANCE instance = {.Item = Item};
    BOOLEAN promised;

    AcquireSRWLockExclusive(&BasePoolLock);
    promised = Item->Pending != 0 || Item->Unlimited;
    if (promised) {
        Item->Pending -= Item->Unlimited ? 0 : 1;
        Item->Running++;
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    if (promised) {
        Item->Run(Item, &instance, Argument, Iosb);
        EndInstance(&instance);
        if (!instance.Disassociated) {
            EndRun(Item);
        }
    }
    if (!Item->Unlimited) {
        BasePoolDereference(Item);
    }
}

static DWORD WINAPI
BasePoolWork(LPVOID Context)
{
    IO_STATUS_BLOCK iosb;
    PVOID argument;
    PVOID key;

    while (
        NT_SUCCESS(NTDLL_CALL(NtRemoveIoCompletion)(BasePoolPort, &key, &argument, &iosb, NULL))) {
        if (__atomic_sub_fetch(&BasePoolIdle, 1, __ATOMIC_SEQ_CST) == 0) {
            AddWorker(); /* T3 */
        }
        BasePoolRunHere(key, argument, &iosb);
        __atomic_add_fetch(&BasePoolIdle, 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

VOID
BasePoolWaitFor(BASE_POOL_ITEM *Item, BOOL Cancel)
{
    AcquireSRWLockExclusive(&BasePoolLock);
    if (Cancel) {
        Item->Pending = 0; /* T1 */
    }
    while (Item->Pending != 0 || Item->Running != 0) {
        SleepConditionVariableSRW(&BasePoolDone, &BasePoolLock, INFINITE, 0);
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
}

BOOL
BasePoolClose(BASE_POOL_ITEM *Item, HANDLE Completion)
{
    BOOLEAN waits = Completion == INVALID_HANDLE_VALUE;
    HANDLE events[2];
    BOOLEAN busy;
    ULONG count;

    AcquireSRWLockExclusive(&BasePoolLock);
    busy = Item->Pending != 0 || Item->Running != 0;
    Item->Closed = TRUE;
    Item->Completion = waits ? NULL : Completion;
    while (waits && (Item->Pending != 0 || Item->Running != 0)) {
        SleepConditionVariableSRW(&BasePoolDone, &BasePoolLock, INFINITE, 0);
    }
    count = FinishLocked(Item, events);
    ReleaseSRWLockExclusive(&BasePoolLock);
    SetEvents(events, count);
    BasePoolDereference(Item);
    return !busy || waits ? TRUE : BaseFail(ERROR_IO_PENDING);
}

BOOL
BasePoolBindFile(HANDLE File, BASE_POOL_ITEM *Item)
{
    return CreateIoCompletionPort(File, BasePoolPort, (ULONG_PTR)Item, 0) != NULL;
}

/* ---- what has a HANDLE ---- */

BOOLEAN
BasePoolIsHandleLocked(HANDLE Handle, BASE_POOL_RUN *Run)
{
    BASE_POOL_ITEM *item = BasePoolHandles;

    while (item != NULL && (HANDLE)item != Handle) {
        item = item->NextHandle;
    }
    return item != NULL && item->Run == Run;
}

VOID
BasePoolAddHandle(BASE_POOL_ITEM *Item)
{
    AcquireSRWLockExclusive(&BasePoolLock);
    Item->NextHandle = BasePoolHandles;
    BasePoolHandles = Item;
    ReleaseSRWLockExclusive(&BasePoolLock);
}

BOOLEAN
BasePoolRemoveHandle(HANDLE Handle, BASE_POOL_RUN *Run)
{
    BASE_POOL_ITEM **link = &BasePoolHandles;
    BOOLEAN found;

    AcquireSRWLockExclusive(&BasePoolLock);
    found = BasePoolIsHandleLocked(Handle, Run);
    while (found && (HANDLE)*link != Handle) {
        link = &(*link)->NextHandle;
    }
    if (found) {
        *link = (*link)->NextHandle;
    }
    ReleaseSRWLockExclusive(&BasePoolLock);
    return found;
}

/* ---- work ---- */

struct _TP_WORK {
    BASE_POOL_ITEM Item;
    PTP_WORK_CALLBACK Callback;
    PVOID Context;
};

static VOID
RunWork(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument, IO_STATUS_BLOCK *Iosb)
{
    PTP_WORK work = (PTP_WORK)Item;

    work->Callback(Instance, work->Context, work);
}

/*
 * CreateThreadpoolWork - work that can be submitted to the pool again and again
 *
 * Errors   ERROR_NOT_SUPPORTED (an environment with a pool of its own, a cleanup group or a
 *          finalization callback), ERROR_NOT_ENOUGH_MEMORY; so for the other kinds of objects
 */
PTP_WORK WINAPI
CreateThreadpoolWork(PTP_WORK_CALLBACK Callback, PVOID Context, PTP_CALLBACK_ENVIRON Environment)
{
    PTP_WORK work = BasePoolCreateItem(sizeof(*work), RunWork, Environment);

    if (work != NULL) {
        work->Callback = Callback;
        work->Context = Context;
    }
    return work;
}

static VOID
Submit(BASE_POOL_ITEM *Item)
{
    AcquireSRWLockExclusive(&BasePoolLock);
    BasePoolPromiseLocked(Item);
    ReleaseSRWLockExclusive(&BasePoolLock);
    BasePoolSend(Item, NULL);
}

VOID WINAPI
SubmitThreadpoolWork(PTP_WORK Work)
{
    Submit(&Work->Item);
}

VOID WINAPI
WaitForThreadpoolWorkCallbacks(PTP_WORK Work, BOOL Cancel)
{
    BasePoolWaitFor(&Work->Item, Cancel);
}

/* What was submitted still runs; the memory goes behind it. */
VOID WINAPI
CloseThreadpoolWork(PTP_WORK Work)
{
    BasePoolDereference(&Work->Item);
}

typedef struct POOL_SIMPLE {
    BASE_POOL_ITEM Item;
    PTP_SIMPLE_CALLBACK Callback;
    LPTHREAD_START_ROUTINE Routine;
    PVOID Context;
} POOL_SIMPLE;

static VOID
RunSimple(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument,
          IO_STATUS_BLOCK *Iosb)
{
    POOL_SIMPLE *simple = (POOL_SIMPLE *)Item;

    if (simple->Callback != NULL) {
        simple->Callback(Instance, simple->Context);
    } else {
        simple->Routine(simple->Context);
    }
}

static BOOL
SubmitSimple(PTP_SIMPLE_CALLBACK Callback, LPTHREAD_START_ROUTINE Routine, PVOID Context,
             PTP_CALLBACK_ENVIRON Environment)
{
    POOL_SIMPLE *simple = BasePoolCreateItem(sizeof(*simple), RunSimple, Environment);

    if (simple == NULL) {
        return FALSE;
    }
    simple->Callback = Callback;
    simple->Routine = Routine;
    simple->Context = Context;
    Submit(&simple->Item);
    BasePoolDereference(&simple->Item);
    return TRUE;
}

BOOL WINAPI
TrySubmitThreadpoolCallback(PTP_SIMPLE_CALLBACK Callback, PVOID Context,
                            PTP_CALLBACK_ENVIRON Environment)
{
    return SubmitSimple(Callback, NULL, Context, Environment);
}

/* QueueUserWorkItem - Flags have no effect: there is one kind of worker */
BOOL WINAPI
QueueUserWorkItem(LPTHREAD_START_ROUTINE Routine, PVOID Context, ULONG Flags)
{
    return SubmitSimple(NULL, Routine, Context, NULL);
}

/* ---- inside a callback ---- */

/* T3: it may, always. */
BOOL WINAPI
CallbackMayRunLong(PTP_CALLBACK_INSTANCE Instance)
{
    return TRUE;
}

/* Nobody waits for this callback any more. */
VOID WINAPI
DisassociateCurrentThreadFromCallback(PTP_CALLBACK_INSTANCE Instance)
{
    if (!Instance->Disassociated) {
        Instance->Disassociated = TRUE;
        EndRun(Instance->Item);
    }
}

VOID WINAPI
SetEventWhenCallbackReturns(PTP_CALLBACK_INSTANCE Instance, HANDLE Event)
{
    Instance->Event = Event;
}

VOID WINAPI
ReleaseSemaphoreWhenCallbackReturns(PTP_CALLBACK_INSTANCE Instance, HANDLE Semaphore, DWORD Release)
{
    Instance->Semaphore = Semaphore;
    Instance->Release = Release;
}

VOID WINAPI
ReleaseMutexWhenCallbackReturns(PTP_CALLBACK_INSTANCE Instance, HANDLE Mutex)
{
    Instance->Mutex = Mutex;
}

VOID WINAPI
LeaveCriticalSectionWhenCallbackReturns(PTP_CALLBACK_INSTANCE Instance, PCRITICAL_SECTION Section)
{
    Instance->Section = Section;
}

VOID WINAPI
FreeLibraryWhenCallbackReturns(PTP_CALLBACK_INSTANCE Instance, HMODULE Module)
{
    Instance->Module = Module;
}
