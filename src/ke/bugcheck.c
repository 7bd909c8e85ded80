/* SPDX-License-Identifier: MIT
 *
 * ke/bugcheck.c - the end: bugchecks and their callbacks
 *
 * The first thread to bugcheck writes the report, calls the drivers' callbacks and ends the
 * process; others that come meanwhile wait. A bugcheck within the report or a callback ends the
 * process at once.
 *
 * Locks   KiBugCheckListLock (rank 80) guards the lists while the system runs; the walk takes none
 * Source  WDK reference, wdm.h KeBugCheckEx, KeRegisterBugCheckCallback,
 *         KeRegisterBugCheckReasonCallback
 */
#include <stdarg.h>
#include "ke/ki.h"

#define KI_DETAIL_SIZE 3000
#define KI_SECONDARY_DATA_SIZE 4096
#define KI_FRAMES_TO_CALLER 3

ULONG KiBugCheckCode;
ULONG_PTR KiBugCheckParameters[4];
ULONG_PTR KiBugCheckData[5];
KIRQL KiBugCheckIrql;

static KI_BUGCHECK_REPORT *KiBugCheckReport; /* atomic */
static uint32_t KiBugCheckThreadId;          /* atomic: who bugchecked first, 0: no one */
static char KiBugCheckText[KI_DETAIL_SIZE];
static KSPIN_LOCK KiBugCheckListLock;
static LIST_ENTRY KiBugCheckCallbacks = {&KiBugCheckCallbacks, &KiBugCheckCallbacks};
static LIST_ENTRY KiBugCheckReasonCallbacks = {&KiBugCheckReasonCallbacks,
                                               &KiBugCheckReasonCallbacks};
static UCHAR KiSecondaryData[KI_SECONDARY_DATA_SIZE];

VOID
KiRegisterBugCheckReport(KI_BUGCHECK_REPORT *Report)
{
    __atomic_store_n(&KiBugCheckReport, Report, __ATOMIC_RELEASE);
}

VOID
KiResetBugCheck(VOID)
{
    __atomic_store_n(&KiBugCheckThreadId, 0, __ATOMIC_SEQ_CST);
    KiBugCheckCode = 0;
    KiBugCheckListLock = 0;
    memset(KiBugCheckParameters, 0, sizeof(KiBugCheckParameters));
    InitializeListHead(&KiBugCheckCallbacks);
    InitializeListHead(&KiBugCheckReasonCallbacks);
}

static VOID
KiWritePlainReport(VOID)
{
    char text[KI_DETAIL_SIZE + 160];
    int length = __builtin_snprintf(
        text, sizeof(text), "*** STOP: 0x%08X (0x%016llX, 0x%016llX, 0x%016llX, 0x%016llX)\n%s%s",
        (unsigned)KiBugCheckCode, (unsigned long long)KiBugCheckParameters[0],
        (unsigned long long)KiBugCheckParameters[1], (unsigned long long)KiBugCheckParameters[2],
        (unsigned long long)KiBugCheckParameters[3], KiBugCheckText,
        KiBugCheckText[0] != '\0' ? "\n" : "");

    HalpWriteLog(text, (size_t)length);
}

static VOID
KiCallBugCheckCallbacks(VOID)
{
    for (PLIST_ENTRY link = KiBugCheckCallbacks.Flink; link != &KiBugCheckCallbacks;
         link = link->Flink) {
        PKBUGCHECK_CALLBACK_RECORD record =
            CONTAINING_RECORD(link, KBUGCHECK_CALLBACK_RECORD, Entry);
        record->State = BufferStarted;
        record->CallbackRoutine(record->Buffer, record->Length);
        record->State = BufferFinished;
    }
}

static VOID
KiCallReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD Record)
{
    KBUGCHECK_SECONDARY_DUMP_DATA secondary = {0};
    KBUGCHECK_DUMP_IO io = {0};

    Record->State = BufferStarted;
    switch (Record->Reason) {
    case KbCallbackSecondaryDumpData:
        secondary.InBuffer = KiSecondaryData;
        secondary.InBufferLength = sizeof(KiSecondaryData);
        secondary.MaximumAllowed = sizeof(KiSecondaryData);
        Record->CallbackRoutine(Record->Reason, Record, &secondary, sizeof(secondary));
        break;
    case KbCallbackDumpIo:
        io.Type = KbDumpIoComplete;
        Record->CallbackRoutine(Record->Reason, Record, &io, sizeof(io));
        break;
    default:
        break;
    }
    Record->State = BufferFinished;
}

