/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/order.h - raw records of a host source become ordered HALP_EVENTs
 *
 * Pure: no host calls, no clock. The unit tests feed it scripts and random streams.
 */
#pragma once

#include "hal/halp.h"

typedef enum HALP_RAW_TYPE {
    HALP_RAW_FORK = 1,   /* a process (Tid == Pid) or a thread (Tid != Pid) was made */
    HALP_RAW_EXEC_BEGIN, /* the old program is gone; mappings from here belong to the new one */
    HALP_RAW_EXEC,       /* the new program starts: all facts of it */
    HALP_RAW_IMAGE,      /* an executable mapping of a file */
    HALP_RAW_EXIT,       /* the process ended, or (OneExitPerThread) one of its threads */
    HALP_RAW_LOST        /* the host dropped Lost records */
} HALP_RAW_TYPE;

#define HALP_EXIT_CODE_UNKNOWN (-1)

/* HALP_RAW.Flags, where the source knows it (HALP_ORDER_OPTIONS.KnowsPrograms). */
#define HALP_RAW_PROGRAM 1u /* EXIT, EXEC: this ends a program whose exec was watched */
#define HALP_RAW_EXECING 2u /* EXIT: in an exec that failed halfway */

typedef struct HALP_RAW {
    HALP_RAW_TYPE Type;
    uint32_t Flags; /* HALP_RAW_* */
    uint32_t Pid;
    uint32_t Tid;
    uint32_t ParentPid;  /* EXEC; 0: unknown */
    uint32_t CreatorPid; /* FORK: the process and thread that called fork */
    uint32_t CreatorTid;
    int32_t ExitCode;
    uint64_t Time;  /* ns, CLOCK_MONOTONIC */
    uint64_t Base;  /* IMAGE */
    uint64_t Size;  /* IMAGE */
    uint64_t Inode; /* IMAGE: of the file; EXEC: of the program; 0: unknown */
    uint64_t Lost;
    const char *Path; /* IMAGE, EXEC (the better one is the image's) */
    size_t PathLength;
    const char *CommandLine; /* EXEC */
    size_t CommandLineLength;
} HALP_RAW;

typedef struct HALP_ORDER HALP_ORDER;

typedef struct HALP_ORDER_OPTIONS {
    /* There is no EXEC record: the first image after EXEC_BEGIN completes the program. */
    int ExecFromImage;
    /* EXIT comes once a thread; the process ends with the last one. */
    int OneExitPerThread;
    /*
     * Records say whether a program ends with them, and the caller counts what the host dropped,
     * from HalpOrderQueryTally (loss.h): a LOST record only says that something is missing.
     */
    int KnowsPrograms;
    /* Report only what descends from followed processes (HalpOrderAddProcess). */
    int Filter;
    /*
     * ExecFromImage: fills in what the records do not say, for a program whose process may still
     * be there: Exec->CommandLine, and Exec->ParentPid if it is 0. May be NULL.
     */
    void (*QueryProcess)(void *Context, HALP_RAW *Exec);
    /*
     * KnowsPrograms, after a loss: 1 if a process that is there runs, or is about to, a program
     * that began since the source was opened.
     */
    int (*IsProgram)(void *Context, uint32_t Pid);
    void *Context;
} HALP_ORDER_OPTIONS;

/* NULL: no memory. */
HALP_ORDER *HalpOrderCreate(const HALP_ORDER_OPTIONS *Options);
void HalpOrderDestroy(HALP_ORDER *Order);

#define HALP_ORDER_FOLLOWED 1u /* it and its descendants count as below the root */
#define HALP_ORDER_REPORT 2u   /* followed, and its own programs are reported */

/* A process that is there already, with so many threads at Time. Returns 0 without memory. */
int HalpOrderAddProcess(HALP_ORDER *Order, uint32_t Pid, uint32_t ThreadCount, uint64_t Time,
                        uint32_t Flags);
/*
 * All processes of this moment have been added: an image of an unknown one is a loss from now on.
 * Before, it is of one that ended before it could be added.
 */
void HalpOrderSetComplete(HALP_ORDER *Order, uint64_t Time);
/* The next FORK of Pid makes a followed and reported process, whoever forked it. */
void HalpOrderExpectRoot(HALP_ORDER *Order, uint32_t Pid);

/* Where events go. Times are host ns: the receiver changes the scale. */
void HalpOrderSetSink(HALP_ORDER *Order, HALP_EVENT_CALLBACK *Sink, void *Context);

/*
 * One record, in time order as well as the source can; a record that comes too late never breaks
 * M1 and M2. Returns 0 when memory ran out: the record is counted as lost.
 */
int HalpOrderFeed(HALP_ORDER *Order, const HALP_RAW *Raw);
/* Tells losses not told yet. Called at the end of a batch. */
void HalpOrderFlush(HALP_ORDER *Order);

/* Counts lost events, told with the next ones. For KnowsPrograms. */
void HalpOrderTellLoss(HALP_ORDER *Order, uint64_t Count);

/* What was told beyond the records, and what of them was not; whatever Filter says. */
typedef struct HALP_ORDER_TALLY {
    uint64_t UntoldImages;  /* images fed, of programs whose EXEC is missing */
    uint64_t UntoldCreates; /* programs fed and not told: memory */
    uint64_t UntoldExits;   /* ends fed, of programs whose EXEC is missing */
    int64_t MadeCreates;    /* programs told whose EXEC is missing; falls when it comes late */
    int64_t MadeExits;      /* ends told whose record is missing */
    uint32_t Programs;      /* in the table: the exits that can still be made */
    uint32_t Execing;       /* and the creates */
} HALP_ORDER_TALLY;

void HalpOrderQueryTally(const HALP_ORDER *Order, HALP_ORDER_TALLY *Tally);

/* Records that this layer had to discard, or was told of, so far; 0: nothing was ever lost. */
uint64_t HalpOrderLostTotal(const HALP_ORDER *Order);
/* Followed processes alive. */
uint32_t HalpOrderFollowedCount(const HALP_ORDER *Order);
/* Programs reported and not ended; entries in the table. For tests and memory figures. */
uint32_t HalpOrderReportedCount(const HALP_ORDER *Order);
uint32_t HalpOrderProcessCount(const HALP_ORDER *Order);

/*
 * After a loss an EXIT may be missing for ever. Mark asks IsGone of every process (or
 * every followed one); Sweep, called
 * once all records from before the marking have been fed, ends those still marked (exit code
 * HALP_EXIT_CODE_UNKNOWN), and completes the programs whose EXEC has not come since. A record of
 * the process in between takes its mark away.
 */
void HalpOrderMark(HALP_ORDER *Order, int OnlyFollowed, int (*IsGone)(uint32_t Pid));
void HalpOrderSweep(HALP_ORDER *Order, uint64_t Time);
