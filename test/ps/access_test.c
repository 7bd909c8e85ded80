/* SPDX-License-Identifier: MIT
 *
 * access_test.c - processes of different users: their objects, their processes, their tokens
 *
 * There is one client process here, which acts as one user after the other.
 */
#include "ps_test.h"

#define USER 1000u
#define OTHER 1001u
#define ADMIN 0x80000000u
#define EVENT_NAME L"\\BaseNamedObjects\\Ours"
#define EVENT_QUERY 1u
#define EVENT_CHANGE 2u
#define PROCESS_QUERY 0x1000u
#define THREAD_QUERY 0x0800u
#define TOKEN_RIGHTS 0x000Au /* TOKEN_DUPLICATE, TOKEN_QUERY */

/* Evaluates the call as a program of that user would make it. */
#define AS(uid, call)                                    \
    ({                                                   \
        Become(uid);                                     \
        KiGetCurrentThread()->PreviousMode = UserMode;   \
        NTSTATUS asStatus = (call);                      \
        KiGetCurrentThread()->PreviousMode = KernelMode; \
        Become(0);                                       \
        asStatus;                                        \
    })

static VOID
Become(ULONG Uid)
{
    SEP_IDENTITY identity = {.Uid = Uid & ~ADMIN, .Gid = Uid & ~ADMIN};
    PACCESS_TOKEN token = NULL;

    identity.IsAdministrator = (Uid & ADMIN) != 0;
    if (Uid != 0) {
        NT_EXPECT_STATUS(SepCreateToken(&identity, &token), STATUS_SUCCESS);
    }
    SepAssignProcessToken(PspClientProcess, token);
    if (token != NULL) {
        ObDereferenceObject(token);
    }
}

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
}

void
NtTestTearDown(void)
{
    Become(0);
    PsTestStop();
}

static PSECURITY_DESCRIPTOR
Describe(PCWSTR Sddl, PVOID Room, SIZE_T Size)
{
    PSECURITY_DESCRIPTOR descriptor;
    UNICODE_STRING text;

    RtlInitUnicodeString(&text, Sddl);
    NT_EXPECT_STATUS(SepParseSddl(&text, &descriptor), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlLengthSecurityDescriptor(descriptor) <= Size);
    memcpy(Room, descriptor, RtlLengthSecurityDescriptor(descriptor));
    ExFreePool(descriptor);
    return Room;
}

typedef struct NAMED {
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    ULONG64 Room[32];
} NAMED;

static POBJECT_ATTRIBUTES
Named(NAMED *Object, PCWSTR Name, ULONG Flags, PCWSTR Sddl)
{
    RtlInitUnicodeString(&Object->Name, Name);
    InitializeObjectAttributes(&Object->Attributes, &Object->Name, Flags, NULL,
                               Sddl != NULL ? Describe(Sddl, Object->Room, sizeof(Object->Room))
                                            : NULL);
    return &Object->Attributes;
}

/* ---- named objects ---- */

