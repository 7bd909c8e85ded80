/* SPDX-License-Identifier: MIT
 *
 * ob/callback.c - callback objects
 *
 * Invariants  C1  A registration holds one reference to its object.
 *             C2  A routine is called without the lock; Busy counts the calls in progress, and
 *                 unregistering waits until it is 0.
 * Locks       CALLBACK_OBJECT.Lock (spin) guards the list and the counts.
 * Source      WDK reference, wdm.h ExCreateCallback, ExRegisterCallback, ExNotifyCallback,
 *             ExUnregisterCallback.
 */
#include "ob/obp.h"

#define OBP_TAG_CALLBACK 0x6B62434Fu /* 'OCbk' */

typedef struct _CALLBACK_OBJECT {
    KSPIN_LOCK Lock;
    LIST_ENTRY Registrations;
    BOOLEAN AllowMultiple;
} CALLBACK_OBJECT;

typedef struct OBP_REGISTRATION {
    LIST_ENTRY Link;
    CALLBACK_OBJECT *Object;
    PCALLBACK_FUNCTION Function;
    PVOID Context;
    ULONG Busy;
    BOOLEAN Leaving;
    KEVENT Idle; /* synchronization: Busy fell to 0 while Leaving */
} OBP_REGISTRATION;

static POBJECT_TYPE ObpCallbackType;

NTSTATUS
ObpInitializeCallbacks(VOID)
{
    static const OBP_TYPE_OPS ops = {
        .Name = L"Callback",
        .ValidAccess = STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 1,
    };

    return ObpCreateType(&ops, &ObpCallbackType);
}

VOID
ObpDropCallbackType(VOID)
{
    ObpDropType(&ObpCallbackType);
}

static NTSTATUS
ObpMakeCallback(const OBP_ATTRIBUTES *Attributes, BOOLEAN AllowMultiple, CALLBACK_OBJECT **Object)
{
    CALLBACK_OBJECT *object;
    NTSTATUS status;

    status = ObpCreateObject(ObpCallbackType, sizeof(*object), (PVOID *)&object);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    KeInitializeSpinLock(&object->Lock);
    InitializeListHead(&object->Registrations);
    object->AllowMultiple = AllowMultiple;
    if (Attributes->Name.Length != 0) {
        status =
            ObpInsertName(object, &Attributes->Name, (Attributes->Attributes & OBJ_PERMANENT) != 0);
    }
    if (!NT_SUCCESS(status)) {
        ObfDereferenceObject(object);
        return status;
    }
    *Object = object;
    return STATUS_SUCCESS;
}

static NTSTATUS
ObpOpenCallback(const OBP_ATTRIBUTES *Attributes, CALLBACK_OBJECT **Object)
{
    OBP_OPEN_REQUEST request = {.Attributes = Attributes->Attributes, .AccessMode = KernelMode};

    return ObpOpenByName(&Attributes->Name, Attributes->RootDirectory, ObpCallbackType, &request,
                         (PVOID *)Object);
}

/* Calls one registration without the lock; it stays on the list meanwhile (C2). */
static VOID
ObpCallRegistration(CALLBACK_OBJECT *Object, OBP_REGISTRATION *Registration, PVOID First,
                    PVOID Second, KIRQL *Irql)
{
    Registration->Busy++;
    KeReleaseSpinLock(&Object->Lock, *Irql);
    Registration->Function(Registration->Context, First, Second);
    KeAcquireSpinLock(&Object->Lock, Irql);
    Registration->Busy--;
    if (Registration->Leaving && Registration->Busy == 0) {
        KeSetEvent(&Registration->Idle, 0, FALSE);
    }
}

#pragma GCC visibility push(default)

