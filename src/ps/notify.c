/* SPDX-License-Identifier: MIT
 *
 * ps/notify.c - registration of process, image, thread and machine notify routines
 *
 * A routine is a slot of a fixed table. A delivery raises Running, then looks at Removing and
 * Routine; a removal sets Removing, then waits until Running is 0. Both orders are sequentially
 * consistent, so either the delivery sees Removing or the removal sees Running.
 *
 * Invariants  N1  Routine changes only under PspNotifyLock; to NULL only with Running = 0 seen
 *                 after Removing was set.
 *             N2  PspNotifyLock is not held while a removal waits: a routine may register others.
 *             N3  The machine's events are open iff PspRegistered > 0 (or could not be opened).
 * Locks       PspNotifyLock (a synchronization event, PASSIVE_LEVEL).
 * Source      WDK reference, ntddk.h PsSetCreateProcessNotifyRoutine(Ex, Ex2),
 *             PsSetLoadImageNotifyRoutine, PsRemoveLoadImageNotifyRoutine,
 *             PsSetCreateThreadNotifyRoutine(Ex), PsRemoveCreateThreadNotifyRoutine.
 */
#include "ob/filter.h"
#include "ps/psp.h"

static KEVENT PspNotifyLock;
static PSP_NOTIFY_SLOT PspNotify[PSP_NOTIFY_LISTS][PSP_MAX_NOTIFY];
static ULONG PspNotifyUsed[PSP_NOTIFY_LISTS];            /* atomic; slots in use end here */
static ULONG PspRegistered NT_GUARDED_BY(PspNotifyLock); /* process and image routines */

static const char *const PspNotifyKinds[PSP_NOTIFY_LISTS] = {
    "process notify routine", "load-image notify routine", "machine notify routine",
    "thread notify routine"};

VOID
PspInitializeNotify(VOID)
{
    KeInitializeEvent(&PspNotifyLock, SynchronizationEvent, TRUE);
    RtlZeroMemory(PspNotify, sizeof(PspNotify));
    RtlZeroMemory(PspNotifyUsed, sizeof(PspNotifyUsed));
    PspRegistered = 0;
    for (ULONG list = 0; list < PSP_NOTIFY_LISTS; ++list) {
        for (ULONG i = 0; i < PSP_MAX_NOTIFY; ++i) {
            KeInitializeEvent(&PspNotify[list][i].Idle, SynchronizationEvent, FALSE);
        }
    }
}

VOID
PspLockNotify(VOID)
{
    KeWaitForSingleObject(&PspNotifyLock, Executive, KernelMode, FALSE, NULL);
}

VOID
PspUnlockNotify(VOID)
{
    KeSetEvent(&PspNotifyLock, IO_NO_INCREMENT, FALSE);
}

/* ---- calls ---- */

ULONG
PspNotifyCount(PSP_NOTIFY_LIST List)
{
    return __atomic_load_n(&PspNotifyUsed[List], __ATOMIC_ACQUIRE);
}

PSP_NOTIFY_SLOT *
PspEnterNotify(PSP_NOTIFY_LIST List, ULONG Index, PSP_NOTIFY_CALL *Call)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    PSP_NOTIFY_SLOT *slot = &PspNotify[List][Index];

    Call->Slot = slot;
    Call->Outer = thread->NotifyCalls;
    thread->NotifyCalls = Call;
    __atomic_fetch_add(&slot->Running, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&slot->Removing, __ATOMIC_SEQ_CST) ||
        __atomic_load_n(&slot->Routine, __ATOMIC_SEQ_CST) == NULL) {
        PspLeaveNotify(Call);
        return NULL;
    }
    return slot;
}

VOID
PspLeaveNotify(PSP_NOTIFY_CALL *Call)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    thread->NotifyCalls = Call->Outer;
    if (__atomic_sub_fetch(&Call->Slot->Running, 1, __ATOMIC_SEQ_CST) == 0 &&
        __atomic_load_n(&Call->Slot->Removing, __ATOMIC_SEQ_CST)) {
        KeSetEvent(&Call->Slot->Idle, IO_NO_INCREMENT, FALSE);
    }
}

/* ---- registration ---- */

static PSP_NOTIFY_SLOT *
PspFindNotifyLocked(PSP_NOTIFY_LIST List, PVOID Routine, ULONG Extended)
{
    for (ULONG i = 0; i < PspNotifyUsed[List]; ++i) {
        PSP_NOTIFY_SLOT *slot = &PspNotify[List][i];
        if (slot->Routine == Routine && slot->Extended == Extended && !slot->Removing) {
            return slot;
        }
    }
    return NULL;
}

