/* SPDX-License-Identifier: MIT
 *
 * object_test.c - drivers, devices, stacks of devices, symbolic links, shutdown, the unload audit
 */
#include "io/iop.h"
#include "io_test.h"
#include <wdmsec.h>

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

static NTSTATUS
AddDevice(PCWSTR Name, BOOLEAN Exclusive, ULONG Characteristics, PDEVICE_OBJECT *Device)
{
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    return IoCreateDevice(IoTestDriver, 24, Name != NULL ? &name : NULL, FILE_DEVICE_UNKNOWN,
                          Characteristics, Exclusive, Device);
}

NT_TEST(Driver, MajorFunctionsRefuse)
{
    ULONG i;

    NT_EXPECT_EQ(IoTestDriver->Type, IO_TYPE_DRIVER);
    NT_EXPECT_EQ(IoTestDriver->Size, sizeof(DRIVER_OBJECT));
    NT_EXPECT_EQ(IoTestDriver->DriverExtension->DriverObject, IoTestDriver);
    IoTestDevice = IoTestAddDevice(NULL, 0, 0);
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; ++i) {
        KEVENT event;
        IO_STATUS_BLOCK iosb;
        PIRP irp =
            IoBuildDeviceIoControlRequest(0, IoTestDevice, NULL, 0, NULL, 0, FALSE, &event, &iosb);

        IoGetNextIrpStackLocation(irp)->MajorFunction = (UCHAR)i;
        NT_EXPECT_STATUS(IoCallDriver(IoTestDevice, irp), STATUS_INVALID_DEVICE_REQUEST);
    }
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Driver, NullDispatchIsRepaired)
{
    PDRIVER_DISPATCH refuse = IoTestDriver->MajorFunction[IRP_MJ_READ];

    IoTestDriver->MajorFunction[IRP_MJ_READ] = NULL;
    IoTestDriver->MajorFunction[IRP_MJ_WRITE] = IoTestSucceed;
    IopRepairDriverDispatch(IoTestDriver);
    NT_EXPECT_EQ(IoTestDriver->MajorFunction[IRP_MJ_READ], refuse);
    NT_EXPECT_EQ(IoTestDriver->MajorFunction[IRP_MJ_WRITE], IoTestSucceed);
}

