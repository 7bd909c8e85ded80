/* SPDX-License-Identifier: MIT
 *
 * thread_test.c - threads, waiting on a word, clocks, randomness
 *
 * On hal/sim the clock is virtual; on hal/linux deadlines are short and only "not before" is
 * expected of them.
 */
#include "setup.h"

#define MS 1000000ull

static void
SetContext(void *Context)
{
    __atomic_store_n((uint32_t *)Context, 7, __ATOMIC_RELEASE);
}

NT_TEST(HalpThread, RunsAndCanBeWaitedFor)
{
    HALP_THREAD *threads[8];
    uint32_t values[8] = {0};

    for (size_t i = 0; i < 8; ++i) {
        NT_EXPECT_EQ(
            HalpCreateThread(&threads[i], "a name longer than fifteen", SetContext, &values[i]),
            HALP_OK);
    }
    for (size_t i = 0; i < 8; ++i) {
        HalpWaitThreadEnd(threads[i]);
        NT_EXPECT_EQ(values[i], 7);
    }
}

static void
ExitInTheMiddle(void *Context)
{
    SetContext(Context);
    HalpExitThread();
}

static uint32_t ExitCount;
static void *ExitSeen;

static void
CountExit(void *Context)
{
    ExitSeen = Context;
    ++ExitCount;
}

static void
ExitWithContext(void *Context)
{
    HalpSetThreadExitContext(Context);
    HalpExitThread();
}

static void
EndWithContext(void *Context)
{
    HalpSetThreadExitContext(Context);
}

static void
EndWithdrawn(void *Context)
{
    HalpSetThreadExitContext(Context);
    HalpSetThreadExitContext(NULL);
}

NT_TEST(HalpThread, EndsWithAndWithoutExitUpcall)
{
    static const struct {
        void (*Start)(void *);
        uint32_t Upcalls;
    } rows[] = {{ExitInTheMiddle, 0}, {ExitWithContext, 1}, {EndWithContext, 1}, {EndWithdrawn, 0}};
    uint32_t value = 0;

    TestOnThreadExit = CountExit;
    for (size_t i = 0; i < 4; ++i) {
        HALP_THREAD *thread;

        ExitCount = 0;
        NT_EXPECT_EQ(HalpCreateThread(&thread, "end", rows[i].Start, &value), HALP_OK);
        HalpWaitThreadEnd(thread);
        NT_EXPECT_EQ(ExitCount, rows[i].Upcalls);
    }
    NT_EXPECT_EQ(ExitSeen, &value);
    NT_EXPECT_EQ(value, 7);
}

typedef struct IDENTITY {
    uint32_t Thread;
    uint32_t Process;
    uintptr_t Low;
    uintptr_t High;
    uintptr_t Here;
} IDENTITY;

static void
Identify(void *Context)
{
    IDENTITY *identity = Context;

    identity->Thread = HalpCurrentThreadId();
    identity->Process = HalpCurrentProcessId();
    identity->Here = (uintptr_t)__builtin_frame_address(0);
    HalpStackLimits(&identity->Low, &identity->High);
}

NT_TEST(HalpThread, HasIdentityAndStack)
{
    IDENTITY mine;
    IDENTITY other;
    HALP_THREAD *thread;

    Identify(&mine);
    NT_EXPECT_EQ(HalpCreateThread(&thread, "identity", Identify, &other), HALP_OK);
    HalpWaitThreadEnd(thread);
    NT_EXPECT_EQ(mine.Process, other.Process);
    NT_EXPECT_EQ(mine.Thread, mine.Process); /* the process's first thread */
    NT_EXPECT_NE(mine.Thread, other.Thread);
    NT_EXPECT_EQ(mine.Thread, HalpCurrentThreadId());
    NT_EXPECT_TRUE(mine.Low < mine.Here && mine.Here < mine.High);
    NT_EXPECT_TRUE(other.Low < other.Here && other.Here < other.High);
    NT_EXPECT_TRUE(other.High <= mine.Low || mine.High <= other.Low);
}

NT_TEST(HalpThread, ProcessorHintIsInRange)
{
    NT_EXPECT_TRUE(HalpProcessorCount() >= 1);
    for (int i = 0; i < 100; ++i) {
        NT_EXPECT_TRUE(HalpCurrentProcessor() < HalpProcessorCount());
        HalpYield();
    }
}

/* ---- waiting ---- */

NT_TEST(HalpWait, ReturnsAtOnceWhenTheWordDiffers)
{
    uint32_t word = 1;

    NT_EXPECT_EQ(HalpWaitAddress(&word, 0, HALP_NEVER), HALP_OK);
}

