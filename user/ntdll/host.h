/* SPDX-License-Identifier: MIT
 *
 * ntdll/host.h - what user mode asks of the machine under it, and standard C does not give
 *
 * The client side has no hal of its own: everything about devices goes through the system-call
 * gate. What is left is finding the kernel, standard streams, the terminal, signals, pages of
 * memory and waiting on a word; ntdll/linux/ implements it, nothing else in user/ calls the host.
 *
 * Rules   U1  This header includes <stddef.h> and <stdint.h>, nothing else.
 *         U2  Results: 1 for done and 0 for not, unless said otherwise; errno stays inside.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* ---- libraries ---- */

/*
 * Loads libntoskrnl.so: $NTBOX_KERNEL, else next to libntbox.so, else in the build tree's place,
 * else wherever the loader finds it. NULL: NtdllHostLoadError says why.
 */
void *NtdllHostLoadKernel(void);
const char *NtdllHostLoadError(void);
void *NtdllHostFindSymbol(void *Library, const char *Name);
/* An export of libntbox.so, or NULL. */
void *NtdllHostFindOwnExport(const char *Name);

/* ---- process and threads ---- */

_Noreturn void NtdllHostExitNow(int Code); /* no exit handlers, nothing flushed */
_Noreturn void NtdllHostPark(void);        /* the calling thread never runs again */
uint32_t NtdllHostThreadId(void);
uint32_t NtdllHostProcessId(void);
void NtdllHostYield(void);
/* argv as the process was started with; lives for ever. NULL when the host does not tell. */
const char *const *NtdllHostArguments(int *Count);
/* Path of the running program; 0 when unknown or longer than Size. */
int NtdllHostImagePath(char *Path, size_t Size);
int NtdllHostCurrentFolder(char *Path, size_t Size);
void NtdllHostSetEnvironment(const char *Name, const char *Value); /* Value NULL: unset */
int NtdllHostIsDebugged(void);

/* Blocks while *Address == Expected, at most Nanoseconds (UINT64_MAX: for ever). 0: timed out. */
int NtdllHostWaitAddress(const uint32_t *Address, uint32_t Expected, uint64_t Nanoseconds);
void NtdllHostWakeAddress(const uint32_t *Address, uint32_t Count);

/* ---- the host of another process's kernel ---- */

/* The default places of its socket, in the order to try them: Index from 0; 0: there is no such. */
int NtdllHostSocketPath(unsigned Index, char *Path, size_t Size);
int NtdllHostFileExists(const char *Path);
/* A SOCK_SEQPACKET connection; -1: nobody listens there, or NtdllHostSocketError says what. */
int NtdllHostConnect(const char *Path);
const char *NtdllHostSocketError(void);
/* Two connected ends. */
int NtdllHostSocketPair(int Ends[2]);
/* One message with Count descriptors (at most 2), which stay the caller's. */
int NtdllHostSend(int Socket, const void *Message, size_t Length, const int *Descriptors,
                  unsigned Count);
/* Blocks. Bytes received; 0: the other end is closed; -1: an error. *Descriptor: -1 if none came.
 */
ptrdiff_t NtdllHostReceive(int Socket, void *Message, size_t Size, int *Descriptor);
void NtdllHostClose(int Descriptor);
/* /proc/self/mem, for somebody to read and write this process's memory; -1. */
int NtdllHostOpenOwnMemory(void);
/* Replaces what is at Address, if it is not NULL; NULL: failed. */
void *NtdllHostMapShared(int Descriptor, uint64_t Offset, void *Address, size_t Size,
                         uint32_t Access);
/* The pages of a shared mapping read as zeros again, in every process, and give their memory back;
 * here they cannot be accessed afterwards. */
