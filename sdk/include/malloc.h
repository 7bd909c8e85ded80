/* SPDX-License-Identifier: MIT
 *
 * malloc.h - the host's, with Microsoft's aligned blocks
 *
 * Source  Microsoft C runtime docs: _aligned_malloc, _alloca, _msize.
 */
#pragma GCC system_header
#include_next <malloc.h>

#ifndef NTBOX_MALLOC_H
#define NTBOX_MALLOC_H

#include "ntbox/rename.h"

#ifdef __cplusplus
extern "C" {
#endif
void *_aligned_malloc(size_t Size, size_t Alignment) NTCRT_NAME(_aligned_malloc);
void _aligned_free(void *Block) __asm__("free");
size_t _msize(void *Block) __asm__("malloc_usable_size");
#ifdef __cplusplus
}
#endif

#ifndef alloca
#define alloca __builtin_alloca
#endif
#define _malloca malloc
#define _freea free

#endif
