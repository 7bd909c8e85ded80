/* SPDX-License-Identifier: MIT
 *
 * list_test.c - devices and requests as they are listed while they live
 */
#include "io_test.h"

static KSPIN_LOCK QueueLock;
static LIST_ENTRY Queue;

void
NtTestSetUp(void)
{
    IoTestStart();
    KeInitializeSpinLock(&QueueLock);
    InitializeListHead(&Queue);
}

void
NtTestTearDown(void)
{
    IoTestStop();
}

static NTSTATUS NTAPI
QueueIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IOP_IRP_INFO irps[4];
    KIRQL irql;

    /* Seen from within: it is not pended yet. */
    NT_EXPECT_TRUE(IopCollectIrps(irps, RTL_NUMBER_OF(irps)) >= 1);
    IoMarkIrpPending(Irp);
    KeAcquireSpinLock(&QueueLock, &irql);
    InsertTailList(&Queue, &Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&QueueLock, irql);
    return STATUS_PENDING;
}

static BOOLEAN
CompleteOne(VOID)
{
    PIRP irp = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&QueueLock, &irql);
    if (!IsListEmpty(&Queue)) {
        irp = CONTAINING_RECORD(RemoveHeadList(&Queue), IRP, Tail.Overlay.ListEntry);
    }
    KeReleaseSpinLock(&QueueLock, irql);
    if (irp != NULL) {
        IoTestComplete(irp, STATUS_SUCCESS, 0);
    }
    return irp != NULL;
}

#define SEND(handle, code, iosb) \
    USER_MODE(NtDeviceIoControlFile((handle), NULL, NULL, NULL, (iosb), (code), NULL, 0, NULL, 0))

/* ---- devices ---- */

NT_TEST(ListDevices, EachIsReferencedAndToldAsItIs)
{
    IOP_DEVICE_INFO devices[3] = {0};
    PDEVICE_OBJECT upper;
    HANDLE handle;

    NT_EXPECT_EQ(IopCollectDevices(NULL, 0), 0);
    IoTestAddPlainDevice(DO_BUFFERED_IO);
    upper = IoTestAddDevice(L"\\Device\\Upper", 0, DO_DIRECT_IO);
    NT_EXPECT_TRUE(IoAttachDeviceToDeviceStack(upper, IoTestDevice) == IoTestDevice);
    handle = IoTestOpen(0);
    NT_EXPECT_EQ(IopCollectDevices(devices, RTL_NUMBER_OF(devices)), 2);
    NT_EXPECT_TRUE(devices[0].Device == upper && devices[1].Device == IoTestDevice);
    NT_EXPECT_TRUE(devices[0].AttachedTo == IoTestDevice && devices[1].AttachedTo == NULL);
    NT_EXPECT_EQ(devices[0].Flags & (DO_BUFFERED_IO | DO_DIRECT_IO), DO_DIRECT_IO);
    NT_EXPECT_EQ(devices[0].StackSize, 2);
    NT_EXPECT_EQ(devices[1].Opens, 1);
    NT_EXPECT_EQ(devices[1].Type, FILE_DEVICE_UNKNOWN);
    NT_EXPECT_EQ(devices[2].Device, NULL);
    IoTestClose(handle);
    IoDetachDevice(IoTestDevice);
    IoDeleteDevice(upper);
    IoDeleteDevice(IoTestDevice);
    /* Deleted, and still there for who has listed it. */
    NT_EXPECT_EQ(upper->Type, IO_TYPE_DEVICE);
    NT_EXPECT_EQ(IopCollectDevices(NULL, 0), 0);
    ObDereferenceObject(devices[0].Device);
    ObDereferenceObject(devices[1].Device);
}

NT_TEST(ListDevices, OneThatIsDeletedWhileOpenSaysSo)
{
    IOP_DEVICE_INFO device;
    HANDLE handle;

    IoTestAddPlainDevice(0);
    handle = IoTestOpen(0);
    IoDeleteDevice(IoTestDevice);
    NT_EXPECT_EQ(IopCollectDevices(&device, 1), 1);
    NT_EXPECT_TRUE(device.IsDeleting);
    ObDereferenceObject(device.Device);
    IoTestClose(handle);
    NT_EXPECT_EQ(IopCollectDevices(NULL, 0), 0);
}

/* ---- requests ---- */

NT_TEST(ListIrps, APendedOneTellsWhoseItIsAndSinceWhen)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    IO_STATUS_BLOCK iosb[2];
    IOP_IRP_INFO irps[3];
    ULONG64 before;
    HANDLE handle;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = QueueIrp;
    handle = IoTestOpen(0);
    NT_EXPECT_EQ(IopCollectIrps(NULL, 0), 0);
    before = HalpMonotonicTime();
    SimAdvance(1000000);
    NT_EXPECT_STATUS(SEND(handle, 0x222004, &iosb[0]), STATUS_PENDING);
    NT_EXPECT_STATUS(SEND(handle, 0x222008, &iosb[1]), STATUS_PENDING);
    NT_EXPECT_EQ(IopCollectIrps(irps, RTL_NUMBER_OF(irps)), 2);
    for (ULONG i = 0; i < 2; i++) {
        NT_EXPECT_TRUE(irps[i].Device == IoTestDevice);
        NT_EXPECT_EQ(irps[i].Major, IRP_MJ_DEVICE_CONTROL);
        NT_EXPECT_TRUE(irps[i].IoControlCode == 0x222004 || irps[i].IoControlCode == 0x222008);
        NT_EXPECT_EQ(irps[i].ProcessId, HandleToULong(PsGetCurrentProcessId()));
        NT_EXPECT_EQ(irps[i].ThreadId, HandleToULong(thread->Cid.UniqueThread));
        NT_EXPECT_EQ(irps[i].Where, IopIrpPended);
        NT_EXPECT_TRUE(irps[i].Since >= before + 1000000 && irps[i].Since <= HalpMonotonicTime());
        NT_EXPECT_FALSE(irps[i].Cancel);
    }
    NT_EXPECT_NE(irps[0].IoControlCode, irps[1].IoControlCode);
    NT_EXPECT_EQ(IopCollectIrps(irps, 1), 2); /* no more than there is room for */
    NT_EXPECT_TRUE(CompleteOne() && CompleteOne());
    NT_EXPECT_EQ(IopCollectIrps(NULL, 0), 0);
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}

