/* SPDX-License-Identifier: MIT
 *
 * advapi32/config.c - what a service is configured to be: its key in the registry
 *
 * The key is HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services\NAME with the values that Windows
 * writes. A path with a drive, or one of the host, becomes one of the kernel's name space,
 * \??\Z:\..., as Windows does for drivers; what is queried is what the key holds.
 *
 * Source   SDK reference, nf-winsvc-changeserviceconfiga, -queryserviceconfiga; WDK docs,
 *          "HKLM\SYSTEM\CurrentControlSet\Services Registry Tree".
 */
#include <stdlib.h>
#include <string.h>

#include "advapi32/service.h"

#define NAME_UNITS 256

static ULONG AdvLastTag;

/* The path of the key below HKEY_LOCAL_MACHINE, from malloc. */
static char *
KeyPath(const char *Name)
{
    static const char services[] = "System\\CurrentControlSet\\Services\\";
    char *path = malloc(sizeof(services) + strlen(Name));

    if (path != NULL) {
        memcpy(path, services, sizeof(services));
        strcat(path, Name);
    }
    return path;
}

static LSTATUS
OpenKey(const char *Name, REGSAM Access, HKEY *Key)
{
    char *path = KeyPath(Name);
    LSTATUS error = path != NULL ? RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, Access, Key)
                                 : ERROR_NOT_ENOUGH_MEMORY;

    free(path);
    return error;
}

static BOOLEAN
IsEmpty(LPCSTR Text)
{
    return Text == NULL || Text[0] == '\0';
}

DWORD
AdvCheckConfig(const ADV_CONFIG *Config)
{
    static const DWORD types[] = {SERVICE_FILE_SYSTEM_DRIVER,
                                  SERVICE_ADAPTER,
                                  SERVICE_RECOGNIZER_DRIVER,
                                  SERVICE_WIN32_OWN_PROCESS,
                                  SERVICE_WIN32_SHARE_PROCESS,
                                  SERVICE_WIN32_OWN_PROCESS | SERVICE_INTERACTIVE_PROCESS,
                                  SERVICE_WIN32_SHARE_PROCESS | SERVICE_INTERACTIVE_PROCESS};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (Config->Type == types[i]) {
            return ERROR_NOT_SUPPORTED;
        }
    }
    if ((Config->Type != SERVICE_KERNEL_DRIVER && Config->Type != SERVICE_NO_CHANGE) ||
        (Config->StartType > SERVICE_DISABLED && Config->StartType != SERVICE_NO_CHANGE) ||
        (Config->ErrorControl > SERVICE_ERROR_CRITICAL &&
         Config->ErrorControl != SERVICE_NO_CHANGE) ||
        (Config->Binary != NULL && Config->Binary[0] == '\0') ||
        (Config->Tag != NULL && IsEmpty(Config->Group))) {
        return ERROR_INVALID_PARAMETER;
    }
    if (Config->Display != NULL &&
        NtdllUtf8ToUtf16(NULL, 0, Config->Display, strlen(Config->Display), 0) > NAME_UNITS) {
        return ERROR_INVALID_NAME;
    }
    return IsEmpty(Config->Dependencies) && IsEmpty(Config->Account) ? ERROR_SUCCESS
                                                                     : ERROR_NOT_SUPPORTED;
}

/* ---- writing ---- */

static LSTATUS
WriteNumber(HKEY Key, const char *Name, DWORD Value)
{
    if (Value == SERVICE_NO_CHANGE) {
        return ERROR_SUCCESS;
    }
    return RegSetValueExA(Key, Name, 0, REG_DWORD, (const BYTE *)&Value, sizeof(Value));
}

static LSTATUS
WriteText(HKEY Key, const char *Name, DWORD Type, LPCSTR Text)
{
    if (Text == NULL) {
        return ERROR_SUCCESS;
    }
    return RegSetValueExA(Key, Name, 0, Type, (const BYTE *)Text, (DWORD)strlen(Text) + 1);
}

