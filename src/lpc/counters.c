/* SPDX-License-Identifier: MIT
 *
 * lpc/counters.c - what the kernel holds on to at this moment, as numbers: a leak shows here
 *
 * One line a count, "name number". With no client, and no driver busy, the numbers are the same
 * each time.
 */
#include <stdio.h>

#include "lpc/lpcp.h"

#define LPCP_MAX_TAGS 1024u

typedef struct LPCP_COUNTERS_SINK {
    NTBOX_HOST_SINK *Sink;
    void *Context;
} LPCP_COUNTERS_SINK;

static VOID
LpcpPutCount(const LPCP_COUNTERS_SINK *Sink, const char *Name, ULONG64 Count)
{
    char line[64];
    int length = snprintf(line, sizeof(line), "%s %llu\n", Name, (unsigned long long)Count);

    Sink->Sink(Sink->Context, line, (size_t)length);
}

static VOID
LpcpPutTag(const LPCP_COUNTERS_SINK *Sink, const EXP_TAG_STATISTICS *Tag)
{
    char name[16] = "pool ";

    for (ULONG i = 0; i < 4; i++) {
        char letter = (char)(Tag->Tag >> (8 * i));

        name[5 + i] = letter > ' ' && letter < 0x7F ? letter : '_';
    }
    LpcpPutCount(Sink, name, Tag->BytesAllocated - Tag->BytesFreed);
}

int32_t
LpcpCounters(NTBOX_HOST_SINK *Sink, void *Context)
{
    const LPCP_COUNTERS_SINK sink = {.Sink = Sink, .Context = Context};
    SIZE_T size = LPCP_MAX_TAGS * sizeof(EXP_TAG_STATISTICS);
    EXP_TAG_STATISTICS *tags;
    KTHREAD borrowed;
    ULONG count = 0;

    PspBorrowSystemThread(&borrowed);
    tags = ExAllocatePoolWithTag(NonPagedPoolNx, size, LPCP_TAG);
    if (tags != NULL) {
        count = min(ExpQueryTagStatistics(tags, LPCP_MAX_TAGS), LPCP_MAX_TAGS);
        LpcpPutCount(&sink, "objects", (ULONG64)ObpObjectsInUse(NULL));
        LpcpPutCount(&sink, "requests", (ULONG64)IopIrpsInUse());
        LpcpPutCount(&sink, "locked lists", (ULONG64)MiLockedMdlCount());
        for (ULONG i = 0; i < count; i++) {
            LpcpPutTag(&sink, &tags[i]);
        }
        ExFreePoolWithTag(tags, LPCP_TAG);
    }
    PspReturnSystemThread(&borrowed);
    return tags != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}
