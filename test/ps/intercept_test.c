/* SPDX-License-Identifier: MIT
 *
 * intercept_test.c - object callbacks on the handles of processes and threads
 */
#include <stdio.h>

#include "ps_test.h"

#define TERMINATE 0x0001u
#define VM_READ 0x0010u
#define DUP_HANDLE 0x0040u
#define QUERY 0x0400u

typedef struct WATCHER {
    char Letter;
    PVOID Handle;
    ACCESS_MASK Remove;
    ACCESS_MASK Add;
    OB_PRE_OPERATION_INFORMATION Pre;
    OB_PRE_OPERATION_PARAMETERS PreParameters;
    OB_POST_OPERATION_INFORMATION Post;
    ACCESS_MASK Granted;
    PVOID CallContext;
    BOOLEAN PostHadParameters;
    void (*Inside)(struct WATCHER *Watcher);
} WATCHER;

static char Log[512];

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
    Log[0] = 0;
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

static void
Note(char Letter, const char *What)
{
    size_t used = strlen(Log);

    snprintf(Log + used, sizeof(Log) - used, "%c%s ", Letter, What);
}

static OB_PREOP_CALLBACK_STATUS NTAPI
PreOperation(PVOID Context, POB_PRE_OPERATION_INFORMATION Information)
{
    WATCHER *watcher = Context;

    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    Note(watcher->Letter, "<");
    watcher->Pre = *Information;
    watcher->PreParameters = *Information->Parameters;
    Information->CallContext = watcher->CallContext;
    Information->Parameters->CreateHandleInformation.DesiredAccess &= ~watcher->Remove;
    Information->Parameters->CreateHandleInformation.DesiredAccess |= watcher->Add;
    if (watcher->Inside != NULL) {
        watcher->Inside(watcher);
    }
    return OB_PREOP_SUCCESS;
}

static VOID NTAPI
PostOperation(PVOID Context, POB_POST_OPERATION_INFORMATION Information)
{
    WATCHER *watcher = Context;

    Note(watcher->Letter, ">");
    watcher->Post = *Information;
    watcher->PostHadParameters = Information->Parameters != NULL;
    if (watcher->PostHadParameters) {
        watcher->Granted = Information->Parameters->CreateHandleInformation.GrantedAccess;
    }
}

/* The test's code stands for a driver's image. */
static ULONG_PTR
CodeBase(void)
{
    ULONG_PTR first = min((ULONG_PTR)PreOperation, (ULONG_PTR)PostOperation);

    return first & ~(ULONG_PTR)(PAGE_SIZE - 1);
}

static void
LoadCode(void)
{
    NT_EXPECT_STATUS(MiAddKernelImage(CodeBase(), 4 * PAGE_SIZE), STATUS_SUCCESS);
}

static OB_CALLBACK_REGISTRATION
Registration(WATCHER *Watcher, PCWSTR Altitude, OB_OPERATION_REGISTRATION *Operations, USHORT Count)
{
    OB_CALLBACK_REGISTRATION registration = {.Version = OB_FLT_REGISTRATION_VERSION,
                                             .OperationRegistrationCount = Count,
                                             .RegistrationContext = Watcher,
                                             .OperationRegistration = Operations};

    RtlInitUnicodeString(&registration.Altitude, Altitude);
    return registration;
}

static NTSTATUS
Register(WATCHER *Watcher, PCWSTR Altitude)
{
    OB_OPERATION_REGISTRATION operations[2] = {
        {PsProcessType, OB_OPERATION_HANDLE_CREATE | OB_OPERATION_HANDLE_DUPLICATE, PreOperation,
         PostOperation},
        {PsThreadType, OB_OPERATION_HANDLE_CREATE | OB_OPERATION_HANDLE_DUPLICATE, PreOperation,
         PostOperation}};
    OB_CALLBACK_REGISTRATION registration = Registration(Watcher, Altitude, operations, 2);

    return ObRegisterCallbacks(&registration, &Watcher->Handle);
}

static NTSTATUS
OpenProcess(HANDLE ProcessId, ACCESS_MASK Access, ULONG Attributes, HANDLE *Handle)
{
    CLIENT_ID id = {ProcessId, NULL};
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, NULL, Attributes, NULL, NULL);
    return ZwOpenProcess(Handle, Access, &attributes, &id);
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

