/* SPDX-License-Identifier: MIT
 *
 * test/soak/client.c - sixteen threads that do everything a program can do to a device
 *
 *     client SECONDS [--progress]
 *
 * Each thread chooses its next operation at random until the time is over. Every request is
 * accounted for: by its own state, and in the sums that are compared with the driver's at the end.
 *
 * Invariants  A1  A REQUEST is ISSUED from before its call until its one completion is taken.
 *             A2  Requests are never freed, only used again: a late second completion is seen.
 */
#include <windows.h>
#include <winioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "soak.h"

#define THREADS 16
#define MAX_LENGTH 5000
#define MAX_OUTSTANDING 500
#define MAX_EVENTS 4
#define MAX_MICROSECONDS 3000
#define END_SECONDS 60 /* what is under way at the end must be over by then */

enum REQUEST_STATE { FREE, ISSUED };

typedef struct REQUEST {
    OVERLAPPED Overlapped; /* first: what a completion port gives back */
    SOAK_PEND_IN In;
    SOAK_PEND_OUT Out;
    volatile LONG State;
    struct REQUEST *Next;
} REQUEST;

typedef struct WORKER {
    HANDLE Thread;
    HANDLE Event;
    HANDLE Sync[SOAK_WAYS];
    HANDLE Overlapped;
    REQUEST *Free;
    UINT64 Random;
    ULONG Number;
} WORKER;

typedef enum COUNT {
    OPENS,
    READS,
    WRITES,
    ECHOES,
    COMPLETES, /* calls of SOAK_COMPLETE */
    PENDS,
    TIMERS,
    WORK_ITEMS,
    ANSWERED,
    CANCELLED,
    PACKETS, /* of the two before: taken from the port */
    CANCELS, /* calls of CancelIo and its like */
    WAITS,
    THREAD_ENDS,
    COUNTS
} COUNT;

static const char *const CountNames[COUNTS] = {
    "opens",      "reads",    "writes",    "echoes",  "completes", "pends", "timers",
    "work items", "answered", "cancelled", "packets", "cancels",   "waits", "thread ends"};

static volatile LONG64 Counts[COUNTS];
static volatile LONG Failures;
static volatile LONG Stop;
static volatile LONG Outstanding; /* requests whose completion goes to the port */
static WORKER Workers[THREADS];
/* Of the main thread. It has a handle of its own: a synchronous one is held by a call on it. */
static WORKER Watcher;
static HANDLE Port;
static HANDLE Common; /* overlapped, associated with the port, used by all */

static void
Count(COUNT What)
{
    InterlockedIncrement64(&Counts[What]);
}

static LONG64
Read(COUNT What)
{
    return InterlockedCompareExchange64(&Counts[What], 0, 0);
}

static LONG
Pending(void)
{
    return InterlockedCompareExchange(&Outstanding, 0, 0);
}

static void
Failed(const char *What, ULONG64 Value)
{
    if (InterlockedIncrement(&Failures) <= 20) {
        printf("soak: %s (%llu, last error %u)\n", What, (unsigned long long)Value,
               (unsigned)GetLastError());
        fflush(stdout);
    }
}

#define REQUIRE(condition, value) ((condition) ? (void)0 : Failed(#condition, (ULONG64)(value)))

static ULONG
Random(WORKER *Worker, ULONG Limit)
{
    UINT64 value = Worker->Random += 0x9E3779B97F4A7C15ull;

    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
    value ^= value >> 27;
    return (ULONG)((value >> 32) * Limit >> 32);
}

static HANDLE
Open(ULONG Way, DWORD Flags)
{
    char name[] = SOAK_DEVICE "0";
    HANDLE handle;

    name[sizeof(name) - 2] = (char)('0' + Way);
    handle = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                         NULL, OPEN_EXISTING, Flags, NULL);
    REQUIRE(handle != INVALID_HANDLE_VALUE, Way);
    Count(OPENS);
    return handle;
}

static HANDLE
OpenForPort(ULONG Way)
{
    HANDLE handle = Open(Way, FILE_FLAG_OVERLAPPED);

    REQUIRE(CreateIoCompletionPort(handle, Port, 1, 0) == Port, 0);
    return handle;
}

/* ---- requests that pend ---- */

