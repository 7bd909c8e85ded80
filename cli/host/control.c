/* SPDX-License-Identifier: MIT
 *
 * cli/host/control.c - asking a host: LPC_CONTROL, and the LPC_ANSWERs that follow
 */
#include "cli/host/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lpc/protocol.h"

#define STATUS_ACCESS_DENIED ((int32_t)0xC0000022)

typedef struct CONTROL_MESSAGE {
    LPC_SOCKET_MESSAGE Header;
    char Text[LPC_MAX_TEXT];
} CONTROL_MESSAGE;

/* Somebody else's socket may lie in a place that was chosen by hand. */
static int
CheckPeer(CLI_HOST *Host)
{
    socklen_t length = sizeof(struct ucred);
    struct ucred peer;

    if (getsockopt(Host->Socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        CliError("the host at %s cannot be identified: %s", Host->Path, strerror(errno));
        return EPERM;
    }
    if (peer.uid != 0 && peer.uid != getuid() && getuid() != 0) {
        CliError("the host at %s is %s's", Host->Path, CliUserName(peer.uid));
        return EPERM;
    }
    Host->ProcessId = peer.pid;
    return 0;
}

int
CliConnect(const char *Path, CLI_HOST *Host)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int error;

    Host->Path = CliFormat("%s", Path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", Path);
    Host->Socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (Host->Socket < 0) {
        error = errno;
        CliError("no socket can be made: %s", strerror(error));
        return error;
    }
    if (connect(Host->Socket, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        error = CheckPeer(Host);
    } else if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
        error = ENOENT; /* nobody listens */
    } else {
        error = errno;
        CliError("cannot connect to %s: %s%s", Path, strerror(error),
                 error == EACCES ? "; it is another user's, and only that user or root may" : "");
    }
    if (error != 0) {
        close(Host->Socket);
    }
    return error;
}

int
CliFindHost(const char *Given, CLI_HOST *Host)
{
    CLI_LIST sockets = {0};

    CliListSockets(Given, &sockets);
    for (size_t i = 0; i < sockets.Count; i++) {
        const char *path = sockets.Items[i];
        int code = CliCheckSocketPath(path);

        if (code != 0) {
            return code;
        }
        code = CliConnect(path, Host);
        if (code == 0) {
            return 0;
        }
        if (code != ENOENT) {
            return CLI_NO_HOST;
        }
        if (CliFindSupervisor(path) != 0) {
            CliError("the host at %s is being started; its log is %s; 'ntbox stop' ends that", path,
                     CliLogOf(path));
            return CLI_NO_HOST;
        }
    }
    CliError("no host runs at %s; start one with 'ntbox start'", CliJoin(&sockets, " or "));
    return CLI_NO_HOST;
}

/* Text has room for it. 0: the host is gone. */
static int
ReadAnswer(const CLI_HOST *Host, CLI_ANSWER *Answer)
{
    size_t length = 0;
    size_t size = 4 * LPC_MAX_TEXT;
    char *text = CliAllocate(size + 1);
    CONTROL_MESSAGE message;

    for (;;) {
        ssize_t got = recv(Host->Socket, &message, sizeof(message), 0);
        size_t part;

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < (ssize_t)sizeof(message.Header)) {
            break;
        }
        part = (size_t)got - sizeof(message.Header);
        if (part == 0) {
            Answer->Status = message.Header.Status;
            Answer->Value = message.Header.Value;
            Answer->IsWhole = 1;
            break;
        }
        if (part > size - length) {
            char *larger = CliAllocate(size * 2 + 1);

            memcpy(larger, text, length);
            text = larger;
            size *= 2;
        }
        memcpy(text + length, message.Text, part);
        length += part;
    }
    text[length] = '\0';
    Answer->Text = text;
    return Answer->IsWhole;
}

int
CliAsk(const CLI_HOST *Host, const char *Command, CLI_ANSWER *Answer)
{
    CONTROL_MESSAGE question = {.Header = {LPC_VERSION, LPC_CONTROL, 0, 0}};
    size_t length = strlen(Command);

    memset(Answer, 0, sizeof(*Answer));
    Answer->Path = Host->Path;
    if (length >= sizeof(question.Text)) {
        CliError("that is too much for one command: at most %u bytes", LPC_MAX_TEXT - 1);
        return CLI_USAGE;
    }
    memcpy(question.Text, Command, length);
    if (send(Host->Socket, &question, sizeof(question.Header) + length, MSG_NOSIGNAL) < 0 ||
        !ReadAnswer(Host, Answer)) {
        CliError("the host at %s has ended; its log is %s", Host->Path, CliLogOf(Host->Path));
        return CLI_NO_HOST;
    }
    return 0;
}

char *
CliFindHostSocket(const char *Given)
{
    CLI_HOST host;

    if (CliFindHost(Given, &host) != 0) {
        return NULL;
    }
    close(host.Socket);
    return host.Path;
}

int
CliAskAny(const char *Given, const char *Command, CLI_ANSWER *Answer)
{
    CLI_HOST host;
    int code = CliFindHost(Given, &host);

    if (code != 0) {
        return code;
    }
    code = CliAsk(&host, Command, Answer);
    close(host.Socket);
    if (code == 0 && Answer->Status == STATUS_ACCESS_DENIED) {
        CliError("the host at %s takes commands from its own user and from root only", host.Path);
        return CLI_REFUSED;
    }
    if (code == 0 && Answer->Status < 0) {
        CliError("the host at %s refuses that: status 0x%08X", host.Path, (unsigned)Answer->Status);
        return CLI_REFUSED;
    }
    return code;
}
