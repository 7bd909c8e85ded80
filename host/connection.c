/* SPDX-License-Identifier: MIT
 *
 * host/connection.c - who is connected: hello, threads, goodbye, death
 *
 * A client is gone when its socket is closed or its process has ended, whichever is seen first: a
 * child of a fork may still hold the socket, and a program that replaced the client's holds the
 * process. A new client is welcomed once those that are gone are run down, so that it finds what
 * they had closed; it does not wait for a driver that never lets go.
 */
#include "host/host.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WELCOME_DELAY 2 /* seconds that a hello waits for others' ends */
#define HELLO_LIMIT 10  /* seconds that a connection has to say something */
#define MAX_GROUPS 64
#define PATH_SIZE 4096

HOST_CONNECTION *HostConnections;

static time_t
Now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void
CloseDescriptor(int *Descriptor)
{
    if (*Descriptor >= 0) {
        HostForget(*Descriptor);
        close(*Descriptor);
        *Descriptor = -1;
    }
}

/* The kernel's user and root may do everything here. */
static int
IsOwner(uid_t UserId)
{
    return UserId == getuid() || UserId == 0;
}

/* One user must not take all the descriptors that there are. */
static int
HasTooMany(uid_t UserId)
{
    uint32_t count = 0;

    for (HOST_CONNECTION *other = HostConnections; other != NULL; other = other->Next) {
        count += other->UserId == UserId;
    }
    count += HostCountStrange(UserId);
    return count >= HostSettings.Connections && !IsOwner(UserId);
}

/* ---- beginning and end of a connection ---- */

void
HostAccept(int Socket)
{
    HOST_CONNECTION *connection = calloc(1, sizeof(*connection));
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (connection == NULL || getsockopt(Socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
        HasTooMany(peer.uid) || !HostWatch(Socket, connection)) {
        free(connection);
        close(Socket);
        return;
    }
    connection->Socket = Socket;
    connection->Process = -1;
    connection->Memory = -1;
    connection->Maps = -1;
    connection->ProcessId = peer.pid;
    connection->UserId = peer.uid;
    connection->GroupId = peer.gid;
    connection->Deadline = Now() + HELLO_LIMIT;
    pthread_mutex_init(&connection->MapLock, NULL);
    connection->Next = HostConnections;
    HostConnections = connection;
}

static void
FreeConnection(HOST_CONNECTION *Connection)
{
    HOST_CONNECTION **link = &HostConnections;

    while (*link != Connection) {
        link = &(*link)->Next;
    }
    *link = Connection->Next;
    CloseDescriptor(&Connection->Socket);
    CloseDescriptor(&Connection->Process);
    CloseDescriptor(&Connection->Memory);
    CloseDescriptor(&Connection->Maps);
    pthread_mutex_destroy(&Connection->MapLock);
    free(Connection);
}

/* NTBOX_CLIENT_OPTIONS.Ended, on a thread of the kernel's. */
static void
HostEnded(void *Context)
{
    HOST_CONNECTION *connection = Context;

    __atomic_store_n(&connection->Ended, 1, __ATOMIC_RELEASE);
    HostWake();
}

static void
EndClient(HOST_CONNECTION *Connection, int32_t ExitStatus)
{
    Connection->State = HostEnding;
    Connection->Deadline = Now() + WELCOME_DELAY;
    CloseDescriptor(&Connection->Process);
    HostKernel->EndClient(Connection->Client, ExitStatus);
}

/* The other side is gone, or has lost our trust. A client's memory stays until it is run down. */
static void
Drop(HOST_CONNECTION *Connection)
{
    switch (Connection->State) {
    case HostClient:
        EndClient(Connection, HOST_EXIT_KILLED);
        CloseDescriptor(&Connection->Socket);
        break;
    case HostEnding:
        CloseDescriptor(&Connection->Socket);
        break;
    default:
        FreeConnection(Connection);
        break;
    }
}

static void
Refuse(HOST_CONNECTION *Connection, int32_t Status)
{
    LPC_SOCKET_MESSAGE answer = {LPC_VERSION, LPC_REFUSED, Status, 0};

    HostSend(Connection->Socket, &answer, sizeof(answer), -1);
}

/* ---- hello ---- */

static void
ReadImagePath(pid_t ProcessId, char *Path, size_t Size)
{
    char link[64];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/%d/exe", (int)ProcessId);
    length = readlink(link, Path, Size - 1);
    Path[length < 0 ? 0 : length] = '\0';
}

static pid_t
ReadParent(pid_t ProcessId)
{
    char path[64];
    char line[512];
    const char *end;
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)ProcessId);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    if (fgets(line, sizeof(line), file) != NULL) {
        end = strrchr(line, ')'); /* the name before it may be anything */
        if (end == NULL || sscanf(end + 1, " %*c %d", &parent) != 1) {
            parent = 0;
        }
    }
    fclose(file);
    return parent;
}

