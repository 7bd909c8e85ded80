/* SPDX-License-Identifier: MIT
 *
 * test/ex/list_test.c - sequenced and interlocked lists, lookaside lists, work items, timers
 */
#include "ex_test.h"

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

/* ---- sequenced lists ---- */

typedef struct DECLSPEC_ALIGN(16) ITEM {
    SLIST_ENTRY Link;
    LONG Owners;
    ULONG Value;
} ITEM;

NT_TEST(ExSList, LastInFirstOut)
{
    static SLIST_HEADER head;
    static ITEM items[5];

    InitializeSListHead(&head);
    NT_EXPECT_EQ(InterlockedPopEntrySList(&head), NULL);
    for (ULONG i = 0; i < 5; i++) {
        NT_EXPECT_EQ(ExQueryDepthSList(&head), i);
        NT_EXPECT_EQ(InterlockedPushEntrySList(&head, &items[i].Link),
                     i == 0 ? NULL : &items[i - 1].Link);
    }
    NT_EXPECT_EQ(InterlockedPopEntrySList(&head), &items[4].Link);
    NT_EXPECT_EQ(InterlockedFlushSList(&head), &items[3].Link);
    NT_EXPECT_EQ(items[3].Link.Next, &items[2].Link);
    NT_EXPECT_EQ(items[0].Link.Next, NULL);
    NT_EXPECT_EQ(ExQueryDepthSList(&head), 0);
    NT_EXPECT_EQ(InterlockedFlushSList(&head), NULL);
}

NT_TEST(ExSList, MisalignedHeaderRaises)
{
    static UCHAR room[64] __attribute__((aligned(16)));

    NT_EXPECT_STATUS(RAISED(InitializeSListHead((PSLIST_HEADER)(room + 8))),
                     STATUS_DATATYPE_MISALIGNMENT);
}

NT_TEST(ExSList, ChainIsPushedInItsOrder)
{
    static SLIST_HEADER head;
    static ITEM items[6];

    InitializeSListHead(&head);
    for (ULONG i = 0; i < 5; i++) {
        items[i].Link.Next = &items[i + 1].Link;
    }
    NT_EXPECT_EQ(InterlockedPushListSList(&head, &items[0].Link, &items[2].Link, 3), NULL);
    NT_EXPECT_EQ(ExQueryDepthSList(&head), 3);
    NT_EXPECT_EQ(InterlockedPushListSList(&head, &items[3].Link, &items[5].Link, 3),
                 &items[0].Link);
    NT_EXPECT_EQ(ExQueryDepthSList(&head), 6);
    for (ULONG i = 0; i < 6; i++) {
        NT_EXPECT_EQ(InterlockedPopEntrySList(&head), &items[(i + 3) % 6].Link);
    }
    NT_EXPECT_EQ(InterlockedPopEntrySList(&head), NULL);
    NT_EXPECT_EQ(ExQueryDepthSList(&head), 0);
}

static SLIST_HEADER SharedList;

/* Collects up to three entries and gives them back as one chain. */
static void
PassChains(void *Context)
{
    for (ULONG round = 0; round < 100; round++) {
        ITEM *first = NULL;
        ITEM *last = NULL;
        ULONG count = 0;

        while (count < 3) {
            PSLIST_ENTRY entry = InterlockedPopEntrySList(&SharedList);

            if (entry == NULL) {
                break;
            }
            entry->Next = first != NULL ? &first->Link : NULL;
            first = CONTAINING_RECORD(entry, ITEM, Link);
            NT_EXPECT_EQ(__atomic_add_fetch(&first->Owners, 1, __ATOMIC_RELAXED), 1);
            last = last != NULL ? last : first;
            count++;
        }
        SimSchedulingPoint();
        for (ITEM *item = first; count != 0 && item != NULL;
             item = item == last ? NULL : CONTAINING_RECORD(item->Link.Next, ITEM, Link)) {
            item->Value++;
            __atomic_sub_fetch(&item->Owners, 1, __ATOMIC_RELAXED);
        }
        if (count != 0) {
            InterlockedPushListSList(&SharedList, &first->Link, &last->Link, count);
        }
    }
}

