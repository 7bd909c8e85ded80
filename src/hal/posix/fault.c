/* SPDX-License-Identifier: MIT
 *
 * hal/posix/fault.c - from a fault signal to the kernel's upcall, or to a copy that gives up
 *
 * The handler runs on the thread's alternate stack, so that it also runs when the stack is used
 * up. It never calls the kernel from there, except in that case: it leaves the registers in a
 * record below the faulting function's frame and returns into PosixFaultEntry, an ordinary call on
 * the thread's own stack, outside any signal. If the kernel does not want the fault, that code
 * comes back by an illegal instruction; the handler restores the registers and hands the signal
 * to whoever had it before us.
 *
 * Invariants  F1  The handler calls no function that takes a lock or allocates.
 *             F2  A record is read only by the thread on whose stack it lies, and only while that
 *                 thread is below it.
 * Built without instrumentation: it reads and writes stack that is nobody's yet.
 */
#include "hal/posix/posix.h"
#include "hal/posix/amd64/amd64.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ALTERNATE_STACK_SIZE (256u * 1024)
#define RED_ZONE 128u
/* What the upcall needs on the thread's stack; with less it runs on the alternate one. */
#define MIN_STACK_LEFT (48u * 1024)
/* How far beyond the stack's end an access still counts as its overflow. */
#define OVERFLOW_REACH (1024u * 1024)
#define LEGACY_FLOAT_STATE 512u
#define EXTENDED_STATE_MAGIC 0x46505853u /* FP_XSTATE_MAGIC1, asm/sigcontext.h */
#define MAX_FLOAT_STATE (16u * 1024)

/* A fault on its way to the upcall. Registers first: fault.S knows their offsets. */
typedef struct FAULT_RECORD {
    gregset_t Registers;
    siginfo_t Signal;
    int Handled;
    size_t FloatSize; /* bytes of floating-point state behind the record */
} FAULT_RECORD;

/* The point of the latest fault, for HalpCaptureFaultStack. */
typedef struct FAULT_POINT {
    uintptr_t Instruction;
    uintptr_t Stack;
    uintptr_t Frame;
    int IsFetch; /* the instruction itself could not be read */
} FAULT_POINT;

static const int FaultSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
#define FAULT_SIGNALS (sizeof(FaultSignals) / sizeof(FaultSignals[0]))

static int (*FaultUpcall)(const HALP_FAULT_INFO *Info);
static struct sigaction EarlierActions[FAULT_SIGNALS];
static POSIX_TLS FAULT_POINT FaultPoint;
static POSIX_TLS void *AlternateStack;

/* memcpy, but not the sanitizers'. */
static inline void
CopyBytes(void *Target, const void *Source, size_t Length)
{
    __asm__ volatile("rep movsb" : "+D"(Target), "+S"(Source), "+c"(Length) : : "memory");
}

static int
IsBetween(uintptr_t Address, const char *Begin, const char *End)
{
    return Address >= (uintptr_t)Begin && Address < (uintptr_t)End;
}

static int
IsCanonical(uintptr_t Address)
{
    return (Address >> 47) == 0 || (Address >> 47) == 0x1FFFF;
}

/* ---- accesses that may fail ---- */

/* The processor names no address for one that is not canonical; the registers do. */
static uintptr_t
CopyFaultAddress(const siginfo_t *Signal, const gregset_t Registers)
{
    if (Signal->si_code != SI_KERNEL) {
        return (uintptr_t)Signal->si_addr;
    }
    return (uintptr_t)(IsCanonical((uintptr_t)Registers[REG_RSI]) ? Registers[REG_RDI]
                                                                  : Registers[REG_RSI]);
}

/* 1 if the fault was in copy.S: execution goes on at its recovery point. */
static int
RecoverCopy(const siginfo_t *Signal, gregset_t Registers)
{
    uintptr_t instruction = (uintptr_t)Registers[REG_RIP];
    const char *recovery;

    if (IsBetween(instruction, PosixCopyBegin, PosixCopyStringBegin)) {
        recovery = PosixCopyRecover;
    } else if (IsBetween(instruction, PosixCopyStringBegin, PosixCopyEnd) ||
               IsBetween(instruction, PosixCopyBytesBegin, PosixCopyBytesEnd)) {
        recovery = PosixCopyFail;
    } else if (IsBetween(instruction, PosixTouchBegin, PosixTouchEnd)) {
        recovery = PosixTouchFail;
    } else {
        return 0;
    }
    Registers[REG_R8] = (greg_t)CopyFaultAddress(Signal, Registers);
    Registers[REG_RIP] = (greg_t)recovery;
    return 1;
}

