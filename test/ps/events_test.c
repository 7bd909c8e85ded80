/* SPDX-License-Identifier: MIT
 *
 * events_test.c - the thread that reads the machine's events: order, removal during calls, the end
 */
#include "ps/psp.h"
#include "ps_test.h"
#include "ps_seen.h"

void
NtTestSetUp(void)
{
    PsTestStart(FALSE);
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

NT_TEST_SEEDS(Events, EventsArriveInOrderThroughTheEventThread, 30)
{
    HALP_EVENT events[] = {
        PsTestCreate(100, 50, "/bin/a", "a"), PsTestImage(100, "/bin/a", 0x1000, 0x1000),
        PsTestCreate(101, 100, "/bin/b", "b"), PsTestExit(101, 0), PsTestExit(100, 0)};

    PsSetLoadImageNotifyRoutine(OnImage);
    PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    NT_FOR_EACH (event, events) {
        SimInjectEvent(event);
    }
    SimRunUntilIdle();
    NT_EXPECT_STR(Seen, "create 100<50 in 50.51;image /bin/a in 100/100 at 1000+1000;"
                        "create 101<100 in 100.101;exit 101<100 in 101.101;"
                        "exit 100<50 in 100.100;");
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
    PsRemoveLoadImageNotifyRoutine(OnImage);
}

/* A routine that is slow in the simulator's sense, and tells when it runs after its removal. */
static LONG Removed;
static LONG CallsAfterRemoval;
static LONG Calls;

static VOID NTAPI
SlowRoutine(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
    __atomic_fetch_add(&Calls, 1, __ATOMIC_SEQ_CST);
    SimSchedulingPoint();
    SimSchedulingPoint();
    if (__atomic_load_n(&Removed, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_add(&CallsAfterRemoval, 1, __ATOMIC_SEQ_CST);
    }
}

NT_TEST_SEEDS(Events, RemovalWaitsForCallsInProgress, 200)
{
    for (ULONG round = 0; round < 4; ++round) {
        __atomic_store_n(&Removed, FALSE, __ATOMIC_SEQ_CST);
        NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(SlowRoutine, FALSE), STATUS_SUCCESS);
        for (ULONG i = 0; i < 3; ++i) {
            HALP_EVENT create = PsTestCreate(100 + i, 50, "/bin/a", NULL);
            SimInjectEvent(&create);
        }
        NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(SlowRoutine, TRUE), STATUS_SUCCESS);
        __atomic_store_n(&Removed, TRUE, __ATOMIC_SEQ_CST);
        SimRunUntilIdle();
        NT_EXPECT_EQ(__atomic_load_n(&CallsAfterRemoval, __ATOMIC_SEQ_CST), 0);
    }
}

NT_TEST_SEEDS(Events, RemovalOfOneLeavesTheOther, 50)
{
    HALP_EVENT create = PsTestCreate(100, 50, "/bin/a", NULL);
    HALP_EVENT exit = PsTestExit(100, 0);

    PsSetCreateProcessNotifyRoutine(SlowRoutine, FALSE);
    PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    SimInjectEvent(&create);
    PsSetCreateProcessNotifyRoutine(SlowRoutine, TRUE);
    __atomic_store_n(&Removed, TRUE, __ATOMIC_SEQ_CST);
    SimInjectEvent(&exit);
    SimRunUntilIdle();
    NT_EXPECT_STR(Seen, "create 100<50 in 50.51;exit 100<50 in 100.100;");
    NT_EXPECT_EQ(CallsAfterRemoval, 0);
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
}

NT_TEST(Events, SourceIsNamedAndForgottenWithTheLastRoutine)
{
    HALP_EVENT create = PsTestCreate(100, 50, "/bin/a", NULL);
    PEPROCESS process;

    SimTakeLog();
    PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    NT_EXPECT_CONTAINS(SimTakeLog(), "ntbox: machine events from simulated");
    SimInjectEvent(&create);
    SimRunUntilIdle();
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(ID(100), &process), STATUS_SUCCESS);
    ObDereferenceObject(process);
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(ID(100), &process), STATUS_INVALID_PARAMETER);
}

NT_TEST(Events, ManyProcessesLeaveNothingBehind)
{
    EXP_POOL_STATISTICS before;
    EXP_POOL_STATISTICS after;

    PspJoinEndedThreads();
    ExpQueryPoolStatistics(&before);
    PsSetCreateProcessNotifyRoutine(SlowRoutine, FALSE);
    for (ULONG i = 0; i < 500; ++i) {
        HALP_EVENT create = PsTestCreate(1000 + i, 999 + i, "/usr/bin/program", "program argument");
        HALP_EVENT exit = PsTestExit(1000 + i - 1, 0);
        SimInjectEvent(&create);
        if (i > 0) {
            SimInjectEvent(&exit);
        }
    }
    PsSetCreateProcessNotifyRoutine(SlowRoutine, TRUE);
    PspFreeDeliveryBuffers();
    PspJoinEndedThreads();
    ExpQueryPoolStatistics(&after);
    NT_EXPECT_EQ(after.BlocksInUse, before.BlocksInUse);
}

NT_TEST(Events, SourceThatCannotBeOpenedIsToldByALineAndToTheMachineRoutine)
{
    static const PSP_EVENT_OPTIONS impossible = {.Host = {.Source = 99}};

    PspSetEventOptions(&impossible);
    SimTakeLog();
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, FALSE), STATUS_SUCCESS);
    NT_EXPECT_CONTAINS(SimTakeLog(), "ntbox: no machine events: HalpOpenEvents: no such source");
    NT_EXPECT_STATUS(NtboxSetMachineNotifyRoutine(OnMachine, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STR(Seen, "unavailable 6;"); /* HALP_INVALID */
    NtboxSetMachineNotifyRoutine(OnMachine, TRUE);
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
}

NT_TEST_SEEDS(Events, LossesComeInOrderWithTheEventsAroundThem, 10)
{
    HALP_EVENT create = PsTestCreate(100, 50, "/bin/a", NULL);
    HALP_EVENT lost = {.Type = HALP_EVENT_LOST, .Lost = 3};
    HALP_EVENT exit = PsTestExit(100, 0);

    NtboxSetMachineNotifyRoutine(OnMachine, FALSE);
    PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    SimInjectEvent(&create);
    SimInjectEvent(&lost);
    SimInjectEvent(&exit);
    SimRunUntilIdle();
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
    NT_EXPECT_STR(Seen, "create 100<50 in 50.51;lost 3;exit 100<50 in 100.100;");
    NtboxSetMachineNotifyRoutine(OnMachine, TRUE);
}
