/* SPDX-License-Identifier: MIT
 *
 * test/rtl/bitmap_test.c - single bits, whole maps, hints, runs; the bits behind the end stay
 */
#include "rtl_test.h"

#define NONE 0xFFFFFFFFu

/* A map of so many bits in words that all have this value. */
static RTL_BITMAP
MapOf(PULONG Words, ULONG Bits, ULONG Value)
{
    RTL_BITMAP map;

    for (ULONG i = 0; i < (Bits + 31) / 32; i++) {
        Words[i] = Value;
    }
    RtlInitializeBitMap(&map, Words, Bits);
    return map;
}

NT_TEST(RtlBits, SetBitAndClearBitTouchOneBit)
{
    static const ULONG places[] = {0, 1, 31, 32, 33, 63, 64, 69};
    ULONG words[3];

    NT_FOR_EACH (place, places) {
        RTL_BITMAP map = MapOf(words, 70, 0);
        RtlSetBit(&map, *place);
        for (ULONG i = 0; i < 3; i++) {
            NT_EXPECT_EQ(words[i], i == *place / 32 ? 1u << *place % 32 : 0);
        }
        RtlSetBit(&map, *place); /* again: no change */
        NT_EXPECT_EQ(RtlNumberOfSetBits(&map), 1);
        map = MapOf(words, 70, NONE);
        RtlClearBit(&map, *place);
        for (ULONG i = 0; i < 3; i++) {
            NT_EXPECT_EQ(words[i], i == *place / 32 ? ~(1u << *place % 32) : NONE);
        }
        RtlClearBit(&map, *place);
        NT_EXPECT_EQ(RtlNumberOfClearBits(&map), 1);
    }
}

/* Every bit of the map; the words around it stay as they are. */
NT_TEST(RtlBits, SetAllAndClearAllReachTheLastBit)
{
    static const ULONG sizes[] = {1, 31, 32, 33, 64, 95, 96};

    NT_FOR_EACH (size, sizes) {
        ULONG words[4] = {0, 0, 0, 0x12345678};
        RTL_BITMAP map;
        RtlInitializeBitMap(&map, words, *size);
        RtlSetAllBits(&map);
        NT_EXPECT_EQ(RtlNumberOfSetBits(&map), *size);
        NT_EXPECT_TRUE(RtlAreBitsSet(&map, 0, *size));
        RtlClearAllBits(&map);
        NT_EXPECT_EQ(RtlNumberOfSetBits(&map), 0);
        NT_EXPECT_TRUE(RtlAreBitsClear(&map, 0, *size));
        NT_EXPECT_EQ(words[3], 0x12345678);
    }
}

/* Bits 8..39 are set, the rest is clear. */
NT_TEST(RtlBits, RangesAreSetOrClearAsAWholeOrNotAtAll)
{
    static const struct {
        ULONG Start;
        ULONG Length;
        BOOLEAN Set;
        BOOLEAN Clear;
    } rows[] = {
        {8, 32, TRUE, FALSE},     {8, 1, TRUE, FALSE},          {39, 1, TRUE, FALSE},
        {7, 33, FALSE, FALSE},    {8, 33, FALSE, FALSE},        {7, 1, FALSE, TRUE},
        {0, 8, FALSE, TRUE},      {0, 9, FALSE, FALSE},         {40, 30, FALSE, TRUE},
        {40, 31, FALSE, FALSE},   {69, 1, FALSE, TRUE},         {69, 2, FALSE, FALSE},
        {70, 1, FALSE, FALSE},    {8, 0, FALSE, FALSE},         {0, 0, FALSE, FALSE},
        {70, 0, FALSE, FALSE},    {NONE, 1, FALSE, FALSE},      {1, NONE, FALSE, FALSE},
        {40, NONE, FALSE, FALSE}, {12, NONE - 4, FALSE, FALSE},
    };
    ULONG words[3];
    RTL_BITMAP map = MapOf(words, 70, 0);

    RtlSetBits(&map, 8, 32);
    words[2] |= 0xFFFFFFC0; /* not of the map */
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_EQ(RtlAreBitsSet(&map, row->Start, row->Length), row->Set);
        NT_EXPECT_EQ(RtlAreBitsClear(&map, row->Start, row->Length), row->Clear);
    }
}

/* ---- looking for runs ---- */

