/* SPDX-License-Identifier: MIT
 *
 * rtl/bitmap.c - bitmaps of ULONGs
 *
 * Runs are searched word by word, so that long equal stretches cost a step each 32 bits. The
 * caller serialises; bits behind SizeOfBitMap in the last ULONG are never looked at nor changed.
 *
 * Source  WDK reference, wdm.h RtlInitializeBitMap and its neighbours
 */
#include "rtl/rtl.h"

#define NOT_FOUND 0xFFFFFFFFu
#define WORD_BITS 32u

/* The first bit at or after From whose value is Set, or Limit. */
static ULONG
RtlpNextBit(const RTL_BITMAP *Map, ULONG From, ULONG Limit, BOOLEAN Set)
{
    while (From < Limit) {
        ULONG word = Map->Buffer[From / WORD_BITS];
        ULONG left = (Set ? word : ~word) >> (From % WORD_BITS);
        if (left != 0) {
            ULONG found = From + (ULONG)__builtin_ctz(left);
            return found < Limit ? found : Limit;
        }
        From = (From / WORD_BITS + 1) * WORD_BITS;
    }
    return Limit;
}

/* The first run of at least Count bits of value Set that lies in [From, Limit). */
static ULONG
RtlpFindRun(const RTL_BITMAP *Map, ULONG Count, ULONG From, ULONG Limit, BOOLEAN Set)
{
    while (From < Limit) {
        ULONG start = RtlpNextBit(Map, From, Limit, Set);
        ULONG end = RtlpNextBit(Map, start, Limit, !Set);
        if (start < Limit && end - start >= Count) {
            return start;
        }
        From = end;
    }
    return NOT_FOUND;
}

static VOID
RtlpChangeBits(const RTL_BITMAP *Map, ULONG Start, ULONG Count, BOOLEAN Set)
{
    while (Count > 0) {
        ULONG offset = Start % WORD_BITS;
        ULONG part = WORD_BITS - offset < Count ? WORD_BITS - offset : Count;
        ULONG mask = (part == WORD_BITS ? ~0u : (1u << part) - 1) << offset;
        if (Set) {
            Map->Buffer[Start / WORD_BITS] |= mask;
        } else {
            Map->Buffer[Start / WORD_BITS] &= ~mask;
        }
        Start += part;
        Count -= part;
    }
}

/* As RtlFindClearBits: from the hint's byte to the end, then from the start. */
static ULONG
RtlpFindHinted(const RTL_BITMAP *Map, ULONG Count, ULONG Hint, BOOLEAN Set)
{
    ULONG size = Map->SizeOfBitMap;
    ULONG from = Hint < size ? Hint & ~7u : 0;
    ULONG found;

    if (Count == 0) {
        return from;
    }
    found = RtlpFindRun(Map, Count, from, size, Set);
    if (found == NOT_FOUND && from > 0) {
        ULONG limit = Count < size - from ? from + Count - 1 : size;
        found = RtlpFindRun(Map, Count, 0, limit, Set);
    }
    return found;
}

#pragma GCC visibility push(default)

VOID NTAPI
RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap)
{
    BitMapHeader->SizeOfBitMap = SizeOfBitMap;
    BitMapHeader->Buffer = BitMapBuffer;
}

VOID NTAPI
RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    RtlpChangeBits(BitMapHeader, BitNumber, 1, TRUE);
}

VOID NTAPI
RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    RtlpChangeBits(BitMapHeader, BitNumber, 1, FALSE);
}

BOOLEAN NTAPI
RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    return (BitMapHeader->Buffer[BitNumber / WORD_BITS] >> (BitNumber % WORD_BITS) & 1) != 0;
}

VOID NTAPI
RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet)
{
    RtlpChangeBits(BitMapHeader, StartingIndex, NumberToSet, TRUE);
}

VOID NTAPI
RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear)
{
    RtlpChangeBits(BitMapHeader, StartingIndex, NumberToClear, FALSE);
}

VOID NTAPI
RtlSetAllBits(PRTL_BITMAP BitMapHeader)
{
    RtlpChangeBits(BitMapHeader, 0, BitMapHeader->SizeOfBitMap, TRUE);
}

VOID NTAPI
RtlClearAllBits(PRTL_BITMAP BitMapHeader)
{
    RtlpChangeBits(BitMapHeader, 0, BitMapHeader->SizeOfBitMap, FALSE);
}

/* The hint is rounded down to a whole byte. 0xFFFFFFFF: there is no such run. */
ULONG NTAPI
RtlFindClearBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return RtlpFindHinted(BitMapHeader, NumberToFind, HintIndex, FALSE);
}

ULONG NTAPI
RtlFindSetBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return RtlpFindHinted(BitMapHeader, NumberToFind, HintIndex, TRUE);
}

ULONG NTAPI
RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG found = RtlpFindHinted(BitMapHeader, NumberToFind, HintIndex, FALSE);

    if (found != NOT_FOUND) {
        RtlpChangeBits(BitMapHeader, found, NumberToFind, TRUE);
    }
    return found;
}

ULONG NTAPI
RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG found = RtlpFindHinted(BitMapHeader, NumberToFind, HintIndex, TRUE);

    if (found != NOT_FOUND) {
        RtlpChangeBits(BitMapHeader, found, NumberToFind, FALSE);
    }
    return found;
}

