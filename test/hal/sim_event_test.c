/* SPDX-License-Identifier: MIT
 *
 * sim_event_test.c - machine events that a test injects
 */
#include "hal/sim/sim.h"
#include "setup.h"

#include <stdio.h>

#define MS 1000000ull

static char Seen[512];

static void
NoteEvent(void *Context, const HALP_EVENT *Event)
{
    size_t length = strlen(Seen);

    NT_EXPECT_EQ(Context, Seen);
    snprintf(Seen + length, sizeof(Seen) - length, "%d:%u:%.*s:%.*s;", Event->Type,
             Event->ProcessId, (int)Event->ImagePathLength,
             Event->ImagePathLength == 0 ? "" : Event->ImagePath, (int)Event->CommandLineLength,
             Event->CommandLineLength == 0 ? "" : Event->CommandLine);
}

static void
Inject(HALP_EVENT_TYPE Type, uint32_t Process, const char *Image, const char *Line)
{
    char image[32];
    char line[32];
    HALP_EVENT event = {.Type = Type, .ProcessId = Process};

    /* Copies on this stack: the host must take its own. */
    event.ImagePathLength = (size_t)snprintf(image, sizeof(image), "%s", Image);
    event.CommandLineLength = (size_t)snprintf(line, sizeof(line), "%s", Line);
    event.ImagePath = image;
    event.CommandLine = line;
    SimInjectEvent(&event);
}

static HALP_EVENTS *
Open(void)
{
    static const HALP_EVENTS_OPTIONS options;
    HALP_EVENTS *events = NULL;

    NT_EXPECT_EQ(HalpOpenEvents(&options, &events), HALP_OK);
    return events;
}

NT_TEST(SimEvents, ArriveInOrderWithTheirStrings)
{
    HALP_EVENTS *events = Open();

    Inject(HALP_EVENT_CREATE, 5, "/bin/a", "a -x");
    Inject(HALP_EVENT_IMAGE, 5, "/lib/b", "");
    Inject(HALP_EVENT_EXIT, 5, "", "");
    NT_EXPECT_EQ(HalpWaitEvents(events, HALP_NEVER, NoteEvent, Seen), HALP_OK);
    NT_EXPECT_STR(Seen, "1:5:/bin/a:a -x;3:5:/lib/b:;2:5::;");
    NT_EXPECT_EQ(HalpWaitEvents(events, HalpMonotonicTime() + MS, NoteEvent, Seen), HALP_TIMEOUT);
    HalpStopEvents(events);
    HalpCloseEvents(events);
}

static void
ReadAll(void *Context)
{
    while (HalpWaitEvents(Context, HALP_NEVER, NoteEvent, Seen) == HALP_OK) {
    }
}

NT_TEST_SEEDS(SimEvents, ReaderIsWokenAndStopDeliversTheRest, 10)
{
    HALP_EVENTS *events = Open();
    HALP_THREAD *thread;

    NT_EXPECT_EQ(HalpCreateThread(&thread, "reader", ReadAll, events), HALP_OK);
    Inject(HALP_EVENT_CREATE, 5, "/bin/a", "a");
    SimRunUntilIdle();
    NT_EXPECT_STR(Seen, "1:5:/bin/a:a;");
    Inject(HALP_EVENT_EXIT, 5, "", "");
    HalpStopEvents(events);
    HalpWaitThreadEnd(thread);
    NT_EXPECT_STR(Seen, "1:5:/bin/a:a;2:5::;");
    HalpCloseEvents(events);
}

NT_TEST(SimEvents, AreKeptUntilASourceIsOpenAndFreedWithoutOne)
{
    HALP_EVENTS *events;

    Inject(HALP_EVENT_CREATE, 5, "/bin/a", "a");
    events = Open();
    NT_EXPECT_EQ(HalpWaitEvents(events, HALP_NEVER, NoteEvent, Seen), HALP_OK);
    NT_EXPECT_STR(Seen, "1:5:/bin/a:a;");
    HalpCloseEvents(events);
    Inject(HALP_EVENT_EXIT, 5, "left", "over"); /* the leak checker looks at the end */
}

NT_TEST(SimEvents, SecondSourceAndUnknownKindAreRefused)
{
    static const HALP_EVENTS_OPTIONS unknown = {.Source = 99};
    HALP_EVENTS_OPTIONS options = {.Source = HALP_EVENTS_AUTO};
    HALP_EVENTS *events = Open();
    HALP_EVENTS *second = NULL;

    NT_EXPECT_EQ(HalpOpenEvents(&options, &second), HALP_EXISTS);
    NT_EXPECT_EQ(HalpOpenEvents(&unknown, &second), HALP_INVALID);
    NT_EXPECT_EQ(second, NULL);
    NT_EXPECT_CONTAINS(HalpDescribeEvents(events), "simulated");
    NT_EXPECT_EQ(HalpCommandStatus(events), -1);
    HalpStopEvents(events);
    NT_EXPECT_EQ(HalpWaitEvents(events, HALP_NEVER, NoteEvent, Seen), HALP_CLOSED);
    HalpCloseEvents(events);
    events = Open();
    HalpCloseEvents(events);
}
