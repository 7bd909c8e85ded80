/* SPDX-License-Identifier: MIT
 *
 * cli/depend.c - dependency files (-MD and its like) that name the user's files
 *
 * The compiler reads copies of some files (adapt.c) and names these in what it writes for make;
 * here it is run, and in what it wrote each copy becomes the file that it is a copy of. A list that
 * the compiler would print goes through a file, too.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct CLI_DEPENDENCIES {
    const CLI_LIST *Sources;
    const CLI_LIST *Copies; /* a file, its copy, a file, ... */
    const char *Output;     /* of -o */
    const char *File;       /* of -MF */
    char *Printed;          /* in the place of standard output */
    int IsOnly;             /* -M or -MM: the list is all that is made */
} CLI_DEPENDENCIES;

static int
Has(const CLI_LIST *Command, const char *Option)
{
    for (size_t i = 0; i < Command->Count; i++) {
        if (strcmp(Command->Items[i], Option) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The last value of an option, next to it or behind it; NULL: it is not there. */
static const char *
ValueOf(const CLI_LIST *Command, const char *Option)
{
    size_t length = strlen(Option);
    const char *value = NULL;

    for (size_t i = 0; i < Command->Count; i++) {
        const char *item = Command->Items[i];

        if (strncmp(item, Option, length) != 0) {
            continue;
        }
        if (item[length] != '\0') {
            value = item + length;
        } else if (i + 1 < Command->Count) {
            value = Command->Items[++i];
        }
    }
    return value;
}

/* ---- names in a dependency file ---- */

/* As compilers write a name for make. */
static char *
QuoteForMake(const char *Name)
{
    char *quoted = malloc(2 * strlen(Name) + 1);
    char *to = quoted;

    if (quoted == NULL) {
        abort();
    }
    for (; *Name != '\0'; Name++) {
        if (*Name == ' ' || *Name == '\t' || *Name == '#') {
            *to++ = '\\';
        } else if (*Name == '$') {
            *to++ = '$';
        }
        *to++ = *Name;
    }
    *to = '\0';
    return quoted;
}

static char *
ReadAll(const char *Path)
{
    FILE *file = fopen(Path, "r");
    char *text = NULL;
    size_t size = 0;

    if (file != NULL && getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static void
WriteNames(FILE *File, const char *Text, const CLI_LIST *Copies)
{
    while (*Text != '\0') {
        const char *first = Text + strlen(Text);
        size_t taken = 0;
        char *name = NULL;

        for (size_t i = 0; i + 1 < Copies->Count; i += 2) {
            char *copy = QuoteForMake(Copies->Items[i + 1]);
            const char *at = strstr(Text, copy);

            if (at != NULL && at < first) {
                first = at;
                taken = strlen(copy);
                free(name);
                name = QuoteForMake(Copies->Items[i]);
            }
            free(copy);
        }
        fprintf(File, "%.*s%s", (int)(first - Text), Text, name != NULL ? name : "");
        free(name);
        Text = first + taken;
    }
}

/* Path, if there is such a file and it names a copy, names what was copied. */
static void
Rewrite(const char *Path, const CLI_LIST *Copies)
{
    char *temporary = CliFormat("%s.%d", Path, (int)getpid());
    char *text = ReadAll(Path);
    FILE *file;

    if (text == NULL) {
        return;
    }
    file = fopen(temporary, "w");
    if (file != NULL) {
        WriteNames(file, text, Copies);
    }
    if (file == NULL || fclose(file) != 0 || rename(temporary, Path) != 0) {
        CliError("%s: %s; it names copies of the sources", Path, strerror(errno));
    }
    free(text);
}

/* ---- which files ---- */

static char *
WithoutEnding(const char *Path)
{
    const char *slash = strrchr(Path, '/');
    const char *dot = strrchr(Path, '.');

    return dot != NULL && dot != Path && (slash == NULL || dot > slash + 1)
               ? CliFormat("%.*s", (int)(dot - Path), Path)
               : CliFormat("%s", Path);
}

/* What -MD names its file without -MF: after the output, or after each source. */
static void
RewriteDefaults(const CLI_DEPENDENCIES *Dependencies)
{
    const char *output = Dependencies->Output;

    if (output != NULL) {
        Rewrite(CliFormat("%s.d", WithoutEnding(output)), Dependencies->Copies);
    }
    for (size_t i = 0; i < Dependencies->Sources->Count; i++) {
        const char *source = Dependencies->Sources->Items[i];
        const char *slash = strrchr(source, '/');
        char *stem = WithoutEnding(slash != NULL ? slash + 1 : source);

        if (output == NULL) {
            Rewrite(CliFormat("%s.d", stem), Dependencies->Copies);
            Rewrite(CliFormat("a-%s.d", stem), Dependencies->Copies);
        } else {
            Rewrite(CliFormat("%s-%s.d", output, stem), Dependencies->Copies);
        }
    }
}

static void
PrintAndRemove(const CLI_DEPENDENCIES *Dependencies)
{
    char *text = ReadAll(Dependencies->Printed);

    if (text != NULL) {
        WriteNames(stdout, text, Dependencies->Copies);
        fflush(stdout);
    }
    free(text);
    (void)unlink(Dependencies->Printed);
}

/* ---- running the compiler ---- */

int
CliWritesDependencies(const CLI_LIST *Command)
{
    return Has(Command, "-MD") || Has(Command, "-MMD") || Has(Command, "-M") || Has(Command, "-MM");
}

/* The compiler's exit code; -1 with errno when it cannot be started. */
static int
Run(char **Command)
{
    int status;
    int ends[2];
    int error = 0;
    pid_t child;

    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    child = fork();
    if (child == 0) {
        execvp(Command[0], Command);
        error = errno;
        (void)!write(ends[1], &error, sizeof(error));
        _exit(CLI_NOT_FOUND);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &error, sizeof(error)) > 0) {
        close(ends[0]);
        if (child > 0) {
            waitpid(child, NULL, 0);
            errno = error;
        }
        return -1;
    }
    close(ends[0]);
    while (waitpid(child, &status, 0) != child) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
CliCompileCopies(CLI_LIST *Command, const CLI_LIST *Sources, const CLI_LIST *Copies)
{
    CLI_DEPENDENCIES dependencies = {
        .Sources = Sources,
        .Copies = Copies,
        .Output = ValueOf(Command, "-o"),
        .File = ValueOf(Command, "-MF"),
        .IsOnly = Has(Command, "-M") || Has(Command, "-MM"),
    };
    int isPrinted = dependencies.File != NULL ? strcmp(dependencies.File, "-") == 0
                                              : dependencies.IsOnly && dependencies.Output == NULL;
    int code;

    if (isPrinted) {
        char path[] = "/tmp/ntbox-cc-XXXXXX";
        int file = mkstemp(path);

        if (file < 0) {
            return -1;
        }
        close(file);
        dependencies.Printed = CliFormat("%s", path);
        CliAppend(Command, "-MF");
        CliAppend(Command, dependencies.Printed);
    }
    code = Run(Command->Items);
    if (dependencies.Printed != NULL) {
        PrintAndRemove(&dependencies);
    } else if (code == 0 && dependencies.File != NULL) {
        Rewrite(dependencies.File, Copies);
    } else if (code == 0 && dependencies.IsOnly) {
        Rewrite(dependencies.Output, Copies);
    } else if (code == 0) {
        RewriteDefaults(&dependencies);
    }
    return code;
}
