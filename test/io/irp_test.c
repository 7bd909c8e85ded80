/* SPDX-License-Identifier: MIT
 *
 * irp_test.c - IRPs by themselves: allocation, sending, the completion walk, what it forbids
 */
#include "io_test.h"

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

#define LEVELS 3

/* A stack of three devices; each level's completion routine is described here. */
typedef struct IRP_LEVEL {
    PDEVICE_OBJECT Device;
    PDEVICE_OBJECT Below;
    UCHAR Control;     /* SL_INVOKE_ON_* with which it passes on; 0: IoSkip */
    BOOLEAN Keep;      /* STATUS_MORE_PROCESSING_REQUIRED */
    BOOLEAN Propagate; /* IoMarkIrpPending in the routine */
    ULONG Calls;
    BOOLEAN SawPending;
    NTSTATUS SawStatus;
} IRP_LEVEL;

static IRP_LEVEL Levels[LEVELS]; /* [0] is the lowest */
static NTSTATUS LowestStatus;
static BOOLEAN LowestPends;
static PIRP Pended;
static ULONG Order[8];
static ULONG OrderCount;
static PDEVICE_OBJECT TopRoutineDevice;
static ULONG TopCalls;

static NTSTATUS NTAPI
LevelCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    IRP_LEVEL *level = Context;

    NT_EXPECT_EQ(DeviceObject, level->Device);
    ++level->Calls;
    level->SawPending = Irp->PendingReturned;
    level->SawStatus = Irp->IoStatus.Status;
    Order[OrderCount++] = (ULONG)(level - Levels);
    if (level->Keep) {
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    if (Irp->PendingReturned && level->Propagate) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS NTAPI
LevelDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IRP_LEVEL *level = &Levels[0];

    while (level->Device != DeviceObject) {
        ++level;
    }
    if (level == &Levels[0]) {
        if (LowestPends) {
            IoMarkIrpPending(Irp);
            __atomic_store_n(&Pended, Irp, __ATOMIC_RELEASE);
            return STATUS_PENDING;
        }
        return IoTestComplete(Irp, LowestStatus, 7);
    }
    if (level->Control == 0) {
        IoSkipCurrentIrpStackLocation(Irp);
    } else {
        IoCopyCurrentIrpStackLocationToNext(Irp);
        IoSetCompletionRoutine(Irp, LevelCompletion, level,
                               (level->Control & SL_INVOKE_ON_SUCCESS) != 0,
                               (level->Control & SL_INVOKE_ON_ERROR) != 0,
                               (level->Control & SL_INVOKE_ON_CANCEL) != 0);
    }
    return IoCallDriver(level->Below, Irp);
}

static VOID
BuildStack(VOID)
{
    ULONG i;

    for (i = 0; i < LEVELS; ++i) {
        Levels[i].Device = IoTestAddDevice(NULL, 0, 0);
        Levels[i].Propagate = TRUE;
        if (i > 0) {
            Levels[i].Below = IoAttachDeviceToDeviceStack(Levels[i].Device, Levels[i - 1].Device);
            NT_EXPECT_EQ(Levels[i].Below, Levels[i - 1].Device);
        }
    }
    NT_EXPECT_EQ(Levels[2].Device->StackSize, 3);
    IoTestDriver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = LevelDispatch;
}

static VOID
RemoveStack(VOID)
{
    ULONG i;

    for (i = LEVELS - 1; i > 0; --i) {
        IoDetachDevice(Levels[i].Below);
        IoDeleteDevice(Levels[i].Device);
    }
    IoDeleteDevice(Levels[0].Device);
}

