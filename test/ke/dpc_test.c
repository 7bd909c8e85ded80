/* SPDX-License-Identifier: MIT
 *
 * test/ke/dpc_test.c - deferred procedure calls
 */
#include "ke_test.h"

static LONG Runs;
static PVOID LastArguments[3];
static KIRQL RunIrql;
static ULONG RunProcessor;
static KTHREAD *RunThread;

static VOID NTAPI
Record(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LastArguments[0] = Context;
    LastArguments[1] = Argument1;
    LastArguments[2] = Argument2;
    RunIrql = KeGetCurrentIrql();
    RunProcessor = KeGetCurrentProcessorNumberEx(NULL);
    RunThread = KiGetCurrentThread();
    BUMP(Runs);
}

NT_TEST(KeDpc, RunsAtDispatchLevelBeforeInsertReturns)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, Record, (PVOID)1);
    NT_EXPECT_EQ(KeInsertQueueDpc(&dpc, (PVOID)2, (PVOID)3), TRUE);
    NT_EXPECT_EQ(Runs, 1);
    NT_EXPECT_EQ(RunIrql, DISPATCH_LEVEL);
    for (ULONG i = 0; i < 3; i++) {
        NT_EXPECT_EQ(LastArguments[i], (PVOID)(ULONG_PTR)(i + 1));
    }
}

NT_TEST(KeDpc, QueuedAtDispatchLevelRunsOnceWhenTheIrqlDrops)
{
    KDPC dpc;
    KIRQL old;

    KeInitializeDpc(&dpc, Record, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    NT_EXPECT_EQ(KeInsertQueueDpc(&dpc, (PVOID)1, NULL), TRUE);
    NT_EXPECT_EQ(KeInsertQueueDpc(&dpc, (PVOID)2, NULL), FALSE);
    NT_EXPECT_EQ(Runs, 0);
    KeLowerIrql(old);
    NT_EXPECT_EQ(Runs, 1);
    NT_EXPECT_EQ(LastArguments[1], (PVOID)1);
}

NT_TEST(KeDpc, RemovedDpcDoesNotRun)
{
    KDPC dpc;
    KIRQL old;

    KeInitializeDpc(&dpc, Record, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    NT_EXPECT_EQ(KiCountDpcsInRange((ULONG_PTR)&dpc, sizeof(dpc)), 1);
    NT_EXPECT_EQ(KeRemoveQueueDpc(&dpc), TRUE);
    NT_EXPECT_EQ(KeRemoveQueueDpc(&dpc), FALSE);
    NT_EXPECT_EQ(KiCountDpcsInRange((ULONG_PTR)&dpc, sizeof(dpc)), 0);
    KeLowerIrql(old);
    NT_EXPECT_EQ(Runs, 0);
}

static ULONG Order[3];
static ULONG Ordered;

static VOID NTAPI
RecordOrder(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    Order[Ordered++] = (ULONG)(ULONG_PTR)Context;
}

NT_TEST(KeDpc, RunInOrderAndHighImportanceFirst)
{
    KDPC dpcs[3];
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    for (ULONG i = 0; i < 3; i++) {
        KeInitializeDpc(&dpcs[i], RecordOrder, (PVOID)(ULONG_PTR)i);
        KeSetImportanceDpc(&dpcs[i], i == 2 ? HighImportance : MediumImportance);
        KeInsertQueueDpc(&dpcs[i], NULL, NULL);
    }
    KeLowerIrql(old);
    NT_EXPECT_EQ(Order[0], 2);
    NT_EXPECT_EQ(Order[1], 0);
    NT_EXPECT_EQ(Order[2], 1);
}

/* Its caller does not run the queue; the processor does when it has nothing else to do. */
NT_TEST_SEEDS(KeDpc, LowImportanceIsLeftToTheProcessor, 30)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, Record, NULL);
    KeSetImportanceDpc(&dpc, LowImportance);
    NT_EXPECT_TRUE(KeInsertQueueDpc(&dpc, (PVOID)1, NULL));
    while (READ(Runs) == 0) {
        HalpYield();
    }
    NT_EXPECT_NE(RunThread, KiGetCurrentThread());
    NT_EXPECT_EQ(LastArguments[1], (PVOID)1);
    NT_EXPECT_EQ(RunIrql, DISPATCH_LEVEL);
    KeSetTargetProcessorDpc(&dpc, 1);
    NT_EXPECT_TRUE(KeInsertQueueDpc(&dpc, NULL, NULL));
    while (READ(Runs) == 1) {
        HalpYield();
    }
    NT_EXPECT_NE(RunThread, KiGetCurrentThread());
    NT_EXPECT_EQ(RunProcessor, 1);
}

