/* SPDX-License-Identifier: MIT
 *
 * test/model/waits_test.c - random waits, sets, releases, alerts and APCs on the kernel
 */
#include "machine.h"
#include "waits.h"

#define WORKERS 3
/* Few different times, so that much falls due at once. */
#define GRAIN_US 500
#define TIMES 8

typedef union OBJECT {
    DISPATCHER_HEADER Header;
    KEVENT Event;
    KSEMAPHORE Semaphore;
    KMUTANT Mutex;
} OBJECT;

static OBJECT Objects[WAITS_OBJECTS];
static UCHAR Kinds[WAITS_OBJECTS];
static ULONG WatchedThread;
static KAPC Apcs[WAITS_APCS];
/* How often a worker has each mutex: what its own calls returned. */
static ULONG Held[WORKERS + 1][WAITS_OBJECTS];

static PVOID
Object(ULONG Number)
{
    return Kinds[Number] == WAITS_KTHREAD ? (PVOID)MachineThread(WatchedThread)
                                          : (PVOID)&Objects[Number];
}

static BOOLEAN
IsMutex(ULONG Number)
{
    return Kinds[Number] == WAITS_MUTEX || Kinds[Number] == WAITS_MUTANT;
}

static BOOLEAN
IsEvent(ULONG Number)
{
    return Kinds[Number] == WAITS_NOTIFICATION || Kinds[Number] == WAITS_SYNCHRONIZATION;
}

static VOID NTAPI
ApcKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                 PVOID *SystemArgument1, PVOID *SystemArgument2)
{
}

static VOID NTAPI
ApcNormalRoutine(PVOID NormalContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
}

static void
SetUpObject(WAITS_OBJECT *Object, ULONG Number, MODEL_RANDOM *Random)
{
    Object->Kind = (int8_t)Kinds[Number];
    Object->State = (int8_t)ModelRandom(Random, 2);
    switch (Object->Kind) {
    case WAITS_NOTIFICATION:
    case WAITS_SYNCHRONIZATION:
        KeInitializeEvent(&Objects[Number].Event, (EVENT_TYPE)Object->Kind, Object->State != 0);
        break;
    case WAITS_SEMAPHORE:
        Object->Limit = (int8_t)(1 + ModelRandom(Random, 3));
        KeInitializeSemaphore(&Objects[Number].Semaphore, Object->State, Object->Limit);
        break;
    case WAITS_MUTEX:
        Object->State = 1;
        KeInitializeMutex(&Objects[Number].Mutex, 0);
        break;
    case WAITS_MUTANT:
        Object->State = 1;
        KeInitializeMutant(&Objects[Number].Mutex, FALSE);
        break;
    default:
        Object->State = 0;
        Object->Owner = (int8_t)(WatchedThread + 1);
        break;
    }
}

static void
SetUp(MODEL_STATE *State, MODEL_RANDOM *Random)
{
    static const UCHAR kinds[WAITS_OBJECTS] = {
        WAITS_NOTIFICATION, WAITS_SYNCHRONIZATION, WAITS_SYNCHRONIZATION, WAITS_SEMAPHORE,
        WAITS_MUTEX,        WAITS_MUTANT,          WAITS_KTHREAD};
    WAITS *own = (WAITS *)(PVOID)State->Own;

    memcpy(Kinds, kinds, sizeof(Kinds));
    memset(Held, 0, sizeof(Held));
    WatchedThread = 1 + ModelRandom(Random, WORKERS);
    for (ULONG i = 0; i < WAITS_OBJECTS; i++) {
        SetUpObject(&own->Objects[i], i, Random);
    }
    for (ULONG i = 0; i < WAITS_APCS; i++) {
        KiInitializeUserApc(&Apcs[i], MachineThread(1 + i % WORKERS), ApcKernelRoutine, NULL,
                            ApcNormalRoutine, (PVOID)(ULONG_PTR)i);
    }
}

/* ---- waits ---- */

