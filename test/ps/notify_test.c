/* SPDX-License-Identifier: MIT
 *
 * notify_test.c - registration of notify routines, delivery of events, removal during calls
 */
#include "ps_test.h"
#include "ps_seen.h"

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
}

void
NtTestTearDown(void)
{
    PsTestStop();
}

static VOID
Deliver(HALP_EVENT Event)
{
    PspDeliverEvent(&Event);
}

/* ---- registration ---- */

NT_TEST(Notify, DuplicatesAreRefusedAndRemovalNeedsRegistration)
{
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, TRUE), STATUS_PROCEDURE_NOT_FOUND);
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, FALSE), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, TRUE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, TRUE), STATUS_PROCEDURE_NOT_FOUND);
    NT_EXPECT_STATUS(PsRemoveLoadImageNotifyRoutine(OnImage), STATUS_PROCEDURE_NOT_FOUND);
    NT_EXPECT_STATUS(PsSetLoadImageNotifyRoutine(OnImage), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsRemoveLoadImageNotifyRoutine(OnImage), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtboxSetMachineNotifyRoutine(OnMachine, TRUE), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(NtboxSetMachineNotifyRoutine(OnMachine, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtboxSetMachineNotifyRoutine(OnMachine, FALSE), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(NtboxSetMachineNotifyRoutine(OnMachine, TRUE), STATUS_SUCCESS);
}

NT_TEST(Notify, AtMost64RoutinesAKind)
{
    for (ULONG_PTR i = 1; i <= 64; ++i) {
        NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine((PCREATE_PROCESS_NOTIFY_ROUTINE)i, FALSE),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(PsSetLoadImageNotifyRoutine((PLOAD_IMAGE_NOTIFY_ROUTINE)i),
                         STATUS_SUCCESS);
    }
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, FALSE), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PsSetLoadImageNotifyRoutine(OnImage), STATUS_INSUFFICIENT_RESOURCES);
    NT_EXPECT_STATUS(
        PsSetCreateProcessNotifyRoutine((PCREATE_PROCESS_NOTIFY_ROUTINE)(ULONG_PTR)30, TRUE),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutine(OnProcess, FALSE), STATUS_SUCCESS);
}

