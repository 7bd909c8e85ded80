/* SPDX-License-Identifier: MIT
 *
 * ex/poolapi.c - the pool routines that drivers call
 *
 * Source: WDK reference, wdm.h ExAllocatePool2 (2020-05-12), ExAllocatePoolWithTag,
 * ExAllocatePoolWithQuotaTag, ExFreePoolWithTag, POOL_FLAGS (2019-11-12).
 */
#include "ex/expool.h"

#define EXP_POOL_KINDS (POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED)
#define EXP_POOL_FLAGS                                                                          \
    (EXP_POOL_KINDS | POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED | \
     POOL_FLAG_RAISE_ON_FAILURE)
#define EXP_NO_TAG 0x656E6F4Eu /* 'None' */
#define EXP_MUST_SUCCEED 2
#define EXP_CACHE_ALIGNED 4
#define EXP_BUGCHECK_CALLER 0xC2
#define EXP_BUGCHECK_VERIFIER 0xC4

static DECLSPEC_NORETURN __attribute__((noinline)) VOID
ExpReportAllocation(ULONG SubCode, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Text)
{
    KiBugCheckDetail(EXP_BUGCHECK_CALLER, SubCode, P2, P3, P4, "%s", Text);
}

/* The rules that do not depend on how much memory there is. */
static inline VOID
ExpCheckRequest(ULONG Kind, POOL_TYPE PoolType, SIZE_T Size)
{
    KTHREAD *thread = KiCurrentThreadPointer;
    KIRQL limit = Kind == EXP_KIND_PAGED ? APC_LEVEL : DISPATCH_LEVEL;

    if (__builtin_expect(thread != NULL && thread->Irql > limit, 0)) {
        ExpReportAllocation(0x8, thread->Irql, PoolType, Size,
                            Kind == EXP_KIND_PAGED
                                ? "Paged pool is allocated above APC_LEVEL: use non-paged pool, or "
                                  "allocate before raising IRQL."
                                : "Pool is allocated above DISPATCH_LEVEL.");
    }
    if (__builtin_expect(ExpVerifying && Size == 0, 0)) {
        KiBugCheckDetail(
            EXP_BUGCHECK_VERIFIER, 0, thread != NULL ? thread->Irql : 0, PoolType, 0,
            "A pool allocation of 0 bytes is requested: probably an unchecked length.");
    }
}

static inline VOID
ExpCheckMustSucceed(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag)
{
    if (__builtin_expect((PoolType & EXP_MUST_SUCCEED) != 0, 0)) {
        ExpReportAllocation(0x9A, PoolType, Size, Tag, "The must-succeed pools do not exist.");
    }
}

static inline PVOID
ExpAllocateTyped(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, ULONG_PTR Caller)
{
    ULONG kind = PoolType & PagedPool;
    PVOID block;

    ExpCheckRequest(kind, PoolType, Size);
    ExpCheckMustSucceed(PoolType, Size, Tag);
    /* A whole page is also aligned to a cache line. */
    block = ExpAllocateBlock(kind, Size, (PoolType & EXP_CACHE_ALIGNED) != 0, Tag, Caller);
    if (__builtin_expect(block == NULL && (PoolType & POOL_RAISE_IF_ALLOCATION_FAILURE) != 0, 0)) {
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    }
    return block;
}

PVOID
ExpAllocatePool(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, ULONG_PTR Caller)
{
    return ExpAllocateTyped(PoolType, Size, Tag, Caller);
}

PVOID
ExpAllocatePages(SIZE_T Size, ULONG Tag, ULONG_PTR Caller)
{
    return ExpAllocateBlock(EXP_KIND_NONPAGED, Size, TRUE, Tag, Caller);
}

static inline VOID
ExpCheckTag(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, ULONG_PTR Caller)
{
    if (__builtin_expect(Tag == 0, 0)) {
        ExpReportAllocation(0x9B, PoolType, Size, Caller, "Pool is allocated with a tag of 0.");
    }
}

static PVOID
ExpAllocateQuota(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, ULONG_PTR Caller)
{
    ULONG kind = PoolType & PagedPool;
    NTSTATUS status;
    PVOID block;

    ExpCheckRequest(kind, PoolType, Size);
    ExpCheckMustSucceed(PoolType, Size, Tag);
    block =
        ExpAllocateCharged(kind, Size, (PoolType & EXP_CACHE_ALIGNED) != 0, Tag, Caller, &status);
    if (block == NULL && (PoolType & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) == 0) {
        ExRaiseStatus(status);
    }
    return block;
}

