/* SPDX-License-Identifier: MIT
 *
 * kernel32/port.c - completion ports
 */
#include "kernel32/kernel32.h"

#define INFORMATION_COMPLETION ((FILE_INFORMATION_CLASS)30)
#define PORT_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0x3)

typedef struct BASE_COMPLETION_INFORMATION {
    HANDLE Port;
    PVOID Key;
} BASE_COMPLETION_INFORMATION;

/*
 * CreateIoCompletionPort - make a port, tie a file to one, or both
 *
 * File      INVALID_HANDLE_VALUE: a port alone, Existing must be NULL
 * Errors    ERROR_INVALID_PARAMETER (also: File has a port already), ERROR_INVALID_HANDLE
 */
HANDLE WINAPI
CreateIoCompletionPort(HANDLE File, HANDLE Existing, ULONG_PTR Key, DWORD Threads)
{
    BASE_COMPLETION_INFORMATION information;
    IO_STATUS_BLOCK iosb;
    HANDLE port = Existing;
    NTSTATUS status;

    if (File == INVALID_HANDLE_VALUE && Existing != NULL) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (Existing == NULL) {
        status = NTDLL_CALL(NtCreateIoCompletion)(&port, PORT_ALL_ACCESS, NULL, Threads);
        if (!NT_SUCCESS(status)) {
            BaseSetLastNtError(status);
            return NULL;
        }
    }
    if (File == INVALID_HANDLE_VALUE) {
        return port;
    }
    information.Port = port;
    information.Key = (PVOID)Key;
    status = NTDLL_CALL(NtSetInformationFile)(File, &iosb, &information, sizeof(information),
                                              INFORMATION_COMPLETION);
    if (NT_SUCCESS(status)) {
        return port;
    }
    if (Existing == NULL) {
        NTDLL_CALL(NtClose)(port);
    }
    BaseSetLastNtError(status);
    return NULL;
}

/*
 * GetQueuedCompletionStatus - take one packet
 *
 * Returns  TRUE: a packet of a request that succeeded. FALSE with *Overlapped not NULL: of one
 *          that failed, the last error is its. FALSE with NULL: none, WAIT_TIMEOUT or the error.
 */
BOOL WINAPI
GetQueuedCompletionStatus(HANDLE Port, LPDWORD Bytes, PULONG_PTR Key, LPOVERLAPPED *Overlapped,
                          DWORD Milliseconds)
{
    LARGE_INTEGER timeOut;
    IO_STATUS_BLOCK iosb;
    PVOID context;
    PVOID key;
    NTSTATUS status = NTDLL_CALL(NtRemoveIoCompletion)(Port, &key, &context, &iosb,
                                                       BaseFormatTimeOut(&timeOut, Milliseconds));

    if (!NT_SUCCESS(status) || status == STATUS_TIMEOUT) {
        *Overlapped = NULL;
        if (status == STATUS_TIMEOUT) {
            return BaseFail(WAIT_TIMEOUT);
        }
        return BaseResult(status);
    }
    *Key = (ULONG_PTR)key;
    *Overlapped = context;
    *Bytes = (DWORD)iosb.Information;
    return BaseResult(iosb.Status);
}

/*
 * GetQueuedCompletionStatusEx - take up to Count packets, waiting for the first one only
 *
 * Differs  the packets are taken one at a time, so another thread may get one between two
 */
BOOL WINAPI
GetQueuedCompletionStatusEx(HANDLE Port, LPOVERLAPPED_ENTRY Entries, ULONG Count, PULONG Removed,
                            DWORD Milliseconds, BOOL Alertable)
{
    LARGE_INTEGER timeOut;
    LARGE_INTEGER *limit = BaseFormatTimeOut(&timeOut, Milliseconds);
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    ULONG count;

    if (Entries == NULL || Count == 0 || Removed == NULL) {
        return BaseResult(status);
    }
    for (count = 0; count < Count; count++) {
        IO_STATUS_BLOCK iosb;
        PVOID context;
        PVOID key;

        status = NTDLL_CALL(NtRemoveIoCompletion)(Port, &key, &context, &iosb, limit);
        if (!NT_SUCCESS(status) || status == STATUS_TIMEOUT) {
            break;
        }
        Entries[count].lpCompletionKey = (ULONG_PTR)key;
        Entries[count].lpOverlapped = context;
        Entries[count].Internal = (ULONG_PTR)iosb.Status;
        Entries[count].dwNumberOfBytesTransferred = (DWORD)iosb.Information;
        timeOut.QuadPart = 0;
        limit = &timeOut;
    }
    *Removed = count;
    if (count != 0) {
        return TRUE;
    }
    if (status == STATUS_TIMEOUT) {
        return BaseFail(WAIT_TIMEOUT);
    }
    return BaseResult(status);
}

BOOL WINAPI
PostQueuedCompletionStatus(HANDLE Port, DWORD Bytes, ULONG_PTR Key, LPOVERLAPPED Overlapped)
{
    return BaseResult(
        NTDLL_CALL(NtSetIoCompletion)(Port, (PVOID)Key, Overlapped, STATUS_SUCCESS, Bytes));
}
