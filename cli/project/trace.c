/* SPDX-License-Identifier: MIT
 *
 * cli/project/trace.c - the headers of trace statements (NAME.tmh) for ntbox cc
 *
 * wpp.c makes them as for ntbox build. What ntbox cc is not told, the project's trace functions,
 * comes from project files beside the sources.
 */
#include "cli/project/maker.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
AppendAll(CLI_LIST *To, const CLI_LIST *From)
{
    for (size_t i = 0; i < From->Count; i++) {
        CliAppend(To, From->Items[i]);
    }
}

/* Trace functions of the project files in Folder. */
static void
AddSettings(CLI_PROJECT *Project, const char *Folder)
{
    CLI_CHOICE choice = {0};
    CLI_LIST names = {0};

    CliHostFiles.List(Folder, &names);
    for (size_t i = 0; i < names.Count; i++) {
        char *path = CliJoinPath(Folder, names.Items[i]);
        CLI_PROJECT *other = NULL;

        if (CliHasEnding(path, ".vcxproj")) {
            other = CliReadVcxproj(&CliHostFiles, path, &choice);
        } else if (strcasecmp(names.Items[i], "sources") == 0) {
            other = CliReadSources(&CliHostFiles, path, &choice);
        }
        if (other != NULL) {
            AppendAll(&Project->Traces, &other->Traces);
            AppendAll(&Project->TraceFiles, &other->TraceFiles);
        }
    }
}

/* A folder name that no other sources have (FNV-1a, 64 bits). */
static uint64_t
HashPaths(const CLI_LIST *Paths)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < Paths->Count; i++) {
        char *real = realpath(Paths->Items[i], NULL);
        const char *at = real != NULL ? real : Paths->Items[i];

        do {
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
        } while (*at++ != '\0');
        free(real);
    }
    return hash;
}

char *
CliMakeTraceFolder(const CLI_LIST *Sources, const CLI_LIST *Files, const CLI_LIST *Names)
{
    char *cache = CliCacheFolder("trace");
    CLI_PROJECT *project;
    char *folder;

    if (cache == NULL || Sources->Count == 0) {
        return NULL;
    }
    folder = CliFolderOf(Sources->Items[0]);
    project = CliNewProject(Sources->Items[0], folder, "cc");
    for (size_t i = 0; i < Sources->Count; i++) {
        CliAddSource(project, Sources->Items[i]);
        if (i == 0 || strcmp(CliFolderOf(Sources->Items[i]), folder) != 0) {
            folder = CliFolderOf(Sources->Items[i]);
            AddSettings(project, folder);
        }
    }
    AppendAll(&project->TraceFiles, Files);
    AppendAll(&project->TraceHeaders, Names);
    folder = CliFormat("%s/%016llx", cache, (unsigned long long)HashPaths(Sources));
    return CliMakeTraceHeaders(&CliHostFiles, project, folder) ? folder : NULL;
}
