/* SPDX-License-Identifier: MIT
 *
 * test/host/host_client.c - a client of a host for the tests of it: host_client COUNT
 *
 * Pends COUNT requests, says so, and ends when its input does. Exit code 9: there is no device.
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <winioctl.h>

#include "../user/drivers/iotest.h"

#define MAX_PENDED 16

int
main(int argc, char **argv)
{
    static OVERLAPPED overlapped[MAX_PENDED];
    static ULONG out[MAX_PENDED];
    int count = argc > 1 ? atoi(argv[1]) : 0;
    HANDLE device = CreateFileA(IOTEST_DEVICE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                FILE_FLAG_OVERLAPPED, NULL);
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, "Local\\HostClient");

    if (device == INVALID_HANDLE_VALUE || event == NULL) {
        fprintf(stderr, "no device: error %u\n", (unsigned)GetLastError());
        return 9;
    }
    for (int i = 0; i < count && i < MAX_PENDED; i++) {
        if (DeviceIoControl(device, IOTEST_PEND, NULL, 0, &out[i], sizeof(out[i]), NULL,
                            &overlapped[i]) ||
            GetLastError() != ERROR_IO_PENDING) {
            fprintf(stderr, "not pended: error %u\n", (unsigned)GetLastError());
            return 8;
        }
    }
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return 0;
}