NT_TEST_SEEDS(HalpWait, DeadlinePasses, 8)
{
    uint32_t word = 0;
    uint64_t deadline = HalpMonotonicTime() + 2 * MS;
    HALP_STATUS status;

    do {
        status = HalpWaitAddress(&word, 0, deadline);
    } while (status == HALP_OK);
    NT_EXPECT_EQ(status, HALP_TIMEOUT);
    NT_EXPECT_TRUE(HalpMonotonicTime() >= deadline);
    do {
        status = HalpWaitAddress(&word, 0, 1); /* long ago */
    } while (status == HALP_OK);
    NT_EXPECT_EQ(status, HALP_TIMEOUT);
}

typedef struct PING_PONG {
    uint32_t Word;
    uint32_t Rounds;
} PING_PONG;

static void
TakeTurns(PING_PONG *Game, uint32_t Mine)
{
    for (uint32_t i = 0; i < Game->Rounds; ++i) {
        uint32_t other;

        while ((other = __atomic_load_n(&Game->Word, __ATOMIC_ACQUIRE)) % 2 != Mine) {
            (void)HalpWaitAddress(&Game->Word, other, HALP_NEVER);
        }
        __atomic_fetch_add(&Game->Word, 1, __ATOMIC_RELEASE);
        HalpWakeAddress(&Game->Word, 1);
    }
}

static void
Pong(void *Context)
{
    TakeTurns(Context, 1);
}

NT_TEST_SEEDS(HalpWait, WakesTheOtherSide, 8)
{
    PING_PONG game = {0, 500};
    HALP_THREAD *thread;

    NT_EXPECT_EQ(HalpCreateThread(&thread, "pong", Pong, &game), HALP_OK);
    TakeTurns(&game, 0);
    HalpWaitThreadEnd(thread);
    NT_EXPECT_EQ(game.Word, 1000);
}

typedef struct GATE {
    uint32_t Word;
    uint32_t Arrived;
    uint32_t Through;
} GATE;

static void
PassGate(void *Context)
{
    GATE *gate = Context;

    __atomic_fetch_add(&gate->Arrived, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&gate->Word, __ATOMIC_ACQUIRE) == 0) {
        (void)HalpWaitAddress(&gate->Word, 0, HALP_NEVER);
    }
    __atomic_fetch_add(&gate->Through, 1, __ATOMIC_ACQ_REL);
}

NT_TEST_SEEDS(HalpWait, WakesAll, 8)
{
    GATE gate = {0, 0, 0};
    HALP_THREAD *threads[5];

    for (size_t i = 0; i < 5; ++i) {
        NT_EXPECT_EQ(HalpCreateThread(&threads[i], "gate", PassGate, &gate), HALP_OK);
    }
    while (__atomic_load_n(&gate.Arrived, __ATOMIC_ACQUIRE) != 5) {
        HalpYield();
    }
    NT_EXPECT_EQ(__atomic_load_n(&gate.Through, __ATOMIC_ACQUIRE), 0);
    __atomic_store_n(&gate.Word, 1, __ATOMIC_RELEASE);
    HalpWakeAddress(&gate.Word, UINT32_MAX);
    for (size_t i = 0; i < 5; ++i) {
        HalpWaitThreadEnd(threads[i]);
    }
    NT_EXPECT_EQ(gate.Through, 5);
}

/* ---- clocks, randomness ---- */

NT_TEST(HalpClock, NeverGoesBack)
{
    uint64_t last = HalpMonotonicTime();

    NT_EXPECT_NE(last, 0);
    for (int i = 0; i < 1000; ++i) {
        uint64_t now = HalpMonotonicTime();

        NT_EXPECT_TRUE(now >= last);
        last = now;
    }
}

NT_TEST(HalpClock, SystemTimeIsOurDaysAndBiasIsOfAClock)
{
    int64_t bias = HalpTimeZoneBias();

    NT_EXPECT_TRUE(HalpSystemTime() > 133000000000000000ull); /* 2022 */
    NT_EXPECT_TRUE(HalpSystemTime() < 160000000000000000ull); /* 2108 */
    NT_EXPECT_TRUE(bias >= -14 * 36000000000ll && bias <= 12 * 36000000000ll);
    NT_EXPECT_EQ(bias % (15 * 60 * 10000000ll), 0);
}

NT_TEST(HalpRandom, FillsAllAndNoMore)
{
    unsigned char bytes[66];
    unsigned char seen = 0;

    for (int round = 0; round < 64; ++round) {
        memset(bytes, 0, sizeof(bytes));
        HalpRandom(bytes + 1, 64);
        NT_EXPECT_EQ(bytes[0], 0);
        NT_EXPECT_EQ(bytes[65], 0);
        seen |= bytes[64];
    }
    NT_EXPECT_NE(seen, 0); /* 0 once in 2^512 */
}

NT_TEST(HalpStart, WrongVersionAndSecondStartAreRefused)
{
    static const HALP_UPCALLS none;

    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &none), HALP_EXISTS);
    HalpShutdown();
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION + 1, &none), HALP_INVALID);
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, NULL), HALP_INVALID);
    NtTestSetUp();
}