HALP_STATUS
HalpCopyMemory(void *Destination, const void *Source, size_t Length, uintptr_t *FaultAddress)
{
    uintptr_t fault;

    if (PosixCopy(Destination, Source, Length, &fault) == 0) {
        return HALP_OK;
    }
    if (FaultAddress != NULL) {
        *FaultAddress = fault;
    }
    return HALP_FAULT;
}

HALP_STATUS
HalpTouchMemory(void *Address, size_t Length, uint32_t Access, uintptr_t *FaultAddress)
{
    uintptr_t address = (uintptr_t)Address;
    uintptr_t last = address + Length - 1;
    uintptr_t fault = address;

    if (Length == 0) {
        return HALP_OK;
    }
    while (last >= address && PosixTouch(address, (Access & HALP_WRITE) != 0, &fault) == 0) {
        uintptr_t next = (address | (HALP_PAGE_SIZE - 1)) + 1;

        if (next > last || next == 0) {
            return HALP_OK;
        }
        address = next;
    }
    if (FaultAddress != NULL) {
        *FaultAddress = fault;
    }
    return HALP_FAULT;
}

/* ---- handing a signal on ---- */

static size_t
SignalIndex(int Signal)
{
    size_t i = 0;

    while (FaultSignals[i] != Signal) {
        ++i;
    }
    return i;
}

/* What would have happened without us. */
static void
ChainSignal(siginfo_t *Signal, ucontext_t *Context)
{
    const struct sigaction *earlier = &EarlierActions[SignalIndex(Signal->si_signo)];
    struct sigaction standard = {.sa_handler = SIG_DFL};

    if ((earlier->sa_flags & SA_SIGINFO) != 0) {
        earlier->sa_sigaction(Signal->si_signo, Signal, Context);
    } else if (earlier->sa_handler == SIG_IGN && Signal->si_code <= 0) {
        return;
    } else if (earlier->sa_handler != SIG_DFL && earlier->sa_handler != SIG_IGN) {
        earlier->sa_handler(Signal->si_signo);
    } else {
        /* A fault happens again on return; a signal that was sent, and a breakpoint, do not. */
        sigaction(Signal->si_signo, &standard, NULL);
        if (Signal->si_code <= 0 || Signal->si_signo == SIGTRAP) {
            syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), Signal->si_signo);
        }
    }
}

/* ---- delivering ---- */

static void
DescribeFault(const siginfo_t *Signal, const gregset_t Registers, HALP_FAULT_INFO *Info)
{
    Info->IsWrite = 0;
    Info->InstructionPointer = (uintptr_t)Registers[REG_RIP];
    Info->StackPointer = (uintptr_t)Registers[REG_RSP];
    switch (Signal->si_signo) {
    case SIGSEGV:
    case SIGBUS:
        Info->Kind = HALP_FAULT_ACCESS;
        Info->IsWrite = (Registers[REG_ERR] & 2) != 0;
        /* An address that is not canonical is not told; Windows says -1 too. */
        Info->Address = Signal->si_code == SI_KERNEL ? UINTPTR_MAX : (uintptr_t)Signal->si_addr;
        return;
    case SIGFPE:
        Info->Kind = HALP_FAULT_DIVIDE;
        break;
    case SIGILL:
        Info->Kind = HALP_FAULT_INSTRUCTION;
        break;
    default:
        Info->Kind = HALP_FAULT_BREAKPOINT;
        Info->InstructionPointer -= 1; /* int3 is one byte, and has been executed */
        break;
    }
    Info->Address = Info->InstructionPointer;
}

static void
NoteFaultPoint(const HALP_FAULT_INFO *Info, const gregset_t Registers)
{
    FaultPoint.Instruction = Info->InstructionPointer;
    FaultPoint.Stack = Info->StackPointer;
    FaultPoint.Frame = (uintptr_t)Registers[REG_RBP];
    FaultPoint.IsFetch =
        Info->Kind == HALP_FAULT_ACCESS &&
        (Info->Address == Info->InstructionPointer || !IsCanonical(Info->InstructionPointer));
}

/* Called by PosixFaultEntry on the faulting thread's stack; need not return. */
void
PosixDeliverFault(FAULT_RECORD *Record)
{
    HALP_FAULT_INFO info;

    DescribeFault(&Record->Signal, Record->Registers, &info);
    NoteFaultPoint(&info, Record->Registers);
    Record->Handled = FaultUpcall(&info);
}

