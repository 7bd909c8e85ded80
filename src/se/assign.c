/* SPDX-License-Identifier: MIT
 *
 * se/assign.c - the descriptor of a new object, and changing that of an old one
 *
 * A new descriptor is put together from what the creator says, what the parent passes on, and what
 * the creator's token has for the case that neither says anything.
 *
 * Source   WDK reference, wdm.h SeAssignSecurity, SeDeassignSecurity, ntifs.h
 *          SeSetSecurityDescriptorInfo, SeQuerySecurityDescriptorInfo; SDK, "ACE Inheritance
 * Rules".
 */
#include "se/sep.h"

#define SEP_LARGEST_ACL 0xFFFCu
#define SEP_INHERIT_FLAGS (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE)

/* ---- inheriting ---- */

/* Where an inherited ACL is written. Room NULL: it is only measured. */
typedef struct SEP_INHERITING {
    PUCHAR Room;
    ULONG Size; /* so far, with the header */
    ULONG Count;
    PSID Owner;
    PSID Group;
    const GENERIC_MAPPING *Mapping;
} SEP_INHERITING;

/* ACEs whose SID follows the mask; others are passed on as they are. */
static BOOLEAN
SepIsSimpleAce(PACE_HEADER Ace)
{
    return Ace->AceType <= SYSTEM_ALARM_ACE_TYPE || Ace->AceType == SYSTEM_MANDATORY_LABEL_ACE_TYPE;
}

static VOID
SepPutAce(SEP_INHERITING *Inheriting, PACE_HEADER Source, UCHAR Flags, BOOLEAN Effective)
{
    PACCESS_ALLOWED_ACE source = (PACCESS_ALLOWED_ACE)Source;
    const ULONG fixed = FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart);
    BOOLEAN simple = SepIsSimpleAce(Source);
    PSID sid = simple ? (PSID)&source->SidStart : NULL;
    ULONG size = Source->AceSize;

    if (Effective && simple && RtlEqualSid(sid, SeExports->SeCreatorOwnerSid)) {
        sid = Inheriting->Owner;
    } else if (Effective && simple && RtlEqualSid(sid, SeExports->SeCreatorGroupSid)) {
        sid = Inheriting->Group;
    }
    if (simple && sid != (PSID)&source->SidStart) {
        size = fixed + RtlLengthSid(sid);
    }
    if (Inheriting->Room != NULL) {
        PACCESS_ALLOWED_ACE target = (PACCESS_ALLOWED_ACE)(Inheriting->Room + Inheriting->Size);

        if (sid == NULL) {
            memcpy(target, source, size);
        } else {
            memcpy(target, source, fixed);
            memcpy(&target->SidStart, sid, size - fixed);
        }
        target->Header.AceFlags = Flags;
        target->Header.AceSize = (USHORT)size;
        if (Effective && Source->AceType != SYSTEM_MANDATORY_LABEL_ACE_TYPE) {
            target->Mask = SepMapGeneric(source->Mask, Inheriting->Mapping);
        }
    }
    Inheriting->Size += size;
    Inheriting->Count++;
}

/* Is the ACE the same for the object itself and for what inherits it further? */
static BOOLEAN
SepIsSameEffective(const SEP_INHERITING *Inheriting, PACE_HEADER Ace)
{
    PACCESS_ALLOWED_ACE ace = (PACCESS_ALLOWED_ACE)Ace;

    return SepMapGeneric(ace->Mask, Inheriting->Mapping) == ace->Mask &&
           !(SepIsSimpleAce(Ace) && (RtlEqualSid(&ace->SidStart, SeExports->SeCreatorOwnerSid) ||
                                     RtlEqualSid(&ace->SidStart, SeExports->SeCreatorGroupSid)));
}

