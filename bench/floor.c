/* SPDX-License-Identifier: MIT
 *
 * floor.c - the host's floors; Linux code, apart from the Windows code that is measured
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "floor.h"

static atomic_uint BenchTurn;

void
BenchGetppid(void)
{
    syscall(SYS_getppid);
}

static int
BenchCallee(int Value)
{
    return Value + 1;
}

int (*volatile BenchIndirect)(int) = BenchCallee;

static uint64_t
BenchNow(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int BenchPipes[2] = {-1, -1}; /* to write to, to read from */

int
BenchStartPipes(void)
{
    int there[2];
    int back[2];
    char byte;
    pid_t child;

    if (pipe(there) != 0 || pipe(back) != 0) {
        return 0;
    }
    child = fork();
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
        }
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    BenchPipes[0] = there[1];
    BenchPipes[1] = back[0];
    return child > 0;
}

uint64_t
BenchPipeRound(unsigned Rounds)
{
    uint64_t start = BenchNow();
    char byte = 0;

    for (unsigned i = Rounds; i > 0; i--) {
        if (write(BenchPipes[0], &byte, 1) != 1 || read(BenchPipes[1], &byte, 1) != 1) {
            return 0;
        }
    }
    return (BenchNow() - start) / Rounds;
}

/* Waits until it is Mine's turn, then gives it to the other. */
static void
BenchTakeTurn(unsigned Mine)
{
    unsigned turn;

    while ((turn = atomic_load(&BenchTurn)) != Mine) {
        syscall(SYS_futex, &BenchTurn, FUTEX_WAIT_PRIVATE, turn, NULL, NULL, 0);
    }
    atomic_store(&BenchTurn, !Mine);
    syscall(SYS_futex, &BenchTurn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *
BenchOther(void *Rounds)
{
    for (unsigned i = *(unsigned *)Rounds; i > 0; i--) {
        BenchTakeTurn(1);
    }
    return NULL;
}

uint64_t
BenchFutexRound(unsigned Rounds)
{
    pthread_t other;
    uint64_t start;

    atomic_store(&BenchTurn, 0);
    if (pthread_create(&other, NULL, BenchOther, &Rounds) != 0) {
        return 0;
    }
    start = BenchNow();
    for (unsigned i = Rounds; i > 0; i--) {
        BenchTakeTurn(0);
    }
    pthread_join(other, NULL);
    return (BenchNow() - start) / Rounds;
}
