/* SPDX-License-Identifier: MIT
 *
 * advapi32/service.c - the service manager, for drivers
 *
 * A process has its own manager, because it has its own kernel: the services are the drivers that
 * `ntbox run` loaded, which run, and those that the program creates. A service's binary is an ELF
 * driver; the kernel names the driver after that file. Programs write the path of a .sys file:
 *     a path on drive Z: (so any host path), or a relative one     that file
 *     another drive's, or one below \SystemRoot or %SystemRoot%    its name, in the current folder
 * and where the .sys file does not exist, NAME.so beside it is loaded. The name's case is free.
 *
 * Invariants  A1  a record lives while it is on AdvServices or a handle refers to it.
 *             A2  a record marked for deletion leaves the list when its last handle closes and
 *                 nobody uses it.
 *             A3  a value is a handle iff it is on AdvHandles: no other is looked into.
 * Lock        AdvLock guards the lists and the records; drivers are loaded and unloaded without it.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel32/kernel32.h"
#include <winsvc.h>

#define MANAGER_HANDLE ((SC_HANDLE)(ULONG_PTR)0x50000200u)

typedef struct ADV_SERVICE {
    struct ADV_SERVICE *Next;
    char *Name;       /* UTF-8, compared without case */
    char *Binary;     /* host path */
    char *DriverName; /* what the kernel calls it: Binary without folder and extension */
    ULONG Handles;    /* and calls that use it */
    DWORD State;      /* SERVICE_STOPPED, _START_PENDING, _RUNNING, _STOP_PENDING */
    BOOLEAN Deleted;
} ADV_SERVICE;

typedef struct ADV_HANDLE {
    struct ADV_HANDLE *Next;
    ADV_SERVICE *Service;
    DWORD Access; /* SERVICE_*, as it was opened with */
} ADV_HANDLE;

static SRWLOCK AdvLock = SRWLOCK_INIT;
static ADV_SERVICE *AdvServices;
static ADV_HANDLE *AdvHandles;
static BOOLEAN AdvLoaded; /* the drivers of NTBOX_DRIVERS are on the list */

static BOOL
Fail(DWORD Error)
{
    NtdllLastError = Error;
    return FALSE;
}

static VOID
FreeService(ADV_SERVICE *Service)
{
    free(Service->Name);
    free(Service->Binary);
    free(Service->DriverName);
    free(Service);
}

/* The last part of a path with separators of either kind. */
static const char *
FilePart(const char *Path)
{
    const char *part = Path;

    for (; *Path != '\0'; Path++) {
        part = *Path == '\\' || *Path == '/' ? Path + 1 : part;
    }
    return part;
}

