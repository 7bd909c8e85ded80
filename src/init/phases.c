/* SPDX-License-Identifier: MIT
 *
 * init/phases.c - the order in which the kernel starts, and stops
 */
#include "init/initp.h"

/* A component: how it starts, and how it stops (NULL: not at all). */
typedef struct INITP_PHASE {
    const char *Name;
    NTSTATUS (*Start)(VOID);
    VOID (*Stop)(VOID);
} INITP_PHASE;

static ULONG InitpProcessors;
static ULONG InitpPhasesDone;

static NTSTATUS
InitpStartKernel(VOID)
{
    return KiInitializeSystem(InitpProcessors);
}

static NTSTATUS
InitpStartDebug(VOID)
{
    KdpInitializeSystem();
    return STATUS_SUCCESS;
}

/* The client's handles go first, then the drivers hear of the shutdown, then they go. */
static VOID
InitpStopDrivers(VOID)
{
    PspRundownProcess(PspClientProcess);
    IopNotifyShutdown();
    LdrpShutdownSystem();
}

static const INITP_PHASE InitpPhases[] = {
    {"ke", InitpStartKernel, KiShutdownSystem},
    {"kd", InitpStartDebug, NULL},
    {"ex pools", ExpInitializePools, NULL},
    {"mm", MiInitializeSystem, MiShutdownSystem},
    {"ob", ObpInitializeSystem, ObpShutdownSystem},
    {"ps", PspInitializeSystem, PspShutdownSystem},
    {"ex", ExpInitializeSystem, ExpShutdownSystem},
    {"cm", CmpInitializeSystem, CmpShutdownSystem},
    {"io", IopInitializeSystem, IopShutdownSystem},
    {"io files", IopStartHostVolume, IopStopHostVolume},
    {"ldr", LdrpInitializeSystem, InitpStopDrivers},
};
#define INITP_PHASES (sizeof(InitpPhases) / sizeof(InitpPhases[0]))

static VOID
InitpStopPhases(VOID)
{
    while (InitpPhasesDone > 0) {
        const INITP_PHASE *phase = &InitpPhases[--InitpPhasesDone];
        if (phase->Stop != NULL) {
            phase->Stop();
        }
    }
}

NTSTATUS
InitpStartSystem(ULONG Processors, const PSP_EVENT_OPTIONS *Events)
{
    static const HALP_UPCALLS upcalls = {MiHandleFault, KiHostThreadExit};
    NTSTATUS status = STATUS_SUCCESS;

    if (HalpInitialize(HALP_VERSION, &upcalls) != HALP_OK) {
        return STATUS_REVISION_MISMATCH;
    }
    InitpProcessors = Processors;
    PspSetEventOptions(Events);
    while (InitpPhasesDone < INITP_PHASES) {
        status = InitpPhases[InitpPhasesDone].Start();
        if (!NT_SUCCESS(status)) {
            break;
        }
        ++InitpPhasesDone;
    }
    if (!NT_SUCCESS(status)) {
        InitpStopPhases();
        HalpShutdown();
    }
    return status;
}

ULONG
InitpStopSystem(VOID)
{
    if (!PspCloseGate()) {
        return LdrpAuditFindings() + 1; /* a thread runs in a driver: nothing can be taken away */
    }
    InitpStopPhases();
    HalpShutdown();
    return LdrpAuditFindings();
}
