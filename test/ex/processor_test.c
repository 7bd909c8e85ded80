/* SPDX-License-Identifier: MIT
 *
 * test/ex/processor_test.c - who wants to hear of processors and of non-maskable interrupts
 */
#include "ex_test.h"

void
NtTestSetUp(void)
{
    ExTestStart();
}

void
NtTestTearDown(void)
{
    ExTestStop();
}

typedef struct HEARD {
    ULONG Start;
    ULONG Complete;
    ULONG Failure;
    ULONG FailAt;
} HEARD;

static VOID NTAPI
Hear(PVOID Context, PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT Change, PNTSTATUS Status)
{
    HEARD *heard = Context;

    NT_EXPECT_EQ(Change->ProcNumber.Number, Change->NtNumber);
    switch (Change->State) {
    case KeProcessorAddStartNotify:
        NT_EXPECT_EQ(Change->NtNumber, heard->Start++);
        if (Change->NtNumber == heard->FailAt) {
            *Status = STATUS_INSUFFICIENT_RESOURCES;
        }
        break;
    case KeProcessorAddCompleteNotify:
        NT_EXPECT_EQ(Change->NtNumber, heard->Complete++);
        NT_EXPECT_STATUS(Change->Status, STATUS_SUCCESS);
        break;
    default:
        NT_EXPECT_EQ(Change->NtNumber, heard->Failure++);
        NT_EXPECT_STATUS(Change->Status, STATUS_INSUFFICIENT_RESOURCES);
        break;
    }
}

NT_TEST(ProcessorChange, ExistingProcessorsAreToldTwice)
{
    HEARD heard = {.FailAt = 99};
    PVOID handle =
        KeRegisterProcessorChangeCallback(Hear, &heard, KE_PROCESSOR_CHANGE_ADD_EXISTING);

    NT_EXPECT_NE(handle, NULL);
    NT_EXPECT_EQ(heard.Start, 2);
    NT_EXPECT_EQ(heard.Complete, 2);
    NT_EXPECT_EQ(heard.Failure, 0);
    KeDeregisterProcessorChangeCallback(handle);
}

NT_TEST(ProcessorChange, ErrorIsToldToThoseCalledBefore)
{
    for (ULONG failing = 0; failing < 2; failing++) {
        HEARD heard = {.FailAt = failing};
        PVOID handle =
            KeRegisterProcessorChangeCallback(Hear, &heard, KE_PROCESSOR_CHANGE_ADD_EXISTING);

        NT_EXPECT_NE(handle, NULL);
        NT_EXPECT_EQ(heard.Start, failing + 1);
        NT_EXPECT_EQ(heard.Complete, 0);
        NT_EXPECT_EQ(heard.Failure, failing);
        KeDeregisterProcessorChangeCallback(handle);
    }
}

NT_TEST(ProcessorChange, WithoutTheFlagNobodyIsCalled)
{
    HEARD heard = {.FailAt = 99};
    PVOID handle = KeRegisterProcessorChangeCallback(Hear, &heard, 0);

    NT_EXPECT_NE(handle, NULL);
    NT_EXPECT_EQ(heard.Start, 0);
    NT_EXPECT_EQ(KeRegisterProcessorChangeCallback(Hear, &heard, 2), NULL);
    NT_EXPECT_EQ(KeRegisterProcessorChangeCallback(NULL, &heard, 0), NULL);
    KeDeregisterProcessorChangeCallback(handle);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KeDeregisterProcessorChangeCallback(handle));
}

static BOOLEAN NTAPI
Nmi(PVOID Context, BOOLEAN Handled)
{
    return FALSE;
}

NT_TEST(Nmi, CallbackIsRegisteredOnceAndTakenBackOnce)
{
    PVOID handle = KeRegisterNmiCallback(Nmi, NULL);

    NT_EXPECT_NE(handle, NULL);
    NT_EXPECT_EQ(KeRegisterNmiCallback(NULL, NULL), NULL);
    NT_EXPECT_STATUS(KeDeregisterNmiCallback(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(KeDeregisterNmiCallback(handle), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(KeDeregisterNmiCallback(NULL), STATUS_INVALID_HANDLE);
}

NT_TEST(Nmi, HandleOfAnotherKindIsNone)
{
    HEARD heard = {0};
    PVOID handle = KeRegisterProcessorChangeCallback(Hear, &heard, 0);

    NT_EXPECT_STATUS(KeDeregisterNmiCallback(handle), STATUS_INVALID_HANDLE);
    KeDeregisterProcessorChangeCallback(handle);
}

NT_TEST(Nmi, RegistrationFailsWithoutMemory)
{
    HEARD heard = {.FailAt = 99};

    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(KeRegisterNmiCallback(Nmi, NULL), NULL);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_EQ(KeRegisterProcessorChangeCallback(Hear, &heard, KE_PROCESSOR_CHANGE_ADD_EXISTING),
                 NULL);
    SimSetFaultPlan(NULL, 0);
    /* Who could not register is not told of anything. */
    NT_EXPECT_EQ(heard.Start, 0);
}
