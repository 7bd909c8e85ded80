/* SPDX-License-Identifier: MIT
 *
 * bench_client.c - measures the embedded kernel from a program, beside the host's floors
 *
 * Prints one "name value" a line, nanoseconds unless the name says otherwise; bench.py makes the
 * table. Rounds of the things that are compared alternate, and each value is the median of them,
 * so that a ratio is of one run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "channel_client.h"
#include "bench_ioctl.h"
#include "floor.h"

#define BENCH_ROUNDS 15
#define BENCH_CALLS 100000u
#define BENCH_PAYLOAD 64u
#define BENCH_BURST 16384u /* fits the ring: nothing is lost */

typedef struct BENCH_SERIES {
    const char *Name;
    double Values[BENCH_ROUNDS];
    int Count;
} BENCH_SERIES;

static LARGE_INTEGER BenchFrequency;

static double
BenchNow(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return (double)now.QuadPart * 1e9 / (double)BenchFrequency.QuadPart;
}

static int
BenchCompare(const void *Left, const void *Right)
{
    double left = *(const double *)Left;
    double right = *(const double *)Right;

    return (left > right) - (left < right);
}

static void
BenchAdd(BENCH_SERIES *Series, double Value)
{
    Series->Values[Series->Count++] = Value;
}

static void
BenchPrint(BENCH_SERIES *Series)
{
    qsort(Series->Values, (size_t)Series->Count, sizeof(double), BenchCompare);
    printf("%s %.2f\n", Series->Name, Series->Values[Series->Count / 2]);
}

static void
BenchFail(const char *What)
{
    fprintf(stderr, "bench: %s: error %u\n", What, (unsigned)GetLastError());
    exit(1);
}

static HANDLE
BenchOpen(void)
{
    HANDLE device = CreateFileW(BENCH_WIN32_NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, 0, NULL);

    if (device == INVALID_HANDLE_VALUE) {
        BenchFail("cannot open the bench driver");
    }
    return device;
}

/* ---- calls ---- */

static double
BenchRunEcho(HANDLE Device)
{
    double start = BenchNow();
    UINT32 value = 1;
    DWORD returned;
    unsigned i;

    for (i = 0; i < BENCH_CALLS; i++) {
        if (!DeviceIoControl(Device, IOCTL_BENCH_ECHO, &value, sizeof(value), &value, sizeof(value),
                             &returned, NULL)) {
            BenchFail("IOCTL_BENCH_ECHO");
        }
    }
    return (BenchNow() - start) / BENCH_CALLS;
}

static double
BenchRunGetppid(void)
{
    double start = BenchNow();
    unsigned i;

    for (i = 0; i < BENCH_CALLS; i++) {
        BenchGetppid();
    }
    return (BenchNow() - start) / BENCH_CALLS;
}

static double
BenchRunIndirect(void)
{
    double start = BenchNow();
    int value = 0;
    unsigned i;

    for (i = 0; i < BENCH_CALLS; i++) {
        value = BenchIndirect(value);
    }
    return (BenchNow() - start) / BENCH_CALLS;
}

static void
BenchCalls(void)
{
    BENCH_SERIES echo = {"ioctl_buffered_4", {0}, 0};
    BENCH_SERIES getppid = {"getppid", {0}, 0};
    BENCH_SERIES indirect = {"indirect_call", {0}, 0};
    HANDLE device = BenchOpen();
    int i;

    BenchRunEcho(device); /* warm up */
    for (i = 0; i < BENCH_ROUNDS; i++) {
        BenchAdd(&echo, BenchRunEcho(device));
        BenchAdd(&getppid, BenchRunGetppid());
        BenchAdd(&indirect, BenchRunIndirect());
    }
    CloseHandle(device);
    BenchPrint(&echo);
    BenchPrint(&getppid);
    BenchPrint(&indirect);
}

/* ---- the channel ---- */

static void
BenchPublishBurst(HANDLE Device)
{
    BENCH_PUBLISH publish = {BENCH_BURST, BENCH_PAYLOAD};
    DWORD returned;

    if (!DeviceIoControl(Device, IOCTL_BENCH_PUBLISH, &publish, sizeof(publish), NULL, 0, &returned,
                         NULL)) {
        BenchFail("IOCTL_BENCH_PUBLISH");
    }
}

