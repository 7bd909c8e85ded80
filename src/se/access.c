/* SPDX-License-Identifier: MIT
 *
 * se/access.c - access checks
 *
 * One pass over the DACL decides every right: the first ACE that names a right and applies to the
 * subject grants or denies it. What is asked for is granted if all of it is.
 *
 * Source   WDK reference, wdm.h SeAccessCheck, ntifs.h SeAccessCheckFromState, SePrivilegeCheck,
 *          ntddk.h SeSinglePrivilegeCheck; SDK, "How AccessCheck Works", "ACE", "Mandatory
 * Integrity Control", "Well-known SIDs" (OWNER RIGHTS).
 */
#include "se/sep.h"

#define SEP_OWNER_RIGHTS (READ_CONTROL | WRITE_DAC)
#define SEP_GENERIC (GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL)
#define SEP_OBJECT_TYPE_PRESENT 1u /* ACE_OBJECT_TYPE_PRESENT */
#define SEP_INHERITED_PRESENT 2u   /* ACE_INHERITED_OBJECT_TYPE_PRESENT */

/* What a check is asked, and by whom. */
typedef struct SEP_CHECK {
    const SEP_SUBJECT *Subject;
    const GENERIC_MAPPING *Mapping;
    SEP_PARTS Parts;
    ACCESS_MASK Desired;  /* without MAXIMUM_ALLOWED, mapped */
    ACCESS_MASK Previous; /* granted already */
    BOOLEAN Maximum;      /* MAXIMUM_ALLOWED was asked for, too */
    ULONG64 UsedPrivileges;
} SEP_CHECK;

ACCESS_MASK
SepMapGeneric(ACCESS_MASK Access, const GENERIC_MAPPING *Mapping)
{
    ACCESS_MASK mapped = Access & ~(ACCESS_MASK)SEP_GENERIC;

    mapped |= (Access & GENERIC_READ) != 0 ? Mapping->GenericRead : 0;
    mapped |= (Access & GENERIC_WRITE) != 0 ? Mapping->GenericWrite : 0;
    mapped |= (Access & GENERIC_EXECUTE) != 0 ? Mapping->GenericExecute : 0;
    mapped |= (Access & GENERIC_ALL) != 0 ? Mapping->GenericAll : 0;
    return mapped;
}

/* ---- SIDs of a subject ---- */

static BOOLEAN
SepListHasSid(const SID_AND_ATTRIBUTES *Sids, ULONG Count, PSID Sid, BOOLEAN ForDeny)
{
    for (ULONG i = 0; i < Count; ++i) {
        ULONG attributes = Sids[i].Attributes;

        if ((attributes & SEP_GROUP_INTEGRITY) != 0 || !RtlEqualSid(Sids[i].Sid, Sid)) {
            continue;
        }
        if ((attributes & SEP_GROUP_DENY_ONLY) != 0) {
            if (ForDeny) {
                return TRUE;
            }
        } else if (i == 0 || (attributes & SEP_GROUP_ENABLED) != 0) {
            return TRUE;
        }
    }
    return FALSE;
}

BOOLEAN
SepHasSid(const SEP_SUBJECT *Subject, PSID Sid, BOOLEAN ForDeny)
{
    return SepListHasSid(Subject->Sids, Subject->SidCount, Sid, ForDeny);
}

/* By the token's own list, or by that of its restricting SIDs. */
static BOOLEAN
SepMatches(const SEP_SUBJECT *Subject, BOOLEAN Restricting, PSID Sid, BOOLEAN ForDeny)
{
    return Restricting ? SepListHasSid(Subject->Restricted, Subject->RestrictedCount, Sid, ForDeny)
                       : SepListHasSid(Subject->Sids, Subject->SidCount, Sid, ForDeny);
}

static BOOLEAN
SepIsOwner(const SEP_CHECK *Check, BOOLEAN Restricting)
{
    return Check->Parts.Owner != NULL &&
           SepMatches(Check->Subject, Restricting, Check->Parts.Owner, FALSE);
}

/* ---- one ACE ---- */

typedef enum SEP_ACE_EFFECT { SepAceNothing, SepAceAllows, SepAceDenies } SEP_ACE_EFFECT;

/*
 * What the ACE does to whom. The check has no object type list, so an ACE for one object type
 * denies all of the object, and grants nothing. A condition is never known to hold: such an ACE
 * denies, and grants nothing.
 */
