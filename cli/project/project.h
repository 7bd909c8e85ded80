/* SPDX-License-Identifier: MIT
 *
 * cli/project/project.h - a project as its author left it, and what reads it
 *
 * Readers (.vcxproj, .sln, sources, a plain folder) make CLI_PROJECTs; the maker (maker.h) builds
 * them. A reader never fails halfway: what it cannot follow is a line in Errors or Notes, with the
 * file and the line that it is about.
 *
 * Invariants  P1  A path in a project is one that the host can open: found as Windows finds it,
 *                 relative to where the command was started if the project was named so.
 *             P2  Reading ends: text that grows beyond CLI_TEXT_LIMIT, and nesting, imports and
 *                 folders beyond their limits are errors.
 */
#pragma once

#include "cli/cli.h"

#define CLI_TEXT_LIMIT (1u << 20)
#define CLI_DEPTH_LIMIT 64u
#define CLI_FILE_LIMIT 1000u

/* ---- names and values; the case of names does not matter ---- */

typedef struct CLI_VALUE {
    const char *Name;
    const char *Text;
    int IsFixed; /* from the command line: the file cannot change it */
} CLI_VALUE;

typedef struct CLI_TABLE {
    CLI_VALUE *Rows;
    size_t Count;
    size_t Size;
} CLI_TABLE;

/* The value, or NULL. */
const char *CliGet(const CLI_TABLE *Table, const char *Name);
/* Sets a value unless it is fixed. */
void CliSet(CLI_TABLE *Table, const char *Name, const char *Text);
void CliSetFixed(CLI_TABLE *Table, const char *Name, const char *Text);

/* ---- projects ---- */

typedef enum CLI_KIND { CliKindNone, CliKindDriver, CliKindProgram, CliKindLibrary } CLI_KIND;

typedef struct CLI_SOURCE {
    const char *Path;
    const char *Language; /* "c" or "c++" against the file's ending; NULL: as it says */
    const char *Standard; /* of -std=, or NULL */
    int IsOptimized;
    CLI_LIST Defines;   /* NAME or NAME=VALUE */
    CLI_LIST Undefines; /* names */
    CLI_LIST Includes;  /* folders */
    CLI_LIST Forced;    /* files */
} CLI_SOURCE;

typedef struct CLI_PROJECT {
    struct CLI_PROJECT *Next;
    const char *File;   /* what it was read from */
    const char *Folder; /* of File, or the plain folder itself */
    const char *Name;
    const char *Configuration;
    const char *Target; /* name of what is built, without its ending */
    CLI_KIND Kind;
    int IsKernel;        /* compiled for the driver's side */
    const char *Refusal; /* why it cannot run here; NULL: it can */
    CLI_SOURCE *Sources;
    size_t SourceCount;
    size_t SourceSize;
    CLI_LIST Messages;     /* .mc files */
    CLI_LIST Traces;       /* names and signatures of trace functions: TraceEvents(LEVEL,MSG,...) */
    CLI_LIST TraceFiles;   /* files to look for more in */
    CLI_LIST TraceHeaders; /* .tmh names that are included, besides those that the sources show */
    CLI_LIST References;   /* project files whose libraries are linked */
    CLI_LIST LibraryFiles; /* names of .lib files that the linker is given */
    CLI_LIST Notes;
    CLI_LIST Errors;
} CLI_PROJECT;

CLI_PROJECT *CliNewProject(const char *File, const char *Folder, const char *Name);
/* A new source at Path. */
CLI_SOURCE *CliAddSource(CLI_PROJECT *Project, const char *Path);
/* A line for the user; the same line once. */
void CliNote(CLI_PROJECT *Project, const char *Format, ...) __attribute__((format(printf, 2, 3)));
void CliProjectError(CLI_PROJECT *Project, const char *Format, ...)
    __attribute__((format(printf, 2, 3)));
/* Refuses a driver that links a library of something which is not WDM. */
void CliJudgeLibraries(CLI_PROJECT *Project);
/* Takes /D, /U, /I, /FI and /std: (or with '-') out of a compiler's command line. */
void CliTakeOptions(CLI_PROJECT *Project, CLI_SOURCE *Source, const char *Options);
/* One item of a list of definitions: NAME or NAME=VALUE, \" as a quote. */
void CliTakeDefine(CLI_SOURCE *Source, const char *Text);

/* ---- where project files come from ---- */

/* The file system, or the fuzzer's. */
typedef struct CLI_FILES {
    /* The whole file, with a NUL behind it; NULL when it cannot be read. */
    char *(*Read)(const char *Path, size_t *Size);
    /* The path of a file or folder, as Windows finds it; NULL: there is none. */
    char *(*Find)(const char *Folder, const char *Name);
    /* The names in a folder, sorted; those of folders end in '/'. */
    void (*List)(const char *Folder, CLI_LIST *Names);
    /* The path from the root, as properties have it: "$(ProjectDir)..\\inc" must mean one place. */
    char *(*Absolute)(const char *Path);
} CLI_FILES;

extern const CLI_FILES CliHostFiles;
/* Tidy, and relative if it is below the current folder. */
char *CliHostPath(const char *Path);

/* ---- readers ---- */

typedef struct CLI_CHOICE {
    const char *Configuration; /* NULL: Debug, or what is like it */
    const char *Platform;      /* NULL: x64, or what there is */
    CLI_TABLE Properties;      /* of -p */
} CLI_CHOICE;

