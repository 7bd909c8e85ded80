/* SPDX-License-Identifier: MIT
 *
 * ob/intercept.c - object callbacks: who hears of, or cuts down, new handles to processes and
 * threads
 *
 * Every new handle to an object of a type that takes callbacks passes here, whoever makes it:
 * opens, the handle that comes with a new thread, duplicates. Routines are called in the thread
 * that makes the handle, at PASSIVE_LEVEL, from the highest altitude down before, and up after the
 * handle is there.
 *
 * Source   WDK reference, wdm.h ObRegisterCallbacks, OB_CALLBACK_REGISTRATION,
 *          OB_OPERATION_REGISTRATION, OB_PRE_CREATE_HANDLE_INFORMATION,
 *          OB_POST_OPERATION_INFORMATION.
 */
#include "ob/filter.h"
#include "ob/obp.h"

#define OBP_TAG_INTERCEPT 0x6C46624Fu /* 'ObFl' */
#define OBP_VERSION_MASK 0xFF00

typedef struct OBP_INTERCEPT {
    OBP_FILTER Filter; /* first */
    PVOID Context;
    ULONG Count;
    OB_OPERATION_REGISTRATION Operation[]; /* the altitude's text follows */
} OBP_INTERCEPT;

/* One new handle on its way through the callbacks. */
typedef struct OBP_HANDLE_OPERATION {
    OB_OPERATION Operation;
    BOOLEAN Kernel;
    PVOID Object;
    ACCESS_MASK Access; /* as it is after the callbacks so far */
    ACCESS_MASK Original;
    PEPROCESS Source;
    PEPROCESS Target;
    PVOID CallContext[OBP_MAX_FILTERS];
    OBP_FILTER_WALK Walk;
} OBP_HANDLE_OPERATION;

static BOOLEAN ObpIsInterceptInRange(const OBP_FILTER *Filter, ULONG_PTR Base, SIZE_T Size);
static VOID ObpRemoveIntercept(OBP_FILTER *Filter);

static OBP_FILTER_STACK ObpIntercepts = {
    .Kind = "object callback", .IsInRange = ObpIsInterceptInRange, .Remove = ObpRemoveIntercept};

VOID
ObpInitializeIntercepts(VOID)
{
    ObpInitializeFilterStack(&ObpIntercepts);
}

static OBP_INTERCEPT *
ObpInterceptOf(OBP_FILTER *Filter)
{
    return CONTAINING_RECORD(Filter, OBP_INTERCEPT, Filter);
}

