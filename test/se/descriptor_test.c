/* SPDX-License-Identifier: MIT
 *
 * test/se/descriptor_test.c - SIDs, ACLs, security descriptors, access masks
 */
#include "se/se.h"
#include "hal/sim/sim.h"
#include "nt_test.h"

static const HALP_UPCALLS SeTestUpcalls = {.ThreadExit = KiHostThreadExit};

void
NtTestSetUp(void)
{
    NT_EXPECT_EQ(HalpInitialize(HALP_VERSION, &SeTestUpcalls), HALP_OK);
    NT_EXPECT_STATUS(KiInitializeSystem(1), STATUS_SUCCESS);
}

void
NtTestTearDown(void)
{
    KiShutdownSystem();
    HalpShutdown();
}

NT_TEST(SeSid, BuildCompareCopy)
{
    SID_IDENTIFIER_AUTHORITY authority = {{0, 0, 0, 0, 0, 5}};
    UCHAR room[64];
    UCHAR copy[64];

    NT_EXPECT_STATUS(RtlInitializeSid(room, &authority, 16), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlInitializeSid(room, &authority, 2), STATUS_SUCCESS);
    *RtlSubAuthoritySid(room, 0) = 32;
    *RtlSubAuthoritySid(room, 1) = 544;
    NT_EXPECT_EQ(RtlLengthSid(room), 16);
    NT_EXPECT_EQ(RtlLengthRequiredSid(2), 16);
    NT_EXPECT_TRUE(RtlEqualSid(room, SeExports->SeAliasAdminsSid));
    NT_EXPECT_FALSE(RtlEqualSid(room, SeExports->SeAliasUsersSid));
    NT_EXPECT_FALSE(RtlEqualSid(room, SeExports->SeWorldSid));
    NT_EXPECT_STATUS(RtlCopySid(15, copy, room), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(RtlCopySid(16, copy, room), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlEqualSid(room, copy));
    room[0] = 2;
    NT_EXPECT_FALSE(RtlValidSid(room));
}

NT_TEST(SeAcl, AddsUntilFull)
{
    ULONG room[16];
    PACL acl = (PACL)room;
    PACCESS_ALLOWED_ACE ace;

    NT_EXPECT_STATUS(RtlCreateAcl(acl, 4, ACL_REVISION), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(RtlCreateAcl(acl, sizeof(room), 9), STATUS_INVALID_PARAMETER);
    /* Room for one ACE of 20 bytes and one of 24, and 4 bytes. */
    NT_EXPECT_STATUS(RtlCreateAcl(acl, sizeof(ACL) + 48, ACL_REVISION), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, ACL_REVISION, 7, SeExports->SeWorldSid),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(
        RtlAddAccessAllowedAceEx(acl, ACL_REVISION, 3, GENERIC_ALL, SeExports->SeAliasAdminsSid),
        STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, ACL_REVISION, 7, SeExports->SeWorldSid),
                     STATUS_ALLOTTED_SPACE_EXCEEDED);
    NT_EXPECT_EQ(acl->AceCount, 2);
    NT_EXPECT_STATUS(RtlGetAce(acl, 1, (PVOID *)&ace), STATUS_SUCCESS);
    NT_EXPECT_EQ(ace->Mask, GENERIC_ALL);
    NT_EXPECT_EQ(ace->Header.AceFlags, 3);
    NT_EXPECT_TRUE(RtlEqualSid(&ace->SidStart, SeExports->SeAliasAdminsSid));
    NT_EXPECT_STATUS(RtlGetAce(acl, 2, (PVOID *)&ace), STATUS_INVALID_PARAMETER);
}

NT_TEST(SeAcl, RefusesBadAces)
{
    SID bad = {.Revision = 9, .SubAuthorityCount = 1};
    ULONG room[32];
    PACL acl = (PACL)room;

    NT_EXPECT_STATUS(RtlCreateAcl(acl, sizeof(room), ACL_REVISION), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, 1, 7, SeExports->SeWorldSid),
                     STATUS_REVISION_MISMATCH);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, 5, 7, SeExports->SeWorldSid),
                     STATUS_REVISION_MISMATCH);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAceEx(acl, ACL_REVISION, 0x40, 7, SeExports->SeWorldSid),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAceEx(acl, ACL_REVISION, 0x100, 7, SeExports->SeWorldSid),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, ACL_REVISION, 7, &bad), STATUS_INVALID_SID);
    NT_EXPECT_EQ(acl->AceCount, 0);
    NT_EXPECT_STATUS(RtlAddAccessAllowedAceEx(acl, ACL_REVISION, 0x1F, 7, SeExports->SeWorldSid),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(acl->AclRevision, ACL_REVISION);
    /* The ACL has the highest revision of its entries. */
    NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, ACL_REVISION_DS, 7, SeExports->SeWorldSid),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(acl->AclRevision, ACL_REVISION_DS);
    acl->AceCount = 200;
    NT_EXPECT_STATUS(RtlAddAccessAllowedAce(acl, ACL_REVISION, 7, SeExports->SeWorldSid),
                     STATUS_INVALID_ACL);
}

