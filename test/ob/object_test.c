/* SPDX-License-Identifier: MIT
 *
 * test/ob/object_test.c - references, deletion, types
 */
#include "ob_test.h"

static LONG Deletes;
static KIRQL DeleteIrql;

static VOID
Deleted(PVOID Object)
{
    DeleteIrql = KeGetCurrentIrql();
    __atomic_add_fetch(&Deletes, 1, __ATOMIC_RELAXED);
}

static POBJECT_TYPE
MakeType(void)
{
    static const OBP_TYPE_OPS ops = {.Name = L"Thing", .ValidAccess = 0x1F0003, .Delete = Deleted};
    POBJECT_TYPE type;

    NT_EXPECT_STATUS(ObpCreateType(&ops, &type), STATUS_SUCCESS);
    ObTestObjects = ObpObjectsInUse(NULL);
    return type;
}

static PVOID
MakeThing(POBJECT_TYPE Type)
{
    PVOID thing;

    NT_EXPECT_STATUS(ObpCreateObject(Type, 100, &thing), STATUS_SUCCESS);
    return thing;
}

static VOID
DropType(POBJECT_TYPE Type)
{
    NT_EXPECT_EQ(ObpObjectsInUse(Type), 0);
    ObfDereferenceObject(Type);
}

NT_TEST(ObObject, LivesWhileReferenced)
{
    POBJECT_TYPE type = MakeType();
    PUCHAR thing = MakeThing(type);

    for (ULONG i = 0; i < 100; i++) {
        NT_EXPECT_EQ(thing[i], 0);
    }
    NT_EXPECT_EQ((ULONG_PTR)thing & 15, 0);
    NT_EXPECT_EQ(ObpGetObjectType(thing), type);
    NT_EXPECT_EQ(ObpPointerCount(thing), 1);
    NT_EXPECT_EQ(ObfReferenceObject(thing), 2);
    NT_EXPECT_TRUE(ObReferenceObjectSafe(thing));
    NT_EXPECT_EQ(ObfDereferenceObject(thing), 2);
    NT_EXPECT_EQ(ObfDereferenceObject(thing), 1);
    NT_EXPECT_EQ(Deletes, 0);
    ObfDereferenceObject(thing);
    NT_EXPECT_EQ(Deletes, 1);
    DropType(type);
}

/* Dropped above PASSIVE_LEVEL, or with the request to defer: deleted later, at PASSIVE_LEVEL. */
NT_TEST(ObObject, DeletesAtPassiveLevelOnly)
{
    POBJECT_TYPE type = MakeType();
    KIRQL irql;

    for (KIRQL level = APC_LEVEL; level <= DISPATCH_LEVEL; level++) {
        PVOID thing = MakeThing(type);

        Deletes = 0;
        KeRaiseIrql(level, &irql);
        ObfDereferenceObject(thing);
        NT_EXPECT_EQ(Deletes, 0);
        KeLowerIrql(irql);
        ObpRunDeferredDeletes();
        NT_EXPECT_EQ(Deletes, 1);
        NT_EXPECT_EQ(DeleteIrql, PASSIVE_LEVEL);
    }
    for (ULONG i = 0; i < 5; i++) {
        ObDereferenceObjectDeferDelete(MakeThing(type));
    }
    NT_EXPECT_EQ(Deletes, 1);
    ObpRunDeferredDeletes();
    NT_EXPECT_EQ(Deletes, 6);
    DropType(type);
}

static PVOID SharedThing;

static void
ReferenceAndDrop(void *Context)
{
    for (ULONG i = 0; i < 50; i++) {
        KIRQL irql = PASSIVE_LEVEL;

        ObfReferenceObject(SharedThing);
        if (i % 10 == 0) {
            SimSchedulingPoint();
        }
        if (i % 3 == 0) {
            KeRaiseIrql(DISPATCH_LEVEL, &irql);
        }
        ObfDereferenceObject(SharedThing);
        if (i % 3 == 0) {
            KeLowerIrql(irql);
        }
    }
    ObfDereferenceObject(SharedThing);
}

