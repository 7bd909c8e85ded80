/* SPDX-License-Identifier: MIT
 *
 * se/tokenquery.c - what is asked about a token, and handles to tokens
 *
 * An answer is built in a scratch block first, with pointers as they will be where it goes; it can
 * only then be copied there.
 *
 * Source   WDK reference, ntifs.h SeQueryInformationToken, ZwQueryInformationToken,
 *          ZwOpenProcessTokenEx, ZwOpenThreadTokenEx, SeTokenIsAdmin, SeTokenType,
 *          TOKEN_INFORMATION_CLASS.
 */
#include "se/sep.h"

#define SEP_ANSWER_BASE 2048u    /* room for what does not grow with the token */
#define SEP_ELEVATION_DEFAULT 1u /* TokenElevationTypeDefault */
#define SEP_POLICY 3u            /* TOKEN_MANDATORY_POLICY_NO_WRITE_UP, _NEW_PROCESS_MIN */

/* An answer under construction: pointers in it are those that hold in Home. */
typedef struct SEP_ANSWER {
    ULONG Length;
    ULONG Limit;
    ULONG_PTR Home;
    PUCHAR Data;
} SEP_ANSWER;

/* Room for Size bytes at the end; its offset. */
static ULONG
SepReserve(SEP_ANSWER *Answer, ULONG Size)
{
    ULONG offset = (Answer->Length + 7) & ~7u;

    NT_ASSERT_INTERNAL(offset + Size <= Answer->Limit);
    memset(Answer->Data + offset, 0, Size);
    Answer->Length = offset + Size;
    return offset;
}

/* A copy in the answer, as it is addressed there. */
static PVOID
SepPut(SEP_ANSWER *Answer, const VOID *Source, ULONG Length)
{
    ULONG offset = SepReserve(Answer, Length);

    memcpy(Answer->Data + offset, Source, Length);
    return (PVOID)(Answer->Home + offset);
}

static PSID
SepPutSid(SEP_ANSWER *Answer, PSID Sid)
{
    return SepPut(Answer, Sid, RtlLengthSid(Sid));
}

static VOID
SepPutSidAndAttributes(SEP_ANSWER *Answer, SID_AND_ATTRIBUTES *Target,
                       const SID_AND_ATTRIBUTES *Source)
{
    Target->Attributes = Source->Attributes;
    Target->Sid = SepPutSid(Answer, Source->Sid);
}

/* An array of SIDs, reserved by the caller at Offset. */
static VOID
SepPutSids(SEP_ANSWER *Answer, ULONG Offset, const SID_AND_ATTRIBUTES *Sids, ULONG Count)
{
    for (ULONG i = 0; i < Count; ++i) {
        SID_AND_ATTRIBUTES *target = (SID_AND_ATTRIBUTES *)(Answer->Data + Offset) + i;

        SepPutSidAndAttributes(Answer, target, &Sids[i]);
    }
}

static VOID
SepAnswerGroups(SEP_ANSWER *Answer, const SID_AND_ATTRIBUTES *Sids, ULONG Count)
{
    const ULONG first = FIELD_OFFSET(TOKEN_GROUPS, Groups);

    SepReserve(Answer, max(first + Count * (ULONG)sizeof(*Sids), (ULONG)sizeof(TOKEN_GROUPS)));
    ((TOKEN_GROUPS *)Answer->Data)->GroupCount = Count;
    SepPutSids(Answer, first, Sids, Count);
}

static ULONG
SepCountPrivileges(const SEP_TOKEN *Token)
{
    return (ULONG)__builtin_popcountll(Token->Present);
}

static VOID
SepListPrivileges(const SEP_TOKEN *Token, LUID_AND_ATTRIBUTES *Target)
{
    for (ULONG luid = SEP_FIRST_PRIVILEGE; luid <= SEP_LAST_PRIVILEGE; ++luid) {
        ULONG64 bit = SEP_PRIVILEGE_BIT(luid);

        if ((Token->Present & bit) != 0) {
            Target->Luid.LowPart = luid;
            Target->Luid.HighPart = 0;
            Target->Attributes =
                ((Token->Subject.Enabled & bit) != 0 ? SEP_PRIVILEGE_ENABLED : 0) |
                ((Token->EnabledByDefault & bit) != 0 ? SEP_PRIVILEGE_ENABLED_BY_DEFAULT : 0);
            ++Target;
        }
    }
}

