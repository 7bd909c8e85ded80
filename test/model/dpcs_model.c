/* SPDX-License-Identifier: MIT
 *
 * test/model/dpcs_model.c - what DPCs do, in plain C
 *
 * A queued DPC runs once, with the arguments it was queued with, on its target processor; without
 * one on the processor of its caller, or on any if the caller was below DISPATCH_LEVEL, who waits
 * for it unless it is of low importance. A processor runs its DPCs one at a time, in order, those
 * of high importance first, and none while a thread is at DISPATCH_LEVEL on it.
 *
 * Source  WDK reference, wdm.h KeInsertQueueDpc, KeRemoveQueueDpc, KeSetImportanceDpc,
 *         KeSetTargetProcessorDpc, KeFlushQueuedDpcs
 */
#include "dpcs.h"

#include <string.h>

static const char *const Names[] = {"Insert", "Remove",     "Flush",   "Lower",
                                    "raised", "DPC begins", "DPC ends"};

static DPCS_OWN *
Own(MODEL_STATE *State)
{
    return (DPCS_OWN *)(void *)State->Own;
}

static void
RemoveRun(DPCS_OWN *Own, int Index)
{
    memmove(&Own->Runs[Index], &Own->Runs[Index + 1],
            (size_t)(DPCS_RUNS - 1 - Index) * sizeof(Own->Runs[0]));
    memset(&Own->Runs[DPCS_RUNS - 1], 0, sizeof(Own->Runs[0]));
}

static int
FindQueued(const DPCS_OWN *Own, int8_t Dpc)
{
    for (int i = 0; i < DPCS_RUNS; i++) {
        if (Own->Runs[i].Phase == DPCS_QUEUED && Own->Runs[i].Dpc == Dpc) {
            return i;
        }
    }
    return -1;
}

static void
AddRun(DPCS_OWN *Own, const MODEL_OP *Op, int8_t Processor, uint8_t Waiters)
{
    DPCS_RUN run = {DPCS_QUEUED, (int8_t)Op->Data[0], Processor, Waiters, Op->Data[1]};
    int place = 0;

    while (Own->Runs[place].Phase != DPCS_NONE) {
        place++;
    }
    if (Own->Dpcs[run.Dpc].High) {
        memmove(&Own->Runs[1], &Own->Runs[0], (size_t)place * sizeof(run));
        place = 0;
    }
    Own->Runs[place] = run;
}

static void
Block(MODEL_STATE *State, uint32_t Thread)
{
    State->Threads[Thread].Phase = MODEL_BLOCKED;
}

static int
BeginInsert(MODEL_STATE *State, uint32_t Thread, uint32_t Way)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;
    int8_t target = Own(State)->Dpcs[op->Data[0]].Target;

    if (FindQueued(Own(State), (int8_t)op->Data[0]) >= 0) {
        ModelFinish(State, Thread, 0);
        return Way == 0;
    }
    if (target != DPCS_NOWHERE || op->Data[2] != DPCS_NOWHERE) {
        AddRun(Own(State), op, target != DPCS_NOWHERE ? target : (int8_t)op->Data[2], 0);
        ModelFinish(State, Thread, 1);
        return Way == 0;
    }
    if (Own(State)->Dpcs[op->Data[0]].Low) {
        if (Way < DPCS_PROCESSORS) {
            AddRun(Own(State), op, (int8_t)Way, 0);
            ModelFinish(State, Thread, 1);
        }
        return Way < DPCS_PROCESSORS;
    }
    /* From below DISPATCH_LEVEL the routine has run when the call returns, on some processor. */
    AddRun(Own(State), op, (int8_t)Way, (uint8_t)(1u << Thread));
    Block(State, Thread);
    return Way < DPCS_PROCESSORS;
}

static int64_t
RemoveDpc(MODEL_STATE *State, int8_t Dpc)
{
    int index = FindQueued(Own(State), Dpc);

    if (index < 0) {
        return 0;
    }
    RemoveRun(Own(State), index);
    return 1;
}

/* What is queued or runs on this processor (DPCS_NOWHERE: any) must end before the call. */
static void
WaitForRuns(MODEL_STATE *State, uint32_t Thread, int32_t Processor)
{
    for (int i = 0; i < DPCS_RUNS; i++) {
        DPCS_RUN *run = &Own(State)->Runs[i];

        if (run->Phase != DPCS_NONE &&
            (Processor == DPCS_NOWHERE || run->Processor == (int8_t)Processor)) {
            run->Waiters |= (uint8_t)(1u << Thread);
        }
    }
    Block(State, Thread);
}

