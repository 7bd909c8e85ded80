/* SPDX-License-Identifier: MIT
 *
 * io/irp.c - where IRPs come from and go to, and what is remembered of each
 *
 * A block is header, IRP, stack locations and a small system buffer. Each thread keeps one free
 * block (KTHREAD.Cache.Irp); the rest are pool. A freed block in the cache keeps its history, so
 * that a second completion of the IRP can still be told who completed it first.
 *
 * Invariants  A1  Every block is on its shard's list from allocation from pool to return to it.
 *             A2  A block's State is IopIrpFree iff it is in a cache or about to go to pool.
 * Locks       IopIrpShards[].Lock (spin): guards the list. No call-out while held.
 * Source      WDK reference, wdm.h IoAllocateIrp, IoFreeIrp, IoInitializeIrp, IoReuseIrp.
 */
#include "io/iop.h"

/* In KTHREAD.Cache.Irp: this thread caches no more. */
#define IOP_CACHE_CLOSED ((PIRP)1)

#define IOP_IRP_SHARDS 8u

typedef struct IOP_IRP_SHARD {
    KSPIN_LOCK Lock;
    LIST_ENTRY Blocks NT_GUARDED_BY(Lock);
} __attribute__((aligned(64))) IOP_IRP_SHARD;

static IOP_IRP_SHARD IopIrpShards[IOP_IRP_SHARDS];
BOOLEAN IopIrpCacheDisabled;

static inline SIZE_T
IopBlockInlineOffset(UCHAR Capacity)
{
    SIZE_T end = sizeof(IOP_IRP) + Capacity * sizeof(IO_STACK_LOCATION);

    return (end + 15) & ~(SIZE_T)15;
}

PVOID
IopInlineBuffer(IOP_IRP *Header)
{
    return (PUCHAR)Header + IopBlockInlineOffset(Header->Capacity);
}

VOID
IopInitializeIrps(VOID)
{
    NT_FOR_EACH (shard, IopIrpShards) {
        KeInitializeSpinLock(&shard->Lock);
        InitializeListHead(&shard->Blocks);
    }
}

static IOP_IRP *
IopAllocateBlock(UCHAR Capacity, BOOLEAN HasInline, ULONG_PTR Caller)
{
    /* The guard of an inline buffer that is used whole lies behind it. */
    SIZE_T size =
        IopBlockInlineOffset(Capacity) + (HasInline ? IOP_INLINE_BUFFER + sizeof(ULONG64) : 0);
    IOP_IRP *header = ExpAllocatePool(NonPagedPoolNx, size, IOP_TAG_IRP, Caller);
    IOP_IRP_SHARD *shard;
    KIRQL irql;

    if (header == NULL) {
        return NULL;
    }
    RtlZeroMemory(header, sizeof(*header));
    header->Signature = IOP_IRP_SIGNATURE;
    header->Capacity = Capacity;
    header->HasInline = HasInline;
    header->Shard = (ULONG)(((ULONG_PTR)header >> 8) % IOP_IRP_SHARDS);
    shard = &IopIrpShards[header->Shard];
    KeAcquireSpinLock(&shard->Lock, &irql);
    InsertTailList(&shard->Blocks, &header->BlockLink);
    KeReleaseSpinLock(&shard->Lock, irql);
    return header;
}

static VOID
IopFreeBlock(IOP_IRP *Header)
{
    IOP_IRP_SHARD *shard = &IopIrpShards[Header->Shard];
    KIRQL irql;

    KeAcquireSpinLock(&shard->Lock, &irql);
    RemoveEntryList(&Header->BlockLink);
    KeReleaseSpinLock(&shard->Lock, irql);
    Header->Signature = 0;
    ExFreePoolWithTag(Header, IOP_TAG_IRP);
}