static REQUEST *
NewRequest(WORKER *Worker, ULONG Hows)
{
    REQUEST *request = Worker->Free;

    if (request != NULL) {
        Worker->Free = request->Next;
    } else {
        request = calloc(1, sizeof(*request));
    }
    memset(&request->Overlapped, 0, sizeof(request->Overlapped));
    request->Next = NULL;
    request->In.How = Random(Worker, Hows);
    request->In.Microseconds = Random(Worker, MAX_MICROSECONDS);
    request->In.Cookie = ((UINT64)Random(Worker, UINT32_MAX) << 32) + Random(Worker, UINT32_MAX);
    request->Out.Answer = 0;
    REQUIRE(InterlockedExchange(&request->State, ISSUED) == FREE, request->State);
    Count(PENDS);
    if (request->In.How != SOAK_BY_COMPLETE) {
        Count(request->In.How == SOAK_BY_TIMER ? TIMERS : WORK_ITEMS);
    }
    return request;
}

/* The one completion of the request. */
static void
EndRequest(WORKER *Worker, REQUEST *Request, BOOL Good, DWORD Error, DWORD Bytes)
{
    if (Good) {
        REQUIRE(Bytes == sizeof(Request->Out), Bytes);
        REQUIRE(Request->Out.Answer == ~Request->In.Cookie, Request->Out.Answer);
        Count(ANSWERED);
    } else {
        REQUIRE(Error == ERROR_OPERATION_ABORTED, Error);
        Count(CANCELLED);
    }
    REQUIRE(InterlockedExchange(&Request->State, FREE) == ISSUED, Request->State);
    Request->Next = Worker->Free;
    Worker->Free = Request;
}

static BOOL
Issue(HANDLE Device, REQUEST *Request, OVERLAPPED *Overlapped, DWORD *Bytes)
{
    return DeviceIoControl(Device, SOAK_PEND, &Request->In, sizeof(Request->In), &Request->Out,
                           sizeof(Request->Out), Bytes, Overlapped);
}

/* The request is another's as soon as it is issued. */
static void
IssueToPort(WORKER *Worker, HANDLE Device)
{
    REQUEST *request = NewRequest(Worker, SOAK_HOWS);
    BOOL good;

    InterlockedIncrement(&Outstanding);
    good = Issue(Device, request, &request->Overlapped, NULL);
    REQUIRE(good || GetLastError() == ERROR_IO_PENDING, 0);
}

/* FALSE: there was nothing within the time. */
static BOOL
TakePacket(WORKER *Worker, DWORD Milliseconds)
{
    OVERLAPPED *overlapped = NULL;
    ULONG_PTR key = 0;
    DWORD bytes = 0;
    BOOL good = GetQueuedCompletionStatus(Port, &bytes, &key, &overlapped, Milliseconds);
    DWORD error = good ? 0 : GetLastError();

    if (overlapped == NULL) {
        REQUIRE(!good && error == WAIT_TIMEOUT, error);
        return FALSE;
    }
    REQUIRE(key == 1, key);
    Count(PACKETS);
    EndRequest(Worker, CONTAINING_RECORD(overlapped, REQUEST, Overlapped), good, error, bytes);
    InterlockedDecrement(&Outstanding);
    return TRUE;
}

static void
CompleteOne(WORKER *Worker)
{
    ULONG done = 2;
    DWORD bytes = 0;

    REQUIRE(
        DeviceIoControl(Worker->Sync[0], SOAK_COMPLETE, NULL, 0, &done, sizeof(done), &bytes, NULL),
        0);
    REQUIRE(bytes == sizeof(done) && done <= 1, done);
    Count(COMPLETES);
}

static void
PendSynchronous(WORKER *Worker)
{
    REQUEST *request = NewRequest(Worker, SOAK_HOWS);
    DWORD bytes = 0;
    BOOL good = Issue(Worker->Sync[Random(Worker, SOAK_WAYS)], request, NULL, &bytes);

    EndRequest(Worker, request, good, good ? 0 : GetLastError(), bytes);
}

