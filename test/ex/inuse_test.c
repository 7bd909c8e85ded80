/* SPDX-License-Identifier: MIT
 *
 * test/ex/inuse_test.c - blocks freed while in use, and stray writes that plain builds find
 */
#include "ex_test.h"
#include "ex/expool.h"

static char Said[8192];

static VOID
Report(ULONG Code, const ULONG_PTR Parameters[4], const char *Detail)
{
    strncpy(Said, Detail, sizeof(Said) - 1);
}

void
NtTestSetUp(void)
{
    ExTestStart();
    KiRegisterBugCheckReport(Report);
}

void
NtTestTearDown(void)
{
    ExTestStop();
}

static LARGE_INTEGER
Later(void)
{
    LARGE_INTEGER later = {.QuadPart = -10000000ll * 1000};
    return later;
}

static VOID NTAPI
TimeOut(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
}

typedef struct EXTENSION {
    ULONG64 Before[4];
    KTIMER Timer;
    KDPC Dpc;
    KEVENT Event;
    ERESOURCE Resource;
    WORK_QUEUE_ITEM Item;
} EXTENSION;

static const SIZE_T Sizes[] = {sizeof(EXTENSION), 3000, 40000};

/* The seed chooses the size: a small block, a large one, one of many pages. */
__attribute__((noinline)) static EXTENSION *
Allocate(void)
{
    SIZE_T size = Sizes[NtTestSeed() % RTL_NUMBER_OF(Sizes)];
    EXTENSION *extension = ExAllocatePoolWithTag(NonPagedPoolNx, size, EX_TAG);

    memset(extension, 0, size);
    return size == 40000 ? (EXTENSION *)((PUCHAR)extension + 20000) : extension;
}

static PVOID
Block(EXTENSION *Extension)
{
    EXP_POOL_BLOCK block;
    BOOLEAN isFree;

    NT_EXPECT_TRUE(ExpDescribePoolAddress((ULONG_PTR)Extension, &block, &isFree));
    return block.Address;
}

NT_TEST_SEEDS(ExInUse, ArmedTimer, 3)
{
    EXTENSION *extension = Allocate();
    PVOID block = Block(extension);

    KeInitializeTimer(&extension->Timer);
    KeInitializeDpc(&extension->Dpc, TimeOut, NULL);
    KeSetTimer(&extension->Timer, Later(), &extension->Dpc);
    NT_EXPECT_BUGCHECK(0xC7, ExFreePoolWithTag(block, EX_TAG));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0);
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)&extension->Timer);
    NT_EXPECT_EQ(KiBugCheckParameters[2], (ULONG_PTR)block);
    NT_EXPECT_CONTAINS(Said, "holds the armed KTIMER");
    NT_EXPECT_CONTAINS(Said, "its DPC routine is TimeOut");
    NT_EXPECT_CONTAINS(Said, "allocated by Allocate (");
    NT_EXPECT_CONTAINS(Said, "inuse_test.c:");
}

NT_TEST_SEEDS(ExInUse, CancelledTimerIsFine, 3)
{
    EXTENSION *extension = Allocate();

    KeInitializeTimer(&extension->Timer);
    KeSetTimer(&extension->Timer, Later(), NULL);
    KeCancelTimer(&extension->Timer);
    ExFreePool(Block(extension));
}

NT_TEST_SEEDS(ExInUse, QueuedDpc, 3)
{
    EXTENSION *extension = Allocate();
    PVOID block = Block(extension);

    KeInitializeDpc(&extension->Dpc, TimeOut, NULL);
    KiRaiseIrql(DISPATCH_LEVEL);
    KeInsertQueueDpc(&extension->Dpc, NULL, NULL);
    NT_EXPECT_BUGCHECK(0xC7, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 1);
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)&extension->Dpc);
    NT_EXPECT_CONTAINS(Said, "its routine is TimeOut");
}

static VOID NTAPI
FreeItself(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ExFreePool(Context);
}

NT_TEST_SEEDS(ExInUse, DpcRoutineMayFreeItsDpc, 3)
{
    EXTENSION *extension = Allocate();

    KeInitializeDpc(&extension->Dpc, FreeItself, Block(extension));
    KeInsertQueueDpc(&extension->Dpc, NULL, NULL);
}

