/* SPDX-License-Identifier: MIT
 *
 * test/user/win32_client.c - timers, APCs, named objects, heaps, the registry and device names on
 * the real kernel
 */
#include <windows.h>
#include <winioctl.h>
#include <string.h>
#include "check.h"
#include "drivers/iotest.h"

#define NOT_A_HANDLE ((HANDLE)(ULONG_PTR)0x7ff0)

/* ---- waitable timers ---- */

static ULONG_PTR TimerCalls;
static DWORD TimerThread;
static ULONGLONG TimerTime;

static VOID CALLBACK
OnTimer(LPVOID Context, DWORD Low, DWORD High)
{
    TimerCalls += (ULONG_PTR)Context;
    TimerThread = GetCurrentThreadId();
    TimerTime = ((ULONGLONG)High << 32) | Low;
}

TEST(TimersAreSignaledAndStayOrNot)
{
    HANDLE manual = CreateWaitableTimerA(NULL, TRUE, NULL);
    HANDLE automatic = CreateWaitableTimerExW(NULL, NULL, 0, TIMER_ALL_ACCESS);
    LARGE_INTEGER now = {.QuadPart = -1};
    LARGE_INTEGER never = {.QuadPart = -3600 * 10000000LL};

    CHECK(manual != NULL && automatic != NULL);
    CHECK_EQ(WaitForSingleObject(manual, 0), WAIT_TIMEOUT);
    CHECK(SetWaitableTimer(manual, &now, 0, NULL, NULL, FALSE));
    CHECK(SetWaitableTimer(automatic, &now, 0, NULL, NULL, FALSE));
    CHECK_EQ(WaitForSingleObject(manual, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(manual, 0), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(automatic, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);
    /* Cancelling leaves the state, setting clears it. */
    CHECK(CancelWaitableTimer(manual));
    CHECK_EQ(WaitForSingleObject(manual, 0), WAIT_OBJECT_0);
    CHECK(SetWaitableTimer(manual, &never, 0, NULL, NULL, FALSE));
    CHECK_EQ(WaitForSingleObject(manual, 0), WAIT_TIMEOUT);
    CHECK(CloseHandle(manual));
    CHECK(CloseHandle(automatic));
}

TEST(TimerRoutinesRunInAlertableWaits)
{
    HANDLE timer = CreateWaitableTimerW(NULL, FALSE, NULL);
    LARGE_INTEGER now = {.QuadPart = -1};
    LARGE_INTEGER never = {.QuadPart = -3600 * 10000000LL};

    TimerCalls = 0;
    CHECK(SetWaitableTimer(timer, &now, 1, OnTimer, (LPVOID)1, FALSE));
    while (TimerCalls < 3) {
        CHECK_EQ(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    }
    CHECK_EQ(TimerThread, GetCurrentThreadId());
    CHECK(TimerTime > 116444736000000000ull); /* 1970 */
    /* What was queued before the timer is set anew does not come. */
    WaitForSingleObject(timer, INFINITE);
    TimerCalls = 0;
    CHECK(SetWaitableTimer(timer, &never, 0, OnTimer, (LPVOID)100, FALSE));
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(TimerCalls, 0);
    CHECK(CloseHandle(timer));
}

typedef struct OWNED_TIMER {
    HANDLE Timer;
    LARGE_INTEGER Due; /* from now */
} OWNED_TIMER;

static DWORD WINAPI
SetTimerAndEnd(LPVOID Context)
{
    OWNED_TIMER *owned = Context;

    return SetWaitableTimer(owned->Timer, &owned->Due, 0, OnTimer, (LPVOID)1, FALSE);
}

/*
 * A timer that outlives its thread would be signaled before a second one, which is set for the same
 * distance afterwards. When the thread itself took longer than the distance, that says nothing: it
 * is tried with a longer one.
 */
TEST(TimerWithARoutineEndsWithItsThread)
{
    HANDLE later = CreateWaitableTimerW(NULL, TRUE, NULL);
    OWNED_TIMER owned = {CreateWaitableTimerW(NULL, TRUE, NULL), {.QuadPart = -50 * 10000}};
    BOOL tried = FALSE;

    while (!tried) {
        HANDLE thread = CreateThread(NULL, 0, SetTimerAndEnd, &owned, 0, NULL);

        CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
        CloseHandle(thread);
        tried = WaitForSingleObject(owned.Timer, 0) == WAIT_TIMEOUT;
        owned.Due.QuadPart *= tried ? 1 : 2;
    }
    CHECK(SetWaitableTimer(later, &owned.Due, 0, NULL, NULL, FALSE));
    CHECK_EQ(WaitForSingleObject(later, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(owned.Timer, 0), WAIT_TIMEOUT);
    CHECK(CloseHandle(later));
    CHECK(CloseHandle(owned.Timer));
}

TEST(TimerErrors)
{
    HANDLE timer = CreateWaitableTimerA(NULL, FALSE, "win32 client timer");
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, "win32 client event");
    LARGE_INTEGER now = {.QuadPart = -1};
    HANDLE second;

    CHECK_FAILS(SetWaitableTimer(timer, &now, -1, NULL, NULL, FALSE), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(SetWaitableTimer(timer, NULL, 0, NULL, NULL, FALSE), ERROR_NOACCESS);
    CHECK_FAILS(SetWaitableTimer(event, &now, 0, NULL, NULL, FALSE), ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetWaitableTimer(NOT_A_HANDLE, &now, 0, NULL, NULL, FALSE), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CancelWaitableTimer(NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateWaitableTimerExA(NULL, NULL, 0x80, TIMER_ALL_ACCESS) != NULL,
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, NULL) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, "no such") != NULL,
                ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, "win32 client event") != NULL,
                ERROR_INVALID_HANDLE);
    SetLastError(0);
    CHECK(SetWaitableTimer(timer, &now, 0, NULL, NULL, TRUE)); /* cannot wake the machine */
    CHECK_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
    second = OpenWaitableTimerA(SYNCHRONIZE, FALSE, "win32 client timer");
    CHECK_EQ(WaitForSingleObject(second, INFINITE), WAIT_OBJECT_0);
    CHECK_FAILS(CancelWaitableTimer(second), ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(second));
    CHECK(CloseHandle(event));
    CHECK(CloseHandle(timer));
    CHECK_FAILS(CancelWaitableTimer(timer), ERROR_INVALID_HANDLE);
}

/* ---- APCs ---- */

static volatile ULONG_PTR ApcData;

static VOID CALLBACK
OnApc(ULONG_PTR Data)
{
    ApcData = ApcData * 10 + Data;
}

static DWORD WINAPI
SleepAlertably(LPVOID Ready)
{
    SetEvent(Ready);
    return SleepEx(INFINITE, TRUE);
}

TEST(ApcsRunInOrderAndOnTheirThread)
{
    HANDLE ready = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE thread = CreateThread(NULL, 0, SleepAlertably, ready, 0, NULL);
    DWORD code = 0;

    ApcData = 0;
    CHECK(QueueUserAPC(OnApc, GetCurrentThread(), 1));
    CHECK(QueueUserAPC(OnApc, GetCurrentThread(), 2));
    CHECK_EQ(SleepEx(0, FALSE), 0);
    CHECK_EQ(ApcData, 0);
    CHECK_EQ(WaitForSingleObjectEx(ready, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(ApcData, 12);
    CHECK(QueueUserAPC(OnApc, thread, 3));
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(ApcData, 123);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK_EQ(code, WAIT_IO_COMPLETION);
    CHECK_FAILS(QueueUserAPC(OnApc, thread, 4), ERROR_GEN_FAILURE);
    CHECK_FAILS(QueueUserAPC(OnApc, ready, 4), ERROR_INVALID_HANDLE);
    CHECK_FAILS(QueueUserAPC(OnApc, NULL, 4), ERROR_INVALID_HANDLE);
    CloseHandle(thread);
    CloseHandle(ready);
}

/* ---- named objects, one step for two ---- */

TEST(NamedMutexesAndSemaphores)
{
    HANDLE mutex = CreateMutexExA(NULL, "win32 mutex", CREATE_MUTEX_INITIAL_OWNER, SYNCHRONIZE);
    HANDLE semaphore = CreateSemaphoreExA(NULL, 1, 2, "win32 semaphore", 0, SEMAPHORE_ALL_ACCESS);
    HANDLE second;

    second = OpenMutexA(SYNCHRONIZE, FALSE, "win32 mutex");
    CHECK(second != NULL && ReleaseMutex(second));
    CHECK_FAILS(ReleaseMutex(second), ERROR_NOT_OWNER);
    CHECK_FAILS(OpenMutexA(SYNCHRONIZE, FALSE, "win32 semaphore") != NULL, ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenMutexA(SYNCHRONIZE, FALSE, NULL) != NULL, ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(second));
    second = OpenSemaphoreA(SYNCHRONIZE, FALSE, "win32 semaphore");
    CHECK_FAILS(ReleaseSemaphore(second, 1, NULL), ERROR_ACCESS_DENIED);
    CHECK_EQ(WaitForSingleObject(second, 0), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(second, 0), WAIT_TIMEOUT);
    CHECK(CloseHandle(second));
    CHECK_FAILS(OpenSemaphoreA(SYNCHRONIZE, FALSE, "no such") != NULL, ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(CreateMutexExA(NULL, NULL, 2, SYNCHRONIZE) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreExA(NULL, 3, 2, NULL, 0, 0) != NULL, ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(semaphore));
    CHECK(CloseHandle(mutex));
}

TEST(SignalAndWait)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL);
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 1, NULL);

    CHECK_EQ(SignalObjectAndWait(event, event, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(SignalObjectAndWait(mutex, mutex, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(SignalObjectAndWait(semaphore, semaphore, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(SignalObjectAndWait(semaphore, event, 0, FALSE), WAIT_TIMEOUT);
    CHECK_FAILS(SignalObjectAndWait(semaphore, event, 0, FALSE) != WAIT_FAILED,
                ERROR_TOO_MANY_POSTS);
    CHECK(ReleaseMutex(mutex));
    CHECK_FAILS(SignalObjectAndWait(mutex, event, 0, FALSE) != WAIT_FAILED, ERROR_NOT_OWNER);
    CHECK_FAILS(SignalObjectAndWait(GetCurrentThread(), event, 0, FALSE) != WAIT_FAILED,
                ERROR_INVALID_HANDLE);
    CHECK_FAILS(SignalObjectAndWait(event, NOT_A_HANDLE, 0, FALSE) != WAIT_FAILED,
                ERROR_INVALID_HANDLE);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_TIMEOUT); /* it was not signaled then */
    CloseHandle(event);
    CloseHandle(mutex);
    CloseHandle(semaphore);
}

/* ---- heaps ---- */

TEST(PrivateHeaps)
{
    HANDLE heap = HeapCreate(0, 0, 4096);
    HANDLE other = HeapCreate(0, 0, 0);
    unsigned char *block = HeapAlloc(heap, HEAP_ZERO_MEMORY, 100);

    CHECK_EQ(HeapSize(heap, 0, block), 100);
    CHECK_EQ(block[99], 0);
    memset(block, 7, 100);
    block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 200);
    CHECK_EQ(block[99], 7);
    CHECK_EQ(block[100], 0);
    CHECK_EQ(block[199], 0);
    CHECK(HeapValidate(heap, 0, block));
    CHECK(!HeapValidate(other, 0, block));
    CHECK_FAILS(HeapAlloc(heap, 0, 4096) != NULL, ERROR_NOT_ENOUGH_MEMORY);
    CHECK_FAILS(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 201) != NULL,
                ERROR_NOT_ENOUGH_MEMORY);
    CHECK_FAILS(HeapFree(other, 0, block), ERROR_INVALID_PARAMETER);
    CHECK(HeapFree(heap, 0, block));
    CHECK(HeapFree(heap, 0, NULL));
    CHECK(HeapAlloc(heap, 0, 4096) != NULL); /* what was freed counts no more */
    CHECK(HeapDestroy(heap));                /* with that block */
    CHECK_FAILS(HeapDestroy(heap), ERROR_INVALID_HANDLE);
    CHECK_FAILS(HeapDestroy(GetProcessHeap()), ERROR_INVALID_HANDLE);
    CHECK_FAILS(HeapAlloc(heap, 0, 1) != NULL, ERROR_INVALID_HANDLE);
    CHECK_FAILS(HeapCreate(0, 2, 1) != NULL, ERROR_NOT_ENOUGH_MEMORY);
    CHECK(HeapDestroy(other));
}

/* ---- the registry ---- */

#define TEST_KEY "SOFTWARE\\win32 client\\a\\b"

TEST(RegistryValues)
{
    DWORD disposition = 0;
    DWORD number = 42;
    char text[16] = "";
    DWORD type = 0;
    DWORD size;
    HKEY key;

    CHECK_EQ(RegOpenKeyExA(HKEY_LOCAL_MACHINE, TEST_KEY, 0, KEY_READ, &key), ERROR_FILE_NOT_FOUND);
    CHECK_EQ(RegCreateKeyExA(HKEY_LOCAL_MACHINE, TEST_KEY, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key,
                             &disposition),
             ERROR_SUCCESS);
    CHECK_EQ(disposition, REG_CREATED_NEW_KEY);
    CHECK_EQ(RegSetValueExA(key, "number", 0, REG_DWORD, (BYTE *)&number, 4), ERROR_SUCCESS);
    CHECK_EQ(RegSetValueExA(key, "text", 0, REG_SZ, (BYTE *)"h\xC3\xA9llo", 7), ERROR_SUCCESS);
    number = 0;
    size = sizeof(number);
    CHECK_EQ(RegQueryValueExA(key, "NUMBER", NULL, &type, (BYTE *)&number, &size), ERROR_SUCCESS);
    CHECK_EQ(number, 42);
    CHECK_EQ(type, REG_DWORD);
    size = 3;
    CHECK_EQ(RegQueryValueExA(key, "text", NULL, &type, (BYTE *)text, &size), ERROR_MORE_DATA);
    CHECK_EQ(size, 7);
    CHECK_EQ(RegQueryValueExA(key, "text", NULL, &type, (BYTE *)text, &size), ERROR_SUCCESS);
    CHECK_EQ(strcmp(text, "h\xC3\xA9llo"), 0);
    CHECK_EQ(RegQueryValueExW(key, L"text", NULL, NULL, NULL, &size), ERROR_SUCCESS);
    CHECK_EQ(size, 12);
    CHECK_EQ(RegQueryValueExA(key, "none", NULL, NULL, NULL, &size), ERROR_FILE_NOT_FOUND);
    CHECK_EQ(RegQueryValueExA(key, "text", NULL, NULL, (BYTE *)text, NULL),
             ERROR_INVALID_PARAMETER);
    CHECK_EQ(RegDeleteValueA(key, "text"), ERROR_SUCCESS);
    CHECK_EQ(RegDeleteValueA(key, "text"), ERROR_FILE_NOT_FOUND);
    CHECK_EQ(RegCloseKey(key), ERROR_SUCCESS);
    CHECK_EQ(RegCloseKey(key), ERROR_INVALID_HANDLE);
}

TEST(RegistryNarrowEnumeration)
{
    char name[32];
    char data[32];
    DWORD longest = 0;
    DWORD values = 0;
    DWORD nameSize;
    DWORD size;
    DWORD type;
    HKEY key;

    CHECK_EQ(RegCreateKeyA(HKEY_LOCAL_MACHINE, "SOFTWARE\\win32 enum", &key), ERROR_SUCCESS);
    CHECK_EQ(RegSetValueExA(key, "na\xC3\xAFve", 0, REG_SZ, (const BYTE *)"h\xC3\xA9llo", 7),
             ERROR_SUCCESS);
    nameSize = sizeof(name);
    size = sizeof(data);
    CHECK_EQ(RegEnumValueA(key, 0, name, &nameSize, NULL, &type, (BYTE *)data, &size),
             ERROR_SUCCESS);
    CHECK_EQ(strcmp(name, "na\xC3\xAFve"), 0);
    CHECK_EQ(nameSize, 6);
    CHECK_EQ(strcmp(data, "h\xC3\xA9llo"), 0);
    CHECK_EQ(size, 7);
    CHECK_EQ(type, REG_SZ);
    nameSize = 6;
    CHECK_EQ(RegEnumValueA(key, 0, name, &nameSize, NULL, NULL, NULL, NULL), ERROR_MORE_DATA);
    nameSize = sizeof(name);
    size = 6;
    CHECK_EQ(RegEnumValueA(key, 0, name, &nameSize, NULL, NULL, (BYTE *)data, &size),
             ERROR_MORE_DATA);
    CHECK_EQ(size, 7);
    CHECK_EQ(RegEnumValueA(key, 1, name, &nameSize, NULL, NULL, NULL, NULL), ERROR_NO_MORE_ITEMS);
    CHECK_EQ(RegEnumValueA(key, 0, NULL, &nameSize, NULL, NULL, NULL, NULL),
             ERROR_INVALID_PARAMETER);
    CHECK_EQ(RegQueryInfoKeyA(key, NULL, NULL, NULL, NULL, NULL, NULL, &values, &longest, NULL,
                              NULL, NULL),
             ERROR_SUCCESS);
    CHECK_EQ(values, 1);
    CHECK(longest >= 6);
    CHECK_EQ(RegCloseKey(key), ERROR_SUCCESS);
    CHECK_EQ(RegOpenKeyA(HKEY_LOCAL_MACHINE, "SOFTWARE\\win32 none", &key), ERROR_FILE_NOT_FOUND);
    CHECK_EQ(RegDeleteKeyA(HKEY_LOCAL_MACHINE, "SOFTWARE\\win32 enum"), ERROR_SUCCESS);
}

TEST(RegistryKeys)
{
    char name[32];
    DWORD size = sizeof(name);
    DWORD keys = 0;
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    HKEY key;

    CHECK_EQ(RegOpenKeyExA(HKEY_LOCAL_MACHINE, "software\\WIN32 client", 0, KEY_READ, &key),
             ERROR_SUCCESS);
    CHECK_EQ(RegEnumKeyExA(key, 0, name, &size, NULL, NULL, NULL, NULL), ERROR_SUCCESS);
    CHECK_EQ(strcmp(name, "a"), 0);
    CHECK_EQ(size, 1);
    CHECK_EQ(RegEnumKeyExA(key, 0, name, &size, NULL, NULL, NULL, NULL), ERROR_MORE_DATA);
    size = sizeof(name);
    CHECK_EQ(RegEnumKeyExA(key, 1, name, &size, NULL, NULL, NULL, NULL), ERROR_NO_MORE_ITEMS);
    CHECK_EQ(
        RegQueryInfoKeyW(key, NULL, NULL, NULL, &keys, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        ERROR_SUCCESS);
    CHECK_EQ(keys, 1);
    /* What the handle was opened for is what it may do. */
    CHECK_EQ(RegSetValueExA(key, "x", 0, REG_DWORD, (BYTE *)&keys, 4), ERROR_ACCESS_DENIED);
    CHECK_EQ(RegSetValueExA((HKEY)event, "x", 0, REG_DWORD, (BYTE *)&keys, 4),
             ERROR_INVALID_HANDLE);
    CHECK_EQ(RegSetValueExA(NULL, "x", 0, REG_DWORD, (BYTE *)&keys, 4), ERROR_INVALID_HANDLE);
    CHECK_EQ(RegOpenKeyExA(HKEY_LOCAL_MACHINE, "\\software", 0, KEY_READ, &key),
             ERROR_BAD_PATHNAME);
    CHECK_EQ(RegOpenKeyExA(HKEY_LOCAL_MACHINE, "software", 0, KEY_READ, NULL),
             ERROR_INVALID_PARAMETER);
    CHECK_EQ(RegDeleteKeyA(HKEY_LOCAL_MACHINE, "SOFTWARE\\win32 client"), ERROR_ACCESS_DENIED);
    CHECK_EQ(RegCloseKey(key), ERROR_SUCCESS);
    CHECK_EQ(RegDeleteTreeA(HKEY_LOCAL_MACHINE, "SOFTWARE\\win32 client"), ERROR_SUCCESS);
    CHECK_EQ(RegOpenKeyExA(HKEY_LOCAL_MACHINE, "SOFTWARE\\win32 client", 0, KEY_READ, &key),
             ERROR_FILE_NOT_FOUND);
    CHECK_EQ(RegCloseKey(HKEY_LOCAL_MACHINE), ERROR_SUCCESS);
    CloseHandle(event);
}

/* ---- names of devices ---- */

TEST(DosDevices)
{
    char target[256];
    HANDLE device;

    CHECK(QueryDosDeviceA(&IOTEST_DEVICE[4], target, sizeof(target)) != 0);
    CHECK(DefineDosDeviceA(DDD_RAW_TARGET_PATH, "Win32Client", target));
    device = CreateFileA("\\\\.\\win32client", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(device != INVALID_HANDLE_VALUE && CloseHandle(device));
    CHECK_FAILS(DefineDosDeviceA(DDD_RAW_TARGET_PATH, "Win32Client", target), ERROR_ALREADY_EXISTS);
    CHECK_FAILS(
        DefineDosDeviceA(DDD_RAW_TARGET_PATH | DDD_REMOVE_DEFINITION | DDD_EXACT_MATCH_ON_REMOVE,
                         "Win32Client", "\\Device\\Other"),
        ERROR_FILE_NOT_FOUND);
    CHECK(DefineDosDeviceA(DDD_REMOVE_DEFINITION, "Win32Client", NULL));
    CHECK_FAILS(DefineDosDeviceA(DDD_REMOVE_DEFINITION, "Win32Client", NULL), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(DefineDosDeviceA(0, "Win32Client", NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(DefineDosDeviceA(0, NULL, target), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(DefineDosDeviceA(0x80, "Win32Client", target), ERROR_INVALID_PARAMETER);
    /* By a Win32 path. */
    CHECK(DefineDosDeviceA(0, "Win32Client", IOTEST_DEVICE));
    device = CreateFileA("\\\\.\\Win32Client", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(device != INVALID_HANDLE_VALUE && CloseHandle(device));
    CHECK(DefineDosDeviceA(DDD_REMOVE_DEFINITION | DDD_EXACT_MATCH_ON_REMOVE, "Win32Client",
                           IOTEST_DEVICE));
}