NT_TEST(ListIrps, ACancelledOneThatTheDriverKeepsSaysSo)
{
    IO_STATUS_BLOCK iosb;
    IOP_IRP_INFO irp;
    HANDLE handle;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = QueueIrp;
    handle = IoTestOpen(0);
    NT_EXPECT_STATUS(SEND(handle, 0, &iosb), STATUS_PENDING);
    IoCancelIrp(CONTAINING_RECORD(Queue.Flink, IRP, Tail.Overlay.ListEntry));
    NT_EXPECT_EQ(IopCollectIrps(&irp, 1), 1);
    NT_EXPECT_TRUE(irp.Cancel);
    NT_EXPECT_TRUE(CompleteOne());
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}

static NTSTATUS NTAPI
LookAndComplete(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IOP_IRP_INFO irp;

    NT_EXPECT_EQ(IopCollectIrps(&irp, 1), 1);
    NT_EXPECT_EQ(irp.Where, IopIrpInDispatch);
    NT_EXPECT_EQ(irp.Since, 0);
    NT_EXPECT_EQ(irp.Irp, (ULONG_PTR)Irp);
    NT_EXPECT_TRUE(irp.Device == DeviceObject);
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

NT_TEST(ListIrps, OneInADispatchRoutineIsNotPended)
{
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = LookAndComplete;
    handle = IoTestOpen(0);
    NT_EXPECT_STATUS(SEND(handle, 0, &iosb), STATUS_SUCCESS);
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}

static NTSTATUS NTAPI
KeepIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NT_TEST(ListIrps, ADriversOwnBelongsToNoProcess)
{
    PIO_STACK_LOCATION location;
    IOP_IRP_INFO info;
    PIRP irp;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_READ] = QueueIrp;
    irp = IoAllocateIrp(1, FALSE);
    NT_EXPECT_EQ(IopCollectIrps(NULL, 0), 0); /* not sent yet */
    location = IoGetNextIrpStackLocation(irp);
    location->MajorFunction = IRP_MJ_READ;
    IoSetCompletionRoutine(irp, KeepIrp, NULL, TRUE, TRUE, TRUE);
    NT_EXPECT_STATUS(IoCallDriver(IoTestDevice, irp), STATUS_PENDING);
    NT_EXPECT_EQ(IopCollectIrps(&info, 1), 1);
    NT_EXPECT_EQ(info.Where, IopIrpDrivers);
    NT_EXPECT_EQ(info.ProcessId, 0);
    NT_EXPECT_EQ(info.Major, IRP_MJ_READ);
    NT_EXPECT_TRUE(CompleteOne());
    IoFreeIrp(irp);
    NT_EXPECT_EQ(IopCollectIrps(NULL, 0), 0);
    IoDeleteDevice(IoTestDevice);
}

/* ---- while they come and go ---- */

static ULONG Senders; /* atomic */

static void
SendSome(void *Context)
{
    IO_STATUS_BLOCK iosb;

    for (int i = 0; i < 5; i++) {
        iosb.Status = STATUS_PENDING;
        NT_EXPECT_STATUS(SEND((HANDLE)Context, 0x222004, &iosb), STATUS_PENDING);
        while (__atomic_load_n(&iosb.Status, __ATOMIC_ACQUIRE) == STATUS_PENDING) {
            SimSchedulingPoint();
        }
    }
    __atomic_sub_fetch(&Senders, 1, __ATOMIC_RELEASE);
}

NT_TEST_SEEDS(ListIrps, RacesWithRequestsThatComeAndGo, 50)
{
    IO_TEST_THREAD threads[2];
    IOP_IRP_INFO irps[8];
    HANDLE handle;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = QueueIrp;
    handle = IoTestOpen(0);
    Senders = RTL_NUMBER_OF(threads);
    NT_FOR_EACH (thread, threads) {
        IoTestRun(thread, SendSome, handle);
    }
    while (__atomic_load_n(&Senders, __ATOMIC_ACQUIRE) != 0) {
        ULONG count = IopCollectIrps(irps, RTL_NUMBER_OF(irps));

        for (ULONG i = 0; i < count && i < RTL_NUMBER_OF(irps); i++) {
            NT_EXPECT_TRUE(irps[i].Irp != 0 && irps[i].Where <= IopIrpDrivers);
        }
        CompleteOne();
        SimSchedulingPoint();
    }
    NT_FOR_EACH (thread, threads) {
        IoTestJoin(thread);
    }
    NT_EXPECT_EQ(IopCollectIrps(NULL, 0), 0);
    IoTestClose(handle);
    IoDeleteDevice(IoTestDevice);
}