/* Nobody asks for an IRP any more: the blocks in the caches of all threads go. */
VOID
IopShutdownIrps(VOID)
{
    KiGetCurrentThread()->Cache.Irp = NULL;
    NT_FOR_EACH (shard, IopIrpShards) {
        PLIST_ENTRY entry = shard->Blocks.Flink;

        while (entry != &shard->Blocks) {
            IOP_IRP *header = CONTAINING_RECORD(entry, IOP_IRP, BlockLink);

            entry = entry->Flink;
            if (IopIrpState(header) == IopIrpFree) {
                IopFreeBlock(header);
            }
        }
    }
}

VOID
IopCloseIrpCache(PKTHREAD Thread)
{
    PIRP cached = Thread->Cache.Irp;

    Thread->Cache.Irp = IOP_CACHE_CLOSED;
    if (cached != NULL && cached != IOP_CACHE_CLOSED) {
        IopFreeBlock(CONTAINING_RECORD(cached, IOP_IRP, Irp));
    }
}

static VOID
IopSetUpIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    RtlZeroMemory(Irp, PacketSize);
    Irp->Type = IO_TYPE_IRP;
    Irp->Size = PacketSize;
    Irp->StackCount = StackSize;
    Irp->CurrentLocation = (CHAR)(StackSize + 1);
    InitializeListHead(&Irp->ThreadListEntry);
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
}

static VOID
IopSetUpBlock(IOP_IRP *Header, CCHAR StackSize, IOP_IRP_KIND Kind, ULONG_PTR Caller)
{
    IopSetUpIrp(&Header->Irp, IoSizeOfIrp(StackSize), StackSize);
    Header->Irp.AllocationFlags = IOP_IRP_HAS_HEADER;
    Header->Kind = (UCHAR)Kind;
    Header->Synchronous = FALSE;
    Header->OnFileList = FALSE;
    Header->InlineLength = 0;
    Header->Granted = 0;
    Header->OutputLength = 0;
    __atomic_store_n(&Header->Handoff, IopDispatching, __ATOMIC_RELAXED);
    __atomic_store_n(&Header->ProcessId, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&Header->ThreadId, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&Header->Since, 0, __ATOMIC_RELAXED);
    Header->HistoryCount = 0;
    Header->Outer = NULL;
    Header->Issuer = NULL;
    Header->Client = NULL;
    Header->Views[0] = Header->Views[1] = NULL;
    __atomic_store_n(&Header->References, 1, __ATOMIC_RELAXED);
    IopRecordIrp(Header, IopEventAllocated, Caller, 0, 0);
    IopSetIrpState(Header, IopIrpOwned);
}

IOP_IRP *
IopAllocateIrp(CCHAR StackSize, IOP_IRP_KIND Kind, ULONG_PTR Caller)
{
    PKTHREAD thread = KiGetCurrentThread();
    PIRP cached = thread->Cache.Irp;
    IOP_IRP *header;

    if (cached != NULL && cached != IOP_CACHE_CLOSED && StackSize <= IOP_CACHED_LOCATIONS &&
        __builtin_expect(!IopIrpCacheDisabled, 1)) {
        thread->Cache.Irp = NULL;
        header = CONTAINING_RECORD(cached, IOP_IRP, Irp);
    } else {
        UCHAR capacity = StackSize > IOP_CACHED_LOCATIONS ? (UCHAR)StackSize : IOP_CACHED_LOCATIONS;

        header = IopAllocateBlock(capacity, TRUE, Caller);
        if (header == NULL) {
            return NULL;
        }
    }
    IopSetUpBlock(header, StackSize, Kind, Caller);
    return header;
}

IOP_IRP *
IopAllocateSmallIrp(CCHAR StackSize, IOP_IRP_KIND Kind, ULONG_PTR Caller)
{
    IOP_IRP *header = IopAllocateBlock((UCHAR)StackSize, FALSE, Caller);

    if (header != NULL) {
        IopSetUpBlock(header, StackSize, Kind, Caller);
    }
    return header;
}

