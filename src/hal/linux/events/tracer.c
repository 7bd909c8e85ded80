/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/tracer.c - the ptrace source, the tracer's side: a process that follows a tree
 *
 * It seizes the command and, by the trace options, everything below it. Stops: fork, vfork,
 * clone, exec; mmap of executable file pages by a seccomp filter (command.c); signals, which are
 * passed on; the death of each thread. System calls do not stop otherwise.
 *
 * Rules    P1  A stopped tracee is resumed by whoever handles its stop, exactly once; only a new
 *              one whose maker's stop is still to come waits (Early), for at most HALP_EARLY_WAIT.
 *          P2  A record is written before the tracee that it tells of runs on.
 *          P3  After SIGUSR1, or once no one reads, it is silent, and goes on until the tree is
 *              gone: a tracee without a tracer could no longer map a library.
 * Sources  ptrace(2) (group-stop, PTRACE_EVENT_STOP, execve under ptrace), seccomp(2).
 */
#include "eventsp.h"

#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <elf.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define HALP_EARLY_WAIT_NS 100000000 /* the maker of a new tracee died before its own stop */
#define HALP_TRACER_EARLY 1u         /* in HALP_PROCESS.Flags: stopped, its maker is not known */

/* The tracees by tid; CreatorPid holds the process that a thread belongs to. */
static HALP_TABLE HalpTracees;
static uint32_t HalpEarlyCount;
static int HalpOutFd;
static size_t HalpOutUsed;
static uint8_t HalpOut[64 * 1024] __attribute__((aligned(8)));

/* ---- writing ---- */

static void
HalpFlushTracer(void)
{
    size_t written = 0;
    ssize_t length;

    while (HalpOutFd >= 0 && written < HalpOutUsed) {
        length = write(HalpOutFd, HalpOut + written, HalpOutUsed - written);
        if (length > 0) {
            written += (size_t)length;
        } else if (errno != EINTR) {
            close(HalpOutFd);
            HalpOutFd = -1; /* P3 */
        }
    }
    HalpOutUsed = 0;
}

static void
HalpWriteRaw(const HALP_RAW *Raw)
{
    HALP_WIRE wire = {.PathLength = (uint32_t)Raw->PathLength,
                      .CommandLineLength = (uint32_t)Raw->CommandLineLength,
                      .Raw = *Raw};
    size_t size = (sizeof(wire) + Raw->PathLength + Raw->CommandLineLength + 7) & ~(size_t)7;
    uint8_t *out;

    if (HalpOutFd < 0) {
        return;
    }
    if (size > sizeof(HalpOut) - HalpOutUsed) {
        HalpFlushTracer();
    }
    out = HalpOut + HalpOutUsed;
    wire.Size = (uint32_t)size;
    wire.Raw.Time = HalpRecordClock();
    wire.Raw.Path = NULL;
    wire.Raw.CommandLine = NULL;
    memcpy(out, &wire, sizeof(wire));
    out += sizeof(wire);
    if (Raw->PathLength != 0) {
        memcpy(out, Raw->Path, Raw->PathLength);
    }
    if (Raw->CommandLineLength != 0) {
        memcpy(out + Raw->PathLength, Raw->CommandLine, Raw->CommandLineLength);
    }
    HalpOutUsed += size;
}

/* ---- images ---- */

static void
HalpWriteImage(uint32_t Pid, uint32_t Tid, uint64_t Base, uint64_t Size, const char *Path,
               size_t PathLength)
{
    HALP_RAW raw = {.Type = HALP_RAW_IMAGE,
                    .Pid = Pid,
                    .Tid = Tid,
                    .Base = Base,
                    .Size = Size,
                    .Path = Path,
                    .PathLength = PathLength};

    HalpWriteRaw(&raw);
}

/* One line of /proc/PID/maps: "start-end perms offset dev inode   path". */
static void
HalpWriteMapsLine(uint32_t Pid, char *Line)
{
    unsigned long long start;
    unsigned long long end;
    unsigned long long inode;
    char access[5];
    int path = 0;

    if (sscanf(Line, "%llx-%llx %4s %*x %*s %llu %n", &start, &end, access, &inode, &path) == 4 &&
        path != 0 && access[2] == 'x' && inode != 0) {
        HalpWriteImage(Pid, Pid, start, end - start, Line + path, strlen(Line + path));
    }
}

/* What exec mapped: the program and its loader. The tracee is stopped: the list is whole. */
static void
HalpWriteMaps(uint32_t Pid)
{
    static char text[16 * 1024]; /* a line is at most a path and 100 bytes */
    size_t used = 0;
    ssize_t length;
    char *line;
    char *end;
    int fd;

    snprintf(text, sizeof(text), "/proc/%u/maps", Pid);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    while ((length = read(fd, text + used, sizeof(text) - used)) > 0) {
        used += (size_t)length;
        line = text;
        while ((end = memchr(line, '\n', used - (size_t)(line - text))) != NULL) {
            *end = '\0';
            HalpWriteMapsLine(Pid, line);
            line = end + 1;
        }
        used -= (size_t)(line - text);
        memmove(text, line, used);
    }
    close(fd);
}

