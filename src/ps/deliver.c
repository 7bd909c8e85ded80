/* SPDX-License-Identifier: MIT
 *
 * ps/deliver.c - from an event of the machine to the registered routines
 *
 * A routine runs in the context that Windows documents: the creating process for a create, the
 * ending one for an exit, the loading one for an image. Host processes have no thread of ours, so
 * the delivering thread takes on their identity (process and CLIENT_ID) for the call.
 *
 * Cost: a create allocates its EPROCESS (name included) and nothing else; the command line and
 * image paths are converted into buffers that are kept.
 *
 * Invariants  D1  PspDelivery belongs to the one thread inside PspDeliverEvent.
 *             D2  An EPROCESS is findable from before its create routines run until after its
 *                 exit routines have run.
 * Source      WDK reference, PCREATE_PROCESS_NOTIFY_ROUTINE(_EX), PLOAD_IMAGE_NOTIFY_ROUTINE.
 */
#include <stdio.h>

#include "ps/psp.h"

#define PSP_IS_SUBSYSTEM_PROCESS 0x2u /* PS_CREATE_NOTIFY_INFO.Flags, absent from these headers */

static struct {
    KTHREAD *Thread;    /* who delivers now, or NULL; atomic */
    ULONG64 Time;       /* of the event being delivered */
    PWCH Text;          /* PSP_MAX_STRING + 1 characters; command line or image path */
    PEPROCESS Stranger; /* stands in for a creator that no event named; reused */
} PspDelivery;

static ULONG64 PspHostLost;   /* atomic */
static ULONG64 PspUntoldLost; /* atomic; lost and not told to a machine routine */
static LONG PspEnded;         /* atomic; no event will follow: which NTBOX_MACHINE_EVENT, or 0 */
static ULONG64 PspEndedValue;
static LONG PspLossLogged;

VOID
PspFreeDeliveryBuffers(VOID)
{
    if (PspDelivery.Text != NULL) {
        ExFreePoolWithTag(PspDelivery.Text, PSP_TAG);
        PspDelivery.Text = NULL;
    }
    if (PspDelivery.Stranger != NULL) {
        ObDereferenceObject(PspDelivery.Stranger);
        PspDelivery.Stranger = NULL;
    }
}

/* ---- context ---- */

typedef struct PSP_CONTEXT {
    KPROCESS *Process;
    KPROCESS *OwnProcess;
    CLIENT_ID Cid;
} PSP_CONTEXT;

static VOID
PspEnterContext(PEPROCESS Process, ULONG ThreadId, PSP_CONTEXT *Saved)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    Saved->Process = thread->Tcb.Process;
    Saved->OwnProcess = thread->Tcb.OwnProcess;
    Saved->Cid = thread->Cid;
    thread->Tcb.Process = &Process->Pcb;
    thread->Tcb.OwnProcess = &Process->Pcb;
    thread->Cid.UniqueProcess = Process->UniqueProcessId;
    thread->Cid.UniqueThread = ULongToHandle(ThreadId);
    KeEnterCriticalRegion();
}

static VOID
PspLeaveContext(const PSP_CONTEXT *Saved)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();

    KeLeaveCriticalRegion();
    thread->Tcb.Process = Saved->Process;
    thread->Tcb.OwnProcess = Saved->OwnProcess;
    thread->Cid = Saved->Cid;
}

/* A routine must return as it was called; names it if not. */
static VOID
PspCheckReturn(PSP_NOTIFY_SLOT *Slot)
{
    KTHREAD *thread = KiGetCurrentThread();

    if (thread->Irql != PASSIVE_LEVEL || thread->KernelApcDisable != -1) {
        KiBugCheckDetail(IRQL_UNEXPECTED_VALUE, thread->Irql, (ULONG_PTR)Slot->Routine,
                         PASSIVE_LEVEL, 0,
                         "a notify routine returned at IRQL %u with %d critical regions more "
                         "than it was called with",
                         thread->Irql, -thread->KernelApcDisable - 1);
    }
}

/* ---- creators that no event named ---- */

/*
 * The process PspLookup does not know (it ran before the events were opened), as an EPROCESS with
 * its ID alone. One is kept; a driver that holds a reference keeps its own. Referenced.
 */
static PEPROCESS
PspReferenceStranger(HANDLE ProcessId)
{
    PEPROCESS stranger = PspDelivery.Stranger;

    if (stranger == NULL || stranger->UniqueProcessId != ProcessId) {
        if (!NT_SUCCESS(PspCreateProcess(ProcessId, NULL, "", 0, &stranger))) {
            stranger = PsInitialSystemProcess;
            ObReferenceObject(stranger);
            return stranger;
        }
        stranger->IsMachineProcess = TRUE;
        if (PspDelivery.Stranger != NULL) {
            ObDereferenceObject(PspDelivery.Stranger);
        }
        PspDelivery.Stranger = stranger;
    }
    ObReferenceObject(stranger);
    return stranger;
}

