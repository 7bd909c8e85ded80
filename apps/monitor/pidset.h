/* SPDX-License-Identifier: MIT
 *
 * pidset.h - a set of process IDs, for following a tree
 */
#pragma once

#include <windows.h>

typedef struct MONITOR_PID_SET {
    DWORD *Slots;     /* open addressing; 0: free */
    SIZE_T SlotCount; /* a power of two, or 0 */
    SIZE_T Used;
} MONITOR_PID_SET;

/* FALSE: out of memory, the set is unchanged. ProcessId is not 0. */
BOOL MonitorPidSetAdd(MONITOR_PID_SET *Set, DWORD ProcessId);
BOOL MonitorPidSetContains(const MONITOR_PID_SET *Set, DWORD ProcessId);
VOID MonitorPidSetRemove(MONITOR_PID_SET *Set, DWORD ProcessId);
VOID MonitorPidSetFree(MONITOR_PID_SET *Set);
