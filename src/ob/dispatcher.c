/* SPDX-License-Identifier: MIT
 *
 * ob/dispatcher.c - events, mutants and semaphores behind handles, and waiting on handles
 *
 * Source   WDK reference, ntifs.h ZwCreateEvent, ZwSetEvent, ZwWaitForSingleObject; the others as
 *          public programs use them.
 */
#include "ob/obp.h"

#include <ntbox/eh.h>

#define OBP_MUTANT_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 1)
#define OBP_MODIFY 2u            /* EVENT_MODIFY_STATE, SEMAPHORE_MODIFY_STATE */
#define OBP_TAG_WAIT 0x7457624Fu /* 'ObWt' */

static POBJECT_TYPE ObpEventType;
static POBJECT_TYPE ObpSemaphoreType;
static POBJECT_TYPE ObpMutantType;

#pragma GCC visibility push(default)
POBJECT_TYPE *ExEventObjectType = &ObpEventType;
POBJECT_TYPE *ExSemaphoreObjectType = &ObpSemaphoreType;
POBJECT_TYPE *ExMutantObjectType = &ObpMutantType;
#pragma GCC visibility pop

/* Its last handle may be closed while it is owned: the owner's list must not keep it. */
static VOID
ObpDeleteMutant(PVOID Object)
{
    KeReleaseMutant(Object, IO_NO_INCREMENT, TRUE, FALSE);
}

NTSTATUS
ObpInitializeDispatcherTypes(VOID)
{
    static const OBP_TYPE_OPS eventOps = {
        .Name = L"Event",
        .ValidAccess = EVENT_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | 1, STANDARD_RIGHTS_WRITE | OBP_MODIFY,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, EVENT_ALL_ACCESS},
        .Waitable = TRUE,
    };
    static const OBP_TYPE_OPS semaphoreOps = {
        .Name = L"Semaphore",
        .ValidAccess = SEMAPHORE_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | 1, STANDARD_RIGHTS_WRITE | OBP_MODIFY,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, SEMAPHORE_ALL_ACCESS},
        .Waitable = TRUE,
    };
    static const OBP_TYPE_OPS mutantOps = {
        .Name = L"Mutant",
        .Delete = ObpDeleteMutant,
        .ValidAccess = OBP_MUTANT_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | 1, STANDARD_RIGHTS_WRITE,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, OBP_MUTANT_ALL_ACCESS},
        .Waitable = TRUE,
    };
    NTSTATUS status;

    status = ObpCreateType(&eventOps, &ObpEventType);
    if (NT_SUCCESS(status)) {
        status = ObpCreateType(&semaphoreOps, &ObpSemaphoreType);
    }
    return NT_SUCCESS(status) ? ObpCreateType(&mutantOps, &ObpMutantType) : status;
}

VOID
ObpDropDispatcherTypes(VOID)
{
    ObpDropType(&ObpEventType);
    ObpDropType(&ObpSemaphoreType);
    ObpDropType(&ObpMutantType);
}

/* ---- creating ---- */

typedef struct OBP_NEW {
    POBJECT_TYPE Type;
    SIZE_T Size;
    LONG First;  /* event type, initial count, initial owner */
    LONG Second; /* initial state, maximum count */
} OBP_NEW;

static VOID
ObpInitializeBody(const OBP_NEW *New, PVOID Object)
{
    if (New->Type == ObpEventType) {
        KeInitializeEvent(Object, (EVENT_TYPE)New->First, New->Second != 0);
    } else if (New->Type == ObpSemaphoreType) {
        KeInitializeSemaphore(Object, New->First, New->Second);
    } else {
        KeInitializeMutant(Object, New->First != 0);
    }
}

static NTSTATUS
ObpCreateService(const OBP_NEW *New, PHANDLE Handle, ACCESS_MASK Access,
                 POBJECT_ATTRIBUTES Attributes)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBP_ATTRIBUTES captured;
    NTSTATUS status;
    PVOID object;

    status = mode == KernelMode ? STATUS_SUCCESS : MiProbeUser(Handle, sizeof(HANDLE), 1, TRUE);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCaptureAttributes(Attributes, mode, &captured);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpCreateObject(New->Type, New->Size, &object);
    if (NT_SUCCESS(status)) {
        ObpInitializeBody(New, object);
        status = ObpPublishObject(object, &captured, Access, mode, Handle);
    }
    ObpReleaseAttributes(&captured);
    return status;
}

/* ---- changing ---- */

typedef enum OBP_CHANGE {
    OBP_CHANGE_SET,
    OBP_CHANGE_RESET,
    OBP_CHANGE_PULSE,
    OBP_CHANGE_CLEAR,
} OBP_CHANGE;

