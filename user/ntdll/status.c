/* SPDX-License-Identifier: MIT
 *
 * ntdll/status.c - NTSTATUS to Win32 error, the last error, and the texts of both
 *
 * The tables are made from status.tsv and errors.tsv, sorted, and searched by halves.
 */
#include <stdlib.h>

#include "ntdll/ntdll.h"

typedef struct NTDLL_STATUS_ROW {
    ULONG Status;
    ULONG Error;
    const char *Name;
} NTDLL_STATUS_ROW;

typedef struct NTDLL_ERROR_ROW {
    ULONG Error;
    const char *Text;
} NTDLL_ERROR_ROW;

#include "ntdll-tables.inc"

#define FACILITY_NTWIN32_STATUS 0xC0070000u /* statuses that carry a Win32 error */
#define FACILITY_WIN32_HRESULT 0x80070000u
#define FACILITY_RPC_STATUS 0xC0010000u
#define CUSTOMER_BIT 0x20000000u

_Thread_local ULONG NtdllLastError __attribute__((tls_model("initial-exec")));

/* Rows of both tables begin with their key. */
static int
CompareKeys(const void *Key, const void *Row)
{
    ULONG key = *(const ULONG *)Key;
    ULONG row = *(const ULONG *)Row;

    return key < row ? -1 : key > row;
}

static const NTDLL_STATUS_ROW *
FindStatus(ULONG Status)
{
    return bsearch(&Status, StatusRows, sizeof(StatusRows) / sizeof(StatusRows[0]),
                   sizeof(StatusRows[0]), CompareKeys);
}

const char *
NtdllStatusName(NTSTATUS Status)
{
    const NTDLL_STATUS_ROW *row = FindStatus((ULONG)Status);

    if (Status == STATUS_SUCCESS) {
        return "STATUS_SUCCESS";
    }
    return row != NULL ? row->Name : NULL;
}

const char *
NtdllErrorText(ULONG Error)
{
    const NTDLL_ERROR_ROW *row =
        bsearch(&Error, ErrorRows, sizeof(ErrorRows) / sizeof(ErrorRows[0]), sizeof(ErrorRows[0]),
                CompareKeys);

    return row != NULL ? row->Text : NULL;
}

/*
 * RtlNtStatusToDosError - the Win32 error of a status
 *
 * Returns  ERROR_MR_MID_NOT_FOUND for a status without one. A status with the customer bit is
 *          returned as it is; one that wraps a Win32 error gives that error.
 * Differs  knows the statuses of status.tsv, not all of Windows's
 * Source   WDK reference, nf-ntifs-rtlntstatustodoserror
 */
ULONG NTAPI
RtlNtStatusToDosError(NTSTATUS Status)
{
    ULONG status = (ULONG)Status;
    ULONG facility = status & 0xFFFF0000u;
    const NTDLL_STATUS_ROW *row;

    if (status == 0 || (status & CUSTOMER_BIT) != 0) {
        return status;
    }
    if ((status & 0xF0000000u) == 0xD0000000u) {
        status &= ~0x10000000u; /* the NT bit of an HRESULT */
        facility = status & 0xFFFF0000u;
    }
    row = FindStatus(status);
    if (row != NULL) {
        return row->Error;
    }
    if (facility == FACILITY_NTWIN32_STATUS || facility == FACILITY_WIN32_HRESULT ||
        facility == FACILITY_RPC_STATUS) {
        return status & 0xFFFF;
    }
    return ERROR_MR_MID_NOT_FOUND;
}

ULONG NTAPI
RtlNtStatusToDosErrorNoTeb(NTSTATUS Status)
{
    return RtlNtStatusToDosError(Status);
}

ULONG
BaseSetLastNtError(NTSTATUS Status)
{
    if (NtdllIsProcessEnding()) {
        /* C2 of carrier.c: the failure is the process's end; its code must not react to it. */
        NtdllHostPark();
    }
    NtdllLastError = RtlNtStatusToDosError(Status);
    return NtdllLastError;
}

DWORD WINAPI
GetLastError(VOID)
{
    return NtdllLastError;
}

VOID WINAPI
SetLastError(DWORD Error)
{
    NtdllLastError = Error;
}

ULONG NTAPI
RtlGetLastWin32Error(VOID)
{
    return NtdllLastError;
}

VOID NTAPI
RtlSetLastWin32Error(ULONG Error)
{
    NtdllLastError = Error;
}

VOID NTAPI
RtlSetLastWin32ErrorAndNtStatusFromNtStatus(NTSTATUS Status)
{
    BaseSetLastNtError(Status);
}