NT_TEST(Driver, NamesAndCollisions)
{
    UNICODE_STRING same = US(L"\\Driver\\iotest");
    UNICODE_STRING empty = US(L"");
    PDRIVER_OBJECT other;

    NT_EXPECT_WSTR(IoTestDriver->DriverName.Buffer, L"\\Driver\\IoTest");
    NT_EXPECT_WSTR(IoTestDriver->DriverExtension->ServiceKeyName.Buffer, L"IoTest");
    NT_EXPECT_STATUS(IopCreateDriverObject(&same, NULL, NULL, 0, NULL, &other),
                     STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_STATUS(IopCreateDriverObject(&empty, NULL, NULL, 0, NULL, &other),
                     STATUS_OBJECT_NAME_INVALID);
}

NT_TEST(Driver, ClientExtensions)
{
    static int key1;
    static int key2;
    PVOID first;
    PVOID second;

    NT_EXPECT_EQ(IoGetDriverObjectExtension(IoTestDriver, &key1), NULL);
    NT_EXPECT_STATUS(IoAllocateDriverObjectExtension(IoTestDriver, &key1, 100, &first),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoAllocateDriverObjectExtension(IoTestDriver, &key2, 1, &second),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(((PUCHAR)first)[99], 0);
    NT_EXPECT_EQ((ULONG_PTR)first % 16, 0);
    NT_EXPECT_EQ(IoGetDriverObjectExtension(IoTestDriver, &key1), first);
    NT_EXPECT_EQ(IoGetDriverObjectExtension(IoTestDriver, &key2), second);
    NT_EXPECT_STATUS(IoAllocateDriverObjectExtension(IoTestDriver, &key1, 1, &second),
                     STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_EQ(second, NULL);
}

NT_TEST(Device, NewDeviceIsSetUp)
{
    PDEVICE_OBJECT device;

    NT_EXPECT_STATUS(AddDevice(L"\\Device\\Fresh", FALSE, FILE_DEVICE_SECURE_OPEN, &device),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(device->Type, IO_TYPE_DEVICE);
    NT_EXPECT_EQ(device->DriverObject, IoTestDriver);
    NT_EXPECT_EQ(IoTestDriver->DeviceObject, device);
    NT_EXPECT_EQ(device->Flags, DO_DEVICE_INITIALIZING | DO_DEVICE_HAS_NAME);
    NT_EXPECT_EQ(device->Characteristics, FILE_DEVICE_SECURE_OPEN);
    NT_EXPECT_EQ(device->StackSize, 1);
    NT_EXPECT_EQ(device->ReferenceCount, 0);
    NT_EXPECT_EQ(device->DeviceExtension, (PUCHAR)device + 336);
    NT_EXPECT_EQ(((PUCHAR)device->DeviceExtension)[23], 0);
    NT_EXPECT_EQ(device->DeviceObjectExtension->DeviceObject, device);
    IopReadyDevices(IoTestDriver);
    NT_EXPECT_EQ(device->Flags, DO_DEVICE_HAS_NAME);
    IoDeleteDevice(device);
    NT_EXPECT_EQ(IoTestDriver->DeviceObject, NULL);
}

NT_TEST(Device, NoExtensionNoName)
{
    PDEVICE_OBJECT device;

    NT_EXPECT_STATUS(IoCreateDevice(IoTestDriver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, TRUE, &device),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(device->DeviceExtension, NULL);
    NT_EXPECT_EQ(device->Flags, DO_DEVICE_INITIALIZING | DO_EXCLUSIVE);
    IoDeleteDevice(device);
}

NT_TEST(Device, BadNames)
{
    static const struct {
        PCWSTR Name;
        NTSTATUS Status;
    } rows[] = {
        {L"\\Device\\NoSuchFolder\\X", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"NoBackslash", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\Device\\Taken", STATUS_OBJECT_NAME_COLLISION},
        {L"\\dEVICE\\tAKEN", STATUS_OBJECT_NAME_COLLISION},
    };
    PDEVICE_OBJECT taken;
    PDEVICE_OBJECT device = NULL;

    NT_EXPECT_STATUS(AddDevice(L"\\Device\\Taken", FALSE, 0, &taken), STATUS_SUCCESS);
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(AddDevice(row->Name, FALSE, 0, &device), row->Status);
        NT_EXPECT_EQ(device, NULL);
    }
    IoDeleteDevice(taken);
    /* The name is free again. */
    NT_EXPECT_STATUS(AddDevice(L"\\Device\\Taken", FALSE, 0, &taken), STATUS_SUCCESS);
    IoDeleteDevice(taken);
}

NT_TEST(Device, GeneratedNamesDiffer)
{
    PDEVICE_OBJECT one;
    PDEVICE_OBJECT two;
    WCHAR first[64];
    WCHAR second[64];

    NT_EXPECT_STATUS(AddDevice(NULL, FALSE, FILE_AUTOGENERATED_DEVICE_NAME, &one), STATUS_SUCCESS);
    NT_EXPECT_STATUS(AddDevice(NULL, FALSE, FILE_AUTOGENERATED_DEVICE_NAME, &two), STATUS_SUCCESS);
    ObpQueryName(one, first, sizeof(first));
    ObpQueryName(two, second, sizeof(second));
    NT_EXPECT_EQ(memcmp(first, L"\\Device\\0", 9 * sizeof(WCHAR)), 0);
    NT_EXPECT_NE(memcmp(first, second, 17 * sizeof(WCHAR)), 0);
    IoDeleteDevice(one);
    IoDeleteDevice(two);
}

NT_TEST(Device, DeletedTwiceIsABugCheck)
{
    PDEVICE_OBJECT device;

    AddDevice(NULL, FALSE, 0, &device);
    ObReferenceObject(device);
    IoDeleteDevice(device);
    NT_EXPECT_BUGCHECK(0xC9, IoDeleteDevice(device));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x240);
}

/* The device has exactly the descriptor that the text describes. */
static VOID
ExpectSecurity(PDEVICE_OBJECT Device, PCUNICODE_STRING Sddl)
{
    PSECURITY_DESCRIPTOR expected;
    PSECURITY_DESCRIPTOR found;
    BOOLEAN allocated;

    NT_EXPECT_STATUS(SepParseSddl(Sddl, &expected), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObGetObjectSecurity(Device, &found, &allocated), STATUS_SUCCESS);
    NT_EXPECT_EQ(RtlLengthSecurityDescriptor(found), RtlLengthSecurityDescriptor(expected));
    NT_EXPECT_EQ(memcmp(found, expected, RtlLengthSecurityDescriptor(expected)), 0);
    ObReleaseObjectSecurity(found, allocated);
    ExFreePool(expected);
}

NT_TEST(Device, SecureNeedsSddl)
{
    static const struct {
        PCWSTR Sddl;
        NTSTATUS Status;
    } rows[] = {
        {L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)", STATUS_SUCCESS},
        {L"D:P", STATUS_SUCCESS},
        {L"O:BAG:SYD:PAI(D;OICI;0x1200a9;;;S-1-5-32-545)S:(ML;;NW;;;LW)", STATUS_SUCCESS},
        {L"", STATUS_INVALID_PARAMETER},
        {L"P(A;;GA;;;SY)", STATUS_INVALID_PARAMETER},
        {L"D:P(A;;GA;;;SY", STATUS_INVALID_PARAMETER},
        {L"D:P(A;;GA;;SY)", STATUS_INVALID_PARAMETER},
        {L"D:P(A;;ZZ;;;SY)", STATUS_INVALID_PARAMETER},
        {L"D:P(A;;GA;;;QQ)", STATUS_INVALID_PARAMETER},
        {L"D:P(X;;GA;;;SY)", STATUS_INVALID_PARAMETER},
        {L"D:P(A;;GA;;;S-1-5)", STATUS_INVALID_PARAMETER},
        {L"D:P(A;;GA;;;SY)x", STATUS_INVALID_PARAMETER},
    };
    UNICODE_STRING name = US(L"\\Device\\Secure");
    UNICODE_STRING sddl;
    PDEVICE_OBJECT device;

    NT_FOR_EACH (row, rows) {
        RtlInitUnicodeString(&sddl, row->Sddl);
        NT_EXPECT_STATUS(IoCreateDeviceSecure(IoTestDriver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE,
                                              &sddl, NULL, &device),
                         row->Status);
        if (NT_SUCCESS(row->Status)) {
            ExpectSecurity(device, &sddl);
            IoDeleteDevice(device);
        }
    }
    NT_EXPECT_STATUS(IoCreateDeviceSecure(IoTestDriver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE,
                                          &SDDL_DEVOBJ_SYS_ALL, NULL, &device),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoCreateDeviceSecure(IoTestDriver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE,
                                          NULL, NULL, &device),
                     STATUS_INVALID_PARAMETER);
}

/* ---- stacks ---- */

NT_TEST(Stack, AttachAndDetach)
{
    PDEVICE_OBJECT low = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT mid = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT top = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT below = NULL;
    PDEVICE_OBJECT found;

    low->AlignmentRequirement = 3;
    NT_EXPECT_EQ(IoAttachDeviceToDeviceStack(mid, low), low);
    NT_EXPECT_STATUS(IoAttachDeviceToDeviceStackSafe(top, low, &below), STATUS_SUCCESS);
    NT_EXPECT_EQ(below, mid);
    NT_EXPECT_EQ(top->StackSize, 3);
    NT_EXPECT_EQ(top->AlignmentRequirement, 3);
    NT_EXPECT_EQ(low->AttachedDevice, mid);
    NT_EXPECT_EQ(IoGetAttachedDevice(low), top);
    found = IoGetAttachedDeviceReference(low);
    NT_EXPECT_EQ(found, top);
    ObDereferenceObject(found);
    found = IoGetLowerDeviceObject(top);
    NT_EXPECT_EQ(found, mid);
    ObDereferenceObject(found);
    NT_EXPECT_EQ(IoGetLowerDeviceObject(low), NULL);
    found = IoGetDeviceAttachmentBaseRef(top);
    NT_EXPECT_EQ(found, low);
    ObDereferenceObject(found);
    IoDetachDevice(mid);
    NT_EXPECT_EQ(IoGetAttachedDevice(low), mid);
    IoDetachDevice(low);
    IoDeleteDevice(top);
    IoDeleteDevice(mid);
    IoDeleteDevice(low);
}

NT_TEST(Stack, TargetMustBeReady)
{
    PDEVICE_OBJECT target;
    PDEVICE_OBJECT source = IoTestAddDevice(NULL, 0, 0);

    AddDevice(NULL, FALSE, 0, &target); /* DO_DEVICE_INITIALIZING */
    NT_EXPECT_EQ(IoAttachDeviceToDeviceStack(source, target), NULL);
    NT_EXPECT_EQ(target->AttachedDevice, NULL);
    IoDeleteDevice(target);
    IoDeleteDevice(source);
}

/* What is attached above keeps a deleted device on its driver's list. */
NT_TEST(Stack, DeletedBelowGoesAtDetach)
{
    PDEVICE_OBJECT low = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT top = IoTestAddDevice(NULL, 0, 0);

    IoAttachDeviceToDeviceStack(top, low);
    IoDeleteDevice(low);
    NT_EXPECT_EQ(IoTestDriver->DeviceObject->NextDevice, low);
    IoDetachDevice(low);
    NT_EXPECT_EQ(IoTestDriver->DeviceObject, top);
    NT_EXPECT_EQ(top->NextDevice, NULL);
    IoDeleteDevice(top);
}

NT_TEST(Stack, DeleteWhileAttachedIsABugCheck)
{
    PDEVICE_OBJECT low = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT top = IoTestAddDevice(NULL, 0, 0);

    IoAttachDeviceToDeviceStack(top, low);
    NT_EXPECT_BUGCHECK(0xC9, IoDeleteDevice(top));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x201);
}

NT_TEST(Stack, DetachOfNothingIsABugCheck)
{
    PDEVICE_OBJECT low = IoTestAddDevice(NULL, 0, 0);

    NT_EXPECT_BUGCHECK(0xC9, IoDetachDevice(low));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0x202);
}

NT_TEST(Stack, AttachByName)
{
    UNICODE_STRING name = US(DEVICE_NAME);
    UNICODE_STRING missing = US(L"\\Device\\Missing");
    PDEVICE_OBJECT source = IoTestAddDevice(NULL, 0, 0);
    PDEVICE_OBJECT below;

    IoTestAddPlainDevice(0);
    NT_EXPECT_STATUS(IoAttachDevice(source, &missing, &below), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(IoAttachDevice(source, &name, &below), STATUS_SUCCESS);
    NT_EXPECT_EQ(below, IoTestDevice);
    NT_EXPECT_EQ(IoTestDevice->ReferenceCount, 0);
    IoDetachDevice(below);
    IoDeleteDevice(source);
    IoDeleteDevice(IoTestDevice);
}

/* ---- links ---- */

NT_TEST(Link, OpensItsDeviceUntilDeleted)
{
    UNICODE_STRING link = US(L"\\DosDevices\\IoTestLink");
    UNICODE_STRING target = US(DEVICE_NAME);
    HANDLE handle;

    IoTestAddPlainDevice(0);
    NT_EXPECT_STATUS(IoCreateSymbolicLink(&link, &target), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoCreateSymbolicLink(&link, &target), STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_STATUS(IoTestTryOpen(L"\\??\\IoTestLink", GENERIC_READ, 0, &handle), STATUS_SUCCESS);
    IoTestClose(handle);
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&link), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&link), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(IoTestTryOpen(L"\\??\\IoTestLink", GENERIC_READ, 0, &handle),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&target), STATUS_OBJECT_TYPE_MISMATCH);
    IoDeleteDevice(IoTestDevice);
}

/* The unload audit asks the same function: a link deleted under its other name is not left over. */
NT_TEST(Link, DeletedUnderAnotherNameIsForgotten)
{
    UNICODE_STRING link = US(L"\\DosDevices\\IoTestAlias");
    UNICODE_STRING alias = US(L"\\??\\IoTestAlias");
    UNICODE_STRING target = US(DEVICE_NAME);
    LONG links = ObpObjectsInUse(ObpSymbolicLinkType);

    IoTestAddPlainDevice(0);
    NT_EXPECT_STATUS(IoCreateSymbolicLink(&link, &target), STATUS_SUCCESS);
    NT_EXPECT_EQ(IopCountDriverLinks(IoTestDriver), 1);
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&alias), STATUS_SUCCESS);
    NT_EXPECT_EQ(IopCountDriverLinks(IoTestDriver), 0);
    /* Also when io was not asked. */
    NT_EXPECT_STATUS(IoCreateSymbolicLink(&alias, &target), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpDeleteSymbolicLink(&link), STATUS_SUCCESS);
    NT_EXPECT_EQ(IopCountDriverLinks(IoTestDriver), 0);
    NT_EXPECT_EQ(ObpObjectsInUse(ObpSymbolicLinkType), links);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Link, EmptyNames)
{
    UNICODE_STRING empty = US(L"");
    UNICODE_STRING name = US(L"\\DosDevices\\E");

    NT_EXPECT_STATUS(IoCreateSymbolicLink(&empty, &name), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoCreateSymbolicLink(&name, &empty), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoDeleteSymbolicLink(&empty), STATUS_INVALID_PARAMETER);
}

