/* SPDX-License-Identifier: MIT
 *
 * host/command.c - the commands of `ntbox`: each on a thread of its own
 *
 * A command may wait for a driver, so the loop does not wait for the command. The thread has the
 * connection's socket twice: the loop may close its own whenever the peer goes.
 */
#include "host/host.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#define ANSWER_TIMEOUT 10000 /* ms that a peer gets to read on */

typedef struct HOST_COMMAND {
    int Socket;
    char *Text;
    char *Answer;
    size_t Length;
    size_t Size;
    int IsShort; /* memory ran out */
} HOST_COMMAND;

static int Running;      /* atomic */
static int Stopper = -1; /* who asked to stop, and waits for the end */

unsigned
HostCommandsRunning(void)
{
    return (unsigned)__atomic_load_n(&Running, __ATOMIC_ACQUIRE);
}

/* ---- the answer ---- */

/* NTBOX_HOST_SINK */
static void
TakeText(void *Context, const char *Text, size_t Length)
{
    HOST_COMMAND *command = Context;

    if (Length > command->Size - command->Length) {
        size_t size = (command->Length + Length) * 2;
        char *answer = realloc(command->Answer, size);

        if (answer == NULL) {
            command->IsShort = 1;
            return;
        }
        command->Answer = answer;
        command->Size = size;
    }
    memcpy(command->Answer + command->Length, Text, Length);
    command->Length += Length;
}

/* 0: the peer is gone, or does not read. */
static int
SendPart(int Socket, const void *Message, size_t Length)
{
    struct pollfd room = {.fd = Socket, .events = POLLOUT};

    while (!HostSend(Socket, Message, Length, -1)) {
        if (poll(&room, 1, ANSWER_TIMEOUT) != 1 || (room.revents & (POLLERR | POLLHUP)) != 0) {
            return 0;
        }
    }
    return 1;
}

static int
SendText(int Socket, const char *Text, size_t Length)
{
    struct {
        LPC_SOCKET_MESSAGE Header;
        char Text[LPC_MAX_TEXT];
    } answer = {.Header = {LPC_VERSION, LPC_ANSWER, 0, 0}};

    while (Length != 0) {
        size_t part = Length < sizeof(answer.Text) ? Length : sizeof(answer.Text);

        memcpy(answer.Text, Text, part);
        if (!SendPart(Socket, &answer, sizeof(answer.Header) + part)) {
            return 0;
        }
        Text += part;
        Length -= part;
    }
    return 1;
}

static void
SendEnd(int Socket, int32_t Status, uint32_t Value)
{
    LPC_SOCKET_MESSAGE end = {LPC_VERSION, LPC_ANSWER, Status, Value};

    SendPart(Socket, &end, sizeof(end));
}

/* ---- doing it ---- */

/* What `ntbox status` says of the process itself. */
static void
TellHost(HOST_COMMAND *Command)
{
    static const char columns[] = "#pid:n\tuid:n\tsystem:b\tuptime:n\tversion\n";
    struct timespec now;
    char line[128];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(line, sizeof(line), "%d\t%u\t%d\t%lld\t" NTBOX_VERSION "\n", (int)getpid(),
             (unsigned)getuid(), HostSettings.IsSystem,
             (long long)(now.tv_sec - HostSettings.Started.tv_sec));
    TakeText(Command, columns, sizeof(columns) - 1);
    TakeText(Command, line, strlen(line));
}

static void *
RunCommand(void *Context)
{
    HOST_COMMAND *command = Context;
    int32_t status;

    if (strcmp(command->Text, "status") == 0) {
        TellHost(command);
    }
    status = HostKernel->Command(command->Text, TakeText, command);
    if (command->IsShort) {
        status = HOST_STATUS_NO_MEMORY;
    }
    if (status < 0 || SendText(command->Socket, command->Answer, command->Length)) {
        SendEnd(command->Socket, status, 0);
    }
    close(command->Socket);
    free(command->Answer);
    free(command->Text);
    free(command);
    __atomic_fetch_sub(&Running, 1, __ATOMIC_ACQ_REL);
    HostWake();
    return NULL;
}

int
HostBeginCommand(int Socket, const char *Text)
{
    HOST_COMMAND *command = calloc(1, sizeof(*command));
    pthread_attr_t attributes;
    pthread_t thread;
    int made = 0;

    if (command == NULL) {
        return 0;
    }
    command->Text = strdup(Text);
    command->Socket = fcntl(Socket, F_DUPFD_CLOEXEC, 0);
    if (command->Text != NULL && command->Socket >= 0) {
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        __atomic_fetch_add(&Running, 1, __ATOMIC_ACQ_REL);
        made = pthread_create(&thread, &attributes, RunCommand, command) == 0;
        pthread_attr_destroy(&attributes);
    }
    if (!made) {
        __atomic_fetch_sub(&Running, command->Text != NULL && command->Socket >= 0,
                           __ATOMIC_ACQ_REL);
        if (command->Socket >= 0) {
            close(command->Socket);
        }
        free(command->Text);
        free(command);
    }
    return made;
}

/* ---- stopping ---- */

void
HostKeepStopper(int Socket)
{
    if (Stopper < 0) {
        Stopper = fcntl(Socket, F_DUPFD_CLOEXEC, 0);
    }
}

void
HostTellStopped(int Code)
{
    if (Stopper >= 0) {
        SendEnd(Stopper, HOST_STATUS_SUCCESS, (uint32_t)Code);
        close(Stopper);
    }
}
