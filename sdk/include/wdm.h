/* SPDX-License-Identifier: MIT
 *
 * wdm.h - the package's, less what reads the machine at fixed addresses, with what it lacks
 *
 * Invariant  A function that the kernel exports is called, never inlined, when what it tells is the
 *            kernel's to know: the time, the tick count.
 * Source     WDK reference, wdm.h: each name's own page.
 */
#ifndef NTBOX_WDM_H
#define NTBOX_WDM_H
#pragma GCC system_header

/* Ours are atomic builtins, in ntbox/intrinsics.h. */
#define InterlockedBitTestAndSet NtboxPackageBitTestAndSet
#define InterlockedBitTestAndReset NtboxPackageBitTestAndReset
#ifdef __cplusplus
/* To Microsoft's headers PETHREAD is PKTHREAD, and PEPROCESS is PKPROCESS; C++ tells them apart. */
#define _ETHREAD _KTHREAD
#define _EPROCESS _KPROCESS
#endif
#include_next <wdm.h>
#undef InterlockedBitTestAndSet
#undef InterlockedBitTestAndReset
#define InterlockedBitTestAndSet _interlockedbittestandset
#define InterlockedBitTestAndReset _interlockedbittestandreset
#define InterlockedBitTestAndComplement _interlockedbittestandcomplement
#define InterlockedBitTestAndSet64 _interlockedbittestandset64
#define InterlockedBitTestAndReset64 _interlockedbittestandreset64

#include <limits.h>

#include "ntbox/annotations.h"
#include "ntbox/roles.h"
#include "ntbox/oldsal.h"

/* The package leaves these out in C++ for the sake of libstdc++, which drivers do not use. */
#ifndef __in
#define __in
#define __out
#endif

typedef ULONG DWORD;

#ifndef EX_PUSH_LOCK
#define EX_PUSH_LOCK ULONG_PTR
#define PEX_PUSH_LOCK PULONG_PTR
#endif

#if defined(__cplusplus) && !defined(DEFINE_ENUM_FLAG_OPERATORS)
#define DEFINE_ENUM_FLAG_OPERATORS(type)            \
    extern "C++" {                                  \
    inline constexpr type operator|(type a, type b) \
    {                                               \
        return (type)((ULONG64)a | (ULONG64)b);     \
    }                                               \
    inline constexpr type operator&(type a, type b) \
    {                                               \
        return (type)((ULONG64)a & (ULONG64)b);     \
    }                                               \
    inline constexpr type operator^(type a, type b) \
    {                                               \
        return (type)((ULONG64)a ^ (ULONG64)b);     \
    }                                               \
    inline constexpr type operator~(type a)         \
    {                                               \
        return (type)(~(ULONG64)a);                 \
    }                                               \
    inline type &operator|=(type &a, type b)        \
    {                                               \
        return a = a | b;                           \
    }                                               \
    inline type &operator&=(type &a, type b)        \
    {                                               \
        return a = a & b;                           \
    }                                               \
    inline type &operator^=(type &a, type b)        \
    {                                               \
        return a = a ^ b;                           \
    }                                               \
    }
#endif

/* x86 only on Windows; drivers that were written there use them everywhere. */
#ifndef KfAcquireSpinLock
#define KfAcquireSpinLock KeAcquireSpinLockRaiseToDpc
#define KfReleaseSpinLock KeReleaseSpinLock
#endif

#ifndef RTL_CONST_CAST
#ifdef __cplusplus
#define RTL_CONST_CAST(type) const_cast<type>
#else
#define RTL_CONST_CAST(type) (type)
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- names that some versions of the package lack ---- */

