/* SPDX-License-Identifier: MIT
 *
 * access_test.c - who is granted what by which descriptor
 *
 * The table's results follow from the reference: ordered ACEs, owner rights, privileges, labels.
 * The random test compares with a second evaluation that decides right by right.
 */
#include "se_test.h"

#define READ 0x0001u
#define WRITE 0x0002u
#define EXECUTE 0x0004u
#define ALL 0x001F0007u
#define NONE 0u

static GENERIC_MAPPING Mapping = {READ | READ_CONTROL, WRITE, EXECUTE, ALL};

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

static NTSTATUS
Check(PSECURITY_DESCRIPTOR Descriptor, PACCESS_TOKEN Token, ACCESS_MASK Desired,
      ACCESS_MASK Previous, KPROCESSOR_MODE Mode, ACCESS_MASK *Granted)
{
    SECURITY_SUBJECT_CONTEXT context = {.PrimaryToken = Token};
    NTSTATUS status = STATUS_UNSUCCESSFUL;
    BOOLEAN result;

    SeLockSubjectContext(&context);
    result = SeAccessCheck(Descriptor, &context, TRUE, Desired, Previous, NULL, &Mapping, Mode,
                           Granted, &status);
    SeUnlockSubjectContext(&context);
    NT_EXPECT_EQ(result, NT_SUCCESS(status));
    if (!result) {
        NT_EXPECT_EQ(*Granted, 0);
    }
    return status;
}

#define USER 1000u
#define OTHER 1001u
#define ADMIN (SE_TEST_ADMIN | 1002u)
#define SYSTEM 0u

#define OWNED L"O:S-1-22-1-1000G:S-1-22-2-1000"

