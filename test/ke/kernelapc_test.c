/* SPDX-License-Identifier: MIT
 *
 * test/ke/kernelapc_test.c - kernel APCs: when they run, what holds them off, waits, thread ends
 */
#define KE_TEST_PROCESSORS 3
#include "ke_test.h"

typedef struct TEST_APC {
    KAPC Apc;
    ULONG Kernel; /* how often each routine ran; atomic */
    ULONG Normal;
    ULONG Rundown;
    KTHREAD *Thread; /* on which */
} TEST_APC;

static ULONG NormalDepth; /* of the thread that runs them */
static PVOID Order[16];
static ULONG Ordered; /* atomic */

static VOID NTAPI
OnKernel(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    TEST_APC *apc = CONTAINING_RECORD(Apc, TEST_APC, Apc);

    NT_EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    NT_EXPECT_EQ(KiGetCurrentThread(), apc->Apc.Thread);
    NT_EXPECT_EQ(KiGetCurrentThread()->SpecialApcDisable, 0);
    apc->Thread = KiGetCurrentThread();
    Order[BUMP(Ordered) % ARRAYSIZE(Order)] = apc;
    BUMP(apc->Kernel);
}

static VOID NTAPI
OnNormal(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    TEST_APC *apc = Context;

    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_FALSE(KeAreApcsDisabled());
    NT_EXPECT_EQ(Argument1, 1);
    NT_EXPECT_EQ(Argument2, 2);
    NT_EXPECT_EQ(READ(apc->Kernel), READ(apc->Normal) + 1);
    BUMP(apc->Normal);
}

static VOID NTAPI
OnRundown(PKAPC Apc)
{
    BUMP(CONTAINING_RECORD(Apc, TEST_APC, Apc)->Rundown);
}

static VOID
PrepareSpecial(TEST_APC *Apc, KTHREAD *Thread)
{
    memset(Apc, 0, sizeof(*Apc));
    KeInitializeApc(&Apc->Apc, Thread, OriginalApcEnvironment, OnKernel, OnRundown, NULL,
                    KernelMode, NULL);
}

static VOID
PrepareNormal(TEST_APC *Apc, KTHREAD *Thread)
{
    memset(Apc, 0, sizeof(*Apc));
    KeInitializeApc(&Apc->Apc, Thread, OriginalApcEnvironment, OnKernel, OnRundown, OnNormal,
                    KernelMode, Apc);
}

static BOOLEAN
Insert(TEST_APC *Apc)
{
    return KeInsertQueueApc(&Apc->Apc, (PVOID)(ULONG_PTR)1, (PVOID)(ULONG_PTR)2, 0);
}

#define EXPECT_RUNS(apc, kernel, normal)      \
    do {                                      \
        NT_EXPECT_EQ((apc).Kernel, (kernel)); \
        NT_EXPECT_EQ((apc).Normal, (normal)); \
    } while (0)

/* ---- what runs, and when ---- */

NT_TEST(KeKernelApc, RunsAtOnceIfNothingHoldsItOff)
{
    TEST_APC special;
    TEST_APC normal;

    PrepareSpecial(&special, KeGetCurrentThread());
    PrepareNormal(&normal, KeGetCurrentThread());
    NT_EXPECT_TRUE(Insert(&special));
    EXPECT_RUNS(special, 1, 0);
    NT_EXPECT_TRUE(Insert(&normal));
    EXPECT_RUNS(normal, 1, 1);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_TRUE(Insert(&normal));
    EXPECT_RUNS(normal, 2, 2);
}

