/* SPDX-License-Identifier: MIT
 *
 * ps/open.c - handles to processes and threads, by their IDs, and ending a process
 *
 * Processes of the machine can be opened, asked about and, as handles, passed on; they have no
 * handle table and no address space of ours, so what works on those is STATUS_NOT_SUPPORTED.
 *
 * Source   WDK reference, ntddk.h NtOpenProcess (ZwOpenProcess), ZwTerminateProcess; ntifs.h
 *          PsLookupProcessThreadByCid; SDK, "Process Security and Access Rights".
 */
#include "mm/client.h"
#include "ps/psp.h"

#define PSP_ANY_ACCESS                                                                \
    (GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL | MAXIMUM_ALLOWED | \
     ACCESS_SYSTEM_SECURITY)

/* What the two opens say alike; Attributes keeps no name, so there is nothing to release. */
static NTSTATUS
PspCaptureOpen(POBJECT_ATTRIBUTES Attributes, PCLIENT_ID ClientId, KPROCESSOR_MODE Mode,
               ULONG *Flags, CLIENT_ID *Id)
{
    OBP_ATTRIBUTES captured;
    OBJECT_ATTRIBUTES copy;
    NTSTATUS status;

    status = MiCopyFromUser(&copy, Attributes, sizeof(copy), Mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (ClientId == NULL || copy.ObjectName != NULL) {
        return STATUS_INVALID_PARAMETER_MIX;
    }
    copy.SecurityDescriptor = NULL; /* the caller's address, and no use here */
    status = ObpCaptureAttributes(&copy, KernelMode, &captured);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    *Flags = captured.Attributes;
    if (Mode != KernelMode) {
        *Flags &= ~(ULONG)OBJ_KERNEL_HANDLE;
    }
    return MiCopyFromUser(Id, ClientId, sizeof(*Id), Mode);
}

/* The process of a client ID, referenced: by its own ID, or by that of one of its threads. */
static NTSTATUS
PspFindClient(const CLIENT_ID *Id, PEPROCESS *Process)
{
    PETHREAD thread;

    if (Id->UniqueThread != NULL) {
        if (!NT_SUCCESS(PsLookupThreadByThreadId(Id->UniqueThread, &thread))) {
            return STATUS_INVALID_CID;
        }
        *Process = PsGetThreadProcess(thread);
        ObReferenceObject(*Process);
        ObDereferenceObject(thread);
        if (Id->UniqueProcess != NULL && (*Process)->UniqueProcessId != Id->UniqueProcess) {
            ObDereferenceObject(*Process);
            return STATUS_INVALID_CID;
        }
        return STATUS_SUCCESS;
    }
    *Process = PspFindProcess(Id->UniqueProcess, FALSE);
    return *Process != NULL ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* A handle to Object, whose reference is consumed, written to the caller. */
static NTSTATUS
PspOpenObject(PVOID Object, ACCESS_MASK Access, ULONG Attributes, KPROCESSOR_MODE Mode,
              PHANDLE Handle)
{
    HANDLE handle;
    NTSTATUS status;

    if (Mode != KernelMode && SeSinglePrivilegeCheck(SeExports->SeDebugPrivilege, Mode)) {
        /* A debugger may all with every process. */
        status = ObpMapAccess(ObpGetObjectType(Object), Access, Mode, &Access);
    } else {
        status = ObpCheckAccess(Object, Access, Mode, &Access);
    }

    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(Object, Access, Attributes, &handle);
    }
    ObDereferenceObject(Object);
    return NT_SUCCESS(status) ? ObpReturnHandle(Handle, handle, Mode) : status;
}

/* The caller can be told the handle. */
static NTSTATUS
PspProbeHandle(PHANDLE Handle, KPROCESSOR_MODE Mode)
{
    return Mode == KernelMode ? STATUS_SUCCESS
                              : MiProbeUser(Handle, sizeof(*Handle), __alignof__(HANDLE), TRUE);
}

#pragma GCC visibility push(default)

/*
 * NtOpenProcess - a handle to the process of a client ID
 *
 * Errors   STATUS_INVALID_PARAMETER_MIX: a name, or no ClientId; STATUS_INVALID_CID: no such
 * thread, or not of that process; STATUS_INVALID_PARAMETER: no such process, or rights that a
 *          process does not have; STATUS_ACCESS_VIOLATION; STATUS_ACCESS_DENIED: another's process,
 *          and no SeDebugPrivilege
 * IRQL     PASSIVE_LEVEL. Object callbacks are called, and may cut the access down.
 * Differs  knows the processes that PsLookupProcessByProcessId knows; those of the machine are
 *          open to all
 * Source   WDK reference, nf-ntddk-ntopenprocess
 */
NTSTATUS NTAPI
NtOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
              PCLIENT_ID ClientId)
{
    NT_ENTER(NtOpenProcess);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    PEPROCESS process;
    NTSTATUS status;
    ULONG flags;
    CLIENT_ID id;

    status = PspProbeHandle(ProcessHandle, mode);
    if (NT_SUCCESS(status)) {
        status = PspCaptureOpen(ObjectAttributes, ClientId, mode, &flags, &id);
    }
    if (NT_SUCCESS(status) && (DesiredAccess & ~(PROCESS_ALL_ACCESS | PSP_ANY_ACCESS)) != 0) {
        status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status)) {
        status = PspFindClient(&id, &process);
    }
    return NT_SUCCESS(status) ? PspOpenObject(process, DesiredAccess, flags, mode, ProcessHandle)
                              : status;
}