/* What one ACE of the parent becomes. */
static VOID
SepInheritAce(SEP_INHERITING *Inheriting, PACE_HEADER Ace, BOOLEAN IsContainer)
{
    UCHAR audit = Ace->AceFlags & (SUCCESSFUL_ACCESS_ACE_FLAG | FAILED_ACCESS_ACE_FLAG);
    UCHAR further = Ace->AceFlags & SEP_INHERIT_FLAGS;

    if (!IsContainer) {
        if ((further & OBJECT_INHERIT_ACE) != 0) {
            SepPutAce(Inheriting, Ace, audit, TRUE);
        }
        return;
    }
    if (further == 0) {
        return;
    }
    if ((Ace->AceFlags & NO_PROPAGATE_INHERIT_ACE) != 0) {
        further = 0;
    }
    if ((Ace->AceFlags & CONTAINER_INHERIT_ACE) == 0) {
        if (further != 0) {
            SepPutAce(Inheriting, Ace, audit | further | INHERIT_ONLY_ACE, FALSE);
        }
    } else if (further == 0) {
        SepPutAce(Inheriting, Ace, audit, TRUE);
    } else if (SepIsSameEffective(Inheriting, Ace)) {
        SepPutAce(Inheriting, Ace, audit | further, TRUE);
    } else {
        SepPutAce(Inheriting, Ace, audit, TRUE);
        SepPutAce(Inheriting, Ace, audit | further | INHERIT_ONLY_ACE, FALSE);
    }
}

static VOID
SepInheritAll(SEP_INHERITING *Inheriting, PACL Parent, BOOLEAN IsContainer)
{
    PUCHAR next = (PUCHAR)(Parent + 1);

    Inheriting->Size = sizeof(ACL);
    Inheriting->Count = 0;
    for (ULONG i = 0; i < Parent->AceCount; ++i) {
        PACE_HEADER header = (PACE_HEADER)next;

        next += header->AceSize;
        SepInheritAce(Inheriting, header, IsContainer);
    }
}

/* The ACL that the parent's passes on, in pool memory; NULL: nothing. */
static NTSTATUS
SepInheritAcl(PACL Parent, BOOLEAN IsContainer, SEP_INHERITING *Inheriting, PACL *Acl)
{
    PACL acl;

    *Acl = NULL;
    Inheriting->Room = NULL;
    if (Parent == NULL) {
        return STATUS_SUCCESS;
    }
    SepInheritAll(Inheriting, Parent, IsContainer);
    if (Inheriting->Count == 0) {
        return STATUS_SUCCESS;
    }
    if (Inheriting->Size > SEP_LARGEST_ACL) {
        return STATUS_BAD_INHERITANCE_ACL;
    }
    acl = ExpAllocatePool(PagedPool, Inheriting->Size, SEP_TAG_DESCRIPTOR, NT_CALLER());
    if (acl == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Inheriting->Room = (PUCHAR)acl;
    SepInheritAll(Inheriting, Parent, IsContainer);
    memset(acl, 0, sizeof(*acl));
    acl->AclRevision = Parent->AclRevision;
    acl->AclSize = (USHORT)Inheriting->Size;
    acl->AceCount = (USHORT)Inheriting->Count;
    *Acl = acl;
    return STATUS_SUCCESS;
}

/* ---- putting a descriptor together ---- */

/* Generic rights of ACEs that count for the object itself become what they stand for. */
static VOID
SepMapAcl(PACL Acl, const GENERIC_MAPPING *Mapping)
{
    PUCHAR next = (PUCHAR)(Acl + 1);

    for (ULONG i = 0; Acl != NULL && i < Acl->AceCount; ++i) {
        PACCESS_ALLOWED_ACE ace = (PACCESS_ALLOWED_ACE)next;

        next += ace->Header.AceSize;
        if ((ace->Header.AceFlags & INHERIT_ONLY_ACE) == 0 &&
            ace->Header.AceType != SYSTEM_MANDATORY_LABEL_ACE_TYPE &&
            ace->Header.AceSize >= FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart)) {
            ace->Mask = SepMapGeneric(ace->Mask, Mapping);
        }
    }
}

