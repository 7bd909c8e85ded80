/* SPDX-License-Identifier: MIT
 *
 * cli/project/maker.h - building what projects say: jobs, what is up to date, what a driver needs
 */
#pragma once

#include "cli/project/project.h"

#include <sys/types.h>
#include <time.h>

#define CLI_BUILD_FAILED 1
#define CLI_BUILD_STUBS 4   /* --strict, and a driver needs exports that are stubs */
#define CLI_BUILD_REFUSED 5 /* a project that is not for WDM */

/* ---- jobs: commands that run beside each other ---- */

typedef struct CLI_JOB {
    const char *Title;  /* shown while it runs */
    CLI_LIST Command;   /* "cc" and its arguments, run in here; or a program and its */
    CLI_LIST Extra;     /* arguments that do not count for what is up to date */
    const char *Output; /* what it makes */
    const char *Stamp;  /* NULL: beside the output */
    const char *Inputs; /* a dependency file that it writes; NULL: Files are its inputs */
    CLI_LIST Files;
    int Code;              /* exit code, once it has run */
    struct timespec Start; /* when it began, on the clock of files */
    pid_t Process;
    int Messages; /* a file of what it printed */
} CLI_JOB;

/* Runs jobs that are not up to date, at most Parallel at once. How many ran; *Failed is set. */
size_t CliRunJobs(CLI_JOB **Jobs, size_t Count, unsigned Parallel, int Verbose, int *Failed);

/* ---- what is up to date ---- */

/*
 * A stamp beside the output tells the command and the size and time of each file that took part.
 * The output is up to date while all of these are as they were, older or newer.
 */
int CliIsCurrent(const CLI_JOB *Job);
/* After the job. A file that changed while it ran makes the output out of date at once. */
void CliWriteStamp(const CLI_JOB *Job);
/* The time that files written now get; 0 seconds when it cannot be told. */
struct timespec CliFileTime(const char *Folder);
/* Puts Text into a file unless that is what it has. 0 after a message. */
int CliWriteIfChanged(const char *Path, const char *Text);

/* ---- tracing ---- */

/* Makes the .tmh files that the sources include, below Folder. 0 after a message. */
int CliMakeTraceHeaders(const CLI_FILES *Files, CLI_PROJECT *Project, const char *Folder);

/* ---- symbols ---- */

/* The global symbols of an ELF file (the dynamic ones if it is linked). 0: it is none. */
int CliReadSymbols(const char *Path, CLI_LIST *Defined, CLI_LIST *Undefined);

typedef struct CLI_NEEDS {
    CLI_LIST Stubs;
    CLI_LIST Partial;
    CLI_LIST Unknown; /* by nobody defined; only for objects */
} CLI_NEEDS;

/* What the ELF files, a driver's, need of the kernel that is not all there. */
void CliFindNeeds(const CLI_LIST *Files, int AreObjects, CLI_NEEDS *Needs);

/* ---- the maker ---- */

typedef struct CLI_MAKE {
    const char *OutFolder;
    const char *Sanitizers; /* NULL: none */
    CLI_LIST Defines;
    CLI_LIST Includes;
    unsigned Parallel;
    int Check; /* no linking: what is needed, from the objects */
    int Strict;
    int Verbose;
    int Json;
} CLI_MAKE;

typedef struct CLI_UNIT {
    CLI_PROJECT *Project;
    const char *Objects; /* folder of its objects */
    char *Output;        /* NULL: nothing is built */
    CLI_JOB **Jobs;
    size_t JobCount;
    CLI_JOB *Link;
    size_t Compiled;
    int IsLinked; /* in this run */
    int Failed;
    int NeedsInstaller; /* a program that installs its driver itself */
    CLI_NEEDS Needs;
} CLI_UNIT;

/* Builds all; *Units are for the summary. Returns the exit code. */
int CliMakeAll(const CLI_MAKE *Make, CLI_PROJECT *First, CLI_UNIT **Units, size_t *Count);
/* The summary, and how to run it. */
void CliPrintSummary(const CLI_MAKE *Make, const CLI_UNIT *Units, size_t Count, int Code);
