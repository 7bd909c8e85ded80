/* SPDX-License-Identifier: MIT
 *
 * hal/linux/events/events.c - machine events: chooses a source, gives what it tells to the caller
 *
 * README.md here says how the parts fit; halp.h has the contract.
 *
 * Threads  HalpWaitEvents: one at a time. HalpStopEvents and HalpCommandStatus: any, any time
 *          before HalpCloseEvents.
 */
#include "eventsp.h"

#include "hal/posix/posix.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* From 1601-01-01 to 1970-01-01, in 100 ns units. */
#define HALP_UNIX_EPOCH 116444736000000000ull
/* A sleep of the machine or a set clock moves the offset; slewing by less is noise. */
#define HALP_CLOCK_TOLERANCE 1000000

void
HalpSetErrorText(const char *Format, ...)
{
    va_list arguments;
    char text[256];

    va_start(arguments, Format);
    vsnprintf(text, sizeof(text), Format, arguments);
    va_end(arguments);
    PosixFailText(HALP_IO, "%s", text);
}

HALP_STATUS
HalpEventsError(const char *What, int Error)
{
    HalpSetErrorText("%s: %s", What, strerror(Error));
    switch (Error) {
    case EPERM:
    case EACCES:
        return HALP_DENIED;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return HALP_NO_MEMORY;
    case ENOENT:
        return HALP_NOT_FOUND;
    case ENOSYS:
    case EOPNOTSUPP:
    case EINVAL:
    case ESRCH: /* libbpf: the kernel has no such type or tracepoint */
        return HALP_UNSUPPORTED;
    default:
        return HALP_IO;
    }
}

/* ---- telling ---- */

static void
HalpSetClockOffset(HALP_EVENTS *Events)
{
    uint64_t before = HalpRecordClock();
    struct timespec now;
    int64_t offset;
    int64_t drift;

    clock_gettime(CLOCK_REALTIME, &now);
    offset = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)before;
    drift = offset - Events->ClockOffset;
    if (drift > HALP_CLOCK_TOLERANCE || drift < -HALP_CLOCK_TOLERANCE) {
        Events->ClockOffset = offset;
    }
}

static void
HalpDeliver(void *Context, const HALP_EVENT *Event)
{
    HALP_EVENTS *events = Context;
    HALP_EVENT told = *Event;
    int64_t unixTime = (int64_t)Event->Time + events->ClockOffset;

    told.Time = (uint64_t)unixTime / 100 + HALP_UNIX_EPOCH;
    events->Delivered++;
    events->Callback(events->CallbackContext, &told);
}

HALP_STATUS
HalpResetOrder(HALP_EVENTS *Events, const HALP_ORDER_OPTIONS *Options)
{
    if (Events->Order != NULL) {
        HalpOrderDestroy(Events->Order);
    }
    Events->Order = HalpOrderCreate(Options);
    if (Events->Order == NULL) {
        return HALP_NO_MEMORY;
    }
    HalpOrderSetSink(Events->Order, HalpDeliver, Events);
    return HALP_OK;
}

/* ---- choosing ---- */

static HALP_STATUS
HalpOpenSource(HALP_EVENTS *Events, const HALP_EVENTS_OPTIONS *Options, uint32_t Source)
{
    Events->Source = Source;
    if (Source == HALP_EVENTS_PTRACE) {
        return HalpOpenFollow(Events, Options, &Events->Follow);
    }
    return HalpOpenMachine(Events, Options, Source == HALP_EVENTS_BPF, &Events->Machine);
}

/* 1 if another source may do better: the failure is the source's, not the command's or ours. */
static int
HalpMayFallBack(const HALP_EVENTS *Events, HALP_STATUS Status)
{
    return Events->Command.Status < 0 && Events->Command.Pid == 0 &&
           (Status == HALP_DENIED || Status == HALP_UNSUPPORTED || Status == HALP_IO ||
            Status == HALP_NO_MEMORY);
}