static int
Welcome(HOST_CONNECTION *Connection, NTBOX_CLIENT_WELCOME *Kernel)
{
    LPC_WELCOME_MESSAGE welcome = {
        .Header = {LPC_VERSION, LPC_WELCOME, 0, 0},
        .ArenaBase = Kernel->ArenaBase,
        .ArenaSize = Kernel->ArenaSize,
        .ZoneSize = Kernel->ZoneSize,
    };
    int sent = HostSend(Connection->Socket, &welcome, sizeof(welcome), Kernel->Arena);

    close(Kernel->Arena);
    return sent;
}

static int32_t
CreateClient(HOST_CONNECTION *Connection, NTBOX_CLIENT_WELCOME *Kernel)
{
    gid_t groups[MAX_GROUPS];
    socklen_t length = sizeof(groups);
    char image[PATH_SIZE];
    NTBOX_CLIENT_OPTIONS options = {
        .ProcessId = (uint32_t)Connection->ProcessId,
        .ParentId = (uint32_t)ReadParent(Connection->ProcessId),
        .UserId = Connection->UserId,
        .GroupId = Connection->GroupId,
        .Groups = groups,
        .IsOwner = IsOwner(Connection->UserId),
        .Image = image,
        .Memory = Connection->Memory,
        .Context = Connection,
        .Map = HostMap,
        .Ended = HostEnded,
    };

    if (getsockopt(Connection->Socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length) == 0) {
        options.GroupCount = (uint32_t)(length / sizeof(groups[0]));
    }
    ReadImagePath(Connection->ProcessId, image, sizeof(image));
    Connection->Memory = -1; /* the kernel's now */
    return HostKernel->CreateClient(&options, &Connection->Client, Kernel);
}

/* Makes the client of a hello that has its descriptors. */
static void
Admit(HOST_CONNECTION *Connection)
{
    NTBOX_CLIENT_WELCOME kernel;
    int32_t status;

    Connection->Process = (int)syscall(SYS_pidfd_open, Connection->ProcessId, 0);
    if (Connection->Process < 0) {
        FreeConnection(Connection); /* it has ended already */
        return;
    }
    status = CreateClient(Connection, &kernel);
    if (status < 0) {
        Refuse(Connection, status);
        FreeConnection(Connection);
        return;
    }
    Connection->State = HostClient;
    if (!HostWatch(Connection->Process, Connection) || !Welcome(Connection, &kernel)) {
        Drop(Connection);
    }
}

/* It is being run down, and has not kept others waiting for too long. */
static int
IsWorthWaiting(const HOST_CONNECTION *Connection)
{
    return Connection->State == HostEnding && Now() < Connection->Deadline;
}

/* Clients whose end has not been noticed yet: their events may come behind a new one's hello. */
static unsigned
NoticeEnds(void)
{
    HOST_CONNECTION *next;
    unsigned ending = 0;

    for (HOST_CONNECTION *connection = HostConnections; connection != NULL; connection = next) {
        struct pollfd look[2] = {{.fd = connection->Socket, .events = 0},
                                 {.fd = connection->Process, .events = POLLIN}};

        next = connection->Next;
        if (connection->State == HostClient && poll(look, 2, 0) > 0) {
            Drop(connection);
        }
        ending += IsWorthWaiting(connection);
    }
    return ending;
}

/*
 * Memory must be a process's as /proc has it, and the socket for LPC_MAP one that the client has
 * made itself, or we would speak to somebody else in its stead.
 */
static int
AreDescriptorsGood(const HOST_CONNECTION *Connection, const int Descriptors[2])
{
    struct ucred maker;
    socklen_t length = sizeof(maker);
    socklen_t typeLength = sizeof(int);
    int type;

    return getsockopt(Descriptors[1], SOL_SOCKET, SO_PEERCRED, &maker, &length) == 0 &&
           maker.pid == Connection->ProcessId && maker.uid == Connection->UserId &&
           getsockopt(Descriptors[1], SOL_SOCKET, SO_TYPE, &type, &typeLength) == 0 &&
           type == SOCK_SEQPACKET && HostIsMemory(Descriptors[0], Connection->ProcessId);
}

static void
TakeHello(HOST_CONNECTION *Connection, const LPC_SOCKET_MESSAGE *Message, int Descriptors[2])
{
    if (Connection->State != HostNew || Message->Version != LPC_VERSION || Descriptors[0] < 0 ||
        Descriptors[1] < 0) {
        Refuse(Connection, Message->Version != LPC_VERSION ? HOST_STATUS_REVISION_MISMATCH
                                                           : HOST_STATUS_INVALID_PARAMETER);
        Drop(Connection);
        return;
    }
    if (!AreDescriptorsGood(Connection, Descriptors)) {
        Refuse(Connection, HOST_STATUS_INVALID_PARAMETER);
        Drop(Connection);
        return;
    }
    Connection->Memory = Descriptors[0];
    Connection->Maps = Descriptors[1];
    Descriptors[0] = Descriptors[1] = -1;
    if (NoticeEnds() != 0) {
        Connection->State = HostWaiting;
        Connection->Deadline = Now() + WELCOME_DELAY;
        return;
    }
    Admit(Connection);
}

/* ---- what a client says then ---- */

