/* SPDX-License-Identifier: MIT
 *
 * ke/wait.c - the dispatcher: waiting for objects and being released
 *
 * A waiting thread has one wait block on the list of each object. Who signals an object walks its
 * list, gives the object's state to the threads whose wait it completes, takes their blocks off
 * all lists and wakes them. Time-outs are the waiter's own: it parks with a deadline and, if no one
 * has released it by then, takes its blocks off itself.
 *
 * Invariants  W1  A thread is KI_THREAD_WAITING iff its wait blocks are on their objects' lists.
 *             W2  ParkWord becomes 1 when the wait has ended and the waker has done with all
 * objects, as the last thing before it releases the lock: the awakened thread may free the object,
 * and itself. After that only the word's address is used, to wake it. W3  A signaled object has no
 * waiter whose wait it could complete, whenever the lock is free. So wait-all takes all of its
 * objects or none. Locks       KiDispatcherLock (rank 60) Source      WDK reference, wdm.h
 * KeWaitForSingleObject, KeWaitForMultipleObjects
 */
#include "ke/ki.h"

#define KI_WAKES 16
#define KI_WAIT_SPINS 60

KSPIN_LOCK KiDispatcherLock;
/* Threads to wake when the lock is released, linked by WakeNext. */
static KTHREAD *KiWakeList NT_GUARDED_BY(KiDispatcherLock);

/* ---- the lock ---- */

VOID
KiLockDispatcher(KTHREAD *Thread)
{
    if (__builtin_expect(Thread->WaitNext, 0)) {
        KiBugCheckDetail(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)&KiDispatcherLock, (ULONG_PTR)Thread,
                         0, 0,
                         "A routine was called with Wait = TRUE, but the thread's next call to the "
                         "kernel was not KeWaitForSingleObject or KeWaitForMultipleObjects");
    }
    KiAcquireLockWord(&KiDispatcherLock, Thread);
}

VOID
KiLockDispatcherForWait(KTHREAD *Thread)
{
    if (Thread->WaitNext) {
        Thread->WaitNext = FALSE;
        return;
    }
    KiAcquireLockWord(&KiDispatcherLock, Thread);
}

/* W2: ends the parking of up to KI_WAKES threads; their words are left to be woken. */
static ULONG
KiTakeWakes(const uint32_t *Words[KI_WAKES])
{
    ULONG count = 0;

    while (KiWakeList != NULL && count < KI_WAKES) {
        KTHREAD *thread = KiWakeList;
        KiWakeList = thread->WakeNext;
        Words[count++] = &thread->ParkWord;
        __atomic_store_n(&thread->ParkWord, 1, __ATOMIC_RELEASE);
    }
    return count;
}

static VOID
KiWakeWords(const uint32_t *const *Words, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        HalpWakeAddress(Words[i], 1);
    }
}

VOID
KiUnlockDispatcher(KTHREAD *Thread)
{
    const uint32_t *words[KI_WAKES];
    ULONG count;

    if (KiWakeList == NULL) {
        KiReleaseLockWord(&KiDispatcherLock, Thread);
        return;
    }
    count = KiTakeWakes(words);
    while (KiWakeList != NULL) {
        KiWakeWords(words, count);
        count = KiTakeWakes(words);
    }
    KiReleaseLockWord(&KiDispatcherLock, Thread);
    KiWakeWords(words, count);
}

VOID
KiUnlockDispatcherOrKeep(KTHREAD *Thread, BOOLEAN Wait)
{
    if (Wait) {
        Thread->WaitNext = TRUE;
        return;
    }
    KiUnlockDispatcher(Thread);
}

static DECLSPEC_NORETURN __attribute__((noinline)) VOID
KiWrongType(const DISPATCHER_HEADER *Header, UCHAR First, const char *Function)
{
    static const struct {
        UCHAR Type;
        const char *Name;
        const char *Initializer;
    } kinds[] = {
        {EventNotificationObject, "KEVENT", "KeInitializeEvent"},
        {MutantObject, "KMUTEX", "KeInitializeMutex"},
        {SemaphoreObject, "KSEMAPHORE", "KeInitializeSemaphore"},
        {QueueObject, "KQUEUE", "KeInitializeQueue"},
    };

    NT_FOR_EACH (kind, kinds) {
        if (kind->Type == First) {
            KiReportWrongObject(DRIVER_VIOLATION, (ULONG_PTR)Header, Header->Type, Header, Function,
                                kind->Name, kind->Initializer);
        }
    }
    KiReportWrongObject(DRIVER_VIOLATION, (ULONG_PTR)Header, Header->Type, Header, Function,
                        "dispatcher object (event, mutex, semaphore, timer, thread, process)",
                        "its KeInitializeXxx");
}