static size_t
FloatStateSize(const ucontext_t *Context)
{
    const char *state = (const char *)Context->uc_mcontext.fpregs;
    uint32_t extended[2]; /* magic, size: struct _fpx_sw_bytes at 464 of the legacy area */

    if (state == NULL) {
        return 0;
    }
    CopyBytes(extended, state + 464, sizeof(extended));
    if (extended[0] != EXTENDED_STATE_MAGIC || extended[1] > MAX_FLOAT_STATE) {
        return LEGACY_FLOAT_STATE;
    }
    return extended[1];
}

/* Arranges that the thread goes on in PosixFaultEntry. */
static void
DivertToEntry(const siginfo_t *Signal, ucontext_t *Context)
{
    greg_t *registers = Context->uc_mcontext.gregs;
    size_t floatSize = FloatStateSize(Context);
    uintptr_t stack = (uintptr_t)registers[REG_RSP] - RED_ZONE - floatSize;
    FAULT_RECORD *record;

    stack = (stack - sizeof(*record)) & ~(uintptr_t)63;
    record = (FAULT_RECORD *)stack;
    CopyBytes(record->Registers, registers, sizeof(record->Registers));
    CopyBytes(&record->Signal, Signal, sizeof(record->Signal));
    record->Handled = 0;
    record->FloatSize = floatSize;
    CopyBytes(record + 1, Context->uc_mcontext.fpregs, floatSize);

    stack -= sizeof(uintptr_t);
    *(uintptr_t *)stack = (uintptr_t)registers[REG_RIP]; /* as a call there would have */
    registers[REG_RSP] = (greg_t)stack;
    registers[REG_RDI] = (greg_t)record;
    registers[REG_RIP] = (greg_t)PosixFaultEntry;
    registers[REG_EFL] &= ~0x400; /* the direction flag is clear in a called function */
}

/* The upcall has returned: puts the registers of the fault back, and passes it on. */
static void
ResumeFromEntry(ucontext_t *Context)
{
    FAULT_RECORD *record = (FAULT_RECORD *)Context->uc_mcontext.gregs[REG_RDI];
    siginfo_t signal;

    CopyBytes(Context->uc_mcontext.gregs, record->Registers, sizeof(record->Registers));
    CopyBytes(&signal, &record->Signal, sizeof(signal));
    if (record->FloatSize != 0 && record->FloatSize == FloatStateSize(Context)) {
        CopyBytes(Context->uc_mcontext.fpregs, record + 1, record->FloatSize);
    }
    if (!record->Handled) {
        ChainSignal(&signal, Context);
    }
}

/* 1 if the thread's own stack cannot carry the upcall. */
static int
IsStackExhausted(const siginfo_t *Signal, const gregset_t Registers)
{
    uintptr_t stack = (uintptr_t)Registers[REG_RSP];
    uintptr_t address = (uintptr_t)Signal->si_addr;
    uintptr_t low;
    uintptr_t high;

    if (PosixKnownStackLimits(&low, &high) && stack < high && stack + OVERFLOW_REACH > low) {
        return stack < low + MIN_STACK_LEFT ||
               (Signal->si_signo == SIGSEGV && address < low + HALP_PAGE_SIZE &&
                address + OVERFLOW_REACH > low);
    }
    /* A thread not seen before, or a stack that somebody switched to: nearness must do. */
    return Signal->si_signo == SIGSEGV && address + 16 * HALP_PAGE_SIZE > stack &&
           address < stack + HALP_PAGE_SIZE;
}

static int
IsOnAlternateStack(uintptr_t Stack)
{
    uintptr_t start = (uintptr_t)AlternateStack;

    return start != 0 && Stack >= start && Stack < start + ALTERNATE_STACK_SIZE;
}

/* Only faults of the processor: a signal that was sent, and a debugger's step, are not ours. */
static int
IsFault(const siginfo_t *Signal)
{
    if (Signal->si_signo == SIGTRAP) {
        return Signal->si_code == SI_KERNEL || Signal->si_code == TRAP_BRKPT;
    }
    return Signal->si_code > 0;
}

