/* SPDX-License-Identifier: MIT
 *
 * test/user/pool_client.c - the thread pool, file mappings, pages, slots and versions, on the real
 * kernel
 */
#include <windows.h>
#include <string.h>
#include <winioctl.h>
#include "check.h"
#include "drivers/iotest.h"

#define NOT_A_HANDLE ((HANDLE)(ULONG_PTR)0x7ff0)

static volatile LONG Calls;
static HANDLE Called;   /* automatic: a callback has begun */
static HANDLE Continue; /* automatic: it may return */

static void
Begin(void)
{
    Calls = 0;
    Called = CreateEventA(NULL, FALSE, FALSE, NULL);
    Continue = CreateEventA(NULL, FALSE, FALSE, NULL);
}

static void
End(void)
{
    CHECK(CloseHandle(Called));
    CHECK(CloseHandle(Continue));
}

/* ---- work ---- */

static VOID CALLBACK
CountWork(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    InterlockedAdd(&Calls, (LONG)(LONG_PTR)Context);
}

static VOID CALLBACK
BlockWork(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    InterlockedIncrement(&Calls);
    SetEvent(Called);
    WaitForSingleObject(Continue, INFINITE);
}

TEST(WorkRunsAsOftenAsItIsSubmitted)
{
    PTP_WORK work = CreateThreadpoolWork(CountWork, (PVOID)1, NULL);

    Begin();
    for (int i = 0; i < 1000; i++) {
        SubmitThreadpoolWork(work);
    }
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(Calls, 1000);
    CloseThreadpoolWork(work);
    End();
}

/* All block at once: each needs a worker of its own. */
TEST(BlockedWorkDoesNotHoldUpOtherWork)
{
    PTP_WORK blocked = CreateThreadpoolWork(BlockWork, NULL, NULL);
    PTP_WORK work = CreateThreadpoolWork(CountWork, (PVOID)100, NULL);

    Begin();
    for (int i = 0; i < 10; i++) {
        SubmitThreadpoolWork(blocked);
        CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    }
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(Calls, 110);
    CloseThreadpoolWork(work);
    for (int i = 0; i < 10; i++) {
        SetEvent(Continue);
        /* An event is set or not: one at a time gets it. */
        while (WaitForSingleObject(Continue, 0) == WAIT_OBJECT_0) {
            SetEvent(Continue);
            SwitchToThread();
        }
    }
    WaitForThreadpoolWorkCallbacks(blocked, FALSE);
    CloseThreadpoolWork(blocked);
    End();
}

static VOID CALLBACK
ReturnWithEffects(PTP_CALLBACK_INSTANCE Instance, PVOID Context)
{
    CHECK(CallbackMayRunLong(Instance));
    ReleaseSemaphoreWhenCallbackReturns(Instance, Context, 2);
    SetEventWhenCallbackReturns(Instance, Called);
    CHECK_EQ(WaitForSingleObject(Context, 0), WAIT_TIMEOUT);
}

static DWORD WINAPI
UserWorkItem(LPVOID Context)
{
    SetEvent(Context);
    return 0;
}

TEST(SimpleCallbacks)
{
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 2, NULL);
    TP_CALLBACK_ENVIRON environment;

    Begin();
    CHECK(TrySubmitThreadpoolCallback(ReturnWithEffects, semaphore, NULL));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    CHECK(QueueUserWorkItem(UserWorkItem, Called, WT_EXECUTELONGFUNCTION));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    memset(&environment, 0, sizeof(environment));
    environment.Version = 1;
    CHECK(TrySubmitThreadpoolCallback(ReturnWithEffects, semaphore, &environment));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    environment.Pool = (PTP_POOL)1;
    CHECK_FAILS(TrySubmitThreadpoolCallback(ReturnWithEffects, semaphore, &environment),
                ERROR_NOT_SUPPORTED);
    CHECK(CloseHandle(semaphore));
    End();
}

/* ---- timers ---- */

static VOID CALLBACK
OnPoolTimer(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer)
{
    if (InterlockedIncrement(&Calls) == (LONG)(LONG_PTR)Context) {
        SetEvent(Called);
    }
}