NT_TEST(Notify, Ex2TakesOneTypeAndImageFlagsAreChecked)
{
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutineEx2(1, (PVOID)OnProcessEx, FALSE),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutineEx2(0, (PVOID)OnProcessEx, FALSE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsSetCreateProcessNotifyRoutineEx2(0, (PVOID)OnProcessEx, TRUE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(PsSetLoadImageNotifyRoutineEx(OnImage, 2), STATUS_INVALID_PARAMETER_2);
}

NT_TEST(Notify, RegistrationAboveItsIrqlIsABugcheck)
{
    KIRQL old;

    KeRaiseIrql(APC_LEVEL, &old);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL, PsSetCreateProcessNotifyRoutine(OnProcess, FALSE));
}

/* ---- delivery ---- */

NT_TEST(Notify, CreateAndExitComeInTheContextThatWindowsDocuments)
{
    PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    Deliver(PsTestCreate(100, 50, "/bin/make", "make all"));
    Deliver(PsTestCreate(101, 100, "/bin/cc", "cc -c x.c"));
    Deliver(PsTestExit(101, 0));
    Deliver(PsTestExit(100, 2 << 8));
    NT_EXPECT_STR(Seen, "create 100<50 in 50.51;create 101<100 in 100.101;"
                        "exit 101<100 in 101.101;exit 100<50 in 100.100;");
    NT_EXPECT_EQ(PsGetCurrentProcessId(), PspClientProcess->UniqueProcessId);
    NT_EXPECT_EQ(KiGetCurrentThread()->Process, &PspClientProcess->Pcb);
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
}

NT_TEST(Notify, ExtendedRoutineGetsNameAndCommandLine)
{
    PsSetCreateProcessNotifyRoutineEx(OnProcessEx, FALSE);
    Deliver(PsTestCreate(100, 50, "/bin/ma\xC3\xBCke", "make all"));
    Deliver(PsTestExit(100, 2 << 8));
    Deliver(PsTestCreate(100, 50, NULL, NULL));
    Deliver(PsTestExit(100, 9));
    NT_EXPECT_STR(Seen, "create 100 /bin/ma?ke 'make all' by 50.51 flags 3;exit 100 status 2;"
                        "create 100 NULL 'NULL' by 50.51 flags 2;exit 100 status 137;");
    PsSetCreateProcessNotifyRoutineEx(OnProcessEx, TRUE);
}

NT_TEST(Notify, ProcessesOfTheMachineAreFoundBetweenCreateAndExit)
{
    PUNICODE_STRING name;
    PEPROCESS process;

    NT_EXPECT_STATUS(PsLookupProcessByProcessId(ID(100), &process), STATUS_INVALID_PARAMETER);
    Deliver(PsTestCreate(100, 50, "/usr/bin/a-rather-long-program-name", NULL));
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(ID(100), &process), STATUS_SUCCESS);
    NT_EXPECT_EQ(PsGetProcessId(process), ID(100));
    NT_EXPECT_STR(PsGetProcessImageFileName(process), "a-rather-long-p");
    NT_EXPECT_EQ(PsGetProcessCreateTimeQuadPart(process), 1100);
    NT_EXPECT_STATUS(PsGetProcessExitStatus(process), STATUS_PENDING);
    NT_EXPECT_STATUS(SeLocateProcessImageName(process, &name), STATUS_SUCCESS);
    NT_EXPECT_WSTR(name->Buffer, L"/usr/bin/a-rather-long-program-name");
    ExFreePool(name);
    Deliver(PsTestExit(100, 0));
    NT_EXPECT_STATUS(PsGetProcessExitStatus(process), STATUS_SUCCESS);
    ObDereferenceObject(process);
    NT_EXPECT_STATUS(PsLookupProcessByProcessId(ID(100), &process), STATUS_INVALID_PARAMETER);
}

NT_TEST(Notify, ImagesComeInTheLoadingProcessAndDriversAsSystemImages)
{
    UNICODE_STRING driver = RTL_CONSTANT_STRING(L"/lib/driver.so");

    PsSetLoadImageNotifyRoutine(OnImage);
    Deliver(PsTestCreate(100, 50, "/bin/cat", NULL));
    Deliver(PsTestImage(100, "/lib/libc.so.6", 0x7000, 0x2000));
    Deliver(PsTestImage(100, NULL, 0x9000, 0x1000));
    PspNotifyDriverImage(&driver, (PVOID)0x5000, 0x3000);
    Deliver(PsTestExit(100, 0));
    NT_EXPECT_STR(Seen, "image /lib/libc.so.6 in 100/100 at 7000+2000;"
                        "image NULL in 100/100 at 9000+1000;"
                        "image /lib/driver.so in 0/4 at 5000+3000 system;");
    PsRemoveLoadImageNotifyRoutine(OnImage);
}

static VOID NTAPI
Refuse(PEPROCESS Process, HANDLE ProcessId, PPS_CREATE_NOTIFY_INFO Info)
{
    if (Info != NULL) {
        Info->CreationStatus = STATUS_ACCESS_DENIED;
    }
}

NT_TEST(Notify, RefusingAProcessIsToldOnceARoutine)
{
    PsSetCreateProcessNotifyRoutineEx(Refuse, FALSE);
    SimTakeLog();
    Deliver(PsTestCreate(100, 50, "/bin/a", NULL));
    NT_EXPECT_CONTAINS(SimTakeLog(), "0xC0000022");
    Deliver(PsTestCreate(101, 50, "/bin/b", NULL));
    NT_EXPECT_STR(SimTakeLog(), "");
    PsSetCreateProcessNotifyRoutineEx(Refuse, TRUE);
}

static VOID NTAPI
ReturnInRegion(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
    KeEnterCriticalRegion();
}

NT_TEST(Notify, RoutineThatReturnsDifferentlyIsABugcheck)
{
    PsSetCreateProcessNotifyRoutine(ReturnInRegion, FALSE);
    NT_EXPECT_BUGCHECK(IRQL_UNEXPECTED_VALUE, Deliver(PsTestCreate(100, 50, "/bin/a", NULL)));
}