NT_TEST(ObCallback, RegistrationErrors)
{
    static POBJECT_TYPE none;
    WATCHER a = {.Letter = 'a'};
    OB_OPERATION_REGISTRATION good = {PsProcessType, OB_OPERATION_HANDLE_CREATE, PreOperation,
                                      NULL};
    OB_OPERATION_REGISTRATION pair[2];
    PVOID handle = &a;

    LoadCode();
#define EXPECT_BAD(status, count, altitude, change)                                            \
    do {                                                                                       \
        OB_OPERATION_REGISTRATION operation = good;                                            \
        OB_CALLBACK_REGISTRATION registration = Registration(&a, altitude, &operation, count); \
        change;                                                                                \
        NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &handle), (status));               \
        NT_EXPECT_EQ(handle, &a);                                                              \
    } while (0)

    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", registration.Version = 0x200);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 0, L"1", (void)0);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"", (void)0);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", registration.OperationRegistration = NULL);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", operation.Operations = 0);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", operation.Operations = 4);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", operation.PreOperation = NULL);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", operation.ObjectType = NULL);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", operation.ObjectType = &none);
    EXPECT_BAD(STATUS_INVALID_PARAMETER, 1, L"1", operation.ObjectType = ExEventObjectType);
    EXPECT_BAD(STATUS_ACCESS_DENIED, 1, L"1",
               operation.PreOperation = (POB_PRE_OPERATION_CALLBACK)(ULONG_PTR)&a);
    EXPECT_BAD(STATUS_ACCESS_DENIED, 1, L"1",
               operation.PostOperation =
                   (POB_POST_OPERATION_CALLBACK)(ULONG_PTR)KiGetCurrentThread());
    SimSetFaultPlan("pool", 1);
    EXPECT_BAD(STATUS_INSUFFICIENT_RESOURCES, 1, L"1", (void)0);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(ObRegisterCallbacks(NULL, &handle), STATUS_INVALID_PARAMETER);
    pair[0] = pair[1] = good;
    {
        OB_CALLBACK_REGISTRATION registration = Registration(&a, L"1", pair, 2);
        NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, NULL), STATUS_INVALID_PARAMETER);
        NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &handle),
                         STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    }
    NT_EXPECT_EQ(ObGetFilterVersion(), OB_FLT_REGISTRATION_VERSION);
}

NT_TEST(ObCallback, OneRegistrationPerAltitude)
{
    WATCHER a = {.Letter = 'a'};
    WATCHER b = {.Letter = 'b'};

    LoadCode();
    NT_EXPECT_STATUS(Register(&a, L"320000"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Register(&b, L"320000.0"), STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    ObUnRegisterCallbacks(a.Handle);
    NT_EXPECT_STATUS(Register(&b, L"320000"), STATUS_SUCCESS);
    ObUnRegisterCallbacks(b.Handle);
}

/* Altitudes are decimal numbers of any length: compared as such, not as text. */
NT_TEST(ObCallback, AltitudesAreNumbers)
{
    static const struct {
        PCWSTR First;
        PCWSTR Second;
        NTSTATUS Status;
    } rows[] = {
        {L"320000", L"320000", STATUS_FLT_INSTANCE_ALTITUDE_COLLISION},
        {L"320000", L"0320000", STATUS_FLT_INSTANCE_ALTITUDE_COLLISION},
        {L"320000", L"320000.00", STATUS_FLT_INSTANCE_ALTITUDE_COLLISION},
        {L"320000.5", L"320000.50", STATUS_FLT_INSTANCE_ALTITUDE_COLLISION},
        {L"320000", L"320000.00000000000000000001", STATUS_SUCCESS},
        {L"320000", L"3200000", STATUS_SUCCESS},
        {L"99999999999999999999999", L"99999999999999999999998", STATUS_SUCCESS},
    };

    LoadCode();
    NT_FOR_EACH (row, rows) {
        WATCHER a = {.Letter = 'a'};
        WATCHER b = {.Letter = 'b'};

        NT_EXPECT_STATUS(Register(&a, row->First), STATUS_SUCCESS);
        NT_EXPECT_STATUS(Register(&b, row->Second), row->Status);
        ObUnRegisterCallbacks(a.Handle);
        if (NT_SUCCESS(row->Status)) {
            ObUnRegisterCallbacks(b.Handle);
        } else {
            NT_EXPECT_EQ(b.Handle, NULL);
        }
    }
}

/* The order of calls is that of the numbers: 1000 is above 999.9, which is above 9. */
NT_TEST(ObCallback, HigherAltitudesAreCalledFirst)
{
    WATCHER low = {.Letter = 'l'};
    WATCHER middle = {.Letter = 'm'};
    WATCHER high = {.Letter = 'h'};
    HANDLE handle;

    LoadCode();
    Register(&middle, L"999.9");
    Register(&high, L"1000");
    Register(&low, L"9");
    NT_EXPECT_STATUS(OpenProcess(PsGetCurrentProcessId(), QUERY, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_STR(Log, "h< m< l< l> m> h> ");
    ZwClose(handle);
    ObUnRegisterCallbacks(low.Handle);
    ObUnRegisterCallbacks(middle.Handle);
    ObUnRegisterCallbacks(high.Handle);
}

/* Each routine of each operation must lie in a loaded image, also when another one does. */
NT_TEST(ObCallback, RoutinesOutsideOfImagesAreRefused)
{
    static WATCHER a = {.Letter = 'a'};
    OB_OPERATION_REGISTRATION operations[2] = {
        {PsProcessType, OB_OPERATION_HANDLE_CREATE, PreOperation, PostOperation},
        {PsThreadType, OB_OPERATION_HANDLE_CREATE, PreOperation,
         (POB_POST_OPERATION_CALLBACK)(ULONG_PTR)&a}};
    OB_CALLBACK_REGISTRATION registration = Registration(&a, L"1", operations, 2);

    /* Not loaded: code, but of no driver. */
    NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &a.Handle), STATUS_ACCESS_DENIED);
    LoadCode();
    NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &a.Handle), STATUS_ACCESS_DENIED);
    registration.OperationRegistrationCount = 1;
    NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &a.Handle), STATUS_SUCCESS);
    ObUnRegisterCallbacks(a.Handle);
    registration.Altitude.Length = 1;
    NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &a.Handle), STATUS_INVALID_PARAMETER);
}

