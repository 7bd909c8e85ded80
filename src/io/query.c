/* SPDX-License-Identifier: MIT
 *
 * io/query.c - the state that drivers of media keep with the I/O manager, and small checks of IRPs
 *
 * Locks    IopVpbLock (spin): NT's lock of volume parameter blocks; no device here has one
 * Source   WDK reference, wdm.h, ntddk.h, ntifs.h: each function's page
 */
#include "io/iop.h"

/* Where NT keeps an IRP's priority hint, as hint + 1; no IRP_ flag has these bits. */
#define IOP_PRIORITY_SHIFT 17
#define IOP_PRIORITY_MASK (7u << IOP_PRIORITY_SHIFT)

static KSPIN_LOCK IopVpbLock;
static CONFIGURATION_INFORMATION IopConfiguration = {.Version = sizeof(CONFIGURATION_INFORMATION)};

#pragma GCC visibility push(default)

/*
 * IoGetConfigurationInformation - how many disks, ports and the like there are
 *
 * Drivers count their devices in it themselves; nothing was found before them.
 *
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntddk-iogetconfigurationinformation
 */
PCONFIGURATION_INFORMATION NTAPI
IoGetConfigurationInformation(VOID)
{
    NT_ENTER(IoGetConfigurationInformation);
    return &IopConfiguration;
}

/* ---- removable media ---- */

/* The IRP's thread is to have this device verified. <= DISPATCH_LEVEL. */
VOID NTAPI
IoSetHardErrorOrVerifyDevice(PIRP Irp, PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoSetHardErrorOrVerifyDevice);
    PETHREAD thread = Irp->Tail.Overlay.Thread;

    if (thread == NULL) {
        KiBugCheckDetail(DRIVER_VIOLATION, (ULONG_PTR)Irp, 0, 0, NT_CALLER(),
                         "IoSetHardErrorOrVerifyDevice: the IRP belongs to no thread");
    }
    __atomic_store_n(&thread->Tcb.DeviceToVerify, DeviceObject, __ATOMIC_RELEASE);
}

/* NULL: none. <= DISPATCH_LEVEL. Source: WDK reference, nf-ntifs-iogetdevicetoverify */
PDEVICE_OBJECT NTAPI
IoGetDeviceToVerify(PETHREAD Thread)
{
    NT_ENTER(IoGetDeviceToVerify);
    return __atomic_load_n(&Thread->Tcb.DeviceToVerify, __ATOMIC_ACQUIRE);
}

/* DeviceObject may be NULL. <= DISPATCH_LEVEL. Source: nf-ntifs-iosetdevicetoverify */
VOID NTAPI
IoSetDeviceToVerify(PETHREAD Thread, PDEVICE_OBJECT DeviceObject)
{
    NT_ENTER(IoSetDeviceToVerify);
    __atomic_store_n(&Thread->Tcb.DeviceToVerify, DeviceObject, __ATOMIC_RELEASE);
}

/* To DISPATCH_LEVEL with NT's VPB lock. Source: WDK reference, nf-ntifs-ioacquirevpbspinlock */
VOID NTAPI
IoAcquireVpbSpinLock(PKIRQL Irql)
{
    NT_ENTER(IoAcquireVpbSpinLock);
    KeAcquireSpinLock(&IopVpbLock, Irql);
}

VOID NTAPI
IoReleaseVpbSpinLock(KIRQL Irql)
{
    NT_ENTER(IoReleaseVpbSpinLock);
    KeReleaseSpinLock(&IopVpbLock, Irql);
}

/* ---- hard errors: the log stands for the dialog box ---- */

/* Returns whether they were enabled. <= DISPATCH_LEVEL. nf-ntddk-iosetthreadharderrormode */
BOOLEAN NTAPI
IoSetThreadHardErrorMode(BOOLEAN EnableHardErrors)
{
    NT_ENTER(IoSetThreadHardErrorMode);
    KTHREAD *thread = KiGetCurrentThread();
    BOOLEAN before = !thread->HardErrorsDisabled;

    thread->HardErrorsDisabled = !EnableHardErrors;
    return before;
}

/*
 * IoRaiseHardError - tell the user of the error that the IRP carries, then complete it without data
 *
 * IRQL     <= APC_LEVEL
 * Differs  one line of the log instead of a dialog box, so that nobody can choose to try again
 * Source   WDK reference, nf-ntddk-ioraiseharderror
 */
VOID NTAPI
IoRaiseHardError(PIRP Irp, PVPB Vpb, PDEVICE_OBJECT RealDeviceObject)
{
    NT_ENTER(IoRaiseHardError);
    if (!KiGetCurrentThread()->HardErrorsDisabled) {
        char name[96];
        IopNarrow(&RealDeviceObject->DriverObject->DriverName, name, sizeof(name));
        IopLog("hard error of a device of %s: status 0x%08x", name, (unsigned)Irp->IoStatus.Status);
    }
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_DISK_INCREMENT);
}

/*
 * IoRaiseInformationalHardError - tell the user why a request failed
 *
 * Thread  NULL: the current one
 *
 * Returns  FALSE: hard errors are disabled for the thread
 * IRQL     <= APC_LEVEL
 * Differs  one line of the log instead of a dialog box, which session 0 does not have either
 * Source   WDK reference, nf-ntddk-ioraiseinformationalharderror
 */
BOOLEAN NTAPI
IoRaiseInformationalHardError(NTSTATUS ErrorStatus, PUNICODE_STRING String, PKTHREAD Thread)
{
    NT_ENTER(IoRaiseInformationalHardError);
    char text[128] = "";

    if ((Thread != NULL ? Thread : KiGetCurrentThread())->HardErrorsDisabled) {
        return FALSE;
    }
    if (String != NULL) {
        IopNarrow(String, text, sizeof(text));
    }
    IopLog("hard error 0x%08x%s%s", (unsigned)ErrorStatus, String != NULL ? ": " : "", text);
    return TRUE;
}

