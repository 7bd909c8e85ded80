/* SPDX-License-Identifier: MIT
 *
 * ex/etw.c - event tracing: providers register, and nobody ever listens
 *
 * There are no trace sessions. A provider is therefore never enabled, its enable callback is never
 * called, and an event that is written has been delivered to all who wanted it: none.
 *
 * Invariants  E1  ExpTraceHandles[n] is the handle of the provider in slot n, or 0. A handle's low
 *                 bits name its slot; the rest is different for each registration.
 * Locks       ExpTraceLock (spin) guards the slots; a handle is checked without it, at any IRQL.
 * Source      WDK reference, wdm.h EtwRegister and its neighbours, WmiTraceMessage,
 *             WmiQueryTraceInformation
 */
#include "ex/ex.h"

#define EXP_TRACE_SLOT_BITS 10
#define EXP_TRACE_SLOTS (1u << EXP_TRACE_SLOT_BITS)
#define EXP_TAG_TRACE 0x77744545u /* 'EEtw' */

typedef struct EXP_TRACE_PROVIDER {
    EXP_REGISTRATION Registration;
    REGHANDLE Handle;
    BOOLEAN HasTraits; /* atomic */
} EXP_TRACE_PROVIDER;

static const char ExpTraceKind[] = "registered ETW provider";

static EXP_DROP_REGISTRATION ExpDropTraceProvider;
static KSPIN_LOCK ExpTraceLock;
static REGHANDLE ExpTraceHandles[EXP_TRACE_SLOTS];
static EXP_TRACE_PROVIDER *ExpTraceProviders[EXP_TRACE_SLOTS] NT_GUARDED_BY(ExpTraceLock);
static ULONG64 ExpTraceSequence NT_GUARDED_BY(ExpTraceLock);

static BOOLEAN
ExpIsTraceHandle(REGHANDLE Handle)
{
    return Handle != 0 &&
           __atomic_load_n(&ExpTraceHandles[Handle % EXP_TRACE_SLOTS], __ATOMIC_ACQUIRE) == Handle;
}

/* Gives the provider a slot and a handle; FALSE when all are taken. */
static BOOLEAN
ExpAssignTraceSlot(EXP_TRACE_PROVIDER *Provider, ULONG_PTR Owner)
{
    BOOLEAN found = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&ExpTraceLock, &irql);
    for (ULONG slot = 0; slot < EXP_TRACE_SLOTS && !found; ++slot) {
        if (ExpTraceProviders[slot] == NULL) {
            Provider->Handle = (++ExpTraceSequence << EXP_TRACE_SLOT_BITS) | slot;
            ExpTraceProviders[slot] = Provider;
            __atomic_store_n(&ExpTraceHandles[slot], Provider->Handle, __ATOMIC_RELEASE);
            ExpInsertRegistration(&Provider->Registration, ExpTraceKind, Owner,
                                  ExpDropTraceProvider);
            found = TRUE;
        }
    }
    KeReleaseSpinLock(&ExpTraceLock, irql);
    return found;
}

/* Lock held. */
static VOID
ExpClearTraceSlot(ULONG Slot)
{
    ExpTraceProviders[Slot] = NULL;
    __atomic_store_n(&ExpTraceHandles[Slot], 0, __ATOMIC_RELEASE);
}

/* Takes the provider out of its slot; NULL if the handle is not valid, or the audit drops it. */
static EXP_TRACE_PROVIDER *
ExpTakeTraceProvider(REGHANDLE Handle)
{
    ULONG slot = (ULONG)(Handle % EXP_TRACE_SLOTS);
    EXP_TRACE_PROVIDER *provider = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&ExpTraceLock, &irql);
    if (ExpIsTraceHandle(Handle) &&
        ExpTakeRegistration(&ExpTraceProviders[slot]->Registration, ExpTraceKind)) {
        provider = ExpTraceProviders[slot];
        ExpClearTraceSlot(slot);
    }
    KeReleaseSpinLock(&ExpTraceLock, irql);
    return provider;
}

static VOID
ExpDropTraceProvider(EXP_REGISTRATION *Registration)
{
    EXP_TRACE_PROVIDER *provider =
        CONTAINING_RECORD(Registration, EXP_TRACE_PROVIDER, Registration);
    KIRQL irql;

    KeAcquireSpinLock(&ExpTraceLock, &irql);
    ExpClearTraceSlot((ULONG)(provider->Handle % EXP_TRACE_SLOTS));
    KeReleaseSpinLock(&ExpTraceLock, irql);
    ExFreePoolWithTag(provider, EXP_TAG_TRACE);
}