/* Behind those that are there, and run with them. */
NT_TEST(KeDpc, LowImportanceGoesToTheEndAndRunsWithTheOthers)
{
    KDPC dpcs[3];
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    for (ULONG i = 0; i < 3; i++) {
        KeInitializeDpc(&dpcs[i], RecordOrder, (PVOID)(ULONG_PTR)i);
        KeSetImportanceDpc(&dpcs[i], i == 1 ? LowImportance : MediumHighImportance);
        KeInsertQueueDpc(&dpcs[i], NULL, NULL);
    }
    KeLowerIrql(old);
    NT_EXPECT_EQ(Ordered, 3);
    for (ULONG i = 0; i < 3; i++) {
        NT_EXPECT_EQ(Order[i], i);
    }
}

NT_TEST_SEEDS(KeDpc, FlushRunsThoseOfLowImportance, 30)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, Record, NULL);
    KeSetImportanceDpc(&dpc, LowImportance);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    NT_EXPECT_EQ(READ(Runs), 1);
}

static VOID NTAPI
Requeue(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    if (++Runs < 5) {
        NT_EXPECT_EQ(KeInsertQueueDpc(Dpc, NULL, NULL), TRUE);
    }
}

NT_TEST(KeDpc, RoutineMayQueueItself)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, Requeue, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    NT_EXPECT_EQ(Runs, 5);
}

NT_TEST(KeDpc, TargetedDpcRunsOnItsProcessor)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, Record, NULL);
    for (ULONG i = 0; i < KE_TEST_PROCESSORS; i++) {
        PROCESSOR_NUMBER number = {0, (UCHAR)i, 0};
        NT_EXPECT_STATUS(KeSetTargetProcessorDpcEx(&dpc, &number), STATUS_SUCCESS);
        KeInsertQueueDpc(&dpc, NULL, NULL);
        NT_EXPECT_EQ(Runs, (LONG)i + 1);
        NT_EXPECT_EQ(RunProcessor, i);
    }
}

/* From DISPATCH_LEVEL to another processor that is free: its DPC thread runs it. */
NT_TEST_SEEDS(KeDpc, FreeProcessorRunsItWhileTheCallerStaysAtDispatchLevel, 20)
{
    KDPC dpc;
    KIRQL old;
    ULONG other;

    KeInitializeDpc(&dpc, Record, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    other = 1 - KeGetCurrentProcessorNumberEx(NULL);
    KeSetTargetProcessorDpc(&dpc, (CCHAR)other);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    while (__atomic_load_n(&Runs, __ATOMIC_ACQUIRE) == 0) {
        HalpPause();
    }
    NT_EXPECT_EQ(RunProcessor, other);
    NT_EXPECT_NE(RunThread, KiGetCurrentThread());
    KeLowerIrql(old);
}

NT_TEST(KeDpc, UninitializedDpcIsABugcheck)
{
    KDPC dpc;

    memset(&dpc, 0, sizeof(dpc));
    NT_EXPECT_BUGCHECK(TIMER_OR_DPC_INVALID, KeInsertQueueDpc(&dpc, NULL, NULL));
}

NT_TEST(KeDpc, TargetBeyondTheLastProcessorIsABugcheck)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, Record, NULL);
    NT_EXPECT_BUGCHECK(TIMER_OR_DPC_INVALID, KeSetTargetProcessorDpc(&dpc, KE_TEST_PROCESSORS));
}