/* The creator's routine keeps the IRP. */
static NTSTATUS NTAPI
KeepAtTop(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    (void)Irp;
    ++TopCalls;
    TopRoutineDevice = DeviceObject;
    if (Context != NULL) {
        KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP
MakeIrp(VOID)
{
    PIRP irp = IoAllocateIrp(Levels[2].Device->StackSize, FALSE);

    NT_EXPECT_NE(irp, NULL);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    IoSetCompletionRoutine(irp, KeepAtTop, NULL, TRUE, TRUE, TRUE);
    return irp;
}

NT_TEST(Irp, AllocatedIrpIsSetUp)
{
    PIRP irp = IoAllocateIrp(3, FALSE);

    NT_EXPECT_NE(irp, NULL);
    NT_EXPECT_EQ(irp->Type, IO_TYPE_IRP);
    NT_EXPECT_EQ(irp->Size, IoSizeOfIrp(3));
    NT_EXPECT_EQ(irp->StackCount, 3);
    NT_EXPECT_EQ(irp->CurrentLocation, 4);
    NT_EXPECT_EQ(irp->Tail.Overlay.CurrentStackLocation, (PIO_STACK_LOCATION)(irp + 1) + 3);
    NT_EXPECT_EQ(IopIrpsInUse(), 1);
    IoFreeIrp(irp);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    NT_EXPECT_EQ(IoAllocateIrp(0, FALSE), NULL);
    NT_EXPECT_EQ(IoAllocateIrp(-1, FALSE), NULL);
}

NT_TEST(Irp, DeepStacksAreNotCached)
{
    PIRP irp = IoAllocateIrp(20, FALSE);
    PIO_STACK_LOCATION lowest;

    NT_EXPECT_NE(irp, NULL);
    lowest = (PIO_STACK_LOCATION)(irp + 1);
    memset(lowest, 0x5A, 20 * sizeof(*lowest));
    IoFreeIrp(irp);
    irp = IoAllocateIrp(4, FALSE);
    IoFreeIrp(irp);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
}

NT_TEST(Irp, ReuseKeepsSizeAndSetsStatus)
{
    PIRP irp = IoAllocateIrp(2, FALSE);

    irp->IoStatus.Information = 5;
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_READ;
    IoReuseIrp(irp, STATUS_UNSUCCESSFUL);
    NT_EXPECT_STATUS(irp->IoStatus.Status, STATUS_UNSUCCESSFUL);
    NT_EXPECT_EQ(irp->IoStatus.Information, 0);
    NT_EXPECT_EQ(irp->StackCount, 2);
    NT_EXPECT_EQ(IoGetNextIrpStackLocation(irp)->MajorFunction, IRP_MJ_CREATE);
    IoFreeIrp(irp);
}

NT_TEST(Irp, OwnMemoryCanBeAnIrp)
{
    UCHAR memory[sizeof(IRP) + 3 * sizeof(IO_STACK_LOCATION)] __attribute__((aligned(16)));
    PIRP irp = (PIRP)memory;

    memset(memory, 0xCC, sizeof(memory));
    BuildStack();
    IoInitializeIrp(irp, sizeof(memory), 3);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    IoSetCompletionRoutine(irp, KeepAtTop, NULL, TRUE, TRUE, TRUE);
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_SUCCESS);
    NT_EXPECT_EQ(TopCalls, 1);
    NT_EXPECT_EQ(irp->IoStatus.Information, 7);
    RemoveStack();
}

NT_TEST(Irp, RoutinesAreCalledFromBelowUp)
{
    PIRP irp;

    BuildStack();
    Levels[1].Control = SL_INVOKE_ON_SUCCESS;
    Levels[2].Control = SL_INVOKE_ON_SUCCESS;
    irp = MakeIrp();
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_SUCCESS);
    NT_EXPECT_EQ(OrderCount, 2);
    NT_EXPECT_EQ(Order[0], 1);
    NT_EXPECT_EQ(Order[1], 2);
    NT_EXPECT_EQ(TopCalls, 1);
    NT_EXPECT_EQ(TopRoutineDevice, NULL);
    NT_EXPECT_FALSE(Levels[2].SawPending);
    IoFreeIrp(irp);
    RemoveStack();
}

/* Which routines run is a question of status, of cancellation, and of what was asked for. */
NT_TEST(Irp, InvokeFlagsDecide)
{
    static const struct {
        UCHAR Control;
        NTSTATUS Status;
        BOOLEAN Cancel;
        ULONG Calls;
    } rows[] = {
        {SL_INVOKE_ON_SUCCESS, STATUS_SUCCESS, FALSE, 1},
        {SL_INVOKE_ON_SUCCESS, STATUS_UNSUCCESSFUL, FALSE, 0},
        {SL_INVOKE_ON_SUCCESS, STATUS_BUFFER_OVERFLOW, FALSE, 0}, /* a warning is no success */
        {SL_INVOKE_ON_ERROR, STATUS_BUFFER_OVERFLOW, FALSE, 1},
        {SL_INVOKE_ON_ERROR, STATUS_UNSUCCESSFUL, FALSE, 1},
        {SL_INVOKE_ON_ERROR, STATUS_SUCCESS, FALSE, 0},
        {SL_INVOKE_ON_CANCEL, STATUS_SUCCESS, FALSE, 0},
        {SL_INVOKE_ON_CANCEL, STATUS_SUCCESS, TRUE, 1},
        {SL_INVOKE_ON_CANCEL, STATUS_CANCELLED, TRUE, 1},
        {SL_INVOKE_ON_ERROR, STATUS_SUCCESS, TRUE, 0},
    };

    BuildStack();
    Levels[2].Control = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;
    NT_FOR_EACH (row, rows) {
        PIRP irp = MakeIrp();

        OrderCount = 0;
        Levels[1].Control = row->Control;
        Levels[1].Calls = 0;
        Levels[2].Calls = 0;
        LowestStatus = row->Status;
        irp->Cancel = row->Cancel;
        NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), row->Status);
        NT_EXPECT_EQ(Levels[1].Calls, row->Calls);
        NT_EXPECT_EQ(Levels[2].Calls, 1);
        NT_EXPECT_STATUS(Levels[2].SawStatus, row->Status);
        IoFreeIrp(irp);
    }
    RemoveStack();
}

