/* SPDX-License-Identifier: MIT
 *
 * string.h - the host's, with Microsoft's further functions
 *
 * Differs  as stdio.h.
 * Source   Microsoft C runtime docs, by function name.
 */
#pragma GCC system_header
#include_next <string.h>

#ifndef NTBOX_STRING_H
#define NTBOX_STRING_H

#include "ntbox/rename.h"
#include <wchar.h>

#ifndef _TRUNCATE
#define _TRUNCATE ((size_t)-1)
#endif

#define _NLSCMPERROR 0x7fffffff /* of a comparison without a string */

#ifdef __cplusplus
extern "C" {
#endif

errno_t strcpy_s(char *Target, size_t Size, const char *Source) NTCRT_NAME(strcpy_s);
errno_t strncpy_s(char *Target, size_t Size, const char *Source, size_t Count)
    NTCRT_NAME(strncpy_s);
errno_t strcat_s(char *Target, size_t Size, const char *Source) NTCRT_NAME(strcat_s);
errno_t strncat_s(char *Target, size_t Size, const char *Source, size_t Count)
    NTCRT_NAME(strncat_s);
char *strtok_s(char *Text, const char *Delimiters, char **Context) NTCRT_NAME(strtok_s);
size_t strnlen_s(const char *Text, size_t Size) NTCRT_NAME(strnlen_s);
errno_t memcpy_s(void *Target, size_t Size, const void *Source, size_t Count) NTCRT_NAME(memcpy_s);
errno_t memmove_s(void *Target, size_t Size, const void *Source, size_t Count)
    NTCRT_NAME(memmove_s);
errno_t strerror_s(char *Buffer, size_t Size, int Error) NTCRT_NAME(strerror_s);
int _stricmp(const char *Left, const char *Right) NTCRT_NAME(_stricmp);
int stricmp(const char *Left, const char *Right) NTCRT_NAME(_stricmp);
int _strcmpi(const char *Left, const char *Right) NTCRT_NAME(_stricmp);
int _strnicmp(const char *Left, const char *Right, size_t Count) NTCRT_NAME(_strnicmp);
int strnicmp(const char *Left, const char *Right, size_t Count) NTCRT_NAME(_strnicmp);
int _memicmp(const void *Left, const void *Right, size_t Count) NTCRT_NAME(_memicmp);
char *_strdup(const char *Text) __asm__("strdup");
char *_strlwr(char *Text) NTCRT_NAME(_strlwr);
char *_strupr(char *Text) NTCRT_NAME(_strupr);
char *_strrev(char *Text) NTCRT_NAME(_strrev);

#ifdef __cplusplus
}
/* The forms that take the size from the array. */
extern "C++" {
template <size_t Size>
inline errno_t
strcpy_s(char (&Target)[Size], const char *Source)
{
    return strcpy_s(Target, Size, Source);
}
template <size_t Size>
inline errno_t
strcat_s(char (&Target)[Size], const char *Source)
{
    return strcat_s(Target, Size, Source);
}
template <size_t Size>
inline errno_t
strncpy_s(char (&Target)[Size], const char *Source, size_t Count)
{
    return strncpy_s(Target, Size, Source, Count);
}
template <size_t Size>
inline errno_t
strncat_s(char (&Target)[Size], const char *Source, size_t Count)
{
    return strncat_s(Target, Size, Source, Count);
}
}
#endif

#endif
