/* SPDX-License-Identifier: MIT
 *
 * io/init.c - the object types of io, start and stop
 *
 * Source   design: drivers, devices, files and completion ports are ob's objects.
 */
#include "io/iop.h"

POBJECT_TYPE IopDriverType;
POBJECT_TYPE IopDeviceType;
POBJECT_TYPE IopFileType;
POBJECT_TYPE IopPortType;

#pragma GCC visibility push(default)
POBJECT_TYPE *IoDriverObjectType = &IopDriverType;
POBJECT_TYPE *IoDeviceObjectType = &IopDeviceType;
POBJECT_TYPE *IoFileObjectType = &IopFileType;
POBJECT_TYPE *IoCompletionObjectType = &IopPortType;
#pragma GCC visibility pop

static PVOID
IopFileWaitable(PVOID Object)
{
    return &((PFILE_OBJECT)Object)->Event;
}

static NTSTATUS
IopCreateTypes(VOID)
{
    const struct {
        OBP_TYPE_OPS Ops;
        POBJECT_TYPE *Type;
    } rows[] = {
        {{.Name = L"Driver", .ValidAccess = STANDARD_RIGHTS_ALL, .Delete = IopDeleteDriver},
         &IopDriverType},
        {{.Name = L"Device",
          .ValidAccess = FILE_ALL_ACCESS,
          .Mapping = IopFileMapping,
          .Delete = IopDeleteDevice,
          .Parse = IopParseDevice,
          .SecurityField = IopDeviceSecurityField},
         &IopDeviceType},
        {{.Name = L"File",
          .ValidAccess = FILE_ALL_ACCESS,
          .Mapping = IopFileMapping,
          .Waitable = TRUE,
          .GetWaitable = IopFileWaitable,
          .Delete = IopDeleteFile,
          .Close = IopCloseFile,
          .Parse = IopParseFile,
          .QueryName = IopQueryFileName,
          .SecurityField = IopFileSecurityField,
          .QuerySecurity = IopQueryFileSecurity,
          .SetSecurity = IopSetFileSecurity},
         &IopFileType},
        {{.Name = L"IoCompletion",
          .ValidAccess = STANDARD_RIGHTS_ALL | SYNCHRONIZE | 3,
          .Mapping = {STANDARD_RIGHTS_READ | 1, STANDARD_RIGHTS_WRITE | 2,
                      STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
                      STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 3},
          .Waitable = TRUE,
          .Delete = IopDeletePort},
         &IopPortType},
    };

    NT_FOR_EACH (row, rows) {
        NTSTATUS status = ObpCreateType(&row->Ops, row->Type);

        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    return STATUS_SUCCESS;
}

/* The callback objects that drivers open; what they tell of never happens here. */
static const WCHAR *const IopSystemCallbacks[] = {
    L"\\Callback\\SetSystemTime", L"\\Callback\\PowerState", L"\\Callback\\ProcessorAdd"};
static PCALLBACK_OBJECT IopCallbackObjects[RTL_NUMBER_OF(IopSystemCallbacks)];

static NTSTATUS
IopCreateSystemCallbacks(VOID)
{
    NTSTATUS status = STATUS_SUCCESS;

    for (ULONG i = 0; i < RTL_NUMBER_OF(IopSystemCallbacks) && NT_SUCCESS(status); ++i) {
        OBJECT_ATTRIBUTES attributes;
        UNICODE_STRING name;
        RtlInitUnicodeString(&name, IopSystemCallbacks[i]);
        InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
        status = ExCreateCallback(&IopCallbackObjects[i], &attributes, TRUE, TRUE);
    }
    return status;
}

static VOID
IopDropSystemCallbacks(VOID)
{
    NT_FOR_EACH (object, IopCallbackObjects) {
        if (*object != NULL) {
            ObDereferenceObject(*object);
            *object = NULL;
        }
    }
}

NTSTATUS
IopInitializeSystem(VOID)
{
    NTSTATUS status;

    KeInitializeSpinLock(&IopCancelLock);
    KeInitializeSpinLock(&IopDatabaseLock);
    IopInitializeIrps();
    IopInitializeLinks();
    IopInitializeTimers();
    IopInitializeShutdown();
    PspRegisterThreadRundown(IopRundownThread);
    PspRegisterThreadCancel(IopCancelThread);
    status = IopInitializeSecurity();
    if (NT_SUCCESS(status)) {
        status = IopCreateTypes();
    }
    return NT_SUCCESS(status) ? IopCreateSystemCallbacks() : status;
}

VOID
IopShutdownSystem(VOID)
{
    IopNotifyShutdown();
    IopShutdownTimers();
    IopShutdownLinks();
    IopShutdownWmi();
    IopDropSystemCallbacks();
    PspRegisterThreadRundown(NULL);
    PspRegisterThreadCancel(NULL);
    IopShutdownSecurity();
    IopShutdownIrps();
}
