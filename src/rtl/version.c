/* SPDX-License-Identifier: MIT
 *
 * rtl/version.c - which Windows this is: 10.0.19045, a workstation
 *
 * Source  WDK reference, wdm.h RtlGetVersion, RtlVerifyVersionInfo; SDK VerSetConditionMask
 */
#include "rtl/rtl.h"

#define RTLP_MAJOR 10
#define RTLP_MINOR 0
#define RTLP_BUILD 19045

/* The field of each bit of TypeMask, and its place in the condition mask. */
#define RTLP_CONDITION_BITS 3

static ULONG
RtlpCondition(ULONGLONG ConditionMask, ULONG Type)
{
    ULONG place = (ULONG)__builtin_ctz(Type);
    return (ULONG)(ConditionMask >> (place * RTLP_CONDITION_BITS)) & 7;
}

/* <0, 0, >0: ours against the caller's. */
static BOOLEAN
RtlpCompareOk(LONG Order, ULONG Condition)
{
    switch (Condition) {
    case VER_EQUAL:
        return Order == 0;
    case VER_GREATER:
        return Order > 0;
    case VER_GREATER_EQUAL:
        return Order >= 0;
    case VER_LESS:
        return Order < 0;
    case VER_LESS_EQUAL:
        return Order <= 0;
    default:
        return FALSE;
    }
}

static LONG
RtlpOrder(ULONG Ours, ULONG Theirs)
{
    return Ours < Theirs ? -1 : Ours > Theirs;
}

/* Major, minor and service pack are one number: a lower one counts only if the higher are equal. */
static NTSTATUS
RtlpVerifyRelease(const RTL_OSVERSIONINFOEXW *Info, ULONG TypeMask, ULONGLONG ConditionMask)
{
    const struct {
        ULONG Type;
        ULONG Ours;
        ULONG Theirs;
    } fields[] = {
        {VER_MAJORVERSION, RTLP_MAJOR, Info->dwMajorVersion},
        {VER_MINORVERSION, RTLP_MINOR, Info->dwMinorVersion},
        {VER_SERVICEPACKMAJOR, 0, Info->wServicePackMajor},
        {VER_SERVICEPACKMINOR, 0, Info->wServicePackMinor},
    };
    ULONG condition = VER_EQUAL;
    LONG order = 0;

    NT_FOR_EACH (field, fields) {
        if ((TypeMask & field->Type) == 0) {
            continue;
        }
        if (order == 0) {
            condition = RtlpCondition(ConditionMask, field->Type);
            order = RtlpOrder(field->Ours, field->Theirs);
        }
    }
    return RtlpCompareOk(order, condition) ? STATUS_SUCCESS : STATUS_REVISION_MISMATCH;
}

static BOOLEAN
RtlpVerifySuite(USHORT Theirs, ULONG Condition, USHORT Ours)
{
    if (Condition == VER_AND) {
        return (Ours & Theirs) == Theirs;
    }
    return Condition == VER_OR && (Theirs == 0 || (Ours & Theirs) != 0);
}

#pragma GCC visibility push(default)

/* FALSE: a free build. Each pointer may be NULL. Obsolete. Source: WDK, nf-wdm-psgetversion */
BOOLEAN NTAPI
PsGetVersion(PULONG MajorVersion, PULONG MinorVersion, PULONG BuildNumber,
             PUNICODE_STRING CSDVersion)
{
    NT_ENTER(PsGetVersion);
    if (MajorVersion != NULL) {
        *MajorVersion = RTLP_MAJOR;
    }
    if (MinorVersion != NULL) {
        *MinorVersion = RTLP_MINOR;
    }
    if (BuildNumber != NULL) {
        *BuildNumber = RTLP_BUILD;
    }
    if (CSDVersion != NULL) {
        memset(CSDVersion, 0, sizeof(*CSDVersion));
    }
    return FALSE;
}

/*
 * RtlGetVersion - which Windows this is
 *
 * The caller's dwOSVersionInfoSize stays as it is; that of RTL_OSVERSIONINFOEXW asks for the larger
 * structure, any other value for RTL_OSVERSIONINFOW.
 *
 * Returns  STATUS_SUCCESS
 * Source   WDK reference, nf-wdm-rtlgetversion
 */
NTSTATUS NTAPI
RtlGetVersion(PRTL_OSVERSIONINFOW lpVersionInformation)
{
    NT_ENTER(RtlGetVersion);
    ULONG size = lpVersionInformation->dwOSVersionInfoSize;

    memset(lpVersionInformation, 0,
           size == sizeof(RTL_OSVERSIONINFOEXW) ? sizeof(RTL_OSVERSIONINFOEXW)
                                                : sizeof(RTL_OSVERSIONINFOW));
    lpVersionInformation->dwOSVersionInfoSize = size;
    lpVersionInformation->dwMajorVersion = RTLP_MAJOR;
    lpVersionInformation->dwMinorVersion = RTLP_MINOR;
    lpVersionInformation->dwBuildNumber = RTLP_BUILD;
    lpVersionInformation->dwPlatformId = VER_PLATFORM_WIN32_NT;
    if (size == sizeof(RTL_OSVERSIONINFOEXW)) {
        PRTL_OSVERSIONINFOEXW extended = (PRTL_OSVERSIONINFOEXW)lpVersionInformation;
        extended->wSuiteMask = VER_SUITE_SINGLEUSERTS;
        extended->wProductType = VER_NT_WORKSTATION;
    }
    return STATUS_SUCCESS;
}

