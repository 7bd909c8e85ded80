/* SPDX-License-Identifier: MIT
 *
 * crt/util.c - sorting, searching, and the pseudorandom sequence that Windows documents
 *
 * Invariants  U1  The state of rand is one for the machine, as in the kernel, where no thread has
 *                 one of its own. Each call takes the sequence one step on, on whatever thread.
 * Source      Microsoft C runtime docs: rand, srand, qsort, bsearch (what they check).
 */
#include "ntcrt.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t NtcrtpRandom = 1; /* atomic */

#pragma GCC visibility push(default)

void
ntcrt_srand(unsigned Seed)
{
    __atomic_store_n(&NtcrtpRandom, Seed, __ATOMIC_RELAXED);
}

int
ntcrt_rand(void)
{
    uint32_t state = __atomic_load_n(&NtcrtpRandom, __ATOMIC_RELAXED);
    uint32_t next;

    do {
        next = state * 214013u + 2531011u;
    } while (!__atomic_compare_exchange_n(&NtcrtpRandom, &state, next, 1, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return next >> 16 & 0x7fff;
}

void
ntcrt_qsort(void *Base, size_t Count, size_t Width, int (*Compare)(const void *, const void *))
{
    if ((Base == NULL && Count != 0) || Width == 0 || Compare == NULL) {
        errno = EINVAL;
        return;
    }
    if (Count > 1) {
        qsort(Base, Count, Width, Compare);
    }
}

void *
ntcrt_bsearch(const void *Key, const void *Base, size_t Count, size_t Width,
              int (*Compare)(const void *, const void *))
{
    if (Key == NULL || (Base == NULL && Count != 0) || Width == 0 || Compare == NULL) {
        errno = EINVAL;
        return NULL;
    }
    return Count == 0 ? NULL : bsearch(Key, Base, Count, Width, Compare);
}

#pragma GCC visibility pop
