/* SPDX-License-Identifier: MIT
 *
 * ps/section.c - section objects: named or not, backed by the paging file, and their views
 *
 * Everything that is asked is checked here; mm/section.c does the mapping.
 *
 * Source   WDK reference, wdm.h ZwCreateSection, ZwOpenSection, ZwMapViewOfSection,
 *          ZwUnmapViewOfSection; ntddk.h MmMapViewInSystemSpace; SDK, CreateFileMapping.
 */
#include "ps/psp.h"

#define PSP_SECTION_LIMIT (1ull << 40)
#define PSP_GRANULARITY 0x10000u
#define PSP_CACHE_FLAGS (PAGE_NOCACHE | PAGE_WRITECOMBINE)
#define PSP_ZERO_BITS_LIMIT 21
#define PSP_BUGCHECK_UNMAP 0xD7 /* DRIVER_UNMAPPING_INVALID_VIEW */

/* Values of winnt.h that the DDK headers leave out. */
#ifndef SEC_RESERVE
#define SEC_RESERVE 0x04000000
#endif
#ifndef SEC_COMMIT
#define SEC_COMMIT 0x08000000
#endif
#ifndef SEC_IMAGE
#define SEC_IMAGE 0x01000000
#endif
#ifndef SEC_NOCACHE
#define SEC_NOCACHE 0x10000000
#endif
#define PSP_SEC_KNOWN                                                                         \
    (SEC_RESERVE | SEC_COMMIT | SEC_IMAGE | SEC_NOCACHE | 0x40000000 /* SEC_WRITECOMBINE */ | \
     0x80000000 /* SEC_LARGE_PAGES */ | 0x00800000 /* SEC_FILE */)

typedef struct PSP_SECTION {
    MI_SECTION *Memory; /* NULL while it is being made */
    ULONG Protection;   /* PAGE_*, without the cache's */
    ULONG Attributes;   /* SEC_* */
} PSP_SECTION;

typedef struct PSP_VIEW {
    PVOID Base;
    LARGE_INTEGER Offset;
    SIZE_T Size;
    ULONG Protection;
} PSP_VIEW;

POBJECT_TYPE PspSectionType;

#pragma GCC visibility push(default)
POBJECT_TYPE *MmSectionObjectType = &PspSectionType;
#pragma GCC visibility pop

static VOID
PspDeleteSection(PVOID Object)
{
    PSP_SECTION *section = Object;

    if (section->Memory != NULL) {
        MiDereferenceSection(section->Memory);
    }
}

NTSTATUS
PspCreateSectionType(VOID)
{
    static const OBP_TYPE_OPS ops = {
        .Name = L"Section",
        .ValidAccess = SECTION_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | SECTION_QUERY | SECTION_MAP_READ,
                    STANDARD_RIGHTS_WRITE | SECTION_MAP_WRITE,
                    STANDARD_RIGHTS_EXECUTE | SECTION_MAP_EXECUTE, SECTION_ALL_ACCESS},
        .Delete = PspDeleteSection,
    };

    return ObpCreateType(&ops, &PspSectionType);
}

/* ---- making ---- */

static NTSTATUS
PspCheckSectionProtection(ULONG Protection)
{
    switch (Protection & ~(ULONG)PSP_CACHE_FLAGS) {
    case PAGE_READONLY:
    case PAGE_READWRITE:
    case PAGE_WRITECOPY:
        return STATUS_SUCCESS;
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_READWRITE:
    case PAGE_EXECUTE_WRITECOPY:
        return STATUS_NOT_SUPPORTED; /* memory of ours is never executable */
    default:
        return STATUS_INVALID_PAGE_PROTECTION;
    }
}

