/* SPDX-License-Identifier: MIT
 *
 * thread_test.c - threads: the system's, the client's, and host threads that join
 */
#include "ps/psp.h"
#include "ps_test.h"

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

typedef struct RECORD {
    HANDLE ProcessId;
    HANDLE ThreadId;
    PEPROCESS Process;
    KIRQL Irql;
    BOOLEAN IsSystem;
    ULONG Calls;
} RECORD;

static VOID NTAPI
RecordSelf(PVOID Context)
{
    RECORD *record = Context;

    record->ProcessId = PsGetCurrentProcessId();
    record->ThreadId = PsGetCurrentThreadId();
    record->Process = (PEPROCESS)KiGetCurrentThread()->Process;
    record->Irql = KiCurrentIrql();
    record->IsSystem = PsIsSystemThread((PETHREAD)KiGetCurrentThread());
    ++record->Calls;
}

/* A handle to a system thread; waits for its end and closes it. */
static NTSTATUS
RunSystemThread(PKSTART_ROUTINE Routine, PVOID Context, CLIENT_ID *ClientId)
{
    OBJECT_ATTRIBUTES attributes;
    PETHREAD thread;
    HANDLE handle;
    NTSTATUS exitStatus;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL, ClientId,
                                          Routine, Context),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handle, SYNCHRONIZE, *PsThreadType, KernelMode,
                                               (PVOID *)&thread, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    NT_EXPECT_TRUE(PsIsThreadTerminating(thread));
    exitStatus = thread->ExitStatus;
    ObDereferenceObject(thread);
    return exitStatus;
}

NT_TEST_SEEDS(Thread, SystemThreadRunsInTheSystemProcessAtPassiveLevel, 10)
{
    CLIENT_ID clientId = {0};
    RECORD record = {0};

    NT_EXPECT_STATUS(RunSystemThread(RecordSelf, &record, &clientId), STATUS_SUCCESS);
    NT_EXPECT_EQ(record.Calls, 1);
    NT_EXPECT_EQ(record.ProcessId, ID(4));
    NT_EXPECT_EQ(record.Process, PsInitialSystemProcess);
    NT_EXPECT_EQ(record.Irql, PASSIVE_LEVEL);
    NT_EXPECT_TRUE(record.IsSystem);
    NT_EXPECT_EQ(clientId.UniqueProcess, ID(4));
    NT_EXPECT_EQ(clientId.UniqueThread, record.ThreadId);
}

static VOID NTAPI
TerminateSelf(PVOID Context)
{
    PsTerminateSystemThread(STATUS_CANCELLED);
    ++*(ULONG *)Context;
}

NT_TEST(Thread, TerminateSystemThreadDoesNotReturnAndSetsTheStatus)
{
    ULONG returned = 0;

    NT_EXPECT_STATUS(RunSystemThread(TerminateSelf, &returned, NULL), STATUS_CANCELLED);
    NT_EXPECT_EQ(returned, 0);
}

NT_TEST(Thread, TerminateIsRefusedOnAClientThread)
{
    NT_EXPECT_STATUS(PsTerminateSystemThread(STATUS_SUCCESS), STATUS_INVALID_PARAMETER);
}

/* What must not be left behind, each by name of the bugcheck. */

static VOID NTAPI
ReturnRaised(PVOID Context)
{
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
}

NT_TEST(Thread, ReturnAtRaisedIrqlIsABugcheck)
{
    NT_EXPECT_BUGCHECK(KERNEL_APC_PENDING_DURING_EXIT, RunSystemThread(ReturnRaised, NULL, NULL));
}

static VOID NTAPI
ReturnWithMutex(PVOID Context)
{
    KeWaitForSingleObject(Context, Executive, KernelMode, FALSE, NULL);
}

NT_TEST(Thread, ReturnWithAMutexIsABugcheck)
{
    KMUTEX mutex;

    KeInitializeMutex(&mutex, 0);
    NT_EXPECT_BUGCHECK(THREAD_TERMINATE_HELD_MUTEX, RunSystemThread(ReturnWithMutex, &mutex, NULL));
}

