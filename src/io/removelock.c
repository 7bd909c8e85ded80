/* SPDX-License-Identifier: MIT
 *
 * io/removelock.c - remove locks: a count that closes
 *
 * Common.IoCount is 1 plus the acquisitions. IoReleaseRemoveLockAndWait gives back its own
 * acquisition and the 1, then waits until the count is 0.
 *
 * Source   WDK reference, wdm.h IoInitializeRemoveLock, IoAcquireRemoveLock, IoReleaseRemoveLock,
 *          IoReleaseRemoveLockAndWait. Tags are not tracked (docs/DIFFERENCES.md).
 */
#include "io/iop.h"

/* Gives back one; returns the rest. */
static LONG
IopDropRemoveLock(PIO_REMOVE_LOCK Lock, PVOID Tag)
{
    LONG count = __atomic_sub_fetch(&Lock->Common.IoCount, 1, __ATOMIC_ACQ_REL);

    if (count < 0) {
        KiBugCheckDetail(IOP_BUGCHECK_VERIFIER, IOP_C4_REMOVE_LOCK_TAG, (ULONG_PTR)Lock,
                         (ULONG_PTR)Tag, 0,
                         "remove lock %p was released more often than acquired (tag of this "
                         "release: %p): one path releases what it did not acquire, or twice",
                         (void *)Lock, Tag);
    }
    return count;
}

#pragma GCC visibility push(default)

/* IRQL PASSIVE_LEVEL. Source: WDK reference, IoInitializeRemoveLock */
VOID NTAPI
IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes,
                         ULONG HighWatermark, ULONG RemlockSize)
{
    NT_ENTER(IoInitializeRemoveLockEx);
    (void)AllocateTag;
    (void)MaxLockedMinutes;
    (void)HighWatermark;
    RtlZeroMemory(Lock, RemlockSize);
    Lock->Common.IoCount = 1;
    KeInitializeEvent(&Lock->Common.RemoveEvent, SynchronizationEvent, FALSE);
}

/*
 * IoAcquireRemoveLockEx - IoAcquireRemoveLock
 *
 * Returns  STATUS_SUCCESS; STATUS_DELETE_PENDING: IoReleaseRemoveLockAndWait was called
 * IRQL     <= DISPATCH_LEVEL
 */
NTSTATUS NTAPI
IoAcquireRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line,
                      ULONG RemlockSize)
{
    NT_ENTER(IoAcquireRemoveLockEx);
    (void)File;
    (void)Line;
    (void)RemlockSize;
    if (__builtin_expect(!KiHasWaitList(&RemoveLock->Common.RemoveEvent.Header), 0)) {
        KiBugCheckDetail(IOP_BUGCHECK_VERIFIER, IOP_C4_NOT_INITIALISED, (ULONG_PTR)RemoveLock, 0, 0,
                         "%p is not an initialised remove lock: call IoInitializeRemoveLock in "
                         "AddDevice or DriverEntry, before the first request",
                         (void *)RemoveLock);
    }
    __atomic_add_fetch(&RemoveLock->Common.IoCount, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&RemoveLock->Common.Removed, __ATOMIC_SEQ_CST)) {
        return STATUS_SUCCESS;
    }
    if (IopDropRemoveLock(RemoveLock, Tag) == 0) {
        KeSetEvent(&RemoveLock->Common.RemoveEvent, IO_NO_INCREMENT, FALSE);
    }
    return STATUS_DELETE_PENDING;
}

/* Errors: once too often: DRIVER_VERIFIER_DETECTED_VIOLATION 0xD6. IRQL <= DISPATCH_LEVEL. */
VOID NTAPI
IoReleaseRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    NT_ENTER(IoReleaseRemoveLockEx);
    (void)RemlockSize;
    if (IopDropRemoveLock(RemoveLock, Tag) == 0) {
        KeSetEvent(&RemoveLock->Common.RemoveEvent, IO_NO_INCREMENT, FALSE);
    }
}

/* Refuses further acquisitions, releases the caller's own, waits for the rest. PASSIVE_LEVEL. */
VOID NTAPI
IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize)
{
    NT_ENTER(IoReleaseRemoveLockAndWaitEx);
    (void)RemlockSize;
    if (__atomic_exchange_n(&RemoveLock->Common.Removed, TRUE, __ATOMIC_SEQ_CST)) {
        KiBugCheckDetail(IOP_BUGCHECK_VERIFIER, IOP_C4_REMOVE_LOCK_TAG, (ULONG_PTR)RemoveLock,
                         (ULONG_PTR)Tag, 0,
                         "IoReleaseRemoveLockAndWait on remove lock %p for the second time: it "
                         "belongs to IRP_MN_REMOVE_DEVICE alone, which comes once",
                         (void *)RemoveLock);
    }
    IopDropRemoveLock(RemoveLock, Tag);
    if (IopDropRemoveLock(RemoveLock, Tag) > 0) {
        KeWaitForSingleObject(&RemoveLock->Common.RemoveEvent, Executive, KernelMode, FALSE, NULL);
    }
}

#pragma GCC visibility pop
