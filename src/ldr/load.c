/* SPDX-License-Identifier: MIT
 *
 * ldr/load.c - loading and unloading ELF drivers
 *
 * DriverEntry and DriverUnload run on a system thread, so in the system process and at
 * PASSIVE_LEVEL whatever the caller is. A failed load and an unload end with the same audit.
 *
 * Locks   LdrpLock (a synchronization event, PASSIVE_LEVEL) guards LdrpModules against writers and
 *         every State. LdrpFindDriverName reads LdrpModules without it: it serves bugchecks.
 */
#include <stdarg.h>
#include <stdio.h>

#include "ldr/ldrp.h"

#define LDRP_IDLE_TIMEOUT (5 * 10000000LL) /* 5 s, 100 ns units */

#ifndef DRVO_INITIALIZED
#define DRVO_INITIALIZED 0x00000010
#endif

/*
 * 100 ms in units of 100 ns: how long an unload waits for files whose handles are closed. A request
 * that was just completed or cancelled holds its file until the completing thread lets go of it.
 */
#define LDRP_IDLE_WAIT 1000000

static KEVENT LdrpLock;
static LDRP_MODULE *LdrpModules[LDRP_MAX_DRIVERS]; /* atomic entries; in order of loading */

/* ---- words ---- */

VOID
LdrpLog(const char *Format, ...)
{
    char line[1400] = "ntbox: ";
    va_list arguments;
    int length;

    va_start(arguments, Format);
    length = 7 + vsnprintf(line + 7, sizeof(line) - 8, Format, arguments);
    va_end(arguments);
    length = min(length, (int)sizeof(line) - 2);
    line[length] = '\n';
    HalpWriteLog(line, (size_t)length + 1);
}

VOID
LdrpDescribeCode(ULONG_PTR Address, char *Buffer, SIZE_T Size)
{
    HALP_SYMBOL symbol;

    if (!HalpDescribeAddress(Address, &symbol)) {
        snprintf(Buffer, Size, "%p", (void *)Address);
    } else if (symbol.Line != 0) {
        snprintf(Buffer, Size, "%s at %s:%u", symbol.Function, symbol.File, symbol.Line);
    } else {
        snprintf(Buffer, Size, "%s!%s+0x%llx", symbol.Module, symbol.Function,
                 (unsigned long long)symbol.Offset);
    }
}

