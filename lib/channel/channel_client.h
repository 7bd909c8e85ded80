/* SPDX-License-Identifier: MIT
 *
 * channel_client.h - the program's half: records one by one, read many at a time
 *
 * A client keeps several overlapped reads pended, so that the driver always has a buffer to
 * complete, and hands out the records of the completed ones in order.
 */
#pragma once

#include <windows.h>
#include <winioctl.h>
#include "channel.h"

typedef struct CHANNEL_CLIENT CHANNEL_CLIENT;

typedef struct CHANNEL_CLIENT_OPTIONS {
    ULONG Reads;             /* overlapped reads kept pended; 1 .. 32, 0: 4 */
    ULONG BufferSize;        /* bytes of each; 64 .. 16 Mi, 0: 64 Ki */
    ULONG BatchCount;        /* see CHANNEL_OPTIONS; 0: 1 */
    ULONG FlushMilliseconds; /* see CHANNEL_OPTIONS */
    BOOL SkipKept;           /* start with the next record, not with the oldest one kept */
} CHANNEL_CLIENT_OPTIONS;

/*
 * ChannelClientOpen - open a channel's device and start reading
 *
 * Path     for example L"\\\\.\\NtboxNotify"
 * Options  NULL: the defaults
 *
 * Returns  the client, or NULL: GetLastError() has the error
 */
CHANNEL_CLIENT *ChannelClientOpen(const WCHAR *Path, const CHANNEL_CLIENT_OPTIONS *Options);

typedef enum CHANNEL_CLIENT_RESULT {
    ChannelClientRecord,    /* *Record is the next record, valid until the next call */
    ChannelClientTimeout,   /* none came in time */
    ChannelClientCancelled, /* ChannelClientCancel was called */
    ChannelClientFailed     /* the device is gone or broke the format; GetLastError() */
} CHANNEL_CLIENT_RESULT;

/*
 * ChannelClientNext - the next record, waiting for it at most Milliseconds (INFINITE: no limit)
 *
 * One thread at a time. Gap records come like others, in their place.
 */
CHANNEL_CLIENT_RESULT ChannelClientNext(CHANNEL_CLIENT *Client, DWORD Milliseconds,
                                        const CHANNEL_RECORD **Record);

/* Makes the running, or else the next, ChannelClientNext return ChannelClientCancelled. Any thread.
 */
VOID ChannelClientCancel(CHANNEL_CLIENT *Client);

BOOL ChannelClientStatistics(CHANNEL_CLIENT *Client, CHANNEL_STATISTICS *Statistics);

/* Cancels the reads, waits for them, closes the device. NULL is allowed. */
VOID ChannelClientClose(CHANNEL_CLIENT *Client);
