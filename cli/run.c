/* SPDX-License-Identifier: MIT
 *
 * cli/run.c - ntbox run: load drivers, then run a program that talks to them
 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char RunHelp[] =
    "Usage: ntbox run [OPTIONS] DRIVER... -- CLIENT [ARGS]\n"
    "\n"
    "Starts the kernel in the client's process, loads the drivers in order, runs the client,\n"
    "unloads the drivers and reports what they left behind.\n"
    "\n"
    "DRIVER is a path, or the name of a driver that comes with ntbox (notify).\n"
    "\n"
    "  --set 'SERVICE\\VALUE=dword:N'  a value in a driver's service key; or ...=text\n"
    "  --events SOURCE     where process events come from: auto, bpf, perf, ptrace, off\n"
    "  --follow COMMAND    start COMMAND and report its processes only\n"
    "  --tree PID          report descendants of PID only\n"
    "  --processors N      how many processors the drivers see\n"
    "  --host              load nothing: the client uses the host that 'ntbox start' started;\n"
    "                      --host=PATH one at that socket\n"
    "  --strict            exit with 4 when drivers left something behind\n"
    "  --gdb               run the client under gdb\n"
    "  --valgrind          run the client under valgrind\n"
    "  -v, --verbose       show the environment and the command\n"
    "  --help\n"
    "\n"
    "Exit status: the client's; 2 wrong usage, 3 kernel or driver did not start, 4 see --strict,\n"
    "126 and 127 the client cannot be run or found.\n";

enum {
    OptionSet = 256,
    OptionEvents,
    OptionFollow,
    OptionTree,
    OptionProcessors,
    OptionStrict,
    OptionHost,
    OptionGdb,
    OptionValgrind,
    OptionHelp
};

static const struct option RunOptions[] = {
    {"set", required_argument, NULL, OptionSet},
    {"events", required_argument, NULL, OptionEvents},
    {"follow", required_argument, NULL, OptionFollow},
    {"tree", required_argument, NULL, OptionTree},
    {"processors", required_argument, NULL, OptionProcessors},
    {"strict", no_argument, NULL, OptionStrict},
    {"host", optional_argument, NULL, OptionHost},
    {"gdb", no_argument, NULL, OptionGdb},
    {"valgrind", no_argument, NULL, OptionValgrind},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, OptionHelp},
    {NULL, 0, NULL, 0},
};

static void
UseWrapper(CLI_CLIENT *Client, const char *const *Words)
{
    for (; *Words != NULL; Words++) {
        CliAppend(&Client->Wrapper, *Words);
    }
}

static void
UseValgrind(CLI_CLIENT *Client)
{
    static const char *const valgrind[] = {"valgrind", "--leak-check=full", "--error-exitcode=99",
                                           NULL};
    char suppressions[CLI_PATH_SIZE];

    UseWrapper(Client, valgrind);
    if (CliLocate(CliSuppressions, suppressions)) {
        CliAppend(&Client->Wrapper, CliFormat("--suppressions=%s", suppressions));
    }
}

/* Takes one option; 0, or the exit code after a message. */
static int
TakeOption(CLI_CLIENT *Client, int Option, char *Value)
{
    static const char *const gdb[] = {"gdb", "--args", NULL};
    switch (Option) {
    case OptionSet:
        if (!CliIsSetting(Value)) {
            return CliUsageError("run", "--set %s: write SERVICE\\VALUE=dword:1 or ...=text",
                                 Value);
        }
        CliAppend(&Client->Settings, Value);
        return 0;
    case OptionEvents:
        if (!CliIsEventSource(Value)) {
            return CliUsageError("run", "--events %s: say auto, bpf, perf, ptrace or off", Value);
        }
        Client->Events = Value;
        return 0;
    case OptionFollow:
        if (!CliSplit(Value, &Client->Follow) || Client->Follow.Count == 0) {
            return CliUsageError("run", "--follow: no command, or a quote that is not closed");
        }
        return 0;
    case OptionTree:
        if (!CliIsCount(Value)) {
            return CliUsageError("run", "--tree %s: not a process id", Value);
        }
        Client->Tree = Value;
        return 0;
    case OptionProcessors:
        if (!CliIsCount(Value)) {
            return CliUsageError("run", "--processors %s: not a number of processors", Value);
        }
        Client->Processors = Value;
        return 0;
    case OptionHost:
        Client->UseHost = 1;
        Client->Host = Value;
        return 0;
    case OptionStrict:
        Client->Strict = 1;
        return 0;
    case OptionGdb:
        UseWrapper(Client, gdb);
        return 0;
    case OptionValgrind:
        UseValgrind(Client);
        return 0;
    default:
        Client->Verbose = 1;
        return 0;
    }
}

/* Index of the first "--", or ArgumentCount: getopt would swallow it. */
static int
FindSeparator(int ArgumentCount, char **Arguments)
{
    for (int i = 1; i < ArgumentCount; i++) {
        if (strcmp(Arguments[i], "--") == 0) {
            return i;
        }
    }
    return ArgumentCount;
}

/* --host: the kernel is there already. Words: what comes before the "--", a socket at most. */
static int
RunWithHost(CLI_CLIENT *Client, char **Words, int Count, char **Arguments)
{
    if (Client->Settings.Count != 0 || Client->Follow.Count != 0 || Client->Events != NULL ||
        Client->Tree != NULL || Client->Processors != NULL || Client->Strict) {
        return CliUsageError("run", "--host: options of the kernel go to 'ntbox start'");
    }
    if (Count == 1 && Client->Host == NULL && Words[0][0] == '/') {
        Client->Host = Words[0];
    } else if (Count != 0) {
        return CliUsageError(
            "run", "--host takes no drivers: 'ntbox load %s' puts it into the host", Words[0]);
    }
    Client->Host = CliFindHostSocket(Client->Host);
    return Client->Host != NULL ? CliStart(Client, Arguments) : CLI_KERNEL;
}

int
CliRun(int ArgumentCount, char **Arguments)
{
    int separator = FindSeparator(ArgumentCount, Arguments);
    CLI_CLIENT client = {0};
    int option;

    opterr = 0;
    while ((option = getopt_long(separator, Arguments, ":v", RunOptions, NULL)) != -1) {
        int code;

        if (option == OptionHelp) {
            fputs(RunHelp, stdout);
            return 0;
        }
        if (option == ':') {
            return CliUsageError("run", "%s needs a value", Arguments[optind - 1]);
        }
        if (option == '?') {
            return CliUsageError("run", "no option '%s'", Arguments[optind - 1]);
        }
        code = TakeOption(&client, option, optarg);
        if (code != 0) {
            return code;
        }
    }
    if (separator == ArgumentCount) {
        return CliUsageError("run", "no '--': write the drivers, then --, then the client");
    }
    if (separator + 1 == ArgumentCount) {
        return CliUsageError("run", "no client after '--'");
    }
    if (client.UseHost) {
        return RunWithHost(&client, &Arguments[optind], separator - optind,
                           &Arguments[separator + 1]);
    }
    for (int i = optind; i < separator; i++) {
        if (!CliAddDriver(&client, Arguments[i])) {
            return CLI_KERNEL;
        }
    }
    return CliStart(&client, &Arguments[separator + 1]);
}
