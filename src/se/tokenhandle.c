/* SPDX-License-Identifier: MIT
 *
 * se/tokenhandle.c - handles to tokens, and tokens made from tokens
 *
 * Source   WDK reference, ntifs.h ZwOpenProcessTokenEx, ZwOpenThreadTokenEx, ZwDuplicateToken,
 *          SeFilterToken.
 */
#include "se/sep.h"

#define SEP_PROCESS_QUERY 0x1400u /* PROCESS_QUERY_INFORMATION, _QUERY_LIMITED_INFORMATION */
#define SEP_THREAD_QUERY 0x0840u  /* THREAD_QUERY_INFORMATION, _QUERY_LIMITED_INFORMATION */
#define SEP_DISABLE_MAX_PRIVILEGE 1u
#define SEP_SANDBOX_INERT 2u

/* A handle to a token, written to the caller. */
static NTSTATUS
SepOpenToken(PACCESS_TOKEN Token, ACCESS_MASK Access, ULONG Attributes, PHANDLE Handle)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    HANDLE handle;
    NTSTATUS status;

    Attributes &= mode == KernelMode ? OBJ_KERNEL_HANDLE | OBJ_INHERIT : OBJ_INHERIT;
    status = ObpMapAccess(SepTokenType, Access, mode, &Access);
    if (NT_SUCCESS(status)) {
        status = ObpCreateHandle(Token, Access, Attributes, &handle);
    }
    return NT_SUCCESS(status) ? ObpReturnHandle(Handle, handle, mode) : status;
}

/*
 * The object of the handle, referenced, if it is of the type and the handle has one of the rights
 * that asking for its token takes.
 */
static NTSTATUS
SepReferenceHandle(HANDLE Handle, ACCESS_MASK Access, const WCHAR *TypeName, PVOID *Object)
{
    OBJECT_HANDLE_INFORMATION information;
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    UNICODE_STRING name;
    NTSTATUS status;

    status = ObReferenceObjectByHandle(Handle, 0, NULL, mode, Object, &information);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    RtlInitUnicodeString(&name, TypeName);
    if (!ObpIsOfType(*Object, &name)) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    } else if (mode != KernelMode && (information.GrantedAccess & Access) == 0) {
        status = STATUS_ACCESS_DENIED;
    }
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(*Object);
    }
    return status;
}

/* ---- duplicates and filters ---- */

/* Makes Plan a filtered copy; Sids: room for its user and groups. */
static VOID
SepFilterInto(const SEP_TOKEN *Existing, ULONG Flags, const TOKEN_GROUPS *Disable,
              const TOKEN_PRIVILEGES *Delete, SEP_TOKEN *Plan, SID_AND_ATTRIBUTES *Sids)
{
    ULONG64 deleted = 0;

    memcpy(Sids, Existing->Subject.Sids, Existing->Subject.SidCount * sizeof(*Sids));
    Plan->Subject.Sids = Sids;
    for (ULONG i = 0; Disable != NULL && i < Disable->GroupCount; ++i) {
        for (ULONG k = 0; k < Plan->Subject.SidCount; ++k) {
            if (RtlEqualSid(Sids[k].Sid, Disable->Groups[i].Sid) &&
                (Sids[k].Attributes & SEP_GROUP_INTEGRITY) == 0) {
                Sids[k].Attributes &= ~(SEP_GROUP_ENABLED | SEP_GROUP_ENABLED_BY_DEFAULT);
                Sids[k].Attributes |= SEP_GROUP_DENY_ONLY;
            }
        }
    }
    for (ULONG i = 0; Delete != NULL && i < Delete->PrivilegeCount; ++i) {
        LUID luid = Delete->Privileges[i].Luid;

        deleted |= luid.HighPart == 0 && luid.LowPart < 64 ? SEP_PRIVILEGE_BIT(luid.LowPart) : 0;
    }
    if ((Flags & SEP_DISABLE_MAX_PRIVILEGE) != 0) {
        deleted |= ~SEP_PRIVILEGE_BIT(SEP_CHANGE_NOTIFY_PRIVILEGE);
    }
    Plan->Present &= ~deleted;
    Plan->EnabledByDefault &= ~deleted;
    Plan->Subject.Enabled &= ~deleted;
    Plan->Flags |= TOKEN_IS_FILTERED;
    Plan->Flags |= (Flags & SEP_SANDBOX_INERT) != 0 ? TOKEN_SANDBOX_INERT : 0;
}

