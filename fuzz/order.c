/* SPDX-License-Identifier: MIT
 *
 * fuzz/order.c - streams of raw records, as wrong as they like, and the rules that hold anyway
 *
 * M1, M2, times that never decrease, and every loss told: the LOST events add up to what the order
 * machine counted, and that is what was fed as lost plus what it refused. An orderly stream, as a
 * host that loses nothing gives it, must in addition keep M3, and all of it must be told.
 *
 * Input  1 byte: options; then records: 1 byte type and shape, 1 byte process, ...
 */
#include "fuzz.h"

#include "hal/linux/events/order.h"

#include <string.h>

#define PIDS 16u          /* of a wrong stream: 1 .. 15 */
#define ORDERLY_PIDS 250u /* of an orderly one: each is used once */

typedef struct STREAM {
    int IsOrderly;
    uint32_t Pids;
    uint8_t IsCreated[ORDERLY_PIDS];
    uint8_t WasCreated[ORDERLY_PIDS];
    uint8_t WasParent[ORDERLY_PIDS];
    uint64_t Time;
    uint64_t Told;   /* lost, by LOST events */
    uint64_t Lost;   /* fed as lost, or refused */
    uint64_t Images; /* told */
    uint32_t Reported;
} STREAM;

static STREAM Stream;
static uint32_t GonePids; /* a bit a process */

static void
OnCreate(STREAM *Told, const HALP_EVENT *Event)
{
    uint32_t pid = Event->ProcessId;

    FUZZ_CHECK(!Told->IsCreated[pid]);
    Told->IsCreated[pid] = 1;
    Told->Reported++;
    if (Told->IsOrderly) {
        FUZZ_CHECK(!Told->WasParent[pid] || Told->WasCreated[pid]); /* M3 */
        FUZZ_CHECK(Event->ParentProcessId < ORDERLY_PIDS);
        Told->WasCreated[pid] = 1;
        Told->WasParent[Event->ParentProcessId] = Event->ParentProcessId != 1;
    }
}

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
    FUZZ_CHECK(Event->ProcessId != 0 && Event->ProcessId < stream->Pids);
    switch (Event->Type) {
    case HALP_EVENT_CREATE:
        OnCreate(stream, Event);
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

/* ---- orderly streams ---- */

typedef struct PROCESS {
    int IsThere;
    int HasProgram;
    uint32_t Parent;
} PROCESS;

static PROCESS Model[ORDERLY_PIDS];
static uint32_t NextPid;

static void
FeedOrderly(HALP_ORDER *Order, HALP_RAW_TYPE Type, uint32_t Pid, uint32_t Parent)
{
    HALP_RAW raw = {.Type = Type,
                    .Pid = Pid,
                    .Tid = Pid,
                    .CreatorPid = Parent,
                    .CreatorTid = Parent,
                    .ParentPid = Parent,
                    .Time = Stream.Time + 1,
                    .Path = "/p",
                    .PathLength = 2};

    FUZZ_CHECK(HalpOrderFeed(Order, &raw));
}

static void
RunProgram(HALP_ORDER *Order, uint32_t Pid, unsigned Images)
{
    uint64_t told = Stream.Images;

    FeedOrderly(Order, HALP_RAW_EXEC_BEGIN, Pid, Model[Pid].Parent);
    for (unsigned i = 0; i < Images; i++) {
        FeedOrderly(Order, HALP_RAW_IMAGE, Pid, 0);
    }
    FeedOrderly(Order, HALP_RAW_EXEC, Pid, Model[Pid].Parent);
    FUZZ_CHECK(Stream.IsCreated[Pid] && Stream.Images == told + Images);
    Model[Pid].HasProgram = 1;
}

/* What a process can do, by a process that can do it: a parent has its program before it forks. */
static void
StepOrderly(HALP_ORDER *Order, FUZZ_INPUT *Input)
{
    unsigned what = FuzzChoose(Input, 8);
    uint32_t pid = 1 + FuzzChoose(Input, 256) % (NextPid - 1);
    PROCESS *process = &Model[pid];
    uint64_t told = Stream.Images;

    if (!process->IsThere) {
        return;
    }
    if (what < 3 && process->HasProgram && NextPid < ORDERLY_PIDS) {
        Model[NextPid] = (PROCESS){1, 0, pid};
        FeedOrderly(Order, HALP_RAW_FORK, NextPid++, pid);
    } else if (what < 5 && pid != 1) {
        RunProgram(Order, pid, FuzzChoose(Input, 4));
    } else if (what == 5 && Stream.IsCreated[pid]) {
        FeedOrderly(Order, HALP_RAW_IMAGE, pid, 0);
        FUZZ_CHECK(Stream.Images == told + 1);
    } else if (what > 5 && pid != 1) {
        FeedOrderly(Order, HALP_RAW_EXIT, pid, 0);
        FUZZ_CHECK(!Stream.IsCreated[pid]);
        process->IsThere = 0;
    }
    FUZZ_CHECK(HalpOrderLostTotal(Order) == 0);
}

static void
RunOrderly(FUZZ_INPUT *Input)
{
    HALP_ORDER *order = HalpOrderCreate(&(HALP_ORDER_OPTIONS){0});

    memset(Model, 0, sizeof(Model));
    Model[1] = (PROCESS){1, 1, 0};
    NextPid = 2;
    Stream = (STREAM){.IsOrderly = 1, .Pids = ORDERLY_PIDS};
    HalpOrderSetSink(order, OnEvent, &Stream);
    HalpOrderAddProcess(order, 1, 1, 0, HALP_ORDER_FOLLOWED);
    while (Input->Size != 0) {
        StepOrderly(order, Input);
    }
    HalpOrderFlush(order);
    FUZZ_CHECK(Stream.Told == 0);
    HalpOrderDestroy(order);
}

static void
RunWrong(FUZZ_INPUT *Input, unsigned Choices)
{
    HALP_ORDER_OPTIONS options = {.ExecFromImage = Choices & 1,
                                  .OneExitPerThread = Choices >> 1 & 1,
                                  .Filter = Choices >> 2 & 1,
                                  .QueryProcess = Choices & 8 ? Query : NULL,
                                  .Context = "asked"};
    HALP_ORDER *order = HalpOrderCreate(&options);
    uint64_t now = 1;

    Stream = (STREAM){.Pids = PIDS};
    HalpOrderSetSink(order, OnEvent, &Stream);
    HalpOrderAddProcess(order, 1, 1, 0, HALP_ORDER_FOLLOWED);
    while (Input->Size != 0) {
        Step(order, Input, &now);
    }
    HalpOrderFlush(order);
    FUZZ_CHECK(Stream.Told == Stream.Lost);
    HalpOrderDestroy(order);
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    FUZZ_INPUT input = {Data, Size};
    unsigned choices = FuzzChoose(&input, 256);

    if (choices & 0x80) {
        RunOrderly(&input);
    } else {
        RunWrong(&input, choices);
    }
    return 0;
}
