/* SPDX-License-Identifier: MIT
 *
 * hal/halp.h - the host contract: everything the kernel asks of the machine under it
 *
 * Two implementations: hal/linux (the real host) and hal/sim (virtual clock, one thread at a
 * time under a seeded scheduler, a fault plan). Nothing else in src/ or user/ calls the host.
 *
 * Rules   H1  This header includes <stdint.h> and <stddef.h>, nothing else.
 *         H2  A call that may block is named HalpWait* or says "blocks"; no other call does.
 *         H3  Results are HALP_STATUS; a host errno never leaves the implementation.
 *         H4  Times are nanoseconds of HalpMonotonicTime unless the name says otherwise.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HALP_VERSION 1u

typedef enum HALP_STATUS {
    HALP_OK = 0,
    HALP_TIMEOUT,     /* the deadline passed */
    HALP_NO_MEMORY,   /* memory, descriptors or another quota ran out */
    HALP_NOT_FOUND,   /* no such file, symbol, process */
    HALP_DENIED,      /* the host refuses: privileges */
    HALP_BAD_IMAGE,   /* not an ELF shared object for this machine */
    HALP_INVALID,     /* an argument is out of range */
    HALP_UNSUPPORTED, /* this host, or this implementation, cannot */
    HALP_EXISTS,      /* already there */
    HALP_FAULT,       /* an address that cannot be accessed */
    HALP_CLOSED,      /* the other side or the source has ended */
    HALP_IO           /* any other host failure; HalpLastErrorText tells */
} HALP_STATUS;

#define HALP_NEVER UINT64_MAX /* a deadline that does not come */

/* ---- start and end ---- */

typedef enum HALP_FAULT_KIND {
    HALP_FAULT_ACCESS,      /* SIGSEGV, SIGBUS */
    HALP_FAULT_DIVIDE,      /* SIGFPE, integer */
    HALP_FAULT_INSTRUCTION, /* SIGILL */
    HALP_FAULT_BREAKPOINT   /* SIGTRAP from int3 */
} HALP_FAULT_KIND;

typedef struct HALP_FAULT_INFO {
    HALP_FAULT_KIND Kind;
    int IsWrite;       /* HALP_FAULT_ACCESS only */
    uintptr_t Address; /* data address of the fault, else the instruction's */
    uintptr_t InstructionPointer;
    uintptr_t StackPointer;
} HALP_FAULT_INFO;

/* What the kernel lends to its host. */
typedef struct HALP_UPCALLS {
    /*
     * A fault outside HalpCopyMemory and HalpTouchMemory, called on the faulting thread's stack
     * with the fault unblocked: it may leave by longjmp (an exception), end the process (a
     * bugcheck), or return 0: not ours, do what would happen without us (earlier handler, core).
     */
    int (*Fault)(const HALP_FAULT_INFO *Info);
    /* A thread on which HalpSetThreadExitContext was called is ending; Context is that value. */
    void (*ThreadExit)(void *Context);
} HALP_UPCALLS;

/* Version must be HALP_VERSION, else HALP_INVALID. Upcalls stay valid until HalpShutdown. */
HALP_STATUS HalpInitialize(uint32_t Version, const HALP_UPCALLS *Upcalls);
void HalpShutdown(void);
/* "linux" or "sim". */
const char *HalpName(void);
/* Text of the calling thread's latest failure, e.g. "perf_event_open: Permission denied". */
const char *HalpLastErrorText(void);
/* Ends the process at once, as a crash (core file, debugger). Nothing is flushed. */
_Noreturn void HalpAbort(void);
/* Ends the process with this exit code, without running exit handlers. */
_Noreturn void HalpExit(int Code);
/* Stops in an attached debugger, and returns 1 when that goes on; 0 at once without one. */
int HalpBreakIntoDebugger(void);

/* ---- threads ---- */

typedef struct HALP_THREAD HALP_THREAD;