/* Restricting SIDs of a token that has some already are those that both have. */
static VOID
SepIntersect(const SEP_TOKEN *Existing, const TOKEN_GROUPS *Wanted, SEP_SUBJECT *Subject,
             SID_AND_ATTRIBUTES *Room)
{
    const SEP_SUBJECT *old = &Existing->Subject;

    Subject->Restricted = Room;
    Subject->RestrictedCount = 0;
    for (ULONG i = 0; i < Wanted->GroupCount; ++i) {
        BOOLEAN keep = old->Restricted == NULL;

        for (ULONG k = 0; k < old->RestrictedCount && !keep; ++k) {
            keep = RtlEqualSid(old->Restricted[k].Sid, Wanted->Groups[i].Sid);
        }
        if (keep) {
            Room[Subject->RestrictedCount].Sid = Wanted->Groups[i].Sid;
            Room[Subject->RestrictedCount++].Attributes = SEP_GROUP_ORDINARY;
        }
    }
}

#pragma GCC visibility push(default)

/*
 * SeFilterToken - a token that may less than another
 *
 * Flags         DISABLE_MAX_PRIVILEGE: all privileges go but SeChangeNotifyPrivilege; SANDBOX_INERT
 * SidsToDisable these groups, and the user, count for denying ACEs only
 * RestrictedSids  access must be granted to them as well as to the token's own SIDs
 *
 * Errors   STATUS_INVALID_PARAMETER: other flags, attributes of RestrictedSids;
 * STATUS_INSUFFICIENT_RESOURCES IRQL     <= APC_LEVEL Differs  LUA_TOKEN and WRITE_RESTRICTED are
 * STATUS_INVALID_PARAMETER Source   WDK reference, nf-ntifs-sefiltertoken
 */
