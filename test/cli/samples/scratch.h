/* SPDX-License-Identifier: MIT
 *
 * scratch.h - the scratch driver's interface
 */
#pragma once

#define SCRATCH_DEVICE_NAME L"\\Device\\Scratch"
#define SCRATCH_LINK_NAME L"\\DosDevices\\Scratch"

#define IOCTL_SCRATCH_STATISTICS \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_READ_ACCESS)
#define IOCTL_SCRATCH_SUM CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_NEITHER, FILE_ANY_ACCESS)

typedef struct _SCRATCH_STATISTICS {
    ULONG Reads;
    ULONG Writes;
    ULONG Length;
} SCRATCH_STATISTICS, *PSCRATCH_STATISTICS;
