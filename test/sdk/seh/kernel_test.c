/* SPDX-License-Identifier: MIT
 *
 * test/sdk/seh/kernel_test.c - exceptions in drivers on the whole kernel, without and with -O2
 *
 * Differs  optimized code asks an outer filter after the __finally blocks inside (docs), so what
 *          is expected here holds for both.
 */
#include "../../io/io_test.h"

#include <ntbox/eh.h>

#define CODE IOCTL_TEST
#define IOCTL_TEST CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

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

/* AddressSanitizer reports such accesses itself, before they fault. */
__attribute__((no_sanitize("address", "undefined"), noinline)) static VOID
Touch(PVOID Address, BOOLEAN Write)
{
    if (Write) {
        *(volatile UCHAR *)Address = 1;
    } else {
        (void)*(volatile UCHAR *)Address;
    }
}

__attribute__((no_sanitize("undefined"), noinline)) static LONG
Divide(LONG Left, LONG Right)
{
    volatile LONG right = Right;
    volatile LONG result = Left / right;

    return result;
}

#define RAISED(...)                                                  \
    ({                                                               \
        volatile NTSTATUS raisedStatus = STATUS_SUCCESS;             \
        __try {                                                      \
            __VA_ARGS__;                                             \
        } __except (raisedStatus = (NTSTATUS)_exception_code(), 1) { \
        }                                                            \
        raisedStatus;                                                \
    })

/* ---- what raises ---- */

