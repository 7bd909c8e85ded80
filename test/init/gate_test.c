/* SPDX-License-Identifier: MIT
 *
 * gate_test.c - the system-call gate: modes, frames, foreign threads, bad returns
 */
#include "ps/psp.h"
#include "kernel_test.h"
#include "ntbox/eh.h"

void
NtTestSetUp(void)
{
    KernelTestStart();
}

void
NtTestTearDown(void)
{
    InitpStopSystem();
}

#define CALL(name) InitpSystemCalls.name

NT_TEST(Gate, TableIsCompleteAndVersioned)
{
    NT_EXPECT_EQ(InitpSystemCalls.Version, NTBOX_GATE_VERSION);
    NT_EXPECT_EQ(InitpSystemCalls.Size, sizeof(InitpSystemCalls));
#define X(name, parameters, arguments) NT_EXPECT_TRUE(InitpSystemCalls.name != NULL);
    NTBOX_SYSTEM_SERVICES(X)
#undef X
}

NT_TEST(Gate, ServicesRunInUserModeAndTheThreadIsAsBefore)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    KPROCESSOR_MODE before = thread->Tcb.PreviousMode;
    LARGE_INTEGER time = {.QuadPart = 0};
    int frame;
    void *frames = NtcrtExchangeFrames(&frame);

    NT_EXPECT_STATUS(CALL(NtQuerySystemTime)(&time), STATUS_SUCCESS);
    NT_EXPECT_EQ(time.QuadPart, (LONGLONG)HalpSystemTime());
    /* An address of the kernel is refused, because the call comes from user mode. */
    NT_EXPECT_STATUS(CALL(NtQuerySystemTime)((PLARGE_INTEGER)ExpKernelBase),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(thread->Tcb.PreviousMode, before);
    NT_EXPECT_EQ(thread->InSystemCall, 0);
    NT_EXPECT_EQ(NtcrtExchangeFrames(frames), &frame);
}

NT_TEST(Gate, HandlesAreTheClients)
{
    HANDLE handle;

    NT_EXPECT_STATUS(CALL(NtClose)(ULongToHandle(0x1234)), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(CALL(NtCreateEvent)(&handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(PspClientProcess->HandleTable), 1);
    NT_EXPECT_STATUS(CALL(NtSetEvent)(handle, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtWaitForSingleObject)(handle, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtClose)(handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(PspClientProcess->HandleTable), 0);
}

static void
ForeignThread(void *Context)
{
    *(NTSTATUS *)Context = CALL(NtClose)(ULongToHandle(0x1234));
}

NT_TEST_SEEDS(Gate, ForeignThreadsJoinAtTheirFirstCall, 10)
{
    NTSTATUS status[3] = {0};
    HALP_THREAD *thread[3];

    for (int i = 0; i < 3; ++i) {
        NT_EXPECT_EQ(HalpCreateThread(&thread[i], "foreign", ForeignThread, &status[i]), HALP_OK);
    }
    for (int i = 0; i < 3; ++i) {
        HalpWaitThreadEnd(thread[i]);
        NT_EXPECT_STATUS(status[i], STATUS_INVALID_HANDLE);
    }
}

NT_TEST(Gate, ReturnInACriticalRegionIsABugcheckThatNamesTheService)
{
    SimTakeLog();
    KeEnterCriticalRegion();
    NT_EXPECT_BUGCHECK(APC_INDEX_MISMATCH, CALL(NtClose)(ULongToHandle(0x1234)));
    NT_EXPECT_CONTAINS(SimTakeLog(), "NtClose returns to user mode with 1 critical");
}

/* ---- drivers through the gate ---- */

NT_TEST(Gate, DriversAreLoadedAndUnloadedByPathAndName)
{
    NT_EXPECT_STATUS(CALL(NtboxLoadDriver)(DRIVER("good")), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtboxUnloadDriver)("GOOD"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtboxUnloadDriver)("good"), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(CALL(NtboxLoadDriver)((const char *)ExpKernelBase), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(CALL(NtboxLoadDriver)(NULL), STATUS_ACCESS_VIOLATION);
}

static NTSTATUS
ClientThread(PVOID Context)
{
    HANDLE *handle = Context;

    CALL(NtWaitForSingleObject)(*handle, FALSE, NULL);
    CALL(NtboxTerminateCurrentThread)(5);
    return 6;
}

NT_TEST_SEEDS(Gate, ClientThreadsEndInsideASystemCall, 10)
{
    NTSTATUS exitStatus;
    HANDLE event;
    HANDLE thread;

    CALL(NtCreateEvent)(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(
        CALL(NtboxCreateThread)(&thread, (PVOID)(ULONG_PTR)ClientThread, &event, FALSE, NULL),
        STATUS_SUCCESS);
    CALL(NtSetEvent)(event, NULL);
    NT_EXPECT_STATUS(CALL(NtWaitForSingleObject)(thread, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtboxQueryThread)(thread, NULL, &exitStatus), STATUS_SUCCESS);
    NT_EXPECT_EQ(exitStatus, 5);
    CALL(NtClose)(thread);
    CALL(NtClose)(event);
}
