/* SPDX-License-Identifier: MIT
 *
 * threadnotify_test.c - routines that hear of threads
 */
#include "ps_test.h"

typedef struct SEEN {
    HANDLE ProcessId;
    HANDLE ThreadId;
    BOOLEAN Create;
    HANDLE Context; /* the thread it was called on */
} SEEN;

static SEEN Seen[16];
static LONG SeenCount;

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

static VOID NTAPI
Watch(HANDLE ProcessId, HANDLE ThreadId, BOOLEAN Create)
{
    LONG index = __atomic_fetch_add(&SeenCount, 1, __ATOMIC_ACQ_REL);

    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_TRUE(KeAreApcsDisabled());
    if (index < 16) {
        Seen[index] = (SEEN){ProcessId, ThreadId, Create, PsGetCurrentThreadId()};
    }
}

static LONG Ran;

static VOID NTAPI
SystemRoutine(PVOID Context)
{
    *(LONG *)Context = __atomic_load_n(&SeenCount, __ATOMIC_ACQUIRE);
}

static HANDLE
RunSystemThread(LONG *SeenAtStart)
{
    CLIENT_ID id;
    HANDLE handle;

    NT_EXPECT_STATUS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, &id,
                                          SystemRoutine, SeenAtStart),
                     STATUS_SUCCESS);
    ZwWaitForSingleObject(handle, FALSE, NULL);
    ZwClose(handle);
    return id.UniqueThread;
}

static NTSTATUS NTAPI
UserRoutine(PVOID Context)
{
    __atomic_fetch_add(&Ran, 1, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

static HANDLE
RunUserThread(void)
{
    CLIENT_ID id;
    HANDLE handle;

    NT_EXPECT_STATUS(PspCreateUserThread((PVOID)UserRoutine, NULL, FALSE, &handle, &id),
                     STATUS_SUCCESS);
    ZwWaitForSingleObject(handle, FALSE, NULL);
    ZwClose(handle);
    return id.UniqueThread;
}

static void
ExpectSeen(LONG Index, HANDLE Process, HANDLE Thread, BOOLEAN Create, HANDLE Context)
{
    NT_EXPECT_EQ(Seen[Index].ProcessId, Process);
    NT_EXPECT_EQ(Seen[Index].ThreadId, Thread);
    NT_EXPECT_EQ(Seen[Index].Create, Create);
    NT_EXPECT_EQ(Seen[Index].Context, Context);
}

/* A start is told in the maker, before the thread runs; an end in the thread itself. */
NT_TEST(ThreadNotify, StartAndEndOfASystemThread)
{
    LONG seenAtStart = -1;
    HANDLE thread;

    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    thread = RunSystemThread(&seenAtStart);
    NT_EXPECT_EQ(seenAtStart, 1);
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenCount, 2);
    ExpectSeen(0, ID(4), thread, TRUE, PsGetCurrentThreadId());
    ExpectSeen(1, ID(4), thread, FALSE, thread);
    RunSystemThread(&seenAtStart);
    NT_EXPECT_EQ(SeenCount, 2);
}

NT_TEST(ThreadNotify, NonSystemRoutinesRunOnTheNewThread)
{
    LONG ignored;
    HANDLE thread;

    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutineEx(PsCreateThreadNotifyNonSystem, (PVOID)Watch),
                     STATUS_SUCCESS);
    RunSystemThread(&ignored);
    NT_EXPECT_EQ(SeenCount, 0);
    thread = RunUserThread();
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenCount, 2);
    ExpectSeen(0, PsGetCurrentProcessId(), thread, TRUE, thread);
    ExpectSeen(1, PsGetCurrentProcessId(), thread, FALSE, thread);
}

NT_TEST(ThreadNotify, SubsystemRoutinesHearOfAll)
{
    LONG ignored;
    HANDLE thread;

    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutineEx(PsCreateThreadNotifySubsystems, (PVOID)Watch),
                     STATUS_SUCCESS);
    RunSystemThread(&ignored);
    thread = RunUserThread();
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenCount, 4);
    ExpectSeen(2, PsGetCurrentProcessId(), thread, TRUE, PsGetCurrentThreadId());
}

/* A host thread that joins is told in its own context, and when it ends. */
static void
JoinKernel(void *Context)
{
    PsGetCurrentThreadId();
}

