/* SPDX-License-Identifier: MIT
 *
 * drivers/iotest.h - what the test driver understands; for it and its clients
 */
#pragma once

#define IOTEST_CODE(function, method, access) \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + (function), method, access)

/* Output: the input. Shorter output: STATUS_BUFFER_OVERFLOW with what fits. */
#define IOTEST_ECHO IOTEST_CODE(0, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOTEST_ECHO_IN_DIRECT IOTEST_CODE(1, METHOD_IN_DIRECT, FILE_ANY_ACCESS)
#define IOTEST_ECHO_OUT_DIRECT IOTEST_CODE(2, METHOD_OUT_DIRECT, FILE_ANY_ACCESS)
#define IOTEST_ECHO_NEITHER IOTEST_CODE(3, METHOD_NEITHER, FILE_ANY_ACCESS)
/* Output: 8 bytes; shorter: STATUS_BUFFER_TOO_SMALL. */
#define IOTEST_EIGHT IOTEST_CODE(4, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Input: an NTSTATUS, with which it fails (or not). */
#define IOTEST_FAIL IOTEST_CODE(5, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Pends until cancelled or completed; output: the ULONG of IOTEST_COMPLETE. */
#define IOTEST_PEND IOTEST_CODE(6, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Input: a ULONG; completes the oldest pended request. STATUS_NO_MORE_ENTRIES: none. */
#define IOTEST_COMPLETE IOTEST_CODE(7, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOTEST_NEEDS_READ IOTEST_CODE(8, METHOD_BUFFERED, FILE_READ_ACCESS)
#define IOTEST_NEEDS_WRITE IOTEST_CODE(9, METHOD_BUFFERED, FILE_WRITE_ACCESS)
/* Output: an IOTEST_STATE. */
#define IOTEST_QUERY IOTEST_CODE(10, METHOD_BUFFERED, FILE_ANY_ACCESS)
/* Completes from a timer's DPC; output: nothing. */
#define IOTEST_LATER IOTEST_CODE(11, METHOD_BUFFERED, FILE_ANY_ACCESS)

typedef struct IOTEST_STATE {
    ULONG Creates;
    ULONG Cleanups;
    ULONG Closes;
    ULONG Pended; /* in the queue now */
    ULONG Cancelled;
    ULONG ProcessId; /* of the caller */
    ULONG ThreadId;
    ULONG IsUserMode;
} IOTEST_STATE;

/* Reads and writes go to a file of this many bytes, which count up from 0. */
#define IOTEST_FILE_SIZE 64

#define IOTEST_DEVICE "\\\\.\\NtboxIoTest" /* buffered reads and writes */
#define IOTEST_DIRECT_DEVICE "\\\\.\\NtboxIoTestDirect"
#define IOTEST_NEITHER_DEVICE "\\\\.\\NtboxIoTestNeither"
#define IOTEST_EXCLUSIVE_DEVICE "\\\\.\\NtboxIoTestExclusive"