VOID
KiCheckType(const DISPATCHER_HEADER *Header, UCHAR First, UCHAR Second, const char *Function)
{
    if (__builtin_expect(
            (Header->Type != First && Header->Type != Second) || !KiHasWaitList(Header), 0)) {
        KiWrongType(Header, First, Function);
    }
}

/* A DEVICE_OBJECT, DRIVER_OBJECT, FILE_OBJECT or IRP begins with a Type of the same small numbers.
 */
static inline BOOLEAN
KiIsOtherObject(const DISPATCHER_HEADER *Header)
{
    switch (Header->Type) {
    case ProcessObject:
    case ThreadObject:
        return Header->Size != 0;
    case SemaphoreObject:
        return Header->Size != sizeof(KSEMAPHORE) / sizeof(LONG);
    case QueueObject:
        return Header->Size != sizeof(KQUEUE) / sizeof(LONG);
    default:
        return FALSE;
    }
}

VOID
KiCheckDispatcherObject(const DISPATCHER_HEADER *Header, const char *Function)
{
    if (__builtin_expect(Header->Type > TimerSynchronizationObject ||
                             Header->WaitListHead.Flink == NULL || KiIsOtherObject(Header),
                         0)) {
        KiUnlockDispatcher(KiGetCurrentThread());
        KiWrongType(Header, TimerSynchronizationObject, Function);
    }
}

/* ---- the state of objects ---- */

static BOOLEAN
KiIsSignaled(const DISPATCHER_HEADER *Header, const KTHREAD *Thread)
{
    if (Header->SignalState > 0) {
        return TRUE;
    }
    return Header->Type == MutantObject &&
           CONTAINING_RECORD(Header, KMUTANT, Header)->OwnerThread == Thread;
}

/* Gives the mutex to Thread; STATUS_ABANDONED if its last owner ended without releasing it. */
static NTSTATUS
KiTakeMutant(KMUTANT *Mutant, KTHREAD *Thread)
{
    KiSetState(&Mutant->Header, Mutant->Header.SignalState - 1);
    if (Mutant->Header.SignalState == 0) {
        /* Read without the lock by who asks whether he is the owner. */
        __atomic_store_n(&Mutant->OwnerThread, Thread, __ATOMIC_RELAXED);
        InsertTailList(&Thread->MutantList, &Mutant->MutantListEntry);
        /* Plain for the thread that waits or runs here: it does not change the count meanwhile. */
        Thread->KernelApcDisable -= Mutant->ApcDisable;
        if (Mutant->Abandoned) {
            Mutant->Abandoned = FALSE;
            return STATUS_ABANDONED;
        }
    }
    return STATUS_SUCCESS;
}

/* Takes what a completed wait takes from a signaled object. */
static NTSTATUS
KiSatisfy(DISPATCHER_HEADER *Header, KTHREAD *Thread)
{
    switch (Header->Type) {
    case EventSynchronizationObject:
    case TimerSynchronizationObject:
        KiSetState(Header, 0);
        break;
    case SemaphoreObject:
        KiSetState(Header, Header->SignalState - 1);
        break;
    case MutantObject:
        return KiTakeMutant(CONTAINING_RECORD(Header, KMUTANT, Header), Thread);
    default:
        break;
    }
    return STATUS_SUCCESS;
}

/* A thread may own a mutex MINLONG times over, as on Windows. */
static VOID
KiCheckMutantLimit(KTHREAD *Thread, const DISPATCHER_HEADER *Header)
{
    if (__builtin_expect(Header->Type == MutantObject && Header->SignalState == (LONG)0x80000000,
                         0)) {
        KiUnlockDispatcher(Thread);
        KiRaiseStatus(STATUS_MUTANT_LIMIT_EXCEEDED, "KeWaitForMutexObject", NT_CALLER());
    }
}

/* ---- releasing ---- */

static BOOLEAN
KiAllSignaled(const KTHREAD *Thread)
{
    PKWAIT_BLOCK block = Thread->WaitBlocks;

    do {
        if (!KiIsSignaled(block->Object, Thread)) {
            return FALSE;
        }
        block = block->NextWaitBlock;
    } while (block != Thread->WaitBlocks);
    return TRUE;
}

