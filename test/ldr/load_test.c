/* SPDX-License-Identifier: MIT
 *
 * load_test.c - drivers: loading, bad ones, unloading, and what they leave behind
 */
#include "ps/psp.h"
#include "ldr/ldrp.h"
#include "kernel_test.h"
#include <stdio.h>

extern POBJECT_TYPE *IoDeviceObjectType; /* exports that the DDK headers lack */
extern POBJECT_TYPE *IoDriverObjectType;

static ULONG ExpectedFindings;

void
NtTestSetUp(void)
{
    KernelTestStart();
}

void
NtTestTearDown(void)
{
    NT_EXPECT_EQ(InitpStopSystem(), ExpectedFindings);
}

static PDRIVER_OBJECT
Load(const char *Path)
{
    PDRIVER_OBJECT driver;

    NT_EXPECT_STATUS(LdrpLoadDriver(Path, &driver), STATUS_SUCCESS);
    return driver;
}

typedef struct SEARCH {
    PCWSTR Name;
    BOOLEAN Found;
} SEARCH;

static BOOLEAN
VisitName(PVOID Context, PVOID Object)
{
    SEARCH *search = Context;
    UNICODE_STRING wanted;
    UNICODE_STRING name;
    WCHAR buffer[128];

    ObpQueryName(Object, buffer, sizeof(buffer));
    RtlInitUnicodeString(&name, buffer);
    RtlInitUnicodeString(&wanted, search->Name);
    search->Found = RtlEqualUnicodeString(&name, &wanted, TRUE);
    return !search->Found;
}

/* An object of the type has that full name. */
static BOOLEAN
NameExists(POBJECT_TYPE Type, PCWSTR Name)
{
    SEARCH search = {Name, FALSE};

    ObpForEachNamed(Type, VisitName, &search);
    return search.Found;
}

#define DEVICE_EXISTS(name) NameExists(*IoDeviceObjectType, L"\\Device\\" name)
#define DRIVER_EXISTS(name) NameExists(*IoDriverObjectType, L"\\Driver\\" name)
#define LINK_EXISTS(name) NameExists(ObpSymbolicLinkType, L"\\GLOBAL??\\" name)

/* ---- loading ---- */

NT_TEST(Load, DriverRunsInTheSystemProcessAndIsKnownByAddressAndName)
{
    PDRIVER_OBJECT driver = Load(DRIVER("good"));

    NT_EXPECT_STR(LdrpFindDriverName((ULONG_PTR)driver->DriverInit), "good");
    NT_EXPECT_EQ(LdrpFindDriverName((ULONG_PTR)NtTestSetUp), NULL);
    NT_EXPECT_TRUE(MiIsKernelAddress((ULONG_PTR)driver->DriverStart));
    NT_EXPECT_WSTR(driver->DriverName.Buffer, L"\\Driver\\good");
    NT_EXPECT_EQ(driver->DeviceObject->Flags & DO_DEVICE_INITIALIZING, 0);
    NT_EXPECT_TRUE(DEVICE_EXISTS(L"Good") && DRIVER_EXISTS(L"good") && LINK_EXISTS(L"Good"));
    NT_EXPECT_STATUS(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, L"good\\Parameters"),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(LdrpLoadDriver(DRIVER("good"), NULL), STATUS_IMAGE_ALREADY_LOADED);
}

NT_TEST(Load, DriversAreCollectedInTheOrderOfLoading)
{
    static LDRP_DRIVER_INFO drivers[2];
    PDRIVER_OBJECT driver;

    NT_EXPECT_EQ(LdrpCollectDrivers(NULL, 0), 0);
    driver = Load(DRIVER("good"));
    NT_EXPECT_EQ(LdrpCollectDrivers(NULL, 0), 1);
    NT_EXPECT_EQ(LdrpCollectDrivers(drivers, RTL_NUMBER_OF(drivers)), 1);
    NT_EXPECT_STR(drivers[0].Name, "good");
    NT_EXPECT_STR(drivers[0].Path, DRIVER("good"));
    NT_EXPECT_EQ(drivers[0].State, LdrpLoaded);
    NT_EXPECT_TRUE(drivers[0].DriverObject == driver && drivers[0].CanUnload);
    NT_EXPECT_EQ(drivers[0].Base, (ULONG_PTR)driver->DriverStart);
    NT_EXPECT_TRUE(drivers[0].Size != 0);
    NT_EXPECT_STR(drivers[1].Name, "");
    NT_EXPECT_STATUS(LdrpUnloadDriver(driver), STATUS_SUCCESS);
    NT_EXPECT_EQ(LdrpCollectDrivers(drivers, RTL_NUMBER_OF(drivers)), 0);
}

