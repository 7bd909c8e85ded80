/* SPDX-License-Identifier: MIT
 *
 * ke/thread.h - the thread and virtual-processor structures, and reading the current ones
 *
 * Invariants  T1  KiCurrentThread is set on every host thread that runs kernel code.
 *             T2  Irql >= DISPATCH_LEVEL iff Prcb != NULL and Prcb->Owner is this thread.
 *             T3  WaitStatus and the wait blocks belong to KiDispatcherLock while State is
 *                 KI_THREAD_WAITING, to the thread itself otherwise.
 */
#pragma once

typedef struct _KPRCB KPRCB;
typedef struct _KPROCESS KPROCESS;
typedef struct _KTHREAD KTHREAD;
struct _IRP;

#define KI_THREAD_WAIT_BLOCKS 4 /* built in: THREAD_WAIT_OBJECTS + the time-out's timer */

typedef enum KI_THREAD_STATE {
    KI_THREAD_RUNNING,
    KI_THREAD_WAITING,
    KI_THREAD_TERMINATED
} KI_THREAD_STATE;

/* For reports: a lock that the thread holds, and the address after the call that took it. */
#define KI_HELD_LOCKS 8
typedef struct KI_HELD_LOCK {
    const void *Lock;
    ULONG_PTR Caller;
} KI_HELD_LOCK;

/* Single-thread caches: only their thread touches them, at any IRQL <= DISPATCH_LEVEL. */
#define KI_POOL_CACHE_CLASSES 16
typedef struct KI_THREAD_CACHE {
    struct _IRP *Irp;                     /* io: one free IRP, or NULL */
    void *Pool[2][KI_POOL_CACHE_CLASSES]; /* ex: free blocks by pool kind and size class */
    UCHAR PoolCount[2][KI_POOL_CACHE_CLASSES];
    struct EXP_THREAD_COUNTERS *PoolCounters; /* ex: this thread's share of the tag counts */
} KI_THREAD_CACHE;

struct _KTHREAD {
    DISPATCHER_HEADER Header; /* signaled when the thread has ended */
    KIRQL Irql;
    KPROCESSOR_MODE PreviousMode;
    UCHAR State; /* KI_THREAD_STATE */
    BOOLEAN Alertable;
    KPRCB *Prcb;          /* the virtual processor held, see T2 */
    KPROCESS *Process;    /* the process it runs in (attached process, if attached) */
    KPROCESS *OwnProcess; /* the process it belongs to */
    uint32_t ParkWord;    /* HalpWaitAddress word: 0 nothing, 1 woken */
    KPRIORITY Priority;
    NTSTATUS WaitStatus;
    PKWAIT_BLOCK WaitBlocks; /* circular list of the current wait, or NULL */
    KWAIT_BLOCK WaitBlock[KI_THREAD_WAIT_BLOCKS];
    LIST_ENTRY MutantList;  /* mutexes owned; KiDispatcherLock */
    LONG KernelApcDisable;  /* critical regions entered, as a negative count */
    LONG SpecialApcDisable; /* guarded regions */
    KI_THREAD_CACHE Cache;
    HALP_THREAD *Host;          /* NULL for a host thread that was attached */
    const char *DpcRoutineName; /* not NULL while a DPC runs on this thread */
    struct _IRP *CurrentIrp;    /* for reports: the IRP being dispatched, or NULL */
    PVOID DpcRoutine;           /* the DPC routine being run, for reports, or NULL */
    KPRCB *LastPrcb;    /* the virtual processor held last: the first one tried; in Affinity */
    KAFFINITY Affinity; /* virtual processors that it may take; 0: any */
    ULONG SpinLocks;    /* spin locks held */
    KPROCESSOR_MODE WaitMode;  /* of the current wait */
    BOOLEAN Alerted;           /* KiAlertThread found it not waiting; KiDispatcherLock */
    BOOLEAN WaitNext;          /* holds KiDispatcherLock since KeSetEvent(Wait = TRUE) */
    KTHREAD *WakeNext;         /* next of those to be woken; KiDispatcherLock */
    struct _KQUEUE *Queue;     /* the queue that it last took an entry from; KiDispatcherLock */
    LIST_ENTRY QueueListEntry; /* on Queue->ThreadListHead */
    PLIST_ENTRY QueueEntry;    /* what a KeRemoveQueue that waited received */
    LIST_ENTRY UserApcList;    /* these three: ke/apc.c; KiDispatcherLock */
    BOOLEAN UserApcPending;    /* a wait ended for an APC: the way to user mode runs them */
    BOOLEAN UserApcsClosed;    /* the thread is ending */
    LIST_ENTRY KernelApcList;  /* ke/kernelapc.c; KiDispatcherLock, as the next three */
    BOOLEAN KernelApcPending;  /* atomic: KernelApcList is not empty */
    BOOLEAN KernelApcsClosed;  /* the thread has ended */
    BOOLEAN KernelApcActive;   /* a normal one's NormalRoutine runs; written by its own thread */
    ULONG64 WaitDeadline;      /* of the wait that began last, HalpMonotonicTime; its own thread */
    GUID ActivityId;           /* EtwActivityIdControl; its own thread only */
    struct _DEVICE_OBJECT *DeviceToVerify; /* io: IoSetDeviceToVerify; atomic */
    PVOID IoObject;                        /* io: IoCreateSystemThread's, referenced; or NULL */
    BOOLEAN HardErrorsDisabled;            /* io: IoSetThreadHardErrorMode */
    BOOLEAN UserWaitsEnd;                  /* KiEndUserWaits was called; KiDispatcherLock */
    BOOLEAN StackTimers;                   /* it has armed a timer on its own stack */
    ULONG ThreadId;                        /* the host's number of it */
    KI_HELD_LOCK HeldLocks[KI_HELD_LOCKS]; /* the spin locks counted by SpinLocks, as they came */
    KI_HELD_LOCK LastMutex;      /* fast or guarded mutex taken last; Lock NULL: released */
    ULONG_PTR RegionCaller;      /* who entered a critical or guarded region last */
    struct MI_WINDOW *Window;    /* mm: of the client's call that it serves, or NULL */
    const ULONG_PTR *WantedLock; /* atomic: the spin lock that it waits for, or NULL */
};

/* A virtual processor. Taken by raising to DISPATCH_LEVEL. */
struct _KPRCB {
    KTHREAD *Owner; /* atomic; NULL = free */
    uint32_t Number;
    uint32_t IdleWord;  /* its DPC thread parks here; counts requests */
    KSPIN_LOCK DpcLock; /* guards DpcList */
    LIST_ENTRY DpcList;
    LONG DpcPending;   /* atomic: DpcList is not empty */
    BOOLEAN DpcActive; /* owner is draining DpcList */
    ULONG64 DpcCount;  /* DPCs run; owner only */
} __attribute__((aligned(64)));

/*
 * The calling host thread's KTHREAD; NULL before it was attached. The kernel is loaded before
 * threads start or by dlopen with room in the static TLS block: one pointer.
 */
extern _Thread_local KTHREAD *KiCurrentThreadPointer __attribute__((tls_model("initial-exec")));

/* Attaches a host thread that has none (a client thread at its first system call). */
KTHREAD *KiAttachHostThread(VOID);

static inline KTHREAD *
KiGetCurrentThread(VOID)
{
    KTHREAD *thread = KiCurrentThreadPointer;
    return __builtin_expect(thread != NULL, 1) ? thread : KiAttachHostThread();
}

static inline KIRQL
KiCurrentIrql(VOID)
{
    return KiGetCurrentThread()->Irql;
}
