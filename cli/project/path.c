/* SPDX-License-Identifier: MIT
 *
 * cli/project/path.c - paths, and the file system as project readers see it
 */
#include "cli/project/project.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

int
CliHasEnding(const char *Text, const char *Ending)
{
    size_t length = strlen(Text);
    size_t wanted = strlen(Ending);

    return length >= wanted && strcasecmp(Text + length - wanted, Ending) == 0;
}

char *
CliFolderOf(const char *Path)
{
    const char *slash = strrchr(Path, '/');

    if (slash == NULL) {
        return CliFormat(".");
    }
    return slash == Path ? CliFormat("/") : CliFormat("%.*s", (int)(slash - Path), Path);
}

const char *
CliBaseName(const char *Path)
{
    const char *slash = strrchr(Path, '/');

    return slash != NULL ? slash + 1 : Path;
}

char *
CliJoinPath(const char *Folder, const char *Name)
{
    if (strcmp(Folder, ".") == 0 || Name[0] == '/') {
        return CliFormat("%s", Name);
    }
    return CliFormat("%s%s%s", Folder, Folder[strlen(Folder) - 1] == '/' ? "" : "/", Name);
}

/* The last part of a path that is being put together, without its slash; NULL: there is none. */
static char *
LastPart(char *Path)
{
    char *slash = strrchr(Path, '/');

    if (Path[0] == '\0' || strcmp(Path, "/") == 0) {
        return NULL;
    }
    return slash != NULL ? slash + 1 : Path;
}

char *
CliTidyPath(const char *Path)
{
    char *result = CliAllocate(strlen(Path) + 2);
    char *rest = CliFormat("%s", Path);
    char *next;

    strcpy(result, Path[0] == '/' ? "/" : "");
    for (char *part = rest; part != NULL; part = next) {
        char *last = LastPart(result);

        next = strchr(part, '/');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (part[0] == '\0' || strcmp(part, ".") == 0) {
            continue;
        }
        if (strcmp(part, "..") == 0 && last != NULL && strcmp(last, "..") != 0) {
            last[last > result + 1 ? -1 : 0] = '\0';
            continue;
        }
        if (strcmp(part, "..") == 0 && last == NULL && result[0] == '/') {
            continue;
        }
        strcat(strcat(result, last != NULL ? "/" : ""), part);
    }
    if (result[0] == '\0') {
        strcpy(result, ".");
    }
    return result;
}

/* ---- the host's files ---- */

static char *
ReadHostFile(const char *Path, size_t *Size)
{
    struct stat about;
    char *text = NULL;
    FILE *file;

    if (stat(Path, &about) != 0 || !S_ISREG(about.st_mode) ||
        about.st_size > (off_t)CLI_TEXT_LIMIT * 64) {
        return NULL;
    }
    file = fopen(Path, "rb");
    if (file == NULL) {
        return NULL;
    }
    text = CliAllocate((size_t)about.st_size + 1);
    *Size = fread(text, 1, (size_t)about.st_size, file);
    fclose(file);
    return text;
}

static char *
AbsoluteHostPath(const char *Path)
{
    char folder[CLI_PATH_SIZE];

    if (Path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL) {
        return CliTidyPath(Path);
    }
    return CliTidyPath(CliFormat("%s/%s", folder, Path));
}

char *
CliHostPath(const char *Path)
{
    char *path = CliTidyPath(Path);
    char *here = AbsoluteHostPath(".");
    size_t length = strlen(here);

    if (strcmp(path, here) == 0) {
        return CliFormat(".");
    }
    if (length > 1 && strncmp(path, here, length) == 0 && path[length] == '/') {
        return path + length + 1;
    }
    return path;
}

static char *
FindHostFile(const char *Folder, const char *Name)
{
    char *path;

    if (Name[0] != '\0' && Name[1] == ':') {
        return NULL; /* on a drive */
    }
    if (Name[0] == '/' || Name[0] == '\\') {
        path = CliFindLoosely("/", Name + 1);
    } else {
        path = CliFindLoosely(Folder, Name);
    }
    return path != NULL ? CliHostPath(path) : NULL;
}

static void
ListHostFolder(const char *Folder, CLI_LIST *Names)
{
    struct dirent **entries;
    int count = scandir(Folder, &entries, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        struct stat about;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            stat(CliFormat("%s/%s", Folder, name), &about) == 0) {
            CliAppend(Names, CliFormat("%s%s", name, S_ISDIR(about.st_mode) ? "/" : ""));
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}

const CLI_FILES CliHostFiles = {ReadHostFile, FindHostFile, ListHostFolder, AbsoluteHostPath};