/* Name: at most 15 bytes are shown by the host. The thread runs Start(Context) and ends. */
HALP_STATUS HalpCreateThread(HALP_THREAD **Thread, const char *Name, void (*Start)(void *),
                             void *Context);
/* Blocks until the thread has ended, then frees Thread. Exactly once per created thread. */
void HalpWaitThreadEnd(HALP_THREAD *Thread);
/* Ends the calling thread; only on threads made by HalpCreateThread. */
_Noreturn void HalpExitThread(void);
/* Host identifiers of the calling thread and process (Linux: tid and tgid). */
uint32_t HalpCurrentThreadId(void);
uint32_t HalpCurrentProcessId(void);
/* Registers (or, with NULL, withdraws) a ThreadExit upcall for the calling thread. */
void HalpSetThreadExitContext(void *Context);
/* Lowest and highest address of the calling thread's stack. */
void HalpStackLimits(uintptr_t *Low, uintptr_t *High);
/* Lets another thread run. Never blocks. In sim: a scheduling point. */
void HalpYield(void);
/* One turn of a spin loop (a CPU pause). In sim: a scheduling point. */
void HalpPause(void);
/*
 * Every other thread of the process has passed a full memory barrier between call and return: what
 * the caller wrote before it is seen by what they read after theirs, and the other way round.
 */
void HalpFlushWriteBuffers(void);
/* Processors that this process may use: at least 1. Stays the same while the process lives. */
uint32_t HalpProcessorCount(void);
/* The processor the caller was on a moment ago: a hint, < HalpProcessorCount(). */
uint32_t HalpCurrentProcessor(void);

/* ---- waiting on a word: the only blocking primitive the kernel is built on ---- */

/*
 * Blocks while *Address == Expected, until HalpWakeAddress or the deadline. May return HALP_OK
 * without a wake: callers loop. Deadline: absolute HalpMonotonicTime, or HALP_NEVER.
 */
HALP_STATUS HalpWaitAddress(const uint32_t *Address, uint32_t Expected, uint64_t Deadline);
/* Wakes at most Count waiters of Address. */
void HalpWakeAddress(const uint32_t *Address, uint32_t Count);

/* ---- clocks, randomness ---- */

uint64_t HalpMonotonicTime(void); /* ns since an arbitrary start */
uint64_t HalpSystemTime(void);    /* 100 ns units since 1601-01-01 UTC */
int64_t HalpTimeZoneBias(void);   /* 100 ns units: UTC = local + bias */
void HalpRandom(void *Buffer, size_t Length);

/* ---- memory ---- */

#define HALP_PAGE_SIZE 4096u
#define HALP_READ 1u
#define HALP_WRITE 2u

/* Reserves address space without memory; Size and Alignment are multiples of the page size. */
HALP_STATUS HalpReserveMemory(size_t Size, size_t Alignment, void **Address);
/* Gives zeroed memory to pages of a reservation, or changes their access (HALP_READ/WRITE; 0 =
 * none). */
HALP_STATUS HalpCommitMemory(void *Address, size_t Size, uint32_t Access);
HALP_STATUS HalpProtectMemory(void *Address, size_t Size, uint32_t Access);
/* Takes the memory away; the address range stays reserved. */
void HalpDecommitMemory(void *Address, size_t Size);
void HalpReleaseMemory(void *Address, size_t Size);

typedef struct HALP_SHARED_MEMORY HALP_SHARED_MEMORY;

/* Memory that can be mapped more than once, and into another process. Zeroed. */
HALP_STATUS HalpCreateSharedMemory(const char *Name, size_t Size, HALP_SHARED_MEMORY **Memory);
void HalpCloseSharedMemory(HALP_SHARED_MEMORY *Memory);
/* Address NULL: the host chooses. Otherwise: replaces that part of a reservation of ours. */
HALP_STATUS HalpMapSharedMemory(HALP_SHARED_MEMORY *Memory, uint64_t Offset, size_t Size,
                                uint32_t Access, void *Address, void **Mapped);
