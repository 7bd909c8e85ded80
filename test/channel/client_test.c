/* SPDX-License-Identifier: MIT
 *
 * test/channel/client_test.c - the channel's program half under `ntbox run`, with burst.c
 */
#include "check.h"

#include "channel_client.h"
#include "burst.h"

static HANDLE Control; /* for the driver's own codes */

static void
Tell(DWORD Code, ULONG Value)
{
    DWORD returned;

    if (Control == NULL) {
        Control = CreateFileW(BURST_WIN32_NAME, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                              NULL, OPEN_EXISTING, 0, NULL);
        CHECK(Control != INVALID_HANDLE_VALUE);
    }
    CHECK(DeviceIoControl(Control, Code, &Value, sizeof(Value), NULL, 0, &returned, NULL));
}

static void
Publish(ULONG Count)
{
    Tell(IOCTL_BURST_PUBLISH, Count);
}

/* A client that starts behind what earlier tests have published. */
static CHANNEL_CLIENT *
Open(ULONG Reads, ULONG BufferSize, ULONG BatchCount, ULONG FlushMilliseconds)
{
    CHANNEL_CLIENT_OPTIONS options = {Reads, BufferSize, BatchCount, FlushMilliseconds, TRUE};
    CHANNEL_CLIENT *client = ChannelClientOpen(BURST_WIN32_NAME, &options);

    CHECK(client != NULL);
    return client;
}

/* Takes Count records, which must follow each other. */
static void
Take(CHANNEL_CLIENT *Client, ULONG Count)
{
    UINT64 sequence = 0;
    UINT64 value = 0;

    for (ULONG i = 0; i < Count; i++) {
        const CHANNEL_RECORD *record = NULL;
        CHANNEL_CLIENT_RESULT result = ChannelClientNext(Client, INFINITE, &record);

        if (result != ChannelClientRecord || record->Type != BURST_TYPE) {
            CHECK_EQ(result, ChannelClientRecord);
            return;
        }
        CHECK(i == 0 || record->Sequence == sequence + 1);
        CHECK(i == 0 || *(const UINT64 *)(record + 1) == value + 1);
        sequence = record->Sequence;
        value = *(const UINT64 *)(record + 1);
    }
}

static DWORD WINAPI
PublishOften(LPVOID Context)
{
    for (ULONG i = 0; i < 100; i++) {
        Publish(100);
    }
    return 0;
}

TEST(RecordsComeInOrderOverManyReads)
{
    CHANNEL_CLIENT *client = Open(4, 1000, 1, 0);
    HANDLE thread;

    Publish(1); /* opens Control before there are two threads */
    thread = CreateThread(NULL, 0, PublishOften, NULL, 0, NULL);
    Take(client, 1 + 100 * 100);
    CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
    CloseHandle(thread);
    ChannelClientClose(client);
}

TEST(EveryNumberOfReadsAndSizeOfBuffersWorks)
{
    static const struct {
        ULONG Reads;
        ULONG Size;
    } rows[] = {{1, 64}, {2, 65}, {32, 64}, {32, 1 << 20}, {3, 100}};

    for (ULONG i = 0; i < ARRAYSIZE(rows); i++) {
        CHANNEL_CLIENT *client = Open(rows[i].Reads, rows[i].Size, 1, 0);

        Publish(500);
        Take(client, 500);
        ChannelClientClose(client);
    }
}

TEST(ABatchIsFlushedInTime)
{
    CHANNEL_CLIENT *client = Open(2, 0, 1000, 5);

    Publish(3);
    Take(client, 3);
    ChannelClientClose(client);
}

TEST(ATimeoutTakesNothingAway)
{
    CHANNEL_CLIENT *client = Open(0, 0, 0, 0);
    const CHANNEL_RECORD *record;

    CHECK_EQ(ChannelClientNext(client, 0, &record), ChannelClientTimeout);
    CHECK_EQ(ChannelClientNext(client, 1, &record), ChannelClientTimeout);
    Publish(2);
    Take(client, 2);
    CHECK_EQ(ChannelClientNext(client, 0, &record), ChannelClientTimeout);
    ChannelClientClose(client);
}

