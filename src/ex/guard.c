/* SPDX-License-Identifier: MIT
 *
 * ex/guard.c - red zones, poison, quarantine and stacks, under NTBOX_VERIFY=1 and sanitizers
 *
 * A guarded small block is  [caller's bytes][red zone][stacks, if verifying]  up to its class's
 * payload. A guarded large block has a pattern in its last page's slack and, if verifying, one page
 * that nobody can touch and one that holds the stacks. Freed blocks wait in a queue, filled with a
 * pattern, before they are handed out again; what was written to them meanwhile is noticed.
 *
 * Invariants  Q1  ExpQueue holds ExpQueueCount blocks from ExpQueueFirst on, none of them live.
 *             Q2  Under AddressSanitizer exactly the caller's bytes of live blocks may be used.
 * Locks       ExpQueueLock (leaf; no IRQL) guards the queue.
 */
#include "ex/expool.h"

#define EXP_QUEUE_LENGTH 512u
#define EXP_QUEUE_BYTES (16u << 20)
#define EXP_FILL_NEW 0xCD
#define EXP_FILL_FREED 0xDD
#define EXP_FILL_ZONE 0xFD
#define EXP_OWN_FRAMES 8

typedef struct EXP_QUEUED {
    EXP_HEADER *Header; /* NULL: a large block */
    ULONG Index;
    UCHAR Kind;
    UCHAR Class;
} EXP_QUEUED;

ULONG ExpExtraPages;

static EXP_LOCK ExpQueueLock;
static EXP_QUEUED ExpQueue[EXP_QUEUE_LENGTH] NT_GUARDED_BY(ExpQueueLock);
static ULONG ExpQueueFirst NT_GUARDED_BY(ExpQueueLock);
static ULONG ExpQueueCount NT_GUARDED_BY(ExpQueueLock);
static SIZE_T ExpQueueBytes NT_GUARDED_BY(ExpQueueLock);

VOID
ExpInitializeGuard(VOID)
{
    ExpExtraPages = ExpVerifying ? 2 : 0;
}

static SIZE_T
ExpNoteSize(VOID)
{
    return ExpVerifying ? sizeof(EXP_STACKS) : 0;
}

SIZE_T
ExpGuardedSize(SIZE_T Size)
{
    SIZE_T guarded = Size + EXP_RED_ZONE + ExpNoteSize();

    return guarded < Size ? Size : guarded;
}

EXP_STACKS *
ExpSmallStacks(EXP_HEADER *Header, ULONG Class)
{
    ULONG_PTR end = (ULONG_PTR)ExpBody(Header) + ExpClassPayload[Class];

    return ExpVerifying ? (EXP_STACKS *)(end - sizeof(EXP_STACKS)) : NULL;
}

EXP_STACKS *
ExpLargeStacks(ULONG Index)
{
    return ExpVerifying ? (EXP_STACKS *)ExpPageAddress(Index + ExpPages[Index].Pages - 1) : NULL;
}

/* memset on bytes that AddressSanitizer may be guarding. */
static VOID
ExpFill(PVOID Address, UCHAR Value, SIZE_T Length)
{
    if (EXP_ASAN) {
        HalpUnpoisonMemory(Address, Length);
    }
    memset(Address, Value, Length);
}

/* First byte of the range that is not Value; 0 if there is none. */
EXP_NO_ASAN static ULONG_PTR
ExpFindDamage(ULONG_PTR Address, SIZE_T Length, UCHAR Value)
{
    for (SIZE_T offset = 0; offset < Length; offset++) {
        if (*(volatile UCHAR *)(Address + offset) != Value) {
            return Address + offset;
        }
    }
    return 0;
}

/* The stack from Caller on: how many frames of ex are before it is the compiler's choice. */
static ULONG
ExpCaptureFrom(ULONG_PTR Caller, ULONG_PTR *Frames)
{
    uintptr_t all[EXP_STACK_FRAMES + EXP_OWN_FRAMES];
    ULONG count = HalpCaptureStack(0, all, EXP_STACK_FRAMES + EXP_OWN_FRAMES);
    ULONG first = 0;

    while (first < count && all[first] != Caller) {
        first++;
    }
    if (first == count) {
        first = count < 3 ? 0 : 3;
    }
    count = min(count - first, EXP_STACK_FRAMES);
    memcpy(Frames, &all[first], count * sizeof(Frames[0]));
    return count;
}

