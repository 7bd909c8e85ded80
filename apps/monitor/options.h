/* SPDX-License-Identifier: MIT
 *
 * options.h - the monitor's command line
 */
#pragma once

#include <windows.h>

#define MONITOR_SHOW_CREATE 1u
#define MONITOR_SHOW_EXIT 2u
#define MONITOR_SHOW_IMAGE 4u
#define MONITOR_SHOW_ALL 7u

typedef enum MONITOR_COLOR {
    MonitorColorAuto,
    MonitorColorAlways,
    MonitorColorNever
} MONITOR_COLOR;

typedef struct MONITOR_OPTIONS {
    ULONGLONG ForMilliseconds; /* 0: no limit */
    ULONGLONG Count;           /* events to show; 0: no limit */
    BOOL Json;
    BOOL Stats;
    BOOL Quiet;      /* count, do not show */
    ULONG Show;      /* MONITOR_SHOW_* */
    DWORD ProcessId; /* only this one; 0: all */
    DWORD Tree;      /* only this one's descendants and itself; 0: all */
    ULONG BatchCount;
    ULONG FlushMilliseconds;
    MONITOR_COLOR Color;
} MONITOR_OPTIONS;

typedef enum MONITOR_PARSE {
    MonitorParseRun,
    MonitorParseDone, /* --help or --version: printed, exit 0 */
    MonitorParseError /* said on standard error, exit 2 */
} MONITOR_PARSE;

MONITOR_PARSE MonitorParseOptions(int Count, char **Arguments, MONITOR_OPTIONS *Options);
