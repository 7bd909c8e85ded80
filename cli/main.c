/* SPDX-License-Identifier: MIT
 *
 * cli/main.c - the ntbox command: picks the command named first
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char MainHelp[] =
    "Usage: ntbox COMMAND [ARGUMENTS]\n"
    "\n"
    "Runs Windows kernel drivers as ordinary Linux processes.\n"
    "\n"
    "  run DRIVER... -- CLIENT [ARGS]   load drivers, then run a program that talks to them\n"
    "  monitor [OPTIONS] [-- COMMAND]   watch processes start, end and load images\n"
    "  start [OPTIONS] [DRIVER...]      start a host: a kernel for many programs, in the "
    "background\n"
    "  stop, status                     end it; what runs, and what is in it\n"
    "  list [WHAT]                      its drivers, devices, links, handles, irps, memory, "
    "clients\n"
    "  load DRIVER, unload NAME         change its drivers\n"
    "  build [PATH]                     build a Visual Studio or WDK project, or a folder\n"
    "  cc --driver|--client [GCC ARGS]  compile and link Windows sources\n"
    "  exports [NAME]                   what the kernel exports to drivers\n"
    "\n"
    "  --help, --version\n"
    "\n"
    "'ntbox COMMAND --help' tells about one command; 'man ntbox' about all of it.\n";

static const struct {
    const char *Name;
    int (*Main)(int ArgumentCount, char **Arguments);
} Commands[] = {
    {"run", CliRun},         {"monitor", CliMonitor}, {"build", CliBuild},   {"cc", CliCompile},
    {"exports", CliExports}, {"start", CliStartHost}, {"stop", CliStopHost}, {"status", CliStatus},
    {"list", CliList},       {"load", CliLoad},       {"unload", CliUnload},
};

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (name == NULL) {
        fputs(MainHelp, stderr);
        return CLI_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        fputs(MainHelp, stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        puts("ntbox " NTBOX_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof(Commands) / sizeof(Commands[0]); i++) {
        if (strcmp(name, Commands[i].Name) == 0) {
            return Commands[i].Main(argc - 1, argv + 1);
        }
    }
    return CliUsageError(NULL, "no command '%s'", name);
}
