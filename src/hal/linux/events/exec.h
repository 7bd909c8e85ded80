/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/exec.h - what the BPF programs write and the reader reads
 *
 * Included by both: no includes here; the fixed-size types come from the includer.
 */
#pragma once

#define HALP_BPF_PATH_MAX 256
#define HALP_BPF_LINE_MAX 4096

enum { HALP_BPF_EXEC = 1, HALP_BPF_EXIT, HALP_BPF_BEGIN };

/* HALP_BPF_HEAD.Flags; the first two are also what is kept of each process. */
#define HALP_BPF_PROGRAM 1u  /* EXIT, EXEC: until now it ran a program begun while we watched */
#define HALP_BPF_EXECING 2u  /* EXIT: in the middle of an exec that failed */
#define HALP_BPF_LINE_CUT 4u /* EXEC: the arguments are longer than HALP_BPF_LINE_MAX */

/*
 * All of an EXIT; a BEGIN ends before ParentPid. Time and order are those of the perf record
 * around it.
 */
struct HALP_BPF_HEAD {
    unsigned short Type;
    unsigned short Flags;
    unsigned int Pid;
    unsigned int Tid;
    unsigned int ParentPid;
    int ExitCode;
};

#define HALP_BPF_BEGIN_SIZE 12
#define HALP_BPF_HEAD_SIZE 20

/* An EXEC, as far as Text is used. */
struct HALP_BPF_EXEC_RECORD {
    struct HALP_BPF_HEAD Head;
    unsigned short PathLength; /* of Text, without a NUL: the name given to exec */
    unsigned short LineLength; /* behind it: the arguments, a NUL after each */
    unsigned long long Inode;
    char Text[HALP_BPF_PATH_MAX + HALP_BPF_LINE_MAX];
};

#define HALP_BPF_EXEC_SIZE 32 /* offset of Text */

#define HALP_BPF_PROCESSES 16384 /* alive, begun while we watched, whose state is kept */
#define HALP_BPF_SLOTS 32u       /* a power of two */

/* Written by the programs, but for ArmTime; all only grow. */
struct HALP_BPF_STATE {
    unsigned long long ArmTime; /* CLOCK_MONOTONIC; 0: the programs do nothing yet */
    unsigned long long Full;    /* records for which a ring had no room: perf counts them too */
    unsigned long long Failed;  /* records that could not be written for another reason */
    unsigned long long Creates; /* events whose record was not written, for either reason ... */
    unsigned long long Exits;   /* ... and the ends of programs, by exit or exec, among them */
    unsigned long long Begins;  /* execs begun: each maps a [vdso] */
    struct {
        unsigned long long Tasks; /* threads that began or ended */
        unsigned long long Line[7];
    } Slots[HALP_BPF_SLOTS]; /* by processor, so that they do not share a cache line */
};
