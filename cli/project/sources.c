/* SPDX-License-Identifier: MIT
 *
 * cli/project/sources.c - `sources` and `dirs`, the files of the WDK up to version 7
 *
 * They are nmake's: NAME=VALUE, a line that ends in '\' goes on, '#' starts a comment, lines with
 * '!' are conditions and includes. Macros are kept as properties, so that CliExpand puts them in.
 */
#include "cli/project/project.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONDITION_LIMIT 32u

typedef struct CLI_MAKEFILE {
    CLI_EVALUATION Evaluation;
    int IsActive[CONDITION_LIMIT]; /* of each open !if: its lines count */
    int WasTaken[CONDITION_LIMIT]; /* of each open !if: one branch did */
    size_t Depth;
    unsigned Included;
} CLI_MAKEFILE;

static void ReadMakefile(CLI_MAKEFILE *File, const char *Path, char *Text);

/* ---- lines ---- */

static char *
TrimLine(char *Line)
{
    size_t length;

    Line += strspn(Line, " \t\r");
    length = strlen(Line);
    while (length != 0 && strchr(" \t\r", Line[length - 1]) != NULL) {
        Line[--length] = '\0';
    }
    return Line;
}

/* Ends the line where its comment begins; 1: the whole line is one. */
static int
CutComment(char *Line)
{
    for (char *at = Line; *at != '\0'; at++) {
        if (*at == '#' && (at == Line || at[-1] != '^')) {
            *at = '\0';
            return Line[strspn(Line, " \t\r")] == '\0';
        }
    }
    return 0;
}

/*
 * The next line, with those that continue it; *Text moves on, *Number counts. A line that is a
 * comment does not end a line that goes on.
 */
static char *
NextLine(char **Text, int *Number)
{
    CLI_LIST parts = {0};
    int goesOn = 1;

    while (goesOn && *Text != NULL) {
        char *line = *Text;
        size_t length;

        *Text = strchr(line, '\n');
        if (*Text != NULL) {
            *(*Text)++ = '\0';
        }
        ++*Number;
        if (CutComment(line) && parts.Count != 0) {
            continue;
        }
        line = TrimLine(line);
        length = strlen(line);
        goesOn = length != 0 && line[length - 1] == '\\';
        if (goesOn) {
            line[length - 1] = '\0';
        }
        CliAppend(&parts, line);
    }
    return parts.Count != 0 ? CliJoin(&parts, " ") : CliFormat("%s", "");
}

/* ---- conditions and includes ---- */

static int
IsActive(const CLI_MAKEFILE *File)
{
    for (size_t i = 0; i < File->Depth; i++) {
        if (!File->IsActive[i]) {
            return 0;
        }
    }
    return 1;
}

static void
OpenCondition(CLI_MAKEFILE *File, int Holds)
{
    if (File->Depth == CONDITION_LIMIT) {
        CliProjectError(File->Evaluation.Project, "%s:%d: !if is nested too deeply",
                        File->Evaluation.File, File->Evaluation.Line);
        return;
    }
    File->IsActive[File->Depth] = Holds;
    File->WasTaken[File->Depth] = Holds;
    File->Depth++;
}

/* The condition behind !if, !ifdef and !ifndef, or behind !else. */
static int
ReadCondition(CLI_MAKEFILE *File, const char *Word, const char *Rest)
{
    if (strcasecmp(Word, "ifdef") == 0 || strcasecmp(Word, "ifndef") == 0) {
        int isDefined = CliGet(&File->Evaluation.Properties, Rest) != NULL;

        return (Word[2] == 'd' || Word[2] == 'D') == isDefined;
    }
    return CliCondition(&File->Evaluation, Rest);
}

static void
Else(CLI_MAKEFILE *File, char *Rest)
{
    char *condition = Rest;
    size_t top = File->Depth - 1;
    int holds = 1;

    if (strncasecmp(Rest, "if", 2) == 0) {
        condition = Rest + strcspn(Rest, " \t(\"");
        holds = !File->WasTaken[top] &&
                ReadCondition(File, CliFormat("%.*s", (int)(condition - Rest), Rest),
                              TrimLine(condition));
    }
    File->IsActive[top] = holds && !File->WasTaken[top];
    File->WasTaken[top] |= File->IsActive[top];
}