static NTSTATUS
PspCheckSection(ULONG Protection, ULONG Attributes, const LARGE_INTEGER *Size)
{
    NTSTATUS status = PspCheckSectionProtection(Protection);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if ((Attributes & ~(ULONG)PSP_SEC_KNOWN) != 0 ||
        (Attributes & (SEC_COMMIT | SEC_RESERVE)) == 0 ||
        (Attributes & (SEC_COMMIT | SEC_RESERVE)) == (SEC_COMMIT | SEC_RESERVE)) {
        return STATUS_INVALID_PARAMETER_6;
    }
    if ((Attributes & ~(ULONG)(SEC_COMMIT | SEC_NOCACHE | 0x40000000)) != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    if (Size->QuadPart <= 0) {
        return STATUS_INVALID_PARAMETER_4;
    }
    return (ULONG64)Size->QuadPart > PSP_SECTION_LIMIT ? STATUS_SECTION_TOO_BIG : STATUS_SUCCESS;
}

static NTSTATUS
PspMakeSection(ULONG64 Size, ULONG Protection, ULONG Attributes, PSP_SECTION **Section)
{
    NTSTATUS status = ObpCreateObject(PspSectionType, sizeof(**Section), (PVOID *)Section);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    (*Section)->Protection = Protection & ~(ULONG)PSP_CACHE_FLAGS;
    (*Section)->Attributes = Attributes;
    status =
        MiCreateSection((Size + PAGE_SIZE - 1) & ~(ULONG64)(PAGE_SIZE - 1), &(*Section)->Memory);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(*Section);
    }
    return status;
}

static VOID
PspLogFileSection(VOID)
{
    static LONG told;
    static const char line[] =
        "ntbox: NtCreateSection: files cannot be mapped here, memory only; the call fails with "
        "STATUS_INVALID_FILE_FOR_SECTION\n";

    if (__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED) == 0) {
        HalpWriteLog(line, sizeof(line) - 1);
    }
}

/* ---- views ---- */

static NTSTATUS
PspCheckViewProtection(const PSP_SECTION *Section, ULONG Protection, ULONG Granted,
                       KPROCESSOR_MODE Mode)
{
    BOOLEAN write = FALSE;

    switch (Protection & ~(ULONG)PSP_CACHE_FLAGS) {
    case PAGE_READONLY:
        break;
    case PAGE_READWRITE:
        write = TRUE;
        break;
    case PAGE_NOACCESS:
    case PAGE_WRITECOPY:
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_READWRITE:
    case PAGE_EXECUTE_WRITECOPY:
        return STATUS_NOT_SUPPORTED;
    default:
        return STATUS_INVALID_PAGE_PROTECTION;
    }
    if (Mode != KernelMode && (Granted & (write ? SECTION_MAP_WRITE : SECTION_MAP_READ)) == 0) {
        return STATUS_ACCESS_DENIED;
    }
    return write && Section->Protection != PAGE_READWRITE ? STATUS_SECTION_PROTECTION
                                                          : STATUS_SUCCESS;
}

/* Offset and Size as they will be: rounded, Size 0 as all that is left. */
static NTSTATUS
PspFitView(const PSP_SECTION *Section, LARGE_INTEGER *Offset, SIZE_T *Size)
{
    ULONG64 total = MiSectionSize(Section->Memory);
    ULONG64 offset;

    if (Offset->QuadPart < 0 || (ULONG64)Offset->QuadPart >= total) {
        return STATUS_INVALID_VIEW_SIZE;
    }
    offset = (ULONG64)Offset->QuadPart & ~(ULONG64)(PSP_GRANULARITY - 1);
    if (*Size > total - offset) {
        return STATUS_INVALID_VIEW_SIZE;
    }
    *Size = *Size == 0 ? total - offset : (*Size + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1);
    Offset->QuadPart = (LONGLONG)offset;
    return STATUS_SUCCESS;
}