NT_TEST(SehFault, UserAddresses)
{
    PVOID pages;

    NT_EXPECT_EQ(HalpReserveMemory(3 * PAGE_SIZE, HALP_PAGE_SIZE, &pages), HALP_OK);
    NT_EXPECT_EQ(HalpCommitMemory(pages, PAGE_SIZE, HALP_READ | HALP_WRITE), HALP_OK);
    NT_EXPECT_STATUS(RAISED(Touch(NULL, FALSE)), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(RAISED(Touch(NULL, TRUE)), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(RAISED(Touch(pages, TRUE)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RAISED(Touch((PUCHAR)pages + PAGE_SIZE, FALSE)), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(HalpProtectMemory(pages, PAGE_SIZE, HALP_READ), HALP_OK);
    NT_EXPECT_STATUS(RAISED(Touch(pages, FALSE)), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RAISED(Touch(pages, TRUE)), STATUS_ACCESS_VIOLATION);
    HalpReleaseMemory(pages, 3 * PAGE_SIZE);
    NT_EXPECT_STATUS(RAISED(Touch(pages, FALSE)), STATUS_ACCESS_VIOLATION); /* gone */
}

static NTSTATUS
LockPages(PVOID Address)
{
    PMDL mdl = IoAllocateMdl(Address, 8, FALSE, FALSE, NULL);
    NTSTATUS status;

    NT_EXPECT_TRUE(mdl != NULL);
    status = RAISED(MmProbeAndLockPages(mdl, UserMode, IoWriteAccess));
    IoFreeMdl(mdl);
    return status;
}

NT_TEST(SehRaise, RoutinesThatRaise)
{
    KSEMAPHORE semaphore;
    KMUTEX mutex;

    KeInitializeSemaphore(&semaphore, 1, 1);
    KeInitializeMutex(&mutex, 0);
    NT_EXPECT_STATUS(RAISED(ExRaiseStatus(STATUS_NO_SUCH_DEVICE)), STATUS_NO_SUCH_DEVICE);
    NT_EXPECT_STATUS(RAISED(ExRaiseAccessViolation()), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(RAISED(ExRaiseDatatypeMisalignment()), STATUS_DATATYPE_MISALIGNMENT);
    NT_EXPECT_STATUS(RAISED(ProbeForRead((PVOID)3, 4, 4)), STATUS_DATATYPE_MISALIGNMENT);
    NT_EXPECT_STATUS(RAISED(ProbeForRead((PVOID)(ULONG_PTR)MmUserProbeAddress, 4, 4)),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(RAISED(ProbeForWrite((PVOID)8, 4, 4)), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(LockPages((PVOID)16), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(RAISED(KeReleaseSemaphore(&semaphore, 0, 1, FALSE)),
                     STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    NT_EXPECT_STATUS(RAISED(KeReleaseMutex(&mutex, FALSE)), STATUS_MUTANT_NOT_OWNED);
    NT_EXPECT_STATUS(RAISED(Divide(5, 0)), STATUS_INTEGER_DIVIDE_BY_ZERO);
    /* None of them kept a lock. */
    NT_EXPECT_EQ(KeReadStateSemaphore(&semaphore), 1);
    NT_EXPECT_EQ(KeReadStateMutex(&mutex), 1);
    NT_EXPECT_EQ(KiGetCurrentThread()->SpinLocks, 0);
}

NT_TEST(SehRaise, WithoutAHandlerIsABugCheck)
{
    NT_EXPECT_BUGCHECK(0x1E, ExRaiseStatus(STATUS_NO_SUCH_DEVICE));
    NT_EXPECT_EQ((NTSTATUS)KiBugCheckParameters[0], STATUS_NO_SUCH_DEVICE);
}

/* ---- order, nesting, raising again ---- */

static char Trace[32];
static ULONG TraceLength;

static int
Note(char What)
{
    Trace[TraceLength++] = What;
    return 0;
}

__attribute__((noinline)) static VOID
Innermost(VOID)
{
    __try {
        __try {
            ExRaiseStatus(STATUS_NO_MORE_FILES);
        } __finally {
            Note('a');
            NT_EXPECT_TRUE(AbnormalTermination());
        }
    } __except ((NTSTATUS)GetExceptionCode() == STATUS_END_OF_FILE) {
        Note('X');
    }
}

__attribute__((noinline)) static VOID
Middle(VOID)
{
    __try {
        Innermost();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        NT_EXPECT_STATUS(GetExceptionCode(), STATUS_NO_MORE_FILES);
        Note('b');
        ExRaiseStatus(GetExceptionCode()); /* again, outward */
    }
    Note('Y');
}

NT_TEST(SehOrder, ThreeDeepAndRaisedAgain)
{
    __try {
        __try {
            Middle();
        } __finally {
            Note('c');
        }
    } __except (GetExceptionInformation()->ExceptionRecord->ExceptionCode == STATUS_NO_MORE_FILES) {
        Note('d');
    }
    NT_EXPECT_STR(Trace, "abcd");
}

NT_TEST(SehOrder, CollidedUnwindTakesTheLaterException)
{
    volatile NTSTATUS status = STATUS_SUCCESS;

    __try {
        __try {
            ExRaiseStatus(STATUS_NO_MORE_FILES);
        } __finally {
            Note('f');
            ExRaiseStatus(STATUS_END_OF_FILE);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    NT_EXPECT_STATUS(status, STATUS_END_OF_FILE);
    NT_EXPECT_STR(Trace, "f");
}

/* What a driver's __finally gives back is given back. */
NT_TEST(SehOrder, LocksAreReleasedByFinally)
{
    ERESOURCE resource;
    FAST_MUTEX mutex;

    ExInitializeResourceLite(&resource);
    ExInitializeFastMutex(&mutex);
    NT_EXPECT_STATUS(RAISED({
                         ExEnterCriticalRegionAndAcquireResourceExclusive(&resource);
                         __try {
                             ExAcquireFastMutex(&mutex);
                             __try {
                                 NT_EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
                                 Touch(NULL, TRUE);
                             } __finally {
                                 ExReleaseFastMutex(&mutex);
                             }
                         } __finally {
                             ExReleaseResourceAndLeaveCriticalRegion(&resource);
                         }
                     }),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_FALSE(KeAreApcsDisabled());
    NT_EXPECT_TRUE(ExTryToAcquireFastMutex(&mutex));
    ExReleaseFastMutex(&mutex);
    ExDeleteResourceLite(&resource);
}

/* ---- through the executive ---- */

static PDEVICE_OBJECT Lower;
static PIRP SeenInHandler;
static NTSTATUS CaughtInDispatch;

static NTSTATUS NTAPI
KeepIrp(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* IRP_MJ_DEVICE_CONTROL of both devices: the upper one calls the lower one, which raises. */
static NTSTATUS NTAPI
CallLowerWhichRaises(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIRP other;

    if (Device == Lower) {
        ExRaiseStatus(STATUS_DEVICE_NOT_READY);
    }
    other = IoAllocateIrp(2, FALSE);
    IoGetNextIrpStackLocation(other)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoSetCompletionRoutine(other, KeepIrp, NULL, TRUE, TRUE, TRUE);
    __try {
        IoCallDriver(Lower, other);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        CaughtInDispatch = GetExceptionCode();
        SeenInHandler = KiGetCurrentThread()->CurrentIrp;
        IoTestComplete(other, CaughtInDispatch, 0); /* nobody else will */
    }
    IoFreeIrp(other);
    return IoTestComplete(Irp, SeenInHandler == Irp ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL, 0);
}

static NTSTATUS
Control(HANDLE File)
{
    IO_STATUS_BLOCK iosb;

    return USER_MODE(NtDeviceIoControlFile(File, NULL, NULL, NULL, &iosb, CODE, NULL, 0, NULL, 0));
}

NT_TEST(SehDriver, ADispatchRoutineBelowRaises)
{
    HANDLE file;

    IoTestAddPlainDevice(0);
    Lower = IoTestAddDevice(NULL, 0, 0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = CallLowerWhichRaises;
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, SYNC_OPTIONS, &file), STATUS_SUCCESS);
    /* Twice: nothing of the file, the thread or the gate stays locked. */
    NT_EXPECT_STATUS(Control(file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Control(file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CaughtInDispatch, STATUS_DEVICE_NOT_READY);
    NT_EXPECT_EQ(KiGetCurrentThread()->CurrentIrp, NULL);
    NT_EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NT_EXPECT_STATUS(NtClose(file), STATUS_SUCCESS);
    IoDeleteDevice(Lower);
    IoDeleteDevice(IoTestDevice);
}

static NTSTATUS NTAPI
FaultInCompletion(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    *(NTSTATUS *)Context = RAISED(Touch(NULL, TRUE));
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS NTAPI
CallLowerAndFaultInCompletion(PDEVICE_OBJECT Device, PIRP Irp)
{
    NTSTATUS status = STATUS_SUCCESS;
    PIRP other;

    if (Device == Lower) {
        return IoTestComplete(Irp, STATUS_SUCCESS, 0);
    }
    other = IoAllocateIrp(2, FALSE);
    IoGetNextIrpStackLocation(other)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoSetCompletionRoutine(other, FaultInCompletion, &status, TRUE, TRUE, TRUE);
    IoCallDriver(Lower, other);
    IoFreeIrp(other);
    return IoTestComplete(Irp,
                          status == STATUS_ACCESS_VIOLATION &&
                                  KiGetCurrentThread()->CurrentIrp == Irp
                              ? STATUS_SUCCESS
                              : STATUS_UNSUCCESSFUL,
                          0);
}

NT_TEST(SehDriver, ACompletionRoutineFaultsInsideTry)
{
    HANDLE file;

    IoTestAddPlainDevice(0);
    Lower = IoTestAddDevice(NULL, 0, 0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = CallLowerAndFaultInCompletion;
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, SYNC_OPTIONS, &file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Control(file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Control(file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtClose(file), STATUS_SUCCESS);
    IoDeleteDevice(Lower);
    IoDeleteDevice(IoTestDevice);
}

static NTSTATUS NTAPI
RaiseInDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    ExRaiseStatus(STATUS_DEVICE_NOT_READY);
}

NT_TEST(SehDriver, ADispatchRoutineWithoutTryIsABugCheck)
{
    HANDLE file;

    IoTestAddPlainDevice(0);
    IoTestDriver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = RaiseInDispatch;
    NT_EXPECT_STATUS(IoTestTryOpen(DEVICE_NAME, GENERIC_READ, SYNC_OPTIONS, &file), STATUS_SUCCESS);
    NT_EXPECT_BUGCHECK(0x1E, Control(file));
    NT_EXPECT_EQ((NTSTATUS)KiBugCheckParameters[0], STATUS_DEVICE_NOT_READY);
}

/* ---- DPCs ---- */

static NTSTATUS CaughtInDpc;

static VOID NTAPI
DivideInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    CaughtInDpc = RAISED(Divide(5, 0));
    if (Context != NULL) {
        Divide(5, 0);
    }
}

NT_TEST(SehDpc, HasItsOwnHandlers)
{
    volatile ULONG passes = 0;
    KDPC dpc;

    KeInitializeDpc(&dpc, DivideInDpc, NULL);
    __try {
        KeInsertQueueDpc(&dpc, NULL, NULL);
        passes = passes + 1;
        ExRaiseStatus(STATUS_END_OF_FILE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        passes = passes + 1;
        NT_EXPECT_STATUS(GetExceptionCode(), STATUS_END_OF_FILE);
    }
    NT_EXPECT_EQ(passes, 2);
    NT_EXPECT_STATUS(CaughtInDpc, STATUS_INTEGER_DIVIDE_BY_ZERO);
}

/* The block belongs to what the DPC interrupted. */
NT_TEST(SehDpc, DoesNotReachTheHandlersOfItsThread)
{
    KDPC dpc;

    KeInitializeDpc(&dpc, DivideInDpc, &dpc);
    NT_EXPECT_BUGCHECK(0x1E, RAISED(KeInsertQueueDpc(&dpc, NULL, NULL)));
    NT_EXPECT_EQ((NTSTATUS)KiBugCheckParameters[0], STATUS_INTEGER_DIVIDE_BY_ZERO);
}
