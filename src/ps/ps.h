/* SPDX-License-Identifier: MIT
 *
 * ps/ps.h - processes, threads and the notify routines, beyond the WDK
 *
 * Three kinds of process: the system (PID 4), this one (the client, and the kernel in it), and
 * those of the machine that an event named: these have identity only, no handles and no threads.
 */
#pragma once

#include "se/se.h"

typedef struct _EPROCESS EPROCESS;
typedef struct _ETHREAD ETHREAD;

typedef struct PSP_POOL_QUOTA {
    ULONG64 Used;  /* atomic: bytes charged */
    ULONG64 Limit; /* atomic; 0: none */
} PSP_POOL_QUOTA;

struct _EPROCESS {
    KPROCESS Pcb;
    HANDLE UniqueProcessId;
    HANDLE InheritedFromProcessId;
    OBP_HANDLE_TABLE *HandleTable; /* NULL for processes of the machine */
    UNICODE_STRING ImageName;      /* UTF-16 of the host's path; may be empty */
    NTSTATUS ExitStatus;
    LARGE_INTEGER CreateTime;
    KSPIN_LOCK ThreadListLock;
    LIST_ENTRY ThreadList;       /* ETHREAD.ThreadListEntry; ThreadListLock */
    LIST_ENTRY ActiveLink;       /* PspActiveProcesses; PspProcessLock */
    PEPROCESS HashNext;          /* bucket of UniqueProcessId; PspProcessLock */
    LONGLONG ExitTime;           /* 0 while it runs */
    CHAR ImageFileName[16];      /* last part of ImageName, as PsGetProcessImageFileName gives it */
    BOOLEAN IsMachineProcess;    /* identity only */
    PSP_POOL_QUOTA PoolQuota[2]; /* non-paged, paged; through the functions of quota.c */
    PACCESS_TOKEN Token;         /* se's: SepAssignProcessToken; NULL: the system's (S3) */
};

struct _ETHREAD {
    KTHREAD Tcb;
    CLIENT_ID Cid;
    LIST_ENTRY ThreadListEntry;
    KSPIN_LOCK IrpListLock;
    LIST_ENTRY IrpList; /* IRP.ThreadListEntry of this thread's IRPs; IrpListLock */
    PVOID StartAddress;
    PVOID StartContext;
    PKSTART_ROUTINE SystemRoutine; /* system threads */
    BOOLEAN IsSystemThread;
    BOOLEAN IsTerminated;
    BOOLEAN IsTold;    /* notify routines heard of its start, or would have: they hear of its end */
    ULONG RundownPass; /* PspRundownThreads's; ThreadListLock of its process */
    NTSTATUS ExitStatus;
    LONG InSystemCall;        /* atomic: depth; written by its own thread, in the gate */
    PVOID ExitFrame;          /* jmp_buf of the thread's start; NULL: an attached host thread */
    PVOID NotifyCalls;        /* innermost notify routine running on it (ps private) */
    LIST_ENTRY TimerList;     /* timers that were set with an APC; timer.c */
    LONG SuspendCount;        /* atomic: the thread stands still while it is not 0 */
    KEVENT Resumed;           /* synchronization: SuspendCount fell to 0 */
    ULONG_PTR IoSlot;         /* io: the requests being issued, see io/iop.h I3 (io private) */
    struct _IRP *TopLevelIrp; /* IoSetTopLevelIrp; its own thread only */
};

/* A system thread of the executive itself: no handle, *Thread is referenced. PASSIVE_LEVEL. */
NTSTATUS PspCreateReferencedSystemThread(PKSTART_ROUTINE Routine, PVOID Context, PETHREAD *Thread);

extern PEPROCESS PspClientProcess; /* this Linux process as a Windows process */

NTSTATUS PspInitializeSystem(VOID); /* types, system process, client process, current thread */
VOID PspShutdownSystem(VOID);

/* Joins the host thread of every thread whose object is signaled; blocks for the moment between. */
VOID PspJoinEndedThreads(VOID);

/* io: called for each ending thread so that its IRPs are cancelled and awaited. */
typedef VOID PSP_THREAD_RUNDOWN(PETHREAD Thread);
VOID PspRegisterThreadRundown(PSP_THREAD_RUNDOWN *Rundown);

/* A client (Win32) thread: Start(Context) runs in user mode on a new host thread. */
NTSTATUS PspCreateUserThread(PVOID Start, PVOID Context, BOOLEAN Suspended, HANDLE *Handle,
                             CLIENT_ID *ClientId);
DECLSPEC_NORETURN VOID PspExitUserThread(NTSTATUS Status);

/* ---- pool quota; quota.c. PoolType: its PagedPool bit counts. Any IRQL ---- */

