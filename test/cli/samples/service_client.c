/* SPDX-License-Identifier: MIT
 *
 * service_client.c - loads its driver itself, through the service manager
 */
#include <windows.h>
#include <winsvc.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SERVICE_STATUS status;
    SC_HANDLE service;
    HANDLE device;

    service = CreateServiceA(manager, "Scratch", "Scratch", SERVICE_ALL_ACCESS,
                             SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
                             argv[argc - 1], NULL, NULL, NULL, NULL, NULL);
    if (service == NULL || !StartServiceA(service, 0, NULL)) {
        printf("cannot start: %lu\n", GetLastError());
        return 1;
    }
    device = CreateFileA("\\\\.\\Scratch", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    printf("opened: %d\n", device != INVALID_HANDLE_VALUE);
    CloseHandle(device);
    if (!ControlService(service, SERVICE_CONTROL_STOP, &status)) {
        printf("cannot stop: %lu\n", GetLastError());
        return 1;
    }
    printf("state %lu\n", status.dwCurrentState);
    device = CreateFileA("\\\\.\\Scratch", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    printf("gone: %d, error %lu\n", device == INVALID_HANDLE_VALUE, GetLastError());
    DeleteService(service);
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return 0;
}
