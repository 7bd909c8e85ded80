/* SPDX-License-Identifier: MIT
 *
 * test/ke/ke_test.h - what ke's tests share: the machine, threads with a KTHREAD, and times
 */
#pragma once

#include "ke/ke.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

/* Processors of the machine; a test file may define it before the include. */
#ifndef KE_TEST_PROCESSORS
#define KE_TEST_PROCESSORS 2
#endif

#define MS_TICKS(ms) ((LONGLONG)(ms)*10000)
#define MS_NS(ms) ((ULONG64)(ms)*1000000)

/* Counters that several threads of a test touch. */
#define BUMP(counter) __atomic_fetch_add(&(counter), 1, __ATOMIC_SEQ_CST)
#define READ(counter) __atomic_load_n(&(counter), __ATOMIC_SEQ_CST)

static const HALP_UPCALLS KeTestUpcalls = {.ThreadExit = KiHostThreadExit};

void
NtTestSetUp(void)
{
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &KeTestUpcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(KE_TEST_PROCESSORS), STATUS_SUCCESS);
}

void
NtTestTearDown(void)
{
    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_EQ(KiGetCurrentThread()->SpinLocks, 0);
    KiShutdownSystem();
    HalpShutdown();
}

static inline LARGE_INTEGER
RelativeMs(LONGLONG Milliseconds)
{
    LARGE_INTEGER time;
    time.QuadPart = -MS_TICKS(Milliseconds);
    return time;
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

/* Waits, KernelMode, not alertable; Timeout NULL: for ever. */
static inline NTSTATUS
WaitFor(PVOID Object, PLARGE_INTEGER Timeout)
{
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, Timeout);
}

/* Is it signaled? Takes it if it is. */
static inline BOOLEAN
Poll(PVOID Object)
{
    LARGE_INTEGER zero = {.QuadPart = 0};
    return WaitFor(Object, &zero) == STATUS_SUCCESS;
}
