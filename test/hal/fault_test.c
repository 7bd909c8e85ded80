/* SPDX-License-Identifier: MIT
 *
 * fault_test.c - faults become upcalls that may be left by longjmp
 */
#include "setup.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static jmp_buf BackToTest;
static HALP_FAULT_INFO SeenInfo;
static uintptr_t SeenFrames[32];
static uint32_t SeenFrameCount;
static uintptr_t UpcallStack;

static int
JumpBack(const HALP_FAULT_INFO *Info)
{
    SeenInfo = *Info;
    SeenFrameCount = HalpCaptureFaultStack(SeenFrames, 32);
    UpcallStack = (uintptr_t)__builtin_frame_address(0);
    longjmp(BackToTest, 1);
}

static __attribute__((noinline)) int
ReadAt(const volatile int *Address)
{
    return *Address;
}

static __attribute__((noinline)) void
WriteAt(volatile int *Address)
{
    *Address = 1;
}

static __attribute__((noinline)) int
Divide(volatile int By)
{
    int result;

    /* By hand: no sanitizer may see it coming. */
    __asm__ volatile("cltd; idivl %2" : "=a"(result) : "0"(1), "r"(By) : "edx");
    return result;
}

NT_TEST(HalpFault, ReadAndWriteAreTold)
{
    unsigned char *pages = TestGuardedPages(1);
    int *bad = (int *)(pages + HALP_PAGE_SIZE + 64);

    TestOnFault = JumpBack;
    if (setjmp(BackToTest) == 0) {
        (void)ReadAt(bad);
        NT_FAIL("no fault");
    }
    NT_EXPECT_EQ(SeenInfo.Kind, HALP_FAULT_ACCESS);
    NT_EXPECT_EQ(SeenInfo.IsWrite, 0);
    NT_EXPECT_EQ(SeenInfo.Address, bad);
    if (setjmp(BackToTest) == 0) {
        WriteAt(bad);
        NT_FAIL("no fault");
    }
    NT_EXPECT_EQ(SeenInfo.IsWrite, 1);
    NT_EXPECT_EQ(SeenInfo.Address, bad);
    NT_EXPECT_TRUE(SeenInfo.InstructionPointer - (uintptr_t)WriteAt < 256);
    TestFreeGuardedPages(pages, 1);
}

NT_TEST(HalpFault, UpcallRunsOnTheFaultingStack)
{
    uintptr_t low;
    uintptr_t high;

    TestOnFault = JumpBack;
    HalpStackLimits(&low, &high);
    if (setjmp(BackToTest) == 0) {
        (void)ReadAt(NULL);
    }
    NT_EXPECT_TRUE(UpcallStack >= low && UpcallStack < high);
    NT_EXPECT_TRUE(UpcallStack < SeenInfo.StackPointer);
}

/* The fault stays unblocked: one after the other, and one inside the other's upcall. */
NT_TEST(HalpFault, ManyInARow)
{
    static volatile int count;

    TestOnFault = JumpBack;
    (void)setjmp(BackToTest);
    if (count++ < 1000) {
        (void)ReadAt((int *)(uintptr_t)8);
    }
    NT_EXPECT_EQ(count, 1001);
}

static jmp_buf BackToUpcall;
static int Depth;

static int
FaultAgain(const HALP_FAULT_INFO *Info)
{
    uintptr_t fault;
    int byte;

    if (Depth++ == 0) {
        if (setjmp(BackToUpcall) == 0) {
            (void)ReadAt((int *)(uintptr_t)16);
        }
        if (HalpCopyMemory(&byte, (void *)24, 4, &fault) != HALP_FAULT || fault != 24) {
            HalpExit(9);
        }
        return JumpBack(Info);
    }
    longjmp(BackToUpcall, 1);
}

NT_TEST(HalpFault, UpcallMayFaultItself)
{
    TestOnFault = FaultAgain;
    if (setjmp(BackToTest) == 0) {
        (void)ReadAt((int *)(uintptr_t)8);
    }
    NT_EXPECT_EQ(SeenInfo.Address, 8);
    NT_EXPECT_EQ(Depth, 2);
}