/* Some requests with an event each; some are cancelled, all are waited for. */
static void
PendWithEvents(WORKER *Worker)
{
    REQUEST *requests[MAX_EVENTS];
    HANDLE events[MAX_EVENTS];
    ULONG count = 1 + Random(Worker, MAX_EVENTS);
    ULONG cancel = Random(Worker, 4);

    for (ULONG i = 0; i < count; i++) {
        requests[i] = NewRequest(Worker, cancel == 0 ? SOAK_HOWS : SOAK_BY_COMPLETE);
        events[i] = CreateEventA(NULL, Random(Worker, 2) != 0, FALSE, NULL);
        requests[i]->Overlapped.hEvent = events[i];
        REQUIRE(Issue(Worker->Overlapped, requests[i], &requests[i]->Overlapped, NULL) ||
                    GetLastError() == ERROR_IO_PENDING,
                0);
    }
    if (cancel == 0) {
        REQUIRE(CancelIo(Worker->Overlapped), 0);
        Count(CANCELS);
    } else if (cancel == 1) {
        CancelIoEx(Worker->Overlapped, &requests[0]->Overlapped);
        Count(CANCELS);
    } else if (cancel == 2) {
        CancelIoEx(Worker->Overlapped, NULL);
        Count(CANCELS);
    }
    for (ULONG i = 0; i < count; i++) {
        DWORD bytes = 0;
        BOOL good;

        /* An event that resets itself is left for GetOverlappedResult to wait for. */
        good = GetOverlappedResult(Worker->Overlapped, &requests[i]->Overlapped, &bytes, TRUE);
        EndRequest(Worker, requests[i], good, good ? 0 : GetLastError(), bytes);
        CloseHandle(events[i]);
    }
}

/* ---- requests that are answered at once ---- */

static void
Echo(WORKER *Worker)
{
    unsigned char in[MAX_LENGTH];
    unsigned char out[MAX_LENGTH];
    DWORD length = 1 + Random(Worker, MAX_LENGTH - 1);
    ULONG method = Random(Worker, 4);
    unsigned char first = (unsigned char)Random(Worker, 256);
    DWORD bytes = 0;
    ULONG wrong = 0;

    for (DWORD i = 0; i < length; i++) {
        in[i] = (unsigned char)(first + i);
        out[i] = (unsigned char)(method == METHOD_IN_DIRECT ? ~in[i] : 0x11);
    }
    REQUIRE(DeviceIoControl(Worker->Sync[Random(Worker, SOAK_WAYS)], SOAK_ECHO(method), in, length,
                            out, length, &bytes, NULL),
            method);
    REQUIRE(bytes == length, bytes);
    for (DWORD i = 0; i < length; i++) {
        wrong += (out[i] ^ (unsigned char)(first + i)) != 0xFF;
    }
    REQUIRE(wrong == 0, wrong);
    Count(ECHOES);
}

static void
Transfer(WORKER *Worker, BOOL Write)
{
    unsigned char buffer[MAX_LENGTH];
    DWORD length = 1 + Random(Worker, MAX_LENGTH - 1);
    OVERLAPPED place = {.Offset = Random(Worker, 1u << 30)};
    HANDLE device = Worker->Sync[Random(Worker, SOAK_WAYS)];
    UINT64 offset = place.Offset;
    DWORD bytes = 0;
    ULONG wrong = 0;

    for (DWORD i = 0; i < length; i++) {
        buffer[i] = Write ? SoakFileByte(offset + i) : 0x22;
    }
    REQUIRE(Write ? WriteFile(device, buffer, length, &bytes, &place)
                  : ReadFile(device, buffer, length, &bytes, &place),
            Write);
    REQUIRE(bytes == length, bytes);
    for (DWORD i = 0; i < length; i++) {
        wrong += buffer[i] != SoakFileByte(offset + i);
    }
    REQUIRE(wrong == 0, wrong);
    Count(Write ? WRITES : READS);
}

/* ---- the rest of what a thread does ---- */

static void
OpenAndClose(WORKER *Worker)
{
    HANDLE device = OpenForPort(Random(Worker, SOAK_WAYS));
    ULONG count = Random(Worker, 4);

    for (ULONG i = 0; i < count; i++) {
        IssueToPort(Worker, device);
    }
    REQUIRE(CloseHandle(device), 0);
}

static DWORD WINAPI
IssueAndEnd(LPVOID Context)
{
    WORKER *worker = Context; /* its thread waits meanwhile */

    IssueToPort(worker, Common);
    IssueToPort(worker, Common);
    return 7;
}

static void
EndThreadWithRequests(WORKER *Worker)
{
    HANDLE thread = CreateThread(NULL, 0, IssueAndEnd, Worker, 0, NULL);
    DWORD code = 0;

    REQUIRE(thread != NULL, 0);
    REQUIRE(WaitForSingleObject(thread, INFINITE) == WAIT_OBJECT_0, 0);
    REQUIRE(GetExitCodeThread(thread, &code) && code == 7, code);
    CloseHandle(thread);
    Count(THREAD_ENDS);
}

static void
Cancel(WORKER *Worker)
{
    switch (Random(Worker, 8)) {
    case 0:
        CancelIoEx(Common, NULL);
        break;
    case 1:
    case 2:
        CancelIo(Common);
        break;
    default:
        CancelSynchronousIo(Workers[Random(Worker, THREADS)].Thread);
        break;
    }
    Count(CANCELS);
}

