/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/command.c - the command to follow: started stopped, let go when we are armed
 *
 * The child waits on a pipe, so that no source can miss its exec. It inherits standard input,
 * output and error and stays in our process group (Ctrl-C reaches both); its signals are reset.
 * A second pipe, closed by the exec, brings back why it could not run.
 *
 * Between fork and exec the child calls only what is safe in a fork of a process with threads.
 *
 * For a tracer, the child installs a seccomp filter that stops on mmap of executable file pages
 * and on nothing else; unprivileged, that needs no_new_privs: set-user-ID programs below the
 * command do not gain their privileges.
 *
 * Locks   HALP_COMMAND.Lock guards Status and the waitpid that sets it.
 * Sources seccomp(2), ptrace(2), Documentation/admin-guide/LSM/Yama.rst (PR_SET_PTRACER).
 */
#include "eventsp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Written into the barrier. */
typedef struct HALP_GO {
    pid_t Tracer; /* 0: none */
    int IsAllow;  /* 1: only let Tracer attach, answer, and wait on */
} HALP_GO;

#define HALP_ARGUMENT(Index) ((uint32_t)offsetof(struct seccomp_data, args[Index]))

/* mmap(..., prot & PROT_EXEC, !(flags & MAP_ANONYMOUS), ...) of x86-64; little endian halves. */
static int
HalpInstallFilter(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HALP_ARGUMENT(2)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HALP_ARGUMENT(3)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
    };
    struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};

    /* With CAP_SYS_ADMIN no_new_privs is not needed. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) {
        return 0;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -1;
    }
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static void
HalpResetSignals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    int signal;

    for (signal = 1; signal < NSIG; signal++) {
        sigaction(signal, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: waits for the word to go. */
static HALP_GO
HalpAwaitGo(int BarrierFd, int ResultFd)
{
    ssize_t length;
    HALP_GO go;
    int none = 0;

    for (;;) {
        do {
            length = read(BarrierFd, &go, sizeof(go));
        } while (length < 0 && errno == EINTR);
        if (length != (ssize_t)sizeof(go)) {
            _exit(127); /* abandoned */
        }
        if (!go.IsAllow) {
            return go;
        }
        prctl(PR_SET_PTRACER, go.Tracer, 0, 0, 0); /* fails without Yama: not needed then */
        if (write(ResultFd, &none, sizeof(none)) < 0) {
            _exit(127);
        }
    }
}

static _Noreturn void
HalpRunChild(int BarrierFd, int ResultFd, const char *const *Argv)
{
    ssize_t length;
    HALP_GO go;
    int error;

    HalpResetSignals();
    go = HalpAwaitGo(BarrierFd, ResultFd);
    if (go.Tracer == 0 || HalpInstallFilter() == 0) {
        execvp(Argv[0], (char *const *)(uintptr_t)Argv);
    }
    error = errno;
    length = write(ResultFd, &error, sizeof(error));
    _exit(length > 0 ? 127 : 126);
}

HALP_STATUS
HalpForkCommand(HALP_COMMAND *Command, const char *const *Argv)
{
    int barrier[2];
    int result[2];
    pid_t pid;

    if (pipe2(barrier, O_CLOEXEC) != 0) {
        return HalpEventsError("pipe", errno);
    }
    if (pipe2(result, O_CLOEXEC) != 0) {
        close(barrier[0]);
        close(barrier[1]);
        return HalpEventsError("pipe", errno);
    }
    pid = fork();
    if (pid == 0) {
        close(barrier[1]);
        close(result[0]);
        HalpRunChild(barrier[0], result[1], Argv);
    }
    close(barrier[0]);
    close(result[1]);
    Command->BarrierFd = barrier[1];
    Command->ResultFd = result[0];
    if (pid < 0) {
        HalpAbandonCommand(Command);
        return HalpEventsError("fork", errno);
    }
    Command->Pid = pid;
    return HALP_OK;
}

static void
HalpCloseBarrier(HALP_COMMAND *Command)
{
    if (Command->BarrierFd >= 0) {
        close(Command->BarrierFd);
        close(Command->ResultFd);
        Command->BarrierFd = -1;
        Command->ResultFd = -1;
    }
}

HALP_STATUS
HalpAllowTracer(HALP_COMMAND *Command, pid_t Tracer)
{
    HALP_GO go = {.Tracer = Tracer, .IsAllow = 1};
    ssize_t length = write(Command->BarrierFd, &go, sizeof(go));
    int none;

    do {
        length = read(Command->ResultFd, &none, sizeof(none));
    } while (length < 0 && errno == EINTR);
    return length > 0 ? HALP_OK : HalpEventsError("command", EIO);
}

HALP_STATUS
HalpReleaseCommand(HALP_COMMAND *Command, pid_t Tracer, const char *Name)
{
    HALP_GO go = {.Tracer = Tracer};
    ssize_t length;
    int error = 0;

    /* The child holds the read end: no SIGPIPE, and the pipe has room. */
    length = write(Command->BarrierFd, &go, sizeof(go));
    do {
        length = read(Command->ResultFd, &error, sizeof(error));
    } while (length < 0 && errno == EINTR);
    HalpCloseBarrier(Command);
    if (length <= 0) {
        return HALP_OK; /* closed by the exec */
    }
    HalpReapCommand(Command, 1);
    Command->Pid = 0;
    HalpEventsError(Name, error);
    return error == EACCES || error == EPERM ? HALP_DENIED : HALP_NOT_FOUND;
}

void
HalpAbandonCommand(HALP_COMMAND *Command)
{
    int wasHeld = Command->BarrierFd >= 0;

    HalpCloseBarrier(Command);
    if (Command->Pid != 0 && wasHeld) {
        HalpReapCommand(Command, 1);
        Command->Pid = 0;
    }
}

int
HalpReapCommand(HALP_COMMAND *Command, int Block)
{
    pid_t pid = Command->Pid;
    int status = -1;
    pid_t reaped;

    if (pid == 0) {
        return -1;
    }
    pthread_mutex_lock(&Command->Lock);
    while (Command->Status < 0) {
        reaped = waitpid(pid, &status, Block ? 0 : WNOHANG);
        if (reaped == pid) {
            Command->Status = status;
        } else if (reaped == 0 || errno != EINTR) {
            break;
        }
    }
    status = Command->Status;
    pthread_mutex_unlock(&Command->Lock);
    return status;
}
