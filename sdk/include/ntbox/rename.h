/* SPDX-License-Identifier: MIT
 *
 * ntbox/rename.h - functions of the host's C library that would be wrong for NT sources
 *
 * The host's wide characters have 32 bits and its long has 64, so every function with either in its
 * contract, and the printf family, goes to libntcrt under another name; so does what checks its
 * arguments there, or follows the host's locale. Sources stay as they are,
 * and a sanitizer's interceptors for the host's functions do not see these calls. A name without a
 * definition in libntcrt is a link error that shows it.
 */
#ifndef NTBOX_RENAME_H
#define NTBOX_RENAME_H
#pragma GCC system_header

#pragma redefine_extname printf ntcrt_printf
#pragma redefine_extname fprintf ntcrt_fprintf
#pragma redefine_extname sprintf ntcrt_sprintf
#pragma redefine_extname snprintf ntcrt_snprintf
#pragma redefine_extname vprintf ntcrt_vprintf
#pragma redefine_extname vfprintf ntcrt_vfprintf
#pragma redefine_extname vsprintf ntcrt_vsprintf
#pragma redefine_extname vsnprintf ntcrt_vsnprintf
#pragma redefine_extname wprintf ntcrt_wprintf
#pragma redefine_extname fwprintf ntcrt_fwprintf
#pragma redefine_extname vwprintf ntcrt_vwprintf
#pragma redefine_extname vfwprintf ntcrt_vfwprintf
#pragma redefine_extname swprintf ntcrt_swprintf
#pragma redefine_extname vswprintf ntcrt_vswprintf
#pragma redefine_extname wcscat ntcrt_wcscat
#pragma redefine_extname wcschr ntcrt_wcschr
#pragma redefine_extname wcscmp ntcrt_wcscmp
#pragma redefine_extname wcscoll ntcrt_wcscoll
#pragma redefine_extname wcscpy ntcrt_wcscpy
#pragma redefine_extname wcscspn ntcrt_wcscspn
#pragma redefine_extname wcsdup ntcrt_wcsdup
#pragma redefine_extname wcsftime ntcrt_wcsftime
#pragma redefine_extname wcslen ntcrt_wcslen
#pragma redefine_extname wcsncat ntcrt_wcsncat
#pragma redefine_extname wcsncmp ntcrt_wcsncmp
#pragma redefine_extname wcsncpy ntcrt_wcsncpy
#pragma redefine_extname wcsnlen ntcrt_wcsnlen
#pragma redefine_extname wcspbrk ntcrt_wcspbrk
#pragma redefine_extname wcsrchr ntcrt_wcsrchr
#pragma redefine_extname wcsspn ntcrt_wcsspn
#pragma redefine_extname wcsstr ntcrt_wcsstr
#pragma redefine_extname wcstod ntcrt_wcstod
#pragma redefine_extname wcstof ntcrt_wcstof
#pragma redefine_extname wcstok ntcrt_wcstok
#pragma redefine_extname wcstol ntcrt_wcstol
#pragma redefine_extname wcstold ntcrt_wcstold
#pragma redefine_extname wcstoll ntcrt_wcstoll
#pragma redefine_extname wcstoul ntcrt_wcstoul
#pragma redefine_extname wcstoull ntcrt_wcstoull
#pragma redefine_extname wcsxfrm ntcrt_wcsxfrm
#pragma redefine_extname wcswidth ntcrt_wcswidth
#pragma redefine_extname wcscasecmp ntcrt_wcscasecmp
#pragma redefine_extname wcsncasecmp ntcrt_wcsncasecmp
#pragma redefine_extname wcpcpy ntcrt_wcpcpy
#pragma redefine_extname wcpncpy ntcrt_wcpncpy
#pragma redefine_extname wmemchr ntcrt_wmemchr
#pragma redefine_extname wmemcmp ntcrt_wmemcmp
#pragma redefine_extname wmemcpy ntcrt_wmemcpy
#pragma redefine_extname wmemmove ntcrt_wmemmove
#pragma redefine_extname wmemset ntcrt_wmemset
#pragma redefine_extname btowc ntcrt_btowc
#pragma redefine_extname wctob ntcrt_wctob
#pragma redefine_extname fgetwc ntcrt_fgetwc
#pragma redefine_extname fgetws ntcrt_fgetws
#pragma redefine_extname fputwc ntcrt_fputwc
#pragma redefine_extname fputws ntcrt_fputws
#pragma redefine_extname getwc ntcrt_getwc
#pragma redefine_extname getwchar ntcrt_getwchar
#pragma redefine_extname putwc ntcrt_putwc
#pragma redefine_extname putwchar ntcrt_putwchar
#pragma redefine_extname ungetwc ntcrt_ungetwc
#pragma redefine_extname fwide ntcrt_fwide
#pragma redefine_extname mblen ntcrt_mblen
#pragma redefine_extname mbrlen ntcrt_mbrlen
#pragma redefine_extname mbrtowc ntcrt_mbrtowc
#pragma redefine_extname mbsrtowcs ntcrt_mbsrtowcs
#pragma redefine_extname mbstowcs ntcrt_mbstowcs
#pragma redefine_extname mbtowc ntcrt_mbtowc
#pragma redefine_extname wcrtomb ntcrt_wcrtomb
#pragma redefine_extname wcsrtombs ntcrt_wcsrtombs
#pragma redefine_extname wcstombs ntcrt_wcstombs
#pragma redefine_extname wctomb ntcrt_wctomb
#pragma redefine_extname iswalnum ntcrt_iswalnum
#pragma redefine_extname iswalpha ntcrt_iswalpha
#pragma redefine_extname iswblank ntcrt_iswblank
#pragma redefine_extname iswcntrl ntcrt_iswcntrl
#pragma redefine_extname iswdigit ntcrt_iswdigit
#pragma redefine_extname iswgraph ntcrt_iswgraph
#pragma redefine_extname iswlower ntcrt_iswlower
#pragma redefine_extname iswprint ntcrt_iswprint
#pragma redefine_extname iswpunct ntcrt_iswpunct
#pragma redefine_extname iswspace ntcrt_iswspace
#pragma redefine_extname iswupper ntcrt_iswupper
#pragma redefine_extname iswxdigit ntcrt_iswxdigit
#pragma redefine_extname towlower ntcrt_towlower
#pragma redefine_extname towupper ntcrt_towupper
#pragma redefine_extname strtol ntcrt_strtol
#pragma redefine_extname strtoul ntcrt_strtoul
#pragma redefine_extname atol ntcrt_atol
#pragma redefine_extname atoi ntcrt_atoi
#pragma redefine_extname bsearch ntcrt_bsearch
#pragma redefine_extname qsort ntcrt_qsort
#pragma redefine_extname rand ntcrt_rand
#pragma redefine_extname srand ntcrt_srand
#pragma redefine_extname isalnum ntcrt_isalnum
#pragma redefine_extname isalpha ntcrt_isalpha
#pragma redefine_extname iscntrl ntcrt_iscntrl
#pragma redefine_extname isdigit ntcrt_isdigit
#pragma redefine_extname isgraph ntcrt_isgraph
#pragma redefine_extname islower ntcrt_islower
#pragma redefine_extname isprint ntcrt_isprint
#pragma redefine_extname ispunct ntcrt_ispunct
#pragma redefine_extname isspace ntcrt_isspace
#pragma redefine_extname isupper ntcrt_isupper
#pragma redefine_extname isxdigit ntcrt_isxdigit
#pragma redefine_extname tolower ntcrt_tolower
#pragma redefine_extname toupper ntcrt_toupper

/* Declares a function of libntcrt. */
#define NTCRT_NAME(name) __asm__("ntcrt_" #name)

#endif