/* The pending bit reaches each level, with a routine that propagates it, or without a routine. */
NT_TEST(Irp, PendingBitPropagates)
{
    static const UCHAR controls[] = {SL_INVOKE_ON_SUCCESS, SL_INVOKE_ON_ERROR /* not called */};

    BuildStack();
    Levels[2].Control = SL_INVOKE_ON_SUCCESS;
    LowestPends = TRUE;
    NT_FOR_EACH (control, controls) {
        PIRP irp = MakeIrp();

        OrderCount = 0;
        Levels[1].Control = *control;
        Levels[2].SawPending = FALSE;
        NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_PENDING);
        NT_EXPECT_EQ(TopCalls, 0);
        IoTestComplete(Pended, STATUS_SUCCESS, 0);
        NT_EXPECT_TRUE(Levels[2].SawPending);
        NT_EXPECT_EQ(TopCalls, 1);
        NT_EXPECT_TRUE(irp->PendingReturned);
        TopCalls = 0;
        IoFreeIrp(irp);
    }
    RemoveStack();
}

NT_TEST(Irp, SkippedLevelSharesItsLocation)
{
    PIRP irp;

    BuildStack();
    Levels[1].Control = 0;
    Levels[2].Control = SL_INVOKE_ON_SUCCESS;
    LowestPends = TRUE;
    irp = MakeIrp();
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_PENDING);
    IoTestComplete(Pended, STATUS_SUCCESS, 0);
    NT_EXPECT_TRUE(Levels[2].SawPending);
    IoFreeIrp(irp);
    RemoveStack();
}

/* A routine that keeps the IRP stops the walk; completing it again goes on above. */
NT_TEST(Irp, KeptIrpResumesAbove)
{
    PIRP irp;

    BuildStack();
    Levels[1].Control = SL_INVOKE_ON_SUCCESS;
    Levels[1].Keep = TRUE;
    Levels[2].Control = SL_INVOKE_ON_SUCCESS;
    LowestPends = TRUE;
    irp = MakeIrp();
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_PENDING);
    IoTestComplete(Pended, STATUS_SUCCESS, 0);
    NT_EXPECT_EQ(Levels[1].Calls, 1);
    NT_EXPECT_EQ(Levels[2].Calls, 0);
    IoMarkIrpPending(irp);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    NT_EXPECT_EQ(Levels[1].Calls, 1);
    NT_EXPECT_EQ(Levels[2].Calls, 1);
    NT_EXPECT_TRUE(Levels[2].SawPending);
    NT_EXPECT_EQ(TopCalls, 1);
    IoFreeIrp(irp);
    RemoveStack();
}

NT_TEST(Irp, KeptIrpCanBeSentAgain)
{
    PIRP irp;
    ULONG i;

    BuildStack();
    Levels[2].Control = SL_INVOKE_ON_SUCCESS;
    irp = MakeIrp();
    for (i = 0; i < 3; ++i) {
        OrderCount = 0;
        NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_SUCCESS);
        IoReuseIrp(irp, STATUS_SUCCESS);
        IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
        IoSetCompletionRoutine(irp, KeepAtTop, NULL, TRUE, TRUE, TRUE);
    }
    NT_EXPECT_EQ(TopCalls, 3);
    IoFreeIrp(irp);
    RemoveStack();
}

NT_TEST(Irp, ForwardSynchronouslyWaits)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    /* As a dispatch routine has it: one location in use. */
    IoSetNextIrpStackLocation(irp);
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    LowestStatus = STATUS_DEVICE_BUSY;
    NT_EXPECT_TRUE(IoForwardIrpSynchronously(Levels[1].Device, irp));
    NT_EXPECT_STATUS(irp->IoStatus.Status, STATUS_DEVICE_BUSY);
    IoFreeIrp(irp);
    RemoveStack();
}

static BOOLEAN Forwarded; /* atomic: IoForwardIrpSynchronously has returned */

static VOID NTAPI
ForwardIrp(PVOID Context)
{
    NT_EXPECT_TRUE(IoForwardIrpSynchronously(Levels[1].Device, Context));
    __atomic_store_n(&Forwarded, TRUE, __ATOMIC_RELEASE);
}

