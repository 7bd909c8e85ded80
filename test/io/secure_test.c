/* SPDX-License-Identifier: MIT
 *
 * secure_test.c - who may open which device and which named object, and how that is changed
 */
#include "io_test.h"
#include <wdmsec.h>

#define SECURE_NAME L"\\Device\\Secure"
#define USER 1000u
#define OTHER 1001u
#define ADMIN 0x80000000u /* IsAdministrator */
#define EVENT_MODIFY 2u

static ULONG Creates;
static ULONG Asked[2]; /* IRP_MJ_QUERY_SECURITY, IRP_MJ_SET_SECURITY */
static NTSTATUS SecurityAnswer;
static ULONG_PTR SecurityNeeded;
static PSID SeenUser;

static NTSTATUS NTAPI
NoteCreate(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_SECURITY_CONTEXT context =
        IoGetCurrentIrpStackLocation(Irp)->Parameters.Create.SecurityContext;
    TOKEN_USER *user;

    (void)DeviceObject;
    ++Creates;
    NT_EXPECT_STATUS(SeQueryInformationToken(
                         SeQuerySubjectContextToken(&context->AccessState->SubjectSecurityContext),
                         TokenUser, (PVOID *)&user),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlCopySid(RtlLengthSid(user->User.Sid), SeenUser, user->User.Sid),
                     STATUS_SUCCESS);
    ExFreePool(user);
    return IoTestComplete(Irp, STATUS_SUCCESS, FILE_OPENED);
}

void
NtTestSetUp(void)
{
    static ULONG room[17];

    IoTestStart();
    SeenUser = room;
    Creates = 0;
    Asked[0] = Asked[1] = 0;
    SecurityAnswer = STATUS_SUCCESS;
    SecurityNeeded = 0;
    IoTestDriver->MajorFunction[IRP_MJ_CREATE] = NoteCreate;
    IoTestDriver->MajorFunction[IRP_MJ_CLEANUP] = IoTestSucceed;
    IoTestDriver->MajorFunction[IRP_MJ_CLOSE] = IoTestSucceed;
}

/* The client process acts as that user; 0: as the system again. */
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
NtTestTearDown(void)
{
    Become(0);
    IoTestStop();
}

static PDEVICE_OBJECT
AddSecure(PCUNICODE_STRING Sddl, ULONG Characteristics)
{
    UNICODE_STRING name = US(SECURE_NAME);
    PDEVICE_OBJECT device = NULL;

    NT_EXPECT_STATUS(IoCreateDeviceSecure(IoTestDriver, 0, &name, FILE_DEVICE_UNKNOWN,
                                          Characteristics, FALSE, Sddl, NULL, &device),
                     STATUS_SUCCESS);
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return device;
}

/* Opens as Uid and closes again; what happened. */
static NTSTATUS
OpenAs(ULONG Uid, PCWSTR Name, ACCESS_MASK Access)
{
    HANDLE handle = NULL;
    NTSTATUS status;

    Become(Uid);
    status = IoTestTryOpen(Name, Access, 0, &handle);
    if (NT_SUCCESS(status)) {
        IoTestClose(handle);
    }
    Become(0);
    return status;
}

static ACCESS_MASK
GrantedTo(HANDLE Handle)
{
    OBJECT_HANDLE_INFORMATION information = {0};
    PVOID object;

    NT_EXPECT_STATUS(ObReferenceObjectByHandle(Handle, 0, NULL, UserMode, &object, &information),
                     STATUS_SUCCESS);
    ObDereferenceObject(object);
    return information.GrantedAccess;
}

/* ---- the constants ---- */