NT_TEST(HalpFault, DivisionIllegalInstructionAndBreakpoint)
{
    TestOnFault = JumpBack;
    if (setjmp(BackToTest) == 0) {
        (void)Divide(0);
        NT_FAIL("no fault");
    }
    NT_EXPECT_EQ(SeenInfo.Kind, HALP_FAULT_DIVIDE);
    NT_EXPECT_EQ(SeenInfo.Address, SeenInfo.InstructionPointer);
    if (setjmp(BackToTest) == 0) {
        __asm__ volatile("ud2");
    }
    NT_EXPECT_EQ(SeenInfo.Kind, HALP_FAULT_INSTRUCTION);
    if (setjmp(BackToTest) == 0) {
        __asm__ volatile("int3");
    }
    NT_EXPECT_EQ(SeenInfo.Kind, HALP_FAULT_BREAKPOINT);
    NT_EXPECT_EQ(*(const unsigned char *)SeenInfo.InstructionPointer, 0xCC);
}

static int
FindFrame(uintptr_t Function, size_t Size)
{
    for (uint32_t i = 0; i < SeenFrameCount; ++i) {
        if (SeenFrames[i] - Function < Size) {
            return (int)i;
        }
    }
    return -1;
}

static __attribute__((noinline)) int
CallerOfFault(const int *Address)
{
    return ReadAt(Address) + 1;
}

NT_TEST(HalpFault, StackOfTheFaultNamesItsCallers)
{
    TestOnFault = JumpBack;
    if (setjmp(BackToTest) == 0) {
        (void)CallerOfFault((int *)(uintptr_t)8);
    }
    NT_EXPECT_EQ(SeenFrames[0], SeenInfo.InstructionPointer);
    NT_EXPECT_EQ(FindFrame((uintptr_t)ReadAt, 256), 0);
    NT_EXPECT_EQ(FindFrame((uintptr_t)CallerOfFault, 128), 1);
    NT_EXPECT_TRUE(SeenFrameCount >= 4);
    NT_EXPECT_EQ(HalpCaptureFaultStack(SeenFrames, 32), 0); /* it has been left */
}

static void (*volatile Nowhere)(void);

#if defined(__clang__)
__attribute__((no_sanitize("function"))) /* it reads what lies before the function */
#endif
static __attribute__((noinline)) void
CallNowhere(void)
{
    Nowhere();
    __asm__ volatile("nop");
}

NT_TEST(HalpFault, CallThroughNullShowsTheCaller)
{
    TestOnFault = JumpBack;
    if (setjmp(BackToTest) == 0) {
        CallNowhere();
    }
    NT_EXPECT_EQ(SeenInfo.InstructionPointer, 0);
    NT_EXPECT_EQ(FindFrame((uintptr_t)CallNowhere, 128), 1);
}

/* ---- faults that end a process ---- */

static int
Refuse(const HALP_FAULT_INFO *Info)
{
    HalpWriteLog("refused\n", 8);
    (void)Info;
    return 0;
}

static volatile uint64_t Registers[4];

static void
OnEarlierHandler(int Signal, siginfo_t *Info, void *Context)
{
    (void)Context;
    if (Signal != SIGSEGV || Info->si_addr != (void *)8) {
        HalpExit(8);
    }
    HalpExit(42);
}

static void
FaultWithEarlierHandler(void *Context)
{
    struct sigaction action = {.sa_sigaction = OnEarlierHandler, .sa_flags = SA_SIGINFO};

    (void)Context;
    HalpShutdown();
    sigaction(SIGSEGV, &action, NULL);
    NtTestSetUp();
    TestOnFault = Refuse;
    (void)ReadAt((int *)(uintptr_t)8);
}

NT_TEST(HalpFault, RefusedFaultGoesToTheEarlierHandler)
{
    char *output;
    int status = TestRunProcess(FaultWithEarlierHandler, NULL, &output);

    NT_EXPECT_CONTAINS(output, "refused");
    NT_EXPECT_TRUE(WIFEXITED(status));
    NT_EXPECT_EQ(WEXITSTATUS(status), 42);
    free(output);
}

static void
FaultByDefault(void *Context)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    struct rlimit noCore = {0, 0};

    HalpShutdown();
    setrlimit(RLIMIT_CORE, &noCore);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    NtTestSetUp();
    TestOnFault = Refuse;
    if (*(const int *)Context == SIGTRAP) {
        __asm__ volatile("int3");
    } else {
        (void)ReadAt((int *)(uintptr_t)8);
    }
}