static VOID
KiCallReasonCallbacks(VOID)
{
    for (PLIST_ENTRY link = KiBugCheckReasonCallbacks.Flink; link != &KiBugCheckReasonCallbacks;
         link = link->Flink) {
        KiCallReasonCallback(CONTAINING_RECORD(link, KBUGCHECK_REASON_CALLBACK_RECORD, Entry));
    }
}

/* Returns on the first thread; on others never, on the same one again it ends the process. */
static VOID
KiClaimBugCheck(VOID)
{
    static const uint32_t forever = 0;
    uint32_t self = HalpCurrentThreadId();
    uint32_t first = 0;

    if (__atomic_compare_exchange_n(&KiBugCheckThreadId, &first, self, FALSE, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST)) {
        return;
    }
    if (first == self) {
        static const char text[] = "*** a second bugcheck while the first was being reported\n";
        HalpWriteLog(text, sizeof(text) - 1);
        HalpAbort();
    }
    for (;;) {
        HalpWaitAddress(&forever, 0, HALP_NEVER);
    }
}

static DECLSPEC_NORETURN VOID
KiBugCheckNow(ULONG Code, const ULONG_PTR Parameters[4])
{
    KI_BUGCHECK_REPORT *report = __atomic_load_n(&KiBugCheckReport, __ATOMIC_ACQUIRE);
    KTHREAD *thread = KiCurrentThreadPointer;

    KiBugCheckCode = Code;
    memcpy(KiBugCheckParameters, Parameters, sizeof(KiBugCheckParameters));
    KiBugCheckData[0] = Code;
    memcpy(&KiBugCheckData[1], Parameters, sizeof(KiBugCheckParameters));
    KiBugCheckIrql = thread != NULL ? thread->Irql : PASSIVE_LEVEL;
    if (report != NULL) {
        report(Code, Parameters, KiBugCheckText);
    } else {
        KiWritePlainReport();
    }
    if (thread != NULL) {
        thread->Irql = HIGH_LEVEL;
    }
    KiCallBugCheckCallbacks();
    KiCallReasonCallbacks();
    HalpAbort();
}

VOID
KiBugCheckDetail(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                 const char *Detail, ...)
{
    ULONG_PTR parameters[4] = {P1, P2, P3, P4};
    va_list arguments;

    KiClaimBugCheck();
    va_start(arguments, Detail);
    __builtin_vsnprintf(KiBugCheckText, sizeof(KiBugCheckText), Detail, arguments);
    va_end(arguments);
    KiBugCheckNow(Code, parameters);
}

VOID
KiUnimplementedExport(const char *Name)
{
    KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)Name, 0, 0, NT_CALLER(),
                     "%s is not implemented by ntbox", Name);
}

VOID
KiAssertFailed(const char *Condition, const char *File, int Line)
{
    KiBugCheckDetail(MANUALLY_INITIATED_CRASH, (ULONG_PTR)Condition, (ULONG_PTR)File,
                     (ULONG_PTR)Line, 0, "A defect of ntbox itself: %s is false at %s:%d",
                     Condition, File, Line);
}

VOID
KiDriverAssertFailed(const char *Assertion, const char *File, ULONG Line)
{
    KiBugCheckDetail(KMODE_EXCEPTION_NOT_HANDLED, (ULONG)STATUS_ASSERTION_FAILURE, (ULONG_PTR)File,
                     Line, (ULONG_PTR)Assertion, "A driver's assertion failed: %s at %s:%u",
                     Assertion, File, (unsigned)Line);
}

/* The first caller on the stack that is no part of this function's and its caller's. */
static __attribute__((noinline)) ULONG_PTR
KiOuterCaller(VOID)
{
    uintptr_t frames[1] = {0};

    /* This function, KiIrqlTooHigh, and the routine that was called. */
    return HalpCaptureStack(KI_FRAMES_TO_CALLER, frames, 1) == 1 ? frames[0] : 0;
}

VOID
KiIrqlTooHigh(const char *Function, KIRQL Limit)
{
    KIRQL irql = KiCurrentIrql();
    char where[300];

    /* The return address of this is in the routine itself; its caller's is one frame up. */
    KiNameCaller(KiOuterCaller(), where, sizeof(where));
    KiBugCheckDetail(IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Function, irql, Limit, NT_CALLER(),
                     "%s was called at IRQL %u; its maximum is %u; called in %s", Function, irql,
                     Limit, where);
}

static KIRQL
KiLockBugCheckLists(VOID)
{
    KIRQL old = KiRaiseIrql(HIGH_LEVEL);
    KiAcquireLockWord(&KiBugCheckListLock, KiGetCurrentThread());
    return old;
}

