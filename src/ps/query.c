/* SPDX-License-Identifier: MIT
 *
 * ps/query.c - what is asked about the system, a process or a thread
 *
 * An answer is put together in kernel memory and copied to the caller last. One rule for lengths:
 * less room than the answer takes is STATUS_INFO_LENGTH_MISMATCH, with the length in ReturnLength.
 *
 * Source   SDK reference, winternl.h NtQuerySystemInformation, NtQueryInformationProcess,
 *          NtQueryInformationThread; structures that it leaves opaque as public programs use them.
 */
#include "ps/psp.h"

#define PSP_QUERY_TAG 'qPsP' /* "PsPq" */
#define PSP_CLOCK_TICK 156250u
#define PSP_BASE_PRIORITY 8
#define PSP_MODULE_LIMIT 512u

/* ---- SYSTEM_INFORMATION_CLASS and its structures ---- */

enum {
    PspSystemBasic = 0,
    PspSystemTimeOfDay = 3,
    PspSystemProcesses = 5,
    PspSystemModules = 11,
    PspSystemKernelDebugger = 35
};

typedef struct PSP_SYSTEM_BASIC {
    ULONG Reserved;
    ULONG TimerResolution;
    ULONG PageSize;
    ULONG NumberOfPhysicalPages;
    ULONG LowestPhysicalPageNumber;
    ULONG HighestPhysicalPageNumber;
    ULONG AllocationGranularity;
    ULONG_PTR MinimumUserModeAddress;
    ULONG_PTR MaximumUserModeAddress;
    ULONG_PTR ActiveProcessorsAffinityMask;
    CCHAR NumberOfProcessors;
} PSP_SYSTEM_BASIC;

typedef struct PSP_TIME_OF_DAY {
    LARGE_INTEGER BootTime;
    LARGE_INTEGER CurrentTime;
    LARGE_INTEGER TimeZoneBias;
    ULONG TimeZoneId;
    ULONG Reserved;
    ULONG64 BootTimeBias;
    ULONG64 SleepTimeBias;
} PSP_TIME_OF_DAY;

typedef struct PSP_SYSTEM_THREAD {
    LARGE_INTEGER Times[3]; /* kernel, user, creation */
    ULONG WaitTime;
    PVOID StartAddress;
    CLIENT_ID ClientId;
    KPRIORITY Priority;
    LONG BasePriority;
    ULONG ContextSwitches;
    ULONG ThreadState;
    ULONG WaitReason;
} PSP_SYSTEM_THREAD;

typedef struct PSP_SYSTEM_PROCESS {
    ULONG NextEntryOffset;
    ULONG NumberOfThreads;
    LARGE_INTEGER Reserved1[3];
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER UserTime;
    LARGE_INTEGER KernelTime;
    UNICODE_STRING ImageName;
    KPRIORITY BasePriority;
    HANDLE UniqueProcessId;
    HANDLE InheritedFromUniqueProcessId;
    ULONG HandleCount;
    ULONG SessionId;
    ULONG_PTR UniqueProcessKey;
    SIZE_T Memory[12];
    LARGE_INTEGER IoCounters[6];
    PSP_SYSTEM_THREAD Threads[]; /* then the image's name */
} PSP_SYSTEM_PROCESS;

typedef struct PSP_MODULE {
    HANDLE Section;
    PVOID MappedBase;
    PVOID ImageBase;
    ULONG ImageSize;
    ULONG Flags;
    USHORT LoadOrderIndex;
    USHORT InitOrderIndex;
    USHORT LoadCount;
    USHORT OffsetToFileName;
    CHAR FullPathName[256];
} PSP_MODULE;

typedef struct PSP_MODULES {
    ULONG NumberOfModules;
    PSP_MODULE Modules[];
} PSP_MODULES;

_Static_assert(sizeof(PSP_SYSTEM_BASIC) == 64, "SYSTEM_BASIC_INFORMATION");
_Static_assert(sizeof(PSP_TIME_OF_DAY) == 48, "SYSTEM_TIMEOFDAY_INFORMATION");
_Static_assert(sizeof(PSP_SYSTEM_THREAD) == 80, "SYSTEM_THREAD_INFORMATION");
_Static_assert(sizeof(PSP_SYSTEM_PROCESS) == 256, "SYSTEM_PROCESS_INFORMATION");
_Static_assert(sizeof(PSP_MODULE) == 296, "RTL_PROCESS_MODULE_INFORMATION");

