/* SPDX-License-Identifier: MIT
 *
 * ex/processor.c - who wants to hear of processors and of non-maskable interrupts
 *
 * No processor is ever added and no interrupt comes, so that only the registration, and the calls
 * for the processors that exist, are to be had.
 *
 * Source  WDK reference, wdm.h KeRegisterProcessorChangeCallback, KeRegisterNmiCallback
 */
#include "ex/ex.h"

#define EXP_TAG_PROCESSOR 0x72706345u /* 'Ecpr' */

typedef struct EXP_PROCESSOR_CALLBACK {
    EXP_REGISTRATION Registration;
} EXP_PROCESSOR_CALLBACK;

static const char ExpProcessorKind[] = "processor change callback";
static const char ExpNmiKind[] = "NMI callback";

static VOID
ExpDropProcessorCallback(EXP_REGISTRATION *Registration)
{
    ExFreePoolWithTag(CONTAINING_RECORD(Registration, EXP_PROCESSOR_CALLBACK, Registration),
                      EXP_TAG_PROCESSOR);
}

/* NULL: no memory. */
static EXP_PROCESSOR_CALLBACK *
ExpKeepProcessorCallback(const char *Kind, ULONG_PTR Owner)
{
    EXP_PROCESSOR_CALLBACK *callback =
        ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*callback), EXP_TAG_PROCESSOR);

    if (callback != NULL) {
        ExpInsertRegistration(&callback->Registration, Kind, Owner, ExpDropProcessorCallback);
    }
    return callback;
}

static BOOLEAN
ExpForgetProcessorCallback(EXP_PROCESSOR_CALLBACK *Callback, const char *Kind)
{
    if (Callback == NULL || !ExpTakeRegistration(&Callback->Registration, Kind)) {
        return FALSE;
    }
    ExFreePoolWithTag(Callback, EXP_TAG_PROCESSOR);
    return TRUE;
}

/*
 * One round of calls for the processors [0, Count). Returns how many took it: when the routine
 * reports an error, those before that processor.
 */
static ULONG
ExpTellProcessors(PPROCESSOR_CALLBACK_FUNCTION Function, PVOID Context, ULONG Count,
                  KE_PROCESSOR_CHANGE_NOTIFY_STATE State, NTSTATUS *Status)
{
    NTSTATUS failure = *Status;

    for (ULONG i = 0; i < Count; ++i) {
        KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT change = {
            .State = State, .NtNumber = i, .Status = failure, .ProcNumber = {.Number = (UCHAR)i}};
        Function(Context, &change, Status);
        if (State == KeProcessorAddStartNotify && !NT_SUCCESS(*Status)) {
            return i;
        }
    }
    return Count;
}

#pragma GCC visibility push(default)

/*
 * KeRegisterProcessorChangeCallback - be told when a processor is added
 *
 * Flags    KE_PROCESSOR_CHANGE_ADD_EXISTING: be told at once, twice, of each that there is; when a
 *          first call reports an error, those called before it are told of the failure instead
 *
 * Returns  a handle; NULL: no memory, a flag that is not known
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-keregisterprocessorchangecallback
 */
PVOID NTAPI
KeRegisterProcessorChangeCallback(PPROCESSOR_CALLBACK_FUNCTION CallbackFunction,
                                  PVOID CallbackContext, ULONG Flags)
{
    NT_ENTER(KeRegisterProcessorChangeCallback);
    ULONG count = KiProcessorCount();
    NTSTATUS status = STATUS_SUCCESS;
    EXP_PROCESSOR_CALLBACK *callback;

    if (CallbackFunction == NULL || (Flags & ~(ULONG)KE_PROCESSOR_CHANGE_ADD_EXISTING) != 0) {
        return NULL;
    }
    callback = ExpKeepProcessorCallback(ExpProcessorKind, (ULONG_PTR)CallbackFunction);
    if (callback != NULL && (Flags & KE_PROCESSOR_CHANGE_ADD_EXISTING)) {
        count = ExpTellProcessors(CallbackFunction, CallbackContext, count,
                                  KeProcessorAddStartNotify, &status);
        ExpTellProcessors(CallbackFunction, CallbackContext, count,
                          NT_SUCCESS(status) ? KeProcessorAddCompleteNotify
                                             : KeProcessorAddFailureNotify,
                          &status);
    }
    return callback;
}

/* Not registered: a bugcheck that says so. Source: nf-wdm-kederegisterprocessorchangecallback */
VOID NTAPI
KeDeregisterProcessorChangeCallback(PVOID CallbackHandle)
{
    NT_ENTER(KeDeregisterProcessorChangeCallback);
    if (!ExpForgetProcessorCallback(CallbackHandle, ExpProcessorKind)) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)CallbackHandle, 0, 0, NT_CALLER(),
                         "KeDeregisterProcessorChangeCallback: the handle is not registered");
    }
}

/* Never called; NULL: no memory. <= APC_LEVEL. Source: WDK reference, nf-wdm-keregisternmicallback
 */
PVOID NTAPI
KeRegisterNmiCallback(PNMI_CALLBACK CallbackRoutine, PVOID Context)
{
    NT_ENTER(KeRegisterNmiCallback);
    return CallbackRoutine == NULL
               ? NULL
               : ExpKeepProcessorCallback(ExpNmiKind, (ULONG_PTR)CallbackRoutine);
}

/* STATUS_INVALID_HANDLE: not registered. <= APC_LEVEL. Source: nf-wdm-kederegisternmicallback */
NTSTATUS NTAPI
KeDeregisterNmiCallback(PVOID Handle)
{
    NT_ENTER(KeDeregisterNmiCallback);
    return ExpForgetProcessorCallback(Handle, ExpNmiKind) ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

#pragma GCC visibility pop
