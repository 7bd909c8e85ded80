/* SPDX-License-Identifier: MIT
 *
 * test/user/gate.c - a system-call table of the test's own, in place of the kernel
 */
#include "gate.h"
#include "nt_test.h"

#define X(name, parameters, arguments)            \
    static NTSTATUS Unexpected##name parameters   \
    {                                             \
        NT_FAIL("unexpected system call " #name); \
    }
NTBOX_SYSTEM_SERVICES(X)
#undef X

NTBOX_SYSTEM_CALLS FakeGate = {.Version = NTBOX_GATE_VERSION,
                               .Size = sizeof(NTBOX_SYSTEM_CALLS),
#define X(name, parameters, arguments) .name = Unexpected##name,
                               NTBOX_SYSTEM_SERVICES(X)
#undef X
};

VOID
InstallFakeGate(VOID)
{
    NtboxInjectSystemCalls(&FakeGate);
}
