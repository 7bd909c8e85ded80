/* SPDX-License-Identifier: MIT
 *
 * test/model/timers_model.c - what timers and their DPCs do, in plain C
 *
 * A timer that is due is signaled, lets its waiters go (a synchronization timer: one), queues its
 * DPC unless that is queued already, and is armed again if it has a period. A DPC may be queued
 * again, and run again, while its routine runs.
 *
 * Source  WDK reference, wdm.h KeSetTimer, KeSetTimerEx, KeCancelTimer, KeReadStateTimer,
 *         KeFlushQueuedDpcs; "Timer Objects and DPCs"
 */
#include "timers.h"

#include <string.h>

#define STEP_TIMEOUT 0                             /* + thread */
#define STEP_EXPIRE (STEP_TIMEOUT + MODEL_THREADS) /* + timer */
#define STEP_TAKE (STEP_EXPIRE + TIMERS)           /* + run */
#define STEP_FLUSHED (STEP_TAKE + TIMERS_RUNS)     /* + thread */
#define STEPS (STEP_FLUSHED + MODEL_THREADS)

static const char *const Names[] = {"SetTimer", "CancelTimer", "ReadTimer", "Wait", "Delay",
                                    "Flush",    "DPC begins",  "DPC ends",  "state"};

static TIMERS_OWN *
Own(MODEL_STATE *State)
{
    return (TIMERS_OWN *)(void *)State->Own;
}

static void
QueueDpc(MODEL_STATE *State, int8_t Dpc)
{
    TIMERS_RUN *free = NULL;

    for (int i = 0; i < TIMERS_RUNS; i++) {
        TIMERS_RUN *run = &Own(State)->Runs[i];

        if (run->Phase == TIMERS_QUEUED && run->Dpc == Dpc) {
            return;
        }
        if (run->Phase == TIMERS_NONE && free == NULL) {
            free = run;
        }
    }
    free->Phase = TIMERS_QUEUED;
    free->Dpc = Dpc;
}

static void
Signal(MODEL_STATE *State, uint32_t Number)
{
    TIMERS_TIMER *timer = &Own(State)->Timers[Number];

    timer->State = 1;
    while (timer->Waiters != 0 && timer->State != 0) {
        uint32_t thread = (uint32_t)timer->Queue[0];

        memmove(timer->Queue, timer->Queue + 1, MODEL_THREADS - 1);
        timer->Queue[--timer->Waiters] = 0;
        timer->State = !timer->Synchronization;
        Own(State)->Deadlines[thread] = 0;
        ModelFinish(State, thread, 0);
    }
    if (timer->HasDpc) {
        QueueDpc(State, (int8_t)Number);
    }
    timer->Armed = timer->Period != 0;
    timer->Due = timer->Armed ? timer->Due + timer->Period : 0;
}

static int64_t
SetTimer(MODEL_STATE *State, const MODEL_OP *Op)
{
    TIMERS_TIMER *timer = &Own(State)->Timers[Op->Data[0]];
    int64_t old = timer->Armed;

    timer->State = 0;
    timer->Armed = 1;
    timer->Due = State->Clock + (uint64_t)Op->Data[1] * 1000;
    timer->Period = (uint64_t)Op->Data[2] * 1000000;
    timer->HasDpc = (int8_t)Op->Data[3];
    if (Op->Data[1] == 0) {
        Signal(State, (uint32_t)Op->Data[0]);
    }
    return old;
}

static int64_t
CancelTimer(MODEL_STATE *State, uint32_t Number)
{
    TIMERS_TIMER *timer = &Own(State)->Timers[Number];
    int64_t old = timer->Armed;

    timer->Armed = 0;
    timer->Due = 0;
    return old;
}

static void
Block(MODEL_STATE *State, uint32_t Thread, uint64_t Microseconds)
{
    State->Threads[Thread].Phase = MODEL_BLOCKED;
    Own(State)->Deadlines[Thread] = State->Clock + Microseconds * 1000;
}

static void
BeginWait(MODEL_STATE *State, uint32_t Thread)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;
    TIMERS_TIMER *timer = &Own(State)->Timers[op->Data[0]];

    if (timer->State != 0) {
        timer->State = !timer->Synchronization;
        ModelFinish(State, Thread, 0);
    } else if (op->Data[1] == 0) {
        ModelFinish(State, Thread, TIMERS_STATUS_TIMEOUT);
    } else {
        Block(State, Thread, (uint64_t)op->Data[1]);
        timer->Queue[timer->Waiters++] = (int8_t)Thread;
    }
}

static void
BeginFlush(MODEL_STATE *State, uint32_t Thread)
{
    State->Threads[Thread].Phase = MODEL_BLOCKED;
    Own(State)->Deadlines[Thread] = MODEL_NEVER;
    for (int i = 0; i < TIMERS_RUNS; i++) {
        if (Own(State)->Runs[i].Phase != TIMERS_NONE) {
            Own(State)->Runs[i].Flushers |= (uint8_t)(1u << Thread);
        }
    }
}

