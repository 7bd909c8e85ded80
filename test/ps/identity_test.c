/* SPDX-License-Identifier: MIT
 *
 * identity_test.c - what drivers ask a process or thread about itself; running in another process;
 * the counts of tokens
 */
#include "ps_test.h"

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

/* The process of that event, referenced, still findable. */
static PEPROCESS
Deliver(ULONG ProcessId, ULONG ParentId)
{
    HALP_EVENT event = PsTestCreate(ProcessId, ParentId, "/usr/bin/make", "make all");
    PEPROCESS process;

    PspDeliverEvent(&event);
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(ID(ProcessId), &process), STATUS_SUCCESS);
    return process;
}

/* ---- processes ---- */

NT_TEST(Identity, TheParentIsTheOneAtTheStart)
{
    PEPROCESS parent = Deliver(500, 1);
    PEPROCESS child = Deliver(501, 500);
    HALP_EVENT end = PsTestExit(500, 0);
    PEPROCESS own;

    NT_EXPECT_EQ(PsGetProcessInheritedFromUniqueProcessId(parent), ID(1));
    NT_EXPECT_EQ(PsGetProcessInheritedFromUniqueProcessId(child), ID(500));
    PspDeliverEvent(&end);
    NT_EXPECT_EQ(PsGetProcessInheritedFromUniqueProcessId(child), ID(500));
    NT_EXPECT_EQ(PsGetProcessInheritedFromUniqueProcessId(PsInitialSystemProcess), NULL);
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(PsGetCurrentProcessId(), &own), STATUS_SUCCESS);
    NT_EXPECT_NE(PsGetProcessInheritedFromUniqueProcessId(own), PsGetProcessId(own));
    ObDereferenceObject(own);
    ObDereferenceObject(child);
    ObDereferenceObject(parent);
}

/* Of the current process, also one that a thread is attached to; 0 while it runs. */
NT_TEST(Identity, ExitTimeOfTheCurrentProcess)
{
    PEPROCESS process = Deliver(500, 1);
    HALP_EVENT end = PsTestExit(500, 0);
    KAPC_STATE state;
    KIRQL irql;

    NT_EXPECT_EQ(PsGetProcessExitTime().QuadPart, 0);
    KeStackAttachProcess((PKPROCESS)process, &state);
    NT_EXPECT_EQ(PsGetProcessExitTime().QuadPart, 0);
    KeUnstackDetachProcess(&state);
    PspDeliverEvent(&end);
    KeStackAttachProcess((PKPROCESS)process, &state);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_EQ(PsGetProcessExitTime().QuadPart, end.Time);
    KeLowerIrql(irql);
    KeUnstackDetachProcess(&state);
    NT_EXPECT_EQ(PsGetProcessExitTime().QuadPart, 0);
    ObDereferenceObject(process);
}

/* ---- threads ---- */

typedef struct STAGE {
    KEVENT Ready;
    KEVENT Go;
    NTSTATUS Status;
} STAGE;

static VOID NTAPI
WaitAndEnd(PVOID Context)
{
    STAGE *stage = Context;

    NT_EXPECT_STATUS(PsGetThreadExitStatus(PsGetCurrentThread()), STATUS_PENDING);
    KeSetEvent(&stage->Ready, 0, FALSE);
    KeWaitForSingleObject(&stage->Go, Executive, KernelMode, FALSE, NULL);
    if (stage->Status != STATUS_SUCCESS) {
        PsTerminateSystemThread(stage->Status);
    }
}

NT_TEST_SEEDS(Identity, ExitStatusOfAThread, 10)
{
    static const NTSTATUS statuses[] = {STATUS_SUCCESS, STATUS_CANCELLED, STATUS_TIMEOUT,
                                        STATUS_PENDING};

    NT_FOR_EACH (status, statuses) {
        STAGE stage = {.Status = *status};
        PETHREAD thread;
        KIRQL irql;

        KeInitializeEvent(&stage.Ready, NotificationEvent, FALSE);
        KeInitializeEvent(&stage.Go, NotificationEvent, FALSE);
        NT_EXPECT_STATUS(PspCreateReferencedSystemThread(WaitAndEnd, &stage, &thread),
                         STATUS_SUCCESS);
        KeWaitForSingleObject(&stage.Ready, Executive, KernelMode, FALSE, NULL);
        NT_EXPECT_STATUS(PsGetThreadExitStatus(thread), STATUS_PENDING);
        NT_EXPECT_FALSE(PsIsThreadTerminating(thread));
        KeSetEvent(&stage.Go, 0, FALSE);
        KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
        KeRaiseIrql(APC_LEVEL, &irql);
        NT_EXPECT_STATUS(PsGetThreadExitStatus(thread), *status);
        KeLowerIrql(irql);
        ObDereferenceObject(thread);
    }
}