static VOID
KiUnlockBugCheckLists(KIRQL OldIrql)
{
    KiReleaseLockWord(&KiBugCheckListLock, KiGetCurrentThread());
    KiLowerIrql(OldIrql);
}

static BOOLEAN
KiInsertRecord(PLIST_ENTRY List, PLIST_ENTRY Entry, PUCHAR State)
{
    KIRQL irql = KiLockBugCheckLists();
    BOOLEAN inserted = *State == BufferEmpty;

    if (inserted) {
        *State = BufferInserted;
        InsertTailList(List, Entry);
    }
    KiUnlockBugCheckLists(irql);
    return inserted;
}

static BOOLEAN
KiRemoveRecord(PLIST_ENTRY Entry, PUCHAR State)
{
    KIRQL irql = KiLockBugCheckLists();
    BOOLEAN removed = *State == BufferInserted;

    if (removed) {
        *State = BufferEmpty;
        RemoveEntryList(Entry);
    }
    KiUnlockBugCheckLists(irql);
    return removed;
}

#pragma GCC visibility push(default)

/* Ends the system with this code. Any IRQL. */
VOID NTAPI
KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
             ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4)
{
    ULONG_PTR parameters[4] = {BugCheckParameter1, BugCheckParameter2, BugCheckParameter3,
                               BugCheckParameter4};

    KiClaimBugCheck();
    KiBugCheckText[0] = '\0';
    KiBugCheckNow(BugCheckCode, parameters);
}

VOID NTAPI
KeBugCheck(ULONG BugCheckCode)
{
    KeBugCheckEx(BugCheckCode, 0, 0, 0, 0);
}

/*
 * KeRegisterBugCheckCallback - have CallbackRoutine called, at HIGH_LEVEL, in a bugcheck
 *
 * CallbackRecord  initialised by KeInitializeCallbackRecord; stays until deregistered
 *
 * Returns  FALSE if the record is registered already
 */
BOOLEAN NTAPI
KeRegisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord,
                           PKBUGCHECK_CALLBACK_ROUTINE CallbackRoutine, PVOID Buffer, ULONG Length,
                           PUCHAR Component)
{
    if (CallbackRecord->State != BufferEmpty) {
        return FALSE;
    }
    CallbackRecord->CallbackRoutine = CallbackRoutine;
    CallbackRecord->Buffer = Buffer;
    CallbackRecord->Length = Length;
    CallbackRecord->Component = Component;
    CallbackRecord->Checksum =
        (ULONG_PTR)CallbackRoutine + (ULONG_PTR)Buffer + Length + (ULONG_PTR)Component;
    return KiInsertRecord(&KiBugCheckCallbacks, &CallbackRecord->Entry, &CallbackRecord->State);
}

BOOLEAN NTAPI
KeDeregisterBugCheckCallback(PKBUGCHECK_CALLBACK_RECORD CallbackRecord)
{
    return KiRemoveRecord(&CallbackRecord->Entry, &CallbackRecord->State);
}

/*
 * KeRegisterBugCheckReasonCallback - the same for a dump's secondary data and its progress
 *
 * Errors   a reason other than these two is a bugcheck that names it: ntbox writes no dump
 */
BOOLEAN NTAPI
KeRegisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord,
                                 PKBUGCHECK_REASON_CALLBACK_ROUTINE CallbackRoutine,
                                 KBUGCHECK_CALLBACK_REASON Reason, PUCHAR Component)
{
    if (Reason != KbCallbackSecondaryDumpData && Reason != KbCallbackDumpIo) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)Reason, 0, 0, NT_CALLER(),
                         "KeRegisterBugCheckReasonCallback: reason %d is not implemented by ntbox",
                         (int)Reason);
    }
    if (CallbackRecord->State != BufferEmpty) {
        return FALSE;
    }
    CallbackRecord->CallbackRoutine = CallbackRoutine;
    CallbackRecord->Reason = Reason;
    CallbackRecord->Component = Component;
    CallbackRecord->Checksum =
        (ULONG_PTR)CallbackRoutine + (ULONG_PTR)Reason + (ULONG_PTR)Component;
    return KiInsertRecord(&KiBugCheckReasonCallbacks, &CallbackRecord->Entry,
                          &CallbackRecord->State);
}

BOOLEAN NTAPI
KeDeregisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord)
{
    return KiRemoveRecord(&CallbackRecord->Entry, &CallbackRecord->State);
}

#pragma GCC visibility pop