static NTSTATUS
ObpReturnLong(PLONG Target, LONG Value, KPROCESSOR_MODE Mode)
{
    return Target != NULL ? MiCopyToUser(Target, &Value, sizeof(Value), Mode) : STATUS_SUCCESS;
}

static NTSTATUS
ObpChangeEvent(HANDLE Handle, OBP_CHANGE Change, PLONG Previous)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    NTSTATUS status;
    PRKEVENT event;
    LONG state = 0;

    status =
        ObReferenceObjectByHandle(Handle, OBP_MODIFY, ObpEventType, mode, (PVOID *)&event, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    switch (Change) {
    case OBP_CHANGE_SET:
        state = KeSetEvent(event, 1, FALSE);
        break;
    case OBP_CHANGE_RESET:
        state = KeResetEvent(event);
        break;
    case OBP_CHANGE_PULSE:
        state = KePulseEvent(event, 1, FALSE);
        break;
    case OBP_CHANGE_CLEAR:
        KeClearEvent(event);
        break;
    }
    ObfDereferenceObject(event);
    return ObpReturnLong(Previous, state, mode);
}

static NTSTATUS
ObpReleaseSemaphore(PRKSEMAPHORE Semaphore, LONG Count, PLONG Previous)
{
    volatile NTSTATUS status = STATUS_SUCCESS;

    __try {
        *Previous = KeReleaseSemaphore(Semaphore, 1, Count, FALSE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = STATUS_SEMAPHORE_LIMIT_EXCEEDED;
    }
    return status;
}

/* ---- waiting ---- */

/* *Timeout becomes NULL or the copy. */
static NTSTATUS
ObpCaptureTimeout(PLARGE_INTEGER *Timeout, PLARGE_INTEGER Copy, KPROCESSOR_MODE Mode)
{
    NTSTATUS status;

    if (*Timeout == NULL) {
        return STATUS_SUCCESS;
    }
    status = MiCopyFromUser(Copy, *Timeout, sizeof(*Copy), Mode);
    *Timeout = Copy;
    return status;
}

NTSTATUS
ObpReferenceWaitable(HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Object, PVOID *Waitable)
{
    NTSTATUS status;
    OBP_TYPE_OPS *ops;

    status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, NULL, Mode, Object, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ops = &ObpGetObjectType(*Object)->Ops;
    *Waitable = NULL;
    if (ops->GetWaitable != NULL) {
        *Waitable = ops->GetWaitable(*Object);
    } else if (ops->Waitable) {
        *Waitable = *Object;
    }
    if (*Waitable == NULL) {
        ObfDereferenceObject(*Object);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
ObpWaitSingle(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    LARGE_INTEGER timeout;
    NTSTATUS status;
    PVOID waitable;
    PVOID object;

    status = ObpCaptureTimeout(&Timeout, &timeout, mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpReferenceWaitable(Handle, mode, &object, &waitable);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = KeWaitForSingleObject(waitable, UserRequest, mode, Alertable, Timeout);
    ObfDereferenceObject(object);
    return status;
}

typedef struct OBP_WAIT {
    HANDLE Handle[MAXIMUM_WAIT_OBJECTS];
    PVOID Object[MAXIMUM_WAIT_OBJECTS];
    PVOID Waitable[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK Block[MAXIMUM_WAIT_OBJECTS];
} OBP_WAIT;

static BOOLEAN
ObpHasTwins(const OBP_WAIT *Wait, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        for (ULONG k = i + 1; k < Count; k++) {
            if (Wait->Waitable[i] == Wait->Waitable[k]) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

static NTSTATUS
ObpWaitCollected(OBP_WAIT *Wait, ULONG Count, WAIT_TYPE Type, BOOLEAN Alertable,
                 PLARGE_INTEGER Timeout, KPROCESSOR_MODE Mode)
{
    NTSTATUS status = STATUS_SUCCESS;
    ULONG referenced = 0;

    while (referenced < Count && NT_SUCCESS(status)) {
        status = ObpReferenceWaitable(Wait->Handle[referenced], Mode, &Wait->Object[referenced],
                                      &Wait->Waitable[referenced]);
        if (NT_SUCCESS(status)) {
            referenced++;
        }
    }
    if (NT_SUCCESS(status) && Type == WaitAll && ObpHasTwins(Wait, Count)) {
        status = STATUS_INVALID_PARAMETER_MIX;
    }
    if (NT_SUCCESS(status)) {
        status = KeWaitForMultipleObjects(Count, Wait->Waitable, Type, UserRequest, Mode, Alertable,
                                          Timeout, Wait->Block);
    }
    while (referenced > 0) {
        ObfDereferenceObject(Wait->Object[--referenced]);
    }
    return status;
}

static NTSTATUS
ObpWaitMultiple(ULONG Count, HANDLE *Handles, WAIT_TYPE Type, BOOLEAN Alertable,
                PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    LARGE_INTEGER timeout;
    NTSTATUS status;
    OBP_WAIT *wait;

    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS) {
        return STATUS_INVALID_PARAMETER_1;
    }
    if (Type != WaitAll && Type != WaitAny) {
        return STATUS_INVALID_PARAMETER_3;
    }
    status = ObpCaptureTimeout(&Timeout, &timeout, mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    wait = ExpAllocatePool(NonPagedPoolNx, sizeof(*wait), OBP_TAG_WAIT, NT_CALLER());
    if (wait == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiCopyFromUser(wait->Handle, Handles, Count * sizeof(HANDLE), mode);
    if (NT_SUCCESS(status)) {
        status = ObpWaitCollected(wait, Count, Type, Alertable, Timeout, mode);
    }
    ExFreePoolWithTag(wait, OBP_TAG_WAIT);
    return status;
}

#pragma GCC visibility push(default)

NTSTATUS NTAPI
NtCreateEvent(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, EVENT_TYPE Type,
              BOOLEAN InitialState)
{
    NT_ENTER(NtCreateEvent);
    OBP_NEW new = {ObpEventType, sizeof(KEVENT), (LONG)Type, InitialState};

    if (Type != NotificationEvent && Type != SynchronizationEvent) {
        return STATUS_INVALID_PARAMETER_4;
    }
    return ObpCreateService(&new, Handle, Access, Attributes);
}

NTSTATUS NTAPI
ZwCreateEvent(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, EVENT_TYPE Type,
              BOOLEAN InitialState)
{
    NT_ENTER(ZwCreateEvent);
    return OBP_ZW(NtCreateEvent(Handle, Access, Attributes, Type, InitialState));
}

NTSTATUS NTAPI
NtOpenEvent(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(NtOpenEvent);
    return ObpOpenService(Handle, Access, Attributes, ObpEventType);
}

NTSTATUS NTAPI
ZwOpenEvent(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_ENTER(ZwOpenEvent);
    return OBP_ZW(NtOpenEvent(Handle, Access, Attributes));
}

NTSTATUS NTAPI
NtSetEvent(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(NtSetEvent);
    return ObpChangeEvent(Handle, OBP_CHANGE_SET, Previous);
}

NTSTATUS NTAPI
ZwSetEvent(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(ZwSetEvent);
    return OBP_ZW(NtSetEvent(Handle, Previous));
}

NTSTATUS NTAPI
NtResetEvent(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(NtResetEvent);
    return ObpChangeEvent(Handle, OBP_CHANGE_RESET, Previous);
}

NTSTATUS NTAPI
ZwResetEvent(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(ZwResetEvent);
    return OBP_ZW(NtResetEvent(Handle, Previous));
}

NTSTATUS NTAPI
NtPulseEvent(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(NtPulseEvent);
    return ObpChangeEvent(Handle, OBP_CHANGE_PULSE, Previous);
}

NTSTATUS NTAPI
ZwPulseEvent(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(ZwPulseEvent);
    return OBP_ZW(NtPulseEvent(Handle, Previous));
}

NTSTATUS NTAPI
NtClearEvent(HANDLE Handle)
{
    NT_ENTER(NtClearEvent);
    return ObpChangeEvent(Handle, OBP_CHANGE_CLEAR, NULL);
}

NTSTATUS NTAPI
ZwClearEvent(HANDLE Handle)
{
    NT_ENTER(ZwClearEvent);
    return OBP_ZW(NtClearEvent(Handle));
}

NTSTATUS NTAPI
NtCreateMutant(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
               BOOLEAN InitialOwner)
{
    NT_ENTER(NtCreateMutant);
    OBP_NEW new = {ObpMutantType, sizeof(KMUTANT), InitialOwner, 0};

    return ObpCreateService(&new, Handle, Access, Attributes);
}

NTSTATUS NTAPI
ZwCreateMutant(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
               BOOLEAN InitialOwner)
{
    NT_ENTER(ZwCreateMutant);
    return OBP_ZW(NtCreateMutant(Handle, Access, Attributes, InitialOwner));
}

/* STATUS_MUTANT_NOT_OWNED if another thread, or none, owns it. */
NTSTATUS NTAPI
NtReleaseMutant(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(NtReleaseMutant);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    PKMUTANT mutant;
    NTSTATUS status;
    LONG state;

    status = ObReferenceObjectByHandle(Handle, 0, ObpMutantType, mode, (PVOID *)&mutant, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    /* Only the owner can make this false again, and that is this thread. */
    if (__atomic_load_n(&mutant->OwnerThread, __ATOMIC_RELAXED) != KiGetCurrentThread()) {
        ObfDereferenceObject(mutant);
        return STATUS_MUTANT_NOT_OWNED;
    }
    state = KeReleaseMutant(mutant, 1, FALSE, FALSE);
    ObfDereferenceObject(mutant);
    return ObpReturnLong(Previous, state, mode);
}

NTSTATUS NTAPI
ZwReleaseMutant(HANDLE Handle, PLONG Previous)
{
    NT_ENTER(ZwReleaseMutant);
    return OBP_ZW(NtReleaseMutant(Handle, Previous));
}

NTSTATUS NTAPI
NtCreateSemaphore(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                  LONG InitialCount, LONG MaximumCount)
{
    NT_ENTER(NtCreateSemaphore);
    OBP_NEW new = {ObpSemaphoreType, sizeof(KSEMAPHORE), InitialCount, MaximumCount};

    if (MaximumCount <= 0 || InitialCount < 0 || InitialCount > MaximumCount) {
        return STATUS_INVALID_PARAMETER;
    }
    return ObpCreateService(&new, Handle, Access, Attributes);
}

NTSTATUS NTAPI
ZwCreateSemaphore(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                  LONG InitialCount, LONG MaximumCount)
{
    NT_ENTER(ZwCreateSemaphore);
    return OBP_ZW(NtCreateSemaphore(Handle, Access, Attributes, InitialCount, MaximumCount));
}

/* STATUS_SEMAPHORE_LIMIT_EXCEEDED: nothing is released. */
NTSTATUS NTAPI
NtReleaseSemaphore(HANDLE Handle, LONG Count, PLONG Previous)
{
    NT_ENTER(NtReleaseSemaphore);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    PRKSEMAPHORE semaphore;
    NTSTATUS status;
    LONG state;

    if (Count <= 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = ObReferenceObjectByHandle(Handle, OBP_MODIFY, ObpSemaphoreType, mode,
                                       (PVOID *)&semaphore, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpReleaseSemaphore(semaphore, Count, &state);
    ObfDereferenceObject(semaphore);
    return NT_SUCCESS(status) ? ObpReturnLong(Previous, state, mode) : status;
}

NTSTATUS NTAPI
ZwReleaseSemaphore(HANDLE Handle, LONG Count, PLONG Previous)
{
    NT_ENTER(ZwReleaseSemaphore);
    return OBP_ZW(NtReleaseSemaphore(Handle, Count, Previous));
}

NTSTATUS NTAPI
NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    NT_ENTER(NtWaitForSingleObject);
    return ObpWaitSingle(Handle, Alertable, Timeout);
}

NTSTATUS NTAPI
ZwWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    NT_ENTER(ZwWaitForSingleObject);
    return OBP_ZW(NtWaitForSingleObject(Handle, Alertable, Timeout));
}

NTSTATUS NTAPI
NtWaitForMultipleObjects(ULONG Count, HANDLE *Handles, WAIT_TYPE Type, BOOLEAN Alertable,
                         PLARGE_INTEGER Timeout)
{
    NT_ENTER(NtWaitForMultipleObjects);
    return ObpWaitMultiple(Count, Handles, Type, Alertable, Timeout);
}

NTSTATUS NTAPI
ZwWaitForMultipleObjects(ULONG Count, HANDLE Handles[], WAIT_TYPE Type, BOOLEAN Alertable,
                         PLARGE_INTEGER Timeout)
{
    NT_ENTER(ZwWaitForMultipleObjects);
    return OBP_ZW(NtWaitForMultipleObjects(Count, Handles, Type, Alertable, Timeout));
}

NTSTATUS NTAPI
NtDelayExecution(BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    NT_ENTER(NtDelayExecution);
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    LARGE_INTEGER interval;
    NTSTATUS status;

    status = MiCopyFromUser(&interval, Interval, sizeof(interval), mode);
    return NT_SUCCESS(status) ? KeDelayExecutionThread(mode, Alertable, &interval) : status;
}

NTSTATUS NTAPI
ZwDelayExecution(BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    NT_ENTER(ZwDelayExecution);
    return OBP_ZW(NtDelayExecution(Alertable, Interval));
}

#pragma GCC visibility pop