/* What every write checks; the event itself has no reader. */
static NTSTATUS
ExpCheckTraceWrite(REGHANDLE Handle, const VOID *Event, ULONG Count, const VOID *Data)
{
    if (!ExpIsTraceHandle(Handle)) {
        return STATUS_INVALID_HANDLE;
    }
    if (Event == NULL || Count > MAX_EVENT_DATA_DESCRIPTORS || (Count != 0 && Data == NULL)) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* The first word of provider traits is their size. */
static NTSTATUS
ExpSetTraceTraits(REGHANDLE Handle, const VOID *Traits, ULONG Length)
{
    EXP_TRACE_PROVIDER *provider;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    KIRQL irql;

    if (Traits == NULL || Length < sizeof(USHORT) + 1 || *(const USHORT *)Traits != Length) {
        return status;
    }
    KeAcquireSpinLock(&ExpTraceLock, &irql);
    provider = ExpTraceProviders[Handle % EXP_TRACE_SLOTS];
    if (provider != NULL && provider->Handle == Handle && !provider->HasTraits) {
        provider->HasTraits = TRUE;
        status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&ExpTraceLock, irql);
    return status;
}

#pragma GCC visibility push(default)

/*
 * EtwRegister - a trace provider
 *
 * EnableCallback  kept for nobody: no session enables the provider
 *
 * Errors   STATUS_INVALID_PARAMETER (no GUID, nowhere to put the handle), STATUS_NO_MEMORY (also
 *          for more than 1024 providers)
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-etwregister
 */
NTSTATUS NTAPI
EtwRegister(LPCGUID ProviderId, PETWENABLECALLBACK EnableCallback, PVOID CallbackContext,
            PREGHANDLE RegHandle)
{
    NT_ENTER(EtwRegister);
    EXP_TRACE_PROVIDER *provider;

    if (ProviderId == NULL || RegHandle == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    provider = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*provider), EXP_TAG_TRACE);
    if (provider == NULL) {
        return STATUS_NO_MEMORY;
    }
    RtlZeroMemory(provider, sizeof(*provider));
    if (!ExpAssignTraceSlot(provider, NT_CALLER())) {
        ExFreePoolWithTag(provider, EXP_TAG_TRACE);
        return STATUS_NO_MEMORY;
    }
    *RegHandle = provider->Handle;
    return STATUS_SUCCESS;
}

