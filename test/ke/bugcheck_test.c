/* SPDX-License-Identifier: MIT
 *
 * test/ke/bugcheck_test.c - bugchecks, their callbacks and what is left to read
 */
#include "ke_test.h"

#include <ntbox/eh.h>

#undef DbgBreakPoint
NTSYSAPI VOID NTAPI DbgBreakPoint(VOID);

static ULONG Calls;
static KIRQL CallIrql;
static PVOID CallBuffer;

static VOID NTAPI
Callback(PVOID Buffer, ULONG Length)
{
    Calls++;
    CallIrql = KeGetCurrentIrql();
    CallBuffer = Buffer;
}

NT_TEST(KeBugCheck, CodeAndParametersStayReadable)
{
    NT_EXPECT_BUGCHECK(0xE2, KeBugCheckEx(0xE2, 1, 2, 3, 4));
    NT_EXPECT_EQ(KiBugCheckCode, 0xE2);
    for (ULONG i = 0; i < 4; i++) {
        NT_EXPECT_EQ(KiBugCheckParameters[i], i + 1);
    }
    NT_EXPECT_CONTAINS(SimTakeLog(), "0x000000E2");
}

NT_TEST(KeBugCheck, RegisteredCallbackIsCalledAtHighLevel)
{
    KBUGCHECK_CALLBACK_RECORD record;
    UCHAR buffer[16];

    record.State = BufferEmpty;
    NT_EXPECT_EQ(KeRegisterBugCheckCallback(&record, Callback, buffer, 16, (PUCHAR) "test"), TRUE);
    NT_EXPECT_EQ(KeRegisterBugCheckCallback(&record, Callback, buffer, 16, (PUCHAR) "test"), FALSE);
    NT_EXPECT_BUGCHECK(0xE2, KeBugCheck(0xE2));
    NT_EXPECT_EQ(Calls, 1);
    NT_EXPECT_EQ(CallIrql, HIGH_LEVEL);
    NT_EXPECT_EQ(CallBuffer, (PVOID)buffer);
    NT_EXPECT_EQ(KiBugCheckIrql, PASSIVE_LEVEL);
}

NT_TEST(KeBugCheck, DeregisteredCallbackIsNotCalled)
{
    KBUGCHECK_CALLBACK_RECORD record;

    record.State = BufferEmpty;
    KeRegisterBugCheckCallback(&record, Callback, NULL, 0, (PUCHAR) "test");
    NT_EXPECT_EQ(KeDeregisterBugCheckCallback(&record), TRUE);
    NT_EXPECT_EQ(KeDeregisterBugCheckCallback(&record), FALSE);
    NT_EXPECT_BUGCHECK(0xE2, KeBugCheck(0xE2));
    NT_EXPECT_EQ(Calls, 0);
}

static VOID NTAPI
ReasonCallback(KBUGCHECK_CALLBACK_REASON Reason, PKBUGCHECK_REASON_CALLBACK_RECORD Record,
               PVOID Data, ULONG Length)
{
    PKBUGCHECK_SECONDARY_DUMP_DATA data = Data;

    NT_EXPECT_EQ(Reason, KbCallbackSecondaryDumpData);
    NT_EXPECT_EQ(Length, sizeof(*data));
    NT_EXPECT_NE(data->InBufferLength, 0);
    Calls++;
}

NT_TEST(KeBugCheck, SecondaryDumpDataCallbackIsCalled)
{
    KBUGCHECK_REASON_CALLBACK_RECORD record;

    record.State = BufferEmpty;
    NT_EXPECT_EQ(KeRegisterBugCheckReasonCallback(&record, ReasonCallback,
                                                  KbCallbackSecondaryDumpData, (PUCHAR) "test"),
                 TRUE);
    NT_EXPECT_BUGCHECK(0xE2, KeBugCheck(0xE2));
    NT_EXPECT_EQ(Calls, 1);
}

/* ---- the reasons of a dump ---- */

static KBUGCHECK_REASON_CALLBACK_RECORD Records[6];
static UCHAR Context[16];
static ULONG PagesCalls;
static ULONG RemoveCalls;
static ULONG PartCalls;
static ULONG IoCalls;
static ULONG Completed;
static PVOID Kept[3]; /* not read before the end: nothing may overwrite it */

