/* SPDX-License-Identifier: MIT
 *
 * test/io/pnp_test.c - plug and play, power and WMI for a driver of devices that no bus found
 */
#include "io_test.h"

#include <wmistr.h>

static const GUID SomeGuid = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};

void
NtTestSetUp(void)
{
    IoTestStart();
    IoTestAddPlainDevice(0);
}

void
NtTestTearDown(void)
{
    IoDeleteDevice(IoTestDevice);
    IoTestStop();
}

/* ---- plug and play ---- */

NT_TEST(Pnp, DeviceThatIsNoPdoHasNoPropertiesAndNoInterfaces)
{
    UNICODE_STRING name = US(L"\\??\\interface");
    HANDLE key = NULL;
    ULONG length = 7;
    UCHAR buffer[8];
    DEVPROPTYPE type;

    NT_EXPECT_STATUS(IoGetDeviceProperty(IoTestDevice, DevicePropertyDeviceDescription,
                                         sizeof(buffer), buffer, &length),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(IoGetDeviceProperty(IoTestDevice, (DEVICE_REGISTRY_PROPERTY)99, sizeof(buffer),
                                         buffer, &length),
                     STATUS_INVALID_PARAMETER_2);
    NT_EXPECT_EQ(length, 7);
    NT_EXPECT_STATUS(
        IoGetDevicePropertyData(IoTestDevice, NULL, 0, 0, sizeof(buffer), buffer, &length, &type),
        STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(IoSetDevicePropertyData(IoTestDevice, NULL, 0, 0, 0, 0, NULL),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(IoOpenDeviceRegistryKey(IoTestDevice, PLUGPLAY_REGKEY_DEVICE, KEY_READ, &key),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoRegisterDeviceInterface(IoTestDevice, &SomeGuid, NULL, &name),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(IoSetDeviceInterfaceState(&name, TRUE), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(IoSetDeviceInterfaceState(&name, FALSE), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(IoReportTargetDeviceChange(IoTestDevice, buffer),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(IoReportTargetDeviceChangeAsynchronous(IoTestDevice, buffer, NULL, NULL),
                     STATUS_INVALID_DEVICE_REQUEST);
}

NT_TEST(Pnp, ListOfInterfacesIsEmptyAndTheCallersToFree)
{
    PWSTR list = NULL;

    NT_EXPECT_STATUS(IoGetDeviceInterfaces(&SomeGuid, IoTestDevice, 0, &list),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_EQ(list, NULL);
    NT_EXPECT_STATUS(IoGetDeviceInterfaces(&SomeGuid, NULL, 0, &list), STATUS_SUCCESS);
    NT_EXPECT_EQ(*list, 0);
    ExFreePool(list);
}

NT_TEST(Pnp, InvalidatingIsForPhysicalDevicesOnly)
{
    NT_EXPECT_BUGCHECK(0xCA, IoInvalidateDeviceRelations(IoTestDevice, BusRelations));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 2);
    NT_EXPECT_EQ(KiBugCheckParameters[1], IoTestDevice);
    NT_EXPECT_CONTAINS(SimTakeLog(), "IoInvalidateDeviceRelations");
}

NT_TEST(Pnp, StateIsOfPhysicalDevicesOnly)
{
    NT_EXPECT_BUGCHECK(0xCA, IoInvalidateDeviceState(IoTestDevice));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 2);
    NT_EXPECT_EQ(KiBugCheckParameters[1], IoTestDevice);
    NT_EXPECT_CONTAINS(SimTakeLog(), "IoInvalidateDeviceState");
}

NT_TEST(Pnp, EjectingIsForPhysicalDevicesOnly)
{
    NT_EXPECT_BUGCHECK(0xCA, IoRequestDeviceEject(IoTestDevice));
    NT_EXPECT_EQ(KiBugCheckParameters[0], 2);
    NT_EXPECT_EQ(KiBugCheckParameters[1], IoTestDevice);
    NT_EXPECT_CONTAINS(SimTakeLog(), "IoRequestDeviceEject");
}

static ULONG Notified;

static NTSTATUS NTAPI
Notify(PVOID Structure, PVOID Context)
{
    ++Notified;
    return STATUS_SUCCESS;
}

NT_TEST(Pnp, NotificationsAreKeptUntilUnregistered)
{
    PVOID first = NULL;
    PVOID second = NULL;

    NT_EXPECT_STATUS(
        IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange,
                                       PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES,
                                       (PVOID)&SomeGuid, IoTestDriver, Notify, NULL, &first),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoRegisterPlugPlayNotification(EventCategoryHardwareProfileChange, 0, NULL,
                                                    IoTestDriver, Notify, NULL, &second),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(Notified, 0);
    NT_EXPECT_STATUS(IoUnregisterPlugPlayNotification(first), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoUnregisterPlugPlayNotification(first), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoUnregisterPlugPlayNotificationEx(second), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoUnregisterPlugPlayNotificationEx(NULL), STATUS_INVALID_PARAMETER);
}

NT_TEST(Pnp, NotificationsThatCannotBeAreRefused)
{
    PVOID entry = NULL;

    NT_EXPECT_STATUS(IoRegisterPlugPlayNotification(EventCategoryTargetDeviceChange, 0,
                                                    IoTestDevice, IoTestDriver, Notify, NULL,
                                                    &entry),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, 0, NULL,
                                                    IoTestDriver, Notify, NULL, &entry),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoRegisterPlugPlayNotification(EventCategoryReserved, 0, (PVOID)&SomeGuid,
                                                    IoTestDriver, Notify, NULL, &entry),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoRegisterPlugPlayNotification(EventCategoryHardwareProfileChange, 0, NULL,
                                                    IoTestDriver, NULL, NULL, &entry),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(entry, NULL);
}

NT_TEST(Hardware, InterruptsAndDmaAreRefused)
{
    PKINTERRUPT interrupt = (PKINTERRUPT)1;
    DEVICE_DESCRIPTION description = {.Version = DEVICE_DESCRIPTION_VERSION};
    ULONG registers = 7;

    NT_EXPECT_STATUS(
        IoConnectInterrupt(&interrupt, NULL, NULL, NULL, 5, 5, 5, Latched, FALSE, 1, FALSE),
        STATUS_INSUFFICIENT_RESOURCES);
    NT_EXPECT_EQ(interrupt, NULL);
    NT_EXPECT_STATUS(
        IoConnectInterrupt(&interrupt, NULL, NULL, NULL, 5, 5, 5, Latched, FALSE, 0, FALSE),
        STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(IoGetDmaAdapter(IoTestDevice, &description, &registers), NULL);
    NT_EXPECT_EQ(IoGetDmaAdapter(NULL, &description, &registers), NULL);
    NT_EXPECT_EQ(registers, 7);
}

NT_TEST(Hardware, ConnectingSaysWhatIsWrongFirst)
{
    static const struct {
        ULONG Version;
        BOOLEAN HasDevice;
        KAFFINITY Processors;
        NTSTATUS Status;
    } rows[] = {
        {0, TRUE, 1, STATUS_INVALID_PARAMETER_1},
        {CONNECT_FULLY_SPECIFIED_GROUP + 1, TRUE, 1, STATUS_INVALID_PARAMETER_1},
        {CONNECT_FULLY_SPECIFIED, FALSE, 1, STATUS_INVALID_PARAMETER},
        {CONNECT_LINE_BASED, FALSE, 1, STATUS_INVALID_PARAMETER},
        {CONNECT_MESSAGE_BASED, FALSE, 1, STATUS_INVALID_PARAMETER},
        {CONNECT_FULLY_SPECIFIED, TRUE, 0, STATUS_INVALID_PARAMETER_10},
        {CONNECT_FULLY_SPECIFIED_GROUP, TRUE, 0, STATUS_INVALID_PARAMETER_10},
        {CONNECT_FULLY_SPECIFIED, TRUE, 1, STATUS_NOT_FOUND},
        {CONNECT_FULLY_SPECIFIED_GROUP, TRUE, 1, STATUS_NOT_FOUND},
        {CONNECT_LINE_BASED, TRUE, 0, STATUS_NOT_FOUND},
        {CONNECT_MESSAGE_BASED, TRUE, 0, STATUS_NOT_FOUND},
    };

    NT_FOR_EACH (row, rows) {
        IO_CONNECT_INTERRUPT_PARAMETERS parameters = {.Version = row->Version};

        parameters.FullySpecified.PhysicalDeviceObject = row->HasDevice ? IoTestDevice : NULL;
        parameters.FullySpecified.ProcessorEnableMask = row->Processors;
        NT_EXPECT_STATUS(IoConnectInterruptEx(&parameters), row->Status);
        NT_EXPECT_EQ(parameters.Version, row->Version);
    }
}

/* ---- power ---- */

static ULONG SettingValue;
static ULONG SettingCalls;

static NTSTATUS NTAPI
Setting(LPCGUID Guid, PVOID Value, ULONG Length, PVOID Context)
{
    NT_EXPECT_EQ(Length, sizeof(ULONG));
    NT_EXPECT_EQ(Context, &SettingCalls);
    SettingValue = *(PULONG)Value;
    ++SettingCalls;
    return STATUS_SUCCESS;
}

NT_TEST(Power, SettingWithAValueIsToldOnceAtRegistration)
{
    static const GUID display = {
        0x6FE69556, 0x704A, 0x47A0, {0x8F, 0x24, 0xC2, 0x8D, 0x93, 0x6F, 0xDA, 0x47}};
    PVOID known = NULL;
    PVOID unknown = NULL;

    NT_EXPECT_STATUS(
        PoRegisterPowerSettingCallback(IoTestDevice, &display, Setting, &SettingCalls, &known),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(SettingCalls, 1);
    NT_EXPECT_EQ(SettingValue, 1);
    NT_EXPECT_STATUS(
        PoRegisterPowerSettingCallback(NULL, &SomeGuid, Setting, &SettingCalls, &unknown),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(SettingCalls, 1);
    NT_EXPECT_STATUS(PoUnregisterPowerSettingCallback(known), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PoUnregisterPowerSettingCallback(known), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PoUnregisterPowerSettingCallback(unknown), STATUS_SUCCESS);
    NT_EXPECT_STATUS(PoUnregisterPowerSettingCallback(NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PoRegisterPowerSettingCallback(NULL, NULL, Setting, NULL, &known),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(PoRegisterPowerSettingCallback(NULL, &SomeGuid, NULL, NULL, &known),
                     STATUS_INVALID_PARAMETER);
}

static PIRP HeldIrp;

static NTSTATUS NTAPI
Power(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);

    NT_EXPECT_EQ(Irp->IoStatus.Status, STATUS_NOT_SUPPORTED);
    PoStartNextPowerIrp(Irp);
    if (location->MinorFunction == IRP_MN_WAIT_WAKE) {
        NT_EXPECT_EQ(location->Parameters.WaitWake.PowerState, PowerSystemSleeping1);
        IoMarkIrpPending(Irp);
        HeldIrp = Irp;
        return STATUS_PENDING;
    }
    NT_EXPECT_EQ(location->Parameters.Power.Type, DevicePowerState);
    NT_EXPECT_EQ(location->Parameters.Power.State.DeviceState, PowerDeviceD3);
    return IoTestComplete(Irp, STATUS_SUCCESS, 0);
}

static ULONG PowerDone;

static VOID NTAPI
PowerComplete(PDEVICE_OBJECT DeviceObject, UCHAR MinorFunction, POWER_STATE State, PVOID Context,
              PIO_STATUS_BLOCK IoStatus)
{
    NT_EXPECT_EQ(DeviceObject, IoTestDevice);
    NT_EXPECT_EQ(Context, &PowerDone);
    NT_EXPECT_STATUS(IoStatus->Status, STATUS_SUCCESS);
    PowerDone = MinorFunction;
}

NT_TEST(Power, RequestGoesDownTheStackAndItsSenderHearsOfTheEnd)
{
    POWER_STATE state = {.DeviceState = PowerDeviceD3};
    PIRP irp = NULL;

    IoTestDriver->MajorFunction[IRP_MJ_POWER] = Power;
    NT_EXPECT_STATUS(
        PoRequestPowerIrp(IoTestDevice, IRP_MN_SET_POWER, state, PowerComplete, &PowerDone, NULL),
        STATUS_PENDING);
    NT_EXPECT_EQ(PowerDone, IRP_MN_SET_POWER);
    NT_EXPECT_STATUS(PoRequestPowerIrp(IoTestDevice, IRP_MN_QUERY_POWER, state, NULL, NULL, NULL),
                     STATUS_PENDING);
    state.SystemState = PowerSystemSleeping1;
    PowerDone = 99;
    NT_EXPECT_STATUS(
        PoRequestPowerIrp(IoTestDevice, IRP_MN_WAIT_WAKE, state, PowerComplete, &PowerDone, &irp),
        STATUS_PENDING);
    NT_EXPECT_EQ(irp, HeldIrp);
    NT_EXPECT_EQ(PowerDone, 99);
    IoTestComplete(irp, STATUS_SUCCESS, 0);
    NT_EXPECT_EQ(PowerDone, IRP_MN_WAIT_WAKE);
    NT_EXPECT_STATUS(
        PoRequestPowerIrp(IoTestDevice, IRP_MN_POWER_SEQUENCE, state, NULL, NULL, NULL),
        STATUS_INVALID_PARAMETER_2);
}

/* The state that a driver tells is kept for it; nothing was told at first. */
NT_TEST(Power, StateToldBeforeIsReturned)
{
    PDEVICE_OBJECT other = IoTestAddDevice(NULL, 0, 0);
    POWER_STATE state = {.DeviceState = PowerDeviceD0};

    NT_EXPECT_EQ(PoSetPowerState(IoTestDevice, DevicePowerState, state).DeviceState,
                 PowerDeviceUnspecified);
    state.DeviceState = PowerDeviceD3;
    NT_EXPECT_EQ(PoSetPowerState(IoTestDevice, DevicePowerState, state).DeviceState, PowerDeviceD0);
    NT_EXPECT_EQ(PoSetPowerState(IoTestDevice, DevicePowerState, state).DeviceState, PowerDeviceD3);
    NT_EXPECT_EQ(PoSetPowerState(other, DevicePowerState, state).DeviceState,
                 PowerDeviceUnspecified);
    IoDeleteDevice(other);
}

static PDEVICE_OBJECT LowerDevice;
static ULONG LowerCalls;
static ULONG Returned;

static VOID NTAPI
NotePowerDone(PDEVICE_OBJECT DeviceObject, UCHAR MinorFunction, POWER_STATE State, PVOID Context,
              PIO_STATUS_BLOCK IoStatus)
{
    NT_EXPECT_EQ(State.DeviceState, PowerDeviceD3);
    NT_EXPECT_STATUS(IoStatus->Status, STATUS_SUCCESS);
    *(PULONG)Context = MinorFunction;
}

static NTSTATUS NTAPI
NoteReturn(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    ++Returned;
    if (Irp->PendingReturned) {
        IoMarkIrpPending(Irp);
    }
    return STATUS_CONTINUE_COMPLETION;
}

/* A filter passes power requests on, as the reference shows: with and without a copy. */
static NTSTATUS NTAPI
PassPowerOn(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    if (DeviceObject == LowerDevice) {
        NT_EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->DeviceObject, LowerDevice);
        NT_EXPECT_EQ(IoGetCurrentIrpStackLocation(Irp)->MajorFunction, IRP_MJ_POWER);
        ++LowerCalls;
        return IoTestComplete(Irp, STATUS_SUCCESS, 0);
    }
    PoStartNextPowerIrp(Irp);
    if (IoGetCurrentIrpStackLocation(Irp)->MinorFunction == IRP_MN_SET_POWER) {
        IoCopyCurrentIrpStackLocationToNext(Irp);
        IoSetCompletionRoutine(Irp, NoteReturn, NULL, TRUE, TRUE, TRUE);
    } else {
        IoSkipCurrentIrpStackLocation(Irp);
    }
    return PoCallDriver(LowerDevice, Irp);
}

NT_TEST(Power, RequestIsPassedDownTheStack)
{
    static const UCHAR minors[] = {IRP_MN_SET_POWER, IRP_MN_QUERY_POWER};
    static const KIRQL irqls[] = {PASSIVE_LEVEL, DISPATCH_LEVEL};
    PDEVICE_OBJECT filter = IoTestAddDevice(NULL, 0, 0);
    POWER_STATE state = {.DeviceState = PowerDeviceD3};
    ULONG sent = 0;

    LowerDevice = IoTestDevice;
    IoTestDriver->MajorFunction[IRP_MJ_POWER] = PassPowerOn;
    NT_EXPECT_EQ(IoAttachDeviceToDeviceStack(filter, IoTestDevice), IoTestDevice);
    NT_FOR_EACH (minor, minors) {
        NT_FOR_EACH (level, irqls) {
            KIRQL irql;
            KeRaiseIrql(*level, &irql);
            PowerDone = 99;
            NT_EXPECT_STATUS(
                PoRequestPowerIrp(filter, *minor, state, NotePowerDone, &PowerDone, NULL),
                STATUS_PENDING);
            NT_EXPECT_EQ(PowerDone, *minor);
            NT_EXPECT_EQ(LowerCalls, ++sent);
            KeLowerIrql(irql);
        }
    }
    NT_EXPECT_EQ(Returned, 2);
    IoDetachDevice(IoTestDevice);
    IoDeleteDevice(filter);
}

/* ---- WMI ---- */

NT_TEST(Wmi, DeviceIsRegisteredOnceAndDeregisteredOnce)
{
    NT_EXPECT_EQ(IoWMIDeviceObjectToProviderId(IoTestDevice), 0);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_UPDATE_GUIDS),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_REGISTER),
                     STATUS_SUCCESS);
    NT_EXPECT_NE(IoWMIDeviceObjectToProviderId(IoTestDevice), 0);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_REGISTER),
                     STATUS_OBJECT_NAME_EXISTS);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_UPDATE_GUIDS),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_REREGISTER),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_DEREGISTER),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_DEREGISTER),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, 77), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(NULL, WMIREG_ACTION_REGISTER),
                     STATUS_INVALID_PARAMETER);
}

