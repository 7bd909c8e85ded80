/* SPDX-License-Identifier: MIT
 *
 * gate_test.c - the system-call gate: modes, frames, foreign threads, bad returns
 */
#include "ps/psp.h"
#include "kernel_test.h"
#include "ntbox/eh.h"

void
NtTestSetUp(void)
{
    KernelTestStart();
}

void
NtTestTearDown(void)
{
    InitpStopSystem();
}

#define CALL(name) InitpSystemCalls.name

NT_TEST(Gate, TableIsCompleteAndVersioned)
{
    NT_EXPECT_EQ(InitpSystemCalls.Version, NTBOX_GATE_VERSION);
    NT_EXPECT_EQ(InitpSystemCalls.Size, sizeof(InitpSystemCalls));
#define X(name, parameters, arguments) NT_EXPECT_TRUE(InitpSystemCalls.name != NULL);
    NTBOX_SYSTEM_SERVICES(X)
#undef X
}

NT_TEST(Gate, ServicesRunInUserModeAndTheThreadIsAsBefore)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    KPROCESSOR_MODE before = thread->Tcb.PreviousMode;
    LARGE_INTEGER time = {.QuadPart = 0};
    int frame;
    void *frames = NtcrtExchangeFrames(&frame);

    NT_EXPECT_STATUS(CALL(NtQuerySystemTime)(&time), STATUS_SUCCESS);
    NT_EXPECT_EQ(time.QuadPart, (LONGLONG)HalpSystemTime());
    /* An address of the kernel is refused, because the call comes from user mode. */
    NT_EXPECT_STATUS(CALL(NtQuerySystemTime)((PLARGE_INTEGER)ExpKernelBase),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(thread->Tcb.PreviousMode, before);
    NT_EXPECT_EQ(thread->InSystemCall, 0);
    NT_EXPECT_EQ(NtcrtExchangeFrames(frames), &frame);
}

