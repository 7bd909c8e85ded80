/* SPDX-License-Identifier: MIT
 *
 * se/se.h - who somebody is, and what he may do: tokens, access checks, descriptors of objects
 *
 * Invariants  S1  A token does not change once it is made, but for its session; tokens are shared
 *                 by reference.
 *             S2  What an object's security field points to is a descriptor in self-relative form
 *                 that does not change; a new one replaces it (SepReplaceSecurity).
 *             S3  A process without a token of its own acts as the system.
 */
#pragma once

#include "ob/ob.h"

/* ---- token.c: identities ---- */

/*
 * Who a token is for: a user of the host.
 *
 *   IsSystem         S-1-5-18 (LocalSystem), member of Administrators, every privilege, system
 *                    integrity. User ID 0 is that, too.
 *   IsAdministrator  S-1-22-1-UID, member of Administrators, an administrator's privileges (all
 *                    enabled: nobody could enable them later), high integrity, owner of what it
 *                    makes: Administrators.
 *   neither          S-1-22-1-UID, a user's privileges, medium integrity
 *
 * The last two have the groups S-1-22-2-GID of every host group, Everyone, Users, Interactive,
 * Authenticated Users and a logon SID of their own. LocalSystem has Administrators, Everyone and
 * Authenticated Users, whatever Gid and Groups say.
 */
typedef struct SEP_IDENTITY {
    ULONG Uid;
    ULONG Gid;           /* becomes the primary group */
    const ULONG *Groups; /* supplementary ones; Gid may be among them */
    ULONG GroupCount;
    BOOLEAN IsAdministrator;
    BOOLEAN IsSystem;
} SEP_IDENTITY;

/*
 * A primary token for Identity, referenced; the caller drops it with ObDereferenceObject.
 * STATUS_INSUFFICIENT_RESOURCES; STATUS_INVALID_PARAMETER: more than SEP_MAX_GROUPS host groups.
 * PASSIVE_LEVEL.
 */
NTSTATUS SepCreateToken(const SEP_IDENTITY *Identity, PACCESS_TOKEN *Token);
#define SEP_MAX_GROUPS 1024u
/*
 * The process acts as Token from here on; the token is referenced, the caller keeps its own
 * reference. NULL: as the system again. The process object itself is protected as the token's
 * default DACL says. To be called before the process's first thread runs; the reference goes with
 * the process object. PASSIVE_LEVEL.
 */
VOID SepAssignProcessToken(PEPROCESS Process, PACCESS_TOKEN Token);

NTSTATUS SepInitializeTokens(VOID);
VOID SepShutdownTokens(VOID);
/* Where a process keeps its token: ps tells, an upward call. */
typedef PACCESS_TOKEN *SEP_TOKEN_FIELD(PEPROCESS Process);
VOID SepRegisterProcessTokens(SEP_TOKEN_FIELD *Field);
/* Referenced; the system's for a process without (S3). NULL before SepInitializeTokens. */
PACCESS_TOKEN SepReferenceProcessToken(PEPROCESS Process);

/* Of the process that the calling thread acts in. */
static inline PACCESS_TOKEN
SepReferenceCurrentToken(VOID)
{
    return SepReferenceProcessToken((PEPROCESS)KiGetCurrentThread()->Process);
}

/* ---- access.c ---- */

/* Generic rights replaced by what they stand for. */
ACCESS_MASK SepMapGeneric(ACCESS_MASK Access, const GENERIC_MAPPING *Mapping);
/*
 * May the calling thread have DesiredAccess by this descriptor? KernelMode may. NULL: an object
 * without a descriptor, which grants all.
 * STATUS_ACCESS_DENIED; STATUS_PRIVILEGE_NOT_HELD for ACCESS_SYSTEM_SECURITY. PASSIVE_LEVEL.
 */
NTSTATUS SepCheckAccess(PSECURITY_DESCRIPTOR Descriptor, const GENERIC_MAPPING *Mapping,
                        ACCESS_MASK DesiredAccess, KPROCESSOR_MODE Mode,
                        ACCESS_MASK *GrantedAccess);
/* May it go through directories without being asked (SeChangeNotifyPrivilege)? */
BOOLEAN SepMayTraverse(KPROCESSOR_MODE Mode);

/* ---- sddl.c ---- */

/*
 * The self-relative descriptor that a string describes, in pool memory: ExFreePool.
 * STATUS_INVALID_PARAMETER: no such string; STATUS_INSUFFICIENT_RESOURCES.
 */
NTSTATUS SepParseSddl(PCUNICODE_STRING Sddl, PSECURITY_DESCRIPTOR *Descriptor);

/* ---- object.c: descriptors of objects ---- */

/* For SepInitializeTokens. */
NTSTATUS SepInitializeObjectSecurity(VOID);
VOID SepShutdownObjectSecurity(VOID);
/* The object has a copy of the descriptor from here on. STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS SepProtectObject(PVOID Object, PSECURITY_DESCRIPTOR Descriptor);
/* The same with SepPublicSddl: everybody may read, the system and administrators may all. */
NTSTATUS SepProtectPublicly(PVOID Object);
extern const UNICODE_STRING SepPublicSddl;
/* The object has this counted one, of which it takes a reference; NULL: none. */
VOID SepAdoptDescriptor(PVOID Object, PSECURITY_DESCRIPTOR Shared);
/* The object's descriptor, NULL if it has none; SepReleaseDescriptor. IRQL <= DISPATCH_LEVEL. */
PSECURITY_DESCRIPTOR SepReferenceDescriptor(PVOID Object);
VOID SepReleaseDescriptor(PSECURITY_DESCRIPTOR Descriptor);
/* A counted copy with one reference, for an object's field. STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS SepShareDescriptor(PSECURITY_DESCRIPTOR Source, PSECURITY_DESCRIPTOR *Shared);
/* Parts of the object's descriptor in a new self-relative one: ExFreePool. */
NTSTATUS SepQueryObject(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR *Copy,
                        ULONG *Length);
/*
 * Replaces parts; the calling thread must be entitled to the owner. STATUS_INVALID_OWNER,
 * STATUS_INVALID_PRIMARY_GROUP, STATUS_NO_SECURITY_ON_OBJECT, STATUS_INSUFFICIENT_RESOURCES.
 */
NTSTATUS SepSetObject(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR Descriptor,
                      const GENERIC_MAPPING *Mapping);

/* ---- services of the gate, and exports that the DDK headers lack ---- */

VOID NTAPI SeCaptureSubjectContextEx(PETHREAD Thread, PEPROCESS Process,
                                     PSECURITY_SUBJECT_CONTEXT SubjectContext);
SECURITY_IMPERSONATION_LEVEL NTAPI SeTokenImpersonationLevel(PACCESS_TOKEN Token);
