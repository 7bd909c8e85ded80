/* SPDX-License-Identifier: MIT
 *
 * stdio.h - the host's, with Microsoft's further functions
 *
 * Differs  In programs, too, sprintf_s and its kind return -1 and empty the buffer where
 * Microsoft's handler of invalid parameters would end the program; in the kernel it never does.
 * Streams are the host's; text written to them is UTF-8.
 *
 * Source  Microsoft C runtime docs, by function name.
 */
#pragma GCC system_header
#include_next <stdio.h>

#ifndef NTBOX_STDIO_H
#define NTBOX_STDIO_H

#include "ntbox/rename.h"

#ifndef _TRUNCATE
#define _TRUNCATE ((size_t)-1)
#endif
#ifndef NTBOX_ERRNO_T
#define NTBOX_ERRNO_T
typedef int errno_t;
#endif

#ifdef __cplusplus
extern "C" {
#endif

int _snprintf(char *Buffer, size_t Count, const char *Format, ...) NTCRT_NAME(_snprintf);
int _vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments)
    NTCRT_NAME(_vsnprintf);
int _scprintf(const char *Format, ...) NTCRT_NAME(_scprintf);
int _vscprintf(const char *Format, va_list Arguments) NTCRT_NAME(_vscprintf);
int sprintf_s(char *Buffer, size_t Size, const char *Format, ...) NTCRT_NAME(sprintf_s);
int vsprintf_s(char *Buffer, size_t Size, const char *Format, va_list Arguments)
    NTCRT_NAME(vsprintf_s);
int _snprintf_s(char *Buffer, size_t Size, size_t Count, const char *Format, ...)
    NTCRT_NAME(_snprintf_s);
int _vsnprintf_s(char *Buffer, size_t Size, size_t Count, const char *Format, va_list Arguments)
    NTCRT_NAME(_vsnprintf_s);
int printf_s(const char *Format, ...) NTCRT_NAME(printf);
int fprintf_s(FILE *Stream, const char *Format, ...) NTCRT_NAME(fprintf);
errno_t fopen_s(FILE **Stream, const char *Path, const char *Mode) NTCRT_NAME(fopen_s);
FILE *_wfopen(const wchar_t *Path, const wchar_t *Mode) NTCRT_NAME(_wfopen);
errno_t _wfopen_s(FILE **Stream, const wchar_t *Path, const wchar_t *Mode) NTCRT_NAME(_wfopen_s);
int _fileno(FILE *Stream) __asm__("fileno");
int _putws(const wchar_t *Text) NTCRT_NAME(_putws);

#ifdef __cplusplus
}
/* The forms that take the size from the array. */
extern "C++" {
template <size_t Size, typename... Arguments>
inline int
sprintf_s(char (&Buffer)[Size], const char *Format, Arguments... Values)
{
    return sprintf_s(Buffer, Size, Format, Values...);
}
template <size_t Size, typename... Arguments>
inline int
_snprintf_s(char (&Buffer)[Size], size_t Count, const char *Format, Arguments... Values)
{
    return _snprintf_s(Buffer, Size, Count, Format, Values...);
}
template <size_t Size>
inline int
vsprintf_s(char (&Buffer)[Size], const char *Format, va_list Values)
{
    return vsprintf_s(Buffer, Size, Format, Values);
}
}
#endif

/* The host's own would store a 64 bit long where an NT source has 32 bits. */
#undef sscanf
#undef scanf
#undef fscanf
#undef vsscanf
#define sscanf ntcrt_sscanf
#define scanf ntcrt_scanf
#define fscanf ntcrt_fscanf
#define vsscanf ntcrt_vsscanf
#ifdef __cplusplus
extern "C" {
#endif
int sscanf(const char *Text, const char *Format, ...);
int scanf(const char *Format, ...);
int fscanf(FILE *Stream, const char *Format, ...);
int vsscanf(const char *Text, const char *Format, va_list Arguments);
int sscanf_s(const char *Text, const char *Format, ...) NTCRT_NAME(sscanf_s);
int scanf_s(const char *Format, ...) NTCRT_NAME(scanf_s);
int fscanf_s(FILE *Stream, const char *Format, ...) NTCRT_NAME(fscanf_s);
#ifdef __cplusplus
}
#endif

#endif
