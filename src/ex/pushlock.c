/* SPDX-License-Identifier: MIT
 *
 * ex/pushlock.c - push locks: a word that holds a reader-writer lock
 *
 * Waiters stand in a hashed table of queues, outside the word. Once the waiters' bit is set, only
 * the holder of the bucket's lock gives the lock to somebody, in the order of arrival.
 *
 * Invariants  K1  Word: bit 0 owned exclusive, bit 1 somebody waits, the rest the number of
 * readers. K2  Bit 1 is set iff the bucket's queue has a waiter for the word; both change under the
 * bucket's lock. Source      WDK reference, ntifs.h ExAcquirePushLockExclusive (EX_PUSH_LOCK).
 */
#include "ex/ex.h"

#define EXP_PUSH_EXCLUSIVE 1ull
#define EXP_PUSH_WAITERS 2ull
#define EXP_PUSH_READER 4ull
#define EXP_PUSH_BUCKETS 64u

typedef struct EXP_PUSH_WAITER {
    LIST_ENTRY Link;
    PEX_PUSH_LOCK PushLock;
    BOOLEAN Exclusive;
    KEVENT Granted;
} EXP_PUSH_WAITER;

typedef struct EXP_PUSH_BUCKET {
    KSPIN_LOCK Lock;
    LIST_ENTRY Waiters; /* empty while Flink is NULL */
} EXP_PUSH_BUCKET;

static EXP_PUSH_BUCKET ExpPushBuckets[EXP_PUSH_BUCKETS];

static EXP_PUSH_BUCKET *
ExpLockBucket(PEX_PUSH_LOCK PushLock, KIRQL *Irql)
{
    ULONG64 hash = (ULONG64)(ULONG_PTR)PushLock * 0x9E3779B97F4A7C15ull;
    EXP_PUSH_BUCKET *bucket = &ExpPushBuckets[hash >> 58];

    KeAcquireSpinLock(&bucket->Lock, Irql);
    if (bucket->Waiters.Flink == NULL) {
        InitializeListHead(&bucket->Waiters);
    }
    return bucket;
}

