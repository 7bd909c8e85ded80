/* SPDX-License-Identifier: MIT
 *
 * kernel32/version.c - which Windows this is: the one that src/rtl/version.c tells drivers
 *
 * Source   SDK reference, nf-sysinfoapi-getversionexa, nf-winbase-verifyversioninfoa,
 *          nf-winnt-versetconditionmask; WDK reference, nf-wdm-rtlgetversion.
 */
#include <string.h>

#include "kernel32/kernel32.h"

#define MAJOR 10u
#define MINOR 0u
#define BUILD 19045u
#define CONDITION_BITS 3
#define RELEASE (VER_MAJORVERSION | VER_MINORVERSION | VER_SERVICEPACKMAJOR | VER_SERVICEPACKMINOR)

NTSTATUS NTAPI RtlGetVersion(PRTL_OSVERSIONINFOW Information);

/* The numbers are at the same places in all four structures. */
static VOID
FillVersion(LPOSVERSIONINFOA Information)
{
    DWORD size = Information->dwOSVersionInfoSize;

    memset(Information, 0, size);
    Information->dwOSVersionInfoSize = size;
    Information->dwMajorVersion = MAJOR;
    Information->dwMinorVersion = MINOR;
    Information->dwBuildNumber = BUILD;
    Information->dwPlatformId = VER_PLATFORM_WIN32_NT;
    if (size == sizeof(OSVERSIONINFOEXW)) {
        ((LPOSVERSIONINFOEXW)Information)->wSuiteMask = VER_SUITE_SINGLEUSERTS;
        ((LPOSVERSIONINFOEXW)Information)->wProductType = VER_NT_WORKSTATION;
    } else if (size == sizeof(OSVERSIONINFOEXA)) {
        ((LPOSVERSIONINFOEXA)Information)->wSuiteMask = VER_SUITE_SINGLEUSERTS;
        ((LPOSVERSIONINFOEXA)Information)->wProductType = VER_NT_WORKSTATION;
    }
}

/* STATUS_INVALID_PARAMETER: the size is of neither structure */
NTSTATUS NTAPI
RtlGetVersion(PRTL_OSVERSIONINFOW Information)
{
    if (Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOW) &&
        Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOEXW)) {
        return STATUS_INVALID_PARAMETER;
    }
    FillVersion((LPOSVERSIONINFOA)Information);
    return STATUS_SUCCESS;
}

/* GetVersionExW - the true version, manifest or not; ERROR_INSUFFICIENT_BUFFER: another size */
BOOL WINAPI
GetVersionExW(LPOSVERSIONINFOW Information)
{
    return NT_SUCCESS(RtlGetVersion(Information)) ? TRUE : BaseFail(ERROR_INSUFFICIENT_BUFFER);
}

BOOL WINAPI
GetVersionExA(LPOSVERSIONINFOA Information)
{
    if (Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOA) &&
        Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOEXA)) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    FillVersion(Information);
    return TRUE;
}

DWORD WINAPI
GetVersion(VOID)
{
    return MAJOR | MINOR << 8 | BUILD << 16;
}

ULONGLONG WINAPI
VerSetConditionMask(ULONGLONG Mask, ULONG Type, UCHAR Condition)
{
    ULONG place;

    if (Type == 0 || (Condition & 7) == 0) {
        return Mask;
    }
    place = 31 - (ULONG)__builtin_clz(Type);
    return Mask | (ULONGLONG)(Condition & 7) << (place * CONDITION_BITS);
}

static DWORD
ConditionOf(ULONGLONG Mask, DWORD Type)
{
    return (DWORD)(Mask >> ((ULONG)__builtin_ctz(Type) * CONDITION_BITS)) & 7;
}

static BOOLEAN
Compare(DWORD Ours, DWORD Theirs, DWORD Condition)
{
    switch (Condition) {
    case VER_EQUAL:
        return Ours == Theirs;
    case VER_GREATER:
        return Ours > Theirs;
    case VER_GREATER_EQUAL:
        return Ours >= Theirs;
    case VER_LESS:
        return Ours < Theirs;
    case VER_LESS_EQUAL:
        return Ours <= Theirs;
    default:
        return FALSE;
    }
}