NT_TEST_SEEDS(ExSList, ThreadsPassChains, 10)
{
    static TEST_THREAD threads[3];
    static ITEM items[7];
    ULONG count = 0;

    InitializeSListHead(&SharedList);
    for (ULONG i = 0; i < 7; i++) {
        InterlockedPushEntrySList(&SharedList, &items[i].Link);
    }
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], PassChains, NULL);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(ExQueryDepthSList(&SharedList), 7);
    while (InterlockedPopEntrySList(&SharedList) != NULL) {
        count++;
    }
    NT_EXPECT_EQ(count, 7);
}

/* Each entry has one owner at a time, and is freed memory when it has left for good. */
static void
PassItems(void *Context)
{
    for (ULONG round = 0; round < 200; round++) {
        PSLIST_ENTRY entry = InterlockedPopEntrySList(&SharedList);

        if (entry != NULL) {
            ITEM *item = CONTAINING_RECORD(entry, ITEM, Link);

            NT_EXPECT_EQ(__atomic_add_fetch(&item->Owners, 1, __ATOMIC_RELAXED), 1);
            item->Value++;
            __atomic_sub_fetch(&item->Owners, 1, __ATOMIC_RELAXED);
            if (round % 50 == 49) {
                ExFreePoolWithTag(item, EX_TAG);
                item = ExAllocatePoolWithTag(NonPagedPool, sizeof(*item), EX_TAG);
                item->Owners = 0;
                item->Value = 0;
            }
            InterlockedPushEntrySList(&SharedList, &item->Link);
        }
        if (round % 9 == 0) {
            SimSchedulingPoint();
        }
    }
}

NT_TEST_SEEDS(ExSList, ThreadsPassEntries, 10)
{
    static TEST_THREAD threads[3];
    PSLIST_ENTRY entry;
    ULONG count = 0;

    InitializeSListHead(&SharedList);
    for (ULONG i = 0; i < 6; i++) {
        ITEM *item = ExAllocatePoolWithTag(NonPagedPool, sizeof(*item), EX_TAG);

        memset(item, 0, sizeof(*item));
        InterlockedPushEntrySList(&SharedList, &item->Link);
    }
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], PassItems, NULL);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(ExQueryDepthSList(&SharedList), 6);
    for (entry = InterlockedPopEntrySList(&SharedList); entry != NULL;
         entry = InterlockedPopEntrySList(&SharedList)) {
        ExFreePoolWithTag(CONTAINING_RECORD(entry, ITEM, Link), EX_TAG);
        count++;
    }
    NT_EXPECT_EQ(count, 6);
}

NT_TEST(ExInterlocked, ListsReturnTheNeighbour)
{
    LIST_ENTRY head;
    LIST_ENTRY first;
    LIST_ENTRY second;
    KSPIN_LOCK lock;

    KeInitializeSpinLock(&lock);
    InitializeListHead(&head);
    NT_EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), NULL);
    NT_EXPECT_EQ(ExInterlockedInsertTailList(&head, &first, &lock), NULL);
    NT_EXPECT_EQ(ExInterlockedInsertTailList(&head, &second, &lock), &first);
    NT_EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &first);
    NT_EXPECT_EQ(ExInterlockedInsertHeadList(&head, &first, &lock), &second);
    NT_EXPECT_EQ(head.Flink, &first);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

NT_TEST(ExInterlocked, SumsReturnTheValueBefore)
{
    LARGE_INTEGER sum = {.QuadPart = 0xFFFFFFFFll};
    LARGE_INTEGER one = {.QuadPart = 1};
    ULONG small = 5;
    KSPIN_LOCK lock;

    KeInitializeSpinLock(&lock);
    NT_EXPECT_EQ(ExInterlockedAddLargeInteger(&sum, one, &lock).QuadPart, 0xFFFFFFFFll);
    NT_EXPECT_EQ(sum.QuadPart, 0x100000000ll);
    NT_EXPECT_EQ(ExInterlockedAddUlong(&small, 7, &lock), 5);
    NT_EXPECT_EQ(small, 12);
}

NT_TEST(ExInterlocked, SingleListsAreStacks)
{
    SINGLE_LIST_ENTRY head = {NULL};
    SINGLE_LIST_ENTRY entries[2];
    KSPIN_LOCK lock;

    KeInitializeSpinLock(&lock);
    NT_EXPECT_EQ(ExInterlockedPopEntryList(&head, &lock), NULL);
    NT_EXPECT_EQ(ExInterlockedPushEntryList(&head, &entries[0], &lock), NULL);
    NT_EXPECT_EQ(ExInterlockedPushEntryList(&head, &entries[1], &lock), &entries[0]);
    NT_EXPECT_EQ(ExInterlockedPopEntryList(&head, &lock), &entries[1]);
    NT_EXPECT_EQ(ExInterlockedPopEntryList(&head, &lock), &entries[0]);
    NT_EXPECT_EQ(ExInterlockedPopEntryList(&head, &lock), NULL);
}