/* A path on a drive that is not here, or in the system's folder. */
static BOOLEAN
IsElsewhere(const char *Path)
{
    static const char *const roots[] = {"\\SystemRoot\\", "SystemRoot\\", "%SystemRoot%\\",
                                        "System32\\"};

    if (Path[0] != '\0' && Path[1] == ':' && Path[0] != 'Z' && Path[0] != 'z') {
        return TRUE;
    }
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        char start[16];

        lstrcpynA(start, Path, (int)strlen(roots[i]) + 1);
        if (lstrcmpiA(start, roots[i]) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* "Z:\\dir\\x.sys" into "/dir/x.sys", from malloc. */
static NTSTATUS
HostPath(const char *Path, char **Host)
{
    PWSTR wide = NtdllWiden(Path);
    PWSTR full = NULL;
    NTSTATUS status = wide != NULL ? NtdllFullDosPath(wide, &full) : STATUS_NO_MEMORY;

    free(wide);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    *Host = NtdllNarrow(&full[2]);
    free(full);
    for (char *at = *Host; at != NULL && *at != '\0'; at++) {
        *at = *at == '\\' ? '/' : *at;
    }
    return *Host != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/* \??\ and \\?\ in front of a drive mean nothing more. */
static const char *
SkipPrefix(const char *Path)
{
    BOOLEAN has = strncmp(Path, "\\??\\", 4) == 0 || strncmp(Path, "\\\\?\\", 4) == 0;

    return has ? &Path[4] : Path;
}

/* The driver file that a service's binary stands for, from malloc. */
static NTSTATUS
FindDriver(const char *Binary, char **Host)
{
    char *path = strdup(Binary[0] == '"' ? &Binary[1] : Binary);
    const char *plain;
    NTSTATUS status;
    size_t length;

    if (path == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (Binary[0] == '"') {
        path[strcspn(path, "\"")] = '\0';
    }
    plain = SkipPrefix(path);
    status = HostPath(IsElsewhere(plain) ? FilePart(plain) : plain, Host);
    free(path);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    length = strlen(*Host);
    if (length > 4 && lstrcmpiA(&(*Host)[length - 4], ".sys") == 0 && !NtdllHostFindFile(*Host)) {
        memcpy(&(*Host)[length - 4], ".so", 4);
        if (!NtdllHostFindFile(*Host)) {
            memcpy(&(*Host)[length - 4], ".sys", 4); /* the one that the error is about */
        }
    }
    return STATUS_SUCCESS;
}

/* Name NULL: the driver's. NULL without memory. */
static ADV_SERVICE *
MakeService(const char *Name, const char *Binary, DWORD State)
{
    ADV_SERVICE *service = calloc(1, sizeof(*service));
    const char *file = FilePart(Binary);
    char *dot;

    if (service == NULL) {
        return NULL;
    }
    service->Binary = strdup(Binary);
    service->DriverName = strdup(file);
    if (service->DriverName != NULL) {
        dot = strrchr(service->DriverName, '.');
        if (dot != NULL && dot != service->DriverName) {
            *dot = '\0';
        }
        service->Name = strdup(Name != NULL ? Name : service->DriverName);
    }
    service->State = State;
    if (service->Binary == NULL || service->Name == NULL) {
        FreeService(service);
        return NULL;
    }
    return service;
}

static ADV_SERVICE *
FindServiceLocked(const char *Name)
{
    ADV_SERVICE *service = AdvServices;

    while (service != NULL && lstrcmpiA(service->Name, Name) != 0) {
        service = service->Next;
    }
    return service;
}

static VOID
InsertServiceLocked(ADV_SERVICE *Service)
{
    Service->Next = AdvServices;
    AdvServices = Service;
}

/* The drivers that started with the process are running services. */
static VOID
AddLoadedDriversLocked(VOID)
{
    const char *drivers = getenv("NTBOX_DRIVERS");
    char *list;
    char *next;

    if (AdvLoaded || drivers == NULL || drivers[0] == '\0') {
        return;
    }
    AdvLoaded = TRUE;
    list = strdup(drivers);
    for (char *path = list; path != NULL; path = next) {
        ADV_SERVICE *service;

        next = strchr(path, ':');
        if (next != NULL) {
            *next++ = '\0';
        }
        service = MakeService(NULL, path, SERVICE_RUNNING);
        if (service != NULL) {
            InsertServiceLocked(service);
        }
    }
    free(list);
}

static VOID
DropServiceLocked(ADV_SERVICE *Service)
{
    ADV_SERVICE **link;

    if (--Service->Handles == 0 && Service->Deleted && Service->State == SERVICE_STOPPED) {
        for (link = &AdvServices; *link != Service; link = &(*link)->Next) {
        }
        *link = Service->Next;
        FreeService(Service);
    }
}

/* What points to the handle on the list; to NULL: it is none (A3). */
static ADV_HANDLE **
FindHandleLocked(SC_HANDLE Handle)
{
    ADV_HANDLE **link = &AdvHandles;

    while (*link != NULL && (SC_HANDLE)*link != Handle) {
        link = &(*link)->Next;
    }
    return link;
}

/* The service of a handle with this access, for EndUse; NULL and the last error. */
static ADV_SERVICE *
BeginUse(SC_HANDLE Handle, DWORD Access)
{
    ADV_SERVICE *service = NULL;
    ADV_HANDLE *handle;

    AcquireSRWLockExclusive(&AdvLock);
    handle = *FindHandleLocked(Handle);
    if (handle == NULL) {
        Fail(ERROR_INVALID_HANDLE);
    } else if ((handle->Access & Access) != Access) {
        Fail(ERROR_ACCESS_DENIED);
    } else {
        service = handle->Service;
        service->Handles++;
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return service;
}

static VOID
EndUse(ADV_SERVICE *Service)
{
    AcquireSRWLockExclusive(&AdvLock);
    DropServiceLocked(Service);
    ReleaseSRWLockExclusive(&AdvLock);
}

/* Generic rights of services and MAXIMUM_ALLOWED, as the SDK maps them. */
static DWORD
MapServiceAccess(DWORD Access)
{
    DWORD mapped = Access & SERVICE_ALL_ACCESS;

    if (Access & (GENERIC_ALL | 0x02000000u)) {
        mapped |= SERVICE_ALL_ACCESS;
    }
    if (Access & GENERIC_READ) {
        mapped |= SERVICE_QUERY_CONFIG | SERVICE_QUERY_STATUS | SERVICE_INTERROGATE |
                  SERVICE_ENUMERATE_DEPENDENTS;
    }
    if (Access & GENERIC_WRITE) {
        mapped |= SERVICE_CHANGE_CONFIG;
    }
    if (Access & GENERIC_EXECUTE) {
        mapped |=
            SERVICE_START | SERVICE_STOP | SERVICE_PAUSE_CONTINUE | SERVICE_USER_DEFINED_CONTROL;
    }
    return mapped;
}

/* NULL without memory, which the last error tells. */
static SC_HANDLE
MakeHandleLocked(ADV_SERVICE *Service, DWORD Access)
{
    ADV_HANDLE *handle = malloc(sizeof(*handle));

    if (handle == NULL) {
        Fail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    handle->Service = Service;
    handle->Access = MapServiceAccess(Access);
    handle->Next = AdvHandles;
    AdvHandles = handle;
    Service->Handles++;
    return (SC_HANDLE)handle;
}

/* ---- opening ---- */

/* Another machine's manager, or another database: not here. */
SC_HANDLE WINAPI
OpenSCManagerA(LPCSTR Machine, LPCSTR Database, DWORD Access)
{
    if ((Machine != NULL && Machine[0] != '\0') ||
        (Database != NULL && lstrcmpiA(Database, "ServicesActive") != 0)) {
        Fail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    return MANAGER_HANDLE;
}

SC_HANDLE WINAPI
OpenSCManagerW(LPCWSTR Machine, LPCWSTR Database, DWORD Access)
{
    char *machine = NtdllNarrow(Machine);
    char *database = NtdllNarrow(Database);
    SC_HANDLE handle = OpenSCManagerA(machine, database, Access);

    free(machine);
    free(database);
    return handle;
}

SC_HANDLE WINAPI
OpenServiceA(SC_HANDLE Manager, LPCSTR Name, DWORD Access)
{
    ADV_SERVICE *service;
    SC_HANDLE handle = NULL;

    if (Manager != MANAGER_HANDLE || Name == NULL) {
        Fail(Name == NULL ? ERROR_INVALID_NAME : ERROR_INVALID_HANDLE);
        return NULL;
    }
    AcquireSRWLockExclusive(&AdvLock);
    AddLoadedDriversLocked();
    service = FindServiceLocked(Name);
    if (service == NULL) {
        Fail(ERROR_SERVICE_DOES_NOT_EXIST);
    } else {
        handle = MakeHandleLocked(service, Access);
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return handle;
}

SC_HANDLE WINAPI
OpenServiceW(SC_HANDLE Manager, LPCWSTR Name, DWORD Access)
{
    char *name = NtdllNarrow(Name);
    SC_HANDLE handle = OpenServiceA(Manager, name, Access);

    free(name);
    return handle;
}

/*
 * CreateServiceA - tell the manager of a driver
 *
 * Type     SERVICE_KERNEL_DRIVER; anything else is ERROR_NOT_SUPPORTED
 * Binary   of an ELF driver, see the top of this file
 * Errors   ERROR_SERVICE_EXISTS, ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_INVALID_NAME
 * Differs  lives as long as the process; start type, groups and accounts have no effect; the
 *          driver's registry path ends in its file's name, not the service's
 */
SC_HANDLE WINAPI
CreateServiceA(SC_HANDLE Manager, LPCSTR Name, LPCSTR DisplayName, DWORD Access, DWORD Type,
               DWORD StartType, DWORD ErrorControl, LPCSTR Binary, LPCSTR Group, LPDWORD Tag,
               LPCSTR Dependencies, LPCSTR Account, LPCSTR Password)
{
    ADV_SERVICE *service;
    ADV_SERVICE *old;
    SC_HANDLE handle = NULL;

    if (Manager != MANAGER_HANDLE || Name == NULL || Name[0] == '\0' || Binary == NULL ||
        Type != SERVICE_KERNEL_DRIVER) {
        Fail(Manager != MANAGER_HANDLE       ? ERROR_INVALID_HANDLE
             : Type != SERVICE_KERNEL_DRIVER ? ERROR_NOT_SUPPORTED
             : Binary == NULL                ? ERROR_INVALID_PARAMETER
                                             : ERROR_INVALID_NAME);
        return NULL;
    }
    service = MakeService(Name, Binary, SERVICE_STOPPED);
    if (service == NULL) {
        Fail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    AcquireSRWLockExclusive(&AdvLock);
    AddLoadedDriversLocked();
    old = FindServiceLocked(Name);
    if (old != NULL) {
        Fail(old->Deleted ? ERROR_SERVICE_MARKED_FOR_DELETE : ERROR_SERVICE_EXISTS);
    } else {
        handle = MakeHandleLocked(service, Access);
        if (handle != NULL) {
            InsertServiceLocked(service);
        }
    }
    ReleaseSRWLockExclusive(&AdvLock);
    if (handle == NULL) {
        FreeService(service);
    }
    return handle;
}

SC_HANDLE WINAPI
CreateServiceW(SC_HANDLE Manager, LPCWSTR Name, LPCWSTR DisplayName, DWORD Access, DWORD Type,
               DWORD StartType, DWORD ErrorControl, LPCWSTR Binary, LPCWSTR Group, LPDWORD Tag,
               LPCWSTR Dependencies, LPCWSTR Account, LPCWSTR Password)
{
    char *name = NtdllNarrow(Name);
    char *binary = NtdllNarrow(Binary);
    SC_HANDLE handle = CreateServiceA(Manager, name, NULL, Access, Type, StartType, ErrorControl,
                                      binary, NULL, Tag, NULL, NULL, NULL);

    free(name);
    free(binary);
    return handle;
}

BOOL WINAPI
CloseServiceHandle(SC_HANDLE Handle)
{
    ADV_HANDLE **link;
    ADV_HANDLE *handle;

    if (Handle == MANAGER_HANDLE) {
        return TRUE;
    }
    AcquireSRWLockExclusive(&AdvLock);
    link = FindHandleLocked(Handle);
    handle = *link;
    if (handle != NULL) {
        *link = handle->Next;
        DropServiceLocked(handle->Service);
        free(handle);
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return handle != NULL ? TRUE : Fail(ERROR_INVALID_HANDLE);
}

/* ---- doing ---- */

static BOOL
ChangeState(ADV_SERVICE *Service, DWORD From, DWORD To, DWORD Error)
{
    BOOL changed = FALSE;

    AcquireSRWLockExclusive(&AdvLock);
    if (Service->State == From) {
        Service->State = To;
        changed = TRUE;
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return changed ? TRUE : Fail(Error);
}

static NTSTATUS
LoadService(ADV_SERVICE *Service)
{
    char *driver;
    NTSTATUS status = FindDriver(Service->Binary, &driver);

    if (NT_SUCCESS(status)) {
        status = NTDLL_CALL(NtboxLoadDriver)(driver);
        free(driver);
    }
    if (NT_SUCCESS(status)) {
        __atomic_store_n(&NtdllDriverLoaded, TRUE, __ATOMIC_RELAXED);
    }
    return status;
}

/*
 * StartServiceA - load the driver; its DriverEntry has returned when this does
 *
 * Errors   ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_ACCESS_DENIED
 *          (without SERVICE_START), ERROR_NOT_SUPPORTED (a path of no file here), the driver's
 */
BOOL WINAPI
StartServiceA(SC_HANDLE Handle, DWORD Count, LPCSTR *Arguments)
{
    ADV_SERVICE *service = BeginUse(Handle, SERVICE_START);
    NTSTATUS status;
    BOOL done;

    if (service == NULL) {
        return FALSE;
    }
    AcquireSRWLockShared(&AdvLock);
    done = service->Deleted ? Fail(ERROR_SERVICE_MARKED_FOR_DELETE) : TRUE;
    ReleaseSRWLockShared(&AdvLock);
    if (done) {
        done = ChangeState(service, SERVICE_STOPPED, SERVICE_START_PENDING,
                           ERROR_SERVICE_ALREADY_RUNNING);
    }
    if (done) {
        status = LoadService(service);
        ChangeState(service, SERVICE_START_PENDING,
                    NT_SUCCESS(status) ? SERVICE_RUNNING : SERVICE_STOPPED, 0);
        done = BaseResult(status);
    }
    EndUse(service);
    return done;
}

BOOL WINAPI
StartServiceW(SC_HANDLE Handle, DWORD Count, LPCWSTR *Arguments)
{
    return StartServiceA(Handle, 0, NULL);
}

static VOID
FillStatus(const ADV_SERVICE *Service, LPSERVICE_STATUS Status)
{
    memset(Status, 0, sizeof(*Status));
    Status->dwServiceType = SERVICE_KERNEL_DRIVER;
    Status->dwCurrentState = Service->State;
    Status->dwControlsAccepted = Service->State == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP : 0;
}

static VOID
ReadStatus(ADV_SERVICE *Service, LPSERVICE_STATUS Status)
{
    AcquireSRWLockShared(&AdvLock);
    FillStatus(Service, Status);
    ReleaseSRWLockShared(&AdvLock);
}

BOOL WINAPI
QueryServiceStatus(SC_HANDLE Handle, LPSERVICE_STATUS Status)
{
    ADV_SERVICE *service = BeginUse(Handle, SERVICE_QUERY_STATUS);

    if (service == NULL) {
        return FALSE;
    }
    ReadStatus(service, Status);
    EndUse(service);
    return TRUE;
}

/*
 * QueryServiceStatusEx - SC_STATUS_PROCESS_INFO: the status, with process 0, as a driver has none
 *
 * Errors   ERROR_INVALID_LEVEL, ERROR_INSUFFICIENT_BUFFER (*Needed says what is needed)
 */
BOOL WINAPI
QueryServiceStatusEx(SC_HANDLE Handle, SC_STATUS_TYPE Level, LPBYTE Buffer, DWORD Size,
                     LPDWORD Needed)
{
    SERVICE_STATUS_PROCESS result;
    ADV_SERVICE *service;

    if (Level != SC_STATUS_PROCESS_INFO) {
        return Fail(ERROR_INVALID_LEVEL);
    }
    service = BeginUse(Handle, SERVICE_QUERY_STATUS);
    if (service == NULL) {
        return FALSE;
    }
    memset(&result, 0, sizeof(result));
    ReadStatus(service, (LPSERVICE_STATUS)&result); /* it begins with one */
    EndUse(service);
    *Needed = sizeof(result);
    if (Size < sizeof(result)) {
        return Fail(ERROR_INSUFFICIENT_BUFFER);
    }
    memcpy(Buffer, &result, sizeof(result));
    return TRUE;
}

/*
 * ControlService - SERVICE_CONTROL_STOP unloads the driver; SERVICE_CONTROL_INTERROGATE asks
 *
 * Errors   ERROR_SERVICE_NOT_ACTIVE, ERROR_INVALID_SERVICE_CONTROL (others; also a driver without
 *          an unload routine), ERROR_ACCESS_DENIED (without SERVICE_STOP, SERVICE_INTERROGATE)
 */
BOOL WINAPI
ControlService(SC_HANDLE Handle, DWORD Control, LPSERVICE_STATUS Status)
{
    BOOLEAN isStop = Control == SERVICE_CONTROL_STOP;
    ADV_SERVICE *service;
    NTSTATUS status = STATUS_SUCCESS;
    BOOL done = TRUE;

    if (!isStop && Control != SERVICE_CONTROL_INTERROGATE) {
        return Fail(ERROR_INVALID_SERVICE_CONTROL);
    }
    service = BeginUse(Handle, isStop ? SERVICE_STOP : SERVICE_INTERROGATE);
    if (service == NULL) {
        return FALSE;
    }
    if (isStop) {
        done =
            ChangeState(service, SERVICE_RUNNING, SERVICE_STOP_PENDING, ERROR_SERVICE_NOT_ACTIVE);
    }
    if (isStop && done) {
        status = NTDLL_CALL(NtboxUnloadDriver)(service->DriverName);
        ChangeState(service, SERVICE_STOP_PENDING,
                    NT_SUCCESS(status) ? SERVICE_STOPPED : SERVICE_RUNNING, 0);
    }
    if (done) {
        ReadStatus(service, Status);
        done = status == STATUS_INVALID_DEVICE_REQUEST ? Fail(ERROR_INVALID_SERVICE_CONTROL)
                                                       : BaseResult(status);
    }
    EndUse(service);
    return done;
}

/* DeleteService - the service goes when it is stopped and its last handle is closed */
BOOL WINAPI
DeleteService(SC_HANDLE Handle)
{
    ADV_SERVICE *service = BeginUse(Handle, DELETE);
    BOOLEAN before;

    if (service == NULL) {
        return FALSE;
    }
    AcquireSRWLockExclusive(&AdvLock);
    before = service->Deleted;
    service->Deleted = TRUE;
    ReleaseSRWLockExclusive(&AdvLock);
    EndUse(service);
    return before ? Fail(ERROR_SERVICE_MARKED_FOR_DELETE) : TRUE;
}
