/* SPDX-License-Identifier: MIT
 *
 * se/sddl.c - security descriptors from text
 *
 * All of the language but object and conditional ACEs, and the accounts and groups of a domain, for
 * which there is no SID here: a string with one of these is refused like one that makes no sense.
 *
 * Source   WDK, "SDDL for Device Objects"; SDK, "Security Descriptor String Format", "ACE Strings",
 *          "SID Strings".
 */
#include "se/sep.h"

#define SEP_LARGEST_ACL 0xFFFCu
#define SEP_ACE_ROOM 80u /* of an ACE with the longest SID */
#define SEP_SID_BYTES 68u

typedef struct SEP_SDDL {
    const WCHAR *Next;
    const WCHAR *End;
} SEP_SDDL;

typedef union SEP_ANY_SID {
    SID Sid;
    ULONG Room[SEP_SID_BYTES / sizeof(ULONG)];
} SEP_ANY_SID;

static BOOLEAN
SepTake(SEP_SDDL *Text, WCHAR Letter)
{
    if (Text->Next < Text->End && *Text->Next == Letter) {
        ++Text->Next;
        return TRUE;
    }
    return FALSE;
}

static BOOLEAN
SepTakePair(SEP_SDDL *Text, const char *Pair)
{
    if (Text->End - Text->Next >= 2 && Text->Next[0] == (WCHAR)Pair[0] &&
        Text->Next[1] == (WCHAR)Pair[1]) {
        Text->Next += 2;
        return TRUE;
    }
    return FALSE;
}

/* A row of a table of two-letter words. */
typedef struct SEP_WORD {
    char Letters[3];
    ULONG Value;
} SEP_WORD;

static BOOLEAN
SepTakeWord(SEP_SDDL *Text, const SEP_WORD *Words, ULONG Count, ULONG *Value)
{
    for (ULONG i = 0; i < Count; ++i) {
        if (SepTakePair(Text, Words[i].Letters)) {
            *Value = Words[i].Value;
            return TRUE;
        }
    }
    return FALSE;
}

#define SEP_TAKE_WORD(text, words, value) \
    SepTakeWord((text), (words), sizeof(words) / sizeof((words)[0]), (value))

/* Decimal, or hexadecimal after 0x; at most Limit. */
static BOOLEAN
SepTakeNumber(SEP_SDDL *Text, ULONG64 Limit, ULONG64 *Number)
{
    const WCHAR *p = Text->Next;
    ULONG base = 10;
    ULONG64 number = 0;
    const WCHAR *start;

    if (Text->End - p > 2 && p[0] == L'0' && (p[1] == L'x' || p[1] == L'X')) {
        base = 16;
        p += 2;
    }
    for (start = p; p < Text->End; ++p) {
        ULONG digit;

        if (*p >= L'0' && *p <= L'9') {
            digit = *p - L'0';
        } else if (base == 16 && (*p | 0x20) >= L'a' && (*p | 0x20) <= L'f') {
            digit = (*p | 0x20) - L'a' + 10;
        } else {
            break;
        }
        number = number * base + digit;
        if (number > Limit) {
            return FALSE;
        }
    }
    if (p == start) {
        return FALSE;
    }
    Text->Next = p;
    *Number = number;
    return TRUE;
}

/* ---- SIDs ---- */

#define SEP_AUTHORITY(number) ((number) << 16)
#define SEP_BUILTIN_ALIAS SEP_AUTHORITY(32u) /* S-1-5-32-, not an authority of its own */