/* ---- unload ---- */

NT_TEST(Unload, AuditCountsWhatIsLeft)
{
    UNICODE_STRING link = US(L"\\DosDevices\\IoTestLink");
    UNICODE_STRING target = US(DEVICE_NAME);
    IOP_DRIVER_AUDIT audit;
    HANDLE handle;

    IoTestAddPlainDevice(0);
    IoCreateSymbolicLink(&link, &target);
    handle = IoTestOpen(0);
    IopAuditDriver(IoTestDriver, &audit);
    NT_EXPECT_EQ(audit.Devices, 1);
    NT_EXPECT_EQ(audit.SymbolicLinks, 1);
    NT_EXPECT_EQ(audit.OpenFiles, 1);
    NT_EXPECT_EQ(audit.PendingIrps, 0);
    IoTestClose(handle);
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(IoTestDevice);
    IopAuditDriver(IoTestDriver, &audit);
    NT_EXPECT_EQ(audit.Devices + audit.SymbolicLinks + audit.OpenFiles + audit.PendingIrps, 0);
}

/* A link left behind is told by who made it, even when the device is gone. */
NT_TEST(Unload, AuditFindsLinksByImage)
{
    UNICODE_STRING link = US(L"\\DosDevices\\IoTestLink");
    UNICODE_STRING target = US(DEVICE_NAME);
    IOP_DRIVER_AUDIT audit;

    IoCreateSymbolicLink(&link, &target);
    IoTestDriver->DriverStart = (PVOID)((ULONG_PTR)NtTestSetUp - 0x100000);
    IoTestDriver->DriverSize = 0x200000;
    IopAuditDriver(IoTestDriver, &audit);
    NT_EXPECT_EQ(audit.SymbolicLinks, 1);
    IoDeleteSymbolicLink(&link);
}

