/* SPDX-License-Identifier: MIT
 *
 * kernel32/pool.h - what the files of the thread pool share
 *
 * Invariants  T1  Pending counts the callbacks that are promised to an item, Running those that
 *                 have begun. A packet that finds none pending was cancelled, and does nothing.
 *             T2  an item is referenced by who made it until it is closed, by every packet that is
 *                 under way, by its timer and its wait while they are set, and by who runs it.
 *             T3  a worker that takes a packet and leaves none idle makes another one first, so
 *                 that a callback may block without holding up those behind it.
 * Lock        BasePoolLock guards items, timers and waits. No callback runs and no packet is sent
 *             while it is held.
 */
#pragma once

#include "kernel32/kernel32.h"

typedef struct BASE_POOL_ITEM BASE_POOL_ITEM;

struct _TP_CALLBACK_INSTANCE {
    BASE_POOL_ITEM *Item;
    BOOLEAN Disassociated;
    HANDLE Event; /* done when the callback has returned */
    HANDLE Mutex;
    HANDLE Semaphore;
    DWORD Release;
    PCRITICAL_SECTION Section;
    HMODULE Module;
};

/* Argument: what the packet was sent with. Iosb: of a request; else of the sender. */
typedef VOID BASE_POOL_RUN(BASE_POOL_ITEM *Item, PTP_CALLBACK_INSTANCE Instance, PVOID Argument,
                           IO_STATUS_BLOCK *Iosb);

struct BASE_POOL_ITEM {
    LONG References;
    ULONG Pending;
    ULONG Running;
    BOOLEAN Unlimited; /* packets come without a promise */
    BOOLEAN Closed;
    HANDLE Completion;      /* set when it is closed and nothing is pending or runs; or NULL */
    BASE_POOL_ITEM *Parent; /* referenced, one pending: until this is closed and done; or NULL */
    BASE_POOL_RUN *Run;
    BASE_POOL_ITEM *NextHandle; /* on the list of what has a HANDLE */
};

extern SRWLOCK BasePoolLock;

/* ---- pool.c ---- */

/* An item of Size bytes, referenced once; starts the pool. NULL and the last error. */
PVOID BasePoolCreateItem(size_t Size, BASE_POOL_RUN *Run, PTP_CALLBACK_ENVIRON Environment);
VOID BasePoolDereference(BASE_POOL_ITEM *Item);
/* One more callback is promised; then BasePoolSend without the lock. */
VOID BasePoolPromiseLocked(BASE_POOL_ITEM *Item);
VOID BasePoolSend(BASE_POOL_ITEM *Item, PVOID Argument);
/* One promise less, whose packet does not come. */
VOID BasePoolWithdraw(BASE_POOL_ITEM *Item);
/* Runs a promised callback on this thread. */
VOID BasePoolRunHere(BASE_POOL_ITEM *Item, PVOID Argument, IO_STATUS_BLOCK *Iosb);
/* Until nothing is pending or runs. Cancel: what has not begun does not begin. */
VOID BasePoolWaitFor(BASE_POOL_ITEM *Item, BOOL Cancel);
/*
 * Closes an item that has a HANDLE, and gives up its maker's reference. Completion: NULL, an event,
 * or INVALID_HANDLE_VALUE, which waits. FALSE with ERROR_IO_PENDING: callbacks go on.
 */
BOOL BasePoolClose(BASE_POOL_ITEM *Item, HANDLE Completion);
/* Ties a file to the pool's port. */
BOOL BasePoolBindFile(HANDLE File, BASE_POOL_ITEM *Item);
/* HANDLEs: whether one is on the list, with this routine; on and off the list. */
BOOLEAN BasePoolIsHandleLocked(HANDLE Handle, BASE_POOL_RUN *Run);
VOID BasePoolAddHandle(BASE_POOL_ITEM *Item);
BOOLEAN BasePoolRemoveHandle(HANDLE Handle, BASE_POOL_RUN *Run);

/* ---- pooltimer.c ---- */

typedef struct BASE_POOL_TIMER {
    struct BASE_POOL_TIMER *Next; /* sorted by Due */
    BASE_POOL_ITEM *Item;
    ULONG64 Due;  /* ns of NtdllHostMonotonicTime */
    DWORD Period; /* ms; 0: once */
    BOOLEAN Set;  /* T2 */
    BOOLEAN InThread;
} BASE_POOL_TIMER;

/* Due: nanoseconds from now. FALSE and the last error: there is no timer thread. */
BOOL BasePoolSetTimer(BASE_POOL_TIMER *Timer, ULONG64 Due, DWORD Period);
/* TRUE: it was set. */
BOOLEAN BasePoolCancelTimer(BASE_POOL_TIMER *Timer);
/* Nanoseconds from now until a time as SetThreadpoolTimer has it. */
ULONG64 BasePoolDistance(const FILETIME *Time);

/* ---- poolwait.c ---- */

typedef struct BASE_POOL_WAITER BASE_POOL_WAITER;

typedef struct BASE_POOL_WAIT {
    BASE_POOL_ITEM *Item;
    BASE_POOL_WAITER *Waiter; /* NULL: not set; T2 */
    HANDLE Object;            /* a duplicate of our own */
    ULONG64 Timeout;          /* ns; UINT64_MAX: for ever */
    ULONG64 Due;
    BOOLEAN Armed; /* FALSE: a callback of a repeated wait has not returned */
    BOOLEAN Once;
    BOOLEAN InThread;
} BASE_POOL_WAIT;

/* The packet's argument is WAIT_OBJECT_0 or WAIT_TIMEOUT. FALSE and the last error. */
BOOL BasePoolSetWait(BASE_POOL_WAIT *Wait, HANDLE Object, ULONG64 Timeout);
/* TRUE: it was set. When it returns, nobody waits for the object any more. */
BOOLEAN BasePoolCancelWait(BASE_POOL_WAIT *Wait);
/* The callback of a repeated wait has returned. */
VOID BasePoolRearmWait(BASE_POOL_WAIT *Wait);
