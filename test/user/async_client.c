/* SPDX-License-Identifier: MIT
 *
 * test/user/async_client.c - overlapped requests, events, ports, cancelling, threads
 */
#include "check.h"
#include <winioctl.h>
#include "drivers/iotest.h"

/* Of process.h. */
uintptr_t _beginthreadex(void *, unsigned, unsigned(__stdcall *)(void *), void *, unsigned,
                         unsigned *);

static HANDLE
Open(DWORD Flags)
{
    HANDLE device =
        CreateFileA(IOTEST_DEVICE, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    NULL, OPEN_EXISTING, Flags, NULL);

    CHECK(device != INVALID_HANDLE_VALUE);
    return device;
}

static ULONG
Pended(HANDLE Device)
{
    IOTEST_STATE state = {0};
    DWORD bytes;

    CHECK(DeviceIoControl(Device, IOTEST_QUERY, NULL, 0, &state, sizeof(state), &bytes, NULL));
    return state.Pended;
}

static void
Complete(HANDLE Device, ULONG Value)
{
    DWORD bytes;

    CHECK(DeviceIoControl(Device, IOTEST_COMPLETE, &Value, sizeof(Value), NULL, 0, &bytes, NULL));
}

static void
Pend(HANDLE Device, ULONG *Out, OVERLAPPED *Overlapped)
{
    CHECK_FAILS(DeviceIoControl(Device, IOTEST_PEND, NULL, 0, Out, sizeof(*Out), NULL, Overlapped),
                ERROR_IO_PENDING);
}

/* ---- events and overlapped requests ---- */

TEST(EventsReleaseAsTheirType)
{
    HANDLE manual = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE automatic = CreateEventW(NULL, FALSE, TRUE, NULL);
    HANDLE both[2] = {manual, automatic};

    CHECK_EQ(WaitForSingleObject(manual, 0), WAIT_TIMEOUT);
    CHECK_EQ(WaitForSingleObject(automatic, 0), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);
    CHECK(SetEvent(manual));
    CHECK_EQ(WaitForSingleObject(manual, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(manual, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForMultipleObjects(2, both, TRUE, 0), WAIT_TIMEOUT);
    CHECK_EQ(WaitForMultipleObjects(2, both, FALSE, INFINITE), WAIT_OBJECT_0);
    CHECK(SetEvent(automatic));
    CHECK(ResetEvent(manual));
    CHECK_EQ(WaitForMultipleObjects(2, both, FALSE, INFINITE), WAIT_OBJECT_0 + 1);
    CHECK_FAILS(WaitForMultipleObjects(0, both, FALSE, 0) != WAIT_FAILED, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WaitForMultipleObjects(65, both, FALSE, 0) != WAIT_FAILED, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WaitForSingleObject((HANDLE)0xABCD0, 0) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(manual));
    CHECK(CloseHandle(automatic));
    CHECK_FAILS(WaitForSingleObject(manual, 0) != WAIT_FAILED, ERROR_INVALID_HANDLE);
}

TEST(NamedEventsAreFound)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, "Local\\NtboxTest");
    HANDLE same;

    CHECK_EQ(GetLastError(), 0);
    same = CreateEventW(NULL, TRUE, TRUE, L"NtboxTest");
    CHECK_EQ(GetLastError(), ERROR_ALREADY_EXISTS);
    CHECK(CloseHandle(same));
    same = OpenEventA(EVENT_ALL_ACCESS, FALSE, "NtboxTest");
    CHECK(SetEvent(same));
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CHECK(CloseHandle(same));
    CHECK(CloseHandle(event));
    CHECK_FAILS(OpenEventW(SYNCHRONIZE, FALSE, L"NtboxTest") != NULL, ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenEventW(SYNCHRONIZE, FALSE, NULL) != NULL, ERROR_INVALID_PARAMETER);
}

static DWORD WINAPI
TakeMutexAndEnd(LPVOID Mutex)
{
    return WaitForSingleObject((HANDLE)Mutex, INFINITE);
}

