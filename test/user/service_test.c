/* SPDX-License-Identifier: MIT
 *
 * test/user/service_test.c - the service manager, with a kernel that says what it was asked
 */
#include <stdlib.h>

#include "fakeregistry.h"
#include "nt_test.h"
#include <winsvc.h>

#define SERVICES L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"

static WCHAR Asked[128];
static NTSTATUS Answer;

static NTSTATUS
FakeLoad(PUNICODE_STRING Service)
{
    lstrcpynW(Asked, Service->Buffer, ARRAYSIZE(Asked));
    return Answer;
}

static NTSTATUS
FakeUnload(PUNICODE_STRING Service)
{
    lstrcpyW(Asked, L"-");
    lstrcatW(Asked, Service->Buffer);
    return Answer;
}

void
NtTestSetUp(void)
{
    setenv("NTBOX_DRIVERS", "/opt/one.so:/opt/two.so", 1);
    FakeGate.NtLoadDriver = FakeLoad;
    FakeGate.NtUnloadDriver = FakeUnload;
    InstallFakeRegistry();
    InstallFakeGate();
}

static SC_HANDLE
Manager(void)
{
    return OpenSCManagerA(NULL, NULL, SC_MANAGER_ALL_ACCESS);
}

static SC_HANDLE
Create(LPCSTR Name)
{
    return CreateServiceA(Manager(), Name, NULL, SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER,
                          SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, "Z:\\tmp\\x.sys", NULL, NULL,
                          NULL, NULL, NULL);
}

NT_TEST(Service, LifeOfADriver)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SERVICE_STATUS status;
    SC_HANDLE service;

    service = CreateServiceW(manager, L"Echo", L"Echo driver", SERVICE_ALL_ACCESS,
                             SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
                             L"/tmp/echo.so", NULL, NULL, NULL, NULL, NULL);
    NT_EXPECT_NE(service, NULL);
    NT_EXPECT_TRUE(FakeKeyExists(SERVICES L"Echo"));
    NT_EXPECT_FALSE(ControlService(service, SERVICE_CONTROL_STOP, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_NOT_ACTIVE);
    NT_EXPECT_TRUE(StartServiceW(service, 0, NULL));
    NT_EXPECT_EQ(lstrcmpW(Asked, SERVICES L"Echo"), 0);
    NT_EXPECT_FALSE(StartServiceA(service, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_ALREADY_RUNNING);
    NT_EXPECT_TRUE(QueryServiceStatus(service, &status));
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_RUNNING);
    NT_EXPECT_TRUE(ControlService(service, SERVICE_CONTROL_STOP, &status));
    NT_EXPECT_EQ(lstrcmpW(Asked, L"-" SERVICES L"Echo"), 0);
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_STOPPED);
    NT_EXPECT_TRUE(CloseServiceHandle(manager));
    NT_EXPECT_FALSE(CloseServiceHandle(manager));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    CloseServiceHandle(service);
}

