/* SPDX-License-Identifier: MIT
 *
 * fuzz/client.c - the channel's program half against a device that answers with anything
 *
 * A small Win32 stands in for the system: reads complete in order, when the client waits, with
 * the status, the length and the bytes of the input. Every record that the client hands out must
 * lie within what was read, and be what channel.h promises.
 *
 * Input  1 byte: reads; 1 byte: size of the buffers; then what each call answers
 */
#include "fuzz.h"

#include "channel_client.h"

#define MAX_READS 8u
#define TEST_DEVICE ((HANDLE)0x100)
#define FIRST_EVENT 0x200u

typedef struct FAKE_READ {
    OVERLAPPED *Overlapped;
    UCHAR *Buffer;
    DWORD Size;
} FAKE_READ;

static struct {
    FUZZ_INPUT Input;
    FAKE_READ Reads[MAX_READS]; /* pended, oldest first */
    ULONG ReadCount;
    OVERLAPPED *ByEvent[MAX_READS + 8]; /* whose read sets the event */
    DWORD LastError;
    ULONG Events; /* open */
    ULONG Blocks; /* allocated */
    BOOL IsOpen;
    const UCHAR *Filled; /* the buffer completed last */
    DWORD FilledLength;
    DWORD FilledUsed;
} Fake;

/* ---- Win32 ---- */

DWORD WINAPI
GetLastError(VOID)
{
    return Fake.LastError;
}

VOID WINAPI
SetLastError(DWORD Error)
{
    Fake.LastError = Error;
}

HANDLE WINAPI
GetProcessHeap(VOID)
{
    return NULL;
}

LPVOID WINAPI
HeapAlloc(HANDLE Heap, DWORD Flags, SIZE_T Size)
{
    PVOID memory = FuzzAllocate(Size);

    if (Flags & HEAP_ZERO_MEMORY) {
        memset(memory, 0, Size);
    }
    Fake.Blocks++;
    return memory;
}

BOOL WINAPI
HeapFree(HANDLE Heap, DWORD Flags, LPVOID Memory)
{
    Fake.Blocks--;
    FuzzFree(Memory);
    return TRUE;
}

HANDLE WINAPI
CreateEventW(LPSECURITY_ATTRIBUTES Attributes, WINBOOL Manual, WINBOOL Initial, LPCWSTR Name)
{
    return (HANDLE)(ULONG_PTR)(FIRST_EVENT + Fake.Events++);
}

WINBOOL WINAPI
SetEvent(HANDLE Event)
{
    return TRUE;
}

HANDLE WINAPI
CreateFileW(LPCWSTR Path, DWORD Access, DWORD Share, LPSECURITY_ATTRIBUTES Attributes,
            DWORD Disposition, DWORD Flags, HANDLE Template)
{
    Fake.IsOpen = TRUE;
    return TEST_DEVICE;
}

WINBOOL WINAPI
CloseHandle(HANDLE Handle)
{
    if (Handle == TEST_DEVICE) {
        FUZZ_CHECK(Fake.IsOpen &&
                   Fake.ReadCount == 0); /* else the driver writes into freed memory */
        Fake.IsOpen = FALSE;
    } else {
        FUZZ_CHECK(Fake.Events-- != 0);
    }
    return TRUE;
}

/* Ends the oldest read as the input says. */
static VOID
CompleteOldest(VOID)
{
    FAKE_READ *read = &Fake.Reads[0];
    DWORD length = (DWORD)FuzzTake(&Fake.Input, 2) % (read->Size + 1);
    BOOL fails = FuzzChoose(&Fake.Input, 16) == 15;

    if (fails) {
        read->Overlapped->Internal = 0xC00000A3u /* STATUS_DEVICE_NOT_READY */;
    } else {
        FuzzTakeBytes(&Fake.Input, read->Buffer, length);
        read->Overlapped->Internal = 0;
        read->Overlapped->InternalHigh = length;
    }
    Fake.Filled = read->Buffer;
    Fake.FilledLength = length;
    Fake.FilledUsed = 0;
    Fake.ReadCount--;
    memmove(&Fake.Reads[0], &Fake.Reads[1], Fake.ReadCount * sizeof(Fake.Reads[0]));
}