TEST(MutexesAndSemaphoresCount)
{
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL);
    HANDLE semaphore = CreateSemaphoreW(NULL, 1, 2, NULL);
    HANDLE thread;
    LONG previous = -1;

    CHECK_EQ(WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    CHECK(ReleaseMutex(mutex));
    CHECK(ReleaseMutex(mutex));
    CHECK_FAILS(ReleaseMutex(mutex), ERROR_NOT_OWNER);
    thread = CreateThread(NULL, 0, TakeMutexAndEnd, mutex, 0, NULL);
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(mutex, INFINITE), WAIT_ABANDONED);
    CHECK(ReleaseMutex(mutex));
    CHECK(ReleaseSemaphore(semaphore, 1, &previous));
    CHECK_EQ(previous, 1);
    CHECK_FAILS(ReleaseSemaphore(semaphore, 1, NULL), ERROR_TOO_MANY_POSTS);
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
    CHECK_FAILS(CreateSemaphoreA(NULL, 3, 2, NULL) != NULL, ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(thread));
    CHECK(CloseHandle(mutex));
    CHECK(CloseHandle(semaphore));
}

TEST(OverlappedRequestCompletesByEvent)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, TRUE, NULL)};
    ULONG value = 0;
    DWORD bytes = 0;

    Pend(device, &value, &overlapped);
    CHECK(!HasOverlappedIoCompleted(&overlapped));
    CHECK_EQ(WaitForSingleObject(overlapped.hEvent, 0), WAIT_TIMEOUT); /* the request reset it */
    CHECK_FAILS(GetOverlappedResult(device, &overlapped, &bytes, FALSE), ERROR_IO_INCOMPLETE);
    CHECK_FAILS(GetOverlappedResultEx(device, &overlapped, &bytes, 1, FALSE), WAIT_TIMEOUT);
    Complete(device, 0x1234);
    CHECK(GetOverlappedResult(device, &overlapped, &bytes, TRUE));
    CHECK_EQ(bytes, sizeof(value));
    CHECK_EQ(value, 0x1234);
    CHECK(HasOverlappedIoCompleted(&overlapped));
    CHECK(CloseHandle(overlapped.hEvent));
    CHECK(CloseHandle(device));
}

TEST(OverlappedRequestCompletesByFile)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    OVERLAPPED overlapped = {0};
    DWORD bytes = 77;

    CHECK_FAILS(DeviceIoControl(device, IOTEST_LATER, NULL, 0, NULL, 0, NULL, &overlapped),
                ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(device, &overlapped, &bytes, TRUE));
    CHECK_EQ(bytes, 0);
    CHECK(CloseHandle(device));
}

TEST(OverlappedCallCanCompleteAtOnce)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    char out[4] = {0};
    DWORD bytes = 0;

    CHECK(DeviceIoControl(device, IOTEST_ECHO, "abcd", 4, out, 4, &bytes, &overlapped));
    CHECK_EQ(bytes, 4);
    CHECK_EQ(overlapped.InternalHigh, 4);
    CHECK_EQ(WaitForSingleObject(overlapped.hEvent, 0), WAIT_OBJECT_0);
    overlapped.Offset = 64;
    CHECK_FAILS(ReadFile(device, out, 4, &bytes, &overlapped), ERROR_HANDLE_EOF);
    CHECK_FAILS(DeviceIoControl(device, IOTEST_ECHO, "abcd", 4, out, 2, &bytes, &overlapped),
                ERROR_MORE_DATA);
    CHECK_EQ(bytes, 2);
    CHECK(CloseHandle(overlapped.hEvent));
    CHECK(CloseHandle(device));
}

/* A call without OVERLAPPED waits, on both kinds of handle. */
TEST(SynchronousCallsWait)
{
    static const DWORD flags[] = {0, FILE_FLAG_OVERLAPPED};

    for (size_t i = 0; i < ARRAYSIZE(flags); i++) {
        HANDLE device = Open(flags[i]);
        DWORD bytes = 77;

        CHECK(DeviceIoControl(device, IOTEST_LATER, NULL, 0, NULL, 0, &bytes, NULL));
        CHECK_EQ(bytes, 0);
        CHECK(CloseHandle(device));
    }
}

TEST(OverlappedHandleNeedsAnOffsetToRead)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    char buffer[4];
    DWORD bytes;

    CHECK_FAILS(ReadFile(device, buffer, 4, &bytes, NULL), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(device));
}

/* ---- cancelling ---- */