static NTSTATUS
KiSatisfyAll(KTHREAD *Thread)
{
    PKWAIT_BLOCK block = Thread->WaitBlocks;
    NTSTATUS status = STATUS_WAIT_0;

    do {
        if (KiSatisfy(block->Object, Thread) != STATUS_SUCCESS) {
            status = STATUS_ABANDONED;
        }
        block = block->NextWaitBlock;
    } while (block != Thread->WaitBlocks);
    return status;
}

static VOID
KiUnlinkWaitBlocks(KTHREAD *Thread)
{
    PKWAIT_BLOCK block = Thread->WaitBlocks;

    if (block == NULL) {
        return;
    }
    do {
        RemoveEntryList(&block->WaitListEntry);
        KiMarkBusy(block->Object, -1);
        block = block->NextWaitBlock;
    } while (block != Thread->WaitBlocks);
    Thread->WaitBlocks = NULL;
}

static VOID
KiEndWait(KTHREAD *Thread, NTSTATUS Status)
{
    KiUnlinkWaitBlocks(Thread);
    KiQueueThreadRuns(Thread);
    Thread->WaitStatus = Status;
    Thread->State = KI_THREAD_RUNNING;
}

VOID
KiUnwaitThread(KTHREAD *Thread, NTSTATUS Status)
{
    KiEndWait(Thread, Status);
    Thread->WakeNext = KiWakeList;
    KiWakeList = Thread;
}

VOID
KiTestWaiters(DISPATCHER_HEADER *Header)
{
    PLIST_ENTRY link = Header->WaitListHead.Flink;

    while (link != &Header->WaitListHead) {
        PKWAIT_BLOCK block = CONTAINING_RECORD(link, KWAIT_BLOCK, WaitListEntry);
        KTHREAD *thread = block->Thread;

        if (!KiIsSignaled(Header, thread)) {
            return;
        }
        if (block->WaitType == WaitAny) {
            KiUnwaitThread(thread, KiSatisfy(Header, thread) + block->WaitKey);
        } else if (KiAllSignaled(thread)) {
            KiUnwaitThread(thread, KiSatisfyAll(thread));
        } else {
            link = link->Flink;
            continue;
        }
        /* Unwaiting removed one or more blocks of that thread from this list. */
        link = Header->WaitListHead.Flink;
    }
}

/* ---- waiting ---- */

VOID
KiCheckWaitIrql(KTHREAD *Thread, const LARGE_INTEGER *Timeout, PVOID Object, const char *Function)
{
    if (Thread->Irql <= APC_LEVEL ||
        (Thread->Irql == DISPATCH_LEVEL && Timeout != NULL && Timeout->QuadPart == 0)) {
        return;
    }
    if (Thread->DpcRoutineName != NULL) {
        KiBugCheckDetail(ATTEMPTED_SWITCH_FROM_DPC, (ULONG_PTR)Object, (ULONG_PTR)Thread,
                         (ULONG_PTR)Thread->DpcRoutine, 0,
                         "%s in a DPC routine: only a wait with a zero time-out is allowed there",
                         Function);
    }
    KiBugCheckDetail(
        IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Object, Thread->Irql, APC_LEVEL, NT_CALLER(),
        "%s may block, but the IRQL is %u: lower it first, or wait with a time-out of 0", Function,
        Thread->Irql);
}

/* The deadline passed: TRUE if the wait really is over (an absolute time may have moved). */
static BOOLEAN
KiTimeoutPassed(const LARGE_INTEGER *Timeout, ULONG64 *Deadline)
{
    if (Timeout->QuadPart > 0) {
        *Deadline = KiDeadline(Timeout);
        return HalpMonotonicTime() >= *Deadline;
    }
    return TRUE;
}

