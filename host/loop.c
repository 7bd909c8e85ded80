/* SPDX-License-Identifier: MIT
 *
 * host/loop.c - waiting for whatever happens next: connections, messages, ends, signals
 */
#include "host/host.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXIT_AUDIT 4
#define ACCEPT_PAUSE 20     /* ms without descriptors for who connects */
#define SWEEP_INTERVAL 1000 /* ms: hellos that wait */
#define STOP_LIMIT 60000    /* ms that the clients' rundown may take when the host stops */

static int Events = -1;
static int WakeUp = -1;
static int Signals = -1;
static int Stopping;

int
HostWatch(int Descriptor, HOST_CONNECTION *Connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = Connection};

    return epoll_ctl(Events, EPOLL_CTL_ADD, Descriptor, &event) == 0;
}

void
HostForget(int Descriptor)
{
    epoll_ctl(Events, EPOLL_CTL_DEL, Descriptor, NULL);
}

void
HostWake(void)
{
    uint64_t one = 1;

    /* A counter that is full wakes as well. */
    (void)!write(WakeUp, &one, sizeof(one));
}

void
HostStop(void)
{
    Stopping = 1;
}

static int
WatchSignals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    Signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return Signals >= 0;
}

static int
Prepare(int Listener)
{
    struct epoll_event listener = {.events = EPOLLIN, .data.ptr = &Events};

    Events = epoll_create1(EPOLL_CLOEXEC);
    WakeUp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return Events >= 0 && WakeUp >= 0 && WatchSignals() &&
           epoll_ctl(Events, EPOLL_CTL_ADD, Listener, &listener) == 0 && HostStartCloser() &&
           HostWatch(WakeUp, NULL) && HostWatch(Signals, NULL);
}

static void
AcceptAll(int Listener)
{
    int accepted;

    while ((accepted = accept4(Listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        HostAccept(accepted);
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        (void)poll(NULL, 0, ACCEPT_PAUSE); /* who waits keeps the listener readable */
    }
}

static void
TakeWakeUps(void)
{
    struct signalfd_siginfo signal;
    uint64_t count;

    (void)!read(WakeUp, &count, sizeof(count));
    if (read(Signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
        Stopping = 1;
    }
}

/* A connection may go with an event of it still to come in the same batch: one at a time, then. */
static void
Turn(int Listener, int Timeout)
{
    struct epoll_event event;

    if (epoll_wait(Events, &event, 1, Timeout) != 1) {
        return;
    }
    if (event.data.ptr == &Events) {
        AcceptAll(Listener);
    } else if (event.data.ptr == NULL) {
        TakeWakeUps();
    } else {
        HostHandle(event.data.ptr);
    }
}

/* The clients are run down; 1: all of them. */
static int
Finish(int Listener)
{
    struct timespec start;
    struct timespec now;

    close(Listener);
    unlink(HostSettings.Socket);
    HostEndAll();
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        if (HostSweep() == 0 && HostCommandsRunning() == 0) {
            return 1;
        }
        Turn(Listener, SWEEP_INTERVAL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 < STOP_LIMIT);
    return 0;
}

int
HostServe(int Listener)
{
    uint32_t findings;

    if (!Prepare(Listener)) {
        fprintf(stderr, "ntboxd: cannot wait for clients: %s\n", strerror(errno));
        return 1;
    }
    while (!Stopping) {
        Turn(Listener, SWEEP_INTERVAL);
        HostSweep();
    }
    if (!Finish(Listener)) {
        fprintf(stderr, "ntboxd: a driver does not let go of a client that has ended, or of a "
                        "command: stopping without unloading the drivers\n");
        return EXIT_AUDIT;
    }
    findings = HostKernel->Stop();
    if (findings != 0) {
        fprintf(stderr, "ntboxd: the drivers left %u thing%s behind, reported above\n",
                (unsigned)findings, findings == 1 ? "" : "s");
    }
    return findings == 0 ? 0 : EXIT_AUDIT;
}
