/* SPDX-License-Identifier: MIT
 *
 * test/channel/race_test.c - the channel between publishers, readers, timers and closes
 *
 * Every test runs for many scheduler seeds. NtTestSeed also varies batch, flush time and buffers.
 */
#include "channel_test.h"

#define SEEDS 200
#define MILLISECOND 1000000ull

void
NtTestSetUp(void)
{
    TestStart();
}

void
NtTestTearDown(void)
{
    TestStop();
}

/* ---- publishers against one reader ---- */

NT_TEST_SEEDS(ChannelRace, NoRecordAndNoWakeUpIsLost, SEEDS)
{
    enum { PUBLISHERS = 3, RECORDS = 40 };
    static TEST_CLIENT client;
    TEST_PUBLISHER publishers[PUBLISHERS];

    OpenClient(&client, 4 * RECORD_SIZE, 1 + (UINT32)(NtTestSeed() % 5),
               (UINT32)(NtTestSeed() % 3));
    for (ULONG i = 0; i < PUBLISHERS; i++) {
        StartPublisher(&publishers[i], RECORDS, i == 0);
    }
    while (client.Records < PUBLISHERS * RECORDS) {
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    for (ULONG i = 0; i < PUBLISHERS; i++) {
        JoinPublisher(&publishers[i]);
    }
    CloseClient(&client);
}

static KDPC PublishDpc;
static KTIMER PublishTimer;
static ULONG PublishDpcRuns; /* on one timer: never two at a time */

static VOID NTAPI
PublishInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    for (ULONG i = 0; i < 3; i++) {
        Publish(i);
    }
    if (++PublishDpcRuns == *(ULONG *)Context) {
        KeCancelTimer(&PublishTimer);
    }
}

NT_TEST_SEEDS(ChannelRace, ADpcMayPublish, SEEDS)
{
    static ULONG runs = 10;
    static TEST_CLIENT client;
    TEST_PUBLISHER publisher;
    LARGE_INTEGER due = {.QuadPart = -10000};

    OpenClient(&client, 3 * RECORD_SIZE, 1 + (UINT32)(NtTestSeed() % 5),
               (UINT32)(NtTestSeed() % 3));
    KeInitializeDpc(&PublishDpc, PublishInDpc, &runs);
    KeInitializeTimerEx(&PublishTimer, SynchronizationTimer);
    KeSetTimerEx(&PublishTimer, due, 1, &PublishDpc);
    StartPublisher(&publisher, 20, FALSE);
    while (client.Records < 3 * runs + 20) {
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    JoinPublisher(&publisher);
    KeFlushQueuedDpcs();
    CloseClient(&client);
}

/* ---- closing ---- */

NT_TEST_SEEDS(ChannelRace, ClosingWhileOthersPublishLeavesNothing, SEEDS)
{
    static TEST_CLIENT client;
    TEST_PUBLISHER publishers[2];

    OpenClient(&client, 2 * RECORD_SIZE, 1 + (UINT32)(NtTestSeed() % 3), 1);
    StartPublisher(&publishers[0], 20, FALSE);
    StartPublisher(&publishers[1], 20, TRUE);
    NextRead(&client);
    CloseClient(&client);
    JoinPublisher(&publishers[0]);
    JoinPublisher(&publishers[1]);
    /* The tear-down checks that no block of the channel's is left. */
}

static void
CloseHandleOf(void *Context)
{
    TEST_CLIENT *client = Context;

    NT_EXPECT_STATUS(Nt->NtClose(client->Device), STATUS_SUCCESS);
}

/* A read that comes while the handle is closed is refused, cancelled or answered: never stuck. */
NT_TEST_SEEDS(ChannelRace, AReadDuringTheCloseComesBack, SEEDS)
{
    static TEST_CLIENT client;
    TEST_PUBLISHER publisher;
    HALP_THREAD *closer;

    PrepareClient(&client, 2 * RECORD_SIZE, 1, 0);
    StartPublisher(&publisher, 3, FALSE);
    closer = RunClientThread(CloseHandleOf, &client);
    NT_FOR_EACH (read, client.Reads) {
        NTSTATUS status = StartRead(&client, read);

        if (status == STATUS_PENDING) {
            AwaitRead(read);
            status = read->Iosb.Status;
        }
        NT_EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED ||
                       status == STATUS_INVALID_HANDLE);
    }
    HalpWaitThreadEnd(closer);
    JoinPublisher(&publisher);
    CloseEvents(&client);
}

static void
CloseAfterTheFlush(void *Context)
{
    TEST_CLIENT *client = Context;

    AwaitRead(&client->Reads[0]);
    CloseHandleOf(Context);
}

static void
PublishAfterTheFlush(void *Context)
{
    TEST_CLIENT *client = Context;

    AwaitRead(&client->Reads[0]);
    for (UINT64 i = 0; i < 8; i++) {
        Publish(i);
    }
}

/*
 * The timer's DPC has just completed a read. While it looks at the reader once more, others set
 * the timer again, and close the handle.
 */
NT_TEST_SEEDS(ChannelRace, TheFlushTimerEndsWithTheHandle, 2 * SEEDS)
{
    static TEST_CLIENT client;
    HALP_THREAD *closer;
    HALP_THREAD *publisher;

    OpenClient(&client, 4 * RECORD_SIZE, 100, 1);
    publisher = RunClientThread(PublishAfterTheFlush, &client);
    closer = RunClientThread(CloseAfterTheFlush, &client);
    Publish(1);
    HalpWaitThreadEnd(closer);
    HalpWaitThreadEnd(publisher);
    SimAdvance(3 * MILLISECOND);
    NT_FOR_EACH (read, client.Reads) {
        AwaitRead(read);
    }
    CloseEvents(&client);
}

