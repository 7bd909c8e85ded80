/* SPDX-License-Identifier: MIT
 *
 * test/model/timers_test.c - random timers, with and without DPCs, on the kernel
 *
 * A DPC routine now and then sets or cancels a timer itself. It may run on two processors at a
 * time; only one of the two makes calls then.
 */
#include "machine.h"
#include "timers.h"

#define WORKERS 3
/* Few different times, so that much falls due at once. */
#define GRAIN_US 500
#define TIMES 8

static KTIMER Timers[TIMERS];
static KDPC Dpcs[TIMERS];
static MODEL_RANDOM DpcRandom[TIMERS];
static ULONG DpcCalls[TIMERS]; /* atomic: 1: a routine of this DPC makes calls */
static ULONG Runs;             /* atomic */

static void
SetTimer(ULONG Thread, MODEL_RANDOM *Random)
{
    ULONG number = ModelRandom(Random, TIMERS);
    INT32 due = GRAIN_US * (INT32)ModelRandom(Random, TIMES);
    INT32 period = ModelRandom(Random, 3) == 0 ? 1 + (INT32)ModelRandom(Random, 3) : 0;
    INT32 withDpc = (INT32)ModelRandom(Random, 2);
    LARGE_INTEGER time = ModelRandom(Random, 3) == 0 ? AbsoluteUs(due) : RelativeUs(due);

    CallOp(Thread, TIMERS_SET, (INT32)number, due, period, withDpc);
    ModelReturn(Thread,
                KeSetTimerEx(&Timers[number], time, period, withDpc ? &Dpcs[number] : NULL));
}

static void
CancelTimer(ULONG Thread, ULONG Number)
{
    CallOp(Thread, TIMERS_CANCEL, (INT32)Number, 0, 0, 0);
    ModelReturn(Thread, KeCancelTimer(&Timers[Number]));
}

static VOID NTAPI
DpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG number = (ULONG)(ULONG_PTR)Context;
    ULONG run = __atomic_add_fetch(&Runs, 1, __ATOMIC_RELAXED);
    ULONG calls = 0;

    NoteOp(TIMERS_BEGINS, (INT32)number, (INT32)run, 0, 0);
    SimSchedulingPoint();
    if (__atomic_compare_exchange_n(&DpcCalls[number], &calls, 1, FALSE, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        if (ModelRandom(&DpcRandom[number], 4) == 0) {
            SetTimer(TIMERS_DPC_THREAD + number, &DpcRandom[number]);
        } else if (ModelRandom(&DpcRandom[number], 4) == 0) {
            CancelTimer(TIMERS_DPC_THREAD + number, ModelRandom(&DpcRandom[number], TIMERS));
        }
        __atomic_store_n(&DpcCalls[number], 0, __ATOMIC_RELEASE);
    }
    NoteOp(TIMERS_ENDS, (INT32)number, (INT32)run, 0, 0);
}

static void
SetUp(MODEL_STATE *State, MODEL_RANDOM *Random)
{
    TIMERS_OWN *own = (TIMERS_OWN *)(PVOID)State->Own;

    Runs = 0;
    for (ULONG i = 0; i < TIMERS; i++) {
        own->Timers[i].Synchronization = (int8_t)ModelRandom(Random, 2);
        KeInitializeTimerEx(&Timers[i], own->Timers[i].Synchronization ? SynchronizationTimer
                                                                       : NotificationTimer);
        KeInitializeDpc(&Dpcs[i], DpcRoutine, (PVOID)(ULONG_PTR)i);
        if (ModelRandom(Random, 3) == 0) {
            KeSetTargetProcessorDpc(&Dpcs[i], (CCHAR)ModelRandom(Random, MACHINE_PROCESSORS));
        }
        DpcRandom[i].State = ModelRandom(Random, UINT32_MAX);
    }
}

static void
Wait(ULONG Worker, MODEL_RANDOM *Random)
{
    ULONG number = ModelRandom(Random, TIMERS);
    INT32 timeout =
        ModelRandom(Random, 4) == 0 ? 0 : GRAIN_US * (1 + (INT32)ModelRandom(Random, TIMES));
    LARGE_INTEGER time = RelativeUs(timeout);

    CallOp(Worker, TIMERS_WAIT, (INT32)number, timeout, 0, 0);
    ModelReturn(Worker,
                KeWaitForSingleObject(&Timers[number], Executive, KernelMode, FALSE, &time));
}

static void
Delay(ULONG Worker, MODEL_RANDOM *Random)
{
    INT32 interval = GRAIN_US * (1 + (INT32)ModelRandom(Random, TIMES));
    LARGE_INTEGER time = RelativeUs(interval);

    CallOp(Worker, TIMERS_DELAY, interval, 0, 0, 0);
    ModelReturn(Worker, KeDelayExecutionThread(KernelMode, FALSE, &time));
}

static void
Flush(ULONG Thread)
{
    CallOp(Thread, TIMERS_FLUSH, 0, 0, 0, 0);
    KeFlushQueuedDpcs();
    ModelReturn(Thread, 0);
}

static void
Read(ULONG Thread, ULONG Number)
{
    CallOp(Thread, TIMERS_READ, (INT32)Number, 0, 0, 0);
    ModelReturn(Thread, KeReadStateTimer(&Timers[Number]));
}

static void
Act(uint32_t Worker, MODEL_RANDOM *Random)
{
    ULONG choice = ModelRandom(Random, 100);

    if (choice < 40) {
        SetTimer(Worker, Random);
    } else if (choice < 55) {
        CancelTimer(Worker, ModelRandom(Random, TIMERS));
    } else if (choice < 65) {
        Read(Worker, ModelRandom(Random, TIMERS));
    } else if (choice < 82) {
        Wait(Worker, Random);
    } else if (choice < 92) {
        Delay(Worker, Random);
    } else {
        Flush(Worker);
    }
}

static void
Leave(uint32_t Worker)
{
}

static void
Observe(void)
{
    for (ULONG i = 0; i < TIMERS; i++) {
        INT32 waiters = 0;

        for (PLIST_ENTRY link = Timers[i].Header.WaitListHead.Flink;
             link != &Timers[i].Header.WaitListHead; link = link->Flink) {
            waiters++;
        }
        NoteOp(TIMERS_STATE, (INT32)i, Timers[i].Header.SignalState, waiters, 0);
    }
}

/* What a DPC set again meanwhile is cancelled in the next turn. */
static void
TearDown(void)
{
    for (;;) {
        BOOLEAN armed = FALSE;

        for (ULONG i = 0; i < TIMERS; i++) {
            CancelTimer(0, i);
        }
        Flush(0);
        for (ULONG i = 0; i < TIMERS; i++) {
            armed |= Timers[i].Header.Inserted != 0;
        }
        if (!armed) {
            return;
        }
    }
}

const MODEL_TEST TimersTest = {.Model = &TimerModel,
                               .Workers = WORKERS,
                               .SetUp = SetUp,
                               .Act = Act,
                               .Leave = Leave,
                               .Observe = Observe,
                               .TearDown = TearDown};
