/* SPDX-License-Identifier: MIT
 *
 * kernel32/thread.c - threads, their local slots, the process
 *
 * A thread runs on a host thread of the kernel's making; BaseThreadStart is the first user frame.
 *
 * Invariant  B1  slot i of every thread reads 0 from TlsAlloc until that thread sets it: a slot
 *                carries the generation of its index, and another generation reads as 0.
 */
#include <stdlib.h>
#include <threads.h>

#include "kernel32/kernel32.h"

/* ---- threads ---- */

typedef struct BASE_THREAD {
    LPTHREAD_START_ROUTINE Start;
    PVOID Parameter;
} BASE_THREAD;

static NTSTATUS
BaseThreadStart(PVOID Context)
{
    BASE_THREAD start = *(BASE_THREAD *)Context;

    free(Context);
    ExitThread(start.Start(start.Parameter));
}

/*
 * CreateThread - start a thread
 *
 * StackSize  ignored: the host's default stack, which grows on demand
 * Flags      0, CREATE_SUSPENDED, STACK_SIZE_PARAM_IS_A_RESERVATION
 * Errors     ERROR_INVALID_PARAMETER (other flags), ERROR_NOT_ENOUGH_MEMORY, the kernel's
 * Differs    thread ids are the host's, not multiples of 4
 */
