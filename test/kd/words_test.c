/* SPDX-License-Identifier: MIT
 *
 * words_test.c - what the report of a driver's mistake tells its author: code, sub-code, both sides
 */
#include "kd/kdp.h"
#include "kernel_test.h"

void
NtTestSetUp(void)
{
    KernelTestStart();
    SimTakeLog();
}

void
NtTestTearDown(void)
{
    InitpStopSystem();
}

NT_TEST(Words, IrqlTooHighNamesRoutineLimitAndCaller)
{
    KTIMER timer;
    const char *log;

    KeInitializeTimer(&timer);
    KiRaiseIrql(12);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, KeCancelTimer(&timer));
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "0x0000000A IRQL_NOT_LESS_OR_EQUAL");
    NT_EXPECT_CONTAINS(log, "KeCancelTimer was called at IRQL 12; its maximum is 2");
    NT_EXPECT_CONTAINS(log, "called in NtTest_Words_IrqlTooHigh");
    NT_EXPECT_CONTAINS(log, "words_test.c:");
}

NT_TEST(Words, LockHeldIsNamedWithItsPlace)
{
    KSPIN_LOCK lock = 0;
    KIRQL irql;
    const char *log;

    KeAcquireSpinLock(&lock, &irql);
    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION, KeLowerIrql(PASSIVE_LEVEL));
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "the rule that is broken: IRQL lowered where it must not be");
    NT_EXPECT_CONTAINS(log, "4: 0x0000000000000001  spin locks held");
    NT_EXPECT_CONTAINS(log, "the thread holds spin lock");
    NT_EXPECT_CONTAINS(log, "taken in NtTest_Words_LockHeld");
}

NT_TEST(Words, EverySubCodeOfTheTableIsFound)
{
    ULONG_PTR parameters[4] = {0x1002, 0, 0, 0};

    NT_EXPECT_STR(KdpFindSubCode(0xC4, parameters)->Meaning, "lock used that is not initialised");
    parameters[0] = 0x24;
    NT_EXPECT_EQ(KdpFindSubCode(0xC1, parameters), NULL);
    parameters[3] = 0x24;
    NT_EXPECT_STR(KdpFindSubCode(0xC1, parameters)->Meaning,
                  "bytes behind the block were overwritten");
    NT_EXPECT_EQ(KdpFindSubCode(0x12345, parameters), NULL);
}

static __attribute__((noinline)) PVOID
AllocateIt(void)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 64, 'tseT');

    __asm__ volatile("");
    return block;
}

static __attribute__((noinline)) void
FreeIt(PVOID Block)
{
    ExFreePoolWithTag(Block, 'tseT');
    __asm__ volatile("");
}

NT_TEST(Words, DoubleFreeNamesBothSides)
{
    PVOID block = AllocateIt();
    const char *log;

    FreeIt(block);
    NT_EXPECT_BUGCHECK(BAD_POOL_CALLER, ExFreePoolWithTag(block, 'tseT'));
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "what is wrong: the block is free already");
    NT_EXPECT_CONTAINS(log, "allocated by AllocateIt (");
    NT_EXPECT_CONTAINS(log, "freed by FreeIt (");
}

/* ---- io ---- */

static VOID NTAPI
WorkRoutine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
}

NT_TEST(Words, WorkItemThatIsNone)
{
    static UCHAR zeroes[256];

    NT_EXPECT_BUGCHECK(WORKER_INVALID, IoQueueWorkItem((PIO_WORKITEM)(PVOID)zeroes, WorkRoutine,
                                                       DelayedWorkQueue, NULL));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 3);
    NT_EXPECT_CONTAINS(SimTakeLog(), "make it with IoAllocateWorkItem");
}

NT_TEST(Words, ZeroedRemoveLock)
{
    static IO_REMOVE_LOCK lock;

    NT_EXPECT_BUGCHECK(0xC4, IoAcquireRemoveLock(&lock, NULL));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1002);
    NT_EXPECT_CONTAINS(SimTakeLog(), "call IoInitializeRemoveLock");
}

NT_TEST(Words, RemoveLockReleasedTooOften)
{
    IO_REMOVE_LOCK lock;

    IoInitializeRemoveLock(&lock, 'tseT', 0, 0);
    NT_EXPECT_STATUS(IoAcquireRemoveLock(&lock, &lock), STATUS_SUCCESS);
    IoReleaseRemoveLock(&lock, &lock);
    IoReleaseRemoveLock(&lock, &lock);
    NT_EXPECT_BUGCHECK(0xC4, IoReleaseRemoveLock(&lock, &lock));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD6);
}

NT_TEST(Words, RemoveLockWaitedForTwice)
{
    IO_REMOVE_LOCK lock;

    IoInitializeRemoveLock(&lock, 'tseT', 0, 0);
    NT_EXPECT_STATUS(IoAcquireRemoveLock(&lock, &lock), STATUS_SUCCESS);
    IoReleaseRemoveLockAndWait(&lock, &lock);
    NT_EXPECT_BUGCHECK(0xC4, IoReleaseRemoveLockAndWait(&lock, &lock));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD6);
    NT_EXPECT_CONTAINS(SimTakeLog(), "for the second time");
}

NT_TEST(Words, IrpFreedAsPool)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    NT_EXPECT_BUGCHECK(0xC4, ExFreePool(irp));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x105);
    NT_EXPECT_CONTAINS(SimTakeLog(), "IoFreeIrp");
}

/* ---- ends of threads ---- */

static ERESOURCE Resource;
static FAST_MUTEX FastMutex;

static VOID NTAPI
EndWithResource(PVOID Context)
{
    ExInitializeResourceLite(&Resource);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    KeLeaveCriticalRegion();
}

static VOID NTAPI
EndWithFastMutex(PVOID Context)
{
    ExInitializeFastMutex(&FastMutex);
    ExAcquireFastMutex(&FastMutex);
}

static VOID NTAPI
EndWithTimer(PVOID Context)
{
    LARGE_INTEGER later = {.QuadPart = -10000000ll * 1000};
    KTIMER timer;

    KeInitializeTimer(&timer);
    KeSetTimer(&timer, later, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID
RunThread(PKSTART_ROUTINE Routine)
{
    HANDLE handle;

    NT_EXPECT_STATUS(PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, Routine, NULL),
                     STATUS_SUCCESS);
    ZwWaitForSingleObject(handle, FALSE, NULL);
}

NT_TEST(Words, ThreadEndsWithAResource)
{
    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION, RunThread(EndWithResource));
}

NT_TEST(Words, ThreadEndsWithAFastMutex)
{
    NT_EXPECT_BUGCHECK(KERNEL_APC_PENDING_DURING_EXIT, RunThread(EndWithFastMutex));
}

/* AddressSanitizer keeps local variables elsewhere than on the stack. */
#if defined(__SANITIZE_ADDRESS__)
#define LOCALS_ARE_ELSEWHERE TRUE
#elif defined(__has_feature)
#define LOCALS_ARE_ELSEWHERE __has_feature(address_sanitizer)
#else
#define LOCALS_ARE_ELSEWHERE FALSE
#endif

NT_TEST(Words, ThreadEndsWithATimerOnItsStack)
{
    if (LOCALS_ARE_ELSEWHERE) {
        NT_SKIP("AddressSanitizer");
    }
    NT_EXPECT_BUGCHECK(TIMER_OR_DPC_INVALID, RunThread(EndWithTimer));
}
