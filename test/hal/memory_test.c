/* SPDX-License-Identifier: MIT
 *
 * memory_test.c - reserving, committing, protecting and sharing memory
 */
#include "setup.h"

#define PAGE HALP_PAGE_SIZE

/* What can be done with the byte: HALP_READ, HALP_WRITE, both or nothing. */
static uint32_t
AccessOf(void *Address)
{
    uintptr_t fault;

    return (HalpTouchMemory(Address, 1, HALP_READ, &fault) == HALP_OK ? HALP_READ : 0) |
           (HalpTouchMemory(Address, 1, HALP_WRITE, &fault) == HALP_OK ? HALP_WRITE : 0);
}

NT_TEST(HalpMemory, ReservationHasNoAccessAndIsAligned)
{
    static const size_t alignments[] = {PAGE, 16 * PAGE, 2u << 20, 1u << 30};

    for (size_t i = 0; i < 4; ++i) {
        void *memory = NULL;

        NT_EXPECT_EQ(HalpReserveMemory(3 * PAGE, alignments[i], &memory), HALP_OK);
        NT_EXPECT_EQ((uintptr_t)memory % alignments[i], 0);
        NT_EXPECT_EQ(AccessOf(memory), 0);
        NT_EXPECT_EQ(AccessOf((char *)memory + 2 * PAGE), 0);
        HalpReleaseMemory(memory, 3 * PAGE);
    }
}

NT_TEST(HalpMemory, LargeReservationIsCheap)
{
    void *memory = NULL;

    NT_EXPECT_EQ(HalpReserveMemory((size_t)64 << 30, 1u << 30, &memory), HALP_OK);
    NT_EXPECT_EQ(HalpCommitMemory((char *)memory + ((size_t)63 << 30), PAGE, HALP_WRITE), HALP_OK);
    HalpReleaseMemory(memory, (size_t)64 << 30);
}

NT_TEST(HalpMemory, CommitGivesZeroedMemoryToThosePagesOnly)
{
    unsigned char *memory = NULL;

    NT_EXPECT_EQ(HalpReserveMemory(4 * PAGE, PAGE, (void **)&memory), HALP_OK);
    NT_EXPECT_EQ(HalpCommitMemory(memory + PAGE, 2 * PAGE, HALP_READ | HALP_WRITE), HALP_OK);
    NT_EXPECT_EQ(AccessOf(memory), 0);
    NT_EXPECT_EQ(AccessOf(memory + PAGE), HALP_READ | HALP_WRITE);
    NT_EXPECT_EQ(AccessOf(memory + 3 * PAGE), 0);
    for (size_t i = PAGE; i < 3 * PAGE; ++i) {
        NT_EXPECT_EQ(memory[i], 0);
    }
    HalpReleaseMemory(memory, 4 * PAGE);
}

NT_TEST(HalpMemory, ProtectionFollowsAndKeepsTheContents)
{
    unsigned char *memory = TestGuardedPages(1);

    memory[7] = 42;
    NT_EXPECT_EQ(HalpProtectMemory(memory, PAGE, HALP_READ), HALP_OK);
    NT_EXPECT_EQ(AccessOf(memory), HALP_READ);
    NT_EXPECT_EQ(memory[7], 42);
    NT_EXPECT_EQ(HalpProtectMemory(memory, PAGE, 0), HALP_OK);
    NT_EXPECT_EQ(AccessOf(memory), 0);
    NT_EXPECT_EQ(HalpProtectMemory(memory, PAGE, HALP_READ | HALP_WRITE), HALP_OK);
    NT_EXPECT_EQ(memory[7], 42);
    TestFreeGuardedPages(memory, 1);
}

NT_TEST(HalpMemory, DecommitTakesTheContentsAndKeepsTheRange)
{
    unsigned char *memory = TestGuardedPages(2);

    memory[PAGE] = 42;
    HalpDecommitMemory(memory + PAGE, PAGE);
    NT_EXPECT_EQ(AccessOf(memory + PAGE), 0);
    NT_EXPECT_EQ(AccessOf(memory), HALP_READ | HALP_WRITE);
    NT_EXPECT_EQ(HalpCommitMemory(memory + PAGE, PAGE, HALP_READ | HALP_WRITE), HALP_OK);
    NT_EXPECT_EQ(memory[PAGE], 0);
    TestFreeGuardedPages(memory, 2);
}

NT_TEST(HalpMemory, PartPagesAreRefused)
{
    unsigned char *memory = TestGuardedPages(1);
    void *address = memory;

    NT_EXPECT_EQ(HalpReserveMemory(0, PAGE, &address), HALP_INVALID);
    NT_EXPECT_EQ(HalpReserveMemory(100, PAGE, &address), HALP_INVALID);
    NT_EXPECT_EQ(HalpReserveMemory(PAGE, 100, &address), HALP_INVALID);
    NT_EXPECT_EQ(HalpCommitMemory(memory + 1, PAGE, HALP_READ), HALP_INVALID);
    NT_EXPECT_EQ(HalpProtectMemory(memory, 17, HALP_READ), HALP_INVALID);
    NT_EXPECT_EQ(address, memory);
    TestFreeGuardedPages(memory, 1);
}

