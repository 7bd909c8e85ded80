/* SPDX-License-Identifier: MIT
 *
 * hal/sim/simp.h - private to hal/sim: its state and its scheduler
 *
 * Invariants  S1  The thread that holds the baton is SimCurrent's, in state SIM_RUNNING; every
 *                 field below is touched by that thread only, so there is no lock.
 *             S2  The baton is passed without a word to ThreadSanitizer: it sees just the
 *                 synchronisation of the code under test, and so the races which that leaves.
 *                 Only SimAdvance and SimRunUntilIdle order what lies before and behind them, so
 *                 that a test may look at plain variables. Hence no file here is instrumented.
 *             S3  What happens depends on the seed and on the calls made, on nothing else.
 */
#pragma once

#include "hal/posix/posix.h"
#include "hal/sim/sim.h"

#include <pthread.h>

#define SIM_STACK_FRAMES 24

typedef enum SIM_STATE {
    SIM_READY,   /* may be chosen */
    SIM_RUNNING, /* holds the baton */
    SIM_WAITING, /* until woken, or Deadline */
    SIM_IDLING,  /* until every other thread waits, at this time of the clock */
    SIM_ENDED
} SIM_STATE;

struct HALP_THREAD {
    uint32_t Turn; /* futex word: 1 = take the baton */
    uint32_t Id;
    SIM_STATE State;
    const uint32_t *Address; /* SIM_WAITING: on which word */
    uint64_t Deadline;       /* SIM_WAITING */
    int TimedOut;
    void *ExitContext;
    void (*Start)(void *Context);
    void *Context;
    pthread_t Host;
    struct HALP_THREAD *Next;
    char Name[32];
    uintptr_t Frames[SIM_STACK_FRAMES]; /* where it gave the baton away */
    uint32_t FrameCount;
};

typedef struct SIM_RANDOM {
    uint64_t State;
} SIM_RANDOM;

typedef struct SIM_MACHINE {
    int Running; /* between HalpInitialize and HalpShutdown */
    uint64_t Seed;
    uint32_t ProcessorCount;
    SIM_RANDOM Choices;         /* the scheduler's */
    SIM_RANDOM Bytes;           /* HalpRandom's */
    uint64_t Clock;             /* ns */
    uint64_t IdleSteps;         /* scheduling points since a thread last started, woke or waited */
    const HALP_THREAD *Stalled; /* not chosen for StallSteps; compared only: it may have ended */
    uint64_t StallSteps;
    uint32_t NextId;
    HALP_THREAD *Threads;
    HALP_THREAD Main;
    HALP_UPCALLS Upcalls;
    void (*AbortHook)(void);
} SIM_MACHINE;

extern SIM_MACHINE SimMachine;
extern POSIX_TLS HALP_THREAD *SimCurrentPointer;

/* The caller's thread; ends the process with a message on a thread that hal/sim does not know. */
HALP_THREAD *SimCurrent(const char *Function);
uint64_t SimNextRandom(SIM_RANDOM *Random);
/* A number below Limit. */
uint64_t SimChoose(uint64_t Limit);
void SimStartScheduler(void);
/* Every thread but the caller's must have ended; ends the process with their names otherwise. */
void SimStopScheduler(void);
/* Gives the baton away, with the caller's State and Deadline set; returns when it is back. */
void SimSwitch(HALP_THREAD *Self);
/* Blocks until SimWake(Address) or the deadline. Never spurious. HALP_OK or HALP_TIMEOUT. */
HALP_STATUS SimWait(HALP_THREAD *Self, const uint32_t *Address, uint64_t Deadline);
void SimWake(const uint32_t *Address, uint32_t Count);
void SimForgetEvents(void);
/* Tell ThreadSanitizer, where there is one, of a hand-over through Object. */
void SimRelease(void *Object);
void SimAcquire(void *Object);