static void
OnFaultSignal(int Number, siginfo_t *Signal, void *Argument)
{
    ucontext_t *context = Argument;
    greg_t *registers = context->uc_mcontext.gregs;
    int savedErrno = errno;
    HALP_FAULT_INFO info;

    (void)Number;
    if (!IsFault(Signal) || IsOnAlternateStack((uintptr_t)registers[REG_RSP])) {
        ChainSignal(Signal, context);
    } else if (Signal->si_signo == SIGILL && registers[REG_RIP] == (greg_t)PosixFaultResume) {
        ResumeFromEntry(context);
    } else if (RecoverCopy(Signal, registers)) {
        /* goes on in copy.S */
    } else if (FaultUpcall == NULL) {
        ChainSignal(Signal, context);
    } else if (IsStackExhausted(Signal, registers)) {
        DescribeFault(Signal, registers, &info);
        NoteFaultPoint(&info, registers);
        if (FaultUpcall(&info) == 0) {
            ChainSignal(Signal, context);
        }
    } else {
        DivertToEntry(Signal, context);
    }
    errno = savedErrno;
}

/* ---- reading the stack of the fault ---- */

uint32_t
HalpCaptureFaultStack(uintptr_t *Frames, uint32_t Count)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t from = FaultPoint.Stack;
    ptrdiff_t slot = 0;
    uint32_t count = 0;
    uintptr_t low;
    uintptr_t high;

    HalpStackLimits(&low, &high);
    if (Count == 0 || FaultPoint.Stack == 0 || FaultPoint.Stack > high ||
        (here >= low && here < high && here > FaultPoint.Stack)) {
        return 0; /* no fault, or one that has been left by longjmp */
    }
    from = from < low ? low : from;
    Frames[count++] = FaultPoint.Instruction;
    /* A call to nowhere has pushed the return address, and a leaf function may need no frame. */
    if ((FaultPoint.IsFetch || PosixFindReturnSlot(FaultPoint.Instruction, &slot)) &&
        count < Count && slot >= 0 && (uintptr_t)slot + sizeof(uintptr_t) <= high - from) {
        Frames[count++] = *(const uintptr_t *)(from + (uintptr_t)slot);
    }
    return count + PosixWalkStack(FaultPoint.Frame, from, high, 0, Frames + count, Count - count);
}

/* ---- start and end ---- */

HALP_STATUS
PosixInitializeFaults(int (*Fault)(const HALP_FAULT_INFO *Info))
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_sigaction = OnFaultSignal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    FaultUpcall = Fault;
    for (size_t i = 0; i < FAULT_SIGNALS; ++i) {
        if (sigaction(FaultSignals[i], &action, &EarlierActions[i]) != 0) {
            return PosixFail("sigaction");
        }
    }
    return HALP_OK;
}

void
PosixShutdownFaults(void)
{
    for (size_t i = 0; i < FAULT_SIGNALS; ++i) {
        struct sigaction current;

        /* Somebody who came after us keeps the signal. */
        if (sigaction(FaultSignals[i], NULL, &current) == 0 &&
            (current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == OnFaultSignal) {
            sigaction(FaultSignals[i], &EarlierActions[i], NULL);
        }
    }
    FaultUpcall = NULL;
}

/* A thread without an alternate stack gets one: a sanitizer's is left in place. */
static void
MakeAlternateStack(void)
{
    stack_t current;
    void *memory;

    if (sigaltstack(NULL, &current) != 0 || (current.ss_flags & SS_DISABLE) == 0) {
        return;
    }
    memory = mmap(NULL, ALTERNATE_STACK_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return; /* an overflow then ends the process without a report */
    }
    current = (stack_t){.ss_sp = memory, .ss_size = ALTERNATE_STACK_SIZE};
    if (sigaltstack(&current, NULL) != 0) {
        munmap(memory, ALTERNATE_STACK_SIZE);
        return;
    }
    AlternateStack = memory;
}

void
PosixEnterThread(void)
{
    PosixFindStack();
    if (AlternateStack == NULL) {
        MakeAlternateStack();
    }
}

void
PosixLeaveThread(void)
{
    stack_t none = {.ss_flags = SS_DISABLE, .ss_size = ALTERNATE_STACK_SIZE};

    PosixForgetError();
    if (AlternateStack != NULL) {
        sigaltstack(&none, NULL);
        munmap(AlternateStack, ALTERNATE_STACK_SIZE);
        AlternateStack = NULL;
    }
}

/* ---- debugger ---- */

int
HalpBreakIntoDebugger(void)
{
    char status[2048];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const char *tracer = NULL;
    ssize_t length = 0;

    if (file >= 0) {
        length = read(file, status, sizeof(status) - 1);
        close(file);
    }
    if (length > 0) {
        status[length] = '\0';
        tracer = strstr(status, "TracerPid:");
    }
    if (tracer == NULL || atoi(tracer + strlen("TracerPid:")) == 0) {
        return 0;
    }
    __asm__ volatile("int3");
    return 1;
}
