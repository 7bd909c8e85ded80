/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/order.c - raw records of a host source become ordered HALP_EVENTs
 *
 * A program becomes known in steps: EXEC_BEGIN (the old program is gone), images of the main
 * file and the loader, then EXEC with the facts. Those images are held until the CREATE has been
 * told. Where a step is missing, because the host lost it or the source has no such record, the
 * program is completed from what is known: at its first image (ExecFromImage), or as soon as the
 * process does what only a running program can do (fork, exec again, exit).
 *
 * Invariants  O1  CREATE is told iff REPORTED goes 0 -> 1, EXIT iff it goes 1 -> 0 (gives M1).
 *             O2  IMAGE is told only while REPORTED is set (gives M2).
 *             O3  Held != NULL only while EXECING.
 *             O4  Every record about a reported process is told, or counted in PendingLost (or
 *                 in Tally, for the caller to count).
 *             O5  Times told never decrease.
 *             O6  KnowsPrograms: events fed + Made - Untold = events told, whole machine. Programs
 *                 and Execing count the entries with PROGRAM and EXECING.
 * M3 follows from the time order of what is fed: a parent runs its program before it forks.
 */
#include "order.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define HALP_HELD_SPARES 16u       /* kept for reuse; an exec lasts well below a millisecond */
#define HALP_HELD_SPARE_SIZE 4096u /* larger ones are given back */
#define HALP_HELD_LIMIT 64u        /* images; no program has so many before it starts */
#define HALP_EXEC_LIMIT \
    100000000u /* ns; after a loss, an exec that is older has no EXEC any more */

typedef struct HALP_HELD_IMAGE {
    uint64_t Base;
    uint64_t Size;
    uint64_t Inode;
    uint32_t Tid;
    uint32_t PathLength; /* the path follows, padded to 8 */
} HALP_HELD_IMAGE;

struct HALP_HELD {
    HALP_HELD *Next; /* in Spares */
    uint32_t Count;
    uint32_t Used;
    uint32_t Size;
    _Alignas(HALP_HELD_IMAGE) uint8_t Data[];
};

struct HALP_ORDER {
    HALP_ORDER_OPTIONS Options;
    HALP_EVENT_CALLBACK *Sink;
    void *SinkContext;
    HALP_TABLE Table;
    HALP_HELD *Spares;
    uint32_t SpareCount;
    uint32_t ExpectedRoot;
    uint32_t FollowedCount;
    uint32_t ReportedCount;
    uint32_t LossEpoch;   /* grows with every loss */
    uint64_t PendingLost; /* counted, not told */
    uint64_t LostTotal;
    HALP_ORDER_TALLY Tally;
    uint64_t LastTime;     /* O5 */
    uint64_t CompleteTime; /* before, an unknown process means nothing */
};

/* ---- telling ---- */

static void
HalpOrderEmit(HALP_ORDER *Order, HALP_EVENT *Event, uint64_t Time)
{
    if (Time > Order->LastTime) {
        Order->LastTime = Time;
    }
    Event->Time = Order->LastTime;
    Order->Sink(Order->SinkContext, Event);
}

void
HalpOrderFlush(HALP_ORDER *Order)
{
    HALP_EVENT event = {.Type = HALP_EVENT_LOST, .Lost = Order->PendingLost};

    if (Order->PendingLost != 0) {
        Order->PendingLost = 0;
        HalpOrderEmit(Order, &event, Order->LastTime);
    }
}

static void
HalpOrderLose(HALP_ORDER *Order, uint64_t Count)
{
    Order->PendingLost += Count;
    Order->LostTotal += Count;
    Order->LossEpoch++;
}

void
HalpOrderTellLoss(HALP_ORDER *Order, uint64_t Count)
{
    Order->PendingLost += Count;
    Order->LostTotal += Count;
}

/* O6; returns whether there was one. */
static int
HalpOrderEndProgram(HALP_ORDER *Order, HALP_PROCESS *Process)
{
    if ((Process->Flags & HALP_PROCESS_PROGRAM) == 0) {
        return 0;
    }
    Process->Flags &= ~HALP_PROCESS_PROGRAM;
    Order->Tally.Programs--;
    return 1;
}

static void
HalpOrderEndExec(HALP_ORDER *Order, HALP_PROCESS *Process)
{
    Order->Tally.Execing -= (Process->Flags & HALP_PROCESS_EXECING) != 0;
    Process->Flags &= ~HALP_PROCESS_EXECING;
}