BOOLEAN
SepIsValidOwner(const SEP_TOKEN *Token, PSID Owner)
{
    const SEP_SUBJECT *subject = &Token->Subject;

    if (SepHoldsPrivilege(subject, SEP_RESTORE_PRIVILEGE) ||
        RtlEqualSid(subject->Sids[0].Sid, Owner)) {
        return TRUE;
    }
    for (ULONG i = 1; i < subject->SidCount; ++i) {
        const ULONG wanted = SEP_GROUP_OWNER | SEP_GROUP_ENABLED;

        if ((subject->Sids[i].Attributes & wanted) == wanted &&
            RtlEqualSid(subject->Sids[i].Sid, Owner)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* What one ACL of the new descriptor is, by the table of SeAssignSecurity's reference page. */
typedef struct SEP_CHOICE {
    PACL Acl;
    PACL Inherited; /* to be freed */
    BOOLEAN Present;
    BOOLEAN Defaulted;
} SEP_CHOICE;

static NTSTATUS
SepChooseAcl(PACL Explicit, BOOLEAN IsExplicit, BOOLEAN IsDefaulted, PACL Parent, PACL Default,
             BOOLEAN IsContainer, SEP_INHERITING *Inheriting, SEP_CHOICE *Choice)
{
    NTSTATUS status;

    memset(Choice, 0, sizeof(*Choice));
    if (IsExplicit && !IsDefaulted) {
        Choice->Acl = Explicit;
        Choice->Present = TRUE;
        return STATUS_SUCCESS;
    }
    status = SepInheritAcl(Parent, IsContainer, Inheriting, &Choice->Inherited);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (Choice->Inherited != NULL) {
        Choice->Acl = Choice->Inherited;
        Choice->Present = TRUE;
    } else if (IsExplicit) {
        Choice->Acl = Explicit;
        Choice->Present = TRUE;
        Choice->Defaulted = TRUE;
    } else if (Default != NULL) {
        Choice->Acl = Default;
        Choice->Present = TRUE;
        Choice->Defaulted = TRUE;
    }
    return STATUS_SUCCESS;
}

static VOID
SepDropChoice(SEP_CHOICE *Choice)
{
    if (Choice->Inherited != NULL) {
        ExFreePoolWithTag(Choice->Inherited, SEP_TAG_DESCRIPTOR);
    }
}

NTSTATUS
SepAssign(PSECURITY_DESCRIPTOR Parent, PSECURITY_DESCRIPTOR Explicit, BOOLEAN IsContainer,
          const SEP_TOKEN *Token, const GENERIC_MAPPING *Mapping, KPROCESSOR_MODE Mode,
          PSECURITY_DESCRIPTOR *Descriptor)
{
    SECURITY_DESCRIPTOR_CONTROL given = Explicit != NULL ? SepControlOf(Explicit) : 0;
    SECURITY_DESCRIPTOR_CONTROL control;
    SEP_PARTS parent = {0};
    SEP_PARTS asked = {0};
    SEP_PARTS parts;
    SEP_INHERITING inheriting = {.Mapping = Mapping};
    SEP_CHOICE dacl = {0};
    SEP_CHOICE sacl = {0};
    NTSTATUS status;

    if (Parent != NULL) {
        SepGetParts(Parent, &parent);
    }
    if (Explicit != NULL) {
        SepGetParts(Explicit, &asked);
    }
    if (asked.Owner != NULL && !SepIsValidOwner(Token, asked.Owner)) {
        return STATUS_INVALID_OWNER;
    }
    if (Mode != KernelMode && (given & SE_SACL_PRESENT) != 0 &&
        !SepHoldsPrivilege(&Token->Subject, SEP_SECURITY_PRIVILEGE)) {
        return STATUS_PRIVILEGE_NOT_HELD;
    }
    parts.Owner = asked.Owner != NULL ? asked.Owner : Token->Owner;
    parts.Group = asked.Group != NULL ? asked.Group : Token->PrimaryGroup;
    inheriting.Owner = parts.Owner;
    inheriting.Group = parts.Group;
    status =
        SepChooseAcl(asked.Dacl, (given & SE_DACL_PRESENT) != 0, (given & SE_DACL_DEFAULTED) != 0,
                     parent.Dacl, Token->DefaultDacl, IsContainer, &inheriting, &dacl);
    if (NT_SUCCESS(status)) {
        status = SepChooseAcl(asked.Sacl, (given & SE_SACL_PRESENT) != 0,
                              (given & SE_SACL_DEFAULTED) != 0, parent.Sacl, NULL, IsContainer,
                              &inheriting, &sacl);
    }
    if (NT_SUCCESS(status)) {
        control = given &
                  (SE_DACL_PROTECTED | SE_SACL_PROTECTED | SE_OWNER_DEFAULTED | SE_GROUP_DEFAULTED);
        control |= dacl.Present ? SE_DACL_PRESENT : 0;
        control |= dacl.Defaulted ? SE_DACL_DEFAULTED : 0;
        control |= sacl.Present ? SE_SACL_PRESENT : 0;
        control |= sacl.Defaulted ? SE_SACL_DEFAULTED : 0;
        parts.Dacl = dacl.Acl;
        parts.Sacl = sacl.Acl;
        *Descriptor = SepMakeRelative(&parts, control);
        status = *Descriptor != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(status)) {
        SepGetParts(*Descriptor, &parts);
        SepMapAcl(parts.Dacl, Mapping);
        SepMapAcl(parts.Sacl, Mapping);
    }
    SepDropChoice(&dacl);
    SepDropChoice(&sacl);
    return status;
}

/* ---- changing one ---- */

/* Takes bits of To from From. */
static SECURITY_DESCRIPTOR_CONTROL
SepMixControl(SECURITY_DESCRIPTOR_CONTROL To, SECURITY_DESCRIPTOR_CONTROL From,
              SECURITY_DESCRIPTOR_CONTROL Bits)
{
    return (SECURITY_DESCRIPTOR_CONTROL)((To & ~Bits) | (From & Bits));
}

NTSTATUS
SepModify(PSECURITY_DESCRIPTOR Old, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR Change,
          const SEP_TOKEN *Token, const GENERIC_MAPPING *Mapping, PSECURITY_DESCRIPTOR *New)
{
    SECURITY_DESCRIPTOR_CONTROL control = SepControlOf(Old);
    SECURITY_DESCRIPTOR_CONTROL from = SepControlOf(Change);
    PSECURITY_DESCRIPTOR changed;
    SEP_PARTS change;
    SEP_PARTS parts;

    SepGetParts(Old, &parts);
    SepGetParts(Change, &change);
    if ((What & OWNER_SECURITY_INFORMATION) != 0) {
        if (change.Owner == NULL || !SepIsValidOwner(Token, change.Owner)) {
            return STATUS_INVALID_OWNER;
        }
        parts.Owner = change.Owner;
        control = SepMixControl(control, from, SE_OWNER_DEFAULTED);
    }
    if ((What & GROUP_SECURITY_INFORMATION) != 0) {
        if (change.Group == NULL) {
            return STATUS_INVALID_PRIMARY_GROUP;
        }
        parts.Group = change.Group;
        control = SepMixControl(control, from, SE_GROUP_DEFAULTED);
    }
    if ((What & DACL_SECURITY_INFORMATION) != 0) {
        parts.Dacl = change.Dacl;
        control =
            SepMixControl(control, from, SE_DACL_PRESENT | SE_DACL_DEFAULTED | SE_DACL_PROTECTED);
    }
    if ((What & (SACL_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION)) != 0) {
        parts.Sacl = change.Sacl;
        control =
            SepMixControl(control, from, SE_SACL_PRESENT | SE_SACL_DEFAULTED | SE_SACL_PROTECTED);
    }
    changed = SepMakeRelative(&parts, control);
    if (changed == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    SepGetParts(changed, &parts);
    if ((What & DACL_SECURITY_INFORMATION) != 0) {
        SepMapAcl(parts.Dacl, Mapping);
    }
    *New = changed;
    return STATUS_SUCCESS;
}

ULONG
SepExtract(PSECURITY_DESCRIPTOR Descriptor, SECURITY_INFORMATION What, SEP_PARTS *Parts,
           SECURITY_DESCRIPTOR_CONTROL *Control)
{
    const SECURITY_INFORMATION sacl = SACL_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION;

    memset(Parts, 0, sizeof(*Parts));
    *Control = 0;
    if (Descriptor != NULL) {
        SECURITY_DESCRIPTOR_CONTROL control = SepControlOf(Descriptor);
        SEP_PARTS all;

        SepGetParts(Descriptor, &all);
        if ((What & OWNER_SECURITY_INFORMATION) != 0) {
            Parts->Owner = all.Owner;
            *Control |= control & SE_OWNER_DEFAULTED;
        }
        if ((What & GROUP_SECURITY_INFORMATION) != 0) {
            Parts->Group = all.Group;
            *Control |= control & SE_GROUP_DEFAULTED;
        }
        if ((What & DACL_SECURITY_INFORMATION) != 0) {
            Parts->Dacl = all.Dacl;
            *Control |= control & (SE_DACL_PRESENT | SE_DACL_DEFAULTED | SE_DACL_PROTECTED |
                                   SE_DACL_AUTO_INHERITED);
        }
        if ((What & sacl) != 0) {
            Parts->Sacl = all.Sacl;
            *Control |= control & (SE_SACL_PRESENT | SE_SACL_DEFAULTED | SE_SACL_PROTECTED |
                                   SE_SACL_AUTO_INHERITED);
        }
    }
    return SepRelativeLength(Parts);
}

#pragma GCC visibility push(default)

/*
 * SeAssignSecurity - the descriptor of a new object, in paged pool
 *
 * NewDescriptor  freed with SeDeassignSecurity
 *
 * Errors   STATUS_INVALID_OWNER; STATUS_PRIVILEGE_NOT_HELD: a SACL, and PreviousMode is UserMode;
 *          STATUS_BAD_INHERITANCE_ACL: too large; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-wdm-seassignsecurity
 */
NTSTATUS NTAPI
SeAssignSecurity(PSECURITY_DESCRIPTOR ParentDescriptor, PSECURITY_DESCRIPTOR ExplicitDescriptor,
                 PSECURITY_DESCRIPTOR *NewDescriptor, BOOLEAN IsDirectoryObject,
                 PSECURITY_SUBJECT_CONTEXT SubjectContext, PGENERIC_MAPPING GenericMapping,
                 POOL_TYPE PoolType)
{
    NT_ENTER(SeAssignSecurity);
    return SepAssign(ParentDescriptor, ExplicitDescriptor, IsDirectoryObject,
                     SepEffectiveToken(SubjectContext), GenericMapping, ExGetPreviousMode(),
                     NewDescriptor);
}

NTSTATUS NTAPI
SeDeassignSecurity(PSECURITY_DESCRIPTOR *SecurityDescriptor)
{
    NT_ENTER(SeDeassignSecurity);
    if (*SecurityDescriptor != NULL) {
        ExFreePool(*SecurityDescriptor);
        *SecurityDescriptor = NULL;
    }
    return STATUS_SUCCESS;
}

/*
 * SeQuerySecurityDescriptorInfo - parts of a descriptor, self-relative, for a caller
 *
 * Length   in: room in SecurityDescriptor; out: bytes needed
 *
 * Errors   STATUS_BUFFER_TOO_SMALL, with nothing written but *Length; STATUS_ACCESS_VIOLATION;
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-sequerysecuritydescriptorinfo
 */
NTSTATUS NTAPI
SeQuerySecurityDescriptorInfo(PSECURITY_INFORMATION SecurityInformation,
                              PSECURITY_DESCRIPTOR SecurityDescriptor, PULONG Length,
                              PSECURITY_DESCRIPTOR *ObjectsSecurityDescriptor)
{
    NT_ENTER(SeQuerySecurityDescriptorInfo);
    SECURITY_DESCRIPTOR_CONTROL control;
    ULONG room = *Length;
    PSECURITY_DESCRIPTOR copy;
    SEP_PARTS parts;
    NTSTATUS status;

    *Length = SepExtract(*ObjectsSecurityDescriptor, *SecurityInformation, &parts, &control);
    if (room < *Length) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    copy = SepMakeRelative(&parts, control);
    if (copy == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiCopyToUser(SecurityDescriptor, copy, *Length, ExGetPreviousMode());
    ExFreePoolWithTag(copy, SEP_TAG_DESCRIPTOR);
    return status;
}

/*
 * SeSetSecurityDescriptorInfo - replaces parts of an object's descriptor
 *
 * ObjectsSecurityDescriptor  receives the new one, from pool; the old one stays, the caller's to
 * free
 *
 * Errors   STATUS_NO_SECURITY_ON_OBJECT; STATUS_BAD_DESCRIPTOR_FORMAT: the object's is not
 *          self-relative; STATUS_INVALID_OWNER; STATUS_INVALID_PRIMARY_GROUP;
 *          STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Source   WDK reference, nf-ntifs-sesetsecuritydescriptorinfo
 */
NTSTATUS NTAPI
SeSetSecurityDescriptorInfo(PVOID Object, PSECURITY_INFORMATION SecurityInformation,
                            PSECURITY_DESCRIPTOR SecurityDescriptor,
                            PSECURITY_DESCRIPTOR *ObjectsSecurityDescriptor, POOL_TYPE PoolType,
                            PGENERIC_MAPPING GenericMapping)
{
    NT_ENTER(SeSetSecurityDescriptorInfo);
    SECURITY_SUBJECT_CONTEXT context;
    PSECURITY_DESCRIPTOR old = *ObjectsSecurityDescriptor;
    NTSTATUS status;

    if (old == NULL) {
        return STATUS_NO_SECURITY_ON_OBJECT;
    }
    if ((SepControlOf(old) & SE_SELF_RELATIVE) == 0) {
        return STATUS_BAD_DESCRIPTOR_FORMAT;
    }
    SeCaptureSubjectContext(&context);
    status = SepModify(old, *SecurityInformation, SecurityDescriptor, SepEffectiveToken(&context),
                       GenericMapping, ObjectsSecurityDescriptor);
    SeReleaseSubjectContext(&context);
    return status;
}

/* SeSetSecurityDescriptorInfo; STATUS_NOT_SUPPORTED with AutoInheritFlags. */
NTSTATUS NTAPI
SeSetSecurityDescriptorInfoEx(PVOID Object, PSECURITY_INFORMATION SecurityInformation,
                              PSECURITY_DESCRIPTOR ModificationDescriptor,
                              PSECURITY_DESCRIPTOR *ObjectsSecurityDescriptor,
                              ULONG AutoInheritFlags, POOL_TYPE PoolType,
                              PGENERIC_MAPPING GenericMapping)
{
    NT_ENTER(SeSetSecurityDescriptorInfoEx);
    if (AutoInheritFlags != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    return SeSetSecurityDescriptorInfo(Object, SecurityInformation, ModificationDescriptor,
                                       ObjectsSecurityDescriptor, PoolType, GenericMapping);
}

#pragma GCC visibility pop
