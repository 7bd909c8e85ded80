/* SPDX-License-Identifier: MIT
 *
 * channel_test.h - the kernel on hal/sim, a driver around one channel, publishers and a client
 *
 * The test is the client and reads through the system-call table; its memory is user memory.
 * Publishers are system threads. A lost wake-up would leave every thread waiting, which the
 * simulator reports as a deadlock.
 */
#pragma once

#include "init/initp.h"
#include "hal/sim/sim.h"
#include "channel_driver.h"
#include "nt_test.h"

#define TEST_TAG 'tseT'
#define TEST_RING (64u * 1024u)
#define TEST_READS 4u
#define TEST_BUFFER (48u * 1024u)
#define TEST_PAYLOAD_TYPE 7
#define RECORD_SIZE ((ULONG)(sizeof(CHANNEL_RECORD) + sizeof(UINT64)))

static const NTBOX_SYSTEM_CALLS *const Nt = &InitpSystemCalls;
static PDRIVER_OBJECT TestDriver;
static PDEVICE_OBJECT TestDevice;
static CHANNEL *TestChannel;

/* ---- a driver around one channel ---- */

static inline NTSTATUS
TestComplete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static inline NTSTATUS NTAPI
TestDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);

    switch (stack->MajorFunction) {
    case IRP_MJ_CREATE:
        return TestComplete(Irp, ChannelOpen(TestChannel, stack->FileObject));
    case IRP_MJ_READ:
        return ChannelRead(TestChannel, Irp);
    case IRP_MJ_DEVICE_CONTROL:
        return ChannelControl(TestChannel, Irp);
    case IRP_MJ_CLEANUP:
        ChannelCleanup(stack->FileObject);
        return TestComplete(Irp, STATUS_SUCCESS);
    default:
        ChannelClose(stack->FileObject);
        return TestComplete(Irp, STATUS_SUCCESS);
    }
}

static inline void
TestStart(void)
{
    static const ULONG majors[] = {IRP_MJ_CREATE, IRP_MJ_READ, IRP_MJ_DEVICE_CONTROL,
                                   IRP_MJ_CLEANUP, IRP_MJ_CLOSE};
    PSP_EVENT_OPTIONS events = {.Disabled = TRUE};
    UNICODE_STRING driver = RTL_CONSTANT_STRING(L"ChannelTest");
    UNICODE_STRING device = RTL_CONSTANT_STRING(L"\\Device\\Test");

    NT_EXPECT_STATUS(InitpStartSystem(2, &events), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IopCreateDriverObject(&driver, NULL, NULL, 0, NULL, &TestDriver),
                     STATUS_SUCCESS);
    NT_FOR_EACH (major, majors) {
        TestDriver->MajorFunction[*major] = TestDispatch;
    }
    NT_EXPECT_STATUS(ChannelCreate(TEST_RING, TEST_TAG, &TestChannel), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        IoCreateDevice(TestDriver, 0, &device, FILE_DEVICE_UNKNOWN, 0, FALSE, &TestDevice),
        STATUS_SUCCESS);
    TestDevice->Flags |= DO_DIRECT_IO;
    TestDevice->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
}

static inline BOOLEAN
CountTestBlocks(PVOID Context, const EXP_POOL_BLOCK *Block)
{
    *(ULONG *)Context += Block->Tag == TEST_TAG;
    return TRUE;
}

/* Every handle is closed and every publisher has ended. */
static inline void
TestStop(void)
{
    ULONG left = 0;

    SimRunUntilIdle(); /* a DPC may still be behind the event that the client waited for */
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    IoDeleteDevice(TestDevice);
    ChannelDelete(TestChannel);
    ExpForEachPoolBlock(CountTestBlocks, &left);
    NT_EXPECT_EQ(left, 0);
    IopDeleteDriverObject(TestDriver);
    NT_EXPECT_EQ(InitpStopSystem(), 0);
}

/* ---- publishing ---- */

static inline void
Publish(UINT64 Value)
{
    CHANNEL_PART part = {&Value, sizeof(Value)};

    ChannelPublish(TestChannel, TEST_PAYLOAD_TYPE, 0, &part, 1);
}

typedef struct TEST_PUBLISHER {
    PETHREAD Thread;
    ULONG Count;
    BOOLEAN AtDispatch;
} TEST_PUBLISHER;

