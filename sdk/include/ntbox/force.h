/* SPDX-License-Identifier: MIT
 *
 * ntbox/force.h - included before every NT source: the compiler's Microsoft face
 */
#ifndef NTBOX_FORCE_H
#define NTBOX_FORCE_H
#define __declspec(x) __ntbox_declspec_##x
#define __ntbox_declspec_dllimport
#define __ntbox_declspec_dllexport __attribute__((visibility("default")))
#define __ntbox_declspec_noreturn __attribute__((noreturn))
#define __ntbox_declspec_align(n) __attribute__((aligned(n)))
#define __ntbox_declspec_selectany __attribute__((weak))
#define __ntbox_declspec_deprecated __attribute__((deprecated))
#define __ntbox_declspec_nothrow __attribute__((nothrow))
#define __ntbox_declspec_noinline __attribute__((noinline))
#define __ntbox_declspec_uuid(x)
#define __cdecl
#define __fastcall
#define _cdecl
#define __forceinline extern __inline__ __attribute__((always_inline, gnu_inline))
#define __int8 char
#define __int16 short
#define __int32 int
#define __int64 long long
#define __ptr64
#define __ptr32
#define __unaligned
#define __w64
typedef void *_locale_t;
#include <stddef.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>
#include <time.h>
unsigned char KiReadCr8(void);
void KiWriteCr8(unsigned __int64);
unsigned __int64 KiReadGsQword(unsigned int);
#define __readcr8 KiReadCr8
#define __writecr8 KiWriteCr8
#define __readgsqword KiReadGsQword
#endif