/* STATUS_INVALID_HANDLE: not registered, or not any more. PASSIVE_LEVEL. nf-wdm-etwunregister */
NTSTATUS NTAPI
EtwUnregister(REGHANDLE RegHandle)
{
    NT_ENTER(EtwUnregister);
    EXP_TRACE_PROVIDER *provider;

    provider = ExpTakeTraceProvider(RegHandle);
    if (provider == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    ExFreePoolWithTag(provider, EXP_TAG_TRACE);
    return STATUS_SUCCESS;
}

/* FALSE: no session has enabled it. Any IRQL. Source: nf-wdm-etwproviderenabled */
BOOLEAN NTAPI
EtwProviderEnabled(REGHANDLE RegHandle, UCHAR Level, ULONGLONG Keyword)
{
    return FALSE;
}

/* FALSE: no session has enabled its provider. Any IRQL. Source: nf-wdm-etweventenabled */
BOOLEAN NTAPI
EtwEventEnabled(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor)
{
    return FALSE;
}

/*
 * EtwWrite - an event; without a session it is not logged
 *
 * Errors   STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER (more than 128 descriptors)
 * IRQL     any
 * Source   WDK reference, nf-wdm-etwwrite
 */
NTSTATUS NTAPI
EtwWrite(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor, LPCGUID ActivityId,
         ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData)
{
    return ExpCheckTraceWrite(RegHandle, EventDescriptor, UserDataCount, UserData);
}

/* The same with two activities. Source: WDK reference, nf-wdm-etwwritetransfer */
NTSTATUS NTAPI
EtwWriteTransfer(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor, LPCGUID ActivityId,
                 LPCGUID RelatedActivityId, ULONG UserDataCount, PEVENT_DATA_DESCRIPTOR UserData)
{
    return ExpCheckTraceWrite(RegHandle, EventDescriptor, UserDataCount, UserData);
}

/* The same for some sessions only. Flags that are not known: STATUS_INVALID_PARAMETER. */
NTSTATUS NTAPI
EtwWriteEx(REGHANDLE RegHandle, PCEVENT_DESCRIPTOR EventDescriptor, ULONG64 Filter, ULONG Flags,
           LPCGUID ActivityId, LPCGUID RelatedActivityId, ULONG UserDataCount,
           PEVENT_DATA_DESCRIPTOR UserData)
{
    NTSTATUS status = ExpCheckTraceWrite(RegHandle, EventDescriptor, UserDataCount, UserData);

    if (NT_SUCCESS(status) && (Flags & ~(ULONG)EVENT_WRITE_FLAG_NO_FAULTING) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    return status;
}

/* An event that is a text. Source: WDK reference, nf-wdm-etwwritestring */
NTSTATUS NTAPI
EtwWriteString(REGHANDLE RegHandle, UCHAR Level, ULONGLONG Keyword, LPCGUID ActivityId,
               PCWSTR String)
{
    return ExpCheckTraceWrite(RegHandle, String, 0, NULL);
}

/*
 * EtwSetInformation - what a provider tells about itself
 *
 * EventProviderSetTraits          once; the blob begins with its own length
 * EventProviderUseDescriptorType  a BOOLEAN
 *
 * Errors   STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_INVALID_DEVICE_REQUEST (another
 *          class)
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-etwsetinformation; SDK, EVENT_INFO_CLASS
 */
NTSTATUS NTAPI
EtwSetInformation(REGHANDLE RegHandle, EVENT_INFO_CLASS InformationClass, PVOID EventInformation,
                  ULONG InformationLength)
{
    NT_ENTER(EtwSetInformation);
    if (!ExpIsTraceHandle(RegHandle)) {
        return STATUS_INVALID_HANDLE;
    }
    switch (InformationClass) {
    case EventProviderSetTraits:
        return ExpSetTraceTraits(RegHandle, EventInformation, InformationLength);
    case EventProviderUseDescriptorType:
        return EventInformation != NULL && InformationLength == sizeof(BOOLEAN)
                   ? STATUS_SUCCESS
                   : STATUS_INVALID_PARAMETER;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

/*
 * EtwActivityIdControl - the thread's activity identifier
 *
 * Errors   STATUS_INVALID_PARAMETER: no such control code
 * IRQL     < DISPATCH_LEVEL; EVENT_ACTIVITY_CTRL_CREATE_ID: any
 * Source   WDK reference, nf-wdm-etwactivityidcontrol
 */
NTSTATUS NTAPI
EtwActivityIdControl(ULONG ControlCode, LPGUID ActivityId)
{
    GUID *current = &KiGetCurrentThread()->ActivityId;
    GUID before = *current;

    if (ControlCode != EVENT_ACTIVITY_CTRL_CREATE_ID) {
        NT_IRQL_MAX(APC_LEVEL);
    }
    if (ActivityId == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (ControlCode == EVENT_ACTIVITY_CTRL_CREATE_ID) {
        HalpRandom(ActivityId, sizeof(*ActivityId));
        return STATUS_SUCCESS;
    }
    switch (ControlCode) {
    case EVENT_ACTIVITY_CTRL_GET_ID:
        break;
    case EVENT_ACTIVITY_CTRL_SET_ID:
        *current = *ActivityId;
        return STATUS_SUCCESS;
    case EVENT_ACTIVITY_CTRL_GET_SET_ID:
        *current = *ActivityId;
        break;
    case EVENT_ACTIVITY_CTRL_CREATE_SET_ID:
        HalpRandom(current, sizeof(*current));
        break;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    *ActivityId = before;
    return STATUS_SUCCESS;
}

/* ---- WPP: there is no session to log to, so no handle is one ---- */

/* STATUS_INVALID_HANDLE. Any IRQL. Source: WDK reference, nf-wdm-wmitracemessage */
NTSTATUS
WmiTraceMessage(TRACEHANDLE LoggerHandle, ULONG MessageFlags, LPGUID MessageGuid,
                USHORT MessageNumber, ...)
{
    return STATUS_INVALID_HANDLE;
}

/* STATUS_INVALID_HANDLE. Any IRQL. Source: WDK reference, nf-wdm-wmitracemessageva */
NTSTATUS NTAPI
WmiTraceMessageVa(TRACEHANDLE LoggerHandle, ULONG MessageFlags, LPCGUID MessageGuid,
                  USHORT MessageNumber, __builtin_va_list MessageArgList)
{
    return STATUS_INVALID_HANDLE;
}

/*
 * WmiQueryTraceInformation - asks about a trace session
 *
 * Returns  for a class that exists what Windows says when no session runs: STATUS_NOT_FOUND (the
 *          global logger), STATUS_INVALID_PARAMETER (by name), STATUS_SUCCESS and no handles (all),
 *          STATUS_INVALID_HANDLE (by handle or number)
 * Errors   STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER_MIX (no input),
 *          STATUS_INVALID_INFO_CLASS
 * IRQL     any
 * Source   WDK reference, nf-wdm-wmiquerytraceinformation
 */
NTSTATUS NTAPI
WmiQueryTraceInformation(TRACE_INFORMATION_CLASS TraceInformationClass, PVOID TraceInformation,
                         ULONG TraceInformationLength, PULONG RequiredLength, PVOID Buffer)
{
    ULONG required = sizeof(TRACEHANDLE);

    switch (TraceInformationClass) {
    case AllLoggerHandlesClass:
        if (RequiredLength != NULL) {
            *RequiredLength = 0;
        }
        return STATUS_SUCCESS;
    case TraceIdClass:
    case TraceEnableFlagsClass:
    case TraceEnableLevelClass:
        required = sizeof(ULONG);
        break;
    case TraceHandleClass:
    case GlobalLoggerHandleClass:
    case TraceHandleByNameClass:
        break;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
    if (RequiredLength != NULL) {
        *RequiredLength = required;
    }
    if (TraceInformationLength < required ||
        (required != sizeof(ULONG) && TraceInformationLength != required)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (TraceInformationClass == GlobalLoggerHandleClass) {
        return STATUS_NOT_FOUND;
    }
    if (Buffer == NULL) {
        return STATUS_INVALID_PARAMETER_MIX;
    }
    return TraceInformationClass == TraceHandleByNameClass ? STATUS_INVALID_PARAMETER
                                                           : STATUS_INVALID_HANDLE;
}

#pragma GCC visibility pop