static VOID NTAPI
Lower(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KeLowerIrql(PASSIVE_LEVEL);
}

static VOID NTAPI
Raise(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KfRaiseIrql(HIGH_LEVEL);
}

static KSPIN_LOCK Lock;

static VOID NTAPI
KeepLock(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KeAcquireSpinLockAtDpcLevel(&Lock);
}

static VOID NTAPI
Block(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    WaitFor(&event, NULL);
}

static VOID
RunRoutine(PKDEFERRED_ROUTINE Routine)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, Routine, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
}

NT_TEST(KeDpc, LoweringTheIrqlInARoutineIsABugcheck)
{
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, RunRoutine(Lower));
}

NT_TEST(KeDpc, ReturningAtAnotherIrqlIsABugcheck)
{
    NT_EXPECT_BUGCHECK(IRQL_UNEXPECTED_VALUE, RunRoutine(Raise));
}

NT_TEST(KeDpc, ReturningWithASpinLockIsABugcheck)
{
    NT_EXPECT_BUGCHECK(IRQL_UNEXPECTED_VALUE, RunRoutine(KeepLock));
}

NT_TEST(KeDpc, BlockingInARoutineIsABugcheck)
{
    NT_EXPECT_BUGCHECK(ATTEMPTED_SWITCH_FROM_DPC, RunRoutine(Block));
}

/* Data of one processor, guarded by nothing but DISPATCH_LEVEL on it. */
static LONG PerProcessor[KE_TEST_PROCESSORS];
static KDPC SharedDpcs[KE_TEST_PROCESSORS];
static LONG Inserted;

static VOID NTAPI
TouchOwn(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG number = KeGetCurrentProcessorNumberEx(NULL);

    NT_EXPECT_EQ(number, (ULONG_PTR)Context);
    NT_EXPECT_EQ(PerProcessor[number]++, 0);
    HalpYield();
    NT_EXPECT_EQ(--PerProcessor[number], 0);
    BUMP(Runs);
}

static void
InsertAndTouch(void *Context)
{
    for (ULONG i = 0; i < 10; i++) {
        KIRQL old;
        ULONG number;
        if (KeInsertQueueDpc(&SharedDpcs[i % KE_TEST_PROCESSORS], NULL, NULL)) {
            BUMP(Inserted);
        }
        KeRaiseIrql(DISPATCH_LEVEL, &old);
        number = KeGetCurrentProcessorNumberEx(NULL);
        NT_EXPECT_EQ(PerProcessor[number]++, 0);
        if (KeInsertQueueDpc(&SharedDpcs[(i + 1) % KE_TEST_PROCESSORS], NULL, NULL)) {
            BUMP(Inserted);
        }
        NT_EXPECT_EQ(--PerProcessor[number], 0);
        KeLowerIrql(old);
    }
}

NT_TEST_SEEDS(KeDpc, EveryInsertionRunsOnceAndAloneOnItsProcessor, 60)
{
    TEST_THREAD threads[3];

    for (ULONG i = 0; i < KE_TEST_PROCESSORS; i++) {
        KeInitializeDpc(&SharedDpcs[i], TouchOwn, (PVOID)(ULONG_PTR)i);
        KeSetTargetProcessorDpc(&SharedDpcs[i], (CCHAR)i);
    }
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], InsertAndTouch, NULL);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    SimRunUntilIdle();
    NT_EXPECT_EQ(READ(Runs), READ(Inserted));
}

/* After the flush the routine has run, whoever queued it and wherever it runs. */
static void
InsertFromDispatch(void *Context)
{
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    for (ULONG i = 0; i < KE_TEST_PROCESSORS; i++) {
        if (KeInsertQueueDpc(&SharedDpcs[i], NULL, NULL)) {
            BUMP(Inserted);
        }
    }
    HalpYield();
    KeLowerIrql(old);
}