static VOID NTAPI
OnPages(KBUGCHECK_CALLBACK_REASON Reason, PKBUGCHECK_REASON_CALLBACK_RECORD Record, PVOID Data,
        ULONG Length)
{
    PKBUGCHECK_ADD_PAGES pages = Data;
    ULONG *calls = Reason == KbCallbackAddPages ? &PagesCalls : &RemoveCalls;

    NT_EXPECT_EQ(KeGetCurrentIrql(), HIGH_LEVEL);
    NT_EXPECT_EQ(Length, sizeof(*pages));
    NT_EXPECT_EQ(Record->Reason, Reason);
    NT_EXPECT_EQ(pages->BugCheckCode, 0xE2);
    NT_EXPECT_EQ(pages->Flags, 0);
    NT_EXPECT_EQ(pages->Context, *calls == 0 ? NULL : (PVOID)Context);
    pages->Context = Context;
    pages->Address = (ULONG_PTR)Context & ~(ULONG_PTR)(PAGE_SIZE - 1);
    pages->Count = 1;
    pages->Flags = KB_ADD_PAGES_FLAG_VIRTUAL_ADDRESS;
    if (++*calls < 3) {
        pages->Flags |= KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST;
    }
}

/* Writes into the buffer lent, which no other data overwrites. */
static VOID NTAPI
OnSecondary(KBUGCHECK_CALLBACK_REASON Reason, PKBUGCHECK_REASON_CALLBACK_RECORD Record, PVOID Data,
            ULONG Length)
{
    PKBUGCHECK_SECONDARY_DUMP_DATA data = Data;

    NT_EXPECT_EQ(Length, sizeof(*data));
    NT_EXPECT_EQ(data->OutBuffer, NULL);
    NT_EXPECT_TRUE(data->InBufferLength >= 4 && data->MaximumAllowed >= 4);
    memcpy(data->InBuffer, "one", 4);
    data->OutBuffer = data->InBuffer;
    data->OutBufferLength = 4;
    NT_EXPECT_EQ(PartCalls, 0);
}

static VOID NTAPI
OnPart(KBUGCHECK_CALLBACK_REASON Reason, PKBUGCHECK_REASON_CALLBACK_RECORD Record, PVOID Data,
       ULONG Length)
{
    PKBUGCHECK_SECONDARY_DUMP_DATA_EX data = Data;

    NT_EXPECT_EQ(Length, sizeof(*data));
    NT_EXPECT_EQ(data->BugCheckCode, 0xE2);
    NT_EXPECT_EQ(data->BugCheckParameter1, 1);
    NT_EXPECT_EQ(data->BugCheckParameter2, 2);
    NT_EXPECT_EQ(data->BugCheckParameter3, 3);
    NT_EXPECT_EQ(data->BugCheckParameter4, 4);
    NT_EXPECT_EQ(data->Flags, 0);
    NT_EXPECT_EQ(data->Context, PartCalls == 0 ? NULL : (PVOID)Context);
    data->Context = Context;
    memcpy(data->InBuffer, PartCalls == 0 ? "two" : "tre", 4);
    data->OutBuffer = data->InBuffer;
    data->OutBufferLength = 4;
    if (++PartCalls < 2) {
        data->Flags = KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST;
    }
}

static VOID NTAPI
OnDumpIo(KBUGCHECK_CALLBACK_REASON Reason, PKBUGCHECK_REASON_CALLBACK_RECORD Record, PVOID Data,
         ULONG Length)
{
    PKBUGCHECK_DUMP_IO io = Data;

    NT_EXPECT_EQ(Length, sizeof(*io));
    NT_EXPECT_EQ(Completed, 0);
    if (io->Type == KbDumpIoComplete) {
        Completed++;
        return;
    }
    NT_EXPECT_EQ(io->Type, KbDumpIoSecondaryData);
    NT_EXPECT_EQ(io->BufferLength, 4);
    NT_EXPECT_TRUE(IoCalls < ARRAYSIZE(Kept));
    Kept[IoCalls++] = io->Buffer;
}