static VOID
KiPark(KTHREAD *Thread, const LARGE_INTEGER *Timeout)
{
    ULONG64 deadline = KiDeadline(Timeout);

    Thread->WaitDeadline = deadline;
    for (ULONG spin = 0; spin < KiSpins(KI_WAIT_SPINS); spin++) {
        if (__atomic_load_n(&Thread->ParkWord, __ATOMIC_ACQUIRE) != 0) {
            return;
        }
        HalpPause();
    }
    while (__atomic_load_n(&Thread->ParkWord, __ATOMIC_ACQUIRE) == 0) {
        if (HalpWaitAddress(&Thread->ParkWord, 0, deadline) != HALP_TIMEOUT ||
            !KiTimeoutPassed(Timeout, &deadline)) {
            continue;
        }
        KiLockDispatcher(Thread);
        if (Thread->State == KI_THREAD_WAITING) {
            KiEndWait(Thread, STATUS_TIMEOUT);
            __atomic_store_n(&Thread->ParkWord, 1, __ATOMIC_RELAXED);
        }
        KiUnlockDispatcher(Thread);
    }
}

NTSTATUS
KiBlockThread(KTHREAD *Thread, const LARGE_INTEGER *Timeout)
{
    Thread->State = KI_THREAD_WAITING;
    __atomic_store_n(&Thread->ParkWord, 0, __ATOMIC_RELAXED);
    KiQueueThreadBlocks(Thread);
    KiUnlockDispatcher(Thread);
    KiPark(Thread, Timeout);
    return Thread->WaitStatus;
}

static VOID
KiLinkWaitBlock(KTHREAD *Thread, PKWAIT_BLOCK Block, DISPATCHER_HEADER *Header, USHORT Key,
                UCHAR Type)
{
    Block->Thread = Thread;
    Block->Object = Header;
    Block->WaitKey = Key;
    Block->WaitType = Type;
    InsertTailList(&Header->WaitListHead, &Block->WaitListEntry);
    KiMarkBusy(Header, 1);
}

const LARGE_INTEGER *
KiResumeTimeout(const KTHREAD *Thread, const LARGE_INTEGER *Timeout, LARGE_INTEGER *Rest)
{
    ULONG64 now;

    if (Timeout == NULL || Timeout->QuadPart >= 0) {
        return Timeout;
    }
    now = HalpMonotonicTime();
    Rest->QuadPart = 0;
    if (now < Thread->WaitDeadline) {
        ULONG64 rest = Thread->WaitDeadline - now;
        Rest->QuadPart = -(LONGLONG)(rest / KI_HUNDRED_NS + (rest % KI_HUNDRED_NS != 0));
    }
    return Rest;
}

VOID
KiBeginWait(KTHREAD *Thread)
{
    KiLockDispatcherForWait(Thread);
    while (__builtin_expect(KiIsKernelApcDue(Thread), 0)) {
        KiUnlockDispatcher(Thread);
        KiDeliverKernelApcs(Thread);
        KiLockDispatcher(Thread);
    }
}

NTSTATUS
KiTestAlert(KTHREAD *Thread, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable)
{
    if (WaitMode == UserMode && Thread->UserWaitsEnd) {
        return STATUS_USER_APC;
    }
    if (Alertable && Thread->Alerted) {
        Thread->Alerted = FALSE;
        return STATUS_ALERTED;
    }
    if (Alertable && WaitMode == UserMode && !IsListEmpty(&Thread->UserApcList)) {
        __atomic_store_n(&Thread->UserApcPending, TRUE, __ATOMIC_RELEASE);
        return STATUS_USER_APC;
    }
    return STATUS_WAIT_1;
}

/* Waits on blocks that are linked already, unless there is no time. Unlocks. */
static NTSTATUS
KiWaitLinked(KTHREAD *Thread, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
             const LARGE_INTEGER *Timeout)
{
    Thread->WaitMode = WaitMode;
    Thread->Alertable = Alertable;
    return KiBlockThread(Thread, Timeout);
}

BOOLEAN
KiAlertThread(KTHREAD *Thread)
{
    KTHREAD *self = KiGetCurrentThread();
    BOOLEAN old;

    KiLockDispatcher(self);
    old = Thread->Alerted;
    if (Thread->State == KI_THREAD_WAITING && Thread->Alertable) {
        KiUnwaitThread(Thread, STATUS_ALERTED);
    } else if (Thread->State == KI_THREAD_WAITING && Thread->WaitMode == UserMode) {
        KiUnwaitThread(Thread, STATUS_USER_APC);
    } else {
        Thread->Alerted = TRUE;
    }
    KiUnlockDispatcher(self);
    return old;
}

/* The object at Index completed a wait-any at once. */
static NTSTATUS
KiTakeOne(KTHREAD *Thread, DISPATCHER_HEADER *Header, ULONG Index)
{
    NTSTATUS status;

    KiCheckMutantLimit(Thread, Header);
    status = KiSatisfy(Header, Thread);
    KiUnlockDispatcher(Thread);
    return status + (NTSTATUS)Index;
}

