/* SPDX-License-Identifier: MIT
 *
 * ntdll/linux/remote.c - user mode's host contract on Linux: reaching another process's kernel
 */
#include "ntdll/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 2
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* ---- sockets ---- */

int
NtdllHostSocketPath(unsigned Index, char *Path, size_t Size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int length;

    switch (Index) {
    case 0:
        if (runtime != NULL && runtime[0] == '/') {
            length = snprintf(Path, Size, "%s/ntbox/host", runtime);
        } else {
            length = snprintf(Path, Size, "/tmp/ntbox-%u/host", (unsigned)getuid());
        }
        break;
    case 1:
        length = snprintf(Path, Size, "/run/ntbox/host");
        break;
    default:
        return 0;
    }
    return length > 0 && (size_t)length < Size;
}

int
NtdllHostFileExists(const char *Path)
{
    return access(Path, F_OK) == 0;
}

/*
 * A host sees all of its clients' memory. One that was found in a default place must be ours or
 * root's: in /tmp the place may be anybody's. One that was chosen is whose it is.
 */
static int
IsTrusted(int End)
{
    const char *chosen = getenv("NTBOX_HOST");
    socklen_t length = sizeof(struct ucred);
    struct ucred peer;

    if (chosen != NULL && chosen[0] != '\0') {
        return 1;
    }
    return getsockopt(End, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == 0 || peer.uid == getuid());
}

int
NtdllHostConnect(const char *Path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int end;

    if (strlen(Path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, Path);
    end = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (end < 0) {
        return -1;
    }
    if (connect(end, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;

        close(end);
        errno = error;
        return -1;
    }
    if (!IsTrusted(end)) {
        close(end);
        errno = EPERM;
        return -1;
    }
    return end;
}

const char *
NtdllHostSocketError(void)
{
    return strerror(errno);
}

int
NtdllHostSocketPair(int Ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, Ends) == 0;
}

int
NtdllHostSend(int Socket, const void *Message, size_t Length, const int *Descriptors,
              unsigned Count)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))] = {0};
    struct iovec data = {.iov_base = (void *)(uintptr_t)Message, .iov_len = Length};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    struct cmsghdr *header;
    ssize_t sent;

    if (Count != 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(Count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(Count * sizeof(int));
        memcpy(CMSG_DATA(header), Descriptors, Count * sizeof(int));
    }
    do {
        sent = sendmsg(Socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)Length;
}

ptrdiff_t
NtdllHostReceive(int Socket, void *Message, size_t Size, int *Descriptor)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = Message, .iov_len = Size};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header;
    ssize_t got;

    *Descriptor = -1;
    do {
        got = recvmsg(Socket, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    header = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len >= CMSG_LEN(sizeof(int))) {
        memcpy(Descriptor, CMSG_DATA(header), sizeof(int));
    }
    return got;
}

void
NtdllHostClose(int Descriptor)
{
    close(Descriptor);
}

int
NtdllHostOpenOwnMemory(void)
{
    return open("/proc/self/mem", O_RDWR | O_CLOEXEC);
}

/* ---- memory ---- */

void *
NtdllHostMapShared(int Descriptor, uint64_t Offset, void *Address, size_t Size, uint32_t Access)
{
    int protection = ((Access & NTDLL_HOST_READ) != 0 ? PROT_READ : 0) |
                     ((Access & NTDLL_HOST_WRITE) != 0 ? PROT_WRITE : 0);
    int flags = MAP_SHARED | MAP_NORESERVE | (Address != NULL ? MAP_FIXED : 0);
    void *mapped = mmap(Address, Size, protection, flags, Descriptor, (off_t)Offset);

    return mapped == MAP_FAILED ? NULL : mapped;
}

int
NtdllHostDropShared(void *Address, size_t Size)
{
    /* Dropping needs the right to write. */
    return mprotect(Address, Size, PROT_READ | PROT_WRITE) == 0 &&
           madvise(Address, Size, MADV_REMOVE) == 0 && mprotect(Address, Size, PROT_NONE) == 0;
}

