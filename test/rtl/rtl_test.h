/* SPDX-License-Identifier: MIT
 *
 * test/rtl/rtl_test.h - what rtl's tests share: an allocator that counts, and string literals
 */
#pragma once

#include "rtl/rtl.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

static LONG LiveBlocks;
static BOOLEAN NoMemory;

static PVOID
TestAllocate(SIZE_T Size)
{
    if (NoMemory) {
        return NULL;
    }
    LiveBlocks++;
    return malloc(Size);
}

static VOID
TestFree(PVOID Block)
{
    LiveBlocks--;
    free(Block);
}

static const HALP_UPCALLS RtlTestUpcalls;
static const RTLP_ALLOC RtlTestAllocator = {TestAllocate, TestFree};

void
NtTestSetUp(void)
{
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &RtlTestUpcalls), HALP_OK);
    RtlpRegisterAllocator(&RtlTestAllocator);
}

void
NtTestTearDown(void)
{
    NT_EXPECT_EQ(LiveBlocks, 0);
    HalpShutdown();
}

/* A UNICODE_STRING of a wide literal. */
#define U(text)                                                              \
    (UNICODE_STRING)                                                         \
    {                                                                        \
        sizeof(text) - sizeof(WCHAR), sizeof(text), (PWSTR)(ULONG_PTR)(text) \
    }
