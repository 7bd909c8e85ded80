/* SPDX-License-Identifier: MIT
 *
 * kernel32/sync.c - events, mutexes, semaphores, waits, sleeping, handles
 */
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define NOTIFICATION_EVENT 0
#define SYNCHRONIZATION_EVENT 1
#define WAIT_ALL 0
#define WAIT_ANY 1

static BOOLEAN
SkipWord(PCWSTR *Text, const char *Word)
{
    PCWSTR text = *Text;

    for (; *Word != '\0'; Word++, text++) {
        if (*text != (WCHAR)*Word) {
            return FALSE;
        }
    }
    *Text = text;
    return TRUE;
}

/* \BaseNamedObjects\Name; Global\ and Local\ are one name space here. NULL without memory. */
static PWSTR
NameObject(PCWSTR Name, UNICODE_STRING *Full)
{
    static const WCHAR folder[] = L"\\BaseNamedObjects\\";
    size_t prefix = sizeof(folder) / sizeof(folder[0]) - 1;
    size_t length;
    PWSTR path;

    if (!SkipWord(&Name, "Global\\")) {
        SkipWord(&Name, "Local\\");
    }
    length = NtdllWideLength(Name);
    path = malloc((prefix + length + 1) * sizeof(WCHAR));
    if (path != NULL) {
        memcpy(path, folder, prefix * sizeof(WCHAR));
        memcpy(&path[prefix], Name, (length + 1) * sizeof(WCHAR));
        RtlInitUnicodeString(Full, path);
    }
    return path;
}

BOOL
BaseBeginObject(BASE_OBJECT *Object, LPSECURITY_ATTRIBUTES Security, LPCWSTR Name)
{
    InitializeObjectAttributes(&Object->Attributes, NULL, 0, NULL, NULL);
    Object->Path = NULL;
    if (Security != NULL) {
        Object->Attributes.SecurityDescriptor = Security->lpSecurityDescriptor;
        Object->Attributes.Attributes = Security->bInheritHandle ? OBJ_INHERIT : 0;
    }
    if (Name == NULL || Name[0] == 0) {
        return TRUE;
    }
    Object->Path = NameObject(Name, &Object->Name);
    if (Object->Path == NULL) {
        return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    }
    Object->Attributes.ObjectName = &Object->Name;
    Object->Attributes.Attributes |= OBJ_OPENIF;
    return TRUE;
}

HANDLE
BaseEndObject(BASE_OBJECT *Object, NTSTATUS Status, HANDLE Handle)
{
    free(Object->Path);
    if (!NT_SUCCESS(Status)) {
        BaseSetLastNtError(Status);
        return NULL;
    }
    NtdllLastError = Status == STATUS_OBJECT_NAME_EXISTS ? ERROR_ALREADY_EXISTS : ERROR_SUCCESS;
    return Handle;
}

BOOL
BaseWidenName(LPCSTR Name, PWSTR *Wide)
{
    *Wide = NtdllWiden(Name);
    return Name == NULL || *Wide != NULL ? TRUE : BaseFail(ERROR_NOT_ENOUGH_MEMORY);
}

HANDLE
BaseOpenObject(BASE_OPEN *Open, DWORD Access, BOOL Inherit, LPCWSTR Name)
{
    BASE_OBJECT object;
    HANDLE handle = NULL;
    NTSTATUS status;

    if (Name == NULL) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!BaseBeginObject(&object, NULL, Name)) {
        return NULL;
    }
    object.Attributes.Attributes = Inherit ? OBJ_INHERIT : 0;
    status = Open(&handle, Access, &object.Attributes);
    free(object.Path);
    return BaseResult(status) ? handle : NULL;
}

HANDLE
BaseOpenObjectA(BASE_OPEN *Open, DWORD Access, BOOL Inherit, LPCSTR Name)
{
    HANDLE handle = NULL;
    PWSTR name;

    if (BaseWidenName(Name, &name)) {
        handle = BaseOpenObject(Open, Access, Inherit, name);
    }
    free(name);
    return handle;
}

/* ---- events ---- */

