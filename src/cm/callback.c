/* SPDX-License-Identifier: MIT
 *
 * cm/callback.c - registry callbacks: who hears of, changes or refuses registry calls
 *
 * A call goes down the stack of callbacks, from the highest altitude, before it is performed, and
 * up again afterwards; neither with the registry locked. A callback that refuses or takes over ends
 * the way down: those above it, which let the call pass, hear of the outcome, it itself does not.
 * A registry call made inside a callback is told to the callbacks below that one only.
 *
 * Invariants  CB1  A CMP_CONTEXT is on its callback's list, and on its object's until that is
 *                  deleted; whoever takes it off the former owns it, and calls the clean-up once.
 *             CB2  Contexts are added with their callback pinned, so none comes after the wait in
 *                  CmUnRegisterCallback.
 * Locks       CmpContextLock (spin) guards both lists; the filter stack's lock comes inside it.
 * Source      WDK reference, wdm.h CmRegisterCallbackEx, CmRegisterCallback, CmUnRegisterCallback,
 *             CmSetCallbackObjectContext, CmCallbackGetKeyObjectID(Ex), EX_CALLBACK_FUNCTION,
 *             REG_POST_OPERATION_INFORMATION; WDK docs, "Filtering Registry Calls".
 */
#include "cm/cmp.h"

#define CMP_TAG_CALLBACK 'bCmC' /* "CmCb" */

typedef struct CMP_CALLBACK {
    OBP_FILTER Filter; /* first */
    PEX_CALLBACK_FUNCTION Function;
    PVOID Context;
    LONGLONG Cookie;
    LIST_ENTRY Contexts; /* CMP_CONTEXT.CallbackLink */
} CMP_CALLBACK;          /* the altitude's text follows */

typedef struct CMP_CONTEXT {
    LIST_ENTRY BodyLink;
    LIST_ENTRY CallbackLink;
    CMP_KEY_BODY *Body; /* NULL: deleted */
    CMP_CALLBACK *Callback;
    PVOID Value;
} CMP_CONTEXT;

static BOOLEAN CmpIsCallbackInRange(const OBP_FILTER *Filter, ULONG_PTR Base, SIZE_T Size);
static VOID CmpRemoveCallbackFilter(OBP_FILTER *Filter);

static OBP_FILTER_STACK CmpCallbacks = {.Kind = "registry callback",
                                        .IsInRange = CmpIsCallbackInRange,
                                        .Remove = CmpRemoveCallbackFilter};
static KSPIN_LOCK CmpContextLock;
static LONGLONG CmpLastCookie; /* atomic */

VOID
CmpInitializeCallbacks(VOID)
{
    KeInitializeSpinLock(&CmpContextLock);
    ObpInitializeFilterStack(&CmpCallbacks);
}

static CMP_CALLBACK *
CmpCallbackOf(OBP_FILTER *Filter)
{
    return CONTAINING_RECORD(Filter, CMP_CALLBACK, Filter);
}

static BOOLEAN
CmpIsCallbackInRange(const OBP_FILTER *Filter, ULONG_PTR Base, SIZE_T Size)
{
    const CMP_CALLBACK *callback = CONTAINING_RECORD(Filter, CMP_CALLBACK, Filter);

    return (ULONG_PTR)callback->Function - Base < Size;
}

/* ---- calls ---- */

static NTSTATUS
CmpCallCallback(CMP_CALLBACK *Callback, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    KIRQL irql = KiCurrentIrql();
    NTSTATUS status = Callback->Function(Callback->Context, (PVOID)(ULONG_PTR)Class, Argument);

    ObpCheckFilterReturn(&CmpCallbacks, (ULONG_PTR)Callback->Function, irql);
    return status;
}

static PVOID
CmpFindContext(CMP_KEY_BODY *Body, const CMP_CALLBACK *Callback)
{
    PVOID value = NULL;
    KIRQL irql;

    if (Body == NULL) {
        return NULL;
    }
    KeAcquireSpinLock(&CmpContextLock, &irql);
    for (PLIST_ENTRY link = Body->Contexts.Flink; link != &Body->Contexts; link = link->Flink) {
        CMP_CONTEXT *context = CONTAINING_RECORD(link, CMP_CONTEXT, BodyLink);
        if (context->Callback == Callback) {
            value = context->Value;
        }
    }
    KeReleaseSpinLock(&CmpContextLock, irql);
    return value;
}