/* Set: 3..5, 32..39, 60..69 of 70. Where more than one run would do, the one behind the hint. */
static const struct {
    ULONG Count;
    ULONG Hint;
    ULONG Found;
} FindRows[] = {
    {3, 0, 3},     {4, 0, 32},    {8, 0, 32},    {9, 0, 60},      {10, 0, 60},
    {11, 0, NONE}, {3, 32, 32},   {3, 40, 60},   {3, 64, 64},     {8, 64, 32},
    {10, 64, 60},  {9, 40, 60},   {3, 70, 3},    {3, 1000, 3},    {3, NONE, 3},
    {8, NONE, 32}, {70, 0, NONE}, {71, 0, NONE}, {NONE, 0, NONE}, {NONE, 40, NONE},
};

static VOID
FillFindMap(PRTL_BITMAP Map)
{
    RtlClearAllBits(Map);
    RtlSetBits(Map, 3, 3);
    RtlSetBits(Map, 32, 8);
    RtlSetBits(Map, 60, 10);
}

NT_TEST(RtlBits, FindSetBitsGoesRoundFromTheHint)
{
    ULONG words[3];
    RTL_BITMAP map =
        MapOf(words, 70, NONE); /* the bits behind the end are set, and no part of it */

    FillFindMap(&map);
    NT_FOR_EACH (row, FindRows) {
        NT_EXPECT_EQ(RtlFindSetBits(&map, row->Count, row->Hint), row->Found);
        NT_EXPECT_EQ(RtlNumberOfSetBits(&map), 21);
    }
}

NT_TEST(RtlBits, FindSetBitsAndClearTakesTheRunAway)
{
    ULONG words[3];
    RTL_BITMAP map = MapOf(words, 70, NONE);

    NT_FOR_EACH (row, FindRows) {
        FillFindMap(&map);
        NT_EXPECT_EQ(RtlFindSetBitsAndClear(&map, row->Count, row->Hint), row->Found);
        if (row->Found == NONE) {
            NT_EXPECT_EQ(RtlNumberOfSetBits(&map), 21);
        } else {
            NT_EXPECT_EQ(RtlNumberOfSetBits(&map), 21 - row->Count);
            NT_EXPECT_TRUE(RtlAreBitsClear(&map, row->Found, row->Count));
        }
        NT_EXPECT_EQ(words[2] & 0xFFFFFFC0, 0xFFFFFFC0);
    }
}

/* A run that begins before the hint and ends behind it is found, too. */
NT_TEST(RtlBits, ARunAcrossTheHintIsFound)
{
    ULONG words[2];
    RTL_BITMAP map = MapOf(words, 64, 0);

    RtlSetBits(&map, 20, 20);
    NT_EXPECT_EQ(RtlFindSetBits(&map, 20, 32), 20);
    NT_EXPECT_EQ(RtlFindSetBits(&map, 21, 32), NONE);
    NT_EXPECT_EQ(RtlFindSetBitsAndClear(&map, 20, 32), 20);
    NT_EXPECT_EQ(RtlFindSetBits(&map, 1, 0), NONE);
}

/* Clear: 0..3, 30..34, 68..69 of 70. */
static RTL_BITMAP
RunMap(PULONG Words)
{
    RTL_BITMAP map = MapOf(Words, 70, NONE);

    RtlClearBits(&map, 0, 4);
    RtlClearBits(&map, 30, 5);
    RtlClearBits(&map, 68, 2);
    Words[2] &= 0x3F; /* clear bits behind the end are no run */
    return map;
}

NT_TEST(RtlBits, FirstAndNextRunsOfClearBits)
{
    static const struct {
        ULONG From;
        ULONG Start;
        ULONG Length;
    } rows[] = {
        {0, 0, 4},   {1, 1, 3},   {4, 30, 5},  {29, 30, 5}, {30, 30, 5},
        {34, 34, 1}, {35, 68, 2}, {68, 68, 2}, {69, 69, 1},
    };
    ULONG words[3];
    RTL_BITMAP map = RunMap(words);
    ULONG start = NONE;

    NT_EXPECT_EQ(RtlFindFirstRunClear(&map, &start), 4);
    NT_EXPECT_EQ(start, 0);
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_EQ(RtlFindNextForwardRunClear(&map, row->From, &start), row->Length);
        NT_EXPECT_EQ(start, row->Start);
    }
    NT_EXPECT_EQ(RtlFindNextForwardRunClear(&map, 70, &start), 0);
    RtlSetBits(&map, 0, 4);
    NT_EXPECT_EQ(RtlFindFirstRunClear(&map, &start), 5);
    NT_EXPECT_EQ(start, 30);
    RtlSetBits(&map, 30, 5);
    RtlSetBit(&map, 69);
    NT_EXPECT_EQ(RtlFindFirstRunClear(&map, &start), 1);
    NT_EXPECT_EQ(start, 68);
    NT_EXPECT_EQ(RtlFindNextForwardRunClear(&map, 69, &start), 0);
}

