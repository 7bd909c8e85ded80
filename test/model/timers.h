/* SPDX-License-Identifier: MIT
 *
 * test/model/timers.h - the operations of the timers model
 */
#pragma once

#include "model.h"

#define TIMERS 3 /* timer i uses DPC i, if any */
#define TIMERS_RUNS 16
#define TIMERS_DPC_THREAD 4 /* thread 4 + i of the history: what DPC i's routine calls */
#define TIMERS_STATUS_TIMEOUT 0x102

typedef enum TIMERS_CODE {
    TIMERS_SET,    /* timer, due in microseconds, period in ms, 1: with its DPC; was it armed? */
    TIMERS_CANCEL, /* timer; was it armed? */
    TIMERS_READ,   /* timer; its state */
    TIMERS_WAIT,   /* timer, time-out in microseconds; status */
    TIMERS_DELAY,  /* microseconds; status */
    TIMERS_FLUSH,  /* KeFlushQueuedDpcs */
    TIMERS_BEGINS, /* a note: DPC, number of this run */
    TIMERS_ENDS,   /* a note: the same */
    TIMERS_STATE   /* a note: timer, state, waiters */
} TIMERS_CODE;

typedef struct TIMERS_TIMER {
    uint64_t Due;
    uint64_t Period; /* ns; 0: once */
    int8_t Synchronization;
    int8_t State;
    int8_t Armed;
    int8_t HasDpc;
    int8_t Waiters;
    int8_t Queue[MODEL_THREADS]; /* oldest first */
    int8_t Fill[3];
} TIMERS_TIMER;

typedef enum TIMERS_PHASE {
    TIMERS_NONE,
    TIMERS_QUEUED,
    TIMERS_TAKEN, /* off the queue; the routine has not begun */
    TIMERS_RUNNING
} TIMERS_PHASE;

/* One queueing of a DPC, until its routine has ended. */
typedef struct TIMERS_RUN {
    int8_t Phase;
    int8_t Dpc;
    uint8_t Flushers; /* bit i: thread i waits for its end */
    int8_t Fill;
    int32_t Number;
} TIMERS_RUN;

typedef struct TIMERS_OWN {
    TIMERS_TIMER Timers[TIMERS];
    uint64_t Deadlines[MODEL_THREADS];
    TIMERS_RUN Runs[TIMERS_RUNS];
} TIMERS_OWN;