NT_TEST_SEEDS(Load, LoadAndUnloadLeaveNothing, 10)
{
    ULONG64 blocks;

    LdrpUnloadDriver(Load(DRIVER("good"))); /* registry keys and caches are there now */
    blocks = KernelTestBlocks();
    for (int round = 0; round < 3; ++round) {
        NT_EXPECT_STATUS(LdrpUnloadDriver(Load(DRIVER("good"))), STATUS_SUCCESS);
    }
    NT_EXPECT_EQ(KernelTestBlocks(), blocks);
    NT_EXPECT_EQ(LdrpAuditFindings(), 0);
    NT_EXPECT_FALSE(DEVICE_EXISTS(L"Good"));
    NT_EXPECT_FALSE(DRIVER_EXISTS(L"good"));
}

NT_TEST(Load, BadFilesHaveTheirStatusAndALineThatSaysWhatToDo)
{
    static const struct {
        const char *Path;
        NTSTATUS Status;
        const char *Line;
    } rows[] = {
        {DRIVER("absent"), STATUS_OBJECT_NAME_NOT_FOUND, "no such file"},
        {DRIVER("nodriver"), STATUS_INVALID_IMAGE_FORMAT, "no DriverEntry"},
        {TEST_TEXT_FILE, STATUS_INVALID_IMAGE_FORMAT, "not a shared object"},
        {DRIVER("missing"), STATUS_DRIVER_ENTRYPOINT_NOT_FOUND, "KeNoSuchRoutine"},
        {"", STATUS_OBJECT_NAME_INVALID, "no service name"},
    };
    ULONG64 blocks = KernelTestBlocks();

    NT_FOR_EACH (row, rows) {
        SimTakeLog();
        NT_EXPECT_STATUS(LdrpLoadDriver(row->Path, NULL), row->Status);
        NT_EXPECT_CONTAINS(SimTakeLog(), row->Line);
    }
    NT_EXPECT_EQ(KernelTestBlocks(), blocks);
}

/* The driver checks what each function does; it is linked with them and finds them by name. */
NT_TEST(Load, DriversReachTheCRuntime)
{
    NT_EXPECT_STATUS(LdrpUnloadDriver(Load(DRIVER("runtime"))), STATUS_SUCCESS);
}

NT_TEST(Load, EachMissingExportIsNamed)
{
    const char *log;

    SimTakeLog();
    NT_EXPECT_STATUS(LdrpLoadDriver(DRIVER("missing"), NULL), STATUS_DRIVER_ENTRYPOINT_NOT_FOUND);
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "missing needs KeNoSuchRoutine");
    NT_EXPECT_CONTAINS(log, "missing needs IoNoSuchRoutineEither");
}

NT_TEST(Load, UnimplementedExportIsABugcheckWithItsName)
{
    SimTakeLog();
    NT_EXPECT_BUGCHECK(DRIVER_VIOLATION, LdrpLoadDriver(DRIVER("stub"), NULL));
}

NT_TEST(Load, DriverEntryThatReturnsRaisedIsABugcheck)
{
    NT_EXPECT_BUGCHECK(IRQL_UNEXPECTED_VALUE, LdrpLoadDriver(DRIVER("raised"), NULL));
}

static NTSTATUS
OpenGood(HANDLE *File)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\DosDevices\\Good");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;

    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateFile(File, GENERIC_READ, &attributes, &iosb, NULL, 0, 0, FILE_OPEN, 0, NULL, 0);
}