static VOID NTAPI
ReturnInCriticalRegion(PVOID Context)
{
    KeEnterCriticalRegion();
}

NT_TEST(Thread, ReturnInACriticalRegionIsABugcheck)
{
    NT_EXPECT_BUGCHECK(KERNEL_APC_PENDING_DURING_EXIT,
                       RunSystemThread(ReturnInCriticalRegion, NULL, NULL));
}

/* ---- lookups ---- */

NT_TEST(Thread, ThreadsOfTheClientAreFoundById)
{
    PETHREAD thread;

    NT_EXPECT_STATUS(PsLookupThreadByThreadId(PsGetCurrentThreadId(), &thread), STATUS_SUCCESS);
    NT_EXPECT_EQ(thread, KiGetCurrentThread());
    NT_EXPECT_EQ(PsGetThreadProcessId(thread), PsGetCurrentProcessId());
    NT_EXPECT_EQ(PsGetThreadId(thread), PsGetCurrentThreadId());
    ObDereferenceObject(thread);
    NT_EXPECT_STATUS(PsLookupThreadByThreadId(ID(0x7FFFFFF1), &thread), STATUS_INVALID_PARAMETER);
}

NT_TEST(Thread, TheTestRunsInTheClientProcess)
{
    PEPROCESS process;

    NT_EXPECT_EQ(PsGetCurrentProcessId(), ULongToHandle(HalpCurrentProcessId()));
    NT_EXPECT_EQ(KiGetCurrentThread()->Process, &PspClientProcess->Pcb);
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(PsGetCurrentProcessId(), &process), STATUS_SUCCESS);
    NT_EXPECT_EQ(process, PspClientProcess);
    ObDereferenceObject(process);
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(ID(4), &process), STATUS_SUCCESS);
    NT_EXPECT_EQ(process, PsInitialSystemProcess);
    NT_EXPECT_STR(PsGetProcessImageFileName(process), "System");
    ObDereferenceObject(process);
}

NT_TEST(Thread, AttachChangesTheCurrentProcessOnly)
{
    KAPC_STATE outer;
    KAPC_STATE inner;

    KeStackAttachProcess(&PsInitialSystemProcess->Pcb, &outer);
    NT_EXPECT_EQ(KiGetCurrentThread()->Process, &PsInitialSystemProcess->Pcb);
    NT_EXPECT_EQ(PsGetCurrentProcessId(), PspClientProcess->UniqueProcessId);
    KeStackAttachProcess(&PspClientProcess->Pcb, &inner);
    NT_EXPECT_EQ(KiGetCurrentThread()->Process, &PspClientProcess->Pcb);
    KeUnstackDetachProcess(&inner);
    NT_EXPECT_EQ(KiGetCurrentThread()->Process, &PsInitialSystemProcess->Pcb);
    KeUnstackDetachProcess(&outer);
    NT_EXPECT_EQ(KiGetCurrentThread()->Process, &PspClientProcess->Pcb);
}

NT_TEST(Thread, KeAttachProcessDoesNotNest)
{
    KeAttachProcess(&PsInitialSystemProcess->Pcb);
    NT_EXPECT_BUGCHECK(INVALID_PROCESS_ATTACH_ATTEMPT, KeAttachProcess(&PspClientProcess->Pcb));
}

/* ---- host threads that join ---- */

typedef struct HOST {
    RECORD Record;
    KEVENT Event;
} HOST;

static void
HostThread(void *Context)
{
    HOST *host = Context;

    RecordSelf(&host->Record); /* the first kernel call attaches */
    KeSetEvent(&host->Event, 0, FALSE);
}

