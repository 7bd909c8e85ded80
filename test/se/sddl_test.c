/* SPDX-License-Identifier: MIT
 *
 * sddl_test.c - descriptors from text
 */
#include "se_test.h"

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
Parse(PCWSTR Text, PSECURITY_DESCRIPTOR *Descriptor)
{
    UNICODE_STRING text;

    RtlInitUnicodeString(&text, Text);
    return SepParseSddl(&text, Descriptor);
}

/* The first ACE of the DACL. */
static PACCESS_ALLOWED_ACE
FirstAce(PSECURITY_DESCRIPTOR Descriptor)
{
    PACCESS_ALLOWED_ACE ace = NULL;
    BOOLEAN present = FALSE;
    BOOLEAN defaulted;
    PACL dacl = NULL;

    NT_EXPECT_STATUS(RtlGetDaclSecurityDescriptor(Descriptor, &present, &dacl, &defaulted),
                     STATUS_SUCCESS);
    NT_EXPECT_TRUE(present);
    NT_EXPECT_STATUS(RtlGetAce(dacl, 0, (PVOID *)&ace), STATUS_SUCCESS);
    return ace;
}

NT_TEST(Sddl, RightsOfDeviceObjects)
{
    static const struct {
        PCWSTR Text;
        ACCESS_MASK Mask;
    } rows[] = {
        {L"D:P(A;;GA;;;WD)", GENERIC_ALL},
        {L"D:P(A;;GR;;;WD)", GENERIC_READ},
        {L"D:P(A;;GW;;;WD)", GENERIC_WRITE},
        {L"D:P(A;;GX;;;WD)", GENERIC_EXECUTE},
        {L"D:P(A;;RC;;;WD)", READ_CONTROL},
        {L"D:P(A;;SD;;;WD)", DELETE},
        {L"D:P(A;;WD;;;WD)", WRITE_DAC},
        {L"D:P(A;;WO;;;WD)", WRITE_OWNER},
        {L"D:P(A;;GRGWRC;;;WD)", GENERIC_READ | GENERIC_WRITE | READ_CONTROL},
        {L"D:P(A;;0x1f01ff;;;WD)", 0x1F01FF},
        {L"D:P(A;;0X1F01FF;;;WD)", 0x1F01FF},
        {L"D:P(A;;17;;;WD)", 17},
        {L"D:P(A;;0xffffffff;;;WD)", 0xFFFFFFFF},
        {L"D:P(A;;;;;WD)", 0},
        {L"D:P(A;;FAFRFWFX;;;WD)", FILE_ALL_ACCESS},
        {L"D:P(A;;CCDCLCSWRPWPDTLOCR;;;WD)", 0x1FF},
    };

    NT_FOR_EACH (row, rows) {
        PSECURITY_DESCRIPTOR descriptor;

        NT_EXPECT_STATUS(Parse(row->Text, &descriptor), STATUS_SUCCESS);
        NT_EXPECT_EQ(FirstAce(descriptor)->Mask, row->Mask);
        NT_EXPECT_EQ(FirstAce(descriptor)->Header.AceType, ACCESS_ALLOWED_ACE_TYPE);
        ExFreePool(descriptor);
    }
}