#ifndef InterlockedExchange8
#define InterlockedExchange8 _InterlockedExchange8
#define InterlockedExchange16 _InterlockedExchange16
#define InterlockedAnd8 _InterlockedAnd8
#define InterlockedAnd16 _InterlockedAnd16
#define InterlockedOr8 _InterlockedOr8
#define InterlockedOr16 _InterlockedOr16
#define InterlockedXor8 _InterlockedXor8
#define InterlockedXor16 _InterlockedXor16
#endif
#ifndef InterlockedIncrement16
#define InterlockedIncrement16 _InterlockedIncrement16
#define InterlockedDecrement16 _InterlockedDecrement16
#define InterlockedCompareExchange16 _InterlockedCompareExchange16
#endif
#ifndef InterlockedAnd64
#define InterlockedAnd64 _InterlockedAnd64
#endif
#ifndef InterlockedOr64
#define InterlockedOr64 _InterlockedOr64
#endif
#ifndef InterlockedXor64
#define InterlockedXor64 _InterlockedXor64
#endif
#ifndef InterlockedIncrement64
#define InterlockedIncrement64 _InterlockedIncrement64
#endif
#ifndef InterlockedDecrement64
#define InterlockedDecrement64 _InterlockedDecrement64
#endif
#ifndef InterlockedExchange64
#define InterlockedExchange64 _InterlockedExchange64
#endif
#ifndef InterlockedExchangeAdd64
#define InterlockedExchangeAdd64 _InterlockedExchangeAdd64
#endif
#ifndef InterlockedCompareExchange64
#define InterlockedCompareExchange64 _InterlockedCompareExchange64
#endif
#undef InterlockedAdd
#define InterlockedAdd _InterlockedAdd
#undef InterlockedAdd64
#define InterlockedAdd64 _InterlockedAdd64
#define _InlineInterlockedAdd _InterlockedAdd
#define _InlineInterlockedAdd64 _InterlockedAdd64
#define InterlockedCompareExchange128 _InterlockedCompareExchange128
/* The forms with less order have at least the order asked for. */
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer
#define InterlockedExchangePointerNoFence InterlockedExchangePointer

#undef KeMemoryBarrier
#define KeMemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define KeMemoryBarrierWithoutFence _ReadWriteBarrier
#ifndef MemoryBarrier
#define MemoryBarrier KeMemoryBarrier
#endif

/* ---- the clock: exports instead of reads of KUSER_SHARED_DATA ---- */

#undef SharedUserData
#undef SharedInterruptTime
#undef SharedSystemTime
#undef SharedTickCount
#undef KeQueryInterruptTime
#undef KeQuerySystemTime
#undef KeQueryTickCount

NTKERNELAPI ULONGLONG NTAPI KeQueryInterruptTime(VOID);
NTKERNELAPI VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER CurrentTime);
NTKERNELAPI VOID NTAPI KeQueryTickCount(PLARGE_INTEGER CurrentCount);
NTKERNELAPI VOID NTAPI KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime);
NTKERNELAPI ULONG64 NTAPI KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp);
NTKERNELAPI ULONGLONG NTAPI KeQueryUnbiasedInterruptTimePrecise(PULONGLONG QpcTimeStamp);

/* ---- pool
 * ---------------------------------------------------------------------------------------------------
 */

/* Source: WDK reference, POOL_FLAGS; wdm.h ExAllocatePool2, ExAllocatePool3, ExFreePool2. */
#ifndef POOL_FLAG_NON_PAGED
typedef ULONG64 POOL_FLAGS;
#define POOL_FLAG_USE_QUOTA 0x0000000000000001ULL
#define POOL_FLAG_UNINITIALIZED 0x0000000000000002ULL
#define POOL_FLAG_SESSION 0x0000000000000004ULL
#define POOL_FLAG_CACHE_ALIGNED 0x0000000000000008ULL
#define POOL_FLAG_RAISE_ON_FAILURE 0x0000000000000020ULL
#define POOL_FLAG_NON_PAGED 0x0000000000000040ULL
#define POOL_FLAG_NON_PAGED_EXECUTE 0x0000000000000080ULL
#define POOL_FLAG_PAGED 0x0000000000000100ULL
#define POOL_FLAG_SPECIAL_POOL 0x0000000100000000ULL

/* Source: WDK reference, POOL_EXTENDED_PARAMETER, POOL_EXTENDED_PARAMETER_TYPE, EX_POOL_PRIORITY,
 * POOL_EXTENDED_PARAMS_SECURE_POOL. */