typedef struct SECOND_READER {
    ULONG Rounds;
    TEST_CLIENT Client;
} SECOND_READER;

static void
OpenReadClose(void *Context)
{
    SECOND_READER *second = Context;

    for (ULONG i = 0; i < second->Rounds; i++) {
        OpenClient(&second->Client, 3 * RECORD_SIZE, 1, 1);
        second->Client.MaySkip = TRUE;
        if (i % 2 == 0) {
            NextRead(&second->Client);
        }
        CloseClient(&second->Client);
    }
}

NT_TEST_SEEDS(ChannelRace, AReaderThatClosesDoesNotDisturbAnother, SEEDS)
{
    enum { RECORDS = 40 };
    static TEST_CLIENT client;
    static SECOND_READER second = {.Rounds = 3};
    TEST_PUBLISHER publishers[2];
    HALP_THREAD *thread;

    OpenClient(&client, 3 * RECORD_SIZE, 1 + (UINT32)(NtTestSeed() % 4), 1);
    thread = RunClientThread(OpenReadClose, &second);
    StartPublisher(&publishers[0], RECORDS, FALSE);
    StartPublisher(&publishers[1], RECORDS, TRUE);
    while (client.Records < 2 * RECORDS) {
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    JoinPublisher(&publishers[0]);
    JoinPublisher(&publishers[1]);
    HalpWaitThreadEnd(thread);
    CloseClient(&client);
}

/* ---- cancelling ---- */

NT_TEST_SEEDS(ChannelRace, CancellingReadsLosesNoRecord, SEEDS)
{
    enum { RECORDS = 60 };
    static TEST_CLIENT client;
    TEST_PUBLISHER publisher;
    IO_STATUS_BLOCK iosb;

    OpenClient(&client, 2 * RECORD_SIZE, 1, 0);
    client.MayCancel = TRUE;
    StartPublisher(&publisher, RECORDS, FALSE);
    while (client.Records < RECORDS) {
        TEST_READ *read = &client.Reads[client.First];

        Nt->NtCancelIoFileEx(client.Device, &read->Iosb, &iosb);
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    JoinPublisher(&publisher);
    CloseClient(&client);
}

static void
CancelAgainAndAgain(void *Context)
{
    TEST_CLIENT *client = Context;
    IO_STATUS_BLOCK iosb;

    for (ULONG i = 0; i < 30; i++) {
        Nt->NtCancelIoFileEx(client->Device, NULL, &iosb);
        HalpYield();
    }
}

/* Reads of many slices: the cancel finds them being filled, and then comes too late. */
NT_TEST_SEEDS(ChannelRace, ACancelDoesNotReachAReadThatIsBeingFilled, SEEDS)
{
    enum { RECORDS = 1500 };
    static TEST_CLIENT client;
    HALP_THREAD *canceller;

    for (UINT64 i = 0; i < RECORDS; i++) {
        Publish(i);
    }
    PrepareClient(&client, 20u * 1024u, 1, 0);
    client.MayCancel = TRUE;
    canceller = RunClientThread(CancelAgainAndAgain, &client);
    for (ULONG i = 0; i < TEST_READS; i++) {
        PendRead(&client, i);
    }
    while (client.Records < RECORDS) {
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    HalpWaitThreadEnd(canceller);
    CloseClient(&client);
}

/* ---- options ---- */

static void
ChangeOptions(void *Context)
{
    TEST_CLIENT *client = Context;

    for (UINT32 i = 0; i < 8; i++) {
        UINT32 flags = client->MaySkip && i % 2 == 0 ? CHANNEL_OPTION_SKIP_KEPT : 0;

        NT_EXPECT_STATUS(SetOptions(client, i % 3 == 0 ? 65536 : 1 + i, i % 2, flags),
                         STATUS_SUCCESS);
        HalpYield();
    }
    /* Whatever waits is delivered in the end. */
    NT_EXPECT_STATUS(SetOptions(client, 1, 0, 0), STATUS_SUCCESS);
}

NT_TEST_SEEDS(ChannelRace, OptionsMayChangeWhileReadsArePended, SEEDS)
{
    enum { RECORDS = 60 };
    static TEST_CLIENT client;
    TEST_PUBLISHER publisher;
    HALP_THREAD *changer;

    OpenClient(&client, 3 * RECORD_SIZE, 1, 0);
    changer = RunClientThread(ChangeOptions, &client);
    StartPublisher(&publisher, RECORDS, FALSE);
    while (client.Records < RECORDS) {
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    HalpWaitThreadEnd(changer);
    JoinPublisher(&publisher);
    CloseClient(&client);
}

NT_TEST_SEEDS(ChannelRace, SkippingWhileReadsAreAnsweredNeverGoesBack, SEEDS)
{
    enum { RECORDS = 60 };
    static TEST_CLIENT client;
    TEST_PUBLISHER publisher;
    HALP_THREAD *changer;

    OpenClient(&client, 3 * RECORD_SIZE, 1, 0);
    client.MaySkip = TRUE;
    changer = RunClientThread(ChangeOptions, &client);
    StartPublisher(&publisher, RECORDS, FALSE);
    HalpWaitThreadEnd(changer);
    JoinPublisher(&publisher);
    Publish(RECORDS);
    while (client.NextSequence <= RECORDS + 1) {
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    CloseClient(&client);
}
