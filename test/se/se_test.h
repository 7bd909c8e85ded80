/* SPDX-License-Identifier: MIT
 *
 * se_test.h - the kernel up to se on hal/sim: tokens, but no processes
 *
 * A subject context is filled by hand with the token of whoever is to be tested.
 */
#pragma once

#include "se/se.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#define US(text) RTL_CONSTANT_STRING(text)

static ULONG64 SeTestBlocks __attribute__((unused));

static inline ULONG64
SeTestPoolBlocks(VOID)
{
    EXP_POOL_STATISTICS statistics;

    ExpQueryPoolStatistics(&statistics);
    return statistics.BlocksInUse;
}

static inline VOID
SeTestStart(VOID)
{
    static const HALP_UPCALLS upcalls = {MiHandleFault, KiHostThreadExit};

    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &upcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(1), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializePools(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MiInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(SepInitializeTokens(), STATUS_SUCCESS);
    SeTestBlocks = SeTestPoolBlocks();
}

/* What a test took it has given back. */
static inline VOID
SeTestStop(VOID)
{
    NT_EXPECT_EQ(SeTestPoolBlocks(), SeTestBlocks);
    SepShutdownTokens();
    ObpShutdownSystem();
    MiShutdownSystem();
    KiShutdownSystem();
    HalpShutdown();
}

#define SE_TEST_ADMIN 0x80000000u /* of SeTestToken: an administrator */

/* The token of a host user, whose group has the same number. 0: the system's. */
static inline PACCESS_TOKEN
SeTestToken(ULONG Uid)
{
    SEP_IDENTITY identity = {.Uid = Uid & ~SE_TEST_ADMIN, .Gid = Uid & ~SE_TEST_ADMIN};
    PACCESS_TOKEN token = NULL;

    identity.IsAdministrator = (Uid & SE_TEST_ADMIN) != 0;
    NT_EXPECT_STATUS(SepCreateToken(&identity, &token), STATUS_SUCCESS);
    return token;
}

static inline PSECURITY_DESCRIPTOR
SeTestDescriptor(PCWSTR Sddl)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    UNICODE_STRING text;

    RtlInitUnicodeString(&text, Sddl);
    NT_EXPECT_STATUS(SepParseSddl(&text, &descriptor), STATUS_SUCCESS);
    return descriptor;
}
