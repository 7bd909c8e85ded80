/* SPDX-License-Identifier: MIT
 *
 * cli/start.c - becoming the client: environment, debugger, exec
 *
 * The client is this process, not a child of it: signals, job control, exit code and a debugger
 * that follows exec need nothing. What it has to know is in its environment; the carrier in
 * libntbox.so reads it.
 */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
CliIsEventSource(const char *Value)
{
    static const char *const names[] = {"auto", "bpf", "perf", "ptrace", "off"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(Value, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

int
CliIsSetting(const char *Value)
{
    const char *backslash = strchr(Value, '\\');
    const char *equals = strchr(Value, '=');

    return backslash != NULL && equals != NULL && backslash > Value && equals > backslash + 1 &&
           strstr(Value, CLI_ITEM_SEPARATOR) == NULL;
}

int
CliIsCount(const char *Value)
{
    char *end;
    unsigned long number;

    if (Value[0] < '0' || Value[0] > '9') {
        return 0;
    }
    errno = 0;
    number = strtoul(Value, &end, 10);
    return errno == 0 && *end == '\0' && number > 0 && number <= INT_MAX;
}

int
CliAddDriver(CLI_CLIENT *Client, const char *Name)
{
    char path[CLI_PATH_SIZE];
    struct stat about;

    if (!CliLocateDriver(Name, path)) {
        CliError("driver %s: no such file; build it with 'ntbox cc --driver -o %s SOURCE.c'", Name,
                 Name);
        return 0;
    }
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode) || access(path, R_OK) != 0) {
        CliError("driver %s: not a file that can be read", path);
        return 0;
    }
    if (strchr(path, ':') != NULL) {
        CliError("driver %s: a driver's path cannot have ':' in it; rename its folder", path);
        return 0;
    }
    CliAppend(&Client->Drivers, CliFormat("%s", path));
    return 1;
}

/* Sets or, with NULL, removes a variable: nothing of an outer run may leak into this one. */
static void
SetVariable(const CLI_CLIENT *Client, const char *Name, const char *Value)
{
    if (Value == NULL) {
        unsetenv(Name);
        return;
    }
    if (setenv(Name, Value, 1) != 0) {
        CliError("cannot set %s: %s", Name, strerror(errno));
        exit(CLI_CANNOT_EXECUTE);
    }
    if (Client->Verbose) {
        CliError("%s=%s", Name, Value);
    }
}

static void
SetEnvironment(const CLI_CLIENT *Client)
{
    char kernel[CLI_PATH_SIZE];

    /* Without drivers, too: a host that happens to run is not what was asked for. */
    SetVariable(Client, "NTBOX_HOST", Client->UseHost ? Client->Host : "embedded");
    SetVariable(Client, "NTBOX_DRIVERS", CliJoin(&Client->Drivers, ":"));
    SetVariable(Client, "NTBOX_SETTINGS", CliJoin(&Client->Settings, CLI_ITEM_SEPARATOR));
    SetVariable(Client, "NTBOX_FOLLOW", CliJoin(&Client->Follow, CLI_ITEM_SEPARATOR));
    if (Client->Events != NULL) {
        SetVariable(Client, "NTBOX_EVENTS", Client->Events);
    }
    SetVariable(Client, "NTBOX_TREE", Client->Tree);
    if (Client->Processors != NULL) {
        SetVariable(Client, "NTBOX_PROCESSORS", Client->Processors);
    }
    if (Client->Strict) {
        SetVariable(Client, "NTBOX_STRICT", "1");
    }
    if (getenv("NTBOX_KERNEL") == NULL && CliLocate(CliKernel, kernel)) {
        SetVariable(Client, "NTBOX_KERNEL", kernel);
    }
}

int
CliStart(const CLI_CLIENT *Client, char **Arguments)
{
    CLI_LIST command = {0};
    int failure;

    for (size_t i = 0; i < Client->Wrapper.Count; i++) {
        CliAppend(&command, Client->Wrapper.Items[i]);
    }
    for (char **argument = Arguments; *argument != NULL; argument++) {
        CliAppend(&command, *argument);
    }
    SetEnvironment(Client);
    if (Client->Verbose) {
        CliError("exec %s", CliJoin(&command, " "));
    }
    fflush(NULL);
    execvp(command.Items[0], command.Items);
    failure = errno;
    if (failure == ENOENT) {
        CliError("%s: no such program%s", command.Items[0],
                 strchr(command.Items[0], '/') == NULL ? "; say ./NAME for one in this folder"
                                                       : "; build it with 'ntbox cc --client'");
        return CLI_NOT_FOUND;
    }
    CliError("%s: %s", command.Items[0], strerror(failure));
    return CLI_CANNOT_EXECUTE;
}