int NtdllHostDropShared(void *Address, size_t Size);
/* The pages of the range can be written: 1 yes, 0 no, -1 unknown on this host. */
int NtdllHostIsWritable(const void *Address, size_t Size);
/* Highest address of the calling thread's stack. */
uintptr_t NtdllHostStackTop(void);
int NtdllHostProcessorCount(void);
/* Like NtdllHostWaitAddress and -WakeAddress, for memory shared with another process. */
int NtdllHostWaitShared(const uint32_t *Address, uint32_t Expected, uint64_t Nanoseconds);
void NtdllHostWakeShared(const uint32_t *Address, uint32_t Count);
void NtdllHostPause(void); /* one turn of a spin loop */
/* A thread that nobody waits for. StackSize 0: the default. */
int NtdllHostStartThread(void (*Start)(void *), void *Context, size_t StackSize);
_Noreturn void NtdllHostEndThread(void);
/* Calls Routine(Context) when the calling thread ends; Context not NULL. One routine a process. */
int NtdllHostAtThreadEnd(void (*Routine)(void *), void *Context);
/* Calls Routine in the child of a fork. */
int NtdllHostAtFork(void (*Routine)(void));

/* ---- clocks ---- */

uint64_t NtdllHostMonotonicTime(void); /* ns since the machine started */
uint64_t NtdllHostSystemTime(void);    /* ns since 1970-01-01 UTC */
/* Local time minus UTC, in seconds, as it is (was, will be) at UnixSeconds. */
int32_t NtdllHostZoneOffset(int64_t UnixSeconds);

/* ---- standard streams: 0 input, 1 output, 2 error ---- */

typedef enum NTDLL_STREAM_KIND {
    NtdllStreamClosed,
    NtdllStreamTerminal,
    NtdllStreamDisk,
    NtdllStreamPipe,
    NtdllStreamOther
} NTDLL_STREAM_KIND;

NTDLL_STREAM_KIND NtdllHostStreamKind(int Stream);
/* Bytes done; -1 is an error, -2 a closed reader. Writes whole, whatever the host takes at once. */
ptrdiff_t NtdllHostRead(int Stream, void *Buffer, size_t Length);
ptrdiff_t NtdllHostWrite(int Stream, const void *Buffer, size_t Length);
int NtdllHostFlush(int Stream);
int NtdllHostTerminalSize(int Stream, uint16_t *Columns, uint16_t *Rows);

typedef enum NTDLL_SIGNAL {
    NtdllSignalInterrupt, /* SIGINT */
    NtdllSignalQuit,      /* SIGQUIT */
    NtdllSignalHangUp,    /* SIGHUP */
    NtdllSignalTerminate  /* SIGTERM */
} NTDLL_SIGNAL;

/*
 * From now on those signals whose action is the default one call Deliver on a thread of its own,
 * one at a time. Once for the process's life.
 */
int NtdllHostCatchSignals(void (*Deliver)(NTDLL_SIGNAL Signal));
/* Sends this process one of them. */
void NtdllHostRaiseSignal(NTDLL_SIGNAL Signal);

/* ---- memory ---- */

#define NTDLL_HOST_READ 1u
#define NTDLL_HOST_WRITE 2u
#define NTDLL_HOST_EXECUTE 4u

/* Whole pages, Alignment a power of two. Address is a wish that is granted or refused. */
void *NtdllHostMapPages(void *Address, size_t Size, size_t Alignment, uint32_t Access);
int NtdllHostProtectPages(void *Address, size_t Size, uint32_t Access);
/* Gives the contents back and makes the pages inaccessible; the range stays taken. */
int NtdllHostForgetPages(void *Address, size_t Size);
void NtdllHostUnmapPages(void *Address, size_t Size);
/* Lock: 1 keeps the pages of a range in memory, 0 lets them go again. */
int NtdllHostLockPages(void *Address, size_t Size, int Lock);

typedef struct NTDLL_HOST_REGION {
    uintptr_t Start;
    uintptr_t End;
    uint32_t Access; /* NTDLL_HOST_* */
    int IsMapped;    /* 0: nothing is there, up to End */
    int IsShared;
    int IsFile;
} NTDLL_HOST_REGION;

/* The pages around Address that are alike; 0: it is beyond what a program may use. */
int NtdllHostQueryRegion(uintptr_t Address, NTDLL_HOST_REGION *Region);
size_t NtdllHostHeapSize(void *Block); /* usable bytes of a block of malloc */
