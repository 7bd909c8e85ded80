/* SPDX-License-Identifier: MIT
 *
 * ps/userapc.c - user APCs that a program queues itself
 *
 * Source   SDK reference, QueueUserAPC; the system calls as public programs use them.
 */
#include "mm/client.h"
#include "ps/psp.h"

#define PSP_THREAD_SET_CONTEXT 0x0010u

typedef struct PSP_USER_APC {
    KAPC Apc;
    MI_CLIENT *Client; /* to whom it is charged; or NULL */
} PSP_USER_APC;

/* SystemArgument1, SystemArgument2 and NormalContext carry the three arguments. */
static VOID NTAPI
PspFreeApc(PKAPC Apc)
{
    PSP_USER_APC *apc = CONTAINING_RECORD(Apc, PSP_USER_APC, Apc);

    MiReturnCharge(apc->Client, MiQuotaRequests, 1);
    ExFreePoolWithTag(apc, PSP_TAG);
}

static VOID NTAPI
PspTakeApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *SystemArgument1,
           PVOID *SystemArgument2)
{
    PspFreeApc(Apc);
}

/*
 * NtQueueApcThread - Routine(Context, Argument1, Argument2) runs on a thread of the client
 *
 * It runs in the thread's next alertable wait in user mode, or ends the one that it is in.
 *
 * Errors   STATUS_INVALID_HANDLE (also a system thread), STATUS_OBJECT_TYPE_MISMATCH,
 *          STATUS_ACCESS_DENIED (without THREAD_SET_CONTEXT), STATUS_UNSUCCESSFUL (the thread is
 *          ending), STATUS_INSUFFICIENT_RESOURCES; a client process: STATUS_QUOTA_EXCEEDED
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
NtQueueApcThread(HANDLE Thread, PVOID Routine, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    NTSTATUS status;
    PETHREAD thread;
    PSP_USER_APC *apc;
    MI_CLIENT *client = MiCurrentClient();

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = ObReferenceObjectByHandle(Thread, PSP_THREAD_SET_CONTEXT, PspThreadType,
                                       ExGetPreviousMode(), (PVOID *)&thread, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (thread->IsSystemThread) {
        ObDereferenceObject(thread);
        return STATUS_INVALID_HANDLE;
    }
    status = MiChargeClient(client, MiQuotaRequests, 1);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(thread);
        return status;
    }
    status = STATUS_INSUFFICIENT_RESOURCES;
    apc = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*apc), PSP_TAG);
    if (apc == NULL) {
        MiReturnCharge(client, MiQuotaRequests, 1);
    } else {
        apc->Client = client;
        KiInitializeUserApc(&apc->Apc, &thread->Tcb, PspTakeApc, PspFreeApc,
                            (PKNORMAL_ROUTINE)(ULONG_PTR)Routine, Context);
        status = STATUS_SUCCESS;
        if (!KiQueueUserApc(&apc->Apc, Argument1, Argument2)) {
            PspFreeApc(&apc->Apc);
            status = STATUS_UNSUCCESSFUL;
        }
    }
    ObDereferenceObject(thread);
    return status;
}

/* NtTestAlert - runs the calling thread's user APCs now; STATUS_SUCCESS also when there is none */
NTSTATUS NTAPI
NtTestAlert(VOID)
{
    NT_IRQL_MAX(PASSIVE_LEVEL);
    KiTestUserApcs(KiGetCurrentThread());
    return STATUS_SUCCESS;
}