/* Until the last handle is closed, the name is taken and the key is there. */
NT_TEST(Service, DeletedServiceGoesWithItsLastHandle)
{
    SC_HANDLE service = Create("gone");
    SC_HANDLE second = OpenServiceA(Manager(), "gone", SERVICE_QUERY_CONFIG | SERVICE_START);
    QUERY_SERVICE_CONFIGW config[8];
    DWORD needed;

    NT_EXPECT_TRUE(DeleteService(service));
    NT_EXPECT_FALSE(DeleteService(service));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_MARKED_FOR_DELETE);
    NT_EXPECT_FALSE(StartServiceA(service, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_MARKED_FOR_DELETE);
    NT_EXPECT_FALSE(ChangeServiceConfigA(service, SERVICE_NO_CHANGE, SERVICE_DISABLED,
                                         SERVICE_NO_CHANGE, NULL, NULL, NULL, NULL, NULL, NULL,
                                         NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_MARKED_FOR_DELETE);
    NT_EXPECT_TRUE(CloseServiceHandle(service));
    NT_EXPECT_EQ(Create("GONE"), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_MARKED_FOR_DELETE);
    NT_EXPECT_TRUE(QueryServiceConfigW(second, config, sizeof(config), &needed));
    NT_EXPECT_TRUE(FakeKeyExists(SERVICES L"gone"));
    NT_EXPECT_TRUE(CloseServiceHandle(second));
    NT_EXPECT_FALSE(FakeKeyExists(SERVICES L"gone"));
    NT_EXPECT_EQ(OpenServiceA(Manager(), "gone", SERVICE_ALL_ACCESS), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_DOES_NOT_EXIST);
    service = Create("gone");
    NT_EXPECT_NE(service, NULL);
    CloseServiceHandle(service);
}

/* One that runs stays until it is stopped. */
NT_TEST(Service, DeletedServiceThatRunsStaysUntilItStops)
{
    SC_HANDLE service = Create("runs");

    NT_EXPECT_TRUE(StartServiceA(service, 0, NULL));
    NT_EXPECT_TRUE(DeleteService(service));
    NT_EXPECT_TRUE(CloseServiceHandle(service));
    NT_EXPECT_TRUE(FakeKeyExists(SERVICES L"runs"));
    service = OpenServiceA(Manager(), "runs", SERVICE_ALL_ACCESS);
    NT_EXPECT_TRUE(ControlService(service, SERVICE_CONTROL_STOP, &(SERVICE_STATUS){0}));
    NT_EXPECT_TRUE(CloseServiceHandle(service));
    NT_EXPECT_FALSE(FakeKeyExists(SERVICES L"runs"));
}

NT_TEST(Service, FailureOfTheDriverIsTold)
{
    SC_HANDLE service = Create("bad");
    SERVICE_STATUS status;

    Answer = STATUS_OBJECT_NAME_NOT_FOUND;
    NT_EXPECT_FALSE(StartServiceA(service, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
    QueryServiceStatus(service, &status);
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_STOPPED);
    Answer = STATUS_SUCCESS;
    NT_EXPECT_TRUE(StartServiceA(service, 0, NULL));
    Answer = STATUS_INVALID_DEVICE_REQUEST;
    NT_EXPECT_FALSE(ControlService(service, SERVICE_CONTROL_STOP, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_SERVICE_CONTROL);
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_RUNNING);
    /* Behind the manager's back it was unloaded, then loaded. */
    Answer = STATUS_OBJECT_NAME_NOT_FOUND;
    NT_EXPECT_FALSE(ControlService(service, SERVICE_CONTROL_STOP, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_NOT_ACTIVE);
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_STOPPED);
    Answer = STATUS_IMAGE_ALREADY_LOADED;
    NT_EXPECT_FALSE(StartServiceA(service, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_ALREADY_RUNNING);
    QueryServiceStatus(service, &status);
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_RUNNING);
    CloseServiceHandle(service);
}

NT_TEST(Service, DriversOfTheRunAreThere)
{
    SC_HANDLE manager = OpenSCManagerA(NULL, SERVICES_ACTIVE_DATABASEA, SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service = OpenServiceW(manager, L"TWO", SERVICE_QUERY_STATUS);
    SERVICE_STATUS status;

    NT_EXPECT_NE(service, NULL);
    QueryServiceStatus(service, &status);
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_RUNNING);
    NT_EXPECT_EQ(Create("one"), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_EXISTS);
    CloseServiceHandle(service);
}

/* A handle is what is on the list: nothing else is looked into, and rights are those it was given.
 */
NT_TEST(Service, HandlesAndRights)
{
    static const char notAHandle[64];
    SC_HANDLE manager = Manager();
    SC_HANDLE service =
        CreateServiceA(manager, "rights", NULL, SERVICE_QUERY_STATUS, SERVICE_KERNEL_DRIVER,
                       SERVICE_DEMAND_START, 0, "x.sys", NULL, NULL, NULL, NULL, NULL);
    SERVICE_STATUS_PROCESS process;
    SERVICE_STATUS status;
    SC_HANDLE starter;
    DWORD needed;

    NT_EXPECT_NE(service, NULL);
    NT_EXPECT_FALSE(StartServiceA(service, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    NT_EXPECT_FALSE(ControlService(service, SERVICE_CONTROL_STOP, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    NT_EXPECT_FALSE(DeleteService(service));
    NT_EXPECT_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    NT_EXPECT_FALSE(QueryServiceConfigA(service, NULL, 0, &needed));
    NT_EXPECT_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    NT_EXPECT_FALSE(ChangeServiceConfigA(service, SERVICE_NO_CHANGE, 3, SERVICE_NO_CHANGE, NULL,
                                         NULL, NULL, NULL, NULL, NULL, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    /* A path of no file here is told as such. */
    starter = OpenServiceA(manager, "rights", GENERIC_EXECUTE);
    Answer = STATUS_NOT_SUPPORTED;
    NT_EXPECT_FALSE(StartServiceA(starter, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
    NT_EXPECT_FALSE(QueryServiceStatusEx(service, (SC_STATUS_TYPE)1, (LPBYTE)&process,
                                         sizeof(process), &needed));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_LEVEL);
    NT_EXPECT_FALSE(
        QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (LPBYTE)&process, 1, &needed));
    NT_EXPECT_EQ(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    NT_EXPECT_TRUE(
        QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (LPBYTE)&process, needed, &needed));
    NT_EXPECT_EQ(process.dwCurrentState, SERVICE_STOPPED);
    NT_EXPECT_FALSE(QueryServiceStatus((SC_HANDLE)notAHandle, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    NT_EXPECT_FALSE(QueryServiceStatus(manager, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    NT_EXPECT_FALSE(QueryServiceStatus(NULL, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    NT_EXPECT_TRUE(CloseServiceHandle(starter));
    NT_EXPECT_TRUE(CloseServiceHandle(service));
    NT_EXPECT_FALSE(CloseServiceHandle(service));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

NT_TEST(Service, RightsOfTheManagersHandle)
{
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, 0);
    SC_HANDLE service = Create("any");
    DWORD needed;
    DWORD count;

    NT_EXPECT_EQ(CreateServiceA(manager, "x", NULL, 0, SERVICE_KERNEL_DRIVER, 3, 0, "x", NULL, NULL,
                                NULL, NULL, NULL),
                 NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    NT_EXPECT_FALSE(EnumServicesStatusW(manager, SERVICE_DRIVER, SERVICE_STATE_ALL, NULL, 0,
                                        &needed, &count, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_ACCESS_DENIED);
    NT_EXPECT_EQ(OpenServiceA(service, "any", 0), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    NT_EXPECT_EQ(OpenServiceA(manager, "a\\b", 0), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_NAME);
    NT_EXPECT_EQ(OpenSCManagerA("\\\\other", NULL, 0), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
    NT_EXPECT_EQ(OpenSCManagerA(NULL, "Other", 0), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_DATABASE_DOES_NOT_EXIST);
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
}

NT_TEST(Service, ArgumentsOfCreateAreChecked)
{
    static const struct {
        const char *Name;
        const char *Binary;
        const char *Group;
        const char *Dependencies;
        const char *Account;
        DWORD Type;
        DWORD Start;
        DWORD ErrorControl;
        DWORD Error;
        BOOLEAN Tag;
    } rows[] = {
        {NULL, "x", NULL, NULL, NULL, 1, 3, 1, ERROR_INVALID_NAME, 0},
        {"", "x", NULL, NULL, NULL, 1, 3, 1, ERROR_INVALID_NAME, 0},
        {"a/b", "x", NULL, NULL, NULL, 1, 3, 1, ERROR_INVALID_NAME, 0},
        {"n", NULL, NULL, NULL, NULL, 1, 3, 1, ERROR_INVALID_PARAMETER, 0},
        {"n", "", NULL, NULL, NULL, 1, 3, 1, ERROR_INVALID_PARAMETER, 0},
        {"n", "x", NULL, NULL, NULL, 0, 3, 1, ERROR_INVALID_PARAMETER, 0},
        {"n", "x", NULL, NULL, NULL, SERVICE_NO_CHANGE, 3, 1, ERROR_INVALID_PARAMETER, 0},
        {"n", "x", NULL, NULL, NULL, SERVICE_WIN32_OWN_PROCESS, 3, 1, ERROR_NOT_SUPPORTED, 0},
        {"n", "x", NULL, NULL, NULL, SERVICE_FILE_SYSTEM_DRIVER, 3, 1, ERROR_NOT_SUPPORTED, 0},
        {"n", "x", NULL, NULL, NULL, 1, 5, 1, ERROR_INVALID_PARAMETER, 0},
        {"n", "x", NULL, NULL, NULL, 1, 3, 4, ERROR_INVALID_PARAMETER, 0},
        {"n", "x", NULL, NULL, NULL, 1, 3, 1, ERROR_INVALID_PARAMETER, 1},
        {"n", "x", NULL, "other", NULL, 1, 3, 1, ERROR_NOT_SUPPORTED, 0},
        {"n", "x", NULL, NULL, "\\Driver\\y", 1, 3, 1, ERROR_NOT_SUPPORTED, 0},
    };
    SC_HANDLE manager = Manager();
    DWORD tag = 0;

    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        NT_EXPECT_EQ(CreateServiceA(manager, rows[i].Name, NULL, 0, rows[i].Type, rows[i].Start,
                                    rows[i].ErrorControl, rows[i].Binary, rows[i].Group,
                                    rows[i].Tag ? &tag : NULL, rows[i].Dependencies,
                                    rows[i].Account, NULL),
                     NULL);
        NT_EXPECT_EQ(GetLastError(), rows[i].Error);
    }
    NT_EXPECT_FALSE(FakeKeyExists(SERVICES L"n"));
    NT_EXPECT_NE(
        CreateServiceA(manager, "n", "", SERVICE_ALL_ACCESS, 1, 3, 1, "x", "g", &tag, "", "", NULL),
        NULL);
    NT_EXPECT_NE(tag, 0);
}

NT_TEST(Service, KeyThatCannotBeWrittenLeavesNothing)
{
    FakeSetValueStatus = STATUS_INSUFFICIENT_RESOURCES;
    NT_EXPECT_EQ(Create("half"), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_NO_SYSTEM_RESOURCES);
    NT_EXPECT_FALSE(FakeKeyExists(SERVICES L"half"));
    NT_EXPECT_EQ(OpenServiceA(Manager(), "half", 0), NULL);
}

NT_TEST(Service, ConfigurationIsReadAndChanged)
{
    union {
        QUERY_SERVICE_CONFIGA Narrow;
        QUERY_SERVICE_CONFIGW Wide;
        char Bytes[512];
    } config;
    SC_HANDLE service = CreateServiceA(
        Manager(), "config", "Display", SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER,
        SERVICE_AUTO_START, SERVICE_ERROR_IGNORE, "C:\\a\\b.sys", NULL, NULL, NULL, NULL, NULL);
    SC_HANDLE other = Create("config2");
    DWORD needed = 0;
    DWORD again = 0;

    NT_EXPECT_FALSE(QueryServiceConfigA(service, &config.Narrow, 0, &needed));
    NT_EXPECT_EQ(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    NT_EXPECT_FALSE(QueryServiceConfigA(service, &config.Narrow, needed - 1, &again));
    NT_EXPECT_EQ(again, needed);
    NT_EXPECT_TRUE(QueryServiceConfigA(service, &config.Narrow, needed, &again));
    NT_EXPECT_EQ(config.Narrow.dwServiceType, SERVICE_KERNEL_DRIVER);
    NT_EXPECT_EQ(config.Narrow.dwStartType, SERVICE_AUTO_START);
    NT_EXPECT_EQ(config.Narrow.dwErrorControl, SERVICE_ERROR_IGNORE);
    NT_EXPECT_STR(config.Narrow.lpBinaryPathName, "\\??\\C:\\a\\b.sys");
    NT_EXPECT_STR(config.Narrow.lpDisplayName, "Display");
    NT_EXPECT_STR(config.Narrow.lpLoadOrderGroup, "");
    NT_EXPECT_EQ(config.Narrow.lpDependencies[0] | config.Narrow.lpDependencies[1], 0);
    NT_EXPECT_TRUE(ChangeServiceConfigW(service, SERVICE_NO_CHANGE, SERVICE_DISABLED,
                                        SERVICE_NO_CHANGE, L"system32\\c.sys", NULL, NULL, NULL,
                                        NULL, NULL, L"D\xE9 2"));
    NT_EXPECT_TRUE(QueryServiceConfigW(service, &config.Wide, sizeof(config), &needed));
    NT_EXPECT_EQ(config.Wide.dwStartType, SERVICE_DISABLED);
    NT_EXPECT_EQ(config.Wide.dwErrorControl, SERVICE_ERROR_IGNORE);
    NT_EXPECT_EQ(lstrcmpW(config.Wide.lpBinaryPathName, L"system32\\c.sys"), 0);
    NT_EXPECT_EQ(lstrcmpW(config.Wide.lpDisplayName, L"D\xE9 2"), 0);
    NT_EXPECT_FALSE(StartServiceA(service, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_DISABLED);
    NT_EXPECT_FALSE(ChangeServiceConfigA(service, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE,
                                         SERVICE_NO_CHANGE, NULL, NULL, NULL, NULL, NULL, NULL,
                                         "CONFIG2"));
    NT_EXPECT_EQ(GetLastError(), ERROR_DUPLICATE_SERVICE_NAME);
    NT_EXPECT_FALSE(ChangeServiceConfigA(service, SERVICE_NO_CHANGE, 7, SERVICE_NO_CHANGE, NULL,
                                         NULL, NULL, NULL, NULL, NULL, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    NT_EXPECT_EQ(CreateServiceA(Manager(), "third", "config2", 0, SERVICE_KERNEL_DRIVER, 3, 0, "x",
                                NULL, NULL, NULL, NULL, NULL),
                 NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_DUPLICATE_SERVICE_NAME);
    CloseServiceHandle(other);
    CloseServiceHandle(service);
}

NT_TEST(Service, ListIsSortedAndContinued)
{
    ENUM_SERVICE_STATUSA all[16];
    ENUM_SERVICE_STATUSW wide[16];
    SC_HANDLE manager = Manager();
    SC_HANDLE service = Create("middle");
    DWORD resume = 0;
    DWORD needed;
    DWORD count;

    NT_EXPECT_NE(service, NULL);
    NT_EXPECT_TRUE(EnumServicesStatusA(manager, SERVICE_DRIVER, SERVICE_STATE_ALL, all, sizeof(all),
                                       &needed, &count, NULL));
    NT_EXPECT_EQ(count, 3);
    NT_EXPECT_STR(all[0].lpServiceName, "middle");
    NT_EXPECT_EQ(all[0].ServiceStatus.dwCurrentState, SERVICE_STOPPED);
    NT_EXPECT_STR(all[1].lpServiceName, "one");
    NT_EXPECT_STR(all[2].lpDisplayName, "two");
    /* Room for one at a time. */
    for (DWORD i = 0; i < 3; i++) {
        BOOL done = EnumServicesStatusW(manager, SERVICE_KERNEL_DRIVER, SERVICE_STATE_ALL, wide,
                                        sizeof(wide[0]) + 40, &needed, &count, &resume);

        NT_EXPECT_EQ(done, i == 2);
        NT_EXPECT_EQ(count, 1);
        NT_EXPECT_EQ(wide[0].lpServiceName[0], L"mot"[i]);
        if (!done) {
            NT_EXPECT_EQ(GetLastError(), ERROR_MORE_DATA);
            NT_EXPECT_EQ(resume, i + 1);
        }
    }
    NT_EXPECT_EQ(resume, 0);
    NT_EXPECT_TRUE(EnumServicesStatusA(manager, SERVICE_DRIVER, SERVICE_INACTIVE, all, sizeof(all),
                                       &needed, &count, NULL));
    NT_EXPECT_EQ(count, 1);
    NT_EXPECT_TRUE(EnumServicesStatusA(manager, SERVICE_WIN32, SERVICE_STATE_ALL, all, sizeof(all),
                                       &needed, &count, NULL));
    NT_EXPECT_EQ(count, 0);
    NT_EXPECT_FALSE(EnumServicesStatusA(manager, 0, SERVICE_STATE_ALL, all, sizeof(all), &needed,
                                        &count, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    NT_EXPECT_FALSE(
        EnumServicesStatusA(manager, SERVICE_DRIVER, 4, all, sizeof(all), &needed, &count, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
    NT_EXPECT_FALSE(EnumServicesStatusA(service, SERVICE_DRIVER, SERVICE_STATE_ALL, all,
                                        sizeof(all), &needed, &count, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    NT_EXPECT_FALSE(EnumServicesStatusExA(manager, (SC_ENUM_TYPE)1, SERVICE_DRIVER,
                                          SERVICE_STATE_ALL, (LPBYTE)all, sizeof(all), &needed,
                                          &count, NULL, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_LEVEL);
    NT_EXPECT_TRUE(EnumServicesStatusExA(manager, SC_ENUM_PROCESS_INFO, SERVICE_DRIVER,
                                         SERVICE_STATE_ALL, (LPBYTE)all, sizeof(all), &needed,
                                         &count, NULL, NULL));
    NT_EXPECT_STR(((ENUM_SERVICE_STATUS_PROCESSA *)all)[2].lpServiceName, "two");
    CloseServiceHandle(service);
}

NT_TEST(Service, NamesAreTranslated)
{
    SC_HANDLE manager = Manager();
    SC_HANDLE service = CreateServiceA(manager, "key", "Display Name", 0, SERVICE_KERNEL_DRIVER, 3,
                                       0, "x", NULL, NULL, NULL, NULL, NULL);
    char text[32];
    WCHAR wide[32];
    DWORD size = 5;

    NT_EXPECT_FALSE(GetServiceDisplayNameA(manager, "key", text, &size));
    NT_EXPECT_EQ(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    NT_EXPECT_EQ(size, 12);
    size++;
    NT_EXPECT_TRUE(GetServiceDisplayNameA(manager, "KEY", text, &size));
    NT_EXPECT_STR(text, "Display Name");
    size = ARRAYSIZE(wide);
    NT_EXPECT_TRUE(GetServiceKeyNameW(manager, L"display name", wide, &size));
    NT_EXPECT_EQ(size, 3);
    NT_EXPECT_EQ(lstrcmpW(wide, L"key"), 0);
    size = ARRAYSIZE(wide);
    NT_EXPECT_TRUE(GetServiceDisplayNameW(manager, L"key", wide, &size));
    NT_EXPECT_FALSE(GetServiceKeyNameA(manager, "nobody", text, &size));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_DOES_NOT_EXIST);
    NT_EXPECT_FALSE(GetServiceDisplayNameA(manager, "", text, &size));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_NAME);
    NT_EXPECT_FALSE(GetServiceDisplayNameA(service, "key", text, &size));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    CloseServiceHandle(service);
}