static HALP_STATUS
HalpOpenBest(HALP_EVENTS *Events, const HALP_EVENTS_OPTIONS *Options)
{
    HALP_STATUS status = HalpOpenSource(Events, Options, HALP_EVENTS_BPF);
    char why[256];

    if (status == HALP_OK || !HalpMayFallBack(Events, status)) {
        return status;
    }
    snprintf(why, sizeof(why), "%s", HalpLastErrorText());
    status = HalpOpenSource(Events, Options, HALP_EVENTS_PERF);
    if (status == HALP_OK || !HalpMayFallBack(Events, status)) {
        return status;
    }
    if (Options->Command != NULL) {
        return HalpOpenSource(Events, Options, HALP_EVENTS_PTRACE);
    }
    if (status == HALP_DENIED) {
        HalpSetErrorText("no privileges to watch the machine (%s): run as root (sudo), or give a "
                         "command to follow: -- COMMAND",
                         why);
    }
    return status;
}

static HALP_STATUS
HalpCheckOptions(const HALP_EVENTS_OPTIONS *Options)
{
    if (Options->Source > HALP_EVENTS_PTRACE) {
        HalpSetErrorText("events: no source %u", Options->Source);
        return HALP_INVALID;
    }
    if (Options->Command != NULL && (Options->Command[0] == NULL || Options->RootProcessId != 0)) {
        HalpSetErrorText("events: an empty command, or a command and a process to follow");
        return HALP_INVALID;
    }
    if (Options->Source == HALP_EVENTS_PTRACE && Options->Command == NULL) {
        HalpSetErrorText("ptrace follows a command only: give one: -- COMMAND");
        return HALP_INVALID;
    }
    return HALP_OK;
}

HALP_STATUS
HalpOpenEvents(const HALP_EVENTS_OPTIONS *Options, HALP_EVENTS **Events)
{
    HALP_STATUS status = HalpCheckOptions(Options);
    HALP_EVENTS *events;

    if (status != HALP_OK) {
        return status;
    }
    events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return HALP_NO_MEMORY;
    }
    events->Command.BarrierFd = -1;
    events->Command.ResultFd = -1;
    events->Command.Status = -1;
    pthread_mutex_init(&events->Command.Lock, NULL);
    events->StopFd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (events->StopFd < 0) {
        status = HalpEventsError("eventfd", errno);
    } else if (Options->Source == HALP_EVENTS_AUTO) {
        status = HalpOpenBest(events, Options);
    } else {
        status = HalpOpenSource(events, Options, Options->Source);
    }
    if (status != HALP_OK) {
        HalpCloseEvents(events);
        return status;
    }
    HalpSetClockOffset(events);
    *Events = events;
    return HALP_OK;
}

const char *
HalpDescribeEvents(HALP_EVENTS *Events)
{
    return Events->Description;
}

/* ---- reading ---- */

HALP_STATUS
HalpWaitEvents(HALP_EVENTS *Events, uint64_t Deadline, HALP_EVENT_CALLBACK *Callback, void *Context)
{
    HALP_STATUS status;

    if (Events->Ended) {
        return HALP_CLOSED;
    }
    Events->Callback = Callback;
    Events->CallbackContext = Context;
    HalpSetClockOffset(Events);
    if (Events->Follow != NULL) {
        status = HalpWaitFollow(Events->Follow, Deadline);
    } else {
        status = HalpWaitMachine(Events->Machine, Deadline);
    }
    if (status == HALP_CLOSED) {
        Events->Ended = 1;
    }
    return status;
}

void
HalpStopEvents(HALP_EVENTS *Events)
{
    uint64_t one = 1;
    ssize_t written = write(Events->StopFd, &one, sizeof(one));

    (void)written; /* fails only when the counter is at its end: stopped already */
    if (Events->Follow != NULL) {
        HalpStopFollow(Events->Follow);
    }
}

int
HalpCommandStatus(HALP_EVENTS *Events)
{
    return HalpReapCommand(&Events->Command, 0);
}

void
HalpCloseEvents(HALP_EVENTS *Events)
{
    if (Events->Machine != NULL) {
        HalpCloseMachine(Events->Machine);
    }
    if (Events->Follow != NULL) {
        HalpCloseFollow(Events->Follow);
    }
    HalpAbandonCommand(&Events->Command);
    HalpReapCommand(&Events->Command, 0);
    if (Events->Order != NULL) {
        HalpOrderDestroy(Events->Order);
    }
    if (Events->StopFd >= 0) {
        close(Events->StopFd);
    }
    pthread_mutex_destroy(&Events->Command.Lock);
    free(Events);
}
