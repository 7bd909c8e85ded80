/* SPDX-License-Identifier: MIT
 *
 * open_test.c - opening a device: what its driver sees, what the caller gets, and the end of it
 */
#include "io_test.h"

#define EVENTS 16

/* What the driver was asked, in order. */
static UCHAR Asked[EVENTS];
static ULONG AskedCount;
static NTSTATUS CreateStatus;
static ULONG_PTR CreateInformation;
static BOOLEAN Pend; /* pend everything; a thread completes it */
static WCHAR FileName[64];
static IO_STACK_LOCATION Seen; /* of the latest CREATE */
static ACCESS_MASK SeenAccess;
static KPROCESSOR_MODE SeenMode;
static UCHAR SeenEa[8];
static LONGLONG SeenAllocation;
static PFILE_OBJECT SeenRelated;
static ULONG SeenFileFlags;

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
NoteCreate(PIRP Irp, PIO_STACK_LOCATION Location)
{
    PFILE_OBJECT file = Location->FileObject;

    Seen = *Location;
    SeenAccess = Location->Parameters.Create.SecurityContext->DesiredAccess;
    SeenMode = Irp->RequestorMode;
    SeenAllocation = Irp->Overlay.AllocationSize.QuadPart;
    SeenRelated = file->RelatedFileObject;
    SeenFileFlags = file->Flags;
    memcpy(FileName, file->FileName.Length != 0 ? file->FileName.Buffer : L"",
           file->FileName.Length);
    FileName[file->FileName.Length / sizeof(WCHAR)] = 0;
    if (Location->Parameters.Create.EaLength != 0) {
        memcpy(SeenEa, Irp->AssociatedIrp.SystemBuffer, sizeof(SeenEa));
    }
}

static VOID
CompleteLater(PVOID Context)
{
    PIRP irp = Context;

    IoTestComplete(irp, CreateStatus, CreateInformation);
}

static IO_TEST_THREAD Completers[EVENTS];
static ULONG CompleterCount;

static VOID
JoinCompleters(VOID)
{
    while (CompleterCount > 0) {
        IoTestJoin(&Completers[--CompleterCount]);
    }
}

static NTSTATUS NTAPI
NoteDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);

    (void)DeviceObject;
    Asked[AskedCount++] = location->MajorFunction;
    if (location->MajorFunction == IRP_MJ_CREATE) {
        NoteCreate(Irp, location);
    }
    if (Pend) {
        IoMarkIrpPending(Irp);
        IoTestRun(&Completers[CompleterCount++], CompleteLater, Irp);
        return STATUS_PENDING;
    }
    return IoTestComplete(Irp, CreateStatus, CreateInformation);
}

static VOID
AddNotingDevice(ULONG Flags)
{
    IoTestAddPlainDevice(Flags);
    IoTestDriver->MajorFunction[IRP_MJ_CREATE] = NoteDispatch;
    IoTestDriver->MajorFunction[IRP_MJ_CLEANUP] = NoteDispatch;
    IoTestDriver->MajorFunction[IRP_MJ_CLOSE] = NoteDispatch;
    CreateStatus = STATUS_SUCCESS;
}

NT_TEST(Open, DriverSeesCreateCleanupClose)
{
    HANDLE handle;

    AddNotingDevice(0);
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, SYNC_OPTIONS, &handle),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 1);
    NT_EXPECT_EQ(AskedCount, 1);
    NT_EXPECT_EQ(Asked[0], IRP_MJ_CREATE);
    NT_EXPECT_EQ(SeenAccess, FILE_GENERIC_READ);
    NT_EXPECT_EQ(SeenMode, UserMode);
    NT_EXPECT_EQ(Seen.Parameters.Create.Options, (FILE_OPEN << 24) | SYNC_OPTIONS);
    NT_EXPECT_EQ(Seen.Parameters.Create.ShareAccess, FILE_SHARE_READ | FILE_SHARE_WRITE);
    NT_EXPECT_EQ(SeenFileFlags, FO_SYNCHRONOUS_IO);
    NT_EXPECT_WSTR(FileName, L"");
    IoTestClose(handle);
    NT_EXPECT_EQ(AskedCount, 3);
    NT_EXPECT_EQ(Asked[1], IRP_MJ_CLEANUP);
    NT_EXPECT_EQ(Asked[2], IRP_MJ_CLOSE);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
    IoDeleteDevice(IoTestDevice);
}

