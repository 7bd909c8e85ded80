/* SPDX-License-Identifier: MIT
 *
 * kernel_test.h - the whole kernel on hal/sim, linked into the test program
 */
#pragma once

#include "init/initp.h"
#include "ps/psp.h"
#include "init/exports.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#define DRIVER(name) TEST_DRIVER_FOLDER "/" name ".so"

static inline VOID
KernelTestStart(VOID)
{
    static const PSP_EVENT_OPTIONS options = {.Disabled = TRUE};

    NT_EXPECT_STATUS(InitpStartSystem(2, &options), STATUS_SUCCESS);
    LdrpRegisterExports(NtboxExports, NtboxExportCount);
}

static inline BOOLEAN
KernelTestCountBlock(PVOID Context, const EXP_POOL_BLOCK *Block)
{
    *(ULONG64 *)Context += memcmp(&Block->Tag, "Mimg", 4) != 0;
    return TRUE;
}

/*
 * How many blocks of pool are in use, without what threads that have ended still hold, and without
 * the image tables of mm, which keeps old ones for readers that take no lock.
 */
static inline ULONG64
KernelTestBlocks(VOID)
{
    ULONG64 count = 0;

    PspJoinEndedThreads();
    ExpForEachPoolBlock(KernelTestCountBlock, &count);
    return count;
}
