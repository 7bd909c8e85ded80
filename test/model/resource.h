/* SPDX-License-Identifier: MIT
 *
 * test/model/resource.h - the operations of the ERESOURCE model
 */
#pragma once

#include "model.h"

#define RESOURCE_OWNERS 13
#define RESOURCE_POINTER 8 /* owner numbers from here on: owner pointers, of worker number - 8 */

typedef enum RESOURCE_CODE {
    RESOURCE_EXCLUSIVE,   /* Data[0]: wait; got it? */
    RESOURCE_SHARED,      /* the same */
    RESOURCE_STARVE,      /* ExAcquireSharedStarveExclusive */
    RESOURCE_AFTER,       /* ExAcquireSharedWaitForExclusive */
    RESOURCE_RELEASE,     /* Data[0]: the owner */
    RESOURCE_CONVERT,     /* exclusive to shared */
    RESOURCE_SET_POINTER, /* the thread's ownership is its owner pointer's from now on */
    RESOURCE_IS_EXCLUSIVE,
    RESOURCE_IS_SHARED,
    RESOURCE_STATE /* a note: waiters for shared, and for exclusive, access */
} RESOURCE_CODE;

typedef struct RESOURCE_OWN {
    int8_t Exclusive;                   /* the one owner has it exclusive */
    int8_t Counts[RESOURCE_OWNERS + 1]; /* by owner: how often it has it */
    int8_t SharedWaiters;
    int8_t Shared[MODEL_THREADS]; /* oldest first */
    int8_t ExclusiveWaiters;
    int8_t ExclusiveQueue[MODEL_THREADS];
    int8_t Fill[5];
} RESOURCE_OWN;
