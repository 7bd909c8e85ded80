/* SPDX-License-Identifier: MIT
 *
 * symbol_test.c - addresses become functions and lines, in the program and in loaded images
 */
#include "setup.h"

int
HalTestProvided(int Value)
{
    return Value * 2;
}

static __attribute__((noinline)) uintptr_t
Here(void)
{
    return (uintptr_t)__builtin_return_address(0);
}

static int
EndsWith(const char *Text, const char *End)
{
    size_t length = strlen(Text);

    return length >= strlen(End) && strcmp(Text + length - strlen(End), End) == 0;
}

NT_TEST(HalpSymbol, NamesFunctionFileAndLineOfTheProgram)
{
    HALP_SYMBOL symbol;
    uint32_t line = __LINE__ + 1;
    uintptr_t address = Here();

    NT_EXPECT_EQ(HalpDescribeAddress(address - 1, &symbol), 1);
    NT_EXPECT_CONTAINS(symbol.Module, "hal_symbol_");
    NT_EXPECT_STR(symbol.Function, "NtTest_HalpSymbol_NamesFunctionFileAndLineOfTheProgram");
    NT_EXPECT_TRUE(symbol.Offset > 0 && symbol.Offset < 512);
    NT_EXPECT_TRUE(EndsWith(symbol.File, "/test/hal/symbol_test.c"));
    NT_EXPECT_EQ(strstr(symbol.File, ".."), NULL);
    NT_EXPECT_EQ(symbol.Line, line);
}

NT_TEST(HalpSymbol, NamesWhatIsInALoadedImage)
{
    HALP_IMAGE *image;
    HALP_SYMBOL symbol;
    uintptr_t entry;

    for (int i = 0; i < 2; ++i) {
        NT_EXPECT_EQ(HalpDescribeAddress((uintptr_t)Here, &symbol), 1); /* fills the cache */
        NT_EXPECT_EQ(HalpLoadImage(TEST_IMAGE_FOLDER "/hal_image.so", NULL, NULL, &image), HALP_OK);
        entry = (uintptr_t)HalpFindSymbol(image, "HalTestEntry");
        NT_EXPECT_EQ(HalpDescribeAddress(entry + 1, &symbol), 1);
        NT_EXPECT_STR(symbol.Module, "hal_image.so");
        NT_EXPECT_STR(symbol.Function, "HalTestEntry");
        NT_EXPECT_EQ(symbol.Offset, 1);
        NT_EXPECT_TRUE(EndsWith(symbol.File, "/test/hal/image/good.c"));
        NT_EXPECT_TRUE(symbol.Line >= 18 && symbol.Line <= 20);
        HalpUnloadImage(image);
        NT_EXPECT_EQ(HalpDescribeAddress(entry, &symbol), 0);
    }
}

NT_TEST(HalpSymbol, UnknownAddressIsSaidToBe)
{
    static const uintptr_t addresses[] = {0, 16, UINTPTR_MAX, 0x8000000000000000ull};

    for (size_t i = 0; i < 4; ++i) {
        HALP_SYMBOL symbol;

        NT_EXPECT_EQ(HalpDescribeAddress(addresses[i], &symbol), 0);
        NT_EXPECT_STR(symbol.Module, "");
        NT_EXPECT_STR(symbol.Function, "");
        NT_EXPECT_STR(symbol.File, "");
        NT_EXPECT_EQ(symbol.Offset, addresses[i]);
    }
}

/* ---- stacks ---- */

static uintptr_t Frames[16];
static uint32_t FrameCount;

static __attribute__((noinline)) void
Innermost(uint32_t Skip, uint32_t Count)
{
    FrameCount = HalpCaptureStack(Skip, Frames, Count);
    __asm__ volatile("nop"); /* no tail call */
}

static __attribute__((noinline)) void
Middle(uint32_t Skip, uint32_t Count)
{
    Innermost(Skip, Count);
    __asm__ volatile("nop");
}

static void
ExpectFrame(uint32_t Index, const char *Function)
{
    HALP_SYMBOL symbol;

    NT_EXPECT_TRUE(Index < FrameCount);
    NT_EXPECT_EQ(HalpDescribeAddress(Frames[Index] - 1, &symbol), 1);
    NT_EXPECT_STR(symbol.Function, Function);
}

NT_TEST(HalpStack, CallersInnermostFirst)
{
    Middle(0, 16);
    ExpectFrame(0, "Innermost");
    ExpectFrame(1, "Middle");
    ExpectFrame(2, "NtTest_HalpStack_CallersInnermostFirst");
    Middle(1, 16);
    ExpectFrame(0, "Middle");
    Middle(0, 2);
    NT_EXPECT_EQ(FrameCount, 2);
    Middle(0, 0);
    NT_EXPECT_EQ(FrameCount, 0);
    Middle(1000, 16);
    NT_EXPECT_EQ(FrameCount, 0);
}

static void
CaptureOnThread(void *Context)
{
    (void)Context;
    Middle(0, 16);
    __asm__ volatile("nop");
}

NT_TEST(HalpStack, EndsAtTheThreadsStart)
{
    HALP_THREAD *thread;

    NT_EXPECT_EQ(HalpCreateThread(&thread, "stack", CaptureOnThread, NULL), HALP_OK);
    HalpWaitThreadEnd(thread);
    ExpectFrame(2, "CaptureOnThread");
    ExpectFrame(3, "RunThread");
    NT_EXPECT_TRUE(FrameCount < 16);
}

NT_TEST(HalpStack, NoFaultNoFaultStack)
{
    NT_EXPECT_EQ(HalpCaptureFaultStack(Frames, 16), 0);
}
