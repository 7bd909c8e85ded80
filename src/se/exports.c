/* SPDX-License-Identifier: MIT
 *
 * se/exports.c - SeExports: the well-known SIDs and privileges
 *
 * Source   WDK reference, ntifs.h SE_EXPORTS; "Well-known SIDs".
 */
#include "se/se.h"

#define SEP_SID_1(name, authority, first) \
    static SID name = {SID_REVISION, 1, {{0, 0, 0, 0, 0, (authority)}}, {(first)}}

/* Two sub-authorities: those of \BUILTIN. */
typedef struct SEP_LONG_SID {
    SID Sid;
    ULONG Second;
} SEP_LONG_SID;

#define SEP_BUILTIN(name, relative) \
    static SEP_LONG_SID name = {{SID_REVISION, 2, {{0, 0, 0, 0, 0, 5}}, {32}}, (relative)}

SEP_SID_1(SepNull, 0, 0);
SEP_SID_1(SepWorld, 1, 0);
SEP_SID_1(SepLocal, 2, 0);
SEP_SID_1(SepCreatorOwner, 3, 0);
SEP_SID_1(SepCreatorGroup, 3, 1);
SEP_SID_1(SepOwnerRights, 3, 4);
SEP_SID_1(SepDialup, 5, 1);
SEP_SID_1(SepNetwork, 5, 2);
SEP_SID_1(SepBatch, 5, 3);
SEP_SID_1(SepInteractive, 5, 4);
SEP_SID_1(SepAnonymous, 5, 7);
SEP_SID_1(SepAuthenticated, 5, 11);
SEP_SID_1(SepRestricted, 5, 12);
SEP_SID_1(SepIUser, 5, 17);
SEP_SID_1(SepLocalSystem, 5, 18);
SEP_SID_1(SepLocalService, 5, 19);
SEP_SID_1(SepNetworkService, 5, 20);
SEP_SID_1(SepUntrusted, 16, 0);
SEP_SID_1(SepLow, 16, 0x1000);
SEP_SID_1(SepMedium, 16, 0x2000);
SEP_SID_1(SepHigh, 16, 0x3000);
SEP_SID_1(SepSystem, 16, 0x4000);
SEP_BUILTIN(SepAdmins, 544);
SEP_BUILTIN(SepUsers, 545);
SEP_BUILTIN(SepGuests, 546);
SEP_BUILTIN(SepPowerUsers, 547);
SEP_BUILTIN(SepAccountOps, 548);
SEP_BUILTIN(SepSystemOps, 549);
SEP_BUILTIN(SepPrintOps, 550);
SEP_BUILTIN(SepBackupOps, 551);
static SID SepNtAuthority = {SID_REVISION, 0, {{0, 0, 0, 0, 0, 5}}, {0}};

#define SEP_LUID(value) \
    {                   \
        (value), 0      \
    }

static SE_EXPORTS SepExports = {
    .SeCreateTokenPrivilege = SEP_LUID(2),
    .SeAssignPrimaryTokenPrivilege = SEP_LUID(3),
    .SeLockMemoryPrivilege = SEP_LUID(4),
    .SeIncreaseQuotaPrivilege = SEP_LUID(5),
    .SeUnsolicitedInputPrivilege = SEP_LUID(6),
    .SeTcbPrivilege = SEP_LUID(7),
    .SeSecurityPrivilege = SEP_LUID(8),
    .SeTakeOwnershipPrivilege = SEP_LUID(9),
    .SeLoadDriverPrivilege = SEP_LUID(10),
    .SeCreatePagefilePrivilege = SEP_LUID(15),
    .SeIncreaseBasePriorityPrivilege = SEP_LUID(14),
    .SeSystemProfilePrivilege = SEP_LUID(11),
    .SeSystemtimePrivilege = SEP_LUID(12),
    .SeProfileSingleProcessPrivilege = SEP_LUID(13),
    .SeCreatePermanentPrivilege = SEP_LUID(16),
    .SeBackupPrivilege = SEP_LUID(17),
    .SeRestorePrivilege = SEP_LUID(18),
    .SeShutdownPrivilege = SEP_LUID(19),
    .SeDebugPrivilege = SEP_LUID(20),
    .SeAuditPrivilege = SEP_LUID(21),
    .SeSystemEnvironmentPrivilege = SEP_LUID(22),
    .SeChangeNotifyPrivilege = SEP_LUID(23),
    .SeRemoteShutdownPrivilege = SEP_LUID(24),
    .SeUndockPrivilege = SEP_LUID(25),
    .SeSyncAgentPrivilege = SEP_LUID(26),
    .SeEnableDelegationPrivilege = SEP_LUID(27),
    .SeManageVolumePrivilege = SEP_LUID(28),
    .SeImpersonatePrivilege = SEP_LUID(29),
    .SeCreateGlobalPrivilege = SEP_LUID(30),
    .SeTrustedCredManAccessPrivilege = SEP_LUID(31),
    .SeRelabelPrivilege = SEP_LUID(32),
    .SeIncreaseWorkingSetPrivilege = SEP_LUID(33),
    .SeTimeZonePrivilege = SEP_LUID(34),
    .SeCreateSymbolicLinkPrivilege = SEP_LUID(35),
    .SeNullSid = &SepNull,
    .SeWorldSid = &SepWorld,
    .SeLocalSid = &SepLocal,
    .SeCreatorOwnerSid = &SepCreatorOwner,
    .SeCreatorGroupSid = &SepCreatorGroup,
    .SeNtAuthoritySid = &SepNtAuthority,
    .SeDialupSid = &SepDialup,
    .SeNetworkSid = &SepNetwork,
    .SeBatchSid = &SepBatch,
    .SeInteractiveSid = &SepInteractive,
    .SeLocalSystemSid = &SepLocalSystem,
    .SeAliasAdminsSid = &SepAdmins,
    .SeAliasUsersSid = &SepUsers,
    .SeAliasGuestsSid = &SepGuests,
    .SeAliasPowerUsersSid = &SepPowerUsers,
    .SeAliasAccountOpsSid = &SepAccountOps,
    .SeAliasSystemOpsSid = &SepSystemOps,
    .SeAliasPrintOpsSid = &SepPrintOps,
    .SeAliasBackupOpsSid = &SepBackupOps,
    .SeAuthenticatedUsersSid = &SepAuthenticated,
    .SeRestrictedSid = &SepRestricted,
    .SeAnonymousLogonSid = &SepAnonymous,
    .SeLocalServiceSid = &SepLocalService,
    .SeNetworkServiceSid = &SepNetworkService,
    .SeIUserSid = &SepIUser,
    .SeUntrustedMandatorySid = &SepUntrusted,
    .SeLowMandatorySid = &SepLow,
    .SeMediumMandatorySid = &SepMedium,
    .SeHighMandatorySid = &SepHigh,
    .SeSystemMandatorySid = &SepSystem,
    .SeOwnerRightsSid = &SepOwnerRights,
};

#pragma GCC visibility push(default)
PSE_EXPORTS SeExports = &SepExports;
#pragma GCC visibility pop