NT_TEST(Load, OpenFileDefersTheUnloadAndForbidsNewOpens)
{
    PDRIVER_OBJECT driver = Load(DRIVER("good"));
    HANDLE other;
    HANDLE file;

    NT_EXPECT_STATUS(OpenGood(&file), STATUS_SUCCESS);
    SimTakeLog();
    NT_EXPECT_STATUS(LdrpUnloadDriver(driver), STATUS_DEVICE_BUSY);
    NT_EXPECT_CONTAINS(SimTakeLog(), "a file of one of its devices is open");
    NT_EXPECT_FALSE(NT_SUCCESS(OpenGood(&other)));
    NT_EXPECT_STATUS(ZwClose(file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(LdrpUnloadDriver(driver), STATUS_SUCCESS);
}

/* Each allocation on the way fails once. */
NT_TEST(Load, LoadSurvivesEachFailure)
{
    ULONG failures = 0;
    NTSTATUS status;

    LdrpUnloadDriver(Load(DRIVER("good")));
    for (ULONG nth = 1;; ++nth) {
        SimSetFaultPlan(NULL, nth);
        status = LdrpLoadDriver(DRIVER("good"), NULL);
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            break;
        }
        ++failures;
        NT_EXPECT_FALSE(DEVICE_EXISTS(L"Good"));
        NT_EXPECT_FALSE(DRIVER_EXISTS(L"good"));
    }
    NT_EXPECT_NE(failures, 0);
    ExpectedFindings = LdrpAuditFindings();
}

/* ---- what is left behind ---- */

NT_TEST(Audit, FailedDriverEntryIsCleanedUpAndEachThingNamed)
{
    ULONG64 blocks;
    const char *log;

    NT_EXPECT_STATUS(LdrpLoadDriver(DRIVER("halfway"), NULL), STATUS_DEVICE_CONFIGURATION_ERROR);
    blocks = KernelTestBlocks();
    SimTakeLog();
    NT_EXPECT_STATUS(LdrpLoadDriver(DRIVER("halfway"), NULL), STATUS_DEVICE_CONFIGURATION_ERROR);
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "DriverEntry failed with 0xC0000182");
    NT_EXPECT_CONTAINS(log, "left 1 load-image notify routine behind");
    NT_EXPECT_CONTAINS(log, "left device \\Device\\Halfway behind");
    NT_EXPECT_CONTAINS(
        log,
        "left symbolic link \\DosDevices\\Halfway behind after a DriverEntry that failed: made in");
    NT_EXPECT_CONTAINS(log, "left 48 bytes of pool, tag 'Half', behind");
    NT_EXPECT_CONTAINS(log, "left 5000 bytes of pool");
    NT_EXPECT_CONTAINS(log, "halfway.c:");
    NT_EXPECT_EQ(KernelTestBlocks(), blocks);
    NT_EXPECT_FALSE(DEVICE_EXISTS(L"Halfway"));
    NT_EXPECT_FALSE(LINK_EXISTS(L"Halfway"));
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange(0, ~(SIZE_T)0, NULL), 0);
    ExpectedFindings = 2 * 6;
    NT_EXPECT_EQ(LdrpAuditFindings(), ExpectedFindings);
}

NT_TEST(Audit, UnloadNamesWhatIsLeftAndTakesItAway)
{
    PDRIVER_OBJECT driver = Load(DRIVER("leaky"));
    const char *log;

    SimTakeLog();
    NT_EXPECT_STATUS(LdrpUnloadDriver(driver), STATUS_SUCCESS);
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "left 1 process notify routine behind after DriverUnload");
    NT_EXPECT_CONTAINS(log, "left 77 bytes of pool, tag 'Leak'");
    NT_EXPECT_CONTAINS(log, "\\Device\\Leaky");
    NT_EXPECT_EQ(LdrpAuditFindings(), 3);
    NT_EXPECT_FALSE(DEVICE_EXISTS(L"Leaky"));
    Load(DRIVER("leaky")); /* nothing of it is in the way */
    ExpectedFindings = 6;
}

NT_TEST(Audit, RegistrationsAreNamedAndDropped)
{
    PDRIVER_OBJECT driver = Load(DRIVER("registers"));
    const char *log;

    NT_EXPECT_TRUE(DEVICE_EXISTS(L"Registers")); /* made by the reinitialization routine */
    SimTakeLog();
    NT_EXPECT_STATUS(LdrpUnloadDriver(driver), STATUS_SUCCESS);
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "left a registered ETW provider behind after DriverUnload");
    NT_EXPECT_CONTAINS(log, "left a power setting callback behind");
    NT_EXPECT_CONTAINS(log, "left a plug and play notification behind");
    NT_EXPECT_CONTAINS(log, "left a WMI registration behind");
    NT_EXPECT_EQ(LdrpAuditFindings(), 4);
    Load(DRIVER("registers")); /* nothing of it is in the way */
    ExpectedFindings = 8;
}

NT_TEST(Audit, ArmedTimerKeepsTheImageSoThatItMayFire)
{
    PDRIVER_OBJECT driver = Load(DRIVER("timer"));
    const char *log;

    SimTakeLog();
    NT_EXPECT_STATUS(LdrpUnloadDriver(driver), STATUS_SUCCESS);
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "left 1 armed timer behind");
    NT_EXPECT_CONTAINS(log, "0xCE");
    SimAdvance(2000000000);
    SimRunUntilIdle();
    NT_EXPECT_CONTAINS(SimTakeLog(), "timer: fired");
    ExpectedFindings = 1;
}

