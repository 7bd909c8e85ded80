/* SPDX-License-Identifier: MIT
 *
 * token_test.c - tokens: who is in them, and tokens made from tokens
 */
#include "se_test.h"

#define GROUP_ENABLED 7u
#define GROUP_DENY_ONLY 0x10u
#define MAX_PRIVILEGE 1u

void
NtTestSetUp(void)
{
    SeTestStart();
}

void
NtTestTearDown(void)
{
    SeTestStop();
}

/* The answer to a question about the token; the caller frees it. */
static PVOID
Query(PACCESS_TOKEN Token, TOKEN_INFORMATION_CLASS Class)
{
    PVOID answer = NULL;

    NT_EXPECT_STATUS(SeQueryInformationToken(Token, Class, &answer), STATUS_SUCCESS);
    return answer;
}

/* Attributes of a group, by its text; ~0: not there. */
static ULONG
GroupOf(PACCESS_TOKEN Token, PCWSTR Sid)
{
    TOKEN_GROUPS *groups = Query(Token, TokenGroups);
    PSECURITY_DESCRIPTOR descriptor;
    ULONG attributes = ~0u;
    UNICODE_STRING text;
    BOOLEAN defaulted;
    WCHAR owner[80] = L"O:";
    PSID wanted;

    wcscat(owner, Sid);
    wcscat(owner, L"D:");
    RtlInitUnicodeString(&text, owner);
    NT_EXPECT_STATUS(SepParseSddl(&text, &descriptor), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlGetOwnerSecurityDescriptor(descriptor, &wanted, &defaulted),
                     STATUS_SUCCESS);
    for (ULONG i = 0; i < groups->GroupCount; ++i) {
        if (RtlEqualSid(groups->Groups[i].Sid, wanted)) {
            NT_EXPECT_EQ(attributes, ~0u); /* once only */
            attributes = groups->Groups[i].Attributes;
        }
    }
    ExFreePool(descriptor);
    ExFreePool(groups);
    return attributes;
}

static ULONG
PrivilegeOf(PACCESS_TOKEN Token, LUID Luid)
{
    TOKEN_PRIVILEGES *privileges = Query(Token, TokenPrivileges);
    ULONG attributes = ~0u;

    for (ULONG i = 0; i < privileges->PrivilegeCount; ++i) {
        if (privileges->Privileges[i].Luid.LowPart == Luid.LowPart) {
            attributes = privileges->Privileges[i].Attributes;
        }
    }
    ExFreePool(privileges);
    return attributes;
}

static BOOLEAN
SidIs(PSID Sid, ULONG Kind, ULONG Id)
{
    const SID *sid = Sid;

    return sid->SubAuthorityCount == 2 && sid->IdentifierAuthority.Value[5] == 22 &&
           *RtlSubAuthoritySid(Sid, 0) == Kind && *RtlSubAuthoritySid(Sid, 1) == Id;
}

