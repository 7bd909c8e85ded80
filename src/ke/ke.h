/* SPDX-License-Identifier: MIT
 *
 * ke/ke.h - what the rest of the executive asks of the kernel proper, beyond the WDK
 */
#pragma once

#include "nt.h"

/* ---- start ---- */

/* Processors: virtual processors, 1..64; 0: as many as the host has, at least 2. */
NTSTATUS KiInitializeSystem(ULONG Processors);
/* Stops the clock thread and the DPC threads; all timers must be gone. */
VOID KiShutdownSystem(VOID);

/* ps registers how foreign threads get their objects: an upward call. */
typedef struct KI_THREAD_OPS {
    KTHREAD *(*Attach)(VOID);              /* make and return an ETHREAD for this host thread */
    VOID (*Detach)(KTHREAD *Thread);       /* the host thread is ending */
} KI_THREAD_OPS;
VOID KiRegisterThreadOps(const KI_THREAD_OPS *Ops);

/* ---- threads ---- */

/* Fills a KTHREAD; ps owns the memory. Process: the KPROCESS that it belongs to. */
VOID KiInitializeThread(KTHREAD *Thread, KPROCESS *Process);
/* Makes Thread the calling host thread's (NULL: none). */
VOID KiSetCurrentThread(KTHREAD *Thread);
/* The thread has ended: signals it, abandons its mutexes. Called on the thread itself. */
VOID KiTerminateThread(KTHREAD *Thread);

/* The process part that ke knows. EPROCESS begins with it. */
struct _KPROCESS {
    DISPATCHER_HEADER Header; /* signaled when the process has ended */
    LONG ThreadCount;
};
VOID KiInitializeProcess(KPROCESS *Process);
VOID KiTerminateProcess(KPROCESS *Process);

/* ---- waiting, for components that keep dispatcher-like state (io: completion ports) ---- */

/*
 * KeWaitForSingleObject/MultipleObjects, KeSetEvent and friends of the WDK are the interface.
 * KeInitializeQueue/KeInsertQueue/KeRemoveQueue/KeRundownQueue carry completion ports.
 */

/* A thread blocked in an alertable or user-mode wait returns STATUS_ALERTED/USER_APC; reserved. */
BOOLEAN KiAlertThread(KTHREAD *Thread);

/* ---- processors and DPCs, for tests, bench and reports ---- */
ULONG KiProcessorCount(VOID);
KPRCB *KiProcessor(ULONG Number);
/* Runs the DPCs of this thread's processor; at DISPATCH_LEVEL. */
VOID KiRetireDpcList(KPRCB *Prcb);
/* Timers in the queue whose Dpc or KTIMER lies in [Base, Base+Size): the unload audit. */
ULONG KiCountTimersInRange(ULONG_PTR Base, SIZE_T Size);
ULONG KiCountDpcsInRange(ULONG_PTR Base, SIZE_T Size);

/* ---- bugcheck ---- */

/* kd registers the report writer; without one (early start) the code alone is printed. */
typedef VOID KI_BUGCHECK_REPORT(ULONG Code, const ULONG_PTR Parameters[4], const char *Detail);
VOID KiRegisterBugCheckReport(KI_BUGCHECK_REPORT *Report);
/*
 * KeBugCheckEx with one sentence for the reader: what happened and what to do next. Detail is a
 * printf format (host meaning, %s %u %lx %p).
 */
DECLSPEC_NORETURN VOID KiBugCheckDetail(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3,
                                        ULONG_PTR P4, const char *Detail, ...)
    __attribute__((format(printf, 6, 7)));
/* The stub of an export that ntbox does not implement ends here. */
DECLSPEC_NORETURN VOID KiUnimplementedExport(const char *Name);

/* ---- what the sdk's inline functions call ---- */
UCHAR KiReadCr8(VOID);
VOID KiWriteCr8(ULONG64 Irql);
ULONG64 KiReadGsQword(ULONG Offset);
