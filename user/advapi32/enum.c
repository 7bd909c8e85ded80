/* SPDX-License-Identifier: MIT
 *
 * advapi32/enum.c - the list of services, and their names
 *
 * Source   SDK reference, nf-winsvc-enumservicesstatusa, -enumservicesstatusexa,
 *          -getservicedisplaynamea, -getservicekeynamea.
 */
#include <stdlib.h>
#include <string.h>

#include "advapi32/service.h"

/* ---- the list ---- */

typedef struct ENUM_REQUEST {
    DWORD Type;
    DWORD State;
    BYTE *Buffer;
    DWORD Size;
    LPDWORD Needed;
    LPDWORD Returned;
    LPDWORD Resume;
    size_t EntrySize;
    BOOLEAN Wide;
} ENUM_REQUEST;

static DWORD
TextBytes(const char *Text, BOOLEAN Wide)
{
    size_t length = strlen(Text) + 1;

    return (DWORD)(Wide ? NtdllUtf8ToUtf16(NULL, 0, Text, length, 0) * sizeof(WCHAR) : length);
}

/* Text at the end of what is free in the buffer. */
static PVOID
PutText(const ENUM_REQUEST *Request, DWORD *End, const char *Text)
{
    DWORD bytes = TextBytes(Text, Request->Wide);
    BYTE *place;

    *End -= bytes;
    place = Request->Buffer + *End;
    if (Request->Wide) {
        NtdllUtf8ToUtf16((PWSTR)(PVOID)place, bytes / sizeof(WCHAR), Text, strlen(Text) + 1, 0);
    } else {
        memcpy(place, Text, bytes);
    }
    return place;
}

static BOOLEAN
IsWanted(const ENUM_REQUEST *Request, const ADV_SERVICE *Service)
{
    DWORD state = Service->State == SERVICE_STOPPED ? SERVICE_INACTIVE : SERVICE_ACTIVE;

    return (Request->Type & SERVICE_KERNEL_DRIVER) != 0 && (Request->State & state) != 0;
}

/* Entries from the buffer's start, texts from its end; wide and narrow entries are alike. */
static VOID
EnumLocked(const ENUM_REQUEST *Request)
{
    DWORD skip = Request->Resume != NULL ? *Request->Resume : 0;
    DWORD end = Request->Size & ~(DWORD)1;
    DWORD count = 0;
    DWORD at = 0;
    DWORD missing = 0;

    for (ADV_SERVICE *service = AdvServices; service != NULL; service = service->Next) {
        DWORD bytes = (DWORD)Request->EntrySize + TextBytes(service->Name, Request->Wide) +
                      TextBytes(service->Display, Request->Wide);

        if (!IsWanted(Request, service)) {
            continue;
        }
        if (skip != 0) {
            skip--;
        } else if (missing != 0 || bytes > end - at) {
            missing += bytes;
        } else {
            LPENUM_SERVICE_STATUSW entry = (LPENUM_SERVICE_STATUSW)(PVOID)(Request->Buffer + at);

            memset(entry, 0, Request->EntrySize);
            entry->lpServiceName = PutText(Request, &end, service->Name);
            entry->lpDisplayName = PutText(Request, &end, service->Display);
            AdvFillStatus(service, &entry->ServiceStatus);
            at += (DWORD)Request->EntrySize;
            count++;
        }
    }
    *Request->Needed = missing;
    *Request->Returned = count;
    if (Request->Resume != NULL) {
        *Request->Resume = missing != 0 ? *Request->Resume + count : 0;
    }
}