NTSTATUS
LdrpToUnicode(const char *Text, PUNICODE_STRING String)
{
    ULONG length = (ULONG)strlen(Text);
    ULONG room = (length + 1) * sizeof(WCHAR);
    ULONG bytes = 0;

    if (room > MAXUSHORT) {
        return STATUS_NAME_TOO_LONG;
    }
    String->Buffer = ExAllocatePoolWithTag(PagedPool, room, LDRP_TAG);
    if (String->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlUTF8ToUnicodeN(String->Buffer, room - sizeof(WCHAR), &bytes, Text, length);
    String->Buffer[bytes / sizeof(WCHAR)] = 0;
    String->Length = (USHORT)bytes;
    String->MaximumLength = (USHORT)room;
    return STATUS_SUCCESS;
}

/* ---- the table ---- */

static VOID
LdrpAcquire(VOID)
{
    KeWaitForSingleObject(&LdrpLock, Executive, KernelMode, FALSE, NULL);
}

static VOID
LdrpRelease(VOID)
{
    KeSetEvent(&LdrpLock, IO_NO_INCREMENT, FALSE);
}

static BOOLEAN
LdrpEqualName(const char *First, const char *Second)
{
    for (;; ++First, ++Second) {
        char a = *First >= 'A' && *First <= 'Z' ? (char)(*First + 32) : *First;
        char b = *Second >= 'A' && *Second <= 'Z' ? (char)(*Second + 32) : *Second;
        if (a != b) {
            return FALSE;
        }
        if (a == 0) {
            return TRUE;
        }
    }
}

static LDRP_MODULE *
LdrpFindModuleLocked(const char *Name)
{
    NT_FOR_EACH (entry, LdrpModules) {
        if (*entry != NULL && LdrpEqualName((*entry)->Name, Name)) {
            return *entry;
        }
    }
    return NULL;
}

/* Appends, so that the order stays that of loading. */
static NTSTATUS
LdrpInsertModule(LDRP_MODULE *Module)
{
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    LONG slot = LDRP_MAX_DRIVERS;

    LdrpAcquire();
    if (LdrpFindModuleLocked(Module->Name) != NULL) {
        status = STATUS_IMAGE_ALREADY_LOADED;
    } else {
        while (slot > 0 && LdrpModules[slot - 1] == NULL) {
            --slot;
        }
        if (slot < LDRP_MAX_DRIVERS) {
            __atomic_store_n(&LdrpModules[slot], Module, __ATOMIC_RELEASE);
            status = STATUS_SUCCESS;
        }
    }
    LdrpRelease();
    return status;
}

static VOID
LdrpRemoveModule(LDRP_MODULE *Module)
{
    LdrpAcquire();
    for (ULONG i = 0, kept = 0; i < LDRP_MAX_DRIVERS; ++i) {
        LDRP_MODULE *module = LdrpModules[i];
        if (module != Module && module != NULL) {
            __atomic_store_n(&LdrpModules[kept++], module, __ATOMIC_RELEASE);
        }
        if (i >= kept) {
            __atomic_store_n(&LdrpModules[i], NULL, __ATOMIC_RELEASE);
        }
    }
    LdrpRelease();
}

static VOID
LdrpSetState(LDRP_MODULE *Module, LDRP_STATE State)
{
    LdrpAcquire();
    Module->State = State;
    LdrpRelease();
}

PDRIVER_OBJECT
LdrpFindDriverByName(const char *Name)
{
    PDRIVER_OBJECT driver = NULL;
    LDRP_MODULE *module;

    LdrpAcquire();
    module = LdrpFindModuleLocked(Name);
    if (module != NULL && module->State == LdrpLoaded) {
        driver = module->DriverObject;
    }
    LdrpRelease();
    return driver;
}

const char *
LdrpFindDriverName(ULONG_PTR Address)
{
    NT_FOR_EACH (entry, LdrpModules) {
        LDRP_MODULE *module = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
        if (module != NULL && Address - module->Base < module->Size) {
            return module->Name;
        }
    }
    return NULL;
}

ULONG
LdrpCollectDrivers(LDRP_DRIVER_INFO *Drivers, ULONG Count)
{
    ULONG found = 0;

    LdrpAcquire();
    NT_FOR_EACH (entry, LdrpModules) {
        LDRP_MODULE *module = *entry;

        if (module == NULL) {
            continue;
        }
        if (found < Count) {
            LDRP_DRIVER_INFO *driver = &Drivers[found];

            driver->State = module->State;
            driver->Base = __atomic_load_n(&module->Base, __ATOMIC_ACQUIRE);
            /* What loading sets up is there once it is over. */
            driver->Size = module->State == LdrpLoaded ? module->Size : 0;
            driver->DriverObject = module->State == LdrpLoaded ? module->DriverObject : NULL;
            driver->CanUnload =
                driver->DriverObject != NULL && driver->DriverObject->DriverUnload != NULL;
            strcpy(driver->Name, module->Name);
            strcpy(driver->Path, module->Path);
        }
        ++found;
    }
    LdrpRelease();
    return found;
}

/* ---- running driver code ---- */

NTSTATUS
LdrpRunInSystem(PKSTART_ROUTINE Routine, PVOID Context)
{
    PETHREAD thread;
    NTSTATUS status = PspCreateReferencedSystemThread(Routine, Context, &thread);

    if (NT_SUCCESS(status)) {
        KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(thread);
        /* Signaled, but its caches are still being flushed; the audit walks the pools. */
        PspJoinEndedThreads();
    }
    return status;
}

/* Returns of driver routines at a raised IRQL are caught by the thread's end; here by name. */
static VOID
LdrpCheckReturn(LDRP_MODULE *Module, const char *Routine)
{
    KTHREAD *thread = KiGetCurrentThread();

    if (thread->Irql != PASSIVE_LEVEL || thread->KernelApcDisable != 0) {
        KiBugCheckDetail(IRQL_UNEXPECTED_VALUE, thread->Irql, Module->Base, PASSIVE_LEVEL, 0,
                         "%s of %s returned at IRQL %u with %d critical regions entered", Routine,
                         Module->Name, thread->Irql, -thread->KernelApcDisable);
    }
}

static VOID NTAPI
LdrpCallDriverEntry(PVOID Context)
{
    LDRP_MODULE *module = Context;
    PDRIVER_OBJECT driver = module->DriverObject;

    module->EntryStatus = driver->DriverInit(driver, &module->RegistryPath);
    LdrpCheckReturn(module, "DriverEntry");
}

static VOID NTAPI
LdrpCallReinitialize(PVOID Context)
{
    LDRP_MODULE *module = Context;

    IopReinitializeDriver(module->DriverObject);
    LdrpCheckReturn(module, "a reinitialization routine");
}

static VOID NTAPI
LdrpCallDriverUnload(PVOID Context)
{
    LDRP_MODULE *module = Context;

    module->DriverObject->DriverUnload(module->DriverObject);
    LdrpCheckReturn(module, "DriverUnload");
}

/* ---- loading ---- */

typedef struct LDRP_MISSING {
    LDRP_MODULE *Module;
    ULONG Count;
} LDRP_MISSING;

static void
LdrpOnMissingSymbol(void *Context, const char *Name)
{
    LDRP_MISSING *missing = Context;

    ++missing->Count;
    LdrpLog(
        "%s needs %s, which this kernel does not export: link what defines it, or take the call "
        "out",
        missing->Module->Name, Name);
}

static NTSTATUS
LdrpMapImage(LDRP_MODULE *Module)
{
    LDRP_MISSING missing = {Module, 0};
    uintptr_t base;
    size_t size;

    switch (HalpLoadImage(Module->Path, LdrpOnMissingSymbol, &missing, &Module->Image)) {
    case HALP_OK:
        HalpImageRange(Module->Image, &base, &size);
        Module->Size = size;
        __atomic_store_n(&Module->Base, base, __ATOMIC_RELEASE);
        return STATUS_SUCCESS;
    case HALP_NOT_FOUND:
        if (missing.Count != 0) {
            return STATUS_DRIVER_ENTRYPOINT_NOT_FOUND;
        }
        LdrpLog("cannot load %s: there is no such file", Module->Path);
        return STATUS_OBJECT_NAME_NOT_FOUND;
    case HALP_BAD_IMAGE:
        LdrpLog(
            "cannot load %s: not a shared object for this machine (%s); build it with the flags "
            "of 'ntbox cc --driver'",
            Module->Path, HalpLastErrorText());
        return STATUS_INVALID_IMAGE_FORMAT;
    case HALP_NO_MEMORY:
        LdrpLog("cannot load %s: no memory", Module->Path);
        return STATUS_INSUFFICIENT_RESOURCES;
    case HALP_EXISTS:
        LdrpLog("cannot load %s: it is loaded already", Module->Path);
        return STATUS_IMAGE_ALREADY_LOADED;
    case HALP_DENIED:
        LdrpLog("cannot load %s: %s", Module->Path, HalpLastErrorText());
        return STATUS_ACCESS_DENIED;
    default:
        LdrpLog("cannot load %s: %s", Module->Path, HalpLastErrorText());
        return STATUS_DRIVER_UNABLE_TO_LOAD;
    }
}

static VOID
LdrpUnmapImage(LDRP_MODULE *Module)
{
    if (Module->Image != NULL && !Module->Pinned) {
        HalpUnloadImage(Module->Image);
    }
    Module->Image = NULL;
}

/* \Driver\<Name> with the image's DriverEntry. */
static NTSTATUS
LdrpCreateDriverObject(LDRP_MODULE *Module, PDRIVER_INITIALIZE Init)
{
    char text[LDRP_MAX_NAME + 8];
    UNICODE_STRING name;
    NTSTATUS status;

    snprintf(text, sizeof(text), "\\Driver\\%s", Module->Name);
    status = LdrpToUnicode(text, &name);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IopCreateDriverObject(&name, &Module->RegistryPath, (PVOID)Module->Base,
                                   (ULONG)Module->Size, Init, &Module->DriverObject);
    ExFreePoolWithTag(name.Buffer, LDRP_TAG);
    if (NT_SUCCESS(status)) {
        Module->DriverObject->DriverSection = Module;
        IopResetDriverDispatch(Module->DriverObject);
    }
    return status;
}

static NTSTATUS
LdrpCreateServiceKey(LDRP_MODULE *Module, PUNICODE_STRING Path)
{
    UNICODE_STRING name;
    NTSTATUS status = LdrpToUnicode(Module->Name, &name);

    if (NT_SUCCESS(status)) {
        status = CmpCreateServiceKey(&name, Path, &Module->RegistryPath);
        ExFreePoolWithTag(name.Buffer, LDRP_TAG);
    }
    return status;
}

/* What DriverEntry made is open to the world from here. */
static VOID
LdrpFinishDevices(PDRIVER_OBJECT DriverObject)
{
    for (PDEVICE_OBJECT device = DriverObject->DeviceObject; device != NULL;
         device = device->NextDevice) {
        device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    }
    DriverObject->Flags |= DRVO_INITIALIZED;
}

/* Calls DriverEntry of a mapped image; on failure everything but the mapping is undone. */
static NTSTATUS
LdrpStartDriver(LDRP_MODULE *Module, PUNICODE_STRING Path)
{
    PDRIVER_INITIALIZE init =
        (PDRIVER_INITIALIZE)(ULONG_PTR)HalpFindSymbol(Module->Image, "DriverEntry");
    NTSTATUS status;

    if (init == NULL) {
        LdrpLog("cannot load %s: it has no DriverEntry, so it is no driver", Module->Path);
        return STATUS_INVALID_IMAGE_FORMAT;
    }
    status = LdrpCreateServiceKey(Module, Path);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = LdrpCreateDriverObject(Module, init);
    if (!NT_SUCCESS(status)) {
        LdrpLog("cannot load %s: its driver object cannot be made (0x%08X)", Module->Path,
                (unsigned)status);
        return status;
    }
    PspNotifyDriverImage(Path, (PVOID)Module->Base, Module->Size);
    Module->EntryStatus = STATUS_UNSUCCESSFUL;
    PspHoldEvents();
    status = LdrpRunInSystem(LdrpCallDriverEntry, Module);
    PspReleaseEvents();
    if (NT_SUCCESS(status)) {
        status = Module->EntryStatus;
    }
    if (!NT_SUCCESS(status)) {
        LdrpLog("%s: DriverEntry failed with 0x%08X", Module->Name, (unsigned)status);
        LdrpAuditModule(Module, "a DriverEntry that failed");
        IopDeleteDriverObject(Module->DriverObject);
        Module->DriverObject = NULL;
        return status;
    }
    LdrpFinishDevices(Module->DriverObject);
    if (Module->DriverObject->Flags & DRVO_REINIT_REGISTERED) {
        status = LdrpRunInSystem(LdrpCallReinitialize, Module);
        if (!NT_SUCCESS(status)) {
            LdrpLog("%s: no thread for its reinitialization routine (0x%08X)", Module->Name,
                    (unsigned)status);
        }
    }
    return STATUS_SUCCESS;
}

/* Maps and starts; undoes the mapping on failure. */
static NTSTATUS
LdrpLoadModule(LDRP_MODULE *Module)
{
    UNICODE_STRING path;
    NTSTATUS status;

    status = LdrpToUnicode(Module->Path, &path);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = LdrpMapImage(Module);
    if (!NT_SUCCESS(status)) {
        goto FreePath;
    }
    status = MiAddKernelImage(Module->Base, Module->Size);
    if (NT_SUCCESS(status)) {
        status = LdrpStartDriver(Module, &path);
        if (!NT_SUCCESS(status) && !Module->Pinned) {
            MiRemoveKernelImage(Module->Base);
        }
    }
    if (!NT_SUCCESS(status)) {
        LdrpUnmapImage(Module);
    }
FreePath:
    ExFreePoolWithTag(path.Buffer, LDRP_TAG);
    return status;
}

/* The file name without folder and extension. FALSE: empty or too long. */
static BOOLEAN
LdrpNameFromPath(const char *Path, char Name[LDRP_MAX_NAME])
{
    const char *slash = strrchr(Path, '/');
    const char *file = slash != NULL ? slash + 1 : Path;
    const char *dot = strrchr(file, '.');
    SIZE_T length = dot != NULL && dot != file ? (SIZE_T)(dot - file) : strlen(file);

    if (length == 0 || length >= LDRP_MAX_NAME) {
        return FALSE;
    }
    RtlCopyMemory(Name, file, length);
    Name[length] = 0;
    return TRUE;
}

static VOID
LdrpFreeModule(LDRP_MODULE *Module)
{
    if (Module->RegistryPath.Buffer != NULL) {
        ExFreePool(Module->RegistryPath.Buffer);
    }
    ExFreePoolWithTag(Module, LDRP_TAG);
}

static NTSTATUS
LdrpCreateModule(const char *Path, const char *Name, LDRP_MODULE **Module)
{
    LDRP_MODULE *module;

    if (strlen(Path) >= sizeof(module->Path) || (Name != NULL && strlen(Name) >= LDRP_MAX_NAME)) {
        return STATUS_NAME_TOO_LONG;
    }
    module = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*module), LDRP_TAG);
    if (module == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(module, sizeof(*module));
    strcpy(module->Path, Path);
    if (Name != NULL) {
        strcpy(module->Name, Name);
    } else if (!LdrpNameFromPath(Path, module->Name)) {
        LdrpLog("cannot load '%s': the file name gives no service name", Path);
        ExFreePoolWithTag(module, LDRP_TAG);
        return STATUS_OBJECT_NAME_INVALID;
    }
    *Module = module;
    return STATUS_SUCCESS;
}

