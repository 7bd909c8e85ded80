/* SPDX-License-Identifier: MIT
 *
 * cli/project/stamp.c - what is up to date: OUTPUT.stamp has the command, then "SIZE TIME PATH"
 * lines
 *
 * The first file is the output itself. Times are compared for being the same, not for being newer:
 * a checkout of an older version rebuilds too.
 */
#include "cli/project/maker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *
StampOf(const CLI_JOB *Job)
{
    return CliFormat("%s", Job->Stamp != NULL ? Job->Stamp : CliFormat("%s.stamp", Job->Output));
}

/* The command on one line. */
static char *
CommandOf(const CLI_JOB *Job)
{
    char *command = CliJoin(&Job->Command, "\x1f");

    for (char *at = command; *at != '\0'; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
    return command;
}

/* NULL: there is no such file. */
static char *
DescribeFile(const char *Path, struct timespec *Time)
{
    struct stat about;

    if (stat(Path, &about) != 0) {
        return NULL;
    }
    if (Time != NULL) {
        *Time = about.st_mtim;
    }
    return CliFormat("%lld %lld.%09ld %s", (long long)about.st_size,
                     (long long)about.st_mtim.tv_sec, (long)about.st_mtim.tv_nsec, Path);
}

static int
IsSameFile(char *Line)
{
    char *path = strchr(Line, ' ');
    char *now;

    path = path != NULL ? strchr(path + 1, ' ') : NULL;
    now = path != NULL ? DescribeFile(path + 1, NULL) : NULL;
    return now != NULL && strcmp(now, Line) == 0;
}

int
CliIsCurrent(const CLI_JOB *Job)
{
    size_t size = 0;
    char *text = CliHostFiles.Read(StampOf(Job), &size);
    char *next;
    unsigned lines = 0;

    if (text == NULL) {
        return 0;
    }
    for (char *line = text; line != NULL && *line != '\0'; line = next, lines++) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (lines == 0 ? strcmp(line, CommandOf(Job)) != 0 : !IsSameFile(line)) {
            return 0;
        }
    }
    return lines > 1;
}

static int
IsInCache(const char *Path, const char *Part)
{
    const char *folder = CliCacheFolder(Part);

    return folder != NULL && strncmp(Path, folder, strlen(folder)) == 0 &&
           Path[strlen(folder)] == '/';
}

/*
 * Files that ntbox cc makes on the way are no inputs. A copy of a source stands for the source,
 * which its first line names: #line 1 "PATH"
 */
static void
AddInput(CLI_LIST *Files, char *Path)
{
    char line[CLI_PATH_SIZE];
    char *start;
    FILE *file;

    if (IsInCache(Path, "include")) {
        return;
    }
    if (!IsInCache(Path, "adapted")) {
        CliAppend(Files, Path);
        return;
    }
    file = fopen(Path, "r");
    if (file == NULL) {
        return;
    }
    if (fgets(line, sizeof(line), file) != NULL && strncmp(line, "#line 1 \"", 9) == 0) {
        start = line + 9;
        start[strcspn(start, "\"\n")] = '\0';
        CliAppend(Files, CliFormat("%s", start));
    }
    fclose(file);
}

/* The files in a rule that the compiler wrote: "OUT: A B\<newline> C". */
static void
ReadRule(const char *Path, CLI_LIST *Files)
{
    size_t size = 0;
    char *text = CliHostFiles.Read(Path, &size);
    char *at = text != NULL ? strstr(text, ": ") : NULL;

    if (at == NULL) {
        return;
    }
    for (at++; *at != '\0';) {
        char *name = CliAllocate(strlen(at) + 1);
        size_t length = 0;

        at += strspn(at, " \t\r\n");
        if (*at == '\\' && (at[1] == '\n' || at[1] == '\r')) {
            at++;
            continue;
        }
        for (; *at != '\0' && strchr(" \t\r\n", *at) == NULL; at++) {
            if ((*at == '\\' && strchr(" #\\:", at[1]) != NULL && at[1] != '\0') ||
                (*at == '$' && at[1] == '$')) {
                at++;
            }
            name[length++] = *at;
        }
        if (length != 0) {
            AddInput(Files, name);
        }
    }
}

static int
IsAfter(struct timespec Left, struct timespec Right)
{
    return Left.tv_sec > Right.tv_sec ||
           (Left.tv_sec == Right.tv_sec && Left.tv_nsec > Right.tv_nsec);
}

void
CliWriteStamp(const CLI_JOB *Job)
{
    char *path = StampOf(Job);
    CLI_LIST files = {0};
    CLI_LIST lines = {0};
    struct timespec time;
    FILE *file;

    (void)unlink(path);
    for (size_t i = 0; i < Job->Files.Count; i++) {
        CliAppend(&files, Job->Files.Items[i]);
    }
    if (Job->Inputs != NULL) {
        ReadRule(Job->Inputs, &files);
        if (files.Count == Job->Files.Count) {
            return;
        }
    }
    CliAppend(&lines, CommandOf(Job));
    CliAppend(&lines, DescribeFile(Job->Output, NULL));
    if (lines.Items[1] == NULL) {
        return;
    }
    for (size_t i = 0; i < files.Count; i++) {
        char *line = DescribeFile(files.Items[i], &time);

        if (line == NULL || (Job->Start.tv_sec != 0 && IsAfter(time, Job->Start))) {
            return; /* it changed meanwhile: nobody knows which of it was read */
        }
        CliAppend(&lines, line);
    }
    file = fopen(path, "w");
    if (file != NULL) {
        fputs(CliJoin(&lines, "\n"), file);
        fclose(file);
    }
}

struct timespec
CliFileTime(const char *Folder)
{
    char *path = CliFormat("%s/.now.%d", Folder, (int)getpid());
    struct timespec time = {0};
    struct stat about;
    FILE *file = fopen(path, "w");

    if (file != NULL) {
        if (fstat(fileno(file), &about) == 0) {
            time = about.st_mtim;
        }
        fclose(file);
        (void)unlink(path);
    }
    return time;
}

int
CliWriteIfChanged(const char *Path, const char *Text)
{
    char *temporary = CliFormat("%s.%d", Path, (int)getpid());
    size_t size = 0;
    char *old = CliHostFiles.Read(Path, &size);
    FILE *file;
    int good;

    if (old != NULL && strcmp(old, Text) == 0) {
        return 1;
    }
    CliMakeFolders(Path);
    /* Whole or not at all: a compiler that runs beside us may be reading it. */
    file = fopen(temporary, "w");
    good = file != NULL && fputs(Text, file) >= 0;
    good = file != NULL && fclose(file) == 0 && good && rename(temporary, Path) == 0;
    if (!good) {
        CliError("%s: %s", Path, strerror(errno));
    }
    return good;
}