NT_TEST(RtlBits, LastRunsOfClearBitsBackwards)
{
    static const struct {
        ULONG From;
        ULONG Start;
        ULONG Length;
    } rows[] = {
        {69, 68, 2}, {67, 30, 5}, {35, 30, 5}, {29, 0, 4}, {4, 0, 4}, {3, 0, 4},
    };
    ULONG words[3];
    RTL_BITMAP map = RunMap(words);
    ULONG start;

    NT_FOR_EACH (row, rows) {
        start = NONE;
        NT_EXPECT_EQ(RtlFindLastBackwardRunClear(&map, row->From, &start), row->Length);
        NT_EXPECT_EQ(start, row->Start);
    }
    RtlSetBits(&map, 0, 4);
    NT_EXPECT_EQ(RtlFindLastBackwardRunClear(&map, 29, &start), 0);
    NT_EXPECT_EQ(RtlFindLastBackwardRunClear(&map, 0, &start), 0);
}

NT_TEST(RtlBits, TheLongestRunMayBeAnywhere)
{
    ULONG words[3];
    RTL_BITMAP map = RunMap(words);
    ULONG start;

    NT_EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 5);
    NT_EXPECT_EQ(start, 30);
    RtlSetBits(&map, 30, 5);
    NT_EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 4);
    NT_EXPECT_EQ(start, 0);
    RtlSetBits(&map, 0, 3);
    NT_EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 2);
    NT_EXPECT_EQ(start, 68);
    RtlSetBits(&map, 68, 2);
    NT_EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 1); /* a single bit is a run */
    NT_EXPECT_EQ(start, 3);
    RtlClearAllBits(&map);
    NT_EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 70);
    NT_EXPECT_EQ(start, 0);
}

NT_TEST(RtlBits, AFullMapHasNoRunOfClearBits)
{
    ULONG words[3];
    RTL_BITMAP map = MapOf(words, 70, NONE);
    ULONG start = 0;

    words[2] = 0x3F;
    NT_EXPECT_EQ(RtlFindFirstRunClear(&map, &start), 0);
    NT_EXPECT_EQ(RtlFindNextForwardRunClear(&map, 0, &start), 0);
    NT_EXPECT_EQ(RtlFindNextForwardRunClear(&map, 69, &start), 0);
    NT_EXPECT_EQ(RtlFindLastBackwardRunClear(&map, 69, &start), 0);
    NT_EXPECT_EQ(RtlFindLastBackwardRunClear(&map, 0, &start), 0);
    NT_EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 0);
}

/* ---- bits of a number ---- */

NT_TEST(RtlBits, HighestAndLowestBitOfANumber)
{
    NT_EXPECT_EQ(RtlFindMostSignificantBit(0), (CCHAR)-1);
    NT_EXPECT_EQ(RtlFindLeastSignificantBit(0), (CCHAR)-1);
    for (CCHAR low = 0; low < 64; low++) {
        for (CCHAR high = low; high < 64; high++) {
            ULONGLONG set = 1ull << low | 1ull << high;
            NT_EXPECT_EQ(RtlFindLeastSignificantBit(set), low);
            NT_EXPECT_EQ(RtlFindMostSignificantBit(set), high);
        }
    }
    NT_EXPECT_EQ(RtlFindLeastSignificantBit(MAXULONGLONG), 0);
    NT_EXPECT_EQ(RtlFindMostSignificantBit(MAXULONGLONG), 63);
}

NT_TEST(RtlBits, BitsOfANumberAreCounted)
{
    ULONG_PTR set = 0;

    for (ULONG count = 0; count <= 64; count++) {
        NT_EXPECT_EQ(RtlNumberOfSetBitsUlongPtr(set), count);
        set = set << 1 | 1;
    }
    NT_EXPECT_EQ(RtlNumberOfSetBitsUlongPtr(0x8000000000000001), 2);
    NT_EXPECT_EQ(RtlNumberOfSetBitsUlongPtr(0x5555555555555555), 32);
}