TEST(CancelOneOrAll)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    OVERLAPPED first = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    OVERLAPPED second = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    OVERLAPPED other = {0};
    ULONG value;
    DWORD bytes;

    Pend(device, &value, &first);
    Pend(device, &value, &second);
    CHECK_FAILS(CancelIoEx(device, &other), ERROR_NOT_FOUND);
    CHECK(CancelIoEx(device, &first));
    CHECK_FAILS(GetOverlappedResult(device, &first, &bytes, TRUE), ERROR_OPERATION_ABORTED);
    CHECK(!HasOverlappedIoCompleted(&second));
    CHECK_EQ(Pended(device), 1);
    CHECK(CancelIo(device));
    CHECK_FAILS(GetOverlappedResult(device, &second, &bytes, TRUE), ERROR_OPERATION_ABORTED);
    CHECK_FAILS(CancelIoEx(device, NULL), ERROR_NOT_FOUND);
    CHECK(CancelIo(device));
    CHECK_EQ(Pended(device), 0);
    CHECK(CloseHandle(first.hEvent));
    CHECK(CloseHandle(second.hEvent));
    CHECK(CloseHandle(device));
}

TEST(ClosingTheHandleEndsItsRequests)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    HANDLE other = Open(0);
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    ULONG value;

    Pend(device, &value, &overlapped);
    CHECK_EQ(Pended(other), 1);
    CHECK(CloseHandle(device));
    CHECK_EQ(WaitForSingleObject(overlapped.hEvent, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(overlapped.Internal, 0xC0000120);
    CHECK_EQ(Pended(other), 0);
    CHECK(CloseHandle(overlapped.hEvent));
    CHECK(CloseHandle(other));
}

typedef struct BLOCKED {
    HANDLE Device;
    DWORD Error;
    BOOL Result;
} BLOCKED;

static DWORD WINAPI
BlockInRequest(LPVOID Context)
{
    BLOCKED *blocked = Context;
    ULONG value;
    DWORD bytes;

    blocked->Result =
        DeviceIoControl(blocked->Device, IOTEST_PEND, NULL, 0, &value, sizeof(value), &bytes, NULL);
    blocked->Error = GetLastError();
    return 42;
}

/* Waits, without sleeping for a time, until the driver holds Count requests. */
static void
AwaitPended(HANDLE Device, ULONG Count)
{
    while (Pended(Device) != Count) {
        SwitchToThread();
    }
}

TEST(CancelSynchronousIoEndsAnotherThreadsCall)
{
    HANDLE control = Open(0);
    BLOCKED blocked = {.Device = Open(0)};
    DWORD id = 0;
    HANDLE thread = CreateThread(NULL, 0, BlockInRequest, &blocked, 0, &id);
    DWORD code = 0;

    CHECK(thread != NULL);
    CHECK_EQ(GetThreadId(thread), id);
    AwaitPended(control, 1);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK_EQ(code, STILL_ACTIVE);
    CHECK(CancelSynchronousIo(thread));
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(blocked.Result, FALSE);
    CHECK_EQ(blocked.Error, ERROR_OPERATION_ABORTED);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK_EQ(code, 42);
    CHECK_FAILS(CancelSynchronousIo(GetCurrentThread()), ERROR_NOT_FOUND);
    CHECK(CloseHandle(thread));
    CHECK(CloseHandle(blocked.Device));
    CHECK(CloseHandle(control));
}

TEST(CancelIoExReachesOtherThreads)
{
    HANDLE control = Open(0);
    BLOCKED blocked = {.Device = Open(FILE_FLAG_OVERLAPPED)};
    HANDLE thread = CreateThread(NULL, 0, BlockInRequest, &blocked, 0, NULL);

    AwaitPended(control, 1);
    CHECK(CancelIo(blocked.Device)); /* of this thread: there is none */
    CHECK_EQ(Pended(control), 1);
    CHECK(CancelIoEx(blocked.Device, NULL));
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(blocked.Error, ERROR_OPERATION_ABORTED);
    CHECK(CloseHandle(thread));
    CHECK(CloseHandle(blocked.Device));
    CHECK(CloseHandle(control));
}

static OVERLAPPED LeftBehind;
static ULONG LeftBehindValue;

static DWORD WINAPI
DieWithRequest(LPVOID Context)
{
    Pend((HANDLE)Context, &LeftBehindValue, &LeftBehind);
    return 0;
}

/* A thread that ends takes its requests with it. */
TEST(ThreadEndCancelsItsRequests)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    HANDLE thread;
    DWORD bytes;

    LeftBehind.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    thread = CreateThread(NULL, 0, DieWithRequest, device, 0, NULL);
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK_FAILS(GetOverlappedResult(device, &LeftBehind, &bytes, TRUE), ERROR_OPERATION_ABORTED);
    CHECK_EQ(Pended(device), 0);
    CHECK(CloseHandle(thread));
    CHECK(CloseHandle(LeftBehind.hEvent));
    CHECK(CloseHandle(device));
}