NTSTATUS
LdrpLoadNamed(const char *Path, const char *Name, PDRIVER_OBJECT *DriverObject)
{
    LDRP_MODULE *module;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    status = LdrpCreateModule(Path, Name, &module);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = LdrpInsertModule(module);
    if (!NT_SUCCESS(status)) {
        LdrpLog("cannot load %s: %s", Path,
                status == STATUS_IMAGE_ALREADY_LOADED ? "a driver of this name is loaded"
                                                      : "too many drivers are loaded");
        LdrpFreeModule(module);
        return status;
    }
    status = LdrpLoadModule(module);
    if (!NT_SUCCESS(status)) {
        LdrpRemoveModule(module);
        LdrpFreeModule(module);
        return status;
    }
    if (DriverObject != NULL) {
        *DriverObject = module->DriverObject;
    }
    LdrpSetState(module, LdrpLoaded);
    return STATUS_SUCCESS;
}

NTSTATUS
LdrpLoadDriver(const char *Path, PDRIVER_OBJECT *DriverObject)
{
    return LdrpLoadNamed(Path, NULL, DriverObject);
}

/* ---- unloading ---- */

/* Everything behind DriverUnload: audit, driver object, image, module. */
static VOID
LdrpFinishUnload(LDRP_MODULE *Module, const char *When)
{
    LdrpAuditModule(Module, When);
    IopDeleteDriverObject(Module->DriverObject);
    if (!Module->Pinned) {
        MiRemoveKernelImage(Module->Base);
    }
    LdrpUnmapImage(Module);
    LdrpRemoveModule(Module);
    LdrpFreeModule(Module);
}