NT_TEST(SeDescriptor, PartsAreSetInAbsoluteFormOfTheKnownRevisionOnly)
{
    static const struct {
        UCHAR Revision;
        SECURITY_DESCRIPTOR_CONTROL Control;
        NTSTATUS Status;
    } rows[] = {
        {SECURITY_DESCRIPTOR_REVISION, 0, STATUS_SUCCESS},
        {SECURITY_DESCRIPTOR_REVISION, SE_SELF_RELATIVE, STATUS_INVALID_SECURITY_DESCR},
        {2, 0, STATUS_UNKNOWN_REVISION},
        {2, SE_SELF_RELATIVE, STATUS_UNKNOWN_REVISION},
    };

    NT_FOR_EACH (row, rows) {
        SECURITY_DESCRIPTOR descriptor;

        NT_EXPECT_STATUS(RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION),
                         STATUS_SUCCESS);
        descriptor.Revision = row->Revision;
        descriptor.Control = row->Control;
        NT_EXPECT_STATUS(RtlSetDaclSecurityDescriptor(&descriptor, TRUE, NULL, FALSE), row->Status);
        NT_EXPECT_STATUS(
            RtlSetOwnerSecurityDescriptor(&descriptor, SeExports->SeLocalSystemSid, FALSE),
            row->Status);
        NT_EXPECT_STATUS(
            RtlSetGroupSecurityDescriptor(&descriptor, SeExports->SeLocalSystemSid, FALSE),
            row->Status);
    }
}

NT_TEST(SeDescriptor, SetsAndGets)
{
    SECURITY_DESCRIPTOR descriptor;
    ULONG room[16];
    PACL acl = (PACL)room;
    PACL found = NULL;
    PSID owner = NULL;
    BOOLEAN present;
    BOOLEAN defaulted;

    NT_EXPECT_STATUS(RtlCreateSecurityDescriptor(&descriptor, 2), STATUS_UNKNOWN_REVISION);
    NT_EXPECT_STATUS(RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlGetDaclSecurityDescriptor(&descriptor, &present, &found, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_FALSE(present);
    NT_EXPECT_STATUS(RtlCreateAcl(acl, sizeof(room), ACL_REVISION), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlSetDaclSecurityDescriptor(&descriptor, TRUE, acl, FALSE), STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlSetOwnerSecurityDescriptor(&descriptor, SeExports->SeLocalSystemSid, TRUE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlGetDaclSecurityDescriptor(&descriptor, &present, &found, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(present);
    NT_EXPECT_EQ(found, acl);
    NT_EXPECT_FALSE(defaulted);
    NT_EXPECT_STATUS(RtlGetOwnerSecurityDescriptor(&descriptor, &owner, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(owner, SeExports->SeLocalSystemSid);
    NT_EXPECT_TRUE(defaulted);
    NT_EXPECT_TRUE(RtlValidSecurityDescriptor(&descriptor));
    NT_EXPECT_EQ(RtlLengthSecurityDescriptor(&descriptor), sizeof(descriptor) + 12 + sizeof(room));
    acl->AceCount = 200;
    NT_EXPECT_FALSE(RtlValidSecurityDescriptor(&descriptor));
}

NT_TEST(SeAccess, GenericRightsAreMapped)
{
    static GENERIC_MAPPING mapping = {1, 2, 4, 0x1F0007};
    static const struct {
        ACCESS_MASK Asked;
        ACCESS_MASK Mapped;
    } rows[] = {
        {GENERIC_READ, 1},
        {GENERIC_WRITE, 2},
        {GENERIC_EXECUTE, 4},
        {GENERIC_ALL, 0x1F0007},
        {GENERIC_READ | GENERIC_EXECUTE | DELETE | 0x10, 5 | DELETE | 0x10},
        {MAXIMUM_ALLOWED | ACCESS_SYSTEM_SECURITY, MAXIMUM_ALLOWED | ACCESS_SYSTEM_SECURITY},
        {0, 0},
    };

    NT_FOR_EACH (row, rows) {
        ACCESS_MASK access = row->Asked;

        RtlMapGenericMask(&access, &mapping);
        NT_EXPECT_EQ(access, row->Mapped);
    }
}

NT_TEST(SeSid, SubAuthorityCountIsInPlace)
{
    SID_IDENTIFIER_AUTHORITY authority = {{0, 0, 0, 0, 0, 5}};
    UCHAR room[64];

    NT_EXPECT_STATUS(RtlInitializeSid(room, &authority, 3), STATUS_SUCCESS);
    NT_EXPECT_EQ(*RtlSubAuthorityCountSid(room), 3);
    *RtlSubAuthorityCountSid(room) = 1;
    NT_EXPECT_EQ(RtlLengthSid(room), 12);
}