static NTSTATUS
PspCheckViewRequest(const PSP_VIEW *View, ULONG_PTR ZeroBits, SECTION_INHERIT Inherit, ULONG Type)
{
    const ULONG known = MEM_RESERVE | MEM_TOP_DOWN | MEM_LARGE_PAGES;

    if (ZeroBits >= PSP_ZERO_BITS_LIMIT) {
        return STATUS_INVALID_PARAMETER_4;
    }
    if (Inherit != ViewShare && Inherit != ViewUnmap) {
        return STATUS_INVALID_PARAMETER_8;
    }
    if ((Type & ~known) != 0) {
        return STATUS_INVALID_PARAMETER_9;
    }
    if (View->Base != NULL) {
        return STATUS_CONFLICTING_ADDRESSES;
    }
    return ZeroBits != 0 || (Type & (MEM_RESERVE | MEM_LARGE_PAGES)) != 0 ? STATUS_NOT_SUPPORTED
                                                                          : STATUS_SUCCESS;
}

static NTSTATUS
PspReadView(PSP_VIEW *View, PVOID *Base, PLARGE_INTEGER Offset, PSIZE_T Size, KPROCESSOR_MODE Mode)
{
    NTSTATUS status = MiCopyFromUser(&View->Base, Base, sizeof(*Base), Mode);

    View->Offset.QuadPart = 0;
    if (NT_SUCCESS(status) && Offset != NULL) {
        status = MiCopyFromUser(&View->Offset, Offset, sizeof(*Offset), Mode);
    }
    return NT_SUCCESS(status) ? MiCopyFromUser(&View->Size, Size, sizeof(*Size), Mode) : status;
}

static NTSTATUS
PspWriteView(const PSP_VIEW *View, PVOID *Base, PLARGE_INTEGER Offset, PSIZE_T Size,
             KPROCESSOR_MODE Mode)
{
    NTSTATUS status = MiCopyToUser(Base, &View->Base, sizeof(*Base), Mode);

    if (NT_SUCCESS(status) && Offset != NULL) {
        status = MiCopyToUser(Offset, &View->Offset, sizeof(*Offset), Mode);
    }
    return NT_SUCCESS(status) ? MiCopyToUser(Size, &View->Size, sizeof(*Size), Mode) : status;
}

/* The process that views are mapped into, referenced. */
static NTSTATUS
PspReferenceViewProcess(HANDLE Handle, KPROCESSOR_MODE Mode, PEPROCESS *Process)
{
    NTSTATUS status = ObReferenceObjectByHandle(Handle, PROCESS_VM_OPERATION, PspProcessType, Mode,
                                                (PVOID *)Process, NULL);

    if (NT_SUCCESS(status) && (*Process)->IsMachineProcess) {
        ObDereferenceObject(*Process);
        status = STATUS_NOT_SUPPORTED;
    }
    return status;
}

static NTSTATUS
PspMapInto(HANDLE SectionHandle, PEPROCESS Process, PSP_VIEW *View, KPROCESSOR_MODE Mode)
{
    OBJECT_HANDLE_INFORMATION information;
    PSP_SECTION *section;
    NTSTATUS status;

    status = ObReferenceObjectByHandle(SectionHandle, 0, PspSectionType, Mode, (PVOID *)&section,
                                       &information);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PspCheckViewProtection(section, View->Protection, information.GrantedAccess, Mode);
    if (NT_SUCCESS(status)) {
        status = PspFitView(section, &View->Offset, &View->Size);
    }
    if (NT_SUCCESS(status)) {
        status = MiMapView(section->Memory, (ULONG64)View->Offset.QuadPart, View->Size,
                           (View->Protection & PAGE_READWRITE) != 0, Process, &View->Base);
    }
    ObDereferenceObject(section);
    return status;
}

#pragma GCC visibility push(default)

/*
 * NtCreateSection - a section of memory, as if backed by the paging file
 *
 * Errors   STATUS_INVALID_PAGE_PROTECTION; STATUS_INVALID_PARAMETER_6: not exactly one of
 * SEC_COMMIT and SEC_RESERVE, or a flag that does not exist; STATUS_INVALID_PARAMETER_4: no size;
 *          STATUS_SECTION_TOO_BIG; STATUS_INSUFFICIENT_RESOURCES; those of names and handles
 * IRQL     PASSIVE_LEVEL
 * Differs  STATUS_INVALID_FILE_FOR_SECTION for every FileHandle; STATUS_NOT_SUPPORTED for
 *          SEC_RESERVE, SEC_IMAGE, SEC_LARGE_PAGES and the PAGE_EXECUTE protections
 * Source   WDK reference, nf-wdm-zwcreatesection
 */
