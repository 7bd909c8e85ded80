/* SPDX-License-Identifier: MIT
 *
 * test/model/waits_model.c - what events, semaphores, mutexes, threads and waits do, in plain C
 *
 * Waiters of an object are served oldest first. An object is tested for its waiters whenever it
 * may have become signaled; a wait for all takes everything or nothing.
 *
 * Source  WDK reference, wdm.h KeSetEvent, KeResetEvent, KePulseEvent, KeReleaseSemaphore,
 *         KeReleaseMutex, KeWaitForSingleObject, KeWaitForMultipleObjects,
 *         KeDelayExecutionThread; "Do Waiting Threads Receive Alerts and APCs?"
 */
#include "waits.h"

#include <string.h>

static const char *const Names[] = {
    "Set",          "Reset", "Pulse", "Read",     "ReleaseSemaphore",
    "ReleaseMutex", "Wait",  "Alert", "QueueApc", "TakeApc",
    "CloseApcs",    "End",   "state"};

static WAITS *
Own(MODEL_STATE *State)
{
    return (WAITS *)(void *)State->Own;
}

static int
IsMutex(const WAITS_OBJECT *Object)
{
    return Object->Kind == WAITS_MUTEX || Object->Kind == WAITS_MUTANT;
}

static uint32_t
ListedObject(const MODEL_OP *Op, int32_t Index)
{
    return (uint32_t)Op->Data[WAITS_LIST] >> (4 * Index) & 15;
}

/* ---- taking ---- */

static int
IsSignaled(const WAITS_OBJECT *Object, uint32_t Thread)
{
    return Object->State > 0 || (IsMutex(Object) && Object->Owner == (int8_t)(Thread + 1));
}

/* 1 if the mutex was abandoned. */
static int
Take(MODEL_STATE *State, uint32_t Number, uint32_t Thread)
{
    WAITS_OBJECT *object = &Own(State)->Objects[Number];
    WAITS_THREAD *thread = &Own(State)->Threads[Thread];
    int abandoned = 0;

    if (object->Kind == WAITS_SYNCHRONIZATION) {
        object->State = 0;
    } else if (object->Kind == WAITS_SEMAPHORE) {
        object->State--;
    } else if (IsMutex(object)) {
        if (object->Owner == 0) {
            object->Owner = (int8_t)(Thread + 1);
            thread->Mutex[thread->Held++] = (int8_t)Number;
            abandoned = object->Abandoned;
            object->Abandoned = 0;
        }
        object->State--;
    }
    return abandoned;
}

static void
Unqueue(MODEL_STATE *State, uint32_t Thread)
{
    for (uint32_t i = 0; i < WAITS_OBJECTS; i++) {
        WAITS_OBJECT *object = &Own(State)->Objects[i];
        int8_t kept = 0;

        for (int8_t j = 0; j < object->Waiters; j++) {
            if (object->Queue[j] != (int8_t)Thread) {
                object->Queue[kept++] = object->Queue[j];
            }
        }
        while (object->Waiters > kept) {
            object->Queue[--object->Waiters] = 0;
        }
    }
}

static int64_t
HeldMutexes(MODEL_STATE *State, uint32_t Thread)
{
    const WAITS_THREAD *thread = &Own(State)->Threads[Thread];
    int64_t count = 0;

    for (int8_t i = 0; i < thread->Held; i++) {
        count += Own(State)->Objects[thread->Mutex[i]].Kind == WAITS_MUTEX;
    }
    return count;
}

static void
EndWait(MODEL_STATE *State, uint32_t Thread, uint32_t Status)
{
    Unqueue(State, Thread);
    Own(State)->Threads[Thread].Deadline = 0;
    ModelFinish(State, Thread, WAITS_RESULT(Status, HeldMutexes(State, Thread)));
}

/* Ends the thread's wait if what it waits for is there. */
static int
TrySatisfy(MODEL_STATE *State, uint32_t Thread)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;
    int32_t count = op->Data[WAITS_COUNT];
    uint32_t status = 0;

    if ((op->Data[WAITS_FLAGS] & WAITS_ALL) == 0) {
        for (int32_t i = 0; i < count; i++) {
            uint32_t number = ListedObject(op, i);

            if (IsSignaled(&Own(State)->Objects[number], Thread)) {
                status = Take(State, number, Thread) ? WAITS_STATUS_ABANDONED : 0;
                EndWait(State, Thread, status + (uint32_t)i);
                return 1;
            }
        }
        return 0;
    }
    for (int32_t i = 0; i < count; i++) {
        if (!IsSignaled(&Own(State)->Objects[ListedObject(op, i)], Thread)) {
            return 0;
        }
    }
    for (int32_t i = 0; i < count; i++) {
        if (Take(State, ListedObject(op, i), Thread)) {
            status = WAITS_STATUS_ABANDONED;
        }
    }
    EndWait(State, Thread, status);
    return 1;
}

/* The object may have become signaled. */
static void
Test(MODEL_STATE *State, uint32_t Number)
{
    const WAITS_OBJECT *object = &Own(State)->Objects[Number];
    int8_t i = 0;

    while (i < object->Waiters) {
        if (TrySatisfy(State, (uint32_t)object->Queue[i])) {
            i = 0;
        } else {
            i++;
        }
    }
}

