/* SPDX-License-Identifier: MIT
 *
 * test/rtl/macros_test.c - what the headers make macros of, called as exports: memory, byte order,
 * versions; random numbers
 */
#include "rtl_test.h"

#undef RtlCopyMemory
#undef RtlMoveMemory
#undef RtlZeroMemory
#undef RtlFillMemory
#undef RtlUshortByteSwap
#undef RtlUlongByteSwap
#undef RtlUlonglongByteSwap
#undef RtlIsNtDdiVersionAvailable
#undef RtlIsServicePackVersionInstalled

VOID NTAPI RtlCopyMemory(VOID *Destination, CONST VOID *Source, SIZE_T Length);
VOID NTAPI RtlMoveMemory(VOID *Destination, CONST VOID *Source, SIZE_T Length);
VOID NTAPI RtlZeroMemory(VOID *Destination, SIZE_T Length);
VOID NTAPI RtlFillMemory(VOID *Destination, SIZE_T Length, UCHAR Fill);
USHORT FASTCALL RtlUshortByteSwap(USHORT Source);
ULONG FASTCALL RtlUlongByteSwap(ULONG Source);
ULONGLONG FASTCALL RtlUlonglongByteSwap(ULONGLONG Source);
BOOLEAN NTAPI RtlIsNtDdiVersionAvailable(ULONG Version);
BOOLEAN NTAPI RtlIsServicePackVersionInstalled(ULONG Version);
BOOLEAN NTAPI WdmlibRtlIsNtDdiVersionAvailable(ULONG Version);
BOOLEAN NTAPI WdmlibRtlIsServicePackVersionInstalled(ULONG Version);

/* ---- memory: every length and alignment of a small block, and nothing around it ---- */

#define BLOCK 64

typedef struct MEMORY {
    UCHAR Bytes[3 * BLOCK];
} MEMORY;

/* Bytes that differ from their neighbours. */
static VOID
FillMemory(MEMORY *Memory, UCHAR First)
{
    for (ULONG i = 0; i < sizeof(Memory->Bytes); i++) {
        Memory->Bytes[i] = (UCHAR)(First + i * 7);
    }
}

NT_TEST(RtlMemoryExports, CopyMovesNothingElse)
{
    for (ULONG offset = 0; offset < 9; offset++) {
        for (ULONG length = 0; length <= BLOCK; length++) {
            MEMORY source;
            MEMORY destination;
            MEMORY before;
            FillMemory(&source, 1);
            FillMemory(&destination, 100);
            before = destination;
            RtlCopyMemory(&destination.Bytes[BLOCK + offset], &source.Bytes[3], length);
            for (ULONG i = 0; i < sizeof(before.Bytes); i++) {
                BOOLEAN inside = i >= BLOCK + offset && i < BLOCK + offset + length;
                NT_EXPECT_EQ(destination.Bytes[i],
                             inside ? source.Bytes[3 + i - BLOCK - offset] : before.Bytes[i]);
            }
        }
    }
}

NT_TEST(RtlMemoryExports, MoveKnowsOverlapsOnBothSides)
{
    for (LONG distance = -BLOCK; distance <= BLOCK; distance++) {
        for (ULONG length = 0; length <= BLOCK; length += 3) {
            LONG start = BLOCK + distance;
            MEMORY memory;
            MEMORY before;
            FillMemory(&memory, 5);
            before = memory;
            RtlMoveMemory(&memory.Bytes[start], &memory.Bytes[BLOCK], length);
            for (LONG i = 0; i < (LONG)sizeof(before.Bytes); i++) {
                BOOLEAN inside = i >= start && i < start + (LONG)length;
                NT_EXPECT_EQ(memory.Bytes[i], before.Bytes[inside ? i - distance : i]);
            }
        }
    }
}

NT_TEST(RtlMemoryExports, FillAndZeroWriteTheirBytesOnly)
{
    static const UCHAR fills[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};

    NT_FOR_EACH (fill, fills) {
        for (ULONG length = 0; length <= BLOCK; length++) {
            MEMORY filled;
            MEMORY zeroed;
            MEMORY before;
            FillMemory(&before, 9);
            filled = before;
            zeroed = before;
            RtlFillMemory(&filled.Bytes[BLOCK + 1], length, *fill);
            RtlZeroMemory(&zeroed.Bytes[BLOCK + 1], length);
            for (ULONG i = 0; i < sizeof(before.Bytes); i++) {
                BOOLEAN inside = i > BLOCK && i <= BLOCK + length;
                NT_EXPECT_EQ(filled.Bytes[i], inside ? *fill : before.Bytes[i]);
                NT_EXPECT_EQ(zeroed.Bytes[i], inside ? 0 : before.Bytes[i]);
            }
        }
    }
}

/* ---- byte order ---- */

NT_TEST(RtlByteSwap, ReversesEveryByte)
{
    NT_EXPECT_EQ(RtlUshortByteSwap(0x1234), 0x3412);
    NT_EXPECT_EQ(RtlUlongByteSwap(0x12345678), 0x78563412);
    NT_EXPECT_EQ(RtlUlonglongByteSwap(0x0123456789ABCDEF), 0xEFCDAB8967452301);
    for (ULONG bit = 0; bit < 64; bit++) {
        ULONG from = bit / 8;
        NT_EXPECT_EQ(RtlUlonglongByteSwap(1ull << bit), 1ull << ((7 - from) * 8 + bit % 8));
        if (bit < 32) {
            NT_EXPECT_EQ(RtlUlongByteSwap(1u << bit), 1u << ((3 - from) * 8 + bit % 8));
        }
        if (bit < 16) {
            NT_EXPECT_EQ(RtlUshortByteSwap((USHORT)(1u << bit)), 1u << ((1 - from) * 8 + bit % 8));
        }
    }
}