/* Authority in the upper half, the only sub-authority in the lower; or an alias of \BUILTIN. */
static const SEP_WORD SepSids[] = {
    {"SY", SEP_AUTHORITY(5u) | 18},      {"LS", SEP_AUTHORITY(5u) | 19},
    {"NS", SEP_AUTHORITY(5u) | 20},      {"AU", SEP_AUTHORITY(5u) | 11},
    {"AN", SEP_AUTHORITY(5u) | 7},       {"IU", SEP_AUTHORITY(5u) | 4},
    {"NU", SEP_AUTHORITY(5u) | 2},       {"SU", SEP_AUTHORITY(5u) | 6},
    {"RC", SEP_AUTHORITY(5u) | 12},      {"WR", SEP_AUTHORITY(5u) | 33},
    {"PS", SEP_AUTHORITY(5u) | 10},      {"ED", SEP_AUTHORITY(5u) | 9},
    {"WD", SEP_AUTHORITY(1u) | 0},       {"CO", SEP_AUTHORITY(3u) | 0},
    {"CG", SEP_AUTHORITY(3u) | 1},       {"OW", SEP_AUTHORITY(3u) | 4},
    {"LW", SEP_AUTHORITY(16u) | 0x1000}, {"ME", SEP_AUTHORITY(16u) | 0x2000},
    {"MP", SEP_AUTHORITY(16u) | 0x2100}, {"HI", SEP_AUTHORITY(16u) | 0x3000},
    {"SI", SEP_AUTHORITY(16u) | 0x4000}, {"BA", SEP_BUILTIN_ALIAS | 544},
    {"BU", SEP_BUILTIN_ALIAS | 545},     {"BG", SEP_BUILTIN_ALIAS | 546},
    {"PU", SEP_BUILTIN_ALIAS | 547},     {"AO", SEP_BUILTIN_ALIAS | 548},
    {"SO", SEP_BUILTIN_ALIAS | 549},     {"PO", SEP_BUILTIN_ALIAS | 550},
    {"BO", SEP_BUILTIN_ALIAS | 551},     {"RE", SEP_BUILTIN_ALIAS | 552},
    {"RU", SEP_BUILTIN_ALIAS | 554},     {"RD", SEP_BUILTIN_ALIAS | 555},
    {"NO", SEP_BUILTIN_ALIAS | 556},     {"MU", SEP_BUILTIN_ALIAS | 558},
    {"LU", SEP_BUILTIN_ALIAS | 559},     {"IS", SEP_BUILTIN_ALIAS | 568},
    {"CY", SEP_BUILTIN_ALIAS | 569},     {"ER", SEP_BUILTIN_ALIAS | 573},
};

static VOID
SepStartSid(SEP_ANY_SID *Sid, ULONG64 Authority, UCHAR Count)
{
    SID_IDENTIFIER_AUTHORITY authority;

    for (ULONG i = 0; i < 6; ++i) {
        authority.Value[i] = (UCHAR)(Authority >> (8 * (5 - i)));
    }
    RtlInitializeSid(&Sid->Sid, &authority, Count);
}

/* S-1-authority-subauthority... */
static BOOLEAN
SepTakeLongSid(SEP_SDDL *Text, SEP_ANY_SID *Sid)
{
    ULONG64 number;

    SepTake(Text, L'S');
    if (!SepTake(Text, L'-') || !SepTakeNumber(Text, MAXULONG, &number) || number != SID_REVISION ||
        !SepTake(Text, L'-') || !SepTakeNumber(Text, 0xFFFFFFFFFFFFull, &number)) {
        return FALSE;
    }
    SepStartSid(Sid, number, 0);
    while (SepTake(Text, L'-')) {
        if (Sid->Sid.SubAuthorityCount == SID_MAX_SUB_AUTHORITIES ||
            !SepTakeNumber(Text, MAXULONG, &number)) {
            return FALSE;
        }
        *RtlSubAuthoritySid(&Sid->Sid, Sid->Sid.SubAuthorityCount++) = (ULONG)number;
    }
    return Sid->Sid.SubAuthorityCount != 0;
}

static BOOLEAN
SepTakeSid(SEP_SDDL *Text, SEP_ANY_SID *Sid)
{
    ULONG value;

    if (Text->End - Text->Next > 2 && Text->Next[0] == L'S' && Text->Next[1] == L'-') {
        return SepTakeLongSid(Text, Sid);
    }
    if (SepTakePair(Text, "UD")) { /* user-mode drivers: S-1-5-84-0-0-0-0-0 */
        SepStartSid(Sid, 5, 6);
        memset(RtlSubAuthoritySid(&Sid->Sid, 0), 0, 6 * sizeof(ULONG));
        *RtlSubAuthoritySid(&Sid->Sid, 0) = 84;
        return TRUE;
    }
    if (!SEP_TAKE_WORD(Text, SepSids, &value)) {
        return FALSE;
    }
    if (value >> 16 == 32) {
        SepStartSid(Sid, 5, 2);
        *RtlSubAuthoritySid(&Sid->Sid, 0) = 32;
        *RtlSubAuthoritySid(&Sid->Sid, 1) = value & 0xFFFF;
    } else {
        SepStartSid(Sid, value >> 16, 1);
        *RtlSubAuthoritySid(&Sid->Sid, 0) = value & 0xFFFF;
    }
    return TRUE;
}

