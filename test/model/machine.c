/* SPDX-License-Identifier: MIT
 *
 * test/model/machine.c - the kernel that runs one seed after the other
 *
 * Starting the kernel takes longer than a run, so it is started once. What a run depends on is put
 * back before each: the scheduler's seed, the clock, the threads' kernel structures, and the
 * processors that threads remember.
 *
 * Invariants  R1  Between two runs every worker waits for MachineRound to change.
 */
#include "machine.h"

#define MAX_WORKERS 4
#define MIN_ACTS 3
#define MAX_MORE_ACTS 6
#define PATIENT_ROUNDS 6 /* so long workers get on by themselves, as far as they do */
#define MAX_ROUNDS 400
#define ROUND_NS 3000000u
#define LAST_DEADLINE_NS 2000000000ull /* no timer of a run is due later, nor is a look at one */

const MODEL_TEST *const ModelTests[] = {&WaitsTest, &TimersTest, &DpcsTest, &ResourceTest, NULL};

typedef struct MACHINE_WORKER {
    union {
        KTHREAD Tcb;
        UCHAR Room[KI_SYSTEM_THREAD_SIZE];
    };
    ULONG Number;
    HALP_THREAD *Host;
} MACHINE_WORKER;

static const HALP_UPCALLS MachineUpcalls = {.ThreadExit = KiHostThreadExit};
static MACHINE_WORKER MachineWorkers[MAX_WORKERS];
static KTHREAD *MachineClockThread;
static KTHREAD *MachineMainThread;

static uint32_t MachineRound; /* atomic: a run has begun */
static uint32_t MachineLeft;  /* atomic: workers that have ended their part */
static const MODEL_TEST *MachineTest;
static UINT64 MachineSeed;

uint64_t
ModelNow(void)
{
    return HalpMonotonicTime();
}

KTHREAD *
MachineThread(ULONG Number)
{
    return Number == 0 ? MachineMainThread : &MachineWorkers[Number - 1].Tcb;
}

static void
RunWorker(MACHINE_WORKER *Worker)
{
    MODEL_RANDOM random = {MachineSeed * 16 + Worker->Number};
    ULONG acts = MIN_ACTS + ModelRandom(&random, MAX_MORE_ACTS);

    for (ULONG i = 0; i < acts; i++) {
        MachineTest->Act(Worker->Number, &random);
    }
    MachineTest->Leave(Worker->Number);
    ExpFlushThreadCache(&Worker->Tcb);
}

static void
WorkerThread(void *Context)
{
    MACHINE_WORKER *worker = Context;
    uint32_t round = 0;

    KiSetCurrentThread(&worker->Tcb);
    for (;;) {
        while (__atomic_load_n(&MachineRound, __ATOMIC_ACQUIRE) == round) {
            HalpWaitAddress(&MachineRound, round, HALP_NEVER);
        }
        round = __atomic_load_n(&MachineRound, __ATOMIC_ACQUIRE);
        if (worker->Number <= MachineTest->Workers) {
            RunWorker(worker);
        }
        __atomic_fetch_add(&MachineLeft, 1, __ATOMIC_RELEASE);
    }
}

static VOID NTAPI
SeeClockThread(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    MachineClockThread = KiGetCurrentThread();
}

static void
Require(BOOLEAN Condition, const char *What)
{
    if (!Condition) {
        ModelFail(What);
    }
}

void
ModelStartMachine(void)
{
    static KTIMER timer;
    static KDPC dpc;

    SimSetProcessorCount(MACHINE_PROCESSORS);
    if (HalpInitialize(HALP_VERSION, &MachineUpcalls) != HALP_OK ||
        KiInitializeSystem(MACHINE_PROCESSORS) != STATUS_SUCCESS ||
        ExpInitializePools() != STATUS_SUCCESS) {
        __builtin_trap();
    }
    KiRegisterRaise(ExRaiseStatus);
    MachineMainThread = KiGetCurrentThread();
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, SeeClockThread, NULL);
    KeSetTimer(&timer, RelativeUs(1), &dpc);
    SimAdvance(1000);
    for (ULONG i = 0; i < MAX_WORKERS; i++) {
        MachineWorkers[i].Number = i + 1;
        KiInitializeThread(&MachineWorkers[i].Tcb, NULL);
        if (HalpCreateThread(&MachineWorkers[i].Host, "worker", WorkerThread, &MachineWorkers[i]) !=
            HALP_OK) {
            __builtin_trap();
        }
    }
}

static void
ForgetThreads(void)
{
    for (ULONG i = 0; i < MAX_WORKERS; i++) {
        KiInitializeThread(&MachineWorkers[i].Tcb, NULL);
    }
    MachineMainThread->LastPrcb = NULL;
    MachineClockThread->LastPrcb = NULL;
}

static void
Look(void)
{
    SimRunUntilIdle();
    ModelQuiet();
    if (MachineTest->Observe != NULL) {
        MachineTest->Observe();
    }
    ModelCheck();
}

static void
WaitForWorkers(MODEL_RANDOM *Random)
{
    ULONG round = 0;

    Look();
    while (__atomic_load_n(&MachineLeft, __ATOMIC_ACQUIRE) != MAX_WORKERS) {
        Require(++round < MAX_ROUNDS, "workers do not come to their end");
        if (round > PATIENT_ROUNDS && round % 2 == 0 && MachineTest->Help != NULL) {
            MachineTest->Help();
        } else {
            SimAdvance(1000 * (UINT64)ModelRandom(Random, ROUND_NS / 1000));
        }
        Look();
    }
}

void
ModelRun(const MODEL_TEST *Test, uint64_t Seed)
{
    MODEL_RANDOM random = {Seed * 16};

    SimRestart(Seed);
    ForgetThreads();
    MachineTest = Test;
    MachineSeed = Seed;
    Test->SetUp(ModelReset(Test->Model, ModelNow()), &random);
    __atomic_store_n(&MachineLeft, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&MachineRound, 1, __ATOMIC_RELEASE);
    HalpWakeAddress(&MachineRound, UINT32_MAX);
    WaitForWorkers(&random);
    Test->TearDown();
    Look();
    Require(KiCurrentIrql() == PASSIVE_LEVEL, "the IRQL is not what it was");
    SimAdvance(LAST_DEADLINE_NS);
}