/* Whether the host knows MADV_POPULATE_WRITE (Linux 5.14): asked once, of a page that is writable.
 */
static int
CanPopulate(void)
{
    static int known; /* atomic: 0 not asked, 1 yes, 2 no */
    int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);

    if (answer == 0) {
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        answer = page != MAP_FAILED && madvise(page, 4096, MADV_POPULATE_WRITE) == 0 ? 1 : 2;
        if (page != MAP_FAILED) {
            munmap(page, 4096);
        }
        __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
    }
    return answer == 1;
}

int
NtdllHostIsWritable(const void *Address, size_t Size)
{
    uintptr_t start = (uintptr_t)Address & ~(uintptr_t)4095;
    size_t span = (((uintptr_t)Address + Size + 4095) & ~(uintptr_t)4095) - start;

    if (!CanPopulate()) {
        return -1;
    }
    return madvise((void *)start, span, MADV_POPULATE_WRITE) == 0;
}

uintptr_t
NtdllHostStackTop(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return 0;
    }
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    return (uintptr_t)low + size;
}

int
NtdllHostProcessorCount(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* ---- waiting ---- */

int
NtdllHostWaitShared(const uint32_t *Address, uint32_t Expected, uint64_t Nanoseconds)
{
    struct timespec time = {.tv_sec = (time_t)(Nanoseconds / 1000000000u),
                            .tv_nsec = (long)(Nanoseconds % 1000000000u)};

    return syscall(SYS_futex, Address, FUTEX_WAIT, Expected,
                   Nanoseconds == UINT64_MAX ? NULL : &time, NULL, 0) == 0 ||
           errno != ETIMEDOUT;
}

void
NtdllHostWakeShared(const uint32_t *Address, uint32_t Count)
{
    syscall(SYS_futex, Address, FUTEX_WAKE, Count > INT_MAX ? INT_MAX : Count, NULL, NULL, 0);
}

void
NtdllHostPause(void)
{
    __builtin_ia32_pause();
}

/* ---- threads ---- */

typedef struct HOST_START {
    void (*Start)(void *);
    void *Context;
} HOST_START;

static void *
RunThread(void *Argument)
{
    HOST_START start = *(HOST_START *)Argument;

    free(Argument);
    start.Start(start.Context);
    return NULL;
}

int
NtdllHostStartThread(void (*Start)(void *), void *Context, size_t StackSize)
{
    HOST_START *start = malloc(sizeof(*start));
    pthread_attr_t attributes;
    pthread_t thread;
    int result;

    if (start == NULL) {
        return 0;
    }
    start->Start = Start;
    start->Context = Context;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (StackSize != 0) {
        pthread_attr_setstacksize(&attributes, StackSize);
    }
    result = pthread_create(&thread, &attributes, RunThread, start);
    pthread_attr_destroy(&attributes);
    if (result != 0) {
        free(start);
    }
    return result == 0;
}

void
NtdllHostEndThread(void)
{
    pthread_exit(NULL);
}

static pthread_once_t ThreadEndOnce = PTHREAD_ONCE_INIT;
static pthread_key_t ThreadEndKey;
static int ThreadEndWorks;
static void (*ThreadEndRoutine)(void *);

static void
MakeThreadEndKey(void)
{
    ThreadEndWorks = pthread_key_create(&ThreadEndKey,
                                        __atomic_load_n(&ThreadEndRoutine, __ATOMIC_RELAXED)) == 0;
}

int
NtdllHostAtThreadEnd(void (*Routine)(void *), void *Context)
{
    __atomic_store_n(&ThreadEndRoutine, Routine, __ATOMIC_RELAXED); /* always the same one */
    pthread_once(&ThreadEndOnce, MakeThreadEndKey);
    return ThreadEndWorks && pthread_setspecific(ThreadEndKey, Context) == 0;
}

int
NtdllHostAtFork(void (*Routine)(void))
{
    return pthread_atfork(NULL, NULL, Routine) == 0;
}
