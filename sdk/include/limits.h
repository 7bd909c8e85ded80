/* SPDX-License-Identifier: MIT
 *
 * limits.h - the host's, with the limits of Windows's 32 bit long
 *
 * Sources compare LONG and ULONG with these. A plain long is 64 bits here all the same.
 */
#pragma GCC system_header
#include_next <limits.h>

/* The host's stdlib.h and others ask for a part of this header only. */
#ifdef LONG_MAX
#undef LONG_MIN
#undef LONG_MAX
#undef ULONG_MAX
#define LONG_MIN (-2147483647 - 1)
#define LONG_MAX 2147483647
#define ULONG_MAX 0xffffffffU
#endif
#ifndef _UI64_MAX
#define _I8_MIN (-127 - 1)
#define _I8_MAX 127
#define _UI8_MAX 0xffU
#define _I16_MIN (-32767 - 1)
#define _I16_MAX 32767
#define _UI16_MAX 0xffffU
#define _I32_MIN (-2147483647 - 1)
#define _I32_MAX 2147483647
#define _UI32_MAX 0xffffffffU
#define _I64_MIN (-9223372036854775807LL - 1)
#define _I64_MAX 9223372036854775807LL
#define _UI64_MAX 0xffffffffffffffffULL
#endif
