/* SPDX-License-Identifier: MIT
 *
 * tchar.h - text of either width by one name, as _UNICODE says
 *
 * Source  Microsoft C runtime docs, "Generic-text mappings".
 */
#ifndef NTBOX_TCHAR_H
#define NTBOX_TCHAR_H
#pragma GCC system_header

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#ifndef _TCHAR_DEFINED
#define _TCHAR_DEFINED
#ifdef _UNICODE
typedef wchar_t TCHAR;
#else
typedef char TCHAR;
#endif
typedef TCHAR *PTCHAR;
#endif
typedef TCHAR _TCHAR;
typedef int _TINT;

#ifdef _UNICODE
#define _T(text) L##text
#define _TEXT(text) L##text
#define __T(text) L##text
#define _tmain wmain
#define _tprintf wprintf
#define _ftprintf fwprintf
#define _vtprintf vwprintf
#define _vftprintf vfwprintf
#define _stprintf _swprintf
#define _stprintf_s swprintf_s
#define _sntprintf _snwprintf
#define _sntprintf_s _snwprintf_s
#define _vsntprintf _vsnwprintf
#define _vstprintf_s vswprintf_s
#define _tcslen wcslen
#define _tcsnlen wcsnlen
#define _tcscpy wcscpy
#define _tcsncpy wcsncpy
#define _tcscat wcscat
#define _tcsncat wcsncat
#define _tcscpy_s wcscpy_s
#define _tcsncpy_s wcsncpy_s
#define _tcscat_s wcscat_s
#define _tcsncat_s wcsncat_s
#define _tcscmp wcscmp
#define _tcsncmp wcsncmp
#define _tcsicmp _wcsicmp
#define _tcsnicmp _wcsnicmp
#define _tcschr wcschr
#define _tcsrchr wcsrchr
#define _tcsstr wcsstr
#define _tcstok_s wcstok_s
#define _tcspbrk wcspbrk
#define _tcsdup _wcsdup
#define _tcstol wcstol
#define _tcstoul wcstoul
#define _tcstoui64 _wcstoui64
#define _ttoi _wtoi
#define _ttol _wtol
#define _tstoi _wtoi
#define _ttoi64 _wtoi64
#define _totupper towupper
#define _totlower towlower
#define _istspace iswspace
#define _istdigit iswdigit
#define _istalpha iswalpha
#define _fputts fputws
#define _putts _putws
#define _fgetts fgetws
#define _tfopen _wfopen
#define _tfopen_s _wfopen_s
#define _gettchar getwchar
#define _puttchar putwchar
#else
#define _T(text) text
#define _TEXT(text) text
#define __T(text) text
#define _tmain main
#define _tprintf printf
#define _ftprintf fprintf
#define _vtprintf vprintf
#define _vftprintf vfprintf
#define _stprintf sprintf
#define _stprintf_s sprintf_s
#define _sntprintf _snprintf
#define _sntprintf_s _snprintf_s
#define _vsntprintf _vsnprintf
#define _vstprintf_s vsprintf_s
#define _tcslen strlen
#define _tcsnlen strnlen
#define _tcscpy strcpy
#define _tcsncpy strncpy
#define _tcscat strcat
#define _tcsncat strncat
#define _tcscpy_s strcpy_s
#define _tcsncpy_s strncpy_s
#define _tcscat_s strcat_s
#define _tcsncat_s strncat_s
#define _tcscmp strcmp
#define _tcsncmp strncmp
#define _tcsicmp _stricmp
#define _tcsnicmp _strnicmp
#define _tcschr strchr
#define _tcsrchr strrchr
#define _tcsstr strstr
#define _tcstok_s strtok_s
#define _tcspbrk strpbrk
#define _tcsdup _strdup
#define _tcstol strtol
#define _tcstoul strtoul
#define _tcstoui64 _strtoui64
#define _ttoi atoi
#define _ttol atol
#define _tstoi atoi
#define _ttoi64 _atoi64
#define _totupper toupper
#define _totlower tolower
#define _istspace isspace
#define _istdigit isdigit
#define _istalpha isalpha
#define _fputts fputs
#define _putts puts
#define _fgetts fgets
#define _tfopen fopen
#define _tfopen_s fopen_s
#define _gettchar getchar
#define _puttchar putchar
#endif

#endif