/* Undoes a mapping with Address NULL, or a HalpReserveMemoryAt. */
void HalpUnmapSharedMemory(void *Mapped, size_t Size);
/*
 * A descriptor of the memory for another process, which the caller closes. From now on the memory
 * keeps its size. Access HALP_READ: who has the descriptor cannot map it writable, unless it is a
 * process of our own user, who can look into us anyway.
 */
HALP_STATUS HalpShareMemory(HALP_SHARED_MEMORY *Memory, uint32_t Access, int *Descriptor);
/*
 * As HalpReserveMemory, at that address, for what is shared with others: leak checkers do not look
 * for pointers there. HALP_EXISTS: something is there.
 */
HALP_STATUS HalpReserveMemoryAt(void *Address, size_t Size);

/* ---- another process ---- */

/* Its memory, as it handed it over: on Linux a descriptor of /proc/self/mem, opened by itself. */
typedef struct HALP_PEER HALP_PEER;

/* For one that nobody took over. */
void HalpCloseDescriptor(int Descriptor);
/* The descriptor is the peer's on success. */
HALP_STATUS HalpOpenPeer(int Descriptor, HALP_PEER **Peer);
void HalpClosePeer(HALP_PEER *Peer);
/*
 * Copies from and to the other process's memory. *Done: bytes before the first that cannot be
 * accessed, which is HALP_FAULT; HALP_CLOSED: the process is gone. Writing does not ask whether the
 * page is writable there. Blocks, for as long as the other process's paging pleases.
 */
HALP_STATUS HalpReadPeer(HALP_PEER *Peer, uintptr_t Address, void *Buffer, size_t Length,
                         size_t *Done);
HALP_STATUS HalpWritePeer(HALP_PEER *Peer, uintptr_t Address, const void *Buffer, size_t Length,
                          size_t *Done);
/* HalpWaitAddress and HalpWakeAddress for a word of memory that is shared with other processes. */
HALP_STATUS HalpWaitSharedAddress(const uint32_t *Address, uint32_t Expected, uint64_t Deadline);
void HalpWakeSharedAddress(const uint32_t *Address, uint32_t Count);

/*
 * memcpy, except that an inaccessible byte ends it with HALP_FAULT and *FaultAddress set; what
 * was copied before stays copied. Callable anywhere, at any IRQL.
 */
HALP_STATUS HalpCopyMemory(void *Destination, const void *Source, size_t Length,
                           uintptr_t *FaultAddress);
/* Reads (and with HALP_WRITE also writes back) one byte of every page of the range; same result. */
HALP_STATUS HalpTouchMemory(void *Address, size_t Length, uint32_t Access, uintptr_t *FaultAddress);
/* Tells AddressSanitizer (where built with it) that no one may, or again may, use these bytes. */
void HalpPoisonMemory(const void *Address, size_t Length);
void HalpUnpoisonMemory(const void *Address, size_t Length);

/*
 * The fault plan: 1 if the allocation (or other fallible step) named Site must fail now.
 * Always 0 on linux unless NTBOX_FAIL asks for it; sim follows SimSetFaultPlan.
 */
int HalpShouldFail(const char *Site);

/* ---- images and symbols ---- */

typedef struct HALP_IMAGE HALP_IMAGE;

/* Called once for each undefined symbol of an image that nothing provides. */
typedef void HALP_MISSING_SYMBOL(void *Context, const char *Name);

/*
 * Loads an ELF shared object, bound against the kernel's exports. Before it is mapped, its
 * undefined symbols are looked up; with any missing, Missing is called for each and the result is
 * HALP_NOT_FOUND. Not an ELF object for this machine: HALP_BAD_IMAGE. File absent: HALP_NOT_FOUND
 * without a call of Missing. Loaded already: HALP_EXISTS. Its static constructors run here.
 */
