/* SPDX-License-Identifier: MIT
 *
 * registers.c - a driver that registers for much, is called again once it is loaded, and takes
 * nothing back
 */
#include <ntifs.h>

static const GUID Id = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Registers");

static NTSTATUS NTAPI
OnInterface(PVOID Structure, PVOID Context)
{
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI
OnSetting(LPCGUID Setting, PVOID Value, ULONG Length, PVOID Context)
{
    return STATUS_SUCCESS;
}

static VOID NTAPI
Again(PDRIVER_OBJECT DriverObject, PVOID Context, ULONG Count)
{
    PDEVICE_OBJECT device;
    NTSTATUS status =
        IoCreateDevice(DriverObject, 0, &DeviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);

    if (NT_SUCCESS(status)) {
        IoWMIRegistrationControl(device, WMIREG_ACTION_REGISTER);
    }
}

static VOID NTAPI
RegistersUnload(PDRIVER_OBJECT DriverObject)
{
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static REGHANDLE provider;
    static PVOID setting;
    static PVOID notification;
    NTSTATUS status = EtwRegister(&Id, NULL, NULL, &provider);

    DriverObject->DriverUnload = RegistersUnload;
    if (NT_SUCCESS(status)) {
        status = PoRegisterPowerSettingCallback(NULL, &Id, OnSetting, NULL, &setting);
    }
    if (NT_SUCCESS(status)) {
        status = IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, 0, (PVOID)&Id,
                                                DriverObject, OnInterface, NULL, &notification);
    }
    IoRegisterDriverReinitialization(DriverObject, Again, NULL);
    return status;
}
