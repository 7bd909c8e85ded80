/* SPDX-License-Identifier: MIT
 *
 * se/token.c - access tokens: making them, and which process has which
 *
 * A token is one block: the structure, then its arrays, SIDs and default DACL (S1).
 *
 * Invariants  S1, S3 in se.h.
 * Locks       SepProcessTokenLock (spin) guards the token field of every process.
 * Source      WDK reference, ntifs.h TOKEN_*; SDK, "Access Tokens", "Well-known SIDs", "Privilege
 *             Constants"; the SIDs of host users and groups are those that Samba gives them.
 */
#include "se/sep.h"

#define SEP_UNIX_AUTHORITY 22u
#define SEP_UNIX_USER 1u
#define SEP_UNIX_GROUP 2u
#define SEP_LOGON_RID 5u
#define SEP_SYSTEM_LOGON 0x3E7u /* SYSTEM_LUID */
#define SEP_FIRST_LUID 0x10000u /* below: the well-known logon sessions */
#define SEP_EXTRA_GROUPS 8u     /* those that do not come from the host */
#define SEP_DACL_ROOM 128u
#define SEP_BIT(name) SEP_PRIVILEGE_BIT(name)

/* What an administrator and a user hold, as Windows gives it to them. */
#define SEP_USER_PRIVILEGES (SEP_BIT(19) | SEP_BIT(23) | SEP_BIT(25) | SEP_BIT(33) | SEP_BIT(34))
#define SEP_ADMIN_PRIVILEGES                                                                  \
    (SEP_USER_PRIVILEGES | SEP_BIT(5) | SEP_BIT(8) | SEP_BIT(9) | SEP_BIT(10) | SEP_BIT(11) | \
     SEP_BIT(12) | SEP_BIT(13) | SEP_BIT(14) | SEP_BIT(15) | SEP_BIT(17) | SEP_BIT(18) |      \
     SEP_BIT(20) | SEP_BIT(22) | SEP_BIT(24) | SEP_BIT(28) | SEP_BIT(29) | SEP_BIT(30) |      \
     SEP_BIT(35))

/* A SID of at most three sub-authorities, made on the spot. */
typedef struct SEP_SID_ROOM {
    SID Sid;
    ULONG More[2];
} SEP_SID_ROOM;

/* A token under construction. */
typedef struct SEP_MAKING {
    SEP_TOKEN Plan;
    SEP_SID_ROOM *Rooms;
    SID_AND_ATTRIBUTES *Sids;
    ULONG RoomCount;
    SEP_SID_ROOM Logon;
    ULONG64 Dacl[SEP_DACL_ROOM / sizeof(ULONG64)];
} SEP_MAKING;

static SEP_TOKEN *SepSystemToken;
static SEP_TOKEN_FIELD *SepTokenField;
static KSPIN_LOCK SepProcessTokenLock;
static LONG64 SepNextLuid = SEP_FIRST_LUID; /* atomic */
POBJECT_TYPE SepTokenType;

#pragma GCC visibility push(default)
POBJECT_TYPE *SeTokenObjectType = &SepTokenType;
#pragma GCC visibility pop

LUID
SepAllocateLuid(VOID)
{
    LONG64 value = __atomic_add_fetch(&SepNextLuid, 1, __ATOMIC_RELAXED);

    return (LUID){.LowPart = (ULONG)value, .HighPart = (LONG)(value >> 32)};
}

/* ---- one block from its parts ---- */

static ULONG
SepSidBytes(const SID_AND_ATTRIBUTES *Sids, ULONG Count)
{
    ULONG bytes = Count * (ULONG)sizeof(*Sids);

    for (ULONG i = 0; i < Count; ++i) {
        bytes += SEP_ALIGN(RtlLengthSid(Sids[i].Sid));
    }
    return (bytes + 7) & ~7u;
}