NT_TEST(ObCallback, AnOpenIsToldAndCutDown)
{
    WATCHER high = {.Letter = 'h', .Remove = TERMINATE | VM_READ, .CallContext = &high};
    WATCHER low = {.Letter = 'l', .Add = TERMINATE | 0x2};
    HANDLE self = PsGetCurrentProcessId();
    HANDLE handle;

    LoadCode();
    Register(&low, L"1000");
    Register(&high, L"2000");
    NT_EXPECT_STATUS(OpenProcess(self, TERMINATE | VM_READ | QUERY, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_STR(Log, "h< l< l> h> ");
    NT_EXPECT_EQ(AccessOf(handle), QUERY);
    NT_EXPECT_EQ(high.Pre.Operation, OB_OPERATION_HANDLE_CREATE);
    NT_EXPECT_EQ(high.Pre.Object, KiGetCurrentThread()->Process);
    NT_EXPECT_EQ(high.Pre.ObjectType, *PsProcessType);
    NT_EXPECT_EQ(high.Pre.KernelHandle, 0);
    NT_EXPECT_EQ(high.PreParameters.CreateHandleInformation.DesiredAccess,
                 TERMINATE | VM_READ | QUERY);
    NT_EXPECT_EQ(low.PreParameters.CreateHandleInformation.DesiredAccess, QUERY);
    NT_EXPECT_EQ(low.PreParameters.CreateHandleInformation.OriginalDesiredAccess,
                 TERMINATE | VM_READ | QUERY);
    NT_EXPECT_EQ(high.Post.CallContext, &high);
    NT_EXPECT_EQ(low.Post.CallContext, NULL);
    NT_EXPECT_EQ(high.Granted, QUERY);
    NT_EXPECT_STATUS(high.Post.ReturnStatus, STATUS_SUCCESS);
    ZwClose(handle);
    ObUnRegisterCallbacks(high.Handle);
    NT_EXPECT_STATUS(OpenProcess(self, TERMINATE, OBJ_KERNEL_HANDLE, &handle), STATUS_SUCCESS);
    NT_EXPECT_EQ(low.Pre.KernelHandle, 1);
    NT_EXPECT_EQ(low.Post.KernelHandle, 1);
    ZwClose(handle);
    ObUnRegisterCallbacks(low.Handle);
    Log[0] = 0;
    NT_EXPECT_STATUS(OpenProcess(self, TERMINATE, 0, &handle), STATUS_SUCCESS);
    NT_EXPECT_STR(Log, "");
    ZwClose(handle);
}

NT_TEST(ObCallback, ADuplicateHasItsProcesses)
{
    WATCHER a = {.Letter = 'a', .Remove = TERMINATE};
    HANDLE handle;
    HANDLE copy;

    LoadCode();
    NT_EXPECT_STATUS(OpenProcess(PsGetCurrentProcessId(), TERMINATE | QUERY, 0, &handle),
                     STATUS_SUCCESS);
    Register(&a, L"1");
    NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &copy, 0, 0,
                                       DUPLICATE_SAME_ACCESS),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(AccessOf(copy), QUERY);
    NT_EXPECT_EQ(a.Pre.Operation, OB_OPERATION_HANDLE_DUPLICATE);
    NT_EXPECT_EQ(a.PreParameters.DuplicateHandleInformation.SourceProcess,
                 KiGetCurrentThread()->Process);
    NT_EXPECT_EQ(a.PreParameters.DuplicateHandleInformation.TargetProcess,
                 KiGetCurrentThread()->Process);
    NT_EXPECT_EQ(a.Post.Operation, OB_OPERATION_HANDLE_DUPLICATE);
    NT_EXPECT_EQ(a.Granted, QUERY);
    ObUnRegisterCallbacks(a.Handle);
    ZwClose(handle);
    ZwClose(copy);
}

/* Only what was registered for is told. */
NT_TEST(ObCallback, OtherTypesAndOperationsAreNotTold)
{
    WATCHER a = {.Letter = 'a'};
    OB_OPERATION_REGISTRATION operation = {PsThreadType, OB_OPERATION_HANDLE_DUPLICATE, NULL,
                                           PostOperation};
    OB_CALLBACK_REGISTRATION registration = Registration(&a, L"1", &operation, 1);
    HANDLE process;
    HANDLE copy;

    LoadCode();
    NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &a.Handle), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenProcess(PsGetCurrentProcessId(), QUERY, 0, &process), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), process, NtCurrentProcess(), &copy, 0, 0,
                                       DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE),
                     STATUS_SUCCESS);
    NT_EXPECT_STR(Log, "");
    ZwClose(copy);
    NT_EXPECT_STATUS(ZwDuplicateObject(NtCurrentProcess(), NtCurrentThread(), NtCurrentProcess(),
                                       &copy, 0, 0, DUPLICATE_SAME_ACCESS),
                     STATUS_SUCCESS);
    NT_EXPECT_STR(Log, "a> ");
    NT_EXPECT_EQ(a.Post.Object, PsGetCurrentThread());
    ZwClose(copy);
    ObUnRegisterCallbacks(a.Handle);
}

