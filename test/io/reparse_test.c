/* SPDX-License-Identifier: MIT
 *
 * reparse_test.c - opens that a driver sends on: STATUS_REPARSE and a new name
 */
#include "io_test.h"

#define TARGET_NAME L"\\Device\\IoTarget"

/* What the sending device does with its opens, and what the target saw. */
static PCWSTR SendTo;
static ULONG_PTR Tag;
static BOOLEAN OwnBuffer; /* the driver puts a buffer of its own in place of the name's */
static BOOLEAN Pend;
static NTSTATUS ReplaceStatus;
static ULONG Sent;
static ULONG Reached;
static ULONG Ended; /* CLEANUP and CLOSE of any device */
static WCHAR ReachedName[64];
static PFILE_OBJECT ReachedRelated;
static ACCESS_MASK ReachedAccess;
static PDEVICE_OBJECT Target;

void
NtTestSetUp(void)
{
    IoTestStart();
}

void
NtTestTearDown(void)
{
    IoTestStop();
}

static VOID
Rename(PFILE_OBJECT File)
{
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, SendTo);
    if (!OwnBuffer) {
        ReplaceStatus = IoReplaceFileObjectName(File, name.Buffer, name.Length);
        return;
    }
    if (File->FileName.Buffer != NULL) {
        ExFreePool(File->FileName.Buffer);
    }
    RtlZeroMemory(&File->FileName, sizeof(File->FileName));
    if (name.Length != 0) {
        File->FileName.Buffer = ExAllocatePoolWithTag(PagedPool, name.Length, 'nwoN');
        File->FileName.Length = File->FileName.MaximumLength = name.Length;
        memcpy(File->FileName.Buffer, name.Buffer, name.Length);
    }
}

static IO_TEST_THREAD Completer;

static VOID
CompleteReparse(PVOID Context)
{
    IoTestComplete(Context, STATUS_REPARSE, Tag);
}

static NTSTATUS NTAPI
Create(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PFILE_OBJECT file = location->FileObject;

    if (DeviceObject == Target) {
        ++Reached;
        ReachedRelated = file->RelatedFileObject;
        ReachedAccess = location->Parameters.Create.SecurityContext->DesiredAccess;
        memcpy(ReachedName, file->FileName.Length != 0 ? file->FileName.Buffer : L"",
               file->FileName.Length);
        ReachedName[file->FileName.Length / sizeof(WCHAR)] = 0;
        return IoTestComplete(Irp, STATUS_SUCCESS, FILE_OPENED);
    }
    ++Sent;
    if (SendTo != NULL) {
        Rename(file);
    }
    if (Pend) {
        IoMarkIrpPending(Irp);
        IoTestRun(&Completer, CompleteReparse, Irp);
        return STATUS_PENDING;
    }
    return IoTestComplete(Irp, STATUS_REPARSE, Tag);
}

static NTSTATUS NTAPI
CountEnd(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ++Ended;
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

/* IoTestDevice sends opens on, Target takes them. */
static VOID
AddDevices(ULONG SenderFlags)
{
    IoTestAddPlainDevice(SenderFlags);
    Target = IoTestAddDevice(TARGET_NAME, 0, 0);
    IoTestDriver->MajorFunction[IRP_MJ_CREATE] = Create;
    IoTestDriver->MajorFunction[IRP_MJ_CLEANUP] = CountEnd;
    IoTestDriver->MajorFunction[IRP_MJ_CLOSE] = CountEnd;
}

static VOID
DeleteDevices(VOID)
{
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
    NT_EXPECT_EQ(Target->ReferenceCount, 0);
    NT_EXPECT_EQ(ObpObjectsInUse(*IoFileObjectType), 0);
    IoDeleteDevice(IoTestDevice);
    IoDeleteDevice(Target);
}

NT_TEST(Reparse, OpenGoesToTheNewName)
{
    static const BOOLEAN rows[] = {FALSE, TRUE};

    AddDevices(0);
    SendTo = TARGET_NAME L"\\long enough not to fit into the old name";
    NT_FOR_EACH (own, rows) {
        HANDLE handle = NULL;
        PFILE_OBJECT file;

        OwnBuffer = *own;
        Sent = Reached = Ended = 0;
        NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME L"\\x", GENERIC_READ, 0, &handle),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(Sent, 1);
        NT_EXPECT_EQ(Reached, 1);
        NT_EXPECT_WSTR(ReachedName, L"\\long enough not to fit into the old name");
        NT_EXPECT_EQ(ReachedAccess, FILE_GENERIC_READ);
        file = IoTestFile(handle);
        NT_EXPECT_EQ(file->DeviceObject, Target);
        NT_EXPECT_EQ(Ended, 0); /* the sender's file object was never open */
        IoTestClose(handle);
        NT_EXPECT_EQ(Ended, 2);
    }
    DeleteDevices();
}

