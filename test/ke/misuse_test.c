/* SPDX-License-Identifier: MIT
 *
 * test/ke/misuse_test.c - what drivers do wrong with ke's objects: the code, and the words
 */
#define KE_TEST_PROCESSORS 4
#include "ke_test.h"

static char Said[4096];

static VOID
Report(ULONG Code, const ULONG_PTR Parameters[4], const char *Detail)
{
    strncpy(Said, Detail, sizeof(Said) - 1);
}

/* ---- objects of the wrong type, or none ---- */

typedef union OBJECT {
    KEVENT Event;
    KTIMER Timer;
    KDPC Dpc;
    KMUTEX Mutex;
    KSEMAPHORE Semaphore;
    KQUEUE Queue;
    UCHAR Byte[256];
} OBJECT;

static OBJECT Object;

static void
Use(ULONG Row)
{
    LARGE_INTEGER soon = {.QuadPart = -1};

    switch (Row) {
    case 0:
        KeSetEvent(&Object.Event, 0, FALSE);
        break;
    case 1:
        KeResetEvent(&Object.Event);
        break;
    case 2:
        KeReadStateEvent(&Object.Event);
        break;
    case 3:
        WaitFor(&Object.Event, NULL);
        break;
    case 4:
        KeReleaseMutex(&Object.Mutex, FALSE);
        break;
    case 5:
        KeReleaseSemaphore(&Object.Semaphore, 0, 1, FALSE);
        break;
    case 6:
        KeInsertQueue(&Object.Queue, NULL);
        break;
    case 7:
        KeSetTimer(&Object.Timer, soon, NULL);
        break;
    case 8:
        KeCancelTimer(&Object.Timer);
        break;
    case 9:
        KeInsertQueueDpc(&Object.Dpc, NULL, NULL);
        break;
    case 10:
        KeRemoveQueueDpc(&Object.Dpc);
        break;
    default:
        KePulseEvent(&Object.Event, 0, FALSE);
        break;
    }
}

/* The seed is the routine. */
NT_TEST_SEEDS(KeMisuse, ZeroedObject, 12)
{
    ULONG row = (ULONG)NtTestSeed() - 1;

    KiRegisterBugCheckReport(Report);
    NT_EXPECT_BUGCHECK(row >= 7 && row <= 10 ? TIMER_OR_DPC_INVALID : DRIVER_VIOLATION, Use(row));
    NT_EXPECT_CONTAINS(Said, "only zeroes: it was never initialised");
    NT_EXPECT_CONTAINS(Said, "KeInitialize");
}

NT_TEST_SEEDS(KeMisuse, FreedFillInsteadOfAnObject, 12)
{
    ULONG row = (ULONG)NtTestSeed() - 1;

    KiRegisterBugCheckReport(Report);
    memset(&Object, 0xDD, sizeof(Object));
    NT_EXPECT_BUGCHECK(row >= 7 && row <= 10 ? TIMER_OR_DPC_INVALID : DRIVER_VIOLATION, Use(row));
    NT_EXPECT_CONTAINS(Said, "its memory was freed before");
}

NT_TEST(KeMisuse, TimerWhereAnEventIsExpected)
{
    KTIMER timer;

    KiRegisterBugCheckReport(Report);
    KeInitializeTimer(&timer);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KeSetEvent((PRKEVENT)(PVOID)&timer, 0, FALSE));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)&timer);
    NT_EXPECT_CONTAINS(Said, "KeSetEvent was called with");
    NT_EXPECT_CONTAINS(Said, "not an initialised KEVENT. There lies a KTIMER");
    NT_EXPECT_CONTAINS(Said, "Call KeInitializeEvent");
}

NT_TEST(KeMisuse, EventWhereATimerIsExpected)
{
    KEVENT event;

    KiRegisterBugCheckReport(Report);
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    NT_EXPECT_BUGCHECK(TIMER_OR_DPC_INVALID, KeCancelTimer((PKTIMER)(PVOID)&event));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0);
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)&event);
    NT_EXPECT_CONTAINS(Said, "There lies a KEVENT (SynchronizationEvent)");
}

/* A DEVICE_OBJECT begins with the number that a process has. */
NT_TEST(KeMisuse, WaitForADeviceObject)
{
    DEVICE_OBJECT device = {.Type = 3, .Size = sizeof(DEVICE_OBJECT), .ReferenceCount = 1};

    device.DriverObject = (PDRIVER_OBJECT)(PVOID)&device;
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, WaitFor(&device, NULL));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)&device);
}

NT_TEST(KeMisuse, WaitForAPointerToAnObject)
{
    KEVENT event;
    PVOID pointer = &event;

    KiRegisterBugCheckReport(Report);
    KeInitializeEvent(&event, NotificationEvent, TRUE);
    memset(Object.Byte, 0xA5, sizeof(Object));
    memcpy(&Object, &pointer, sizeof(pointer));
    Object.Byte[0] = 0x58;
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, WaitFor(&Object, NULL));
    NT_EXPECT_CONTAINS(Said, "no kernel object begins like that");
}

