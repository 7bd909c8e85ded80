/* SPDX-License-Identifier: MIT
 *
 * copy_test.c - HalpCopyMemory and HalpTouchMemory, with and without a fault
 */
#include "setup.h"

#define PAGE HALP_PAGE_SIZE

static void
Fill(unsigned char *Bytes, size_t Length)
{
    for (size_t i = 0; i < Length; ++i) {
        Bytes[i] = (unsigned char)(i * 7 + 1);
    }
}

/* Every length up to a few hundred, and some beyond, from and to odd addresses. */
NT_TEST(HalpCopy, CopiesEveryLengthExactly)
{
    static unsigned char source[3 * PAGE];
    static unsigned char target[3 * PAGE];

    Fill(source, sizeof(source));
    for (size_t length = 0; length < 2 * PAGE; length += length < 600 ? 1 : 77) {
        size_t shift = length % 5;

        memset(target, 0xEE, sizeof(target));
        NT_EXPECT_EQ(HalpCopyMemory(target + 16 + shift, source + shift, length, NULL), HALP_OK);
        NT_EXPECT_EQ(memcmp(target + 16 + shift, source + shift, length), 0);
        NT_EXPECT_EQ(target[15 + shift], 0xEE);
        NT_EXPECT_EQ(target[16 + shift + length], 0xEE);
    }
}

static const size_t Lengths[] = {1,  2,  3,  4,   7,   8,   15,  16,   17,   31,   32,   33,
                                 63, 64, 65, 100, 127, 128, 200, 1000, 1023, 1024, 1025, PAGE};
#define LENGTHS (sizeof(Lengths) / sizeof(Lengths[0]))

/* A source that ends after Good bytes: the first bad byte is named, the good ones are copied. */
static void
CopyFromShortSource(unsigned char *Pages, size_t Good, size_t Length)
{
    static unsigned char target[2 * PAGE];
    unsigned char *source = Pages + PAGE - Good;
    uintptr_t fault = 0;

    memset(target, 0xEE, sizeof(target));
    NT_EXPECT_EQ(HalpCopyMemory(target, source, Length, &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, Pages + PAGE);
    NT_EXPECT_EQ(memcmp(target, source, Good), 0);
    NT_EXPECT_EQ(target[Good], 0xEE);
}

static void
CopyToShortTarget(unsigned char *Pages, size_t Good, size_t Length)
{
    static unsigned char source[2 * PAGE];
    unsigned char *target = Pages + PAGE - Good;
    uintptr_t fault = 0;

    Fill(source, sizeof(source));
    NT_EXPECT_EQ(HalpCopyMemory(target, source, Length, &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, Pages + PAGE);
    NT_EXPECT_EQ(memcmp(target, source, Good), 0);
}

NT_TEST(HalpCopy, FaultOnFirstMiddleAndLastByteOfTheSource)
{
    unsigned char *pages = TestGuardedPages(1);

    Fill(pages, PAGE);
    for (size_t i = 0; i < LENGTHS; ++i) {
        CopyFromShortSource(pages, 0, Lengths[i]);
        CopyFromShortSource(pages, Lengths[i] / 2, Lengths[i]);
        CopyFromShortSource(pages, Lengths[i] - 1, Lengths[i]);
    }
    TestFreeGuardedPages(pages, 1);
}

NT_TEST(HalpCopy, FaultOnFirstMiddleAndLastByteOfTheTarget)
{
    unsigned char *pages = TestGuardedPages(1);

    for (size_t i = 0; i < LENGTHS; ++i) {
        CopyToShortTarget(pages, 0, Lengths[i]);
        CopyToShortTarget(pages, Lengths[i] / 2, Lengths[i]);
        CopyToShortTarget(pages, Lengths[i] - 1, Lengths[i]);
    }
    TestFreeGuardedPages(pages, 1);
}

NT_TEST(HalpCopy, ReadOnlyTargetFaults)
{
    unsigned char *pages = TestGuardedPages(1);
    unsigned char source[64] = {1};
    uintptr_t fault = 0;

    NT_EXPECT_EQ(HalpProtectMemory(pages, PAGE, HALP_READ), HALP_OK);
    NT_EXPECT_EQ(HalpCopyMemory(pages + 5, source, sizeof(source), &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, pages + 5);
    NT_EXPECT_EQ(HalpCopyMemory(source, pages, sizeof(source), &fault), HALP_OK);
    TestFreeGuardedPages(pages, 1);
}

NT_TEST(HalpCopy, NullAndNonCanonicalAddressesFault)
{
    unsigned char buffer[2000];
    uintptr_t fault = 1;
    void *wild = (void *)0x8000000000001234ull;

    NT_EXPECT_EQ(HalpCopyMemory(buffer, NULL, 4, &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, 0);
    NT_EXPECT_EQ(HalpCopyMemory(buffer, wild, 4, &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, wild);
    NT_EXPECT_EQ(HalpCopyMemory(wild, buffer, sizeof(buffer), &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, wild);
    NT_EXPECT_EQ(HalpTouchMemory(wild, 1, HALP_READ, &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, wild);
}

NT_TEST(HalpCopy, FaultDoesNotReachTheKernel)
{
    uintptr_t fault;
    char byte;

    /* TestOnFault is not set, so an upcall would end the process. */
    for (int i = 0; i < 1000; ++i) {
        NT_EXPECT_EQ(HalpCopyMemory(&byte, (void *)16, 1, &fault), HALP_FAULT);
    }
}

NT_TEST(HalpTouch, FindsTheFirstBadPageOfARange)
{
    unsigned char *pages = TestGuardedPages(3);
    uintptr_t fault = 0;

    NT_EXPECT_EQ(HalpTouchMemory(pages + 10, 3 * PAGE - 10, HALP_READ, &fault), HALP_OK);
    NT_EXPECT_EQ(HalpTouchMemory(pages + 10, 3 * PAGE - 9, HALP_READ, &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, pages + 3 * PAGE);
    NT_EXPECT_EQ(HalpProtectMemory(pages + PAGE, PAGE, HALP_READ), HALP_OK);
    NT_EXPECT_EQ(HalpTouchMemory(pages + 1, 3 * PAGE - 1, HALP_READ, &fault), HALP_OK);
    NT_EXPECT_EQ(HalpTouchMemory(pages + 1, 3 * PAGE - 1, HALP_WRITE, &fault), HALP_FAULT);
    NT_EXPECT_EQ(fault, pages + PAGE);
    TestFreeGuardedPages(pages, 3);
}

NT_TEST(HalpTouch, ChangesNothing)
{
    unsigned char *pages = TestGuardedPages(2);
    uintptr_t fault;

    Fill(pages, 2 * PAGE);
    NT_EXPECT_EQ(HalpTouchMemory(pages, 2 * PAGE, HALP_READ | HALP_WRITE, &fault), HALP_OK);
    for (size_t i = 0; i < 2 * PAGE; ++i) {
        NT_EXPECT_EQ(pages[i], (unsigned char)(i * 7 + 1));
    }
    TestFreeGuardedPages(pages, 2);
}

NT_TEST(HalpTouch, EmptyAndWrappingRanges)
{
    uintptr_t fault = 0;
    unsigned char byte = 0;

    NT_EXPECT_EQ(HalpTouchMemory(NULL, 0, HALP_WRITE, &fault), HALP_OK);
    NT_EXPECT_EQ(HalpTouchMemory(&byte, SIZE_MAX, HALP_READ, &fault), HALP_FAULT);
}
