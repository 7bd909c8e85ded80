/* SPDX-License-Identifier: MIT
 *
 * kernel32/mapping.c - file mappings of memory, on the kernel's sections
 *
 * Source   SDK reference, nf-winbase-createfilemappinga, nf-memoryapi-mapviewoffileex,
 *          -unmapviewoffile, -flushviewoffile, -openfilemappingw.
 */
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define VIEW_UNMAP 2 /* SECTION_INHERIT */
#define GRANULARITY 0x10000u
#define SEC_KINDS \
    (SEC_COMMIT | SEC_RESERVE | SEC_IMAGE | SEC_NOCACHE | SEC_LARGE_PAGES | 0x40000000u)

/*
 * CreateFileMappingW - memory that can be mapped, by its name in the driver, too
 *
 * File        INVALID_HANDLE_VALUE
 * Protection  PAGE_READONLY or PAGE_READWRITE, PAGE_WRITECOPY, with SEC_COMMIT or nothing
 * Errors      ERROR_INVALID_PARAMETER (no size, unknown flags), ERROR_ALREADY_EXISTS as the last
 *             error of a call that succeeds, ERROR_INVALID_HANDLE (the name is another object's)
 * Differs     a file is ERROR_BAD_EXE_FORMAT; SEC_RESERVE, SEC_IMAGE, SEC_LARGE_PAGES and
 * PAGE_EXECUTE* are ERROR_NOT_SUPPORTED
 */
HANDLE WINAPI
CreateFileMappingW(HANDLE File, LPSECURITY_ATTRIBUTES Security, DWORD Protection, DWORD SizeHigh,
                   DWORD SizeLow, LPCWSTR Name)
{
    DWORD kind = Protection & SEC_KINDS;
    LARGE_INTEGER size;
    BASE_OBJECT object;
    HANDLE handle = NULL;
    NTSTATUS status;

    size.LowPart = SizeLow;
    size.HighPart = (LONG)SizeHigh;
    if (File == NULL) {
        BaseFail(ERROR_INVALID_HANDLE);
        return NULL;
    }
    if (File == INVALID_HANDLE_VALUE && size.QuadPart == 0) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!BaseBeginObject(&object, Security, Name)) {
        return NULL;
    }
    if ((kind & (SEC_COMMIT | SEC_RESERVE | SEC_IMAGE)) == 0) {
        kind |= SEC_COMMIT;
    }
    status = NTDLL_CALL(NtCreateSection)(
        &handle, STANDARD_RIGHTS_REQUIRED | SECTION_QUERY | SECTION_MAP_READ | SECTION_MAP_WRITE,
        &object.Attributes, &size, Protection & ~(DWORD)SEC_KINDS, kind,
        File != INVALID_HANDLE_VALUE ? File : NULL);
    return BaseEndObject(&object, status, handle);
}

HANDLE WINAPI
CreateFileMappingA(HANDLE File, LPSECURITY_ATTRIBUTES Security, DWORD Protection, DWORD SizeHigh,
                   DWORD SizeLow, LPCSTR Name)
{
    HANDLE handle = NULL;
    PWSTR name;

    if (BaseWidenName(Name, &name)) {
        handle = CreateFileMappingW(File, Security, Protection, SizeHigh, SizeLow, name);
    }
    free(name);
    return handle;
}

/* FILE_MAP_* are the section's rights. */
static DWORD
SectionAccess(DWORD Access)
{
    return Access == FILE_MAP_COPY ? SECTION_MAP_READ : Access;
}

HANDLE WINAPI
OpenFileMappingW(DWORD Access, BOOL Inherit, LPCWSTR Name)
{
    return BaseOpenObject(NTDLL_CALL(NtOpenSection), SectionAccess(Access), Inherit, Name);
}

HANDLE WINAPI
OpenFileMappingA(DWORD Access, BOOL Inherit, LPCSTR Name)
{
    return BaseOpenObjectA(NTDLL_CALL(NtOpenSection), SectionAccess(Access), Inherit, Name);
}

/*
 * MapViewOfFileEx - a view of a mapping
 *
 * Offset   a multiple of 64 KiB, else ERROR_MAPPED_ALIGNMENT
 * Size     0: to the end
 * Errors   ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE; ERROR_INVALID_PARAMETER (write to a mapping
 *          that was not made for it); ERROR_MAPPED_ALIGNMENT (Base, too)
 * Differs  Base is ERROR_INVALID_ADDRESS; FILE_MAP_COPY and FILE_MAP_EXECUTE are
 *          ERROR_NOT_SUPPORTED
 */
LPVOID WINAPI
MapViewOfFileEx(HANDLE Mapping, DWORD Access, DWORD OffsetHigh, DWORD OffsetLow, SIZE_T Size,
                LPVOID Base)
{
    BOOLEAN write = (Access & FILE_MAP_WRITE) != 0;
    LARGE_INTEGER offset;
    PVOID view = Base;
    NTSTATUS status;

    if ((OffsetLow & (GRANULARITY - 1)) != 0 || ((ULONG_PTR)Base & (GRANULARITY - 1)) != 0) {
        BaseFail(ERROR_MAPPED_ALIGNMENT);
        return NULL;
    }
    if (Access == FILE_MAP_COPY || (Access & FILE_MAP_EXECUTE) != 0) {
        BaseFail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    offset.LowPart = OffsetLow;
    offset.HighPart = (LONG)OffsetHigh;
    status =
        NTDLL_CALL(NtMapViewOfSection)(Mapping, GetCurrentProcess(), &view, 0, 0, &offset, &Size,
                                       VIEW_UNMAP, 0, write ? PAGE_READWRITE : PAGE_READONLY);
    if (status == STATUS_CONFLICTING_ADDRESSES) {
        BaseFail(ERROR_INVALID_ADDRESS);
        return NULL;
    }
    /* Windows says so of a size that is too great. */
    return BaseResult(status == STATUS_INVALID_VIEW_SIZE ? STATUS_ACCESS_DENIED : status) ? view
                                                                                          : NULL;
}

LPVOID WINAPI
MapViewOfFile(HANDLE Mapping, DWORD Access, DWORD OffsetHigh, DWORD OffsetLow, SIZE_T Size)
{
    return MapViewOfFileEx(Mapping, Access, OffsetHigh, OffsetLow, Size, NULL);
}

/* UnmapViewOfFile - any address in the view; ERROR_INVALID_ADDRESS */
BOOL WINAPI
UnmapViewOfFile(LPCVOID Base)
{
    return BaseResult(NTDLL_CALL(NtUnmapViewOfSection)(GetCurrentProcess(), (PVOID)Base));
}

/* FlushViewOfFile - memory has no file to be written to; ERROR_INVALID_ADDRESS: it is not mapped */
BOOL WINAPI
FlushViewOfFile(LPCVOID Base, SIZE_T Size)
{
    MEMORY_BASIC_INFORMATION information;

    if (VirtualQuery(Base, &information, sizeof(information)) == 0 ||
        information.Type != MEM_MAPPED) {
        return BaseFail(ERROR_INVALID_ADDRESS);
    }
    return TRUE;
}
