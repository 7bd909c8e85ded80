/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/table.h - the processes that are alive, by PID
 *
 * Open addressing with linear probing and backward-shift deletion: no tombstones, so it does not
 * age. A pointer to an entry is valid until the next insertion or removal.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct HALP_HELD HALP_HELD;

#define HALP_PROCESS_FOLLOWED 1u  /* below the root (or no root was given) */
#define HALP_PROCESS_REPORT 2u    /* its programs are reported: FOLLOWED except the root itself */
#define HALP_PROCESS_REPORTED 4u  /* CREATE told, EXIT not yet */
#define HALP_PROCESS_EXECING 8u   /* EXEC_BEGIN seen, the program is not known yet */
#define HALP_PROCESS_GUESSED 16u  /* CREATE was told without its EXEC record */
#define HALP_PROCESS_SUSPECT 32u  /* gone when last looked at */
#define HALP_PROCESS_ORPHANED 64u /* made up from a record whose FORK is missing */
#define HALP_PROCESS_PROGRAM 128u /* REPORTED, or would be if it were not filtered out */
#define HALP_PROCESS_UNSEEN 256u  /* runs a program whose CREATE could not be told */

typedef struct HALP_PROCESS {
    uint32_t Pid; /* 0: free slot */
    uint32_t Flags;
    uint32_t CreatorPid; /* 0: unknown */
    uint32_t CreatorTid;
    uint32_t Threads;
    uint32_t Left;      /* images that are lost if it turns out to be UNSEEN */
    uint32_t LossEpoch; /* of the order machine, when this program or fork began */
    uint64_t ExecTime;  /* of EXEC_BEGIN, while EXECING */
    uint64_t CountTime; /* when Threads was counted, if it was */
    HALP_HELD *Held;    /* images that wait for their CREATE, or NULL */
} HALP_PROCESS;

typedef struct HALP_TABLE {
    HALP_PROCESS *Slots;
    uint32_t Capacity; /* a power of two */
    uint32_t Count;
} HALP_TABLE;

int HalpTableInitialize(HALP_TABLE *Table, uint32_t Capacity);
void HalpTableDestroy(HALP_TABLE *Table);
/* NULL: not there. */
HALP_PROCESS *HalpTableFind(HALP_TABLE *Table, uint32_t Pid);
/* The entry, zeroed but for Pid if it is new. NULL: no memory. */
HALP_PROCESS *HalpTableInsert(HALP_TABLE *Table, uint32_t Pid);
void HalpTableRemove(HALP_TABLE *Table, HALP_PROCESS *Process);
