/* SPDX-License-Identifier: MIT
 *
 * test/channel/ring_test.c - records of all sizes around the ring, against a list of what was
 * published
 *
 * A record's payload follows from its sequence number, so the reader can check every byte of what
 * it gets. What it does not get must be in a gap record, and must have been overwritten.
 */
#include "channel_test.h"

#define STEPS 1500u
#define MAX_PUBLISHED (STEPS * 4u)
#define LARGEST (TEST_RING / 2u)

typedef struct PUBLISHED {
    ULONG Size; /* of the record, not aligned */
    UINT64 End; /* bytes of all records so far, each aligned */
} PUBLISHED;

static PUBLISHED List[MAX_PUBLISHED + 1]; /* by sequence number */
static UINT64 Last;
static UINT64 Random;
static UCHAR Payload[TEST_RING];

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

static ULONG
Choose(ULONG Limit)
{
    Random = Random * 6364136223846793005ull + 1442695040888963407ull;
    return (ULONG)((Random >> 33) % Limit);
}

static UCHAR
PayloadByte(UINT64 Sequence, ULONG Offset)
{
    return (UCHAR)(Sequence * 131 + Offset * 7);
}

/* Mostly small; some cross the ring's end in every way there is, some fill half of the ring. */
static ULONG
ChooseSize(void)
{
    switch (Choose(8)) {
    case 0:
        return 0;
    case 1:
        return Choose(16);
    case 2:
        return Choose(TEST_RING / 3);
    case 3:
        return LARGEST - sizeof(CHANNEL_RECORD) - Choose(16);
    default:
        return Choose(300);
    }
}

static void
PublishNext(void)
{
    ULONG size = ChooseSize();
    ULONG cut = Choose(size + 1);
    CHANNEL_PART parts[2] = {{Payload, cut}, {Payload + cut, size - cut}};

    Last++;
    for (ULONG i = 0; i < size; i++) {
        Payload[i] = PayloadByte(Last, i);
    }
    List[Last].Size = size + (ULONG)sizeof(CHANNEL_RECORD);
    List[Last].End = List[Last - 1].End + CHANNEL_ALIGN(List[Last].Size);
    ChannelPublish(TestChannel, TEST_PAYLOAD_TYPE, 0, parts, 2);
}

/* The records First .. Last cannot all have been kept: with them the ring would be overfull. */
static void
CheckOverwritten(UINT64 First, UINT64 Count)
{
    UINT64 newest = First + Count - 1;

    NT_EXPECT_TRUE(newest <= Last);
    /* At the ring's end, up to a record's size may stay unused. */
    NT_EXPECT_TRUE(List[Last].End - List[newest - 1].End + LARGEST > TEST_RING);
}

static void
CheckRecord(TEST_CLIENT *Client, const CHANNEL_RECORD *Record)
{
    const CHANNEL_GAP *gap = (const CHANNEL_GAP *)(Record + 1);
    const UCHAR *payload = (const UCHAR *)(Record + 1);

    if (Record->Type == CHANNEL_TYPE_GAP) {
        NT_EXPECT_EQ(gap->Reason, ChannelGapOverrun);
        NT_EXPECT_EQ(gap->Reserved, 0);
        CheckOverwritten(Record->Sequence, gap->Count);
        return;
    }
    NT_EXPECT_TRUE(Record->Sequence <= Last);
    NT_EXPECT_EQ(Record->Size, List[Record->Sequence].Size);
    for (ULONG i = 0; i < Record->Size - sizeof(*Record); i++) {
        NT_EXPECT_EQ(payload[i], PayloadByte(Record->Sequence, i));
    }
}

/* One read: what it brings is checked by CheckRecord. */
static void
ReadOnce(TEST_CLIENT *Client)
{
    TEST_READ *read = &Client->Reads[0];

    Client->Length = 40 + Choose(TEST_BUFFER - 40);
    PendRead(Client, 0);
    AwaitRead(read);
    if (read->Iosb.Status == STATUS_BUFFER_TOO_SMALL) {
        NT_EXPECT_EQ(read->Iosb.Information, 0);
        NT_EXPECT_TRUE(Client->Length < LARGEST);
        return;
    }
    TakeRead(Client, read);
}

NT_TEST_SEEDS(ChannelRing, EveryRecordIsReadOrCountedAsLost, 50)
{
    static TEST_CLIENT client;
    ULONG burst = 1 + (ULONG)(NtTestSeed() % 4);

    Random = NtTestSeed();
    PrepareClient(&client, TEST_BUFFER, 1, 0);
    client.Check = CheckRecord;
    for (ULONG i = 0; i < STEPS; i++) {
        for (ULONG count = Choose(burst + 1); count > 0; count--) {
            PublishNext();
        }
        if (client.NextSequence <= Last && Choose(burst + 1) == 0) {
            ReadOnce(&client);
        }
    }
    while (client.NextSequence <= Last) {
        ReadOnce(&client);
    }
    NT_EXPECT_EQ(client.NextSequence, Last + 1);
    NT_EXPECT_EQ(client.Records + client.Lost, Last);
    Nt->NtClose(client.Device);
    CloseEvents(&client);
}