NT_TEST(Secure, ConstantsGrantWhatTheirNamesSay)
{
    enum { SYS, ADM, WORLD };
    static const struct {
        const UNICODE_STRING *Sddl;
        PCWSTR Text;
        const char *Allowed[3]; /* of a: all, r: read, w: write, x: execute */
    } rows[] = {
        {&SDDL_DEVOBJ_KERNEL_ONLY, L"D:P", {"", "", ""}},
        {&SDDL_DEVOBJ_SYS_ALL, L"D:P(A;;GA;;;SY)", {"arwx", "", ""}},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_ALL, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)", {"arwx", "arwx", ""}},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RX, L"D:P(A;;GA;;;SY)(A;;GRGX;;;BA)", {"arwx", "rx", ""}},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R,
         L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)",
         {"arwx", "rwx", "r"}},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R,
         L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)",
         {"arwx", "rwx", "r"}},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R,
         L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)",
         {"arwx", "rwx", "rw"}},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX,
         L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGWGX;;;WD)(A;;GRGWGX;;;RC)",
         {"arwx", "rwx", "rwx"}},
    };
    static const struct {
        char Letter;
        ACCESS_MASK Access;
    } rights[] = {
        {'a', GENERIC_ALL}, {'r', GENERIC_READ}, {'w', GENERIC_WRITE}, {'x', GENERIC_EXECUTE}};
    static const ULONG uids[3] = {0, ADMIN | OTHER, USER};

    NT_FOR_EACH (row, rows) {
        PDEVICE_OBJECT device = AddSecure(row->Sddl, 0);

        NT_EXPECT_WSTR(row->Sddl->Buffer, row->Text);
        NT_EXPECT_EQ(row->Sddl->MaximumLength, row->Sddl->Length + sizeof(WCHAR));
        for (ULONG who = 0; who < 3; ++who) {
            NT_FOR_EACH (right, rights) {
                NTSTATUS status = OpenAs(uids[who], SECURE_NAME, right->Access);
                BOOLEAN allowed = strchr(row->Allowed[who], right->Letter) != NULL;

                if (status != (allowed ? STATUS_SUCCESS : STATUS_ACCESS_DENIED)) {
                    NT_FAIL("row %d, subject %u, '%c': %08x", (int)(row - rows), who, right->Letter,
                            status);
                }
            }
        }
        IoDeleteDevice(device);
    }
}

NT_TEST(Secure, WhatIsDeniedNeverReachesTheDriver)
{
    PDEVICE_OBJECT device = AddSecure(&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R, 0);
    HANDLE handle;

    NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME, GENERIC_READ | GENERIC_WRITE), STATUS_ACCESS_DENIED);
    NT_EXPECT_EQ(Creates, 0);
    NT_EXPECT_EQ(device->ReferenceCount, 0);
    NT_EXPECT_EQ(ObpObjectsInUse(*IoFileObjectType), 0);
    /* The most that is granted, and no more. */
    Become(USER);
    NT_EXPECT_STATUS(IoTestTryOpen(SECURE_NAME, MAXIMUM_ALLOWED, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(GrantedTo(handle), FILE_GENERIC_READ);
    NT_EXPECT_EQ(Creates, 1);
    NT_EXPECT_EQ(*RtlSubAuthoritySid(SeenUser, 1), USER);
    IoTestClose(handle);
    IoDeleteDevice(device);
}

NT_TEST(Secure, KernelOpensAllUnlessItAsksToBeChecked)
{
    UNICODE_STRING name = US(SECURE_NAME);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    PDEVICE_OBJECT device = AddSecure(&SDDL_DEVOBJ_KERNEL_ONLY, 0);
    HANDLE handle;

    Become(USER);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenFile(&handle, GENERIC_ALL, &attributes, &iosb, 0, 0), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    attributes.Attributes |= OBJ_FORCE_ACCESS_CHECK;
    NT_EXPECT_STATUS(ZwOpenFile(&handle, GENERIC_READ, &attributes, &iosb, 0, 0),
                     STATUS_ACCESS_DENIED);
    attributes.Attributes = OBJ_KERNEL_HANDLE;
    NT_EXPECT_STATUS(IoCreateFile(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 0, FILE_OPEN,
                                  0, NULL, 0, CreateFileTypeNone, NULL,
                                  IO_NO_PARAMETER_CHECKING | IO_FORCE_ACCESS_CHECK),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_EQ(attributes.Attributes, OBJ_KERNEL_HANDLE);
    NT_EXPECT_STATUS(IoCreateFile(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 0, FILE_OPEN,
                                  0, NULL, 0, CreateFileTypeNone, NULL, IO_FORCE_ACCESS_CHECK),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(IoCreateFile(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 0, FILE_OPEN,
                                  0, NULL, 0, CreateFileTypeNone, NULL, IO_NO_PARAMETER_CHECKING),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(Creates, 2);
    IoDeleteDevice(device);
}

NT_TEST(Secure, NamesBelowTheDeviceAreTheDriversUnlessItSaysSecureOpen)
{
    static const struct {
        ULONG Characteristics;
        NTSTATUS Trailing;
        NTSTATUS Relative;
    } rows[] = {
        {0, STATUS_SUCCESS, STATUS_SUCCESS},
        {FILE_DEVICE_SECURE_OPEN, STATUS_ACCESS_DENIED, STATUS_ACCESS_DENIED},
    };

    NT_FOR_EACH (row, rows) {
        PDEVICE_OBJECT device =
            AddSecure(&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R, row->Characteristics);
        UNICODE_STRING below = US(L"below");
        OBJECT_ATTRIBUTES attributes;
        IO_STATUS_BLOCK iosb;
        HANDLE relative;
        HANDLE root;

        NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME L"\\below", GENERIC_WRITE), row->Trailing);
        NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME L"\\", GENERIC_WRITE), row->Trailing);
        NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME L"\\below", GENERIC_READ), STATUS_SUCCESS);
        NT_EXPECT_STATUS(OpenAs(0, SECURE_NAME L"\\below", GENERIC_WRITE), STATUS_SUCCESS);
        Become(USER);
        NT_EXPECT_STATUS(IoTestTryOpen(SECURE_NAME, GENERIC_READ, 0, &root), STATUS_SUCCESS);
        InitializeObjectAttributes(&attributes, &below, 0, root, NULL);
        relative = NULL;
        NT_EXPECT_STATUS(USER_MODE(NtOpenFile(&relative, GENERIC_WRITE, &attributes, &iosb, 0, 0)),
                         row->Relative);
        if (relative != NULL) {
            IoTestClose(relative);
        }
        IoTestClose(root);
        Become(0);
        IoDeleteDevice(device);
    }
}

