/* SPDX-License-Identifier: MIT
 *
 * ex/pool.c - allocating and freeing pool blocks
 *
 * A small block comes from the calling thread's cache, which is filled from and emptied to the
 * central list of its class, which is filled with pages. A thread's cache is touched by its own
 * thread only; DPCs run on that thread between its instructions' calls, never inside them.
 *
 * Invariants  P1..P4 in expool.h.
 *             L1  KI_THREAD_CACHE.Pool[kind][class] holds PoolCount[kind][class] free blocks.
 * Locks       EXP_CLASS_LIST.Lock guards that list.
 */
#include "ex/expool.h"
#include "rtl/rtl.h"

#define EXP_TAG_STRING 0x72745352u /* 'RStr' */

/* Payload that fits 64, 42, 32, 25 ... 2 to a page with its header, a multiple of 16. */
const USHORT ExpClassPayload[EXP_CLASSES] = {32,  64,  96,  128, 160, 192, 256,  336,
                                             416, 480, 544, 640, 784, 992, 1328, 2016};

ULONG_PTR ExpCookie;
BOOLEAN ExpGuarded;
BOOLEAN ExpVerifying;
EXP_CLASS_LIST ExpClassLists[2][EXP_CLASSES];

static UCHAR ExpClassBySize[2016 / 16 + 1];
static BOOLEAN ExpPoolsReady;

/* How many blocks of a class a thread keeps, and how many move at once. */
static inline ULONG
ExpCacheLimit(ULONG Class)
{
    return Class < 7 ? 64 : 16;
}

/* What the Rtl functions return in memory of their own, freed by RtlFreeUnicodeString and kind. */
static PVOID
ExpAllocateString(SIZE_T Size)
{
    return ExAllocatePoolWithTag(PagedPool, Size, EXP_TAG_STRING);
}

static VOID
ExpFreeString(PVOID Block)
{
    ExFreePoolWithTag(Block, EXP_TAG_STRING);
}

static const RTLP_ALLOC ExpStringAllocator = {ExpAllocateString, ExpFreeString};

NTSTATUS
ExpInitializePools(VOID)
{
    NTSTATUS status;
    char text[8];
    ULONG sizeClass = 0;

    if (ExpPoolsReady) {
        return STATUS_SUCCESS;
    }
    status = ExpInitializePages();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    HalpRandom(&ExpCookie, sizeof(ExpCookie));
    for (ULONG units = 0; units <= 2016 / 16; units++) {
        while (units * 16 > ExpClassPayload[sizeClass]) {
            sizeClass++;
        }
        ExpClassBySize[units] = (UCHAR)sizeClass;
    }
    ExpVerifying = HalpGetEnvironment("NTBOX_VERIFY", text, sizeof(text)) == 1 && text[0] == '1';
    ExpGuarded = ExpVerifying || EXP_ASAN;
    ExpInitializeGuard();
    ExpPrepareQueues();
    ExpPoolsReady = TRUE;
    RtlpRegisterAllocator(&ExpStringAllocator);
    return STATUS_SUCCESS;
}

static inline ULONG
ExpClassOf(SIZE_T Size)
{
    return Size > 2016 ? EXP_LARGE : ExpClassBySize[(Size + 15) / 16];
}

/* ---- the central lists ---- */

/* Cuts a fresh page into blocks; the class lock is held. */
EXP_NO_ASAN static BOOLEAN
ExpCutSlab(ULONG Kind, ULONG Class)
{
    EXP_CLASS_LIST *list = &ExpClassLists[Kind][Class];
    ULONG stride = ExpClassPayload[Class] + sizeof(EXP_HEADER);
    ULONG index = ExpAllocateSpan(Kind, 1, EXP_PAGE_SLAB);
    ULONG_PTR page = ExpPageAddress(index);

    if (index == 0) {
        return FALSE;
    }
    ExpPages[index].Class = (UCHAR)Class;
    for (ULONG offset = 0; offset + stride <= PAGE_SIZE; offset += stride) {
        EXP_HEADER *header = (EXP_HEADER *)(page + offset);

        header->Tag = 0;
        header->Size = 0;
        header->Caller = 0;
        header->FreeCaller = 0;
        ExpSetLink(header, list->First);
        list->First = header;
        list->Count++;
    }
    if (EXP_ASAN) {
        HalpPoisonMemory((PVOID)page, PAGE_SIZE);
    }
    return TRUE;
}

EXP_NO_ASAN VOID
ExpPushClass(ULONG Kind, ULONG Class, EXP_HEADER *Header)
{
    EXP_CLASS_LIST *list = &ExpClassLists[Kind][Class];

    ExpAcquireLock(&list->Lock);
    ExpSetLink(Header, list->First);
    list->First = Header;
    list->Count++;
    ExpReleaseLock(&list->Lock);
}

