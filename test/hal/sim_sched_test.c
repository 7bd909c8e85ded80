/* SPDX-License-Identifier: MIT
 *
 * sim_sched_test.c - the seeded scheduler and the virtual clock
 */
#include "hal/sim/sim.h"
#include "setup.h"

#include <pthread.h>
#include <sys/wait.h>

#define MS 1000000ull
#define WORKERS 3
#define STEPS 20

/* ---- the same seed, the same run ---- */

static char Trace[WORKERS * STEPS + 1];
static size_t TraceLength;

static void
Note(char Name)
{
    Trace[__atomic_fetch_add(&TraceLength, 1, __ATOMIC_RELAXED)] = Name;
}

static void
Work(void *Context)
{
    for (int i = 0; i < STEPS; ++i) {
        Note(*(const char *)Context);
        HalpYield();
    }
}

/* The order in which workers a, b and c took their steps, with a host of its own. */
static void
RunWithSeed(uint64_t Seed, char Order[sizeof(Trace)])
{
    HALP_THREAD *threads[WORKERS];
    uint32_t random = 0;

    HalpShutdown();
    SimSetSeed(Seed);
    NtTestSetUp();
    memset(Trace, 0, sizeof(Trace));
    TraceLength = 0;
    for (size_t i = 0; i < WORKERS; ++i) {
        NT_EXPECT_EQ(HalpCreateThread(&threads[i], "worker", Work, (void *)&"abc"[i]), HALP_OK);
    }
    HalpRandom(&random, sizeof(random));
    for (size_t i = 0; i < WORKERS; ++i) {
        HalpWaitThreadEnd(threads[i]);
    }
    NT_EXPECT_EQ(TraceLength, WORKERS * STEPS);
    memcpy(Order, Trace, sizeof(Trace));
}

NT_TEST(SimSchedule, SameSeedSameInterleaving)
{
    char first[sizeof(Trace)];
    char again[sizeof(Trace)];

    for (uint64_t seed = 1; seed <= 5; ++seed) {
        RunWithSeed(seed, first);
        RunWithSeed(seed, again);
        NT_EXPECT_STR(again, first);
    }
}

NT_TEST(SimSchedule, SeedsDiffer)
{
    char orders[10][sizeof(Trace)];

    for (uint64_t seed = 0; seed < 10; ++seed) {
        RunWithSeed(seed + 1, orders[seed]);
        for (uint64_t other = 0; other < seed; ++other) {
            NT_EXPECT_NE(strcmp(orders[seed], orders[other]), 0);
        }
    }
}

/* The longest time that a worker does nothing between two of its steps, in steps of the others. */
static size_t
LongestPause(const char *Order)
{
    size_t last[WORKERS] = {0};
    size_t longest = 0;

    for (size_t i = 0; Order[i] != 0; ++i) {
        size_t worker = (size_t)(Order[i] - 'a');

        if (last[worker] != 0 && i - last[worker] > longest) {
            longest = i - last[worker];
        }
        last[worker] = i + 1;
    }
    return longest;
}

NT_TEST(SimSchedule, WithAnEvenSeedAThreadMayStandStill)
{
    char order[sizeof(Trace)];
    unsigned count[2] = {0};

    for (uint64_t seed = 1; seed <= 100; ++seed) {
        RunWithSeed(seed, order);
        count[seed % 2] += LongestPause(order) > 25;
    }
    NT_EXPECT_EQ(count[1], 0);
    NT_EXPECT_TRUE(count[0] > 5);
}

NT_TEST(SimSchedule, SeedFromTheEnvironment)
{
    char order[sizeof(Trace)];
    char other[sizeof(Trace)];

    RunWithSeed(77, order);
    setenv("NTBOX_SEED", "77", 1);
    RunWithSeed(0, other);
    NT_EXPECT_STR(other, order);
    unsetenv("NTBOX_SEED");
    RunWithSeed(1, order);
    RunWithSeed(0, other);
    NT_EXPECT_STR(other, order);
}

NT_TEST(SimSchedule, RandomBytesFollowTheSeed)
{
    unsigned char bytes[3][16];
    static const uint64_t seeds[] = {5, 5, 6};

    for (size_t i = 0; i < 3; ++i) {
        HalpShutdown();
        SimSetSeed(seeds[i]);
        NtTestSetUp();
        HalpRandom(bytes[i], 16);
    }
    NT_EXPECT_EQ(memcmp(bytes[0], bytes[1], 16), 0);
    NT_EXPECT_NE(memcmp(bytes[0], bytes[2], 16), 0);
}

/* A lost update that needs a switch between the read and the write: some seed finds it. */
static uint32_t Counter;

static void
AddCarelessly(void *Context)
{
    uint32_t value = __atomic_load_n(&Counter, __ATOMIC_RELAXED);

    (void)Context;
    SimSchedulingPoint();
    __atomic_store_n(&Counter, value + 1, __ATOMIC_RELAXED);
}