NTSTATUS NTAPI
NtCreateSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                POBJECT_ATTRIBUTES ObjectAttributes, PLARGE_INTEGER MaximumSize,
                ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle)
{
    NT_ENTER(NtCreateSection);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER size = {.QuadPart = 0};
    OBP_ATTRIBUTES attributes;
    PSP_SECTION *section;
    NTSTATUS status = STATUS_SUCCESS;

    if (MaximumSize != NULL) {
        status = MiCopyFromUser(&size, MaximumSize, sizeof(size), mode);
    }
    if (NT_SUCCESS(status) && FileHandle != NULL) {
        PspLogFileSection();
        status = STATUS_INVALID_FILE_FOR_SECTION;
    }
    if (NT_SUCCESS(status)) {
        status = PspCheckSection(SectionPageProtection, AllocationAttributes, &size);
    }
    if (NT_SUCCESS(status)) {
        status = ObpCaptureAttributes(ObjectAttributes, mode, &attributes);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PspMakeSection((ULONG64)size.QuadPart, SectionPageProtection, AllocationAttributes,
                            &section);
    if (NT_SUCCESS(status)) {
        status = ObpPublishObject(section, &attributes, DesiredAccess, mode, SectionHandle);
    }
    ObpReleaseAttributes(&attributes);
    return status;
}

NTSTATUS NTAPI
ZwCreateSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                POBJECT_ATTRIBUTES ObjectAttributes, PLARGE_INTEGER MaximumSize,
                ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle)
{
    NT_ENTER(ZwCreateSection);
    return OBP_ZW(NtCreateSection(SectionHandle, DesiredAccess, ObjectAttributes, MaximumSize,
                                  SectionPageProtection, AllocationAttributes, FileHandle));
}

NTSTATUS NTAPI
NtOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    NT_ENTER(NtOpenSection);
    return ObpOpenService(SectionHandle, DesiredAccess, ObjectAttributes, PspSectionType);
}

NTSTATUS NTAPI
ZwOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    NT_ENTER(ZwOpenSection);
    return OBP_ZW(NtOpenSection(SectionHandle, DesiredAccess, ObjectAttributes));
}

/*
 * NtMapViewOfSection - a view in a process's address space
 *
 * BaseAddress    NULL in: chosen, a multiple of 64 KiB
 * SectionOffset  rounded down to 64 KiB
 * ViewSize       0: to the section's end; rounded up to pages
 *
 * Errors   STATUS_CONFLICTING_ADDRESSES; STATUS_INVALID_PAGE_PROTECTION; STATUS_SECTION_PROTECTION:
 *          write to a section that was not made for it; STATUS_ACCESS_DENIED: not with this handle;
 *          STATUS_INVALID_VIEW_SIZE: beyond the section; STATUS_INVALID_PARAMETER_4, _8, _9:
 *          ZeroBits, InheritDisposition, AllocationType; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Differs  no BaseAddress can be asked for (STATUS_CONFLICTING_ADDRESSES). STATUS_NOT_SUPPORTED:
 *          ZeroBits, MEM_RESERVE, MEM_LARGE_PAGES, protections other than PAGE_READONLY and
 *          PAGE_READWRITE, processes of the machine. Children inherit no view.
 * Source   WDK reference, nf-wdm-zwmapviewofsection
 */
