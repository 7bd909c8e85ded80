/* SPDX-License-Identifier: MIT
 *
 * apc_test.c - user APCs: which waits they end, in what order they are taken, and thread ends
 */
#include "ke_test.h"

typedef struct TEST_APC {
    KAPC Apc;
    ULONG Kernel;
    ULONG Rundown;
} TEST_APC;

static VOID NTAPI
OnKernel(PKAPC Apc, PKNORMAL_ROUTINE *Routine, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    BUMP(CONTAINING_RECORD(Apc, TEST_APC, Apc)->Kernel);
}

static VOID NTAPI
OnRundown(PKAPC Apc)
{
    BUMP(CONTAINING_RECORD(Apc, TEST_APC, Apc)->Rundown);
}

static VOID NTAPI
NormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    NT_FAIL("only the gate calls it");
}

static VOID
Prepare(TEST_APC *Apc, KTHREAD *Thread)
{
    memset(Apc, 0, sizeof(*Apc));
    KiInitializeUserApc(&Apc->Apc, Thread, OnKernel, OnRundown, NormalRoutine, Apc);
}

static NTSTATUS WaitStatus;
static TEST_APC *WaitSaw;

static void
WaitInUserMode(void *Event)
{
    KI_USER_CALL call;

    WaitStatus = KeWaitForSingleObject(Event, UserRequest, UserMode, TRUE, NULL);
    NT_EXPECT_EQ(KiGetCurrentThread()->UserApcPending, WaitStatus == STATUS_USER_APC);
    if (KiTakeUserApc(KiGetCurrentThread(), &call)) {
        WaitSaw = call.Context;
        NT_EXPECT_EQ(call.Argument1, 1);
        NT_EXPECT_EQ(call.Argument2, 2);
        NT_EXPECT_FALSE(KiTakeUserApc(KiGetCurrentThread(), &call));
    }
}

NT_TEST_SEEDS(KeApc, EndsAnAlertableUserWaitBeforeOrDuringIt, 20)
{
    TEST_THREAD thread;
    TEST_APC apc;
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    StartThread(&thread, WaitInUserMode, &event);
    Prepare(&apc, &thread.Tcb);
    NT_EXPECT_TRUE(KiQueueUserApc(&apc.Apc, (PVOID)1, (PVOID)2));
    JoinThread(&thread);
    NT_EXPECT_STATUS(WaitStatus, STATUS_USER_APC);
    NT_EXPECT_EQ(WaitSaw, &apc);
    NT_EXPECT_EQ(apc.Kernel, 1);
    NT_EXPECT_EQ(apc.Rundown, 0);
}

NT_TEST(KeApc, OtherWaitsAreNotEnded)
{
    static const struct {
        KPROCESSOR_MODE Mode;
        BOOLEAN Alertable;
        NTSTATUS Status;
    } rows[] = {
        {UserMode, FALSE, STATUS_TIMEOUT},
        {KernelMode, TRUE, STATUS_TIMEOUT},
        {KernelMode, FALSE, STATUS_TIMEOUT},
        {UserMode, TRUE, STATUS_USER_APC},
    };
    LARGE_INTEGER timeout = RelativeMs(5);
    KTHREAD *self = KiGetCurrentThread();
    KI_USER_CALL call;
    TEST_APC apc;
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    Prepare(&apc, self);
    NT_EXPECT_TRUE(KiQueueUserApc(&apc.Apc, NULL, NULL));
    NT_EXPECT_FALSE(KiQueueUserApc(&apc.Apc, NULL, NULL)); /* it is queued */
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(
            KeWaitForSingleObject(&event, UserRequest, row->Mode, row->Alertable, &timeout),
            row->Status);
        NT_EXPECT_EQ(self->UserApcPending, row->Status == STATUS_USER_APC);
    }
    NT_EXPECT_STATUS(KeDelayExecutionThread(UserMode, TRUE, &timeout), STATUS_USER_APC);
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    /* An object that is signaled is taken first. */
    NT_EXPECT_STATUS(KeWaitForSingleObject(&event, UserRequest, UserMode, TRUE, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(KiTakeUserApc(self, &call));
}

NT_TEST(KeApc, AreTakenOldestFirst)
{
    KTHREAD *self = KiGetCurrentThread();
    KI_USER_CALL call;
    TEST_APC apcs[3];

    NT_FOR_EACH (apc, apcs) {
        Prepare(apc, self);
        NT_EXPECT_TRUE(KiQueueUserApc(&apc->Apc, NULL, NULL));
    }
    NT_FOR_EACH (apc, apcs) {
        NT_EXPECT_TRUE(KiTakeUserApc(self, &call));
        NT_EXPECT_EQ(call.Context, apc);
        NT_EXPECT_FALSE(self->UserApcPending);
    }
    NT_EXPECT_FALSE(KiTakeUserApc(self, &call));
}

static void
DoNothing(void *Context)
{
    (void)Context;
}

NT_TEST(KeApc, AnEndingThreadRunsThemDownAndTakesNoMore)
{
    TEST_THREAD thread;
    TEST_APC first;
    TEST_APC second;

    StartThread(&thread, DoNothing, NULL);
    Prepare(&first, &thread.Tcb);
    Prepare(&second, &thread.Tcb);
    NT_EXPECT_TRUE(KiQueueUserApc(&first.Apc, NULL, NULL));
    KiRundownUserApcs(&thread.Tcb);
    NT_EXPECT_EQ(first.Rundown, 1);
    NT_EXPECT_EQ(first.Kernel, 0);
    NT_EXPECT_FALSE(KiQueueUserApc(&second.Apc, NULL, NULL));
    NT_EXPECT_EQ(second.Rundown, 0);
    JoinThread(&thread);
}