static VOID NTAPI
DoNothing(PVOID Context)
{
}

/* The handle that comes with a new thread is told too, with the thread's ID. */
NT_TEST(ObCallback, ANewThreadsHandleIsTold)
{
    WATCHER a = {.Letter = 'a'};
    CLIENT_ID id;
    HANDLE handle;

    LoadCode();
    Register(&a, L"1");
    NT_EXPECT_STATUS(
        PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, &id, DoNothing, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STR(Log, "a< a> ");
    NT_EXPECT_EQ(a.Pre.ObjectType, *PsThreadType);
    ObUnRegisterCallbacks(a.Handle);
    ZwWaitForSingleObject(handle, FALSE, NULL);
    NT_EXPECT_EQ(PsGetThreadId(a.Pre.Object), id.UniqueThread);
    ZwClose(handle);
}

NT_TEST(ObCallback, AFailureIsToldWithoutParameters)
{
    WATCHER a = {.Letter = 'a'};
    HANDLE handles[600];
    NTSTATUS status = STATUS_SUCCESS;
    ULONG count = 0;

    LoadCode();
    Register(&a, L"1");
    SimSetFaultPlan("pool", 1);
    while (count < 600 && NT_SUCCESS(status)) {
        status = OpenProcess(PsGetCurrentProcessId(), QUERY, 0, &handles[count]);
        count += NT_SUCCESS(status);
    }
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
    NT_EXPECT_STATUS(a.Post.ReturnStatus, STATUS_INSUFFICIENT_RESOURCES);
    NT_EXPECT_FALSE(a.PostHadParameters);
    while (count > 0) {
        ZwClose(handles[--count]);
    }
    ObUnRegisterCallbacks(a.Handle);
}

static void
UnregisterInside(WATCHER *Watcher)
{
    ObUnRegisterCallbacks(Watcher->Handle);
}

NT_TEST(ObCallback, UnregisteringFromInsideIsABugcheck)
{
    WATCHER a = {.Letter = 'a', .Inside = UnregisterInside};
    HANDLE handle;

    LoadCode();
    Register(&a, L"1");
    NT_EXPECT_BUGCHECK(0xC4, OpenProcess(PsGetCurrentProcessId(), QUERY, 0, &handle));
}

static LONG Calls;
static LONG Gone;

static void
CountInside(WATCHER *Watcher)
{
    NT_EXPECT_EQ(__atomic_load_n(&Gone, __ATOMIC_ACQUIRE), 0);
    HalpYield();
    __atomic_fetch_add(&Calls, 1, __ATOMIC_RELAXED);
}

/* Callbacks of its own: the log is not for several threads. */
static OB_PREOP_CALLBACK_STATUS NTAPI
CountPre(PVOID Context, POB_PRE_OPERATION_INFORMATION Information)
{
    CountInside(Context);
    return OB_PREOP_SUCCESS;
}

static VOID NTAPI
OpenOften(PVOID Context)
{
    for (int i = 0; i < 20; ++i) {
        HANDLE handle;
        NT_EXPECT_STATUS(OpenProcess(PsGetCurrentProcessId(), QUERY, 0, &handle), STATUS_SUCCESS);
        ZwClose(handle);
    }
}

NT_TEST_SEEDS(ObCallback, UnregisterWaitsForRunningCalls, 20)
{
    OB_OPERATION_REGISTRATION operation = {PsProcessType, OB_OPERATION_HANDLE_CREATE, CountPre,
                                           NULL};
    OB_CALLBACK_REGISTRATION registration = Registration(NULL, L"1", &operation, 1);
    PETHREAD threads[2];
    PVOID handle;

    NT_EXPECT_STATUS(MiAddKernelImage((ULONG_PTR)CountPre & ~(ULONG_PTR)(PAGE_SIZE - 1), PAGE_SIZE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObRegisterCallbacks(&registration, &handle), STATUS_SUCCESS);
    for (int i = 0; i < 2; ++i) {
        NT_EXPECT_STATUS(PspCreateReferencedSystemThread(OpenOften, NULL, &threads[i]),
                         STATUS_SUCCESS);
    }
    while (__atomic_load_n(&Calls, __ATOMIC_RELAXED) < 5) {
        HalpYield();
    }
    ObUnRegisterCallbacks(handle);
    __atomic_store_n(&Gone, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; ++i) {
        KeWaitForSingleObject(threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(threads[i]);
    }
}

NT_TEST(ObCallback, CallbacksOfAnImageAreFoundAndRemoved)
{
    WATCHER a = {.Letter = 'a'};
    const char *kind = NULL;

    LoadCode();
    Register(&a, L"1");
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange((ULONG_PTR)PostOperation, 1, &kind), 1);
    NT_EXPECT_STR(kind, "object callback");
    NT_EXPECT_EQ(PspRemoveNotifyRoutinesInRange((ULONG_PTR)PostOperation, 1), 1);
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange((ULONG_PTR)PostOperation, 1, NULL), 0);
}

/* ---- opens ---- */

NT_TEST(Open, ProcessErrors)
{
    OBJECT_ATTRIBUTES attributes;
    OBJECT_ATTRIBUTES named;
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\X");
    CLIENT_ID own = {PsGetCurrentProcessId(), NULL};
    CLIENT_ID none = {ID(0x7777777), NULL};
    CLIENT_ID mixed = {ID(4), PsGetCurrentThreadId()};
    CLIENT_ID thread = {NULL, PsGetCurrentThreadId()};
    HANDLE handle = NULL;

    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    InitializeObjectAttributes(&named, &name, 0, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, QUERY, &attributes, NULL),
                     STATUS_INVALID_PARAMETER_MIX);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, QUERY, &named, &own), STATUS_INVALID_PARAMETER_MIX);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, QUERY, &attributes, &none), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, QUERY, &attributes, &mixed), STATUS_INVALID_CID);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, 0x00E00000, &attributes, &own),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(handle, NULL);
    NT_EXPECT_STATUS(ZwOpenProcess(&handle, MAXIMUM_ALLOWED, &attributes, &thread), STATUS_SUCCESS);
    NT_EXPECT_EQ(AccessOf(handle), PROCESS_ALL_ACCESS);
    ZwClose(handle);
}