/* Copies the array to *Room, the SIDs behind it, and moves *Room on. */
static SID_AND_ATTRIBUTES *
SepPlaceSids(PUCHAR *Room, const SID_AND_ATTRIBUTES *Sids, ULONG Count)
{
    SID_AND_ATTRIBUTES *copy = (SID_AND_ATTRIBUTES *)*Room;
    PUCHAR sid = *Room + Count * sizeof(*copy);

    *Room += SepSidBytes(Sids, Count);
    for (ULONG i = 0; i < Count; ++i) {
        ULONG length = RtlLengthSid(Sids[i].Sid);

        memcpy(sid, Sids[i].Sid, length);
        copy[i].Sid = sid;
        copy[i].Attributes = Sids[i].Attributes;
        sid += SEP_ALIGN(length);
    }
    return copy;
}

/* The token's own copy of a SID that is one of its user and groups. */
static PSID
SepFindOwn(const SEP_SUBJECT *Subject, PSID Sid)
{
    for (ULONG i = 0; i < Subject->SidCount; ++i) {
        if (RtlEqualSid(Subject->Sids[i].Sid, Sid)) {
            return Subject->Sids[i].Sid;
        }
    }
    return NULL;
}

/*
 * What protects a process that has the token: its default DACL. Made here, so that giving a process
 * a token cannot fail. Generic rights stay what they are: threads have their process's descriptor.
 */
static NTSTATUS
SepMakeProtection(SEP_TOKEN *Token)
{
    SECURITY_DESCRIPTOR descriptor = {.Revision = SECURITY_DESCRIPTOR_REVISION};

    descriptor.Control = SE_DACL_PRESENT | SE_DACL_DEFAULTED;
    descriptor.Owner = Token->Owner;
    descriptor.Group = Token->PrimaryGroup;
    descriptor.Dacl = Token->DefaultDacl;
    return SepShareDescriptor(&descriptor, &Token->Protection);
}

NTSTATUS
SepBuildToken(const SEP_TOKEN *Plan, SEP_TOKEN **Token)
{
    const SEP_SUBJECT *subject = &Plan->Subject;
    ULONG size = (ULONG)sizeof(SEP_TOKEN) + SepSidBytes(subject->Sids, subject->SidCount) +
                 SepSidBytes(subject->Restricted, subject->RestrictedCount) +
                 (Plan->DefaultDacl != NULL ? Plan->DefaultDacl->AclSize : 0);
    SEP_TOKEN *token;
    PUCHAR room;
    NTSTATUS status = ObpCreateObject(SepTokenType, size, (PVOID *)&token);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    *token = *Plan;
    token->Size = size;
    token->TokenId = SepAllocateLuid();
    token->ModifiedId = SepAllocateLuid();
    room = (PUCHAR)(token + 1);
    token->Subject.Sids = SepPlaceSids(&room, subject->Sids, subject->SidCount);
    if (subject->Restricted != NULL) {
        token->Subject.Restricted =
            SepPlaceSids(&room, subject->Restricted, subject->RestrictedCount);
    }
    token->Owner = SepFindOwn(&token->Subject, Plan->Owner);
    token->PrimaryGroup = SepFindOwn(&token->Subject, Plan->PrimaryGroup);
    NT_ASSERT_INTERNAL(token->Owner != NULL && token->PrimaryGroup != NULL);
    if (Plan->DefaultDacl != NULL) {
        token->DefaultDacl = (PACL)room;
        memcpy(room, Plan->DefaultDacl, Plan->DefaultDacl->AclSize);
    }
    token->Protection = NULL;
    status = SepMakeProtection(token);
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(token);
        return status;
    }
    *Token = token;
    return STATUS_SUCCESS;
}

static VOID
SepDeleteToken(PVOID Object)
{
    SepReleaseDescriptor(((SEP_TOKEN *)Object)->Protection);
}

/* ---- identities ---- */

static VOID
SepAddSid(SEP_MAKING *Making, PSID Sid, ULONG Attributes)
{
    SID_AND_ATTRIBUTES *entry = &Making->Sids[Making->Plan.Subject.SidCount++];

    entry->Sid = Sid;
    entry->Attributes = Attributes;
}

