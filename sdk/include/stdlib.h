/* SPDX-License-Identifier: MIT
 *
 * stdlib.h - the host's, with Microsoft's further functions
 *
 * Differs  strtol, strtoul and atol work on 32 bits, as Windows's long has, though their C type
 *          here is the host's long. rand has one state for all threads, as in the kernel.
 * Source   Microsoft C runtime docs, by function name.
 */
#pragma GCC system_header
#include "ntbox/rename.h"
#include <features.h>
/* The host's inline bsearch and atoi would not be those of libntcrt. */
#pragma push_macro("__USE_EXTERN_INLINES")
#undef __USE_EXTERN_INLINES
#include_next <stdlib.h>
#pragma pop_macro("__USE_EXTERN_INLINES")

/* The host asks for a part of this header in places. */
#if defined(EXIT_FAILURE) && !defined(NTBOX_STDLIB_H)
#define NTBOX_STDLIB_H

#include <wchar.h>

#define _MAX_PATH 260
#define _MAX_DRIVE 3
#define _MAX_DIR 256
#define _MAX_FNAME 256
#define _MAX_EXT 256

#undef RAND_MAX
#define RAND_MAX 0x7fff

#define __min(a, b) (((a) < (b)) ? (a) : (b))
#define __max(a, b) (((a) > (b)) ? (a) : (b))

#ifdef __cplusplus
extern "C" {
#endif

char *_itoa(int Value, char *Buffer, int Base) NTCRT_NAME(_itoa);
char *itoa(int Value, char *Buffer, int Base) NTCRT_NAME(_itoa);
char *_ltoa(int Value, char *Buffer, int Base) NTCRT_NAME(_itoa);
char *_ultoa(unsigned int Value, char *Buffer, int Base) NTCRT_NAME(_ultoa);
char *_i64toa(long long Value, char *Buffer, int Base) NTCRT_NAME(_i64toa);
char *_ui64toa(unsigned long long Value, char *Buffer, int Base) NTCRT_NAME(_ui64toa);
errno_t _itoa_s(int Value, char *Buffer, size_t Size, int Base) NTCRT_NAME(_itoa_s);
errno_t _ultoa_s(unsigned int Value, char *Buffer, size_t Size, int Base) NTCRT_NAME(_ultoa_s);
long long _atoi64(const char *Text) NTCRT_NAME(_atoi64);
long long _strtoi64(const char *Text, char **End, int Base) NTCRT_NAME(strtoll);
unsigned long long _strtoui64(const char *Text, char **End, int Base) NTCRT_NAME(strtoull);

#ifdef __cplusplus
}
template <typename T, size_t Count> char (&NtcrtCountOf(T (&Array)[Count]))[Count];
#define _countof(Array) sizeof(NtcrtCountOf(Array))
#else
#define _countof(Array) (sizeof(Array) / sizeof((Array)[0]))
#endif

#endif