static void
IncludeMakefile(CLI_MAKEFILE *File, char *Name)
{
    CLI_EVALUATION *evaluation = &File->Evaluation;
    CLI_PROJECT *project = evaluation->Project;
    const char *outer = evaluation->File;
    int line = evaluation->Line;
    char *expanded = CliExpand(evaluation, Name);
    size_t size = 0;
    char *path;
    char *text;

    if (expanded[0] == '"' || expanded[0] == '<') {
        expanded[strcspn(expanded + 1, "\">") + 1] = '\0';
        expanded++;
    }
    if (strncmp(expanded, "ntbox:", 6) == 0) {
        return;
    }
    path = evaluation->Files->Find(evaluation->Root, expanded);
    text = path != NULL ? evaluation->Files->Read(path, &size) : NULL;
    if (text == NULL || ++File->Included > CLI_DEPTH_LIMIT) {
        CliProjectError(project, "%s:%d: !include %s: %s", evaluation->File, evaluation->Line,
                        expanded, text == NULL ? "no such file" : "too many includes");
        return;
    }
    ReadMakefile(File, path, text);
    evaluation->File = outer;
    evaluation->Line = line;
}

/* A line with '!', without it. */
static void
Directive(CLI_MAKEFILE *File, char *Line)
{
    char *rest = Line + strcspn(Line, " \t(\"");
    char *word = CliFormat("%.*s", (int)(rest - Line), Line);

    rest = TrimLine(rest);
    if (strcasecmp(word, "if") == 0 || strcasecmp(word, "ifdef") == 0 ||
        strcasecmp(word, "ifndef") == 0) {
        OpenCondition(File, IsActive(File) && ReadCondition(File, word, rest));
    } else if (strncasecmp(word, "else", 4) == 0 || strcasecmp(word, "endif") == 0) {
        if (File->Depth == 0) {
            CliProjectError(File->Evaluation.Project, "%s:%d: !%s without !if",
                            File->Evaluation.File, File->Evaluation.Line, word);
        } else if (strcasecmp(word, "endif") == 0) {
            File->Depth--;
        } else {
            Else(File, word[4] != '\0' ? CliFormat("%s %s", word + 4, rest) : rest);
        }
    } else if (strcasecmp(word, "include") == 0 && IsActive(File)) {
        IncludeMakefile(File, rest);
    }
}

/* ---- macros ---- */

static void
Assign(CLI_MAKEFILE *File, char *Line)
{
    char *equals = strchr(Line, '=');
    char *value;

    if (equals == NULL || !(isalnum((unsigned char)Line[0]) || Line[0] == '_')) {
        return;
    }
    *equals = '\0';
    value = CliExpand(&File->Evaluation, TrimLine(equals + 1));
    CliSet(&File->Evaluation.Properties, TrimLine(Line), value);
}

static void
ReadMakefile(CLI_MAKEFILE *File, const char *Path, char *Text)
{
    int number = 0;

    while (Text != NULL) {
        int first = number + 1;
        char *line = TrimLine(NextLine(&Text, &number));

        File->Evaluation.File = Path;
        File->Evaluation.Line = first;
        if (line[0] == '!') {
            Directive(File, TrimLine(line + 1));
        } else if (IsActive(File)) {
            Assign(File, line);
        }
    }
}

static void
SetEnvironment(CLI_MAKEFILE *File, const CLI_CHOICE *Choice)
{
    static const char *const folders[] = {
        "NTMAKEENV",       "DDK_INC_PATH", "SDK_INC_PATH", "CRT_INC_PATH", "WDM_INC_PATH",
        "IFSKIT_INC_PATH", "DDK_LIB_PATH", "SDK_LIB_PATH", "BASEDIR",      "KMDF_INC_PATH"};
    CLI_TABLE *table = &File->Evaluation.Properties;
    int isDebug = Choice->Configuration == NULL || strcasecmp(Choice->Configuration, "Debug") == 0;

    for (size_t i = 0; i < Choice->Properties.Count; i++) {
        CliSetFixed(table, Choice->Properties.Rows[i].Name, Choice->Properties.Rows[i].Text);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        CliSet(table, folders[i], "ntbox:sdk");
    }
    CliSet(table, "AMD64", "1");
    CliSet(table, "_BUILDARCH", "amd64");
    CliSet(table, "TARGET_DIRECTORY", "amd64");
    CliSet(table, "DDKBUILDENV", isDebug ? "chk" : "fre");
    CliSet(table, "DDK_TARGET_OS", "Win7");
    CliSet(table, "_NT_TARGET_VERSION", "0x601");
    CliSet(table, "_NT_TARGET_VERSION_WIN7", "0x601");
    CliSet(table, "O", "ntbox:out");
    CliSet(table, "OBJ_PATH", "ntbox:out");
}

/* ---- the project ---- */