NTSTATUS NTAPI
NtMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress,
                   ULONG_PTR ZeroBits, SIZE_T CommitSize, PLARGE_INTEGER SectionOffset,
                   PSIZE_T ViewSize, SECTION_INHERIT InheritDisposition, ULONG AllocationType,
                   ULONG Win32Protect)
{
    NT_ENTER(NtMapViewOfSection);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    PSP_VIEW view = {.Protection = Win32Protect};
    PEPROCESS process;
    NTSTATUS status;

    status = PspReadView(&view, BaseAddress, SectionOffset, ViewSize, mode);
    if (NT_SUCCESS(status)) {
        status = PspCheckViewRequest(&view, ZeroBits, InheritDisposition, AllocationType);
    }
    if (NT_SUCCESS(status)) {
        status = PspReferenceViewProcess(ProcessHandle, mode, &process);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PspMapInto(SectionHandle, process, &view, mode);
    if (NT_SUCCESS(status)) {
        status = PspWriteView(&view, BaseAddress, SectionOffset, ViewSize, mode);
        if (!NT_SUCCESS(status)) {
            MiUnmapView(process, view.Base);
        }
    }
    ObDereferenceObject(process);
    return status;
}

NTSTATUS NTAPI
ZwMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress,
                   ULONG_PTR ZeroBits, SIZE_T CommitSize, PLARGE_INTEGER SectionOffset,
                   PSIZE_T ViewSize, SECTION_INHERIT InheritDisposition, ULONG AllocationType,
                   ULONG Win32Protect)
{
    NT_ENTER(ZwMapViewOfSection);
    return OBP_ZW(NtMapViewOfSection(SectionHandle, ProcessHandle, BaseAddress, ZeroBits,
                                     CommitSize, SectionOffset, ViewSize, InheritDisposition,
                                     AllocationType, Win32Protect));
}

/* BaseAddress: any address in the view. STATUS_NOT_MAPPED_VIEW: there is none. */
NTSTATUS NTAPI
NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress)
{
    NT_ENTER(NtUnmapViewOfSection);
    PEPROCESS process;
    NTSTATUS status;

    status = PspReferenceViewProcess(ProcessHandle, ExGetPreviousMode(), &process);
    if (NT_SUCCESS(status)) {
        status = MiUnmapView(process, BaseAddress);
        ObDereferenceObject(process);
    }
    return status;
}

NTSTATUS NTAPI
ZwUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress)
{
    NT_ENTER(ZwUnmapViewOfSection);
    return OBP_ZW(NtUnmapViewOfSection(ProcessHandle, BaseAddress));
}

/*
 * MmMapViewInSystemSpace - a view from the section's start, at a kernel address
 *
 * Section   the object, as ObReferenceObjectByHandle gives it
 * ViewSize  0: all of it; receives the size, rounded up to pages
 *
 * Errors   STATUS_OBJECT_TYPE_MISMATCH; STATUS_INVALID_VIEW_SIZE; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     <= APC_LEVEL. Writable if the section is.
 * Source   WDK reference, nf-ntddk-mmmapviewinsystemspace
 */
NTSTATUS NTAPI
MmMapViewInSystemSpace(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize)
{
    NT_ENTER(MmMapViewInSystemSpace);
    PSP_SECTION *section = Section;
    LARGE_INTEGER offset = {.QuadPart = 0};
    SIZE_T size = *ViewSize;
    NTSTATUS status;

    if (ObpGetObjectType(Section) != PspSectionType) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    status = PspFitView(section, &offset, &size);
    if (NT_SUCCESS(status)) {
        status = MiMapView(section->Memory, 0, size, section->Protection == PAGE_READWRITE, NULL,
                           MappedBase);
    }
    if (NT_SUCCESS(status)) {
        *ViewSize = size;
    }
    return status;
}

/* Bug check 0xD7: MappedBase lies in no view of the system. */
NTSTATUS NTAPI
MmUnmapViewInSystemSpace(PVOID MappedBase)
{
    NT_ENTER(MmUnmapViewInSystemSpace);
    NTSTATUS status = MiUnmapView(NULL, MappedBase);

    if (status == STATUS_NOT_MAPPED_VIEW) {
        KiBugCheckDetail(PSP_BUGCHECK_UNMAP, (ULONG_PTR)MappedBase, 1, 0, 0,
                         "MmUnmapViewInSystemSpace of %p, where no view is that "
                         "MmMapViewInSystemSpace made: unmapped already?",
                         MappedBase);
    }
    return status;
}

#pragma GCC visibility pop
