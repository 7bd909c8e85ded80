/* SPDX-License-Identifier: MIT
 *
 * test/ob/reference_test.c - references through the exports drivers link with, by tag, by name, by
 * handle; the object types that drivers name; handles that may not be closed
 */
#include "ob_test.h"

/* The exports themselves, not the macros of their names. */
#undef ObReferenceObject
#undef ObDereferenceObject
LONG_PTR NTAPI ObReferenceObject(PVOID Object);
LONG_PTR NTAPI ObDereferenceObject(PVOID Object);

#define EVENT_PATH L"\\BaseNamedObjects\\Here"

static LONG Deletes;

static VOID
Deleted(PVOID Object)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    ++Deletes;
}

static POBJECT_TYPE
MakeType(void)
{
    static const OBP_TYPE_OPS ops = {.Name = L"Thing",
                                     .ValidAccess = 0x1F0003,
                                     .Mapping = {0x20001, 0x20002, 0x20000, 0x1F0003},
                                     .Delete = Deleted};
    POBJECT_TYPE type;

    NT_EXPECT_STATUS(ObpCreateType(&ops, &type), STATUS_SUCCESS);
    ObTestObjects = ObpObjectsInUse(NULL);
    return type;
}

static PVOID
MakeThing(POBJECT_TYPE Type)
{
    PVOID thing;

    NT_EXPECT_STATUS(ObpCreateObject(Type, 16, &thing), STATUS_SUCCESS);
    return thing;
}

static VOID
DropType(POBJECT_TYPE Type)
{
    NT_EXPECT_EQ(ObpObjectsInUse(Type), 0);
    ObfDereferenceObject(Type);
}

/* ---- counting ---- */

NT_TEST(ObReference, TheExportsCount)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    NT_EXPECT_EQ(ObGetObjectType(thing), type);
    ObReferenceObject(thing);
    NT_EXPECT_EQ(ObpPointerCount(thing), 2);
    ObfReferenceObjectWithTag(thing, OB_TAG);
    NT_EXPECT_EQ(ObpPointerCount(thing), 3);
    ObDereferenceObject(thing);
    NT_EXPECT_EQ(ObpPointerCount(thing), 2);
    ObfDereferenceObjectWithTag(thing, OB_TAG);
    NT_EXPECT_EQ(ObpPointerCount(thing), 1);
    NT_EXPECT_EQ(Deletes, 0);
    ObDereferenceObject(thing);
    NT_EXPECT_EQ(Deletes, 1);
    thing = MakeThing(type);
    ObfDereferenceObjectWithTag(thing, OB_TAG);
    NT_EXPECT_EQ(Deletes, 2);
    DropType(type);
}

/* Each of them also at DISPATCH_LEVEL; what the last one leaves is deleted below it. */
NT_TEST(ObReference, TheExportsCountAtDispatchLevel)
{
    POBJECT_TYPE type = MakeType();
    KIRQL irql;

    for (ULONG i = 0; i < 3; i++) {
        PVOID thing = MakeThing(type);

        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        ObReferenceObject(thing);
        ObfReferenceObjectWithTag(thing, OB_TAG);
        NT_EXPECT_EQ(ObpPointerCount(thing), 3);
        ObfDereferenceObjectWithTag(thing, OB_TAG);
        ObfDereferenceObject(thing);
        switch (i) {
        case 0:
            ObDereferenceObject(thing);
            break;
        case 1:
            ObfDereferenceObjectWithTag(thing, OB_TAG);
            break;
        case 2:
            ObDereferenceObjectDeferDeleteWithTag(thing, OB_TAG);
            break;
        }
        NT_EXPECT_EQ(Deletes, (LONG)i);
        KeLowerIrql(irql);
        ObpRunDeferredDeletes();
        NT_EXPECT_EQ(Deletes, (LONG)i + 1);
    }
    DropType(type);
}

