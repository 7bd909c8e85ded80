/* SPDX-License-Identifier: MIT
 *
 * test/model/history.c - the history of a run, and the search for what the model allows
 *
 * The search keeps the set of all states that agree with the history so far. A return drops the
 * states in which the call cannot have returned this; before it, the set is closed under what may
 * have happened meanwhile (calls that take effect, steps, the clock when all is at rest).
 *
 * Invariants  H1  Events of one run are written by one thread at a time: hal/sim has one running
 *                 thread. Nothing here is instrumented, and nothing here is a scheduling point.
 */
#include "model.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EVENTS 8192
#define MAX_STATES 20000
#define MAX_WAYS 8
#define SLOTS 65536

typedef enum EVENT_KIND { EVENT_CALL, EVENT_RETURN, EVENT_NOTE, EVENT_QUIET } EVENT_KIND;

typedef struct EVENT {
    uint64_t Clock;
    int64_t Result;
    int32_t Kind;
    uint32_t Thread;
    MODEL_OP Op;
} EVENT;

typedef struct STATES {
    MODEL_STATE *List;
    uint32_t Count;
} STATES;

static EVENT Events[MAX_EVENTS];
static uint32_t EventCount;
static uint32_t Checked;

static const MODEL *Model;
static size_t StateSize; /* what of a MODEL_STATE this model uses */
static STATES Current;   /* agree with Events[0..Checked) */
static STATES Next;
/* Of Next: where a state with this hash may be; index + 1, valid for SlotRound only. */
static struct {
    uint32_t Round;
    uint32_t Index;
} Slots[SLOTS];
static uint32_t SlotRound;

/* ---- writing ---- */

static void
Append(EVENT_KIND Kind, uint32_t Thread, const MODEL_OP *Op, int64_t Result)
{
    static const MODEL_OP none;
    EVENT *event = &Events[EventCount];

    if (EventCount == MAX_EVENTS) {
        ModelFail("more events than the history has room for");
    }
    EventCount++;
    event->Clock = ModelNow();
    event->Result = Result;
    event->Kind = (int32_t)Kind;
    event->Thread = Thread;
    event->Op = Op != NULL ? *Op : none;
}

void
ModelCall(uint32_t Thread, const MODEL_OP *Op)
{
    Append(EVENT_CALL, Thread, Op, 0);
}

void
ModelReturn(uint32_t Thread, int64_t Result)
{
    Append(EVENT_RETURN, Thread, NULL, Result);
}

void
ModelNote(const MODEL_OP *Op)
{
    Append(EVENT_NOTE, 0, Op, 0);
}

void
ModelQuiet(void)
{
    Append(EVENT_QUIET, 0, NULL, 0);
}

uint32_t
ModelEvents(void)
{
    return EventCount;
}

static uint64_t
HashBytes(const void *Bytes, size_t Size)
{
    const unsigned char *bytes = Bytes;
    uint64_t hash = 0xCBF29CE484222325ull;

    for (size_t i = 0; i + 8 <= Size; i += 8) {
        uint64_t word;

        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
        hash ^= hash >> 29;
    }
    return hash;
}

uint64_t
ModelHash(void)
{
    return HashBytes(Events, EventCount * sizeof(Events[0]));
}

/* ---- failing ---- */

static void
PrintOp(const MODEL_OP *Op)
{
    fprintf(stderr, "%s(", Model->OpNames[Op->Code]);
    for (uint32_t i = 0; i < MODEL_DATA; i++) {
        fprintf(stderr, "%s%d", i == 0 ? "" : ", ", (int)Op->Data[i]);
    }
    fprintf(stderr, ")");
}

static void
PrintEvent(const EVENT *Event)
{
    fprintf(stderr, "%12.3f us  ", (double)(Event->Clock - Events[0].Clock) / 1000.0);
    switch (Event->Kind) {
    case EVENT_CALL:
        fprintf(stderr, "T%u calls ", Event->Thread);
        PrintOp(&Event->Op);
        break;
    case EVENT_RETURN:
        fprintf(stderr, "T%u returns 0x%llx", Event->Thread, (unsigned long long)Event->Result);
        break;
    case EVENT_NOTE:
        PrintOp(&Event->Op);
        break;
    default:
        fprintf(stderr, "all threads wait");
        break;
    }
    fprintf(stderr, "\n");
}

