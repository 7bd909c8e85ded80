/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/eventsp.h - what the files of this folder share
 */
#pragma once

#include "hal/halp.h"
#include "loss.h"
#include "order.h"

#include <pthread.h>
#include <sys/types.h>

/* Arguments quoted in the worst case: each byte of 4 KiB an empty argument. */
#define HALP_LINE_BYTES 4096u
#define HALP_LINE_SIZE (HALP_LINE_BYTES * 3u + 16u)

/* The calling thread's error text. */
void HalpSetErrorText(const char *Format, ...) __attribute__((format(printf, 1, 2)));

/* The HALP_STATUS for an errno, with "What: strerror" as the error text. */
HALP_STATUS HalpEventsError(const char *What, int Error);
/* CLOCK_MONOTONIC in ns: the clock of every raw record. */
uint64_t HalpRecordClock(void);

/* ---- procfs.c ---- */

/*
 * Arguments, a NUL after each, as one line: one space between, quoted as Windows programs parse
 * them (CommandLineToArgvW). IsCut appends "...". Returns the length; Line has HALP_LINE_SIZE.
 */
size_t HalpFormatCommandLine(const char *Arguments, size_t Length, int IsCut, char *Line);
/* The formatted command line of a process; 0 if it is gone or has none. */
size_t HalpReadCommandLine(uint32_t Pid, char *Line);
/* 0 if it is gone. */
uint32_t HalpReadParent(uint32_t Pid);
/* 1 if the process has ended (also: a zombie without threads). */
int HalpIsProcessGone(uint32_t Pid);
/* Adds all processes to Order; below RootPid (0: none given), as followed. HALP_NOT_FOUND: no root.
 */
HALP_STATUS HalpScanProcesses(HALP_ORDER *Order, uint32_t RootPid);

/* ---- command.c ---- */

typedef struct HALP_COMMAND {
    pid_t Pid;     /* 0: none */
    int BarrierFd; /* -1: released */
    int ResultFd;
    int Status; /* -1: not ended. Guarded by Lock */
    pthread_mutex_t Lock;
} HALP_COMMAND;

/* A child that will run Argv, stopped until HalpReleaseCommand or HalpAbandonCommand. */
HALP_STATUS HalpForkCommand(HALP_COMMAND *Command, const char *const *Argv);
/* The child lets that process trace it (Yama). HALP_IO: the child is gone. */
HALP_STATUS HalpAllowTracer(HALP_COMMAND *Command, pid_t Tracer);
/*
 * Lets it go. Tracer: 0, or the process that traces it (then mmap of executable files stops).
 * Blocks until the program runs or could not be run: HALP_NOT_FOUND, HALP_DENIED.
 */
HALP_STATUS HalpReleaseCommand(HALP_COMMAND *Command, pid_t Tracer, const char *Name);
void HalpAbandonCommand(HALP_COMMAND *Command);
/* Block != 0: it is known to have ended. Any thread. */
int HalpReapCommand(HALP_COMMAND *Command, int Block);

/* ---- rings.c ---- */

struct perf_event_header;
typedef struct HALP_RINGS HALP_RINGS;

typedef struct HALP_RINGS_OPTIONS {
    int HasSamples;    /* BPF programs write samples into the rings */
    size_t BufferSize; /* bytes a processor; 0: default */
} HALP_RINGS_OPTIONS;

/* One perf ring a processor, stopped. HALP_DENIED: privileges. */
HALP_STATUS HalpOpenRings(const HALP_RINGS_OPTIONS *Options, HALP_RINGS **Rings);
void HalpCloseRings(HALP_RINGS *Rings);
HALP_STATUS HalpStartRings(HALP_RINGS *Rings);
uint32_t HalpRingCount(const HALP_RINGS *Rings);
/* For the BPF map: the processor and the descriptor of a ring. */
int HalpRingDescriptor(const HALP_RINGS *Rings, uint32_t Index, uint32_t *Processor);

typedef void HALP_RING_CALLBACK(void *Context, const struct perf_event_header *Record,
                                uint64_t Time);

/*
 * Takes the records whose time is at most Limit from all rings, merged by time. Record is valid
 * during the callback. Returns how many.
 */
size_t HalpDrainRings(HALP_RINGS *Rings, uint64_t Limit, HALP_RING_CALLBACK *Callback,
                      void *Context);