static SEP_ACE_EFFECT
SepReadAce(PACE_HEADER Ace, PSID *Sid)
{
    PACCESS_ALLOWED_ACE ace = (PACCESS_ALLOWED_ACE)Ace;
    ULONG offset = FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart);
    BOOLEAN isObject = FALSE;
    SEP_ACE_EFFECT effect;
    ULONG flags = 0;

    switch (Ace->AceType) {
    case ACCESS_ALLOWED_ACE_TYPE:
        effect = SepAceAllows;
        break;
    case ACCESS_DENIED_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_ACE_TYPE:
        effect = SepAceDenies;
        break;
    case ACCESS_ALLOWED_OBJECT_ACE_TYPE:
        effect = SepAceAllows;
        isObject = TRUE;
        break;
    case ACCESS_DENIED_OBJECT_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE:
        effect = SepAceDenies;
        isObject = TRUE;
        break;
    default:
        return SepAceNothing;
    }
    if (isObject) {
        flags = ace->SidStart;
        offset += sizeof(ULONG) + ((flags & SEP_OBJECT_TYPE_PRESENT) != 0 ? sizeof(GUID) : 0) +
                  ((flags & SEP_INHERITED_PRESENT) != 0 ? sizeof(GUID) : 0);
        if (effect == SepAceAllows && (flags & SEP_OBJECT_TYPE_PRESENT) != 0) {
            return SepAceNothing;
        }
    }
    *Sid = (PUCHAR)Ace + offset;
    /* A SID that does not fit into its ACE names nobody. */
    if (offset + RtlLengthRequiredSid(0) > Ace->AceSize ||
        offset + RtlLengthSid(*Sid) > Ace->AceSize) {
        return SepAceNothing;
    }
    return effect;
}

/* What the DACL grants by one list of SIDs. IsOwner: OWNER RIGHTS apply. */
static ACCESS_MASK
SepWalkDacl(const SEP_CHECK *Check, BOOLEAN Restricting, BOOLEAN IsOwner)
{
    PACL dacl = Check->Parts.Dacl;
    PUCHAR next = (PUCHAR)(dacl + 1);
    ACCESS_MASK granted = 0;
    ACCESS_MASK denied = 0;

    for (ULONG i = 0; i < dacl->AceCount; ++i) {
        PACE_HEADER header = (PACE_HEADER)next;
        SEP_ACE_EFFECT effect = SepAceNothing;
        ACCESS_MASK mask;
        PSID sid;

        next += header->AceSize;
        if ((header->AceFlags & INHERIT_ONLY_ACE) == 0) {
            effect = SepReadAce(header, &sid);
        }
        if (effect == SepAceNothing ||
            !(SepMatches(Check->Subject, Restricting, sid, effect == SepAceDenies) ||
              (IsOwner && RtlEqualSid(sid, SeExports->SeOwnerRightsSid)))) {
            continue;
        }
        mask = SepMapGeneric(((PACCESS_ALLOWED_ACE)header)->Mask, Check->Mapping);
        if (effect == SepAceAllows) {
            granted |= mask & ~denied;
        } else {
            denied |= mask & ~granted;
        }
    }
    return granted;
}

