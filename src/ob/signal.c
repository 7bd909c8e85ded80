/* SPDX-License-Identifier: MIT
 *
 * ob/signal.c - signaling one object and waiting for another in one step; opening by name
 *
 * Source   SDK reference, SignalObjectAndWait; the system calls as public programs use them.
 */
#include "ob/obp.h"

#include <ntbox/eh.h>

#define OBP_MODIFY_STATE 2u /* EVENT_MODIFY_STATE, SEMAPHORE_MODIFY_STATE */

/* With Wait = TRUE, so that nothing comes between the signal and the wait. */
static NTSTATUS
ObpSignalForWait(PVOID Object, ACCESS_MASK Granted, KPROCESSOR_MODE Mode)
{
    POBJECT_TYPE type = ObpGetObjectType(Object);
    volatile NTSTATUS status = STATUS_SUCCESS;

    if (type == *ExMutantObjectType) {
        if (__atomic_load_n(&((PKMUTANT)Object)->OwnerThread, __ATOMIC_RELAXED) !=
            KiGetCurrentThread()) {
            return STATUS_MUTANT_NOT_OWNED;
        }
        KeReleaseMutant(Object, 1, FALSE, TRUE);
        return STATUS_SUCCESS;
    }
    if (type != *ExEventObjectType && type != *ExSemaphoreObjectType) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (Mode != KernelMode && !(Granted & OBP_MODIFY_STATE)) {
        return STATUS_ACCESS_DENIED;
    }
    if (type == *ExEventObjectType) {
        KeSetEvent(Object, 1, TRUE);
        return STATUS_SUCCESS;
    }
    __try {
        KeReleaseSemaphore(Object, 1, 1, TRUE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = STATUS_SEMAPHORE_LIMIT_EXCEEDED;
    }
    return status;
}

/*
 * NtSignalAndWaitForSingleObject - sets an event, or releases a mutant or semaphore by one, and
 * waits
 *
 * Errors   STATUS_OBJECT_TYPE_MISMATCH (Signal is none of these, Wait cannot be waited for),
 *          STATUS_MUTANT_NOT_OWNED, STATUS_SEMAPHORE_LIMIT_EXCEEDED, the handles',
 *          STATUS_ACCESS_VIOLATION; nothing is signaled then
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
NtSignalAndWaitForSingleObject(HANDLE Signal, HANDLE Wait, BOOLEAN Alertable,
                               PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE mode = KiGetCurrentThread()->PreviousMode;
    OBJECT_HANDLE_INFORMATION information;
    LARGE_INTEGER timeout;
    PVOID waitable;
    PVOID signal;
    PVOID object;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (Timeout != NULL) {
        status = MiCopyFromUser(&timeout, Timeout, sizeof(timeout), mode);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        Timeout = &timeout;
    }
    status = ObReferenceObjectByHandle(Signal, 0, NULL, mode, &signal, &information);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ObpReferenceWaitable(Wait, mode, &object, &waitable);
    if (NT_SUCCESS(status)) {
        status = ObpSignalForWait(signal, information.GrantedAccess, mode);
        if (NT_SUCCESS(status)) {
            status = KeWaitForSingleObject(waitable, UserRequest, mode, Alertable, Timeout);
        }
        ObDereferenceObject(object);
    }
    ObDereferenceObject(signal);
    return status;
}

NTSTATUS NTAPI
NtOpenMutant(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    return ObpOpenService(Handle, Access, Attributes, *ExMutantObjectType);
}

NTSTATUS NTAPI
NtOpenSemaphore(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    return ObpOpenService(Handle, Access, Attributes, *ExSemaphoreObjectType);
}