NT_TEST(Open, UserPointersAreProbed)
{
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID own = {PsGetCurrentProcessId(), NULL};
    HANDLE handle;
    KTHREAD *thread = KiGetCurrentThread();
    HANDLE *pool = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*pool), 'tseT');

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    thread->PreviousMode = UserMode;
    NT_EXPECT_STATUS(NtOpenProcess(pool, QUERY, &attributes, &own), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtOpenProcess((PHANDLE)8, QUERY, &attributes, &own), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtOpenProcess(&handle, QUERY, NULL, &own), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtOpenProcess(&handle, QUERY, &attributes, (PCLIENT_ID)16),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtOpenThread(pool, QUERY, &attributes, &own), STATUS_ACCESS_VIOLATION);
    /* User mode gets no kernel handle. */
    NT_EXPECT_STATUS(NtOpenProcess(&handle, QUERY, &attributes, &own), STATUS_SUCCESS);
    NT_EXPECT_FALSE(ObIsKernelHandle(handle));
    NT_EXPECT_STATUS(NtClose(handle), STATUS_SUCCESS);
    thread->PreviousMode = KernelMode;
    ExFreePoolWithTag(pool, 'tseT');
}

NT_TEST(Open, Threads)
{
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID own = {PsGetCurrentProcessId(), PsGetCurrentThreadId()};
    CLIENT_ID mixed = {ID(4), PsGetCurrentThreadId()};
    CLIENT_ID none = {NULL, ID(0x7777777)};
    PEPROCESS process;
    PETHREAD thread;
    HANDLE handle;

    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenThread(&handle, 0x40, &attributes, &own), STATUS_SUCCESS);
    NT_EXPECT_EQ(AccessOf(handle), 0x40);
    ZwClose(handle);
    NT_EXPECT_STATUS(ZwOpenThread(&handle, 0x40, &attributes, &mixed), STATUS_INVALID_CID);
    NT_EXPECT_STATUS(ZwOpenThread(&handle, 0x40, &attributes, &none), STATUS_INVALID_CID);
    NT_EXPECT_STATUS(ZwOpenThread(&handle, 0x40, &attributes, NULL), STATUS_INVALID_PARAMETER_MIX);
    NT_EXPECT_STATUS(ZwOpenThread(&handle, 0x00E00000, &attributes, &own),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PsLookupProcessThreadByCid(&own, &process, &thread), STATUS_SUCCESS);
    NT_EXPECT_EQ(thread, PsGetCurrentThread());
    NT_EXPECT_EQ(process, KiGetCurrentThread()->Process);
    ObDereferenceObject(thread);
    ObDereferenceObject(process);
    NT_EXPECT_STATUS(PsLookupProcessThreadByCid(&mixed, NULL, &thread), STATUS_INVALID_CID);
    NT_EXPECT_STATUS(PsLookupProcessThreadByCid(&none, NULL, &thread), STATUS_INVALID_CID);
}

