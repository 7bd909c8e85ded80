/* SPDX-License-Identifier: MIT
 *
 * cli/monitor.c - ntbox monitor: the notify driver and its monitor program, ready made
 *
 * Options that are not ours go to the monitor program as they are; what follows -- is started and
 * followed by the kernel's event source.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MonitorHelp[] =
    "Usage: ntbox monitor [OPTIONS] [-- COMMAND [ARGS]]\n"
    "\n"
    "Shows processes starting, ending and loading images, as the notify driver reports them:\n"
    "those of the machine, or of COMMAND and its descendants.\n"
    "\n"
    "  --for SECONDS      stop after this time (fractions allowed)\n"
    "  --count N          stop after N events\n"
    "  --only LIST        only these, separated by commas: create, exit, image\n"
    "  --pid PID          only events of this process\n"
    "  --tree PID         only events of this process and its descendants\n"
    "  --json             one JSON object a line\n"
    "  --stats            a line of counts on standard error each second\n"
    "  --events SOURCE    where events come from: auto, bpf, perf, ptrace\n"
    "  --ring KIB         what the driver keeps for a reader that is behind (default 8192)\n"
    "  -v, --verbose      show the environment and the command\n"
    "  --help\n"
    "\n"
    "More options of the monitor itself: --quiet, --batch N, --flush MS, --color WHEN.\n"
    "Without privileges only a COMMAND can be watched. Exit status: see ntbox-monitor(1).\n";

/* An option with its value in the next argument or after '='; NULL: it is not Name. */
static char *
ValueOfOption(char **Argument, const char *Name, int *Taken)
{
    size_t length = strlen(Name);

    *Taken = 1;
    if (strncmp(*Argument, Name, length) != 0) {
        return NULL;
    }
    if ((*Argument)[length] == '=') {
        return &(*Argument)[length + 1];
    }
    if ((*Argument)[length] != '\0' || Argument[1] == NULL) {
        return NULL;
    }
    *Taken = 2;
    return Argument[1];
}

/* Takes the option at Argument if it is one of ours; -1: it is not, else 0 or an exit code. */
static int
TakeOption(CLI_CLIENT *Client, char ***Argument)
{
    static char ring[64];
    int taken;
    char *value;

    if (strcmp(**Argument, "-v") == 0 || strcmp(**Argument, "--verbose") == 0) {
        Client->Verbose = 1;
        ++*Argument;
        return 0;
    }
    if ((value = ValueOfOption(*Argument, "--events", &taken)) != NULL) {
        if (!CliIsEventSource(value)) {
            return CliUsageError("monitor", "--events %s: say auto, bpf, perf or ptrace", value);
        }
        Client->Events = value;
    } else if ((value = ValueOfOption(*Argument, "--tree", &taken)) != NULL) {
        if (!CliIsCount(value)) {
            return CliUsageError("monitor", "--tree %s: say a process ID", value);
        }
        Client->Tree = value; /* the kernel filters: it knows also what never ran a program */
    } else if ((value = ValueOfOption(*Argument, "--ring", &taken)) != NULL) {
        if (!CliIsCount(value) || atoi(value) > 1024 * 1024) {
            return CliUsageError("monitor", "--ring %s: say 64 to 1048576 KiB", value);
        }
        snprintf(ring, sizeof(ring), "notify\\Parameters\\RingKilobytes=dword:%x", atoi(value));
        CliAppend(&Client->Settings, ring);
    } else {
        return -1;
    }
    *Argument += taken;
    return 0;
}

/* Reads our own options and hands the others on; 0, or the exit code after a message. */
static int
ReadOptions(CLI_CLIENT *Client, CLI_LIST *Command, char **Argument)
{
    while (*Argument != NULL && strcmp(*Argument, "--") != 0) {
        int code = TakeOption(Client, &Argument);

        if (code > 0) {
            return code;
        }
        if (code == 0) {
            continue;
        }
        if ((*Argument)[0] != '-' && Command->Count == 1) {
            return CliUsageError("monitor", "'%s' is no option: put '--' before a command",
                                 *Argument);
        }
        CliAppend(Command, *Argument++);
    }
    if (*Argument == NULL) {
        return 0;
    }
    for (Argument++; *Argument != NULL; Argument++) {
        if (strstr(*Argument, CLI_ITEM_SEPARATOR) != NULL) {
            return CliUsageError("monitor", "the command has a control character (0x1F) in it");
        }
        CliAppend(&Client->Follow, *Argument);
    }
    return Client->Follow.Count != 0 ? 0 : CliUsageError("monitor", "no command after '--'");
}

int
CliMonitor(int ArgumentCount, char **Arguments)
{
    char program[CLI_PATH_SIZE];
    CLI_CLIENT client = {0};
    CLI_LIST command = {0};
    int code;

    for (int i = 1; i < ArgumentCount && strcmp(Arguments[i], "--") != 0; i++) {
        if (strcmp(Arguments[i], "--help") == 0) {
            fputs(MonitorHelp, stdout);
            return 0;
        }
    }
    /* The program's path is put in place once the arguments make sense. */
    CliAppend(&command, "monitor");
    code = ReadOptions(&client, &command, Arguments + 1);
    if (code != 0) {
        return code;
    }
    if (!CliLocate(CliMonitorApp, program)) {
        CliError("the monitor program is not next to this one; build or install all of ntbox");
        return CLI_NOT_FOUND;
    }
    command.Items[0] = program;
    if (!CliAddDriver(&client, "notify")) {
        return CLI_KERNEL;
    }
    return CliStart(&client, command.Items);
}
