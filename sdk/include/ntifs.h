/* SPDX-License-Identifier: MIT
 *
 * ntifs.h - the package's, with what it lacks
 *
 * Source  WDK reference, ntifs.h: each name's own page.
 */
#ifndef NTBOX_NTIFS_H
#define NTBOX_NTIFS_H
#pragma GCC system_header

#include <ntddk.h>
#include_next <ntifs.h>
#ifndef _NTIFS_
#define _NTIFS_
#endif

#ifdef __cplusplus
extern "C" {
#endif

NTKERNELAPI NTSTATUS NTAPI ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode);

#ifdef __cplusplus
}
#endif

#endif