NTSTATUS
LdrpUnloadDriver(PDRIVER_OBJECT DriverObject)
{
    LDRP_MODULE *module = DriverObject->DriverSection;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (DriverObject->DriverUnload == NULL) {
        LdrpLog("%s has no DriverUnload and stays loaded", module->Name);
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    LdrpAcquire();
    status = module->State == LdrpLoaded ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_STATE;
    if (NT_SUCCESS(status)) {
        module->State = LdrpUnloading;
    }
    LdrpRelease();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IopPrepareDriverUnload(DriverObject);
    if (status == STATUS_DEVICE_BUSY &&
        IopWaitForDriverIdle(DriverObject, LDRP_IDLE_WAIT) == STATUS_SUCCESS) {
        status = STATUS_SUCCESS;
    }
    if (!NT_SUCCESS(status)) {
        LdrpLog("%s cannot be unloaded now (0x%08X): a file of one of its devices is open",
                module->Name, (unsigned)status);
        LdrpSetState(module, LdrpLoaded);
        return status;
    }
    DriverObject->Flags |= DRVO_UNLOAD_INVOKED;
    status = LdrpRunInSystem(LdrpCallDriverUnload, module);
    if (!NT_SUCCESS(status)) {
        LdrpSetState(module, LdrpLoaded);
        return status;
    }
    LdrpFinishUnload(module, "DriverUnload");
    return STATUS_SUCCESS;
}

/* ---- start and end ---- */

NTSTATUS
LdrpInitializeSystem(VOID)
{
    KeInitializeEvent(&LdrpLock, SynchronizationEvent, TRUE);
    return STATUS_SUCCESS;
}

/* How long the end waits for a load or an unload that a thread is in the middle of: 10 s. */
#define LDRP_SETTLE_WAIT 100000000

/* The module loaded last, once nobody else works on it; NULL: none, or that never happens. */
static LDRP_MODULE *
LdrpLastModule(VOID)
{
    LARGE_INTEGER interval;
    LDRP_MODULE *module;
    LONGLONG waited = 0;
    BOOLEAN settled;

    interval.QuadPart = -10000; /* 1 ms */
    for (;;) {
        module = NULL;
        LdrpAcquire();
        NT_FOR_EACH (entry, LdrpModules) {
            module = *entry != NULL ? *entry : module;
        }
        settled = module == NULL || module->State == LdrpLoaded;
        if (!settled && waited >= LDRP_SETTLE_WAIT) {
            LdrpLog("%s is still being loaded or unloaded: the drivers stay as they are",
                    module->Name);
            module = NULL;
            settled = TRUE;
        }
        LdrpRelease();
        if (settled) {
            return module;
        }
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
        waited -= interval.QuadPart;
    }
}

VOID
LdrpShutdownSystem(VOID)
{
    LDRP_MODULE *module;
    NTSTATUS status;

    while ((module = LdrpLastModule()) != NULL) {
        PDRIVER_OBJECT driver = module->DriverObject;
        /* Handles are closed by now; a thread that completes a request may still hold its file. */
        IopWaitForDriverIdle(driver, LDRP_IDLE_TIMEOUT);
        status = driver->DriverUnload != NULL ? LdrpUnloadDriver(driver) : STATUS_NOT_SUPPORTED;
        if (NT_SUCCESS(status) || status == STATUS_INVALID_DEVICE_STATE) {
            continue; /* gone, or another thread has begun to unload it */
        }
        /* Cannot be asked to go: what it holds goes without it, and is no finding. */
        module->Pinned = TRUE;
        LdrpAuditModule(module, NULL);
        IopDeleteDriverObject(driver);
        LdrpRemoveModule(module);
        LdrpFreeModule(module);
    }
}
