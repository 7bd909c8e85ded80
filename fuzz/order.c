/* SPDX-License-Identifier: MIT
 *
 * fuzz/order.c - streams of raw records, as wrong as they like, and the rules that hold anyway
 *
 * M1, M2, times that never decrease, and every loss told: the LOST events add up to what the order
 * machine counted, and that is what was fed as lost plus what it refused.
 *
 * Input  1 byte: options; then records: 1 byte type and shape, 1 byte process, ...
 */
#include "fuzz.h"

#include "hal/linux/events/order.h"

#include <string.h>

#define PIDS 16u

typedef struct STREAM {
    int IsCreated[PIDS];
    uint64_t Time;
    uint64_t Told;   /* lost, by LOST events */
    uint64_t Lost;   /* fed as lost, or refused */
    uint64_t Images; /* told */
    uint32_t Reported;
} STREAM;

static STREAM Stream;
static uint32_t GonePids; /* a bit a process */

static void
OnEvent(void *Context, const HALP_EVENT *Event)
{
    STREAM *stream = Context;
    volatile char touched = 0;

    FUZZ_CHECK(Event->Time >= stream->Time);
    stream->Time = Event->Time;
    for (size_t i = 0; i < Event->ImagePathLength; i++) {
        touched = Event->ImagePath[i];
    }
    for (size_t i = 0; i < Event->CommandLineLength; i++) {
        touched = Event->CommandLine[i];
    }
    (void)touched;
    if (Event->Type == HALP_EVENT_LOST) {
        FUZZ_CHECK(Event->Lost != 0);
        stream->Told += Event->Lost;
        return;
    }
    FUZZ_CHECK(Event->ProcessId != 0 && Event->ProcessId < PIDS);
    switch (Event->Type) {
    case HALP_EVENT_CREATE:
        FUZZ_CHECK(!stream->IsCreated[Event->ProcessId]);
        stream->IsCreated[Event->ProcessId] = 1;
        stream->Reported++;
        break;
    case HALP_EVENT_EXIT:
        FUZZ_CHECK(stream->IsCreated[Event->ProcessId]);
        stream->IsCreated[Event->ProcessId] = 0;
        stream->Reported--;
        break;
    default:
        FUZZ_CHECK(Event->Type == HALP_EVENT_IMAGE);
        FUZZ_CHECK(stream->IsCreated[Event->ProcessId]);
        stream->Images++;
        break;
    }
}

static void
Query(void *Context, HALP_RAW *Exec)
{
    Exec->CommandLine = Context;
    Exec->CommandLineLength = 5;
    Exec->ParentPid = 1;
}

static int
IsGone(uint32_t Pid)
{
    return GonePids >> (Pid % PIDS) & 1;
}

static uint32_t
TakePid(FUZZ_INPUT *Input)
{
    return 1 + FuzzChoose(Input, PIDS - 1);
}

/* A text of the input's own bytes, at its very end, so that reading on is found. */
static const char *
TakeText(FUZZ_INPUT *Input, size_t *Length)
{
    static char longText[4000];
    const char *text = (const char *)Input->Data;
    size_t length = FuzzTake(Input, 1);

    if (length >= 250) {
        memset(longText, 'x', sizeof(longText));
        *Length = sizeof(longText) - 250 + length - 5;
        return longText;
    }
    text = (const char *)Input->Data;
    *Length = length % 32 < Input->Size ? length % 32 : Input->Size;
    Input->Data += *Length;
    Input->Size -= *Length;
    return *Length != 0 ? text : NULL;
}

static void
FeedRecord(HALP_ORDER *Order, FUZZ_INPUT *Input, uint64_t *Now, unsigned Type)
{
    HALP_RAW raw = {.Type = (HALP_RAW_TYPE)Type, .Pid = TakePid(Input)};
    unsigned shape = FuzzChoose(Input, 256);

    raw.Tid = shape & 1 ? TakePid(Input) : raw.Pid;
    raw.CreatorPid = TakePid(Input);
    raw.CreatorTid = raw.CreatorPid;
    raw.ParentPid = shape & 2 ? TakePid(Input) : 0;
    raw.ExitCode = (int32_t)FuzzTake(Input, 1);
    *Now += shape & 4 ? 0 : 1 + shape / 16;
    raw.Time = shape & 8 && *Now > shape ? *Now - shape : *Now; /* late */
    raw.Inode = FuzzChoose(Input, 4);
    raw.Path = TakeText(Input, &raw.PathLength);
    if (raw.Type == HALP_RAW_EXEC) {
        raw.CommandLine = TakeText(Input, &raw.CommandLineLength);
    }
    raw.Lost = raw.Type == HALP_RAW_LOST ? FuzzTake(Input, 1) : 0;
    Stream.Lost += raw.Lost;
    Stream.Lost += HalpOrderFeed(Order, &raw) ? 0 : 1;
}

static void
Step(HALP_ORDER *Order, FUZZ_INPUT *Input, uint64_t *Now)
{
    unsigned type = FuzzChoose(Input, 32);

    switch (type) {
    case 31:
        GonePids = (uint32_t)FuzzTake(Input, 2);
        HalpOrderMark(Order, FuzzChoose(Input, 2) == 1, IsGone);
        break;
    case 30:
        HalpOrderSweep(Order, *Now);
        break;
    case 29:
        HalpOrderFlush(Order);
        FUZZ_CHECK(Stream.Told == HalpOrderLostTotal(Order));
        break;
    case 28:
        HalpOrderExpectRoot(Order, TakePid(Input));
        break;
    case 27:
        HalpOrderSetComplete(Order, *Now);
        break;
    case 26:
        HalpOrderAddProcess(Order, TakePid(Input), FuzzChoose(Input, 4), *Now,
                            FuzzChoose(Input, 4));
        break;
    default:
        FeedRecord(Order, Input, Now, HALP_RAW_FORK + type % 6);
        break;
    }
    FUZZ_CHECK(HalpOrderReportedCount(Order) == Stream.Reported);
    FUZZ_CHECK(HalpOrderProcessCount(Order) < PIDS);
    FUZZ_CHECK(HalpOrderFollowedCount(Order) <= HalpOrderProcessCount(Order));
    FUZZ_CHECK(HalpOrderLostTotal(Order) == Stream.Lost);
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    FUZZ_INPUT input = {Data, Size};
    unsigned choices = FuzzChoose(&input, 256);
    HALP_ORDER_OPTIONS options = {.ExecFromImage = choices & 1,
                                  .OneExitPerThread = choices >> 1 & 1,
                                  .Filter = choices >> 2 & 1,
                                  .QueryProcess = choices & 8 ? Query : NULL,
                                  .Context = "asked"};
    HALP_ORDER *order = HalpOrderCreate(&options);
    uint64_t now = 1;

    memset(&Stream, 0, sizeof(Stream));
    HalpOrderSetSink(order, OnEvent, &Stream);
    HalpOrderAddProcess(order, 1, 1, 0, HALP_ORDER_FOLLOWED);
    while (input.Size != 0) {
        Step(order, &input, &now);
    }
    HalpOrderFlush(order);
    FUZZ_CHECK(Stream.Told == Stream.Lost);
    HalpOrderDestroy(order);
    return 0;
}
