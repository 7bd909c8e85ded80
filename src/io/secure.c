/* SPDX-License-Identifier: MIT
 *
 * io/secure.c - IoCreateDeviceSecure, and whether a string is SDDL at all
 *
 * The string is kept with the device (IopQueryDeviceSddl); who may open by it is se's business.
 *
 * Source   WDK reference, wdmsec.h IoCreateDeviceSecure, "SDDL for Device Objects"; Win32
 *          "Security Descriptor String Format", "ACE Strings", "SID Strings".
 */
#include "io/iop.h"
#include <wdmsec.h>
#undef IoValidateDeviceIoControlAccess /* it makes the export the library's */

typedef struct IOP_SDDL {
    const WCHAR *Next;
    const WCHAR *End;
} IOP_SDDL;

static BOOLEAN
IopTake(IOP_SDDL *Text, WCHAR Letter)
{
    if (Text->Next < Text->End && *Text->Next == Letter) {
        ++Text->Next;
        return TRUE;
    }
    return FALSE;
}

/* Two letters that Table, a row of pairs, contains. */
static BOOLEAN
IopTakePair(IOP_SDDL *Text, const char *Table)
{
    if (Text->End - Text->Next < 2) {
        return FALSE;
    }
    for (; *Table != '\0'; Table += 2) {
        if (Text->Next[0] == (WCHAR)Table[0] && Text->Next[1] == (WCHAR)Table[1]) {
            Text->Next += 2;
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN
IopTakeNumber(IOP_SDDL *Text)
{
    BOOLEAN hex = Text->End - Text->Next > 2 && Text->Next[0] == L'0' &&
                  (Text->Next[1] == L'x' || Text->Next[1] == L'X');
    const WCHAR *start = hex ? Text->Next + 2 : Text->Next;
    const WCHAR *p;

    for (p = start; p < Text->End; ++p) {
        BOOLEAN digit = *p >= L'0' && *p <= L'9';
        BOOLEAN letter = (*p >= L'a' && *p <= L'f') || (*p >= L'A' && *p <= L'F');

        if (!digit && !(hex && letter)) {
            break;
        }
    }
    if (p == start) {
        return FALSE;
    }
    Text->Next = p;
    return TRUE;
}

static BOOLEAN
IopTakeSid(IOP_SDDL *Text)
{
    if (Text->End - Text->Next > 4 && Text->Next[0] == L'S' && Text->Next[1] == L'-') {
        ULONG parts = 0;

        ++Text->Next;
        while (IopTake(Text, L'-')) {
            if (!IopTakeNumber(Text)) {
                return FALSE;
            }
            ++parts;
        }
        return parts >= 3; /* revision, authority, one subauthority */
    }
    return IopTakePair(Text, "AAACANAOAPAUBABGBOBUCACDCGCNCOCYDADCDDDGDUEAEDEKERESHAHIHOISIUKALALG"
                             "LSLULWMEMPMSMUNONSNUOWPAPOPSPURARCRDRERMRORSRUSASISOSSSUSYUDWDWR");
}

static BOOLEAN
IopTakeRights(IOP_SDDL *Text)
{
    if (Text->Next < Text->End && *Text->Next >= L'0' && *Text->Next <= L'9') {
        return IopTakeNumber(Text);
    }
    while (IopTakePair(Text, "GAGRGWGXRCSDWDWORPWPCCDCLCSWLODTCRFAFRFWFXKAKRKWKX")) {
    }
    return TRUE;
}

/* (type;flags;rights;;;sid), without object GUIDs */
static BOOLEAN
IopTakeAce(IOP_SDDL *Text, BOOLEAN IsSystem)
{
    BOOLEAN type =
        IsSystem ? IopTakePair(Text, "AUALML") : IopTake(Text, L'A') || IopTake(Text, L'D');

    if (!type || !IopTake(Text, L';')) {
        return FALSE;
    }
    while (IopTakePair(Text, "OICINPIOIDSAFA")) {
    }
    return IopTake(Text, L';') && (IopTakePair(Text, "NWNRNX") || IopTakeRights(Text)) &&
           IopTake(Text, L';') && IopTake(Text, L';') && IopTake(Text, L';') && IopTakeSid(Text) &&
           IopTake(Text, L')');
}

static BOOLEAN
IopTakeAcl(IOP_SDDL *Text, BOOLEAN IsSystem)
{
    while (IopTake(Text, L'P') || IopTakePair(Text, "ARAI")) {
    }
    while (IopTake(Text, L'(')) {
        if (!IopTakeAce(Text, IsSystem)) {
            return FALSE;
        }
    }
    return TRUE;
}

static BOOLEAN
IopIsSddl(PCUNICODE_STRING Sddl)
{
    IOP_SDDL text = {Sddl->Buffer, Sddl->Buffer + Sddl->Length / sizeof(WCHAR)};
    BOOLEAN any = FALSE;

    if (IopTakePair(&text, "O:") && !IopTakeSid(&text)) {
        return FALSE;
    }
    if (IopTakePair(&text, "G:") && !IopTakeSid(&text)) {
        return FALSE;
    }
    if (IopTakePair(&text, "D:")) {
        any = TRUE;
        if (!IopTakeAcl(&text, FALSE)) {
            return FALSE;
        }
    }
    if (IopTakePair(&text, "S:") && !IopTakeAcl(&text, TRUE)) {
        return FALSE;
    }
    return any && text.Next == text.End;
}

#pragma GCC visibility push(default)

/* Lengths in bytes, without the terminating zero. */
#define IOP_SDDL_STRING(text)                                     \
    {                                                             \
        sizeof(text) - sizeof(WCHAR), sizeof(text), (PWSTR)(text) \
    }

const UNICODE_STRING SDDL_DEVOBJ_KERNEL_ONLY = IOP_SDDL_STRING(L"D:P");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL = IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_ALL = IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RX = IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGX;;;BA)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)");
const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX =
    IOP_SDDL_STRING(L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGWGX;;;WD)(A;;GRGWGX;;;RC)");

/*
 * IoCreateDeviceSecure - IoCreateDevice with a security descriptor in SDDL
 *
 * DeviceName         required, unless FILE_AUTOGENERATED_DEVICE_NAME
 * DefaultSDDLString  required
 * DeviceClassGuid    ignored: there is no registry override of a class here
 *
 * Returns  as IoCreateDevice; STATUS_INVALID_PARAMETER: no name, or no (valid) SDDL
 * IRQL     PASSIVE_LEVEL
 * Differs  the descriptor is stored, not yet enforced (docs/DIFFERENCES.md)
 * Source   WDK reference, nf-wdmsec-wdmlibiocreatedevicesecure
 */
NTSTATUS
WdmlibIoCreateDeviceSecure(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                           PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                           ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                           PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid,
                           PDEVICE_OBJECT *DeviceObject)
{
    NT_ENTER(WdmlibIoCreateDeviceSecure);
    PWSTR copy;
    NTSTATUS status;

    (void)DeviceClassGuid;
    if (DefaultSDDLString == NULL || !IopIsSddl(DefaultSDDLString) ||
        ((DeviceName == NULL || DeviceName->Length == 0) &&
         !(DeviceCharacteristics & FILE_AUTOGENERATED_DEVICE_NAME))) {
        return STATUS_INVALID_PARAMETER;
    }
    copy = ExAllocatePoolWithTag(NonPagedPoolNx, DefaultSDDLString->Length + sizeof(WCHAR),
                                 IOP_TAG_NAME);
    if (copy == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memcpy(copy, DefaultSDDLString->Buffer, DefaultSDDLString->Length);
    copy[DefaultSDDLString->Length / sizeof(WCHAR)] = L'\0';
    status = IoCreateDevice(DriverObject, DeviceExtensionSize, DeviceName, DeviceType,
                            DeviceCharacteristics, Exclusive, DeviceObject);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(copy, IOP_TAG_NAME);
        return status;
    }
    RtlInitUnicodeString(&IopDeviceExtension(*DeviceObject)->Sddl, copy);
    return STATUS_SUCCESS;
}

/* The static library's form of the export, which it is. IRQL any. */
NTSTATUS
WdmlibIoValidateDeviceIoControlAccess(PIRP Irp, ULONG RequiredAccess)
{
    return IoValidateDeviceIoControlAccess(Irp, RequiredAccess);
}

#pragma GCC visibility pop
