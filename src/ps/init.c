/* SPDX-License-Identifier: MIT
 *
 * ps/init.c - types, the system and the client process, start and end of ps
 */
#include "ps/psp.h"

#define PSP_SYSTEM_PROCESS_ID 4

POBJECT_TYPE PspProcessType;
POBJECT_TYPE PspThreadType;
PEPROCESS PspClientProcess;

#pragma GCC visibility push(default)
POBJECT_TYPE *PsProcessType = &PspProcessType;
POBJECT_TYPE *PsThreadType = &PspThreadType;
PEPROCESS PsInitialSystemProcess;
#pragma GCC visibility pop

_Static_assert(sizeof(ETHREAD) <= KI_SYSTEM_THREAD_SIZE, "ke's own threads hold an ETHREAD");

static OBP_HANDLE_TABLE *
PspGetHandleTable(PEPROCESS Process)
{
    return Process->HandleTable;
}

static PACCESS_TOKEN *
PspTokenField(PEPROCESS Process)
{
    return &Process->Token;
}

/* Type procedure: who may open a process may open its threads. */
static PSECURITY_DESCRIPTOR *
PspThreadSecurity(PVOID Object)
{
    return ObpSecurityField(((PETHREAD)Object)->Tcb.OwnProcess);
}

static NTSTATUS
PspCreateTypes(VOID)
{
    static const OBP_TYPE_OPS processOps = {
        .Name = L"Process",
        .ValidAccess = PROCESS_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | PROCESS_QUERY_INFORMATION,
                    STANDARD_RIGHTS_WRITE | PROCESS_CREATE_THREAD,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, PROCESS_ALL_ACCESS},
        .Waitable = TRUE,
        .TakesCallbacks = TRUE,
        .Delete = PspDeleteProcess,
    };
    static const OBP_TYPE_OPS threadOps = {
        .Name = L"Thread",
        .ValidAccess = THREAD_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | THREAD_QUERY_INFORMATION,
                    STANDARD_RIGHTS_WRITE | THREAD_SET_INFORMATION,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, THREAD_ALL_ACCESS},
        .Waitable = TRUE,
        .TakesCallbacks = TRUE,
        .Delete = PspDeleteThread,
        .SecurityField = PspThreadSecurity,
    };
    NTSTATUS status = ObpCreateType(&processOps, &PspProcessType);

    if (NT_SUCCESS(status)) {
        status = ObpCreateType(&threadOps, &PspThreadType);
    }
    if (NT_SUCCESS(status)) {
        status = PspCreateSectionType();
    }
    if (NT_SUCCESS(status)) {
        status = SepInitializeTokens();
    }
    SepRegisterProcessTokens(PspTokenField);
    return NT_SUCCESS(status) ? PspCreateTimerType() : status;
}

static NTSTATUS
PspCreateOwnProcess(ULONG ProcessId, ULONG ParentId, const char *Image, PEPROCESS *Process)
{
    PEPROCESS process;
    NTSTATUS status;

    status = PspCreateProcess(ULongToHandle(ProcessId), ULongToHandle(ParentId), Image,
                              strlen(Image), &process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    process->CreateTime.QuadPart = (LONGLONG)HalpSystemTime();
    status = ObpCreateHandleTable(process, &process->HandleTable);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(process);
        return status;
    }
    SepAssignProcessToken(process, NULL);
    PspInsertProcess(process);
    *Process = process;
    return STATUS_SUCCESS;
}

VOID
PspCloseHandleTable(PEPROCESS Process)
{
    OBP_HANDLE_TABLE *table = Process->HandleTable;

    Process->HandleTable = NULL;
    if (table != NULL) {
        ObpDestroyHandleTable(table);
    }
}

/* What a fault on this thread means: the client's code, a system call, or the kernel's own. */
static MI_CODE_MODE
PspQueryCodeMode(KTHREAD *Thread)
{
    PETHREAD thread = (PETHREAD)Thread;

    if (thread->IsSystemThread) {
        return MI_CODE_SYSTEM_THREAD;
    }
    if (__atomic_load_n(&thread->InSystemCall, __ATOMIC_RELAXED) != 0) {
        return MI_CODE_SYSTEM_SERVICE;
    }
    /* The program of another process does not run here. */
    return thread->Tcb.OwnProcess == &PspClientProcess->Pcb ? MI_CODE_USER : MI_CODE_SYSTEM_THREAD;
}

/* ---- threads for ex, below us ---- */

static NTSTATUS
PspCreateWorker(PKSTART_ROUTINE Routine, PVOID Context, PVOID *Thread)
{
    PETHREAD thread;
    NTSTATUS status = PspCreateReferencedSystemThread(Routine, Context, &thread);

    if (NT_SUCCESS(status)) {
        *Thread = thread;
    }
    return status;
}

static VOID
PspWaitForWorker(PVOID Thread)
{
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

NTSTATUS
PspInitializeSystem(VOID)
{
    static const KI_THREAD_OPS threadOps = {PspAttachHostThread, PspDetachHostThread};
    static const EXP_THREAD_OPS workerOps = {PspCreateWorker, PspWaitForWorker};
    char path[1024] = "";
    char line[8];
    NTSTATUS status;

    PspOpenGate();
    status = PspCreateTypes();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PspCreateOwnProcess(PSP_SYSTEM_PROCESS_ID, 0, "System", &PsInitialSystemProcess);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    HalpQueryOwnImage(path, sizeof(path), line, sizeof(line));
    status = PspCreateOwnProcess(HalpCurrentProcessId(), 0, path, &PspClientProcess);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ObpRegisterTables(PspGetHandleTable, PsInitialSystemProcess->HandleTable);
    KiSetSystemProcess(&PsInitialSystemProcess->Pcb);
    PspInitializeNotify();
    KiRegisterThreadOps(&threadOps);
    KiSetCurrentThread(NULL); /* from the start's own thread to an ETHREAD of the client */
    KiAttachHostThread();
    MiRegisterModeQuery(PspQueryCodeMode);
    ExpRegisterThreadOps(&workerOps);
    PspStartPoolQuota();
    return STATUS_SUCCESS;
}

/*
 * The calling thread stays an ETHREAD of the client until the kernel is gone; the two processes
 * and their tables go with the pools.
 */
VOID
PspShutdownSystem(VOID)
{
    PspForgetMachineProcesses();
    PspFreeDeliveryBuffers();
    PspCloseHandleTable(PspClientProcess);
    PspCloseHandleTable(PsInitialSystemProcess);
    SepShutdownTokens();
    PspJoinEndedThreads();
    ExpRegisterQuotaOps(NULL);
}

/* ---- client process rundown ---- */

VOID
PspRundownProcess(PEPROCESS Process)
{
    OBP_HANDLE_TABLE *old = Process->HandleTable;
    OBP_HANDLE_TABLE *fresh;
    KAPC_STATE apcState;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    PspRundownThreads(Process);
    status = ObpCreateHandleTable(Process, &fresh);
    Process->HandleTable = NT_SUCCESS(status) ? fresh : NULL;
    KeStackAttachProcess(&Process->Pcb, &apcState);
    MiRundownProcessMappings(Process);
    if (old != NULL) {
        ObpDestroyHandleTable(old);
    }
    KeUnstackDetachProcess(&apcState);
}
