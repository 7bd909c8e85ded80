/* SPDX-License-Identifier: MIT
 *
 * cli/host/place.c - where a host is: its socket, and its lock and log next to it
 *
 * Whoever may write in the socket's folder could put a socket of his own there, and be taken for
 * the host. So the folder must be ours or root's, and nobody else's to write.
 */
#include "cli/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEM_SOCKET "/run/ntbox/host"

static char *
UserSocket(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    return runtime != NULL && runtime[0] == '/'
               ? CliFormat("%s/ntbox/host", runtime)
               : CliFormat("/tmp/ntbox-%u/host", (unsigned)getuid());
}

int
CliCheckSocketPath(const char *Path)
{
    size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);

    if (Path[0] == '\0' || Path[strlen(Path) - 1] == '/') {
        CliError("socket '%s': say a file's name", Path);
        return CLI_USAGE;
    }
    if (strlen(Path) >= room) {
        CliError("socket %s: a socket's name has at most %u bytes; choose a shorter one", Path,
                 (unsigned)room - 1);
        return CLI_USAGE;
    }
    return 0;
}

/* With a folder in front, so that it means the same in a process whose folder is another. */
static char *
MakeAbsolute(const char *Path)
{
    char folder[CLI_PATH_SIZE];

    if (Path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL) {
        return CliFormat("%s", Path);
    }
    return CliFormat("%s/%s", folder, Path);
}

char *
CliChooseSocket(const char *Given, int IsSystem)
{
    if (Given != NULL) {
        return MakeAbsolute(Given);
    }
    return IsSystem ? CliFormat("%s", SYSTEM_SOCKET) : UserSocket();
}

void
CliListSockets(const char *Given, CLI_LIST *Sockets)
{
    const char *chosen = getenv("NTBOX_HOST");

    if (Given != NULL) {
        CliAppend(Sockets, MakeAbsolute(Given));
    } else if (chosen != NULL && chosen[0] != '\0' && strcmp(chosen, "embedded") != 0) {
        CliAppend(Sockets, chosen);
    } else {
        CliAppend(Sockets, UserSocket());
        CliAppend(Sockets, SYSTEM_SOCKET);
    }
}

char *
CliLogOf(const char *Socket)
{
    return CliFormat("%s.log", Socket);
}

char *
CliLockOf(const char *Socket)
{
    return CliFormat("%s.lock", Socket);
}

int
CliPrepareFolder(const char *Socket, int IsSystem)
{
    char *folder = CliFormat("%s", Socket);
    char *slash = strrchr(folder, '/');
    struct stat about;

    if (slash == folder) {
        slash++;
    }
    *slash = '\0';
    if (mkdir(folder, IsSystem ? 0755 : 0700) != 0 && errno != EEXIST) {
        CliError("cannot make the folder %s: %s%s", folder, strerror(errno),
                 errno == ENOENT ? "; make the folder that it is in first" : "");
        return CLI_NO_HOST;
    }
    /* Of the last part, a link is not followed: it could be anybody's. */
    if (lstat(folder, &about) != 0 || !S_ISDIR(about.st_mode)) {
        CliError("%s is not a folder; choose another place with --socket", folder);
        return CLI_NO_HOST;
    }
    if (about.st_uid != getuid() && about.st_uid != 0) {
        CliError("the folder %s belongs to %s: choose one of your own with --socket", folder,
                 CliUserName(about.st_uid));
        return CLI_NO_HOST;
    }
    if ((about.st_mode & 022) != 0) {
        CliError("others may write in the folder %s: 'chmod go-w' it, or choose another one with "
                 "--socket",
                 folder);
        return CLI_NO_HOST;
    }
    return 0;
}

pid_t
CliFindSupervisor(const char *Socket)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(CliLockOf(Socket), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    pid_t holder = 0;

    if (file >= 0) {
        if (fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
            holder = lock.l_pid;
        }
        close(file);
    }
    return holder;
}