BOOLEAN
CmpBefore(CMP_OPERATION *Operation, REG_NOTIFY_CLASS Class, PVOID Information, PVOID *Contexts,
          CMP_KEY_BODY *Body)
{
    OBP_FILTER *filter;

    Operation->Information = Information;
    Operation->Contexts = Contexts;
    Operation->Body = Body;
    Operation->Object = NULL;
    Operation->Status = STATUS_SUCCESS;
    Operation->Proceed = TRUE;
    ObpBeginWalk(&CmpCallbacks, &Operation->Walk);
    while ((filter = ObpNextFilter(&Operation->Walk)) != NULL) {
        CMP_CALLBACK *callback = CmpCallbackOf(filter);
        NTSTATUS status;
        Contexts[0] = NULL;
        Contexts[1] = CmpFindContext(Body, callback);
        status = CmpCallCallback(callback, Class, Information);
        Operation->CallContext[Operation->Walk.Count - 1] = Contexts[0];
        if (!NT_SUCCESS(status)) {
            ObpDropFilter(&Operation->Walk);
            Operation->Status = status == STATUS_CALLBACK_BYPASS ? STATUS_SUCCESS : status;
            Operation->Proceed = FALSE;
            return FALSE;
        }
    }
    return TRUE;
}

NTSTATUS
CmpAfter(CMP_OPERATION *Operation, REG_NOTIFY_CLASS Class, NTSTATUS Status)
{
    OBP_FILTER *filter;

    while ((filter = ObpLastFilter(&Operation->Walk)) != NULL) {
        CMP_CALLBACK *callback = CmpCallbackOf(filter);
        REG_POST_OPERATION_INFORMATION post = {
            .Status = Status, .PreInformation = Operation->Information, .ReturnStatus = Status};
        if (Operation->Object == NULL) {
            post.Object = Operation->Body;
        } else if (NT_SUCCESS(Status)) {
            post.Object = *Operation->Object;
        }
        post.CallContext = Operation->CallContext[Operation->Walk.Count - 1];
        post.ObjectContext = CmpFindContext(Operation->Body, callback);
        Operation->Contexts[0] = post.CallContext;
        Operation->Contexts[1] = post.ObjectContext;
        if (CmpCallCallback(callback, Class, &post) == STATUS_CALLBACK_BYPASS) {
            Status = post.ReturnStatus;
        }
        ObpDropFilter(&Operation->Walk);
    }
    ObpEndWalk(&Operation->Walk);
    return Status;
}

/* ---- contexts of objects ---- */

static VOID
CmpCallCleanUp(CMP_CALLBACK *Callback, PVOID Object, PVOID Value)
{
    REG_CALLBACK_CONTEXT_CLEANUP_INFORMATION information = {.Object = Object,
                                                            .ObjectContext = Value};

    CmpCallCallback(Callback, RegNtCallbackObjectContextCleanup, &information);
}

/* A context of Body whose callback can still be called, off both lists, and its call; or NULL. */
static CMP_CONTEXT *
CmpTakeContext(CMP_KEY_BODY *Body, BOOLEAN Deleting, OBP_FILTER_WALK *Call)
{
    CMP_CONTEXT *found = NULL;
    PLIST_ENTRY link;
    PLIST_ENTRY next;
    KIRQL irql;

    KeAcquireSpinLock(&CmpContextLock, &irql);
    for (link = Body->Contexts.Flink; link != &Body->Contexts && found == NULL; link = next) {
        CMP_CONTEXT *context = CONTAINING_RECORD(link, CMP_CONTEXT, BodyLink);
        next = link->Flink;
        if (ObpBeginCall(&CmpCallbacks, &context->Callback->Filter, Call)) {
            RemoveEntryList(&context->BodyLink);
            RemoveEntryList(&context->CallbackLink);
            found = context;
        } else if (Deleting) {
            RemoveEntryList(&context->BodyLink);
            context->Body = NULL; /* CmUnRegisterCallback cleans up */
        }
    }
    KeReleaseSpinLock(&CmpContextLock, irql);
    return found;
}

VOID
CmpCleanUpContexts(CMP_KEY_BODY *Body, BOOLEAN Deleting)
{
    OBP_FILTER_WALK call;
    CMP_CONTEXT *context;

    while ((context = CmpTakeContext(Body, Deleting, &call)) != NULL) {
        CmpCallCleanUp(context->Callback, Body, context->Value);
        ObpEndWalk(&call);
        ExFreePoolWithTag(context, CMP_TAG_CALLBACK);
    }
}

