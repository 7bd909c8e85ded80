/* SPDX-License-Identifier: MIT
 *
 * test/model/machine.h - what the kernel halves of the models share
 */
#pragma once

#include "ex/ex.h"
#include "hal/sim/sim.h"
#include "model.h"

#include <ntbox/eh.h>

#define MACHINE_PROCESSORS 2

/* The KTHREAD of a worker, 1..; 0: of the test's own thread. */
KTHREAD *MachineThread(ULONG Number);

/* A number for a status that the statement raises; -1 if none. */
#define RAISED(statement)                                         \
    ({                                                            \
        volatile INT64 raisedStatus = -1;                         \
        __try {                                                   \
            statement;                                            \
        } __except (raisedStatus = (ULONG)_exception_code(), 1) { \
        }                                                         \
        raisedStatus;                                             \
    })

/* An operation with up to four numbers, as a call. */
static inline void
CallOp(ULONG Thread, INT32 Code, INT32 A, INT32 B, INT32 C, INT32 D)
{
    MODEL_OP op = {Code, {A, B, C, D}};

    ModelCall(Thread, &op);
}

static inline void
NoteOp(INT32 Code, INT32 A, INT32 B, INT32 C, INT32 D)
{
    MODEL_OP op = {Code, {A, B, C, D}};

    ModelNote(&op);
}

/* Microseconds from now on, as a relative time. */
static inline LARGE_INTEGER
RelativeUs(INT32 Microseconds)
{
    LARGE_INTEGER time = {.QuadPart = -(LONGLONG)Microseconds * 10};

    return time;
}

/* As a system time. */
static inline LARGE_INTEGER
AbsoluteUs(INT32 Microseconds)
{
    LARGE_INTEGER time = {.QuadPart = (LONGLONG)HalpSystemTime() + (LONGLONG)Microseconds * 10};

    return time;
}

extern const MODEL_TEST WaitsTest;
extern const MODEL_TEST TimersTest;
extern const MODEL_TEST DpcsTest;
extern const MODEL_TEST ResourceTest;