NT_TEST(Sddl, SidsOfDeviceObjects)
{
    static const struct {
        PCWSTR Short;
        PCWSTR Long;
    } rows[] = {
        {L"D:(A;;GA;;;SY)", L"D:(A;;GA;;;S-1-5-18)"},
        {L"D:(A;;GA;;;LS)", L"D:(A;;GA;;;S-1-5-19)"},
        {L"D:(A;;GA;;;NS)", L"D:(A;;GA;;;S-1-5-20)"},
        {L"D:(A;;GA;;;BA)", L"D:(A;;GA;;;S-1-5-32-544)"},
        {L"D:(A;;GA;;;BU)", L"D:(A;;GA;;;S-1-5-32-545)"},
        {L"D:(A;;GA;;;BG)", L"D:(A;;GA;;;S-1-5-32-546)"},
        {L"D:(A;;GA;;;AU)", L"D:(A;;GA;;;S-1-5-11)"},
        {L"D:(A;;GA;;;AN)", L"D:(A;;GA;;;S-1-5-7)"},
        {L"D:(A;;GA;;;IU)", L"D:(A;;GA;;;S-1-5-4)"},
        {L"D:(A;;GA;;;NU)", L"D:(A;;GA;;;S-1-5-2)"},
        {L"D:(A;;GA;;;WD)", L"D:(A;;GA;;;S-1-1-0)"},
        {L"D:(A;;GA;;;RC)", L"D:(A;;GA;;;S-1-5-12)"},
        {L"D:(A;;GA;;;UD)", L"D:(A;;GA;;;S-1-5-84-0-0-0-0-0)"},
        {L"O:SYG:BAD:P", L"O:S-1-5-18G:S-1-5-32-544D:P"},
        {L"D:(A;;GA;;;CO)(A;;GA;;;CG)", L"D:(A;;GA;;;S-1-3-0)(A;;GA;;;S-1-3-1)"},
        {L"D:(A;;GA;;;OW)", L"D:(A;;GA;;;S-1-3-4)"},
        {L"D:S:(ML;;NW;;;LW)", L"D:S:(ML;;NW;;;S-1-16-4096)"},
        {L"D:S:(ML;;NW;;;SI)", L"D:S:(ML;;0x1;;;S-1-16-16384)"},
        {L"D:(A;;GA;;;S-1-0x16-1-10)", L"D:(A;;GA;;;S-1-22-0x1-0xA)"},
    };

    NT_FOR_EACH (row, rows) {
        PSECURITY_DESCRIPTOR one;
        PSECURITY_DESCRIPTOR other;

        NT_EXPECT_STATUS(Parse(row->Short, &one), STATUS_SUCCESS);
        NT_EXPECT_STATUS(Parse(row->Long, &other), STATUS_SUCCESS);
        NT_EXPECT_EQ(RtlLengthSecurityDescriptor(one), RtlLengthSecurityDescriptor(other));
        NT_EXPECT_EQ(memcmp(one, other, RtlLengthSecurityDescriptor(one)), 0);
        NT_EXPECT_TRUE(RtlValidSecurityDescriptor(one));
        NT_EXPECT_TRUE(RtlValidRelativeSecurityDescriptor(one, RtlLengthSecurityDescriptor(one),
                                                          DACL_SECURITY_INFORMATION));
        ExFreePool(one);
        ExFreePool(other);
    }
}