static int
Begin(MODEL_STATE *State, uint32_t Thread, uint32_t Way)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;

    switch (op->Code) {
    case DPCS_INSERT:
        return BeginInsert(State, Thread, Way);
    case DPCS_REMOVE:
        ModelFinish(State, Thread, RemoveDpc(State, (int8_t)op->Data[0]));
        break;
    case DPCS_FLUSH:
        WaitForRuns(State, Thread, DPCS_NOWHERE);
        break;
    default:
        Own(State)->Held[op->Data[0]] = 0;
        WaitForRuns(State, Thread, op->Data[0]);
        break;
    }
    return Way == 0;
}

/* A processor takes the first of its DPCs. */
static int
StepTake(MODEL_STATE *State, uint32_t Processor)
{
    DPCS_OWN *own = Own(State);

    if (own->Held[Processor]) {
        return 0;
    }
    for (int i = 0; i < DPCS_RUNS; i++) {
        if (own->Runs[i].Phase > DPCS_QUEUED && own->Runs[i].Processor == (int8_t)Processor) {
            return 0;
        }
    }
    for (int i = 0; i < DPCS_RUNS; i++) {
        if (own->Runs[i].Phase == DPCS_QUEUED && own->Runs[i].Processor == (int8_t)Processor) {
            own->Runs[i].Phase = DPCS_TAKEN;
            return 1;
        }
    }
    return 0;
}

/* Step i: processor i takes a DPC; after those: what thread i waited for has ended. */
static int
Step(MODEL_STATE *State, uint32_t Index)
{
    uint32_t thread = Index - DPCS_PROCESSORS;

    if (Index < DPCS_PROCESSORS) {
        return StepTake(State, Index);
    }
    if (State->Threads[thread].Phase != MODEL_BLOCKED) {
        return 0;
    }
    for (int i = 0; i < DPCS_RUNS; i++) {
        if (Own(State)->Runs[i].Waiters >> thread & 1) {
            return 0;
        }
    }
    ModelFinish(State, thread, State->Threads[thread].Op.Code == DPCS_INSERT);
    return 1;
}

static uint64_t
NextTime(const MODEL_STATE *State)
{
    (void)State;
    return MODEL_NEVER;
}

static int
NoteRaised(MODEL_STATE *State, int32_t Processor)
{
    for (int i = 0; i < DPCS_RUNS; i++) {
        if (Own(State)->Runs[i].Phase > DPCS_QUEUED &&
            Own(State)->Runs[i].Processor == (int8_t)Processor) {
            return 0;
        }
    }
    if (Own(State)->Held[Processor]) {
        return 0;
    }
    Own(State)->Held[Processor] = 1;
    return 1;
}

static int
Note(MODEL_STATE *State, const MODEL_OP *Op)
{
    if (Op->Code == DPCS_RAISED) {
        return NoteRaised(State, Op->Data[0]);
    }
    for (int i = 0; i < DPCS_RUNS; i++) {
        DPCS_RUN *run = &Own(State)->Runs[i];

        if (Op->Code == DPCS_BEGINS && run->Phase == DPCS_TAKEN &&
            run->Dpc == (int8_t)Op->Data[0] && run->Argument == Op->Data[1] &&
            run->Processor == (int8_t)Op->Data[2]) {
            run->Phase = DPCS_RUNNING;
            return 1;
        }
        if (Op->Code == DPCS_ENDS && run->Phase == DPCS_RUNNING &&
            run->Processor == (int8_t)Op->Data[0]) {
            RemoveRun(Own(State), i);
            return 1;
        }
    }
    return 0;
}

static int
IsBusy(const MODEL_STATE *State)
{
    const DPCS_OWN *own = (const DPCS_OWN *)(const void *)State->Own;

    return own->Runs[0].Phase != DPCS_NONE;
}

const MODEL DpcModel = {.Name = "dpcs",
                        .OpNames = Names,
                        .OwnSize = sizeof(DPCS_OWN),
                        .Steps = DPCS_PROCESSORS + MODEL_THREADS,
                        .Begin = Begin,
                        .Step = Step,
                        .NextTime = NextTime,
                        .Note = Note,
                        .IsBusy = IsBusy};
_Static_assert(sizeof(DPCS_OWN) <= MODEL_OWN, "MODEL_OWN is too small");
