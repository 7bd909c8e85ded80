/* SPDX-License-Identifier: MIT
 *
 * hal/sim/event.c - machine events that a test injects
 *
 * Invariant  E1  The queue holds what was injected and not yet delivered, oldest first. Events
 *                injected before HalpOpenEvents are kept for the source that is opened next.
 */
#include "hal/sim/simp.h"

#include <stdlib.h>
#include <string.h>

typedef struct QUEUED_EVENT {
    struct QUEUED_EVENT *Next;
    HALP_EVENT Event; /* its strings follow the structure */
} QUEUED_EVENT;

struct HALP_EVENTS {
    uint32_t IsOpen;
    uint32_t IsStopped;
    uint32_t IsReading;
    uint32_t HasCommand;
};

static HALP_EVENTS Source;
static QUEUED_EVENT *FirstEvent;
static QUEUED_EVENT **LastEvent = &FirstEvent;

static const char *
CopyString(char *Target, const char *Text, size_t Length)
{
    if (Length == 0) {
        return NULL;
    }
    memcpy(Target, Text, Length);
    return Target;
}

void
SimInjectEvent(const HALP_EVENT *Event)
{
    QUEUED_EVENT *queued;
    char *text;

    (void)SimCurrent(__func__);
    queued = malloc(sizeof(*queued) + Event->ImagePathLength + Event->CommandLineLength);
    if (queued == NULL) {
        PosixFatal("SimInjectEvent: out of memory");
    }
    text = (char *)(queued + 1);
    queued->Next = NULL;
    queued->Event = *Event;
    queued->Event.ImagePath = CopyString(text, Event->ImagePath, Event->ImagePathLength);
    text += Event->ImagePathLength;
    queued->Event.CommandLine = CopyString(text, Event->CommandLine, Event->CommandLineLength);
    SimRelease(queued);
    *LastEvent = queued;
    LastEvent = &queued->Next;
    SimWake(&Source.IsReading, UINT32_MAX);
    SimSchedulingPoint();
}

static QUEUED_EVENT *
TakeEvent(void)
{
    QUEUED_EVENT *queued = FirstEvent;

    if (queued != NULL) {
        FirstEvent = queued->Next;
        if (FirstEvent == NULL) {
            LastEvent = &FirstEvent;
        }
        SimAcquire(queued);
    }
    return queued;
}

void
SimForgetEvents(void)
{
    QUEUED_EVENT *queued;

    while ((queued = TakeEvent()) != NULL) {
        free(queued);
    }
    memset(&Source, 0, sizeof(Source));
}

HALP_STATUS
HalpOpenEvents(const HALP_EVENTS_OPTIONS *Options, HALP_EVENTS **Events)
{
    (void)SimCurrent(__func__);
    if (Options == NULL || Options->Source > HALP_EVENTS_PTRACE) {
        return PosixFailText(HALP_INVALID, "HalpOpenEvents: no such source");
    }
    if (Source.IsOpen) {
        return PosixFailText(HALP_EXISTS, "HalpOpenEvents: hal/sim has one source");
    }
    memset(&Source, 0, sizeof(Source));
    Source.IsOpen = 1;
    Source.HasCommand = Options->Command != NULL;
    *Events = &Source;
    return HALP_OK;
}

const char *
HalpDescribeEvents(HALP_EVENTS *Events)
{
    (void)Events;
    return "simulated, injected by the test";
}

HALP_STATUS
HalpWaitEvents(HALP_EVENTS *Events, uint64_t Deadline, HALP_EVENT_CALLBACK *Callback, void *Context)
{
    HALP_THREAD *self = SimCurrent(__func__);
    HALP_STATUS status = HALP_OK;
    QUEUED_EVENT *queued;

    if (Events->IsReading) {
        PosixFatal("HalpWaitEvents: two threads at a time");
    }
    Events->IsReading = 1;
    SimSchedulingPoint();
    while (FirstEvent == NULL && !Events->IsStopped && status == HALP_OK) {
        status = Deadline <= SimMachine.Clock ? HALP_TIMEOUT
                                              : SimWait(self, &Events->IsReading, Deadline);
    }
    if (FirstEvent == NULL) {
        status = Events->IsStopped ? HALP_CLOSED : HALP_TIMEOUT;
    } else {
        status = HALP_OK;
    }
    while ((queued = TakeEvent()) != NULL) {
        Callback(Context, &queued->Event);
        free(queued);
    }
    Events->IsReading = 0;
    return status;
}

void
HalpStopEvents(HALP_EVENTS *Events)
{
    (void)SimCurrent(__func__);
    Events->IsStopped = 1;
    SimWake(&Events->IsReading, UINT32_MAX);
    SimSchedulingPoint();
}

int
HalpCommandStatus(HALP_EVENTS *Events)
{
    return Events->HasCommand && Events->IsStopped ? 0 : -1;
}

void
HalpCloseEvents(HALP_EVENTS *Events)
{
    if (!Events->IsOpen || Events->IsReading) {
        PosixFatal("HalpCloseEvents: not open, or a thread still reads");
    }
    memset(Events, 0, sizeof(*Events));
}
