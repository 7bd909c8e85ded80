/* SPDX-License-Identifier: MIT
 *
 * advapi32/service.h - what the files of the service manager share
 */
#pragma once

#include "kernel32/kernel32.h"
#include <winreg.h>
#include <winsvc.h>

typedef struct ADV_SERVICE {
    struct ADV_SERVICE *Next;
    char *Name; /* UTF-8, compared without case */
    char *Display;
    ULONG Handles; /* and calls that use it */
    DWORD State;   /* SERVICE_STOPPED, _START_PENDING, _RUNNING, _STOP_PENDING */
    BOOLEAN Deleted;
} ADV_SERVICE;

/* The arguments of CreateService and ChangeServiceConfig; NULL, SERVICE_NO_CHANGE: as it is. */
typedef struct ADV_CONFIG {
    DWORD Type;
    DWORD StartType;
    DWORD ErrorControl;
    LPCSTR Binary;
    LPCSTR Group;
    LPDWORD Tag;
    LPCSTR Dependencies;
    LPCSTR Account;
    LPCSTR Display;
} ADV_CONFIG;

/* ---- service.c ---- */

extern SRWLOCK AdvLock;
extern ADV_SERVICE *AdvServices; /* AdvLock */

/* The drivers that started with the process are running services. */
VOID AdvAddLoadedDriversLocked(VOID);
ADV_SERVICE *AdvFindServiceLocked(const char *Name);
ADV_SERVICE *AdvFindDisplayLocked(const char *Display);
/* The service of a handle with this access, for AdvEndUse; NULL and the last error. */
ADV_SERVICE *AdvBeginUse(SC_HANDLE Handle, DWORD Access);
VOID AdvEndUse(ADV_SERVICE *Service);
/* FALSE and the last error when it is not a handle of the manager with this access. */
BOOL AdvCheckManagerLocked(SC_HANDLE Handle, DWORD Access);
BOOLEAN AdvIsValidName(LPCSTR Name);
VOID AdvFillStatus(const ADV_SERVICE *Service, LPSERVICE_STATUS Status);

/* ---- config.c: the service's key ---- */

/* A Win32 error; what is NULL or SERVICE_NO_CHANGE is not looked at. */
DWORD AdvCheckConfig(const ADV_CONFIG *Config);
/* Writes what Config gives; IsNew: a key that this call made goes again on failure. */
LSTATUS AdvWriteKey(const char *Name, const ADV_CONFIG *Config, BOOLEAN IsNew);
VOID AdvDeleteKey(const char *Name);
/* The value by which Windows knows at its next start that the service is to go. */
VOID AdvMarkKey(const char *Name);
/* A number of the key; MAXDWORD: it has none. */
DWORD AdvReadNumber(const char *Name, const char *Value);
