/* SPDX-License-Identifier: MIT
 *
 * io/thread.c - what runs for a driver on its own: system threads of a device, reinitialisation
 *
 * Invariants  N1  A thread of IoCreateSystemThread holds its object from its creation to its end,
 *                 however it ends: IopRundownThread lets go of it.
 *             N2  A reinitialisation routine is called once for each registration, after its
 *                 DriverEntry has succeeded, in the order of registration.
 * Locks       IopDatabaseLock guards the registrations.
 * Source      WDK reference, wdm.h IoCreateSystemThread; ntddk.h IoRegisterDriverReinitialization,
 *             IoRegisterBootDriverReinitialization
 */
#include "io/iop.h"

#define IOP_TAG_THREAD IOP_MAKE_TAG('I', 'o', 'T', 'h')

typedef struct IOP_THREAD_START {
    PVOID IoObject; /* referenced */
    PKSTART_ROUTINE Routine;
    PVOID Context;
} IOP_THREAD_START;

typedef struct IOP_REINITIALIZE {
    LIST_ENTRY Link;
    PDRIVER_OBJECT DriverObject;
    PDRIVER_REINITIALIZE Routine;
    PVOID Context;
} IOP_REINITIALIZE;

static LIST_ENTRY IopReinitializeList NT_GUARDED_BY(IopDatabaseLock) = {&IopReinitializeList,
                                                                        &IopReinitializeList};

static VOID NTAPI
IopRunDeviceThread(PVOID Context)
{
    PETHREAD thread = (PETHREAD)KiGetCurrentThread();
    IOP_THREAD_START start = *(IOP_THREAD_START *)Context;

    ExFreePoolWithTag(Context, IOP_TAG_THREAD);
    thread->Tcb.IoObject = start.IoObject;
    start.Routine(start.Context);
}

VOID
IopReleaseThreadObject(PETHREAD Thread)
{
    PVOID object = Thread->Tcb.IoObject;

    Thread->Tcb.IoObject = NULL;
    if (object != NULL) {
        ObDereferenceObject(object);
    }
}

/* The driver's first registration, or NULL; taken off the list. */
static IOP_REINITIALIZE *
IopTakeReinitialize(PDRIVER_OBJECT DriverObject)
{
    IOP_REINITIALIZE *found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    for (PLIST_ENTRY link = IopReinitializeList.Flink;
         link != &IopReinitializeList && found == NULL; link = link->Flink) {
        IOP_REINITIALIZE *entry = CONTAINING_RECORD(link, IOP_REINITIALIZE, Link);
        if (entry->DriverObject == DriverObject) {
            RemoveEntryList(link);
            found = entry;
        }
    }
    KeReleaseSpinLock(&IopDatabaseLock, irql);
    return found;
}

VOID
IopReinitializeDriver(PDRIVER_OBJECT DriverObject)
{
    IOP_REINITIALIZE *entry;

    while ((entry = IopTakeReinitialize(DriverObject)) != NULL) {
        entry->Routine(DriverObject, entry->Context, ++DriverObject->DriverExtension->Count);
        ExFreePoolWithTag(entry, IOP_TAG_THREAD);
    }
}

VOID
IopForgetReinitialize(PDRIVER_OBJECT DriverObject)
{
    IOP_REINITIALIZE *entry;

    while ((entry = IopTakeReinitialize(DriverObject)) != NULL) {
        ExFreePoolWithTag(entry, IOP_TAG_THREAD);
    }
}

#pragma GCC visibility push(default)

/*
 * IoCreateSystemThread - PsCreateSystemThread for a device's or a driver's thread
 *
 * IoObject  device or driver object: referenced until the thread has ended
 *
 * Errors   as PsCreateSystemThread; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-iocreatesystemthread
 */
NTSTATUS NTAPI
IoCreateSystemThread(PVOID IoObject, PHANDLE ThreadHandle, ULONG DesiredAccess,
                     POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle, PCLIENT_ID ClientId,
                     PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    NT_ENTER(IoCreateSystemThread);
    IOP_THREAD_START *start;
    NTSTATUS status;

    start = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*start), IOP_TAG_THREAD);
    if (start == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObReferenceObject(IoObject);
    *start = (IOP_THREAD_START){IoObject, StartRoutine, StartContext};
    status = PsCreateSystemThread(ThreadHandle, DesiredAccess, ObjectAttributes, ProcessHandle,
                                  ClientId, IopRunDeviceThread, start);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(IoObject);
        ExFreePoolWithTag(start, IOP_TAG_THREAD);
    }
    return status;
}

/*
 * IoRegisterDriverReinitialization - have Routine called once DriverEntry has succeeded
 *
 * The routine may register itself again. Its Count is how often one was called for the driver.
 *
 * Errors   without memory nothing is registered, which the log says
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntddk-ioregisterdriverreinitialization
 */
VOID NTAPI
IoRegisterDriverReinitialization(PDRIVER_OBJECT DriverObject,
                                 PDRIVER_REINITIALIZE DriverReinitializationRoutine, PVOID Context)
{
    NT_ENTER(IoRegisterDriverReinitialization);
    IOP_REINITIALIZE *entry = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*entry), IOP_TAG_THREAD);
    KIRQL irql;

    if (entry == NULL) {
        IopLog("no memory for a reinitialization routine");
        return;
    }
    entry->DriverObject = DriverObject;
    entry->Routine = DriverReinitializationRoutine;
    entry->Context = Context;
    KeAcquireSpinLock(&IopDatabaseLock, &irql);
    DriverObject->Flags |= DRVO_REINIT_REGISTERED;
    InsertTailList(&IopReinitializeList, &entry->Link);
    KeReleaseSpinLock(&IopDatabaseLock, irql);
}

/*
 * IoRegisterBootDriverReinitialization - the same, once all devices are there: they are
 *
 * Differs  no driver is loaded at boot: the routine follows its own DriverEntry
 * Source   WDK reference, nf-ntddk-ioregisterbootdriverreinitialization
 */
VOID NTAPI
IoRegisterBootDriverReinitialization(PDRIVER_OBJECT DriverObject,
                                     PDRIVER_REINITIALIZE DriverReinitializationRoutine,
                                     PVOID Context)
{
    NT_ENTER(IoRegisterBootDriverReinitialization);
    IoRegisterDriverReinitialization(DriverObject, DriverReinitializationRoutine, Context);
}

#pragma GCC visibility pop