static BOOLEAN
HoldsAny(ULONG Worker)
{
    for (ULONG i = 0; i < WAITS_OBJECTS; i++) {
        if (Held[Worker][i] != 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
ChooseObjects(MODEL_OP *Op, MODEL_RANDOM *Random)
{
    INT32 count = (INT32)ModelRandom(Random, WAITS_MAX_OBJECTS + 1);
    ULONG used = 0;

    for (INT32 i = 0; i < count; i++) {
        ULONG number = ModelRandom(Random, WAITS_OBJECTS);

        while (used >> number & 1) {
            number = (number + 1) % WAITS_OBJECTS;
        }
        used |= 1u << number;
        Op->Data[WAITS_LIST] |= (INT32)(number << (4 * i));
    }
    Op->Data[WAITS_COUNT] = count;
    Op->Data[WAITS_FLAGS] = (INT32)ModelRandom(Random, 8);
}

/* Nobody waits without end for a thread, or with a mutex: the others might wait for it. */
static void
ChooseTimeout(ULONG Worker, MODEL_OP *Op, MODEL_RANDOM *Random)
{
    ULONG choice = ModelRandom(Random, 8);
    BOOLEAN mustEnd = Op->Data[WAITS_COUNT] == 0 || HoldsAny(Worker);

    for (INT32 i = 0; i < Op->Data[WAITS_COUNT]; i++) {
        mustEnd |= Kinds[Op->Data[WAITS_LIST] >> (4 * i) & 15] == WAITS_KTHREAD;
    }
    if (choice < 2) {
        Op->Data[WAITS_TIMEOUT] = 0;
    } else if (choice < 5 && !mustEnd) {
        Op->Data[WAITS_TIMEOUT] = WAITS_FOREVER;
    } else {
        Op->Data[WAITS_TIMEOUT] = GRAIN_US * (1 + (INT32)ModelRandom(Random, TIMES));
    }
}

/* An event or a mutex of this worker that is given before the wait, with Wait = TRUE. */
static void
ChooseFirst(ULONG Worker, MODEL_OP *Op, MODEL_RANDOM *Random)
{
    ULONG number = ModelRandom(Random, WAITS_OBJECTS);

    if (Op->Data[WAITS_COUNT] != 0 && ModelRandom(Random, 4) == 0 &&
        (IsEvent(number) || Held[Worker][number] != 0)) {
        Op->Data[WAITS_FIRST] = (INT32)number + 1;
    }
}

static NTSTATUS
DoWait(const MODEL_OP *Op, BOOLEAN Absolute)
{
    INT32 timeout = Op->Data[WAITS_TIMEOUT];
    LARGE_INTEGER time = Absolute && timeout > 0 ? AbsoluteUs(timeout) : RelativeUs(timeout);
    KPROCESSOR_MODE mode = (Op->Data[WAITS_FLAGS] & WAITS_USER_MODE) != 0 ? UserMode : KernelMode;
    BOOLEAN alertable = (Op->Data[WAITS_FLAGS] & WAITS_ALERTABLE) != 0;
    PLARGE_INTEGER until = timeout == WAITS_FOREVER ? NULL : &time;
    PVOID objects[WAITS_MAX_OBJECTS];

    for (INT32 i = 0; i < Op->Data[WAITS_COUNT]; i++) {
        objects[i] = Object((ULONG)Op->Data[WAITS_LIST] >> (4 * i) & 15);
    }
    if (Op->Data[WAITS_FIRST] != 0 && IsMutex((ULONG)Op->Data[WAITS_FIRST] - 1)) {
        KeReleaseMutex(&Objects[Op->Data[WAITS_FIRST] - 1].Mutex, TRUE);
    } else if (Op->Data[WAITS_FIRST] != 0) {
        KeSetEvent(&Objects[Op->Data[WAITS_FIRST] - 1].Event, 0, TRUE);
    }
    if (Op->Data[WAITS_COUNT] == 0) {
        return KeDelayExecutionThread(mode, alertable, &time);
    }
    if (Op->Data[WAITS_COUNT] == 1) {
        return KeWaitForSingleObject(objects[0], Executive, mode, alertable, until);
    }
    return KeWaitForMultipleObjects((ULONG)Op->Data[WAITS_COUNT], objects,
                                    (Op->Data[WAITS_FLAGS] & WAITS_ALL) != 0 ? WaitAll : WaitAny,
                                    Executive, mode, alertable, until, NULL);
}

/* What the worker has got, by what its wait returned. */
static void
CountHeld(ULONG Worker, const MODEL_OP *Op, NTSTATUS Status)
{
    ULONG index = (ULONG)Status & 0x7F;

    if (Op->Data[WAITS_FIRST] != 0 && IsMutex((ULONG)Op->Data[WAITS_FIRST] - 1)) {
        Held[Worker][Op->Data[WAITS_FIRST] - 1]--;
    }
    if ((ULONG)Status >= 0xC0) {
        return;
    }
    for (ULONG i = 0; i < (ULONG)Op->Data[WAITS_COUNT]; i++) {
        ULONG number = (ULONG)Op->Data[WAITS_LIST] >> (4 * i) & 15;

        if ((i == index || (Op->Data[WAITS_FLAGS] & WAITS_ALL) != 0) && IsMutex(number)) {
            Held[Worker][number]++;
        }
    }
}

static ULONG
HeldBack(void)
{
    return (ULONG)-KiGetCurrentThread()->KernelApcDisable;
}

/* As on the way to user mode. */
static void
TakeApcs(ULONG Worker)
{
    KI_USER_CALL call;
    INT64 apc;

    do {
        CallOp(Worker, WAITS_TAKE_APC, 0, 0, 0, 0);
        apc = KiTakeUserApc(KiGetCurrentThread(), &call) ? (INT64)(ULONG_PTR)call.Context : -1;
        ModelReturn(Worker, apc);
    } while (apc >= 0);
}

static void
Wait(ULONG Worker, MODEL_RANDOM *Random)
{
    MODEL_OP op = {WAITS_WAIT, {0}};
    NTSTATUS status;

    ChooseObjects(&op, Random);
    ChooseTimeout(Worker, &op, Random);
    ChooseFirst(Worker, &op, Random);
    ModelCall(Worker, &op);
    status = DoWait(&op, ModelRandom(Random, 4) == 0);
    ModelReturn(Worker, WAITS_RESULT(status, HeldBack()));
    CountHeld(Worker, &op, status);
    if (status == STATUS_USER_APC) {
        TakeApcs(Worker);
    }
}

/* ---- the rest ---- */

static void
ReleaseMutex(ULONG Worker, ULONG Number)
{
    volatile INT64 result = 0;
    INT64 raised;

    CallOp(Worker, WAITS_RELEASE_MUTEX, (INT32)Number, 0, 0, 0);
    raised = RAISED(result = KeReleaseMutex(&Objects[Number].Mutex, FALSE));
    if (raised < 0 && Held[Worker][Number] != 0) {
        Held[Worker][Number]--;
    }
    ModelReturn(Worker, raised < 0 ? WAITS_RESULT(result, HeldBack()) : WAITS_RAISED(raised));
}

static void
ReleaseSemaphore(ULONG Worker, ULONG Number, INT32 Count)
{
    volatile INT64 result = 0;
    INT64 raised;

    CallOp(Worker, WAITS_RELEASE_SEMAPHORE, (INT32)Number, Count, 0, 0);
    raised = RAISED(result = KeReleaseSemaphore(&Objects[Number].Semaphore, 0, Count, FALSE));
    ModelReturn(Worker, raised < 0 ? result : WAITS_RAISED(raised));
}

static void
ChangeEvent(ULONG Worker, ULONG Number, MODEL_RANDOM *Random)
{
    static const INT32 codes[] = {WAITS_SET,   WAITS_SET,   WAITS_SET,
                                  WAITS_RESET, WAITS_PULSE, WAITS_READ};
    INT32 code = codes[ModelRandom(Random, RTL_NUMBER_OF(codes))];
    PRKEVENT event = &Objects[Number].Event;

    CallOp(Worker, code, (INT32)Number, 0, 0, 0);
    switch (code) {
    case WAITS_SET:
        ModelReturn(Worker, KeSetEvent(event, 0, FALSE));
        break;
    case WAITS_RESET:
        ModelReturn(Worker, KeResetEvent(event));
        break;
    case WAITS_PULSE:
        ModelReturn(Worker, KePulseEvent(event, 0, FALSE));
        break;
    default:
        ModelReturn(Worker, KeReadStateEvent(event));
        break;
    }
}

static void
AlertOrQueue(ULONG Worker, MODEL_RANDOM *Random)
{
    ULONG apc = ModelRandom(Random, WAITS_APCS);
    ULONG target = 1 + ModelRandom(Random, WORKERS);

    if (ModelRandom(Random, 3) == 0) {
        CallOp(Worker, WAITS_ALERT, (INT32)target, 0, 0, 0);
        ModelReturn(Worker, KiAlertThread(MachineThread(target)));
    } else {
        CallOp(Worker, WAITS_QUEUE_APC, (INT32)apc, (INT32)(1 + apc % WORKERS), 0, 0);
        ModelReturn(Worker, KiQueueUserApc(&Apcs[apc], NULL, NULL));
    }
}

static void
Act(uint32_t Worker, MODEL_RANDOM *Random)
{
    ULONG choice = ModelRandom(Random, 100);
    ULONG number = ModelRandom(Random, WAITS_OBJECTS);

    if (choice < 45) {
        Wait(Worker, Random);
    } else if (choice < 58) {
        AlertOrQueue(Worker, Random);
    } else if (IsEvent(number)) {
        ChangeEvent(Worker, number, Random);
    } else if (IsMutex(number)) {
        ReleaseMutex(Worker, number);
    } else if (Kinds[number] == WAITS_SEMAPHORE) {
        ReleaseSemaphore(Worker, number, (INT32)ModelRandom(Random, 4));
    } else {
        Wait(Worker, Random);
    }
}

/* A mutex must be given back, a mutant need not. */
static void
Leave(uint32_t Worker)
{
    for (ULONG i = 0; i < WAITS_OBJECTS; i++) {
        while (Kinds[i] == WAITS_MUTEX && Held[Worker][i] != 0) {
            ReleaseMutex(Worker, i);
        }
    }
    CallOp(Worker, WAITS_CLOSE_APCS, 0, 0, 0, 0);
    KiRundownUserApcs(KiGetCurrentThread());
    ModelReturn(Worker, 0);
    CallOp(Worker, WAITS_END, 0, 0, 0, 0);
    KiTerminateThread(KiGetCurrentThread());
    ModelReturn(Worker, 0);
}

static void
Help(void)
{
    for (ULONG i = 0; i < WAITS_OBJECTS; i++) {
        if (IsEvent(i)) {
            CallOp(0, WAITS_SET, (INT32)i, 0, 0, 0);
            ModelReturn(0, KeSetEvent(&Objects[i].Event, 0, FALSE));
        } else if (Kinds[i] == WAITS_SEMAPHORE) {
            ReleaseSemaphore(0, i, 1);
        }
    }
}

static void
Observe(void)
{
    for (ULONG i = 0; i < WAITS_OBJECTS; i++) {
        const DISPATCHER_HEADER *header = Object(i);
        INT32 waiters = 0;

        for (PLIST_ENTRY link = header->WaitListHead.Flink; link != &header->WaitListHead;
             link = link->Flink) {
            waiters++;
        }
        NoteOp(WAITS_STATE, (INT32)i, header->SignalState, waiters, 0);
    }
}

static void
TearDown(void)
{
}

const MODEL_TEST WaitsTest = {.Model = &WaitModel,
                              .Workers = WORKERS,
                              .SetUp = SetUp,
                              .Act = Act,
                              .Leave = Leave,
                              .Help = Help,
                              .Observe = Observe,
                              .TearDown = TearDown};
