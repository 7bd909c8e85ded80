/* SPDX-License-Identifier: MIT
 *
 * section_test.c - section objects and views
 */
#include "ps_test.h"

#ifndef SEC_COMMIT
#define SEC_COMMIT 0x08000000
#endif
#define SEC_RESERVED_FLAG 0x04000000
#define GRANULE 0x10000u

void
NtTestSetUp(void)
{
    PsTestStart(TRUE);
}

void
NtTestTearDown(void)
{
    NT_EXPECT_EQ(MiViewCount(PspClientProcess), 0);
    NT_EXPECT_EQ(MiViewCount(NULL), 0);
    PsTestStop();
}

static NTSTATUS
Create(PCWSTR Name, LONGLONG Size, ULONG Protection, ULONG Flags, HANDLE *Handle)
{
    LARGE_INTEGER size = {.QuadPart = Size};
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    InitializeObjectAttributes(&attributes, Name != NULL ? &name : NULL, Flags, NULL, NULL);
    return ZwCreateSection(Handle, SECTION_ALL_ACCESS, &attributes, &size, Protection, SEC_COMMIT,
                           NULL);
}

static NTSTATUS
Map(HANDLE Section, LONGLONG *Offset, SIZE_T *Size, ULONG Protection, PVOID *Base)
{
    LARGE_INTEGER offset = {.QuadPart = *Offset};
    NTSTATUS status;

    *Base = NULL;
    status = ZwMapViewOfSection(Section, NtCurrentProcess(), Base, 0, 0, &offset, Size, ViewUnmap,
                                0, Protection);
    *Offset = offset.QuadPart;
    return status;
}

static PUCHAR
MapAll(HANDLE Section)
{
    LONGLONG offset = 0;
    SIZE_T size = 0;
    PVOID base;

    NT_EXPECT_STATUS(Map(Section, &offset, &size, PAGE_READWRITE, &base), STATUS_SUCCESS);
    return base;
}

static void
Unmap(PVOID Base)
{
    NT_EXPECT_STATUS(ZwUnmapViewOfSection(NtCurrentProcess(), Base), STATUS_SUCCESS);
}

