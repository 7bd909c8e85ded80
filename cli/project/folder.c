/* SPDX-License-Identifier: MIT
 *
 * cli/project/folder.c - what to build for a path: a project file, what a folder has, or its
 * sources
 */
#include "cli/project/project.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- what a source defines ---- */

/* Behind a comment or a literal that begins at At; At itself when none does. */
static const char *
SkipQuoted(const char *At)
{
    const char *end;

    if (At[0] == '/' && At[1] == '/') {
        return At + strcspn(At, "\n");
    }
    if (At[0] == '/' && At[1] == '*') {
        end = strstr(At + 2, "*/");
        return end != NULL ? end + 2 : At + strlen(At);
    }
    if (*At != '"' && *At != '\'') {
        return At;
    }
    for (end = At + 1; *end != '\0' && *end != *At && *end != '\n'; end++) {
        end += *end == '\\' && end[1] != '\0';
    }
    return *end != '\0' ? end + 1 : end;
}

static const char *
SkipBlanks(const char *At)
{
    for (;;) {
        const char *next = SkipQuoted(At + strspn(At, " \t\r\n"));

        if (next == At) {
            return At;
        }
        At = next;
    }
}

/* A list of parameters and then a body begin at At. */
static int
IsDefinition(const char *At)
{
    int depth = 0;

    At = SkipBlanks(At);
    if (*At != '(') {
        return 0;
    }
    do {
        const char *next = SkipQuoted(At);

        if (next != At) {
            At = next;
            continue;
        }
        depth += *At == '(' ? 1 : *At == ')' ? -1 : 0;
        At++;
    } while (*At != '\0' && depth > 0);
    return *SkipBlanks(At) == '{';
}

/* Text, a source, defines the function Name. */
static int
Defines(const char *Text, const char *Name)
{
    size_t length = strlen(Name);

    while (*Text != '\0') {
        const char *next = SkipQuoted(Text);

        if (next != Text) {
            Text = next;
        } else if (isalnum((unsigned char)*Text) || *Text == '_') {
            size_t word = 0;

            while (isalnum((unsigned char)Text[word]) || Text[word] == '_') {
                word++;
            }
            if (word == length && memcmp(Text, Name, length) == 0 && IsDefinition(Text + word)) {
                return 1;
            }
            Text += word;
        } else {
            Text++;
        }
    }
    return 0;
}

static int
DefinesMain(const char *Text)
{
    static const char *const names[] = {"main",    "wmain",    "_tmain",
                                        "WinMain", "wWinMain", "_tWinMain"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (Defines(Text, names[i])) {
            return 1;
        }
    }
    return 0;
}

/* ---- a folder without a project ---- */

static int
IsSourceName(const char *Name)
{
    return CliHasEnding(Name, ".c") || CliHasEnding(Name, ".cpp") || CliHasEnding(Name, ".cc") ||
           CliHasEnding(Name, ".cxx");
}

static void
AddFolderSource(CLI_PROJECT *Project, const char *Path, int IsDebug)
{
    CLI_SOURCE *source = CliAddSource(Project, Path);

    source->IsOptimized = !IsDebug;
    CliAppend(&source->Includes, Project->Folder);
    if (Project->IsKernel) {
        CliAppend(&source->Defines, IsDebug ? "DBG=1" : "NDEBUG");
    } else if (IsDebug) {
        CliAppend(&source->Defines, "_DEBUG");
    }
}

static CLI_PROJECT *
NewFolderProject(const char *Folder, const char *Name, CLI_KIND Kind, const CLI_CHOICE *Choice)
{
    CLI_PROJECT *project = CliNewProject(Folder, Folder, Name);

    project->Kind = Kind;
    project->IsKernel = Kind == CliKindDriver;
    project->Configuration = Choice->Configuration != NULL ? Choice->Configuration : "Debug";
    return project;
}

static char *
NameOfFolder(const char *Folder)
{
    char *real = realpath(Folder, NULL);
    char *name = CliFormat("%s", CliBaseName(real != NULL ? real : Folder));

    free(real);
    return name;
}