NT_TEST_SEEDS(ObObject, LastOfManyThreadsDeletes, 10)
{
    POBJECT_TYPE type = MakeType();
    TEST_THREAD threads[3];

    SharedThing = MakeThing(type);
    for (ULONG i = 0; i < 3; i++) {
        ObfReferenceObject(SharedThing);
        StartThread(&threads[i], ReferenceAndDrop, NULL);
    }
    ObfDereferenceObject(SharedThing);
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
    ObpRunDeferredDeletes();
    NT_EXPECT_EQ(Deletes, 1);
    DropType(type);
}

/* A freed block is poisoned under AddressSanitizer, which then reports the access itself. */
#if defined(__SANITIZE_ADDRESS__)
#define FREED_IS_READABLE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FREED_IS_READABLE 0
#endif
#endif
#ifndef FREED_IS_READABLE
#define FREED_IS_READABLE 1
#endif

NT_TEST(ObMisuse, DroppedTooOften)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    if (!FREED_IS_READABLE) {
        NT_SKIP("AddressSanitizer finds this first");
    }
    ObfDereferenceObject(thing);
    NT_EXPECT_BUGCHECK(0x18, ObfDereferenceObject(thing));
}

NT_TEST(ObMisuse, ReferencedOnItsWayOut)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    ObDereferenceObjectDeferDelete(thing);
    NT_EXPECT_FALSE(ObReferenceObjectSafe(thing));
    NT_EXPECT_BUGCHECK(0x18, ObfReferenceObject(thing));
}

NT_TEST(ObMisuse, LastReferenceGoneWithAHandleOpen)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);
    HANDLE handle;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &handle), STATUS_SUCCESS);
    ObfDereferenceObject(thing);
    NT_EXPECT_BUGCHECK(0x18, ObfDereferenceObject(thing));
}

NT_TEST(ObMisuse, NoObjectAtAll)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 256, OB_TAG);

    memset(block, 0, 256);
    NT_EXPECT_BUGCHECK(0x18, ObfDereferenceObject((PUCHAR)block + 128));
}

