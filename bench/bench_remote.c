/* SPDX-License-Identifier: MIT
 *
 * bench_remote.c - measures a kernel in another process from its client's side
 *
 *   calls          a call of 4 bytes beside a round of pipes between two processes
 *   direct         1 MiB direct reads into shared pages and into other memory, beside memcpy
 *   load SECONDS   calls for that long; how many
 *   pend N         pends N reads, says "pended", waits for a line
 *   idle           opens the device, says "idle", waits for a line
 *
 * Prints one "name value" a line, as bench_client.c does; bench.py pins the processes and makes the
 * table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winioctl.h>

#include "bench_ioctl.h"
#include "floor.h"

#define BENCH_ROUNDS 15
#define BENCH_CALLS 10000u
#define BENCH_FILLS 50u

static LARGE_INTEGER BenchFrequency;

static double
BenchNow(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return (double)now.QuadPart * 1e9 / (double)BenchFrequency.QuadPart;
}

static void
BenchFail(const char *What)
{
    fprintf(stderr, "bench: %s: error %u\n", What, (unsigned)GetLastError());
    exit(1);
}

static HANDLE
BenchOpen(DWORD Flags)
{
    HANDLE device = CreateFileW(BENCH_WIN32_NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, Flags, NULL);

    if (device == INVALID_HANDLE_VALUE) {
        BenchFail("cannot open the bench driver");
    }
    return device;
}

static int
BenchCompare(const void *Left, const void *Right)
{
    double left = *(const double *)Left;
    double right = *(const double *)Right;

    return (left > right) - (left < right);
}

static void
BenchPrintMedian(const char *Name, double *Values)
{
    qsort(Values, BENCH_ROUNDS, sizeof(*Values), BenchCompare);
    printf("%s %.2f\n", Name, Values[BENCH_ROUNDS / 2]);
}

static void
BenchEcho(HANDLE Device)
{
    UINT32 value = 1;
    DWORD returned;

    if (!DeviceIoControl(Device, IOCTL_BENCH_ECHO, &value, sizeof(value), &value, sizeof(value),
                         &returned, NULL)) {
        BenchFail("IOCTL_BENCH_ECHO");
    }
}

static double
BenchRunEcho(HANDLE Device)
{
    double start = BenchNow();

    for (unsigned i = 0; i < BENCH_CALLS; i++) {
        BenchEcho(Device);
    }
    return (BenchNow() - start) / BENCH_CALLS;
}

static void
BenchCalls(void)
{
    double calls[BENCH_ROUNDS];
    double pipes[BENCH_ROUNDS];
    HANDLE device;

    if (!BenchStartPipes()) {
        BenchFail("no process for the pipes");
    }
    device = BenchOpen(0);
    BenchRunEcho(device); /* warm up */
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        calls[i] = BenchRunEcho(device);
        pipes[i] = (double)BenchPipeRound(BENCH_CALLS);
    }
    BenchPrintMedian("remote_ioctl_buffered_4", calls);
    BenchPrintMedian("pipe_round", pipes);
    CloseHandle(device);
}

/* ---- direct reads ---- */

static double
BenchRunFill(HANDLE Device, PUCHAR Target)
{
    double start = BenchNow();
    DWORD returned;

    for (unsigned i = 0; i < BENCH_FILLS; i++) {
        if (!DeviceIoControl(Device, IOCTL_BENCH_FILL, NULL, 0, Target, BENCH_FILL, &returned,
                             NULL)) {
            BenchFail("IOCTL_BENCH_FILL");
        }
    }
    return (BenchNow() - start) / BENCH_FILLS;
}

static double
BenchRunCopy(PUCHAR Target, PUCHAR Source)
{
    double start = BenchNow();

    for (unsigned i = 0; i < BENCH_FILLS; i++) {
        memcpy(Target, Source, BENCH_FILL);
        __asm__ volatile("" : : "r"(Target) : "memory");
    }
    return (BenchNow() - start) / BENCH_FILLS;
}

static void
BenchDirect(void)
{
    double shared[BENCH_ROUNDS];
    double plain[BENCH_ROUNDS];
    double copy[BENCH_ROUNDS];
    HANDLE device = BenchOpen(0);
    PUCHAR pages = VirtualAlloc(NULL, BENCH_FILL, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PUCHAR heap = malloc(BENCH_FILL);
    PUCHAR source = malloc(BENCH_FILL);

    if (pages == NULL || heap == NULL || source == NULL) {
        BenchFail("no memory");
    }
    memset(source, 1, BENCH_FILL);
    BenchRunFill(device, pages);
    BenchRunFill(device, heap);
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        shared[i] = BenchRunFill(device, pages);
        plain[i] = BenchRunFill(device, heap);
        copy[i] = BenchRunCopy(heap, source);
    }
    BenchPrintMedian("remote_direct_shared_1m", shared);
    BenchPrintMedian("remote_direct_plain_1m", plain);
    BenchPrintMedian("memcpy_1m", copy);
    VirtualFree(pages, 0, MEM_RELEASE);
    free(heap);
    free(source);
    CloseHandle(device);
}

/* ---- load and memory ---- */

static void
BenchLoad(double Seconds)
{
    HANDLE device = BenchOpen(0);
    double end = BenchNow() + Seconds * 1e9;
    unsigned count = 0;

    while (BenchNow() < end) {
        for (int i = 0; i < 100; i++) {
            BenchEcho(device);
        }
        count += 100;
    }
    printf("calls %u\n", count);
    CloseHandle(device);
}

static void
BenchStay(const char *Word)
{
    printf("%s\n", Word);
    fflush(stdout);
    (void)getchar();
}

static void
BenchPend(unsigned Count)
{
    HANDLE device = BenchOpen(FILE_FLAG_OVERLAPPED);
    OVERLAPPED *requests = calloc(Count, sizeof(*requests));
    UCHAR *buffers =
        VirtualAlloc(NULL, (SIZE_T)Count * 64, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    if (requests == NULL || buffers == NULL) {
        BenchFail("no memory");
    }
    for (unsigned i = 0; i < Count; i++) {
        if (ReadFile(device, buffers + (size_t)i * 64, 64, NULL, &requests[i]) ||
            GetLastError() != ERROR_IO_PENDING) {
            BenchFail("a read is not pended");
        }
    }
    BenchStay("pended");
    CancelIo(device);
    CloseHandle(device);
}

int
main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    QueryPerformanceFrequency(&BenchFrequency);
    if (strcmp(what, "calls") == 0) {
        BenchCalls();
    } else if (strcmp(what, "direct") == 0) {
        BenchDirect();
    } else if (strcmp(what, "load") == 0 && argc > 2) {
        BenchLoad(atof(argv[2]));
    } else if (strcmp(what, "pend") == 0 && argc > 2) {
        BenchPend((unsigned)atoi(argv[2]));
    } else if (strcmp(what, "idle") == 0) {
        HANDLE device = BenchOpen(0);

        BenchStay("idle");
        CloseHandle(device);
    } else {
        fprintf(stderr, "bench_remote calls | direct | load SECONDS | pend N | idle\n");
        return 2;
    }
    return 0;
}