/* At the end of the answer; where. */
static ULONG
SepPutPrivileges(SEP_ANSWER *Answer, const SEP_TOKEN *Token)
{
    ULONG count = SepCountPrivileges(Token);
    ULONG offset = SepReserve(Answer, FIELD_OFFSET(TOKEN_PRIVILEGES, Privileges) +
                                          count * (ULONG)sizeof(LUID_AND_ATTRIBUTES));
    TOKEN_PRIVILEGES *privileges = (TOKEN_PRIVILEGES *)(Answer->Data + offset);

    privileges->PrivilegeCount = count;
    SepListPrivileges(Token, privileges->Privileges);
    return offset;
}

static VOID
SepAnswerStatistics(SEP_ANSWER *Answer, const SEP_TOKEN *Token)
{
    TOKEN_STATISTICS *answer = (TOKEN_STATISTICS *)Answer->Data;

    SepReserve(Answer, sizeof(*answer));
    answer->TokenId = Token->TokenId;
    answer->AuthenticationId = Token->AuthenticationId;
    answer->ExpirationTime.QuadPart = MAXLONGLONG;
    answer->TokenType = Token->Type;
    answer->ImpersonationLevel = Token->Level;
    answer->GroupCount = Token->Subject.SidCount - 1;
    answer->PrivilegeCount = SepCountPrivileges(Token);
    answer->ModifiedId = Token->ModifiedId;
}

static VOID
SepAnswerGroupsAndPrivileges(SEP_ANSWER *Answer, const SEP_TOKEN *Token)
{
    const SEP_SUBJECT *subject = &Token->Subject;
    TOKEN_GROUPS_AND_PRIVILEGES *answer = (TOKEN_GROUPS_AND_PRIVILEGES *)Answer->Data;
    ULONG start;

    SepReserve(Answer, sizeof(*answer));
    answer->AuthenticationId = Token->AuthenticationId;
    answer->SidCount = subject->SidCount;
    start = SepReserve(Answer, subject->SidCount * (ULONG)sizeof(SID_AND_ATTRIBUTES));
    answer->Sids = (PSID_AND_ATTRIBUTES)(Answer->Home + start);
    SepPutSids(Answer, start, subject->Sids, subject->SidCount);
    answer->SidLength = Answer->Length - start;
    if (subject->Restricted != NULL) {
        answer->RestrictedSidCount = subject->RestrictedCount;
        start = SepReserve(Answer, subject->RestrictedCount * (ULONG)sizeof(SID_AND_ATTRIBUTES));
        answer->RestrictedSids = (PSID_AND_ATTRIBUTES)(Answer->Home + start);
        SepPutSids(Answer, start, subject->Restricted, subject->RestrictedCount);
        answer->RestrictedSidLength = Answer->Length - start;
    }
    answer->PrivilegeCount = SepCountPrivileges(Token);
    answer->PrivilegeLength = answer->PrivilegeCount * (ULONG)sizeof(LUID_AND_ATTRIBUTES);
    start = SepReserve(Answer, answer->PrivilegeLength);
    answer->Privileges = (PLUID_AND_ATTRIBUTES)(Answer->Home + start);
    SepListPrivileges(Token, (LUID_AND_ATTRIBUTES *)(Answer->Data + start));
}

static PSID_AND_ATTRIBUTES_HASH
SepPutHash(SEP_ANSWER *Answer, const SID_AND_ATTRIBUTES *Sids, ULONG Count)
{
    ULONG offset = SepReserve(Answer, sizeof(SID_AND_ATTRIBUTES_HASH));
    ULONG start = SepReserve(Answer, Count * (ULONG)sizeof(*Sids));
    SID_AND_ATTRIBUTES_HASH *hash = (SID_AND_ATTRIBUTES_HASH *)(Answer->Data + offset);

    hash->SidCount = Count;
    hash->SidAttr = (PSID_AND_ATTRIBUTES)(Answer->Home + start);
    SepPutSids(Answer, start, Sids, Count);
    return (PSID_AND_ATTRIBUTES_HASH)(Answer->Home + offset);
}

