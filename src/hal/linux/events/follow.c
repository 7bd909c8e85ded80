/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/follow.c - the ptrace source, our side: a command, a tracer, a pipe
 *
 * The tracer is a process of its own (a fork of ours, see tracer.c). So the command and what it
 * leaves behind run on undisturbed after HalpStopEvents, after HalpCloseEvents and after our own
 * end: the seccomp filter they carry needs a tracer for as long as they live.
 * The command stays our child. Nothing is lost here: a slow reader slows the command down.
 */
#include "eventsp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HALP_FOLLOW_BUFFER (128u * 1024u)

struct HALP_FOLLOW {
    HALP_EVENTS *Events;
    pid_t Tracer; /* 0: reaped, or not started */
    int Fd;       /* from the tracer */
    int HasEnded; /* the tracer has nothing left to trace: it ends */
    size_t Used;
    uint8_t Buffer[HALP_FOLLOW_BUFFER] __attribute__((aligned(8)));
};

/* ---- opening ---- */

typedef struct HALP_FOLLOW_PIPES {
    int Out[2];   /* the tracer's records */
    int Start[2]; /* closed by us: the tracer may seize */
    int Ready[2]; /* the tracer's errno: 0 once it has seized */
} HALP_FOLLOW_PIPES;

static void
HalpCloseFollowPipes(HALP_FOLLOW_PIPES *Pipes)
{
    int *fd;

    for (fd = &Pipes->Out[0]; fd <= &Pipes->Ready[1]; fd++) {
        if (*fd >= 0) {
            close(*fd);
        }
        *fd = -1;
    }
}

static int
HalpOpenFollowPipes(HALP_FOLLOW_PIPES *Pipes)
{
    memset(Pipes, 0xff, sizeof(*Pipes));
    return pipe2(Pipes->Out, O_CLOEXEC) == 0 && pipe2(Pipes->Start, O_CLOEXEC) == 0 &&
           pipe2(Pipes->Ready, O_CLOEXEC) == 0;
}

/* In the child. Nothing of our process but these pipes stays open. */
static _Noreturn void
HalpBecomeTracer(HALP_FOLLOW_PIPES *Pipes, pid_t Command)
{
    int out = fcntl(Pipes->Out[1], F_DUPFD, 64);
    int start = fcntl(Pipes->Start[0], F_DUPFD, 64);
    int ready = fcntl(Pipes->Ready[1], F_DUPFD, 64);
    char byte;

    if (out < 0 || start < 0 || ready < 0 || dup2(out, 3) < 0 || dup2(start, 4) < 0 ||
        dup2(ready, 5) < 0) {
        _exit(1);
    }
    close(0);
    close(1);
    close(2);
    close_range(6, ~0u, 0);
    while (read(4, &byte, 1) < 0 && errno == EINTR) {
    }
    close(4);
    HalpRunTracer(Command, 3, 5);
}

/* Waits for the tracer's word that it holds the command. */
static HALP_STATUS
HalpAwaitTracer(int ReadyFd)
{
    HALP_STATUS status;
    ssize_t length;
    int error = 0;

    do {
        length = read(ReadyFd, &error, sizeof(error));
    } while (length < 0 && errno == EINTR);
    if (length == (ssize_t)sizeof(error) && error == 0) {
        return HALP_OK;
    }
    status = HalpEventsError("ptrace", length > 0 ? error : EIO);
    if (status == HALP_DENIED) {
        HalpSetErrorText("ptrace is not allowed here (a container's seccomp policy, or "
                         "kernel.yama.ptrace_scope above 1): run as root (sudo)");
    }
    return status;
}

static HALP_STATUS
HalpStartTracer(HALP_FOLLOW *Follow, HALP_FOLLOW_PIPES *Pipes)
{
    HALP_COMMAND *command = &Follow->Events->Command;
    HALP_STATUS status;

    Follow->Tracer = fork();
    if (Follow->Tracer == 0) {
        HalpBecomeTracer(Pipes, command->Pid);
    }
    if (Follow->Tracer < 0) {
        Follow->Tracer = 0;
        return HalpEventsError("fork", errno);
    }
    close(Pipes->Out[1]);
    close(Pipes->Ready[1]);
    Pipes->Out[1] = -1;
    Pipes->Ready[1] = -1;
    status = HalpAllowTracer(command, Follow->Tracer);
    close(Pipes->Start[1]);
    Pipes->Start[1] = -1;
    return status == HALP_OK ? HalpAwaitTracer(Pipes->Ready[0]) : status;
}

static HALP_STATUS
HalpBeginFollow(HALP_FOLLOW *Follow, const HALP_EVENTS_OPTIONS *Options)
{
    HALP_COMMAND *command = &Follow->Events->Command;
    HALP_ORDER_OPTIONS order = {0};
    HALP_FOLLOW_PIPES pipes;
    HALP_STATUS status = HalpResetOrder(Follow->Events, &order);

    if (status == HALP_OK) {
        status = HalpForkCommand(command, Options->Command);
    }
    if (status != HALP_OK) {
        return status;
    }
    if (HalpOpenFollowPipes(&pipes)) {
        status = HalpStartTracer(Follow, &pipes);
    } else {
        status = HalpEventsError("pipe", errno);
    }
    if (status == HALP_OK) {
        Follow->Fd = pipes.Out[0];
        pipes.Out[0] = -1;
        fcntl(Follow->Fd, F_SETFL, O_NONBLOCK);
        status = HalpReleaseCommand(command, Follow->Tracer, Options->Command[0]);
    }
    HalpCloseFollowPipes(&pipes);
    return status;
}

