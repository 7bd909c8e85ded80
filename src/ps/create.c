/* SPDX-License-Identifier: MIT
 *
 * ps/create.c - threads that the kernel makes: a driver's system threads and the client's threads
 *
 * A thread ends by returning to PspThreadStart: PsTerminateSystemThread and PspExitUserThread
 * longjmp there. So nothing of the driver's image is on the stack when the thread object is
 * signaled, and a driver that waited for it may be unmapped.
 *
 * The ended host thread is joined later, by the next thread to be made or at shutdown
 * (PspReapThreads): it cannot join itself.
 *
 * Invariants  C1  PSP_HOST_THREAD.References: one of the maker, one of the thread; the last to let
 *                 go puts the block on PspDeadThreads, so Host is set when it is read there.
 *             C2  A client's thread counts as a thread change from before its host thread is made
 *                 until it goes to user mode (EX2).
 */
#include <setjmp.h>

#include "ps/psp.h"
#include "ntbox/eh.h"

typedef struct PSP_HOST_THREAD {
    struct PSP_HOST_THREAD *Next; /* PspDeadThreads; atomic */
    HALP_THREAD *Host;
    PETHREAD Thread; /* until Started is set */
    LONG References; /* C1; atomic */
    KEVENT Started;  /* Cid is set */
    KEVENT Go;       /* the maker is done with it: it runs, or ends if Cancelled */
    BOOLEAN Cancelled;
} PSP_HOST_THREAD;

static PSP_HOST_THREAD *PspDeadThreads; /* atomic */
static uint32_t PspEndingThreads;       /* atomic: signaled as ended, not yet on PspDeadThreads */

/* ---- host threads ---- */

