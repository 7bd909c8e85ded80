/* SPDX-License-Identifier: MIT
 *
 * init/init.h - the gate, for those who bring system calls of other processes
 */
#pragma once

#include "ps/ps.h"

#include "init/services.h"

/* The table that NtboxKernelEntry hands out. */
extern const NTBOX_SYSTEM_CALLS InitpSystemCalls;
/*
 * The next user APC of the calling thread, which a process of its own runs itself. FALSE: none is
 * left, or the gate is closed.
 */
BOOLEAN InitTakeUserApc(KI_USER_CALL *Call);
/* "service\value=dword:1": sets a value of a service key. STATUS_INVALID_PARAMETER: not of that
 * form. */
NTSTATUS InitpApplySetting(const char *Setting);