NT_TEST(Section, ViewsShareZeroedMemory)
{
    HANDLE section;
    PUCHAR one;
    PUCHAR two;

    NT_EXPECT_STATUS(Create(NULL, 10000, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    one = MapAll(section);
    two = MapAll(section);
    NT_EXPECT_NE(one, two);
    NT_EXPECT_EQ((ULONG_PTR)one % GRANULE, 0);
    NT_EXPECT_FALSE(MiIsKernelAddress((ULONG_PTR)one));
    NT_EXPECT_EQ(one[3 * PAGE_SIZE - 1], 0);
    one[9000] = 77;
    NT_EXPECT_EQ(two[9000], 77);
    ZwClose(section);
    Unmap(one + 5000);
    NT_EXPECT_EQ(two[9000], 77);
    NT_EXPECT_STATUS(ZwUnmapViewOfSection(NtCurrentProcess(), one), STATUS_NOT_MAPPED_VIEW);
    Unmap(two);
}

NT_TEST(Section, OffsetsAndSizesAreRounded)
{
    static const struct {
        LONGLONG Offset;
        SIZE_T Size;
        NTSTATUS Status;
        LONGLONG GotOffset;
        SIZE_T GotSize;
    } rows[] = {
        {0, 0, STATUS_SUCCESS, 0, 5 * GRANULE},
        {GRANULE, 0, STATUS_SUCCESS, GRANULE, 4 * GRANULE},
        {GRANULE + 77, 10, STATUS_SUCCESS, GRANULE, PAGE_SIZE},
        {0, PAGE_SIZE + 1, STATUS_SUCCESS, 0, 2 * PAGE_SIZE},
        {4 * GRANULE, GRANULE, STATUS_SUCCESS, 4 * GRANULE, GRANULE},
        {4 * GRANULE, GRANULE + 1, STATUS_INVALID_VIEW_SIZE, 4 * GRANULE, GRANULE + 1},
        {5 * GRANULE, 0, STATUS_INVALID_VIEW_SIZE, 5 * GRANULE, 0},
        {-1, 0, STATUS_INVALID_VIEW_SIZE, -1, 0},
        {0, (SIZE_T)-1, STATUS_INVALID_VIEW_SIZE, 0, (SIZE_T)-1},
    };
    HANDLE section;
    PUCHAR all;

    NT_EXPECT_STATUS(Create(NULL, 5 * GRANULE, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    all = MapAll(section);
    all[GRANULE] = 11;
    all[4 * GRANULE] = 44;
    NT_FOR_EACH (row, rows) {
        LONGLONG offset = row->Offset;
        SIZE_T size = row->Size;
        PVOID base;
        NT_EXPECT_STATUS(Map(section, &offset, &size, PAGE_READONLY, &base), row->Status);
        NT_EXPECT_EQ(offset, row->GotOffset);
        NT_EXPECT_EQ(size, row->GotSize);
        if (NT_SUCCESS(row->Status)) {
            NT_EXPECT_EQ(*(PUCHAR)base, all[offset]);
            Unmap(base);
        } else {
            NT_EXPECT_EQ(base, NULL);
        }
    }
    Unmap(all);
    ZwClose(section);
}

NT_TEST(Section, CreationErrors)
{
    LARGE_INTEGER size = {.QuadPart = PAGE_SIZE};
    LARGE_INTEGER big = {.QuadPart = 1ll << 50};
    LARGE_INTEGER zero = {.QuadPart = 0};
    static const struct {
        ULONG Protection;
        ULONG Attributes;
        NTSTATUS Status;
    } rows[] = {
        {0, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {PAGE_NOACCESS, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {PAGE_READWRITE | PAGE_READONLY, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {PAGE_READWRITE | PAGE_GUARD, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {PAGE_EXECUTE_READWRITE, SEC_COMMIT, STATUS_NOT_SUPPORTED},
        {PAGE_READWRITE, 0, STATUS_INVALID_PARAMETER_6},
        {PAGE_READWRITE, SEC_COMMIT | SEC_RESERVED_FLAG, STATUS_INVALID_PARAMETER_6},
        {PAGE_READWRITE, SEC_COMMIT | 1, STATUS_INVALID_PARAMETER_6},
        {PAGE_READWRITE, SEC_RESERVED_FLAG, STATUS_NOT_SUPPORTED},
        {PAGE_READWRITE, SEC_COMMIT | 0x80000000u, STATUS_NOT_SUPPORTED},
        {PAGE_READWRITE | PAGE_NOCACHE, SEC_COMMIT | 0x10000000, STATUS_SUCCESS},
    };
    HANDLE section = NULL;

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, &size, row->Protection,
                                         row->Attributes, NULL),
                         row->Status);
        if (NT_SUCCESS(row->Status)) {
            ZwClose(section);
        }
    }
    NT_EXPECT_STATUS(
        ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT, NULL),
        STATUS_INVALID_PARAMETER_4);
    NT_EXPECT_STATUS(ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, &zero, PAGE_READWRITE,
                                     SEC_COMMIT, NULL),
                     STATUS_INVALID_PARAMETER_4);
    NT_EXPECT_STATUS(
        ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, &big, PAGE_READWRITE, SEC_COMMIT, NULL),
        STATUS_SECTION_TOO_BIG);
    SimTakeLog();
    NT_EXPECT_STATUS(ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, &size, PAGE_READWRITE,
                                     SEC_COMMIT, (HANDLE)4),
                     STATUS_INVALID_FILE_FOR_SECTION);
    NT_EXPECT_CONTAINS(SimTakeLog(), "NtCreateSection");
    for (int failures = 1; failures < 4; ++failures) {
        NTSTATUS status;
        SimSetFaultPlan(NULL, (uint64_t)failures);
        status = Create(NULL, 1, PAGE_READWRITE, 0, &section);
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            ZwClose(section);
        } else {
            NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
        }
    }
}

NT_TEST(Section, ViewErrors)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    SIZE_T size = 0;
    PVOID wanted = (PVOID)0x40000000;
    PVOID base = NULL;
    HANDLE readOnly;
    HANDLE section;
    HANDLE system;
    CLIENT_ID id = {ID(4), NULL};
    OBJECT_ATTRIBUTES attributes;