static VOID
PspReleaseHostThread(PSP_HOST_THREAD *Host)
{
    PSP_HOST_THREAD *head;

    if (__atomic_sub_fetch(&Host->References, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    head = __atomic_load_n(&PspDeadThreads, __ATOMIC_RELAXED);
    do {
        Host->Next = head;
    } while (!__atomic_compare_exchange_n(&PspDeadThreads, &head, Host, FALSE, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}

VOID
PspReapThreads(VOID)
{
    PSP_HOST_THREAD *host = __atomic_exchange_n(&PspDeadThreads, NULL, __ATOMIC_ACQUIRE);

    while (host != NULL) {
        PSP_HOST_THREAD *next = host->Next;
        HalpWaitThreadEnd(host->Host);
        ExFreePoolWithTag(host, PSP_TAG);
        host = next;
    }
}

VOID
PspJoinEndedThreads(VOID)
{
    uint32_t ending;

    while ((ending = __atomic_load_n(&PspEndingThreads, __ATOMIC_ACQUIRE)) != 0) {
        HalpWaitAddress(&PspEndingThreads, ending, HALP_NEVER);
    }
    PspReapThreads();
}

static VOID
PspRunSystemThread(PETHREAD Thread)
{
    Thread->SystemRoutine(Thread->StartContext);
    Thread->ExitStatus = STATUS_SUCCESS;
}

static VOID
PspRunUserThread(PETHREAD Thread)
{
    NTSTATUS (*start)(PVOID) = (NTSTATUS(*)(PVOID))(ULONG_PTR)Thread->StartAddress;
    LONG suspended;

    PspEndThreadChange(); /* C2 */
    /* Not a wait of the kernel's: it may last longer than the kernel. */
    while ((suspended = __atomic_load_n(&Thread->SuspendCount, __ATOMIC_ACQUIRE)) != 0) {
        HalpWaitAddress((uint32_t *)&Thread->SuspendCount, (uint32_t)suspended, HALP_NEVER);
    }
    Thread->ExitStatus = start(Thread->StartContext);
}

/* The frame to which an early end jumps. Apart from PspThreadStart: setjmp and locals do not mix.
 */
static VOID
PspRunThread(PETHREAD Thread)
{
    jmp_buf frame;

    Thread->ExitFrame = &frame;
    if (setjmp(frame) == 0) {
        if (Thread->IsSystemThread) {
            PspRunSystemThread(Thread);
        } else {
            PspRunUserThread(Thread);
        }
    }
}

static void
PspThreadStart(void *Context)
{
    PSP_HOST_THREAD *host = Context;
    PETHREAD thread = host->Thread;
    BOOLEAN leaves;

    KiSetCurrentThread(&thread->Tcb);
    PspInsertThread(thread, HalpCurrentThreadId());
    KeSetEvent(&host->Started, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(&host->Go, Executive, KernelMode, FALSE, NULL);
    if (!host->Cancelled) {
        PspTellThreadStarts(thread);
        PspRunThread(thread);
    }
    thread->ExitFrame = NULL;
    /* A client's that ended by returning, not in a system call, comes in from user mode. */
    leaves =
        !thread->IsSystemThread && __atomic_load_n(&thread->InSystemCall, __ATOMIC_RELAXED) == 0;
    while (leaves && !host->Cancelled && !PspBeginThreadChange()) { /* C2: or it has not left */
        PspStayAtGate();
    }
    __atomic_fetch_add(&PspEndingThreads, 1, __ATOMIC_ACQ_REL);
    PspEndCurrentThread(thread);
    PspReleaseHostThread(host);
    __atomic_fetch_sub(&PspEndingThreads, 1, __ATOMIC_ACQ_REL);
    HalpWakeAddress(&PspEndingThreads, MAXLONG);
    if (leaves) {
        PspEndThreadChange();
    }
}

DECLSPEC_NORETURN static VOID
PspLeaveThread(PETHREAD Thread, NTSTATUS Status)
{
    Thread->ExitStatus = Status;
    NtcrtExchangeFrames(NULL);                  /* the __try blocks below us are gone */
    _longjmp(*(jmp_buf *)Thread->ExitFrame, 1); /* the one that runs no __finally block */
}

/*
 * Makes the host thread of Thread and waits until its Cid is known; PspLetThreadGo follows.
 * Consumes the caller's reference: it becomes the thread's own (TH1), also on failure.
 */
static NTSTATUS
PspStartThread(PETHREAD Thread, const char *Name, PSP_HOST_THREAD **Host)
{
    PSP_HOST_THREAD *host;
    HALP_STATUS result = HALP_NO_MEMORY;

    PspReapThreads();
    host = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*host), PSP_TAG);
    if (host == NULL) {
        goto Undo;
    }
    host->Thread = Thread;
    host->References = 2;
    host->Cancelled = FALSE;
    KeInitializeEvent(&host->Started, NotificationEvent, FALSE);
    KeInitializeEvent(&host->Go, NotificationEvent, FALSE);
    if (!Thread->IsSystemThread) {
        PspContinueThreadChange(); /* C2 */
    }
    result = HalpCreateThread(&host->Host, Name, PspThreadStart, host);
    if (result != HALP_OK) {
        if (!Thread->IsSystemThread) {
            PspEndThreadChange();
        }
        ExFreePoolWithTag(host, PSP_TAG);
        goto Undo;
    }
    KeWaitForSingleObject(&host->Started, Executive, KernelMode, FALSE, NULL);
    *Host = host;
    return STATUS_SUCCESS;

Undo:
    Thread->ExitStatus = STATUS_INSUFFICIENT_RESOURCES;
    KiTerminateThread(&Thread->Tcb);
    ObDereferenceObject(Thread);
    return STATUS_INSUFFICIENT_RESOURCES;
}

/* Lets the thread run, or, with a failure, end without having run. */
static VOID
PspLetThreadGo(PETHREAD Thread, PSP_HOST_THREAD *Host, NTSTATUS Status)
{
    if (NT_SUCCESS(Status)) {
        PspTellThreadMade(Thread);
    } else {
        Thread->ExitStatus = Status;
        Host->Cancelled = TRUE;
    }
    KeSetEvent(&Host->Go, IO_NO_INCREMENT, FALSE);
    PspReleaseHostThread(Host);
}

/* Makes, hands out and starts a thread; Setup fields are already in Thread. */
static NTSTATUS
PspPublishThread(PETHREAD Thread, ACCESS_MASK Access, ULONG Attributes, PHANDLE Handle,
                 CLIENT_ID *ClientId)
{
    const char *name = Thread->IsSystemThread ? "system" : "client";
    PSP_HOST_THREAD *host;
    HANDLE handle;
    NTSTATUS status;

    ObReferenceObject(Thread); /* to read Cid behind the start */
    status = PspStartThread(Thread, name, &host);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(Thread);
        return status;
    }
    status = ObpMapAccess(PspThreadType, Access, KernelMode, &Access);
    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(Thread, Access, Attributes, &handle);
    }
    if (NT_SUCCESS(status)) {
        *Handle = handle;
        if (ClientId != NULL) {
            *ClientId = Thread->Cid;
        }
    }
    PspLetThreadGo(Thread, host, status);
    ObDereferenceObject(Thread);
    return status;
}

/* ---- system threads of the executive ---- */

static NTSTATUS
PspCreateSystemThreadObject(PEPROCESS Process, PKSTART_ROUTINE Routine, PVOID Context,
                            PETHREAD *Thread)
{
    NTSTATUS status = PspCreateThreadObject(Process, Thread);

    if (NT_SUCCESS(status)) {
        (*Thread)->IsSystemThread = TRUE;
        (*Thread)->SystemRoutine = Routine;
        (*Thread)->StartAddress = (PVOID)(ULONG_PTR)Routine;
        (*Thread)->StartContext = Context;
    }
    return status;
}

NTSTATUS
PspCreateReferencedSystemThread(PKSTART_ROUTINE Routine, PVOID Context, PETHREAD *Thread)
{
    PSP_HOST_THREAD *host;
    PETHREAD thread;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = PspCreateSystemThreadObject(PsInitialSystemProcess, Routine, Context, &thread);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ObReferenceObject(thread);
    status = PspStartThread(thread, "system", &host);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(thread);
        return status;
    }
    PspLetThreadGo(thread, host, STATUS_SUCCESS);
    *Thread = thread;
    return STATUS_SUCCESS;
}

