/* SPDX-License-Identifier: MIT
 *
 * test/ob/ob_test.h - what the tests of ob share: the machine up to ob, processes, threads
 */
#pragma once

#include "ob/ob.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#include <ntbox/eh.h>

#define OB_TAG 0x74736554u /* 'Test' */

/* Stands for ps: processes and threads that are objects, each process with a table. */
typedef struct TEST_PROCESS {
    KPROCESS Pcb;
    OBP_HANDLE_TABLE *Table;
} TEST_PROCESS;

static const HALP_UPCALLS ObTestUpcalls = {.Fault = MiHandleFault, .ThreadExit = KiHostThreadExit};
static POBJECT_TYPE ObTestProcessType;
static POBJECT_TYPE ObTestThreadType;
static TEST_PROCESS *ObTestSystem; /* its table is the kernel's */
static TEST_PROCESS *ObTestClient;
static KTHREAD *ObTestMain;
static KTHREAD *ObTestBoot;
static LONG ObTestObjects;
static EXP_POOL_STATISTICS ObTestPool;

static inline OBP_HANDLE_TABLE *
ObTestGetTable(PEPROCESS Process)
{
    return Process != NULL ? ((TEST_PROCESS *)Process)->Table : NULL;
}

static inline TEST_PROCESS *
ObTestCreateProcess(void)
{
    TEST_PROCESS *process;

    NT_EXPECT_STATUS(ObpCreateObject(ObTestProcessType, sizeof(*process), (PVOID *)&process),
                     STATUS_SUCCESS);
    KiInitializeProcess(&process->Pcb);
    NT_EXPECT_STATUS(ObpCreateHandleTable((PEPROCESS)process, &process->Table), STATUS_SUCCESS);
    return process;
}

static inline void
ObTestDeleteProcess(TEST_PROCESS *Process)
{
    ObpDestroyHandleTable(Process->Table);
    Process->Table = NULL;
    ObfDereferenceObject(Process);
}

static inline KTHREAD *
ObTestCreateThread(void)
{
    KTHREAD *thread;

    NT_EXPECT_STATUS(ObpCreateObject(ObTestThreadType, KI_SYSTEM_THREAD_SIZE, (PVOID *)&thread),
                     STATUS_SUCCESS);
    KiInitializeThread(thread, &ObTestClient->Pcb);
    return thread;
}

static inline ULONG64
ObTestBlocks(void)
{
    EXP_POOL_STATISTICS now;

    ExpQueryPoolStatistics(&now);
    return now.BlocksInUse;
}

void
NtTestSetUp(void)
{
    static const OBP_TYPE_OPS processOps = {
        .Name = L"Process", .ValidAccess = 0x1FFFFF, .Waitable = TRUE};
    static const OBP_TYPE_OPS threadOps = {
        .Name = L"Thread", .ValidAccess = 0x1FFFFF, .Waitable = TRUE};

    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &ObTestUpcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(2), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializePools(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MiInitializeSystem(), STATUS_SUCCESS);
    ExpQueryPoolStatistics(&ObTestPool);
    NT_EXPECT_STATUS(ObpInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateType(&processOps, &ObTestProcessType), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateType(&threadOps, &ObTestThreadType), STATUS_SUCCESS);
    ObTestSystem = ObTestCreateProcess();
    ObTestClient = ObTestCreateProcess();
    ObpRegisterTables(ObTestGetTable, ObTestSystem->Table);
    ObTestBoot = KiGetCurrentThread();
    ObTestMain = ObTestCreateThread();
    KiSetCurrentThread(ObTestMain);
    ObTestObjects = ObpObjectsInUse(NULL);
}

void
NtTestTearDown(void)
{
    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    ObpRunDeferredDeletes();
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestClient->Table), 0);
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestSystem->Table), 0);
    NT_EXPECT_EQ(ObpObjectsInUse(NULL), ObTestObjects);
    ExpFlushThreadCache(ObTestMain);
    KiTerminateThread(ObTestMain);
    KiSetCurrentThread(ObTestBoot);
    ObfDereferenceObject(ObTestMain);
    ObTestDeleteProcess(ObTestClient);
    ObTestDeleteProcess(ObTestSystem);
    ObfDereferenceObject(ObTestProcessType);
    ObfDereferenceObject(ObTestThreadType);
    ObpShutdownSystem();
    MiShutdownSystem();
    NT_EXPECT_EQ(ObpObjectsInUse(NULL), 0);
    NT_EXPECT_EQ(ObTestBlocks(), ObTestPool.BlocksInUse);
    KiShutdownSystem();
    HalpShutdown();
}

/* ---- threads of a test ---- */

typedef struct TEST_THREAD {
    KTHREAD *Tcb;
    void (*Routine)(void *Context);
    void *Context;
    HALP_THREAD *Host;
} TEST_THREAD;

static inline void
TestThreadStart(void *Context)
{
    TEST_THREAD *thread = Context;

    KiSetCurrentThread(thread->Tcb);
    thread->Routine(thread->Context);
    ExpFlushThreadCache(thread->Tcb);
    KiTerminateThread(thread->Tcb);
    KiSetCurrentThread(NULL);
}

static inline void
StartThread(TEST_THREAD *Thread, void (*Routine)(void *), void *Context)
{
    Thread->Tcb = ObTestCreateThread();
    Thread->Routine = Routine;
    Thread->Context = Context;
    NT_EXPECT_EQ(HalpCreateThread(&Thread->Host, "test", TestThreadStart, Thread), HALP_OK);
}

static inline void
JoinThread(TEST_THREAD *Thread)
{
    HalpWaitThreadEnd(Thread->Host);
    ObfDereferenceObject(Thread->Tcb);
}

/* ---- small things ---- */

static inline UNICODE_STRING
Name(PCWSTR Text)
{
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Text);
    return name;
}

static inline OBJECT_ATTRIBUTES
Attributes(UNICODE_STRING *ObjectName, ULONG Flags)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, ObjectName, Flags, NULL, NULL);
    return attributes;
}

/* Runs the expression as user mode would. */
#define AS_USER(expression)                              \
    ({                                                   \
        KiGetCurrentThread()->PreviousMode = UserMode;   \
        __auto_type asUser = (expression);               \
        KiGetCurrentThread()->PreviousMode = KernelMode; \
        asUser;                                          \
    })
