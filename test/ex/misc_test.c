/* SPDX-License-Identifier: MIT
 *
 * test/ex/misc_test.c - questions about the machine: the clock's tick, the product suite
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

static ULONG
CurrentTick(VOID)
{
    ULONG maximum;
    ULONG minimum;
    ULONG current;

    ExQueryTimerResolution(&maximum, &minimum, &current);
    NT_EXPECT_EQ(maximum, KeQueryTimeIncrement());
    NT_EXPECT_EQ(minimum, 10000);
    return current;
}

NT_TEST(TimerResolution, IsTheTimeIncrementUntilOneAsksForLess)
{
    ULONG increment = KeQueryTimeIncrement();

    NT_EXPECT_EQ(CurrentTick(), increment);
    NT_EXPECT_EQ(ExSetTimerResolution(increment + 1, TRUE), increment);
    NT_EXPECT_EQ(ExSetTimerResolution(50000, TRUE), 50000);
    NT_EXPECT_EQ(CurrentTick(), 50000);
    NT_EXPECT_EQ(ExSetTimerResolution(60000, TRUE), 50000);
    NT_EXPECT_EQ(ExSetTimerResolution(1, TRUE), 10000);
    NT_EXPECT_EQ(CurrentTick(), 10000);
    NT_EXPECT_EQ(KeQueryTimeIncrement(), increment);
}

NT_TEST(TimerResolution, ComesBackWhenAllHaveRestoredIt)
{
    ULONG increment = KeQueryTimeIncrement();

    NT_EXPECT_EQ(ExSetTimerResolution(0, FALSE), increment);
    NT_EXPECT_EQ(ExSetTimerResolution(20000, TRUE), 20000);
    NT_EXPECT_EQ(ExSetTimerResolution(30000, TRUE), 20000);
    NT_EXPECT_EQ(ExSetTimerResolution(0, FALSE), 20000);
    NT_EXPECT_EQ(CurrentTick(), 20000);
    NT_EXPECT_EQ(ExSetTimerResolution(0, FALSE), increment);
    NT_EXPECT_EQ(CurrentTick(), increment);
}

/* There is no tick to wait for: due is due, whatever the resolution is said to be. */
NT_TEST(TimerResolution, DoesNotHoldTimersBack)
{
    LARGE_INTEGER due = {.QuadPart = -10000};
    KTIMER timer;

    KeInitializeTimer(&timer);
    KeSetTimer(&timer, due, NULL);
    SimAdvance(999000);
    NT_EXPECT_FALSE(KeReadStateTimer(&timer));
    SimAdvance(2000);
    NT_EXPECT_TRUE(KeReadStateTimer(&timer));
}

NT_TEST(Suite, IsTheOneThatTheVersionTells)
{
    RTL_OSVERSIONINFOEXW info = {.dwOSVersionInfoSize = sizeof(info)};

    NT_EXPECT_STATUS(RtlGetVersion((PRTL_OSVERSIONINFOW)&info), STATUS_SUCCESS);
    NT_EXPECT_TRUE(ExVerifySuite(SingleUserTS));
    NT_EXPECT_FALSE(ExVerifySuite(DataCenter));
    for (ULONG suite = 0; suite < 40; suite++) {
        NT_EXPECT_EQ(ExVerifySuite((SUITE_TYPE)suite),
                     suite < 16 && (info.wSuiteMask >> suite & 1));
    }
}

NT_TEST(Uuid, IsRandomAndSaysSo)
{
    UUID first;
    UUID second;

    NT_EXPECT_STATUS(ExUuidCreate(&first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExUuidCreate(&second), STATUS_SUCCESS);
    NT_EXPECT_TRUE(memcmp(&first, &second, sizeof(first)) != 0);
    NT_EXPECT_EQ(first.Data3 >> 12, 4);
    NT_EXPECT_EQ(first.Data4[0] >> 6, 2);
}

static UUID Uuids[4][50];

static void
CreateUuids(void *Context)
{
    for (ULONG i = 0; i < 50; i++) {
        NT_EXPECT_STATUS(ExUuidCreate(&Uuids[(ULONG_PTR)Context][i]), STATUS_SUCCESS);
        SimSchedulingPoint();
    }
}

NT_TEST_SEEDS(Uuid, IsNeverGivenTwice, 3)
{
    static TEST_THREAD threads[4];
    const UUID *all = &Uuids[0][0];

    for (ULONG i = 0; i < 4; i++) {
        StartThread(&threads[i], CreateUuids, (void *)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < 4; i++) {
        JoinThread(&threads[i]);
    }
    for (ULONG i = 0; i < 200; i++) {
        for (ULONG k = 0; k < i; k++) {
            NT_EXPECT_TRUE(memcmp(&all[i], &all[k], sizeof(*all)) != 0);
        }
    }
}

/* Answers compared with others' questions to the processor. */
NT_TEST(Processor, HasTheFeaturesThatItSays)
{
    static const ULONG always[] = {
        PF_COMPARE_EXCHANGE_DOUBLE,
        PF_MMX_INSTRUCTIONS_AVAILABLE,
        PF_XMMI_INSTRUCTIONS_AVAILABLE,
        PF_RDTSC_INSTRUCTION_AVAILABLE,
        PF_PAE_ENABLED,
        PF_XMMI64_INSTRUCTIONS_AVAILABLE,
        PF_SSE_DAZ_MODE_AVAILABLE,
        PF_NX_ENABLED,
    };
    static const ULONG never[] = {
        PF_FLOATING_POINT_PRECISION_ERRATA,
        PF_FLOATING_POINT_EMULATED,
        PF_PPC_MOVEMEM_64BIT_OK,
        PF_ALPHA_BYTE_INSTRUCTIONS,
        PF_COMPARE64_EXCHANGE128,
        64,
        0xFFFFFFFF,
    };
    int registers[4];

    NT_FOR_EACH (feature, always) {
        NT_EXPECT_TRUE(ExIsProcessorFeaturePresent(*feature));
    }
    NT_FOR_EACH (feature, never) {
        NT_EXPECT_FALSE(ExIsProcessorFeaturePresent(*feature));
    }
    NT_EXPECT_EQ(ExIsProcessorFeaturePresent(PF_SSE3_INSTRUCTIONS_AVAILABLE),
                 __builtin_cpu_supports("sse3") != 0);
    __cpuid(registers, 1);
    NT_EXPECT_EQ(ExIsProcessorFeaturePresent(PF_COMPARE_EXCHANGE128), registers[2] >> 13 & 1);
    /* AVX is usable only where the system has enabled XSAVE. */
    if (__builtin_cpu_supports("avx")) {
        NT_EXPECT_TRUE(ExIsProcessorFeaturePresent(PF_XSAVE_ENABLED));
    }
}

/* A thread of the kernel, and one that a program's system call brought here. */
NT_TEST(PreviousMode, IsThatOfTheCallerOfTheKernel)
{
    KTHREAD *thread = KiGetCurrentThread();

    NT_EXPECT_EQ(ExGetPreviousMode(), KernelMode);
    thread->PreviousMode = UserMode;
    NT_EXPECT_EQ(ExGetPreviousMode(), UserMode);
    thread->PreviousMode = KernelMode;
    NT_EXPECT_EQ(ExGetPreviousMode(), KernelMode);
}