NT_TEST(Sddl, WellKnownSidsAreThoseOfSeExports)
{
    const struct {
        PCWSTR Text;
        PSID Sid;
    } rows[] = {
        {L"D:(A;;GA;;;SY)", SeExports->SeLocalSystemSid},
        {L"D:(A;;GA;;;LS)", SeExports->SeLocalServiceSid},
        {L"D:(A;;GA;;;NS)", SeExports->SeNetworkServiceSid},
        {L"D:(A;;GA;;;BA)", SeExports->SeAliasAdminsSid},
        {L"D:(A;;GA;;;BU)", SeExports->SeAliasUsersSid},
        {L"D:(A;;GA;;;BG)", SeExports->SeAliasGuestsSid},
        {L"D:(A;;GA;;;PU)", SeExports->SeAliasPowerUsersSid},
        {L"D:(A;;GA;;;AO)", SeExports->SeAliasAccountOpsSid},
        {L"D:(A;;GA;;;SO)", SeExports->SeAliasSystemOpsSid},
        {L"D:(A;;GA;;;PO)", SeExports->SeAliasPrintOpsSid},
        {L"D:(A;;GA;;;BO)", SeExports->SeAliasBackupOpsSid},
        {L"D:(A;;GA;;;AU)", SeExports->SeAuthenticatedUsersSid},
        {L"D:(A;;GA;;;AN)", SeExports->SeAnonymousLogonSid},
        {L"D:(A;;GA;;;IU)", SeExports->SeInteractiveSid},
        {L"D:(A;;GA;;;NU)", SeExports->SeNetworkSid},
        {L"D:(A;;GA;;;S-1-5-1)", SeExports->SeDialupSid},
        {L"D:(A;;GA;;;S-1-5-3)", SeExports->SeBatchSid},
        {L"D:(A;;GA;;;S-1-5-17)", SeExports->SeIUserSid},
        {L"D:(A;;GA;;;WD)", SeExports->SeWorldSid},
        {L"D:(A;;GA;;;S-1-0-0)", SeExports->SeNullSid},
        {L"D:(A;;GA;;;S-1-2-0)", SeExports->SeLocalSid},
        {L"D:(A;;GA;;;CO)", SeExports->SeCreatorOwnerSid},
        {L"D:(A;;GA;;;CG)", SeExports->SeCreatorGroupSid},
        {L"D:(A;;GA;;;OW)", SeExports->SeOwnerRightsSid},
        {L"D:(A;;GA;;;RC)", SeExports->SeRestrictedSid},
        {L"D:(A;;GA;;;S-1-16-0)", SeExports->SeUntrustedMandatorySid},
        {L"D:(A;;GA;;;LW)", SeExports->SeLowMandatorySid},
        {L"D:(A;;GA;;;ME)", SeExports->SeMediumMandatorySid},
        {L"D:(A;;GA;;;HI)", SeExports->SeHighMandatorySid},
        {L"D:(A;;GA;;;SI)", SeExports->SeSystemMandatorySid},
    };

    NT_FOR_EACH (row, rows) {
        PSECURITY_DESCRIPTOR descriptor;

        NT_EXPECT_STATUS(Parse(row->Text, &descriptor), STATUS_SUCCESS);
        NT_EXPECT_TRUE(RtlEqualSid(&FirstAce(descriptor)->SidStart, row->Sid));
        ExFreePool(descriptor);
    }
}

NT_TEST(Sddl, FlagsBecomeControlAndAceFlags)
{
    static const struct {
        PCWSTR Text;
        USHORT Control;
    } rows[] = {
        {L"D:", SE_DACL_PRESENT},
        {L"D:P", SE_DACL_PRESENT | SE_DACL_PROTECTED},
        {L"D:PAI", SE_DACL_PRESENT | SE_DACL_PROTECTED | SE_DACL_AUTO_INHERITED},
        {L"D:AR", SE_DACL_PRESENT | SE_DACL_AUTO_INHERIT_REQ},
        {L"D:S:P", SE_DACL_PRESENT | SE_SACL_PRESENT | SE_SACL_PROTECTED},
        {L"D:S:AIAR",
         SE_DACL_PRESENT | SE_SACL_PRESENT | SE_SACL_AUTO_INHERITED | SE_SACL_AUTO_INHERIT_REQ},
    };
    PSECURITY_DESCRIPTOR descriptor;
    PACCESS_ALLOWED_ACE ace;

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(Parse(row->Text, &descriptor), STATUS_SUCCESS);
        NT_EXPECT_EQ(((PISECURITY_DESCRIPTOR)descriptor)->Control, row->Control | SE_SELF_RELATIVE);
        ExFreePool(descriptor);
    }
    NT_EXPECT_STATUS(Parse(L"D:(D;OICINPIOID;GR;;;WD)", &descriptor), STATUS_SUCCESS);
    ace = FirstAce(descriptor);
    NT_EXPECT_EQ(ace->Header.AceType, ACCESS_DENIED_ACE_TYPE);
    NT_EXPECT_EQ(ace->Header.AceFlags, VALID_INHERIT_FLAGS);
    ExFreePool(descriptor);
}