static PSP_NOTIFY_SLOT *
PspFindFreeNotifyLocked(PSP_NOTIFY_LIST List)
{
    for (ULONG i = 0; i < PSP_MAX_NOTIFY; ++i) {
        if (PspNotify[List][i].Routine == NULL) {
            return &PspNotify[List][i];
        }
    }
    return NULL;
}

/* Its routines are called for events of the machine. */
static BOOLEAN
PspNeedsEvents(PSP_NOTIFY_LIST List)
{
    return List == PspNotifyProcess || List == PspNotifyImage;
}

/* Unique: STATUS_INVALID_PARAMETER if it is there already. Full: the status when it is full. */
static NTSTATUS
PspAddNotify(PSP_NOTIFY_LIST List, PVOID Routine, ULONG Extended, BOOLEAN Unique, NTSTATUS Full)
{
    NTSTATUS status = STATUS_SUCCESS;
    PSP_NOTIFY_SLOT *slot;
    ULONG used;

    if (Routine == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    PspLockNotify();
    if (Unique && PspFindNotifyLocked(List, Routine, Extended) != NULL) {
        status = STATUS_INVALID_PARAMETER;
        goto Unlock;
    }
    slot = PspFindFreeNotifyLocked(List);
    if (slot == NULL) {
        status = Full;
        goto Unlock;
    }
    slot->Extended = Extended;
    slot->VetoLogged = FALSE;
    __atomic_store_n(&slot->Routine, Routine, __ATOMIC_SEQ_CST);
    used = (ULONG)(slot - PspNotify[List]) + 1;
    if (used > PspNotifyUsed[List]) {
        __atomic_store_n(&PspNotifyUsed[List], used, __ATOMIC_RELEASE);
    }
    if (PspNeedsEvents(List) && PspRegistered++ == 0) {
        PspStartEvents();
    }
Unlock:
    PspUnlockNotify();
    return status;
}

/* A routine that removes itself would wait for its own end. */
static VOID
PspCheckNotInside(PSP_NOTIFY_SLOT *Slot)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    for (PSP_NOTIFY_CALL *call = thread->NotifyCalls; call != NULL; call = call->Outer) {
        if (call->Slot == Slot) {
            KiBugCheckDetail(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x1000, (ULONG_PTR)Slot->Routine,
                             0, 0,
                             "a notify routine removes itself from inside its own call and would "
                             "wait for ever; remove it from DriverUnload or a work item");
        }
    }
}

/* Waits for calls in progress and frees the slot. Slot->Removing was set under the lock. */
static VOID
PspFinishRemoval(PSP_NOTIFY_LIST List, PSP_NOTIFY_SLOT *Slot)
{
    while (__atomic_load_n(&Slot->Running, __ATOMIC_SEQ_CST) != 0) {
        KeWaitForSingleObject(&Slot->Idle, Executive, KernelMode, FALSE, NULL);
    }
    PspLockNotify();
    __atomic_store_n(&Slot->Routine, NULL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&Slot->Removing, FALSE, __ATOMIC_SEQ_CST);
    if (PspNeedsEvents(List) && --PspRegistered == 0) {
        PspStopEvents();
    }
    PspUnlockNotify();
}

static NTSTATUS
PspRemoveNotify(PSP_NOTIFY_LIST List, PVOID Routine, ULONG Extended, NTSTATUS Missing)
{
    PSP_NOTIFY_SLOT *slot;

    PspLockNotify();
    slot = PspFindNotifyLocked(List, Routine, Extended);
    if (slot != NULL) {
        PspCheckNotInside(slot);
        __atomic_store_n(&slot->Removing, TRUE, __ATOMIC_SEQ_CST);
    }
    PspUnlockNotify();
    if (slot == NULL) {
        return Missing;
    }
    PspFinishRemoval(List, slot);
    return STATUS_SUCCESS;
}

/* ---- audits ---- */

/* The next slot whose routine lies in the range, or NULL. Take: marks it for removal. */
static PSP_NOTIFY_SLOT *
PspFindInRange(PSP_NOTIFY_LIST List, ULONG_PTR Base, SIZE_T Size, BOOLEAN Take, ULONG *Count)
{
    PSP_NOTIFY_SLOT *found = NULL;

    PspLockNotify();
    for (ULONG i = 0; i < PspNotifyUsed[List]; ++i) {
        PSP_NOTIFY_SLOT *slot = &PspNotify[List][i];
        if (slot->Routine != NULL && !slot->Removing && (ULONG_PTR)slot->Routine - Base < Size) {
            ++*Count;
            found = found == NULL ? slot : found;
        }
    }
    if (found != NULL && Take) {
        __atomic_store_n(&found->Removing, TRUE, __ATOMIC_SEQ_CST);
    }
    PspUnlockNotify();
    return found;
}

