/* SPDX-License-Identifier: MIT
 *
 * fuzz.h - what every fuzz target shares
 *
 * A target defines LLVMFuzzerTestOneInput. libFuzzer calls it with `./x fuzz`; in the normal builds
 * replay.c calls it with the files of the target's corpus. For host and NT sources alike.
 *
 * Invariants  Z1  The same input does the same: a target keeps no state from one input to the next
 *                 that it does not check to be as it was.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size);

/* Ends the process: the input is a finding. */
_Noreturn void FuzzFail(const char *File, int Line, const char *Text);
#define FUZZ_CHECK(condition) \
    ((condition) ? (void)0 : FuzzFail(__FILE__, __LINE__, "expected: " #condition))

/* The input, taken from the front; zeros once it is used up. */
typedef struct FUZZ_INPUT {
    const uint8_t *Data;
    size_t Size;
} FUZZ_INPUT;

static inline uint64_t
FuzzTake(FUZZ_INPUT *Input, unsigned Bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < Bytes && Input->Size != 0; i++) {
        value |= (uint64_t)*Input->Data++ << (8 * i);
        Input->Size--;
    }
    return value;
}

/* A number below Limit, 1 .. 256, from one byte. */
static inline uint32_t
FuzzChoose(FUZZ_INPUT *Input, uint32_t Limit)
{
    return (uint32_t)(FuzzTake(Input, 1) % Limit);
}

/* As many of Length bytes as are left; the rest of Buffer stays. */
static inline size_t
FuzzTakeBytes(FUZZ_INPUT *Input, void *Buffer, size_t Length)
{
    size_t count = Length < Input->Size ? Length : Input->Size;

    for (size_t i = 0; i < count; i++) {
        ((uint8_t *)Buffer)[i] = Input->Data[i];
    }
    Input->Data += count;
    Input->Size -= count;
    return count;
}

/* ---- of the host, for NT sources ---- */

/* Sends the kernel's log nowhere. Before the kernel starts. */
void FuzzSilenceLog(void);
/* Size bytes, whole pages, which end where 64 KiB begin that nobody can access. */
void *FuzzGuarded(size_t Size);
/* Memory of exactly Size bytes, so that AddressSanitizer knows its end; never NULL. */
void *FuzzAllocate(size_t Size);
void FuzzFree(void *Memory);
/* 1 if the bytes are well-formed UTF-8. */
int FuzzIsUtf8(const uint8_t *Text, size_t Length);
