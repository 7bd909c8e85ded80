/* SPDX-License-Identifier: MIT
 *
 * hal/sim/sim.c - start and end, randomness, clock of the day, fault plan, log
 */
#include "hal/sim/simp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_PROCESSORS 2u
#define START_OF_CLOCK 1000000000ull            /* 1 s: no test may take 0 for "now" */
#define START_OF_DAY 134116992000000000ull      /* 2026-01-01 00:00 UTC, 100 ns units */
#define TIME_ZONE_BIAS (-2 * 3600 * 10000000ll) /* two hours east of UTC: never equal to it */
#define NANOSECONDS_PER_UNIT 100u
#define MAX_LOG (64u << 20)

SIM_MACHINE SimMachine;

static uint64_t SeedSetting;
static uint32_t ProcessorSetting = DEFAULT_PROCESSORS;

static struct {
    char Site[64];
    int AnySite;
    uint64_t Nth;
    uint64_t Matches;
    uint64_t Calls;
} Plan;

/* What was logged, in two buffers by turns: filled, and taken by the test. */
static struct {
    char *Buffers[2];
    size_t Current;
    size_t Length;
} Log;

/* ---- randomness ---- */

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t
SimNextRandom(SIM_RANDOM *Random)
{
    uint64_t value = Random->State += 0x9E3779B97F4A7C15ull;

    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
    return value ^ (value >> 31);
}

uint64_t
SimChoose(uint64_t Limit)
{
    return (uint64_t)(((unsigned __int128)SimNextRandom(&SimMachine.Choices) * Limit) >> 64);
}

void
HalpRandom(void *Buffer, size_t Length)
{
    unsigned char *bytes = Buffer;

    (void)SimCurrent(__func__);
    for (size_t i = 0; i < Length; ++i) {
        bytes[i] = (unsigned char)SimNextRandom(&SimMachine.Bytes);
    }
}

/* ---- start and end ---- */

void
SimSetSeed(uint64_t Seed)
{
    SeedSetting = Seed;
}

void
SimSetProcessorCount(uint32_t Count)
{
    ProcessorSetting = Count == 0 ? 1 : Count;
}

static void
StartSeed(uint64_t Seed)
{
    SimMachine.Seed = Seed;
    SimMachine.Choices.State = Seed;
    SimMachine.Bytes.State = ~Seed;
    SimMachine.Clock = START_OF_CLOCK;
    SimMachine.IdleSteps = 0;
    SimMachine.StallSteps = 0;
}

void
SimRestart(uint64_t Seed)
{
    SimRunUntilIdle();
    for (HALP_THREAD *thread = SimMachine.Threads; thread != NULL; thread = thread->Next) {
        if (thread->State == SIM_WAITING && thread->Deadline != HALP_NEVER) {
            PosixFatal("SimRestart: thread %u \"%s\" waits for a time", thread->Id, thread->Name);
        }
    }
    StartSeed(Seed);
}

static uint64_t
ChosenSeed(void)
{
    const char *text = getenv("NTBOX_SEED");
    uint64_t seed = SeedSetting;

    if (seed == 0 && text != NULL) {
        seed = strtoull(text, NULL, 0);
    }
    return seed == 0 ? 1 : seed;
}

HALP_STATUS
HalpInitialize(uint32_t Version, const HALP_UPCALLS *Upcalls)
{
    if (Version != HALP_VERSION || Upcalls == NULL) {
        return PosixFailText(HALP_INVALID, "HalpInitialize: version %u, not %u", Version,
                             HALP_VERSION);
    }
    if (SimMachine.Running) {
        return PosixFailText(HALP_EXISTS, "HalpInitialize: called before");
    }
    StartSeed(ChosenSeed());
    SimMachine.ProcessorCount = ProcessorSetting;
    SimMachine.Upcalls = *Upcalls;
    SimStartScheduler();
    SimMachine.Running = 1;
    return PosixInitializeFaults(Upcalls->Fault);
}

void
HalpShutdown(void)
{
    SimStopScheduler();
    SimForgetEvents();
    PosixShutdownFaults();
    PosixForgetSymbols();
    SimMachine.Running = 0;
}

/* One thread runs at a time, and the scheduler's own lock is between two of them. */
void
HalpFlushWriteBuffers(void)
{
    HalpYield();
}

const char *
HalpName(void)
{
    return "sim";
}

void
SimSetAbortHook(void (*Hook)(void))
{
    SimMachine.AbortHook = Hook;
}

void
HalpAbort(void)
{
    if (SimMachine.AbortHook != NULL) {
        SimMachine.AbortHook();
    }
    abort();
}

void
HalpExit(int Code)
{
    _exit(Code);
}

uint32_t
HalpProcessorCount(void)
{
    return SimMachine.ProcessorCount;
}

uint32_t
HalpCurrentProcessor(void)
{
    (void)SimCurrent(__func__);
    return (uint32_t)SimChoose(SimMachine.ProcessorCount);
}

uint64_t
HalpSystemTime(void)
{
    return START_OF_DAY + HalpMonotonicTime() / NANOSECONDS_PER_UNIT;
}

int64_t
HalpTimeZoneBias(void)
{
    return TIME_ZONE_BIAS;
}

/* ---- fault plan ---- */

void
SimSetFaultPlan(const char *Site, uint64_t Nth)
{
    memset(&Plan, 0, sizeof(Plan));
    Plan.AnySite = Site == NULL;
    Plan.Nth = Nth;
    if (Site != NULL) {
        PosixCopyText(Plan.Site, sizeof(Plan.Site), Site);
    }
}

uint64_t
SimFaultPoints(void)
{
    return Plan.Calls;
}

int
HalpShouldFail(const char *Site)
{
    ++Plan.Calls;
    if (Plan.Nth == 0 || (!Plan.AnySite && strcmp(Plan.Site, Site) != 0)) {
        return 0;
    }
    return ++Plan.Matches == Plan.Nth;
}

/* ---- log ---- */

/* Address space, not memory; not from malloc, where ThreadSanitizer would watch it. */
static char *
LogBuffer(void)
{
    char **buffer = &Log.Buffers[Log.Current];

    if (*buffer == NULL) {
        void *memory = mmap(NULL, MAX_LOG, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (memory == MAP_FAILED) {
            PosixFatal("hal/sim: no memory for the log");
        }
        *buffer = memory;
    }
    return *buffer;
}

void
HalpWriteLog(const char *Text, size_t Length)
{
    char *buffer = LogBuffer();

    PosixWriteLog(Text, Length);
    if (Length >= MAX_LOG - Log.Length) {
        PosixFatal("hal/sim: more than %u bytes in the log", MAX_LOG);
    }
    for (size_t i = 0; i < Length; ++i) {
        buffer[Log.Length++] = Text[i];
    }
}

const char *
SimTakeLog(void)
{
    char *taken = LogBuffer();

    taken[Log.Length] = '\0';
    Log.Current = 1 - Log.Current;
    Log.Length = 0;
    return taken;
}