NT_TEST(HalpFault, RefusedFaultKillsByDefault)
{
    static const int signals[] = {SIGSEGV, SIGTRAP};

    for (size_t i = 0; i < 2; ++i) {
        char *output;
        int status = TestRunProcess(FaultByDefault, (void *)&signals[i], &output);

        NT_EXPECT_CONTAINS(output, "refused");
        NT_EXPECT_TRUE(WIFSIGNALED(status));
        NT_EXPECT_EQ(WTERMSIG(status), signals[i]);
        free(output);
    }
}

/* An earlier handler that repairs the access: every register is as it was. */
static unsigned char *RepairPage;

static void
Repair(int Signal, siginfo_t *Info, void *Context)
{
    (void)Signal;
    (void)Info;
    (void)Context;
    (void)HalpProtectMemory(RepairPage, HALP_PAGE_SIZE, HALP_READ | HALP_WRITE);
}

static int
RefuseAfterUsingRegisters(const HALP_FAULT_INFO *Info)
{
    (void)Info;
    __asm__ volatile("pcmpeqd %%xmm6, %%xmm6; xorl %%r10d, %%r10d" : : : "xmm6", "r10");
    return 0;
}

static void
FaultAndRepair(void *Context)
{
    struct sigaction action = {.sa_sigaction = Repair, .sa_flags = SA_SIGINFO};
    uint64_t general = 0x123456789ABCDEFull;
    uint64_t vector = 0xFEDCBA987654321ull;

    (void)Context;
    HalpShutdown();
    sigaction(SIGSEGV, &action, NULL);
    NtTestSetUp();
    TestOnFault = RefuseAfterUsingRegisters;
    RepairPage = TestGuardedPages(1);
    (void)HalpProtectMemory(RepairPage, HALP_PAGE_SIZE, 0);
    __asm__ volatile("movq %0, %%r10; movq %1, %%xmm6; movb $1, (%2)\n\t"
                     "movq %%r10, %0; movq %%xmm6, %1"
                     : "+r"(general), "+r"(vector)
                     : "r"(RepairPage)
                     : "r10", "xmm6", "memory");
    Registers[0] = general;
    Registers[1] = vector;
    HalpExit(RepairPage[0] == 1 && Registers[0] == 0x123456789ABCDEFull &&
                     Registers[1] == 0xFEDCBA987654321ull
                 ? 43
                 : 7);
}

NT_TEST(HalpFault, RefusedFaultCanBeRepaired)
{
    char *output;
    int status = TestRunProcess(FaultAndRepair, NULL, &output);

    NT_EXPECT_TRUE(WIFEXITED(status));
    NT_EXPECT_EQ(WEXITSTATUS(status), 43);
    free(output);
}

/* ---- overflow ---- */

static volatile int Endless = 1;

static __attribute__((noinline)) int
Recurse(volatile char *Above)
{
    volatile char here[512];

    here[0] = Above[0];
    return Endless ? Recurse(here) + here[0] : 0;
}

static int
ReportAndExit(const HALP_FAULT_INFO *Info)
{
    uint32_t count = HalpCaptureFaultStack(SeenFrames, 32);
    uintptr_t low;
    uintptr_t high;

    HalpStackLimits(&low, &high);
    HalpExit(Info->Kind == HALP_FAULT_ACCESS && Info->StackPointer < low + 65536 && count == 32
                 ? 44
                 : 6);
}

static void
OverflowHere(void *Context)
{
    volatile char first = 0;

    (void)Context;
    TestOnFault = ReportAndExit;
    (void)Recurse(&first);
}

static void
OverflowOnThread(void *Context)
{
    HALP_THREAD *thread;

    if (HalpCreateThread(&thread, "overflow", OverflowHere, Context) == HALP_OK) {
        HalpWaitThreadEnd(thread);
    }
}

NT_TEST(HalpFault, StackOverflowIsReported)
{
    char *output;
    int status = TestRunProcess(OverflowHere, NULL, &output);

    NT_EXPECT_TRUE(WIFEXITED(status));
    NT_EXPECT_EQ(WEXITSTATUS(status), 44);
    free(output);
    status = TestRunProcess(OverflowOnThread, NULL, &output);
    NT_EXPECT_TRUE(WIFEXITED(status));
    NT_EXPECT_EQ(WEXITSTATUS(status), 44);
    free(output);
}
