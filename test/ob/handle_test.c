/* SPDX-License-Identifier: MIT
 *
 * test/ob/handle_test.c - handle tables: values, access, closing, duplication, races
 */
#include "ob_test.h"

typedef struct CLOSE_RECORD {
    ULONG Calls;
    ULONG ProcessHandles;
    ULONG Handles;
} CLOSE_RECORD;

static CLOSE_RECORD Closed;
static LONG LastCloses;
static LONG Deletes;

static VOID
OnClose(PEPROCESS Process, PVOID Object, ULONG ProcessHandleCount, ULONG HandleCount)
{
    __atomic_add_fetch(&Closed.Calls, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&Closed.ProcessHandles, ProcessHandleCount, __ATOMIC_RELAXED);
    __atomic_store_n(&Closed.Handles, HandleCount, __ATOMIC_RELAXED);
    if (HandleCount == 1) {
        __atomic_add_fetch(&LastCloses, 1, __ATOMIC_RELAXED);
        SimSchedulingPoint();
    }
}

static VOID
OnDelete(PVOID Object)
{
    __atomic_add_fetch(&Deletes, 1, __ATOMIC_RELAXED);
}

static POBJECT_TYPE ThingType;

static PVOID
MakeThing(void)
{
    static const OBP_TYPE_OPS ops = {.Name = L"Thing",
                                     .ValidAccess = 0x1F000F,
                                     .Mapping = {1, 2, 4, 0x1F000F},
                                     .Delete = OnDelete,
                                     .Close = OnClose};
    PVOID thing;

    if (ThingType == NULL) {
        NT_EXPECT_STATUS(ObpCreateType(&ops, &ThingType), STATUS_SUCCESS);
        ObTestObjects++;
    }
    NT_EXPECT_STATUS(ObpCreateObject(ThingType, 32, &thing), STATUS_SUCCESS);
    return thing;
}

static VOID
DropThingType(void)
{
    ObfDereferenceObject(ThingType);
}

NT_TEST(ObHandle, ValuesAndCounts)
{
    PVOID thing = MakeThing();
    HANDLE user;
    HANDLE kernel;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &user), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, OBJ_KERNEL_HANDLE, &kernel), STATUS_SUCCESS);
    NT_EXPECT_NE(user, NULL);
    NT_EXPECT_EQ((ULONG_PTR)user & 3, 0);
    NT_EXPECT_TRUE((ULONG_PTR)user < 0x80000000);
    NT_EXPECT_EQ((ULONG_PTR)kernel >> 31, 0x1FFFFFFFFull);
    NT_EXPECT_TRUE(ObIsKernelHandle(kernel));
    NT_EXPECT_FALSE(ObIsKernelHandle(user));
    NT_EXPECT_EQ(ObpHandleCount(thing), 2);
    NT_EXPECT_EQ(ObpPointerCount(thing), 3);
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestClient->Table), 1);
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestSystem->Table), 1);
    ObfDereferenceObject(thing);
    NT_EXPECT_STATUS(ZwClose(kernel), STATUS_SUCCESS);
    NT_EXPECT_EQ(Closed.Handles, 2);
    NT_EXPECT_EQ(Closed.ProcessHandles, 1);
    NT_EXPECT_EQ(Deletes, 0);
    NT_EXPECT_STATUS(ZwClose(user), STATUS_SUCCESS);
    NT_EXPECT_EQ(Closed.Handles, 1);
    NT_EXPECT_EQ(Deletes, 1);
    DropThingType();
}