/* ---- ports ---- */

TEST(PortTakesCompletions)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    HANDLE port = CreateIoCompletionPort(device, NULL, 0xC0FFEE, 0);
    OVERLAPPED overlapped = {0};
    OVERLAPPED *got = NULL;
    OVERLAPPED_ENTRY entries[4];
    ULONG_PTR key = 0;
    ULONG removed;
    ULONG value;
    DWORD bytes;
    char out[2];

    CHECK(port != NULL);
    Pend(device, &value, &overlapped);
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &got, 0), WAIT_TIMEOUT);
    CHECK(got == NULL);
    Complete(device, 5);
    /* The call that completed it has no OVERLAPPED, so one packet is there. */
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &got, INFINITE));
    CHECK_EQ(key, 0xC0FFEE);
    CHECK_EQ(bytes, 4);
    CHECK(got == &overlapped);
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &got, 0), WAIT_TIMEOUT);

    Pend(device, &value, &overlapped);
    CHECK(CancelIoEx(device, &overlapped));
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &got, INFINITE),
                ERROR_OPERATION_ABORTED);
    CHECK(got == &overlapped);

    /* Completing at once queues a packet too; an error at once does not. */
    CHECK(DeviceIoControl(device, IOTEST_ECHO, "ab", 2, out, 2, &bytes, &overlapped));
    CHECK_FAILS(DeviceIoControl(device, IOTEST_FAIL, "ab", 2, NULL, 0, &bytes, &overlapped),
                ERROR_INVALID_PARAMETER);
    CHECK(PostQueuedCompletionStatus(port, 9, 8, (OVERLAPPED *)7));
    CHECK(GetQueuedCompletionStatusEx(port, entries, 4, &removed, INFINITE, FALSE));
    CHECK_EQ(removed, 2);
    CHECK_EQ(entries[0].dwNumberOfBytesTransferred, 2);
    CHECK_EQ(entries[1].dwNumberOfBytesTransferred, 9);
    CHECK_EQ(entries[1].lpCompletionKey, 8);
    CHECK_EQ((ULONG_PTR)entries[1].lpOverlapped, 7);
    CHECK_FAILS(CreateIoCompletionPort(device, port, 1, 0) != NULL, ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(device));
    CHECK(CloseHandle(port));
}

TEST(EventWithLowBitKeepsThePortQuiet)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    HANDLE port = CreateIoCompletionPort(device, NULL, 1, 0);
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    OVERLAPPED overlapped = {.hEvent = (HANDLE)((ULONG_PTR)event | 1)};
    OVERLAPPED *got;
    ULONG_PTR key;
    ULONG value = 0;
    DWORD bytes;

    Pend(device, &value, &overlapped);
    Complete(device, 3);
    CHECK(GetOverlappedResult(device, &overlapped, &bytes, TRUE));
    CHECK_EQ(value, 3);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &got, 0), WAIT_TIMEOUT);
    CHECK(CloseHandle(event));
    CHECK(CloseHandle(device));
    CHECK(CloseHandle(port));
}

#define WORKERS 3
#define PACKETS 300

static LONG PortSum;

static DWORD WINAPI
TakePackets(LPVOID Port)
{
    for (;;) {
        OVERLAPPED *overlapped;
        ULONG_PTR key;
        DWORD bytes;

        CHECK(GetQueuedCompletionStatus((HANDLE)Port, &bytes, &key, &overlapped, INFINITE));
        if (key == 0) {
            return 0;
        }
        InterlockedExchangeAdd(&PortSum, (LONG)bytes);
    }
}