NTSTATUS NTAPI
ExCreateCallback(PCALLBACK_OBJECT *CallbackObject, POBJECT_ATTRIBUTES ObjectAttributes,
                 BOOLEAN Create, BOOLEAN AllowMultipleCallbacks)
{
    NT_ENTER(ExCreateCallback);
    CALLBACK_OBJECT *object = NULL;
    OBP_ATTRIBUTES captured;
    NTSTATUS status;

    status = ObpCaptureAttributes(ObjectAttributes, KernelMode, &captured);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = captured.Name.Length != 0 ? ObpOpenCallback(&captured, &object)
                                       : STATUS_OBJECT_NAME_NOT_FOUND;
    if (!NT_SUCCESS(status) && Create) {
        status = ObpMakeCallback(&captured, AllowMultipleCallbacks, &object);
        if (status == STATUS_OBJECT_NAME_COLLISION) {
            status = ObpOpenCallback(&captured, &object);
        }
    }
    ObpReleaseAttributes(&captured);
    if (NT_SUCCESS(status)) {
        *CallbackObject = object;
    }
    return status;
}

/* NULL: no memory, or a second registration where only one is allowed. IRQL <= APC_LEVEL. */
PVOID NTAPI
ExRegisterCallback(PCALLBACK_OBJECT CallbackObject, PCALLBACK_FUNCTION CallbackFunction,
                   PVOID CallbackContext)
{
    NT_ENTER(ExRegisterCallback);
    OBP_REGISTRATION *registration;
    BOOLEAN allowed;
    KIRQL irql;

    registration =
        ExpAllocatePool(NonPagedPoolNx, sizeof(*registration), OBP_TAG_CALLBACK, NT_CALLER());
    if (registration == NULL) {
        return NULL;
    }
    registration->Object = CallbackObject;
    registration->Function = CallbackFunction;
    registration->Context = CallbackContext;
    registration->Busy = 0;
    registration->Leaving = FALSE;
    KeInitializeEvent(&registration->Idle, SynchronizationEvent, FALSE);
    ObfReferenceObject(CallbackObject);
    KeAcquireSpinLock(&CallbackObject->Lock, &irql);
    allowed = CallbackObject->AllowMultiple || IsListEmpty(&CallbackObject->Registrations);
    if (allowed) {
        InsertTailList(&CallbackObject->Registrations, &registration->Link);
    }
    KeReleaseSpinLock(&CallbackObject->Lock, irql);
    if (!allowed) {
        ObfDereferenceObject(CallbackObject);
        ExFreePoolWithTag(registration, OBP_TAG_CALLBACK);
        return NULL;
    }
    return registration;
}

/* Calls the routines in the order of registration, at the caller's IRQL, <= DISPATCH_LEVEL. */
VOID NTAPI
ExNotifyCallback(PCALLBACK_OBJECT CallbackObject, PVOID Argument1, PVOID Argument2)
{
    NT_ENTER(ExNotifyCallback);
    PLIST_ENTRY link;
    KIRQL irql;

    KeAcquireSpinLock(&CallbackObject->Lock, &irql);
    link = CallbackObject->Registrations.Flink;
    while (link != &CallbackObject->Registrations) {
        OBP_REGISTRATION *registration = CONTAINING_RECORD(link, OBP_REGISTRATION, Link);

        if (!registration->Leaving) {
            ObpCallRegistration(CallbackObject, registration, Argument1, Argument2, &irql);
        }
        link = link->Flink;
    }
    KeReleaseSpinLock(&CallbackObject->Lock, irql);
}

/* Waits until no call of the routine is in progress. IRQL <= APC_LEVEL. */
VOID NTAPI
ExUnregisterCallback(PVOID CbRegistration)
{
    NT_ENTER(ExUnregisterCallback);
    OBP_REGISTRATION *registration = CbRegistration;
    CALLBACK_OBJECT *object = registration->Object;
    KIRQL irql;

    KeAcquireSpinLock(&object->Lock, &irql);
    registration->Leaving = TRUE;
    while (registration->Busy != 0) {
        KeReleaseSpinLock(&object->Lock, irql);
        KeWaitForSingleObject(&registration->Idle, Executive, KernelMode, FALSE, NULL);
        KeAcquireSpinLock(&object->Lock, &irql);
    }
    RemoveEntryList(&registration->Link);
    KeReleaseSpinLock(&object->Lock, irql);
    ExFreePoolWithTag(registration, OBP_TAG_CALLBACK);
    ObfDereferenceObject(object);
}

#pragma GCC visibility pop