static void
Wait(WORKER *Worker)
{
    HANDLE both[2] = {Worker->Event, Workers[Random(Worker, THREADS)].Event};
    DWORD result;

    SetEvent(Workers[Random(Worker, THREADS)].Event);
    if (both[0] == both[1] || Random(Worker, 2) == 0) {
        result = WaitForSingleObject(Worker->Event, Random(Worker, 3));
    } else {
        result = WaitForMultipleObjects(2, both, Random(Worker, 2) == 0, Random(Worker, 3));
        result -= result == WAIT_OBJECT_0 + 1;
    }
    REQUIRE(result == WAIT_OBJECT_0 || result == WAIT_TIMEOUT, result);
    Count(WAITS);
}

static void
Act(WORKER *Worker)
{
    ULONG choice = Random(Worker, 100);

    if (choice < 15) {
        Echo(Worker);
    } else if (choice < 30) {
        Transfer(Worker, choice & 1);
    } else if (choice < 38) {
        PendSynchronous(Worker);
    } else if (choice < 46) {
        PendWithEvents(Worker);
    } else if (choice < 60) {
        if (Pending() < MAX_OUTSTANDING) {
            IssueToPort(Worker, Common);
        }
    } else if (choice < 78) {
        TakePacket(Worker, Random(Worker, 2));
    } else if (choice < 84) {
        CompleteOne(Worker);
    } else if (choice < 88) {
        Cancel(Worker);
    } else if (choice < 93) {
        if (Pending() < MAX_OUTSTANDING) {
            OpenAndClose(Worker);
        }
    } else if (choice < 97) {
        Wait(Worker);
    } else if (Pending() < MAX_OUTSTANDING) {
        EndThreadWithRequests(Worker);
    }
}

static DWORD WINAPI
Work(LPVOID Context)
{
    WORKER *worker = Context;

    while (InterlockedCompareExchange(&Stop, 0, 0) == 0) {
        Act(worker);
    }
    return 0;
}

/* ---- start, progress, end ---- */

static void
StartWorkers(void)
{
    Port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    Common = OpenForPort(0);
    Watcher.Sync[0] = Open(0, 0);
    for (ULONG i = 0; i < THREADS; i++) {
        WORKER *worker = &Workers[i];

        worker->Number = i;
        worker->Random = 1000 + i;
        worker->Event = CreateEventA(NULL, FALSE, FALSE, NULL);
        for (ULONG way = 0; way < SOAK_WAYS; way++) {
            worker->Sync[way] = Open(way, 0);
        }
        worker->Overlapped = Open(i % SOAK_WAYS, FILE_FLAG_OVERLAPPED);
    }
    /* All at once: they cancel each other's calls by their handles. */
    for (ULONG i = 0; i < THREADS; i++) {
        Workers[i].Thread = CreateThread(NULL, 0, Work, &Workers[i], CREATE_SUSPENDED, NULL);
        REQUIRE(Workers[i].Thread != NULL, i);
    }
    for (ULONG i = 0; i < THREADS; i++) {
        REQUIRE(ResumeThread(Workers[i].Thread) == 1, i);
    }
}

static LONG64
Requests(void)
{
    return Read(READS) + Read(WRITES) + Read(ECHOES) + Read(COMPLETES) + Read(PENDS);
}

static void
RunFor(ULONG Seconds, BOOL Progress)
{
    LONG64 before = 0;

    for (ULONG second = 1; second <= Seconds && InterlockedCompareExchange(&Failures, 0, 0) == 0;
         second++) {
        /* All workers at once may wait for somebody to complete their requests. */
        for (ULONG tick = 0; tick < 100; tick++) {
            Sleep(10);
            CompleteOne(&Watcher);
        }
        if (Progress) {
            LONG64 now = Requests();

            printf("\r%4u s of %u  %12lld requests  %8lld/s  %6d outstanding ", (unsigned)second,
                   (unsigned)Seconds, (long long)now, (long long)(now - before), (int)Pending());
            fflush(stdout);
            before = now;
        }
    }
    if (Progress) {
        printf("\n");
    }
}

