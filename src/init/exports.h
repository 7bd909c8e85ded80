/* SPDX-License-Identifier: MIT
 *
 * init/exports.h - the generated table of implemented exports (tools/gen-exports.py)
 */
#pragma once

#include "ldr/ldr.h"

/* Only libntoskrnl.so has them. */
extern const LDRP_EXPORT NtboxExports[];
extern const unsigned NtboxExportCount;