static void
HalpOrderTellExit(HALP_ORDER *Order, HALP_PROCESS *Process, uint32_t Tid, int32_t ExitCode,
                  uint64_t Time)
{
    HALP_EVENT event = {
        .Type = HALP_EVENT_EXIT, .ProcessId = Process->Pid, .ThreadId = Tid, .ExitCode = ExitCode};

    if ((Process->Flags & HALP_PROCESS_REPORTED) == 0) {
        return;
    }
    Process->Flags &= ~HALP_PROCESS_REPORTED;
    Order->ReportedCount--;
    HalpOrderFlush(Order);
    HalpOrderEmit(Order, &event, Time);
}

static void
HalpOrderTellImage(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_EVENT event = {.Type = HALP_EVENT_IMAGE,
                        .ProcessId = Raw->Pid,
                        .ThreadId = Raw->Tid,
                        .ImageBase = Raw->Base,
                        .ImageSize = Raw->Size,
                        .ImagePath = Raw->Path,
                        .ImagePathLength = Raw->PathLength};

    HalpOrderFlush(Order);
    HalpOrderEmit(Order, &event, Raw->Time);
}

/* ---- images that wait for their CREATE ---- */

static void
HalpOrderReleaseHeld(HALP_ORDER *Order, HALP_PROCESS *Process)
{
    HALP_HELD *held = Process->Held;

    Process->Held = NULL;
    if (held == NULL) {
        return;
    }
    if (Order->SpareCount >= HALP_HELD_SPARES || held->Size > HALP_HELD_SPARE_SIZE) {
        free(held);
        return;
    }
    held->Next = Order->Spares;
    Order->Spares = held;
    Order->SpareCount++;
}

/* Room for Need more bytes behind Process->Held. */
static int
HalpOrderReserveHeld(HALP_ORDER *Order, HALP_PROCESS *Process, size_t Need)
{
    HALP_HELD *held = Process->Held;
    size_t size = 1024;

    if (held == NULL && Order->Spares != NULL) {
        held = Order->Spares;
        Order->Spares = held->Next;
        Order->SpareCount--;
        held->Count = 0;
        held->Used = 0;
        Process->Held = held;
    }
    if (held != NULL && held->Size - held->Used >= Need) {
        return 1;
    }
    while (size < Need + (held != NULL ? held->Used : 0)) {
        size *= 2;
    }
    held = realloc(held, sizeof(*held) + size);
    if (held == NULL) {
        return 0;
    }
    if (Process->Held == NULL) {
        held->Count = 0;
        held->Used = 0;
    }
    held->Size = (uint32_t)size;
    Process->Held = held;
    return 1;
}

static int
HalpOrderHold(HALP_ORDER *Order, HALP_PROCESS *Process, const HALP_RAW *Raw)
{
    size_t need = sizeof(HALP_HELD_IMAGE) + ((Raw->PathLength + 7) & ~(size_t)7);
    HALP_HELD_IMAGE *image;

    if (!HalpOrderReserveHeld(Order, Process, need)) {
        return 0;
    }
    image = (HALP_HELD_IMAGE *)(Process->Held->Data + Process->Held->Used);
    image->Base = Raw->Base;
    image->Size = Raw->Size;
    image->Inode = Raw->Inode;
    image->Tid = Raw->Tid;
    image->PathLength = (uint32_t)Raw->PathLength;
    if (Raw->PathLength != 0) {
        memcpy(image + 1, Raw->Path, Raw->PathLength);
    }
    Process->Held->Used += (uint32_t)need;
    Process->Held->Count++;
    return 1;
}

/* The held image after Image (NULL: the first), or NULL. */
static const HALP_HELD_IMAGE *
HalpOrderNextHeld(const HALP_HELD *Held, const HALP_HELD_IMAGE *Image)
{
    const uint8_t *next;

    if (Held == NULL) {
        return NULL;
    }
    next = Held->Data;
    if (Image != NULL) {
        next = (const uint8_t *)(Image + 1) + ((Image->PathLength + 7u) & ~7u);
    }
    return next < Held->Data + Held->Used ? (const HALP_HELD_IMAGE *)next : NULL;
}