VOID
CmpTellHandleClose(CMP_KEY_BODY *Body)
{
    REG_KEY_HANDLE_CLOSE_INFORMATION information = {.Object = Body};
    CMP_OPERATION operation;

    CmpBefore(&operation, RegNtPreKeyHandleClose, &information, &information.CallContext, Body);
    CmpAfter(&operation, RegNtPostKeyHandleClose, STATUS_SUCCESS);
    CmpCleanUpContexts(Body, FALSE);
}

/* Puts Fresh (NULL: nothing) in the place of what is there. Returns the block to free, or NULL. */
static CMP_CONTEXT *
CmpChangeContextLocked(CMP_KEY_BODY *Body, CMP_CALLBACK *Callback, CMP_CONTEXT *Fresh, PVOID *Old)
{
    for (PLIST_ENTRY link = Body->Contexts.Flink; link != &Body->Contexts; link = link->Flink) {
        CMP_CONTEXT *context = CONTAINING_RECORD(link, CMP_CONTEXT, BodyLink);
        if (context->Callback != Callback) {
            continue;
        }
        *Old = context->Value;
        if (Fresh != NULL) {
            context->Value = Fresh->Value;
            return Fresh;
        }
        RemoveEntryList(&context->BodyLink);
        RemoveEntryList(&context->CallbackLink);
        return context;
    }
    if (Fresh != NULL) {
        InsertTailList(&Body->Contexts, &Fresh->BodyLink);
        InsertTailList(&Callback->Contexts, &Fresh->CallbackLink);
    }
    return NULL;
}

/* A context of a callback that nothing calls any more; *Object is referenced, or NULL. */
static CMP_CONTEXT *
CmpTakeContextOf(CMP_CALLBACK *Callback, CMP_KEY_BODY **Object)
{
    CMP_CONTEXT *context = NULL;
    KIRQL irql;

    *Object = NULL;
    KeAcquireSpinLock(&CmpContextLock, &irql);
    if (!IsListEmpty(&Callback->Contexts)) {
        context = CONTAINING_RECORD(RemoveHeadList(&Callback->Contexts), CMP_CONTEXT, CallbackLink);
        if (context->Body != NULL) {
            RemoveEntryList(&context->BodyLink);
            *Object = ObReferenceObjectSafe(context->Body) ? context->Body : NULL;
        }
    }
    KeReleaseSpinLock(&CmpContextLock, irql);
    return context;
}

/* ---- registration ---- */

static CMP_CALLBACK *
CmpAllocateCallback(PEX_CALLBACK_FUNCTION Function, PCUNICODE_STRING Altitude, PVOID Context,
                    ULONG_PTR Caller)
{
    CMP_CALLBACK *callback = ExpAllocatePool(NonPagedPoolNx, sizeof(*callback) + Altitude->Length,
                                             CMP_TAG_CALLBACK, Caller);

    if (callback == NULL) {
        return NULL;
    }
    RtlZeroMemory(callback, sizeof(*callback));
    callback->Function = Function;
    callback->Context = Context;
    callback->Cookie = __atomic_add_fetch(&CmpLastCookie, 1, __ATOMIC_RELAXED);
    InitializeListHead(&callback->Contexts);
    callback->Filter.Altitude.Buffer = (PWCH)(callback + 1);
    callback->Filter.Altitude.Length = Altitude->Length;
    callback->Filter.Altitude.MaximumLength = Altitude->Length;
    RtlCopyMemory(callback + 1, Altitude->Buffer, Altitude->Length);
    return callback;
}