ULONG NTAPI
RtlNumberOfSetBits(PRTL_BITMAP BitMapHeader)
{
    ULONG size = BitMapHeader->SizeOfBitMap;
    ULONG count = 0;

    for (ULONG i = 0; i < size / WORD_BITS; i++) {
        count += (ULONG)__builtin_popcount(BitMapHeader->Buffer[i]);
    }
    if (size % WORD_BITS != 0) {
        count += (ULONG)__builtin_popcount(BitMapHeader->Buffer[size / WORD_BITS] &
                                           ((1u << size % WORD_BITS) - 1));
    }
    return count;
}

ULONG NTAPI
RtlNumberOfClearBits(PRTL_BITMAP BitMapHeader)
{
    return BitMapHeader->SizeOfBitMap - RtlNumberOfSetBits(BitMapHeader);
}

static BOOLEAN
RtlpAre(const RTL_BITMAP *Map, ULONG Start, ULONG Length, BOOLEAN Set)
{
    if (Length == 0 || Start >= Map->SizeOfBitMap || Length > Map->SizeOfBitMap - Start) {
        return FALSE;
    }
    return RtlpNextBit(Map, Start, Start + Length, !Set) == Start + Length;
}

/* FALSE also for an empty range or one that is not inside the map. */
BOOLEAN NTAPI
RtlAreBitsSet(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return RtlpAre(BitMapHeader, StartingIndex, Length, TRUE);
}

BOOLEAN NTAPI
RtlAreBitsClear(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return RtlpAre(BitMapHeader, StartingIndex, Length, FALSE);
}

/* Length of the first clear run at or after FromIndex, which starts at *StartingRunIndex. */
ULONG NTAPI
RtlFindNextForwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex)
{
    ULONG size = BitMapHeader->SizeOfBitMap;
    ULONG start = RtlpNextBit(BitMapHeader, FromIndex, size, FALSE);

    if (FromIndex >= size || start == size) {
        *StartingRunIndex = FromIndex;
        return 0;
    }
    *StartingRunIndex = start;
    return RtlpNextBit(BitMapHeader, start, size, TRUE) - start;
}

ULONG NTAPI
RtlFindFirstRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex)
{
    return RtlFindNextForwardRunClear(BitMapHeader, 0, StartingIndex);
}

/* Length of the last clear run that starts at or before FromIndex, cut off at FromIndex. */
ULONG NTAPI
RtlFindLastBackwardRunClear(PRTL_BITMAP BitMapHeader, ULONG FromIndex, PULONG StartingRunIndex)
{
    ULONG end = FromIndex;
    ULONG start;

    if (FromIndex >= BitMapHeader->SizeOfBitMap) {
        *StartingRunIndex = FromIndex;
        return 0;
    }
    while (RtlTestBit(BitMapHeader, end)) {
        if (end-- == 0) {
            *StartingRunIndex = FromIndex;
            return 0;
        }
    }
    start = end;
    while (start > 0 && !RtlTestBit(BitMapHeader, start - 1)) {
        start--;
    }
    *StartingRunIndex = start;
    return end - start + 1;
}

/*
 * RtlFindClearRuns - the first runs, or with LocateLongestRuns the longest, longest first
 *
 * Returns  how many entries of RunArray were filled
 */
ULONG NTAPI
RtlFindClearRuns(PRTL_BITMAP BitMapHeader, PRTL_BITMAP_RUN RunArray, ULONG SizeOfRunArray,
                 BOOLEAN LocateLongestRuns)
{
    RTL_BITMAP_RUN run = {0, 0};
    ULONG count = 0;

    for (;;) {
        ULONG place = count;
        run.NumberOfBits = RtlFindNextForwardRunClear(
            BitMapHeader, run.StartingIndex + run.NumberOfBits, &run.StartingIndex);
        if (run.NumberOfBits == 0 || (!LocateLongestRuns && count == SizeOfRunArray)) {
            return count;
        }
        while (LocateLongestRuns && place > 0 &&
               RunArray[place - 1].NumberOfBits < run.NumberOfBits) {
            place--;
        }
        if (place == SizeOfRunArray) {
            continue;
        }
        count += count < SizeOfRunArray;
        memmove(&RunArray[place + 1], &RunArray[place],
                (count - place - 1) * sizeof(RTL_BITMAP_RUN));
        RunArray[place] = run;
    }
}

ULONG NTAPI
RtlFindLongestRunClear(PRTL_BITMAP BitMapHeader, PULONG StartingIndex)
{
    RTL_BITMAP_RUN run = {0, 0};

    RtlFindClearRuns(BitMapHeader, &run, 1, TRUE);
    *StartingIndex = run.StartingIndex;
    return run.NumberOfBits;
}

/* -1 if no bit is set. */
CCHAR NTAPI
RtlFindMostSignificantBit(ULONGLONG Set)
{
    return (CCHAR)(Set == 0 ? -1 : 63 - __builtin_clzll(Set));
}

CCHAR NTAPI
RtlFindLeastSignificantBit(ULONGLONG Set)
{
    return (CCHAR)(Set == 0 ? -1 : __builtin_ctzll(Set));
}

ULONG NTAPI
RtlNumberOfSetBitsUlongPtr(ULONG_PTR Target)
{
    return (ULONG)__builtin_popcountll(Target);
}

#pragma GCC visibility pop
