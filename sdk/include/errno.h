/* SPDX-License-Identifier: MIT
 *
 * errno.h - the host's, with what Microsoft's has besides
 *
 * Differs  The numbers are the host's: EINVAL and ERANGE are Microsoft's, others may differ.
 * Source   Microsoft C runtime docs, "_TRUNCATE", "errno constants".
 */
#pragma GCC system_header
#include_next <errno.h>

#ifndef STRUNCATE
#define STRUNCATE 80
#endif