/* One number: the first of its parts that differ decides, else the last that was asked for. */
static BOOLEAN
VerifyRelease(const OSVERSIONINFOEXW *Wanted, DWORD Types, ULONGLONG Mask)
{
    const struct {
        DWORD Type;
        DWORD Ours;
        DWORD Theirs;
    } parts[] = {{VER_MAJORVERSION, MAJOR, Wanted->dwMajorVersion},
                 {VER_MINORVERSION, MINOR, Wanted->dwMinorVersion},
                 {VER_SERVICEPACKMAJOR, 0, Wanted->wServicePackMajor},
                 {VER_SERVICEPACKMINOR, 0, Wanted->wServicePackMinor}};
    BOOLEAN fits = TRUE;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if ((Types & parts[i].Type) != 0) {
            fits = Compare(parts[i].Ours, parts[i].Theirs, ConditionOf(Mask, parts[i].Type));
            if (parts[i].Ours != parts[i].Theirs) {
                break;
            }
        }
    }
    return fits;
}

static BOOLEAN
VerifySuite(DWORD Theirs, DWORD Condition)
{
    if (Condition == VER_AND) {
        return (VER_SUITE_SINGLEUSERTS & Theirs) == Theirs;
    }
    return Condition == VER_OR && (Theirs == 0 || (VER_SUITE_SINGLEUSERTS & Theirs) != 0);
}

/* VerifyVersionInfoW - ERROR_OLD_WIN_VERSION: no; ERROR_BAD_ARGUMENTS: no type or condition */
BOOL WINAPI
VerifyVersionInfoW(LPOSVERSIONINFOEXW Wanted, DWORD Types, DWORDLONG Mask)
{
    BOOLEAN fits = VerifyRelease(Wanted, Types, Mask);

    if (Types == 0 || Mask == 0) {
        return BaseFail(ERROR_BAD_ARGUMENTS);
    }
    if ((Types & VER_BUILDNUMBER) != 0) {
        fits = fits && Compare(BUILD, Wanted->dwBuildNumber, ConditionOf(Mask, VER_BUILDNUMBER));
    }
    if ((Types & VER_PLATFORMID) != 0) {
        fits = fits && Compare(VER_PLATFORM_WIN32_NT, Wanted->dwPlatformId,
                               ConditionOf(Mask, VER_PLATFORMID));
    }
    if ((Types & VER_PRODUCT_TYPE) != 0) {
        fits = fits && Compare(VER_NT_WORKSTATION, Wanted->wProductType,
                               ConditionOf(Mask, VER_PRODUCT_TYPE));
    }
    if ((Types & VER_SUITENAME) != 0) {
        fits = fits && VerifySuite(Wanted->wSuiteMask, ConditionOf(Mask, VER_SUITENAME));
    }
    return fits ? TRUE : BaseFail(ERROR_OLD_WIN_VERSION);
}

BOOL WINAPI
VerifyVersionInfoA(LPOSVERSIONINFOEXA Wanted, DWORD Types, DWORDLONG Mask)
{
    OSVERSIONINFOEXW wide;

    memset(&wide, 0, sizeof(wide));
    wide.dwMajorVersion = Wanted->dwMajorVersion;
    wide.dwMinorVersion = Wanted->dwMinorVersion;
    wide.dwBuildNumber = Wanted->dwBuildNumber;
    wide.dwPlatformId = Wanted->dwPlatformId;
    wide.wServicePackMajor = Wanted->wServicePackMajor;
    wide.wServicePackMinor = Wanted->wServicePackMinor;
    wide.wSuiteMask = Wanted->wSuiteMask;
    wide.wProductType = Wanted->wProductType;
    return VerifyVersionInfoW(&wide, Types, Mask);
}

/* GetLogicalDrives - Z: alone */
DWORD WINAPI
GetLogicalDrives(VOID)
{
    return 1u << ('Z' - 'A');
}
