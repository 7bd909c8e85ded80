/* SPDX-License-Identifier: MIT
 *
 * io/power.c - power settings that never change, and power requests that a driver sends
 *
 * The machine is awake, on mains, its display is on, for as long as ntbox runs. Who registers for
 * one of those settings is told that value once; any other setting is never told.
 *
 * Source   WDK reference, wdm.h PoRegisterPowerSettingCallback, PoRequestPowerIrp
 */
#include "io/iop.h"

#define IOP_TAG_POWER IOP_MAKE_TAG('I', 'o', 'P', 'o')

typedef struct IOP_POWER_CALLBACK {
    EXP_REGISTRATION Registration;
} IOP_POWER_CALLBACK;

typedef struct IOP_POWER_REQUEST {
    PREQUEST_POWER_COMPLETE Routine;
    PVOID Context;
    PDEVICE_OBJECT Device; /* referenced */
    UCHAR MinorFunction;
    POWER_STATE State;
} IOP_POWER_REQUEST;

static const char IopPowerCallbackKind[] = "power setting callback";

/* The settings that have a value here. */
static const struct IOP_POWER_SETTING {
    GUID Guid;
    ULONG Value;
} IopPowerSettings[] = {
    /* GUID_ACDC_POWER_SOURCE: PoAc */
    {{0x5D3E9A59, 0xE9D5, 0x4B00, {0xA6, 0xBD, 0xFF, 0x34, 0xFF, 0x51, 0x65, 0x48}}, 0},
    /* GUID_MONITOR_POWER_ON: on */
    {{0x02731015, 0x4510, 0x4526, {0x99, 0xE6, 0xE5, 0xA1, 0x7E, 0xBD, 0x1A, 0xEA}}, 1},
    /* GUID_CONSOLE_DISPLAY_STATE: PowerMonitorOn */
    {{0x6FE69556, 0x704A, 0x47A0, {0x8F, 0x24, 0xC2, 0x8D, 0x93, 0x6F, 0xDA, 0x47}}, 1},
};

static VOID
IopDropPowerCallback(EXP_REGISTRATION *Registration)
{
    ExFreePoolWithTag(CONTAINING_RECORD(Registration, IOP_POWER_CALLBACK, Registration),
                      IOP_TAG_POWER);
}