/* ---- giving ---- */

static void
FreeMutex(MODEL_STATE *State, uint32_t Thread, uint32_t Number)
{
    WAITS_OBJECT *object = &Own(State)->Objects[Number];
    WAITS_THREAD *thread = &Own(State)->Threads[Thread];
    int8_t kept = 0;

    for (int8_t i = 0; i < thread->Held; i++) {
        if (thread->Mutex[i] != (int8_t)Number) {
            thread->Mutex[kept++] = thread->Mutex[i];
        }
    }
    thread->Mutex[--thread->Held] = 0;
    object->Owner = 0;
    object->State = 1;
    Test(State, Number);
}

static int64_t
ReleaseMutex(MODEL_STATE *State, uint32_t Thread, uint32_t Number)
{
    WAITS_OBJECT *object = &Own(State)->Objects[Number];
    int64_t old = object->State;

    if (object->Owner != (int8_t)(Thread + 1)) {
        return WAITS_RAISED(object->Abandoned ? WAITS_STATUS_ABANDONED : WAITS_STATUS_NOT_OWNED);
    }
    object->State++;
    if (object->State == 1) {
        FreeMutex(State, Thread, Number);
    }
    return WAITS_RESULT(old, HeldMutexes(State, Thread));
}

static int64_t
ReleaseSemaphore(MODEL_STATE *State, uint32_t Number, int32_t Count)
{
    WAITS_OBJECT *object = &Own(State)->Objects[Number];
    int64_t old = object->State;

    if (Count <= 0 || old + Count > object->Limit) {
        return WAITS_RAISED(WAITS_STATUS_LIMIT);
    }
    object->State = (int8_t)(old + Count);
    Test(State, Number);
    return old;
}

static int64_t
SetEvent(MODEL_STATE *State, uint32_t Number)
{
    WAITS_OBJECT *object = &Own(State)->Objects[Number];
    int64_t old = object->State;

    object->State = 1;
    Test(State, Number);
    return old;
}

/* ---- calls ---- */

static void
BeginWait(MODEL_STATE *State, uint32_t Thread)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;
    WAITS_THREAD *thread = &Own(State)->Threads[Thread];
    int32_t flags = op->Data[WAITS_FLAGS];
    int32_t timeout = op->Data[WAITS_TIMEOUT];

    if (op->Data[WAITS_FIRST] != 0) {
        uint32_t first = (uint32_t)op->Data[WAITS_FIRST] - 1;

        if (Own(State)->Objects[first].Kind == WAITS_SEMAPHORE) {
            ReleaseSemaphore(State, first, 1);
        } else if (IsMutex(&Own(State)->Objects[first])) {
            ReleaseMutex(State, Thread, first);
        } else {
            SetEvent(State, first);
        }
    }
    if (op->Data[WAITS_COUNT] != 0 && TrySatisfy(State, Thread)) {
        return;
    }
    if ((flags & WAITS_ALERTABLE) != 0 && thread->Alerted) {
        thread->Alerted = 0;
        EndWait(State, Thread, WAITS_STATUS_ALERTED);
    } else if ((flags & WAITS_ALERTABLE) != 0 && (flags & WAITS_USER_MODE) != 0 &&
               thread->Apcs != 0) {
        EndWait(State, Thread, WAITS_STATUS_USER_APC);
    } else if (timeout == 0) {
        EndWait(State, Thread, op->Data[WAITS_COUNT] != 0 ? WAITS_STATUS_TIMEOUT : 0);
    } else {
        thread->Deadline =
            timeout == WAITS_FOREVER ? MODEL_NEVER : State->Clock + (uint64_t)timeout * 1000;
        State->Threads[Thread].Phase = MODEL_BLOCKED;
        for (int32_t i = 0; i < op->Data[WAITS_COUNT]; i++) {
            WAITS_OBJECT *object = &Own(State)->Objects[ListedObject(op, i)];

            object->Queue[object->Waiters++] = (int8_t)Thread;
        }
    }
}

static int
BlockedWith(MODEL_STATE *State, uint32_t Thread, int32_t Flags)
{
    const MODEL_THREAD *thread = &State->Threads[Thread];

    return thread->Phase == MODEL_BLOCKED && (thread->Op.Data[WAITS_FLAGS] & Flags) == Flags;
}

static int64_t
Alert(MODEL_STATE *State, uint32_t Target)
{
    WAITS_THREAD *target = &Own(State)->Threads[Target];
    int64_t old = target->Alerted;

    if (BlockedWith(State, Target, WAITS_ALERTABLE)) {
        EndWait(State, Target, WAITS_STATUS_ALERTED);
    } else if (BlockedWith(State, Target, WAITS_USER_MODE)) {
        EndWait(State, Target, WAITS_STATUS_USER_APC);
    } else {
        target->Alerted = 1;
    }
    return old;
}

