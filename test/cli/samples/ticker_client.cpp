/* SPDX-License-Identifier: MIT
 *
 * ticker_client.cpp - keeps several requests pended and takes them from a completion port; starts
 * at wmain, as many Windows programs do
 */
#include <windows.h>
#include <winioctl.h>
#include <stdio.h>
#include "ticker.h"

namespace
{
const int Requests = 4;
const LONG Wanted = 20;

struct Request : OVERLAPPED {
    LONG Tick;
};

bool
Send(HANDLE Device, Request &Item)
{
    static_cast<OVERLAPPED &>(Item) = {};
    return DeviceIoControl(Device, IOCTL_TICKER_NEXT, nullptr, 0, &Item.Tick, sizeof(Item.Tick),
                           nullptr, &Item) ||
           GetLastError() == ERROR_IO_PENDING;
}
} // namespace

int __cdecl wmain(int Count, wchar_t **Arguments)
{
    HANDLE device = CreateFileW(L"\\\\.\\Ticker", GENERIC_READ, 0, nullptr, OPEN_EXISTING,
                                FILE_FLAG_OVERLAPPED, nullptr);
    HANDLE port = CreateIoCompletionPort(device, nullptr, 1, 0);
    Request requests[Requests];
    LONG seen = 0;
    LONG sum = 0;
    DWORD bytes;

    if (device == INVALID_HANDLE_VALUE || port == nullptr) {
        printf("cannot open: %lu\n", GetLastError());
        return 1;
    }
    for (auto &request : requests) {
        if (!Send(device, request)) {
            printf("cannot send: %lu\n", GetLastError());
            return 1;
        }
    }
    while (seen < Wanted) {
        LPOVERLAPPED overlapped;
        ULONG_PTR key;

        if (!GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, INFINITE)) {
            printf("a request failed: %lu\n", GetLastError());
            return 1;
        }
        Request &done = *static_cast<Request *>(overlapped);
        seen++;
        sum += done.Tick;
        Send(device, done);
    }
    CancelIoEx(device, nullptr);
    printf("%ld ticks, sum %ld, %ws\n", seen, sum, Count > 1 ? Arguments[1] : L"alone");
    CloseHandle(device);
    CloseHandle(port);
    return 0;
}
