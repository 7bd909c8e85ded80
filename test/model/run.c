/* SPDX-License-Identifier: MIT
 *
 * test/model/run.c - the model tests' program: seeds, processes, and what is reported
 *
 *     PROGRAM [--model NAME] [--seeds N] [--seed N] [--jobs N]
 *
 * Every model runs the seeds 1..N, spread over processes; each process starts the kernel once. A
 * failing seed is printed with the command that runs it alone.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SEEDS 300
#define MAX_JOBS 64
#define SEED_SECONDS 60 /* one seed takes milliseconds */

typedef struct OPTIONS {
    const char *Program;
    const char *Model;
    uint64_t Seeds;
    uint64_t Seed; /* 0: all */
    uint32_t Jobs;
} OPTIONS;

/* What a process tells its parent, in shared memory. */
typedef struct PROGRESS {
    uint64_t Seed;
    uint64_t Done;
    uint64_t Events;
    uint64_t Sum; /* of the hashes of the histories: shows that a replay is one */
} PROGRESS;

static OPTIONS Options = {.Seeds = DEFAULT_SEEDS};
static PROGRESS *Progress;

static double
Seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The seeds First, First + Step, ... up to Last. */
static _Noreturn void
RunSeeds(const MODEL_TEST *Test, PROGRESS *Mine, uint64_t First, uint64_t Last, uint64_t Step)
{
    ModelStartMachine();
    for (uint64_t seed = First; seed <= Last; seed += Step) {
        Mine->Seed = seed;
        alarm(SEED_SECONDS);
        ModelRun(Test, seed);
        Mine->Done++;
        Mine->Events += ModelEvents();
        Mine->Sum += ModelHash();
    }
    _exit(EXIT_SUCCESS);
}

/* 1 if it ended well; otherwise says with which seed. */
static int
WaitForJob(const MODEL_TEST *Test, pid_t Child, const PROGRESS *Its)
{
    int status = 0;

    waitpid(Child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
        return 1;
    }
    if (WIFSIGNALED(status)) {
        printf("# ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    printf("# %s: seed %llu failed; again: %s --model %s --seed %llu\n", Test->Model->Name,
           (unsigned long long)Its->Seed, Options.Program, Test->Model->Name,
           (unsigned long long)Its->Seed);
    return 0;
}

static int
RunModel(const MODEL_TEST *Test, unsigned Number)
{
    uint64_t first = Options.Seed != 0 ? Options.Seed : 1;
    uint64_t last = Options.Seed != 0 ? Options.Seed : Options.Seeds;
    uint32_t jobs = Options.Seed != 0 ? 1 : Options.Jobs;
    pid_t children[MAX_JOBS];
    PROGRESS all = {0, 0, 0, 0};
    double start = Seconds();
    int good = 1;

    memset(Progress, 0, MAX_JOBS * sizeof(*Progress));
    fflush(NULL);
    for (uint32_t i = 0; i < jobs; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            RunSeeds(Test, &Progress[i], first + i, last, jobs);
        }
    }
    for (uint32_t i = 0; i < jobs; i++) {
        good &= WaitForJob(Test, children[i], &Progress[i]);
        all.Done += Progress[i].Done;
        all.Events += Progress[i].Events;
        all.Sum += Progress[i].Sum;
    }
    printf("# %s: %llu seeds in %.1f s, %.1f events each, sum %016llx\n", Test->Model->Name,
           (unsigned long long)all.Done, Seconds() - start,
           (double)all.Events / (double)(all.Done != 0 ? all.Done : 1),
           (unsigned long long)all.Sum);
    printf("%s %u - %s\n", good ? "ok" : "not ok", Number, Test->Model->Name);
    return good;
}

/*
 * A seed is the whole of a run: many seeds in one process and each of them in a process of its own
 * give the same histories.
 */
static int
CheckReplay(const MODEL_TEST *Test, unsigned Number)
{
    enum { SEEDS = 20 };
    uint64_t sums[2] = {0, 0};
    int good = 1;

    for (uint64_t seed = 0; seed <= SEEDS; seed++) {
        pid_t child;

        memset(Progress, 0, sizeof(*Progress));
        fflush(NULL);
        child = fork();
        if (child == 0) {
            RunSeeds(Test, Progress, seed == 0 ? 1 : seed, seed == 0 ? SEEDS : seed, 1);
        }
        good &= WaitForJob(Test, child, Progress);
        sums[seed != 0] += Progress->Sum;
    }
    if (sums[0] != sums[1]) {
        printf("# one after the other %016llx, each by itself %016llx\n",
               (unsigned long long)sums[0], (unsigned long long)sums[1]);
        good = 0;
    }
    printf("%s %u - %s-replay\n", good ? "ok" : "not ok", Number, Test->Model->Name);
    return good;
}

static _Noreturn void
Usage(void)
{
    fprintf(stderr, "usage: %s [--model NAME] [--seeds N] [--seed N] [--jobs N]\n",
            Options.Program);
    exit(2);
}

static void
ReadOptions(int Count, char **Arguments)
{
    const char *divisor = getenv("NTBOX_SEED_DIVISOR");

    Options.Program = Arguments[0];
    if (divisor != NULL && strtoull(divisor, NULL, 0) > 1) {
        Options.Seeds = DEFAULT_SEEDS / strtoull(divisor, NULL, 0) + 1;
    }
    Options.Jobs = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 1; i < Count; i += 2) {
        const char *name = Arguments[i];

        if (i + 1 == Count) {
            Usage();
        } else if (strcmp(name, "--model") == 0) {
            Options.Model = Arguments[i + 1];
        } else if (strcmp(name, "--seeds") == 0) {
            Options.Seeds = strtoull(Arguments[i + 1], NULL, 0);
        } else if (strcmp(name, "--seed") == 0) {
            Options.Seed = strtoull(Arguments[i + 1], NULL, 0);
        } else if (strcmp(name, "--jobs") == 0) {
            Options.Jobs = (uint32_t)strtoul(Arguments[i + 1], NULL, 0);
        } else {
            Usage();
        }
    }
    if (Options.Jobs == 0 || Options.Jobs > MAX_JOBS) {
        Options.Jobs = 1;
    }
}

int
main(int Count, char **Arguments)
{
    unsigned number = 0;
    int good = 1;

    ReadOptions(Count, Arguments);
    Progress = mmap(NULL, MAX_JOBS * sizeof(*Progress), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (const MODEL_TEST *const *test = ModelTests; *test != NULL; test++) {
        if (Options.Model == NULL || strcmp(Options.Model, (*test)->Model->Name) == 0) {
            good &= RunModel(*test, ++number);
            if (Options.Seed == 0) {
                good &= CheckReplay(*test, ++number);
            }
        }
    }
    printf("1..%u\n", number);
    if (number == 0) {
        fprintf(stderr, "%s: there is no model \"%s\"\n", Options.Program, Options.Model);
        return 2;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
