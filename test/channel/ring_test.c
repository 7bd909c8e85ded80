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
#define SMALLEST_READ ((ULONG)(sizeof(CHANNEL_RECORD) + sizeof(CHANNEL_GAP)))

typedef struct PUBLISHED {
    ULONG Size;     /* of the record, not aligned */
    UINT64 End;     /* bytes of all records so far, each aligned */
    UINT64 Missing; /* a gap record's count; 0: no gap record */
    ULONG Reason;
} PUBLISHED;

static PUBLISHED List[MAX_PUBLISHED + 1]; /* by sequence number */
static UINT64 Last;
static UINT64 Missing[ChannelGapReasons]; /* sums of the gap records published */
static UINT64 Told[ChannelGapReasons];    /* sums of the gap records read */
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
NoteNext(ULONG Size, ULONG Reason, UINT64 Count)
{
    Last++;
    List[Last].Size = Size;
    List[Last].End = List[Last - 1].End + CHANNEL_ALIGN(Size);
    List[Last].Missing = Count;
    List[Last].Reason = Reason;
    Missing[Reason] += Count;
}

static void
PublishGap(void)
{
    static const CHANNEL_GAP_REASON reasons[] = {ChannelGapNoMemory, ChannelGapSource};
    CHANNEL_GAP_REASON reason = reasons[Choose(2)];
    UINT64 count = 1 + Choose(1000);

    NoteNext(sizeof(CHANNEL_RECORD) + sizeof(CHANNEL_GAP), reason, count);
    ChannelPublishGap(TestChannel, reason, 0, count);
}

static void
PublishRecord(void)
{
    ULONG size = ChooseSize();
    ULONG cut = Choose(size + 1);
    CHANNEL_PART parts[2] = {{Payload, cut}, {Payload + cut, size - cut}};

    NoteNext(size + (ULONG)sizeof(CHANNEL_RECORD), 0, 0);
    for (ULONG i = 0; i < size; i++) {
        Payload[i] = PayloadByte(Last, i);
    }
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
        NT_ASSERT(gap->Reason < ChannelGapReasons);
        Told[gap->Reason] += gap->Count;
        if (gap->Reason == ChannelGapOverrun) {
            NT_EXPECT_EQ(gap->Count, gap->Span);
        }
        if (gap->Reason == ChannelGapOverrun || gap->Span > 1) {
            CheckOverwritten(Record->Sequence, gap->Span);
        }
        return;
    }
    NT_EXPECT_EQ(List[Record->Sequence].Missing, 0);
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

    Client->Length = SMALLEST_READ + Choose(TEST_BUFFER - SMALLEST_READ);
    PendRead(Client, 0);
    AwaitRead(read);
    if (read->Iosb.Status == STATUS_BUFFER_TOO_SMALL) {
        NT_EXPECT_EQ(read->Iosb.Information, 0);
        NT_EXPECT_TRUE(Client->Length < LARGEST);
        return;
    }
    TakeRead(Client, read);
}

/* Every record was read or overrun, and every count of a gap was told, overwritten or not. */
static void
CheckLosses(const TEST_CLIENT *Client)
{
    UINT64 records = 0;

    for (UINT64 i = 1; i <= Last; i++) {
        records += List[i].Missing == 0;
    }
    NT_EXPECT_EQ(Client->Records + Told[ChannelGapOverrun], records);
    NT_EXPECT_EQ(Told[ChannelGapNoMemory], Missing[ChannelGapNoMemory]);
    NT_EXPECT_EQ(Told[ChannelGapSource], Missing[ChannelGapSource]);
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
            if (Choose(6) == 0) {
                PublishGap();
            } else {
                PublishRecord();
            }
        }
        if (client.NextSequence <= Last && Choose(burst + 1) == 0) {
            ReadOnce(&client);
        }
    }
    while (client.NextSequence <= Last) {
        ReadOnce(&client);
    }
    NT_EXPECT_EQ(client.NextSequence, Last + 1);
    CheckLosses(&client);
    Nt->NtClose(client.Device);
    CloseEvents(&client);
}