/* At PASSIVE_LEVEL too the deletion is left to somebody else. */
NT_TEST(ObReference, DeferDeleteWithTagDoesNotDeleteItself)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    ObfReferenceObjectWithTag(thing, OB_TAG);
    ObDereferenceObjectDeferDeleteWithTag(thing, OB_TAG);
    NT_EXPECT_EQ(ObpPointerCount(thing), 1);
    ObpRunDeferredDeletes();
    NT_EXPECT_EQ(Deletes, 0);
    ObDereferenceObjectDeferDeleteWithTag(thing, OB_TAG);
    NT_EXPECT_EQ(Deletes, 0);
    ObpRunDeferredDeletes();
    NT_EXPECT_EQ(Deletes, 1);
    DropType(type);
}

NT_TEST(ObMisuse, EachExportNoticesAMissingReference)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    ObDereferenceObjectDeferDeleteWithTag(thing, OB_TAG);
    NT_EXPECT_BUGCHECK(0x18, ObReferenceObject(thing));
}

NT_TEST(ObMisuse, ATaggedReferenceToADyingObject)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    ObDereferenceObjectDeferDelete(thing);
    NT_EXPECT_BUGCHECK(0x18, ObfReferenceObjectWithTag(thing, OB_TAG));
}

NT_TEST(ObMisuse, DroppedTooOftenWithATag)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);

    ObDereferenceObjectDeferDelete(thing);
    NT_EXPECT_BUGCHECK(0x18, ObfDereferenceObjectWithTag(thing, OB_TAG));
}

/* ---- types ---- */

