/* SPDX-License-Identifier: MIT
 *
 * notify.h - the records of the notify driver's channel
 *
 * Include <wdm.h> or <windows.h> and channel.h before it. Each payload follows a CHANNEL_RECORD;
 * strings follow the fixed part, in the order of their lengths, UTF-16, not NUL-terminated.
 */
#pragma once

#define NOTIFY_DEVICE_NAME L"\\Device\\NtboxNotify"
#define NOTIFY_LINK_NAME L"\\DosDevices\\NtboxNotify"
#define NOTIFY_WIN32_NAME L"\\\\.\\NtboxNotify"

/* A longer command line is cut to this many bytes, with CommandLineCut set. */
#define NOTIFY_MAX_STRING 8192u

typedef enum NOTIFY_TYPE {
    NotifyProcessCreate = 1, /* NOTIFY_CREATE */
    NotifyProcessExit = 2,   /* NOTIFY_EXIT */
    NotifyImageLoad = 3,     /* NOTIFY_IMAGE */
    NotifyEnd = 4            /* NOTIFY_END: the source of events has ended */
} NOTIFY_TYPE;

typedef struct NOTIFY_CREATE {
    UINT32 ProcessId;
    UINT32 ParentProcessId;
    UINT32 CreatorProcessId;
    UINT32 CreatorThreadId;
    UINT16 ImagePathLength;   /* bytes */
    UINT16 CommandLineLength; /* bytes */
    UINT8 ImagePathCut;
    UINT8 CommandLineCut;
    UINT16 Reserved;
} NOTIFY_CREATE;

typedef struct NOTIFY_EXIT {
    UINT32 ProcessId;
    UINT32 Reserved;
} NOTIFY_EXIT;

typedef struct NOTIFY_IMAGE {
    UINT32 ProcessId;
    UINT16 ImagePathLength; /* bytes */
    UINT8 ImagePathCut;
    UINT8 IsSystemImage; /* a driver: ProcessId is 0 */
    UINT64 Base;
    UINT64 Size; /* bytes */
} NOTIFY_IMAGE;

typedef struct NOTIFY_END {
    UINT32 Status;      /* wait(2) status of the followed command; 0 without one */
    UINT32 Unavailable; /* 1: there never was a source; the system's log says why */
} NOTIFY_END;