/* The driver below pends: the call returns behind the completion, with the IRP still the caller's.
 */
NT_TEST_SEEDS(Irp, ForwardSynchronouslyWaitsForAPendedIrp, 20)
{
    HANDLE thread;
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    IoSetNextIrpStackLocation(irp);
    IoGetCurrentIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    LowestPends = TRUE;
    Pended = NULL;
    Forwarded = FALSE;
    NT_EXPECT_STATUS(
        PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, ForwardIrp, irp),
        STATUS_SUCCESS);
    while (__atomic_load_n(&Pended, __ATOMIC_ACQUIRE) == NULL) {
        HalpYield();
    }
    for (ULONG i = 0; i < 50; ++i) {
        HalpYield();
    }
    NT_EXPECT_FALSE(__atomic_load_n(&Forwarded, __ATOMIC_ACQUIRE));
    IoTestComplete(Pended, STATUS_DEVICE_BUSY, 3);
    NT_EXPECT_STATUS(ZwWaitForSingleObject(thread, FALSE, NULL), STATUS_SUCCESS);
    ZwClose(thread);
    NT_EXPECT_TRUE(Forwarded);
    NT_EXPECT_STATUS(irp->IoStatus.Status, STATUS_DEVICE_BUSY);
    NT_EXPECT_EQ(irp->IoStatus.Information, 3);
    NT_EXPECT_EQ(TopCalls, 0);
    IoFreeIrp(irp);
    RemoveStack();
}

NT_TEST(Irp, CompletionRoutineExPinsItsDevice)
{
    PDEVICE_OBJECT pinned = IoTestAddDevice(NULL, 0, 0);
    LONG before = ObpPointerCount(pinned);
    PIRP irp;

    BuildStack();
    LowestPends = TRUE;
    irp = MakeIrp();
    NT_EXPECT_STATUS(IoSetCompletionRoutineEx(pinned, irp, KeepAtTop, NULL, TRUE, TRUE, TRUE),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpPointerCount(pinned), before + 1);
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_PENDING);
    IoTestComplete(Pended, STATUS_SUCCESS, 0);
    NT_EXPECT_EQ(TopCalls, 1);
    NT_EXPECT_EQ(ObpPointerCount(pinned), before);
    IoFreeIrp(irp);
    IoDeleteDevice(pinned);
    RemoveStack();
}

/* The last associated IRP completes the master. */
NT_TEST(Irp, AssociatedIrpsCompleteTheirMaster)
{
    PIRP master;
    PIRP part[2];
    ULONG i;

    BuildStack();
    LowestPends = TRUE;
    master = MakeIrp();
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, master), STATUS_PENDING);
    NT_EXPECT_EQ(Pended, master);
    master->AssociatedIrp.IrpCount = 2;
    master->IoStatus.Status = STATUS_SUCCESS;
    for (i = 0; i < 2; ++i) {
        part[i] = IoMakeAssociatedIrp(master, 3);
        NT_EXPECT_TRUE((part[i]->Flags & IRP_ASSOCIATED_IRP) != 0);
        IoGetNextIrpStackLocation(part[i])->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
        NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, part[i]), STATUS_PENDING);
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 3);
    IoTestComplete(part[0], STATUS_SUCCESS, 0);
    NT_EXPECT_EQ(TopCalls, 0);
    IoTestComplete(part[1], STATUS_SUCCESS, 0);
    NT_EXPECT_EQ(TopCalls, 1);
    NT_EXPECT_EQ(IopIrpsInUse(), 1);
    IoFreeIrp(master);
    RemoveStack();
}

/* ---- threaded IRPs ---- */

NT_TEST(Irp, BuiltControlRequestCopiesBackAndSignals)
{
    KEVENT event;
    IO_STATUS_BLOCK iosb;
    UCHAR out[16];
    PIRP irp;

    BuildStack();
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    memset(out, 0xEE, sizeof(out));
    irp = IoBuildDeviceIoControlRequest(CTL_CODE(0x22, 0x800, METHOD_BUFFERED, 0), Levels[2].Device,
                                        "abcdefg", 8, out, sizeof(out), TRUE, &event, &iosb);
    NT_EXPECT_NE(irp, NULL);
    NT_EXPECT_FALSE(IsListEmpty(&PsGetCurrentThread()->IrpList));
    LowestPends = TRUE;
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_PENDING);
    NT_EXPECT_EQ(KeReadStateEvent(&event), 0);
    IoTestComplete(Pended, STATUS_SUCCESS, 8);
    NT_EXPECT_NE(KeReadStateEvent(&event), 0);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, 8);
    NT_EXPECT_EQ(memcmp(out, "abcdefg\0\xEE", 9), 0);
    NT_EXPECT_TRUE(IsListEmpty(&PsGetCurrentThread()->IrpList));
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    RemoveStack();
}