typedef struct PSP_THREAD_BASIC {
    NTSTATUS ExitStatus;
    PVOID TebBaseAddress;
    CLIENT_ID ClientId;
    ULONG_PTR AffinityMask;
    KPRIORITY Priority;
    LONG BasePriority;
} PSP_THREAD_BASIC;

/* Where an answer goes. */
typedef struct PSP_QUERY {
    PVOID Buffer;
    ULONG Length;
    PULONG ReturnLength; /* may be NULL */
    KPROCESSOR_MODE Mode;
} PSP_QUERY;

static NTSTATUS
PspTellLength(const PSP_QUERY *Query, ULONG Required)
{
    return Query->ReturnLength != NULL
               ? MiCopyToUser(Query->ReturnLength, &Required, sizeof(Required), Query->Mode)
               : STATUS_SUCCESS;
}

/* Checks the room, tells the length. */
static NTSTATUS
PspCheckRoom(const PSP_QUERY *Query, ULONG Required)
{
    NTSTATUS status = PspTellLength(Query, Required);

    return NT_SUCCESS(status) && Query->Length < Required ? STATUS_INFO_LENGTH_MISMATCH : status;
}

static NTSTATUS
PspGive(const PSP_QUERY *Query, const VOID *Answer, ULONG Length)
{
    NTSTATUS status = PspCheckRoom(Query, Length);

    return NT_SUCCESS(status) ? MiCopyToUser(Query->Buffer, Answer, Length, Query->Mode) : status;
}

/* A class whose size is fixed: more room is a mismatch too. */
static NTSTATUS
PspGiveExact(const PSP_QUERY *Query, const VOID *Answer, ULONG Length)
{
    return Query->Length > Length      ? PspTellLength(Query, Length),
           STATUS_INFO_LENGTH_MISMATCH : PspGive(Query, Answer, Length);
}

/* ---- the system ---- */

static NTSTATUS
PspQueryBasic(const PSP_QUERY *Query)
{
    PSP_SYSTEM_BASIC answer = {
        .TimerResolution = PSP_CLOCK_TICK,
        .PageSize = PAGE_SIZE,
        .NumberOfPhysicalPages = 0x100000,
        .LowestPhysicalPageNumber = 1,
        .HighestPhysicalPageNumber = 0x100000,
        .AllocationGranularity = 0x10000,
        .MinimumUserModeAddress = 0x10000,
        .MaximumUserModeAddress = (ULONG_PTR)MmHighestUserAddress,
        .ActiveProcessorsAffinityMask = KeQueryActiveProcessors(),
        .NumberOfProcessors = (CCHAR)KeQueryActiveProcessorCount(NULL),
    };

    return PspGiveExact(Query, &answer, sizeof(answer));
}

static NTSTATUS
PspQueryTimeOfDay(const PSP_QUERY *Query)
{
    PSP_TIME_OF_DAY answer = {0};

    answer.CurrentTime.QuadPart = (LONGLONG)HalpSystemTime();
    answer.BootTime.QuadPart = PsInitialSystemProcess->CreateTime.QuadPart;
    answer.TimeZoneBias.QuadPart = HalpTimeZoneBias();
    return PspGiveExact(Query, &answer, sizeof(answer));
}

/* The last part of a path, without its end. */
static UNICODE_STRING
PspLastPart(const UNICODE_STRING *Path)
{
    UNICODE_STRING part = *Path;
    ULONG letters = Path->Length / sizeof(WCHAR);
    ULONG start = letters;

    while (start > 0 && Path->Buffer[start - 1] != L'/' && Path->Buffer[start - 1] != L'\\') {
        --start;
    }
    part.Buffer += start;
    part.Length = (USHORT)((letters - start) * sizeof(WCHAR));
    part.MaximumLength = part.Length;
    return part;
}

static ULONG
PspProcessEntrySize(PEPROCESS Process, ULONG Threads)
{
    UNICODE_STRING name = PspLastPart(&Process->ImageName);
    ULONG size = (ULONG)(sizeof(PSP_SYSTEM_PROCESS) + Threads * sizeof(PSP_SYSTEM_THREAD) +
                         name.Length + sizeof(WCHAR));

    return (size + 7) & ~7u;
}