/* ---- the routines ---- */

/* Setting CreationStatus cannot stop a host process: told once per routine. */
static VOID
PspNoteVeto(PSP_NOTIFY_SLOT *Slot, NTSTATUS Status)
{
    HALP_SYMBOL symbol;
    char line[400];
    int length;

    if (__atomic_exchange_n(&Slot->VetoLogged, TRUE, __ATOMIC_RELAXED)) {
        return;
    }
    if (!HalpDescribeAddress((uintptr_t)Slot->Routine, &symbol)) {
        symbol = (HALP_SYMBOL){.Module = "a driver"};
    }
    length =
        snprintf(line, sizeof(line),
                 "ntbox: %s!%s refuses a process (CreationStatus 0x%08X): the host has started "
                 "it already and it runs on; told once per routine\n",
                 symbol.Module, symbol.Function, (unsigned)Status);
    HalpWriteLog(line, (size_t)min(length, (int)sizeof(line) - 1));
}

static VOID
PspCallProcessRoutine(PSP_NOTIFY_SLOT *Slot, PEPROCESS Process, PS_CREATE_NOTIFY_INFO *Info)
{
    if (Slot->Extended == 0) {
        ((PCREATE_PROCESS_NOTIFY_ROUTINE)Slot->Routine)(Process->InheritedFromProcessId,
                                                        Process->UniqueProcessId, Info != NULL);
        return;
    }
    ((PCREATE_PROCESS_NOTIFY_ROUTINE_EX)Slot->Routine)(Process, Process->UniqueProcessId, Info);
    if (Info != NULL && !NT_SUCCESS(Info->CreationStatus)) {
        PspNoteVeto(Slot, Info->CreationStatus);
        Info->CreationStatus = STATUS_SUCCESS;
    }
}

static VOID
PspCallProcessRoutines(PEPROCESS Process, PS_CREATE_NOTIFY_INFO *Info)
{
    ULONG count = PspNotifyCount(PspNotifyProcess);

    for (ULONG i = 0; i < count; ++i) {
        PSP_NOTIFY_CALL call;
        PSP_NOTIFY_SLOT *slot = PspEnterNotify(PspNotifyProcess, i, &call);
        if (slot != NULL) {
            PspCallProcessRoutine(slot, Process, Info);
            PspCheckReturn(slot);
            PspLeaveNotify(&call);
        }
    }
}

static VOID
PspCallImageRoutines(PUNICODE_STRING Path, HANDLE ProcessId, PIMAGE_INFO Info)
{
    ULONG count = PspNotifyCount(PspNotifyImage);

    for (ULONG i = 0; i < count; ++i) {
        PSP_NOTIFY_CALL call;
        PSP_NOTIFY_SLOT *slot = PspEnterNotify(PspNotifyImage, i, &call);
        if (slot != NULL) {
            ((PLOAD_IMAGE_NOTIFY_ROUTINE)slot->Routine)(Path, ProcessId, Info);
            PspCheckReturn(slot);
            PspLeaveNotify(&call);
        }
    }
}

/* FALSE: nobody is registered. */
static BOOLEAN
PspCallMachineRoutines(NTBOX_MACHINE_EVENT Event, ULONG64 Value)
{
    ULONG count = PspNotifyCount(PspNotifyMachine);
    BOOLEAN called = FALSE;

    for (ULONG i = 0; i < count; ++i) {
        PSP_NOTIFY_CALL call;
        PSP_NOTIFY_SLOT *slot = PspEnterNotify(PspNotifyMachine, i, &call);
        if (slot != NULL) {
            ((NTBOX_MACHINE_NOTIFY_ROUTINE *)slot->Routine)(Event, Value);
            PspLeaveNotify(&call);
            called = TRUE;
        }
    }
    return called;
}

/* ---- the events ---- */

/* Converts into PspDelivery.Text; FALSE: unknown (no text, or no memory for the buffer). */
static BOOLEAN
PspConvertText(const char *Text, size_t Length, PUNICODE_STRING String)
{
    if (Length == 0) {
        return FALSE;
    }
    if (PspDelivery.Text == NULL) {
        PspDelivery.Text =
            ExAllocatePoolWithTag(NonPagedPoolNx, (PSP_MAX_STRING + 1) * sizeof(WCHAR), PSP_TAG);
        if (PspDelivery.Text == NULL) {
            return FALSE;
        }
    }
    String->Buffer = PspDelivery.Text;
    String->Length =
        (USHORT)(PspConvertPath(String->Buffer, PSP_MAX_STRING, Text, Length) * sizeof(WCHAR));
    String->MaximumLength = (USHORT)(String->Length + sizeof(WCHAR));
    String->Buffer[String->Length / sizeof(WCHAR)] = 0;
    return TRUE;
}

