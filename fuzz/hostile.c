/* SPDX-License-Identifier: MIT
 *
 * fuzz/hostile.c - a hostile client of a real ntboxd: starts the attackers, counts, asks honestly
 *
 * The host must survive, answer an honest client meanwhile and afterwards, and find nothing of its
 * own (sanitizers, audit) when it is stopped; that it did is for its own exit code to say.
 */
#include "hostile.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PROCESSES 64u
#define PROGRESS 10u /* seconds between lines */
#define NOBODY 65534u
#define SESSION_LIMIT 120u /* seconds after which a session's process is taken for stuck */

HOSTILE_OPTIONS HostileOptions = {.Seed = 1, .Processes = 2, .Threads = 3, .Patience = 100};
HOSTILE_COUNTS *HostileCounts;

static pid_t Children[MAX_PROCESSES];
static uint64_t Sessions; /* started */

uint64_t
HostileNext(HOSTILE_RANDOM *Random)
{
    uint64_t word = Random->State += 0x9E3779B97F4A7C15ull;

    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9ull;
    word = (word ^ word >> 27) * 0x94D049BB133111EBull;
    return word ^ word >> 31;
}

uint32_t
HostileBelow(HOSTILE_RANDOM *Random, uint32_t Limit)
{
    return (uint32_t)((HostileNext(Random) >> 32) * Limit >> 32);
}

int
HostileOnce(HOSTILE_RANDOM *Random, uint32_t Times)
{
    return HostileBelow(Random, Times) == 0;
}

/* ---- counting ---- */

void
HostileCount(uint64_t *Counter)
{
    __atomic_fetch_add(Counter, 1, __ATOMIC_RELAXED);
}

void
HostileCountStatus(int32_t Status)
{
    for (uint32_t i = 0; i < HOSTILE_STATUSES; i++) {
        HOSTILE_STATUS_COUNT *count = &HostileCounts->Statuses[i];
        uint32_t unused = 0;

        /* 1: being taken, 2: in use. One that is being taken may get a double: no harm. */
        if (__atomic_compare_exchange_n(&count->Used, &unused, 1, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            count->Status = Status;
            __atomic_store_n(&count->Used, 2, __ATOMIC_RELEASE);
            unused = 2;
        }
        if (unused == 2 && count->Status == Status) {
            HostileCount(&count->Count);
            return;
        }
    }
    HostileCount(&HostileCounts->Otherwise);
}

static uint64_t
Milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t Start;

int
HostileIsOver(void)
{
    const HOSTILE_OPTIONS *options = &HostileOptions;

    return (options->Messages != 0 &&
            __atomic_load_n(&HostileCounts->Messages, __ATOMIC_RELAXED) >= options->Messages) ||
           (options->Seconds != 0 && Milliseconds() - Start >= 1000ull * options->Seconds);
}

static void
PrintProgress(void)
{
    uint64_t messages = __atomic_load_n(&HostileCounts->Messages, __ATOMIC_RELAXED);
    uint64_t passed = Milliseconds() - Start;

    fprintf(stderr, "hostile: %llu messages in %llu s, %llu a second; %llu sessions\n",
            (unsigned long long)messages, (unsigned long long)passed / 1000,
            (unsigned long long)(passed != 0 ? messages * 1000 / passed : 0),
            (unsigned long long)__atomic_load_n(&HostileCounts->Sessions, __ATOMIC_RELAXED));
}

static void
PrintReport(void)
{
    const HOSTILE_COUNTS *counts = HostileCounts;

    printf("messages %llu, replies %llu, channels abandoned %llu\n"
           "words changed while being read %llu\n"
           "sessions %llu: refused %llu, killed %llu; socket messages %llu, maps %llu\n",
           (unsigned long long)counts->Messages, (unsigned long long)counts->Replies,
           (unsigned long long)counts->Abandoned, (unsigned long long)counts->Racing,
           (unsigned long long)counts->Sessions, (unsigned long long)counts->Refused,
           (unsigned long long)counts->Kills, (unsigned long long)counts->Socket,
           (unsigned long long)counts->Maps);
    for (uint32_t i = 0; i < HOSTILE_STATUSES && counts->Statuses[i].Used != 0; i++) {
        printf("  0x%08X %llu\n", (unsigned)counts->Statuses[i].Status,
               (unsigned long long)counts->Statuses[i].Count);
    }
    printf("  others     %llu\n", (unsigned long long)counts->Otherwise);
}

/* ---- attackers ---- */

/* A session is a process: its end is a process's end, and its memory starts afresh. */
static pid_t
StartSession(uint32_t Index)
{
    HOSTILE_RANDOM random = {HostileOptions.Seed ^ (uint64_t)Index << 48 ^ ++Sessions << 16};
    pid_t child = fork();

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(SESSION_LIMIT);
        HostilePlaySession(HostileNext(&random));
        _exit(0);
    }
    return child;
}

