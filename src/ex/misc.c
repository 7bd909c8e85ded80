/* SPDX-License-Identifier: MIT
 *
 * ex/misc.c - UUIDs, and questions about the machine
 *
 * Source   WDK reference, ntddk.h ExUuidCreate, wdm.h ExIsProcessorFeaturePresent, ExVerifySuite,
 *          ExSetTimerResolution.
 */
#include "ex/ex.h"

#define EXP_TIMER_UNITS 10000u /* 1 ms in units of 100 ns */

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

/* What every x86-64 processor has. */
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
    case PF_NX_ENABLED:
    case PF_COMPARE_EXCHANGE128:
        return TRUE;
    default:
        return FALSE;
    }
}

BOOLEAN NTAPI
ExVerifySuite(SUITE_TYPE SuiteType)
{
    return FALSE;
}

/* Timers here expire when they are due; there is no tick whose length could be set. */
ULONG NTAPI
ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution)
{
    NT_ENTER(ExSetTimerResolution);
    return EXP_TIMER_UNITS;
}

/* Differs: all three are the same, as no tick limits a timer. Source: nf-wdm-exquerytimerresolution
 */
VOID NTAPI
ExQueryTimerResolution(PULONG MaximumTime, PULONG MinimumTime, PULONG CurrentTime)
{
    *MaximumTime = EXP_TIMER_UNITS;
    *MinimumTime = EXP_TIMER_UNITS;
    *CurrentTime = EXP_TIMER_UNITS;
}

#pragma GCC visibility pop