/* CLEANUP waits for the last handle, CLOSE for the last reference. */
NT_TEST(Open, CleanupAtLastHandleCloseAtLastReference)
{
    HANDLE handle;
    HANDLE copy;
    PFILE_OBJECT file;

    AddNotingDevice(0);
    handle = IoTestOpen(0);
    file = IoTestFile(handle);
    ObReferenceObject(file);
    NT_EXPECT_STATUS(USER_MODE(NtDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(),
                                                 &copy, 0, 0, DUPLICATE_SAME_ACCESS)),
                     STATUS_SUCCESS);
    IoTestClose(handle);
    NT_EXPECT_EQ(AskedCount, 1);
    IoTestClose(copy);
    NT_EXPECT_EQ(AskedCount, 2);
    NT_EXPECT_EQ(Asked[1], IRP_MJ_CLEANUP);
    ObDereferenceObject(file);
    NT_EXPECT_EQ(AskedCount, 3);
    NT_EXPECT_EQ(Asked[2], IRP_MJ_CLOSE);
    IoDeleteDevice(IoTestDevice);
}

/* The last reference may go at DISPATCH_LEVEL: CLOSE comes at PASSIVE_LEVEL all the same. */
NT_TEST(Open, CloseIsDeferredToPassiveLevel)
{
    PFILE_OBJECT file;
    HANDLE handle;
    KIRQL irql;

    AddNotingDevice(0);
    handle = IoTestOpen(0);
    file = IoTestFile(handle);
    ObReferenceObject(file);
    IoTestClose(handle);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ObDereferenceObject(file);
    NT_EXPECT_EQ(AskedCount, 2);
    KeLowerIrql(irql);
    ObpRunDeferredDeletes();
    SimRunUntilIdle();
    NT_EXPECT_EQ(AskedCount, 3);
    NT_EXPECT_EQ(Asked[2], IRP_MJ_CLOSE);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST_SEEDS(Open, PendedCreateCleanupAndCloseAreAwaited, 20)
{
    HANDLE handle;

    AddNotingDevice(0);
    Pend = TRUE;
    CreateInformation = FILE_OPENED;
    handle = IoTestOpen(0);
    NT_EXPECT_NE(handle, NULL);
    IoTestClose(handle);
    NT_EXPECT_EQ(AskedCount, 3);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
    IoDeleteDevice(IoTestDevice);
    JoinCompleters();
}

NT_TEST(Open, RefusedCreateLeavesNothing)
{
    static const BOOLEAN pended[] = {FALSE, TRUE};
    HANDLE handle = (HANDLE)(ULONG_PTR)0x77;

    AddNotingDevice(0);
    CreateStatus = STATUS_DEVICE_NOT_READY;
    NT_FOR_EACH (pend, pended) {
        Pend = *pend;
        AskedCount = 0;
        NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME L"\\x", GENERIC_READ, 0, &handle),
                         STATUS_DEVICE_NOT_READY);
        NT_EXPECT_EQ(handle, 0x77);
        NT_EXPECT_EQ(AskedCount, 1);
        NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
        NT_EXPECT_EQ(ObpObjectsInUse(*IoFileObjectType), 0);
    }
    IoDeleteDevice(IoTestDevice);
    JoinCompleters();
}

