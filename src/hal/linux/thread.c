/* SPDX-License-Identifier: MIT
 *
 * hal/linux/thread.c - threads, processors, and waiting on a word
 */
#include "hal/linux/linux.h"

#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS_PER_SECOND 1000000000ull

struct HALP_THREAD {
    pthread_t Host;
    void (*Start)(void *Context);
    void *Context;
    char Name[16]; /* what the host shows */
};

static pthread_once_t KeyOnce = PTHREAD_ONCE_INIT;
static pthread_key_t ExitKey;
static int KeyError;
static uint32_t ProcessorCount = 1;
static POSIX_TLS uint32_t ThreadId;

/* ---- start and end of a thread ---- */

/* Destructor of ExitKey: the last kernel code on this thread. */
static void
OnThreadExit(void *Context)
{
    if (LinuxUpcalls.ThreadExit != NULL) {
        LinuxUpcalls.ThreadExit(Context);
    }
    PosixLeaveThread();
}

static void
MakeExitKey(void)
{
    KeyError = pthread_key_create(&ExitKey, OnThreadExit);
}

HALP_STATUS
LinuxInitializeThreads(void)
{
    cpu_set_t processors;

    pthread_once(&KeyOnce, MakeExitKey);
    if (KeyError != 0) {
        return PosixFailWith("pthread_key_create", KeyError);
    }
    /* Fails on a host with more processors than the set holds: the count stays 1 then. */
    if (sched_getaffinity(0, sizeof(processors), &processors) == 0) {
        ProcessorCount = (uint32_t)CPU_COUNT(&processors);
    }
    return HALP_OK;
}

void
HalpSetThreadExitContext(void *Context)
{
    PosixEnterThread();
    if (pthread_setspecific(ExitKey, Context) != 0) {
        PosixFatal("HalpSetThreadExitContext: out of memory");
    }
}

static void *
RunThread(void *Context)
{
    const HALP_THREAD *self = Context;

    PosixEnterThread();
    PosixNameThread(self->Name);
    /* Deadlines are meant: without this the host may be 50 microseconds late for each. */
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    self->Start(self->Context);
    /* With an exit context the key's destructor still needs what is given back here. */
    if (pthread_getspecific(ExitKey) == NULL) {
        PosixLeaveThread();
    }
    return NULL;
}

HALP_STATUS
HalpCreateThread(HALP_THREAD **Thread, const char *Name, void (*Start)(void *), void *Context)
{
    HALP_THREAD *thread = malloc(sizeof(*thread));
    int error;

    if (thread == NULL) {
        return PosixFail("malloc");
    }
    thread->Start = Start;
    thread->Context = Context;
    PosixCopyText(thread->Name, sizeof(thread->Name), Name);
    error = pthread_create(&thread->Host, NULL, RunThread, thread);
    if (error != 0) {
        free(thread);
        return PosixFailWith("pthread_create", error);
    }
    *Thread = thread;
    return HALP_OK;
}

void
HalpWaitThreadEnd(HALP_THREAD *Thread)
{
    pthread_join(Thread->Host, NULL);
    free(Thread);
}

void
HalpExitThread(void)
{
    if (pthread_getspecific(ExitKey) == NULL) {
        PosixLeaveThread();
    }
    pthread_exit(NULL);
}

uint32_t
HalpCurrentThreadId(void)
{
    if (__builtin_expect(ThreadId == 0, 0)) {
        ThreadId = (uint32_t)gettid();
    }
    return ThreadId;
}

uint32_t
HalpCurrentProcessId(void)
{
    return (uint32_t)getpid();
}

/* ---- processors ---- */

void
HalpYield(void)
{
    sched_yield();
}

void
HalpPause(void)
{
    __builtin_ia32_pause();
}

uint32_t
HalpProcessorCount(void)
{
    return ProcessorCount;
}

uint32_t
HalpCurrentProcessor(void)
{
    int processor = sched_getcpu();

    /* The process may be bound to processors with higher numbers than it has. */
    return processor < 0 ? 0 : (uint32_t)processor % ProcessorCount;
}

/* ---- waiting on a word ---- */

static HALP_STATUS
WaitWord(const uint32_t *Address, uint32_t Expected, uint64_t Deadline, int Operation)
{
    struct timespec until = {.tv_sec = (time_t)(Deadline / NANOSECONDS_PER_SECOND),
                             .tv_nsec = (long)(Deadline % NANOSECONDS_PER_SECOND)};

    /* The bit-set form takes an absolute CLOCK_MONOTONIC time. */
    if (syscall(SYS_futex, Address, Operation, Expected, Deadline == HALP_NEVER ? NULL : &until,
                NULL, FUTEX_BITSET_MATCH_ANY) == 0 ||
        errno == EAGAIN || errno == EINTR) {
        return HALP_OK; /* woken, changed already, or interrupted: callers loop */
    }
    return errno == ETIMEDOUT ? HALP_TIMEOUT : PosixFail("futex");
}

HALP_STATUS
HalpWaitAddress(const uint32_t *Address, uint32_t Expected, uint64_t Deadline)
{
    return WaitWord(Address, Expected, Deadline, FUTEX_WAIT_BITSET_PRIVATE);
}

void
HalpWakeAddress(const uint32_t *Address, uint32_t Count)
{
    syscall(SYS_futex, Address, FUTEX_WAKE_PRIVATE, Count > INT_MAX ? INT_MAX : Count, NULL, NULL,
            0);
}

HALP_STATUS
HalpWaitSharedAddress(const uint32_t *Address, uint32_t Expected, uint64_t Deadline)
{
    return WaitWord(Address, Expected, Deadline, FUTEX_WAIT_BITSET);
}

void
HalpWakeSharedAddress(const uint32_t *Address, uint32_t Count)
{
    syscall(SYS_futex, Address, FUTEX_WAKE, Count > INT_MAX ? INT_MAX : Count, NULL, NULL, 0);
}
