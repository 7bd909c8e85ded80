/* SPDX-License-Identifier: MIT
 *
 * se/selfrelative.c - descriptors in one block, from one form to the other, and from a caller
 *
 * Source   WDK reference, ntifs.h RtlAbsoluteToSelfRelativeSD, RtlSelfRelativeToAbsoluteSD,
 *          RtlCreateSecurityDescriptorRelative, ZwSetSecurityObject, wdm.h
 *          RtlValidRelativeSecurityDescriptor.
 */
#include "se/sep.h"

/* ---- writing ---- */

ULONG
SepRelativeLength(const SEP_PARTS *Parts)
{
    SIZE_T length = sizeof(SECURITY_DESCRIPTOR_RELATIVE);

    length += Parts->Owner != NULL ? SEP_ALIGN(RtlLengthSid(Parts->Owner)) : 0;
    length += Parts->Group != NULL ? SEP_ALIGN(RtlLengthSid(Parts->Group)) : 0;
    length += Parts->Sacl != NULL ? SEP_ALIGN(Parts->Sacl->AclSize) : 0;
    length += Parts->Dacl != NULL ? SEP_ALIGN(Parts->Dacl->AclSize) : 0;
    return (ULONG)length;
}

/* Copies a part to *Next; its offset, 0 for no part. */
static ULONG
SepWritePart(PVOID Base, PUCHAR *Next, const VOID *Part, ULONG Length)
{
    PUCHAR target = *Next;

    if (Part == NULL) {
        return 0;
    }
    memcpy(target, Part, Length);
    memset(target + Length, 0, SEP_ALIGN(Length) - Length);
    *Next += SEP_ALIGN(Length);
    return (ULONG)(target - (PUCHAR)Base);
}

VOID
SepWriteRelative(const SEP_PARTS *Parts, SECURITY_DESCRIPTOR_CONTROL Control, PVOID Target)
{
    PISECURITY_DESCRIPTOR_RELATIVE relative = Target;
    PUCHAR next = (PUCHAR)(relative + 1);

    memset(relative, 0, sizeof(*relative));
    relative->Revision = SECURITY_DESCRIPTOR_REVISION;
    relative->Control = Control | SE_SELF_RELATIVE;
    relative->Sacl =
        SepWritePart(Target, &next, Parts->Sacl, Parts->Sacl != NULL ? Parts->Sacl->AclSize : 0);
    relative->Dacl =
        SepWritePart(Target, &next, Parts->Dacl, Parts->Dacl != NULL ? Parts->Dacl->AclSize : 0);
    relative->Owner = SepWritePart(Target, &next, Parts->Owner,
                                   Parts->Owner != NULL ? RtlLengthSid(Parts->Owner) : 0);
    relative->Group = SepWritePart(Target, &next, Parts->Group,
                                   Parts->Group != NULL ? RtlLengthSid(Parts->Group) : 0);
}

PSECURITY_DESCRIPTOR
SepMakeRelative(const SEP_PARTS *Parts, SECURITY_DESCRIPTOR_CONTROL Control)
{
    PVOID block =
        ExpAllocatePool(PagedPool, SepRelativeLength(Parts), SEP_TAG_DESCRIPTOR, NT_CALLER());

    if (block != NULL) {
        SepWriteRelative(Parts, Control, block);
    }
    return block;
}

/* ---- a caller's descriptor ---- */

