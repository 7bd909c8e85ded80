/* SPDX-License-Identifier: MIT
 *
 * cli/adapt.c - copies of sources where Microsoft's compiler reads what ours cannot, for ntbox cc
 *
 * tools/adapt-sources.py decides and writes; here it is run, and what it prints, a line a file (its
 * name, a tab, the copy), is put into the compiler's command. Without python3 the sources are
 * compiled as they are.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The folders of -iquote and -I, each as "-I", "FOLDER". */
static void
AppendFolders(CLI_LIST *Adapter, const CLI_LIST *Command)
{
    static const char *const options[] = {"-iquote", "-I"};

    for (size_t pass = 0; pass < 2; pass++) {
        size_t length = strlen(options[pass]);

        for (size_t i = 0; i < Command->Count; i++) {
            const char *item = Command->Items[i];

            if (strncmp(item, options[pass], length) != 0) {
                continue;
            }
            item += length;
            if (*item == '\0' && i + 1 < Command->Count) {
                item = Command->Items[++i];
            }
            CliAppend(Adapter, "-I");
            CliAppend(Adapter, item);
        }
    }
}

/* In Command, Source becomes Copy. */
static void
ReplaceSource(CLI_LIST *Command, const char *Source, const char *Copy)
{
    for (size_t i = 0; i < Command->Count; i++) {
        if (strcmp(Command->Items[i], Source) == 0) {
            Command->Items[i] = CliFormat("%s", Copy);
        }
    }
}

/* Starts the adapter with its output in a stream; NULL: it could not be started. */
static FILE *
StartAdapter(const CLI_LIST *Adapter, pid_t *Child)
{
    int ends[2];

    fflush(NULL);
    if (pipe(ends) != 0) {
        return NULL;
    }
    *Child = fork();
    if (*Child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(Adapter->Items[0], Adapter->Items);
        _exit(0); /* no python: the compiler says what it makes of the sources */
    }
    close(ends[1]);
    if (*Child < 0) {
        close(ends[0]);
        return NULL;
    }
    return fdopen(ends[0], "r");
}

void
CliAdaptSources(const CLI_LIST *Sources, CLI_LIST *Command, CLI_LIST *Copies)
{
    char *cache = CliCacheFolder("adapted");
    char script[CLI_PATH_SIZE];
    char line[2 * CLI_PATH_SIZE];
    CLI_LIST adapter = {0};
    FILE *output;
    pid_t child;

    if (Sources->Count == 0 || cache == NULL || !CliLocate(CliSourceAdapter, script)) {
        return;
    }
    CliAppend(&adapter, "python3");
    CliAppend(&adapter, script);
    CliAppend(&adapter, cache);
    AppendFolders(&adapter, Command);
    for (size_t i = 0; i < Sources->Count; i++) {
        CliAppend(&adapter, Sources->Items[i]);
    }
    output = StartAdapter(&adapter, &child);
    while (output != NULL && fgets(line, sizeof(line), output) != NULL) {
        char *copy = strchr(line, '\t');

        if (copy != NULL) {
            *copy++ = '\0';
            copy[strcspn(copy, "\n")] = '\0';
            ReplaceSource(Command, line, copy);
            CliAppend(Copies, CliFormat("%s", line));
            CliAppend(Copies, CliFormat("%s", copy));
        }
    }
    if (output != NULL) {
        fclose(output);
        waitpid(child, NULL, 0);
    }
}