/* ImagePath: with a drive, or a path of the host, in the kernel's form. */
static LSTATUS
WriteBinary(HKEY Key, LPCSTR Binary)
{
    BOOLEAN isHost = Binary != NULL && Binary[0] == '/';
    const char *prefix;
    LSTATUS error;
    char *text;

    if (Binary == NULL || (!isHost && Binary[1] != ':')) {
        return WriteText(Key, "ImagePath", REG_EXPAND_SZ, Binary);
    }
    prefix = isHost ? "\\??\\Z:" : "\\??\\";
    text = malloc(strlen(prefix) + strlen(Binary) + 1);
    if (text == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    strcpy(text, prefix);
    strcat(text, Binary);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '/' ? '\\' : *at;
    }
    error = WriteText(Key, "ImagePath", REG_EXPAND_SZ, text);
    free(text);
    return error;
}

static LSTATUS
WriteGroup(HKEY Key, const ADV_CONFIG *Config)
{
    LSTATUS error = WriteText(Key, "Group", REG_SZ, Config->Group);
    ULONG tag;

    if (error != ERROR_SUCCESS || Config->Tag == NULL) {
        return error;
    }
    tag = __atomic_add_fetch(&AdvLastTag, 1, __ATOMIC_RELAXED);
    error = WriteNumber(Key, "Tag", tag);
    if (error == ERROR_SUCCESS) {
        *Config->Tag = tag;
    }
    return error;
}

static LSTATUS
WriteValues(HKEY Key, const ADV_CONFIG *Config)
{
    LSTATUS error = WriteNumber(Key, "Type", Config->Type);

    if (error == ERROR_SUCCESS) {
        error = WriteNumber(Key, "Start", Config->StartType);
    }
    if (error == ERROR_SUCCESS) {
        error = WriteNumber(Key, "ErrorControl", Config->ErrorControl);
    }
    if (error == ERROR_SUCCESS) {
        error = WriteBinary(Key, Config->Binary);
    }
    if (error == ERROR_SUCCESS) {
        error = WriteText(Key, "DisplayName", REG_SZ, Config->Display);
    }
    return error == ERROR_SUCCESS ? WriteGroup(Key, Config) : error;
}

LSTATUS
AdvWriteKey(const char *Name, const ADV_CONFIG *Config, BOOLEAN IsNew)
{
    char *path = KeyPath(Name);
    DWORD disposition = 0;
    LSTATUS error;
    HKEY key;

    if (path == NULL) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    error = RegCreateKeyExA(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_SET_VALUE, NULL, &key,
                            &disposition);
    free(path);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    error = WriteValues(key, Config);
    RegCloseKey(key);
    if (error != ERROR_SUCCESS && IsNew && disposition == REG_CREATED_NEW_KEY) {
        AdvDeleteKey(Name);
    }
    return error;
}

VOID
AdvDeleteKey(const char *Name)
{
    char *path = KeyPath(Name);

    if (path != NULL) {
        RegDeleteTreeA(HKEY_LOCAL_MACHINE, path);
        free(path);
    }
}

VOID
AdvMarkKey(const char *Name)
{
    HKEY key;

    if (OpenKey(Name, KEY_SET_VALUE, &key) == ERROR_SUCCESS) {
        WriteNumber(key, "DeleteFlag", 1);
        RegCloseKey(key);
    }
}

/*
 * ChangeServiceConfigA - write a service's key anew; SERVICE_NO_CHANGE and NULL leave what is there
 *
 * Errors   ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_DUPLICATE_SERVICE_NAME,
 *          ERROR_INVALID_PARAMETER, ERROR_INVALID_HANDLE, ERROR_ACCESS_DENIED (without
 *          SERVICE_CHANGE_CONFIG)
 * Differs  as CreateServiceA
 */
BOOL WINAPI
ChangeServiceConfigA(SC_HANDLE Handle, DWORD Type, DWORD StartType, DWORD ErrorControl,
                     LPCSTR Binary, LPCSTR Group, LPDWORD Tag, LPCSTR Dependencies, LPCSTR Account,
                     LPCSTR Password, LPCSTR DisplayName)
{
    ADV_CONFIG config = {Type, StartType,    ErrorControl, Binary,     Group,
                         Tag,  Dependencies, Account,      DisplayName};
    ADV_SERVICE *service = AdvBeginUse(Handle, SERVICE_CHANGE_CONFIG);
    char *display = DisplayName != NULL ? strdup(DisplayName) : NULL;
    DWORD error = AdvCheckConfig(&config);
    ADV_SERVICE *other;

    if (service == NULL) {
        free(display);
        return FALSE;
    }
    AcquireSRWLockExclusive(&AdvLock);
    other = display != NULL ? AdvFindDisplayLocked(display) : NULL;
    if (error != ERROR_SUCCESS || service->Deleted) {
        error = service->Deleted ? ERROR_SERVICE_MARKED_FOR_DELETE : error;
    } else if (DisplayName != NULL && display == NULL) {
        error = ERROR_NOT_ENOUGH_MEMORY;
    } else if (other != NULL && other != service) {
        error = ERROR_DUPLICATE_SERVICE_NAME;
    } else {
        error = (DWORD)AdvWriteKey(service->Name, &config, FALSE);
    }
    if (error == ERROR_SUCCESS && display != NULL) {
        char *old = service->Display;

        service->Display = display;
        display = old;
    }
    ReleaseSRWLockExclusive(&AdvLock);
    free(display);
    AdvEndUse(service);
    return error == ERROR_SUCCESS ? TRUE : BaseFail(error);
}