/* ---- IRPs and files ---- */

/* IoPriorityNormal unless it was set. Any IRQL. Source: WDK reference, nf-wdm-iogetiopriorityhint
 */
IO_PRIORITY_HINT NTAPI
IoGetIoPriorityHint(PIRP Irp)
{
    ULONG hint = (Irp->Flags & IOP_PRIORITY_MASK) >> IOP_PRIORITY_SHIFT;

    return hint == 0 ? IoPriorityNormal : (IO_PRIORITY_HINT)(hint - 1);
}

/* STATUS_INVALID_PARAMETER: no such hint. Any IRQL. Source: nf-wdm-iosetiopriorityhint */
NTSTATUS NTAPI
IoSetIoPriorityHint(PIRP Irp, IO_PRIORITY_HINT PriorityHint)
{
    if ((ULONG)PriorityHint >= MaxIoPriorityTypes) {
        return STATUS_INVALID_PARAMETER;
    }
    Irp->Flags =
        (Irp->Flags & ~IOP_PRIORITY_MASK) | (((ULONG)PriorityHint + 1) << IOP_PRIORITY_SHIFT);
    return STATUS_SUCCESS;
}

/* IoPagingPriorityInvalid: no paging request, as none here is. nf-ntddk-iogetpagingiopriority */
IO_PAGING_PRIORITY FASTCALL
IoGetPagingIoPriority(PIRP Irp)
{
    return Irp->Flags & IRP_PAGING_IO ? IoPagingPriorityNormal : IoPagingPriorityInvalid;
}

/*
 * IoSetMasterIrpStatus - merge a part's status into the whole's: the more severe one stays
 *
 * STATUS_VERIFY_REQUIRED always replaces; a success, as STATUS_FT_READ_FROM_COPY is, never does.
 *
 * IRQL     any
 * Source   WDK reference, nf-ntddk-iosetmasterirpstatus
 */
VOID NTAPI
IoSetMasterIrpStatus(PIRP MasterIrp, NTSTATUS Status)
{
    ULONG before = (ULONG)MasterIrp->IoStatus.Status >> 30;

    if (Status == STATUS_VERIFY_REQUIRED || (!NT_SUCCESS(Status) && (ULONG)Status >> 30 > before)) {
        MasterIrp->IoStatus.Status = Status;
    }
}

/*
 * IoValidateDeviceIoControlAccess - has the sender of this control request that access?
 *
 * RequiredAccess  FILE_READ_ACCESS, FILE_WRITE_ACCESS, or both
 *
 * Errors   STATUS_ACCESS_DENIED; STATUS_INVALID_PARAMETER (another access or none, another major
 *          function). A request of kernel mode has every access; one of user mode that came through
 *          no handle has none.
 * IRQL     any
 * Source   WDK reference, nf-wdmsec-wdmlibiovalidatedeviceiocontrolaccess
 */
NTSTATUS NTAPI
IoValidateDeviceIoControlAccess(PIRP Irp, ULONG RequiredAccess)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    IOP_IRP *header = IopIrpHeader(Irp);
    ACCESS_MASK granted = header != NULL ? header->Granted : 0;

    if ((location->MajorFunction != IRP_MJ_DEVICE_CONTROL &&
         location->MajorFunction != IRP_MJ_FILE_SYSTEM_CONTROL) ||
        RequiredAccess == 0 ||
        (RequiredAccess & ~(ULONG)(FILE_READ_ACCESS | FILE_WRITE_ACCESS)) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Irp->RequestorMode == KernelMode) {
        return STATUS_SUCCESS;
    }
    if (((RequiredAccess & FILE_READ_ACCESS) && !(granted & FILE_READ_DATA)) ||
        ((RequiredAccess & FILE_WRITE_ACCESS) && !(granted & FILE_WRITE_DATA))) {
        return STATUS_ACCESS_DENIED;
    }
    return STATUS_SUCCESS;
}

/* NULL: there are no transactions. Any IRQL. Source: nf-ntddk-iogettransactionparameterblock */
PTXN_PARAMETER_BLOCK NTAPI
IoGetTransactionParameterBlock(PFILE_OBJECT FileObject)
{
    return NULL;
}

/* Only after the create has completed. Any IRQL. Source: nf-ntddk-ioisfileoriginremote */
BOOLEAN NTAPI
IoIsFileOriginRemote(PFILE_OBJECT FileObject)
{
    return (IopFlagsOf(FileObject) & FO_REMOTE_ORIGIN) != 0;
}

/* STATUS_INVALID_PARAMETER_MIX: it is so already. Any IRQL. Source: nf-ntddk-iosetfileorigin */
NTSTATUS NTAPI
IoSetFileOrigin(PFILE_OBJECT FileObject, BOOLEAN Remote)
{
    ULONG before;

    if (Remote) {
        before = __atomic_fetch_or(&FileObject->Flags, FO_REMOTE_ORIGIN, __ATOMIC_RELAXED);
    } else {
        before = __atomic_fetch_and(&FileObject->Flags, ~(ULONG)FO_REMOTE_ORIGIN, __ATOMIC_RELAXED);
    }
    return ((before & FO_REMOTE_ORIGIN) != 0) == (Remote != FALSE) ? STATUS_INVALID_PARAMETER_MIX
                                                                   : STATUS_SUCCESS;
}

/* FALSE: no file here has been opened so. Any IRQL. nf-ntddk-ioisfileobjectignoringsharing */
BOOLEAN NTAPI
IoIsFileObjectIgnoringSharing(PFILE_OBJECT FileObject)
{
    return FALSE;
}

#pragma GCC visibility pop