NT_TEST(Open, NothingIsTerminated)
{
    static NTSTATUS (*const services[])(HANDLE, NTSTATUS) = {NtTerminateProcess,
                                                             ZwTerminateProcess};
    HALP_EVENT start = PsTestCreate(777, 1, "/usr/bin/make", "make all");
    HALP_EVENT end = PsTestExit(777, 0);
    KTHREAD *self = KiGetCurrentThread();
    HANDLE machine;
    HANDLE system;
    HANDLE weak;

    PspDeliverEvent(&start);
    NT_EXPECT_STATUS(OpenProcess(ID(4), TERMINATE, 0, &system), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenProcess(ID(777), TERMINATE, 0, &machine), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenProcess(ID(777), QUERY, 0, &weak), STATUS_SUCCESS);
    NT_FOR_EACH (terminate, services) {
        NT_EXPECT_STATUS((*terminate)((HANDLE)0x444, 0), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS((*terminate)(NtCurrentThread(), 0), STATUS_OBJECT_TYPE_MISMATCH);
        NT_EXPECT_STATUS((*terminate)(NtCurrentProcess(), 0), STATUS_NOT_SUPPORTED);
        NT_EXPECT_STATUS((*terminate)(NULL, 0), STATUS_NOT_SUPPORTED);
        NT_EXPECT_STATUS((*terminate)(machine, 0), STATUS_NOT_SUPPORTED);
        NT_EXPECT_STATUS((*terminate)(system, 0), STATUS_ACCESS_DENIED);
    }
    self->PreviousMode = UserMode;
    NT_EXPECT_STATUS(NtTerminateProcess(weak, 0), STATUS_ACCESS_DENIED);
    self->PreviousMode = KernelMode;
    PspDeliverEvent(&end);
    NT_FOR_EACH (terminate, services) {
        NT_EXPECT_STATUS((*terminate)(machine, 0), STATUS_PROCESS_IS_TERMINATING);
    }
    ZwClose(weak);
    ZwClose(machine);
    ZwClose(system);
}