#define EXPECT_VIEW(status, section, process, where, bits, inherit, type, protection)              \
    NT_EXPECT_STATUS(ZwMapViewOfSection(section, process, where, bits, 0, &offset, &size, inherit, \
                                        type, protection),                                         \
                     status)

    NT_EXPECT_STATUS(Create(NULL, PAGE_SIZE, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Create(NULL, PAGE_SIZE, PAGE_READONLY, 0, &readOnly), STATUS_SUCCESS);
    EXPECT_VIEW(STATUS_INVALID_HANDLE, (HANDLE)0x444, NtCurrentProcess(), &base, 0, ViewUnmap, 0,
                PAGE_READONLY);
    EXPECT_VIEW(STATUS_OBJECT_TYPE_MISMATCH, NtCurrentThread(), NtCurrentProcess(), &base, 0,
                ViewUnmap, 0, PAGE_READONLY);
    EXPECT_VIEW(STATUS_OBJECT_TYPE_MISMATCH, section, section, &base, 0, ViewUnmap, 0,
                PAGE_READONLY);
    EXPECT_VIEW(STATUS_CONFLICTING_ADDRESSES, section, NtCurrentProcess(), &wanted, 0, ViewUnmap, 0,
                PAGE_READONLY);
    EXPECT_VIEW(STATUS_INVALID_PARAMETER_4, section, NtCurrentProcess(), &base, 21, ViewUnmap, 0,
                PAGE_READONLY);
    EXPECT_VIEW(STATUS_NOT_SUPPORTED, section, NtCurrentProcess(), &base, 1, ViewUnmap, 0,
                PAGE_READONLY);
    EXPECT_VIEW(STATUS_INVALID_PARAMETER_8, section, NtCurrentProcess(), &base, 0,
                (SECTION_INHERIT)3, 0, PAGE_READONLY);
    EXPECT_VIEW(STATUS_INVALID_PARAMETER_9, section, NtCurrentProcess(), &base, 0, ViewUnmap,
                MEM_COMMIT, PAGE_READONLY);
    EXPECT_VIEW(STATUS_INVALID_PAGE_PROTECTION, section, NtCurrentProcess(), &base, 0, ViewUnmap, 0,
                PAGE_READONLY | PAGE_READWRITE);
    EXPECT_VIEW(STATUS_NOT_SUPPORTED, section, NtCurrentProcess(), &base, 0, ViewUnmap, 0,
                PAGE_EXECUTE_READ);
    EXPECT_VIEW(STATUS_SECTION_PROTECTION, readOnly, NtCurrentProcess(), &base, 0, ViewUnmap, 0,
                PAGE_READWRITE);
    NT_EXPECT_EQ(base, NULL);
    NT_EXPECT_STATUS(ZwUnmapViewOfSection(NtCurrentProcess(), NULL), STATUS_NOT_MAPPED_VIEW);
    NT_EXPECT_STATUS(ZwUnmapViewOfSection((HANDLE)0x444, NULL), STATUS_INVALID_HANDLE);
    for (int failures = 1; failures < 4; ++failures) {
        NTSTATUS status;
        SimSetFaultPlan(NULL, (uint64_t)failures);
        base = NULL;
        status = ZwMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, &offset, &size,
                                    ViewShare, MEM_TOP_DOWN, PAGE_READONLY);
        SimSetFaultPlan(NULL, 0);
        if (NT_SUCCESS(status)) {
            Unmap(base);
        } else {
            NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
        }
        size = 0;
    }
    /* A view belongs to its process: another one does not find it. */
    base = MapAll(section);
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenProcess(&system, PROCESS_ALL_ACCESS, &attributes, &id), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwUnmapViewOfSection(system, base), STATUS_NOT_MAPPED_VIEW);
    ZwClose(system);
    Unmap(base);
    ZwClose(section);
    ZwClose(readOnly);
}