NT_TEST(Sddl, NonsenseIsRefused)
{
    static const PCWSTR rows[] = {
        L"",
        L"D",
        L"P(A;;GA;;;SY)",
        L"O:SY",
        L"O:QQD:P",
        L"G:D:P",
        L"D:X",
        L"D:(",
        L"D:()",
        L"D:(A)",
        L"D:(A;GA;;;SY)",
        L"D:(A;;GA;;SY)",
        L"D:(A;;GA;;;;SY)",
        L"D:(A;;GA;;;)",
        L"D:(A;;GA;;;SY",
        L"D:(A;;GA;;;SYBA)",
        L"D:(A;;G;;;SY)",
        L"D:(A;;ga;;;SY)",
        L"D:(A;;ZZ;;;SY)",
        L"D:(A;;0x;;;SY)",
        L"D:(A;;0xg;;;SY)",
        L"D:(A;;0x100000000;;;SY)",
        L"D:(A;;99999999999999999999999;;;SY)",
        L"D:(A;ZZ;GA;;;SY)",
        L"D:(X;;GA;;;SY)",
        L"D:(AU;;GA;;;SY)",
        L"D:(OA;;GA;;;SY)",
        L"D:(A;;GA;4b4b4b4b-0000-0000-0000-000000000000;;SY)",
        L"D:(A;;GA;;;DA)", /* of a domain */
        L"D:(A;;GA;;;S-1-5)",
        L"D:(A;;GA;;;S-2-5-18)",
        L"D:(A;;GA;;;S-1-5-)",
        L"D:(A;;GA;;;S-1-5-4294967296)",
        L"D:(A;;GA;;;S-1-281474976710656-1)",
        L"D:(A;;GA;;;S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16)",
        L"D:(A;;GA;;;SY)x",
        L"D:(A;;GA;;;SY) ",
        L"D:S:(A;;GA;;;SY)",
        L"D:S:(ML;;GA;;;LW)",
        L"S:D:",
    };
    PSECURITY_DESCRIPTOR descriptor;

    NT_FOR_EACH (row, rows) {
        if (Parse(*row, &descriptor) != STATUS_INVALID_PARAMETER) {
            NT_FAIL("row %d was not refused", (int)(row - rows));
        }
    }
}

/* Not terminated, cut anywhere: what is behind Length is not read (the sanitizer sees it). */
NT_TEST(Sddl, EveryPrefixIsWholeOrRefused)
{
    static const WCHAR text[] =
        L"O:BAG:SYD:PAI(A;OICI;GRGX;;;S-1-5-32-545)(D;;0x1f;;;UD)S:(ML;;NW;;;LW)";
    const ULONG letters = sizeof(text) / sizeof(WCHAR) - 1;
    ULONG accepted = 0;

    for (ULONG length = 0; length <= letters; ++length) {
        PWSTR copy = ExAllocatePoolWithTag(PagedPool, length * sizeof(WCHAR) + 1, 'tseT');
        UNICODE_STRING part = {(USHORT)(length * sizeof(WCHAR)), (USHORT)(length * sizeof(WCHAR)),
                               copy};
        PSECURITY_DESCRIPTOR descriptor;
        NTSTATUS status;

        memcpy(copy, text, length * sizeof(WCHAR));
        status = SepParseSddl(&part, &descriptor);
        if (NT_SUCCESS(status)) {
            NT_EXPECT_TRUE(RtlValidSecurityDescriptor(descriptor));
            ExFreePool(descriptor);
            ++accepted;
        } else {
            NT_EXPECT_STATUS(status, STATUS_INVALID_PARAMETER);
        }
        ExFreePool(copy);
    }
    /* After "D:", "P", "PAI", the first ACE, the second, "S:", and the last. */
    NT_EXPECT_EQ(accepted, 7);
}

NT_TEST(Sddl, NoMemory)
{
    PSECURITY_DESCRIPTOR descriptor;

    for (ULONG n = 1; n <= 3; ++n) {
        SimSetFaultPlan("pool", n);
        NT_EXPECT_STATUS(Parse(L"D:(A;;GA;;;SY)S:(ML;;NW;;;LW)", &descriptor),
                         STATUS_INSUFFICIENT_RESOURCES);
        SimSetFaultPlan(NULL, 0);
    }
    NT_EXPECT_STATUS(Parse(L"D:(A;;GA;;;SY)S:(ML;;NW;;;LW)", &descriptor), STATUS_SUCCESS);
    ExFreePool(descriptor);
}