/* The IRQL is what KeLowerIrql, or the release of a spin lock, goes back to. */
NT_TEST(KeKernelApc, RunsWhenTheIrqlDropsBelowApcLevel)
{
    TEST_APC special;
    TEST_APC normal;
    KSPIN_LOCK lock = 0;
    KIRQL irql;
    KIRQL inner;

    PrepareSpecial(&special, KeGetCurrentThread());
    PrepareNormal(&normal, KeGetCurrentThread());
    KeRaiseIrql(APC_LEVEL, &irql);
    NT_EXPECT_TRUE(Insert(&normal));
    KeRaiseIrql(DISPATCH_LEVEL, &inner);
    NT_EXPECT_TRUE(Insert(&special));
    KeLowerIrql(inner);
    EXPECT_RUNS(special, 0, 0);
    EXPECT_RUNS(normal, 0, 0);
    KeLowerIrql(irql);
    EXPECT_RUNS(special, 1, 0);
    EXPECT_RUNS(normal, 1, 1);
    KeAcquireSpinLock(&lock, &irql);
    NT_EXPECT_TRUE(Insert(&normal));
    EXPECT_RUNS(normal, 1, 1);
    KeReleaseSpinLock(&lock, irql);
    EXPECT_RUNS(normal, 2, 2);
}

NT_TEST(KeKernelApc, CriticalRegionHoldsOffNormalOnes)
{
    TEST_APC special;
    TEST_APC normal;
    KIRQL irql;

    PrepareSpecial(&special, KeGetCurrentThread());
    PrepareNormal(&normal, KeGetCurrentThread());
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    NT_EXPECT_TRUE(Insert(&normal));
    NT_EXPECT_TRUE(Insert(&special));
    EXPECT_RUNS(special, 1, 0);
    KeRaiseIrql(APC_LEVEL, &irql);
    KeLowerIrql(irql);
    KeLeaveCriticalRegion();
    EXPECT_RUNS(normal, 0, 0);
    KeLeaveCriticalRegion();
    EXPECT_RUNS(normal, 1, 1);
}

NT_TEST(KeKernelApc, GuardedRegionHoldsOffBoth)
{
    TEST_APC special;
    TEST_APC normal;

    PrepareSpecial(&special, KeGetCurrentThread());
    PrepareNormal(&normal, KeGetCurrentThread());
    KeEnterCriticalRegion();
    KeEnterGuardedRegion();
    KeEnterGuardedRegion();
    NT_EXPECT_TRUE(Insert(&normal));
    NT_EXPECT_TRUE(Insert(&special));
    KeLeaveGuardedRegion();
    EXPECT_RUNS(special, 0, 0);
    KeLeaveGuardedRegion();
    EXPECT_RUNS(special, 1, 0);
    EXPECT_RUNS(normal, 0, 0);
    KeLeaveCriticalRegion();
    EXPECT_RUNS(normal, 1, 1);
}

/* Leaving a region at APC_LEVEL delivers nothing: the IRQL still holds them off. */
NT_TEST(KeKernelApc, RegionLeftAtApcLevelDeliversLater)
{
    TEST_APC special;
    KIRQL irql;

    PrepareSpecial(&special, KeGetCurrentThread());
    KeRaiseIrql(APC_LEVEL, &irql);
    KeEnterGuardedRegion();
    NT_EXPECT_TRUE(Insert(&special));
    KeLeaveGuardedRegion();
    EXPECT_RUNS(special, 0, 0);
    KeLowerIrql(irql);
    EXPECT_RUNS(special, 1, 0);
}

NT_TEST(KeKernelApc, OwnedKernelMutexHoldsOffNormalOnes)
{
    TEST_APC special;
    TEST_APC normal;
    KMUTEX mutex;

    PrepareSpecial(&special, KeGetCurrentThread());
    PrepareNormal(&normal, KeGetCurrentThread());
    KeInitializeMutex(&mutex, 0);
    NT_EXPECT_STATUS(WaitFor(&mutex, NULL), STATUS_SUCCESS);
    NT_EXPECT_TRUE(Insert(&normal));
    NT_EXPECT_TRUE(Insert(&special));
    EXPECT_RUNS(special, 1, 0);
    EXPECT_RUNS(normal, 0, 0);
    KeReleaseMutex(&mutex, FALSE);
    EXPECT_RUNS(normal, 1, 1);
}

