/* SPDX-License-Identifier: MIT
 *
 * cli/locate.c - where the parts of ntbox are: the build folder, or the install prefix
 *
 * This program is BUILD/cli/ntbox or PREFIX/bin/ntbox; everything is found from there, so a tree
 * can be moved. The build's names come first: an installed program has no ../user next to it.
 */
#include "cli/cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Tried in order, relative to this program's folder. */
static const struct {
    CLI_PLACE Place;
    const char *Path;
} Places[] = {
    {CliKernel, "../src/libntoskrnl.so"},
    {CliKernel, "../src/init/libntoskrnl.so"},
    {CliKernel, "../" NTBOX_LIBDIR "/libntoskrnl.so"},
    {CliUserLibrary, "../user/libntbox.so"},
    {CliUserLibrary, "../" NTBOX_LIBDIR "/libntbox.so"},
    {CliRuntime, "../sdk/libntcrt.so"},
    {CliRuntime, "../" NTBOX_LIBDIR "/libntcrt.so"},
    {CliMainLibrary, "../sdk/libntbox_main.a"},
    {CliMainLibrary, "../" NTBOX_LIBDIR "/libntbox_main.a"},
    {CliDriverLibrary, "../sdk/libntbox_klib.a"},
    {CliDriverLibrary, "../" NTBOX_LIBDIR "/libntbox_klib.a"},
    {CliFlags, "../sdk/flags"},
    {CliFlags, "../share/ntbox/flags"},
    {CliMonitorApp, "../apps/monitor/monitor"},
    {CliMonitorApp, "../libexec/ntbox/monitor"},
    {CliHostProgram, "../host/ntboxd"},
    {CliHostProgram, "ntboxd"},
    {CliTryCheck, NTBOX_SOURCE "/tools/check-try.py"},
    {CliTryCheck, "../share/ntbox/check-try.py"},
    {CliSourceAdapter, NTBOX_SOURCE "/tools/adapt-sources.py"},
    {CliSourceAdapter, "../share/ntbox/adapt-sources.py"},
    {CliSuppressions, NTBOX_SOURCE "/cli/valgrind.supp"},
    {CliSuppressions, "../share/ntbox/valgrind.supp"},
    {CliDriverFolder, "../drivers"},
    {CliDriverFolder, "../" NTBOX_LIBDIR "/ntbox"},
};

/* Folder of the running program; 0 when the host does not tell. */
static int
FindOwnFolder(char *Folder)
{
    ssize_t length = readlink("/proc/self/exe", Folder, CLI_PATH_SIZE - 1);
    char *slash;

    if (length <= 0) {
        return 0;
    }
    Folder[length] = '\0';
    slash = strrchr(Folder, '/');
    if (slash == NULL) {
        return 0;
    }
    *slash = '\0';
    return 1;
}

int
CliLocate(CLI_PLACE Place, char *Path)
{
    char folder[CLI_PATH_SIZE];
    char candidate[CLI_PATH_SIZE * 2];

    if (!FindOwnFolder(folder)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(Places) / sizeof(Places[0]); i++) {
        const char *path = Places[i].Path;

        if (Places[i].Place != Place) {
            continue;
        }
        snprintf(candidate, sizeof(candidate), "%s%s%s", path[0] == '/' ? "" : folder,
                 path[0] == '/' ? "" : "/", path);
        if (realpath(candidate, Path) != NULL) {
            return 1;
        }
    }
    return 0;
}

int
CliLocateDriver(const char *Name, char *Path)
{
    char folder[CLI_PATH_SIZE];
    char candidate[CLI_PATH_SIZE * 3];

    if (realpath(Name, Path) != NULL) {
        return 1;
    }
    if (strchr(Name, '/') != NULL || !CliLocate(CliDriverFolder, folder)) {
        return 0;
    }
    snprintf(candidate, sizeof(candidate), "%s/%s/%s.so", folder, Name, Name);
    if (realpath(candidate, Path) != NULL) {
        return 1;
    }
    snprintf(candidate, sizeof(candidate), "%s/%s.so", folder, Name);
    return realpath(candidate, Path) != NULL;
}
