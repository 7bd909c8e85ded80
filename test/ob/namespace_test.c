/* SPDX-License-Identifier: MIT
 *
 * test/ob/namespace_test.c - the services on directories, symbolic links and names: each documented
 * status, of the Nt and the Zw form
 */
#include "ob_test.h"

/* \BaseNamedObjects\Folder, and \BaseNamedObjects\Folder\Link to \Device\Target. */
#define FOLDER L"\\BaseNamedObjects\\Folder"
#define LINK FOLDER L"\\Link"
#define TARGET L"\\Device\\Target"
#define TARGET_BYTES (sizeof(TARGET) - sizeof(WCHAR))

typedef NTSTATUS NTAPI OPEN_SERVICE(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES);

static OBJECT_ATTRIBUTES
Path(UNICODE_STRING *Storage, PCWSTR Text)
{
    *Storage = Name(Text);
    return Attributes(Storage, 0);
}

static HANDLE
MakeFolder(PCWSTR Text, ULONG Flags)
{
    UNICODE_STRING name = Name(Text);
    OBJECT_ATTRIBUTES attributes = Attributes(&name, Flags);
    HANDLE handle;

    NT_EXPECT_STATUS(ZwCreateDirectoryObject(&handle, DIRECTORY_ALL_ACCESS, &attributes),
                     STATUS_SUCCESS);
    return handle;
}

static HANDLE
MakeLink(PCWSTR Text, PCWSTR TargetText)
{
    UNICODE_STRING name = Name(Text);
    UNICODE_STRING target = Name(TargetText);
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    HANDLE handle;

    NT_EXPECT_STATUS(
        ZwCreateSymbolicLinkObject(&handle, SYMBOLIC_LINK_ALL_ACCESS, &attributes, &target),
        STATUS_SUCCESS);
    return handle;
}

static ACCESS_MASK
AccessOf(HANDLE Handle)
{
    OBJECT_HANDLE_INFORMATION information;
    PVOID object;

    NT_EXPECT_STATUS(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &object, &information),
                     STATUS_SUCCESS);
    ObDereferenceObject(object);
    return information.GrantedAccess;
}

/* Where no pointer of a call from user mode may lead. */
static PVOID
KernelRoom(void)
{
    return ExAllocatePoolWithTag(NonPagedPool, 256, OB_TAG);
}

/* ---- opening ---- */