NT_TEST(Gate, HandlesAreTheClients)
{
    HANDLE handle;

    NT_EXPECT_STATUS(CALL(NtClose)(ULongToHandle(0x1234)), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(CALL(NtCreateEvent)(&handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(PspClientProcess->HandleTable), 1);
    NT_EXPECT_STATUS(CALL(NtSetEvent)(handle, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtWaitForSingleObject)(handle, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtClose)(handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(ObpHandlesInUse(PspClientProcess->HandleTable), 0);
}

/* What changes the machine for everybody is for those who may. */
NT_TEST(Gate, UsersNeitherLoadDriversNorWriteKeys)
{
    static const SEP_IDENTITY user = {.Uid = 1000, .Gid = 1000};
    UNICODE_STRING service = RTL_CONSTANT_STRING(
        L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\NoSuchDriver");
    UNICODE_STRING services =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services");
    OBJECT_ATTRIBUTES attributes;
    PACCESS_TOKEN token;
    ULONG disposition = 0;
    HANDLE key;

    NT_EXPECT_STATUS(CALL(NtLoadDriver)(&service), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(SepCreateToken(&user, &token), STATUS_SUCCESS);
    SepAssignProcessToken(PspClientProcess, token);
    ObDereferenceObject(token);
    NT_EXPECT_STATUS(CALL(NtLoadDriver)(&service), STATUS_PRIVILEGE_NOT_HELD);
    NT_EXPECT_STATUS(CALL(NtUnloadDriver)(&service), STATUS_PRIVILEGE_NOT_HELD);
    NT_EXPECT_STATUS(CALL(NtboxLoadDriver)("/no/such.so"), STATUS_PRIVILEGE_NOT_HELD);
    NT_EXPECT_STATUS(CALL(NtboxUnloadDriver)("such"), STATUS_PRIVILEGE_NOT_HELD);
    InitializeObjectAttributes(&attributes, &services, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NT_EXPECT_STATUS(CALL(NtOpenKey)(&key, KEY_SET_VALUE, &attributes), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(CALL(NtOpenKey)(&key, KEY_READ | KEY_WOW64_64KEY, &attributes),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtClose)(key), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtCreateKey)(&key, KEY_READ, &attributes, 0, NULL, 0, &disposition),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(disposition, REG_OPENED_EXISTING_KEY);
    NT_EXPECT_STATUS(CALL(NtClose)(key), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtCreateKey)(&key, KEY_WRITE, &attributes, 0, NULL, 0, &disposition),
                     STATUS_ACCESS_DENIED);
    attributes.ObjectName = &service;
    NT_EXPECT_STATUS(CALL(NtCreateKey)(&key, KEY_READ, &attributes, 0, NULL, 0, &disposition),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(CALL(NtOpenKey)(&key, KEY_READ, &attributes), STATUS_OBJECT_NAME_NOT_FOUND);
    SepAssignProcessToken(PspClientProcess, NULL);
    NT_EXPECT_STATUS(CALL(NtOpenKey)(&key, KEY_READ, &attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void
ForeignThread(void *Context)
{
    *(NTSTATUS *)Context = CALL(NtClose)(ULongToHandle(0x1234));
}

NT_TEST_SEEDS(Gate, ForeignThreadsJoinAtTheirFirstCall, 10)
{
    NTSTATUS status[3] = {0};
    HALP_THREAD *thread[3];

    for (int i = 0; i < 3; ++i) {
        NT_EXPECT_EQ(HalpCreateThread(&thread[i], "foreign", ForeignThread, &status[i]), HALP_OK);
    }
    for (int i = 0; i < 3; ++i) {
        HalpWaitThreadEnd(thread[i]);
        NT_EXPECT_STATUS(status[i], STATUS_INVALID_HANDLE);
    }
}

NT_TEST(Gate, ReturnInACriticalRegionIsABugcheckThatNamesTheService)
{
    SimTakeLog();
    KeEnterCriticalRegion();
    NT_EXPECT_BUGCHECK(APC_INDEX_MISMATCH, CALL(NtClose)(ULongToHandle(0x1234)));
    NT_EXPECT_CONTAINS(SimTakeLog(), "NtClose returns to user mode with 1 critical");
}

/* ---- drivers through the gate ---- */

NT_TEST(Gate, DriversAreLoadedAndUnloadedByPathAndName)
{
    NT_EXPECT_STATUS(CALL(NtboxLoadDriver)(DRIVER("good")), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtboxUnloadDriver)("GOOD"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtboxUnloadDriver)("good"), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(CALL(NtboxLoadDriver)((const char *)ExpKernelBase), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(CALL(NtboxLoadDriver)(NULL), STATUS_ACCESS_VIOLATION);
}

static NTSTATUS
ClientThread(PVOID Context)
{
    HANDLE *handle = Context;

    CALL(NtWaitForSingleObject)(*handle, FALSE, NULL);
    CALL(NtboxTerminateCurrentThread)(5);
    return 6;
}

NT_TEST_SEEDS(Gate, ClientThreadsEndInsideASystemCall, 10)
{
    NTSTATUS exitStatus;
    HANDLE event;
    HANDLE thread;

    CALL(NtCreateEvent)(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(
        CALL(NtboxCreateThread)(&thread, (PVOID)(ULONG_PTR)ClientThread, &event, FALSE, NULL),
        STATUS_SUCCESS);
    CALL(NtSetEvent)(event, NULL);
    NT_EXPECT_STATUS(CALL(NtWaitForSingleObject)(thread, FALSE, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CALL(NtboxQueryThread)(thread, NULL, &exitStatus), STATUS_SUCCESS);
    NT_EXPECT_EQ(exitStatus, 5);
    CALL(NtClose)(thread);
    CALL(NtClose)(event);
}

/* ---- the end of the process while threads are inside ---- */

#define BUSY_DEVICE L"\\Device\\GateTest"

static KEVENT DriverEvent; /* what the driver waits for, in kernel mode */
static KEVENT DriverEntered;
static KEVENT DriverCancelled; /* a request that pended was cancelled */
static PDRIVER_OBJECT Driver;
static PDEVICE_OBJECT Device;

static NTSTATUS NTAPI
DriverSucceed(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    Irp->IoStatus.Status = STATUS_SUCCESS;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static VOID NTAPI
DriverCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeSetEvent(&DriverCancelled, 0, FALSE);
    Irp->IoStatus.Status = STATUS_CANCELLED;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

/* Code 0: waits in kernel mode; 4: pends until cancelled; 8: nothing; 12: waits for a cancel. */
static NTSTATUS NTAPI
DriverControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ULONG code = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode;
    KIRQL irql;

    if (code == 8) {
        return DriverSucceed(DeviceObject, Irp);
    }
    if (code == 0 || code == 12) {
        KeSetEvent(&DriverEntered, 0, FALSE);
        KeWaitForSingleObject(code == 0 ? &DriverEvent : &DriverCancelled, Executive, KernelMode,
                              FALSE, NULL);
        return DriverSucceed(DeviceObject, Irp);
    }
    IoMarkIrpPending(Irp);
    IoAcquireCancelSpinLock(&irql);
    if (Irp->Cancel) {
        Irp->CancelIrql = irql;
        DriverCancel(DeviceObject, Irp);
    } else {
        IoSetCancelRoutine(Irp, DriverCancel);
        IoReleaseCancelSpinLock(irql);
    }
    KeSetEvent(&DriverEntered, 0, FALSE);
    return STATUS_PENDING;
}

static VOID
AddDevice(VOID)
{
    UNICODE_STRING driver = RTL_CONSTANT_STRING(L"\\Driver\\GateTest");
    UNICODE_STRING name = RTL_CONSTANT_STRING(BUSY_DEVICE);

    KeInitializeEvent(&DriverEvent, NotificationEvent, FALSE);
    KeInitializeEvent(&DriverEntered, NotificationEvent, FALSE);
    KeInitializeEvent(&DriverCancelled, NotificationEvent, FALSE);
    NT_EXPECT_STATUS(IopCreateDriverObject(&driver, NULL, NULL, 0, NULL, &Driver), STATUS_SUCCESS);
    Driver->MajorFunction[IRP_MJ_CREATE] = DriverSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DriverSucceed;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DriverSucceed;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = DriverControl;
    NT_EXPECT_STATUS(IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device),
                     STATUS_SUCCESS);
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
}

static VOID
RemoveDevice(VOID)
{
    IoDeleteDevice(Device);
    IopDeleteDriverObject(Driver);
}

static HANDLE
OpenDevice(ULONG Options)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(BUSY_DEVICE);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NT_EXPECT_STATUS(CALL(NtCreateFile)(&handle, GENERIC_READ | SYNCHRONIZE, &attributes, &iosb,
                                        NULL, 0, 0, FILE_OPEN, Options, NULL, 0),
                     STATUS_SUCCESS);
    return handle;
}

static HANDLE Never; /* an event that nobody sets before the gate has been opened again */
static HANDLE Port;
static HANDLE File;
static BOOLEAN Stop; /* atomic */

static void
WaitForEver(void *Context)
{
    CALL(NtWaitForSingleObject)(Never, FALSE, NULL);
}

static void
SleepForAnHour(void *Context)
{
    LARGE_INTEGER hour = {.QuadPart = -3600 * 10000000LL};

    CALL(NtDelayExecution)(FALSE, &hour);
}

static void
WaitForPacket(void *Context)
{
    IO_STATUS_BLOCK iosb;
    PVOID context;
    PVOID key;

    CALL(NtRemoveIoCompletion)(Port, &key, &context, &iosb, NULL);
}

static void
CallAllTheTime(void *Context)
{
    while (!__atomic_load_n(&Stop, __ATOMIC_RELAXED)) {
        CALL(NtClose)(ULongToHandle(0x1234));
        HalpYield();
    }
}

static VOID NTAPI
CountApc(PVOID Context, PIO_STATUS_BLOCK Iosb, ULONG Reserved)
{
    CALL(NtClose)(ULongToHandle(0x1234));
}

/* Its requests end at once, and each tells an APC. */
static void
TakeApcsAllTheTime(void *Context)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    IO_STATUS_BLOCK iosb;

    while (!__atomic_load_n(&Stop, __ATOMIC_RELAXED)) {
        CALL(NtDeviceIoControlFile)(File, NULL, CountApc, NULL, &iosb, 8, NULL, 0, NULL, 0);
        CALL(NtDelayExecution)(TRUE, &none);
    }
}

static VOID
CreateObjects(ULONG OpenOptions)
{
    AddDevice();
    CALL(NtCreateEvent)(&Never, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    CALL(NtCreateIoCompletion)(&Port, 3 /* IO_COMPLETION_ALL_ACCESS */, NULL, 0);
    File = OpenDevice(OpenOptions);
}

static VOID
CloseObjects(VOID)
{
    CALL(NtClose)(Never);
    CALL(NtClose)(Port);
    CALL(NtClose)(File);
    RemoveDevice();
}

static ULONG
CountThreadsInside(VOID)
{
    ULONG count = 0;

    for (PLIST_ENTRY entry = PspClientProcess->ThreadList.Flink;
         entry != &PspClientProcess->ThreadList; entry = entry->Flink) {
        const ETHREAD *thread = CONTAINING_RECORD(entry, ETHREAD, ThreadListEntry);

        count += __atomic_load_n(&thread->InSystemCall, __ATOMIC_RELAXED) != 0;
    }
    return count;
}

NT_TEST_SEEDS(Exit, ThreadsComeOutOfTheirCallsAndStay, 60)
{
    static void (*const routines[])(void *) = {WaitForEver,    SleepForAnHour, WaitForPacket,
                                               CallAllTheTime, CallAllTheTime, TakeApcsAllTheTime};
    HALP_THREAD *threads[6];
    ULONG64 before;

    CreateObjects(0);
    for (int i = 0; i < 6; ++i) {
        NT_EXPECT_EQ(HalpCreateThread(&threads[i], "inside", routines[i], NULL), HALP_OK);
    }
    for (ULONG turns = (ULONG)NtTestSeed() * 5; turns > 0; --turns) {
        HalpYield(); /* with some seeds a thread has not joined yet, with some all are inside */
    }
    before = HalpMonotonicTime();
    NT_EXPECT_TRUE(PspCloseGate());
    NT_EXPECT_TRUE(HalpMonotonicTime() - before < 1000000000);
    for (ULONG turns = 500; turns > 0; --turns) {
        HalpYield();
        NT_EXPECT_EQ(CountThreadsInside(), 0);
    }
    /* The closer's own call is refused, but returns. */
    NT_EXPECT_STATUS(CALL(NtClose)(Never), STATUS_PROCESS_IS_TERMINATING);
    __atomic_store_n(&Stop, TRUE, __ATOMIC_RELAXED);
    PspOpenGate();
    CALL(NtSetEvent)(Never, NULL);
    CALL(NtSetIoCompletion)(Port, NULL, NULL, STATUS_SUCCESS, 0);
    for (int i = 0; i < 6; ++i) {
        HalpWaitThreadEnd(threads[i]);
    }
    CloseObjects();
}

static void
ControlDevice(void *Context)
{
    IO_STATUS_BLOCK iosb;
    ULONG code = (ULONG)(ULONG_PTR)Context;

    CALL(NtDeviceIoControlFile)(File, NULL, NULL, NULL, &iosb, code, NULL, 0, NULL, 0);
}

/* On a handle of its own, so that nobody waits for the file. */
static void
SendApart(void *Context)
{
    IO_STATUS_BLOCK iosb;
    HANDLE file = OpenDevice(FILE_SYNCHRONOUS_IO_NONALERT);

    CALL(NtDeviceIoControlFile)
    (file, NULL, NULL, NULL, &iosb, (ULONG)(ULONG_PTR)Context, NULL, 0, NULL, 0);
    CALL(NtClose)(file);
}

static void
CloseNothing(void *Context)
{
    CALL(NtClose)(ULongToHandle(0x1234));
}

NT_TEST_SEEDS(Exit, AThreadsRequestIsCancelledForIt, 20)
{
    HALP_THREAD *thread;

    CreateObjects(FILE_SYNCHRONOUS_IO_NONALERT);
    NT_EXPECT_EQ(HalpCreateThread(&thread, "pends", ControlDevice, (void *)(ULONG_PTR)4), HALP_OK);
    KeWaitForSingleObject(&DriverEntered, Executive, KernelMode, FALSE, NULL);
    NT_EXPECT_TRUE(PspCloseGate());
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    PspOpenGate();
    HalpWaitThreadEnd(thread);
    CloseObjects();
}

/* The first thread waits, in kernel mode, for what happens when the second one's request ends. */
NT_TEST_SEEDS(Exit, AThreadMayWaitForTheRequestOfAnother, 20)
{
    static const ULONG codes[] = {12, 4, 4, 12};
    ULONG64 before = HalpMonotonicTime();
    HALP_THREAD *threads[4];

    CreateObjects(0);
    for (int i = 0; i < 2; ++i) {
        int row = 2 * (int)(NtTestSeed() % 2) + i; /* either order in the list of threads */

        KeClearEvent(&DriverEntered);
        NT_EXPECT_EQ(HalpCreateThread(&threads[i], "one", SendApart, (void *)(ULONG_PTR)codes[row]),
                     HALP_OK);
        KeWaitForSingleObject(&DriverEntered, Executive, KernelMode, FALSE, NULL);
    }
    NT_EXPECT_TRUE(PspCloseGate());
    NT_EXPECT_TRUE(HalpMonotonicTime() - before < 1000000000);
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    PspOpenGate();
    HalpWaitThreadEnd(threads[0]);
    HalpWaitThreadEnd(threads[1]);
    CloseObjects();
}

/* ---- threads that begin while the gate closes ---- */

static LONG RoutinesRunning; /* atomic */

static VOID NTAPI
RunForAWhile(HANDLE ProcessId, HANDLE ThreadId, BOOLEAN Create)
{
    __atomic_fetch_add(&RoutinesRunning, 1, __ATOMIC_ACQ_REL);
    for (int i = 0; i < 30; ++i) {
        HalpYield();
    }
    __atomic_fetch_sub(&RoutinesRunning, 1, __ATOMIC_ACQ_REL);
}

static NTSTATUS
EndAtOnce(PVOID Context)
{
    return STATUS_SUCCESS;
}

static void
MakeThread(void *Context)
{
    HANDLE thread;

    if (NT_SUCCESS(CALL(NtboxCreateThread)(&thread, (PVOID)(ULONG_PTR)EndAtOnce, NULL,
                                           Context != NULL, NULL))) {
        if (Context != NULL) {
            CALL(NtResumeThread)(thread, NULL);
        }
        CALL(NtClose)(thread);
    }
}

/* A thread that joins, and ones that are made, one suspended first: each tells the routines. */
static VOID
CloseWhileThreadsBegin(VOID)
{
    static void (*const routines[])(void *) = {CloseNothing, MakeThread, MakeThread};
    HALP_THREAD *threads[3];

    for (int i = 0; i < 3; ++i) {
        NT_EXPECT_EQ(HalpCreateThread(&threads[i], "begins", routines[i], i == 2 ? &Stop : NULL),
                     HALP_OK);
    }
    for (ULONG turns = (ULONG)NtTestSeed() * 3; turns > 0; --turns) {
        HalpYield();
    }
    NT_EXPECT_TRUE(PspCloseGate());
    for (ULONG turns = 300; turns > 0; --turns) {
        NT_EXPECT_EQ(__atomic_load_n(&RoutinesRunning, __ATOMIC_ACQUIRE), 0); /* EX2 */
        HalpYield();
    }
    PspOpenGate();
    for (int i = 0; i < 3; ++i) {
        HalpWaitThreadEnd(threads[i]);
    }
    PspJoinEndedThreads();
}

NT_TEST_SEEDS(Exit, NoNotifyRoutineRunsBehindTheClosedGate, 60)
{
    NT_EXPECT_STATUS(PsSetCreateThreadNotifyRoutine(RunForAWhile), STATUS_SUCCESS);
    CloseWhileThreadsBegin();
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(RunForAWhile), STATUS_SUCCESS);
}

NT_TEST_SEEDS(Exit, NoRoutineOfTheNewThreadRunsBehindTheClosedGate, 60)
{
    NT_EXPECT_STATUS(
        PsSetCreateThreadNotifyRoutineEx(PsCreateThreadNotifyNonSystem, (PVOID)RunForAWhile),
        STATUS_SUCCESS);
    CloseWhileThreadsBegin();
    NT_EXPECT_STATUS(PsRemoveCreateThreadNotifyRoutine(RunForAWhile), STATUS_SUCCESS);
}

/* A driver that waits in kernel mode cannot be made to return: the kernel stays whole. */
NT_TEST_SEEDS(Exit, AThreadThatADriverKeepsIsReportedAfterThirtySeconds, 5)
{
    ULONG64 before = HalpMonotonicTime();
    HALP_THREAD *thread;

    CreateObjects(FILE_SYNCHRONOUS_IO_NONALERT);
    NT_EXPECT_EQ(HalpCreateThread(&thread, "kept", ControlDevice, NULL), HALP_OK);
    KeWaitForSingleObject(&DriverEntered, Executive, KernelMode, FALSE, NULL);
    SimTakeLog();
    NT_EXPECT_EQ(InitpStopSystem(), 1);
    NT_EXPECT_TRUE(HalpMonotonicTime() - before >= 30000000000ull);
    NT_EXPECT_CONTAINS(SimTakeLog(), "does not come back from a system call");
    /* It is all there still. */
    KeSetEvent(&DriverEvent, 0, FALSE);
    NT_EXPECT_TRUE(PspCloseGate());
    PspOpenGate();
    HalpWaitThreadEnd(thread);
    CloseObjects();
}