NT_TEST(Section, AReadOnlyViewCannotBeWritten)
{
    LONGLONG offset = 0;
    SIZE_T size = 0;
    UCHAR byte = 1;
    HANDLE section;
    PVOID base;

    NT_EXPECT_STATUS(Create(NULL, 1, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Map(section, &offset, &size, PAGE_READONLY, &base), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MiCopyToUser(base, &byte, 1, UserMode), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(MiCopyFromUser(&byte, base, 1, UserMode), STATUS_SUCCESS);
    NT_EXPECT_EQ(byte, 0);
    Unmap(base);
    ZwClose(section);
}

NT_TEST(Section, NamesAreFoundAgain)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\Shared");
    OBJECT_ATTRIBUTES attributes;
    HANDLE section;
    HANDLE other;
    PUCHAR one;
    PUCHAR two;

    NT_EXPECT_STATUS(Create(name.Buffer, 1, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Create(name.Buffer, 1, PAGE_READWRITE, 0, &other),
                     STATUS_OBJECT_NAME_COLLISION);
    NT_EXPECT_STATUS(Create(name.Buffer, 1, PAGE_READWRITE, OBJ_OPENIF, &other),
                     STATUS_OBJECT_NAME_EXISTS);
    ZwClose(other);
    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenSection(&other, SECTION_ALL_ACCESS, &attributes), STATUS_SUCCESS);
    one = MapAll(section);
    two = MapAll(other);
    *one = 5;
    NT_EXPECT_EQ(*two, 5);
    Unmap(one);
    Unmap(two);
    ZwClose(section);
    ZwClose(other);
    NT_EXPECT_STATUS(ZwOpenSection(&other, SECTION_ALL_ACCESS, &attributes),
                     STATUS_OBJECT_NAME_NOT_FOUND);
}

NT_TEST(Section, OpeningByName)
{
    static NTSTATUS (*const services[])(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES) = {NtOpenSection,
                                                                                     ZwOpenSection};
    static const struct {
        PCWSTR Path;
        NTSTATUS Status;
    } rows[] = {
        {L"\\BaseNamedObjects\\Shared", STATUS_SUCCESS},
        {L"\\BaseNamedObjects\\No", STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\No\\Shared", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\BaseNamedObjects\\", STATUS_OBJECT_NAME_INVALID},
        {L"Shared", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\BaseNamedObjects", STATUS_OBJECT_TYPE_MISMATCH},
    };
    KTHREAD *thread = KiGetCurrentThread();
    HANDLE *pool = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*pool), 'tseT');
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE section;
    HANDLE handle;

    NT_EXPECT_STATUS(Create(rows[0].Path, 1, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    NT_FOR_EACH (open, services) {
        NT_FOR_EACH (row, rows) {
            RtlInitUnicodeString(&name, row->Path);
            InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
            NT_EXPECT_STATUS((*open)(&handle, SECTION_MAP_READ, &attributes), row->Status);
            if (NT_SUCCESS(row->Status)) {
                ZwClose(handle);
            }
        }
        NT_EXPECT_STATUS((*open)(&handle, SECTION_MAP_READ, NULL), STATUS_INVALID_PARAMETER);
    }
    RtlInitUnicodeString(&name, rows[0].Path);
    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    thread->PreviousMode = UserMode;
    NT_EXPECT_STATUS(NtOpenSection(&handle, 0x400, &attributes), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(NtOpenSection(pool, SECTION_MAP_READ, &attributes), STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtOpenSection(&handle, SECTION_MAP_READ, (POBJECT_ATTRIBUTES)pool),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtOpenSection(&handle, SECTION_MAP_READ, &attributes), STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtClose(handle), STATUS_SUCCESS);
    thread->PreviousMode = KernelMode;
    /* The handle's rights are those asked for. */
    NT_EXPECT_STATUS(ZwOpenSection(&handle, SECTION_MAP_READ, &attributes), STATUS_SUCCESS);
    thread->PreviousMode = UserMode;
    {
        SIZE_T size = 0;
        PVOID base = NULL;

        NT_EXPECT_STATUS(NtMapViewOfSection(handle, NtCurrentProcess(), &base, 0, 0, NULL, &size,
                                            ViewUnmap, 0, PAGE_READWRITE),
                         STATUS_ACCESS_DENIED);
    }
    thread->PreviousMode = KernelMode;
    ZwClose(handle);
    ZwClose(section);
    ExFreePoolWithTag(pool, 'tseT');
}

/* User mode: pointers are checked, and so is what the handle was granted. */
NT_TEST(Section, UserCallers)
{
    LARGE_INTEGER size = {.QuadPart = PAGE_SIZE};
    SIZE_T viewSize = 0;
    PVOID base = NULL;
    HANDLE section;
    PVOID *pool = ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'tseT');
    KTHREAD *thread = KiGetCurrentThread();

    thread->PreviousMode = UserMode;
    NT_EXPECT_STATUS(NtCreateSection((PHANDLE)8, SECTION_MAP_READ, NULL, &size, PAGE_READWRITE,
                                     SEC_COMMIT, NULL),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtCreateSection(&section, SECTION_MAP_READ, NULL, (PLARGE_INTEGER)8,
                                     PAGE_READWRITE, SEC_COMMIT, NULL),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(
        NtCreateSection(&section, SECTION_MAP_READ, NULL, &size, PAGE_READWRITE, SEC_COMMIT, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(NtMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, NULL, &viewSize,
                                        ViewUnmap, 0, PAGE_READWRITE),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(NtMapViewOfSection(section, NtCurrentProcess(), pool, 0, 0, NULL, &viewSize,
                                        ViewUnmap, 0, PAGE_READONLY),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_STATUS(NtMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, NULL, (PSIZE_T)8,
                                        ViewUnmap, 0, PAGE_READONLY),
                     STATUS_ACCESS_VIOLATION);
    NT_EXPECT_EQ(MiViewCount(PspClientProcess), 0);
    NT_EXPECT_STATUS(NtMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, NULL, &viewSize,
                                        ViewUnmap, 0, PAGE_READONLY),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(viewSize, PAGE_SIZE);
    NT_EXPECT_STATUS(NtUnmapViewOfSection(NtCurrentProcess(), base), STATUS_SUCCESS);
    NtClose(section);
    thread->PreviousMode = KernelMode;
    ExFreePoolWithTag(pool, 'tseT');
}

NT_TEST(Section, SystemViewsAreKernelAddresses)
{
    SIZE_T size = 0;
    SIZE_T tooMuch = 3 * PAGE_SIZE;
    PVOID object;
    PUCHAR user;
    PUCHAR base;
    HANDLE section;

    NT_EXPECT_STATUS(Create(NULL, 2 * PAGE_SIZE, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(section, 0, *MmSectionObjectType, KernelMode, &object, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(MmMapViewInSystemSpace(PspClientProcess, (PVOID *)&base, &size),
                     STATUS_OBJECT_TYPE_MISMATCH);
    NT_EXPECT_STATUS(MmMapViewInSystemSpace(object, (PVOID *)&base, &tooMuch),
                     STATUS_INVALID_VIEW_SIZE);
    NT_EXPECT_STATUS(MmMapViewInSystemSpace(object, (PVOID *)&base, &size), STATUS_SUCCESS);
    NT_EXPECT_EQ(size, 2 * PAGE_SIZE);
    NT_EXPECT_TRUE(MiIsKernelAddress((ULONG_PTR)base));
    user = MapAll(section);
    base[PAGE_SIZE] = 9;
    NT_EXPECT_EQ(user[PAGE_SIZE], 9);
    NT_EXPECT_STATUS(MmUnmapViewInSystemSpace(base), STATUS_SUCCESS);
    NT_EXPECT_FALSE(MiIsKernelAddress((ULONG_PTR)base));
    Unmap(user);
    ObDereferenceObject(object);
    ZwClose(section);
}

/* Twice, or where a view of a process is: no view of the system. */
NT_TEST(Section, UnmappingNoSystemViewIsABugcheck)
{
    SIZE_T size = 0;
    HANDLE section;
    PVOID object;
    PVOID base;

    NT_EXPECT_STATUS(Create(NULL, PAGE_SIZE, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(section, 0, *MmSectionObjectType, KernelMode, &object, NULL),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(MmMapViewInSystemSpace(object, &base, &size), STATUS_SUCCESS);
    NT_EXPECT_STATUS(MmUnmapViewInSystemSpace(base), STATUS_SUCCESS);
    NT_EXPECT_BUGCHECK(0xD7, MmUnmapViewInSystemSpace(base));
}

NT_TEST(Section, UnmappingAUserViewAsTheSystemsIsABugcheck)
{
    HANDLE section;

    NT_EXPECT_STATUS(Create(NULL, PAGE_SIZE, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    NT_EXPECT_BUGCHECK(0xD7, MmUnmapViewInSystemSpace(MapAll(section)));
}

NT_TEST(Section, RundownTakesViewsDown)
{
    HANDLE section;

    NT_EXPECT_STATUS(Create(NULL, 1, PAGE_READWRITE, 0, &section), STATUS_SUCCESS);
    MapAll(section);
    MapAll(section);
    NT_EXPECT_EQ(MiViewCount(PspClientProcess), 2);
    PspRundownProcess(PspClientProcess);
    NT_EXPECT_EQ(MiViewCount(PspClientProcess), 0);
}

static PVOID
MakeSectionObject(HANDLE *Section)
{
    PVOID object;

    NT_EXPECT_STATUS(Create(NULL, PAGE_SIZE, PAGE_READWRITE, 0, Section), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        ObReferenceObjectByHandle(*Section, 0, *MmSectionObjectType, KernelMode, &object, NULL),
        STATUS_SUCCESS);
    return object;
}

NT_TEST(Section, SystemViewsLeaveNothingBehind)
{
    EXP_POOL_STATISTICS before;
    EXP_POOL_STATISTICS after;
    HANDLE section;
    PVOID object = MakeSectionObject(&section);
    SIZE_T size = 0;
    PVOID base;

    for (ULONG i = 0; i < 1000; i++) {
        NT_EXPECT_STATUS(MmMapViewInSystemSpace(object, &base, &size), STATUS_SUCCESS);
        NT_EXPECT_STATUS(MmUnmapViewInSystemSpace(base), STATUS_SUCCESS);
        if (i == 10) {
            ExpQueryPoolStatistics(&before);
        }
    }
    ExpQueryPoolStatistics(&after);
    NT_EXPECT_EQ(after.BlocksInUse, before.BlocksInUse);
    ObDereferenceObject(object);
    ZwClose(section);
}

/* Views take no room from images, need no memory to go, and never look like a driver. */
NT_TEST(Section, SystemViewsAreNoImages)
{
    static PVOID bases[600];
    HANDLE section;
    PVOID object = MakeSectionObject(&section);
    SIZE_T size = 0;
    ULONG_PTR image;
    SIZE_T length;

    for (ULONG i = 0; i < 600; i++) {
        NT_EXPECT_STATUS(MmMapViewInSystemSpace(object, &bases[i], &size), STATUS_SUCCESS);
    }
    NT_EXPECT_FALSE(MiQueryKernelImage(0, &image, &length));
    NT_EXPECT_TRUE(MiIsKernelAddress((ULONG_PTR)bases[300]));
    NT_EXPECT_FALSE(MiIsImageAddress((ULONG_PTR)bases[300]));
    SimSetFaultPlan("pool", 1);
    for (ULONG i = 0; i < 600; i++) {
        NT_EXPECT_STATUS(MmUnmapViewInSystemSpace(bases[i]), STATUS_SUCCESS);
        NT_EXPECT_FALSE(MiIsKernelAddress((ULONG_PTR)bases[i]));
    }
    SimSetFaultPlan(NULL, 0);
    ObDereferenceObject(object);
    ZwClose(section);
}

static BOOLEAN StopViews; /* atomic */

static VOID NTAPI
MapViewsOften(PVOID Context)
{
    SIZE_T size = 0;
    PVOID base;

    for (ULONG i = 0; i < 40; i++) {
        NT_EXPECT_STATUS(MmMapViewInSystemSpace(Context, &base, &size), STATUS_SUCCESS);
        HalpYield();
        NT_EXPECT_STATUS(MmUnmapViewInSystemSpace(base), STATUS_SUCCESS);
    }
    __atomic_store_n(&StopViews, TRUE, __ATOMIC_RELEASE);
}

NT_TEST_SEEDS(Section, AViewNeverLooksLikeADriver, 20)
{
    HANDLE section;
    PVOID object = MakeSectionObject(&section);
    ULONG_PTR image;
    SIZE_T length;
    HANDLE thread;

    __atomic_store_n(&StopViews, FALSE, __ATOMIC_RELEASE);
    NT_EXPECT_STATUS(
        PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, MapViewsOften, object),
        STATUS_SUCCESS);
    while (!__atomic_load_n(&StopViews, __ATOMIC_ACQUIRE)) {
        NT_EXPECT_FALSE(MiQueryKernelImage(0, &image, &length));
        HalpYield();
    }
    ZwWaitForSingleObject(thread, FALSE, NULL);
    ZwClose(thread);
    ObDereferenceObject(object);
    ZwClose(section);
}
