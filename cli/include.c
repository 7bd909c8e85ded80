/* SPDX-License-Identifier: MIT
 *
 * cli/include.c - #include names as Windows reads them: backslashes, and letters of any case
 *
 * The compiler looks for a file of exactly the name that is written. So the sources are read before
 * it, with what they include of their own; for each name that is not found as written, but is with
 * backslashes as slashes and without regard to case, a file of the written name is made that
 * includes the one meant. These files lie in the user's cache, in a folder named after all they
 * say, so that they stay right for dependency files and debuggers, and are found by -idirafter:
 * they never come before a file that the compiler finds itself.
 */
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct CLI_INCLUDES {
    CLI_LIST Folders; /* that are searched, in order */
    size_t OwnCount;  /* those of them whose files are read, too: all but -isystem */
    CLI_LIST Files;   /* read, or to be read */
    CLI_LIST Names;   /* as written */
    CLI_LIST Targets; /* the line that is meant, one a name */
    CLI_LIST *Traces; /* names of .tmh files that are not found at all */
} CLI_INCLUDES;

int
CliIsFile(const char *Path)
{
    struct stat about;

    return stat(Path, &about) == 0 && S_ISREG(about.st_mode);
}

static int
Contains(const CLI_LIST *List, const char *Item)
{
    for (size_t i = 0; i < List->Count; i++) {
        if (strcmp(List->Items[i], Item) == 0) {
            return 1;
        }
    }
    return 0;
}

/* ---- finding ---- */

