/* SPDX-License-Identifier: MIT
 *
 * ntdll/linux/console.c - user mode's host contract on Linux: standard streams and signals
 *
 * Invariant  L1  a signal handler does one thing, sem_post on that signal's semaphore count; the
 *                signal thread does the rest, so that handlers run where any call is allowed.
 */
#include "ntdll/host.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- streams ---- */

NTDLL_STREAM_KIND
NtdllHostStreamKind(int Stream)
{
    struct stat about;

    if (fstat(Stream, &about) != 0) {
        return NtdllStreamClosed;
    }
    if (S_ISREG(about.st_mode) || S_ISBLK(about.st_mode)) {
        return NtdllStreamDisk;
    }
    if (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode)) {
        return NtdllStreamPipe;
    }
    return isatty(Stream) ? NtdllStreamTerminal : NtdllStreamOther;
}

/* Waits until a non-blocking descriptor can go on. */
static void
WaitReady(int Stream, short Events)
{
    struct pollfd wait = {.fd = Stream, .events = Events};

    poll(&wait, 1, -1);
}

ptrdiff_t
NtdllHostRead(int Stream, void *Buffer, size_t Length)
{
    for (;;) {
        ssize_t got = read(Stream, Buffer, Length);

        if (got >= 0) {
            return got;
        }
        if (errno == EAGAIN) {
            WaitReady(Stream, POLLIN);
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

ptrdiff_t
NtdllHostWrite(int Stream, const void *Buffer, size_t Length)
{
    const char *next = Buffer;
    size_t left = Length;

    while (left != 0) {
        ssize_t put = write(Stream, next, left);

        if (put > 0) {
            next += put;
            left -= (size_t)put;
        } else if (put < 0 && errno == EAGAIN) {
            WaitReady(Stream, POLLOUT);
        } else if (put < 0 && errno != EINTR) {
            return errno == EPIPE ? -2 : -1;
        }
    }
    return (ptrdiff_t)Length;
}

int
NtdllHostFlush(int Stream)
{
    /* A pipe or a terminal has nothing to flush and says EINVAL. */
    return fsync(Stream) == 0 || errno == EINVAL || errno == EROFS;
}

int
NtdllHostTerminalSize(int Stream, uint16_t *Columns, uint16_t *Rows)
{
    struct winsize size;

    if (!isatty(Stream)) {
        return 0;
    }
    if (ioctl(Stream, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
        /* A terminal that does not know its size: what terminals were for decades. */
        size.ws_col = 80;
        size.ws_row = 24;
    }
    *Columns = size.ws_col;
    *Rows = size.ws_row;
    return 1;
}

/* ---- signals ---- */

static const int SignalNumbers[] = {
    [NtdllSignalInterrupt] = SIGINT,
    [NtdllSignalQuit] = SIGQUIT,
    [NtdllSignalHangUp] = SIGHUP,
    [NtdllSignalTerminate] = SIGTERM,
};
#define SIGNAL_COUNT (sizeof(SignalNumbers) / sizeof(SignalNumbers[0]))

static sem_t SignalSemaphore;
static uint32_t SignalPending[SIGNAL_COUNT]; /* atomic: arrivals not delivered yet */
static void (*SignalDeliver)(NTDLL_SIGNAL Signal);

static void
OnSignal(int Number)
{
    int saved = errno;

    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (SignalNumbers[i] == Number) {
            __atomic_add_fetch(&SignalPending[i], 1, __ATOMIC_RELEASE);
            sem_post(&SignalSemaphore);
        }
    }
    errno = saved;
}

static void *
RunSignalThread(void *Context)
{
    (void)Context;
    for (;;) {
        if (sem_wait(&SignalSemaphore) != 0) {
            continue;
        }
        for (size_t i = 0; i < SIGNAL_COUNT; i++) {
            if (__atomic_load_n(&SignalPending[i], __ATOMIC_ACQUIRE) != 0) {
                __atomic_sub_fetch(&SignalPending[i], 1, __ATOMIC_ACQ_REL);
                SignalDeliver((NTDLL_SIGNAL)i);
                break;
            }
        }
    }
    return NULL;
}

int
NtdllHostCatchSignals(void (*Deliver)(NTDLL_SIGNAL Signal))
{
    struct sigaction action = {.sa_handler = OnSignal, .sa_flags = SA_RESTART};
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    int failed;

    SignalDeliver = Deliver;
    if (sem_init(&SignalSemaphore, 0, 0) != 0) {
        return 0;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, NULL, RunSignalThread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        return 0;
    }
    pthread_detach(thread);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        struct sigaction old;

        if (sigaction(SignalNumbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
            sigaction(SignalNumbers[i], &action, NULL);
        }
    }
    return 1;
}

void
NtdllHostRaiseSignal(NTDLL_SIGNAL Signal)
{
    kill(getpid(), SignalNumbers[Signal]);
}