static VOID
ExpNoteStack(EXP_STACKS *Stacks, BOOLEAN IsFree, ULONG_PTR Caller)
{
    if (Stacks == NULL) {
        return;
    }
    if (EXP_ASAN) {
        HalpUnpoisonMemory(Stacks, sizeof(*Stacks));
    }
    if (IsFree) {
        Stacks->FreeDepth = ExpCaptureFrom(Caller, Stacks->FreeFrames);
    } else {
        Stacks->Depth = ExpCaptureFrom(Caller, Stacks->Frames);
        Stacks->FreeDepth = 0;
    }
    if (EXP_ASAN) {
        HalpPoisonMemory(Stacks, sizeof(*Stacks));
    }
}

EXP_NO_ASAN VOID
ExpGuardSmall(EXP_HEADER *Header, ULONG Class)
{
    PUCHAR body = ExpBody(Header);
    SIZE_T size = Header->Size;
    SIZE_T zone = ExpClassPayload[Class] - ExpNoteSize() - size;

    if (ExpVerifying) {
        ExpFill(body, EXP_FILL_NEW, size);
    }
    ExpFill(body + size, EXP_FILL_ZONE, zone);
    ExpNoteStack(ExpSmallStacks(Header, Class), FALSE, Header->Caller);
    if (EXP_ASAN) {
        HalpUnpoisonMemory(body, size);
        HalpPoisonMemory(body + size, ExpClassPayload[Class] - size);
    }
}

VOID
ExpGuardLarge(ULONG Index, SIZE_T Size)
{
    ULONG pages = ExpPages[Index].Pages - ExpExtraPages;
    PUCHAR body = (PUCHAR)ExpPageAddress(Index);
    SIZE_T slack = ((SIZE_T)pages << PAGE_SHIFT) - Size;

    if (ExpVerifying) {
        ExpFill(body, EXP_FILL_NEW, Size);
        HalpProtectMemory(body + ((SIZE_T)pages << PAGE_SHIFT), PAGE_SIZE, 0);
    }
    ExpFill(body + Size, EXP_FILL_ZONE, slack);
    ExpNoteStack(ExpLargeStacks(Index), FALSE, ExpPages[Index].Caller);
    if (EXP_ASAN) {
        HalpUnpoisonMemory(body, Size);
        HalpPoisonMemory(body + Size, slack);
    }
}

EXP_NO_ASAN VOID
ExpCheckGuards(EXP_HEADER *Header, ULONG Class)
{
    ULONG_PTR zone = (ULONG_PTR)ExpBody(Header) + Header->Size;
    SIZE_T length = ExpClassPayload[Class] - ExpNoteSize() - Header->Size;
    ULONG_PTR damaged = ExpFindDamage(zone, length, EXP_FILL_ZONE);

    if (damaged != 0) {
        ExpReportDamage((ULONG_PTR)ExpBody(Header), Header->Size, damaged, FALSE);
    }
}

EXP_NO_ASAN ULONG_PTR
ExpFindOverrun(EXP_HEADER *Header, ULONG Class)
{
    ULONG_PTR tail = (ULONG_PTR)ExpTail(Header, Class);

    if (ExpGuarded) {
        return ExpFindDamage((ULONG_PTR)ExpBody(Header) + Header->Size,
                             ExpClassPayload[Class] - ExpNoteSize() - Header->Size, EXP_FILL_ZONE);
    }
    return tail != 0 ? ExpFindDamage(tail, sizeof(ULONG), EXP_TAIL & 0xFF) : 0;
}

/* ---- the queue of freed blocks ---- */

static SIZE_T
ExpQueuedBytes(const EXP_QUEUED *Queued)
{
    if (Queued->Header != NULL) {
        return ExpClassPayload[Queued->Class];
    }
    return (SIZE_T)ExpPages[Queued->Index].Pages << PAGE_SHIFT;
}

