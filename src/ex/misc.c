/* SPDX-License-Identifier: MIT
 *
 * ex/misc.c - UUIDs, and questions about the machine
 *
 * Locks    ExpTickLock (spin) guards the requests for a shorter tick
 * Source   WDK reference, ntddk.h ExUuidCreate, wdm.h ExIsProcessorFeaturePresent, ExVerifySuite,
 *          ExSetTimerResolution.
 */
#include "ex/ex.h"

#define EXP_CPUID_FEATURES 1u
#define EXP_CPUID_EXTENDED 0x80000001u
#define EXP_CPUID_RANGE 0x80000000u
#define EXP_CPUID_SSE3 (1u << 0)
#define EXP_CPUID_CX16 (1u << 13)
#define EXP_CPUID_OSXSAVE (1u << 27) /* the system has enabled XSAVE, not only the processor */
#define EXP_CPUID_3DNOW (1u << 31)
#define EXP_MINIMUM_TICK 10000u           /* 1 ms in units of 100 ns */
#define EXP_SUITES VER_SUITE_SINGLEUSERTS /* what RtlGetVersion says */
#define EXP_SUITE_BITS 16

static KSPIN_LOCK ExpTickLock;
static ULONG ExpTick;                                    /* atomic; 0: the default */
static ULONG ExpTickRequests NT_GUARDED_BY(ExpTickLock); /* not restored yet */

typedef struct EXP_CPUID {
    ULONG Ecx;
    ULONG Edx;
} EXP_CPUID;

/* All zero for a leaf that the processor does not have. */
static EXP_CPUID
ExpQueryCpuid(ULONG Leaf)
{
    ULONG a = Leaf & EXP_CPUID_RANGE;
    ULONG b = 0;
    ULONG c = 0;
    ULONG d = 0;

    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (a < Leaf) {
        return (EXP_CPUID){0, 0};
    }
    a = Leaf;
    c = 0;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (EXP_CPUID){c, d};
}

static ULONG
ExpCurrentTick(VOID)
{
    ULONG tick = __atomic_load_n(&ExpTick, __ATOMIC_RELAXED);

    return tick != 0 ? tick : KeQueryTimeIncrement();
}

#pragma GCC visibility push(default)

/* Differs: a random UUID (version 4), never one with the network address. IRQL < DISPATCH_LEVEL. */
NTSTATUS NTAPI
ExUuidCreate(UUID *Uuid)
{
    NT_ENTER(ExUuidCreate);
    HalpRandom(Uuid, sizeof(*Uuid));
    Uuid->Data3 = (USHORT)((Uuid->Data3 & 0x0FFF) | 0x4000);
    Uuid->Data4[0] = (UCHAR)((Uuid->Data4[0] & 0x3F) | 0x80);
    return STATUS_SUCCESS;
}

/*
 * ExIsProcessorFeaturePresent - asks for a PF_ constant
 *
 * Returns  TRUE for what every x86-64 processor has, and what CPUID says of this one; FALSE for
 *          other architectures' features and numbers without a meaning
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-exisprocessorfeaturepresent
 */
BOOLEAN NTAPI
ExIsProcessorFeaturePresent(ULONG ProcessorFeature)
{
    NT_ENTER(ExIsProcessorFeaturePresent);
    switch (ProcessorFeature) {
    case PF_COMPARE_EXCHANGE_DOUBLE:
    case PF_MMX_INSTRUCTIONS_AVAILABLE:
    case PF_XMMI_INSTRUCTIONS_AVAILABLE:
    case PF_RDTSC_INSTRUCTION_AVAILABLE:
    case PF_PAE_ENABLED:
    case PF_XMMI64_INSTRUCTIONS_AVAILABLE:
    case PF_SSE_DAZ_MODE_AVAILABLE:
    case PF_NX_ENABLED:
        return TRUE;
    case PF_3DNOW_INSTRUCTIONS_AVAILABLE:
        return (ExpQueryCpuid(EXP_CPUID_EXTENDED).Edx & EXP_CPUID_3DNOW) != 0;
    case PF_SSE3_INSTRUCTIONS_AVAILABLE:
        return (ExpQueryCpuid(EXP_CPUID_FEATURES).Ecx & EXP_CPUID_SSE3) != 0;
    case PF_COMPARE_EXCHANGE128:
        return (ExpQueryCpuid(EXP_CPUID_FEATURES).Ecx & EXP_CPUID_CX16) != 0;
    case PF_XSAVE_ENABLED:
        return (ExpQueryCpuid(EXP_CPUID_FEATURES).Ecx & EXP_CPUID_OSXSAVE) != 0;
    default:
        return FALSE;
    }
}

/* TRUE for the suites that RtlGetVersion reports. Any IRQL. */
BOOLEAN NTAPI
ExVerifySuite(SUITE_TYPE SuiteType)
{
    return (ULONG)SuiteType < EXP_SUITE_BITS && (EXP_SUITES >> SuiteType & 1) != 0;
}

/*
 * ExSetTimerResolution - ask for a shorter tick, or take such a request back
 *
 * DesiredTime  100 ns units; as short as possible: 1 ms. Longer than the tick is: no change.
 *
 * The tick is the default again, KeQueryTimeIncrement, when every request was taken back.
 *
 * Returns  the tick
 * IRQL     <= APC_LEVEL
 * Differs  the number is kept, but timers expire when they are due, whatever it is
 * Source   WDK reference, nf-wdm-exsettimerresolution
 */
ULONG NTAPI
ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution)
{
    NT_ENTER(ExSetTimerResolution);
    ULONG tick;
    KIRQL irql;

    KeAcquireSpinLock(&ExpTickLock, &irql);
    tick = ExpCurrentTick();
    if (SetResolution) {
        ExpTickRequests++;
        tick = min(tick, max(DesiredTime, EXP_MINIMUM_TICK));
    } else if (ExpTickRequests <= 1) {
        ExpTickRequests = 0;
        tick = KeQueryTimeIncrement();
    } else {
        ExpTickRequests--;
    }
    __atomic_store_n(&ExpTick, tick, __ATOMIC_RELAXED);
    KeReleaseSpinLock(&ExpTickLock, irql);
    return tick;
}

/* 100 ns units. Any IRQL. Source: WDK reference, nf-wdm-exquerytimerresolution */
VOID NTAPI
ExQueryTimerResolution(PULONG MaximumTime, PULONG MinimumTime, PULONG CurrentTime)
{
    *MaximumTime = KeQueryTimeIncrement();
    *MinimumTime = EXP_MINIMUM_TICK;
    *CurrentTime = ExpCurrentTick();
}

#pragma GCC visibility pop