typedef enum POOL_EXTENDED_PARAMETER_TYPE {
    PoolExtendedParameterInvalidType = 0,
    PoolExtendedParameterPriority,
    PoolExtendedParameterSecurePool,
    PoolExtendedParameterNumaNode,
    PoolExtendedParameterMax
} POOL_EXTENDED_PARAMETER_TYPE,
    *PPOOL_EXTENDED_PARAMETER_TYPE;

#define POOL_EXTENDED_PARAMETER_TYPE_BITS 8
#define POOL_EXTENDED_PARAMETER_REQUIRED_FIELD_BITS 1
#define POOL_EXTENDED_PARAMETER_RESERVED_BITS \
    (64 - POOL_EXTENDED_PARAMETER_TYPE_BITS - POOL_EXTENDED_PARAMETER_REQUIRED_FIELD_BITS)

typedef struct _POOL_EXTENDED_PARAMS_SECURE_POOL {
    HANDLE SecurePoolHandle;
    PVOID Buffer;
    ULONG_PTR Cookie;
    ULONG SecurePoolFlags;
} POOL_EXTENDED_PARAMS_SECURE_POOL, *PPOOL_EXTENDED_PARAMS_SECURE_POOL;

typedef struct _POOL_EXTENDED_PARAMETER {
    struct {
        ULONG64 Type : POOL_EXTENDED_PARAMETER_TYPE_BITS;
        ULONG64 Optional : POOL_EXTENDED_PARAMETER_REQUIRED_FIELD_BITS;
        ULONG64 Reserved : POOL_EXTENDED_PARAMETER_RESERVED_BITS;
    };
    union {
        ULONG64 Reserved2;
        PVOID Reserved3;
        EX_POOL_PRIORITY Priority;
        POOL_EXTENDED_PARAMS_SECURE_POOL *SecurePoolParams;
        ULONG PreferredNode;
    };
} POOL_EXTENDED_PARAMETER, *PPOOL_EXTENDED_PARAMETER;
typedef const POOL_EXTENDED_PARAMETER *PCPOOL_EXTENDED_PARAMETER;

NTKERNELAPI PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
NTKERNELAPI PVOID NTAPI ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                                        PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                                        ULONG ExtendedParametersCount);
NTKERNELAPI VOID NTAPI ExFreePool2(PVOID Block, ULONG Tag,
                                   PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                                   ULONG ExtendedParametersCount);

/* Inline on Windows too, for drivers that must load on older systems. */
FORCEINLINE PVOID
ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    PVOID block = ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);

    if (block != NULL) {
        RtlZeroMemory(block, NumberOfBytes);
    }
    return block;
}

FORCEINLINE PVOID
ExAllocatePoolQuotaZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    PVOID block = ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, Tag);

    if (block != NULL) {
        RtlZeroMemory(block, NumberOfBytes);
    }
    return block;
}

FORCEINLINE PVOID
ExAllocatePoolPriorityZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                           EX_POOL_PRIORITY Priority)
{
    PVOID block = ExAllocatePoolWithTagPriority(PoolType, NumberOfBytes, Tag, Priority);

    if (block != NULL) {
        RtlZeroMemory(block, NumberOfBytes);
    }
    return block;
}

#define ExAllocatePoolPriorityUninitialized ExAllocatePoolWithTagPriority
#define ExAllocatePoolUninitialized ExAllocatePoolWithTag
#define ExAllocatePoolQuotaUninitialized ExAllocatePoolWithQuotaTag
#endif

#ifndef POOL_NX_ALLOCATION
#define POOL_NX_ALLOCATION 512
#endif
#ifndef DrvRtPoolNxOptIn
#define DrvRtPoolNxOptIn 0x00000001
/* The non-paged pool is never executable here, whatever a driver opts into. */
#define ExInitializeDriverRuntime(RuntimeFlags) ((void)(RuntimeFlags))
#endif

/* ---- timers ---- */

/* Source: WDK reference, wdm.h ExQueryTimerResolution; units of 100 ns. */
NTKERNELAPI VOID NTAPI ExQueryTimerResolution(PULONG MaximumTime, PULONG MinimumTime,
                                              PULONG CurrentTime);

/* Inline on Windows too; every member starts as zero. Source: WDK reference, EXT_DELETE_PARAMETERS.
 */