/* STATUS_QUOTA_EXCEEDED: above the limit, and nothing is charged. */
NTSTATUS PspChargePoolQuota(PEPROCESS Process, POOL_TYPE PoolType, SIZE_T Size);
VOID PspReturnPoolQuota(PEPROCESS Process, POOL_TYPE PoolType, SIZE_T Size);
/* Bytes charged at the moment. */
ULONG64 PspQueryPoolQuota(PEPROCESS Process, POOL_TYPE PoolType);
/* 0: none. What is charged already stays. */
VOID PspSetPoolQuotaLimit(PEPROCESS Process, POOL_TYPE PoolType, ULONG64 Limit);
/* From now on ex charges the process of the current thread, unless it is the system. */
VOID PspStartPoolQuota(VOID);

/* ---- services of the gate that the DDK headers lack; init/services.h ---- */

NTSTATUS NtboxCreateThread(PHANDLE Handle, PVOID Start, PVOID Context, BOOLEAN Suspended,
                           CLIENT_ID *ClientId);
NTSTATUS NtboxTerminateCurrentThread(NTSTATUS Status);
NTSTATUS NtboxQueryThread(HANDLE Thread, CLIENT_ID *ClientId, NTSTATUS *ExitStatus);
NTSTATUS NTAPI NtSuspendThread(HANDLE Thread, PULONG Previous);
NTSTATUS NTAPI NtResumeThread(HANDLE Thread, PULONG Previous);
NTSTATUS NTAPI NtCreateTimer(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                             TIMER_TYPE Type);
NTSTATUS NTAPI NtOpenTimer(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
NTSTATUS NTAPI NtSetTimer(HANDLE Handle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE Apc,
                          PVOID Context, BOOLEAN Resume, LONG Period, PBOOLEAN Previous);
NTSTATUS NTAPI NtCancelTimer(HANDLE Handle, PBOOLEAN CurrentState);
NTSTATUS NTAPI NtQueueApcThread(HANDLE Thread, PVOID Routine, PVOID Context, PVOID Argument1,
                                PVOID Argument2);
NTSTATUS NTAPI NtTestAlert(VOID);

/* ---- the end of the client process; exit.c ---- */

extern uint32_t PspGateClosed; /* atomic: 0 open, 1 closed; read by the gate (EX1) */
/*
 * Closes the gate: ends the waits and cancels the requests of the client's threads that are inside,
 * and waits until all but the caller are out. FALSE, with a report: one is still there after 30
 * seconds, so that the kernel cannot be taken apart. PASSIVE_LEVEL.
 */
BOOLEAN PspCloseGate(VOID);
VOID PspOpenGate(VOID);
/*
 * What becomes of a thread that is at a closed gate: it stays until the gate opens, in tests. Only
 * the thread that closed it comes back at once.
 */
VOID PspStayAtGate(VOID);
/* io: cancels what the thread has outstanding, without waiting. */
typedef VOID PSP_THREAD_CANCEL(PETHREAD Thread);
VOID PspRegisterThreadCancel(PSP_THREAD_CANCEL *Cancel);

/* Client process rundown: cancels, closes every handle. At client exit and in tests. */
VOID PspRundownProcess(PEPROCESS Process);

/* ---- client processes of their own; client.c ---- */

typedef struct PSP_CLIENT_OPTIONS {
    ULONG ProcessId; /* the host's */
    ULONG ParentId;
    const char *Image; /* UTF-8 path; may be empty */
    struct MI_CLIENT *Memory;
    PACCESS_TOKEN Token; /* who it acts as */
} PSP_CLIENT_OPTIONS;
/*
 * Makes the process object, findable, with a handle table and no threads; *Process is referenced.
 * STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL.
 */
NTSTATUS PspCreateClientProcess(const PSP_CLIENT_OPTIONS *Options, PEPROCESS *Process);
/*
 * The calling host thread, which the kernel does not know, becomes the process's thread of that
 * number; FALSE: no memory. It serves the thread's calls until PspLeaveClientThread, which cancels
 * and awaits its requests.
 */
BOOLEAN PspEnterClientThread(PEPROCESS Process, ULONG ThreadId);
VOID PspLeaveClientThread(NTSTATUS ExitStatus);
/* A KTHREAD on the caller's stack for a host thread that has none, and its end. */
VOID PspBorrowSystemThread(KTHREAD *Borrowed);
VOID PspReturnSystemThread(KTHREAD *Borrowed);
/* The same for a thread of the kernel's own in that process, which drivers do not hear of. */
BOOLEAN PspEnterServerThread(PEPROCESS Process);
VOID PspLeaveServerThread(VOID);
/*
 * Ends the waits and cancels the requests of the process's threads that are in system calls; how
 * many there are. Report: names them, and what they wait in, in the log.
 */
ULONG PspPushClientOut(PEPROCESS Process, BOOLEAN Report);
/*
 * The process is run down (PspRundownProcess), its threads have left: the object is signaled and no
 * longer findable; the caller's reference is dropped. PASSIVE_LEVEL. Pages of it that a driver has
 * still locked are bug check 0x76.
 */
VOID PspEndClientProcess(PEPROCESS Process, NTSTATUS ExitStatus);

/* ---- notify routines ---- */

/* Delivers one machine event to the registered routines; PASSIVE_LEVEL, one thread at a time. */
VOID PspDeliverEvent(const HALP_EVENT *Event);
/* Routines registered at addresses in the range: the unload audit. Names the first in Kind. */
ULONG PspCountNotifyRoutinesInRange(ULONG_PTR Base, SIZE_T Size, const char **Kind);
/* Forgets those routines, waiting for calls in progress: the image is about to go. */
ULONG PspRemoveNotifyRoutinesInRange(ULONG_PTR Base, SIZE_T Size);
/* System threads started from the range that still run: the unload audit. */
ULONG PspCountSystemThreadsInRange(ULONG_PTR Base, SIZE_T Size);
/* ldr: a driver was mapped; load-image routines hear of it with process ID 0. PASSIVE_LEVEL. */
VOID PspNotifyDriverImage(PUNICODE_STRING Path, PVOID Base, SIZE_T Size);

/* Opens the machine's events when the first routine is registered (see init/ntbox.h options). */
typedef struct PSP_EVENT_OPTIONS {
    HALP_EVENTS_OPTIONS Host;
    BOOLEAN Disabled; /* tests: no machine events, PspDeliverEvent only */
} PSP_EVENT_OPTIONS;
VOID PspSetEventOptions(const PSP_EVENT_OPTIONS *Options);
/*
 * ldr, around DriverEntry: the source is opened once all of a driver's routines are registered, so
 * that none of them misses the first events. PASSIVE_LEVEL.
 */
VOID PspHoldEvents(VOID);
VOID PspReleaseEvents(VOID);
/* Total of HALP_EVENT_LOST so far. */
ULONG64 PspQueryHostLost(VOID);

/*
 * Exports of ntbox's own, for drivers that find them with MmGetSystemRoutineAddress and so stay
 * loadable on Windows: what happened to the source of process and image events itself.
 */
typedef enum NTBOX_MACHINE_EVENT {
    NtboxMachineEventsLost = 1,  /* Value: records that the host dropped since the last call */
    NtboxMachineEventsEnded = 2, /* none will follow; Value: wait(2) status of the command, or 0 */
    NtboxMachineEventsUnavailable = 3 /* none will come; Value: HALP_STATUS of HalpOpenEvents */
} NTBOX_MACHINE_EVENT;
/* Called at PASSIVE_LEVEL, in order with the other notify routines. */
typedef VOID NTBOX_MACHINE_NOTIFY_ROUTINE(NTBOX_MACHINE_EVENT Event, ULONG64 Value);
/* STATUS_INVALID_PARAMETER: registered already (or, with Remove, not registered). PASSIVE_LEVEL. */
NTSTATUS NTAPI NtboxSetMachineNotifyRoutine(NTBOX_MACHINE_NOTIFY_ROUTINE *Routine, BOOLEAN Remove);
/*
 * When the machine event happened whose notify routine runs on the calling thread
 * (HALP_EVENT.Time). STATUS_NOT_FOUND: not inside such a routine. PASSIVE_LEVEL.
 */
NTSTATUS NTAPI NtboxQueryMachineEventTime(PLARGE_INTEGER Time);

/* ---- open.c: services of the gate ---- */

NTSTATUS NTAPI NtOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess,
                            POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId);