static NTSTATUS
KiWaitAll(KTHREAD *Thread, ULONG Count, PVOID Object[])
{
    NTSTATUS status = STATUS_WAIT_0;

    for (ULONG i = 0; i < Count; i++) {
        if (!KiIsSignaled(Object[i], Thread)) {
            return STATUS_PENDING;
        }
    }
    for (ULONG i = 0; i < Count; i++) {
        KiCheckMutantLimit(Thread, Object[i]);
        if (KiSatisfy(Object[i], Thread) != STATUS_SUCCESS) {
            status = STATUS_ABANDONED;
        }
    }
    KiUnlockDispatcher(Thread);
    return status;
}

/* A wait that was not satisfied at once: does it end here all the same? Unlocks if it does. */
static BOOLEAN
KiWaitEndsNow(KTHREAD *Thread, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
              const LARGE_INTEGER *Timeout, NTSTATUS *Status)
{
    *Status = KiTestAlert(Thread, WaitMode, Alertable);
    if (*Status == STATUS_WAIT_1) {
        if (Timeout == NULL || Timeout->QuadPart != 0) {
            return FALSE;
        }
        *Status = STATUS_TIMEOUT;
    }
    KiUnlockDispatcher(Thread);
    return TRUE;
}

static PKWAIT_BLOCK
KiChooseWaitBlocks(KTHREAD *Thread, ULONG Count, PKWAIT_BLOCK WaitBlockArray)
{
    ULONG limit = WaitBlockArray == NULL ? THREAD_WAIT_OBJECTS : MAXIMUM_WAIT_OBJECTS;

    if (Count == 0 || Count > limit) {
        KiBugCheckDetail(
            MAXIMUM_WAIT_OBJECTS_EXCEEDED, Count, limit, 0, 0,
            "KeWaitForMultipleObjects with %u objects; with%s a WaitBlockArray 1 to %u "
            "are allowed",
            (unsigned)Count, WaitBlockArray == NULL ? "out" : "", (unsigned)limit);
    }
    return WaitBlockArray == NULL ? Thread->WaitBlock : WaitBlockArray;
}

/* One pass of a wait for one object; STATUS_KERNEL_APC: there must be another. */
static NTSTATUS
KiWaitForOne(KTHREAD *Thread, DISPATCHER_HEADER *Header, KPROCESSOR_MODE WaitMode,
             BOOLEAN Alertable, const LARGE_INTEGER *Timeout)
{
    NTSTATUS status;

    KiBeginWait(Thread);
    KiCheckDispatcherObject(Header, "KeWaitForSingleObject");
    if (KiIsSignaled(Header, Thread)) {
        return KiTakeOne(Thread, Header, 0);
    }
    if (KiWaitEndsNow(Thread, WaitMode, Alertable, Timeout, &status)) {
        return status;
    }
    KiLinkWaitBlock(Thread, &Thread->WaitBlock[0], Header, 0, WaitAny);
    Thread->WaitBlock[0].NextWaitBlock = &Thread->WaitBlock[0];
    Thread->WaitBlocks = &Thread->WaitBlock[0];
    return KiWaitLinked(Thread, WaitMode, Alertable, Timeout);
}

/* Completes the wait at once and unlocks, if it can: else STATUS_PENDING. */
static NTSTATUS
KiTryMultiple(KTHREAD *Thread, ULONG Count, PVOID Object[], WAIT_TYPE WaitType)
{
    for (ULONG i = 0; i < Count; i++) {
        KiCheckDispatcherObject(Object[i], "KeWaitForMultipleObjects");
    }
    if (WaitType == WaitAll) {
        return KiWaitAll(Thread, Count, Object);
    }
    for (ULONG i = 0; i < Count; i++) {
        if (KiIsSignaled(Object[i], Thread)) {
            return KiTakeOne(Thread, Object[i], i);
        }
    }
    return STATUS_PENDING;
}

#pragma GCC visibility push(default)

