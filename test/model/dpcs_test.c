/* SPDX-License-Identifier: MIT
 *
 * test/model/dpcs_test.c - random DPCs on the kernel: from below and at DISPATCH_LEVEL, from DPCs
 */
#include "dpcs.h"
#include "machine.h"

#define WORKERS 3

static KDPC Dpcs[DPCS];
static MODEL_RANDOM DpcRandom[DPCS_PROCESSORS];
static ULONG Budget[DPCS_PROCESSORS]; /* calls left to routines: they would go on for ever */
static ULONG NextArgument;            /* atomic */

static void
Insert(ULONG Thread, ULONG Number, INT32 Processor)
{
    ULONG argument = __atomic_add_fetch(&NextArgument, 1, __ATOMIC_RELAXED);

    CallOp(Thread, DPCS_INSERT, (INT32)Number, (INT32)argument, Processor, 0);
    ModelReturn(Thread, KeInsertQueueDpc(&Dpcs[Number], (PVOID)(ULONG_PTR)argument,
                                         (PVOID) ~(ULONG_PTR)argument));
}

static void
Remove(ULONG Thread, ULONG Number)
{
    CallOp(Thread, DPCS_REMOVE, (INT32)Number, 0, 0, 0);
    ModelReturn(Thread, KeRemoveQueueDpc(&Dpcs[Number]));
}

static VOID NTAPI
DpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG processor = KeGetCurrentProcessorNumberEx(NULL);
    ULONG choice = ModelRandom(&DpcRandom[processor], 8);

    NoteOp(DPCS_BEGINS, (INT32)(ULONG_PTR)Context, (INT32)(ULONG_PTR)Argument1, (INT32)processor,
           0);
    if ((PVOID) ~(ULONG_PTR)Argument1 != Argument2 || KeGetCurrentIrql() != DISPATCH_LEVEL) {
        ModelFail("a DPC's second argument or its IRQL is wrong");
    }
    SimSchedulingPoint();
    if (choice < 4 && Budget[processor] != 0) {
        Budget[processor]--;
        if (choice == 0) {
            Remove(DPCS_THREAD + processor, ModelRandom(&DpcRandom[processor], DPCS));
        } else {
            Insert(DPCS_THREAD + processor, ModelRandom(&DpcRandom[processor], DPCS),
                   (INT32)processor);
        }
    }
    NoteOp(DPCS_ENDS, (INT32)processor, 0, 0, 0);
}

static void
SetUp(MODEL_STATE *State, MODEL_RANDOM *Random)
{
    DPCS_OWN *own = (DPCS_OWN *)(PVOID)State->Own;

    NextArgument = 0;
    for (ULONG i = 0; i < DPCS; i++) {
        BOOLEAN threaded = ModelRandom(Random, 4) == 0;
        KDPC_IMPORTANCE importance;

        if (threaded) {
            KeInitializeThreadedDpc(&Dpcs[i], DpcRoutine, (PVOID)(ULONG_PTR)i);
        } else {
            KeInitializeDpc(&Dpcs[i], DpcRoutine, (PVOID)(ULONG_PTR)i);
        }
        own->Dpcs[i].High = ModelRandom(Random, 3) == 0;
        importance = own->Dpcs[i].High ? HighImportance : (KDPC_IMPORTANCE)ModelRandom(Random, 2);
        own->Dpcs[i].Low = importance == LowImportance && !threaded;
        KeSetImportanceDpc(&Dpcs[i], importance);
        own->Dpcs[i].Target = DPCS_NOWHERE;
        if (ModelRandom(Random, 2) == 0) {
            own->Dpcs[i].Target = (int8_t)ModelRandom(Random, DPCS_PROCESSORS);
            KeSetTargetProcessorDpc(&Dpcs[i], own->Dpcs[i].Target);
        }
    }
    for (ULONG i = 0; i < DPCS_PROCESSORS; i++) {
        DpcRandom[i].State = ModelRandom(Random, UINT32_MAX);
        Budget[i] = 6;
    }
}

static void
ActAtDispatch(ULONG Worker, MODEL_RANDOM *Random)
{
    KIRQL old = KeRaiseIrqlToDpcLevel();
    INT32 processor = (INT32)KeGetCurrentProcessorNumberEx(NULL);
    ULONG calls = 1 + ModelRandom(Random, 3);

    NoteOp(DPCS_RAISED, processor, 0, 0, 0);
    for (ULONG i = 0; i < calls; i++) {
        if (ModelRandom(Random, 4) == 0) {
            Remove(Worker, ModelRandom(Random, DPCS));
        } else {
            Insert(Worker, ModelRandom(Random, DPCS), processor);
        }
    }
    CallOp(Worker, DPCS_LOWER, processor, 0, 0, 0);
    KeLowerIrql(old);
    ModelReturn(Worker, 0);
}

static void
Flush(ULONG Thread)
{
    CallOp(Thread, DPCS_FLUSH, 0, 0, 0, 0);
    KeFlushQueuedDpcs();
    ModelReturn(Thread, 0);
}

static void
Act(uint32_t Worker, MODEL_RANDOM *Random)
{
    ULONG choice = ModelRandom(Random, 100);

    if (choice < 40) {
        Insert(Worker, ModelRandom(Random, DPCS), DPCS_NOWHERE);
    } else if (choice < 70) {
        ActAtDispatch(Worker, Random);
    } else if (choice < 85) {
        Remove(Worker, ModelRandom(Random, DPCS));
    } else {
        Flush(Worker);
    }
}

static void
Leave(uint32_t Worker)
{
}

static void
TearDown(void)
{
    Flush(0);
}

const MODEL_TEST DpcsTest = {.Model = &DpcModel,
                             .Workers = WORKERS,
                             .SetUp = SetUp,
                             .Act = Act,
                             .Leave = Leave,
                             .TearDown = TearDown};
