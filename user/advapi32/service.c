/* SPDX-License-Identifier: MIT
 *
 * advapi32/service.c - the service manager, for drivers
 *
 * A process has its own manager, because it has its own kernel: the services are the drivers that
 * `ntbox run` loaded, which run, and those that the program creates. What a service is configured
 * to be is in its registry key (config.c), where the kernel reads it when the service starts.
 *
 * Invariants  A1  a record lives while it is on AdvServices or a handle refers to it.
 *             A2  a record marked for deletion leaves the list, and its key the registry, when its
 *                 last handle closes and nobody uses it.
 *             A3  a value is a handle iff it is on AdvHandles: no other is looked into.
 *             A4  AdvServices is sorted by name.
 * Lock        AdvLock guards the lists and the records; keys are written under it, drivers are
 *             loaded and unloaded without it.
 */
#include <stdlib.h>
#include <string.h>

#include "advapi32/service.h"

typedef struct ADV_HANDLE {
    struct ADV_HANDLE *Next;
    ADV_SERVICE *Service; /* NULL: of the manager */
    DWORD Access;         /* SERVICE_* or SC_MANAGER_*, as it was opened with */
} ADV_HANDLE;

SRWLOCK AdvLock = SRWLOCK_INIT;
ADV_SERVICE *AdvServices;
static ADV_HANDLE *AdvHandles;
static BOOLEAN AdvLoaded; /* the drivers of NTBOX_DRIVERS are on the list */

static VOID
FreeService(ADV_SERVICE *Service)
{
    free(Service->Name);
    free(Service->Display);
    free(Service);
}

/* NULL without memory. */
static ADV_SERVICE *
MakeService(const char *Name, const char *Display, DWORD State)
{
    ADV_SERVICE *service = calloc(1, sizeof(*service));

    if (service == NULL) {
        return NULL;
    }
    service->Name = strdup(Name);
    service->Display = strdup(Display);
    service->State = State;
    if (service->Name == NULL || service->Display == NULL) {
        FreeService(service);
        return NULL;
    }
    return service;
}

ADV_SERVICE *
AdvFindServiceLocked(const char *Name)
{
    ADV_SERVICE *service = AdvServices;

    while (service != NULL && lstrcmpiA(service->Name, Name) != 0) {
        service = service->Next;
    }
    return service;
}

ADV_SERVICE *
AdvFindDisplayLocked(const char *Display)
{
    ADV_SERVICE *service = AdvServices;

    while (service != NULL && lstrcmpiA(service->Display, Display) != 0) {
        service = service->Next;
    }
    return service;
}

static VOID
InsertServiceLocked(ADV_SERVICE *Service)
{
    ADV_SERVICE **link = &AdvServices;

    while (*link != NULL && lstrcmpiA((*link)->Name, Service->Name) < 0) {
        link = &(*link)->Next;
    }
    Service->Next = *link;
    *link = Service;
}

VOID
AdvAddLoadedDriversLocked(VOID)
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
        char *dot;

        next = strchr(path, ':');
        if (next != NULL) {
            *next++ = '\0';
        }
        path = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
        dot = strrchr(path, '.');
        if (dot != NULL && dot != path) {
            *dot = '\0';
        }
        service = MakeService(path, path, SERVICE_RUNNING);
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
        AdvDeleteKey(Service->Name);
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

