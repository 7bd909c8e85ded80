/* SPDX-License-Identifier: MIT
 *
 * cli/exports.c - ntbox exports: what the kernel exports to drivers
 *
 * The rows are made at build time from the list of Windows's exports and from what the kernel's
 * components define; see make-export-list.py.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char ExportsHelp[] =
    "Usage: ntbox exports [--json] [--implemented|--stubs] [NAME]\n"
    "\n"
    "Lists the functions that drivers can link: those that are implemented, and those that are\n"
    "stubs, which stop a driver that calls them, by name. NAME picks the entries that have it in\n"
    "their name.\n"
    "\n"
    "  --implemented   these only\n"
    "  --stubs         these only\n"
    "  --json          a JSON array\n"
    "  --help\n"
    "\n"
    "Exit status: 0; 1 when nothing was listed; 2 wrong usage.\n";

typedef struct CLI_EXPORT {
    const char *Name;
    const char *Status;  /* "implemented" or "stub" */
    const char *MaxIrql; /* documented, or "-" */
} CLI_EXPORT;

static const CLI_EXPORT Exports[] = {
#include "exports.inc"
};

static size_t
PrintExports(const char *Name, const char *Status, int Json)
{
    size_t shown = 0;

    for (size_t i = 0; i < sizeof(Exports) / sizeof(Exports[0]); i++) {
        const CLI_EXPORT *row = &Exports[i];

        if ((Name != NULL && strcasestr(row->Name, Name) == NULL) ||
            (Status != NULL && strcmp(Status, row->Status) != 0)) {
            continue;
        }
        if (Json) {
            printf("%s\n  {\"name\": \"%s\", \"status\": \"%s\", \"max_irql\": \"%s\"}",
                   shown != 0 ? "," : "[", row->Name, row->Status, row->MaxIrql);
        } else {
            printf("%-11s  %-15s  %s\n", row->Status, row->MaxIrql, row->Name);
        }
        shown++;
    }
    if (Json) {
        puts(shown != 0 ? "\n]" : "[]");
    }
    return shown;
}

int
CliExports(int ArgumentCount, char **Arguments)
{
    const char *status = NULL;
    const char *name = NULL;
    int json = 0;

    for (int i = 1; i < ArgumentCount; i++) {
        if (strcmp(Arguments[i], "--help") == 0) {
            fputs(ExportsHelp, stdout);
            return 0;
        }
        if (strcmp(Arguments[i], "--json") == 0) {
            json = 1;
        } else if (strcmp(Arguments[i], "--implemented") == 0) {
            status = "implemented";
        } else if (strcmp(Arguments[i], "--stubs") == 0) {
            status = "stub";
        } else if (Arguments[i][0] == '-') {
            return CliUsageError("exports", "no option '%s'", Arguments[i]);
        } else if (name != NULL) {
            return CliUsageError("exports", "one name only");
        } else {
            name = Arguments[i];
        }
    }
    if (PrintExports(name, status, json) == 0) {
        CliError("no export fits; 'ntbox exports' lists all of them");
        return 1;
    }
    return 0;
}