/* CreateEventExW - make an event, or open the one that has the name */
HANDLE WINAPI
CreateEventExW(LPSECURITY_ATTRIBUTES Security, LPCWSTR Name, DWORD Flags, DWORD Access)
{
    BASE_OBJECT object;
    HANDLE handle = NULL;
    NTSTATUS status;

    if ((Flags & ~(DWORD)(CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET)) != 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!BaseBeginObject(&object, Security, Name)) {
        return NULL;
    }
    status = NTDLL_CALL(NtCreateEvent)(
        &handle, Access, &object.Attributes,
        (Flags & CREATE_EVENT_MANUAL_RESET) != 0 ? NOTIFICATION_EVENT : SYNCHRONIZATION_EVENT,
        (Flags & CREATE_EVENT_INITIAL_SET) != 0);
    return BaseEndObject(&object, status, handle);
}

HANDLE WINAPI
CreateEventExA(LPSECURITY_ATTRIBUTES Security, LPCSTR Name, DWORD Flags, DWORD Access)
{
    HANDLE handle = NULL;
    PWSTR name;

    if (BaseWidenName(Name, &name)) {
        handle = CreateEventExW(Security, name, Flags, Access);
    }
    free(name);
    return handle;
}

static DWORD
EventFlags(BOOL Manual, BOOL InitialState)
{
    return (Manual ? CREATE_EVENT_MANUAL_RESET : 0) | (InitialState ? CREATE_EVENT_INITIAL_SET : 0);
}

HANDLE WINAPI
CreateEventW(LPSECURITY_ATTRIBUTES Security, BOOL Manual, BOOL InitialState, LPCWSTR Name)
{
    return CreateEventExW(Security, Name, EventFlags(Manual, InitialState), EVENT_ALL_ACCESS);
}

HANDLE WINAPI
CreateEventA(LPSECURITY_ATTRIBUTES Security, BOOL Manual, BOOL InitialState, LPCSTR Name)
{
    return CreateEventExA(Security, Name, EventFlags(Manual, InitialState), EVENT_ALL_ACCESS);
}

/* OpenEventW - an event by its name, a driver's too; ERROR_FILE_NOT_FOUND when there is none */
HANDLE WINAPI
OpenEventW(DWORD Access, BOOL Inherit, LPCWSTR Name)
{
    return BaseOpenObject(NTDLL_CALL(NtOpenEvent), Access, Inherit, Name);
}

HANDLE WINAPI
OpenEventA(DWORD Access, BOOL Inherit, LPCSTR Name)
{
    return BaseOpenObjectA(NTDLL_CALL(NtOpenEvent), Access, Inherit, Name);
}

BOOL WINAPI
SetEvent(HANDLE Event)
{
    return BaseResult(NTDLL_CALL(NtSetEvent)(Event, NULL));
}

BOOL WINAPI
ResetEvent(HANDLE Event)
{
    return BaseResult(NTDLL_CALL(NtResetEvent)(Event, NULL));
}

BOOL WINAPI
PulseEvent(HANDLE Event)
{
    return BaseResult(NTDLL_CALL(NtPulseEvent)(Event, NULL));
}

/* ---- mutexes and semaphores ---- */

/* CreateMutexExW - make a mutex, or open the one that has the name */
HANDLE WINAPI
CreateMutexExW(LPSECURITY_ATTRIBUTES Security, LPCWSTR Name, DWORD Flags, DWORD Access)
{
    BASE_OBJECT object;
    HANDLE handle = NULL;
    NTSTATUS status;

    if ((Flags & ~(DWORD)CREATE_MUTEX_INITIAL_OWNER) != 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!BaseBeginObject(&object, Security, Name)) {
        return NULL;
    }
    status = NTDLL_CALL(NtCreateMutant)(&handle, Access, &object.Attributes,
                                        (Flags & CREATE_MUTEX_INITIAL_OWNER) != 0);
    return BaseEndObject(&object, status, handle);
}

HANDLE WINAPI
CreateMutexExA(LPSECURITY_ATTRIBUTES Security, LPCSTR Name, DWORD Flags, DWORD Access)
{
    HANDLE handle = NULL;
    PWSTR name;

    if (BaseWidenName(Name, &name)) {
        handle = CreateMutexExW(Security, name, Flags, Access);
    }
    free(name);
    return handle;
}

