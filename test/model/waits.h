/* SPDX-License-Identifier: MIT
 *
 * test/model/waits.h - the operations of the waits model
 */
#pragma once

#include "model.h"

#define WAITS_OBJECTS 7
#define WAITS_MAX_OBJECTS 3 /* of one wait */
#define WAITS_APCS 4
#define WAITS_FOREVER (-1)

typedef enum WAITS_KIND {
    WAITS_NOTIFICATION,
    WAITS_SYNCHRONIZATION,
    WAITS_SEMAPHORE,
    WAITS_MUTEX,  /* disables APCs while it is held; must not be held at the thread's end */
    WAITS_MUTANT, /* becomes abandoned at the thread's end */
    WAITS_KTHREAD
} WAITS_KIND;

/* Data[0] is an object's number unless something else is said. */
typedef enum WAITS_CODE {
    WAITS_SET, /* returns the old state */
    WAITS_RESET,
    WAITS_PULSE,
    WAITS_READ,
    WAITS_RELEASE_SEMAPHORE, /* Data[1]: how many; returns the old state or WAITS_RAISED */
    WAITS_RELEASE_MUTEX,     /* returns the old state or WAITS_RAISED; and the held mutexes */
    WAITS_WAIT,              /* Data: see WAITS_WAIT_DATA; returns WAITS_STATUS */
    WAITS_ALERT,             /* Data[0]: the thread; returns whether it was alerted */
    WAITS_QUEUE_APC,         /* Data[0]: the APC, Data[1]: its thread; returns 0 or 1 */
    WAITS_TAKE_APC,          /* returns the APC, or -1 */
    WAITS_CLOSE_APCS,        /* the thread's APCs are run down */
    WAITS_END,               /* the thread ends */
    WAITS_STATE              /* a note; Data[1]: state that is seen, Data[2]: waiters */
} WAITS_CODE;

enum WAITS_WAIT_DATA {
    WAITS_LIST,    /* object numbers, four bits each, first one lowest; see WAITS_COUNT */
    WAITS_COUNT,   /* 0: a delay */
    WAITS_FLAGS,   /* WAITS_ALL... */
    WAITS_TIMEOUT, /* microseconds, WAITS_FOREVER, 0 */
    WAITS_FIRST    /* 1 + an event to be set, a semaphore or mutex to be released once, before */
};

#define WAITS_ALL 1
#define WAITS_ALERTABLE 2
#define WAITS_USER_MODE 4

#define WAITS_RAISED(status) (((int64_t)1 << 40) | (uint32_t)(status))
/* What a wait returns: the status, and how many mutexes now hold back APCs. */
#define WAITS_RESULT(status, mutexes) (((int64_t)(mutexes) << 32) | (uint32_t)(status))

#define WAITS_STATUS_ABANDONED 0x80
#define WAITS_STATUS_USER_APC 0xC0
#define WAITS_STATUS_ALERTED 0x101
#define WAITS_STATUS_TIMEOUT 0x102
#define WAITS_STATUS_NOT_OWNED 0xC0000046u
#define WAITS_STATUS_LIMIT 0xC0000047u

/* What the test fills in before the first event; the rest starts as zero. */
typedef struct WAITS_OBJECT {
    int8_t Kind;
    int8_t Limit;
    int8_t State;
    int8_t Owner; /* mutexes: 1 + the thread; threads: 1 + which */
    int8_t Abandoned;
    int8_t Waiters;
    int8_t Queue[MODEL_THREADS]; /* oldest first */
} WAITS_OBJECT;

typedef struct WAITS_THREAD {
    uint64_t Deadline;
    int8_t Alerted;
    int8_t Apcs;
    int8_t Apc[WAITS_APCS]; /* oldest first */
    int8_t ApcsClosed;
    int8_t Held; /* mutexes and mutants, in the order in which they were taken */
    int8_t Mutex[WAITS_OBJECTS];
    int8_t Fill;
} WAITS_THREAD;

typedef struct WAITS {
    WAITS_THREAD Threads[MODEL_THREADS];
    WAITS_OBJECT Objects[WAITS_OBJECTS];
} WAITS;