/* A look without the dispatcher's lock. */
__attribute__((no_sanitize("thread"), noinline)) static BOOLEAN
HasWaiter(const KEVENT *Event)
{
    const LIST_ENTRY *head = &Event->Header.WaitListHead;

    return *(LIST_ENTRY *const volatile *)&head->Flink != head;
}

static void
WaitForEvent(void *Context)
{
    EXTENSION *extension = Context;

    KeWaitForSingleObject(&extension->Event, Executive, KernelMode, FALSE, NULL);
}

NT_TEST_SEEDS(ExInUse, EventWithAWaiter, 6)
{
    static TEST_THREAD thread;
    EXTENSION *extension = Allocate();

    KeInitializeEvent(&extension->Event, SynchronizationEvent, FALSE);
    StartThread(&thread, WaitForEvent, extension);
    while (!HasWaiter(&extension->Event)) {
        HalpYield();
    }
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, ExFreePool(Block(extension)));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)&extension->Event);
    NT_EXPECT_CONTAINS(Said, "for which thread");
    NT_EXPECT_CONTAINS(Said, "KEVENT (SynchronizationEvent)");
}

NT_TEST_SEEDS(ExInUse, Resource, 3)
{
    EXTENSION *extension = Allocate();

    ExInitializeResourceLite(&extension->Resource);
    NT_EXPECT_BUGCHECK(0xC4, ExFreePool(Block(extension)));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD2);
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)&extension->Resource);
    NT_EXPECT_CONTAINS(Said, "ExDeleteResourceLite");
    NT_EXPECT_CONTAINS(Said, "initialised by NtTest_ExInUse_Resource");
}

NT_TEST_SEEDS(ExInUse, DeletedResourceIsFine, 3)
{
    EXTENSION *extension = Allocate();

    ExInitializeResourceLite(&extension->Resource);
    ExDeleteResourceLite(&extension->Resource);
    ExFreePool(Block(extension));
}

NT_TEST(ExInUse, LookasideList)
{
    PNPAGED_LOOKASIDE_LIST list = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*list), EX_TAG);

    ExInitializeNPagedLookasideList(list, NULL, NULL, 0, 64, EX_TAG, 0);
    NT_EXPECT_BUGCHECK(0xC4, ExFreePool(list));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xCC);
    NT_EXPECT_CONTAINS(Said, "lookaside list");
}

static VOID NTAPI
Work(PVOID Context)
{
}

/* There are no workers here: the item stays queued. */
NT_TEST_SEEDS(ExInUse, QueuedWorkItem, 3)
{
    EXTENSION *extension = Allocate();

    ExInitializeWorkItem(&extension->Item, Work, NULL);
    ExQueueWorkItem(&extension->Item, DelayedWorkQueue);
    NT_EXPECT_BUGCHECK(0xE4, ExFreePool(Block(extension)));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0);
    NT_EXPECT_CONTAINS(Said, "its routine is Work");
}

/* ---- stray writes; with NTBOX_VERIFY or AddressSanitizer there are other checks, ExpGuarded ----
 */

__attribute__((no_sanitize_address, noinline)) static void
WriteByte(PUCHAR Address, UCHAR Value)
{
    *(volatile UCHAR *)Address = Value;
}

/* One zero byte past the end: a string's terminator. The seed chooses the size. */
NT_TEST_SEEDS(ExStray, OverrunByOneZero, 5)
{
    static const SIZE_T sizes[] = {1, 20, 100, 1000, 5000};
    SIZE_T size = sizes[NtTestSeed() - 1];
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, size, EX_TAG);

    WriteByte(block + size, 0);
    NT_EXPECT_BUGCHECK(ExpGuarded ? 0xC1 : 0x19, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[ExpGuarded ? 3 : 0], ExpGuarded ? 0x24 : 0x21);
    NT_EXPECT_CONTAINS(Said, "allocated by NtTest_ExStray_OverrunByOneZero");
}