static FILETIME
FromNow(LONGLONG Milliseconds)
{
    LARGE_INTEGER due = {.QuadPart = -Milliseconds * 10000};
    FILETIME time = {due.LowPart, (DWORD)due.HighPart};

    return time;
}

TEST(PoolTimers)
{
    PTP_TIMER timer = CreateThreadpoolTimer(OnPoolTimer, (PVOID)3, NULL);
    FILETIME now = FromNow(0);
    FILETIME never = FromNow(3600000);

    Begin();
    CHECK(!IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, &now, 1, 0);
    CHECK(IsThreadpoolTimerSet(timer));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    CHECK(SetThreadpoolTimerEx(timer, &never, 0, 0)); /* it was periodic */
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CHECK(Calls >= 3);
    CHECK(SetThreadpoolTimerEx(timer, NULL, 0, 0));
    CHECK(!IsThreadpoolTimerSet(timer));
    CHECK(!SetThreadpoolTimerEx(timer, NULL, 0, 0));
    CloseThreadpoolTimer(timer);
    End();
}

static VOID CALLBACK
OnQueueTimer(PVOID Context, BOOLEAN Fired)
{
    CHECK(Fired);
    InterlockedIncrement(&Calls);
    SetEvent(Called);
    if (Context != NULL) {
        WaitForSingleObject(Context, INFINITE);
    }
}