/* Publishes a burst and reads it all; nanoseconds a record. */
static double
BenchRunChannel(HANDLE Device, CHANNEL_CLIENT *Client)
{
    double start = BenchNow();
    unsigned taken = 0;

    BenchPublishBurst(Device);
    while (taken < BENCH_BURST) {
        const CHANNEL_RECORD *record;

        if (ChannelClientNext(Client, 5000, &record) != ChannelClientRecord) {
            BenchFail("reading the channel");
        }
        if (record->Type == CHANNEL_TYPE_GAP) {
            BenchFail("the channel lost records");
        }
        taken++;
    }
    return (BenchNow() - start) / BENCH_BURST;
}

static double
BenchRunMemcpy(void)
{
    enum { RECORD = sizeof(CHANNEL_RECORD) + BENCH_PAYLOAD };
    static UCHAR ring[BENCH_BURST * RECORD];
    static UCHAR source[RECORD];
    static UCHAR target[RECORD];
    double start = BenchNow();
    unsigned i;

    for (i = 0; i < BENCH_BURST; i++) {
        memcpy(ring + (size_t)i * RECORD, source, RECORD);
        __asm__ volatile("" : : "r"(ring) : "memory");
    }
    for (i = 0; i < BENCH_BURST; i++) {
        memcpy(target, ring + (size_t)i * RECORD, RECORD);
        __asm__ volatile("" : : "r"(target) : "memory");
    }
    return (BenchNow() - start) / BENCH_BURST;
}

static void
BenchChannelBatch(ULONG Batch, BENCH_SERIES *Memcpy)
{
    ULONG record = sizeof(CHANNEL_RECORD) + BENCH_PAYLOAD;
    CHANNEL_CLIENT_OPTIONS options = {8, Batch * record, Batch, 10, TRUE};
    char name[64];
    BENCH_SERIES series = {name, {0}, 0};
    CHANNEL_STATISTICS before;
    CHANNEL_STATISTICS after;
    CHANNEL_CLIENT *client;
    HANDLE device = BenchOpen();
    int i;

    client = ChannelClientOpen(BENCH_WIN32_NAME, &options);
    if (client == NULL) {
        BenchFail("cannot open the channel");
    }
    BenchRunChannel(device, client); /* warm up */
    if (!ChannelClientStatistics(client, &before)) {
        BenchFail("the channel's statistics");
    }
    snprintf(name, sizeof(name), "channel_record_batch_%u", (unsigned)Batch);
    for (i = 0; i < BENCH_ROUNDS; i++) {
        BenchAdd(&series, BenchRunChannel(device, client));
        if (Memcpy->Count < BENCH_ROUNDS) {
            BenchAdd(Memcpy, BenchRunMemcpy());
        }
    }
    ChannelClientStatistics(client, &after);
    BenchPrint(&series);
    printf("channel_records_per_read_batch_%u %.2f\n", (unsigned)Batch,
           (double)(after.Delivered - before.Delivered) / (double)(after.Reads - before.Reads));
    ChannelClientClose(client);
    CloseHandle(device);
}

static void
BenchChannels(void)
{
    BENCH_SERIES copies = {"memcpy_record_twice", {0}, 0};

    BenchChannelBatch(1, &copies);
    BenchChannelBatch(16, &copies);
    BenchChannelBatch(256, &copies);
    BenchPrint(&copies);
}

/* ---- latencies ---- */

static void
BenchLatency(HANDLE Device, const char *Name, ULONG Code, UINT32 Samples)
{
    BENCH_LATENCY latency;
    DWORD returned;

    if (!DeviceIoControl(Device, Code, &Samples, sizeof(Samples), &latency, sizeof(latency),
                         &returned, NULL)) {
        BenchFail(Name);
    }
    printf("%s_median %llu\n%s_p99 %llu\n%s_max %llu\n", Name, latency.Median, Name,
           latency.Percentile99, Name, latency.Maximum);
}

static void
BenchLatencies(void)
{
    HANDLE device = BenchOpen();

    BenchLatency(device, "dpc", IOCTL_BENCH_DPC, 100000);
    BenchLatency(device, "event_round", IOCTL_BENCH_EVENT, 20000);
    printf("futex_round %llu\n", (UINT64)BenchFutexRound(20000));
    BenchLatency(device, "timer_late", IOCTL_BENCH_TIMER, 1000);
    CloseHandle(device);
}

int
main(void)
{
    QueryPerformanceFrequency(&BenchFrequency);
    BenchCalls();
    BenchChannels();
    BenchLatencies();
    return 0;
}