static VOID NTAPI
NoteProcess(PVOID Context)
{
    PEPROCESS *process = Context;
    KAPC_STATE state;

    KeStackAttachProcess((PKPROCESS)PspClientProcess, &state);
    /* The thread's own, whatever it is attached to. */
    process[0] = PsGetThreadProcess(PsGetCurrentThread());
    process[1] = (PEPROCESS)KiGetCurrentThread()->Process;
    KeUnstackDetachProcess(&state);
}

NT_TEST(Identity, TheProcessOfAThread)
{
    PEPROCESS processes[2] = {NULL, NULL};
    PETHREAD thread;

    NT_EXPECT_EQ(PsGetThreadProcess(PsGetCurrentThread()), PspClientProcess);
    NT_EXPECT_STATUS(PspCreateReferencedSystemThread(NoteProcess, processes, &thread),
                     STATUS_SUCCESS);
    KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    NT_EXPECT_EQ(processes[0], PsInitialSystemProcess);
    NT_EXPECT_EQ(processes[1], PspClientProcess);
    NT_EXPECT_EQ(PsGetThreadProcess(thread), PsInitialSystemProcess);
    ObDereferenceObject(thread);
}

/* ---- in another process ---- */

/* Handles are those of the process that is attached to, until the thread is back. */
NT_TEST(Identity, AttachedHandlesAreTheOtherProcesss)
{
    PKPROCESS system = (PKPROCESS)PsInitialSystemProcess;
    ULONG systemHandles = ObpHandlesInUse(PsInitialSystemProcess->HandleTable);
    ULONG clientHandles = ObpHandlesInUse(PspClientProcess->HandleTable);
    HANDLE event;
    KIRQL irql;

    KeRaiseIrql(APC_LEVEL, &irql);
    KeAttachProcess(system);
    KeLowerIrql(irql);
    NT_EXPECT_EQ((PEPROCESS)KiGetCurrentThread()->Process, PsInitialSystemProcess);
    NT_EXPECT_EQ(PsGetThreadProcess(PsGetCurrentThread()), PspClientProcess);
    NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(PsInitialSystemProcess->HandleTable), systemHandles + 1);
    KeAttachProcess(system); /* the one that it is attached to: nothing happens */
    KeDetachProcess();
    NT_EXPECT_EQ((PEPROCESS)KiGetCurrentThread()->Process, PspClientProcess);
    NT_EXPECT_EQ(ObpHandlesInUse(PspClientProcess->HandleTable), clientHandles);
    NT_EXPECT_STATUS(ZwClose(event), STATUS_INVALID_HANDLE);
    KeDetachProcess(); /* attached to none: nothing happens */
    NT_EXPECT_EQ((PEPROCESS)KiGetCurrentThread()->Process, PspClientProcess);
    KeAttachProcess(system);
    NT_EXPECT_STATUS(ZwClose(event), STATUS_SUCCESS);
    KeDetachProcess();
}

/* ---- tokens ---- */

NT_TEST(Identity, ReferencesToTheTokenAreCounted)
{
    PACCESS_TOKEN token = PsReferencePrimaryToken(PspClientProcess);
    LONG count = ObpPointerCount(token);

    NT_EXPECT_EQ(PsReferencePrimaryToken(PspClientProcess), token);
    NT_EXPECT_EQ(ObpPointerCount(token), count + 1);
    PsDereferencePrimaryToken(token);
    NT_EXPECT_EQ(ObpPointerCount(token), count);
    ObReferenceObject(token);
    PsDereferencePrimaryToken(token);
    NT_EXPECT_EQ(ObpPointerCount(token), count);
    PsDereferencePrimaryToken(token);
}
