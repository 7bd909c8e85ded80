/* SPDX-License-Identifier: MIT
 *
 * ps_test.h - the kernel up to ps on hal/sim, and events for it
 */
#pragma once

#include "ps/ps.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#define ID(value) ULongToHandle(value)

static inline VOID
PsTestStart(BOOLEAN EventsDisabled)
{
    static const HALP_UPCALLS upcalls = {MiHandleFault, KiHostThreadExit};
    PSP_EVENT_OPTIONS options = {.Disabled = EventsDisabled};

    NT_EXPECT_STATUS(HalpInitialize(HALP_VERSION, &upcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(2), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializePools(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MiInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpInitializeSystem(), STATUS_SUCCESS);
    PspSetEventOptions(&options);
    NT_EXPECT_STATUS(PspInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
}

static inline VOID
PsTestStop(VOID)
{
    ExpShutdownSystem();
    PspShutdownSystem();
    ObpShutdownSystem();
    MiShutdownSystem();
    KiShutdownSystem();
    HalpShutdown();
}

static inline HALP_EVENT
PsTestCreate(ULONG ProcessId, ULONG ParentId, const char *Image, const char *CommandLine)
{
    return (HALP_EVENT){.Type = HALP_EVENT_CREATE,
                        .ProcessId = ProcessId,
                        .ThreadId = ProcessId,
                        .ParentProcessId = ParentId,
                        .CreatorProcessId = ParentId,
                        .CreatorThreadId = ParentId + 1,
                        .Time = 1000 + ProcessId,
                        .ImagePath = Image,
                        .ImagePathLength = Image != NULL ? strlen(Image) : 0,
                        .CommandLine = CommandLine,
                        .CommandLineLength = CommandLine != NULL ? strlen(CommandLine) : 0};
}

static inline HALP_EVENT
PsTestExit(ULONG ProcessId, int WaitStatus)
{
    return (HALP_EVENT){.Type = HALP_EVENT_EXIT,
                        .ProcessId = ProcessId,
                        .ThreadId = ProcessId,
                        .Time = 2000 + ProcessId,
                        .ExitCode = WaitStatus};
}

static inline HALP_EVENT
PsTestImage(ULONG ProcessId, const char *Path, ULONG64 Base, ULONG64 Size)
{
    return (HALP_EVENT){.Type = HALP_EVENT_IMAGE,
                        .ProcessId = ProcessId,
                        .ThreadId = ProcessId,
                        .Time = 1500 + ProcessId,
                        .ImageBase = Base,
                        .ImageSize = Size,
                        .ImagePath = Path,
                        .ImagePathLength = Path != NULL ? strlen(Path) : 0};
}