/* ---- spin locks ---- */

NT_TEST(KeMisuse, LockTakenTwiceSaysWhereItWasTaken)
{
    KSPIN_LOCK lock = 0;
    KIRQL irql;

    KiRegisterBugCheckReport(Report);
    KeAcquireSpinLock(&lock, &irql);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_ALREADY_OWNED, KeAcquireSpinLock(&lock, &irql));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)&lock);
    NT_EXPECT_CONTAINS(Said, "which took it in NtTest_KeMisuse_LockTakenTwice");
    NT_EXPECT_CONTAINS(Said, "misuse_test.c:");
}

static KSPIN_LOCK Locks[2];

static void
TakeFirst(void *Context)
{
    KeRaiseIrql(DISPATCH_LEVEL, &(KIRQL){0});
    KeAcquireSpinLockAtDpcLevel(&Locks[0]);
    for (;;) {
        HalpYield();
    }
}

NT_TEST_SEEDS(KeMisuse, LockOfAnotherThreadReleased, 5)
{
    TEST_THREAD thread;

    KiRegisterBugCheckReport(Report);
    StartThread(&thread, TakeFirst, NULL);
    while (KeTestSpinLock(&Locks[0])) {
        HalpYield();
    }
    HalpYield();
    HalpYield();
    KiRaiseIrql(DISPATCH_LEVEL);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_NOT_OWNED, KeReleaseSpinLockFromDpcLevel(&Locks[0]));
    NT_EXPECT_EQ(KiBugCheckParameters[2], (ULONG_PTR)&thread.Tcb);
    NT_EXPECT_CONTAINS(Said, "Owner: thread");
}

NT_TEST(KeMisuse, LockReleasedTwice)
{
    KSPIN_LOCK lock = 0;
    KIRQL irql;

    KiRegisterBugCheckReport(Report);
    KeAcquireSpinLock(&lock, &irql);
    KeReleaseSpinLock(&lock, DISPATCH_LEVEL);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_NOT_OWNED, KeReleaseSpinLock(&lock, irql));
    NT_EXPECT_CONTAINS(Said, "none: it was released before");
}

NT_TEST(KeMisuse, OuterLockReleasedFirstNamesTheInner)
{
    KSPIN_LOCK outer = 0;
    KSPIN_LOCK inner = 0;
    KIRQL irql;

    KiRegisterBugCheckReport(Report);
    KeAcquireSpinLock(&outer, &irql);
    KeAcquireSpinLockAtDpcLevel(&inner);
    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION, KeReleaseSpinLock(&outer, irql));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x31);
    NT_EXPECT_CONTAINS(Said, "spin lock ");
    NT_EXPECT_CONTAINS(Said, "taken in NtTest_KeMisuse_OuterLock");
}

/* Hand over hand is allowed at DISPATCH_LEVEL, and the record of what is held stays right. */
NT_TEST(KeMisuse, LocksMayBeReleasedInAnyOrderAtDispatch)
{
    KSPIN_LOCK lock[10] = {0};
    char held[600];
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    for (ULONG i = 0; i < 10; i++) {
        KeAcquireSpinLockAtDpcLevel(&lock[i]);
    }
    for (ULONG i = 0; i < 9; i++) {
        KeReleaseSpinLockFromDpcLevel(&lock[(i * 7) % 10]);
    }
    NT_EXPECT_EQ(KiGetCurrentThread()->SpinLocks, 1);
    KeReleaseSpinLockFromDpcLevel(&lock[3]);
    KiDescribeHeld(KiGetCurrentThread(), held, sizeof(held));
    NT_EXPECT_STR(held, "");
    KeLowerIrql(irql);
}

/* The fills of new and of freed pool have the bit of a held lock. The seed is the byte. */
NT_TEST_SEEDS(KeMisuse, FillIsNoLock, 4)
{
    static const UCHAR fills[] = {0xCD, 0xDD, 0xFD, 0x41};
    KSPIN_LOCK lock;
    KIRQL irql;

    memset(&lock, fills[NtTestSeed() - 1], sizeof(lock));
    KiRegisterBugCheckReport(Report);
    NT_EXPECT_BUGCHECK(SPIN_LOCK_INIT_FAILURE, KeAcquireSpinLock(&lock, &irql));
    NT_EXPECT_EQ(KiBugCheckParameters[1], lock);
    NT_EXPECT_CONTAINS(Said, "KeInitializeSpinLock");
}

static void
TakeSecondThenFirst(void *Context)
{
    KIRQL irql;

    KeAcquireSpinLock(&Locks[1], &irql);
    while (KeTestSpinLock(&Locks[0])) {
        HalpYield();
    }
    KeAcquireSpinLockAtDpcLevel(&Locks[0]);
    NT_FAIL("both threads have both locks");
}

