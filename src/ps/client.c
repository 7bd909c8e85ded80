/* SPDX-License-Identifier: MIT
 *
 * ps/client.c - client processes that are processes of the host's: their objects and their threads
 *
 * A thread of such a process runs its program over there; here a host thread stands for it, serves
 * its system calls, and is the ETHREAD that drivers see: same process, same identifiers, and its
 * requests are cancelled when it ends.
 */
#include "mm/client.h"
#include "ps/psp.h"

NTSTATUS
PspCreateClientProcess(const PSP_CLIENT_OPTIONS *Options, PEPROCESS *Process)
{
    PEPROCESS process;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = PspCreateProcess(ULongToHandle(Options->ProcessId), ULongToHandle(Options->ParentId),
                              Options->Image, strlen(Options->Image), &process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    process->CreateTime.QuadPart = (LONGLONG)HalpSystemTime();
    status = ObpCreateHandleTable(process, &process->HandleTable);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(process);
        return status;
    }
    SepAssignProcessToken(process, Options->Token);
    ObpLimitHandles(process->HandleTable, (ULONG)MiClientLimit(MiQuotaHandles));
    MiReferenceClient(Options->Memory);
    process->Pcb.Client = Options->Memory;
    PspInsertProcess(process);
    *Process = process;
    return STATUS_SUCCESS;
}

/* The calling host thread becomes a thread of Process; NULL: no memory. */
static PETHREAD
PspBecomeThread(PEPROCESS Process)
{
    KTHREAD borrowed;
    PETHREAD thread;

    PspBorrowThread(&borrowed, &PsInitialSystemProcess->Pcb);
    if (!NT_SUCCESS(PspCreateThreadObject(Process, &thread))) {
        ExpFlushThreadCache(&borrowed);
        KiSetCurrentThread(NULL);
        return NULL;
    }
    thread->Tcb.Cache = borrowed.Cache;
    KiSetCurrentThread(&thread->Tcb);
    thread->Tcb.PreviousMode = KernelMode;
    return thread;
}

BOOLEAN
PspEnterClientThread(PEPROCESS Process, ULONG ThreadId)
{
    PETHREAD thread = PspBecomeThread(Process);

    if (thread == NULL) {
        return FALSE;
    }
    PspInsertThread(thread, ThreadId);
    PspTellThreadMade(thread);
    PspTellThreadStarts(thread);
    return TRUE;
}

VOID
PspLeaveClientThread(NTSTATUS ExitStatus)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    thread->ExitStatus = ExitStatus;
    PspEndCurrentThread(thread);
}

BOOLEAN
PspEnterServerThread(PEPROCESS Process)
{
    PETHREAD thread = PspBecomeThread(Process);

    if (thread == NULL) {
        return FALSE;
    }
    thread->IsSystemThread = TRUE;
    PspInsertThread(thread, HalpCurrentThreadId());
    return TRUE;
}

VOID
PspLeaveServerThread(VOID)
{
    PspEndCurrentThread((PETHREAD)KiGetCurrentThread());
}

VOID
PspBorrowSystemThread(KTHREAD *Borrowed)
{
    PspBorrowThread(Borrowed, &PsInitialSystemProcess->Pcb);
}

VOID
PspReturnSystemThread(KTHREAD *Borrowed)
{
    ExpFlushThreadCache(Borrowed);
    KiSetCurrentThread(NULL);
}

ULONG
PspPushClientOut(PEPROCESS Process, BOOLEAN Report)
{
    return PspPushThreadsOut(Process, NULL, Report);
}

VOID
PspEndClientProcess(PEPROCESS Process, NTSTATUS ExitStatus)
{
    MI_CLIENT *memory = Process->Pcb.Client;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (MiClientMdlCount(memory) != 0) {
        KiBugCheckDetail(PROCESS_HAS_LOCKED_PAGES, 0, (ULONG_PTR)Process,
                         (ULONG_PTR)MiClientMdlCount(memory), 0,
                         "process %u has ended, and a driver still has %d MDL(s) over its memory "
                         "locked: MmUnlockPages them when its handle is cleaned up",
                         HandleToULong(Process->UniqueProcessId), (int)MiClientMdlCount(memory));
    }
    PspCloseHandleTable(Process);
    __atomic_store_n(&Process->ExitStatus, ExitStatus, __ATOMIC_RELAXED);
    __atomic_store_n(&Process->ExitTime, (LONGLONG)HalpSystemTime(), __ATOMIC_RELAXED);
    KiTerminateProcess(&Process->Pcb);
    Process->Pcb.Client = NULL;
    MiDereferenceClient(memory);
    PspRemoveProcess(Process);
    ObDereferenceObject(Process);
}