typedef struct CLI_FOLDER {
    CLI_LIST Sources;
    CLI_LIST Messages;
    CLI_LIST Resources;
    CLI_LIST Mains; /* those of Sources that define main */
    int HasEntry;   /* one of them defines DriverEntry */
    int HasKmdf;    /* a source or header includes wdf.h */
} CLI_FOLDER;

/* Text has a line #include <wdf.h>, in either form. */
static int
IncludesKmdf(const char *Text)
{
    while (*Text != '\0') {
        const char *next = *Text == '/' ? SkipQuoted(Text) : Text;

        if (next != Text) {
            Text = next;
        } else if (*Text == '#') {
            Text += 1 + strspn(Text + 1, " \t");
            if (strncmp(Text, "include", 7) == 0) {
                Text += 7 + strspn(Text + 7, " \t");
                if ((*Text == '<' || *Text == '"') && strncasecmp(Text + 1, "wdf.h", 5) == 0 &&
                    (Text[6] == '>' || Text[6] == '"')) {
                    return 1;
                }
            }
        } else {
            Text++;
        }
    }
    return 0;
}

static void
ScanFolder(const CLI_FILES *Files, const char *Folder, CLI_FOLDER *Found)
{
    CLI_LIST names = {0};

    Files->List(Folder, &names);
    for (size_t i = 0; i < names.Count; i++) {
        char *path = CliJoinPath(Folder, names.Items[i]);
        size_t size = 0;
        char *text;

        if (CliHasEnding(path, ".mc")) {
            CliAppend(&Found->Messages, path);
        } else if (CliHasEnding(path, ".rc")) {
            CliAppend(&Found->Resources, path);
        }
        if (!IsSourceName(path) && !CliHasEnding(path, ".h")) {
            continue;
        }
        text = Files->Read(path, &size);
        Found->HasKmdf |= text != NULL && IncludesKmdf(text);
        if (!IsSourceName(path)) {
            continue;
        }
        CliAppend(&Found->Sources, path);
        if (text != NULL && DefinesMain(text)) {
            CliAppend(&Found->Mains, path);
        }
        Found->HasEntry |= text != NULL && Defines(text, "DriverEntry");
    }
}

CLI_PROJECT *
CliReadFolder(const CLI_FILES *Files, const char *Folder, const CLI_CHOICE *Choice)
{
    int isDebug = Choice->Configuration == NULL || strcasecmp(Choice->Configuration, "Debug") == 0;
    CLI_FOLDER found = {0};
    CLI_PROJECT *project;

    ScanFolder(Files, Folder, &found);
    if (found.Sources.Count == 0) {
        return NULL;
    }
    project = NewFolderProject(Folder, NameOfFolder(Folder),
                               found.HasEntry ? CliKindDriver : CliKindProgram, Choice);
    project->Messages = found.Messages;
    if (found.HasKmdf) {
        project->Refusal = "a KMDF driver (it includes wdf.h), and KMDF is not supported";
    }
    for (size_t i = 0; i < found.Resources.Count; i++) {
        CliNote(project, "%s: resources are left out", found.Resources.Items[i]);
    }
    for (size_t i = 0; i < found.Sources.Count; i++) {
        int isMain = 0;

        for (size_t k = 0; found.HasEntry && k < found.Mains.Count; k++) {
            isMain |= strcmp(found.Sources.Items[i], found.Mains.Items[k]) == 0;
        }
        if (!isMain) {
            AddFolderSource(project, found.Sources.Items[i], isDebug);
        }
    }
    /* Beside a driver, a source with a main is a program of its own. */
    for (size_t i = 0; found.HasEntry && i < found.Mains.Count; i++) {
        const char *base = CliBaseName(found.Mains.Items[i]);
        CLI_PROJECT *program = NewFolderProject(
            Folder, CliFormat("%.*s", (int)strcspn(base, "."), base), CliKindProgram, Choice);
        CLI_PROJECT *last = project;

        AddFolderSource(program, found.Mains.Items[i], isDebug);
        while (last->Next != NULL) {
            last = last->Next;
        }
        last->Next = program;
    }
    return project;
}

