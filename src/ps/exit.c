/* SPDX-License-Identifier: MIT
 *
 * ps/exit.c - the client process ends: its threads leave the kernel before the kernel goes
 *
 * A client's thread is inside the kernel between the two ends of a system call (ETHREAD.
 * InSystemCall), and while it joins or leaves as a host thread. Ending the process closes the gate,
 * ends the waits of those that are inside, cancels their requests, and waits until each of them is
 * out; a thread that comes to a closed gate, from either side, stays there.
 *
 * A thread may wait in a driver for what another one holds up, so each round ends the waits and
 * the requests of all of them.
 *
 * Invariants  EX1  Who goes in writes InSystemCall (or PspThreadChanges), then reads PspGateClosed;
 *                  who closes writes PspGateClosed, then reads those. HalpFlushWriteBuffers gives
 *                  the closer both halves of the order, so that a system call costs no barrier.
 *             EX2  after PspCloseGate has answered TRUE no client thread but the caller runs kernel
 *                  code. One on its way in may still count itself in its ETHREAD, which therefore
 *                  stays: pools are never unmapped.
 */
#include <stdio.h>

#include "ps/psp.h"

#define PSP_EXIT_LIMIT 30000000000ull /* ns that the threads get to leave */
#define PSP_EXIT_LOOK 1000000ull      /* ns after which a request sent meanwhile is looked for */

uint32_t PspGateClosed;
static uint32_t PspThreadChanges; /* atomic: host threads that are joining or leaving */
static uint32_t PspGateLeaves;    /* atomic: counts threads that have come out; the closer waits */
static uint32_t PspClosingThread; /* atomic: host id of the closer; set before PspGateClosed is */
static PSP_THREAD_CANCEL *PspThreadCancel;

VOID
PspRegisterThreadCancel(PSP_THREAD_CANCEL *Cancel)
{
    PspThreadCancel = Cancel;
}

VOID
PspOpenGate(VOID)
{
    __atomic_store_n(&PspGateClosed, 0, __ATOMIC_SEQ_CST);
    HalpWakeAddress(&PspGateClosed, MAXLONG);
}

VOID
PspStayAtGate(VOID)
{
    if (HalpCurrentThreadId() == __atomic_load_n(&PspClosingThread, __ATOMIC_RELAXED)) {
        return;
    }
    __atomic_fetch_add(&PspGateLeaves, 1, __ATOMIC_RELEASE);
    HalpWakeAddress(&PspGateLeaves, MAXLONG);
    while (__atomic_load_n(&PspGateClosed, __ATOMIC_ACQUIRE) != 0) {
        HalpWaitAddress(&PspGateClosed, 1, HALP_NEVER);
    }
}

BOOLEAN
PspBeginThreadChange(VOID)
{
    __atomic_fetch_add(&PspThreadChanges, 1, __ATOMIC_SEQ_CST);
    if (__builtin_expect(__atomic_load_n(&PspGateClosed, __ATOMIC_SEQ_CST) != 0, 0)) {
        PspEndThreadChange();
        return FALSE;
    }
    return TRUE;
}

VOID
PspEndThreadChange(VOID)
{
    __atomic_fetch_sub(&PspThreadChanges, 1, __ATOMIC_ACQ_REL);
    if (__builtin_expect(__atomic_load_n(&PspGateClosed, __ATOMIC_RELAXED) != 0, 0)) {
        __atomic_fetch_add(&PspGateLeaves, 1, __ATOMIC_RELEASE);
        HalpWakeAddress(&PspGateLeaves, MAXLONG);
    }
}

VOID
PspContinueThreadChange(VOID)
{
    __atomic_fetch_add(&PspThreadChanges, 1, __ATOMIC_SEQ_CST);
}

static VOID
PspReportThreadInside(PETHREAD Thread)
{
    char line[256];
    int length =
        snprintf(line, sizeof(line),
                 "ntbox: ps: thread %u does not come back from a system call: a driver "
                 "below it neither completes its cancelled request nor ends its wait; the "
                 "drivers %s\n",
                 HandleToULong(Thread->Cid.UniqueThread),
                 Thread->Tcb.OwnProcess->Client == NULL ? "are not unloaded" : "stay as they are");

    HalpWriteLog(line, (SIZE_T)min(length, (int)sizeof(line) - 1));
}

/* Joining, leaving, and notify routines that are called for it: of no thread that is inside. */
static VOID
PspReportThreadChange(VOID)
{
    static const char line[] =
        "ntbox: ps: a thread that begins or ends does not come out of the kernel: a driver's "
        "thread notify routine does not return; the drivers are not unloaded\n";

    HalpWriteLog(line, sizeof(line) - 1);
}

ULONG
PspPushThreadsOut(PEPROCESS Process, PETHREAD Self, BOOLEAN Report)
{
    ULONG pass = PspBeginThreadPass();
    ULONG inside = 0;
    PETHREAD thread;

    while ((thread = PspTakeThread(Process, pass)) != NULL) {
        if (thread != Self && __atomic_load_n(&thread->InSystemCall, __ATOMIC_ACQUIRE) != 0) {
            ++inside;
            KiEndUserWaits(&thread->Tcb);
            if (PspThreadCancel != NULL) {
                PspThreadCancel(thread);
            }
            if (Report) {
                PspReportThreadInside(thread);
            }
        }
        ObDereferenceObject(thread);
    }
    return inside;
}

BOOLEAN
PspCloseGate(VOID)
{
    PETHREAD self = (PETHREAD)KiGetCurrentThread();
    ULONG64 limit = HalpMonotonicTime() + PSP_EXIT_LIMIT;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    __atomic_store_n(&PspClosingThread, HalpCurrentThreadId(), __ATOMIC_RELAXED);
    __atomic_store_n(&PspGateClosed, 1, __ATOMIC_SEQ_CST);
    HalpFlushWriteBuffers(); /* EX1 */
    for (;;) {
        uint32_t leaves = __atomic_load_n(&PspGateLeaves, __ATOMIC_ACQUIRE);
        ULONG64 now = HalpMonotonicTime();
        ULONG inside = PspPushThreadsOut(PspClientProcess, self, now >= limit);

        if (inside == 0 && __atomic_load_n(&PspThreadChanges, __ATOMIC_SEQ_CST) == 0) {
            return TRUE;
        }
        if (now >= limit) {
            if (inside == 0) {
                PspReportThreadChange();
            }
            return FALSE;
        }
        HalpWaitAddress(&PspGateLeaves, leaves, now + PSP_EXIT_LOOK);
    }
}