/* The types that drivers name are those of the services' objects, and no other's. */
NT_TEST(ObReference, TypesOfTheDispatcherObjects)
{
    const POBJECT_TYPE types[] = {*ExEventObjectType, *ExSemaphoreObjectType, *ExMutantObjectType};
    HANDLE handles[3];

    NT_EXPECT_STATUS(ZwCreateEvent(&handles[0], EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtCreateSemaphore(&handles[1], SEMAPHORE_ALL_ACCESS, NULL, 1, 1),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtCreateMutant(&handles[2], MAXIMUM_ALLOWED, NULL, FALSE), STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        for (ULONG k = 0; k < 3; k++) {
            PVOID object;

            NT_EXPECT_STATUS(
                ObReferenceObjectByHandle(handles[i], 0, types[k], UserMode, &object, NULL),
                i == k ? STATUS_SUCCESS : STATUS_OBJECT_TYPE_MISMATCH);
            if (i == k) {
                NT_EXPECT_EQ(ObGetObjectType(object), types[k]);
                ObDereferenceObject(object);
            }
        }
    }
    for (ULONG i = 0; i < 3; i++) {
        NT_EXPECT_STATUS(ZwClose(handles[i]), STATUS_SUCCESS);
    }
}

/* The body behind such a handle is what the Ke routines work on. */
NT_TEST(ObReference, BodiesAreDispatcherObjects)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    PRKSEMAPHORE semaphore;
    PRKMUTEX mutex;
    HANDLE handles[2];

    NT_EXPECT_STATUS(NtCreateSemaphore(&handles[0], SEMAPHORE_ALL_ACCESS, NULL, 1, 5),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtCreateMutant(&handles[1], MAXIMUM_ALLOWED, NULL, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handles[0], SEMAPHORE_ALL_ACCESS,
                                               *ExSemaphoreObjectType, KernelMode,
                                               (PVOID *)&semaphore, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handles[1], 0, *ExMutantObjectType, KernelMode,
                                               (PVOID *)&mutex, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(KeReadStateSemaphore(semaphore), 1);
    NT_EXPECT_EQ(KeReleaseSemaphore(semaphore, 0, 2, FALSE), 1);
    for (ULONG i = 0; i < 3; i++) {
        NT_EXPECT_STATUS(ZwWaitForSingleObject(handles[0], FALSE, &none), STATUS_WAIT_0);
    }
    NT_EXPECT_STATUS(ZwWaitForSingleObject(handles[0], FALSE, &none), STATUS_TIMEOUT);
    NT_EXPECT_EQ(KeReadStateMutex(mutex), 1);
    NT_EXPECT_STATUS(ZwWaitForSingleObject(handles[1], FALSE, &none), STATUS_WAIT_0);
    NT_EXPECT_EQ(KeReadStateMutex(mutex), 0);
    NT_EXPECT_STATUS(NtReleaseMutant(handles[1], NULL), STATUS_SUCCESS);
    ObDereferenceObject(semaphore);
    ObDereferenceObject(mutex);
    NT_EXPECT_STATUS(ZwClose(handles[0]), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handles[1]), STATUS_SUCCESS);
}

/* ---- by handle, by pointer, by name ---- */

NT_TEST(ObReference, ByHandleWithTag)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);
    OBJECT_HANDLE_INFORMATION information;
    HANDLE kernel;
    HANDLE user;
    PVOID object;

    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, 0, &user), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateHandle(thing, 1, OBJ_KERNEL_HANDLE, &kernel), STATUS_SUCCESS);
    const struct {
        HANDLE Handle;
        ACCESS_MASK Access;
        POBJECT_TYPE Type;
        KPROCESSOR_MODE Mode;
        NTSTATUS Status;
    } rows[] = {
        {user, 1, type, UserMode, STATUS_SUCCESS},
        {user, 1, NULL, UserMode, STATUS_SUCCESS},
        {user, 2, type, UserMode, STATUS_ACCESS_DENIED},
        {user, 2, type, KernelMode, STATUS_SUCCESS},
        {user, 1, *ExEventObjectType, UserMode, STATUS_OBJECT_TYPE_MISMATCH},
        {user, 1, *ExEventObjectType, KernelMode, STATUS_OBJECT_TYPE_MISMATCH},
        {kernel, 1, type, KernelMode, STATUS_SUCCESS},
        {kernel, 1, type, UserMode, STATUS_INVALID_HANDLE},
        {(HANDLE)0x4444, 1, type, KernelMode, STATUS_INVALID_HANDLE},
        {NULL, 1, type, KernelMode, STATUS_INVALID_HANDLE},
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(ObReferenceObjectByHandleWithTag(row->Handle, row->Access, row->Type,
                                                          row->Mode, OB_TAG, &object, &information),
                         row->Status);
        if (NT_SUCCESS(row->Status)) {
            NT_EXPECT_EQ(object, thing);
            NT_EXPECT_EQ(information.GrantedAccess, 1);
            NT_EXPECT_EQ(ObpPointerCount(thing), 4);
            ObfDereferenceObjectWithTag(object, OB_TAG);
        }
        NT_EXPECT_EQ(ObpPointerCount(thing), 3);
    }
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandleWithTag(user, 1, type, UserMode, OB_TAG, &object, NULL),
        STATUS_SUCCESS);
    ObDereferenceObjectDeferDeleteWithTag(object, OB_TAG);
    NT_EXPECT_STATUS(ZwClose(user), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(kernel), STATUS_SUCCESS);
    ObDereferenceObject(thing);
    DropType(type);
}

NT_TEST(ObReference, OpenByPointerWithTag)
{
    POBJECT_TYPE type = MakeType();
    PVOID thing = MakeThing(type);
    OBJECT_HANDLE_INFORMATION information;
    PVOID object;
    HANDLE handle;

    NT_EXPECT_STATUS(ObOpenObjectByPointerWithTag(thing, 0, NULL, 1, *ExEventObjectType, KernelMode,
                                                  OB_TAG, &handle),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(
        ObOpenObjectByPointerWithTag(thing, 0, NULL, 0x40, type, UserMode, OB_TAG, &handle),
        STATUS_ACCESS_DENIED);
    NT_EXPECT_EQ(ObpHandleCount(thing), 0);
    NT_EXPECT_STATUS(ObOpenObjectByPointerWithTag(thing, OBJ_KERNEL_HANDLE, NULL, GENERIC_READ,
                                                  NULL, KernelMode, OB_TAG, &handle),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(ObIsKernelHandle(handle));
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handle, 0, type, KernelMode, &object, &information),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(object, thing);
    NT_EXPECT_EQ(information.GrantedAccess, 0x20001);
    ObDereferenceObject(object);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObOpenObjectByPointerWithTag(thing, OBJ_INHERIT, NULL, 1, type, UserMode, OB_TAG, &handle),
        STATUS_SUCCESS);
    NT_EXPECT_FALSE(ObIsKernelHandle(handle));
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestClient->Table), 1);
    NT_EXPECT_STATUS(AS_USER(NtClose(handle)), STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpPointerCount(thing), 1);
    ObDereferenceObject(thing);
    DropType(type);
}

