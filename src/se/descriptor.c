/* SPDX-License-Identifier: MIT
 *
 * se/descriptor.c - SIDs, ACLs and security descriptors as data
 *
 * Absolute descriptors can be built and read, self-relative ones read and measured. Nothing here
 * decides about access.
 *
 * Source   WDK reference, ntifs.h RtlCreateAcl, RtlAddAccessAllowedAce, RtlInitializeSid, wdm.h
 *          RtlCreateSecurityDescriptor, RtlSetDaclSecurityDescriptor, RtlLengthSecurityDescriptor.
 */
#include "se/sep.h"

#define SEP_SID(sid) ((PISID)(sid))

static PVOID
SepPartAt(PISECURITY_DESCRIPTOR_RELATIVE Descriptor, ULONG Offset)
{
    return Offset != 0 ? (PUCHAR)Descriptor + Offset : NULL;
}

VOID
SepGetParts(PSECURITY_DESCRIPTOR SecurityDescriptor, SEP_PARTS *Parts)
{
    PISECURITY_DESCRIPTOR absolute = SecurityDescriptor;
    PISECURITY_DESCRIPTOR_RELATIVE relative = SecurityDescriptor;

    if ((absolute->Control & SE_SELF_RELATIVE) != 0) {
        Parts->Owner = SepPartAt(relative, relative->Owner);
        Parts->Group = SepPartAt(relative, relative->Group);
        Parts->Sacl = SepPartAt(relative, relative->Sacl);
        Parts->Dacl = SepPartAt(relative, relative->Dacl);
    } else {
        Parts->Owner = absolute->Owner;
        Parts->Group = absolute->Group;
        Parts->Sacl = absolute->Sacl;
        Parts->Dacl = absolute->Dacl;
    }
    Parts->Sacl = (absolute->Control & SE_SACL_PRESENT) != 0 ? Parts->Sacl : NULL;
    Parts->Dacl = (absolute->Control & SE_DACL_PRESENT) != 0 ? Parts->Dacl : NULL;
}

BOOLEAN
SepIsValidAcl(PACL Acl)
{
    PUCHAR ace = (PUCHAR)(Acl + 1);
    PUCHAR end = (PUCHAR)Acl + Acl->AclSize;

    if (Acl->AclRevision < ACL_REVISION || Acl->AclRevision > ACL_REVISION_DS ||
        Acl->AclSize < sizeof(ACL)) {
        return FALSE;
    }
    for (USHORT i = 0; i < Acl->AceCount; i++) {
        PACE_HEADER header = (PACE_HEADER)ace;

        if ((SIZE_T)(end - ace) < sizeof(*header) || header->AceSize < sizeof(*header) ||
            (SIZE_T)(end - ace) < header->AceSize) {
            return FALSE;
        }
        ace += header->AceSize;
    }
    return TRUE;
}

PUCHAR
SepFirstFreeAce(PACL Acl)
{
    PUCHAR ace = (PUCHAR)(Acl + 1);

    if (!SepIsValidAcl(Acl)) {
        return NULL;
    }
    for (USHORT i = 0; i < Acl->AceCount; i++) {
        ace += ((PACE_HEADER)ace)->AceSize;
    }
    return ace;
}

