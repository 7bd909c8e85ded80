/* SPDX-License-Identifier: MIT
 *
 * test/ex/sync_test.c - fast mutexes, resources, push locks, rundown protection, spin locks
 */
#include "ex_test.h"

VOID FASTCALL ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID FASTCALL ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID FASTCALL ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN FASTCALL ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);

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

/* ---- one kind of lock after the other, guarding a counter ---- */

typedef enum LOCK_KIND { FAST, FAST_UNSAFE, RESOURCE, PUSH, RW_SPIN, LOCK_KINDS } LOCK_KIND;

static FAST_MUTEX FastMutex;
static ERESOURCE Resource;
static EX_PUSH_LOCK PushLock;
static EX_SPIN_LOCK SpinLock;
static LOCK_KIND Kind;
static LONG Writers;
static LONG Readers;
static ULONG64 Guarded;

static KIRQL
TakeLock(BOOLEAN Exclusive)
{
    KIRQL irql = PASSIVE_LEVEL;

    switch (Kind) {
    case FAST:
        ExAcquireFastMutex(&FastMutex);
        break;
    case FAST_UNSAFE:
        KeEnterCriticalRegion();
        ExAcquireFastMutexUnsafe(&FastMutex);
        break;
    case RESOURCE:
        KeEnterCriticalRegion();
        if (Exclusive) {
            ExAcquireResourceExclusiveLite(&Resource, TRUE);
        } else {
            ExAcquireResourceSharedLite(&Resource, TRUE);
        }
        break;
    case PUSH:
        KeEnterCriticalRegion();
        if (Exclusive) {
            ExAcquirePushLockExclusiveEx(&PushLock, 0);
        } else {
            ExAcquirePushLockSharedEx(&PushLock, 0);
        }
        break;
    default:
        irql =
            Exclusive ? ExAcquireSpinLockExclusive(&SpinLock) : ExAcquireSpinLockShared(&SpinLock);
        break;
    }
    return irql;
}

static VOID
GiveLock(BOOLEAN Exclusive, KIRQL Irql)
{
    switch (Kind) {
    case FAST:
        ExReleaseFastMutex(&FastMutex);
        break;
    case FAST_UNSAFE:
        ExReleaseFastMutexUnsafe(&FastMutex);
        KeLeaveCriticalRegion();
        break;
    case RESOURCE:
        ExReleaseResourceLite(&Resource);
        KeLeaveCriticalRegion();
        break;
    case PUSH:
        ExReleasePushLockEx(&PushLock, 0);
        KeLeaveCriticalRegion();
        break;
    default:
        if (Exclusive) {
            ExReleaseSpinLockExclusive(&SpinLock, Irql);
        } else {
            ExReleaseSpinLockShared(&SpinLock, Irql);
        }
        break;
    }
}

/* Writers change what is guarded without atomics: ThreadSanitizer checks the lock as well. */
static void
UseLock(void *Context)
{
    BOOLEAN sharing = Kind != FAST && Kind != FAST_UNSAFE;
    ULONG state = (ULONG)(ULONG_PTR)Context;

    for (ULONG round = 0; round < 40; round++) {
        BOOLEAN exclusive = !sharing || (state + round * 7) % 3 == 0;
        KIRQL irql = TakeLock(exclusive);

        if (exclusive) {
            NT_EXPECT_EQ(__atomic_add_fetch(&Writers, 1, __ATOMIC_RELAXED), 1);
            NT_EXPECT_EQ(__atomic_load_n(&Readers, __ATOMIC_RELAXED), 0);
            Guarded++;
            SimSchedulingPoint();
            __atomic_sub_fetch(&Writers, 1, __ATOMIC_RELAXED);
        } else {
            volatile ULONG64 seen = Guarded;

            __atomic_add_fetch(&Readers, 1, __ATOMIC_RELAXED);
            NT_EXPECT_EQ(__atomic_load_n(&Writers, __ATOMIC_RELAXED), 0);
            SimSchedulingPoint();
            NT_EXPECT_EQ(Guarded, seen);
            __atomic_sub_fetch(&Readers, 1, __ATOMIC_RELAXED);
        }
        GiveLock(exclusive, irql);
        if (round % 5 == 0) {
            SimSchedulingPoint();
        }
    }
}