NT_TEST(ExInterlocked, WorksAtEveryIrqlAndKeepsIt)
{
    static const KIRQL levels[] = {APC_LEVEL, DISPATCH_LEVEL, 5, HIGH_LEVEL};
    LARGE_INTEGER one = {.QuadPart = 1};
    KSPIN_LOCK lock;

    KeInitializeSpinLock(&lock);
    NT_FOR_EACH (level, levels) {
        LARGE_INTEGER sum = {.QuadPart = 0};
        SINGLE_LIST_ENTRY stack = {NULL};
        SINGLE_LIST_ENTRY item;
        LIST_ENTRY head;
        LIST_ENTRY first;
        LIST_ENTRY second;
        ULONG small = 0;
        KIRQL irql;

        InitializeListHead(&head);
        KeRaiseIrql(*level, &irql);
        ExInterlockedInsertHeadList(&head, &first, &lock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        ExInterlockedInsertTailList(&head, &second, &lock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        NT_EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &first);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        ExInterlockedPushEntryList(&stack, &item, &lock);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        NT_EXPECT_EQ(ExInterlockedPopEntryList(&stack, &lock), &item);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        ExInterlockedAddLargeInteger(&sum, one, &lock);
        NT_EXPECT_EQ(sum.QuadPart, 1);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        ExInterlockedAddUlong(&small, 1, &lock);
        NT_EXPECT_EQ(small, 1);
        NT_EXPECT_EQ(KeGetCurrentIrql(), *level);
        NT_EXPECT_EQ(KiGetCurrentThread()->SpinLocks, 0);
        KeLowerIrql(irql);
    }
}

static KSPIN_LOCK SumLock;
static ULONG Sum;
static LARGE_INTEGER LargeSum;

/* Context: the IRQL. What is summed is no atomic, so ThreadSanitizer checks the lock as well. */
static void
AddUp(void *Context)
{
    LARGE_INTEGER two = {.QuadPart = 2};

    for (ULONG round = 0; round < 50; round++) {
        KIRQL irql;

        KeRaiseIrql((KIRQL)(ULONG_PTR)Context, &irql);
        ExInterlockedAddUlong(&Sum, 1, &SumLock);
        ExInterlockedAddLargeInteger(&LargeSum, two, &SumLock);
        KeLowerIrql(irql);
    }
}

NT_TEST_SEEDS(ExInterlocked, SumsOfThreadsAtDifferentIrqlsAreWhole, 20)
{
    static const KIRQL levels[] = {PASSIVE_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL};
    static TEST_THREAD threads[3];

    KeInitializeSpinLock(&SumLock);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], AddUp, (void *)(ULONG_PTR)levels[i]);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(Sum, 150);
    NT_EXPECT_EQ(LargeSum.QuadPart, 300);
}

/* ---- lookaside lists ---- */

NT_TEST(ExLookaside, KeepsUpToItsDepth)
{
    static NPAGED_LOOKASIDE_LIST list;
    PVOID blocks[8];

    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 100, EX_TAG, 0);
    for (ULONG i = 0; i < 8; i++) {
        blocks[i] = ExAllocateFromNPagedLookasideList(&list);
        NT_EXPECT_NE(blocks[i], NULL);
        memset(blocks[i], 0xEE, 100);
    }
    for (ULONG i = 0; i < 8; i++) {
        ExFreeToNPagedLookasideList(&list, blocks[i]);
    }
    NT_EXPECT_EQ(ExTestBlocks(), list.L.Depth);
    NT_EXPECT_NE(ExAllocateFromNPagedLookasideList(&list), NULL);
    NT_EXPECT_EQ(list.L.TotalAllocates, 9);
    NT_EXPECT_EQ(list.L.AllocateMisses, 8);
    ExFreeToNPagedLookasideList(&list, blocks[3]);
    ExDeleteNPagedLookasideList(&list);
    NT_EXPECT_EQ(ExTestBlocks(), 0);
}