/*
 * KeWaitForSingleObject - wait until the object is signaled, and take it
 *
 * Timeout  NULL: for ever; 0: do not wait; < 0: relative, 100 ns units; > 0: absolute system time
 *
 * Returns  STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_ALERTED, STATUS_USER_APC or STATUS_ABANDONED
 * Errors   a wait that may block above APC_LEVEL is IRQL_NOT_LESS_OR_EQUAL, in a DPC
 *          ATTEMPTED_SWITCH_FROM_DPC; raises STATUS_MUTANT_LIMIT_EXCEEDED
 * IRQL     <= APC_LEVEL; DISPATCH_LEVEL with a time-out of 0
 */
NTSTATUS NTAPI
KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                      BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    NT_ENTER(KeWaitForSingleObject);
    KTHREAD *thread = KiGetCurrentThread();
    const LARGE_INTEGER *timeout = Timeout;
    LARGE_INTEGER rest;
    NTSTATUS status;

    KiCheckWaitIrql(thread, Timeout, Object, "KeWaitForSingleObject");
    for (;;) {
        status = KiWaitForOne(thread, Object, WaitMode, Alertable, timeout);
        if (__builtin_expect(status != STATUS_KERNEL_APC, 1)) {
            return status;
        }
        timeout = KiResumeTimeout(thread, timeout, &rest);
    }
}

/*
 * KeWaitForMultipleObjects - wait for one (WaitAny) or all (WaitAll) of up to 64 objects
 *
 * WaitBlockArray  Count blocks, in memory that stays until the return; NULL: Count <= 3
 *
 * Returns  STATUS_WAIT_0 + index, STATUS_ABANDONED_WAIT_0 + index (WaitAll: index 0), or as
 *          KeWaitForSingleObject
 * Errors   MAXIMUM_WAIT_OBJECTS_EXCEEDED; else as KeWaitForSingleObject
 * IRQL     as KeWaitForSingleObject
 */
NTSTATUS NTAPI
KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                         KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                         PKWAIT_BLOCK WaitBlockArray)
{
    NT_ENTER(KeWaitForMultipleObjects);
    KTHREAD *thread = KiGetCurrentThread();
    PKWAIT_BLOCK blocks = KiChooseWaitBlocks(thread, Count, WaitBlockArray);
    const LARGE_INTEGER *timeout = Timeout;
    LARGE_INTEGER rest;
    NTSTATUS status;

    KiCheckWaitIrql(thread, Timeout, Object[0], "KeWaitForMultipleObjects");
    for (;;) {
        KiBeginWait(thread);
        status = KiTryMultiple(thread, Count, Object, WaitType);
        if (status != STATUS_PENDING ||
            KiWaitEndsNow(thread, WaitMode, Alertable, timeout, &status)) {
            return status;
        }
        for (ULONG i = 0; i < Count; i++) {
            KiLinkWaitBlock(thread, &blocks[i], Object[i], (USHORT)i, (UCHAR)WaitType);
            blocks[i].NextWaitBlock = &blocks[i + 1 < Count ? i + 1 : 0];
        }
        thread->WaitBlocks = blocks;
        status = KiWaitLinked(thread, WaitMode, Alertable, timeout);
        if (__builtin_expect(status != STATUS_KERNEL_APC, 1)) {
            return status;
        }
        timeout = KiResumeTimeout(thread, timeout, &rest);
    }
}

/*
 * KeDelayExecutionThread - wait for a time only; an interval of 0 lets other threads run
 *
 * Returns  STATUS_SUCCESS when the time has passed, STATUS_ALERTED or STATUS_USER_APC before
 * IRQL     <= APC_LEVEL
 */
NTSTATUS NTAPI
KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    NT_ENTER(KeDelayExecutionThread);
    KTHREAD *thread = KiGetCurrentThread();
    const LARGE_INTEGER *interval = Interval;
    LARGE_INTEGER rest;
    NTSTATUS status;

    if (thread->WaitNext) {
        KiLockDispatcher(thread); /* bugchecks: this is not the wait that was announced */
    }
    for (;;) {
        KiBeginWait(thread);
        if (KiWaitEndsNow(thread, WaitMode, Alertable, interval, &status)) {
            HalpYield();
            break;
        }
        thread->WaitBlocks = NULL;
        status = KiWaitLinked(thread, WaitMode, Alertable, interval);
        if (__builtin_expect(status != STATUS_KERNEL_APC, 1)) {
            break;
        }
        interval = KiResumeTimeout(thread, interval, &rest);
    }
    return status == STATUS_TIMEOUT ? STATUS_SUCCESS : status;
}

#pragma GCC visibility pop