HANDLE WINAPI
CreateMutexW(LPSECURITY_ATTRIBUTES Security, BOOL InitialOwner, LPCWSTR Name)
{
    return CreateMutexExW(Security, Name, InitialOwner ? CREATE_MUTEX_INITIAL_OWNER : 0,
                          MUTEX_ALL_ACCESS);
}

HANDLE WINAPI
CreateMutexA(LPSECURITY_ATTRIBUTES Security, BOOL InitialOwner, LPCSTR Name)
{
    return CreateMutexExA(Security, Name, InitialOwner ? CREATE_MUTEX_INITIAL_OWNER : 0,
                          MUTEX_ALL_ACCESS);
}

HANDLE WINAPI
OpenMutexW(DWORD Access, BOOL Inherit, LPCWSTR Name)
{
    return BaseOpenObject(NTDLL_CALL(NtOpenMutant), Access, Inherit, Name);
}

HANDLE WINAPI
OpenMutexA(DWORD Access, BOOL Inherit, LPCSTR Name)
{
    return BaseOpenObjectA(NTDLL_CALL(NtOpenMutant), Access, Inherit, Name);
}

/* ERROR_NOT_OWNER: another thread's, or nobody's. */
BOOL WINAPI
ReleaseMutex(HANDLE Mutex)
{
    return BaseResult(NTDLL_CALL(NtReleaseMutant)(Mutex, NULL));
}

/* CreateSemaphoreExW - make a semaphore, or open the one that has the name; Flags must be 0 */
HANDLE WINAPI
CreateSemaphoreExW(LPSECURITY_ATTRIBUTES Security, LONG InitialCount, LONG MaximumCount,
                   LPCWSTR Name, DWORD Flags, DWORD Access)
{
    BASE_OBJECT object;
    HANDLE handle = NULL;
    NTSTATUS status;

    if (Flags != 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!BaseBeginObject(&object, Security, Name)) {
        return NULL;
    }
    status = NTDLL_CALL(NtCreateSemaphore)(&handle, Access, &object.Attributes, InitialCount,
                                           MaximumCount);
    return BaseEndObject(&object, status, handle);
}

HANDLE WINAPI
CreateSemaphoreExA(LPSECURITY_ATTRIBUTES Security, LONG InitialCount, LONG MaximumCount,
                   LPCSTR Name, DWORD Flags, DWORD Access)
{
    HANDLE handle = NULL;
    PWSTR name;

    if (BaseWidenName(Name, &name)) {
        handle = CreateSemaphoreExW(Security, InitialCount, MaximumCount, name, Flags, Access);
    }
    free(name);
    return handle;
}

HANDLE WINAPI
CreateSemaphoreW(LPSECURITY_ATTRIBUTES Security, LONG InitialCount, LONG MaximumCount, LPCWSTR Name)
{
    return CreateSemaphoreExW(Security, InitialCount, MaximumCount, Name, 0, SEMAPHORE_ALL_ACCESS);
}

HANDLE WINAPI
CreateSemaphoreA(LPSECURITY_ATTRIBUTES Security, LONG InitialCount, LONG MaximumCount, LPCSTR Name)
{
    return CreateSemaphoreExA(Security, InitialCount, MaximumCount, Name, 0, SEMAPHORE_ALL_ACCESS);
}

HANDLE WINAPI
OpenSemaphoreW(DWORD Access, BOOL Inherit, LPCWSTR Name)
{
    return BaseOpenObject(NTDLL_CALL(NtOpenSemaphore), Access, Inherit, Name);
}

HANDLE WINAPI
OpenSemaphoreA(DWORD Access, BOOL Inherit, LPCSTR Name)
{
    return BaseOpenObjectA(NTDLL_CALL(NtOpenSemaphore), Access, Inherit, Name);
}

/* ERROR_TOO_MANY_POSTS: the count would pass its maximum; it stays as it is. */
BOOL WINAPI
ReleaseSemaphore(HANDLE Semaphore, LONG Count, LPLONG Previous)
{
    return BaseResult(NTDLL_CALL(NtReleaseSemaphore)(Semaphore, Count, Previous));
}