NT_TEST_SEEDS(ExSync, LocksExclude, 20)
{
    static TEST_THREAD threads[4];

    for (Kind = 0; Kind < LOCK_KINDS; Kind++) {
        ExInitializeFastMutex(&FastMutex);
        ExInitializeResourceLite(&Resource);
        for (ULONG i = 0; i < 4; i++) {
            StartThread(&threads[i], UseLock, (void *)(ULONG_PTR)(i + NtTestSeed()));
        }
        for (ULONG i = 0; i < 4; i++) {
            JoinThread(&threads[i]);
        }
        NT_EXPECT_EQ(ExGetExclusiveWaiterCount(&Resource), 0);
        NT_EXPECT_EQ(ExGetSharedWaiterCount(&Resource), 0);
        ExDeleteResourceLite(&Resource);
        NT_EXPECT_EQ(PushLock, 0);
        NT_EXPECT_EQ(SpinLock, 0);
    }
}

static LONG SecondReader; /* 1: it has the lock, 2: it may go */

static void
ReadToo(void *Context)
{
    KIRQL irql = TakeLock(FALSE);

    __atomic_store_n(&SecondReader, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&SecondReader, __ATOMIC_SEQ_CST) != 2) {
        SimSchedulingPoint();
    }
    GiveLock(FALSE, irql);
}

/* An exclusive lock would stand still here. */
NT_TEST_SEEDS(ExSync, TwoReadersHaveItAtOnce, 10)
{
    static TEST_THREAD thread;

    ExInitializeResourceLite(&Resource);
    for (Kind = RESOURCE; Kind < LOCK_KINDS; Kind++) {
        KIRQL irql = TakeLock(FALSE);

        SecondReader = 0;
        StartThread(&thread, ReadToo, NULL);
        while (__atomic_load_n(&SecondReader, __ATOMIC_SEQ_CST) != 1) {
            SimSchedulingPoint();
        }
        if (Kind == RW_SPIN) {
            NT_EXPECT_FALSE(ExTryConvertSharedSpinLockExclusive(&SpinLock));
        }
        __atomic_store_n(&SecondReader, 2, __ATOMIC_SEQ_CST);
        JoinThread(&thread);
        GiveLock(FALSE, irql);
    }
    ExDeleteResourceLite(&Resource);
    NT_EXPECT_EQ(PushLock, 0);
    NT_EXPECT_EQ(SpinLock, 0);
}

/* ---- fast mutexes ---- */

NT_TEST(ExFastMutex, RaisesAndRestoresIrql)
{
    FAST_MUTEX mutex;
    KIRQL irql;

    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    NT_EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    NT_EXPECT_FALSE(ExTryToAcquireFastMutex(&mutex));
    NT_EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    ExReleaseFastMutex(&mutex);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_TRUE(ExTryToAcquireFastMutex(&mutex));
    ExReleaseFastMutex(&mutex);
    KeRaiseIrql(APC_LEVEL, &irql);
    ExAcquireFastMutex(&mutex);
    ExReleaseFastMutex(&mutex);
    NT_EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(irql);
}

NT_TEST(ExFastMutex, TwiceIsABugCheck)
{
    FAST_MUTEX mutex;

    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    NT_EXPECT_BUGCHECK(0xC4, ExAcquireFastMutex(&mutex));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1000);
}

NT_TEST(ExFastMutex, AtDispatchIsABugCheck)
{
    FAST_MUTEX mutex;
    KIRQL irql;

    ExInitializeFastMutex(&mutex);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(0xC4, ExAcquireFastMutex(&mutex));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x33);
}

NT_TEST(ExFastMutex, ReleaseOfAFreeOneIsABugCheck)
{
    FAST_MUTEX mutex;
    KIRQL irql;

    ExInitializeFastMutex(&mutex);
    KeRaiseIrql(APC_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(0xC4, ExReleaseFastMutex(&mutex));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x34);
}

/* ---- resources ---- */

