/* SPDX-License-Identifier: MIT
 *
 * host/message.c - messages with descriptors, and asking a client to map something
 */
#include "host/host.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAP_TIMEOUT 5000 /* ms that a client gets to map what it asked for */

int
HostSend(int Socket, const void *Message, size_t Length, int Descriptor)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {.iov_base = (void *)(uintptr_t)Message, .iov_len = Length};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    struct cmsghdr *header;

    if (Descriptor >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &Descriptor, sizeof(int));
    }
    return sendmsg(Socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)Length;
}

/* The kernel puts down no more than there is room for; the others it drops. */
static void
TakeDescriptors(struct msghdr *Message, int *Descriptors, unsigned Count)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(Message);
    size_t came;

    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
        return;
    }
    came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(Descriptors, CMSG_DATA(header), (came < Count ? came : Count) * sizeof(int));
}

ssize_t
HostReceive(int Socket, void *Message, size_t Size, int *Descriptors, unsigned Count)
{
    _Alignas(struct cmsghdr) char control[CMSG_LEN(HOST_MAX_DESCRIPTORS * sizeof(int))];
    struct iovec data = {.iov_base = Message, .iov_len = Size};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    ssize_t got;

    if (Count != 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_LEN(Count * sizeof(int));
    }
    for (unsigned i = 0; i < Count; i++) {
        Descriptors[i] = -1;
    }
    do {
        got = recvmsg(Socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : 0;
    }
    if (Count != 0) {
        TakeDescriptors(&message, Descriptors, Count);
    }
    return got;
}

/* ---- LPC_MAP and LPC_UNMAP ---- */

static int64_t
NowMilliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * The answer to the message of that number, in time. *Failed: there was none; one who does not keep
 * to the protocol is not waited for again, or its end would take that long for each mapping.
 */
static int
AwaitDone(int Socket, uint32_t Number, int *Failed)
{
    int64_t limit = NowMilliseconds() + MAP_TIMEOUT;
    LPC_SOCKET_MESSAGE answer;

    for (;;) {
        struct pollfd wait = {.fd = Socket, .events = POLLIN};
        int64_t left = limit - NowMilliseconds();

        if (left <= 0 || poll(&wait, 1, (int)left) == 0 ||
            HostReceive(Socket, &answer, sizeof(answer), NULL, 0) != (ssize_t)sizeof(answer) ||
            answer.Code != LPC_DONE) {
            *Failed = 1;
            return 0;
        }
        if (answer.Value == Number) {
            return answer.Status >= 0;
        }
    }
}

int
HostMap(void *Context, int Descriptor, uint64_t Offset, uint64_t Address, uint64_t Size,
        int Writable)
{
    HOST_CONNECTION *connection = Context;
    LPC_MAP_MESSAGE message = {
        .Header = {LPC_VERSION, Descriptor >= 0 ? LPC_MAP : LPC_UNMAP, 0, 0},
        .Address = Address,
        .Size = Size,
        .Offset = Offset,
        .Writable = Writable != 0,
    };
    int done;

    pthread_mutex_lock(&connection->MapLock);
    message.Header.Value = ++connection->MapNumber;
    done = !connection->MapsFailed &&
           HostSend(connection->Maps, &message, sizeof(message), Descriptor) &&
           AwaitDone(connection->Maps, message.Header.Value, &connection->MapsFailed);
    pthread_mutex_unlock(&connection->MapLock);
    return done;
}
