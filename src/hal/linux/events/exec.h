/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/exec.h - what the BPF programs write and the reader reads
 *
 * Included by both: no includes here; the fixed-size types come from the includer.
 */
#pragma once

#define HALP_BPF_PATH_MAX 256
#define HALP_BPF_LINE_MAX 4096

enum { HALP_BPF_EXEC = 1, HALP_BPF_EXIT };

/* All of an EXIT. Time and order are those of the perf record around it. */
struct HALP_BPF_HEAD {
    unsigned int Type;
    unsigned int Pid;
    unsigned int Tid;
    unsigned int ParentPid;
    int ExitCode;
    unsigned int LineCut; /* 1: the arguments are longer than HALP_BPF_LINE_MAX */
};

/* An EXEC, as far as Text is used. */
struct HALP_BPF_EXEC_RECORD {
    struct HALP_BPF_HEAD Head;
    unsigned long long Inode;
    unsigned int PathLength; /* of Text, without a NUL: the name given to exec */
    unsigned int LineLength; /* behind it: the arguments, a NUL after each */
    char Text[HALP_BPF_PATH_MAX + HALP_BPF_LINE_MAX];
};

#define HALP_BPF_EXEC_SIZE 40 /* offset of Text */