NT_TEST(ObHandle, ATableIsCollectedWithReferences)
{
    OBP_HANDLE_INFO handles[3] = {0};
    PVOID thing = MakeThing();
    HANDLE first;
    HANDLE second;
    HANDLE kernel;

    NT_EXPECT_EQ(ObpCollectHandles(ObTestClient->Table, NULL, 0), 0);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 3, OBJ_INHERIT, &second), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 2, OBJ_KERNEL_HANDLE, &kernel), STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpCollectHandles(ObTestClient->Table, handles, 1), 2); /* room for one */
    NT_EXPECT_TRUE(handles[0].Object == thing && handles[1].Object == NULL);
    ObfDereferenceObject(handles[0].Object);
    NT_EXPECT_EQ(ObpCollectHandles(ObTestClient->Table, handles, 3), 2);
    NT_EXPECT_TRUE(handles[0].Value == first && handles[1].Value == second);
    NT_EXPECT_EQ(handles[0].Access, 1);
    NT_EXPECT_EQ(handles[1].Access, 3);
    NT_EXPECT_EQ(handles[1].Attributes, OBJ_INHERIT);
    NT_EXPECT_EQ(ObpCollectHandles(ObpSystemTable(), &handles[2], 1), 1);
    NT_EXPECT_TRUE(handles[2].Value == kernel);
    NT_EXPECT_STATUS(ZwClose(first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(second), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(kernel), STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpCollectHandles(ObTestClient->Table, NULL, 0), 0);
    NT_EXPECT_EQ(ObpPointerCount(thing), 4);
    NT_FOR_EACH (handle, handles) {
        ObfDereferenceObject(handle->Object);
    }
    ObfDereferenceObject(thing);
    NT_EXPECT_EQ(Deletes, 1);
    DropThingType();
}

NT_TEST(ObHandle, ReferenceChecks)
{
    PVOID thing = MakeThing();
    HANDLE user;
    HANDLE kernel;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 3, 0, &user), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 3, OBJ_KERNEL_HANDLE, &kernel), STATUS_SUCCESS);
    const struct {
        HANDLE Handle;
        ACCESS_MASK Access;
        POBJECT_TYPE Type;
        KPROCESSOR_MODE Mode;
        NTSTATUS Status;
    } rows[] = {
        {user, 3, ThingType, UserMode, STATUS_SUCCESS},
        {user, 1, NULL, UserMode, STATUS_SUCCESS},
        {user, 4, ThingType, UserMode, STATUS_ACCESS_DENIED},
        {user, 4, ThingType, KernelMode, STATUS_SUCCESS},
        {user, 1, *ExEventObjectType, UserMode, STATUS_OBJECT_TYPE_MISMATCH},
        {user, 1, *ExEventObjectType, KernelMode, STATUS_OBJECT_TYPE_MISMATCH},
        {kernel, 1, ThingType, KernelMode, STATUS_SUCCESS},
        {kernel, 1, ThingType, UserMode, STATUS_INVALID_HANDLE},
        {NULL, 1, ThingType, KernelMode, STATUS_INVALID_HANDLE},
        {(HANDLE)0x7FFFFFFC, 1, NULL, KernelMode, STATUS_INVALID_HANDLE},
        {(HANDLE)((ULONG_PTR)user + 4), 1, NULL, KernelMode, STATUS_INVALID_HANDLE},
        {(HANDLE)((ULONG_PTR)kernel + 4), 1, NULL, KernelMode, STATUS_INVALID_HANDLE},
        {(HANDLE)0x123456789ABCDEF0ull, 1, NULL, KernelMode, STATUS_INVALID_HANDLE},
        {(HANDLE)0x80000004ull, 1, NULL, KernelMode, STATUS_INVALID_HANDLE},
        {(HANDLE)-3, 1, NULL, KernelMode, STATUS_INVALID_HANDLE},
        {NtCurrentProcess(), 1, ObTestProcessType, UserMode, STATUS_SUCCESS},
        {NtCurrentProcess(), 1, ObTestThreadType, UserMode, STATUS_OBJECT_TYPE_MISMATCH},
        {NtCurrentThread(), 1, ObTestThreadType, UserMode, STATUS_SUCCESS},
    };

    NT_FOR_EACH (row, rows) {
        OBJECT_HANDLE_INFORMATION information = {0xFF, 0xFF};
        PVOID object = (PVOID)1;

        NT_EXPECT_STATUS(ObReferenceObjectByHandle(row->Handle, row->Access, row->Type, row->Mode,
                                                   &object, &information),
                         row->Status);
        if (NT_SUCCESS(row->Status)) {
            NT_EXPECT_NE(object, NULL);
            NT_EXPECT_EQ(information.HandleAttributes, 0);
            ObfDereferenceObject(object);
        } else {
            NT_EXPECT_EQ(object, NULL);
        }
    }
    NT_EXPECT_EQ(ObpPointerCount(thing), 3);
    NT_EXPECT_STATUS(ZwClose(user), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(kernel), STATUS_SUCCESS);
    ObfDereferenceObject(thing);
    DropThingType();
}

