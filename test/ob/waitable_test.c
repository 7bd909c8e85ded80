/* SPDX-License-Identifier: MIT
 *
 * test/ob/waitable_test.c - the services on mutants, semaphores and events, and the delay: the Zw
 * forms, previous values, rights, bad handles and pointers
 */
#include "ob_test.h"

/* No header of the DDK has these; drivers that use them declare them. */
NTSTATUS NTAPI ZwCreateMutant(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                              BOOLEAN InitialOwner);
NTSTATUS NTAPI ZwReleaseMutant(HANDLE Handle, PLONG Previous);
NTSTATUS NTAPI ZwCreateSemaphore(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                                 LONG InitialCount, LONG MaximumCount);
NTSTATUS NTAPI ZwReleaseSemaphore(HANDLE Handle, LONG Count, PLONG Previous);
NTSTATUS NTAPI ZwDelayExecution(BOOLEAN Alertable, PLARGE_INTEGER Interval);

#define MODIFY_STATE 2u

static LARGE_INTEGER None;
static PVOID Kernel; /* where no pointer of user mode may lead */

static VOID
MakeKernelRoom(void)
{
    Kernel = ExAllocatePoolWithTag(NonPagedPool, 64, OB_TAG);
}

static NTSTATUS
Poll(HANDLE Handle)
{
    return ZwWaitForSingleObject(Handle, FALSE, &None);
}

/* ---- mutants ---- */

typedef struct OTHER {
    HANDLE Mutant;
    NTSTATUS Wait;
    NTSTATUS Release;
} OTHER;

static void
WaitAndRelease(void *Context)
{
    OTHER *other = Context;

    other->Release = ZwReleaseMutant(other->Mutant, NULL);
    other->Wait = Poll(other->Mutant);
}