/* S-1-22-Kind-Id, in the next room. */
static PSID
SepMakeUnixSid(SEP_MAKING *Making, ULONG Kind, ULONG Id)
{
    SID_IDENTIFIER_AUTHORITY authority = {{0, 0, 0, 0, 0, SEP_UNIX_AUTHORITY}};
    PSID sid = &Making->Rooms[Making->RoomCount++].Sid;

    RtlInitializeSid(sid, &authority, 2);
    *RtlSubAuthoritySid(sid, 0) = Kind;
    *RtlSubAuthoritySid(sid, 1) = Id;
    return sid;
}

/* S-1-5-5-high-low of the logon session. */
static PSID
SepMakeLogonSid(SEP_MAKING *Making)
{
    SID_IDENTIFIER_AUTHORITY authority = SECURITY_NT_AUTHORITY;
    PSID sid = &Making->Logon.Sid;

    RtlInitializeSid(sid, &authority, 3);
    *RtlSubAuthoritySid(sid, 0) = SEP_LOGON_RID;
    *RtlSubAuthoritySid(sid, 1) = (ULONG)Making->Plan.AuthenticationId.HighPart;
    *RtlSubAuthoritySid(sid, 2) = Making->Plan.AuthenticationId.LowPart;
    return sid;
}

static VOID
SepAddDefaultAce(SEP_MAKING *Making, ACCESS_MASK Access, PSID Sid)
{
    NTSTATUS status = RtlAddAccessAllowedAce((PACL)Making->Dacl, ACL_REVISION, Access, Sid);

    NT_ASSERT_INTERNAL(NT_SUCCESS(status));
}

static VOID
SepPlanSystem(SEP_MAKING *Making)
{
    SEP_TOKEN *plan = &Making->Plan;

    SepAddSid(Making, SeExports->SeLocalSystemSid, 0);
    SepAddSid(Making, SeExports->SeAliasAdminsSid,
              (SEP_GROUP_ORDINARY & ~SEP_GROUP_MANDATORY) | SEP_GROUP_OWNER);
    SepAddSid(Making, SeExports->SeWorldSid, SEP_GROUP_ORDINARY);
    SepAddSid(Making, SeExports->SeAuthenticatedUsersSid, SEP_GROUP_ORDINARY);
    SepAddSid(Making, SeExports->SeSystemMandatorySid, SEP_GROUP_INTEGRITY);
    plan->Subject.Enabled = SEP_ALL_PRIVILEGES;
    plan->Subject.Integrity = SEP_SYSTEM_INTEGRITY;
    plan->Present = SEP_ALL_PRIVILEGES;
    plan->AuthenticationId.LowPart = SEP_SYSTEM_LOGON;
    plan->Owner = SeExports->SeAliasAdminsSid;
    plan->PrimaryGroup = SeExports->SeLocalSystemSid;
    memcpy(plan->Source.SourceName, "*SYSTEM*", sizeof(plan->Source.SourceName));
    SepAddDefaultAce(Making, GENERIC_ALL, SeExports->SeLocalSystemSid);
    SepAddDefaultAce(Making, GENERIC_READ | GENERIC_EXECUTE | READ_CONTROL,
                     SeExports->SeAliasAdminsSid);
}

