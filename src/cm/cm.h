/* SPDX-License-Identifier: MIT
 *
 * cm/cm.h - the in-memory registry, beyond the WDK
 */
#pragma once

#include "ps/ps.h"

NTSTATUS CmpInitializeSystem(VOID); /* \Registry\Machine\System\CurrentControlSet\Services ... */
VOID CmpShutdownSystem(VOID);

/*
 * Makes \Registry\Machine\System\CurrentControlSet\Services\<Name> with Type=1, Start=3,
 * ErrorControl=1, ImagePath, and a Parameters subkey; existing values stay. RegistryPath: receives
 * the full key name in pool memory (tag 'CmRp'), to be freed by the caller.
 */
NTSTATUS CmpCreateServiceKey(PCUNICODE_STRING Name, PCUNICODE_STRING ImagePath,
                             PUNICODE_STRING RegistryPath);
/* Sets one value by full key name; makes the key. Used by the command line and tests. */
NTSTATUS CmpSetValue(PCUNICODE_STRING KeyName, PCUNICODE_STRING ValueName, ULONG Type,
                     const VOID *Data, ULONG Length);
