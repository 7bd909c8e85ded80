/* SPDX-License-Identifier: MIT
 *
 * io/timer.c - IoTimer: a call a second for each device that wants one
 *
 * One kernel timer serves all devices; it runs while any of them is started.
 *
 * Invariants  T1  IopTimer runs iff IopStartedTimers > 0.
 *             T2  A timer whose Runner is set stays on the list.
 * Locks       IopTimerLock (spin) guards the list, the count and all fields. It is released for
 *             each call of a driver's routine; IoStopTimer waits for a call under way.
 * Source      WDK reference, wdm.h IoInitializeTimer, IoStartTimer, IoStopTimer.
 */
#include "io/iop.h"

struct _IO_TIMER {
    LIST_ENTRY Link;
    PDEVICE_OBJECT DeviceObject;
    PIO_TIMER_ROUTINE Routine;
    PVOID Context;
    BOOLEAN Started;
    PKTHREAD Runner; /* the thread that calls Routine now, or NULL */
};

static KSPIN_LOCK IopTimerLock;
static LIST_ENTRY IopTimers NT_GUARDED_BY(IopTimerLock);
static ULONG IopStartedTimers NT_GUARDED_BY(IopTimerLock);
static KTIMER IopTimer;
static KDPC IopTimerDpc;

static VOID NTAPI
IopTimerDispatch(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PLIST_ENTRY entry;

    (void)Dpc;
    (void)Context;
    (void)Argument1;
    (void)Argument2;
    KeAcquireSpinLockAtDpcLevel(&IopTimerLock);
    for (entry = IopTimers.Flink; entry != &IopTimers; entry = entry->Flink) {
        PIO_TIMER timer = CONTAINING_RECORD(entry, struct _IO_TIMER, Link);

        if (!timer->Started || timer->Runner != NULL) {
            continue;
        }
        timer->Runner = KiGetCurrentThread();
        KeReleaseSpinLockFromDpcLevel(&IopTimerLock);
        timer->Routine(timer->DeviceObject, timer->Context);
        KeAcquireSpinLockAtDpcLevel(&IopTimerLock);
        timer->Runner = NULL;
    }
    KeReleaseSpinLockFromDpcLevel(&IopTimerLock);
}

VOID
IopInitializeTimers(VOID)
{
    KeInitializeSpinLock(&IopTimerLock);
    InitializeListHead(&IopTimers);
    IopStartedTimers = 0;
    KeInitializeTimerEx(&IopTimer, NotificationTimer);
    KeInitializeDpc(&IopTimerDpc, IopTimerDispatch, NULL);
}

VOID
IopShutdownTimers(VOID)
{
    KeCancelTimer(&IopTimer);
    KeFlushQueuedDpcs();
}

/* IopTimerLock held. T1. */
static VOID
IopStopTimerLocked(PIO_TIMER Timer)
{
    if (Timer->Started) {
        Timer->Started = FALSE;
        if (--IopStartedTimers == 0) {
            KeCancelTimer(&IopTimer);
        }
    }
}

/* IopTimerLock is held, and is held again at the end. The routine is not running then. */
static VOID
IopAwaitTimerRoutine(PIO_TIMER Timer, KIRQL *Irql)
{
    while (Timer->Runner != NULL) {
        if (Timer->Runner == KiGetCurrentThread()) {
            KiBugCheckDetail(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)Timer, 0, 0, 0,
                             "IoStopTimer or IoDeleteDevice from the device's own IoTimer routine");
        }
        KeReleaseSpinLock(&IopTimerLock, *Irql);
        HalpPause();
        KeAcquireSpinLock(&IopTimerLock, Irql);
    }
}

VOID
IopRemoveTimer(PDEVICE_OBJECT DeviceObject)
{
    PIO_TIMER timer = DeviceObject->Timer;
    KIRQL irql;

    if (timer == NULL) {
        return;
    }
    KeAcquireSpinLock(&IopTimerLock, &irql);
    IopStopTimerLocked(timer);
    IopAwaitTimerRoutine(timer, &irql);
    RemoveEntryList(&timer->Link);
    DeviceObject->Timer = NULL;
    KeReleaseSpinLock(&IopTimerLock, irql);
    ExFreePoolWithTag(timer, IOP_TAG_DEVICE);
}

#pragma GCC visibility push(default)

/*
 * IoInitializeTimer - registers the device's IoTimer routine, not started
 *
 * Returns  STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES
 * Errors   a second time for a device: DRIVER_VERIFIER_IOMANAGER_VIOLATION 0x0A
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-ioinitializetimer
 */
NTSTATUS NTAPI
IoInitializeTimer(PDEVICE_OBJECT DeviceObject, PIO_TIMER_ROUTINE TimerRoutine, PVOID Context)
{
    NT_ENTER(IoInitializeTimer);
    PIO_TIMER timer;
    KIRQL irql;

    if (DeviceObject->Timer != NULL) {
        KiBugCheckDetail(IOP_BUGCHECK_IO, IOP_C9_TIMER_TWICE, (ULONG_PTR)DeviceObject, 0, 0,
                         "IoInitializeTimer was called twice for device %p", (void *)DeviceObject);
    }
    timer = ExpAllocatePool(NonPagedPoolNx, sizeof(*timer), IOP_TAG_DEVICE, NT_CALLER());
    if (timer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(timer, sizeof(*timer));
    timer->DeviceObject = DeviceObject;
    timer->Routine = TimerRoutine;
    timer->Context = Context;
    KeAcquireSpinLock(&IopTimerLock, &irql);
    DeviceObject->Timer = timer;
    InsertTailList(&IopTimers, &timer->Link);
    KeReleaseSpinLock(&IopTimerLock, irql);
    return STATUS_SUCCESS;
}

/* Calls the routine about each second, at DISPATCH_LEVEL. IRQL <= DISPATCH_LEVEL. */
VOID NTAPI
IoStartTimer(PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoStartTimer);
    PIO_TIMER timer = DeviceObject->Timer;
    LARGE_INTEGER due;
    KIRQL irql;

    KeAcquireSpinLock(&IopTimerLock, &irql);
    if (!timer->Started) {
        timer->Started = TRUE;
        if (++IopStartedTimers == 1) {
            due.QuadPart = -10000000;
            KeSetTimerEx(&IopTimer, due, 1000, &IopTimerDpc);
        }
    }
    KeReleaseSpinLock(&IopTimerLock, irql);
}

/*
 * IoStopTimer - no calls from here on; one under way has ended
 *
 * Errors   inside the routine itself (not allowed): SPIN_LOCK_ALREADY_OWNED
 * IRQL     <= DISPATCH_LEVEL
 * Source   WDK reference, nf-wdm-iostoptimer
 */
VOID NTAPI
IoStopTimer(PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoStopTimer);
    PIO_TIMER timer = DeviceObject->Timer;
    KIRQL irql;

    KeAcquireSpinLock(&IopTimerLock, &irql);
    IopStopTimerLocked(timer);
    IopAwaitTimerRoutine(timer, &irql);
    KeReleaseSpinLock(&IopTimerLock, irql);
}

#pragma GCC visibility pop
