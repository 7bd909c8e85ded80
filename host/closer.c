/* SPDX-License-Identifier: MIT
 *
 * host/closer.c - looking at strangers' descriptors, and closing them, without waiting for anybody
 *
 * A file may lie on a file system that its sender serves himself (FUSE): to ask for its attributes
 * or to close it can take for ever. So what nobody vouches for is closed on a thread of its own,
 * and who keeps that thread busy is not let in again.
 *
 * Lock  Lock guards the list.
 */
#include "host/host.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_MOUNTS 4096 /* lines of a mountinfo that are looked at */

typedef struct ENTRY {
    struct ENTRY *Next;
    int Descriptor;
    uid_t UserId;
} ENTRY;

static pthread_mutex_t Lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t Wake = PTHREAD_COND_INITIALIZER;
static ENTRY *Entries; /* the first is being closed; it stays until it is */

static void *
CloseEntries(void *Context)
{
    (void)Context;
    pthread_mutex_lock(&Lock);
    for (;;) {
        ENTRY *entry = Entries;

        if (entry == NULL) {
            pthread_cond_wait(&Wake, &Lock);
            continue;
        }
        pthread_mutex_unlock(&Lock);
        close(entry->Descriptor);
        pthread_mutex_lock(&Lock);
        Entries = entry->Next;
        free(entry);
    }
    return NULL;
}

int
HostStartCloser(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, CloseEntries, NULL) == 0 && pthread_detach(thread) == 0;
}

void
HostCloseStrange(int Descriptor, uid_t UserId)
{
    ENTRY *entry;
    ENTRY **link;

    if (Descriptor < 0) {
        return;
    }
    entry = malloc(sizeof(*entry));
    if (entry == NULL) {
        return; /* better to lose a descriptor than to hang */
    }
    *entry = (ENTRY){.Descriptor = Descriptor, .UserId = UserId};
    pthread_mutex_lock(&Lock);
    for (link = &Entries; *link != NULL; link = &(*link)->Next) {
    }
    *link = entry;
    pthread_cond_signal(&Wake);
    pthread_mutex_unlock(&Lock);
}

uint32_t
HostCountStrange(uid_t UserId)
{
    uint32_t count = 0;

    pthread_mutex_lock(&Lock);
    for (ENTRY *entry = Entries; entry != NULL; entry = entry->Next) {
        count += entry->UserId == UserId;
    }
    pthread_mutex_unlock(&Lock);
    return count;
}

/* A mount of the process has that device, and is a proc file system. */
static int
IsProcMount(pid_t ProcessId, const char *Device)
{
    char path[64];
    char line[8192];
    int found = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)ProcessId);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    for (int i = 0; i < MAX_MOUNTS && !found && fgets(line, sizeof(line), file) != NULL; i++) {
        char device[32];
        const char *type = strstr(line, " - "); /* spaces of paths are written as \040 */

        found = type != NULL && strncmp(type, " - proc ", 8) == 0 &&
                sscanf(line, "%*u %*u %31s", device) == 1 && strcmp(device, Device) == 0;
    }
    fclose(file);
    return found;
}

int
HostIsMemory(int Descriptor, pid_t ProcessId)
{
    static const char name[] = "/mem";
    const size_t length = sizeof(name) - 1;
    char device[32];
    char path[4096];
    char link[64];
    struct statx status;
    ssize_t end;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", Descriptor);
    end = readlink(link, path, sizeof(path));
    if (end <= (ssize_t)length || memcmp(path + end - length, name, length) != 0 ||
        statx(Descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) != 0) {
        return 0;
    }
    snprintf(device, sizeof(device), "%u:%u", (unsigned)status.stx_dev_major,
             (unsigned)status.stx_dev_minor);
    return IsProcMount(ProcessId, device);
}
