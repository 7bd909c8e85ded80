/* SPDX-License-Identifier: MIT
 *
 * se/token.c - the one access token, and what is asked about it
 *
 * There is one identity (access.c): LocalSystem, an administrator who holds every privilege. Its
 * primary token is every process's; no thread impersonates.
 *
 * Source   WDK reference, ntifs.h SeQueryInformationToken, ZwQueryInformationToken,
 *          ZwOpenProcessTokenEx, ZwOpenThreadTokenEx, SeTokenIsAdmin, SeTokenType,
 *          TOKEN_INFORMATION_CLASS.
 */
#include "se/se.h"

#define SEP_TAG_TOKEN 0x6F546553u /* 'SeTo' */
#define SEP_TOKEN_ALL_ACCESS 0x000F01FFu
#define SEP_TOKEN_QUERY 0x0008u
#define SEP_TOKEN_QUERY_SOURCE 0x0010u
#define SEP_FIRST_PRIVILEGE 2u
#define SEP_LAST_PRIVILEGE 35u
#define SEP_PRIVILEGES (SEP_LAST_PRIVILEGE - SEP_FIRST_PRIVILEGE + 1)
#define SEP_ENABLED 3u               /* SE_PRIVILEGE_ENABLED, SE_PRIVILEGE_ENABLED_BY_DEFAULT */
#define SEP_GROUP_ENABLED 7u         /* SE_GROUP_MANDATORY, _ENABLED, _ENABLED_BY_DEFAULT */
#define SEP_GROUP_OWNER 8u           /* SE_GROUP_OWNER */
#define SEP_GROUP_INTEGRITY 0x60u    /* SE_GROUP_INTEGRITY, _INTEGRITY_ENABLED */
#define SEP_SYSTEM_INTEGRITY 0x4000u /* SECURITY_MANDATORY_SYSTEM_RID */
#define SEP_ANSWER_LIMIT 1024u
#define SEP_ELEVATION_DEFAULT 1u /* TokenElevationTypeDefault */

typedef struct SEP_TOKEN {
    LUID TokenId;
} SEP_TOKEN;

/* An answer under construction: pointers in it are those that hold in Home. */
typedef struct SEP_ANSWER {
    ULONG Length;
    ULONG_PTR Home;
    ULONG64 Data[SEP_ANSWER_LIMIT / sizeof(ULONG64)];
} SEP_ANSWER;

static SEP_TOKEN *SepSystemToken;
static POBJECT_TYPE SepTokenType;

#pragma GCC visibility push(default)
POBJECT_TYPE *SeTokenObjectType = &SepTokenType;
#pragma GCC visibility pop

NTSTATUS
SepInitializeTokens(VOID)
{
    static const OBP_TYPE_OPS ops = {
        .Name = L"Token",
        .ValidAccess = SEP_TOKEN_ALL_ACCESS,
        .Mapping = {STANDARD_RIGHTS_READ | SEP_TOKEN_QUERY, STANDARD_RIGHTS_WRITE | 0xE0,
                    STANDARD_RIGHTS_EXECUTE, SEP_TOKEN_ALL_ACCESS},
    };
    NTSTATUS status = ObpCreateType(&ops, &SepTokenType);

    if (NT_SUCCESS(status)) {
        status = ObpCreateObject(SepTokenType, sizeof(SEP_TOKEN), (PVOID *)&SepSystemToken);
    }
    if (NT_SUCCESS(status)) {
        SepSystemToken->TokenId.LowPart = 0x3E9;
    }
    return status;
}

VOID
SepShutdownTokens(VOID)
{
    if (SepSystemToken != NULL) {
        ObDereferenceObject(SepSystemToken);
        SepSystemToken = NULL;
    }
}

PACCESS_TOKEN
SepReferenceToken(VOID)
{
    if (SepSystemToken != NULL) {
        ObReferenceObject(SepSystemToken);
    }
    return SepSystemToken;
}

/* ---- answers ---- */

/* Room for Size bytes at the end; its offset. */
static ULONG
SepReserve(SEP_ANSWER *Answer, ULONG Size)
{
    ULONG offset = (Answer->Length + 7) & ~7u;

    NT_ASSERT_INTERNAL(offset + Size <= SEP_ANSWER_LIMIT);
    memset((PUCHAR)Answer->Data + offset, 0, Size);
    Answer->Length = offset + Size;
    return offset;
}

