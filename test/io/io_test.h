/* SPDX-License-Identifier: MIT
 *
 * io_test.h - the kernel up to io on hal/sim, a driver without an image, and threads
 *
 * A test's own memory is user memory (it lies in no kernel range), so that a call in USER_MODE
 * finds it where a client's would be.
 */
#pragma once

#include "io/io.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

#define US(text) RTL_CONSTANT_STRING(text)
#define DEVICE_NAME L"\\Device\\IoTest"

static PDRIVER_OBJECT IoTestDriver;
static PDEVICE_OBJECT IoTestDevice __attribute__((unused));

static inline ULONG64
IoTestPoolBlocks(VOID)
{
    EXP_POOL_STATISTICS statistics;

    ExpQueryPoolStatistics(&statistics);
    return statistics.BlocksInUse;
}

static inline VOID
IoTestStart(VOID)
{
    static const HALP_UPCALLS upcalls = {MiHandleFault, KiHostThreadExit};
    PSP_EVENT_OPTIONS options = {.Disabled = TRUE};
    UNICODE_STRING name = US(L"IoTest");

    NT_EXPECT_STATUS(HalpInitialize(HALP_VERSION, &upcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(2), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializePools(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MiInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ObpInitializeSystem(), STATUS_SUCCESS);
    PspSetEventOptions(&options);
    NT_EXPECT_STATUS(PspInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ExpInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IopInitializeSystem(), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IopCreateDriverObject(&name, NULL, NULL, 0, NULL, &IoTestDriver),
                     STATUS_SUCCESS);
}

/* Blocks with one of io's tags. */
static inline BOOLEAN
IoTestCountBlock(PVOID Context, const EXP_POOL_BLOCK *Block)
{
    static const char *const tags[] = {"Irp ", "IoSB", "IoNm", "Devi", "Driv", "IoSd", "IoWi",
                                       "IoCp", "IoCx", "IoEr", "IoWm", "IoPo", "IoPn", "IoTh"};

    NT_FOR_EACH (tag, tags) {
        *(ULONG *)Context += memcmp(*tag, &Block->Tag, sizeof(Block->Tag)) == 0;
    }
    return TRUE;
}

static inline VOID
IoTestStop(VOID)
{
    ULONG left = 0;

    if (IoTestDriver != NULL) {
        IopDeleteDriverObject(IoTestDriver);
    }
    NT_EXPECT_EQ(IopIrpsInUse(), 0);
    PspRundownProcess(PspClientProcess);
    IopShutdownSystem();
    ObpRunDeferredDeletes();
    ExpForEachPoolBlock(IoTestCountBlock, &left);
    NT_EXPECT_EQ(left, 0);
    ExpShutdownSystem();
    PspShutdownSystem();
    ObpShutdownSystem();
    MiShutdownSystem();
    KiShutdownSystem();
    HalpShutdown();
}

/* A device that can be opened, of IoTestDriver. */
static inline PDEVICE_OBJECT
IoTestAddDevice(PCWSTR Name, ULONG ExtensionSize, ULONG Flags)
{
    UNICODE_STRING name;
    PDEVICE_OBJECT device;

    RtlInitUnicodeString(&name, Name);
    NT_EXPECT_STATUS(IoCreateDevice(IoTestDriver, ExtensionSize, Name != NULL ? &name : NULL,
                                    FILE_DEVICE_UNKNOWN, 0, FALSE, &device),
                     STATUS_SUCCESS);
    device->Flags |= Flags;
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return device;
}

static inline NTSTATUS
IoTestComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static inline NTSTATUS NTAPI
IoTestSucceed(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

/* The device most tests want: CREATE, CLEANUP and CLOSE succeed. */
static inline VOID
IoTestAddPlainDevice(ULONG Flags)
{
    IoTestDevice = IoTestAddDevice(DEVICE_NAME, 0, Flags);
    IoTestDriver->MajorFunction[IRP_MJ_CREATE] = IoTestSucceed;
    IoTestDriver->MajorFunction[IRP_MJ_CLEANUP] = IoTestSucceed;
    IoTestDriver->MajorFunction[IRP_MJ_CLOSE] = IoTestSucceed;
}

/* Evaluates the call as user mode would make it. */
#define USER_MODE(call)                                  \
    ({                                                   \
        KiGetCurrentThread()->PreviousMode = UserMode;   \
        NTSTATUS userStatus = (call);                    \
        KiGetCurrentThread()->PreviousMode = KernelMode; \
        userStatus;                                      \
    })

#define SYNC_OPTIONS FILE_SYNCHRONOUS_IO_NONALERT

/* Opens by name with user mode's eyes; Options 0: asynchronous. */
static inline NTSTATUS
IoTestTryOpen(PCWSTR Name, ACCESS_MASK Access, ULONG Options, HANDLE *Handle)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return USER_MODE(NtCreateFile(Handle, Access, &attributes, &iosb, NULL, 0,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, Options, NULL, 0));
}

static inline HANDLE
IoTestOpen(ULONG Options)
{
    HANDLE handle = NULL;

    NT_EXPECT_STATUS(
        IoTestTryOpen(DEVICE_NAME, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, Options, &handle),
        STATUS_SUCCESS);
    return handle;
}

static inline VOID
IoTestClose(HANDLE Handle)
{
    NT_EXPECT_STATUS(USER_MODE(NtClose(Handle)), STATUS_SUCCESS);
}

static inline PFILE_OBJECT
IoTestFile(HANDLE Handle)
{
    PVOID file = NULL;

    NT_EXPECT_STATUS(ObReferenceObjectByHandle(Handle, 0, *IoFileObjectType, UserMode, &file, NULL),
                     STATUS_SUCCESS);
    ObDereferenceObject(file);
    return file;
}

static inline HANDLE
IoTestEvent(EVENT_TYPE Type)
{
    HANDLE handle = NULL;

    NT_EXPECT_STATUS(USER_MODE(NtCreateEvent(&handle, EVENT_ALL_ACCESS, NULL, Type, FALSE)),
                     STATUS_SUCCESS);
    return handle;
}

/* 0: signalled (and reset, if auto-reset). STATUS_TIMEOUT: not. */
static inline NTSTATUS
IoTestPoll(HANDLE Handle)
{
    LARGE_INTEGER now = {.QuadPart = 0};

    return USER_MODE(NtWaitForSingleObject(Handle, FALSE, &now));
}

/* A thread of the client process, as a host thread that attaches itself. */
typedef struct IO_TEST_THREAD {
    HALP_THREAD *Host;
} IO_TEST_THREAD;

static inline VOID
IoTestRun(IO_TEST_THREAD *Thread, void (*Start)(void *), PVOID Context)
{
    NT_EXPECT_STATUS(HalpCreateThread(&Thread->Host, "client", Start, Context), HALP_OK);
}

static inline VOID
IoTestJoin(IO_TEST_THREAD *Thread)
{
    HalpWaitThreadEnd(Thread->Host);
}
