/* SPDX-License-Identifier: MIT
 *
 * mm/client.h - the memory of a client process that is not this process
 *
 * A kernel that serves other processes sees their memory in two ways:
 *
 *   shared   the client's slice of this process's address space: its arena, which it has mapped at
 *            the same addresses, and behind it a zone for what the kernel maps into it. An address
 *            there means the same bytes on both sides.
 *            MDLs over the arena describe a second mapping of it that stays accessible when the
 *            client takes its own away.
 *   foreign  everything else: stacks, heaps, images. It is copied from and to, by HALP_PEER. Where
 *            NT hands a driver the caller's address itself (METHOD_NEITHER, neither I/O), the
 *            driver gets a view instead: an address in the zone with a copy behind it, written back
 *            at completion. An MDL over foreign memory describes a copy as well.
 *
 * Foreign memory can keep a reader waiting for as long as its owner likes (userfaultfd, FUSE), so
 * only the client's own threads touch it: those that serve its calls, and its pump, to which other
 * threads hand what they have to write.
 *
 * Invariants  CM1  Foreign memory is accessed below DISPATCH_LEVEL, by a thread whose process has
 *                  the client.
 *             CM2  The pump does its work in the order in which it came, so a write that was handed
 *                  over before a completion is done before it.
 * Locks       MI_CLIENT.ZoneLock (fast mutex) guards regions; MI_CLIENT.WorkLock (spin) the
 *             pump's list; MI_CLIENT.CopyLock (spin) the locked copies.
 */
#pragma once

#include "mm/mm.h"

typedef struct MI_CLIENT MI_CLIENT;

#define MI_CLIENT_ARENA_SIZE (1ull << 31) /* bytes: what VirtualAlloc can share */
#define MI_CLIENT_ZONE_SIZE (1ull << 31)  /* bytes: what the kernel maps */
#define MI_CLIENT_USER_SIZE (MI_CLIENT_ARENA_SIZE + MI_CLIENT_ZONE_SIZE)
/* Behind them the arena once more, for the kernel: always accessible, whatever the client does. */
#define MI_CLIENT_SLICE_SIZE (MI_CLIENT_USER_SIZE + MI_CLIENT_ARENA_SIZE)

/*
 * MiCreateClient - the memory of a new client
 *
 * Peer   becomes the client's, also on failure
 * Base   of its slice, reserved by the caller
 *
 * Errors STATUS_INSUFFICIENT_RESOURCES
 */
NTSTATUS MiCreateClient(HALP_PEER *Peer, ULONG_PTR Base, MI_CLIENT **Client);
VOID MiReferenceClient(MI_CLIENT *Client);
/* The last one gives everything back, the slice excepted. PASSIVE_LEVEL. */
VOID MiDereferenceClient(MI_CLIENT *Client);
ULONG_PTR MiClientBase(const MI_CLIENT *Client);
/*
 * Whose process it is: a user of the host's, by number. IsTrusted: the kernel's own user, or one
 * who may do all that user may; what the machine has one of is not for the others to change. Before
 * any thread of it is served; until then nobody's, and not trusted.
 */
VOID MiSetClientUser(MI_CLIENT *Client, ULONG UserId, BOOLEAN IsTrusted);

/* ---- quota.c: limits of each client ---- */

typedef enum MI_QUOTA {
    MiQuotaMemory,   /* bytes that stand for its buffers, and of its sections */
    MiQuotaRequests, /* requests, user APCs and packets that wait */
    MiQuotaHandles,  /* the handle table counts them */
    MiQuotaKinds
} MI_QUOTA;
/* For every client; before there is one. */
VOID MiSetClientLimit(MI_QUOTA Quota, SIZE_T Limit);
SIZE_T MiClientLimit(MI_QUOTA Quota);
SIZE_T MiClientUse(const MI_CLIENT *Client, MI_QUOTA Quota);
/*
 * Until MiReturnCharge the client stays referenced. Client NULL: nothing happens.
 * STATUS_QUOTA_EXCEEDED. Any IRQL.
 */
NTSTATUS MiChargeClient(MI_CLIENT *Client, MI_QUOTA Quota, SIZE_T Amount);
VOID MiReturnCharge(MI_CLIENT *Client, MI_QUOTA Quota, SIZE_T Amount);