/* A copy of the SID in the answer, as it is addressed there. */
static PSID
SepPutSid(SEP_ANSWER *Answer, PSID Sid)
{
    const SID *sid = Sid;
    ULONG length =
        (ULONG)(FIELD_OFFSET(SID, SubAuthority) + sid->SubAuthorityCount * sizeof(ULONG));
    ULONG offset = SepReserve(Answer, length);

    memcpy((PUCHAR)Answer->Data + offset, sid, length);
    return (PSID)(Answer->Home + offset);
}

static VOID
SepPutSidAndAttributes(SEP_ANSWER *Answer, SID_AND_ATTRIBUTES *Target, PSID Sid, ULONG Attributes)
{
    Target->Attributes = Attributes;
    Target->Sid = SepPutSid(Answer, Sid);
}

static VOID
SepAnswerGroups(SEP_ANSWER *Answer)
{
    const struct {
        PSID Sid;
        ULONG Attributes;
    } groups[] = {
        {SeExports->SeAliasAdminsSid, SEP_GROUP_ENABLED | SEP_GROUP_OWNER},
        {SeExports->SeWorldSid, SEP_GROUP_ENABLED},
        {SeExports->SeAuthenticatedUsersSid, SEP_GROUP_ENABLED},
        {SeExports->SeSystemMandatorySid, SEP_GROUP_INTEGRITY},
    };
    const ULONG count = sizeof(groups) / sizeof(groups[0]);
    TOKEN_GROUPS *answer = (TOKEN_GROUPS *)Answer->Data;

    SepReserve(Answer,
               (ULONG)(FIELD_OFFSET(TOKEN_GROUPS, Groups) + count * sizeof(SID_AND_ATTRIBUTES)));
    answer->GroupCount = count;
    for (ULONG i = 0; i < count; ++i) {
        SepPutSidAndAttributes(Answer, &answer->Groups[i], groups[i].Sid, groups[i].Attributes);
    }
}

static VOID
SepAnswerPrivileges(SEP_ANSWER *Answer)
{
    TOKEN_PRIVILEGES *answer = (TOKEN_PRIVILEGES *)Answer->Data;

    SepReserve(Answer, (ULONG)(FIELD_OFFSET(TOKEN_PRIVILEGES, Privileges) +
                               SEP_PRIVILEGES * sizeof(LUID_AND_ATTRIBUTES)));
    answer->PrivilegeCount = SEP_PRIVILEGES;
    for (ULONG i = 0; i < SEP_PRIVILEGES; ++i) {
        answer->Privileges[i].Luid.LowPart = SEP_FIRST_PRIVILEGE + i;
        answer->Privileges[i].Attributes = SEP_ENABLED;
    }
}

static VOID
SepAnswerStatistics(SEP_ANSWER *Answer)
{
    TOKEN_STATISTICS *answer = (TOKEN_STATISTICS *)Answer->Data;

    SepReserve(Answer, sizeof(*answer));
    answer->TokenId = SepSystemToken->TokenId;
    answer->AuthenticationId.LowPart = 0x3E7; /* SYSTEM_LUID */
    answer->ExpirationTime.QuadPart = MAXLONGLONG;
    answer->TokenType = TokenPrimary;
    answer->GroupCount = 4;
    answer->PrivilegeCount = SEP_PRIVILEGES;
}

static VOID
SepAnswerSource(SEP_ANSWER *Answer)
{
    TOKEN_SOURCE *answer = (TOKEN_SOURCE *)Answer->Data;

    SepReserve(Answer, sizeof(*answer));
    memcpy(answer->SourceName, "*SYSTEM*", sizeof(answer->SourceName));
}

static VOID
SepAnswerNumber(SEP_ANSWER *Answer, ULONG Number)
{
    SepReserve(Answer, sizeof(ULONG));
    memcpy(Answer->Data, &Number, sizeof(Number));
}