NT_TEST(Token, OfAHostUser)
{
    static const ULONG more[] = {100, 1000, 27};
    SEP_IDENTITY identity = {.Uid = 1000, .Gid = 1000, .Groups = more, .GroupCount = 3};
    TOKEN_PRIMARY_GROUP *group;
    TOKEN_DEFAULT_DACL *dacl;
    TOKEN_STATISTICS *first;
    TOKEN_STATISTICS *second;
    TOKEN_GROUPS *logon;
    TOKEN_OWNER *owner;
    PACCESS_TOKEN again;
    PACCESS_TOKEN token;
    TOKEN_USER *user;
    ULONG level;

    NT_EXPECT_STATUS(SepCreateToken(&identity, &token), STATUS_SUCCESS);
    user = Query(token, TokenUser);
    NT_EXPECT_TRUE(SidIs(user->User.Sid, 1, 1000));
    ExFreePool(user);
    owner = Query(token, TokenOwner);
    NT_EXPECT_TRUE(SidIs(owner->Owner, 1, 1000));
    ExFreePool(owner);
    group = Query(token, TokenPrimaryGroup);
    NT_EXPECT_TRUE(SidIs(group->PrimaryGroup, 2, 1000));
    ExFreePool(group);
    NT_EXPECT_EQ(GroupOf(token, L"S-1-22-2-1000"), GROUP_ENABLED);
    NT_EXPECT_EQ(GroupOf(token, L"S-1-22-2-100"), GROUP_ENABLED);
    NT_EXPECT_EQ(GroupOf(token, L"S-1-22-2-27"), GROUP_ENABLED);
    NT_EXPECT_EQ(GroupOf(token, L"WD"), GROUP_ENABLED);
    NT_EXPECT_EQ(GroupOf(token, L"AU"), GROUP_ENABLED);
    NT_EXPECT_EQ(GroupOf(token, L"BU"), GROUP_ENABLED);
    NT_EXPECT_EQ(GroupOf(token, L"IU"), GROUP_ENABLED);
    NT_EXPECT_EQ(GroupOf(token, L"BA"), ~0u);
    NT_EXPECT_EQ(GroupOf(token, L"ME"), 0x60);
    NT_EXPECT_FALSE(SeTokenIsAdmin(token));
    NT_EXPECT_FALSE(SeTokenIsRestricted(token));
    NT_EXPECT_EQ(SeTokenType(token), TokenPrimary);
    NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenIntegrityLevel, (PVOID *)&level),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(level, 0x2000);
    NT_EXPECT_EQ(PrivilegeOf(token, SeExports->SeChangeNotifyPrivilege), 3);
    NT_EXPECT_EQ(PrivilegeOf(token, SeExports->SeShutdownPrivilege), 0);
    NT_EXPECT_EQ(PrivilegeOf(token, SeExports->SeLoadDriverPrivilege), ~0u);
    dacl = Query(token, TokenDefaultDacl);
    NT_EXPECT_EQ(dacl->DefaultDacl->AceCount, 3);
    ExFreePool(dacl);
    /* A logon of its own: another token of the same user has another. */
    NT_EXPECT_STATUS(SepCreateToken(&identity, &again), STATUS_SUCCESS);
    first = Query(token, TokenStatistics);
    second = Query(again, TokenStatistics);
    NT_EXPECT_EQ(first->GroupCount, 9);
    NT_EXPECT_NE(first->TokenId.LowPart, second->TokenId.LowPart);
    NT_EXPECT_NE(first->AuthenticationId.LowPart, second->AuthenticationId.LowPart);
    logon = Query(token, TokenLogonSid);
    NT_EXPECT_EQ(logon->GroupCount, 1);
    NT_EXPECT_EQ(logon->Groups[0].Attributes, 0xC0000000u | GROUP_ENABLED);
    NT_EXPECT_EQ(*RtlSubAuthoritySid(logon->Groups[0].Sid, 2), first->AuthenticationId.LowPart);
    ExFreePool(logon);
    ExFreePool(first);
    ExFreePool(second);
    ObDereferenceObject(again);
    ObDereferenceObject(token);
}

NT_TEST(Token, OfAnAdministratorAndOfTheSystem)
{
    PACCESS_TOKEN admin = SeTestToken(SE_TEST_ADMIN | 1000);
    PACCESS_TOKEN system = SeTestToken(0);
    TOKEN_OWNER *owner;
    LUID id;
    ULONG session = 9;

    NT_EXPECT_TRUE(SeTokenIsAdmin(admin));
    NT_EXPECT_TRUE(SeTokenIsAdmin(system));
    NT_EXPECT_EQ(GroupOf(admin, L"BA"), GROUP_ENABLED | 8);
    NT_EXPECT_EQ(GroupOf(admin, L"HI"), 0x60);
    NT_EXPECT_EQ(GroupOf(system, L"SI"), 0x60);
    NT_EXPECT_EQ(GroupOf(system, L"IU"), ~0u);
    NT_EXPECT_EQ(PrivilegeOf(admin, SeExports->SeLoadDriverPrivilege), 3);
    NT_EXPECT_EQ(PrivilegeOf(admin, SeExports->SeDebugPrivilege), 3);
    NT_EXPECT_EQ(PrivilegeOf(admin, SeExports->SeTcbPrivilege), ~0u);
    NT_EXPECT_EQ(PrivilegeOf(system, SeExports->SeTcbPrivilege), 3);
    owner = Query(admin, TokenOwner);
    NT_EXPECT_TRUE(RtlEqualSid(owner->Owner, SeExports->SeAliasAdminsSid));
    ExFreePool(owner);
    NT_EXPECT_STATUS(SeQueryAuthenticationIdToken(system, &id), STATUS_SUCCESS);
    NT_EXPECT_EQ(id.LowPart, 0x3E7);
    NT_EXPECT_STATUS(SeQuerySessionIdToken(system, &session), STATUS_SUCCESS);
    NT_EXPECT_EQ(session, 0);
    ObDereferenceObject(system);
    ObDereferenceObject(admin);
}