/* ---- versions ---- */

/* Windows 10, build 19041 and its successors, without a service pack. */
static const struct {
    ULONG Version;
    BOOLEAN Available;
    BOOLEAN ServicePack;
} VersionRows[] = {
    {0x05000000, TRUE, FALSE}, /* NTDDI_WIN2K */
    {0x05010000, TRUE, FALSE}, /* NTDDI_WINXP */
    {0x05020000, TRUE, FALSE}, /* NTDDI_WS03 */
    {0x06000000, TRUE, FALSE}, /* NTDDI_VISTA */
    {0x06010000, TRUE, FALSE}, /* NTDDI_WIN7 */
    {0x06020000, TRUE, FALSE}, /* NTDDI_WIN8 */
    {0x06030000, TRUE, FALSE}, /* NTDDI_WINBLUE */
    {0x0A000000, TRUE, TRUE},  /* NTDDI_WIN10 */
    {0x0A010000, FALSE, FALSE}, {0x0B000000, FALSE, FALSE}, {0xFFFF0000, FALSE, FALSE},
};

NT_TEST(RtlVersions, EveryOlderWindowsIsAvailable)
{
    NT_FOR_EACH (row, VersionRows) {
        NT_EXPECT_EQ(RtlIsNtDdiVersionAvailable(row->Version), row->Available);
        NT_EXPECT_EQ(WdmlibRtlIsNtDdiVersionAvailable(row->Version), row->Available);
    }
}

/* Of another Windows none is installed, however old it is. */
NT_TEST(RtlVersions, ServicePacksAreThoseOfThisWindows)
{
    static const ULONG packs[] = {
        0x05000400, /* NTDDI_WIN2KSP4 */
        0x05010300, /* NTDDI_WINXPSP3 */
        0x05020200, /* NTDDI_WS03SP2 */
        0x06000100, /* NTDDI_VISTASP1 */
        0x06000200, /* NTDDI_VISTASP2, NTDDI_WS08SP2 */
        0x0A000100, /* there is none of Windows 10 */
    };

    NT_FOR_EACH (row, VersionRows) {
        NT_EXPECT_EQ(RtlIsServicePackVersionInstalled(row->Version), row->ServicePack);
        NT_EXPECT_EQ(WdmlibRtlIsServicePackVersionInstalled(row->Version), row->ServicePack);
    }
    NT_FOR_EACH (pack, packs) {
        NT_EXPECT_FALSE(RtlIsServicePackVersionInstalled(*pack));
        NT_EXPECT_FALSE(WdmlibRtlIsServicePackVersionInstalled(*pack));
    }
}

NT_TEST(RtlVersions, TheSizeChoosesTheStructure)
{
    static const struct {
        ULONG Size;
        ULONG Written;
    } rows[] = {
        {sizeof(RTL_OSVERSIONINFOW), sizeof(RTL_OSVERSIONINFOW)},
        {sizeof(RTL_OSVERSIONINFOEXW), sizeof(RTL_OSVERSIONINFOEXW)},
    };

    NT_FOR_EACH (row, rows) {
        struct {
            RTL_OSVERSIONINFOEXW Information;
            UCHAR Behind;
        } data;
        memset(&data, 0xAA, sizeof(data));
        data.Information.dwOSVersionInfoSize = row->Size;
        NT_EXPECT_STATUS(RtlGetVersion((PRTL_OSVERSIONINFOW)&data.Information), STATUS_SUCCESS);
        NT_EXPECT_EQ(data.Information.dwOSVersionInfoSize, row->Size);
        NT_EXPECT_EQ(data.Information.dwMajorVersion, 10);
        NT_EXPECT_EQ(data.Information.dwMinorVersion, 0);
        NT_EXPECT_EQ(data.Information.dwBuildNumber, 19045);
        NT_EXPECT_EQ(data.Information.dwPlatformId, VER_PLATFORM_WIN32_NT);
        NT_EXPECT_EQ(data.Information.szCSDVersion[0], 0);
        NT_EXPECT_EQ(((PUCHAR)&data)[row->Written], 0xAA);
        if (row->Size == sizeof(RTL_OSVERSIONINFOEXW)) {
            NT_EXPECT_EQ(data.Information.wServicePackMajor, 0);
            NT_EXPECT_EQ(data.Information.wServicePackMinor, 0);
            NT_EXPECT_EQ(data.Information.wProductType, VER_NT_WORKSTATION);
        }
    }
}

/* ---- random numbers ---- */

/* Each sixteenth of the range gets its share of one seed's sequence. */
NT_TEST(RtlRandomNumbers, FillTheRangeEvenly)
{
    enum { Numbers = 16000 };
    ULONG shares[16] = {0};
    ULONG seed = 12345;

    for (ULONG i = 0; i < Numbers; i++) {
        ULONG number = RtlRandom(&seed);
        NT_EXPECT_TRUE(number < MAXLONG);
        shares[number / (MAXLONG / 16 + 1)]++;
    }
    NT_FOR_EACH (share, shares) {
        NT_EXPECT_TRUE(*share > Numbers / 16 / 2 && *share < Numbers / 16 * 2);
    }
}

NT_TEST(RtlRandomNumbers, TheSeedMovesOn)
{
    ULONG seed = 1;
    ULONG same = 0;

    for (ULONG i = 0; i < 1000; i++) {
        ULONG before = seed;
        ULONG number = RtlRandom(&seed);
        same += seed == before;
        same += RtlRandom(&seed) == number;
    }
    NT_EXPECT_TRUE(same < 5);
}