NT_TEST(KeKernelApc, SpecialOnesComeFirstAndEachKindInOrder)
{
    TEST_APC apcs[6];
    static const ULONG expected[] = {1, 2, 5, 0, 3, 4};

    KeEnterGuardedRegion();
    for (ULONG i = 0; i < ARRAYSIZE(apcs); i++) {
        if (i == 1 || i == 2 || i == 5) {
            PrepareSpecial(&apcs[i], KeGetCurrentThread());
        } else {
            PrepareNormal(&apcs[i], KeGetCurrentThread());
        }
        NT_EXPECT_TRUE(Insert(&apcs[i]));
    }
    KeLeaveGuardedRegion();
    NT_EXPECT_EQ(Ordered, ARRAYSIZE(apcs));
    for (ULONG i = 0; i < ARRAYSIZE(apcs); i++) {
        NT_EXPECT_EQ(Order[i], &apcs[expected[i]]);
    }
}

static VOID NTAPI
ChangeEverything(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1,
                 PVOID *Argument2)
{
    NT_EXPECT_EQ(*Argument1, 7);
    NT_EXPECT_EQ(*Argument2, 8);
    NT_EXPECT_EQ(*Routine, *Context == NULL ? NULL : OnNormal);
    *Routine = OnNormal;
    *Argument1 = (PVOID)(ULONG_PTR)1;
    *Argument2 = (PVOID)(ULONG_PTR)2;
    memset(Apc, 0xDD, sizeof(*Apc)); /* it is freed */
}

static VOID NTAPI
CancelNormal(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1,
             PVOID *Argument2)
{
    BUMP(CONTAINING_RECORD(Apc, TEST_APC, Apc)->Kernel);
    *Routine = NULL;
}

NT_TEST(KeKernelApc, KernelRoutineChangesWhatComesAndMayFreeTheApc)
{
    TEST_APC target;
    KAPC apc;

    memset(&target, 0, sizeof(target));
    target.Kernel = 1;
    KeInitializeApc(&apc, KeGetCurrentThread(), CurrentApcEnvironment, ChangeEverything, NULL,
                    OnNormal, KernelMode, &target);
    NT_EXPECT_TRUE(KeInsertQueueApc(&apc, (PVOID)(ULONG_PTR)7, (PVOID)(ULONG_PTR)8, 0));
    NT_EXPECT_EQ(target.Normal, 1);
    memset(&target, 0, sizeof(target));
    KeInitializeApc(&target.Apc, KeGetCurrentThread(), InsertApcEnvironment, CancelNormal, NULL,
                    OnNormal, KernelMode, &target);
    NT_EXPECT_TRUE(Insert(&target));
    EXPECT_RUNS(target, 1, 0);
}

static TEST_APC Inner[2];

/* While a normal one runs: other normal ones wait for its end, special ones do not. */
static VOID NTAPI
InsertOthers(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KIRQL irql;

    NormalDepth++;
    NT_EXPECT_TRUE(Insert(&Inner[0]));
    NT_EXPECT_TRUE(Insert(&Inner[1]));
    EXPECT_RUNS(Inner[0], 1, 0);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    KeLowerIrql(irql);
    EXPECT_RUNS(Inner[1], 0, 0);
}

NT_TEST(KeKernelApc, NormalOnesDoNotNest)
{
    TEST_APC outer;

    PrepareSpecial(&Inner[0], KeGetCurrentThread());
    PrepareNormal(&Inner[1], KeGetCurrentThread());
    PrepareNormal(&outer, KeGetCurrentThread());
    outer.Apc.NormalRoutine = InsertOthers;
    NT_EXPECT_TRUE(Insert(&outer));
    NT_EXPECT_EQ(NormalDepth, 1);
    EXPECT_RUNS(Inner[1], 1, 1);
}

NT_TEST(KeKernelApc, IsQueuedOnceAndCanBeTakenBack)
{
    TEST_APC apcs[2];

    PrepareNormal(&apcs[0], KeGetCurrentThread());
    PrepareNormal(&apcs[1], KeGetCurrentThread());
    NT_EXPECT_FALSE(KeRemoveQueueApc(&apcs[0].Apc));
    KeEnterCriticalRegion();
    NT_EXPECT_TRUE(Insert(&apcs[0]));
    NT_EXPECT_FALSE(Insert(&apcs[0]));
    NT_EXPECT_TRUE(Insert(&apcs[1]));
    NT_EXPECT_TRUE(KeRemoveQueueApc(&apcs[0].Apc));
    NT_EXPECT_FALSE(KeRemoveQueueApc(&apcs[0].Apc));
    KeLeaveCriticalRegion();
    EXPECT_RUNS(apcs[0], 0, 0);
    EXPECT_RUNS(apcs[1], 1, 1);
    NT_EXPECT_FALSE(KeRemoveQueueApc(&apcs[1].Apc));
    NT_EXPECT_TRUE(Insert(&apcs[0]));
    EXPECT_RUNS(apcs[0], 1, 1);
}