NT_TEST(Token, ManyGroupsAndTooMany)
{
    static ULONG groups[SEP_MAX_GROUPS + 1];
    SEP_IDENTITY identity = {.Uid = 5, .Gid = 5, .Groups = groups, .GroupCount = SEP_MAX_GROUPS};
    TOKEN_GROUPS_AND_PRIVILEGES *all;
    PACCESS_TOKEN token;

    for (ULONG i = 0; i <= SEP_MAX_GROUPS; ++i) {
        groups[i] = 10000 + i;
    }
    NT_EXPECT_STATUS(SepCreateToken(&identity, &token), STATUS_SUCCESS);
    NT_EXPECT_EQ(GroupOf(token, L"S-1-22-2-11023"), GROUP_ENABLED);
    all = Query(token, TokenGroupsAndPrivileges);
    NT_EXPECT_EQ(all->SidCount, SEP_MAX_GROUPS + 8);
    NT_EXPECT_TRUE(SidIs(all->Sids[0].Sid, 1, 5));
    NT_EXPECT_EQ(all->PrivilegeCount, 5);
    NT_EXPECT_EQ(all->RestrictedSids, NULL);
    ExFreePool(all);
    ObDereferenceObject(token);
    identity.GroupCount++;
    NT_EXPECT_STATUS(SepCreateToken(&identity, &token), STATUS_INVALID_PARAMETER);
}

