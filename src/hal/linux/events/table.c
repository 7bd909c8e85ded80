/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/table.c - the processes that are alive, by PID
 *
 * Invariants  T1  At most 7/10 of the slots are taken: a probe always ends.
 *             T2  Between a PID's home slot and its slot there is no free slot.
 */
#include "table.h"

#include <stdlib.h>

static uint32_t
HalpTableHome(const HALP_TABLE *Table, uint32_t Pid)
{
    return (Pid * 2654435769u >> 7) & (Table->Capacity - 1);
}

int
HalpTableInitialize(HALP_TABLE *Table, uint32_t Capacity)
{
    Table->Slots = calloc(Capacity, sizeof(*Table->Slots));
    Table->Capacity = Capacity;
    Table->Count = 0;
    return Table->Slots != NULL;
}

void
HalpTableDestroy(HALP_TABLE *Table)
{
    free(Table->Slots);
    Table->Slots = NULL;
}

HALP_PROCESS *
HalpTableFind(HALP_TABLE *Table, uint32_t Pid)
{
    uint32_t slot;

    for (slot = HalpTableHome(Table, Pid); Table->Slots[slot].Pid != 0;
         slot = (slot + 1) & (Table->Capacity - 1)) {
        if (Table->Slots[slot].Pid == Pid) {
            return &Table->Slots[slot];
        }
    }
    return NULL;
}

static HALP_PROCESS *
HalpTableTake(HALP_TABLE *Table, uint32_t Pid)
{
    uint32_t slot = HalpTableHome(Table, Pid);

    while (Table->Slots[slot].Pid != 0) {
        slot = (slot + 1) & (Table->Capacity - 1);
    }
    Table->Slots[slot].Pid = Pid;
    Table->Count++;
    return &Table->Slots[slot];
}

static int
HalpTableGrow(HALP_TABLE *Table)
{
    HALP_TABLE larger;
    uint32_t slot;

    if (!HalpTableInitialize(&larger, Table->Capacity * 2)) {
        return 0;
    }
    for (slot = 0; slot < Table->Capacity; slot++) {
        if (Table->Slots[slot].Pid != 0) {
            *HalpTableTake(&larger, Table->Slots[slot].Pid) = Table->Slots[slot];
        }
    }
    free(Table->Slots);
    *Table = larger;
    return 1;
}

HALP_PROCESS *
HalpTableInsert(HALP_TABLE *Table, uint32_t Pid)
{
    HALP_PROCESS *process = HalpTableFind(Table, Pid);

    if (process != NULL) {
        return process;
    }
    if (Table->Count >= Table->Capacity / 10 * 7 && !HalpTableGrow(Table)) {
        return NULL;
    }
    return HalpTableTake(Table, Pid);
}

void
HalpTableRemove(HALP_TABLE *Table, HALP_PROCESS *Process)
{
    uint32_t mask = Table->Capacity - 1;
    uint32_t hole = (uint32_t)(Process - Table->Slots);
    uint32_t slot;
    uint32_t home;

    for (slot = (hole + 1) & mask; Table->Slots[slot].Pid != 0; slot = (slot + 1) & mask) {
        home = HalpTableHome(Table, Table->Slots[slot].Pid);
        /* T2: only an entry whose home is not past the hole may move into it. */
        if (((slot - home) & mask) >= ((slot - hole) & mask)) {
            Table->Slots[hole] = Table->Slots[slot];
            hole = slot;
        }
    }
    Table->Slots[hole] = (HALP_PROCESS){0};
    Table->Count--;
}
