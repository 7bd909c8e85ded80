/* SPDX-License-Identifier: MIT
 *
 * test/model/resource_test.c - random use of an ERESOURCE
 *
 * Each worker knows what it holds and does nothing that is forbidden or waits for itself.
 */
#include "machine.h"
#include "resource.h"

#define WORKERS 4

typedef struct HOLDING {
    ULONG Count;   /* as the thread */
    ULONG Pointer; /* by its owner pointer */
    BOOLEAN Exclusive;
} HOLDING;

static ERESOURCE Resource;
static HOLDING Holdings[WORKERS + 1];
/* Owner pointers have their two lowest bits set. */
static UINT64 Pointers[WORKERS + 1];

static PVOID
OwnerPointer(ULONG Worker)
{
    return (PVOID)((ULONG_PTR)&Pointers[Worker] | 3);
}

static void
SetUp(MODEL_STATE *State, MODEL_RANDOM *Random)
{
    memset(Holdings, 0, sizeof(Holdings));
    ExInitializeResourceLite(&Resource);
}

static BOOLEAN
DoAcquire(INT32 Code, BOOLEAN Wait, BOOLEAN EnterRegion)
{
    if (EnterRegion && Wait && Code != RESOURCE_STARVE) {
        KeLeaveCriticalRegion();
        switch (Code) {
        case RESOURCE_EXCLUSIVE:
            ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
            break;
        case RESOURCE_SHARED:
            ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
            break;
        default:
            ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&Resource);
            break;
        }
        return TRUE;
    }
    switch (Code) {
    case RESOURCE_EXCLUSIVE:
        return ExAcquireResourceExclusiveLite(&Resource, Wait);
    case RESOURCE_SHARED:
        return ExAcquireResourceSharedLite(&Resource, Wait);
    case RESOURCE_STARVE:
        return ExAcquireSharedStarveExclusive(&Resource, Wait);
    default:
        return ExAcquireSharedWaitForExclusive(&Resource, Wait);
    }
}

/* Would waiting wait for oneself? */
static BOOLEAN
MayWait(const HOLDING *Mine, INT32 Code)
{
    if (Mine->Pointer != 0) {
        return FALSE;
    }
    if (Mine->Count == 0 || Mine->Exclusive) {
        return TRUE;
    }
    return Code == RESOURCE_SHARED || Code == RESOURCE_STARVE;
}

static void
Acquire(ULONG Worker, MODEL_RANDOM *Random)
{
    HOLDING *mine = &Holdings[Worker];
    INT32 code = RESOURCE_EXCLUSIVE + (INT32)ModelRandom(Random, 4);
    BOOLEAN wait = MayWait(mine, code) && ModelRandom(Random, 3) != 0;
    BOOLEAN got;

    CallOp(Worker, code, wait, 0, 0, 0);
    got = DoAcquire(code, wait, ModelRandom(Random, 3) == 0);
    ModelReturn(Worker, got);
    if (got && mine->Count++ == 0) {
        mine->Exclusive = code == RESOURCE_EXCLUSIVE;
    }
}

static void
Release(ULONG Worker, ULONG Way)
{
    HOLDING *mine = &Holdings[Worker];

    CallOp(Worker, RESOURCE_RELEASE, (INT32)Worker, 0, 0, 0);
    if (Way == 0) {
        ExReleaseResourceForThreadLite(&Resource, ExGetCurrentResourceThread());
    } else if (Way == 1) {
        ExReleaseResourceAndLeaveCriticalRegion(&Resource);
        KeEnterCriticalRegion();
    } else {
        ExReleaseResourceLite(&Resource);
    }
    ModelReturn(Worker, 0);
    mine->Count--;
}

static void
ReleasePointer(ULONG Worker)
{
    CallOp(Worker, RESOURCE_RELEASE, (INT32)(RESOURCE_POINTER + Worker), 0, 0, 0);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)OwnerPointer(Worker));
    ModelReturn(Worker, 0);
    Holdings[Worker].Pointer--;
}

static void
SetPointer(ULONG Worker)
{
    HOLDING *mine = &Holdings[Worker];

    CallOp(Worker, RESOURCE_SET_POINTER, 0, 0, 0, 0);
    ExSetResourceOwnerPointer(&Resource, OwnerPointer(Worker));
    ModelReturn(Worker, 0);
    mine->Pointer = mine->Count;
    mine->Count = 0;
}

static void
Ask(ULONG Worker, MODEL_RANDOM *Random)
{
    if (ModelRandom(Random, 2) == 0) {
        CallOp(Worker, RESOURCE_IS_EXCLUSIVE, 0, 0, 0, 0);
        ModelReturn(Worker, ExIsResourceAcquiredExclusiveLite(&Resource));
    } else {
        CallOp(Worker, RESOURCE_IS_SHARED, 0, 0, 0, 0);
        ModelReturn(Worker, ExIsResourceAcquiredSharedLite(&Resource));
    }
}

/* Keeps what it holds while the others get on as far as they can. */
static void
Delay(MODEL_RANDOM *Random)
{
    LARGE_INTEGER time = RelativeUs(100 * (1 + (INT32)ModelRandom(Random, 4)));

    KeDelayExecutionThread(KernelMode, FALSE, &time);
}

static void
Act(uint32_t Worker, MODEL_RANDOM *Random)
{
    HOLDING *mine = &Holdings[Worker];
    ULONG choice = ModelRandom(Random, 100);

    KeEnterCriticalRegion();
    if (choice < 45) {
        Acquire(Worker, Random);
    } else if (choice < 52) {
        Ask(Worker, Random);
    } else if (choice < 60) {
        Delay(Random);
    } else if (choice < 68 && mine->Count != 0 && mine->Exclusive) {
        CallOp(Worker, RESOURCE_CONVERT, 0, 0, 0, 0);
        ExConvertExclusiveToSharedLite(&Resource);
        ModelReturn(Worker, 0);
        mine->Exclusive = FALSE;
    } else if (choice < 74 && mine->Count != 0 && mine->Pointer == 0) {
        SetPointer(Worker);
    } else if (mine->Pointer != 0) {
        ReleasePointer(Worker);
    } else if (mine->Count != 0) {
        Release(Worker, ModelRandom(Random, 3));
    } else {
        Acquire(Worker, Random);
    }
    KeLeaveCriticalRegion();
}

static void
Leave(uint32_t Worker)
{
    KeEnterCriticalRegion();
    while (Holdings[Worker].Pointer != 0) {
        ReleasePointer(Worker);
    }
    while (Holdings[Worker].Count != 0) {
        Release(Worker, 2);
    }
    KeLeaveCriticalRegion();
}

static void
Observe(void)
{
    NoteOp(RESOURCE_STATE, (INT32)ExGetSharedWaiterCount(&Resource),
           (INT32)ExGetExclusiveWaiterCount(&Resource), 0, 0);
}

static void
TearDown(void)
{
    ExDeleteResourceLite(&Resource);
    ExInitializeResourceLite(&Resource); /* for the last look */
}

const MODEL_TEST ResourceTest = {.Model = &ResourceModel,
                                 .Workers = WORKERS,
                                 .SetUp = SetUp,
                                 .Act = Act,
                                 .Leave = Leave,
                                 .Observe = Observe,
                                 .TearDown = TearDown};