/* The held image that is the program itself: the same file, else the first one mapped. */
static const HALP_HELD_IMAGE *
HalpOrderMainImage(const HALP_HELD *Held, uint64_t Inode)
{
    const HALP_HELD_IMAGE *image = HalpOrderNextHeld(Held, NULL);

    for (; image != NULL; image = HalpOrderNextHeld(Held, image)) {
        if (Inode != 0 && image->Inode == Inode) {
            return image;
        }
    }
    return HalpOrderNextHeld(Held, NULL);
}

/* ---- a program becomes known ---- */

static void
HalpOrderTellCreate(HALP_ORDER *Order, HALP_PROCESS *Process, const HALP_RAW *Exec)
{
    const HALP_HELD_IMAGE *image = HalpOrderMainImage(Process->Held, Exec->Inode);
    HALP_EVENT event = {.Type = HALP_EVENT_CREATE,
                        .ProcessId = Exec->Pid,
                        .ThreadId = Exec->Tid,
                        .ParentProcessId = Exec->ParentPid,
                        .CreatorProcessId = Process->CreatorPid,
                        .CreatorThreadId = Process->CreatorTid,
                        .ImagePath = Exec->Path,
                        .ImagePathLength = Exec->PathLength,
                        .CommandLine = Exec->CommandLine,
                        .CommandLineLength = Exec->CommandLineLength};

    if (event.ParentProcessId == 0) {
        event.ParentProcessId = Process->CreatorPid;
    }
    if (event.CreatorProcessId == 0) {
        event.CreatorProcessId = event.ParentProcessId;
        event.CreatorThreadId = event.ParentProcessId;
    }
    if (image != NULL) {
        event.ImagePath = (const char *)(image + 1);
        event.ImagePathLength = image->PathLength;
    }
    Process->Flags |= HALP_PROCESS_REPORTED;
    Order->ReportedCount++;
    HalpOrderFlush(Order);
    HalpOrderEmit(Order, &event, Exec->Time);
}

/* A process whose FORK is missing is followed if its parent is. */
static void
HalpOrderAdopt(HALP_ORDER *Order, HALP_PROCESS *Process, uint32_t ParentPid)
{
    HALP_PROCESS *parent;

    if ((Process->Flags & HALP_PROCESS_ORPHANED) == 0 || !Order->Options.Filter) {
        return;
    }
    parent = HalpTableFind(&Order->Table, ParentPid);
    if (parent != NULL && (parent->Flags & HALP_PROCESS_FOLLOWED) != 0) {
        Process->Flags |= HALP_PROCESS_FOLLOWED | HALP_PROCESS_REPORT;
        Order->FollowedCount++;
    }
    Process->Flags &= ~HALP_PROCESS_ORPHANED;
}

static void
HalpOrderCompleteExec(HALP_ORDER *Order, HALP_PROCESS *Process, const HALP_RAW *Exec)
{
    const HALP_HELD_IMAGE *image;
    HALP_RAW told = {.Type = HALP_RAW_IMAGE, .Pid = Exec->Pid, .Time = Exec->Time};

    HalpOrderAdopt(Order, Process, Exec->ParentPid);
    HalpOrderEndExec(Order, Process);
    HalpOrderEndProgram(Order, Process);
    Process->Flags &= ~HALP_PROCESS_UNSEEN;
    Process->Flags |= HALP_PROCESS_PROGRAM;
    Process->Left = 0;
    Order->Tally.Programs++;
    Process->LossEpoch = Order->LossEpoch;
    if ((Process->Flags & HALP_PROCESS_REPORT) != 0) {
        HalpOrderTellExit(Order, Process, Exec->Tid, 0, Exec->Time);
        HalpOrderTellCreate(Order, Process, Exec);
        image = HalpOrderNextHeld(Process->Held, NULL);
        for (; image != NULL; image = HalpOrderNextHeld(Process->Held, image)) {
            told.Tid = image->Tid;
            told.Base = image->Base;
            told.Size = image->Size;
            told.Path = (const char *)(image + 1);
            told.PathLength = image->PathLength;
            HalpOrderTellImage(Order, &told);
        }
    }
    HalpOrderReleaseHeld(Order, Process);
}

