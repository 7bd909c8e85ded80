/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/machine.c - the bpf and perf sources: the whole machine, through perf rings
 *
 * Both read one stream of perf records: fork, comm and mmap2 from the kernel; exec and exit from
 * our BPF programs (with exit codes and command lines), or else the kernel's exit records and what
 * can be concluded. The order machine makes events of them.
 *
 * When a record is due: a drain takes all rings' heads, then what is older than HALP_SETTLE_TIME
 * at that moment. A record is written at most a few microseconds after its time is taken (both
 * with preemption off), so every older record of any ring is visible by then, and the merge by
 * time is right across processors. Records that one causes in another (fork before the child's
 * exec, one thread's records in a row) are written before the later one's time is taken, so their
 * order does not even hang on that margin.
 *
 * When the reader looks: HALP_FIRST_DELAY after the first record of an idle time (a doorbell), then
 * every HALP_BATCH_DELAY while records come, and once a ring is a quarter full; after
 * HALP_IDLE_DRAINS empty looks it sleeps on the doorbells.
 */
#include "eventsp.h"

#include "exec.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALP_MILLISECOND 1000000u
#define HALP_SETTLE_TIME (1u * HALP_MILLISECOND)
#define HALP_FIRST_DELAY (5u * HALP_MILLISECOND)
#define HALP_BATCH_DELAY (20u * HALP_MILLISECOND)
#define HALP_IDLE_DRAINS 5u
#define HALP_SWEEP_DELAY (1000u * HALP_MILLISECOND) /* from a loss to the search for the dead */
#define HALP_SWEEPS 2u

struct HALP_MACHINE {
    HALP_EVENTS *Events;
    HALP_RINGS *Rings;
    HALP_BPF *Bpf; /* NULL: the perf source */
    int HasRoot;
    uint32_t EmptyDrains;
    uint64_t NextDrain;
    uint64_t BpfLossTold;
    /* The search for processes whose exit was lost. */
    uint64_t LossSeen;
    uint32_t SweepsLeft;
    uint64_t NextMark;
    uint64_t MarkTime; /* 0: no marks set */
};

/* ---- records ---- */

_Static_assert(offsetof(struct HALP_BPF_EXEC_RECORD, Text) == HALP_BPF_EXEC_SIZE, "exec.h");

typedef struct HALP_PERF_MMAP2 {
    struct perf_event_header Header;
    uint32_t Pid;
    uint32_t Tid;
    uint64_t Address;
    uint64_t Length;
    uint64_t Offset;
    uint32_t Major;
    uint32_t Minor;
    uint64_t Inode;
    uint64_t Generation;
    uint32_t Protection;
    uint32_t Flags;
    char Path[];
} HALP_PERF_MMAP2;

typedef struct HALP_PERF_TASK {
    struct perf_event_header Header;
    uint32_t Pid;
    uint32_t ParentPid;
    uint32_t Tid;
    uint32_t ParentTid;
    uint64_t Time;
} HALP_PERF_TASK;

typedef struct HALP_PERF_COMM {
    struct perf_event_header Header;
    uint32_t Pid;
    uint32_t Tid;
} HALP_PERF_COMM;

typedef struct HALP_PERF_LOST {
    struct perf_event_header Header;
    uint64_t Id;
    uint64_t Lost;
} HALP_PERF_LOST;

typedef struct HALP_PERF_SAMPLE {
    struct perf_event_header Header;
    uint64_t Time;
    uint32_t Size;
    uint8_t Data[]; /* not 8-aligned */
} HALP_PERF_SAMPLE;

static void
HalpFeedImage(HALP_MACHINE *Machine, const HALP_PERF_MMAP2 *Record, HALP_RAW *Raw)
{
    size_t room = Record->Header.size - sizeof(*Record) - sizeof(uint64_t);

    if (Record->Inode == 0 && Record->Major == 0 && Record->Minor == 0) {
        return; /* [vdso], //anon: not a file */
    }
    Raw->Type = HALP_RAW_IMAGE;
    Raw->Pid = Record->Pid;
    Raw->Tid = Record->Tid;
    Raw->Base = Record->Address;
    Raw->Size = Record->Length;
    Raw->Inode = Record->Inode;
    Raw->Path = Record->Path;
    Raw->PathLength = strnlen(Record->Path, room);
    if (Raw->PathLength >= 2 && Record->Path[0] == '/' && Record->Path[1] == '/') {
        Raw->PathLength = 0; /* the kernel's "//toolong", "//enomem" */
    }
    HalpOrderFeed(Machine->Events->Order, Raw);
}

static void
HalpFeedTask(HALP_MACHINE *Machine, const HALP_PERF_TASK *Record, HALP_RAW *Raw)
{
    Raw->Type = Record->Header.type == PERF_RECORD_FORK ? HALP_RAW_FORK : HALP_RAW_EXIT;
    Raw->Pid = Record->Pid;
    Raw->Tid = Record->Tid;
    Raw->CreatorPid = Record->ParentPid;
    Raw->CreatorTid = Record->ParentTid;
    Raw->ExitCode = HALP_EXIT_CODE_UNKNOWN;
    if (Raw->Pid != 0) {
        HalpOrderFeed(Machine->Events->Order, Raw);
    }
}

static void
HalpFeedComm(HALP_MACHINE *Machine, const HALP_PERF_COMM *Record, HALP_RAW *Raw)
{
    if ((Record->Header.misc & PERF_RECORD_MISC_COMM_EXEC) == 0 || Record->Pid == 0) {
        return; /* a thread's name */
    }
    Raw->Type = HALP_RAW_EXEC_BEGIN;
    Raw->Pid = Record->Pid;
    Raw->Tid = Record->Tid;
    HalpOrderFeed(Machine->Events->Order, Raw);
}

static void
HalpFeedExec(HALP_MACHINE *Machine, const HALP_PERF_SAMPLE *Record, HALP_RAW *Raw)
{
    const char *text = (const char *)Record->Data + HALP_BPF_EXEC_SIZE;
    struct HALP_BPF_EXEC_RECORD exec;

    memcpy(&exec, Record->Data, HALP_BPF_EXEC_SIZE);
    Raw->Type = HALP_RAW_EXEC;
    Raw->ParentPid = exec.Head.ParentPid;
    Raw->Inode = exec.Inode;
    Raw->Path = text;
    Raw->PathLength = exec.PathLength;
    Raw->CommandLine = Machine->Events->Line;
    Raw->CommandLineLength = HalpFormatCommandLine(text + exec.PathLength, exec.LineLength,
                                                   exec.Head.LineCut != 0, Machine->Events->Line);
    HalpOrderFeed(Machine->Events->Order, Raw);
}

static void
HalpFeedSample(HALP_MACHINE *Machine, const HALP_PERF_SAMPLE *Record, HALP_RAW *Raw)
{
    struct HALP_BPF_HEAD head;

    memcpy(&head, Record->Data, sizeof(head));
    Raw->Pid = head.Pid;
    Raw->Tid = head.Tid;
    switch (head.Type) {
    case HALP_BPF_EXIT:
        Raw->Type = HALP_RAW_EXIT;
        Raw->ExitCode = head.ExitCode;
        HalpOrderFeed(Machine->Events->Order, Raw);
        break;
    case HALP_BPF_EXEC:
        HalpFeedExec(Machine, Record, Raw);
        break;
    }
}

static void
HalpTellMachineLoss(HALP_MACHINE *Machine, uint64_t Lost, uint64_t Time)
{
    HALP_RAW raw = {.Type = HALP_RAW_LOST, .Lost = Lost, .Time = Time};

    if (Lost != 0) {
        HalpOrderFeed(Machine->Events->Order, &raw);
    }
}

static void
HalpFeedRecord(void *Context, const struct perf_event_header *Record, uint64_t Time)
{
    HALP_MACHINE *machine = Context;
    HALP_RAW raw = {.Time = Time};

    switch (Record->type) {
    case PERF_RECORD_MMAP2:
        HalpFeedImage(machine, (const HALP_PERF_MMAP2 *)Record, &raw);
        break;
    case PERF_RECORD_SAMPLE:
        HalpFeedSample(machine, (const HALP_PERF_SAMPLE *)Record, &raw);
        break;
    case PERF_RECORD_COMM:
        HalpFeedComm(machine, (const HALP_PERF_COMM *)Record, &raw);
        break;
    case PERF_RECORD_EXIT:
        if (machine->Bpf != NULL) {
            break; /* once a thread, without the code: the sample says more */
        }
        /* fall through */
    case PERF_RECORD_FORK:
        HalpFeedTask(machine, (const HALP_PERF_TASK *)Record, &raw);
        break;
    case PERF_RECORD_LOST:
        HalpTellMachineLoss(
            machine, HalpAccountRingLoss(machine->Rings, ((const HALP_PERF_LOST *)Record)->Lost),
            Time);
        break;
    }
}

/* ---- after a loss ---- */

/* Losses that no record tells of: the last ones of a ring that went quiet, skipped programs. */
static void
HalpReadMachineLoss(HALP_MACHINE *Machine)
{
    uint64_t loss = HalpReadRingLoss(Machine->Rings);
    uint64_t total;

    if (Machine->Bpf != NULL) {
        total = HalpReadBpfLoss(Machine->Bpf);
        loss += total - Machine->BpfLossTold;
        Machine->BpfLossTold = total;
    }
    HalpTellMachineLoss(Machine, loss, HalpRecordClock());
}

/* Ends processes whose exit is among the lost records; DrainedTo: all before it has been fed. */
static void
HalpSearchDead(HALP_MACHINE *Machine, uint64_t Now, uint64_t DrainedTo)
{
    HALP_ORDER *order = Machine->Events->Order;

    if (HalpOrderLostTotal(order) != Machine->LossSeen) {
        Machine->LossSeen = HalpOrderLostTotal(order);
        if (Machine->SweepsLeft == 0) {
            Machine->NextMark = Now + HALP_SWEEP_DELAY;
        }
        Machine->SweepsLeft = HALP_SWEEPS;
    }
    if (Machine->MarkTime != 0 && DrainedTo >= Machine->MarkTime) {
        HalpOrderSweep(order, Machine->MarkTime);
        Machine->MarkTime = 0;
        Machine->SweepsLeft--;
        Machine->NextMark = Now + HALP_SWEEP_DELAY;
    }
    if (Machine->SweepsLeft != 0 && Machine->MarkTime == 0 && Now >= Machine->NextMark) {
        HalpOrderMark(order, Machine->HasRoot, HalpIsProcessGone);
        Machine->MarkTime = HalpRecordClock();
    }
}

/* ---- the reader ---- */

static void
HalpDrainMachine(HALP_MACHINE *Machine, int IsLast)
{
    uint64_t now = HalpRecordClock();
    uint64_t limit = IsLast ? UINT64_MAX : now - HALP_SETTLE_TIME;

    if (HalpDrainRings(Machine->Rings, limit, HalpFeedRecord, Machine) != 0) {
        Machine->EmptyDrains = 0;
    } else if (++Machine->EmptyDrains == HALP_IDLE_DRAINS || IsLast) {
        HalpReadMachineLoss(Machine);
        if (Machine->Bpf == NULL && Machine->HasRoot && Machine->SweepsLeft == 0) {
            /* The threads of the processes that were there first may be miscounted by those that
             * began or ended during the count: do not wait for their exit for ever. */
            Machine->SweepsLeft = 1;
            Machine->NextMark = now;
        }
    }
    HalpSearchDead(Machine, now, IsLast ? now : limit);
    HalpOrderFlush(Machine->Events->Order);
    Machine->NextDrain = HalpRecordClock() + HALP_BATCH_DELAY;
}

static int
HalpIsStopped(const HALP_MACHINE *Machine)
{
    struct pollfd stop = {.fd = Machine->Events->StopFd, .events = POLLIN};

    return poll(&stop, 1, 0) > 0;
}

static uint64_t
HalpEarlier(uint64_t A, uint64_t B)
{
    return A < B ? A : B;
}

/* Until the next drain is due, or Deadline. */
static void
HalpAwaitDrain(HALP_MACHINE *Machine, uint64_t Deadline)
{
    int stop = Machine->Events->StopFd;
    uint64_t until = Deadline;

    if (Machine->EmptyDrains < HALP_IDLE_DRAINS) {
        HalpWaitRings(Machine->Rings, stop, HalpEarlier(Machine->NextDrain, Deadline), 0);
        return;
    }
    if (Machine->SweepsLeft != 0 ||
        (Machine->HasRoot && HalpOrderFollowedCount(Machine->Events->Order) == 0)) {
        until = HalpEarlier(Deadline, HalpRecordClock() + HALP_SWEEP_DELAY);
    }
    if (HalpWaitRings(Machine->Rings, stop, until, 1)) {
        Machine->EmptyDrains = 0;
        Machine->NextDrain = HalpRecordClock() + HALP_FIRST_DELAY;
        HalpWaitRings(Machine->Rings, stop, HalpEarlier(Machine->NextDrain, Deadline), 0);
    }
}

/* Everything that is there; then the source has ended. */
static HALP_STATUS
HalpEndMachine(HALP_MACHINE *Machine)
{
    struct timespec settle = {0, HALP_SETTLE_TIME};

    nanosleep(&settle, NULL);
    HalpDrainMachine(Machine, 1);
    HalpReadMachineLoss(Machine);
    HalpOrderFlush(Machine->Events->Order);
    return HALP_CLOSED;
}

/* The exit record comes a little before the process can be reaped: its status is waited for. */
static int
HalpHasTreeEnded(HALP_MACHINE *Machine)
{
    HALP_COMMAND *command = &Machine->Events->Command;
    int hasStatus = HalpReapCommand(command, 0) >= 0;

    if (!Machine->HasRoot || HalpOrderFollowedCount(Machine->Events->Order) != 0) {
        return 0;
    }
    return command->Pid == 0 || hasStatus || HalpIsProcessGone((uint32_t)command->Pid);
}

HALP_STATUS
HalpWaitMachine(HALP_MACHINE *Machine, uint64_t Deadline)
{
    HALP_EVENTS *events = Machine->Events;
    uint64_t before = events->Delivered;

    for (;;) {
        HalpAwaitDrain(Machine, Deadline);
        if (HalpIsStopped(Machine)) {
            return HalpEndMachine(Machine);
        }
        HalpDrainMachine(Machine, 0);
        if (HalpHasTreeEnded(Machine)) {
            HalpReadMachineLoss(Machine);
            HalpOrderFlush(events->Order);
            return HALP_CLOSED;
        }
        if (events->Delivered != before) {
            return HALP_OK;
        }
        if (HalpRecordClock() >= Deadline) {
            return HALP_TIMEOUT;
        }
    }
}

/* ---- opening ---- */

static void
HalpQueryProcess(void *Context, HALP_RAW *Exec)
{
    HALP_EVENTS *events = Context;

    Exec->CommandLine = events->Line;
    Exec->CommandLineLength = HalpReadCommandLine(Exec->Pid, events->Line);
    if (Exec->ParentPid == 0 && Exec->CommandLineLength != 0) {
        Exec->ParentPid = HalpReadParent(Exec->Pid);
    }
}

static HALP_STATUS
HalpArmMachine(HALP_MACHINE *Machine, const HALP_EVENTS_OPTIONS *Options, int UseBpf)
{
    HALP_EVENTS *events = Machine->Events;
    HALP_RINGS_OPTIONS rings = {.HasSamples = UseBpf, .BufferSize = Options->BufferSize};
    HALP_ORDER_OPTIONS order = {.ExecFromImage = !UseBpf,
                                .OneExitPerThread = !UseBpf,
                                .Filter = Machine->HasRoot,
                                .QueryProcess = HalpQueryProcess,
                                .Context = events};
    HALP_STATUS status = HalpResetOrder(events, &order);

    if (status == HALP_OK) {
        status = HalpOpenRings(&rings, &Machine->Rings);
    }
    if (status == HALP_OK && UseBpf) {
        status = HalpOpenBpf(Machine->Rings, &Machine->Bpf);
    }
    if (status == HALP_OK) {
        status = HalpStartRings(Machine->Rings);
    }
    if (status == HALP_OK && UseBpf) {
        Machine->BpfLossTold = HalpReadBpfLoss(Machine->Bpf); /* written before the rings ran */
    }
    /* After the start: who is not found now began later and has a FORK record. */
    if (status == HALP_OK) {
        status = HalpScanProcesses(events->Order, Options->RootProcessId);
    }
    return status;
}

static HALP_STATUS
HalpStartCommand(HALP_MACHINE *Machine, const HALP_EVENTS_OPTIONS *Options)
{
    HALP_EVENTS *events = Machine->Events;
    HALP_STATUS status = HalpForkCommand(&events->Command, Options->Command);

    if (status != HALP_OK) {
        return status;
    }
    if (!HalpOrderAddProcess(events->Order, (uint32_t)events->Command.Pid, 1, 0,
                             HALP_ORDER_FOLLOWED | HALP_ORDER_REPORT)) {
        return HALP_NO_MEMORY;
    }
    HalpOrderExpectRoot(events->Order, (uint32_t)events->Command.Pid);
    return HalpReleaseCommand(&events->Command, 0, Options->Command[0]);
}

HALP_STATUS
HalpOpenMachine(HALP_EVENTS *Events, const HALP_EVENTS_OPTIONS *Options, int UseBpf,
                HALP_MACHINE **Machine)
{
    HALP_MACHINE *machine = calloc(1, sizeof(*machine));
    HALP_STATUS status;

    if (machine == NULL) {
        return HALP_NO_MEMORY;
    }
    machine->Events = Events;
    machine->HasRoot = Options->Command != NULL || Options->RootProcessId != 0;
    status = HalpArmMachine(machine, Options, UseBpf);
    if (status == HALP_OK && Options->Command != NULL) {
        status = HalpStartCommand(machine, Options);
    }
    if (status != HALP_OK) {
        HalpCloseMachine(machine);
        return status;
    }
    snprintf(Events->Description, sizeof(Events->Description), "%s, %u processor%s",
             UseBpf ? "bpf tp_btf + perf mmap2" : "perf task, comm, mmap2",
             HalpRingCount(machine->Rings), HalpRingCount(machine->Rings) == 1 ? "" : "s");
    *Machine = machine;
    return HALP_OK;
}

void
HalpCloseMachine(HALP_MACHINE *Machine)
{
    if (Machine->Bpf != NULL) {
        HalpCloseBpf(Machine->Bpf);
    }
    if (Machine->Rings != NULL) {
        HalpCloseRings(Machine->Rings);
    }
    free(Machine);
}