/* An ACE for OWNER RIGHTS takes the place of what an owner has anyway. */
static BOOLEAN
SepHasOwnerAce(PACL Dacl)
{
    PUCHAR next = (PUCHAR)(Dacl + 1);
    PSID sid;

    for (ULONG i = 0; i < Dacl->AceCount; ++i) {
        PACE_HEADER header = (PACE_HEADER)next;

        next += header->AceSize;
        if ((header->AceFlags & INHERIT_ONLY_ACE) == 0 &&
            SepReadAce(header, &sid) != SepAceNothing &&
            RtlEqualSid(sid, SeExports->SeOwnerRightsSid)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* All that DACL and ownership grant, by one list of SIDs. */
static ACCESS_MASK
SepGrantByList(const SEP_CHECK *Check, BOOLEAN Restricting)
{
    BOOLEAN isOwner = SepIsOwner(Check, Restricting);
    ACCESS_MASK granted;

    if (Check->Parts.Dacl == NULL) {
        return Check->Mapping->GenericAll | Check->Desired;
    }
    granted = SepWalkDacl(Check, Restricting, isOwner);
    if (isOwner && !SepHasOwnerAce(Check->Parts.Dacl)) {
        granted |= SEP_OWNER_RIGHTS;
    }
    return granted;
}

/* ---- integrity ---- */

/* The object's label: without one, medium, no write up. */
static PSYSTEM_MANDATORY_LABEL_ACE
SepFindLabel(PACL Sacl)
{
    PUCHAR next = (PUCHAR)(Sacl + 1);

    for (ULONG i = 0; Sacl != NULL && i < Sacl->AceCount; ++i) {
        PACE_HEADER header = (PACE_HEADER)next;

        next += header->AceSize;
        if (header->AceType == SYSTEM_MANDATORY_LABEL_ACE_TYPE &&
            (header->AceFlags & INHERIT_ONLY_ACE) == 0 &&
            header->AceSize >=
                FIELD_OFFSET(SYSTEM_MANDATORY_LABEL_ACE, SidStart) + RtlLengthRequiredSid(1)) {
            return (PSYSTEM_MANDATORY_LABEL_ACE)header;
        }
    }
    return NULL;
}

/* The rights that the subject's integrity leaves. */
static ACCESS_MASK
SepMandatoryAccess(const SEP_CHECK *Check)
{
    PSYSTEM_MANDATORY_LABEL_ACE label = SepFindLabel(Check->Parts.Sacl);
    ULONG level = SEP_MEDIUM_INTEGRITY;
    ULONG policy = SYSTEM_MANDATORY_LABEL_NO_WRITE_UP;
    ACCESS_MASK allowed = 0;

    if (label != NULL) {
        level = *RtlSubAuthoritySid(&label->SidStart, 0);
        policy = label->Mask;
    }
    if (Check->Subject->Integrity >= level) {
        return ~(ACCESS_MASK)0;
    }
    if ((policy & SYSTEM_MANDATORY_LABEL_VALID_MASK) == 0) {
        return ~(ACCESS_MASK)0;
    }
    allowed |= (policy & SYSTEM_MANDATORY_LABEL_NO_READ_UP) == 0 ? GENERIC_READ : 0;
    allowed |= (policy & SYSTEM_MANDATORY_LABEL_NO_WRITE_UP) == 0 ? GENERIC_WRITE : 0;
    allowed |= (policy & SYSTEM_MANDATORY_LABEL_NO_EXECUTE_UP) == 0 ? GENERIC_EXECUTE : 0;
    allowed = SepMapGeneric(allowed, Check->Mapping);
    if (SepHoldsPrivilege(Check->Subject, SEP_RELABEL_PRIVILEGE)) {
        allowed |= WRITE_OWNER;
    }
    return allowed | ACCESS_SYSTEM_SECURITY; /* a matter of a privilege */
}

/* ---- the check ---- */

/* Rights that come with privileges. */
static NTSTATUS
SepGrantByPrivilege(SEP_CHECK *Check)
{
    if ((Check->Desired & ACCESS_SYSTEM_SECURITY) != 0) {
        if (!SepHoldsPrivilege(Check->Subject, SEP_SECURITY_PRIVILEGE)) {
            return STATUS_PRIVILEGE_NOT_HELD;
        }
        Check->Previous |= ACCESS_SYSTEM_SECURITY;
        Check->UsedPrivileges |= SEP_PRIVILEGE_BIT(SEP_SECURITY_PRIVILEGE);
    }
    if ((Check->Desired & WRITE_OWNER) != 0 &&
        SepHoldsPrivilege(Check->Subject, SEP_TAKE_OWNERSHIP_PRIVILEGE)) {
        Check->Previous |= WRITE_OWNER;
        Check->UsedPrivileges |= SEP_PRIVILEGE_BIT(SEP_TAKE_OWNERSHIP_PRIVILEGE);
    }
    Check->Desired &= ~Check->Previous;
    return STATUS_SUCCESS;
}

/* *Granted: all that was asked for, what was granted before, and the maximum if that was asked. */
static NTSTATUS
SepDecide(SEP_CHECK *Check, ACCESS_MASK *Granted)
{
    ACCESS_MASK mandatory = SepMandatoryAccess(Check);
    ACCESS_MASK granted;
    NTSTATUS status;

    if ((Check->Desired & ~mandatory) != 0) {
        return STATUS_ACCESS_DENIED;
    }
    status = SepGrantByPrivilege(Check);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    granted = 0;
    if (Check->Desired != 0 || Check->Maximum) {
        granted = SepGrantByList(Check, FALSE);
        if (Check->Subject->Restricted != NULL) {
            granted &= SepGrantByList(Check, TRUE);
        }
        granted &= mandatory;
    }
    if ((Check->Desired & ~granted) != 0) {
        return STATUS_ACCESS_DENIED;
    }
    granted = Check->Previous | (Check->Maximum ? granted : Check->Desired);
    if (granted == 0) {
        return STATUS_ACCESS_DENIED;
    }
    *Granted = granted;
    return STATUS_SUCCESS;
}

/* The privileges used, as a set for the caller; NULL: none was. */
static NTSTATUS
SepReportPrivileges(ULONG64 Used, PPRIVILEGE_SET *Privileges)
{
    ULONG count = (ULONG)__builtin_popcountll(Used);
    PPRIVILEGE_SET set;

    if (count == 0) {
        return STATUS_SUCCESS;
    }
    set = ExpAllocatePool(
        PagedPool, FIELD_OFFSET(PRIVILEGE_SET, Privilege) + count * sizeof(LUID_AND_ATTRIBUTES),
        SEP_TAG_PRIVILEGES, NT_CALLER());
    if (set == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    set->PrivilegeCount = 0;
    set->Control = PRIVILEGE_SET_ALL_NECESSARY;
    for (ULONG luid = SEP_FIRST_PRIVILEGE; luid <= SEP_LAST_PRIVILEGE; ++luid) {
        if ((Used & SEP_PRIVILEGE_BIT(luid)) != 0) {
            LUID_AND_ATTRIBUTES *entry = &set->Privilege[set->PrivilegeCount++];

            entry->Luid.LowPart = luid;
            entry->Luid.HighPart = 0;
            entry->Attributes = SEP_PRIVILEGE_USED;
        }
    }
    *Privileges = set;
    return STATUS_SUCCESS;
}

/* Everything that SeAccessCheck does once it knows the subject. */
static NTSTATUS
SepCheck(PSECURITY_DESCRIPTOR Descriptor, const SEP_SUBJECT *Subject, ACCESS_MASK Desired,
         ACCESS_MASK Previous, PPRIVILEGE_SET *Privileges, const GENERIC_MAPPING *Mapping,
         ACCESS_MASK *Granted)
{
    SEP_CHECK check = {.Subject = Subject, .Mapping = Mapping, .Previous = Previous};
    ACCESS_MASK granted;
    NTSTATUS status;

    check.Maximum = (Desired & MAXIMUM_ALLOWED) != 0;
    check.Desired = SepMapGeneric(Desired & ~(ACCESS_MASK)MAXIMUM_ALLOWED, Mapping) & ~Previous;
    SepGetParts(Descriptor, &check.Parts);
    status = SepDecide(&check, &granted);
    if (NT_SUCCESS(status) && Privileges != NULL) {
        status = SepReportPrivileges(check.UsedPrivileges, Privileges);
    }
    if (NT_SUCCESS(status)) {
        *Granted = granted;
    }
    return status;
}

/* What the kernel itself is granted. */
static ACCESS_MASK
SepGrantKernel(ACCESS_MASK Desired, const GENERIC_MAPPING *Mapping)
{
    if ((Desired & MAXIMUM_ALLOWED) != 0) {
        Desired = (Desired & ~(ACCESS_MASK)MAXIMUM_ALLOWED) | Mapping->GenericAll;
    }
    return SepMapGeneric(Desired, Mapping);
}

NTSTATUS
SepCheckAccess(PSECURITY_DESCRIPTOR Descriptor, const GENERIC_MAPPING *Mapping,
               ACCESS_MASK DesiredAccess, KPROCESSOR_MODE Mode, ACCESS_MASK *GrantedAccess)
{
    ACCESS_MASK access = SepMapGeneric(DesiredAccess, Mapping);
    BOOLEAN open = Descriptor == NULL && (access & ACCESS_SYSTEM_SECURITY) == 0;
    SECURITY_DESCRIPTOR nothing;
    SEP_TOKEN *token;
    NTSTATUS status;

    if (Mode == KernelMode || open || access == 0) {
        *GrantedAccess = SepGrantKernel(access, Mapping);
        return STATUS_SUCCESS;
    }
    if (Descriptor == NULL) {
        /* All is granted but what takes a privilege. */
        RtlCreateSecurityDescriptor(&nothing, SECURITY_DESCRIPTOR_REVISION);
        Descriptor = &nothing;
    }
    token = SepReferenceCurrentToken();
    status = SepCheck(Descriptor, &token->Subject, access, 0, NULL, Mapping, GrantedAccess);
    ObDereferenceObject(token);
    return status;
}

BOOLEAN
SepMayTraverse(KPROCESSOR_MODE Mode)
{
    return SeSinglePrivilegeCheck(SeExports->SeChangeNotifyPrivilege, Mode);
}

static BOOLEAN
SepHasPrivileges(const SEP_SUBJECT *Subject, PPRIVILEGE_SET Required)
{
    ULONG held = 0;

    for (ULONG i = 0; i < Required->PrivilegeCount; ++i) {
        LUID_AND_ATTRIBUTES *entry = &Required->Privilege[i];

        if (entry->Luid.HighPart == 0 && entry->Luid.LowPart <= SEP_LAST_PRIVILEGE &&
            SepHoldsPrivilege(Subject, entry->Luid.LowPart)) {
            entry->Attributes |= SEP_PRIVILEGE_USED;
            ++held;
        }
    }
    return (Required->Control & PRIVILEGE_SET_ALL_NECESSARY) != 0 ? held == Required->PrivilegeCount
                                                                  : held != 0;
}

/* The subject of a token's description, its privileges and its label found. */
static VOID
SepReadAccessInformation(const TOKEN_ACCESS_INFORMATION *Information, SEP_SUBJECT *Subject)
{
    memset(Subject, 0, sizeof(*Subject));
    Subject->Sids = Information->SidHash->SidAttr;
    Subject->SidCount = Information->SidHash->SidCount;
    if (Information->RestrictedSidHash != NULL && Information->RestrictedSidHash->SidCount != 0) {
        Subject->Restricted = Information->RestrictedSidHash->SidAttr;
        Subject->RestrictedCount = Information->RestrictedSidHash->SidCount;
    }
    for (ULONG i = 0; i < Information->Privileges->PrivilegeCount; ++i) {
        const LUID_AND_ATTRIBUTES *entry = &Information->Privileges->Privileges[i];

        if (entry->Luid.HighPart == 0 && entry->Luid.LowPart <= SEP_LAST_PRIVILEGE &&
            (entry->Attributes & SEP_PRIVILEGE_ENABLED) != 0) {
            Subject->Enabled |= SEP_PRIVILEGE_BIT(entry->Luid.LowPart);
        }
    }
    for (ULONG i = 1; i < Subject->SidCount; ++i) {
        if ((Subject->Sids[i].Attributes & SEP_GROUP_INTEGRITY) != 0) {
            Subject->Integrity = *RtlSubAuthoritySid(Subject->Sids[i].Sid, 0);
        }
    }
}

#pragma GCC visibility push(default)

/*
 * SeSinglePrivilegeCheck - does the calling thread hold a privilege, enabled?
 *
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntddk-sesingleprivilegecheck
 */
BOOLEAN NTAPI
SeSinglePrivilegeCheck(LUID PrivilegeValue, KPROCESSOR_MODE PreviousMode)
{
    NT_ENTER(SeSinglePrivilegeCheck);
    PRIVILEGE_SET set = {.PrivilegeCount = 1, .Control = PRIVILEGE_SET_ALL_NECESSARY};
    SECURITY_SUBJECT_CONTEXT context;
    BOOLEAN held;

    if (PreviousMode == KernelMode) {
        return TRUE;
    }
    set.Privilege[0].Luid = PrivilegeValue;
    SeCaptureSubjectContext(&context);
    held = SepHasPrivileges(&SepEffectiveToken(&context)->Subject, &set);
    SeReleaseSubjectContext(&context);
    return held;
}

/* Those held are marked with SE_PRIVILEGE_USED_FOR_ACCESS. Source: nf-ntifs-seprivilegecheck. */
BOOLEAN NTAPI
SePrivilegeCheck(PPRIVILEGE_SET RequiredPrivileges,
                 PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext, KPROCESSOR_MODE AccessMode)
{
    NT_ENTER(SePrivilegeCheck);
    if (AccessMode == KernelMode) {
        return TRUE;
    }
    if (SubjectSecurityContext->ClientToken != NULL &&
        SubjectSecurityContext->ImpersonationLevel < SecurityImpersonation) {
        return FALSE;
    }
    return SepHasPrivileges(&SepEffectiveToken(SubjectSecurityContext)->Subject,
                            RequiredPrivileges);
}

/*
 * SeAccessCheck - may a subject have access to what a descriptor protects?
 *
 * SecurityDescriptor  valid; NULL: no access in user mode
 * DesiredAccess       with MAXIMUM_ALLOWED, all that the descriptor grants, but at least the rest
 * Privileges          optional; receives those used (SeFreePrivileges), or NULL
 * GrantedAccess       what is granted, with PreviouslyGrantedAccess; 0 if it is not
 * AccessStatus        STATUS_SUCCESS, STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD (for
 *                     ACCESS_SYSTEM_SECURITY), STATUS_BAD_IMPERSONATION_LEVEL,
 *                     STATUS_INSUFFICIENT_RESOURCES
 *
 * IRQL     PASSIVE_LEVEL
 * Differs  conditions of ACEs are not evaluated: such an ACE denies, or grants nothing
 * Source   WDK reference, nf-wdm-seaccesscheck
 */
BOOLEAN NTAPI
SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor,
              PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext, BOOLEAN SubjectContextLocked,
              ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGrantedAccess,
              PPRIVILEGE_SET *Privileges, PGENERIC_MAPPING GenericMapping,
              KPROCESSOR_MODE AccessMode, PACCESS_MASK GrantedAccess, PNTSTATUS AccessStatus)
{
    NT_ENTER(SeAccessCheck);
    NTSTATUS status = STATUS_SUCCESS;

    if (Privileges != NULL) {
        *Privileges = NULL;
    }
    *GrantedAccess = 0;
    if (AccessMode == KernelMode) {
        *GrantedAccess = SepGrantKernel(DesiredAccess, GenericMapping) | PreviouslyGrantedAccess;
    } else if (SecurityDescriptor == NULL) {
        status = STATUS_ACCESS_DENIED;
    } else if (SubjectSecurityContext->ClientToken != NULL &&
               SubjectSecurityContext->ImpersonationLevel < SecurityImpersonation) {
        status = STATUS_BAD_IMPERSONATION_LEVEL;
    } else {
        status = SepCheck(SecurityDescriptor, &SepEffectiveToken(SubjectSecurityContext)->Subject,
                          DesiredAccess, PreviouslyGrantedAccess, Privileges, GenericMapping,
                          GrantedAccess);
    }
    *AccessStatus = status;
    return NT_SUCCESS(status);
}

/* SeAccessCheck by the descriptions of tokens: the client's, if there is one, decides. */
BOOLEAN NTAPI
SeAccessCheckFromState(PSECURITY_DESCRIPTOR SecurityDescriptor,
                       PTOKEN_ACCESS_INFORMATION PrimaryTokenInformation,
                       PTOKEN_ACCESS_INFORMATION ClientTokenInformation, ACCESS_MASK DesiredAccess,
                       ACCESS_MASK PreviouslyGrantedAccess, PPRIVILEGE_SET *Privileges,
                       PGENERIC_MAPPING GenericMapping, KPROCESSOR_MODE AccessMode,
                       PACCESS_MASK GrantedAccess, PNTSTATUS AccessStatus)
{
    NTSTATUS status = STATUS_SUCCESS;
    SEP_SUBJECT subject;

    if (Privileges != NULL) {
        *Privileges = NULL;
    }
    *GrantedAccess = 0;
    if (AccessMode == KernelMode) {
        *GrantedAccess = SepGrantKernel(DesiredAccess, GenericMapping) | PreviouslyGrantedAccess;
    } else if (SecurityDescriptor == NULL) {
        status = STATUS_ACCESS_DENIED;
    } else if (ClientTokenInformation != NULL &&
               ClientTokenInformation->ImpersonationLevel < SecurityImpersonation) {
        status = STATUS_BAD_IMPERSONATION_LEVEL;
    } else {
        SepReadAccessInformation(ClientTokenInformation != NULL ? ClientTokenInformation
                                                                : PrimaryTokenInformation,
                                 &subject);
        status = SepCheck(SecurityDescriptor, &subject, DesiredAccess, PreviouslyGrantedAccess,
                          Privileges, GenericMapping, GrantedAccess);
    }
    *AccessStatus = status;
    return NT_SUCCESS(status);
}

VOID NTAPI
SeFreePrivileges(PPRIVILEGE_SET Privileges)
{
    NT_ENTER(SeFreePrivileges);
    ExFreePoolWithTag(Privileges, SEP_TAG_PRIVILEGES);
}

#pragma GCC visibility pop