NT_TEST(ExResource, RecursesAndConverts)
{
    ERESOURCE resource;

    NT_EXPECT_STATUS(ExInitializeResourceLite(&resource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
    NT_EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, TRUE));
    NT_EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, FALSE));
    NT_EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, FALSE));
    NT_EXPECT_TRUE(ExIsResourceAcquiredExclusiveLite(&resource));
    NT_EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), 3);
    ExReleaseResourceLite(&resource);
    ExReleaseResourceLite(&resource);
    ExConvertExclusiveToSharedLite(&resource);
    NT_EXPECT_FALSE(ExIsResourceAcquiredExclusiveLite(&resource));
    NT_EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), 1);
    NT_EXPECT_FALSE(ExAcquireResourceExclusiveLite(&resource, FALSE));
    ExReleaseResourceLite(&resource);
    NT_EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), 0);
    KeLeaveCriticalRegion();
    NT_EXPECT_STATUS(ExDeleteResourceLite(&resource), STATUS_SUCCESS);
}

typedef struct RESOURCE_SCENE {
    ERESOURCE Resource;
    KEVENT Leave;
    volatile BOOLEAN WriterIn;
    volatile BOOLEAN ReaderIn;
} RESOURCE_SCENE;

static void
WaitingWriter(void *Context)
{
    RESOURCE_SCENE *scene = Context;

    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&scene->Resource, TRUE);
    scene->WriterIn = TRUE;
    KeWaitForSingleObject(&scene->Leave, Executive, KernelMode, FALSE, NULL);
    ExReleaseResourceLite(&scene->Resource);
    KeLeaveCriticalRegion();
}

static void
WaitingReader(void *Context)
{
    RESOURCE_SCENE *scene = Context;

    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&scene->Resource, TRUE);
    scene->ReaderIn = TRUE;
    ExReleaseResourceLite(&scene->Resource);
    KeLeaveCriticalRegion();
}

/* Who gets in while a writer waits for this thread's shared ownership. */
NT_TEST_SEEDS(ExResource, PoliciesTowardsAWaitingWriter, 5)
{
    static RESOURCE_SCENE scene;
    static TEST_THREAD writer;
    static TEST_THREAD reader;

    ExInitializeResourceLite(&scene.Resource);
    KeInitializeEvent(&scene.Leave, NotificationEvent, FALSE);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&scene.Resource, TRUE);
    StartThread(&writer, WaitingWriter, &scene);
    SimRunUntilIdle();
    NT_EXPECT_EQ(ExGetExclusiveWaiterCount(&scene.Resource), 1);
    StartThread(&reader, WaitingReader, &scene);
    SimRunUntilIdle();
    NT_EXPECT_EQ(ExGetSharedWaiterCount(&scene.Resource), 1);
    /* Recursion goes on; so does who starves the writer; the third kind waits even so. */
    NT_EXPECT_TRUE(ExAcquireResourceSharedLite(&scene.Resource, FALSE));
    NT_EXPECT_TRUE(ExAcquireSharedStarveExclusive(&scene.Resource, FALSE));
    NT_EXPECT_FALSE(ExAcquireSharedWaitForExclusive(&scene.Resource, FALSE));
    ExReleaseResourceLite(&scene.Resource);
    ExReleaseResourceLite(&scene.Resource);
    NT_EXPECT_FALSE(scene.WriterIn);
    ExReleaseResourceLite(&scene.Resource);
    SimRunUntilIdle();
    NT_EXPECT_TRUE(scene.WriterIn);
    NT_EXPECT_FALSE(scene.ReaderIn);
    NT_EXPECT_FALSE(ExAcquireSharedStarveExclusive(&scene.Resource, FALSE));
    KeSetEvent(&scene.Leave, 0, FALSE);
    JoinThread(&writer);
    JoinThread(&reader);
    NT_EXPECT_TRUE(scene.ReaderIn);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&scene.Resource);
}

static void
ShareOnce(void *Context)
{
    PERESOURCE resource = Context;

    ExAcquireResourceSharedLite(resource, TRUE);
    ExReleaseResourceLite(resource);
}

/* The one entry without a table is the converting owner's. Model resource, seeds 90 and 103. */
NT_TEST_SEEDS(ExResource, ConvertingMakesRoomForTheFirstReader, 5)
{
    TEST_THREAD reader;
    ERESOURCE resource;

    ExInitializeResourceLite(&resource);
    ExAcquireResourceExclusiveLite(&resource, TRUE);
    StartThread(&reader, ShareOnce, &resource);
    SimRunUntilIdle();
    NT_EXPECT_EQ(ExGetSharedWaiterCount(&resource), 1);
    ExConvertExclusiveToSharedLite(&resource);
    JoinThread(&reader);
    ExReleaseResourceLite(&resource);
    ExDeleteResourceLite(&resource);
}