NT_TEST(KeBugCheck, EachReasonIsCalledAsItsStructureSays)
{
    static const struct {
        KBUGCHECK_CALLBACK_REASON Reason;
        PKBUGCHECK_REASON_CALLBACK_ROUTINE Routine;
    } rows[] = {
        {KbCallbackDumpIo, OnDumpIo},
        {KbCallbackSecondaryMultiPartDumpData, OnPart},
        {KbCallbackRemovePages, OnPages},
        {KbCallbackAddPages, OnPages},
        {KbCallbackSecondaryDumpData, OnSecondary},
    };

    for (ULONG i = 0; i < ARRAYSIZE(rows); i++) {
        KeInitializeCallbackRecord((&Records[i]));
        NT_EXPECT_TRUE(KeRegisterBugCheckReasonCallback(&Records[i], rows[i].Routine,
                                                        rows[i].Reason, (PUCHAR) "test"));
    }
    NT_EXPECT_BUGCHECK(0xE2, KeBugCheckEx(0xE2, 1, 2, 3, 4));
    NT_EXPECT_EQ(PagesCalls, 3);
    NT_EXPECT_EQ(RemoveCalls, 3);
    NT_EXPECT_EQ(PartCalls, 2);
    NT_EXPECT_EQ(IoCalls, 3);
    NT_EXPECT_EQ(Completed, 1);
    NT_EXPECT_STR((const char *)Kept[0], "one");
    NT_EXPECT_STR((const char *)Kept[1], "two");
    NT_EXPECT_STR((const char *)Kept[2], "tre");
}

NT_TEST(KeBugCheck, DeregisteredReasonCallbackIsNotCalled)
{
    PKBUGCHECK_REASON_CALLBACK_RECORD record = &Records[0];

    KeInitializeCallbackRecord(record);
    NT_EXPECT_FALSE(KeDeregisterBugCheckReasonCallback(record));
    NT_EXPECT_TRUE(
        KeRegisterBugCheckReasonCallback(record, OnPages, KbCallbackAddPages, (PUCHAR) "test"));
    NT_EXPECT_FALSE(
        KeRegisterBugCheckReasonCallback(record, OnPages, KbCallbackAddPages, (PUCHAR) "test"));
    NT_EXPECT_TRUE(KeDeregisterBugCheckReasonCallback(record));
    NT_EXPECT_FALSE(KeDeregisterBugCheckReasonCallback(record));
    NT_EXPECT_BUGCHECK(0xE2, KeBugCheck(0xE2));
    NT_EXPECT_EQ(PagesCalls, 0);
}

NT_TEST(KeBugCheck, ReservedReasonsAreRefused)
{
    static const LONG reasons[] = {KbCallbackInvalid, KbCallbackReserved1, 8, 9, -1};

    NT_FOR_EACH (reason, reasons) {
        KeInitializeCallbackRecord((&Records[0]));
        NT_EXPECT_FALSE(KeRegisterBugCheckReasonCallback(
            &Records[0], OnPages, (KBUGCHECK_CALLBACK_REASON)*reason, (PUCHAR) "test"));
        NT_EXPECT_FALSE(KeDeregisterBugCheckReasonCallback(&Records[0]));
    }
}

NT_TEST(KeBugCheck, TriageDataIsAGapByName)
{
    KeInitializeCallbackRecord((&Records[0]));
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KeRegisterBugCheckReasonCallback(
                                             &Records[0], OnPages, KbCallbackTriageDumpData, NULL));
    NT_EXPECT_CONTAINS(SimTakeLog(), "KbCallbackTriageDumpData is not implemented");
}

static VOID NTAPI
NeverDone(KBUGCHECK_CALLBACK_REASON Reason, PKBUGCHECK_REASON_CALLBACK_RECORD Record, PVOID Data,
          ULONG Length)
{
    ((PKBUGCHECK_ADD_PAGES)Data)->Flags = KB_ADD_PAGES_FLAG_ADDITIONAL_RANGES_EXIST;
    Calls++;
}

/* It cannot keep the system from ending. */
NT_TEST(KeBugCheck, RoutineThatAlwaysWantsToAddMoreIsStopped)
{
    KeInitializeCallbackRecord((&Records[0]));
    KeRegisterBugCheckReasonCallback(&Records[0], NeverDone, KbCallbackAddPages, NULL);
    NT_EXPECT_BUGCHECK(0xE2, KeBugCheck(0xE2));
    NT_EXPECT_TRUE(Calls > 100);
}

static char Reported[128];

static VOID
Report(ULONG Code, const ULONG_PTR Parameters[4], const char *Detail)
{
    Calls++;
    strncpy(Reported, Detail, sizeof(Reported) - 1);
}

NT_TEST(KeBugCheck, ReportWriterGetsTheSentence)
{
    KiRegisterBugCheckReport(Report);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KiUnimplementedExport("KeDoNothing"));
    NT_EXPECT_EQ(Calls, 1);
    NT_EXPECT_STR(Reported, "KeDoNothing is not implemented by ntbox");
}