/* ---- user threads ---- */

NTSTATUS
PspCreateUserThread(PVOID Start, PVOID Context, BOOLEAN Suspended, HANDLE *Handle,
                    CLIENT_ID *ClientId)
{
    PETHREAD thread;
    NTSTATUS status;

    status = PspCreateThreadObject(PspClientProcess, &thread);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    thread->StartAddress = Start;
    thread->StartContext = Context;
    thread->SuspendCount = Suspended != FALSE;
    return PspPublishThread(thread, THREAD_ALL_ACCESS, 0, Handle, ClientId);
}

DECLSPEC_NORETURN VOID
PspExitUserThread(NTSTATUS Status)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    NT_ASSERT_INTERNAL(thread->ExitFrame != NULL && !thread->IsSystemThread);
    PspLeaveThread(thread, Status);
}

/* ---- suspension ---- */

/* The thread of a handle, referenced, once the caller can be told the count. */
static NTSTATUS
PspReferenceSuspendable(HANDLE Handle, PULONG Previous, KPROCESSOR_MODE Mode, PETHREAD *Thread)
{
    NTSTATUS status = STATUS_SUCCESS;

    if (Previous != NULL && Mode != KernelMode) {
        status = MiProbeUser(Previous, sizeof(*Previous), __alignof__(ULONG), TRUE);
    }
    return NT_SUCCESS(status)
               ? ObReferenceObjectByHandle(Handle, THREAD_SUSPEND_RESUME, PspThreadType, Mode,
                                           (PVOID *)Thread, NULL)
               : status;
}