/* The request has come back: tells its sender, and frees the IRP, which stays io's. */
static NTSTATUS NTAPI
IopPowerRequestDone(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    IOP_POWER_REQUEST *request = Context;

    if (request->Routine != NULL) {
        request->Routine(request->Device, request->MinorFunction, request->State, request->Context,
                         &Irp->IoStatus);
    }
    ObDereferenceObject(request->Device);
    ExFreePoolWithTag(request, IOP_TAG_POWER);
    IoFreeIrp(Irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID
IopFillPowerLocation(PIO_STACK_LOCATION Location, UCHAR MinorFunction, POWER_STATE State)
{
    Location->MajorFunction = IRP_MJ_POWER;
    Location->MinorFunction = MinorFunction;
    if (MinorFunction == IRP_MN_WAIT_WAKE) {
        Location->Parameters.WaitWake.PowerState = State.SystemState;
    } else {
        Location->Parameters.Power.Type = DevicePowerState;
        Location->Parameters.Power.State = State;
    }
}

#pragma GCC visibility push(default)

/*
 * PoRegisterPowerSettingCallback - be told a power setting's value, and when it changes
 *
 * Callback  called before the return, if the setting has a value here; never again
 * Handle    may be NULL: then it cannot be unregistered
 *
 * Errors   STATUS_INVALID_PARAMETER (no setting, no routine), STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-poregisterpowersettingcallback
 */
NTSTATUS NTAPI
PoRegisterPowerSettingCallback(PDEVICE_OBJECT DeviceObject, LPCGUID SettingGuid,
                               PPOWER_SETTING_CALLBACK Callback, PVOID Context, PVOID *Handle)
{
    NT_ENTER(PoRegisterPowerSettingCallback);
    IOP_POWER_CALLBACK *callback;

    if (SettingGuid == NULL || Callback == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    callback = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*callback), IOP_TAG_POWER);
    if (callback == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExpInsertRegistration(&callback->Registration, IopPowerCallbackKind, (ULONG_PTR)Callback,
                          IopDropPowerCallback);
    if (Handle != NULL) {
        *Handle = callback;
    }
    NT_FOR_EACH (setting, IopPowerSettings) {
        if (memcmp(&setting->Guid, SettingGuid, sizeof(GUID)) == 0) {
            ULONG value = setting->Value;
            Callback(SettingGuid, &value, sizeof(value), Context);
        }
    }
    return STATUS_SUCCESS;
}

/* STATUS_INVALID_PARAMETER: not registered. PASSIVE_LEVEL. nf-wdm-pounregisterpowersettingcallback
 */
NTSTATUS NTAPI
PoUnregisterPowerSettingCallback(PVOID Handle)
{
    NT_ENTER(PoUnregisterPowerSettingCallback);
    IOP_POWER_CALLBACK *callback = Handle;

    if (callback == NULL || !ExpTakeRegistration(&callback->Registration, IopPowerCallbackKind)) {
        return STATUS_INVALID_PARAMETER;
    }
    ExFreePoolWithTag(callback, IOP_TAG_POWER);
    return STATUS_SUCCESS;
}

/*
 * PoRequestPowerIrp - send a power IRP to the top of the device's stack
 *
 * CompletionFunction  called when the stack is done with it, at the completer's IRQL; may be NULL
 * Irp                 receives the IRP of an IRP_MN_WAIT_WAKE, for IoCancelIrp; or NULL
 *
 * Returns  STATUS_PENDING
 * Errors   STATUS_INVALID_PARAMETER_2 (another minor function than WAIT_WAKE, QUERY_POWER and
 *          SET_POWER), STATUS_INSUFFICIENT_RESOURCES
 * IRQL     <= DISPATCH_LEVEL
 * Differs  sent at once, on the caller's thread and at its IRQL; requests are not serialised
 * Source   WDK reference, nf-wdm-porequestpowerirp
 */
NTSTATUS NTAPI
PoRequestPowerIrp(PDEVICE_OBJECT DeviceObject, UCHAR MinorFunction, POWER_STATE PowerState,
                  PREQUEST_POWER_COMPLETE CompletionFunction, PVOID Context, PIRP *Irp)
{
    NT_ENTER(PoRequestPowerIrp);
    IOP_POWER_REQUEST *request;
    PDEVICE_OBJECT top;
    PIRP irp;

    if (MinorFunction != IRP_MN_WAIT_WAKE && MinorFunction != IRP_MN_QUERY_POWER &&
        MinorFunction != IRP_MN_SET_POWER) {
        return STATUS_INVALID_PARAMETER_2;
    }
    request = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*request), IOP_TAG_POWER);
    if (request == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    top = IoGetAttachedDeviceReference(DeviceObject);
    irp = IoAllocateIrp(top->StackSize, FALSE);
    if (irp == NULL) {
        ObDereferenceObject(top);
        ExFreePoolWithTag(request, IOP_TAG_POWER);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObReferenceObject(DeviceObject);
    *request =
        (IOP_POWER_REQUEST){CompletionFunction, Context, DeviceObject, MinorFunction, PowerState};
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    IopFillPowerLocation(IoGetNextIrpStackLocation(irp), MinorFunction, PowerState);
    IoSetCompletionRoutine(irp, IopPowerRequestDone, request, TRUE, TRUE, TRUE);
    if (Irp != NULL) {
        *Irp = irp;
    }
    IopCallDriver(top, irp, NT_CALLER());
    ObDereferenceObject(top);
    return STATUS_PENDING;
}

#pragma GCC visibility pop