/*
 * Of List (NAME|PLATFORM each) the one that is meant: the user's; else Debug or what is like it,
 * and x64 or what there is. NULL: there is none.
 */
const char *CliChooseConfiguration(const CLI_LIST *List, const CLI_CHOICE *Choice);

/* A .vcxproj. Never NULL. */
CLI_PROJECT *CliReadVcxproj(const CLI_FILES *Files, const char *Path, const CLI_CHOICE *Choice);

/* A project of a solution. */
typedef struct CLI_MEMBER {
    const char *Path;
    const char *Id;            /* in a .sln, or NULL */
    const char *Configuration; /* of the project, in the solution's; NULL: it says nothing of it */
    const char *Platform;      /* with Configuration; NULL: what there is */
    int IsLeftOut;             /* not built in the solution's configuration */
} CLI_MEMBER;

typedef struct CLI_SOLUTION {
    CLI_MEMBER *Members;
    size_t Count;
    const char *Configuration; /* NAME|PLATFORM; NULL: it names none */
    CLI_LIST Notes;            /* projects of other kinds, and the like */
} CLI_SOLUTION;

/*
 * What a .sln or .slnx says of Choice's configuration (CliChooseConfiguration). *Error: a line when
 * it cannot be read, or has no such configuration.
 */
void CliReadSolution(const CLI_FILES *Files, const char *Path, const CLI_CHOICE *Choice,
                     CLI_SOLUTION *Solution, char **Error);
/* A WDK 7 `sources` file; a `dirs` file beside it is not read. Never NULL. */
CLI_PROJECT *CliReadSources(const CLI_FILES *Files, const char *Path, const CLI_CHOICE *Choice);
/* The folders that a `dirs` file names. */
void CliReadDirs(const CLI_FILES *Files, const char *Path, CLI_LIST *Folders, CLI_LIST *Notes);
/* A plain folder: a driver, programs, or both; a chain by Next. NULL: no sources there. */
CLI_PROJECT *CliReadFolder(const CLI_FILES *Files, const char *Folder, const CLI_CHOICE *Choice);
/*
 * Whatever Path is, as a chain by Next. NULL after a message; then *Code is the exit code.
 * *Folder is where the output belongs.
 */
CLI_PROJECT *CliReadProjects(const char *Path, const CLI_CHOICE *Choice, char **Folder, int *Code);

/* ---- XML ---- */

typedef struct CLI_XML {
    struct CLI_XML *First;
    struct CLI_XML *Last;
    struct CLI_XML *Next;
    struct CLI_XML *Imported; /* the document that this Import brought */
    const char *Name;
    const char **Attributes; /* name, value, ..., NULL */
    const char *File;
    char *Text; /* all character data directly in it; never NULL */
    size_t TextLength;
    size_t TextSize;
    int Line;
    int IsTaken; /* a When or Otherwise that was chosen; an Import that was followed */
} CLI_XML;

/* The document's root; NULL with *Error, a line. Document types and entities are refused. */
CLI_XML *CliParseXml(const char *File, const char *Text, size_t Size, char **Error);
const char *CliAttribute(const CLI_XML *Node, const char *Name);

/* ---- MSBuild's language ---- */

typedef struct CLI_ITEM {
    const char *Type;
    const char *Include;
    const char *File; /* that names it */
    int Line;
    CLI_TABLE Metadata;
} CLI_ITEM;

typedef struct CLI_EVALUATION {
    const CLI_FILES *Files;
    CLI_PROJECT *Project; /* for notes and errors */
    const char *Root;     /* folder of the project */
    CLI_TABLE Properties;
    CLI_TABLE *Definitions; /* metadata of a type */
    const char **DefinitionTypes;
    size_t DefinitionCount;
    CLI_ITEM **Items;
    size_t ItemCount;
    size_t ItemSize;
    CLI_LIST Open;     /* files that are being imported, outermost first */
    CLI_LIST Imported; /* all of them */
    /* Of what is being expanded: */
    const char *File;
    int Line;
    const CLI_TABLE *Metadata; /* NULL outside of items */
    const CLI_ITEM *Item;      /* NULL: not known yet, so Filename and the like stay as written */
} CLI_EVALUATION;

/* $(Name), %(Name) and @(Type) put in; %XX stays for CliUnescape. */
char *CliExpand(CLI_EVALUATION *Evaluation, const char *Text);
/* %XX, in place. */
char *CliUnescape(char *Text);
/* The items of a list with ';' between, trimmed, empty ones left out. */
void CliSplitList(const char *Text, CLI_LIST *List);
/* 1 or 0; an error in it is an error of the project, and 0. NULL and blanks: 1. */
int CliCondition(CLI_EVALUATION *Evaluation, const char *Text);
/* Evaluates Document: properties and imports, then definitions, then items. */
void CliEvaluate(CLI_EVALUATION *Evaluation, CLI_XML *Document);
/* Definition of Name for items of Type, or NULL. */
const char *CliDefinition(const CLI_EVALUATION *Evaluation, const char *Type, const char *Name);

/* ---- helpers ---- */

int CliHasEnding(const char *Text, const char *Ending); /* the case does not matter */
char *CliFolderOf(const char *Path);                    /* "." when there is none */
const char *CliBaseName(const char *Path);
/* "a/b.c" for "a" and "b.c"; folder "." adds nothing. */
char *CliJoinPath(const char *Folder, const char *Name);
/* Path without "." and "..": textually; never empty. */
char *CliTidyPath(const char *Path);