NT_TEST(Wmi, WppRegistersARoutineInPlaceOfADevice)
{
    PDEVICE_OBJECT routine = (PDEVICE_OBJECT)(ULONG_PTR)Notify;

    NT_EXPECT_STATUS(IoWMIRegistrationControl(routine, 0x80010001), STATUS_SUCCESS);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(routine, 0x80000002), STATUS_SUCCESS);
    NT_EXPECT_EQ(Notified, 0);
}

NT_TEST(Wmi, EventThatIsTakenIsFreed)
{
    PWNODE_EVENT_ITEM event = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*event), 'tnvE');
    ULONG64 blocks = IoTestPoolBlocks();

    RtlZeroMemory(event, sizeof(*event));
    event->WnodeHeader.BufferSize = sizeof(*event);
    event->WnodeHeader.Flags = WNODE_FLAG_TRACED_GUID;
    NT_EXPECT_STATUS(IoWMIWriteEvent(event), STATUS_INVALID_HANDLE);
    NT_EXPECT_EQ(IoTestPoolBlocks(), blocks);
    event->WnodeHeader.Flags = WNODE_FLAG_EVENT_ITEM;
    NT_EXPECT_STATUS(IoWMIWriteEvent(event), STATUS_SUCCESS);
    NT_EXPECT_EQ(IoTestPoolBlocks(), blocks - 1);
}

