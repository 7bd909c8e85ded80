/* SPDX-License-Identifier: MIT
 *
 * kernel32/dosdevice.c - names that programs give to devices
 *
 * A name is a symbolic link in \\??; one that a program defines is permanent, as on Windows, until
 * it is removed or the process, whose name space it is, ends.
 *
 * Source   SDK reference, nf-fileapi-definedosdevicew.
 */
#include <stdlib.h>

#include "kernel32/kernel32.h"

#define LINK_ACCESS (DELETE | 1u) /* SYMBOLIC_LINK_QUERY */

/* \??\Name, from malloc; NULL and the last error. */
static PWSTR
LinkPath(LPCWSTR Name, UNICODE_STRING *Path)
{
    size_t length = Name != NULL ? NtdllWideLength(Name) : 0;
    PWSTR path;

    if (length == 0 || length > 0x3FFF) {
        BaseFail(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    path = malloc((length + 5) * sizeof(WCHAR));
    if (path == NULL) {
        BaseFail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    memcpy(path, L"\\??\\", 4 * sizeof(WCHAR));
    memcpy(&path[4], Name, (length + 1) * sizeof(WCHAR));
    RtlInitUnicodeString(Path, path);
    return path;
}

/* Target NULL: whatever the link leads to. */
static NTSTATUS
RemoveLink(POBJECT_ATTRIBUTES Attributes, const UNICODE_STRING *Target)
{
    WCHAR buffer[1024];
    UNICODE_STRING found = {0, sizeof(buffer), buffer};
    HANDLE link;
    NTSTATUS status = NTDLL_CALL(NtOpenSymbolicLinkObject)(&link, LINK_ACCESS, Attributes);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (Target != NULL) {
        status = NTDLL_CALL(NtQuerySymbolicLinkObject)(link, &found, NULL);
        if (NT_SUCCESS(status) && (found.Length != Target->Length ||
                                   memcmp(found.Buffer, Target->Buffer, found.Length) != 0)) {
            status = STATUS_OBJECT_NAME_NOT_FOUND;
        }
    }
    if (NT_SUCCESS(status)) {
        status = NTDLL_CALL(NtMakeTemporaryObject)(link);
    }
    NTDLL_CALL(NtClose)(link);
    return status;
}

static NTSTATUS
MakeLink(POBJECT_ATTRIBUTES Attributes, UNICODE_STRING *Target)
{
    HANDLE link;
    NTSTATUS status;

    Attributes->Attributes |= OBJ_PERMANENT;
    status = NTDLL_CALL(NtCreateSymbolicLinkObject)(&link, LINK_ACCESS, Attributes, Target);
    if (NT_SUCCESS(status)) {
        NTDLL_CALL(NtClose)(link);
    }
    return status;
}

/*
 * DefineDosDeviceW - a name for a device, or its removal
 *
 * Flags    DDD_RAW_TARGET_PATH: Target is an NT name; else a Win32 path.
 *          DDD_REMOVE_DEFINITION, with DDD_EXACT_MATCH_ON_REMOVE only if it leads to Target.
 *          DDD_NO_BROADCAST_SYSTEM has no effect
 * Errors   ERROR_INVALID_PARAMETER; ERROR_FILE_NOT_FOUND (nothing to remove); the path's
 * Differs  a name has one definition: ERROR_ALREADY_EXISTS, where Windows would put a new one in
 * front
 */
BOOL WINAPI
DefineDosDeviceW(DWORD Flags, LPCWSTR Name, LPCWSTR Target)
{
    const DWORD known = DDD_RAW_TARGET_PATH | DDD_REMOVE_DEFINITION | DDD_EXACT_MATCH_ON_REMOVE |
                        DDD_NO_BROADCAST_SYSTEM;
    BOOLEAN remove = (Flags & DDD_REMOVE_DEFINITION) != 0;
    BOOLEAN exact = (Flags & DDD_EXACT_MATCH_ON_REMOVE) != 0;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING target = {0};
    UNICODE_STRING path;
    PWSTR toFree = NULL;
    PWSTR buffer;
    NTSTATUS status = STATUS_SUCCESS;

    if ((Flags & ~known) != 0 || (exact && !remove) || (Target == NULL && (!remove || exact))) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    buffer = LinkPath(Name, &path);
    if (buffer == NULL) {
        return FALSE;
    }
    InitializeObjectAttributes(&attributes, &path, OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (Target != NULL && (Flags & DDD_RAW_TARGET_PATH) != 0) {
        RtlInitUnicodeString(&target, Target);
    } else if (Target != NULL) {
        status = NtdllDosPathToNtPath(Target, &target);
        toFree = NT_SUCCESS(status) ? target.Buffer : NULL;
    }
    if (NT_SUCCESS(status)) {
        status = remove ? RemoveLink(&attributes, exact ? &target : NULL)
                        : MakeLink(&attributes, &target);
    }
    free(toFree);
    free(buffer);
    return BaseResult(status);
}

BOOL WINAPI
DefineDosDeviceA(DWORD Flags, LPCSTR Name, LPCSTR Target)
{
    PWSTR name = NtdllWiden(Name);
    PWSTR target = NtdllWiden(Target);
    BOOL done = DefineDosDeviceW(Flags, name, target);

    free(name);
    free(target);
    return done;
}
