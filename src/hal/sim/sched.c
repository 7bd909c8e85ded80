/* SPDX-License-Identifier: MIT
 *
 * hal/sim/sched.c - the baton: which thread runs, and when the clock moves
 *
 * Threads are real ones, so debuggers, sanitizers and thread-local variables work; all but one
 * of them sleep on their Turn word.
 */
#include "hal/sim/simp.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One in so many waits returns early: callers must loop, and here they do or fail. */
#define SPURIOUS_WAKE_RATIO 32
/* Scheduling points without any thread waiting, waking, starting or ending: nobody gets on. */
#define MAX_IDLE_STEPS 20000000u
#define FIRST_ID 1000u
/* One in so many scheduling points makes its thread stand still, for up to so many others. */
#define STALL_RATIO 48
#define MAX_STALL_STEPS 256

POSIX_TLS HALP_THREAD *SimCurrentPointer;

/* What ThreadSanitizer is told of the test's steps: see S2. */
static char BeforeStep;
static char AfterStep;

__attribute__((weak)) void __tsan_release(void *Object);
__attribute__((weak)) void __tsan_acquire(void *Object);

void
SimRelease(void *Object)
{
    if (__tsan_release != NULL) {
        __tsan_release(Object);
    }
}

void
SimAcquire(void *Object)
{
    if (__tsan_acquire != NULL) {
        __tsan_acquire(Object);
    }
}

HALP_THREAD *
SimCurrent(const char *Function)
{
    if (SimCurrentPointer == NULL) {
        PosixFatal("hal/sim: %s on a thread that was not made by HalpCreateThread", Function);
    }
    return SimCurrentPointer;
}

/* ---- the baton ---- */