static VOID
PspTellCreate(PEPROCESS Process, const HALP_EVENT *Event)
{
    PS_CREATE_NOTIFY_INFO info = {.Size = sizeof(info)};
    UNICODE_STRING commandLine;
    PSP_CONTEXT saved;
    PEPROCESS creator;

    info.Flags = PSP_IS_SUBSYSTEM_PROCESS;
    info.FileOpenNameAvailable = Event->ImagePathLength != 0;
    info.ParentProcessId = Process->InheritedFromProcessId;
    info.CreatingThreadId.UniqueProcess = ULongToHandle(Event->CreatorProcessId);
    info.CreatingThreadId.UniqueThread = ULongToHandle(Event->CreatorThreadId);
    info.ImageFileName = Event->ImagePathLength != 0 ? &Process->ImageName : NULL;
    if (PspConvertText(Event->CommandLine, Event->CommandLineLength, &commandLine)) {
        info.CommandLine = &commandLine;
    }
    creator = PspFindProcess(ULongToHandle(Event->CreatorProcessId), FALSE);
    if (creator == NULL) {
        creator = PspReferenceStranger(ULongToHandle(Event->CreatorProcessId));
    }
    PspEnterContext(creator, Event->CreatorThreadId, &saved);
    PspCallProcessRoutines(Process, &info);
    PspLeaveContext(&saved);
    ObDereferenceObject(creator);
}

static VOID
PspDeliverCreate(const HALP_EVENT *Event)
{
    HANDLE processId = ULongToHandle(Event->ProcessId);
    PEPROCESS process = PspFindProcess(processId, TRUE);
    NTSTATUS status;

    NT_ASSERT_INTERNAL(process == NULL); /* halp.h M1 */
    status = PspCreateProcess(processId, ULongToHandle(Event->ParentProcessId), Event->ImagePath,
                              Event->ImagePathLength, &process);
    if (!NT_SUCCESS(status)) {
        PspNoteLost(1);
        return;
    }
    process->IsMachineProcess = TRUE;
    process->CreateTime.QuadPart = (LONGLONG)Event->Time;
    PspInsertProcess(process);
    if (PspNotifyCount(PspNotifyProcess) != 0) {
        PspTellCreate(process, Event);
    }
    ObDereferenceObject(process);
}

/* wait(2): exit code in bits 8..15, or the signal in bits 0..6, told as a shell does. */
static NTSTATUS
PspExitStatusOf(int32_t WaitStatus)
{
    int32_t signal = WaitStatus & 0x7F;

    return signal == 0 ? (WaitStatus >> 8) & 0xFF : 128 + signal;
}

static VOID
PspDeliverExit(const HALP_EVENT *Event)
{
    PEPROCESS process = PspFindProcess(ULongToHandle(Event->ProcessId), TRUE);
    PSP_CONTEXT saved;

    if (process == NULL) {
        PspNoteLost(1); /* like its create, which was not deliverable */
        return;
    }
    __atomic_store_n(&process->ExitStatus, PspExitStatusOf(Event->ExitCode), __ATOMIC_RELAXED);
    __atomic_store_n(&process->ExitTime, (LONGLONG)Event->Time, __ATOMIC_RELAXED);
    PspEnterContext(process, Event->ThreadId, &saved);
    PspCallProcessRoutines(process, NULL);
    PspLeaveContext(&saved);
    KiTerminateProcess(&process->Pcb);
    PspRemoveProcess(process);
    ObDereferenceObject(process);
}

static VOID
PspDeliverImage(const HALP_EVENT *Event)
{
    IMAGE_INFO info = {.ImageBase = (PVOID)(ULONG_PTR)Event->ImageBase,
                       .ImageSize = (SIZE_T)Event->ImageSize};
    UNICODE_STRING path;
    BOOLEAN hasPath;
    PEPROCESS process;
    PSP_CONTEXT saved;

    if (PspNotifyCount(PspNotifyImage) == 0) {
        return;
    }
    process = PspFindProcess(ULongToHandle(Event->ProcessId), TRUE);
    if (process == NULL) {
        PspNoteLost(1); /* as for an exit */
        return;
    }
    info.ImageAddressingMode = IMAGE_ADDRESSING_MODE_32BIT;
    hasPath = PspConvertText(Event->ImagePath, Event->ImagePathLength, &path);
    PspEnterContext(process, Event->ThreadId, &saved);
    PspCallImageRoutines(hasPath ? &path : NULL, process->UniqueProcessId, &info);
    PspLeaveContext(&saved);
    ObDereferenceObject(process);
}

