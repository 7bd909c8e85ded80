/* SPDX-License-Identifier: MIT
 *
 * ex/ex.h - pools and work items, beyond the WDK
 *
 * Invariants  X1  every block lies in the kernel address range (mm/mm.h MmIsKernelAddress).
 *             X2  a block's header records tag, size, pool kind and the caller's address.
 */
#pragma once

#include "ke/ke.h"

NTSTATUS ExpInitializePools(VOID);
NTSTATUS ExpInitializeSystem(VOID); /* work-queue threads; after ps */
VOID ExpShutdownSystem(VOID);

/* The range that X1 speaks of; reserved once by ExpInitializePools. */
extern ULONG_PTR ExpKernelBase;
extern ULONG_PTR ExpKernelEnd;

typedef struct EXP_POOL_BLOCK {
    PVOID Address;
    SIZE_T Size; /* as asked for */
    ULONG Tag;
    BOOLEAN NonPaged;
    ULONG_PTR Caller;     /* address that the allocation returns to */
    ULONG_PTR FreeCaller; /* who freed it; 0 while live */
    ULONG StackDepth;     /* frames below; 0 unless NTBOX_VERIFY=1 */
    ULONG_PTR Stack[8];   /* the allocation's */
    ULONG FreeStackDepth;
    ULONG_PTR FreeStack[8];
} EXP_POOL_BLOCK;

/* Walks live blocks; Visit returns FALSE to stop. Not to be called with blocks being freed. */
VOID ExpForEachPoolBlock(BOOLEAN (*Visit)(PVOID Context, const EXP_POOL_BLOCK *Block),
                         PVOID Context);
/* Finds the live or most recently freed block that contains Address; FALSE if unknown. */
BOOLEAN ExpDescribePoolAddress(ULONG_PTR Address, EXP_POOL_BLOCK *Block, BOOLEAN *IsFree);

typedef struct EXP_POOL_STATISTICS {
    ULONG64 Allocations;
    ULONG64 Frees;
    ULONG64 BytesInUse;
    ULONG64 BlocksInUse;
    ULONG64 BytesCommitted;
} EXP_POOL_STATISTICS;
VOID ExpQueryPoolStatistics(EXP_POOL_STATISTICS *Statistics);

/* Allocation for the executive itself on behalf of a driver: Caller is recorded (X2). */
PVOID ExpAllocatePool(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, ULONG_PTR Caller);

/*
 * How ex charges pool to processes; ps registers it (upward call), and without it nobody is
 * charged. Charge: the current process pays; FALSE: it may not have that much. *Charged is who
 * pays, or NULL for nobody, and is kept until Return. Both at <= DISPATCH_LEVEL.
 */
typedef struct EXP_QUOTA_OPS {
    BOOLEAN (*Charge)(POOL_TYPE PoolType, SIZE_T Size, PVOID *Charged);
    VOID (*Return)(PVOID Charged, POOL_TYPE PoolType, SIZE_T Size);
} EXP_QUOTA_OPS;
VOID ExpRegisterQuotaOps(const EXP_QUOTA_OPS *Ops);

/* Gives back every block and count in Thread->Cache: ps calls it last when a thread ends. */
VOID ExpFlushThreadCache(KTHREAD *Thread);

/* NTBOX_VERIFY=1: stacks, red zones, quarantine, stricter checks. Constant after start. */
extern BOOLEAN ExpVerifying;

/* One tag's counts since start. */
typedef struct EXP_TAG_STATISTICS {
    ULONG Tag;
    ULONG64 Allocations;
    ULONG64 Frees;
    ULONG64 BytesAllocated;
    ULONG64 BytesFreed;
} EXP_TAG_STATISTICS;
/* Fills at most Count entries, returns how many tags are known. Exact while nobody allocates. */
ULONG ExpQueryTagStatistics(EXP_TAG_STATISTICS *Statistics, ULONG Count);