static inline PVOID
ExpAllocateFlags(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag, ULONG_PTR Caller)
{
    ULONG64 kinds = Flags & EXP_POOL_KINDS;
    ULONG64 required = Flags & 0xFFFFFFFFull;
    ULONG kind = kinds == POOL_FLAG_PAGED ? EXP_KIND_PAGED : EXP_KIND_NONPAGED;
    BOOLEAN wholePages = (Flags & POOL_FLAG_CACHE_ALIGNED) != 0;
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    PVOID block = NULL;

    ExpCheckRequest(kind, (POOL_TYPE)kind, NumberOfBytes);
    /* Exactly one kind, nothing unknown among what is required, and a tag. */
    if (kinds != 0 && (kinds & (kinds - 1)) == 0 && (required & ~EXP_POOL_FLAGS) == 0 && Tag != 0) {
        block = (Flags & POOL_FLAG_USE_QUOTA) != 0
                    ? ExpAllocateCharged(kind, NumberOfBytes, wholePages, Tag, Caller, &status)
                    : ExpAllocateBlock(kind, NumberOfBytes, wholePages, Tag, Caller);
    }
    if (__builtin_expect(block == NULL, 0)) {
        if ((Flags & POOL_FLAG_RAISE_ON_FAILURE) != 0) {
            ExRaiseStatus(status);
        }
        return NULL;
    }
    if ((Flags & POOL_FLAG_UNINITIALIZED) == 0) {
        memset(block, 0, NumberOfBytes);
    }
    return block;
}

/* The parameter may be passed over: it is optional, and Works says what else may be done with it.
 */
static inline BOOLEAN
ExpIsParameterFine(const POOL_EXTENDED_PARAMETER *Parameter, BOOLEAN Works)
{
    return Works || Parameter->Optional != 0;
}

static BOOLEAN
ExpIsPoolPriority(ULONG Priority)
{
    /* Low, normal or high, and how it lies in special pool: anyhow, overrun (8) or underrun (9). */
    ULONG base = Priority & ~(ULONG)LowPoolPrioritySpecialPoolUnderrun;
    ULONG placement = Priority & (ULONG)LowPoolPrioritySpecialPoolUnderrun;

    return (base == LowPoolPriority || base == NormalPoolPriority || base == HighPoolPriority) &&
           placement != 1;
}

/*
 * What ExAllocatePool3 is told besides. Every priority gets what there is, since the pools end
 * where the address space does, and every byte is on the only node.
 */
static BOOLEAN
ExpCheckParameters(POOL_FLAGS Flags, PCPOOL_EXTENDED_PARAMETER Parameters, ULONG Count)
{
    BOOLEAN fine = Count == 0 || Parameters != NULL;

    for (ULONG i = 0; fine && i < Count; i++) {
        const POOL_EXTENDED_PARAMETER *parameter = &Parameters[i];

        switch (parameter->Type) {
        case PoolExtendedParameterPriority:
            fine = ExpIsParameterFine(parameter, ExpIsPoolPriority((ULONG)parameter->Priority));
            break;
        case PoolExtendedParameterNumaNode:
            fine = ExpIsParameterFine(parameter,
                                      (Flags & EXP_POOL_KINDS) == POOL_FLAG_NON_PAGED &&
                                          ((parameter->PreferredNode & MM_ANY_NODE_OK) != 0 ||
                                           parameter->PreferredNode <= KeQueryHighestNodeNumber()));
            break;
        case PoolExtendedParameterSecurePool:
            if (parameter->Optional == 0) {
                KiUnimplementedExport("ExAllocatePool3 with PoolExtendedParameterSecurePool");
            }
            break;
        default:
            fine = ExpIsParameterFine(parameter, FALSE);
            break;
        }
    }
    return fine;
}

static inline VOID
ExpFree(PVOID Address, ULONG Tag, BOOLEAN CheckTag, ULONG_PTR Caller)
{
    KTHREAD *thread = KiCurrentThreadPointer;

    if (__builtin_expect(thread != NULL && thread->Irql > APC_LEVEL, 0)) {
        BOOLEAN paged = ExpIsPoolAddress((ULONG_PTR)Address) && ExpKindOf((ULONG_PTR)Address);

        if (paged || thread->Irql > DISPATCH_LEVEL) {
            ExpReportAllocation(0x9, thread->Irql, paged, (ULONG_PTR)Address,
                                paged ? "Paged pool is freed above APC_LEVEL."
                                      : "Pool is freed above DISPATCH_LEVEL.");
        }
    }
    if (__builtin_expect(!ExpIsBlockIdle((ULONG_PTR)Address), 0)) {
        ExpCheckInUse((ULONG_PTR)Address, Caller);
    }
    ExpFreeBlock(Address, Tag, CheckTag, Caller);
}

