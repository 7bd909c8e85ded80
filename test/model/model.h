/* SPDX-License-Identifier: MIT
 *
 * test/model/model.h - checking what threads saw against a small model of the objects they used
 *
 * A run writes a history: calls, returns, and notes of what happened besides (a DPC began). The
 * model says what may follow: it is one plain structure that is copied freely, and functions that
 * change it. ModelCheck keeps every state that the model can be in at this place of the history;
 * once there is none, the history is one that the model forbids.
 *
 * Invariants  M1  A call takes effect once, between its call and its return.
 *             M2  The clock moves only when the model is at rest: each thread is idle or blocked,
 *                 and no step can be taken. So what is forgotten is noticed.
 */
#pragma once

#include <stdint.h>

#define MODEL_THREADS 8
#define MODEL_DATA 6
#define MODEL_OWN 640
#define MODEL_NEVER UINT64_MAX

typedef enum MODEL_PHASE {
    MODEL_IDLE,    /* between calls */
    MODEL_CALLED,  /* has called; the call has not taken effect */
    MODEL_BLOCKED, /* the call took effect and waits */
    MODEL_DONE     /* the call's result stands; it has not returned */
} MODEL_PHASE;

typedef struct MODEL_OP {
    int32_t Code; /* the model's own numbers */
    int32_t Data[MODEL_DATA];
} MODEL_OP;

typedef struct MODEL_THREAD {
    int32_t Phase;
    MODEL_OP Op;
    int64_t Result; /* MODEL_DONE */
} MODEL_THREAD;

/* Compared and copied as bytes: every byte is set. */
typedef struct MODEL_STATE {
    uint64_t Clock; /* ns */
    MODEL_THREAD Threads[MODEL_THREADS];
    _Alignas(8) uint8_t Own[MODEL_OWN]; /* the model's structure */
} MODEL_STATE;

typedef struct MODEL {
    const char *Name;
    const char *const *OpNames; /* by MODEL_OP.Code */
    uint32_t OwnSize;
    uint32_t Steps; /* numbers for Step are below this */
    /* Thread, which is MODEL_CALLED, takes effect in the way of this number; 0: no such way. */
    int (*Begin)(MODEL_STATE *State, uint32_t Thread, uint32_t Way);
    /* Something that happens by itself; 0: not now. */
    int (*Step)(MODEL_STATE *State, uint32_t Index);
    /* When a step that is not possible now becomes possible; MODEL_NEVER. */
    uint64_t (*NextTime)(const MODEL_STATE *State);
    /* 0: this cannot have happened in this state. */
    int (*Note)(MODEL_STATE *State, const MODEL_OP *Op);
    /* Something is under way that ends with a note; NULL: never. */
    int (*IsBusy)(const MODEL_STATE *State);
} MODEL;

static inline void
ModelFinish(MODEL_STATE *State, uint32_t Thread, int64_t Result)
{
    State->Threads[Thread].Phase = MODEL_DONE;
    State->Threads[Thread].Result = Result;
}

/* ---- the history; any thread may write, one at a time ---- */

/* Forgets everything; the state before the first event is the caller's to fill: it is zeroed. */
MODEL_STATE *ModelReset(const MODEL *Model, uint64_t Clock);
void ModelCall(uint32_t Thread, const MODEL_OP *Op);
void ModelReturn(uint32_t Thread, int64_t Result);
void ModelNote(const MODEL_OP *Op);
/* Every thread waits now, and no more will happen by itself before the clock moves. */
void ModelQuiet(void);
/* Ends the process with the history if the model forbids it. */
void ModelCheck(void);
/* The same, for another reason to give up. */
_Noreturn void ModelFail(const char *Reason);
/* The events so far, as one number: two runs that are the same have the same. */
uint64_t ModelHash(void);
uint32_t ModelEvents(void);

/* ---- random numbers: the same everywhere for the same seed ---- */

typedef struct MODEL_RANDOM {
    uint64_t State;
} MODEL_RANDOM;

/* splitmix64; a number below Limit */
static inline uint32_t
ModelRandom(MODEL_RANDOM *Random, uint32_t Limit)
{
    uint64_t value = Random->State += 0x9E3779B97F4A7C15ull;

    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
    value ^= value >> 31;
    return (uint32_t)(((unsigned __int128)value * Limit) >> 64);
}

/* ---- what is run: the kernel's half of a model ---- */

typedef struct MODEL_TEST {
    const MODEL *Model;
    uint32_t Workers; /* threads 1..Workers of the history; 0 is the test itself */
    /* Makes the objects and the state before the first event. */
    void (*SetUp)(MODEL_STATE *State, MODEL_RANDOM *Random);
    /* One or more random calls; for a worker. */
    void (*Act)(uint32_t Worker, MODEL_RANDOM *Random);
    /* The worker gives back what it holds; its last calls. */
    void (*Leave)(uint32_t Worker);
    /* The test helps workers that wait without end; NULL: none does. */
    void (*Help)(void);
    /* Notes what can be seen of the objects; every thread waits. */
    void (*Observe)(void);
    /* All workers have left. */
    void (*TearDown)(void);
} MODEL_TEST;

extern const MODEL_TEST *const ModelTests[]; /* ends with NULL */
void ModelStartMachine(void);
/* One seed. Returns if all was well. */
void ModelRun(const MODEL_TEST *Test, uint64_t Seed);
/* HalpMonotonicTime. */
uint64_t ModelNow(void);

extern const MODEL WaitModel;
extern const MODEL TimerModel;
extern const MODEL DpcModel;
extern const MODEL ResourceModel;
