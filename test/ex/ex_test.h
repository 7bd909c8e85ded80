/* SPDX-License-Identifier: MIT
 *
 * test/ex/ex_test.h - what the tests of ex share: the machine up to ex, threads, leak accounting
 */
#pragma once

#include "ex/ex.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#include <ntbox/eh.h>

#define EX_TAG 0x74736554u /* 'Test' */

static const HALP_UPCALLS ExTestUpcalls = {.ThreadExit = KiHostThreadExit};
static EXP_POOL_STATISTICS ExTestBefore;

static inline void
ExTestStart(void)
{
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &ExTestUpcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(2), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializePools(), STATUS_SUCCESS);
    KiRegisterRaise(ExRaiseStatus);
    ExpQueryPoolStatistics(&ExTestBefore);
}

static inline ULONG64
ExTestBlocks(void)
{
    EXP_POOL_STATISTICS now;

    ExpQueryPoolStatistics(&now);
    return now.BlocksInUse - ExTestBefore.BlocksInUse;
}

static inline void
ExTestStop(void)
{
    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_EQ(KiGetCurrentThread()->SpinLocks, 0);
    NT_EXPECT_EQ(ExTestBlocks(), 0);
    KiShutdownSystem();
    HalpShutdown();
}

/* A thread of the test: Routine(Context) with a KTHREAD of its own. */
typedef struct TEST_THREAD {
    union {
        KTHREAD Tcb;
        UCHAR Room[KI_SYSTEM_THREAD_SIZE];
    };
    void (*Routine)(void *Context);
    void *Context;
    HALP_THREAD *Host;
} TEST_THREAD;

static inline void
TestThreadStart(void *Context)
{
    TEST_THREAD *thread = Context;

    KiSetCurrentThread(&thread->Tcb);
    thread->Routine(thread->Context);
    ExpFlushThreadCache(&thread->Tcb);
    KiTerminateThread(&thread->Tcb);
    KiSetCurrentThread(NULL);
}

static inline void
StartThread(TEST_THREAD *Thread, void (*Routine)(void *), void *Context)
{
    memset(Thread, 0, sizeof(*Thread));
    KiInitializeThread(&Thread->Tcb, NULL);
    Thread->Routine = Routine;
    Thread->Context = Context;
    NT_EXPECT_EQ(HalpCreateThread(&Thread->Host, "test", TestThreadStart, Thread), HALP_OK);
}

static inline void
JoinThread(TEST_THREAD *Thread)
{
    HalpWaitThreadEnd(Thread->Host);
}

/* Threads for ex's work items. */
typedef struct WORKER {
    TEST_THREAD Thread;
    PKSTART_ROUTINE Routine;
    PVOID Context;
} WORKER;

static WORKER Workers[40];
static LONG WorkerCount;

static inline void
RunWorker(void *Context)
{
    WORKER *worker = Context;

    worker->Routine(worker->Context);
}

static inline NTSTATUS
CreateWorker(PKSTART_ROUTINE Routine, PVOID Context, PVOID *Thread)
{
    WORKER *worker = &Workers[__atomic_fetch_add(&WorkerCount, 1, __ATOMIC_RELAXED)];

    worker->Routine = Routine;
    worker->Context = Context;
    StartThread(&worker->Thread, RunWorker, worker);
    *Thread = worker;
    return STATUS_SUCCESS;
}

static inline VOID
WaitWorker(PVOID Thread)
{
    JoinThread(&((WORKER *)Thread)->Thread);
}

__attribute__((unused)) static const EXP_THREAD_OPS WorkerOps = {CreateWorker, WaitWorker};

/* Status that the statement raises; STATUS_SUCCESS if none. */
#define RAISED(statement)                                            \
    ({                                                               \
        volatile NTSTATUS raisedStatus = STATUS_SUCCESS;             \
        __try {                                                      \
            statement;                                               \
        } __except (raisedStatus = (NTSTATUS)_exception_code(), 1) { \
        }                                                            \
        raisedStatus;                                                \
    })