/* Kernel mode, this process itself, or a trusted client. */
BOOLEAN MiCallerIsTrusted(VOID);
/*
 * Maps the arena into the slice: without access where the client has it, with access behind.
 * Arena stays the caller's. STATUS_INSUFFICIENT_RESOURCES.
 */
NTSTATUS MiMapClientArena(MI_CLIENT *Client, HALP_SHARED_MEMORY *Arena);
VOID MiUnmapClientArena(MI_CLIENT *Client);
/* Bytes of the arena that the client can use now, and bytes that the kernel has mapped into it. */
VOID MiQueryClientMemory(MI_CLIENT *Client, ULONG64 *ArenaBytes, ULONG64 *ZoneBytes);
/* The kernel's address of a byte of the arena; 0: it is not in the arena. */
ULONG_PTR MiArenaAlias(const MI_CLIENT *Client, const VOID *Address);
/*
 * What the client's own mapping of part of its arena allows now (HALP_READ, HALP_WRITE; 0:
 * nothing): drivers may do the same. Whole pages. STATUS_INVALID_PARAMETER; STATUS_QUOTA_EXCEEDED:
 * the arena is in too many pieces.
 */
NTSTATUS MiSetArenaAccess(MI_CLIENT *Client, ULONG_PTR Address, SIZE_T Size, ULONG Access);
/* All of it lies in the slice. */
BOOLEAN MiIsSharedRange(const MI_CLIENT *Client, const VOID *Address, SIZE_T Length);

/* The client of the process that the calling thread runs in; NULL: it is this process. */
static inline MI_CLIENT *
MiCurrentClient(VOID)
{
    KPROCESS *process = KiGetCurrentThread()->Process;

    return process != NULL ? process->Client : NULL;
}

/*
 * What a call brought along and takes back, so that its small arguments need no system call of the
 * host's to get at: copies of ranges of the client's memory, and room for what is written to
 * others. The thread that serves the call has it in KTHREAD.Window meanwhile.
 */
#define MI_WINDOW_RANGES 8u
typedef struct MI_WINDOW_RANGE {
    ULONG_PTR Address; /* the client's */
    ULONG Length;
    ULONG First; /* an output: bytes [First, Last) of it were written */
    ULONG Last;
    BOOLEAN Writable; /* an output: the client found it writable */
    PUCHAR Data;      /* NULL: none was sent, or there is no room */
} MI_WINDOW_RANGE;
typedef struct MI_WINDOW {
    ULONG InCount;
    ULONG OutCount;
    MI_WINDOW_RANGE In[MI_WINDOW_RANGES];
    MI_WINDOW_RANGE Out[MI_WINDOW_RANGES];
} MI_WINDOW;
/* Writes to the client what the window still holds back: somebody is about to be told of it. */
VOID MiFlushWindow(VOID);

/* The copies of mm.h for such a process. STATUS_ACCESS_VIOLATION. CM1. */
NTSTATUS MiReadClient(MI_CLIENT *Client, PVOID Destination, const VOID *Source, SIZE_T Length);
NTSTATUS MiWriteClient(MI_CLIENT *Client, PVOID Destination, const VOID *Source, SIZE_T Length);
NTSTATUS MiProbeClient(MI_CLIENT *Client, const VOID *Address, SIZE_T Length, BOOLEAN Write);

/* ---- what drivers get to see of foreign memory ---- */

typedef struct MI_CLIENT_VIEW MI_CLIENT_VIEW;
/*
 * MiCreateClientView - a copy of foreign memory at an address that a driver may use
 *
 * Address  receives it; it has the same place in its page as the client's
 *
 * What cannot be read there faults here, as a user address does. What lies behind the first page
 * that cannot be read cannot be read here either.
 *
 * Errors   STATUS_INSUFFICIENT_RESOURCES: no memory, or more than the zone has;
 *          STATUS_QUOTA_EXCEEDED
 */
NTSTATUS MiCreateClientView(MI_CLIENT *Client, const VOID *Source, SIZE_T Length,
                            MI_CLIENT_VIEW **View, PVOID *Address);
/* WriteBack: what was changed goes to the client, and nothing else. CM1 with WriteBack. */
VOID MiDeleteClientView(MI_CLIENT_VIEW *View, BOOLEAN WriteBack);

