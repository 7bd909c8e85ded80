/* SPDX-License-Identifier: MIT
 *
 * ps/thread.c - ETHREAD objects: life and end, host threads that join, and what drivers ask
 *
 * A host thread that the kernel did not make (a client's thread) gets its ETHREAD at the first
 * kernel call and loses it when the host thread ends. While an ETHREAD is being made or its last
 * reference goes, the thread runs on a KTHREAD on its stack: allocating needs a current thread.
 *
 * Invariants  TH1  A thread in a ThreadList holds its own reference (dropped when it ends).
 *             TH2  A thread references its process until PspDeleteThread.
 * Locks       EPROCESS.ThreadListLock (spin) guards ThreadList.
 */
#include "ps/psp.h"

#define PSP_C4_ENDED_WITH_LOCK 0x100A

static PSP_THREAD_RUNDOWN *PspThreadRundown;

VOID
PspRegisterThreadRundown(PSP_THREAD_RUNDOWN *Rundown)
{
    PspThreadRundown = Rundown;
}

/* ---- making ---- */

NTSTATUS
PspCreateThreadObject(PEPROCESS Process, PETHREAD *Thread)
{
    PETHREAD thread;
    NTSTATUS status;

    status = ObpCreateObject(PspThreadType, sizeof(*thread), (PVOID *)&thread);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ObReferenceObject(Process);
    KiInitializeThread(&thread->Tcb, &Process->Pcb);
    thread->Cid.UniqueProcess = Process->UniqueProcessId;
    KeInitializeSpinLock(&thread->IrpListLock);
    InitializeListHead(&thread->IrpList);
    InitializeListHead(&thread->ThreadListEntry);
    InitializeListHead(&thread->TimerList);
    KeInitializeEvent(&thread->Resumed, SynchronizationEvent, FALSE);
    thread->ExitStatus = STATUS_PENDING;
    *Thread = thread;
    return STATUS_SUCCESS;
}

VOID
PspDeleteThread(PVOID Object)
{
    PETHREAD thread = Object;

    NT_ASSERT_INTERNAL(IsListEmpty(&thread->IrpList));
    ObDereferenceObject(thread->Tcb.OwnProcess);
}

VOID
PspInsertThread(PETHREAD Thread, ULONG ThreadId)
{
    PEPROCESS process = (PEPROCESS)Thread->Tcb.OwnProcess;
    KIRQL irql;

    Thread->Cid.UniqueThread = ULongToHandle(ThreadId);
    KeAcquireSpinLock(&process->ThreadListLock, &irql);
    InsertTailList(&process->ThreadList, &Thread->ThreadListEntry);
    KeReleaseSpinLock(&process->ThreadListLock, irql);
}

VOID
PspBorrowThread(KTHREAD *Borrowed, KPROCESS *Process)
{
    RtlZeroMemory(Borrowed, sizeof(*Borrowed));
    KiInitializeThread(Borrowed, NULL);
    Borrowed->Process = Process;
    Borrowed->OwnProcess = Process;
    KiSetCurrentThread(Borrowed);
}

KTHREAD *
PspAttachHostThread(VOID)
{
    PETHREAD thread;
    KTHREAD borrowed;
    NTSTATUS status;

    while (!PspBeginThreadChange()) {
        PspStayAtGate();
    }
    PspBorrowThread(&borrowed, &PspClientProcess->Pcb);
    status = PspCreateThreadObject(PspClientProcess, &thread);
    if (!NT_SUCCESS(status)) {
        KiBugCheckDetail(INSTALL_MORE_MEMORY, 0, 0, 0, 0,
                         "no memory for the ETHREAD of host thread %u", HalpCurrentThreadId());
    }
    thread->Tcb.Cache = borrowed.Cache;
    KiSetCurrentThread(&thread->Tcb);
    thread->Tcb.PreviousMode = KernelMode;
    PspInsertThread(thread, HalpCurrentThreadId());
    PspTellThreadMade(thread);
    PspTellThreadStarts(thread);
    PspEndThreadChange();
    return &thread->Tcb;
}

/* ---- end ---- */