NT_TEST_SEEDS(KeDpc, FlushWaitsForWhatWasQueued, 60)
{
    TEST_THREAD thread;

    for (ULONG i = 0; i < KE_TEST_PROCESSORS; i++) {
        KeInitializeDpc(&SharedDpcs[i], TouchOwn, (PVOID)(ULONG_PTR)i);
        KeSetTargetProcessorDpc(&SharedDpcs[i], (CCHAR)i);
    }
    StartThread(&thread, InsertFromDispatch, NULL);
    for (ULONG i = 0; i < 10; i++) {
        LONG before = __atomic_load_n(&Inserted, __ATOMIC_SEQ_CST);
        KeFlushQueuedDpcs();
        NT_EXPECT_TRUE(__atomic_load_n(&Runs, __ATOMIC_SEQ_CST) >= before);
    }
    JoinThread(&thread);
    KeFlushQueuedDpcs();
    NT_EXPECT_EQ(READ(Runs), KE_TEST_PROCESSORS);
}

/* ---- targets by number, threaded DPCs ---- */

NT_TEST(KeDpc, TargetByNumberMustExist)
{
    static const PROCESSOR_NUMBER invalid[] = {
        {.Group = 0, .Number = KE_TEST_PROCESSORS},
        {.Group = 1, .Number = 0},
        {.Group = 0, .Number = 0, .Reserved = 1},
    };
    PROCESSOR_NUMBER number = {.Group = 0, .Number = 1};
    KDPC dpc;

    KeInitializeDpc(&dpc, Record, NULL);
    NT_EXPECT_STATUS(KeSetTargetProcessorDpcEx(&dpc, &number), STATUS_SUCCESS);
    NT_FOR_EACH (row, invalid) {
        number = *row;
        NT_EXPECT_STATUS(KeSetTargetProcessorDpcEx(&dpc, &number), STATUS_INVALID_PARAMETER);
    }
    /* What was refused changed nothing. */
    RunProcessor = MAXULONG;
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    NT_EXPECT_EQ(RunProcessor, 1);
}

static KSPIN_LOCK ThreadedLock;
static ULONG ThreadedRuns;

/* At PASSIVE_LEVEL or at DISPATCH_LEVEL: a routine must be ready for both. */
static VOID NTAPI
RunThreaded(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KLOCK_QUEUE_HANDLE handle;
    KIRQL outside = KeGetCurrentIrql();
    KIRQL irql;

    NT_EXPECT_TRUE(outside == PASSIVE_LEVEL || outside == DISPATCH_LEVEL);
    NT_EXPECT_EQ(Context, &ThreadedRuns);
    NT_EXPECT_EQ(Argument1, (ULONG_PTR)1);
    NT_EXPECT_EQ(Argument2, (ULONG_PTR)2);
    irql = KeAcquireSpinLockForDpc(&ThreadedLock);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseSpinLockForDpc(&ThreadedLock, irql);
    NT_EXPECT_EQ(KeGetCurrentIrql(), outside);
    KeAcquireInStackQueuedSpinLockForDpc(&ThreadedLock, &handle);
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseInStackQueuedSpinLockForDpc(&handle);
    NT_EXPECT_EQ(KeGetCurrentIrql(), outside);
    BUMP(ThreadedRuns);
}

NT_TEST_SEEDS(KeDpc, ThreadedDpcRunsOncePerInsertion, 10)
{
    KDPC dpc;
    KIRQL irql;

    KeInitializeThreadedDpc(&dpc, RunThreaded, &ThreadedRuns);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_TRUE(KeInsertQueueDpc(&dpc, (PVOID)(ULONG_PTR)1, (PVOID)(ULONG_PTR)2));
    KeLowerIrql(irql);
    KeFlushQueuedDpcs();
    NT_EXPECT_EQ(READ(ThreadedRuns), 1);
    NT_EXPECT_TRUE(KeInsertQueueDpc(&dpc, (PVOID)(ULONG_PTR)1, (PVOID)(ULONG_PTR)2));
    KeFlushQueuedDpcs();
    NT_EXPECT_EQ(READ(ThreadedRuns), 2);
}