static NTSTATUS NTAPI
NeverComplete(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoMarkIrpPending(Irp);
    DeviceObject->CurrentIrp = Irp;
    return STATUS_PENDING;
}

NT_TEST(Unload, AuditFindsPendingIrps)
{
    IO_STATUS_BLOCK iosb;
    IOP_DRIVER_AUDIT audit;
    HANDLE handle;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = NeverComplete;
    handle = IoTestOpen(0);
    NT_EXPECT_STATUS(
        USER_MODE(NtDeviceIoControlFile(handle, NULL, NULL, NULL, &iosb, 0, NULL, 0, NULL, 0)),
        STATUS_PENDING);
    IopAuditDriver(IoTestDriver, &audit);
    NT_EXPECT_EQ(audit.PendingIrps, 1);
    IoTestComplete(IoTestDevice->CurrentIrp, STATUS_SUCCESS, 0);
    IopAuditDriver(IoTestDriver, &audit);
    NT_EXPECT_EQ(audit.PendingIrps, 0);
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(Unload, PreparedDriverTakesNoMoreOpens)
{
    HANDLE handle;
    HANDLE second;

    IoTestAddPlainDevice(0);
    handle = IoTestOpen(0);
    NT_EXPECT_STATUS(IopPrepareDriverUnload(IoTestDriver), STATUS_DEVICE_BUSY);
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, 0, &second), STATUS_NO_SUCH_DEVICE);
    NT_EXPECT_STATUS(IopWaitForDriverIdle(IoTestDriver, 50000), STATUS_TIMEOUT);
    IoTestClose(handle);
    NT_EXPECT_STATUS(IopWaitForDriverIdle(IoTestDriver, 50000), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IopPrepareDriverUnload(IoTestDriver), STATUS_SUCCESS);
    IoDeleteDevice(IoTestDevice);
}