ULONG
PspCountNotifyRoutinesInRange(ULONG_PTR Base, SIZE_T Size, const char **Kind)
{
    ULONG count = 0;

    for (int list = 0; list < PSP_NOTIFY_LISTS; ++list) {
        ULONG before = count;
        PspFindInRange((PSP_NOTIFY_LIST)list, Base, Size, FALSE, &count);
        if (before == 0 && count != 0 && Kind != NULL) {
            *Kind = PspNotifyKinds[list];
        }
    }
    return count + ObpCountFiltersInRange(Base, Size, count == 0 ? Kind : NULL);
}

ULONG
PspRemoveNotifyRoutinesInRange(ULONG_PTR Base, SIZE_T Size)
{
    ULONG removed = 0;

    for (int list = 0; list < PSP_NOTIFY_LISTS; ++list) {
        PSP_NOTIFY_SLOT *slot;
        ULONG count = 0;
        while ((slot = PspFindInRange((PSP_NOTIFY_LIST)list, Base, Size, TRUE, &count)) != NULL) {
            PspFinishRemoval((PSP_NOTIFY_LIST)list, slot);
            ++removed;
        }
    }
    return removed + ObpRemoveFiltersInRange(Base, Size);
}

#pragma GCC visibility push(default)

/* ---- process routines ---- */

static NTSTATUS
PspSetProcessNotify(PVOID Routine, ULONG Extended, BOOLEAN Remove)
{
    if (Remove) {
        return PspRemoveNotify(PspNotifyProcess, Routine, Extended, STATUS_PROCEDURE_NOT_FOUND);
    }
    return PspAddNotify(PspNotifyProcess, Routine, Extended, TRUE, STATUS_INVALID_PARAMETER);
}

/*
 * PsSetCreateProcessNotifyRoutine, ...Ex, ...Ex2 - be called when a process starts or ends
 *
 * Remove   TRUE: returns when no call is in progress. Never from inside the routine itself.
 *
 * Errors   STATUS_INVALID_PARAMETER: registered already, or 64 are registered;
 *          STATUS_PROCEDURE_NOT_FOUND: Remove of what is not registered
 * IRQL     PASSIVE_LEVEL. The routine runs at PASSIVE_LEVEL in a critical region.
 * Differs  no STATUS_ACCESS_DENIED: images carry no integrity flag here. Events are the host's:
 *          a create comes at exec. (DIFFERENCES.md)
 */
NTSTATUS NTAPI
PsSetCreateProcessNotifyRoutine(PCREATE_PROCESS_NOTIFY_ROUTINE NotifyRoutine, BOOLEAN Remove)
{
    NT_ENTER(PsSetCreateProcessNotifyRoutine);
    return PspSetProcessNotify((PVOID)NotifyRoutine, 0, Remove);
}

NTSTATUS NTAPI
PsSetCreateProcessNotifyRoutineEx(PCREATE_PROCESS_NOTIFY_ROUTINE_EX NotifyRoutine, BOOLEAN Remove)
{
    NT_ENTER(PsSetCreateProcessNotifyRoutineEx);
    return PspSetProcessNotify((PVOID)NotifyRoutine, 1, Remove);
}

/* NotifyType: only PsCreateProcessNotifySubsystems exists; else STATUS_INVALID_PARAMETER. */
NTSTATUS NTAPI
PsSetCreateProcessNotifyRoutineEx2(PSCREATEPROCESSNOTIFYTYPE NotifyType, PVOID NotifyInformation,
                                   BOOLEAN Remove)
{
    NT_ENTER(PsSetCreateProcessNotifyRoutineEx2);
    if (NotifyType != PsCreateProcessNotifySubsystems) {
        return STATUS_INVALID_PARAMETER;
    }
    return PspSetProcessNotify(NotifyInformation, 2, Remove);
}

/* ---- image routines ---- */

/*
 * PsSetLoadImageNotifyRoutine - be called when an executable file is mapped, or a driver loaded
 *
 * Errors   STATUS_INSUFFICIENT_RESOURCES: 64 are registered
 * IRQL     PASSIVE_LEVEL. The routine runs at PASSIVE_LEVEL in a critical region.
 * Differs  every executable mapping of a file is told, not the loader's images only
 */
NTSTATUS NTAPI
PsSetLoadImageNotifyRoutine(PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine)
{
    NT_ENTER(PsSetLoadImageNotifyRoutine);
    return PspAddNotify(PspNotifyImage, (PVOID)NotifyRoutine, 0, FALSE,
                        STATUS_INSUFFICIENT_RESOURCES);
}

