/* SPDX-License-Identifier: MIT
 *
 * test/ob/name_test.c - the namespace: paths, case, links, parsing, lifetime of names
 */
#include "ob_test.h"

static NTSTATUS
Open(PCWSTR Path, POBJECT_TYPE Type, ULONG Flags, PVOID *Object)
{
    OBP_OPEN_REQUEST request = {.Attributes = Flags, .AccessMode = KernelMode};
    UNICODE_STRING name = Name(Path);

    return ObpOpenByName(&name, NULL, Type, &request, Object);
}

static PVOID
MakeEvent(PCWSTR Path, BOOLEAN Permanent)
{
    UNICODE_STRING name = Name(Path);
    PVOID event;

    NT_EXPECT_STATUS(ObpCreateObject(*ExEventObjectType, sizeof(KEVENT), &event), STATUS_SUCCESS);
    KeInitializeEvent(event, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(ObpInsertName(event, &name, Permanent), STATUS_SUCCESS);
    return event;
}

static VOID
DropNamed(PVOID Object)
{
    ObpRemoveName(Object);
    ObfDereferenceObject(Object);
}

NT_TEST(ObName, PathErrors)
{
    static const struct {
        PCWSTR Path;
        ULONG Flags;
        NTSTATUS Status;
    } rows[] = {
        {L"\\Device\\Here", 0, STATUS_SUCCESS},
        {L"\\Device\\here", 0, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\dEVICE\\hERE", OBJ_CASE_INSENSITIVE, STATUS_SUCCESS},
        {L"\\Device\\Nowhere", 0, STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\Nowhere\\Here", 0, STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\Device\\Here\\More", 0, STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\Device\\", 0, STATUS_OBJECT_NAME_INVALID},
        {L"\\Device\\\\Here", 0, STATUS_OBJECT_NAME_INVALID},
        {L"Device\\Here", 0, STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", 0, STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\", 0, STATUS_SUCCESS},
        {L"\\Device", 0, STATUS_SUCCESS},
        {L"\\ObjectTypes\\Event", 0, STATUS_SUCCESS},
    };
    PVOID event = MakeEvent(L"\\Device\\Here", TRUE);

    NT_FOR_EACH (row, rows) {
        PVOID found;

        NT_EXPECT_STATUS(Open(row->Path, NULL, row->Flags, &found), row->Status);
        if (NT_SUCCESS(row->Status)) {
            ObfDereferenceObject(found);
        }
    }
    DropNamed(event);
}

NT_TEST(ObName, TypeMustMatch)
{
    PVOID event = MakeEvent(L"\\Device\\Here", TRUE);
    PVOID found;

    NT_EXPECT_STATUS(Open(L"\\Device\\Here", *ExSemaphoreObjectType, 0, &found),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(Open(L"\\Device\\Here", *ExEventObjectType, 0, &found), STATUS_SUCCESS);
    NT_EXPECT_EQ(found, event);
    ObfDereferenceObject(found);
    DropNamed(event);
}

NT_TEST(ObName, InsertErrors)
{
    static const struct {
        PCWSTR Path;
        NTSTATUS Status;
    } rows[] = {
        {L"\\Device\\Here", STATUS_OBJECT_NAME_COLLISION},
        {L"\\Device\\HERE", STATUS_OBJECT_NAME_COLLISION},
        {L"\\DosDevices", STATUS_OBJECT_NAME_COLLISION},
        {L"\\Nowhere\\X", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\Device\\Here\\X", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\Device\\", STATUS_OBJECT_NAME_INVALID},
        {L"X", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\", STATUS_OBJECT_NAME_INVALID},
    };
    PVOID event = MakeEvent(L"\\Device\\Here", TRUE);
    PVOID other;

    NT_EXPECT_STATUS(ObpCreateObject(*ExEventObjectType, sizeof(KEVENT), &other), STATUS_SUCCESS);
    NT_FOR_EACH (row, rows) {
        UNICODE_STRING name = Name(row->Path);

        NT_EXPECT_STATUS(ObpInsertName(other, &name, TRUE), row->Status);
    }
    NT_EXPECT_EQ(ObpPointerCount(other), 1);
    ObfDereferenceObject(other);
    DropNamed(event);
}

/* Links lead on, in the middle of a path and at its end, also to be created through. */
NT_TEST(ObName, LinksAreFollowed)
{
    UNICODE_STRING linkName = Name(L"\\DosDevices\\Mine");
    UNICODE_STRING target = Name(L"\\Device\\Here");
    PVOID event = MakeEvent(L"\\Device\\Here", TRUE);
    WCHAR path[64];
    PVOID link;
    PVOID found;

    NT_EXPECT_STATUS(ObpCreateSymbolicLink(&linkName, &target, TRUE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateSymbolicLink(&linkName, &target, TRUE, NULL),
                     STATUS_OBJECT_NAME_COLLISION);
    static const PCWSTR paths[] = {L"\\DosDevices\\Mine", L"\\??\\Mine", L"\\GLOBAL??\\Mine",
                                   L"\\??\\Global\\Mine", L"\\??\\GLOBALROOT\\Device\\Here"};
    NT_FOR_EACH (item, paths) {
        NT_EXPECT_STATUS(Open(*item, NULL, 0, &found), STATUS_SUCCESS);
        NT_EXPECT_EQ(found, event);
        ObfDereferenceObject(found);
    }
    NT_EXPECT_STATUS(Open(L"\\??\\mine", ObpSymbolicLinkType, OBJ_CASE_INSENSITIVE, &link),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlEqualUnicodeString(ObpSymbolicLinkTarget(link), &target, FALSE));
    ObpQueryName(link, path, sizeof(path));
    NT_EXPECT_WSTR(path, L"\\GLOBAL??\\Mine");
    ObfDereferenceObject(link);
    NT_EXPECT_STATUS(ObpDeleteSymbolicLink(&linkName), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpDeleteSymbolicLink(&linkName), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(ObpDeleteSymbolicLink(&target), STATUS_OBJECT_TYPE_MISMATCH);
    DropNamed(event);
}

NT_TEST(ObName, LinkLoopsEnd)
{
    UNICODE_STRING first = Name(L"\\??\\First");
    UNICODE_STRING second = Name(L"\\??\\Second");
    PVOID found;

    NT_EXPECT_STATUS(ObpCreateSymbolicLink(&first, &second, TRUE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateSymbolicLink(&second, &first, TRUE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Open(L"\\??\\First", NULL, 0, &found), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(Open(L"\\??\\First\\More", NULL, 0, &found), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(ObpDeleteSymbolicLink(&first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpDeleteSymbolicLink(&second), STATUS_SUCCESS);
}

/* ---- parsing ---- */

static WCHAR ParsedName[64];
static POBJECT_TYPE ParserType;

static NTSTATUS
ParseRest(OBP_OPEN_REQUEST *Request, PVOID *Object)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_EQ(ObpGetObjectType(Request->ParseObject), ParserType);
    NT_EXPECT_EQ(Request->Context, (PVOID)77);
    memset(ParsedName, 0, sizeof(ParsedName));
    memcpy(ParsedName, Request->RemainingName.Buffer, Request->RemainingName.Length);
    if (Request->RemainingName.Length == 0) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return ObpCreateObject(*ExEventObjectType, sizeof(KEVENT), Object);
}

NT_TEST(ObName, ParseGetsTheRestOfTheName)
{
    static const OBP_TYPE_OPS ops = {.Name = L"Parser", .ValidAccess = 1, .Parse = ParseRest};
    OBP_OPEN_REQUEST request = {.AccessMode = KernelMode, .Context = (PVOID)77};
    UNICODE_STRING name = Name(L"\\Device\\Parser");
    UNICODE_STRING linkName = Name(L"\\??\\P");
    UNICODE_STRING path;
    PVOID parser;
    PVOID found;

    NT_EXPECT_STATUS(ObpCreateType(&ops, &ParserType), STATUS_SUCCESS);
    ObTestObjects++;
    NT_EXPECT_STATUS(ObpCreateObject(ParserType, 8, &parser), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpInsertName(parser, &name, TRUE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpCreateSymbolicLink(&linkName, &name, TRUE, NULL), STATUS_SUCCESS);
    path = Name(L"\\??\\P\\some\\file");
    NT_EXPECT_STATUS(ObpOpenByName(&path, NULL, *ExEventObjectType, &request, &found),
                     STATUS_SUCCESS);
    NT_EXPECT_WSTR(ParsedName, L"\\some\\file");
    ObfDereferenceObject(found);
    path = Name(L"\\Device\\Parser\\");
    NT_EXPECT_STATUS(ObpOpenByName(&path, NULL, NULL, &request, &found), STATUS_SUCCESS);
    NT_EXPECT_WSTR(ParsedName, L"\\");
    ObfDereferenceObject(found);
    /* What Parse gives is checked, and let go of, if the type is wrong. */
    NT_EXPECT_STATUS(ObpOpenByName(&path, NULL, *ExSemaphoreObjectType, &request, &found),
                     STATUS_OBJECT_TYPE_MISMATCH);
    path = Name(L"\\Device\\Parser");
    NT_EXPECT_STATUS(ObpOpenByName(&path, NULL, NULL, &request, &found),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(ObpDeleteSymbolicLink(&linkName), STATUS_SUCCESS);
    DropNamed(parser);
    ObfDereferenceObject(ParserType);
}

/* ---- how long names live ---- */

NT_TEST(ObName, TemporaryNameGoesWithTheLastHandle)
{
    UNICODE_STRING name = Name(L"\\BaseNamedObjects\\Event");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    HANDLE first;
    HANDLE second;
    PVOID found;

    NT_EXPECT_STATUS(ZwCreateEvent(&first, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwOpenEvent(&second, EVENT_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Open(L"\\BaseNamedObjects\\Event", NULL, 0, &found), STATUS_SUCCESS);
    ObfDereferenceObject(found);
    NT_EXPECT_STATUS(ZwClose(second), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Open(L"\\BaseNamedObjects\\Event", NULL, 0, &found),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(ObName, PermanentNameStaysUntilMadeTemporary)
{
    UNICODE_STRING name = Name(L"\\BaseNamedObjects\\Event");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, OBJ_PERMANENT);
    HANDLE handle;

    NT_EXPECT_STATUS(
        ZwCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwOpenEvent(&handle, EVENT_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwMakeTemporaryObject(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwOpenEvent(&handle, EVENT_ALL_ACCESS, &attributes),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}

/* ---- questions ---- */

NT_TEST(ObName, QueryNameString)
{
    UCHAR room[256] __attribute__((aligned(8)));
    POBJECT_NAME_INFORMATION information = (POBJECT_NAME_INFORMATION)room;
    PVOID event = MakeEvent(L"\\??\\Here", TRUE);
    ULONG needed = sizeof(*information) + sizeof(L"\\GLOBAL??\\Here");
    ULONG length = 0;
    PVOID plain;

    NT_EXPECT_STATUS(ObQueryNameString(event, NULL, 0, &length), STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_EQ(length, needed);
    NT_EXPECT_STATUS(ObQueryNameString(event, information, needed - 1, &length),
                     STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(ObQueryNameString(event, information, needed, &length), STATUS_SUCCESS);
    NT_EXPECT_WSTR(information->Name.Buffer, L"\\GLOBAL??\\Here");
    NT_EXPECT_STATUS(ObpCreateObject(*ExEventObjectType, sizeof(KEVENT), &plain), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObQueryNameString(plain, information, sizeof(room), &length), STATUS_SUCCESS);
    NT_EXPECT_EQ(information->Name.Length, 0);
    NT_EXPECT_EQ(information->Name.Buffer, NULL);
    ObfDereferenceObject(plain);
    DropNamed(event);
}

static BOOLEAN
CountVisit(PVOID Context, PVOID Object)
{
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    return ++*(PULONG)Context < 20;
}

NT_TEST(ObName, WalksNamedObjectsOfAType)
{
    static PVOID events[30];
    ULONG count = 0;

    for (ULONG i = 0; i < 30; i++) {
        WCHAR path[] = L"\\BaseNamedObjects\\Event_";

        path[RTL_NUMBER_OF(path) - 2] = (WCHAR)(L'0' + i);
        events[i] = MakeEvent(path, TRUE);
        if (i == 9) {
            ObpForEachNamed(*ExEventObjectType, CountVisit, &count);
            NT_EXPECT_EQ(count, 10);
            count = 0;
        }
    }
    ObpForEachNamed(*ExEventObjectType, CountVisit, &count);
    NT_EXPECT_EQ(count, 20);
    for (ULONG i = 0; i < 30; i++) {
        NT_EXPECT_EQ(ObpPointerCount(events[i]), 2);
        DropNamed(events[i]);
    }
}

NT_TEST(ObName, RelativeToADirectory)
{
    UNICODE_STRING folderName = Name(L"\\Device\\Folder");
    UNICODE_STRING name = Name(L"Event");
    OBJECT_ATTRIBUTES folderAttributes = Attributes(&folderName, 0);
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    HANDLE folder;
    HANDLE event;
    HANDLE again;
    PVOID found;

    NT_EXPECT_STATUS(ZwCreateDirectoryObject(&folder, DIRECTORY_ALL_ACCESS, &folderAttributes),
                     STATUS_SUCCESS);
    attributes.RootDirectory = folder;
    NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwOpenEvent(&again, EVENT_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Open(L"\\Device\\Folder\\Event", NULL, 0, &found), STATUS_SUCCESS);
    ObfDereferenceObject(found);
    NT_EXPECT_STATUS(ZwCreateEvent(&again, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_STATUS(ZwClose(again), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(event), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Open(L"\\Device\\Folder", NULL, 0, &found), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* Threads look names up while others give and take them. */
static LONG Found;

static void
Churn(void *Context)
{
    ULONG me = (ULONG)(ULONG_PTR)Context;

    for (ULONG i = 0; i < 20; i++) {
        PVOID found;

        if (me == 0) {
            PVOID event = MakeEvent(L"\\Device\\Churn", i % 2 == 0);

            SimSchedulingPoint();
            DropNamed(event);
            SimSchedulingPoint();
        } else if (NT_SUCCESS(Open(L"\\Device\\Churn", *ExEventObjectType, 0, &found))) {
            SimSchedulingPoint();
            NT_EXPECT_EQ(KeReadStateEvent(found), 0);
            ObfDereferenceObject(found);
            __atomic_add_fetch(&Found, 1, __ATOMIC_RELAXED);
        } else {
            SimSchedulingPoint();
        }
    }
}

NT_TEST_SEEDS(ObName, ThreadsAddFindAndRemove, 20)
{
    TEST_THREAD threads[3];

    for (ULONG i = 0; i < 3; i++) {
        StartThread(&threads[i], Churn, (void *)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < 3; i++) {
        JoinThread(&threads[i]);
    }
}