NT_TEST(ExResource, ReleaseByAStrangerIsABugCheck)
{
    ERESOURCE resource;

    ExInitializeResourceLite(&resource);
    NT_EXPECT_BUGCHECK(0xE3, ExReleaseResourceLite(&resource));
}

NT_TEST(ExResource, SharedToExclusiveIsABugCheck)
{
    ERESOURCE resource;

    ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&resource, TRUE);
    NT_EXPECT_BUGCHECK(0xC4, ExAcquireResourceExclusiveLite(&resource, TRUE));
}

NT_TEST(ExResource, OwnerPointerIsReleasedByName)
{
    ERESOURCE resource;
    ULONG_PTR owner = 0x1003;

    ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&resource, TRUE);
    ExSetResourceOwnerPointer(&resource, (PVOID)owner);
    NT_EXPECT_EQ(ExIsResourceAcquiredSharedLite(&resource), 0);
    ExReleaseResourceForThreadLite(&resource, owner);
    NT_EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, FALSE));
    ExReleaseResourceLite(&resource);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&resource);
}

/* ---- push locks, rundown protection ---- */

NT_TEST(ExPushLock, StrayReleaseIsABugCheck)
{
    EX_PUSH_LOCK lock = 0;

    NT_EXPECT_TRUE(ExTryAcquirePushLockExclusiveEx(&lock, 0));
    NT_EXPECT_FALSE(ExTryAcquirePushLockExclusiveEx(&lock, 0));
    ExReleasePushLockEx(&lock, 0);
    NT_EXPECT_BUGCHECK(0xC4, ExReleasePushLockEx(&lock, 0));
}

typedef struct RUNDOWN_SCENE {
    EX_RUNDOWN_REF Ref;
    LONG Users;
    volatile BOOLEAN Over;
} RUNDOWN_SCENE;

static void
RundownUser(void *Context)
{
    RUNDOWN_SCENE *scene = Context;

    while (ExAcquireRundownProtection(&scene->Ref)) {
        __atomic_add_fetch(&scene->Users, 1, __ATOMIC_RELAXED);
        NT_EXPECT_FALSE(scene->Over);
        SimSchedulingPoint();
        NT_EXPECT_FALSE(scene->Over);
        __atomic_sub_fetch(&scene->Users, 1, __ATOMIC_RELAXED);
        ExReleaseRundownProtection(&scene->Ref);
    }
}

NT_TEST_SEEDS(ExRundown, WaitsForAllUsers, 30)
{
    static RUNDOWN_SCENE scene;
    static TEST_THREAD threads[3];

    ExInitializeRundownProtection(&scene.Ref);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], RundownUser, &scene);
    }
    for (ULONG i = 0; i < 10 + NtTestSeed() % 7; i++) {
        SimSchedulingPoint();
    }
    ExWaitForRundownProtectionRelease(&scene.Ref);
    NT_EXPECT_EQ(__atomic_load_n(&scene.Users, __ATOMIC_RELAXED), 0);
    scene.Over = TRUE;
    NT_EXPECT_FALSE(ExAcquireRundownProtection(&scene.Ref));
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    ExReInitializeRundownProtection(&scene.Ref);
    NT_EXPECT_TRUE(ExAcquireRundownProtection(&scene.Ref));
    ExReleaseRundownProtection(&scene.Ref);
}

NT_TEST(ExRundown, ExtraReleaseIsABugCheck)
{
    EX_RUNDOWN_REF ref;

    ExInitializeRundownProtection(&ref);
    NT_EXPECT_BUGCHECK(0xC4, ExReleaseRundownProtection(&ref));
}

NT_TEST(ExSpinLock, ConvertsASoleReader)
{
    EX_SPIN_LOCK lock = 0;
    KIRQL irql = ExAcquireSpinLockShared(&lock);

    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NT_EXPECT_TRUE(ExTryConvertSharedSpinLockExclusive(&lock));
    NT_EXPECT_FALSE(ExTryConvertSharedSpinLockExclusive(&lock));
    ExReleaseSpinLockExclusive(&lock, irql);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_BUGCHECK(0x10, ExReleaseSpinLockShared(&lock, irql));
}
