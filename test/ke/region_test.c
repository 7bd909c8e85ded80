/* SPDX-License-Identifier: MIT
 *
 * test/ke/region_test.c - critical and guarded regions, guarded mutexes, mutants
 */
#define KE_TEST_PROCESSORS 3
#include "ke_test.h"

#include <ntbox/eh.h>

/* What the two questions say: of all APCs, and of normal ones. */
#define EXPECT_APCS_OFF(all, normal)               \
    do {                                           \
        NT_EXPECT_EQ(KeAreAllApcsDisabled(), all); \
        NT_EXPECT_EQ(KeAreApcsDisabled(), normal); \
    } while (0)

/* ---- regions ---- */

NT_TEST(KeRegion, GuardedRegionsNestAndDisableAllApcs)
{
    EXPECT_APCS_OFF(FALSE, FALSE);
    KeEnterGuardedRegion();
    EXPECT_APCS_OFF(TRUE, TRUE);
    KeEnterGuardedRegion();
    KeLeaveGuardedRegion();
    EXPECT_APCS_OFF(TRUE, TRUE);
    KeLeaveGuardedRegion();
    EXPECT_APCS_OFF(FALSE, FALSE);
}

NT_TEST(KeRegion, CriticalRegionsNestAndDisableNormalApcs)
{
    KeEnterCriticalRegion();
    EXPECT_APCS_OFF(FALSE, TRUE);
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    EXPECT_APCS_OFF(FALSE, TRUE);
    KeLeaveCriticalRegion();
    EXPECT_APCS_OFF(FALSE, FALSE);
}

NT_TEST(KeRegion, BothKindsAreCountedApart)
{
    KeEnterCriticalRegion();
    KeEnterGuardedRegion();
    KeLeaveCriticalRegion();
    EXPECT_APCS_OFF(TRUE, TRUE);
    KeEnterCriticalRegion();
    KeLeaveGuardedRegion();
    EXPECT_APCS_OFF(FALSE, TRUE);
    KeLeaveCriticalRegion();
    EXPECT_APCS_OFF(FALSE, FALSE);
}

/* Regions are the thread's own: another one is in none. */
static void
ExpectNoRegion(void *Context)
{
    EXPECT_APCS_OFF(FALSE, FALSE);
}

NT_TEST(KeRegion, RegionsBelongToTheirThread)
{
    TEST_THREAD thread;

    KeEnterGuardedRegion();
    StartThread(&thread, ExpectNoRegion, NULL);
    JoinThread(&thread);
    KeLeaveGuardedRegion();
}

/* From APC_LEVEL up all are, with no region entered. */
NT_TEST(KeRegion, IrqlDisablesAllApcs)
{
    static const KIRQL levels[] = {APC_LEVEL, DISPATCH_LEVEL};

    NT_FOR_EACH (level, levels) {
        KIRQL old;

        KeRaiseIrql(*level, &old);
        NT_EXPECT_TRUE(KeAreAllApcsDisabled());
        NT_EXPECT_FALSE(KeAreApcsDisabled());
        KeLowerIrql(old);
        NT_EXPECT_FALSE(KeAreAllApcsDisabled());
    }
}

NT_TEST(KeRegion, LeavingAGuardedRegionThatWasNotEnteredIsABugcheck)
{
    KeEnterCriticalRegion();
    NT_EXPECT_BUGCHECK(APC_INDEX_MISMATCH, KeLeaveGuardedRegion());
}

NT_TEST(KeRegion, EndingInAGuardedRegionIsABugcheck)
{
    KTHREAD thread;

    KiInitializeThread(&thread, NULL);
    thread.SpecialApcDisable = -1;
    NT_EXPECT_BUGCHECK(KERNEL_APC_PENDING_DURING_EXIT, KiTerminateThread(&thread));
}

/* ---- guarded mutexes in a region of the caller's ---- */

static KGUARDED_MUTEX Mutex;
static ULONG Inside;
static ULONG Turns;

/* The unsafe routines at APC_LEVEL and in a guarded region; the safe ones anywhere. */
static void
TakeTurns(void *Context)
{
    for (ULONG i = 0; i < 6; i++) {
        ULONG way = (i + (ULONG)(ULONG_PTR)Context) % 3;
        KIRQL old = PASSIVE_LEVEL;

        switch (way) {
        case 0:
            KeRaiseIrql(APC_LEVEL, &old);
            KeAcquireGuardedMutexUnsafe(&Mutex);
            NT_EXPECT_FALSE(KeAreApcsDisabled());
            break;
        case 1:
            KeEnterGuardedRegion();
            KeAcquireGuardedMutexUnsafe(&Mutex);
            break;
        default:
            KeAcquireGuardedMutex(&Mutex);
            break;
        }
        NT_EXPECT_TRUE(KeAreAllApcsDisabled());
        NT_EXPECT_EQ(Inside++, 0);
        HalpYield();
        NT_EXPECT_EQ(--Inside, 0);
        Turns++;
        switch (way) {
        case 0:
            KeReleaseGuardedMutexUnsafe(&Mutex);
            KeLowerIrql(old);
            break;
        case 1:
            KeReleaseGuardedMutexUnsafe(&Mutex);
            KeLeaveGuardedRegion();
            break;
        default:
            KeReleaseGuardedMutex(&Mutex);
            break;
        }
        EXPECT_APCS_OFF(FALSE, FALSE);
    }
}

