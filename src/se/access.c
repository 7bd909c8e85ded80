/* SPDX-License-Identifier: MIT
 *
 * se/access.c - access checks with one identity
 *
 * This first version knows one user, the one whose process this is, and treats it as an
 * administrator: security descriptors are not evaluated, every privilege is held. Generic rights
 * are mapped, so what a handle is granted is exact.
 *
 * Source   WDK reference, ntddk.h SeSinglePrivilegeCheck, wdm.h SeAccessCheck,
 *          SeCaptureSubjectContext.
 */
#include "se/se.h"

ACCESS_MASK
SepMapGeneric(ACCESS_MASK Access, const GENERIC_MAPPING *Mapping)
{
    ACCESS_MASK mapped = Access & 0x0FFFFFFFu;

    mapped |= (Access & GENERIC_READ) != 0 ? Mapping->GenericRead : 0;
    mapped |= (Access & GENERIC_WRITE) != 0 ? Mapping->GenericWrite : 0;
    mapped |= (Access & GENERIC_EXECUTE) != 0 ? Mapping->GenericExecute : 0;
    mapped |= (Access & GENERIC_ALL) != 0 ? Mapping->GenericAll : 0;
    return mapped;
}

NTSTATUS
SepCheckAccess(PVOID Object, const GENERIC_MAPPING *Mapping, ACCESS_MASK DesiredAccess,
               KPROCESSOR_MODE Mode, ACCESS_MASK *GrantedAccess)
{
    ACCESS_MASK access = SepMapGeneric(DesiredAccess, Mapping);

    if ((access & MAXIMUM_ALLOWED) != 0) {
        access = (access & ~(ACCESS_MASK)MAXIMUM_ALLOWED) | Mapping->GenericAll;
    }
    /* The privilege for it is held, but there are no SACLs to reach. */
    *GrantedAccess = access & ~(ACCESS_MASK)ACCESS_SYSTEM_SECURITY;
    return STATUS_SUCCESS;
}

#pragma GCC visibility push(default)

BOOLEAN NTAPI
SeSinglePrivilegeCheck(LUID PrivilegeValue, KPROCESSOR_MODE PreviousMode)
{
    NT_ENTER(SeSinglePrivilegeCheck);
    return TRUE;
}

BOOLEAN NTAPI
SePrivilegeCheck(PPRIVILEGE_SET RequiredPrivileges,
                 PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext, KPROCESSOR_MODE AccessMode)
{
    NT_ENTER(SePrivilegeCheck);
    return TRUE;
}

/* The context holds a reference to the one token. */
VOID NTAPI
SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    NT_ENTER(SeCaptureSubjectContext);
    memset(SubjectContext, 0, sizeof(*SubjectContext));
    SubjectContext->PrimaryToken = SepReferenceToken();
    SubjectContext->ProcessAuditId = KiGetCurrentThread()->Process;
}

VOID NTAPI
SeLockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    NT_ENTER(SeLockSubjectContext);
}

VOID NTAPI
SeUnlockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    NT_ENTER(SeUnlockSubjectContext);
}

VOID NTAPI
SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    NT_ENTER(SeReleaseSubjectContext);
    if (SubjectContext->PrimaryToken != NULL) {
        ObDereferenceObject(SubjectContext->PrimaryToken);
    }
    memset(SubjectContext, 0, sizeof(*SubjectContext));
}

/* Differs: the descriptor is not evaluated; everything mapped is granted. */
BOOLEAN NTAPI
SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor,
              PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext, BOOLEAN SubjectContextLocked,
              ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGrantedAccess,
              PPRIVILEGE_SET *Privileges, PGENERIC_MAPPING GenericMapping,
              KPROCESSOR_MODE AccessMode, PACCESS_MASK GrantedAccess, PNTSTATUS AccessStatus)
{
    NT_ENTER(SeAccessCheck);
    ACCESS_MASK granted;

    if (Privileges != NULL) {
        *Privileges = NULL;
    }
    *AccessStatus = SepCheckAccess(NULL, GenericMapping, DesiredAccess, AccessMode, &granted);
    *GrantedAccess = granted | PreviouslyGrantedAccess;
    return NT_SUCCESS(*AccessStatus);
}

VOID NTAPI
SeFreePrivileges(PPRIVILEGE_SET Privileges)
{
    NT_ENTER(SeFreePrivileges);
}

#pragma GCC visibility pop