static VOID NTAPI
RemoveSelf(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
    PsSetCreateProcessNotifyRoutine(RemoveSelf, TRUE);
}

NT_TEST(Notify, RoutineThatRemovesItselfIsABugcheckNotADeadlock)
{
    PsSetCreateProcessNotifyRoutine(RemoveSelf, FALSE);
    NT_EXPECT_BUGCHECK(DRIVER_VERIFIER_DETECTED_VIOLATION,
                       Deliver(PsTestCreate(100, 50, "/bin/a", NULL)));
}

static VOID NTAPI
RegisterOther(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
    if (Create) {
        NT_EXPECT_STATUS(PsSetLoadImageNotifyRoutine(OnImage), STATUS_SUCCESS);
    }
}

NT_TEST(Notify, RoutineMayRegisterAnother)
{
    PsSetCreateProcessNotifyRoutine(RegisterOther, FALSE);
    Deliver(PsTestCreate(100, 50, "/bin/a", NULL));
    Deliver(PsTestImage(100, "/bin/a", 0x1000, 0x1000));
    NT_EXPECT_STR(Seen, "image /bin/a in 100/100 at 1000+1000;");
    NT_EXPECT_EQ(PspRemoveNotifyRoutinesInRange(0, ~(SIZE_T)0), 2);
}

static LARGE_INTEGER EventTime;
static NTSTATUS EventTimeStatus;

static VOID NTAPI
ReadTime(HANDLE ParentId, HANDLE ProcessId, BOOLEAN Create)
{
    EventTimeStatus = NtboxQueryMachineEventTime(&EventTime);
}

NT_TEST(Notify, EventTimeIsKnownInsideARoutineOnly)
{
    PsSetCreateProcessNotifyRoutine(ReadTime, FALSE);
    NT_EXPECT_STATUS(NtboxQueryMachineEventTime(&EventTime), STATUS_NOT_FOUND);
    Deliver(PsTestCreate(100, 50, "/bin/a", NULL));
    NT_EXPECT_STATUS(EventTimeStatus, STATUS_SUCCESS);
    NT_EXPECT_EQ(EventTime.QuadPart, 1100);
    PsSetCreateProcessNotifyRoutine(ReadTime, TRUE);
}

/* ---- losses and the end of the source ---- */

NT_TEST(Notify, LossesAreToldOnceAndAreKeptForALaterRoutine)
{
    HALP_EVENT lost = {.Type = HALP_EVENT_LOST, .Lost = 7};

    SimTakeLog();
    Deliver(lost);
    NT_EXPECT_CONTAINS(SimTakeLog(), "dropped");
    Deliver(lost);
    NT_EXPECT_STR(SimTakeLog(), "");
    NtboxSetMachineNotifyRoutine(OnMachine, FALSE);
    Deliver(lost);
    NT_EXPECT_STR(Seen, "lost 14;lost 7;");
    NT_EXPECT_EQ(PspQueryHostLost(), 21);
    NtboxSetMachineNotifyRoutine(OnMachine, TRUE);
}

/* ---- audits ---- */

NT_TEST(Notify, RoutinesInARangeAreCountedByKindAndRemoved)
{
    const char *kind = NULL;

    PsSetLoadImageNotifyRoutine(OnImage);
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange((ULONG_PTR)OnImage, 1, &kind), 1);
    NT_EXPECT_STR(kind, "load-image notify routine");
    PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange(0, ~(SIZE_T)0, &kind), 2);
    NT_EXPECT_STR(kind, "process notify routine");
    NT_EXPECT_EQ(PspRemoveNotifyRoutinesInRange((ULONG_PTR)OnImage, 1), 1);
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange(0, ~(SIZE_T)0, NULL), 1);
    NT_EXPECT_EQ(PspRemoveNotifyRoutinesInRange(0, ~(SIZE_T)0), 1);
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange(0, ~(SIZE_T)0, NULL), 0);
}