NT_TEST(ObHandle, FastReference)
{
    PVOID thing = MakeThing();
    ACCESS_MASK access = 0;
    HANDLE handle;
    PVOID object;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 5, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpReferenceFileHandle(handle, UserMode, ThingType, &access, &object),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(object, thing);
    NT_EXPECT_EQ(access, 5);
    ObfDereferenceObject(object);
    NT_EXPECT_STATUS(ObpReferenceFileHandle(handle, UserMode, *ExEventObjectType, &access, &object),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpReferenceFileHandle(handle, UserMode, ThingType, &access, &object),
                     STATUS_INVALID_HANDLE);
    ObfDereferenceObject(thing);
    DropThingType();
}

NT_TEST(ObHandle, ClosedHandlesStayInvalid)
{
    PVOID thing = MakeThing();
    HANDLE first;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(first), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(AS_USER(NtClose(first)), STATUS_INVALID_HANDLE);
    /* Values come back late, so a stale one is noticed. */
    for (ULONG i = 0; i < 100; i++) {
        HANDLE next;

        NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &next), STATUS_SUCCESS);
        NT_EXPECT_NE(next, first);
        NT_EXPECT_STATUS(ZwClose(next), STATUS_SUCCESS);
    }
    NT_EXPECT_STATUS(ZwClose(NtCurrentProcess()), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(NULL), STATUS_INVALID_HANDLE);
    ObfDereferenceObject(thing);
    DropThingType();
}

NT_TEST(ObHandle, UserModeCannotCloseKernelHandles)
{
    PVOID thing = MakeThing();
    HANDLE kernel;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, OBJ_KERNEL_HANDLE, &kernel), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtClose(kernel)), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(NtClose(kernel), STATUS_SUCCESS);
    ObfDereferenceObject(thing);
    DropThingType();
}

NT_TEST(ObHandle, TableGrowsAndShrinksToNothing)
{
    enum { COUNT = 5000 };
    static HANDLE handles[COUNT];
    PVOID thing = MakeThing();

    for (ULONG i = 0; i < COUNT; i++) {
        NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &handles[i]), STATUS_SUCCESS);
    }
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestClient->Table), COUNT);
    NT_EXPECT_EQ(ObpHandleCount(thing), COUNT);
    for (ULONG i = 0; i < COUNT; i++) {
        ULONG k = (i * 7919) % COUNT;

        NT_EXPECT_STATUS(ZwClose(handles[k]), STATUS_SUCCESS);
    }
    NT_EXPECT_EQ(ObpPointerCount(thing), 1);
    ObfDereferenceObject(thing);
    DropThingType();
}

NT_TEST(ObHandle, DestroyingATableClosesItsHandles)
{
    TEST_PROCESS *process;
    PVOID thing = MakeThing();
    HANDLE handle;

    process = ObTestCreateProcess();
    KiGetCurrentThread()->Process = &process->Pcb;
    for (ULONG i = 0; i < 300; i++) {
        NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &handle), STATUS_SUCCESS);
    }
    KiGetCurrentThread()->Process = &ObTestClient->Pcb;
    ObfDereferenceObject(thing);
    ObTestDeleteProcess(process);
    NT_EXPECT_EQ(Closed.Calls, 300);
    NT_EXPECT_EQ(LastCloses, 1);
    NT_EXPECT_EQ(Deletes, 1);
    DropThingType();
}

/* ---- opening and duplicating ---- */