NT_TEST(Audit, DriverWithoutUnloadStaysAndIsNoFinding)
{
    PDRIVER_OBJECT driver = Load(DRIVER("stays"));

    SimTakeLog();
    NT_EXPECT_STATUS(LdrpUnloadDriver(driver), STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_CONTAINS(SimTakeLog(), "has no DriverUnload");
    NT_EXPECT_TRUE(DEVICE_EXISTS(L"Stays"));
}

NT_TEST(Audit, ShutdownUnloadsTheLastLoadedFirst)
{
    Load(DRIVER("good"));
    Load(DRIVER("leaky"));
    Load(DRIVER("stays"));
    ExpectedFindings = 3; /* leaky's, at shutdown */
}

/* ---- by service key ---- */

NT_TEST(Service, DriversAreLoadedByTheirServiceKey)
{
    UNICODE_STRING key =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\other");
    UNICODE_STRING absent =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\absent");
    WCHAR path[512];
    ULONG length = 0;

    for (const char *text = "\\??\\" DRIVER("good"); *text != 0; ++text) {
        path[length++] = (WCHAR)*text;
    }
    path[length++] = 0;
    RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, L"other");
    RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, L"other", L"ImagePath", REG_EXPAND_SZ, path,
                          length * sizeof(WCHAR));
    NT_EXPECT_STATUS(ZwLoadDriver(&absent), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(ZwLoadDriver(&key), STATUS_SUCCESS);
    NT_EXPECT_TRUE(DRIVER_EXISTS(L"other"));
    NT_EXPECT_STATUS(ZwLoadDriver(&key), STATUS_IMAGE_ALREADY_LOADED);
    NT_EXPECT_STATUS(ZwUnloadDriver(&absent), STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_STATUS(ZwUnloadDriver(&key), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwUnloadDriver(&key), STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(Service, KeyIsOneOfAServiceAndItsNameFits)
{
    UNICODE_STRING elsewhere = RTL_CONSTANT_STRING(L"\\Registry\\Machine\\Software\\good");
    UNICODE_STRING below = RTL_CONSTANT_STRING(
        L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\good\\Parameters");
    UNICODE_STRING none =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\");

    NT_EXPECT_STATUS(ZwLoadDriver(&elsewhere), STATUS_NOT_SUPPORTED);
    NT_EXPECT_STATUS(ZwLoadDriver(&below), STATUS_NOT_SUPPORTED);
    NT_EXPECT_STATUS(ZwLoadDriver(&none), STATUS_OBJECT_NAME_INVALID);
    NT_EXPECT_STATUS(ZwUnloadDriver(&elsewhere), STATUS_NOT_SUPPORTED);
    NT_EXPECT_STATUS(ZwUnloadDriver(&none), STATUS_OBJECT_NAME_INVALID);
}

/* A service key for the driver that was built as that file. */
static VOID
MakeService(PWSTR Name, const char *File)
{
    WCHAR path[512];
    ULONG length = 0;

    for (const char *text = File; *text != 0; ++text) {
        path[length++] = (WCHAR)*text;
    }
    path[length++] = 0;
    NT_EXPECT_STATUS(RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, Name), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, Name, L"ImagePath", REG_SZ, path,
                                           length * sizeof(WCHAR)),
                     STATUS_SUCCESS);
}

NT_TEST(Service, ADriverWithoutUnloadIsNotUnloaded)
{
    UNICODE_STRING key =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\keeps");

    MakeService(L"keeps", "\\??\\" DRIVER("stays"));
    NT_EXPECT_STATUS(ZwLoadDriver(&key), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwUnloadDriver(&key), STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_TRUE(DRIVER_EXISTS(L"keeps"));
}

static NTSTATUS NTAPI
AddNothing(PDRIVER_OBJECT DriverObject, PDEVICE_OBJECT PhysicalDeviceObject)
{
    return STATUS_NOT_SUPPORTED;
}

NT_TEST(Service, ADriverOfPlugAndPlayDevicesIsNotUnloaded)
{
    UNICODE_STRING key =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\pnp");
    PDRIVER_OBJECT driver;

    MakeService(L"pnp", "\\??\\" DRIVER("good"));
    NT_EXPECT_STATUS(ZwLoadDriver(&key), STATUS_SUCCESS);
    driver = LdrpFindDriverByName("pnp");
    NT_EXPECT_NE(driver, NULL);
    driver->DriverExtension->AddDevice = AddNothing;
    NT_EXPECT_STATUS(ZwUnloadDriver(&key), STATUS_INVALID_DEVICE_REQUEST);
    NT_EXPECT_TRUE(DRIVER_EXISTS(L"pnp"));
    driver->DriverExtension->AddDevice = NULL;
    NT_EXPECT_STATUS(ZwUnloadDriver(&key), STATUS_SUCCESS);
    NT_EXPECT_FALSE(DRIVER_EXISTS(L"pnp"));
}

NT_TEST(Service, AnOpenFileKeepsItsDriver)
{
    UNICODE_STRING key =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\busy");
    HANDLE file;

    MakeService(L"busy", "\\??\\" DRIVER("good"));
    NT_EXPECT_STATUS(ZwLoadDriver(&key), STATUS_SUCCESS);
    NT_EXPECT_STATUS(OpenGood(&file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwUnloadDriver(&key), STATUS_DEVICE_BUSY);
    NT_EXPECT_TRUE(DRIVER_EXISTS(L"busy"));
    NT_EXPECT_STATUS(ZwClose(file), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwUnloadDriver(&key), STATUS_SUCCESS);
}

NT_TEST(Service, AServiceWithoutAFileIsNotLoaded)
{
    UNICODE_STRING key =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\empty");

    NT_EXPECT_STATUS(RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, L"empty"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwLoadDriver(&key), STATUS_OBJECT_NAME_NOT_FOUND); /* no ImagePath */
    MakeService(L"empty", "\\??\\" DRIVER("absent"));
    NT_EXPECT_FALSE(NT_SUCCESS(ZwLoadDriver(&key)));
    NT_EXPECT_FALSE(DRIVER_EXISTS(L"empty"));
}

/* ---- the file of a service ---- */

extern char *mkdtemp(char *Template);
extern int chdir(const char *Path);

/* Text with its @ replaced. */
static const char *
Expand(char Target[256], const char *Text, const char *Folder)
{
    const char *at = strchr(Text, '@');

    snprintf(Target, 256, "%.*s%s%s", (int)(at != NULL ? at - Text : 0), Text,
             at != NULL ? Folder : "", at != NULL ? at + 1 : Text);
    return Target;
}

NT_TEST(Service, ImagePathIsFoundAsWindowsWritesIt)
{
    static const struct {
        const char *ImagePath; /* @: the folder with backslashes */
        const char *Found;     /* @: the folder */
    } rows[] = {
        {"Z:@\\real.sys", "@/real.sys"},
        {"z:@\\REAL.SYS", "@/real.sys"},
        {"\\??\\Z:@\\real.sys", "@/real.sys"},
        {"\\\\?\\Z:@\\real.sys", "@/real.sys"},
        {"\\DosDevices\\Z:@\\real.sys", "@/real.sys"},
        {"\"Z:@\\real.sys\" -x", "@/real.sys"},
        {"@\\real.sys", "@/real.sys"},
        {"Z:@\\driver.sys", "@/Driver.so"},
        {"Z:@\\none.sys", "@/none.sys"},
        {"C:\\Drivers\\real.sys", "@/real.sys"},
        {"\\??\\C:\\Drivers\\real.sys", "@/real.sys"},
        {"\\SystemRoot\\System32\\drivers\\Driver.sys", "@/Driver.so"},
        {"\\Device\\HarddiskVolume1\\real.sys", "@/real.sys"},
        {"%SystemRoot%\\real.sys", "@/real.sys"},
        {"system32\\DRIVERS\\real.sys", "@/real.sys"},
        {"real.sys", "@/real.sys"},
        {".\\real.sys", "@/./real.sys"},
    };
    char folder[] = "/tmp/ldr_load_test.XXXXXX";
    char back[sizeof(folder)];
    char text[256];
    char found[256];
    char expected[256];

    NT_EXPECT_TRUE(mkdtemp(folder) != NULL && chdir(folder) == 0);
    NT_EXPECT_EQ(HalpWriteFile("real.sys", "", 0), HALP_OK);
    NT_EXPECT_EQ(HalpWriteFile("Driver.so", "", 0), HALP_OK);
    for (ULONG i = 0; i < sizeof(back); ++i) {
        back[i] = folder[i] == '/' ? '\\' : folder[i];
    }
    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(LdrpFindImage(Expand(text, row->ImagePath, back), found, sizeof(found)),
                         STATUS_SUCCESS);
        NT_EXPECT_STR(found, Expand(expected, row->Found, folder));
    }
    NT_EXPECT_STATUS(LdrpFindImage("\\\\server\\share\\x.sys", found, sizeof(found)),
                     STATUS_NOT_SUPPORTED);
    NT_EXPECT_STATUS(LdrpFindImage("", found, sizeof(found)), STATUS_OBJECT_NAME_INVALID);
    NT_EXPECT_STATUS(LdrpFindImage("Z:@\\real.sys", found, 8), STATUS_NAME_TOO_LONG);
    remove("real.sys");
    remove("Driver.so");
    remove(folder);
}