NT_TEST(Reparse, NewNameIsLookedUpLikeAnyOther)
{
    static const struct {
        PCWSTR Name;
        NTSTATUS Status;
    } rows[] = {
        {L"\\device\\IOTARGET", STATUS_SUCCESS},
        {L"\\??\\Io link", STATUS_SUCCESS},
        {L"\\Device\\Missing", STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\Device\\Missing\\x", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\Device", STATUS_OBJECT_TYPE_MISMATCH},
        {L"relative", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", STATUS_OBJECT_PATH_SYNTAX_BAD},
    };
    UNICODE_STRING link = US(L"\\??\\Io link");
    UNICODE_STRING target = US(TARGET_NAME);
    HANDLE handle;

    AddDevices(0);
    NT_EXPECT_STATUS(IoCreateUnprotectedSymbolicLink(&link, &target), STATUS_SUCCESS);
    NT_FOR_EACH (row, rows) {
        for (ULONG own = 0; own < 2; ++own) {
            OwnBuffer = own != 0;
            SendTo = row->Name;
            NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME L"\\x", GENERIC_READ, 0, &handle),
                             row->Status);
            if (NT_SUCCESS(row->Status)) {
                IoTestClose(handle);
            }
        }
    }
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&link), STATUS_SUCCESS);
    DeleteDevices();
}

/* A name that leads to itself ends as symbolic links that do: after 32 of them. */
NT_TEST(Reparse, CircleEnds)
{
    HANDLE handle = (HANDLE)(ULONG_PTR)0x77;

    AddDevices(0);
    SendTo = DEVICE_NAME L"\\x";
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME L"\\x", GENERIC_READ, 0, &handle),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_EQ(Sent, 32);
    NT_EXPECT_EQ(handle, 0x77);
    NT_EXPECT_EQ(Ended, 0);
    DeleteDevices();
}

/* The sender counts as open while it is asked only, and the directory of the old name is gone. */
NT_TEST(Reparse, NothingOfTheFirstNameIsLeft)
{
    UNICODE_STRING name = US(L"item");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE root;
    HANDLE handle;

    AddDevices(DO_EXCLUSIVE);
    NT_EXPECT_STATUS(IoTestTryOpen(TARGET_NAME, GENERIC_READ, 0, &root), STATUS_SUCCESS);
    SendTo = TARGET_NAME L"\\a";
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME L"\\x", GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
    IoTestClose(handle);
    IoTestClose(root);
    /* Relative to a file of the sender's: not so the new name. */
    IoTestDriver->MajorFunction[IRP_MJ_CREATE] = IoTestSucceed;
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, 0, &root), STATUS_SUCCESS);
    IoTestDriver->MajorFunction[IRP_MJ_CREATE] = Create;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, root, NULL);
    NT_EXPECT_STATUS(USER_MODE(NtOpenFile(&handle, GENERIC_READ, &attributes, &iosb, 0, 0)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ReachedRelated, NULL);
    NT_EXPECT_WSTR(ReachedName, L"\\a");
    IoTestClose(handle);
    IoTestClose(root);
    DeleteDevices();
}