/* The entry of Folder that is Name but for its case; the very name if it is there. NULL: none. */
static char *
FindEntry(const char *Folder, const char *Name)
{
    char *path = CliFormat("%s/%s", Folder, Name);
    struct stat about;
    struct dirent *entry;
    char *found = NULL;
    DIR *folder;

    if (stat(path, &about) == 0) {
        return path;
    }
    folder = opendir(Folder);
    while (folder != NULL && found == NULL && (entry = readdir(folder)) != NULL) {
        if (strcasecmp(entry->d_name, Name) == 0) {
            found = CliFormat("%s/%s", Folder, entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

char *
CliFindLoosely(const char *Folder, const char *Name)
{
    char *rest = CliFormat("%s", Name);
    char *path = CliFormat("%s", Folder);
    char *part;
    char *next;

    for (part = rest; part != NULL && path != NULL; part = next) {
        next = strpbrk(part, "\\/");
        if (next != NULL) {
            *next++ = '\0';
        }
        if (part[0] != '\0' && strcmp(part, ".") != 0) {
            path = FindEntry(path, part);
        }
    }
    return path;
}

/* The same, files only. */
static char *
FindFileLoosely(const char *Folder, const char *Name)
{
    char *path = CliFindLoosely(Folder, Name);

    return path != NULL && CliIsFile(path) ? path : NULL;
}

static void
AddFile(CLI_INCLUDES *Includes, const char *Path)
{
    if (!Contains(&Includes->Files, Path)) {
        CliAppend(&Includes->Files, Path);
    }
}

/* Name was not found as written: remembers what it means, if anything. */
static void
AddName(CLI_INCLUDES *Includes, const char *Name, const char *Target)
{
    for (size_t i = 0; i < Includes->Names.Count; i++) {
        if (strcmp(Includes->Names.Items[i], Name) == 0) {
            if (strcmp(Includes->Targets.Items[i], Target) != 0) {
                CliError("#include %s means two files; only %s is taken", Name,
                         Includes->Targets.Items[i]);
            }
            return;
        }
    }
    CliAppend(&Includes->Names, Name);
    CliAppend(&Includes->Targets, Target);
}

/* One #include of a file in Folder. */
static void
Resolve(CLI_INCLUDES *Includes, const char *Folder, const char *Name, int Quoted)
{
    char *path;

    /* As the compiler does it. */
    path = CliFormat("%s/%s", Folder, Name);
    if (Quoted && CliIsFile(path)) {
        AddFile(Includes, path);
        return;
    }
    for (size_t i = 0; i < Includes->Folders.Count; i++) {
        path = CliFormat("%s/%s", Includes->Folders.Items[i], Name);
        if (CliIsFile(path)) {
            if (i < Includes->OwnCount) {
                AddFile(Includes, path);
            }
            return;
        }
    }
    /* As Windows does it. */
    path = Quoted ? FindFileLoosely(Folder, Name) : NULL;
    if (path != NULL) {
        char *real = realpath(path, NULL);

        AddName(Includes, Name, CliFormat("\"%s\"", real != NULL ? real : path));
        free(real);
        AddFile(Includes, path);
        return;
    }
    for (size_t i = 0; i < Includes->Folders.Count; i++) {
        const char *folder = Includes->Folders.Items[i];

        path = FindFileLoosely(folder, Name);
        if (path != NULL) {
            /* By search, so that #include_next goes on behind that folder. */
            AddName(Includes, Name, CliFormat("<%s>", path + strlen(folder) + 1));
            if (i < Includes->OwnCount) {
                AddFile(Includes, path);
            }
            return;
        }
    }
    if (strlen(Name) > 4 && strcasecmp(Name + strlen(Name) - 4, ".tmh") == 0 &&
        !Contains(Includes->Traces, Name)) {
        CliAppend(Includes->Traces, Name);
    }
}

/* ---- reading ---- */

/* The name of an #include line, or NULL. */
static char *
NameOfLine(char *Line, int *Quoted)
{
    char *at = Line + strspn(Line, " \t");
    char *end;

    if (*at++ != '#') {
        return NULL;
    }
    at += strspn(at, " \t");
    if (strncmp(at, "include", 7) != 0) {
        return NULL;
    }
    at += 7;
    at += strspn(at, " \t");
    *Quoted = *at == '"';
    if (*at != '"' && *at != '<') {
        return NULL;
    }
    end = strpbrk(at + 1, *Quoted ? "\"\n" : ">\n");
    if (end == NULL || *end == '\n' || end == at + 1) {
        return NULL;
    }
    *end = '\0';
    return at + 1;
}

static void
ReadFile(CLI_INCLUDES *Includes, const char *Path)
{
    const char *slash = strrchr(Path, '/');
    char *folder = slash != NULL ? CliFormat("%.*s", (int)(slash - Path), Path) : CliFormat(".");
    FILE *file = fopen(Path, "r");
    char line[4096];
    int quoted;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *name = NameOfLine(line, &quoted);

        if (name != NULL && name[0] != '/') {
            Resolve(Includes, folder, CliFormat("%s", name), quoted);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* The folders that the options name: own ones first, as the compiler searches them. */
static void
CollectFolders(CLI_INCLUDES *Includes, const CLI_LIST *Command)
{
    static const char *const own[] = {"-iquote", "-I"};
    static const char *const system[] = {"-isystem"};

    for (int pass = 0; pass < 3; pass++) {
        const char *option = pass < 2 ? own[pass] : system[0];

        for (size_t i = 0; i < Command->Count; i++) {
            const char *item = Command->Items[i];

            if (strncmp(item, option, strlen(option)) != 0) {
                continue;
            }
            item += strlen(option);
            if (*item == '\0' && i + 1 < Command->Count) {
                item = Command->Items[++i];
            }
            CliAppend(&Includes->Folders, item);
        }
        Includes->OwnCount = pass < 2 ? Includes->Folders.Count : Includes->OwnCount;
    }
}

/* ---- writing ---- */

/* A folder name that no other set of names and targets has (FNV-1a, 64 bits). */
static uint64_t
HashNames(const CLI_INCLUDES *Includes)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < Includes->Names.Count; i++) {
        char *text = CliFormat("%s\n%s\n", Includes->Names.Items[i], Includes->Targets.Items[i]);

        for (; *text != '\0'; text++) {
            hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
        }
    }
    return hash;
}

void
CliMakeFolders(const char *Path)
{
    char *path = CliFormat("%s", Path);

    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
}

/* Whole or not at all: another compilation may be reading it. 0 with errno. */
static int
WriteName(const char *Path, const char *Target)
{
    char *temporary = CliFormat("%s.%d", Path, (int)getpid());
    FILE *file;
    int good;

    CliMakeFolders(Path);
    file = fopen(temporary, "w");
    if (file == NULL) {
        return 0;
    }
    good = fprintf(file, "/* Made by ntbox cc. */\n#include %s\n", Target) > 0;
    good = fclose(file) == 0 && good;
    return good && rename(temporary, Path) == 0;
}

char *
CliCacheFolder(const char *Part)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (cache != NULL && cache[0] == '/') {
        return CliFormat("%s/ntbox/%s", cache, Part);
    }
    return home != NULL && home[0] == '/' ? CliFormat("%s/.cache/ntbox/%s", home, Part) : NULL;
}

char *
CliResolveIncludes(const CLI_LIST *Sources, const CLI_LIST *Command, CLI_LIST *Files,
                   CLI_LIST *Traces)
{
    CLI_INCLUDES includes = {.Traces = Traces};
    char *folder = CliCacheFolder("include");

    CollectFolders(&includes, Command);
    for (size_t i = 0; i < Sources->Count; i++) {
        AddFile(&includes, Sources->Items[i]);
    }
    for (size_t i = 0; i < includes.Files.Count; i++) {
        ReadFile(&includes, includes.Files.Items[i]);
    }
    *Files = includes.Files;
    if (includes.Names.Count == 0 || folder == NULL) {
        return NULL;
    }
    folder = CliFormat("%s/%016llx", folder, (unsigned long long)HashNames(&includes));
    for (size_t i = 0; i < includes.Names.Count; i++) {
        char *path = CliFormat("%s/%s", folder, includes.Names.Items[i]);

        if (strstr(path, "/../") == NULL && !CliIsFile(path) &&
            !WriteName(path, includes.Targets.Items[i])) {
            CliError("%s: %s; #include %s will not be found: set XDG_CACHE_HOME to a folder that "
                     "can be written",
                     path, strerror(errno), includes.Names.Items[i]);
            return NULL;
        }
    }
    return folder;
}