BOOL WINAPI
ChangeServiceConfigW(SC_HANDLE Handle, DWORD Type, DWORD StartType, DWORD ErrorControl,
                     LPCWSTR Binary, LPCWSTR Group, LPDWORD Tag, LPCWSTR Dependencies,
                     LPCWSTR Account, LPCWSTR Password, LPCWSTR DisplayName)
{
    char *binary = NtdllNarrow(Binary);
    char *group = NtdllNarrow(Group);
    char *dependencies = NtdllNarrow(Dependencies);
    char *account = NtdllNarrow(Account);
    char *display = NtdllNarrow(DisplayName);
    BOOL done = ChangeServiceConfigA(Handle, Type, StartType, ErrorControl, binary, group, Tag,
                                     dependencies, account, NULL, display);

    free(binary);
    free(group);
    free(dependencies);
    free(account);
    free(display);
    return done;
}

/* ---- reading ---- */

static DWORD
ReadNumberOf(HKEY Key, const char *Value, DWORD Default)
{
    DWORD size = sizeof(DWORD);
    DWORD type;
    DWORD number;

    return RegQueryValueExA(Key, Value, NULL, &type, (LPBYTE)&number, &size) == ERROR_SUCCESS &&
                   type == REG_DWORD
               ? number
               : Default;
}

DWORD
AdvReadNumber(const char *Name, const char *Value)
{
    DWORD number = MAXDWORD;
    HKEY key;

    if (OpenKey(Name, KEY_QUERY_VALUE, &key) == ERROR_SUCCESS) {
        number = ReadNumberOf(key, Value, MAXDWORD);
        RegCloseKey(key);
    }
    return number;
}

/* A text of the key, wide, from malloc; empty when it has none. NULL without memory. */
static PWSTR
ReadText(HKEY Key, PCWSTR Value)
{
    DWORD size = 0;
    PWSTR text;

    RegQueryValueExW(Key, Value, NULL, NULL, NULL, &size);
    text = calloc(1, size + 2 * sizeof(WCHAR));
    if (text != NULL && size != 0 &&
        RegQueryValueExW(Key, Value, NULL, NULL, (LPBYTE)text, &size) != ERROR_SUCCESS) {
        text[0] = 0;
    }
    return text;
}

#define TEXTS 5

typedef struct CONFIG_ANSWER {
    DWORD Type;
    DWORD StartType;
    DWORD ErrorControl;
    DWORD Tag;
    PWSTR Texts[TEXTS]; /* binary, group, dependencies, account, display name */
} CONFIG_ANSWER;

static VOID
FreeAnswer(CONFIG_ANSWER *Answer)
{
    for (int i = 0; i < TEXTS; i++) {
        free(Answer->Texts[i]);
    }
}

