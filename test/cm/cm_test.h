/* SPDX-License-Identifier: MIT
 *
 * cm_test.h - the kernel up to cm on hal/sim
 */
#pragma once

#include "cm/cm.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#define PATH_SERVICES L"\\Registry\\Machine\\System\\CurrentControlSet\\Services"

static inline VOID
CmTestStart(VOID)
{
    static const HALP_UPCALLS upcalls = {MiHandleFault, KiHostThreadExit};
    static const PSP_EVENT_OPTIONS options = {.Disabled = TRUE};

    NT_EXPECT_STATUS(HalpInitialize(HALP_VERSION, &upcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(2), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializePools(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MiInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpInitializeSystem(), STATUS_SUCCESS);
    PspSetEventOptions(&options);
    NT_EXPECT_STATUS(PspInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmpInitializeSystem(), STATUS_SUCCESS);
}

static inline VOID
CmTestStop(VOID)
{
    CmpShutdownSystem();
    ExpShutdownSystem();
    PspShutdownSystem();
    ObpShutdownSystem();
    MiShutdownSystem();
    KiShutdownSystem();
    HalpShutdown();
}

/* Opens or (Create) makes a key below Root; the status. */
static inline NTSTATUS
CmTestOpen(HANDLE Root, PCWSTR Path, BOOLEAN Create, ACCESS_MASK Access, HANDLE *Key)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Path);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, Root,
                               NULL);
    return Create ? ZwCreateKey(Key, Access, &attributes, 0, NULL, 0, NULL)
                  : ZwOpenKey(Key, Access, &attributes);
}

static inline NTSTATUS
CmTestSet(HANDLE Key, PCWSTR Name, ULONG Type, const VOID *Data, ULONG Length)
{
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    return ZwSetValueKey(Key, &name, 0, Type, (PVOID)Data, Length);
}
