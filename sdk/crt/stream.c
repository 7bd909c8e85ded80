/* SPDX-License-Identifier: MIT
 *
 * crt/stream.c - wide text on the host's streams, conversion by locale, the console, the processor
 *
 * Text in files is UTF-8. Source: Microsoft C runtime docs, by function name.
 */
#include "utf.h"

#include <cpuid.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

size_t ntcrt_wcslen(const uint16_t *Text);

#pragma GCC visibility push(default)

int
ntcrt_fputws(const uint16_t *Text, FILE *Stream)
{
    char piece[4];
    size_t length = ntcrt_wcslen(Text);
    size_t used;
    size_t count;
    int result = 0;

    flockfile(Stream);
    for (; length != 0 && result == 0; Text += used, length -= used) {
        count = NtcrtpEncode8(piece, NtcrtpDecode16(Text, length, &used));
        if (fwrite(piece, 1, count, Stream) != count) {
            result = -1;
        }
    }
    funlockfile(Stream);
    return result;
}

int
ntcrt__putws(const uint16_t *Text)
{
    return ntcrt_fputws(Text, stdout) < 0 || putc('\n', stdout) == EOF ? -1 : 0;
}

/* One half of a surrogate pair cannot be written alone: it becomes U+FFFD. */
wint_t
ntcrt_fputwc(uint16_t Unit, FILE *Stream)
{
    uint16_t text[2] = {Unit, 0};

    return ntcrt_fputws(text, Stream) < 0 ? WEOF : Unit;
}

wint_t
ntcrt_putwc(uint16_t Unit, FILE *Stream)
{
    return ntcrt_fputwc(Unit, Stream);
}

wint_t
ntcrt_putwchar(uint16_t Unit)
{
    return ntcrt_fputwc(Unit, stdout);
}

/* Reads UTF-8; characters above U+FFFF become U+FFFD, since one unit is asked for. */
wint_t
ntcrt_fgetwc(FILE *Stream)
{
    char bytes[4];
    size_t need;
    size_t count = 1;
    size_t used;
    uint32_t character;
    int byte = getc(Stream);

    if (byte == EOF) {
        return WEOF;
    }
    bytes[0] = (char)byte;
    need = byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1;
    while (count < need) {
        byte = getc(Stream);
        if (byte == EOF || (byte & 0xc0) != 0x80) {
            if (byte != EOF) {
                ungetc(byte, Stream);
            }
            break;
        }
        bytes[count++] = (char)byte;
    }
    character = NtcrtpDecode8(bytes, count, &used);
    return character > 0xffff ? NTCRTP_REPLACEMENT : character;
}

wint_t
ntcrt_getwc(FILE *Stream)
{
    return ntcrt_fgetwc(Stream);
}

wint_t
ntcrt_getwchar(void)
{
    return ntcrt_fgetwc(stdin);
}

uint16_t *
ntcrt_fgetws(uint16_t *Buffer, int Size, FILE *Stream)
{
    int count = 0;
    wint_t unit;

    while (count < Size - 1) {
        unit = ntcrt_fgetwc(Stream);
        if (unit == WEOF) {
            break;
        }
        Buffer[count++] = (uint16_t)unit;
        if (unit == '\n') {
            break;
        }
    }
    if (count == 0 || Size <= 0) {
        return NULL;
    }
    Buffer[count] = 0;
    return Buffer;
}

/* ---- files by 16 bit name ---- */

int
ntcrt_fopen_s(FILE **Stream, const char *Path, const char *Mode)
{
    if (Stream == NULL || Path == NULL || Mode == NULL) {
        return EINVAL;
    }
    *Stream = fopen(Path, Mode);
    return *Stream == NULL ? errno : 0;
}

FILE *
ntcrt__wfopen(const uint16_t *Path, const uint16_t *Mode)
{
    char path[4096];
    char mode[16];
    size_t pathLength = NtcrtUtf16ToUtf8(path, sizeof(path), Path, ntcrt_wcslen(Path));
    size_t modeLength = NtcrtUtf16ToUtf8(mode, sizeof(mode), Mode, ntcrt_wcslen(Mode));

    if (pathLength >= sizeof(path) || modeLength >= sizeof(mode)) {
        errno = EINVAL;
        return NULL;
    }
    path[pathLength] = 0;
    mode[modeLength] = 0;
    return fopen(path, mode);
}