FORCEINLINE VOID
ExInitializeDeleteTimerParameters(PEXT_DELETE_PARAMETERS Parameters)
{
    RtlZeroMemory(Parameters, sizeof(*Parameters));
}

/* ---- reader/writer spin locks ---- */

/* Source: WDK reference, wdm.h ExAcquireSpinLockExclusive and its neighbours. */
typedef volatile LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;

NTKERNELAPI KIRQL NTAPI ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI KIRQL NTAPI ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI VOID NTAPI ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI VOID NTAPI ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI VOID NTAPI ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
NTKERNELAPI VOID NTAPI ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
NTKERNELAPI VOID NTAPI ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI VOID NTAPI ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock);
NTKERNELAPI LOGICAL NTAPI ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock);

/* ---- memory descriptor lists ---- */

/* Source: WDK reference, wdm.h MmMapLockedPagesSpecifyCache, Priority. */
#ifndef MdlMappingNoWrite
#define MdlMappingNoWrite 0x80000000
#endif
#ifndef MdlMappingNoExecute
#define MdlMappingNoExecute 0x40000000
#endif
#ifndef MdlMappingWithGuardPtes
#define MdlMappingWithGuardPtes 0x20000000
#endif

/* ---- threads ---- */

/* Source: WDK reference, wdm.h IoCreateSystemThread. */
NTKERNELAPI NTSTATUS NTAPI IoCreateSystemThread(PVOID IoObject, PHANDLE ThreadHandle,
                                                ULONG DesiredAccess,
                                                POBJECT_ATTRIBUTES ObjectAttributes,
                                                HANDLE ProcessHandle, PCLIENT_ID ClientId,
                                                PKSTART_ROUTINE StartRoutine, PVOID StartContext);

/* ---- transactions ---- */

/* Source: WDK reference, wdm.h TmEnableCallbacks and its neighbours: only pointers are seen. */
typedef struct _KENLISTMENT *PKENLISTMENT, *PRKENLISTMENT;
typedef struct _KRESOURCEMANAGER *PKRESOURCEMANAGER, *PRKRESOURCEMANAGER;
typedef struct _KTRANSACTION *PKTRANSACTION, *PRKTRANSACTION;
typedef struct _KTM *PKTM, *PRKTM;
#define _KTRANSACTION_DEFINED

typedef NTSTATUS(NTAPI *PTM_RM_NOTIFICATION)(PKENLISTMENT EnlistmentObject, PVOID RMContext,
                                             PVOID TransactionContext,
                                             ULONG TransactionNotification,
                                             PLARGE_INTEGER TmVirtualClock, ULONG ArgumentLength,
                                             PVOID Argument);
NTKERNELAPI NTSTATUS NTAPI TmEnableCallbacks(PKRESOURCEMANAGER ResourceManager,
                                             PTM_RM_NOTIFICATION CallbackRoutine, PVOID RMKey);
NTKERNELAPI NTSTATUS NTAPI TmPrePrepareComplete(PKENLISTMENT Enlistment,
                                                PLARGE_INTEGER TmVirtualClock);
NTKERNELAPI NTSTATUS NTAPI TmPrepareComplete(PKENLISTMENT Enlistment,
                                             PLARGE_INTEGER TmVirtualClock);
NTKERNELAPI NTSTATUS NTAPI TmReadOnlyEnlistment(PKENLISTMENT Enlistment,
                                                PLARGE_INTEGER TmVirtualClock);
NTKERNELAPI NTSTATUS NTAPI TmCommitComplete(PKENLISTMENT Enlistment, PLARGE_INTEGER TmVirtualClock);
NTKERNELAPI NTSTATUS NTAPI TmRollbackComplete(PKENLISTMENT Enlistment,
                                              PLARGE_INTEGER TmVirtualClock);
NTKERNELAPI VOID NTAPI TmDereferenceEnlistmentKey(PKENLISTMENT Enlistment, PBOOLEAN LastReference);

/* ---- registry callbacks ---- */