/* NT's rule: a failure that was not pended is told by the return value alone. */
NT_TEST(Irp, BuiltRequestThatFailsAtOnceLeavesStatusBlockAlone)
{
    KEVENT event;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};

    BuildStack();
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    LowestStatus = STATUS_DEVICE_NOT_READY;
    NT_EXPECT_STATUS(
        IoCallDriver(Levels[2].Device, IoBuildDeviceIoControlRequest(0, Levels[2].Device, NULL, 0,
                                                                     NULL, 0, TRUE, &event, &iosb)),
        STATUS_DEVICE_NOT_READY);
    NT_EXPECT_STATUS(iosb.Status, STATUS_WAIT_1);
    NT_EXPECT_EQ(KeReadStateEvent(&event), 0);
    RemoveStack();
}

NT_TEST(Irp, BuiltReadUsesTheDevicesMethod)
{
    static const ULONG flags[] = {DO_BUFFERED_IO, DO_DIRECT_IO, 0};
    UCHAR *buffer = ExAllocatePoolWithTag(NonPagedPool, 64, 1);

    BuildStack();
    NT_FOR_EACH (flag, flags) {
        KEVENT event;
        IO_STATUS_BLOCK iosb;
        LARGE_INTEGER offset = {.QuadPart = 3};
        PIRP irp;

        Levels[2].Device->Flags =
            (Levels[2].Device->Flags & ~(ULONG)(DO_BUFFERED_IO | DO_DIRECT_IO)) | *flag;
        irp = IoBuildSynchronousFsdRequest(IRP_MJ_READ, Levels[2].Device, buffer, 64, &offset,
                                           &event, &iosb);
        NT_EXPECT_NE(irp, NULL);
        NT_EXPECT_EQ(irp->AssociatedIrp.SystemBuffer != NULL, *flag == DO_BUFFERED_IO);
        NT_EXPECT_EQ(irp->MdlAddress != NULL, *flag == DO_DIRECT_IO);
        NT_EXPECT_EQ(irp->UserBuffer, buffer);
        NT_EXPECT_EQ(IoGetNextIrpStackLocation(irp)->Parameters.Read.Length, 64);
        NT_EXPECT_EQ(IoGetNextIrpStackLocation(irp)->Parameters.Read.ByteOffset.QuadPart, 3);
        NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_INVALID_DEVICE_REQUEST);
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
    ExFreePoolWithTag(buffer, 1);
    RemoveStack();
}

/* ---- built requests that move data ---- */

static ULONG TransferMajor;

/* The transfer's memory of a read or write, as the device's method has it. */
static PUCHAR
TransferBuffer(PIRP Irp)
{
    if (Irp->MdlAddress != NULL) {
        return MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    }
    return Irp->AssociatedIrp.SystemBuffer != NULL ? Irp->AssociatedIrp.SystemBuffer
                                                   : Irp->UserBuffer;
}

/* A read gives byte i its number; a write is judged by that. */
static NTSTATUS NTAPI
TransferData(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PUCHAR buffer = TransferBuffer(Irp);
    ULONG length = 0;

    TransferMajor = location->MajorFunction;
    if (location->MajorFunction == IRP_MJ_READ) {
        length = location->Parameters.Read.Length;
        for (ULONG i = 0; i < length; ++i) {
            buffer[i] = (UCHAR)i;
        }
    } else if (location->MajorFunction == IRP_MJ_WRITE) {
        length = location->Parameters.Write.Length;
        for (ULONG i = 0; i < length; ++i) {
            NT_EXPECT_EQ(buffer[i], (UCHAR)(i + 1));
        }
    }
    return IoTestComplete(Irp, STATUS_SUCCESS, length);
}

static VOID
SendBuilt(PDEVICE_OBJECT Target, ULONG Major, PUCHAR Buffer, ULONG Length)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};
    KEVENT event;
    PIRP irp;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildSynchronousFsdRequest(Major, Target, Buffer, Length, Length != 0 ? &offset : NULL,
                                       &event, &iosb);
    NT_EXPECT_NE(irp, NULL);
    NT_EXPECT_STATUS(IoCallDriver(Target, irp), STATUS_SUCCESS);
    NT_EXPECT_NE(KeReadStateEvent(&event), 0);
    NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
    NT_EXPECT_EQ(iosb.Information, Length);
    NT_EXPECT_EQ(TransferMajor, Major);
}