NT_TEST(Secure, DefaultDescriptorLetsEverybodyReadAndWrite)
{
    PDEVICE_OBJECT device = IoTestAddDevice(SECURE_NAME, 0, 0);

    NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME, GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME, GENERIC_ALL), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME, WRITE_DAC), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(OpenAs(ADMIN | OTHER, SECURE_NAME, GENERIC_ALL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenAs(0, SECURE_NAME, GENERIC_ALL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME, ACCESS_SYSTEM_SECURITY), STATUS_PRIVILEGE_NOT_HELD);
    NT_EXPECT_STATUS(OpenAs(ADMIN | OTHER, SECURE_NAME, ACCESS_SYSTEM_SECURITY), STATUS_SUCCESS);
    IoDeleteDevice(device);
}

NT_TEST(Secure, MemoryFailures)
{
    UNICODE_STRING name = US(SECURE_NAME);
    PDEVICE_OBJECT device = NULL;
    ULONG64 blocks = IoTestPoolBlocks();
    NTSTATUS status;
    ULONG n = 0;

    do {
        SimSetFaultPlan("pool", ++n);
        status = IoCreateDeviceSecure(IoTestDriver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE,
                                      &SDDL_DEVOBJ_SYS_ALL, NULL, &device);
        SimSetFaultPlan(NULL, 0);
        if (!NT_SUCCESS(status)) {
            NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
            NT_EXPECT_EQ(IoTestPoolBlocks(), blocks);
            NT_EXPECT_EQ(IoTestDriver->DeviceObject, NULL);
        }
    } while (!NT_SUCCESS(status));
    NT_EXPECT_TRUE(n >= 5);
    IoDeleteDevice(device);
}