/* Source: WDK reference, wdm.h CmCallbackGetKeyObjectIDEx, CmCallbackReleaseKeyObjectIDEx. */
NTKERNELAPI NTSTATUS NTAPI CmCallbackGetKeyObjectIDEx(PLARGE_INTEGER Cookie, PVOID Object,
                                                      PULONG_PTR ObjectID,
                                                      PCUNICODE_STRING *ObjectName, ULONG Flags);
NTKERNELAPI VOID NTAPI CmCallbackReleaseKeyObjectIDEx(PCUNICODE_STRING ObjectName);

/* ---- processor state ---- */

/* Source: WDK reference, wdm.h KeSaveFloatingPointState, KeRestoreFloatingPointState. */
NTKERNELAPI NTSTATUS NTAPI KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave);
NTKERNELAPI NTSTATUS NTAPI KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave);

/* ---- threads of a device ---- */

/* Source: WDK reference, wdm.h IoCreateSystemThread. */
NTKERNELAPI NTSTATUS NTAPI IoCreateSystemThread(PVOID IoObject, PHANDLE ThreadHandle,
                                                ULONG DesiredAccess,
                                                POBJECT_ATTRIBUTES ObjectAttributes,
                                                HANDLE ProcessHandle, PCLIENT_ID ClientId,
                                                PKSTART_ROUTINE StartRoutine, PVOID StartContext);

/* ---- event tracing ---- */

/* Source: SDK reference, evntprov.h EVENT_INFO_CLASS; wdm.h EtwSetInformation, WmiTraceMessageVa.
 */
typedef enum _EVENT_INFO_CLASS {
    EventProviderBinaryTrackInfo,
    EventProviderSetReserved1,
    EventProviderSetTraits,
    EventProviderUseDescriptorType,
    MaxEventInfo
} EVENT_INFO_CLASS;
NTKERNELAPI NTSTATUS NTAPI EtwSetInformation(REGHANDLE RegHandle, EVENT_INFO_CLASS InformationClass,
                                             PVOID EventInformation, ULONG InformationLength);
#ifndef RUN_WPP
NTKERNELAPI NTSTATUS WmiTraceMessage(TRACEHANDLE LoggerHandle, ULONG MessageFlags,
                                     LPGUID MessageGuid, USHORT MessageNumber, ...);
#endif
NTKERNELAPI NTSTATUS NTAPI WmiTraceMessageVa(TRACEHANDLE LoggerHandle, ULONG MessageFlags,
                                             LPCGUID MessageGuid, USHORT MessageNumber,
                                             __builtin_va_list MessageArgList);

/* ---- bug-check reason callbacks ---- */

/* Source: WDK reference, wdm.h _KBUGCHECK_SECONDARY_DUMP_DATA_EX, _KBUGCHECK_REMOVE_PAGES. */
typedef struct _KBUGCHECK_SECONDARY_DUMP_DATA_EX {
    PVOID InBuffer;
    ULONG InBufferLength;
    ULONG MaximumAllowed;
    GUID Guid;
    PVOID OutBuffer;
    ULONG OutBufferLength;
    PVOID Context;
    ULONG Flags;
    ULONG DumpType;
    ULONG BugCheckCode;
    ULONG_PTR BugCheckParameter1;
    ULONG_PTR BugCheckParameter2;
    ULONG_PTR BugCheckParameter3;
    ULONG_PTR BugCheckParameter4;
} KBUGCHECK_SECONDARY_DUMP_DATA_EX, *PKBUGCHECK_SECONDARY_DUMP_DATA_EX;
typedef struct _KBUGCHECK_REMOVE_PAGES {
    PVOID Context;
    ULONG Flags;
    ULONG BugCheckCode;
    ULONG_PTR Address;
    ULONG_PTR Count;
} KBUGCHECK_REMOVE_PAGES, *PKBUGCHECK_REMOVE_PAGES;
#define KB_REMOVE_PAGES_FLAG_VIRTUAL_ADDRESS 0x00000001UL
#define KB_REMOVE_PAGES_FLAG_PHYSICAL_ADDRESS 0x00000002UL
#define KB_REMOVE_PAGES_FLAG_ADDITIONAL_RANGES_EXIST 0x80000000UL
#define DUMP_TYPE_FULL 1

#ifdef __cplusplus
}
#endif

#endif