NT_TEST(Access, DescriptorsDecide)
{
    static const struct {
        PCWSTR Sddl;
        ULONG Uid;
        ACCESS_MASK Desired;
        NTSTATUS Status;
        ACCESS_MASK Granted;
    } rows[] = {
        /* empty DACL: nobody; an owner has his two rights all the same */
        {L"D:P", SYSTEM, READ, STATUS_ACCESS_DENIED, 0},
        {L"D:P", USER, MAXIMUM_ALLOWED, STATUS_ACCESS_DENIED, 0},
        {OWNED L"D:P", USER, READ_CONTROL | WRITE_DAC, STATUS_SUCCESS, READ_CONTROL | WRITE_DAC},
        {OWNED L"D:P", USER, MAXIMUM_ALLOWED, STATUS_SUCCESS, READ_CONTROL | WRITE_DAC},
        {OWNED L"D:P", USER, READ_CONTROL | READ, STATUS_ACCESS_DENIED, 0},
        {OWNED L"D:P", USER, DELETE, STATUS_ACCESS_DENIED, 0},
        {OWNED L"D:P", OTHER, READ_CONTROL, STATUS_ACCESS_DENIED, 0},
        /* an ACE for OWNER RIGHTS replaces them */
        {OWNED L"D:P(A;;0x2;;;OW)", USER, WRITE_DAC, STATUS_ACCESS_DENIED, 0},
        {OWNED L"D:P(A;;0x2;;;OW)", USER, WRITE, STATUS_SUCCESS, WRITE},
        {OWNED L"D:P(A;;0x2;;;OW)", OTHER, WRITE, STATUS_ACCESS_DENIED, 0},
        {OWNED L"D:P(A;IO;0x2;;;OW)", USER, WRITE_DAC, STATUS_SUCCESS, WRITE_DAC},
        /* order */
        {L"D:(D;;0x1;;;WD)(A;;0x3;;;WD)", USER, READ, STATUS_ACCESS_DENIED, 0},
        {L"D:(D;;0x1;;;WD)(A;;0x3;;;WD)", USER, WRITE, STATUS_SUCCESS, WRITE},
        {L"D:(A;;0x3;;;WD)(D;;0x1;;;WD)", USER, READ | WRITE, STATUS_SUCCESS, READ | WRITE},
        {L"D:(A;;0x1;;;WD)(D;;0x3;;;WD)(A;;0x7;;;WD)", USER, MAXIMUM_ALLOWED, STATUS_SUCCESS,
         READ | EXECUTE},
        {L"D:(A;;0x1;;;WD)(D;;0x3;;;WD)(A;;0x7;;;WD)", USER, READ | WRITE, STATUS_ACCESS_DENIED, 0},
        /* rights come together from several ACEs */
        {L"D:(A;;0x1;;;WD)(A;;0x2;;;BU)", USER, READ | WRITE, STATUS_SUCCESS, READ | WRITE},
        {L"D:(A;;0x1;;;WD)(A;;0x2;;;BA)", USER, READ | WRITE, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;0x1;;;WD)(A;;0x2;;;BA)", ADMIN, READ | WRITE, STATUS_SUCCESS, READ | WRITE},
        {L"D:(A;IO;0x1;;;WD)", USER, READ, STATUS_ACCESS_DENIED, 0},
        {L"D:(D;IO;0x1;;;WD)(A;;0x1;;;WD)", USER, READ, STATUS_SUCCESS, READ},
        /* generic rights, in the request and in the ACE */
        {L"D:(A;;GR;;;WD)", USER, GENERIC_READ, STATUS_SUCCESS, READ | READ_CONTROL},
        {L"D:(A;;GR;;;WD)", USER, GENERIC_WRITE, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;GA;;;WD)", USER, GENERIC_ALL, STATUS_SUCCESS, ALL},
        {L"D:(A;;GA;;;WD)", USER, MAXIMUM_ALLOWED, STATUS_SUCCESS, ALL},
        {L"D:(A;;GRGX;;;WD)", USER, MAXIMUM_ALLOWED | EXECUTE, STATUS_SUCCESS,
         READ | READ_CONTROL | EXECUTE},
        {L"D:(A;;GRGX;;;WD)", USER, MAXIMUM_ALLOWED | WRITE, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;GA;;;WD)", USER, NONE, STATUS_ACCESS_DENIED, 0},
        /* who is who */
        {L"D:(A;;0x1;;;S-1-22-1-1000)", USER, READ, STATUS_SUCCESS, READ},
        {L"D:(A;;0x1;;;S-1-22-1-1000)", OTHER, READ, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;0x1;;;S-1-22-2-1000)", USER, READ, STATUS_SUCCESS, READ},
        {L"D:(A;;0x1;;;IU)", USER, READ, STATUS_SUCCESS, READ},
        {L"D:(A;;0x1;;;IU)", SYSTEM, READ, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;0x1;;;AU)", SYSTEM, READ, STATUS_SUCCESS, READ},
        {L"D:(A;;0x1;;;SY)", SYSTEM, READ, STATUS_SUCCESS, READ},
        {L"D:(A;;0x1;;;SY)", ADMIN, READ, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;0x1;;;BA)", SYSTEM, READ, STATUS_SUCCESS, READ},
        {L"D:(A;;0x1;;;ME)", USER, READ, STATUS_ACCESS_DENIED, 0}, /* a label is no group */
        /* privileges */
        {L"D:(A;;GA;;;WD)", USER, ACCESS_SYSTEM_SECURITY, STATUS_PRIVILEGE_NOT_HELD, 0},
        {L"D:(A;;GA;;;WD)", USER, MAXIMUM_ALLOWED | ACCESS_SYSTEM_SECURITY,
         STATUS_PRIVILEGE_NOT_HELD, 0},
        {L"D:P", ADMIN, ACCESS_SYSTEM_SECURITY, STATUS_SUCCESS, ACCESS_SYSTEM_SECURITY},
        {L"D:P", ADMIN, WRITE_OWNER, STATUS_SUCCESS, WRITE_OWNER},
        {L"D:P", ADMIN, WRITE_OWNER | READ, STATUS_ACCESS_DENIED, 0},
        {L"D:P", USER, WRITE_OWNER, STATUS_ACCESS_DENIED, 0},
        {L"D:P(A;;0x1;;;BA)", ADMIN, MAXIMUM_ALLOWED, STATUS_SUCCESS, READ}, /* not by itself */
        /* integrity: what is above the subject can be read and executed */
        {L"D:(A;;GA;;;WD)S:(ML;;NW;;;HI)", USER, READ | EXECUTE, STATUS_SUCCESS, READ | EXECUTE},
        {L"D:(A;;GA;;;WD)S:(ML;;NW;;;HI)", USER, WRITE, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;GA;;;WD)S:(ML;;NW;;;HI)", USER, DELETE, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;GA;;;WD)S:(ML;;NW;;;HI)", ADMIN, WRITE, STATUS_SUCCESS, WRITE},
        {L"D:(A;;GA;;;WD)S:(ML;;NRNW;;;HI)", USER, READ, STATUS_ACCESS_DENIED, 0},
        {L"D:(A;;GA;;;WD)S:(ML;;NX;;;SI)", ADMIN, MAXIMUM_ALLOWED, STATUS_SUCCESS,
         READ | READ_CONTROL | WRITE},
        {L"D:(A;;GA;;;WD)S:(ML;;NW;;;LW)", USER, WRITE, STATUS_SUCCESS, WRITE},
        {OWNED L"D:P(A;;GA;;;WD)S:(ML;;NW;;;HI)", USER, WRITE_DAC, STATUS_ACCESS_DENIED, 0},
    };

    NT_FOR_EACH (row, rows) {
        PSECURITY_DESCRIPTOR descriptor = SeTestDescriptor(row->Sddl);
        PACCESS_TOKEN token = SeTestToken(row->Uid);
        ACCESS_MASK granted;
        NTSTATUS status = Check(descriptor, token, row->Desired, 0, UserMode, &granted);

        if (status != row->Status || granted != row->Granted) {
            NT_FAIL("row %d: status %08x, granted %08x", (int)(row - rows), status, granted);
        }
        ObDereferenceObject(token);
        ExFreePool(descriptor);
    }
}