/* STATUS_INVALID_INFO_CLASS: not one that is known, or not of a primary token. */
static NTSTATUS
SepAnswer(TOKEN_INFORMATION_CLASS Class, SEP_ANSWER *Answer)
{
    SID_AND_ATTRIBUTES *label = (SID_AND_ATTRIBUTES *)Answer->Data;

    Answer->Length = 0;
    switch ((int)Class) {
    case TokenUser:
        SepReserve(Answer, sizeof(TOKEN_USER));
        SepPutSidAndAttributes(Answer, label, SeExports->SeLocalSystemSid, 0);
        break;
    case TokenIntegrityLevel:
        SepReserve(Answer, sizeof(TOKEN_MANDATORY_LABEL));
        SepPutSidAndAttributes(Answer, label, SeExports->SeSystemMandatorySid, SEP_GROUP_INTEGRITY);
        break;
    case TokenOwner:
        SepReserve(Answer, sizeof(TOKEN_OWNER));
        ((TOKEN_OWNER *)Answer->Data)->Owner = SepPutSid(Answer, SeExports->SeAliasAdminsSid);
        break;
    case TokenPrimaryGroup:
        SepReserve(Answer, sizeof(TOKEN_PRIMARY_GROUP));
        ((TOKEN_PRIMARY_GROUP *)Answer->Data)->PrimaryGroup =
            SepPutSid(Answer, SeExports->SeLocalSystemSid);
        break;
    case TokenGroups:
        SepAnswerGroups(Answer);
        break;
    case TokenPrivileges:
        SepAnswerPrivileges(Answer);
        break;
    case TokenStatistics:
        SepAnswerStatistics(Answer);
        break;
    case TokenSource:
        SepAnswerSource(Answer);
        break;
    case TokenType:
        SepAnswerNumber(Answer, TokenPrimary);
        break;
    case TokenElevationType:
        SepAnswerNumber(Answer, SEP_ELEVATION_DEFAULT);
        break;
    case TokenElevation:
        SepAnswerNumber(Answer, TRUE);
        break;
    case TokenSessionId:
    case TokenHasRestrictions:
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

/* The token handle of a process or thread's token, written to the caller. */
static NTSTATUS
SepOpenToken(ACCESS_MASK Access, ULONG Attributes, PHANDLE Handle)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    HANDLE handle;
    NTSTATUS status;

    Attributes &= mode == KernelMode ? OBJ_KERNEL_HANDLE | OBJ_INHERIT : OBJ_INHERIT;
    status = ObpMapAccess(SepTokenType, Access, mode, &Access);
    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(SepSystemToken, Access, Attributes, &handle);
    }
    return NT_SUCCESS(status) ? ObpReturnHandle(Handle, handle, mode) : status;
}

