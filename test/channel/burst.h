/* SPDX-License-Identifier: MIT
 *
 * test/channel/burst.h - the control codes of the driver that client_test.c reads from
 */
#pragma once

#define BURST_LINK_NAME L"\\DosDevices\\NtboxBurst"
#define BURST_WIN32_NAME L"\\\\.\\NtboxBurst"
#define BURST_TYPE 3

/* Input: how many records to publish, now. Each holds a UINT64, which counts all since the load. */
#define IOCTL_BURST_PUBLISH CTL_CODE(FILE_DEVICE_UNKNOWN, 0x920, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Input: not 0: reads fail with STATUS_DEVICE_NOT_READY from now on. */
#define IOCTL_BURST_FAIL CTL_CODE(FILE_DEVICE_UNKNOWN, 0x921, METHOD_BUFFERED, FILE_ANY_ACCESS)