NTSTATUS NTAPI ZwOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess,
                            POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId);
NTSTATUS NTAPI NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus);

/* ---- section.c: services of the gate ---- */

extern __attribute__((visibility("default"))) POBJECT_TYPE *MmSectionObjectType;
NTSTATUS NTAPI NtOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                             POBJECT_ATTRIBUTES ObjectAttributes);
NTSTATUS NTAPI NtMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress,
                                  ULONG_PTR ZeroBits, SIZE_T CommitSize,
                                  PLARGE_INTEGER SectionOffset, PSIZE_T ViewSize,
                                  SECTION_INHERIT InheritDisposition, ULONG AllocationType,
                                  ULONG Win32Protect);
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress);

/* ---- query.c: services of the gate, and what the DDK headers lack ---- */

NTSTATUS NTAPI NtQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation,
                                        ULONG SystemInformationLength, PULONG ReturnLength);
NTSTATUS NTAPI ZwQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation,
                                        ULONG SystemInformationLength, PULONG ReturnLength);
NTSTATUS NTAPI NtQueryInformationProcess(HANDLE ProcessHandle,
                                         PROCESSINFOCLASS ProcessInformationClass,
                                         PVOID ProcessInformation, ULONG ProcessInformationLength,
                                         PULONG ReturnLength);
NTSTATUS NTAPI NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                                        PVOID ThreadInformation, ULONG ThreadInformationLength,
                                        PULONG ReturnLength);
NTSTATUS NTAPI ZwQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                                        PVOID ThreadInformation, ULONG ThreadInformationLength,
                                        PULONG ReturnLength);

/* ---- exports that the DDK headers lack; contracts at the definitions ---- */

PCHAR NTAPI PsGetProcessImageFileName(PEPROCESS Process);
HANDLE NTAPI PsGetProcessInheritedFromUniqueProcessId(PEPROCESS Process);