static int
Begin(MODEL_STATE *State, uint32_t Thread, uint32_t Way)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;

    if (Way != 0) {
        return 0;
    }
    switch (op->Code) {
    case TIMERS_SET:
        ModelFinish(State, Thread, SetTimer(State, op));
        break;
    case TIMERS_CANCEL:
        ModelFinish(State, Thread, CancelTimer(State, (uint32_t)op->Data[0]));
        break;
    case TIMERS_READ:
        ModelFinish(State, Thread, Own(State)->Timers[op->Data[0]].State);
        break;
    case TIMERS_WAIT:
        BeginWait(State, Thread);
        break;
    case TIMERS_DELAY:
        Block(State, Thread, (uint64_t)op->Data[0]);
        break;
    default:
        BeginFlush(State, Thread);
        break;
    }
    return 1;
}

static int
StepTimeout(MODEL_STATE *State, uint32_t Thread)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;

    if (State->Threads[Thread].Phase != MODEL_BLOCKED || op->Code == TIMERS_FLUSH ||
        Own(State)->Deadlines[Thread] > State->Clock) {
        return 0;
    }
    Own(State)->Deadlines[Thread] = 0;
    if (op->Code == TIMERS_DELAY) {
        ModelFinish(State, Thread, 0);
        return 1;
    }
    for (int i = 0; i < TIMERS; i++) {
        TIMERS_TIMER *timer = &Own(State)->Timers[i];
        int8_t kept = 0;

        for (int8_t j = 0; j < timer->Waiters; j++) {
            if (timer->Queue[j] != (int8_t)Thread) {
                timer->Queue[kept++] = timer->Queue[j];
            }
        }
        while (timer->Waiters > kept) {
            timer->Queue[--timer->Waiters] = 0;
        }
    }
    ModelFinish(State, Thread, TIMERS_STATUS_TIMEOUT);
    return 1;
}

static int
StepFlushed(MODEL_STATE *State, uint32_t Thread)
{
    if (State->Threads[Thread].Phase != MODEL_BLOCKED ||
        State->Threads[Thread].Op.Code != TIMERS_FLUSH) {
        return 0;
    }
    for (int i = 0; i < TIMERS_RUNS; i++) {
        if (Own(State)->Runs[i].Flushers >> Thread & 1) {
            return 0;
        }
    }
    Own(State)->Deadlines[Thread] = 0;
    ModelFinish(State, Thread, 0);
    return 1;
}

static int
Step(MODEL_STATE *State, uint32_t Index)
{
    if (Index < STEP_EXPIRE) {
        return StepTimeout(State, Index - STEP_TIMEOUT);
    }
    if (Index < STEP_TAKE) {
        const TIMERS_TIMER *timer = &Own(State)->Timers[Index - STEP_EXPIRE];

        if (!timer->Armed || timer->Due > State->Clock) {
            return 0;
        }
        Signal(State, Index - STEP_EXPIRE);
        return 1;
    }
    if (Index < STEP_FLUSHED) {
        TIMERS_RUN *run = &Own(State)->Runs[Index - STEP_TAKE];

        if (run->Phase != TIMERS_QUEUED) {
            return 0;
        }
        run->Phase = TIMERS_TAKEN;
        return 1;
    }
    return StepFlushed(State, Index - STEP_FLUSHED);
}

static uint64_t
NextTime(const MODEL_STATE *State)
{
    const TIMERS_OWN *own = (const TIMERS_OWN *)(const void *)State->Own;
    uint64_t next = MODEL_NEVER;

    for (int i = 0; i < MODEL_THREADS; i++) {
        if (State->Threads[i].Phase == MODEL_BLOCKED && own->Deadlines[i] < next) {
            next = own->Deadlines[i];
        }
    }
    for (int i = 0; i < TIMERS; i++) {
        if (own->Timers[i].Armed && own->Timers[i].Due < next) {
            next = own->Timers[i].Due;
        }
    }
    return next;
}

static int
NoteRun(MODEL_STATE *State, const MODEL_OP *Op)
{
    for (int i = 0; i < TIMERS_RUNS; i++) {
        TIMERS_RUN *run = &Own(State)->Runs[i];

        if (run->Dpc != (int8_t)Op->Data[0]) {
            continue;
        }
        if (Op->Code == TIMERS_BEGINS && run->Phase == TIMERS_TAKEN) {
            run->Phase = TIMERS_RUNNING;
            run->Number = Op->Data[1];
            return 1;
        }
        if (Op->Code == TIMERS_ENDS && run->Phase == TIMERS_RUNNING && run->Number == Op->Data[1]) {
            memset(run, 0, sizeof(*run));
            return 1;
        }
    }
    return 0;
}

static int
Note(MODEL_STATE *State, const MODEL_OP *Op)
{
    const TIMERS_TIMER *timer = &Own(State)->Timers[Op->Data[0]];

    if (Op->Code != TIMERS_STATE) {
        return NoteRun(State, Op);
    }
    return timer->State == Op->Data[1] && timer->Waiters == Op->Data[2];
}

static int
IsBusy(const MODEL_STATE *State)
{
    const TIMERS_OWN *own = (const TIMERS_OWN *)(const void *)State->Own;

    for (int i = 0; i < TIMERS_RUNS; i++) {
        if (own->Runs[i].Phase != TIMERS_NONE) {
            return 1;
        }
    }
    return 0;
}

const MODEL TimerModel = {.Name = "timers",
                          .OpNames = Names,
                          .OwnSize = sizeof(TIMERS_OWN),
                          .Steps = STEPS,
                          .Begin = Begin,
                          .Step = Step,
                          .NextTime = NextTime,
                          .Note = Note,
                          .IsBusy = IsBusy};
_Static_assert(sizeof(TIMERS_OWN) <= MODEL_OWN, "MODEL_OWN is too small");