NT_TEST(Irp, BuiltReadsWritesAndFlushesMoveTheirData)
{
    static const ULONG flags[] = {DO_BUFFERED_IO, DO_DIRECT_IO, 0};
    PUCHAR buffer = ExAllocatePoolWithTag(NonPagedPool, 64, 1);

    NT_FOR_EACH (flag, flags) {
        PDEVICE_OBJECT target = IoTestAddDevice(NULL, *flag, 0);

        target->Flags = (target->Flags & ~(ULONG)(DO_BUFFERED_IO | DO_DIRECT_IO)) | *flag;
        IoTestDriver->MajorFunction[IRP_MJ_READ] = TransferData;
        IoTestDriver->MajorFunction[IRP_MJ_WRITE] = TransferData;
        IoTestDriver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = TransferData;
        IoTestDriver->MajorFunction[IRP_MJ_SHUTDOWN] = TransferData;
        memset(buffer, 0xEE, 64);
        SendBuilt(target, IRP_MJ_READ, buffer, 60);
        for (ULONG i = 0; i < 64; ++i) {
            NT_EXPECT_EQ(buffer[i], i < 60 ? i : 0xEE);
        }
        for (ULONG i = 0; i < 64; ++i) {
            buffer[i] = (UCHAR)(i + 1);
        }
        SendBuilt(target, IRP_MJ_WRITE, buffer, 64);
        SendBuilt(target, IRP_MJ_FLUSH_BUFFERS, NULL, 0);
        SendBuilt(target, IRP_MJ_SHUTDOWN, NULL, 0);
        IoDeleteDevice(target);
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
    ExFreePoolWithTag(buffer, 1);
}

/* Input "in": expected where the method puts it. Output "out" where the method has it. */
static NTSTATUS NTAPI
TransferControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    ULONG method = location->Parameters.DeviceIoControl.IoControlCode & 3;
    PUCHAR in = Irp->AssociatedIrp.SystemBuffer;
    PUCHAR out = NULL;

    if (method == METHOD_NEITHER) {
        NT_EXPECT_EQ(Irp->AssociatedIrp.SystemBuffer, NULL);
        NT_EXPECT_EQ(Irp->MdlAddress, NULL);
        in = location->Parameters.DeviceIoControl.Type3InputBuffer;
        out = Irp->UserBuffer;
    } else {
        NT_EXPECT_NE(Irp->MdlAddress, NULL);
        NT_EXPECT_EQ(MmGetMdlByteCount(Irp->MdlAddress), 16);
        out = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    }
    NT_EXPECT_EQ(location->Parameters.DeviceIoControl.InputBufferLength, 3);
    NT_EXPECT_EQ(location->Parameters.DeviceIoControl.OutputBufferLength, 16);
    NT_EXPECT_EQ(memcmp(in, "in", 3), 0);
    if (method == METHOD_IN_DIRECT) {
        NT_EXPECT_EQ(out[0], 0xEE); /* the second buffer is read here */
        return IoTestComplete(Irp, STATUS_SUCCESS, 0);
    }
    memcpy(out, "out", 4);
    return IoTestComplete(Irp, STATUS_SUCCESS, 4);
}