static NTSTATUS
CmpRegister(PEX_CALLBACK_FUNCTION Function, PCUNICODE_STRING Altitude, BOOLEAN Shared,
            PVOID Context, PLARGE_INTEGER Cookie, ULONG_PTR Caller)
{
    CMP_CALLBACK *callback;
    NTSTATUS status;
    LONGLONG before;

    if (Function == NULL || Altitude == NULL || Altitude->Length == 0 ||
        (Altitude->Length & 1) != 0 || Cookie == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    callback = CmpAllocateCallback(Function, Altitude, Context, Caller);
    if (callback == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    callback->Filter.Shared = Shared;
    before = Cookie->QuadPart;
    Cookie->QuadPart = callback->Cookie; /* the first call may come before we return */
    status = ObpInsertFilter(&CmpCallbacks, &callback->Filter);
    if (!NT_SUCCESS(status)) {
        Cookie->QuadPart = before;
        ExFreePoolWithTag(callback, CMP_TAG_CALLBACK);
    }
    return status;
}

static CMP_CALLBACK *
CmpFindCallbackLocked(LONGLONG Cookie)
{
    PLIST_ENTRY head = &CmpCallbacks.Filters;

    for (PLIST_ENTRY link = head->Flink; link != head; link = link->Flink) {
        CMP_CALLBACK *callback = CmpCallbackOf(CONTAINING_RECORD(link, OBP_FILTER, Link));
        if (callback->Cookie == Cookie && !callback->Filter.Leaving) {
            return callback;
        }
    }
    return NULL;
}

/* The callback of a cookie, pinned; NULL: there is none, or it is leaving. */
static CMP_CALLBACK *
CmpPinCallback(const LARGE_INTEGER *Cookie)
{
    CMP_CALLBACK *callback;
    KIRQL irql;

    KeAcquireSpinLock(&CmpCallbacks.Lock, &irql);
    callback = Cookie != NULL ? CmpFindCallbackLocked(Cookie->QuadPart) : NULL;
    if (callback != NULL) {
        ++callback->Filter.Running;
    }
    KeReleaseSpinLock(&CmpCallbacks.Lock, irql);
    return callback;
}

/* Waits for its calls, cleans up its contexts, frees it. FALSE: somebody else does. */
static BOOLEAN
CmpUnregister(CMP_CALLBACK *Callback, BOOLEAN Call)
{
    CMP_CONTEXT *context;
    CMP_KEY_BODY *body;

    if (!ObpRemoveFilter(&CmpCallbacks, &Callback->Filter)) {
        return FALSE;
    }
    while ((context = CmpTakeContextOf(Callback, &body)) != NULL) {
        if (Call) {
            CmpCallCleanUp(Callback, body, context->Value);
        }
        if (body != NULL) {
            ObDereferenceObject(body);
        }
        ExFreePoolWithTag(context, CMP_TAG_CALLBACK);
    }
    ExFreePoolWithTag(Callback, CMP_TAG_CALLBACK);
    return TRUE;
}

static VOID
CmpRemoveCallbackFilter(OBP_FILTER *Filter)
{
    CmpUnregister(CmpCallbackOf(Filter), TRUE);
}

VOID
CmpShutdownCallbacks(VOID)
{
    while (!IsListEmpty(&CmpCallbacks.Filters)) {
        CmpUnregister(
            CmpCallbackOf(CONTAINING_RECORD(CmpCallbacks.Filters.Flink, OBP_FILTER, Link)), FALSE);
    }
    ObpForgetFilterStack(&CmpCallbacks);
}

/* What a callback gave as Object is a key object, as far as that can be told. */
static BOOLEAN
CmpIsKeyObject(PVOID Object)
{
    return Object != NULL && MiIsKernelAddress((ULONG_PTR)Object) &&
           ObpGetObjectType(Object) == CmpKeyObjectType;
}

NTSTATUS
CmpAllocateFullName(CMP_KEY *Key, PUNICODE_STRING *Name)
{
    NTSTATUS status = STATUS_KEY_DELETED;
    PUNICODE_STRING name;
    ULONG length;

    CmpLockShared();
    if (Key->Deleted) {
        goto Unlock;
    }
    status = STATUS_INSUFFICIENT_RESOURCES;
    length = CmpFullNameLengthLocked(Key);
    name = length <= 0xFFFC
               ? ExAllocatePoolWithTag(PagedPool, sizeof(*name) + length + sizeof(WCHAR), CMP_TAG)
               : NULL;
    if (name == NULL) {
        goto Unlock;
    }
    name->Buffer = (PWCH)(name + 1);
    name->Length = (USHORT)length;
    name->MaximumLength = (USHORT)(length + sizeof(WCHAR));
    CmpGetFullNameLocked(Key, name->Buffer);
    name->Buffer[length / sizeof(WCHAR)] = 0;
    *Name = name;
    status = STATUS_SUCCESS;

Unlock:
    CmpUnlock();
    return status;
}

static BOOLEAN
CmpIsCookie(const LARGE_INTEGER *Cookie)
{
    CMP_CALLBACK *callback = CmpPinCallback(Cookie);

    if (callback != NULL) {
        ObpUnpinFilter(&CmpCallbacks, &callback->Filter);
    }
    return callback != NULL;
}

#pragma GCC visibility push(default)

/*
 * CmRegisterCallbackEx - be called before and after every registry operation
 *
 * Altitude  a decimal number, with or without a fraction; higher ones are called first
 * Driver    not used
 * Cookie    for CmUnRegisterCallback
 *
 * Errors   STATUS_FLT_INSTANCE_ALTITUDE_COLLISION; STATUS_INSUFFICIENT_RESOURCES: no memory, or 64
 *          are registered; STATUS_INVALID_PARAMETER: Function, Altitude or Cookie missing
 * IRQL     <= APC_LEVEL. The routine is called at PASSIVE_LEVEL, in the thread that makes the call.
 * Differs  a close is told when it cannot be refused any more. Not told: names asked for with
 *          ObQueryNameString (RegNtPreQueryKeyName), and what ntbox itself does to service keys
 * Source   WDK reference, nf-wdm-cmregistercallbackex, nc-wdm-ex_callback_function
 */
NTSTATUS NTAPI
CmRegisterCallbackEx(PEX_CALLBACK_FUNCTION Function, PCUNICODE_STRING Altitude, PVOID Driver,
                     PVOID Context, PLARGE_INTEGER Cookie, PVOID Reserved)
{
    NT_ENTER(CmRegisterCallbackEx);
    return CmpRegister(Function, Altitude, FALSE, Context, Cookie, NT_CALLER());
}

/*
 * CmRegisterCallback - the same without an altitude: near the top of the stack, in the order of the
 *                      registrations. Source: WDK reference, nf-wdm-cmregistercallback
 */
NTSTATUS NTAPI
CmRegisterCallback(PEX_CALLBACK_FUNCTION Function, PVOID Context, PLARGE_INTEGER Cookie)
{
    NT_ENTER(CmRegisterCallback);
    static const UNICODE_STRING altitude = RTL_CONSTANT_STRING(L"425000");

    return CmpRegister(Function, &altitude, TRUE, Context, Cookie, NT_CALLER());
}

/*
 * CmUnRegisterCallback - returns when no call of the routine is in progress or will come
 *
 * The routine hears RegNtCallbackObjectContextCleanup for each context that it has set and that
 * still stands, in the calling thread.
 *
 * Errors   STATUS_INVALID_PARAMETER: no such cookie
 * IRQL     <= APC_LEVEL. From inside the routine's own call: bugcheck.
 * Source   WDK reference, nf-wdm-cmunregistercallback
 */
NTSTATUS NTAPI
CmUnRegisterCallback(LARGE_INTEGER Cookie)
{
    NT_ENTER(CmUnRegisterCallback);
    CMP_CALLBACK *callback;
    KIRQL irql;

    KeAcquireSpinLock(&CmpCallbacks.Lock, &irql);
    callback = CmpFindCallbackLocked(Cookie.QuadPart);
    KeReleaseSpinLock(&CmpCallbacks.Lock, irql);
    /* Two threads with one cookie are a defect of the driver; Windows does not survive it either.
     */
    return callback != NULL && CmpUnregister(callback, TRUE) ? STATUS_SUCCESS
                                                             : STATUS_INVALID_PARAMETER;
}

/* 1.1, as since Windows 7. Source: WDK reference, nf-wdm-cmgetcallbackversion */
VOID NTAPI
CmGetCallbackVersion(PULONG Major, PULONG Minor)
{
    NT_ENTER(CmGetCallbackVersion);
    if (Major != NULL) {
        *Major = 1;
    }
    if (Minor != NULL) {
        *Minor = 1;
    }
}

/*
 * CmSetCallbackObjectContext - a value that comes with every notification about this key object
 *
 * NewContext  NULL takes the association away, without a clean-up
 * OldContext  what it was, or NULL; that is the caller's again, without a clean-up
 *
 * Errors   STATUS_INVALID_PARAMETER: no such cookie, or Object is no key object;
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     <= APC_LEVEL
 * Source   WDK reference, nf-wdm-cmsetcallbackobjectcontext
 */
NTSTATUS NTAPI
CmSetCallbackObjectContext(PVOID Object, PLARGE_INTEGER Cookie, PVOID NewContext, PVOID *OldContext)
{
    NT_ENTER(CmSetCallbackObjectContext);
    CMP_CONTEXT *fresh = NULL;
    CMP_CONTEXT *unused;
    CMP_CALLBACK *callback;
    PVOID old = NULL;
    KIRQL irql;

    callback = CmpIsKeyObject(Object) ? CmpPinCallback(Cookie) : NULL;
    if (callback == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (NewContext != NULL) {
        fresh = ExpAllocatePool(NonPagedPoolNx, sizeof(*fresh), CMP_TAG_CALLBACK, NT_CALLER());
        if (fresh == NULL) {
            ObpUnpinFilter(&CmpCallbacks, &callback->Filter);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        *fresh = (CMP_CONTEXT){.Body = Object, .Callback = callback, .Value = NewContext};
    }
    KeAcquireSpinLock(&CmpContextLock, &irql);
    unused = CmpChangeContextLocked(Object, callback, fresh, &old);
    KeReleaseSpinLock(&CmpContextLock, irql);
    if (unused != NULL) {
        ExFreePoolWithTag(unused, CMP_TAG_CALLBACK);
    }
    if (OldContext != NULL) {
        *OldContext = old;
    }
    ObpUnpinFilter(&CmpCallbacks, &callback->Filter);
    return STATUS_SUCCESS;
}

/*
 * CmCallbackGetKeyObjectIDEx - which key a notification is about
 *
 * ObjectID    the same for every object of one key, whatever its name
 * ObjectName  the full name as it is now; given back with CmCallbackReleaseKeyObjectIDEx
 *
 * Errors   STATUS_INVALID_PARAMETER: cookie, object or Flags; STATUS_KEY_DELETED: it has no name
 *          any more; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     <= APC_LEVEL
 * Source   WDK reference, nf-wdm-cmcallbackgetkeyobjectidex
 */
NTSTATUS NTAPI
CmCallbackGetKeyObjectIDEx(PLARGE_INTEGER Cookie, PVOID Object, PULONG_PTR ObjectID,
                           PCUNICODE_STRING *ObjectName, ULONG Flags)
{
    NT_ENTER(CmCallbackGetKeyObjectIDEx);
    CMP_KEY_BODY *body = Object;
    PUNICODE_STRING name;
    NTSTATUS status;

    if (Flags != 0 || !CmpIsKeyObject(Object) || !CmpIsCookie(Cookie)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (ObjectName != NULL) {
        status = CmpAllocateFullName(body->Key, &name);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        *ObjectName = name;
    }
    if (ObjectID != NULL) {
        *ObjectID = (ULONG_PTR)body->Key;
    }
    return STATUS_SUCCESS;
}

VOID NTAPI
CmCallbackReleaseKeyObjectIDEx(PCUNICODE_STRING ObjectName)
{
    NT_ENTER(CmCallbackReleaseKeyObjectIDEx);
    ExFreePoolWithTag((PVOID)(ULONG_PTR)ObjectName, CMP_TAG);
}

/* The same; the name stays as it was at the first call, and goes with the key object. */
NTSTATUS NTAPI
CmCallbackGetKeyObjectID(PLARGE_INTEGER Cookie, PVOID Object, PULONG_PTR ObjectID,
                         PCUNICODE_STRING *ObjectName)
{
    NT_ENTER(CmCallbackGetKeyObjectID);
    CMP_KEY_BODY *body = Object;
    PUNICODE_STRING expected = NULL;
    PUNICODE_STRING name;
    NTSTATUS status;

    status = CmCallbackGetKeyObjectIDEx(Cookie, Object, ObjectID, NULL, 0);
    if (!NT_SUCCESS(status) || ObjectName == NULL) {
        return status;
    }
    name = __atomic_load_n(&body->Name, __ATOMIC_ACQUIRE);
    if (name == NULL) {
        status = CmpAllocateFullName(body->Key, &name);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        if (!__atomic_compare_exchange_n(&body->Name, &expected, name, FALSE, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE)) {
            ExFreePoolWithTag(name, CMP_TAG);
            name = expected;
        }
    }
    *ObjectName = name;
    return STATUS_SUCCESS;
}

/* NULL always: there are no registry transactions. */
PVOID NTAPI
CmGetBoundTransaction(PLARGE_INTEGER Cookie, PVOID Object)
{
    NT_ENTER(CmGetBoundTransaction);
    return NULL;
}

#pragma GCC visibility pop
