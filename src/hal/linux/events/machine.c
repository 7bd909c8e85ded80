/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/machine.c - the bpf and perf sources: the whole machine, through perf rings
 *
 * Both read one stream of perf records: fork and mmap2 from the kernel; exec and exit from our BPF
 * programs (with exit codes and command lines), or else the kernel's comm and exit records and
 * what can be concluded. The order machine makes events of them.
 *
 * Losses: with the programs, what the rings had no room for is told in events (loss.h); without,
 * in records of any kind, which are never fewer.
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
#include <sys/auxv.h>

#define HALP_MILLISECOND 1000000u
#define HALP_SETTLE_TIME (1u * HALP_MILLISECOND)
#define HALP_FIRST_DELAY (5u * HALP_MILLISECOND)
#define HALP_BATCH_DELAY (20u * HALP_MILLISECOND)
#define HALP_IDLE_DRAINS 5u
#define HALP_SWEEP_DELAY (1000u * HALP_MILLISECOND) /* between searches without a loss */
#define HALP_SWEEPS 2u      /* one that is dying in the first is gone in the second */
#define HALP_SWEEP_COST 20u /* while losses go on, of the time one part in so many */

struct HALP_MACHINE {
    HALP_EVENTS *Events;
    HALP_RINGS *Rings;
    HALP_BPF *Bpf; /* NULL: the perf source */
    int HasRoot;
    uint32_t EmptyDrains;
    uint64_t NextDrain;
    uint64_t ArmTime;
    HALP_LOSS Loss;
    HALP_LOSS_COUNTS Counts;
    uint64_t OtherLoss; /* records that are in no ring's count */
    uint64_t OtherLossTold;
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
HalpFeed(HALP_MACHINE *Machine, const HALP_RAW *Raw)
{
    if (!HalpOrderFeed(Machine->Events->Order, Raw) && Machine->Bpf != NULL) {
        Machine->OtherLoss++; /* no memory: the order machine's tally says what is lost */
    }
}

static void
HalpFeedImage(HALP_MACHINE *Machine, const HALP_PERF_MMAP2 *Record, HALP_RAW *Raw)
{
    size_t room = Record->Header.size - sizeof(*Record) - sizeof(uint64_t);

    if (Raw->Time < Machine->ArmTime) {
        return;
    }
    if (Record->Inode == 0 && Record->Major == 0 && Record->Minor == 0) {
        Machine->Counts.Vdsos += strncmp(Record->Path, "[vdso]", room) == 0;
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
    HalpFeed(Machine, Raw);
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
    Raw->CommandLineLength =
        HalpFormatCommandLine(text + exec.PathLength, exec.LineLength,
                              (exec.Head.Flags & HALP_BPF_LINE_CUT) != 0, Machine->Events->Line);
    HalpFeed(Machine, Raw);
}

_Static_assert(HALP_BPF_PROGRAM == HALP_RAW_PROGRAM && HALP_BPF_EXECING == HALP_RAW_EXECING,
               "exec.h, order.h");

static void
HalpFeedSample(HALP_MACHINE *Machine, const HALP_PERF_SAMPLE *Record, HALP_RAW *Raw)
{
    struct HALP_BPF_HEAD head = {0};

    /* A BEGIN is shorter, and may end where the ring does. */
    memcpy(&head, Record->Data, Record->Size < sizeof(head) ? Record->Size : sizeof(head));
    Raw->Pid = head.Pid;
    Raw->Tid = head.Tid;
    Raw->Flags = head.Flags & (HALP_RAW_PROGRAM | HALP_RAW_EXECING);
    switch (head.Type) {
    case HALP_BPF_BEGIN:
        Raw->Type = HALP_RAW_EXEC_BEGIN;
        HalpFeed(Machine, Raw);
        break;
    case HALP_BPF_EXIT:
        Raw->Type = HALP_RAW_EXIT;
        Raw->ExitCode = head.ExitCode;
        HalpFeed(Machine, Raw);
        break;
    case HALP_BPF_EXEC:
        HalpFeedExec(Machine, Record, Raw);
        break;
    }
}

/* ---- losses ---- */

/* Tells what is lost for good. HasSkipped: see HalpReadBpfLoss. */
static void
HalpTellExactLoss(HALP_MACHINE *Machine, int HasSkipped)
{
    HALP_ORDER *order = Machine->Events->Order;
    HALP_ORDER_TALLY tally;
    uint64_t other = HalpReadBpfLoss(Machine->Bpf, HasSkipped, &Machine->Counts);

    if (getauxval(AT_SYSINFO_EHDR) == 0) {
        Machine->Counts.Begins = 0; /* the kernel maps no [vdso] */
    }
    if (Machine->Counts.Ring + Machine->OtherLoss + other == 0) {
        return; /* what is under way is no loss */
    }
    HalpOrderQueryTally(order, &tally);
    HalpOrderTellLoss(order, HalpTakeLoss(&Machine->Loss, &Machine->Counts, &tally));
}

/* So many records are missing before the one at Time. */
static void
HalpTellRingLoss(HALP_MACHINE *Machine, uint64_t Lost, uint64_t Time)
{
    HALP_RAW raw = {.Type = HALP_RAW_LOST, .Lost = Lost, .Time = Time};

    if (Lost == 0) {
        return;
    }
    HalpOrderFeed(Machine->Events->Order, &raw);
    Machine->Counts.Ring += Lost;
    if (Machine->Bpf != NULL) {
        HalpTellExactLoss(Machine, 0);
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
        machine->Counts.TasksRead += Time >= machine->ArmTime;
        if (machine->Bpf != NULL) {
            break; /* once a thread, without the code: the sample says more */
        }
        HalpFeedTask(machine, (const HALP_PERF_TASK *)Record, &raw);
        break;
    case PERF_RECORD_FORK:
        machine->Counts.TasksRead += Time >= machine->ArmTime;
        HalpFeedTask(machine, (const HALP_PERF_TASK *)Record, &raw);
        break;
    case PERF_RECORD_LOST:
        HalpTellRingLoss(
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
    struct timespec moment = {0, HALP_SETTLE_TIME};
    uint64_t loss = HalpReadRingLoss(Machine->Rings);
    HALP_LOSS_COUNTS counts;
    uint64_t total;

    if (Machine->Bpf != NULL) {
        total = HalpReadBpfLoss(Machine->Bpf, 1, &counts);
        Machine->OtherLoss += total - Machine->OtherLossTold;
        Machine->OtherLossTold = total;
    }
    if (loss != 0 && Machine->Bpf != NULL) {
        nanosleep(&moment, NULL); /* a program counts just after the ring does */
    }
    HalpTellRingLoss(Machine, loss, HalpRecordClock());
    if (Machine->Bpf != NULL) {
        HalpTellExactLoss(Machine, 0);
    }
}

/* Grows with every loss, told or not. */
static uint64_t
HalpSeenLoss(const HALP_MACHINE *Machine)
{
    return Machine->Counts.Ring + Machine->OtherLoss + HalpOrderLostTotal(Machine->Events->Order);
}

static void
HalpMarkDead(HALP_MACHINE *Machine, uint64_t Now)
{
    uint64_t cost;

    if (Machine->Bpf != NULL) {
        HalpReadBpfLoss(Machine->Bpf, 0, &Machine->Counts);
        HalpMarkLoss(&Machine->Loss, &Machine->Counts);
    }
    HalpOrderMark(Machine->Events->Order, Machine->HasRoot && Machine->Bpf == NULL,
                  HalpIsProcessGone);
    Machine->MarkTime = HalpRecordClock();
    cost = Machine->MarkTime - Now;
    Machine->NextMark = Machine->MarkTime + cost * HALP_SWEEP_COST;
}

static void
HalpSweepDead(HALP_MACHINE *Machine)
{
    HalpOrderSweep(Machine->Events->Order, Machine->MarkTime);
    Machine->MarkTime = 0;
    if (--Machine->SweepsLeft == 0 && Machine->Bpf != NULL) {
        HalpSettleLoss(&Machine->Loss);
        HalpTellExactLoss(Machine, 0);
    }
}

/* Ends processes whose exit is among the lost records; DrainedTo: all before it has been fed. */
static void
HalpSearchDead(HALP_MACHINE *Machine, uint64_t DrainedTo)
{
    uint64_t now = HalpRecordClock();

    if (HalpSeenLoss(Machine) != Machine->LossSeen) {
        Machine->SweepsLeft = HALP_SWEEPS;
    }
    if (Machine->MarkTime != 0 && DrainedTo >= Machine->MarkTime) {
        HalpSweepDead(Machine);
    }
    /* While losses go on, every search is a first one. */
    if (Machine->SweepsLeft != 0 && Machine->MarkTime == 0 &&
        (now >= Machine->NextMark || Machine->SweepsLeft < HALP_SWEEPS)) {
        HalpMarkDead(Machine, now);
    }
    Machine->LossSeen = HalpSeenLoss(Machine);
}

/* ---- the reader ---- */

static void
HalpDrainMachine(HALP_MACHINE *Machine, int IsLast)
{
    uint64_t now = HalpRecordClock();
    uint64_t limit = IsLast ? UINT64_MAX : now - HALP_SETTLE_TIME;

    if (HalpDrainRings(Machine->Rings, limit, HalpFeedRecord, Machine) != 0) {
        Machine->EmptyDrains = 0;
        if (HalpWasRingFull(Machine->Rings)) {
            HalpReadMachineLoss(Machine);
        }
    } else if (++Machine->EmptyDrains == HALP_IDLE_DRAINS || IsLast) {
        HalpReadMachineLoss(Machine);
        if (Machine->Bpf == NULL && Machine->HasRoot && Machine->SweepsLeft == 0) {
            /* The threads of the processes that were there first may be miscounted by those that
             * began or ended during the count: do not wait for their exit for ever. */
            Machine->SweepsLeft = 1;
            Machine->NextMark = now;
        }
    }
    HalpSearchDead(Machine, IsLast ? now : limit);
    if (Machine->Bpf != NULL) {
        HalpTellExactLoss(Machine, 0); /* what went on of programs whose start is lost */
    }
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
    if (Machine->SweepsLeft != 0) {
        until = HalpEarlier(Deadline, HalpRecordClock() + HALP_BATCH_DELAY);
    } else if ((Machine->HasRoot && HalpOrderFollowedCount(Machine->Events->Order) == 0)) {
        until = HalpEarlier(Deadline, HalpRecordClock() + HALP_SWEEP_DELAY);
    }
    if (HalpWaitRings(Machine->Rings, stop, until, 1)) {
        Machine->EmptyDrains = 0;
        Machine->NextDrain = HalpRecordClock() + HALP_FIRST_DELAY;
        HalpWaitRings(Machine->Rings, stop, HalpEarlier(Machine->NextDrain, Deadline), 0);
    }
}

/* All losses that are still open: nothing will be read any more, or nobody is left. */
static void
HalpSettleMachine(HALP_MACHINE *Machine)
{
    struct timespec settle = {0, HALP_SETTLE_TIME};

    HalpReadMachineLoss(Machine);
    HalpSearchDead(Machine, 0);
    while (Machine->Bpf != NULL && Machine->SweepsLeft != 0) {
        if (Machine->MarkTime == 0) {
            HalpMarkDead(Machine, HalpRecordClock());
        }
        nanosleep(&settle, NULL);
        HalpDrainRings(Machine->Rings, UINT64_MAX, HalpFeedRecord, Machine);
        HalpSweepDead(Machine);
    }
    HalpOrderFlush(Machine->Events->Order);
}

/* Everything that is there; then the source has ended. */
static HALP_STATUS
HalpEndMachine(HALP_MACHINE *Machine)
{
    struct timespec settle = {0, HALP_SETTLE_TIME};

    nanosleep(&settle, NULL);
    HalpDrainMachine(Machine, 1);
    HalpSettleMachine(Machine);
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
            HalpSettleMachine(Machine);
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
    HALP_EVENTS *events = ((HALP_MACHINE *)Context)->Events;

    Exec->CommandLine = events->Line;
    Exec->CommandLineLength = HalpReadCommandLine(Exec->Pid, events->Line);
    if (Exec->ParentPid == 0 && Exec->CommandLineLength != 0) {
        Exec->ParentPid = HalpReadParent(Exec->Pid);
    }
}

static int
HalpIsProgram(void *Context, uint32_t Pid)
{
    HALP_MACHINE *machine = Context;

    return machine->Bpf != NULL && HalpIsBpfProgram(machine->Bpf, Pid);
}

static HALP_STATUS
HalpArmMachine(HALP_MACHINE *Machine, const HALP_EVENTS_OPTIONS *Options, int UseBpf)
{
    HALP_EVENTS *events = Machine->Events;
    HALP_RINGS_OPTIONS rings = {.HasSamples = UseBpf, .BufferSize = Options->BufferSize};
    HALP_ORDER_OPTIONS order = {.ExecFromImage = !UseBpf,
                                .OneExitPerThread = !UseBpf,
                                .KnowsPrograms = UseBpf,
                                .Filter = Machine->HasRoot,
                                .QueryProcess = HalpQueryProcess,
                                .IsProgram = HalpIsProgram,
                                .Context = Machine};
    HALP_STATUS status = HalpOpenRings(&rings, &Machine->Rings);

    if (status == HALP_OK && UseBpf) {
        status = HalpOpenBpf(Machine->Rings, &Machine->Bpf);
    }
    if (status == HALP_OK) {
        status = HalpResetOrder(events, &order);
    }
    if (status == HALP_OK) {
        status = HalpStartRings(Machine->Rings);
    }
    if (status == HALP_OK && UseBpf) {
        Machine->ArmTime = HalpArmBpf(Machine->Bpf);
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
