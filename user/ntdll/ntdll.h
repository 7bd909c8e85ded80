/* SPDX-License-Identifier: MIT
 *
 * ntdll/ntdll.h - inside user mode: the gate as it is called here, and what kernel32 shares
 *
 * Invariants  N1  NtdllCalls always holds callable entries: first ones that start the kernel and
 *                 go on, then the kernel's, at the end ones that hold the thread back.
 *             N2  the last error is the thread's own and changes only where Windows changes it.
 */
#pragma once

#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <winternl.h>
#include <ntstatus.h>

#include "init/services.h"
#include "ntdll/host.h"

/* ---- the gate ---- */

extern NTBOX_SYSTEM_CALLS NtdllCalls;

/* NTDLL_CALL(NtClose)(handle): one load, one indirect call. */
#define NTDLL_CALL(name) (__atomic_load_n(&NtdllCalls.name, __ATOMIC_RELAXED))

/* Puts another table in place, entry by entry; services.c. */
VOID NtdllInstallCalls(const NTBOX_SYSTEM_CALLS *Calls);
/* From now on a system call parks its thread, except on the calling one, where it fails. */
VOID NtdllCloseGate(VOID);
/* Starts the kernel when nobody has; the process ends with code 3 when that fails. carrier.c. */
VOID NtdllStartKernel(VOID);
/* kernel32's part of a start, called once: signals become control events. kernel32/ctrl.c. */
extern VOID (*const NtdllOnKernelStart)(VOID);
/* The calls of a kernel in another process; remote.c. */
extern const NTBOX_SYSTEM_CALLS NtdllRemoteCalls;
/* Joins the host at Path. FALSE: nobody is there; with Required the process ends then, code 3. */
BOOLEAN NtdllConnectHost(const char *Path, BOOLEAN Required);
/* The process ends: returns when the host has closed what it had open. */
VOID NtdllLeaveHost(int ExitCode);
/* Joins a host if there is one and no kernel has been chosen yet: before memory is allocated. */
VOID NtdllLookForHost(VOID);
/* ---- the arena, shared with a kernel in another process; arena.c ---- */
extern ULONG_PTR NtdllArenaBase; /* equal to NtdllArenaEnd: there is none */
extern ULONG_PTR NtdllArenaEnd;
/* Tells the kernel what pages of it allow; remote.c. */
NTSTATUS NtdllTellArenaAccess(PVOID Address, SIZE_T Size, uint32_t Access);
BOOLEAN NtdllIsInArena(const VOID *Address);
/* Pages without access; Address NULL: anywhere. NULL: there is no arena, or no such room. */
PVOID NtdllArenaReserve(PVOID Address, SIZE_T Size, SIZE_T Alignment);
BOOLEAN NtdllArenaProtect(PVOID Address, SIZE_T Size, uint32_t Access); /* NTDLL_HOST_* */
/* Gives contents back; the pages stay taken, without access. */
BOOLEAN NtdllArenaForget(PVOID Address, SIZE_T Size);
VOID NtdllArenaRelease(PVOID Address);
/* 1 when `ntbox run` (or its environment) named drivers to load. */
BOOLEAN NtdllHasDrivers(VOID);
/* Drivers are loaded in another way: by the program itself, set by advapi32, or in a host. */
extern BOOLEAN NtdllDriverLoaded;
/* True on every thread but the one that is ending the process, once that has begun. */
BOOLEAN NtdllIsProcessEnding(VOID);
/* ExitProcess: handlers run, then the process ends. Of several callers the first one wins. */
DECLSPEC_NORETURN VOID NtdllExitProcess(ULONG Code, BOOLEAN RunHandlers);
/* Unit tests: takes the place of the kernel, before any system call. */
VOID NtboxInjectSystemCalls(const NTBOX_SYSTEM_CALLS *Calls);

/* ---- errors ---- */

extern _Thread_local ULONG NtdllLastError __attribute__((tls_model("initial-exec")));

/* The Win32 error of a status; the thread's last error stays. */
ULONG NTAPI RtlNtStatusToDosErrorNoTeb(NTSTATUS Status);
/* Sets the thread's last error from a status; returns that error. */
ULONG BaseSetLastNtError(NTSTATUS Status);
/* "STATUS_SUCCESS" and so on; NULL for one that the table lacks. */
const char *NtdllStatusName(NTSTATUS Status);
/* Text of a Win32 error in English, or NULL. */
const char *NtdllErrorText(ULONG Error);

/* ---- text ---- */

/* Both return what the whole text needs; they write at most Size units. Strict: SIZE_MAX if bad. */
size_t NtdllUtf8ToUtf16(PWSTR Target, size_t Size, const char *Source, size_t Length, int Strict);
size_t NtdllUtf16ToUtf8(char *Target, size_t Size, PCWSTR Source, size_t Length, int Strict);
/* From malloc, NUL-terminated; NULL without memory, or for NULL. */
PWSTR NtdllWiden(const char *Text);
char *NtdllNarrow(PCWSTR Text);
size_t NtdllWideLength(PCWSTR Text);

/* ---- paths ---- */

/*
 * NtdllDosPathToNtPath - the NT name of a Win32 path
 *
 * Returns  STATUS_SUCCESS: NtPath owns memory of malloc;
 *          STATUS_OBJECT_NAME_INVALID: empty, or nothing after the prefix;
 *          STATUS_OBJECT_PATH_NOT_FOUND: relative, and the current folder is gone;
 *          STATUS_NOT_SUPPORTED: a drive other than Z:, a UNC name, a DOS device such as NUL
 */
NTSTATUS NtdllDosPathToNtPath(PCWSTR DosPath, UNICODE_STRING *NtPath);
/* The file path with drive and folder, Z:\..., from malloc; fails as above. */
NTSTATUS NtdllFullDosPath(PCWSTR Path, PWSTR *Full);

/* Milliseconds as a relative NT time-out; NULL for INFINITE. */
static inline LARGE_INTEGER *
BaseFormatTimeOut(LARGE_INTEGER *TimeOut, DWORD Milliseconds)
{
    if (Milliseconds == INFINITE) {
        return NULL;
    }
    TimeOut->QuadPart = -(LONGLONG)Milliseconds * 10000;
    return TimeOut;
}
