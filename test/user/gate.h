/* SPDX-License-Identifier: MIT
 *
 * test/user/gate.h - a system-call table of the test's own, in place of the kernel
 */
#pragma once

#include "ntdll/ntdll.h"

/* Every entry ends the test by name, until the test puts its own there. */
extern NTBOX_SYSTEM_CALLS FakeGate;

/* Makes FakeGate the gate; again after each change of an entry. */
VOID InstallFakeGate(VOID);
