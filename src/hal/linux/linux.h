/* SPDX-License-Identifier: MIT
 *
 * hal/linux/linux.h - private to hal/linux, outside events/
 */
#pragma once

#include "hal/posix/posix.h"

/* Between HalpInitialize and HalpShutdown. */
extern HALP_UPCALLS LinuxUpcalls;

HALP_STATUS LinuxInitializeThreads(void);