NT_TEST(Wmi, InstanceNumbersAreUniqueToAGuid)
{
    GUID guid = SomeGuid;
    ULONG first = 0;

    NT_EXPECT_STATUS(IoWMIAllocateInstanceIds(&guid, 6, &first), STATUS_SUCCESS);
    NT_EXPECT_EQ(first, 1);
    NT_EXPECT_STATUS(IoWMIAllocateInstanceIds(&guid, 1, &first), STATUS_SUCCESS);
    NT_EXPECT_EQ(first, 7);
    guid.Data1++;
    NT_EXPECT_STATUS(IoWMIAllocateInstanceIds(&guid, 1, &first), STATUS_SUCCESS);
    NT_EXPECT_EQ(first, 1);
}

/* ---- without memory ---- */

NT_TEST(NoMemory, RegistrationsSayWhatIsMissing)
{
    POWER_STATE state = {.DeviceState = PowerDeviceD0};
    GUID guid = SomeGuid;
    PWSTR list = NULL;
    PVOID entry = NULL;
    ULONG first;

    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoGetDeviceInterfaces(&SomeGuid, NULL, 0, &list),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoRegisterPlugPlayNotification(EventCategoryHardwareProfileChange, 0, NULL,
                                                    IoTestDriver, Notify, NULL, &entry),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(PoRegisterPowerSettingCallback(NULL, &SomeGuid, Setting, NULL, &entry),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(PoRequestPowerIrp(IoTestDevice, IRP_MN_SET_POWER, state, NULL, NULL, NULL),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoWMIRegistrationControl(IoTestDevice, WMIREG_ACTION_REGISTER),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(IoWMIAllocateInstanceIds(&guid, 1, &first), STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(list, NULL);
    NT_EXPECT_EQ(entry, NULL);
}