/* ---- whatever the user names ---- */

typedef struct CLI_FINDER {
    const CLI_CHOICE *Choice;
    const CLI_SOLUTION *Solution; /* that is being read, or NULL */
    CLI_PROJECT *First;
    CLI_PROJECT *Last;
    CLI_LIST Files; /* project files that have been read */
    CLI_LIST Notes; /* before there is a project to have them */
    unsigned Depth;
} CLI_FINDER;

static void
AddProjects(CLI_FINDER *Finder, CLI_PROJECT *Project)
{
    if (Finder->Last != NULL) {
        Finder->Last->Next = Project;
    } else {
        Finder->First = Project;
    }
    for (; Project != NULL; Project = Project->Next) {
        Finder->Last = Project;
    }
}

/* What the solution says of the project, or else the user's choice. */
static CLI_CHOICE
ChoiceOf(const CLI_FINDER *Finder, const char *Path)
{
    CLI_CHOICE choice = *Finder->Choice;

    for (size_t i = 0; Finder->Solution != NULL && i < Finder->Solution->Count; i++) {
        const CLI_MEMBER *member = &Finder->Solution->Members[i];

        if (member->Configuration != NULL && strcmp(CliHostPath(member->Path), Path) == 0) {
            choice.Configuration = member->Configuration;
            choice.Platform = member->Platform;
        }
    }
    return choice;
}

/* A .vcxproj, and those that it refers to before it. */
static void
AddVcxproj(CLI_FINDER *Finder, const char *Path)
{
    char *path = CliHostPath(Path);
    CLI_CHOICE choice = ChoiceOf(Finder, path);
    CLI_PROJECT *project;

    for (size_t i = 0; i < Finder->Files.Count; i++) {
        if (strcmp(Finder->Files.Items[i], path) == 0) {
            return;
        }
    }
    CliAppend(&Finder->Files, path);
    project = CliReadVcxproj(&CliHostFiles, path, &choice);
    if (Finder->Depth < CLI_DEPTH_LIMIT) {
        Finder->Depth++;
        for (size_t i = 0; i < project->References.Count; i++) {
            if (CliHasEnding(project->References.Items[i], ".vcxproj")) {
                AddVcxproj(Finder, project->References.Items[i]);
            }
        }
        Finder->Depth--;
    }
    AddProjects(Finder, project);
}

static int
AddSolution(CLI_FINDER *Finder, const char *Path)
{
    CLI_SOLUTION solution = {0};
    size_t built = 0;
    char *error;

    CliReadSolution(&CliHostFiles, Path, Finder->Choice, &solution, &error);
    if (error != NULL) {
        CliError("%s", error);
        return 1;
    }
    for (size_t i = 0; i < solution.Notes.Count; i++) {
        CliAppend(&Finder->Notes, solution.Notes.Items[i]);
    }
    Finder->Solution = &solution;
    for (size_t i = 0; i < solution.Count; i++) {
        if (solution.Members[i].IsLeftOut) {
            CliAppend(&Finder->Notes, CliFormat("%s: leaves %s out of %s", Path,
                                                solution.Members[i].Path, solution.Configuration));
        } else {
            AddVcxproj(Finder, solution.Members[i].Path);
            built++;
        }
    }
    Finder->Solution = NULL;
    if (built == 0) {
        CliError("%s: no C or C++ project in it%s%s", Path, solution.Count != 0 ? " for " : "",
                 solution.Count != 0 ? solution.Configuration : "");
        return 1;
    }
    return 0;
}

static int AddFolder(CLI_FINDER *Finder, const char *Folder);

static int
AddDirs(CLI_FINDER *Finder, const char *Path)
{
    CLI_LIST folders = {0};
    int code = 0;

    if (++Finder->Depth > 16) {
        CliError("%s: folders are nested too deeply", Path);
        return 1;
    }
    CliReadDirs(&CliHostFiles, Path, &folders, &Finder->Notes);
    for (size_t i = 0; i < folders.Count && code == 0; i++) {
        code = AddFolder(Finder, folders.Items[i]);
    }
    Finder->Depth--;
    return code;
}

