/* SPDX-License-Identifier: MIT
 *
 * ps/process.c - EPROCESS objects: making, finding, and what drivers ask about them
 *
 * Invariants  P1  A process is in PspBuckets iff PspInsertProcess's reference is held.
 *             P2  UniqueProcessId and ImageName do not change while a process is in PspBuckets.
 * Locks       PspProcessLock (spin) guards PspBuckets and PspActiveProcesses; a ThreadListLock may
 * be taken under it. Source      WDK reference, ntddk.h and ntifs.h Ps*; PsGetProcessImageFileName
 * as public drivers use it.
 */
#include "ps/psp.h"

static KSPIN_LOCK PspProcessLock;
static PEPROCESS PspBuckets[PSP_PROCESS_BUCKETS] NT_GUARDED_BY(PspProcessLock);
static LIST_ENTRY PspActiveProcesses NT_GUARDED_BY(PspProcessLock) = {&PspActiveProcesses,
                                                                      &PspActiveProcesses};

static PEPROCESS *
PspBucket(HANDLE ProcessId)
{
    return &PspBuckets[HandleToULong(ProcessId) % PSP_PROCESS_BUCKETS];
}

static BOOLEAN
PspIsAscii(const char *Source, SIZE_T Length)
{
    UCHAR seen = 0;

    for (SIZE_T i = 0; i < Length; ++i) {
        seen |= (UCHAR)Source[i];
    }
    return seen < 0x80;
}

ULONG
PspConvertPath(PWCH Destination, ULONG MaxChars, const char *Source, SIZE_T Length)
{
    ULONG bytes = 0;

    if (!PspIsAscii(Source, Length)) {
        RtlUTF8ToUnicodeN(Destination, MaxChars * sizeof(WCHAR), &bytes, Source,
                          (ULONG)min(Length, (SIZE_T)PSP_MAX_STRING * 4));
        return bytes / sizeof(WCHAR);
    }
    Length = min(Length, MaxChars);
    for (SIZE_T i = 0; i < Length; ++i) {
        Destination[i] = (WCHAR)Source[i];
    }
    return (ULONG)Length;
}

/* The last part of the path, cut to what the undocumented routine's buffer holds. */
static VOID
PspSetShortName(PEPROCESS Process, const char *Image, SIZE_T Length)
{
    SIZE_T start = Length;

    while (start > 0 && Image[start - 1] != '/') {
        --start;
    }
    Length = min(Length - start, sizeof(Process->ImageFileName) - 1);
    RtlCopyMemory(Process->ImageFileName, Image + start, Length);
}

NTSTATUS
PspCreateProcess(HANDLE ProcessId, HANDLE ParentId, const char *Image, SIZE_T ImageLength,
                 PEPROCESS *Process)
{
    SIZE_T maxChars = min(ImageLength, PSP_MAX_STRING);
    PEPROCESS process;
    NTSTATUS status;

    status = ObpCreateObject(PspProcessType, sizeof(*process) + (maxChars + 1) * sizeof(WCHAR),
                             (PVOID *)&process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    KiInitializeProcess(&process->Pcb);
    process->UniqueProcessId = ProcessId;
    process->InheritedFromProcessId = ParentId;
    process->ExitStatus = STATUS_PENDING;
    KeInitializeSpinLock(&process->ThreadListLock);
    InitializeListHead(&process->ThreadList);
    InitializeListHead(&process->ActiveLink);
    if (ImageLength != 0) {
        process->ImageName.Buffer = (PWCH)(process + 1);
        process->ImageName.Length = (USHORT)(PspConvertPath(process->ImageName.Buffer,
                                                            (ULONG)maxChars, Image, ImageLength) *
                                             sizeof(WCHAR));
        process->ImageName.MaximumLength = (USHORT)((maxChars + 1) * sizeof(WCHAR));
        PspSetShortName(process, Image, ImageLength);
    }
    *Process = process;
    return STATUS_SUCCESS;
}

VOID
PspDeleteProcess(PVOID Object)
{
    PEPROCESS process = Object;

    NT_ASSERT_INTERNAL(IsListEmpty(&process->ThreadList));
    NT_ASSERT_INTERNAL(process->HandleTable == NULL);
    if (process->Token != NULL) {
        ObDereferenceObject(process->Token);
    }
}

VOID
PspInsertProcess(PEPROCESS Process)
{
    PEPROCESS *bucket = PspBucket(Process->UniqueProcessId);
    KIRQL irql;

    ObReferenceObject(Process);
    KeAcquireSpinLock(&PspProcessLock, &irql);
    Process->HashNext = *bucket;
    *bucket = Process;
    InsertTailList(&PspActiveProcesses, &Process->ActiveLink);
    KeReleaseSpinLock(&PspProcessLock, irql);
}

static VOID
PspUnlinkProcessLocked(PEPROCESS Process)
{
    PEPROCESS *link = PspBucket(Process->UniqueProcessId);

    while (*link != Process) {
        NT_ASSERT_INTERNAL(*link != NULL);
        link = &(*link)->HashNext;
    }
    *link = Process->HashNext;
    RemoveEntryList(&Process->ActiveLink);
}

VOID
PspRemoveProcess(PEPROCESS Process)
{
    KIRQL irql;

    KeAcquireSpinLock(&PspProcessLock, &irql);
    PspUnlinkProcessLocked(Process);
    KeReleaseSpinLock(&PspProcessLock, irql);
    ObDereferenceObject(Process);
}

PEPROCESS
PspFindProcess(HANDLE ProcessId, BOOLEAN MachineOnly)
{
    PEPROCESS process;
    KIRQL irql;

    KeAcquireSpinLock(&PspProcessLock, &irql);
    process = *PspBucket(ProcessId);
    while (process != NULL &&
           (process->UniqueProcessId != ProcessId || (MachineOnly && !process->IsMachineProcess))) {
        process = process->HashNext;
    }
    if (process != NULL) {
        ObReferenceObject(process); /* P1: at least one reference is there */
    }
    KeReleaseSpinLock(&PspProcessLock, irql);
    return process;
}

PETHREAD
PspFindThread(HANDLE ThreadId)
{
    PETHREAD found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&PspProcessLock, &irql);
    for (PLIST_ENTRY entry = PspActiveProcesses.Flink;
         entry != &PspActiveProcesses && found == NULL; entry = entry->Flink) {
        PEPROCESS process = CONTAINING_RECORD(entry, EPROCESS, ActiveLink);

        if (!process->IsMachineProcess) {
            found = PspFindThreadOf(process, ThreadId);
        }
    }
    KeReleaseSpinLock(&PspProcessLock, irql);
    return found;
}