NTSTATUS NTAPI
ZwOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
              PCLIENT_ID ClientId)
{
    NT_ENTER(ZwOpenProcess);
    return OBP_ZW(NtOpenProcess(ProcessHandle, DesiredAccess, ObjectAttributes, ClientId));
}

/* The same for a thread; STATUS_INVALID_CID: no such thread, or not of that process. */
NTSTATUS NTAPI
NtOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
             PCLIENT_ID ClientId)
{
    NT_ENTER(NtOpenThread);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    PETHREAD thread;
    NTSTATUS status;
    ULONG flags;
    CLIENT_ID id;

    status = PspProbeHandle(ThreadHandle, mode);
    if (NT_SUCCESS(status)) {
        status = PspCaptureOpen(ObjectAttributes, ClientId, mode, &flags, &id);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if ((DesiredAccess & ~(THREAD_ALL_ACCESS | PSP_ANY_ACCESS)) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!NT_SUCCESS(PsLookupThreadByThreadId(id.UniqueThread, &thread))) {
        return STATUS_INVALID_CID;
    }
    if (id.UniqueProcess != NULL && thread->Cid.UniqueProcess != id.UniqueProcess) {
        ObDereferenceObject(thread);
        return STATUS_INVALID_CID;
    }
    return PspOpenObject(thread, DesiredAccess, flags, mode, ThreadHandle);
}

NTSTATUS NTAPI
ZwOpenThread(PHANDLE ThreadHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
             PCLIENT_ID ClientId)
{
    NT_ENTER(ZwOpenThread);
    return OBP_ZW(NtOpenThread(ThreadHandle, DesiredAccess, ObjectAttributes, ClientId));
}

/* Thread (or NULL) and process (or NULL) of a client ID, each referenced. */
NTSTATUS NTAPI
PsLookupProcessThreadByCid(PCLIENT_ID ClientId, PEPROCESS *Process, PETHREAD *Thread)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    PETHREAD thread;

    if (!NT_SUCCESS(PsLookupThreadByThreadId(ClientId->UniqueThread, &thread))) {
        return STATUS_INVALID_CID;
    }
    if (thread->Cid.UniqueProcess != ClientId->UniqueProcess) {
        ObDereferenceObject(thread);
        return STATUS_INVALID_CID;
    }
    if (Process != NULL) {
        *Process = PsGetThreadProcess(thread);
        ObReferenceObject(*Process);
    }
    *Thread = thread;
    return STATUS_SUCCESS;
}

/*
 * NtTerminateProcess - refused for every process: ntbox ends none
 *
 * Errors   those of the handle; STATUS_NOT_SUPPORTED: the client, whose kernel this is, ends by its
 *          own exit, and processes of the machine are not ours; STATUS_ACCESS_DENIED: the system;
 *          STATUS_PROCESS_IS_TERMINATING: it has ended
 * Source   WDK reference, nf-ntddk-zwterminateprocess
 */
NTSTATUS NTAPI
NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus)
{
    NT_ENTER(NtTerminateProcess);
    PEPROCESS process;
    NTSTATUS status;

    status = ObReferenceObjectByHandle(ProcessHandle != NULL ? ProcessHandle : NtCurrentProcess(),
                                       PROCESS_TERMINATE, PspProcessType, ExGetPreviousMode(),
                                       (PVOID *)&process, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (process == PsInitialSystemProcess) {
        status = STATUS_ACCESS_DENIED;
    } else {
        status = __atomic_load_n(&process->ExitTime, __ATOMIC_RELAXED) != 0
                     ? STATUS_PROCESS_IS_TERMINATING
                     : STATUS_NOT_SUPPORTED;
    }
    ObDereferenceObject(process);
    return status;
}

NTSTATUS NTAPI
ZwTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus)
{
    NT_ENTER(ZwTerminateProcess);
    return OBP_ZW(NtTerminateProcess(ProcessHandle, ExitStatus));
}

#pragma GCC visibility pop