/* A list entry in a block that is free already. */
NT_TEST(ExStray, WriteToTheStartAfterFree)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 200, EX_TAG);

    if (ExpGuarded) {
        NT_SKIP("freed blocks wait in a queue there");
    }
    ExFreePool(block);
    WriteByte(block + 8, 1);
    NT_EXPECT_BUGCHECK(
        0xC1,
        for (ULONG i = 0; i < 100; i++) { ExAllocatePoolWithTag(NonPagedPool, 200, EX_TAG); });
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)block + 8);
    NT_EXPECT_EQ(KiBugCheckParameters[3], 0x23);
    NT_EXPECT_CONTAINS(Said, "written after the block was freed");
    NT_EXPECT_CONTAINS(Said, "freed by NtTest_ExStray_WriteToTheStart");
}

/* The first of two neighbours is written past its end; the second one's header goes. */
NT_TEST(ExStray, NeighbourIsNamed)
{
    PUCHAR blocks[64];
    PUCHAR victim = NULL;

    for (ULONG i = 0; i < 64; i++) {
        blocks[i] = ExAllocatePoolWithTag(NonPagedPool, 600, EX_TAG);
    }
    for (ULONG i = 0; i < 64 && victim == NULL; i++) {
        for (ULONG k = 0; k < 64; k++) {
            if (blocks[k] > blocks[i] && blocks[k] - blocks[i] < 1200 &&
                PAGE_ALIGN(blocks[k]) == PAGE_ALIGN(blocks[i])) {
                victim = blocks[k];
                for (PUCHAR at = blocks[i] + 600; at < victim - 8; at++) {
                    WriteByte(at, 0);
                }
                break;
            }
        }
    }
    NT_EXPECT_BUGCHECK(0x19, ExFreePool(victim));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x20);
    NT_EXPECT_CONTAINS(Said, "The block before it was written past its end");
}

NT_TEST(ExStray, WriteBeforeTheStart)
{
    PUCHAR block = ExAllocatePoolWithTag(NonPagedPool, 600, EX_TAG);

    WriteByte(block - 1, 0x55);
    NT_EXPECT_BUGCHECK(0x19, ExFreePool(block));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x20);
    NT_EXPECT_CONTAINS(Said, "before the start of this one");
}

/* ---- locks of ex ---- */

NT_TEST(ExMisuse, ZeroedFastMutex)
{
    static FAST_MUTEX mutex;

    NT_EXPECT_BUGCHECK(0xC4, ExAcquireFastMutex(&mutex));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1002);
    NT_EXPECT_EQ(KiBugCheckParameters[1], (ULONG_PTR)&mutex);
    NT_EXPECT_CONTAINS(Said, "ExInitializeFastMutex");
}

NT_TEST(ExMisuse, FastMutexTwiceSaysWhere)
{
    FAST_MUTEX mutex;

    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    NT_EXPECT_BUGCHECK(0xC4, ExAcquireFastMutex(&mutex));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1000);
    NT_EXPECT_CONTAINS(Said, "this thread, since NtTest_ExMisuse_FastMutexTwice");
}

NT_TEST(ExMisuse, ZeroedResource)
{
    static ERESOURCE resource;

    KeEnterCriticalRegion();
    NT_EXPECT_BUGCHECK(0xC4, ExAcquireResourceExclusiveLite(&resource, TRUE));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x1002);
}

NT_TEST(ExMisuse, ResourceReleasedByAnotherSaysWhoMadeIt)
{
    ERESOURCE resource;

    ExInitializeResourceLite(&resource);
    NT_EXPECT_BUGCHECK(0xE3, ExReleaseResourceLite(&resource));
    NT_EXPECT_EQ(KiBugCheckParameters[0], (ULONG_PTR)&resource);
    NT_EXPECT_CONTAINS(Said, "initialised by NtTest_ExMisuse_ResourceReleased");
    NT_EXPECT_CONTAINS(Said, "now: nobody");
}

NT_TEST(ExMisuse, ResourceDeletedWhileOwned)
{
    ERESOURCE resource;

    ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&resource, TRUE);
    NT_EXPECT_BUGCHECK(0xC4, ExDeleteResourceLite(&resource));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD2);
    NT_EXPECT_CONTAINS(Said, "now: exclusive, thread");
}

NT_TEST(ExMisuse, ResourceDeletedTwice)
{
    ERESOURCE resource;

    ExInitializeResourceLite(&resource);
    ExDeleteResourceLite(&resource);
    NT_EXPECT_BUGCHECK(0xC4, ExDeleteResourceLite(&resource));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xD1);
}
