/* SPDX-License-Identifier: MIT
 *
 * test/user/fakeregistry.h - a registry of the test's own, behind the fake gate
 */
#pragma once

#include "gate.h"

/* The gate's services of keys, and NtClose, become those of an empty registry. */
VOID InstallFakeRegistry(VOID);
/* Whether there is a key of this full name. */
BOOLEAN FakeKeyExists(PCWSTR Name);
/* What the next NtSetValueKey answers; STATUS_SUCCESS again then. */
extern NTSTATUS FakeSetValueStatus;