/* Fills at most Count threads (Threads NULL: none); how many there are. */
static ULONG
PspDescribeThreads(PEPROCESS Process, PSP_SYSTEM_THREAD *Threads, ULONG Count)
{
    ULONG found = 0;
    KIRQL irql;

    KeAcquireSpinLock(&Process->ThreadListLock, &irql);
    for (PLIST_ENTRY entry = Process->ThreadList.Flink; entry != &Process->ThreadList;
         entry = entry->Flink) {
        PETHREAD thread = CONTAINING_RECORD(entry, ETHREAD, ThreadListEntry);
        if (Threads != NULL && found < Count) {
            Threads[found].StartAddress = thread->StartAddress;
            Threads[found].ClientId = thread->Cid;
            Threads[found].Priority = PSP_BASE_PRIORITY;
            Threads[found].BasePriority = PSP_BASE_PRIORITY;
            Threads[found].ThreadState = 5; /* Waiting */
        }
        ++found;
    }
    KeReleaseSpinLock(&Process->ThreadListLock, irql);
    return found;
}

/* One entry at Block + Offset, which will be at Home + Offset. */
static VOID
PspDescribeProcess(PEPROCESS Process, PUCHAR Block, ULONG Offset, ULONG_PTR Home, ULONG Threads)
{
    PSP_SYSTEM_PROCESS *entry = (PSP_SYSTEM_PROCESS *)(Block + Offset);
    UNICODE_STRING name = PspLastPart(&Process->ImageName);
    ULONG nameOffset = (ULONG)(sizeof(*entry) + Threads * sizeof(PSP_SYSTEM_THREAD));

    entry->NumberOfThreads = min(Threads, PspDescribeThreads(Process, entry->Threads, Threads));
    entry->CreateTime = Process->CreateTime;
    entry->BasePriority = PSP_BASE_PRIORITY;
    entry->UniqueProcessId = Process->UniqueProcessId;
    entry->InheritedFromUniqueProcessId = Process->InheritedFromProcessId;
    entry->HandleCount = Process->HandleTable != NULL ? ObpHandlesInUse(Process->HandleTable) : 0;
    if (name.Length != 0) {
        memcpy((PUCHAR)entry + nameOffset, name.Buffer, name.Length);
        entry->ImageName.Buffer = (PWCH)(Home + Offset + nameOffset);
        entry->ImageName.Length = name.Length;
        entry->ImageName.MaximumLength = (USHORT)(name.Length + sizeof(WCHAR));
    }
}