/* Threads that wait for a SOAK_COMPLETE get it from here. */
static void
StopWorkers(void)
{
    ULONGLONG limit = GetTickCount64() + END_SECONDS * 1000;

    InterlockedExchange(&Stop, 1);
    for (ULONG i = 0; i < THREADS; i++) {
        while (WaitForSingleObject(Workers[i].Thread, 5) == WAIT_TIMEOUT) {
            CompleteOne(&Watcher);
            if (GetTickCount64() > limit) {
                Failed("a thread does not end", i);
                return;
            }
        }
    }
    CloseHandle(Common);
    while (Pending() != 0 && GetTickCount64() < limit) {
        TakePacket(&Watcher, 5);
    }
    REQUIRE(Pending() == 0, Pending());
    REQUIRE(!TakePacket(&Watcher, 0), 0);
    for (ULONG i = 0; i < THREADS; i++) {
        for (ULONG way = 0; way < SOAK_WAYS; way++) {
            CloseHandle(Workers[i].Sync[way]);
        }
        CloseHandle(Workers[i].Overlapped);
        CloseHandle(Workers[i].Event);
        CloseHandle(Workers[i].Thread);
    }
    CloseHandle(Watcher.Sync[0]);
    CloseHandle(Port);
}

static void
Query(HANDLE Device, SOAK_COUNTS *Theirs)
{
    DWORD bytes = 0;

    REQUIRE(DeviceIoControl(Device, SOAK_QUERY, NULL, 0, Theirs, sizeof(*Theirs), &bytes, NULL) &&
                bytes == sizeof(*Theirs),
            bytes);
}

static void
CompareOne(const char *What, UINT64 Mine, UINT64 Theirs)
{
    if (Mine != Theirs) {
        printf("soak: %s: client %llu, driver %llu\n", What, (unsigned long long)Mine,
               (unsigned long long)Theirs);
        InterlockedIncrement(&Failures);
    }
}

static void
CompareCounts(void)
{
    ULONGLONG limit = GetTickCount64() + END_SECONDS * 1000;
    HANDLE device = Open(0, 0);
    SOAK_COUNTS theirs = {0};

    /* Timers of cancelled requests, and the last closes, may still be on their way. */
    do {
        Query(device, &theirs);
    } while ((theirs.Under != 0 || theirs.Closes + 1 != theirs.Creates) &&
             GetTickCount64() < limit && (Sleep(1), TRUE));
    CompareOne("opens", (UINT64)Read(OPENS), theirs.Creates);
    CompareOne("cleanups", (UINT64)Read(OPENS) - 1, theirs.Cleanups);
    CompareOne("closes", (UINT64)Read(OPENS) - 1, theirs.Closes);
    CompareOne("reads", (UINT64)Read(READS), theirs.Reads);
    CompareOne("writes", (UINT64)Read(WRITES), theirs.Writes);
    CompareOne("controls", (UINT64)(Read(ECHOES) + Read(COMPLETES)), theirs.Controls);
    CompareOne("pends", (UINT64)Read(PENDS), theirs.Pends);
    CompareOne("answered", (UINT64)Read(ANSWERED), theirs.Answered);
    CompareOne("cancelled", (UINT64)Read(CANCELLED), theirs.Cancelled);
    CompareOne("answered and cancelled", (UINT64)Read(PENDS), theirs.Answered + theirs.Cancelled);
    CompareOne("timers", (UINT64)Read(TIMERS), theirs.Dpcs);
    CompareOne("work items", (UINT64)Read(WORK_ITEMS), theirs.WorkItems);
    CompareOne("wrong bytes", 0, theirs.WrongBytes);
    CompareOne("under way", 0, theirs.Under);
    CloseHandle(device);
}

static void
FreeRequests(WORKER *Worker)
{
    while (Worker->Free != NULL) {
        REQUEST *request = Worker->Free;

        Worker->Free = request->Next;
        free(request);
    }
}

int
main(int argc, char **argv)
{
    ULONG seconds = argc > 1 ? (ULONG)strtoul(argv[1], NULL, 10) : 10;
    BOOL progress = argc > 2 && strcmp(argv[2], "--progress") == 0;

    StartWorkers();
    RunFor(seconds, progress);
    StopWorkers();
    CompareCounts();
    for (ULONG i = 0; i < THREADS; i++) {
        FreeRequests(&Workers[i]);
    }
    FreeRequests(&Watcher);
    for (int i = 0; i < COUNTS; i++) {
        printf("# %-12s %12lld\n", CountNames[i], (long long)Read((COUNT)i));
    }
    printf("1..1\n%sok 1 - %lld requests of %d threads in %u s\n", Failures != 0 ? "not " : "",
           (long long)Requests(), THREADS, (unsigned)seconds);
    return Failures != 0;
}
