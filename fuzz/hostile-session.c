/* SPDX-License-Identifier: MIT
 *
 * fuzz/hostile-session.c - a connection of the hostile client's, from hello to whatever end
 *
 * Threads: some make calls, each over its own channel; one changes words of all channels while the
 * host reads them; one answers LPC_MAP, mostly wrongly; the first one talks to the socket.
 */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define ANSWER_LIMIT 60000 /* ms that the host's main thread may take to answer the socket */
#define SPINS 300u

typedef struct HOSTILE_CALLER {
    HOSTILE_SESSION *Session;
    uint32_t Index;
    uint64_t Seed;
    LPC_CHANNEL *Channel;
    pthread_t Thread;
} HOSTILE_CALLER;

/* ---- the socket ---- */

/* A message with up to 8 descriptors, never blocking. */
static int
Send(int Socket, const void *Message, size_t Length, const int *Descriptors, uint32_t Count)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec data = {.iov_base = (void *)(uintptr_t)Message, .iov_len = Length};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    struct cmsghdr *header;

    if (Count != 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(Count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(Count * sizeof(int));
        memcpy(CMSG_DATA(header), Descriptors, Count * sizeof(int));
    }
    return sendmsg(Socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)Length;
}

/* Bytes, within Limit ms; 0: none. *Descriptor: one that came, or -1. */
static size_t
Receive(int Socket, void *Message, size_t Size, int *Descriptor, int Limit)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = Message, .iov_len = Size};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct pollfd wait = {.fd = Socket, .events = POLLIN};
    struct cmsghdr *header;
    ssize_t got;

    *Descriptor = -1;
    if (poll(&wait, 1, Limit) <= 0) {
        return 0;
    }
    got = recvmsg(Socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got <= 0) {
        return 0;
    }
    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        memcpy(Descriptor, CMSG_DATA(header), sizeof(int));
    }
    return (size_t)got;
}

static int
Connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int end = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", HostileOptions.Socket);
    if (end >= 0 && connect(end, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(end);
        end = -1;
    }
    return end;
}

static void
CloseAll(int *Descriptors, uint32_t Count)
{
    for (uint32_t i = 0; i < Count; i++) {
        if (Descriptors[i] >= 0) {
            close(Descriptors[i]);
        }
    }
}

/* A descriptor that nobody asked for. */
static int
StrangeDescriptor(HOSTILE_RANDOM *Random)
{
    static const char *const paths[] = {"/",
                                        "/dev/null",
                                        "/dev/zero",
                                        "/proc/self/mem",
                                        "/proc/self/maps",
                                        "/proc/self/status",
                                        "/etc/passwd"};
    int ends[2] = {-1, -1};
    char path[64];

    switch (HostileBelow(Random, 7)) {
    case 0:
        if (pipe2(ends, O_CLOEXEC) == 0) {
            close(ends[HostileBelow(Random, 2) == 0 ? 0 : 1]);
        }
        return fcntl(ends[0], F_GETFD) >= 0 ? ends[0] : ends[1];
    case 1:
        return eventfd(0, EFD_CLOEXEC);
    case 2:
        return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case 3:
        return memfd_create("hostile", MFD_CLOEXEC);
    case 4:
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
            close(ends[1]);
        }
        return ends[0];
    case 5:
        snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
        return open(path, O_RDWR | O_CLOEXEC);
    default:
        return open(paths[HostileBelow(Random, sizeof(paths) / sizeof(paths[0]))],
                    O_RDONLY | O_CLOEXEC);
    }
}

