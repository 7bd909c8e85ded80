/* SPDX-License-Identifier: MIT
 *
 * ob/filter.h - routines of drivers that are stacked by altitude: object and registry callbacks
 *
 * A walk goes down a stack, pins each filter that it calls, and lets go of them in reverse order.
 * What a filter does from inside its own call goes to the filters below it only.
 */
#pragma once

#include "ob/ob.h"

#define OBP_MAX_FILTERS 64u

typedef struct OBP_FILTER {
    LIST_ENTRY Link;         /* OBP_FILTER_STACK.Filters, highest altitude first */
    UNICODE_STRING Altitude; /* text of the owner */
    BOOLEAN Shared;          /* collides with nothing: came without an altitude */
    BOOLEAN Leaving;         /* no new call starts */
    ULONG Running;           /* calls, and walks that will still call it */
    KEVENT Idle;             /* synchronization: Running fell to 0 while Leaving */
} OBP_FILTER;

typedef struct OBP_FILTER_STACK {
    KSPIN_LOCK Lock; /* guards all below, and each filter's fields; a leaf */
    LIST_ENTRY Filters;
    LIST_ENTRY Walks; /* innermost of a thread first */
    ULONG Count;      /* atomic for those who do not hold Lock */
    const char *Kind; /* for reports: "registry callback" */
    /* The filter's code lies in the range; Lock is held. */
    BOOLEAN (*IsInRange)(const OBP_FILTER *Filter, ULONG_PTR Base, SIZE_T Size);
    VOID (*Remove)(OBP_FILTER *Filter); /* unregisters it for its driver */
    struct OBP_FILTER_STACK *Next;      /* ObpFilterStacks */
} OBP_FILTER_STACK;

typedef struct OBP_FILTER_WALK {
    LIST_ENTRY Link; /* OBP_FILTER_STACK.Walks; not linked while Stack is NULL */
    OBP_FILTER_STACK *Stack;
    KTHREAD *Thread;
    OBP_FILTER *Above;   /* the one in whose call this walk began, or NULL */
    OBP_FILTER *Current; /* being called */
    ULONG Count;
    OBP_FILTER *Filter[OBP_MAX_FILTERS]; /* pinned, in the order of the calls */
} OBP_FILTER_WALK;

VOID ObpInitializeFilterStack(OBP_FILTER_STACK *Stack);
VOID ObpForgetFilterStack(OBP_FILTER_STACK *Stack);
/* Decimal numbers of any length, with or without a fraction: < 0, 0, > 0. */
int ObpCompareAltitudes(PCUNICODE_STRING First, PCUNICODE_STRING Second);
/* STATUS_FLT_INSTANCE_ALTITUDE_COLLISION; STATUS_INSUFFICIENT_RESOURCES: OBP_MAX_FILTERS are in. */
NTSTATUS ObpInsertFilter(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter);
/*
 * Returns when nothing calls the filter any more. FALSE: it is being removed already. From inside
 * the filter's own call: bugcheck. IRQL <= APC_LEVEL.
 */
BOOLEAN ObpRemoveFilter(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter);
/*
 * One call of a filter that the caller knows to be on the stack, ended with ObpEndWalk; what the
 * filter does meanwhile goes to whom it would have gone without the call. FALSE: it is leaving.
 */
BOOLEAN ObpBeginCall(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter, OBP_FILTER_WALK *Walk);
VOID ObpUnpinFilter(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter);

/* Begins a walk; ends with ObpEndWalk, which lets go of what is still pinned. */
VOID ObpBeginWalk(OBP_FILTER_STACK *Stack, OBP_FILTER_WALK *Walk);
/* The next lower filter, pinned and current, or NULL. */
OBP_FILTER *ObpNextFilter(OBP_FILTER_WALK *Walk);
/* The lowest one that is still pinned becomes current, or NULL. */
OBP_FILTER *ObpLastFilter(OBP_FILTER_WALK *Walk);
/* Lets go of the lowest one. */
VOID ObpDropFilter(OBP_FILTER_WALK *Walk);
VOID ObpEndWalk(OBP_FILTER_WALK *Walk);
/* A filter's routine must return at the Irql that it was called at: names it if not. */
VOID ObpCheckFilterReturn(OBP_FILTER_STACK *Stack, ULONG_PTR Routine, KIRQL Irql);

/* Filters whose code lies in the range: the unload audit. Kind: of the first. */
ULONG ObpCountFiltersInRange(ULONG_PTR Base, SIZE_T Size, const char **Kind);
ULONG ObpRemoveFiltersInRange(ULONG_PTR Base, SIZE_T Size);
