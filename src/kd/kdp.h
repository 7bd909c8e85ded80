/* SPDX-License-Identifier: MIT
 *
 * kd/kdp.h - what the files of kd share
 */
#pragma once

#include "kd/kd.h"

#define KDP_FRAMES 48
#define KDP_NOTE 240

/* ---- bugcodes.c ---- */

typedef struct KDP_BUGCODE {
    ULONG Code;
    const char *Name;
    const char *Parameter[4]; /* NULL: reserved */
} KDP_BUGCODE;
/* NULL: not in the table. */
const KDP_BUGCODE *KdpFindBugCode(ULONG Code);

/* ---- subcodes.c ---- */

typedef struct KDP_SUBCODE {
    ULONG Code;
    UCHAR Index; /* the parameter, from 1, whose Value it is */
    ULONG Value;
    const char *Meaning;
    const char *Parameter[4]; /* NULL: reserved, or Index */
} KDP_SUBCODE;
/* NULL: not in the table. */
const KDP_SUBCODE *KdpFindSubCode(ULONG Code, const ULONG_PTR Parameters[4]);

/* ---- report.c ---- */

/* The facts of a bugcheck, gathered once, written twice. All text is NUL-terminated. */
typedef struct KDP_REPORT {
    ULONG Code;
    const KDP_BUGCODE *Known; /* NULL: unknown code */
    const KDP_SUBCODE *Sub;   /* NULL: none is known */
    ULONG_PTR Parameter[4];
    char Meaning[4][KDP_NOTE]; /* of the parameter; "" if reserved */
    char Note[4][KDP_NOTE];    /* what the parameter points at; "" if unknown */
    const char *Detail;
    KIRQL Irql;
    ULONG ThreadId;
    ULONG ProcessId;
    const char *ProcessName;
    BOOLEAN IsSystemThread;
    char Dpc[KDP_NOTE]; /* the DPC routine being run, or "" */
    const char *Driver; /* whose code is innermost on the stack, or "" */
    char Irp[1024];     /* the IRP being dispatched, or "" */
    char Holds[1024];   /* locks and regions of the thread, or "" */
    ULONG FrameCount;
    uintptr_t Frame[KDP_FRAMES];
    HALP_SYMBOL Symbol[KDP_FRAMES];
} KDP_REPORT;

/* ---- json.c ---- */

/* Writes the report to Path; needs no memory but a static buffer. */
HALP_STATUS KdpWriteJson(const char *Path, const KDP_REPORT *Report);

/* ---- filter.c ---- */

/* Reads NTBOX_DEBUG_FILTER. */
VOID KdpInitializeFilter(VOID);
/* Level: a bit number up to 31, or a mask. */
BOOLEAN KdpIsShown(ULONG ComponentId, ULONG Level);
