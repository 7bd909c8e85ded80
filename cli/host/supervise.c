/* SPDX-License-Identifier: MIT
 *
 * cli/host/supervise.c - a host that is started again when it was killed
 *
 * The supervisor is the process of `ntbox start --restart` itself, detached. It holds a record lock
 * on the host's lock file: that is how `ntbox stop` finds it when no host answers. The host's own
 * lock on that file is of the other kind, and does not know of this one.
 */
#include "cli/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_DELAY 500  /* ms; doubled at each end */
#define LAST_DELAY 60000 /* ms; a host that ran for longer than this begins anew */

typedef struct SUPERVISOR {
    char **Command;
    int Signals;  /* signalfd: SIGCHLD, and those that end us */
    int Ready;    /* told once; -1: it was */
    pid_t Host;   /* 0: none */
    int IsUp;     /* the host of now has said that it is ready */
    int Stopping; /* we were asked to end */
} SUPERVISOR;

static int64_t
Now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
TakeLock(const char *Socket)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(CliLockOf(Socket), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (file < 0) {
        CliError("cannot make %s: %s", CliLockOf(Socket), strerror(errno));
        return CLI_NO_HOST;
    }
    if (fcntl(file, F_SETLK, &lock) != 0) {
        CliError("another 'ntbox start --restart' looks after %s; 'ntbox stop' ends it", Socket);
        return CLI_RUNNING;
    }
    return 0; /* held to our end */
}

/* The read end of what the host is told to say when it is up; -1: it cannot be started. */
static int
StartHost(SUPERVISOR *Supervisor)
{
    char number[16];
    sigset_t none;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    Supervisor->IsUp = 0;
    Supervisor->Host = fork();
    if (Supervisor->Host == 0) {
        int ready = dup(ends[1]); /* without O_CLOEXEC */

        snprintf(number, sizeof(number), "%d", ready);
        Supervisor->Command[2] = number; /* behind --ready-fd */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(Supervisor->Command[0], Supervisor->Command);
        CliError("cannot run %s: %s", Supervisor->Command[0], strerror(errno));
        _exit(CLI_CANNOT_EXECUTE);
    }
    close(ends[1]);
    if (Supervisor->Host < 0) {
        close(ends[0]);
        Supervisor->Host = 0;
        return -1;
    }
    return ends[0];
}

static void
TakeReady(SUPERVISOR *Supervisor, int *Pipe)
{
    char text[16];
    ssize_t got = read(*Pipe, text, sizeof(text));

    if (got > 0) {
        Supervisor->IsUp = 1;
        if (Supervisor->Ready >= 0) {
            (void)!write(Supervisor->Ready, "ready\n", 6);
            close(Supervisor->Ready);
            Supervisor->Ready = -1;
        }
    }
    close(*Pipe);
    *Pipe = -1;
}

static void
TakeSignal(SUPERVISOR *Supervisor)
{
    struct signalfd_siginfo signal;

    if (read(Supervisor->Signals, &signal, sizeof(signal)) != (ssize_t)sizeof(signal) ||
        signal.ssi_signo == SIGCHLD) {
        return;
    }
    Supervisor->Stopping = 1;
    if (Supervisor->Host != 0) {
        kill(Supervisor->Host, SIGTERM);
    }
}

/* Until the host has ended; its wait status. */
static int
AwaitEnd(SUPERVISOR *Supervisor, int Pipe)
{
    int status = 0;

    while (waitpid(Supervisor->Host, &status, WNOHANG) == 0) {
        struct pollfd wait[2] = {{.fd = Supervisor->Signals, .events = POLLIN},
                                 {.fd = Pipe, .events = POLLIN}};

        if (poll(wait, 2, -1) <= 0) {
            continue;
        }
        if (wait[1].revents != 0) {
            TakeReady(Supervisor, &Pipe);
        }
        if (wait[0].revents != 0) {
            TakeSignal(Supervisor);
        }
    }
    Supervisor->Host = 0;
    if (Pipe >= 0) {
        TakeReady(Supervisor, &Pipe); /* it was up, and has ended at once */
    }
    return status;
}

/* 1: the delay is over; 0: we are to end. */
static int
Delay(SUPERVISOR *Supervisor, int64_t Length)
{
    int64_t limit = Now() + Length;

    while (!Supervisor->Stopping && Now() < limit) {
        struct pollfd wait = {.fd = Supervisor->Signals, .events = POLLIN};

        if (poll(&wait, 1, (int)(limit - Now()) + 1) > 0) {
            TakeSignal(Supervisor);
        }
    }
    return !Supervisor->Stopping;
}

/* 1: it is to be started again. */
static int
IsToReturn(const SUPERVISOR *Supervisor, int Status)
{
    int code = WIFEXITED(Status) ? WEXITSTATUS(Status) : -1;

    /* Before it was up for the first time, somebody waits to be told that it cannot be. */
    return !Supervisor->Stopping && Supervisor->Ready < 0 && code != 0 && code != CLI_FINDINGS &&
           code != CLI_USAGE && code != CLI_RUNNING;
}

static void
TellEnd(int Status, int64_t Length)
{
    if (WIFSIGNALED(Status)) {
        CliError("the host was ended by signal %d (%s): it is started again in %lld ms",
                 WTERMSIG(Status), strsignal(WTERMSIG(Status)), (long long)Length);
    } else {
        CliError("the host ended with exit code %d: it is started again in %lld ms",
                 WEXITSTATUS(Status), (long long)Length);
    }
}

static int
WatchSignals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
CliSupervise(char **Command, const char *Socket, int Ready)
{
    SUPERVISOR supervisor = {.Command = Command, .Ready = Ready};
    int64_t delay = FIRST_DELAY;
    int code = TakeLock(Socket);

    if (code != 0) {
        return code;
    }
    supervisor.Signals = WatchSignals();
    for (;;) {
        int64_t start = Now();
        int pipe = StartHost(&supervisor);
        int status;

        if (pipe < 0) {
            CliError("the host cannot be started: %s", strerror(errno));
            return CLI_NO_HOST;
        }
        status = AwaitEnd(&supervisor, pipe);
        if (!IsToReturn(&supervisor, status)) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_NO_HOST;
        }
        if (Now() - start > LAST_DELAY) {
            delay = FIRST_DELAY;
        }
        TellEnd(status, delay);
        if (!Delay(&supervisor, delay)) {
            return 0;
        }
        delay = delay * 2 < LAST_DELAY ? delay * 2 : LAST_DELAY;
    }
}