NT_TEST(Irp, BuiltControlRequestsHaveTheirBuffersWhereTheMethodSays)
{
    static const ULONG methods[] = {METHOD_IN_DIRECT, METHOD_OUT_DIRECT, METHOD_NEITHER};
    PUCHAR buffer = ExAllocatePoolWithTag(NonPagedPool, 64, 1);
    PDEVICE_OBJECT target = IoTestAddDevice(NULL, 0, 0);

    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = TransferControl;
    NT_FOR_EACH (method, methods) {
        IO_STATUS_BLOCK iosb = {.Status = STATUS_WAIT_1};
        KEVENT event;
        PIRP irp;

        KeInitializeEvent(&event, NotificationEvent, FALSE);
        memcpy(buffer, "in", 3);
        memset(buffer + 16, 0xEE, 16);
        irp = IoBuildDeviceIoControlRequest(CTL_CODE(0x22, 0x801, *method, 0), target, buffer, 3,
                                            buffer + 16, 16, FALSE, &event, &iosb);
        NT_EXPECT_NE(irp, NULL);
        NT_EXPECT_STATUS(IoCallDriver(target, irp), STATUS_SUCCESS);
        NT_EXPECT_NE(KeReadStateEvent(&event), 0);
        NT_EXPECT_STATUS(iosb.Status, STATUS_SUCCESS);
        NT_EXPECT_EQ(iosb.Information, *method == METHOD_IN_DIRECT ? 0 : 4);
        NT_EXPECT_EQ(memcmp(buffer + 16, *method == METHOD_IN_DIRECT ? "\xEE\xEE\xEE" : "out", 3),
                     0);
        NT_EXPECT_EQ(buffer[20], 0xEE);
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    NT_EXPECT_EQ(MiLockedMdlCount(), 0);
    IoDeleteDevice(target);
    ExFreePoolWithTag(buffer, 1);
}

NT_TEST(Irp, AsynchronousFsdRequestIsTheCallers)
{
    UCHAR *buffer = ExAllocatePoolWithTag(NonPagedPool, 64, 1);
    PIRP irp;

    BuildStack();
    Levels[2].Device->Flags |= DO_BUFFERED_IO;
    IoTestDriver->MajorFunction[IRP_MJ_WRITE] = LevelDispatch;
    irp = IoBuildAsynchronousFsdRequest(IRP_MJ_WRITE, Levels[2].Device, buffer, 64, NULL, NULL);
    NT_EXPECT_NE(irp, NULL);
    IoSetCompletionRoutine(irp, KeepAtTop, NULL, TRUE, TRUE, TRUE);
    NT_EXPECT_STATUS(IoCallDriver(Levels[2].Device, irp), STATUS_SUCCESS);
    NT_EXPECT_EQ(TopCalls, 1);
    NT_EXPECT_TRUE((irp->Flags & IRP_DEALLOCATE_BUFFER) != 0);
    ExFreePool(irp->AssociatedIrp.SystemBuffer);
    IoFreeIrp(irp);
    ExFreePoolWithTag(buffer, 1);
    RemoveStack();
}

/* ---- what is forbidden ---- */

/* Passes on without giving the device below what it needs. */
static NTSTATUS NTAPI
ForwardBlindly(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    return IoCallDriver(DeviceObject == Levels[2].Device ? Levels[1].Device : Levels[0].Device,
                        Irp);
}

NT_TEST(IrpBugCheck, NoStackLocationLeft)
{
    PIRP irp;

    BuildStack();
    IoTestDriver->MajorFunction[IRP_MJ_CREATE] = ForwardBlindly;
    IoTestDriver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = ForwardBlindly;
    irp = IoAllocateIrp(2, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    NT_EXPECT_BUGCHECK(NO_MORE_IRP_STACK_LOCATIONS, IoCallDriver(Levels[2].Device, irp));
    NT_EXPECT_EQ(KiBugCheckParameters[0], irp);
}

NT_TEST(IrpBugCheck, CompletedTwice)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    IoCallDriver(Levels[2].Device, irp);
    IoFreeIrp(irp);
    NT_EXPECT_BUGCHECK(MULTIPLE_IRP_COMPLETE_REQUESTS, IoTestComplete(irp, STATUS_SUCCESS, 0));
    /* The report tells who completed it first. */
    NT_EXPECT_CONTAINS(SimTakeLog(), "completed with 0x00000000");
}

NT_TEST(IrpBugCheck, CompletedTwiceWhileKept)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    IoCallDriver(Levels[2].Device, irp);
    irp->CurrentLocation = 5;
    NT_EXPECT_BUGCHECK(MULTIPLE_IRP_COMPLETE_REQUESTS, IoTestComplete(irp, STATUS_SUCCESS, 0));
}

#define EXPECT_C9(sub, ...)                           \
    do {                                              \
        NT_EXPECT_BUGCHECK(0xC9, __VA_ARGS__);        \
        NT_EXPECT_EQ(KiBugCheckParameters[0], (sub)); \
    } while (0)

NT_TEST(IrpBugCheck, CompletedWithPending)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    LowestPends = TRUE;
    IoCallDriver(Levels[2].Device, irp);
    EXPECT_C9(0x06, IoTestComplete(irp, STATUS_PENDING, 0));
}

static VOID NTAPI
NeverCalledCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    (void)Irp;
    NT_FAIL("a cancel routine ran");
}

NT_TEST(IrpBugCheck, CompletedWithCancelRoutine)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    LowestPends = TRUE;
    IoCallDriver(Levels[2].Device, irp);
    IoSetCancelRoutine(irp, NeverCalledCancel);
    EXPECT_C9(0x07, IoTestComplete(irp, STATUS_SUCCESS, 0));
}

NT_TEST(IrpBugCheck, ForwardedWithCancelRoutine)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    IoSetCancelRoutine(irp, NeverCalledCancel);
    EXPECT_C9(0x203, IoCallDriver(Levels[2].Device, irp));
}

NT_TEST(IrpBugCheck, NeverSent)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    EXPECT_C9(0x239, IoTestComplete(irp, STATUS_SUCCESS, 0));
}