/* ---- ACEs ---- */

static const SEP_WORD SepRights[] = {
    {"GA", GENERIC_ALL},
    {"GR", GENERIC_READ},
    {"GW", GENERIC_WRITE},
    {"GX", GENERIC_EXECUTE},
    {"RC", READ_CONTROL},
    {"SD", DELETE},
    {"WD", WRITE_DAC},
    {"WO", WRITE_OWNER},
    {"CC", 0x01},
    {"DC", 0x02},
    {"LC", 0x04},
    {"SW", 0x08},
    {"RP", 0x10},
    {"WP", 0x20},
    {"DT", 0x40},
    {"LO", 0x80},
    {"CR", 0x100},
    {"FA", FILE_ALL_ACCESS},
    {"FR", FILE_GENERIC_READ},
    {"FW", FILE_GENERIC_WRITE},
    {"FX", FILE_GENERIC_EXECUTE},
    {"KA", KEY_ALL_ACCESS},
    {"KR", KEY_READ},
    {"KW", KEY_WRITE},
    {"KX", KEY_EXECUTE},
};

static const SEP_WORD SepLabelRights[] = {
    {"NW", SYSTEM_MANDATORY_LABEL_NO_WRITE_UP},
    {"NR", SYSTEM_MANDATORY_LABEL_NO_READ_UP},
    {"NX", SYSTEM_MANDATORY_LABEL_NO_EXECUTE_UP},
};

static const SEP_WORD SepAceFlags[] = {
    {"OI", OBJECT_INHERIT_ACE},
    {"CI", CONTAINER_INHERIT_ACE},
    {"NP", NO_PROPAGATE_INHERIT_ACE},
    {"IO", INHERIT_ONLY_ACE},
    {"ID", INHERITED_ACE},
    {"SA", SUCCESSFUL_ACCESS_ACE_FLAG},
    {"FA", FAILED_ACCESS_ACE_FLAG},
};

static BOOLEAN
SepTakeRights(SEP_SDDL *Text, BOOLEAN IsLabel, ACCESS_MASK *Mask)
{
    ULONG64 number;
    ULONG value;

    *Mask = 0;
    if (Text->Next < Text->End && *Text->Next >= L'0' && *Text->Next <= L'9') {
        if (!SepTakeNumber(Text, MAXULONG, &number)) {
            return FALSE;
        }
        *Mask = (ACCESS_MASK)number;
        return TRUE;
    }
    while (IsLabel ? SEP_TAKE_WORD(Text, SepLabelRights, &value)
                   : SEP_TAKE_WORD(Text, SepRights, &value)) {
        *Mask |= value;
    }
    return TRUE;
}

static BOOLEAN
SepTakeAceType(SEP_SDDL *Text, BOOLEAN IsSystem, UCHAR *Type)
{
    if (IsSystem) {
        *Type = SepTakePair(Text, "ML") ? SYSTEM_MANDATORY_LABEL_ACE_TYPE : SYSTEM_AUDIT_ACE_TYPE;
        return *Type == SYSTEM_MANDATORY_LABEL_ACE_TYPE || SepTakePair(Text, "AU");
    }
    *Type = SepTake(Text, L'A') ? ACCESS_ALLOWED_ACE_TYPE : ACCESS_DENIED_ACE_TYPE;
    return *Type == ACCESS_ALLOWED_ACE_TYPE || SepTake(Text, L'D');
}