/* The EXEC record will not come, or the source has none. Image: what was mapped first, or NULL. */
static void
HalpOrderGuessExec(HALP_ORDER *Order, HALP_PROCESS *Process, const HALP_RAW *Image)
{
    HALP_RAW exec = {
        .Type = HALP_RAW_EXEC, .Pid = Process->Pid, .Tid = Process->Pid, .Time = Process->ExecTime};

    if (Image != NULL) {
        exec.Path = Image->Path;
        exec.PathLength = Image->PathLength;
    }
    if ((Process->Flags & HALP_PROCESS_REPORT) != 0 && Order->Options.QueryProcess != NULL) {
        Order->Options.QueryProcess(Order->Options.Context, &exec);
    }
    Process->Flags |= HALP_PROCESS_GUESSED;
    Order->Tally.MadeCreates++;
    Order->Tally.MadeExits += (Process->Flags & HALP_PROCESS_PROGRAM) != 0;
    HalpOrderCompleteExec(Order, Process, &exec);
}

/* Process does what it cannot do while it is in exec. */
static void
HalpOrderSettle(HALP_ORDER *Order, HALP_PROCESS *Process)
{
    if (Process != NULL && (Process->Flags & HALP_PROCESS_EXECING) != 0) {
        HalpOrderGuessExec(Order, Process, NULL);
    }
}

/* ---- records ---- */

static void
HalpOrderForget(HALP_ORDER *Order, HALP_PROCESS *Process)
{
    if ((Process->Flags & HALP_PROCESS_FOLLOWED) != 0 && Order->Options.Filter) {
        Order->FollowedCount--;
    }
    HalpOrderEndExec(Order, Process);
    HalpOrderEndProgram(Order, Process);
    HalpOrderReleaseHeld(Order, Process);
}

static int
HalpOrderFork(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_PROCESS *process = HalpTableFind(&Order->Table, Raw->CreatorPid);
    uint32_t flags = HALP_PROCESS_FOLLOWED | HALP_PROCESS_REPORT;

    if (Raw->Tid != Raw->Pid) {
        process = HalpTableFind(&Order->Table, Raw->Pid);
        if (process != NULL) {
            process->Threads++;
        }
        return 1;
    }
    HalpOrderSettle(Order, process);
    if (Order->Options.Filter && Raw->Pid != Order->ExpectedRoot &&
        (process == NULL || (process->Flags & HALP_PROCESS_FOLLOWED) == 0)) {
        flags = 0;
    }
    process = HalpTableInsert(&Order->Table, Raw->Pid);
    if (process == NULL) {
        return 0;
    }
    /* An entry that is there: its EXIT was lost. */
    HalpOrderSettle(Order, process);
    HalpOrderTellExit(Order, process, Raw->Pid, HALP_EXIT_CODE_UNKNOWN, Raw->Time);
    Order->Tally.MadeExits += (process->Flags & HALP_PROCESS_PROGRAM) != 0;
    HalpOrderForget(Order, process);
    *process = (HALP_PROCESS){.Pid = Raw->Pid,
                              .Flags = flags,
                              .CreatorPid = Raw->CreatorPid,
                              .CreatorTid = Raw->CreatorTid,
                              .Threads = 1,
                              .LossEpoch = Order->LossEpoch};
    if (Order->Options.Filter && flags != 0) {
        Order->FollowedCount++;
    }
    if (Raw->Pid == Order->ExpectedRoot) {
        Order->ExpectedRoot = 0;
    }
    return 1;
}

/* The entry of a process that runs a program; made up if its FORK is missing. NULL: no memory. */
static HALP_PROCESS *
HalpOrderExecProcess(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_PROCESS *process = HalpTableFind(&Order->Table, Raw->Pid);

    if (process != NULL) {
        process->Flags &= ~HALP_PROCESS_SUSPECT;
        return process;
    }
    process = HalpTableInsert(&Order->Table, Raw->Pid);
    if (process != NULL) {
        process->Flags = HALP_PROCESS_ORPHANED;
        process->Threads = 1;
        process->LossEpoch = Order->LossEpoch - (Order->Options.KnowsPrograms != 0);
        if (!Order->Options.Filter) {
            process->Flags |= HALP_PROCESS_FOLLOWED | HALP_PROCESS_REPORT;
        }
    }
    return process;
}

static int
HalpOrderExecBegin(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_PROCESS *process = HalpOrderExecProcess(Order, Raw);

    if (process == NULL) {
        return 0;
    }
    HalpOrderSettle(Order, process);
    process->Flags |= HALP_PROCESS_EXECING;
    Order->Tally.Execing++;
    process->Flags &= ~HALP_PROCESS_GUESSED;
    process->ExecTime = Raw->Time;
    process->Threads = 1; /* exec ends all other threads first */
    return 1;
}