static void
TakeBaton(HALP_THREAD *Self)
{
    while (__atomic_load_n(&Self->Turn, __ATOMIC_ACQUIRE) == 0) {
        syscall(SYS_futex, &Self->Turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    Self->Turn = 0;
    Self->State = SIM_RUNNING;
    SimAcquire(&BeforeStep);
}

static void
GiveBaton(HALP_THREAD *Next)
{
    SimRelease(&AfterStep);
    __atomic_store_n(&Next->Turn, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &Next->Turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* A random thread in this state, but not Except; or NULL. */
static HALP_THREAD *
ChooseIn(SIM_STATE State, const HALP_THREAD *Except)
{
    HALP_THREAD *chosen = NULL;
    uint64_t count = 0;
    uint64_t turn;

    for (HALP_THREAD *thread = SimMachine.Threads; thread != NULL; thread = thread->Next) {
        count += thread->State == State && thread != Except;
    }
    if (count == 0) {
        return NULL;
    }
    turn = count == 1 ? 0 : SimChoose(count);
    for (HALP_THREAD *thread = SimMachine.Threads; chosen == NULL; thread = thread->Next) {
        if (thread->State == State && thread != Except && turn-- == 0) {
            chosen = thread;
        }
    }
    return chosen;
}

/*
 * With every other seed, now and then the running thread stands still for many steps of the others,
 * wherever it is: they get through whole calls meanwhile, as they never would by turns.
 */
static HALP_THREAD *
ChooseReady(void)
{
    HALP_THREAD *next;

    if (SimMachine.StallSteps == 0) {
        if (SimMachine.Seed % 2 == 0 && SimChoose(STALL_RATIO) == 0) {
            SimMachine.Stalled = SimCurrentPointer;
            SimMachine.StallSteps = SimChoose(MAX_STALL_STEPS);
        }
        return ChooseIn(SIM_READY, NULL);
    }
    SimMachine.StallSteps--;
    next = ChooseIn(SIM_READY, SimMachine.Stalled);
    return next != NULL ? next : ChooseIn(SIM_READY, NULL);
}

/* Moves the clock to the earliest deadline; 0 if there is none. */
static int
AdvanceClock(void)
{
    uint64_t earliest = HALP_NEVER;

    for (HALP_THREAD *thread = SimMachine.Threads; thread != NULL; thread = thread->Next) {
        if (thread->State == SIM_WAITING && thread->Deadline < earliest) {
            earliest = thread->Deadline;
        }
    }
    if (earliest == HALP_NEVER) {
        return 0;
    }
    if (earliest > SimMachine.Clock) {
        SimMachine.Clock = earliest;
    }
    for (HALP_THREAD *thread = SimMachine.Threads; thread != NULL; thread = thread->Next) {
        if (thread->State == SIM_WAITING && thread->Deadline <= SimMachine.Clock) {
            thread->State = SIM_READY;
            thread->TimedOut = 1;
        }
    }
    SimMachine.IdleSteps = 0;
    return 1;
}

static void
PrintThread(const HALP_THREAD *Thread)
{
    static const char *const states[] = {"ready", "running", "waiting", "idling", "ended"};
    char line[512];
    int length = snprintf(line, sizeof(line), "thread %u \"%s\": %s on %p\n", Thread->Id,
                          Thread->Name, states[Thread->State], (const void *)Thread->Address);

    HalpWriteLog(line, (size_t)length);
    for (uint32_t i = 0; i < Thread->FrameCount; ++i) {
        HALP_SYMBOL symbol;

        /* One back: the call, not what follows it. */
        (void)HalpDescribeAddress(Thread->Frames[i] - 1, &symbol);
        length =
            snprintf(line, sizeof(line), "    %s!%s+0x%llx %s:%u\n", symbol.Module, symbol.Function,
                     (unsigned long long)symbol.Offset + 1, symbol.File, symbol.Line);
        HalpWriteLog(line, (size_t)length);
    }
}

static _Noreturn void
ReportStuck(const char *What)
{
    HALP_THREAD *self = SimCurrentPointer;
    char line[128];
    int length =
        snprintf(line, sizeof(line), "hal/sim: %s at %llu ns, seed %llu\n", What,
                 (unsigned long long)SimMachine.Clock, (unsigned long long)SimMachine.Seed);

    self->FrameCount = HalpCaptureStack(1, self->Frames, SIM_STACK_FRAMES);
    HalpWriteLog(line, (size_t)length);
    for (HALP_THREAD *thread = SimMachine.Threads; thread != NULL; thread = thread->Next) {
        PrintThread(thread);
    }
    HalpAbort();
}

/* Who goes on. The clock moves only when there is nobody else. */
static HALP_THREAD *
ChooseNext(void)
{
    for (;;) {
        HALP_THREAD *next = ChooseReady();

        if (next == NULL) {
            next = ChooseIn(SIM_IDLING, NULL);
        }
        if (next != NULL) {
            return next;
        }
        if (!AdvanceClock()) {
            ReportStuck("deadlock: all threads wait, none with a deadline");
        }
    }
}

void
SimSwitch(HALP_THREAD *Self)
{
    HALP_THREAD *next;

    if (++SimMachine.IdleSteps > MAX_IDLE_STEPS) {
        ReportStuck("livelock: threads only spin, and the clock does not move for them");
    }
    next = ChooseNext();
    if (next == Self) {
        Self->State = SIM_RUNNING;
        return;
    }
    Self->FrameCount = HalpCaptureStack(1, Self->Frames, SIM_STACK_FRAMES);
    GiveBaton(next);
    TakeBaton(Self);
}

void
SimSchedulingPoint(void)
{
    HALP_THREAD *self = SimCurrent(__func__);

    self->State = SIM_READY;
    SimSwitch(self);
}

/* ---- waiting ---- */

HALP_STATUS
SimWait(HALP_THREAD *Self, const uint32_t *Address, uint64_t Deadline)
{
    Self->State = SIM_WAITING;
    Self->Address = Address;
    Self->Deadline = Deadline;
    Self->TimedOut = 0;
    SimMachine.IdleSteps = 0;
    SimSwitch(Self);
    Self->Address = NULL;
    return Self->TimedOut ? HALP_TIMEOUT : HALP_OK;
}

/* Which of the waiters goes first is chosen too: nothing promises an order. */
void
SimWake(const uint32_t *Address, uint32_t Count)
{
    uint64_t waiters = 0;

    for (HALP_THREAD *thread = SimMachine.Threads; thread != NULL; thread = thread->Next) {
        waiters += thread->State == SIM_WAITING && thread->Address == Address;
    }
    while (Count-- != 0 && waiters != 0) {
        uint64_t turn = waiters == 1 ? 0 : SimChoose(waiters);

        for (HALP_THREAD *thread = SimMachine.Threads; thread != NULL; thread = thread->Next) {
            if (thread->State == SIM_WAITING && thread->Address == Address && turn-- == 0) {
                thread->State = SIM_READY;
                break;
            }
        }
        --waiters;
        SimMachine.IdleSteps = 0;
    }
}

HALP_STATUS
HalpWaitAddress(const uint32_t *Address, uint32_t Expected, uint64_t Deadline)
{
    HALP_THREAD *self = SimCurrent(__func__);

    SimSchedulingPoint();
    if (__atomic_load_n(Address, __ATOMIC_ACQUIRE) != Expected) {
        return HALP_OK;
    }
    if (Deadline <= SimMachine.Clock) {
        return HALP_TIMEOUT;
    }
    if (SimChoose(SPURIOUS_WAKE_RATIO) == 0) {
        return HALP_OK;
    }
    return SimWait(self, Address, Deadline);
}

void
HalpWakeAddress(const uint32_t *Address, uint32_t Count)
{
    (void)SimCurrent(__func__);
    SimWake(Address, Count);
    SimSchedulingPoint();
}

/* The simulated machine has one process. */
HALP_STATUS
HalpWaitSharedAddress(const uint32_t *Address, uint32_t Expected, uint64_t Deadline)
{
    return HalpWaitAddress(Address, Expected, Deadline);
}

void
HalpWakeSharedAddress(const uint32_t *Address, uint32_t Count)
{
    HalpWakeAddress(Address, Count);
}

void
HalpYield(void)
{
    SimSchedulingPoint();
}

void
HalpPause(void)
{
    SimSchedulingPoint();
}

/* ---- the test's hand on the clock ---- */

void
SimRunUntilIdle(void)
{
    HALP_THREAD *self = SimCurrent(__func__);

    SimRelease(&BeforeStep);
    self->State = SIM_IDLING;
    SimMachine.IdleSteps = 0;
    SimSwitch(self);
    SimAcquire(&AfterStep);
}

void
SimAdvance(uint64_t Nanoseconds)
{
    static const uint32_t nobodyWakesThis;
    HALP_THREAD *self = SimCurrent(__func__);

    SimRunUntilIdle();
    (void)SimWait(self, &nobodyWakesThis, SimMachine.Clock + Nanoseconds);
    SimRunUntilIdle();
}

uint64_t
HalpMonotonicTime(void)
{
    (void)SimCurrent(__func__);
    return SimMachine.Clock;
}

/* ---- threads ---- */

static void
AddThread(HALP_THREAD *Thread, const char *Name)
{
    HALP_THREAD **link = &SimMachine.Threads;

    Thread->Id = SimMachine.NextId++;
    PosixCopyText(Thread->Name, sizeof(Thread->Name), Name);
    while (*link != NULL) {
        link = &(*link)->Next;
    }
    *link = Thread;
}

static void
RemoveThread(HALP_THREAD *Thread)
{
    HALP_THREAD **link = &SimMachine.Threads;

    while (*link != Thread) {
        link = &(*link)->Next;
    }
    *link = Thread->Next;
}

/* Hands the baton on for good. What follows on this thread is no part of the run. */
static void
EndCurrentThread(void)
{
    HALP_THREAD *self = SimCurrentPointer;

    if (self->ExitContext != NULL && SimMachine.Upcalls.ThreadExit != NULL) {
        void *context = self->ExitContext;

        self->ExitContext = NULL;
        SimMachine.Upcalls.ThreadExit(context);
    }
    PosixLeaveThread();
    self->State = SIM_ENDED;
    SimWake(&self->Id, UINT32_MAX);
    SimMachine.IdleSteps = 0;
    GiveBaton(ChooseNext());
}

static void *
RunThread(void *Context)
{
    HALP_THREAD *self = Context;

    SimCurrentPointer = self;
    PosixEnterThread();
    TakeBaton(self);
    PosixNameThread(self->Name);
    self->Start(self->Context);
    EndCurrentThread();
    return NULL;
}

HALP_STATUS
HalpCreateThread(HALP_THREAD **Thread, const char *Name, void (*Start)(void *), void *Context)
{
    HALP_THREAD *thread;
    int error;

    (void)SimCurrent(__func__);
    thread = calloc(1, sizeof(*thread));
    if (thread == NULL) {
        return PosixFail("calloc");
    }
    thread->Start = Start;
    thread->Context = Context;
    thread->State = SIM_READY;
    error = pthread_create(&thread->Host, NULL, RunThread, thread);
    if (error != 0) {
        free(thread);
        return PosixFailWith("pthread_create", error);
    }
    AddThread(thread, Name);
    SimMachine.IdleSteps = 0;
    *Thread = thread;
    SimSchedulingPoint();
    return HALP_OK;
}

void
HalpWaitThreadEnd(HALP_THREAD *Thread)
{
    HALP_THREAD *self = SimCurrent(__func__);

    SimSchedulingPoint();
    while (Thread->State != SIM_ENDED) {
        (void)SimWait(self, &Thread->Id, HALP_NEVER);
    }
    pthread_join(Thread->Host, NULL);
    RemoveThread(Thread);
    free(Thread);
}

void
HalpExitThread(void)
{
    HALP_THREAD *self = SimCurrent(__func__);

    if (self == &SimMachine.Main) {
        PosixFatal("hal/sim: HalpExitThread on the thread of HalpInitialize");
    }
    EndCurrentThread();
    pthread_exit(NULL);
}

uint32_t
HalpCurrentThreadId(void)
{
    return SimCurrent(__func__)->Id;
}

uint32_t
HalpCurrentProcessId(void)
{
    return FIRST_ID;
}

void
HalpSetThreadExitContext(void *Context)
{
    SimCurrent(__func__)->ExitContext = Context;
}

void
SimStartScheduler(void)
{
    HALP_THREAD *main = &SimMachine.Main;

    memset(main, 0, sizeof(*main));
    main->State = SIM_RUNNING;
    main->Host = pthread_self();
    SimMachine.NextId = FIRST_ID;
    SimMachine.Threads = NULL;
    SimMachine.IdleSteps = 0;
    SimMachine.StallSteps = 0;
    AddThread(main, "main");
    SimCurrentPointer = main;
    PosixEnterThread();
}

void
SimStopScheduler(void)
{
    HALP_THREAD *self = SimCurrent("HalpShutdown");

    if (self != &SimMachine.Main) {
        PosixFatal("hal/sim: HalpShutdown on another thread than HalpInitialize");
    }
    if (SimMachine.Threads != self || self->Next != NULL) {
        ReportStuck("HalpShutdown with threads that nobody waited for");
    }
    PosixLeaveThread();
    SimMachine.Threads = NULL;
    SimCurrentPointer = NULL;
}
