/* SPDX-License-Identifier: MIT
 *
 * test/channel/memory_test.c - memory runs out, at every allocation in turn
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
    SimSetFaultPlan(NULL, 0);
    TestStop();
}

static ULONG64
BlocksInUse(void)
{
    EXP_POOL_STATISTICS statistics;

    ExpQueryPoolStatistics(&statistics);
    return statistics.BlocksInUse;
}

NT_TEST(ChannelMemory, CreateFailsWholly)
{
    ULONG64 before = BlocksInUse();
    ULONG failures = 0;
    CHANNEL *channel;

    for (;;) {
        channel = (CHANNEL *)&failures;
        SimSetFaultPlan(NULL, failures + 1);
        if (ChannelCreate(TEST_RING, TEST_TAG, &channel) == STATUS_SUCCESS) {
            break;
        }
        NT_EXPECT_EQ(channel, &failures);
        NT_EXPECT_EQ(BlocksInUse(), before);
        failures++;
    }
    NT_EXPECT_EQ(failures, 2);
    ChannelDelete(channel);
    NT_EXPECT_EQ(BlocksInUse(), before);
}

NT_TEST(ChannelMemory, OpenFailsWithoutALeak)
{
    HANDLE device;
    ULONG64 before;
    ULONG failures = 0;
    NTSTATUS status;

    /* What the first open makes for good is not counted. */
    NT_EXPECT_STATUS(OpenDevice(&device), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Nt->NtClose(device), STATUS_SUCCESS);
    before = BlocksInUse();
    for (;;) {
        SimSetFaultPlan(NULL, failures + 1);
        status = OpenDevice(&device);
        if (status == STATUS_SUCCESS) {
            break;
        }
        SimSetFaultPlan(NULL, 0);
        NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
        NT_EXPECT_EQ(BlocksInUse(), before);
        failures++;
    }
    NT_EXPECT_TRUE(failures >= 2); /* the reader, and the file object before it */
    NT_EXPECT_STATUS(Nt->NtClose(device), STATUS_SUCCESS);
    NT_EXPECT_EQ(BlocksInUse(), before);
}

NT_TEST(ChannelMemory, AReadThatCannotBeMadeLeavesTheRecordsToTheNext)
{
    static TEST_CLIENT client;
    ULONG64 before;
    ULONG failures = 0;
    NTSTATUS status;

    Publish(1);
    Publish(2);
    PrepareClient(&client, 2 * RECORD_SIZE, 2, 0);
    before = BlocksInUse();
    for (;;) {
        SimSetFaultPlan(NULL, failures + 1);
        status = StartRead(&client, &client.Reads[0]);
        if (status == STATUS_PENDING) {
            break;
        }
        SimSetFaultPlan(NULL, 0);
        NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
        NT_EXPECT_EQ(BlocksInUse(), before);
        failures++;
    }
    NT_EXPECT_TRUE(failures >= 1);
    AwaitRead(&client.Reads[0]);
    TakeRead(&client, &client.Reads[0]);
    NT_EXPECT_EQ(client.Records, 2);
    NT_EXPECT_STATUS(Nt->NtClose(client.Device), STATUS_SUCCESS);
    CloseEvents(&client);
}