TEST(TimerQueues)
{
    HANDLE queue = CreateTimerQueue();
    HANDLE done = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE timer;
    HANDLE other;

    Begin();
    CHECK(CreateTimerQueueTimer(&timer, queue, OnQueueTimer, NULL, 1, 1, WT_EXECUTEINTIMERTHREAD));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    }
    CHECK(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE));
    CHECK_FAILS(DeleteTimerQueueTimer(queue, timer, NULL), ERROR_INVALID_HANDLE);
    CHECK(CreateTimerQueueTimer(&timer, queue, OnQueueTimer, NULL, 3600000, 0, 0));
    CHECK_FAILS(DeleteTimerQueueTimer(NULL, timer, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ChangeTimerQueueTimer(NULL, timer, 1, 0), ERROR_INVALID_HANDLE);
    ResetEvent(Called);
    Calls = 0;
    CHECK(ChangeTimerQueueTimer(queue, timer, 1, 0));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    /* One that is in its callback when it is deleted. */
    CHECK(CreateTimerQueueTimer(&other, queue, OnQueueTimer, Continue, 0, 0, WT_EXECUTEONLYONCE));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    CHECK_FAILS(DeleteTimerQueueTimer(queue, other, NULL), ERROR_IO_PENDING);
    CHECK_FAILS(DeleteTimerQueueEx(queue, done), ERROR_IO_PENDING);
    CHECK_EQ(WaitForSingleObject(done, 0), WAIT_TIMEOUT);
    SetEvent(Continue);
    CHECK_EQ(WaitForSingleObject(done, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(Calls, 2);
    CHECK_FAILS(DeleteTimerQueue(queue), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateTimerQueueTimer(&timer, queue, OnQueueTimer, NULL, 0, 0, 0),
                ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateTimerQueueTimer(NULL, NULL, OnQueueTimer, NULL, 0, 0, 0),
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateTimerQueueTimer(&timer, NULL, NULL, NULL, 0, 0, 0), ERROR_INVALID_PARAMETER);
    /* The default queue. */
    CHECK(CreateTimerQueueTimer(&timer, NULL, OnQueueTimer, NULL, 0, 0, 0));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    CHECK(DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE));
    CHECK(CloseHandle(done));
    End();
}

/* ---- waits ---- */

static volatile LONG TimedOut;

static VOID CALLBACK
OnPoolWait(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WAIT Wait, TP_WAIT_RESULT Result)
{
    InterlockedIncrement(Result == WAIT_OBJECT_0 ? &Calls : &TimedOut);
    SetEvent(Called);
}

TEST(PoolWaits)
{
    PTP_WAIT wait = CreateThreadpoolWait(OnPoolWait, NULL, NULL);
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    FILETIME now = FromNow(0);

    Begin();
    TimedOut = 0;
    SetThreadpoolWait(wait, event, NULL);
    SetEvent(event);
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CHECK_EQ(Calls, 1);
    CHECK(!SetThreadpoolWaitEx(wait, event, &now, NULL)); /* it had ended */
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CHECK_EQ(TimedOut, 1);
    /* Taken back, it consumes no signal. */
    SetThreadpoolWait(wait, event, NULL);
    CHECK(SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
    SetEvent(event);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    CHECK_EQ(Calls, 1);
    CloseThreadpoolWait(wait);
    CHECK(CloseHandle(event));
    End();
}

static VOID CALLBACK
OnRegistered(PVOID Context, BOOLEAN IsTimeOut)
{
    InterlockedIncrement(IsTimeOut ? &TimedOut : &Calls);
    SetEvent(Called);
    if (Context != NULL) {
        WaitForSingleObject(Context, INFINITE);
    }
}

TEST(RegisteredWaits)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE done = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE waits[70];
    HANDLE wait;

    Begin();
    TimedOut = 0;
    CHECK(RegisterWaitForSingleObject(&wait, event, OnRegistered, NULL, INFINITE, 0));
    for (LONG i = 1; i <= 3; i++) {
        SetEvent(event);
        CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
        CHECK_EQ(Calls, i);
    }
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CHECK_FAILS(UnregisterWait(wait), ERROR_INVALID_HANDLE);
    SetEvent(event);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CHECK(RegisterWaitForSingleObject(&wait, event, OnRegistered, NULL, 1,
                                      WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD));
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(TimedOut, 1);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    /* One that is in its callback. */
    CHECK(RegisterWaitForSingleObject(&wait, event, OnRegistered, Continue, INFINITE, 0));
    SetEvent(event);
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    CHECK_FAILS(UnregisterWaitEx(wait, done), ERROR_IO_PENDING);
    CHECK_EQ(WaitForSingleObject(done, 0), WAIT_TIMEOUT);
    SetEvent(Continue);
    CHECK_EQ(WaitForSingleObject(done, INFINITE), WAIT_OBJECT_0);
    /* More than one thread can wait for. */
    for (int i = 0; i < 70; i++) {
        CHECK(RegisterWaitForSingleObject(&waits[i], done, OnRegistered, NULL, INFINITE,
                                          WT_EXECUTEONLYONCE));
    }
    Calls = 0;
    for (LONG i = 1; i <= 70; i++) {
        SetEvent(done);
        CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    }
    CHECK_EQ(Calls, 70);
    for (int i = 0; i < 70; i++) {
        CHECK(UnregisterWaitEx(waits[i], INVALID_HANDLE_VALUE));
    }
    CHECK_FAILS(RegisterWaitForSingleObject(&wait, NOT_A_HANDLE, OnRegistered, NULL, INFINITE, 0),
                ERROR_INVALID_HANDLE);
    CHECK_FAILS(RegisterWaitForSingleObject(&wait, event, NULL, NULL, INFINITE, 0),
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(UnregisterWait(NULL), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
    CHECK(CloseHandle(done));
    End();
}

/* ---- requests ---- */

static volatile ULONG IoResult;
static volatile ULONG_PTR IoBytes;
static PVOID volatile IoOverlapped;

static VOID CALLBACK
OnIo(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PVOID Overlapped, ULONG Result, ULONG_PTR Bytes,
     PTP_IO Io)
{
    IoOverlapped = Overlapped;
    IoResult = Result;
    IoBytes = Bytes;
    InterlockedIncrement(&Calls);
}

static HANDLE
OpenOverlapped(void)
{
    return CreateFileA(IOTEST_DEVICE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                       FILE_FLAG_OVERLAPPED, NULL);
}

TEST(PoolIo)
{
    HANDLE device = OpenOverlapped();
    PTP_IO io = CreateThreadpoolIo(device, OnIo, NULL, NULL);
    OVERLAPPED overlapped = {0};
    char buffer[8];

    Begin();
    CHECK(io != NULL);
    CHECK_FAILS(CreateThreadpoolIo(device, OnIo, NULL, NULL) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateThreadpoolIo(NOT_A_HANDLE, OnIo, NULL, NULL) != NULL, ERROR_INVALID_HANDLE);
    StartThreadpoolIo(io);
    DeviceIoControl(device, IOTEST_EIGHT, NULL, 0, buffer, 8, NULL, &overlapped);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(Calls, 1);
    CHECK(IoOverlapped == &overlapped);
    CHECK_EQ(IoResult, NO_ERROR);
    CHECK_EQ(IoBytes, 8);
    /* One that is cancelled while it is pending. */
    StartThreadpoolIo(io);
    CHECK_FAILS(DeviceIoControl(device, IOTEST_PEND, NULL, 0, buffer, 4, NULL, &overlapped),
                ERROR_IO_PENDING);
    CHECK(CancelIoEx(device, &overlapped));
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(IoResult, ERROR_OPERATION_ABORTED);
    /* One that fails at once. */
    StartThreadpoolIo(io);
    CHECK_FAILS(DeviceIoControl(device, IOTEST_EIGHT, NULL, 0, buffer, 1, NULL, &overlapped),
                ERROR_INSUFFICIENT_BUFFER);
    CancelThreadpoolIo(io);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(Calls, 2);
    CHECK(CloseHandle(device));
    CloseThreadpoolIo(io);
    End();
}

static VOID CALLBACK
OnBound(DWORD Error, DWORD Bytes, LPOVERLAPPED Overlapped)
{
    IoResult = Error;
    IoBytes = Bytes;
    SetEvent(Called);
}

TEST(BoundFiles)
{
    HANDLE device = OpenOverlapped();
    OVERLAPPED overlapped = {0};
    char buffer[8];

    Begin();
    CHECK(BindIoCompletionCallback(device, OnBound, 0));
    DeviceIoControl(device, IOTEST_EIGHT, NULL, 0, buffer, 8, NULL, &overlapped);
    CHECK_EQ(WaitForSingleObject(Called, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(IoResult, NO_ERROR);
    CHECK_EQ(IoBytes, 8);
    CHECK_FAILS(BindIoCompletionCallback(device, OnBound, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(BindIoCompletionCallback(device, OnBound, 1), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(BindIoCompletionCallback(NOT_A_HANDLE, OnBound, 0), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(device));
    End();
}

/* ---- mappings ---- */

TEST(MappingsShareMemory)
{
    HANDLE mapping =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x20000, "pool mapping");
    HANDLE second = OpenFileMappingA(FILE_MAP_READ, FALSE, "pool mapping");
    volatile char *view = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0);
    volatile char *other = MapViewOfFile(second, FILE_MAP_READ, 0, 0x10000, 0x1000);
    MEMORY_BASIC_INFORMATION information;

    CHECK(view != NULL && other != NULL);
    view[0x10001] = 42;
    CHECK_EQ(other[1], 42);
    CHECK_EQ(VirtualQuery((LPCVOID)view, &information, sizeof(information)), sizeof(information));
    CHECK_EQ(information.Type, MEM_MAPPED);
    CHECK_EQ(information.Protect, PAGE_READWRITE);
    CHECK(FlushViewOfFile((LPCVOID)view, 0));
    CHECK_FAILS(FlushViewOfFile(&information, 1), ERROR_INVALID_ADDRESS);
    CHECK_FAILS(MapViewOfFile(mapping, FILE_MAP_READ, 0, 0x1000, 0) != NULL,
                ERROR_MAPPED_ALIGNMENT);
    CHECK_FAILS(MapViewOfFileEx(mapping, FILE_MAP_READ, 0, 0, 0, (PVOID)0x1000) != NULL,
                ERROR_MAPPED_ALIGNMENT);
    CHECK_FAILS(MapViewOfFileEx(mapping, FILE_MAP_READ, 0, 0, 0, (PVOID)0x10000000) != NULL,
                ERROR_INVALID_ADDRESS);
    CHECK_FAILS(MapViewOfFile(second, FILE_MAP_WRITE, 0, 0, 0) != NULL, ERROR_ACCESS_DENIED);
    CHECK_FAILS(MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0x30000) != NULL, ERROR_ACCESS_DENIED);
    CHECK_FAILS(MapViewOfFile(mapping, FILE_MAP_COPY, 0, 0, 0) != NULL, ERROR_NOT_SUPPORTED);
    CHECK_FAILS(MapViewOfFile(NOT_A_HANDLE, FILE_MAP_READ, 0, 0, 0) != NULL, ERROR_INVALID_HANDLE);
    CHECK(UnmapViewOfFile((LPCVOID)other));
    CHECK_FAILS(UnmapViewOfFile((LPCVOID)other), ERROR_INVALID_ADDRESS);
    CHECK(CloseHandle(second));
    CHECK(CloseHandle(mapping));
    CHECK_EQ(view[0x10001], 42); /* the view keeps the memory */
    CHECK(UnmapViewOfFile((LPCVOID)view));
}

TEST(MappingsAreMadeOrNot)
{
    HANDLE file =
        CreateFileA("Z:\\etc\\passwd", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    HANDLE mapping;
    HANDLE again;

    mapping = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READONLY, 0, 1, L"pool once");
    CHECK(mapping != NULL);
    again = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READONLY, 0, 1, L"pool once");
    CHECK_EQ(GetLastError(), ERROR_ALREADY_EXISTS);
    CHECK(again != NULL && CloseHandle(again));
    CHECK_FAILS(MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0) != NULL, ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(mapping));
    CHECK_FAILS(OpenFileMappingA(FILE_MAP_READ, FALSE, "pool once") != NULL, ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0, NULL) != NULL,
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateFileMappingA(NULL, NULL, PAGE_READWRITE, 0, 1, NULL) != NULL,
                ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, 0, 0, 1, NULL) != NULL,
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE, 0, 1,
                                   NULL) != NULL,
                ERROR_NOT_SUPPORTED);
    CHECK_FAILS(
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_EXECUTE_READWRITE, 0, 1, NULL) != NULL,
        ERROR_NOT_SUPPORTED);
    CHECK_FAILS(CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, NULL) != NULL,
                ERROR_BAD_EXE_FORMAT);
    CHECK_FAILS(GetFileInformationByHandle(file, &(BY_HANDLE_FILE_INFORMATION){0}),
                ERROR_NOT_SUPPORTED);
    CHECK(CloseHandle(file));
}