/* ---- waits ---- */

static KEVENT Event;
static ULONG64 WaitTook;

typedef enum WAIT_KIND { WaitSingle, WaitOfTwo, WaitForAll, WaitQueue, WaitKinds } WAIT_KIND;
static KEVENT Never;
static KQUEUE Queue;
static LIST_ENTRY Entry;

static NTSTATUS
WaitOfKind(WAIT_KIND Kind, PLARGE_INTEGER Timeout)
{
    PVOID both[] = {&Event, &Never};
    PLIST_ENTRY entry;

    switch (Kind) {
    case WaitSingle:
        return WaitFor(&Event, Timeout);
    case WaitOfTwo:
    case WaitForAll:
        return KeWaitForMultipleObjects(2, both, Kind == WaitOfTwo ? WaitAny : WaitAll, Executive,
                                        KernelMode, FALSE, Timeout, NULL);
    default:
        entry = KeRemoveQueue(&Queue, KernelMode, Timeout);
        return entry == &Entry ? STATUS_SUCCESS : (NTSTATUS)(LONG_PTR)entry;
    }
}

static VOID
Signal(WAIT_KIND Kind)
{
    if (Kind == WaitQueue) {
        KeInsertQueue(&Queue, &Entry);
        return;
    }
    if (Kind == WaitForAll) {
        KeSetEvent(&Never, 0, FALSE);
    }
    KeSetEvent(&Event, 0, FALSE);
}

static VOID
PrepareWaits(VOID)
{
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Never, SynchronizationEvent, FALSE);
    KeInitializeQueue(&Queue, 1);
}

static void
WaitWithoutEnd(void *Context)
{
    NT_EXPECT_STATUS(WaitOfKind((WAIT_KIND)(ULONG_PTR)Context, NULL), STATUS_SUCCESS);
}

/* Runs on the waiting thread, which then waits on, as if nothing had been. */
NT_TEST_SEEDS(KeKernelApc, InterruptsAWaitThatGoesOn, 40)
{
    for (WAIT_KIND kind = WaitSingle; kind < WaitKinds; kind++) {
        TEST_THREAD thread;
        TEST_APC apcs[2];

        PrepareWaits();
        StartThread(&thread, WaitWithoutEnd, (PVOID)(ULONG_PTR)kind);
        PrepareNormal(&apcs[0], &thread.Tcb);
        PrepareSpecial(&apcs[1], &thread.Tcb);
        for (ULONG round = 1; round <= 3; round++) {
            NT_EXPECT_TRUE(Insert(&apcs[0]));
            NT_EXPECT_TRUE(Insert(&apcs[1]));
            SimRunUntilIdle();
            NT_EXPECT_EQ(READ(apcs[0].Normal), round);
            NT_EXPECT_EQ(READ(apcs[1].Kernel), round);
            NT_EXPECT_EQ(apcs[0].Thread, &thread.Tcb);
        }
        NT_EXPECT_FALSE(Poll(&thread.Tcb));
        Signal(kind);
        JoinThread(&thread);
    }
}

static void
WaitForTheTime(void *Context)
{
    WAIT_KIND kind = (WAIT_KIND)(ULONG_PTR)Context;
    LARGE_INTEGER timeout = RelativeMs(100);
    ULONG64 start = HalpMonotonicTime();

    if (kind == WaitKinds) {
        NT_EXPECT_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &timeout), STATUS_SUCCESS);
    } else {
        NT_EXPECT_STATUS(WaitOfKind(kind, &timeout), STATUS_TIMEOUT);
    }
    NT_EXPECT_EQ(timeout.QuadPart, RelativeMs(100).QuadPart);
    WaitTook = HalpMonotonicTime() - start;
}

