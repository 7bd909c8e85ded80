/* SPDX-License-Identifier: MIT
 *
 * ps/psp.h - what the files of ps share
 */
#pragma once

#include "ps/ps.h"

#define PSP_TAG 'psP ' /* " Psp" as a dump shows it */

/* Values of the SDK's winnt.h that the DDK headers leave out. */
#ifndef PROCESS_CREATE_THREAD
#define PROCESS_CREATE_THREAD 0x0002
#endif
#ifndef PROCESS_TERMINATE
#define PROCESS_TERMINATE 0x0001
#endif
#ifndef PROCESS_VM_OPERATION
#define PROCESS_VM_OPERATION 0x0008
#endif
#ifndef PROCESS_QUERY_LIMITED_INFORMATION
#define PROCESS_QUERY_LIMITED_INFORMATION 0x1000
#endif
#ifndef PROCESS_QUERY_INFORMATION
#define PROCESS_QUERY_INFORMATION 0x0400
#endif
#ifndef THREAD_SUSPEND_RESUME
#define THREAD_SUSPEND_RESUME 0x0002
#endif
#ifndef THREAD_QUERY_INFORMATION
#define THREAD_QUERY_INFORMATION 0x0040
#endif
#ifndef THREAD_QUERY_LIMITED_INFORMATION
#define THREAD_QUERY_LIMITED_INFORMATION 0x0800
#endif
#ifndef DRIVER_VERIFIER_DETECTED_VIOLATION
#define DRIVER_VERIFIER_DETECTED_VIOLATION 0xC4
#endif
#define PSP_PROCESS_BUCKETS 1024u
#define PSP_MAX_NOTIFY 64
#define PSP_SUSPEND_LIMIT 127
#define PSP_MAX_STRING 32766u /* characters that a UNICODE_STRING of ours holds at most */

extern POBJECT_TYPE PspProcessType;
extern POBJECT_TYPE PspThreadType;

/* ---- process.c ---- */

/*
 * Makes an EPROCESS with its name behind it in the same block. Image: UTF-8, may be empty.
 * Not yet findable; one reference, the caller's.
 */
NTSTATUS PspCreateProcess(HANDLE ProcessId, HANDLE ParentId, const char *Image, SIZE_T ImageLength,
                          PEPROCESS *Process);
/* Findable by PsLookupProcessByProcessId from here; takes a reference. */
VOID PspInsertProcess(PEPROCESS Process);
/* No longer findable; drops the reference of PspInsertProcess. */
VOID PspRemoveProcess(PEPROCESS Process);
/* Referenced, or NULL. MachineOnly: skip the system and the client. */
PEPROCESS PspFindProcess(HANDLE ProcessId, BOOLEAN MachineOnly);
/* The thread of that number in any process that has threads, referenced; or NULL. */
PETHREAD PspFindThread(HANDLE ThreadId);
/* The first Count processes, each referenced, in the order of their making; how many there are. */
ULONG PspCollectProcesses(PEPROCESS *Processes, ULONG Count);
/* Removes every process of the machine. */
VOID PspForgetMachineProcesses(VOID);
VOID PspDeleteProcess(PVOID Object);
/* UTF-8 to UTF-16, cut to MaxChars; bad bytes become U+FFFD. Returns characters written. */
ULONG PspConvertPath(PWCH Destination, ULONG MaxChars, const char *Source, SIZE_T Length);

/* ---- init.c ---- */

/* Closes every handle of the process, which has no table afterwards. PASSIVE_LEVEL. */
VOID PspCloseHandleTable(PEPROCESS Process);

/* ---- timer.c ---- */

NTSTATUS PspCreateTimerType(VOID);
/* The thread is ending: its timers with an APC do not expire any more. PASSIVE_LEVEL. */
VOID PspCancelThreadTimers(PETHREAD Thread);

/* ---- exit.c ---- */

/* Ends the waits and requests of each thread but Self that is inside; how many there are. */
ULONG PspPushThreadsOut(PEPROCESS Process, PETHREAD Self, BOOLEAN Report);

/* Around the joining and the leaving of a host thread. FALSE: the gate is closed, do not. */
BOOLEAN PspBeginThreadChange(VOID);
VOID PspEndThreadChange(VOID);
/* Counts one more, which the thread that is being made will end. The caller is inside itself. */
VOID PspContinueThreadChange(VOID);

/* ---- thread.c ---- */