/* ---- waits ---- */

/* WAIT_OBJECT_0 .., WAIT_ABANDONED_0 .., WAIT_TIMEOUT, WAIT_IO_COMPLETION are the statuses. */
static DWORD
WaitResult(NTSTATUS Status)
{
    if (NT_SUCCESS(Status)) {
        return (DWORD)Status;
    }
    BaseSetLastNtError(Status);
    return WAIT_FAILED;
}

DWORD WINAPI
WaitForSingleObjectEx(HANDLE Handle, DWORD Milliseconds, BOOL Alertable)
{
    LARGE_INTEGER timeOut;

    return WaitResult(NTDLL_CALL(NtWaitForSingleObject)(Handle, Alertable != FALSE,
                                                        BaseFormatTimeOut(&timeOut, Milliseconds)));
}

DWORD WINAPI
WaitForSingleObject(HANDLE Handle, DWORD Milliseconds)
{
    return WaitForSingleObjectEx(Handle, Milliseconds, FALSE);
}

/* Count: 1 to MAXIMUM_WAIT_OBJECTS, else ERROR_INVALID_PARAMETER. */
DWORD WINAPI
WaitForMultipleObjectsEx(DWORD Count, const HANDLE *Handles, BOOL WaitAll, DWORD Milliseconds,
                         BOOL Alertable)
{
    LARGE_INTEGER timeOut;

    return WaitResult(NTDLL_CALL(NtWaitForMultipleObjects)(
        Count, (HANDLE *)Handles, WaitAll ? WAIT_ALL : WAIT_ANY, Alertable != FALSE,
        BaseFormatTimeOut(&timeOut, Milliseconds)));
}

DWORD WINAPI
WaitForMultipleObjects(DWORD Count, const HANDLE *Handles, BOOL WaitAll, DWORD Milliseconds)
{
    return WaitForMultipleObjectsEx(Count, Handles, WaitAll, Milliseconds, FALSE);
}

/*
 * SignalObjectAndWait - set an event, release a mutex or semaphore, and wait, in one step
 *
 * Errors   ERROR_INVALID_HANDLE (Signal is of another type), ERROR_NOT_OWNER, ERROR_TOO_MANY_POSTS
 */
DWORD WINAPI
SignalObjectAndWait(HANDLE Signal, HANDLE Wait, DWORD Milliseconds, BOOL Alertable)
{
    LARGE_INTEGER timeOut;

    return WaitResult(NTDLL_CALL(NtSignalAndWaitForSingleObject)(
        Signal, Wait, Alertable != FALSE, BaseFormatTimeOut(&timeOut, Milliseconds)));
}

DWORD WINAPI
SleepEx(DWORD Milliseconds, BOOL Alertable)
{
    LARGE_INTEGER timeOut;
    LARGE_INTEGER *limit = BaseFormatTimeOut(&timeOut, Milliseconds);

    if (limit == NULL) {
        timeOut.QuadPart = MINLONGLONG;
    }
    return NTDLL_CALL(NtDelayExecution)(Alertable != FALSE, &timeOut) == STATUS_USER_APC
               ? WAIT_IO_COMPLETION
               : 0;
}

VOID WINAPI
Sleep(DWORD Milliseconds)
{
    SleepEx(Milliseconds, FALSE);
}

BOOL WINAPI
SwitchToThread(VOID)
{
    NtdllHostYield();
    return TRUE;
}

/* ---- handles ---- */

BOOL WINAPI
CloseHandle(HANDLE Handle)
{
    int stream = BaseStreamOfHandle(Handle);

    if (stream >= 0) {
        return BaseCloseStream(stream);
    }
    return BaseResult(NTDLL_CALL(NtClose)(Handle));
}

/* DuplicateHandle - within this process; another process's handle is ERROR_INVALID_HANDLE */
BOOL WINAPI
DuplicateHandle(HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess, LPHANDLE Target,
                DWORD Access, BOOL Inherit, DWORD Options)
{
    return BaseResult(NTDLL_CALL(NtDuplicateObject)(SourceProcess, Source, TargetProcess, Target,
                                                    Access, Inherit ? OBJ_INHERIT : 0, Options));
}
