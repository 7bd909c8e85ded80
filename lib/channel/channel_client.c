/* SPDX-License-Identifier: MIT
 *
 * channel_client.c - the program's half of the event channel
 *
 * The reads are a circle. The driver completes them in the order in which they were made, so the
 * oldest one is the only one that is waited for, and is made again once its records are used up.
 *
 * Invariants  P1  Reads[First] is the oldest read; the Active reads from it on are pended or
 *                 completed but unread.
 *             P2  A buffer is not given to the driver again while the caller may look at a record
 *                 in it: that is until the next ChannelClientNext.
 */
#include "channel_client.h"

#define CHANNEL_MAX_READS 32u
#define CHANNEL_DEFAULT_READS 4u
#define CHANNEL_MIN_BUFFER 64u
#define CHANNEL_MAX_BUFFER (16u * 1024u * 1024u)
#define CHANNEL_DEFAULT_BUFFER (64u * 1024u)

typedef struct CHANNEL_CLIENT_READ {
    OVERLAPPED Overlapped;
    UCHAR *Buffer;
} CHANNEL_CLIENT_READ;

struct CHANNEL_CLIENT {
    HANDLE Device;
    HANDLE CancelEvent;      /* automatic reset: wakes the waiting thread */
    volatile LONG Cancelled; /* set first: whether a cancel is still to be answered */
    ULONG ReadCount;
    ULONG BufferSize;
    ULONG First;
    ULONG Active;
    BOOL Unpacking; /* Reads[First] has completed with Length bytes, Offset of them used */
    DWORD Length;
    DWORD Offset;
    CHANNEL_CLIENT_READ Reads[CHANNEL_MAX_READS];
};

/* ---- reads ---- */

/* Makes the read after the last active one. */
static BOOL
ChannelClientpStartRead(CHANNEL_CLIENT *Client)
{
    CHANNEL_CLIENT_READ *read;

    read = &Client->Reads[(Client->First + Client->Active) % Client->ReadCount];
    read->Overlapped.Internal = 0;
    read->Overlapped.InternalHigh = 0;
    if (!ReadFile(Client->Device, read->Buffer, Client->BufferSize, NULL, &read->Overlapped) &&
        GetLastError() != ERROR_IO_PENDING) {
        return FALSE;
    }
    Client->Active++;
    return TRUE;
}

/* Waits for the oldest read. */
static CHANNEL_CLIENT_RESULT
ChannelClientpAwaitRead(CHANNEL_CLIENT *Client, DWORD Milliseconds)
{
    CHANNEL_CLIENT_READ *read = &Client->Reads[Client->First];
    HANDLE handles[2];
    DWORD wait;

    /* The wait, not a look at the status, orders the driver's writes before our reads. */
    handles[0] = read->Overlapped.hEvent;
    handles[1] = Client->CancelEvent;
    wait = WaitForMultipleObjects(2, handles, FALSE, Milliseconds);
    if (wait == WAIT_TIMEOUT) {
        return ChannelClientTimeout;
    }
    if (wait == WAIT_OBJECT_0 + 1) {
        return ChannelClientCancelled;
    }
    if (wait != WAIT_OBJECT_0) {
        return ChannelClientFailed;
    }
    if (!GetOverlappedResult(Client->Device, &read->Overlapped, &Client->Length, FALSE)) {
        return ChannelClientFailed;
    }
    Client->Offset = 0;
    Client->Unpacking = TRUE;
    return ChannelClientRecord;
}

/* The buffer is used up: gives it back to the driver (P2). */
static BOOL
ChannelClientpRecycleRead(CHANNEL_CLIENT *Client)
{
    Client->Unpacking = FALSE;
    Client->First = (Client->First + 1) % Client->ReadCount;
    Client->Active--;
    return ChannelClientpStartRead(Client);
}