/* Anything at all, sent to the socket. Random bytes never spell a control command. */
static void
SendNonsense(int Socket, HOSTILE_RANDOM *Random)
{
    uint32_t words[64];
    LPC_SOCKET_MESSAGE *message = (LPC_SOCKET_MESSAGE *)words;
    size_t length =
        HostileOnce(Random, 3) ? HostileBelow(Random, sizeof(words)) : sizeof(LPC_SOCKET_MESSAGE);
    uint32_t count = HostileOnce(Random, 3) ? HostileBelow(Random, 8) : 0;
    int descriptors[8];

    for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        words[i] = (uint32_t)HostileNext(Random);
    }
    message->Version = HostileOnce(Random, 8) ? message->Version : LPC_VERSION;
    message->Code = HostileOnce(Random, 8) ? message->Code : HostileBelow(Random, 13);
    for (uint32_t i = 0; i < count; i++) {
        descriptors[i] = StrangeDescriptor(Random);
        if (descriptors[i] < 0) {
            count = i;
        }
    }
    Send(Socket, words, length, descriptors, count);
    CloseAll(descriptors, count);
    HostileCount(&HostileCounts->Socket);
}

/* ---- hello ---- */

static int
MapArena(HOSTILE_SESSION *Session, const LPC_WELCOME_MESSAGE *Welcome, int Descriptor)
{
    void *base = (void *)(uintptr_t)Welcome->ArenaBase;

    Session->ArenaSize = Welcome->ArenaSize;
    Session->ZoneSize = Welcome->ZoneSize;
    Session->Arena = mmap(base, Welcome->ArenaSize, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_FIXED_NOREPLACE, Descriptor, 0);
    return Session->Arena == base;
}

/* 1: welcome. Each session has one at a time to ask the socket. */
static int
SayHello(HOSTILE_SESSION *Session, HOSTILE_RANDOM *Random)
{
    LPC_SOCKET_MESSAGE hello = {LPC_VERSION, LPC_HELLO, 0, (uint32_t)gettid()};
    LPC_WELCOME_MESSAGE welcome;
    int ends[2];
    int descriptors[2];
    int arena;
    int welcomed;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return 0;
    }
    descriptors[0] = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    descriptors[1] = ends[1];
    if (Random != NULL && HostileOnce(Random, 12)) {
        close(descriptors[0]);
        descriptors[0] = StrangeDescriptor(Random);
    } else if (Random != NULL && HostileOnce(Random, 12)) {
        close(descriptors[1]);
        descriptors[1] = StrangeDescriptor(Random);
    }
    Session->Maps = ends[0];
    welcomed = descriptors[0] >= 0 && descriptors[1] >= 0 &&
               Send(Session->Socket, &hello, sizeof(hello), descriptors, 2) &&
               Receive(Session->Socket, &welcome, sizeof(welcome), &arena, ANSWER_LIMIT) ==
                   sizeof(welcome) &&
               arena >= 0;
    CloseAll(descriptors, 2);
    if (welcomed) {
        welcomed = MapArena(Session, &welcome, arena);
        close(arena);
    }
    return welcomed;
}