NT_TEST(Access, NullDaclGrantsAllAndNullDescriptorNothing)
{
    PACCESS_TOKEN token = SeTestToken(USER);
    SECURITY_DESCRIPTOR descriptor;
    ACCESS_MASK granted;

    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    NT_EXPECT_STATUS(Check(&descriptor, token, WRITE | DELETE, 0, UserMode, &granted),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(granted, WRITE | DELETE);
    NT_EXPECT_STATUS(RtlSetDaclSecurityDescriptor(&descriptor, TRUE, NULL, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        Check(&descriptor, token, MAXIMUM_ALLOWED | SYNCHRONIZE, 0, UserMode, &granted),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(granted, ALL | SYNCHRONIZE);
    NT_EXPECT_STATUS(Check(NULL, token, READ, 0, UserMode, &granted), STATUS_ACCESS_DENIED);
    ObDereferenceObject(token);
}

NT_TEST(Access, KernelModeIsGrantedAll)
{
    PSECURITY_DESCRIPTOR descriptor = SeTestDescriptor(L"D:P");
    PACCESS_TOKEN token = SeTestToken(USER);
    ACCESS_MASK granted;

    NT_EXPECT_STATUS(
        Check(descriptor, token, WRITE | ACCESS_SYSTEM_SECURITY, 0, KernelMode, &granted),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(granted, WRITE | ACCESS_SYSTEM_SECURITY);
    NT_EXPECT_STATUS(Check(NULL, token, MAXIMUM_ALLOWED, EXECUTE, KernelMode, &granted),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(granted, ALL);
    ObDereferenceObject(token);
    ExFreePool(descriptor);
}

NT_TEST(Access, WhatWasGrantedBeforeNeedsNoAce)
{
    PSECURITY_DESCRIPTOR descriptor = SeTestDescriptor(L"D:(A;;0x1;;;WD)");
    PACCESS_TOKEN token = SeTestToken(USER);
    ACCESS_MASK granted;

    NT_EXPECT_STATUS(Check(descriptor, token, READ | WRITE, WRITE, UserMode, &granted),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(granted, READ | WRITE);
    NT_EXPECT_STATUS(Check(descriptor, token, 0, WRITE, UserMode, &granted), STATUS_SUCCESS);
    NT_EXPECT_EQ(granted, WRITE);
    NT_EXPECT_STATUS(Check(descriptor, token, EXECUTE, WRITE, UserMode, &granted),
                     STATUS_ACCESS_DENIED);
    ObDereferenceObject(token);
    ExFreePool(descriptor);
}

NT_TEST(Access, PrivilegesUsedAreReported)
{
    PSECURITY_DESCRIPTOR descriptor = SeTestDescriptor(L"D:P(A;;0x1;;;BA)");
    SECURITY_SUBJECT_CONTEXT context = {.PrimaryToken = SeTestToken(ADMIN)};
    PPRIVILEGE_SET used = (PPRIVILEGE_SET)1;
    LUID_AND_ATTRIBUTES *entries;
    ACCESS_MASK granted;
    NTSTATUS status;

    NT_EXPECT_TRUE(SeAccessCheck(descriptor, &context, FALSE, READ, 0, &used, &Mapping, UserMode,
                                 &granted, &status));
    NT_EXPECT_EQ(used, NULL);
    NT_EXPECT_TRUE(SeAccessCheck(descriptor, &context, FALSE, WRITE_OWNER | ACCESS_SYSTEM_SECURITY,
                                 0, &used, &Mapping, UserMode, &granted, &status));
    NT_EXPECT_EQ(used->PrivilegeCount, 2);
    entries = used->Privilege;
    NT_EXPECT_EQ(entries[0].Luid.LowPart, SeExports->SeSecurityPrivilege.LowPart);
    NT_EXPECT_EQ(entries[1].Luid.LowPart, SeExports->SeTakeOwnershipPrivilege.LowPart);
    NT_EXPECT_TRUE((entries[1].Attributes & SE_PRIVILEGE_USED_FOR_ACCESS) != 0);
    SeFreePrivileges(used);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_FALSE(SeAccessCheck(descriptor, &context, FALSE, WRITE_OWNER, 0, &used, &Mapping,
                                  UserMode, &granted, &status));
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(status, STATUS_INSUFFICIENT_RESOURCES);
    NT_EXPECT_EQ(used, NULL);
    NT_EXPECT_EQ(granted, 0);
    SeReleaseSubjectContext(&context);
    ExFreePool(descriptor);
}

NT_TEST(Access, ClientTokenDecidesIfItMayBeUsed)
{
    PSECURITY_DESCRIPTOR descriptor = SeTestDescriptor(L"D:(A;;0x1;;;S-1-22-1-1000)");
    SECURITY_SUBJECT_CONTEXT context = {.PrimaryToken = SeTestToken(SYSTEM),
                                        .ClientToken = SeTestToken(USER),
                                        .ImpersonationLevel = SecurityImpersonation};
    PRIVILEGE_SET set = {.PrivilegeCount = 1};
    ACCESS_MASK granted;
    NTSTATUS status;

    set.Privilege[0].Luid = SeExports->SeDebugPrivilege;
    NT_EXPECT_TRUE(SeAccessCheck(descriptor, &context, FALSE, READ, 0, NULL, &Mapping, UserMode,
                                 &granted, &status));
    NT_EXPECT_FALSE(SePrivilegeCheck(&set, &context, UserMode));
    NT_EXPECT_TRUE(SePrivilegeCheck(&set, &context, KernelMode));
    context.ImpersonationLevel = SecurityIdentification;
    NT_EXPECT_FALSE(SeAccessCheck(descriptor, &context, FALSE, READ, 0, NULL, &Mapping, UserMode,
                                  &granted, &status));
    NT_EXPECT_STATUS(status, STATUS_BAD_IMPERSONATION_LEVEL);
    set.Privilege[0].Luid = SeExports->SeChangeNotifyPrivilege;
    NT_EXPECT_FALSE(SePrivilegeCheck(&set, &context, UserMode));
    SeReleaseSubjectContext(&context);
    ExFreePool(descriptor);
}

NT_TEST(Access, PrivilegeSetsAllOrAny)
{
    SECURITY_SUBJECT_CONTEXT context = {.PrimaryToken = SeTestToken(ADMIN)};
    union {
        PRIVILEGE_SET Set;
        UCHAR Room[FIELD_OFFSET(PRIVILEGE_SET, Privilege) + 2 * sizeof(LUID_AND_ATTRIBUTES)];
    } any = {.Set = {.PrivilegeCount = 2}};
    LUID_AND_ATTRIBUTES *entries = any.Set.Privilege;

    entries[0].Luid = SeExports->SeDebugPrivilege;
    entries[1].Luid = SeExports->SeTcbPrivilege;
    NT_EXPECT_TRUE(SePrivilegeCheck(&any.Set, &context, UserMode));
    NT_EXPECT_TRUE((entries[0].Attributes & SE_PRIVILEGE_USED_FOR_ACCESS) != 0);
    NT_EXPECT_EQ(entries[1].Attributes, 0);
    any.Set.Control = PRIVILEGE_SET_ALL_NECESSARY;
    NT_EXPECT_FALSE(SePrivilegeCheck(&any.Set, &context, UserMode));
    entries[1].Luid = SeExports->SeBackupPrivilege;
    NT_EXPECT_TRUE(SePrivilegeCheck(&any.Set, &context, UserMode));
    entries[1].Luid.LowPart = 999;
    NT_EXPECT_FALSE(SePrivilegeCheck(&any.Set, &context, UserMode));
    SeReleaseSubjectContext(&context);
}

/* ---- ACEs that the text form does not have ---- */

typedef struct OBJECT_ACE {
    ACE_HEADER Header;
    ACCESS_MASK Mask;
    ULONG Flags;
    GUID Type;
    SID Sid;
} OBJECT_ACE;

NT_TEST(Access, ObjectAndConditionalAces)
{
    static const struct {
        UCHAR Type;
        BOOLEAN HasType;
        BOOLEAN Granted; /* after it comes an ACE that allows everybody */
        BOOLEAN Alone;
    } rows[] = {
        {ACCESS_ALLOWED_OBJECT_ACE_TYPE, FALSE, TRUE, TRUE},
        {ACCESS_ALLOWED_OBJECT_ACE_TYPE, TRUE, TRUE, FALSE}, /* of one type: not of the object */
        {ACCESS_DENIED_OBJECT_ACE_TYPE, FALSE, FALSE, FALSE},
        {ACCESS_DENIED_OBJECT_ACE_TYPE, TRUE, FALSE, FALSE},
        {ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE, FALSE, TRUE, FALSE},
        {ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE, FALSE, FALSE, FALSE},
        {ACCESS_ALLOWED_COMPOUND_ACE_TYPE, FALSE, TRUE, FALSE},
        {SYSTEM_AUDIT_OBJECT_ACE_TYPE, FALSE, TRUE, FALSE},
    };
    PACCESS_TOKEN token = SeTestToken(USER);

    NT_FOR_EACH (row, rows) {
        OBJECT_ACE ace = {.Header = {row->Type, 0, sizeof(ace)}, .Mask = READ};
        __attribute__((aligned(8))) UCHAR room[256];
        SECURITY_DESCRIPTOR descriptor;
        PACL acl = (PACL)room;
        ACCESS_MASK granted;

        if (row->HasType) {
            ace.Flags = 1;
            memcpy(&ace.Sid, SeExports->SeWorldSid, sizeof(ace.Sid));
        } else {
            memcpy(&ace.Type, SeExports->SeWorldSid, sizeof(ace.Sid));
            ace.Header.AceSize = sizeof(ace) - sizeof(GUID);
        }
        RtlCreateAcl(acl, sizeof(room), ACL_REVISION_DS);
        memcpy(acl + 1, &ace, ace.Header.AceSize);
        acl->AceCount = 1;
        RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
        RtlSetDaclSecurityDescriptor(&descriptor, TRUE, acl, FALSE);
        NT_EXPECT_EQ(NT_SUCCESS(Check(&descriptor, token, READ, 0, UserMode, &granted)),
                     row->Alone);
        NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, ACL_REVISION, READ, SeExports->SeWorldSid),
                         STATUS_SUCCESS);
        NT_EXPECT_EQ(NT_SUCCESS(Check(&descriptor, token, READ, 0, UserMode, &granted)),
                     row->Granted);
    }
    ObDereferenceObject(token);
}

/* An ACE whose SID does not fit into it names nobody, and nothing behind it is read. */
NT_TEST(Access, AceTooShortForItsSidIsNobodys)
{
    PACCESS_TOKEN token = SeTestToken(USER);
    ULONG room[16] = {0};
    SECURITY_DESCRIPTOR descriptor;
    PACCESS_ALLOWED_ACE ace;
    PACL acl = (PACL)room;
    ACCESS_MASK granted;

    RtlCreateAcl(acl, sizeof(room), ACL_REVISION);
    RtlAddAccessAllowedAce(acl, ACL_REVISION, READ, SeExports->SeWorldSid);
    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    RtlSetDaclSecurityDescriptor(&descriptor, TRUE, acl, FALSE);
    NT_EXPECT_STATUS(Check(&descriptor, token, READ, 0, UserMode, &granted), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlGetAce(acl, 0, (PVOID *)&ace), STATUS_SUCCESS);
    ace->Header.AceSize -= 4;
    NT_EXPECT_STATUS(Check(&descriptor, token, READ, 0, UserMode, &granted), STATUS_ACCESS_DENIED);
    ace->Header.AceSize = 8;
    NT_EXPECT_STATUS(Check(&descriptor, token, READ, 0, UserMode, &granted), STATUS_ACCESS_DENIED);
    ObDereferenceObject(token);
}

/* ---- against a model ---- */

static ULONG64 Random;

static ULONG
Next(ULONG Limit)
{
    Random = Random * 6364136223846793005ull + 1442695040888963407ull;
    return (ULONG)(Random >> 33) % Limit;
}

#define PEOPLE 6
static PSID
Person(ULONG Index)
{
    static const struct {
        SID Sid;
        ULONG Second;
    } host = {{SID_REVISION, 2, {{0, 0, 0, 0, 0, 22}}, {1}}, USER};
    PSID people[PEOPLE] = {SeExports->SeWorldSid,       SeExports->SeAliasAdminsSid,
                           SeExports->SeAliasUsersSid,  (PSID)&host.Sid,
                           SeExports->SeLocalSystemSid, SeExports->SeInteractiveSid};

    return people[Index];
}

/* Which people each kind of token is, said once more. */
static BOOLEAN
Is(ULONG Kind, ULONG PersonIndex)
{
    static const UCHAR table[3][PEOPLE] = {
        /* world admins users 1000 system interactive */
        {1, 1, 0, 0, 1, 0}, /* the system */
        {1, 0, 1, 1, 0, 1}, /* the user */
        {1, 1, 1, 0, 0, 1}, /* an administrator */
    };

    return table[Kind][PersonIndex];
}

typedef struct MODEL_ACE {
    BOOLEAN Denies;
    BOOLEAN Inherits;
    ULONG Person;
    ACCESS_MASK Mask;
} MODEL_ACE;

/* For one right: walk until an ACE speaks of it. */
static BOOLEAN
ModelHas(const MODEL_ACE *Aces, ULONG Count, ULONG Kind, LONG Owner, ACCESS_MASK Right)
{
    for (ULONG i = 0; i < Count; ++i) {
        ACCESS_MASK mask = Aces[i].Mask;

        mask |= (mask & GENERIC_READ) ? Mapping.GenericRead : 0;
        mask |= (mask & GENERIC_ALL) ? Mapping.GenericAll : 0;
        if (!Aces[i].Inherits && Is(Kind, Aces[i].Person) && (mask & Right)) {
            if (!Aces[i].Denies) {
                return TRUE;
            }
            break;
        }
    }
    return Owner >= 0 && Is(Kind, (ULONG)Owner) && (Right & (READ_CONTROL | WRITE_DAC));
}

static VOID
MakeAcl(const MODEL_ACE *Aces, ULONG Count, PACL Acl, ULONG Room)
{
    NT_EXPECT_STATUS(RtlCreateAcl(Acl, Room, ACL_REVISION), STATUS_SUCCESS);
    for (ULONG i = 0; i < Count; ++i) {
        PACE_HEADER header;

        NT_EXPECT_STATUS(RtlAddAccessAllowedAceEx(Acl, ACL_REVISION,
                                                  Aces[i].Inherits ? INHERIT_ONLY_ACE : 0,
                                                  Aces[i].Mask, Person(Aces[i].Person)),
                         STATUS_SUCCESS);
        NT_EXPECT_STATUS(RtlGetAce(Acl, i, (PVOID *)&header), STATUS_SUCCESS);
        header->AceType = Aces[i].Denies ? ACCESS_DENIED_ACE_TYPE : ACCESS_ALLOWED_ACE_TYPE;
    }
}

NT_TEST(Access, RandomDescriptorsAgreeWithTheModel)
{
    static const ULONG uids[3] = {SYSTEM, USER, ADMIN};
    static const ACCESS_MASK rights[] = {READ,      WRITE,  EXECUTE,    READ_CONTROL,
                                         WRITE_DAC, DELETE, SYNCHRONIZE};
    PACCESS_TOKEN tokens[3];
    ULONG granteds = 0;

    for (ULONG i = 0; i < 3; ++i) {
        tokens[i] = SeTestToken(uids[i]);
    }
    for (ULONG seed = 1; seed <= 2000; ++seed) {
        __attribute__((aligned(8))) UCHAR room[512];
        ACCESS_MASK desired = 0;
        ACCESS_MASK expected = 0;
        ACCESS_MASK most = 0;
        SECURITY_DESCRIPTOR descriptor;
        ACCESS_MASK granted;
        MODEL_ACE aces[8];
        ULONG count;
        ULONG kind;
        LONG owner;
        BOOLEAN maximum;
        NTSTATUS status;

        Random = seed;
        count = Next(8);
        kind = Next(3);
        owner = (LONG)Next(PEOPLE + 1) - 1;
        maximum = Next(3) == 0;
        for (ULONG i = 0; i < count; ++i) {
            aces[i].Denies = Next(3) == 0;
            aces[i].Inherits = Next(6) == 0;
            aces[i].Person = Next(PEOPLE);
            aces[i].Mask = Next(8) == 0 ? GENERIC_READ : Next(12) == 0 ? GENERIC_ALL : 0;
            aces[i].Mask |= rights[Next(7)] | rights[Next(7)];
        }
        MakeAcl(aces, count, (PACL)room, sizeof(room));
        RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
        RtlSetDaclSecurityDescriptor(&descriptor, TRUE, (PACL)room, FALSE);
        if (owner >= 0) {
            RtlSetOwnerSecurityDescriptor(&descriptor, Person((ULONG)owner), FALSE);
        }
        desired = rights[Next(7)] | (Next(2) ? rights[Next(7)] : 0);
        for (ULONG bit = 0; bit < 21; ++bit) {
            most |= ModelHas(aces, count, kind, owner, 1u << bit) ? 1u << bit : 0;
        }
        if ((desired & ~most) == 0) {
            expected = maximum ? most : desired;
        }
        status = Check(&descriptor, tokens[kind], desired | (maximum ? MAXIMUM_ALLOWED : 0), 0,
                       UserMode, &granted);
        if (granted != expected ||
            status != (expected != 0 ? STATUS_SUCCESS : STATUS_ACCESS_DENIED)) {
            NT_FAIL("seed %u: status %08x, granted %08x, expected %08x", seed, status, granted,
                    expected);
        }
        granteds += expected != 0;
    }
    /* Neither answer is rare. */
    NT_EXPECT_TRUE(granteds > 300 && granteds < 1700);
    for (ULONG i = 0; i < 3; ++i) {
        ObDereferenceObject(tokens[i]);
    }
}

/* ---- by the description of a token ---- */

NT_TEST(Access, FromStateIsTheSameAsFromTheToken)
{
    static const PCWSTR texts[] = {
        L"D:(A;;0x1;;;WD)(A;;0x2;;;BA)",  L"D:P(A;;0x2;;;S-1-22-1-1000)", L"O:BAD:P",
        L"D:(A;;GA;;;WD)S:(ML;;NW;;;HI)", L"D:(D;;0x1;;;IU)(A;;GA;;;AU)", L"D:P",
    };
    static const ACCESS_MASK asked[] = {
        READ, WRITE, READ | WRITE, MAXIMUM_ALLOWED, WRITE_DAC, WRITE_OWNER, ACCESS_SYSTEM_SECURITY};
    static const ULONG uids[3] = {SYSTEM, USER, ADMIN};

    NT_FOR_EACH (uid, uids) {
        PACCESS_TOKEN token = SeTestToken(*uid);
        TOKEN_ACCESS_INFORMATION *information;

        NT_EXPECT_STATUS(
            SeQueryInformationToken(token, TokenAccessInformation, (PVOID *)&information),
            STATUS_SUCCESS);
        NT_FOR_EACH (text, texts) {
            PSECURITY_DESCRIPTOR descriptor = SeTestDescriptor(*text);

            NT_FOR_EACH (desired, asked) {
                ACCESS_MASK byToken;
                ACCESS_MASK byState;
                NTSTATUS status;

                NT_EXPECT_STATUS(
                    Check(descriptor, token, *desired, 0, UserMode, &byToken),
                    (SeAccessCheckFromState(descriptor, information, NULL, *desired, 0, NULL,
                                            &Mapping, UserMode, &byState, &status),
                     status));
                NT_EXPECT_EQ(byState, byToken);
            }
            ExFreePool(descriptor);
        }
        ExFreePool(information);
        ObDereferenceObject(token);
    }
}
