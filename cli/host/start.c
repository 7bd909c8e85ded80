/* SPDX-License-Identifier: MIT
 *
 * cli/host/start.c - ntbox start: ntboxd, detached from the terminal
 */
#include "cli/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 10000 /* ms after which a start that takes long is mentioned */

static const char StartHelp[] =
    "Usage: ntbox start [OPTIONS] [DRIVER...]\n"
    "\n"
    "Starts a host: a process with a kernel and these drivers, which any number of programs use.\n"
    "It runs in the background; 'ntbox stop' ends it. A program that is started without drivers\n"
    "of its own finds the host by itself.\n"
    "\n"
    "DRIVER is a path, or the name of a driver that comes with ntbox (notify).\n"
    "\n"
    "  --socket PATH       where programs find it (default: a place of the user's)\n"
    "  --system            for every user, at /run/ntbox/host; devices' security descriptors "
    "decide\n"
    "  --set 'SERVICE\\VALUE=dword:N'  a value in a driver's service key; or ...=text\n"
    "  --processors N      how many processors the drivers see\n"
    "  --no-events         no process and image events of the machine\n"
    "  --restart           start it again when it was killed or ended in a bugcheck\n"
    "  -v, --verbose       show the command\n"
    "  --help\n"
    "\n"
    "Its log is next to the socket. Exit status: 0 it is up, 2 wrong usage, 3 the kernel or a\n"
    "driver did not start, 5 a host runs there already.\n";

enum {
    OptionSocket = 256,
    OptionSystem,
    OptionSet,
    OptionProcessors,
    OptionNoEvents,
    OptionRestart,
    OptionHelp
};

static const struct option StartOptions[] = {
    {"socket", required_argument, NULL, OptionSocket},
    {"system", no_argument, NULL, OptionSystem},
    {"set", required_argument, NULL, OptionSet},
    {"processors", required_argument, NULL, OptionProcessors},
    {"no-events", no_argument, NULL, OptionNoEvents},
    {"restart", no_argument, NULL, OptionRestart},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, OptionHelp},
    {NULL, 0, NULL, 0},
};

typedef struct START {
    const char *Given; /* --socket */
    char *Socket;
    char *Log;
    CLI_LIST Options;  /* of ntboxd */
    CLI_CLIENT Client; /* its drivers only */
    int IsSystem;
    int Restart;
    int Verbose;
} START;

/* Takes one option; 0, or the exit code after a message. */
static int
TakeOption(START *Start, int Option, char *Value)
{
    switch (Option) {
    case OptionSocket:
        Start->Given = Value;
        return CliCheckSocketPath(Value);
    case OptionSystem:
        Start->IsSystem = 1;
        CliAppend(&Start->Options, "--system");
        return 0;
    case OptionSet:
        if (!CliIsSetting(Value)) {
            return CliUsageError("start", "--set %s: write SERVICE\\VALUE=dword:1 or ...=text",
                                 Value);
        }
        CliAppend(&Start->Options, "--set");
        CliAppend(&Start->Options, Value);
        return 0;
    case OptionProcessors:
        if (!CliIsCount(Value)) {
            return CliUsageError("start", "--processors %s: not a number of processors", Value);
        }
        CliAppend(&Start->Options, "--processors");
        CliAppend(&Start->Options, Value);
        return 0;
    case OptionNoEvents:
        CliAppend(&Start->Options, "--no-events");
        return 0;
    case OptionRestart:
        Start->Restart = 1;
        return 0;
    default:
        Start->Verbose = 1;
        return 0;
    }
}

/* 0, -1: the help was asked for, or an exit code after a message. */
static int
ReadOptions(START *Start, int ArgumentCount, char **Arguments)
{
    int option;

    opterr = 0;
    while ((option = getopt_long(ArgumentCount, Arguments, ":v", StartOptions, NULL)) != -1) {
        int code;

        if (option == OptionHelp) {
            return -1;
        }
        if (option == ':') {
            return CliUsageError("start", "%s needs a value", Arguments[optind - 1]);
        }
        if (option == '?') {
            return CliUsageError("start", "no option '%s'", Arguments[optind - 1]);
        }
        code = TakeOption(Start, option, optarg);
        if (code != 0) {
            return code;
        }
    }
    for (int i = optind; i < ArgumentCount; i++) {
        if (!CliAddDriver(&Start->Client, Arguments[i])) {
            return CLI_KERNEL;
        }
    }
    return 0;
}

/* ---- the new process ---- */

/* Its own session, no terminal, the log as its output. */
static void
Detach(const START *Start)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log = open(Start->Log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    setsid();
    if (log < 0) {
        CliError("cannot write %s: %s", Start->Log, strerror(errno));
        _exit(CLI_NO_HOST);
    }
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (chdir("/") != 0) {
        _exit(CLI_NO_HOST);
    }
}