/* TOKEN_* as TOKEN_ACCESS_INFORMATION.Flags has them. */
static ULONG
SepTokenFlags(const SEP_TOKEN *Token)
{
    static const struct {
        ULONG Luid;
        ULONG Flag;
    } rows[] = {
        {SEP_CHANGE_NOTIFY_PRIVILEGE, TOKEN_HAS_TRAVERSE_PRIVILEGE},
        {SEP_BACKUP_PRIVILEGE, TOKEN_HAS_BACKUP_PRIVILEGE},
        {SEP_RESTORE_PRIVILEGE, TOKEN_HAS_RESTORE_PRIVILEGE},
        {SEP_IMPERSONATE_PRIVILEGE, TOKEN_HAS_IMPERSONATE_PRIVILEGE},
    };
    ULONG flags = Token->Flags | (Token->Subject.Restricted != NULL ? TOKEN_IS_RESTRICTED : 0) |
                  (Token->Subject.Integrity >= SEP_MEDIUM_INTEGRITY ? TOKEN_NOT_LOW : 0);

    NT_FOR_EACH (row, rows) {
        flags |= SepHoldsPrivilege(&Token->Subject, row->Luid) ? row->Flag : 0;
    }
    return flags;
}

static VOID
SepAnswerAccessInformation(SEP_ANSWER *Answer, const SEP_TOKEN *Token)
{
    TOKEN_ACCESS_INFORMATION *answer = (TOKEN_ACCESS_INFORMATION *)Answer->Data;

    SepReserve(Answer, sizeof(*answer));
    answer->SidHash = SepPutHash(Answer, Token->Subject.Sids, Token->Subject.SidCount);
    answer->RestrictedSidHash =
        SepPutHash(Answer, Token->Subject.Restricted, Token->Subject.RestrictedCount);
    answer->Privileges = (PTOKEN_PRIVILEGES)(Answer->Home + SepPutPrivileges(Answer, Token));
    answer->AuthenticationId = Token->AuthenticationId;
    answer->TokenType = Token->Type;
    answer->ImpersonationLevel = Token->Level;
    answer->MandatoryPolicy.Policy = SEP_POLICY;
    answer->Flags = SepTokenFlags(Token);
}

static VOID
SepAnswerNumber(SEP_ANSWER *Answer, ULONG Number)
{
    SepReserve(Answer, sizeof(ULONG));
    memcpy(Answer->Data, &Number, sizeof(Number));
}

/* The group with any of these attributes; NULL: none. */
static const SID_AND_ATTRIBUTES *
SepFindAttributes(const SEP_TOKEN *Token, ULONG Attributes)
{
    for (ULONG i = 1; i < Token->Subject.SidCount; ++i) {
        if ((Token->Subject.Sids[i].Attributes & Attributes) != 0) {
            return &Token->Subject.Sids[i];
        }
    }
    return NULL;
}

/* Answers that have SIDs and ACLs in them. FALSE: not one of these. */
static BOOLEAN
SepAnswerParts(const SEP_TOKEN *Token, TOKEN_INFORMATION_CLASS Class, SEP_ANSWER *Answer)
{
    const SEP_SUBJECT *subject = &Token->Subject;
    SID_AND_ATTRIBUTES *label = (SID_AND_ATTRIBUTES *)Answer->Data;
    const SID_AND_ATTRIBUTES *logon;

    switch ((int)Class) {
    case TokenUser:
        SepReserve(Answer, sizeof(TOKEN_USER));
        SepPutSidAndAttributes(Answer, label, &subject->Sids[0]);
        break;
    case TokenIntegrityLevel:
        SepReserve(Answer, sizeof(TOKEN_MANDATORY_LABEL));
        SepPutSidAndAttributes(Answer, label, SepFindAttributes(Token, SEP_GROUP_INTEGRITY));
        break;
    case TokenOwner:
        SepReserve(Answer, sizeof(TOKEN_OWNER));
        ((TOKEN_OWNER *)Answer->Data)->Owner = SepPutSid(Answer, Token->Owner);
        break;
    case TokenPrimaryGroup:
        SepReserve(Answer, sizeof(TOKEN_PRIMARY_GROUP));
        ((TOKEN_PRIMARY_GROUP *)Answer->Data)->PrimaryGroup =
            SepPutSid(Answer, Token->PrimaryGroup);
        break;
    case TokenDefaultDacl:
        SepReserve(Answer, sizeof(TOKEN_DEFAULT_DACL));
        if (Token->DefaultDacl != NULL) {
            ((TOKEN_DEFAULT_DACL *)Answer->Data)->DefaultDacl =
                SepPut(Answer, Token->DefaultDacl, Token->DefaultDacl->AclSize);
        }
        break;
    case TokenGroups:
        SepAnswerGroups(Answer, subject->Sids + 1, subject->SidCount - 1);
        break;
    case TokenRestrictedSids:
        SepAnswerGroups(Answer, subject->Restricted, subject->RestrictedCount);
        break;
    case TokenLogonSid:
        logon = SepFindAttributes(Token, SEP_GROUP_LOGON_ID);
        SepAnswerGroups(Answer, logon, logon != NULL ? 1 : 0);
        break;
    case TokenPrivileges:
        SepPutPrivileges(Answer, Token);
        break;
    case TokenGroupsAndPrivileges:
        SepAnswerGroupsAndPrivileges(Answer, Token);
        break;
    case TokenAccessInformation:
        SepAnswerAccessInformation(Answer, Token);
        break;
    default:
        return FALSE;
    }
    return TRUE;
}