static BOOLEAN
ObpIsInterceptInRange(const OBP_FILTER *Filter, ULONG_PTR Base, SIZE_T Size)
{
    const OBP_INTERCEPT *intercept = CONTAINING_RECORD(Filter, OBP_INTERCEPT, Filter);

    for (ULONG i = 0; i < intercept->Count; i++) {
        const OB_OPERATION_REGISTRATION *operation = &intercept->Operation[i];
        if ((ULONG_PTR)operation->PreOperation - Base < Size ||
            (ULONG_PTR)operation->PostOperation - Base < Size) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID
ObpRemoveIntercept(OBP_FILTER *Filter)
{
    if (ObpRemoveFilter(&ObpIntercepts, Filter)) {
        ExFreePoolWithTag(ObpInterceptOf(Filter), OBP_TAG_INTERCEPT);
    }
}

VOID
ObpShutdownIntercepts(VOID)
{
    while (!IsListEmpty(&ObpIntercepts.Filters)) {
        ObpRemoveIntercept(CONTAINING_RECORD(ObpIntercepts.Filters.Flink, OBP_FILTER, Link));
    }
    ObpForgetFilterStack(&ObpIntercepts);
}

/* ---- calls ---- */

/* What the filter registered for this operation on this type, or NULL. */
static const OB_OPERATION_REGISTRATION *
ObpFindOperation(OBP_FILTER *Filter, const OBP_HANDLE_OPERATION *Handle)
{
    OBP_INTERCEPT *intercept = ObpInterceptOf(Filter);

    for (ULONG i = 0; i < intercept->Count; i++) {
        const OB_OPERATION_REGISTRATION *operation = &intercept->Operation[i];
        if (*operation->ObjectType == ObpGetObjectType(Handle->Object) &&
            (operation->Operations & Handle->Operation) != 0) {
            return operation;
        }
    }
    return NULL;
}

/* A callback may take rights away, never add any. */
static VOID
ObpCallPreOperation(OBP_HANDLE_OPERATION *Handle, OBP_FILTER *Filter,
                    POB_PRE_OPERATION_CALLBACK Routine)
{
    OB_PRE_OPERATION_PARAMETERS parameters;
    OB_PRE_OPERATION_INFORMATION information = {.Operation = Handle->Operation,
                                                .Object = Handle->Object,
                                                .ObjectType = ObpGetObjectType(Handle->Object),
                                                .Parameters = &parameters};
    KIRQL irql = KiCurrentIrql();

    information.KernelHandle = Handle->Kernel;
    memset(&parameters, 0, sizeof(parameters));
    /* Both structures begin with the two masks. */
    parameters.DuplicateHandleInformation.DesiredAccess = Handle->Access;
    parameters.DuplicateHandleInformation.OriginalDesiredAccess = Handle->Original;
    if (Handle->Operation == OB_OPERATION_HANDLE_DUPLICATE) {
        parameters.DuplicateHandleInformation.SourceProcess = Handle->Source;
        parameters.DuplicateHandleInformation.TargetProcess = Handle->Target;
    }
    (VOID) Routine(ObpInterceptOf(Filter)->Context, &information);
    ObpCheckFilterReturn(&ObpIntercepts, (ULONG_PTR)Routine, irql);
    Handle->Access &= parameters.CreateHandleInformation.DesiredAccess;
    Handle->CallContext[Handle->Walk.Count - 1] = information.CallContext;
}

static VOID
ObpCallPreOperations(OBP_HANDLE_OPERATION *Handle)
{
    OBP_FILTER *filter;

    ObpBeginWalk(&ObpIntercepts, &Handle->Walk);
    while ((filter = ObpNextFilter(&Handle->Walk)) != NULL) {
        const OB_OPERATION_REGISTRATION *operation = ObpFindOperation(filter, Handle);

        Handle->CallContext[Handle->Walk.Count - 1] = NULL;
        if (operation != NULL && operation->PreOperation != NULL) {
            ObpCallPreOperation(Handle, filter, operation->PreOperation);
        }
    }
}

static VOID
ObpCallPostOperation(OBP_HANDLE_OPERATION *Handle, OBP_FILTER *Filter,
                     POB_POST_OPERATION_CALLBACK Routine, NTSTATUS Status)
{
    OB_POST_OPERATION_PARAMETERS parameters = {.CreateHandleInformation.GrantedAccess =
                                                   Handle->Access};
    OB_POST_OPERATION_INFORMATION information = {
        .Operation = Handle->Operation,
        .Object = Handle->Object,
        .ObjectType = ObpGetObjectType(Handle->Object),
        .CallContext = Handle->CallContext[Handle->Walk.Count - 1],
        .ReturnStatus = Status,
        .Parameters = NT_SUCCESS(Status) ? &parameters : NULL};
    KIRQL irql = KiCurrentIrql();

    information.KernelHandle = Handle->Kernel;
    Routine(ObpInterceptOf(Filter)->Context, &information);
    ObpCheckFilterReturn(&ObpIntercepts, (ULONG_PTR)Routine, irql);
}

static VOID
ObpCallPostOperations(OBP_HANDLE_OPERATION *Handle, NTSTATUS Status)
{
    OBP_FILTER *filter;

    while ((filter = ObpLastFilter(&Handle->Walk)) != NULL) {
        const OB_OPERATION_REGISTRATION *operation = ObpFindOperation(filter, Handle);

        if (operation != NULL && operation->PostOperation != NULL) {
            ObpCallPostOperation(Handle, filter, operation->PostOperation, Status);
        }
        ObpDropFilter(&Handle->Walk);
    }
    ObpEndWalk(&Handle->Walk);
}

NTSTATUS
ObpInterceptHandle(OBP_HANDLE_TABLE *Table, PVOID Object, ACCESS_MASK Access, ULONG Attributes,
                   PEPROCESS Source, PEPROCESS Target, HANDLE *Handle)
{
    OBP_HANDLE_OPERATION operation;
    NTSTATUS status;

    operation.Operation =
        Source != NULL ? OB_OPERATION_HANDLE_DUPLICATE : OB_OPERATION_HANDLE_CREATE;
    operation.Kernel = (Attributes & OBJ_KERNEL_HANDLE) != 0;
    operation.Object = Object;
    operation.Access = Access;
    operation.Original = Access;
    operation.Source = Source;
    operation.Target = Target;
    ObpCallPreOperations(&operation);
    status = ObpCreateHandleIn(Table, Object, operation.Access, Attributes, Handle);
    ObpCallPostOperations(&operation, status);
    return status;
}

/* ---- registration ---- */

/* Code of a loaded image of the kernel side, which stands for a signed one. */
static BOOLEAN
ObpIsImageCode(ULONG_PTR Routine)
{
    return Routine == 0 || MiIsImageAddress(Routine);
}

static NTSTATUS
ObpCheckOperation(const OB_OPERATION_REGISTRATION *Operation)
{
    const OB_OPERATION known = OB_OPERATION_HANDLE_CREATE | OB_OPERATION_HANDLE_DUPLICATE;

    if (Operation->ObjectType == NULL || *Operation->ObjectType == NULL ||
        !(*Operation->ObjectType)->Ops.TakesCallbacks || Operation->Operations == 0 ||
        (Operation->Operations & ~known) != 0 ||
        (Operation->PreOperation == NULL && Operation->PostOperation == NULL)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!ObpIsImageCode((ULONG_PTR)Operation->PreOperation) ||
        !ObpIsImageCode((ULONG_PTR)Operation->PostOperation)) {
        return STATUS_ACCESS_DENIED;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
ObpCheckRegistration(const OB_CALLBACK_REGISTRATION *Registration)
{
    const OB_OPERATION_REGISTRATION *operations = Registration->OperationRegistration;

    if ((Registration->Version & OBP_VERSION_MASK) != OB_FLT_REGISTRATION_VERSION ||
        Registration->OperationRegistrationCount == 0 || operations == NULL ||
        Registration->Altitude.Length == 0 || (Registration->Altitude.Length & 1) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    for (ULONG i = 0; i < Registration->OperationRegistrationCount; i++) {
        NTSTATUS status = ObpCheckOperation(&operations[i]);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        for (ULONG j = 0; j < i; j++) {
            if (*operations[j].ObjectType == *operations[i].ObjectType) {
                return STATUS_FLT_INSTANCE_ALTITUDE_COLLISION;
            }
        }
    }
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

/*
 * ObRegisterCallbacks - be called before and after a handle to a process or thread is made
 *
 * Errors   STATUS_INVALID_PARAMETER: version, altitude, no operation, one of a type other than
 *          PsProcessType and PsThreadType, or without routine; STATUS_ACCESS_DENIED: a routine that
 *          lies in no loaded driver; STATUS_FLT_INSTANCE_ALTITUDE_COLLISION: that altitude is
 * taken, or a type is named twice; STATUS_INSUFFICIENT_RESOURCES: no memory, or 64 registrations
 * IRQL     <= APC_LEVEL. Routines are called at PASSIVE_LEVEL.
 * Differs  drivers carry no signature here: every loaded one counts as signed. Any right can be
 *          taken away, as on Windows, not only those that the reference lists
 * Source   WDK reference, nf-wdm-obregistercallbacks
 */
NTSTATUS NTAPI
ObRegisterCallbacks(POB_CALLBACK_REGISTRATION CallbackRegistration, PVOID *RegistrationHandle)
{
    NT_ENTER(ObRegisterCallbacks);
    OBP_INTERCEPT *intercept;
    SIZE_T operations;
    NTSTATUS status;

    if (CallbackRegistration == NULL || RegistrationHandle == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    status = ObpCheckRegistration(CallbackRegistration);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    operations =
        CallbackRegistration->OperationRegistrationCount * sizeof(OB_OPERATION_REGISTRATION);
    intercept = ExpAllocatePool(
        NonPagedPoolNx, sizeof(*intercept) + operations + CallbackRegistration->Altitude.Length,
        OBP_TAG_INTERCEPT, NT_CALLER());
    if (intercept == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memset(intercept, 0, sizeof(*intercept));
    intercept->Context = CallbackRegistration->RegistrationContext;
    intercept->Count = CallbackRegistration->OperationRegistrationCount;
    memcpy(intercept->Operation, CallbackRegistration->OperationRegistration, operations);
    intercept->Filter.Altitude = CallbackRegistration->Altitude;
    intercept->Filter.Altitude.Buffer = (PWCH)((PUCHAR)(intercept + 1) + operations);
    memcpy(intercept->Filter.Altitude.Buffer, CallbackRegistration->Altitude.Buffer,
           CallbackRegistration->Altitude.Length);
    status = ObpInsertFilter(&ObpIntercepts, &intercept->Filter);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(intercept, OBP_TAG_INTERCEPT);
        return status;
    }
    *RegistrationHandle = intercept;
    return STATUS_SUCCESS;
}

/* Returns when no call is in progress, or will come. From inside a call: bugcheck. */
VOID NTAPI
ObUnRegisterCallbacks(PVOID RegistrationHandle)
{
    NT_ENTER(ObUnRegisterCallbacks);
    ObpRemoveIntercept(&((OBP_INTERCEPT *)RegistrationHandle)->Filter);
}

USHORT NTAPI
ObGetFilterVersion(VOID)
{
    return OB_FLT_REGISTRATION_VERSION;
}

#pragma GCC visibility pop