NT_TEST(HalpMemory, ImpossibleReservationSaysWhy)
{
    void *address = NULL;

    NT_EXPECT_EQ(HalpReserveMemory((size_t)1 << 60, PAGE, &address), HALP_NO_MEMORY);
    NT_EXPECT_CONTAINS(HalpLastErrorText(), "mmap: ");
    NT_EXPECT_EQ(address, NULL);
}

NT_TEST(HalpSharedMemory, TwoMappingsShowTheSameBytes)
{
    HALP_SHARED_MEMORY *shared;
    unsigned char *first = NULL;
    unsigned char *second = NULL;

    NT_EXPECT_EQ(HalpCreateSharedMemory("test", 4 * PAGE, &shared), HALP_OK);
    NT_EXPECT_EQ(
        HalpMapSharedMemory(shared, 0, 4 * PAGE, HALP_READ | HALP_WRITE, NULL, (void **)&first),
        HALP_OK);
    NT_EXPECT_EQ(HalpMapSharedMemory(shared, PAGE, PAGE, HALP_READ, NULL, (void **)&second),
                 HALP_OK);
    NT_EXPECT_NE(first, second);
    NT_EXPECT_EQ(second[5], 0);
    first[PAGE + 5] = 99;
    NT_EXPECT_EQ(second[5], 99);
    NT_EXPECT_EQ(AccessOf(second), HALP_READ);
    HalpCloseSharedMemory(shared); /* mappings outlive it */
    first[PAGE + 6] = 98;
    NT_EXPECT_EQ(second[6], 98);
    HalpUnmapSharedMemory(second, PAGE);
    HalpUnmapSharedMemory(first, 4 * PAGE);
}

NT_TEST(HalpSharedMemory, MapsOverPartOfAReservation)
{
    HALP_SHARED_MEMORY *shared;
    unsigned char *range = NULL;
    void *mapped = NULL;

    NT_EXPECT_EQ(HalpReserveMemory(4 * PAGE, PAGE, (void **)&range), HALP_OK);
    NT_EXPECT_EQ(HalpCreateSharedMemory("test", 2 * PAGE, &shared), HALP_OK);
    NT_EXPECT_EQ(
        HalpMapSharedMemory(shared, 0, 2 * PAGE, HALP_READ | HALP_WRITE, range + PAGE, &mapped),
        HALP_OK);
    NT_EXPECT_EQ(mapped, range + PAGE);
    NT_EXPECT_EQ(AccessOf(range + PAGE), HALP_READ | HALP_WRITE);
    NT_EXPECT_EQ(AccessOf(range + 3 * PAGE), 0);
    HalpDecommitMemory(range + PAGE, 2 * PAGE);
    NT_EXPECT_EQ(AccessOf(range + PAGE), 0);
    HalpCloseSharedMemory(shared);
    HalpReleaseMemory(range, 4 * PAGE);
}

NT_TEST(HalpSharedMemory, PartsOutsideAreRefused)
{
    static const struct {
        uint64_t Offset;
        size_t Size;
    } rows[] = {
        {2 * PAGE, PAGE}, {PAGE, 2 * PAGE}, {1, PAGE}, {0, 0}, {UINT64_MAX - PAGE + 1, PAGE},
    };
    HALP_SHARED_MEMORY *shared;
    void *mapped = NULL;

    NT_EXPECT_EQ(HalpCreateSharedMemory("test", 2 * PAGE, &shared), HALP_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); ++i) {
        NT_EXPECT_EQ(
            HalpMapSharedMemory(shared, rows[i].Offset, rows[i].Size, HALP_READ, NULL, &mapped),
            HALP_INVALID);
    }
    NT_EXPECT_EQ(mapped, NULL);
    HalpCloseSharedMemory(shared);
}

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

static void
UsePoisoned(void *Context)
{
    volatile unsigned char *memory = Context;

    HalpPoisonMemory((void *)memory, 64);
    memory[8] = 1;
}

NT_TEST(HalpMemory, PoisonIsSeenByTheSanitizer)
{
    unsigned char *memory = TestGuardedPages(1);
    char *output;
    int status;

    if (!WITH_ASAN) {
        NT_SKIP("built without AddressSanitizer");
    }
    status = TestRunProcess(UsePoisoned, memory, &output);
    NT_EXPECT_NE(status, 0);
    NT_EXPECT_CONTAINS(output, "use-after-poison");
    free(output);
    HalpPoisonMemory(memory, 64);
    HalpUnpoisonMemory(memory, 64);
    memory[8] = 1;
    TestFreeGuardedPages(memory, 1);
}