static void
RunHost(const START *Start, char **Command, int Ready)
{
    char number[16];

    signal(SIGPIPE, SIG_DFL);
    Detach(Start);
    if (Start->Restart) {
        int code = CliSupervise(Command, Start->Socket, Ready);

        CliReleaseAll();
        _exit(code);
    }
    snprintf(number, sizeof(number), "%d", dup(Ready)); /* without O_CLOEXEC */
    Command[2] = number;
    execv(Command[0], Command);
    CliError("cannot run %s: %s", Command[0], strerror(errno));
    _exit(CLI_CANNOT_EXECUTE);
}

/* ---- the one that waits for it ---- */

/* 1: it is up. */
static int
AwaitReady(const START *Start, int Ready)
{
    struct pollfd wait = {.fd = Ready, .events = POLLIN};
    char text[16];
    ssize_t got;

    if (poll(&wait, 1, PATIENCE) == 0) {
        CliError("a driver takes long to start; the log is %s", Start->Log);
    }
    do {
        got = read(Ready, text, sizeof(text));
    } while (got < 0 && errno == EINTR);
    return got > 0;
}

static int
TellFailure(const START *Start, pid_t Process, off_t LogEnd)
{
    int status = 0;

    waitpid(Process, &status, 0);
    CliShowLog(Start->Log, LogEnd);
    if (WIFSIGNALED(status)) {
        CliError("the host was ended by signal %d (%s) before it was up; its log is %s",
                 WTERMSIG(status), strsignal(WTERMSIG(status)), Start->Log);
        return CLI_KERNEL;
    }
    CliError("the host did not start; its log is %s", Start->Log);
    return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : CLI_KERNEL;
}

static int
TellSuccess(const START *Start)
{
    CLI_HOST host;

    if (CliConnect(Start->Socket, &host) != 0) {
        CliError("the host has ended already; its log is %s", Start->Log);
        return CLI_KERNEL;
    }
    printf("host %d runs at %s\n", (int)host.ProcessId, Start->Socket);
    close(host.Socket);
    return 0;
}

static int
StartHost(const START *Start, char **Command)
{
    off_t logEnd = CliEndOfLog(Start->Log);
    pid_t process;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        CliError("no pipe can be made: %s", strerror(errno));
        return CLI_NO_HOST;
    }
    fflush(NULL);
    process = fork();
    if (process < 0) {
        CliError("no process can be made: %s", strerror(errno));
        return CLI_NO_HOST;
    }
    if (process == 0) {
        close(ends[0]);
        RunHost(Start, Command, ends[1]);
    }
    close(ends[1]);
    if (!AwaitReady(Start, ends[0])) {
        return TellFailure(Start, process, logEnd);
    }
    return TellSuccess(Start);
}

/* 0, or an exit code after a message. */
static int
CheckPlace(START *Start)
{
    CLI_HOST host;
    int code;

    Start->Socket = CliChooseSocket(Start->Given, Start->IsSystem);
    Start->Log = CliLogOf(Start->Socket);
    code = CliCheckSocketPath(Start->Socket);
    if (code == 0) {
        code = CliPrepareFolder(Start->Socket, Start->IsSystem);
    }
    if (code != 0) {
        return code;
    }
    code = CliConnect(Start->Socket, &host);
    if (code == 0) {
        close(host.Socket);
        CliError("host %d runs at %s already; 'ntbox stop' ends it, 'ntbox load' gives it drivers",
                 (int)host.ProcessId, Start->Socket);
        return CLI_RUNNING;
    }
    if (code != ENOENT) {
        return CLI_NO_HOST;
    }
    if (CliFindSupervisor(Start->Socket) != 0) {
        CliError("the host at %s is being started; its log is %s; 'ntbox stop' ends that",
                 Start->Socket, Start->Log);
        return CLI_RUNNING;
    }
    return 0;
}

/* The log of the last time but one is not kept. */
static void
TurnLog(const START *Start)
{
    (void)rename(Start->Log, CliFormat("%s.old", Start->Log));
}

int
CliStartHost(int ArgumentCount, char **Arguments)
{
    char program[CLI_PATH_SIZE];
    CLI_LIST command = {0};
    START start = {0};
    int code = ReadOptions(&start, ArgumentCount, Arguments);

    if (code == -1) {
        fputs(StartHelp, stdout);
        return 0;
    }
    if (code != 0 || (code = CheckPlace(&start)) != 0) {
        return code;
    }
    if (!CliLocate(CliHostProgram, program)) {
        CliError("ntboxd is not next to this program; build or install all of ntbox");
        return CLI_NOT_FOUND;
    }
    CliAppend(&command, program);
    CliAppend(&command, "--ready-fd");
    CliAppend(&command, "-1"); /* put in place by whoever runs it */
    CliAppend(&command, "--socket");
    CliAppend(&command, start.Socket);
    for (size_t i = 0; i < start.Options.Count; i++) {
        CliAppend(&command, start.Options.Items[i]);
    }
    CliAppend(&command, "--");
    for (size_t i = 0; i < start.Client.Drivers.Count; i++) {
        CliAppend(&command, start.Client.Drivers.Items[i]);
    }
    if (start.Verbose) {
        CliError("%s", CliJoin(&command, " "));
    }
    TurnLog(&start);
    return StartHost(&start, command.Items);
}