HALP_STATUS HalpLoadImage(const char *Path, HALP_MISSING_SYMBOL *Missing, void *Context,
                          HALP_IMAGE **Image);
void HalpUnloadImage(HALP_IMAGE *Image);
/* NULL when there is none. Image NULL: the kernel's own exports. */
void *HalpFindSymbol(HALP_IMAGE *Image, const char *Name);
void HalpImageRange(HALP_IMAGE *Image, uintptr_t *Base, size_t *Size);

typedef struct HALP_SYMBOL {
    char Module[64];    /* file name without folder; "" if unknown */
    char Function[128]; /* "" if unknown */
    uint64_t Offset;    /* from Function, or from the module's start */
    char File[256];     /* "" if there is no line information */
    uint32_t Line;
} HALP_SYMBOL;

/* Best effort; may take milliseconds and allocate on the host's heap. 1 if anything is known. */
int HalpDescribeAddress(uintptr_t Address, HALP_SYMBOL *Symbol);
/* Return addresses of the callers, innermost first; skips Skip frames. Returns how many. Fast. */
uint32_t HalpCaptureStack(uint32_t Skip, uintptr_t *Frames, uint32_t Count);
/* The same from the point of the fault being handled on this thread. */
uint32_t HalpCaptureFaultStack(uintptr_t *Frames, uint32_t Count);

/* ---- text, environment, files ---- */

/* Writes to the kernel's log (standard error, or NTBOX_LOG); whole lines are not interleaved. */
void HalpWriteLog(const char *Text, size_t Length);
/* 1 if the log is a terminal that takes colours. */
int HalpLogIsTerminal(void);
/* Copies an environment variable; returns its length, or -1 if unset or Size is too small. */
ptrdiff_t HalpGetEnvironment(const char *Name, char *Buffer, size_t Size);
/* Creates or replaces a small file whole. */
HALP_STATUS HalpWriteFile(const char *Path, const void *Data, size_t Length);

typedef struct HALP_FILE HALP_FILE;

/*
 * For reading. AnyCase: when there is no such file, one whose last name differs in the case of
 * ASCII letters only. HALP_NOT_FOUND; HALP_DENIED; HALP_UNSUPPORTED: no regular file (a folder).
 */
HALP_STATUS HalpOpenFile(const char *Path, int AnyCase, HALP_FILE **File);
void HalpCloseFile(HALP_FILE *File);
HALP_STATUS HalpFileSize(HALP_FILE *File, uint64_t *Size);
/* Blocks on the disk. *Done < Length: the file ends there. */
HALP_STATUS HalpReadFile(HALP_FILE *File, uint64_t Offset, void *Buffer, size_t Length,
                         size_t *Done);
/*
 * The absolute path of a regular file, found as HalpOpenFile(AnyCase) finds it; a relative Path
 * begins at the process's current folder. Found is UTF-8, NUL-terminated, and the path that was
 * looked for when the result is HALP_NOT_FOUND. HALP_INVALID: longer than Size.
 */
HALP_STATUS HalpFindFile(const char *Path, char *Found, size_t Size);
/* This process's image path and NUL-separated command line, UTF-8, NUL-terminated, cut to Size. */
HALP_STATUS HalpQueryOwnImage(char *Path, size_t PathSize, char *CommandLine, size_t LineSize);

/* ---- events of the machine ---- */

typedef enum HALP_EVENT_TYPE {
    HALP_EVENT_CREATE = 1, /* a process ran a program (exec) */
    HALP_EVENT_EXIT,       /* it ended, or another exec replaced the program */
    HALP_EVENT_IMAGE,      /* an executable mapping of a file */
    HALP_EVENT_LOST        /* Lost events are missing before this point */
} HALP_EVENT_TYPE;