HANDLE WINAPI
CreateThread(LPSECURITY_ATTRIBUTES Security, SIZE_T StackSize, LPTHREAD_START_ROUTINE Start,
             LPVOID Parameter, DWORD Flags, LPDWORD ThreadId)
{
    BASE_THREAD *thread;
    HANDLE handle = NULL;
    CLIENT_ID id;
    NTSTATUS status;

    if (Start == NULL || (Flags & ~(CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION)) != 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    thread = malloc(sizeof(*thread));
    if (thread == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    thread->Start = Start;
    thread->Parameter = Parameter;
    status = NTDLL_CALL(NtboxCreateThread)(&handle, (PVOID)BaseThreadStart, thread,
                                           (Flags & CREATE_SUSPENDED) != 0, &id);
    if (!NT_SUCCESS(status)) {
        free(thread);
        BaseSetLastNtError(status);
        return NULL;
    }
    if (ThreadId != NULL) {
        *ThreadId = (DWORD)(ULONG_PTR)id.UniqueThread;
    }
    return handle;
}

typedef unsigned(__stdcall *BASE_CRT_START)(void *);

/* The C runtime's way to start a thread; 0 on failure. The caller closes the handle. */
uintptr_t _beginthreadex(void *Security, unsigned StackSize, BASE_CRT_START Start, void *Argument,
                         unsigned Flags, unsigned *ThreadId);
void _endthreadex(unsigned Code);

uintptr_t
_beginthreadex(void *Security, unsigned StackSize, BASE_CRT_START Start, void *Argument,
               unsigned Flags, unsigned *ThreadId)
{
    DWORD id = 0;
    HANDLE handle =
        CreateThread(Security, StackSize, (LPTHREAD_START_ROUTINE)Start, Argument, Flags, &id);

    if (handle != NULL && ThreadId != NULL) {
        *ThreadId = id;
    }
    return (uintptr_t)handle;
}

VOID WINAPI
ExitThread(DWORD Code)
{
    NTDLL_CALL(NtboxTerminateCurrentThread)((NTSTATUS)Code);
    /* The kernel does not return from it; a table of a unit test may. */
    NtdllHostPark();
}

void
_endthreadex(unsigned Code)
{
    ExitThread(Code);
}

DWORD WINAPI
ResumeThread(HANDLE Thread)
{
    ULONG previous = 0;
    NTSTATUS status = NTDLL_CALL(NtResumeThread)(Thread, &previous);

    return BaseResult(status) ? previous : MAXDWORD;
}

/*
 * SuspendThread - of the calling thread, or of one that stands still already: ResumeThread as often
 *
 * Returns  the count before, or MAXDWORD
 * Errors   ERROR_SIGNAL_REFUSED: 127 times already; ERROR_ACCESS_DENIED: it has ended or may not be
 * Differs  ERROR_NOT_SUPPORTED for another thread that runs
 */
DWORD WINAPI
SuspendThread(HANDLE Thread)
{
    ULONG previous = 0;
    NTSTATUS status = NTDLL_CALL(NtSuspendThread)(Thread, &previous);

    return BaseResult(status) ? previous : MAXDWORD;
}

typedef struct THREAD_BASIC {
    NTSTATUS ExitStatus;
    PVOID Teb;
    CLIENT_ID ClientId;
    ULONG_PTR Affinity;
    LONG Priority;
    LONG BasePriority;
} THREAD_BASIC;

#define THREAD_BASIC_CLASS 0
#define NORMAL_PRIORITY 8

/*
 * SetThreadPriority - THREAD_PRIORITY_IDLE to THREAD_PRIORITY_TIME_CRITICAL
 *
 * Errors   ERROR_INVALID_PARAMETER, ERROR_INVALID_HANDLE, ERROR_ACCESS_DENIED
 * Differs  it is kept and can be asked for, and does not schedule
 */
BOOL WINAPI
SetThreadPriority(HANDLE Thread, int Priority)
{
    return BaseResult(NTDLL_CALL(NtboxSetThreadPriority)(Thread, Priority));
}

int WINAPI
GetThreadPriority(HANDLE Thread)
{
    THREAD_BASIC basic;
    ULONG needed;

    if (!BaseResult(NTDLL_CALL(NtQueryInformationThread)(Thread, THREAD_BASIC_CLASS, &basic,
                                                         sizeof(basic), &needed))) {
        return THREAD_PRIORITY_ERROR_RETURN;
    }
    switch (basic.BasePriority) {
    case 1:
        return THREAD_PRIORITY_IDLE;
    case 15:
        return THREAD_PRIORITY_TIME_CRITICAL;
    default:
        return basic.BasePriority - NORMAL_PRIORITY;
    }
}

/* The kernel's APC routine of QueueUserAPC: the program's has one argument. */
static VOID NTAPI
CallUserApc(PVOID Routine, PVOID Data, PVOID Reserved)
{
    ((PAPCFUNC)(ULONG_PTR)Routine)((ULONG_PTR)Data);
}

/*
 * QueueUserAPC - Routine(Data) runs on Thread, in its next alertable wait
 *
 * Errors   ERROR_INVALID_HANDLE, ERROR_ACCESS_DENIED, ERROR_GEN_FAILURE (the thread has ended)
 * Source   SDK reference, nf-processthreadsapi-queueuserapc
 */
DWORD WINAPI
QueueUserAPC(PAPCFUNC Routine, HANDLE Thread, ULONG_PTR Data)
{
    return (DWORD)BaseResult(NTDLL_CALL(NtQueueApcThread)(
        Thread, (PVOID)CallUserApc, (PVOID)(ULONG_PTR)Routine, (PVOID)Data, NULL));
}

/* STILL_ACTIVE while it runs. */
BOOL WINAPI
GetExitCodeThread(HANDLE Thread, LPDWORD Code)
{
    CLIENT_ID id;
    NTSTATUS exitStatus = STATUS_PENDING;
    NTSTATUS status = NTDLL_CALL(NtboxQueryThread)(Thread, &id, &exitStatus);

    if (!BaseResult(status)) {
        return FALSE;
    }
    *Code = (DWORD)exitStatus;
    return TRUE;
}

DWORD WINAPI
GetThreadId(HANDLE Thread)
{
    CLIENT_ID id;
    NTSTATUS exitStatus;
    NTSTATUS status = NTDLL_CALL(NtboxQueryThread)(Thread, &id, &exitStatus);

    return BaseResult(status) ? (DWORD)(ULONG_PTR)id.UniqueThread : 0;
}

DWORD WINAPI
GetCurrentThreadId(VOID)
{
    return NtdllHostThreadId();
}

HANDLE WINAPI
GetCurrentThread(VOID)
{
    return (HANDLE)(LONG_PTR)-2;
}

/* ---- the process ---- */

DWORD WINAPI
GetCurrentProcessId(VOID)
{
    return NtdllHostProcessId();
}

HANDLE WINAPI
GetCurrentProcess(VOID)
{
    return (HANDLE)(LONG_PTR)-1;
}

static BOOL
IsThisProcess(HANDLE Process)
{
    return Process == GetCurrentProcess() ? TRUE : BaseFail(ERROR_INVALID_HANDLE);
}

/* Differs  of this process only, by GetCurrentProcess's handle; so are the next two */
DWORD WINAPI
GetProcessId(HANDLE Process)
{
    return IsThisProcess(Process) ? GetCurrentProcessId() : 0;
}

BOOL WINAPI
GetExitCodeProcess(HANDLE Process, LPDWORD Code)
{
    if (!IsThisProcess(Process)) {
        return FALSE;
    }
    *Code = STILL_ACTIVE;
    return TRUE;
}

BOOL WINAPI
IsWow64Process(HANDLE Process, PBOOL Wow64)
{
    if (!IsThisProcess(Process)) {
        return FALSE;
    }
    *Wow64 = FALSE;
    return TRUE;
}

/* Differs  the host keeps the low 8 bits of Code; a code whose low 8 bits are 0 becomes 255 */
VOID WINAPI
ExitProcess(UINT Code)
{
    NtdllExitProcess(Code, TRUE);
}

/* TerminateProcess - only of this process: no exit handlers, but the kernel still runs it down */
BOOL WINAPI
TerminateProcess(HANDLE Process, UINT Code)
{
    if (Process != GetCurrentProcess()) {
        return BaseFail(Process == NULL ? ERROR_INVALID_HANDLE : ERROR_NOT_SUPPORTED);
    }
    NtdllExitProcess(Code, FALSE);
}

/* ---- thread-local slots ---- */

#define SLOT_COUNT 1088 /* TLS_MINIMUM_AVAILABLE and the expansion slots, as on Windows */

typedef struct BASE_SLOT {
    PVOID Value;
    uint32_t Generation;
} BASE_SLOT;

static uint32_t BaseSlotGeneration[SLOT_COUNT]; /* atomic; odd: allocated */
static _Thread_local BASE_SLOT *BaseSlots __attribute__((tls_model("initial-exec")));
static tss_t BaseSlotsKey; /* frees a thread's BaseSlots at its end */
static once_flag BaseSlotsOnce = ONCE_FLAG_INIT;

static void
CreateSlotsKey(void)
{
    tss_create(&BaseSlotsKey, free);
}

DWORD WINAPI
TlsAlloc(VOID)
{
    for (DWORD i = 0; i < SLOT_COUNT; i++) {
        uint32_t generation = __atomic_load_n(&BaseSlotGeneration[i], __ATOMIC_RELAXED);

        if ((generation & 1) == 0 &&
            __atomic_compare_exchange_n(&BaseSlotGeneration[i], &generation, generation + 1, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            return i;
        }
    }
    BaseFail(ERROR_NO_MORE_ITEMS);
    return TLS_OUT_OF_INDEXES;
}

BOOL WINAPI
TlsFree(DWORD Index)
{
    uint32_t generation;

    if (Index >= SLOT_COUNT) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    generation = __atomic_load_n(&BaseSlotGeneration[Index], __ATOMIC_ACQUIRE);
    if ((generation & 1) == 0 ||
        !__atomic_compare_exchange_n(&BaseSlotGeneration[Index], &generation, generation + 1, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    return TRUE;
}

/* The last error becomes 0 on success: NULL may be the value. */
LPVOID WINAPI
TlsGetValue(DWORD Index)
{
    BASE_SLOT *slots = BaseSlots;

    if (Index >= SLOT_COUNT) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    NtdllLastError = ERROR_SUCCESS;
    if (slots == NULL ||
        slots[Index].Generation != __atomic_load_n(&BaseSlotGeneration[Index], __ATOMIC_ACQUIRE)) {
        return NULL;
    }
    return slots[Index].Value;
}

BOOL WINAPI
TlsSetValue(DWORD Index, LPVOID Value)
{
    if (Index >= SLOT_COUNT) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (BaseSlots == NULL) {
        call_once(&BaseSlotsOnce, CreateSlotsKey);
        BaseSlots = calloc(SLOT_COUNT, sizeof(*BaseSlots));
        if (BaseSlots == NULL) {
            return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        }
        tss_set(BaseSlotsKey, BaseSlots);
    }
    BaseSlots[Index].Value = Value;
    BaseSlots[Index].Generation = __atomic_load_n(&BaseSlotGeneration[Index], __ATOMIC_ACQUIRE);
    return TRUE;
}