/* Either thread may be the one that finds it: both have the right code. */
NT_TEST_SEEDS(KeMisuse, TwoLocksInOppositeOrder, 30)
{
    TEST_THREAD thread;
    KIRQL irql;

    KiRegisterBugCheckReport(Report);
    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION, {
        StartThread(&thread, TakeSecondThenFirst, NULL);
        KeAcquireSpinLock(&Locks[0], &irql);
        while (KeTestSpinLock(&Locks[1])) {
            HalpYield();
        }
        KeAcquireSpinLockAtDpcLevel(&Locks[1]);
    });
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1001);
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)&Locks[1]);
    NT_EXPECT_CONTAINS(Said, "is held by thread");
    NT_EXPECT_CONTAINS(Said, "which took it in TakeSecondThenFirst");
}

/* ---- mutexes ---- */

NT_TEST(KeMisuse, GuardedMutexTwiceSaysWhere)
{
    KGUARDED_MUTEX mutex;

    KiRegisterBugCheckReport(Report);
    KeInitializeGuardedMutex(&mutex);
    KeAcquireGuardedMutex(&mutex);
    NT_EXPECT_BUGCHECK(MUTEX_ALREADY_OWNED, KeAcquireGuardedMutex(&mutex));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)&mutex);
    NT_EXPECT_CONTAINS(Said, "fast or guarded mutex");
}

/* ---- timers in memory that went ---- */

static VOID NTAPI
Nothing(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
}

static VOID NTAPI
LeaveTimer(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KTIMER timer;

    KeInitializeTimer(&timer);
    KeSetTimer(&timer, RelativeMs(1000000), Context);
}

static VOID NTAPI
CancelTimer(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KTIMER timer;

    KeInitializeTimer(&timer);
    KeSetTimer(&timer, RelativeMs(1000000), NULL);
    NT_EXPECT_TRUE(KeCancelTimer(&timer));
}

/* AddressSanitizer keeps local variables elsewhere; ThreadSanitizer's calls overwrite dead frames.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEAD_FRAMES_ARE_LOST TRUE
#elif defined(__has_feature)
#define DEAD_FRAMES_ARE_LOST (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define DEAD_FRAMES_ARE_LOST FALSE
#endif

NT_TEST(KeMisuse, DpcRoutineLeavesATimerOnItsStack)
{
    KDPC other;
    KDPC dpc;

    if (DEAD_FRAMES_ARE_LOST) {
        NT_SKIP("a sanitizer keeps the stack otherwise");
    }

    KiRegisterBugCheckReport(Report);
    KeInitializeDpc(&other, Nothing, NULL);
    KeInitializeDpc(&dpc, LeaveTimer, &other);
    NT_EXPECT_BUGCHECK(TIMER_OR_DPC_INVALID, KeInsertQueueDpc(&dpc, NULL, NULL));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0);
    NT_EXPECT_CONTAINS(Said, "The DPC routine LeaveTimer");
    NT_EXPECT_CONTAINS(Said, "its DPC routine is Nothing");
}

NT_TEST(KeMisuse, TimerCancelledBeforeTheReturnIsFine)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, CancelTimer, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    NT_EXPECT_FALSE(KiGetCurrentThread()->StackTimers);
}

NT_TEST(KeMisuse, MemoryOfAnArmedTimerWrittenOver)
{
    static KTIMER timer;

    KiRegisterBugCheckReport(Report);
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, RelativeMs(1), NULL);
    timer.Header.Type = 0x77;
    NT_EXPECT_BUGCHECK(
        TIMER_OR_DPC_INVALID,
        KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = -1000000}));
}

/* ---- memory in use ---- */

NT_TEST(KeMisuse, BusyObjectsAreFoundByRange)
{
    static UCHAR memory[8192] __attribute__((aligned(16)));
    KI_BUSY_OBJECT found;
    PKTIMER timer = (PKTIMER)(PVOID)(memory + 4096 - 24);

    KeInitializeTimer(timer);
    NT_EXPECT_FALSE(KiFindBusyObject((ULONG_PTR)memory, sizeof(memory), &found));
    KeSetTimer(timer, RelativeMs(1000000), NULL);
    NT_EXPECT_TRUE(KiFindBusyObject((ULONG_PTR)memory, sizeof(memory), &found));
    NT_EXPECT_EQ(found.Kind, KiBusyTimer);
    NT_EXPECT_EQ(found.Object, timer);
    NT_EXPECT_FALSE(KiFindBusyObject((ULONG_PTR)memory, 4096 - 24, &found));
    NT_EXPECT_FALSE(KiFindBusyObject((ULONG_PTR)timer + 8, 4096, &found));
    KeCancelTimer(timer);
    NT_EXPECT_FALSE(KiFindBusyObject((ULONG_PTR)memory, sizeof(memory), &found));
    NT_FOR_EACH (slot, KiBusySlots) {
        NT_EXPECT_EQ(*slot, 0);
    }
}
