/* SPDX-License-Identifier: MIT
 *
 * intrinsics_test.c - what Microsoft's compiler has built in, by value
 */
#include <ntddk.h>
#include <intrin.h>

#include "nt_test.h"

NT_TEST(Interlocked, OldAndNewValues)
{
    LONG value = 5;
    LONG64 wide = 5;
    PVOID pointer = &value;

    NT_EXPECT_EQ(InterlockedIncrement(&value), 6);
    NT_EXPECT_EQ(InterlockedDecrement(&value), 5);
    NT_EXPECT_EQ(InterlockedExchangeAdd(&value, 3), 5);
    NT_EXPECT_EQ(InterlockedAdd(&value, 2), 10);
    NT_EXPECT_EQ(InterlockedOr(&value, 5), 10);
    NT_EXPECT_EQ(InterlockedAnd(&value, 12), 15);
    NT_EXPECT_EQ(InterlockedXor(&value, 1), 12);
    NT_EXPECT_EQ(InterlockedExchange(&value, 1), 13);
    NT_EXPECT_EQ(InterlockedCompareExchange(&value, 9, 2), 1);
    NT_EXPECT_EQ(InterlockedCompareExchange(&value, 9, 1), 1);
    NT_EXPECT_EQ(value, 9);
    NT_EXPECT_EQ(InterlockedIncrement64(&wide), 6);
    NT_EXPECT_EQ(InterlockedExchangeAdd64(&wide, -6), 6);
    NT_EXPECT_EQ(InterlockedCompareExchange64(&wide, -1, 0), 0);
    NT_EXPECT_EQ(wide, -1);
    NT_EXPECT_EQ(InterlockedExchangePointer(&pointer, &wide), &value);
    NT_EXPECT_EQ(InterlockedCompareExchangePointer(&pointer, NULL, &wide), &wide);
    NT_EXPECT_EQ(pointer, NULL);
}

NT_TEST(Interlocked, IncrementWrapsAround)
{
    LONG value = 0x7fffffff;

    NT_EXPECT_EQ(InterlockedIncrement(&value), (LONG)0x80000000);
    NT_EXPECT_EQ(InterlockedDecrement(&value), 0x7fffffff);
}

NT_TEST(Interlocked, Bits)
{
    LONG bits[2] = {0, 0};
    LONG64 wide = 0;

    NT_EXPECT_EQ(InterlockedBitTestAndSet(&bits[0], 31), 0);
    NT_EXPECT_EQ(InterlockedBitTestAndSet(&bits[0], 31), 1);
    NT_EXPECT_EQ(InterlockedBitTestAndReset(&bits[0], 31), 1);
    NT_EXPECT_EQ(bits[0], 0);
    NT_EXPECT_EQ(_bittestandset(bits, 33), 0); /* past the first word */
    NT_EXPECT_EQ(bits[1], 2);
    NT_EXPECT_EQ(_bittest(bits, 33), 1);
    NT_EXPECT_EQ(_bittestandcomplement(bits, 33), 1);
    NT_EXPECT_EQ(bits[1], 0);
    NT_EXPECT_EQ(_interlockedbittestandset64(&wide, 63), 0);
    NT_EXPECT_EQ(wide, (LONG64)0x8000000000000000ull);
}

NT_TEST(Interlocked, Exchange128)
{
    __attribute__((aligned(16))) LONG64 target[2] = {1, 2};
    LONG64 comparand[2] = {1, 3};

    NT_EXPECT_EQ(InterlockedCompareExchange128(target, 8, 7, comparand), 0);
    NT_EXPECT_EQ(comparand[1], 2);
    NT_EXPECT_EQ(InterlockedCompareExchange128(target, 8, 7, comparand), 1);
    NT_EXPECT_EQ(target[0], 7);
    NT_EXPECT_EQ(target[1], 8);
}

NT_TEST(Bits, ScanRotateSwap)
{
    ULONG index = 99;

    NT_EXPECT_EQ(_BitScanForward(&index, 0), 0);
    NT_EXPECT_EQ(_BitScanForward(&index, 0x80000010), 1);
    NT_EXPECT_EQ(index, 4);
    NT_EXPECT_EQ(_BitScanReverse(&index, 0x80000010), 1);
    NT_EXPECT_EQ(index, 31);
    NT_EXPECT_EQ(_BitScanReverse64(&index, 1ull << 40), 1);
    NT_EXPECT_EQ(index, 40);
    NT_EXPECT_EQ(_rotl(0x80000001u, 1), 3);
    NT_EXPECT_EQ(_rotr(3u, 1), 0x80000001u);
    NT_EXPECT_EQ(_rotl64(1ull << 63, 1), 1);
    NT_EXPECT_EQ(_rotl8(0x81, 1), 3);
    NT_EXPECT_EQ(_rotr16(1, 1), 0x8000);
    NT_EXPECT_EQ(_rotl(5u, 0), 5);
    NT_EXPECT_EQ(_byteswap_ulong(0x12345678), 0x78563412);
    NT_EXPECT_EQ(_byteswap_ushort(0x1234), 0x3412);
    NT_EXPECT_EQ(__popcnt(0xff), 8);
}

NT_TEST(Wide, Products)
{
    ULONG64 high;

    NT_EXPECT_EQ(__umulh(1ull << 63, 4), 2);
    NT_EXPECT_EQ(__mulh(-1, 1), -1);
    NT_EXPECT_EQ(_umul128(1ull << 63, 6, &high), 0);
    NT_EXPECT_EQ(high, 3);
    NT_EXPECT_EQ(__shiftleft128(1ull << 63, 1, 1), 3);
    NT_EXPECT_EQ(__shiftright128(0, 1, 1), 1ull << 63);
    NT_EXPECT_EQ(__shiftleft128(5, 7, 0), 7);
}

NT_TEST(Memory, OrderedAccess)
{
    LONG value = 0;
    PVOID pointer = NULL;

    WriteRelease(&value, 7);
    NT_EXPECT_EQ(ReadAcquire(&value), 7);
    WriteNoFence(&value, 8);
    NT_EXPECT_EQ(ReadNoFence(&value), 8);
    WritePointerRelease(&pointer, &value);
    NT_EXPECT_EQ(ReadPointerAcquire(&pointer), &value);
    KeMemoryBarrier();
}

NT_TEST(Memory, StringInstructions)
{
    UCHAR bytes[8] = {0};
    ULONG words[2];

    __stosb(bytes, 0xaa, 4);
    NT_EXPECT_EQ(bytes[3], 0xaa);
    NT_EXPECT_EQ(bytes[4], 0);
    __stosd(words, 0x11223344, 2);
    NT_EXPECT_EQ(words[1], 0x11223344);
    __movsb(bytes + 4, bytes, 4);
    NT_EXPECT_EQ(bytes[7], 0xaa);
}

NT_TEST(Processor, Cpuid)
{
    int registers[4] = {0};

    __cpuid(registers, 0);
    NT_EXPECT_TRUE(registers[0] > 0);
}