NT_TEST(ObHandle, OpenByPointerMapsGenericRights)
{
    PVOID thing = MakeThing();
    const struct {
        ACCESS_MASK Asked;
        KPROCESSOR_MODE Mode;
        NTSTATUS Status;
        ACCESS_MASK Granted;
    } rows[] = {
        {GENERIC_READ, UserMode, STATUS_SUCCESS, 1},
        {GENERIC_WRITE | GENERIC_EXECUTE, UserMode, STATUS_SUCCESS, 6},
        {GENERIC_ALL, UserMode, STATUS_SUCCESS, 0x1F000F},
        {MAXIMUM_ALLOWED, UserMode, STATUS_SUCCESS, 0x1F000F},
        {0x10, UserMode, STATUS_ACCESS_DENIED, 0},
        {0x10, KernelMode, STATUS_SUCCESS, 0},
    };

    NT_FOR_EACH (row, rows) {
        OBJECT_HANDLE_INFORMATION information;
        HANDLE handle;
        PVOID object;

        NT_EXPECT_STATUS(
            ObOpenObjectByPointer(thing, 0, NULL, row->Asked, ThingType, row->Mode, &handle),
            row->Status);
        if (NT_SUCCESS(row->Status)) {
            NT_EXPECT_STATUS(
                ObReferenceObjectByHandle(handle, 0, NULL, UserMode, &object, &information),
                STATUS_SUCCESS);
            NT_EXPECT_EQ(information.GrantedAccess, row->Granted);
            ObfDereferenceObject(object);
            NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
        }
    }
    NT_EXPECT_STATUS(
        ObOpenObjectByPointer(thing, 0, NULL, 1, *ExEventObjectType, KernelMode, &(HANDLE){NULL}),
        STATUS_OBJECT_TYPE_MISMATCH);
    ObfDereferenceObject(thing);
    DropThingType();
}