NT_TEST_SEEDS(Thread, HostThreadJoinsAtItsFirstCallAndLeavesAtItsEnd, 20)
{
    HALP_THREAD *thread[4];
    HOST host[4] = {0};
    EXP_POOL_STATISTICS before;
    EXP_POOL_STATISTICS after;
    LONG threads = PspClientProcess->Pcb.ThreadCount;

    ExpQueryPoolStatistics(&before);
    for (int i = 0; i < 4; ++i) {
        KeInitializeEvent(&host[i].Event, NotificationEvent, FALSE);
        NT_EXPECT_EQ(HalpCreateThread(&thread[i], "joiner", HostThread, &host[i]), HALP_OK);
    }
    for (int i = 0; i < 4; ++i) {
        KeWaitForSingleObject(&host[i].Event, Executive, KernelMode, FALSE, NULL);
        HalpWaitThreadEnd(thread[i]);
        NT_EXPECT_EQ(host[i].Record.Process, PspClientProcess);
        NT_EXPECT_FALSE(host[i].Record.IsSystem);
        NT_EXPECT_NE(host[i].Record.ThreadId, PsGetCurrentThreadId());
    }
    ExpQueryPoolStatistics(&after);
    NT_EXPECT_EQ(PspClientProcess->Pcb.ThreadCount, threads);
    NT_EXPECT_EQ(after.BlocksInUse, before.BlocksInUse);
}

/* ---- the client's threads ---- */

static NTSTATUS
ClientRoutine(PVOID Context)
{
    RecordSelf(Context);
    return 17;
}

static NTSTATUS
ExitingRoutine(PVOID Context)
{
    RecordSelf(Context);
    NtboxTerminateCurrentThread(23);
    ++((RECORD *)Context)->Calls;
    return 0;
}

static NTSTATUS
WaitFor(HANDLE Handle)
{
    return NtWaitForSingleObject(Handle, FALSE, NULL);
}