static DWORD WINAPI
CancelIt(LPVOID Context)
{
    ChannelClientCancel(Context);
    return 0;
}

TEST(ACancelFromAnotherThreadIsAnsweredOnce)
{
    CHANNEL_CLIENT *client = Open(0, 0, 0, 0);

    for (ULONG i = 0; i < 50; i++) {
        const CHANNEL_RECORD *record;
        HANDLE thread = CreateThread(NULL, 0, CancelIt, client, 0, NULL);

        CHECK_EQ(ChannelClientNext(client, INFINITE, &record), ChannelClientCancelled);
        CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
        CloseHandle(thread);
        CHECK_EQ(ChannelClientNext(client, 0, &record), ChannelClientTimeout);
        Publish(1);
        Take(client, 1);
    }
    ChannelClientClose(client);
}

TEST(ACancelComesBeforeRecordsThatWait)
{
    CHANNEL_CLIENT *client = Open(0, 0, 0, 0);
    const CHANNEL_RECORD *record;

    Publish(1);
    ChannelClientCancel(client);
    CHECK_EQ(ChannelClientNext(client, INFINITE, &record), ChannelClientCancelled);
    Take(client, 1);
    ChannelClientClose(client);
}

TEST(ClosingCancelsWhatIsPended)
{
    for (ULONG i = 0; i < 20; i++) {
        CHANNEL_CLIENT *client = Open(1 + i, 256, 1 + i % 3, i % 2);

        Publish(i % 4);
        ChannelClientClose(client);
    }
    ChannelClientClose(NULL);
}

TEST(StatisticsCountWhatWasRead)
{
    CHANNEL_CLIENT *client = Open(2, 0, 0, 0);
    CHANNEL_STATISTICS statistics = {0};

    Publish(10);
    Take(client, 10);
    CHECK(ChannelClientStatistics(client, &statistics));
    CHECK_EQ(statistics.Delivered, 10);
    CHECK(statistics.Reads >= 1 && statistics.Reads <= 10);
    CHECK(statistics.Published > 10);
    ChannelClientClose(client);
}

TEST(ADeviceThatFailsIsTold)
{
    CHANNEL_CLIENT_OPTIONS options = {0};
    CHANNEL_CLIENT *client = Open(2, 64, 1, 0);
    const CHANNEL_RECORD *record;
    CHANNEL_CLIENT_RESULT result;

    Tell(IOCTL_BURST_FAIL, 1);
    CHECK_FAILS(ChannelClientOpen(BURST_WIN32_NAME, &options) != NULL, ERROR_NOT_READY);
    Publish(2);
    do {
        result = ChannelClientNext(client, INFINITE, &record);
    } while (result == ChannelClientRecord); /* those of the reads that were made before */
    CHECK_EQ(result, ChannelClientFailed);
    CHECK_EQ(GetLastError(), ERROR_NOT_READY);
    ChannelClientClose(client);
    Tell(IOCTL_BURST_FAIL, 0);
}

TEST(WhatCannotBeOpenedIsRefused)
{
    static const CHANNEL_CLIENT_OPTIONS bad[] = {
        {.Reads = 33}, {.BufferSize = 63}, {.BufferSize = (16 << 20) + 1}};
    CHANNEL_CLIENT_OPTIONS batch = {.BatchCount = 65537};

    CHECK_FAILS(ChannelClientOpen(L"\\\\.\\NoSuchDevice", NULL) != NULL, ERROR_FILE_NOT_FOUND);
    for (ULONG i = 0; i < ARRAYSIZE(bad); i++) {
        CHECK_FAILS(ChannelClientOpen(BURST_WIN32_NAME, &bad[i]) != NULL, ERROR_INVALID_PARAMETER);
    }
    CHECK_FAILS(ChannelClientOpen(BURST_WIN32_NAME, &batch) != NULL, ERROR_INVALID_PARAMETER);
}