#undef ExAllocatePool
#undef ExAllocatePoolWithTag
#undef ExAllocatePoolWithQuota
#undef ExAllocatePoolWithQuotaTag
#undef ExFreePool
#undef ExFreePoolWithTag
#pragma GCC visibility push(default)

PVOID NTAPI
ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    ExpCheckTag(PoolType, NumberOfBytes, Tag, NT_CALLER());
    return ExpAllocateTyped(PoolType, NumberOfBytes, Tag, NT_CALLER());
}

PVOID NTAPI
ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return ExpAllocateTyped(PoolType, NumberOfBytes, EXP_NO_TAG, NT_CALLER());
}

PVOID NTAPI
ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                              EX_POOL_PRIORITY Priority)
{
    ExpCheckTag(PoolType, NumberOfBytes, Tag, NT_CALLER());
    return ExpAllocateTyped(PoolType, NumberOfBytes, Tag, NT_CALLER());
}

PVOID NTAPI
ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return ExpAllocateQuota(PoolType, NumberOfBytes, EXP_NO_TAG, NT_CALLER());
}

PVOID NTAPI
ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    ExpCheckTag(PoolType, NumberOfBytes, Tag, NT_CALLER());
    return ExpAllocateQuota(PoolType, NumberOfBytes, Tag, NT_CALLER());
}

/*
 * Differs  POOL_FLAG_SESSION fails; executable pool is not executable
 */
PVOID NTAPI
ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExpAllocateFlags(Flags, NumberOfBytes, Tag, NT_CALLER());
}

VOID NTAPI
ExFreePool(PVOID P)
{
    ExpFree(P, 0, TRUE, NT_CALLER());
}

VOID NTAPI
ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    ExpFree(P, Tag, TRUE, NT_CALLER());
}

/*
 * ExAllocatePool3 - ExAllocatePool2 with more to say
 *
 * Returns  NULL, or raises, also for an extended parameter that is not optional and wrong: no type,
 *          no EX_POOL_PRIORITY, a NUMA node that there is not, or one for other than
 *          POOL_FLAG_NON_PAGED
 * Differs  as ExAllocatePool2; secure pools do not exist: an allocation from one, unless optional,
 *          is a bugcheck by name
 * IRQL     as ExAllocatePool2
 * Source   WDK reference, nf-wdm-exallocatepool3, POOL_EXTENDED_PARAMETER
 */
PVOID NTAPI
ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                PCPOOL_EXTENDED_PARAMETER ExtendedParameters, ULONG ExtendedParametersCount)
{
    BOOLEAN fine = ExpCheckParameters(Flags, ExtendedParameters, ExtendedParametersCount);

    /* Without a kind the flags are wrong, which fails in the way that they ask for. */
    return ExpAllocateFlags(fine ? Flags : Flags & ~EXP_POOL_KINDS, NumberOfBytes, Tag,
                            NT_CALLER());
}

/* Differs: an extended parameter that is not optional is a bugcheck by name. */
VOID NTAPI
ExFreePool2(PVOID Block, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
            ULONG ExtendedParametersCount)
{
    NT_ENTER(ExFreePool2);
    for (ULONG i = 0; i < ExtendedParametersCount; i++) {
        if (ExtendedParameters[i].Optional == 0) {
            KiUnimplementedExport("ExFreePool2 with extended parameters");
        }
    }
    ExpFree(Block, Tag, TRUE, NT_CALLER());
}

SIZE_T NTAPI
ExQueryPoolBlockSize(PVOID PoolBlock, PBOOLEAN QuotaCharged)
{
    EXP_POOL_BLOCK block;
    BOOLEAN isFree;

    if (!ExpDescribePoolAddress((ULONG_PTR)PoolBlock, &block, &isFree) || isFree) {
        ExpReportBadFree((ULONG_PTR)PoolBlock, NT_CALLER());
    }
    *QuotaCharged = ExpGetCharged(block.Address) != NULL;
    return block.Size;
}

#pragma GCC visibility pop