/* PS_IMAGE_NOTIFY_CONFLICTING_ARCHITECTURE changes nothing: there is one architecture here. */
NTSTATUS NTAPI
PsSetLoadImageNotifyRoutineEx(PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine, ULONG_PTR Flags)
{
    NT_ENTER(PsSetLoadImageNotifyRoutineEx);
    if ((Flags & ~(ULONG_PTR)PS_IMAGE_NOTIFY_CONFLICTING_ARCHITECTURE) != 0) {
        return STATUS_INVALID_PARAMETER_2;
    }
    return PsSetLoadImageNotifyRoutine(NotifyRoutine);
}

/* STATUS_PROCEDURE_NOT_FOUND: not registered. Waits for calls in progress. */
NTSTATUS NTAPI
PsRemoveLoadImageNotifyRoutine(PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine)
{
    NT_ENTER(PsRemoveLoadImageNotifyRoutine);
    return PspRemoveNotify(PspNotifyImage, (PVOID)NotifyRoutine, 0, STATUS_PROCEDURE_NOT_FOUND);
}

/* ---- thread routines ---- */

/*
 * PsSetCreateThreadNotifyRoutine - be called when a thread starts or ends
 *
 * Errors   STATUS_INSUFFICIENT_RESOURCES: 64 are registered
 * IRQL     PASSIVE_LEVEL. The routine runs at PASSIVE_LEVEL in a critical region: for a start in
 * the thread that made the new one, which has not run yet; for an end in the ending thread. The
 * same routine may be registered more than once, and is then called as often. Differs  told are
 * threads of the kernel and of the client; those of other processes of the machine are not. A
 * thread of the client that Linux made is told at its first system call. Source   WDK reference,
 * nf-ntddk-pssetcreatethreadnotifyroutine, PCREATE_THREAD_NOTIFY_ROUTINE
 */
NTSTATUS NTAPI
PsSetCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine)
{
    NT_ENTER(PsSetCreateThreadNotifyRoutine);
    return PspAddNotify(PspNotifyThread, (PVOID)NotifyRoutine, 0, FALSE,
                        STATUS_INSUFFICIENT_RESOURCES);
}

/*
 * PsSetCreateThreadNotifyRoutineEx - the same for
 *   PsCreateThreadNotifyNonSystem   threads that are no system threads, called on the new thread
 *   PsCreateThreadNotifySubsystems  every thread, as PsSetCreateThreadNotifyRoutine
 *
 * Errors   STATUS_INVALID_PARAMETER: another type; STATUS_INSUFFICIENT_RESOURCES
 * Source   WDK reference, nf-ntddk-pssetcreatethreadnotifyroutineex, PSCREATETHREADNOTIFYTYPE
 */
NTSTATUS NTAPI
PsSetCreateThreadNotifyRoutineEx(PSCREATETHREADNOTIFYTYPE NotifyType, PVOID NotifyInformation)
{
    NT_ENTER(PsSetCreateThreadNotifyRoutineEx);
    if (NotifyType != PsCreateThreadNotifyNonSystem &&
        NotifyType != PsCreateThreadNotifySubsystems) {
        return STATUS_INVALID_PARAMETER;
    }
    return PspAddNotify(PspNotifyThread, NotifyInformation, PSP_NOTIFY_ON_NEW_THREAD + NotifyType,
                        FALSE, STATUS_INSUFFICIENT_RESOURCES);
}

/* STATUS_PROCEDURE_NOT_FOUND: not registered. Waits for calls in progress; takes one of several. */
NTSTATUS NTAPI
PsRemoveCreateThreadNotifyRoutine(PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine)
{
    NT_ENTER(PsRemoveCreateThreadNotifyRoutine);
    NTSTATUS status = STATUS_PROCEDURE_NOT_FOUND;

    for (ULONG extended = 0; extended < 3 && status == STATUS_PROCEDURE_NOT_FOUND; ++extended) {
        status = PspRemoveNotify(PspNotifyThread, (PVOID)NotifyRoutine, extended,
                                 STATUS_PROCEDURE_NOT_FOUND);
    }
    return status;
}

/* ---- the machine routine ---- */

NTSTATUS NTAPI
NtboxSetMachineNotifyRoutine(NTBOX_MACHINE_NOTIFY_ROUTINE *Routine, BOOLEAN Remove)
{
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (Remove) {
        return PspRemoveNotify(PspNotifyMachine, (PVOID)Routine, 0, STATUS_INVALID_PARAMETER);
    }
    status = PspAddNotify(PspNotifyMachine, (PVOID)Routine, 0, TRUE, STATUS_INVALID_PARAMETER);
    if (NT_SUCCESS(status)) {
        PspTellMachineState();
    }
    return status;
}

#pragma GCC visibility pop