/* The last reference is gone. */
static VOID
IopReturnBlock(IOP_IRP *Header)
{
    PKTHREAD thread = KiGetCurrentThread();

    MiReturnCharge(Header->Client, MiQuotaRequests, 1);
    Header->Client = NULL;
    IopSetIrpState(Header, IopIrpFree);
    if (thread->Cache.Irp == NULL && Header->HasInline &&
        Header->Capacity == IOP_CACHED_LOCATIONS && __builtin_expect(!IopIrpCacheDisabled, 1)) {
        thread->Cache.Irp = &Header->Irp;
        return;
    }
    IopFreeBlock(Header);
}

VOID
IopReleaseIrp(IOP_IRP *Header)
{
    /* One reference left is the caller's own: nobody can find the IRP to take another. */
    if (__atomic_load_n(&Header->References, __ATOMIC_ACQUIRE) != 1 &&
        __atomic_sub_fetch(&Header->References, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    IopReturnBlock(Header);
}

VOID
IopForEachIrp(VOID (*Visit)(PVOID Context, IOP_IRP *Header), PVOID Context)
{
    NT_FOR_EACH (shard, IopIrpShards) {
        PLIST_ENTRY entry;
        KIRQL irql;

        KeAcquireSpinLock(&shard->Lock, &irql);
        for (entry = shard->Blocks.Flink; entry != &shard->Blocks; entry = entry->Flink) {
            IOP_IRP *header = CONTAINING_RECORD(entry, IOP_IRP, BlockLink);

            if (IopIrpState(header) != IopIrpFree) {
                Visit(Context, header);
            }
        }
        KeReleaseSpinLock(&shard->Lock, irql);
    }
}

static VOID
IopCountIrp(PVOID Context, IOP_IRP *Header)
{
    (void)Header;
    ++*(LONG *)Context;
}

LONG
IopIrpsInUse(VOID)
{
    LONG count = 0;

    IopForEachIrp(IopCountIrp, &count);
    return count;
}

#pragma GCC visibility push(default)

/*
 * IoAllocateIrp - an IRP of the caller's own
 *
 * StackSize    stack locations, at least the target's DEVICE_OBJECT.StackSize
 * ChargeQuota  ignored: ntbox has no quotas
 *
 * Returns  the IRP, zeroed; NULL without memory or with StackSize < 1
 * IRQL     <= DISPATCH_LEVEL. Never blocks.
 * Source   WDK reference, nf-wdm-ioallocateirp
 */
PIRP NTAPI
IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    NT_ENTER(IoAllocateIrp);
    IOP_IRP *header;

    (void)ChargeQuota;
    if (StackSize < 1 || StackSize > 100) {
        return NULL;
    }
    header = IopAllocateIrp(StackSize, IopIrpAllocated, NT_CALLER());
    return header != NULL ? &header->Irp : NULL;
}

/*
 * IoInitializeIrp - makes memory of the caller's an IRP
 *
 * Errors   an IRP that IoAllocateIrp gave: DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x20D. IoReuseIrp
 *          is meant for those.
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-ioinitializeirp
 */
VOID NTAPI
IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    NT_ENTER(IoInitializeIrp);
    /* The memory may hold anything yet: what looks like a header is asked of the pool. */
    if (Irp->Type == IO_TYPE_IRP && (Irp->AllocationFlags & IOP_IRP_HAS_HEADER)) {
        EXP_POOL_BLOCK block;
        BOOLEAN isFree;

        if (ExpDescribePoolAddress((ULONG_PTR)Irp, &block, &isFree) && !isFree &&
            block.Tag == IOP_TAG_IRP) {
            IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_INITIALIZE_ALLOCATED, (ULONG_PTR)Irp, Irp,
                           "IoInitializeIrp on an IRP from IoAllocateIrp; use IoReuseIrp");
        }
    }
    IopSetUpIrp(Irp, PacketSize, StackSize);
}

/*
 * IoReuseIrp - makes an IRP of IoAllocateIrp ready to be sent again
 *
 * Status   becomes IoStatus.Status
 * Errors   while a driver has it: DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x310; one made by
 *          IoBuildSynchronousFsdRequest or IoBuildDeviceIoControlRequest: 0x311
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-ioreuseirp
 */