NT_TEST(ObWaitable, MutantsOfAnotherThread)
{
    OTHER other = {0};
    TEST_THREAD thread;
    LONG previous = 7;

    NT_EXPECT_STATUS(ZwCreateMutant(&other.Mutant, MAXIMUM_ALLOWED, NULL, TRUE), STATUS_SUCCESS);
    StartThread(&thread, WaitAndRelease, &other);
    JoinThread(&thread);
    NT_EXPECT_STATUS(other.Wait, STATUS_TIMEOUT);
    NT_EXPECT_STATUS(other.Release, STATUS_MUTANT_NOT_OWNED);
    NT_EXPECT_STATUS(ZwReleaseMutant(other.Mutant, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(ZwReleaseMutant(other.Mutant, &previous), STATUS_MUTANT_NOT_OWNED);
    StartThread(&thread, WaitAndRelease, &other);
    JoinThread(&thread);
    NT_EXPECT_STATUS(other.Wait, STATUS_WAIT_0);
    /* It ended as the owner. */
    NT_EXPECT_STATUS(Poll(other.Mutant), STATUS_ABANDONED);
    NT_EXPECT_STATUS(ZwReleaseMutant(other.Mutant, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Poll(other.Mutant), STATUS_WAIT_0);
    NT_EXPECT_STATUS(ZwReleaseMutant(other.Mutant, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(other.Mutant), STATUS_SUCCESS);
}

NT_TEST(ObWaitable, MutantErrors)
{
    UNICODE_STRING name = Name(L"\\BaseNamedObjects\\M");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    HANDLE mutant;
    HANDLE event;
    HANDLE again;

    MakeKernelRoom();
    NT_EXPECT_STATUS(ZwCreateMutant(&mutant, MAXIMUM_ALLOWED, &attributes, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwCreateMutant(&again, MAXIMUM_ALLOWED, &attributes, FALSE),
                     STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwReleaseMutant(event, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(ZwReleaseMutant((HANDLE)0x4444, NULL), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(AS_USER(NtCreateMutant(Kernel, MAXIMUM_ALLOWED, NULL, FALSE)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(AS_USER(NtCreateMutant(&again, 0x100, NULL, FALSE)), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(Poll(mutant), STATUS_WAIT_0);
    NT_EXPECT_STATUS(AS_USER(NtReleaseMutant(mutant, Kernel)), STATUS_ACCESS_VIOLATION);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(ZwCreateMutant(&again, MAXIMUM_ALLOWED, NULL, FALSE),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(ZwClose(mutant), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(event), STATUS_SUCCESS);
    ExFreePool(Kernel);
}

/* ---- semaphores ---- */

NT_TEST(ObWaitable, SemaphoresCountUpToTheirLimit)
{
    LONG previous = 7;
    HANDLE semaphore;

    NT_EXPECT_STATUS(ZwCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, NULL, 0, 3),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(Poll(semaphore), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(semaphore, 2, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(semaphore, 2, &previous), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(semaphore, MAXLONG, &previous),
                     STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    NT_EXPECT_EQ(previous, 0);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(semaphore, 1, &previous), STATUS_SUCCESS);
    NT_EXPECT_EQ(previous, 2);
    for (ULONG i = 0; i < 3; i++) {
        NT_EXPECT_STATUS(Poll(semaphore), STATUS_WAIT_0);
    }
    NT_EXPECT_STATUS(Poll(semaphore), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(semaphore, 0, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(semaphore, -1, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(semaphore, 1, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(semaphore), STATUS_SUCCESS);
}

NT_TEST(ObWaitable, SemaphoreErrors)
{
    static const struct {
        LONG Initial;
        LONG Maximum;
    } bad[] = {{0, 0}, {0, -1}, {-1, 1}, {2, 1}};
    UNICODE_STRING name = Name(L"\\BaseNamedObjects\\S");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    HANDLE semaphore;
    HANDLE weak;
    HANDLE event;

    MakeKernelRoom();
    NT_FOR_EACH (row, bad) {
        NT_EXPECT_STATUS(
            ZwCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, NULL, row->Initial, row->Maximum),
            STATUS_INVALID_PARAMETER);
    }
    NT_EXPECT_STATUS(ZwCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, &attributes, 0, 1),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwCreateSemaphore(&weak, SEMAPHORE_ALL_ACCESS, &attributes, 0, 1),
                     STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_STATUS(AS_USER(NtOpenSemaphore(&weak, SYNCHRONIZE, &attributes)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtReleaseSemaphore(weak, 1, NULL)), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(Poll(weak), STATUS_TIMEOUT);
    NT_EXPECT_STATUS(AS_USER(NtReleaseSemaphore(semaphore, 1, Kernel)), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(AS_USER(NtCreateSemaphore(Kernel, SYNCHRONIZE, NULL, 0, 1)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwReleaseSemaphore(event, 1, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(ZwReleaseSemaphore((HANDLE)0x4444, 1, NULL), STATUS_INVALID_HANDLE);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(ZwCreateSemaphore(&weak, SYNCHRONIZE, NULL, 0, 1),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(ZwClose(event), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(weak), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(semaphore), STATUS_SUCCESS);
    ExFreePool(Kernel);
}

/* ---- events ---- */

NT_TEST(ObWaitable, ResettingEvents)
{
    static const EVENT_TYPE types[] = {NotificationEvent, SynchronizationEvent};

    MakeKernelRoom();
    NT_FOR_EACH (type, types) {
        UNICODE_STRING name = Name(L"\\BaseNamedObjects\\E");
        OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
        LONG previous = 7;
        HANDLE event;
        HANDLE weak;

        NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, *type, TRUE),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwResetEvent(event, &previous), STATUS_SUCCESS);
        NT_EXPECT_EQ(previous, 1);
        NT_EXPECT_STATUS(Poll(event), STATUS_TIMEOUT);
        NT_EXPECT_STATUS(ZwResetEvent(event, &previous), STATUS_SUCCESS);
        NT_EXPECT_EQ(previous, 0);
        NT_EXPECT_STATUS(ZwSetEvent(event, NULL), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwResetEvent(event, NULL), STATUS_SUCCESS);
        NT_EXPECT_STATUS(Poll(event), STATUS_TIMEOUT);
        NT_EXPECT_STATUS(AS_USER(NtOpenEvent(&weak, SYNCHRONIZE, &attributes)), STATUS_SUCCESS);
        NT_EXPECT_STATUS(AS_USER(NtResetEvent(weak, NULL)), STATUS_ACCESS_DENIED);
        NT_EXPECT_STATUS(AS_USER(NtResetEvent(event, Kernel)), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(ZwResetEvent((HANDLE)0x4444, NULL), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS(ZwClose(weak), STATUS_SUCCESS);
        NT_EXPECT_STATUS(NtCreateMutant(&weak, MAXIMUM_ALLOWED, NULL, FALSE), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwResetEvent(weak, NULL), STATUS_OBJECT_TYPE_MISMATCH);
        NT_EXPECT_STATUS(ZwClose(weak), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwClose(event), STATUS_SUCCESS);
    }
    ExFreePool(Kernel);
}

/* ---- the delay ---- */

NT_TEST(ObWaitable, DelaysAreRelativeOrAbsolute)
{
    LARGE_INTEGER interval = {.QuadPart = -20 * 10000};
    ULONG64 before = HalpMonotonicTime();
    ULONG64 system;

    NT_EXPECT_STATUS(ZwDelayExecution(FALSE, &interval), STATUS_SUCCESS);
    NT_EXPECT_TRUE(HalpMonotonicTime() - before >= 20000000);
    system = HalpSystemTime() + 30 * 10000;
    interval.QuadPart = (LONGLONG)system;
    NT_EXPECT_STATUS(ZwDelayExecution(FALSE, &interval), STATUS_SUCCESS);
    NT_EXPECT_TRUE(HalpSystemTime() >= system);
    /* A time that is past is no delay. */
    before = HalpMonotonicTime();
    interval.QuadPart = 1;
    NT_EXPECT_STATUS(ZwDelayExecution(TRUE, &interval), STATUS_SUCCESS);
    interval.QuadPart = 0;
    NT_EXPECT_STATUS(ZwDelayExecution(FALSE, &interval), STATUS_SUCCESS);
    NT_EXPECT_TRUE(HalpMonotonicTime() - before < 20000000);
}

typedef struct SLEEPER {
    LONG Ready; /* atomic */
    NTSTATUS Status;
} SLEEPER;

static void
SleepAlertably(void *Context)
{
    LARGE_INTEGER interval = {.QuadPart = -1000 * 10000};
    SLEEPER *sleeper = Context;

    __atomic_store_n(&sleeper->Ready, 1, __ATOMIC_RELEASE);
    sleeper->Status = ZwDelayExecution(TRUE, &interval);
}

/* An alert ends an alertable delay, before its time. */
NT_TEST_SEEDS(ObWaitable, AnAlertEndsTheDelay, 10)
{
    LARGE_INTEGER pause = {.QuadPart = -10 * 10000};
    ULONG64 before = HalpMonotonicTime();
    SLEEPER sleeper = {0};
    TEST_THREAD thread;

    StartThread(&thread, SleepAlertably, &sleeper);
    while (__atomic_load_n(&sleeper.Ready, __ATOMIC_ACQUIRE) == 0) {
        HalpYield();
    }
    NT_EXPECT_STATUS(ZwDelayExecution(FALSE, &pause), STATUS_SUCCESS); /* of the simulated clock */
    KiAlertThread(thread.Tcb);
    JoinThread(&thread);
    NT_EXPECT_STATUS(sleeper.Status, STATUS_ALERTED);
    NT_EXPECT_TRUE(HalpMonotonicTime() - before < 1000000000);
}