NT_TEST(Access, NamedObjectsAreTheirMakersByDefault)
{
    NAMED named;
    HANDLE event;
    HANDLE again;

    Named(&named, EVENT_NAME, 0, NULL);
    NT_EXPECT_STATUS(AS(USER, NtCreateEvent(&event, EVENT_ALL_ACCESS, &named.Attributes,
                                            NotificationEvent, FALSE)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(OTHER, NtOpenEvent(&again, EVENT_QUERY, &named.Attributes)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS(OTHER, NtOpenEvent(&again, MAXIMUM_ALLOWED, &named.Attributes)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS(USER, NtOpenEvent(&again, EVENT_ALL_ACCESS, &named.Attributes)),
                     STATUS_SUCCESS);
    ZwClose(again);
    NT_EXPECT_STATUS(AS(0, NtOpenEvent(&again, EVENT_ALL_ACCESS, &named.Attributes)),
                     STATUS_SUCCESS);
    ZwClose(again);
    /* A name that is taken is no way around: opened instead, it is checked all the same. */
    NT_EXPECT_STATUS(AS(OTHER, NtCreateEvent(&again, EVENT_ALL_ACCESS, &named.Attributes,
                                             NotificationEvent, FALSE)),
                     STATUS_OBJECT_NAME_COLLISION);
    named.Attributes.Attributes = OBJ_OPENIF;
    NT_EXPECT_STATUS(AS(OTHER, NtCreateEvent(&again, EVENT_ALL_ACCESS, &named.Attributes,
                                             NotificationEvent, FALSE)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS(USER, NtCreateEvent(&again, EVENT_ALL_ACCESS, &named.Attributes,
                                            NotificationEvent, FALSE)),
                     STATUS_OBJECT_NAME_EXISTS);
    ZwClose(again);
    /* The kernel may, unless it asks to be checked. */
    named.Attributes.Attributes = OBJ_KERNEL_HANDLE;
    Become(OTHER);
    NT_EXPECT_STATUS(ZwOpenEvent(&again, EVENT_ALL_ACCESS, &named.Attributes), STATUS_SUCCESS);
    ZwClose(again);
    named.Attributes.Attributes |= OBJ_FORCE_ACCESS_CHECK;
    NT_EXPECT_STATUS(ZwOpenEvent(&again, EVENT_ALL_ACCESS, &named.Attributes),
                     STATUS_ACCESS_DENIED);
    Become(0);
    ZwClose(event);
}

NT_TEST(Access, TheMakersDescriptorDecides)
{
    NAMED named;
    HANDLE event;
    HANDLE again;

    Named(&named, EVENT_NAME, 0, L"D:(A;;0x100001;;;WD)(A;;GA;;;S-1-22-1-1000)");
    NT_EXPECT_STATUS(AS(USER, NtCreateEvent(&event, EVENT_ALL_ACCESS, &named.Attributes,
                                            NotificationEvent, FALSE)),
                     STATUS_SUCCESS);
    named.Attributes.SecurityDescriptor = NULL;
    NT_EXPECT_STATUS(AS(OTHER, NtOpenEvent(&again, EVENT_QUERY | SYNCHRONIZE, &named.Attributes)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(OTHER, NtSetEvent(again, NULL)), STATUS_ACCESS_DENIED);
    /* A second handle has no more rights than an open would give. */
    NT_EXPECT_STATUS(AS(OTHER, NtDuplicateObject(NtCurrentProcess(), again, NtCurrentProcess(),
                                                 &event, EVENT_CHANGE, 0, 0)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS(OTHER, NtDuplicateObject(NtCurrentProcess(), again, NtCurrentProcess(),
                                                 &event, SYNCHRONIZE, 0, 0)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(OTHER, NtOpenEvent(&again, EVENT_CHANGE, &named.Attributes)),
                     STATUS_ACCESS_DENIED);
    PspRundownProcess(PspClientProcess);
}

NT_TEST(Access, DescriptorsOfMakersAreChecked)
{
    static const struct {
        PCWSTR Sddl;
        ULONG Uid;
        NTSTATUS Status;
    } rows[] = {
        {L"O:S-1-22-1-1000D:", USER, STATUS_SUCCESS},
        {L"O:S-1-22-1-1001D:", USER, STATUS_INVALID_OWNER},
        {L"O:SYD:", USER, STATUS_INVALID_OWNER},
        {L"O:BAD:", ADMIN | USER, STATUS_SUCCESS},
        {L"O:S-1-22-1-7D:", ADMIN | USER, STATUS_SUCCESS}, /* SeRestorePrivilege */
        {L"D:S:(ML;;NW;;;LW)", USER, STATUS_PRIVILEGE_NOT_HELD},
        {L"D:S:(ML;;NW;;;LW)", ADMIN | USER, STATUS_SUCCESS},
    };
    HANDLE event = NULL;
    NAMED named;

    NT_FOR_EACH (row, rows) {
        Named(&named, EVENT_NAME, 0, row->Sddl);
        NT_EXPECT_STATUS(AS(row->Uid, NtCreateEvent(&event, EVENT_ALL_ACCESS, &named.Attributes,
                                                    NotificationEvent, FALSE)),
                         row->Status);
        if (NT_SUCCESS(row->Status)) {
            ZwClose(event);
        }
    }
    named.Attributes.SecurityDescriptor = (PVOID)0x10000;
    NT_EXPECT_STATUS(AS(USER, NtCreateEvent(&event, EVENT_ALL_ACCESS, &named.Attributes,
                                            NotificationEvent, FALSE)),
                     STATUS_ACCESS_VIOLATION);
    named.Attributes.SecurityDescriptor = NULL;
    NT_EXPECT_STATUS(AS(USER, NtCreateEvent(&event, EVENT_ALL_ACCESS | ACCESS_SYSTEM_SECURITY,
                                            &named.Attributes, NotificationEvent, FALSE)),
                     STATUS_PRIVILEGE_NOT_HELD);
}

NT_TEST(Access, EveryKindOfNamedObjectIsChecked)
{
    LARGE_INTEGER size = {.QuadPart = 4096};
    NAMED named;
    HANDLE made;
    HANDLE found;

    Named(&named, EVENT_NAME, 0, NULL);
#define KIND(create, open)                                   \
    NT_EXPECT_STATUS(AS(USER, create), STATUS_SUCCESS);      \
    NT_EXPECT_STATUS(AS(OTHER, open), STATUS_ACCESS_DENIED); \
    NT_EXPECT_STATUS(AS(USER, open), STATUS_SUCCESS);        \
    ZwClose(found);                                          \
    ZwClose(made)
    KIND(NtCreateMutant(&made, 1, &named.Attributes, FALSE),
         NtOpenMutant(&found, 1, &named.Attributes));
    KIND(NtCreateSemaphore(&made, 1, &named.Attributes, 0, 1),
         NtOpenSemaphore(&found, 1, &named.Attributes));
    KIND(NtCreateTimer(&made, 1, &named.Attributes, NotificationTimer),
         NtOpenTimer(&found, 1, &named.Attributes));
    KIND(NtCreateSection(&made, SECTION_ALL_ACCESS, &named.Attributes, &size, PAGE_READWRITE,
                         SEC_COMMIT, NULL),
         NtOpenSection(&found, SECTION_MAP_WRITE, &named.Attributes));
    KIND(NtCreateDirectoryObject(&made, DIRECTORY_ALL_ACCESS, &named.Attributes),
         NtOpenDirectoryObject(&found, DIRECTORY_QUERY, &named.Attributes));
#undef KIND
}

NT_TEST(Access, FoldersSayWhoMayMakeNamesInThem)
{
    static const struct {
        PCWSTR Name;
        NTSTATUS Status;
    } rows[] = {
        {L"\\Mine", STATUS_ACCESS_DENIED},
        {L"\\Device\\Mine", STATUS_ACCESS_DENIED},
        {L"\\GLOBAL??\\C:", STATUS_ACCESS_DENIED},
        {L"\\KernelObjects\\Mine", STATUS_ACCESS_DENIED},
        {L"\\BaseNamedObjects\\Mine", STATUS_SUCCESS},
    };
    UNICODE_STRING target = RTL_CONSTANT_STRING(L"\\Device\\Null");
    HANDLE handle;
    HANDLE inner;
    NAMED below;
    NAMED named;

    NT_FOR_EACH (row, rows) {
        Named(&named, row->Name, 0, NULL);
        NT_EXPECT_STATUS(
            AS(USER, NtCreateSymbolicLinkObject(&handle, 1, &named.Attributes, &target)),
            row->Status);
        if (NT_SUCCESS(row->Status)) {
            ZwClose(handle);
        }
        NT_EXPECT_STATUS(AS(USER, NtCreateDirectoryObject(&handle, 1, &named.Attributes)),
                         row->Status);
        if (NT_SUCCESS(row->Status)) {
            ZwClose(handle);
        }
        NT_EXPECT_STATUS(
            AS(ADMIN | USER, NtCreateSymbolicLinkObject(&handle, 1, &named.Attributes, &target)),
            STATUS_SUCCESS);
        ZwClose(handle);
    }
    /* What a folder passes on to the objects in it takes the place of the maker's default. */
    Named(&named, L"\\BaseNamedObjects\\Shared", 0, L"D:(A;;GA;;;WD)(A;OICIIO;GA;;;WD)");
    NT_EXPECT_STATUS(AS(USER, NtCreateDirectoryObject(&handle, 3, &named.Attributes)),
                     STATUS_SUCCESS);
    Named(&below, L"\\BaseNamedObjects\\Shared\\Event", 0, NULL);
    NT_EXPECT_STATUS(AS(USER, NtCreateEvent(&inner, EVENT_ALL_ACCESS, &below.Attributes,
                                            NotificationEvent, FALSE)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(OTHER, NtOpenEvent(&handle, EVENT_ALL_ACCESS, &below.Attributes)),
                     STATUS_SUCCESS);
    PspRundownProcess(PspClientProcess);
}

NT_TEST(Access, DescriptorsThroughHandlesAndPointers)
{
    ULONG64 room[32];
    PSECURITY_DESCRIPTOR descriptor;
    BOOLEAN allocated;
    HANDLE event;
    HANDLE again;
    ULONG needed;
    PVOID object;
    NAMED named;

    Named(&named, EVENT_NAME, 0, NULL);
    NT_EXPECT_STATUS(AS(USER, NtCreateEvent(&event, EVENT_ALL_ACCESS, &named.Attributes,
                                            NotificationEvent, FALSE)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(event, 0, *ExEventObjectType, KernelMode, &object, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObGetObjectSecurity(object, &descriptor, &allocated), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlValidSecurityDescriptor(descriptor));
    /* Changed meanwhile, the one that is held stays what it was. */
    needed = RtlLengthSecurityDescriptor(descriptor);
    memcpy(room, descriptor, needed);
    NT_EXPECT_STATUS(AS(USER, NtSetSecurityObject(event, DACL_SECURITY_INFORMATION,
                                                  Describe(L"D:(A;;GA;;;WD)", room + 16, 128))),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(memcmp(room, descriptor, min(needed, 128u)), 0);
    ObReleaseObjectSecurity(descriptor, allocated);
    NT_EXPECT_STATUS(AS(OTHER, NtOpenEvent(&again, EVENT_ALL_ACCESS, &named.Attributes)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(OTHER, NtSetSecurityObject(again, OWNER_SECURITY_INFORMATION,
                                                   Describe(L"O:S-1-22-1-1000D:", room, 128))),
                     STATUS_INVALID_OWNER);
    NT_EXPECT_STATUS(AS(OTHER, NtSetSecurityObject(again, OWNER_SECURITY_INFORMATION,
                                                   Describe(L"O:S-1-22-1-1001D:", room, 128))),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwQuerySecurityObject(again, OWNER_SECURITY_INFORMATION, room, 128, &needed),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(needed, 20 + 16);
    NT_EXPECT_EQ(*RtlSubAuthoritySid((PUCHAR)room + 20, 1), OTHER);
    ObDereferenceObject(object);
    ZwClose(again);
    ZwClose(event);
    /* One without a name has none. */
    NT_EXPECT_STATUS(
        AS(USER, NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE)),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(event, 0, *ExEventObjectType, KernelMode, &object, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObGetObjectSecurity(object, &descriptor, &allocated), STATUS_SUCCESS);
    NT_EXPECT_EQ(descriptor, NULL);
    ObReleaseObjectSecurity(descriptor, allocated);
    NT_EXPECT_STATUS(
        ZwQuerySecurityObject(event, DACL_SECURITY_INFORMATION, room, sizeof(room), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(needed, 20);
    NT_EXPECT_STATUS(
        ZwSetSecurityObject(event, DACL_SECURITY_INFORMATION, Describe(L"D:", room, sizeof(room))),
        STATUS_NO_SECURITY_ON_OBJECT);
    ObDereferenceObject(object);
    ZwClose(event);
}

/* ---- processes, threads, tokens ---- */

static NTSTATUS
OpenProcess(HANDLE Id, ACCESS_MASK Access)
{
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID id = {.UniqueProcess = Id};
    HANDLE handle;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    status = NtOpenProcess(&handle, Access, &attributes, &id);
    if (NT_SUCCESS(status)) {
        NtClose(handle);
    }
    return status;
}

NT_TEST(Access, ProcessesAndThreadsBelongToTheirUsers)
{
    HANDLE own = PsGetProcessId(PspClientProcess);
    HANDLE system = PsGetProcessId(PsInitialSystemProcess);
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID id = {.UniqueThread = PsGetCurrentThreadId()};
    HANDLE thread;

    NT_EXPECT_STATUS(AS(USER, OpenProcess(own, PROCESS_ALL_ACCESS)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(USER, OpenProcess(system, PROCESS_QUERY)), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS(USER, OpenProcess(system, 0x40 /* PROCESS_DUP_HANDLE */)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS(ADMIN | USER, OpenProcess(system, PROCESS_ALL_ACCESS)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(0, OpenProcess(system, PROCESS_ALL_ACCESS)), STATUS_SUCCESS);
    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    NT_EXPECT_STATUS(AS(USER, NtOpenThread(&thread, THREAD_ALL_ACCESS, &attributes, &id)),
                     STATUS_SUCCESS);
    ZwClose(thread);
}

static VOID NTAPI
WaitForever(PVOID Context)
{
    KeWaitForSingleObject(Context, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

NT_TEST(Access, ThreadsOfTheSystemAreNotForUsers)
{
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID id;
    HANDLE thread;
    HANDLE handle;
    KEVENT event;
    PVOID object;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(
        PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, &id, WaitForever, &event),
        STATUS_SUCCESS);
    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    NT_EXPECT_STATUS(AS(USER, NtOpenThread(&handle, THREAD_QUERY, &attributes, &id)),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(AS(0, NtOpenThread(&handle, THREAD_QUERY, &attributes, &id)), STATUS_SUCCESS);
    ZwClose(handle);
    NT_EXPECT_STATUS(ObReferenceObjectByHandle(thread, 0, *PsThreadType, KernelMode, &object, NULL),
                     STATUS_SUCCESS);
    KeSetEvent(&event, 0, FALSE);
    KeWaitForSingleObject(object, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(object);
    ZwClose(thread);
}

NT_TEST(Access, AProcessHasTheTokenThatItWasGiven)
{
    SEP_IDENTITY identity = {.Uid = USER, .Gid = USER};
    SECURITY_SUBJECT_CONTEXT subject;
    PACCESS_TOKEN token;
    PACCESS_TOKEN found;
    LONG references;

    NT_EXPECT_STATUS(SepCreateToken(&identity, &token), STATUS_SUCCESS);
    references = ObpPointerCount(token);
    SepAssignProcessToken(PspClientProcess, token);
    NT_EXPECT_EQ(ObpPointerCount(token), references + 1);
    found = PsReferencePrimaryToken(PspClientProcess);
    NT_EXPECT_EQ(found, token);
    NT_EXPECT_EQ(ObpPointerCount(token), references + 2);
    PsDereferencePrimaryToken(found);
    NT_EXPECT_EQ(ObpPointerCount(token), references + 1);
    SeCaptureSubjectContext(&subject);
    NT_EXPECT_EQ(SeQuerySubjectContextToken(&subject), token);
    NT_EXPECT_EQ(ObpPointerCount(token), references + 2);
    SeReleaseSubjectContext(&subject);
    NT_EXPECT_EQ(ObpPointerCount(token), references + 1);
    SeCaptureSubjectContextEx(NULL, PsInitialSystemProcess, &subject);
    NT_EXPECT_TRUE(SeTokenIsAdmin(SeQuerySubjectContextToken(&subject)));
    SeReleaseSubjectContext(&subject);
    NT_EXPECT_FALSE(SeSinglePrivilegeCheck(SeExports->SeDebugPrivilege, UserMode));
    NT_EXPECT_TRUE(SeSinglePrivilegeCheck(SeExports->SeDebugPrivilege, KernelMode));
    NT_EXPECT_TRUE(SeSinglePrivilegeCheck(SeExports->SeChangeNotifyPrivilege, UserMode));
    SepAssignProcessToken(PspClientProcess, NULL);
    NT_EXPECT_EQ(ObpPointerCount(token), references);
    NT_EXPECT_TRUE(SeSinglePrivilegeCheck(SeExports->SeDebugPrivilege, UserMode));
    ObDereferenceObject(token);
}

NT_TEST(Access, TokensAreDuplicated)
{
    SECURITY_QUALITY_OF_SERVICE quality = {sizeof(quality), SecurityIdentification, 0, FALSE};
    OBJECT_ATTRIBUTES attributes;
    HANDLE primary;
    HANDLE weak;
    HANDLE copy;
    HANDLE more;
    PVOID token;

    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    attributes.SecurityQualityOfService = &quality;
    NT_EXPECT_STATUS(AS(USER, NtOpenProcessToken(NtCurrentProcess(), TOKEN_RIGHTS, &primary)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(USER, NtOpenProcessToken(NtCurrentProcess(), 8, &weak)), STATUS_SUCCESS);
#define DUPLICATE(from, attributes, type, to) \
    AS(USER, NtDuplicateToken((from), 0, (attributes), FALSE, (type), (to)))
    NT_EXPECT_STATUS(DUPLICATE(primary, &attributes, TokenImpersonation, &copy), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(copy, TOKEN_RIGHTS, *SeTokenObjectType, UserMode, &token, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(SeTokenType(token), TokenImpersonation);
    NT_EXPECT_EQ(SeTokenImpersonationLevel(token), SecurityIdentification);
    NT_EXPECT_FALSE(SeTokenIsAdmin(token));
    ObDereferenceObject(token);
    quality.ImpersonationLevel = SecurityImpersonation;
    NT_EXPECT_STATUS(DUPLICATE(copy, &attributes, TokenImpersonation, &more),
                     STATUS_BAD_IMPERSONATION_LEVEL);
    NT_EXPECT_STATUS(DUPLICATE(copy, &attributes, TokenPrimary, &more),
                     STATUS_BAD_IMPERSONATION_LEVEL);
    quality.ImpersonationLevel = 4;
    NT_EXPECT_STATUS(DUPLICATE(primary, &attributes, TokenImpersonation, &more),
                     STATUS_BAD_IMPERSONATION_LEVEL);
    NT_EXPECT_STATUS(DUPLICATE(weak, NULL, TokenPrimary, &more), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(DUPLICATE(primary, NULL, 3, &more), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(DUPLICATE(primary, (POBJECT_ATTRIBUTES)0x10000, TokenPrimary, &more),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(DUPLICATE(primary, NULL, TokenPrimary, (PHANDLE)0x10000),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(DUPLICATE((HANDLE)0x7770, NULL, TokenPrimary, &more), STATUS_INVALID_HANDLE);
    attributes.Length = 3;
    NT_EXPECT_STATUS(DUPLICATE(primary, &attributes, TokenPrimary, &more),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(ZwDuplicateToken(primary, 0, NULL, FALSE, TokenPrimary, &more),
                     STATUS_SUCCESS);
    ZwClose(more);
    NT_EXPECT_STATUS(NtOpenThreadToken(NtCurrentThread(), 8, TRUE, &more), STATUS_NO_TOKEN);
    NT_EXPECT_STATUS(ZwOpenThreadToken(NtCurrentProcess(), 8, TRUE, &more),
                     STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(copy);
    ZwClose(weak);
    ZwClose(primary);
}

NT_TEST(Access, TokenHandlesOfProcesses)
{
    HANDLE handle;
    HANDLE limited;
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID id = {.UniqueProcess = PsGetProcessId(PspClientProcess)};

    NT_EXPECT_STATUS(ZwOpenProcessToken(NtCurrentProcess(), 8, &handle), STATUS_SUCCESS);
    ZwClose(handle);
    NT_EXPECT_STATUS(ZwOpenProcessToken(NtCurrentThread(), 8, &handle),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(
        AS(USER, NtOpenProcessTokenEx(NtCurrentProcess(), 8, OBJ_KERNEL_HANDLE, &handle)),
        STATUS_SUCCESS);
    NT_EXPECT_FALSE(ObIsKernelHandle(handle)); /* not for a program */
    ZwClose(handle);
    NT_EXPECT_STATUS(
        AS(USER, NtOpenProcessTokenEx(NtCurrentProcess(), 0x10000000, 0, (PHANDLE)0x10000)),
        STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(AS(USER, NtOpenProcessTokenEx((HANDLE)0x7770, 8, 0, &handle)),
                     STATUS_INVALID_HANDLE);
    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    NT_EXPECT_STATUS(AS(USER, NtOpenProcess(&limited, SYNCHRONIZE, &attributes, &id)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(USER, NtOpenProcessTokenEx(limited, 8, 0, &handle)), STATUS_ACCESS_DENIED);
    ZwClose(limited);
    NT_EXPECT_STATUS(AS(USER, NtOpenProcess(&limited, PROCESS_QUERY, &attributes, &id)),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(AS(USER, NtOpenProcessTokenEx(limited, 8, 0, &handle)), STATUS_SUCCESS);
    ZwClose(handle);
    ZwClose(limited);
}
