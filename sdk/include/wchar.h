/* SPDX-License-Identifier: MIT
 *
 * wchar.h - the host's declarations, for 16 bit characters, with Microsoft's further functions
 *
 * Differs  as stdio.h. Case is folded for ASCII only, as in Microsoft's "C" locale.
 * Source   Microsoft C runtime docs, by function name.
 */
#pragma GCC system_header
#include "ntbox/rename.h"
#include_next <wchar.h>

/* The host's stdio.h asks for a part of this header only. */
#if defined(WEOF) && !defined(NTBOX_WCHAR_H)
#define NTBOX_WCHAR_H

#include <stdarg.h>

#ifndef NTBOX_ERRNO_T
#define NTBOX_ERRNO_T
typedef int errno_t;
#endif

#ifdef __cplusplus
extern "C" {
#endif

int _snwprintf(wchar_t *Buffer, size_t Count, const wchar_t *Format, ...) NTCRT_NAME(_snwprintf);
int _vsnwprintf(wchar_t *Buffer, size_t Count, const wchar_t *Format, va_list Arguments)
    NTCRT_NAME(_vsnwprintf);
int _scwprintf(const wchar_t *Format, ...) NTCRT_NAME(_scwprintf);
int _vscwprintf(const wchar_t *Format, va_list Arguments) NTCRT_NAME(_vscwprintf);
int swprintf_s(wchar_t *Buffer, size_t Size, const wchar_t *Format, ...) NTCRT_NAME(swprintf_s);
int vswprintf_s(wchar_t *Buffer, size_t Size, const wchar_t *Format, va_list Arguments)
    NTCRT_NAME(vswprintf_s);
int _snwprintf_s(wchar_t *Buffer, size_t Size, size_t Count, const wchar_t *Format, ...)
    NTCRT_NAME(_snwprintf_s);
int _vsnwprintf_s(wchar_t *Buffer, size_t Size, size_t Count, const wchar_t *Format,
                  va_list Arguments) NTCRT_NAME(_vsnwprintf_s);
int wprintf_s(const wchar_t *Format, ...) NTCRT_NAME(wprintf);
/* The form without a size, of the WDK and of older runtimes. */
int _swprintf(wchar_t *Buffer, const wchar_t *Format, ...) NTCRT_NAME(_swprintf);

errno_t wcscpy_s(wchar_t *Target, size_t Size, const wchar_t *Source) NTCRT_NAME(wcscpy_s);
errno_t wcsncpy_s(wchar_t *Target, size_t Size, const wchar_t *Source, size_t Count)
    NTCRT_NAME(wcsncpy_s);
errno_t wcscat_s(wchar_t *Target, size_t Size, const wchar_t *Source) NTCRT_NAME(wcscat_s);
errno_t wcsncat_s(wchar_t *Target, size_t Size, const wchar_t *Source, size_t Count)
    NTCRT_NAME(wcsncat_s);
wchar_t *wcstok_s(wchar_t *Text, const wchar_t *Delimiters, wchar_t **Context) NTCRT_NAME(wcstok);
size_t wcsnlen_s(const wchar_t *Text, size_t Size) NTCRT_NAME(wcsnlen_s);
int _wcsicmp(const wchar_t *Left, const wchar_t *Right) NTCRT_NAME(_wcsicmp);
int wcsicmp(const wchar_t *Left, const wchar_t *Right) NTCRT_NAME(_wcsicmp);
int _wcsnicmp(const wchar_t *Left, const wchar_t *Right, size_t Count) NTCRT_NAME(_wcsnicmp);
int wcsnicmp(const wchar_t *Left, const wchar_t *Right, size_t Count) NTCRT_NAME(_wcsnicmp);
wchar_t *_wcsdup(const wchar_t *Text) NTCRT_NAME(wcsdup);
wchar_t *_wcslwr(wchar_t *Text) NTCRT_NAME(_wcslwr);
wchar_t *_wcsupr(wchar_t *Text) NTCRT_NAME(_wcsupr);
errno_t _wcslwr_s(wchar_t *Text, size_t Size) NTCRT_NAME(_wcslwr_s);
errno_t _wcsupr_s(wchar_t *Text, size_t Size) NTCRT_NAME(_wcsupr_s);
wchar_t *_wcsrev(wchar_t *Text) NTCRT_NAME(_wcsrev);
int _wtoi(const wchar_t *Text) NTCRT_NAME(_wtoi);
int _wtol(const wchar_t *Text) NTCRT_NAME(_wtoi);
long long _wtoi64(const wchar_t *Text) NTCRT_NAME(_wtoi64);
long long _wcstoi64(const wchar_t *Text, wchar_t **End, int Base) NTCRT_NAME(wcstoll);
unsigned long long _wcstoui64(const wchar_t *Text, wchar_t **End, int Base) NTCRT_NAME(wcstoull);
wchar_t *_itow(int Value, wchar_t *Buffer, int Base) NTCRT_NAME(_itow);
wchar_t *_ultow(unsigned int Value, wchar_t *Buffer, int Base) NTCRT_NAME(_ultow);
wchar_t *_i64tow(long long Value, wchar_t *Buffer, int Base) NTCRT_NAME(_i64tow);
wchar_t *_ui64tow(unsigned long long Value, wchar_t *Buffer, int Base) NTCRT_NAME(_ui64tow);
errno_t _itow_s(int Value, wchar_t *Buffer, size_t Size, int Base) NTCRT_NAME(_itow_s);
errno_t _ultow_s(unsigned int Value, wchar_t *Buffer, size_t Size, int Base) NTCRT_NAME(_ultow_s);

/* swprintf with a size, as C says, or without, as the WDK says: by the second argument. */
#ifdef __cplusplus
}
extern "C++" {
int swprintf(wchar_t *Buffer, const wchar_t *Format, ...) __asm__("ntcrt__swprintf");
int vswprintf(wchar_t *Buffer, const wchar_t *Format,
              va_list Arguments) __asm__("ntcrt__vswprintf");

/* The forms that take the size from the array. */
template <size_t Size>
inline errno_t
wcscpy_s(wchar_t (&Target)[Size], const wchar_t *Source)
{
    return wcscpy_s(Target, Size, Source);
}
template <size_t Size>
inline errno_t
wcscat_s(wchar_t (&Target)[Size], const wchar_t *Source)
{
    return wcscat_s(Target, Size, Source);
}
template <size_t Size>
inline errno_t
wcsncpy_s(wchar_t (&Target)[Size], const wchar_t *Source, size_t Count)
{
    return wcsncpy_s(Target, Size, Source, Count);
}
template <size_t Size>
inline errno_t
wcsncat_s(wchar_t (&Target)[Size], const wchar_t *Source, size_t Count)
{
    return wcsncat_s(Target, Size, Source, Count);
}
template <size_t Size, typename... Arguments>
inline int
swprintf_s(wchar_t (&Buffer)[Size], const wchar_t *Format, Arguments... Values)
{
    return swprintf_s(Buffer, Size, Format, Values...);
}
template <size_t Size, typename... Arguments>
inline int
_snwprintf_s(wchar_t (&Buffer)[Size], size_t Count, const wchar_t *Format, Arguments... Values)
{
    return _snwprintf_s(Buffer, Size, Count, Format, Values...);
}
template <size_t Size>
inline int
vswprintf_s(wchar_t (&Buffer)[Size], const wchar_t *Format, va_list Values)
{
    return vswprintf_s(Buffer, Size, Format, Values);
}
}
#else
int NtcrtSwprintfSized(wchar_t *Buffer, size_t Size, const wchar_t *Format, ...)
    NTCRT_NAME(swprintf);
#define swprintf(Buffer, Second, ...) \
    _Generic((Second), wchar_t *                                                                   \
             : _swprintf, const wchar_t *                                                          \
             : _swprintf, default                                                                  \
             : NtcrtSwprintfSized)(Buffer, Second, ##__VA_ARGS__)
#endif

#endif