/* A SID of a caller, in pool memory. */
static NTSTATUS
SepCaptureSid(const VOID *Source, KPROCESSOR_MODE Mode, PSID *Sid)
{
    SID header;
    ULONG length;
    NTSTATUS status;

    *Sid = NULL;
    if (Source == NULL) {
        return STATUS_SUCCESS;
    }
    status = MiCopyFromUser(&header, Source, FIELD_OFFSET(SID, SubAuthority), Mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (!RtlValidSid(&header)) {
        return STATUS_INVALID_SID;
    }
    length = RtlLengthSid(&header);
    *Sid = ExpAllocatePool(PagedPool, length, SEP_TAG_DESCRIPTOR, NT_CALLER());
    if (*Sid == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiCopyFromUser(*Sid, Source, length, Mode);
    /* What was checked counts, whatever is there by now. */
    memcpy(*Sid, &header, FIELD_OFFSET(SID, SubAuthority));
    return status;
}

static NTSTATUS
SepCaptureAcl(const VOID *Source, KPROCESSOR_MODE Mode, PACL *Acl)
{
    ACL header;
    NTSTATUS status;

    *Acl = NULL;
    if (Source == NULL) {
        return STATUS_SUCCESS;
    }
    status = MiCopyFromUser(&header, Source, sizeof(header), Mode);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (header.AclSize < sizeof(header)) {
        return STATUS_INVALID_ACL;
    }
    *Acl = ExpAllocatePool(PagedPool, header.AclSize, SEP_TAG_DESCRIPTOR, NT_CALLER());
    if (*Acl == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = MiCopyFromUser(*Acl, Source, header.AclSize, Mode);
    **Acl = header;
    return NT_SUCCESS(status) && !SepIsValidAcl(*Acl) ? STATUS_INVALID_ACL : status;
}

static VOID
SepFreeParts(const SEP_PARTS *Parts)
{
    PVOID blocks[] = {Parts->Owner, Parts->Group, Parts->Sacl, Parts->Dacl};

    NT_FOR_EACH (block, blocks) {
        if (*block != NULL) {
            ExFreePoolWithTag(*block, SEP_TAG_DESCRIPTOR);
        }
    }
}

/* The structure of either form, as parts that still are the caller's. */
static NTSTATUS
SepCaptureHeader(PSECURITY_DESCRIPTOR Source, KPROCESSOR_MODE Mode, SEP_PARTS *Parts,
                 SECURITY_DESCRIPTOR_CONTROL *Control)
{
    SECURITY_DESCRIPTOR_RELATIVE relative;
    SECURITY_DESCRIPTOR absolute;
    NTSTATUS status = MiCopyFromUser(&relative, Source, sizeof(relative), Mode);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (relative.Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    *Control = relative.Control;
    if ((relative.Control & SE_SELF_RELATIVE) != 0) {
        PUCHAR base = Source;

        Parts->Owner = relative.Owner != 0 ? base + relative.Owner : NULL;
        Parts->Group = relative.Group != 0 ? base + relative.Group : NULL;
        Parts->Sacl = relative.Sacl != 0 ? (PACL)(base + relative.Sacl) : NULL;
        Parts->Dacl = relative.Dacl != 0 ? (PACL)(base + relative.Dacl) : NULL;
    } else {
        status = MiCopyFromUser(&absolute, Source, sizeof(absolute), Mode);
        Parts->Owner = absolute.Owner;
        Parts->Group = absolute.Group;
        Parts->Sacl = absolute.Sacl;
        Parts->Dacl = absolute.Dacl;
    }
    Parts->Sacl = (*Control & SE_SACL_PRESENT) != 0 ? Parts->Sacl : NULL;
    Parts->Dacl = (*Control & SE_DACL_PRESENT) != 0 ? Parts->Dacl : NULL;
    return status;
}

NTSTATUS
SepCaptureDescriptor(PSECURITY_DESCRIPTOR Source, KPROCESSOR_MODE Mode,
                     PSECURITY_DESCRIPTOR *Descriptor)
{
    SEP_PARTS copies = {0};
    SEP_PARTS parts;
    SECURITY_DESCRIPTOR_CONTROL control;
    NTSTATUS status;

    if (Source == NULL) {
        return STATUS_ACCESS_VIOLATION;
    }
    status = SepCaptureHeader(Source, Mode, &parts, &control);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = SepCaptureSid(parts.Owner, Mode, &copies.Owner);
    if (NT_SUCCESS(status)) {
        status = SepCaptureSid(parts.Group, Mode, &copies.Group);
    }
    if (NT_SUCCESS(status)) {
        status = SepCaptureAcl(parts.Sacl, Mode, &copies.Sacl);
    }
    if (NT_SUCCESS(status)) {
        status = SepCaptureAcl(parts.Dacl, Mode, &copies.Dacl);
    }
    if (NT_SUCCESS(status)) {
        *Descriptor = SepMakeRelative(&copies, control);
        status = *Descriptor != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    SepFreeParts(&copies);
    return status;
}

/* ---- checking a block of a given length ---- */

static BOOLEAN
SepSidFits(PVOID Base, ULONG Length, ULONG Offset)
{
    PSID sid = (PUCHAR)Base + Offset;

    return (Offset & 3) == 0 && Offset >= sizeof(SECURITY_DESCRIPTOR_RELATIVE) &&
           Offset <= Length && Length - Offset >= RtlLengthRequiredSid(0) && RtlValidSid(sid) &&
           Length - Offset >= RtlLengthSid(sid);
}

static BOOLEAN
SepAclFits(PVOID Base, ULONG Length, ULONG Offset)
{
    PACL acl = (PACL)((PUCHAR)Base + Offset);

    return (Offset & 3) == 0 && Offset >= sizeof(SECURITY_DESCRIPTOR_RELATIVE) &&
           Offset <= Length && Length - Offset >= sizeof(ACL) && Length - Offset >= acl->AclSize &&
           SepIsValidAcl(acl);
}

BOOLEAN
SepIsValidRelative(PSECURITY_DESCRIPTOR Descriptor, ULONG Length)
{
    PISECURITY_DESCRIPTOR_RELATIVE relative = Descriptor;
    SECURITY_DESCRIPTOR_CONTROL control;

    if (Length < sizeof(*relative) || relative->Revision != SECURITY_DESCRIPTOR_REVISION ||
        (relative->Control & SE_SELF_RELATIVE) == 0) {
        return FALSE;
    }
    control = relative->Control;
    return (relative->Owner == 0 || SepSidFits(Descriptor, Length, relative->Owner)) &&
           (relative->Group == 0 || SepSidFits(Descriptor, Length, relative->Group)) &&
           ((control & SE_SACL_PRESENT) == 0 || relative->Sacl == 0 ||
            SepAclFits(Descriptor, Length, relative->Sacl)) &&
           ((control & SE_DACL_PRESENT) == 0 || relative->Dacl == 0 ||
            SepAclFits(Descriptor, Length, relative->Dacl));
}

#pragma GCC visibility push(default)

/*
 * RtlValidRelativeSecurityDescriptor - is a block of that length a valid self-relative descriptor?
 *
 * RequiredInformation  OWNER_, GROUP_, DACL_ or SACL_SECURITY_INFORMATION: must be in it
 *
 * IRQL     <= APC_LEVEL
 * Source   WDK reference, nf-wdm-rtlvalidrelativesecuritydescriptor
 */
BOOLEAN NTAPI
RtlValidRelativeSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptorInput,
                                   ULONG SecurityDescriptorLength,
                                   SECURITY_INFORMATION RequiredInformation)
{
    NT_ENTER(RtlValidRelativeSecurityDescriptor);
    PISECURITY_DESCRIPTOR_RELATIVE relative = SecurityDescriptorInput;

    if (!SepIsValidRelative(SecurityDescriptorInput, SecurityDescriptorLength)) {
        return FALSE;
    }
    return ((RequiredInformation & OWNER_SECURITY_INFORMATION) == 0 || relative->Owner != 0) &&
           ((RequiredInformation & GROUP_SECURITY_INFORMATION) == 0 || relative->Group != 0) &&
           ((RequiredInformation & DACL_SECURITY_INFORMATION) == 0 ||
            (relative->Control & SE_DACL_PRESENT) != 0) &&
           ((RequiredInformation & SACL_SECURITY_INFORMATION) == 0 ||
            (relative->Control & SE_SACL_PRESENT) != 0);
}

/* STATUS_UNKNOWN_REVISION. Source: nf-ntifs-rtlcreatesecuritydescriptorrelative. */
NTSTATUS NTAPI
RtlCreateSecurityDescriptorRelative(PISECURITY_DESCRIPTOR_RELATIVE SecurityDescriptor,
                                    ULONG Revision)
{
    NT_ENTER(RtlCreateSecurityDescriptorRelative);
    if (Revision != SECURITY_DESCRIPTOR_REVISION) {
        return STATUS_UNKNOWN_REVISION;
    }
    memset(SecurityDescriptor, 0, sizeof(*SecurityDescriptor));
    SecurityDescriptor->Revision = SECURITY_DESCRIPTOR_REVISION;
    SecurityDescriptor->Control = SE_SELF_RELATIVE;
    return STATUS_SUCCESS;
}

/*
 * RtlAbsoluteToSelfRelativeSD - the self-relative form of an absolute descriptor
 *
 * BufferLength  in: room; out, if it is too small: what is needed
 *
 * Errors   STATUS_BAD_DESCRIPTOR_FORMAT: not absolute; STATUS_BUFFER_TOO_SMALL
 * IRQL     <= APC_LEVEL
 * Source   WDK reference, nf-ntifs-rtlabsolutetoselfrelativesd
 */
NTSTATUS NTAPI
RtlAbsoluteToSelfRelativeSD(PSECURITY_DESCRIPTOR AbsoluteSecurityDescriptor,
                            PSECURITY_DESCRIPTOR SelfRelativeSecurityDescriptor,
                            PULONG BufferLength)
{
    NT_ENTER(RtlAbsoluteToSelfRelativeSD);
    SEP_PARTS parts;
    ULONG needed;

    if ((SepControlOf(AbsoluteSecurityDescriptor) & SE_SELF_RELATIVE) != 0) {
        return STATUS_BAD_DESCRIPTOR_FORMAT;
    }
    SepGetParts(AbsoluteSecurityDescriptor, &parts);
    needed = SepRelativeLength(&parts);
    if (*BufferLength < needed) {
        *BufferLength = needed;
        return STATUS_BUFFER_TOO_SMALL;
    }
    SepWriteRelative(&parts, SepControlOf(AbsoluteSecurityDescriptor),
                     SelfRelativeSecurityDescriptor);
    return STATUS_SUCCESS;
}

/*
 * RtlSelfRelativeToAbsoluteSD - the absolute form, its parts in buffers of the caller's
 *
 * ...Size  in: room; all of them, if one is too small: what is needed
 *
 * Errors   STATUS_BAD_DESCRIPTOR_FORMAT: not self-relative; STATUS_BUFFER_TOO_SMALL
 * IRQL     <= APC_LEVEL
 * Source   WDK reference, nf-ntifs-rtlselfrelativetoabsolutesd
 */
NTSTATUS NTAPI
RtlSelfRelativeToAbsoluteSD(PSECURITY_DESCRIPTOR SelfRelativeSecurityDescriptor,
                            PSECURITY_DESCRIPTOR AbsoluteSecurityDescriptor,
                            PULONG AbsoluteSecurityDescriptorSize, PACL Dacl, PULONG DaclSize,
                            PACL Sacl, PULONG SaclSize, PSID Owner, PULONG OwnerSize,
                            PSID PrimaryGroup, PULONG PrimaryGroupSize)
{
    NT_ENTER(RtlSelfRelativeToAbsoluteSD);
    PISECURITY_DESCRIPTOR absolute = AbsoluteSecurityDescriptor;
    BOOLEAN tooSmall = FALSE;
    SEP_PARTS parts;

    if ((SepControlOf(SelfRelativeSecurityDescriptor) & SE_SELF_RELATIVE) == 0) {
        return STATUS_BAD_DESCRIPTOR_FORMAT;
    }
    SepGetParts(SelfRelativeSecurityDescriptor, &parts);
    struct {
        const VOID *Part;
        ULONG Length;
        PULONG Room;
        PVOID Target;
    } rows[] = {
        {parts.Dacl, parts.Dacl != NULL ? parts.Dacl->AclSize : 0, DaclSize, Dacl},
        {parts.Sacl, parts.Sacl != NULL ? parts.Sacl->AclSize : 0, SaclSize, Sacl},
        {parts.Owner, parts.Owner != NULL ? RtlLengthSid(parts.Owner) : 0, OwnerSize, Owner},
        {parts.Group, parts.Group != NULL ? RtlLengthSid(parts.Group) : 0, PrimaryGroupSize,
         PrimaryGroup},
    };
    tooSmall = *AbsoluteSecurityDescriptorSize < sizeof(*absolute);
    NT_FOR_EACH (row, rows) {
        tooSmall |= *row->Room < row->Length;
    }
    if (tooSmall) {
        *AbsoluteSecurityDescriptorSize = sizeof(*absolute);
        NT_FOR_EACH (row, rows) {
            *row->Room = row->Length;
        }
        return STATUS_BUFFER_TOO_SMALL;
    }
    NT_FOR_EACH (row, rows) {
        if (row->Part != NULL) {
            memcpy(row->Target, row->Part, row->Length);
        }
    }
    memset(absolute, 0, sizeof(*absolute));
    absolute->Revision = SECURITY_DESCRIPTOR_REVISION;
    absolute->Control =
        SepControlOf(SelfRelativeSecurityDescriptor) & (USHORT) ~(USHORT)SE_SELF_RELATIVE;
    absolute->Dacl = parts.Dacl != NULL ? Dacl : NULL;
    absolute->Sacl = parts.Sacl != NULL ? Sacl : NULL;
    absolute->Owner = parts.Owner != NULL ? Owner : NULL;
    absolute->Group = parts.Group != NULL ? PrimaryGroup : NULL;
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