/* What a driver must not leave behind when its thread ends. */
static VOID
PspCheckThreadAtEnd(PETHREAD Thread)
{
    KTHREAD *tcb = &Thread->Tcb;
    EXP_TRACKED resource;
    uintptr_t low;
    uintptr_t high;
    char text[600];
    char routine[400];

    if (!IsListEmpty(&tcb->MutantList)) {
        KMUTANT *mutant = CONTAINING_RECORD(tcb->MutantList.Flink, KMUTANT, MutantListEntry);
        ExpNameCode((ULONG_PTR)Thread->StartAddress + 1, routine, sizeof(routine));
        KiBugCheckDetail(
            THREAD_TERMINATE_HELD_MUTEX, (ULONG_PTR)tcb, (ULONG_PTR)mutant, 0, 0,
            "the system thread %s ended while it owned the mutex %p; KeReleaseMutex it "
            "first",
            routine, (void *)mutant);
    }
    if (tcb->Irql != PASSIVE_LEVEL || tcb->KernelApcDisable != 0 || tcb->SpecialApcDisable != 0) {
        KiDescribeHeld(tcb, text, sizeof(text));
        ExpNameCode((ULONG_PTR)Thread->StartAddress + 1, routine, sizeof(routine));
        KiBugCheckDetail(KERNEL_APC_PENDING_DURING_EXIT, 0,
                         (ULONG_PTR)(LONG_PTR)tcb->KernelApcDisable, tcb->Irql, 0,
                         "the system thread %s ended at IRQL %u with %d critical and %d guarded "
                         "regions entered: a lock is still held, or a region not left. It holds: "
                         "%s",
                         routine, tcb->Irql, -tcb->KernelApcDisable, -tcb->SpecialApcDisable,
                         text[0] != 0 ? text : "nothing known");
    }
    if (ExpFindOwnedResource(tcb, &resource)) {
        ExpNameCode(resource.Caller, text, sizeof(text));
        ExpNameCode((ULONG_PTR)Thread->StartAddress + 1, routine, sizeof(routine));
        KiBugCheckDetail(DRIVER_VERIFIER_DETECTED_VIOLATION, PSP_C4_ENDED_WITH_LOCK,
                         (ULONG_PTR)resource.Object, (ULONG_PTR)tcb, 0,
                         "the system thread %s ended while it owned the ERESOURCE %p, initialised "
                         "by %s; ExReleaseResourceLite it first",
                         routine, resource.Object, text);
    }
    if (tcb->StackTimers) {
        HalpStackLimits(&low, &high);
        KiCheckStackTimers(tcb, (PVOID)high, "The system thread", (ULONG_PTR)Thread->StartAddress);
    }
}

static VOID
PspRemoveThread(PETHREAD Thread)
{
    PEPROCESS process = (PEPROCESS)Thread->Tcb.OwnProcess;
    KIRQL irql;

    KeAcquireSpinLock(&process->ThreadListLock, &irql);
    RemoveEntryList(&Thread->ThreadListEntry);
    InitializeListHead(&Thread->ThreadListEntry);
    KeReleaseSpinLock(&process->ThreadListLock, irql);
}

VOID
PspEndCurrentThread(PETHREAD Thread)
{
    KTHREAD borrowed;

    if (Thread->IsSystemThread) {
        PspCheckThreadAtEnd(Thread);
    }
    Thread->Tcb.Process = Thread->Tcb.OwnProcess;
    PspTellThreadEnds(Thread);
    __atomic_store_n(&Thread->IsTerminated, TRUE, __ATOMIC_RELEASE);
    if (PspThreadRundown != NULL) {
        PspThreadRundown(Thread);
    }
    PspCancelThreadTimers(Thread);
    KiRundownUserApcs(&Thread->Tcb);
    PspRemoveThread(Thread);
    KiTerminateThread(&Thread->Tcb);

    PspBorrowThread(&borrowed, &PsInitialSystemProcess->Pcb);
    borrowed.Cache = Thread->Tcb.Cache;
    RtlZeroMemory(&Thread->Tcb.Cache, sizeof(Thread->Tcb.Cache));
    ObDereferenceObject(Thread);
    ExpFlushThreadCache(&borrowed);
    KiSetCurrentThread(NULL);
}

VOID
PspDetachHostThread(KTHREAD *Thread)
{
    PETHREAD thread = (PETHREAD)Thread;

    if (!PspBeginThreadChange()) {
        return; /* the kernel is going, and the thread's object with it */
    }
    if (thread->ExitStatus == STATUS_PENDING) {
        thread->ExitStatus = STATUS_SUCCESS;
    }
    PspEndCurrentThread(thread);
    PspEndThreadChange();
}

ULONG
PspBeginThreadPass(VOID)
{
    static ULONG passes; /* atomic */

    return __atomic_add_fetch(&passes, 1, __ATOMIC_RELAXED);
}

