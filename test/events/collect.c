/* SPDX-License-Identifier: MIT
 *
 * test/events/collect.c - keeps events and checks the rules that hold for every stream of them
 */
#include "collect.h"

#include <stdlib.h>
#include <string.h>

#define PID_LIMIT (4u << 20) /* PID_MAX_LIMIT of Linux */

void
Collect(void *Context, const HALP_EVENT *Event)
{
    COLLECTION *collection = Context;
    EVENT *kept;

    if (collection->Count == collection->Capacity) {
        collection->Capacity = collection->Capacity == 0 ? 1024 : collection->Capacity * 2;
        collection->Events =
            realloc(collection->Events, collection->Capacity * sizeof(*collection->Events));
    }
    kept = &collection->Events[collection->Count++];
    kept->Event = *Event;
    kept->Path =
        strndup(Event->ImagePathLength != 0 ? Event->ImagePath : "", Event->ImagePathLength);
    kept->Line =
        strndup(Event->CommandLineLength != 0 ? Event->CommandLine : "", Event->CommandLineLength);
    collection->Lost += Event->Type == HALP_EVENT_LOST ? Event->Lost : 0;
}

void
ExpectOrder(const COLLECTION *Collection)
{
    uint8_t *isCreated = calloc(PID_LIMIT, 1);
    uint64_t time = 0;
    size_t i;

    for (i = 0; i < Collection->Count; i++) {
        const HALP_EVENT *event = &Collection->Events[i].Event;
        NT_EXPECT_TRUE(event->Time >= time);
        time = event->Time;
        if (event->Type == HALP_EVENT_LOST) {
            NT_EXPECT_TRUE(event->Lost != 0);
            continue;
        }
        NT_EXPECT_TRUE(event->ProcessId != 0 && event->ProcessId < PID_LIMIT);
        if (isCreated[event->ProcessId] == (event->Type == HALP_EVENT_CREATE)) {
            NT_FAIL("event %zu: type %d of process %u, which is %s", i, event->Type,
                    event->ProcessId, isCreated[event->ProcessId] ? "there" : "not there");
        }
        isCreated[event->ProcessId] = event->Type != HALP_EVENT_EXIT;
    }
    free(isCreated);
}

void
ExpectParentsFirst(const COLLECTION *Collection)
{
    uint8_t *isParent = calloc(PID_LIMIT, 1);
    uint8_t *isSeen = calloc(PID_LIMIT, 1);
    size_t i;

    for (i = 0; i < Collection->Count; i++) {
        const HALP_EVENT *event = &Collection->Events[i].Event;
        if (event->Type != HALP_EVENT_CREATE) {
            continue;
        }
        if (isParent[event->ProcessId] && !isSeen[event->ProcessId]) {
            NT_FAIL("process %u is created after its child", event->ProcessId);
        }
        isSeen[event->ProcessId] = 1;
        isParent[event->ParentProcessId] = 1;
    }
    free(isParent);
    free(isSeen);
}

const EVENT *
FindEvent(const COLLECTION *Collection, HALP_EVENT_TYPE Type, uint32_t Pid, size_t Nth)
{
    size_t i;

    for (i = 0; i < Collection->Count; i++) {
        const HALP_EVENT *event = &Collection->Events[i].Event;
        if (event->Type == Type && event->ProcessId == Pid && Nth-- == 0) {
            return &Collection->Events[i];
        }
    }
    return NULL;
}

size_t
CountEvents(const COLLECTION *Collection, HALP_EVENT_TYPE Type, uint32_t Pid)
{
    size_t count = 0;

    while (FindEvent(Collection, Type, Pid, count) != NULL) {
        count++;
    }
    return count;
}
