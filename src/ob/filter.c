/* SPDX-License-Identifier: MIT
 *
 * ob/filter.c - stacks of filters, and walking them while filters come and go
 *
 * Invariants  F1  A filter stays linked while Running > 0, so a walk goes on from one it has
 * pinned. F2  Leaving is set under the lock; from then on only walks that have the filter pinned
 * call it. F3  A walk is on Stack->Walks from ObpBeginWalk to ObpEndWalk, unless the stack was
 *                 empty at its begin: then it calls nobody.
 * Locks       OBP_FILTER_STACK.Lock (spin). No call-out while it is held.
 * Source      WDK docs, "Supporting Layered Registry Filtering Drivers"; "Load Order Groups and
 *             Altitudes for Minifilter Drivers".
 */
#include "ob/filter.h"

static OBP_FILTER_STACK *ObpFilterStacks; /* changes at start and end only */

VOID
ObpInitializeFilterStack(OBP_FILTER_STACK *Stack)
{
    KeInitializeSpinLock(&Stack->Lock);
    InitializeListHead(&Stack->Filters);
    InitializeListHead(&Stack->Walks);
    Stack->Count = 0;
    Stack->Next = ObpFilterStacks;
    ObpFilterStacks = Stack;
}

VOID
ObpForgetFilterStack(OBP_FILTER_STACK *Stack)
{
    OBP_FILTER_STACK **link = &ObpFilterStacks;

    while (*link != NULL && *link != Stack) {
        link = &(*link)->Next;
    }
    if (*link != NULL) {
        *link = Stack->Next;
    }
}

/* ---- altitudes ---- */

/* A number's digits without leading zeros, and where its fraction begins. */
typedef struct OBP_ALTITUDE {
    const WCHAR *Whole;
    ULONG WholeLength;
    const WCHAR *Fraction;
    ULONG FractionLength; /* without trailing zeros */
} OBP_ALTITUDE;

static OBP_ALTITUDE
ObpSplitAltitude(PCUNICODE_STRING Text)
{
    ULONG length = Text->Length / sizeof(WCHAR);
    OBP_ALTITUDE altitude;
    ULONG start = 0;
    ULONG point;

    while (start < length && Text->Buffer[start] == L'0') {
        start++;
    }
    point = start;
    while (point < length && Text->Buffer[point] != L'.') {
        point++;
    }
    while (length > point + 1 && Text->Buffer[length - 1] == L'0') {
        length--;
    }
    altitude.Whole = Text->Buffer + start;
    altitude.WholeLength = point - start;
    altitude.FractionLength = length > point + 1 ? length - point - 1 : 0;
    altitude.Fraction = Text->Buffer + (altitude.FractionLength != 0 ? point + 1 : point);
    return altitude;
}

static int
ObpCompareDigits(const WCHAR *First, ULONG FirstLength, const WCHAR *Second, ULONG SecondLength)
{
    for (ULONG i = 0; i < FirstLength && i < SecondLength; i++) {
        if (First[i] != Second[i]) {
            return First[i] < Second[i] ? -1 : 1;
        }
    }
    return FirstLength < SecondLength ? -1 : FirstLength > SecondLength;
}

int
ObpCompareAltitudes(PCUNICODE_STRING First, PCUNICODE_STRING Second)
{
    OBP_ALTITUDE a = ObpSplitAltitude(First);
    OBP_ALTITUDE b = ObpSplitAltitude(Second);
    int order;

    if (a.WholeLength != b.WholeLength) {
        return a.WholeLength < b.WholeLength ? -1 : 1;
    }
    order = ObpCompareDigits(a.Whole, a.WholeLength, b.Whole, b.WholeLength);
    return order != 0
               ? order
               : ObpCompareDigits(a.Fraction, a.FractionLength, b.Fraction, b.FractionLength);
}

/* ---- coming and going ---- */

NTSTATUS
ObpInsertFilter(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter)
{
    NTSTATUS status = STATUS_SUCCESS;
    PLIST_ENTRY link;
    KIRQL irql;

    Filter->Leaving = FALSE;
    Filter->Running = 0;
    KeInitializeEvent(&Filter->Idle, SynchronizationEvent, FALSE);
    KeAcquireSpinLock(&Stack->Lock, &irql);
    if (Stack->Count == OBP_MAX_FILTERS) {
        status = STATUS_INSUFFICIENT_RESOURCES;
        goto Unlock;
    }
    for (link = Stack->Filters.Flink; link != &Stack->Filters; link = link->Flink) {
        OBP_FILTER *other = CONTAINING_RECORD(link, OBP_FILTER, Link);
        int order = ObpCompareAltitudes(&Filter->Altitude, &other->Altitude);
        if (order == 0 && !Filter->Shared && !other->Shared) {
            status = STATUS_FLT_INSTANCE_ALTITUDE_COLLISION;
            goto Unlock;
        }
        if (order > 0) {
            break;
        }
    }
    InsertTailList(link, &Filter->Link); /* before the first lower one */
    __atomic_store_n(&Stack->Count, Stack->Count + 1, __ATOMIC_RELEASE);

Unlock:
    KeReleaseSpinLock(&Stack->Lock, irql);
    return status;
}