void
ModelFail(const char *Reason)
{
    fprintf(stderr, "model %s: %s\n", Model->Name, Reason);
    for (uint32_t i = 0; i < EventCount; i++) {
        fprintf(stderr, "%s", i == Checked ? "=> " : "   ");
        PrintEvent(&Events[i]);
    }
    for (uint32_t i = 0; i < Current.Count && i < 3; i++) {
        const MODEL_STATE *state = &Current.List[i];

        fprintf(stderr, "   state %u of %u before it:", i + 1, Current.Count);
        for (uint32_t thread = 0; thread < MODEL_THREADS; thread++) {
            static const char *const phases[] = {"idle", "called", "blocked", "done"};

            fprintf(stderr, " T%u %s", thread, phases[state->Threads[thread].Phase]);
            if (state->Threads[thread].Phase == MODEL_DONE) {
                fprintf(stderr, " 0x%llx", (unsigned long long)state->Threads[thread].Result);
            }
        }
        fprintf(stderr, "\n");
    }
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

/* ---- sets of states ---- */

MODEL_STATE *
ModelReset(const MODEL *NewModel, uint64_t Clock)
{
    if (Current.List == NULL) {
        Current.List = calloc(MAX_STATES, sizeof(MODEL_STATE));
        Next.List = calloc(MAX_STATES, sizeof(MODEL_STATE));
        if (Current.List == NULL || Next.List == NULL) {
            abort();
        }
    }
    Model = NewModel;
    StateSize = offsetof(MODEL_STATE, Own) + ((Model->OwnSize + 7u) & ~7u);
    EventCount = 0;
    Checked = 0;
    Current.Count = 1;
    memset(&Current.List[0], 0, sizeof(MODEL_STATE));
    Current.List[0].Clock = Clock;
    return &Current.List[0];
}

static void
StartSet(STATES *Set)
{
    Set->Count = 0;
    if (++SlotRound == 0) {
        memset(Slots, 0, sizeof(Slots));
        SlotRound = 1;
    }
}

/* To Next, unless it is there. */
static void
AddState(const MODEL_STATE *State)
{
    uint32_t slot = (uint32_t)HashBytes(State, StateSize) % SLOTS;

    while (Slots[slot].Round == SlotRound) {
        if (memcmp(&Next.List[Slots[slot].Index], State, StateSize) == 0) {
            return;
        }
        slot = (slot + 1) % SLOTS;
    }
    if (Next.Count == MAX_STATES) {
        ModelFail("too many states to keep: the run is too concurrent for this search");
    }
    Slots[slot].Round = SlotRound;
    Slots[slot].Index = Next.Count;
    memcpy(&Next.List[Next.Count++], State, StateSize);
}

static void
SwapSets(void)
{
    STATES set = Current;

    Current = Next;
    Next = set;
}

/* ---- what may follow a state ---- */

/* Adds every state one step on; how many there were. */
static uint32_t
AddFollowers(const MODEL_STATE *State)
{
    static MODEL_STATE work;
    uint32_t count = 0;

    for (uint32_t thread = 0; thread < MODEL_THREADS; thread++) {
        for (uint32_t way = 0; State->Threads[thread].Phase == MODEL_CALLED && way < MAX_WAYS;
             way++) {
            memcpy(&work, State, StateSize);
            if (!Model->Begin(&work, thread, way)) {
                break;
            }
            AddState(&work);
            count++;
        }
    }
    for (uint32_t step = 0; step < Model->Steps; step++) {
        memcpy(&work, State, StateSize);
        if (Model->Step(&work, step)) {
            AddState(&work);
            count++;
        }
    }
    return count;
}

static int
ThreadsRest(const MODEL_STATE *State)
{
    for (uint32_t thread = 0; thread < MODEL_THREADS; thread++) {
        if (State->Threads[thread].Phase == MODEL_CALLED ||
            State->Threads[thread].Phase == MODEL_DONE) {
            return 0;
        }
    }
    return Model->IsBusy == NULL || !Model->IsBusy(State);
}

/* M2: to the next time at which something happens, or to Now. */
static void
AddLater(const MODEL_STATE *State, uint64_t Now)
{
    static MODEL_STATE work;
    uint64_t next = Model->NextTime(State);

    memcpy(&work, State, StateSize);
    work.Clock = next < Now ? next : Now;
    AddState(&work);
}

/* Closes the current set under what may happen until Now. Quiet: only what is at rest then. */
static void
CloseSet(uint64_t Now, int Quiet)
{
    static unsigned char stays[MAX_STATES];
    uint32_t kept = 0;

    StartSet(&Next);
    for (uint32_t i = 0; i < Current.Count; i++) {
        AddState(&Current.List[i]);
    }
    for (uint32_t i = 0; i < Next.Count; i++) {
        /* The list may grow, but it does not move. */
        const MODEL_STATE *state = &Next.List[i];
        int rests = AddFollowers(state) == 0 && ThreadsRest(state);

        if (rests && state->Clock < Now) {
            AddLater(state, Now);
        }
        stays[i] = state->Clock == Now && (rests || !Quiet);
    }
    for (uint32_t i = 0; i < Next.Count; i++) {
        if (stays[i]) {
            if (kept != i) {
                memcpy(&Next.List[kept], &Next.List[i], StateSize);
            }
            kept++;
        }
    }
    Next.Count = kept;
    SwapSets();
}

/* Does the event agree with the state? Makes it the state after it. */
static int
ApplyEvent(MODEL_STATE *State, const EVENT *Event)
{
    MODEL_THREAD *thread = &State->Threads[Event->Thread];

    switch (Event->Kind) {
    case EVENT_CALL:
        thread->Phase = MODEL_CALLED;
        thread->Op = Event->Op;
        return 1;
    case EVENT_RETURN:
        if (thread->Phase != MODEL_DONE || thread->Result != Event->Result) {
            return 0;
        }
        memset(thread, 0, sizeof(*thread));
        return 1;
    case EVENT_NOTE:
        return Model->Note != NULL && Model->Note(State, &Event->Op);
    default:
        return 1;
    }
}

static void
CheckEvent(const EVENT *Event)
{
    static MODEL_STATE work;

    /* A call takes effect later: what may happen before it need not be looked at now. */
    if (Event->Kind != EVENT_CALL || Current.List[0].Clock != Event->Clock) {
        STATES before;

        CloseSet(Event->Clock, Event->Kind == EVENT_QUIET);
        before = Next;
        if (Current.Count == 0) {
            Current = before;
            ModelFail(Event->Kind == EVENT_QUIET
                          ? "by the model something has still to happen here"
                          : "by the model time cannot have passed: something had to happen before");
        }
    }
    StartSet(&Next);
    for (uint32_t i = 0; i < Current.Count; i++) {
        memcpy(&work, &Current.List[i], StateSize);
        if (ApplyEvent(&work, Event)) {
            AddState(&work);
        }
    }
    if (Next.Count == 0) {
        ModelFail("the model does not allow what is marked");
    }
    SwapSets();
}

void
ModelCheck(void)
{
    while (Checked < EventCount) {
        CheckEvent(&Events[Checked]);
        Checked++;
    }
}