/* Process runs a program that was not told: what it did is lost. */
static void
HalpOrderFindUnseen(HALP_ORDER *Order, HALP_PROCESS *Process)
{
    Order->Tally.UntoldImages += Process->Left;
    Process->Left = 0;
    Process->Flags |= HALP_PROCESS_UNSEEN;
}

/* A record says whether it Ends a program of Process; its EXIT is told if there is a CREATE. */
static void
HalpOrderCountEnd(HALP_ORDER *Order, HALP_PROCESS *Process, int Ends)
{
    if ((Process->Flags & HALP_PROCESS_PROGRAM) != 0) {
        Order->Tally.MadeExits += !Ends; /* it ended before: its EXIT is missing, a FORK since */
    } else if (Ends) {
        HalpOrderFindUnseen(Order, Process);
        Order->Tally.UntoldExits++;
    }
}

static int
HalpOrderExec(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_PROCESS *process = HalpOrderExecProcess(Order, Raw);
    int ends = (Raw->Flags & HALP_RAW_PROGRAM) != 0;

    if (process == NULL) {
        Order->Tally.UntoldCreates++;
        Order->Tally.UntoldExits += (uint64_t)ends;
        return 0;
    }
    if ((process->Flags & HALP_PROCESS_GUESSED) != 0) {
        process->Flags &= ~HALP_PROCESS_GUESSED; /* told already, from less */
        Order->Tally.MadeCreates--;
        Order->Tally.MadeExits -= ends;
        return 1;
    }
    HalpOrderCountEnd(Order, process, ends);
    if ((process->Flags & HALP_PROCESS_EXECING) == 0) {
        Order->Tally.UntoldImages += process->Left; /* EXEC_BEGIN is missing: its own */
    }
    HalpOrderCompleteExec(Order, process, Raw);
    return 1;
}

/* Whether a process that runs no program that we know of runs one whose EXEC was lost. */
static void
HalpOrderAskUnseen(HALP_ORDER *Order, HALP_PROCESS *Process)
{
    Process->LossEpoch = Order->LossEpoch; /* asked once a loss */
    if (Order->Options.IsProgram != NULL &&
        Order->Options.IsProgram(Order->Options.Context, Process->Pid)) {
        HalpOrderFindUnseen(Order, Process);
    }
}

/* KnowsPrograms: an image that is told to nobody. Returns 0 without memory. */
static int
HalpOrderLeaveImage(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_PROCESS *process = HalpOrderExecProcess(Order, Raw);

    if (process == NULL) {
        Order->Tally.UntoldImages++;
        return 0;
    }
    if ((process->Flags & HALP_PROCESS_UNSEEN) != 0) {
        Order->Tally.UntoldImages++;
    } else if ((process->Flags & HALP_PROCESS_PROGRAM) == 0) { /* else filtered out */
        process->Left++;
        if (process->LossEpoch != Order->LossEpoch) {
            HalpOrderAskUnseen(Order, process);
        }
    }
    return 1;
}

static int
HalpOrderImage(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_PROCESS *process = HalpTableFind(&Order->Table, Raw->Pid);

    if (process != NULL && (process->Flags & HALP_PROCESS_EXECING) != 0) {
        if (!Order->Options.ExecFromImage) {
            /* An orphan may turn out to be followed: hold until its parent is known. */
            if ((process->Flags & (HALP_PROCESS_REPORT | HALP_PROCESS_ORPHANED)) == 0) {
                return 1;
            }
            if (process->Held == NULL || process->Held->Count < HALP_HELD_LIMIT) {
                if (HalpOrderHold(Order, process, Raw)) {
                    return 1;
                }
                Order->Tally.UntoldImages++;
                return 0;
            }
            HalpOrderSettle(Order, process);
        } else {
            HalpOrderGuessExec(Order, process, Raw);
        }
    }
    if (process != NULL && (process->Flags & HALP_PROCESS_REPORTED) != 0) {
        HalpOrderTellImage(Order, Raw);
        return 1;
    }
    if (Order->Options.KnowsPrograms) {
        return HalpOrderLeaveImage(Order, Raw);
    }
    if (process == NULL) {
        return Raw->Time < Order->CompleteTime; /* else its FORK and its exec are gone */
    }
    /* It runs no program of its own - or the records that say so are among the lost ones. */
    return (process->Flags & HALP_PROCESS_REPORT) == 0 || process->LossEpoch == Order->LossEpoch;
}