/* What the two opens answer alike; Good is of the service's own type, Other of another. */
static VOID
CheckOpen(OPEN_SERVICE *Open, PCWSTR Good, PCWSTR Other)
{
    const struct {
        PCWSTR Path;
        NTSTATUS Status;
    } rows[] = {
        {Good, STATUS_SUCCESS},
        {Other, STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\BaseNamedObjects\\No", STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\No\\Folder", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\BaseNamedObjects\\", STATUS_OBJECT_NAME_INVALID},
        {L"\\BaseNamedObjects\\\\Folder", STATUS_OBJECT_NAME_INVALID},
        {L"BaseNamedObjects", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", STATUS_OBJECT_PATH_SYNTAX_BAD},
    };
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE handle;

    NT_FOR_EACH (row, rows) {
        attributes = Path(&name, row->Path);
        handle = (HANDLE)5;
        NT_EXPECT_STATUS(Open(&handle, GENERIC_READ, &attributes), row->Status);
        if (NT_SUCCESS(row->Status)) {
            NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
        } else {
            NT_EXPECT_EQ(handle, (HANDLE)5);
        }
    }
    NT_EXPECT_STATUS(Open(&handle, GENERIC_READ, NULL), STATUS_INVALID_PARAMETER);
    attributes = Path(&name, Good);
    attributes.Length -= 8;
    NT_EXPECT_STATUS(Open(&handle, GENERIC_READ, &attributes), STATUS_INVALID_PARAMETER);
    attributes = Path(&name, Good);
    attributes.Attributes = 0x80000000;
    NT_EXPECT_STATUS(Open(&handle, GENERIC_READ, &attributes), STATUS_INVALID_PARAMETER);
    attributes = Path(&name, Good);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(Open(&handle, GENERIC_READ, &attributes), STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    attributes = Path(&name, Good);
    attributes.Attributes = OBJ_KERNEL_HANDLE;
    NT_EXPECT_STATUS(Open(&handle, GENERIC_READ, &attributes), STATUS_SUCCESS);
    NT_EXPECT_TRUE(ObIsKernelHandle(handle));
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
}

NT_TEST(ObNamespace, OpeningDirectories)
{
    HANDLE folder = MakeFolder(FOLDER, 0);
    HANDLE link = MakeLink(LINK, TARGET);
    HANDLE event;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;

    attributes = Path(&name, L"\\BaseNamedObjects\\Event");
    NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    CheckOpen(NtOpenDirectoryObject, FOLDER, L"\\BaseNamedObjects\\Event");
    CheckOpen(ZwOpenDirectoryObject, FOLDER, L"\\BaseNamedObjects\\Event");
    /* A link is followed: to nothing here. */
    attributes = Path(&name, LINK);
    NT_EXPECT_STATUS(ZwOpenDirectoryObject(&event, GENERIC_READ, &attributes),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    attributes = Path(&name, L"\\BaseNamedObjects\\Event");
    NT_EXPECT_STATUS(ZwClose(link), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwOpenEvent(&folder, EVENT_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
    ObpDestroyHandleTable(ObTestClient->Table); /* the event's first handle */
    NT_EXPECT_STATUS(ObpCreateHandleTable((PEPROCESS)ObTestClient, &ObTestClient->Table),
                     STATUS_SUCCESS);
}

NT_TEST(ObNamespace, OpeningLinks)
{
    HANDLE folder = MakeFolder(FOLDER, 0);
    HANDLE link = MakeLink(LINK, TARGET);

    CheckOpen(NtOpenSymbolicLinkObject, LINK, FOLDER);
    CheckOpen(ZwOpenSymbolicLinkObject, LINK, FOLDER);
    NT_EXPECT_STATUS(ZwClose(link), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
}

/* The rights asked for are those of the handle; user mode gets none that the type does not have. */
NT_TEST(ObNamespace, RightsOfDirectoriesAndLinks)
{
    HANDLE folder = MakeFolder(FOLDER, 0);
    HANDLE link = MakeLink(LINK, TARGET);
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE handle;

    attributes = Path(&name, FOLDER);
    NT_EXPECT_STATUS(AS_USER(NtOpenDirectoryObject(&handle, 0x0002, &attributes)), STATUS_SUCCESS);
    NT_EXPECT_EQ(AccessOf(handle), 0x0002);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtOpenDirectoryObject(&handle, GENERIC_ALL, &attributes)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(AccessOf(handle), DIRECTORY_ALL_ACCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtOpenDirectoryObject(&handle, 0x0100, &attributes)),
                     STATUS_ACCESS_DENIED);
    attributes = Path(&name, LINK);
    NT_EXPECT_STATUS(AS_USER(NtOpenSymbolicLinkObject(&handle, GENERIC_READ, &attributes)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(AccessOf(handle), STANDARD_RIGHTS_READ | SYMBOLIC_LINK_QUERY);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtOpenSymbolicLinkObject(&handle, 0x0100, &attributes)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(ZwClose(link), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
}

NT_TEST(ObNamespace, UserPointersOfTheOpensAreChecked)
{
    OPEN_SERVICE *const services[] = {NtOpenDirectoryObject, NtOpenSymbolicLinkObject};
    static const PCWSTR paths[] = {FOLDER, LINK};
    HANDLE folder = MakeFolder(FOLDER, 0);
    HANDLE link = MakeLink(LINK, TARGET);
    PVOID kernel = KernelRoom();
    HANDLE handle;

    for (ULONG i = 0; i < 2; i++) {
        UNICODE_STRING name;
        OBJECT_ATTRIBUTES attributes = Path(&name, paths[i]);
        OPEN_SERVICE *open = services[i];

        NT_EXPECT_STATUS(AS_USER(open(kernel, GENERIC_READ, &attributes)), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(open((PHANDLE)16, GENERIC_READ, &attributes)),
                         STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(open(&handle, GENERIC_READ, kernel)), STATUS_ACCESS_VIOLATION);
        NT_EXPECT_STATUS(AS_USER(NtCreateDirectoryObject(kernel, GENERIC_READ, NULL)),
                         STATUS_ACCESS_VIOLATION);
    }
    NT_EXPECT_EQ(ObpHandlesInUse(ObTestClient->Table), 2);
    NT_EXPECT_STATUS(ZwClose(link), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
    ExFreePool(kernel);
}

/* ---- making directories ---- */

NT_TEST(ObNamespace, CreatingDirectories)
{
    static NTSTATUS (*const services[])(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES) = {
        NtCreateDirectoryObject, ZwCreateDirectoryObject};

    NT_FOR_EACH (item, services) {
        OPEN_SERVICE *create = *item;
        UNICODE_STRING name = Name(FOLDER);
        UNICODE_STRING inside = Name(L"Event");
        OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
        OBJECT_ATTRIBUTES relative = Attributes(&inside, 0);
        HANDLE folder;
        HANDLE again;
        HANDLE event;

        NT_EXPECT_STATUS(create(&folder, DIRECTORY_ALL_ACCESS, &attributes), STATUS_SUCCESS);
        NT_EXPECT_EQ(AccessOf(folder), DIRECTORY_ALL_ACCESS);
        NT_EXPECT_STATUS(create(&again, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_OBJECT_NAME_COLLISION);
        attributes.Attributes = OBJ_OPENIF;
        NT_EXPECT_STATUS(create(&again, DIRECTORY_QUERY, &attributes), STATUS_OBJECT_NAME_EXISTS);
        NT_EXPECT_EQ(AccessOf(again), DIRECTORY_QUERY);
        NT_EXPECT_STATUS(ZwClose(again), STATUS_SUCCESS);
        relative.RootDirectory = folder;
        NT_EXPECT_STATUS(
            ZwCreateEvent(&event, EVENT_ALL_ACCESS, &relative, NotificationEvent, FALSE),
            STATUS_SUCCESS);
        attributes = Path(&name, FOLDER L"\\Event");
        NT_EXPECT_STATUS(ZwOpenEvent(&again, EVENT_ALL_ACCESS, &attributes), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwClose(again), STATUS_SUCCESS);
        NT_EXPECT_STATUS(create(&again, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_OBJECT_NAME_COLLISION);
        attributes.Attributes = OBJ_OPENIF;
        NT_EXPECT_STATUS(create(&again, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_OBJECT_TYPE_MISMATCH);
        attributes = Path(&name, L"\\No\\Folder");
        NT_EXPECT_STATUS(create(&again, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_OBJECT_PATH_NOT_FOUND);
        attributes = Path(&name, L"Folder");
        NT_EXPECT_STATUS(create(&again, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_OBJECT_PATH_SYNTAX_BAD);
        attributes = Path(&name, L"\\BaseNamedObjects\\");
        NT_EXPECT_STATUS(create(&again, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_OBJECT_NAME_INVALID);
        attributes.Length = 0;
        NT_EXPECT_STATUS(create(&again, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_INVALID_PARAMETER);
        NT_EXPECT_STATUS(ZwClose(event), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
        attributes = Path(&name, FOLDER);
        NT_EXPECT_STATUS(ZwOpenDirectoryObject(&again, DIRECTORY_QUERY, &attributes),
                         STATUS_OBJECT_NAME_NOT_FOUND);
        NT_EXPECT_STATUS(create(&folder, DIRECTORY_ALL_ACCESS, NULL), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
        SimSetFaultPlan("pool", 1);
        NT_EXPECT_STATUS(create(&folder, DIRECTORY_ALL_ACCESS, NULL),
                         STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
    }
}

/* ---- the target of a link ---- */

NT_TEST(ObNamespace, QueryingLinks)
{
    static NTSTATUS (*const services[])(HANDLE, PUNICODE_STRING, PULONG) = {
        NtQuerySymbolicLinkObject, ZwQuerySymbolicLinkObject};
    HANDLE link = MakeLink(L"\\BaseNamedObjects\\Link", TARGET);
    HANDLE event;
    WCHAR room[64];

    NT_EXPECT_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_FOR_EACH (query, services) {
        UNICODE_STRING text = {.Buffer = room, .MaximumLength = sizeof(room)};
        ULONG length = 0;

        memset(room, 0xAA, sizeof(room));
        NT_EXPECT_STATUS((*query)(link, &text, &length), STATUS_SUCCESS);
        NT_EXPECT_WSTR(room, TARGET);
        NT_EXPECT_EQ(text.Length, TARGET_BYTES);
        NT_EXPECT_EQ(length, sizeof(TARGET));
        /* Without a length no NUL is wanted, so that less room will do. */
        text = (UNICODE_STRING){.Buffer = room, .MaximumLength = TARGET_BYTES};
        memset(room, 0xAA, sizeof(room));
        NT_EXPECT_STATUS((*query)(link, &text, NULL), STATUS_SUCCESS);
        NT_EXPECT_EQ(text.Length, TARGET_BYTES);
        NT_EXPECT_EQ(room[TARGET_BYTES / 2], 0xAAAA);
        NT_EXPECT_STATUS((*query)(link, &text, &length), STATUS_BUFFER_TOO_SMALL);
        NT_EXPECT_EQ(length, sizeof(TARGET));
        text = (UNICODE_STRING){.Buffer = room, .MaximumLength = TARGET_BYTES - 2};
        length = 0;
        NT_EXPECT_STATUS((*query)(link, &text, NULL), STATUS_BUFFER_TOO_SMALL);
        NT_EXPECT_EQ(text.Length, 0);
        text = (UNICODE_STRING){.Buffer = NULL, .MaximumLength = 0};
        NT_EXPECT_STATUS((*query)(link, &text, &length), STATUS_BUFFER_TOO_SMALL);
        NT_EXPECT_EQ(length, sizeof(TARGET));
        NT_EXPECT_STATUS((*query)((HANDLE)0x4444, &text, &length), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS((*query)(event, &text, &length), STATUS_OBJECT_TYPE_MISMATCH);
    }
    NT_EXPECT_STATUS(ZwClose(event), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(link), STATUS_SUCCESS);
}

NT_TEST(ObNamespace, QueryingLinksFromUserMode)
{
    HANDLE link = MakeLink(L"\\BaseNamedObjects\\Link", TARGET);
    WCHAR *kernel = KernelRoom();
    WCHAR room[64];
    UNICODE_STRING text = {.Buffer = kernel, .MaximumLength = 256};
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE weak;
    ULONG length;

    NT_EXPECT_STATUS(AS_USER(NtQuerySymbolicLinkObject(link, &text, NULL)),
                     STATUS_ACCESS_VIOLATION);
    text.Buffer = room;
    NT_EXPECT_STATUS(AS_USER(NtQuerySymbolicLinkObject(link, &text, (PULONG)kernel)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(AS_USER(NtQuerySymbolicLinkObject(link, (PUNICODE_STRING)kernel, &length)),
                     STATUS_ACCESS_VIOLATION);
    attributes = Path(&name, L"\\BaseNamedObjects\\Link");
    NT_EXPECT_STATUS(AS_USER(NtOpenSymbolicLinkObject(&weak, DELETE, &attributes)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS_USER(NtQuerySymbolicLinkObject(weak, &text, &length)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(ZwQuerySymbolicLinkObject(weak, &text, &length), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(weak), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(link), STATUS_SUCCESS);
    ExFreePool(kernel);
}

/* ---- permanent and temporary ---- */

NT_TEST(ObNamespace, MakingTemporary)
{
    static NTSTATUS (*const services[])(HANDLE) = {NtMakeTemporaryObject, ZwMakeTemporaryObject};

    NT_FOR_EACH (makeTemporary, services) {
        UNICODE_STRING name;
        OBJECT_ATTRIBUTES attributes = Path(&name, FOLDER);
        HANDLE folder = MakeFolder(FOLDER, OBJ_PERMANENT);
        HANDLE weak;

        NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwOpenDirectoryObject(&folder, DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwOpenDirectoryObject(&weak, DIRECTORY_QUERY, &attributes),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(AS_USER(NtMakeTemporaryObject(weak)), STATUS_ACCESS_DENIED);
        NT_EXPECT_STATUS((*makeTemporary)((HANDLE)0x4444), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS((*makeTemporary)(folder), STATUS_SUCCESS);
        NT_EXPECT_STATUS((*makeTemporary)(folder), STATUS_SUCCESS);
        /* Its name lasts as long as a handle. */
        NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwOpenDirectoryObject(&folder, DIRECTORY_QUERY, &attributes),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwClose(folder), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwClose(weak), STATUS_SUCCESS);
        NT_EXPECT_STATUS(ZwOpenDirectoryObject(&folder, DIRECTORY_QUERY, &attributes),
                         STATUS_OBJECT_NAME_NOT_FOUND);
    }
}

/* ---- long names ---- */

#define LONG_LETTERS 700u
#define FOLDERS 20u

/* Directories, each in the one before; how many letters the last one's full name has. */
static ULONG
MakeDeep(HANDLE *Handles, ULONG Count, ULONG Letters)
{
    static WCHAR text[LONG_LETTERS + 1];

    for (ULONG i = 0; i < Letters; i++) {
        text[i] = (WCHAR)(L'a' + i % 26);
    }
    for (ULONG i = 0; i < Count; i++) {
        UNICODE_STRING name = {.Buffer = text,
                               .Length = (USHORT)(Letters * 2),
                               .MaximumLength = (USHORT)(Letters * 2)};
        OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);

        if (i == 0) {
            Handles[i] = MakeFolder(L"\\BaseNamedObjects\\Deep", 0);
            continue;
        }
        attributes.RootDirectory = Handles[i - 1];
        NT_EXPECT_STATUS(ZwCreateDirectoryObject(&Handles[i], DIRECTORY_ALL_ACCESS, &attributes),
                         STATUS_SUCCESS);
    }
    return (ULONG)(RTL_NUMBER_OF(L"\\BaseNamedObjects\\Deep") - 1 + (Count - 1) * (Letters + 1));
}

NT_TEST(ObNamespace, LongNamesAreQueriedWhole)
{
    POBJECT_NAME_INFORMATION information =
        ExAllocatePoolWithTag(PagedPool, 65536 + sizeof(*information), OB_TAG);
    HANDLE handles[FOLDERS];
    ULONG letters = MakeDeep(handles, FOLDERS, LONG_LETTERS);
    ULONG needed = (ULONG)sizeof(*information) + (letters + 1) * 2;
    ULONG length = 0;
    PVOID object;

    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(handles[FOLDERS - 1], 0, NULL, KernelMode, &object, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObQueryNameString(object, NULL, 0, &length), STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_EQ(length, needed);
    memset(information, 0xAA, sizeof(*information));
    NT_EXPECT_STATUS(ObQueryNameString(object, information, needed - 1, &length),
                     STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_EQ(information->Name.Length, 0xAAAA); /* nothing is returned */
    NT_EXPECT_STATUS(ObQueryNameString(object, information, needed, &length), STATUS_SUCCESS);
    NT_EXPECT_EQ(length, needed);
    NT_EXPECT_EQ(information->Name.Length, letters * 2);
    NT_EXPECT_EQ(information->Name.MaximumLength, letters * 2 + 2);
    NT_EXPECT_EQ(information->Name.Buffer, (PWSTR)(information + 1));
    NT_EXPECT_EQ(information->Name.Buffer[letters], 0);
    NT_EXPECT_EQ(memcmp(information->Name.Buffer, L"\\BaseNamedObjects\\Deep\\abc", 52), 0);
    NT_EXPECT_EQ(information->Name.Buffer[letters - 1], L'a' + (LONG_LETTERS - 1) % 26);
    for (ULONG nth = 1; nth <= 2; nth++) {
        SimSetFaultPlan("pool", nth);
        NT_EXPECT_STATUS(ObQueryNameString(object, information, needed, &length),
                         STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
    }
    ObDereferenceObject(object);
    for (ULONG i = FOLDERS; i-- > 0;) {
        NT_EXPECT_STATUS(ZwClose(handles[i]), STATUS_SUCCESS);
    }
    ExFreePool(information);
}

/* Around the size at which more room is taken: no letter is lost. */
NT_TEST(ObNamespace, NamesOfEachLengthAroundOneKilobyte)
{
    __attribute__((aligned(8))) UCHAR room[4096];
    POBJECT_NAME_INFORMATION information = (POBJECT_NAME_INFORMATION)room;
    ULONG length;

    for (ULONG letters = 1024 - 30; letters < 1024 + 4; letters++) {
        HANDLE handles[3];
        ULONG total = MakeDeep(handles, 3, letters / 2);
        PVOID object;

        NT_EXPECT_STATUS(ObReferenceObjectByHandle(handles[2], 0, NULL, KernelMode, &object, NULL),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(ObQueryNameString(object, information, sizeof(room), &length),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(information->Name.Length, total * 2);
        ObDereferenceObject(object);
        for (ULONG i = 3; i-- > 0;) {
            NT_EXPECT_STATUS(ZwClose(handles[i]), STATUS_SUCCESS);
        }
    }
}

/* Longer than a UNICODE_STRING can say: refused, or, through a link, no name to be told. */
NT_TEST(ObNamespace, NamesThatNoStringHolds)
{
    POBJECT_NAME_INFORMATION information =
        ExAllocatePoolWithTag(PagedPool, 65536 + sizeof(*information), OB_TAG);
    WCHAR text[LONG_LETTERS] = L"\\BaseNamedObjects\\Short\\";
    UNICODE_STRING name = {.Buffer = text, .Length = sizeof(text), .MaximumLength = sizeof(text)};
    UNICODE_STRING linkName = Name(L"\\BaseNamedObjects\\Short");
    OBJECT_ATTRIBUTES attributes = Attributes(&name, 0);
    ULONG count = 32767 / (LONG_LETTERS + 1) + 1;
    HANDLE handles[64];
    HANDLE handle;
    ULONG length;
    PVOID object;

    MakeDeep(handles, count, LONG_LETTERS);
    for (ULONG i = 0; i < LONG_LETTERS; i++) {
        text[i] = text[i] != 0 ? text[i] : L'z';
    }
    name.Buffer += linkName.Length / sizeof(WCHAR) + 1;
    name.Length -= linkName.Length + sizeof(WCHAR);
    attributes.RootDirectory = handles[count - 1];
    NT_EXPECT_STATUS(ZwCreateDirectoryObject(&handle, DIRECTORY_ALL_ACCESS, &attributes),
                     STATUS_NAME_TOO_LONG);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(handles[count - 1], 0, NULL, KernelMode, &object, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObQueryNameString(object, information, 65536, &length), STATUS_SUCCESS);
    ObDereferenceObject(object);
    attributes = Attributes(&linkName, 0);
    NT_EXPECT_STATUS(ZwCreateSymbolicLinkObject(&handles[count], SYMBOLIC_LINK_ALL_ACCESS,
                                                &attributes, &information->Name),
                     STATUS_SUCCESS);
    name = (UNICODE_STRING){.Buffer = text, .Length = sizeof(text), .MaximumLength = sizeof(text)};
    attributes = Attributes(&name, 0);
    NT_EXPECT_STATUS(ZwCreateDirectoryObject(&handle, DIRECTORY_ALL_ACCESS, &attributes),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(handle, 0, NULL, KernelMode, &object, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObQueryNameString(object, information, 65536, &length), STATUS_SUCCESS);
    NT_EXPECT_EQ(information->Name.Length, 0);
    NT_EXPECT_EQ(information->Name.MaximumLength, 0);
    NT_EXPECT_EQ(information->Name.Buffer, NULL);
    ObDereferenceObject(object);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    for (ULONG i = count + 1; i-- > 0;) {
        NT_EXPECT_STATUS(ZwClose(handles[i]), STATUS_SUCCESS);
    }
    ExFreePool(information);
}

/* ---- names that a type makes up ---- */

#define MADE_UP_LETTERS 5000u

/* As files and keys do: cut to the room that is given. */
static VOID
MakeUpName(PVOID Object, PWSTR Buffer, SIZE_T Size)
{
    SIZE_T letters = min(Size / sizeof(WCHAR) - 1, (SIZE_T) * (ULONG *)Object);

    for (SIZE_T i = 0; i < letters; i++) {
        Buffer[i] = (WCHAR)(L'a' + i % 26);
    }
    Buffer[letters] = 0;
}

NT_TEST(ObNamespace, LongNamesOfATypesOwnMaking)
{
    static const OBP_TYPE_OPS ops = {.Name = L"Namer", .ValidAccess = 1, .QueryName = MakeUpName};
    static const ULONG lengths[] = {1, 1022, 1023, 1024, 1025, MADE_UP_LETTERS, 32766};
    POBJECT_NAME_INFORMATION information =
        ExAllocatePoolWithTag(PagedPool, 65536 + sizeof(*information), OB_TAG);
    POBJECT_TYPE type;
    ULONG *object;
    ULONG needed;

    NT_EXPECT_STATUS(ObpCreateType(&ops, &type), STATUS_SUCCESS);
    ObTestObjects++;
    NT_EXPECT_STATUS(ObpCreateObject(type, sizeof(*object), (PVOID *)&object), STATUS_SUCCESS);
    NT_FOR_EACH (length, lengths) {
        *object = *length;
        NT_EXPECT_STATUS(
            ObQueryNameString(object, information, 65536 + sizeof(*information), &needed),
            STATUS_SUCCESS);
        NT_EXPECT_EQ(needed, sizeof(*information) + *length * 2 + 2);
        NT_EXPECT_EQ(information->Name.Length, *length * 2);
        NT_EXPECT_EQ(information->Name.Buffer[*length - 1], L'a' + (*length - 1) % 26);
        NT_EXPECT_EQ(information->Name.Buffer[*length], 0);
    }
    ObDereferenceObject(object);
    ObDereferenceObject(type);
    ExFreePool(information);
}