static const char *
Macro(const CLI_MAKEFILE *File, const char *Name)
{
    const char *value = CliGet(&File->Evaluation.Properties, Name);

    return value != NULL ? value : "";
}

/* The words of a macro, between blanks. */
static void
Words(const char *Text, CLI_LIST *List)
{
    while (*(Text += strspn(Text, " \t\r\n")) != '\0') {
        size_t length = strcspn(Text, " \t\r\n");

        CliAppend(List, CliFormat("%.*s", (int)length, Text));
        Text += length;
    }
}

static void
SetKind(CLI_MAKEFILE *File)
{
    CLI_PROJECT *project = File->Evaluation.Project;
    const char *type = Macro(File, "TARGETTYPE");
    const char *name = Macro(File, "TARGETNAME");
    CLI_LIST libraries = {0};

    if (name[0] != '\0' && strpbrk(name, "/\\") == NULL) {
        project->Target = name;
    }
    if (strcasecmp(type, "DRIVER") == 0 || strcasecmp(type, "MINIPORT") == 0) {
        project->Kind = CliKindDriver;
    } else if (strcasecmp(type, "PROGRAM") == 0) {
        project->Kind = CliKindProgram;
    } else if (strcasecmp(type, "DRIVER_LIBRARY") == 0 || strcasecmp(type, "LIBRARY") == 0) {
        project->Kind = CliKindLibrary;
    } else if (strcasecmp(type, "EXPORT_DRIVER") == 0 || strcasecmp(type, "DYNLINK") == 0) {
        project->Refusal =
            type[0] == 'D' || type[0] == 'd' ? "a DLL" : "an export driver (a DLL of the kernel)";
    } else if (strcasecmp(type, "NOTARGET") == 0) {
        CliNote(project, "%s: TARGETTYPE is NOTARGET, so there is nothing to build", project->File);
    } else {
        CliProjectError(project, "%s: TARGETTYPE '%s' is not known", project->File, type);
    }
    project->IsKernel = strncasecmp(type, "DRIVER", 6) == 0 || project->Kind == CliKindDriver;
    if (Macro(File, "KMDF_VERSION")[0] != '\0' || Macro(File, "KMDF_VERSION_MAJOR")[0] != '\0') {
        project->Refusal = "a KMDF driver";
    } else if (Macro(File, "UMDF_VERSION")[0] != '\0' ||
               Macro(File, "UMDF_VERSION_MAJOR")[0] != '\0') {
        project->Refusal = "a UMDF driver";
    }
    Words(Macro(File, "TARGETLIBS"), &libraries);
    for (size_t i = 0; i < libraries.Count; i++) {
        char *slash = strrchr(libraries.Items[i], '\\');

        CliAppend(&project->LibraryFiles,
                  slash != NULL ? slash + 1 : CliBaseName(libraries.Items[i]));
    }
    CliJudgeLibraries(project);
}

static void
TakeSettings(CLI_MAKEFILE *File, CLI_SOURCE *Source)
{
    CLI_EVALUATION *evaluation = &File->Evaluation;
    CLI_PROJECT *project = evaluation->Project;
    int isDebug = strcmp(Macro(File, "DDKBUILDENV"), "chk") == 0;
    CLI_LIST folders = {0};

    if (project->IsKernel) {
        CliAppend(&Source->Defines, isDebug ? "DBG=1" : "NDEBUG");
    }
    Source->IsOptimized = !isDebug;
    CliTakeOptions(project, Source, Macro(File, "C_DEFINES"));
    CliTakeOptions(project, Source, Macro(File, "USER_C_FLAGS"));
    CliSplitList(Macro(File, "INCLUDES"), &folders);
    for (size_t i = 0; i < Source->Includes.Count; i++) {
        CliAppend(&folders, Source->Includes.Items[i]);
    }
    Source->Includes.Count = 0;
    for (size_t i = 0; i < folders.Count; i++) {
        char *path = strncmp(folders.Items[i], "ntbox:", 6) != 0
                         ? evaluation->Files->Find(evaluation->Root, folders.Items[i])
                         : NULL;

        if (path != NULL) {
            CliAppend(&Source->Includes, path);
        } else if (strncmp(folders.Items[i], "ntbox:", 6) != 0) {
            CliNote(project, "%s: include folder %s is not there", project->File, folders.Items[i]);
        }
    }
}

