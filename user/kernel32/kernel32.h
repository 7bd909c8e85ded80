/* SPDX-License-Identifier: MIT
 *
 * kernel32/kernel32.h - what the files of kernel32 share
 */
#pragma once

#include "ntdll/ntdll.h"

/*
 * Handles of the standard streams. The low bits tell them from handles of objects, which are
 * multiples of four, and the kernel's table never grows that far.
 */
#define BASE_STREAM_HANDLE(stream) ((HANDLE)(ULONG_PTR)(0x50000003u + 4u * (ULONG)(stream)))
#define BASE_STREAM_COUNT 3

/* 0, 1 or 2 for a standard stream's handle, else -1. */
static inline int
BaseStreamOfHandle(HANDLE Handle)
{
    ULONG_PTR distance = (ULONG_PTR)Handle - 0x50000003u;

    return distance <= 8 && (distance & 3) == 0 ? (int)(distance >> 2) : -1;
}

/* FALSE and the last error. */
static inline BOOL
BaseFail(DWORD Error)
{
    NtdllLastError = Error;
    return FALSE;
}

/* TRUE for a success status, else FALSE and the last error. */
static inline BOOL
BaseResult(NTSTATUS Status)
{
    if (NT_SUCCESS(Status)) {
        return TRUE;
    }
    BaseSetLastNtError(Status);
    return FALSE;
}

/* What creating a named object needs: attributes, and the name's memory; sync.c. */
typedef struct BASE_OBJECT {
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    PWSTR Path; /* from malloc, or NULL */
} BASE_OBJECT;

/* FALSE and the last error without memory. */
BOOL BaseBeginObject(BASE_OBJECT *Object, LPSECURITY_ATTRIBUTES Security, LPCWSTR Name);
/*
 * The handle of a create call, or NULL and the last error. After success the last error tells
 * whether a named object was there: ERROR_ALREADY_EXISTS or 0.
 */
HANDLE BaseEndObject(BASE_OBJECT *Object, NTSTATUS Status, HANDLE Handle);
/* Widens an optional name; FALSE and the last error without memory. */
BOOL BaseWidenName(LPCSTR Name, PWSTR *Wide);
typedef NTSTATUS BASE_OPEN(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
/* The object that has the name. ERROR_INVALID_PARAMETER without a name, ERROR_FILE_NOT_FOUND. */
HANDLE BaseOpenObject(BASE_OPEN *Open, DWORD Access, BOOL Inherit, LPCWSTR Name);
HANDLE BaseOpenObjectA(BASE_OPEN *Open, DWORD Access, BOOL Inherit, LPCSTR Name);

/* ReadFile and WriteFile of a standard stream; console.c. */
BOOL BaseReadStream(int Stream, LPVOID Buffer, DWORD Length, LPDWORD Done);
BOOL BaseWriteStream(int Stream, LPCVOID Buffer, DWORD Length, LPDWORD Done);
/* Marks a stream's handle as closed; FALSE when it was. */
BOOL BaseCloseStream(int Stream);
/* Signals become console control events, unhandled ones end the process; ctrl.c. */
VOID BaseStartControlEvents(VOID);

/* Copies a narrow result the way GetEnvironmentVariable and friends return one; text.c. */
DWORD BaseReturnTextA(const char *Text, LPSTR Buffer, DWORD Size);
DWORD BaseReturnTextW(const char *Text, LPWSTR Buffer, DWORD Size);