/* 1 if a ring had hardly any room when it was last drained: its next record may be long in coming.
 */
int HalpWasRingFull(const HALP_RINGS *Rings);
/* Accounts for the count of a LOST record of the ring being drained: what is new of it. */
uint64_t HalpAccountRingLoss(HALP_RINGS *Rings, uint64_t Lost);
/* What the rings lost that no LOST record told so far. A system call a ring. */
uint64_t HalpReadRingLoss(HALP_RINGS *Rings);
/*
 * Blocks until StopFd is readable, a ring is a quarter full, or Deadline (HalpRecordClock).
 * WakeOnFirst: also until anything happens at all. Returns 1 if something did.
 */
int HalpWaitRings(HALP_RINGS *Rings, int StopFd, uint64_t Deadline, int WakeOnFirst);

/* ---- bpf.c ---- */

typedef struct HALP_BPF HALP_BPF;

/* Loads and attaches the programs, writing into Rings. HALP_UNSUPPORTED: built without them. */
HALP_STATUS HalpOpenBpf(HALP_RINGS *Rings, HALP_BPF **Bpf);
void HalpCloseBpf(HALP_BPF *Bpf);
/* The programs begin to tell; the rings run. Returns that time. */
uint64_t HalpArmBpf(HALP_BPF *Bpf);
/* 1 if the process is there and runs, or is about to, a program begun since the start. */
int HalpIsBpfProgram(HALP_BPF *Bpf, uint32_t Pid);
/*
 * The programs' counts so far into Counts. Returns the records that they could not write and the
 * rings do not count. HasSkipped: with the programs that the kernel skipped, a system call each.
 */
uint64_t HalpReadBpfLoss(HALP_BPF *Bpf, int HasSkipped, HALP_LOSS_COUNTS *Counts);

/* ---- machine.c: the bpf and perf sources ---- */

typedef struct HALP_MACHINE HALP_MACHINE;

HALP_STATUS HalpOpenMachine(HALP_EVENTS *Events, const HALP_EVENTS_OPTIONS *Options, int UseBpf,
                            HALP_MACHINE **Machine);
void HalpCloseMachine(HALP_MACHINE *Machine);
HALP_STATUS HalpWaitMachine(HALP_MACHINE *Machine, uint64_t Deadline);

/* ---- follow.c, tracer.c: the ptrace source ---- */

typedef struct HALP_FOLLOW HALP_FOLLOW;

HALP_STATUS HalpOpenFollow(HALP_EVENTS *Events, const HALP_EVENTS_OPTIONS *Options,
                           HALP_FOLLOW **Follow);
void HalpCloseFollow(HALP_FOLLOW *Follow);
HALP_STATUS HalpWaitFollow(HALP_FOLLOW *Follow, uint64_t Deadline);
void HalpStopFollow(HALP_FOLLOW *Follow);
/* The tracing process: never returns. OutFd: where HALP_WIRE records go. */
_Noreturn void HalpRunTracer(pid_t Command, int OutFd, int ReadyFd);

#define HALP_WIRE_MAXIMUM 65536u

/* What the tracer writes: this, Path, CommandLine. */
typedef struct HALP_WIRE {
    uint32_t Size; /* of all, a multiple of 8 */
    uint32_t PathLength;
    uint32_t CommandLineLength;
    uint32_t Reserved;
    HALP_RAW Raw; /* its pointers are void */
} HALP_WIRE;

/* ---- events.c ---- */

struct HALP_EVENTS {
    uint32_t Source;
    HALP_MACHINE *Machine;
    HALP_FOLLOW *Follow;
    HALP_ORDER *Order;
    HALP_COMMAND Command;
    int StopFd;          /* eventfd, readable once stopped */
    uint32_t Ended;      /* HALP_CLOSED was returned */
    int64_t ClockOffset; /* ns from HalpRecordClock to CLOCK_REALTIME */
    HALP_EVENT_CALLBACK *Callback;
    void *CallbackContext;
    uint64_t Delivered; /* events, so far */
    char Line[HALP_LINE_SIZE];
    char Description[160];
};

/* A fresh order machine for the source that opens, in place of one that a failed source left. */
HALP_STATUS HalpResetOrder(HALP_EVENTS *Events, const HALP_ORDER_OPTIONS *Options);
