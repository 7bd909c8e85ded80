/* SPDX-License-Identifier: MIT
 *
 * suspend_test.c - threads that stand still: counts, at creation and by their own will
 */
#include "ps/psp.h"
#include "ps_test.h"

#define RIGHT_TO_QUERY 0x0040u
#define RIGHT_TO_SUSPEND 0x0002u
#define LIMIT 127u

static LONG Started; /* atomic */
static LONG Passed;  /* atomic: behind a suspension */
static NTSTATUS SelfStatus;
static ULONG SelfPrevious;

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

static NTSTATUS
CountStart(PVOID Context)
{
    __atomic_fetch_add(&Started, 1, __ATOMIC_ACQ_REL);
    return 3;
}

/* What a call from user mode would do: the thread is its own process's. */
static NTSTATUS
SuspendSelf(PVOID Context)
{
    KTHREAD *thread = KiGetCurrentThread();

    __atomic_fetch_add(&Started, 1, __ATOMIC_ACQ_REL);
    for (ULONG i = 0; i < (ULONG)(ULONG_PTR)Context; ++i) {
        thread->PreviousMode = UserMode;
        SelfStatus = NtSuspendThread(NtCurrentThread(), &SelfPrevious);
        thread->PreviousMode = KernelMode;
        __atomic_fetch_add(&Passed, 1, __ATOMIC_ACQ_REL);
    }
    return 4;
}

static HANDLE
Make(NTSTATUS (*Routine)(PVOID), ULONG_PTR Context, BOOLEAN Suspended)
{
    HANDLE handle;

    NT_EXPECT_STATUS(NtboxCreateThread(&handle, Routine, (PVOID)Context, Suspended, NULL),
                     STATUS_SUCCESS);
    return handle;
}

static VOID
Join(HANDLE Handle)
{
    NT_EXPECT_STATUS(ZwWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(Handle), STATUS_SUCCESS);
}