static inline VOID NTAPI
PublisherThread(PVOID Context)
{
    TEST_PUBLISHER *publisher = Context;

    for (ULONG i = 0; i < publisher->Count; i++) {
        KIRQL irql = PASSIVE_LEVEL;

        if (publisher->AtDispatch) {
            KeRaiseIrql(DISPATCH_LEVEL, &irql);
        }
        Publish(i);
        if (publisher->AtDispatch) {
            KeLowerIrql(irql);
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static inline void
StartPublisher(TEST_PUBLISHER *Publisher, ULONG Count, BOOLEAN AtDispatch)
{
    HANDLE thread;

    Publisher->Count = Count;
    Publisher->AtDispatch = AtDispatch;
    NT_EXPECT_STATUS(PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL,
                                          PublisherThread, Publisher),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(thread, SYNCHRONIZE, *PsThreadType, KernelMode,
                                               (PVOID *)&Publisher->Thread, NULL),
                     STATUS_SUCCESS);
    ZwClose(thread);
}

static inline void
JoinPublisher(TEST_PUBLISHER *Publisher)
{
    KeWaitForSingleObject(Publisher->Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Publisher->Thread);
}

/* ---- a client ---- */

typedef struct TEST_READ {
    HANDLE Event;
    IO_STATUS_BLOCK Iosb;
    DECLSPEC_ALIGN(8) UCHAR Buffer[TEST_BUFFER];
} TEST_READ;

typedef struct TEST_CLIENT TEST_CLIENT;
/* More checks of a record whose place in the sequence is right; gaps too. */
typedef void TEST_CHECK_RECORD(TEST_CLIENT *Client, const CHANNEL_RECORD *Record);

/* A handle with a circle of reads, as the channel's program half keeps it. */
struct TEST_CLIENT {
    HANDLE Device;
    ULONG Length; /* of each read */
    ULONG First;
    UINT64 NextSequence;
    UINT64 Records;
    UINT64 Lost;
    UINT64 Completed;  /* reads with records */
    BOOLEAN MayCancel; /* a read may come back cancelled, without records */
    BOOLEAN MaySkip;   /* sequence numbers may jump forward */
    TEST_CHECK_RECORD *Check;
    TEST_READ Reads[TEST_READS];
};

static inline NTSTATUS
StartRead(TEST_CLIENT *Client, TEST_READ *Read)
{
    LARGE_INTEGER offset = {.QuadPart = 0};

    return Nt->NtReadFile(Client->Device, Read->Event, NULL, NULL, &Read->Iosb, Read->Buffer,
                          Client->Length, &offset, NULL);
}

static inline void
PendRead(TEST_CLIENT *Client, ULONG Index)
{
    NT_EXPECT_STATUS(StartRead(Client, &Client->Reads[Index]), STATUS_PENDING);
}

static inline NTSTATUS
SetOptions(TEST_CLIENT *Client, UINT32 BatchCount, UINT32 Flush, UINT32 Flags)
{
    CHANNEL_OPTIONS options = {BatchCount, Flush, Flags, 0};
    IO_STATUS_BLOCK iosb;

    return Nt->NtDeviceIoControlFile(Client->Device, NULL, NULL, NULL, &iosb,
                                     IOCTL_CHANNEL_SET_OPTIONS, &options, sizeof(options), NULL, 0);
}

static inline void
QueryStatistics(TEST_CLIENT *Client, CHANNEL_STATISTICS *Statistics)
{
    IO_STATUS_BLOCK iosb;

    NT_EXPECT_STATUS(Nt->NtDeviceIoControlFile(Client->Device, NULL, NULL, NULL, &iosb,
                                               IOCTL_CHANNEL_QUERY_STATISTICS, NULL, 0, Statistics,
                                               sizeof(*Statistics)),
                     STATUS_SUCCESS);
}

static inline NTSTATUS
OpenDevice(HANDLE *Device)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Test");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;

    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return Nt->NtCreateFile(Device, FILE_READ_DATA | SYNCHRONIZE, &attributes, &iosb, NULL, 0, 0,
                            FILE_OPEN, 0, NULL, 0);
}

/* Opens the device; no read is pended yet. */
static inline void
PrepareClient(TEST_CLIENT *Client, ULONG Length, UINT32 BatchCount, UINT32 Flush)
{
    RtlZeroMemory(Client, sizeof(*Client));
    Client->Length = Length;
    Client->NextSequence = 1;
    NT_EXPECT_STATUS(OpenDevice(&Client->Device), STATUS_SUCCESS);
    NT_EXPECT_STATUS(SetOptions(Client, BatchCount, Flush, 0), STATUS_SUCCESS);
    NT_FOR_EACH (read, Client->Reads) {
        NT_EXPECT_STATUS(
            Nt->NtCreateEvent(&read->Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
            STATUS_SUCCESS);
    }
}

static inline void
OpenClient(TEST_CLIENT *Client, ULONG Length, UINT32 BatchCount, UINT32 Flush)
{
    PrepareClient(Client, Length, BatchCount, Flush);
    for (ULONG i = 0; i < TEST_READS; i++) {
        PendRead(Client, i);
    }
}

/* Checks that the sequence goes on where it stopped, and counts. */
static inline void
TakeRecord(TEST_CLIENT *Client, const CHANNEL_RECORD *Record)
{
    const CHANNEL_GAP *gap = (const CHANNEL_GAP *)(Record + 1);

    NT_EXPECT_EQ(Record->Version, CHANNEL_VERSION);
    if (Client->MaySkip && Record->Sequence > Client->NextSequence) {
        Client->NextSequence = Record->Sequence;
    }
    NT_EXPECT_EQ(Record->Sequence, Client->NextSequence);
    if (Client->Check != NULL) {
        Client->Check(Client, Record);
    }
    if (Record->Type == CHANNEL_TYPE_GAP) {
        NT_EXPECT_NE(gap->Count, 0);
        NT_EXPECT_NE(gap->Span, 0);
        NT_EXPECT_EQ(gap->Reserved, 0);
        Client->Lost += gap->Count;
        Client->NextSequence += gap->Span;
    } else {
        NT_EXPECT_EQ(Record->Type, TEST_PAYLOAD_TYPE);
        Client->Records++;
        Client->NextSequence++;
    }
}

static inline void
TakeRead(TEST_CLIENT *Client, const TEST_READ *Read)
{
    ULONG used = 0;

    if (Client->MayCancel && Read->Iosb.Status == STATUS_CANCELLED) {
        NT_EXPECT_EQ(Read->Iosb.Information, 0);
        return;
    }
    NT_EXPECT_STATUS(Read->Iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_TRUE(Read->Iosb.Information >= sizeof(CHANNEL_RECORD));
    while (used < Read->Iosb.Information) {
        const CHANNEL_RECORD *record = (const CHANNEL_RECORD *)(Read->Buffer + used);

        TakeRecord(Client, record);
        used += CHANNEL_ALIGN(record->Size);
    }
    Client->Completed++;
}

static inline void
AwaitRead(TEST_READ *Read)
{
    NT_EXPECT_STATUS(Nt->NtWaitForSingleObject(Read->Event, FALSE, NULL), STATUS_SUCCESS);
}

/* Waits for the oldest read, takes its records and pends it again. */
static inline void
NextRead(TEST_CLIENT *Client)
{
    TEST_READ *read = &Client->Reads[Client->First];

    AwaitRead(read);
    TakeRead(Client, read);
    PendRead(Client, Client->First);
    Client->First = (Client->First + 1) % TEST_READS;
}

static inline BOOLEAN
IsReadDone(TEST_CLIENT *Client, ULONG Index)
{
    LARGE_INTEGER zero = {.QuadPart = 0};

    return Nt->NtWaitForSingleObject(Client->Reads[Index].Event, FALSE, &zero) == STATUS_SUCCESS;
}

static inline void
CloseEvents(TEST_CLIENT *Client)
{
    NT_FOR_EACH (read, Client->Reads) {
        NT_EXPECT_STATUS(Nt->NtClose(read->Event), STATUS_SUCCESS);
    }
}

/* Every read is pended or completed. */
static inline void
CloseClient(TEST_CLIENT *Client)
{
    NT_EXPECT_STATUS(Nt->NtClose(Client->Device), STATUS_SUCCESS);
    NT_FOR_EACH (read, Client->Reads) {
        AwaitRead(read);
    }
    CloseEvents(Client);
}

/* ---- another thread of the client process ---- */

static inline HALP_THREAD *
RunClientThread(void (*Start)(void *), void *Context)
{
    HALP_THREAD *thread;

    NT_EXPECT_STATUS(HalpCreateThread(&thread, "client", Start, Context), HALP_OK);
    return thread;
}
