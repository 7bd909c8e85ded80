/* SPDX-License-Identifier: MIT
 *
 * test/channel/channel_test.c - the channel's driver half, read as a program would
 */
#include "channel_test.h"

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

/* ---- delivery ---- */

NT_TEST(Channel, ARecordPublishedBeforeTheFirstReaderIsKept)
{
    static TEST_CLIENT client;

    Publish(1);
    OpenClient(&client, 1024, 1, 0);
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 1);
    CloseClient(&client);
}

NT_TEST(Channel, RecordsThatWaitCompleteOneReadTogether)
{
    static TEST_CLIENT client;

    for (UINT64 i = 0; i < 10; i++) {
        Publish(i);
    }
    OpenClient(&client, 1024, 10, 1000);
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 10);
    NT_EXPECT_EQ(client.Completed, 1);
    CloseClient(&client);
}

NT_TEST(Channel, AFullBatchCompletesWithoutTheTimer)
{
    static TEST_CLIENT client;

    OpenClient(&client, 1024, 3, 1000);
    Publish(1);
    Publish(2);
    NT_EXPECT_FALSE(IsReadDone(&client, 0));
    Publish(3);
    NT_EXPECT_TRUE(IsReadDone(&client, 0));
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 3);
    CloseClient(&client);
}

NT_TEST(Channel, TheFlushTimeCompletesAPartOfABatch)
{
    static TEST_CLIENT client;

    OpenClient(&client, 1024, 100, 20);
    Publish(1);
    SimAdvance(19 * 1000000ull);
    NT_EXPECT_FALSE(IsReadDone(&client, 0));
    SimAdvance(2 * 1000000ull);
    NT_EXPECT_TRUE(IsReadDone(&client, 0));
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 1);
    CloseClient(&client);
}

NT_TEST(Channel, EachReaderGetsEveryRecord)
{
    static TEST_CLIENT one;
    static TEST_CLIENT two;

    OpenClient(&one, 1024, 1, 0);
    OpenClient(&two, 1024, 2, 1000);
    Publish(1);
    Publish(2);
    while (one.Records < 2) {
        NextRead(&one);
    }
    while (two.Records < 2) {
        NextRead(&two);
    }
    NT_EXPECT_EQ(two.Completed, 1);
    CloseClient(&one);
    CloseClient(&two);
}

NT_TEST(Channel, AReaderMaySkipWhatWasKept)
{
    static TEST_CLIENT client;

    OpenClient(&client, 1024, 100, 10000);
    Publish(1);
    NT_EXPECT_STATUS(SetOptions(&client, 1, 0, CHANNEL_OPTION_SKIP_KEPT), STATUS_SUCCESS);
    client.NextSequence = 2;
    Publish(2);
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 1);
    NT_EXPECT_EQ(client.Lost, 0);
    CloseClient(&client);
}

/* ---- loss ---- */

NT_TEST(Channel, ASlowReaderIsToldExactlyWhatItLost)
{
    static TEST_CLIENT client;
    const UINT64 published = 3 * TEST_RING / RECORD_SIZE;

    for (UINT64 i = 0; i < published; i++) {
        Publish(i);
    }
    OpenClient(&client, 1024, 1, 0);
    /* It begins at the oldest record kept: nothing before that was ever its own. */
    client.NextSequence = ((CHANNEL_RECORD *)client.Reads[0].Buffer)->Sequence;
    NT_EXPECT_TRUE(client.NextSequence > 1);
    while (client.NextSequence <= published) {
        NextRead(&client);
    }
    NT_EXPECT_EQ(client.Lost, 0);
    /* All reads are pended and empty. Fill them, then overrun the reader. */
    for (UINT64 i = 0; i < published; i++) {
        Publish(i);
    }
    client.Records = 0;
    while (client.NextSequence <= 2 * published) {
        NextRead(&client);
    }
    NT_EXPECT_TRUE(client.Lost > 0);
    NT_EXPECT_EQ(client.Records + client.Lost, published);
    CloseClient(&client);
}

NT_TEST(Channel, ARecordMayHaveEmptyPartsOrNone)
{
    static TEST_CLIENT client;
    UINT64 value = 7;
    CHANNEL_PART parts[3] = {{NULL, 0}, {&value, sizeof(value)}, {NULL, 0}};

    ChannelPublish(TestChannel, TEST_PAYLOAD_TYPE, 0, parts, 3);
    ChannelPublish(TestChannel, TEST_PAYLOAD_TYPE, 0, NULL, 0);
    OpenClient(&client, 1024, 2, 0);
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 2);
    CloseClient(&client);
}