NT_TEST(ObObject, ByPointerChecksTheTypeForUserMode)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    NT_EXPECT_STATUS(ObReferenceObjectByPointer(thing, 0, type, UserMode), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByPointer(thing, 0, *ExEventObjectType, UserMode),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(ObReferenceObjectByPointer(thing, 0, *ExEventObjectType, KernelMode),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByPointer(thing, 0, NULL, UserMode),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(ObReferenceObjectByPointer(thing, 0, NULL, KernelMode), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByPointerWithTag(thing, 0, NULL, UserMode, OB_TAG),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(ObReferenceObjectByPointerWithTag(thing, 0, type, UserMode, OB_TAG),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpPointerCount(thing), 5);
    for (ULONG i = 0; i < 5; i++) {
        ObfDereferenceObject(thing);
    }
    DropType(type);
}

static ULONG CallbackCalls;

static VOID NTAPI
CountCall(PVOID Context, PVOID First, PVOID Second)
{
    CallbackCalls += (ULONG)(ULONG_PTR)Context;
    NT_EXPECT_EQ(First, (PVOID)5);
    NT_EXPECT_EQ(Second, (PVOID)6);
}

NT_TEST(ObCallback, NotifiesRegisteredRoutines)
{
    UNICODE_STRING name = Name(L"\\Callback\\Mine");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, OBJ_CASE_INSENSITIVE);
    PCALLBACK_OBJECT object;
    PCALLBACK_OBJECT again;
    PVOID first;
    PVOID second;

    NT_EXPECT_STATUS(ExCreateCallback(&object, &attributes, FALSE, TRUE),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(ExCreateCallback(&object, &attributes, TRUE, TRUE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExCreateCallback(&again, &attributes, TRUE, TRUE), STATUS_SUCCESS);
    NT_EXPECT_EQ(object, again);
    first = ExRegisterCallback(object, CountCall, (PVOID)1);
    second = ExRegisterCallback(object, CountCall, (PVOID)10);
    ExNotifyCallback(object, (PVOID)5, (PVOID)6);
    NT_EXPECT_EQ(CallbackCalls, 11);
    ExUnregisterCallback(first);
    ExNotifyCallback(object, (PVOID)5, (PVOID)6);
    NT_EXPECT_EQ(CallbackCalls, 21);
    ExUnregisterCallback(second);
    ObfDereferenceObject(again);
    ObMakeTemporaryObject(object);
    ObfDereferenceObject(object);
}

/* ---- unregistering while routines run ---- */

typedef struct SLOW_CALL {
    PVOID Registration;
    LONG Running; /* atomic */
    LONG Calls;   /* atomic */
    BOOLEAN Gone; /* atomic: ExUnregisterCallback has returned */
} SLOW_CALL;

static SLOW_CALL SlowCalls[2];
static PCALLBACK_OBJECT SlowObject;

static VOID NTAPI
CallSlowly(PVOID Context, PVOID First, PVOID Second)
{
    SLOW_CALL *call = Context;

    NT_EXPECT_FALSE(__atomic_load_n(&call->Gone, __ATOMIC_ACQUIRE));
    __atomic_fetch_add(&call->Running, 1, __ATOMIC_ACQ_REL);
    __atomic_fetch_add(&call->Calls, 1, __ATOMIC_ACQ_REL);
    for (ULONG i = 0; i < NtTestSeed() % 20; ++i) {
        HalpYield();
    }
    /* The second routine returns only when the first is unregistered. */
    for (ULONG i = 0;
         call == &SlowCalls[1] && !__atomic_load_n(&SlowCalls[0].Gone, __ATOMIC_ACQUIRE); ++i) {
        NT_EXPECT_TRUE(i < 100000);
        HalpYield();
    }
    NT_EXPECT_FALSE(__atomic_load_n(&call->Gone, __ATOMIC_ACQUIRE));
    __atomic_fetch_sub(&call->Running, 1, __ATOMIC_ACQ_REL);
}

static void
NotifyOnce(void *Context)
{
    ExNotifyCallback(SlowObject, NULL, NULL);
}

static void
UnregisterSlow(void *Context)
{
    SLOW_CALL *call = Context;

    while (__atomic_load_n(&call->Calls, __ATOMIC_ACQUIRE) == 0) {
        HalpYield();
    }
    ExUnregisterCallback(call->Registration);
    NT_EXPECT_EQ(__atomic_load_n(&call->Running, __ATOMIC_ACQUIRE), 0);
    __atomic_store_n(&call->Gone, TRUE, __ATOMIC_RELEASE);
}

/* Two at a time on one object, each with a call in progress: each is woken for its own. */
NT_TEST_SEEDS(ObCallback, UnregisteringWaitsForItsOwnCalls, 200)
{
    TEST_THREAD threads[4];

    memset(SlowCalls, 0, sizeof(SlowCalls));
    NT_EXPECT_STATUS(ExCreateCallback(&SlowObject, NULL, TRUE, TRUE), STATUS_SUCCESS);
    for (ULONG i = 0; i < 2; i++) {
        SlowCalls[i].Registration = ExRegisterCallback(SlowObject, CallSlowly, &SlowCalls[i]);
    }
    for (ULONG i = 0; i < 2; i++) {
        StartThread(&threads[i], NotifyOnce, NULL);
        StartThread(&threads[2 + i], UnregisterSlow, &SlowCalls[i]);
    }
    for (ULONG i = 0; i < 4; i++) {
        JoinThread(&threads[i]);
    }
    NT_EXPECT_TRUE(SlowCalls[0].Gone && SlowCalls[1].Gone);
    ObfDereferenceObject(SlowObject);
}

NT_TEST(ObCallback, SecondRegistrationMayBeRefused)
{
    PCALLBACK_OBJECT object;
    PVOID first;

    NT_EXPECT_STATUS(ExCreateCallback(&object, NULL, TRUE, FALSE), STATUS_SUCCESS);
    first = ExRegisterCallback(object, CountCall, NULL);
    NT_EXPECT_NE(first, NULL);
    NT_EXPECT_EQ(ExRegisterCallback(object, CountCall, NULL), NULL);
    ExUnregisterCallback(first);
    ObfDereferenceObject(object);
}
