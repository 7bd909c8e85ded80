/* SPDX-License-Identifier: MIT
 *
 * cli/host/command.c - ntbox status, list, load and unload
 */
#include "cli/host/host.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char StatusHelp[] =
    "Usage: ntbox status [--json] [--socket PATH]\n"
    "\n"
    "Tells which host runs, and what is in it.\n"
    "\n"
    "Exit status: 0, 1 not allowed, 2 wrong usage, 3 no host runs there.\n";

static const char ListHelp[] =
    "Usage: ntbox list [WHAT] [--json] [--socket PATH]\n"
    "\n"
    "Lists what there is in a host:\n"
    "\n"
    "  drivers   name, state, devices, pended requests, path (this is the default)\n"
    "  devices   name, driver, type, flags, open files, security descriptor\n"
    "  links     symbolic links, and where they lead\n"
    "  handles   of each client, then of the system: type, access, name\n"
    "  irps      requests that are with a driver: which, whose, for how long\n"
    "  memory    pool by tag\n"
    "  clients   processes: user, threads, handles, requests, shared memory\n"
    "\n"
    "  --json    one JSON object a line\n"
    "\n"
    "Exit status: 0, 1 not allowed, 2 wrong usage, 3 no host runs there.\n";

static const char LoadHelp[] =
    "Usage: ntbox load [--set 'SERVICE\\VALUE=dword:N']... [--socket PATH] DRIVER\n"
    "\n"
    "Loads a driver into a host. DRIVER is a path, or the name of a driver that comes with ntbox.\n"
    "--set puts a value into its service key first.\n"
    "\n"
    "Exit status: 0 it is loaded, 1 it is not, 2 wrong usage, 3 no host runs there, or no such\n"
    "file.\n";

static const char UnloadHelp[] =
    "Usage: ntbox unload [--socket PATH] NAME\n"
    "\n"
    "Unloads a driver by the name that 'ntbox list drivers' gives. No file of its devices may be\n"
    "open.\n"
    "\n"
    "Exit status: 0 it is unloaded, 1 it is not, 2 wrong usage, 3 no host runs there.\n";

typedef struct ARGUMENTS {
    const char *Command;
    const char *Help;
    const char *Socket;
    const char *Word; /* NULL: none */
    CLI_LIST Settings;
    int Json;
} ARGUMENTS;

/* 0, -1: the help was printed, or an exit code after a message. Options: the getopt string. */
static int
ReadArguments(ARGUMENTS *Read, const struct option *Options, int ArgumentCount, char **Arguments)
{
    int option;

    opterr = 0;
    while ((option = getopt_long(ArgumentCount, Arguments, ":", Options, NULL)) != -1) {
        switch (option) {
        case 's':
            Read->Socket = optarg;
            break;
        case 'j':
            Read->Json = 1;
            break;
        case 'v':
            if (!CliIsSetting(optarg)) {
                return CliUsageError(Read->Command,
                                     "--set %s: write SERVICE\\VALUE=dword:1 or ...=text", optarg);
            }
            CliAppend(&Read->Settings, optarg);
            break;
        case 'h':
            fputs(Read->Help, stdout);
            return -1;
        case ':':
            return CliUsageError(Read->Command, "%s needs a value", Arguments[optind - 1]);
        default:
            return CliUsageError(Read->Command, "no option '%s'", Arguments[optind - 1]);
        }
    }
    if (optind < ArgumentCount) {
        Read->Word = Arguments[optind++];
    }
    if (optind < ArgumentCount) {
        return CliUsageError(Read->Command, "'%s' is one word too many", Arguments[optind]);
    }
    return 0;
}

