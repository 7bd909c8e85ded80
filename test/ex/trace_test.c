/* SPDX-License-Identifier: MIT
 *
 * test/ex/trace_test.c - event tracing without a session; registrations and their owners
 */
#include "ex_test.h"

/* Of evntrace.h, which is no header of the WDK. */
#define TRACE_MESSAGE_SEQUENCE 0x01
#define TRACE_MESSAGE_GUID 0x02
#define TRACE_MESSAGE_TIMESTAMP 0x08
#define TRACE_MESSAGE_SYSTEMINFO 0x20

static const GUID Provider = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
static const EVENT_DESCRIPTOR Event = {.Id = 1, .Level = 4};

void
NtTestSetUp(void)
{
    ExTestStart();
}

void
NtTestTearDown(void)
{
    ExTestStop();
}

static REGHANDLE
Register(VOID)
{
    REGHANDLE handle = 0;

    NT_EXPECT_STATUS(EtwRegister(&Provider, NULL, NULL, &handle), STATUS_SUCCESS);
    NT_EXPECT_NE(handle, 0);
    return handle;
}

NT_TEST(Etw, RegisteredProviderIsNeverEnabledAndItsEventsGoNowhere)
{
    REGHANDLE handle = Register();
    EVENT_DATA_DESCRIPTOR data = {0};
    KIRQL irql;

    NT_EXPECT_FALSE(EtwProviderEnabled(handle, 0, 0));
    NT_EXPECT_FALSE(EtwEventEnabled(handle, &Event));
    NT_EXPECT_STATUS(EtwWrite(handle, &Event, NULL, 1, &data), STATUS_SUCCESS);
    NT_EXPECT_STATUS(EtwWriteTransfer(handle, &Event, NULL, &Provider, 0, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(EtwWriteEx(handle, &Event, 0, 0, NULL, NULL, 0, NULL), STATUS_SUCCESS);
    NT_EXPECT_STATUS(EtwWriteString(handle, 4, 1, NULL, L"text"), STATUS_SUCCESS);
    KeRaiseIrql(HIGH_LEVEL, &irql);
    NT_EXPECT_STATUS(EtwWrite(handle, &Event, NULL, 0, NULL), STATUS_SUCCESS);
    KeLowerIrql(irql);
    NT_EXPECT_STATUS(EtwUnregister(handle), STATUS_SUCCESS);
}

NT_TEST(Etw, BadHandlesAreTold)
{
    REGHANDLE gone = Register();
    REGHANDLE bad[] = {0, gone, gone + 1, ~(REGHANDLE)0};
    BOOLEAN flag = TRUE;

    NT_EXPECT_STATUS(EtwUnregister(gone), STATUS_SUCCESS);
    NT_FOR_EACH (handle, bad) {
        NT_EXPECT_STATUS(EtwUnregister(*handle), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS(EtwWrite(*handle, &Event, NULL, 0, NULL), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS(EtwWriteTransfer(*handle, &Event, NULL, NULL, 0, NULL),
                         STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS(EtwWriteEx(*handle, &Event, 0, 0, NULL, NULL, 0, NULL),
                         STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS(EtwWriteString(*handle, 0, 0, NULL, L""), STATUS_INVALID_HANDLE);
        NT_EXPECT_STATUS(
            EtwSetInformation(*handle, EventProviderUseDescriptorType, &flag, sizeof(flag)),
            STATUS_INVALID_HANDLE);
        NT_EXPECT_FALSE(EtwProviderEnabled(*handle, 0, 0));
    }
}

NT_TEST(Etw, HandleOfASlotThatWasReusedStaysInvalid)
{
    REGHANDLE first = Register();
    REGHANDLE second;

    NT_EXPECT_STATUS(EtwUnregister(first), STATUS_SUCCESS);
    second = Register();
    NT_EXPECT_NE(first, second);
    NT_EXPECT_STATUS(EtwWrite(first, &Event, NULL, 0, NULL), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(EtwUnregister(first), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(EtwUnregister(second), STATUS_SUCCESS);
}

NT_TEST(Etw, BadArgumentsAreTold)
{
    REGHANDLE handle = Register();
    EVENT_DATA_DESCRIPTOR data[1] = {0};
    REGHANDLE other;

    NT_EXPECT_STATUS(EtwRegister(NULL, NULL, NULL, &other), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwRegister(&Provider, NULL, NULL, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwWrite(handle, NULL, NULL, 0, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwWrite(handle, &Event, NULL, 129, data), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwWrite(handle, &Event, NULL, 128, data), STATUS_SUCCESS);
    NT_EXPECT_STATUS(EtwWrite(handle, &Event, NULL, 1, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwWriteEx(handle, &Event, 0, 0x80, NULL, NULL, 0, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwWriteString(handle, 0, 0, NULL, NULL), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwUnregister(handle), STATUS_SUCCESS);
}

NT_TEST(Etw, ProviderTraitsAreSetOnceAndCarryTheirLength)
{
    REGHANDLE handle = Register();
    UCHAR traits[] = {4, 0, 'p', 0};
    BOOLEAN flag = TRUE;

    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderSetTraits, traits, 3),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderSetTraits, NULL, 4),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderSetTraits, traits, 4), STATUS_SUCCESS);
    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderSetTraits, traits, 4),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderUseDescriptorType, &flag, 1),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderUseDescriptorType, &flag, 2),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwSetInformation(handle, MaxEventInfo, &flag, 1),
                     STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_STATUS(EtwUnregister(handle), STATUS_SUCCESS);
}

NT_TEST(Etw, ProvidersAreManyButNotEndless)
{
    static REGHANDLE handles[1025];
    ULONG count = 0;

    while (count < 1025 && NT_SUCCESS(EtwRegister(&Provider, NULL, NULL, &handles[count]))) {
        ++count;
    }
    NT_EXPECT_EQ(count, 1024);
    NT_EXPECT_STATUS(EtwRegister(&Provider, NULL, NULL, &handles[1024]), STATUS_NO_MEMORY);
    while (count > 0) {
        NT_EXPECT_STATUS(EtwUnregister(handles[--count]), STATUS_SUCCESS);
    }
}

NT_TEST(Etw, ActivityIdBelongsToTheThread)
{
    GUID none = {0};
    GUID id = Provider;

    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &id), STATUS_SUCCESS);
    memset(&id, 0xFF, sizeof(id));
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &id), STATUS_SUCCESS);
    NT_EXPECT_TRUE(memcmp(&id, &Provider, sizeof(id)) == 0);
    id = none;
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_SET_ID, &id), STATUS_SUCCESS);
    NT_EXPECT_TRUE(memcmp(&id, &Provider, sizeof(id)) == 0);
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_SET_ID, &id), STATUS_SUCCESS);
    NT_EXPECT_TRUE(memcmp(&id, &none, sizeof(id)) == 0);
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &id), STATUS_SUCCESS);
    NT_EXPECT_TRUE(memcmp(&id, &none, sizeof(id)) != 0);
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &none), STATUS_SUCCESS);
    NT_EXPECT_TRUE(memcmp(&id, &none, sizeof(id)) != 0);
    NT_EXPECT_STATUS(EtwActivityIdControl(99, &id), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, NULL),
                     STATUS_INVALID_PARAMETER);
}