NTSTATUS PspCreateThreadObject(PEPROCESS Process, PETHREAD *Thread);
/* Enters Thread, now current, into its process's list; ThreadId is the host's. */
VOID PspInsertThread(PETHREAD Thread, ULONG ThreadId);
/* Runs the calling host thread on a KTHREAD on its stack: it has none, or is losing it. */
VOID PspBorrowThread(KTHREAD *Borrowed, KPROCESS *Process);
/*
 * Ends the calling thread as far as NT knows it: rundown, signal, last references. Afterwards the
 * host thread has no KTHREAD.
 */
VOID PspEndCurrentThread(PETHREAD Thread);
VOID PspDeleteThread(PVOID Object);
/* The thread of that number, referenced; NULL: the process has none. */
PETHREAD PspFindThreadOf(PEPROCESS Process, HANDLE ThreadId);
/* A walk over the threads of a process: the number that PspTakeThread knows it by. */
ULONG PspBeginThreadPass(VOID);
/* A thread that this pass has not had yet, referenced; NULL: none is left. */
PETHREAD PspTakeThread(PEPROCESS Process, ULONG Pass);
/* Cancels and awaits the IRPs of every thread of the process. */
VOID PspRundownThreads(PEPROCESS Process);
KTHREAD *PspAttachHostThread(VOID);
VOID PspDetachHostThread(KTHREAD *Thread);

/* ---- create.c ---- */

/* Joins host threads that have ended. */
VOID PspReapThreads(VOID);

/* ---- notify.c ---- */

typedef enum PSP_NOTIFY_LIST {
    PspNotifyProcess,
    PspNotifyImage,
    PspNotifyMachine,
    PspNotifyThread
} PSP_NOTIFY_LIST;
#define PSP_NOTIFY_LISTS 4
/* PSP_NOTIFY_SLOT.Extended of a thread routine: called on the new thread, not for system threads.
 */
#define PSP_NOTIFY_ON_NEW_THREAD 1u

/* A registered routine. PspNotifyLock guards Routine and Removing against other writers. */
typedef struct PSP_NOTIFY_SLOT {
    PVOID Routine;   /* NULL: free; atomic */
    ULONG Extended;  /* process routines: 0 legacy, 1 Ex, 2 Ex2; thread routines: 1 + type, or 0 */
    LONG Removing;   /* atomic: no new call starts */
    LONG Running;    /* atomic: calls in progress */
    LONG VetoLogged; /* a refused creation was logged */
    KEVENT Idle;     /* synchronization: Running fell to 0 while Removing */
} PSP_NOTIFY_SLOT;

/* A call in progress on this thread; ETHREAD.NotifyCalls is the innermost. */
typedef struct PSP_NOTIFY_CALL {
    PSP_NOTIFY_SLOT *Slot;
    struct PSP_NOTIFY_CALL *Outer;
} PSP_NOTIFY_CALL;

VOID PspInitializeNotify(VOID);
/* Guards the lists of routines and the source; PASSIVE_LEVEL. */
VOID PspLockNotify(VOID);
VOID PspUnlockNotify(VOID);
/* One past the highest slot ever used: the length to walk. */
ULONG PspNotifyCount(PSP_NOTIFY_LIST List);
/* Slot Index with Running raised and Call pushed, or NULL if it is free or going. */
PSP_NOTIFY_SLOT *PspEnterNotify(PSP_NOTIFY_LIST List, ULONG Index, PSP_NOTIFY_CALL *Call);
VOID PspLeaveNotify(PSP_NOTIFY_CALL *Call);

/* ---- section.c ---- */

extern POBJECT_TYPE PspSectionType;
NTSTATUS PspCreateSectionType(VOID);

/* ---- threadnotify.c ---- */

/* The calling thread has made Thread, which has not run yet. PASSIVE_LEVEL. */
VOID PspTellThreadMade(PETHREAD Thread);
/* The calling thread is new, and about to run. */
VOID PspTellThreadStarts(PETHREAD Thread);
/* The calling thread is about to end. Only if PspTellThreadMade was called for it. */
VOID PspTellThreadEnds(PETHREAD Thread);

/* ---- deliver.c ---- */

VOID PspFreeDeliveryBuffers(VOID);
/* Tells the machine routine, or remembers what it has not been told. */
VOID PspNoteLost(ULONG64 Lost);
/* How: NtboxMachineEventsEnded or ...Unavailable. */
VOID PspNoteEnded(NTBOX_MACHINE_EVENT How, ULONG64 Value);
VOID PspNoteStarted(VOID);
/* The machine routine was registered: tells what it missed. */
VOID PspTellMachineState(VOID);

/* ---- events.c ---- */

/* Under PspNotifyLock: the first routine came, the last one went. */
VOID PspStartEvents(VOID);
VOID PspStopEvents(VOID);