/* Whether the program that Process was about to run did run: its EXEC is missing then. */
static int
HalpOrderRanUnseen(const HALP_ORDER *Order, const HALP_PROCESS *Process, const HALP_RAW *Exit)
{
    if (Order->Options.KnowsPrograms && Exit != NULL) {
        return (Exit->Flags & HALP_RAW_EXECING) == 0; /* else the exec failed */
    }
    return Process->Held != NULL || Process->LossEpoch != Order->LossEpoch;
}

static void
HalpOrderEnd(HALP_ORDER *Order, HALP_PROCESS *Process, uint32_t Tid, int32_t ExitCode,
             uint64_t Time)
{
    HalpOrderTellExit(Order, Process, Tid, ExitCode, Time);
    HalpOrderForget(Order, Process);
    HalpTableRemove(&Order->Table, Process);
}

static void
HalpOrderExit(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    HALP_PROCESS *process = HalpTableFind(&Order->Table, Raw->Pid);

    if (process == NULL) {
        /* The other half of two threads that ended together, or its CREATE is lost. */
        Order->Tally.UntoldExits += (Raw->Flags & HALP_RAW_PROGRAM) != 0;
        return;
    }
    if (Order->Options.OneExitPerThread && process->Threads > 1) {
        /* Better one too many than an end too early: HalpOrderMark finds those that are gone. */
        process->Threads -= Raw->Time > process->CountTime;
        return;
    }
    if (HalpOrderRanUnseen(Order, process, Raw)) {
        HalpOrderSettle(Order, process); /* else the exec itself failed */
    }
    HalpOrderCountEnd(Order, process, (Raw->Flags & HALP_RAW_PROGRAM) != 0);
    HalpOrderEnd(Order, process, Raw->Tid, Raw->ExitCode, Raw->Time);
}

int
HalpOrderFeed(HALP_ORDER *Order, const HALP_RAW *Raw)
{
    int taken = 1;

    switch (Raw->Type) {
    case HALP_RAW_FORK:
        taken = HalpOrderFork(Order, Raw);
        break;
    case HALP_RAW_EXEC_BEGIN:
        taken = HalpOrderExecBegin(Order, Raw);
        break;
    case HALP_RAW_EXEC:
        taken = HalpOrderExec(Order, Raw);
        break;
    case HALP_RAW_IMAGE:
        taken = HalpOrderImage(Order, Raw);
        break;
    case HALP_RAW_EXIT:
        HalpOrderExit(Order, Raw);
        break;
    case HALP_RAW_LOST:
        if (!Order->Options.KnowsPrograms) {
            HalpOrderLose(Order, Raw->Lost);
        }
        Order->LossEpoch++;
        break;
    }
    if (!taken && !Order->Options.KnowsPrograms) {
        HalpOrderLose(Order, 1);
    }
    return taken;
}

/* ---- after a loss ---- */

void
HalpOrderMark(HALP_ORDER *Order, int OnlyFollowed, int (*IsGone)(uint32_t Pid))
{
    uint32_t wanted = OnlyFollowed ? HALP_PROCESS_FOLLOWED : 0;
    uint32_t slot;

    for (slot = 0; slot < Order->Table.Capacity; slot++) {
        HALP_PROCESS *process = &Order->Table.Slots[slot];
        if (process->Pid != 0 && (process->Flags & wanted) == wanted && IsGone(process->Pid)) {
            process->Flags |= HALP_PROCESS_SUSPECT;
        }
    }
}

/* The process is gone, and so is its EXIT. */
static void
HalpOrderBury(HALP_ORDER *Order, HALP_PROCESS *Process, uint64_t Time)
{
    if (HalpOrderRanUnseen(Order, Process, NULL)) {
        HalpOrderSettle(Order, Process);
    }
    Order->Tally.MadeExits += (Process->Flags & HALP_PROCESS_PROGRAM) != 0;
    HalpOrderEnd(Order, Process, Process->Pid, HALP_EXIT_CODE_UNKNOWN, Time);
}