NT_TEST(IrpBugCheck, PendingNotPropagated)
{
    PIRP irp;

    BuildStack();
    Levels[2].Control = SL_INVOKE_ON_SUCCESS;
    Levels[1].Control = SL_INVOKE_ON_SUCCESS;
    Levels[1].Propagate = FALSE;
    LowestPends = TRUE;
    irp = MakeIrp();
    IoCallDriver(Levels[2].Device, irp);
    EXPECT_C9(0x228, IoTestComplete(Pended, STATUS_SUCCESS, 0));
}

NT_TEST(IrpBugCheck, NobodyKeepsIt)
{
    PIRP irp;

    BuildStack();
    irp = IoAllocateIrp(3, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    EXPECT_C9(0x80000001, IoCallDriver(Levels[2].Device, irp));
}

NT_TEST(IrpBugCheck, FreedWhileSent)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    LowestPends = TRUE;
    IoCallDriver(Levels[2].Device, irp);
    EXPECT_C9(0x20A, IoFreeIrp(irp));
}

NT_TEST(IrpBugCheck, FreedTwice)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    IoFreeIrp(irp);
    EXPECT_C9(0x01, IoFreeIrp(irp));
}

NT_TEST(IrpBugCheck, FreedThoughThreaded)
{
    KEVENT event;
    IO_STATUS_BLOCK iosb;
    PIRP irp;

    BuildStack();
    irp = IoBuildDeviceIoControlRequest(0, Levels[2].Device, NULL, 0, NULL, 0, TRUE, &event, &iosb);
    EXPECT_C9(0x02, IoFreeIrp(irp));
}

NT_TEST(IrpBugCheck, ReusedWhileSent)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    LowestPends = TRUE;
    IoCallDriver(Levels[2].Device, irp);
    EXPECT_C9(0x310, IoReuseIrp(irp, STATUS_SUCCESS));
}

NT_TEST(IrpBugCheck, InitializedThoughAllocated)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    EXPECT_C9(0x20D, IoInitializeIrp(irp, IoSizeOfIrp(1), 1));
}

NT_TEST(IrpBugCheck, NotAnIrp)
{
    IRP garbage = {.Type = 77};

    BuildStack();
    EXPECT_C9(0x03, IoCallDriver(Levels[2].Device, &garbage));
}

NT_TEST(IrpBugCheck, NoDevice)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    EXPECT_C9(0x204, IoCallDriver(NULL, irp));
}

static NTSTATUS NTAPI
RaiseAndForget(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KIRQL irql;

    (void)DeviceObject;
    KeRaiseIrql(APC_LEVEL, &irql);
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

NT_TEST(IrpBugCheck, DispatchChangesIrql)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    IoTestDriver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = RaiseAndForget;
    EXPECT_C9(0x05, IoCallDriver(Levels[2].Device, irp));
}

static NTSTATUS NTAPI
EnterAndForget(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    KeEnterCriticalRegion();
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

NT_TEST(IrpBugCheck, DispatchLeavesCriticalRegionOpen)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    IoTestDriver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = EnterAndForget;
    NT_EXPECT_BUGCHECK(0xC4, IoCallDriver(Levels[2].Device, irp));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 0xC5);
}

static NTSTATUS NTAPI
FreeAndContinue(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    (void)DeviceObject;
    (void)Context;
    IoFreeIrp(Irp);
    return STATUS_SUCCESS;
}

NT_TEST(IrpBugCheck, RoutineFreesAndContinues)
{
    PIRP irp;

    BuildStack();
    irp = MakeIrp();
    IoSetCompletionRoutine(irp, FreeAndContinue, NULL, TRUE, TRUE, TRUE);
    EXPECT_C9(0x20A, IoCallDriver(Levels[2].Device, irp));
}

/* The report's line tells the whole way of an IRP. */
NT_TEST(Irp, DescribeTellsHistory)
{
    char text[1024];
    PIRP irp;

    BuildStack();
    LowestPends = TRUE;
    irp = MakeIrp();
    IoCallDriver(Levels[2].Device, irp);
    IopDescribeIrp(irp, text, sizeof(text));
    NT_EXPECT_CONTAINS(text, "with a driver");
    NT_EXPECT_CONTAINS(text, "allocated");
    NT_EXPECT_CONTAINS(text, "IRP_MJ_INTERNAL_DEVICE_CONTROL");
    IopDescribeIrp((PIRP)(ULONG_PTR)0x1000, text, sizeof(text));
    NT_EXPECT_STR(text, "");
    IopDescribeIrp(irp, text, 10);
    NT_EXPECT_EQ(strlen(text), 9);
    IoTestComplete(Pended, STATUS_SUCCESS, 0);
    IoFreeIrp(irp);
    RemoveStack();
}
