/* SPDX-License-Identifier: MIT
 *
 * ke/processor.c - how many processors there are, which one this is, affinity and priority
 *
 * All processors are in group 0 and on node 0. A thread below DISPATCH_LEVEL is on no processor;
 * the one that it held last, which is the one it will try first, is given as the current one.
 *
 * Differs  affinity binds the virtual processor that a thread takes, not the host's; priorities
 *          are kept but do not schedule
 * Source   WDK reference, wdm.h KeQueryActiveProcessorCount and its neighbours
 */
#include "ke/ki.h"

#define KI_PROCESS_PRIORITY 8

ULONG
KiProcessorCount(VOID)
{
    return KiProcessorTotal;
}

KPRCB *
KiProcessor(ULONG Number)
{
    NT_ASSERT_INTERNAL(Number < KiProcessorTotal);
    return &KiProcessors[Number];
}

static KAFFINITY
KiActiveMask(VOID)
{
    return KiProcessorTotal == 64 ? ~(KAFFINITY)0 : ((KAFFINITY)1 << KiProcessorTotal) - 1;
}

/*
 * From now on Thread takes one of these processors; 0: any. One that it has now it keeps until it
 * lowers the IRQL below DISPATCH_LEVEL.
 */
static KAFFINITY
KiSetAffinity(KTHREAD *Thread, KAFFINITY Affinity)
{
    KAFFINITY old = Thread->Affinity;

    Thread->Affinity = Affinity;
    if (Affinity != 0 &&
        (Thread->LastPrcb == NULL || (Affinity >> Thread->LastPrcb->Number & 1) == 0)) {
        Thread->LastPrcb = &KiProcessors[__builtin_ctzll(Affinity)];
    }
    return old;
}

/* Only bits of processors that there are, and at least one. */
static BOOLEAN
KiIsValidAffinity(KAFFINITY Affinity)
{
    return Affinity != 0 && (Affinity & ~KiActiveMask()) == 0;
}

#pragma GCC visibility push(default)

ULONG NTAPI
KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    KTHREAD *thread = KiGetCurrentThread();
    KPRCB *prcb = thread->Prcb != NULL ? thread->Prcb : thread->LastPrcb;
    ULONG number = prcb != NULL ? prcb->Number : HalpCurrentProcessor() % KiProcessorTotal;

    if (ProcNumber != NULL) {
        ProcNumber->Group = 0;
        ProcNumber->Number = (UCHAR)number;
        ProcNumber->Reserved = 0;
    }
    return number;
}

ULONG NTAPI
KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
    if (ActiveProcessors != NULL) {
        *ActiveProcessors = KiActiveMask();
    }
    return KiProcessorTotal;
}

ULONG NTAPI
KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
    return GroupNumber == 0 || GroupNumber == ALL_PROCESSOR_GROUPS ? KiProcessorTotal : 0;
}

ULONG NTAPI
KeQueryMaximumProcessorCount(VOID)
{
    return KiProcessorTotal;
}

ULONG NTAPI
KeQueryMaximumProcessorCountEx(USHORT GroupNumber)
{
    return KeQueryActiveProcessorCountEx(GroupNumber);
}

KAFFINITY NTAPI
KeQueryActiveProcessors(VOID)
{
    return KiActiveMask();
}

USHORT NTAPI
KeQueryActiveGroupCount(VOID)
{
    return 1;
}

USHORT NTAPI
KeQueryMaximumGroupCount(VOID)
{
    return 1;
}

KAFFINITY NTAPI
KeQueryGroupAffinity(USHORT GroupNumber)
{
    return GroupNumber == 0 ? KiActiveMask() : 0;
}

USHORT NTAPI
KeQueryHighestNodeNumber(VOID)
{
    return 0;
}

USHORT NTAPI
KeGetCurrentNodeNumber(VOID)
{
    return 0;
}

NTSTATUS NTAPI
KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcIndex >= KiProcessorTotal) {
        return STATUS_INVALID_PARAMETER;
    }
    ProcNumber->Group = 0;
    ProcNumber->Number = (UCHAR)ProcIndex;
    ProcNumber->Reserved = 0;
    return STATUS_SUCCESS;
}

ULONG NTAPI
KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcNumber->Group != 0 || ProcNumber->Reserved != 0 ||
        ProcNumber->Number >= KiProcessorTotal) {
        return INVALID_PROCESSOR_INDEX;
    }
    return ProcNumber->Number;
}

ULONG NTAPI
KeGetRecommendedSharedDataAlignment(VOID)
{
    return 64;
}

/* ---- affinity; IRQL <= DISPATCH_LEVEL, where it holds from the next lowering on ---- */

/*
 * KeSetSystemAffinityThreadEx - bind the thread to these processors
 *
 * Affinity  no effect: a mask of none, or with a processor that does not exist
 *
 * Returns   the affinity set before, for KeRevertToUserAffinityThreadEx; 0: there was none
 * Source    WDK reference, nf-wdm-kesetsystemaffinitythreadex
 */