static void
BugCheckToo(void *Context)
{
    KeBugCheckEx(0xE2, 2, 0, 0, 0);
}

static VOID
ReportSlowly(ULONG Code, const ULONG_PTR Parameters[4], const char *Detail)
{
    Calls++;
    for (ULONG i = 0; i < 20; i++) {
        HalpYield();
    }
}

/* The thread that comes second waits: the report is of the first, and written once. */
NT_TEST_SEEDS(KeBugCheck, SecondThreadWaits, 10)
{
    TEST_THREAD thread;

    KiRegisterBugCheckReport(ReportSlowly);
    NT_EXPECT_BUGCHECK(0xE2, {
        StartThread(&thread, BugCheckToo, NULL);
        KeBugCheckEx(0xE2, 1, 0, 0, 0);
    });
    NT_EXPECT_EQ(Calls, 1);
}

NT_TEST(KeBugCheck, IrqlAboveARoutinesMaximumNamesIt)
{
    KTIMER timer;

    KeInitializeTimer(&timer);
    KiRegisterBugCheckReport(Report);
    KiRaiseIrql(HIGH_LEVEL);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, KeCancelTimer(&timer));
    NT_EXPECT_CONTAINS(Reported, "KeCancelTimer");
}

NT_TEST(KeBugCheck, FailedAssertionOfADriverIsOne)
{
    NT_EXPECT_BUGCHECK(KMODE_EXCEPTION_NOT_HANDLED,
                       RtlAssert((PVOID) "1 == 2", (PVOID) "driver.c", 7, NULL));
    NT_EXPECT_CONTAINS(SimTakeLog(), "driver.c, line 7");
}

NT_TEST(KeBreakpoint, NotHandledIsABugcheckAtAnyIrql)
{
    KiRaiseIrql(HIGH_LEVEL);
    NT_EXPECT_BUGCHECK(KMODE_EXCEPTION_NOT_HANDLED, DbgBreakPoint());
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG)STATUS_BREAKPOINT);
    NT_EXPECT_CONTAINS(SimTakeLog(), "DbgBreakPoint");
}

NT_TEST(KeBreakpoint, StatusIsAParameterOfTheBugcheck)
{
    NT_EXPECT_BUGCHECK(KMODE_EXCEPTION_NOT_HANDLED, DbgBreakPointWithStatus(77));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG)STATUS_BREAKPOINT);
    NT_EXPECT_EQ(KiBugCheckParameters[2], 77);
    NT_EXPECT_CONTAINS(SimTakeLog(), "DbgBreakPointWithStatus");
}

NT_TEST(KeBreakpoint, ATryBlockTakesIt)
{
    volatile ULONG code = 0;

    __try {
        DbgBreakPoint();
    } __except (code = _exception_code(), 1) {
    }
    NT_EXPECT_EQ(code, (ULONG)STATUS_BREAKPOINT);
}

NT_TEST(KeThread, SignaledWhenItHasEnded)
{
    KPROCESS process;
    KTHREAD thread;

    KiInitializeProcess(&process);
    KiInitializeThread(&thread, &process);
    NT_EXPECT_EQ(process.ThreadCount, 1);
    NT_EXPECT_FALSE(Poll(&thread));
    KiTerminateThread(&thread);
    NT_EXPECT_TRUE(Poll(&thread));
    NT_EXPECT_EQ(process.ThreadCount, 0);
    NT_EXPECT_FALSE(Poll(&process));
    KiTerminateProcess(&process);
    NT_EXPECT_TRUE(Poll(&process));
}

/* ---- threads of the host ---- */

static TEST_THREAD Attached;
static KTHREAD *Detached;

static KTHREAD *
Attach(VOID)
{
    KiInitializeThread(&Attached.Tcb, NULL);
    return &Attached.Tcb;
}

static VOID
Detach(KTHREAD *Thread)
{
    Detached = Thread;
}

static void
UseKernel(void *Context)
{
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeSetEvent(&event, 0, FALSE);
}

NT_TEST(KeThread, HostThreadIsAttachedAtItsFirstCallAndDetachedAtItsEnd)
{
    static const KI_THREAD_OPS ops = {Attach, Detach};
    HALP_THREAD *host;

    KiRegisterThreadOps(&ops);
    NT_EXPECT_EQ(HalpCreateThread(&host, "foreign", UseKernel, NULL), HALP_OK);
    HalpWaitThreadEnd(host);
    NT_EXPECT_EQ(Detached, &Attached.Tcb);
}