/* The record at Offset, or NULL if it cannot be one. A read without any is broken, too. */
static const CHANNEL_RECORD *
ChannelClientpUnpack(CHANNEL_CLIENT *Client)
{
    const CHANNEL_RECORD *record;
    DWORD left = Client->Length - Client->Offset;

    if (left < sizeof(*record)) {
        return NULL;
    }
    record = (const CHANNEL_RECORD *)(Client->Reads[Client->First].Buffer + Client->Offset);
    if (record->Size < sizeof(*record) || record->Size > left ||
        record->Version != CHANNEL_VERSION ||
        (record->Type == CHANNEL_TYPE_GAP &&
         record->Size < sizeof(*record) + sizeof(CHANNEL_GAP))) {
        return NULL;
    }
    Client->Offset += record->Size;
    if (Client->Offset < Client->Length) {
        Client->Offset = min(CHANNEL_ALIGN(Client->Offset), Client->Length);
    }
    return record;
}

CHANNEL_CLIENT_RESULT
ChannelClientNext(CHANNEL_CLIENT *Client, DWORD Milliseconds, const CHANNEL_RECORD **Record)
{
    CHANNEL_CLIENT_RESULT result;

    if (InterlockedCompareExchange(&Client->Cancelled, FALSE, TRUE)) {
        return ChannelClientCancelled;
    }
    if (Client->Unpacking && Client->Offset == Client->Length &&
        !ChannelClientpRecycleRead(Client)) {
        return ChannelClientFailed;
    }
    while (!Client->Unpacking) {
        if (Client->Active == 0) {
            SetLastError(ERROR_INVALID_HANDLE);
            return ChannelClientFailed;
        }
        result = ChannelClientpAwaitRead(Client, Milliseconds);
        if (result == ChannelClientCancelled && !InterlockedExchange(&Client->Cancelled, FALSE)) {
            continue; /* the event of a cancel that an earlier call has answered already */
        }
        if (result != ChannelClientRecord) {
            return result;
        }
    }
    *Record = ChannelClientpUnpack(Client);
    if (*Record == NULL) {
        SetLastError(ERROR_INVALID_DATA);
        return ChannelClientFailed;
    }
    return ChannelClientRecord;
}

VOID
ChannelClientCancel(CHANNEL_CLIENT *Client)
{
    InterlockedExchange(&Client->Cancelled, TRUE);
    SetEvent(Client->CancelEvent);
}

BOOL
ChannelClientStatistics(CHANNEL_CLIENT *Client, CHANNEL_STATISTICS *Statistics)
{
    OVERLAPPED overlapped = {0};
    DWORD returned = 0;
    BOOL done;

    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (overlapped.hEvent == NULL) {
        return FALSE;
    }
    done = DeviceIoControl(Client->Device, IOCTL_CHANNEL_QUERY_STATISTICS, NULL, 0, Statistics,
                           sizeof(*Statistics), &returned, &overlapped);
    if (!done && GetLastError() == ERROR_IO_PENDING) {
        done = GetOverlappedResult(Client->Device, &overlapped, &returned, TRUE);
    }
    CloseHandle(overlapped.hEvent);
    return done && returned == sizeof(*Statistics);
}

/* ---- life ---- */

static BOOL
ChannelClientpSetOptions(CHANNEL_CLIENT *Client, const CHANNEL_CLIENT_OPTIONS *Options)
{
    CHANNEL_OPTIONS options = {Options->BatchCount == 0 ? 1 : Options->BatchCount,
                               Options->FlushMilliseconds,
                               Options->SkipKept ? CHANNEL_OPTION_SKIP_KEPT : 0, 0};
    OVERLAPPED overlapped = {0};
    DWORD returned;
    BOOL done;

    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (overlapped.hEvent == NULL) {
        return FALSE;
    }
    done = DeviceIoControl(Client->Device, IOCTL_CHANNEL_SET_OPTIONS, &options, sizeof(options),
                           NULL, 0, &returned, &overlapped);
    if (!done && GetLastError() == ERROR_IO_PENDING) {
        done = GetOverlappedResult(Client->Device, &overlapped, &returned, TRUE);
    }
    CloseHandle(overlapped.hEvent);
    return done;
}