TEST(PortFeedsManyThreads)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    HANDLE threads[WORKERS];
    LONG expected = 0;

    for (int i = 0; i < WORKERS; i++) {
        threads[i] = CreateThread(NULL, 0, TakePackets, port, 0, NULL);
    }
    for (DWORD i = 1; i <= PACKETS; i++) {
        CHECK(PostQueuedCompletionStatus(port, i, 1, NULL));
        expected += (LONG)i;
    }
    for (int i = 0; i < WORKERS; i++) {
        CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
    }
    CHECK_EQ(WaitForMultipleObjects(WORKERS, threads, TRUE, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(PortSum, expected);
    for (int i = 0; i < WORKERS; i++) {
        CHECK(CloseHandle(threads[i]));
    }
    CHECK(CloseHandle(port));
}

/* ---- threads ---- */

static DWORD Slot;

static DWORD WINAPI
UseSlot(LPVOID Context)
{
    CHECK(TlsGetValue(Slot) == NULL);
    CHECK(TlsSetValue(Slot, Context));
    CHECK(TlsGetValue(Slot) == Context);
    ExitThread(7);
}

TEST(ThreadsStartSuspendedAndEnd)
{
    HANDLE thread;
    DWORD code;

    Slot = TlsAlloc();
    CHECK(TlsSetValue(Slot, &Slot));
    thread = CreateThread(NULL, 0, UseSlot, &thread, CREATE_SUSPENDED, NULL);
    CHECK_EQ(WaitForSingleObject(thread, 1), WAIT_TIMEOUT);
    CHECK_EQ(SuspendThread(thread), 1);
    CHECK_EQ(ResumeThread(thread), 2);
    CHECK_EQ(WaitForSingleObject(thread, 1), WAIT_TIMEOUT);
    CHECK_EQ(ResumeThread(thread), 1);
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK_FAILS(SuspendThread(thread) != MAXDWORD, ERROR_ACCESS_DENIED);
    CHECK_FAILS(SuspendThread(NULL) != MAXDWORD, ERROR_INVALID_HANDLE);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK_EQ(code, 7);
    CHECK(TlsGetValue(Slot) == &Slot);
    CHECK(TlsFree(Slot));
    CHECK(CloseHandle(thread));
    CHECK_FAILS(CreateThread(NULL, 0, UseSlot, NULL, 0x8000, NULL) != NULL,
                ERROR_INVALID_PARAMETER);
}

static DWORD WINAPI
StandStill(PVOID Context)
{
    return SuspendThread(GetCurrentThread());
}

/* Resumed until a resume finds it suspended: the call returns then, with the count before. */
TEST(AThreadSuspendsItself)
{
    HANDLE thread = CreateThread(NULL, 0, StandStill, NULL, 0, NULL);
    DWORD previous = 0;
    DWORD code;

    while (previous == 0) {
        previous = ResumeThread(thread);
        SwitchToThread();
    }
    CHECK_EQ(previous, 1);
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK_EQ(code, 0);
    CHECK(CloseHandle(thread));
}

static unsigned __stdcall RunCrtThread(void *Context)
{
    *(DWORD *)Context = GetCurrentThreadId();
    return 9;
}

TEST(CrtThreads)
{
    DWORD seen = 0;
    unsigned id = 0;
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, RunCrtThread, &seen, 0, &id);
    DWORD code;

    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(seen, id);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK_EQ(code, 9);
    CHECK(CloseHandle(thread));
}

TEST(SleepsAndYields)
{
    ULONGLONG before = GetTickCount64();

    Sleep(0);
    Sleep(2);
    CHECK_EQ(SleepEx(1, TRUE), 0);
    CHECK(GetTickCount64() - before >= 2);
}

static OVERLAPPED *RoutineSaw;
static DWORD RoutineError;
static DWORD RoutineBytes;

static VOID WINAPI
OnDone(DWORD Error, DWORD Bytes, LPOVERLAPPED Overlapped)
{
    RoutineSaw = Overlapped;
    RoutineError = Error;
    RoutineBytes = Bytes;
}

TEST(CompletionRoutinesRunInAlertableWaits)
{
    HANDLE device = Open(FILE_FLAG_OVERLAPPED);
    OVERLAPPED overlapped = {.Offset = 8};
    char buffer[4] = {0};

    CHECK(ReadFileEx(device, buffer, 4, &overlapped, OnDone));
    Sleep(0);
    CHECK(RoutineSaw == NULL);
    CHECK_EQ(SleepEx(INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK(RoutineSaw == &overlapped);
    CHECK_EQ(RoutineError, 0);
    CHECK_EQ(RoutineBytes, 4);
    CHECK_EQ(buffer[0], 8);
    CHECK(WriteFileEx(device, buffer, 2, &overlapped, OnDone));
    CHECK_EQ(WaitForSingleObjectEx(GetCurrentThread(), INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(RoutineBytes, 2);
    overlapped.Offset = IOTEST_FILE_SIZE;
    CHECK_FAILS(ReadFileEx(device, buffer, 4, &overlapped, OnDone), ERROR_HANDLE_EOF);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK(CloseHandle(device));
}

/* The last test leaves a request and an open handle to the process's end. */
TEST(WhatIsLeftAtExitIsRunDown)
{
    static OVERLAPPED overlapped;
    static ULONG value;

    Pend(Open(FILE_FLAG_OVERLAPPED), &value, &overlapped);
}