NT_TEST(SimSchedule, SomeSeedFindsTheRace)
{
    unsigned lost = 0;
    unsigned kept = 0;

    for (uint64_t seed = 1; seed <= 30; ++seed) {
        HALP_THREAD *threads[2];

        HalpShutdown();
        SimSetSeed(seed);
        NtTestSetUp();
        Counter = 0;
        for (size_t i = 0; i < 2; ++i) {
            NT_EXPECT_EQ(HalpCreateThread(&threads[i], "add", AddCarelessly, NULL), HALP_OK);
        }
        HalpWaitThreadEnd(threads[0]);
        HalpWaitThreadEnd(threads[1]);
        lost += Counter == 1;
        kept += Counter == 2;
    }
    NT_EXPECT_EQ(lost + kept, 30);
    NT_EXPECT_TRUE(lost >= 3 && kept >= 3);
}

/* ---- the clock ---- */

typedef struct SLEEPER {
    uint64_t Delay;
    char Name;
} SLEEPER;

static void
SleepUntil(uint64_t Deadline)
{
    uint32_t word = 0;

    while (HalpWaitAddress(&word, 0, Deadline) == HALP_OK) {
    }
}

static void
SleepAndTrace(void *Context)
{
    const SLEEPER *sleeper = Context;
    uint64_t deadline = HalpMonotonicTime() + sleeper->Delay;

    SleepUntil(deadline);
    NT_EXPECT_EQ(HalpMonotonicTime(), deadline);
    Note(sleeper->Name);
}

NT_TEST_SEEDS(SimClock, AdvanceRunsWhatFallsDueInOrder, 10)
{
    static const SLEEPER sleepers[] = {{30 * MS, 'c'}, {10 * MS, 'a'}, {20 * MS, 'b'}};
    HALP_THREAD *threads[3];
    uint64_t start = HalpMonotonicTime();
    uint64_t day = HalpSystemTime();

    for (size_t i = 0; i < 3; ++i) {
        NT_EXPECT_EQ(HalpCreateThread(&threads[i], "sleeper", SleepAndTrace, (void *)&sleepers[i]),
                     HALP_OK);
    }
    SimRunUntilIdle();
    NT_EXPECT_EQ(HalpMonotonicTime(), start);
    NT_EXPECT_STR(Trace, "");
    SimAdvance(20 * MS); /* due exactly then counts */
    NT_EXPECT_STR(Trace, "ab");
    NT_EXPECT_EQ(HalpMonotonicTime(), start + 20 * MS);
    SimAdvance(10 * MS - 1);
    NT_EXPECT_STR(Trace, "ab");
    SimAdvance(1);
    NT_EXPECT_STR(Trace, "abc");
    NT_EXPECT_EQ(HalpSystemTime(), day + 30 * MS / 100);
    for (size_t i = 0; i < 3; ++i) {
        HalpWaitThreadEnd(threads[i]);
    }
    NT_EXPECT_EQ(HalpMonotonicTime(), start + 30 * MS);
}

NT_TEST_SEEDS(SimClock, MovesByItselfWhenAllWait, 5)
{
    static const SLEEPER hour = {3600000 * MS, 'h'};
    uint64_t start = HalpMonotonicTime();
    HALP_THREAD *thread;

    NT_EXPECT_EQ(HalpCreateThread(&thread, "hour", SleepAndTrace, (void *)&hour), HALP_OK);
    HalpWaitThreadEnd(thread);
    NT_EXPECT_EQ(HalpMonotonicTime(), start + hour.Delay);
}

NT_TEST(SimClock, ReadsTheSameInEveryRun)
{
    NT_EXPECT_EQ(HalpMonotonicTime(), 1000000000);
    NT_EXPECT_EQ(HalpSystemTime(), 134116992000000000ull + 10000000);
    NT_EXPECT_EQ(HalpCurrentThreadId(), 1000);
    NT_EXPECT_STR(HalpName(), "sim");
}

NT_TEST(SimProcessors, CountIsTheTests)
{
    NT_EXPECT_EQ(HalpProcessorCount(), 2);
    HalpShutdown();
    SimSetProcessorCount(7);
    NtTestSetUp();
    NT_EXPECT_EQ(HalpProcessorCount(), 7);
}

/* ---- what ends a run ---- */

static void
WaitForever(void *Context)
{
    while (__atomic_load_n((uint32_t *)Context, __ATOMIC_ACQUIRE) == 0) {
        (void)HalpWaitAddress(Context, 0, HALP_NEVER);
    }
}

static void
Deadlock(void *Context)
{
    static uint32_t first;
    HALP_THREAD *thread;

    (void)Context;
    if (HalpCreateThread(&thread, "left behind", WaitForever, &first) == HALP_OK) {
        HalpWaitThreadEnd(thread);
    }
}

