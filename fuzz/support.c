/* SPDX-License-Identifier: MIT
 *
 * fuzz/support.c - the host's side of fuzz.h
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define GUARD (64u * 1024u)

void
FuzzFail(const char *File, int Line, const char *Text)
{
    fprintf(stderr, "%s:%d: %s\n", File, Line, Text);
    abort();
}

void
FuzzSilenceLog(void)
{
    if (getenv("NTBOX_LOG") == NULL) {
        setenv("NTBOX_LOG", "/dev/null", 1);
    }
}

void *
FuzzGuarded(size_t Size)
{
    void *memory = mmap(NULL, Size + GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    FUZZ_CHECK(memory != MAP_FAILED && mprotect(memory, Size, PROT_READ | PROT_WRITE) == 0);
    return memory;
}

void *
FuzzAllocate(size_t Size)
{
    void *memory = malloc(Size);

    FUZZ_CHECK(memory != NULL || Size == 0);
    return memory;
}

void
FuzzFree(void *Memory)
{
    free(Memory);
}

int
FuzzIsUtf8(const uint8_t *Text, size_t Length)
{
    static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};

    for (size_t i = 0; i < Length;) {
        uint32_t c = Text[i++];
        unsigned more = c < 0x80 ? 0 : (c & 0xE0) == 0xC0 ? 1 : (c & 0xF0) == 0xE0 ? 2 : 3;

        if (c >= 0xF8 || (c & 0xC0) == 0x80 || Length - i < more) {
            return 0;
        }
        c &= more == 0 ? 0x7F : 0x3Fu >> more;
        for (unsigned k = 0; k < more; k++, i++) {
            if ((Text[i] & 0xC0) != 0x80) {
                return 0;
            }
            c = c << 6 | (Text[i] & 0x3Fu);
        }
        if (c < lowest[more] || c > 0x10FFFF || (c & 0xFFFFF800) == 0xD800) {
            return 0;
        }
    }
    return 1;
}
