/* SPDX-License-Identifier: MIT
 *
 * ntdll/services.c - the system calls under their own names, and what stands in for the kernel
 *
 * Three tables have the shape of the gate: the starting one (N1), the kernel's, and the closed
 * one. The entries of services.h are exported by assembler name, because winternl.h declares some
 * of them with other, equivalent types.
 */
#include "ntdll/ntdll.h"

/* ---- before the kernel runs: start it, then do the call ---- */

#define X(name, parameters, arguments)     \
    static NTSTATUS Start##name parameters \
    {                                      \
        NtdllStartKernel();                \
        return NTDLL_CALL(name) arguments; \
    }
NTBOX_SYSTEM_SERVICES(X)
#undef X

NTBOX_SYSTEM_CALLS NtdllCalls = {.Version = NTBOX_GATE_VERSION,
                                 .Size = sizeof(NTBOX_SYSTEM_CALLS),
#define X(name, parameters, arguments) .name = Start##name,
                                 NTBOX_SYSTEM_SERVICES(X)
#undef X
};

/* ---- after it ended ---- */

static NTSTATUS
RefuseCall(VOID)
{
    if (NtdllIsProcessEnding()) {
        /* Windows would have terminated this thread before the process went on with its exit. */
        NtdllHostPark();
    }
    return STATUS_PROCESS_IS_TERMINATING;
}

#define X(name, parameters, arguments)      \
    static NTSTATUS Refuse##name parameters \
    {                                       \
        return RefuseCall();                \
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
NTBOX_SYSTEM_SERVICES(X)
#pragma GCC diagnostic pop
#undef X

static const NTBOX_SYSTEM_CALLS NtdllClosedCalls = {.Version = NTBOX_GATE_VERSION,
                                                    .Size = sizeof(NTBOX_SYSTEM_CALLS),
#define X(name, parameters, arguments) .name = Refuse##name,
                                                    NTBOX_SYSTEM_SERVICES(X)
#undef X
};

VOID
NtdllInstallCalls(const NTBOX_SYSTEM_CALLS *Calls)
{
#define X(name, parameters, arguments) \
    __atomic_store_n(&NtdllCalls.name, Calls->name, __ATOMIC_RELEASE);
    NTBOX_SYSTEM_SERVICES(X)
#undef X
}

VOID
NtdllCloseGate(VOID)
{
    NtdllInstallCalls(&NtdllClosedCalls);
}

/* ---- exports ---- */

#define X(name, parameters, arguments)              \
    NTSTATUS Ntdll##name parameters __asm__(#name); \
    NTSTATUS Ntdll##name parameters                 \
    {                                               \
        return NTDLL_CALL(name) arguments;          \
    }
NTBOX_SYSTEM_SERVICES(X)
#undef X