NTSTATUS NTAPI
SeFilterToken(PACCESS_TOKEN ExistingToken, ULONG Flags, PTOKEN_GROUPS SidsToDisable,
              PTOKEN_PRIVILEGES PrivilegesToDelete, PTOKEN_GROUPS RestrictedSids,
              PACCESS_TOKEN *FilteredToken)
{
    NT_ENTER(SeFilterToken);
    const SEP_TOKEN *existing = ExistingToken;
    ULONG room =
        existing->Subject.SidCount + (RestrictedSids != NULL ? RestrictedSids->GroupCount : 0);
    SEP_TOKEN plan = *existing;
    SID_AND_ATTRIBUTES *sids;
    SEP_TOKEN *token;
    NTSTATUS status;

    if ((Flags & ~(SEP_DISABLE_MAX_PRIVILEGE | SEP_SANDBOX_INERT)) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    for (ULONG i = 0; RestrictedSids != NULL && i < RestrictedSids->GroupCount; ++i) {
        if (RestrictedSids->Groups[i].Attributes != 0) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    sids = ExpAllocatePool(PagedPool, room * sizeof(*sids), SEP_TAG_TOKEN, NT_CALLER());
    if (sids == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    SepFilterInto(existing, Flags, SidsToDisable, PrivilegesToDelete, &plan, sids);
    if (RestrictedSids != NULL) {
        SepIntersect(existing, RestrictedSids, &plan.Subject, sids + existing->Subject.SidCount);
    }
    status = SepBuildToken(&plan, &token);
    ExFreePoolWithTag(sids, SEP_TAG_TOKEN);
    if (NT_SUCCESS(status)) {
        *FilteredToken = token;
    }
    return status;
}

/*
 * NtDuplicateToken - a handle to a copy of a token, perhaps of another type
 *
 * DesiredAccess  0: that of ExistingTokenHandle
 * ObjectAttributes  its SecurityQualityOfService gives the impersonation level; without one,
 *                   SecurityAnonymous
 *
 * Errors   those of the handle (TOKEN_DUPLICATE); STATUS_INVALID_PARAMETER: another TokenType, or
 *          OBJECT_ATTRIBUTES that are none; STATUS_BAD_IMPERSONATION_LEVEL: more than an
 *          impersonation token has, or a primary one from less than SecurityImpersonation;
 *          STATUS_ACCESS_VIOLATION; STATUS_INSUFFICIENT_RESOURCES
 * Differs  EffectiveOnly drops no disabled group or privilege: they have no effect either way
 * Source   WDK reference, nf-ntifs-ntduplicatetoken
 */
NTSTATUS NTAPI
NtDuplicateToken(HANDLE ExistingTokenHandle, ACCESS_MASK DesiredAccess,
                 POBJECT_ATTRIBUTES ObjectAttributes, BOOLEAN EffectiveOnly, TOKEN_TYPE Type,
                 PHANDLE NewTokenHandle)
{
    NT_ENTER(NtDuplicateToken);
    SECURITY_QUALITY_OF_SERVICE quality = {.ImpersonationLevel = SecurityAnonymous};
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    OBJECT_HANDLE_INFORMATION information;
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes)};
    const SEP_TOKEN *existing;
    SEP_TOKEN *token;
    SEP_TOKEN plan;
    NTSTATUS status = STATUS_SUCCESS;
    PVOID object;

    if (Type != TokenPrimary && Type != TokenImpersonation) {
        return STATUS_INVALID_PARAMETER;
    }
    if (ObjectAttributes != NULL) {
        status = MiCopyFromUser(&attributes, ObjectAttributes, sizeof(attributes), mode);
    }
    if (NT_SUCCESS(status) && (attributes.Length != sizeof(attributes) ||
                               (attributes.Attributes & ~(ULONG)OBJ_VALID_ATTRIBUTES) != 0)) {
        status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status) && attributes.SecurityQualityOfService != NULL) {
        status =
            MiCopyFromUser(&quality, attributes.SecurityQualityOfService, sizeof(quality), mode);
    }
    if (NT_SUCCESS(status)) {
        status = ObReferenceObjectByHandle(ExistingTokenHandle, SEP_TOKEN_DUPLICATE, SepTokenType,
                                           mode, &object, &information);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    existing = object;
    if ((ULONG)quality.ImpersonationLevel > SecurityDelegation ||
        (existing->Type == TokenImpersonation &&
         (Type == TokenPrimary ? existing->Level < SecurityImpersonation
                               : quality.ImpersonationLevel > existing->Level))) {
        status = STATUS_BAD_IMPERSONATION_LEVEL;
    }
    if (NT_SUCCESS(status)) {
        plan = *existing;
        plan.Type = Type;
        plan.Level = Type == TokenImpersonation ? quality.ImpersonationLevel : SecurityAnonymous;
        status = SepBuildToken(&plan, &token);
    }
    ObDereferenceObject(object);
    if (NT_SUCCESS(status)) {
        status = SepOpenToken(token, DesiredAccess != 0 ? DesiredAccess : information.GrantedAccess,
                              attributes.Attributes, NewTokenHandle);
        ObDereferenceObject(token);
    }
    return status;
}

NTSTATUS NTAPI
ZwDuplicateToken(HANDLE ExistingTokenHandle, ACCESS_MASK DesiredAccess,
                 POBJECT_ATTRIBUTES ObjectAttributes, BOOLEAN EffectiveOnly, TOKEN_TYPE TokenType,
                 PHANDLE NewTokenHandle)
{
    NT_ENTER(ZwDuplicateToken);
    return OBP_ZW(NtDuplicateToken(ExistingTokenHandle, DesiredAccess, ObjectAttributes,
                                   EffectiveOnly, TokenType, NewTokenHandle));
}

/* ---- tokens of processes and threads ---- */

/* The handle needs PROCESS_QUERY_INFORMATION or PROCESS_QUERY_LIMITED_INFORMATION. */
NTSTATUS NTAPI
NtOpenProcessTokenEx(HANDLE ProcessHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                     PHANDLE TokenHandle)
{
    NT_ENTER(NtOpenProcessTokenEx);
    PACCESS_TOKEN token;
    NTSTATUS status;
    PVOID process;

    status = SepReferenceHandle(ProcessHandle, SEP_PROCESS_QUERY, L"Process", &process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    token = SepReferenceProcessToken(process);
    ObDereferenceObject(process);
    status = SepOpenToken(token, DesiredAccess, HandleAttributes, TokenHandle);
    ObDereferenceObject(token);
    return status;
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
    NTSTATUS status;
    PVOID thread;

    status = SepReferenceHandle(ThreadHandle, SEP_THREAD_QUERY, L"Thread", &thread);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    ObDereferenceObject(thread);
    return STATUS_NO_TOKEN;
}

NTSTATUS NTAPI
ZwOpenThreadTokenEx(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                    ULONG HandleAttributes, PHANDLE TokenHandle)
{
    NT_ENTER(ZwOpenThreadTokenEx);
    return OBP_ZW(NtOpenThreadTokenEx(ThreadHandle, DesiredAccess, OpenAsSelf, HandleAttributes,
                                      TokenHandle));
}

NTSTATUS NTAPI
NtOpenThreadToken(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                  PHANDLE TokenHandle)
{
    return NtOpenThreadTokenEx(ThreadHandle, DesiredAccess, OpenAsSelf, 0, TokenHandle);
}

NTSTATUS NTAPI
ZwOpenThreadToken(HANDLE ThreadHandle, ACCESS_MASK DesiredAccess, BOOLEAN OpenAsSelf,
                  PHANDLE TokenHandle)
{
    return OBP_ZW(NtOpenThreadTokenEx(ThreadHandle, DesiredAccess, OpenAsSelf, 0, TokenHandle));
}

#pragma GCC visibility pop