/* ---- shutdown ---- */

static PDEVICE_OBJECT ShutdownOrder[4];
static ULONG Shutdowns;

static NTSTATUS NTAPI
NoteShutdown(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ShutdownOrder[Shutdowns++] = DeviceObject;
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

NT_TEST(Shutdown, LastRegisteredFirstLastChanceLast)
{
    PDEVICE_OBJECT device[4];
    ULONG i;

    for (i = 0; i < 4; ++i) {
        device[i] = IoTestAddDevice(NULL, 0, 0);
    }
    IoTestDriver->MajorFunction[IRP_MJ_SHUTDOWN] = NoteShutdown;
    NT_EXPECT_STATUS(IoRegisterLastChanceShutdownNotification(device[0]), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoRegisterShutdownNotification(device[1]), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoRegisterShutdownNotification(device[2]), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoRegisterShutdownNotification(device[3]), STATUS_SUCCESS);
    NT_EXPECT_NE(device[3]->Flags & DO_SHUTDOWN_REGISTERED, 0);
    IoUnregisterShutdownNotification(device[3]);
    NT_EXPECT_EQ(device[3]->Flags & DO_SHUTDOWN_REGISTERED, 0);
    IopShutdownSystem();
    NT_EXPECT_EQ(Shutdowns, 3);
    NT_EXPECT_EQ(ShutdownOrder[0], device[2]);
    NT_EXPECT_EQ(ShutdownOrder[1], device[1]);
    NT_EXPECT_EQ(ShutdownOrder[2], device[0]);
    NT_EXPECT_STATUS(IoRegisterShutdownNotification(device[1]), STATUS_TOO_LATE);
    for (i = 0; i < 4; ++i) {
        IoDeleteDevice(device[i]);
    }
}

NT_TEST(Shutdown, DeletedDeviceIsNotCalled)
{
    PDEVICE_OBJECT device = IoTestAddDevice(NULL, 0, 0);

    IoTestDriver->MajorFunction[IRP_MJ_SHUTDOWN] = NoteShutdown;
    IoRegisterShutdownNotification(device);
    IoDeleteDevice(device);
    IopShutdownSystem();
    NT_EXPECT_EQ(Shutdowns, 0);
}