static LSTATUS
ReadConfig(const ADV_SERVICE *Service, CONFIG_ANSWER *Answer)
{
    static const PCWSTR names[TEXTS] = {L"ImagePath", L"Group", L"DependOnService", L"ObjectName",
                                        L"DisplayName"};
    LSTATUS error;
    HKEY key;

    memset(Answer, 0, sizeof(*Answer));
    error = OpenKey(Service->Name, KEY_QUERY_VALUE, &key);
    if (error != ERROR_SUCCESS) {
        return error;
    }
    Answer->Type = ReadNumberOf(key, "Type", SERVICE_KERNEL_DRIVER);
    Answer->StartType = ReadNumberOf(key, "Start", SERVICE_DEMAND_START);
    Answer->ErrorControl = ReadNumberOf(key, "ErrorControl", SERVICE_ERROR_NORMAL);
    Answer->Tag = ReadNumberOf(key, "Tag", 0);
    for (int i = 0; i < TEXTS; i++) {
        Answer->Texts[i] = ReadText(key, names[i]);
        error = Answer->Texts[i] == NULL ? ERROR_NOT_ENOUGH_MEMORY : error;
    }
    RegCloseKey(key);
    if (Answer->Texts[4] != NULL && Answer->Texts[4][0] == 0) {
        free(Answer->Texts[4]);
        Answer->Texts[4] = NtdllWiden(Service->Display);
        error = Answer->Texts[4] == NULL ? ERROR_NOT_ENOUGH_MEMORY : error;
    }
    if (error != ERROR_SUCCESS) {
        FreeAnswer(Answer);
    }
    return error;
}

/* The texts behind Config's pointers, narrow or wide; both forms have the same layout. */
static DWORD
PackTexts(const CONFIG_ANSWER *Answer, BOOLEAN Wide, LPQUERY_SERVICE_CONFIGW Config, DWORD Size)
{
    DWORD at = sizeof(*Config);
    PVOID places[TEXTS];

    for (int i = 0; i < TEXTS; i++) {
        /* Dependencies are a list, which ends with an empty text. */
        size_t units = NtdllWideLength(Answer->Texts[i]) + (i == 2 ? 2 : 1);
        size_t bytes =
            Wide ? units * sizeof(WCHAR) : NtdllUtf16ToUtf8(NULL, 0, Answer->Texts[i], units, 0);

        places[i] = (BYTE *)Config + at;
        at += (DWORD)bytes;
        if (at <= Size && Wide) {
            memcpy(places[i], Answer->Texts[i], bytes);
        } else if (at <= Size) {
            NtdllUtf16ToUtf8(places[i], bytes, Answer->Texts[i], units, 0);
        }
    }
    if (at <= Size) {
        Config->lpBinaryPathName = places[0];
        Config->lpLoadOrderGroup = places[1];
        Config->lpDependencies = places[2];
        Config->lpServiceStartName = places[3];
        Config->lpDisplayName = places[4];
    }
    return at;
}

static BOOL
QueryConfig(SC_HANDLE Handle, LPQUERY_SERVICE_CONFIGW Config, DWORD Size, LPDWORD Needed,
            BOOLEAN Wide)
{
    ADV_SERVICE *service = AdvBeginUse(Handle, SERVICE_QUERY_CONFIG);
    CONFIG_ANSWER answer;
    LSTATUS error;

    if (service == NULL) {
        return FALSE;
    }
    AcquireSRWLockShared(&AdvLock);
    error = ReadConfig(service, &answer);
    ReleaseSRWLockShared(&AdvLock);
    AdvEndUse(service);
    if (error != ERROR_SUCCESS) {
        return BaseFail((DWORD)error);
    }
    *Needed = PackTexts(&answer, Wide, Config, Size);
    if (*Needed <= Size) {
        Config->dwServiceType = answer.Type;
        Config->dwStartType = answer.StartType;
        Config->dwErrorControl = answer.ErrorControl;
        Config->dwTagId = answer.Tag;
    }
    FreeAnswer(&answer);
    return *Needed <= Size ? TRUE : BaseFail(ERROR_INSUFFICIENT_BUFFER);
}

/*
 * QueryServiceConfigW - what the service's key holds
 *
 * Errors   ERROR_INSUFFICIENT_BUFFER (*Needed says what is needed), ERROR_INVALID_HANDLE,
 *          ERROR_ACCESS_DENIED (without SERVICE_QUERY_CONFIG)
 */
BOOL WINAPI
QueryServiceConfigW(SC_HANDLE Handle, LPQUERY_SERVICE_CONFIGW Config, DWORD Size, LPDWORD Needed)
{
    return QueryConfig(Handle, Config, Size, Needed, TRUE);
}

BOOL WINAPI
QueryServiceConfigA(SC_HANDLE Handle, LPQUERY_SERVICE_CONFIGA Config, DWORD Size, LPDWORD Needed)
{
    return QueryConfig(Handle, (LPQUERY_SERVICE_CONFIGW)Config, Size, Needed, FALSE);
}
