/* SPDX-License-Identifier: MIT
 *
 * test/model/dpcs.h - the operations of the DPC model
 */
#pragma once

#include "model.h"

#define DPCS 3
#define DPCS_PROCESSORS 2
#define DPCS_RUNS 12
#define DPCS_THREAD 4 /* thread 4 + i of the history: what routines on processor i call */
#define DPCS_NOWHERE (-1)

typedef enum DPCS_CODE {
    DPCS_INSERT, /* DPC, argument, the caller's processor or DPCS_NOWHERE; was it inserted? */
    DPCS_REMOVE, /* DPC; was it queued? */
    DPCS_FLUSH,
    DPCS_LOWER,  /* the processor: the caller goes below DISPATCH_LEVEL */
    DPCS_RAISED, /* a note: a thread has raised to DISPATCH_LEVEL on this processor */
    DPCS_BEGINS, /* a note: DPC, argument, processor */
    DPCS_ENDS    /* a note: processor */
} DPCS_CODE;

/* What is fixed before the first event. */
typedef struct DPCS_DPC {
    int8_t High;   /* importance */
    int8_t Low;    /* importance, and no threaded DPC */
    int8_t Target; /* DPCS_NOWHERE: none */
} DPCS_DPC;

typedef enum DPCS_PHASE { DPCS_NONE, DPCS_QUEUED, DPCS_TAKEN, DPCS_RUNNING } DPCS_PHASE;

/* One queueing of a DPC, until its routine has ended or it was removed. */
typedef struct DPCS_RUN {
    int8_t Phase;
    int8_t Dpc;
    int8_t Processor;
    uint8_t Waiters; /* bit i: thread i's call returns after its end */
    int32_t Argument;
} DPCS_RUN;

typedef struct DPCS_OWN {
    DPCS_RUN Runs[DPCS_RUNS]; /* those of one processor that are queued: in their order */
    DPCS_DPC Dpcs[DPCS];
    int8_t Held[DPCS_PROCESSORS]; /* a thread is at DISPATCH_LEVEL there */
} DPCS_OWN;