HALP_STATUS
HalpOpenFollow(HALP_EVENTS *Events, const HALP_EVENTS_OPTIONS *Options, HALP_FOLLOW **Follow)
{
    HALP_FOLLOW *follow;
    HALP_STATUS status;

#ifndef __x86_64__
    HalpSetErrorText("ptrace: only on x86-64");
    return HALP_UNSUPPORTED;
#endif
    follow = calloc(1, sizeof(*follow));
    if (follow == NULL) {
        return HALP_NO_MEMORY;
    }
    follow->Events = Events;
    follow->Fd = -1;
    status = HalpBeginFollow(follow, Options);
    if (status != HALP_OK) {
        HalpAbandonCommand(&Events->Command);
        follow->HasEnded = 1;
        HalpCloseFollow(follow);
        return status;
    }
    snprintf(Events->Description, sizeof(Events->Description),
             "ptrace, descendants of process %d only", (int)Events->Command.Pid);
    *Follow = follow;
    return HALP_OK;
}

/* ---- reading ---- */

/* Feeds the whole records of the buffer. Returns 0 if what it holds is no record. */
static int
HalpFeedWire(HALP_FOLLOW *Follow)
{
    size_t offset = 0;
    HALP_WIRE *wire;

    while (Follow->Used - offset >= sizeof(*wire)) {
        wire = (HALP_WIRE *)(Follow->Buffer + offset);
        if (wire->Size < sizeof(*wire) || wire->Size > HALP_WIRE_MAXIMUM) {
            return 0;
        }
        if (wire->Size > Follow->Used - offset) {
            break;
        }
        wire->Raw.Path = (const char *)(wire + 1);
        wire->Raw.PathLength = wire->PathLength;
        wire->Raw.CommandLine = wire->Raw.Path + wire->PathLength;
        wire->Raw.CommandLineLength = wire->CommandLineLength;
        HalpOrderFeed(Follow->Events->Order, &wire->Raw);
        offset += wire->Size;
    }
    Follow->Used -= offset;
    memmove(Follow->Buffer, Follow->Buffer + offset, Follow->Used);
    return 1;
}

/* The tracer has closed its end: all has ended, or we asked it to. */
static HALP_STATUS
HalpEndFollow(HALP_FOLLOW *Follow)
{
    struct pollfd stop = {.fd = Follow->Events->StopFd, .events = POLLIN};

    HalpOrderFlush(Follow->Events->Order);
    Follow->HasEnded = poll(&stop, 1, 0) == 0;
    HalpReapCommand(&Follow->Events->Command, Follow->HasEnded);
    return HALP_CLOSED;
}

/* Reads what is there. HALP_OK: come back when there is more. */
static HALP_STATUS
HalpReadWire(HALP_FOLLOW *Follow)
{
    ssize_t length;

    for (;;) {
        length =
            read(Follow->Fd, Follow->Buffer + Follow->Used, sizeof(Follow->Buffer) - Follow->Used);
        if (length == 0) {
            return HALP_CLOSED;
        }
        if (length < 0 && errno != EINTR) {
            return errno == EAGAIN ? HALP_OK : HalpEventsError("tracer", errno);
        }
        if (length > 0) {
            Follow->Used += (size_t)length;
            if (!HalpFeedWire(Follow)) {
                HalpSetErrorText("tracer: a record of no valid size");
                return HALP_IO;
            }
        }
    }
}

HALP_STATUS
HalpWaitFollow(HALP_FOLLOW *Follow, uint64_t Deadline)
{
    uint64_t before = Follow->Events->Delivered;
    struct pollfd wait = {.fd = Follow->Fd, .events = POLLIN};
    struct timespec timeout;
    HALP_STATUS status;
    uint64_t now;
    uint64_t left;

    for (;;) {
        status = HalpReadWire(Follow);
        if (status == HALP_CLOSED) {
            return HalpEndFollow(Follow);
        }
        if (status != HALP_OK || Follow->Events->Delivered != before) {
            return status;
        }
        now = HalpRecordClock();
        if (now >= Deadline) {
            return HALP_TIMEOUT;
        }
        left = Deadline - now;
        timeout.tv_sec = (time_t)(left / 1000000000u);
        timeout.tv_nsec = (long)(left % 1000000000u);
        ppoll(&wait, 1, Deadline == HALP_NEVER ? NULL : &timeout, NULL);
    }
}

void
HalpStopFollow(HALP_FOLLOW *Follow)
{
    kill(Follow->Tracer, SIGUSR1); /* it stays our child, running or not, until HalpCloseFollow */
}

void
HalpCloseFollow(HALP_FOLLOW *Follow)
{
    if (Follow->Fd >= 0) {
        close(Follow->Fd);
    }
    if (Follow->Tracer != 0) {
        kill(Follow->Tracer, SIGUSR1);
        waitpid(Follow->Tracer, NULL, Follow->HasEnded ? 0 : WNOHANG);
    }
    free(Follow);
}
