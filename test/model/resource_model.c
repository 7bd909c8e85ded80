/* SPDX-License-Identifier: MIT
 *
 * test/model/resource_model.c - what an ERESOURCE does, in plain C
 *
 * Source  WDK reference, wdm.h ExAcquireResourceExclusiveLite, ExAcquireResourceSharedLite,
 *         ExAcquireSharedStarveExclusive, ExAcquireSharedWaitForExclusive, ExReleaseResourceLite,
 *         ExConvertExclusiveToSharedLite, ExSetResourceOwnerPointer. Who comes next when it is
 *         released is not written there: here all waiting readers after a writer, else the
 *         writer who has waited longest.
 */
#include "resource.h"

#include <string.h>

static const char *const Names[] = {
    "AcquireExclusive", "AcquireShared",   "AcquireStarve", "AcquireAfter", "Release",
    "Convert",          "SetOwnerPointer", "IsExclusive",   "IsShared",     "state"};

static RESOURCE_OWN *
Own(MODEL_STATE *State)
{
    return (RESOURCE_OWN *)(void *)State->Own;
}

static int
IsOwned(const RESOURCE_OWN *Own)
{
    for (int i = 0; i < RESOURCE_OWNERS; i++) {
        if (Own->Counts[i] != 0) {
            return 1;
        }
    }
    return 0;
}

static void
GrantShared(MODEL_STATE *State)
{
    RESOURCE_OWN *own = Own(State);

    for (int i = 0; i < own->SharedWaiters; i++) {
        own->Counts[own->Shared[i]]++;
        ModelFinish(State, (uint32_t)own->Shared[i], 1);
    }
    memset(own->Shared, 0, sizeof(own->Shared));
    own->SharedWaiters = 0;
}

static void
GrantExclusive(MODEL_STATE *State)
{
    RESOURCE_OWN *own = Own(State);
    int8_t thread = own->ExclusiveQueue[0];

    memmove(own->ExclusiveQueue, own->ExclusiveQueue + 1, MODEL_THREADS - 1);
    own->ExclusiveQueue[--own->ExclusiveWaiters] = 0;
    own->Exclusive = 1;
    own->Counts[thread] = 1;
    ModelFinish(State, (uint32_t)thread, 1);
}

static void
Release(MODEL_STATE *State, int32_t Owner)
{
    RESOURCE_OWN *own = Own(State);
    int wasExclusive = own->Exclusive;

    own->Counts[Owner]--;
    if (IsOwned(own)) {
        return;
    }
    own->Exclusive = 0;
    if (own->ExclusiveWaiters != 0 && !(wasExclusive && own->SharedWaiters != 0)) {
        GrantExclusive(State);
    } else {
        GrantShared(State);
    }
}

/* May the thread have it now? If so, it has. */
static int
TryAcquire(MODEL_STATE *State, uint32_t Thread, int32_t Code)
{
    RESOURCE_OWN *own = Own(State);
    int may;

    if (!IsOwned(own)) {
        own->Exclusive = Code == RESOURCE_EXCLUSIVE;
        may = 1;
    } else if (own->Exclusive || Code == RESOURCE_EXCLUSIVE) {
        may = own->Exclusive && own->Counts[Thread] != 0;
    } else {
        may = own->ExclusiveWaiters == 0 || Code == RESOURCE_STARVE ||
              (Code == RESOURCE_SHARED && own->Counts[Thread] != 0);
    }
    own->Counts[Thread] = (int8_t)(own->Counts[Thread] + may);
    return may;
}

static void
BeginAcquire(MODEL_STATE *State, uint32_t Thread)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;
    RESOURCE_OWN *own = Own(State);

    if (TryAcquire(State, Thread, op->Code)) {
        ModelFinish(State, Thread, 1);
    } else if (!op->Data[0]) {
        ModelFinish(State, Thread, 0);
    } else {
        State->Threads[Thread].Phase = MODEL_BLOCKED;
        if (op->Code == RESOURCE_EXCLUSIVE) {
            own->ExclusiveQueue[own->ExclusiveWaiters++] = (int8_t)Thread;
        } else {
            own->Shared[own->SharedWaiters++] = (int8_t)Thread;
        }
    }
}

static int
Begin(MODEL_STATE *State, uint32_t Thread, uint32_t Way)
{
    const MODEL_OP *op = &State->Threads[Thread].Op;
    RESOURCE_OWN *own = Own(State);
    int64_t result = 0;

    if (Way != 0) {
        return 0;
    }
    switch (op->Code) {
    case RESOURCE_RELEASE:
        Release(State, op->Data[0]);
        break;
    case RESOURCE_CONVERT:
        own->Exclusive = 0;
        GrantShared(State);
        break;
    case RESOURCE_SET_POINTER:
        own->Counts[RESOURCE_POINTER + Thread] = own->Counts[Thread];
        own->Counts[Thread] = 0;
        break;
    case RESOURCE_IS_EXCLUSIVE:
        result = own->Exclusive && own->Counts[Thread] != 0;
        break;
    case RESOURCE_IS_SHARED:
        result = own->Counts[Thread];
        break;
    default:
        BeginAcquire(State, Thread);
        return 1;
    }
    ModelFinish(State, Thread, result);
    return 1;
}

static int
Step(MODEL_STATE *State, uint32_t Index)
{
    (void)State;
    (void)Index;
    return 0;
}

static uint64_t
NextTime(const MODEL_STATE *State)
{
    (void)State;
    return MODEL_NEVER;
}

static int
Note(MODEL_STATE *State, const MODEL_OP *Op)
{
    return Own(State)->SharedWaiters == Op->Data[0] && Own(State)->ExclusiveWaiters == Op->Data[1];
}

const MODEL ResourceModel = {.Name = "resource",
                             .OpNames = Names,
                             .OwnSize = sizeof(RESOURCE_OWN),
                             .Steps = 0,
                             .Begin = Begin,
                             .Step = Step,
                             .NextTime = NextTime,
                             .Note = Note};
_Static_assert(sizeof(RESOURCE_OWN) <= MODEL_OWN, "size");
