/* SPDX-License-Identifier: MIT
 *
 * kd/kd.h - debug output and bugcheck reports, beyond the WDK
 */
#pragma once

#include "ldr/ldr.h"

/* Registers the bugcheck report, reads NTBOX_DEBUG_FILTER and NTBOX_REPORT (JSON file name). */
VOID KdpInitializeSystem(VOID);
/* Name of a bugcheck code, e.g. "IRQL_NOT_LESS_OR_EQUAL"; NULL if unknown. */
const char *KdpBugCheckName(ULONG Code);