/* Where non-paged pool memory comes from: the object and offset to map it a second time. */
HALP_STATUS ExpQueryPoolSection(ULONG_PTR Address, HALP_SHARED_MEMORY **Memory, ULONG64 *Offset);
/* Whole pages of non-paged pool at a page boundary, zeroed unless DontZero; for mm. */
PVOID ExpAllocatePages(SIZE_T Size, ULONG Tag, ULONG_PTR Caller);

/* One sentence on the pool block around Address, for reports; "" if there is none. */
VOID ExpDescribePoolText(ULONG_PTR Address, char *Buffer, SIZE_T Size);

/* ---- initialised objects, for checks at free, thread end and unload; track.c ---- */

typedef enum EXP_TRACKED_KIND { ExpTrackedResource = 1, ExpTrackedLookaside } EXP_TRACKED_KIND;
typedef struct EXP_TRACKED {
    PVOID Object;
    ULONG_PTR Caller; /* who initialised it */
    UCHAR Kind;       /* EXP_TRACKED_KIND */
    USHORT Next;
} EXP_TRACKED;
/* Returns who initialised it before, as the same kind of object, or 0. Any IRQL. */
ULONG_PTR ExpTrackObject(PVOID Object, EXP_TRACKED_KIND Kind, ULONG_PTR Caller);
VOID ExpUntrackObject(PVOID Object);
/* One that begins in the range; the range may be gone. */
BOOLEAN ExpFindTracked(ULONG_PTR Base, SIZE_T Size, EXP_TRACKED *Found);
/* An ERESOURCE that the thread owns. */
BOOLEAN ExpFindOwnedResource(KTHREAD *Thread, EXP_TRACKED *Found);
/* "Function (file.c:12)" of a return address. */
VOID ExpNameCode(ULONG_PTR Address, char *Buffer, SIZE_T Size);

/*
 * How ex gets its worker threads; ps registers this before ExpInitializeSystem (upward call).
 * Create: a system thread at PASSIVE_LEVEL. Wait: blocks until it has ended, and lets go of it.
 */
typedef struct EXP_THREAD_OPS {
    NTSTATUS (*Create)(PKSTART_ROUTINE Routine, PVOID Context, PVOID *Thread);
    VOID (*Wait)(PVOID Thread);
} EXP_THREAD_OPS;
VOID ExpRegisterThreadOps(const EXP_THREAD_OPS *Ops);
/* Work items queued and not yet finished. */
LONG ExpWorkItemsPending(VOID);
/* Blocks until every item queued so far has run; PASSIVE_LEVEL, not on a worker. */
VOID ExpFlushWorkItems(VOID);

/* ---- registrations that a driver must take back; registration.c ---- */

struct EXP_REGISTRATION;
/* The driver is gone: undoes the registration, which is off the list. PASSIVE_LEVEL. */
typedef VOID EXP_DROP_REGISTRATION(struct EXP_REGISTRATION *Registration);
typedef struct EXP_REGISTRATION {
    LIST_ENTRY Link;
    const char *Kind; /* "registered ETW provider" */
    ULONG_PTR Owner;  /* an address in the driver */
    EXP_DROP_REGISTRATION *Drop;
} EXP_REGISTRATION;
/* Both at <= DISPATCH_LEVEL. Kind: a constant text, singular. */
VOID ExpInsertRegistration(EXP_REGISTRATION *Registration, const char *Kind, ULONG_PTR Owner,
                           EXP_DROP_REGISTRATION *Drop);
/* Removes it if that address is a registration of that very Kind; else FALSE. */
BOOLEAN ExpTakeRegistration(EXP_REGISTRATION *Registration, const char *Kind);
/* For the unload audit: tells of each one whose Owner lies in the range, and drops it. */
typedef VOID EXP_TELL_REGISTRATION(PVOID Context, const char *Kind, ULONG_PTR Owner);
ULONG ExpDropRegistrationsInRange(ULONG_PTR Base, SIZE_T Size, EXP_TELL_REGISTRATION *Tell,
                                  PVOID Context);