/* ---- pages, slots, priorities, versions ---- */

TEST(PagesAreTold)
{
    MEMORY_BASIC_INFORMATION information;
    char *pages = VirtualAlloc(NULL, 0x4000, MEM_RESERVE, PAGE_READWRITE);

    CHECK(VirtualQuery(&pages[0x1234], &information, sizeof(information)) != 0);
    CHECK(information.BaseAddress == &pages[0x1000] && information.AllocationBase == pages);
    CHECK_EQ(information.State, MEM_RESERVE);
    CHECK_EQ(information.RegionSize, 0x3000);
    CHECK_FAILS(VirtualLock(pages, 0x1000), ERROR_NOACCESS);
    CHECK(VirtualAlloc(&pages[0x1000], 0x1000, MEM_COMMIT, PAGE_READWRITE) != NULL);
    CHECK(VirtualQuery(&pages[0x1000], &information, sizeof(information)) != 0);
    CHECK_EQ(information.State, MEM_COMMIT);
    CHECK_EQ(information.RegionSize, 0x1000);
    CHECK_EQ(information.Protect, PAGE_READWRITE);
    CHECK_EQ(information.Type, MEM_PRIVATE);
    CHECK(VirtualLock(&pages[0x1000], 0x1000));
    CHECK(VirtualUnlock(&pages[0x1000], 0x1000));
    CHECK_FAILS(VirtualLock(&pages[0x1000], 0), ERROR_INVALID_PARAMETER);
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
    CHECK(VirtualQuery((PVOID)0x10000, &information, sizeof(information)) != 0);
    CHECK_EQ(information.State, MEM_FREE);
    CHECK_FAILS(VirtualQuery((PVOID)~0ull, &information, sizeof(information)) != 0,
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(VirtualQuery(pages, &information, 1) != 0, ERROR_BAD_LENGTH);
}

static VOID WINAPI
OnFls(PVOID Value)
{
    InterlockedAdd(&Calls, (LONG)(LONG_PTR)Value);
}

static DWORD WINAPI
SetSlot(LPVOID Index)
{
    CHECK(FlsSetValue((DWORD)(ULONG_PTR)Index, (PVOID)10));
    return FlsGetValue((DWORD)(ULONG_PTR)Index) == (PVOID)10;
}

TEST(FibreLocalSlots)
{
    DWORD index = FlsAlloc(OnFls);
    HANDLE thread;

    Calls = 0;
    thread = CreateThread(NULL, 0, SetSlot, (PVOID)(ULONG_PTR)index, 0, NULL);
    CHECK(index != FLS_OUT_OF_INDEXES);
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CloseHandle(thread);
    CHECK(FlsGetValue(index) == NULL);
    CHECK_EQ(GetLastError(), ERROR_SUCCESS);
    CHECK(FlsSetValue(index, (PVOID)1));
    CHECK(FlsGetValue(index) == (PVOID)1);
    CHECK(FlsFree(index));
    while (Calls != 11) {
        SwitchToThread(); /* the thread's slots may go a little later than the thread */
    }
    CHECK_FAILS(FlsFree(index), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(FlsFree(4000), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(FlsSetValue(4000, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(FlsGetValue(4000) != NULL, ERROR_INVALID_PARAMETER);
}

TEST(PrioritiesAreKept)
{
    static const int values[] = {THREAD_PRIORITY_IDLE,         THREAD_PRIORITY_LOWEST,
                                 THREAD_PRIORITY_BELOW_NORMAL, THREAD_PRIORITY_NORMAL,
                                 THREAD_PRIORITY_ABOVE_NORMAL, THREAD_PRIORITY_HIGHEST,
                                 THREAD_PRIORITY_TIME_CRITICAL};

    for (size_t i = 0; i < ARRAYSIZE(values); i++) {
        CHECK(SetThreadPriority(GetCurrentThread(), values[i]));
        CHECK_EQ(GetThreadPriority(GetCurrentThread()), values[i]);
    }
    CHECK_FAILS(SetThreadPriority(GetCurrentThread(), 3), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(SetThreadPriority(NOT_A_HANDLE, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetThreadPriority(NOT_A_HANDLE) != THREAD_PRIORITY_ERROR_RETURN,
                ERROR_INVALID_HANDLE);
    CHECK(SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_NORMAL));
}

TEST(DeviceHasNoFileInformation)
{
    HANDLE device = OpenOverlapped();

    CHECK_FAILS(GetFileInformationByHandle(device, &(BY_HANDLE_FILE_INFORMATION){0}),
                ERROR_INVALID_FUNCTION);
    CHECK(CloseHandle(device));
    CHECK_EQ(GetLogicalDrives(), 1u << 25);
}

TEST(Versions)
{
    OSVERSIONINFOEXA narrow = {.dwOSVersionInfoSize = sizeof(narrow)};
    OSVERSIONINFOEXW wanted = {
        .dwOSVersionInfoSize = sizeof(wanted), .dwMajorVersion = 6, .dwMinorVersion = 3};
    DWORDLONG mask =
        VerSetConditionMask(VerSetConditionMask(0, VER_MAJORVERSION, VER_GREATER_EQUAL),
                            VER_MINORVERSION, VER_GREATER_EQUAL);

    CHECK(GetVersionExA((LPOSVERSIONINFOA)&narrow));
    CHECK_EQ(narrow.dwMajorVersion, 10);
    CHECK_EQ(narrow.wProductType, VER_NT_WORKSTATION);
    CHECK_EQ(GetVersion() & 0xFF, narrow.dwMajorVersion);
    CHECK_EQ(GetVersion() >> 16, narrow.dwBuildNumber);
    narrow.dwOSVersionInfoSize = 7;
    CHECK_FAILS(GetVersionExA((LPOSVERSIONINFOA)&narrow), ERROR_INSUFFICIENT_BUFFER);
    CHECK(VerifyVersionInfoW(&wanted, VER_MAJORVERSION | VER_MINORVERSION, mask));
    wanted.dwMajorVersion = 11;
    CHECK_FAILS(VerifyVersionInfoW(&wanted, VER_MAJORVERSION | VER_MINORVERSION, mask),
                ERROR_OLD_WIN_VERSION);
    wanted.dwMajorVersion = 10;
    wanted.dwMinorVersion = 1;
    CHECK_FAILS(VerifyVersionInfoW(&wanted, VER_MAJORVERSION | VER_MINORVERSION, mask),
                ERROR_OLD_WIN_VERSION);
    CHECK_FAILS(VerifyVersionInfoW(&wanted, 0, mask), ERROR_BAD_ARGUMENTS);
}