static void
EndChildren(void)
{
    for (uint32_t i = 0; i < HostileOptions.Processes; i++) {
        if (Children[i] > 0) {
            kill(Children[i], SIGKILL);
            waitpid(Children[i], NULL, 0);
        }
    }
}

/* NULL: the host has stood it. */
static const char *
Attack(void)
{
    uint64_t told = Milliseconds();
    const char *trouble = NULL;

    while (!HostileIsOver() && trouble == NULL) {
        for (uint32_t i = 0; i < HostileOptions.Processes; i++) {
            int status;

            if (Children[i] > 0 && waitpid(Children[i], &status, WNOHANG) == Children[i]) {
                Children[i] = 0;
            }
            if (Children[i] <= 0) {
                Children[i] = StartSession(i);
            }
        }
        if (Milliseconds() - told >= 1000 * PROGRESS) {
            PrintProgress();
            trouble = HostileAskHonestly();
            told = Milliseconds();
        }
        usleep(2000);
    }
    EndChildren();
    return trouble != NULL ? trouble : HostileAskHonestly();
}

/* ---- options ---- */

static void
PrintUsage(FILE *Stream)
{
    fprintf(Stream,
            "Usage: fuzz_hostile --socket PATH [OPTIONS]\n"
            "Attacks the ntboxd that listens at PATH, as clients of another user.\n"
            "\n"
            "  --seed N        of the random numbers (default 1)\n"
            "  --messages N    calls to make, over all processes\n"
            "  --seconds N     how long to go on; with neither, 10 seconds\n"
            "  --processes N   attackers at a time (default 2)\n"
            "  --threads N     channels of each (default 3, at most %u)\n"
            "  --patience N    ms that a call may take before its channel is given up (100)\n"
            "  --user          stay who you are; otherwise root becomes nobody\n"
            "\n"
            "Exit codes: 0 the host has stood it, 1 it has not, 2 wrong usage.\n",
            HOSTILE_THREADS);
}

static uint64_t
ParseNumber(const char *Text)
{
    char *end;
    uint64_t number = strtoull(Text, &end, 0);

    if (*Text == '\0' || *end != '\0') {
        fprintf(stderr, "fuzz_hostile: \"%s\" is not a number\n", Text);
        exit(2);
    }
    return number;
}

static int
ParseOptions(int Count, char **Arguments)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'r'},
        {"messages", required_argument, NULL, 'm'},
        {"seconds", required_argument, NULL, 't'},
        {"processes", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 'c'},
        {"patience", required_argument, NULL, 'w'},
        {"user", no_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int stay = 0;
    int option;

    while ((option = getopt_long(Count, Arguments, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            HostileOptions.Socket = optarg;
            break;
        case 'r':
            HostileOptions.Seed = ParseNumber(optarg);
            break;
        case 'm':
            HostileOptions.Messages = ParseNumber(optarg);
            break;
        case 't':
            HostileOptions.Seconds = (uint32_t)ParseNumber(optarg);
            break;
        case 'p':
            HostileOptions.Processes = (uint32_t)ParseNumber(optarg);
            break;
        case 'c':
            HostileOptions.Threads = (uint32_t)ParseNumber(optarg);
            break;
        case 'w':
            HostileOptions.Patience = (uint32_t)ParseNumber(optarg);
            break;
        case 'u':
            stay = 1;
            break;
        default:
            PrintUsage(option == 'h' ? stdout : stderr);
            exit(option == 'h' ? 0 : 2);
        }
    }
    if (HostileOptions.Socket == NULL || HostileOptions.Processes - 1 >= MAX_PROCESSES ||
        HostileOptions.Threads - 1 >= HOSTILE_THREADS) {
        PrintUsage(stderr);
        exit(2);
    }
    if (HostileOptions.Messages == 0 && HostileOptions.Seconds == 0) {
        HostileOptions.Seconds = 10;
    }
    return stay;
}

int
main(int Count, char **Arguments)
{
    int stay = ParseOptions(Count, Arguments);
    const char *trouble;

    HostileOptions.IsOwner = 1;
    if (!stay && geteuid() == 0) {
        if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
            perror("fuzz_hostile: becoming nobody");
            return 1;
        }
        prctl(PR_SET_DUMPABLE, 1); /* or our own /proc/self/mem is root's */
        HostileOptions.IsOwner = 0;
    }
    signal(SIGPIPE, SIG_IGN);
    HostileCounts = mmap(NULL, sizeof(*HostileCounts), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (HostileCounts == MAP_FAILED) {
        perror("fuzz_hostile");
        return 1;
    }
    Start = Milliseconds();
    trouble = Attack();
    PrintProgress();
    PrintReport();
    if (trouble != NULL) {
        fprintf(stderr, "hostile: the host %s\n", trouble);
    }
    return trouble == NULL ? 0 : 1;
}