/* May parts be set? */
NTSTATUS
SepCheckAbsolute(PISECURITY_DESCRIPTOR Descriptor)
{
    if (Descriptor->Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    return (Descriptor->Control & SE_SELF_RELATIVE) != 0 ? STATUS_INVALID_SECURITY_DESCR
                                                         : STATUS_SUCCESS;
}

VOID
SepSetControl(PISECURITY_DESCRIPTOR Descriptor, SECURITY_DESCRIPTOR_CONTROL Bit, BOOLEAN Value)
{
    Descriptor->Control = (SECURITY_DESCRIPTOR_CONTROL)(Value ? Descriptor->Control | Bit
                                                              : Descriptor->Control & ~Bit);
}

#pragma GCC visibility push(default)

/* ---- SIDs ---- */

BOOLEAN NTAPI
RtlValidSid(PSID Sid)
{
    NT_ENTER(RtlValidSid);
    return Sid != NULL && SEP_SID(Sid)->Revision == SID_REVISION &&
           SEP_SID(Sid)->SubAuthorityCount <= SID_MAX_SUB_AUTHORITIES;
}

ULONG NTAPI
RtlLengthRequiredSid(ULONG SubAuthorityCount)
{
    NT_ENTER(RtlLengthRequiredSid);
    return (ULONG)(FIELD_OFFSET(SID, SubAuthority) + SubAuthorityCount * sizeof(ULONG));
}

ULONG NTAPI
RtlLengthSid(PSID Sid)
{
    NT_ENTER(RtlLengthSid);
    return RtlLengthRequiredSid(SEP_SID(Sid)->SubAuthorityCount);
}

BOOLEAN NTAPI
RtlEqualSid(PSID Sid1, PSID Sid2)
{
    return SEP_SID(Sid1)->SubAuthorityCount == SEP_SID(Sid2)->SubAuthorityCount &&
           memcmp(Sid1, Sid2, RtlLengthSid(Sid1)) == 0;
}

NTSTATUS NTAPI
RtlCopySid(ULONG Length, PSID Destination, PSID Source)
{
    NT_ENTER(RtlCopySid);
    if (Length < RtlLengthSid(Source)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memmove(Destination, Source, RtlLengthSid(Source));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlInitializeSid(PSID Sid, PSID_IDENTIFIER_AUTHORITY IdentifierAuthority, UCHAR SubAuthorityCount)
{
    NT_ENTER(RtlInitializeSid);
    if (SubAuthorityCount > SID_MAX_SUB_AUTHORITIES) {
        return STATUS_INVALID_PARAMETER;
    }
    SEP_SID(Sid)->Revision = SID_REVISION;
    SEP_SID(Sid)->SubAuthorityCount = SubAuthorityCount;
    SEP_SID(Sid)->IdentifierAuthority = *IdentifierAuthority;
    return STATUS_SUCCESS;
}

PULONG NTAPI
RtlSubAuthoritySid(PSID Sid, ULONG SubAuthority)
{
    NT_ENTER(RtlSubAuthoritySid);
    return (PULONG)&SEP_SID(Sid)->SubAuthority[0] + SubAuthority;
}

PUCHAR NTAPI
RtlSubAuthorityCountSid(PSID Sid)
{
    return &SEP_SID(Sid)->SubAuthorityCount;
}

/* ---- ACLs ---- */

NTSTATUS NTAPI
RtlCreateAcl(PACL Acl, ULONG AclLength, ULONG AclRevision)
{
    NT_ENTER(RtlCreateAcl);
    if (AclLength < sizeof(ACL)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (AclRevision < ACL_REVISION || AclRevision > ACL_REVISION_DS || AclLength > MAXUSHORT) {
        return STATUS_INVALID_PARAMETER;
    }
    memset(Acl, 0, sizeof(*Acl));
    Acl->AclRevision = (UCHAR)AclRevision;
    Acl->AclSize = (USHORT)(AclLength & ~3u);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlAddAccessAllowedAceEx(PACL Acl, ULONG AceRevision, ULONG AceFlags, ACCESS_MASK AccessMask,
                         PSID Sid)
{
    NT_ENTER(RtlAddAccessAllowedAceEx);
    PACCESS_ALLOWED_ACE ace;
    ULONG size;

    if (!RtlValidSid(Sid)) {
        return STATUS_INVALID_SID;
    }
    ace = (PACCESS_ALLOWED_ACE)SepFirstFreeAce(Acl);
    if (ace == NULL) {
        return STATUS_INVALID_ACL;
    }
    if (AceRevision < ACL_REVISION || AceRevision > ACL_REVISION_DS) {
        return STATUS_REVISION_MISMATCH;
    }
    if ((AceFlags & ~(ULONG)VALID_INHERIT_FLAGS) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    size = (ULONG)FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart) + RtlLengthSid(Sid);
    if (size > (SIZE_T)((PUCHAR)Acl + Acl->AclSize - (PUCHAR)ace)) {
        return STATUS_ALLOTTED_SPACE_EXCEEDED;
    }
    ace->Header.AceType = ACCESS_ALLOWED_ACE_TYPE;
    ace->Header.AceFlags = (UCHAR)AceFlags;
    ace->Header.AceSize = (USHORT)size;
    ace->Mask = AccessMask;
    memcpy(&ace->SidStart, Sid, RtlLengthSid(Sid));
    Acl->AceCount++;
    Acl->AclRevision = (UCHAR)max((ULONG)Acl->AclRevision, AceRevision);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlAddAccessAllowedAce(PACL Acl, ULONG AceRevision, ACCESS_MASK AccessMask, PSID Sid)
{
    NT_ENTER(RtlAddAccessAllowedAce);
    return RtlAddAccessAllowedAceEx(Acl, AceRevision, 0, AccessMask, Sid);
}

NTSTATUS NTAPI
RtlGetAce(PACL Acl, ULONG AceIndex, PVOID *Ace)
{
    NT_ENTER(RtlGetAce);
    PUCHAR ace = (PUCHAR)(Acl + 1);

    if (!SepIsValidAcl(Acl) || AceIndex >= Acl->AceCount) {
        return STATUS_INVALID_PARAMETER;
    }
    while (AceIndex-- > 0) {
        ace += ((PACE_HEADER)ace)->AceSize;
    }
    *Ace = ace;
    return STATUS_SUCCESS;
}

/* ---- descriptors ---- */

NTSTATUS NTAPI
RtlCreateSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Revision)
{
    NT_ENTER(RtlCreateSecurityDescriptor);
    if (Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    memset(SecurityDescriptor, 0, sizeof(SECURITY_DESCRIPTOR));
    ((PISECURITY_DESCRIPTOR)SecurityDescriptor)->Revision = SECURITY_DESCRIPTOR_REVISION;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlSetDaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN DaclPresent,
                             PACL Dacl, BOOLEAN DaclDefaulted)
{
    NT_ENTER(RtlSetDaclSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    NTSTATUS status = SepCheckAbsolute(descriptor);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    SepSetControl(descriptor, SE_DACL_PRESENT, DaclPresent);
    SepSetControl(descriptor, SE_DACL_DEFAULTED, DaclPresent && DaclDefaulted);
    descriptor->Dacl = DaclPresent ? Dacl : NULL;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlSetOwnerSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID Owner,
                              BOOLEAN OwnerDefaulted)
{
    NT_ENTER(RtlSetOwnerSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    NTSTATUS status = SepCheckAbsolute(descriptor);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    descriptor->Owner = Owner;
    SepSetControl(descriptor, SE_OWNER_DEFAULTED, OwnerDefaulted);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlSetGroupSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID Group,
                              BOOLEAN GroupDefaulted)
{
    NT_ENTER(RtlSetGroupSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    NTSTATUS status = SepCheckAbsolute(descriptor);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    descriptor->Group = Group;
    SepSetControl(descriptor, SE_GROUP_DEFAULTED, GroupDefaulted);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlGetDaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PBOOLEAN DaclPresent,
                             PACL *Dacl, PBOOLEAN DaclDefaulted)
{
    NT_ENTER(RtlGetDaclSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    SEP_PARTS parts;

    if (descriptor->Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    SepGetParts(SecurityDescriptor, &parts);
    *DaclPresent = (descriptor->Control & SE_DACL_PRESENT) != 0;
    if (*DaclPresent) {
        *Dacl = parts.Dacl;
        *DaclDefaulted = (descriptor->Control & SE_DACL_DEFAULTED) != 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlGetOwnerSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID *Owner,
                              PBOOLEAN OwnerDefaulted)
{
    NT_ENTER(RtlGetOwnerSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    SEP_PARTS parts;

    if (descriptor->Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    SepGetParts(SecurityDescriptor, &parts);
    *Owner = parts.Owner;
    *OwnerDefaulted = (descriptor->Control & SE_OWNER_DEFAULTED) != 0;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlSetSaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN SaclPresent,
                             PACL Sacl, BOOLEAN SaclDefaulted)
{
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    NTSTATUS status = SepCheckAbsolute(descriptor);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    SepSetControl(descriptor, SE_SACL_PRESENT, SaclPresent);
    SepSetControl(descriptor, SE_SACL_DEFAULTED, SaclPresent && SaclDefaulted);
    descriptor->Sacl = SaclPresent ? Sacl : NULL;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlGetSaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PBOOLEAN SaclPresent,
                             PACL *Sacl, PBOOLEAN SaclDefaulted)
{
    NT_ENTER(RtlGetSaclSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    SEP_PARTS parts;

    if (descriptor->Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    SepGetParts(SecurityDescriptor, &parts);
    *SaclPresent = (descriptor->Control & SE_SACL_PRESENT) != 0;
    if (*SaclPresent) {
        *Sacl = parts.Sacl;
        *SaclDefaulted = (descriptor->Control & SE_SACL_DEFAULTED) != 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlGetGroupSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID *Group,
                              PBOOLEAN GroupDefaulted)
{
    NT_ENTER(RtlGetGroupSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    SEP_PARTS parts;

    if (descriptor->Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    SepGetParts(SecurityDescriptor, &parts);
    *Group = parts.Group;
    *GroupDefaulted = (descriptor->Control & SE_GROUP_DEFAULTED) != 0;
    return STATUS_SUCCESS;
}

BOOLEAN NTAPI
RtlValidSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    NT_ENTER(RtlValidSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    SEP_PARTS parts;

    if (descriptor == NULL || descriptor->Revision != SECURITY_DESCRIPTOR_REVISION) {
        return FALSE;
    }
    SepGetParts(SecurityDescriptor, &parts);
    return (parts.Owner == NULL || RtlValidSid(parts.Owner)) &&
           (parts.Group == NULL || RtlValidSid(parts.Group)) &&
           (parts.Dacl == NULL || SepIsValidAcl(parts.Dacl)) &&
           (parts.Sacl == NULL || SepIsValidAcl(parts.Sacl));
}

/* Bytes of the descriptor and all its parts, each rounded up to 4. */
ULONG NTAPI
RtlLengthSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    NT_ENTER(RtlLengthSecurityDescriptor);
    PISECURITY_DESCRIPTOR descriptor = SecurityDescriptor;
    BOOLEAN isRelative = (descriptor->Control & SE_SELF_RELATIVE) != 0;
    SEP_PARTS parts;
    SIZE_T length = isRelative ? sizeof(SECURITY_DESCRIPTOR_RELATIVE) : sizeof(SECURITY_DESCRIPTOR);

    SepGetParts(SecurityDescriptor, &parts);
    length += parts.Owner != NULL ? SEP_ALIGN(RtlLengthSid(parts.Owner)) : 0;
    length += parts.Group != NULL ? SEP_ALIGN(RtlLengthSid(parts.Group)) : 0;
    length += parts.Dacl != NULL ? SEP_ALIGN(parts.Dacl->AclSize) : 0;
    length += parts.Sacl != NULL ? SEP_ALIGN(parts.Sacl->AclSize) : 0;
    return (ULONG)length;
}

BOOLEAN NTAPI
SeValidSecurityDescriptor(ULONG Length, PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    NT_ENTER(SeValidSecurityDescriptor);
    return Length >= sizeof(SECURITY_DESCRIPTOR_RELATIVE) &&
           RtlValidSecurityDescriptor(SecurityDescriptor) &&
           RtlLengthSecurityDescriptor(SecurityDescriptor) <= Length;
}

VOID NTAPI
RtlMapGenericMask(PACCESS_MASK AccessMask, PGENERIC_MAPPING GenericMapping)
{
    NT_ENTER(RtlMapGenericMask);
    *AccessMask = SepMapGeneric(*AccessMask, GenericMapping);
}

#pragma GCC visibility pop