NT_TEST_SEEDS(KeKernelApc, InterruptedWaitTakesNoLonger, 10)
{
    for (WAIT_KIND kind = WaitSingle; kind <= WaitKinds; kind++) {
        TEST_THREAD thread;
        TEST_APC apc;

        PrepareWaits();
        StartThread(&thread, WaitForTheTime, (PVOID)(ULONG_PTR)kind);
        PrepareNormal(&apc, &thread.Tcb);
        for (ULONG i = 0; i < 3; i++) {
            SimAdvance(MS_NS(30));
            NT_EXPECT_TRUE(Insert(&apc));
            SimRunUntilIdle();
        }
        JoinThread(&thread);
        NT_EXPECT_EQ(apc.Normal, 3);
        NT_EXPECT_TRUE(WaitTook >= MS_NS(100) && WaitTook <= MS_NS(100) + 1000);
    }
}

/* At APC_LEVEL, and in regions, a wait is not interrupted; the APC runs when they end. */
static void
WaitHeldOff(void *Context)
{
    ULONG way = (ULONG)(ULONG_PTR)Context;
    KIRQL irql = PASSIVE_LEVEL;

    if (way == 0) {
        KeRaiseIrql(APC_LEVEL, &irql);
    } else if (way == 1) {
        KeEnterGuardedRegion();
    } else {
        KeEnterCriticalRegion();
    }
    NT_EXPECT_STATUS(WaitFor(&Event, NULL), STATUS_SUCCESS);
    NT_EXPECT_EQ(READ(Inner[0].Kernel), 0);
    NT_EXPECT_EQ(READ(Inner[1].Kernel), way == 2 ? 1 : 0);
    if (way == 0) {
        KeLowerIrql(irql);
    } else if (way == 1) {
        KeLeaveGuardedRegion();
    } else {
        KeLeaveCriticalRegion();
    }
    EXPECT_RUNS(Inner[0], 1, 1);
    EXPECT_RUNS(Inner[1], 1, 0);
}

NT_TEST_SEEDS(KeKernelApc, WaitIsNotInterruptedWhileTheyAreHeldOff, 20)
{
    for (ULONG way = 0; way < 3; way++) {
        TEST_THREAD thread;

        PrepareWaits();
        StartThread(&thread, WaitHeldOff, (PVOID)(ULONG_PTR)way);
        SimRunUntilIdle();
        PrepareNormal(&Inner[0], &thread.Tcb);
        PrepareSpecial(&Inner[1], &thread.Tcb);
        NT_EXPECT_TRUE(Insert(&Inner[0]));
        NT_EXPECT_TRUE(Insert(&Inner[1]));
        SimRunUntilIdle();
        KeSetEvent(&Event, 0, FALSE);
        JoinThread(&thread);
    }
}

/* ---- races ---- */

static ULONG Taken;
static ULONG TimedOut;

static void
WaitOrTimeOut(void *Context)
{
    LARGE_INTEGER timeout = RelativeMs(10);
    NTSTATUS status = WaitFor(&Event, &timeout);

    BUMP(*(status == STATUS_SUCCESS ? &Taken : &TimedOut));
    NT_EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_TIMEOUT);
}

/* An APC, the event and the end of the time at one instant: each happens once, or not at all. */
NT_TEST_SEEDS(KeKernelApc, InterruptSignalAndTimeoutAtOneInstantLoseNothing, 300)
{
    TEST_THREAD thread;
    TEST_APC apcs[2];
    LARGE_INTEGER delay = RelativeMs(10);

    PrepareWaits();
    StartThread(&thread, WaitOrTimeOut, NULL);
    PrepareNormal(&apcs[0], &thread.Tcb);
    PrepareSpecial(&apcs[1], &thread.Tcb);
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    apcs[0].Rundown = !Insert(&apcs[0]);
    KeSetEvent(&Event, 0, FALSE);
    apcs[1].Rundown = !Insert(&apcs[1]);
    JoinThread(&thread);
    NT_EXPECT_EQ(Taken + TimedOut, 1);
    NT_EXPECT_EQ(Poll(&Event), TimedOut);
    NT_EXPECT_EQ(apcs[0].Kernel + apcs[0].Rundown, 1);
    NT_EXPECT_EQ(apcs[0].Normal, apcs[0].Kernel);
    NT_EXPECT_EQ(apcs[1].Kernel + apcs[1].Rundown, 1);
}