static ssize_t
HalpReadTraceeLink(uint32_t Tid, const char *Name, char *Path, size_t Size)
{
    char link[64];

    snprintf(link, sizeof(link), "/proc/%u/%s", Tid, Name);
    return readlink(link, Path, Size);
}

/* At the end of a traced mmap. */
static void
HalpOnMapped(uint32_t Pid, uint32_t Tid)
{
    struct user_regs_struct registers;
    struct iovec where = {&registers, sizeof(registers)};
    char path[4096];
    char name[32];
    ssize_t length;

    if (ptrace(PTRACE_GETREGSET, Tid, NT_PRSTATUS, &where) != 0 || registers.rax > -4096ull) {
        return; /* killed, or the call failed */
    }
    snprintf(name, sizeof(name), "fd/%d", (int)registers.r8);
    length = HalpReadTraceeLink(Tid, name, path, sizeof(path));
    HalpWriteImage(Pid, Tid, registers.rax, (registers.rsi + 4095) & ~4095ull, path,
                   length > 0 ? (size_t)length : 0);
}

/* ---- processes ---- */

/* The process of a thread of ours. */
static uint32_t
HalpTraceeProcess(uint32_t Tid)
{
    HALP_PROCESS *tracee = HalpTableFind(&HalpTracees, Tid);

    return tracee != NULL && tracee->CreatorPid != 0 ? tracee->CreatorPid : Tid;
}

static void
HalpForgetTracee(uint32_t Tid)
{
    HALP_PROCESS *tracee = HalpTableFind(&HalpTracees, Tid);

    if (tracee != NULL) {
        HalpEarlyCount -= (tracee->Flags & HALP_TRACER_EARLY) != 0;
        HalpTableRemove(&HalpTracees, tracee);
    }
}

/* From /proc/TID/status: the process that the thread belongs to, its own if unknown. */
static uint32_t
HalpReadThreadGroup(uint32_t Tid)
{
    char path[64];
    char text[512];
    const char *line;
    ssize_t length;
    int fd;

    snprintf(path, sizeof(path), "/proc/%u/status", Tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return Tid;
    }
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    line = strstr(text, "\nTgid:");
    return line != NULL ? (uint32_t)strtoul(line + 6, NULL, 10) : Tid;
}

static void
HalpResume(uint32_t Tid, int Signal)
{
    /* ESRCH: killed meanwhile; its end will be told. */
    ptrace(PTRACE_CONT, Tid, 0, (void *)(intptr_t)Signal);
}

/* Child is ours now, made by CreatorTid of CreatorPid. */
static void
HalpOnNewTracee(uint32_t Child, uint32_t CreatorPid, uint32_t CreatorTid)
{
    HALP_RAW raw = {.Type = HALP_RAW_FORK,
                    .Pid = Child,
                    .Tid = Child,
                    .CreatorPid = CreatorPid,
                    .CreatorTid = CreatorTid};
    HALP_PROCESS *tracee = HalpTableInsert(&HalpTracees, Child);

    if (tracee == NULL) {
        _exit(1); /* no memory: PTRACE_O_EXITKILL ends the tree, and the reader sees our end */
    }
    tracee->CreatorPid = HalpReadThreadGroup(Child);
    if (tracee->CreatorPid == Child) {
        HalpWriteRaw(&raw);
    }
    if ((tracee->Flags & HALP_TRACER_EARLY) != 0) {
        tracee->Flags &= ~HALP_TRACER_EARLY;
        HalpEarlyCount--;
        HalpResume(Child, 0);
    }
}

static void
HalpOnExec(uint32_t Pid)
{
    static char line[HALP_LINE_SIZE];
    char path[4096];
    unsigned long former = Pid;
    ssize_t length = HalpReadTraceeLink(Pid, "exe", path, sizeof(path));
    HALP_RAW raw = {.Type = HALP_RAW_EXEC,
                    .Pid = Pid,
                    .Tid = Pid,
                    .ParentPid = HalpReadParent(Pid),
                    .Path = path,
                    .PathLength = length > 0 ? (size_t)length : 0,
                    .CommandLine = line,
                    .CommandLineLength = HalpReadCommandLine(Pid, line)};

    ptrace(PTRACE_GETEVENTMSG, Pid, 0, &former);
    if (former != Pid) {
        HalpForgetTracee((uint32_t)former); /* that thread goes on under the process's number */
    }
    HalpWriteRaw(&raw);
    HalpWriteMaps(Pid);
}

static void
HalpOnEnd(uint32_t Tid, int Status)
{
    HALP_RAW raw = {.Type = HALP_RAW_EXIT, .Pid = Tid, .Tid = Tid, .ExitCode = Status};

    /* The first thread's end is told last, with the process's status. */
    if (HalpTraceeProcess(Tid) == Tid) {
        HalpWriteRaw(&raw);
    }
    HalpForgetTracee(Tid);
}