VOID
PspDeliverEvent(const HALP_EVENT *Event)
{
    KTHREAD *thread = KiGetCurrentThread();

    NT_IRQL_MAX(PASSIVE_LEVEL);
    NT_ASSERT_INTERNAL(__atomic_load_n(&PspDelivery.Thread, __ATOMIC_RELAXED) == NULL);
    PspDelivery.Time = Event->Time;
    __atomic_store_n(&PspDelivery.Thread, thread, __ATOMIC_RELEASE);
    switch (Event->Type) {
    case HALP_EVENT_CREATE:
        PspDeliverCreate(Event);
        break;
    case HALP_EVENT_EXIT:
        PspDeliverExit(Event);
        break;
    case HALP_EVENT_IMAGE:
        PspDeliverImage(Event);
        break;
    case HALP_EVENT_LOST:
        PspNoteLost(Event->Lost);
        break;
    default:
        NT_ASSERT_INTERNAL(!"an event type that halp.h names");
    }
    __atomic_store_n(&PspDelivery.Thread, NULL, __ATOMIC_RELEASE);
}

VOID
PspNotifyDriverImage(PUNICODE_STRING Path, PVOID Base, SIZE_T Size)
{
    IMAGE_INFO info = {.ImageBase = Base, .ImageSize = Size};
    PSP_CONTEXT saved;

    info.ImageAddressingMode = IMAGE_ADDRESSING_MODE_32BIT;
    info.SystemModeImage = 1;
    PspEnterContext(PsInitialSystemProcess, HandleToULong(PsGetCurrentThreadId()), &saved);
    PspCallImageRoutines(Path, NULL, &info);
    PspLeaveContext(&saved);
}

/* ---- what happened to the source itself ---- */

ULONG64
PspQueryHostLost(VOID)
{
    return __atomic_load_n(&PspHostLost, __ATOMIC_RELAXED);
}

/* Tells the losses that no machine routine has heard of; puts them back if there is none. */
static BOOLEAN
PspTellLost(VOID)
{
    ULONG64 untold = __atomic_exchange_n(&PspUntoldLost, 0, __ATOMIC_ACQ_REL);

    if (untold == 0 || PspCallMachineRoutines(NtboxMachineEventsLost, untold)) {
        return TRUE;
    }
    __atomic_fetch_add(&PspUntoldLost, untold, __ATOMIC_ACQ_REL);
    return FALSE;
}

VOID
PspNoteLost(ULONG64 Lost)
{
    static const char line[] =
        "ntbox: the host dropped machine events; drivers that set no machine "
        "notify routine cannot see the gap (told once)\n";

    __atomic_fetch_add(&PspHostLost, Lost, __ATOMIC_RELAXED);
    __atomic_fetch_add(&PspUntoldLost, Lost, __ATOMIC_ACQ_REL);
    if (!PspTellLost() && !__atomic_exchange_n(&PspLossLogged, TRUE, __ATOMIC_RELAXED)) {
        HalpWriteLog(line, sizeof(line) - 1);
    }
}

VOID
PspNoteStarted(VOID)
{
    __atomic_store_n(&PspEnded, 0, __ATOMIC_RELEASE);
}

VOID
PspNoteEnded(NTBOX_MACHINE_EVENT How, ULONG64 Value)
{
    PspEndedValue = Value;
    __atomic_store_n(&PspEnded, How, __ATOMIC_RELEASE);
    PspCallMachineRoutines(How, Value);
}

VOID
PspTellMachineState(VOID)
{
    LONG how;

    PspTellLost();
    how = __atomic_load_n(&PspEnded, __ATOMIC_ACQUIRE);
    if (how != 0) {
        PspCallMachineRoutines((NTBOX_MACHINE_EVENT)how, PspEndedValue);
    }
}

#pragma GCC visibility push(default)

NTSTATUS NTAPI
NtboxQueryMachineEventTime(PLARGE_INTEGER Time)
{
    KTHREAD *thread = KiGetCurrentThread();

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (__atomic_load_n(&PspDelivery.Thread, __ATOMIC_ACQUIRE) != thread) {
        return STATUS_NOT_FOUND;
    }
    Time->QuadPart = (LONGLONG)PspDelivery.Time;
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
