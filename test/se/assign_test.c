/* SPDX-License-Identifier: MIT
 *
 * assign_test.c - descriptors of new objects, changed descriptors, and their two forms
 */
#include "se_test.h"

#define ALL 0x001F0007u

static GENERIC_MAPPING Mapping = {1 | READ_CONTROL, 2, 4, ALL};

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

/* The two say the same: same length, same bytes. */
static VOID
ExpectSame(PSECURITY_DESCRIPTOR Found, PCWSTR Sddl, USHORT Extra)
{
    PSECURITY_DESCRIPTOR expected = SeTestDescriptor(Sddl);
    ULONG length = RtlLengthSecurityDescriptor(expected);

    ((PISECURITY_DESCRIPTOR)expected)->Control |= Extra;
    NT_EXPECT_EQ(RtlLengthSecurityDescriptor(Found), length);
    NT_EXPECT_EQ(((PISECURITY_DESCRIPTOR)Found)->Control,
                 ((PISECURITY_DESCRIPTOR)expected)->Control);
    NT_EXPECT_EQ(memcmp(Found, expected, length), 0);
    ExFreePool(expected);
}

#define MINE L"O:S-1-22-1-1000G:S-1-22-2-1000"

NT_TEST(Assign, ByTheTableOfTheReference)
{
    static const struct {
        PCWSTR Parent;
        PCWSTR Explicit;
        USHORT ExplicitControl;
        BOOLEAN IsContainer;
        PCWSTR Result;
        USHORT ResultControl;
    } rows[] = {
        /* what is said explicitly counts, whatever the parent has */
        {L"D:(A;OI;0x1;;;WD)", L"D:P(A;;0x2;;;WD)", 0, FALSE, MINE L"D:P(A;;0x2;;;WD)", 0},
        {NULL, L"D:(A;;GR;;;WD)", 0, FALSE, MINE L"D:(A;;0x20001;;;WD)", 0},
        {NULL, L"D:", 0, FALSE, MINE L"D:", 0},
        /* a default gives way to the parent's, and only to that */
        {L"D:(A;OI;0x1;;;WD)", L"D:(A;;0x2;;;WD)", SE_DACL_DEFAULTED, FALSE,
         MINE L"D:(A;;0x1;;;WD)", 0},
        {L"D:(A;CI;0x1;;;WD)", L"D:(A;;0x2;;;WD)", SE_DACL_DEFAULTED, FALSE,
         MINE L"D:(A;;0x2;;;WD)", SE_DACL_DEFAULTED},
        /* inheriting */
        {L"D:(A;OI;0x1;;;WD)(A;CI;0x2;;;WD)(A;;0x4;;;WD)", NULL, 0, FALSE, MINE L"D:(A;;0x1;;;WD)",
         0},
        {L"D:(A;OI;0x1;;;WD)(A;CI;0x2;;;WD)(A;;0x4;;;WD)", NULL, 0, TRUE,
         MINE L"D:(A;OIIO;0x1;;;WD)(A;CI;0x2;;;WD)", 0},
        {L"D:(A;OICINP;0x1;;;WD)", NULL, 0, TRUE, MINE L"D:(A;;0x1;;;WD)", 0},
        {L"D:(A;OINP;0x1;;;WD)(A;CI;0x2;;;BA)", NULL, 0, TRUE, MINE L"D:(A;CI;0x2;;;BA)", 0},
        {L"D:(A;OICIIO;0x1;;;WD)", NULL, 0, FALSE, MINE L"D:(A;;0x1;;;WD)", 0},
        {L"D:(A;OICI;GR;;;WD)", NULL, 0, FALSE, MINE L"D:(A;;0x20001;;;WD)", 0},
        {L"D:(A;OICI;GR;;;WD)", NULL, 0, TRUE, MINE L"D:(A;;0x20001;;;WD)(A;OICIIO;GR;;;WD)", 0},
        /* the creator takes the place of CREATOR OWNER and CREATOR GROUP */
        {L"D:(A;OICI;0x1;;;CO)(D;OI;0x2;;;CG)", NULL, 0, FALSE,
         MINE L"D:(A;;0x1;;;S-1-22-1-1000)(D;;0x2;;;S-1-22-2-1000)", 0},
        {L"D:(A;CI;0x1;;;CO)", NULL, 0, TRUE, MINE L"D:(A;;0x1;;;S-1-22-1-1000)(A;CIIO;0x1;;;CO)",
         0},
        /* owner and group as said */
        {NULL, L"G:BUD:", 0, FALSE, L"O:S-1-22-1-1000G:BUD:", 0},
        {NULL, L"O:S-1-22-1-1000G:BUD:", 0, FALSE, L"O:S-1-22-1-1000G:BUD:", 0},
        /* a label is inherited, too */
        {L"D:S:(ML;OI;NW;;;LW)", L"D:", 0, FALSE, MINE L"D:S:(ML;;NW;;;LW)", 0},
    };
    SECURITY_SUBJECT_CONTEXT context = {.PrimaryToken = SeTestToken(1000)};

    NT_FOR_EACH (row, rows) {
        PSECURITY_DESCRIPTOR parent = row->Parent != NULL ? SeTestDescriptor(row->Parent) : NULL;
        PSECURITY_DESCRIPTOR asked = row->Explicit != NULL ? SeTestDescriptor(row->Explicit) : NULL;
        PSECURITY_DESCRIPTOR made = NULL;

        if (asked != NULL) {
            ((PISECURITY_DESCRIPTOR)asked)->Control |= row->ExplicitControl;
        }
        NT_EXPECT_STATUS(
            SeAssignSecurity(parent, asked, &made, row->IsContainer, &context, &Mapping, PagedPool),
            STATUS_SUCCESS);
        ExpectSame(made, row->Result, row->ResultControl);
        NT_EXPECT_STATUS(SeDeassignSecurity(&made), STATUS_SUCCESS);
        NT_EXPECT_EQ(made, NULL);
        NT_EXPECT_STATUS(SeDeassignSecurity(&made), STATUS_SUCCESS);
        if (parent != NULL) {
            ExFreePool(parent);
        }
        if (asked != NULL) {
            ExFreePool(asked);
        }
    }
    SeReleaseSubjectContext(&context);
}