#define INSERTIONS 12

static TEST_THREAD Target;
static TEST_APC Shared[3];
static ULONG Inserted[3];
static ULONG Removed[3];
static ULONG Ready;
static ULONG Done;

/* Does all that holds APCs off or lets them run. */
static void
LiveWithApcs(void *Context)
{
    KSPIN_LOCK lock = 0;
    LARGE_INTEGER moment = {.QuadPart = -1};

    while (READ(Ready) == 0) {
        HalpYield();
    }
    for (ULONG i = 0; READ(Done) < 2; i++) {
        ULONG kernel;
        KIRQL irql;

        switch (i % 4) {
        case 0:
            KeEnterGuardedRegion();
            kernel = READ(Shared[0].Kernel) + READ(Shared[1].Kernel) + READ(Shared[2].Kernel);
            HalpYield();
            NT_EXPECT_EQ(READ(Shared[0].Kernel) + READ(Shared[1].Kernel) + READ(Shared[2].Kernel),
                         kernel);
            KeLeaveGuardedRegion();
            break;
        case 1:
            KeEnterCriticalRegion();
            kernel = READ(Shared[1].Kernel) + READ(Shared[2].Kernel);
            KeDelayExecutionThread(KernelMode, FALSE, &moment);
            NT_EXPECT_EQ(READ(Shared[1].Kernel) + READ(Shared[2].Kernel), kernel);
            KeLeaveCriticalRegion();
            break;
        case 2:
            KeAcquireSpinLock(&lock, &irql);
            HalpYield();
            KeReleaseSpinLock(&lock, irql);
            break;
        default:
            KeDelayExecutionThread(KernelMode, FALSE, &moment);
            break;
        }
    }
}

static void
InsertAndRemove(void *Context)
{
    for (ULONG i = 0; i < INSERTIONS; i++) {
        ULONG which = (i + (ULONG)(ULONG_PTR)Context) % ARRAYSIZE(Shared);

        if (Insert(&Shared[which])) {
            BUMP(Inserted[which]);
        }
        HalpYield();
        if (i % 3 == 0 && KeRemoveQueueApc(&Shared[which].Apc)) {
            BUMP(Removed[which]);
        }
    }
    BUMP(Done);
}