int
ntcrt__wfopen_s(FILE **Stream, const uint16_t *Path, const uint16_t *Mode)
{
    if (Stream == NULL || Path == NULL || Mode == NULL) {
        return EINVAL;
    }
    *Stream = ntcrt__wfopen(Path, Mode);
    return *Stream == NULL ? errno : 0;
}

/* ---- 8 bit text of the locale, which is UTF-8 ---- */

/* As far as whole characters fit; a terminator, if there is room. -1: no source, or no such size.
 */
size_t
ntcrt_mbstowcs(uint16_t *Target, const char *Source, size_t Count)
{
    uint16_t piece[2];
    size_t total = 0;
    size_t count;
    size_t used;
    size_t length;

    if (Source == NULL || (Target != NULL && Count > INT32_MAX)) {
        errno = EINVAL;
        return SIZE_MAX;
    }
    for (length = strlen(Source); length != 0; Source += used, length -= used) {
        count = NtcrtpEncode16(piece, NtcrtpDecode8(Source, length, &used));
        if (Target != NULL && count > Count - total) {
            return total;
        }
        if (Target != NULL) {
            memcpy(Target + total, piece, count * sizeof(piece[0]));
        }
        total += count;
    }
    if (Target != NULL && total < Count) {
        Target[total] = 0;
    }
    return total;
}

size_t
ntcrt_wcstombs(char *Target, const uint16_t *Source, size_t Count)
{
    char piece[4];
    size_t total = 0;
    size_t count;
    size_t used;
    size_t length;

    if (Source == NULL || (Target != NULL && Count > INT32_MAX)) {
        errno = EINVAL;
        return SIZE_MAX;
    }
    for (length = ntcrt_wcslen(Source); length != 0; Source += used, length -= used) {
        count = NtcrtpEncode8(piece, NtcrtpDecode16(Source, length, &used));
        if (Target != NULL && count > Count - total) {
            return total;
        }
        if (Target != NULL) {
            memcpy(Target + total, piece, count);
        }
        total += count;
    }
    if (Target != NULL && total < Count) {
        Target[total] = 0;
    }
    return total;
}

/* ---- the console
 * ---------------------------------------------------------------------------------------------------
 */

/* A key without waiting for a line, where standard input is a terminal; else the next byte. */
int
ntcrt__getch(void)
{
    struct termios saved;
    struct termios raw;
    unsigned char key;
    int isTerminal = tcgetattr(STDIN_FILENO, &saved) == 0;
    ssize_t count;

    fflush(stdout);
    if (isTerminal) {
        raw = saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    do {
        count = read(STDIN_FILENO, &key, 1);
    } while (count < 0 && errno == EINTR);
    if (isTerminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    }
    return count == 1 ? key : EOF;
}

int
ntcrt__getche(void)
{
    int key = ntcrt__getch();

    if (key != EOF) {
        putchar(key);
    }
    return key;
}

int
ntcrt__kbhit(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&input, 1, 0) > 0;
}

/* ---- memory
 * -----------------------------------------------------------------------------------------------------------
 */

void *
ntcrt__aligned_malloc(size_t Size, size_t Alignment)
{
    void *block;

    if (Alignment < sizeof(void *)) {
        Alignment = sizeof(void *);
    }
    return posix_memalign(&block, Alignment, Size) == 0 ? block : NULL;
}

/* ---- the processor
 * ---------------------------------------------------------------------------------------------------
 */

void
NtcrtCpuid(int *Registers, int Leaf, int Subleaf)
{
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;

    __cpuid_count(Leaf, Subleaf, a, b, c, d);
    Registers[0] = (int)a;
    Registers[1] = (int)b;
    Registers[2] = (int)c;
    Registers[3] = (int)d;
}

__attribute__((target("cx16"))) unsigned char
NtcrtInterlockedCompareExchange128(long long volatile *Target, long long High, long long Low,
                                   long long *Comparand)
{
    typedef unsigned __int128 WIDE;
    WIDE expected = (WIDE)(unsigned long long)Comparand[1] << 64 | (unsigned long long)Comparand[0];
    WIDE desired = (WIDE)(unsigned long long)High << 64 | (unsigned long long)Low;
    WIDE found = __sync_val_compare_and_swap((WIDE volatile *)Target, expected, desired);

    Comparand[0] = (long long)found;
    Comparand[1] = (long long)(found >> 64);
    return found == expected;
}

#pragma GCC visibility pop