static NTSTATUS
PspDescribeProcesses(const PSP_QUERY *Query, PEPROCESS *Processes, ULONG *Threads, ULONG Count)
{
    PSP_SYSTEM_PROCESS *last = NULL;
    ULONG64 total = 0;
    ULONG offset = 0;
    NTSTATUS status;
    PUCHAR block;

    for (ULONG i = 0; i < Count; ++i) {
        Threads[i] = PspDescribeThreads(Processes[i], NULL, 0);
        total += PspProcessEntrySize(Processes[i], Threads[i]);
    }
    status = total > MAXLONG ? STATUS_INSUFFICIENT_RESOURCES : PspCheckRoom(Query, (ULONG)total);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    /* Not paged: thread entries are filled under a spin lock. */
    block = ExAllocatePoolWithTag(NonPagedPoolNx, (SIZE_T)total, PSP_QUERY_TAG);
    if (block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(block, (SIZE_T)total);
    for (ULONG i = 0; i < Count; ++i) {
        PspDescribeProcess(Processes[i], block, offset, (ULONG_PTR)Query->Buffer, Threads[i]);
        if (last != NULL) {
            last->NextEntryOffset = (ULONG)(block + offset - (PUCHAR)last);
        }
        last = (PSP_SYSTEM_PROCESS *)(block + offset);
        offset += PspProcessEntrySize(Processes[i], Threads[i]);
    }
    status = MiCopyToUser(Query->Buffer, block, (SIZE_T)total, Query->Mode);
    ExFreePoolWithTag(block, PSP_QUERY_TAG);
    return status;
}

static NTSTATUS
PspQueryProcesses(const PSP_QUERY *Query)
{
    ULONG room = PspCollectProcesses(NULL, 0) + 16;
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    PEPROCESS *processes;
    ULONG count;

    processes = ExAllocatePoolWithTag(NonPagedPoolNx, room * (sizeof(PEPROCESS) + sizeof(ULONG)),
                                      PSP_QUERY_TAG);
    if (processes == NULL) {
        return status;
    }
    /* Those that came since it was counted, beyond the spare places, are newer than the answer. */
    count = min(PspCollectProcesses(processes, room), room);
    status = PspDescribeProcesses(Query, processes, (PULONG)(processes + room), count);
    for (ULONG i = 0; i < count; ++i) {
        ObDereferenceObject(processes[i]);
    }
    ExFreePoolWithTag(processes, PSP_QUERY_TAG);
    return status;
}

static VOID
PspDescribeModule(PSP_MODULE *Module, ULONG_PTR Base, SIZE_T Size, USHORT Index)
{
    HALP_SYMBOL symbol;

    Module->ImageBase = (PVOID)Base;
    Module->ImageSize = (ULONG)Size;
    Module->LoadOrderIndex = Index;
    Module->InitOrderIndex = Index;
    Module->LoadCount = 1;
    if (HalpDescribeAddress(Base, &symbol)) {
        SIZE_T length = min(strlen(symbol.Module), sizeof(Module->FullPathName) - 1);
        memcpy(Module->FullPathName, symbol.Module, length);
    }
}

static NTSTATUS
PspQueryModules(const PSP_QUERY *Query)
{
    PSP_MODULES *modules;
    ULONG_PTR base;
    ULONG count = 0;
    NTSTATUS status;
    ULONG length;
    SIZE_T size;

    while (count < PSP_MODULE_LIMIT && MiQueryKernelImage(count, &base, &size)) {
        ++count;
    }
    length = (ULONG)(sizeof(*modules) + count * sizeof(PSP_MODULE));
    status = PspCheckRoom(Query, length);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    modules = ExAllocatePoolWithTag(PagedPool, length, PSP_QUERY_TAG);
    if (modules == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(modules, length);
    for (ULONG i = 0; i < count && MiQueryKernelImage(i, &base, &size); ++i) {
        PspDescribeModule(&modules->Modules[i], base, size, (USHORT)i);
        ++modules->NumberOfModules;
    }
    status = MiCopyToUser(Query->Buffer, modules, length, Query->Mode);
    ExFreePoolWithTag(modules, PSP_QUERY_TAG);
    return status;
}

/* ---- a process ---- */

static NTSTATUS
PspGiveImageName(const PSP_QUERY *Query, PEPROCESS Process)
{
    USHORT length = Process->ImageName.Length;
    ULONG total = (ULONG)(sizeof(UNICODE_STRING) + length + sizeof(WCHAR));
    UNICODE_STRING *answer;
    NTSTATUS status = PspCheckRoom(Query, total);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    answer = ExAllocatePoolWithTag(PagedPool, total, PSP_QUERY_TAG);
    if (answer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(answer, total);
    answer->Length = length;
    answer->MaximumLength = (USHORT)(length + sizeof(WCHAR));
    answer->Buffer = (PWCH)((UNICODE_STRING *)Query->Buffer + 1);
    if (length != 0) {
        memcpy(answer + 1, Process->ImageName.Buffer, length);
    }
    status = MiCopyToUser(Query->Buffer, answer, total, Query->Mode);
    ExFreePoolWithTag(answer, PSP_QUERY_TAG);
    return status;
}

static NTSTATUS
PspGiveProcessBasic(const PSP_QUERY *Query, PEPROCESS Process)
{
    PROCESS_BASIC_INFORMATION answer = {
        .ExitStatus = PsGetProcessExitStatus(Process),
        .AffinityMask = KeQueryActiveProcessors(),
        .BasePriority = PSP_BASE_PRIORITY,
        .UniqueProcessId = (ULONG_PTR)Process->UniqueProcessId,
        .InheritedFromUniqueProcessId = (ULONG_PTR)Process->InheritedFromProcessId,
    };

    return PspGiveExact(Query, &answer, sizeof(answer));
}

static NTSTATUS
PspQueryProcess(const PSP_QUERY *Query, PEPROCESS Process, PROCESSINFOCLASS Class)
{
    KERNEL_USER_TIMES times = {.CreateTime = Process->CreateTime};
    ULONG_PTR pointer = 0;
    ULONG number = 0;

    switch (Class) {
    case ProcessBasicInformation:
        return PspGiveProcessBasic(Query, Process);
    case ProcessTimes:
        times.ExitTime.QuadPart = __atomic_load_n(&Process->ExitTime, __ATOMIC_RELAXED);
        return PspGiveExact(Query, &times, sizeof(times));
    case ProcessDebugPort:        /* no debugger of ours is attached */
    case ProcessWow64Information: /* all are 64-bit */
        return PspGiveExact(Query, &pointer, sizeof(pointer));
    case ProcessHandleCount:
        number = Process->HandleTable != NULL ? ObpHandlesInUse(Process->HandleTable) : 0;
        return PspGiveExact(Query, &number, sizeof(number));
    case ProcessSessionInformation:
    case ProcessBreakOnTermination:
        return PspGiveExact(Query, &number, sizeof(number));
    case ProcessImageFileName:
    case ProcessImageFileNameWin32:
        return PspGiveImageName(Query, Process);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

/* ---- a thread ---- */

enum { PspThreadBasic = 0, PspThreadStartAddress = 9, PspThreadIsTerminated = 20 };

static NTSTATUS
PspQueryThread(const PSP_QUERY *Query, PETHREAD Thread, ULONG Class)
{
    PSP_THREAD_BASIC basic = {.ExitStatus = PsGetThreadExitStatus(Thread),
                              .ClientId = Thread->Cid,
                              .AffinityMask = KeQueryActiveProcessors(),
                              .Priority = KeQueryPriorityThread(&Thread->Tcb),
                              .BasePriority = KeQueryPriorityThread(&Thread->Tcb)};
    ULONG ended = PsIsThreadTerminating(Thread);

    switch (Class) {
    case PspThreadBasic:
        return PspGiveExact(Query, &basic, sizeof(basic));
    case PspThreadStartAddress:
        return PspGiveExact(Query, &Thread->StartAddress, sizeof(Thread->StartAddress));
    case PspThreadIsTerminated:
        return PspGiveExact(Query, &ended, sizeof(ended));
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

/* A handle to an object of Type that grants Full or Limited; kernel mode may use any. */
static NTSTATUS
PspReferenceToQuery(HANDLE Handle, POBJECT_TYPE Type, ACCESS_MASK Access, PVOID *Object)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    OBJECT_HANDLE_INFORMATION information;
    NTSTATUS status;

    status = ObReferenceObjectByHandle(Handle, 0, Type, mode, Object, &information);
    if (NT_SUCCESS(status) && mode != KernelMode && (information.GrantedAccess & Access) == 0) {
        ObDereferenceObject(*Object);
        status = STATUS_ACCESS_DENIED;
    }
    return status;
}

#pragma GCC visibility push(default)

/*
 * NtQuerySystemInformation - Basic, TimeOfDay, Process, Module, KernelDebugger
 *
 * Errors   STATUS_INVALID_INFO_CLASS: any other class; STATUS_INFO_LENGTH_MISMATCH, with the length
 *          in *ReturnLength; STATUS_ACCESS_VIOLATION; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Differs  processes are those that PsLookupProcessByProcessId knows, without the idle process;
 * times and memory counts are 0. Modules are drivers, by their files' names without a folder.
 *          Physical memory is said to be 4 GiB
 */
NTSTATUS NTAPI
NtQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation,
                         ULONG SystemInformationLength, PULONG ReturnLength)
{
    PSP_QUERY query = {SystemInformation, SystemInformationLength, ReturnLength,
                       ExGetPreviousMode()};
    static const UCHAR noDebugger[2] = {FALSE, TRUE};

    NT_IRQL_MAX(PASSIVE_LEVEL);
    switch (SystemInformationClass) {
    case PspSystemBasic:
        return PspQueryBasic(&query);
    case PspSystemTimeOfDay:
        return PspQueryTimeOfDay(&query);
    case PspSystemProcesses:
        return PspQueryProcesses(&query);
    case PspSystemModules:
        return PspQueryModules(&query);
    case PspSystemKernelDebugger:
        return PspGive(&query, noDebugger, sizeof(noDebugger));
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

NTSTATUS NTAPI
ZwQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation,
                         ULONG SystemInformationLength, PULONG ReturnLength)
{
    return OBP_ZW(NtQuerySystemInformation(SystemInformationClass, SystemInformation,
                                           SystemInformationLength, ReturnLength));
}

/*
 * NtQueryInformationProcess - basic, times, debug port, handle count, session, Wow64, image name
 *
 * Errors   STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH; STATUS_ACCESS_VIOLATION; those
 * of the handle (PROCESS_QUERY_INFORMATION or PROCESS_QUERY_LIMITED_INFORMATION) IRQL PASSIVE_LEVEL
 * Differs  times are 0 but for creation and end; image names are the host's paths
 * Source   SDK reference, NtQueryInformationProcess
 */
NTSTATUS NTAPI
NtQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                          PVOID ProcessInformation, ULONG ProcessInformationLength,
                          PULONG ReturnLength)
{
    NT_ENTER(NtQueryInformationProcess);
    PSP_QUERY query = {ProcessInformation, ProcessInformationLength, ReturnLength,
                       ExGetPreviousMode()};
    PEPROCESS process;
    NTSTATUS status;

    status = PspReferenceToQuery(ProcessHandle, PspProcessType,
                                 PROCESS_QUERY_INFORMATION | PROCESS_QUERY_LIMITED_INFORMATION,
                                 (PVOID *)&process);
    if (NT_SUCCESS(status)) {
        status = PspQueryProcess(&query, process, ProcessInformationClass);
        ObDereferenceObject(process);
    }
    return status;
}

NTSTATUS NTAPI
ZwQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                          PVOID ProcessInformation, ULONG ProcessInformationLength,
                          PULONG ReturnLength)
{
    return OBP_ZW(NtQueryInformationProcess(ProcessHandle, ProcessInformationClass,
                                            ProcessInformation, ProcessInformationLength,
                                            ReturnLength));
}

/* Basic, start address, whether it has ended; as NtQueryInformationProcess. */
NTSTATUS NTAPI
NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                         PVOID ThreadInformation, ULONG ThreadInformationLength,
                         PULONG ReturnLength)
{
    NT_ENTER(NtQueryInformationThread);
    PSP_QUERY query = {ThreadInformation, ThreadInformationLength, ReturnLength,
                       ExGetPreviousMode()};
    PETHREAD thread;
    NTSTATUS status;

    status = PspReferenceToQuery(ThreadHandle, PspThreadType,
                                 THREAD_QUERY_INFORMATION | THREAD_QUERY_LIMITED_INFORMATION,
                                 (PVOID *)&thread);
    if (NT_SUCCESS(status)) {
        status = PspQueryThread(&query, thread, ThreadInformationClass);
        ObDereferenceObject(thread);
    }
    return status;
}

NTSTATUS NTAPI
ZwQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                         PVOID ThreadInformation, ULONG ThreadInformationLength,
                         PULONG ReturnLength)
{
    return OBP_ZW(NtQueryInformationThread(ThreadHandle, ThreadInformationClass, ThreadInformation,
                                           ThreadInformationLength, ReturnLength));
}

/* ---- tokens of processes and threads ---- */

/* Referenced; given back with PsDereferencePrimaryToken. */
PACCESS_TOKEN NTAPI
PsReferencePrimaryToken(PEPROCESS Process)
{
    NT_ENTER(PsReferencePrimaryToken);
    return SepReferenceProcessToken(Process);
}

#undef PsDereferencePrimaryToken
VOID NTAPI
PsDereferencePrimaryToken(PACCESS_TOKEN PrimaryToken)
{
    NT_ENTER(PsDereferencePrimaryToken);
    ObDereferenceObject(PrimaryToken);
}

/* NULL: no thread impersonates. */
PACCESS_TOKEN NTAPI
PsReferenceImpersonationToken(PETHREAD Thread, PBOOLEAN CopyOnOpen, PBOOLEAN EffectiveOnly,
                              PSECURITY_IMPERSONATION_LEVEL ImpersonationLevel)
{
    NT_ENTER(PsReferenceImpersonationToken);
    return NULL;
}

#undef PsDereferenceImpersonationToken
VOID NTAPI
PsDereferenceImpersonationToken(PACCESS_TOKEN ImpersonationToken)
{
    NT_ENTER(PsDereferenceImpersonationToken);
    if (ImpersonationToken != NULL) {
        ObDereferenceObject(ImpersonationToken);
    }
}

#pragma GCC visibility pop