static LONG PlainAllocations;
static POOL_TYPE PlainType;

static PVOID NTAPI
PlainAllocate(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag)
{
    PlainAllocations++;
    PlainType = PoolType;
    NT_EXPECT_EQ(Size, 80);
    NT_EXPECT_EQ(Tag, EX_TAG);
    return ExAllocatePoolWithTag(PoolType, Size, Tag);
}

static VOID NTAPI
PlainFree(PVOID Buffer)
{
    PlainAllocations--;
    ExFreePool(Buffer);
}

/* Called for what the list does not have, for what it has no room for, and when it is deleted. */
NT_TEST(ExLookaside, CallsItsRoutinesWhenEmptyWhenFullAndAtTheEnd)
{
    static NPAGED_LOOKASIDE_LIST list;
    PVOID blocks[6];

    ExInitializeNPagedLookasideList(&list, PlainAllocate, PlainFree, 0, 80, EX_TAG, 0);
    for (ULONG i = 0; i < 6; i++) {
        blocks[i] = ExAllocateFromNPagedLookasideList(&list);
        NT_EXPECT_EQ(PlainAllocations, (LONG)i + 1);
        NT_EXPECT_EQ(PlainType, NonPagedPool);
    }
    for (ULONG i = 0; i < 6; i++) {
        ExFreeToNPagedLookasideList(&list, blocks[i]);
    }
    NT_EXPECT_EQ(PlainAllocations, list.L.Depth);
    NT_EXPECT_EQ(ExAllocateFromNPagedLookasideList(&list), blocks[list.L.Depth - 1]);
    NT_EXPECT_EQ(PlainAllocations, list.L.Depth);
    ExFreeToNPagedLookasideList(&list, blocks[list.L.Depth - 1]);
    ExDeleteNPagedLookasideList(&list);
    NT_EXPECT_EQ(PlainAllocations, 0);
}

NT_TEST(ExLookaside, FlagsArePartOfThePoolType)
{
    static NPAGED_LOOKASIDE_LIST list;
    static PAGED_LOOKASIDE_LIST paged;
    PVOID block;

    ExInitializeNPagedLookasideList(&list, PlainAllocate, PlainFree,
                                    POOL_RAISE_IF_ALLOCATION_FAILURE | POOL_NX_ALLOCATION, 80,
                                    EX_TAG, 0);
    block = ExAllocateFromNPagedLookasideList(&list);
    NT_EXPECT_EQ(PlainType, NonPagedPoolNx | POOL_RAISE_IF_ALLOCATION_FAILURE);
    ExFreeToNPagedLookasideList(&list, block);
    ExDeleteNPagedLookasideList(&list);
    ExInitializePagedLookasideList(&paged, PlainAllocate, PlainFree, 0, 80, EX_TAG, 0);
    block = ExAllocateFromPagedLookasideList(&paged);
    NT_EXPECT_EQ(PlainType, PagedPool);
    ExFreeToPagedLookasideList(&paged, block);
    ExDeletePagedLookasideList(&paged);
    NT_EXPECT_EQ(PlainAllocations, 0);
}

static LONG OwnAllocations;
static ULONG OwnFlags;

static PVOID NTAPI
OwnAllocate(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, PLOOKASIDE_LIST_EX Lookaside)
{
    OwnAllocations++;
    OwnFlags = (ULONG)PoolType & ~(ULONG)PagedPool;
    NT_EXPECT_EQ(PoolType & PagedPool, PagedPool);
    NT_EXPECT_EQ(Size, 48);
    return ExAllocatePoolWithTag(PagedPool, Size, Tag);
}

static VOID NTAPI
OwnFree(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside)
{
    OwnAllocations--;
    ExFreePoolWithTag(Buffer, Lookaside->L.Tag);
}

NT_TEST(ExLookaside, ExtendedListsCallTheirRoutines)
{
    static LOOKASIDE_LIST_EX list __attribute__((aligned(16)));
    PVOID block;

    NT_EXPECT_STATUS(
        ExInitializeLookasideListEx(&list, OwnAllocate, OwnFree, PagedPool, 0, 48, EX_TAG, 0),
        STATUS_SUCCESS);
    block = ExAllocateFromLookasideListEx(&list);
    ExFreeToLookasideListEx(&list, block);
    NT_EXPECT_EQ(OwnAllocations, 1);
    NT_EXPECT_EQ(OwnFlags, 0);
    ExFlushLookasideListEx(&list);
    NT_EXPECT_EQ(OwnAllocations, 0);
    ExDeleteLookasideListEx(&list);
}