NT_TEST(Open, FileNameIsTheRest)
{
    static const struct {
        PCWSTR Name;
        PCWSTR Rest;
    } rows[] = {
        {DEVICE_NAME, L""},
        {DEVICE_NAME L"\\", L"\\"},
        {DEVICE_NAME L"\\tail", L"\\tail"},
        {DEVICE_NAME L"\\a\\b c", L"\\a\\b c"},
        {L"\\device\\IOTEST\\Tail", L"\\Tail"},
    };

    AddNotingDevice(0);
    NT_FOR_EACH (row, rows) {
        HANDLE handle;

        NT_EXPECT_STATUS(IoTestTryOpen(row->Name, GENERIC_READ, 0, &handle), STATUS_SUCCESS);
        NT_EXPECT_WSTR(FileName, row->Rest);
        IoTestClose(handle);
    }
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Open, RelativeToAFile)
{
    UNICODE_STRING name = US(L"sub\\item");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    PFILE_OBJECT root;
    HANDLE handle;
    HANDLE relative;

    AddNotingDevice(0);
    handle = IoTestOpen(0);
    root = IoTestFile(handle);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, handle, NULL);
    NT_EXPECT_STATUS(USER_MODE(NtOpenFile(&relative, GENERIC_READ, &attributes, &iosb, 0, 0)),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenRelated, root);
    NT_EXPECT_WSTR(FileName, L"sub\\item");
    IoTestClose(relative);
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Open, ResultsReachTheCaller)
{
    UNICODE_STRING name = US(DEVICE_NAME);
    LARGE_INTEGER allocation = {.QuadPart = 4711};
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb = {0};
    UCHAR ea[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    HANDLE handle;

    AddNotingDevice(0);
    CreateInformation = FILE_CREATED;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NT_EXPECT_STATUS(
        USER_MODE(NtCreateFile(&handle, GENERIC_WRITE, &attributes, &iosb, &allocation,
                               FILE_ATTRIBUTE_NORMAL, 0, FILE_OPEN_IF, 0, ea, sizeof(ea))),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, FILE_CREATED);
    NT_EXPECT_EQ(SeenAllocation, 4711);
    NT_EXPECT_EQ(memcmp(SeenEa, ea, sizeof(ea)), 0);
    NT_EXPECT_EQ(Seen.Parameters.Create.EaLength, sizeof(ea));
    NT_EXPECT_EQ(Seen.Parameters.Create.FileAttributes, FILE_ATTRIBUTE_NORMAL);
    NT_EXPECT_EQ(Seen.Parameters.Create.Options >> 24, FILE_OPEN_IF);
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Open, ExclusiveDeviceOpensOnce)
{
    HANDLE handle;
    HANDLE second;

    AddNotingDevice(DO_EXCLUSIVE);
    handle = IoTestOpen(0);
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, 0, &second), STATUS_ACCESS_DENIED);
    NT_EXPECT_EQ(AskedCount, 1);
    IoTestClose(handle);
    handle = IoTestOpen(0);
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Open, DeviceBeingInitialisedOrDeleted)
{
    HANDLE handle;
    HANDLE second;

    AddNotingDevice(DO_DEVICE_INITIALIZING);
    IoTestDevice->Flags |= DO_DEVICE_INITIALIZING;
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, 0, &handle), STATUS_NO_SUCH_DEVICE);
    IoTestDevice->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    handle = IoTestOpen(0);
    IoDeleteDevice(IoTestDevice);
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, 0, &second),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    /* The open one still works, and its end takes the device along. */
    NT_EXPECT_EQ(IoTestDriver->DeviceObject, IoTestDevice);
    IoTestClose(handle);
    NT_EXPECT_EQ(AskedCount, 3);
    NT_EXPECT_EQ(IoTestDriver->DeviceObject, NULL);
}

NT_TEST(Open, NamesThatAreNoDevice)
{
    static const struct {
        PCWSTR Name;
        NTSTATUS Status;
    } rows[] = {
        {L"\\Device\\Missing", STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\Device\\Missing\\tail", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\NoFolder\\X", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\Device", STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\Driver\\IoTest", STATUS_OBJECT_TYPE_MISMATCH},
        {L"relative", STATUS_OBJECT_PATH_SYNTAX_BAD},
    };

    NT_FOR_EACH (row, rows) {
        HANDLE handle;

        NT_EXPECT_STATUS(IoTestTryOpen(row->Name, GENERIC_READ, 0, &handle), row->Status);
    }
}

NT_TEST(Open, BadArguments)
{
    static const struct {
        ACCESS_MASK Access;
        ULONG FileAttributes;
        ULONG Share;
        ULONG Disposition;
        ULONG Options;
    } rows[] = {
        {GENERIC_READ, 0xFFFFFFFF, 0, FILE_OPEN, 0},
        {GENERIC_READ, 0, 8, FILE_OPEN, 0},
        {GENERIC_READ, 0, 0, FILE_MAXIMUM_DISPOSITION + 1, 0},
        {GENERIC_READ, 0, 0, FILE_OPEN, 0xFF000000},
        {GENERIC_READ, 0, 0, FILE_OPEN, FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT},
        {FILE_READ_DATA, 0, 0, FILE_OPEN, FILE_SYNCHRONOUS_IO_ALERT}, /* no SYNCHRONIZE */
        {GENERIC_READ, 0, 0, FILE_OPEN, FILE_DELETE_ON_CLOSE},        /* no DELETE */
        {GENERIC_READ, 0, 0, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE},
        {GENERIC_READ, 0, 0, FILE_OVERWRITE, FILE_DIRECTORY_FILE},
        {FILE_APPEND_DATA, 0, 0, FILE_OPEN, FILE_NO_INTERMEDIATE_BUFFERING},
    };
    UNICODE_STRING name = US(DEVICE_NAME);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    AddNotingDevice(0);
    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(USER_MODE(NtCreateFile(&handle, row->Access, &attributes, &iosb, NULL,
                                                row->FileAttributes, row->Share, row->Disposition,
                                                row->Options, NULL, 0)),
                         STATUS_INVALID_PARAMETER);
    }
    NT_EXPECT_EQ(AskedCount, 0);
    IoDeleteDevice(IoTestDevice);
}