NT_TEST_SEEDS(KeGuardedMutex, UnsafeRoutinesExcludeAllOthers, 60)
{
    TEST_THREAD threads[3];

    KeInitializeGuardedMutex(&Mutex);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], TakeTurns, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Turns, 18);
}

/* The reference: the thread would deadlock. Here it is told. */
NT_TEST(KeGuardedMutex, UnsafeRecursionIsABugcheck)
{
    KeInitializeGuardedMutex(&Mutex);
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(&Mutex);
    NT_EXPECT_BUGCHECK(MUTEX_ALREADY_OWNED, KeAcquireGuardedMutexUnsafe(&Mutex));
}

NT_TEST(KeGuardedMutex, UnsafeReleaseOfOneThatIsNotOwnedIsFound)
{
    KeInitializeGuardedMutex(&Mutex);
    KeEnterGuardedRegion();
    NT_EXPECT_BUGCHECK(KMODE_EXCEPTION_NOT_HANDLED, KeReleaseGuardedMutexUnsafe(&Mutex));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG)STATUS_MUTANT_NOT_OWNED);
}

/* ---- mutants ---- */

static DECLSPEC_NORETURN VOID
Raise(NTSTATUS Status)
{
    NtcrtRaise((uint32_t)Status, 0, NULL, 0, NULL);
    NT_FAIL("status 0x%x was not handled", (unsigned)Status);
}

/* Status that the call raises; STATUS_SUCCESS if it returns. */
static NTSTATUS
StatusOfRelease(PRKMUTANT Mutant, BOOLEAN Abandoned)
{
    volatile NTSTATUS status = STATUS_SUCCESS;

    __try {
        KeReleaseMutant(Mutant, 0, Abandoned, FALSE);
    } __except (status = (NTSTATUS)_exception_code(), 1) {
    }
    return status;
}

static void
ExpectTaken(void *Context)
{
    NT_EXPECT_FALSE(Poll(Context));
    NT_EXPECT_STATUS(StatusOfRelease(Context, FALSE), STATUS_MUTANT_NOT_OWNED);
}

/* Owned from the start, or free; unlike a KMUTEX it disables no APCs. */
NT_TEST(KeMutant, InitialOwnerHoldsItOnce)
{
    KMUTANT mutant;
    TEST_THREAD thread;

    KiRegisterRaise(Raise);
    KeInitializeMutant(&mutant, TRUE);
    NT_EXPECT_EQ(KeReadStateMutant(&mutant), 0);
    NT_EXPECT_FALSE(KeAreApcsDisabled());
    StartThread(&thread, ExpectTaken, &mutant);
    JoinThread(&thread);
    NT_EXPECT_TRUE(Poll(&mutant));
    NT_EXPECT_EQ(KeReadStateMutant(&mutant), (LONG)-1);
    NT_EXPECT_EQ(KeReleaseMutant(&mutant, 0, FALSE, FALSE), (LONG)-1);
    NT_EXPECT_EQ(KeReleaseMutant(&mutant, 0, FALSE, FALSE), 0);
    NT_EXPECT_EQ(KeReadStateMutant(&mutant), 1);
    NT_EXPECT_STATUS(StatusOfRelease(&mutant, FALSE), STATUS_MUTANT_NOT_OWNED);
    KeInitializeMutant(&mutant, FALSE);
    NT_EXPECT_EQ(KeReadStateMutant(&mutant), 1);
}

static void
ReleaseAbandoned(void *Context)
{
    NT_EXPECT_EQ(KeReleaseMutant(Context, 0, TRUE, FALSE), (LONG)-1);
}

/* However often it is owned, and by whomever; the next wait is told. */
NT_TEST(KeMutant, AbandonedReleaseFreesItForAnyThread)
{
    KMUTANT mutant;
    TEST_THREAD thread;

    KiRegisterRaise(Raise);
    KeInitializeMutant(&mutant, TRUE);
    NT_EXPECT_STATUS(WaitFor(&mutant, NULL), STATUS_SUCCESS);
    StartThread(&thread, ReleaseAbandoned, &mutant);
    JoinThread(&thread);
    NT_EXPECT_EQ(KeReadStateMutant(&mutant), 1);
    NT_EXPECT_STATUS(StatusOfRelease(&mutant, FALSE), STATUS_ABANDONED);
    NT_EXPECT_STATUS(WaitFor(&mutant, NULL), STATUS_ABANDONED);
    NT_EXPECT_EQ(KeReleaseMutant(&mutant, 0, FALSE, FALSE), 0);
    NT_EXPECT_STATUS(WaitFor(&mutant, NULL), STATUS_SUCCESS);
    KeReleaseMutant(&mutant, 0, FALSE, FALSE);
}

/* ---- a queue for as many threads as there are processors ---- */

NT_TEST(KeQueue, CountOfZeroIsTheNumberOfProcessors)
{
    KQUEUE queue;
    LIST_ENTRY entry;
    LARGE_INTEGER now = {.QuadPart = 0};

    KeInitializeQueue(&queue, 0);
    NT_EXPECT_EQ(queue.MaximumCount, KE_TEST_PROCESSORS);
    NT_EXPECT_EQ(KeReadStateQueue(&queue), 0);
    NT_EXPECT_EQ(KeInsertQueue(&queue, &entry), 0);
    NT_EXPECT_EQ(KeRemoveQueue(&queue, KernelMode, &now), &entry);
    NT_EXPECT_EQ(KeRundownQueue(&queue), NULL);
}