/*
 * One event, valid until the callback returns. Strings are UTF-8 as the host gave them, not
 * NUL-terminated; a length of 0 means unknown.
 *
 * Order, enforced by the implementation (design: M1..M3):
 *   M1  for a ProcessId, CREATE and EXIT strictly alternate, CREATE first;
 *   M2  an IMAGE lies between its process's CREATE and EXIT;
 *   M3  a parent's CREATE comes before its child's, when both are reported.
 * Processes that ran before the source was opened are not reported, nor their images and exits.
 */
typedef struct HALP_EVENT {
    HALP_EVENT_TYPE Type;
    uint32_t ProcessId; /* Linux tgid */
    uint32_t ThreadId;
    uint32_t ParentProcessId;  /* CREATE */
    uint32_t CreatorProcessId; /* CREATE: who forked it, usually the parent */
    uint32_t CreatorThreadId;
    int32_t ExitCode;      /* EXIT: wait(2) status, 0 when replaced by exec, -1 unknown */
    uint64_t Time;         /* HalpSystemTime scale, when it happened, not when it was read */
    uint64_t ImageBase;    /* IMAGE */
    uint64_t ImageSize;    /* IMAGE, bytes */
    uint64_t Lost;         /* LOST: events; of the perf source host records, which are more */
    const char *ImagePath; /* CREATE, IMAGE */
    size_t ImagePathLength;
    const char *CommandLine; /* CREATE: arguments joined by one space each, quoted where needed */
    size_t CommandLineLength;
} HALP_EVENT;

#define HALP_EVENTS_AUTO 0u /* the best that works here */
#define HALP_EVENTS_BPF \
    1u /* tp_btf programs, with perf for images; needs root or CAP_BPF+CAP_PERFMON */
#define HALP_EVENTS_PERF 2u   /* perf_event_open records only; needs root or CAP_PERFMON */
#define HALP_EVENTS_PTRACE 3u /* descendants of Command only; needs nothing */

typedef struct HALP_EVENTS_OPTIONS {
    uint32_t Source;            /* HALP_EVENTS_* */
    const char *const *Command; /* argv, NULL-terminated, to start and follow; NULL: none */
    uint32_t RootProcessId;     /* report this process's descendants only; 0: the whole machine */
    size_t BufferSize;          /* bytes the host may buffer for us per processor; 0: default */
} HALP_EVENTS_OPTIONS;

typedef struct HALP_EVENTS HALP_EVENTS;

/*
 * Opens a source; from the return on every exec on the machine (or below Command) is reported or
 * counted. With Command, the command is started once the source is armed. HALP_DENIED: no source
 * is allowed here (HalpLastErrorText says why); HALP_NOT_FOUND: Command cannot be started.
 * Events are not read until HalpWaitEvents.
 */
HALP_STATUS HalpOpenEvents(const HALP_EVENTS_OPTIONS *Options, HALP_EVENTS **Events);
/* One line for people: "bpf tp_btf + perf mmap2, 2 processors". */
const char *HalpDescribeEvents(HALP_EVENTS *Events);

typedef void HALP_EVENT_CALLBACK(void *Context, const HALP_EVENT *Event);

/*
 * Blocks until events are there, the deadline, or HalpStopEvents; delivers what is there, in
 * order, through Callback. At most one thread at a time. HALP_CLOSED: stopped, or the followed
 * command and all its descendants have ended; everything they did has been delivered.
 */
HALP_STATUS HalpWaitEvents(HALP_EVENTS *Events, uint64_t Deadline, HALP_EVENT_CALLBACK *Callback,
                           void *Context);
/* Any thread: what happened before this call is still delivered, then HALP_CLOSED. */
void HalpStopEvents(HALP_EVENTS *Events);
/* The followed command's wait(2) status once it has ended, else -1. */
int HalpCommandStatus(HALP_EVENTS *Events);
/* After HALP_CLOSED, or without a reader. */
void HalpCloseEvents(HALP_EVENTS *Events);
