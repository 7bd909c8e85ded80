/* SPDX-License-Identifier: MIT
 *
 * cli/host/host.h - what the commands about a host share: start, stop, status, list, load, unload
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "cli/cli.h"

#define CLI_REFUSED 1  /* the host does not do it */
#define CLI_NO_HOST 3  /* none runs there */
#define CLI_FINDINGS 4 /* its drivers left something behind */
#define CLI_RUNNING 5  /* one runs there already */

#define CLI_WORD_SEPARATOR "\x1f" /* of a command's words; lpc/host.h */

/* ---- place.c: where a host's socket, log and lock are ---- */

/* Path as a Unix socket's name can be. 0, or an exit code after a message. */
int CliCheckSocketPath(const char *Path);
/* Where `ntbox start` puts the socket: Given, or the user's place, or the system's. */
char *CliChooseSocket(const char *Given, int IsSystem);
/* Where the other commands look: Given alone, or NTBOX_HOST, or the user's and the system's. */
void CliListSockets(const char *Given, CLI_LIST *Sockets);
/*
 * Makes the socket's folder, or finds that nobody else could put anything there. 0, or an exit code
 * after a message.
 */
int CliPrepareFolder(const char *Socket, int IsSystem);
char *CliLogOf(const char *Socket);
char *CliLockOf(const char *Socket);
/* The process that keeps the host at Socket running (supervise.c); 0: none. */
pid_t CliFindSupervisor(const char *Socket);

/* ---- log.c ---- */

/* Where the log ends now; 0: there is none. */
off_t CliEndOfLog(const char *Log);
/* Writes what was added behind From to standard error; how many bytes that were. */
size_t CliShowLog(const char *Log, off_t From);

/* ---- control.c ---- */

typedef struct CLI_ANSWER {
    char *Text; /* whole lines, NUL-terminated */
    int32_t Status;
    uint32_t Value;
    int IsWhole; /* the host has answered to the end */
    char *Path;  /* its socket */
} CLI_ANSWER;

typedef struct CLI_HOST {
    int Socket;
    char *Path;
    pid_t ProcessId;
} CLI_HOST;

/* The host at Path. 0; ENOENT: none is there; else another errno value, after a message. */
int CliConnect(const char *Path, CLI_HOST *Host);
/* The first host that runs at one of the places. 0, or an exit code after a message. */
int CliFindHost(const char *Given, CLI_HOST *Host);
/* Asks and reads the answer. 0, or an exit code after a message: then the host is gone. */
int CliAsk(const CLI_HOST *Host, const char *Command, CLI_ANSWER *Answer);
/* The same with a host to be found; a refusal is an exit code after a message, too. */
int CliAskAny(const char *Given, const char *Command, CLI_ANSWER *Answer);

/* ---- supervise.c ---- */

/*
 * Runs Command, and again when it was killed; Ready is told when it is up for the first time.
 * Returns an exit code: the host's last one.
 */
int CliSupervise(char **Command, const char *Socket, int Ready);

/* ---- table.c ---- */

typedef struct CLI_TABLE {
    CLI_LIST Columns;
    CLI_LIST Kinds; /* of the columns: "n" number, "b" 0 or 1, "" text */
    CLI_LIST Cells; /* row by row */
} CLI_TABLE;

/* The tables of an answer, one row of each, put side by side; or the rows of the only table. */
void CliReadTables(const char *Text, CLI_TABLE *Table);
/* The cell in that column of a row; NULL: there is no such column or row. */
const char *CliCell(const CLI_TABLE *Table, size_t Row, const char *Column);
size_t CliRowCount(const CLI_TABLE *Table);
void CliPrintJson(const CLI_TABLE *Table);
/* Aligned, with a line of column names. */
void CliPrintColumns(const CLI_TABLE *Table);
/* Text for a terminal: control characters become '?'. */
char *CliPrintable(const char *Text);
/* The name of a user, or its number. */
char *CliUserName(uid_t UserId);
