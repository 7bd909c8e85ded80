/* SPDX-License-Identifier: MIT
 *
 * test/mm/mm_test.h - what the tests of mm share: the machine up to mm, and user pages
 */
#pragma once

#include "mm/mm.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#include <ntbox/eh.h>

#define MM_TAG 0x74736554u /* 'Test' */

static const HALP_UPCALLS MmTestUpcalls = {.Fault = MiHandleFault, .ThreadExit = KiHostThreadExit};
static EXP_POOL_STATISTICS MmTestBefore;

void
NtTestSetUp(void)
{
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &MmTestUpcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(2), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializePools(), STATUS_SUCCESS);
    ExpQueryPoolStatistics(&MmTestBefore);
    NT_EXPECT_STATUS(MiInitializeSystem(), STATUS_SUCCESS);
}

void
NtTestTearDown(void)
{
    EXP_POOL_STATISTICS now;

    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
    NT_EXPECT_EQ(MiUserMappingCount(NULL), 0);
    MiShutdownSystem();
    ExpQueryPoolStatistics(&now);
    NT_EXPECT_EQ(now.BlocksInUse, MmTestBefore.BlocksInUse);
    KiShutdownSystem();
    HalpShutdown();
}

/* Pages of the client: Usable pages, then as many that nobody can touch. */
static inline PUCHAR
UserPages(ULONG Usable)
{
    SIZE_T size = (SIZE_T)Usable * PAGE_SIZE;
    PVOID pages;

    NT_EXPECT_EQ(HalpReserveMemory(2 * size, HALP_PAGE_SIZE, &pages), HALP_OK);
    NT_EXPECT_EQ(HalpCommitMemory(pages, size, HALP_READ | HALP_WRITE), HALP_OK);
    return pages;
}

/* Status that the statement raises; STATUS_SUCCESS if none. */
#define RAISED(...)                                                  \
    ({                                                               \
        volatile NTSTATUS raisedStatus = STATUS_SUCCESS;             \
        __try {                                                      \
            __VA_ARGS__;                                             \
        } __except (raisedStatus = (NTSTATUS)_exception_code(), 1) { \
        }                                                            \
        raisedStatus;                                                \
    })