static VOID
SepPlanUser(SEP_MAKING *Making, const SEP_IDENTITY *Identity)
{
    BOOLEAN isAdmin = Identity->IsAdministrator;
    SEP_TOKEN *plan = &Making->Plan;
    PSID user = SepMakeUnixSid(Making, SEP_UNIX_USER, Identity->Uid);
    PSID group = SepMakeUnixSid(Making, SEP_UNIX_GROUP, Identity->Gid);

    plan->AuthenticationId = SepAllocateLuid();
    SepAddSid(Making, user, 0);
    SepAddSid(Making, group, SEP_GROUP_ORDINARY);
    SepAddSid(Making, SeExports->SeWorldSid, SEP_GROUP_ORDINARY);
    if (isAdmin) {
        SepAddSid(Making, SeExports->SeAliasAdminsSid, SEP_GROUP_ORDINARY | SEP_GROUP_OWNER);
    }
    SepAddSid(Making, SeExports->SeAliasUsersSid, SEP_GROUP_ORDINARY);
    SepAddSid(Making, SeExports->SeInteractiveSid, SEP_GROUP_ORDINARY);
    SepAddSid(Making, SeExports->SeAuthenticatedUsersSid, SEP_GROUP_ORDINARY);
    SepAddSid(Making, SepMakeLogonSid(Making), SEP_GROUP_ORDINARY | SEP_GROUP_LOGON_ID);
    for (ULONG i = 0; i < Identity->GroupCount; ++i) {
        if (Identity->Groups[i] != Identity->Gid) {
            SepAddSid(Making, SepMakeUnixSid(Making, SEP_UNIX_GROUP, Identity->Groups[i]),
                      SEP_GROUP_ORDINARY);
        }
    }
    SepAddSid(Making, isAdmin ? SeExports->SeHighMandatorySid : SeExports->SeMediumMandatorySid,
              SEP_GROUP_INTEGRITY);
    plan->Present = isAdmin ? SEP_ADMIN_PRIVILEGES : SEP_USER_PRIVILEGES;
    plan->Subject.Enabled = isAdmin ? SEP_ADMIN_PRIVILEGES : SEP_BIT(SEP_CHANGE_NOTIFY_PRIVILEGE);
    plan->Subject.Integrity = isAdmin ? SEP_HIGH_INTEGRITY : SEP_MEDIUM_INTEGRITY;
    plan->Owner = isAdmin ? SeExports->SeAliasAdminsSid : user;
    plan->PrimaryGroup = group;
    memcpy(plan->Source.SourceName, "ntbox   ", sizeof(plan->Source.SourceName));
    SepAddDefaultAce(Making, GENERIC_ALL, plan->Owner);
    SepAddDefaultAce(Making, GENERIC_ALL, SeExports->SeLocalSystemSid);
    SepAddDefaultAce(Making, GENERIC_READ | GENERIC_EXECUTE, &Making->Logon.Sid);
}

NTSTATUS
SepCreateToken(const SEP_IDENTITY *Identity, PACCESS_TOKEN *Token)
{
    ULONG limit = Identity->GroupCount + SEP_EXTRA_GROUPS + 2; /* the user and the first group */
    SEP_MAKING *making;
    SEP_TOKEN *token;
    NTSTATUS status;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    if (Identity->GroupCount > SEP_MAX_GROUPS) {
        return STATUS_INVALID_PARAMETER;
    }
    making = ExpAllocatePool(
        PagedPool, sizeof(*making) + limit * (sizeof(SEP_SID_ROOM) + sizeof(SID_AND_ATTRIBUTES)),
        SEP_TAG_TOKEN, NT_CALLER());
    if (making == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memset(making, 0, sizeof(*making));
    making->Sids = (SID_AND_ATTRIBUTES *)(making + 1);
    making->Rooms = (SEP_SID_ROOM *)(making->Sids + limit);
    RtlCreateAcl((PACL)making->Dacl, sizeof(making->Dacl), ACL_REVISION);
    if (Identity->IsSystem || Identity->Uid == 0) {
        SepPlanSystem(making);
    } else {
        SepPlanUser(making, Identity);
    }
    NT_ASSERT_INTERNAL(making->Plan.Subject.SidCount <= limit && making->RoomCount <= limit);
    making->Plan.Subject.Sids = making->Sids;
    making->Plan.EnabledByDefault = making->Plan.Subject.Enabled;
    making->Plan.Type = TokenPrimary;
    making->Plan.DefaultDacl = (PACL)making->Dacl;
    /* Cut to what is used. */
    making->Plan.DefaultDacl->AclSize =
        (USHORT)(SepFirstFreeAce(making->Plan.DefaultDacl) - (PUCHAR)making->Dacl);
    status = SepBuildToken(&making->Plan, &token);
    ExFreePoolWithTag(making, SEP_TAG_TOKEN);
    if (NT_SUCCESS(status)) {
        *Token = token;
    }
    return status;
}

/* ---- whose token ---- */

NTSTATUS
SepInitializeTokens(VOID)
{
    static const OBP_TYPE_OPS ops = {
        .Name = L"Token",
        .ValidAccess = SEP_TOKEN_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | SEP_TOKEN_QUERY, STANDARD_RIGHTS_WRITE | 0xE0,
                    STANDARD_RIGHTS_EXECUTE, SEP_TOKEN_ALL_ACCESS},
        .Delete = SepDeleteToken,
    };
    static const SEP_IDENTITY system = {.IsSystem = TRUE};
    PACCESS_TOKEN token;
    NTSTATUS status = ObpCreateType(&ops, &SepTokenType);

    KeInitializeSpinLock(&SepProcessTokenLock);
    if (NT_SUCCESS(status)) {
        status = SepCreateToken(&system, &token);
    }
    if (NT_SUCCESS(status)) {
        SepSystemToken = token;
        status = SepInitializeObjectSecurity();
    }
    return status;
}