NT_TEST(ThreadNotify, HostThreadsAreToldWhenTheyJoin)
{
    HALP_THREAD *host;

    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    NT_EXPECT_EQ(HalpCreateThread(&host, "host", JoinKernel, NULL), HALP_OK);
    HalpWaitThreadEnd(host);
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenCount, 2);
    ExpectSeen(0, PsGetCurrentProcessId(), Seen[0].ThreadId, TRUE, Seen[0].ThreadId);
    ExpectSeen(1, PsGetCurrentProcessId(), Seen[0].ThreadId, FALSE, Seen[0].ThreadId);
}

NT_TEST(ThreadNotify, RegistrationErrors)
{
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_PROCEDURE_NOT_FOUND);
    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutineEx((PSCREATETHREADNOTIFYTYPE)2, (PVOID)Watch),
                     STATUS_INVALID_PARAMETER);
    for (int i = 0; i < 64; ++i) {
        NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    }
    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Watch), STATUS_INSUFFICIENT_RESOURCES);
    for (int i = 0; i < 64; ++i) {
        NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    }
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_PROCEDURE_NOT_FOUND);
}

/* Each registration is a call. */
NT_TEST(ThreadNotify, ARoutineMayBeRegisteredTwice)
{
    LONG ignored;

    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    RunSystemThread(&ignored);
    NT_EXPECT_EQ(SeenCount, 4);
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    RunSystemThread(&ignored);
    NT_EXPECT_EQ(SeenCount, 6);
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
}

/* A thread that could not be handed out never ran, and nobody hears of it. */
NT_TEST(ThreadNotify, AThreadThatFailsIsNotTold)
{
    NTSTATUS status = STATUS_SUCCESS;
    HANDLE handles[400];
    LONG made = 0;
    LONG failures;

    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    for (failures = 1; failures < 6; ++failures) {
        CLIENT_ID id;
        SimSetFaultPlan("pool", (uint64_t)failures);
        status = PspCreateUserThread((PVOID)UserRoutine, NULL, FALSE, &handles[made], &id);
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            ZwWaitForSingleObject(handles[made], FALSE, NULL);
            ++made;
        }
    }
    NT_EXPECT_TRUE(made > 0 && made < 5);
    PspJoinEndedThreads();
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Watch), STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenCount, 2 * made);
    NT_EXPECT_EQ(Ran, made);
    while (made > 0) {
        ZwClose(handles[--made]);
    }
}

static KEVENT Entered;
static KEVENT Proceed;
static LONG Left;

static VOID NTAPI
Linger(HANDLE ProcessId, HANDLE ThreadId, BOOLEAN Create)
{
    if (!Create) {
        KeSetEvent(&Entered, 0, FALSE);
        KeWaitForSingleObject(&Proceed, Executive, KernelMode, FALSE, NULL);
        __atomic_store_n(&Left, 1, __ATOMIC_RELEASE);
    }
}

static VOID NTAPI
LetProceed(PVOID Context)
{
    HalpYield();
    KeSetEvent(&Proceed, 0, FALSE);
}

NT_TEST_SEEDS(ThreadNotify, RemovalWaitsForRunningCalls, 20)
{
    PETHREAD thread;
    PETHREAD helper;

    KeInitializeEvent(&Entered, NotificationEvent, FALSE);
    KeInitializeEvent(&Proceed, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(PspCreateReferencedSystemThread(LetProceed, NULL, &helper), STATUS_SUCCESS);
    KeWaitForSingleObject(helper, Executive, KernelMode, FALSE, NULL);
    KeClearEvent(&Proceed);
    ObDereferenceObject(helper);
    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(Linger), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PspCreateReferencedSystemThread(SystemRoutine, &SeenCount, &thread),
                     STATUS_SUCCESS);
    KeWaitForSingleObject(&Entered, Executive, KernelMode, FALSE, NULL);
    NT_EXPECT_STATUS(PspCreateReferencedSystemThread(LetProceed, NULL, &helper), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(Linger), STATUS_SUCCESS);
    NT_EXPECT_EQ(__atomic_load_n(&Left, __ATOMIC_ACQUIRE), 1);
    KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(helper, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(thread);
    ObDereferenceObject(helper);
}
