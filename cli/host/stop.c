/* SPDX-License-Identifier: MIT
 *
 * cli/host/stop.c - ntbox stop: ends a host in good order, and waits for it
 */
#include "cli/host/host.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char StopHelp[] =
    "Usage: ntbox stop [--socket PATH]\n"
    "\n"
    "Ends a host: its clients' handles are closed, then the drivers are unloaded, last one first.\n"
    "Returns when it is over.\n"
    "\n"
    "Exit status: 0 it has ended, 2 wrong usage, 3 no host runs there, 4 drivers left something\n"
    "behind.\n";

/* Descriptors of processes, to wait for their ends; -1: that one has ended. */
static int
Watch(pid_t ProcessId)
{
    return ProcessId > 0 ? (int)syscall(SYS_pidfd_open, ProcessId, 0) : -1;
}

static void
AwaitEnd(int Process)
{
    struct pollfd wait = {.fd = Process, .events = POLLIN};

    if (Process >= 0) {
        while (poll(&wait, 1, -1) < 0 && errno == EINTR) {
        }
        close(Process);
    }
}

/* There is no host, but somebody who is about to start it again. */
static int
StopSupervisor(pid_t ProcessId, const char *Socket)
{
    int process = Watch(ProcessId);

    /* The descriptor came first: the lock's holder then is still the same. */
    if (process < 0 || CliFindSupervisor(Socket) != ProcessId ||
        syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0) != 0) {
        if (process >= 0) {
            close(process);
        }
        return 0;
    }
    AwaitEnd(process);
    return 1;
}

static int
StopHost(const CLI_HOST *Host)
{
    int process = Watch(Host->ProcessId);
    int supervisor = Watch(CliFindSupervisor(Host->Path));
    CLI_ANSWER answer;
    int code = CliAsk(Host, "stop", &answer);

    if (code == 0 && answer.Status < 0) {
        CliError("the host at %s takes commands from its own user and from root only", Host->Path);
        code = CLI_REFUSED;
    }
    if (code == 0) {
        AwaitEnd(process);
        AwaitEnd(supervisor);
    }
    if (code == 0 && answer.Value == CLI_FINDINGS) {
        CliError("the host has ended, and its drivers left something behind: see its log %s",
                 CliLogOf(Host->Path));
        code = CLI_FINDINGS;
    }
    return code;
}

static int
StopAt(const char *Given)
{
    CLI_LIST sockets = {0};
    CLI_HOST host;

    CliListSockets(Given, &sockets);
    for (size_t i = 0; i < sockets.Count; i++) {
        const char *path = sockets.Items[i];
        pid_t supervisor;
        int code = CliCheckSocketPath(path);

        if (code != 0) {
            return code;
        }
        supervisor = CliFindSupervisor(path);
        code = CliConnect(path, &host);
        if (code == 0) {
            code = StopHost(&host);
            close(host.Socket);
            return code;
        }
        if (code != ENOENT) {
            return CLI_NO_HOST;
        }
        if (supervisor != 0 && StopSupervisor(supervisor, path)) {
            return 0;
        }
    }
    CliError("no host runs at %s", CliJoin(&sockets, " or "));
    return CLI_NO_HOST;
}

int
CliStopHost(int ArgumentCount, char **Arguments)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *given = NULL;
    int option;

    opterr = 0;
    while ((option = getopt_long(ArgumentCount, Arguments, ":", options, NULL)) != -1) {
        switch (option) {
        case 's':
            given = optarg;
            break;
        case 'h':
            fputs(StopHelp, stdout);
            return 0;
        case ':':
            return CliUsageError("stop", "%s needs a value", Arguments[optind - 1]);
        default:
            return CliUsageError("stop", "no option '%s'", Arguments[optind - 1]);
        }
    }
    if (optind < ArgumentCount) {
        return CliUsageError("stop", "'%s' is one word too many", Arguments[optind]);
    }
    return StopAt(given);
}