ULONG
PspCollectProcesses(PEPROCESS *Processes, ULONG Count)
{
    ULONG found = 0;
    KIRQL irql;

    KeAcquireSpinLock(&PspProcessLock, &irql);
    for (PLIST_ENTRY entry = PspActiveProcesses.Flink; entry != &PspActiveProcesses;
         entry = entry->Flink) {
        if (found < Count) {
            Processes[found] = CONTAINING_RECORD(entry, EPROCESS, ActiveLink);
            ObReferenceObject(Processes[found]); /* P1 */
        }
        ++found;
    }
    KeReleaseSpinLock(&PspProcessLock, irql);
    return found;
}

/* Takes one process of the machine out of the tables, with its reference; NULL: none is left. */
static PEPROCESS
PspTakeMachineProcess(VOID)
{
    PEPROCESS found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&PspProcessLock, &irql);
    for (PLIST_ENTRY entry = PspActiveProcesses.Blink; entry != &PspActiveProcesses;
         entry = entry->Blink) {
        PEPROCESS process = CONTAINING_RECORD(entry, EPROCESS, ActiveLink);
        if (process->IsMachineProcess) {
            PspUnlinkProcessLocked(process);
            found = process;
            break;
        }
    }
    KeReleaseSpinLock(&PspProcessLock, irql);
    return found;
}

VOID
PspForgetMachineProcesses(VOID)
{
    PEPROCESS process;

    while ((process = PspTakeMachineProcess()) != NULL) {
        ObDereferenceObject(process);
    }
}

#pragma GCC visibility push(default)

/* Differs: knows the system, the client, and what an event of the machine named (and not ended). */
NTSTATUS NTAPI
PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS *Process)
{
    NT_ENTER(PsLookupProcessByProcessId);
    PEPROCESS process;

    process = PspFindProcess(ProcessId, FALSE);
    if (process == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    *Process = process;
    return STATUS_SUCCESS;
}

HANDLE NTAPI
PsGetProcessId(PEPROCESS Process)
{
    return Process->UniqueProcessId;
}

/* Not in the WDK headers; drivers declare it. At most 15 characters, of the host's path. */
PCHAR NTAPI
PsGetProcessImageFileName(PEPROCESS Process)
{
    return Process->ImageFileName;
}

HANDLE NTAPI
PsGetProcessInheritedFromUniqueProcessId(PEPROCESS Process)
{
    return Process->InheritedFromProcessId;
}

/*
 * SeLocateProcessImageName - a copy of the process's full image name
 *
 * ImageFileName  receives string and characters in one pool block, freed by ExFreePool
 *
 * IRQL     PASSIVE_LEVEL
 * Differs  the host's path ("/usr/bin/make"), not \Device\HarddiskVolume... (DIFFERENCES.md)
 * Source   WDK reference, nf-ntifs-selocateprocessimagename
 */
NTSTATUS NTAPI
SeLocateProcessImageName(PEPROCESS Process, PUNICODE_STRING *ImageFileName)
{
    NT_ENTER(SeLocateProcessImageName);
    USHORT length = Process->ImageName.Length;
    PUNICODE_STRING name;

    name = ExpAllocatePool(PagedPool, sizeof(*name) + length + sizeof(WCHAR), 'nPeS', NT_CALLER());
    if (name == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    name->Buffer = (PWCH)(name + 1);
    name->Length = length;
    name->MaximumLength = (USHORT)(length + sizeof(WCHAR));
    if (length != 0) {
        RtlCopyMemory(name->Buffer, Process->ImageName.Buffer, length);
    }
    name->Buffer[length / sizeof(WCHAR)] = 0;
    *ImageFileName = name;
    return STATUS_SUCCESS;
}

LONGLONG NTAPI
PsGetProcessCreateTimeQuadPart(PEPROCESS Process)
{
    return Process->CreateTime.QuadPart;
}

/* STATUS_PENDING while the process runs. */
NTSTATUS NTAPI
PsGetProcessExitStatus(PEPROCESS Process)
{
    NT_ENTER(PsGetProcessExitStatus);
    return __atomic_load_n(&Process->ExitStatus, __ATOMIC_RELAXED);
}

/* Of the current process; 0 while it runs. */
LARGE_INTEGER NTAPI
PsGetProcessExitTime(VOID)
{
    NT_ENTER(PsGetProcessExitTime);
    PEPROCESS process = (PEPROCESS)KiGetCurrentThread()->Process;

    return (LARGE_INTEGER){.QuadPart = __atomic_load_n(&process->ExitTime, __ATOMIC_RELAXED)};
}

#pragma GCC visibility pop
