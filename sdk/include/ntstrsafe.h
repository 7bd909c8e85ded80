/* SPDX-License-Identifier: MIT
 *
 * ntstrsafe.h - the package's, with its functions static
 *
 * The package declares them `extern __inline`, which under C99's rules defines all of them in every
 * object; two files of a driver that include it would not link.
 */
#ifndef NTBOX_NTSTRSAFE_H
#define NTBOX_NTSTRSAFE_H
#pragma GCC system_header

#include <stdio.h>
#include <wchar.h>

/* Nothing else is included from here on: see to that. */
#include <specstrings.h>
#ifndef __cplusplus
#pragma push_macro("extern")
#pragma push_macro("__inline")
#pragma push_macro("__CRT_INLINE")
#undef __CRT_INLINE
#define extern
#define __inline static __inline__
#define __CRT_INLINE static __inline__
#endif
#include_next <ntstrsafe.h>
#ifndef __cplusplus
#pragma pop_macro("__CRT_INLINE")
#pragma pop_macro("__inline")
#pragma pop_macro("extern")
#endif

#ifdef _WDMDDK_
#include "ntbox/unicodesafe.h"
#endif

#endif