/* STATUS_INVALID_INFO_CLASS: not one that is known, or not of a primary token. */
static NTSTATUS
SepAnswer(const SEP_TOKEN *Token, TOKEN_INFORMATION_CLASS Class, SEP_ANSWER *Answer)
{
    Answer->Length = 0;
    if (SepAnswerParts(Token, Class, Answer)) {
        return STATUS_SUCCESS;
    }
    switch ((int)Class) {
    case TokenStatistics:
        SepAnswerStatistics(Answer, Token);
        break;
    case TokenSource:
        SepPut(Answer, &Token->Source, sizeof(Token->Source));
        break;
    case TokenOrigin:
        SepReserve(Answer, sizeof(TOKEN_ORIGIN));
        break;
    case TokenType:
        SepAnswerNumber(Answer, Token->Type);
        break;
    case TokenImpersonationLevel:
        if (Token->Type != TokenImpersonation) {
            return STATUS_INVALID_INFO_CLASS;
        }
        SepAnswerNumber(Answer, Token->Level);
        break;
    case TokenSessionId:
        SepAnswerNumber(Answer, Token->SessionId);
        break;
    case TokenElevationType:
        SepAnswerNumber(Answer, SEP_ELEVATION_DEFAULT);
        break;
    case TokenElevation:
        SepAnswerNumber(Answer, SepHasSid(&Token->Subject, SeExports->SeAliasAdminsSid, FALSE));
        break;
    case TokenHasRestrictions:
        SepAnswerNumber(Answer, (Token->Flags & TOKEN_IS_FILTERED) != 0);
        break;
    case TokenSandBoxInert:
        SepAnswerNumber(Answer, (Token->Flags & TOKEN_SANDBOX_INERT) != 0);
        break;
    case TokenMandatoryPolicy:
        SepAnswerNumber(Answer, SEP_POLICY);
        break;
    case TokenUIAccess:
    case TokenVirtualizationAllowed:
    case TokenVirtualizationEnabled:
        SepAnswerNumber(Answer, 0);
        break;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
    return STATUS_SUCCESS;
}

/* A block that holds any answer about the token; NULL: no memory. */
static BOOLEAN
SepPrepareAnswer(const SEP_TOKEN *Token, SEP_ANSWER *Answer)
{
    Answer->Limit = SEP_ANSWER_BASE + 2 * Token->Size;
    Answer->Data = ExpAllocatePool(PagedPool, Answer->Limit, SEP_TAG_TOKEN, NT_CALLER());
    return Answer->Data != NULL;
}

#pragma GCC visibility push(default)

/*
 * SeQueryInformationToken - information about a token, in a block of paged pool
 *
 * TokenInformation  receives the block, to be freed by ExFreePool; for TokenSessionId and
 *                   TokenIntegrityLevel the number itself
 *
 * Errors   STATUS_INVALID_INFO_CLASS; STATUS_INSUFFICIENT_RESOURCES
 * IRQL     PASSIVE_LEVEL
 * Differs  the classes TokenSessionReference, TokenAuditPolicy and TokenLinkedToken, and those
 * above TokenLogonSid, are STATUS_INVALID_INFO_CLASS Source   WDK reference,
 * nf-ntifs-sequeryinformationtoken
 */
NTSTATUS NTAPI
SeQueryInformationToken(PACCESS_TOKEN Token, TOKEN_INFORMATION_CLASS TokenInformationClass,
                        PVOID *TokenInformation)
{
    NT_ENTER(SeQueryInformationToken);
    const SEP_TOKEN *token = Token;
    SEP_ANSWER answer = {.Home = 0};
    NTSTATUS status;
    PVOID block;

    if (TokenInformationClass == TokenSessionId || TokenInformationClass == TokenIntegrityLevel) {
        *(PULONG)TokenInformation =
            TokenInformationClass == TokenSessionId ? token->SessionId : token->Subject.Integrity;
        return STATUS_SUCCESS;
    }
    if (!SepPrepareAnswer(token, &answer)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = SepAnswer(token, TokenInformationClass, &answer);
    if (NT_SUCCESS(status)) {
        block = ExpAllocatePool(PagedPool, answer.Length, SEP_TAG_TOKEN, NT_CALLER());
        if (block == NULL) {
            status = STATUS_INSUFFICIENT_RESOURCES;
        } else {
            answer.Home = (ULONG_PTR)block;
            SepAnswer(token, TokenInformationClass, &answer);
            memcpy(block, answer.Data, answer.Length);
            *TokenInformation = block;
        }
    }
    ExFreePoolWithTag(answer.Data, SEP_TAG_TOKEN);
    return status;
}

/*
 * NtQueryInformationToken - the same through a handle, into the caller's buffer
 *
 * Errors   STATUS_BUFFER_TOO_SMALL, with *ReturnLength set; STATUS_INVALID_INFO_CLASS;
 *          STATUS_ACCESS_VIOLATION; STATUS_INSUFFICIENT_RESOURCES; those of the handle
 *          (TOKEN_QUERY, for TokenSource TOKEN_QUERY_SOURCE)
 */
NTSTATUS NTAPI
NtQueryInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass,
                        PVOID TokenInformation, ULONG TokenInformationLength, PULONG ReturnLength)
{
    NT_ENTER(NtQueryInformationToken);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    SEP_ANSWER answer = {.Home = (ULONG_PTR)TokenInformation};
    NTSTATUS status;
    PVOID token;

    status = ObReferenceObjectByHandle(TokenHandle,
                                       TokenInformationClass == TokenSource ? SEP_TOKEN_QUERY_SOURCE
                                                                            : SEP_TOKEN_QUERY,
                                       SepTokenType, mode, &token, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (!SepPrepareAnswer(token, &answer)) {
        ObDereferenceObject(token);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    status = SepAnswer(token, TokenInformationClass, &answer);
    ObDereferenceObject(token);
    if (NT_SUCCESS(status)) {
        status = MiCopyToUser(ReturnLength, &answer.Length, sizeof(answer.Length), mode);
    }
    if (NT_SUCCESS(status)) {
        status = TokenInformationLength < answer.Length
                     ? STATUS_BUFFER_TOO_SMALL
                     : MiCopyToUser(TokenInformation, answer.Data, answer.Length, mode);
    }
    ExFreePoolWithTag(answer.Data, SEP_TAG_TOKEN);
    return status;
}

NTSTATUS NTAPI
ZwQueryInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass,
                        PVOID TokenInformation, ULONG TokenInformationLength, PULONG ReturnLength)
{
    NT_ENTER(ZwQueryInformationToken);
    return OBP_ZW(NtQueryInformationToken(TokenHandle, TokenInformationClass, TokenInformation,
                                          TokenInformationLength, ReturnLength));
}

/* ---- what drivers ask most ---- */

TOKEN_TYPE NTAPI
SeTokenType(PACCESS_TOKEN Token)
{
    return ((SEP_TOKEN *)Token)->Type;
}

/* Exported, not in the reference. */
SECURITY_IMPERSONATION_LEVEL NTAPI
SeTokenImpersonationLevel(PACCESS_TOKEN Token)
{
    return ((SEP_TOKEN *)Token)->Level;
}

/* Is the Administrators group in the token, enabled? */
BOOLEAN NTAPI
SeTokenIsAdmin(PACCESS_TOKEN Token)
{
    NT_ENTER(SeTokenIsAdmin);
    return SepHasSid(&((SEP_TOKEN *)Token)->Subject, SeExports->SeAliasAdminsSid, FALSE);
}

/* Has it restricting SIDs? */
BOOLEAN NTAPI
SeTokenIsRestricted(PACCESS_TOKEN Token)
{
    NT_ENTER(SeTokenIsRestricted);
    return ((SEP_TOKEN *)Token)->Subject.Restricted != NULL;
}

NTSTATUS NTAPI
SeQueryAuthenticationIdToken(PACCESS_TOKEN Token, PLUID AuthenticationId)
{
    NT_ENTER(SeQueryAuthenticationIdToken);
    *AuthenticationId = ((SEP_TOKEN *)Token)->AuthenticationId;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
SeQuerySessionIdToken(PACCESS_TOKEN Token, PULONG SessionId)
{
    *SessionId = ((SEP_TOKEN *)Token)->SessionId;
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