NT_TEST(SimDeadlock, IsReportedWithEachThreadsStack)
{
    char *output;
    int status = TestRunProcess(Deadlock, NULL, &output);

    NT_EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == 6);
    NT_EXPECT_CONTAINS(output, "deadlock");
    NT_EXPECT_CONTAINS(output, "\"main\"");
    NT_EXPECT_CONTAINS(output, "\"left behind\"");
    NT_EXPECT_CONTAINS(output, "!WaitForever+");
    NT_EXPECT_CONTAINS(output, "!Deadlock+");
    NT_EXPECT_CONTAINS(output, "/test/hal/sim_sched_test.c:");
    free(output);
}

static void
Spin(void *Context)
{
    (void)Context;
    for (;;) {
        HalpPause();
    }
}

NT_TEST(SimDeadlock, ThreadsThatOnlySpinAreReportedToo)
{
    char *output;
    int status = TestRunProcess(Spin, NULL, &output);

    NT_EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == 6);
    NT_EXPECT_CONTAINS(output, "livelock");
    NT_EXPECT_CONTAINS(output, "!Spin+");
    free(output);
}

static void *
CallFromForeignThread(void *Context)
{
    (void)Context;
    HalpYield();
    return NULL;
}

static void
StartForeignThread(void *Context)
{
    pthread_t thread;

    pthread_create(&thread, NULL, CallFromForeignThread, Context);
    pthread_join(thread, NULL);
}

NT_TEST(SimThread, ForeignThreadIsFatal)
{
    char *output;
    int status = TestRunProcess(StartForeignThread, NULL, &output);

    NT_EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == 6);
    NT_EXPECT_CONTAINS(output, "SimSchedulingPoint on a thread that was not made by");
    free(output);
}

static void
ShutDownTooEarly(void *Context)
{
    static uint32_t word;
    HALP_THREAD *thread;

    (void)Context;
    (void)HalpCreateThread(&thread, "survivor", WaitForever, &word);
    HalpShutdown();
}

NT_TEST(SimThread, ShutdownNamesThreadsNobodyWaitedFor)
{
    char *output;
    int status = TestRunProcess(ShutDownTooEarly, NULL, &output);

    NT_EXPECT_TRUE(WIFSIGNALED(status));
    NT_EXPECT_CONTAINS(output, "\"survivor\"");
    free(output);
}

/* HalpWaitAddress may return early; here it does now and then, so that callers' loops are tried. */
static uint32_t EarlyReturns;

static void
CountEarlyReturns(void *Context)
{
    uint32_t word = 0;
    uint64_t deadline = HalpMonotonicTime() + MS;

    (void)Context;
    while (HalpWaitAddress(&word, 0, deadline) == HALP_OK) {
        ++EarlyReturns;
    }
}

NT_TEST(SimWait, ReturnsWithoutAWakeNowAndThen)
{
    for (int i = 0; i < 1000; ++i) {
        CountEarlyReturns(NULL);
    }
    NT_EXPECT_TRUE(EarlyReturns > 5 && EarlyReturns < 200);
}

/* ---- what ThreadSanitizer sees ---- */

#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifndef WITH_TSAN
#define WITH_TSAN 0
#endif

static uint32_t Plain;

static void
AddToPlain(void *Context)
{
    (void)Context;
    HalpYield();
    ++Plain;
}

static void
AddOnTwoThreads(void *Context)
{
    HALP_THREAD *threads[2];

    for (size_t i = 0; i < 2; ++i) {
        (void)HalpCreateThread(&threads[i], "add", AddToPlain, Context);
    }
    SimRunUntilIdle();
    if (Plain != 2) {
        HalpExit(2);
    }
    Plain = 3;
    HalpWaitThreadEnd(threads[0]);
    HalpWaitThreadEnd(threads[1]);
}

static void
AddOneAfterTheOther(void *Context)
{
    HALP_THREAD *threads[2];

    for (size_t i = 0; i < 2; ++i) {
        (void)HalpCreateThread(&threads[i], "add", AddToPlain, Context);
        SimRunUntilIdle();
        ++Plain;
    }
    HalpWaitThreadEnd(threads[0]);
    HalpWaitThreadEnd(threads[1]);
}

/* Taking turns is no synchronisation; the test's own steps are. */
NT_TEST(SimSanitizer, RaceBetweenThreadsIsSeenAndNoneWithTheTest)
{
    char *output;

    NT_EXPECT_EQ(TestRunProcess(AddOneAfterTheOther, NULL, &output), 0);
    NT_EXPECT_STR(output, "");
    free(output);
    if (!WITH_TSAN) {
        NT_SKIP("built without ThreadSanitizer");
    }
    (void)TestRunProcess(AddOnTwoThreads, NULL, &output);
    NT_EXPECT_CONTAINS(output, "data race");
    NT_EXPECT_CONTAINS(output, "AddToPlain");
    NT_EXPECT_EQ(strstr(output, "AddOnTwoThreads"), NULL);
    free(output);
}