static BOOL
ChannelClientpAllocateReads(CHANNEL_CLIENT *Client)
{
    ULONG i;

    for (i = 0; i < Client->ReadCount; i++) {
        CHANNEL_CLIENT_READ *read = &Client->Reads[i];

        read->Buffer = HeapAlloc(GetProcessHeap(), 0, Client->BufferSize);
        if (read->Buffer == NULL) {
            SetLastError(ERROR_NOT_ENOUGH_MEMORY);
            return FALSE;
        }
        read->Overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
        if (read->Overlapped.hEvent == NULL) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Opens the device, tells it the options and pends the reads. */
static BOOL
ChannelClientpStart(CHANNEL_CLIENT *Client, const WCHAR *Path,
                    const CHANNEL_CLIENT_OPTIONS *Options)
{
    Client->CancelEvent = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (Client->CancelEvent == NULL || !ChannelClientpAllocateReads(Client)) {
        return FALSE;
    }
    Client->Device = CreateFileW(Path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                 OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (Client->Device == INVALID_HANDLE_VALUE || !ChannelClientpSetOptions(Client, Options)) {
        return FALSE;
    }
    while (Client->Active < Client->ReadCount) {
        if (!ChannelClientpStartRead(Client)) {
            return FALSE;
        }
    }
    return TRUE;
}

CHANNEL_CLIENT *
ChannelClientOpen(const WCHAR *Path, const CHANNEL_CLIENT_OPTIONS *Options)
{
    static const CHANNEL_CLIENT_OPTIONS defaults;
    const CHANNEL_CLIENT_OPTIONS *options = Options == NULL ? &defaults : Options;
    CHANNEL_CLIENT *client;
    DWORD error;

    client = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof(*client));
    if (client == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    client->Device = INVALID_HANDLE_VALUE;
    client->ReadCount = options->Reads == 0 ? CHANNEL_DEFAULT_READS : options->Reads;
    client->BufferSize = options->BufferSize == 0 ? CHANNEL_DEFAULT_BUFFER : options->BufferSize;
    if (client->ReadCount > CHANNEL_MAX_READS || client->BufferSize < CHANNEL_MIN_BUFFER ||
        client->BufferSize > CHANNEL_MAX_BUFFER) {
        HeapFree(GetProcessHeap(), 0, client);
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!ChannelClientpStart(client, Path, options)) {
        error = GetLastError();
        ChannelClientClose(client);
        SetLastError(error);
        return NULL;
    }
    return client;
}

VOID
ChannelClientClose(CHANNEL_CLIENT *Client)
{
    DWORD ignored;
    ULONG i;

    if (Client == NULL) {
        return;
    }
    if (Client->Device != INVALID_HANDLE_VALUE) {
        CancelIoEx(Client->Device, NULL);
        /* The driver may write into a buffer until its read has completed. */
        for (i = 0; i < Client->Active; i++) {
            CHANNEL_CLIENT_READ *read = &Client->Reads[(Client->First + i) % Client->ReadCount];

            GetOverlappedResult(Client->Device, &read->Overlapped, &ignored, TRUE);
        }
        CloseHandle(Client->Device);
    }
    for (i = 0; i < Client->ReadCount; i++) {
        if (Client->Reads[i].Overlapped.hEvent != NULL) {
            CloseHandle(Client->Reads[i].Overlapped.hEvent);
        }
        if (Client->Reads[i].Buffer != NULL) {
            HeapFree(GetProcessHeap(), 0, Client->Reads[i].Buffer);
        }
    }
    if (Client->CancelEvent != NULL) {
        CloseHandle(Client->CancelEvent);
    }
    HeapFree(GetProcessHeap(), 0, Client);
}