NT_TEST(Secure, ASecondHandleHasNoMoreThanAnOpenWouldGive)
{
    PDEVICE_OBJECT device = AddSecure(&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R, 0);
    HANDLE handle;
    HANDLE second;

#define DUPLICATE(access)                                                                          \
    USER_MODE(NtDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &second, (access), \
                                0, 0))
    Become(USER);
    NT_EXPECT_STATUS(IoTestTryOpen(SECURE_NAME, FILE_READ_DATA, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(DUPLICATE(FILE_WRITE_DATA), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(DUPLICATE(GENERIC_ALL), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(DUPLICATE(FILE_READ_DATA | FILE_READ_EA), STATUS_SUCCESS);
    NT_EXPECT_EQ(GrantedTo(second), FILE_READ_DATA | FILE_READ_EA);
    IoTestClose(second);
    IoTestClose(handle);
    IoDeleteDevice(device);
}

/* ---- changing a descriptor through a handle ---- */

static PSECURITY_DESCRIPTOR
Describe(PCWSTR Sddl)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    UNICODE_STRING text;

    RtlInitUnicodeString(&text, Sddl);
    NT_EXPECT_STATUS(SepParseSddl(&text, &descriptor), STATUS_SUCCESS);
    return descriptor;
}

static NTSTATUS
SetAs(ULONG Uid, HANDLE Handle, SECURITY_INFORMATION What, PCWSTR Sddl)
{
    PSECURITY_DESCRIPTOR descriptor = Describe(Sddl);
    __attribute__((aligned(8))) UCHAR copy[512];
    NTSTATUS status;

    /* In user memory, as a client's would be. */
    memcpy(copy, descriptor, RtlLengthSecurityDescriptor(descriptor));
    ExFreePool(descriptor);
    Become(Uid);
    status = USER_MODE(NtSetSecurityObject(Handle, What, copy));
    Become(0);
    return status;
}

NT_TEST(Secure, ADevicesDescriptorIsChangedThroughAHandle)
{
    PDEVICE_OBJECT device = AddSecure(&SDDL_DEVOBJ_SYS_ALL, 0);
    __attribute__((aligned(8))) UCHAR room[512];
    HANDLE handle;
    HANDLE reader;
    ULONG needed;

    NT_EXPECT_STATUS(IoTestTryOpen(SECURE_NAME, READ_CONTROL | WRITE_DAC, 0, &handle),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME, GENERIC_READ), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(
        SetAs(0, handle, DACL_SECURITY_INFORMATION, L"D:P(A;;GA;;;SY)(A;;GR;;;S-1-22-1-1000)"),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenAs(USER, SECURE_NAME, GENERIC_READ), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenAs(OTHER, SECURE_NAME, GENERIC_READ), STATUS_ACCESS_DENIED);
    /* What it says now, in a buffer that must be large enough. */
    NT_EXPECT_STATUS(
        USER_MODE(NtQuerySecurityObject(handle, DACL_SECURITY_INFORMATION, NULL, 0, &needed)),
        STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(needed, 20 + 8 + 20 + 24);
    room[needed - 1] = 0x55;
    NT_EXPECT_STATUS(USER_MODE(NtQuerySecurityObject(handle, DACL_SECURITY_INFORMATION, room,
                                                     needed - 1, &needed)),
                     STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(
        USER_MODE(NtQuerySecurityObject(handle, DACL_SECURITY_INFORMATION, room, needed, &needed)),
        STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlValidRelativeSecurityDescriptor(room, needed, DACL_SECURITY_INFORMATION));
    NT_EXPECT_EQ(((PISECURITY_DESCRIPTOR_RELATIVE)room)->Owner, 0);
    /* The generic right has become what it stands for. */
    NT_EXPECT_EQ(((PACCESS_ALLOWED_ACE)(room + 20 + 8 + 20))->Mask, FILE_GENERIC_READ);
    /* Rights of the handle decide. */
    NT_EXPECT_STATUS(SetAs(0, handle, OWNER_SECURITY_INFORMATION, L"O:SYD:P"),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(SetAs(0, handle, SACL_SECURITY_INFORMATION, L"D:PS:(ML;;NW;;;HI)"),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(
        USER_MODE(NtQuerySecurityObject(handle, SACL_SECURITY_INFORMATION, room, 512, &needed)),
        STATUS_ACCESS_DENIED);
    Become(USER);
    NT_EXPECT_STATUS(IoTestTryOpen(SECURE_NAME, FILE_READ_DATA, 0, &reader), STATUS_SUCCESS);
    Become(0);
    NT_EXPECT_STATUS(SetAs(USER, reader, DACL_SECURITY_INFORMATION, L"D:P"), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(
        USER_MODE(NtQuerySecurityObject(reader, DACL_SECURITY_INFORMATION, room, 512, &needed)),
        STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(USER_MODE(NtQuerySecurityObject((HANDLE)0x7770, DACL_SECURITY_INFORMATION,
                                                     room, 512, &needed)),
                     STATUS_INVALID_HANDLE);
    IoTestClose(reader);
    IoTestClose(handle);
    NT_EXPECT_EQ(Asked[0] + Asked[1], 0); /* the driver has no part in it */
    IoDeleteDevice(device);
}

NT_TEST(Secure, BadDescriptorsAreRefused)
{
    PDEVICE_OBJECT device = AddSecure(&SDDL_DEVOBJ_SYS_ALL, 0);
    SECURITY_DESCRIPTOR descriptor;
    UCHAR sid[8] = {9, 1};
    ULONG room[4] = {0};
    PACL acl = (PACL)room;
    HANDLE handle;

    NT_EXPECT_STATUS(IoTestTryOpen(SECURE_NAME, WRITE_DAC | WRITE_OWNER, 0, &handle),
                     STATUS_SUCCESS);
#define SET(what, descriptor) USER_MODE(NtSetSecurityObject(handle, (what), (descriptor)))
    NT_EXPECT_STATUS(SET(DACL_SECURITY_INFORMATION, NULL), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(SET(DACL_SECURITY_INFORMATION, (PVOID)0x10000), STATUS_ACCESS_VIOLATION);
    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    descriptor.Revision = 7;
    NT_EXPECT_STATUS(SET(DACL_SECURITY_INFORMATION, &descriptor), STATUS_UNKNOWN_REVISION);
    descriptor.Revision = SECURITY_DESCRIPTOR_REVISION;
    NT_EXPECT_STATUS(SET(OWNER_SECURITY_INFORMATION, &descriptor), STATUS_INVALID_SECURITY_DESCR);
    NT_EXPECT_STATUS(SET(GROUP_SECURITY_INFORMATION, &descriptor), STATUS_INVALID_SECURITY_DESCR);
    descriptor.Owner = sid;
    NT_EXPECT_STATUS(SET(OWNER_SECURITY_INFORMATION, &descriptor), STATUS_INVALID_SID);
    descriptor.Owner = (PSID)0x10000;
    NT_EXPECT_STATUS(SET(OWNER_SECURITY_INFORMATION, &descriptor), STATUS_ACCESS_VIOLATION);
    descriptor.Owner = NULL;
    descriptor.Control = SE_DACL_PRESENT;
    descriptor.Dacl = acl;
    NT_EXPECT_STATUS(SET(DACL_SECURITY_INFORMATION, &descriptor), STATUS_INVALID_ACL);
    RtlCreateAcl(acl, sizeof(room), ACL_REVISION);
    acl->AceCount = 1;
    NT_EXPECT_STATUS(SET(DACL_SECURITY_INFORMATION, &descriptor), STATUS_INVALID_ACL);
    acl->AceCount = 0;
    for (ULONG n = 1; n <= 3; ++n) {
        SimSetFaultPlan("pool", n);
        NT_EXPECT_STATUS(SET(DACL_SECURITY_INFORMATION, &descriptor),
                         STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
    }
    NT_EXPECT_STATUS(SET(DACL_SECURITY_INFORMATION, &descriptor), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenAs(0, SECURE_NAME, GENERIC_READ), STATUS_ACCESS_DENIED);
    IoTestClose(handle);
    IoDeleteDevice(device);
}

/* ---- files below a device: the driver's ---- */

static NTSTATUS NTAPI
AnswerSecurity(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PSECURITY_DESCRIPTOR descriptor;
    ULONG length;

    (void)DeviceObject;
    if (location->MajorFunction == IRP_MJ_SET_SECURITY) {
        ++Asked[1];
        NT_EXPECT_TRUE(
            RtlValidSecurityDescriptor(location->Parameters.SetSecurity.SecurityDescriptor));
        return IoTestComplete(Irp, SecurityAnswer, 0);
    }
    ++Asked[0];
    NT_EXPECT_EQ(location->Parameters.QuerySecurity.SecurityInformation, DACL_SECURITY_INFORMATION);
    if (SecurityNeeded > location->Parameters.QuerySecurity.Length) {
        return IoTestComplete(Irp, STATUS_BUFFER_OVERFLOW, SecurityNeeded);
    }
    if (!NT_SUCCESS(SecurityAnswer)) {
        return IoTestComplete(Irp, SecurityAnswer, 0);
    }
    descriptor = Describe(L"D:P(A;;0x1;;;WD)");
    length = RtlLengthSecurityDescriptor(descriptor);
    memcpy(Irp->UserBuffer, descriptor, length);
    ExFreePool(descriptor);
    return IoTestComplete(Irp, STATUS_SUCCESS, length);
}

NT_TEST(Secure, TheDriverIsAskedAboutItsFiles)
{
    PDEVICE_OBJECT device = AddSecure(&SDDL_DEVOBJ_SYS_ALL, 0);
    __attribute__((aligned(8))) UCHAR room[512];
    HANDLE handle;
    ULONG needed;

    IoTestDriver->MajorFunction[IRP_MJ_QUERY_SECURITY] = AnswerSecurity;
    IoTestDriver->MajorFunction[IRP_MJ_SET_SECURITY] = AnswerSecurity;
    NT_EXPECT_STATUS(IoTestTryOpen(SECURE_NAME L"\\file", READ_CONTROL | WRITE_DAC | SYNCHRONIZE,
                                   SYNC_OPTIONS, &handle),
                     STATUS_SUCCESS);
#define QUERY() \
    USER_MODE(NtQuerySecurityObject(handle, DACL_SECURITY_INFORMATION, room, sizeof(room), &needed))
    NT_EXPECT_STATUS(QUERY(), STATUS_SUCCESS);
    NT_EXPECT_EQ(needed, 20 + 8 + 20);
    NT_EXPECT_EQ(Asked[0], 1);
    SecurityNeeded = 5000; /* asked again, with room for that */
    NT_EXPECT_STATUS(QUERY(), STATUS_SUCCESS);
    NT_EXPECT_EQ(Asked[0], 3);
    SecurityNeeded = 0x20000; /* more than a descriptor has */
    NT_EXPECT_STATUS(QUERY(), STATUS_BUFFER_OVERFLOW);
    SecurityNeeded = 0;
    SecurityAnswer = STATUS_MEDIA_WRITE_PROTECTED;
    NT_EXPECT_STATUS(QUERY(), STATUS_MEDIA_WRITE_PROTECTED);
    NT_EXPECT_STATUS(SetAs(0, handle, DACL_SECURITY_INFORMATION, L"D:P"),
                     STATUS_MEDIA_WRITE_PROTECTED);
    NT_EXPECT_EQ(Asked[1], 1);
    /* One that knows no descriptors: open to all. */
    SecurityAnswer = STATUS_INVALID_DEVICE_REQUEST;
    NT_EXPECT_STATUS(QUERY(), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlValidRelativeSecurityDescriptor(room, needed, DACL_SECURITY_INFORMATION));
    NT_EXPECT_EQ(((PISECURITY_DESCRIPTOR_RELATIVE)room)->Dacl, 0);
    NT_EXPECT_STATUS(SetAs(0, handle, DACL_SECURITY_INFORMATION, L"D:P"),
                     STATUS_INVALID_DEVICE_REQUEST);
    /* The device's own descriptor is what it was. */
    NT_EXPECT_STATUS(OpenAs(0, SECURE_NAME, GENERIC_READ), STATUS_SUCCESS);
    IoTestClose(handle);
    IoDeleteDevice(device);
}
