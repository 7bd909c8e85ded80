/* SPDX-License-Identifier: MIT
 *
 * test/events/collect.h - keeps events and checks the rules that hold for every stream of them
 */
#pragma once

#include "hal/halp.h"
#include "nt_test.h"

typedef struct EVENT {
    HALP_EVENT Event; /* its strings are those below */
    char *Path;
    char *Line;
} EVENT;

typedef struct COLLECTION {
    EVENT *Events;
    size_t Count;
    size_t Capacity;
    uint64_t Lost;
} COLLECTION;

/* A HALP_EVENT_CALLBACK; Context is a COLLECTION. */
void Collect(void *Context, const HALP_EVENT *Event);
/* M1, M2 and times that never decrease; fails the test that asks. */
void ExpectOrder(const COLLECTION *Collection);
/* M3, for streams in which no parent forks before its own exec. */
void ExpectParentsFirst(const COLLECTION *Collection);
/* The nth (from 0) event of this type and process; NULL: there is none. */
const EVENT *FindEvent(const COLLECTION *Collection, HALP_EVENT_TYPE Type, uint32_t Pid,
                       size_t Nth);
size_t CountEvents(const COLLECTION *Collection, HALP_EVENT_TYPE Type, uint32_t Pid);