/*
 * The pages behind an MDL over foreign memory: *Block is page-aligned non-paged pool with the
 * contents. STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES. CM1.
 */
NTSTATUS MiLockClientCopy(MI_CLIENT *Client, PMDL Mdl, BOOLEAN Write, PVOID *Block);
/* Unlocks it, at any thread and IRQL <= DISPATCH_LEVEL; what Write asked for is written back. */
VOID MiUnlockClientCopy(MI_CLIENT *Client, PMDL Mdl);
/* MDLs over the client's memory, shared or foreign, that are locked. */
LONG MiClientMdlCount(const MI_CLIENT *Client);
VOID MiCountClientMdl(MI_CLIENT *Client, LONG Change);

/* ---- mapping memory into the client ---- */

/* How the client is asked; NTBOX_CLIENT_OPTIONS.Map of lpc/host.h. */
typedef int MI_CLIENT_MAP(void *Context, int Descriptor, uint64_t Offset, uint64_t Address,
                          uint64_t Size, int Writable);
VOID MiSetClientMapper(MI_CLIENT *Client, MI_CLIENT_MAP *Map, PVOID Context);

typedef struct MI_CLIENT_MAPPING MI_CLIENT_MAPPING;
/*
 * MiMapIntoClient - part of a shared memory at one address of the zone, here and in the client
 *
 * Alignment  of the address, a power of two of whole pages
 *
 * Errors  STATUS_INSUFFICIENT_RESOURCES, also when the client does not do it in time
 * IRQL    PASSIVE_LEVEL. Blocks until the client has done it, or has not for too long.
 */
NTSTATUS MiMapIntoClient(MI_CLIENT *Client, HALP_SHARED_MEMORY *Memory, ULONG64 Offset, SIZE_T Size,
                         SIZE_T Alignment, BOOLEAN Writable, MI_CLIENT_MAPPING **Mapping,
                         PVOID *Address);
/* A client that does not undo it keeps memory that nobody else uses any more. PASSIVE_LEVEL. */
VOID MiUnmapFromClient(MI_CLIENT_MAPPING *Mapping);

/* Pool pages apart from the pool, for that; isolate.c. STATUS_NOT_SUPPORTED: not non-paged pool. */
typedef struct MI_ISOLATED MI_ISOLATED;
VOID MiInitializeIsolation(VOID);
NTSTATUS MiIsolatePages(ULONG_PTR Base, SIZE_T Size, MI_ISOLATED **Isolated);
HALP_SHARED_MEMORY *MiIsolatedMemory(const MI_ISOLATED *Isolated, ULONG_PTR Address,
                                     ULONG64 *Offset);
VOID MiRejoinPages(MI_ISOLATED *Isolated);
/* Waits if Address is in pages that are being moved; TRUE: it was, so try again. Any IRQL. */
BOOLEAN MiAwaitMove(ULONG_PTR Address);

/* ---- the pump ---- */

typedef struct MI_CLIENT_WORK {
    LIST_ENTRY Link;
    VOID (*Routine)(struct MI_CLIENT_WORK *Work); /* at PASSIVE_LEVEL, in the client's process */
} MI_CLIENT_WORK;
/* The calling thread may touch foreign memory of Client now: CM1. */
BOOLEAN MiCanTouchClient(const MI_CLIENT *Client);
/*
 * An asynchronous request of the client: its pump is needed until the request has ended.
 * MiWaitClientRequests waits for that, up to TimeOut (NT units; NULL: for ever); TRUE: none is
 * left.
 */
VOID MiBeginClientRequest(MI_CLIENT *Client);
VOID MiEndClientRequest(MI_CLIENT *Client);
BOOLEAN MiWaitClientRequests(MI_CLIENT *Client, PLARGE_INTEGER TimeOut);
/* Work stays the caller's until Routine is called. IRQL <= DISPATCH_LEVEL. */
VOID MiQueueClientWork(MI_CLIENT *Client, MI_CLIENT_WORK *Work);
/* The pump's loop, on a thread of the client's process; returns after MiStopClientPump. */
VOID MiRunClientPump(MI_CLIENT *Client);
/* What is queued is still done. */
VOID MiStopClientPump(MI_CLIENT *Client);