#define UNMAPPED ((PVOID)(ULONG_PTR)0x10000)

NT_TEST(Open, BadPointers)
{
    UNICODE_STRING name = US(DEVICE_NAME);
    UNICODE_STRING lost = {20, 20, UNMAPPED};
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER negative = {.QuadPart = -1};
    HANDLE handle;

    AddNotingDevice(0);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
#define TRY(handle, attributes, iosb, allocation, ea, length)                                \
    USER_MODE(NtCreateFile((handle), GENERIC_READ, (attributes), (iosb), (allocation), 0, 0, \
                           FILE_OPEN, 0, (ea), (length)))
    NT_EXPECT_STATUS(TRY(NULL, &attributes, &iosb, NULL, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(TRY(UNMAPPED, &attributes, &iosb, NULL, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(TRY((PHANDLE)IoTestDevice, &attributes, &iosb, NULL, NULL, 0),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(TRY(&handle, UNMAPPED, &iosb, NULL, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(TRY(&handle, NULL, &iosb, NULL, NULL, 0), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(TRY(&handle, &attributes, UNMAPPED, NULL, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, UNMAPPED, NULL, 0), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, &negative, NULL, 0),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, NULL, UNMAPPED, 8), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, NULL, NULL, 8), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, NULL, &iosb, 0xFFFFFFFF),
                     STATUS_INVALID_PARAMETER);
    attributes.ObjectName = &lost;
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, NULL, NULL, 0), STATUS_ACCESS_VIOLATION);
    attributes.ObjectName = UNMAPPED;
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, NULL, NULL, 0), STATUS_ACCESS_VIOLATION);
    attributes.Length = 3;
    NT_EXPECT_STATUS(TRY(&handle, &attributes, &iosb, NULL, NULL, 0), STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(AskedCount, 0);
    NT_EXPECT_EQ(ObpObjectsInUse(*IoFileObjectType), 0);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Open, DeviceObjectPointerKeepsTheFileOnly)
{
    UNICODE_STRING name = US(DEVICE_NAME);
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;

    AddNotingDevice(0);
    NT_EXPECT_STATUS(IoGetDeviceObjectPointer(&name, FILE_READ_DATA, &file, &device),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(device, IoTestDevice);
    NT_EXPECT_EQ(SeenMode, KernelMode);
    NT_EXPECT_EQ(AskedCount, 2);
    NT_EXPECT_EQ(Asked[1], IRP_MJ_CLEANUP);
    ObDereferenceObject(file);
    NT_EXPECT_EQ(AskedCount, 3);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Open, StackIsOpenedAtItsTop)
{
    PDEVICE_OBJECT filter = IoTestAddDevice(NULL, 0, 0);
    HANDLE handle;

    AddNotingDevice(0);
    NT_EXPECT_EQ(IoAttachDeviceToDeviceStack(filter, IoTestDevice), IoTestDevice);
    handle = IoTestOpen(0);
    NT_EXPECT_EQ(Seen.DeviceObject, filter);
    NT_EXPECT_EQ(Seen.FileObject->DeviceObject, IoTestDevice);
    NT_EXPECT_EQ(IoGetRelatedDeviceObject(IoTestFile(handle)), filter);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 1);
    IoTestClose(handle);
    IoDetachDevice(IoTestDevice);
    IoDeleteDevice(filter);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Open, IoCreateFileForDrivers)
{
    UNICODE_STRING name = US(DEVICE_NAME);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    AddNotingDevice(0);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL,
                               NULL);
    NT_EXPECT_STATUS(IoCreateFile(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 0, FILE_OPEN,
                                  0, NULL, 0, CreateFileTypeNone, NULL, IO_NO_PARAMETER_CHECKING),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(SeenMode, KernelMode);
    NT_EXPECT_STATUS(ZwClose(handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoCreateFile(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 0, FILE_OPEN,
                                  0, NULL, 0, CreateFileTypeNamedPipe, NULL, 0),
                     STATUS_NOT_SUPPORTED);
    IoDeleteDevice(IoTestDevice);
}