static inline BOOLEAN
ExpTryPush(PEX_PUSH_LOCK PushLock, BOOLEAN Exclusive)
{
    ULONG_PTR value = __atomic_load_n(PushLock, __ATOMIC_RELAXED);

    for (;;) {
        ULONG_PTR taken = Exclusive ? EXP_PUSH_EXCLUSIVE : value + EXP_PUSH_READER;

        if (Exclusive ? value != 0 : (value & (EXP_PUSH_EXCLUSIVE | EXP_PUSH_WAITERS)) != 0) {
            return FALSE;
        }
        if (__atomic_compare_exchange_n(PushLock, &value, taken, 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return TRUE;
        }
    }
}

/* Sets the waiters' bit, unless the lock became free meanwhile and was taken: TRUE. */
static BOOLEAN
ExpMarkOrTake(PEX_PUSH_LOCK PushLock, BOOLEAN Exclusive)
{
    ULONG_PTR value = __atomic_load_n(PushLock, __ATOMIC_RELAXED);

    for (;;) {
        if (ExpTryPush(PushLock, Exclusive)) {
            return TRUE;
        }
        value = __atomic_load_n(PushLock, __ATOMIC_RELAXED);
        if (value != 0 && __atomic_compare_exchange_n(PushLock, &value, value | EXP_PUSH_WAITERS, 0,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            return FALSE;
        }
    }
}

static __attribute__((noinline)) VOID
ExpAcquirePushSlow(PEX_PUSH_LOCK PushLock, BOOLEAN Exclusive)
{
    EXP_PUSH_WAITER waiter;
    EXP_PUSH_BUCKET *bucket;
    KIRQL irql;

    waiter.PushLock = PushLock;
    waiter.Exclusive = Exclusive;
    KeInitializeEvent(&waiter.Granted, SynchronizationEvent, FALSE);
    bucket = ExpLockBucket(PushLock, &irql);
    if (ExpMarkOrTake(PushLock, Exclusive)) {
        KeReleaseSpinLock(&bucket->Lock, irql);
        return;
    }
    InsertTailList(&bucket->Waiters, &waiter.Link);
    KeReleaseSpinLock(&bucket->Lock, irql);
    KeWaitForSingleObject(&waiter.Granted, WrPushLock, KernelMode, FALSE, NULL);
}

/* The first waiter for the word behind Link (the list's head: from the start), or NULL. */
static EXP_PUSH_WAITER *
ExpNextPushWaiter(EXP_PUSH_BUCKET *Bucket, PLIST_ENTRY Link, PEX_PUSH_LOCK PushLock)
{
    for (Link = Link->Flink; Link != &Bucket->Waiters; Link = Link->Flink) {
        EXP_PUSH_WAITER *waiter = CONTAINING_RECORD(Link, EXP_PUSH_WAITER, Link);

        if (waiter->PushLock == PushLock) {
            return waiter;
        }
    }
    return NULL;
}

/* Moves those who get the lock to Granted; returns the word's new value. */
static ULONG_PTR
ExpPickPushWaiters(EXP_PUSH_BUCKET *Bucket, PEX_PUSH_LOCK PushLock, PLIST_ENTRY Granted)
{
    EXP_PUSH_WAITER *waiter = ExpNextPushWaiter(Bucket, &Bucket->Waiters, PushLock);
    ULONG_PTR value = 0;

    while (waiter != NULL) {
        if (waiter->Exclusive && value != 0) {
            break;
        }
        value = waiter->Exclusive ? EXP_PUSH_EXCLUSIVE : value + EXP_PUSH_READER;
        RemoveEntryList(&waiter->Link);
        InsertTailList(Granted, &waiter->Link);
        if (waiter->Exclusive) {
            break;
        }
        waiter = ExpNextPushWaiter(Bucket, &Bucket->Waiters, PushLock);
    }
    if (ExpNextPushWaiter(Bucket, &Bucket->Waiters, PushLock) != NULL) {
        value |= EXP_PUSH_WAITERS;
    }
    return value;
}

/* The lock has no owner and the waiters' bit set, or an exclusive owner who lets go. */
static __attribute__((noinline)) VOID
ExpGrantPush(PEX_PUSH_LOCK PushLock)
{
    EXP_PUSH_BUCKET *bucket;
    LIST_ENTRY granted;
    KIRQL irql;

    InitializeListHead(&granted);
    bucket = ExpLockBucket(PushLock, &irql);
    __atomic_store_n(PushLock, ExpPickPushWaiters(bucket, PushLock, &granted), __ATOMIC_RELEASE);
    KeReleaseSpinLock(&bucket->Lock, irql);
    while (!IsListEmpty(&granted)) {
        EXP_PUSH_WAITER *waiter =
            CONTAINING_RECORD(RemoveHeadList(&granted), EXP_PUSH_WAITER, Link);

        KeSetEvent(&waiter->Granted, 0, FALSE);
    }
}

static inline VOID
ExpAcquirePush(PEX_PUSH_LOCK PushLock, BOOLEAN Exclusive)
{
    if (!ExpTryPush(PushLock, Exclusive)) {
        ExpAcquirePushSlow(PushLock, Exclusive);
    }
}

static VOID
ExpReleasePushExclusive(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR value = EXP_PUSH_EXCLUSIVE;

    if (__atomic_compare_exchange_n(PushLock, &value, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        return;
    }
    if ((value & EXP_PUSH_EXCLUSIVE) == 0) {
        KiBugCheckDetail(0xC4, 0xEB, KiCurrentIrql(), 0, (ULONG_PTR)PushLock,
                         "Push lock %p is released exclusive, but is not owned so.",
                         (void *)PushLock);
    }
    ExpGrantPush(PushLock);
}

static VOID
ExpReleasePushShared(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR value = __atomic_load_n(PushLock, __ATOMIC_RELAXED);

    do {
        if (value < EXP_PUSH_READER || (value & EXP_PUSH_EXCLUSIVE) != 0) {
            KiBugCheckDetail(0xC4, 0xEB, KiCurrentIrql(), 0, (ULONG_PTR)PushLock,
                             "Push lock %p is released shared, but is not owned so.",
                             (void *)PushLock);
        }
        /* Acquire: the last reader hands over for all of them. */
    } while (!__atomic_compare_exchange_n(PushLock, &value, value - EXP_PUSH_READER, 0,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (value - EXP_PUSH_READER == EXP_PUSH_WAITERS) {
        ExpGrantPush(PushLock);
    }
}

#undef ExInitializePushLock
#pragma GCC visibility push(default)

VOID
ExInitializePushLock(PEX_PUSH_LOCK PushLock)
{
    *PushLock = 0;
}

/* IRQL <= APC_LEVEL, normal kernel APCs disabled. Not recursive. */
VOID FASTCALL
ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    NT_ENTER(ExAcquirePushLockExclusiveEx);
    ExpAcquirePush(PushLock, TRUE);
}

VOID FASTCALL
ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    NT_ENTER(ExAcquirePushLockSharedEx);
    ExpAcquirePush(PushLock, FALSE);
}

VOID FASTCALL
ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    NT_ENTER(ExReleasePushLockExclusiveEx);
    ExpReleasePushExclusive(PushLock);
}

VOID FASTCALL
ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    NT_ENTER(ExReleasePushLockSharedEx);
    ExpReleasePushShared(PushLock);
}

/* Releases it in the way that it is owned. */
VOID FASTCALL
ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    NT_ENTER(ExReleasePushLockEx);
    if ((__atomic_load_n(PushLock, __ATOMIC_RELAXED) & EXP_PUSH_EXCLUSIVE) != 0) {
        ExpReleasePushExclusive(PushLock);
    } else {
        ExpReleasePushShared(PushLock);
    }
}

BOOLEAN FASTCALL
ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    NT_ENTER(ExTryAcquirePushLockExclusiveEx);
    return ExpTryPush(PushLock, TRUE);
}

BOOLEAN FASTCALL
ExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    NT_ENTER(ExTryAcquirePushLockSharedEx);
    return ExpTryPush(PushLock, FALSE);
}

#pragma GCC visibility pop