/* What a process that is there has waiting for a record that was lost. */
static void
HalpOrderSettleLive(HALP_ORDER *Order, HALP_PROCESS *Process, uint64_t Time)
{
    if (Time > Process->ExecTime + HALP_EXEC_LIMIT) {
        HalpOrderSettle(Order, Process);
    }
    if (Process->Left != 0) {
        HalpOrderAskUnseen(Order, Process);
    }
}

void
HalpOrderSweep(HALP_ORDER *Order, uint64_t Time)
{
    uint32_t slot;

    for (slot = 0; slot < Order->Table.Capacity; slot++) {
        HALP_PROCESS *process = &Order->Table.Slots[slot];
        /* Removal moves later entries into this slot: look at it again. */
        while (process->Pid != 0 && (process->Flags & HALP_PROCESS_SUSPECT) != 0) {
            HalpOrderBury(Order, process, Time);
        }
        if (process->Pid != 0 && Order->Options.KnowsPrograms) {
            HalpOrderSettleLive(Order, process, Time);
        }
    }
}

/* ---- set up ---- */

static void
HalpOrderNoSink(void *Context, const HALP_EVENT *Event)
{
    (void)Context;
    (void)Event;
}

HALP_ORDER *
HalpOrderCreate(const HALP_ORDER_OPTIONS *Options)
{
    HALP_ORDER *order = calloc(1, sizeof(*order));

    if (order == NULL) {
        return NULL;
    }
    order->Options = *Options;
    order->Sink = HalpOrderNoSink;
    if (!HalpTableInitialize(&order->Table, 1024)) {
        free(order);
        return NULL;
    }
    return order;
}

void
HalpOrderDestroy(HALP_ORDER *Order)
{
    HALP_HELD *held;
    uint32_t slot;

    for (slot = 0; slot < Order->Table.Capacity; slot++) {
        free(Order->Table.Slots[slot].Held);
    }
    while (Order->Spares != NULL) {
        held = Order->Spares;
        Order->Spares = held->Next;
        free(held);
    }
    HalpTableDestroy(&Order->Table);
    free(Order);
}

void
HalpOrderSetSink(HALP_ORDER *Order, HALP_EVENT_CALLBACK *Sink, void *Context)
{
    Order->Sink = Sink;
    Order->SinkContext = Context;
}

int
HalpOrderAddProcess(HALP_ORDER *Order, uint32_t Pid, uint32_t ThreadCount, uint64_t Time,
                    uint32_t Flags)
{
    HALP_PROCESS *process = HalpTableInsert(&Order->Table, Pid);
    uint32_t flags = 0;

    if (process == NULL) {
        return 0;
    }
    if (!Order->Options.Filter || (Flags & HALP_ORDER_REPORT) != 0) {
        flags = HALP_PROCESS_FOLLOWED | HALP_PROCESS_REPORT;
    } else if ((Flags & HALP_ORDER_FOLLOWED) != 0) {
        flags = HALP_PROCESS_FOLLOWED;
    }
    if (Order->Options.Filter && flags != 0 && (process->Flags & HALP_PROCESS_FOLLOWED) == 0) {
        Order->FollowedCount++;
    }
    process->Flags &= ~HALP_PROCESS_ORPHANED; /* the caller knows where it belongs */
    process->Flags |= flags;
    process->Threads = ThreadCount;
    process->CountTime = Time;
    process->LossEpoch = Order->LossEpoch;
    return 1;
}

void
HalpOrderSetComplete(HALP_ORDER *Order, uint64_t Time)
{
    Order->CompleteTime = Time;
}

void
HalpOrderExpectRoot(HALP_ORDER *Order, uint32_t Pid)
{
    Order->ExpectedRoot = Pid;
}

void
HalpOrderQueryTally(const HALP_ORDER *Order, HALP_ORDER_TALLY *Tally)
{
    *Tally = Order->Tally;
}

uint64_t
HalpOrderLostTotal(const HALP_ORDER *Order)
{
    return Order->LostTotal;
}

uint32_t
HalpOrderFollowedCount(const HALP_ORDER *Order)
{
    return Order->FollowedCount;
}

uint32_t
HalpOrderReportedCount(const HALP_ORDER *Order)
{
    return Order->ReportedCount;
}

uint32_t
HalpOrderProcessCount(const HALP_ORDER *Order)
{
    return Order->Table.Count;
}