/* (type;flags;rights;;;sid), without object GUIDs, to the end of Acl. */
static BOOLEAN
SepTakeAce(SEP_SDDL *Text, BOOLEAN IsSystem, PACL Acl, ULONG *Used)
{
    PACCESS_ALLOWED_ACE ace = (PACCESS_ALLOWED_ACE)((PUCHAR)Acl + *Used);
    const ULONG fixed = FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart);
    ULONG flags = 0;
    ACCESS_MASK mask;
    SEP_ANY_SID sid;
    ULONG value;
    UCHAR type;

    if (!SepTakeAceType(Text, IsSystem, &type) || !SepTake(Text, L';')) {
        return FALSE;
    }
    while (SEP_TAKE_WORD(Text, SepAceFlags, &value)) {
        flags |= value;
    }
    if (!SepTake(Text, L';') ||
        !SepTakeRights(Text, type == SYSTEM_MANDATORY_LABEL_ACE_TYPE, &mask) ||
        !SepTake(Text, L';') || !SepTake(Text, L';') || !SepTake(Text, L';') ||
        !SepTakeSid(Text, &sid) || !SepTake(Text, L')')) {
        return FALSE;
    }
    if (*Used + fixed + RtlLengthSid(&sid) > Acl->AclSize) {
        return FALSE;
    }
    ace->Header.AceType = type;
    ace->Header.AceFlags = (UCHAR)flags;
    ace->Header.AceSize = (USHORT)(fixed + RtlLengthSid(&sid));
    ace->Mask = mask;
    memcpy(&ace->SidStart, &sid, RtlLengthSid(&sid));
    *Used += ace->Header.AceSize;
    Acl->AceCount++;
    return TRUE;
}

/* Flags, then ACEs; *Acl is pool memory. */
static NTSTATUS
SepTakeAcl(SEP_SDDL *Text, BOOLEAN IsSystem, PACL *Acl, SECURITY_DESCRIPTOR_CONTROL *Control)
{
    ULONG room = sizeof(ACL);
    ULONG used = sizeof(ACL);
    ULONG bits = IsSystem ? SE_SACL_PRESENT : SE_DACL_PRESENT;

    for (;;) {
        if (SepTake(Text, L'P')) {
            bits |= IsSystem ? SE_SACL_PROTECTED : SE_DACL_PROTECTED;
        } else if (SepTakePair(Text, "AR")) {
            bits |= IsSystem ? SE_SACL_AUTO_INHERIT_REQ : SE_DACL_AUTO_INHERIT_REQ;
        } else if (SepTakePair(Text, "AI")) {
            bits |= IsSystem ? SE_SACL_AUTO_INHERITED : SE_DACL_AUTO_INHERITED;
        } else {
            break;
        }
    }
    *Control |= (SECURITY_DESCRIPTOR_CONTROL)bits;
    for (const WCHAR *p = Text->Next; p < Text->End; ++p) {
        room += *p == L'(' ? SEP_ACE_ROOM : 0;
    }
    room = min(room, SEP_LARGEST_ACL);
    *Acl = ExpAllocatePool(PagedPool, room, SEP_TAG_DESCRIPTOR, NT_CALLER());
    if (*Acl == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCreateAcl(*Acl, room, ACL_REVISION);
    while (SepTake(Text, L'(')) {
        if (!SepTakeAce(Text, IsSystem, *Acl, &used)) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    (*Acl)->AclSize = (USHORT)used;
    return STATUS_SUCCESS;
}

NTSTATUS
SepParseSddl(PCUNICODE_STRING Sddl, PSECURITY_DESCRIPTOR *Descriptor)
{
    SEP_SDDL text = {Sddl->Buffer, Sddl->Buffer + Sddl->Length / sizeof(WCHAR)};
    SECURITY_DESCRIPTOR_CONTROL control = 0;
    NTSTATUS status = STATUS_SUCCESS;
    SEP_PARTS parts = {0};
    SEP_ANY_SID owner;
    SEP_ANY_SID group;

    if (SepTakePair(&text, "O:")) {
        parts.Owner = &owner;
        status = SepTakeSid(&text, &owner) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status) && SepTakePair(&text, "G:")) {
        parts.Group = &group;
        status = SepTakeSid(&text, &group) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status)) {
        status = SepTakePair(&text, "D:") ? SepTakeAcl(&text, FALSE, &parts.Dacl, &control)
                                          : STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status) && SepTakePair(&text, "S:")) {
        status = SepTakeAcl(&text, TRUE, &parts.Sacl, &control);
    }
    if (NT_SUCCESS(status) && text.Next != text.End) {
        status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status)) {
        *Descriptor = SepMakeRelative(&parts, control);
        status = *Descriptor != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (parts.Dacl != NULL) {
        ExFreePoolWithTag(parts.Dacl, SEP_TAG_DESCRIPTOR);
    }
    if (parts.Sacl != NULL) {
        ExFreePoolWithTag(parts.Sacl, SEP_TAG_DESCRIPTOR);
    }
    return status;
}
