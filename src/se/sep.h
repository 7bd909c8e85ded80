/* SPDX-License-Identifier: MIT
 *
 * se/sep.h - what the files of se share: tokens inside, descriptors in parts
 */
#pragma once

#include "se/se.h"

#define SEP_TAG_TOKEN 0x6F546553u      /* 'SeTo' */
#define SEP_TAG_DESCRIPTOR 0x64536553u /* 'SeSd' */
#define SEP_TAG_PRIVILEGES 0x72506553u /* 'SePr' */

#define SEP_TOKEN_ALL_ACCESS 0x000F01FFu
#define SEP_TOKEN_DUPLICATE 0x0002u
#define SEP_TOKEN_QUERY 0x0008u
#define SEP_TOKEN_QUERY_SOURCE 0x0010u

/* Attributes of groups and privileges; the DDK headers have few of them. */
#define SEP_GROUP_MANDATORY 0x1u
#define SEP_GROUP_ENABLED_BY_DEFAULT 0x2u
#define SEP_GROUP_ENABLED 0x4u
#define SEP_GROUP_OWNER 0x8u
#define SEP_GROUP_DENY_ONLY 0x10u
#define SEP_GROUP_INTEGRITY 0x60u /* SE_GROUP_INTEGRITY, _INTEGRITY_ENABLED */
#define SEP_GROUP_LOGON_ID 0xC0000000u
#define SEP_GROUP_ORDINARY (SEP_GROUP_MANDATORY | SEP_GROUP_ENABLED_BY_DEFAULT | SEP_GROUP_ENABLED)
#define SEP_PRIVILEGE_ENABLED_BY_DEFAULT 1u
#define SEP_PRIVILEGE_ENABLED 2u
#define SEP_PRIVILEGE_USED 0x80000000u

#define SEP_MEDIUM_INTEGRITY 0x2000u
#define SEP_HIGH_INTEGRITY 0x3000u
#define SEP_SYSTEM_INTEGRITY 0x4000u

/* Privileges are bits of their LUIDs: 2 to 35. */
#define SEP_FIRST_PRIVILEGE 2u
#define SEP_LAST_PRIVILEGE 35u
#define SEP_PRIVILEGE_BIT(luid) (1ull << (luid))
#define SEP_ALL_PRIVILEGES \
    (((1ull << (SEP_LAST_PRIVILEGE + 1)) - 1) & ~((1ull << SEP_FIRST_PRIVILEGE) - 1))
#define SEP_SECURITY_PRIVILEGE 8u
#define SEP_TAKE_OWNERSHIP_PRIVILEGE 9u
#define SEP_RESTORE_PRIVILEGE 18u
#define SEP_BACKUP_PRIVILEGE 17u
#define SEP_CHANGE_NOTIFY_PRIVILEGE 23u
#define SEP_IMPERSONATE_PRIVILEGE 29u
#define SEP_RELABEL_PRIVILEGE 32u

/* What an access check looks at: of a token, or of a TOKEN_ACCESS_INFORMATION. */
typedef struct SEP_SUBJECT {
    const SID_AND_ATTRIBUTES *Sids; /* the user first */
    ULONG SidCount;
    const SID_AND_ATTRIBUTES *Restricted; /* NULL: not restricted */
    ULONG RestrictedCount;
    ULONG64 Enabled; /* privileges */
    ULONG Integrity; /* the label's number */
} SEP_SUBJECT;

typedef struct SEP_TOKEN {
    SEP_SUBJECT Subject; /* its arrays follow the structure */
    ULONG64 Present;     /* privileges */
    ULONG64 EnabledByDefault;
    LUID TokenId;
    LUID AuthenticationId;
    LUID ModifiedId;
    TOKEN_SOURCE Source;
    TOKEN_TYPE Type;
    SECURITY_IMPERSONATION_LEVEL Level;
    ULONG SessionId;
    ULONG Flags; /* TOKEN_IS_FILTERED, TOKEN_SANDBOX_INERT */
    ULONG Size;  /* of the structure and all that follows */
    PSID Owner;
    PSID PrimaryGroup;
    PACL DefaultDacl;
    PSECURITY_DESCRIPTOR Protection; /* counted: of processes that have this token */
} SEP_TOKEN;

extern POBJECT_TYPE SepTokenType;

/*
 * A token with copies of what Plan has, pointers included; TokenId and ModifiedId are new.
 * STATUS_INSUFFICIENT_RESOURCES.
 */
NTSTATUS SepBuildToken(const SEP_TOKEN *Plan, SEP_TOKEN **Token);
/* The next locally unique number. */
LUID SepAllocateLuid(VOID);