NT_TEST(ExLookaside, ExtendedListsRefuseOtherPoolsAndFlags)
{
    static const ULONG pools[] = {2, 3, 6, 7, 8, 16, 64, 513, 1024, 0x80000000};
    static LOOKASIDE_LIST_EX list __attribute__((aligned(16)));

    NT_FOR_EACH (pool, pools) {
        NT_EXPECT_STATUS(
            ExInitializeLookasideListEx(&list, NULL, NULL, (POOL_TYPE)*pool, 0, 48, EX_TAG, 0),
            STATUS_INVALID_PARAMETER_4);
    }
    for (ULONG flags = 3; flags < 9; flags++) {
        NT_EXPECT_STATUS(
            ExInitializeLookasideListEx(&list, NULL, NULL, PagedPool, flags, 48, EX_TAG, 0),
            STATUS_INVALID_PARAMETER_5);
    }
}

NT_TEST(ExLookaside, ExtendedFlagsReachTheAllocateRoutine)
{
    static const struct {
        ULONG Flag;
        ULONG PoolBit;
    } rows[] = {
        {EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL, POOL_RAISE_IF_ALLOCATION_FAILURE},
        {EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, POOL_QUOTA_FAIL_INSTEAD_OF_RAISE},
    };
    static LOOKASIDE_LIST_EX list __attribute__((aligned(16)));

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(ExInitializeLookasideListEx(&list, OwnAllocate, OwnFree, PagedPool,
                                                     row->Flag, 48, EX_TAG, 0),
                         STATUS_SUCCESS);
        ExFreeToLookasideListEx(&list, ExAllocateFromLookasideListEx(&list));
        NT_EXPECT_EQ(OwnFlags, row->PoolBit);
        ExDeleteLookasideListEx(&list);
    }
}

/* With the default routines, too. */
NT_TEST(ExLookaside, RaisesWithoutMemoryOnRequest)
{
    static LOOKASIDE_LIST_EX list __attribute__((aligned(16)));
    static NPAGED_LOOKASIDE_LIST plain;

    for (ULONG raise = 0; raise < 2; raise++) {
        NTSTATUS expected = raise ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;

        NT_EXPECT_STATUS(ExInitializeLookasideListEx(
                             &list, NULL, NULL, NonPagedPoolNx,
                             raise ? EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL : 0, 48, EX_TAG, 0),
                         STATUS_SUCCESS);
        SimSetFaultPlan("pool", 1);
        NT_EXPECT_STATUS(RAISED(NT_EXPECT_EQ(ExAllocateFromLookasideListEx(&list), NULL)),
                         expected);
        ExDeleteLookasideListEx(&list);
        ExInitializeNPagedLookasideList(
            &plain, NULL, NULL, raise ? POOL_RAISE_IF_ALLOCATION_FAILURE : 0, 80, EX_TAG, 0);
        SimSetFaultPlan("pool", 1);
        NT_EXPECT_STATUS(RAISED(NT_EXPECT_EQ(ExAllocateFromNPagedLookasideList(&plain), NULL)),
                         expected);
        ExDeleteNPagedLookasideList(&plain);
    }
    SimSetFaultPlan(NULL, 0);
}

NT_TEST(ExLookaside, DeletingAnExtendedListFreesWhatIsInIt)
{
    static LOOKASIDE_LIST_EX list __attribute__((aligned(16)));
    PVOID blocks[3];

    NT_EXPECT_STATUS(
        ExInitializeLookasideListEx(&list, OwnAllocate, OwnFree, PagedPool, 0, 48, EX_TAG, 0),
        STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        blocks[i] = ExAllocateFromLookasideListEx(&list);
    }
    for (ULONG i = 0; i < 3; i++) {
        ExFreeToLookasideListEx(&list, blocks[i]);
    }
    NT_EXPECT_EQ(OwnAllocations, 3);
    ExDeleteLookasideListEx(&list);
    NT_EXPECT_EQ(OwnAllocations, 0);
    NT_EXPECT_BUGCHECK(0xC4, ExDeleteLookasideListEx(&list));
}

