/* SPDX-License-Identifier: MIT
 *
 * spawn.c - a workload: starts short processes at a steady rate, or as fast as it goes
 *
 * spawn RATE SECONDS - RATE processes a second (0: as many as two jobs make), /bin/true each.
 * Prints how many were started and the rate that was reached.
 */
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SPAWN_PERIOD_NS 2000000u /* processes are started in small groups */
#define SPAWN_PARALLEL 2u        /* unlimited rate: this many at a time */

static char SpawnPath[] = "/bin/true";
static char *const SpawnArguments[] = {SpawnPath, NULL};
static char *const SpawnEnvironment[] = {NULL};

static uint64_t
SpawnNow(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
SpawnOne(void)
{
    pid_t pid;

    if (posix_spawn(&pid, SpawnPath, NULL, NULL, SpawnArguments, SpawnEnvironment) != 0) {
        perror("spawn: posix_spawn");
        exit(1);
    }
}

static void
SpawnUntil(uint64_t Time)
{
    struct timespec until = {(time_t)(Time / 1000000000u), (time_t)(Time % 1000000000u)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

static uint64_t
SpawnPaced(unsigned Rate, uint64_t Start, uint64_t End)
{
    uint64_t started = 0;

    for (uint64_t now = Start; now < End; now += SPAWN_PERIOD_NS) {
        uint64_t due = (now + SPAWN_PERIOD_NS - Start) * Rate / 1000000000u;

        SpawnUntil(now);
        for (; started < due; started++) {
            SpawnOne();
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
    return started;
}

static uint64_t
SpawnUnlimited(uint64_t End)
{
    uint64_t started = 0;

    for (; started < SPAWN_PARALLEL; started++) {
        SpawnOne();
    }
    while (SpawnNow() < End) {
        wait(NULL);
        SpawnOne();
        started++;
    }
    return started;
}

int
main(int argc, char **argv)
{
    uint64_t start = SpawnNow();
    uint64_t started;
    unsigned rate;

    if (argc != 3 || atof(argv[2]) <= 0) {
        fprintf(stderr, "usage: spawn RATE SECONDS\n");
        return 2;
    }
    rate = (unsigned)atoi(argv[1]);
    started = rate == 0 ? SpawnUnlimited(start + (uint64_t)(atof(argv[2]) * 1e9))
                        : SpawnPaced(rate, start, start + (uint64_t)(atof(argv[2]) * 1e9));
    while (wait(NULL) > 0) {
    }
    printf("%llu %.0f\n", (unsigned long long)started,
           (double)started * 1e9 / (double)(SpawnNow() - start));
    return 0;
}