EXP_NO_ASAN static EXP_HEADER *
ExpPopClass(ULONG Kind, ULONG Class)
{
    EXP_CLASS_LIST *list = &ExpClassLists[Kind][Class];
    EXP_HEADER *header;

    ExpAcquireLock(&list->Lock);
    if (list->First == NULL) {
        ExpCutSlab(Kind, Class);
    }
    header = list->First;
    if (header != NULL) {
        list->First = ExpGetLink(header);
        list->Count--;
    }
    ExpReleaseLock(&list->Lock);
    return header;
}

/* ---- the thread's cache ---- */

/* Fills the cache with up to half its limit and takes one block for the caller. */
EXP_NO_ASAN static __attribute__((noinline)) EXP_HEADER *
ExpRefillCache(KI_THREAD_CACHE *Cache, ULONG Kind, ULONG Class)
{
    EXP_CLASS_LIST *list = &ExpClassLists[Kind][Class];
    ULONG wanted = ExpCacheLimit(Class) / 2;
    EXP_HEADER *header;

    ExpAcquireLock(&list->Lock);
    if (list->First == NULL) {
        ExpCutSlab(Kind, Class);
    }
    while (wanted > 1 && list->Count > 1) {
        header = list->First;
        list->First = ExpGetLink(header);
        list->Count--;
        ExpSetLink(header, Cache->Pool[Kind][Class]);
        Cache->Pool[Kind][Class] = header;
        Cache->PoolCount[Kind][Class]++;
        wanted--;
    }
    header = list->First;
    if (header != NULL) {
        list->First = ExpGetLink(header);
        list->Count--;
    }
    ExpReleaseLock(&list->Lock);
    return header;
}

/* Moves blocks from the cache to the central list until Keep are left. */
EXP_NO_ASAN static __attribute__((noinline)) VOID
ExpTrimCache(KI_THREAD_CACHE *Cache, ULONG Kind, ULONG Class, ULONG Keep)
{
    EXP_CLASS_LIST *list = &ExpClassLists[Kind][Class];

    ExpAcquireLock(&list->Lock);
    while (Cache->PoolCount[Kind][Class] > Keep) {
        EXP_HEADER *header = Cache->Pool[Kind][Class];

        Cache->Pool[Kind][Class] = ExpGetLink(header);
        Cache->PoolCount[Kind][Class]--;
        ExpSetLink(header, list->First);
        list->First = header;
        list->Count++;
    }
    ExpReleaseLock(&list->Lock);
}

VOID
ExpFlushThreadCache(KTHREAD *Thread)
{
    for (ULONG kind = 0; kind < 2; kind++) {
        for (ULONG sizeClass = 0; sizeClass < EXP_CLASSES; sizeClass++) {
            ExpTrimCache(&Thread->Cache, kind, sizeClass, 0);
        }
    }
    ExpFlushCounters(Thread);
}

EXP_NO_ASAN static inline EXP_HEADER *
ExpTakeSmall(KTHREAD *Thread, ULONG Kind, ULONG Class)
{
    EXP_HEADER *header;

    if (__builtin_expect(Thread == NULL || ExpGuarded, 0)) {
        return ExpPopClass(Kind, Class);
    }
    header = Thread->Cache.Pool[Kind][Class];
    if (__builtin_expect(header == NULL, 0)) {
        return ExpRefillCache(&Thread->Cache, Kind, Class);
    }
    Thread->Cache.Pool[Kind][Class] = ExpGetLink(header);
    Thread->Cache.PoolCount[Kind][Class]--;
    return header;
}

EXP_NO_ASAN static inline VOID
ExpGiveSmall(KTHREAD *Thread, ULONG Kind, ULONG Class, EXP_HEADER *Header)
{
    KI_THREAD_CACHE *cache;

    if (__builtin_expect(Thread == NULL, 0)) {
        ExpPushClass(Kind, Class, Header);
        return;
    }
    cache = &Thread->Cache;
    ExpSetLink(Header, cache->Pool[Kind][Class]);
    cache->Pool[Kind][Class] = Header;
    cache->PoolCount[Kind][Class]++;
    if (__builtin_expect(cache->PoolCount[Kind][Class] > ExpCacheLimit(Class), 0)) {
        ExpTrimCache(cache, Kind, Class, ExpCacheLimit(Class) / 2);
    }
}

/* ---- what finds stray writes without guards, for the price of one or two stores ---- */

EXP_NO_ASAN static inline VOID
ExpSetTail(EXP_HEADER *Header, ULONG Class)
{
    PVOID tail = ExpTail(Header, Class);
    ULONG value = EXP_TAIL;

    if (tail != NULL) {
        memcpy(tail, &value, sizeof(value));
    }
}