NT_TEST(ExLookaside, DeletingTwiceIsABugCheck)
{
    static NPAGED_LOOKASIDE_LIST list;

    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 100, EX_TAG, 0);
    ExDeleteNPagedLookasideList(&list);
    NT_EXPECT_BUGCHECK(0xC4, ExDeleteNPagedLookasideList(&list));
}

/* ---- work items ---- */

typedef struct JOB {
    WORK_QUEUE_ITEM Item;
    LONG *Done;
    KEVENT *Wait;
    KEVENT *Set;
    ULONG Again;
} JOB;

static VOID NTAPI
RunJob(PVOID Parameter)
{
    JOB *job = Parameter;

    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    if (job->Wait != NULL) {
        KeWaitForSingleObject(job->Wait, Executive, KernelMode, FALSE, NULL);
    }
    if (job->Set != NULL) {
        KeSetEvent(job->Set, 0, FALSE);
    }
    __atomic_add_fetch(job->Done, 1, __ATOMIC_RELAXED);
    if (job->Again > 0) {
        job->Again--;
        ExQueueWorkItem(&job->Item, DelayedWorkQueue);
    }
}

/* Queued before there are workers, from DISPATCH_LEVEL, and again from the routine itself. */
NT_TEST_SEEDS(ExWork, EveryItemRunsOnce, 10)
{
    static JOB jobs[30];
    LONG done = 0;
    KIRQL irql;

    for (ULONG i = 0; i < 30; i++) {
        ExInitializeWorkItem(&jobs[i].Item, RunJob, &jobs[i]);
        jobs[i].Done = &done;
        jobs[i].Again = i % 3;
    }
    for (ULONG i = 0; i < 10; i++) {
        ExQueueWorkItem(&jobs[i].Item, i % 2 == 0 ? CriticalWorkQueue : DelayedWorkQueue);
    }
    NT_EXPECT_EQ(ExpWorkItemsPending(), 10);
    ExpRegisterThreadOps(&WorkerOps);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    for (ULONG i = 10; i < 30; i++) {
        ExQueueWorkItem(&jobs[i].Item, i % 2 == 0 ? HyperCriticalWorkQueue : DelayedWorkQueue);
    }
    KeLowerIrql(irql);
    ExpFlushWorkItems();
    NT_EXPECT_EQ(ExpWorkItemsPending(), 0);
    NT_EXPECT_EQ(done, 60);
    ExpShutdownSystem();
}

/* Each item waits for the one behind it: a queue with a single worker would stand still. */
NT_TEST_SEEDS(ExWork, ItemsMayWaitForLaterItems, 5)
{
    static KEVENT events[6];
    static JOB jobs[6];
    LONG done = 0;

    ExpRegisterThreadOps(&WorkerOps);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
    for (ULONG i = 0; i < 6; i++) {
        KeInitializeEvent(&events[i], NotificationEvent, FALSE);
    }
    for (ULONG i = 0; i < 6; i++) {
        ExInitializeWorkItem(&jobs[i].Item, RunJob, &jobs[i]);
        jobs[i].Done = &done;
        jobs[i].Wait = i < 5 ? &events[i + 1] : NULL;
        jobs[i].Set = &events[i];
        ExQueueWorkItem(&jobs[i].Item, CriticalWorkQueue);
    }
    ExpFlushWorkItems();
    NT_EXPECT_EQ(done, 6);
    ExpShutdownSystem();
}

NT_TEST(ExWork, QueuedTwiceIsABugCheck)
{
    static JOB job;
    LONG done = 0;

    job.Done = &done;
    ExInitializeWorkItem(&job.Item, RunJob, &job);
    ExQueueWorkItem(&job.Item, DelayedWorkQueue);
    NT_EXPECT_BUGCHECK(0x96, ExQueueWorkItem(&job.Item, DelayedWorkQueue));
}

static VOID NTAPI
RaiseAndReturn(PVOID Parameter)
{
    KIRQL irql;

    KeRaiseIrql(APC_LEVEL, &irql);
}

NT_TEST(ExWork, ReturningAtRaisedIrqlIsABugCheck)
{
    static WORK_QUEUE_ITEM item;

    ExpRegisterThreadOps(&WorkerOps);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
    ExInitializeWorkItem(&item, RaiseAndReturn, NULL);
    NT_EXPECT_BUGCHECK(0xE1, ExQueueWorkItem(&item, DelayedWorkQueue); ExpFlushWorkItems());
}
