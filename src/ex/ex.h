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
    SIZE_T Size;      /* as asked for */
    ULONG Tag;
    BOOLEAN NonPaged;
    ULONG_PTR Caller; /* address that the allocation returns to */
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
