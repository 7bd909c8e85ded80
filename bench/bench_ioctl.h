/* SPDX-License-Identifier: MIT
 *
 * bench_ioctl.h - what the bench program asks of the bench driver
 *
 * Include <wdm.h>, or <windows.h> and <winioctl.h>, before it.
 */
#pragma once

#define BENCH_WIN32_NAME L"\\\\.\\NtboxBench"

/* Returns its 4 bytes of input. */
#define IOCTL_BENCH_ECHO CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Input BENCH_PUBLISH: publishes records in the caller's thread. */
#define IOCTL_BENCH_PUBLISH CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Input: UINT32, how many samples. Output BENCH_LATENCY. */
#define IOCTL_BENCH_DPC CTL_CODE(FILE_DEVICE_UNKNOWN, 0x803, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOCTL_BENCH_EVENT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x804, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOCTL_BENCH_TIMER CTL_CODE(FILE_DEVICE_UNKNOWN, 0x805, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Fills the output, at most BENCH_FILL bytes, through its MDL. */
#define IOCTL_BENCH_FILL CTL_CODE(FILE_DEVICE_UNKNOWN, 0x806, METHOD_OUT_DIRECT, FILE_ANY_ACCESS)

#define BENCH_FILL (1024u * 1024u)
#define BENCH_MAX_SAMPLES 100000u
#define BENCH_MAX_PAYLOAD 4096u

typedef struct BENCH_PUBLISH {
    UINT32 Count;
    UINT32 PayloadSize; /* bytes */
} BENCH_PUBLISH;

/* Nanoseconds. */
typedef struct BENCH_LATENCY {
    UINT64 Median;
    UINT64 Percentile99;
    UINT64 Maximum;
} BENCH_LATENCY;