/* A thread with a count is stopped, so it may be counted up; one without must be the caller. */
static NTSTATUS
PspAddSuspension(PETHREAD Thread, LONG *Previous)
{
    BOOLEAN isSelf = Thread == (PETHREAD)KiGetCurrentThread();
    LONG count = __atomic_load_n(&Thread->SuspendCount, __ATOMIC_RELAXED);

    do {
        if (PsIsThreadTerminating(Thread)) {
            return STATUS_THREAD_IS_TERMINATING;
        }
        if (count == 0 && !isSelf) {
            return STATUS_NOT_SUPPORTED;
        }
        if (count == PSP_SUSPEND_LIMIT) {
            return STATUS_SUSPEND_COUNT_EXCEEDED;
        }
    } while (!__atomic_compare_exchange_n(&Thread->SuspendCount, &count, count + 1, FALSE,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    *Previous = count;
    return STATUS_SUCCESS;
}

/* The count before. */
static LONG
PspDropSuspension(PETHREAD Thread)
{
    LONG count = __atomic_load_n(&Thread->SuspendCount, __ATOMIC_RELAXED);

    while (count != 0 && !__atomic_compare_exchange_n(&Thread->SuspendCount, &count, count - 1,
                                                      FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    }
    if (count == 1) {
        HalpWakeAddress((uint32_t *)&Thread->SuspendCount, MAXLONG);
        KeSetEvent(&Thread->Resumed, IO_NO_INCREMENT, FALSE);
    }
    return count;
}

/* The calling thread has suspended itself. An end of the process ends this too, as any wait. */
static VOID
PspStaySuspended(PETHREAD Thread)
{
    NTSTATUS status = STATUS_SUCCESS;

    /* Resumed may be set still, by an earlier resume: the count tells. */
    while (status == STATUS_SUCCESS &&
           __atomic_load_n(&Thread->SuspendCount, __ATOMIC_ACQUIRE) != 0) {
        status = KeWaitForSingleObject(&Thread->Resumed, Suspended, UserMode, FALSE, NULL);
    }
}

/*
 * NtSuspendThread - one more reason for a thread not to run
 *
 * Previous  NULL, or receives the count before
 *
 * Errors   STATUS_SUSPEND_COUNT_EXCEEDED: it is 127 already; STATUS_THREAD_IS_TERMINATING; those of
 *          the handle (THREAD_SUSPEND_RESUME); STATUS_ACCESS_VIOLATION
 * IRQL     PASSIVE_LEVEL. On the calling thread it returns when that is resumed, or ends.
 * Differs  STATUS_NOT_SUPPORTED for another thread that runs: there is no stopping a host thread
 *          at any place without locks of the program's that it may hold
 */
NTSTATUS NTAPI
NtSuspendThread(HANDLE Thread, PULONG Previous)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    PETHREAD thread;
    NTSTATUS status;
    LONG previous;

    status = PspReferenceSuspendable(Thread, Previous, mode, &thread);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PspAddSuspension(thread, &previous);
    if (NT_SUCCESS(status) && Previous != NULL) {
        status = MiCopyToUser(Previous, &previous, sizeof(previous), mode);
    }
    if (NT_SUCCESS(status) && thread == (PETHREAD)KiGetCurrentThread()) {
        PspStaySuspended(thread);
    }
    ObDereferenceObject(thread);
    return status;
}

#pragma GCC visibility push(default)

/* ---- services of the gate; contracts in init/services.h ---- */

NTSTATUS
NtboxCreateThread(PHANDLE Handle, PVOID Start, PVOID Context, BOOLEAN Suspended,
                  CLIENT_ID *ClientId)
{
    CLIENT_ID clientId;
    HANDLE handle;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = PspCreateUserThread(Start, Context, Suspended, &handle, &clientId);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (ClientId != NULL) {
        MiCopyToUser(ClientId, &clientId, sizeof(clientId), ExGetPreviousMode());
    }
    return MiCopyToUser(Handle, &handle, sizeof(handle), ExGetPreviousMode());
}

NTSTATUS
NtboxTerminateCurrentThread(NTSTATUS Status)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (thread->ExitFrame == NULL) {
        thread->ExitStatus = Status;
        return STATUS_NOT_SUPPORTED;
    }
    PspExitUserThread(Status);
}

NTSTATUS
NtboxQueryThread(HANDLE Thread, CLIENT_ID *ClientId, NTSTATUS *ExitStatus)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    NTSTATUS exitStatus;
    PETHREAD thread;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = ObReferenceObjectByHandle(Thread, THREAD_QUERY_LIMITED_INFORMATION, PspThreadType,
                                       mode, (PVOID *)&thread, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    exitStatus = PsGetThreadExitStatus(thread);
    if (ClientId != NULL) {
        status = MiCopyToUser(ClientId, &thread->Cid, sizeof(*ClientId), mode);
    }
    if (NT_SUCCESS(status) && ExitStatus != NULL) {
        status = MiCopyToUser(ExitStatus, &exitStatus, sizeof(exitStatus), mode);
    }
    ObDereferenceObject(thread);
    return status;
}

/*
 * NtResumeThread - takes one suspension back; the thread runs when that was the last
 *
 * Previous  NULL, or receives the count before; 0: it was not suspended
 *
 * Errors   those of the handle (THREAD_SUSPEND_RESUME); STATUS_ACCESS_VIOLATION
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
NtResumeThread(HANDLE Thread, PULONG Previous)
{
    NT_ENTER(NtResumeThread);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    PETHREAD thread;
    NTSTATUS status;
    LONG previous;

    status = PspReferenceSuspendable(Thread, Previous, mode, &thread);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    previous = PspDropSuspension(thread);
    if (Previous != NULL) {
        status = MiCopyToUser(Previous, &previous, sizeof(previous), mode);
    }
    ObDereferenceObject(thread);
    return status;
}

/* ---- system threads ---- */

/*
 * PsCreateSystemThread - a thread that runs a driver's routine at PASSIVE_LEVEL
 *
 * ThreadHandle      closed by the caller (ZwClose); always a kernel handle
 * DesiredAccess     of the handle
 * ObjectAttributes  only Attributes is looked at
 * ProcessHandle     NULL: the system process; else the client's
 *
 * Errors   STATUS_INSUFFICIENT_RESOURCES; STATUS_NOT_SUPPORTED for a process of the machine
 * IRQL     PASSIVE_LEVEL; blocks until the thread has started
 * Differs  the thread begins in no critical region
 * Source   WDK reference, nf-wdm-pscreatesystemthread
 */
NTSTATUS NTAPI
PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                     HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                     PVOID StartContext)
{
    NT_ENTER(PsCreateSystemThread);
    ULONG attributes = ObjectAttributes != NULL ? ObjectAttributes->Attributes : 0;
    PEPROCESS process = PsInitialSystemProcess;
    PETHREAD thread;
    NTSTATUS status;

    if (ProcessHandle != NULL) {
        status = ObReferenceObjectByHandle(ProcessHandle, 0, PspProcessType, KernelMode,
                                           (PVOID *)&process, NULL);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    } else {
        ObReferenceObject(process);
    }
    status = STATUS_NOT_SUPPORTED;
    if (!process->IsMachineProcess) {
        status = PspCreateSystemThreadObject(process, StartRoutine, StartContext, &thread);
    }
    ObDereferenceObject(process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    return PspPublishThread(thread, DesiredAccess, attributes | OBJ_KERNEL_HANDLE, ThreadHandle,
                            ClientId);
}

/*
 * PsTerminateSystemThread - ends the calling system thread; does not return then
 *
 * Errors   STATUS_INVALID_PARAMETER: not a system thread
 * IRQL     PASSIVE_LEVEL. A lock still held is a bugcheck that names it.
 * Source   WDK reference, nf-wdm-psterminatesystemthread
 */
NTSTATUS NTAPI
PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    NT_ENTER(PsTerminateSystemThread);
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    if (!thread->IsSystemThread || thread->ExitFrame == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    PspLeaveThread(thread, ExitStatus);
}

#pragma GCC visibility pop