static BOOLEAN
ObpIsInsideLocked(OBP_FILTER_STACK *Stack, const OBP_FILTER *Filter)
{
    KTHREAD *thread = KiGetCurrentThread();

    for (PLIST_ENTRY link = Stack->Walks.Flink; link != &Stack->Walks; link = link->Flink) {
        OBP_FILTER_WALK *walk = CONTAINING_RECORD(link, OBP_FILTER_WALK, Link);
        for (ULONG i = 0; walk->Thread == thread && i < walk->Count; i++) {
            if (walk->Filter[i] == Filter) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

BOOLEAN
ObpRemoveFilter(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter)
{
    BOOLEAN inside;
    KIRQL irql;

    KeAcquireSpinLock(&Stack->Lock, &irql);
    if (Filter->Leaving) {
        KeReleaseSpinLock(&Stack->Lock, irql);
        return FALSE;
    }
    inside = ObpIsInsideLocked(Stack, Filter);
    Filter->Leaving = !inside;
    while (!inside && Filter->Running != 0) {
        KeReleaseSpinLock(&Stack->Lock, irql);
        KeWaitForSingleObject(&Filter->Idle, Executive, KernelMode, FALSE, NULL);
        KeAcquireSpinLock(&Stack->Lock, &irql);
    }
    if (!inside) {
        RemoveEntryList(&Filter->Link);
        __atomic_store_n(&Stack->Count, Stack->Count - 1, __ATOMIC_RELEASE);
    }
    KeReleaseSpinLock(&Stack->Lock, irql);
    if (inside) {
        KiBugCheckDetail(0xC4, 0x1000, (ULONG_PTR)Filter, 0, 0,
                         "A %s unregisters itself from inside its own call and would wait for "
                         "ever; do it from DriverUnload or a work item.",
                         Stack->Kind);
    }
    return TRUE;
}

static VOID
ObpUnpinLocked(OBP_FILTER *Filter)
{
    if (--Filter->Running == 0 && Filter->Leaving) {
        KeSetEvent(&Filter->Idle, IO_NO_INCREMENT, FALSE);
    }
}

VOID
ObpUnpinFilter(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter)
{
    KIRQL irql;

    KeAcquireSpinLock(&Stack->Lock, &irql);
    ObpUnpinLocked(Filter);
    KeReleaseSpinLock(&Stack->Lock, irql);
}

/* ---- walks ---- */

static VOID
ObpLinkWalkLocked(OBP_FILTER_STACK *Stack, OBP_FILTER_WALK *Walk)
{
    Walk->Stack = Stack;
    Walk->Thread = KiGetCurrentThread();
    Walk->Above = NULL;
    Walk->Current = NULL;
    for (PLIST_ENTRY link = Stack->Walks.Flink; link != &Stack->Walks; link = link->Flink) {
        OBP_FILTER_WALK *outer = CONTAINING_RECORD(link, OBP_FILTER_WALK, Link);
        if (outer->Thread == Walk->Thread) {
            Walk->Above = outer->Current != NULL ? outer->Current : outer->Above;
            break;
        }
    }
    InsertHeadList(&Stack->Walks, &Walk->Link);
}

VOID
ObpBeginWalk(OBP_FILTER_STACK *Stack, OBP_FILTER_WALK *Walk)
{
    KIRQL irql;

    Walk->Stack = NULL;
    Walk->Count = 0;
    if (__atomic_load_n(&Stack->Count, __ATOMIC_ACQUIRE) == 0) {
        return; /* F3 */
    }
    KeAcquireSpinLock(&Stack->Lock, &irql);
    ObpLinkWalkLocked(Stack, Walk);
    KeReleaseSpinLock(&Stack->Lock, irql);
}

BOOLEAN
ObpBeginCall(OBP_FILTER_STACK *Stack, OBP_FILTER *Filter, OBP_FILTER_WALK *Walk)
{
    BOOLEAN begins;
    KIRQL irql;

    KeAcquireSpinLock(&Stack->Lock, &irql);
    begins = !Filter->Leaving;
    if (begins) {
        ObpLinkWalkLocked(Stack, Walk);
        Filter->Running++;
        Walk->Filter[0] = Filter;
        Walk->Count = 1;
    }
    KeReleaseSpinLock(&Stack->Lock, irql);
    return begins;
}

OBP_FILTER *
ObpNextFilter(OBP_FILTER_WALK *Walk)
{
    OBP_FILTER_STACK *stack = Walk->Stack;
    OBP_FILTER *next = NULL;
    OBP_FILTER *last;
    PLIST_ENTRY link;
    KIRQL irql;

    if (stack == NULL) {
        return NULL;
    }
    KeAcquireSpinLock(&stack->Lock, &irql);
    last = Walk->Count != 0 ? Walk->Filter[Walk->Count - 1] : Walk->Above;
    link = last != NULL ? last->Link.Flink : stack->Filters.Flink; /* F1 */
    while (link != &stack->Filters && next == NULL && Walk->Count < OBP_MAX_FILTERS) {
        OBP_FILTER *filter = CONTAINING_RECORD(link, OBP_FILTER, Link);
        if (!filter->Leaving) {
            filter->Running++;
            Walk->Filter[Walk->Count++] = filter;
            next = filter;
        }
        link = link->Flink;
    }
    Walk->Current = next;
    KeReleaseSpinLock(&stack->Lock, irql);
    return next;
}

OBP_FILTER *
ObpLastFilter(OBP_FILTER_WALK *Walk)
{
    KIRQL irql;

    if (Walk->Stack == NULL) {
        return NULL;
    }
    KeAcquireSpinLock(&Walk->Stack->Lock, &irql);
    Walk->Current = Walk->Count != 0 ? Walk->Filter[Walk->Count - 1] : NULL;
    KeReleaseSpinLock(&Walk->Stack->Lock, irql);
    return Walk->Current;
}

VOID
ObpDropFilter(OBP_FILTER_WALK *Walk)
{
    KIRQL irql;

    KeAcquireSpinLock(&Walk->Stack->Lock, &irql);
    NT_ASSERT_INTERNAL(Walk->Count != 0);
    Walk->Current = NULL;
    ObpUnpinLocked(Walk->Filter[--Walk->Count]);
    KeReleaseSpinLock(&Walk->Stack->Lock, irql);
}

VOID
ObpEndWalk(OBP_FILTER_WALK *Walk)
{
    KIRQL irql;

    if (Walk->Stack == NULL) {
        return;
    }
    KeAcquireSpinLock(&Walk->Stack->Lock, &irql);
    while (Walk->Count != 0) {
        ObpUnpinLocked(Walk->Filter[--Walk->Count]);
    }
    RemoveEntryList(&Walk->Link);
    KeReleaseSpinLock(&Walk->Stack->Lock, irql);
}

VOID
ObpCheckFilterReturn(OBP_FILTER_STACK *Stack, ULONG_PTR Routine, KIRQL Irql)
{
    KTHREAD *thread = KiGetCurrentThread();

    if (thread->Irql != Irql) {
        KiBugCheckDetail(IRQL_UNEXPECTED_VALUE, thread->Irql, Routine, Irql, 0,
                         "A %s was called at IRQL %u and returned at IRQL %u: it raised or lowered "
                         "the IRQL, or holds a spin lock or a fast mutex.",
                         Stack->Kind, Irql, thread->Irql);
    }
}

/* ---- audits ---- */

static ULONG
ObpCountInStack(OBP_FILTER_STACK *Stack, ULONG_PTR Base, SIZE_T Size, OBP_FILTER **First)
{
    ULONG count = 0;
    KIRQL irql;

    *First = NULL;
    KeAcquireSpinLock(&Stack->Lock, &irql);
    for (PLIST_ENTRY link = Stack->Filters.Flink; link != &Stack->Filters; link = link->Flink) {
        OBP_FILTER *filter = CONTAINING_RECORD(link, OBP_FILTER, Link);
        if (!filter->Leaving && Stack->IsInRange(filter, Base, Size)) {
            *First = count++ == 0 ? filter : *First;
        }
    }
    KeReleaseSpinLock(&Stack->Lock, irql);
    return count;
}

ULONG
ObpCountFiltersInRange(ULONG_PTR Base, SIZE_T Size, const char **Kind)
{
    ULONG count = 0;
    OBP_FILTER *first;

    for (OBP_FILTER_STACK *stack = ObpFilterStacks; stack != NULL; stack = stack->Next) {
        ULONG found = ObpCountInStack(stack, Base, Size, &first);
        if (count == 0 && found != 0 && Kind != NULL) {
            *Kind = stack->Kind;
        }
        count += found;
    }
    return count;
}

ULONG
ObpRemoveFiltersInRange(ULONG_PTR Base, SIZE_T Size)
{
    ULONG removed = 0;
    OBP_FILTER *first;

    for (OBP_FILTER_STACK *stack = ObpFilterStacks; stack != NULL; stack = stack->Next) {
        while (ObpCountInStack(stack, Base, Size, &first) != 0) {
            stack->Remove(first);
            ++removed;
        }
    }
    return removed;
}
