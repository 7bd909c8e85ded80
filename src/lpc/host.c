/* SPDX-License-Identifier: MIT
 *
 * lpc/host.c - the table that the host process drives the kernel by
 */
#include "lpc/lpcp.h"

static VOID
LpcpSetLimit(MI_QUOTA Quota, uint64_t Limit)
{
    if (Limit != 0) {
        MiSetClientLimit(Quota, (SIZE_T)Limit);
    }
}

static int32_t
LpcpStart(const NTBOX_HOST_START *Options, const char **Failed)
{
    const NTBOX_START_OPTIONS options = {
        .Version = NTBOX_GATE_VERSION,
        .Processors = Options->Processors,
        .Drivers = Options->Drivers,
        .Settings = Options->Settings,
        .EventSource = Options->EventSource,
        .NoMachineEvents = Options->NoMachineEvents != 0,
    };
    const NTBOX_SYSTEM_CALLS *calls;
    NTSTATUS status;

    LpcpSetLimit(MiQuotaMemory, Options->ClientMemory);
    LpcpSetLimit(MiQuotaRequests, Options->ClientRequests);
    LpcpSetLimit(MiQuotaHandles, Options->ClientHandles);

    *Failed = NULL;
    status = NtboxKernelEntry(&options, &calls, Failed);
    if (NT_SUCCESS(status)) {
        LpcpInitializeClients();
    }
    return status;
}

const NTBOX_HOST_CALLS *
NtboxHostEntry(uint32_t Version)
{
    static const NTBOX_HOST_CALLS calls = {
        .Version = NTBOX_HOST_VERSION,
        .Size = sizeof(calls),
        .Start = LpcpStart,
        .Stop = NtboxKernelExit,
        .CreateClient = LpcpCreateClient,
        .OpenThread = LpcpOpenThread,
        .EndClient = LpcpEndClient,
        .Command = LpcpCommand,
    };

    return Version == NTBOX_HOST_VERSION ? &calls : NULL;
}
