/* SPDX-License-Identifier: MIT
 *
 * ntbox/force.h - included before every NT source: the compiler's Microsoft face
 *
 * Invariants  F1  Nothing here changes the size of a type that the DDK headers define: LONG is 32
 *                 bits because those headers are in their LP64 mode. A plain `long` is 64 bits here
 *                 and 32 on Windows.
 *             F2  __declspec(x) works by pasting, so each form is a macro below; an unknown one is
 * a compile error that names it.
 */
#ifndef NTBOX_FORCE_H
#define NTBOX_FORCE_H
#pragma GCC system_header

/* A -Wall behind our own options would bring these back: they are Microsoft's language, or ours. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wunknown-pragmas"
#pragma clang diagnostic ignored "-Wignored-pragmas"
#pragma clang diagnostic ignored "-Wmultichar"
#pragma clang diagnostic ignored "-Wformat"
#pragma clang diagnostic ignored "-Wmicrosoft"
#pragma clang diagnostic ignored "-Wpragma-pack"
#endif

/* ---- __declspec ---- */

#define __declspec(...) __ntbox_declspec_##__VA_ARGS__
#define _declspec(...) __ntbox_declspec_##__VA_ARGS__
#define __ntbox_declspec_
#define __ntbox_declspec_dllimport
#define __ntbox_declspec_dllexport __attribute__((visibility("default")))
#define __ntbox_declspec_noreturn __attribute__((noreturn))
#define __ntbox_declspec_align(n) __attribute__((aligned(n)))
#define __ntbox_declspec_selectany __attribute__((weak))
#define __ntbox_declspec_deprecated __attribute__((deprecated))
#define __ntbox_declspec_nothrow __attribute__((nothrow))
#define __ntbox_declspec_noinline __attribute__((noinline))
#define __ntbox_declspec_thread __thread
#define __ntbox_declspec_uuid(x)
#define __ntbox_declspec_code_seg(x)
#define __ntbox_declspec_allocate(x)
#define __ntbox_declspec_novtable
#define __ntbox_declspec_restrict
#define __ntbox_declspec_noalias
#define __ntbox_declspec_guard(x)
#define __ntbox_declspec_safebuffers
#define __ntbox_declspec_spectre(x)
#define __ntbox_declspec_strict_gs_check
#define __ntbox_declspec_no_sanitize_address __attribute__((no_sanitize("address")))

/* ---- calling conventions: x64 Windows has one, and so has this host ---- */

#define __cdecl
#define _cdecl
#define __fastcall
#define _fastcall
#define __stdcall
#define _stdcall
#define __thiscall
#define __vectorcall
#define __clrcall

/* ---- words of the language ---- */

#define __forceinline extern __inline__ __attribute__((always_inline, gnu_inline))
#define __int8 char
#define __int16 short
#define __int32 int
#define __int64 long long
#define __ptr64
#define __ptr32
#define __sptr
#define __uptr
#define __unaligned
#define __w64
#define __pragma(...)
#define __FUNCSIG__ __PRETTY_FUNCTION__
#define __FUNCDNAME__ __func__
#define __noop(...) ((void)0)
#define __assume(condition) ((condition) ? (void)0 : __builtin_unreachable())
#define __annotation(...) ((void)0)

typedef void *_locale_t;

#include "rename.h"
#include <stddef.h>
#include <stdarg.h>
/* Nothing on x64, for Microsoft's compiler and for this host; sources name anything there. */
#undef va_end
#define va_end(arguments) ((void)(arguments))
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>
#include <time.h>

/* The package's inline functions have no other definition: inline them without optimization too. */
#ifndef __cplusplus
#include <_mingw.h>
#undef __CRT_INLINE
#define __CRT_INLINE extern __inline__ __attribute__((always_inline, gnu_inline))
#endif

#include "intrinsics.h"
#include "eh.h"

/* ntstrsafe.h and strsafe.h use these without including anything. */
#ifdef __cplusplus
extern "C" {
#endif
int _vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments)
    NTCRT_NAME(_vsnprintf);
#ifdef __cplusplus
}
#endif

#endif