static inline BOOLEAN
SepHoldsPrivilege(const SEP_SUBJECT *Subject, ULONG Luid)
{
    return (Subject->Enabled & SEP_PRIVILEGE_BIT(Luid)) != 0;
}

/* Enabled, or the user: what an allowing ACE applies to. */
BOOLEAN SepHasSid(const SEP_SUBJECT *Subject, PSID Sid, BOOLEAN ForDeny);
/* Of the token that acts: the client's, or the process's. */
SEP_TOKEN *SepEffectiveToken(PSECURITY_SUBJECT_CONTEXT Context);

/* ---- descriptor.c ---- */

/* The parts of a descriptor in either form; an ACL that is not present is NULL. */
typedef struct SEP_PARTS {
    PSID Owner;
    PSID Group;
    PACL Sacl;
    PACL Dacl;
} SEP_PARTS;

#define SEP_ALIGN(length) (((length) + 3u) & ~3u)

VOID SepGetParts(PSECURITY_DESCRIPTOR SecurityDescriptor, SEP_PARTS *Parts);
BOOLEAN SepIsValidAcl(PACL Acl);
NTSTATUS SepCheckAbsolute(PISECURITY_DESCRIPTOR Descriptor);
VOID SepSetControl(PISECURITY_DESCRIPTOR Descriptor, SECURITY_DESCRIPTOR_CONTROL Bit,
                   BOOLEAN Value);
/* Where the next ACE goes; NULL: the ACL is not valid. */
PUCHAR SepFirstFreeAce(PACL Acl);

static inline SECURITY_DESCRIPTOR_CONTROL
SepControlOf(PSECURITY_DESCRIPTOR Descriptor)
{
    return ((PISECURITY_DESCRIPTOR)Descriptor)->Control;
}

/* ---- selfrelative.c ---- */

/* Bytes of the self-relative form. */
ULONG SepRelativeLength(const SEP_PARTS *Parts);
/* Writes the self-relative form; Control's presence bits count, its form bit does not. */
VOID SepWriteRelative(const SEP_PARTS *Parts, SECURITY_DESCRIPTOR_CONTROL Control, PVOID Target);
/* The same into new pool memory of tag SEP_TAG_DESCRIPTOR; NULL: none. */
PSECURITY_DESCRIPTOR SepMakeRelative(const SEP_PARTS *Parts, SECURITY_DESCRIPTOR_CONTROL Control);
/*
 * A caller's descriptor of either form, copied and checked; self-relative, in pool memory of tag
 * SEP_TAG_DESCRIPTOR. STATUS_ACCESS_VIOLATION (also: NULL), STATUS_UNKNOWN_REVISION,
 * STATUS_INVALID_SID, STATUS_INVALID_ACL, STATUS_INSUFFICIENT_RESOURCES.
 */
NTSTATUS SepCaptureDescriptor(PSECURITY_DESCRIPTOR Source, KPROCESSOR_MODE Mode,
                              PSECURITY_DESCRIPTOR *Descriptor);
/* All of a self-relative descriptor lies within Length bytes and is valid. */
BOOLEAN SepIsValidRelative(PSECURITY_DESCRIPTOR Descriptor, ULONG Length);

/* ---- assign.c ---- */

/* SeAssignSecurity, for a token; the result is freed with ExFreePool. */
NTSTATUS SepAssign(PSECURITY_DESCRIPTOR Parent, PSECURITY_DESCRIPTOR Explicit, BOOLEAN IsContainer,
                   const SEP_TOKEN *Token, const GENERIC_MAPPING *Mapping, KPROCESSOR_MODE Mode,
                   PSECURITY_DESCRIPTOR *Descriptor);
/* Old with the named parts of Change, in pool memory of tag SEP_TAG_DESCRIPTOR. */
NTSTATUS SepModify(PSECURITY_DESCRIPTOR Old, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR Change,
                   const SEP_TOKEN *Token, const GENERIC_MAPPING *Mapping,
                   PSECURITY_DESCRIPTOR *New);
/* The named parts of a descriptor (NULL: none); the bytes of their self-relative form. */
ULONG SepExtract(PSECURITY_DESCRIPTOR Descriptor, SECURITY_INFORMATION What, SEP_PARTS *Parts,
                 SECURITY_DESCRIPTOR_CONTROL *Control);
/* May an object that the token's bearer makes have this owner? */
BOOLEAN SepIsValidOwner(const SEP_TOKEN *Token, PSID Owner);
