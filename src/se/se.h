/* SPDX-License-Identifier: MIT
 *
 * se/se.h - who may open what (first version: one identity, the process's own)
 */
#pragma once

#include "ob/ob.h"

/* Maps generic rights, grants what the process may have. STATUS_ACCESS_DENIED otherwise. */
NTSTATUS SepCheckAccess(PVOID Object, const GENERIC_MAPPING *Mapping, ACCESS_MASK DesiredAccess,
                        KPROCESSOR_MODE Mode, ACCESS_MASK *GrantedAccess);
/* Generic rights replaced by what they stand for. */
ACCESS_MASK SepMapGeneric(ACCESS_MASK Access, const GENERIC_MAPPING *Mapping);

/* ---- token.c: the one token ---- */

NTSTATUS SepInitializeTokens(VOID);
VOID SepShutdownTokens(VOID);
/* Referenced; NULL before SepInitializeTokens. */
PACCESS_TOKEN SepReferenceToken(VOID);