static NTSTATUS
ByName(PCWSTR Path, ULONG Flags, ACCESS_MASK Access, POBJECT_TYPE Type, KPROCESSOR_MODE Mode,
       PVOID *Object)
{
    UNICODE_STRING name = Name(Path);

    return ObReferenceObjectByName(&name, Flags, NULL, Access, Type, Mode, NULL, Object);
}

NT_TEST(ObReference, ByName)
{
    UNICODE_STRING name = Name(EVENT_PATH);
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    POBJECT_TYPE event = *ExEventObjectType;
    HANDLE handle;
    PVOID object;

    NT_EXPECT_STATUS(
        ZwCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
        STATUS_SUCCESS);
    const struct {
        PCWSTR Path;
        ULONG Flags;
        ACCESS_MASK Access;
        POBJECT_TYPE Type;
        KPROCESSOR_MODE Mode;
        NTSTATUS Status;
    } rows[] = {
        {EVENT_PATH, 0, EVENT_ALL_ACCESS, event, KernelMode, STATUS_SUCCESS},
        {EVENT_PATH, 0, EVENT_ALL_ACCESS, NULL, KernelMode, STATUS_SUCCESS},
        {L"\\BASENAMEDOBJECTS\\HERE", OBJ_CASE_INSENSITIVE, 0, event, KernelMode, STATUS_SUCCESS},
        {L"\\BASENAMEDOBJECTS\\HERE", 0, 0, event, KernelMode, STATUS_OBJECT_PATH_NOT_FOUND},
        {EVENT_PATH, 0, EVENT_ALL_ACCESS, event, UserMode, STATUS_SUCCESS},
        {EVENT_PATH, 0, 0x40, event, UserMode, STATUS_ACCESS_DENIED},
        {EVENT_PATH, 0, 0x40, event, KernelMode, STATUS_SUCCESS},
        {EVENT_PATH, 0, 0, *ExMutantObjectType, KernelMode, STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\BaseNamedObjects\\No", 0, 0, event, KernelMode, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\No\\Here", 0, 0, event, KernelMode, STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\BaseNamedObjects\\", 0, 0, event, KernelMode, STATUS_OBJECT_NAME_INVALID},
        {L"Here", 0, 0, event, KernelMode, STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", 0, 0, event, KernelMode, STATUS_OBJECT_PATH_SYNTAX_BAD},
    };
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(ByName(row->Path, row->Flags, row->Access, row->Type, row->Mode, &object),
                         row->Status);
        if (NT_SUCCESS(row->Status)) {
            NT_EXPECT_EQ(ObGetObjectType(object), event);
            ObDereferenceObject(object);
        } else {
            NT_EXPECT_EQ(object, NULL);
        }
    }
    NT_EXPECT_STATUS(ObReferenceObjectByName(NULL, 0, NULL, 0, event, KernelMode, NULL, &object),
                     STATUS_OBJECT_NAME_INVALID);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
}

/* ---- closing what must not be closed ---- */

static HANDLE
MakeProtected(BOOLEAN Kernel)
{
    OBJECT_ATTRIBUTES attributes = Attributes(NULL, Kernel ? OBJ_KERNEL_HANDLE : 0);
    OBJECT_HANDLE_FLAG_INFORMATION flags = {.Inherit = TRUE, .ProtectFromClose = TRUE};
    HANDLE handle;

    NT_EXPECT_STATUS(
        ZwCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObSetHandleAttributes(handle, &flags, KernelMode), STATUS_SUCCESS);
    return handle;
}

static VOID
CloseProtected(HANDLE Handle)
{
    OBJECT_HANDLE_FLAG_INFORMATION flags = {.Inherit = FALSE, .ProtectFromClose = FALSE};

    NT_EXPECT_STATUS(ObSetHandleAttributes(Handle, &flags, KernelMode), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(Handle), STATUS_SUCCESS);
}

NT_TEST(ObClose, AProtectedHandleStaysOpen)
{
    OBJECT_HANDLE_INFORMATION information;
    HANDLE handle = MakeProtected(FALSE);
    PVOID object;
    HANDLE copy;

    NT_EXPECT_STATUS(AS_USER(NtClose(handle)), STATUS_HANDLE_NOT_CLOSABLE);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_HANDLE_NOT_CLOSABLE);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handle, 0, NULL, UserMode, &object, &information),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(information.HandleAttributes, OBJ_INHERIT | 1);
    ObDereferenceObject(object);
    /* So does a duplicate that takes the attributes over, and one that is asked to. */
    NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &copy, 0, 0,
                                       DUPLICATE_SAME_ACCESS | DUPLICATE_SAME_ATTRIBUTES),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtClose(copy)), STATUS_HANDLE_NOT_CLOSABLE);
    CloseProtected(copy);
    NT_EXPECT_STATUS(AS_USER(NtDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(),
                                               &copy, 0, 1, DUPLICATE_SAME_ACCESS)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(copy), STATUS_HANDLE_NOT_CLOSABLE);
    CloseProtected(copy);
    NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &copy, 0, 0,
                                       DUPLICATE_SAME_ACCESS),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtClose(copy)), STATUS_SUCCESS);
    CloseProtected(handle);
}