/* The handle is one of the type, with the access that asking for its token takes. */
static NTSTATUS
SepCheckHandle(HANDLE Handle, ACCESS_MASK Access, const WCHAR *TypeName)
{
    OBJECT_HANDLE_INFORMATION information;
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    UNICODE_STRING name;
    BOOLEAN matches;
    PVOID object;
    NTSTATUS status;

    status = ObReferenceObjectByHandle(Handle, 0, NULL, mode, &object, &information);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    RtlInitUnicodeString(&name, TypeName);
    matches = ObpIsOfType(object, &name);
    ObDereferenceObject(object);
    if (!matches) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    return mode != KernelMode && (information.GrantedAccess & Access) == 0 ? STATUS_ACCESS_DENIED
                                                                           : STATUS_SUCCESS;
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
 * Differs  every token says LocalSystem, with all privileges and system integrity
 * Source   WDK reference, nf-ntifs-sequeryinformationtoken
 */
NTSTATUS NTAPI
SeQueryInformationToken(PACCESS_TOKEN Token, TOKEN_INFORMATION_CLASS TokenInformationClass,
                        PVOID *TokenInformation)
{
    NT_ENTER(SeQueryInformationToken);
    SEP_ANSWER answer;
    NTSTATUS status;
    PVOID block;

    if (TokenInformationClass == TokenSessionId || TokenInformationClass == TokenIntegrityLevel) {
        *(PULONG)TokenInformation =
            TokenInformationClass == TokenSessionId ? 0 : SEP_SYSTEM_INTEGRITY;
        return STATUS_SUCCESS;
    }
    answer.Home = 0;
    status = SepAnswer(TokenInformationClass, &answer);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    block = ExpAllocatePool(PagedPool, answer.Length, SEP_TAG_TOKEN, NT_CALLER());
    if (block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    answer.Home = (ULONG_PTR)block;
    SepAnswer(TokenInformationClass, &answer);
    memcpy(block, answer.Data, answer.Length);
    *TokenInformation = block;
    return STATUS_SUCCESS;
}

/*
 * NtQueryInformationToken - the same through a handle, into the caller's buffer
 *
 * Errors   STATUS_BUFFER_TOO_SMALL, with *ReturnLength set; STATUS_INVALID_INFO_CLASS;
 *          STATUS_ACCESS_VIOLATION; those of the handle (TOKEN_QUERY, for TokenSource
 *          TOKEN_QUERY_SOURCE)
 */
NTSTATUS NTAPI
NtQueryInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass,
                        PVOID TokenInformation, ULONG TokenInformationLength, PULONG ReturnLength)
{
    NT_ENTER(NtQueryInformationToken);
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    SEP_ANSWER answer;
    NTSTATUS status;
    PVOID token;

    status = ObReferenceObjectByHandle(TokenHandle,
                                       TokenInformationClass == TokenSource ? SEP_TOKEN_QUERY_SOURCE
                                                                            : SEP_TOKEN_QUERY,
                                       SepTokenType, mode, &token, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ObDereferenceObject(token);
    answer.Home = (ULONG_PTR)TokenInformation;
    status = SepAnswer(TokenInformationClass, &answer);
    if (NT_SUCCESS(status)) {
        status = MiCopyToUser(ReturnLength, &answer.Length, sizeof(answer.Length), mode);
    }
    if (NT_SUCCESS(status) && TokenInformationLength < answer.Length) {
        status = STATUS_BUFFER_TOO_SMALL;
    }
    return NT_SUCCESS(status) ? MiCopyToUser(TokenInformation, answer.Data, answer.Length, mode)
                              : status;
}

NTSTATUS NTAPI
ZwQueryInformationToken(HANDLE TokenHandle, TOKEN_INFORMATION_CLASS TokenInformationClass,
                        PVOID TokenInformation, ULONG TokenInformationLength, PULONG ReturnLength)
{
    NT_ENTER(ZwQueryInformationToken);
    return OBP_ZW(NtQueryInformationToken(TokenHandle, TokenInformationClass, TokenInformation,
                                          TokenInformationLength, ReturnLength));
}

/* The handle needs PROCESS_QUERY_INFORMATION or PROCESS_QUERY_LIMITED_INFORMATION. */
NTSTATUS NTAPI
NtOpenProcessTokenEx(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                     PHANDLE TokenHandle)
{
    NT_ENTER(NtOpenProcessTokenEx);
    NTSTATUS status = SepCheckHandle(ProcessHandle, 0x1400, L"Process");

    return NT_SUCCESS(status) ? SepOpenToken(DesiredAccess, HandleAttributes, TokenHandle) : status;
}

NTSTATUS NTAPI
ZwOpenProcessTokenEx(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                     PHANDLE TokenHandle)
{
    NT_ENTER(ZwOpenProcessTokenEx);
    return OBP_ZW(
        NtOpenProcessTokenEx(ProcessHandle, DesiredAccess, HandleAttributes, TokenHandle));
}

NTSTATUS NTAPI
NtOpenProcessToken(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, PHANDLE TokenHandle)
{
    NT_ENTER(NtOpenProcessToken);
    return NtOpenProcessTokenEx(ProcessHandle, DesiredAccess, 0, TokenHandle);
}

NTSTATUS NTAPI
ZwOpenProcessToken(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, PHANDLE TokenHandle)
{
    return OBP_ZW(NtOpenProcessTokenEx(ProcessHandle, DesiredAccess, 0, TokenHandle));
}

/* STATUS_NO_TOKEN: no thread impersonates. */
NTSTATUS NTAPI
NtOpenThreadTokenEx(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                    ULONG HandleAttributes, PHANDLE TokenHandle)
{
    NT_ENTER(NtOpenThreadTokenEx);
    NTSTATUS status = SepCheckHandle(ThreadHandle, 0x0840, L"Thread");

    return NT_SUCCESS(status) ? STATUS_NO_TOKEN : status;
}

NTSTATUS NTAPI
ZwOpenThreadTokenEx(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                    ULONG HandleAttributes, PHANDLE TokenHandle)
{
    NT_ENTER(ZwOpenThreadTokenEx);
    return OBP_ZW(NtOpenThreadTokenEx(ThreadHandle, DesiredAccess, OpenAsSelf, HandleAttributes,
                                      TokenHandle));
}

TOKEN_TYPE NTAPI
SeTokenType(PACCESS_TOKEN Token)
{
    return TokenPrimary;
}

BOOLEAN NTAPI
SeTokenIsAdmin(PACCESS_TOKEN Token)
{
    NT_ENTER(SeTokenIsAdmin);
    return TRUE;
}

BOOLEAN NTAPI
SeTokenIsRestricted(PACCESS_TOKEN Token)
{
    NT_ENTER(SeTokenIsRestricted);
    return FALSE;
}

#pragma GCC visibility pop