EXP_NO_ASAN static inline BOOLEAN
ExpIsTailDamaged(EXP_HEADER *Header, ULONG Class)
{
    PVOID tail = ExpTail(Header, Class);
    ULONG value;

    if (tail == NULL) {
        return FALSE;
    }
    memcpy(&value, tail, sizeof(value));
    return value != EXP_TAIL;
}

EXP_NO_ASAN static inline VOID
ExpSetFreed(EXP_HEADER *Header)
{
    ULONG64 *body = ExpBody(Header);

    body[0] = EXP_FREED;
    body[1] = EXP_FREED;
}

/* The block, which comes from a list, was freed once and written to since. */
EXP_NO_ASAN static inline BOOLEAN
ExpIsFreedDamaged(EXP_HEADER *Header)
{
    ULONG64 *body = ExpBody(Header);

    return Header->FreeCaller != 0 && ((body[0] ^ EXP_FREED) | (body[1] ^ EXP_FREED)) != 0;
}

static DECLSPEC_NORETURN __attribute__((noinline)) VOID
ExpReportFreedDamage(EXP_HEADER *Header)
{
    ULONG64 *body = ExpBody(Header);

    ExpReportDamage((ULONG_PTR)body, Header->Size, (ULONG_PTR)(body + (body[0] == EXP_FREED)),
                    TRUE);
}

/* ---- blocks ---- */

static PVOID
ExpAllocateLarge(ULONG Kind, SIZE_T Size, ULONG Tag, ULONG_PTR Caller)
{
    SIZE_T pages = (Size >> PAGE_SHIFT) + ((Size & (PAGE_SIZE - 1)) != 0);
    EXP_PAGE *page;
    ULONG index;

    if (Size == 0) {
        pages = 1;
    }
    if (pages > (ExpKernelEnd - ExpKernelBase) >> PAGE_SHIFT) {
        return NULL;
    }
    index = ExpAllocateSpan(Kind, (ULONG)pages + ExpExtraPages, EXP_PAGE_INTERNAL);
    if (index == 0) {
        return NULL;
    }
    page = &ExpPages[index];
    page->Slack = (USHORT)((pages << PAGE_SHIFT) - Size);
    page->Tag = Tag;
    page->Caller = Caller;
    page->FreeCaller = 0;
    if (ExpGuarded) {
        ExpGuardLarge(index, Size);
    } else if (page->Slack >= sizeof(ULONG)) {
        ULONG value = EXP_TAIL;

        memcpy((PVOID)(ExpPageAddress(index) + Size), &value, sizeof(value));
    }
    ExpSetPageState(page, EXP_PAGE_LARGE);
    return (PVOID)ExpPageAddress(index);
}

EXP_NO_ASAN PVOID
ExpAllocateBlock(ULONG Kind, SIZE_T Size, BOOLEAN WholePages, ULONG Tag, ULONG_PTR Caller)
{
    KTHREAD *thread = KiCurrentThreadPointer;
    EXP_HEADER *header;
    PVOID block;
    ULONG sizeClass;

    if (__builtin_expect(HalpShouldFail("pool"), 0)) {
        return NULL;
    }
    sizeClass = ExpClassOf(ExpGuarded ? ExpGuardedSize(Size) : Size);
    if (__builtin_expect(WholePages || sizeClass == EXP_LARGE, 0)) {
        block = ExpAllocateLarge(Kind, Size, Tag, Caller);
        if (block != NULL) {
            ExpCountAllocation(thread, Tag, Size);
        }
        return block;
    }
    header = ExpTakeSmall(thread, Kind, sizeClass);
    if (__builtin_expect(header == NULL, 0)) {
        return NULL;
    }
    if (__builtin_expect(!ExpGuarded && ExpIsFreedDamaged(header), 0)) {
        ExpReportFreedDamage(header);
    }
    header->Tag = Tag;
    header->Size = (ULONG)Size;
    header->Caller = Caller;
    header->FreeCaller = 0;
    if (__builtin_expect(ExpGuarded, 0)) {
        ExpGuardSmall(header, sizeClass);
    } else {
        ExpSetTail(header, sizeClass);
    }
    header->Check = ExpHeaderCheck(header);
    ExpCountAllocation(thread, Tag, Size);
    return ExpBody(header);
}

EXP_NO_ASAN static ULONG_PTR *
ExpChargedOf(PVOID Block)
{
    ULONG_PTR address = (ULONG_PTR)Block;

    return (address & (PAGE_SIZE - 1)) == 0 ? &ExpPages[ExpPageIndex(address)].FreeCaller
                                            : &((EXP_HEADER *)Block - 1)->FreeCaller;
}

