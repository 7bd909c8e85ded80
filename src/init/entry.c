/* SPDX-License-Identifier: MIT
 *
 * init/entry.c - what the carrier calls: start of the kernel in this process, and its end
 *
 * Part of libntoskrnl.so only: it uses the generated export table.
 *
 * Invariants  I1  InitpState goes Idle, Starting, then Running or Failed; Running, Stopping,
 *                 Stopped. Who moves it out of Idle or Running does the work, others wait.
 */
#include "init/exports.h"
#include "init/initp.h"

typedef enum INITP_STATE {
    InitpIdle,
    InitpStarting,
    InitpRunning,
    InitpFailed,
    InitpStopping,
    InitpStopped
} INITP_STATE;

static uint32_t InitpState; /* atomic INITP_STATE; I1 */
static NTSTATUS InitpStatus;
static const char *InitpFailedDriver;
static ULONG InitpFindings;

static BOOLEAN
InitpClaim(INITP_STATE From, INITP_STATE To)
{
    uint32_t expected = From;

    return __atomic_compare_exchange_n(&InitpState, &expected, To, FALSE, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static VOID
InitpPublish(INITP_STATE State)
{
    __atomic_store_n(&InitpState, State, __ATOMIC_RELEASE);
    HalpWakeAddress(&InitpState, MAXLONG);
}

static INITP_STATE
InitpAwait(INITP_STATE Busy)
{
    uint32_t state;

    while ((state = __atomic_load_n(&InitpState, __ATOMIC_ACQUIRE)) == (uint32_t)Busy) {
        HalpWaitAddress(&InitpState, Busy, HALP_NEVER);
    }
    return (INITP_STATE)state;
}

static NTSTATUS
InitpApplyOptions(const NTBOX_START_OPTIONS *Options)
{
    NTSTATUS status = STATUS_SUCCESS;

    for (const char *const *setting = Options->Settings; setting != NULL && *setting != NULL;
         ++setting) {
        status = InitpApplySetting(*setting);
        if (!NT_SUCCESS(status)) {
            InitpFailedDriver = *setting;
            return status;
        }
    }
    for (const char *const *driver = Options->Drivers; driver != NULL && *driver != NULL;
         ++driver) {
        status = LdrpLoadDriver(*driver, NULL);
        if (!NT_SUCCESS(status)) {
            InitpFailedDriver = *driver;
            return status;
        }
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
InitpStart(const NTBOX_START_OPTIONS *Options)
{
    static const NTBOX_START_OPTIONS none = {.Version = NTBOX_GATE_VERSION};
    const NTBOX_START_OPTIONS *options = Options != NULL ? Options : &none;
    PSP_EVENT_OPTIONS events = {
        .Host = {.Source = options->EventSource,
                 .Command = options->Command,
                 .RootProcessId = options->RootProcessId},
        .Disabled = options->NoMachineEvents,
    };
    NTSTATUS status;

    if (options->Version != NTBOX_GATE_VERSION) {
        return STATUS_REVISION_MISMATCH;
    }
    status = InitpStartSystem(options->Processors, &events);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    LdrpRegisterExports(NtboxExports, NtboxExportCount);
    status = InitpApplyOptions(options);
    if (!NT_SUCCESS(status)) {
        InitpStopSystem();
    }
    return status;
}

#pragma GCC visibility push(default)

/*
 * NtboxKernelEntry - starts the kernel, once a process
 *
 * Options  looked at by the first caller only
 *
 * Errors   what the start failed with, for every caller; STATUS_TOO_LATE after NtboxKernelExit.
 *          *FailedDriver: the driver, or the setting, that could not be taken; else NULL
 */
NTSTATUS
NtboxKernelEntry(const NTBOX_START_OPTIONS *Options, const NTBOX_SYSTEM_CALLS **Calls,
                 const char **FailedDriver)
{
    INITP_STATE state;

    if (InitpClaim(InitpIdle, InitpStarting)) {
        InitpStatus = InitpStart(Options);
        InitpPublish(NT_SUCCESS(InitpStatus) ? InitpRunning : InitpFailed);
    }
    state = InitpAwait(InitpStarting);
    if (state == InitpRunning) {
        *Calls = &InitpSystemCalls;
        return STATUS_SUCCESS;
    }
    if (FailedDriver != NULL) {
        *FailedDriver = InitpFailedDriver;
    }
    return state == InitpFailed ? InitpStatus : STATUS_TOO_LATE;
}

/*
 * NtboxKernelExit - stops the kernel, once a process
 *
 * Other threads may be inside system calls, and make new ones: their waits end, their requests are
 * cancelled, and they stay at the gate for good. One that its driver keeps for 30 seconds more is
 * reported, and the drivers are not unloaded then: the process has to end.
 *
 * Returns  audit findings; a second caller gets the same number
 */
ULONG
NtboxKernelExit(void)
{
    if (InitpClaim(InitpRunning, InitpStopping)) {
        InitpFindings = InitpStopSystem();
        InitpPublish(InitpStopped);
    }
    return InitpAwait(InitpStopping) == InitpStopped ? InitpFindings : 0;
}

#pragma GCC visibility pop
