/* SPDX-License-Identifier: MIT
 *
 * cli/cli.h - what the files of the ntbox command share
 */
#pragma once

#include <stddef.h>

/* Exit codes; the first two are env's and the shell's. */
#define CLI_CANNOT_EXECUTE 126
#define CLI_NOT_FOUND 127
#define CLI_USAGE 2
#define CLI_KERNEL 3 /* the kernel or a driver did not start */

#define CLI_PATH_SIZE 4096

/* Separates the items of a list in the environment; see user/ntdll/carrier.c. */
#define CLI_ITEM_SEPARATOR "\x1f"

/* ---- the commands: argv[0] is the command's name ---- */

int CliRun(int ArgumentCount, char **Arguments);
int CliMonitor(int ArgumentCount, char **Arguments);
int CliCompile(int ArgumentCount, char **Arguments);
int CliExports(int ArgumentCount, char **Arguments);
/* cli/host */
int CliStartHost(int ArgumentCount, char **Arguments);
int CliStopHost(int ArgumentCount, char **Arguments);
int CliStatus(int ArgumentCount, char **Arguments);
int CliList(int ArgumentCount, char **Arguments);
int CliLoad(int ArgumentCount, char **Arguments);
int CliUnload(int ArgumentCount, char **Arguments);
/* The socket of a host that runs, found as Given says (NULL: where it is found by itself); NULL
 * after a message. */
char *CliFindHostSocket(const char *Given);
int CliBuild(int ArgumentCount, char **Arguments);

/* ---- the kernel's exports ---- */

/* "stub", "partial", or what else the list says of an export; NULL: it is none. */
const char *CliExportStatus(const char *Name);

/* ---- messages ---- */

/* "ntbox: " and the text and a newline, to standard error. */
void CliError(const char *Format, ...) __attribute__((format(printf, 1, 2)));
/* The same, then how to get help; returns CLI_USAGE. Command NULL: of ntbox itself. */
int CliUsageError(const char *Command, const char *Format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- memory that cannot be had ends the program ---- */

void *CliAllocate(size_t Size);
char *CliFormat(const char *Format, ...) __attribute__((format(printf, 1, 2)));
/* Gives all of it back: for programs that go on with something else. */
void CliReleaseAll(void);

/* A growing, NULL-terminated list of strings. */
typedef struct CLI_LIST {
    char **Items;
    size_t Count;
    size_t Size;
} CLI_LIST;

void CliAppend(CLI_LIST *List, const char *Item); /* keeps the pointer */
/* The items with Separator between; NULL for none. */
char *CliJoin(const CLI_LIST *List, const char *Separator);
/*
 * Splits a command line as a shell does: blanks, quotes, backslashes; no expansions. 0 when a
 * quote is not closed.
 */
int CliSplit(const char *Text, CLI_LIST *List);

/* ---- where things are ---- */

typedef enum CLI_PLACE {
    CliKernel,        /* libntoskrnl.so */
    CliUserLibrary,   /* libntbox.so */
    CliRuntime,       /* libntcrt.so or .a */
    CliMainLibrary,   /* libntbox_main.a: main for programs that start at wmain */
    CliDriverLibrary, /* libntbox_klib.a: what drivers link statically on Windows */
    CliFlags,         /* the sdk's flags file */
    CliMonitorApp,    /* the monitor program */
    CliHostProgram,   /* ntboxd */
    CliTryCheck,      /* check-try.py */
    CliSourceAdapter, /* adapt-sources.py */
    CliSuppressions,  /* valgrind.supp */
    CliDriverFolder   /* where the drivers that come with ntbox are */
} CLI_PLACE;

/*
 * Finds a part of ntbox, in the build folder that this program runs from or in its install
 * prefix. 1: Path (CLI_PATH_SIZE bytes) is set; 0: there is none.
 */
int CliLocate(CLI_PLACE Place, char *Path);
/* A driver named on the command line: a path, or the name of one that comes with ntbox. */
int CliLocateDriver(const char *Name, char *Path);

/* ---- compiling ---- */

/* A source with __try or __except in it: it is compiled without optimization. */
int CliMentionsTry(const char *Path);

/* There is such a regular file. */
int CliIsFile(const char *Path);

/*
 * The file or folder below Folder that Name means as Windows reads it: either slash, any case, the
 * very name first. NULL: there is none.
 */
char *CliFindLoosely(const char *Folder, const char *Name);

/* Makes the folders of Path up to its last slash; a failure shows when the file is written. */
void CliMakeFolders(const char *Path);

/*
 * Makes files for #include names that are found only as Windows reads them (backslashes, any case),
 * and returns their folder; NULL when there are none. Command holds the -I and -isystem options.
 * Files receives the files that were read: the sources, and what of the user's own they include.
 * Traces receives the names of headers of trace statements (.tmh) that are nowhere.
 */
char *CliResolveIncludes(const CLI_LIST *Sources, const CLI_LIST *Command, CLI_LIST *Files,
                         CLI_LIST *Traces);

/*
 * Makes the headers of trace statements called Names, for Sources, and returns their folder; NULL:
 * it cannot. Files are searched for trace functions, as are project files beside the sources.
 */
char *CliMakeTraceFolder(const CLI_LIST *Sources, const CLI_LIST *Files, const CLI_LIST *Names);

/* The folder named Part of the user's cache; NULL: there is no cache. */
char *CliCacheFolder(const char *Part);
/*
 * Makes copies of sources, and of what they include, that our compilers cannot read, and puts them
 * into Command. Copies receives a file, its copy, a file, and so on.
 */
void CliAdaptSources(const CLI_LIST *Sources, CLI_LIST *Command, CLI_LIST *Copies);

/* Command has the compiler write a list of what it reads. */
int CliWritesDependencies(const CLI_LIST *Command);
/*
 * Runs the compiler, and puts the user's files into that list where it names copies. Returns the
 * compiler's exit code; -1 with errno when it cannot be started.
 */
int CliCompileCopies(CLI_LIST *Command, const CLI_LIST *Sources, const CLI_LIST *Copies);

/* ---- starting the client ---- */

typedef struct CLI_CLIENT {
    CLI_LIST Drivers;   /* absolute paths */
    CLI_LIST Settings;  /* SERVICE\VALUE=... */
    CLI_LIST Follow;    /* argv of a command whose processes are the machine's events */
    const char *Events; /* NULL: not said */
    const char *Tree;
    const char *Processors;
    const char *Host; /* UseHost: its socket; NULL: to be found */
    int UseHost;      /* nothing above counts: the kernel is another process */
    int Strict;
    int Verbose;
    CLI_LIST Wrapper; /* argv of gdb or valgrind, before the client's; may be empty */
} CLI_CLIENT;

/* Adds a driver; 0 after a message when there is no such file. */
int CliAddDriver(CLI_CLIENT *Client, const char *Name);
/* 1 when Value is SERVICE\VALUE=dword:NUMBER or SERVICE\VALUE=TEXT. */
int CliIsSetting(const char *Value);
/* 1 when Value is an event source. */
int CliIsEventSource(const char *Value);
/* 1 when Value is a decimal number from 1 to 2^31 - 1. */
int CliIsCount(const char *Value);
/* Sets the environment and becomes the client. Returns an exit code, after a message. */
int CliStart(const CLI_CLIENT *Client, char **Arguments);