static void
TakeFile(CLI_MAKEFILE *File, const char *Folder, const char *Name)
{
    CLI_PROJECT *project = File->Evaluation.Project;
    char *path = File->Evaluation.Files->Find(Folder, Name);

    if (CliHasEnding(Name, ".rc")) {
        CliNote(project, "%s: resources are left out", Name);
    } else if (CliHasEnding(Name, ".idl")) {
        CliNote(project, "%s: interfaces are not compiled (MIDL); make its header on Windows",
                Name);
    } else if (CliHasEnding(Name, ".asm") || CliHasEnding(Name, ".s")) {
        CliNote(project, "%s: assembler is not supported; leave it out or write it in C", Name);
    } else if (path == NULL) {
        CliProjectError(project, "%s: source %s: no such file", project->File, Name);
    } else if (CliHasEnding(Name, ".mc")) {
        CliAppend(&project->Messages, path);
    } else {
        TakeSettings(File, CliAddSource(project, path));
    }
}

static void
TakeTracing(CLI_MAKEFILE *File)
{
    CLI_PROJECT *project = File->Evaluation.Project;
    CLI_LIST words = {0};

    Words(Macro(File, "RUN_WPP"), &words);
    for (size_t i = 0; i < words.Count; i++) {
        const char *word = words.Items[i];
        char *path = NULL;

        if (strncasecmp(word, "-func:", 6) == 0) {
            CliAppend(&project->Traces, word + 6);
        } else if (strncasecmp(word, "-scan:", 6) == 0) {
            path = File->Evaluation.Files->Find(project->Folder, word + 6);
        }
        if (path != NULL) {
            CliAppend(&project->TraceFiles, path);
        }
    }
}

CLI_PROJECT *
CliReadSources(const CLI_FILES *Files, const char *Path, const CLI_CHOICE *Choice)
{
    char *folder = CliFolderOf(Path);
    const char *name = CliBaseName(folder);
    CLI_PROJECT *project = CliNewProject(Path, folder, strcmp(name, ".") == 0 ? "sources" : name);
    CLI_MAKEFILE file = {
        .Evaluation = {.Files = Files, .Project = project, .Root = folder, .File = Path}};
    size_t size = 0;
    char *text = Files->Read(Path, &size);
    CLI_LIST names = {0};

    project->Configuration = Choice->Configuration != NULL ? Choice->Configuration : "Debug";
    if (text == NULL) {
        CliProjectError(project, "%s: cannot be read", Path);
        return project;
    }
    SetEnvironment(&file, Choice);
    ReadMakefile(&file, Path, text);
    if (file.Depth != 0) {
        CliProjectError(project, "%s: an !if has no !endif", Path);
    }
    SetKind(&file);
    if (project->Kind == CliKindNone || project->Refusal != NULL) {
        return project;
    }
    TakeTracing(&file);
    Words(Macro(&file, "SOURCES"), &names);
    for (size_t i = 0; i < names.Count; i++) {
        TakeFile(&file, folder, names.Items[i]);
    }
    names.Count = 0;
    Words(Macro(&file, "AMD64_SOURCES"), &names);
    for (size_t i = 0; i < names.Count; i++) {
        TakeFile(&file, CliFormat("%s/amd64", folder), names.Items[i]);
    }
    if (project->SourceCount == 0 && project->Errors.Count == 0) {
        CliProjectError(project, "%s: SOURCES names no source", Path);
    }
    return project;
}

void
CliReadDirs(const CLI_FILES *Files, const char *Path, CLI_LIST *Folders, CLI_LIST *Notes)
{
    static const CLI_CHOICE choice;
    char *folder = CliFolderOf(Path);
    CLI_PROJECT *project = CliNewProject(Path, folder, "dirs");
    CLI_MAKEFILE file = {
        .Evaluation = {.Files = Files, .Project = project, .Root = folder, .File = Path}};
    size_t size = 0;
    char *text = Files->Read(Path, &size);
    CLI_LIST names = {0};

    if (text == NULL) {
        CliAppend(Notes, CliFormat("%s: cannot be read", Path));
        return;
    }
    SetEnvironment(&file, &choice);
    ReadMakefile(&file, Path, text);
    Words(Macro(&file, "DIRS"), &names);
    for (size_t i = 0; i < names.Count; i++) {
        char *name = names.Items[i];
        char *found;

        name[strcspn(name, "{")] = '\0'; /* the order in which they are built */
        found = Files->Find(folder, name);
        if (found != NULL) {
            CliAppend(Folders, found);
        } else {
            CliAppend(Notes, CliFormat("%s: folder %s is not there", Path, name));
        }
    }
    for (size_t i = 0; i < project->Errors.Count; i++) {
        CliAppend(Notes, project->Errors.Items[i]);
    }
}
