/* SPDX-License-Identifier: MIT
 *
 * test/ex/timer_test.c - EX_TIMER: setting, periods, and every way to delete one
 */
#include "ex_test.h"

#define MS(count) (-10000ll * (count)) /* relative, in units of 100 ns */

void
NtTestSetUp(void)
{
    ExTestStart();
}

void
NtTestTearDown(void)
{
    ExTestStop();
}

static LONG Expirations;

static void NTAPI
OnExpiry(PEX_TIMER Timer, PVOID Context)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NT_EXPECT_EQ(Context, (PVOID)5);
    Expirations++;
}

static void NTAPI
OnDelete(void *Context)
{
    ++*(LONG *)Context;
}

NT_TEST(ExTimer, ExpiresRepeatsAndIsDeleted)
{
    PEX_TIMER timer = ExAllocateTimer(OnExpiry, (PVOID)5, EX_TIMER_HIGH_RESOLUTION);
    LONG deleted = 0;
    EXT_DELETE_PARAMETERS parameters = {.DeleteCallback = OnDelete, .DeleteContext = &deleted};

    NT_EXPECT_NE(timer, NULL);
    NT_EXPECT_EQ(ExAllocateTimer(OnExpiry, NULL, 0x100), NULL);
    NT_EXPECT_FALSE(ExSetTimer(timer, -100000, 0, NULL));
    NT_EXPECT_TRUE(ExSetTimer(timer, -50000, 20000, NULL));
    SimAdvance(5500000);
    NT_EXPECT_EQ(Expirations, 1);
    SimAdvance(4000000);
    NT_EXPECT_EQ(Expirations, 3);
    NT_EXPECT_STATUS(KeWaitForSingleObject(timer, Executive, KernelMode, FALSE, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(ExCancelTimer(timer, NULL));
    NT_EXPECT_FALSE(ExCancelTimer(timer, NULL));
    NT_EXPECT_FALSE(ExDeleteTimer(timer, TRUE, TRUE, &parameters));
    NT_EXPECT_EQ(deleted, 1);
}

NT_TEST(ExTimer, ReleasesOneWaitUnlessItIsANotificationTimer)
{
    static const struct {
        ULONG Attributes;
        NTSTATUS Second;
    } rows[] = {{0, STATUS_TIMEOUT}, {EX_TIMER_NOTIFICATION, STATUS_SUCCESS}};
    LARGE_INTEGER now = {.QuadPart = 0};

    NT_FOR_EACH (row, rows) {
        PEX_TIMER timer = ExAllocateTimer(NULL, NULL, row->Attributes);
        ExSetTimer(timer, -10000, 0, NULL);
        SimAdvance(2000000);
        NT_EXPECT_STATUS(KeWaitForSingleObject(timer, Executive, KernelMode, FALSE, &now),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(KeWaitForSingleObject(timer, Executive, KernelMode, FALSE, &now),
                         row->Second);
        ExDeleteTimer(timer, TRUE, TRUE, NULL);
    }
}

NT_TEST(ExTimer, HighResolutionExcludesNoWake)
{
    NT_EXPECT_BUGCHECK(
        0xC7, ExAllocateTimer(OnExpiry, NULL, EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE));
}

NT_TEST(ExTimer, HighResolutionWantsARelativeTime)
{
    PEX_TIMER timer = ExAllocateTimer(OnExpiry, NULL, EX_TIMER_HIGH_RESOLUTION);

    NT_EXPECT_BUGCHECK(0xC7, ExSetTimer(timer, 1, 0, NULL));
}

NT_TEST(ExTimer, PeriodIsNotNegative)
{
    PEX_TIMER timer = ExAllocateTimer(OnExpiry, NULL, 0);

    NT_EXPECT_BUGCHECK(0xC7, ExSetTimer(timer, -10000, -1, NULL));
}

NT_TEST(ExTimer, DeletedFromDispatchLevel)
{
    PEX_TIMER timer = ExAllocateTimer(NULL, NULL, EX_TIMER_NOTIFICATION);
    LONG deleted = 0;
    EXT_DELETE_PARAMETERS parameters = {.DeleteCallback = OnDelete, .DeleteContext = &deleted};
    KIRQL irql;

    ExpRegisterThreadOps(&WorkerOps);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
    ExSetTimer(timer, -100000000, 0, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_TRUE(ExDeleteTimer(timer, TRUE, FALSE, &parameters));
    KeLowerIrql(irql);
    ExpFlushWorkItems();
    NT_EXPECT_EQ(deleted, 1);
    timer = ExAllocateTimer(NULL, NULL, 0);
    KeRaiseIrql(APC_LEVEL, &irql);
    NT_EXPECT_FALSE(ExDeleteTimer(timer, TRUE, TRUE, &parameters));
    NT_EXPECT_EQ(deleted, 2);
    KeLowerIrql(irql);
    ExpFlushWorkItems();
    ExpShutdownSystem();
}

NT_TEST(ExTimer, PeriodIsNotAboveMaxlong)
{
    PEX_TIMER timer = ExAllocateTimer(OnExpiry, NULL, 0);

    NT_EXPECT_FALSE(ExSetTimer(timer, MS(1), MAXLONG, NULL));
    NT_EXPECT_TRUE(ExCancelTimer(timer, NULL));
    NT_EXPECT_BUGCHECK(0xC7, ExSetTimer(timer, MS(1), MAXLONG + 1ll, NULL));
}

NT_TEST(ExTimer, AllocationFailsWithoutMemory)
{
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(ExAllocateTimer(OnExpiry, NULL, 0), NULL);
    SimSetFaultPlan(NULL, 0);
}

NT_TEST(ExTimer, NoWakeTimerAndAbsoluteTimeExpireWhenDue)
{
    PEX_TIMER timer = ExAllocateTimer(OnExpiry, (PVOID)5, EX_TIMER_NO_WAKE | EX_TIMER_NOTIFICATION);
    EXT_SET_PARAMETERS parameters;
    LARGE_INTEGER now;

    ExInitializeSetTimerParameters(&parameters);
    KeQuerySystemTime(&now);
    NT_EXPECT_FALSE(ExSetTimer(timer, now.QuadPart + 30000, 0, &parameters));
    SimAdvance(2900000);
    NT_EXPECT_EQ(Expirations, 0);
    SimAdvance(200000);
    NT_EXPECT_EQ(Expirations, 1);
    /* Expired: nothing to cancel any more, and setting it cancels nothing. */
    NT_EXPECT_FALSE(ExCancelTimer(timer, NULL));
    NT_EXPECT_FALSE(ExSetTimer(timer, MS(3), 0, NULL));
    NT_EXPECT_TRUE(ExCancelTimer(timer, NULL));
    SimAdvance(9000000);
    NT_EXPECT_EQ(Expirations, 1);
    NT_EXPECT_FALSE(ExDeleteTimer(timer, TRUE, TRUE, NULL));
}

/* Periods are in units of 100 ns, not in whole milliseconds; none is below 1 ms. */
NT_TEST(ExTimer, PeriodsAreExact)
{
    static const struct {
        LONGLONG Period;
        ULONG64 ExpectedNs;
    } rows[] = {
        {15000, 1500000}, {10001, 1000100}, {29999, 2999900}, {1, 1000000}, {9999, 1000000}};

    NT_FOR_EACH (row, rows) {
        PEX_TIMER timer = ExAllocateTimer(OnExpiry, (PVOID)5, EX_TIMER_HIGH_RESOLUTION);

        Expirations = 0;
        NT_EXPECT_FALSE(ExSetTimer(timer, MS(1), row->Period, NULL));
        SimAdvance(1000100);
        NT_EXPECT_EQ(Expirations, 1);
        for (LONG i = 1; i <= 20; i++) {
            SimAdvance(row->ExpectedNs - 1000);
            NT_EXPECT_EQ(Expirations, i);
            SimAdvance(1000);
            NT_EXPECT_EQ(Expirations, i + 1);
        }
        NT_EXPECT_TRUE(ExDeleteTimer(timer, TRUE, TRUE, NULL));
    }
}

/* ---- deleting ---- */

static void
StartWorkers(void)
{
    ExpRegisterThreadOps(&WorkerOps);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
}

static void
StopWorkers(void)
{
    ExpFlushWorkItems();
    ExpShutdownSystem();
}

NT_TEST(ExTimerDelete, WaitWithoutCancelIsABugCheck)
{
    PEX_TIMER timer = ExAllocateTimer(NULL, NULL, 0);

    NT_EXPECT_BUGCHECK(0xC7, ExDeleteTimer(timer, FALSE, TRUE, NULL));
}

NT_TEST(ExTimerDelete, WaitAboveApcLevelIsABugCheck)
{
    PEX_TIMER timer = ExAllocateTimer(NULL, NULL, 0);
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, ExDeleteTimer(timer, TRUE, TRUE, NULL));
}

/* Without Cancel a set timer expires once more, periodic or not, and is gone then. */
NT_TEST_SEEDS(ExTimerDelete, WithoutCancelItExpiresOnceMore, 5)
{
    static const LONGLONG periods[] = {0, 20000};

    StartWorkers();
    NT_FOR_EACH (period, periods) {
        PEX_TIMER timer = ExAllocateTimer(OnExpiry, (PVOID)5, 0);
        LONG deleted = 0;
        EXT_DELETE_PARAMETERS parameters = {.DeleteCallback = OnDelete, .DeleteContext = &deleted};

        Expirations = 0;
        NT_EXPECT_FALSE(ExSetTimer(timer, MS(5), *period, NULL));
        NT_EXPECT_FALSE(ExDeleteTimer(timer, FALSE, FALSE, &parameters));
        /* It is disabled: these do nothing and say so. */
        NT_EXPECT_FALSE(ExSetTimer(timer, MS(1), 0, NULL));
        NT_EXPECT_FALSE(ExCancelTimer(timer, NULL));
        NT_EXPECT_FALSE(ExDeleteTimer(timer, TRUE, FALSE, &parameters));
        SimAdvance(4900000);
        ExpFlushWorkItems();
        NT_EXPECT_EQ(Expirations, 0);
        NT_EXPECT_EQ(deleted, 0);
        SimAdvance(200000);
        ExpFlushWorkItems();
        NT_EXPECT_EQ(Expirations, 1);
        NT_EXPECT_EQ(deleted, 1);
        SimAdvance(20000000);
        NT_EXPECT_EQ(Expirations, 1);
        NT_EXPECT_EQ(deleted, 1);
    }
    StopWorkers();
}

NT_TEST(ExTimerDelete, WithoutCancelOneThatIsNotSetGoesAtOnce)
{
    LONG deleted = 0;
    EXT_DELETE_PARAMETERS parameters = {.DeleteCallback = OnDelete, .DeleteContext = &deleted};

    StartWorkers();
    NT_EXPECT_FALSE(ExDeleteTimer(ExAllocateTimer(NULL, NULL, 0), FALSE, FALSE, &parameters));
    ExpFlushWorkItems();
    NT_EXPECT_EQ(deleted, 1);
    StopWorkers();
}

typedef struct SELF_DELETE {
    LONG Calls;
    LONG Deleted;
    BOOLEAN Cancel;
    BOOLEAN Result;
    BOOLEAN SetResult;
} SELF_DELETE;

static void NTAPI
DeleteFromCallback(PEX_TIMER Timer, PVOID Context)
{
    SELF_DELETE *self = Context;
    EXT_DELETE_PARAMETERS parameters;

    self->Calls++;
    ExInitializeDeleteTimerParameters(&parameters);
    parameters.DeleteCallback = OnDelete;
    parameters.DeleteContext = &self->Deleted;
    self->Result = ExDeleteTimer(Timer, self->Cancel, FALSE, &parameters);
    /* Until it returns the timer is there, and disabled. */
    self->SetResult = ExSetTimer(Timer, MS(1), 0, NULL);
}

NT_TEST_SEEDS(ExTimerDelete, MayBeCalledFromTheCallback, 5)
{
    static const struct {
        BOOLEAN Cancel;
        LONGLONG Period;
        BOOLEAN Result;
        LONG Calls;
    } rows[] = {
        {TRUE, 0, FALSE, 1},
        {TRUE, 20000, TRUE, 1}, /* set again for its next period: cancelled */
        {FALSE, 0, FALSE, 1},
        {FALSE, 20000, FALSE, 2}, /* expires once more */
    };

    StartWorkers();
    NT_FOR_EACH (row, rows) {
        SELF_DELETE self = {.Cancel = row->Cancel};
        PEX_TIMER timer = ExAllocateTimer(DeleteFromCallback, &self, 0);

        NT_EXPECT_FALSE(ExSetTimer(timer, MS(5), row->Period, NULL));
        SimAdvance(5500000);
        ExpFlushWorkItems();
        NT_EXPECT_EQ(self.Result, row->Result);
        NT_EXPECT_FALSE(self.SetResult);
        NT_EXPECT_EQ(self.Calls, 1);
        SimAdvance(9000000);
        ExpFlushWorkItems();
        NT_EXPECT_EQ(self.Calls, row->Calls);
        NT_EXPECT_EQ(self.Deleted, 1);
    }
    StopWorkers();
}

static LONG Rearmed;

/* Sets itself again and again, as a driver's watchdog does. */
static void NTAPI
Rearm(PEX_TIMER Timer, PVOID Context)
{
    __atomic_add_fetch(&Rearmed, 1, __ATOMIC_RELAXED);
    SimSchedulingPoint();
    ExSetTimer(Timer, -10, 0, NULL);
}

/* Deleted while its callback sets it: no callback and no armed timer is left behind. */
NT_TEST_SEEDS(ExTimerDelete, StopsATimerThatSetsItself, 40)
{
    LONG deleted = 0;
    EXT_DELETE_PARAMETERS parameters = {.DeleteCallback = OnDelete, .DeleteContext = &deleted};
    PEX_TIMER timer = ExAllocateTimer(Rearm, NULL, 0);
    LONG before;

    ExSetTimer(timer, -10, 0, NULL);
    for (ULONG64 i = 0; i < NtTestSeed() % 11; i++) {
        SimAdvance(700);
    }
    ExDeleteTimer(timer, TRUE, TRUE, &parameters);
    NT_EXPECT_EQ(deleted, 1);
    before = __atomic_load_n(&Rearmed, __ATOMIC_RELAXED);
    SimAdvance(5000000);
    NT_EXPECT_EQ(__atomic_load_n(&Rearmed, __ATOMIC_RELAXED), before);
}

static void
AdvanceTime(void *Context)
{
    SimAdvance(2000000);
}

/* Expiring and deleting without Cancel at once: freed once, and at most one more callback. */
NT_TEST_SEEDS(ExTimerDelete, RacesWithTheExpiry, 40)
{
    static TEST_THREAD thread;
    LONG deleted = 0;
    EXT_DELETE_PARAMETERS parameters = {.DeleteCallback = OnDelete, .DeleteContext = &deleted};
    PEX_TIMER timer = ExAllocateTimer(OnExpiry, (PVOID)5, 0);
    LONG before;

    StartWorkers();
    ExSetTimer(timer, MS(1), NtTestSeed() % 2 == 0 ? 0 : 10000, NULL);
    StartThread(&thread, AdvanceTime, NULL);
    for (ULONG64 i = 0; i < NtTestSeed() % 5; i++) {
        SimSchedulingPoint();
    }
    before = __atomic_load_n(&Expirations, __ATOMIC_RELAXED);
    NT_EXPECT_FALSE(ExDeleteTimer(timer, FALSE, FALSE, &parameters));
    JoinThread(&thread);
    SimAdvance(9000000);
    ExpFlushWorkItems();
    NT_EXPECT_EQ(deleted, 1);
    NT_EXPECT_TRUE(Expirations <= before + 2);
    NT_EXPECT_TRUE(Expirations >= 1);
    StopWorkers();
}
