/* SPDX-License-Identifier: MIT
 *
 * test/user/exit_client.c - ways to end a process, one a run: see exit_test.py
 *
 * The argument says what threads are in while it ends, and how.
 */
#include <windows.h>
#include <winioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "drivers/iotest.h"

static HANDLE Device;
static HANDLE BusyDevice;
static HANDLE Never;
static HANDLE Port;

static HANDLE
Open(DWORD Flags)
{
    HANDLE device = CreateFileA(IOTEST_DEVICE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                Flags, NULL);

    if (device == INVALID_HANDLE_VALUE) {
        printf("cannot open the device: error %u\n", (unsigned)GetLastError());
        exit(1);
    }
    return device;
}

/* Nobody may get past the wait that the process ends in. */
static DWORD WINAPI
BlockInIo(LPVOID Context)
{
    ULONG value;
    DWORD bytes;

    DeviceIoControl(Device, IOTEST_PEND, NULL, 0, &value, sizeof(value), &bytes, NULL);
    puts("the request came back");
    return 0;
}

static DWORD WINAPI
BlockInWait(LPVOID Context)
{
    WaitForSingleObject(Never, INFINITE);
    puts("the wait came back");
    return 0;
}

static DWORD WINAPI
BlockInPort(LPVOID Context)
{
    OVERLAPPED *overlapped;
    ULONG_PTR key;
    DWORD bytes;

    GetQueuedCompletionStatus(Port, &bytes, &key, &overlapped, INFINITE);
    puts("the port came back");
    return 0;
}

static DWORD WINAPI
CallAllTheTime(LPVOID Context)
{
    for (;;) {
        IOTEST_STATE state;
        DWORD bytes;

        if (!DeviceIoControl(BusyDevice, IOTEST_QUERY, NULL, 0, &state, sizeof(state), &bytes,
                             NULL)) {
            puts("a call failed");
            return 1;
        }
    }
}

static DWORD WINAPI
EndAtOnce(LPVOID Context)
{
    return 0;
}

/* Threads join and leave the kernel all the time. */
static DWORD WINAPI
MakeThreadsAllTheTime(LPVOID Context)
{
    HANDLE thread;

    do {
        thread = CreateThread(NULL, 0, EndAtOnce, NULL, 0, NULL);
        WaitForSingleObject(thread, INFINITE);
    } while (CloseHandle(thread));
    puts("a thread was not made");
    return 1;
}

static DWORD WINAPI
EndTheProcess(LPVOID Context)
{
    ExitProcess(23);
    return 0;
}

static BOOL WINAPI
OnControl(DWORD Event)
{
    printf("control event %u\n", (unsigned)Event);
    fflush(stdout);
    SetEvent(Never);
    return TRUE;
}

static void
AwaitPended(ULONG Count)
{
    HANDLE device = Open(0);
    IOTEST_STATE state;
    DWORD bytes;

    do {
        DeviceIoControl(device, IOTEST_QUERY, NULL, 0, &state, sizeof(state), &bytes, NULL);
        SwitchToThread();
    } while (state.Pended != Count);
    CloseHandle(device);
}

static void
Start(LPTHREAD_START_ROUTINE Routine)
{
    CloseHandle(CreateThread(NULL, 0, Routine, NULL, 0, NULL));
}

/* Tells exit_test.py that signals may come, then waits. */
static int
WaitForSignal(void)
{
    puts("ready");
    fflush(stdout);
    WaitForSingleObject(Never, INFINITE);
    puts("woken");
    return 5;
}

static int
RunOther(const char *How)
{
    if (strcmp(How, "return") == 0) {
        return 7;
    }
    if (strcmp(How, "exit-process") == 0) {
        ExitProcess(0x100);
    }
    if (strcmp(How, "terminate") == 0) {
        TerminateProcess(GetCurrentProcess(), 9);
    }
    if (strcmp(How, "exit-elsewhere") == 0) {
        Start(EndTheProcess);
        BlockInIo(NULL);
    }
    if (strcmp(How, "signal") == 0) {
        return WaitForSignal();
    }
    if (strcmp(How, "handler") == 0) {
        SetConsoleCtrlHandler(OnControl, TRUE);
        return WaitForSignal();
    }
    printf("no way to end called '%s'\n", How);
    return 1;
}

int
main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";

    Device = Open(0);
    BusyDevice = Open(FILE_FLAG_OVERLAPPED);
    Never = CreateEventA(NULL, TRUE, FALSE, NULL);
    Port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    if (strcmp(how, "blocked") == 0) {
        Start(BlockInIo);
        Start(BlockInWait);
        Start(BlockInPort);
        AwaitPended(1);
        return 11;
    }
    if (strcmp(how, "busy") == 0) {
        Start(CallAllTheTime);
        Start(CallAllTheTime);
        Start(BlockInIo);
        AwaitPended(1);
        return 12;
    }
    if (strcmp(how, "churn") == 0) {
        Start(MakeThreadsAllTheTime);
        Start(MakeThreadsAllTheTime);
        Start(BlockInIo);
        AwaitPended(1);
        return 13;
    }
    return RunOther(how);
}
