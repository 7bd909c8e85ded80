/* SPDX-License-Identifier: MIT
 *
 * test/events/workload.c - starts processes in known ways and writes down what it did
 *
 * workload LOG-FD MODE [ARGUMENTS]; a line "PID PARENT NAME" is written for each program run.
 *   spawn|vfork|fork COUNT PARALLEL   COUNT times /bin/true, PARALLEL at a time
 *   chain COUNT       execs itself in place COUNT times, then exits with 7
 *   threads COUNT     COUNT threads run /bin/true once each; the first thread ends before them
 *   threadexec        a thread that is not the first runs /bin/true in place of the process
 *   double            a grandchild whose parent is dead runs /bin/true
 *   script PATH       runs the script
 *   signal NUMBER     a child that runs "pause" is killed by the signal
 *   pause             writes a NUL instead of a line, then waits for a signal
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int LogFd;
static const char *Self;
static char *const TrueArguments[] = {"/bin/true", NULL};

static void
Log(pid_t Pid, pid_t Parent, const char *Name)
{
    char line[96];
    int length = snprintf(line, sizeof(line), "%d %d %s\n", (int)Pid, (int)Parent, Name);

    if (write(LogFd, line, (size_t)length) != length) {
        _exit(99);
    }
}

static pid_t
Start(const char *How, char *const *Arguments)
{
    pid_t pid = -1;

    if (strcmp(How, "spawn") == 0) {
        return posix_spawn(&pid, Arguments[0], NULL, NULL, Arguments, environ) == 0 ? pid : -1;
    }
    pid = strcmp(How, "vfork") == 0 ? vfork() : fork();
    if (pid == 0) {
        execve(Arguments[0], Arguments, environ);
        _exit(98);
    }
    return pid;
}

/* Waits for one child; returns 0 if it did not end with status 0. */
static int
WaitOne(void)
{
    int status;

    return wait(&status) > 0 && status == 0;
}

static int
RunMany(const char *How, int Count, int Parallel)
{
    int running = 0;
    pid_t pid;
    int i;

    for (i = 0; i < Count; i++) {
        if (running == Parallel) {
            if (!WaitOne()) {
                return 97;
            }
            running--;
        }
        pid = Start(How, TrueArguments);
        if (pid < 0) {
            return 96;
        }
        Log(pid, getpid(), "true");
        running++;
    }
    for (; running > 0; running--) {
        if (!WaitOne()) {
            return 97;
        }
    }
    return 0;
}

static int
RunChain(int Count)
{
    char fd[16];
    char left[16];

    if (Count == 0) {
        return 7;
    }
    snprintf(fd, sizeof(fd), "%d", LogFd);
    snprintf(left, sizeof(left), "%d", Count - 1);
    Log(getpid(), getppid(), "workload");
    execl(Self, Self, fd, "chain", left, (char *)NULL);
    return 95;
}

static pthread_barrier_t FirstIsLeaving;

static void *
RunThread(void *Context)
{
    pid_t pid;

    (void)Context;
    pthread_barrier_wait(&FirstIsLeaving);
    pid = Start("spawn", TrueArguments);
    Log(pid, getpid(), "true");
    if (waitpid(pid, NULL, 0) != pid) {
        _exit(94);
    }
    return NULL;
}

static void
RunThreads(int Count)
{
    pthread_t thread;
    int i;

    pthread_barrier_init(&FirstIsLeaving, NULL, (unsigned int)Count + 1);
    for (i = 0; i < Count; i++) {
        pthread_create(&thread, NULL, RunThread, NULL);
    }
    pthread_barrier_wait(&FirstIsLeaving);
    pthread_exit(NULL); /* the process ends with the last thread, status 0 */
}

static void *
ExecInThread(void *Context)
{
    (void)Context;
    Log(getpid(), getppid(), "true");
    execve(TrueArguments[0], TrueArguments, environ);
    _exit(93);
}

static int
RunThreadExec(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, ExecInThread, NULL);
    pthread_join(thread, NULL);
    return 92;
}

static int
RunDouble(void)
{
    int ends[2];
    pid_t middle;
    char byte;

    if (pipe(ends) != 0) {
        return 91;
    }
    middle = fork();
    if (middle == 0) {
        if (fork() != 0) {
            _exit(0);
        }
        close(ends[1]);
        /* Goes on once the first process, which holds the other end, has ended too. */
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR) {
        }
        Log(getpid(), 0, "true");
        execve(TrueArguments[0], TrueArguments, environ);
        _exit(90);
    }
    return waitpid(middle, NULL, 0) == middle ? 0 : 89;
}

static int
RunScript(const char *Path)
{
    char *const arguments[] = {(char *)(uintptr_t)Path, "a b", NULL};
    pid_t pid = Start("fork", arguments);
    int status = -1;

    Log(pid, getpid(), "script");
    waitpid(pid, &status, 0);
    return status == 0 ? 0 : 88;
}

static int
RunSignal(int Number)
{
    char fd[16];
    char *const arguments[] = {(char *)(uintptr_t)Self, fd, "pause", NULL};
    int ends[2];
    int status;
    pid_t pid;
    char byte;

    if (pipe(ends) != 0) {
        return 86;
    }
    snprintf(fd, sizeof(fd), "%d", ends[1]);
    pid = Start("fork", arguments);
    Log(pid, getpid(), "workload");
    if (read(ends[0], &byte, 1) != 1) { /* it runs */
        return 85;
    }
    kill(pid, Number);
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == Number ? 0 : 87;
}

int
main(int Argc, char **Argv)
{
    const char *mode = Argc > 2 ? Argv[2] : "";
    int first = Argc > 3 ? atoi(Argv[3]) : 0;

    Self = Argv[0];
    LogFd = Argc > 1 ? atoi(Argv[1]) : -1;
    (void)fcntl(LogFd, F_SETFL, O_APPEND); /* many write to it at once */
    if (Argc == 5) {
        return RunMany(mode, first, atoi(Argv[4]));
    }
    if (strcmp(mode, "chain") == 0) {
        return RunChain(first);
    }
    if (strcmp(mode, "threads") == 0) {
        RunThreads(first);
    }
    if (strcmp(mode, "threadexec") == 0) {
        return RunThreadExec();
    }
    if (strcmp(mode, "double") == 0) {
        return RunDouble();
    }
    if (strcmp(mode, "script") == 0) {
        return RunScript(Argv[3]);
    }
    if (strcmp(mode, "signal") == 0) {
        return RunSignal(first);
    }
    if (strcmp(mode, "pause") == 0) {
        while (write(LogFd, "", 1) == 1) {
            pause();
        }
    }
    return 2;
}
