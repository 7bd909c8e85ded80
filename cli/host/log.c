/* SPDX-License-Identifier: MIT
 *
 * cli/host/log.c - what a host has said meanwhile
 */
#include "cli/host/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

off_t
CliEndOfLog(const char *Log)
{
    struct stat about;

    return stat(Log, &about) == 0 ? about.st_size : 0;
}

size_t
CliShowLog(const char *Log, off_t From)
{
    int file = open(Log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t shown = 0;
    char part[4096];
    ssize_t got;

    if (file < 0) {
        return 0;
    }
    while ((got = pread(file, part, sizeof(part), From + (off_t)shown)) > 0) {
        fwrite(part, 1, (size_t)got, stderr);
        shown += (size_t)got;
    }
    close(file);
    return shown;
}