KAFFINITY NTAPI
KeSetSystemAffinityThreadEx(KAFFINITY Affinity)
{
    NT_ENTER(KeSetSystemAffinityThreadEx);
    KTHREAD *thread = KiGetCurrentThread();

    return KiIsValidAffinity(Affinity) ? KiSetAffinity(thread, Affinity) : thread->Affinity;
}

/* As KeSetSystemAffinityThreadEx, for KeRevertToUserAffinityThread. */
VOID NTAPI
KeSetSystemAffinityThread(KAFFINITY Affinity)
{
    NT_ENTER(KeSetSystemAffinityThread);
    if (KiIsValidAffinity(Affinity)) {
        KiSetAffinity(KiGetCurrentThread(), Affinity);
    }
}

VOID NTAPI
KeRevertToUserAffinityThread(VOID)
{
    NT_ENTER(KeRevertToUserAffinityThread);
    KiSetAffinity(KiGetCurrentThread(), 0);
}

/*
 * KeRevertToUserAffinityThreadEx - back to what KeSetSystemAffinityThreadEx returned
 *
 * Affinity  0: any processor. No effect: a mask with a processor that does not exist, or a thread
 *           whose affinity was not set.
 *
 * Source    WDK reference, nf-wdm-kereverttouseraffinitythreadex
 */
VOID NTAPI
KeRevertToUserAffinityThreadEx(KAFFINITY Affinity)
{
    NT_ENTER(KeRevertToUserAffinityThreadEx);
    KTHREAD *thread = KiGetCurrentThread();

    if (thread->Affinity != 0 && (Affinity & ~KiActiveMask()) == 0) {
        KiSetAffinity(thread, Affinity);
    }
}

/*
 * KeSetSystemGroupAffinityThread - the same by group and mask
 *
 * PreviousAffinity  optional; all zero: there was none, or Affinity is not valid and changed
 * nothing
 *
 * Source  WDK reference, nf-wdm-kesetsystemgroupaffinitythread
 */
VOID NTAPI
KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity, PGROUP_AFFINITY PreviousAffinity)
{
    NT_ENTER(KeSetSystemGroupAffinityThread);
    KAFFINITY old = 0;

    if (Affinity->Group == 0 && KiIsValidAffinity(Affinity->Mask)) {
        old = KiSetAffinity(KiGetCurrentThread(), Affinity->Mask);
    }
    if (PreviousAffinity != NULL) {
        memset(PreviousAffinity, 0, sizeof(*PreviousAffinity));
        PreviousAffinity->Mask = old;
    }
}

VOID NTAPI
KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY PreviousAffinity)
{
    NT_ENTER(KeRevertToUserGroupAffinityThread);
    if (PreviousAffinity->Group == 0) {
        KeRevertToUserAffinityThreadEx(PreviousAffinity->Mask);
    }
}

/* ---- priority ---- */

/* Returns the old priority. Errors: a priority outside 1..31 is a bugcheck. IRQL <= DISPATCH. */
KPRIORITY NTAPI
KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    NT_ENTER(KeSetPriorityThread);
    if (Priority <= LOW_PRIORITY || Priority > HIGH_PRIORITY) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)Thread, (ULONG_PTR)Priority, 0, 0,
                         "KeSetPriorityThread: priority %d is not in 1..31", (int)Priority);
    }
    return __atomic_exchange_n(&Thread->Priority, Priority, __ATOMIC_RELAXED);
}

KPRIORITY NTAPI
KeQueryPriorityThread(PRKTHREAD Thread)
{
    NT_ENTER(KeQueryPriorityThread);
    return __atomic_load_n(&Thread->Priority, __ATOMIC_RELAXED);
}

/*
 * KeSetBasePriorityThread - Increment over the priority of processes, which is 8
 *
 * Returns  the increment before
 *
 * The result stays in the class of the process, which is not the real-time one: 1 to 15.
 *
 * Source   WDK reference, nf-ntddk-kesetbaseprioritythread
 */
LONG NTAPI
KeSetBasePriorityThread(PRKTHREAD Thread, LONG Increment)
{
    NT_ENTER(KeSetBasePriorityThread);
    LONG limit = LOW_REALTIME_PRIORITY - KI_PROCESS_PRIORITY;
    KPRIORITY priority;

    Increment = max(min(Increment, limit), -limit);
    priority =
        max(min(KI_PROCESS_PRIORITY + Increment, LOW_REALTIME_PRIORITY - 1), LOW_PRIORITY + 1);
    return __atomic_exchange_n(&Thread->Priority, priority, __ATOMIC_RELAXED) - KI_PROCESS_PRIORITY;
}

#pragma GCC visibility pop
