/* SPDX-License-Identifier: MIT
 *
 * test/user/service_test.c - the service manager, with a kernel that says what it was asked
 */
#include <stdlib.h>

#include "folder.h"
#include "gate.h"
#include "nt_test.h"
#include <winsvc.h>

static char Asked[128];
static NTSTATUS Answer;

static NTSTATUS
FakeLoad(const char *Path)
{
    lstrcpynA(Asked, Path, sizeof(Asked));
    return Answer;
}

void
NtTestSetUp(void)
{
    setenv("NTBOX_DRIVERS", "/opt/one.so:/opt/two.so", 1);
    FakeGate.NtboxLoadDriver = FakeLoad;
    FakeGate.NtboxUnloadDriver = FakeLoad;
    InstallFakeGate();
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
    NT_EXPECT_FALSE(ControlService(service, SERVICE_CONTROL_STOP, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_NOT_ACTIVE);
    NT_EXPECT_TRUE(StartServiceW(service, 0, NULL));
    NT_EXPECT_STR(Asked, "/tmp/echo.so");
    NT_EXPECT_FALSE(StartServiceA(service, 0, NULL));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_ALREADY_RUNNING);
    NT_EXPECT_TRUE(QueryServiceStatus(service, &status));
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_RUNNING);
    NT_EXPECT_TRUE(ControlService(service, SERVICE_CONTROL_STOP, &status));
    NT_EXPECT_STR(Asked, "echo");
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_STOPPED);
    NT_EXPECT_TRUE(DeleteService(service));
    NT_EXPECT_FALSE(DeleteService(service));
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_MARKED_FOR_DELETE);
    NT_EXPECT_TRUE(CloseServiceHandle(service));
    NT_EXPECT_EQ(OpenServiceA(manager, "Echo", SERVICE_ALL_ACCESS), NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_DOES_NOT_EXIST);
    NT_EXPECT_TRUE(CloseServiceHandle(manager));
}

/* Text with its @ replaced. */
static PSTR
Expand(PSTR Target, PCSTR Text, PCSTR Folder)
{
    for (*Target = '\0'; *Text != '\0'; Text++) {
        char one[2] = {*Text, '\0'};

        lstrcatA(Target, *Text == '@' ? Folder : one);
    }
    return Target;
}

/* What StartService loads for a binary's path, in a folder that has Driver.so and real.sys. */
NT_TEST(Service, BinaryIsFoundAsWindowsWritesIt)
{
    static const char *const files[] = {"real.sys", "Driver.so", NULL};
    static char folder[] = "/tmp/user_service_test.XXXXXX";
    static const struct {
        const char *Binary; /* @: the folder as a path on Z: */
        const char *Loaded; /* @: the folder */
    } rows[] = {
        {"@\\real.sys", "@/real.sys"},
        {"@\\REAL.SYS", "@/real.sys"},
        {"\\??\\@\\real.sys", "@/real.sys"},
        {"\\\\?\\@\\real.sys", "@/real.sys"},
        {"\"@\\real.sys\"", "@/real.sys"},
        {"@\\driver.sys", "@/Driver.so"},
        {"@\\none.sys", "@/none.sys"},
        {"C:\\Drivers\\real.sys", "@/real.sys"},
        {"\\SystemRoot\\System32\\drivers\\Driver.sys", "@/Driver.so"},
        {"system32\\DRIVERS\\real.sys", "@/real.sys"},
        {"real.sys", "@/real.sys"},
        {"..\\real.sys", "/tmp/real.sys"},
    };
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, 0);
    char drive[64] = "Z:";
    char text[256];

    NT_EXPECT_TRUE(TestEnterFolder(folder, files));
    lstrcatA(drive, folder);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        SC_HANDLE service;

        Expand(text, rows[i].Binary, drive);
        service = CreateServiceA(manager, "found", NULL, SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER,
                                 3, 0, text, NULL, NULL, NULL, NULL, NULL);
        NT_EXPECT_TRUE(StartServiceA(service, 0, NULL));
        Expand(text, rows[i].Loaded, folder);
        NT_EXPECT_STR(Asked, text);
        DeleteService(service);
        ControlService(service, SERVICE_CONTROL_STOP, &(SERVICE_STATUS){0});
        CloseServiceHandle(service);
    }
    TestLeaveFolder(folder, files);
}

NT_TEST(Service, FailureOfTheDriverIsTold)
{
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, 0);
    SC_HANDLE service =
        CreateServiceA(manager, "bad", NULL, SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER,
                       SERVICE_DEMAND_START, 0, "/tmp/bad.so", NULL, NULL, NULL, NULL, NULL);
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
    CloseServiceHandle(service);
}

NT_TEST(Service, DriversOfTheRunAreThere)
{
    SC_HANDLE manager = OpenSCManagerA(NULL, SERVICES_ACTIVE_DATABASEA, 0);
    SC_HANDLE service = OpenServiceW(manager, L"TWO", SERVICE_QUERY_STATUS);
    SERVICE_STATUS status;

    NT_EXPECT_NE(service, NULL);
    QueryServiceStatus(service, &status);
    NT_EXPECT_EQ(status.dwCurrentState, SERVICE_RUNNING);
    NT_EXPECT_EQ(CreateServiceA(manager, "one", NULL, 0, SERVICE_KERNEL_DRIVER, 3, 0, "/x.so", NULL,
                                NULL, NULL, NULL, NULL),
                 NULL);
    NT_EXPECT_EQ(GetLastError(), ERROR_SERVICE_EXISTS);
    CloseServiceHandle(service);
}

/* A handle is what is on the list: nothing else is looked into, and rights are those it was given.
 */
NT_TEST(Service, HandlesAndRights)
{
    static const char notAHandle[64];
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service = CreateServiceA(manager, "rights", NULL, SERVICE_QUERY_STATUS,
                                       SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START, 0,
                                       "\\\\server\\share\\x.sys", NULL, NULL, NULL, NULL, NULL);
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
    /* A path of no file here is told as such. */
    starter = OpenServiceA(manager, "rights", GENERIC_EXECUTE);
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
    NT_EXPECT_FALSE(QueryServiceStatus(NULL, &status));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
    NT_EXPECT_TRUE(CloseServiceHandle(starter));
    NT_EXPECT_TRUE(CloseServiceHandle(service));
    NT_EXPECT_FALSE(CloseServiceHandle(service));
    NT_EXPECT_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}
