/* SPDX-License-Identifier: MIT
 *
 * test/ke/host_test.c - on hal/linux: a clock that moves by itself, threads that run at once
 *
 * Only that times are not too short is expected: how long a busy machine takes is anyone's guess.
 */
#define KE_TEST_PROCESSORS 4
#include "ke_test.h"

#define TICKS_PER_MICROSECOND 10

NT_TEST(KeClock, StallTakesAtLeastTheTimeGivenAtAnyIrql)
{
    static const KIRQL levels[] = {PASSIVE_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL};

    NT_FOR_EACH (level, levels) {
        for (ULONG microseconds = 1; microseconds <= 1024; microseconds *= 4) {
            LONGLONG start;
            LONGLONG end;
            KIRQL old;

            KeRaiseIrql(*level, &old);
            start = KeQueryPerformanceCounter(NULL).QuadPart;
            KeStallExecutionProcessor(microseconds);
            end = KeQueryPerformanceCounter(NULL).QuadPart;
            KeLowerIrql(old);
            /* The counter's own grain is one tick. */
            NT_EXPECT_TRUE(end - start + 1 >= (LONGLONG)microseconds * TICKS_PER_MICROSECOND);
        }
    }
}

NT_TEST(KeClock, PreciseTimesNeverGoBack)
{
    LARGE_INTEGER system = {.QuadPart = 0};
    ULONG64 interrupt = 0;
    ULONG64 stamp;

    for (ULONG i = 0; i < 10000; i++) {
        ULONG64 now = KeQueryInterruptTimePrecise(&stamp);

        NT_EXPECT_TRUE(now >= interrupt);
        NT_EXPECT_TRUE(stamp <= (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart);
        interrupt = now;
    }
    KeQuerySystemTimePrecise(&system);
    NT_EXPECT_TRUE(system.QuadPart > 0);
}

/* ---- queued locks ---- */

#define THREADS 4
#define ROUNDS 20000

static KSPIN_LOCK Lock;
static ULONG Counter; /* guarded by Lock */

static void
CountQueued(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KLOCK_QUEUE_HANDLE handle;

        KeAcquireInStackQueuedSpinLock(&Lock, &handle);
        Counter++;
        KeReleaseInStackQueuedSpinLock(&handle);
    }
}

static void
CountPlain(void *Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        KIRQL irql;

        KeAcquireSpinLock(&Lock, &irql);
        Counter++;
        KeReleaseSpinLock(&Lock, irql);
    }
}

/* The second time with plain waiters between them, which works here. */
NT_TEST(KeHost, QueuedLockIsHeldByOneThreadAtATime)
{
    for (ULONG round = 1; round <= 2; round++) {
        TEST_THREAD threads[THREADS];

        for (ULONG i = 0; i < THREADS; i++) {
            StartThread(&threads[i], round == 2 && i % 2 == 0 ? CountPlain : CountQueued, NULL);
        }
        for (ULONG i = 0; i < THREADS; i++) {
            JoinThread(&threads[i]);
        }
        NT_EXPECT_EQ(Counter, round * THREADS * ROUNDS);
        NT_EXPECT_EQ(Lock, 0);
    }
}

/* ---- kernel APCs ---- */

#define APCS 3
#define INSERTIONS 5000

static TEST_THREAD Target;
static KAPC Apcs[APCS];
static ULONG Ran[APCS]; /* the target's alone */
static ULONG Queued[APCS];
static ULONG Done;
static KEVENT Go;

static VOID NTAPI
OnApc(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    Ran[Apc - Apcs]++;
}

static VOID NTAPI
OnNormal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static void
RunApcs(void *Context)
{
    LARGE_INTEGER moment = {.QuadPart = -10};
    KSPIN_LOCK lock = 0;

    NT_EXPECT_STATUS(WaitFor(&Go, NULL), STATUS_SUCCESS);
    for (ULONG i = 0; READ(Done) < 2; i++) {
        ULONG ran;
        KIRQL irql;

        KeEnterGuardedRegion();
        ran = Ran[0] + Ran[1] + Ran[2];
        KeAcquireSpinLock(&lock, &irql);
        KeReleaseSpinLock(&lock, irql);
        NT_EXPECT_EQ(Ran[0] + Ran[1] + Ran[2], ran);
        KeLeaveGuardedRegion();
        if (i % 4 == 0) {
            WaitFor(&Go, &moment);
        }
    }
}

static void
InsertApcs(void *Context)
{
    for (ULONG i = 0; i < INSERTIONS; i++) {
        ULONG which = i % APCS;

        if (KeInsertQueueApc(&Apcs[which], NULL, NULL, 0)) {
            BUMP(Queued[which]);
            if (i % 5 == 0 && KeRemoveQueueApc(&Apcs[which])) {
                __atomic_fetch_sub(&Queued[which], 1, __ATOMIC_SEQ_CST);
            }
        }
        if (i % 16 == 0) {
            HalpYield();
        }
    }
    BUMP(Done);
}

/* Each insertion that was not taken back runs once: in waits, between them, or at the end. */
NT_TEST(KeHost, KernelApcsOfARunningThreadRunOnceEach)
{
    TEST_THREAD others[2];

    KeInitializeEvent(&Go, SynchronizationEvent, FALSE);
    StartThread(&Target, RunApcs, NULL);
    for (ULONG i = 0; i < APCS; i++) {
        KeInitializeApc(&Apcs[i], &Target.Tcb, OriginalApcEnvironment, OnApc, NULL,
                        i == 0 ? NULL : OnNormal, KernelMode, NULL);
    }
    KeSetEvent(&Go, 0, FALSE);
    for (ULONG i = 0; i < 2; i++) {
        StartThread(&others[i], InsertApcs, NULL);
    }
    for (ULONG i = 0; i < 2; i++) {
        JoinThread(&others[i]);
    }
    JoinThread(&Target);
    for (ULONG i = 0; i < APCS; i++) {
        NT_EXPECT_TRUE(Queued[i] != 0);
        NT_EXPECT_EQ(Ran[i], Queued[i]);
    }
}
