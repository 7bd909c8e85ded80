/* SPDX-License-Identifier: MIT
 *
 * ctype.h - the host's declarations; the functions are libntcrt's, of the C locale
 *
 * Source  Microsoft C runtime docs: is, isw routines; to functions.
 */
#pragma GCC system_header
#include "ntbox/rename.h"
/* No macros and inline functions: they would follow the host's locale. */
#pragma push_macro("__NO_CTYPE")
#undef __NO_CTYPE
#define __NO_CTYPE 1
#include_next <ctype.h>
#pragma pop_macro("__NO_CTYPE")