/* The one file in Folder with that ending; NULL: none, or with *Code a message, more than one. */
static char *
OnlyFile(const char *Folder, const char *Ending, int *Code)
{
    CLI_LIST names = {0};
    CLI_LIST found = {0};

    CliHostFiles.List(Folder, &names);
    for (size_t i = 0; i < names.Count; i++) {
        if (CliHasEnding(names.Items[i], Ending)) {
            CliAppend(&found, CliJoinPath(Folder, names.Items[i]));
        }
    }
    if (found.Count > 1) {
        *Code = CliUsageError("build", "%s has more than one %s; name one: %s", Folder, Ending,
                              CliJoin(&found, ", "));
    }
    return found.Count == 1 ? found.Items[0] : NULL;
}

static int
AddFolder(CLI_FINDER *Finder, const char *Folder)
{
    static const char *const endings[] = {".sln", ".slnx", ".vcxproj"};
    CLI_PROJECT *project;
    int code = 0;
    char *path;

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        path = OnlyFile(Folder, endings[i], &code);
        if (code != 0) {
            return code;
        }
        if (path != NULL && i < 2) {
            return AddSolution(Finder, path);
        }
        if (path != NULL) {
            AddVcxproj(Finder, path);
            return 0;
        }
    }
    if ((path = CliHostFiles.Find(Folder, "dirs")) != NULL && CliIsFile(path)) {
        return AddDirs(Finder, path);
    }
    if ((path = CliHostFiles.Find(Folder, "sources")) != NULL && CliIsFile(path)) {
        AddProjects(Finder, CliReadSources(&CliHostFiles, path, Finder->Choice));
        return 0;
    }
    project = CliReadFolder(&CliHostFiles, Folder, Finder->Choice);
    if (project == NULL) {
        return CliUsageError("build",
                             "%s has no project (.sln, .vcxproj, sources) and no .c or "
                             ".cpp file",
                             Folder);
    }
    AddProjects(Finder, project);
    return 0;
}

static int
AddFile(CLI_FINDER *Finder, const char *Path)
{
    if (CliHasEnding(Path, ".sln") || CliHasEnding(Path, ".slnx")) {
        return AddSolution(Finder, Path);
    }
    if (CliHasEnding(Path, ".vcxproj")) {
        AddVcxproj(Finder, Path);
        return 0;
    }
    if (strcasecmp(CliBaseName(Path), "sources") == 0) {
        AddProjects(Finder, CliReadSources(&CliHostFiles, Path, Finder->Choice));
        return 0;
    }
    if (strcasecmp(CliBaseName(Path), "dirs") == 0) {
        return AddDirs(Finder, Path);
    }
    if (CliHasEnding(Path, ".vcproj") || CliHasEnding(Path, ".dsp")) {
        return CliUsageError("build", "%s: convert it to a .vcxproj first, or name its folder",
                             Path);
    }
    return CliUsageError("build", "%s: not a .vcxproj, .sln, .slnx, sources or dirs file", Path);
}

CLI_PROJECT *
CliReadProjects(const char *Path, const CLI_CHOICE *Choice, char **Folder, int *Code)
{
    CLI_FINDER finder = {.Choice = Choice};
    struct stat about;
    char *path = CliHostPath(Path);

    if (stat(path, &about) != 0) {
        *Code = CliUsageError("build", "%s: no such file or folder", Path);
        return NULL;
    }
    *Folder = S_ISDIR(about.st_mode) ? path : CliFolderOf(path);
    *Code = S_ISDIR(about.st_mode) ? AddFolder(&finder, path) : AddFile(&finder, path);
    if (*Code != 0) {
        return NULL;
    }
    for (size_t i = 0; i < finder.Notes.Count; i++) {
        CliNote(finder.First, "%s", finder.Notes.Items[i]);
    }
    return finder.First;
}