static LPC_CHANNEL *
OpenChannel(HOSTILE_SESSION *Session, uint32_t ThreadId)
{
    LPC_SOCKET_MESSAGE question = {LPC_VERSION, LPC_OPEN_THREAD, 0, ThreadId};
    LPC_SOCKET_MESSAGE answer;
    void *channel = MAP_FAILED;
    int descriptor;

    if (!Send(Session->Socket, &question, sizeof(question), NULL, 0) ||
        Receive(Session->Socket, &answer, sizeof(answer), &descriptor, ANSWER_LIMIT) !=
            sizeof(answer)) {
        return NULL;
    }
    if (descriptor >= 0) {
        channel = mmap(NULL, LPC_CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        close(descriptor);
    }
    return channel == MAP_FAILED ? NULL : channel;
}

/* ---- calls ---- */

static int
HasReturn(const LPC_CHANNEL *Channel, uint32_t Returns)
{
    return __atomic_load_n(&Channel->Returns, __ATOMIC_ACQUIRE) != Returns;
}

/* The call that is in the channel. 0: it did not come back in time. */
static int
Call(LPC_CHANNEL *Channel, uint32_t Patience)
{
    uint32_t returns = __atomic_load_n(&Channel->Returns, __ATOMIC_ACQUIRE);
    struct timespec turn = {.tv_nsec = 5000000};

    __atomic_fetch_add(&Channel->Calls, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&Channel->HostWaits, __ATOMIC_SEQ_CST) != 0) {
        syscall(SYS_futex, &Channel->Calls, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
    for (uint32_t i = 0; i < SPINS; i++) {
        if (HasReturn(Channel, returns)) {
            return 1;
        }
    }
    __atomic_store_n(&Channel->ClientWaits, 1, __ATOMIC_SEQ_CST);
    for (uint32_t waited = 0; waited < Patience && !HasReturn(Channel, returns); waited += 5) {
        syscall(SYS_futex, &Channel->Returns, FUTEX_WAIT, returns, &turn, NULL, 0);
        if (waited > 50 && waited % 50 == 0) { /* a racing thread may have taken a wake-up away */
            syscall(SYS_futex, &Channel->Calls, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        }
    }
    __atomic_store_n(&Channel->ClientWaits, 0, __ATOMIC_RELAXED);
    return HasReturn(Channel, returns);
}

static void *
MakeCalls(void *Context)
{
    HOSTILE_CALLER *caller = Context;
    HOSTILE_SESSION *session = caller->Session;
    HOSTILE_RANDOM random = {caller->Seed};

    while (__atomic_load_n(&session->Ends, __ATOMIC_ACQUIRE) == 0) {
        uint32_t service = HostileMakeRequest(session, caller->Channel, caller->Index, &random);

        HostileCount(&HostileCounts->Messages);
        if (!Call(caller->Channel, HostileOptions.Patience)) {
            HostileCount(&HostileCounts->Abandoned);
            __atomic_fetch_add(&session->Abandoned, 1, __ATOMIC_ACQ_REL);
            return NULL;
        }
        HostileCount(&HostileCounts->Replies);
        HostileTakeReply(session, caller->Channel, service, &random);
    }
    return NULL;
}

/* ---- those who disturb ---- */

static void
ChangeWord(HOSTILE_SESSION *Session, HOSTILE_RANDOM *Random)
{
    LPC_CHANNEL *channel = __atomic_load_n(
        &Session->Channels[HostileBelow(Random, HOSTILE_THREADS)], __ATOMIC_ACQUIRE);
    uint32_t *words = (uint32_t *)channel;
    uint32_t place;

    if (channel == NULL) {
        return;
    }
    switch (HostileBelow(Random, 16)) {
    case 0:
        place = HostileBelow(Random, offsetof(LPC_CHANNEL, Request) / 4); /* the counts, too */
        break;
    case 1:
    case 2:
        place = (uint32_t)offsetof(LPC_CHANNEL, Reply) / 4 +
                HostileBelow(Random, sizeof(LPC_REPLY) / 4);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        place = (uint32_t)offsetof(LPC_CHANNEL, Data) / 4 + HostileBelow(Random, 1024);
        break;
    default:
        place = (uint32_t)offsetof(LPC_CHANNEL, Request) / 4 +
                HostileBelow(Random, sizeof(LPC_REQUEST) / 4);
        break;
    }
    __atomic_store_n(&words[place],
                     HostileOnce(Random, 2) ? (uint32_t)HostileNext(Random)
                                            : words[place] ^ 1u << HostileBelow(Random, 32),
                     __ATOMIC_RELAXED);
    HostileCount(&HostileCounts->Racing);
}

/* What the host fetches by itself changes, too: structures in scratch, data in the arena. */
static void
ChangeMemory(HOSTILE_SESSION *Session, HOSTILE_RANDOM *Random)
{
    uint8_t *memory = HostileOnce(Random, 2) ? Session->Scratch : Session->Arena;
    uint32_t *words = (uint32_t *)memory;

    if (HostileOnce(Random, 5000)) {
        madvise(memory, HOSTILE_SCRATCH, HostileOnce(Random, 2) ? MADV_DONTNEED : MADV_REMOVE);
    }
    __atomic_store_n(&words[HostileBelow(Random, HOSTILE_SCRATCH / 4)],
                     (uint32_t)HostileNext(Random), __ATOMIC_RELAXED);
}

static void *
Disturb(void *Context)
{
    HOSTILE_CALLER *caller = Context;
    HOSTILE_SESSION *session = caller->Session;
    HOSTILE_RANDOM random = {caller->Seed};

    while (__atomic_load_n(&session->Ends, __ATOMIC_ACQUIRE) == 0) {
        uint32_t burst = HostileBelow(&random, 64);

        for (uint32_t i = 0; i < burst; i++) {
            ChangeWord(session, &random);
            ChangeMemory(session, &random);
        }
        sched_yield();
        if (HostileOnce(&random, 4)) {
            usleep(HostileBelow(&random, 2000));
        }
    }
    return NULL;
}

static void *
AnswerMaps(void *Context)
{
    HOSTILE_CALLER *caller = Context;
    HOSTILE_SESSION *session = caller->Session;
    HOSTILE_RANDOM random = {caller->Seed};

    while (__atomic_load_n(&session->Ends, __ATOMIC_ACQUIRE) == 0) {
        LPC_MAP_MESSAGE message;
        LPC_SOCKET_MESSAGE answer = {LPC_VERSION, LPC_DONE, 0, 0};
        int descriptor;

        if (HostileOnce(&random, 50)) {
            SendNonsense(session->Maps, &random);
        }
        if (Receive(session->Maps, &message, sizeof(message), &descriptor, 20) == 0) {
            usleep(1000); /* it may be closed */
            continue;
        }
        CloseAll(&descriptor, 1);
        answer.Value =
            HostileOnce(&random, 4) ? (uint32_t)HostileNext(&random) : message.Header.Value;
        answer.Status = HostileOnce(&random, 4) ? (int32_t)HostileNext(&random) : 0;
        HostileCount(&HostileCounts->Maps);
        if (!HostileOnce(&random, 50)) {
            Send(session->Maps, &answer, sizeof(answer), NULL, 0);
        }
    }
    return NULL;
}

/* ---- a session ---- */

/* The thread's number: its own, a made-up one, another process's. */
static uint32_t
ThreadNumber(HOSTILE_RANDOM *Random)
{
    return HostileOnce(Random, 3) ? (uint32_t)HostileNext(Random) : (uint32_t)gettid();
}

static void
StartCallers(HOSTILE_SESSION *Session, HOSTILE_CALLER *Callers, HOSTILE_RANDOM *Random)
{
    for (uint32_t i = 0; i < HostileOptions.Threads; i++) {
        Callers[i].Session = Session;
        Callers[i].Index = i;
        Callers[i].Seed = HostileNext(Random);
        Callers[i].Channel = OpenChannel(Session, ThreadNumber(Random));
        if (Callers[i].Channel == NULL) {
            continue;
        }
        __atomic_store_n(&Session->Channels[i], Callers[i].Channel, __ATOMIC_RELEASE);
        if (pthread_create(&Callers[i].Thread, NULL, MakeCalls, &Callers[i]) != 0) {
            Callers[i].Channel = NULL;
        }
    }
}

/* Until it has had its time, or no channel answers any more. */
static void
WatchSession(HOSTILE_SESSION *Session, HOSTILE_RANDOM *Random)
{
    uint32_t turns =
        HostileBelow(Random, 4) == 0 ? HostileBelow(Random, 20) : 40 + HostileBelow(Random, 400);

    for (uint32_t i = 0; i < turns && !HostileIsOver(); i++) {
        if (__atomic_load_n(&Session->Abandoned, __ATOMIC_ACQUIRE) >= HostileOptions.Threads) {
            return;
        }
        if (HostileOnce(Random, 300)) {
            SendNonsense(Session->Socket, Random);
        }
        usleep(5000);
    }
}

/* Goodbye, silence, or death: with threads in calls, or not. */
static void
EndSession(HOSTILE_SESSION *Session, HOSTILE_RANDOM *Random)
{
    LPC_SOCKET_MESSAGE goodbye = {LPC_VERSION, LPC_GOODBYE, 0, (uint32_t)HostileNext(Random)};
    uint32_t choice = HostileBelow(Random, 4);

    if (choice == 0) {
        Send(Session->Socket, &goodbye, sizeof(goodbye), NULL, 0);
        return; /* and goes on calling */
    }
    if (choice == 1) {
        shutdown(Session->Socket, SHUT_RDWR);
        return;
    }
    HostileCount(&HostileCounts->Kills);
    _exit(0);
}

static int
PrepareSession(HOSTILE_SESSION *Session)
{
    Session->Maps = -1;
    Session->Socket = Connect();
    Session->Scratch = mmap(NULL, HOSTILE_SCRATCH + 2 * PAGE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return Session->Socket >= 0 && Session->Scratch != MAP_FAILED &&
           mprotect(Session->Scratch + HOSTILE_SCRATCH, PAGE, PROT_READ) == 0 &&
           mprotect(Session->Scratch + HOSTILE_SCRATCH + PAGE, PAGE, PROT_NONE) == 0;
}

void
HostilePlaySession(uint64_t Seed)
{
    static HOSTILE_SESSION session;
    static HOSTILE_CALLER callers[HOSTILE_THREADS];
    HOSTILE_RANDOM random = {Seed};
    HOSTILE_CALLER others[2];

    session.Seed = Seed;
    if (!PrepareSession(&session)) {
        _exit(1);
    }
    HostileCount(&HostileCounts->Sessions);
    if (HostileOnce(&random, 10)) {
        SendNonsense(session.Socket, &random);
    }
    if (!SayHello(&session, &random)) {
        HostileCount(&HostileCounts->Refused);
        _exit(0);
    }
    StartCallers(&session, callers, &random);
    others[0] = others[1] = (HOSTILE_CALLER){.Session = &session, .Seed = HostileNext(&random)};
    pthread_create(&others[0].Thread, NULL, Disturb, &others[0]);
    pthread_create(&others[1].Thread, NULL, AnswerMaps, &others[1]);
    WatchSession(&session, &random);
    EndSession(&session, &random);
    usleep(HostileBelow(&random, 20000));
    _exit(0);
}

/* ---- the honest client ---- */

static const char *
AskForTime(HOSTILE_SESSION *Session)
{
    LPC_CHANNEL *channel = OpenChannel(Session, (uint32_t)gettid());
    LPC_REQUEST *request;
    uint64_t times[2] = {0, 0};

    if (channel == NULL) {
        return "gives an honest client no channel";
    }
    request = &channel->Request;
    for (uint32_t i = 0; i < 2; i++) {
        memset(request, 0, sizeof(*request));
        request->Service = HostileFindService("NtQuerySystemTime");
        request->Argument[0] = (uint64_t)(uintptr_t)&times[i]; /* fetched and written by the host */
        if (!Call(channel, ANSWER_LIMIT)) {
            return "does not answer an honest call";
        }
        if (channel->Reply.Status != 0) {
            return "fails an honest call";
        }
    }
    munmap(channel, LPC_CHANNEL_SIZE);
    return times[0] != 0 && times[1] >= times[0] ? NULL : "answers an honest call wrongly";
}

const char *
HostileAskHonestly(void)
{
    HOSTILE_SESSION session = {.Maps = -1};
    LPC_SOCKET_MESSAGE goodbye = {LPC_VERSION, LPC_GOODBYE, 0, 0};
    LPC_SOCKET_MESSAGE answer;
    const char *trouble;
    int descriptor;

    session.Socket = Connect();
    if (session.Socket < 0) {
        return "is not there any more";
    }
    trouble = SayHello(&session, NULL) ? AskForTime(&session) : "does not welcome an honest client";
    if (trouble == NULL) {
        Send(session.Socket, &goodbye, sizeof(goodbye), NULL, 0);
        Receive(session.Socket, &answer, sizeof(answer), &descriptor, ANSWER_LIMIT);
    }
    if (session.Arena != NULL) {
        munmap(session.Arena, session.ArenaSize);
    }
    close(session.Socket);
    close(session.Maps);
    return trouble;
}