NT_TEST(Channel, ARecordThatIsTooLargeBecomesAGap)
{
    static TEST_CLIENT client;
    static UCHAR large[TEST_RING];
    CHANNEL_PART part = {large, sizeof(large)};
    const CHANNEL_GAP *gap;

    OpenClient(&client, 1024, 1, 0);
    ChannelPublish(TestChannel, TEST_PAYLOAD_TYPE, 0, &part, 1);
    gap = (const CHANNEL_GAP *)(client.Reads[0].Buffer + sizeof(CHANNEL_RECORD));
    NT_EXPECT_TRUE(IsReadDone(&client, 0));
    NT_EXPECT_EQ(gap->Reason, ChannelGapTooLarge);
    NextRead(&client);
    NT_EXPECT_EQ(client.Lost, 1);
    CloseClient(&client);
}

NT_TEST(Channel, ALossAtTheSourceIsToldInItsPlace)
{
    static TEST_CLIENT client;

    Publish(1);
    ChannelPublishGap(TestChannel, ChannelGapSource, 0, 5);
    Publish(2);
    OpenClient(&client, 1024, 1, 0);
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 2);
    NT_EXPECT_EQ(client.Lost, 5);
    CloseClient(&client);
}

NT_TEST(Channel, StatisticsAddUp)
{
    static TEST_CLIENT client;
    CHANNEL_STATISTICS statistics;

    OpenClient(&client, 1024, 1, 0);
    Publish(1);
    ChannelPublishGap(TestChannel, ChannelGapSource, 0, 3);
    NextRead(&client);
    NextRead(&client);
    QueryStatistics(&client, &statistics);
    NT_EXPECT_EQ(statistics.Published, 2);
    NT_EXPECT_EQ(statistics.Delivered, 1);
    NT_EXPECT_EQ(statistics.Reads, 2);
    NT_EXPECT_EQ(statistics.Lost[ChannelGapSource], 3);
    NT_EXPECT_EQ(statistics.Lost[ChannelGapOverrun], 0);
    NT_EXPECT_EQ(statistics.Capacity, TEST_RING);
    CloseClient(&client);
}

/* ---- bad input ---- */

NT_TEST(Channel, AReadTooSmallForTheNextRecordFailsAndLosesNothing)
{
    static TEST_CLIENT client;
    static UCHAR payload[512];
    CHANNEL_PART part = {payload, sizeof(payload)};
    CHANNEL_STATISTICS statistics;

    OpenClient(&client, 64, 1, 0);
    ChannelPublish(TestChannel, TEST_PAYLOAD_TYPE, 0, &part, 1);
    NT_FOR_EACH (read, client.Reads) {
        AwaitRead(read);
        NT_EXPECT_STATUS(read->Iosb.Status, STATUS_BUFFER_TOO_SMALL);
        NT_EXPECT_EQ(read->Iosb.Information, 0);
    }
    QueryStatistics(&client, &statistics);
    NT_EXPECT_EQ(statistics.Reads, 0);
    client.Length = 1024;
    for (ULONG i = 0; i < TEST_READS; i++) {
        PendRead(&client, i);
    }
    NextRead(&client);
    NT_EXPECT_EQ(client.Records, 1);
    CloseClient(&client);
}

NT_TEST(Channel, ALengthBelowAGapRecordIsRefused)
{
    static TEST_CLIENT client;
    static const ULONG lengths[] = {0, 1, sizeof(CHANNEL_RECORD),
                                    sizeof(CHANNEL_RECORD) + sizeof(CHANNEL_GAP) - 1};

    PrepareClient(&client, 1024, 1, 0);
    NT_FOR_EACH (length, lengths) {
        client.Length = *length;
        NT_EXPECT_STATUS(StartRead(&client, &client.Reads[0]), STATUS_BUFFER_TOO_SMALL);
    }
    NT_EXPECT_STATUS(Nt->NtClose(client.Device), STATUS_SUCCESS);
    CloseEvents(&client);
}

NT_TEST(Channel, OptionsOutOfRangeAreRefused)
{
    static TEST_CLIENT client;

    OpenClient(&client, 1024, 1, 0);
    NT_EXPECT_STATUS(SetOptions(&client, 0, 0, 0), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(SetOptions(&client, 65537, 0, 0), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(SetOptions(&client, 1, 60001, 0), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(SetOptions(&client, 1, 0, 2), STATUS_INVALID_PARAMETER);
    CloseClient(&client);
}