static const struct option ListOptions[] = {
    {"socket", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const struct option LoadOptions[] = {
    {"socket", required_argument, NULL, 's'},
    {"set", required_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const struct option UnloadOptions[] = {
    {"socket", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---- status ---- */

static unsigned long long
Number(const CLI_TABLE *Table, const char *Column)
{
    const char *cell = CliCell(Table, 0, Column);

    return cell != NULL ? strtoull(cell, NULL, 10) : 0;
}

static char *
Duration(unsigned long long Seconds)
{
    if (Seconds < 120) {
        return CliFormat("%llu s", Seconds);
    }
    if (Seconds < 120 * 60) {
        return CliFormat("%llu min", Seconds / 60);
    }
    return Seconds < 48 * 3600 ? CliFormat("%llu h", Seconds / 3600)
                               : CliFormat("%llu days", Seconds / 86400);
}

static void
PrintStatus(const CLI_TABLE *Table, const char *Path)
{
    printf("host      %llu, of %s, for %s, up for %s\n", Number(Table, "pid"),
           CliUserName((uid_t)Number(Table, "uid")),
           Number(Table, "system") != 0 ? "every user" : "that user alone",
           Duration(Number(Table, "uptime")));
    printf("socket    %s\n", Path);
    printf("log       %s\n", access(CliLogOf(Path), F_OK) == 0 ? CliLogOf(Path) : "-");
    printf("drivers   %llu, with %llu devices\n", Number(Table, "drivers"),
           Number(Table, "devices"));
    printf("clients   %llu, with %llu requests pended\n", Number(Table, "clients"),
           Number(Table, "irps"));
    printf("pool      %llu bytes in %llu blocks\n", Number(Table, "pool_bytes"),
           Number(Table, "pool_blocks"));
    if (Number(Table, "findings") != 0) {
        printf("findings  %llu thing%s left behind by drivers: see the log\n",
               Number(Table, "findings"), Number(Table, "findings") == 1 ? " was" : "s were");
    }
    if (Number(Table, "events_lost") != 0) {
        printf("events    %llu of the machine's were lost\n", Number(Table, "events_lost"));
    }
}

int
CliStatus(int ArgumentCount, char **Arguments)
{
    ARGUMENTS arguments = {.Command = "status", .Help = StatusHelp};
    int code = ReadArguments(&arguments, ListOptions, ArgumentCount, Arguments);
    CLI_ANSWER answer;
    CLI_TABLE table;

    if (code != 0) {
        return code == -1 ? 0 : code;
    }
    if (arguments.Word != NULL) {
        return CliUsageError("status", "'%s' is one word too many", arguments.Word);
    }
    code = CliAskAny(arguments.Socket, "status", &answer);
    if (code != 0) {
        return code;
    }
    CliReadTables(answer.Text, &table);
    CliAppend(&table.Columns, "socket");
    CliAppend(&table.Kinds, "");
    CliAppend(&table.Cells, answer.Path);
    if (arguments.Json) {
        CliPrintJson(&table);
    } else {
        PrintStatus(&table, answer.Path);
    }
    return 0;
}

/* ---- list ---- */

static int
IsKind(const char *Word)
{
    static const char *const kinds[] = {"drivers", "devices", "links",  "handles",
                                        "irps",    "memory",  "clients"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i], Word) == 0) {
            return 1;
        }
    }
    return 0;
}

int
CliList(int ArgumentCount, char **Arguments)
{
    ARGUMENTS arguments = {.Command = "list", .Help = ListHelp};
    int code = ReadArguments(&arguments, ListOptions, ArgumentCount, Arguments);
    const char *kind = arguments.Word != NULL ? arguments.Word : "drivers";
    CLI_ANSWER answer;
    CLI_TABLE table;

    if (code != 0) {
        return code == -1 ? 0 : code;
    }
    if (!IsKind(kind)) {
        return CliUsageError("list",
                             "no list '%s': say drivers, devices, links, handles, irps, memory or "
                             "clients",
                             kind);
    }
    code = CliAskAny(arguments.Socket, CliFormat("list" CLI_WORD_SEPARATOR "%s", kind), &answer);
    if (code != 0) {
        return code;
    }
    CliReadTables(answer.Text, &table);
    if (arguments.Json) {
        CliPrintJson(&table);
    } else {
        CliPrintColumns(&table);
    }
    return 0;
}

/* ---- load, unload ---- */

/* What the statuses mean that a loading or an unloading can end with. */
static const char *
Explain(int32_t Status)
{
    static const struct {
        uint32_t Status;
        const char *Text;
    } rows[] = {
        {0xC000000D, "a setting is not of the form SERVICE\\VALUE=dword:1 or ...=text"},
        {0xC0000034, "there is none of that name; 'ntbox list drivers' shows which there are"},
        {0xC000007B, "it is no driver for this machine; build it with 'ntbox cc --driver'"},
        {0xC0000263, "it needs what this kernel does not export"},
        {0xC000010E, "one of that name is loaded already; 'ntbox unload' it first"},
        {0x80000011, "a file of one of its devices is open; 'ntbox list handles' shows whose"},
        {0xC0000010, "it has no DriverUnload, so it stays until 'ntbox stop'"},
        {0xC0000184, "it is being loaded or unloaded just now"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((uint32_t)Status == rows[i].Status) {
            return rows[i].Text;
        }
    }
    return NULL;
}

/* Asks for a change; what the host says of it goes to standard error. */
static int
Change(const char *Given, const char *Command, const char *What)
{
    const char *reason;
    CLI_ANSWER answer;
    CLI_HOST host;
    off_t logEnd;
    int code = CliFindHost(Given, &host);

    if (code != 0) {
        return code;
    }
    logEnd = CliEndOfLog(CliLogOf(host.Path));
    code = CliAsk(&host, Command, &answer);
    CliShowLog(CliLogOf(host.Path), logEnd);
    close(host.Socket);
    if (code != 0) {
        return code;
    }
    if (answer.Status < 0) {
        reason = Explain(answer.Status);
        CliError("%s failed: status 0x%08X%s%s", What, (unsigned)answer.Status,
                 reason != NULL ? ": " : "", reason != NULL ? reason : "");
        return CLI_REFUSED;
    }
    return 0;
}

int
CliLoad(int ArgumentCount, char **Arguments)
{
    ARGUMENTS arguments = {.Command = "load", .Help = LoadHelp};
    int code = ReadArguments(&arguments, LoadOptions, ArgumentCount, Arguments);
    CLI_CLIENT client = {0};
    CLI_LIST words = {0};

    if (code != 0) {
        return code == -1 ? 0 : code;
    }
    if (arguments.Word == NULL) {
        return CliUsageError("load", "no driver");
    }
    if (!CliAddDriver(&client, arguments.Word)) {
        return CLI_KERNEL;
    }
    CliAppend(&words, "load");
    CliAppend(&words, client.Drivers.Items[0]);
    for (size_t i = 0; i < arguments.Settings.Count; i++) {
        CliAppend(&words, arguments.Settings.Items[i]);
    }
    return Change(arguments.Socket, CliJoin(&words, CLI_WORD_SEPARATOR),
                  CliFormat("loading %s", client.Drivers.Items[0]));
}

int
CliUnload(int ArgumentCount, char **Arguments)
{
    ARGUMENTS arguments = {.Command = "unload", .Help = UnloadHelp};
    int code = ReadArguments(&arguments, UnloadOptions, ArgumentCount, Arguments);

    if (code != 0) {
        return code == -1 ? 0 : code;
    }
    if (arguments.Word == NULL || strstr(arguments.Word, CLI_WORD_SEPARATOR) != NULL) {
        return CliUsageError("unload", "no driver's name");
    }
    return Change(arguments.Socket, CliFormat("unload" CLI_WORD_SEPARATOR "%s", arguments.Word),
                  CliFormat("unloading %s", arguments.Word));
}
