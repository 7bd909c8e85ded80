/* SPDX-License-Identifier: MIT
 *
 * driver.c - a driver's source as public drivers are written: annotations, pragmas, __try,
 * ntstrsafe
 */
#include <Ntddk.h>
#include <wdmsec.h>
#include <csq.h>
#include <ntstrsafe.h>
#include <dontuse.h>

#pragma warning(disable : 4201)
#pragma warning(push)
#pragma comment(lib, "wdmsec.lib")
#pragma prefast(suppress : 28175, "a tool's business")
#pragma code_seg("PAGE")
#pragma code_seg()
#pragma data_seg("PAGED")
#pragma data_seg()
#pragma region names
#pragma endregion

#define TAG 'tseT'

typedef struct __declspec(align(16)) _EXTENSION {
    KSPIN_LOCK Lock;
    LIST_ENTRY List;
    IO_CSQ Queue;
    EX_SPIN_LOCK Readers;
    __declspec(align(64)) LONG volatile Count;
    _Guarded_by_(Lock) PVOID Buffer;
} EXTENSION, *PEXTENSION;

C_ASSERT(sizeof(EXTENSION) % 64 == 0);

DRIVER_INITIALIZE DriverEntry;
DRIVER_UNLOAD OnUnload;
_Dispatch_type_(IRP_MJ_CREATE) _Dispatch_type_(IRP_MJ_CLOSE) DRIVER_DISPATCH OnCreateClose;
_Dispatch_type_(IRP_MJ_DEVICE_CONTROL) DRIVER_DISPATCH OnControl;
_Function_class_(KDEFERRED_ROUTINE)
    _IRQL_requires_(DISPATCH_LEVEL) _IRQL_requires_same_ KDEFERRED_ROUTINE OnDpc;
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    CopyText(_Out_writes_bytes_(Size) PWCHAR Target, _In_ SIZE_T Size,
             _In_ PCUNICODE_STRING Source);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, OnUnload)
#endif

__declspec(code_seg("PAGE")) __declspec(noinline) static NTSTATUS Probe(PVOID Address, SIZE_T Size)
{
    NTSTATUS status = STATUS_SUCCESS;

    PAGED_CODE();
    __try {
        ProbeForRead(Address, Size, sizeof(UCHAR));
        if (Size == 0) {
            __leave;
        }
        status = *(volatile NTSTATUS *)Address;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

_Use_decl_annotations_ NTSTATUS
CopyText(PWCHAR Target, SIZE_T Size, PCUNICODE_STRING Source)
{
    return RtlStringCbPrintfW(Target, Size, L"%wZ %I64u", Source, 1ull);
}

_Use_decl_annotations_ VOID
OnDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PEXTENSION extension = (PEXTENSION)Context;
    KIRQL irql = ExAcquireSpinLockShared(&extension->Readers);

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InterlockedIncrement(&extension->Count);
    ExReleaseSpinLockShared(&extension->Readers, irql);
}

_Use_decl_annotations_ NTSTATUS
OnCreateClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    LARGE_INTEGER now;

    UNREFERENCED_PARAMETER(DeviceObject);
    KeQuerySystemTime(&now);
    KeQueryTickCount(&now);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_ NTSTATUS
OnControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PEXTENSION extension = (PEXTENSION)DeviceObject->DeviceExtension;
    NTSTATUS status = Probe(location->Parameters.DeviceIoControl.Type3InputBuffer, 4);

    extension->Buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);
    if (extension->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    DbgPrint("%wZ %I64x\n", &location->FileObject->FileName, KeQueryInterruptTime());
    return status;
}

_Use_decl_annotations_ VOID
OnUnload(PDRIVER_OBJECT DriverObject)
{
    PsSetCreateProcessNotifyRoutineEx2(PsCreateProcessNotifySubsystems, NULL, TRUE);
    IoDeleteDevice(DriverObject->DeviceObject);
}

_Use_decl_annotations_ NTSTATUS
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DECLARE_CONST_UNICODE_STRING(name, L"\\Device\\Test");
    PDEVICE_OBJECT device;

    UNREFERENCED_PARAMETER(RegistryPath);
    ExInitializeDriverRuntime(DrvRtPoolNxOptIn);
    DriverObject->DriverUnload = OnUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = OnCreateClose;
    return IoCreateDeviceSecure(DriverObject, sizeof(EXTENSION), (PUNICODE_STRING)&name,
                                FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, FALSE,
                                &SDDL_DEVOBJ_SYS_ALL_ADM_ALL, NULL, &device);
}
