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
    "Usage: ntbox exports [--json] [--implemented|--partial|--stubs] [NAME]\n"
    "\n"
    "Lists what the kernel exports to drivers: how much of it is there (full, partial, stub), the\n"
    "highest IRQL at which it may be called, its name and, where it is partial, what is missing "
    "or\n"
    "different. A stub stops a driver that calls it, by name; the filter manager is stubs alone.\n"
    "NAME picks the entries that have it in their name.\n"
    "\n"
    "  --implemented   what is full or partial only\n"
    "  --partial       what is partial only\n"
    "  --stubs         stubs only\n"
    "  --json          a JSON array\n"
    "  --help\n"
    "\n"
    "Exit status: 0; 1 when nothing was listed; 2 wrong usage.\n";

typedef struct CLI_EXPORT {
    const char *Name;
    const char *Library; /* "ntoskrnl", "fltmgr" and so on, as spec/README.md has them */
    const char *Status;  /* "full", "partial" or "stub" */
    const char *MaxIrql; /* "-": none is documented */
    const char *Note;    /* of what is partial */
} CLI_EXPORT;

static const CLI_EXPORT Exports[] = {
#include "exports.inc"
};

const char *
CliExportStatus(const char *Name)
{
    for (size_t i = 0; i < sizeof(Exports) / sizeof(Exports[0]); i++) {
        if (strcmp(Exports[i].Name, Name) == 0) {
            return Exports[i].Status;
        }
    }
    return NULL;
}

/* Wanted: a status, "implemented" for all but stubs, or NULL for all. */
static int
HasStatus(const CLI_EXPORT *Row, const char *Wanted)
{
    if (Wanted == NULL) {
        return 1;
    }
    if (strcmp(Wanted, "implemented") == 0) {
        return strcmp(Row->Status, "stub") != 0;
    }
    return strcmp(Row->Status, Wanted) == 0;
}

static void
PrintAsJson(const char *Before, const CLI_EXPORT *Row)
{
    printf(
        "%s\n  {\"name\": \"%s\", \"library\": \"%s\", \"status\": \"%s\", \"max_irql\": \"%s\", "
        "\"note\": \"",
        Before, Row->Name, Row->Library, Row->Status, Row->MaxIrql);
    for (const char *c = Row->Note; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            putchar('\\');
        }
        putchar(*c);
    }
    fputs("\"}", stdout);
}

static size_t
PrintExports(const char *Name, const char *Status, int Json)
{
    size_t shown = 0;

    for (size_t i = 0; i < sizeof(Exports) / sizeof(Exports[0]); i++) {
        const CLI_EXPORT *row = &Exports[i];

        if ((Name != NULL && strcasestr(row->Name, Name) == NULL) || !HasStatus(row, Status)) {
            continue;
        }
        if (Json) {
            PrintAsJson(shown != 0 ? "," : "[", row);
        } else {
            printf("%-7s  %-14s  %s%s%s\n", row->Status, row->MaxIrql, row->Name,
                   row->Note[0] != '\0' ? "  - " : "", row->Note);
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
        } else if (strcmp(Arguments[i], "--partial") == 0) {
            status = "partial";
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