NT_TEST(Etw, ActivityIdIsCreatedAtAnyIrql)
{
    GUID none = {0};
    GUID id = {0};
    KIRQL irql;

    KeRaiseIrql(HIGH_LEVEL, &irql);
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &id), STATUS_SUCCESS);
    KeLowerIrql(irql);
    NT_EXPECT_TRUE(memcmp(&id, &none, sizeof(id)) != 0);
    KeRaiseIrql(APC_LEVEL, &irql);
    NT_EXPECT_STATUS(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &id), STATUS_SUCCESS);
    KeLowerIrql(irql);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NT_EXPECT_BUGCHECK(IRQL_NOT_LESS_OR_EQUAL,
                       EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &id));
    NT_EXPECT_STR((const char *)KiBugCheckParameters[0], "EtwActivityIdControl");
}

NT_TEST(Wpp, WithoutASessionNoHandleIsValid)
{
    TRACEHANDLE handle;
    ULONG required = 7;

    NT_EXPECT_STATUS(WmiTraceMessage(1, 0, (LPGUID)&Provider, 1, NULL, 0), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(
        WmiQueryTraceInformation(GlobalLoggerHandleClass, &handle, sizeof(handle), &required, NULL),
        STATUS_NOT_FOUND);
    NT_EXPECT_EQ(required, sizeof(handle));
    NT_EXPECT_STATUS(WmiQueryTraceInformation(GlobalLoggerHandleClass, &handle, 4, NULL, NULL),
                     STATUS_INFO_LENGTH_MISMATCH);
    NT_EXPECT_STATUS(WmiQueryTraceInformation(TraceIdClass, &handle, 4, NULL, NULL),
                     STATUS_INVALID_PARAMETER_MIX);
    NT_EXPECT_STATUS(WmiQueryTraceInformation(TraceIdClass, &handle, 4, NULL, &handle),
                     STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(
        WmiQueryTraceInformation(TraceHandleByNameClass, &handle, sizeof(handle), NULL, &handle),
        STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(WmiQueryTraceInformation(AllLoggerHandlesClass, NULL, 0, &required, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(required, 0);
    NT_EXPECT_STATUS(WmiQueryTraceInformation(MaxTraceInformationClass, &handle, 8, NULL, NULL),
                     STATUS_INVALID_INFO_CLASS);
}

static NTSTATUS
TraceMessageVa(TRACEHANDLE Handle, ULONG Flags, ...)
{
    __builtin_va_list arguments;
    NTSTATUS status;

    __builtin_va_start(arguments, Flags);
    status = WmiTraceMessageVa(Handle, Flags, &Provider, 1, arguments);
    __builtin_va_end(arguments);
    return status;
}

/* Both forms, whatever the handle, the flags and the parts of the message are, at any IRQL. */
NT_TEST(Wpp, MessagesNeedASession)
{
    static const TRACEHANDLE handles[] = {0, 1, 0x10000, ~(TRACEHANDLE)0};
    static const ULONG flags[] = {0, TRACE_MESSAGE_GUID,
                                  TRACE_MESSAGE_SEQUENCE | TRACE_MESSAGE_GUID |
                                      TRACE_MESSAGE_TIMESTAMP | TRACE_MESSAGE_SYSTEMINFO};
    static const KIRQL levels[] = {PASSIVE_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL};
    ULONG value = 4711;

    NT_FOR_EACH (level, levels) {
        KIRQL irql;

        KeRaiseIrql(*level, &irql);
        NT_FOR_EACH (handle, handles) {
            NT_FOR_EACH (flag, flags) {
                NT_EXPECT_STATUS(WmiTraceMessage(*handle, *flag, (LPGUID)&Provider, 2, &value,
                                                 (ULONG)sizeof(value), NULL, 0),
                                 STATUS_INVALID_HANDLE);
                NT_EXPECT_STATUS(
                    TraceMessageVa(*handle, *flag, &value, (ULONG)sizeof(value), NULL, 0),
                    STATUS_INVALID_HANDLE);
            }
        }
        KeLowerIrql(irql);
    }
}

/* Every class checks its length first, then what it is given, and tells the length if asked. */
NT_TEST(Wpp, QueriesCheckLengthAndInput)
{
    static const struct {
        TRACE_INFORMATION_CLASS Class;
        ULONG Length;
        BOOLEAN LongerIsFine;
        NTSTATUS WithoutInput;
        NTSTATUS WithInput;
    } rows[] = {
        {TraceIdClass, 4, TRUE, STATUS_INVALID_PARAMETER_MIX, STATUS_INVALID_HANDLE},
        {TraceEnableFlagsClass, 4, TRUE, STATUS_INVALID_PARAMETER_MIX, STATUS_INVALID_HANDLE},
        {TraceEnableLevelClass, 4, TRUE, STATUS_INVALID_PARAMETER_MIX, STATUS_INVALID_HANDLE},
        {TraceHandleClass, 8, FALSE, STATUS_INVALID_PARAMETER_MIX, STATUS_INVALID_HANDLE},
        {TraceHandleByNameClass, 8, FALSE, STATUS_INVALID_PARAMETER_MIX, STATUS_INVALID_PARAMETER},
        {GlobalLoggerHandleClass, 8, FALSE, STATUS_NOT_FOUND, STATUS_NOT_FOUND},
    };
    UCHAR buffer[16];
    UCHAR input[64] = {0};
    ULONG required;

    NT_FOR_EACH (row, rows) {
        required = 99;
        NT_EXPECT_STATUS(
            WmiQueryTraceInformation(row->Class, buffer, row->Length - 1, &required, input),
            STATUS_INFO_LENGTH_MISMATCH);
        NT_EXPECT_EQ(required, row->Length);
        NT_EXPECT_STATUS(WmiQueryTraceInformation(row->Class, buffer, row->Length + 1, NULL, input),
                         row->LongerIsFine ? row->WithInput : STATUS_INFO_LENGTH_MISMATCH);
        NT_EXPECT_STATUS(WmiQueryTraceInformation(row->Class, buffer, row->Length, NULL, NULL),
                         row->WithoutInput);
        NT_EXPECT_STATUS(WmiQueryTraceInformation(row->Class, buffer, row->Length, NULL, input),
                         row->WithInput);
    }
    NT_EXPECT_STATUS(
        WmiQueryTraceInformation(AllLoggerHandlesClass, buffer, sizeof(buffer), NULL, NULL),
        STATUS_SUCCESS);
}

/* What a session would do is not to be had: this fails on the day when there are sessions. */
static ULONG Enabled;

static VOID NTAPI
OnEnable(LPCGUID SourceId, ULONG ControlCode, UCHAR Level, ULONGLONG MatchAnyKeyword,
         ULONGLONG MatchAllKeyword, PEVENT_FILTER_DESCRIPTOR FilterData, PVOID CallbackContext)
{
    ++Enabled;
}

NT_TEST(Etw, NobodyEnablesAProvider)
{
    REGHANDLE handle = 0;

    NT_EXPECT_STATUS(EtwRegister(&Provider, OnEnable, NULL, &handle), STATUS_SUCCESS);
    for (ULONG level = 0; level < 256; level += 51) {
        NT_EXPECT_FALSE(EtwProviderEnabled(handle, (UCHAR)level, ~0ull));
    }
    NT_EXPECT_FALSE(EtwEventEnabled(handle, &Event));
    NT_EXPECT_FALSE(EtwEventEnabled(0, &Event));
    NT_EXPECT_EQ(Enabled, 0);
    NT_EXPECT_STATUS(EtwUnregister(handle), STATUS_SUCCESS);
}

NT_TEST(Etw, RegistrationCanRunOutOfMemory)
{
    REGHANDLE handle = 5;

    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(EtwRegister(&Provider, NULL, NULL, &handle), STATUS_NO_MEMORY);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_EQ(handle, 5);
}

/* All four ways to write check the same, at any IRQL. */
NT_TEST(Etw, EveryWriteChecksItsArguments)
{
    static const KIRQL levels[] = {PASSIVE_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL};
    static EVENT_DATA_DESCRIPTOR data[129];
    REGHANDLE handle = Register();

    NT_FOR_EACH (level, levels) {
        KIRQL irql;

        KeRaiseIrql(*level, &irql);
        for (ULONG count = 0; count <= 129; count += 43) {
            NTSTATUS expected = count <= 128 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;

            NT_EXPECT_STATUS(EtwWrite(handle, &Event, &Provider, count, data), expected);
            NT_EXPECT_STATUS(EtwWriteTransfer(handle, &Event, &Provider, &Provider, count, data),
                             expected);
            NT_EXPECT_STATUS(EtwWriteEx(handle, &Event, 0, 0, &Provider, &Provider, count, data),
                             expected);
        }
        NT_EXPECT_STATUS(EtwWriteTransfer(handle, NULL, NULL, NULL, 0, NULL),
                         STATUS_INVALID_PARAMETER);
        NT_EXPECT_STATUS(EtwWriteEx(handle, NULL, 0, 0, NULL, NULL, 0, NULL),
                         STATUS_INVALID_PARAMETER);
        NT_EXPECT_STATUS(EtwWriteTransfer(handle, &Event, NULL, NULL, 1, NULL),
                         STATUS_INVALID_PARAMETER);
        NT_EXPECT_STATUS(EtwWriteEx(handle, &Event, ~0ull, 0, NULL, NULL, 1, NULL),
                         STATUS_INVALID_PARAMETER);
        NT_EXPECT_STATUS(EtwWriteEx(handle, &Event, ~0ull, 0x80000000, NULL, NULL, 0, NULL),
                         STATUS_INVALID_PARAMETER);
        NT_EXPECT_STATUS(EtwWriteString(handle, 0xFF, ~0ull, &Provider, L"text"), STATUS_SUCCESS);
        KeLowerIrql(irql);
    }
    NT_EXPECT_STATUS(EtwUnregister(handle), STATUS_SUCCESS);
}

NT_TEST(Etw, InformationOfAnotherClassIsNotSupported)
{
    static const ULONG classes[] = {EventProviderBinaryTrackInfo, MaxEventInfo, 0x7FFFFFFF};
    REGHANDLE handle = Register();
    UCHAR data[8] = {0};

    NT_FOR_EACH (class, classes) {
        NT_EXPECT_STATUS(EtwSetInformation(handle, (EVENT_INFO_CLASS) * class, data, sizeof(data)),
                         STATUS_INVALID_DEVICE_REQUEST);
        NT_EXPECT_STATUS(EtwSetInformation(handle, (EVENT_INFO_CLASS) * class, NULL, 0),
                         STATUS_INVALID_DEVICE_REQUEST);
    }
    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderUseDescriptorType, NULL, 1),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwSetInformation(handle, EventProviderSetTraits, data, 2),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(EtwUnregister(handle), STATUS_SUCCESS);
}

static ULONG Told;

static VOID
Tell(PVOID Context, const char *Kind, ULONG_PTR Owner)
{
    NT_EXPECT_EQ(Context, &Told);
    NT_EXPECT_STR(Kind, "registered ETW provider");
    NT_EXPECT_NE(Owner, 0);
    ++Told;
}

NT_TEST(Registration, WhatADriverLeavesIsToldOnceAndDropped)
{
    REGHANDLE first = Register();
    REGHANDLE second = Register();
    ULONG_PTR code = (ULONG_PTR)Register & ~(ULONG_PTR)0xFFFF;

    NT_EXPECT_EQ(ExpDropRegistrationsInRange(code - 0x200000, 0x1000, Tell, &Told), 0);
    NT_EXPECT_EQ(Told, 0);
    NT_EXPECT_EQ(ExpDropRegistrationsInRange(code, 0x20000, Tell, &Told), 2);
    NT_EXPECT_EQ(Told, 2);
    NT_EXPECT_EQ(ExpDropRegistrationsInRange(code, 0x20000, Tell, &Told), 0);
    NT_EXPECT_STATUS(EtwUnregister(first), STATUS_INVALID_HANDLE);
    NT_EXPECT_STATUS(EtwUnregister(second), STATUS_INVALID_HANDLE);
}

static EXP_REGISTRATION Kept;
static ULONG Dropped;

static VOID
DropKept(EXP_REGISTRATION *Registration)
{
    NT_EXPECT_EQ(Registration, &Kept);
    ++Dropped;
}

/* While the audit tells of it, its driver's other thread takes it back: too late. */
static VOID
TakeWhileTold(PVOID Context, const char *Kind, ULONG_PTR Owner)
{
    NT_EXPECT_FALSE(ExpTakeRegistration(&Kept, Kind));
}

NT_TEST(Registration, WhatTheAuditDropsNobodyElseTakes)
{
    static const char kind[] = "kept thing";

    Dropped = 0;
    ExpInsertRegistration(&Kept, kind, 0x5000, DropKept);
    NT_EXPECT_EQ(ExpDropRegistrationsInRange(0x5000, 0x1000, TakeWhileTold, NULL), 1);
    NT_EXPECT_EQ(Dropped, 1);
    ExpInsertRegistration(&Kept, kind, 0x5000, DropKept);
    NT_EXPECT_FALSE(ExpTakeRegistration(&Kept, "another kind"));
    NT_EXPECT_TRUE(ExpTakeRegistration(&Kept, kind));
    NT_EXPECT_EQ(ExpDropRegistrationsInRange(0x5000, 0x1000, TakeWhileTold, NULL), 0);
    NT_EXPECT_EQ(Dropped, 1);
}