ADV_SERVICE *
AdvBeginUse(SC_HANDLE Handle, DWORD Access)
{
    ADV_SERVICE *service = NULL;
    ADV_HANDLE *handle;

    AcquireSRWLockExclusive(&AdvLock);
    handle = *FindHandleLocked(Handle);
    if (handle == NULL || handle->Service == NULL) {
        BaseFail(ERROR_INVALID_HANDLE);
    } else if ((handle->Access & Access) != Access) {
        BaseFail(ERROR_ACCESS_DENIED);
    } else {
        service = handle->Service;
        service->Handles++;
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return service;
}

BOOL
AdvCheckManagerLocked(SC_HANDLE Handle, DWORD Access)
{
    ADV_HANDLE *handle = *FindHandleLocked(Handle);

    if (handle == NULL || handle->Service != NULL) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    return (handle->Access & Access) == Access ? TRUE : BaseFail(ERROR_ACCESS_DENIED);
}

VOID
AdvEndUse(ADV_SERVICE *Service)
{
    AcquireSRWLockExclusive(&AdvLock);
    DropServiceLocked(Service);
    ReleaseSRWLockExclusive(&AdvLock);
}

/* Generic rights and MAXIMUM_ALLOWED, as the SDK maps them for services and for the manager. */
static DWORD
MapAccess(DWORD Access, BOOLEAN IsService)
{
    static const DWORD service[] = {SERVICE_ALL_ACCESS,
                                    SERVICE_QUERY_CONFIG | SERVICE_QUERY_STATUS |
                                        SERVICE_INTERROGATE | SERVICE_ENUMERATE_DEPENDENTS,
                                    SERVICE_CHANGE_CONFIG,
                                    SERVICE_START | SERVICE_STOP | SERVICE_PAUSE_CONTINUE |
                                        SERVICE_USER_DEFINED_CONTROL};
    static const DWORD manager[] = {SC_MANAGER_ALL_ACCESS,
                                    SC_MANAGER_ENUMERATE_SERVICE | SC_MANAGER_QUERY_LOCK_STATUS,
                                    SC_MANAGER_CREATE_SERVICE | SC_MANAGER_MODIFY_BOOT_CONFIG,
                                    SC_MANAGER_CONNECT | SC_MANAGER_LOCK};
    const DWORD *map = IsService ? service : manager;
    DWORD mapped = Access & map[0];

    mapped |= (Access & (GENERIC_ALL | 0x02000000u)) != 0 ? map[0] : 0;
    mapped |= (Access & GENERIC_READ) != 0 ? map[1] : 0;
    mapped |= (Access & GENERIC_WRITE) != 0 ? map[2] : 0;
    mapped |= (Access & GENERIC_EXECUTE) != 0 ? map[3] : 0;
    return mapped;
}

/* NULL without memory, which the last error tells. */
static SC_HANDLE
MakeHandleLocked(ADV_SERVICE *Service, DWORD Access)
{
    ADV_HANDLE *handle = malloc(sizeof(*handle));

    if (handle == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    handle->Service = Service;
    handle->Access = MapAccess(Access, Service != NULL);
    handle->Next = AdvHandles;
    AdvHandles = handle;
    if (Service != NULL) {
        Service->Handles++;
    }
    return (SC_HANDLE)handle;
}

/* ---- opening ---- */

/* OpenSCManagerA - another machine is ERROR_NOT_SUPPORTED, as is the database of failed starts */
SC_HANDLE WINAPI
OpenSCManagerA(LPCSTR Machine, LPCSTR Database, DWORD Access)
{
    SC_HANDLE handle;

    if (Database != NULL && lstrcmpiA(Database, SERVICES_ACTIVE_DATABASEA) != 0 &&
        lstrcmpiA(Database, SERVICES_FAILED_DATABASEA) != 0) {
        BaseFail(ERROR_DATABASE_DOES_NOT_EXIST);
        return NULL;
    }
    if ((Machine != NULL && Machine[0] != '\0') ||
        (Database != NULL && lstrcmpiA(Database, SERVICES_FAILED_DATABASEA) == 0)) {
        BaseFail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    AcquireSRWLockExclusive(&AdvLock);
    handle = MakeHandleLocked(NULL, Access | SC_MANAGER_CONNECT);
    ReleaseSRWLockExclusive(&AdvLock);
    return handle;
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

BOOLEAN
AdvIsValidName(LPCSTR Name)
{
    return Name != NULL && Name[0] != '\0' && Name[strcspn(Name, "/\\")] == '\0' &&
           NtdllUtf8ToUtf16(NULL, 0, Name, strlen(Name), 0) <= 256;
}

/* ERROR_INVALID_NAME, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_INVALID_HANDLE */
SC_HANDLE WINAPI
OpenServiceA(SC_HANDLE Manager, LPCSTR Name, DWORD Access)
{
    ADV_SERVICE *service;
    SC_HANDLE handle = NULL;

    AcquireSRWLockExclusive(&AdvLock);
    AdvAddLoadedDriversLocked();
    if (AdvCheckManagerLocked(Manager, SC_MANAGER_CONNECT)) {
        service = AdvIsValidName(Name) ? AdvFindServiceLocked(Name) : NULL;
        if (service == NULL) {
            BaseFail(AdvIsValidName(Name) ? ERROR_SERVICE_DOES_NOT_EXIST : ERROR_INVALID_NAME);
        } else {
            handle = MakeHandleLocked(service, Access);
        }
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

/* The handle of a new service with its key written; NULL and the last error. */
static SC_HANDLE
AddServiceLocked(ADV_SERVICE *Service, const ADV_CONFIG *Config, DWORD Access)
{
    ADV_SERVICE *old = AdvFindServiceLocked(Service->Name);
    SC_HANDLE handle;
    LSTATUS error;

    if (old != NULL) {
        BaseFail(old->Deleted ? ERROR_SERVICE_MARKED_FOR_DELETE : ERROR_SERVICE_EXISTS);
        return NULL;
    }
    if (AdvFindServiceLocked(Service->Display) != NULL ||
        AdvFindDisplayLocked(Service->Display) != NULL) {
        BaseFail(ERROR_DUPLICATE_SERVICE_NAME);
        return NULL;
    }
    error = AdvWriteKey(Service->Name, Config, TRUE);
    if (error != ERROR_SUCCESS) {
        BaseFail((DWORD)error);
        return NULL;
    }
    handle = MakeHandleLocked(Service, Access);
    if (handle == NULL) {
        AdvDeleteKey(Service->Name);
    } else {
        InsertServiceLocked(Service);
    }
    return handle;
}

/*
 * CreateServiceA - tell the manager of a driver, and write its key
 *
 * Type     SERVICE_KERNEL_DRIVER; other kinds are ERROR_NOT_SUPPORTED
 * Binary   of an ELF driver, or what Windows has in its place: src/ldr/imagepath.c
 * Tag      needs Group
 * Errors   ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE, ERROR_INVALID_NAME,
 *          ERROR_INVALID_PARAMETER, ERROR_SERVICE_EXISTS, ERROR_SERVICE_MARKED_FOR_DELETE,
 *          ERROR_DUPLICATE_SERVICE_NAME (Display: of any service)
 * Differs  the service lives as long as the process, and starts on StartService only; groups have
 *          no effect; Dependencies and Account are ERROR_NOT_SUPPORTED unless empty
 */
SC_HANDLE WINAPI
CreateServiceA(SC_HANDLE Manager, LPCSTR Name, LPCSTR DisplayName, DWORD Access, DWORD Type,
               DWORD StartType, DWORD ErrorControl, LPCSTR Binary, LPCSTR Group, LPDWORD Tag,
               LPCSTR Dependencies, LPCSTR Account, LPCSTR Password)
{
    LPCSTR display = DisplayName != NULL && DisplayName[0] != '\0' ? DisplayName : Name;
    ADV_CONFIG config = {Type, StartType,    ErrorControl, Binary, Group,
                         Tag,  Dependencies, Account,      display};
    ADV_SERVICE *service;
    SC_HANDLE handle = NULL;
    DWORD error;

    error = Binary == NULL || Type == SERVICE_NO_CHANGE || StartType == SERVICE_NO_CHANGE ||
                    ErrorControl == SERVICE_NO_CHANGE
                ? ERROR_INVALID_PARAMETER
                : AdvCheckConfig(&config);
    if (!AdvIsValidName(Name) || error != ERROR_SUCCESS) {
        BaseFail(AdvIsValidName(Name) ? error : ERROR_INVALID_NAME);
        return NULL;
    }
    service = MakeService(Name, display, SERVICE_STOPPED);
    if (service == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    AcquireSRWLockExclusive(&AdvLock);
    AdvAddLoadedDriversLocked();
    if (AdvCheckManagerLocked(Manager, SC_MANAGER_CREATE_SERVICE)) {
        handle = AddServiceLocked(service, &config, Access);
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
    char *display = NtdllNarrow(DisplayName);
    char *binary = NtdllNarrow(Binary);
    char *group = NtdllNarrow(Group);
    char *dependencies = NtdllNarrow(Dependencies); /* more than none is refused by the first */
    char *account = NtdllNarrow(Account);
    SC_HANDLE handle = CreateServiceA(Manager, name, display, Access, Type, StartType, ErrorControl,
                                      binary, group, Tag, dependencies, account, NULL);

    free(name);
    free(display);
    free(binary);
    free(group);
    free(dependencies);
    free(account);
    return handle;
}

BOOL WINAPI
CloseServiceHandle(SC_HANDLE Handle)
{
    ADV_HANDLE **link;
    ADV_HANDLE *handle;

    AcquireSRWLockExclusive(&AdvLock);
    link = FindHandleLocked(Handle);
    handle = *link;
    if (handle != NULL) {
        *link = handle->Next;
        if (handle->Service != NULL) {
            DropServiceLocked(handle->Service);
        }
        free(handle);
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return handle != NULL ? TRUE : BaseFail(ERROR_INVALID_HANDLE);
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
    return changed ? TRUE : BaseFail(Error);
}

/* NtLoadDriver or NtUnloadDriver with the name of the service's key. */
static NTSTATUS
CallWithKey(ADV_SERVICE *Service, NTSTATUS (*Call)(PUNICODE_STRING))
{
    static const char services[] = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";
    size_t size = sizeof(services) + strlen(Service->Name);
    char *path = malloc(size);
    UNICODE_STRING name;
    NTSTATUS status;
    PWSTR wide;

    if (path == NULL) {
        return STATUS_NO_MEMORY;
    }
    memcpy(path, services, sizeof(services));
    strcat(path, Service->Name);
    wide = NtdllWiden(path);
    free(path);
    if (wide == NULL) {
        return STATUS_NO_MEMORY;
    }
    RtlInitUnicodeString(&name, wide);
    status = Call(&name);
    free(wide);
    return status;
}

static NTSTATUS
LoadService(ADV_SERVICE *Service)
{
    NTSTATUS status = CallWithKey(Service, NTDLL_CALL(NtLoadDriver));

    if (NT_SUCCESS(status)) {
        __atomic_store_n(&NtdllDriverLoaded, TRUE, __ATOMIC_RELAXED);
    }
    return status;
}

/*
 * StartServiceA - load the driver; its DriverEntry has returned when this does
 *
 * Errors   ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_ACCESS_DENIED
 *          (without SERVICE_START), ERROR_SERVICE_DISABLED, ERROR_NOT_SUPPORTED (a path of no file
 *          here), the driver's
 */
BOOL WINAPI
StartServiceA(SC_HANDLE Handle, DWORD Count, LPCSTR *Arguments)
{
    ADV_SERVICE *service = AdvBeginUse(Handle, SERVICE_START);
    NTSTATUS status;
    BOOL done;

    if (service == NULL) {
        return FALSE;
    }
    AcquireSRWLockShared(&AdvLock);
    done = service->Deleted ? BaseFail(ERROR_SERVICE_MARKED_FOR_DELETE) : TRUE;
    ReleaseSRWLockShared(&AdvLock);
    if (done && AdvReadNumber(service->Name, "Start") == SERVICE_DISABLED) {
        done = BaseFail(ERROR_SERVICE_DISABLED);
    }
    if (done) {
        done = ChangeState(service, SERVICE_STOPPED, SERVICE_START_PENDING,
                           ERROR_SERVICE_ALREADY_RUNNING);
    }
    if (done) {
        status = LoadService(service);
        ChangeState(service, SERVICE_START_PENDING,
                    NT_SUCCESS(status) || status == STATUS_IMAGE_ALREADY_LOADED ? SERVICE_RUNNING
                                                                                : SERVICE_STOPPED,
                    0);
        done = BaseResult(status);
    }
    AdvEndUse(service);
    return done;
}

BOOL WINAPI
StartServiceW(SC_HANDLE Handle, DWORD Count, LPCWSTR *Arguments)
{
    return StartServiceA(Handle, 0, NULL);
}

VOID
AdvFillStatus(const ADV_SERVICE *Service, LPSERVICE_STATUS Status)
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
    AdvFillStatus(Service, Status);
    ReleaseSRWLockShared(&AdvLock);
}

BOOL WINAPI
QueryServiceStatus(SC_HANDLE Handle, LPSERVICE_STATUS Status)
{
    ADV_SERVICE *service = AdvBeginUse(Handle, SERVICE_QUERY_STATUS);

    if (service == NULL) {
        return FALSE;
    }
    ReadStatus(service, Status);
    AdvEndUse(service);
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
        return BaseFail(ERROR_INVALID_LEVEL);
    }
    service = AdvBeginUse(Handle, SERVICE_QUERY_STATUS);
    if (service == NULL) {
        return FALSE;
    }
    memset(&result, 0, sizeof(result));
    ReadStatus(service, (LPSERVICE_STATUS)&result); /* it begins with one */
    AdvEndUse(service);
    *Needed = sizeof(result);
    if (Size < sizeof(result)) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    memcpy(Buffer, &result, sizeof(result));
    return TRUE;
}

static BOOL
StopResult(NTSTATUS Status)
{
    switch (Status) {
    case STATUS_INVALID_DEVICE_REQUEST: /* the driver has no unload routine */
        return BaseFail(ERROR_INVALID_SERVICE_CONTROL);
    case STATUS_OBJECT_NAME_NOT_FOUND: /* it was unloaded by its name */
        return BaseFail(ERROR_SERVICE_NOT_ACTIVE);
    default:
        return BaseResult(Status);
    }
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
        return BaseFail(ERROR_INVALID_SERVICE_CONTROL);
    }
    service = AdvBeginUse(Handle, isStop ? SERVICE_STOP : SERVICE_INTERROGATE);
    if (service == NULL) {
        return FALSE;
    }
    if (isStop) {
        done =
            ChangeState(service, SERVICE_RUNNING, SERVICE_STOP_PENDING, ERROR_SERVICE_NOT_ACTIVE);
    }
    if (isStop && done) {
        status = CallWithKey(service, NTDLL_CALL(NtUnloadDriver));
        ChangeState(service, SERVICE_STOP_PENDING,
                    NT_SUCCESS(status) || status == STATUS_OBJECT_NAME_NOT_FOUND ? SERVICE_STOPPED
                                                                                 : SERVICE_RUNNING,
                    0);
    }
    if (done) {
        ReadStatus(service, Status);
        done = StopResult(status);
    }
    AdvEndUse(service);
    return done;
}

/*
 * DeleteService - the service and its key go when it is stopped and its last handle is closed
 *
 * Errors   ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_ACCESS_DENIED (without DELETE)
 */
BOOL WINAPI
DeleteService(SC_HANDLE Handle)
{
    ADV_SERVICE *service = AdvBeginUse(Handle, DELETE);
    BOOLEAN before;

    if (service == NULL) {
        return FALSE;
    }
    AcquireSRWLockExclusive(&AdvLock);
    before = service->Deleted;
    service->Deleted = TRUE;
    if (!before) {
        AdvMarkKey(service->Name);
    }
    ReleaseSRWLockExclusive(&AdvLock);
    AdvEndUse(service);
    return before ? BaseFail(ERROR_SERVICE_MARKED_FOR_DELETE) : TRUE;
}