NT_TEST(ObClose, AttributesNeedAHandle)
{
    OBJECT_HANDLE_FLAG_INFORMATION flags = {.ProtectFromClose = TRUE};
    HANDLE kernel = MakeProtected(TRUE);

    NT_EXPECT_STATUS(ObSetHandleAttributes((HANDLE)0x4444, &flags, KernelMode),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ObSetHandleAttributes(NULL, &flags, KernelMode), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ObSetHandleAttributes(kernel, &flags, UserMode), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwClose(kernel), STATUS_HANDLE_NOT_CLOSABLE);
    CloseProtected(kernel);
}

NT_TEST(ObClose, BadHandlesAreAStatus)
{
    HANDLE handle;

    NT_EXPECT_STATUS(ZwCreateEvent(&handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtClose(handle)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtClose(handle)), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(AS_USER(NtClose(NULL)), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(ZwClose((HANDLE)0x4444), STATUS_INVALID_HANDLE);
}

/* With verification on, which stands for the kernel debugger: user mode's mistakes stay statuses.
 */
NT_TEST(ObClose, VerifyingABadHandleOfTheKernelIsABugcheck)
{
    ExpVerifying = TRUE;
    NT_EXPECT_STATUS(AS_USER(NtClose((HANDLE)0x4444)), STATUS_INVALID_HANDLE);
    NT_EXPECT_BUGCHECK(0x93, ZwClose((HANDLE)0x4444));
}

NT_TEST(ObClose, VerifyingAProtectedHandleOfTheKernelIsABugcheck)
{
    HANDLE handle = MakeProtected(FALSE);

    ExpVerifying = TRUE;
    NT_EXPECT_STATUS(AS_USER(NtClose(handle)), STATUS_HANDLE_NOT_CLOSABLE);
    NT_EXPECT_BUGCHECK(0x93, NtClose(handle));
}