ULONGLONG NTAPI
VerSetConditionMask(ULONGLONG ConditionMask, ULONG TypeMask, UCHAR Condition)
{
    ULONG place;

    if (TypeMask == 0 || (Condition & 7) == 0) {
        return ConditionMask;
    }
    place = 31 - (ULONG)__builtin_clz(TypeMask);
    return ConditionMask | (ULONGLONG)(Condition & 7) << (place * RTLP_CONDITION_BITS);
}

/*
 * RtlVerifyVersionInfo - is this system what the caller wants?
 *
 * Returns  STATUS_SUCCESS, STATUS_REVISION_MISMATCH, STATUS_INVALID_PARAMETER (no type or no
 *          condition named)
 * IRQL     PASSIVE_LEVEL
 */
NTSTATUS NTAPI
RtlVerifyVersionInfo(PRTL_OSVERSIONINFOEXW VersionInfo, ULONG TypeMask, ULONGLONG ConditionMask)
{
    NT_ENTER(RtlVerifyVersionInfo);
    const ULONG release =
        VER_MAJORVERSION | VER_MINORVERSION | VER_SERVICEPACKMAJOR | VER_SERVICEPACKMINOR;
    const struct {
        ULONG Type;
        ULONG Ours;
        ULONG Theirs;
    } single[] = {
        {VER_BUILDNUMBER, RTLP_BUILD, VersionInfo->dwBuildNumber},
        {VER_PLATFORMID, VER_PLATFORM_WIN32_NT, VersionInfo->dwPlatformId},
        {VER_PRODUCT_TYPE, VER_NT_WORKSTATION, VersionInfo->wProductType},
    };

    if (TypeMask == 0 || ConditionMask == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((TypeMask & VER_SUITENAME) != 0 &&
        !RtlpVerifySuite(VersionInfo->wSuiteMask, RtlpCondition(ConditionMask, VER_SUITENAME),
                         VER_SUITE_SINGLEUSERTS)) {
        return STATUS_REVISION_MISMATCH;
    }
    NT_FOR_EACH (field, single) {
        if ((TypeMask & field->Type) != 0 &&
            !RtlpCompareOk(RtlpOrder(field->Ours, field->Theirs),
                           RtlpCondition(ConditionMask, field->Type))) {
            return STATUS_REVISION_MISMATCH;
        }
    }
    return (TypeMask & release) != 0 ? RtlpVerifyRelease(VersionInfo, TypeMask, ConditionMask)
                                     : STATUS_SUCCESS;
}

#pragma GCC visibility pop

#undef RtlIsNtDdiVersionAvailable
#undef RtlIsServicePackVersionInstalled

#pragma GCC visibility push(default)

BOOLEAN NTAPI RtlIsNtDdiVersionAvailable(ULONG Version);
BOOLEAN NTAPI RtlIsServicePackVersionInstalled(ULONG Version);
BOOLEAN NTAPI WdmlibRtlIsNtDdiVersionAvailable(ULONG Version);
BOOLEAN NTAPI WdmlibRtlIsServicePackVersionInstalled(ULONG Version);

/* Version: an NTDDI_ constant without service pack, e.g. 0x0A000000. */
BOOLEAN NTAPI
RtlIsNtDdiVersionAvailable(ULONG Version)
{
    NT_ENTER(RtlIsNtDdiVersionAvailable);
    /* NTDDI_WIN10_VB: the last one that build 19041 and its successors answer to */
    return (Version & 0xFF00) == 0 && Version <= 0x0A000008;
}

/* FALSE for any other Windows, older or newer, and for service packs, which Windows 10 has not. */
BOOLEAN NTAPI
RtlIsServicePackVersionInstalled(ULONG Version)
{
    NT_ENTER(RtlIsServicePackVersionInstalled);
    return (Version & 0xFFFF0000) == 0x0A000000 && RtlIsNtDdiVersionAvailable(Version);
}

BOOLEAN NTAPI
WdmlibRtlIsNtDdiVersionAvailable(ULONG Version)
{
    NT_ENTER(WdmlibRtlIsNtDdiVersionAvailable);
    return RtlIsNtDdiVersionAvailable(Version);
}

BOOLEAN NTAPI
WdmlibRtlIsServicePackVersionInstalled(ULONG Version)
{
    NT_ENTER(WdmlibRtlIsServicePackVersionInstalled);
    return RtlIsServicePackVersionInstalled(Version);
}

#pragma GCC visibility pop