NT_TEST(ObHandle, Duplicates)
{
    TEST_PROCESS *other = ObTestCreateProcess();
    OBJECT_HANDLE_INFORMATION information;
    PVOID thing = MakeThing();
    HANDLE process;
    HANDLE source;
    HANDLE target;
    PVOID object;

    NT_EXPECT_STATUS(ObpCreateHandle(other, 0x1FFFFF, 0, &process), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 3, 0, &source), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtDuplicateObject(NtCurrentProcess(), source, process, &target, 0, 0,
                                               DUPLICATE_SAME_ACCESS)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(other->Table), 1);
    NT_EXPECT_STATUS(ZwClose(source), STATUS_SUCCESS);
    /* Back from there, closing the source. */
    NT_EXPECT_STATUS(AS_USER(NtDuplicateObject(process, target, NtCurrentProcess(), &source, 1,
                                               OBJ_INHERIT, DUPLICATE_CLOSE_SOURCE)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(other->Table), 0);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(source, 0, ThingType, UserMode, &object, &information),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(information.GrantedAccess, 1);
    NT_EXPECT_EQ(information.HandleAttributes, OBJ_INHERIT);
    ObfDereferenceObject(object);
    NT_EXPECT_STATUS(
        AS_USER(NtDuplicateObject(NtCurrentProcess(), (HANDLE)0x4444, process, &target, 0, 0, 0)),
        STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(AS_USER(NtDuplicateObject(source, source, process, &target, 0, 0, 0)),
                     STATUS_OBJECT_TYPE_MISMATCH);
    /* No place for the result: no handle is made. No target: the source must be to close. */
    NT_EXPECT_STATUS(AS_USER(NtDuplicateObject(NtCurrentProcess(), source, process, NULL, 0, 0,
                                               DUPLICATE_SAME_ACCESS)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(other->Table), 0);
    NT_EXPECT_STATUS(AS_USER(NtDuplicateObject(NtCurrentProcess(), source, NULL, NULL, 0, 0, 0)),
                     STATUS_INVALID_PARAMETER);
    /* A bad place for the result: the new handle does not stay behind. */
    NT_EXPECT_STATUS(AS_USER(NtDuplicateObject(NtCurrentProcess(), source, NtCurrentProcess(),
                                               (PHANDLE)8, 0, 0, DUPLICATE_SAME_ACCESS)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestClient->Table), 2);
    NT_EXPECT_STATUS(ZwClose(source), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(process), STATUS_SUCCESS);
    ObfDereferenceObject(thing);
    ObTestDeleteProcess(other);
    DropThingType();
}

/* ---- races ---- */

static HANDLE SharedHandles[4];
static PVOID SharedThing;

/* References and closes handles that others replace meanwhile. */
static void
UseHandles(void *Context)
{
    ULONG state = (ULONG)(ULONG_PTR)Context * 2654435761u + 1;

    for (ULONG i = 0; i < 60; i++) {
        HANDLE *slot;
        HANDLE handle;
        PVOID object;

        state = state * 1664525 + 1013904223;
        slot = &SharedHandles[(state >> 10) % 4];
        handle = __atomic_load_n(slot, __ATOMIC_RELAXED);
        if ((state >> 20) % 3 == 0) {
            HANDLE fresh;

            NT_EXPECT_STATUS(ObpCreateHandle(SharedThing, 1, 0, &fresh), STATUS_SUCCESS);
            handle = __atomic_exchange_n(slot, fresh, __ATOMIC_ACQ_REL);
            SimSchedulingPoint();
            NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
        } else {
            ACCESS_MASK access;
            NTSTATUS status = ObpReferenceFileHandle(handle, UserMode, ThingType, &access, &object);

            if (NT_SUCCESS(status)) {
                SimSchedulingPoint();
                NT_EXPECT_EQ(ObpGetObjectType(object), ThingType);
                ObfDereferenceObject(object);
            } else {
                NT_EXPECT_STATUS(status, STATUS_INVALID_HANDLE);
            }
        }
    }
}

NT_TEST_SEEDS(ObHandle, ReferenceRacesWithClose, 30)
{
    TEST_THREAD threads[4];

    SharedThing = MakeThing();
    for (ULONG i = 0; i < 4; i++) {
        NT_EXPECT_STATUS(ObpCreateHandle(SharedThing, 1, 0, &SharedHandles[i]), STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < 4; i++) {
        StartThread(&threads[i], UseHandles, (void *)(ULONG_PTR)(NtTestSeed() * 4 + i));
    }
    for (ULONG i = 0; i < 4; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(ObpHandleCount(SharedThing), 4);
    for (ULONG i = 0; i < 4; i++) {
        NT_EXPECT_STATUS(ZwClose(SharedHandles[i]), STATUS_SUCCESS);
    }
    NT_EXPECT_EQ(LastCloses, 1);
    NT_EXPECT_EQ(ObpPointerCount(SharedThing), 1);
    ObfDereferenceObject(SharedThing);
    DropThingType();
}

static void
CloseShared(void *Context)
{
    NTSTATUS status = ZwClose(SharedHandles[0]);

    if (NT_SUCCESS(status)) {
        __atomic_add_fetch((LONG *)Context, 1, __ATOMIC_RELAXED);
    } else {
        NT_EXPECT_STATUS(status, STATUS_INVALID_HANDLE);
    }
}

NT_TEST_SEEDS(ObHandle, OneCloseWins, 10)
{
    TEST_THREAD threads[3];
    LONG wins = 0;

    SharedThing = MakeThing();
    NT_EXPECT_STATUS(ObpCreateHandle(SharedThing, 1, 0, &SharedHandles[0]), STATUS_SUCCESS);
    ObfDereferenceObject(SharedThing);
    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], CloseShared, &wins);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_EQ(wins, 1);
    NT_EXPECT_EQ(Deletes, 1);
    DropThingType();
}

NT_TEST(ObHandle, DuplicatingClosesAKernelHandleToo)
{
    PVOID thing = MakeThing();
    HANDLE source;
    HANDLE target;
    PVOID object;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 3, OBJ_KERNEL_HANDLE, &source), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), source, NtCurrentProcess(), &target, 0,
                                       0, DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(source, 0, NULL, KernelMode, &object, NULL),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwClose(target), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 3, OBJ_KERNEL_HANDLE, &source), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ZwDuplicateObject(NtCurrentProcess(), source, NULL, NULL, 0, 0, DUPLICATE_CLOSE_SOURCE),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(source, 0, NULL, KernelMode, &object, NULL),
                     STATUS_INVALID_HANDLE);
    ObfDereferenceObject(thing);
    DropThingType();
}
