/* SPDX-License-Identifier: MIT
 *
 * test/ke/stack_test.c - room on the stack, and saved processor state
 */
#include "ke_test.h"

static ULONG Calls;

static VOID NTAPI
Callout(PVOID Parameter)
{
    volatile UCHAR room[MAXIMUM_EXPANSION_SIZE / 2];

    room[0] = 1;
    room[sizeof(room) - 1] = 1;
    NT_EXPECT_EQ(Parameter, &Calls);
    Calls += room[0];
}

NT_TEST(KeStack, CalloutRunsOnceWithTheRoomAskedFor)
{
    KIRQL irql;

    NT_EXPECT_STATUS(KeExpandKernelStackAndCallout(Callout, &Calls, MAXIMUM_EXPANSION_SIZE),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(Calls, 1);
    NT_EXPECT_STATUS(
        KeExpandKernelStackAndCalloutEx(Callout, &Calls, MAXIMUM_EXPANSION_SIZE, TRUE, NULL),
        STATUS_SUCCESS);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_STATUS(KeExpandKernelStackAndCalloutEx(Callout, &Calls, 4096, FALSE, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(KeExpandKernelStackAndCalloutEx(Callout, &Calls, 4096, TRUE, NULL),
                     STATUS_INVALID_PARAMETER_4);
    KeLowerIrql(irql);
    NT_EXPECT_EQ(Calls, 3);
}

NT_TEST(KeStack, TooMuchIsRefusedWithoutACall)
{
    NT_EXPECT_STATUS(KeExpandKernelStackAndCallout(Callout, &Calls, MAXIMUM_EXPANSION_SIZE + 1),
                     STATUS_INVALID_PARAMETER_3);
    NT_EXPECT_STATUS(
        KeExpandKernelStackAndCalloutEx(Callout, &Calls, MAXIMUM_EXPANSION_SIZE + 1, FALSE, NULL),
        STATUS_INVALID_PARAMETER_3);
    NT_EXPECT_EQ(Calls, 0);
}

static ULONG Refused;

/* Eats the stack until a call is refused. */
static __attribute__((noinline)) ULONG
Descend(ULONG Depth)
{
    volatile UCHAR room[0x8000];
    NTSTATUS status;

    room[Depth % sizeof(room)] = 1;
    status = KeExpandKernelStackAndCallout(Callout, &Calls, MAXIMUM_EXPANSION_SIZE);
    if (status == STATUS_NO_MEMORY) {
        Refused = Depth;
        return room[Depth % sizeof(room)];
    }
    NT_EXPECT_STATUS(status, STATUS_SUCCESS);
    return Descend(Depth + 1) + room[Depth % sizeof(room)];
}

NT_TEST(KeStack, FullStackIsRefused)
{
    NT_EXPECT_TRUE(Descend(0) > 1);
    NT_EXPECT_EQ(Calls, Refused);
}

NT_TEST(KeState, SseControlWordIsKept)
{
    ULONG before = __builtin_ia32_stmxcsr();
    KFLOATING_SAVE save;
    XSTATE_SAVE extended;

    NT_EXPECT_STATUS(KeSaveFloatingPointState(&save), STATUS_SUCCESS);
    __builtin_ia32_ldmxcsr(before ^ 0x6000);
    NT_EXPECT_STATUS(KeRestoreFloatingPointState(&save), STATUS_SUCCESS);
    NT_EXPECT_EQ(__builtin_ia32_stmxcsr(), before);
    NT_EXPECT_STATUS(KeSaveExtendedProcessorState(4, &extended), STATUS_SUCCESS);
    __builtin_ia32_ldmxcsr(before ^ 0x6000);
    KeRestoreExtendedProcessorState(&extended);
    NT_EXPECT_EQ(__builtin_ia32_stmxcsr(), before);
}

static USHORT
X87ControlWord(VOID)
{
    USHORT word;

    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}

static VOID
SetX87ControlWord(USHORT Word)
{
    __asm__ volatile("fldcw %0" : : "m"(Word));
}

/* All exceptions masked, rounding to nearest, x87 with the precision of Windows: 53 bits. */
NT_TEST(KeState, FloatingPointContextIsFreshAndTheOldOneComesBack)
{
    ULONG before = __builtin_ia32_stmxcsr();
    USHORT word = X87ControlWord();
    KFLOATING_SAVE save;

    __builtin_ia32_ldmxcsr(0x7F80 | 0x21); /* towards zero, with flags set */
    SetX87ControlWord(0x0F7F);
    NT_EXPECT_STATUS(KeSaveFloatingPointState(&save), STATUS_SUCCESS);
    NT_EXPECT_EQ(__builtin_ia32_stmxcsr(), INITIAL_MXCSR);
    NT_EXPECT_EQ(X87ControlWord(), INITIAL_FPCSR);
    NT_EXPECT_STATUS(KeRestoreFloatingPointState(&save), STATUS_SUCCESS);
    NT_EXPECT_EQ(__builtin_ia32_stmxcsr(), 0x7FA1);
    NT_EXPECT_EQ(X87ControlWord(), 0x0F7F);
    __builtin_ia32_ldmxcsr(before);
    SetX87ControlWord(word);
}

/* What Mask does not name stays as the driver left it. */
NT_TEST(KeState, ExtendedStateIsKeptByMask)
{
    ULONG before = __builtin_ia32_stmxcsr();
    USHORT word = X87ControlWord();

    for (ULONG64 mask = 0; mask < 8; mask++) {
        XSTATE_SAVE save;
        NT_EXPECT_STATUS(KeSaveExtendedProcessorState(mask, &save), STATUS_SUCCESS);
        __builtin_ia32_ldmxcsr(before ^ 0x6000);
        SetX87ControlWord(word ^ 0x0C00);
        KeRestoreExtendedProcessorState(&save);
        NT_EXPECT_EQ(__builtin_ia32_stmxcsr(), (mask & 6) != 0 ? before : before ^ 0x6000);
        NT_EXPECT_EQ(X87ControlWord(), (mask & 1) != 0 ? word : word ^ 0x0C00);
        __builtin_ia32_ldmxcsr(before);
        SetX87ControlWord(word);
    }
}

NT_TEST(KeState, RestoringAtAnotherIrqlIsABugcheck)
{
    XSTATE_SAVE extended;
    KIRQL irql;

    NT_EXPECT_STATUS(KeSaveExtendedProcessorState(4, &extended), STATUS_SUCCESS);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KeRestoreExtendedProcessorState(&extended));
}

NT_TEST(KeState, RestoringTwiceIsABugcheck)
{
    XSTATE_SAVE extended;

    NT_EXPECT_STATUS(KeSaveExtendedProcessorState(4, &extended), STATUS_SUCCESS);
    KeRestoreExtendedProcessorState(&extended);
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, KeRestoreExtendedProcessorState(&extended));
}