NT_TEST_SEEDS(Thread, ClientThreadReturnsItsStatus, 10)
{
    RECORD record = {0};
    CLIENT_ID clientId;
    CLIENT_ID queried;
    NTSTATUS exitStatus;
    HANDLE handle;

    NT_EXPECT_STATUS(NtboxCreateThread(&handle, ClientRoutine, &record, FALSE, &clientId),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(WaitFor(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtboxQueryThread(handle, &queried, &exitStatus), STATUS_SUCCESS);
    NT_EXPECT_EQ(exitStatus, 17);
    NT_EXPECT_EQ(queried.UniqueThread, clientId.UniqueThread);
    NT_EXPECT_EQ(record.ThreadId, clientId.UniqueThread);
    NT_EXPECT_EQ(record.Process, PspClientProcess);
    NT_EXPECT_STATUS(NtClose(handle), STATUS_SUCCESS);
}

NT_TEST(Thread, ClientThreadEndsInTheMiddle)
{
    RECORD record = {0};
    NTSTATUS exitStatus;
    HANDLE handle;

    NT_EXPECT_STATUS(NtboxCreateThread(&handle, ExitingRoutine, &record, FALSE, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(WaitFor(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtboxQueryThread(handle, NULL, &exitStatus), STATUS_SUCCESS);
    NT_EXPECT_EQ(exitStatus, 23);
    NT_EXPECT_EQ(record.Calls, 1);
    NtClose(handle);
}

NT_TEST_SEEDS(Thread, SuspendedClientThreadRunsAfterResume, 10)
{
    LARGE_INTEGER noTime = {.QuadPart = 0};
    RECORD record = {0};
    NTSTATUS exitStatus;
    ULONG previous;
    HANDLE handle;

    NT_EXPECT_STATUS(NtboxCreateThread(&handle, ClientRoutine, &record, TRUE, NULL),
                     STATUS_SUCCESS);
    SimRunUntilIdle();
    NT_EXPECT_EQ(record.Calls, 0);
    NT_EXPECT_STATUS(NtWaitForSingleObject(handle, FALSE, &noTime), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(NtboxQueryThread(handle, NULL, &exitStatus), STATUS_SUCCESS);
    NT_EXPECT_STATUS(exitStatus, STATUS_PENDING);
    NT_EXPECT_STATUS(NtResumeThread(handle, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 1);
    NT_EXPECT_STATUS(WaitFor(handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(record.Calls, 1);
    NT_EXPECT_STATUS(NtResumeThread(handle, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NtClose(handle);
}

NT_TEST(Thread, TerminateOfAForeignHostThreadIsNotSupported)
{
    NT_EXPECT_STATUS(NtboxTerminateCurrentThread(0), STATUS_NOT_SUPPORTED);
}

/* ---- rundown, leaks, failures ---- */

static ULONG RundownCalls;

static VOID
CountRundown(PETHREAD Thread)
{
    __atomic_fetch_add(&RundownCalls, 1, __ATOMIC_RELAXED);
}

NT_TEST(Thread, RundownHookRunsForEachEndingThread)
{
    RECORD record = {0};

    PspRegisterThreadRundown(CountRundown);
    RunSystemThread(RecordSelf, &record, NULL);
    RunSystemThread(RecordSelf, &record, NULL);
    NT_EXPECT_EQ(RundownCalls, 2);
    PspRegisterThreadRundown(NULL);
}

NT_TEST(Thread, RundownOfTheClientClosesItsHandles)
{
    HANDLE handle;

    NT_EXPECT_STATUS(NtCreateEvent(&handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(PspClientProcess->HandleTable), 1);
    PspRundownProcess(PspClientProcess);
    NT_EXPECT_EQ(ObpHandlesInUse(PspClientProcess->HandleTable), 0);
    NT_EXPECT_STATUS(NtSetEvent(handle, NULL), STATUS_INVALID_HANDLE);
}

/* Each allocation and host call of thread creation fails once; nothing may be left over. */
NT_TEST(Thread, CreationSurvivesEachFailure)
{
    RECORD record = {0};
    EXP_POOL_STATISTICS before;
    EXP_POOL_STATISTICS after;
    ULONG failures = 0;
    NTSTATUS status;
    HANDLE handle;

    NT_EXPECT_STATUS(
        PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, RecordSelf, &record),
        STATUS_SUCCESS); /* the handle table has its memory */
    WaitFor(handle);
    NtClose(handle);
    PspJoinEndedThreads();
    ExpQueryPoolStatistics(&before);
    for (ULONG nth = 1;; ++nth) {
        SimSetFaultPlan(NULL, nth);
        status =
            PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, RecordSelf, &record);
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            break;
        }
        ++failures;
        NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
    }
    NT_EXPECT_NE(failures, 0);
    NT_EXPECT_STATUS(WaitFor(handle), STATUS_SUCCESS);
    NtClose(handle);
    PspJoinEndedThreads();
    ExpQueryPoolStatistics(&after);
    NT_EXPECT_EQ(after.BlocksInUse, before.BlocksInUse);
}

NT_TEST_SEEDS(Thread, ThreadsInARangeAreCounted, 5)
{
    KEVENT event;
    HANDLE handle;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(
        PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, ReturnWithMutex, &event),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(PspCountSystemThreadsInRange((ULONG_PTR)ReturnWithMutex, 1), 1);
    NT_EXPECT_EQ(PspCountSystemThreadsInRange((ULONG_PTR)RecordSelf, 1), 0);
    KeSetEvent(&event, 0, FALSE);
    WaitFor(handle);
    NT_EXPECT_EQ(PspCountSystemThreadsInRange((ULONG_PTR)ReturnWithMutex, 1), 0);
    NtClose(handle);
}

static VOID NTAPI
DoNothing(PVOID Context)
{
}

NT_TEST(Thread, TheHandleOfASystemThreadIsTheKernelsWithTheAccessAsked)
{
    KTHREAD *self = KiGetCurrentThread();
    OBJECT_HANDLE_INFORMATION information;
    NTSTATUS asUser;
    HANDLE handle;
    PVOID thread;

    NT_EXPECT_STATUS(PsCreateSystemThread(&handle, SYNCHRONIZE, NULL, NULL, NULL, DoNothing, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
                                               &thread, &information),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(information.GrantedAccess, SYNCHRONIZE);
    ObDereferenceObject(thread);
    self->PreviousMode = UserMode;
    asUser = NtWaitForSingleObject(handle, FALSE, NULL);
    self->PreviousMode = KernelMode;
    NT_EXPECT_STATUS(asUser, STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
}