static VOID
ExpectCount(NTSTATUS (*Service)(HANDLE, PULONG), HANDLE Handle, ULONG Count)
{
    ULONG previous = 0xAAAA;

    NT_EXPECT_STATUS(Service(Handle, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, Count);
}

/* As many resumes as suspensions, the creation's included. */
NT_TEST_SEEDS(Suspend, EverySuspensionIsTakenBack, 10)
{
    HANDLE handle = Make(CountStart, 0, TRUE);

    SimRunUntilIdle();
    ExpectCount(NtSuspendThread, handle, 1);
    ExpectCount(NtSuspendThread, handle, 2);
    ExpectCount(NtResumeThread, handle, 3);
    ExpectCount(NtSuspendThread, handle, 2);
    NT_EXPECT_STATUS(NtSuspendThread(handle, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtResumeThread(handle, NULL), STATUS_SUCCESS);
    ExpectCount(NtResumeThread, handle, 3);
    ExpectCount(NtResumeThread, handle, 2);
    SimRunUntilIdle();
    NT_EXPECT_EQ(__atomic_load_n(&Started, __ATOMIC_ACQUIRE), 0);
    ExpectCount(NtResumeThread, handle, 1);
    NT_EXPECT_STATUS(ZwWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(Started, 1);
    ExpectCount(NtResumeThread, handle, 0);
    NT_EXPECT_STATUS(NtSuspendThread(handle, NULL), STATUS_THREAD_IS_TERMINATING);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
}

NT_TEST(Suspend, TheCountHasALimit)
{
    HANDLE handle = Make(CountStart, 0, TRUE);
    ULONG previous = 7;

    for (ULONG i = 1; i < LIMIT; ++i) {
        ExpectCount(NtSuspendThread, handle, i);
    }
    NT_EXPECT_STATUS(NtSuspendThread(handle, &previous), STATUS_SUSPEND_COUNT_EXCEEDED);
    NT_EXPECT_EQ(previous, 7);
    for (ULONG i = LIMIT; i > 0; --i) {
        NT_EXPECT_EQ(__atomic_load_n(&Started, __ATOMIC_ACQUIRE), 0);
        ExpectCount(NtResumeThread, handle, i);
    }
    Join(handle);
    NT_EXPECT_EQ(Started, 1);
}

/* A thread that suspends itself returns from the call when another one resumes it. */
NT_TEST_SEEDS(Suspend, OfItself, 20)
{
    HANDLE handle = Make(SuspendSelf, 2, FALSE);
    LARGE_INTEGER none = {.QuadPart = 0};

    for (LONG round = 0; round < 2; ++round) {
        SimRunUntilIdle();
        NT_EXPECT_EQ(__atomic_load_n(&Started, __ATOMIC_ACQUIRE), 1);
        NT_EXPECT_EQ(__atomic_load_n(&Passed, __ATOMIC_ACQUIRE), round);
        NT_EXPECT_STATUS(ZwWaitForSingleObject(handle, FALSE, &none), STATUS_TIMEOUT);
        /* It stands still, so another thread may add to the count. */
        ExpectCount(NtSuspendThread, handle, 1);
        ExpectCount(NtResumeThread, handle, 2);
        SimRunUntilIdle();
        NT_EXPECT_EQ(__atomic_load_n(&Passed, __ATOMIC_ACQUIRE), round);
        ExpectCount(NtResumeThread, handle, 1);
    }
    Join(handle);
    NT_EXPECT_EQ(Passed, 2);
    NT_EXPECT_STATUS(SelfStatus, STATUS_SUCCESS);
    NT_EXPECT_EQ(SelfPrevious, 0);
}

/* No resume is lost, whenever it comes: each one lets exactly one suspension pass. */
NT_TEST_SEEDS(Suspend, ResumesThatRaceWithTheSuspension, 200)
{
    HANDLE handle = Make(SuspendSelf, 5, FALSE);
    ULONG resumed = 0;

    while (resumed < 5) {
        ULONG previous;

        NT_EXPECT_STATUS(NtResumeThread(handle, &previous), STATUS_SUCCESS);
        resumed += previous;
        HalpYield();
    }
    Join(handle);
    NT_EXPECT_EQ(Passed, 5);
}

static KEVENT Release;

static NTSTATUS
WaitForRelease(PVOID Context)
{
    __atomic_fetch_add(&Started, 1, __ATOMIC_ACQ_REL);
    KeWaitForSingleObject(&Release, Executive, KernelMode, FALSE, NULL);
    return 0;
}

/* A host thread cannot be stopped at any place; it says so and runs on. */
NT_TEST(Suspend, ARunningThreadIsRefused)
{
    ULONG previous = 7;
    HANDLE handle;

    KeInitializeEvent(&Release, NotificationEvent, FALSE);
    handle = Make(WaitForRelease, 0, FALSE);
    SimRunUntilIdle();
    NT_EXPECT_STATUS(NtSuspendThread(handle, &previous), STATUS_NOT_SUPPORTED);
    NT_EXPECT_EQ(previous, 7);
    ExpectCount(NtResumeThread, handle, 0);
    KeSetEvent(&Release, 0, FALSE);
    Join(handle);
}

NT_TEST(Suspend, HandlesAndPointersAreChecked)
{
    static NTSTATUS (*const services[])(HANDLE, PULONG) = {NtSuspendThread, NtResumeThread};
    KTHREAD *self = KiGetCurrentThread();
    HANDLE handle = Make(CountStart, 0, TRUE);
    ULONG *pool = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*pool), 'tseT');
    HANDLE weak;

    NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &weak,
                                       RIGHT_TO_QUERY, 0, 0),
                     STATUS_SUCCESS);
    NT_FOR_EACH (service, services) {
        NT_EXPECT_STATUS((*service)((HANDLE)0x4444, NULL), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS((*service)(NtCurrentProcess(), NULL), STATUS_OBJECT_TYPE_MISMATCH);
        self->PreviousMode = UserMode;
        NT_EXPECT_STATUS((*service)(weak, NULL), STATUS_ACCESS_DENIED);
        NT_EXPECT_STATUS((*service)(handle, pool), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS((*service)(handle, (PULONG)16), STATUS_ACCESS_VIOLATION);
        self->PreviousMode = KernelMode;
    }
    /* None of these has counted. */
    ExpectCount(NtSuspendThread, handle, 1);
    ExpectCount(NtResumeThread, handle, 2);
    ExpectCount(NtResumeThread, handle, 1);
    NT_EXPECT_STATUS(ZwClose(weak), STATUS_SUCCESS);
    Join(handle);
    ExFreePoolWithTag(pool, 'tseT');
}

/* The end of the process takes a suspended thread out of the kernel, as it does a waiting one. */
NT_TEST_SEEDS(Suspend, EndsWithTheProcess, 10)
{
    HANDLE handle = Make(SuspendSelf, 1, FALSE);
    PETHREAD thread;

    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handle, RIGHT_TO_SUSPEND, *PsThreadType, KernelMode,
                                               (PVOID *)&thread, NULL),
                     STATUS_SUCCESS);
    SimRunUntilIdle();
    NT_EXPECT_EQ(__atomic_load_n(&Passed, __ATOMIC_ACQUIRE), 0);
    KiEndUserWaits(&thread->Tcb);
    Join(handle);
    NT_EXPECT_EQ(Passed, 1);
    ObDereferenceObject(thread);
}