/* Every insertion runs once, or was taken back; on its thread, and never where it is held off. */
NT_TEST_SEEDS(KeKernelApc, EachInsertionRunsOnceOrIsTakenBack, 200)
{
    TEST_THREAD others[2];

    StartThread(&Target, LiveWithApcs, NULL);
    PrepareSpecial(&Shared[0], &Target.Tcb);
    PrepareNormal(&Shared[1], &Target.Tcb);
    PrepareNormal(&Shared[2], &Target.Tcb);
    BUMP(Ready);
    for (ULONG i = 0; i < 2; i++) {
        StartThread(&others[i], InsertAndRemove, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < 2; i++) {
        JoinThread(&others[i]);
    }
    JoinThread(&Target);
    for (ULONG i = 0; i < ARRAYSIZE(Shared); i++) {
        NT_EXPECT_EQ(Shared[i].Kernel + Removed[i], Inserted[i]);
        NT_EXPECT_EQ(Shared[i].Normal, i == 0 ? 0 : Shared[i].Kernel);
        NT_EXPECT_EQ(Shared[i].Rundown, 0);
    }
}

/* ---- ends of threads ---- */

static void
Nothing(void *Context)
{
}

/* What was queued before the end runs; afterwards nothing can be queued. */
NT_TEST_SEEDS(KeKernelApc, EndingThreadRunsThemAndTakesNoMore, 60)
{
    TEST_THREAD thread;
    TEST_APC special;
    TEST_APC normal;
    ULONG queued;

    StartThread(&thread, Nothing, NULL);
    PrepareSpecial(&special, &thread.Tcb);
    PrepareNormal(&normal, &thread.Tcb);
    queued = Insert(&normal);
    special.Rundown = !Insert(&special);
    JoinThread(&thread);
    EXPECT_RUNS(normal, queued, queued);
    NT_EXPECT_EQ(special.Kernel + special.Rundown, 1);
    NT_EXPECT_FALSE(Insert(&normal));
    NT_EXPECT_FALSE(Insert(&special));
}

/* A thread that never ran, or that ends in a normal APC: those that cannot run are run down. */
NT_TEST(KeKernelApc, ThoseThatCannotRunAreRunDown)
{
    KTHREAD thread;
    TEST_APC apc;
    TEST_APC silent;

    KiInitializeThread(&thread, NULL);
    PrepareNormal(&apc, &thread);
    PrepareSpecial(&silent, &thread);
    silent.Apc.RundownRoutine = NULL;
    NT_EXPECT_TRUE(Insert(&apc));
    NT_EXPECT_TRUE(Insert(&silent));
    KiTerminateThread(&thread);
    EXPECT_RUNS(apc, 0, 0);
    NT_EXPECT_EQ(apc.Rundown, 1);
    EXPECT_RUNS(silent, 0, 0);
    NT_EXPECT_FALSE(KeRemoveQueueApc(&apc.Apc));
}

/* ---- user mode, and misuse ---- */

static void
WaitInUserMode(void *Context)
{
    KI_USER_CALL call;

    NT_EXPECT_STATUS(KeWaitForSingleObject(&Event, UserRequest, UserMode, TRUE, NULL),
                     STATUS_USER_APC);
    NT_EXPECT_TRUE(KiTakeUserApc(KiGetCurrentThread(), &call));
    NT_EXPECT_EQ(call.Routine, OnNormal);
    NT_EXPECT_EQ(call.Context, Context);
    NT_EXPECT_EQ(call.Argument1, 1);
}

static VOID NTAPI
OnUserKernel(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1,
             PVOID *Argument2)
{
    BUMP(CONTAINING_RECORD(Apc, TEST_APC, Apc)->Kernel);
}

NT_TEST_SEEDS(KeKernelApc, UserModeOneEndsAnAlertableWaitAndIsTheGatesToCall, 10)
{
    TEST_THREAD thread;
    TEST_APC apc;

    PrepareWaits();
    memset(&apc, 0, sizeof(apc));
    StartThread(&thread, WaitInUserMode, &apc);
    KeInitializeApc(&apc.Apc, &thread.Tcb, OriginalApcEnvironment, OnUserKernel, NULL, OnNormal,
                    UserMode, &apc);
    NT_EXPECT_TRUE(Insert(&apc));
    JoinThread(&thread);
    NT_EXPECT_EQ(apc.Kernel, 1);
    NT_EXPECT_FALSE(KeRemoveQueueApc(&apc.Apc));
}

static VOID NTAPI
StayInRegion(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KeEnterCriticalRegion();
}

static VOID NTAPI
StayRaised(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KeRaiseIrqlToDpcLevel();
}

/* The seed is the routine. */
NT_TEST_SEEDS(KeKernelApc, RoutineThatDoesNotComeBackAsItWentIsABugcheck, 2)
{
    TEST_APC apc;

    PrepareNormal(&apc, KeGetCurrentThread());
    apc.Apc.NormalRoutine = NtTestSeed() == 1 ? StayInRegion : StayRaised;
    NT_EXPECT_BUGCHECK(APC_INDEX_MISMATCH, Insert(&apc));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)apc.Apc.NormalRoutine);
}

NT_TEST(KeKernelApc, UninitializedOneIsABugcheck)
{
    TEST_APC apc;

    memset(&apc, 0, sizeof(apc));
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, Insert(&apc));
}

NT_TEST(KeKernelApc, IsNotQueuedAboveDispatchLevel)
{
    TEST_APC apc;

    PrepareSpecial(&apc, KeGetCurrentThread());
    KiRaiseIrql(HIGH_LEVEL);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, Insert(&apc));
}