VOID NTAPI
IoReuseIrp(PIRP Irp, NTSTATUS Status)
{
    NT_ENTER(IoReuseIrp);
    UCHAR allocationFlags = Irp->AllocationFlags;
    IOP_IRP *header = IopIrpHeader(Irp);

    if (header != NULL) {
        IOP_IRP_STATE state = IopIrpState(header);

        if (header->Kind != IopIrpAllocated && header->Kind != IopIrpAsyncFsd) {
            IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_REUSE_ORIGIN, (ULONG_PTR)Irp, Irp,
                           "IoReuseIrp on an IRP that IoAllocateIrp did not make");
        }
        if (state != IopIrpOwned && state != IopIrpReturned) {
            IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_REUSE_IN_USE, (ULONG_PTR)Irp, Irp,
                           "IoReuseIrp on an IRP that is not the caller's now");
        }
    }
    IopSetUpIrp(Irp, Irp->Size, Irp->StackCount);
    Irp->AllocationFlags = allocationFlags;
    Irp->IoStatus.Status = Status;
    if (header != NULL) {
        IopRecordIrp(header, IopEventReused, NT_CALLER(), 0, 0);
        IopSetIrpState(header, IopIrpOwned);
    }
}

/*
 * IoFreeIrp - frees an IRP of IoAllocateIrp or IoBuildAsynchronousFsdRequest
 *
 * Errors   DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x01 (no IRP of ours, or freed already), 0x02 (it
 *          is on a thread's list: the I/O manager frees it), 0x20A (a driver has it)
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-iofreeirp
 */
VOID NTAPI
IoFreeIrp(PIRP Irp)
{
    NT_ENTER(IoFreeIrp);
    IOP_IRP *header;

    if (Irp == NULL || Irp->Type != IO_TYPE_IRP) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_FREE_NOT_IRP, (ULONG_PTR)Irp, Irp,
                       "IoFreeIrp of something that is not an IRP");
    }
    header = IopIrpHeader(Irp);
    if (header == NULL || IopIrpState(header) == IopIrpFree) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_FREE_NOT_IRP, (ULONG_PTR)Irp, Irp,
                       header == NULL ? "IoFreeIrp of an IRP made by IoInitializeIrp"
                                      : "IoFreeIrp of an IRP that is free");
    }
    if (header->Kind == IopIrpThreaded) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_FREE_ATTACHED, (ULONG_PTR)Irp, Irp,
                       "IoFreeIrp of an IRP that belongs to a thread; complete it instead");
    }
    if (header->Kind == IopIrpService ||
        (IopIrpState(header) != IopIrpOwned && IopIrpState(header) != IopIrpReturned)) {
        IopIrpBugCheck(IOP_BUGCHECK_IO, IOP_C9_FREE_IN_USE, (ULONG_PTR)Irp, Irp,
                       "IoFreeIrp of an IRP that is in use");
    }
    IopRecordIrp(header, IopEventFreed, NT_CALLER(), 0, 0);
    IopReleaseIrp(header);
}

/*
 * IoMakeAssociatedIrp - an IRP that counts for a master IRP
 *
 * The caller sets Irp->AssociatedIrp.IrpCount of the master before it sends the first. When the
 * last associated IRP is completed, the I/O manager frees it and completes the master.
 *
 * Returns  NULL without memory
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-ntddk-iomakeassociatedirp
 */
PIRP NTAPI
IoMakeAssociatedIrp(PIRP Irp, CCHAR StackSize)
{
    NT_ENTER(IoMakeAssociatedIrp);
    IOP_IRP *header;

    if (StackSize < 1 || StackSize > 100) {
        return NULL;
    }
    header = IopAllocateIrp(StackSize, IopIrpAssociated, NT_CALLER());
    if (header == NULL) {
        return NULL;
    }
    header->Irp.Flags |= IRP_ASSOCIATED_IRP;
    header->Irp.Tail.Overlay.Thread = Irp->Tail.Overlay.Thread;
    header->Irp.AssociatedIrp.MasterIrp = Irp;
    return &header->Irp;
}

#pragma GCC visibility pop