NT_TEST_SEEDS(Reparse, PendedOneIsAwaited, 20)
{
    HANDLE handle;

    AddDevices(0);
    Pend = TRUE;
    SendTo = TARGET_NAME;
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME L"\\x", GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(Reached, 1);
    IoTestClose(handle);
    IoTestJoin(&Completer);
    DeleteDevices();
}

NT_TEST(Reparse, KernelCallersAreSentOnToo)
{
    UNICODE_STRING name = US(DEVICE_NAME L"\\x");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb = {0};
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;
    HANDLE handle;

    AddDevices(0);
    SendTo = TARGET_NAME;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL,
                               NULL);
    NT_EXPECT_STATUS(ZwOpenFile(&handle, FILE_READ_DATA, &attributes, &iosb, 0, 0), STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, FILE_OPENED);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwCreateFile(&handle, FILE_READ_DATA, &attributes, &iosb, NULL, 0, 0,
                                  FILE_OPEN, 0, NULL, 0),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoGetDeviceObjectPointer(&name, FILE_READ_DATA, &file, &device),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(device, Target);
    ObDereferenceObject(file);
    DeleteDevices();
}

/* Reparse points proper: ntbox has no file system that would have made one. */
NT_TEST(Reparse, TagsAreRefusedByName)
{
    static const struct {
        ULONG_PTR Tag;
        NTSTATUS Status;
    } rows[] = {
        {IO_REMOUNT, STATUS_NOT_SUPPORTED},
        {IO_REPARSE_TAG_MOUNT_POINT, STATUS_NOT_SUPPORTED},
        {IO_REPARSE_TAG_SYMLINK, STATUS_NOT_SUPPORTED},
        {0x00001234, STATUS_IO_REPARSE_TAG_NOT_HANDLED},
    };
    HANDLE handle;

    AddDevices(0);
    SendTo = NULL;
    NT_FOR_EACH (row, rows) {
        Tag = row->Tag;
        SimTakeLog();
        NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME L"\\x", GENERIC_READ, 0, &handle), row->Status);
        if (row->Status == STATUS_NOT_SUPPORTED) {
            NT_EXPECT_CONTAINS(SimTakeLog(), "STATUS_REPARSE");
        }
    }
    NT_EXPECT_EQ(Reached + Ended, 0);
    DeleteDevices();
}

NT_TEST(Replace, OnlyANameCanBeReplaced)
{
    UNICODE_STRING name = US(DEVICE_NAME L"\\old");
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;
    WCHAR text[8] = L"\\abcdef";
    PWSTR buffer;

    IoTestAddPlainDevice(0);
    NT_EXPECT_STATUS(IoGetDeviceObjectPointer(&name, FILE_READ_DATA, &file, &device),
                     STATUS_SUCCESS);
    buffer = file->FileName.Buffer;
    NT_EXPECT_STATUS(IoReplaceFileObjectName(file, text, 4), STATUS_SUCCESS);
    NT_EXPECT_EQ(file->FileName.Length, 4);
    NT_EXPECT_EQ(file->FileName.Buffer, buffer); /* room enough */
    NT_EXPECT_EQ(memcmp(file->FileName.Buffer, L"\\a", 4), 0);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoReplaceFileObjectName(file, text, 14), STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(file->FileName.Length, 4);
    NT_EXPECT_STATUS(IoReplaceFileObjectName(file, text, 14), STATUS_SUCCESS);
    NT_EXPECT_EQ(file->FileName.Length, 14);
    NT_EXPECT_TRUE(file->FileName.MaximumLength >= 14);
    NT_EXPECT_EQ(memcmp(file->FileName.Buffer, text, 14), 0);
    ObDereferenceObject(file);
    RtlInitUnicodeString(&name, DEVICE_NAME);
    NT_EXPECT_STATUS(IoGetDeviceObjectPointer(&name, FILE_READ_DATA, &file, &device),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoReplaceFileObjectName(file, text, 14), STATUS_INVALID_PARAMETER);
    ObDereferenceObject(file);
    IoDeleteDevice(IoTestDevice);
}
