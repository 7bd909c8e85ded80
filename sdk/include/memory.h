/* SPDX-License-Identifier: MIT
 *
 * memory.h - the memory functions, which are string.h's
 */
#pragma GCC system_header
#include <string.h>