static int64_t
QueueApc(MODEL_STATE *State, int32_t Apc, uint32_t Target)
{
    WAITS_THREAD *target = &Own(State)->Threads[Target];

    if (target->ApcsClosed) {
        return 0;
    }
    for (int8_t i = 0; i < target->Apcs; i++) {
        if (target->Apc[i] == Apc) {
            return 0;
        }
    }
    target->Apc[target->Apcs++] = (int8_t)Apc;
    if (BlockedWith(State, Target, WAITS_ALERTABLE | WAITS_USER_MODE)) {
        EndWait(State, Target, WAITS_STATUS_USER_APC);
    }
    return 1;
}

static int64_t
TakeApc(MODEL_STATE *State, uint32_t Thread)
{
    WAITS_THREAD *thread = &Own(State)->Threads[Thread];
    int64_t apc = thread->Apc[0];

    if (thread->Apcs == 0) {
        return -1;
    }
    memmove(thread->Apc, thread->Apc + 1, WAITS_APCS - 1);
    thread->Apc[--thread->Apcs] = 0;
    return apc;
}

static void
EndThread(MODEL_STATE *State, uint32_t Thread)
{
    WAITS_THREAD *thread = &Own(State)->Threads[Thread];

    while (thread->Held != 0) {
        uint32_t number = (uint32_t)thread->Mutex[0];

        Own(State)->Objects[number].Abandoned = 1;
        FreeMutex(State, Thread, number);
    }
    for (uint32_t i = 0; i < WAITS_OBJECTS; i++) {
        WAITS_OBJECT *object = &Own(State)->Objects[i];

        if (object->Kind == WAITS_KTHREAD && object->Owner == (int8_t)(Thread + 1)) {
            object->State = 1;
            Test(State, i);
        }
    }
}

static int64_t
ResetEvent(MODEL_STATE *State, uint32_t Number)
{
    int64_t old = Own(State)->Objects[Number].State;

    Own(State)->Objects[Number].State = 0;
    return old;
}

static int
Begin(MODEL_STATE *State, uint32_t Thread, uint32_t Way)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;
    uint32_t number = (uint32_t)op->Data[0];
    int64_t result = 0;

    if (Way != 0) {
        return 0;
    }
    switch (op->Code) {
    case WAITS_SET:
        result = SetEvent(State, number);
        break;
    case WAITS_RESET:
        result = ResetEvent(State, number);
        break;
    case WAITS_PULSE:
        result = SetEvent(State, number);
        ResetEvent(State, number);
        break;
    case WAITS_READ:
        result = Own(State)->Objects[number].State;
        break;
    case WAITS_RELEASE_SEMAPHORE:
        result = ReleaseSemaphore(State, number, op->Data[1]);
        break;
    case WAITS_RELEASE_MUTEX:
        result = ReleaseMutex(State, Thread, number);
        break;
    case WAITS_WAIT:
        BeginWait(State, Thread);
        return 1;
    case WAITS_ALERT:
        result = Alert(State, number);
        break;
    case WAITS_QUEUE_APC:
        result = QueueApc(State, op->Data[0], (uint32_t)op->Data[1]);
        break;
    case WAITS_TAKE_APC:
        result = TakeApc(State, Thread);
        break;
    case WAITS_CLOSE_APCS:
        Own(State)->Threads[Thread].ApcsClosed = 1;
        while (TakeApc(State, Thread) >= 0) {
            continue;
        }
        break;
    default:
        EndThread(State, Thread);
        break;
    }
    ModelFinish(State, Thread, result);
    return 1;
}

/* Step number i: the wait of thread i ends for its time-out. */
static int
Step(MODEL_STATE *State, uint32_t Index)
{
    if (State->Threads[Index].Phase != MODEL_BLOCKED ||
        Own(State)->Threads[Index].Deadline > State->Clock) {
        return 0;
    }
    EndWait(State, Index,
            State->Threads[Index].Op.Data[WAITS_COUNT] != 0 ? WAITS_STATUS_TIMEOUT : 0);
    return 1;
}

static uint64_t
NextTime(const MODEL_STATE *State)
{
    const WAITS *own = (const WAITS *)(const void *)State->Own;
    uint64_t next = MODEL_NEVER;

    for (uint32_t i = 0; i < MODEL_THREADS; i++) {
        if (State->Threads[i].Phase == MODEL_BLOCKED && own->Threads[i].Deadline < next) {
            next = own->Threads[i].Deadline;
        }
    }
    return next;
}

static int
Note(MODEL_STATE *State, const MODEL_OP *Op)
{
    const WAITS_OBJECT *object = &Own(State)->Objects[Op->Data[0]];

    return Op->Code == WAITS_STATE && object->State == Op->Data[1] &&
           object->Waiters == Op->Data[2];
}

const MODEL WaitModel = {.Name = "waits",
                         .OpNames = Names,
                         .OwnSize = sizeof(WAITS),
                         .Steps = MODEL_THREADS,
                         .Begin = Begin,
                         .Step = Step,
                         .NextTime = NextTime,
                         .Note = Note};
_Static_assert(sizeof(WAITS) <= MODEL_OWN, "MODEL_OWN is too small");
