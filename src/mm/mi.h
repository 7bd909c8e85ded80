/* SPDX-License-Identifier: MIT
 *
 * mm/mi.h - private to mm
 *
 * Page frame numbers are made up, but stable: those of non-paged pool count from
 * MI_POOL_FIRST_PFN, in the order of the pool's shared memory; any other page has its virtual
 * page number with MI_VIRTUAL_PFN set. So an MDL's frames say where the pages are.
 */
#pragma once

#include "mm/mm.h"

#define MI_TAG_MDL 0x206C644Du        /* 'Mdl ' */
#define MI_TAG_PAGES 0x6C6D6D50u      /* 'Pmml' */
#define MI_TAG_CONTIGUOUS 0x746E6F43u /* 'Cont' */
#define MI_TAG_MAPPING 0x70614D4Du    /* 'MMap' */
#define MI_POOL_FIRST_PFN 0x100000ull
#define MI_VIRTUAL_PFN (1ull << 35)
#define MI_BUGCHECK_VERIFIER 0xC4
#define MI_HIGHEST_USER 0x00007FFFFFFFEFFFull /* this host's last usable byte */

/* A view of the system, whose range is the kernel's from here to its removal. */
NTSTATUS MiAddSystemView(ULONG_PTR Base, SIZE_T Size);
VOID MiRemoveSystemView(ULONG_PTR Base);
PFN_NUMBER MiAddressToPfn(ULONG_PTR Address);
/* 0 if no page has that number. */
ULONG_PTR MiPfnToAddress(PFN_NUMBER Pfn);
/* Where the pages of an MDL are, plus its byte offset. */
ULONG_PTR MiMdlAddress(PMDL Mdl);
VOID MiFillPfns(PMDL Mdl, ULONG_PTR Base);
/* A system mapping is undone: access that MmProtectMdlSystemAddress took comes back. */
VOID MiEndSystemMapping(PMDL Mdl);
extern LONG MiMappedMdls; /* system mappings made by MmMapLockedPages */