PETHREAD
PspTakeThread(PEPROCESS Process, ULONG Pass)
{
    PETHREAD found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Process->ThreadListLock, &irql);
    for (PLIST_ENTRY entry = Process->ThreadList.Flink;
         entry != &Process->ThreadList && found == NULL; entry = entry->Flink) {
        PETHREAD thread = CONTAINING_RECORD(entry, ETHREAD, ThreadListEntry);

        if (thread->RundownPass != Pass) {
            thread->RundownPass = Pass;
            ObReferenceObject(thread); /* TH1 */
            found = thread;
        }
    }
    KeReleaseSpinLock(&Process->ThreadListLock, irql);
    return found;
}

VOID
PspRundownThreads(PEPROCESS Process)
{
    ULONG pass = PspBeginThreadPass();
    PETHREAD thread;

    while ((thread = PspTakeThread(Process, pass)) != NULL) {
        if (PspThreadRundown != NULL) {
            PspThreadRundown(thread);
        }
        PspCancelThreadTimers(thread);
        KiRundownUserApcs(&thread->Tcb);
        ObDereferenceObject(thread);
    }
}

/* ---- audits ---- */

ULONG
PspCountSystemThreadsInRange(ULONG_PTR Base, SIZE_T Size)
{
    PEPROCESS process = PsInitialSystemProcess;
    ULONG count = 0;
    KIRQL irql;

    KeAcquireSpinLock(&process->ThreadListLock, &irql);
    for (PLIST_ENTRY entry = process->ThreadList.Flink; entry != &process->ThreadList;
         entry = entry->Flink) {
        PETHREAD thread = CONTAINING_RECORD(entry, ETHREAD, ThreadListEntry);
        count += (ULONG_PTR)thread->SystemRoutine - Base < Size;
    }
    KeReleaseSpinLock(&process->ThreadListLock, irql);
    return count;
}

PETHREAD
PspFindThreadOf(PEPROCESS Process, HANDLE ThreadId)
{
    PETHREAD found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Process->ThreadListLock, &irql);
    for (PLIST_ENTRY entry = Process->ThreadList.Flink; entry != &Process->ThreadList;
         entry = entry->Flink) {
        PETHREAD thread = CONTAINING_RECORD(entry, ETHREAD, ThreadListEntry);
        if (thread->Cid.UniqueThread == ThreadId) {
            ObReferenceObject(thread); /* TH1 */
            found = thread;
            break;
        }
    }
    KeReleaseSpinLock(&Process->ThreadListLock, irql);
    return found;
}

/* ---- what drivers ask ---- */

#pragma GCC visibility push(default)

/* Differs: knows the threads of the system and of the client only. */
NTSTATUS NTAPI
PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD *Thread)
{
    NT_ENTER(PsLookupThreadByThreadId);
    PETHREAD thread;

    thread = PspFindThread(ThreadId);
    if (thread == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    *Thread = thread;
    return STATUS_SUCCESS;
}

/* Of the process that the thread belongs to, whatever it is attached to. */
HANDLE NTAPI
PsGetCurrentProcessId(VOID)
{
    return ((PETHREAD)KiGetCurrentThread())->Cid.UniqueProcess;
}

HANDLE NTAPI
PsGetCurrentThreadId(VOID)
{
    return ((PETHREAD)KiGetCurrentThread())->Cid.UniqueThread;
}

HANDLE NTAPI
PsGetThreadId(PETHREAD Thread)
{
    NT_ENTER(PsGetThreadId);
    return Thread->Cid.UniqueThread;
}

HANDLE NTAPI
PsGetThreadProcessId(PETHREAD Thread)
{
    return Thread->Cid.UniqueProcess;
}

NTSTATUS NTAPI
PsGetThreadExitStatus(PETHREAD Thread)
{
    NT_ENTER(PsGetThreadExitStatus);
    return PsIsThreadTerminating(Thread) ? Thread->ExitStatus : STATUS_PENDING;
}

PEPROCESS NTAPI
PsGetThreadProcess(PETHREAD Thread)
{
    return (PEPROCESS)Thread->Tcb.OwnProcess;
}

BOOLEAN NTAPI
PsIsSystemThread(PETHREAD Thread)
{
    NT_ENTER(PsIsSystemThread);
    return Thread->IsSystemThread;
}

BOOLEAN NTAPI
PsIsThreadTerminating(PETHREAD Thread)
{
    NT_ENTER(PsIsThreadTerminating);
    return __atomic_load_n(&Thread->IsTerminated, __ATOMIC_ACQUIRE);
}

#pragma GCC visibility pop