NT_TEST(Token, NoMemory)
{
    SEP_IDENTITY identity = {.Uid = 5, .Gid = 5};
    PACCESS_TOKEN token = SeTestToken(1000);
    PACCESS_TOKEN other;
    PVOID answer;

    for (ULONG n = 1; n <= 3; ++n) {
        SimSetFaultPlan("pool", n);
        NT_EXPECT_STATUS(SepCreateToken(&identity, &other), STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan("pool", n);
        NT_EXPECT_STATUS(SeFilterToken(token, 0, NULL, NULL, NULL, &other),
                         STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
    }
    for (ULONG n = 1; n <= 2; ++n) {
        SimSetFaultPlan("pool", n);
        NT_EXPECT_STATUS(SeQueryInformationToken(token, TokenGroups, &answer),
                         STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
    }
    ObDereferenceObject(token);
}

static NTSTATUS
Access(PACCESS_TOKEN Token, PCWSTR Sddl, ACCESS_MASK Desired)
{
    static GENERIC_MAPPING mapping = {1, 2, 4, 0x1F0007};
    SECURITY_SUBJECT_CONTEXT context = {.PrimaryToken = Token};
    PSECURITY_DESCRIPTOR descriptor = SeTestDescriptor(Sddl);
    ACCESS_MASK granted;
    NTSTATUS status;

    SeAccessCheck(descriptor, &context, FALSE, Desired, 0, NULL, &mapping, UserMode, &granted,
                  &status);
    ExFreePool(descriptor);
    return status;
}

NT_TEST(Token, FilteredGroupsDenyOnly)
{
    PACCESS_TOKEN admin = SeTestToken(SE_TEST_ADMIN | 1000);
    TOKEN_GROUPS disable = {1, {{SeExports->SeAliasAdminsSid, 0}}};
    TOKEN_PRIVILEGES delete = {.PrivilegeCount = 1};
    PACCESS_TOKEN filtered;

    delete.Privileges[0].Luid = SeExports->SeDebugPrivilege;
    NT_EXPECT_STATUS(SeFilterToken(admin, 0, &disable, &delete, NULL, &filtered), STATUS_SUCCESS);
    NT_EXPECT_FALSE(SeTokenIsAdmin(filtered));
    NT_EXPECT_FALSE(SeTokenIsRestricted(filtered));
    NT_EXPECT_EQ(GroupOf(filtered, L"BA") & (GROUP_DENY_ONLY | 6), GROUP_DENY_ONLY);
    NT_EXPECT_EQ(PrivilegeOf(filtered, SeExports->SeDebugPrivilege), ~0u);
    NT_EXPECT_EQ(PrivilegeOf(filtered, SeExports->SeBackupPrivilege), 3);
    NT_EXPECT_STATUS(Access(admin, L"D:(A;;1;;;BA)", 1), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Access(filtered, L"D:(A;;1;;;BA)", 1), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(Access(filtered, L"D:(A;;1;;;WD)", 1), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Access(filtered, L"D:(D;;1;;;BA)(A;;1;;;WD)", 1), STATUS_ACCESS_DENIED);
    /* The original is as it was. */
    NT_EXPECT_TRUE(SeTokenIsAdmin(admin));
    ObDereferenceObject(filtered);
    NT_EXPECT_STATUS(SeFilterToken(admin, MAX_PRIVILEGE, NULL, NULL, NULL, &filtered),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(PrivilegeOf(filtered, SeExports->SeBackupPrivilege), ~0u);
    NT_EXPECT_EQ(PrivilegeOf(filtered, SeExports->SeChangeNotifyPrivilege), 3);
    NT_EXPECT_TRUE(SeTokenIsAdmin(filtered));
    ObDereferenceObject(filtered);
    ObDereferenceObject(admin);
}

NT_TEST(Token, RestrictingSidsMustBeGrantedToo)
{
    PACCESS_TOKEN user = SeTestToken(1000);
    TOKEN_GROUPS restricting = {1, {{SeExports->SeRestrictedSid, 0}}};
    TOKEN_GROUPS others = {1, {{SeExports->SeWorldSid, 0}}};
    PACCESS_TOKEN twice;
    PACCESS_TOKEN token;
    TOKEN_GROUPS *sids;

    NT_EXPECT_STATUS(SeFilterToken(user, 0, NULL, NULL, &restricting, &token), STATUS_SUCCESS);
    NT_EXPECT_TRUE(SeTokenIsRestricted(token));
    sids = Query(token, TokenRestrictedSids);
    NT_EXPECT_EQ(sids->GroupCount, 1);
    ExFreePool(sids);
    NT_EXPECT_STATUS(Access(token, L"D:(A;;1;;;WD)", 1), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(Access(token, L"D:(A;;1;;;WD)(A;;1;;;RC)", 1), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Access(token, L"D:(A;;1;;;RC)", 1), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(Access(token, L"D:(A;;3;;;WD)(A;;1;;;RC)", 3), STATUS_ACCESS_DENIED);
    NT_EXPECT_STATUS(Access(token, L"D:(D;;1;;;RC)(A;;1;;;WD)(A;;1;;;RC)", 1),
                     STATUS_ACCESS_DENIED);
    /* An owner who is not on the second list is none. */
    NT_EXPECT_STATUS(Access(token, L"O:S-1-22-1-1000D:P", READ_CONTROL), STATUS_ACCESS_DENIED);
    /* Restricting again leaves what both lists have: here nothing, so nothing is granted. */
    NT_EXPECT_STATUS(SeFilterToken(token, 0, NULL, NULL, &others, &twice), STATUS_SUCCESS);
    NT_EXPECT_TRUE(SeTokenIsRestricted(twice));
    NT_EXPECT_STATUS(Access(twice, L"D:(A;;1;;;WD)(A;;1;;;RC)", 1), STATUS_ACCESS_DENIED);
    ObDereferenceObject(twice);
    ObDereferenceObject(token);
    restricting.Groups[0].Attributes = 4;
    NT_EXPECT_STATUS(SeFilterToken(user, 0, NULL, NULL, &restricting, &token),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(SeFilterToken(user, 0x40, NULL, NULL, NULL, &token), STATUS_INVALID_PARAMETER);
    ObDereferenceObject(user);
}

NT_TEST(Token, AnswersOfFixedSize)
{
    static const struct {
        TOKEN_INFORMATION_CLASS Class;
        ULONG Number;
    } rows[] = {
        {TokenType, TokenPrimary},       {TokenElevationType, 1},
        {TokenElevation, FALSE},         {TokenHasRestrictions, FALSE},
        {TokenSandBoxInert, FALSE},      {TokenUIAccess, FALSE},
        {TokenMandatoryPolicy, 3},       {TokenVirtualizationAllowed, 0},
        {TokenVirtualizationEnabled, 0},
    };
    static const TOKEN_INFORMATION_CLASS unknown[] = {TokenImpersonationLevel, TokenLinkedToken,
                                                      TokenSessionReference,   TokenAuditPolicy,
                                                      MaxTokenInfoClass,       0};
    PACCESS_TOKEN token = SeTestToken(1000);
    TOKEN_MANDATORY_LABEL label;
    TOKEN_SOURCE *source;
    PVOID answer;

    (void)label;
    NT_FOR_EACH (row, rows) {
        ULONG *number = Query(token, row->Class);

        NT_EXPECT_EQ(*number, row->Number);
        ExFreePool(number);
    }
    NT_FOR_EACH (class, unknown) {
        NT_EXPECT_STATUS(SeQueryInformationToken(token, *class, &answer),
                         STATUS_INVALID_INFO_CLASS);
    }
    source = Query(token, TokenSource);
    NT_EXPECT_EQ(memcmp(source->SourceName, "ntbox   ", 8), 0);
    ExFreePool(source);
    NT_EXPECT_TRUE((*SeTokenObjectType) != NULL);
    NT_EXPECT_EQ(ObGetObjectType(token), *SeTokenObjectType);
    ObDereferenceObject(token);
}
