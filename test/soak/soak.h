/* SPDX-License-Identifier: MIT
 *
 * test/soak/soak.h - what the soak's driver and its client agree on
 *
 * An echo inverts every byte, and the bytes of the "file" follow from their place: both sides check
 * all of them without memory in common.
 */
#pragma once

#define SOAK_DEVICE "\\\\.\\NtboxSoak" /* + '0' + the way of reads and writes */
#define SOAK_WAYS 3                    /* buffered, direct, neither */

#define SOAK_CODE(function, method) \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900 + (function), method, FILE_ANY_ACCESS)
/* Input and output: bytes; answered at once. */
#define SOAK_ECHO(method) SOAK_CODE(method, method)
/* Input: a SOAK_PEND_IN; output: a SOAK_PEND_OUT. Completed later, or cancelled. */
#define SOAK_PEND SOAK_CODE(4, METHOD_BUFFERED)
/* Completes the oldest request that waits for it; output: how many, 0 or 1. */
#define SOAK_COMPLETE SOAK_CODE(5, METHOD_BUFFERED)
/* Output: SOAK_COUNTS. */
#define SOAK_QUERY SOAK_CODE(6, METHOD_BUFFERED)

typedef enum SOAK_HOW {
    SOAK_BY_TIMER,    /* from a timer's DPC */
    SOAK_BY_WORK,     /* from a work item */
    SOAK_BY_COMPLETE, /* by SOAK_COMPLETE, of any thread */
    SOAK_HOWS
} SOAK_HOW;

typedef struct SOAK_PEND_IN {
    UINT32 How;
    UINT32 Microseconds; /* SOAK_BY_TIMER */
    UINT64 Cookie;
} SOAK_PEND_IN;

typedef struct SOAK_PEND_OUT {
    UINT64 Answer; /* ~Cookie */
} SOAK_PEND_OUT;

/* Since the driver was loaded; this request is counted as received only. */
typedef struct SOAK_COUNTS {
    UINT64 Creates;
    UINT64 Cleanups;
    UINT64 Closes;
    UINT64 Reads;
    UINT64 Writes;
    UINT64 Controls;  /* without the two kinds below */
    UINT64 Pends;     /* SOAK_PEND, received */
    UINT64 Answered;  /* of those: completed with an answer */
    UINT64 Cancelled; /* of those: completed as cancelled */
    UINT64 Dpcs;
    UINT64 WorkItems;
    UINT64 WrongBytes;
    UINT64 Under; /* requests and contexts of timers and work items that are under way */
} SOAK_COUNTS;

/* Reads and writes: byte i of the file. */
static inline unsigned char
SoakFileByte(UINT64 Offset)
{
    return (unsigned char)(Offset * 7 + (Offset >> 8));
}