WINBOOL WINAPI
ReadFile(HANDLE File, LPVOID Buffer, DWORD Size, LPDWORD Read, LPOVERLAPPED Overlapped)
{
    FAKE_READ *read = &Fake.Reads[Fake.ReadCount];

    FUZZ_CHECK(Fake.ReadCount < MAX_READS);
    if (FuzzChoose(&Fake.Input, 32) == 31) {
        Fake.LastError = ERROR_GEN_FAILURE;
        return FALSE;
    }
    memset(Buffer, 0, Size); /* the driver may write from now on */
    *read = (FAKE_READ){Overlapped, Buffer, Size};
    Fake.ByEvent[(ULONG_PTR)Overlapped->hEvent - FIRST_EVENT] = Overlapped;
    Overlapped->Internal = STATUS_PENDING;
    Fake.ReadCount++;
    Fake.LastError = ERROR_IO_PENDING;
    return FALSE;
}

WINBOOL WINAPI
GetOverlappedResult(HANDLE File, LPOVERLAPPED Overlapped, LPDWORD Transferred, WINBOOL Wait)
{
    while (Overlapped->Internal == STATUS_PENDING) {
        FUZZ_CHECK(Wait && Fake.ReadCount != 0);
        CompleteOldest();
    }
    *Transferred = (DWORD)Overlapped->InternalHigh;
    Fake.LastError = Overlapped->Internal != 0 ? ERROR_NOT_READY : 0;
    return Overlapped->Internal == 0;
}

DWORD WINAPI
WaitForMultipleObjects(DWORD Count, const HANDLE *Handles, WINBOOL All, DWORD Milliseconds)
{
    const OVERLAPPED *first = Fake.ByEvent[(ULONG_PTR)Handles[0] - FIRST_EVENT];

    FUZZ_CHECK(first != NULL); /* it waits for a read that it did not make */
    if (first->Internal != STATUS_PENDING) {
        return WAIT_OBJECT_0;
    }
    switch (FuzzChoose(&Fake.Input, 16)) {
    case 15:
        return WAIT_TIMEOUT;
    case 14:
        return WAIT_OBJECT_0 + 1;
    default:
        FUZZ_CHECK(Fake.ReadCount != 0 && Fake.Reads[0].Overlapped == first); /* P1: the oldest */
        CompleteOldest();
        return WAIT_OBJECT_0;
    }
}

WINBOOL WINAPI
DeviceIoControl(HANDLE Device, DWORD Code, LPVOID In, DWORD InSize, LPVOID Out, DWORD OutSize,
                LPDWORD Returned, LPOVERLAPPED Overlapped)
{
    *Returned = OutSize;
    return TRUE;
}

WINBOOL WINAPI
CancelIoEx(HANDLE File, LPOVERLAPPED Overlapped)
{
    return TRUE;
}

/* ---- the client ---- */

static VOID
CheckRecord(const CHANNEL_RECORD *Record)
{
    const UCHAR *start = (const UCHAR *)Record;
    DWORD offset = (DWORD)(start - Fake.Filled);
    volatile UCHAR last;

    FUZZ_CHECK(start >= Fake.Filled && offset >= Fake.FilledUsed);
    FUZZ_CHECK(offset % CHANNEL_ALIGNMENT == 0);
    FUZZ_CHECK(offset <= Fake.FilledLength && Fake.FilledLength - offset >= sizeof(*Record));
    FUZZ_CHECK(Record->Size >= sizeof(*Record) && Record->Size <= Fake.FilledLength - offset);
    FUZZ_CHECK(Record->Version == CHANNEL_VERSION);
    FUZZ_CHECK(Record->Type != CHANNEL_TYPE_GAP ||
               Record->Size >= sizeof(*Record) + sizeof(CHANNEL_GAP));
    last = start[Record->Size - 1];
    (void)last;
    Fake.FilledUsed = offset + Record->Size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    CHANNEL_CLIENT_OPTIONS options = {0};
    const CHANNEL_RECORD *record;
    CHANNEL_CLIENT *client;
    ULONG failures = 0;

    memset(&Fake, 0, sizeof(Fake));
    Fake.Input = (FUZZ_INPUT){Data, Size};
    options.Reads = 1 + FuzzChoose(&Fake.Input, MAX_READS);
    options.BufferSize = 64 + 8 * FuzzChoose(&Fake.Input, 256) + FuzzChoose(&Fake.Input, 8);
    client = ChannelClientOpen(L"", &options);
    while (client != NULL && Fake.Input.Size != 0 && failures < 4) {
        CHANNEL_CLIENT_RESULT result = ChannelClientNext(client, 1, &record);

        if (result == ChannelClientRecord) {
            CheckRecord(record);
        }
        failures += result == ChannelClientFailed;
    }
    ChannelClientClose(client);
    FUZZ_CHECK(Fake.Events == 0 && Fake.Blocks == 0 && !Fake.IsOpen);
    return 0;
}
