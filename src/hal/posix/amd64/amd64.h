/* SPDX-License-Identifier: MIT
 *
 * hal/posix/amd64/amd64.h - the functions of copy.S and fault.S, and the labels in them
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define POSIX_HIDDEN __attribute__((visibility("hidden")))

POSIX_HIDDEN uintptr_t PosixCopy(void *Destination, const void *Source, size_t Length,
                                 uintptr_t *Fault);
POSIX_HIDDEN uintptr_t PosixTouch(uintptr_t Address, int Write, uintptr_t *Fault);

/* Where a fault is expected, and where execution goes on after it. */
POSIX_HIDDEN extern const char PosixCopyBegin[];
POSIX_HIDDEN extern const char PosixCopyStringBegin[];
POSIX_HIDDEN extern const char PosixCopyEnd[];
POSIX_HIDDEN extern const char PosixCopyRecover[];
POSIX_HIDDEN extern const char PosixCopyBytesBegin[];
POSIX_HIDDEN extern const char PosixCopyBytesEnd[];
POSIX_HIDDEN extern const char PosixCopyFail[];
POSIX_HIDDEN extern const char PosixTouchBegin[];
POSIX_HIDDEN extern const char PosixTouchEnd[];
POSIX_HIDDEN extern const char PosixTouchFail[];

struct FAULT_RECORD;
POSIX_HIDDEN void PosixDeliverFault(struct FAULT_RECORD *Record);
POSIX_HIDDEN void PosixFaultEntry(void);
POSIX_HIDDEN extern const char PosixFaultResume[];