static BOOL
Enum(SC_HANDLE Manager, const ENUM_REQUEST *Request)
{
    BOOL done;

    if (Request->Type == 0 || (Request->Type & ~(DWORD)SERVICE_TYPE_ALL) != 0 ||
        Request->State == 0 || (Request->State & ~(DWORD)SERVICE_STATE_ALL) != 0 ||
        Request->Needed == NULL || Request->Returned == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    AcquireSRWLockExclusive(&AdvLock);
    AdvAddLoadedDriversLocked();
    done = AdvCheckManagerLocked(Manager, SC_MANAGER_ENUMERATE_SERVICE);
    if (done) {
        EnumLocked(Request);
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return !done || *Request->Needed == 0 ? done : BaseFail(ERROR_MORE_DATA);
}

/*
 * EnumServicesStatusW - the services, sorted by name; only drivers exist
 *
 * Resume   optional: 0, or where the call before stopped
 * Errors   ERROR_MORE_DATA (*Needed: bytes for the rest), ERROR_INVALID_PARAMETER,
 *          ERROR_INVALID_HANDLE, ERROR_ACCESS_DENIED (without SC_MANAGER_ENUMERATE_SERVICE)
 */
BOOL WINAPI
EnumServicesStatusW(SC_HANDLE Manager, DWORD Type, DWORD State, LPENUM_SERVICE_STATUSW Services,
                    DWORD Size, LPDWORD Needed, LPDWORD Returned, LPDWORD Resume)
{
    ENUM_REQUEST request = {Type,     State,  (BYTE *)Services,  Size, Needed,
                            Returned, Resume, sizeof(*Services), TRUE};

    return Enum(Manager, &request);
}

BOOL WINAPI
EnumServicesStatusA(SC_HANDLE Manager, DWORD Type, DWORD State, LPENUM_SERVICE_STATUSA Services,
                    DWORD Size, LPDWORD Needed, LPDWORD Returned, LPDWORD Resume)
{
    ENUM_REQUEST request = {Type,     State,  (BYTE *)Services,  Size, Needed,
                            Returned, Resume, sizeof(*Services), FALSE};

    return Enum(Manager, &request);
}

/* ERROR_INVALID_LEVEL; ERROR_NOT_SUPPORTED: by group */
BOOL WINAPI
EnumServicesStatusExW(SC_HANDLE Manager, SC_ENUM_TYPE Level, DWORD Type, DWORD State,
                      LPBYTE Services, DWORD Size, LPDWORD Needed, LPDWORD Returned, LPDWORD Resume,
                      LPCWSTR Group)
{
    ENUM_REQUEST request = {Type,   State,    Services, Size,
                            Needed, Returned, Resume,   sizeof(ENUM_SERVICE_STATUS_PROCESSW),
                            TRUE};

    if (Level != SC_ENUM_PROCESS_INFO || Group != NULL) {
        return BaseFail(Group != NULL ? ERROR_NOT_SUPPORTED : ERROR_INVALID_LEVEL);
    }
    return Enum(Manager, &request);
}

BOOL WINAPI
EnumServicesStatusExA(SC_HANDLE Manager, SC_ENUM_TYPE Level, DWORD Type, DWORD State,
                      LPBYTE Services, DWORD Size, LPDWORD Needed, LPDWORD Returned, LPDWORD Resume,
                      LPCSTR Group)
{
    ENUM_REQUEST request = {Type,   State,    Services, Size,
                            Needed, Returned, Resume,   sizeof(ENUM_SERVICE_STATUS_PROCESSA),
                            FALSE};

    if (Level != SC_ENUM_PROCESS_INFO || Group != NULL) {
        return BaseFail(Group != NULL ? ERROR_NOT_SUPPORTED : ERROR_INVALID_LEVEL);
    }
    return Enum(Manager, &request);
}

/* ---- names ---- */

/* The other name of a service, from strdup; NULL and the last error. */
static char *
OtherName(SC_HANDLE Manager, LPCSTR Name, BOOLEAN IsDisplay)
{
    char *other = NULL;
    ADV_SERVICE *service;

    AcquireSRWLockExclusive(&AdvLock);
    AdvAddLoadedDriversLocked();
    if (AdvCheckManagerLocked(Manager, SC_MANAGER_CONNECT)) {
        if (Name == NULL || Name[0] == '\0') {
            BaseFail(ERROR_INVALID_NAME);
        } else {
            service = IsDisplay ? AdvFindDisplayLocked(Name) : AdvFindServiceLocked(Name);
            if (service != NULL) {
                other = strdup(IsDisplay ? service->Name : service->Display);
            }
            if (other == NULL) {
                BaseFail(service != NULL ? ERROR_NOT_ENOUGH_MEMORY : ERROR_SERVICE_DOES_NOT_EXIST);
            }
        }
    }
    ReleaseSRWLockExclusive(&AdvLock);
    return other;
}

/* *Size: units of the buffer in, of the text without its end out. Frees Text. */
static BOOL
ReturnNarrow(char *Text, LPSTR Buffer, LPDWORD Size)
{
    DWORD length;
    BOOL fits;

    if (Text == NULL) {
        return FALSE;
    }
    length = (DWORD)strlen(Text);
    fits = Buffer != NULL && *Size > length;
    if (fits) {
        memcpy(Buffer, Text, length + 1);
    }
    *Size = length;
    free(Text);
    return fits ? TRUE : BaseFail(ERROR_INSUFFICIENT_BUFFER);
}

static BOOL
ReturnWide(char *Text, LPWSTR Buffer, LPDWORD Size)
{
    size_t length;
    size_t units;
    BOOL fits;

    if (Text == NULL) {
        return FALSE;
    }
    length = strlen(Text) + 1;
    units = NtdllUtf8ToUtf16(NULL, 0, Text, length, 0);
    fits = Buffer != NULL && *Size >= units;
    if (fits) {
        NtdllUtf8ToUtf16(Buffer, units, Text, length, 0);
    }
    *Size = (DWORD)units - 1;
    free(Text);
    return fits ? TRUE : BaseFail(ERROR_INSUFFICIENT_BUFFER);
}

/* ERROR_SERVICE_DOES_NOT_EXIST, ERROR_INVALID_NAME, ERROR_INVALID_HANDLE, ERROR_INSUFFICIENT_BUFFER
 */
BOOL WINAPI
GetServiceDisplayNameA(SC_HANDLE Manager, LPCSTR Name, LPSTR Display, LPDWORD Size)
{
    return ReturnNarrow(OtherName(Manager, Name, FALSE), Display, Size);
}

BOOL WINAPI
GetServiceDisplayNameW(SC_HANDLE Manager, LPCWSTR Name, LPWSTR Display, LPDWORD Size)
{
    char *name = NtdllNarrow(Name);
    BOOL done = ReturnWide(OtherName(Manager, name, FALSE), Display, Size);

    free(name);
    return done;
}

BOOL WINAPI
GetServiceKeyNameA(SC_HANDLE Manager, LPCSTR Display, LPSTR Name, LPDWORD Size)
{
    return ReturnNarrow(OtherName(Manager, Display, TRUE), Name, Size);
}

BOOL WINAPI
GetServiceKeyNameW(SC_HANDLE Manager, LPCWSTR Display, LPWSTR Name, LPDWORD Size)
{
    char *display = NtdllNarrow(Display);
    BOOL done = ReturnWide(OtherName(Manager, display, TRUE), Name, Size);

    free(display);
    return done;
}
