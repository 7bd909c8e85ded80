/* SPDX-License-Identifier: MIT
 *
 * pidset.c - a set of process IDs: linear probing, at most three quarters full
 */
#include "pidset.h"

#define MONITOR_PID_SET_FIRST 64u

/* The slot that holds ProcessId, or the free one where it would go. */
static SIZE_T
MonitorpFindSlot(const DWORD *Slots, SIZE_T SlotCount, DWORD ProcessId)
{
    SIZE_T slot = (ProcessId * 2654435761u) & (SlotCount - 1);

    while (Slots[slot] != 0 && Slots[slot] != ProcessId) {
        slot = (slot + 1) & (SlotCount - 1);
    }
    return slot;
}

static BOOL
MonitorpGrow(MONITOR_PID_SET *Set)
{
    SIZE_T count = Set->SlotCount == 0 ? MONITOR_PID_SET_FIRST : Set->SlotCount * 2;
    DWORD *slots = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, count * sizeof(*slots));
    SIZE_T i;

    if (slots == NULL) {
        return FALSE;
    }
    for (i = 0; i < Set->SlotCount; i++) {
        if (Set->Slots[i] != 0) {
            slots[MonitorpFindSlot(slots, count, Set->Slots[i])] = Set->Slots[i];
        }
    }
    MonitorPidSetFree(Set);
    Set->Slots = slots;
    Set->SlotCount = count;
    return TRUE;
}

BOOL
MonitorPidSetAdd(MONITOR_PID_SET *Set, DWORD ProcessId)
{
    SIZE_T slot;

    if ((Set->Used + 1) * 4 > Set->SlotCount * 3) {
        SIZE_T used = Set->Used;

        if (!MonitorpGrow(Set)) {
            return FALSE;
        }
        Set->Used = used;
    }
    slot = MonitorpFindSlot(Set->Slots, Set->SlotCount, ProcessId);
    if (Set->Slots[slot] == 0) {
        Set->Slots[slot] = ProcessId;
        Set->Used++;
    }
    return TRUE;
}

BOOL
MonitorPidSetContains(const MONITOR_PID_SET *Set, DWORD ProcessId)
{
    return Set->SlotCount != 0 && ProcessId != 0 &&
           Set->Slots[MonitorpFindSlot(Set->Slots, Set->SlotCount, ProcessId)] == ProcessId;
}

VOID
MonitorPidSetRemove(MONITOR_PID_SET *Set, DWORD ProcessId)
{
    SIZE_T slot;

    if (!MonitorPidSetContains(Set, ProcessId)) {
        return;
    }
    slot = MonitorpFindSlot(Set->Slots, Set->SlotCount, ProcessId);
    Set->Slots[slot] = 0;
    Set->Used--;
    /* What follows without a gap may have been put past the slot that is free now. */
    for (slot = (slot + 1) & (Set->SlotCount - 1); Set->Slots[slot] != 0;
         slot = (slot + 1) & (Set->SlotCount - 1)) {
        DWORD moved = Set->Slots[slot];

        Set->Slots[slot] = 0;
        Set->Slots[MonitorpFindSlot(Set->Slots, Set->SlotCount, moved)] = moved;
    }
}

VOID
MonitorPidSetFree(MONITOR_PID_SET *Set)
{
    if (Set->Slots != NULL) {
        HeapFree(GetProcessHeap(), 0, Set->Slots);
    }
    Set->Slots = NULL;
    Set->SlotCount = 0;
    Set->Used = 0;
}