VOID
SepShutdownTokens(VOID)
{
    SepShutdownObjectSecurity();
    SepTokenField = NULL;
    if (SepSystemToken != NULL) {
        ObDereferenceObject(SepSystemToken);
        SepSystemToken = NULL;
    }
}

VOID
SepRegisterProcessTokens(SEP_TOKEN_FIELD *Field)
{
    SepTokenField = Field;
}

PACCESS_TOKEN
SepReferenceProcessToken(PEPROCESS Process)
{
    PACCESS_TOKEN token = NULL;
    KIRQL irql;

    if (SepSystemToken == NULL) {
        return NULL;
    }
    KeAcquireSpinLock(&SepProcessTokenLock, &irql);
    if (Process != NULL && SepTokenField != NULL) {
        token = *SepTokenField(Process);
    }
    if (token == NULL) {
        token = SepSystemToken; /* S3 */
    }
    ObReferenceObject(token);
    KeReleaseSpinLock(&SepProcessTokenLock, irql);
    return token;
}

VOID
SepAssignProcessToken(PEPROCESS Process, PACCESS_TOKEN Token)
{
    PACCESS_TOKEN *field;
    PACCESS_TOKEN old;
    KIRQL irql;

    NT_IRQL_MAX(PASSIVE_LEVEL);
    NT_ASSERT_INTERNAL(SepTokenField != NULL);
    if (Token != NULL) {
        ObReferenceObject(Token);
    }
    field = SepTokenField(Process);
    KeAcquireSpinLock(&SepProcessTokenLock, &irql);
    old = *field;
    *field = Token;
    KeReleaseSpinLock(&SepProcessTokenLock, irql);
    if (old != NULL) {
        ObDereferenceObject(old);
    }
    if (SepSystemToken != NULL) {
        Token = Token != NULL ? Token : SepSystemToken;
        SepAdoptDescriptor(Process, ((SEP_TOKEN *)Token)->Protection);
    }
}

SEP_TOKEN *
SepEffectiveToken(PSECURITY_SUBJECT_CONTEXT Context)
{
    return Context->ClientToken != NULL ? Context->ClientToken : Context->PrimaryToken;
}

/* ---- subject contexts ---- */

#pragma GCC visibility push(default)

/*
 * The thread's impersonation token and the process's own, referenced. Differs: no thread
 * impersonates. Source: WDK reference, nf-ntifs-secapturesubjectcontextex.
 */
VOID NTAPI
SeCaptureSubjectContextEx(PETHREAD Thread, PEPROCESS Process,
                          PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    NT_ENTER(SeCaptureSubjectContextEx);
    memset(SubjectContext, 0, sizeof(*SubjectContext));
    SubjectContext->PrimaryToken = SepReferenceProcessToken(Process);
    SubjectContext->ProcessAuditId = Process;
}

VOID NTAPI
SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    NT_ENTER(SeCaptureSubjectContext);
    KTHREAD *thread = KiGetCurrentThread();

    SeCaptureSubjectContextEx((PETHREAD)thread, (PEPROCESS)thread->Process, SubjectContext);
}

/* Tokens do not change (S1), so there is nothing to lock. */
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
    if (SubjectContext->ClientToken != NULL) {
        ObDereferenceObject(SubjectContext->ClientToken);
    }
    memset(SubjectContext, 0, sizeof(*SubjectContext));
}

#pragma GCC visibility pop