EXP_NO_ASAN VOID
ExpSetCharged(PVOID Block, PVOID Charged)
{
    *ExpChargedOf(Block) = (ULONG_PTR)Charged;
}

EXP_NO_ASAN PVOID
ExpGetCharged(PVOID Block)
{
    return (PVOID)*ExpChargedOf(Block);
}

static BOOLEAN
ExpIsTagWrong(ULONG Allocated, ULONG Freed, BOOLEAN CheckTag)
{
    if (!CheckTag || Freed == 0) {
        /* A protected tag has to be named. */
        return (Allocated & PROTECTED_POOL) != 0 && CheckTag;
    }
    return Allocated != Freed;
}

static VOID
ExpFreeLarge(ULONG Index, ULONG Tag, BOOLEAN CheckTag, ULONG_PTR Caller)
{
    EXP_PAGE *page = &ExpPages[Index];
    UCHAR state = EXP_PAGE_LARGE;
    SIZE_T size = ((SIZE_T)(page->Pages - ExpExtraPages) << PAGE_SHIFT) - page->Slack;

    if (ExpIsTagWrong(page->Tag, Tag, CheckTag)) {
        ExpReportTag(ExpPageAddress(Index), page->Tag, Tag, Caller);
    }
    /* Of two threads that free the block at once, one wins. */
    if (!__atomic_compare_exchange_n(&page->State, &state, EXP_PAGE_QUARANTINE, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        ExpReportBadFree(ExpPageAddress(Index), Caller);
    }
    if (!ExpGuarded && page->Slack >= sizeof(ULONG) &&
        *(volatile UCHAR *)(ExpPageAddress(Index) + size) != (EXP_TAIL & 0xFF)) {
        ExpReportTail(ExpPageAddress(Index), size, Caller);
    }
    if (page->FreeCaller != 0) {
        ExpReturnQuota((PVOID)page->FreeCaller, ExpKindOf(ExpPageAddress(Index)), size);
    }
    page->FreeCaller = Caller;
    ExpCountFree(KiCurrentThreadPointer, page->Tag, size);
    if (ExpGuarded) {
        ExpQuarantineLarge(Index);
    } else {
        ExpFreeSpan(Index, page->Pages);
    }
}

EXP_NO_ASAN VOID
ExpFreeBlock(PVOID Address, ULONG Tag, BOOLEAN CheckTag, ULONG_PTR Caller)
{
    ULONG_PTR address = (ULONG_PTR)Address;
    EXP_HEADER *header = (EXP_HEADER *)address - 1;
    KTHREAD *thread = KiCurrentThreadPointer;
    EXP_PAGE *page;
    ULONG kind;
    ULONG sizeClass;

    if (__builtin_expect(!ExpIsPoolAddress(address) || (address & 15) != 0, 0)) {
        ExpReportBadFree(address, Caller);
    }
    kind = ExpKindOf(address);
    page = &ExpPages[ExpPageIndex(address)];
    if (__builtin_expect(!ExpIsCommitted(ExpPageIndex(address), kind), 0)) {
        ExpReportBadFree(address, Caller);
    }
    if (__builtin_expect((address & (PAGE_SIZE - 1)) == 0, 0)) {
        if (ExpPageState(page) != EXP_PAGE_LARGE) {
            ExpReportBadFree(address, Caller);
        }
        ExpFreeLarge(ExpPageIndex(address), Tag, CheckTag, Caller);
        return;
    }
    if (__builtin_expect(ExpPageState(page) != EXP_PAGE_SLAB ||
                             (address & (PAGE_SIZE - 1)) < sizeof(EXP_HEADER) ||
                             header->Check != ExpHeaderCheck(header),
                         0)) {
        ExpReportBadFree(address, Caller);
    }
    if (__builtin_expect(ExpIsTagWrong(header->Tag, Tag, CheckTag), 0)) {
        ExpReportTag(address, header->Tag, Tag, Caller);
    }
    sizeClass = page->Class;
    if (__builtin_expect(header->FreeCaller != 0, 0)) {
        ExpReturnQuota((PVOID)header->FreeCaller, kind, header->Size);
    }
    ExpCountFree(thread, header->Tag, header->Size);
    if (__builtin_expect(ExpGuarded, 0)) {
        ExpCheckGuards(header, sizeClass);
        header->FreeCaller = Caller;
        ExpQuarantineSmall(header, kind, sizeClass);
        return;
    }
    if (__builtin_expect(ExpIsTailDamaged(header, sizeClass), 0)) {
        ExpReportTail(address, header->Size, Caller);
    }
    header->FreeCaller = Caller;
    ExpSetFreed(header);
    ExpGiveSmall(thread, kind, sizeClass, header);
}
