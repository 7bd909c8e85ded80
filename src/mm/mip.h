/* SPDX-License-Identifier: MIT
 *
 * mm/mip.h - the insides of a client's memory, shared by client.c and clientview.c
 */
#pragma once

#include "mm/client.h"
#include "mm/mi.h"

#define MI_TAG_CLIENT 0x696C436Du /* 'mCli' */
#define MI_TAG_COPY 0x706F436Du   /* 'mCop' */
#define MI_COPY_BUCKETS 64u

#define MI_MAX_RUNS 128u /* pieces of an arena with different access: the host maps each apart */

/* Access of the arena from the previous run's end up to End. */
typedef struct MI_ARENA_RUN {
    ULONG_PTR End;
    ULONG Access; /* HALP_READ, HALP_WRITE */
} MI_ARENA_RUN;

struct MI_CLIENT {
    LONG References; /* atomic */
    ULONG UserId;
    BOOLEAN IsTrusted;
    SIZE_T Used[MiQuotaKinds]; /* atomic; quota.c */
    HALP_PEER *Peer;
    ULONG_PTR Base;
    ULONG_PTR ZoneBase;
    ULONG_PTR End;
    FAST_MUTEX ZoneLock;
    LIST_ENTRY Regions; /* MI_REGION.Link, by address; ZoneLock */
    ULONG RegionCount;  /* ZoneLock */
    ULONG RunCount;     /* ZoneLock, as Runs */
    MI_ARENA_RUN Runs[MI_MAX_RUNS];
    KSPIN_LOCK WorkLock;
    LIST_ENTRY Work;   /* WorkLock */
    BOOLEAN PumpStops; /* WorkLock */
    KEVENT WorkEvent;
    LONG Requests;      /* atomic */
    KEVENT RequestsEnd; /* set when Requests comes to 0; its waiter looks again */
    KSPIN_LOCK CopyLock;
    LIST_ENTRY Copies[MI_COPY_BUCKETS]; /* MI_CLIENT_COPY.Link; CopyLock */
    MI_CLIENT_MAP *Map;                 /* set before there are threads */
    PVOID MapContext;
    LONG MdlCount; /* atomic */
};

#define MI_MAX_REGIONS 512u

/* A part of the zone that is taken. */
typedef struct MI_REGION {
    LIST_ENTRY Link;
    ULONG_PTR Base; /* whole pages */
    SIZE_T Size;
} MI_REGION;
/* FALSE: the zone has no such gap. Region is the caller's memory. IRQL < DISPATCH_LEVEL. */
BOOLEAN MiTakeZone(MI_CLIENT *Client, SIZE_T Size, SIZE_T Alignment, MI_REGION *Region);
VOID MiGiveZone(MI_CLIENT *Client, MI_REGION *Region);