/* Drivers and other clients know a thread by its number: it must not be somebody else's. */
static int
IsThreadOf(pid_t ProcessId, uint32_t ThreadId)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%u", (int)ProcessId, (unsigned)ThreadId);
    return access(path, F_OK) == 0;
}

static void
TakeThread(HOST_CONNECTION *Connection, const LPC_SOCKET_MESSAGE *Message)
{
    LPC_SOCKET_MESSAGE answer = {LPC_VERSION, LPC_THREAD_OPEN, 0, Message->Value};
    int channel = -1;

    if (!IsThreadOf(Connection->ProcessId, Message->Value)) {
        Refuse(Connection, HOST_STATUS_INVALID_CID);
        return;
    }
    answer.Status =
        HostKernel->OpenThread(Connection->Client, Message->Value, Message->Status != 0, &channel);
    if (answer.Status < 0) {
        Refuse(Connection, answer.Status);
        return;
    }
    if (!HostSend(Connection->Socket, &answer, sizeof(answer), channel)) {
        Drop(Connection);
    }
    close(channel);
}

static void
TakeMessage(HOST_CONNECTION *Connection, const LPC_SOCKET_MESSAGE *Message, int Descriptors[2])
{
    if (Message->Code == LPC_HELLO) {
        TakeHello(Connection, Message, Descriptors);
    } else if (Connection->State == HostClient && Message->Code == LPC_OPEN_THREAD) {
        TakeThread(Connection, Message);
    } else if (Connection->State == HostClient && Message->Code == LPC_GOODBYE) {
        EndClient(Connection, (int32_t)Message->Value);
    } else {
        Refuse(Connection, HOST_STATUS_INVALID_PARAMETER);
        Drop(Connection);
    }
}

/* Commands are the owner's: they name other users' processes, and load code. */
static void
TakeCommand(HOST_CONNECTION *Connection, const char *Text)
{
    LPC_SOCKET_MESSAGE end = {LPC_VERSION, LPC_ANSWER, HOST_STATUS_ACCESS_DENIED, 0};

    Connection->State = HostControl;
    if (IsOwner(Connection->UserId)) {
        end.Status = HOST_STATUS_NO_MEMORY;
        if (strcmp(Text, "stop") == 0) {
            HostKeepStopper(Connection->Socket);
            HostStop();
            return;
        }
        if (HostBeginCommand(Connection->Socket, Text)) {
            return;
        }
    }
    HostSend(Connection->Socket, &end, sizeof(end), -1);
}

void
HostHandle(HOST_CONNECTION *Connection)
{
    struct {
        LPC_SOCKET_MESSAGE Header;
        char Text[LPC_MAX_TEXT + 1];
    } message;
    struct pollfd ended = {.fd = Connection->Process, .events = POLLIN};
    uid_t user = Connection->UserId;
    int descriptors[2] = {-1, -1};
    ssize_t got;

    if (Connection->Process >= 0 && poll(&ended, 1, 0) > 0) {
        Drop(Connection);
        return;
    }
    if (Connection->Socket < 0) {
        return;
    }
    got = HostReceive(Connection->Socket, &message, sizeof(message) - 1, descriptors,
                      Connection->State == HostNew ? 2 : 0);
    if (got < 0) {
        return;
    }
    if (got < (ssize_t)sizeof(message.Header)) {
        Drop(Connection);
    } else if (message.Header.Code == LPC_CONTROL && Connection->State == HostNew) {
        ((char *)&message)[got] = '\0';
        TakeCommand(Connection, message.Text);
    } else if (got == (ssize_t)sizeof(message.Header)) {
        TakeMessage(Connection, &message.Header, descriptors);
    } else {
        Drop(Connection);
    }
    HostCloseStrange(descriptors[0], user);
    HostCloseStrange(descriptors[1], user);
}

/* ---- the rounds of the loop ---- */

/* FALSE: nobody who ends is worth waiting for. */
static int
FreeEnded(unsigned *Ending)
{
    HOST_CONNECTION *next;
    int wait = 0;

    *Ending = 0;
    for (HOST_CONNECTION *connection = HostConnections; connection != NULL; connection = next) {
        next = connection->Next;
        if (connection->State == HostEnding &&
            __atomic_load_n(&connection->Ended, __ATOMIC_ACQUIRE)) {
            FreeConnection(connection);
        } else {
            *Ending += connection->State == HostEnding;
            wait |= IsWorthWaiting(connection);
        }
    }
    return wait;
}

unsigned
HostSweep(void)
{
    HOST_CONNECTION *next;
    unsigned ending;
    int wait = FreeEnded(&ending);

    for (HOST_CONNECTION *connection = HostConnections; connection != NULL; connection = next) {
        next = connection->Next;
        if (connection->State == HostWaiting && (!wait || Now() >= connection->Deadline)) {
            Admit(connection);
        } else if ((connection->State == HostNew || connection->State == HostControl) &&
                   Now() >= connection->Deadline) {
            Drop(connection); /* it says nothing */
        }
    }
    return ending;
}

void
HostEndAll(void)
{
    HOST_CONNECTION *next;

    for (HOST_CONNECTION *connection = HostConnections; connection != NULL; connection = next) {
        next = connection->Next;
        Drop(connection);
    }
}