/* A block leaves the queue: nobody may have written to it since it was freed. */
EXP_NO_ASAN static VOID
ExpReleaseQueued(const EXP_QUEUED *Queued)
{
    ULONG_PTR body;
    ULONG_PTR damaged;
    SIZE_T size;

    if (Queued->Header != NULL) {
        body = (ULONG_PTR)ExpBody(Queued->Header);
        damaged = ExpFindDamage(body, Queued->Header->Size, EXP_FILL_FREED);
        if (damaged != 0) {
            ExpReportDamage(body, Queued->Header->Size, damaged, TRUE);
        }
        ExpPushClass(Queued->Kind, Queued->Class, Queued->Header);
        return;
    }
    body = ExpPageAddress(Queued->Index);
    size = ExpQueuedBytes(Queued);
    if (ExpVerifying) {
        HalpProtectMemory((PVOID)body, size, HALP_READ | HALP_WRITE);
    }
    if (EXP_ASAN) {
        HalpUnpoisonMemory((PVOID)body, size);
    }
    ExpFreeSpan(Queued->Index, ExpPages[Queued->Index].Pages);
}

static BOOLEAN
ExpTakeQueuedLocked(EXP_QUEUED *Queued)
{
    if (ExpQueueCount == 0 ||
        (ExpQueueCount < EXP_QUEUE_LENGTH && ExpQueueBytes <= EXP_QUEUE_BYTES)) {
        return FALSE;
    }
    *Queued = ExpQueue[ExpQueueFirst];
    ExpQueueFirst = (ExpQueueFirst + 1) % EXP_QUEUE_LENGTH;
    ExpQueueCount--;
    ExpQueueBytes -= ExpQueuedBytes(Queued);
    return TRUE;
}

static VOID
ExpQueueFreed(const EXP_QUEUED *Queued)
{
    EXP_QUEUED old;
    BOOLEAN taken;

    do {
        ExpAcquireLock(&ExpQueueLock);
        taken = ExpTakeQueuedLocked(&old);
        ExpReleaseLock(&ExpQueueLock);
        if (taken) {
            ExpReleaseQueued(&old);
        }
    } while (taken);
    old.Header = NULL;
    ExpAcquireLock(&ExpQueueLock);
    /* Another thread may have filled the queue again: the oldest makes room. */
    taken = ExpTakeQueuedLocked(&old);
    ExpQueue[(ExpQueueFirst + ExpQueueCount) % EXP_QUEUE_LENGTH] = *Queued;
    ExpQueueCount++;
    ExpQueueBytes += ExpQueuedBytes(Queued);
    ExpReleaseLock(&ExpQueueLock);
    if (taken) {
        ExpReleaseQueued(&old);
    }
}

EXP_NO_ASAN VOID
ExpQuarantineSmall(EXP_HEADER *Header, ULONG Kind, ULONG Class)
{
    EXP_QUEUED queued = {Header, 0, (UCHAR)Kind, (UCHAR)Class};

    ExpSetLink(Header, NULL);
    ExpNoteStack(ExpSmallStacks(Header, Class), TRUE, Header->FreeCaller);
    ExpFill(ExpBody(Header), EXP_FILL_FREED, Header->Size);
    if (EXP_ASAN) {
        HalpPoisonMemory(ExpBody(Header), ExpClassPayload[Class]);
    }
    ExpQueueFreed(&queued);
}

VOID
ExpQuarantineLarge(ULONG Index)
{
    EXP_QUEUED queued = {NULL, Index, 0, 0};
    ULONG_PTR body = ExpPageAddress(Index);
    ULONG pages = ExpPages[Index].Pages - ExpExtraPages;
    ULONG_PTR zone = body + ((SIZE_T)pages << PAGE_SHIFT) - ExpPages[Index].Slack;
    ULONG_PTR damaged = ExpFindDamage(zone, ExpPages[Index].Slack, EXP_FILL_ZONE);

    if (damaged != 0) {
        ExpReportDamage(body, zone - body, damaged, FALSE);
    }
    ExpNoteStack(ExpLargeStacks(Index), TRUE, ExpPages[Index].FreeCaller);
    if (ExpVerifying) {
        /* A use after free is a fault at once. The stacks' page stays. */
        HalpProtectMemory((PVOID)body, (SIZE_T)(pages + 1) << PAGE_SHIFT, 0);
    }
    if (EXP_ASAN) {
        HalpPoisonMemory((PVOID)body, (SIZE_T)pages << PAGE_SHIFT);
    }
    ExpQueueFreed(&queued);
}