NT_TEST(Assign, DefaultDaclOfTheTokenWithoutParentAndRequest)
{
    SECURITY_SUBJECT_CONTEXT context = {.PrimaryToken = SeTestToken(0)};
    PSECURITY_DESCRIPTOR made;

    NT_EXPECT_STATUS(SeAssignSecurity(NULL, NULL, &made, FALSE, &context, &Mapping, PagedPool),
                     STATUS_SUCCESS);
    ExpectSame(made, L"O:BAG:SYD:(A;;0x1F0007;;;SY)(A;;0x20005;;;BA)", SE_DACL_DEFAULTED);
    NT_EXPECT_STATUS(SeDeassignSecurity(&made), STATUS_SUCCESS);
    SeReleaseSubjectContext(&context);
}

NT_TEST(Assign, Refusals)
{
    SECURITY_SUBJECT_CONTEXT user = {.PrimaryToken = SeTestToken(1000)};
    SECURITY_SUBJECT_CONTEXT admin = {.PrimaryToken = SeTestToken(SE_TEST_ADMIN | 5)};
    PSECURITY_DESCRIPTOR owned = SeTestDescriptor(L"O:S-1-22-1-7D:");
    PSECURITY_DESCRIPTOR labelled = SeTestDescriptor(L"D:S:(ML;;NW;;;LW)");
    PSECURITY_DESCRIPTOR parent = SeTestDescriptor(L"D:(A;OI;0x1;;;WD)");
    KTHREAD *thread = KiGetCurrentThread();
    PSECURITY_DESCRIPTOR made;

#define ASSIGN(parent, explicit, context) \
    SeAssignSecurity((parent), (explicit), &made, FALSE, &(context), &Mapping, PagedPool)
    NT_EXPECT_STATUS(ASSIGN(NULL, owned, user), STATUS_INVALID_OWNER);
    NT_EXPECT_STATUS(ASSIGN(NULL, owned, admin), STATUS_SUCCESS);
    SeDeassignSecurity(&made);
    /* In kernel mode nobody needs a privilege for a SACL. */
    NT_EXPECT_STATUS(ASSIGN(NULL, labelled, user), STATUS_SUCCESS);
    SeDeassignSecurity(&made);
    thread->PreviousMode = UserMode;
    NT_EXPECT_STATUS(ASSIGN(NULL, labelled, user), STATUS_PRIVILEGE_NOT_HELD);
    NT_EXPECT_STATUS(ASSIGN(NULL, labelled, admin), STATUS_SUCCESS);
    thread->PreviousMode = KernelMode;
    SeDeassignSecurity(&made);
    for (ULONG n = 1; n <= 2; ++n) {
        SimSetFaultPlan("pool", n);
        NT_EXPECT_STATUS(ASSIGN(parent, NULL, user), STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
    }
    ExFreePool(parent);
    ExFreePool(owned);
    ExFreePool(labelled);
    SeReleaseSubjectContext(&user);
    SeReleaseSubjectContext(&admin);
}

/* ---- changing ---- */

NT_TEST(Assign, PartsAreReplaced)
{
    static const struct {
        SECURITY_INFORMATION What;
        PCWSTR Change;
        PCWSTR Result;
    } rows[] = {
        {DACL_SECURITY_INFORMATION, L"O:BUG:BUD:P(A;;GR;;;WD)", L"O:BAG:SYD:P(A;;0x20001;;;WD)"},
        {OWNER_SECURITY_INFORMATION, L"O:SYG:BUD:P", L"O:SYG:SYD:(A;;0x1;;;BA)"},
        {GROUP_SECURITY_INFORMATION, L"O:SYG:BUD:P", L"O:BAG:BUD:(A;;0x1;;;BA)"},
        {SACL_SECURITY_INFORMATION, L"D:PS:(ML;;NW;;;HI)",
         L"O:BAG:SYD:(A;;0x1;;;BA)S:(ML;;NW;;;HI)"},
        {DACL_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION, L"G:BUD:", L"O:BAG:BUD:"},
    };
    PSECURITY_DESCRIPTOR old = SeTestDescriptor(L"O:BAG:SYD:(A;;0x1;;;BA)");
    PSECURITY_DESCRIPTOR change;
    PSECURITY_DESCRIPTOR object;
    SECURITY_INFORMATION what;

    NT_FOR_EACH (row, rows) {
        change = SeTestDescriptor(row->Change);
        object = old;
        what = row->What;
        NT_EXPECT_STATUS(
            SeSetSecurityDescriptorInfo(NULL, &what, change, &object, PagedPool, &Mapping),
            STATUS_SUCCESS);
        NT_EXPECT_NE(object, old);
        ExpectSame(object, row->Result, 0);
        ExFreePool(object);
        ExFreePool(change);
    }
    ExpectSame(old, L"O:BAG:SYD:(A;;0x1;;;BA)", 0);
    change = SeTestDescriptor(L"D:");
    what = OWNER_SECURITY_INFORMATION;
    object = old;
    NT_EXPECT_STATUS(SeSetSecurityDescriptorInfo(NULL, &what, change, &object, PagedPool, &Mapping),
                     STATUS_INVALID_OWNER);
    what = GROUP_SECURITY_INFORMATION;
    NT_EXPECT_STATUS(SeSetSecurityDescriptorInfo(NULL, &what, change, &object, PagedPool, &Mapping),
                     STATUS_INVALID_PRIMARY_GROUP);
    what = DACL_SECURITY_INFORMATION;
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(SeSetSecurityDescriptorInfo(NULL, &what, change, &object, PagedPool, &Mapping),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    NT_EXPECT_STATUS(
        SeSetSecurityDescriptorInfoEx(NULL, &what, change, &object, 1, PagedPool, &Mapping),
        STATUS_NOT_SUPPORTED);
    NT_EXPECT_EQ(object, old);
    NT_EXPECT_STATUS(
        SeSetSecurityDescriptorInfoEx(NULL, &what, change, &object, 0, PagedPool, &Mapping),
        STATUS_SUCCESS);
    ExFreePool(object);
    object = NULL;
    NT_EXPECT_STATUS(SeSetSecurityDescriptorInfo(NULL, &what, change, &object, PagedPool, &Mapping),
                     STATUS_NO_SECURITY_ON_OBJECT);
    ((PISECURITY_DESCRIPTOR)old)->Control &= (USHORT)~SE_SELF_RELATIVE;
    object = old;
    NT_EXPECT_STATUS(SeSetSecurityDescriptorInfo(NULL, &what, change, &object, PagedPool, &Mapping),
                     STATUS_BAD_DESCRIPTOR_FORMAT);
    ExFreePool(change);
    ExFreePool(old);
}

NT_TEST(Assign, PartsAreQueried)
{
    static const struct {
        SECURITY_INFORMATION What;
        ULONG Length;
    } rows[] = {
        {OWNER_SECURITY_INFORMATION, 20 + 16},
        {GROUP_SECURITY_INFORMATION, 20 + 12},
        {DACL_SECURITY_INFORMATION, 20 + 8 + 24},
        {SACL_SECURITY_INFORMATION, 20 + 8 + 20},
        {OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, 20 + 16 + 8 + 24},
        {0, 20},
    };
    PSECURITY_DESCRIPTOR object = SeTestDescriptor(L"O:BAG:SYD:(A;;0x1;;;BA)S:(ML;;NW;;;HI)");
    PSECURITY_DESCRIPTOR nothing = NULL;
    SECURITY_INFORMATION what;
    UCHAR room[128];
    ULONG length;

    NT_FOR_EACH (row, rows) {
        what = row->What;
        length = row->Length - 1;
        memset(room, 0xAA, sizeof(room));
        NT_EXPECT_STATUS(SeQuerySecurityDescriptorInfo(&what, room, &length, &object),
                         STATUS_BUFFER_TOO_SMALL);
        NT_EXPECT_EQ(length, row->Length);
        NT_EXPECT_EQ(room[0], 0xAA);
        NT_EXPECT_STATUS(SeQuerySecurityDescriptorInfo(&what, room, &length, &object),
                         STATUS_SUCCESS);
        NT_EXPECT_TRUE(RtlValidRelativeSecurityDescriptor(room, length, what));
        NT_EXPECT_EQ(room[length], 0xAA);
    }
    what = DACL_SECURITY_INFORMATION;
    length = sizeof(room);
    NT_EXPECT_STATUS(SeQuerySecurityDescriptorInfo(&what, room, &length, &nothing), STATUS_SUCCESS);
    NT_EXPECT_EQ(length, 20);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(SeQuerySecurityDescriptorInfo(&what, room, &length, &nothing),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    ExFreePool(object);
}

/* ---- the two forms ---- */

NT_TEST(Assign, FormsAreConvertedThereAndBack)
{
    PCWSTR text = L"O:BAG:SYD:P(A;OICI;GR;;;WD)(D;;0x3;;;BU)S:(ML;;NW;;;HI)";
    PSECURITY_DESCRIPTOR relative = SeTestDescriptor(text);
    ULONG sizes[5] = {0};
    ULONG needed[5];
    SECURITY_DESCRIPTOR absolute;
    __attribute__((aligned(8))) UCHAR rooms[4][128];
    UCHAR back[256];
    ULONG length = 0;
    BOOLEAN flag;
    PACL acl;
    PSID sid;

#define TO_ABSOLUTE(sizes)                                                                     \
    RtlSelfRelativeToAbsoluteSD(relative, &absolute, &(sizes)[0], (PACL)rooms[0], &(sizes)[1], \
                                (PACL)rooms[1], &(sizes)[2], rooms[2], &(sizes)[3], rooms[3],  \
                                &(sizes)[4])
    NT_EXPECT_STATUS(TO_ABSOLUTE(sizes), STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(sizes[0], sizeof(absolute));
    NT_EXPECT_EQ(sizes[1], 8 + 20 + 24);
    NT_EXPECT_EQ(sizes[2], 8 + 20);
    NT_EXPECT_EQ(sizes[3], 16);
    NT_EXPECT_EQ(sizes[4], 12);
    memcpy(needed, sizes, sizeof(needed));
    for (ULONG i = 0; i < 5; ++i) {
        sizes[i]--;
        NT_EXPECT_STATUS(TO_ABSOLUTE(sizes), STATUS_BUFFER_TOO_SMALL);
        NT_EXPECT_EQ(memcmp(sizes, needed, sizeof(needed)), 0);
    }
    NT_EXPECT_STATUS(TO_ABSOLUTE(sizes), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlValidSecurityDescriptor(&absolute));
    NT_EXPECT_STATUS(RtlGetGroupSecurityDescriptor(&absolute, &sid, &flag), STATUS_SUCCESS);
    NT_EXPECT_EQ(sid, rooms[3]);
    NT_EXPECT_TRUE(RtlEqualSid(sid, SeExports->SeLocalSystemSid));
    NT_EXPECT_STATUS(RtlGetSaclSecurityDescriptor(&absolute, &flag, &acl, &flag), STATUS_SUCCESS);
    NT_EXPECT_EQ(acl, (PACL)rooms[1]);
    NT_EXPECT_STATUS(RtlAbsoluteToSelfRelativeSD(&absolute, NULL, &length),
                     STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_EQ(length, RtlLengthSecurityDescriptor(relative));
    length--;
    NT_EXPECT_STATUS(RtlAbsoluteToSelfRelativeSD(&absolute, back, &length),
                     STATUS_BUFFER_TOO_SMALL);
    NT_EXPECT_STATUS(RtlAbsoluteToSelfRelativeSD(&absolute, back, &length), STATUS_SUCCESS);
    ExpectSame(back, text, 0);
    /* Each wants the other form. */
    NT_EXPECT_STATUS(RtlAbsoluteToSelfRelativeSD(relative, back, &length),
                     STATUS_BAD_DESCRIPTOR_FORMAT);
    ((PISECURITY_DESCRIPTOR)relative)->Control &= (USHORT)~SE_SELF_RELATIVE;
    NT_EXPECT_STATUS(TO_ABSOLUTE(sizes), STATUS_BAD_DESCRIPTOR_FORMAT);
    ExFreePool(relative);
}

/* What the getters say about a self-relative one: pointers into it. */
NT_TEST(Assign, SelfRelativePartsAreFound)
{
    PSECURITY_DESCRIPTOR relative = SeTestDescriptor(L"O:BAG:SYD:(A;;0x1;;;WD)S:(ML;;NW;;;HI)");
    ULONG length = RtlLengthSecurityDescriptor(relative);
    SECURITY_DESCRIPTOR_RELATIVE empty;
    BOOLEAN defaulted;
    BOOLEAN present;
    PACL acl;
    PSID sid;

    NT_EXPECT_EQ(length, 20 + 16 + 12 + 8 + 20 + 8 + 20);
    NT_EXPECT_TRUE(RtlValidSecurityDescriptor(relative));
    NT_EXPECT_TRUE(SeValidSecurityDescriptor(length, relative));
    NT_EXPECT_FALSE(SeValidSecurityDescriptor(length - 1, relative));
    NT_EXPECT_FALSE(SeValidSecurityDescriptor(19, relative));
    NT_EXPECT_STATUS(RtlGetOwnerSecurityDescriptor(relative, &sid, &defaulted), STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlEqualSid(sid, SeExports->SeAliasAdminsSid));
    NT_EXPECT_TRUE((PUCHAR)sid > (PUCHAR)relative && (PUCHAR)sid < (PUCHAR)relative + length);
    NT_EXPECT_FALSE(defaulted);
    NT_EXPECT_STATUS(RtlGetDaclSecurityDescriptor(relative, &present, &acl, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(present);
    NT_EXPECT_EQ(acl->AceCount, 1);
    acl->AceCount = 2;
    NT_EXPECT_FALSE(RtlValidSecurityDescriptor(relative));
    NT_EXPECT_FALSE(RtlValidRelativeSecurityDescriptor(relative, length, 0));
    acl->AceCount = 1;
    ((PISECURITY_DESCRIPTOR)relative)->Revision = 2;
    NT_EXPECT_STATUS(RtlGetOwnerSecurityDescriptor(relative, &sid, &defaulted),
                     STATUS_UNKNOWN_REVISION);
    NT_EXPECT_STATUS(RtlGetGroupSecurityDescriptor(relative, &sid, &defaulted),
                     STATUS_UNKNOWN_REVISION);
    NT_EXPECT_STATUS(RtlGetDaclSecurityDescriptor(relative, &present, &acl, &defaulted),
                     STATUS_UNKNOWN_REVISION);
    NT_EXPECT_STATUS(RtlGetSaclSecurityDescriptor(relative, &present, &acl, &defaulted),
                     STATUS_UNKNOWN_REVISION);
    NT_EXPECT_FALSE(RtlValidSecurityDescriptor(relative));
    ExFreePool(relative);
    NT_EXPECT_STATUS(RtlCreateSecurityDescriptorRelative(&empty, 2), STATUS_UNKNOWN_REVISION);
    NT_EXPECT_STATUS(RtlCreateSecurityDescriptorRelative(&empty, SECURITY_DESCRIPTOR_REVISION),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(RtlValidRelativeSecurityDescriptor(&empty, sizeof(empty), 0));
    NT_EXPECT_STATUS(RtlGetSaclSecurityDescriptor(&empty, &present, &acl, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_FALSE(present);
}

NT_TEST(Assign, RelativeDescriptorsMustLieInTheirBlock)
{
    PSECURITY_DESCRIPTOR original = SeTestDescriptor(L"O:BAG:SYD:(A;;0x1;;;WD)S:(ML;;NW;;;HI)");
    ULONG length = RtlLengthSecurityDescriptor(original);
    PISECURITY_DESCRIPTOR_RELATIVE copy = ExAllocatePoolWithTag(PagedPool, length, 'tseT');

    for (ULONG shorter = 0; shorter < length; ++shorter) {
        memcpy(copy, original, length);
        NT_EXPECT_FALSE(RtlValidRelativeSecurityDescriptor(copy, shorter, 0));
    }
#define BROKEN(change)                                                     \
    memcpy(copy, original, length);                                        \
    NT_EXPECT_TRUE(RtlValidRelativeSecurityDescriptor(copy, length, 0xF)); \
    change;                                                                \
    NT_EXPECT_FALSE(RtlValidRelativeSecurityDescriptor(copy, length, 0xF))
    BROKEN(copy->Owner = 0xFFFFFFFC);
    BROKEN(copy->Owner = 4);
    BROKEN(copy->Owner += 1);
    BROKEN(copy->Owner = 0);
    BROKEN(copy->Group = 0);
    BROKEN(copy->Group = length - 4);
    BROKEN(copy->Dacl = length);
    BROKEN(copy->Sacl = 0xFFFFFFF0);
    BROKEN(copy->Control &= (USHORT)~SE_SELF_RELATIVE);
    BROKEN(copy->Control &= (USHORT)~SE_DACL_PRESENT);
    BROKEN(copy->Control &= (USHORT)~SE_SACL_PRESENT);
    BROKEN(copy->Revision = 0);
    BROKEN(((PACL)((PUCHAR)copy + copy->Dacl))->AclSize = 0xFFFC);
    BROKEN(*((PUCHAR)copy + copy->Owner + 1) = 200);
    ExFreePool(copy);
    ExFreePool(original);
}

NT_TEST(Assign, SaclsAreSetLikeDacls)
{
    SECURITY_DESCRIPTOR descriptor;
    BOOLEAN defaulted = FALSE;
    BOOLEAN present = FALSE;
    ULONG room[8];
    PACL acl = NULL;

    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    RtlCreateAcl((PACL)room, sizeof(room), ACL_REVISION);
    NT_EXPECT_STATUS(RtlSetSaclSecurityDescriptor(&descriptor, TRUE, (PACL)room, TRUE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlGetSaclSecurityDescriptor(&descriptor, &present, &acl, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(present);
    NT_EXPECT_TRUE(defaulted);
    NT_EXPECT_EQ(acl, (PACL)room);
    NT_EXPECT_STATUS(RtlSetSaclSecurityDescriptor(&descriptor, FALSE, (PACL)room, TRUE),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(RtlGetSaclSecurityDescriptor(&descriptor, &present, &acl, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_FALSE(present);
    descriptor.Control = SE_SELF_RELATIVE;
    NT_EXPECT_STATUS(RtlSetSaclSecurityDescriptor(&descriptor, TRUE, NULL, FALSE),
                     STATUS_INVALID_SECURITY_DESCR);
    descriptor.Revision = 9;
    NT_EXPECT_STATUS(RtlSetSaclSecurityDescriptor(&descriptor, TRUE, NULL, FALSE),
                     STATUS_UNKNOWN_REVISION);
}