/* ---- stops
 * ------------------------------------------------------------------------------------------------
 */

static int
HalpIsStopSignal(int Signal)
{
    return Signal == SIGSTOP || Signal == SIGTSTP || Signal == SIGTTIN || Signal == SIGTTOU;
}

/* PTRACE_EVENT_STOP: a new tracee's first stop, a group-stop, or its end. */
static void
HalpOnEventStop(uint32_t Tid, int Signal)
{
    HALP_PROCESS *tracee;

    if (HalpTableFind(&HalpTracees, Tid) == NULL) {
        tracee = HalpTableInsert(&HalpTracees, Tid);
        if (tracee == NULL) {
            _exit(1);
        }
        tracee->Flags = HALP_TRACER_EARLY;
        HalpEarlyCount++;
    } else if (HalpIsStopSignal(Signal)) {
        ptrace(PTRACE_LISTEN, Tid, 0, 0);
    } else {
        HalpResume(Tid, 0);
    }
}

static void
HalpOnStop(uint32_t Tid, int Status)
{
    uint32_t process = HalpTraceeProcess(Tid);
    int signal = WSTOPSIG(Status);
    unsigned long child = 0;

    switch (Status >> 16) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        if (ptrace(PTRACE_GETEVENTMSG, Tid, 0, &child) == 0) {
            HalpOnNewTracee((uint32_t)child, process, Tid);
        }
        HalpResume(Tid, 0);
        break;
    case PTRACE_EVENT_EXEC:
        HalpOnExec(Tid);
        HalpResume(Tid, 0);
        break;
    case PTRACE_EVENT_SECCOMP:
        ptrace(PTRACE_SYSCALL, Tid, 0, 0); /* to the end of the mmap */
        break;
    case PTRACE_EVENT_STOP:
        HalpOnEventStop(Tid, signal);
        break;
    default:
        if (signal == (SIGTRAP | 0x80)) {
            HalpOnMapped(process, Tid);
            signal = 0;
        }
        HalpResume(Tid, signal);
        break;
    }
}

/* P1: their makers died before they could tell. */
static void
HalpAdoptEarly(void)
{
    uint32_t parent;
    uint32_t slot;

    for (slot = 0; slot < HalpTracees.Capacity && HalpEarlyCount != 0; slot++) {
        HALP_PROCESS *tracee = &HalpTracees.Slots[slot];
        if (tracee->Pid != 0 && (tracee->Flags & HALP_TRACER_EARLY) != 0) {
            parent = HalpReadParent(tracee->Pid);
            HalpOnNewTracee(tracee->Pid, parent, parent);
        }
    }
}

/* Returns 0 once there is nothing left to trace. */
static int
HalpHandleStops(void)
{
    int status;
    pid_t tid;

    while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        if (WIFSTOPPED(status)) {
            HalpOnStop((uint32_t)tid, status);
        } else {
            HalpOnEnd((uint32_t)tid, status);
        }
    }
    return tid == 0 || errno != ECHILD;
}

static void
HalpPrepareTracer(sigset_t *Waited)
{
    sigset_t all;

    prctl(PR_SET_NAME, "ntbox-tracer", 0, 0, 0);
    signal(SIGCHLD, SIG_DFL);
    /* Ctrl-C and hang-up are for the command; only SIGKILL ends us before the tree does. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(Waited);
    sigaddset(Waited, SIGCHLD);
    sigaddset(Waited, SIGUSR1);
}

_Noreturn void
HalpRunTracer(pid_t Command, int OutFd, int ReadyFd)
{
    const struct timespec patience = {0, HALP_EARLY_WAIT_NS};
    unsigned long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                            PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
                            PTRACE_O_EXITKILL;
    uint32_t creator = (uint32_t)getppid();
    sigset_t waited;
    ssize_t told;
    int error = 0;
    int signal;

    HalpPrepareTracer(&waited);
    HalpOutFd = OutFd;
    if (!HalpTableInitialize(&HalpTracees, 256)) {
        error = ENOMEM;
    } else if (ptrace(PTRACE_SEIZE, Command, 0, (void *)options) != 0) {
        error = errno;
    } else {
        HalpOnNewTracee((uint32_t)Command, creator, creator);
    }
    told = write(ReadyFd, &error, sizeof(error));
    close(ReadyFd);
    while (error == 0 && told > 0 && HalpHandleStops()) {
        HalpFlushTracer();
        signal = sigtimedwait(&waited, NULL, HalpEarlyCount != 0 ? &patience : NULL);
        if (signal < 0 && errno == EAGAIN) {
            HalpAdoptEarly();
        }
        if (signal == SIGUSR1 && HalpOutFd >= 0 && HalpHandleStops()) {
            HalpFlushTracer();
            close(HalpOutFd);
            HalpOutFd = -1; /* P3 */
        }
    }
    HalpFlushTracer();
    _exit(0);
}
