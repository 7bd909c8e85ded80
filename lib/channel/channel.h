/* SPDX-License-Identifier: MIT
 *
 * channel.h - the event channel's record format and control codes, for both halves
 *
 * Include <wdm.h> (driver) or <windows.h> and <winioctl.h> (program) before it.
 *
 * A read returns whole records, one after the other, each starting at a multiple of 8 bytes from
 * the buffer's start. All numbers are little-endian. Version 1, byte by byte:
 *
 *      0  4  Size      bytes of this record, header and payload, without the padding to 8
 *      4  2  Type      CHANNEL_TYPE_GAP, or the publisher's own (1 .. 0x7fff)
 *      6  2  Version   1
 *      8  8  Sequence  1, 2, 3 ... in the order in which things happened, whoever reads
 *     16  8  Time      100 ns units since 1601-01-01 UTC, when it happened
 *     24     payload
 */
#pragma once

#define CHANNEL_VERSION 1
#define CHANNEL_ALIGNMENT 8
#define CHANNEL_MAX_RECORD (64u * 1024u)

typedef struct CHANNEL_RECORD {
    UINT32 Size;
    UINT16 Type;
    UINT16 Version;
    UINT64 Sequence;
    UINT64 Time;
} CHANNEL_RECORD;

/* Something is missing here: CHANNEL_GAP follows the header. */
#define CHANNEL_TYPE_GAP 0x8000u

typedef enum CHANNEL_GAP_REASON {
    ChannelGapOverrun = 1, /* this reader was slow: the oldest records were overwritten */
    ChannelGapTooLarge,    /* a record larger than the channel takes was published */
    ChannelGapNoMemory,    /* the publisher had no memory to make the record */
    ChannelGapSource,      /* lost before it reached the publisher; has no sequence numbers */
    ChannelGapReasons
} CHANNEL_GAP_REASON;

/*
 * What a gap record says. It stands for the numbers Sequence .. Sequence + Span - 1: those of the
 * overwritten records, or its own. Gap records that were overwritten themselves come as one for
 * each reason, with the sum of their counts: the sum over all gaps is what this reader has lost.
 *
 *     24  8  Count     things that are missing
 *     32  8  Span      sequence numbers that this record uses up
 *     40  4  Reason    CHANNEL_GAP_REASON
 *     44  4  Reserved  0
 */
typedef struct CHANNEL_GAP {
    UINT64 Count;
    UINT64 Span;
    UINT32 Reason;
    UINT32 Reserved;
} CHANNEL_GAP;

/* How reads of this handle are completed. Input CHANNEL_OPTIONS. */
#define IOCTL_CHANNEL_SET_OPTIONS \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_READ_ACCESS)
/* Output CHANNEL_STATISTICS of this handle. */
#define IOCTL_CHANNEL_QUERY_STATISTICS \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x901, METHOD_BUFFERED, FILE_READ_ACCESS)

typedef struct CHANNEL_OPTIONS {
    UINT32 BatchCount;        /* complete a read once so many records wait; 1 .. 65536 */
    UINT32 FlushMilliseconds; /* ... or the first of them has waited so long; 0: at once */
    UINT32 Flags;             /* CHANNEL_OPTION_* */
    UINT32 Reserved;          /* 0 */
} CHANNEL_OPTIONS;

/* Moves this reader behind the newest record; what it jumps over is not counted as lost. */
#define CHANNEL_OPTION_SKIP_KEPT 1u

typedef struct CHANNEL_STATISTICS {
    UINT64 Published;               /* records given a sequence number, by anyone */
    UINT64 Delivered;               /* records this handle has read, gaps not counted */
    UINT64 Reads;                   /* reads completed with records */
    UINT64 Lost[ChannelGapReasons]; /* by reason, as told in gap records */
    UINT64 Capacity;                /* bytes the channel keeps */
} CHANNEL_STATISTICS;

#define CHANNEL_ALIGN(size) (((size) + (CHANNEL_ALIGNMENT - 1)) & ~(CHANNEL_ALIGNMENT - 1))
