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
#define KI_SECONDARY_DATA_SIZE 65536
#define KI_REASON_CALLS 4096 /* of one routine: it never ends, otherwise */
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
/* What callbacks leave here stays, for who reads the core file: each gets what is free of it. */
static UCHAR KiSecondaryData[KI_SECONDARY_DATA_SIZE];
static ULONG KiSecondaryDataUsed;

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
    KiSecondaryDataUsed = 0;
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
KiCallReason(PKBUGCHECK_REASON_CALLBACK_RECORD Record, PVOID Data, ULONG Length)
{
    Record->CallbackRoutine(Record->Reason, Record, Data, Length);
}

/* All routines of a reason in turn. */
static VOID
KiCallReasonCallbacks(KBUGCHECK_CALLBACK_REASON Reason,
                      VOID (*Call)(PKBUGCHECK_REASON_CALLBACK_RECORD))
{
    for (PLIST_ENTRY link = KiBugCheckReasonCallbacks.Flink; link != &KiBugCheckReasonCallbacks;
         link = link->Flink) {
        PKBUGCHECK_REASON_CALLBACK_RECORD record =
            CONTAINING_RECORD(link, KBUGCHECK_REASON_CALLBACK_RECORD, Entry);

        if (record->Reason == Reason) {
            record->State = BufferStarted;
            Call(record);
            record->State = BufferFinished;
        }
    }
}

/* The dump is the core file that the host writes: it has all pages of the process. */
static VOID
KiCallPages(PKBUGCHECK_REASON_CALLBACK_RECORD Record)
{
    KBUGCHECK_ADD_PAGES pages = {.BugCheckCode = KiBugCheckCode};

    C_ASSERT(sizeof(KBUGCHECK_REMOVE_PAGES) == sizeof(KBUGCHECK_ADD_PAGES));
    for (ULONG calls = 0; calls < KI_REASON_CALLS; calls++) {
        pages.Flags = 0;
        pages.Address = 0;
        pages.Count = 0;
        KiCallReason(Record, &pages, sizeof(pages));
        if ((pages.Flags & KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST) == 0) {
            return;
        }
    }
}

static KBUGCHECK_DUMP_IO KiDumpIo;

static VOID
KiCallDumpIo(PKBUGCHECK_REASON_CALLBACK_RECORD Record)
{
    KBUGCHECK_DUMP_IO io = KiDumpIo;

    KiCallReason(Record, &io, sizeof(io));
}

static VOID
KiTellDumpIo(KBUGCHECK_DUMP_IO_TYPE Type, PVOID Buffer, ULONG Length)
{
    KiDumpIo.Offset = (ULONG64)-1;
    KiDumpIo.Buffer = Buffer;
    KiDumpIo.BufferLength = Length;
    KiDumpIo.Type = Type;
    KiCallReasonCallbacks(KbCallbackDumpIo, KiCallDumpIo);
}

/* What a routine gave: kept if it is in the buffer lent, or in memory of its own. */
static VOID
KiKeepSecondaryData(PVOID Buffer, ULONG Length)
{
    ULONG rest = KI_SECONDARY_DATA_SIZE - KiSecondaryDataUsed;

    if (Buffer == NULL || Length == 0) {
        return;
    }
    if (Buffer == &KiSecondaryData[KiSecondaryDataUsed]) {
        Length = Length < rest ? Length : rest;
        KiSecondaryDataUsed += Length;
    }
    KiTellDumpIo(KbDumpIoSecondaryData, Buffer, Length);
}

static VOID
KiCallSecondary(PKBUGCHECK_REASON_CALLBACK_RECORD Record)
{
    ULONG rest = KI_SECONDARY_DATA_SIZE - KiSecondaryDataUsed;
    KBUGCHECK_SECONDARY_DUMP_DATA data = {.InBuffer = &KiSecondaryData[KiSecondaryDataUsed],
                                          .InBufferLength = rest,
                                          .MaximumAllowed = rest};

    KiCallReason(Record, &data, sizeof(data));
    KiKeepSecondaryData(data.OutBuffer, data.OutBufferLength);
}

static VOID
KiCallMultiPart(PKBUGCHECK_REASON_CALLBACK_RECORD Record)
{
    KBUGCHECK_SECONDARY_DUMP_DATA_EX data = {.DumpType = DUMP_TYPE_FULL,
                                             .BugCheckCode = KiBugCheckCode,
                                             .BugCheckParameter1 = KiBugCheckParameters[0],
                                             .BugCheckParameter2 = KiBugCheckParameters[1],
                                             .BugCheckParameter3 = KiBugCheckParameters[2],
                                             .BugCheckParameter4 = KiBugCheckParameters[3]};

    for (ULONG calls = 0; calls < KI_REASON_CALLS; calls++) {
        data.InBuffer = &KiSecondaryData[KiSecondaryDataUsed];
        data.InBufferLength = KI_SECONDARY_DATA_SIZE - KiSecondaryDataUsed;
        data.MaximumAllowed = data.InBufferLength;
        data.OutBuffer = NULL;
        data.OutBufferLength = 0;
        data.Flags = 0;
        KiCallReason(Record, &data, sizeof(data));
        KiKeepSecondaryData(data.OutBuffer, data.OutBufferLength);
        if ((data.Flags & KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST) == 0) {
            return;
        }
    }
}

static VOID
KiCallAllReasons(VOID)
{
    KiCallReasonCallbacks(KbCallbackAddPages, KiCallPages);
    KiCallReasonCallbacks(KbCallbackRemovePages, KiCallPages);
    KiCallReasonCallbacks(KbCallbackSecondaryDumpData, KiCallSecondary);
    KiCallReasonCallbacks(KbCallbackSecondaryMultiPartDumpData, KiCallMultiPart);
    KiTellDumpIo(KbDumpIoComplete, NULL, 0);
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
    KiCallAllReasons();
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
 * KeRegisterBugCheckReasonCallback - the same for one of the reasons of a dump
 *
 * The dump is the core file that the host may write: pages need not be added to it and are not
 * removed; secondary data is kept in memory; KbCallbackDumpIo hears of that, and of the end.
 *
 * Returns  FALSE if the record is registered already, or the reason is one of those reserved
 * Errors   KbCallbackTriageDumpData is a bugcheck that names it: there is no carved dump
 * Source   WDK reference, nf-wdm-keregisterbugcheckreasoncallback
 */
BOOLEAN NTAPI
KeRegisterBugCheckReasonCallback(PKBUGCHECK_REASON_CALLBACK_RECORD CallbackRecord,
                                 PKBUGCHECK_REASON_CALLBACK_ROUTINE CallbackRoutine,
                                 KBUGCHECK_CALLBACK_REASON Reason, PUCHAR Component)
{
    if (Reason == KbCallbackTriageDumpData) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)Reason, 0, 0, NT_CALLER(),
                         "KeRegisterBugCheckReasonCallback: KbCallbackTriageDumpData is not "
                         "implemented by ntbox");
    }
    if (Reason < KbCallbackSecondaryDumpData || Reason > KbCallbackTriageDumpData) {
        return FALSE;
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
