/* SPDX-License-Identifier: MIT
 *
 * output.h - events as text: columns on a terminal, tab-separated fields elsewhere, or JSON lines
 */
#pragma once

#include <windows.h>
#include "channel.h"
#include "notify.h"

typedef enum MONITOR_FORM {
    MonitorFormColumns, /* aligned, cut to the width of the terminal */
    MonitorFormTabs,    /* time, sequence, event, PID, parent PID, image, details; nothing cut */
    MonitorFormJson
} MONITOR_FORM;

typedef struct MONITOR_OUTPUT MONITOR_OUTPUT;

/* Width: of the terminal, for MonitorFormColumns; 0: 80. NULL: out of memory. */
MONITOR_OUTPUT *MonitorOpenOutput(HANDLE File, MONITOR_FORM Form, BOOL Color, ULONG Width);
/* One checked record. FALSE: the file takes no more (GetLastError). */
BOOL MonitorWriteRecord(MONITOR_OUTPUT *Output, const CHANNEL_RECORD *Record);
BOOL MonitorFlushOutput(MONITOR_OUTPUT *Output);
VOID MonitorCloseOutput(MONITOR_OUTPUT *Output);

const char *MonitorGapReason(UINT32 Reason);
